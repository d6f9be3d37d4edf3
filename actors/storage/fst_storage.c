//  The storage actor's shell: its commands, its rights, and its signs of life.
//  What is done with a request that may be done is in fst_jobs.h.

#include "fst_storage.h"
#include "fst_aside.h"
#include "fst_check.h"
#include "fst_clock.h"
#include "fst_damage.h"
#include "fst_extents.h"
#include "fst_jobs.h"
#include "fst_keeper.h"
#include "fst_log.h"
#include "fst_marker.h"
#include "fst_pull.h"
#include "fst_salvage.h"
#include "fst_scrub.h"
#include "fst_small.h"
#include "fst_told.h"
#include <assert.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LANES               6       //  Commands over the broker under way at once; a PULL takes its time
#define RECORDS_MAX         256     //  In one STORE
#define INVENTORY_LIMIT     1024    //  Rows of a page, where the request does not say
#define SPACE_INTERVAL_MS   1000    //  How often the disk is asked for its space
#define SPACE_BYTES      1048576    //  And after so many octets were taken in
#define REGISTER_RETRY_MS   1000
#define REGISTER_BEATS      3       //  Heartbeats may be lost, so it registers again with every third

struct fst_storage {
    char *node, *zone, *advertise;
    char *service, *domain;
    char *folder;
    int64_t window, memory;
    int64_t reserve_percent;
    int64_t beat_ms;                //  Interval
    int64_t quarantine_ms;          //  How long things are kept there
    int64_t scrub_ms;               //  How long a round takes
    const fst_keys_t *keys;
    fst_actor_t *actor;             //  Set by start
    fst_actor_t *actor_owned;       //  Set by new, for destroy
    int lock_fd;                    //  -1: not locked
    fst_disk_t *disk;
    fst_extents_t *extents;
    fst_small_t *small;
    fst_quarantine_t *quarantine;
    fst_jobs_t *jobs;
    fst_aside_t *aside;
    fst_damage_t *damage;
    fst_scrub_t *scrub;
    fst_health_t health;
    bool suspect;                   //  A write found no space: is the disk read-only?
    fst_check_t *check;
    fst_keeper_t *keeper;
    fst_pull_t *pull;
    int64_t capacity, free;         //  Of the disk, as last seen; free is without the reserve
    int64_t taken;                  //  Octets taken in since then
    fst_told_t told;                //  By metadata
    unsigned beats;                 //  Until it registers again
    int64_t space_at_ms, beat_at_ms, register_at_ms;    //  When it is due; INT64_MAX: not
    bool registering;               //  A call is under way
    bool registered;                //  Once since the start
    bool register_again;            //  Asked for meanwhile
};

//  ---- Rights

//  True if the capability in the request allows this; otherwise the request is refused.
static bool
s_may (fst_storage_t *self, fst_request_t **request_p, fst_right_t right, const fst_blob_id_t *blob)
{
    const char *capability = json_string_value (json_object_get (fst_request_payload (*request_p), "capability"));
    fst_rc_t rc = fst_capability_check (self->keys->node_key, capability, right, blob, fst_clock_wall_ms ());
    if (rc != FST_OK)
        fst_request_fail (request_p, rc, rc == FST_EXPIRED? "The capability has expired; ask metadata for a new one."
                                                          : "The capability does not allow this here.");
    return rc == FST_OK;
}

//  Only metadata may say what is garbage.
static bool
s_is_metadata (fst_request_t **request_p)
{
    const fst_claims_t *claims = fst_request_claims (*request_p);
    if (claims && claims->role == FST_ROLE_ACTOR && streq (claims->name, "metadata"))
        return true;
    fst_request_fail (request_p, FST_DENIED, "Only the metadata actor may ask for this.");
    return false;
}

//  The schema has checked that it is hex of the right length.
static fst_blob_id_t
s_blob_from (const char *hex)
{
    fst_blob_id_t blob;
    fst_rc_t rc = fst_hex_decode (hex, blob.bytes, FST_BLOB_BYTES);
    assert (rc == FST_OK);
    return blob;
}

