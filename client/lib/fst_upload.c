//  Upload of one large file: the shell around fst_plan, which knows what is to be done; here it is done.

#include "fst_upload.h"
#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>
#include <xxhash.h>
#include "fst_clock.h"
#include "fst_lease.h"
#include "fst_record.h"
#include "fst_text.h"

#define AHEAD_RECORDS     4         //  Made or being made, and sent nowhere yet
#define FETCHES_MAX       4         //  Records that come back from one copy for another
#define PAGE_EXTENTS    512         //  Extents in one PUT_FILE_INFO
#define ASK_AGAIN_MS    250         //  Metadata is not there: it may be starting again
#define ASK_GIVE_UP_MS 10000
#define STREAM_EXTENTS    6         //  Asked for at first: so a short stream needs no second question
#define OFFERS_MAX       16         //  Times that metadata may offer a node that failed

//  A record in hand: being made in a worker, fetched from a copy, or ready to be sent.
typedef struct s_record {
    TAILQ_ENTRY (s_record) link;
    enum { MAKING, FETCHING, READY } state;
    bool sent;                      //  To any copy
    bool again;                     //  Made or fetched a second time
    fst_record_t record;
    zmq_msg_t message;              //  The whole record, when READY

    fst_buffer_t *buffer;           //  While MAKING
    fst_upload_t *upload;
    int fd;                         //  -1: the plain text is in the buffer already
    fst_rc_t rc;
    uint8_t digest [16];
} s_record_t;

struct fst_upload {
    filestore_t *client;
    fst_upload_args_t args;
    enum { OPENING, RUNNING, COMMITTING, OVER } state;
    fst_rc_t rc;
    char *problem;
    json_t *reply;

    fst_lease_t lease;
    fst_plan_t *plan;               //  NULL until the lease is there
    fst_blob_id_t blob;
    uint8_t key [FST_KEY_BYTES];
    TAILQ_HEAD (, s_record) records;
    size_t jobs;                    //  Records that workers have
    size_t unsent;                  //  Records sent nowhere yet
    size_t fetches;

    bool asking;                    //  A GET_WRITE_NODES is under way
    int renew;                      //  Node whose capability ended, -1 for none
    int64_t ask_after_ms, ask_since_ms;
    int offers;
    char node_problem [160];        //  What the last node that failed said
    fst_rc_t node_rc;
    char node_failed [FST_NODE_BYTES_MAX + 1];

    fst_buffer_t *ahead;            //  Of a stream: read, and not known yet whether it is the last
    uint32_t ahead_bytes;
    bool drained;                   //  The stream ended
    bool starved;                   //  There was no buffer to read on

    int64_t read_bytes;             //  Size of the file, when it has ended
    int64_t done_bytes;
    XXH3_state_t *digest;           //  Over the chunks' digests, in order
    json_t *extents;                //  With receipts, not yet told to metadata
    bool telling;                   //  A page of them is under way
};

static size_t
s_chunk_bytes (const fst_upload_t *self)
{
    return (size_t) 1 << self->lease.chunk_log2;
}

//  ---- Failing

static void __attribute__ ((format (printf, 3, 4)))
s_fail (fst_upload_t *self, fst_rc_t rc, const char *format, ...)
{
    if (self->rc != FST_OK)
        return;                     //  The first reason counts
    va_list args;
    va_start (args, format);
    int length = vasprintf (&self->problem, format, args);
    va_end (args);
    assert (length >= 0);
    self->rc = rc;
    self->state = OVER;
}

static void
s_fail_said (fst_upload_t *self, fst_rc_t rc, const char *said)
{
    char *sentence = fst_client_sentence (self->args.path, rc, said);
    s_fail (self, rc, "%s", sentence);
    free (sentence);
}

static void
s_fail_changed (fst_upload_t *self)
{
    s_fail (self, FST_CHANGED, "%s: the file changed while it was read; nothing was stored, try again",
            self->args.name);
}

