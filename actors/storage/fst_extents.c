//  Storing and sealing extents.

#include "fst_extents_self.h"
#include "fst_examine.h"
#include "fst_header.h"
#include "fst_log.h"
#include <assert.h>

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

void
fst_extents_note (fst_extents_t *self, int sealed, int open)
{
    pthread_mutex_lock (&self->lock);
    self->statistics.sealed += sealed;
    self->statistics.open += open;
    pthread_mutex_unlock (&self->lock);
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

fst_rc_t
fst_extents_open_sealed (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, fst_disk_file_t **file_p)
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
    fst_rc_t rc = fst_extents_open_sealed (self, &draft->blob, draft->extent, &file);
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
            fst_extents_note (self, 0, 1);
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
    fst_extents_note (self, 0, -1);
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
    fst_extents_note (self, 1, -1);
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
    bool renamed = rc == FST_OK;
    if (renamed)
        rc = self->disk->touch (self->disk->self, draft->name);     //  Or it would expire as an upload of long ago
    fst_drafts_forget (self->drafts, draft);    //  What it has is read when it is asked for
    if (renamed)
        fst_extents_note (self, -1, 1);
    return rc == FST_OK? s_sync_folder (self, blob): rc;
}
