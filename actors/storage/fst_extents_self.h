//  The extent store's inside: what its files share. Not for others.

#ifndef FST_EXTENTS_SELF_H_INCLUDED
#define FST_EXTENTS_SELF_H_INCLUDED

#include "fst_extents.h"
#include <pthread.h>
#include "fst_drafts.h"

struct fst_extents {
    fst_disk_t *disk;
    fst_drafts_t *drafts;
    pthread_mutex_t lock;           //  Guards statistics
    fst_extents_statistics_t statistics;
    bool settled [FST_EXTENT_FOLDERS];  //  Synced by a deletion of this process; for the thread that deletes
};

//  Count extents that came (or went, if negative).
void
fst_extents_note (fst_extents_t *self, int sealed, int open);

//  Open the final file. FST_NOT_FOUND.
fst_rc_t FST_CHECKED
fst_extents_open_sealed (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, fst_disk_file_t **file_p);

#endif
