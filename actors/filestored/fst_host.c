//  Start and stop of the parts of one process.

#include "fst_host.h"
#include "fst_socket.h"
#include <assert.h>
#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fst_auth.h"
#include "fst_bridge.h"
#include "fst_broker.h"
#include "fst_gate.h"
#include "fst_keys.h"
#include "fst_log.h"
#include "fst_metadata.h"
#include "fst_storage.h"

#define PARTS_MAX (FST_LAYOUT_NODES_MAX + 8)

//  A part that runs, and what it borrows from us.
typedef struct {
    fst_part_t part;
    fst_config_t *config;
    fst_keys_t *keys;
    int lock;                   //  File descriptor; the lock goes with it
    union {
        fst_broker_t *broker;
        fst_auth_t *auth;
        fst_metadata_t *metadata;
        fst_storage_t *storage;
        fst_bridge_t *bridge;
    };
} s_running_t;

struct fst_host {
    fst_gate_t *gate;
    s_running_t parts [PARTS_MAX];
    size_t count;
    zhash_t *told;              //  Names of options that this reload has told of
};

static const char *
s_ipc_path (const char *endpoint)
{
    return strncmp (endpoint, "ipc://", 6) == 0? endpoint + 6: NULL;
}

//  What no two processes may have at the same time; NULL if somebody else sees to that: the system for TCP
//  ports, a storage node for its folder.
static const char *
s_guarded (const s_running_t *running)
{
    switch (running->part) {
        case FST_PART_BROKER:   return s_ipc_path (fst_config_text (running->config, "broker-clients"));
        case FST_PART_AUTH:     return fst_config_text (running->config, "auth-database");
        case FST_PART_METADATA: return fst_config_text (running->config, "metadata-database");
        case FST_PART_STORAGE:
        case FST_PART_BRIDGE:   return NULL;
        default:                assert (false);
    }
    return NULL;
}

static fst_rc_t
s_make_parent (const char *name, char **problem_p)
{
    char *copy = strdup (name);
    assert (copy);
    const char *parent = dirname (copy);
    fst_rc_t rc = FST_OK;
    if (mkdir (parent, 0700) && errno != EEXIST) {
        *problem_p = zsys_sprintf ("cannot make the folder %s: %s", parent, strerror (errno));
        rc = errno == ENOSPC? FST_NO_SPACE: FST_IO;
    }
    free (copy);
    return rc;
}

