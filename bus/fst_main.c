//  A program that is one actor.

#include "fst_main.h"
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "fst_log.h"
#include "fst_process.h"

#define SETS_MAX    64
#define END_LIMIT_S 8               //  Less than the 10 s after which docker kills what it asked to end
#define ROLE        "actor:"

typedef struct {
    const char *program;
    const char *filename;           //  --config
    const char *sets [SETS_MAX];
    size_t sets_count;
    bool help, version;
} s_arguments_t;

//  The value of an option, behind '=' or in the next argument; NULL if argv [*at_p] is not that option.
static const char *
s_value (char **argv, int *at_p, const char *name)
{
    const char *argument = argv [*at_p];
    size_t length = strlen (name);
    if (strncmp (argument, name, length) || (argument [length] && argument [length] != '='))
        return NULL;
    if (argument [length] == '=')
        return argument + length + 1;
    return argv [*at_p + 1]? argv [++*at_p]: "";
}

static fst_rc_t
s_parse (s_arguments_t *self, char **argv, char **problem_p)
{
    for (int at = 1; argv [at] && !*problem_p; at++) {
        const char *value;
        if (strcmp (argv [at], "--help") == 0 || strcmp (argv [at], "-h") == 0)
            self->help = true;
        else
        if (strcmp (argv [at], "--version") == 0)
            self->version = true;
        else
        if ((value = s_value (argv, &at, "--config")))
            self->filename = value;
        else
        if ((value = s_value (argv, &at, "--set")) && self->sets_count < SETS_MAX)
            self->sets [self->sets_count++] = value;
        else
            *problem_p = zsys_sprintf ("there is no option %s; see %s --help", argv [at], self->program);
    }
    if (!*problem_p && !self->help && !self->version && (!self->filename || !*self->filename))
        *problem_p = zsys_sprintf ("it needs its settings: %s --config FILE; `filestored join` writes them", self->program);
    return *problem_p? FST_MALFORMED: FST_OK;
}

static void
s_print_help (const s_arguments_t *self, const fst_actor_class_t *class)
{
    printf ("%s%s%s\n\n  %s --config FILE [--set NAME=VALUE]...\n\n"
            "  --config FILE      settings, as `filestored join` writes them\n"
            "  --set NAME=VALUE   change one; may be repeated\n"
            "  --help, --version\n", self->program, class->title? ": ": "", class->title? class->title: "", self->program);
    for (const fst_option_t *row = class->settings; row && row->name; row++)
        printf ("%s  %-18s %s%s%s%s\n", row == class->settings? "\nSettings of its own:\n": "", row->name, row->meaning,
                *row->standard? " (": "", row->standard, *row->standard? ")": "");
}

//  The file, and what --set says.
static fst_rc_t
s_settings (const s_arguments_t *self, fst_config_t *config, char **problem_p)
{
    fst_rc_t rc = fst_config_load (config, self->filename, problem_p);
    for (size_t at = 0; rc == FST_OK && at < self->sets_count; at++)
        rc = fst_config_assign (config, self->sets [at], problem_p);
    if (rc == FST_OK)
        fst_config_use_log (config);
    return rc;
}

static fst_rc_t
s_load (const s_arguments_t *self, fst_config_t *config, fst_keys_t **keys_p, char **problem_p)
{
    fst_rc_t rc = s_settings (self, config, problem_p);
    if (rc != FST_OK)
        return rc;
    rc = fst_keys_load (fst_config_text (config, "keys"), keys_p, problem_p);
    if (rc == FST_OK && (strncmp ((*keys_p)->name, ROLE, strlen (ROLE)) || !(*keys_p)->token)) {
        *problem_p = zsys_sprintf ("%s: these are the keys of %s, not of an actor; make some with filestored enrol",
                                   fst_config_text (config, "keys"), (*keys_p)->name);
        rc = FST_MALFORMED;
    }
    return rc;
}

typedef struct {
    const s_arguments_t *arguments;
    const fst_actor_class_t *class;
    const fst_config_t *used;       //  What the actor began with
} s_running_t;

static void
s_name_changed (const fst_option_t *table, const fst_config_t *used, const fst_config_t *config)
{
    for (const fst_option_t *row = table; row && row->name; row++)
        if (!streq (row->name, "log-level") && !streq (row->name, "log-format") && !fst_config_same (used, config, row->name))
            fst_log_warning ("a changed setting needs a restart: option=%s", row->name);
}

//  Only the log can be changed while it runs.
static void
s_reload (void *arg)
{
    const s_running_t *self = arg;
    char *problem = NULL;
    fst_config_t *config = fst_config_new ();
    if (s_settings (self->arguments, config, &problem) == FST_OK) {
        s_name_changed (self->class->settings, self->used, config);
        s_name_changed (fst_options, self->used, config);
    }
    else
        fst_log_error ("the settings stay as they were: %s", problem);
    fst_config_destroy (&config);
    free (problem);
}

static fst_rc_t
s_run (const s_arguments_t *self, const fst_actor_class_t *class, void *user, char **problem_p)
{
    int signals = fst_process_prepare ();
    fst_config_t *config = fst_config_new ();
    fst_keys_t *keys = NULL;
    fst_actor_t *actor = NULL;
    fst_rc_t rc = s_load (self, config, &keys, problem_p);
    if (rc == FST_OK) {
        fst_actor_options_t options = {
            .service = keys->name + strlen (ROLE), .lanes = (unsigned) fst_config_number (config, "lanes"),
            .broker = fst_config_text (config, "broker"), .events_in = fst_config_text (config, "events-in"),
            .events_out = fst_config_text (config, "events-out"), .keys = keys, .config = config,
            .metrics_ms = fst_config_number (config, "metrics-interval")
        };
        rc = fst_actor_new (class, &options, user, &actor, problem_p);
    }
    if (rc == FST_OK) {
        printf ("ready: %s with %s\n", keys->name + strlen (ROLE), fst_config_text (config, "broker"));
        fflush (stdout);
        s_running_t running = { self, class, config };
        fst_process_serve (signals, s_reload, &running);
    }
    fst_process_ending (END_LIMIT_S);
    fst_actor_destroy (&actor);
    fst_keys_destroy (&keys);
    fst_config_destroy (&config);
    return rc;
}

int
fst_actor_main (int argc, char **argv, const fst_actor_class_t *class, void *self)
{
    assert (argc > 0 && argv && class);
    zsys_handler_set (NULL);
    const char *slash = strrchr (argv [0], '/');
    s_arguments_t arguments = { .program = slash? slash + 1: argv [0] };
    char *problem = NULL;
    if (class->settings)
        fst_config_add_options (class->settings);
    fst_rc_t rc = sodium_init () < 0? FST_INTERNAL: s_parse (&arguments, argv, &problem);
    if (rc == FST_OK && arguments.help)
        s_print_help (&arguments, class);
    else
    if (rc == FST_OK && arguments.version)
        printf ("%s %s\n", arguments.program, class->version? class->version: FST_VERSION);
    else
    if (rc == FST_OK)
        rc = s_run (&arguments, class, self, &problem);
    if (rc != FST_OK)
        fst_log_last_words (arguments.program, problem? problem: fst_error_text (rc), fst_error_code (rc));
    free (problem);
    return rc == FST_OK? 0: fst_error_exit (rc);
}
