//  Download of one file, or a range of it.

#include "fst_download_self.h"
#include <assert.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_local.h"

#define RACE_MS           250       //  An answer that takes so long is raced by another replica, if that is known to
#define RACE_FACTOR         4       //  take less than this part of it; or, if nothing is known of it,
#define RACE_BLIND_MS     500       //  after this time
#define SLOW_MS           100       //  A replica that takes so much more than RACE_FACTOR times the best is passed by

void
fst_download_fail (fst_download_t *self, fst_rc_t rc, const char *format, ...)
{
    if (self->over)
        return;
    va_list args;
    va_start (args, format);
    int length = vasprintf (&self->problem, format, args);
    va_end (args);
    assert (length >= 0);
    self->rc = rc;
    self->over = true;
}

uint32_t
fst_download_plain_bytes (const fst_download_t *self, int64_t chunk)
{
    int64_t left = self->size - (chunk << self->chunk_log2);
    int64_t full = (int64_t) 1 << self->chunk_log2;
    return (uint32_t) (left < full? left: full);
}

//  ---- Opening what came

//  The octets of a chunk that are wanted: their place in the file, and in the chunk.
static void
s_slice (const fst_download_t *self, uint32_t number, int64_t *at_p, size_t *skip_p, size_t *bytes_p)
{
    int64_t begin = (int64_t) number << self->chunk_log2, end = begin + fst_download_plain_bytes (self, number);
    int64_t from = begin < self->begin? self->begin: begin;
    int64_t to = end > self->end? self->end: end;
    *at_p = from;
    *skip_p = (size_t) (from - begin);
    *bytes_p = (size_t) (to - from);
}

//  In a worker: check and decrypt in place, and write.
static void
s_open_run (void *job)
{
    fst_download_chunk_t *chunk = job;
    const fst_download_t *self = chunk->download;
    fst_record_t expect = {
        .blob = self->blob, .extent = chunk->number / self->extent_chunks, .slot = chunk->number % self->extent_chunks,
        .chunk = chunk->number, .chunk_log2 = self->chunk_log2,
        .last = ((int64_t) chunk->number + 1) << self->chunk_log2 >= self->size
    };
    uint32_t bytes = 0;
    uint8_t *data = zmq_msg_data (&chunk->message);
    assert (!zmq_msg_get (&chunk->message, ZMQ_SHARED));        //  It is opened in place
    chunk->rc = fst_record_open (&expect, self->key, data, zmq_msg_size (&chunk->message), &bytes);
    if (chunk->rc == FST_OK && bytes != fst_download_plain_bytes (self, chunk->number))
        chunk->rc = FST_CORRUPT;
    if (chunk->rc != FST_OK || self->args.fd < 0)
        return;
    int64_t at;
    size_t skip, length;
    s_slice (self, chunk->number, &at, &skip, &length);
    chunk->rc = fst_local_write (self->args.fd, at, data + FST_RECORD_HEADER_BYTES + skip, length);
}

static void
s_chunk_destroy (fst_download_chunk_t *chunk)
{
    fst_download_t *self = chunk->download;
    TAILQ_REMOVE (&self->chunks, chunk, link);
    zmq_msg_close (&chunk->message);
    fst_client_release (self->client, (int64_t) fst_record_bytes (fst_download_plain_bytes (self, chunk->number)));
    free (chunk);
}

static void
s_delivered (fst_download_t *self, fst_download_chunk_t *chunk)
{
    int64_t at;
    size_t skip, bytes;
    s_slice (self, chunk->number, &at, &skip, &bytes);
    self->done_bytes += (int64_t) bytes;
    s_chunk_destroy (chunk);
}

static void
s_open_done (void *job)
{
    fst_download_chunk_t *chunk = job;
    fst_download_t *self = chunk->download;
    self->jobs--;
    if (chunk->rc == FST_OK && self->args.fd < 0)
        chunk->state = FST_DOWNLOAD_OPEN;
    else
    if (chunk->rc == FST_OK)
        s_delivered (self, chunk);
    else
    if (chunk->rc == FST_CORRUPT) {     //  Another replica will do
        self->nodes [chunk->from].rc = FST_CORRUPT;
        zmq_msg_close (&chunk->message);
        zmq_msg_init (&chunk->message);
        chunk->state = FST_DOWNLOAD_WAITING;
    }
    else
        fst_download_fail (self, chunk->rc, "%s: writing failed (%s); make room, or name another place", self->args.name,
                           fst_error_text (chunk->rc));
}

