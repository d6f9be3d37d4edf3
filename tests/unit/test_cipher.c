//  The ciphers: as others made them, on every machine, and nothing opens that was not sealed.

#include "fst_cipher.h"
#include "fst_sodium.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const fst_cipher_t s_ciphers [] = { FST_CIPHER_XCHACHA, FST_CIPHER_XAES };
static const uint8_t s_key [FST_CIPHER_KEY_BYTES] = { 1, 2, 3 };
static const uint8_t s_nonce [FST_CIPHER_NONCE_BYTES] = { 4, 5, 6 };

static void
s_unhex (const char *text, uint8_t *octets, size_t bytes)
{
    size_t got = 0;
    cr_assert_eq (sodium_hex2bin (octets, bytes, text, strlen (text), NULL, &got, NULL), 0);
    cr_assert_eq (got, bytes);
}

//  github.com/C2SP/C2SP, XAES-256-GCM.md: one with the highest bit of L clear, one with it set
Test (cipher, xaes_is_the_published_one)
{
    static const struct { uint8_t key; const char *associated, *sealed; } cases [] = {
        { 0x01, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271" },
        { 0x03, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d" },
    };
    for (size_t at = 0; at < sizeof (cases) / sizeof (cases [0]); at++) {
        uint8_t key [FST_CIPHER_KEY_BYTES], text [13] = "XAES-256-GCM", tag [FST_CIPHER_TAG_BYTES], expected [28];
        memset (key, cases [at].key, sizeof (key));
        s_unhex (cases [at].sealed, expected, sizeof (expected));
        fst_cipher_seal (FST_CIPHER_XAES, key, (const uint8_t *) "ABCDEFGHIJKLMNOPQRSTUVWX",
                         (const uint8_t *) cases [at].associated, strlen (cases [at].associated), text, 12, tag);
        cr_expect_arr_eq (text, expected, 12, "case %zu", at);
        cr_expect_arr_eq (tag, expected + 12, sizeof (tag), "case %zu", at);
    }
}

//  Contents that are on disks since version 0.1 were sealed by libsodium
Test (cipher, xchacha_is_that_of_libsodium)
{
    for (size_t bytes = 1; bytes < 5000; bytes = bytes * 2 + 1) {
        uint8_t *text = calloc (2, bytes), tag [FST_CIPHER_TAG_BYTES], *plain = text + bytes;
        randombytes_buf (plain, bytes);
        crypto_aead_xchacha20poly1305_ietf_encrypt_detached (text, tag, NULL, plain, bytes, (const uint8_t *) "head", 4,
                                                             NULL, s_nonce, s_key);
        cr_assert_eq (fst_cipher_open (FST_CIPHER_XCHACHA, s_key, s_nonce, (const uint8_t *) "head", 4, text, bytes, tag),
                      FST_OK, "%zu octets", bytes);
        cr_assert_arr_eq (text, plain, bytes);
        fst_cipher_seal (FST_CIPHER_XCHACHA, s_key, s_nonce, (const uint8_t *) "head", 4, text, bytes, tag);
        cr_assert_eq (crypto_aead_xchacha20poly1305_ietf_decrypt_detached (text, NULL, text, bytes, tag,
                      (const uint8_t *) "head", 4, s_nonce, s_key), 0);
        cr_assert_arr_eq (text, plain, bytes);
        free (text);
    }
}

//  Flip one bit of what has so many octets; what was sealed must not open, and must open when it is back.
static void
s_flip (fst_cipher_t cipher, uint8_t *octets, size_t bytes, const uint8_t *key, const uint8_t *nonce, const uint8_t *head,
        const uint8_t *sealed, size_t sealed_bytes, const uint8_t *tag)
{
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        uint8_t copy [100];
        octets [bit / 8] ^= (uint8_t) (1 << bit % 8);
        memcpy (copy, sealed, sealed_bytes);
        cr_expect_eq (fst_cipher_open (cipher, key, nonce, head, 4, copy, sealed_bytes, tag), FST_CORRUPT, "bit %zu", bit);
        octets [bit / 8] ^= (uint8_t) (1 << bit % 8);
    }
}

Test (cipher, every_bit_of_everything_counts)
{
    for (size_t at = 0; at < 2; at++) {
        fst_cipher_t cipher = s_ciphers [at];
        uint8_t key [FST_CIPHER_KEY_BYTES], nonce [FST_CIPHER_NONCE_BYTES], tag [FST_CIPHER_TAG_BYTES];
        uint8_t head [4] = "head", text [20] = "the quick brown fox";
        memcpy (key, s_key, sizeof (key));
        memcpy (nonce, s_nonce, sizeof (nonce));
        fst_cipher_seal (cipher, key, nonce, head, 4, text, sizeof (text), tag);
        s_flip (cipher, key, sizeof (key), key, nonce, head, text, sizeof (text), tag);
        s_flip (cipher, nonce, sizeof (nonce), key, nonce, head, text, sizeof (text), tag);
        s_flip (cipher, head, sizeof (head), key, nonce, head, text, sizeof (text), tag);
        s_flip (cipher, text, sizeof (text), key, nonce, head, text, sizeof (text), tag);
        s_flip (cipher, tag, sizeof (tag), key, nonce, head, text, sizeof (text), tag);
        cr_expect_eq (fst_cipher_open (s_ciphers [1 - at], key, nonce, head, 4, (uint8_t [20]) { 0 }, 20, tag), FST_CORRUPT);
        cr_expect_eq (fst_cipher_open (cipher, key, nonce, head, 4, text, sizeof (text), tag), FST_OK);
        cr_expect_str_eq ((char *) text, "the quick brown fox");
    }
}

Test (cipher, names)
{
    fst_cipher_t cipher = FST_CIPHER_XAES;
    cr_expect_eq (fst_cipher_parse ("auto", &cipher), FST_OK);
    cr_expect_eq (cipher, FST_CIPHER_ANY);
    cr_expect_eq (fst_cipher_parse ("aes-256-gcm", &cipher), FST_OK);
    cr_expect_eq (cipher, FST_CIPHER_XAES);
    cr_expect_eq (fst_cipher_parse ("xchacha20-poly1305", &cipher), FST_OK);
    cr_expect_eq (cipher, FST_CIPHER_XCHACHA);
    cr_expect_eq (fst_cipher_parse ("rot13", &cipher), FST_MALFORMED);
    cr_expect_eq (cipher, FST_CIPHER_XCHACHA);
    cr_expect (fst_cipher_known (fst_cipher_fastest ()));
    cr_expect_not (fst_cipher_known (FST_CIPHER_ANY));
    cr_expect_not (fst_cipher_known (3));
}
