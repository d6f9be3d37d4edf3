//  Download of one file, or a range of it.

#include "fst_download.h"
#include <assert.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include "fst_clock.h"
#include "fst_local.h"
#include "fst_record.h"
#include "fst_text.h"

#define RACE_MS           250       //  An answer that takes so long is raced by another replica, if that is known to
#define RACE_FACTOR         4       //  take less than this part of it; or, if nothing is known of it,
#define RACE_BLIND_MS     500       //  after this time
#define SLOW_MS           100       //  A replica that takes so much more than RACE_FACTOR times the best is passed by
#define PAGE_NEXT          64       //  Extents in the later pages
#define PAGE_EARLY          4       //  So many extents before the end of what is known, the next page is asked for
#define REFRESHES_MAX       3       //  Times that metadata is asked anew where the content is
#define REFRESH_MS        500
#define REPLICAS_MAX       16

typedef struct {
    char name [FST_NODE_BYTES_MAX + 1];
    fst_data_node_t *data;          //  NULL: metadata does not say how to reach it
    char capability [FST_PROOF_TEXT_MAX];
} s_node_t;

typedef struct {
    uint16_t nodes [REPLICAS_MAX];  //  In the table of nodes
    int count;
} s_extent_t;

//  A chunk on its way. Replies find it by its number: late ones find none, or one that has its content.
typedef struct s_chunk {
    TAILQ_ENTRY (s_chunk) link;     //  In the order of the file
    fst_download_t *download;
    enum { WAITING, OPENING, OPEN } state;
    uint32_t number;
    uint32_t tried;                 //  A bit for each of the extent's nodes that was asked
    int asked;                      //  Requests under way
    int64_t asked_ms;               //  The last one
    zmq_msg_t message;              //  The record; decrypted in place
    fst_rc_t rc;                    //  Of opening and writing it
} s_chunk_t;

struct fst_download {
    filestore_t *client;
    fst_download_args_t args;
    bool over;
    fst_rc_t rc;
    char *problem;

    fst_blob_id_t blob;
    char blob_text [FST_BLOB_BYTES * 2 + 1];
    uint8_t key [FST_KEY_BYTES];
    uint8_t chunk_log2;
    uint32_t extent_chunks;
    int64_t size, version;
    int64_t begin, end;             //  Octets wanted
    int64_t next_chunk, end_chunk;  //  Chunks not begun yet

    s_node_t *nodes;
    int nodes_count;
    s_extent_t *extents;            //  Known ones, from extents_first on
    uint32_t extents_first;
    size_t extents_count;
    bool asking;                    //  A GET_FILE_INFO is under way
    bool refresh;                   //  What is known of a chunk under way is of no use
    bool expired;                   //  The capabilities ended: nothing is asked until there are others
    uintptr_t generation;           //  Of what is known; goes into requests
    int refreshes;
    int64_t refresh_after_ms;

    TAILQ_HEAD (, s_chunk) chunks;
    size_t jobs;
    int64_t done_bytes;
    char said [200];                //  What the last node that failed said
};

static void __attribute__ ((format (printf, 3, 4)))
s_fail (fst_download_t *self, fst_rc_t rc, const char *format, ...)
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

static uint32_t
s_chunk_bytes (const fst_download_t *self)
{
    return (uint32_t) 1 << self->chunk_log2;
}

//  Plain octets of a chunk.
static uint32_t
s_plain_bytes (const fst_download_t *self, int64_t chunk)
{
    int64_t left = self->size - (chunk << self->chunk_log2);
    return left < s_chunk_bytes (self)? (uint32_t) left: s_chunk_bytes (self);
}

//  ---- What metadata says

static int
s_find_node (const fst_download_t *self, const char *name)
{
    for (int at = 0; at < self->nodes_count; at++)
        if (strcmp (self->nodes [at].name, name) == 0)
            return at;
    return -1;
}

static int
s_add_node (fst_download_t *self, const char *name)
{
    int at = s_find_node (self, name);
    if (at >= 0 || self->nodes_count == UINT16_MAX)
        return at;
    self->nodes = realloc (self->nodes, (size_t) (self->nodes_count + 1) * sizeof (*self->nodes));
    assert (self->nodes);
    self->nodes [self->nodes_count] = (s_node_t) { .data = NULL };
    snprintf (self->nodes [self->nodes_count].name, sizeof (self->nodes->name), "%s", name);
    return self->nodes_count++;
}