static int64_t
s_integer (fst_request_t *request, const char *name, int64_t standard)
{
    json_t *value = json_object_get (fst_request_payload (request), name);
    return value? json_integer_value (value): standard;
}

static fst_blob_id_t
s_blob (fst_request_t *request)
{
    return s_blob_from (json_string_value (json_object_get (fst_request_payload (request), "blob")));
}

//  ---- Data port

static void s_see_space (fst_storage_t *self);
static void s_register (fst_storage_t *self);

//  Room for so many octets of records, above the reserve. The disk may be shared, so it is asked often; what was taken
//  in since then may not be on it yet.
static bool
s_has_room (void *arg, int64_t bytes)
{
    fst_storage_t *self = arg;
    if (self->taken + bytes > SPACE_BYTES)
        s_see_space (self);
    self->taken += bytes;
    return fst_health_takes (&self->health) && self->free > self->taken;
}

static bool
s_has_room_for (fst_storage_t *self, const fst_request_t *request)
{
    int64_t bytes = 0;
    for (size_t at = 0; at < fst_request_frames (request); at++)
        bytes += (int64_t) zframe_size (fst_request_frame (request, at));
    return s_has_room (self, bytes);
}

//  Decode the records of a STORE and see whether the capability is for them. False: refused.
static bool
s_read_records (fst_storage_t *self, fst_request_t **request_p, bool seal, fst_record_t *records, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        zframe_t *frame = fst_request_frame (*request_p, at);
        if (fst_record_decode (zframe_data (frame), zframe_size (frame), &records [at]) != FST_OK) {
            fst_request_fail (request_p, FST_MALFORMED, "Frame %zu is no chunk record.", at + 1);
            return false;
        }
        if (seal && !fst_small_fits (&records [at])) {
            fst_request_fail (request_p, FST_MALFORMED, "Record %zu is no whole small blob.", at);
            return false;
        }
        if (!s_may (self, request_p, FST_RIGHT_WRITE, &records [at].blob))
            return false;
    }
    return true;
}

static void
s_store (void *arg, fst_request_t **request_p)
{
    fst_storage_t *self = arg;
    bool seal = json_is_true (json_object_get (fst_request_payload (*request_p), "seal"));
    size_t count = fst_request_frames (*request_p);
    if (count < 1 || count > RECORDS_MAX) {
        fst_request_fail (request_p, FST_MALFORMED, "A STORE has 1 to %d records.", RECORDS_MAX);
        return;
    }
    fst_record_t *records = calloc (count, sizeof (*records));
    assert (records);
    if (s_read_records (self, request_p, seal, records, count)) {
        if (!s_has_room_for (self, *request_p))
            fst_request_fail (request_p, FST_NO_SPACE, "%s", fst_health_refusal (&self->health));
        else
            fst_jobs_store (self->jobs, request_p, &records, count, seal);
    }
    free (records);
}

//  A read-only disk is said at once: nothing is tried on it, so that a disk that comes back has lost nothing.
static bool
s_can_write (fst_storage_t *self, fst_request_t **request_p)
{
    if (fst_health_writes (&self->health))
        return true;
    fst_request_fail (request_p, FST_NO_SPACE, "%s", fst_health_refusal (&self->health));
    return false;
}

static void
s_seal (void *arg, fst_request_t **request_p)
{
    fst_storage_t *self = arg;
    fst_blob_id_t blob = s_blob (*request_p);
    if (s_may (self, request_p, FST_RIGHT_WRITE, &blob) && s_can_write (self, request_p))
        fst_jobs_seal (self->jobs, request_p, &blob, (uint32_t) s_integer (*request_p, "extent", 0),
                       (uint32_t) s_integer (*request_p, "chunks", 0));
}

//  Who may write also sees what is not sealed yet.
static void
s_retrieve (void *arg, fst_request_t **request_p)
{
    fst_storage_t *self = arg;
    fst_blob_id_t blob = s_blob (*request_p);
    const char *capability = json_string_value (json_object_get (fst_request_payload (*request_p), "capability"));
    bool unsealed = fst_capability_check (self->keys->node_key, capability, FST_RIGHT_WRITE, &blob,
                                          fst_clock_wall_ms ()) == FST_OK;
    if (unsealed || s_may (self, request_p, FST_RIGHT_READ, &blob))
        fst_jobs_retrieve (self->jobs, request_p, &blob, (uint32_t) s_integer (*request_p, "extent", 0),
                           (uint32_t) s_integer (*request_p, "slot", 0), (uint32_t) s_integer (*request_p, "count", 1),
                           unsealed);
}