static void
s_node_fails (fst_upload_t *self, int node, fst_rc_t rc, const char *said)
{
    if (self->lease.nodes [node].failed)
        return;
    fst_lease_lose (&self->lease, node, rc);
    snprintf (self->node_failed, sizeof (self->node_failed), "%s", fst_lease_name (&self->lease, node));
    snprintf (self->node_problem, sizeof (self->node_problem), "%s", said? said: fst_error_text (rc));
    self->node_rc = rc;
    fst_plan_lose (self->plan, node);
}

//  An answer of a node that is no success.
static void
s_node_refuses (fst_upload_t *self, int node, fst_data_reply_t *reply, int64_t now_ms)
{
    switch (fst_lease_advise (&self->lease, node, reply->rc, now_ms)) {
        case FST_LEASE_AGAIN:
            break;
        case FST_LEASE_RENEW:
            self->renew = node;
            break;
        case FST_LEASE_REPLACE:
            s_node_fails (self, node, reply->rc, reply->message);
            break;
    }
}

//  ---- Records

static s_record_t *
s_record_new (fst_upload_t *self, uint32_t extent, uint32_t slot)
{
    s_record_t *record = calloc (1, sizeof (*record));
    assert (record);
    zmq_msg_init (&record->message);
    record->upload = self;
    record->fd = -1;
    record->record = (fst_record_t) {
        .blob = self->blob, .extent = extent, .slot = slot, .chunk = extent * self->lease.extent_chunks + slot,
        .chunk_log2 = self->lease.chunk_log2
    };
    TAILQ_INSERT_TAIL (&self->records, record, link);
    return record;
}

static void
s_record_destroy (s_record_t *record)
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
    s_record_t *record = job;
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
    s_record_t *record = job;
    fst_upload_t *self = record->upload;
    self->jobs--;
    fst_plan_extent_t *extent = fst_plan_find (self->plan, record->record.extent);
    assert (extent);
    uint8_t *digest = extent->digests [record->record.slot];
    if (record->rc == FST_CHANGED || (record->rc == FST_OK && record->again && memcmp (digest, record->digest, 16) != 0))
        s_fail_changed (self);
    else
    if (record->rc != FST_OK)
        s_fail (self, record->rc, "%s: reading it failed; nothing was stored", self->args.name);
    memcpy (digest, record->digest, 16);
    extent->checksums [record->record.slot] = record->record.checksum;
    fst_buffer_message (record->buffer, 0, fst_record_bytes (record->record.plain_bytes), &record->message);
    fst_buffer_drop (&record->buffer);
    record->state = READY;
}

//  Give a record to the workers; plain text in its buffer, or to be read from fd. buffer is taken.
static void
s_make (fst_upload_t *self, uint32_t extent, uint32_t slot, fst_buffer_t *buffer, uint32_t bytes, bool last, bool again)
{
    s_record_t *record = s_record_new (self, extent, slot);
    record->state = MAKING;
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
    return fst_buffers_take (fst_client_buffers (self->client), fst_record_bytes ((uint32_t) s_chunk_bytes (self)));
}

//  ---- The source

