//  PULL requests: their peers, their time, and the pace of copying beside clients.

#include "fst_pull_self.h"
#include <assert.h>
#include "fst_bytes.h"
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_text.h"

#define SILENCE_MS      2000        //  Of a source, until others are asked
#define RETRY_MS        1000        //  Until it is asked again
#define FAILURES_MAX    2           //  In a row, until it is not asked again
#define STEP_MS         20          //  Look at everything at least so often
#define LOOKS_MAX       1024        //  Extents of all requests
#define FETCHES_MAX     256         //  Under way
#define CLIENTS_MS      200         //  After their last request clients are still there
#define ROUND_BYTES     (1 << 20)   //  While they are: so much,
#define ROUND_FETCHES   32
#define REST_FACTOR     3           //  then a rest that is so many times as long as the round was,
#define REST_MS_MAX     300         //  and not longer than this

//  ---- Pace

static bool
s_clients_are_here (const fst_pull_t *self, int64_t now_ms)
{
    return now_ms < self->clients_ms + CLIENTS_MS;
}

//  Whether a round for one more has begun, or can begin.
static bool
s_round_allows (fst_pull_t *self, int64_t bytes, int64_t now_ms)
{
    if (self->fetches == 0 && now_ms >= self->rest_until_ms) {
        self->round_ms = now_ms;
        self->round_bytes = bytes > ROUND_BYTES? bytes: ROUND_BYTES;
        self->round_fetches = ROUND_FETCHES;
    }
    if (!self->round_ms || bytes > self->round_bytes || self->round_fetches == 0)
        return false;
    self->round_bytes -= bytes;
    self->round_fetches--;
    return true;
}

bool
fst_pull_may_fetch (fst_pull_t *self, int64_t bytes, int64_t now_ms)
{
    assert (self);
    if (self->fetches == FETCHES_MAX
    || (s_clients_are_here (self, now_ms) && !s_round_allows (self, bytes, now_ms))
    ||  fst_jobs_reserve (self->options.jobs, bytes) != FST_OK)
        return false;
    self->fetches++;
    return true;
}

void
fst_pull_fetched (fst_pull_t *self, int64_t bytes)
{
    assert (self && self->fetches > 0);
    fst_jobs_release (self->options.jobs, bytes);
    if (--self->fetches > 0 || !self->round_ms)
        return;
    int64_t now_ms = fst_clock_mono_ms (), rest_ms = REST_FACTOR * (now_ms - self->round_ms) + 1;
    self->rest_until_ms = now_ms + (rest_ms < REST_MS_MAX? rest_ms: REST_MS_MAX);
    self->round_ms = 0;
}

//  ---- Who is at what

//  After the answer only what is under way counts.
static bool
s_is_at (const fst_pull_request_t *request, size_t rows, const fst_extent_info_t *want)
{
    for (size_t at = 0; at < rows; at++) {
        const fst_pull_extent_t *extent = &request->extents [at];
        bool going = request->request? extent->state != FST_PULL_DONE:
                     extent->fetches || extent->state == FST_PULL_SEALING || extent->state == FST_PULL_CLEARING;
        if (going && extent->want.extent == want->extent
        &&  memcmp (extent->want.blob.bytes, want->blob.bytes, FST_BLOB_BYTES) == 0)
            return true;
    }
    return false;
}

bool
fst_pull_is_elsewhere (const fst_pull_extent_t *extent)
{
    assert (extent);
    const fst_pull_request_t *own = extent->request;
    for (unsigned at = 0; at < FST_PULL_PLACES; at++) {
        const fst_pull_request_t *other = own->pull->requests [at];
        if (other && other->number < own->number && s_is_at (other, other->count, &extent->want))
            return true;
    }
    return s_is_at (own, (size_t) (extent - own->extents), &extent->want);
}

//  ---- Peers

static unsigned
s_place (const fst_pull_extent_t *extent, size_t source)
{
    json_t *row = json_array_get (extent->sources, source);
    return (unsigned) json_integer_value (json_object_get (row, "peer"));
}

static fst_pull_peer_t *
s_peer (const fst_pull_extent_t *extent, size_t source)
{
    return &extent->request->peers [s_place (extent, source)];
}

unsigned
fst_pull_usable (const fst_pull_extent_t *extent, int64_t now_ms)
{
    unsigned usable = 0;
    for (size_t source = 0; source < json_array_size (extent->sources); source++)
        if (now_ms >= s_peer (extent, source)->retry_ms)
            usable |= 1u << source;
    return usable;
}

unsigned
fst_pull_lost (const fst_pull_extent_t *extent)
{
    unsigned lost = 0;
    for (size_t source = 0; source < json_array_size (extent->sources); source++)
        if (s_peer (extent, source)->failures >= FAILURES_MAX)
            lost |= 1u << source;
    return lost;
}

