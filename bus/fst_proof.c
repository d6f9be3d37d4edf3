//  Tickets, capabilities and receipts. As text, all are base64url (RFC 4648) of
//
//      ticket      'T', 1 (version), expiry (8), MAC (16)            subject: user name
//      capability  'C', 1, right (1), expiry (8), MAC (16)           subject: blob id, or upload id for WRITE
//      receipt     'R', 1, MAC (16)                                  subject: blob, extent, chunks, bytes, digest
//
//  MAC = BLAKE2b-128 keyed with the node's key over all octets before it and then the subject, which is not
//  in the text: whoever checks it knows it. The first octet keeps the kinds apart. Integers are big-endian.

#include "fst_proof.h"
#include "fst_bytes.h"
#include "fst_sodium.h"
#include "fst_text.h"
#include <stdlib.h>

#define VERSION           1
#define TICKET_HEAD       10
#define CAPABILITY_HEAD   11
#define RECEIPT_HEAD      2
#define PROOF_BYTES_MAX   (CAPABILITY_HEAD + FST_MAC_BYTES)

_Static_assert (PROOF_BYTES_MAX * 4 / 3 + 2 <= FST_PROOF_TEXT_MAX, "any proof fits its text");
_Static_assert (FST_MAC_BYTES >= crypto_generichash_blake2b_BYTES_MIN, "BLAKE2b gives a MAC of this length");
_Static_assert (FST_KEY_BYTES <= crypto_generichash_blake2b_KEYBYTES_MAX, "BLAKE2b takes a key of this length");

void
fst_node_key_derive (const uint8_t data_key [FST_KEY_BYTES], const char *node, uint8_t node_key [FST_KEY_BYTES])
{
    assert (data_key && node && node_key);
    static const char purpose [] = "filestore node key 1";
    crypto_generichash_blake2b_state state;
    crypto_generichash_blake2b_init (&state, data_key, FST_KEY_BYTES, FST_KEY_BYTES);
    crypto_generichash_blake2b_update (&state, (const uint8_t *) purpose, sizeof (purpose));
    crypto_generichash_blake2b_update (&state, (const uint8_t *) node, strlen (node));
    crypto_generichash_blake2b_final (&state, node_key, FST_KEY_BYTES);
    sodium_memzero (&state, sizeof (state));
}

fst_blob_id_t
fst_blob_id (const uint8_t upload [FST_UPLOAD_BYTES], uint32_t index)
{
    assert (upload);
    fst_blob_id_t blob;
    fst_writer_t out = fst_writer (blob.bytes, FST_BLOB_BYTES);
    fst_write_bytes (&out, upload, FST_UPLOAD_BYTES);
    fst_write_uint (&out, index, FST_BLOB_BYTES - FST_UPLOAD_BYTES);
    return blob;
}

static void
s_mac (const uint8_t *node_key, const uint8_t *head, size_t head_bytes, const void *subject, size_t subject_bytes,
       uint8_t *mac)
{
    crypto_generichash_blake2b_state state;
    crypto_generichash_blake2b_init (&state, node_key, FST_KEY_BYTES, FST_MAC_BYTES);
    crypto_generichash_blake2b_update (&state, head, head_bytes);
    crypto_generichash_blake2b_update (&state, subject, subject_bytes);
    crypto_generichash_blake2b_final (&state, mac, FST_MAC_BYTES);
    sodium_memzero (&state, sizeof (state));
}

//  proof holds head_bytes of head and room for the MAC.
static void
s_make (const uint8_t *node_key, uint8_t *proof, size_t head_bytes, const void *subject, size_t subject_bytes,
        char *text)
{
    s_mac (node_key, proof, head_bytes, subject, subject_bytes, proof + head_bytes);
    char *encoded = fst_base64_encode (proof, head_bytes + FST_MAC_BYTES);
    size_t length = strlen (encoded);
    assert (length < FST_PROOF_TEXT_MAX);
    memcpy (text, encoded, length + 1);
    free (encoded);
}

//  Decode text into proof (PROOF_BYTES_MAX octets), which must be of this kind and length.
static fst_rc_t
s_decode (const char *text, uint8_t kind, size_t head_bytes, uint8_t *proof)
{
    size_t bytes = 0;
    if (strnlen (text, FST_PROOF_TEXT_MAX) == FST_PROOF_TEXT_MAX
    ||  fst_base64_decode (text, proof, PROOF_BYTES_MAX, &bytes) != FST_OK
    ||  bytes != head_bytes + FST_MAC_BYTES
    ||  proof [0] != kind
    ||  proof [1] != VERSION)
        return FST_DENIED;
    return FST_OK;
}

static fst_rc_t
s_check_mac (const uint8_t *node_key, const uint8_t *proof, size_t head_bytes, const void *subject,
             size_t subject_bytes)
{
    uint8_t mac [FST_MAC_BYTES];
    s_mac (node_key, proof, head_bytes, subject, subject_bytes, mac);
    return sodium_memcmp (mac, proof + head_bytes, FST_MAC_BYTES) == 0? FST_OK: FST_DENIED;
}

