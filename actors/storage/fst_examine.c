//  Examining extents.

#include "fst_examine.h"
#include "fst_extents.h"
#include "fst_header.h"
#include <assert.h>
#include <stdlib.h>

struct fst_examination {
    fst_disk_t *disk;
    fst_disk_file_t *file;
    bool deep;
    int64_t size;                   //  Of the file
    int64_t offset;                 //  Of the next record
    fst_record_t first;             //  Of slot 0: what all others have to fit
    bool ended;                     //  The record before this one must be the last: it is short, or says so
    fst_extent_info_t info;         //  Of the records so far; chunks is the next slot
    uint64_t checksums [FST_EXTENT_SLOTS_MAX];
    uint8_t *data;                  //  Room for one record
    size_t room;
};

fst_rc_t
fst_examination_new (fst_disk_t *disk, const char *name, const fst_blob_id_t *blob, uint32_t extent, bool deep,
                     fst_examination_t **self_p)
{
    assert (disk);
    assert (blob);
    assert (self_p);
    fst_disk_file_t *file;
    fst_rc_t rc = disk->open (disk->self, name, false, &file);
    if (rc != FST_OK)
        return rc;
    fst_examination_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->disk = disk;
    self->file = file;
    self->deep = deep;
    self->info = (fst_extent_info_t) { .blob = *blob, .extent = extent };
    rc = disk->size (disk->self, file, &self->size);
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_examination_destroy (&self);
    return rc;
}

void
fst_examination_destroy (fst_examination_t **self_p)
{
    assert (self_p);
    fst_examination_t *self = *self_p;
    if (self) {
        self->disk->close (self->disk->self, &self->file);
        free (self->data);
        free (self);
        *self_p = NULL;
    }
}

//  The header fits its place and the records before it.
static bool
s_fits (const fst_examination_t *self, const fst_record_t *record)
{
    uint32_t slot = self->info.chunks;
    return !self->ended
        && fst_header_is (record, &self->info.blob, self->info.extent, slot)
        && record->chunk_log2 == self->first.chunk_log2
        && record->chunk - record->slot == self->first.chunk - self->first.slot
        && self->offset + (int64_t) fst_record_bytes (record->plain_bytes) <= self->size;
}

static fst_rc_t
s_read_deep (fst_examination_t *self, const fst_record_t *record)
{
    size_t bytes = fst_record_bytes (record->plain_bytes);
    if (bytes > self->room) {
        self->data = realloc (self->data, bytes);
        assert (self->data);
        self->room = bytes;
    }
    return fst_header_read_whole (self->disk, self->file, self->offset, record, self->data);
}

//  The record at offset, and on to the next one.
static fst_rc_t
s_examine_record (fst_examination_t *self)
{
    fst_record_t record;
    fst_rc_t rc = fst_header_read (self->disk, self->file, self->offset, &record);
    if (rc != FST_OK)
        return rc == FST_NOT_FOUND? FST_CORRUPT: rc;
    if (self->info.chunks == 0)
        self->first = record;
    if (self->info.chunks == FST_EXTENT_SLOTS_MAX || !s_fits (self, &record))
        return FST_CORRUPT;
    if (self->deep)
        rc = s_read_deep (self, &record);
    if (rc != FST_OK)
        return rc;
    int64_t end = self->offset + (int64_t) fst_record_bytes (record.plain_bytes);
    self->ended = record.last || record.plain_bytes < (uint32_t) 1 << record.chunk_log2;
    self->checksums [self->info.chunks++] = record.checksum;
    self->info.bytes += record.plain_bytes;
    self->offset = end;             //  A full record fills its stride
    return FST_OK;
}

fst_rc_t
fst_examination_step (fst_examination_t *self, int64_t bytes, bool *done_p)
{
    assert (self);
    assert (done_p);
    int64_t begin = self->offset;
    fst_rc_t rc = self->size == 0? FST_CORRUPT: FST_OK;
    if (self->deep)                     //  What the disk has is the question, not what the system remembers
        self->disk->drop_cache (self->disk->self, self->file, begin, bytes);
    while (rc == FST_OK && self->offset < self->size && self->offset - begin < bytes)
        rc = s_examine_record (self);
    if (self->deep)                     //  And clients' data should stay in memory, rather than this
        self->disk->drop_cache (self->disk->self, self->file, begin, self->offset - begin);
    *done_p = rc == FST_OK && self->offset == self->size;
    if (*done_p)
        self->info.digest = fst_extent_digest (self->checksums, self->info.chunks);
    return rc;
}

int64_t
fst_examination_offset (const fst_examination_t *self)
{
    assert (self);
    return self->offset;
}

fst_rc_t
fst_examine (fst_disk_t *disk, const char *name, const fst_blob_id_t *blob, uint32_t extent, bool deep,
             fst_extent_info_t *info)
{
    fst_examination_t *examination;
    fst_rc_t rc = fst_examination_new (disk, name, blob, extent, deep, &examination);
    if (rc != FST_OK)
        return rc;
    bool done = false;
    rc = fst_examination_step (examination, INT64_MAX / 2, &done);
    if (rc == FST_OK && info)
        *info = examination->info;
    fst_examination_destroy (&examination);
    return rc;
}