//  ---- Commands of metadata

//  The run and sequence in a message of metadata.
static fst_pair_t
s_pair (json_t *said)
{
    return (fst_pair_t) {
        .run = fst_run_parse (json_string_value (json_object_get (said, "run"))),
        .sequence = json_integer_value (json_object_get (said, "sequence"))
    };
}

//  Metadata wants something deleted or put aside. A lower sequence than one seen before is an older database, and a run
//  with which this node has not registered has not looked at what this node was told: then nothing that it calls
//  garbage may be believed. False: refused.
static bool
s_obeys (fst_storage_t *self, fst_request_t **request_p)
{
    fst_pair_t pair = s_pair (fst_request_payload (*request_p));
    if (fst_told_command (&self->told, &pair))
        return true;
    bool older = pair.sequence < self->told.last.sequence;
    if (older)
        fst_log_error ("metadata is older than this node's data sequence=%" PRId64 " seen=%" PRId64,
                       pair.sequence, self->told.last.sequence);
    fst_request_fail (request_p, FST_DENIED, older
        ? "This node has seen sequence %" PRId64 "; metadata was restored from an older copy, so nothing is deleted."
        : "This node was told sequence %" PRId64 " by another run of metadata, and has yet to register with this one.",
        self->told.last.sequence);
    if (!older)
        s_register (self);
    return false;
}

//  The columns blobs and extents of a request; caller frees. NULL: refused.
static fst_extent_id_t *
s_read_ids (fst_request_t **request_p, size_t *count_p)
{
    json_t *blobs = json_object_get (fst_request_payload (*request_p), "blobs");
    json_t *extents = json_object_get (fst_request_payload (*request_p), "extents");
    size_t count = json_array_size (blobs);
    if (extents && json_array_size (extents) != count) {
        fst_request_fail (request_p, FST_MALFORMED, "There are %zu blobs but %zu extents.", count,
                          json_array_size (extents));
        return NULL;
    }
    fst_extent_id_t *ids = calloc (count, sizeof (*ids));
    assert (ids);
    for (size_t at = 0; at < count; at++) {
        ids [at].blob = s_blob_from (json_string_value (json_array_get (blobs, at)));
        ids [at].extent = extents? json_integer_value (json_array_get (extents, at)): FST_EXTENT_ALL;
    }
    *count_p = count;
    return ids;
}

//  Metadata may say what is garbage or stray, if it is not an older copy; otherwise the request is refused.
static bool
s_may_remove (fst_storage_t *self, fst_request_t **request_p)
{
    return s_is_metadata (request_p) && s_can_write (self, request_p) && s_obeys (self, request_p);
}

static void
s_delete (void *arg, fst_request_t **request_p)
{
    fst_storage_t *self = arg;
    if (!s_may_remove (self, request_p))
        return;
    size_t count;
    fst_extent_id_t *ids = s_read_ids (request_p, &count);
    if (ids)
        fst_jobs_delete (self->jobs, request_p, &ids, count, &self->told.last);
}

static void
s_quarantine (void *arg, fst_request_t **request_p)
{
    fst_storage_t *self = arg;
    if (!s_may_remove (self, request_p))
        return;
    size_t count;
    fst_extent_id_t *ids = s_read_ids (request_p, &count);
    if (ids)
        fst_aside_request (self->aside, request_p, &ids, count, &self->told.last);
}

static void
s_inventory (void *arg, fst_request_t **request_p)
{
    fst_storage_t *self = arg;
    if (!s_is_metadata (request_p))
        return;
    const char *hex = json_string_value (json_object_get (fst_request_payload (*request_p), "after"));
    fst_blob_id_t after;
    if (hex)
        after = s_blob_from (hex);
    fst_jobs_inventory (self->jobs, request_p, hex? &after: NULL,
                        (uint32_t) s_integer (*request_p, "after_extent", UINT32_MAX),
                        (size_t) s_integer (*request_p, "limit", INVENTORY_LIMIT));
}

