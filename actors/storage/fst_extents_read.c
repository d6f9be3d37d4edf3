//  Reading records of extents, and which extents there are.

#include "fst_extents_self.h"
#include "fst_header.h"
#include "fst_log.h"
#include "fst_shelves.h"
#include <assert.h>

//  ---- Read

static void
s_note_corrupt (fst_extents_t *self, const char *name, uint32_t slot)
{
    pthread_mutex_lock (&self->lock);
    self->statistics.corrupt++;
    pthread_mutex_unlock (&self->lock);
    fst_log_error ("record corrupt file=%s slot=%u", name, slot);
}

//  Slots are as far apart as the blob's chunk size says, which is in every header: look where the header would be
//  for each size. The usual one first, so that this is one small read.
static fst_rc_t
s_find_record (fst_extents_t *self, fst_disk_file_t *file, const fst_record_t *want, fst_record_t *record)
{
    const uint8_t usual = 20;
    for (int at = FST_CHUNK_LOG2_MIN - 1; at <= FST_CHUNK_LOG2_MAX; at++) {
        uint8_t log2 = at < FST_CHUNK_LOG2_MIN? usual: (uint8_t) at;
        fst_rc_t rc = fst_header_read (self->disk, file, want->slot * fst_record_stride (log2), record);
        if (rc == FST_OK && record->chunk_log2 == log2
        && fst_header_is (record, &want->blob, want->extent, want->slot))
            return FST_OK;
        if (rc != FST_OK && rc != FST_NOT_FOUND)
            return rc;
    }
    return FST_NOT_FOUND;
}

//  A header is not where it should be. Past the end of the file, nobody ever said that it is there.
static fst_rc_t
s_missing (fst_extents_t *self, fst_disk_file_t *file, uint32_t slot)
{
    int64_t size;
    fst_record_t first;
    fst_rc_t rc = self->disk->size (self->disk->self, file, &size);
    if (rc == FST_OK)
        rc = fst_header_read (self->disk, file, 0, &first);
    if (rc == FST_OK && slot * fst_record_stride (first.chunk_log2) >= size)
        return FST_NOT_FOUND;
    return rc == FST_OK || rc == FST_NOT_FOUND? FST_CORRUPT: rc;
}

//  Straight from the file into the frame that will be sent.
static fst_rc_t
s_read_record (fst_extents_t *self, fst_disk_file_t *file, const fst_record_t *record, zmsg_t *records)
{
    zframe_t *frame = zframe_new (NULL, fst_record_bytes (record->plain_bytes));
    assert (frame);
    int64_t offset = record->slot * fst_record_stride (record->chunk_log2);
    fst_rc_t rc = fst_header_read_whole (self->disk, file, offset, record, zframe_data (frame));
    if (rc == FST_OK)
        zmsg_append (records, &frame);
    else
        zframe_destroy (&frame);
    return rc;
}

static fst_rc_t
s_read_file (fst_extents_t *self, fst_disk_file_t *file, fst_record_t *want, uint32_t count, int64_t bytes_max,
             zmsg_t *records)
{
    fst_rc_t rc = FST_OK;
    for (uint32_t got = 0; rc == FST_OK && got < count; got++) {
        fst_record_t record;
        rc = s_find_record (self, file, want, &record);
        if (rc == FST_OK && got > 0 && record.plain_bytes > bytes_max)
            return FST_TOO_LARGE;
        if (rc == FST_OK)
            rc = s_read_record (self, file, &record, records);
        if (rc == FST_OK) {
            bytes_max -= record.plain_bytes;
            want->slot++;
        }
    }
    return rc;
}

static fst_rc_t
s_read (fst_extents_t *self, fst_record_t want, bool open, uint32_t count, int64_t bytes_max, zmsg_t *records)
{
    char name [FST_EXTENT_NAME_MAX];
    fst_disk_file_t *file;
    fst_extent_name (&want.blob, want.extent, open, name);
    fst_rc_t rc = self->disk->open (self->disk->self, name, false, &file);
    if (rc != FST_OK)
        return rc;
    rc = s_read_file (self, file, &want, count, bytes_max, records);
    if (open && rc == FST_CORRUPT)
        rc = FST_NOT_FOUND;             //  Not wholly written yet, or not after the last power loss
    if (!open && rc == FST_NOT_FOUND)
        rc = s_missing (self, file, want.slot);
    if (rc == FST_CORRUPT)
        s_note_corrupt (self, name, want.slot);
    self->disk->close (self->disk->self, &file);
    return rc;
}

