//  Session tokens: what auth signed is believed until it expires, and nothing else is.

#include "fst_token.h"
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define NOW_MS 1800000000000

static uint8_t s_public [FST_SIGN_PUBLIC_BYTES], s_secret [FST_SIGN_SECRET_BYTES];

static void
s_setup (void)
{
    crypto_sign_keypair (s_public, s_secret);
}

TestSuite (token, .init = s_setup);

static fst_claims_t
s_alice (void)
{
    return (fst_claims_t) { .name = "alice", .role = FST_ROLE_USER, .session = { 1, 2, 3 },
                            .expires_ms = NOW_MS + 1000 };
}

Test (token, claims_come_back_as_they_were_signed)
{
    fst_claims_t claims = s_alice (), found;
    char *token = fst_token_sign (&claims, s_secret);
    cr_assert_eq (fst_token_verify (token, s_public, NOW_MS, &found), FST_OK);
    cr_expect_str_eq (found.name, "alice");
    cr_expect_eq (found.role, FST_ROLE_USER);
    cr_expect_arr_eq (found.session, claims.session, FST_SESSION_BYTES);
    cr_expect_eq (found.expires_ms, claims.expires_ms);
    free (token);

    //  The longest name there is
    memset (claims.name, 'n', FST_USER_BYTES_MAX * 2);
    claims.role = FST_ROLE_ACTOR;
    token = fst_token_sign (&claims, s_secret);
    cr_assert_eq (fst_token_verify (token, s_public, NOW_MS, &found), FST_OK);
    cr_expect_str_eq (found.name, claims.name);
    free (token);
}

Test (token, scopes_come_back_as_they_were_signed)
{
    fst_claims_t claims = s_alice (), found;
    for (int count = 0; count <= FST_SCOPES_MAX; count++) {
        char path [32];
        claims.scoped = true;
        char *token = fst_token_sign (&claims, s_secret);
        cr_assert_leq (strlen (token), FST_TOKEN_CHARS_MAX);
        cr_assert_eq (fst_token_verify (token, s_public, NOW_MS, &found), FST_OK);
        cr_expect (found.scoped);
        cr_expect_eq (fst_scopes_bytes (found.scopes), fst_scopes_bytes (claims.scopes));
        cr_expect_arr_eq (found.scopes, claims.scopes, fst_scopes_bytes (claims.scopes) + 1);
        free (token);
        snprintf (path, sizeof (path), "/users/%d", count);
        cr_expect_eq (fst_scopes_add (claims.scopes, count & 1, path), count < FST_SCOPES_MAX? FST_OK: FST_TOO_MANY);
    }
}

Test (token, expires_at_its_time_and_still_says_whose_it_was)
{
    fst_claims_t claims = s_alice (), found;
    char *token = fst_token_sign (&claims, s_secret);
    cr_expect_eq (fst_token_verify (token, s_public, claims.expires_ms - 1, &found), FST_OK);
    memset (&found, 0, sizeof (found));
    cr_expect_eq (fst_token_verify (token, s_public, claims.expires_ms, &found), FST_EXPIRED);
    cr_expect_str_eq (found.name, "alice");
    free (token);

    claims.expires_ms = 0;          //  Never, for actors
    token = fst_token_sign (&claims, s_secret);
    cr_expect_eq (fst_token_verify (token, s_public, INT64_MAX, &found), FST_OK);
    free (token);
}

Test (token, every_bit_counts)
{
    fst_claims_t claims = s_alice (), found = { .name = "untouched" };
    char *token = fst_token_sign (&claims, s_secret);
    uint8_t data [512], other [512];
    size_t bytes;
    cr_assert_eq (fst_base64_decode (token, data, sizeof (data), &bytes), FST_OK);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        memcpy (other, data, bytes);
        other [bit / 8] ^= (uint8_t) (1 << bit % 8);
        char *text = fst_base64_encode (other, bytes);
        cr_expect_eq (fst_token_verify (text, s_public, NOW_MS, &found), FST_UNAUTHENTICATED, "bit %zu", bit);
        free (text);
    }
    for (size_t at = 0; token [at]; at++) {
        char octet = token [at];
        for (int value = 1; value < 256; value++)
            if ((char) value != octet) {
                token [at] = (char) value;
                cr_assert_eq (fst_token_verify (token, s_public, NOW_MS, &found), FST_UNAUTHENTICATED);
            }
        token [at] = octet;
    }
    cr_expect_str_eq (found.name, "untouched");
    free (token);
}

