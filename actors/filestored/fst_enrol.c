//  Letting one actor more into a cluster, from the folder that has the keys of its broker and of auth.

#include "fst_enrol.h"
#include <czmq.h>
#include <libgen.h>
#include <sodium.h>
#include <unistd.h>
#include "fst_bundle.h"
#include "fst_caller.h"
#include "fst_clock.h"
#include "fst_config.h"
#include "fst_layout.h"

#define NAME_BYTES_MAX  58              //  With "actor:" before it as long as a person's name
#define CONNECT_MS      3000
#define REPLY_MS        10000
#define FOR_EVER_MS     9007199254740991

static fst_rc_t
s_fail (char **problem_p, fst_rc_t rc, const char *problem)
{
    *problem_p = strdup (problem);
    return rc;
}

//  ---- Where the cluster is

typedef struct {
    fst_config_t *config;               //  The broker's
    char *keys;                         //  Folder
    const char *tcp;
} s_cluster_t;

static fst_rc_t
s_load_data (s_cluster_t *self, const char *data, char **problem_p)
{
    char *settings = zsys_sprintf ("%s/broker.zpl", data), *keys = zsys_sprintf ("%s/keys/enrolled.zpl", data);
    fst_layout_t *layout = NULL;
    fst_rc_t rc = FST_OK;
    if (access (keys, F_OK) != 0) {
        *problem_p = zsys_sprintf ("%s has no keys of a cluster yet: start filestored --data %s once, or say which with "
                                   "--data or --config", data, data);
        rc = FST_NOT_FOUND;
    }
    else
    if (access (settings, F_OK) == 0)
        rc = fst_config_load (self->config, settings, problem_p);
    else
        rc = fst_layout_new (data, &layout, problem_p);
    if (layout)
        fst_layout_apply (layout, FST_PART_BROKER, 0, self->config);
    fst_layout_destroy (&layout);
    free (settings);
    free (keys);
    return rc;
}

static fst_rc_t
s_open (s_cluster_t *self, const fst_enrol_cluster_t *cluster, char **problem_p)
{
    *self = (s_cluster_t) { .config = fst_config_new (), .tcp = cluster->tcp };
    fst_rc_t rc = cluster->config? fst_config_load (self->config, cluster->config, problem_p)
                : s_load_data (self, cluster->data? cluster->data: "./data", problem_p);
    if (rc != FST_OK)
        return rc;
    if (!*fst_config_text (self->config, "broker-actors") || !*fst_config_text (self->config, "enrolled"))
        return s_fail (problem_p, FST_MALFORMED, "these are not the settings of a broker with a file of enrolled actors");
    char *enrolled = strdup (fst_config_text (self->config, "enrolled"));
    self->keys = strdup (dirname (enrolled));
    free (enrolled);
    return FST_OK;
}

static void
s_close (s_cluster_t *self)
{
    fst_config_destroy (&self->config);
    free (self->keys);
}

//  ---- Revoking

//  We are the ones who hold auth's key.
static char *
s_own_token (const fst_keys_t *auth)
{
    fst_claims_t claims = { .name = "filestored", .role = FST_ROLE_ADMIN, .expires_ms = fst_clock_wall_ms () + 60000 };
    randombytes_buf (claims.session, sizeof (claims.session));
    return fst_token_sign (&claims, auth->sign_secret);
}

//  An endpoint as others say it. host NULL: as this machine does.
static char *
s_reach (const char *endpoint, const char *host)
{
    const char *port = strrchr (endpoint, ':');
    bool tcp = strncmp (endpoint, "tcp://", 6) == 0;
    bool any = tcp && (strncmp (endpoint + 6, "*:", 2) == 0 || strncmp (endpoint + 6, "0.0.0.0:", 8) == 0);
    if (tcp && (host || any))
        return zsys_sprintf ("tcp://%s%s", host? host: "127.0.0.1", port);
    return strdup (endpoint);
}

