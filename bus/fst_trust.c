//  Tokens that were checked a moment ago, and sessions that were revoked.

#include "fst_trust.h"
#include <assert.h>
#include <czmq.h>
#include <string.h>
#include <xxhash.h>
#include "fst_clock.h"
#include "fst_log.h"

#define REMEMBERED      1024        //  Tokens; one hash value each has room for one
#define REVOKED_MAX     1000000     //  auth has fewer sessions than that

typedef struct {
    char *token;                    //  NULL if there is none here
    fst_claims_t claims;
} s_known_t;

struct fst_trust {
    uint8_t sign_public [FST_SIGN_PUBLIC_BYTES];
    uint64_t seed;                  //  So that nobody can choose tokens that drive out others
    s_known_t known [REMEMBERED];
    zhashx_t *revoked;              //  Session in hex -> when its token expires (int64_t, owned)
    size_t purge_at;                //  Size at which expired ones are looked for
};

static void
s_free (void **item_p)
{
    free (*item_p);
    *item_p = NULL;
}

fst_trust_t *
fst_trust_new (const uint8_t sign_public [FST_SIGN_PUBLIC_BYTES])
{
    assert (sign_public);
    fst_trust_t *self = calloc (1, sizeof (*self));
    assert (self);
    memcpy (self->sign_public, sign_public, sizeof (self->sign_public));
    self->seed = fst_random ();
    self->revoked = zhashx_new ();
    zhashx_set_destructor (self->revoked, s_free);
    self->purge_at = 1024;
    return self;
}

void
fst_trust_destroy (fst_trust_t **self_p)
{
    assert (self_p);
    fst_trust_t *self = *self_p;
    if (!self)
        return;
    for (size_t at = 0; at < REMEMBERED; at++)
        free (self->known [at].token);
    zhashx_destroy (&self->revoked);
    free (self);
    *self_p = NULL;
}

static s_known_t *
s_known (fst_trust_t *self, const char *token)
{
    return &self->known [XXH3_64bits_withSeed (token, strlen (token), self->seed) % REMEMBERED];
}

bool
fst_trust_is_revoked (const fst_trust_t *self, const uint8_t session [FST_SESSION_BYTES])
{
    assert (self && session);
    char text [2 * FST_SESSION_BYTES + 1];
    fst_hex_encode (session, FST_SESSION_BYTES, text);
    return zhashx_lookup (self->revoked, text) != NULL;
}

//  The signature is good; whether the token is too.
static fst_rc_t
s_still_good (const fst_trust_t *self, const fst_claims_t *claims, int64_t wall_ms)
{
    bool old = claims->expires_ms && wall_ms >= claims->expires_ms;
    return old || fst_trust_is_revoked (self, claims->session)? FST_EXPIRED: FST_OK;
}

fst_rc_t
fst_trust_check (fst_trust_t *self, const char *token, int64_t wall_ms, fst_claims_t *claims)
{
    assert (self && claims);
    if (!token)
        return FST_UNAUTHENTICATED;
    s_known_t *known = s_known (self, token);
    if (!known->token || strcmp (known->token, token) != 0) {
        fst_claims_t found;
        fst_rc_t rc = fst_token_verify (token, self->sign_public, wall_ms, &found);
        if (rc != FST_OK)
            return rc;
        free (known->token);
        known->token = strdup (token);
        assert (known->token);
        known->claims = found;
    }
    fst_rc_t rc = s_still_good (self, &known->claims, wall_ms);
    if (rc == FST_OK)
        *claims = known->claims;
    return rc;
}

static void
s_purge (fst_trust_t *self, int64_t wall_ms)
{
    zlistx_t *sessions = zhashx_keys (self->revoked);
    for (const char *session = zlistx_first (sessions); session; session = zlistx_next (sessions)) {
        int64_t expires_ms = *(int64_t *) zhashx_lookup (self->revoked, session);
        if (expires_ms && expires_ms <= wall_ms)
            zhashx_delete (self->revoked, session);
    }
    zlistx_destroy (&sessions);
    self->purge_at = zhashx_size (self->revoked) * 2 + 1024;
}

void
fst_trust_revoke (fst_trust_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t expires_ms, int64_t wall_ms)
{
    assert (self && session);
    if (zhashx_size (self->revoked) >= self->purge_at)
        s_purge (self, wall_ms);
    if (zhashx_size (self->revoked) >= REVOKED_MAX) {
        fst_log_error ("session not revoked here: there are too many");
        return;
    }
    char text [2 * FST_SESSION_BYTES + 1];
    fst_hex_encode (session, FST_SESSION_BYTES, text);
    const int64_t *before = zhashx_lookup (self->revoked, text);
    if (before && (!*before || (expires_ms && expires_ms < *before)))
        return;                         //  Never shorter: there may be a token of it that ends later
    int64_t *value = malloc (sizeof (*value));
    assert (value);
    *value = expires_ms;
    zhashx_update (self->revoked, text, value);
}
