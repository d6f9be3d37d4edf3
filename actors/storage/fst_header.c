//  Records in files.

#include "fst_header.h"
#include "fst_bytes.h"
#include <assert.h>

fst_rc_t
fst_header_read (fst_disk_t *disk, fst_disk_file_t *file, int64_t offset, fst_record_t *record)
{
    uint8_t header [FST_RECORD_HEADER_BYTES];
    size_t got;
    fst_rc_t rc = disk->read (disk->self, file, offset, header, sizeof (header), &got);
    if (rc != FST_OK)
        return rc;
    if (got < sizeof (header))
        return FST_NOT_FOUND;
    fst_reader_t in = fst_reader (header + FST_RECORD_PLAIN_OFFSET, 4);
    size_t bytes = fst_record_bytes ((uint32_t) fst_read_uint (&in, 4));
    return fst_record_decode (header, bytes, record) == FST_OK? FST_OK: FST_NOT_FOUND;
}

bool
fst_header_is (const fst_record_t *record, const fst_blob_id_t *blob, uint32_t extent, uint32_t slot)
{
    return memcmp (record->blob.bytes, blob->bytes, FST_BLOB_BYTES) == 0
        && record->extent == extent
        && record->slot == slot;
}

fst_rc_t
fst_header_read_whole (fst_disk_t *disk, fst_disk_file_t *file, int64_t offset, const fst_record_t *record,
                       uint8_t *data)
{
    size_t bytes = fst_record_bytes (record->plain_bytes), got;
    fst_rc_t rc = disk->read (disk->self, file, offset, data, bytes, &got);
    if (rc != FST_OK)
        return rc;
    fst_record_t found;
    if (got < bytes
    ||  fst_record_decode (data, bytes, &found) != FST_OK
    ||  found.checksum != record->checksum          //  Rewritten since the header was read
    ||  fst_record_check (data, bytes, &found) != FST_OK)
        return FST_CORRUPT;
    assert (found.plain_bytes == record->plain_bytes);
    return FST_OK;
}
