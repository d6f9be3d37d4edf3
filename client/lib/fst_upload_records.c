//  The records of an upload: made from the source in workers, fetched from one copy for another, and sent.

#include "fst_upload_self.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_text.h"

#define AHEAD_RECORDS     4         //  Made or being made, and sent nowhere yet
#define FETCHES_MAX       4         //  Records that come back from one copy for another

//  ---- Records

static fst_upload_record_t *
s_record_new (fst_upload_t *self, uint32_t extent, uint32_t slot)
{
    fst_upload_record_t *record = calloc (1, sizeof (*record));
    assert (record);
    zmq_msg_init (&record->message);
    record->upload = self;
    record->fd = -1;
    record->record = (fst_record_t) {
        .blob = self->blob, .extent = extent, .slot = slot, .chunk = extent * self->lease.extent_chunks + slot,
        .chunk_log2 = self->lease.chunk_log2, .cipher = fst_client_cipher (self->client)
    };
    TAILQ_INSERT_TAIL (&self->records, record, link);
    return record;
}

static void
s_record_destroy (fst_upload_record_t *record)
{
    TAILQ_REMOVE (&record->upload->records, record, link);
    zmq_msg_close (&record->message);
    fst_buffer_drop (&record->buffer);
    free (record);
}

//  In a worker: read, digest and encrypt, while the octets are in its cache.
static void
s_make_run (void *job)
{
    fst_upload_record_t *record = job;
    uint8_t *data = fst_buffer_data (record->buffer);
    uint8_t *plain = data + FST_RECORD_HEADER_BYTES;
    record->rc = FST_OK;
    if (record->fd >= 0)
        record->rc = fst_local_read (record->fd, (int64_t) record->record.chunk << record->record.chunk_log2,
                                     plain, record->record.plain_bytes);
    if (record->rc != FST_OK)
        return;
    XXH128_canonicalFromHash ((XXH128_canonical_t *) record->digest,
                              XXH3_128bits (plain, record->record.plain_bytes));
    fst_record_seal (&record->record, record->upload->key, data);
}

static void
s_make_done (void *job)
{
    fst_upload_record_t *record = job;
    fst_upload_t *self = record->upload;
    self->jobs--;
    fst_plan_extent_t *extent = fst_plan_find (self->plan, record->record.extent);
    assert (extent);
    uint8_t *digest = extent->digests [record->record.slot];
    if (record->rc == FST_CHANGED
    || (record->rc == FST_OK && record->again && memcmp (digest, record->digest, sizeof (record->digest)) != 0))
        fst_upload_fail_changed (self);
    else
    if (record->rc != FST_OK)
        fst_upload_fail (self, record->rc, "%s: reading it failed; nothing was stored", self->args.name);
    memcpy (digest, record->digest, 16);
    extent->checksums [record->record.slot] = record->record.checksum;
    fst_buffer_message (record->buffer, 0, fst_record_bytes (record->record.plain_bytes), &record->message);
    fst_buffer_drop (&record->buffer);
    record->state = FST_UPLOAD_READY;
}

//  Give a record to the workers; plain text in its buffer, or to be read from fd. buffer is taken.
static void
s_make (fst_upload_t *self, uint32_t extent, uint32_t slot, fst_buffer_t *buffer, uint32_t bytes, bool last, bool again)
{
    fst_upload_record_t *record = s_record_new (self, extent, slot);
    record->state = FST_UPLOAD_MAKING;
    record->buffer = buffer;
    record->record.plain_bytes = bytes;
    record->record.last = last;
    record->again = again;
    record->fd = self->args.fd;
    fst_rc_t rc = fst_pool_submit (fst_client_pool (self->client), s_make_run, s_make_done, record);
    assert (rc == FST_OK);          //  The buffers bound the jobs
    self->jobs++;
    self->unsent++;
}

static fst_buffer_t *
s_take_buffer (fst_upload_t *self)
{
    return fst_buffers_take (fst_client_buffers (self->client),
                             fst_record_bytes ((uint32_t) fst_upload_chunk_bytes (self)));
}

//  ---- The source

static uint32_t
s_file_chunk_bytes (const fst_upload_t *self, int64_t chunk)
{
    int64_t left = self->args.stamp.size - (chunk << self->lease.chunk_log2);
    return (uint32_t) (left < (int64_t) fst_upload_chunk_bytes (self)? left: (int64_t) fst_upload_chunk_bytes (self));
}

static bool
s_file_last (const fst_upload_t *self, int64_t chunk)
{
    return (chunk + 1) << self->lease.chunk_log2 >= self->args.stamp.size;
}

static void
s_make_from_file (fst_upload_t *self)
{
    uint32_t extent, slot;
    while (self->unsent < AHEAD_RECORDS) {
        fst_buffer_t *buffer = s_take_buffer (self);
        if (!buffer)
            return;
        if (!fst_plan_next (self->plan, &extent, &slot)) {
            fst_buffer_drop (&buffer);
            return;
        }
        int64_t chunk = (int64_t) extent * self->lease.extent_chunks + slot;
        s_make (self, extent, slot, buffer, s_file_chunk_bytes (self, chunk), s_file_last (self, chunk), false);
    }
}

