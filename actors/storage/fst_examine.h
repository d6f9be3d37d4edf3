//  Is this file a whole extent? Every record's header at its place, with deep every octet against its
//  checksum, and nothing behind the last record. In steps, so that whoever reads 64 MiB can pause.
//
//  A file cut off exactly behind a record is one with fewer records: only metadata knows how many there should be.

#ifndef FST_EXAMINE_H_INCLUDED
#define FST_EXAMINE_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>
#include "fst_disk.h"
#include "fst_proof.h"

typedef struct fst_examination fst_examination_t;

//  Begin with the file of that name, which should be this extent. disk is borrowed.
//      FST_NOT_FOUND, FST_IO
fst_rc_t FST_CHECKED
fst_examination_new (fst_disk_t *disk, const char *name, const fst_blob_id_t *blob, uint32_t extent, bool deep,
                     fst_examination_t **self_p);

void
fst_examination_destroy (fst_examination_t **self_p);

//  Go on for about so many octets of the file, at least one record. *done_p is set when nothing is left.
//      FST_CORRUPT, FST_IO
fst_rc_t FST_CHECKED
fst_examination_step (fst_examination_t *self, int64_t bytes, bool *done_p);

//  So far, of the file. For the sentence that goes with damage.
int64_t
fst_examination_offset (const fst_examination_t *self);

//  All of it at once. info may be NULL.
//      FST_NOT_FOUND, FST_CORRUPT, FST_IO
fst_rc_t FST_CHECKED
fst_examine (fst_disk_t *disk, const char *name, const fst_blob_id_t *blob, uint32_t extent, bool deep,
             fst_extent_info_t *info);

#endif
