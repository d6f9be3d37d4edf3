//  A storage node that has no disk.

#include "world_node.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_record.h"
#include "fst_text.h"

fst_pair_t
world_node_told (world_node_t *self)
{
    pthread_mutex_lock (&self->lock);
    fst_pair_t pair = self->told.last;
    pthread_mutex_unlock (&self->lock);
    return pair;
}

static int64_t
s_free (world_node_t *self)
{
    int64_t free_bytes = self->capacity;
    pthread_mutex_lock (&self->lock);
    for (size_t at = 0; at < self->held_count; at++)
        free_bytes -= self->held [at].info.bytes;
    pthread_mutex_unlock (&self->lock);
    return free_bytes > 0? free_bytes: 0;
}

json_t *
world_node_says (world_node_t *self)
{
    char endpoint [64], run [17];
    fst_pair_t told = world_node_told (self);
    snprintf (endpoint, sizeof (endpoint), "ipc:///nowhere/%s", self->name);
    const char *health = self->health;
    int64_t capacity = self->capacity? (int64_t) self->capacity: (int64_t) 1 << 40;
    json_t *said = json_pack ("{s:s, s:s, s:s, s:I, s:I, s:i, s:i, s:s, s:I, s:s}", "node", self->name, "endpoint",
        endpoint, "zone", "", "capacity", (json_int_t) capacity,
        "free", (json_int_t) (self->capacity? s_free (self): capacity / 2), "extents", 7, "window", 1 << 23,
        "version", "0.1.0", "sequence", (json_int_t) (self->sequence? self->sequence: told.sequence),
        "health", health? health: "ok");
    fst_run_text (told.run, run);
    if (*run && !self->sequence)
        json_object_set_new (said, "run", json_string (run));
    return said;
}

static fst_pair_t
s_pair (json_t *said)
{
    return (fst_pair_t) { fst_run_parse (json_string_value (json_object_get (said, "run"))),
                          json_integer_value (json_object_get (said, "sequence")) };
}

static void
s_registered (void *arg, fst_rc_t rc, json_t *reply)
{
    world_node_t *self = arg;
    pthread_mutex_lock (&self->lock);
    if (rc == FST_OK) {
        fst_pair_t pair = s_pair (reply);
        (void) fst_told_answered (&self->told, &pair);
    }
    pthread_mutex_unlock (&self->lock);
}

static void
s_ask (world_node_t *self)
{
    json_t *said = world_node_says (self);
    if (atomic_exchange (&self->started, false))
        json_object_set_new (said, "started", json_true ());
    pthread_mutex_lock (&self->lock);
    fst_told_ask (&self->told);
    pthread_mutex_unlock (&self->lock);
    fst_actor_call (self->actor, "metadata", "REGISTER", said, s_registered, self);
}

//  Where an extent is in what it holds, or where it would be.
static size_t
s_find (const world_node_t *self, const fst_blob_id_t *blob, uint32_t n, bool *found_p)
{
    size_t at = 0;
    int order = -1;
    for (; at < self->held_count; at++) {
        const fst_extent_info_t *info = &self->held [at].info;
        order = memcmp (info->blob.bytes, blob->bytes, sizeof (blob->bytes));
        if (order == 0)
            order = info->extent < n? -1: info->extent > n;
        if (order >= 0)
            break;
    }
    *found_p = order == 0 && at < self->held_count;
    return at;
}

bool
world_node_hold (world_node_t *self, const fst_extent_info_t *info)
{
    bool found;
    pthread_mutex_lock (&self->lock);
    size_t at = s_find (self, &info->blob, info->extent, &found);
    if (!found) {
        assert (self->held_count < WORLD_HELD_MAX);
        memmove (self->held + at + 1, self->held + at, (self->held_count++ - at) * sizeof (world_held_t));
    }
    self->held [at] = (world_held_t) { .info = *info };
    pthread_mutex_unlock (&self->lock);
    return !found;
}