//  Read on in the next chunk. True when it is full, or the stream has ended.
static bool
s_read_stream (fst_upload_t *self)
{
    uint8_t *plain = fst_buffer_data (self->next) + FST_RECORD_HEADER_BYTES;
    size_t chunk = fst_upload_chunk_bytes (self);
    size_t head = self->args.head_bytes < chunk - self->next_bytes? self->args.head_bytes: chunk - self->next_bytes;
    if (head)
        memcpy (plain + self->next_bytes, self->args.head, head);
    self->args.head = (const uint8_t *) self->args.head + head;
    self->args.head_bytes -= head;
    self->next_bytes += head;
    const filestore_source_t *stream = self->args.stream;
    self->idle = false;
    while (self->next_bytes < chunk && !self->drained) {
        size_t got = 0;
        fst_rc_t rc = stream->read (stream->self, plain + self->next_bytes, chunk - self->next_bytes, &got);
        if (rc == FST_BUSY && stream->waits) {
            self->idle = true;
            return false;
        }
        if (rc != FST_OK) {
            fst_upload_fail (self, rc, "%s: reading %s failed (%s); nothing was stored", self->args.path,
                             self->args.name, fst_error_text (rc));
            return false;
        }
        assert (got <= chunk - self->next_bytes);
        self->next_bytes += got;
        self->drained = got == 0;
    }
    self->read_bytes += (int64_t) self->next_bytes;
    return true;
}

bool
fst_upload_stream_ready (const fst_upload_t *self)
{
    return self->args.stream && self->state == FST_UPLOAD_RUNNING && self->unsent < AHEAD_RECORDS
        && (!self->drained || self->ahead) && fst_plan_ready (self->plan);
}

//  Which chunk is the last is known only when the next one is not there: so one chunk is read ahead.
static void
s_make_from_stream (fst_upload_t *self)
{
    if (!fst_upload_stream_ready (self))
        return;
    if (!self->drained) {
        if (!self->next)
            self->next = s_take_buffer (self);
        self->starved = !self->next;
        if (!self->next || !s_read_stream (self))
            return;
        if (!self->next_bytes)
            fst_buffer_drop (&self->next);
    }
    if (self->ahead) {
        uint32_t extent, slot;
        bool ready = fst_plan_next (self->plan, &extent, &slot);
        assert (ready);
        bool last = self->drained && !self->next;
        s_make (self, extent, slot, self->ahead, self->ahead_bytes, last, false);
        if (last)
            fst_plan_end (self->plan);
    }
    self->ahead = self->next;
    self->ahead_bytes = (uint32_t) self->next_bytes;
    self->next = NULL;
    self->next_bytes = 0;
}

void
fst_upload_make_all (fst_upload_t *self)
{
    if (self->args.fd >= 0)
        s_make_from_file (self);
    else
        s_make_from_stream (self);
}

//  ---- Copies that were lost

static void
s_fetched (const fst_data_tag_t *tag, fst_data_node_t *data, fst_data_reply_t *reply)
{
    fst_upload_t *self = tag->owner;
    fst_upload_record_t *record = tag->item;
    int node = fst_lease_find (&self->lease, data);
    fst_record_t found;
    self->fetches--;
    if (reply->rc == FST_OK) {
        const uint8_t *octets = reply->frames_count == 1? zmq_msg_data (&reply->frames [0]): NULL;
        size_t bytes = octets? zmq_msg_size (&reply->frames [0]): 0;
        if (octets && fst_record_decode (octets, bytes, &found) == FST_OK
        &&  fst_record_check (octets, bytes, &found) == FST_OK
        &&  memcmp (&found.blob, &self->blob, sizeof (self->blob)) == 0
        &&  found.extent == tag->extent && found.slot == tag->slot
        &&  found.checksum == fst_plan_find (self->plan, tag->extent)->checksums [tag->slot]) {
            zmq_msg_move (&record->message, &reply->frames [0]);
            record->record = found;
            record->state = FST_UPLOAD_READY;
            self->unsent++;
            return;
        }
        reply->rc = FST_CORRUPT;
    }
    fst_plan_unhold (self->plan, tag->extent, tag->slot);
    s_record_destroy (record);
    fst_upload_node_refuses (self, node, reply, fst_clock_mono_ms ());
}

