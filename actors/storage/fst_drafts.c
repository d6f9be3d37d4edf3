//  Drafts by name, under one lock; disk calls happen outside it, by whoever has taken the draft.

#include "fst_drafts.h"
#include "fst_clock.h"
#include "fst_extents.h"
#include "fst_header.h"
#include <assert.h>
#include <czmq.h>
#include <pthread.h>

struct fst_drafts {
    fst_disk_t *disk;
    size_t known_max, open_max;
    pthread_mutex_t lock;           //  Guards what follows, and taken and used of every draft
    pthread_cond_t released;
    zhashx_t *drafts;               //  By name
    size_t open_count;              //  Drafts with a file
    uint64_t clock;                 //  Releases so far
};

//  ---- The table

fst_drafts_t *
fst_drafts_new (fst_disk_t *disk, size_t known_max, size_t open_max)
{
    assert (disk);
    assert (known_max >= 2 && open_max >= 2);       //  Two threads take drafts
    fst_drafts_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->disk = disk;
    self->known_max = known_max;
    self->open_max = open_max;
    self->drafts = zhashx_new ();
    assert (self->drafts);
    zhashx_set_key_duplicator (self->drafts, NULL);     //  The name lies in the draft
    zhashx_set_key_destructor (self->drafts, NULL);
    pthread_mutex_init (&self->lock, NULL);
    pthread_cond_init (&self->released, NULL);
    return self;
}

//  Under the lock.
static void
s_close (fst_drafts_t *self, fst_draft_t *draft)
{
    if (draft->file) {
        self->disk->close (self->disk->self, &draft->file);
        assert (self->open_count > 0);
        self->open_count--;
    }
}

static void
s_delete (fst_drafts_t *self, fst_draft_t *draft)
{
    s_close (self, draft);
    zhashx_delete (self->drafts, draft->name);
    free (draft->slots);
    free (draft);
}

void
fst_drafts_destroy (fst_drafts_t **self_p)
{
    assert (self_p);
    fst_drafts_t *self = *self_p;
    if (!self)
        return;
    fst_draft_t *draft;
    while ((draft = zhashx_first (self->drafts))) {
        assert (!draft->taken);
        s_delete (self, draft);
    }
    assert (self->open_count == 0);
    zhashx_destroy (&self->drafts);
    pthread_cond_destroy (&self->released);
    pthread_mutex_destroy (&self->lock);
    free (self);
    *self_p = NULL;
}

static fst_draft_t *
s_draft_new (const fst_blob_id_t *blob, uint32_t extent, const char *name)
{
    fst_draft_t *draft = calloc (1, sizeof (*draft));
    assert (draft);
    snprintf (draft->name, sizeof (draft->name), "%s", name);
    draft->blob = *blob;
    draft->extent = extent;
    return draft;
}

fst_draft_t *
fst_drafts_take (fst_drafts_t *self, const fst_blob_id_t *blob, uint32_t extent)
{
    assert (self);
    assert (blob);
    char name [FST_EXTENT_NAME_MAX];
    fst_extent_name (blob, extent, true, name);
    pthread_mutex_lock (&self->lock);
    fst_draft_t *draft;
    while ((draft = zhashx_lookup (self->drafts, name)) && draft->taken)
        pthread_cond_wait (&self->released, &self->lock);
    if (!draft) {
        draft = s_draft_new (blob, extent, name);
        int rc = zhashx_insert (self->drafts, draft->name, draft);
        assert (rc == 0);
    }
    draft->taken = true;
    pthread_mutex_unlock (&self->lock);
    return draft;
}

//  The one that nobody has used for the longest time; only those with a file if open is set. NULL if all are taken.
static fst_draft_t *
s_oldest (fst_drafts_t *self, bool open)
{
    fst_draft_t *oldest = NULL;
    for (fst_draft_t *draft = zhashx_first (self->drafts); draft; draft = zhashx_next (self->drafts))
        if (!draft->taken && (draft->file || !open) && (!oldest || draft->used < oldest->used))
            oldest = draft;
    return oldest;
}

void
fst_drafts_release (fst_drafts_t *self, fst_draft_t *draft)
{
    assert (self);
    assert (draft->taken);
    pthread_mutex_lock (&self->lock);
    draft->taken = false;
    draft->used = ++self->clock;
    draft->used_ms = fst_clock_mono_ms ();
    fst_draft_t *oldest;
    if (self->open_count > self->open_max && (oldest = s_oldest (self, true)))
        s_close (self, oldest);
    if (zhashx_size (self->drafts) > self->known_max && (oldest = s_oldest (self, false)))
        s_delete (self, oldest);
    pthread_cond_broadcast (&self->released);
    pthread_mutex_unlock (&self->lock);
}

void
fst_drafts_forget (fst_drafts_t *self, fst_draft_t *draft)
{
    assert (self);
    assert (draft->taken);
    pthread_mutex_lock (&self->lock);
    s_delete (self, draft);
    pthread_cond_broadcast (&self->released);
    pthread_mutex_unlock (&self->lock);
}

