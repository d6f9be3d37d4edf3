//  Reading chunk records from a file when only their place is known.

#ifndef FST_HEADER_H_INCLUDED
#define FST_HEADER_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>
#include "fst_disk.h"
#include "fst_record.h"

//  Read and check the header at offset. FST_NOT_FOUND if there is none; FST_IO.
fst_rc_t FST_CHECKED
fst_header_read (fst_disk_t *disk, fst_disk_file_t *file, int64_t offset, fst_record_t *record);

//  True if a record is what it should be at its place.
bool
fst_header_is (const fst_record_t *record, const fst_blob_id_t *blob, uint32_t extent, uint32_t slot);

//  Read the whole record whose header is record into data, and check all of it.
//      FST_CORRUPT, FST_IO
fst_rc_t FST_CHECKED
fst_header_read_whole (fst_disk_t *disk, fst_disk_file_t *file, int64_t offset, const fst_record_t *record,
                       uint8_t *data);

#endif