static void
s_check (void *arg, fst_request_t **request_p)
{
    fst_storage_t *self = arg;
    if (!s_is_metadata (request_p))
        return;
    size_t count;
    bool deep = json_is_true (json_object_get (fst_request_payload (*request_p), "deep"));
    bool restore = json_is_true (json_object_get (fst_request_payload (*request_p), "restore"));
    fst_extent_id_t *ids = s_read_ids (request_p, &count);
    if (ids)
        fst_check_ask (self->check, request_p, &ids, count, deep, restore);
}

static void
s_pull (void *arg, fst_request_t **request_p)
{
    fst_storage_t *self = arg;
    if (s_is_metadata (request_p))
        fst_pull_ask (self->pull, request_p);
}

static json_t *
s_scrub_portrait (fst_storage_t *self)
{
    fst_scrub_status_t scrub;
    fst_scrub_status (self->scrub, &scrub);
    return json_pack ("{s:b, s:i, s:I, s:I, s:I, s:I}",
        "fast", (int) scrub.fast,
        "percent", scrub.percent,
        "bytes", (json_int_t) scrub.bytes,
        "damaged", (json_int_t) scrub.damaged,
        "rounds", (json_int_t) scrub.rounds,
        "finished_ms", (json_int_t) scrub.finished_ms);
}

static void
s_status (void *arg, fst_request_t **request_p)
{
    fst_storage_t *self = arg;
    fst_extents_statistics_t extents;
    fst_jobs_statistics_t jobs;
    fst_extents_statistics (self->extents, &extents);
    fst_jobs_statistics (self->jobs, &jobs);
    fst_request_reply (request_p, json_pack ("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:o}",
        "node", self->node,
        "capacity", (json_int_t) self->capacity,
        "free", (json_int_t) self->free,
        "extents", (json_int_t) extents.sealed,
        "small", (json_int_t) fst_small_count (self->small),
        "open", (json_int_t) extents.open,
        "stored_bytes", (json_int_t) jobs.stored_bytes,
        "retrieved_bytes", (json_int_t) jobs.retrieved_bytes,
        "sequence", (json_int_t) self->told.last.sequence,
        "health", fst_health_word (&self->health),
        "quarantined", (json_int_t) fst_aside_count (self->aside),
        "scrub", s_scrub_portrait (self)));
}

static void
s_scrub (void *arg, fst_request_t **request_p)
{
    fst_storage_t *self = arg;
    if (!s_is_metadata (request_p))
        return;
    if (json_is_true (json_object_get (fst_request_payload (*request_p), "stop")))
        fst_scrub_slow (self->scrub);
    else
        fst_scrub_begin (self->scrub);
    fst_request_reply (request_p, NULL);
}

static const fst_command_t s_commands [] = {
    //  name            needs                   handler
    { "STORE",          FST_NEED_CAPABILITY,    s_store },
    { "SEAL",           FST_NEED_CAPABILITY,    s_seal },
    { "RETRIEVE",       FST_NEED_CAPABILITY,    s_retrieve },
    { "DELETE",         FST_NEED_ACTOR,         s_delete },
    { "QUARANTINE",     FST_NEED_ACTOR,         s_quarantine },
    { "INVENTORY",      FST_NEED_ACTOR,         s_inventory },
    { "CHECK",          FST_NEED_ACTOR,         s_check },
    { "PULL",           FST_NEED_ACTOR,         s_pull },
    { "SCRUB",          FST_NEED_ACTOR,         s_scrub },
    { "STATUS",         FST_NEED_USER,          s_status },
    { NULL }
};

//  ---- Signs of life

//  Metadata should know at once.
static void
s_health_changed (fst_storage_t *self)
{
    fst_log_warning ("disk health=%s free=%" PRId64 " reserve_percent=%" PRId64, fst_health_word (&self->health),
                     self->free, self->reserve_percent);
    self->beat_at_ms = 0;
    fst_actor_wake (self->actor, 0);
}

