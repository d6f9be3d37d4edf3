//  Chunk records: what was sealed opens as what it was, and no other way.

#include "fst_record.h"
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN "the quick brown fox"
#define PLAIN_BYTES (sizeof (PLAIN) - 1)

static const uint8_t s_key [FST_KEY_BYTES] = { 1, 2, 3 };
static const uint8_t s_upload [FST_UPLOAD_BYTES] = { 4, 5, 6 };
static const fst_cipher_t s_ciphers [] = { FST_CIPHER_XCHACHA, FST_CIPHER_XAES };
static fst_cipher_t s_cipher = FST_CIPHER_XAES;
static uint8_t s_buffer [PLAIN_BYTES + FST_RECORD_OVERHEAD];

//  The lines behind it run with each cipher.
#define WITH_EACH_CIPHER \
    for (size_t cipher_at = 0; cipher_at < 2 && (s_cipher = s_ciphers [cipher_at]); cipher_at++)

static fst_record_t
s_fox (void)
{
    return (fst_record_t) { .blob = fst_blob_id (s_upload, 7), .extent = 1, .slot = 2, .chunk = 66,
                            .plain_bytes = PLAIN_BYTES, .chunk_log2 = 20, .last = true, .cipher = s_cipher };
}

static fst_record_t
s_seal (void)
{
    fst_record_t record = s_fox ();
    memcpy (s_buffer + FST_RECORD_HEADER_BYTES, PLAIN, PLAIN_BYTES);
    fst_record_seal (&record, s_key, s_buffer);
    return record;
}

static fst_rc_t
s_open (const fst_record_t *expect, const uint8_t *key, uint32_t *plain_bytes_p)
{
    uint8_t copy [sizeof (s_buffer)];       //  Opening is in place
    memcpy (copy, s_buffer, sizeof (copy));
    fst_rc_t rc = fst_record_open (expect, key, copy, sizeof (copy), plain_bytes_p);
    if (rc == FST_OK)
        cr_assert_arr_eq (copy + FST_RECORD_HEADER_BYTES, PLAIN, PLAIN_BYTES);
    return rc;
}

static void
s_opens (void)
{
    fst_record_t record = s_seal (), found;
    uint32_t plain_bytes = 0;
    cr_assert_eq (fst_record_decode (s_buffer, sizeof (s_buffer), &found), FST_OK);
    cr_expect_arr_eq (found.blob.bytes, record.blob.bytes, FST_BLOB_BYTES);
    cr_expect_eq (found.extent, 1);
    cr_expect_eq (found.slot, 2);
    cr_expect_eq (found.chunk, 66);
    cr_expect_eq (found.plain_bytes, PLAIN_BYTES);
    cr_expect_eq (found.chunk_log2, 20);
    cr_expect (found.last);
    cr_expect_eq (found.cipher, s_cipher);
    cr_expect_eq (found.checksum, record.checksum);
    cr_expect_eq (fst_record_check (s_buffer, sizeof (s_buffer), &found), FST_OK);
    cr_expect_null (memmem (s_buffer, sizeof (s_buffer), "quick", 5), "it is encrypted");
    cr_expect_eq (s_open (&record, s_key, &plain_bytes), FST_OK);
    cr_expect_eq (plain_bytes, PLAIN_BYTES);
}

Test (record, opens_as_it_was_sealed)
{
    WITH_EACH_CIPHER
        s_opens ();
}

//  As a resumed upload leaves behind when it goes on elsewhere
Test (record, one_blob_may_have_records_of_both_ciphers)
{
    fst_record_t expect = s_fox ();         //  Who reads asks for a chunk, not for a cipher
    uint32_t plain_bytes;
    expect.cipher = FST_CIPHER_ANY;
    WITH_EACH_CIPHER {
        s_seal ();
        cr_expect_eq (s_buffer [5], s_cipher);
        cr_expect_eq (s_open (&expect, s_key, &plain_bytes), FST_OK);
    }
}

Test (record, without_a_choice_the_fastest_cipher_seals)
{
    s_cipher = FST_CIPHER_ANY;
    cr_expect_eq (s_seal ().cipher, fst_cipher_fastest ());
    cr_expect_eq (s_buffer [5], fst_cipher_fastest ());
}

Test (record, sealed_before_there_were_two_ciphers)
{
    uint8_t nonce [24] = { 7, 7, 7 };       //  Chunk 66 in its last octet, as libsodium's record of version 0.1 had it
    uint32_t plain_bytes = 0;
    s_cipher = FST_CIPHER_XCHACHA;
    fst_record_t record = s_seal ();
    memset (s_buffer + 40, 0, 16);
    memcpy (s_buffer + 40, nonce, 3);
    nonce [23] = 66;
    uint8_t *text = s_buffer + FST_RECORD_HEADER_BYTES;
    crypto_aead_xchacha20poly1305_ietf_encrypt_detached (text, text + PLAIN_BYTES, NULL, (const uint8_t *) PLAIN,
                                                         PLAIN_BYTES, s_buffer, 56, NULL, nonce, s_key);
    cr_expect_eq (s_open (&record, s_key, &plain_bytes), FST_OK);
    cr_expect_eq (plain_bytes, PLAIN_BYTES);
}