//  ---- Asking nodes

static fst_download_chunk_t *
s_find_chunk (fst_download_t *self, uint32_t number)
{
    fst_download_chunk_t *chunk;
    TAILQ_FOREACH (chunk, &self->chunks, link)
        if (chunk->number == number)
            return chunk;
    return NULL;
}

static void
s_retrieved (const fst_data_tag_t *tag, fst_data_node_t *data, fst_data_reply_t *reply)
{
    fst_download_t *self = tag->owner;
    fst_download_chunk_t *chunk = s_find_chunk (self, tag->extent * self->extent_chunks + tag->slot);
    int node = fst_download_find_node (self, fst_data_name (data));
    if (reply->rc == FST_OK)
        self->refreshes = 0;        //  What metadata said was of use
    if (!chunk || chunk->state != FST_DOWNLOAD_WAITING) {
        if (chunk)
            chunk->asked--;
        return;                     //  Another replica was faster
    }
    chunk->asked--;
    if (reply->rc == FST_OK && reply->frames_count == 1) {
        zmq_msg_move (&chunk->message, &reply->frames [0]);
        chunk->from = node;
        chunk->state = FST_DOWNLOAD_OPENING;
        fst_rc_t rc = fst_pool_submit (fst_client_pool (self->client), s_open_run, s_open_done, chunk);
        assert (rc == FST_OK);      //  What downloads may hold at once bounds the jobs
        self->jobs++;
        return;
    }
    if (reply->rc == FST_EXPIRED && (uintptr_t) tag->item != self->generation)
        chunk->tried = 0;           //  There are new capabilities already
    else
    if (reply->rc == FST_EXPIRED)
        self->expired = true;
    if (node >= 0) {
        self->nodes [node].rc = reply->rc == FST_OK? FST_MALFORMED: reply->rc;
        snprintf (self->nodes [node].said, sizeof (self->nodes [node].said), "%s",
                  reply->message? reply->message: "a reply without a record");
    }
}

//  The node at a position of the extent, if it can be asked for a chunk and was not yet; NULL otherwise.
static const fst_download_node_t *
s_candidate (const fst_download_t *self, const fst_download_chunk_t *chunk, int at)
{
    const fst_download_node_t *node = &self->nodes [fst_download_extent_of (self, chunk->number)->nodes [at]];
    return (chunk->tried >> at & 1) || !node->data || !*node->capability? NULL: node;
}

//  How long the fastest of the nodes that were not asked yet is expected to take; -1 if there is none. Nodes that
//  failed a short time ago count only if there are no others.
static int64_t
s_least_ms (const fst_download_t *self, const fst_download_chunk_t *chunk, bool down, int64_t now_ms)
{
    const fst_download_extent_t *extent = fst_download_extent_of (self, chunk->number);
    int64_t least_ms = -1;
    for (int at = 0; extent && at < extent->count; at++) {
        const fst_download_node_t *node = s_candidate (self, chunk, at);
        if (!node || fst_data_down (node->data, now_ms) != down)
            continue;
        int64_t expect_ms = fst_data_expect_ms (node->data, FST_DATA_RETRIEVE, now_ms);
        if (least_ms < 0 || expect_ms < least_ms)
            least_ms = expect_ms;
    }
    return least_ms;
}

//  The best node for a chunk that was not asked yet: none that is much slower than another, and of the others the one
//  with the least to do. Returns its position in the extent; -1 for none now, for it has no room. *left_p: true if
//  any node is left to ask, now or later. *least_ms_p: how long the fastest is expected to take.
static int
s_choose (const fst_download_t *self, const fst_download_chunk_t *chunk, int64_t bytes, int64_t now_ms, bool *left_p,
          int64_t *least_ms_p)
{
    bool down = false;
    int64_t least_ms = s_least_ms (self, chunk, down, now_ms);
    if (least_ms < 0) {
        down = true;
        least_ms = s_least_ms (self, chunk, down, now_ms);
    }
    *left_p = least_ms >= 0;
    *least_ms_p = least_ms;
    const fst_download_extent_t *extent = fst_download_extent_of (self, chunk->number);
    int best = -1;
    for (int at = 0; *left_p && at < extent->count; at++) {
        const fst_download_node_t *node = s_candidate (self, chunk, at);
        if (!node || fst_data_down (node->data, now_ms) != down
        ||  fst_data_expect_ms (node->data, FST_DATA_RETRIEVE, now_ms) > least_ms * RACE_FACTOR + SLOW_MS)
            continue;
        if (best < 0 || fst_data_load (node->data) < fst_data_load (self->nodes [extent->nodes [best]].data))
            best = at;
    }
    if (best < 0 || !fst_data_room (self->nodes [extent->nodes [best]].data, bytes))
        return -1;
    return best;
}