static fst_peer_t *
s_connect (fst_pull_request_t *request, unsigned place)
{
    json_t *row = json_array_get (json_object_get (fst_request_payload (request->request), "peers"), place);
    return fst_peer_new (request->pull->options.actor, json_string_value (json_object_get (row, "endpoint")),
                         json_string_value (json_object_get (row, "user")),
                         json_string_value (json_object_get (row, "ticket")), SILENCE_MS);
}

void
fst_pull_call (fst_pull_extent_t *extent, const fst_copy_ask_t *ask, fst_peer_done_fn *done, void *arg)
{
    assert (extent && extent->request->request);
    fst_pull_peer_t *peer = s_peer (extent, ask->source);
    if (!peer->peer)
        peer->peer = s_connect (extent->request, s_place (extent, ask->source));
    char hex [2 * FST_BLOB_BYTES + 1];
    fst_hex_encode (extent->want.blob.bytes, FST_BLOB_BYTES, hex);
    json_t *source = json_array_get (extent->sources, ask->source);
    fst_peer_call (peer->peer, "RETRIEVE", json_pack ("{s:O, s:s, s:I, s:i, s:i}",
                   "capability", json_object_get (source, "capability"), "blob", hex,
                   "extent", (json_int_t) extent->want.extent, "slot", (int) ask->slot, "count", (int) ask->count),
                   done, arg);
}

void
fst_pull_heard (fst_pull_extent_t *extent, unsigned source, fst_rc_t rc)
{
    assert (extent);
    fst_pull_peer_t *peer = s_peer (extent, source);
    int64_t now_ms = fst_clock_mono_ms ();
    if (rc == FST_BUSY)
        peer->retry_ms = now_ms + FST_PULL_BUSY_MS;
    else
    if (rc != FST_UNREACHABLE && rc != FST_MALFORMED)
        peer->failures = 0;
    else
    if (now_ms >= peer->retry_ms) {     //  All that was under way fails at once, which counts once
        peer->failures++;
        peer->retry_ms = now_ms + RETRY_MS;
    }
}

//  ---- Requests

//  False: refused.
static bool
s_read_extent (fst_pull_request_t *request, size_t index, json_t *row)
{
    fst_pull_extent_t *extent = &request->extents [index];
    uint8_t digest [8];
    fst_rc_t rc = fst_hex_decode (json_string_value (json_object_get (row, "blob")), extent->want.blob.bytes,
                                  FST_BLOB_BYTES);
    assert (rc == FST_OK);              //  The schema has checked that it is hex
    rc = fst_hex_decode (json_string_value (json_object_get (row, "digest")), digest, sizeof (digest));
    assert (rc == FST_OK);
    fst_reader_t in = fst_reader (digest, sizeof (digest));
    extent->want.digest = fst_read_uint (&in, 8);
    extent->want.extent = (uint32_t) json_integer_value (json_object_get (row, "extent"));
    extent->want.chunks = (uint32_t) json_integer_value (json_object_get (row, "chunks"));
    extent->want.bytes = json_integer_value (json_object_get (row, "bytes"));
    extent->request = request;
    extent->sources = json_object_get (row, "sources");
    size_t peers = json_array_size (json_object_get (fst_request_payload (request->request), "peers"));
    for (size_t source = 0; source < json_array_size (extent->sources); source++)
        if (s_place (extent, source) >= peers)
            return false;
    fst_pull_extent_begin (extent);
    return true;
}

static void
s_request_destroy (fst_pull_request_t **request_p)
{
    fst_pull_request_t *request = *request_p;
    assert (request->tasks == 0);
    for (size_t at = 0; at < request->count; at++)
        fst_copy_destroy (&request->extents [at].copy);
    free (request->extents);
    free (request);
    *request_p = NULL;
}

void
fst_pull_ask (fst_pull_t *self, fst_request_t **request_p)
{
    assert (self);
    assert (request_p && *request_p);
    unsigned place = FST_PULL_PLACES, open = 0;
    for (unsigned at = 0; at < FST_PULL_PLACES; at++)
        if (!self->requests [at])
            place = at;
        else
            open += self->requests [at]->request != NULL;
    if (open == FST_PULLS_MAX || place == FST_PULL_PLACES) {
        fst_request_fail (request_p, FST_BUSY, "This node copies for %d requests already.", FST_PULLS_MAX);
        return;
    }
    json_t *payload = fst_request_payload (*request_p), *rows = json_object_get (payload, "extents"), *row;
    fst_pull_request_t *request = calloc (1, sizeof (*request));
    assert (request);
    request->pull = self;
    request->request = *request_p;
    request->number = ++self->asked;
    snprintf (request->trace, sizeof (request->trace), "%s", fst_trace_now ());
    request->deadline_ms = fst_clock_mono_ms () + json_integer_value (json_object_get (payload, "time_ms"));
    request->count = json_array_size (rows);
    request->extents = calloc (request->count, sizeof (*request->extents));
    assert (request->extents);
    size_t index;
    json_array_foreach (rows, index, row)
        if (!s_read_extent (request, index, row)) {
            fst_request_fail (request_p, FST_MALFORMED, "Extent %zu has a source that is not among the peers.", index);
            s_request_destroy (&request);
            return;
        }
    *request_p = NULL;
    self->requests [place] = request;
}

