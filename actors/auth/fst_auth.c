//  The auth actor: commands of schemas/auth, replied to when their changes are on stable storage.

#include "fst_auth.h"
#include "fst_auth_tokens.h"
#include "fst_backup.h"
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_password.h"
#include "fst_roster.h"
#include "fst_sodium.h"
#include "fst_throttle.h"
#include "fst_users.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

//  Fewer hashes than lanes, so that a flood of logins is told BUSY and leaves lanes for everything else.
#define LANES           16
#define HASHES_MAX      10
#define PURGE_MS        60000

//  A reply that waits for the commit.
typedef struct {
    fst_request_t *request;
    json_t *payload;
} s_held_t;

struct fst_auth {
    fst_actor_t *handle;                //  For whoever made us
    fst_actor_t *actor;                 //  The same, for the actor's own thread
    const fst_keys_t *keys;             //  Borrowed
    char *filename, *backup_folder;
    int64_t session_ms, password_min;
    int64_t hash_threads, hash_memory, hash_passes;
    fst_throttle_t *throttle;
    //  From start to stop
    fst_users_t *users;
    fst_password_t *password;
    fst_backup_t *backup;
    fst_roster_t *roster;               //  Users of an import, as far as they came
    s_held_t held [LANES];
    size_t held_count;
};

//  A request whose password is being hashed.
typedef struct {
    fst_auth_t *self;
    fst_request_t *request;
    char name [FST_USER_BYTES_MAX + 1];
    fst_user_t user;                    //  As it was when hashing began; id 0 if there is none
} s_attempt_t;

//  ---- Replies

static void
s_flush (void *arg);

