//  Reading everything, in steps.

#include "fst_round.h"
#include "fst_examine.h"
#include "fst_log.h"
#include "fst_shelves.h"
#include "fst_text.h"
#include <assert.h>
#include <stdlib.h>

#define SMALL_PLACE FST_EXTENT_FOLDERS
#define SMALL_ROWS  256             //  Examined with small.db held for it

_Static_assert (FST_ROUND_PLACES == FST_EXTENT_FOLDERS + 1, "the folders, and small.db");

struct fst_round {
    fst_disk_t *disk;
    fst_small_t *small;
    unsigned place;
    bool entered;                   //  What follows is of this place
    fst_shelved_t *items;           //  The folder's extents
    size_t item_count, item_at;
    int64_t place_bytes;
    fst_examination_t *examination; //  Of items [item_at]; NULL: not begun
    int64_t row;                    //  Of small.db: examined up to here
};

fst_round_t *
fst_round_new (fst_disk_t *disk, fst_small_t *small)
{
    assert (disk);
    assert (small);
    fst_round_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->disk = disk;
    self->small = small;
    return self;
}

static void
s_leave (fst_round_t *self)
{
    fst_examination_destroy (&self->examination);
    free (self->items);
    self->items = NULL;
    self->item_count = self->item_at = 0;
    self->place_bytes = 0;
    self->row = 0;
    self->entered = false;
}

void
fst_round_destroy (fst_round_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        s_leave (*self_p);
        free (*self_p);
        *self_p = NULL;
    }
}

void
fst_round_go_to (fst_round_t *self, unsigned place)
{
    assert (self);
    assert (place < FST_ROUND_PLACES);
    s_leave (self);
    self->place = place;
}

static void
s_found (fst_round_step_t *step, const fst_blob_id_t *blob, uint32_t extent, fst_rc_t rc)
{
    assert (step->found_count < FST_ROUND_FOUND_MAX);
    step->found [step->found_count].id = (fst_extent_id_t) { .blob = *blob, .extent = extent };
    step->found [step->found_count++].rc = rc;
}

//  ---- Extents

static void
s_name (const fst_shelved_t *item, char name [FST_EXTENT_NAME_MAX])
{
    fst_extent_name (&item->blob, item->extent, false, name);
}

//  Its size, so that the time can be shared out; what cannot be opened is met again when it is examined.
static int64_t
s_size (fst_round_t *self, const fst_shelved_t *item)
{
    char name [FST_EXTENT_NAME_MAX];
    fst_disk_file_t *file;
    int64_t bytes = 0;
    s_name (item, name);
    if (item->open || self->disk->open (self->disk->self, name, false, &file) != FST_OK)
        return 0;
    fst_rc_t rc = self->disk->size (self->disk->self, file, &bytes);
    self->disk->close (self->disk->self, &file);
    return rc == FST_OK? bytes: 0;
}

static fst_rc_t
s_enter_folder (fst_round_t *self)
{
    fst_rc_t rc = fst_shelf_read (self->disk, self->place, &self->items, &self->item_count);
    if (rc != FST_OK)
        return rc;
    self->item_at = 0;
    for (size_t at = 0; at < self->item_count; at++)
        self->place_bytes += s_size (self, &self->items [at]);
    self->entered = true;
    return FST_OK;
}

//  It did not look right. It may have gone meanwhile, or memory was at fault rather than the disk: only what is
//  wrong twice is damaged.
static fst_rc_t
s_second_look (fst_round_t *self, const fst_shelved_t *item)
{
    char name [FST_EXTENT_NAME_MAX];
    s_name (item, name);
    fst_rc_t rc = fst_examine (self->disk, name, &item->blob, item->extent, true, NULL);
    if (rc == FST_OK)
        fst_log_warning ("extent was read wrong once, and right the next time file=%s", name);
    if (rc == FST_CORRUPT || rc == FST_IO)
        fst_log_error ("extent damaged file=%s reason=%s", name, fst_error_code (rc));
    return rc;
}

//  Go on with the current extent; on to the next one when it is read, or damaged.
static void
s_examine (fst_round_t *self, int64_t bytes, fst_round_step_t *step)
{
    const fst_shelved_t *item = &self->items [self->item_at];
    fst_rc_t rc = FST_OK;
    bool done = false;
    if (!self->examination) {
        char name [FST_EXTENT_NAME_MAX];
        s_name (item, name);
        rc = fst_examination_new (self->disk, name, &item->blob, item->extent, true, &self->examination);
    }
    if (rc == FST_OK) {
        int64_t before = fst_examination_offset (self->examination);
        rc = fst_examination_step (self->examination, bytes, &done);
        step->bytes += fst_examination_offset (self->examination) - before;
    }
    if (rc == FST_CORRUPT || rc == FST_IO)
        rc = s_second_look (self, item);
    else
    if (rc == FST_OK && !done)
        return;
    if (rc == FST_CORRUPT || rc == FST_IO)
        s_found (step, &item->blob, item->extent, rc);
    fst_examination_destroy (&self->examination);
    self->item_at++;
}

static fst_rc_t
s_step_folder (fst_round_t *self, int64_t bytes, fst_round_step_t *step)
{
    fst_rc_t rc = self->entered? FST_OK: s_enter_folder (self);
    while (rc == FST_OK && self->item_at < self->item_count && step->bytes < bytes
       &&  step->found_count < FST_ROUND_FOUND_MAX) {
        if (self->items [self->item_at].open)
            self->item_at++;            //  Nothing in it is promised
        else
            s_examine (self, bytes - step->bytes, step);
    }
    step->place_bytes = self->place_bytes;
    if (rc == FST_OK && self->item_at == self->item_count) {
        s_leave (self);
        self->place++;
    }
    return rc;
}

//  ---- Small blobs

static fst_rc_t
s_step_small (fst_round_t *self, int64_t bytes, fst_round_step_t *step)
{
    fst_rc_t rc = FST_OK;
    bool more = true;
    if (!self->entered)
        self->place_bytes = fst_small_bytes (self->small);
    self->entered = true;
    step->place_bytes = self->place_bytes;
    while (rc == FST_OK && more && step->bytes < bytes && step->found_count == 0) {
        fst_blob_id_t damaged [FST_ROUND_FOUND_MAX];
        size_t count = FST_ROUND_FOUND_MAX;
        int64_t read = 0;
        rc = fst_small_examine (self->small, SMALL_ROWS, &self->row, &read, damaged, &count, &more);
        for (size_t at = 0; rc == FST_OK && at < count; at++)
            s_found (step, &damaged [at], 0, FST_CORRUPT);
        step->bytes += read;
    }
    if (rc == FST_OK && !more) {
        s_leave (self);
        self->place++;
    }
    return rc;
}

fst_rc_t
fst_round_step (fst_round_t *self, int64_t bytes, fst_round_step_t *step)
{
    assert (self);
    assert (bytes > 0);
    assert (step);
    step->bytes = step->place_bytes = 0;
    step->found_count = 0;
    if (self->place == FST_ROUND_PLACES)
        self->place = 0;
    fst_rc_t rc = self->place == SMALL_PLACE? s_step_small (self, bytes, step): s_step_folder (self, bytes, step);
    step->place = self->place;
    return rc;
}
