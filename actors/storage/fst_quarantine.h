//  The quarantine of extents: what metadata does not know, and copies that are damaged, put aside instead of deleted.
//  A mistake can be undone for some days. Nothing is served from here; small blobs have a table of their own (fst_small.h).
//
//      quarantine/<ms>-<blob>-<n>      as it was in extents/; put aside at this time of the node (fst_age.h)
//
//  For the thread that seals and deletes extents; fst_quarantine_count is for any.
//  After FST_IO from take, restore or expire the process must end: a folder could not be synced.

#ifndef FST_QUARANTINE_H_INCLUDED
#define FST_QUARANTINE_H_INCLUDED

#include "fst_extents.h"

typedef struct fst_quarantine fst_quarantine_t;

//  Makes the folder, and counts what is in it. Both are borrowed.
fst_rc_t FST_CHECKED
fst_quarantine_new (fst_disk_t *disk, fst_extents_t *extents, fst_quarantine_t **self_p);

void
fst_quarantine_destroy (fst_quarantine_t **self_p);

//  Put sealed extents aside, durably. moved [n] grows by the number of extents that ids [n] named and that were here.
fst_rc_t FST_CHECKED
fst_quarantine_take (fst_quarantine_t *self, const fst_extent_id_t *ids, size_t count, int64_t now_ms, uint32_t *moved);

//  Put extents back whose every octet is right, the newest of each, durably; all must be single extents.
//  What is in the place of one is put aside in turn, so ask only for what is missing or damaged.
//  restored [n] is set where it was done, otherwise left as it is.
fst_rc_t FST_CHECKED
fst_quarantine_restore (fst_quarantine_t *self, const fst_extent_id_t *ids, size_t count, int64_t now_ms, bool *restored);

//  Delete what was put aside before a time, at most limit files. *deleted_p says how many.
fst_rc_t FST_CHECKED
fst_quarantine_expire (fst_quarantine_t *self, int64_t before_ms, size_t limit, size_t *deleted_p);

//  Files here.
int64_t
fst_quarantine_count (const fst_quarantine_t *self);

//  Time of the newest file that was here at the start; 0: there was none.
int64_t
fst_quarantine_newest_ms (const fst_quarantine_t *self);

#endif
