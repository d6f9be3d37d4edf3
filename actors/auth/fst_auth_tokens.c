//  Tokens for applications: what the commands do, without their replies.

#include "fst_auth_tokens.h"
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_sodium.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MS        (365 * INT64_C (86400000))
#define TOKEN_MS_MAX    (3653 * INT64_C (86400000))

static const char *
s_text (fst_request_t *request, const char *field)
{
    const char *text = json_string_value (json_object_get (fst_request_payload (request), field));
    assert (text);                      //  The schema says so
    return text;
}

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
    snprintf (token->name, sizeof (token->name), "%s", s_text (request, "name"));
    fst_rc_t rc = fst_path_normal (path? path: "/", home, &normal);
    if (rc == FST_OK)
        rc = fst_scopes_add (token->scopes, strcmp (s_text (request, "rights"), "write") == 0, normal);
    free (normal);
    return rc == FST_TOO_MANY? FST_BAD_NAME: rc;
}

fst_rc_t
fst_auth_tokens_create (fst_users_t *users, const uint8_t secret [FST_SIGN_SECRET_BYTES], fst_request_t **request_p,
                        json_t **reply_p)
{
    assert (users && secret && request_p && *request_p && reply_p);
    const fst_claims_t *asking = fst_request_claims (*request_p);
    fst_app_token_t token;
    fst_rc_t rc = s_read_wish (secret, *request_p, &token);
    if (rc != FST_OK) {
        fst_request_fail (request_p, rc, rc == FST_MALFORMED? "A token ends later than now, and within ten years."
                                                            : "That path is not allowed, or too long for a token.");
        return rc;
    }
    rc = fst_users_check_session (users, asking->session, token.created_ms);
    if (rc == FST_OK)
        rc = fst_users_add_token (users, asking->name, &token);
    if (rc == FST_EXISTS) {
        fst_request_fail (request_p, rc, "You have a token \"%s\" already; end it first, or choose another name.", token.name);
        return rc;
    }
    if (rc == FST_OK) {
        fst_claims_t claims = { .role = asking->role, .expires_ms = token.expires_ms, .scoped = true };
        strcpy (claims.name, asking->name);
        memcpy (claims.session, token.session, sizeof (claims.session));
        memcpy (claims.scopes, token.scopes, sizeof (claims.scopes));
        char *text = fst_token_sign (&claims, secret);
        *reply_p = s_token_json (&token);
        json_object_set_new (*reply_p, "token", json_string (text));
        free (text);
        fst_log_info ("token made user=%s name=%s", asking->name, token.name);
    }
    return rc;
}

static void
s_append_token (void *arg, const fst_app_token_t *token)
{
    json_t *row = s_token_json (token);
    json_object_set_new (row, "created_ms", json_integer (token->created_ms));
    json_array_append_new (arg, row);
}

fst_rc_t
fst_auth_tokens_list (fst_users_t *users, fst_request_t *request, json_t **reply_p)
{
    assert (users && request && reply_p);
    json_t *tokens = json_array ();
    fst_rc_t rc = fst_users_tokens (users, fst_request_claims (request)->name, fst_clock_wall_ms (), s_append_token, tokens);
    *reply_p = json_pack ("{s:o}", "tokens", tokens);
    return rc;
}

fst_rc_t
fst_auth_tokens_end (fst_users_t *users, fst_request_t *request)
{
    assert (users && request);
    const char *user = fst_request_claims (request)->name, *name = s_text (request, "name");
    fst_rc_t rc = fst_users_end_token (users, user, name, fst_clock_wall_ms ());
    if (rc == FST_OK)
        fst_log_info ("token ended user=%s name=%s", user, name);
    return rc;
}