Test (record, header_is_laid_out_as_documented)
{
    s_seal ();
    static const uint8_t expected [40] = {
        'F', 'S', 'T', 'C', 1, 2, 1, 20, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,
        0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 66, 0, 0, 0, PLAIN_BYTES
    };
    cr_expect_arr_eq (s_buffer, expected, 40);
}

Test (record, same_plain_text_never_gives_the_same_record)
{
    uint8_t first [sizeof (s_buffer)];
    s_seal ();
    memcpy (first, s_buffer, sizeof (first));
    s_seal ();
    cr_expect_arr_neq (first + 40, s_buffer + 40, 16);
    cr_expect_arr_neq (first + 64, s_buffer + 64, PLAIN_BYTES);
}

//  The checksum is for nodes; who has the key has something better. Its octets may be anything for him.
static bool
s_is_checksum (size_t at)
{
    return at >= 56 && at < 64;
}

static void
s_every_bit (void)
{
    fst_record_t record = s_seal ();
    uint32_t plain_bytes = 12345;
    for (size_t bit = 0; bit < sizeof (s_buffer) * 8; bit++) {
        fst_record_t found;
        s_buffer [bit / 8] ^= (uint8_t) (1 << bit % 8);
        if (!s_is_checksum (bit / 8))
            cr_expect_eq (s_open (&record, s_key, &plain_bytes), FST_CORRUPT, "bit %zu", bit);

        //  A node, which has no key, sees it too
        if (fst_record_decode (s_buffer, sizeof (s_buffer), &found) == FST_OK)
            cr_expect_eq (fst_record_check (s_buffer, sizeof (s_buffer), &found), FST_CORRUPT, "bit %zu", bit);
        s_buffer [bit / 8] ^= (uint8_t) (1 << bit % 8);
    }
    cr_expect_eq (plain_bytes, 12345);
    cr_expect_eq (s_open (&record, s_key, &plain_bytes), FST_OK);
}

Test (record, every_bit_counts)
{
    WITH_EACH_CIPHER
        s_every_bit ();
}

static void
s_forged (void)
{
    fst_record_t record = s_seal (), other;
    uint8_t forged [sizeof (s_buffer)], key [FST_KEY_BYTES] = { 9 };
    uint32_t plain_bytes;
    //  All is right but the key: a node cannot know, the reader does
    memcpy (forged, s_buffer, sizeof (forged));
    other = s_fox ();
    memcpy (forged + FST_RECORD_HEADER_BYTES, "THE QUICK BROWN FOX", PLAIN_BYTES);
    fst_record_seal (&other, key, forged);
    cr_expect_eq (fst_record_check (forged, sizeof (forged), &other), FST_OK);
    cr_expect_eq (fst_record_open (&record, s_key, forged, sizeof (forged), &plain_bytes), FST_CORRUPT);
}

Test (record, forged_checksum_does_not_help)
{
    WITH_EACH_CIPHER
        s_forged ();
}

static void
s_another (void)
{
    fst_record_t record = s_seal ();
    uint32_t plain_bytes;
    fst_record_t others [] = { record, record, record, record, record, record };
    others [0].blob = fst_blob_id (s_upload, 8);
    others [1].extent++;
    others [2].slot++;
    others [3].chunk++;
    others [4].chunk_log2++;
    others [5].last = false;
    for (size_t index = 0; index < 6; index++)
        cr_expect_eq (s_open (&others [index], s_key, &plain_bytes), FST_CORRUPT, "%zu", index);
}

Test (record, another_record_than_asked_for_is_refused)
{
    WITH_EACH_CIPHER
        s_another ();
}

Test (record, every_length_but_its_own_is_refused)
{
    s_seal ();
    uint8_t longer [sizeof (s_buffer) + 1];
    memcpy (longer, s_buffer, sizeof (s_buffer));
    fst_record_t found;
    for (size_t bytes = 0; bytes <= sizeof (longer); bytes++)
        cr_expect_eq (fst_record_decode (longer, bytes, &found),
                      bytes == sizeof (s_buffer)? FST_OK: FST_MALFORMED, "%zu", bytes);
}

Test (record, version_cipher_or_flag_of_the_future_is_refused)
{
    static const struct { size_t at; uint8_t value; } cases [] = {
        { 0, 'f' }, { 3, 'D' }, { 4, 0 }, { 4, 2 }, { 5, 0 }, { 5, 3 }, { 6, 2 }, { 6, 0x81 }
    };
    for (size_t index = 0; index < sizeof (cases) / sizeof (cases [0]); index++) {
        fst_record_t found;
        s_seal ();
        s_buffer [cases [index].at] = cases [index].value;
        cr_expect_eq (fst_record_decode (s_buffer, sizeof (s_buffer), &found), FST_MALFORMED, "case %zu", index);
    }
}