static void
s_drop_at (world_node_t *self, size_t at)
{
    memmove (self->held + at, self->held + at + 1, (--self->held_count - at) * sizeof (world_held_t));
}

int
world_node_count (world_node_t *self, world_state_t state, const fst_blob_id_t *blob)
{
    int count = 0;
    pthread_mutex_lock (&self->lock);
    for (size_t at = 0; at < self->held_count; at++)
        count += self->held [at].state == state
              && (!blob || memcmp (blob->bytes, self->held [at].info.blob.bytes, sizeof (blob->bytes)) == 0);
    pthread_mutex_unlock (&self->lock);
    return count;
}

void
world_node_change (world_node_t *self, const fst_blob_id_t *blob, int state, int64_t short_by)
{
    pthread_mutex_lock (&self->lock);
    for (size_t at = self->held_count; at-- > 0; ) {
        if (memcmp (blob->bytes, self->held [at].info.blob.bytes, sizeof (blob->bytes)) != 0)
            continue;
        if (state < 0)
            s_drop_at (self, at);
        else {
            self->held [at].state = (world_state_t) state;
            self->held [at].short_by = short_by;
        }
    }
    pthread_mutex_unlock (&self->lock);
}

//  DELETE and QUARANTINE: those rows of the request that it holds are dropped, or put aside. False: refused.
static bool
s_take_away (world_node_t *self, fst_request_t **request_p, bool aside, int *count_p)
{
    json_t *payload = fst_request_payload (*request_p), *blobs = json_object_get (payload, "blobs");
    fst_pair_t pair = s_pair (payload);
    pthread_mutex_lock (&self->lock);
    bool obeys = fst_told_command (&self->told, &pair) && !self->refuses;
    for (size_t row = 0; row < json_array_size (blobs) && obeys; row++) {
        fst_blob_id_t blob;
        json_t *extent = json_array_get (json_object_get (payload, "extents"), row);
        int64_t n = extent? json_integer_value (extent): -1;
        obeys = fst_hex_decode (json_string_value (json_array_get (blobs, row)), blob.bytes, sizeof (blob.bytes)) == FST_OK;
        for (size_t at = self->held_count; at-- > 0; ) {
            world_held_t *held = &self->held [at];
            if (memcmp (held->info.blob.bytes, blob.bytes, sizeof (blob.bytes)) != 0
            ||  (n >= 0 && held->info.extent != n) || held->state == WORLD_ASIDE)
                continue;
            *count_p += 1;
            if (aside)
                held->state = WORLD_ASIDE;
            else
                s_drop_at (self, at);
        }
    }
    pthread_mutex_unlock (&self->lock);
    self->refused += !obeys;
    if (!obeys)
        fst_request_fail (request_p, self->refuses? FST_IO: FST_DENIED, NULL);
    return obeys;
}

static void
s_delete (void *arg, fst_request_t **request_p)
{
    world_node_t *self = arg;
    int count = (int) json_array_size (json_object_get (fst_request_payload (*request_p), "blobs")), there = 0;
    if (!s_take_away (self, request_p, false, &there))
        return;
    self->deleted += seen_before (&self->seen, *request_p)? 0: count;
    self->dropped += there;
    fst_request_reply (request_p, json_pack ("{s:i}", "deleted", there));
}

static void
s_quarantine (void *arg, fst_request_t **request_p)
{
    world_node_t *self = arg;
    int there = 0;
    if (!s_take_away (self, request_p, true, &there))
        return;
    self->aside += there;
    fst_request_reply (request_p, json_pack ("{s:i}", "moved", there));
}

