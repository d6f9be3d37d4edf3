//  The ciphers of chunk records, each with associated data, a key of 256 bits and a nonce of 192 bits, in place.
//
//      1   XChaCha20-Poly1305 (IETF)
//      2   XAES-256-GCM (C2SP): AES-256-GCM whose key is derived anew for each nonce, by AES as CMAC
//
//  With the first 96 bits of the nonce both derive a key that is used once, so that keys and nonces need not be counted;
//  docs/adr/0017-ciphers.md has the argument. What either sealed opens on every machine; where the processor has no
//  instructions for AES, the second is slow, so it is not chosen there.
//  The work is done by libcrypto: it has the fastest code for both. Pure; safe from any thread.

#ifndef FST_CIPHER_H_INCLUDED
#define FST_CIPHER_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_error.h"

#define FST_CIPHER_KEY_BYTES    32
#define FST_CIPHER_NONCE_BYTES  24
#define FST_CIPHER_TAG_BYTES    16

typedef enum {
    FST_CIPHER_ANY = 0,             //  In requests and settings: the fastest of this machine
    FST_CIPHER_XCHACHA = 1,
    FST_CIPHER_XAES = 2
} fst_cipher_t;

//  True if number is that of a cipher.
bool
fst_cipher_known (uint64_t number);

//  The cipher of this name: auto, xchacha20-poly1305, aes-256-gcm.
//      FST_MALFORMED
fst_rc_t FST_CHECKED
fst_cipher_parse (const char *name, fst_cipher_t *cipher_p);

//  The faster one on this machine: XAES where the processor multiplies for GCM and has rounds of AES. Never ANY.
fst_cipher_t
fst_cipher_fastest (void);

//  Encrypt bytes octets of text in place, and write the tag.
void
fst_cipher_seal (fst_cipher_t cipher, const uint8_t key [FST_CIPHER_KEY_BYTES],
                 const uint8_t nonce [FST_CIPHER_NONCE_BYTES], const uint8_t *associated, size_t associated_bytes,
                 uint8_t *text, size_t bytes, uint8_t tag [FST_CIPHER_TAG_BYTES]);

//  Decrypt in place.
//      FST_CORRUPT  it was not sealed like this; text holds nothing of use then
fst_rc_t FST_CHECKED
fst_cipher_open (fst_cipher_t cipher, const uint8_t key [FST_CIPHER_KEY_BYTES],
                 const uint8_t nonce [FST_CIPHER_NONCE_BYTES], const uint8_t *associated, size_t associated_bytes,
                 uint8_t *text, size_t bytes, const uint8_t tag [FST_CIPHER_TAG_BYTES]);

#endif
