//  filestored: the server. Arguments, and nothing else.

#include <czmq.h>
#include <sodium.h>
#include "fst_check.h"
#include "fst_enrol.h"
#include "fst_error.h"
#include "fst_init.h"
#include "fst_log.h"
#include "fst_manual.h"
#include "fst_new_actor.h"
#include "fst_probe.h"
#include "fst_process.h"
#include "fst_run.h"

#define PARTS_MAX (FST_LAYOUT_NODES_MAX + 3)
#define SETS_MAX  256

static const char s_help [] =
    "filestored: the server of Filestore\n"
    "\n"
    "  filestored [--data DIR] [--web HOST:PORT]     a whole cluster in this process, data in DIR (./data)\n"
    "  filestored init DIR [--nodes N] [--tcp HOST] [--first-port P]\n"
    "                                                keys and settings for a cluster of processes or machines\n"
    "  filestored ROLE --config FILE ...             run parts of one: broker, auth, metadata, storage, bridge\n"
    "  filestored enrol NAME [--role ROLE] [--offer SERVICE] [--publish TOPIC] [--read PATH] [--write PATH]\n"
    "                                                let an actor (or --role storage:NAME) into the cluster in --data DIR, or\n"
    "                                                that of the broker's --config FILE; prints what it needs, one secret line\n"
    "  filestored unenrol NAME                       and let it in no more\n"
    "  filestored join BUNDLE DIR                    unpack that line (-: from stdin) into settings and keys in DIR\n"
    "  filestored recovery-key [--data DIR]          print what opens all files when everything else is lost; with\n"
    "                                                --config FILE the settings of metadata\n"
    "  filestored check FILE [ROLE]                  tell every mistake in a settings file, with its line\n"
    "  filestored probe --config FILE                does the part with these settings serve? For health checks\n"
    "  filestored new-actor NAME [DIR]               write a working actor in C to begin with, its build and its test\n"
    "  filestored options                            all options with their defaults\n"
    "  filestored sample [ROLE]                      a settings file with every option explained\n"
    "  filestored man                                the manual page: filestored man | man -l -\n"
    "\n"
    "  --data DIR         where everything lies; made, with keys, at the first start\n"
    "  --web HOST:PORT    serve the web page (and HTTP) there\n"
    "  --config FILE      settings; with several roles one for each, in the same order\n"
    "  --set NAME=VALUE   change an option; may be repeated\n"
    "  --nodes N          storage nodes that init writes settings for (3)\n"
    "  --tcp HOST         encrypted TCP on this host instead of sockets in DIR/run; with enrol how others reach the broker\n"
    "  --first-port P     first of the TCP ports (8510); with join that of the storage node (8514)\n"
    "  --role ROLE        actor:NAME (usual), storage:NODE, metadata, auth or bridge\n"
    "  --offer SERVICE, --publish TOPIC, --read PATH, --write PATH\n"
    "                     what an actor may do; each may be repeated. It may offer and publish NAME and NAME.* unless said\n"
    "                     otherwise, and read and write nothing\n"
    "  --help, --version\n"
    "\n"
    "It prints a line that begins with `ready` when it serves. SIGTERM and SIGINT end it cleanly; nothing needs\n"
    "a clean end. SIGHUP lets it read its settings again.\n";

typedef struct {
    const char *data, *web, *tcp, *nodes, *first_port, *role;
    fst_enrol_list_t offers, publishes, reads, writes;
    const char *words [PARTS_MAX + 1];      //  What is no option: a command and its operands
    size_t words_count;
    const char *configs [PARTS_MAX];
    size_t configs_count;
    const char *sets [SETS_MAX];
    size_t sets_count;
    bool help, version;
} s_arguments_t;

static int
s_fail (fst_rc_t rc, const char *problem)
{
    fst_log_last_words ("filestored", problem? problem: fst_error_text (rc), fst_error_code (rc));
    return fst_error_exit (rc);
}

//  ------------------------------------------------------------------------------------------------
//  Arguments