fst_rc_t
fst_extents_read (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, uint32_t slot, uint32_t count,
                  bool unsealed, int64_t bytes_max, zmsg_t **records_p)
{
    assert (self);
    assert (blob);
    assert (count > 0);
    assert (records_p);
    fst_record_t want = { .blob = *blob, .extent = extent, .slot = slot };
    zmsg_t *records = zmsg_new ();
    assert (records);
    fst_rc_t rc = s_read (self, want, false, count, bytes_max, records);
    if (rc == FST_NOT_FOUND && unsealed) {
        rc = s_read (self, want, true, count, bytes_max, records);
        if (rc == FST_NOT_FOUND) {      //  It may have been sealed between the two looks
            zmsg_destroy (&records);
            records = zmsg_new ();
            assert (records);
            rc = s_read (self, want, false, count, bytes_max, records);
        }
    }
    if (rc == FST_OK)
        *records_p = records;
    else
        zmsg_destroy (&records);
    return rc;
}

//  ---- What there is

fst_rc_t
fst_extents_count (fst_extents_t *self)
{
    assert (self);
    fst_rc_t rc = FST_OK;
    for (unsigned octet = 0; rc == FST_OK && octet < FST_EXTENT_FOLDERS; octet++) {
        fst_shelved_t *items;
        size_t count;
        rc = fst_shelf_read (self->disk, octet, &items, &count);
        if (rc != FST_OK)
            break;
        int open = 0;
        for (size_t at = 0; at < count; at++)
            open += items [at].open;
        fst_extents_note (self, (int) count - open, open);
        free (items);
    }
    return rc;
}

int
fst_held_compare (const void *left, const void *right)
{
    const fst_held_t *a = left, *b = right;
    int order = memcmp (a->blob.bytes, b->blob.bytes, FST_BLOB_BYTES);
    return order? order: a->extent < b->extent? -1: a->extent > b->extent;
}

//  One row, with its size. An extent that was deleted meanwhile is no longer held.
static fst_rc_t
s_list_one (fst_extents_t *self, const fst_shelved_t *item, fst_held_t *held, size_t *count_p)
{
    fst_disk_file_t *file;
    fst_rc_t rc = fst_extents_open_sealed (self, &item->blob, item->extent, &file);
    if (rc == FST_NOT_FOUND)
        return FST_OK;
    if (rc != FST_OK)
        return rc;
    held [*count_p] = (fst_held_t) { .blob = item->blob, .extent = item->extent };
    rc = self->disk->size (self->disk->self, file, &held [*count_p].bytes);
    self->disk->close (self->disk->self, &file);
    (*count_p)++;
    return rc;
}

fst_rc_t
fst_extents_list (fst_extents_t *self, const fst_blob_id_t *after, uint32_t after_extent,
                  fst_held_t *held, size_t limit, size_t *count_p)
{
    assert (self);
    assert (held);
    size_t found = 0;
    fst_rc_t rc = FST_OK;
    for (unsigned octet = after? after->bytes [0]: 0; octet < FST_EXTENT_FOLDERS && found < limit; octet++) {
        fst_shelved_t *items;
        size_t count;
        rc = fst_shelf_read (self->disk, octet, &items, &count);
        if (rc != FST_OK)
            return rc;
        for (size_t at = 0; rc == FST_OK && at < count && found < limit; at++) {
            fst_held_t item = { .blob = items [at].blob, .extent = items [at].extent };
            fst_held_t from = { .extent = after_extent };
            if (after)
                from.blob = *after;
            if (!items [at].open && (!after || fst_held_compare (&item, &from) > 0))
                rc = s_list_one (self, &items [at], held, &found);
        }
        free (items);
        if (rc != FST_OK)
            return rc;
    }
    *count_p = found;
    return FST_OK;
}
