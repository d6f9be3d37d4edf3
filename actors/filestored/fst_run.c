//  Running an embedded cluster, or parts of one, until a signal ends it.

#include "fst_run.h"
#include <assert.h>
#include <czmq.h>
#include <libgen.h>
#include <signal.h>
#include <sodium.h>
#include <unistd.h>
#include "fst_caller.h"
#include "fst_clock.h"
#include "fst_host.h"
#include "fst_keys.h"
#include "fst_log.h"
#include "fst_process.h"
#include "fst_token.h"

#define PROBE_MS        5               //  How often to look whether the cluster serves
#define PROBE_WARN_MS   5000
#define END_LIMIT_S     8               //  Less than the 10 s after which docker kills what it asked to end

static fst_rc_t
s_assign (fst_config_t *config, const fst_run_settings_t *set, char **problem_p)
{
    fst_rc_t rc = FST_OK;
    for (size_t at = 0; rc == FST_OK && at < set->count; at++)
        rc = fst_config_assign (config, set->values [at], problem_p);
    return rc;
}

//  A file, if there is one, and what --set says.
static fst_rc_t
s_load (fst_config_t *config, const char *filename, const fst_run_settings_t *set, char **problem_p)
{
    fst_rc_t rc = filename? fst_config_load (config, filename, problem_p): FST_OK;
    if (rc == FST_OK)
        rc = s_assign (config, set, problem_p);
    return rc;
}

//  Who changes the file would wait in vain.
static void
s_tell_held (const char *filename, const fst_run_settings_t *set)
{
    fst_config_t *standard = fst_config_new (), *config = fst_config_new (), *held = fst_config_new ();
    char *problem = NULL;
    bool good = filename && fst_config_load (config, filename, &problem) == FST_OK && s_load (held, filename, set, &problem) == FST_OK;
    for (const fst_option_t *option = fst_options; good && option->name; option++)
        if (!fst_config_same (config, held, option->name) && !fst_config_same (config, standard, option->name))
            fst_log_warning ("--set on the command line holds %s: what the file says has no effect", option->name);
    free (problem);
    fst_config_destroy (&held);
    fst_config_destroy (&config);
    fst_config_destroy (&standard);
}

static void
s_refused_reload (const char *problem)
{
    fst_log_error ("the settings stay as they were: %s", problem);
}

static void
s_end (fst_host_t **host_p, int signal_number)
{
    if (signal_number)
        fst_log_info ("stopping signal=%d", signal_number);
    fst_process_ending (END_LIMIT_S);
    fst_host_destroy (host_p);
    if (signal_number)
        fst_log_info ("stopped");
}

//  ------------------------------------------------------------------------------------------------
//  Embedded

typedef struct {
    fst_layout_t *layout;
    fst_host_t *host;
    fst_config_t *common;       //  Defaults, the file, and --set
    const fst_run_embedded_t *how;
    const fst_run_settings_t *set;
    int nodes;
    bool new;                   //  There were no keys yet
} s_embedded_t;

//  Settings of one part. *config_p is set on FST_OK.
static fst_rc_t
s_part_config (const s_embedded_t *self, fst_part_t part, int node, fst_config_t **config_p, char **problem_p)
{
    fst_config_t *config = fst_config_new ();
    fst_layout_apply (self->layout, part, node, config);
    fst_rc_t rc = s_load (config, self->how->config, self->set, problem_p);
    if (rc == FST_OK && part == FST_PART_BRIDGE && self->how->web)
        rc = fst_config_set (config, "web", self->how->web, problem_p);
    if (rc == FST_OK)
        *config_p = config;
    else
        fst_config_destroy (&config);
    return rc;
}

static fst_rc_t
s_start (s_embedded_t *self, fst_part_t part, int node, char **problem_p)
{
    fst_config_t *config = NULL;
    fst_rc_t rc = s_part_config (self, part, node, &config, problem_p);
    if (rc == FST_OK)
        rc = fst_host_start (self->host, part, config, problem_p);
    fst_config_destroy (&config);
    return rc;
}

static bool
s_has_page (const s_embedded_t *self)
{
    return self->how->web || *fst_config_text (self->common, "web");
}

