//  The extents that are being written: which slots have which record, and their open files, within bounds.
//
//  A draft is taken by one thread at a time. What is known of it is only a memory of what the disk has: it may
//  be forgotten at any time, and is then read back, every record checked, as after a restart.

#ifndef FST_DRAFTS_H_INCLUDED
#define FST_DRAFTS_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_disk.h"
#include "fst_extent_name.h"
#include "fst_record.h"

typedef struct {
    uint64_t checksum;
    uint32_t plain_bytes;           //  0: the slot is empty
    bool last;
} fst_draft_slot_t;

typedef struct {
    char name [FST_EXTENT_NAME_MAX];    //  Of the open file
    fst_blob_id_t blob;
    uint32_t extent;
    bool loaded;                    //  What follows is what the disk has; otherwise nothing is known yet
    uint8_t chunk_log2;             //  0: no record yet
    uint32_t first_chunk;           //  Chunk number of slot 0; set with chunk_log2
    fst_draft_slot_t *slots;
    uint32_t slot_count;            //  1 + the highest slot that has a record
    fst_disk_file_t *file;          //  NULL: closed
    bool taken;
    uint64_t used;                  //  When it was last released, in releases
    int64_t used_ms;                //  The same, monotonic
} fst_draft_t;

typedef struct fst_drafts fst_drafts_t;

//  disk is borrowed. At most known_max drafts are remembered and open_max files kept open.
fst_drafts_t *
fst_drafts_new (fst_disk_t *disk, size_t known_max, size_t open_max);

//  None may be taken.
void
fst_drafts_destroy (fst_drafts_t **self_p);

//  Take the draft of an extent, known or not; waits while another thread has it.
fst_draft_t *
fst_drafts_take (fst_drafts_t *self, const fst_blob_id_t *blob, uint32_t extent);

//  Give it back: to be remembered, or to be forgotten (its file is closed).
void
fst_drafts_release (fst_drafts_t *self, fst_draft_t *draft);
void
fst_drafts_forget (fst_drafts_t *self, fst_draft_t *draft);

//  True if somebody has it, or had it less than idle_ms ago.
bool
fst_drafts_in_use (fst_drafts_t *self, const fst_blob_id_t *blob, uint32_t extent, int64_t idle_ms);

//  For the thread that has taken it. Open its file if it is closed, make it if create is set.
//      FST_NOT_FOUND   there is none
fst_rc_t FST_CHECKED
fst_draft_open (fst_drafts_t *self, fst_draft_t *draft, bool create);

//  Find out which records the open file has. Only whole records count: after a power loss anything may be there.
fst_rc_t FST_CHECKED
fst_draft_load (fst_drafts_t *self, fst_draft_t *draft);

//  True if the record may be in this extent, next to the others.
bool
fst_draft_fits (const fst_draft_t *self, const fst_record_t *record);

//  Note that a slot is empty, or what it has.
void
fst_draft_clear (fst_draft_t *self, uint32_t slot);
void
fst_draft_set (fst_draft_t *self, const fst_record_t *record);

//  True if the slot has this very record.
bool
fst_draft_has (const fst_draft_t *self, const fst_record_t *record);

#endif
