//  Reports of damage.

#include "fst_damage.h"
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_text.h"
#include <assert.h>

#define REPORT_MAX      512         //  In one message
#define GATHER_MS       50          //  Damage seldom comes alone
#define RETRY_MS        1000        //  After a first failure; then twice as long each time
#define RETRY_MAX_MS    60000
#define AGAIN_MS        600000      //  What was left in its place is told again: others may have a copy by now

typedef struct {
    fst_extent_id_t id;
    fst_rc_t rc;
    bool told;                      //  In the report that is under way
    int64_t due_ms;                 //  When it is to be told; 0: at once
} s_row_t;

struct fst_damage {
    fst_actor_t *actor;
    char *node;
    fst_check_t *check;
    fst_aside_t *aside;
    s_row_t rows [FST_DAMAGE_MAX];
    size_t count;
    bool calling;
    int64_t retry_ms, wait_until_ms;    //  After a failure
};

fst_damage_t *
fst_damage_new (fst_actor_t *actor, const char *node, fst_check_t *check, fst_aside_t *aside)
{
    assert (actor);
    assert (node);
    assert (check && aside);
    fst_damage_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->actor = actor;
    self->node = strdup (node);
    assert (self->node);
    self->check = check;
    self->aside = aside;
    self->retry_ms = RETRY_MS;
    return self;
}

void
fst_damage_destroy (fst_damage_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        assert (!(*self_p)->calling);
        free ((*self_p)->node);
        free (*self_p);
        *self_p = NULL;
    }
}

static s_row_t *
s_find (fst_damage_t *self, const fst_blob_id_t *blob, uint32_t extent)
{
    for (size_t at = 0; at < self->count; at++)
        if (self->rows [at].id.extent == extent
        &&  memcmp (self->rows [at].id.blob.bytes, blob->bytes, FST_BLOB_BYTES) == 0)
            return &self->rows [at];
    return NULL;
}

void
fst_damage_note (fst_damage_t *self, const fst_blob_id_t *blob, uint32_t extent, fst_rc_t rc)
{
    assert (self);
    assert (blob);
    assert (rc == FST_CORRUPT || rc == FST_IO);
    if (s_find (self, blob, extent) || self->count == FST_DAMAGE_MAX)
        return;
    self->rows [self->count++] = (s_row_t) { .id = { .blob = *blob, .extent = extent }, .rc = rc };
    fst_actor_wake (self->actor, fst_clock_mono_ms () + GATHER_MS);
}

void
fst_damage_hurry (fst_damage_t *self, const fst_blob_id_t *blob, uint32_t extent)
{
    assert (self);
    assert (blob);
    s_row_t *row = s_find (self, blob, extent);
    if (row)
        row->due_ms = 0;
    fst_actor_wake (self->actor, fst_clock_mono_ms () + GATHER_MS);
}

//  ---- The report

//  Mark what is due and make the message; NULL if nothing is.
static json_t *
s_report (fst_damage_t *self, int64_t now_ms)
{
    json_t *blobs = json_array (), *extents = json_array (), *reasons = json_array ();
    for (size_t at = 0; at < self->count && json_array_size (blobs) < REPORT_MAX; at++) {
        s_row_t *row = &self->rows [at];
        if (row->due_ms > now_ms)
            continue;
        char hex [2 * FST_BLOB_BYTES + 1];
        fst_hex_encode (row->id.blob.bytes, FST_BLOB_BYTES, hex);
        json_array_append_new (blobs, json_string (hex));
        json_array_append_new (extents, json_integer (row->id.extent));
        json_array_append_new (reasons, json_string (row->rc == FST_IO? "io": "corrupt"));
        row->told = true;
    }
    bool any = json_array_size (blobs) > 0;
    json_t *payload = json_pack ("{s:s, s:o, s:o, s:o}", "node", self->node, "blobs", blobs, "extents", extents,
                                 "reasons", reasons);
    if (!any) {
        json_decref (payload);
        payload = NULL;
    }
    return payload;
}

static void
s_still_bad (void *arg, fst_extent_id_t **ids_p, size_t count)
{
    fst_damage_t *self = arg;
    fst_log_warning ("damage put aside extents=%zu", count);
    fst_aside_put (self->aside, ids_p, count, NULL, NULL);
}

//  What was told, in its order, with the answers: it is put aside, or stays for a while.
static void
s_obey (fst_damage_t *self, json_t *answers, int64_t now_ms)
{
    fst_extent_id_t *ids = calloc (REPORT_MAX, sizeof (*ids));
    assert (ids);
    size_t aside = 0, kept = 0, answer = 0;
    for (size_t at = 0; at < self->count; at++) {
        s_row_t *row = &self->rows [at];
        json_t *yes = row->told? json_array_get (answers, answer++): NULL;
        if (yes && json_is_true (yes)) {
            ids [aside++] = row->id;
            continue;
        }
        if (row->told)
            row->due_ms = now_ms + AGAIN_MS;
        row->told = false;
        self->rows [kept++] = *row;
    }
    self->count = kept;
    fst_log_warning ("damage reported extents=%zu aside=%zu", answer, aside);
    if (aside)                          //  It was told some time ago: a PULL may have brought a good copy since
        fst_check_again (self->check, &ids, aside, s_still_bad, self);
    free (ids);
}

static void
s_answered (void *arg, fst_rc_t rc, json_t *reply)
{
    fst_damage_t *self = arg;
    int64_t now_ms = fst_clock_mono_ms ();
    self->calling = false;
    fst_actor_wake (self->actor, now_ms);
    if (rc == FST_OK) {
        self->retry_ms = RETRY_MS;
        s_obey (self, json_object_get (reply, "aside"), now_ms);
        return;
    }
    for (size_t at = 0; at < self->count; at++)
        self->rows [at].told = false;
    fst_log_debug ("damage not reported reason=%s", fst_error_code (rc));
    self->wait_until_ms = now_ms + self->retry_ms;
    self->retry_ms = 2 * self->retry_ms < RETRY_MAX_MS? 2 * self->retry_ms: RETRY_MAX_MS;
}

static int64_t
s_next_due (const fst_damage_t *self)
{
    int64_t due_ms = INT64_MAX;
    for (size_t at = 0; at < self->count; at++)
        if (self->rows [at].due_ms < due_ms)
            due_ms = self->rows [at].due_ms;
    return due_ms;
}

int64_t
fst_damage_tick (fst_damage_t *self, int64_t now_ms)
{
    assert (self);
    if (self->calling || self->count == 0)
        return INT64_MAX;               //  The answer, or the next note, wakes us
    if (now_ms < self->wait_until_ms)
        return self->wait_until_ms;
    json_t *payload = s_report (self, now_ms);
    if (!payload)
        return s_next_due (self);
    self->calling = true;
    fst_actor_call (self->actor, "metadata", "REPORT", payload, s_answered, self);
    return INT64_MAX;
}