static fst_rc_t
s_start_all (s_embedded_t *self, char **problem_p)
{
    char *keys = zsys_sprintf ("%s/keys", fst_layout_folder (self->layout));
    char *first = zsys_sprintf ("%s/metadata.key", keys);
    self->new = access (first, F_OK) != 0;
    free (first);
    fst_rc_t rc = fst_layout_make_run (self->layout, problem_p);
    if (rc == FST_OK)
        rc = fst_keys_create (keys, self->nodes, problem_p);
    free (keys);
    for (fst_part_t part = FST_PART_BROKER; rc == FST_OK && part <= FST_PART_METADATA; part++)
        rc = s_start (self, part, 0, problem_p);
    for (int node = 1; rc == FST_OK && node <= self->nodes; node++)
        rc = s_start (self, FST_PART_STORAGE, node, problem_p);
    if (rc == FST_OK)
        rc = fst_layout_write_client (self->layout, problem_p);
    if (rc == FST_OK && s_has_page (self))
        rc = s_start (self, FST_PART_BRIDGE, 0, problem_p);
    return rc;
}

//  A token for our own look at the cluster; we are the ones who hold auth's key.
static char *
s_own_token (const s_embedded_t *self)
{
    char *filename = zsys_sprintf ("%s/keys/auth.key", fst_layout_folder (self->layout));
    fst_keys_t *keys = NULL;
    char *problem = NULL, *token = NULL;
    if (fst_keys_load (filename, &keys, &problem) == FST_OK) {
        fst_claims_t claims = { .name = "filestored", .role = FST_ROLE_ADMIN, .expires_ms = fst_clock_wall_ms () + 60000 };
        randombytes_buf (claims.session, sizeof (claims.session));
        token = fst_token_sign (&claims, keys->sign_secret);
    }
    free (problem);
    free (filename);
    fst_keys_destroy (&keys);
    return token;
}

//  Everything that a first upload needs: auth, metadata, and all nodes alive.
static bool
s_serves (const s_embedded_t *self, fst_caller_t *caller)
{
    json_t *reply = NULL;
    if (fst_caller_call (caller, "auth", "STATUS", NULL, NULL) != FST_OK
    ||  fst_caller_call (caller, "metadata", "LIST_NODES", NULL, &reply) != FST_OK)
        return false;
    int alive = 0;
    size_t at;
    json_t *node;
    json_array_foreach (json_object_get (reply, "nodes"), at, node) {
        const char *state = json_string_value (json_object_get (node, "state"));
        alive += state && streq (state, "alive");
    }
    json_decref (reply);
    return alive >= self->nodes;
}

//  0 when it serves, or the signal that came before.
static int
s_wait_until_it_serves (const s_embedded_t *self, int signals)
{
    fst_config_t *client = fst_config_new ();
    fst_layout_apply (self->layout, FST_PART_CLIENT, 0, client);
    fst_caller_t *caller = fst_caller_new (fst_config_text (client, "broker"), NULL, 500, 1000);
    int64_t warn_ms = fst_clock_mono_ms () + PROBE_WARN_MS;
    int64_t renew_ms = 0;
    int signal_number = 0;
    while (!signal_number) {
        int64_t now_ms = fst_clock_mono_ms ();
        if (now_ms >= renew_ms) {
            char *token = s_own_token (self);
            fst_caller_set_token (caller, token);
            free (token);
            renew_ms = now_ms + 30000;
        }
        if (s_serves (self, caller))
            break;
        if (now_ms >= warn_ms) {
            fst_log_warning ("not all parts serve yet; still waiting reason=\"%s\"", fst_caller_problem (caller));
            warn_ms = now_ms + 2 * PROBE_WARN_MS;
        }
        signal_number = fst_process_wait (signals, PROBE_MS);
        if (signal_number == SIGHUP)
            signal_number = 0;          //  They were read just now
    }
    fst_caller_destroy (&caller);
    fst_config_destroy (&client);
    return signal_number;
}

//  One line: that it serves, and what to type next, so that it can be pasted. After the first start, what to keep.
static void
s_say_ready (const s_embedded_t *self, const char *program, const char *dir)
{
    char *copy = strdup (program);
    assert (copy);
    const char *folder = strchr (program, '/')? dirname (copy): NULL;
    bool usual = streq (dir, "data") || streq (dir, "./data");
    const char *url = fst_host_url (self->host);
    printf ("ready in %s: %s%s%s register with  %s%sfilestore %s%s%sregister NAME\n", usual? "./data": dir,
            url? "open  ": "now", url? url: "", url? "  or": "",
            folder? folder: "", folder? "/": "", usual? "": "--config ", usual? "": dir, usual? "": "/client.zpl ");
    if (self->new)
        printf ("Keep on paper what opens your files if this machine is lost:  %s recovery-key%s%s\n", program,
                usual? "": " --data ", usual? "": dir);
    fflush (stdout);
    free (copy);
}

