//  Tokens: no octets that auth did not sign are believed, and what it did sign has exactly one form.

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "fst_token.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes);

static uint8_t s_public [FST_SIGN_PUBLIC_BYTES], s_secret [FST_SIGN_SECRET_BYTES];

//  A good signature under anything: the layout alone decides.
static void
s_signed (const uint8_t *data, size_t bytes)
{
    uint8_t *token = malloc (bytes + crypto_sign_BYTES);
    memcpy (token, data, bytes);
    crypto_sign_detached (token + bytes, NULL, data, bytes, s_secret);
    char *text = fst_base64_encode (token, bytes + crypto_sign_BYTES);
    fst_claims_t claims;
    fst_rc_t rc = fst_token_verify (text, s_public, 1800000000000, &claims);
    assert (rc == FST_OK || rc == FST_EXPIRED || rc == FST_UNAUTHENTICATED);
    if (rc != FST_UNAUTHENTICATED) {
        char *again = fst_token_sign (&claims, s_secret);
        assert (strcmp (again, text) == 0);
        free (again);
    }
    free (text);
    free (token);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes)
{
    static const uint8_t seed [crypto_sign_SEEDBYTES] = { 1 };
    crypto_sign_seed_keypair (s_public, s_secret, seed);
    fst_claims_t claims;
    char *text = strndup ((const char *) data, bytes);
    assert (fst_token_verify (text, s_public, 0, &claims) == FST_UNAUTHENTICATED);
    free (text);
    text = fst_base64_encode (data, bytes);
    assert (fst_token_verify (text, s_public, 0, &claims) == FST_UNAUTHENTICATED);
    free (text);
    s_signed (data, bytes);
    return 0;
}