static fst_rc_t
s_lock (s_running_t *running, char **problem_p)
{
    const char *guarded = s_guarded (running);
    if (!guarded)
        return FST_OK;
    fst_rc_t rc = s_make_parent (guarded, problem_p);
    if (rc != FST_OK)
        return rc;
    char *name = zsys_sprintf ("%s.lock", guarded);
    running->lock = open (name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (running->lock >= 0 && flock (running->lock, LOCK_EX | LOCK_NB) == 0) {
        if (ftruncate (running->lock, 0) == 0)
            dprintf (running->lock, "%ld\n", (long) getpid ());     //  For people only
    }
    else
    if (running->lock >= 0 && errno == EWOULDBLOCK) {
        char owner [32] = "";
        ssize_t got = read (running->lock, owner, sizeof (owner) - 1);
        owner [got > 0? strcspn (owner, "\n"): 0] = 0;
        *problem_p = zsys_sprintf ("another process (%s) is already running on %s; stop it first, or use another folder",
                                   *owner? owner: "unknown", guarded);
        rc = FST_EXISTS;
    }
    else {
        *problem_p = zsys_sprintf ("cannot open %s: %s", name, strerror (errno));
        rc = errno == ENOSPC? FST_NO_SPACE: FST_IO;
    }
    free (name);
    return rc;
}

//  Folders of ipc sockets may have gone since the last time (/run and /tmp do at a restart of the machine).
static fst_rc_t
s_make_socket_folder (const fst_config_t *config, const char *option, char **problem_p)
{
    const char *path = s_ipc_path (fst_config_text (config, option));
    if (!path)
        return FST_OK;
    char *copy = strdup (path);
    assert (copy);
    fst_rc_t rc = fst_private_folder (dirname (copy), problem_p);
    free (copy);
    return rc;
}

static fst_rc_t
s_need (const fst_config_t *config, const char *const *options, char **problem_p)
{
    for (; *options; options++)
        if (!*fst_config_text (config, *options)) {
            *problem_p = zsys_sprintf ("the setting %s is missing", *options);
            return FST_MALFORMED;
        }
    return FST_OK;
}

const char *const *
fst_host_needs (fst_part_t part)
{
    static const char *const broker [] = { "keys", "broker-clients", "broker-actors", "events-in", "events-out", NULL };
    static const char *const actor [] = { "keys", "broker", "events-in", "events-out", NULL };
    static const char *const storage [] = {
        "keys", "broker", "events-in", "events-out", "node", "data-endpoint", "storage-folder", NULL
    };
    static const char *const bridge [] = { "keys", "broker", "events-in", "events-out", "web", NULL };
    static const char *const client [] = { "keys", "broker", NULL };
    switch (part) {
        case FST_PART_BROKER:  return broker;
        case FST_PART_STORAGE: return storage;
        case FST_PART_BRIDGE:  return bridge;
        case FST_PART_CLIENT:  return client;
        default:               return actor;
    }
}

static fst_rc_t
s_start_broker (fst_host_t *self, s_running_t *running, char **problem_p)
{
    const fst_config_t *config = running->config;
    fst_broker_options_t options = {
        .clients = fst_config_text (config, "broker-clients"),
        .actors = fst_config_text (config, "broker-actors"),
        .events_in = fst_config_text (config, "events-in"),
        .events_out = fst_config_text (config, "events-out"),
        .keys = running->keys,
        .metrics_ms = fst_config_number (config, "metrics-interval"),
        .gate = self->gate
    };
    fst_rc_t rc = s_make_socket_folder (config, "broker-clients", problem_p);
    if (rc == FST_OK)
        rc = s_make_socket_folder (config, "broker-actors", problem_p);
    if (rc == FST_OK && *fst_config_text (config, "enrolled"))
        rc = fst_gate_enrol (self->gate, fst_config_text (config, "enrolled"), problem_p);
    if (rc == FST_OK)
        rc = fst_broker_new (&options, &running->broker, problem_p);
    return rc;
}

static fst_rc_t
s_start_storage (fst_host_t *self, s_running_t *running, const fst_actor_options_t *bus, char **problem_p)
{
    const char *node = fst_config_text (running->config, "node");
    char role [FST_USER_BYTES_MAX * 2 + 1];
    snprintf (role, sizeof (role), "storage:%s", node);
    if (!running->keys->has_node_key || strneq (running->keys->name, role)) {
        *problem_p = zsys_sprintf ("the key file %s is not that of %s", fst_config_text (running->config, "keys"), node);
        return FST_MALFORMED;
    }
    fst_gate_add_node (self->gate, node, running->keys->node_key);
    fst_rc_t rc = s_make_socket_folder (running->config, "data-endpoint", problem_p);
    if (rc == FST_OK)
        rc = s_make_parent (fst_config_text (running->config, "storage-folder"), problem_p);
    if (rc == FST_OK)
        rc = fst_storage_new (running->config, bus, &running->storage, problem_p);
    return rc;
}

static fst_rc_t
s_start_part (fst_host_t *self, s_running_t *running, char **problem_p)
{
    const fst_config_t *config = running->config;
    fst_actor_options_t bus = {
        .broker = fst_config_text (config, "broker"),
        .events_in = fst_config_text (config, "events-in"),
        .events_out = fst_config_text (config, "events-out"),
        .keys = running->keys, .metrics_ms = fst_config_number (config, "metrics-interval")
    };
    switch (running->part) {
        case FST_PART_BROKER:
            return s_start_broker (self, running, problem_p);
        case FST_PART_AUTH:
            return fst_auth_new (config, &bus, &running->auth, problem_p);
        case FST_PART_METADATA:
            return fst_metadata_new (config, &bus, &running->metadata, problem_p);
        case FST_PART_STORAGE:
            return s_start_storage (self, running, &bus, problem_p);
        case FST_PART_BRIDGE:
            return fst_bridge_new (config, &bus, &running->bridge, problem_p);
        default:
            assert (false);
    }
    return FST_INTERNAL;
}

//  Safe for a part that did not start.
static void
s_stop_part (s_running_t *running)
{
    switch (running->part) {
        case FST_PART_BROKER:
            fst_broker_destroy (&running->broker);
            break;
        case FST_PART_AUTH:
            fst_auth_destroy (&running->auth);
            break;
        case FST_PART_METADATA:
            fst_metadata_destroy (&running->metadata);
            break;
        case FST_PART_STORAGE:
            fst_storage_destroy (&running->storage);
            break;
        case FST_PART_BRIDGE:
            fst_bridge_destroy (&running->bridge);
            break;
        default:
            assert (false);
    }
    fst_keys_destroy (&running->keys);
    fst_config_destroy (&running->config);
    if (running->lock >= 0)
        close (running->lock);
}

fst_host_t *
fst_host_new (void)
{
    fst_host_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->gate = fst_gate_new ();
    self->told = zhash_new ();
    fst_socket_share ();            //  What it starts it stops, all of it
    return self;
}

void
fst_host_destroy (fst_host_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        fst_host_t *self = *self_p;
        while (self->count)
            s_stop_part (&self->parts [--self->count]);
        fst_gate_destroy (&self->gate);
        zhash_destroy (&self->told);
        free (self);
        *self_p = NULL;
    }
}