//  The parts in the order in which s_start_all started them.
static void
s_reload_embedded (void *arg)
{
    s_embedded_t *self = arg;
    char *problem = NULL;
    fst_config_t *config = NULL;
    size_t at = 0;
    fst_rc_t rc = FST_OK;
    for (fst_part_t part = FST_PART_BROKER; rc == FST_OK && part <= FST_PART_BRIDGE; part++) {
        int last = part == FST_PART_STORAGE? self->nodes: part == FST_PART_BRIDGE && !s_has_page (self)? 0: 1;
        for (int node = 1; rc == FST_OK && node <= last; node++) {
            rc = s_part_config (self, part, node, &config, &problem);
            if (rc == FST_OK && part == FST_PART_BROKER)
                fst_config_use_log (config);
            if (rc == FST_OK)
                fst_host_reload (self->host, at++, config);
            fst_config_destroy (&config);
        }
    }
    if (rc != FST_OK)
        s_refused_reload (problem);
    else
        s_tell_held (self->how->config, self->set);
    fst_host_reload_end (self->host, rc != FST_OK);
    free (problem);
}

fst_rc_t
fst_run_embedded (const fst_run_embedded_t *how, const fst_run_settings_t *set, int signals, char **problem_p)
{
    assert (how && how->program && how->dir);
    assert (set);
    s_embedded_t self = { .common = fst_config_new (), .set = set, .how = how };
    fst_rc_t rc = s_load (self.common, how->config, set, problem_p);
    if (rc == FST_OK) {
        fst_config_use_log (self.common);
        rc = fst_layout_new (how->dir, &self.layout, problem_p);
    }
    if (rc == FST_OK) {
        int found = fst_layout_nodes_found (self.layout);
        self.nodes = (int) fst_config_number (self.common, "nodes");
        if (self.nodes < found)
            self.nodes = found;         //  Their data must not go missing because an option was forgotten
        self.host = fst_host_new ();
        rc = s_start_all (&self, problem_p);
    }
    int signal_number = 0;
    if (rc == FST_OK) {
        signal_number = s_wait_until_it_serves (&self, signals);
        if (!signal_number) {
            s_say_ready (&self, how->program, how->dir);
            signal_number = fst_process_serve (signals, s_reload_embedded, &self);
        }
    }
    s_end (&self.host, signal_number);
    fst_layout_destroy (&self.layout);
    fst_config_destroy (&self.common);
    return rc;
}

//  ------------------------------------------------------------------------------------------------
//  Parts

typedef struct {
    fst_host_t *host;
    const fst_run_part_t *parts;
    size_t count;
    const fst_run_settings_t *set;
} s_parts_t;

static fst_rc_t
s_start_from_file (const s_parts_t *self, size_t at, char **problem_p)
{
    fst_config_t *config = fst_config_new ();
    fst_rc_t rc = s_load (config, self->parts [at].filename, self->set, problem_p);
    if (rc == FST_OK) {
        fst_config_use_log (config);
        rc = fst_host_start (self->host, self->parts [at].part, config, problem_p);
    }
    fst_config_destroy (&config);
    return rc;
}

static void
s_reload_parts (void *arg)
{
    s_parts_t *self = arg;
    bool refused = false;
    for (size_t at = 0; at < self->count; at++) {
        char *problem = NULL;
        fst_config_t *config = fst_config_new ();
        if (s_load (config, self->parts [at].filename, self->set, &problem) == FST_OK) {
            fst_config_use_log (config);
            fst_host_reload (self->host, at, config);
            s_tell_held (self->parts [at].filename, self->set);
        }
        else {
            s_refused_reload (problem);
            refused = true;
        }
        fst_config_destroy (&config);
        free (problem);
    }
    fst_host_reload_end (self->host, refused);
}

fst_rc_t
fst_run_parts (const fst_run_part_t *parts, size_t count, const fst_run_settings_t *set, int signals,
               char **problem_p)
{
    assert (parts);
    assert (set);
    s_parts_t self = { fst_host_new (), parts, count, set };
    fst_rc_t rc = FST_OK;
    for (size_t at = 0; rc == FST_OK && at < count; at++)
        rc = s_start_from_file (&self, at, problem_p);
    int signal_number = 0;
    if (rc == FST_OK) {
        char *text = fst_host_text (self.host);
        printf ("ready: %s\n", text);
        fflush (stdout);
        free (text);
        signal_number = fst_process_serve (signals, s_reload_parts, &self);
    }
    s_end (&self.host, signal_number);
    return rc;
}
