//  Small blobs: one record each, kept inline in small.db; and the few numbers that a node must not forget.
//  Format in docs/DISK.md. Many requests are committed together: one sync for all of them.
//
//  One thread writes (all calls but read, list and the counts' getters); any thread reads, on a connection of its own
//  that sees what is committed.

#ifndef FST_SMALL_H_INCLUDED
#define FST_SMALL_H_INCLUDED

#include <czmq.h>
#include "fst_error.h"
#include "fst_extents.h"
#include "fst_record.h"

typedef struct fst_small fst_small_t;

//  Of the file.
#define FST_SMALL_APPLICATION_ID 0x46535473     //  "FSTs"
#define FST_SMALL_VERSION        3
#define FST_SMALL_PAGE_BYTES     16384  //  Three records of 4 KiB; measured 1.7 times as fast as pages with one

//  Open or create filename. *problem_p is a sentence; caller frees. A damaged file is for fst_salvage.h.
//      FST_CORRUPT, FST_INTERNAL   the file is damaged, or not ours
fst_rc_t FST_CHECKED
fst_small_open (const char *filename, fst_small_t **self_p, char **problem_p);

void
fst_small_destroy (fst_small_t **self_p);

//  True if the record is a whole small blob: the only chunk of it, and at most FST_SMALL_BYTES_MAX.
bool
fst_small_fits (const fst_record_t *record);

//  Between begin and commit, requests are added one after the other; each is kept wholly or not at all.
//  After a commit that fails nothing of it was kept, whatever the stores said.
fst_rc_t FST_CHECKED
fst_small_begin (fst_small_t *self);
fst_rc_t FST_CHECKED
fst_small_commit (fst_small_t *self);

//  One request: records, decoded and checked, with their octets. What is there already is fine.
//      FST_EXISTS      a blob is there with another record
//      FST_NO_SPACE, FST_IO
fst_rc_t FST_CHECKED
fst_small_store (fst_small_t *self, const fst_record_t *records, const uint8_t *const *data, size_t count);

//  Delete those that are here (extent 0, or all of a blob); found [n] is set where ids [n] was, otherwise left as it is.
fst_rc_t FST_CHECKED
fst_small_delete (fst_small_t *self, const fst_extent_id_t *ids, size_t count, bool *found);

//  Put blobs aside: they are not served or listed any more, and can be put back until they expire. moved [n] is set
//  where ids [n] was here, otherwise left as it is.
fst_rc_t FST_CHECKED
fst_small_set_aside (fst_small_t *self, const fst_extent_id_t *ids, size_t count, int64_t now_ms, bool *moved);

//  Put back, of each, the newest record that is whole; one that is in its place is put aside in turn. restored [n]
//  is set where it was done, otherwise left as it is.
fst_rc_t FST_CHECKED
fst_small_put_back (fst_small_t *self, const fst_extent_id_t *ids, size_t count, int64_t now_ms, bool *restored);

//  Delete what was put aside before a time, at most limit records. *deleted_p says how many.
fst_rc_t FST_CHECKED
fst_small_expire (fst_small_t *self, int64_t before_ms, size_t limit, size_t *deleted_p);

//  Records put aside, as committed. Any thread.
int64_t
fst_small_quarantined (fst_small_t *self);

//  Remember, with the next commit, what metadata told this node last: the sequence, which never falls, and its run
//  (0: not said).
void
fst_small_set_sequence (fst_small_t *self, uint64_t run, int64_t sequence);

//  As committed. For the thread that writes, and before it starts.
int64_t
fst_small_sequence (const fst_small_t *self);
uint64_t
fst_small_run (const fst_small_t *self);

//  Blobs here, in the transaction that is open. For the thread that writes.
int64_t
fst_small_stored (const fst_small_t *self);

//  Blobs here, as committed. Any thread.
int64_t
fst_small_count (fst_small_t *self);

//  An I/O error happened, or the file is damaged: from then on all calls give FST_IO, and the process must end. Any thread.
bool
fst_small_is_dead (const fst_small_t *self);

//  The pages of the file are damaged: the next start has to salvage it (fst_salvage.h).
bool
fst_small_is_damaged (const fst_small_t *self);

//  Other numbers to be remembered, by name; set is for inside a transaction. standard is what counts if it was never set.
int64_t
fst_small_get (fst_small_t *self, const char *name, int64_t standard);
fst_rc_t FST_CHECKED
fst_small_set (fst_small_t *self, const char *name, int64_t value);

//  Read the record of a blob, checked.
//      FST_NOT_FOUND, FST_CORRUPT, FST_IO
fst_rc_t FST_CHECKED
fst_small_read (fst_small_t *self, const fst_blob_id_t *blob, zframe_t **record_p);

//  Check every octet of the next rows behind *row_p (0: from the first), and that they are found by their blob's id.
//  *damaged_p has room for *count_p ids, which is then how many there are. *bytes_p: what was read; *more_p: not yet all.
//      FST_CORRUPT     the file is damaged; FST_IO
fst_rc_t FST_CHECKED
fst_small_examine (fst_small_t *self, size_t rows, int64_t *row_p, int64_t *bytes_p, fst_blob_id_t *damaged,
                   size_t *count_p, bool *more_p);

//  Octets of the whole file.
int64_t
fst_small_bytes (fst_small_t *self);

//  As fst_extents_list; all are extent 0.
fst_rc_t FST_CHECKED
fst_small_list (fst_small_t *self, const fst_blob_id_t *after, fst_held_t *held, size_t limit, size_t *count_p);

#endif
