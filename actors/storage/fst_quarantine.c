//  Extents that are put aside.

#include "fst_quarantine.h"
#include "fst_examine.h"
#include "fst_log.h"
#include "fst_shelves.h"
#include <assert.h>
#include <stdatomic.h>

struct fst_quarantine {
    fst_disk_t *disk;
    fst_extents_t *extents;
    atomic_int_fast64_t count;
    int64_t newest_ms;              //  At the start
};

//  A file here.
typedef struct {
    int64_t ms;
    fst_blob_id_t blob;
    uint32_t extent;
} s_item_t;

//  What a walk over the folder looks for, and finds.
typedef struct {
    const fst_extent_id_t *ids;        //  Of these extents, or NULL for any
    size_t id_count;
    int64_t before_ms;              //  Put aside before this
    size_t limit;
    s_item_t *items;
    size_t count, room;
} s_search_t;

static bool
s_is_wanted (const s_search_t *search, const s_item_t *item)
{
    if (item->ms >= search->before_ms)
        return false;
    for (size_t at = 0; search->ids && at < search->id_count; at++)
        if (search->ids [at].extent == item->extent
        &&  memcmp (search->ids [at].blob.bytes, item->blob.bytes, FST_BLOB_BYTES) == 0)
            return true;
    return !search->ids;
}

static fst_rc_t
s_add (void *arg, const char *file)
{
    s_search_t *search = arg;
    s_item_t item;
    if (search->count == search->limit
    ||  fst_quarantine_parse (file, &item.ms, &item.blob, &item.extent) != FST_OK
    ||  !s_is_wanted (search, &item))
        return FST_OK;
    if (search->count == search->room) {
        search->room = search->room? 2 * search->room: 64;
        search->items = realloc (search->items, search->room * sizeof (item));
        assert (search->items);
    }
    search->items [search->count++] = item;
    return FST_OK;
}

static fst_rc_t
s_count_one (void *arg, const char *file)
{
    fst_quarantine_t *self = arg;
    s_item_t item;
    if (fst_quarantine_parse (file, &item.ms, &item.blob, &item.extent) != FST_OK)
        return FST_OK;
    self->count++;
    if (item.ms > self->newest_ms)
        self->newest_ms = item.ms;
    return FST_OK;
}

fst_rc_t
fst_quarantine_new (fst_disk_t *disk, fst_extents_t *extents, fst_quarantine_t **self_p)
{
    assert (disk);
    assert (extents);
    assert (self_p);
    fst_quarantine_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->disk = disk;
    self->extents = extents;
    fst_rc_t rc = disk->make_folder (disk->self, FST_QUARANTINE_FOLDER);
    if (rc == FST_OK)
        rc = disk->sync_folder (disk->self, ".");
    if (rc == FST_OK)
        rc = disk->list (disk->self, FST_QUARANTINE_FOLDER, s_count_one, self);
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_quarantine_destroy (&self);
    return rc;
}

void
fst_quarantine_destroy (fst_quarantine_t **self_p)
{
    assert (self_p);
    free (*self_p);
    *self_p = NULL;
}

int64_t
fst_quarantine_count (const fst_quarantine_t *self)
{
    assert (self);
    return atomic_load (&self->count);
}

int64_t
fst_quarantine_newest_ms (const fst_quarantine_t *self)
{
    assert (self);
    return self->newest_ms;
}

//  A failed sync of a folder is final, whatever the reason.
static fst_rc_t
s_sync (fst_quarantine_t *self, const char *folder)
{
    return self->disk->sync_folder (self->disk->self, folder) == FST_OK? FST_OK: FST_IO;
}

//  The place where it came from must forget it, and this one must know it.
static fst_rc_t
s_sync_both (fst_quarantine_t *self, const fst_blob_id_t *blob)
{
    char folder [FST_EXTENT_NAME_MAX];
    fst_extent_folder (blob->bytes [0], folder);
    fst_rc_t rc = s_sync (self, FST_QUARANTINE_FOLDER);
    return rc == FST_OK? s_sync (self, folder): rc;
}

//  ---- Taking

