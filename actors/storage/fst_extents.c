//  Storing, sealing and reading extents; what is on the disk; deletion.

#include "fst_extents.h"
#include "fst_bytes.h"
#include "fst_drafts.h"
#include "fst_examine.h"
#include "fst_header.h"
#include "fst_log.h"
#include "fst_shelves.h"
#include <assert.h>
#include <pthread.h>

struct fst_extents {
    fst_disk_t *disk;
    fst_drafts_t *drafts;
    pthread_mutex_t lock;           //  Guards statistics
    fst_extents_statistics_t statistics;
    bool settled [FST_EXTENT_FOLDERS];  //  Synced by a deletion of this process; for the thread that deletes
};

static fst_rc_t
s_make_folders (fst_disk_t *disk)
{
    char name [FST_EXTENT_NAME_MAX];
    fst_rc_t rc = disk->make_folder (disk->self, "extents");
    for (unsigned octet = 0; rc == FST_OK && octet < FST_EXTENT_FOLDERS; octet++) {
        fst_extent_folder (octet, name);
        rc = disk->make_folder (disk->self, name);
    }
    if (rc == FST_OK)
        rc = disk->sync_folder (disk->self, "extents");
    if (rc == FST_OK)
        rc = disk->sync_folder (disk->self, ".");
    return rc;
}

fst_rc_t
fst_extents_new (fst_disk_t *disk, fst_extents_t **self_p)
{
    assert (disk);
    assert (self_p);
    fst_rc_t rc = s_make_folders (disk);
    if (rc != FST_OK)
        return rc;
    fst_extents_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->disk = disk;
    self->drafts = fst_drafts_new (disk, FST_EXTENTS_KNOWN_MAX, FST_EXTENTS_OPEN_MAX);
    pthread_mutex_init (&self->lock, NULL);
    *self_p = self;
    return FST_OK;
}

void
fst_extents_destroy (fst_extents_t **self_p)
{
    assert (self_p);
    fst_extents_t *self = *self_p;
    if (self) {
        fst_drafts_destroy (&self->drafts);
        pthread_mutex_destroy (&self->lock);
        free (self);
        *self_p = NULL;
    }
}

static void
s_note (fst_extents_t *self, int sealed, int open)
{
    pthread_mutex_lock (&self->lock);
    self->statistics.sealed += sealed;
    self->statistics.open += open;
    pthread_mutex_unlock (&self->lock);
}

static void
s_note_corrupt (fst_extents_t *self, const char *name, uint32_t slot)
{
    pthread_mutex_lock (&self->lock);
    self->statistics.corrupt++;
    pthread_mutex_unlock (&self->lock);
    fst_log_error ("record corrupt file=%s slot=%u", name, slot);
}

void
fst_extents_statistics (fst_extents_t *self, fst_extents_statistics_t *statistics)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    *statistics = self->statistics;
    pthread_mutex_unlock (&self->lock);
}

//  ---- What a sealed extent has

//  Open the final file. FST_NOT_FOUND.
static fst_rc_t
s_open_sealed (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, fst_disk_file_t **file_p)
{
    char name [FST_EXTENT_NAME_MAX];
    fst_extent_name (blob, extent, false, name);
    return self->disk->open (self->disk->self, name, false, file_p);
}

fst_rc_t
fst_extents_check (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, bool deep,
                   fst_extent_info_t *info)
{
    assert (self);
    assert (blob);
    assert (info);
    char name [FST_EXTENT_NAME_MAX];
    fst_extent_name (blob, extent, false, name);
    fst_rc_t rc = fst_examine (self->disk, name, blob, extent, deep, info);
    return rc == FST_IO? FST_CORRUPT: rc;       //  What cannot be read is lost
}

//  The extent is sealed already: is the record in it the same?
static fst_rc_t
s_compare_sealed (fst_extents_t *self, fst_disk_file_t *file, const fst_record_t *record)
{
    fst_record_t found;
    int64_t offset = record->slot * fst_record_stride (record->chunk_log2);
    fst_rc_t rc = fst_header_read (self->disk, file, offset, &found);
    if (rc == FST_OK)
        return fst_header_is (&found, &record->blob, record->extent, record->slot)
            && found.checksum == record->checksum? FST_OK: FST_EXISTS;
    return rc == FST_NOT_FOUND? FST_EXISTS: rc;
}

//  ---- Store

//  Learn what the disk has of this extent; make the file if there is none. If it is sealed: *sealed_p is set,
//  and the result says whether it has the record.
static fst_rc_t
s_begin_draft (fst_extents_t *self, fst_draft_t *draft, const fst_record_t *record, bool *sealed_p)
{
    fst_disk_file_t *file;
    fst_rc_t rc = s_open_sealed (self, &draft->blob, draft->extent, &file);
    if (rc == FST_OK) {
        *sealed_p = true;
        rc = s_compare_sealed (self, file, record);
        self->disk->close (self->disk->self, &file);
        return rc;
    }
    if (rc == FST_NOT_FOUND)
        rc = fst_draft_load (self->drafts, draft);
    if (rc == FST_NOT_FOUND) {
        rc = fst_draft_open (self->drafts, draft, true);
        draft->loaded = rc == FST_OK;
        if (rc == FST_OK)
            s_note (self, 0, 1);
    }
    return rc;
}

