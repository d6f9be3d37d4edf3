//  Accounts and their passwords: REGISTER, LOGIN and CHANGE_PASSWORD, which wait while a password is hashed.

#include "fst_auth_self.h"

//  A request whose password is being hashed.
typedef struct {
    fst_auth_t *self;
    fst_request_t *request;
    char name [FST_USER_BYTES_MAX + 1];
    fst_user_t user;                    //  As it was when hashing began; id 0 if there is none
} s_attempt_t;

//  ---- Passwords

//  A password is taken out of the message as soon as it has been copied.
static void
s_forget (fst_request_t *request, const char *field)
{
    char *text = (char *) fst_auth_text (request, field);
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

void
fst_auth_hashed (void *arg)
{
    fst_auth_t *self = arg;
    fst_password_collect (self->password);
    fst_auth_flush (self);
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
        fst_auth_reply (self, &attempt->request, rc, rc == FST_OK? s_registered_reply (attempt->name, role): NULL);
    free (attempt);
}

void
fst_auth_register (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    const char *name = fst_auth_text (*request_p, "name");
    fst_user_t user;
    if (!fst_user_name_valid (name)) {
        fst_request_fail (request_p, FST_BAD_NAME,
                          "A user name has 1 to 64 of a-z 0-9 . _ - and begins with a letter or digit.");
        return;
    }
    if (!s_acceptable (self, request_p, fst_auth_text (*request_p, "password"))
    ||  !s_read_user (self, request_p, name, &user))
        return;
    if (user.id && !fst_users_created_by (self->users, name, fst_request_id (*request_p), fst_clock_wall_ms ())) {
        fst_request_fail (request_p, FST_EXISTS, "There is a user \"%s\" already; choose another name.", name);
        return;
    }
    if (user.id) {                      //  The same request again: its reply got lost
        fst_auth_reply (self, request_p, FST_OK, s_registered_reply (name, user.role));
        return;
    }
    s_attempt_t *attempt = s_attempt_new (self, name, &user);
    fst_rc_t rc = fst_password_hash (self->password, fst_auth_text (*request_p, "password"), s_register_done, attempt);
    s_forget (*request_p, "password");
    s_attempt_started (attempt, request_p, rc);
}

//  ---- LOGIN

static fst_rc_t
s_begin_session (fst_auth_t *self, const fst_user_t *user, const char *rehash, json_t **payload_p)
{
    uint8_t session [FST_SESSION_BYTES];
    randombytes_buf (session, sizeof (session));
    int64_t now_ms = fst_clock_wall_ms (), expires_ms = now_ms + self->session_ms;
    fst_rc_t rc = fst_users_begin_session (self->users, user, rehash, session, now_ms, expires_ms);
    if (rc != FST_OK)                   //  CHANGED: it was the right password, but is no more
        return rc == FST_CHANGED? FST_WRONG_PASSWORD: rc;
    char *token = fst_auth_sign (self, user, session, expires_ms);
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
        fst_auth_reply (self, &attempt->request, rc, payload);
    }
    free (attempt);
}

void
fst_auth_login (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    const char *name = fst_auth_text (*request_p, "name");
    fst_user_t user;
    if (!s_allowed (self, request_p, name) || !s_read_user (self, request_p, name, &user))
        return;
    s_attempt_t *attempt = s_attempt_new (self, name, &user);
    fst_rc_t rc = fst_password_check (self->password, fst_auth_text (*request_p, "password"), user.id? user.hash: NULL,
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
        fst_auth_reply (self, &attempt->request, rc, NULL);
    }
    free (attempt);
}

void
fst_auth_change_password (void *arg, fst_request_t **request_p)
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
        fst_auth_reply (self, request_p, FST_OK, NULL);      //  The same request again: its reply got lost
        return;
    }
    if (!s_acceptable (self, request_p, fst_auth_text (*request_p, "new"))
    ||  !s_allowed (self, request_p, claims->name)
    ||  !s_read_user (self, request_p, claims->name, &user))
        return;
    s_attempt_t *attempt = s_attempt_new (self, claims->name, &user);
    rc = fst_password_change (self->password, fst_auth_text (*request_p, "old"), user.id? user.hash: NULL,
                              fst_auth_text (*request_p, "new"), s_change_done, attempt);
    s_forget (*request_p, "old");
    s_forget (*request_p, "new");
    s_attempt_started (attempt, request_p, rc);
}