static json_t *
s_result (const fst_pull_extent_t *extent)
{
    bool done = extent->state == FST_PULL_DONE;
    json_t *result = json_pack ("{s:s}", "result", done? extent->result: "undone");
    if (done && extent->receipt [0])
        json_object_set_new (result, "receipt", json_string (extent->receipt));
    json_t *bad = json_array ();
    for (size_t source = 0; source < json_array_size (extent->sources); source++)
        if (extent->bad & 1u << source)
            json_array_append_new (bad, json_integer (s_place (extent, source)));
    if (extent->bad)
        json_object_set (result, "bad", bad);
    json_decref (bad);
    return result;
}

//  What is under way goes on without a request: it comes to nothing, or to a record of an open extent.
static void
s_answer (fst_pull_request_t *request)
{
    json_t *results = json_array ();
    for (size_t at = 0; at < request->count; at++)
        json_array_append_new (results, s_result (&request->extents [at]));
    fst_log_debug ("pull answered extents=%zu ended=%zu", request->count, request->done);
    fst_request_reply (&request->request, json_pack ("{s:o}", "results", results));
    for (size_t at = 0; at < FST_PULL_PEERS_MAX; at++)
        fst_peer_destroy (&request->peers [at].peer);
}

//  ---- The loop's turn

static void
s_go_on (fst_pull_request_t *request, int64_t now_ms)
{
    for (size_t at = 0; at < request->count; at++)
        if (!fst_pull_extent_go_on (&request->extents [at], now_ms))
            break;
}

//  Gives the time of the next turn.
static int64_t
s_turn (fst_pull_request_t *request, int64_t now_ms)
{
    int64_t next_ms = now_ms + STEP_MS;
    for (size_t at = 0; request->request && at < FST_PULL_PEERS_MAX; at++)
        if (request->peers [at].peer) {
            int64_t peer_ms = fst_peer_elapse (request->peers [at].peer, now_ms);
            next_ms = peer_ms < next_ms? peer_ms: next_ms;
        }
    if (request->request && now_ms < request->deadline_ms)
        s_go_on (request, now_ms);
    if (request->request && (request->done == request->count || now_ms >= request->deadline_ms))
        s_answer (request);
    return request->deadline_ms > now_ms && request->deadline_ms < next_ms? request->deadline_ms: next_ms;
}

void
fst_pull_flush (fst_pull_t *self)
{
    assert (self);
    int64_t now_ms = fst_clock_mono_ms (), next_ms = INT64_MAX;
    if (fst_jobs_clients (self->options.jobs) > 0)
        self->clients_ms = now_ms;
    self->turn++;
    for (unsigned at = 0; at < FST_PULL_PLACES; at++) {
        fst_pull_request_t **request_p = &self->requests [(self->turn + at) % FST_PULL_PLACES];
        if (!*request_p)
            continue;
        fst_trace_begin ((*request_p)->trace);
        int64_t request_ms = s_turn (*request_p, now_ms);
        fst_trace_begin (NULL);
        if (!(*request_p)->request && (*request_p)->tasks == 0)
            s_request_destroy (request_p);
        else
            next_ms = request_ms < next_ms? request_ms: next_ms;
    }
    if (next_ms != INT64_MAX) {
        if (self->rest_until_ms > now_ms && self->rest_until_ms < next_ms)
            next_ms = self->rest_until_ms;
        fst_actor_wake (self->options.actor, next_ms);
    }
}

//  ---- The class

static void
s_collect (void *pool)
{
    fst_pool_collect (pool);
}

fst_pull_t *
fst_pull_new (const fst_pull_options_t *options)
{
    assert (options);
    fst_pull_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->options = *options;
    self->clients_ms = INT64_MIN / 2;
    self->pool = fst_pool_new ("fst-pull", 1, LOOKS_MAX);
    fst_actor_add_fd (options->actor, fst_pool_fd (self->pool), s_collect, self->pool);
    return self;
}

void
fst_pull_end (fst_pull_t *self)
{
    assert (self);
    for (unsigned at = 0; at < FST_PULL_PLACES; at++)
        if (self->requests [at] && self->requests [at]->request)
            s_answer (self->requests [at]);
    fst_pool_destroy (&self->pool);
}

void
fst_pull_destroy (fst_pull_t **self_p)
{
    assert (self_p);
    fst_pull_t *self = *self_p;
    if (self) {
        assert (!self->pool);           //  It was ended
        for (unsigned at = 0; at < FST_PULL_PLACES; at++)
            if (self->requests [at])
                s_request_destroy (&self->requests [at]);
        assert (self->fetches == 0);
        free (self);
        *self_p = NULL;
    }
}