static uint32_t
s_file_chunk_bytes (const fst_upload_t *self, int64_t chunk)
{
    int64_t left = self->args.stamp.size - (chunk << self->lease.chunk_log2);
    return (uint32_t) (left < (int64_t) s_chunk_bytes (self)? left: (int64_t) s_chunk_bytes (self));
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

//  Fill a buffer from the stream; *got_p is less than a chunk only at its end.
static bool
s_read_stream (fst_upload_t *self, fst_buffer_t *buffer, size_t *got_p)
{
    uint8_t *plain = fst_buffer_data (buffer) + FST_RECORD_HEADER_BYTES;
    size_t head = self->args.head_bytes < s_chunk_bytes (self)? self->args.head_bytes: s_chunk_bytes (self);
    if (head)
        memcpy (plain, self->args.head, head);
    self->args.head = (const uint8_t *) self->args.head + head;
    self->args.head_bytes -= head;
    fst_rc_t rc = fst_local_fill (self->args.stream, plain + head, s_chunk_bytes (self) - head, got_p);
    if (rc != FST_OK) {
        s_fail (self, rc, "%s: reading %s failed (%s); nothing was stored", self->args.path, self->args.name,
                fst_error_text (rc));
        return false;
    }
    *got_p += head;
    self->read_bytes += (int64_t) *got_p;
    return true;
}

static bool
s_stream_ready (const fst_upload_t *self)
{
    return self->args.stream && self->state == RUNNING && self->unsent < AHEAD_RECORDS
        && (!self->drained || self->ahead) && fst_plan_ready (self->plan);
}

//  Which chunk is the last is known only when the next one is not there: so one chunk is read ahead.
static void
s_make_from_stream (fst_upload_t *self)
{
    if (!s_stream_ready (self))
        return;
    size_t got = 0;
    fst_buffer_t *buffer = NULL;
    if (!self->drained) {
        buffer = s_take_buffer (self);
        self->starved = !buffer;
        if (!buffer || !s_read_stream (self, buffer, &got)) {
            fst_buffer_drop (&buffer);
            return;
        }
        self->drained = got < s_chunk_bytes (self);
        if (got == 0)
            fst_buffer_drop (&buffer);
    }
    if (self->ahead) {
        uint32_t extent, slot;
        bool ready = fst_plan_next (self->plan, &extent, &slot);
        assert (ready);
        bool last = self->drained && !buffer;
        s_make (self, extent, slot, self->ahead, self->ahead_bytes, last, false);
        if (last)
            fst_plan_end (self->plan);
    }
    self->ahead = buffer;
    self->ahead_bytes = (uint32_t) got;
}

//  ---- Copies that were lost

static void
s_fetched (const fst_data_tag_t *tag, fst_data_node_t *data, fst_data_reply_t *reply)
{
    fst_upload_t *self = tag->owner;
    s_record_t *record = tag->item;
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
            record->state = READY;
            self->unsent++;
            return;
        }
        reply->rc = FST_CORRUPT;
    }
    fst_plan_unhold (self->plan, tag->extent, tag->slot);
    s_record_destroy (record);
    s_node_refuses (self, node, reply, fst_clock_mono_ms ());
}

//  Have a record of an extent again that new copies lack. False if it is not possible now.
static bool
s_fetch (fst_upload_t *self, uint32_t extent, uint32_t slot, int from, int64_t now_ms)
{
    size_t bytes = fst_record_bytes ((uint32_t) s_chunk_bytes (self));
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
    s_record_t *record = s_record_new (self, extent, slot);
    record->state = FETCHING;
    record->again = true;
    self->fetches++;
    fst_data_tag_t tag = { .owner = self, .done = s_fetched, .item = record, .extent = extent, .slot = slot };
    fst_data_send (fst_client_data (self->client), self->lease.nodes [node].data, FST_DATA_RETRIEVE,
                   json_pack ("{s:s, s:s, s:I, s:I}", "capability", self->lease.nodes [node].capability, "blob", blob,
                              "extent", (json_int_t) extent, "slot", (json_int_t) slot),
                   NULL, 0, (int64_t) bytes, &tag, now_ms);
    return true;
}

