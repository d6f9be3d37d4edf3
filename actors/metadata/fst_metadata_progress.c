//  What people see of the mover and may ask of it: the part of STATUS about repair, the journal, and DRAIN.

#include "fst_metadata_repair.h"
#include "fst_text.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define STUCK_SHOWN     16              //  Schema: most in STATUS
#define STUCK_SAMPLES   4               //  Of one spread for which there is no node
#define STUCK_WAIT_MS   4000            //  What is tried again sooner is not called stuck
#define RUN_OVER_MS     5000            //  Nothing copied for so long: the run of repairs is over

//  ---- STATUS

static void
s_add_spread (void *arg, const fst_spread_t *spread)
{
    fst_repair_add (arg, spread);
}

//  The figures, anew when those about copies are.
static fst_rc_t
s_sum (fst_metadata_t *self)
{
    fst_mover_t *mover = self->mover;
    int64_t wake_ms;
    if (mover->sums_ms == self->copies_ms)
        return FST_OK;
    mover->sums_ms = self->copies_ms;
    fst_mover_view (self, &mover->seen, &wake_ms);
    fst_repair_begin (&mover->sums, &mover->seen, mover->moving);
    return fst_catalog_spreads (self->catalog, s_add_spread, &mover->sums);
}

//  A path is said to those who may see the file.
static json_t *
s_stuck_row (fst_metadata_t *self, const fst_blob_id_t *id, uint32_t n, const char *reason)
{
    char blob [FST_BLOB_BYTES * 2 + 1], path [FST_PATH_BYTES_MAX + 1];
    fst_place_t place;
    fst_hex_encode (id->bytes, FST_BLOB_BYTES, blob);
    if (fst_catalog_blob_path (self->catalog, id, path) != FST_OK
    ||  (*path && fst_namespace_find (self->space, path, &place) != FST_OK))
        *path = 0;
    return json_pack ("{s:s, s:I, s:s, s:s}", "blob", blob, "extent", (json_int_t) n, "path", path, "reason", reason);
}

//  Extents that failed by themselves.
static size_t
s_list_stuck (fst_metadata_t *self, json_t *list)
{
    fst_stuck_item_t items [STUCK_SHOWN];
    size_t total = fst_stuck_list (self->mover->stuck, STUCK_WAIT_MS, items, STUCK_SHOWN), gone = 0;
    for (size_t at = 0; at < total && at < STUCK_SHOWN; at++) {
        fst_extent_t extent;
        if (fst_catalog_extent_get (self->catalog, &items [at].blob, items [at].n, &extent) == FST_NOT_FOUND) {
            fst_stuck_drop (self->mover->stuck, &items [at].blob, items [at].n);        //  Deleted meanwhile
            gone++;
        }
        else
            json_array_append_new (list, s_stuck_row (self, &items [at].blob, items [at].n, items [at].reason));
    }
    return total - gone;
}

//  Extents for which there is no target now. *bytes_p: octets that are not copied for that.
static size_t
s_list_blocked (fst_metadata_t *self, json_t *list, int64_t *bytes_p)
{
    fst_mover_t *mover = self->mover;
    size_t total = 0, count;
    for (size_t at = 0; at < mover->plan.count; at++) {
        const fst_work_t *work = &mover->plan.works [at];
        const char *reason = work->kind == FST_WORK_COPY? fst_mover_blocked (self, at): NULL;
        fst_row_t rows [STUCK_SAMPLES];
        if (!reason)
            continue;
        total += (size_t) work->spread.extents;
        *bytes_p += work->spread.bytes * work->missing;
        if (fst_catalog_rows_on (self->catalog, &work->spread, NULL, 0, rows, STUCK_SAMPLES, &count) != FST_OK)
            continue;
        for (size_t row = 0; row < count && json_array_size (list) < STUCK_SHOWN; row++)
            json_array_append_new (list, s_stuck_row (self, &rows [row].blob, rows [row].extent.n, reason));
    }
    return total;
}

json_t *
fst_metadata_repair_status (fst_metadata_t *self)
{
    fst_mover_t *mover = self->mover;
    json_t *stuck = json_array ();
    int64_t moving = 0, waiting_bytes = 0;
    if (s_sum (self) != FST_OK)
        mover->sums_ms = 0;
    for (size_t at = 0; at < mover->pulls_count; at++)
        moving += (int64_t) mover->pulls [at]->count;
    size_t total = s_list_stuck (self, stuck) + s_list_blocked (self, stuck, &waiting_bytes);
    int64_t rate = fst_pace_rate (&mover->pace, self->now_ms), left = mover->sums.copies_bytes - waiting_bytes;
    json_t *status = json_pack ("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
        "extents", (json_int_t) mover->sums.extents,
        "bytes", (json_int_t) mover->sums.bytes,
        "lost", (json_int_t) (mover->sums.lost + fst_catalog_counters (self->catalog)->bad),
        "surplus", (json_int_t) mover->sums.surplus,
        "moving", (json_int_t) moving,
        "rate", (json_int_t) rate,
        "stuck_total", (json_int_t) total,
        "stuck", stuck);
    assert (status);
    if (rate > 0 && left > 0)
        json_object_set_new (status, "left_ms", json_integer ((json_int_t) ((double) left * 1000 / (double) rate)));
    return status;
}

//  ---- The journal

static fst_rc_t
s_journal (fst_metadata_t *self, unsigned node, const char *type, const char *detail)
{
    fst_metadata_open_batch (self);
    return fst_nodes_journal (self->nodes, node, type, detail, self->wall_ms);
}

