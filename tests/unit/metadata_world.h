//  A broker, the metadata actor and made-up storage nodes in a private folder; and people who call them.
//  Included by one program each.

#ifndef METADATA_WORLD_H_INCLUDED
#define METADATA_WORLD_H_INCLUDED

#include <czmq.h>
#include <jansson.h>
#include <sodium.h>
#include <stdatomic.h>
#include "bus_fixture.h"
#include "fst_caller.h"
#include "fst_catalog.h"
#include "fst_config.h"
#include "fst_envelope.h"
#include "fst_keys.h"
#include "fst_mdp.h"
#include "fst_metadata.h"
#include "fst_record.h"
#include "fst_socket.h"
#include "fst_told.h"
#include "seen.h"

#define WORLD_WAIT_MS   60000       //  A condition that takes longer is a failure
#define WORLD_NODES     3
#define WORLD_BEAT_MS   50

//  What a made-up node holds. Good copies all have the octets on disk that their extent should have.
typedef enum { WORLD_WHOLE, WORLD_DAMAGED, WORLD_ASIDE } world_state_t;
typedef struct {
    fst_extent_info_t info;
    world_state_t state;            //  ASIDE: in its quarantine
    int64_t short_by;               //  Octets that the file lacks
} world_held_t;
#define WORLD_HELD_MAX  1024

//  A storage node that has no disk: it beats, keeps a list of what it holds, does what metadata says, and counts that.
typedef struct world_node world_node_t;
struct world_node {
    char name [16], service [32];
    world_node_t *all;              //  [1] is node-1
    fst_keys_t *keys;
    fst_actor_t *actor;
    seen_t seen;                    //  Its thread's; what comes twice is done twice, but counted once
    atomic_bool silent;             //  No heartbeats
    atomic_bool refuses;            //  To delete
    atomic_int deleted;             //  Blobs that it was told to delete
    atomic_int dropped;             //  Copies that went with it
    atomic_int asked;               //  To register, by event
    atomic_bool started;            //  It says that its process has just started
    atomic_llong sequence;          //  What it says it was told; 0: the truth
    atomic_int aside;               //  Extents it was told to put aside
    atomic_int inventories;         //  Given to their end
    atomic_int scrubs;              //  Begun, without those that were stopped
    atomic_int checked, restored;   //  Extents it was asked about; that it put back
    const char *_Atomic health;     //  NULL: "ok"
    atomic_llong capacity;          //  0: enough, and half of it is free whatever it holds
    atomic_bool pulls;              //  It takes copies; otherwise it is busy
    atomic_bool keeps_pulls;        //  But does not come to it now
    atomic_bool keeps_answers;      //  Or copies, and does not come to answering
    atomic_bool lies;               //  Its receipts are for something else
    atomic_int pulled;              //  Extents it got and did not have
    atomic_int pulls_now, pulls_most;       //  PULLs under way
    atomic_int wrong_proofs;        //  Tickets and capabilities that its peers would refuse
    struct {
        fst_request_t *request;
        json_t *results;            //  NULL: not yet copied
        bool again;                 //  The same came before
    } kept [8];                     //  Its thread's
    pthread_mutex_t lock;           //  Guards what follows
    fst_told_t told;
    world_held_t held [WORLD_HELD_MAX];     //  In order of blob and number
    size_t held_count;
};

typedef struct {
    bus_t bus;
    fst_keys_t *auth_keys, *metadata_keys;
    fst_config_t *config;
    fst_metadata_t *metadata;
    world_node_t nodes [WORLD_NODES + 1];       //  [1] is node-1
    fst_caller_t *alice, *bob, *root;
    char *alice_token;
    zsock_t *events;
} world_t;

static inline void
world_check (fst_rc_t rc, const char *problem)
{
    if (rc != FST_OK) {
        fprintf (stderr, "cannot start: %s: %s\n", fst_error_code (rc), problem? problem: "");
        abort ();
    }
}

static inline fst_keys_t *
world_keys (world_t *self, const char *name)
{
    char filename [256], *problem = NULL;
    fst_keys_t *keys = NULL;
    snprintf (filename, sizeof (filename), "%s/keys/%s.key", self->bus.folder, name);
    world_check (fst_keys_load (filename, &keys, &problem), problem);
    return keys;
}

