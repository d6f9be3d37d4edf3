//  The auth actor: commands of schemas/auth, replied to when their changes are on stable storage.

#include "fst_auth_self.h"

//  Fewer hashes than lanes, so that a flood of logins is told BUSY and leaves lanes for everything else.
#define HASHES_MAX      10
#define PURGE_MS        60000

//  ---- What all commands need

const char *
fst_auth_text (fst_request_t *request, const char *field)
{
    const char *text = json_string_value (json_object_get (fst_request_payload (request), field));
    assert (text);
    return text;
}

char *
fst_auth_sign (const fst_auth_t *self, const fst_user_t *user, const uint8_t *session, int64_t expires_ms)
{
    fst_claims_t claims = { .role = user->role, .expires_ms = expires_ms };
    strcpy (claims.name, user->name);
    memcpy (claims.session, session, FST_SESSION_BYTES);
    return fst_token_sign (&claims, self->keys->sign_secret);
}

void
fst_auth_reply (fst_auth_t *self, fst_request_t **request_p, fst_rc_t rc, json_t *payload)
{
    if (rc != FST_OK) {
        json_decref (payload);
        fst_request_fail (request_p, rc, NULL);
        return;
    }
    if (self->held_count == FST_AUTH_LANES)     //  More than there are lanes, as some were connected anew meanwhile
        fst_auth_flush (self);
    self->held [self->held_count++] = (fst_held_t) { *request_p, payload };
    *request_p = NULL;
}

//  A session has ended, durably: tell everybody, and our own loop.
static void
s_tell_ended (void *arg, const fst_ended_t *ended)
{
    fst_auth_t *self = arg;
    char session [2 * FST_SESSION_BYTES + 1];
    fst_hex_encode (ended->session, FST_SESSION_BYTES, session);
    fst_actor_revoke (self->actor, ended->session, ended->expires_ms);
    fst_actor_publish (self->actor, "revoked",
                       json_pack ("{s:s, s:I}", "session", session, "expires_ms", (json_int_t) ended->expires_ms));
}

void
fst_auth_flush (void *arg)
{
    fst_auth_t *self = arg;
    fst_rc_t rc = fst_users_commit (self->users, s_tell_ended, self);
    for (size_t at = 0; at < self->held_count; at++) {
        fst_held_t *held = &self->held [at];
        if (rc == FST_OK)
            fst_request_reply (&held->request, held->payload);
        else {
            json_decref (held->payload);
            fst_request_fail (&held->request, rc, NULL);
        }
    }
    self->held_count = 0;
    if (fst_users_dead (self->users))
        fst_actor_die (self->actor, "the users' database cannot be trusted any more; see the line above");
}

//  ---- Commands about the whole

static void
s_status (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    int64_t users, sessions;
    fst_rc_t rc = fst_users_count (self->users, fst_clock_wall_ms (), &users, &sessions);
    if (rc == FST_OK)
        fst_request_reply (request_p, json_pack ("{s:I, s:I}", "users", (json_int_t) users,
                                                 "sessions", (json_int_t) sessions));
    else
        fst_request_fail (request_p, rc, NULL);
}

static void
s_metrics (void *arg, fst_figures_t *figures)
{
    fst_auth_t *self = arg;
    int64_t users, sessions;
    if (fst_users_count (self->users, fst_clock_wall_ms (), &users, &sessions) != FST_OK)
        return;
    fst_actor_figure (figures, "users", "Accounts", users);
    fst_actor_figure (figures, "sessions", "Sessions that have not ended", sessions);
}

//  Asked by those who are not signed in: whether anyone could be.
static void
s_first (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    bool none = false;
    fst_rc_t rc = fst_users_none (self->users, &none);
    fst_auth_reply (self, request_p, rc, json_pack ("{s:b}", "first", none));
}

static void
s_backup (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    fst_backup_request (self->backup, request_p);
}

//  ---- The actor

static const fst_command_t s_commands [] = {
    //  name                needs               handler
    { "REGISTER",           FST_NEED_NOTHING,   fst_auth_register },
    { "LOGIN",              FST_NEED_NOTHING,   fst_auth_login },
    { "LOGOUT",             FST_NEED_USER,      fst_auth_logout },
    { "RENEW",              FST_NEED_SESSION,   fst_auth_renew },
    { "CHANGE_PASSWORD",    FST_NEED_SESSION,   fst_auth_change_password },
    { "VERIFY",             FST_NEED_NOTHING,   fst_auth_verify },
    { "FIRST",              FST_NEED_NOTHING,   s_first },
    { "LIST_SESSIONS",      FST_NEED_SESSION,   fst_auth_list_sessions },
    { "END_SESSION",        FST_NEED_SESSION,   fst_auth_end_session },
    { "CREATE_TOKEN",       FST_NEED_SESSION,   fst_auth_create_token },
    { "LIST_TOKENS",        FST_NEED_SESSION,   fst_auth_list_tokens },
    { "END_TOKEN",          FST_NEED_SESSION,   fst_auth_end_token },
    { "REVOKE",             FST_NEED_ADMIN,     fst_auth_revoke },
    { "LIST_REVOKED",       FST_NEED_ACTOR,     fst_auth_list_revoked },
    { "STATUS",             FST_NEED_USER,      s_status },
    { "BACKUP",             FST_NEED_ADMIN,     s_backup },
    { "EXPORT",             FST_NEED_ADMIN,     fst_auth_export },
    { "IMPORT",             FST_NEED_ADMIN,     fst_auth_import },
    { NULL }
};