//  Expiry stands in the last eight octets of the head. Looked at only after the MAC was found good.
static fst_rc_t
s_check_expiry (const uint8_t *proof, size_t head_bytes, int64_t wall_ms)
{
    fst_reader_t in = fst_reader (proof + head_bytes - 8, 8);
    int64_t expires_ms = (int64_t) fst_read_uint (&in, 8);
    return wall_ms < expires_ms? FST_OK: FST_EXPIRED;
}

void
fst_ticket_make (const uint8_t node_key [FST_KEY_BYTES], const char *user, int64_t expires_ms, char *text)
{
    assert (node_key && user && text);
    uint8_t proof [TICKET_HEAD + FST_MAC_BYTES];
    fst_writer_t out = fst_writer (proof, TICKET_HEAD);
    fst_write_uint (&out, 'T', 1);
    fst_write_uint (&out, VERSION, 1);
    fst_write_uint (&out, (uint64_t) expires_ms, 8);
    assert (out.left == 0);
    s_make (node_key, proof, TICKET_HEAD, user, strlen (user), text);
}

fst_rc_t
fst_ticket_check (const uint8_t node_key [FST_KEY_BYTES], const char *user, const char *text, int64_t wall_ms)
{
    assert (node_key && user && text);
    uint8_t proof [PROOF_BYTES_MAX];
    fst_rc_t rc = s_decode (text, 'T', TICKET_HEAD, proof);
    if (rc == FST_OK)
        rc = s_check_mac (node_key, proof, TICKET_HEAD, user, strlen (user));
    if (rc == FST_OK)
        rc = s_check_expiry (proof, TICKET_HEAD, wall_ms);
    return rc;
}

//  A capability to write is about the upload, one to read about the blob.
static size_t
s_subject_bytes (fst_right_t right)
{
    return right == FST_RIGHT_WRITE? FST_UPLOAD_BYTES: FST_BLOB_BYTES;
}

void
fst_capability_make (const uint8_t node_key [FST_KEY_BYTES], const fst_capability_t *capability, char *text)
{
    assert (node_key && capability && text);
    assert (capability->right == FST_RIGHT_READ || capability->right == FST_RIGHT_WRITE);
    uint8_t proof [CAPABILITY_HEAD + FST_MAC_BYTES];
    fst_writer_t out = fst_writer (proof, CAPABILITY_HEAD);
    fst_write_uint (&out, 'C', 1);
    fst_write_uint (&out, VERSION, 1);
    fst_write_uint (&out, capability->right, 1);
    fst_write_uint (&out, (uint64_t) capability->expires_ms, 8);
    assert (out.left == 0);
    s_make (node_key, proof, CAPABILITY_HEAD, capability->blob.bytes, s_subject_bytes (capability->right), text);
}

fst_rc_t
fst_capability_check (const uint8_t node_key [FST_KEY_BYTES], const char *text, fst_right_t right,
                      const fst_blob_id_t *blob, int64_t wall_ms)
{
    assert (node_key && text && blob);
    uint8_t proof [PROOF_BYTES_MAX];
    fst_rc_t rc = s_decode (text, 'C', CAPABILITY_HEAD, proof);
    if (rc == FST_OK) {
        fst_right_t given = (fst_right_t) proof [2];
        if (given != FST_RIGHT_WRITE && !(given == FST_RIGHT_READ && right == FST_RIGHT_READ))
            rc = FST_DENIED;
        else
            rc = s_check_mac (node_key, proof, CAPABILITY_HEAD, blob->bytes, s_subject_bytes (given));
    }
    if (rc == FST_OK)
        rc = s_check_expiry (proof, CAPABILITY_HEAD, wall_ms);
    return rc;
}

#define EXTENT_BYTES (FST_BLOB_BYTES + 4 + 4 + 8 + 8)

static void
s_extent_encode (const fst_extent_info_t *info, uint8_t *subject)
{
    fst_writer_t out = fst_writer (subject, EXTENT_BYTES);
    fst_write_bytes (&out, info->blob.bytes, FST_BLOB_BYTES);
    fst_write_uint (&out, info->extent, 4);
    fst_write_uint (&out, info->chunks, 4);
    fst_write_uint (&out, (uint64_t) info->bytes, 8);
    fst_write_uint (&out, info->digest, 8);
    assert (out.left == 0);
}

void
fst_receipt_make (const uint8_t node_key [FST_KEY_BYTES], const fst_extent_info_t *info, char *text)
{
    assert (node_key && info && text);
    uint8_t proof [RECEIPT_HEAD + FST_MAC_BYTES] = { 'R', VERSION };
    uint8_t subject [EXTENT_BYTES];
    s_extent_encode (info, subject);
    s_make (node_key, proof, RECEIPT_HEAD, subject, sizeof (subject), text);
}

fst_rc_t
fst_receipt_check (const uint8_t node_key [FST_KEY_BYTES], const fst_extent_info_t *info, const char *text)
{
    assert (node_key && info && text);
    uint8_t proof [PROOF_BYTES_MAX];
    uint8_t subject [EXTENT_BYTES];
    s_extent_encode (info, subject);
    fst_rc_t rc = s_decode (text, 'R', RECEIPT_HEAD, proof);
    if (rc == FST_OK)
        rc = s_check_mac (node_key, proof, RECEIPT_HEAD, subject, sizeof (subject));
    return rc;
}