//  How long an answer may take before a replica that is expected to take so long is asked as well.
static int64_t
s_race_ms (int64_t least_ms)
{
    int64_t race_ms = least_ms * RACE_FACTOR;
    return least_ms == 0? RACE_BLIND_MS: race_ms < RACE_MS? RACE_MS: race_ms;
}

//  Ask for a chunk, for the first time or of another replica. False if that is not possible or not due now.
static bool
s_retrieve (fst_download_t *self, fst_download_chunk_t *chunk, int64_t now_ms)
{
    bool left;
    int64_t least_ms;
    if (self->expired)
        return false;
    int64_t bytes = (int64_t) fst_record_bytes (fst_download_plain_bytes (self, chunk->number));
    int at = s_choose (self, chunk, bytes, now_ms, &left, &least_ms);
    if (chunk->asked && now_ms - chunk->asked_ms < s_race_ms (least_ms))
        return false;
    if (at < 0) {
        if (!left && !chunk->asked)
            self->refresh = true;   //  Everyone was asked in vain
        return false;
    }
    const fst_download_node_t *node = &self->nodes [fst_download_extent_of (self, chunk->number)->nodes [at]];
    fst_data_tag_t tag = { .owner = self, .done = s_retrieved, .item = (void *) self->generation,
                           .extent = chunk->number / self->extent_chunks,
                           .slot = chunk->number % self->extent_chunks };
    fst_data_send (fst_client_data (self->client), node->data, FST_DATA_RETRIEVE,
                   json_pack ("{s:s, s:s, s:I, s:I}", "capability", node->capability, "blob", self->blob_text,
                              "extent", (json_int_t) tag.extent, "slot", (json_int_t) tag.slot),
                   NULL, 0, bytes, &tag, now_ms);
    chunk->tried |= 1u << at;
    chunk->asked++;
    chunk->asked_ms = now_ms;
    return true;
}

//  Ask again for chunks that came from nowhere, and race those that are late.
static void
s_ask_again (fst_download_t *self, int64_t now_ms)
{
    fst_download_chunk_t *chunk;
    TAILQ_FOREACH (chunk, &self->chunks, link)
        if (chunk->state == FST_DOWNLOAD_WAITING && (!chunk->asked || now_ms - chunk->asked_ms >= RACE_MS))
            s_retrieve (self, chunk, now_ms);
}

static void
s_begin_chunks (fst_download_t *self, int64_t now_ms)
{
    while (self->next_chunk < self->end_chunk && fst_download_extent_of (self, self->next_chunk)) {
        int64_t bytes = (int64_t) fst_record_bytes (fst_download_plain_bytes (self, self->next_chunk));
        if (!fst_client_reserve (self->client, bytes))
            return;
        fst_download_chunk_t *chunk = calloc (1, sizeof (*chunk));
        assert (chunk);
        zmq_msg_init (&chunk->message);
        chunk->download = self;
        chunk->number = (uint32_t) self->next_chunk;
        TAILQ_INSERT_TAIL (&self->chunks, chunk, link);
        if (!s_retrieve (self, chunk, now_ms) && !self->refresh) {
            s_chunk_destroy (chunk);        //  No node has room
            return;
        }
        self->next_chunk++;
        if (self->refresh)
            return;
    }
}

static void
s_release (void *arg)
{
    zmq_msg_t *message = arg;
    zmq_msg_close (message);
    free (message);
}

