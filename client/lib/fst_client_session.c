//  The session of a client.

#include "fst_client_session.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_bytes.h"
#include "fst_client.h"
#include "fst_clock.h"
#include "fst_text.h"
#include "fst_token.h"

#define RENEW_AGAIN_MS  30000       //  After a renewal that failed

struct fst_client_session {
    filestore_t *client;
    int64_t usual_life_ms;
    char *token;                    //  NULL: nobody is logged in
    char user [FST_USER_BYTES_MAX * 2 + 1];
    int64_t expires_ms;             //  Of the token, wall time; 0 = never
    bool scoped;                    //  It is one with scopes, which is not renewed
    int64_t life_ms;                //  How long a fresh one is good
    int64_t renew_after_ms;         //  Not before this (monotonic): the last try failed
    bool renewing;
};

fst_client_session_t *
fst_client_session_new (filestore_t *client, int64_t life_ms)
{
    assert (client);
    fst_client_session_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->client = client;
    self->usual_life_ms = life_ms;
    return self;
}

void
fst_client_session_destroy (fst_client_session_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        free ((*self_p)->token);
        free (*self_p);
        *self_p = NULL;
    }
}

//  ---- Token

//  Look into a token without checking it: that is for the services; here it says only when to renew.
static fst_rc_t
s_token_read (const char *token, char *user, size_t size, int64_t *expires_ms_p, bool *scoped_p)
{
    uint8_t octets [FST_TOKEN_CHARS_MAX];
    size_t bytes;
    if (fst_base64_decode (token, octets, sizeof (octets), &bytes) != FST_OK)
        return FST_UNAUTHENTICATED;
    uint8_t session [FST_SESSION_BYTES], signature [64];
    char name [256];
    fst_reader_t in = fst_reader (octets, bytes);
    uint64_t version = fst_read_uint (&in, 1);
    fst_read_uint (&in, 1);                         //  Role
    fst_read_bytes (&in, session, sizeof (session));
    int64_t expires_ms = (int64_t) fst_read_uint (&in, 8);
    size_t length = fst_read_uint (&in, 1);
    fst_read_bytes (&in, name, length);
    *scoped_p = version == 2;
    if (*scoped_p) {
        char scopes [FST_SCOPES_BYTES_MAX];
        size_t scopes_bytes = fst_read_uint (&in, 2);
        if (scopes_bytes >= sizeof (scopes))
            return FST_UNAUTHENTICATED;
        fst_read_bytes (&in, scopes, scopes_bytes);
    }
    fst_read_bytes (&in, signature, sizeof (signature));
    name [length] = 0;
    if (!fst_reader_ok (&in) || (version != 1 && version != 2) || length + 1 > size || strlen (name) != length)
        return FST_UNAUTHENTICATED;
    strcpy (user, name);
    *expires_ms_p = expires_ms;
    return FST_OK;
}

//  Go on with this token. life_ms 0: a fresh one, its life begins now.
static fst_rc_t
s_token_set (fst_client_session_t *self, const char *token, int64_t life_ms)
{
    char user [sizeof (self->user)];
    int64_t expires_ms;
    bool scoped;
    fst_rc_t rc = s_token_read (token, user, sizeof (user), &expires_ms, &scoped);
    if (rc != FST_OK)
        return rc;
    if (!self->token || strcmp (self->token, token) != 0) {
        free (self->token);
        self->token = strdup (token);
        assert (self->token);
    }
    memcpy (self->user, user, sizeof (user));
    self->expires_ms = expires_ms;
    self->scoped = scoped;
    self->life_ms = life_ms? life_ms: expires_ms - fst_clock_wall_ms ();
    self->renew_after_ms = 0;
    fst_calls_set_token (fst_client_calls (self->client), self->token);
    return FST_OK;
}

static void
s_token_clear (fst_client_session_t *self)
{
    free (self->token);
    self->token = NULL;
    self->user [0] = 0;
    fst_calls_set_token (fst_client_calls (self->client), NULL);
}

static void
s_renewed (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    (void) item;
    (void) problem;
    fst_client_session_t *self = owner;
    self->renewing = false;
    self->renew_after_ms = fst_clock_mono_ms () + RENEW_AGAIN_MS;
    if (rc == FST_OK && self->token
    &&  s_token_set (self, json_string_value (json_object_get (reply, "token")), 0) != FST_OK)
        return;                     //  Not a token: the old one is good for a while yet
}