//  Tell auth that this session is over.
static fst_rc_t
s_revoke (const s_cluster_t *self, const char *session, char **problem_p)
{
    char *auth_file = zsys_sprintf ("%s/auth.key", self->keys), *client_file = zsys_sprintf ("%s/client.key", self->keys);
    fst_keys_t *auth = NULL, *client = NULL;
    fst_rc_t rc = fst_keys_load (auth_file, &auth, problem_p);
    if (rc == FST_OK)
        rc = fst_keys_load (client_file, &client, problem_p);
    if (rc == FST_OK) {
        char *token = s_own_token (auth), *broker = s_reach (fst_config_text (self->config, "broker-clients"), self->tcp);
        fst_caller_t *caller = fst_caller_new (broker, client, CONNECT_MS, REPLY_MS);
        fst_caller_set_token (caller, token);
        rc = fst_caller_call (caller, "auth", "REVOKE", json_pack ("{s:s, s:I}", "session", session, "expires_ms",
                              (json_int_t) FOR_EVER_MS), NULL);
        if (rc != FST_OK)
            *problem_p = zsys_sprintf ("nothing was changed, as auth could not be told that the old token ends (%s): start "
                                       "the cluster and try again", fst_caller_problem (caller));
        fst_caller_destroy (&caller);
        free (broker);
        free (token);
    }
    fst_keys_destroy (&auth);
    fst_keys_destroy (&client);
    free (auth_file);
    free (client_file);
    return rc;
}

//  The token that an actor had before ends. FST_NOT_FOUND: it is not enrolled.
static fst_rc_t
s_revoke_role (const s_cluster_t *self, const char *role, char **problem_p)
{
    char session [2 * FST_SESSION_BYTES + 1];
    fst_rc_t rc = fst_keys_enrolled_session (self->keys, role, session, problem_p);
    return rc == FST_OK && *session? s_revoke (self, session, problem_p): rc;
}

//  ---- Roles

static bool
s_is_reserved (const char *name)
{
    static const char *const reserved [] = {
        "auth", "metadata", "storage", "bridge", "broker", "content", "every", "mmi", "metrics", "file", "node", "revoked", "heartbeat"
    };
    size_t head = strcspn (name, ".");
    for (size_t at = 0; at < sizeof (reserved) / sizeof (reserved [0]); at++)
        if (strlen (reserved [at]) == head && strncmp (name, reserved [at], head) == 0)
            return true;
    return false;
}

//  The whole role: "actor:thumbnail". Caller frees.
static fst_rc_t
s_role (const fst_enrol_t *what, char **role_p, char **problem_p)
{
    const char *name = what->name, *role = what->role? what->role: "actor", *colon = strchr (role, ':');
    if (!fst_node_name_valid (name) || strlen (name) > NAME_BYTES_MAX || (colon && strneq (colon + 1, name)))
        return s_fail (problem_p, FST_BAD_NAME, "a name has 1 to 58 of a-z 0-9 . _ - and begins with a letter or digit; a role "
                       "with a name has the same one");
    size_t head = strcspn (role, ":");
    bool own = !colon && streq (role, name) && (streq (role, "auth") || streq (role, "metadata") || streq (role, "bridge"));
    bool actor = head == 5 && memcmp (role, "actor", 5) == 0, storage = head == 7 && memcmp (role, "storage", 7) == 0;
    if (!own && !actor && !storage)
        return s_fail (problem_p, FST_MALFORMED, "--role is actor:NAME, storage:NODE; or metadata, auth or bridge with the same name");
    if (actor && s_is_reserved (name))
        return s_fail (problem_p, FST_BAD_NAME, "that name is the store's own; choose another one");
    if (!actor && (what->offers.count || what->publishes.count || what->reads.count || what->writes.count))
        return s_fail (problem_p, FST_MALFORMED, "only actors of one's own are given services, topics and paths");
    *role_p = own? strdup (role): zsys_sprintf ("%s:%s", actor? "actor": "storage", name);
    return FST_OK;
}

//  "offers:a offers:b publishes:c". Caller frees.
static fst_rc_t
s_rights (const fst_enrol_t *what, char **rights_p, char **problem_p)
{
    const struct { const char *word; const fst_enrol_list_t *list; } kinds [] = {
        { "offers:", &what->offers }, { "publishes:", &what->publishes }
    };
    char *rights = strdup ("");
    fst_rc_t rc = FST_OK;
    for (size_t kind = 0; kind < 2; kind++)
        for (size_t at = 0; at < kinds [kind].list->count; at++) {
            const char *value = kinds [kind].list->values [at];
            if (s_is_reserved (value)) {
                *problem_p = zsys_sprintf ("%s is the store's own, and nobody else's to offer or publish", value);
                rc = FST_BAD_NAME;
            }
            char *longer = zsys_sprintf ("%s%s%s%s", rights, *rights? " ": "", kinds [kind].word, value);
            free (rights);
            rights = longer;
        }
    if (rc == FST_OK)
        *rights_p = rights;
    else
        free (rights);
    return rc;
}