static void
s_learn_nodes (fst_download_t *self, json_t *file, json_t *nodes)
{
    size_t index;
    json_t *item;
    json_array_foreach (nodes, index, item) {
        int at = s_find_node (self, json_string_value (json_object_get (item, "node")));
        if (at >= 0)                //  Others are for other files of the same reply
            self->nodes [at].data = fst_data_learn (fst_client_data (self->client), self->nodes [at].name,
                                                    json_string_value (json_object_get (item, "endpoint")),
                                                    fst_client_user (self->client),
                                                    json_string_value (json_object_get (item, "ticket")));
    }
    json_array_foreach (json_object_get (file, "capabilities"), index, item) {
        int at = s_find_node (self, json_string_value (json_object_get (item, "node")));
        if (at >= 0)
            snprintf (self->nodes [at].capability, sizeof (self->nodes->capability), "%s",
                      json_string_value (json_object_get (item, "capability")));
    }
}

//  Take a page of extents: it replaces what was known from its first one on. False if it does not fit.
static bool
s_learn_extents (fst_download_t *self, json_t *extents)
{
    size_t count = json_array_size (extents);
    if (!count)
        return false;
    uint32_t first = (uint32_t) json_integer_value (json_object_get (json_array_get (extents, 0), "extent"));
    size_t keep = first >= self->extents_first && first - self->extents_first <= self->extents_count?
                  first - self->extents_first: 0;
    if (!keep)
        self->extents_first = first;
    self->extents = realloc (self->extents, (keep + count) * sizeof (*self->extents));
    assert (self->extents);
    self->extents_count = keep + count;
    for (size_t at = 0; at < count; at++) {
        json_t *row = json_array_get (extents, at), *name;
        s_extent_t *extent = &self->extents [keep + at];
        extent->count = 0;
        if ((uint64_t) json_integer_value (json_object_get (row, "extent")) != first + at)
            return false;
        size_t index;
        json_array_foreach (json_object_get (row, "nodes"), index, name) {
            int node = s_add_node (self, json_string_value (name));
            if (node >= 0 && extent->count < REPLICAS_MAX)
                extent->nodes [extent->count++] = (uint16_t) node;
        }
    }
    return true;
}

static bool
s_learn_shape (fst_download_t *self, json_t *file)
{
    size_t bytes;
    const char *blob = json_string_value (json_object_get (file, "blob"));
    const char *key = json_string_value (json_object_get (file, "key"));
    if (!blob || !key || fst_hex_decode (blob, self->blob.bytes, FST_BLOB_BYTES) != FST_OK
    ||  fst_base64_decode (key, self->key, FST_KEY_BYTES, &bytes) != FST_OK || bytes != FST_KEY_BYTES)
        return false;
    snprintf (self->blob_text, sizeof (self->blob_text), "%s", blob);
    json_int_t chunk = json_integer_value (json_object_get (file, "chunk_size"));
    while (self->chunk_log2 < FST_CHUNK_LOG2_MAX && (json_int_t) 1 << self->chunk_log2 < chunk)
        self->chunk_log2++;
    self->extent_chunks = (uint32_t) json_integer_value (json_object_get (file, "extent_chunks"));
    return (json_int_t) 1 << self->chunk_log2 == chunk && self->chunk_log2 >= FST_CHUNK_LOG2_MIN
        && self->extent_chunks >= 1;
}

static const s_extent_t *
s_extent_of (const fst_download_t *self, int64_t chunk)
{
    int64_t at = chunk / self->extent_chunks - self->extents_first;
    return at >= 0 && at < (int64_t) self->extents_count? &self->extents [at]: NULL;
}

static void
s_informed (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    (void) item;
    fst_download_t *self = owner;
    self->asking = false;
    json_t *file = json_array_get (json_object_get (reply, "files"), 0);
    if (rc == FST_OK) {
        rc = fst_error_parse (json_string_value (json_object_get (file, "code")));
        problem = json_string_value (json_object_get (file, "message"));
    }
    if ((rc == FST_UNAVAILABLE || rc == FST_TIMEOUT) && self->refreshes++ < REFRESHES_MAX) {
        self->refresh_after_ms = fst_clock_mono_ms () + REFRESH_MS;
        return;
    }
    if (rc != FST_OK) {
        char *sentence = fst_client_sentence (self->args.path, rc, problem);
        s_fail (self, rc, "%s", sentence);
        free (sentence);
        return;
    }
    const char *blob = json_string_value (json_object_get (file, "blob"));
    if (!blob || strcmp (blob, self->blob_text) != 0) {
        s_fail (self, FST_CHANGED, "%s: it was replaced while it was read; get it again", self->args.path);
        return;
    }
    if (!s_learn_extents (self, json_object_get (file, "extents"))) {
        s_fail (self, FST_INTERNAL, "%s: metadata gave extents that make no sense; is it of another version?",
                self->args.path);
        return;
    }
    s_learn_nodes (self, file, json_object_get (reply, "nodes"));
    if (self->refresh || self->expired) {       //  Everyone may be asked again
        s_chunk_t *chunk;
        TAILQ_FOREACH (chunk, &self->chunks, link)
            if (chunk->state == WAITING && !chunk->asked)
                chunk->tried = 0;
        self->generation++;
        self->refresh = self->expired = false;
    }
}

