//  Tokens for applications: CREATE_TOKEN, LIST_TOKENS and END_TOKEN.

#include "fst_auth_self.h"

#define TOKEN_MS        (365 * INT64_C (86400000))
#define TOKEN_MS_MAX    (3653 * INT64_C (86400000))

//  The same for a request that comes twice, so that its answer is, too.
static void
s_token_session (const uint8_t secret [FST_SIGN_SECRET_BYTES], const fst_request_t *request,
                 uint8_t session [FST_SESSION_BYTES])
{
    const char *user = fst_request_claims (request)->name, *id = fst_request_id (request);
    crypto_generichash_state state;
    crypto_generichash_init (&state, secret, 32, FST_SESSION_BYTES);
    crypto_generichash_update (&state, (const uint8_t *) user, strlen (user) + 1);
    crypto_generichash_update (&state, (const uint8_t *) id, strlen (id));
    crypto_generichash_final (&state, session, FST_SESSION_BYTES);
}

//  Its only scope, as fields of a reply; caller decrefs.
static json_t *
s_token_json (const fst_app_token_t *token)
{
    bool write = false;
    const char *path = fst_scopes_next (token->scopes, NULL, &write);
    return json_pack ("{s:s, s:s, s:s, s:I}", "name", token->name, "path", path? path: "/", "rights", write? "write": "read",
                      "expires_ms", (json_int_t) token->expires_ms);
}

//  What the request asks for.
static fst_rc_t
s_read_wish (const uint8_t secret [FST_SIGN_SECRET_BYTES], fst_request_t *request, fst_app_token_t *token)
{
    json_t *payload = fst_request_payload (request), *ends = json_object_get (payload, "expires_ms");
    const char *path = json_string_value (json_object_get (payload, "path"));
    char home [2 * FST_USER_BYTES_MAX + sizeof ("/users/")], *normal = NULL;
    snprintf (home, sizeof (home), "/users/%s", fst_request_claims (request)->name);
    *token = (fst_app_token_t) { .created_ms = fst_clock_wall_ms () };
    token->expires_ms = ends? json_integer_value (ends): token->created_ms + TOKEN_MS;
    if (token->expires_ms <= token->created_ms || token->expires_ms > token->created_ms + TOKEN_MS_MAX)
        return FST_MALFORMED;
    s_token_session (secret, request, token->session);
    snprintf (token->name, sizeof (token->name), "%s", fst_auth_text (request, "name"));
    fst_rc_t rc = fst_path_normal (path? path: "/", home, &normal);
    if (rc == FST_OK)
        rc = fst_scopes_add (token->scopes, strcmp (fst_auth_text (request, "rights"), "write") == 0, normal);
    free (normal);
    return rc == FST_TOO_MANY? FST_BAD_NAME: rc;
}

//  The reply to whoever made it, with the token itself; caller decrefs.
static json_t *
s_made_json (fst_auth_t *self, const fst_claims_t *asking, const fst_app_token_t *token)
{
    fst_claims_t claims = { .role = asking->role, .expires_ms = token->expires_ms, .scoped = true };
    strcpy (claims.name, asking->name);
    memcpy (claims.session, token->session, sizeof (claims.session));
    memcpy (claims.scopes, token->scopes, sizeof (claims.scopes));
    char *text = fst_token_sign (&claims, self->keys->sign_secret);
    json_t *reply = s_token_json (token);
    json_object_set_new (reply, "token", json_string (text));
    free (text);
    return reply;
}

void
fst_auth_create_token (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    const fst_claims_t *asking = fst_request_claims (*request_p);
    fst_app_token_t token;
    fst_rc_t rc = s_read_wish (self->keys->sign_secret, *request_p, &token);
    if (rc != FST_OK) {
        fst_request_fail (request_p, rc, rc == FST_MALFORMED? "A token ends later than now, and within ten years."
                                                            : "That path is not allowed, or too long for a token.");
        return;
    }
    rc = fst_users_check_session (self->users, asking->session, token.created_ms);
    if (rc == FST_OK)
        rc = fst_users_add_token (self->users, asking->name, &token);
    if (rc == FST_EXISTS) {
        fst_request_fail (request_p, rc, "You have a token \"%s\" already; end it first, or choose another name.", token.name);
        return;
    }
    json_t *reply = NULL;
    if (rc == FST_OK) {
        reply = s_made_json (self, asking, &token);
        fst_log_info ("token made user=%s name=%s", asking->name, token.name);
    }
    fst_auth_reply (self, request_p, rc, reply);
}

static void
s_append_token (void *arg, const fst_app_token_t *token)
{
    json_t *row = s_token_json (token);
    json_object_set_new (row, "created_ms", json_integer (token->created_ms));
    json_array_append_new (arg, row);
}

void
fst_auth_list_tokens (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    json_t *tokens = json_array ();
    fst_rc_t rc = fst_users_tokens (self->users, fst_request_claims (*request_p)->name, fst_clock_wall_ms (),
                                    s_append_token, tokens);
    fst_auth_reply (self, request_p, rc, json_pack ("{s:o}", "tokens", tokens));
}

void
fst_auth_end_token (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    const char *user = fst_request_claims (*request_p)->name, *name = fst_auth_text (*request_p, "name");
    fst_rc_t rc = fst_users_end_token (self->users, user, name, fst_clock_wall_ms ());
    if (rc == FST_OK)
        fst_log_info ("token ended user=%s name=%s", user, name);
    fst_auth_reply (self, request_p, rc, NULL);
}