//  Give octets of a chunk to the sink; the chunk's message with them, if it takes that.
static fst_rc_t
s_give (const filestore_sink_t *sink, fst_download_chunk_t *chunk, size_t skip, size_t bytes)
{
    skip += FST_RECORD_HEADER_BYTES;
    if (!sink->pass)
        return sink->write (sink->self, (const uint8_t *) zmq_msg_data (&chunk->message) + skip, bytes);
    zmq_msg_t *message = malloc (sizeof (*message));
    assert (message);
    zmq_msg_init (message);
    zmq_msg_move (message, &chunk->message);
    fst_rc_t rc = sink->pass (sink->self, (const uint8_t *) zmq_msg_data (message) + skip, bytes, s_release, message);
    if (rc != FST_OK)
        s_release (message);
    return rc;
}

//  Give chunks to the sink, in order.
static void
s_deliver (fst_download_t *self)
{
    fst_download_chunk_t *chunk;
    while (!self->over && (chunk = TAILQ_FIRST (&self->chunks)) && chunk->state == FST_DOWNLOAD_OPEN) {
        int64_t at;
        size_t skip, bytes;
        s_slice (self, chunk->number, &at, &skip, &bytes);
        fst_rc_t rc = s_give (self->args.sink, chunk, skip, bytes);
        if (rc != FST_OK)
            fst_download_fail (self, rc, "%s: writing what was read failed (%s)", self->args.path, fst_error_text (rc));
        s_delivered (self, chunk);
    }
}

//  ---- Life

fst_rc_t
fst_download_new (filestore_t *client, const fst_download_args_t *args, json_t *file, json_t *nodes,
                  fst_download_t **self_p, char **problem_p)
{
    assert (client);
    assert (args);
    assert ((args->fd >= 0) != (args->sink != NULL));
    fst_download_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->client = client;
    self->args = *args;
    TAILQ_INIT (&self->chunks);
    self->size = json_integer_value (json_object_get (file, "size"));
    self->version = json_integer_value (json_object_get (file, "version"));
    self->begin = args->offset;
    self->end = args->length < 0 || args->length > self->size - args->offset? self->size: args->offset + args->length;
    fst_rc_t rc = FST_OK;
    if (args->offset < 0 || args->offset > self->size) {
        *problem_p = fst_local_text ("%s: the range begins at %lld, but the file has only %lld octets", args->path,
                                     (long long) args->offset, (long long) self->size);
        rc = FST_MALFORMED;
    }
    else
    if (self->begin < self->end) {
        if (fst_download_learn_shape (self, file) && fst_download_learn_extents (self, json_object_get (file, "extents"))) {
            fst_download_learn_nodes (self, file, nodes);
            self->next_chunk = self->begin >> self->chunk_log2;
            self->end_chunk = ((self->end - 1) >> self->chunk_log2) + 1;
        }
        else {
            *problem_p = fst_local_text ("%s: metadata says things that make no sense; is it of another version?",
                                         args->path);
            rc = FST_INTERNAL;
        }
    }
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_download_destroy (&self);
    return rc;
}

void
fst_download_destroy (fst_download_t **self_p)
{
    assert (self_p);
    fst_download_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    fst_client_forget (self->client, self);
    if (self->jobs)
        fst_client_settle (self->client);
    while (!TAILQ_EMPTY (&self->chunks))
        s_chunk_destroy (TAILQ_FIRST (&self->chunks));
    sodium_memzero (self->key, sizeof (self->key));
    free (self->extents);
    free (self->nodes);
    free (self->problem);
    free (self);
}

bool
fst_download_pump (fst_download_t *self)
{
    assert (self);
    int64_t now_ms = fst_clock_mono_ms ();
    if (!self->over && self->args.fd < 0)
        s_deliver (self);
    if (!self->over) {
        s_ask_again (self, now_ms);
        if (!self->refresh)
            s_begin_chunks (self, now_ms);
    }
    if (!self->over)
        fst_download_ask_if_due (self, now_ms);
    if (self->next_chunk == self->end_chunk && TAILQ_EMPTY (&self->chunks))
        self->over = true;
    return self->over;
}

fst_rc_t
fst_download_result (fst_download_t *self, char **problem_p)
{
    assert (self);
    assert (self->over);
    if (self->rc != FST_OK) {
        *problem_p = self->problem;
        self->problem = NULL;
    }
    return self->rc;
}

int64_t
fst_download_bytes (const fst_download_t *self)
{
    assert (self);
    return self->done_bytes;
}

int64_t
fst_download_total (const fst_download_t *self)
{
    assert (self);
    return self->end - self->begin;
}
