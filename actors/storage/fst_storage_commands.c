//  The commands of a storage node: who may say them, and to whom of us they go.
//  What is done with a request that may be done is in fst_jobs.h, fst_aside.h, fst_check.h and fst_pull.h.

#include "fst_storage_self.h"
#include "fst_clock.h"
#include "fst_log.h"
#include <assert.h>

#define RECORDS_MAX         256     //  In one STORE
#define INVENTORY_LIMIT     1024    //  Rows of a page, where the request does not say

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

static bool
s_has_room_for (fst_storage_t *self, const fst_request_t *request)
{
    int64_t bytes = 0;
    for (size_t at = 0; at < fst_request_frames (request); at++)
        bytes += (int64_t) zframe_size (fst_request_frame (request, at));
    return fst_storage_has_room (self, bytes);
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

//  Metadata wants something deleted or put aside. A lower sequence than one seen before is an older database, and a run
//  with which this node has not registered has not looked at what this node was told: then nothing that it calls
//  garbage may be believed. False: refused.
static bool
s_obeys (fst_storage_t *self, fst_request_t **request_p)
{
    fst_pair_t pair = fst_storage_pair (fst_request_payload (*request_p));
    if (fst_told_command (&self->told, &pair))
        return true;
    if (fst_told_overtook (&self->told, &pair)) {           //  Metadata asks again, with what it knows by then
        fst_request_fail (request_p, FST_DENIED, "This node was told sequence %" PRId64 " since that was asked; ask again.",
                          self->told.last.sequence);
        return false;
    }
    bool older = pair.sequence < self->told.last.sequence;
    if (older)
        fst_log_error ("metadata is older than this node's data sequence=%" PRId64 " seen=%" PRId64,
                       pair.sequence, self->told.last.sequence);
    fst_request_fail (request_p, FST_DENIED, older
        ? "This node has seen sequence %" PRId64 "; metadata was restored from an older copy, so nothing is deleted."
        : "This node was told sequence %" PRId64 " by another run of metadata, and has yet to register with this one.",
        self->told.last.sequence);
    if (!older)
        fst_storage_register (self);
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

//  What metadata wants removed from here. It may say so if it is not an older copy; NULL: refused.
static fst_extent_id_t *
s_read_removal (fst_storage_t *self, fst_request_t **request_p, size_t *count_p)
{
    return s_is_metadata (request_p) && s_can_write (self, request_p) && s_obeys (self, request_p)?
           s_read_ids (request_p, count_p): NULL;
}

static void
s_delete (void *arg, fst_request_t **request_p)
{
    fst_storage_t *self = arg;
    size_t count;
    fst_extent_id_t *ids = s_read_removal (self, request_p, &count);
    if (ids)
        fst_jobs_delete (self->jobs, request_p, &ids, count, &self->told.last);
}

static void
s_quarantine (void *arg, fst_request_t **request_p)
{
    fst_storage_t *self = arg;
    size_t count;
    fst_extent_id_t *ids = s_read_removal (self, request_p, &count);
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

//  One that comes late, or twice, would bring back what was removed since metadata decided it.
static void
s_pull (void *arg, fst_request_t **request_p)
{
    fst_storage_t *self = arg;
    if (!s_is_metadata (request_p))
        return;
    fst_pair_t pair = fst_storage_pair (fst_request_payload (*request_p));
    if (fst_told_brings (&self->told, &pair))
        fst_pull_ask (self->pull, request_p);
    else {
        fst_request_fail (request_p, FST_DENIED, "This node was told to remove something since that was asked, or does not "
                          "know this run of metadata yet; ask again.");
        if (pair.run != self->told.registered)
            fst_storage_register (self);
    }
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

void
fst_storage_metrics (void *arg, fst_figures_t *figures)
{
    fst_storage_t *self = arg;
    fst_extents_statistics_t extents;
    fst_jobs_statistics_t jobs;
    fst_scrub_status_t scrub;
    fst_extents_statistics (self->extents, &extents);
    fst_jobs_statistics (self->jobs, &jobs);
    fst_scrub_status (self->scrub, &scrub);
    fst_actor_figure (figures, "capacity_bytes", "Size of the disk", self->capacity);
    fst_actor_figure (figures, "free_bytes", "Of it, free", self->free);
    fst_actor_figure (figures, "extents", "Extents that are sealed", (int64_t) extents.sealed);
    fst_actor_figure (figures, "open_extents", "Extents that are being written", (int64_t) extents.open);
    fst_actor_figure (figures, "small_blobs", "Blobs in small.db", fst_small_count (self->small));
    fst_actor_figure (figures, "quarantined_extents", "Extents that were put aside", (int64_t) fst_aside_count (self->aside));
    fst_actor_figure (figures, "memory_percent", "Of its data memory, in use", jobs.load);
    fst_actor_figure (figures, "stored_bytes_total", "Octets of content that it stored", jobs.stored_bytes);
    fst_actor_figure (figures, "retrieved_bytes_total", "Octets of content that it gave", jobs.retrieved_bytes);
    fst_actor_figure (figures, "damaged_extents_total", "Extents that the scrub found damaged", (int64_t) scrub.damaged);
    fst_actor_figure (figures, "scrub_rounds_total", "Times that all was read", (int64_t) scrub.rounds);
    fst_actor_figure (figures, "scrub_age_seconds", "Since the end of the last round; -1: there was none yet",
                      scrub.finished_ms? (fst_clock_wall_ms () - scrub.finished_ms) / 1000: -1);
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

const fst_command_t fst_storage_commands [] = {
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