//  Have a record of an extent again that new copies lack. False if it is not possible now.
static bool
s_fetch (fst_upload_t *self, uint32_t extent, uint32_t slot, int from, int64_t now_ms)
{
    size_t bytes = fst_record_bytes ((uint32_t) fst_upload_chunk_bytes (self));
    if (from < 0) {
        fst_buffer_t *buffer = s_take_buffer (self);
        if (!buffer)
            return false;
        int64_t chunk = (int64_t) extent * self->lease.extent_chunks + slot;
        s_make (self, extent, slot, buffer, s_file_chunk_bytes (self, chunk), s_file_last (self, chunk), true);
        return true;
    }
    int node = fst_plan_find (self->plan, extent)->copy [from].node;
    if (!fst_lease_ready (&self->lease, node, (int64_t) bytes, now_ms))
        return false;
    char blob [FST_BLOB_BYTES * 2 + 1];
    fst_hex_encode (self->blob.bytes, FST_BLOB_BYTES, blob);
    fst_upload_record_t *record = s_record_new (self, extent, slot);
    record->state = FST_UPLOAD_FETCHING;
    record->again = true;
    self->fetches++;
    fst_data_tag_t tag = { .owner = self, .done = s_fetched, .item = record, .extent = extent, .slot = slot };
    fst_data_send (fst_client_data (self->client), self->lease.nodes [node].data, FST_DATA_RETRIEVE,
                   json_pack ("{s:s, s:s, s:I, s:I}", "capability", self->lease.nodes [node].capability, "blob", blob,
                              "extent", (json_int_t) extent, "slot", (json_int_t) slot),
                   NULL, 0, (int64_t) bytes, &tag, now_ms);
    return true;
}

void
fst_upload_fetch_all (fst_upload_t *self, int64_t now_ms)
{
    uint32_t extent, slot;
    int from;
    while (self->state == FST_UPLOAD_RUNNING && self->fetches < FETCHES_MAX && self->unsent < AHEAD_RECORDS
    &&  fst_plan_fetch (self->plan, &extent, &slot, &from)) {
        if (from < 0 && self->args.fd < 0)
            fst_upload_fail (self, self->node_rc == FST_NO_SPACE? FST_NO_SPACE: FST_UNAVAILABLE,
                             "%s: every node that held a part of it failed (%s: %s), and the source cannot be read again; "
                             "nothing was stored", self->args.path, self->node_failed, self->node_problem);
        else
        if (!s_fetch (self, extent, slot, from, now_ms)) {
            fst_plan_unhold (self->plan, extent, slot);
            return;
        }
    }
}

//  ---- Sending

static void
s_stored (const fst_data_tag_t *tag, fst_data_node_t *data, fst_data_reply_t *reply)
{
    fst_upload_t *self = tag->owner;
    int node = fst_lease_find (&self->lease, data);
    if (reply->rc == FST_OK) {
        fst_lease_well (&self->lease, node);
        fst_plan_stored (self->plan, tag->extent, node, tag->slot);
        return;
    }
    fst_plan_unsent (self->plan, tag->extent, node, tag->slot);
    fst_upload_node_refuses (self, node, reply, fst_clock_mono_ms ());
}

static void
s_send_to (fst_upload_t *self, fst_upload_record_t *record, fst_plan_extent_t *extent, int copy, int64_t now_ms)
{
    fst_lease_node_t *node = &self->lease.nodes [extent->copy [copy].node];
    zmq_msg_t frame;
    zmq_msg_init (&frame);
    zmq_msg_copy (&frame, &record->message);        //  Shares the octets
    fst_data_tag_t tag = { .owner = self, .done = s_stored, .extent = extent->number, .slot = record->record.slot };
    fst_data_send (fst_client_data (self->client), node->data, FST_DATA_STORE,
                   json_pack ("{s:s}", "capability", node->capability), &frame, 1,
                   (int64_t) zmq_msg_size (&record->message), &tag, now_ms);
    zmq_msg_close (&frame);
    fst_plan_sent (extent, copy, record->record.slot);
    if (!record->sent)
        self->unsent--;
    record->sent = true;
}

//  Send a record wherever it is lacking and there is room, or drop it when all copies have it.
static void
s_send (fst_upload_t *self, fst_upload_record_t *record, int64_t now_ms)
{
    if (fst_plan_settled (self->plan, record->record.extent, record->record.slot)) {
        if (!record->again)
            self->done_bytes += record->record.plain_bytes;
        if (!record->sent)
            self->unsent--;
        s_record_destroy (record);
        return;
    }
    fst_plan_extent_t *extent = fst_plan_find (self->plan, record->record.extent);
    int64_t bytes = (int64_t) zmq_msg_size (&record->message);
    for (int copy = 0; copy < extent->copies; copy++)
        if (fst_plan_lacks (extent, copy, record->record.slot)
        &&  fst_lease_ready (&self->lease, extent->copy [copy].node, bytes, now_ms))
            s_send_to (self, record, extent, copy, now_ms);
}

void
fst_upload_send_all (fst_upload_t *self, int64_t now_ms)
{
    fst_upload_record_t *record, *next;
    for (record = TAILQ_FIRST (&self->records); record; record = next) {
        next = TAILQ_NEXT (record, link);
        if (record->state == FST_UPLOAD_READY)
            s_send (self, record, now_ms);
    }
}

void
fst_upload_drop_records (fst_upload_t *self)
{
    while (!TAILQ_EMPTY (&self->records))
        s_record_destroy (TAILQ_FIRST (&self->records));
    fst_buffer_drop (&self->ahead);
    fst_buffer_drop (&self->next);
}
