//  Taking extents away: for good, or to the quarantine and back.

#include "fst_extents_self.h"
#include "fst_log.h"
#include "fst_shelves.h"
#include <assert.h>

//  ---- Delete

static int
s_compare_ids (const void *left, const void *right)
{
    const fst_extent_id_t *a = left, *b = right;
    int order = memcmp (a->blob.bytes, b->blob.bytes, FST_BLOB_BYTES);
    return order? order: a->extent < b->extent? -1: a->extent > b->extent;
}

void
fst_extent_ids_sort (fst_extent_id_t *ids, size_t count)
{
    assert (ids || count == 0);
    if (count)
        qsort (ids, count, sizeof (*ids), s_compare_ids);
}

//  The sealed file or the open one. The draft is taken meanwhile, so that nobody writes to a file that is going.
static fst_rc_t
s_delete_file (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, bool open)
{
    char name [FST_EXTENT_NAME_MAX];
    fst_extent_name (blob, extent, open, name);
    fst_draft_t *draft = fst_drafts_take (self->drafts, blob, extent);
    fst_rc_t rc = self->disk->unlink (self->disk->self, name);
    fst_drafts_forget (self->drafts, draft);
    if (rc == FST_OK)
        fst_extents_note (self, open? 0: -1, open? -1: 0);
    return rc;
}