typedef struct {
    fst_actor_t *actor;
    fst_ended_t last;
    size_t count;
} s_load_t;

static void
s_load_revoked (void *arg, const fst_ended_t *ended)
{
    s_load_t *load = arg;
    fst_actor_revoke (load->actor, ended->session, ended->expires_ms);
    load->last = *ended;
    load->count++;
}

//  Our own loop refuses the sessions that were ended before the restart.
static fst_rc_t
s_load_all_revoked (fst_auth_t *self)
{
    s_load_t load = { .actor = self->actor };
    fst_rc_t rc;
    do {
        bool first = load.count == 0;
        load.count = 0;
        rc = fst_users_revoked (self->users, first? NULL: load.last.session, fst_clock_wall_ms (), s_load_revoked, &load);
    } while (rc == FST_OK && load.count == FST_USERS_LIST_MAX);
    return rc;
}

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    fst_auth_t *self = arg;
    self->actor = actor;
    fst_rc_t rc = fst_users_open (self->filename, &self->users, problem_p);
    if (rc == FST_OK) {
        rc = s_load_all_revoked (self);
        if (rc != FST_OK) {
            fst_users_destroy (&self->users);
            *problem_p = strdup ("The users' database cannot be read.");
        }
    }
    if (rc != FST_OK)
        return rc;
    self->password = fst_password_new ((unsigned) self->hash_threads, HASHES_MAX, (size_t) self->hash_memory,
                                       (unsigned) self->hash_passes);
    fst_actor_add_fd (actor, fst_password_fd (self->password), fst_auth_hashed, self);
    self->roster = fst_roster_new ();
    self->backup = fst_backup_new (actor, self->filename, self->backup_folder);
    return FST_OK;
}

static int64_t
s_tick (void *arg, int64_t now_ms)
{
    fst_auth_t *self = arg;
    fst_rc_t rc = fst_users_purge (self->users, fst_clock_wall_ms ());
    if (rc != FST_OK)
        fst_log_warning ("old sessions were not purged reason=%s", fst_error_code (rc));
    fst_auth_flush (self);
    return now_ms + PURGE_MS;
}

static void
s_stop (void *arg)
{
    fst_auth_t *self = arg;
    fst_backup_destroy (&self->backup);
    fst_roster_destroy (&self->roster);
    fst_password_destroy (&self->password);     //  All attempts get their results here
    fst_auth_flush (self);
    fst_users_destroy (&self->users);
}

fst_rc_t
fst_auth_new (const fst_config_t *config, const fst_actor_options_t *bus, fst_auth_t **self_p, char **problem_p)
{
    assert (config);
    assert (bus);
    assert (bus->keys && bus->keys->has_sign_secret);
    assert (self_p);
    fst_auth_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->keys = bus->keys;
    self->filename = strdup (fst_config_text (config, "auth-database"));
    self->backup_folder = strdup (fst_config_text (config, "backup-folder"));
    assert (self->filename && self->backup_folder);
    self->session_ms = fst_config_number (config, "session-time");
    self->password_min = fst_config_number (config, "password-min");
    self->hash_threads = fst_config_number (config, "hash-threads");
    self->hash_memory = fst_config_number (config, "hash-memory");
    self->hash_passes = fst_config_number (config, "hash-passes");
    uint8_t key [FST_THROTTLE_KEY_BYTES];
    randombytes_buf (key, sizeof (key));
    self->throttle = fst_throttle_new (fst_config_number (config, "login-attempts"),
                                       fst_config_number (config, "login-wait"), key);
    static const fst_actor_class_t class = {
        .title = "Users, passwords and sessions", .metrics = s_metrics,
        .commands = s_commands, .start = s_start, .flush = fst_auth_flush, .tick = s_tick, .stop = s_stop
    };
    fst_actor_options_t options = *bus;
    options.service = "auth";
    options.lanes = FST_AUTH_LANES;
    options.port = NULL;
    fst_rc_t rc = fst_actor_new (&class, &options, self, &self->handle, problem_p);
    if (rc == FST_OK)
        *self_p = self;
    else {
        self->handle = NULL;
        fst_auth_destroy (&self);
    }
    return rc;
}

void
fst_auth_destroy (fst_auth_t **self_p)
{
    assert (self_p);
    fst_auth_t *self = *self_p;
    if (!self)
        return;
    if (self->handle)
        fst_actor_destroy (&self->handle);
    fst_throttle_destroy (&self->throttle);
    free (self->filename);
    free (self->backup_folder);
    free (self);
    *self_p = NULL;
}
