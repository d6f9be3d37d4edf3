//  Chunk records and the keys of blobs. Layout in fst_record.h.

#include "fst_record.h"
#include "fst_bytes.h"
#include "fst_sodium.h"
#include <xxhash.h>

#define MAGIC          "FSTC"
#define VERSION        1
#define FLAG_LAST      1
#define NONCE_OFFSET   40
#define NONCE_RANDOM   16
#define COVERED_BYTES  56           //  Of the header: all but the checksum
#define NONCE_BYTES    FST_CIPHER_NONCE_BYTES

_Static_assert (COVERED_BYTES == NONCE_OFFSET + NONCE_RANDOM, "the random part ends what is covered");
_Static_assert (COVERED_BYTES + 8 == FST_RECORD_HEADER_BYTES, "the checksum ends the header");
_Static_assert (NONCE_BYTES == NONCE_RANDOM + 8, "random part and chunk number are a nonce");
_Static_assert (FST_RECORD_TAG_BYTES == FST_CIPHER_TAG_BYTES, "the ciphers' tag");
_Static_assert (FST_KEY_BYTES == FST_CIPHER_KEY_BYTES, "the ciphers' key");
_Static_assert (NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "keys are wrapped by libsodium");
_Static_assert (FST_WRAPPED_BYTES == NONCE_BYTES + FST_KEY_BYTES + FST_RECORD_TAG_BYTES, "a wrapped key");
_Static_assert (FST_KEY_BYTES == crypto_kdf_KEYBYTES, "the key derivation's key");

static uint64_t
s_checksum (const uint8_t *data, size_t bytes)
{
    XXH64_hash_t seed = XXH3_64bits (data, COVERED_BYTES);
    return XXH3_64bits_withSeed (data + FST_RECORD_HEADER_BYTES, bytes - FST_RECORD_HEADER_BYTES, seed);
}

static void
s_nonce (const uint8_t *header, uint32_t chunk, uint8_t nonce [NONCE_BYTES])
{
    fst_writer_t out = fst_writer (nonce, NONCE_BYTES);
    fst_write_bytes (&out, header + NONCE_OFFSET, NONCE_RANDOM);
    fst_write_uint (&out, chunk, 8);
}

//  All of the header but random part and checksum.
static void
s_header_encode (const fst_record_t *record, uint8_t *header)
{
    fst_writer_t out = fst_writer (header, NONCE_OFFSET);
    fst_write_bytes (&out, MAGIC, 4);
    fst_write_uint (&out, VERSION, 1);
    fst_write_uint (&out, record->cipher, 1);
    fst_write_uint (&out, record->last? FLAG_LAST: 0, 1);
    fst_write_uint (&out, record->chunk_log2, 1);
    fst_write_bytes (&out, record->blob.bytes, FST_BLOB_BYTES);
    fst_write_uint (&out, record->extent, 4);
    fst_write_uint (&out, record->slot, 4);
    fst_write_uint (&out, record->chunk, 4);
    fst_write_uint (&out, record->plain_bytes, 4);
    assert (out.left == 0);
}

static bool
s_in_bounds (const fst_record_t *record)
{
    return record->chunk_log2 >= FST_CHUNK_LOG2_MIN && record->chunk_log2 <= FST_CHUNK_LOG2_MAX
        && record->plain_bytes >= 1 && record->plain_bytes <= (uint32_t) 1 << record->chunk_log2;
}

void
fst_record_seal (fst_record_t *record, const uint8_t key [FST_KEY_BYTES], uint8_t *buffer)
{
    assert (record && key && buffer);
    assert (s_in_bounds (record));
    uint8_t nonce [NONCE_BYTES];
    uint8_t *text = buffer + FST_RECORD_HEADER_BYTES;
    if (record->cipher == FST_CIPHER_ANY)
        record->cipher = fst_cipher_fastest ();
    s_header_encode (record, buffer);
    randombytes_buf (buffer + NONCE_OFFSET, NONCE_RANDOM);
    s_nonce (buffer, record->chunk, nonce);
    fst_cipher_seal (record->cipher, key, nonce, buffer, COVERED_BYTES, text, record->plain_bytes,
                     text + record->plain_bytes);
    record->checksum = s_checksum (buffer, fst_record_bytes (record->plain_bytes));
    fst_writer_t out = fst_writer (buffer + COVERED_BYTES, 8);
    fst_write_uint (&out, record->checksum, 8);
}

