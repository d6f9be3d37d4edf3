//  A node's memory.

#include "fst_memory.h"
#include "fst_bytes.h"
#include <xxhash.h>

#define VERSION         1
#define CHECKED_BYTES   (FST_MEMORY_BYTES - 8)

void
fst_memory_encode (const fst_memory_t *memory, uint8_t data [FST_MEMORY_BYTES])
{
    fst_writer_t out = fst_writer (data, FST_MEMORY_BYTES);
    fst_write_bytes (&out, "FSTL", 4);
    fst_write_uint (&out, VERSION, 1);
    fst_write_uint (&out, memory->told.run, 8);
    fst_write_uint (&out, (uint64_t) memory->told.sequence, 8);
    fst_write_uint (&out, (uint64_t) memory->blobs, 8);
    fst_write_uint (&out, XXH3_64bits (data, CHECKED_BYTES), 8);
}

fst_rc_t
fst_memory_decode (const uint8_t *data, size_t bytes, fst_memory_t *memory)
{
    fst_reader_t in = fst_reader (data, bytes);
    uint8_t magic [4];
    fst_read_bytes (&in, magic, sizeof (magic));
    uint64_t version = fst_read_uint (&in, 1);
    fst_memory_t found;
    found.told.run = fst_read_uint (&in, 8);
    found.told.sequence = (int64_t) fst_read_uint (&in, 8);
    found.blobs = (int64_t) fst_read_uint (&in, 8);
    uint64_t checksum = fst_read_uint (&in, 8);
    if (!fst_reader_ok (&in)
    ||  memcmp (magic, "FSTL", 4) != 0
    ||  version != VERSION
    ||  found.told.sequence < 0
    ||  found.blobs < 0
    ||  checksum != XXH3_64bits (data, CHECKED_BYTES))
        return FST_MALFORMED;
    *memory = found;
    return FST_OK;
}
