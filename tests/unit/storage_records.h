//  Chunk records for the tests of storage: sealed with a fixed key, so that only blob, place and a filling octet
//  matter. Included by one program each.

#ifndef STORAGE_RECORDS_H_INCLUDED
#define STORAGE_RECORDS_H_INCLUDED

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_record.h"

typedef struct {
    fst_record_t record;            //  As decoded
    uint8_t *data;
    size_t bytes;
} test_record_t;

//  Blob n of upload "u".
static inline fst_blob_id_t
test_blob (uint8_t upload, uint32_t index)
{
    uint8_t id [FST_UPLOAD_BYTES];
    memset (id, upload, sizeof (id));
    return fst_blob_id (id, index);
}

//  Record of chunk number chunk of a blob with extents of extent_chunks. plain_bytes 0 means a full chunk.
static inline test_record_t
test_record (fst_blob_id_t blob, uint32_t chunk, uint32_t extent_chunks, uint8_t chunk_log2, uint32_t plain_bytes,
             bool last, uint8_t filling)
{
    static const uint8_t s_key [FST_KEY_BYTES] = { 1, 2, 3 };
    test_record_t made = { .record = {
        .blob = blob, .extent = chunk / extent_chunks, .slot = chunk % extent_chunks, .chunk = chunk,
        .plain_bytes = plain_bytes? plain_bytes: 1u << chunk_log2, .chunk_log2 = chunk_log2, .last = last
    } };
    made.bytes = fst_record_bytes (made.record.plain_bytes);
    made.data = malloc (made.bytes);
    assert (made.data);
    memset (made.data + FST_RECORD_HEADER_BYTES, filling, made.record.plain_bytes);
    fst_record_seal (&made.record, s_key, made.data);
    fst_rc_t rc = fst_record_decode (made.data, made.bytes, &made.record);
    assert (rc == FST_OK);
    return made;
}

//  A small blob.
static inline test_record_t
test_small (fst_blob_id_t blob, uint32_t plain_bytes, uint8_t filling)
{
    return test_record (blob, 0, 64, 20, plain_bytes, true, filling);
}

static inline void
test_record_free (test_record_t *made)
{
    free (made->data);
    made->data = NULL;
}

#endif