Test (token, every_length_but_its_own_is_refused)
{
    fst_claims_t claims = s_alice (), found;
    char *token = fst_token_sign (&claims, s_secret);
    size_t length = strlen (token);
    char *longer = malloc (length + 2);
    snprintf (longer, length + 2, "%sA", token);
    cr_expect_eq (fst_token_verify (longer, s_public, NOW_MS, &found), FST_UNAUTHENTICATED);
    for (size_t cut = 0; cut < length; cut++) {
        longer [length - cut] = 0;
        if (cut > 0)
            cr_expect_eq (fst_token_verify (longer, s_public, NOW_MS, &found), FST_UNAUTHENTICATED);
    }
    cr_expect_eq (fst_token_verify ("", s_public, NOW_MS, &found), FST_UNAUTHENTICATED);
    char *huge = malloc (100001);
    memset (huge, 'A', 100000);
    huge [100000] = 0;
    cr_expect_eq (fst_token_verify (huge, s_public, NOW_MS, &found), FST_UNAUTHENTICATED);
    free (huge);
    free (longer);
    free (token);
}

Test (token, signed_by_another_is_refused)
{
    uint8_t other_public [FST_SIGN_PUBLIC_BYTES], other_secret [FST_SIGN_SECRET_BYTES];
    crypto_sign_keypair (other_public, other_secret);
    fst_claims_t claims = s_alice (), found;
    char *token = fst_token_sign (&claims, other_secret);
    cr_expect_eq (fst_token_verify (token, s_public, NOW_MS, &found), FST_UNAUTHENTICATED);
    cr_expect_eq (fst_token_verify (token, other_public, NOW_MS, &found), FST_OK);
    free (token);
}

//  A good signature under something that is no token of this version.
static void
s_expect_refused (const uint8_t *data, size_t bytes)
{
    uint8_t token [512];
    fst_claims_t found;
    memcpy (token, data, bytes);
    crypto_sign_detached (token + bytes, NULL, token, bytes, s_secret);
    char *text = fst_base64_encode (token, bytes + crypto_sign_BYTES);
    cr_expect_eq (fst_token_verify (text, s_public, NOW_MS, &found), FST_UNAUTHENTICATED);
    free (text);
}

Test (token, good_signature_does_not_make_a_bad_layout_good)
{
    fst_claims_t claims = s_alice ();
    char *token = fst_token_sign (&claims, s_secret);
    uint8_t data [512], other [512];
    size_t bytes;
    cr_assert_eq (fst_base64_decode (token, data, sizeof (data), &bytes), FST_OK);
    bytes -= crypto_sign_BYTES;
    static const struct { size_t at; uint8_t value; } changes [] = {
        { 0, 2 },           //  Version
        { 1, 0 }, { 1, 4 }, //  Role
        { 18, 0x80 },       //  Expiry below zero
        { 26, 0 }, { 26, 4 }, { 26, 6 }, { 26, 255 },       //  Length of the name
        { 27, 0 },          //  NUL in the name
    };
    for (size_t index = 0; index < sizeof (changes) / sizeof (changes [0]); index++) {
        memcpy (other, data, bytes);
        other [changes [index].at] = changes [index].value;
        s_expect_refused (other, bytes);
    }
    s_expect_refused (data, bytes - 1);
    memcpy (other, data, bytes);
    other [bytes] = 'x';
    s_expect_refused (other, bytes + 1);
    free (token);
}
