//  What can be read of a storage node's folder when nothing of Filestore runs any more: the records in it, wherever a
//  good copy of each is: extents, small.db, the quarantine, extents that were never sealed. Nothing is ever written,
//  so a copy on a medium for reading only will do; and damage in one place is no reason not to look in the others.
//  One thread.

#ifndef FST_REMAINS_H_INCLUDED
#define FST_REMAINS_H_INCLUDED

#include <stdbool.h>
#include "fst_disk.h"
#include "fst_record.h"

typedef struct fst_remains fst_remains_t;

//  *problem_p is a sentence; caller frees.
//      FST_NOT_FOUND   no such folder, or not that of a storage node
//      FST_BUSY        a process uses it
fst_rc_t FST_CHECKED
fst_remains_open (const char *folder, fst_remains_t **self_p, char **problem_p);

void
fst_remains_destroy (fst_remains_t **self_p);

//  The folder, for reading only. Borrowed.
fst_disk_t *
fst_remains_disk (fst_remains_t *self);

//  Find a record. wanted names blob, extent, slot and chunk_log2; data has room for the largest record of such a blob.
//  accept is asked about each copy whose checksum is right, until it says true: it may decrypt in place.
//      FST_NOT_FOUND   there is none here
//      FST_CORRUPT     there are copies, but none that is good
typedef bool (fst_remains_fn) (void *arg, uint8_t *data, size_t bytes);
fst_rc_t FST_CHECKED
fst_remains_read (fst_remains_t *self, const fst_record_t *wanted, uint8_t *data, fst_remains_fn *accept, void *arg);

//  Call each for every blob that has a sealed extent or a small record here; some more than once.
typedef void (fst_remains_blob_fn) (void *arg, const fst_blob_id_t *blob);
void
fst_remains_blobs (fst_remains_t *self, fst_remains_blob_fn *each, void *arg);

#endif