static void
s_inventory (void *arg, fst_request_t **request_p)
{
    world_node_t *self = arg;
    if (self->hides) {
        self->refused++;
        fst_request_fail (request_p, FST_BUSY, NULL);
        return;
    }
    json_t *payload = fst_request_payload (*request_p), *after = json_object_get (payload, "after");
    self->begun += !after && !seen_before (&self->seen, *request_p);
    json_t *blobs = json_array (), *extents = json_array (), *bytes = json_array ();
    json_t *limit = json_object_get (payload, "limit");
    size_t most = limit && json_integer_value (limit) < 100? (size_t) json_integer_value (limit): 100, at = 0;
    pthread_mutex_lock (&self->lock);
    fst_blob_id_t blob;
    bool found = false, more = false;
    if (after && fst_hex_decode (json_string_value (after), blob.bytes, sizeof (blob.bytes)) == FST_OK)
        at = s_find (self, &blob, (uint32_t) json_integer_value (json_object_get (payload, "after_extent")), &found);
    for (at += found; at < self->held_count && !more; at++) {
        const world_held_t *held = &self->held [at];
        char hex [FST_BLOB_BYTES * 2 + 1];
        if (held->state == WORLD_ASIDE)
            continue;
        more = json_array_size (blobs) == most;
        if (more)
            break;
        fst_hex_encode (held->info.blob.bytes, FST_BLOB_BYTES, hex);
        json_array_append_new (blobs, json_string (hex));
        json_array_append_new (extents, json_integer (held->info.extent));
        json_array_append_new (bytes, json_integer (held->info.bytes + (json_int_t) held->info.chunks * FST_RECORD_OVERHEAD
                                                    - held->short_by));
    }
    pthread_mutex_unlock (&self->lock);
    self->inventories += !more;
    fst_request_reply (request_p, json_pack ("{s:o, s:o, s:o, s:b}", "blobs", blobs, "extents", extents, "bytes", bytes,
                                             "more", (int) more));
}

static void
s_check_one (world_node_t *self, json_t *payload, size_t row, json_t *reply)
{
    fst_blob_id_t blob;
    bool found = false;
    size_t at = 0;
    if (fst_hex_decode (json_string_value (json_array_get (json_object_get (payload, "blobs"), row)), blob.bytes,
                        sizeof (blob.bytes)) == FST_OK)
        at = s_find (self, &blob, (uint32_t) json_integer_value (json_array_get (json_object_get (payload, "extents"),
                              row)), &found);
    world_held_t *held = found? &self->held [at]: NULL;
    if (held && held->state == WORLD_ASIDE && json_is_true (json_object_get (payload, "restore")) && !held->short_by) {
        held->state = WORLD_WHOLE;
        self->restored++;
    }
    bool here = held && held->state != WORLD_ASIDE;
    bool whole = here && held->state == WORLD_WHOLE && !held->short_by;
    char digest [17];
    snprintf (digest, sizeof (digest), "%016llx", (unsigned long long) (whole? held->info.digest: 0));
    json_array_append_new (json_object_get (reply, "states"), json_string (whole? "whole": here? "damaged": "missing"));
    json_array_append_new (json_object_get (reply, "chunks"), json_integer (whole? held->info.chunks: 0));
    json_array_append_new (json_object_get (reply, "bytes"), json_integer (whole? held->info.bytes: 0));
    json_array_append_new (json_object_get (reply, "digests"), json_string (digest));
}

static void
s_check (void *arg, fst_request_t **request_p)
{
    world_node_t *self = arg;
    json_t *payload = fst_request_payload (*request_p);
    json_t *reply = json_pack ("{s:[], s:[], s:[], s:[]}", "states", "chunks", "bytes", "digests");
    size_t count = json_array_size (json_object_get (payload, "blobs"));
    pthread_mutex_lock (&self->lock);
    for (size_t row = 0; row < count; row++)
        s_check_one (self, payload, row, reply);
    pthread_mutex_unlock (&self->lock);
    self->checked += (int) count;
    fst_request_reply (request_p, reply);
}

static void
s_scrub (void *arg, fst_request_t **request_p)
{
    world_node_t *self = arg;
    if (!seen_before (&self->seen, *request_p))
        self->scrubs += json_is_true (json_object_get (fst_request_payload (*request_p), "stop"))? -1: 1;
    fst_request_reply (request_p, NULL);
}