static void
s_ask (fst_download_t *self, uint32_t from)
{
    json_t *payload = json_pack ("{s:[s], s:I, s:i}", "paths", self->args.path, "from", (json_int_t) from,
                                 "count", PAGE_NEXT);
    if (self->version > 0)
        json_object_set_new (payload, "version", json_integer (self->version));
    self->asking = true;
    fst_client_call (self->client, "metadata", "GET_FILE_INFO", payload, s_informed, self, NULL);
}

//  The next page, somewhat before it is needed; or what is known anew, when it is of no use.
static void
s_ask_if_due (fst_download_t *self, int64_t now_ms)
{
    if (self->asking || now_ms < self->refresh_after_ms)
        return;
    s_chunk_t *first = TAILQ_FIRST (&self->chunks);
    if ((self->refresh || self->expired) && first) {
        self->refresh_after_ms = now_ms + REFRESH_MS;
        if (self->refreshes++ == REFRESHES_MAX)
            s_fail (self, FST_UNAVAILABLE, "%s: no node gives a part of it (%s); see the nodes' state, and try again",
                    self->args.path, *self->said? self->said: "none that holds it is alive");
        else
            s_ask (self, first->number / self->extent_chunks);
        return;
    }
    if (self->next_chunk >= self->end_chunk)
        return;
    int64_t known = (int64_t) self->extents_first + (int64_t) self->extents_count;
    int64_t needed = self->next_chunk / self->extent_chunks, last = (self->end_chunk - 1) / self->extent_chunks;
    if (needed < self->extents_first || needed >= known)
        s_ask (self, (uint32_t) needed);
    else
    if (known <= last && needed + PAGE_EARLY >= known)
        s_ask (self, (uint32_t) known);
}

//  ---- Opening what came

//  The octets of a chunk that are wanted: their place in the file, and in the chunk.
static void
s_slice (const fst_download_t *self, uint32_t number, int64_t *at_p, size_t *skip_p, size_t *bytes_p)
{
    int64_t begin = (int64_t) number << self->chunk_log2, end = begin + s_plain_bytes (self, number);
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
    s_chunk_t *chunk = job;
    const fst_download_t *self = chunk->download;
    fst_record_t expect = {
        .blob = self->blob, .extent = chunk->number / self->extent_chunks, .slot = chunk->number % self->extent_chunks,
        .chunk = chunk->number, .chunk_log2 = self->chunk_log2,
        .last = ((int64_t) chunk->number + 1) << self->chunk_log2 >= self->size
    };
    uint32_t bytes = 0;
    uint8_t *data = zmq_msg_data (&chunk->message);
    chunk->rc = fst_record_open (&expect, self->key, data, zmq_msg_size (&chunk->message), &bytes);
    if (chunk->rc == FST_OK && bytes != s_plain_bytes (self, chunk->number))
        chunk->rc = FST_CORRUPT;
    if (chunk->rc != FST_OK || self->args.fd < 0)
        return;
    int64_t at;
    size_t skip, length;
    s_slice (self, chunk->number, &at, &skip, &length);
    chunk->rc = fst_local_write (self->args.fd, at, data + FST_RECORD_HEADER_BYTES + skip, length);
}

static void
s_chunk_destroy (s_chunk_t *chunk)
{
    fst_download_t *self = chunk->download;
    TAILQ_REMOVE (&self->chunks, chunk, link);
    zmq_msg_close (&chunk->message);
    fst_client_release (self->client, (int64_t) fst_record_bytes (s_plain_bytes (self, chunk->number)));
    free (chunk);
}

static void
s_delivered (fst_download_t *self, s_chunk_t *chunk)
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
    s_chunk_t *chunk = job;
    fst_download_t *self = chunk->download;
    self->jobs--;
    if (chunk->rc == FST_OK && self->args.fd < 0)
        chunk->state = OPEN;
    else
    if (chunk->rc == FST_OK)
        s_delivered (self, chunk);
    else
    if (chunk->rc == FST_CORRUPT) {     //  Another replica will do
        snprintf (self->said, sizeof (self->said), "%s", fst_error_text (FST_CORRUPT));
        zmq_msg_close (&chunk->message);
        zmq_msg_init (&chunk->message);
        chunk->state = WAITING;
    }
    else
        s_fail (self, chunk->rc, "%s: writing failed (%s); make room, or name another place", self->args.name,
                fst_error_text (chunk->rc));
}

//  ---- Asking nodes