Test (record, bounds_of_chunks)
{
    static const struct { uint8_t log2; uint32_t plain_bytes; fst_rc_t rc; } cases [] = {
        { 16, 65536, FST_OK }, { 16, 65537, FST_MALFORMED }, { 23, 8388608, FST_OK }, { 23, 8388609, FST_MALFORMED },
        { 15, 10, FST_MALFORMED }, { 24, 10, FST_MALFORMED }, { 0, 1, FST_MALFORMED }, { 255, 1, FST_MALFORMED },
        { 16, 0, FST_MALFORMED }, { 16, 1, FST_OK }, { 16, UINT32_MAX, FST_MALFORMED },
    };
    for (size_t index = 0; index < sizeof (cases) / sizeof (cases [0]); index++) {
        fst_record_t found;
        size_t bytes = fst_record_bytes (cases [index].plain_bytes % 10000000);
        uint8_t *data = calloc (1, bytes);
        s_seal ();
        memcpy (data, s_buffer, FST_RECORD_HEADER_BYTES);
        data [7] = cases [index].log2;
        for (int at = 0; at < 4; at++)
            data [36 + at] = (uint8_t) (cases [index].plain_bytes >> (24 - 8 * at));
        cr_expect_eq (fst_record_decode (data, bytes, &found), cases [index].rc, "case %zu", index);
        free (data);
    }
}

Test (record, whole_chunks_of_every_size_round_trip)
{
    for (uint8_t log2 = FST_CHUNK_LOG2_MIN; log2 <= FST_CHUNK_LOG2_MAX; log2++) {
        fst_record_t record = { .chunk_log2 = log2, .plain_bytes = (uint32_t) 1 << log2, .chunk = UINT32_MAX, .cipher = s_ciphers [log2 & 1] };
        size_t bytes = fst_record_bytes (record.plain_bytes);
        cr_assert_eq ((int64_t) bytes, fst_record_stride (log2), "a whole chunk fills its slot");
        uint8_t *plain = malloc (record.plain_bytes), *data = malloc (bytes);
        uint32_t plain_bytes;
        randombytes_buf (plain, record.plain_bytes);
        memcpy (data + FST_RECORD_HEADER_BYTES, plain, record.plain_bytes);
        fst_record_seal (&record, s_key, data);
        cr_assert_eq (fst_record_open (&record, s_key, data, bytes, &plain_bytes), FST_OK);
        cr_expect_eq (plain_bytes, record.plain_bytes);
        cr_expect (memcmp (data + FST_RECORD_HEADER_BYTES, plain, plain_bytes) == 0);
        free (plain);
        free (data);
    }
}

Test (record, key_unwraps_only_with_its_cluster_and_blob)
{
    uint8_t cluster_key [FST_KEY_BYTES] = { 42 }, wrapped [FST_WRAPPED_BYTES], again [FST_WRAPPED_BYTES];
    uint8_t key [FST_KEY_BYTES] = { 0 };
    fst_blob_id_t blob = fst_blob_id (s_upload, 1), other = fst_blob_id (s_upload, 2);
    fst_key_wrap (cluster_key, &blob, s_key, wrapped);
    fst_key_wrap (cluster_key, &blob, s_key, again);
    cr_expect_arr_neq (wrapped, again, FST_WRAPPED_BYTES);
    cr_expect_eq (fst_key_unwrap (cluster_key, &blob, wrapped, key), FST_OK);
    cr_expect_arr_eq (key, s_key, FST_KEY_BYTES);
    cr_expect_eq (fst_key_unwrap (cluster_key, &other, wrapped, key), FST_CORRUPT);
    for (size_t bit = 0; bit < FST_WRAPPED_BYTES * 8; bit++) {
        wrapped [bit / 8] ^= (uint8_t) (1 << bit % 8);
        cr_expect_eq (fst_key_unwrap (cluster_key, &blob, wrapped, key), FST_CORRUPT, "bit %zu", bit);
        wrapped [bit / 8] ^= (uint8_t) (1 << bit % 8);
    }
    cluster_key [31] ^= 1;
    cr_expect_eq (fst_key_unwrap (cluster_key, &blob, wrapped, key), FST_CORRUPT);
}

Test (record, blob_keys_differ_and_are_reproducible)
{
    uint8_t first [FST_KEY_BYTES], again [FST_KEY_BYTES], second [FST_KEY_BYTES];
    fst_blob_key_derive (s_key, 0, first);
    fst_blob_key_derive (s_key, 0, again);
    fst_blob_key_derive (s_key, 1, second);
    cr_expect_arr_eq (first, again, FST_KEY_BYTES);
    cr_expect_arr_neq (first, second, FST_KEY_BYTES);
    cr_expect_arr_neq (first, s_key, FST_KEY_BYTES);
}