static void
s_see_space (fst_storage_t *self)
{
    fst_disk_space_t space;
    bool try = self->suspect || self->health.read_only;
    if (self->disk->space (self->disk->self, try, &space) != FST_OK)
        return;                         //  Then what was known goes on
    self->suspect = false;
    int64_t left = space.free - space.capacity / 100 * self->reserve_percent;
    self->capacity = space.capacity;
    self->free = left > 0? left: 0;
    self->taken = 0;
    if (fst_health_see (&self->health, left <= 0, space.read_only))
        s_health_changed (self);
}

//  small.db cannot be used any more: the process ends, and the next one looks at what there is.
static void
s_see_small (fst_storage_t *self)
{
    if (!fst_small_is_dead (self->small))
        return;
    if (fst_small_is_damaged (self->small)) {
        fst_salvage_ask (self->disk);
        fst_actor_die (self->actor, "small.db is damaged; the next start saves what is still whole of it");
    }
    fst_actor_die (self->actor, "small.db cannot be written or read any more; see the log for the disk's error");
}

//  Something could not be read or, if id is NULL, written (FST_IO, or FST_NO_SPACE).
static void
s_trouble (void *arg, const fst_extent_id_t *id, fst_rc_t rc)
{
    fst_storage_t *self = arg;
    s_see_small (self);                 //  Then it is not the extent's fault
    if (id)
        fst_damage_note (self->damage, &id->blob, (uint32_t) id->extent, rc);
    if (rc == FST_CORRUPT)
        return;
    self->suspect = self->suspect || rc == FST_NO_SPACE;
    s_see_space (self);
    if (rc != FST_IO)
        return;
    if (id? fst_health_unread (&self->health, id): fst_health_unwritten (&self->health))
        s_health_changed (self);
}

static void
s_scrub_found (void *arg, const fst_extent_id_t *id, fst_rc_t rc)
{
    fst_storage_t *self = arg;
    if (id)
        s_trouble (self, id, rc);
    else {
        s_see_small (self);
        fst_log_error ("a folder of extents cannot be read reason=%s", fst_error_code (rc));
        if (fst_health_unwritten (&self->health))
            s_health_changed (self);
    }
}

//  An empty mount point, or another disk, in the place of ours: what we would write there would be lost.
static void
s_see_folder (fst_storage_t *self)
{
    char *filename = zsys_sprintf ("%s/lock", self->folder);
    struct stat ours, there;
    bool same = fstat (self->lock_fd, &ours) == 0 && stat (filename, &there) == 0
             && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
    free (filename);
    if (same)
        return;
    char *reason = zsys_sprintf ("the folder %s is gone, or another disk is mounted there", self->folder);
    fst_actor_die (self->actor, reason);
}

//  What REGISTER and the heartbeat have in common.
static json_t *
s_self_portrait (fst_storage_t *self)
{
    fst_extents_statistics_t extents;
    fst_extents_statistics (self->extents, &extents);
    const char *endpoint = self->advertise [0]? self->advertise: fst_actor_port (self->actor);
    assert (endpoint);
    json_t *said = json_pack ("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:s}",
        "node", self->node,
        "endpoint", endpoint,
        "zone", self->zone,
        "capacity", (json_int_t) self->capacity,
        "free", (json_int_t) self->free,
        "extents", (json_int_t) (extents.sealed + fst_small_count (self->small)),
        "window", (json_int_t) self->window,
        "version", FST_VERSION,
        "sequence", (json_int_t) self->told.last.sequence,
        "health", fst_health_word (&self->health));
    assert (said);
    char run [17];
    fst_run_text (self->told.last.run, run);
    if (*run)
        json_object_set_new (said, "run", json_string (run));
    return said;
}

static void
s_beat (fst_storage_t *self)
{
    char topic [16 + FST_NODE_BYTES_MAX];
    snprintf (topic, sizeof (topic), "heartbeat.%s", self->node);
    fst_jobs_statistics_t jobs;
    fst_jobs_statistics (self->jobs, &jobs);
    json_t *body = s_self_portrait (self);
    json_object_set_new (body, "load", json_integer (jobs.load));
    fst_actor_publish (self->actor, topic, body);
}