bool
fst_drafts_in_use (fst_drafts_t *self, const fst_blob_id_t *blob, uint32_t extent, int64_t idle_ms)
{
    assert (self);
    assert (blob);
    char name [FST_EXTENT_NAME_MAX];
    fst_extent_name (blob, extent, true, name);
    pthread_mutex_lock (&self->lock);
    fst_draft_t *draft = zhashx_lookup (self->drafts, name);
    bool in_use = draft && (draft->taken || fst_clock_mono_ms () - draft->used_ms < idle_ms);
    pthread_mutex_unlock (&self->lock);
    return in_use;
}

//  ---- One draft

fst_rc_t
fst_draft_open (fst_drafts_t *self, fst_draft_t *draft, bool create)
{
    assert (draft->taken);
    if (draft->file)
        return FST_OK;
    fst_disk_file_t *file;
    fst_rc_t rc = self->disk->open (self->disk->self, draft->name, create, &file);
    if (rc != FST_OK)
        return rc;
    pthread_mutex_lock (&self->lock);
    draft->file = file;
    self->open_count++;
    pthread_mutex_unlock (&self->lock);
    return FST_OK;
}

bool
fst_draft_fits (const fst_draft_t *self, const fst_record_t *record)
{
    if (record->slot >= FST_EXTENT_SLOTS_MAX
    ||  record->chunk < record->slot
    || (record->extent == 0 && record->chunk != record->slot)
    || (!record->last && record->plain_bytes != (uint32_t) 1 << record->chunk_log2))
        return false;
    return self->chunk_log2 == 0
        || (self->chunk_log2 == record->chunk_log2 && self->first_chunk == record->chunk - record->slot);
}

void
fst_draft_clear (fst_draft_t *self, uint32_t slot)
{
    if (slot >= self->slot_count)
        return;
    self->slots [slot] = (fst_draft_slot_t) { 0 };
    while (self->slot_count && self->slots [self->slot_count - 1].plain_bytes == 0)
        self->slot_count--;
}

void
fst_draft_set (fst_draft_t *self, const fst_record_t *record)
{
    assert (fst_draft_fits (self, record));
    if (record->slot >= self->slot_count) {
        uint32_t count = record->slot + 1;
        self->slots = realloc (self->slots, count * sizeof (fst_draft_slot_t));
        assert (self->slots);
        memset (self->slots + self->slot_count, 0, (count - self->slot_count) * sizeof (fst_draft_slot_t));
        self->slot_count = count;
    }
    self->chunk_log2 = record->chunk_log2;
    self->first_chunk = record->chunk - record->slot;
    self->slots [record->slot] = (fst_draft_slot_t) {
        .checksum = record->checksum, .plain_bytes = record->plain_bytes, .last = record->last
    };
}

bool
fst_draft_has (const fst_draft_t *self, const fst_record_t *record)
{
    return record->slot < self->slot_count
        && self->slots [record->slot].plain_bytes == record->plain_bytes
        && self->slots [record->slot].checksum == record->checksum;
}

//  Read the records of a file whose slots are this far apart. buffer takes the largest record.
static fst_rc_t
s_load_slots (fst_disk_t *disk, fst_draft_t *draft, uint8_t chunk_log2, int64_t size, uint8_t *buffer)
{
    int64_t stride = fst_record_stride (chunk_log2);
    for (uint32_t slot = 0; slot < FST_EXTENT_SLOTS_MAX && slot * stride < size; slot++) {
        fst_record_t record;
        fst_rc_t rc = fst_header_read (disk, draft->file, slot * stride, &record);
        if (rc == FST_OK
        && (record.chunk_log2 != chunk_log2
        || !fst_header_is (&record, &draft->blob, draft->extent, slot)
        || !fst_draft_fits (draft, &record)))
            rc = FST_NOT_FOUND;
        if (rc == FST_OK)
            rc = fst_header_read_whole (disk, draft->file, slot * stride, &record, buffer);
        if (rc == FST_OK)
            fst_draft_set (draft, &record);
        else
        if (rc != FST_NOT_FOUND && rc != FST_CORRUPT)
            return rc;
    }
    return FST_OK;
}

fst_rc_t
fst_draft_load (fst_drafts_t *self, fst_draft_t *draft)
{
    assert (draft->taken);
    assert (!draft->loaded);
    int64_t size = 0;
    fst_rc_t rc = fst_draft_open (self, draft, false);
    if (rc == FST_OK)
        rc = self->disk->size (self->disk->self, draft->file, &size);
    if (rc != FST_OK)
        return rc;
    uint8_t *buffer = malloc (fst_record_bytes (1u << FST_CHUNK_LOG2_MAX));
    assert (buffer);
    //  The chunk size is in every record, but where records are depends on it: try, until some are found
    for (int log2 = FST_CHUNK_LOG2_MIN; rc == FST_OK && log2 <= FST_CHUNK_LOG2_MAX && !draft->chunk_log2; log2++)
        rc = s_load_slots (self->disk, draft, (uint8_t) log2, size, buffer);
    free (buffer);
    draft->loaded = rc == FST_OK;
    return rc;
}