fst_rc_t
fst_extents_drop (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent)
{
    assert (self);
    assert (blob);
    self->settled [blob->bytes [0]] = false;        //  Not worth a sync now; whoever deletes it in earnest needs one
    fst_rc_t rc = s_delete_file (self, blob, extent, true);
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  ---- Drafts that nobody goes on with

#define IDLE_MS 3600000

static fst_rc_t
s_expire_one (fst_extents_t *self, const fst_shelved_t *item, int64_t keep_ms, size_t *dropped_p)
{
    char name [FST_EXTENT_NAME_MAX];
    int64_t age_ms = 0;
    fst_extent_name (&item->blob, item->extent, true, name);
    fst_rc_t rc = self->disk->age (self->disk->self, name, &age_ms);
    if (rc != FST_OK || (age_ms < keep_ms && age_ms > -keep_ms)
    ||  fst_drafts_in_use (self->drafts, &item->blob, item->extent, IDLE_MS))
        return rc == FST_NOT_FOUND? FST_OK: rc;
    rc = fst_extents_drop (self, &item->blob, item->extent);
    if (rc == FST_OK) {
        fst_log_info ("extent that nobody finished deleted file=%s", name);
        ++*dropped_p;
    }
    return rc;
}

fst_rc_t
fst_extents_expire (fst_extents_t *self, int64_t keep_ms, size_t *dropped_p)
{
    assert (self);
    assert (dropped_p);
    fst_rc_t rc = FST_OK;
    size_t dropped = 0;
    for (unsigned octet = 0; rc == FST_OK && octet < FST_EXTENT_FOLDERS; octet++) {
        fst_shelved_t *items;
        size_t count;
        rc = fst_shelf_read (self->disk, octet, &items, &count);
        if (rc != FST_OK)
            break;
        for (size_t at = 0; at < count && rc == FST_OK; at++)
            if (items [at].open)
                rc = s_expire_one (self, &items [at], keep_ms, &dropped);
        free (items);
    }
    if (rc == FST_OK)
        *dropped_p = dropped;
    return rc;
}

//  ---- Deleting

//  One extent: nothing has to be looked for.
static fst_rc_t
s_delete_extent (fst_extents_t *self, const fst_extent_id_t *id, bool *found)
{
    for (int open = 1; open >= 0; open--) {     //  A seal makes the one into the other
        fst_rc_t rc = s_delete_file (self, &id->blob, (uint32_t) id->extent, open);
        if (rc == FST_OK)
            *found = true;
        else
        if (rc != FST_NOT_FOUND)
            return rc;
    }
    return FST_OK;
}

//  All extents of those blobs that are wanted wholly.
static fst_rc_t
s_delete_blobs (fst_extents_t *self, unsigned octet, const fst_extent_id_t *ids, size_t count, bool *found)
{
    fst_shelved_t *items;
    size_t item_count;
    fst_rc_t rc = fst_shelf_read (self->disk, octet, &items, &item_count);
    if (rc != FST_OK)
        return rc;
    for (size_t at = 0; rc == FST_OK && at < item_count; at++) {
        fst_extent_id_t key = { .blob = items [at].blob, .extent = FST_EXTENT_ALL };
        const fst_extent_id_t *id = bsearch (&key, ids, count, sizeof (*ids), s_compare_ids);
        if (!id)
            continue;
        rc = s_delete_file (self, &items [at].blob, items [at].extent, items [at].open);
        if (rc == FST_NOT_FOUND)
            rc = FST_OK;
        found [id - ids] = true;
    }
    free (items);
    return rc;
}

//  Those whose folder it is.
static fst_rc_t
s_delete_in_folder (fst_extents_t *self, unsigned octet, const fst_extent_id_t *ids, size_t count, bool *found)
{
    fst_rc_t rc = FST_OK;
    bool blobs = false, any = false;
    for (size_t at = 0; rc == FST_OK && at < count; at++)
        if (ids [at].extent == FST_EXTENT_ALL)
            blobs = true;
        else
            rc = s_delete_extent (self, &ids [at], &found [at]);
    if (rc == FST_OK && blobs)
        rc = s_delete_blobs (self, octet, ids, count, found);
    for (size_t at = 0; at < count; at++)
        any = any || found [at];
    //  The process before may have died between a deletion and its sync; then we find nothing, but power may bring it back
    if (rc == FST_OK && (any || !self->settled [octet])) {
        char folder [FST_EXTENT_NAME_MAX];
        fst_extent_folder (octet, folder);
        rc = self->disk->sync_folder (self->disk->self, folder);
        self->settled [octet] = rc == FST_OK;
    }
    return rc;
}

fst_rc_t
fst_extents_delete (fst_extents_t *self, const fst_extent_id_t *ids, size_t count, bool *found)
{
    assert (self);
    assert (ids);
    assert (found);
    fst_rc_t rc = FST_OK;
    for (size_t from = 0, to; rc == FST_OK && from < count; from = to) {
        unsigned octet = ids [from].blob.bytes [0];
        for (to = from; to < count && ids [to].blob.bytes [0] == octet; to++)
            ;
        rc = s_delete_in_folder (self, octet, ids + from, to - from, found + from);
    }
    return rc;
}

//  ---- To and from the quarantine

//  The draft is taken meanwhile, as for a deletion.
fst_rc_t
fst_extents_move_out (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, const char *to)
{
    assert (self);
    assert (blob);
    assert (to);
    char name [FST_EXTENT_NAME_MAX];
    fst_extent_name (blob, extent, false, name);
    fst_draft_t *draft = fst_drafts_take (self->drafts, blob, extent);
    fst_rc_t rc = self->disk->rename (self->disk->self, name, to);
    fst_drafts_forget (self->drafts, draft);
    if (rc == FST_OK)
        fst_extents_note (self, -1, 0);
    return rc;
}

fst_rc_t
fst_extents_move_in (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, const char *from)
{
    assert (self);
    assert (blob);
    assert (from);
    char name [FST_EXTENT_NAME_MAX];
    fst_disk_file_t *file;
    fst_extent_name (blob, extent, false, name);
    fst_draft_t *draft = fst_drafts_take (self->drafts, blob, extent);
    fst_rc_t rc = fst_extents_open_sealed (self, blob, extent, &file);
    if (rc == FST_OK) {
        self->disk->close (self->disk->self, &file);
        rc = FST_EXISTS;
    }
    else
    if (rc == FST_NOT_FOUND)
        rc = self->disk->rename (self->disk->self, from, name);
    fst_drafts_forget (self->drafts, draft);
    if (rc == FST_OK)
        fst_extents_note (self, 1, 0);
    return rc;
}