fst_rc_t
fst_host_start (fst_host_t *self, fst_part_t part, const fst_config_t *config, char **problem_p)
{
    assert (self);
    assert (part <= FST_PART_BRIDGE);
    assert (self->count < PARTS_MAX);
    s_running_t running = { .part = part, .config = fst_config_dup (config), .lock = -1 };
    fst_rc_t rc = s_need (config, fst_host_needs (part), problem_p);
    if (rc == FST_OK)
        rc = s_lock (&running, problem_p);
    if (rc == FST_OK)
        rc = fst_keys_load (fst_config_text (running.config, "keys"), &running.keys, problem_p);
    if (rc == FST_OK)
        rc = s_start_part (self, &running, problem_p);
    if (rc == FST_OK)
        self->parts [self->count++] = running;
    else
        s_stop_part (&running);
    return rc;
}

//  What has an effect as soon as it is changed. Those of the log are the process's.
static bool
s_is_live (const char *option)
{
    static const char *const live [] = { "log-level", "log-format", "enrolled", "web-certificate", "web-key", NULL };
    for (const char *const *at = live; *at; at++)
        if (streq (*at, option))
            return true;
    return false;
}

//  That of a line which who asked to read the settings shall see, whatever the log is set to.
static fst_log_level_t
s_seen_level (const fst_config_t *config)
{
    const char *level = fst_config_text (config, "log-level");
    return streq (level, "error")? FST_LOG_ERROR: streq (level, "warning")? FST_LOG_WARNING: FST_LOG_INFO;
}

//  The running settings take over the live ones only: what was told to need a restart is told again next time.
static void
s_take_live (fst_host_t *self, s_running_t *running, const char *name, const fst_config_t *config)
{
    char *problem = NULL;
    if (fst_config_set (running->config, name, fst_config_text (config, name), &problem) != FST_OK)
        fst_log_error ("a setting was not taken: %s", problem);
    else
    if (zhash_insert (self->told, name, self) == 0)         //  Once, though each part has it
        fst_log (s_seen_level (config), "%s is \"%s\" now", name, fst_config_text (config, name));
    free (problem);
}

void
fst_host_reload (fst_host_t *self, size_t at, const fst_config_t *config)
{
    assert (self);
    assert (config);
    if (at >= self->count)
        return;
    s_running_t *running = &self->parts [at];
    for (const fst_option_t *option = fst_options; option->name; option++) {
        if (fst_config_same (running->config, config, option->name))
            continue;
        if (s_is_live (option->name))
            s_take_live (self, running, option->name, config);
        else {
            fst_log_warning ("a changed setting needs a restart: option=%s part=%s", option->name, fst_part_name (running->part));
            zhash_insert (self->told, option->name, self);
        }
    }
    char *problem = NULL;
    fst_rc_t rc = FST_OK;
    if (running->part == FST_PART_BROKER && *fst_config_text (config, "enrolled"))
        rc = fst_gate_enrol (self->gate, fst_config_text (config, "enrolled"), &problem);
    if (running->part == FST_PART_BRIDGE)
        rc = fst_bridge_reload (running->bridge, config, &problem);
    if (rc != FST_OK)
        fst_log_error ("the old one is used further: %s", problem? problem: fst_error_text (rc));
    free (problem);
}

void
fst_host_reload_end (fst_host_t *self, bool refused)
{
    assert (self);
    if (!refused && self->count && zhash_size (self->told) == 0)
        fst_log (s_seen_level (self->parts [0].config), "no setting has changed");
    zhash_destroy (&self->told);
    self->told = zhash_new ();
}

const char *
fst_host_url (const fst_host_t *self)
{
    assert (self);
    for (size_t at = 0; at < self->count; at++)
        if (self->parts [at].part == FST_PART_BRIDGE)
            return fst_bridge_url (self->parts [at].bridge);
    return NULL;
}

char *
fst_host_text (const fst_host_t *self)
{
    assert (self);
    char *text = strdup ("");
    for (size_t at = 0; at < self->count; at++) {
        const s_running_t *running = &self->parts [at];
        const char *name = running->part == FST_PART_STORAGE? fst_config_text (running->config, "node")
                         : fst_part_name (running->part);
        const char *endpoint = running->part == FST_PART_BROKER? fst_broker_clients (running->broker)
                             : running->part == FST_PART_STORAGE? fst_config_text (running->config, "data-endpoint")
                             : running->part == FST_PART_BRIDGE? fst_bridge_url (running->bridge)
                             : fst_config_text (running->config, "broker");
        char *longer = zsys_sprintf ("%s%s%s %s %s", text, *text? ", ": "", name,
                                     running->part == FST_PART_AUTH || running->part == FST_PART_METADATA? "with": "at",
                                     endpoint);
        free (text);
        text = longer;
    }
    return text;
}