//  Some time from now until at most ms later, so that nodes that start together do not beat together.
static int64_t
s_jitter (int64_t ms)
{
    return (int64_t) (fst_random () % (uint64_t) (ms + 1));
}

//  If something was told that was not before.
static void
s_remember (fst_storage_t *self, const fst_pair_t *before)
{
    if (self->told.last.run != before->run || self->told.last.sequence != before->sequence)
        fst_jobs_remember (self->jobs, &self->told.last);
}

static void
s_registered (void *arg, fst_rc_t rc, json_t *reply)
{
    fst_storage_t *self = arg;
    self->registering = false;
    if (rc == FST_OK) {
        int64_t wanted_ms = json_integer_value (json_object_get (reply, "heartbeat_ms"));
        if (wanted_ms < self->beat_ms) {
            self->beat_ms = wanted_ms;      //  Metadata would think us dead
            self->beat_at_ms = 0;
        }
        fst_pair_t before = self->told.last, pair = s_pair (reply);
        if (!fst_told_answered (&self->told, &pair))
            self->register_again = true;
        s_remember (self, &before);
        fst_log (self->registered? FST_LOG_DEBUG: FST_LOG_INFO, "registered node=%s sequence=%" PRId64, self->node,
                 self->told.last.sequence);
        self->registered = true;
        json_t *snapshot = json_object_get (reply, "snapshot");
        if (snapshot)
            fst_keeper_offer (self->keeper, json_integer_value (snapshot));
    }
    else
        fst_log_debug ("not registered reason=%s", fst_error_code (rc));
    if (rc != FST_OK)
        self->register_at_ms = fst_clock_mono_ms () + REGISTER_RETRY_MS / 2 + s_jitter (REGISTER_RETRY_MS);
    if (self->register_again)
        self->register_at_ms = 0;
    self->register_again = false;
}

static void
s_register (fst_storage_t *self)
{
    if (self->registering) {
        self->register_again = true;
        return;
    }
    self->registering = true;
    fst_told_ask (&self->told);
    json_t *said = s_self_portrait (self);
    if (!self->registered)              //  small.db may have been salvaged, or the folder is an older copy of itself
        json_object_set_new (said, "started", json_true ());
    fst_actor_call (self->actor, "metadata", "REGISTER", said, s_registered, self);
}

static void
s_metadata_started (void *arg, const char *topic, json_t *body)
{
    (void) topic;
    (void) body;                        //  Its sequence counts when it answers
    s_register (arg);
}

static void
s_metadata_sequence (void *arg, const char *topic, json_t *body)
{
    (void) topic;
    fst_storage_t *self = arg;
    fst_pair_t before = self->told.last, pair = s_pair (body);
    if (!fst_told_event (&self->told, &pair))
        s_register (self);
    s_remember (self, &before);
}

static void
s_metadata_snapshot (void *arg, const char *topic, json_t *body)
{
    (void) topic;
    fst_storage_t *self = arg;
    json_t *snapshot = json_object_get (body, "snapshot");
    if (snapshot)
        fst_keeper_offer (self->keeper, json_integer_value (snapshot));
}

static const fst_topic_t s_topics [] = {
    { "metadata.started",   s_metadata_started },
    { "metadata.sequence",  s_metadata_sequence },
    { "metadata.snapshot",  s_metadata_snapshot },
    { NULL }
};

static int64_t
s_tick (void *arg, int64_t now_ms)
{
    fst_storage_t *self = arg;
    s_see_small (self);
    if (now_ms >= self->space_at_ms) {
        s_see_folder (self);
        s_see_space (self);
        self->space_at_ms = now_ms + SPACE_INTERVAL_MS;
    }
    if (now_ms >= self->register_at_ms) {
        self->register_at_ms = INT64_MAX;
        s_register (self);
    }
    if (now_ms >= self->beat_at_ms) {
        s_beat (self);
        if (++self->beats % REGISTER_BEATS == 0)
            s_register (self);
        self->beat_at_ms = now_ms + self->beat_ms;
    }
    int64_t times [] = {
        self->space_at_ms, self->register_at_ms, self->beat_at_ms, fst_aside_tick (self->aside, now_ms),
        fst_damage_tick (self->damage, now_ms), fst_scrub_tick (self->scrub, now_ms)
    };
    int64_t next_ms = INT64_MAX;
    for (size_t at = 0; at < sizeof (times) / sizeof (times [0]); at++)
        next_ms = times [at] < next_ms? times [at]: next_ms;
    return next_ms;
}