static inline fst_actor_options_t
world_bus (world_t *self, const fst_keys_t *keys)
{
    return (fst_actor_options_t) {
        .broker = self->bus.actors, .events_in = self->bus.events_in, .events_out = self->bus.events_out,
        .keys = keys, .lanes = 1
    };
}

static inline void
world_set (world_t *self, const char *name, const char *value)
{
    char *problem = NULL;
    world_check (fst_config_set (self->config, name, value, &problem), problem);
}

//  Wait until condition holds; false if it never did.
#define WORLD_AWAIT(condition) ({ \
    int64_t until_ms_ = fst_clock_mono_ms () + WORLD_WAIT_MS; \
    bool holds_; \
    while (!(holds_ = (condition)) && fst_clock_mono_ms () < until_ms_) \
        zclock_sleep (5); \
    holds_; })

//  Call metadata; *reply_p may be NULL. payload is taken.
static inline fst_rc_t
world_call (fst_caller_t *who, const char *command, json_t *payload, json_t **reply_p)
{
    return fst_caller_call (who, "metadata", command, payload, reply_p);
}

//  Start metadata and wait until the broker knows.
static inline void
world_start (world_t *self)
{
    char *problem = NULL;
    fst_actor_options_t bus = world_bus (self, self->metadata_keys);
    world_check (fst_metadata_new (self->config, &bus, &self->metadata, &problem), problem);
    bool there = WORLD_AWAIT (world_call (self->root, "STATUS", NULL, NULL) == FST_OK);
    world_check (there? FST_OK: FST_TIMEOUT, "metadata does not answer");
}

static inline void
world_restart (world_t *self)
{
    fst_metadata_destroy (&self->metadata);
    world_start (self);
}

//  ---- People

static inline char *
world_token (world_t *self, const char *name, fst_role_t role)
{
    fst_claims_t claims = { .role = role, .expires_ms = fst_clock_wall_ms () + 3600000 };
    snprintf (claims.name, sizeof (claims.name), "%s", name);
    randombytes_buf (claims.session, sizeof (claims.session));
    return fst_token_sign (&claims, self->auth_keys->sign_secret);
}

static inline fst_caller_t *
world_person (world_t *self, const char *name, fst_role_t role)
{
    fst_caller_t *caller = fst_caller_new (self->bus.clients, NULL, WORLD_WAIT_MS, WORLD_WAIT_MS);
    char *token = world_token (self, name, role);
    fst_caller_set_token (caller, token);
    free (token);
    return caller;
}

//  One request with an id of the caller's choice: the result, and the reply's payload in *reply_p.
static inline fst_rc_t
world_call_as (world_t *self, const char *id, const char *token, const char *command, json_t *payload, json_t **reply_p)
{
    zsock_t *socket = NULL;
    world_check (fst_socket_connect (ZMQ_DEALER, self->bus.clients, NULL, &socket), NULL);
    zsock_set_rcvtimeo (socket, WORLD_WAIT_MS);
    zsock_set_sndtimeo (socket, WORLD_WAIT_MS);
    zframe_t *body = fst_envelope_request_encode (id, command, token, payload);
    json_decref (payload);
    zmsg_t *message = zmsg_new ();
    zmsg_addstr (message, FST_MDP_CLIENT_02);
    zmsg_addmem (message, "\1", 1);
    zmsg_addstr (message, "metadata");
    zmsg_append (message, &body);
    zmsg_send (&message, socket);
    while ((message = zmsg_recv (socket)) && zmsg_size (message) < 4)
        zmsg_destroy (&message);                //  A greeting
    assert (message);
    fst_envelope_reply_t reply;
    char where [256];
    world_check (fst_envelope_reply_decode (zframe_data (zmsg_last (message)), zframe_size (zmsg_last (message)), &reply,
                                            where, sizeof (where)), where);
    *reply_p = json_incref (reply.payload);
    fst_rc_t rc = reply.rc;
    fst_envelope_reply_clear (&reply);
    zmsg_destroy (&message);
    zsock_destroy (&socket);
    return rc;
}

//  ---- Nodes

//  What it was told last.
static inline fst_pair_t
world_node_told (world_node_t *self)
{
    pthread_mutex_lock (&self->lock);
    fst_pair_t pair = self->told.last;
    pthread_mutex_unlock (&self->lock);
    return pair;
}

