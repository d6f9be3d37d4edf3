//  The ciphers of chunk records, by libcrypto.

#include "fst_cipher.h"
#include "fst_sodium.h"
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#if defined (__aarch64__)
#   include <asm/hwcap.h>
#   include <sys/auxv.h>
#endif

#define BLOCK_BYTES     16          //  Of AES
#define INNER_BYTES     12          //  Nonce of the ciphers that do the work
#define DERIVE_BYTES    12          //  Of the nonce: what XAES derives a key with

_Static_assert (FST_CIPHER_KEY_BYTES == 2 * BLOCK_BYTES, "a derived key is two blocks");
_Static_assert (FST_CIPHER_NONCE_BYTES == DERIVE_BYTES + INNER_BYTES, "XAES takes the nonce apart in halves");
_Static_assert (FST_CIPHER_KEY_BYTES == crypto_core_hchacha20_OUTPUTBYTES, "a derived key");

//  ---- libcrypto

static pthread_once_t s_once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *s_chacha, *s_gcm, *s_block;      //  Looked up once; kept until the process ends

//  With the first record, not before: who never sees content pays nothing. Its settings file is not ours.
static void
s_start (void)
{
    int done = OPENSSL_init_crypto (OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
    assert (done == 1);
    s_chacha = EVP_CIPHER_fetch (NULL, "ChaCha20-Poly1305", NULL);
    s_gcm = EVP_CIPHER_fetch (NULL, "AES-256-GCM", NULL);
    s_block = EVP_CIPHER_fetch (NULL, "AES-256-ECB", NULL);
    assert (s_chacha);
    assert (s_gcm);
    assert (s_block);
}

//  ---- One key for each nonce

//  Blocks in place.
static void
s_encrypt_blocks (const uint8_t *key, uint8_t *blocks, int count)
{
    int done = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
    assert (context);
    int rc = EVP_EncryptInit_ex2 (context, s_block, key, NULL, NULL);
    assert (rc == 1);
    EVP_CIPHER_CTX_set_padding (context, 0);
    rc = EVP_EncryptUpdate (context, blocks, &done, blocks, count * BLOCK_BYTES);
    assert (rc == 1 && done == count * BLOCK_BYTES);
    EVP_CIPHER_CTX_free (context);
}

//  C2SP XAES-256-GCM: CMAC of two blocks, each a counter, the letter X and the first half of the nonce.
static void
s_derive_xaes (const uint8_t *key, const uint8_t *nonce, uint8_t *derived)
{
    uint8_t mask [BLOCK_BYTES] = { 0 };
    s_encrypt_blocks (key, mask, 1);
    uint8_t carry = mask [0] >> 7;
    for (int at = 0; at < BLOCK_BYTES; at++)
        mask [at] = (uint8_t) (mask [at] << 1 | (at + 1 < BLOCK_BYTES? mask [at + 1] >> 7: 0));
    mask [BLOCK_BYTES - 1] ^= (uint8_t) (carry * 0x87);
    for (int half = 0; half < 2; half++) {
        uint8_t *block = derived + half * BLOCK_BYTES;
        memcpy (block, (const uint8_t []) { 0, (uint8_t) (half + 1), 'X', 0 }, 4);
        memcpy (block + 4, nonce, DERIVE_BYTES);
        for (int at = 0; at < BLOCK_BYTES; at++)
            block [at] ^= mask [at];
    }
    s_encrypt_blocks (key, derived, 2);
    sodium_memzero (mask, sizeof (mask));
}

//  What the cipher that does the work gets for this key and nonce.
static const EVP_CIPHER *
s_derive (fst_cipher_t cipher, const uint8_t *key, const uint8_t *nonce, uint8_t *derived, uint8_t *inner)
{
    assert (fst_cipher_known (cipher));
    pthread_once (&s_once, s_start);
    if (cipher == FST_CIPHER_XAES) {
        s_derive_xaes (key, nonce, derived);
        memcpy (inner, nonce + DERIVE_BYTES, INNER_BYTES);
        return s_gcm;
    }
    crypto_core_hchacha20 (derived, nonce, key, NULL);
    memset (inner, 0, 4);
    memcpy (inner + 4, nonce + crypto_core_hchacha20_INPUTBYTES, 8);
    return s_chacha;
}

//  ---- Seal and open

//  Encrypt or decrypt in place, and make or check the tag; true if it is right.
static bool
s_run (bool seal, fst_cipher_t cipher, const uint8_t *key, const uint8_t *nonce, const uint8_t *associated,
       size_t associated_bytes, uint8_t *text, size_t bytes, uint8_t *tag)
{
    assert (key && nonce && text && tag);
    assert (associated || !associated_bytes);
    assert (bytes <= INT_MAX);
    assert (associated_bytes <= INT_MAX);
    uint8_t derived [FST_CIPHER_KEY_BYTES], inner [INNER_BYTES], rest [BLOCK_BYTES];
    const EVP_CIPHER *work = s_derive (cipher, key, nonce, derived, inner);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
    assert (context);
    int done = 0;
    int rc = EVP_CipherInit_ex2 (context, work, derived, inner, seal, NULL);
    assert (rc == 1);
    rc = EVP_CipherUpdate (context, NULL, &done, associated, (int) associated_bytes);
    assert (rc == 1);
    rc = EVP_CipherUpdate (context, text, &done, text, (int) bytes);
    assert (rc == 1 && done == (int) bytes);
    if (!seal) {
        rc = EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_SET_TAG, FST_CIPHER_TAG_BYTES, tag);
        assert (rc == 1);
    }
    bool right = EVP_CipherFinal_ex (context, rest, &done) == 1;
    if (seal) {
        assert (right);
        rc = EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_GET_TAG, FST_CIPHER_TAG_BYTES, tag);
        assert (rc == 1);
    }
    EVP_CIPHER_CTX_free (context);
    sodium_memzero (derived, sizeof (derived));
    return right;
}