//  Whether this node has a whole copy, and lets those in who ask for it.
static bool
s_gives (world_node_t *self, json_t *peer, json_t *source, const fst_extent_info_t *info, world_node_t *who)
{
    const char *user = json_string_value (json_object_get (peer, "user"));
    bool found;
    if (fst_ticket_check (self->keys->node_key, user, json_string_value (json_object_get (peer, "ticket")),
                          fst_clock_wall_ms ()) != FST_OK
    ||  fst_capability_check (self->keys->node_key, json_string_value (json_object_get (source, "capability")),
                              FST_RIGHT_READ, &info->blob, fst_clock_wall_ms ()) != FST_OK)
        who->wrong_proofs++;
    pthread_mutex_lock (&self->lock);
    const world_held_t *held = &self->held [s_find (self, &info->blob, info->extent, &found)];
    bool gives = found && held->state == WORLD_WHOLE && held->info.digest == info->digest;
    pthread_mutex_unlock (&self->lock);
    return gives;
}

//  One extent: from the first peer that has it.
static json_t *
s_pull_one (world_node_t *self, json_t *peers, json_t *extent)
{
    fst_extent_info_t info = {
        .extent = (uint32_t) json_integer_value (json_object_get (extent, "extent")),
        .chunks = (uint32_t) json_integer_value (json_object_get (extent, "chunks")),
        .bytes = json_integer_value (json_object_get (extent, "bytes")),
        .digest = strtoull (json_string_value (json_object_get (extent, "digest")), NULL, 16)
    };
    fst_rc_t rc = fst_hex_decode (json_string_value (json_object_get (extent, "blob")), info.blob.bytes, FST_BLOB_BYTES);
    assert (rc == FST_OK);
    json_t *source, *bad = json_array (), *result = json_pack ("{s:s, s:o}", "result", "no_source", "bad", bad);
    size_t at;
    json_array_foreach (json_object_get (extent, "sources"), at, source) {
        json_t *place = json_object_get (source, "peer");
        json_t *peer = json_array_get (peers, (size_t) json_integer_value (place));
        int number = atoi (json_string_value (json_object_get (peer, "node")) + 5);
        if (!s_gives (&self->all [number], peer, source, &info, self)) {
            json_array_append (bad, place);
            continue;
        }
        char receipt [FST_PROOF_TEXT_MAX];
        self->pulled += world_node_hold (self, &info);
        info.bytes += self->lies;
        fst_receipt_make (self->keys->node_key, &info, receipt);
        json_object_set_new (result, "result", json_string ("done"));
        json_object_set_new (result, "receipt", json_string (receipt));
        break;
    }
    return result;
}

static json_t *
s_pull_all (world_node_t *self, const fst_request_t *request)
{
    json_t *payload = fst_request_payload (request), *results = json_array (), *extent;
    size_t at;
    json_array_foreach (json_object_get (payload, "extents"), at, extent)
        json_array_append_new (results, s_pull_one (self, json_object_get (payload, "peers"), extent));
    return results;
}

static void
s_pull_answer (world_node_t *self, fst_request_t **request_p, json_t *results, bool again)
{
    if (!results)
        results = s_pull_all (self, *request_p);
    self->pulls_now -= !again;
    fst_request_reply (request_p, json_pack ("{s:o}", "results", results));
}

