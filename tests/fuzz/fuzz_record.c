//  Chunk records: any octets are decoded or refused within their length, nothing opens that was not sealed, and
//  no single octet of what was sealed may change.

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include "fst_record.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes);

static const uint8_t s_key [FST_KEY_BYTES] = { 1 };

//  Give octets that look like a record the checksum they should have, so that only the tag stands in the way.
static void
s_checksum (uint8_t *data, size_t bytes)
{
    uint64_t checksum = XXH3_64bits_withSeed (data + FST_RECORD_HEADER_BYTES, bytes - FST_RECORD_HEADER_BYTES,
                                              XXH3_64bits (data, 56));
    for (int at = 0; at < 8; at++)
        data [56 + at] = (uint8_t) (checksum >> (56 - 8 * at));
}

static void
s_any (const uint8_t *data, size_t bytes, bool looks_right)
{
    static const uint8_t start [] = { 'F', 'S', 'T', 'C', 1 };
    uint8_t *copy = malloc (bytes + 1);
    if (bytes)
        memcpy (copy, data, bytes);
    if (looks_right && bytes >= FST_RECORD_OVERHEAD) {
        size_t plain_bytes = bytes - FST_RECORD_OVERHEAD;
        memcpy (copy, start, sizeof (start));
        copy [5] = (uint8_t) (1 + copy [5] % 2);        //  Either cipher
        for (int at = 0; at < 4; at++)
            copy [36 + at] = (uint8_t) (plain_bytes >> (24 - 8 * at));
        s_checksum (copy, bytes);
    }
    fst_record_t record;
    uint32_t plain_bytes;
    if (fst_record_decode (copy, bytes, &record) == FST_OK) {
        assert (bytes == fst_record_bytes (record.plain_bytes));
        assert (record.plain_bytes >= 1 && record.plain_bytes <= (uint32_t) 1 << record.chunk_log2);
        assert (fst_record_check (copy, bytes, &record) == FST_OK || !looks_right);
        assert (fst_record_open (&record, s_key, copy, bytes, &plain_bytes) == FST_CORRUPT);
    }
    free (copy);
}

static void
s_sealed (const uint8_t *data, size_t bytes)
{
    if (bytes < 4)
        return;
    size_t at = (size_t) (data [0] << 8 | data [1]);
    uint8_t change = data [2];
    fst_record_t record = { .plain_bytes = (uint32_t) bytes - 3, .chunk_log2 = FST_CHUNK_LOG2_MIN, .chunk = at,
                            .cipher = (fst_cipher_t) (1 + data [3] % 2) };
    size_t record_bytes = fst_record_bytes (record.plain_bytes);
    uint8_t *buffer = malloc (record_bytes);
    uint32_t plain_bytes = 0;
    memcpy (buffer + FST_RECORD_HEADER_BYTES, data + 3, bytes - 3);
    fst_record_seal (&record, s_key, buffer);
    buffer [at % record_bytes] ^= change;
    fst_rc_t rc = fst_record_open (&record, s_key, buffer, record_bytes, &plain_bytes);
    bool checksum = at % record_bytes >= 56 && at % record_bytes < 64;      //  Nodes look at it, readers do not
    assert ((rc == FST_OK) == (change == 0 || checksum));
    if (rc == FST_OK)
        assert (plain_bytes == bytes - 3 && memcmp (buffer + FST_RECORD_HEADER_BYTES, data + 3, plain_bytes) == 0);
    free (buffer);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes)
{
    s_any (data, bytes, false);
    s_any (data, bytes, true);
    s_sealed (data, bytes);
    return 0;
}