typedef struct {
    const char *name;
    const char **one;           //  Where its value goes: here,
    const char **many;          //  or to the next place of these
    size_t *count;
    size_t max;
    bool *flag;                 //  or it has none
} s_option_t;

//  The option at argv [*at_p], with its value behind '=' or in the next argument.
static bool
s_take_option (const s_option_t *option, char **argv, int *at_p, char **problem_p)
{
    const char *argument = argv [*at_p];
    size_t length = strlen (option->name);
    if (strncmp (argument, option->name, length) || (argument [length] && argument [length] != '='))
        return false;
    const char *value = argument [length] == '='? argument + length + 1: NULL;
    if (option->flag) {
        *option->flag = true;
        if (value)
            *problem_p = zsys_sprintf ("%s takes no value", option->name);
        return true;
    }
    if (!value)
        value = argv [*at_p + 1]? argv [++*at_p]: NULL;
    if (!value || !*value)
        *problem_p = zsys_sprintf ("%s needs a value", option->name);
    else
    if (option->one)
        *option->one = value;
    else
    if (*option->count == option->max)
        *problem_p = zsys_sprintf ("%s is repeated too often", option->name);
    else
        option->many [(*option->count)++] = value;
    return true;
}

static fst_rc_t
s_parse (s_arguments_t *self, char **argv, char **problem_p)
{
    const s_option_t options [] = {
        { "--data", &self->data },
        { "--web", &self->web },
        { "--tcp", &self->tcp },
        { "--nodes", &self->nodes },
        { "--first-port", &self->first_port },
        { "--role", &self->role },
        { "--offer", NULL, self->offers.values, &self->offers.count, FST_ENROL_LIST_MAX },
        { "--publish", NULL, self->publishes.values, &self->publishes.count, FST_ENROL_LIST_MAX },
        { "--read", NULL, self->reads.values, &self->reads.count, FST_ENROL_LIST_MAX },
        { "--write", NULL, self->writes.values, &self->writes.count, FST_ENROL_LIST_MAX },
        { "--config", NULL, self->configs, &self->configs_count, PARTS_MAX },
        { "--set", NULL, self->sets, &self->sets_count, SETS_MAX },
        { "--help", .flag = &self->help },
        { "-h", .flag = &self->help },
        { "--version", .flag = &self->version },
    };
    size_t count = sizeof (options) / sizeof (options [0]);
    for (int at = 1; argv [at] && !*problem_p; at++) {
        size_t row = 0;
        while (row < count && !s_take_option (&options [row], argv, &at, problem_p))
            row++;
        if (row < count)
            continue;
        if (argv [at] [0] == '-' && argv [at] [1])     //  "-" is stdin
            *problem_p = zsys_sprintf ("there is no option %s; see filestored --help", argv [at]);
        else
        if (self->words_count == PARTS_MAX)
            *problem_p = strdup ("too many arguments");
        else
            self->words [self->words_count++] = argv [at];
    }
    return *problem_p? FST_MALFORMED: FST_OK;
}

static fst_rc_t
s_number (const char *option, const char *text, int min, int max, int *number_p, char **problem_p)
{
    if (!text)
        return FST_OK;          //  Stays as it is
    char *end;
    long number = strtol (text, &end, 10);
    if (end == text || *end || number < min || number > max) {
        *problem_p = zsys_sprintf ("%s must be a number from %d to %d, not %s", option, min, max, text);
        return FST_MALFORMED;
    }
    *number_p = (int) number;
    return FST_OK;
}

//  HOST:PORT
static fst_rc_t
s_check_web (const char *web, char **problem_p)
{
    const char *colon = strrchr (web, ':');
    int port = 0;
    char *ignored = NULL;
    bool good = colon && colon > web && strcspn (web, " /@?#") == strlen (web)
             && s_number ("", colon + 1, 0, 65535, &port, &ignored) == FST_OK && colon [1] != '+';
    free (ignored);
    if (good)
        return FST_OK;
    *problem_p = zsys_sprintf ("--web must be HOST:PORT, like 127.0.0.1:8501, not %s", web);
    return FST_MALFORMED;
}

