//  Settings, looked at without starting anything.

#include "fst_check.h"
#include <czmq.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fst_config.h"
#include "fst_host.h"
#include "fst_keys.h"
#include "fst_layout.h"

#define IPC_PATH_BYTES_MAX 107

typedef struct {
    const char *filename;
    const char *role;           //  "broker", "storage"; NULL: a whole cluster
    fst_part_t part;            //  Of role
    fst_config_t *config;
    size_t mistakes;
} s_check_t;

static void
s_print (void *arg, const char *sentence)
{
    (void) arg;
    printf ("%s\n", sentence);
}

static void
s_mistake (s_check_t *self, const char *option, const char *format, ...) __attribute__ ((format (printf, 3, 4)));

//  With the line of the option, if the file has one.
static void
s_mistake (s_check_t *self, const char *option, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    char *text = zsys_vprintf (format, args);
    va_end (args);
    int line = fst_config_line (self->config, option);
    if (line)
        printf ("%s:%d: %s\n", self->filename, line, text);
    else
        printf ("%s: %s\n", self->filename, text);
    self->mistakes++;
    free (text);
}

static const char *
s_text (const s_check_t *self, const char *option)
{
    return fst_config_text (self->config, option);
}

//  The role that belongs to the name of a file; false if it is none.
static bool
s_find_part (const char *name, fst_part_t *part_p)
{
    for (fst_part_t part = FST_PART_BROKER; part < FST_PARTS_COUNT; part++) {
        size_t length = strlen (fst_part_name (part));
        if (strncmp (name, fst_part_name (part), length) == 0 && (!name [length] || strchr (".:", name [length]))) {
            *part_p = part;
            return true;
        }
    }
    *part_p = FST_PART_STORAGE;
    return strncmp (name, "node-", 5) == 0;
}

//  ------------------------------------------------------------------------------------------------
//  Single settings

static void
s_check_needs (s_check_t *self)
{
    for (const char *const *need = fst_host_needs (self->part); *need; need++)
        if (!*s_text (self, *need))
            s_mistake (self, *need, "the setting %s is missing; the role %s cannot be without it", *need, fst_part_name (self->part));
}