static void
s_pull (void *arg, fst_request_t **request_p)
{
    world_node_t *self = arg;
    size_t slot = 0;
    if (!self->pulls) {
        fst_request_fail (request_p, FST_BUSY, NULL);
        return;
    }
    pthread_mutex_lock (&self->lock);
    fst_pair_t pair = s_pair (fst_request_payload (*request_p));
    bool brings = fst_told_brings (&self->told, &pair);
    pthread_mutex_unlock (&self->lock);
    if (!brings) {
        fst_request_fail (request_p, FST_DENIED, NULL);
        return;
    }
    bool again = seen_before (&self->seen, *request_p);
    self->pulls_now += !again;
    if (self->pulls_now > self->pulls_most)
        self->pulls_most = (int) self->pulls_now;
    if (!self->keeps_pulls && !self->keeps_answers) {
        s_pull_answer (self, request_p, NULL, again);
        return;
    }
    while (self->kept [slot].request)
        assert (++slot < sizeof (self->kept) / sizeof (self->kept [0]));
    self->kept [slot].results = self->keeps_answers? s_pull_all (self, *request_p): NULL;
    self->kept [slot].again = again;
    self->kept [slot].request = *request_p;
    *request_p = NULL;
}

static void
s_pull_kept (void *arg)
{
    world_node_t *self = arg;
    for (size_t slot = 0; slot < sizeof (self->kept) / sizeof (self->kept [0]); slot++)
        if (self->kept [slot].request)
            s_pull_answer (self, &self->kept [slot].request, self->kept [slot].results, self->kept [slot].again);
}

static fst_rc_t
s_begin (void *arg, fst_actor_t *actor, char **problem_p)
{
    (void) problem_p;
    ((world_node_t *) arg)->actor = actor;
    return FST_OK;
}

static void
s_register (void *arg, const char *topic, json_t *body)
{
    world_node_t *self = arg;
    fst_pair_t pair = s_pair (body);
    bool started = strcmp (topic, "metadata.started") == 0, known = false;
    if (self->silent)
        return;
    pthread_mutex_lock (&self->lock);
    if (!started)
        known = fst_told_event (&self->told, &pair);
    pthread_mutex_unlock (&self->lock);
    self->asked += started;
    if (!known)
        s_ask (self);
}

static int64_t
s_tick (void *arg, int64_t now_ms)
{
    world_node_t *self = arg;
    if (self->started)
        s_ask (self);
    char topic [64];
    snprintf (topic, sizeof (topic), "heartbeat.%s", self->name);
    if (!self->keeps_pulls && !self->keeps_answers)
        s_pull_kept (self);
    if (!self->silent) {
        json_t *beat = world_node_says (self);
        json_object_set_new (beat, "load", json_integer (0));
        fst_actor_publish (self->actor, topic, beat);
    }
    return now_ms + WORLD_BEAT_MS;
}


void
world_node_start (world_node_t *nodes, int number, fst_keys_t *keys, fst_actor_options_t bus)
{
    static const fst_command_t commands [] = {
        { "DELETE", FST_NEED_ACTOR, s_delete }, { "QUARANTINE", FST_NEED_ACTOR, s_quarantine },
        { "INVENTORY", FST_NEED_ACTOR, s_inventory }, { "CHECK", FST_NEED_ACTOR, s_check },
        { "SCRUB", FST_NEED_ACTOR, s_scrub }, { "PULL", FST_NEED_ACTOR, s_pull },
        { NULL }
    };
    static const fst_topic_t topics [] = { { "metadata.", s_register }, { NULL } };
    static const fst_actor_class_t class = {
        .commands = commands, .topics = topics, .start = s_begin, .tick = s_tick,
        .stop = s_pull_kept
    };
    world_node_t *node = &nodes [number];
    char *problem = NULL;
    pthread_mutex_init (&node->lock, NULL);
    node->all = nodes;
    snprintf (node->name, sizeof (node->name), "node-%d", number);
    snprintf (node->service, sizeof (node->service), "storage.node-%d", number);
    node->keys = keys;
    bus.service = node->service;
    bus.lanes = 4;
    fst_actor_t *actor;
    fst_rc_t rc = fst_actor_new (&class, &bus, node, &actor, &problem);
    if (rc != FST_OK)
        fprintf (stderr, "cannot start: %s\n", problem);
    assert (rc == FST_OK);
}