//  ------------------------------------------------------------------------------------------------
//  What to do

static fst_rc_t
s_init (const s_arguments_t *self, char **problem_p)
{
    int nodes = 3, port = FST_LAYOUT_PORT_FIRST;
    if (self->words_count != 2) {
        *problem_p = strdup ("init needs the folder: filestored init DIR --nodes N");
        return FST_MALFORMED;
    }
    fst_rc_t rc = s_number ("--nodes", self->nodes, 1, FST_LAYOUT_NODES_MAX, &nodes, problem_p);
    if (rc == FST_OK)
        rc = s_number ("--first-port", self->first_port, 1, FST_LAYOUT_PORT_LAST, &port, problem_p);
    if (rc == FST_OK)
        rc = fst_init (self->words [1], nodes, self->tcp, port, problem_p);
    return rc;
}

static fst_rc_t
s_enrol (const s_arguments_t *self, bool in, char **problem_p)
{
    const char *word = self->words [0];
    if (self->words_count != 2 || self->configs_count > 1) {
        *problem_p = zsys_sprintf ("%s needs a name: filestored %s NAME", word, word);
        return FST_MALFORMED;
    }
    fst_enrol_cluster_t cluster = { self->data, self->configs_count? self->configs [0]: NULL, self->tcp };
    fst_enrol_t what = {
        .name = self->words [1], .role = self->role, .offers = self->offers, .publishes = self->publishes,
        .reads = self->reads, .writes = self->writes
    };
    return in? fst_enrol (&cluster, &what, problem_p): fst_unenrol (&cluster, what.name, problem_p);
}

static fst_rc_t
s_join (const s_arguments_t *self, char **problem_p)
{
    int port = FST_LAYOUT_PORT_FIRST + 4;
    if (self->words_count != 3) {
        *problem_p = strdup ("join needs the bundle and a folder: filestored join BUNDLE DIR");
        return FST_MALFORMED;
    }
    fst_rc_t rc = s_number ("--first-port", self->first_port, 1, 65535, &port, problem_p);
    return rc == FST_OK? fst_join (self->words [1], self->words [2], port, problem_p): rc;
}

static fst_rc_t
s_recovery_key (const s_arguments_t *self, char **problem_p)
{
    char *filename = NULL;
    fst_rc_t rc = FST_OK;
    if (self->configs_count) {
        fst_config_t *config = fst_config_new ();
        rc = fst_config_load (config, self->configs [0], problem_p);
        filename = strdup (fst_config_text (config, "keys"));
        fst_config_destroy (&config);
    }
    else
        filename = zsys_sprintf ("%s/keys/metadata.key", self->data? self->data: "./data");
    if (rc == FST_OK)
        rc = fst_init_recovery_key (filename, problem_p);
    free (filename);
    return rc;
}

static fst_rc_t
s_probe (const s_arguments_t *self, char **problem_p)
{
    if (self->configs_count != 1) {
        *problem_p = strdup ("probe needs the settings of one part: filestored probe --config FILE");
        return FST_MALFORMED;
    }
    fst_config_t *config = fst_config_new ();
    fst_rc_t rc = fst_config_load (config, self->configs [0], problem_p);
    for (size_t at = 0; rc == FST_OK && at < self->sets_count; at++)
        rc = fst_config_assign (config, self->sets [at], problem_p);
    if (rc == FST_OK)
        rc = fst_probe (config, problem_p);
    fst_config_destroy (&config);
    return rc;
}

static fst_rc_t
s_check (const s_arguments_t *self, char **problem_p)
{
    if (self->words_count < 2 || self->words_count > 3) {
        *problem_p = strdup ("check needs the file: filestored check FILE [ROLE]");
        return FST_MALFORMED;
    }
    return fst_check_file (self->words [1], self->words_count > 2? self->words [2]: NULL, problem_p);
}

//  "storage", or "storage:node-2" where a name helps people
static bool
s_names_part (const char *word, fst_part_t part)
{
    const char *name = fst_part_name (part);
    size_t length = strlen (name);
    return strncmp (word, name, length) == 0 && (!word [length] || word [length] == ':');
}