static fst_rc_t
s_scopes (const fst_enrol_t *what, char scopes [FST_SCOPES_BYTES_MAX], char **problem_p)
{
    scopes [0] = 0;
    for (int write = 0; write < 2; write++) {
        const fst_enrol_list_t *list = write? &what->writes: &what->reads;
        for (size_t at = 0; at < list->count; at++) {
            fst_rc_t rc = fst_scopes_add (scopes, write, list->values [at]);
            if (rc == FST_OK)
                continue;
            *problem_p = rc == FST_TOO_MANY? strdup ("these paths are too many or too long for a token: 16 paths, 1000 octets")
                       : zsys_sprintf ("%s is no absolute path in the store", list->values [at]);
            return rc;
        }
    }
    return FST_OK;
}

//  ---- Commands

static fst_rc_t
s_print (const s_cluster_t *self, fst_keys_t **keys_p, char **problem_p)
{
    const char *actors = fst_config_text (self->config, "broker-actors");
    if (!self->tcp && (strncmp (actors, "tcp://*", 7) == 0 || strncmp (actors, "tcp://0.0.0.0:", 14) == 0))
        return s_fail (problem_p, FST_MALFORMED, "the broker listens everywhere, so say how others reach its machine: --tcp HOST");
    fst_bundle_t bundle = {
        .broker = s_reach (actors, self->tcp),
        .events_in = s_reach (fst_config_text (self->config, "events-in"), self->tcp),
        .events_out = s_reach (fst_config_text (self->config, "events-out"), self->tcp),
        .keys = *keys_p
    };
    *keys_p = NULL;
    char *line = fst_bundle_encode (&bundle);
    printf ("%s\n", line);
    fflush (stdout);
    sodium_memzero (line, strlen (line));
    free (line);
    fst_bundle_clear (&bundle);
    return FST_OK;
}

static fst_rc_t
s_enrol (const s_cluster_t *self, const char *role, const char *rights, const char *scopes, char **problem_p)
{
    fst_keys_t *keys = NULL;
    fst_rc_t rc = strncmp (role, "actor:", 6) == 0? s_revoke_role (self, role, problem_p): FST_OK;
    if (rc == FST_NOT_FOUND) {
        zstr_free (problem_p);
        rc = FST_OK;
    }
    fst_enrolment_t enrolment = { .role = role, .rights = rights, .scopes = strncmp (role, "actor:", 6) == 0? scopes: NULL };
    if (rc == FST_OK)
        rc = fst_keys_enrol (self->keys, &enrolment, &keys, problem_p);
    if (rc == FST_OK)
        rc = s_print (self, &keys, problem_p);
    fst_keys_destroy (&keys);
    return rc;
}

fst_rc_t
fst_enrol (const fst_enrol_cluster_t *cluster, const fst_enrol_t *what, char **problem_p)
{
    assert (cluster && what && problem_p);
    char *role = NULL, *rights = NULL, scopes [FST_SCOPES_BYTES_MAX];
    s_cluster_t self = { 0 };
    fst_rc_t rc = s_role (what, &role, problem_p);
    if (rc == FST_OK)
        rc = s_rights (what, &rights, problem_p);
    if (rc == FST_OK)
        rc = s_scopes (what, scopes, problem_p);
    if (rc == FST_OK)
        rc = s_open (&self, cluster, problem_p);
    if (rc == FST_OK)
        rc = s_enrol (&self, role, rights, scopes, problem_p);
    s_close (&self);
    free (role);
    free (rights);
    return rc;
}

fst_rc_t
fst_unenrol (const fst_enrol_cluster_t *cluster, const char *name, char **problem_p)
{
    assert (cluster && name && problem_p);
    s_cluster_t self;
    char *role = strchr (name, ':')? strdup (name): zsys_sprintf ("actor:%s", name);
    fst_rc_t rc = strncmp (role, "actor:", 6) == 0 || strncmp (role, "storage:", 8) == 0? FST_OK
        : s_fail (problem_p, FST_MALFORMED, "only actors (NAME) and storage nodes (storage:NODE) are unenrolled");
    if (rc != FST_OK) {
        free (role);
        return rc;
    }
    rc = s_open (&self, cluster, problem_p);
    if (rc == FST_OK)
        rc = s_revoke_role (&self, role, problem_p);
    if (rc == FST_OK)
        rc = fst_keys_unenrol (self.keys, role, problem_p);
    if (rc == FST_OK)
        printf ("%s is not enrolled any more\n", role);
    s_close (&self);
    free (role);
    return rc;
}