static void
s_fetch_all (fst_upload_t *self, int64_t now_ms)
{
    uint32_t extent, slot;
    int from;
    while (self->state == RUNNING && self->fetches < FETCHES_MAX && self->unsent < AHEAD_RECORDS
    &&  fst_plan_fetch (self->plan, &extent, &slot, &from)) {
        if (from < 0 && self->args.fd < 0)
            s_fail (self, self->node_rc == FST_NO_SPACE? FST_NO_SPACE: FST_UNAVAILABLE,
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
    s_node_refuses (self, node, reply, fst_clock_mono_ms ());
}

static void
s_send_to (fst_upload_t *self, s_record_t *record, fst_plan_extent_t *extent, int copy, int64_t now_ms)
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
s_send (fst_upload_t *self, s_record_t *record, int64_t now_ms)
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

static void
s_send_all (fst_upload_t *self, int64_t now_ms)
{
    s_record_t *record, *next;
    for (record = TAILQ_FIRST (&self->records); record; record = next) {
        next = TAILQ_NEXT (record, link);
        if (record->state == READY)
            s_send (self, record, now_ms);
    }
}

//  ---- Sealing

//  Octets of plain text in a complete extent, and its digest: what every copy must say it has.
static int64_t
s_extent_bytes (const fst_upload_t *self, const fst_plan_extent_t *extent)
{
    int64_t full = (int64_t) self->lease.extent_chunks << self->lease.chunk_log2;
    int64_t left = self->read_bytes - (int64_t) extent->number * full;
    return left < full? left: full;
}

static void
s_extent_digest (const fst_plan_extent_t *extent, char digest [17])
{
    snprintf (digest, 17, "%016" PRIx64, fst_extent_digest (extent->checksums, extent->made));
}

static bool
s_seal_fits (const fst_upload_t *self, const fst_plan_extent_t *extent, json_t *seal)
{
    char digest [17];
    s_extent_digest (extent, digest);
    return strcmp (json_string_value (json_object_get (seal, "digest")), digest) == 0
        && json_integer_value (json_object_get (seal, "bytes")) == s_extent_bytes (self, extent);
}

static void
s_sealed (const fst_data_tag_t *tag, fst_data_node_t *data, fst_data_reply_t *reply)
{
    fst_upload_t *self = tag->owner;
    int node = fst_lease_find (&self->lease, data);
    const fst_plan_extent_t *extent = fst_plan_find (self->plan, tag->extent);
    if (reply->rc == FST_OK && (!extent || s_seal_fits (self, extent, reply->payload))) {
        fst_lease_well (&self->lease, node);
        fst_plan_sealed (self->plan, tag->extent, node,
                         json_string_value (json_object_get (reply->payload, "receipt")));
        return;
    }
    if (reply->rc == FST_OK) {
        reply->rc = FST_CORRUPT;
        reply->message = "it sealed other octets than were sent";
    }
    fst_plan_unsealed (self->plan, tag->extent, node);
    s_node_refuses (self, node, reply, fst_clock_mono_ms ());
}

static void
s_seal_all (fst_upload_t *self, int64_t now_ms)
{
    uint32_t extent, chunks;
    int node;
    char blob [FST_BLOB_BYTES * 2 + 1];
    fst_hex_encode (self->blob.bytes, FST_BLOB_BYTES, blob);
    while (fst_plan_seal (self->plan, &extent, &node, &chunks)) {
        if (!fst_lease_ready (&self->lease, node, 0, now_ms)) {
            fst_plan_unsealed (self->plan, extent, node);
            return;
        }
        fst_data_tag_t tag = { .owner = self, .done = s_sealed, .extent = extent };
        fst_data_send (fst_client_data (self->client), self->lease.nodes [node].data, FST_DATA_SEAL,
                       json_pack ("{s:s, s:s, s:I, s:I}", "capability", self->lease.nodes [node].capability,
                                  "blob", blob, "extent", (json_int_t) extent, "chunks", (json_int_t) chunks),
                       NULL, 0, 0, &tag, now_ms);
    }
}

//  ---- Nodes from metadata

static void
s_assign_rows (fst_upload_t *self, json_t *reply, uint32_t from)
{
    for (size_t row = 0; row < json_array_size (json_object_get (reply, "extents")); row++) {
        int nodes [FST_COPIES_MAX];
        int count = fst_lease_row (&self->lease, reply, row, nodes);
        for (int at = 0; at < count; at++)
            if (self->lease.nodes [nodes [at]].failed) {
                if (++self->offers > OFFERS_MAX)
                    s_fail (self, FST_TOO_FEW_NODES, "%s: no storage node is left in the place of %s (%s)",
                            self->args.path, self->node_failed, self->node_problem);
                return;             //  It failed while the question was under way: ask again
            }
        fst_plan_assign (self->plan, from + (uint32_t) row, nodes, count);
    }
}

static void
s_mend (fst_upload_t *self, json_t *reply, uint32_t extent)
{
    int nodes [FST_COPIES_MAX], usable = 0;
    int count = fst_lease_row (&self->lease, reply, 0, nodes);
    for (int at = 0; at < count; at++)
        if (!self->lease.nodes [nodes [at]].failed)
            nodes [usable++] = nodes [at];
    if (fst_plan_mend (self->plan, extent, nodes, usable) != FST_OK && ++self->offers > OFFERS_MAX)
        s_fail (self, FST_TOO_FEW_NODES, "%s: no storage node is left in the place of %s (%s)", self->args.path,
                self->node_failed, self->node_problem);
}

//  The first reply: now the shape of the blob is known.
static void
s_open (fst_upload_t *self)
{
    self->blob = fst_blob_id (self->lease.id, 0);
    fst_blob_key_derive (self->lease.key, 0, self->key);
    int64_t chunks = -1;
    if (self->args.fd >= 0) {
        self->read_bytes = self->args.stamp.size;
        chunks = (self->read_bytes + (int64_t) s_chunk_bytes (self) - 1) >> self->lease.chunk_log2;
    }
    if (chunks > UINT32_MAX) {
        s_fail (self, FST_TOO_LARGE, "%s: that is larger than a file can be here", self->args.name);
        return;
    }
    self->plan = fst_plan_new (self->lease.extent_chunks, chunks);
    self->state = RUNNING;
}

//  Item says what was asked: nodes from that extent on (even), or in the place of lost ones of it (odd).
static void
s_granted (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    fst_upload_t *self = owner;
    uintptr_t what = (uintptr_t) item;
    int64_t now_ms = fst_clock_mono_ms ();
    self->asking = false;
    if (self->state != OPENING && self->state != RUNNING)
        return;                     //  All that is needed is there; the upload may have ended before this was looked at
    if ((rc == FST_UNAVAILABLE || rc == FST_TIMEOUT) && now_ms - self->ask_since_ms < ASK_GIVE_UP_MS) {
        self->ask_after_ms = now_ms + ASK_AGAIN_MS;
        return;
    }
    self->ask_since_ms = 0;
    if (rc == FST_TOO_FEW_NODES && fst_lease_forgive (&self->lease, now_ms, &self->ask_after_ms))
        return;                     //  Ask again, with those that failed before
    if (rc == FST_OK)
        rc = fst_lease_learn (&self->lease, self->client, reply);
    if (rc == FST_MALFORMED && !problem)
        problem = "metadata gave nodes that make no sense; is it of another version?";
    if (rc != FST_OK) {
        if (*self->node_failed)         //  Too few nodes because they are full is a full store
            s_fail (self, self->node_rc == FST_NO_SPACE? FST_NO_SPACE: rc, "%s: node %s failed (%s), and %s", self->args.path, self->node_failed,
                    self->node_problem, problem? problem: fst_error_text (rc));
        else
            s_fail_said (self, rc, problem);
        return;
    }
    if (!self->plan)
        s_open (self);
    if (self->state != RUNNING)
        return;                     //  It is too large
    if (what & 1)
        s_mend (self, reply, (uint32_t) (what >> 1));
    else
        s_assign_rows (self, reply, (uint32_t) (what >> 1));
}

static void
s_ask (fst_upload_t *self, uint32_t from, uint32_t count, const int *keep, int keep_count, int64_t now_ms)
{
    self->asking = true;
    if (!self->ask_since_ms)
        self->ask_since_ms = now_ms;
    uintptr_t what = (uintptr_t) from << 1 | (keep? 1: 0);
    json_t *payload = fst_lease_request (&self->lease, self->plan? NULL: self->args.path,
                                         self->args.fd >= 0? self->args.stamp.size: -1,
                                         self->args.replicas, from, count, keep, keep_count);
    fst_client_call (self->client, "metadata", "GET_WRITE_NODES", payload, s_granted, self, (void *) what);
}

//  Ask about one extent: other nodes for its lost copies, or only new capabilities.
static void
s_ask_about (fst_upload_t *self, const fst_plan_extent_t *extent, int64_t now_ms)
{
    int keep [FST_COPIES_MAX], count = 0;
    for (int at = 0; at < extent->copies; at++)
        if (extent->copy [at].state != FST_COPY_LOST)
            keep [count++] = extent->copy [at].node;
    s_ask (self, extent->number, 1, keep, count, now_ms);
}

static void
s_ask_if_due (fst_upload_t *self, int64_t now_ms)
{
    if (self->asking || now_ms < self->ask_after_ms)
        return;
    if (!self->plan) {
        int64_t guess = self->args.fd < 0? STREAM_EXTENTS: 1 + (self->args.stamp.size >> 26);
        s_ask (self, 0, (uint32_t) (guess < FST_PLAN_AHEAD? guess: FST_PLAN_AHEAD), NULL, 0, now_ms);
        return;
    }
    const fst_plan_extent_t *extent = fst_plan_broken (self->plan);
    uint32_t from, count;
    if (!extent && self->renew >= 0)
        extent = fst_plan_on (self->plan, self->renew);
    self->renew = -1;
    if (extent)
        s_ask_about (self, extent, now_ms);
    else
    if ((count = fst_plan_wanted (self->plan, &from)))
        s_ask (self, from, count, NULL, 0, now_ms);
}

//  ---- The namespace

static json_t *
s_extent_json (const fst_upload_t *self, const fst_plan_extent_t *extent)
{
    char digest [17];
    s_extent_digest (extent, digest);
    json_t *copies = json_array ();
    for (int at = 0; at < extent->copies; at++)
        json_array_append_new (copies, json_pack ("{s:s, s:s}",
                               "node", fst_lease_name (&self->lease, extent->copy [at].node),
                               "receipt", extent->copy [at].receipt));
    return json_pack ("{s:I, s:I, s:I, s:s, s:o}", "extent", (json_int_t) extent->number,
                      "chunks", (json_int_t) extent->made, "bytes", (json_int_t) s_extent_bytes (self, extent),
                      "digest", digest, "copies", copies);
}

//  Collect the receipts of finished extents, in order.
static void
s_collect (fst_upload_t *self)
{
    fst_plan_extent_t *extent;
    while (json_array_size (self->extents) < PAGE_EXTENTS && (extent = fst_plan_finished (self->plan))) {
        XXH3_128bits_update (self->digest, extent->digests, (size_t) extent->made * 16);
        json_array_append_new (self->extents, s_extent_json (self, extent));
        fst_plan_drop (self->plan);
    }
}

//  The answer to PUT_FILE_INFO; item is not NULL for the last one.
static void
s_told (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    fst_upload_t *self = owner;
    self->telling = false;
    json_t *file = json_array_get (json_object_get (reply, "files"), 0);
    if (rc == FST_OK) {
        rc = fst_error_parse (json_string_value (json_object_get (file, "code")));
        problem = json_string_value (json_object_get (file, "message"));
    }
    if (rc != FST_OK)
        s_fail_said (self, rc, problem);
    else
    if (item) {
        self->reply = json_incref (file);
        self->state = OVER;
    }
}

//  Tell metadata of the extents collected so far; commit: they are all, make the file visible.
static void
s_tell (fst_upload_t *self, bool commit)
{
    json_t *file = json_pack ("{s:i, s:s, s:I, s:I, s:o}", "index", 0, "path", self->args.path,
                              "size", (json_int_t) self->read_bytes,
                              "modified_ms", (json_int_t) self->args.modified_ms, "extents", self->extents);
    self->extents = json_array ();
    if (commit) {
        XXH128_canonical_t canonical;
        char digest [33];
        XXH128_canonicalFromHash (&canonical, XXH3_128bits_digest (self->digest));
        fst_hex_encode (canonical.digest, sizeof (canonical.digest), digest);
        json_object_set_new (file, "digest", json_string (digest));
        if (self->args.no_replace)
            json_object_set_new (file, "no_replace", json_true ());
    }
    json_t *payload = json_pack ("{s:s, s:b, s:[o]}", "upload", self->lease.upload, "commit", commit, "files", file);
    if (self->args.replicas > 0)
        json_object_set_new (payload, "replicas", json_integer (self->args.replicas));
    self->telling = true;
    fst_client_call (self->client, "metadata", "PUT_FILE_INFO", payload, s_told, self, commit? self: NULL);
}

static void
s_tell_if_due (fst_upload_t *self)
{
    s_collect (self);
    if (self->telling)
        return;
    if (json_array_size (self->extents) == PAGE_EXTENTS)
        s_tell (self, false);
    else
    if (fst_plan_done (self->plan)) {
        if (self->args.fd >= 0 && !fst_local_same (self->args.fd, &self->args.stamp)) {
            s_fail_changed (self);
            return;
        }
        self->state = COMMITTING;
        s_tell (self, true);
    }
}

//  ---- Life

fst_upload_t *
fst_upload_new (filestore_t *client, const fst_upload_args_t *args)
{
    assert (client);
    assert (args);
    assert ((args->fd >= 0) != (args->stream != NULL));
    fst_upload_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->client = client;
    self->args = *args;
    self->state = OPENING;
    fst_lease_begin (&self->lease, client, fst_clock_mono_ms ());
    self->renew = -1;
    TAILQ_INIT (&self->records);
    self->extents = json_array ();
    self->digest = XXH3_createState ();
    assert (self->digest);
    XXH3_128bits_reset (self->digest);
    return self;
}

void
fst_upload_destroy (fst_upload_t **self_p)
{
    assert (self_p);
    fst_upload_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    fst_client_forget (self->client, self);
    if (self->jobs)
        fst_client_settle (self->client);
    while (!TAILQ_EMPTY (&self->records))
        s_record_destroy (TAILQ_FIRST (&self->records));
    fst_buffer_drop (&self->ahead);
    fst_plan_destroy (&self->plan);
    if (!self->reply)                   //  A file that is visible has ended its upload
        fst_lease_end (&self->lease, self->client, 1);
    fst_lease_clear (&self->lease);
    XXH3_freeState (self->digest);
    json_decref (self->extents);
    json_decref (self->reply);
    if (self->args.fd >= 0)
        close (self->args.fd);
    sodium_memzero (self->key, sizeof (self->key));
    free (self->problem);
    free (self);
}

bool
fst_upload_pump (fst_upload_t *self)
{
    assert (self);
    int64_t now_ms = fst_clock_mono_ms ();
    if (self->state == OPENING || self->state == RUNNING)
        s_ask_if_due (self, now_ms);
    if (self->state == RUNNING) {
        s_fetch_all (self, now_ms);
        s_send_all (self, now_ms);          //  First what is there: it frees buffers
        if (self->args.fd >= 0)
            s_make_from_file (self);
        else
            s_make_from_stream (self);
        s_seal_all (self, now_ms);
        if (self->state == RUNNING)
            s_tell_if_due (self);
    }
    return self->state == OVER;
}

bool
fst_upload_eager (const fst_upload_t *self)
{
    assert (self);
    return s_stream_ready (self) && !self->starved;
}

fst_rc_t
fst_upload_result (fst_upload_t *self, json_t **reply_p, char **problem_p)
{
    assert (self);
    assert (self->state == OVER);
    if (self->rc == FST_OK) {
        if (reply_p)
            *reply_p = json_incref (self->reply);
        return FST_OK;
    }
    *problem_p = self->problem;
    self->problem = NULL;
    return self->rc;
}

int64_t
fst_upload_bytes (const fst_upload_t *self)
{
    assert (self);
    return self->done_bytes;
}