static void
s_renew_if_due (fst_client_session_t *self)
{
    if (!self->token || self->renewing || self->expires_ms == 0 || self->scoped
    ||  fst_clock_mono_ms () < self->renew_after_ms)
        return;
    int64_t left_ms = self->expires_ms - fst_clock_wall_ms ();
    if (left_ms <= 0 || left_ms > self->life_ms / 2)
        return;
    self->renewing = true;
    fst_client_call (self->client, "auth", "RENEW", NULL, s_renewed, self, NULL);
}

void
fst_client_session_keep (fst_client_session_t *self)
{
    assert (self);
    s_renew_if_due (self);
}

bool
fst_client_session_renewing (fst_client_session_t *self)
{
    assert (self);
    s_renew_if_due (self);
    return self->renewing;
}

//  ---- What users do

fst_rc_t
filestore_register (filestore_t *self, const char *name, const char *password, json_t **reply_p)
{
    fst_rc_t rc = fst_client_begin (self);
    if (rc == FST_OK)
        rc = fst_client_ask (self, "auth", "REGISTER", json_pack ("{s:s, s:s}", "name", name, "password", password),
                             NULL, reply_p);
    return rc;
}

fst_rc_t
filestore_login (filestore_t *self, const char *name, const char *password, char **token_p)
{
    fst_rc_t rc = fst_client_begin (self);
    json_t *reply = NULL;
    if (rc == FST_OK)
        rc = fst_client_ask (self, "auth", "LOGIN", json_pack ("{s:s, s:s}", "name", name, "password", password),
                             NULL, &reply);
    const char *token = json_string_value (json_object_get (reply, "token"));
    if (rc == FST_OK && s_token_set (fst_client_session (self), token, 0) != FST_OK)
        rc = fst_client_fail (self, FST_INTERNAL, "the login gave a token that makes no sense");
    if (rc == FST_OK && token_p)
        *token_p = strdup (filestore_token (self));
    json_decref (reply);
    return rc;
}

fst_rc_t
filestore_use_token (filestore_t *self, const char *token)
{
    assert (self);
    assert (token);
    //  When it was made is not in it: take the usual life of a session
    fst_client_session_t *session = fst_client_session (self);
    fst_rc_t rc = s_token_set (session, token, session->usual_life_ms);
    if (rc != FST_OK)
        return fst_client_fail (self, rc, "that is no token: log in again");
    return rc;
}

const char *
filestore_token (const filestore_t *self)
{
    assert (self);
    return fst_client_session (self)->token;
}

const char *
filestore_user (const filestore_t *self)
{
    assert (self);
    const char *user = fst_client_session (self)->user;
    return *user? user: NULL;
}

fst_rc_t
filestore_logout (filestore_t *self)
{
    fst_rc_t rc = fst_client_begin (self);
    if (rc == FST_OK)
        rc = fst_client_ask (self, "auth", "LOGOUT", NULL, NULL, NULL);
    if (rc == FST_EXPIRED)              //  Over already; perhaps by this request, whose reply got lost
        rc = FST_OK;
    if (rc == FST_OK)
        s_token_clear (fst_client_session (self));
    return rc;
}

fst_rc_t
filestore_whoami (filestore_t *self, json_t **reply_p)
{
    fst_rc_t rc = fst_client_begin (self);
    const char *token = filestore_token (self);
    if (rc == FST_OK && !token)
        rc = fst_client_fail (self, FST_UNAUTHENTICATED, "%s", fst_error_text (FST_UNAUTHENTICATED));
    if (rc == FST_OK)
        rc = fst_client_ask (self, "auth", "VERIFY", json_pack ("{s:s}", "token", token), NULL, reply_p);
    return rc;
}

fst_rc_t
filestore_change_password (filestore_t *self, const char *old_password, const char *new_password)
{
    fst_rc_t rc = fst_client_begin (self);
    if (rc == FST_OK)
        rc = fst_client_ask (self, "auth", "CHANGE_PASSWORD",
                             json_pack ("{s:s, s:s}", "old", old_password, "new", new_password), NULL, NULL);
    return rc;
}