static fst_rc_t
s_write (fst_extents_t *self, fst_draft_t *draft, const fst_record_t *record, const uint8_t *data)
{
    if (!fst_draft_fits (draft, record))
        return FST_MALFORMED;
    if (fst_draft_has (draft, record))
        return FST_OK;
    fst_rc_t rc = fst_draft_open (self->drafts, draft, false);
    if (rc != FST_OK)
        return rc == FST_NOT_FOUND? FST_IO: rc;         //  Somebody else deletes our files
    int64_t offset = record->slot * fst_record_stride (record->chunk_log2);
    size_t bytes = fst_record_bytes (record->plain_bytes);
    fst_draft_clear (draft, record->slot);              //  From here on it has neither the old nor the new
    rc = self->disk->write (self->disk->self, draft->file, offset, data, bytes);
    if (rc == FST_OK) {
        fst_draft_set (draft, record);
        self->disk->flush_hint (self->disk->self, draft->file, offset, bytes);
    }
    return rc;
}

fst_rc_t
fst_extents_store (fst_extents_t *self, const fst_record_t *record, const uint8_t *data)
{
    assert (self);
    assert (record);
    assert (data);
    fst_draft_t *draft = fst_drafts_take (self->drafts, &record->blob, record->extent);
    bool sealed = false;
    fst_rc_t rc = FST_OK;
    if (!draft->loaded) {
        if (fst_draft_fits (draft, record))
            rc = s_begin_draft (self, draft, record, &sealed);
        else
            rc = FST_MALFORMED;
    }
    if (rc == FST_OK && !sealed)
        rc = s_write (self, draft, record, data);
    if (draft->loaded)
        fst_drafts_release (self->drafts, draft);
    else
        fst_drafts_forget (self->drafts, draft);
    return rc;
}

//  ---- Seal

//  Exactly the slots below chunks have records, and only the last may be short.
static fst_rc_t
s_is_whole (const fst_draft_t *draft, uint32_t chunks, fst_extent_info_t *info)
{
    uint64_t checksums [FST_EXTENT_SLOTS_MAX];
    if (draft->slot_count > chunks)
        return FST_MALFORMED;
    if (draft->slot_count < chunks)
        return FST_NOT_FOUND;
    info->bytes = 0;
    for (uint32_t slot = 0; slot < chunks; slot++) {
        const fst_draft_slot_t *has = &draft->slots [slot];
        if (has->plain_bytes == 0)
            return FST_NOT_FOUND;
        if (has->last && slot + 1 < chunks)
            return FST_MALFORMED;
        checksums [slot] = has->checksum;
        info->bytes += has->plain_bytes;
    }
    info->digest = fst_extent_digest (checksums, chunks);
    return FST_OK;
}

//  A sync failed: what the disk has is not what we wrote, and a second sync would not tell. So the file must go,
//  or a later process would trust what the system still has in memory.
static fst_rc_t
s_sync_failed (fst_extents_t *self, fst_draft_t *draft, fst_rc_t rc)
{
    fst_log_error ("sync failed file=%s reason=%s", draft->name, fst_error_code (rc));
    fst_rc_t gone = self->disk->unlink (self->disk->self, draft->name);
    s_note (self, 0, -1);
    return rc == FST_NO_SPACE && gone == FST_OK? FST_NO_SPACE: FST_IO;
}

//  The folder's sync says whether a rename will be remembered: a failure is final for us.
static fst_rc_t
s_sync_folder (fst_extents_t *self, const fst_blob_id_t *blob)
{
    char folder [FST_EXTENT_NAME_MAX];
    fst_extent_folder (blob->bytes [0], folder);
    return self->disk->sync_folder (self->disk->self, folder) == FST_OK? FST_OK: FST_IO;
}

//  Data first, then the name: a crash leaves an open extent or a whole sealed one, nothing between.
static fst_rc_t
s_make_durable (fst_extents_t *self, fst_draft_t *draft)
{
    char name [FST_EXTENT_NAME_MAX];
    fst_extent_name (&draft->blob, draft->extent, false, name);
    fst_rc_t rc = fst_draft_open (self->drafts, draft, false);
    if (rc != FST_OK)
        return rc == FST_NOT_FOUND? FST_IO: rc;
    rc = self->disk->sync (self->disk->self, draft->file);
    if (rc != FST_OK)
        return s_sync_failed (self, draft, rc);
    rc = self->disk->rename (self->disk->self, draft->name, name);
    if (rc != FST_OK)
        return FST_IO;
    s_note (self, 1, -1);
    return s_sync_folder (self, &draft->blob);
}

