//  Sessions: of whoever asks, and everybody's.

#include "fst_auth_self.h"

//  ---- Of one's own

void
fst_auth_logout (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    const fst_claims_t *claims = fst_request_claims (*request_p);
    fst_rc_t rc = fst_users_end_session (self->users, claims->session, fst_clock_wall_ms ());
    fst_auth_reply (self, request_p, rc, NULL);
}

void
fst_auth_renew (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    const fst_claims_t *claims = fst_request_claims (*request_p);
    int64_t now_ms = fst_clock_wall_ms (), expires_ms = now_ms + self->session_ms;
    json_t *payload = NULL;
    fst_user_t user;
    fst_rc_t rc = fst_users_renew_session (self->users, claims->session, now_ms, expires_ms, &user);
    if (rc == FST_OK) {
        char *token = fst_auth_sign (self, &user, claims->session, expires_ms);
        payload = json_pack ("{s:s, s:I}", "token", token, "expires_ms", (json_int_t) expires_ms);
        free (token);
    }
    fst_auth_reply (self, request_p, rc, payload);
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

void
fst_auth_list_sessions (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    const fst_claims_t *claims = fst_request_claims (*request_p);
    s_sessions_t list = { .sessions = json_array (), .current = claims->session };
    fst_rc_t rc = fst_users_sessions (self->users, claims->name, fst_clock_wall_ms (), s_append_session, &list);
    fst_auth_reply (self, request_p, rc, json_pack ("{s:o}", "sessions", list.sessions));
}

void
fst_auth_end_session (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    uint8_t session [FST_SESSION_BYTES];
    const fst_claims_t *claims = fst_request_claims (*request_p);
    fst_rc_t rc = fst_hex_decode (fst_auth_text (*request_p, "session"), session, sizeof (session));
    if (rc == FST_OK)
        rc = fst_users_end_own_session (self->users, claims->name, session, fst_clock_wall_ms ());
    if (rc == FST_OK)
        fst_log_info ("session ended user=%s", claims->name);
    fst_auth_reply (self, request_p, rc, NULL);
}

//  ---- Everybody's sessions

void
fst_auth_revoke (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    uint8_t session [FST_SESSION_BYTES];
    int64_t expires_ms = json_integer_value (json_object_get (fst_request_payload (*request_p), "expires_ms"));
    fst_rc_t rc = fst_hex_decode (fst_auth_text (*request_p, "session"), session, sizeof (session));
    if (rc == FST_OK)
        rc = fst_users_revoke (self->users, session, expires_ms);
    if (rc == FST_OK)
        fst_log_info ("session revoked by=%s", fst_request_claims (*request_p)->name);
    fst_auth_reply (self, request_p, rc, NULL);
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

void
fst_auth_verify (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    fst_claims_t claims;
    fst_rc_t rc = s_examine (self, fst_auth_text (*request_p, "token"), &claims);
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

void
fst_auth_list_revoked (void *arg, fst_request_t **request_p)
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