//  Answer with payload (taken) once what was done is durable; or refuse at once.
static void
s_reply (fst_auth_t *self, fst_request_t **request_p, fst_rc_t rc, json_t *payload)
{
    if (rc != FST_OK) {
        json_decref (payload);
        fst_request_fail (request_p, rc, NULL);
        return;
    }
    if (self->held_count == LANES)      //  More than there are lanes, as some were connected anew meanwhile
        s_flush (self);
    self->held [self->held_count++] = (s_held_t) { *request_p, payload };
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

static void
s_flush (void *arg)
{
    fst_auth_t *self = arg;
    fst_rc_t rc = fst_users_commit (self->users, s_tell_ended, self);
    for (size_t at = 0; at < self->held_count; at++) {
        s_held_t *held = &self->held [at];
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

//  ---- Passwords

//  A password of the request. It is taken out of the message by s_forget as soon as it has been copied.
static const char *
s_text (fst_request_t *request, const char *field)
{
    const char *text = json_string_value (json_object_get (fst_request_payload (request), field));
    assert (text);                      //  The schema says so
    return text;
}

static void
s_forget (fst_request_t *request, const char *field)
{
    char *text = (char *) s_text (request, field);
    sodium_memzero (text, strlen (text));
}

//  Characters, not octets.
static int64_t
s_length (const char *text)
{
    int64_t length = 0;
    for (; *text; text++)
        length += (*text & 0xc0) != 0x80;
    return length;
}

//  True if the password may be chosen; otherwise the request was refused.
static bool
s_acceptable (fst_auth_t *self, fst_request_t **request_p, const char *password)
{
    if (s_length (password) >= self->password_min)
        return true;
    fst_request_fail (request_p, FST_MALFORMED, "That password is too short: choose one of at least %d characters.",
                      (int) self->password_min);
    return false;
}

//  True if the account's password may be looked at; otherwise the request was refused.
static bool
s_allowed (fst_auth_t *self, fst_request_t **request_p, const char *name)
{
    int64_t wait_ms;
    if (fst_throttle_check (self->throttle, name, fst_clock_mono_ms (), &wait_ms) == FST_OK)
        return true;
    fst_request_fail (request_p, FST_TOO_MANY, "Too many wrong passwords for this account; try again in %d s.",
                      (int) (wait_ms / 1000 + 1));
    return false;
}

//  Read the account; no such one is no failure here. False if the request was refused.
static bool
s_read_user (fst_auth_t *self, fst_request_t **request_p, const char *name, fst_user_t *user)
{
    fst_rc_t rc = fst_users_find (self->users, name, user);
    if (rc == FST_NOT_FOUND)
        memset (user, 0, sizeof (*user));
    else
    if (rc != FST_OK)
        fst_request_fail (request_p, rc, NULL);
    return rc == FST_OK || rc == FST_NOT_FOUND;
}

static s_attempt_t *
s_attempt_new (fst_auth_t *self, const char *name, const fst_user_t *user)
{
    s_attempt_t *attempt = calloc (1, sizeof (*attempt));
    assert (attempt);
    attempt->self = self;
    attempt->user = *user;
    assert (strlen (name) < sizeof (attempt->name));
    strcpy (attempt->name, name);
    return attempt;
}

//  The request waits for its hash, unless that was refused (rc).
static void
s_attempt_started (s_attempt_t *attempt, fst_request_t **request_p, fst_rc_t rc)
{
    if (rc == FST_OK) {
        attempt->request = *request_p;
        *request_p = NULL;
    }
    else {
        free (attempt);
        fst_request_fail (request_p, rc, NULL);
    }
}

//  Result of comparing a password: count it. False if the request was refused.
static bool
s_judge (s_attempt_t *attempt, fst_rc_t rc)
{
    fst_auth_t *self = attempt->self;
    if (rc == FST_OK || rc == FST_WRONG_PASSWORD)
        if (!s_allowed (self, &attempt->request, attempt->name))
            return false;               //  Too many others failed meanwhile: this result is not told either
    if (rc == FST_OK)
        fst_throttle_passed (self->throttle, attempt->name);
    else
    if (rc == FST_WRONG_PASSWORD) {
        fst_throttle_failed (self->throttle, attempt->name, fst_clock_mono_ms ());
        fst_log_info ("password refused user=%s", attempt->name);
    }
    if (rc != FST_OK)
        fst_request_fail (&attempt->request, rc, NULL);
    return rc == FST_OK;
}

static void
s_hashed (void *arg)
{
    fst_auth_t *self = arg;
    fst_password_collect (self->password);
    s_flush (self);
}

//  ---- REGISTER

static json_t *
s_registered_reply (const char *name, fst_role_t role)
{
    return json_pack ("{s:s, s:s}", "user", name, "role", fst_role_text (role));
}

static void
s_register_done (void *arg, fst_rc_t rc, const char *hash)
{
    s_attempt_t *attempt = arg;
    fst_auth_t *self = attempt->self;
    const char *request = fst_request_id (attempt->request);
    int64_t now_ms = fst_clock_wall_ms ();
    fst_role_t role = FST_ROLE_USER;
    if (rc == FST_OK)
        rc = fst_users_add (self->users, attempt->name, hash, request, now_ms, &role);
    if (rc == FST_OK)
        fst_log_info ("user registered user=%s role=%s", attempt->name, fst_role_text (role));
    fst_user_t user;
    if (rc == FST_EXISTS && fst_users_created_by (self->users, attempt->name, request, now_ms)) {
        rc = fst_users_find (self->users, attempt->name, &user);
        role = rc == FST_OK? user.role: role;
    }
    if (rc == FST_EXISTS)
        fst_request_fail (&attempt->request, rc, "There is a user \"%s\" already; choose another name.", attempt->name);
    else
        s_reply (self, &attempt->request, rc, rc == FST_OK? s_registered_reply (attempt->name, role): NULL);
    free (attempt);
}

static void
s_register (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    const char *name = s_text (*request_p, "name");
    fst_user_t user;
    if (!fst_user_name_valid (name)) {
        fst_request_fail (request_p, FST_BAD_NAME,
                          "A user name has 1 to 64 of a-z 0-9 . _ - and begins with a letter or digit.");
        return;
    }
    if (!s_acceptable (self, request_p, s_text (*request_p, "password"))
    ||  !s_read_user (self, request_p, name, &user))
        return;
    if (user.id && !fst_users_created_by (self->users, name, fst_request_id (*request_p), fst_clock_wall_ms ())) {
        fst_request_fail (request_p, FST_EXISTS, "There is a user \"%s\" already; choose another name.", name);
        return;
    }
    if (user.id) {                      //  The same request again: its reply got lost
        s_reply (self, request_p, FST_OK, s_registered_reply (name, user.role));
        return;
    }
    s_attempt_t *attempt = s_attempt_new (self, name, &user);
    fst_rc_t rc = fst_password_hash (self->password, s_text (*request_p, "password"), s_register_done, attempt);
    s_forget (*request_p, "password");
    s_attempt_started (attempt, request_p, rc);
}

//  ---- LOGIN

static char *
s_sign (fst_auth_t *self, const fst_user_t *user, const uint8_t *session, int64_t expires_ms)
{
    fst_claims_t claims = { .role = user->role, .expires_ms = expires_ms };
    strcpy (claims.name, user->name);
    memcpy (claims.session, session, FST_SESSION_BYTES);
    return fst_token_sign (&claims, self->keys->sign_secret);
}

static fst_rc_t
s_begin_session (fst_auth_t *self, const fst_user_t *user, const char *rehash, json_t **payload_p)
{
    uint8_t session [FST_SESSION_BYTES];
    randombytes_buf (session, sizeof (session));
    int64_t now_ms = fst_clock_wall_ms (), expires_ms = now_ms + self->session_ms;
    fst_rc_t rc = fst_users_begin_session (self->users, user, rehash, session, now_ms, expires_ms);
    if (rc != FST_OK)                   //  CHANGED: it was the right password, but is no more
        return rc == FST_CHANGED? FST_WRONG_PASSWORD: rc;
    char *token = s_sign (self, user, session, expires_ms);
    *payload_p = json_pack ("{s:s, s:s, s:s, s:I}", "token", token, "user", user->name,
                            "role", fst_role_text (user->role), "expires_ms", (json_int_t) expires_ms);
    free (token);
    return FST_OK;
}

static void
s_login_done (void *arg, fst_rc_t rc, const char *rehash)
{
    s_attempt_t *attempt = arg;
    fst_auth_t *self = attempt->self;
    if (s_judge (attempt, rc)) {
        assert (attempt->user.id);      //  Nobody's hash matches nothing
        json_t *payload = NULL;
        rc = s_begin_session (self, &attempt->user, rehash, &payload);
        if (rc == FST_OK)
            fst_log_info ("login user=%s", attempt->name);
        s_reply (self, &attempt->request, rc, payload);
    }
    free (attempt);
}

static void
s_login (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    const char *name = s_text (*request_p, "name");
    fst_user_t user;
    if (!s_allowed (self, request_p, name) || !s_read_user (self, request_p, name, &user))
        return;
    s_attempt_t *attempt = s_attempt_new (self, name, &user);
    fst_rc_t rc = fst_password_check (self->password, s_text (*request_p, "password"), user.id? user.hash: NULL,
                                      s_login_done, attempt);
    s_forget (*request_p, "password");
    s_attempt_started (attempt, request_p, rc);
}

//  ---- CHANGE_PASSWORD

static void
s_change_done (void *arg, fst_rc_t rc, const char *hash)
{
    s_attempt_t *attempt = arg;
    fst_auth_t *self = attempt->self;
    if (s_judge (attempt, rc)) {
        const fst_claims_t *claims = fst_request_claims (attempt->request);
        rc = fst_users_change_password (self->users, &attempt->user, hash, claims->session,
                                        fst_request_id (attempt->request), fst_clock_wall_ms ());
        if (rc == FST_CHANGED)          //  Another change came first; or the same request, which was sent twice
            rc = fst_users_changed_by (self->users, attempt->name, fst_request_id (attempt->request), fst_clock_wall_ms ())
               ? FST_OK: FST_WRONG_PASSWORD;
        if (rc == FST_OK)
            fst_log_info ("password changed user=%s", attempt->name);
        s_reply (self, &attempt->request, rc, NULL);
    }
    free (attempt);
}

static void
s_change_password (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    const fst_claims_t *claims = fst_request_claims (*request_p);
    int64_t now_ms = fst_clock_wall_ms ();
    fst_user_t user;
    fst_rc_t rc = fst_users_check_session (self->users, claims->session, now_ms);
    if (rc != FST_OK) {
        fst_request_fail (request_p, rc, NULL);
        return;
    }
    if (fst_users_changed_by (self->users, claims->name, fst_request_id (*request_p), now_ms)) {
        s_reply (self, request_p, FST_OK, NULL);        //  The same request again: its reply got lost
        return;
    }
    if (!s_acceptable (self, request_p, s_text (*request_p, "new"))
    ||  !s_allowed (self, request_p, claims->name)
    ||  !s_read_user (self, request_p, claims->name, &user))
        return;
    s_attempt_t *attempt = s_attempt_new (self, claims->name, &user);
    rc = fst_password_change (self->password, s_text (*request_p, "old"), user.id? user.hash: NULL,
                              s_text (*request_p, "new"), s_change_done, attempt);
    s_forget (*request_p, "old");
    s_forget (*request_p, "new");
    s_attempt_started (attempt, request_p, rc);
}

//  ---- Sessions

static void
s_logout (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    const fst_claims_t *claims = fst_request_claims (*request_p);
    fst_rc_t rc = fst_users_end_session (self->users, claims->session, fst_clock_wall_ms ());
    s_reply (self, request_p, rc, NULL);
}

static void
s_renew (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    const fst_claims_t *claims = fst_request_claims (*request_p);
    int64_t now_ms = fst_clock_wall_ms (), expires_ms = now_ms + self->session_ms;
    json_t *payload = NULL;
    fst_user_t user;
    fst_rc_t rc = fst_users_renew_session (self->users, claims->session, now_ms, expires_ms, &user);
    if (rc == FST_OK) {
        char *token = s_sign (self, &user, claims->session, expires_ms);
        payload = json_pack ("{s:s, s:I}", "token", token, "expires_ms", (json_int_t) expires_ms);
        free (token);
    }
    s_reply (self, request_p, rc, payload);
}

typedef struct {
    json_t *sessions;
    const uint8_t *current;             //  Of who asks
} s_sessions_t;

static void
s_append_session (void *arg, const fst_session_t *session)
{
    s_sessions_t *list = arg;
    char text [2 * FST_SESSION_BYTES + 1];
    fst_hex_encode (session->session, FST_SESSION_BYTES, text);
    json_array_append_new (list->sessions, json_pack ("{s:s, s:I, s:I, s:I, s:b}", "session", text,
        "created_ms", (json_int_t) session->begun_ms, "used_ms", (json_int_t) session->used_ms,
        "expires_ms", (json_int_t) session->expires_ms,
        "current", memcmp (session->session, list->current, FST_SESSION_BYTES) == 0));
}

static void
s_list_sessions (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    const fst_claims_t *claims = fst_request_claims (*request_p);
    s_sessions_t list = { .sessions = json_array (), .current = claims->session };
    fst_rc_t rc = fst_users_sessions (self->users, claims->name, fst_clock_wall_ms (), s_append_session, &list);
    s_reply (self, request_p, rc, json_pack ("{s:o}", "sessions", list.sessions));
}

static void
s_end_session (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    uint8_t session [FST_SESSION_BYTES];
    const fst_claims_t *claims = fst_request_claims (*request_p);
    fst_rc_t rc = fst_hex_decode (s_text (*request_p, "session"), session, sizeof (session));
    if (rc == FST_OK)
        rc = fst_users_end_own_session (self->users, claims->name, session, fst_clock_wall_ms ());
    if (rc == FST_OK)
        fst_log_info ("session ended user=%s", claims->name);
    s_reply (self, request_p, rc, NULL);
}

//  ---- Tokens for applications (fst_auth_tokens.h)

static void
s_create_token (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    json_t *reply = NULL;
    fst_rc_t rc = fst_auth_tokens_create (self->users, self->keys->sign_secret, request_p, &reply);
    if (*request_p)
        s_reply (self, request_p, rc, reply);
}

static void
s_list_tokens (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    json_t *reply = NULL;
    fst_rc_t rc = fst_auth_tokens_list (self->users, *request_p, &reply);
    s_reply (self, request_p, rc, reply);
}

static void
s_end_token (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    fst_rc_t rc = fst_auth_tokens_end (self->users, *request_p);
    s_reply (self, request_p, rc, NULL);
}

//  ---- Everybody's sessions

static void
s_revoke (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    uint8_t session [FST_SESSION_BYTES];
    int64_t expires_ms = json_integer_value (json_object_get (fst_request_payload (*request_p), "expires_ms"));
    fst_rc_t rc = fst_hex_decode (s_text (*request_p, "session"), session, sizeof (session));
    if (rc == FST_OK)
        rc = fst_users_revoke (self->users, session, expires_ms);
    if (rc == FST_OK)
        fst_log_info ("session revoked by=%s", fst_request_claims (*request_p)->name);
    s_reply (self, request_p, rc, NULL);
}

//  Whose token it is, if it is good at this moment.
static fst_rc_t
s_examine (fst_auth_t *self, const char *token, fst_claims_t *claims)
{
    int64_t now_ms = fst_clock_wall_ms ();
    fst_rc_t rc = fst_token_verify (token, self->keys->sign_public, now_ms, claims);
    if (rc == FST_OK)
        rc = fst_users_check_revoked (self->users, claims->session);
    if (rc == FST_OK && claims->role != FST_ROLE_ACTOR)
        rc = fst_users_check_session (self->users, claims->session, now_ms);
    return rc;
}

static json_t *
s_scopes_json (const char *scopes)
{
    json_t *list = json_array ();
    bool write;
    for (const char *path = NULL; (path = fst_scopes_next (scopes, path, &write)); )
        json_array_append_new (list, json_pack ("{s:s, s:s}", "path", path, "rights", write? "write": "read"));
    return list;
}

static void
s_verify (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    fst_claims_t claims;
    fst_rc_t rc = s_examine (self, s_text (*request_p, "token"), &claims);
    if (rc != FST_OK) {
        fst_request_fail (request_p, rc, NULL);
        return;
    }
    char session [2 * FST_SESSION_BYTES + 1];
    fst_hex_encode (claims.session, FST_SESSION_BYTES, session);
    json_t *reply = json_pack ("{s:s, s:s, s:s, s:I}", "user", claims.name, "session", session, "role", fst_role_text (claims.role),
                               "expires_ms", (json_int_t) claims.expires_ms);
    if (claims.scoped)
        json_object_set_new (reply, "scopes", s_scopes_json (claims.scopes));
    fst_request_reply (request_p, reply);
}

static void
s_append_revoked (void *arg, const fst_ended_t *ended)
{
    char session [2 * FST_SESSION_BYTES + 1];
    fst_hex_encode (ended->session, FST_SESSION_BYTES, session);
    json_array_append_new (arg, json_pack ("{s:s, s:I}", "session", session,
                                           "expires_ms", (json_int_t) ended->expires_ms));
}

static void
s_list_revoked (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    uint8_t after [FST_SESSION_BYTES];
    const char *text = json_string_value (json_object_get (fst_request_payload (*request_p), "after"));
    fst_rc_t rc = text? fst_hex_decode (text, after, sizeof (after)): FST_OK;
    json_t *sessions = json_array ();
    if (rc == FST_OK)
        rc = fst_users_revoked (self->users, text? after: NULL, fst_clock_wall_ms (), s_append_revoked, sessions);
    if (rc == FST_OK)
        fst_request_reply (request_p, json_pack ("{s:o}", "sessions", sessions));
    else {
        json_decref (sessions);
        fst_request_fail (request_p, rc, NULL);
    }
}

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
    s_reply (self, request_p, rc, json_pack ("{s:b}", "first", none));
}

static void
s_backup (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    fst_backup_request (self->backup, request_p);
}

static void
s_append_user (void *arg, const fst_user_row_t *row)
{
    json_array_append_new (arg, fst_roster_row (row));
}

static void
s_export (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    json_t *users = json_array ();
    const char *after = json_string_value (json_object_get (fst_request_payload (*request_p), "after"));
    fst_rc_t rc = fst_users_list (self->users, after, FST_ROSTER_PAGE, s_append_user, users);
    s_reply (self, request_p, rc, json_pack ("{s:o}", "users", users));
}

//  Everybody is there: they take the place of whoever asks.
static void
s_import_all (fst_auth_t *self, fst_request_t **request_p)
{
    size_t count;
    const fst_user_row_t *rows = fst_roster_rows (self->roster, &count);
    if (!fst_roster_has_admin (self->roster)) {
        fst_request_fail (request_p, FST_MALFORMED, "No admin is among the users, so nobody could run this cluster.");
        return;
    }
    fst_rc_t rc = fst_users_replace (self->users, fst_request_claims (*request_p)->name, rows, count, fst_clock_wall_ms ());
    if (rc == FST_NOT_EMPTY)
        fst_request_fail (request_p, rc, "There are other accounts here already: users can be imported only where the one "
                          "that asks is the only one.");
    else {
        if (rc == FST_OK)
            fst_log_info ("users imported users=%zu", count);
        s_reply (self, request_p, rc, json_pack ("{s:I}", "users", (json_int_t) count));
    }
}

static void
s_import (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    json_t *payload = fst_request_payload (*request_p);
    size_t count;
    fst_rc_t rc = fst_roster_take (self->roster, s_text (*request_p, "import"),
                                   json_integer_value (json_object_get (payload, "page")), json_object_get (payload, "users"));
    if (rc == FST_OK && json_is_true (json_object_get (payload, "last")))
        s_import_all (self, request_p);
    else {
        fst_roster_rows (self->roster, &count);
        s_reply (self, request_p, rc, json_pack ("{s:I}", "users", (json_int_t) count));
    }
}

//  ---- The actor

static const fst_command_t s_commands [] = {
    //  name                needs               handler
    { "REGISTER",           FST_NEED_NOTHING,   s_register },
    { "LOGIN",              FST_NEED_NOTHING,   s_login },
    { "LOGOUT",             FST_NEED_USER,      s_logout },
    { "RENEW",              FST_NEED_SESSION,   s_renew },
    { "CHANGE_PASSWORD",    FST_NEED_SESSION,   s_change_password },
    { "VERIFY",             FST_NEED_NOTHING,   s_verify },
    { "FIRST",              FST_NEED_NOTHING,   s_first },
    { "LIST_SESSIONS",      FST_NEED_SESSION,   s_list_sessions },
    { "END_SESSION",        FST_NEED_SESSION,   s_end_session },
    { "CREATE_TOKEN",       FST_NEED_SESSION,   s_create_token },
    { "LIST_TOKENS",        FST_NEED_SESSION,   s_list_tokens },
    { "END_TOKEN",          FST_NEED_SESSION,   s_end_token },
    { "REVOKE",             FST_NEED_ADMIN,     s_revoke },
    { "LIST_REVOKED",       FST_NEED_ACTOR,     s_list_revoked },
    { "STATUS",             FST_NEED_USER,      s_status },
    { "BACKUP",             FST_NEED_ADMIN,     s_backup },
    { "EXPORT",             FST_NEED_ADMIN,     s_export },
    { "IMPORT",             FST_NEED_ADMIN,     s_import },
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
    fst_actor_add_fd (actor, fst_password_fd (self->password), s_hashed, self);
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
    s_flush (self);
    return now_ms + PURGE_MS;
}

static void
s_stop (void *arg)
{
    fst_auth_t *self = arg;
    fst_backup_destroy (&self->backup);
    fst_roster_destroy (&self->roster);
    fst_password_destroy (&self->password);     //  All attempts get their results here
    s_flush (self);
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
        .commands = s_commands, .start = s_start, .flush = s_flush, .tick = s_tick, .stop = s_stop
    };
    fst_actor_options_t options = *bus;
    options.service = "auth";
    options.lanes = LANES;
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