static bool
s_is_port (const char *text, bool any)
{
    char *end;
    long port = strtol (text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && port >= (any? 0: 1) && port <= 65535;
}

static void
s_check_endpoint (s_check_t *self, const char *option)
{
    const char *endpoint = s_text (self, option);
    const char *colon = strrchr (endpoint, ':');
    if (!*endpoint)
        return;
    if (strncmp (endpoint, "ipc://", 6) == 0) {
        if (endpoint [6] != '/')
            s_mistake (self, option, "%s: the name of a socket must begin with /, as in ipc:///run/filestore/actors, not \"%s\"", option, endpoint);
        else
        if (strlen (endpoint + 6) > IPC_PATH_BYTES_MAX)
            s_mistake (self, option, "%s: the name of a socket may have %d octets, this one has %zu; take a shorter folder", option,
                       IPC_PATH_BYTES_MAX, strlen (endpoint + 6));
    }
    else
    if (strncmp (endpoint, "tcp://", 6) || colon <= endpoint + 6 || (!s_is_port (colon + 1, false) && strneq (colon + 1, "*")))
        s_mistake (self, option, "%s must look like tcp://HOST:PORT or ipc:///FOLDER/NAME, not \"%s\"", option, endpoint);
}

static void
s_check_web (s_check_t *self)
{
    const char *web = s_text (self, "web"), *colon = strrchr (web, ':');
    if (*web && (!colon || colon == web || !s_is_port (colon + 1, true)))
        s_mistake (self, "web", "web must be HOST:PORT, like 127.0.0.1:8501, not \"%s\"", web);
    const char *certificate = s_text (self, "web-certificate"), *key = s_text (self, "web-key");
    if (!*certificate != !*key)
        s_mistake (self, *key? "web-key": "web-certificate", "web-certificate and web-key belong together; %s is missing",
                   *key? "web-certificate": "web-key");
    if (*certificate && access (certificate, R_OK))
        s_mistake (self, "web-certificate", "web-certificate: %s cannot be read: %s", certificate, strerror (errno));
    if (*key && access (key, R_OK))
        s_mistake (self, "web-key", "web-key: %s cannot be read: %s", key, strerror (errno));
}

//  Whether these are the keys of that role.
static bool
s_belong (const s_check_t *self, const fst_keys_t *keys)
{
    if (self->part == FST_PART_CLIENT)
        return true;
    if (self->part != FST_PART_STORAGE)
        return streq (keys->name, fst_part_name (self->part));
    return strncmp (keys->name, "storage:", 8) == 0 && streq (keys->name + 8, s_text (self, "node"));
}

static void
s_check_keys (s_check_t *self)
{
    const char *filename = s_text (self, "keys");
    fst_keys_t *keys = NULL;
    char *problem = NULL;
    if (!*filename)
        return;
    if (fst_keys_load (filename, &keys, &problem) != FST_OK)
        s_mistake (self, "keys", "keys: %s", problem);
    else
    if (!s_belong (self, keys))
        s_mistake (self, "keys", "keys: %s has the keys of %s, not of %s %s", filename, *keys->name? keys->name: "a client",
                   fst_part_name (self->part), self->part == FST_PART_STORAGE? s_text (self, "node"): "");
    fst_keys_destroy (&keys);
    free (problem);
}

//  A folder that is made at the start needs one that is there.
static void
s_check_parent (s_check_t *self, const char *option)
{
    char *copy = strdup (s_text (self, option));
    assert (copy);
    const char *parent = dirname (copy), *above = parent;
    struct stat info;
    if (stat (parent, &info))
        above = dirname (copy);         //  The start makes one level
    if (stat (above, &info) || !S_ISDIR (info.st_mode))
        s_mistake (self, option, "%s: there is no folder %s", option, parent);
    else
    if (access (above, W_OK))
        s_mistake (self, option, "%s: nothing can be written in %s: %s", option, above, strerror (errno));
    free (copy);
}

static void
s_ignore_enrolled (void *arg, const char *public_key, const char *role)
{
    (void) arg;
    (void) public_key;
    (void) role;
}

static void
s_check_role (s_check_t *self)
{
    static const char *const endpoints [] = {
        "broker", "broker-clients", "broker-actors", "events-in", "events-out", "data-endpoint", "data-advertise"
    };
    s_check_needs (self);
    for (size_t at = 0; at < sizeof (endpoints) / sizeof (endpoints [0]); at++)
        s_check_endpoint (self, endpoints [at]);
    s_check_keys (self);
    char *problem = NULL;
    if (self->part == FST_PART_BROKER && *s_text (self, "enrolled")
    &&  fst_enrolled_load (s_text (self, "enrolled"), s_ignore_enrolled, NULL, &problem) != FST_OK)
        s_mistake (self, "enrolled", "enrolled: %s", problem);
    free (problem);
    if (self->part == FST_PART_AUTH)
        s_check_parent (self, "auth-database");
    if (self->part == FST_PART_METADATA)
        s_check_parent (self, "metadata-database");
    if (self->part == FST_PART_STORAGE)
        s_check_parent (self, "storage-folder");
}

//  A whole cluster finds its own places below --data.
static void
s_check_places (s_check_t *self)
{
    fst_config_t *standard = fst_config_new ();
    for (const fst_option_t *option = fst_options; option->name; option++)
        if (fst_layout_decides (option->name) && !fst_config_same (self->config, standard, option->name))
            s_mistake (self, option->name, "%s is not for a whole cluster in one process: --data decides where its parts are", option->name);
    fst_config_destroy (&standard);
}

//  Of two options that do not go together the one that the file sets.
static const char *
s_of (const s_check_t *self, const char *option, const char *other)
{
    return fst_config_line (self->config, option)? option: other;
}

//  What is right by itself, and does not go together.
static void
s_check_sense (s_check_t *self)
{
    int64_t beat_ms = fst_config_number (self->config, "heartbeat-interval");
    if (fst_config_number (self->config, "prune-after") < 2 * beat_ms)
        s_mistake (self, s_of (self, "prune-after", "heartbeat-interval"), "prune-after is less than two times heartbeat-interval: nodes that are well would be given up");
    if (fst_config_number (self->config, "web-connections-each") > fst_config_number (self->config, "web-connections")
    &&  fst_config_number (self->config, "web-connections") >= 250)
        s_mistake (self, s_of (self, "web-connections-each", "web-connections"), "web-connections-each is more than web-connections: one address may take them all");
    if (!self->role && fst_config_number (self->config, "replicas") > fst_config_number (self->config, "nodes"))
        s_mistake (self, s_of (self, "replicas", "nodes"), "replicas is more than nodes: there is no place for so many copies");
}

fst_rc_t
fst_check_file (const char *filename, const char *role, char **problem_p)
{
    assert (filename);
    assert (problem_p);
    s_check_t self = { .filename = filename, .role = role };
    if (role && !s_find_part (role, &self.part)) {
        *problem_p = zsys_sprintf ("there is no role %s; see filestored --help", role);
        return FST_MALFORMED;
    }
    const char *slash = strrchr (filename, '/'), *name = slash? slash + 1: filename;
    if (!role && s_find_part (name, &self.part))
        self.role = fst_part_name (self.part);
    self.config = fst_config_new ();
    self.mistakes = fst_config_check (self.config, filename, s_print, NULL);
    if (self.role)
        s_check_role (&self);
    else
        s_check_places (&self);
    s_check_web (&self);
    s_check_sense (&self);
    fst_config_destroy (&self.config);
    if (self.mistakes == 0) {
        printf ("%s: good settings of %s\n", filename, self.role? self.role: "a whole cluster in one process");
        return FST_OK;
    }
    fflush (stdout);
    *problem_p = zsys_sprintf ("%zu mistake%s in %s", self.mistakes, self.mistakes == 1? "": "s", filename);
    return FST_MALFORMED;
}