//  ---- Start and stop

//  Two processes in one folder would destroy it. The lock goes with the process.
static fst_rc_t
s_lock (fst_storage_t *self, char **problem_p)
{
    char *filename = zsys_sprintf ("%s/lock", self->folder);
    self->lock_fd = open (filename, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    fst_rc_t rc = FST_OK;
    if (self->lock_fd == -1) {
        rc = FST_IO;
        *problem_p = zsys_sprintf ("The file %s cannot be written: %s.", filename, strerror (errno));
    }
    else
    if (flock (self->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        rc = FST_EXISTS;
        *problem_p = zsys_sprintf ("Another process uses the folder of %s (%s is locked); stop it first, or use another "
                                   "folder.", self->node, filename);
    }
    free (filename);
    return rc;
}

static fst_rc_t
s_check_marker (fst_storage_t *self, char **problem_p)
{
    bool fresh = false;
    char *why = NULL;
    fst_rc_t rc = fst_marker_check (self->disk, self->node, self->keys, &fresh, &why);
    if (fresh)
        fst_log_info ("folder is new node=%s folder=\"%s\"", self->node, self->folder);
    if (why)
        *problem_p = zsys_sprintf ("The folder %s cannot be used: %s.", self->folder, why);
    free (why);
    return rc;
}

static fst_rc_t
s_open (fst_storage_t *self, char **problem_p)
{
    fst_rc_t rc = fst_disk_open (self->folder, &self->disk);
    if (rc == FST_OK)
        rc = s_lock (self, problem_p);
    if (rc == FST_OK)
        rc = s_check_marker (self, problem_p);
    if (rc == FST_OK)
        rc = fst_extents_new (self->disk, &self->extents);
    if (rc == FST_OK)
        rc = fst_quarantine_new (self->disk, self->extents, &self->quarantine);
    if (rc == FST_OK)
        rc = fst_salvage_open (self->disk, self->folder, fst_clock_wall_ms (), &self->small, problem_p);
    if (rc != FST_OK && !*problem_p)
        *problem_p = zsys_sprintf ("The folder %s cannot be used: %s.", self->folder, fst_error_text (rc));
    return rc;
}

static void
s_close (fst_storage_t *self)
{
    fst_keeper_destroy (&self->keeper);
    if (self->pull)
        fst_pull_end (self->pull);
    if (self->check)
        fst_check_end (self->check);
    fst_scrub_destroy (&self->scrub);
    fst_jobs_destroy (&self->jobs);
    fst_check_destroy (&self->check);
    fst_pull_destroy (&self->pull);
    fst_damage_destroy (&self->damage);
    fst_aside_destroy (&self->aside);
    fst_small_destroy (&self->small);
    fst_quarantine_destroy (&self->quarantine);
    fst_extents_destroy (&self->extents);
    fst_disk_destroy (&self->disk);
    if (self->lock_fd != -1)
        close (self->lock_fd);
    self->lock_fd = -1;
}

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    fst_storage_t *self = arg;
    self->actor = actor;
    fst_rc_t rc = s_open (self, problem_p);
    if (rc != FST_OK) {
        s_close (self);
        return rc;
    }
    fst_jobs_options_t options = {
        .actor = actor, .extents = self->extents, .small = self->small, .node_key = self->keys->node_key,
        .window = self->window, .memory = self->memory, .trouble = s_trouble, .trouble_arg = self
    };
    self->jobs = fst_jobs_new (&options);
    self->keeper = fst_keeper_new (actor, self->disk);
    self->told.last = (fst_pair_t) { fst_small_run (self->small), fst_small_sequence (self->small) };
    fst_aside_options_t aside = {
        .actor = actor, .jobs = self->jobs, .quarantine = self->quarantine, .small = self->small,
        .health = &self->health, .keep_ms = self->quarantine_ms
    };
    self->aside = fst_aside_new (&aside);
    self->check = fst_check_new (actor, self->extents, self->small, self->aside);
    fst_pull_options_t pull = {
        .actor = actor, .jobs = self->jobs, .extents = self->extents, .small = self->small, .aside = self->aside,
        .node_key = self->keys->node_key, .window = self->window, .memory = self->memory,
        .has_room = s_has_room, .arg = self
    };
    self->pull = fst_pull_new (&pull);
    self->damage = fst_damage_new (actor, self->node, self->aside);
    fst_scrub_options_t scrub = {
        .actor = actor, .disk = self->disk, .small = self->small, .jobs = self->jobs, .health = &self->health,
        .round_ms = self->scrub_ms, .found = s_scrub_found, .arg = self
    };
    self->scrub = fst_scrub_new (&scrub);
    s_see_space (self);
    self->beat_at_ms = fst_clock_mono_ms () + s_jitter (self->beat_ms);
    return FST_OK;
}

static void
s_flush (void *arg)
{
    fst_storage_t *self = arg;
    s_see_small (self);
    fst_pull_flush (self->pull);
    fst_jobs_flush (self->jobs);
}

static void
s_stop (void *arg)
{
    s_close (arg);
}

static const fst_actor_class_t s_class = {
    .commands = s_commands, .topics = s_topics, .start = s_start, .flush = s_flush, .tick = s_tick, .stop = s_stop
};

//  ---- The class

static fst_rc_t
s_configure (fst_storage_t *self, const fst_config_t *config, char **problem_p)
{
    self->node = strdup (fst_config_text (config, "node"));
    self->zone = strdup (fst_config_text (config, "zone"));
    self->advertise = strdup (fst_config_text (config, "data-advertise"));
    self->folder = strdup (fst_config_text (config, "storage-folder"));
    self->service = zsys_sprintf ("storage.%s", self->node);
    self->domain = zsys_sprintf ("data:%s", self->node);
    self->memory = fst_config_number (config, "data-memory");
    self->window = fst_config_number (config, "window");
    if (self->window > self->memory)
        self->window = self->memory;
    self->reserve_percent = fst_config_number (config, "reserve");
    self->beat_ms = fst_config_number (config, "heartbeat-interval");
    self->quarantine_ms = fst_config_number (config, "quarantine-time");
    self->scrub_ms = fst_config_number (config, "scrub-time");
    if (!fst_node_name_valid (self->node))
        *problem_p = strdup ("A storage node needs a name: set the option node (1 to 64 of a-z 0-9 . _ -).");
    else
    if (!fst_config_text (config, "data-endpoint") [0])
        *problem_p = strdup ("A storage node needs a place where clients reach it: set the option data-endpoint.");
    else
    if (!self->keys->has_node_key)
        *problem_p = zsys_sprintf ("The key file of %s has no node-key; it is not one of a storage node.", self->node);
    return *problem_p? FST_MALFORMED: FST_OK;
}

fst_rc_t
fst_storage_new (const fst_config_t *config, const fst_actor_options_t *bus, fst_storage_t **self_p, char **problem_p)
{
    assert (config);
    assert (bus && bus->keys);
    assert (self_p);
    assert (problem_p);
    fst_storage_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->keys = bus->keys;
    self->lock_fd = -1;
    *problem_p = NULL;
    fst_rc_t rc = s_configure (self, config, problem_p);
    if (rc == FST_OK) {
        fst_actor_options_t options = *bus;
        options.service = self->service;
        options.lanes = LANES;
        options.port = fst_config_text (config, "data-endpoint");
        options.port_domain = self->domain;
        rc = fst_actor_new (&s_class, &options, self, &self->actor_owned, problem_p);
    }
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_storage_destroy (&self);
    return rc;
}

void
fst_storage_destroy (fst_storage_t **self_p)
{
    assert (self_p);
    fst_storage_t *self = *self_p;
    if (self) {
        fst_actor_destroy (&self->actor_owned);
        free (self->node);
        free (self->zone);
        free (self->advertise);
        free (self->folder);
        free (self->service);
        free (self->domain);
        free (self);
        *self_p = NULL;
    }
}