static size_t
s_count_pulls (const fst_mover_t *mover, fst_work_kind_t kind)
{
    size_t count = 0;
    for (size_t at = 0; at < mover->pulls_count; at++)
        count += mover->pulls [at]->work.kind == kind;
    return count;
}

static fst_rc_t
s_end_run (fst_metadata_t *self)
{
    fst_mover_t *mover = self->mover;
    bool to_do = false;
    for (size_t at = 0; at < mover->plan.count; at++)
        to_do |= mover->plan.works [at].kind == FST_WORK_COPY && mover->plan.works [at].repair;
    if (!mover->run.active || s_count_pulls (mover, FST_WORK_COPY)
    || (to_do && self->now_ms - mover->run.last_ms < RUN_OVER_MS))
        return FST_OK;
    mover->run.active = false;
    if (mover->run.extents == 0)
        return FST_OK;
    char detail [200], bytes [32];
    snprintf (detail, sizeof (detail), "%lld extents (%s) copied in %.1f s%s", (long long) mover->run.extents,
              fst_size_text (mover->run.bytes, bytes, sizeof (bytes)),
              (double) (mover->run.last_ms - mover->run.begun_ms) / 1000, to_do? "; some could not be": "");
    return s_journal (self, mover->run.node, "repaired", detail);
}

//  Nodes that are emptied: that it begins for one that fails, and that one is empty. The latter is remembered, so that
//  it is said once.
static fst_rc_t
s_follow_leaving (fst_metadata_t *self)
{
    fst_mover_t *mover = self->mover;
    fst_node_set_t failing = mover->view.live & ~mover->view.sound & ~mover->view.leaving, empty = 0;
    fst_rc_t rc = FST_OK;
    for (unsigned node = 0; node < FST_NODES_MAX && rc == FST_OK; node++) {
        fst_node_set_t bit = fst_node_bit (node);
        if (failing & ~mover->failing & bit)
            rc = s_journal (self, node, "draining", "its disk fails, so what it holds is copied to others");
        bool needed = self->copies.holds [node] > 0;
        if (((failing | mover->view.leaving) & ~mover->drained & bit) && rc == FST_OK && !needed)
            rc = fst_catalog_upload_on (self->catalog, node, &needed);      //  Its files are not in the books yet
        if (((failing | mover->view.leaving) & bit) && rc == FST_OK && !needed)
            empty |= bit;
        if (rc == FST_OK && (empty & ~mover->drained & bit))
            rc = s_journal (self, node, "drained", "no file needs it any more");
    }
    if (rc == FST_OK && empty != mover->drained) {
        fst_metadata_open_batch (self);
        rc = fst_catalog_setting_put (self->catalog, "drained", (int64_t) empty);
    }
    mover->failing = failing;
    mover->drained = empty;
    return rc;
}

fst_rc_t
fst_mover_tell (fst_metadata_t *self)
{
    fst_rc_t rc = s_end_run (self);
    return rc == FST_OK? s_follow_leaving (self): rc;
}

//  ---- DRAIN

static void
s_add_drain (void *arg, const fst_spread_t *spread)
{
    fst_repair_drain_add (arg, spread);
}

//  Whether the others can take what it holds; the sentence says why not.
static fst_rc_t
s_may_drain (fst_metadata_t *self, unsigned number)
{
    fst_repair_view_t view;
    int64_t wake_ms;
    char bytes [32];
    fst_mover_view (self, &view, &wake_ms);
    fst_repair_drain_t drain = { .view = &view, .without = fst_node_bit (number) };
    fst_rc_t rc = fst_catalog_spreads (self->catalog, s_add_drain, &drain);
    if (rc == FST_OK)
        rc = fst_repair_drain_check (&drain);
    int others = __builtin_popcountll (view.sound & ~drain.without);
    if (rc == FST_TOO_FEW_NODES)
        return fst_namespace_refuse (self->space, rc, "%s holds files of which %u copies are wanted on different nodes, "
            "and only %d other %s alive and in use; add a node first.", fst_nodes_get (self->nodes, number)->name,
            drain.wanted, others, others == 1? "node is": "nodes are");
    if (rc == FST_NO_SPACE)
        return fst_namespace_refuse (self->space, rc, "The other nodes do not have the space for what has to be copied "
            "(%s); add a node or delete something first.", fst_size_text (drain.bytes, bytes, sizeof (bytes)));
    return rc;
}

fst_rc_t
fst_metadata_drain (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    const char *name = json_string_value (json_object_get (payload, "node"));
    bool drain = json_is_true (json_object_get (payload, "drain"));
    int number = fst_nodes_find (self->nodes, name);
    if (number < 0)
        return fst_namespace_refuse (self->space, FST_NOT_FOUND, "There is no node %s.", name);
    fst_rc_t rc = fst_nodes_copies (self->nodes, &self->copies);
    if (rc == FST_OK && drain && !fst_nodes_get (self->nodes, (unsigned) number)->draining)
        rc = s_may_drain (self, (unsigned) number);
    if (rc == FST_OK)
        rc = fst_nodes_drain (self->nodes, (unsigned) number, drain, self->wall_ms);
    if (rc != FST_OK)
        return rc;
    self->mover->look = true;
    *reply_p = json_pack ("{s:I}", "extents", (json_int_t) self->copies.holds [number]);
    return FST_OK;
}