static inline int64_t
world_node_free (world_node_t *self)
{
    int64_t free_bytes = self->capacity;
    pthread_mutex_lock (&self->lock);
    for (size_t at = 0; at < self->held_count; at++)
        free_bytes -= self->held [at].info.bytes;
    pthread_mutex_unlock (&self->lock);
    return free_bytes > 0? free_bytes: 0;
}

static inline json_t *
world_node_says (world_node_t *self)
{
    char endpoint [64], run [17];
    fst_pair_t told = world_node_told (self);
    snprintf (endpoint, sizeof (endpoint), "ipc:///nowhere/%s", self->name);
    const char *health = self->health;
    int64_t capacity = self->capacity? (int64_t) self->capacity: (int64_t) 1 << 40;
    json_t *said = json_pack ("{s:s, s:s, s:s, s:I, s:I, s:i, s:i, s:s, s:I, s:s}", "node", self->name, "endpoint",
        endpoint, "zone", "", "capacity", (json_int_t) capacity,
        "free", (json_int_t) (self->capacity? world_node_free (self): capacity / 2), "extents", 7, "window", 1 << 23,
        "version", "0.1.0", "sequence", (json_int_t) (self->sequence? self->sequence: told.sequence),
        "health", health? health: "ok");
    fst_run_text (told.run, run);
    if (*run && !self->sequence)
        json_object_set_new (said, "run", json_string (run));
    return said;
}

static inline fst_pair_t
world_pair (json_t *said)
{
    return (fst_pair_t) { fst_run_parse (json_string_value (json_object_get (said, "run"))),
                          json_integer_value (json_object_get (said, "sequence")) };
}

static inline void
world_node_registered (void *arg, fst_rc_t rc, json_t *reply)
{
    world_node_t *self = arg;
    pthread_mutex_lock (&self->lock);
    if (rc == FST_OK) {
        fst_pair_t pair = world_pair (reply);
        (void) fst_told_answered (&self->told, &pair);
    }
    pthread_mutex_unlock (&self->lock);
}

static inline void
world_node_ask (world_node_t *self)
{
    json_t *said = world_node_says (self);
    if (atomic_exchange (&self->started, false))
        json_object_set_new (said, "started", json_true ());
    pthread_mutex_lock (&self->lock);
    fst_told_ask (&self->told);
    pthread_mutex_unlock (&self->lock);
    fst_actor_call (self->actor, "metadata", "REGISTER", said, world_node_registered, self);
}

//  Where an extent is in what it holds, or where it would be.
static inline size_t
world_node_find (const world_node_t *self, const fst_blob_id_t *blob, uint32_t n, bool *found_p)
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

//  It holds this from now on, whole. False if it had it before.
static inline bool
world_node_hold (world_node_t *self, const fst_extent_info_t *info)
{
    bool found;
    pthread_mutex_lock (&self->lock);
    size_t at = world_node_find (self, &info->blob, info->extent, &found);
    if (!found) {
        assert (self->held_count < WORLD_HELD_MAX);
        memmove (self->held + at + 1, self->held + at, (self->held_count++ - at) * sizeof (world_held_t));
    }
    self->held [at] = (world_held_t) { .info = *info };
    pthread_mutex_unlock (&self->lock);
    return !found;
}

static inline void
world_node_drop_at (world_node_t *self, size_t at)
{
    memmove (self->held + at, self->held + at + 1, (--self->held_count - at) * sizeof (world_held_t));
}

//  Extents it holds in this state; of one blob, or of all (NULL).
static inline int
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

//  Change what happened to all it holds of a blob: gone (state -1), or in that state.
static inline void
world_node_change (world_node_t *self, const fst_blob_id_t *blob, int state, int64_t short_by)
{
    pthread_mutex_lock (&self->lock);
    for (size_t at = self->held_count; at-- > 0; ) {
        if (memcmp (blob->bytes, self->held [at].info.blob.bytes, sizeof (blob->bytes)) != 0)
            continue;
        if (state < 0)
            world_node_drop_at (self, at);
        else {
            self->held [at].state = (world_state_t) state;
            self->held [at].short_by = short_by;
        }
    }
    pthread_mutex_unlock (&self->lock);
}

//  DELETE and QUARANTINE: those rows of the request that it holds are dropped, or put aside. False: refused.
static inline bool
world_node_take_away (world_node_t *self, fst_request_t **request_p, bool aside, int *count_p)
{
    json_t *payload = fst_request_payload (*request_p), *blobs = json_object_get (payload, "blobs");
    fst_pair_t pair = world_pair (payload);
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
                world_node_drop_at (self, at);
        }
    }
    pthread_mutex_unlock (&self->lock);
    if (!obeys)
        fst_request_fail (request_p, self->refuses? FST_IO: FST_DENIED, NULL);
    return obeys;
}