void
fst_cipher_seal (fst_cipher_t cipher, const uint8_t key [FST_CIPHER_KEY_BYTES],
                 const uint8_t nonce [FST_CIPHER_NONCE_BYTES], const uint8_t *associated, size_t associated_bytes,
                 uint8_t *text, size_t bytes, uint8_t tag [FST_CIPHER_TAG_BYTES])
{
    s_run (true, cipher, key, nonce, associated, associated_bytes, text, bytes, tag);
}

fst_rc_t
fst_cipher_open (fst_cipher_t cipher, const uint8_t key [FST_CIPHER_KEY_BYTES],
                 const uint8_t nonce [FST_CIPHER_NONCE_BYTES], const uint8_t *associated, size_t associated_bytes,
                 uint8_t *text, size_t bytes, const uint8_t tag [FST_CIPHER_TAG_BYTES])
{
    uint8_t expected [FST_CIPHER_TAG_BYTES];        //  libcrypto wants it changeable
    assert (tag);
    memcpy (expected, tag, sizeof (expected));
    return s_run (false, cipher, key, nonce, associated, associated_bytes, text, bytes, expected)? FST_OK: FST_CORRUPT;
}

//  ---- Which one

bool
fst_cipher_known (uint64_t number)
{
    return number == FST_CIPHER_XCHACHA || number == FST_CIPHER_XAES;
}

fst_rc_t
fst_cipher_parse (const char *name, fst_cipher_t *cipher_p)
{
    static const struct { const char *name; fst_cipher_t cipher; } names [] = {
        { "auto", FST_CIPHER_ANY }, { "xchacha20-poly1305", FST_CIPHER_XCHACHA }, { "aes-256-gcm", FST_CIPHER_XAES }
    };
    assert (name && cipher_p);
    for (size_t at = 0; at < sizeof (names) / sizeof (names [0]); at++)
        if (strcmp (names [at].name, name) == 0) {
            *cipher_p = names [at].cipher;
            return FST_OK;
        }
    return FST_MALFORMED;
}

fst_cipher_t
fst_cipher_fastest (void)
{
    bool aes = false;
#if defined (__x86_64__) || defined (__i386__)
    aes = __builtin_cpu_supports ("aes") && __builtin_cpu_supports ("pclmul");
#elif defined (__aarch64__)
    unsigned long has = getauxval (AT_HWCAP);
    aes = (has & HWCAP_AES) && (has & HWCAP_PMULL);
#endif
    return aes? FST_CIPHER_XAES: FST_CIPHER_XCHACHA;
}