//  A name that nobody has: the same extent may come twice, and the clock may go back.
static fst_rc_t
s_free_name (fst_quarantine_t *self, int64_t ms, const fst_blob_id_t *blob, uint32_t extent,
             char name [FST_EXTENT_NAME_MAX])
{
    fst_rc_t rc = FST_OK;
    for (; rc == FST_OK; ms++) {
        fst_disk_file_t *file;
        fst_quarantine_name (ms, blob, extent, name);
        rc = self->disk->open (self->disk->self, name, false, &file);
        if (rc == FST_OK)
            self->disk->close (self->disk->self, &file);
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  FST_NOT_FOUND if it is not here.
static fst_rc_t
s_take_one (fst_quarantine_t *self, const fst_blob_id_t *blob, uint32_t extent, int64_t now_ms)
{
    char name [FST_EXTENT_NAME_MAX];
    fst_rc_t rc = s_free_name (self, now_ms, blob, extent, name);
    if (rc == FST_OK)
        rc = fst_extents_move_out (self->extents, blob, extent, name);
    if (rc == FST_OK) {
        self->count++;
        fst_log_info ("extent put aside file=%s", name);
    }
    return rc;
}

static fst_rc_t
s_take_blob (fst_quarantine_t *self, const fst_blob_id_t *blob, int64_t now_ms, uint32_t *moved)
{
    fst_shelved_t *items;
    size_t count;
    fst_rc_t rc = fst_shelf_read (self->disk, blob->bytes [0], &items, &count);
    if (rc != FST_OK)
        return rc;
    for (size_t at = 0; rc == FST_OK && at < count; at++) {
        if (items [at].open || memcmp (items [at].blob.bytes, blob->bytes, FST_BLOB_BYTES) != 0)
            continue;
        rc = s_take_one (self, blob, items [at].extent, now_ms);
        *moved += rc == FST_OK;
        if (rc == FST_NOT_FOUND)
            rc = FST_OK;
    }
    free (items);
    return rc;
}

fst_rc_t
fst_quarantine_take (fst_quarantine_t *self, const fst_extent_id_t *ids, size_t count, int64_t now_ms, uint32_t *moved)
{
    assert (self);
    assert (ids);
    assert (moved);
    fst_rc_t rc = FST_OK;
    for (size_t at = 0; rc == FST_OK && at < count; at++) {
        uint32_t before = moved [at];
        if (ids [at].extent == FST_EXTENT_ALL)
            rc = s_take_blob (self, &ids [at].blob, now_ms, &moved [at]);
        else {
            rc = s_take_one (self, &ids [at].blob, (uint32_t) ids [at].extent, now_ms);
            moved [at] += rc == FST_OK;
            if (rc == FST_NOT_FOUND)
                rc = FST_OK;
        }
        if (rc == FST_OK && moved [at] > before)
            rc = s_sync_both (self, &ids [at].blob);
    }
    return rc;
}

//  ---- Giving back

static int
s_newest_first (const void *left, const void *right)
{
    const s_item_t *a = left, *b = right;
    return a->ms > b->ms? -1: a->ms < b->ms;
}

static fst_rc_t
s_restore_one (fst_quarantine_t *self, const s_item_t *item, int64_t now_ms)
{
    char name [FST_EXTENT_NAME_MAX];
    fst_quarantine_name (item->ms, &item->blob, item->extent, name);
    fst_rc_t rc = fst_examine (self->disk, name, &item->blob, item->extent, true, NULL);
    if (rc != FST_OK)
        return rc;
    rc = s_take_one (self, &item->blob, item->extent, now_ms);
    if (rc == FST_OK || rc == FST_NOT_FOUND)
        rc = fst_extents_move_in (self->extents, &item->blob, item->extent, name);
    if (rc == FST_OK) {
        self->count--;
        fst_log_info ("extent put back file=%s", name);
        rc = s_sync_both (self, &item->blob);
    }
    return rc;
}

fst_rc_t
fst_quarantine_restore (fst_quarantine_t *self, const fst_extent_id_t *ids, size_t count, int64_t now_ms, bool *restored)
{
    assert (self);
    assert (ids);
    assert (restored);
    s_search_t search = { .ids = ids, .id_count = count, .before_ms = INT64_MAX, .limit = SIZE_MAX };
    fst_rc_t rc = self->count? self->disk->list (self->disk->self, FST_QUARANTINE_FOLDER, s_add, &search): FST_OK;
    if (search.count)
        qsort (search.items, search.count, sizeof (s_item_t), s_newest_first);
    for (size_t at = 0; rc == FST_OK && at < search.count; at++) {
        const s_item_t *item = &search.items [at];
        size_t id = 0;
        while (ids [id].extent != item->extent
           ||  memcmp (ids [id].blob.bytes, item->blob.bytes, FST_BLOB_BYTES) != 0)
            id++;
        if (restored [id])
            continue;
        rc = s_restore_one (self, item, now_ms);
        restored [id] = rc == FST_OK;
        if (rc == FST_CORRUPT || rc == FST_NOT_FOUND)
            rc = FST_OK;                //  An older one may do
    }
    free (search.items);
    return rc;
}

//  ---- Deleting

fst_rc_t
fst_quarantine_expire (fst_quarantine_t *self, int64_t before_ms, size_t limit, size_t *deleted_p)
{
    assert (self);
    assert (deleted_p);
    s_search_t search = { .before_ms = before_ms, .limit = limit };
    size_t deleted = 0;
    fst_rc_t rc = self->count? self->disk->list (self->disk->self, FST_QUARANTINE_FOLDER, s_add, &search): FST_OK;
    for (size_t at = 0; rc == FST_OK && at < search.count; at++) {
        char name [FST_EXTENT_NAME_MAX];
        fst_quarantine_name (search.items [at].ms, &search.items [at].blob, search.items [at].extent, name);
        rc = self->disk->unlink (self->disk->self, name);
        if (rc == FST_OK) {
            self->count--;
            deleted++;
            fst_log_info ("extent of the quarantine deleted file=%s", name);
        }
        if (rc == FST_NOT_FOUND)
            rc = FST_OK;
    }
    if (rc == FST_OK && deleted)
        rc = s_sync (self, FST_QUARANTINE_FOLDER);
    free (search.items);
    if (rc == FST_OK)
        *deleted_p = deleted;
    return rc;
}