static fst_rc_t
s_new_actor (const s_arguments_t *self, char **problem_p)
{
    if (self->words_count < 2 || self->words_count > 3) {
        *problem_p = strdup ("new-actor needs a name: filestored new-actor NAME [DIR]");
        return FST_MALFORMED;
    }
    return fst_new_actor (self->words [1], self->words_count > 2? self->words [2]: NULL, problem_p);
}

static fst_rc_t
s_run_parts (const s_arguments_t *self, int signals, char **problem_p)
{
    fst_run_part_t parts [PARTS_MAX];
    for (size_t at = 0; at < self->words_count; at++) {
        fst_part_t part = FST_PART_BROKER;
        while (part <= FST_PART_BRIDGE && !s_names_part (self->words [at], part))
            part++;
        if (part > FST_PART_BRIDGE) {
            *problem_p = zsys_sprintf ("there is no role %s; see filestored --help", self->words [at]);
            return FST_MALFORMED;
        }
        if (self->configs_count != 1 && self->configs_count != self->words_count) {
            *problem_p = zsys_sprintf ("%s needs its settings: filestored %s --config FILE", self->words [at],
                                       self->words [at]);
            return FST_MALFORMED;
        }
        parts [at] = (fst_run_part_t) { part, self->configs [self->configs_count == 1? 0: at] };
    }
    fst_run_settings_t set = { (const char **) self->sets, self->sets_count };
    return fst_run_parts (parts, self->words_count, &set, signals, problem_p);
}

static fst_rc_t
s_dispatch (const s_arguments_t *self, const char *program, char **problem_p)
{
    fst_run_settings_t set = { (const char **) self->sets, self->sets_count };
    const char *word = self->words_count? self->words [0]: "";
    fst_rc_t rc = self->web? s_check_web (self->web, problem_p): FST_OK;
    if (rc != FST_OK)
        return rc;
    if (streq (word, "options")) {
        fst_manual_options ();
        return FST_OK;
    }
    if (streq (word, "man")) {
        fst_manual_page (s_help);
        return FST_OK;
    }
    if (streq (word, "sample"))
        return fst_manual_sample (self->words_count > 1? self->words [1]: NULL, problem_p);
    if (streq (word, "check"))
        return s_check (self, problem_p);
    if (streq (word, "new-actor"))
        return s_new_actor (self, problem_p);
    int signals = fst_process_prepare ();
    if (sodium_init () < 0)
        return FST_INTERNAL;
    if (streq (word, "init"))
        return s_init (self, problem_p);
    if (streq (word, "enrol") || streq (word, "unenrol"))
        return s_enrol (self, streq (word, "enrol"), problem_p);
    if (streq (word, "join"))
        return s_join (self, problem_p);
    if (streq (word, "recovery-key"))
        return s_recovery_key (self, problem_p);
    if (streq (word, "probe"))
        return s_probe (self, problem_p);
    if (*word)
        return s_run_parts (self, signals, problem_p);
    if (self->configs_count > 1) {
        *problem_p = strdup ("a whole cluster has one settings file");
        return FST_MALFORMED;
    }
    fst_run_embedded_t how = {
        .program = program, .dir = self->data? self->data: "./data", .web = self->web,
        .config = self->configs_count? self->configs [0]: NULL
    };
    return fst_run_embedded (&how, &set, signals, problem_p);
}

int
main (int argc, char **argv)
{
    zsys_handler_set (NULL);
    (void) argc;
    s_arguments_t arguments = { 0 };
    char *problem = NULL;
    fst_rc_t rc = s_parse (&arguments, argv, &problem);
    if (rc == FST_OK && arguments.help)
        fputs (s_help, stdout);
    else
    if (rc == FST_OK && arguments.version)
        printf ("filestored %s\n", FST_VERSION);
    else
    if (rc == FST_OK)
        rc = s_dispatch (&arguments, argv [0], &problem);
    int code = rc == FST_OK? 0: s_fail (rc, problem);
    free (problem);
    return code;
}