//  Sealed earlier, perhaps by a process that died before it could sync the folder.
static fst_rc_t
s_seal_again (fst_extents_t *self, uint32_t chunks, fst_extent_info_t *info)
{
    char name [FST_EXTENT_NAME_MAX];
    fst_extent_name (&info->blob, info->extent, false, name);
    fst_rc_t rc = fst_examine (self->disk, name, &info->blob, info->extent, false, info);
    if (rc == FST_OK && info->chunks != chunks)
        rc = FST_EXISTS;
    return rc == FST_OK? s_sync_folder (self, &info->blob): rc;
}

static bool
s_is_wanted (const fst_extent_info_t *found, const fst_extent_info_t *want)
{
    return found->chunks == want->chunks && found->bytes == want->bytes && found->digest == want->digest;
}

//  want (NULL: anything) has the digest that it must have.
static fst_rc_t
s_seal (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, uint32_t chunks,
        const fst_extent_info_t *want, fst_extent_info_t *info)
{
    if (chunks < 1 || chunks > FST_EXTENT_SLOTS_MAX)
        return FST_MALFORMED;
    fst_extent_info_t found = { .blob = *blob, .extent = extent, .chunks = chunks };
    fst_draft_t *draft = fst_drafts_take (self->drafts, blob, extent);
    fst_rc_t rc = draft->loaded? FST_OK: fst_draft_load (self->drafts, draft);
    if (rc == FST_NOT_FOUND) {
        fst_drafts_forget (self->drafts, draft);
        rc = s_seal_again (self, chunks, &found);
        if (rc == FST_OK && want && !s_is_wanted (&found, want))
            rc = FST_EXISTS;
    }
    else {
        if (rc == FST_OK)
            rc = s_is_whole (draft, chunks, &found);
        if (rc == FST_OK && want && !s_is_wanted (&found, want))
            rc = FST_CORRUPT;
        if (rc == FST_NOT_FOUND || rc == FST_MALFORMED || rc == FST_CORRUPT)
            fst_drafts_release (self->drafts, draft);       //  It may still become whole
        else {
            if (rc == FST_OK)
                rc = s_make_durable (self, draft);
            fst_drafts_forget (self->drafts, draft);
        }
    }
    if (rc == FST_OK)
        *info = found;
    return rc;
}

fst_rc_t
fst_extents_seal (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, uint32_t chunks,
                  fst_extent_info_t *info)
{
    assert (self);
    assert (blob);
    assert (info);
    return s_seal (self, blob, extent, chunks, NULL, info);
}

fst_rc_t
fst_extents_seal_as (fst_extents_t *self, const fst_extent_info_t *want)
{
    assert (self);
    assert (want);
    fst_extent_info_t found;
    return s_seal (self, &want->blob, want->extent, want->chunks, want, &found);
}

fst_rc_t
fst_extents_look (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, bool *have, uint32_t count)
{
    assert (self);
    assert (blob);
    assert (have);
    fst_draft_t *draft = fst_drafts_take (self->drafts, blob, extent);
    fst_rc_t rc = draft->loaded? FST_OK: fst_draft_load (self->drafts, draft);
    for (uint32_t slot = 0; rc == FST_OK && slot < count; slot++)
        have [slot] = slot < draft->slot_count && draft->slots [slot].plain_bytes > 0;
    if (draft->loaded)
        fst_drafts_release (self->drafts, draft);
    else
        fst_drafts_forget (self->drafts, draft);
    return rc;
}

fst_rc_t
fst_extents_reopen (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent)
{
    assert (self);
    assert (blob);
    char name [FST_EXTENT_NAME_MAX];
    fst_extent_name (blob, extent, false, name);
    fst_draft_t *draft = fst_drafts_take (self->drafts, blob, extent);
    fst_rc_t rc = self->disk->rename (self->disk->self, name, draft->name);
    fst_drafts_forget (self->drafts, draft);    //  What it has is read when it is asked for
    if (rc != FST_OK)
        return rc;
    s_note (self, -1, 1);
    return s_sync_folder (self, blob);
}

//  ---- Read

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
        s_note (self, (int) count - open, open);
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
    fst_rc_t rc = s_open_sealed (self, &item->blob, item->extent, &file);
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
        s_note (self, open? 0: -1, open? -1: 0);
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
        s_note (self, -1, 0);
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
    fst_rc_t rc = s_open_sealed (self, blob, extent, &file);
    if (rc == FST_OK) {
        self->disk->close (self->disk->self, &file);
        rc = FST_EXISTS;
    }
    else
    if (rc == FST_NOT_FOUND)
        rc = self->disk->rename (self->disk->self, from, name);
    fst_drafts_forget (self->drafts, draft);
    if (rc == FST_OK)
        s_note (self, 1, 0);
    return rc;
}