static inline void
world_node_delete (void *arg, fst_request_t **request_p)
{
    world_node_t *self = arg;
    int count = (int) json_array_size (json_object_get (fst_request_payload (*request_p), "blobs")), there = 0;
    if (!world_node_take_away (self, request_p, false, &there))
        return;
    self->deleted += seen_before (&self->seen, *request_p)? 0: count;
    self->dropped += there;
    fst_request_reply (request_p, json_pack ("{s:i}", "deleted", there));
}

static inline void
world_node_quarantine (void *arg, fst_request_t **request_p)
{
    world_node_t *self = arg;
    int there = 0;
    if (!world_node_take_away (self, request_p, true, &there))
        return;
    self->aside += there;
    fst_request_reply (request_p, json_pack ("{s:i}", "moved", there));
}

static inline void
world_node_inventory (void *arg, fst_request_t **request_p)
{
    world_node_t *self = arg;
    json_t *payload = fst_request_payload (*request_p), *after = json_object_get (payload, "after");
    json_t *blobs = json_array (), *extents = json_array (), *bytes = json_array ();
    json_t *limit = json_object_get (payload, "limit");
    size_t most = limit && json_integer_value (limit) < 100? (size_t) json_integer_value (limit): 100, at = 0;
    pthread_mutex_lock (&self->lock);
    fst_blob_id_t blob;
    bool found = false, more = false;
    if (after && fst_hex_decode (json_string_value (after), blob.bytes, sizeof (blob.bytes)) == FST_OK)
        at = world_node_find (self, &blob, (uint32_t) json_integer_value (json_object_get (payload, "after_extent")), &found);
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

static inline void
world_node_check_one (world_node_t *self, json_t *payload, size_t row, json_t *reply)
{
    fst_blob_id_t blob;
    bool found = false;
    size_t at = 0;
    if (fst_hex_decode (json_string_value (json_array_get (json_object_get (payload, "blobs"), row)), blob.bytes,
                        sizeof (blob.bytes)) == FST_OK)
        at = world_node_find (self, &blob, (uint32_t) json_integer_value (json_array_get (json_object_get (payload, "extents"),
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

static inline void
world_node_check (void *arg, fst_request_t **request_p)
{
    world_node_t *self = arg;
    json_t *payload = fst_request_payload (*request_p);
    json_t *reply = json_pack ("{s:[], s:[], s:[], s:[]}", "states", "chunks", "bytes", "digests");
    size_t count = json_array_size (json_object_get (payload, "blobs"));
    pthread_mutex_lock (&self->lock);
    for (size_t row = 0; row < count; row++)
        world_node_check_one (self, payload, row, reply);
    pthread_mutex_unlock (&self->lock);
    self->checked += (int) count;
    fst_request_reply (request_p, reply);
}

static inline void
world_node_scrub (void *arg, fst_request_t **request_p)
{
    world_node_t *self = arg;
    if (!seen_before (&self->seen, *request_p))
        self->scrubs += json_is_true (json_object_get (fst_request_payload (*request_p), "stop"))? -1: 1;
    fst_request_reply (request_p, NULL);
}

//  Whether this node has a whole copy, and lets those in who ask for it.
static inline bool
world_node_gives (world_node_t *self, json_t *peer, json_t *source, const fst_extent_info_t *info, world_node_t *who)
{
    const char *user = json_string_value (json_object_get (peer, "user"));
    bool found;
    if (fst_ticket_check (self->keys->node_key, user, json_string_value (json_object_get (peer, "ticket")),
                          fst_clock_wall_ms ()) != FST_OK
    ||  fst_capability_check (self->keys->node_key, json_string_value (json_object_get (source, "capability")),
                              FST_RIGHT_READ, &info->blob, fst_clock_wall_ms ()) != FST_OK)
        who->wrong_proofs++;
    pthread_mutex_lock (&self->lock);
    const world_held_t *held = &self->held [world_node_find (self, &info->blob, info->extent, &found)];
    bool gives = found && held->state == WORLD_WHOLE && held->info.digest == info->digest;
    pthread_mutex_unlock (&self->lock);
    return gives;
}

//  One extent: from the first peer that has it.
static inline json_t *
world_node_pull_one (world_node_t *self, json_t *peers, json_t *extent)
{
    fst_extent_info_t info = {
        .extent = (uint32_t) json_integer_value (json_object_get (extent, "extent")),
        .chunks = (uint32_t) json_integer_value (json_object_get (extent, "chunks")),
        .bytes = json_integer_value (json_object_get (extent, "bytes")),
        .digest = strtoull (json_string_value (json_object_get (extent, "digest")), NULL, 16)
    };
    world_check (fst_hex_decode (json_string_value (json_object_get (extent, "blob")), info.blob.bytes, FST_BLOB_BYTES), "");
    json_t *source, *bad = json_array (), *result = json_pack ("{s:s, s:o}", "result", "no_source", "bad", bad);
    size_t at;
    json_array_foreach (json_object_get (extent, "sources"), at, source) {
        json_t *place = json_object_get (source, "peer");
        json_t *peer = json_array_get (peers, (size_t) json_integer_value (place));
        int number = atoi (json_string_value (json_object_get (peer, "node")) + 5);
        if (!world_node_gives (&self->all [number], peer, source, &info, self)) {
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

static inline json_t *
world_node_pull_all (world_node_t *self, const fst_request_t *request)
{
    json_t *payload = fst_request_payload (request), *results = json_array (), *extent;
    size_t at;
    json_array_foreach (json_object_get (payload, "extents"), at, extent)
        json_array_append_new (results, world_node_pull_one (self, json_object_get (payload, "peers"), extent));
    return results;
}

static inline void
world_node_pull_answer (world_node_t *self, fst_request_t **request_p, json_t *results, bool again)
{
    if (!results)
        results = world_node_pull_all (self, *request_p);
    self->pulls_now -= !again;
    fst_request_reply (request_p, json_pack ("{s:o}", "results", results));
}

static inline void
world_node_pull (void *arg, fst_request_t **request_p)
{
    world_node_t *self = arg;
    size_t slot = 0;
    if (!self->pulls) {
        fst_request_fail (request_p, FST_BUSY, NULL);
        return;
    }
    bool again = seen_before (&self->seen, *request_p);
    self->pulls_now += !again;
    if (self->pulls_now > self->pulls_most)
        self->pulls_most = (int) self->pulls_now;
    if (!self->keeps_pulls && !self->keeps_answers) {
        world_node_pull_answer (self, request_p, NULL, again);
        return;
    }
    while (self->kept [slot].request)
        assert (++slot < sizeof (self->kept) / sizeof (self->kept [0]));
    self->kept [slot].results = self->keeps_answers? world_node_pull_all (self, *request_p): NULL;
    self->kept [slot].again = again;
    self->kept [slot].request = *request_p;
    *request_p = NULL;
}

static inline void
world_node_pull_kept (void *arg)
{
    world_node_t *self = arg;
    for (size_t slot = 0; slot < sizeof (self->kept) / sizeof (self->kept [0]); slot++)
        if (self->kept [slot].request)
            world_node_pull_answer (self, &self->kept [slot].request, self->kept [slot].results, self->kept [slot].again);
}

static inline fst_rc_t
world_node_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    (void) problem_p;
    ((world_node_t *) arg)->actor = actor;
    return FST_OK;
}

static inline void
world_node_register (void *arg, const char *topic, json_t *body)
{
    world_node_t *self = arg;
    fst_pair_t pair = world_pair (body);
    bool started = strcmp (topic, "metadata.started") == 0, known = false;
    if (self->silent)
        return;
    pthread_mutex_lock (&self->lock);
    if (!started)
        known = fst_told_event (&self->told, &pair);
    pthread_mutex_unlock (&self->lock);
    self->asked += started;
    if (!known)
        world_node_ask (self);
}

static inline int64_t
world_node_tick (void *arg, int64_t now_ms)
{
    world_node_t *self = arg;
    if (self->started)
        world_node_ask (self);
    char topic [64];
    snprintf (topic, sizeof (topic), "heartbeat.%s", self->name);
    if (!self->keeps_pulls && !self->keeps_answers)
        world_node_pull_kept (self);
    if (!self->silent) {
        json_t *beat = world_node_says (self);
        json_object_set_new (beat, "load", json_integer (0));
        fst_actor_publish (self->actor, topic, beat);
    }
    return now_ms + WORLD_BEAT_MS;
}

static inline void
world_start_node (world_t *self, int number)
{
    static const fst_command_t commands [] = {
        { "DELETE", FST_NEED_ACTOR, world_node_delete }, { "QUARANTINE", FST_NEED_ACTOR, world_node_quarantine },
        { "INVENTORY", FST_NEED_ACTOR, world_node_inventory }, { "CHECK", FST_NEED_ACTOR, world_node_check },
        { "SCRUB", FST_NEED_ACTOR, world_node_scrub }, { "PULL", FST_NEED_ACTOR, world_node_pull },
        { NULL }
    };
    static const fst_topic_t topics [] = { { "metadata.", world_node_register }, { NULL } };
    static const fst_actor_class_t class = {
        .commands = commands, .topics = topics, .start = world_node_start, .tick = world_node_tick,
        .stop = world_node_pull_kept
    };
    world_node_t *node = &self->nodes [number];
    char *problem = NULL;
    pthread_mutex_init (&node->lock, NULL);
    node->all = self->nodes;
    snprintf (node->name, sizeof (node->name), "node-%d", number);
    snprintf (node->service, sizeof (node->service), "storage.node-%d", number);
    node->keys = world_keys (self, node->name);
    fst_actor_options_t bus = world_bus (self, node->keys);
    bus.service = node->service;
    bus.lanes = 4;
    fst_actor_t *actor;
    world_check (fst_actor_new (&class, &bus, node, &actor, &problem), problem);
}

//  Nodes in this state, as metadata sees it.
static inline int
world_count (world_t *self, const char *state)
{
    json_t *reply = NULL;
    world_check (world_call (self->root, "STATUS", NULL, &reply), fst_caller_problem (self->root));
    int count = (int) json_integer_value (json_object_get (json_object_get (reply, "nodes"), state));
    json_decref (reply);
    return count;
}

static inline int64_t
world_status (world_t *self, const char *name)
{
    json_t *reply = NULL;
    world_check (world_call (self->root, "STATUS", NULL, &reply), fst_caller_problem (self->root));
    int64_t value = json_integer_value (json_object_get (reply, name));
    json_decref (reply);
    return value;
}

//  ---- The whole

//  Everything but metadata and nodes; change config before world_start.
static inline void
world_new (world_t *self)
{
    char *problem = NULL, folder [256];
    memset (self, 0, sizeof (*self));
    zsys_handler_set (NULL);
    self->bus = bus_new ();
    bus_start (&self->bus);
    snprintf (folder, sizeof (folder), "%s/keys", self->bus.folder);
    world_check (fst_keys_create (folder, WORLD_NODES, &problem), problem);
    self->auth_keys = world_keys (self, "auth");
    self->metadata_keys = world_keys (self, "metadata");
    self->config = fst_config_new ();
    snprintf (folder, sizeof (folder), "%s/metadata.db", self->bus.folder);
    world_set (self, "metadata-database", folder);
    world_set (self, "heartbeat-interval", "200 ms");
    world_set (self, "prune-after", "2 s");     //  Forty beats: no busy machine keeps a thread waiting for so long
    self->alice = world_person (self, "alice", FST_ROLE_USER);
    self->bob = world_person (self, "bob", FST_ROLE_USER);
    self->root = world_person (self, "root", FST_ROLE_ADMIN);
}

//  With metadata and all nodes, alive.
static inline void
world_new_running (world_t *self)
{
    world_new (self);
    world_start (self);
    for (int number = 1; number <= WORLD_NODES; number++)
        world_start_node (self, number);
    bool alive = WORLD_AWAIT (world_count (self, "alive") == WORLD_NODES);
    for (int number = 1; number <= WORLD_NODES && alive; number++)      //  What comes from now on is in no inventory yet
        alive = WORLD_AWAIT (self->nodes [number].inventories > 0);
    world_check (alive? FST_OK: FST_TIMEOUT, "nodes are not alive");
}

static inline void
world_destroy (world_t *self)
{
    fst_metadata_destroy (&self->metadata);
    for (int number = 1; number <= WORLD_NODES; number++)
        fst_actor_destroy (&self->nodes [number].actor);
    for (int number = 1; number <= WORLD_NODES; number++)       //  Others used them until now
        fst_keys_destroy (&self->nodes [number].keys);
    fst_caller_destroy (&self->alice);
    fst_caller_destroy (&self->bob);
    fst_caller_destroy (&self->root);
    fst_config_destroy (&self->config);
    fst_keys_destroy (&self->auth_keys);
    fst_keys_destroy (&self->metadata_keys);
    //  Whatever a test did, the catalog's books are right
    char filename [256], *problem = NULL, where [256] = "";
    fst_catalog_t *catalog = NULL;
    snprintf (filename, sizeof (filename), "%s/metadata.db", self->bus.folder);
    world_check (fst_catalog_open (filename, &catalog, &problem), problem);
    world_check (fst_catalog_check (catalog, where, sizeof (where)), where);
    fst_catalog_destroy (&catalog);
    bus_remove (&self->bus);
}

//  ---- Uploads

//  Open an upload and give its id; caller frees. The key of it goes to key.
static inline char *
world_open (fst_caller_t *who, const char *path, int replicas, uint8_t key [FST_KEY_BYTES])
{
    json_t *reply = NULL;
    world_check (world_call (who, "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i, s:i}", "path", path, "from", 0,
                             "count", 1, "replicas", replicas), &reply), fst_caller_problem (who));
    char *upload = strdup (json_string_value (json_object_get (reply, "upload")));
    size_t bytes;
    if (key)
        world_check (fst_base64_decode (json_string_value (json_object_get (reply, "key")), key, FST_KEY_BYTES, &bytes),
                     "key");
    json_decref (reply);
    return upload;
}

//  An extent with genuine receipts of nodes 1 to copies, which hold it from now on.
static inline json_t *
world_extent (world_t *self, const char *upload, uint32_t index, uint32_t n, uint32_t chunks, int64_t bytes, int copies)
{
    uint8_t id [FST_UPLOAD_BYTES];
    world_check (fst_hex_decode (upload, id, sizeof (id)), "upload");
    fst_extent_info_t info = { fst_blob_id (id, index), n, chunks, bytes, 0xfedcba9876543210u + n };
    char digest [17];
    snprintf (digest, sizeof (digest), "%016llx", (unsigned long long) info.digest);
    json_t *list = json_array ();
    for (int copy = 1; copy <= copies; copy++) {
        char receipt [FST_PROOF_TEXT_MAX];
        world_node_hold (&self->nodes [copy], &info);
        fst_receipt_make (self->nodes [copy].keys->node_key, &info, receipt);
        json_array_append_new (list, json_pack ("{s:s, s:s}", "node", self->nodes [copy].name, "receipt", receipt));
    }
    return json_pack ("{s:I, s:I, s:I, s:s, s:o}", "extent", (json_int_t) n, "chunks", (json_int_t) chunks,
                      "bytes", (json_int_t) bytes, "digest", digest, "copies", list);
}

//  One small file for PUT_FILE_INFO.
static inline json_t *
world_file (world_t *self, const char *upload, uint32_t index, const char *path, int64_t size, int copies)
{
    json_t *extents = json_array ();
    if (size)
        json_array_append_new (extents, world_extent (self, upload, index, 0, 1, size, copies));
    return json_pack ("{s:I, s:s, s:I, s:i, s:o}", "index", (json_int_t) index, "path", path,
                      "size", (json_int_t) size, "modified_ms", 5, "extents", extents);
}

//  Put files and give the code of the only one; files is taken.
static inline const char *
world_put_file (fst_caller_t *who, const char *upload, json_t *file)
{
    static char code [64];
    json_t *reply = NULL, *payload = json_pack ("{s:[o]}", "files", file);
    if (upload)
        json_object_set_new (payload, "upload", json_string (upload));
    fst_rc_t rc = world_call (who, "PUT_FILE_INFO", payload, &reply);
    const char *said = rc != FST_OK? fst_error_code (rc):
        json_string_value (json_object_get (json_array_get (json_object_get (reply, "files"), 0), "code"));
    snprintf (code, sizeof (code), "%s", said);
    json_decref (reply);
    return code;
}

//  Store a small file with two copies.
static inline void
world_put (world_t *self, fst_caller_t *who, const char *path, int64_t size)
{
    char *upload = world_open (who, path, 2, NULL);
    const char *code = world_put_file (who, upload, world_file (self, upload, 0, path, size, 2));
    world_check (strcmp (code, "ok") == 0? FST_OK: FST_INTERNAL, code);
    free (upload);
}

#endif