static s_chunk_t *
s_find_chunk (fst_download_t *self, uint32_t number)
{
    s_chunk_t *chunk;
    TAILQ_FOREACH (chunk, &self->chunks, link)
        if (chunk->number == number)
            return chunk;
    return NULL;
}

static void
s_retrieved (const fst_data_tag_t *tag, fst_data_node_t *data, fst_data_reply_t *reply)
{
    fst_download_t *self = tag->owner;
    s_chunk_t *chunk = s_find_chunk (self, tag->extent * self->extent_chunks + tag->slot);
    if (reply->rc == FST_OK)
        self->refreshes = 0;        //  What metadata said was of use
    if (!chunk || chunk->state != WAITING) {
        if (chunk)
            chunk->asked--;
        return;                     //  Another replica was faster
    }
    chunk->asked--;
    if (reply->rc == FST_OK && reply->frames_count == 1) {
        zmq_msg_move (&chunk->message, &reply->frames [0]);
        chunk->state = OPENING;
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
    snprintf (self->said, sizeof (self->said), "node %s: %s", fst_data_name (data),
              reply->message? reply->message: "a reply without a record");
}

//  The node at a position of the extent, if it can be asked for a chunk and was not yet; NULL otherwise.
static const s_node_t *
s_candidate (const fst_download_t *self, const s_chunk_t *chunk, int at)
{
    const s_node_t *node = &self->nodes [s_extent_of (self, chunk->number)->nodes [at]];
    return (chunk->tried >> at & 1) || !node->data || !*node->capability? NULL: node;
}

//  How long the fastest of the nodes that were not asked yet is expected to take; -1 if there is none. Nodes that
//  failed a short time ago count only if there are no others.
static int64_t
s_least_ms (const fst_download_t *self, const s_chunk_t *chunk, bool down, int64_t now_ms)
{
    const s_extent_t *extent = s_extent_of (self, chunk->number);
    int64_t least_ms = -1;
    for (int at = 0; extent && at < extent->count; at++) {
        const s_node_t *node = s_candidate (self, chunk, at);
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
s_choose (const fst_download_t *self, const s_chunk_t *chunk, int64_t bytes, int64_t now_ms, bool *left_p,
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
    const s_extent_t *extent = s_extent_of (self, chunk->number);
    int best = -1;
    for (int at = 0; *left_p && at < extent->count; at++) {
        const s_node_t *node = s_candidate (self, chunk, at);
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
s_retrieve (fst_download_t *self, s_chunk_t *chunk, int64_t now_ms)
{
    bool left;
    int64_t least_ms;
    if (self->expired)
        return false;
    int64_t bytes = (int64_t) fst_record_bytes (s_plain_bytes (self, chunk->number));
    int at = s_choose (self, chunk, bytes, now_ms, &left, &least_ms);
    if (chunk->asked && now_ms - chunk->asked_ms < s_race_ms (least_ms))
        return false;
    if (at < 0) {
        if (!left && !chunk->asked)
            self->refresh = true;   //  Everyone was asked in vain
        return false;
    }
    const s_node_t *node = &self->nodes [s_extent_of (self, chunk->number)->nodes [at]];
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
    s_chunk_t *chunk;
    TAILQ_FOREACH (chunk, &self->chunks, link)
        if (chunk->state == WAITING && (!chunk->asked || now_ms - chunk->asked_ms >= RACE_MS))
            s_retrieve (self, chunk, now_ms);
}

static void
s_begin_chunks (fst_download_t *self, int64_t now_ms)
{
    while (self->next_chunk < self->end_chunk && s_extent_of (self, self->next_chunk)) {
        int64_t bytes = (int64_t) fst_record_bytes (s_plain_bytes (self, self->next_chunk));
        if (!fst_client_reserve (self->client, bytes))
            return;
        s_chunk_t *chunk = calloc (1, sizeof (*chunk));
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

//  Give chunks to the sink, in order.
static void
s_deliver (fst_download_t *self)
{
    s_chunk_t *chunk;
    while (!self->over && (chunk = TAILQ_FIRST (&self->chunks)) && chunk->state == OPEN) {
        int64_t at;
        size_t skip, bytes;
        s_slice (self, chunk->number, &at, &skip, &bytes);
        const uint8_t *plain = (const uint8_t *) zmq_msg_data (&chunk->message) + FST_RECORD_HEADER_BYTES;
        fst_rc_t rc = self->args.sink->write (self->args.sink->self, plain + skip, bytes);
        if (rc != FST_OK)
            s_fail (self, rc, "%s: writing what was read failed (%s)", self->args.path, fst_error_text (rc));
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
        if (s_learn_shape (self, file) && s_learn_extents (self, json_object_get (file, "extents"))) {
            s_learn_nodes (self, file, nodes);
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
        s_ask_if_due (self, now_ms);
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