fst_rc_t
fst_record_decode (const uint8_t *data, size_t bytes, fst_record_t *record)
{
    assert (data && record);
    if (bytes < FST_RECORD_OVERHEAD)
        return FST_MALFORMED;
    uint8_t magic [4], random_part [NONCE_RANDOM];
    fst_record_t found = { 0 };
    fst_reader_t in = fst_reader (data, FST_RECORD_HEADER_BYTES);
    fst_read_bytes (&in, magic, sizeof (magic));
    uint64_t version = fst_read_uint (&in, 1);
    uint64_t cipher = fst_read_uint (&in, 1);
    uint64_t flags = fst_read_uint (&in, 1);
    found.last = flags & FLAG_LAST;
    found.chunk_log2 = (uint8_t) fst_read_uint (&in, 1);
    fst_read_bytes (&in, found.blob.bytes, FST_BLOB_BYTES);
    found.extent = (uint32_t) fst_read_uint (&in, 4);
    found.slot = (uint32_t) fst_read_uint (&in, 4);
    found.chunk = (uint32_t) fst_read_uint (&in, 4);
    found.plain_bytes = (uint32_t) fst_read_uint (&in, 4);
    fst_read_bytes (&in, random_part, sizeof (random_part));
    found.checksum = fst_read_uint (&in, 8);
    assert (fst_reader_ok (&in));
    if (memcmp (magic, MAGIC, sizeof (magic)) != 0
    ||  version != VERSION
    ||  !fst_cipher_known (cipher)
    ||  (flags & ~(uint64_t) FLAG_LAST) != 0
    ||  !s_in_bounds (&found)
    ||  bytes != fst_record_bytes (found.plain_bytes))
        return FST_MALFORMED;
    found.cipher = (fst_cipher_t) cipher;
    *record = found;
    return FST_OK;
}

fst_rc_t
fst_record_check (const uint8_t *data, size_t bytes, const fst_record_t *record)
{
    assert (data && record);
    assert (bytes == fst_record_bytes (record->plain_bytes));
    return s_checksum (data, bytes) == record->checksum? FST_OK: FST_CORRUPT;
}

static bool
s_is_expected (const fst_record_t *found, const fst_record_t *expect)
{
    return memcmp (found->blob.bytes, expect->blob.bytes, FST_BLOB_BYTES) == 0
        && found->extent == expect->extent
        && found->slot == expect->slot
        && found->chunk == expect->chunk
        && found->chunk_log2 == expect->chunk_log2
        && found->last == expect->last;
}

fst_rc_t
fst_record_open (const fst_record_t *expect, const uint8_t key [FST_KEY_BYTES], uint8_t *data, size_t bytes,
                 uint32_t *plain_bytes_p)
{
    assert (expect && key && data && plain_bytes_p);
    fst_record_t found;
    if (fst_record_decode (data, bytes, &found) != FST_OK
    ||  !s_is_expected (&found, expect))
        return FST_CORRUPT;
    uint8_t nonce [NONCE_BYTES];
    uint8_t *text = data + FST_RECORD_HEADER_BYTES;
    s_nonce (data, found.chunk, nonce);
    if (fst_cipher_open (found.cipher, key, nonce, data, COVERED_BYTES, text, found.plain_bytes,
                         text + found.plain_bytes) != FST_OK)
        return FST_CORRUPT;
    *plain_bytes_p = found.plain_bytes;
    return FST_OK;
}

uint64_t
fst_extent_digest (const uint64_t *checksums, size_t count)
{
    uint8_t octets [8 * FST_EXTENT_SLOTS_MAX];
    assert (checksums);
    assert (count <= FST_EXTENT_SLOTS_MAX);
    fst_writer_t out = fst_writer (octets, sizeof (octets));
    for (size_t slot = 0; slot < count; slot++)
        fst_write_uint (&out, checksums [slot], 8);
    return XXH3_64bits (octets, 8 * count);
}

void
fst_key_wrap (const uint8_t cluster_key [FST_KEY_BYTES], const fst_blob_id_t *blob,
              const uint8_t key [FST_KEY_BYTES], uint8_t *wrapped)
{
    assert (cluster_key && blob && key && wrapped);
    randombytes_buf (wrapped, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt (wrapped + NONCE_BYTES, NULL, key, FST_KEY_BYTES,
                                                blob->bytes, FST_BLOB_BYTES, NULL, wrapped, cluster_key);
}

fst_rc_t
fst_key_unwrap (const uint8_t cluster_key [FST_KEY_BYTES], const fst_blob_id_t *blob,
                const uint8_t *wrapped, uint8_t key [FST_KEY_BYTES])
{
    assert (cluster_key && blob && wrapped && key);
    uint8_t opened [FST_KEY_BYTES];
    if (crypto_aead_xchacha20poly1305_ietf_decrypt (opened, NULL, NULL, wrapped + NONCE_BYTES,
                                                    FST_WRAPPED_BYTES - NONCE_BYTES,
                                                    blob->bytes, FST_BLOB_BYTES, wrapped, cluster_key) != 0)
        return FST_CORRUPT;
    memcpy (key, opened, FST_KEY_BYTES);
    sodium_memzero (opened, sizeof (opened));
    return FST_OK;
}

void
fst_blob_key_derive (const uint8_t upload_key [FST_KEY_BYTES], uint32_t index, uint8_t key [FST_KEY_BYTES])
{
    assert (upload_key && key);
    crypto_kdf_derive_from_key (key, FST_KEY_BYTES, index, "fst-blob", upload_key);
}
