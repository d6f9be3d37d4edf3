//  The mover: keeps the wanted copies of all extents, on the nodes where they should be.
//
//  A plan (fst_repair.h, fst_metadata_plan.c) is made whenever something changed: states of nodes, spreads, answers to
//  PULL. From its works, best first, extents are picked out of the catalog and sent to their targets as PULL
//  (fst_metadata_pull.c), as many at a time as the bounds allow. There is no queue: the books say what is missing. When nothing is to do, a
//  look at the states once a second is all that this costs.

#include "fst_metadata_repair.h"
#include "fst_clock.h"
#include "fst_log.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PULLS_PER_NODE  2               //  To one node, and from one as the first source
#define PULL_BYTES      ((int64_t) 64 << 20)
#define PAGES           4               //  Of rows, looked through in one turn for one work
#define LOOK_MS         1000            //  After trimming failed
#define SOON_MS         20
#define FORGET_MS       (10 * 60 * 1000)

//  ---- Picking extents

//  Between the first and the last that one PULL of the same spread has under way.
static bool
s_under_way (const fst_mover_t *mover, const fst_work_t *work, const fst_row_t *row)
{
    for (size_t at = 0; at < mover->pulls_count; at++) {
        const fst_pull_t *pull = mover->pulls [at];
        if (pull->work.spread.nodes == work->spread.nodes && pull->work.spread.wanted == work->spread.wanted
        &&  fst_row_compare (row, &pull->rows [0]) >= 0
        &&  fst_row_compare (row, &pull->rows [pull->count - 1]) <= 0)
            return true;
    }
    return false;
}

//  Whether it can be copied now; moving is no reason to touch what is not whole everywhere.
static bool
s_may_copy (fst_metadata_t *self, const fst_work_t *work, const fst_row_t *row)
{
    fst_node_set_t bad = 0;
    if (fst_stuck_holds (self->mover->stuck, &row->blob, row->extent.n, self->now_ms)
    ||  s_under_way (self->mover, work, row))
        return false;
    return work->kind != FST_WORK_MOVE
        || (fst_catalog_bad_nodes (self->catalog, &row->blob, row->extent.n, &bad) == FST_OK && bad == 0);
}

//  Next page of the walk: false at its end, where it begins again.
static bool
s_page (fst_metadata_t *self, const fst_work_t *work, fst_walk_t *walk, fst_row_t *rows, size_t size, size_t *count_p)
{
    fst_rc_t rc = fst_catalog_rows_on (self->catalog, &work->spread, walk->begun? &walk->after.blob: NULL,
                                       walk->after.extent.n, rows, size, count_p);
    if (rc == FST_OK && *count_p)
        return true;
    if (walk->found == 0 || rc != FST_OK)
        fst_mover_rest (self, walk);
    walk->full = walk->large && walk->found == 0;
    walk->begun = walk->large = false;
    walk->found = 0;
    memset (&walk->after, 0, sizeof (walk->after));
    return false;
}

//  Fill a PULL with what comes next, and no more than there is room for. It may stay empty.
static void
s_pick (fst_metadata_t *self, fst_walk_t *walk, fst_pull_t *pull, int64_t room)
{
    fst_row_t *rows = self->mover->rows;
    int64_t most = pull->work.kind == FST_WORK_MOVE && pull->work.bytes_max < PULL_BYTES? pull->work.bytes_max: PULL_BYTES;
    if (most > room)
        most = room;
    size_t count;
    for (int page = 0; page < PAGES && pull->count == 0; page++) {
        if (!s_page (self, &pull->work, walk, rows, FST_PULL_EXTENTS, &count))
            return;
        for (size_t at = 0; at < count; at++) {
            if (s_may_copy (self, &pull->work, &rows [at])) {
                bool fits = pull->bytes + rows [at].extent.bytes <= most;
                if (!fits && pull->count)
                    break;                          //  For the next one
                walk->large |= rows [at].extent.bytes > room;
                if (fits || (pull->work.kind != FST_WORK_MOVE && rows [at].extent.bytes <= room)) {
                    pull->rows [pull->count++] = rows [at];
                    pull->bytes += rows [at].extent.bytes;
                }
            }
            walk->begun = true;
            walk->after = rows [at];
        }
    }
    self->mover->soon |= pull->count == 0;          //  There are more pages
}

void
fst_mover_walk_again (fst_mover_t *mover, const fst_work_t *work)
{
    for (size_t at = 0; at < mover->plan.count; at++) {
        const fst_spread_t *spread = &mover->plan.works [at].spread;
        if (spread->nodes == work->spread.nodes && spread->wanted == work->spread.wanted)
            mover->walks [at].again_ms = mover->walks [at].idle = 0;
    }
}

//  ---- Who copies from whom

static bool
s_rests (const fst_metadata_t *self, unsigned node)
{
    return self->mover->nodes [node].again_ms > self->now_ms;
}

//  Nodes that could take a copy; with busy_too also if they have enough to do.
static fst_node_set_t
s_takers (const fst_metadata_t *self, const fst_work_t *work, bool busy_too)
{
    const fst_mover_t *mover = self->mover;
    fst_node_set_t takers = mover->view.taking & ~work->spread.nodes;
    if (work->kind == FST_WORK_MOVE)
        takers &= fst_node_bit (work->to);
    for (unsigned node = 0; node < FST_NODES_MAX; node++)
        if (s_rests (self, node) || (!busy_too && mover->nodes [node].pulls >= PULLS_PER_NODE))
            takers &= ~fst_node_bit (node);
    return takers;
}

//  Octets that a node has room for, without those that are on their way, or came and are not yet in what it says.
static int64_t
s_room (const fst_metadata_t *self, unsigned node)
{
    const fst_mover_t *mover = self->mover;
    int64_t room = fst_nodes_spare (self->nodes, node);
    if (self->now_ms - fst_nodes_silence_ms (self->nodes, node, self->now_ms) <= mover->nodes [node].got_ms)
        room -= mover->nodes [node].got;
    for (size_t at = 0; at < mover->pulls_count; at++)
        if (mover->pulls [at]->target == node)
            room -= mover->pulls [at]->bytes;
    return room;
}

static int64_t
s_most_room (const fst_metadata_t *self, fst_node_set_t nodes)
{
    int64_t most = 0;
    for (unsigned node = 0; node < FST_NODES_MAX; node++)
        if ((nodes & fst_node_bit (node)) && s_room (self, node) > most)
            most = s_room (self, node);
    return most;
}

//  The better source comes first: one that is alive and well, and has little to do.
static unsigned
s_source_rank (const fst_mover_t *mover, unsigned node)
{
    return (mover->view.alive & fst_node_bit (node)? 0: 1000) + (mover->view.taking & fst_node_bit (node)? 0: 10)
         + mover->nodes [node].reads * 20 + mover->nodes [node].pulls;
}

//  False if the best one has enough to do.
static bool
s_choose_sources (const fst_mover_t *mover, fst_pull_t *pull)
{
    fst_node_set_t left = pull->work.spread.nodes & mover->view.live;
    while (left && pull->sources_count < FST_PULL_SOURCES) {
        unsigned best = FST_NODES_MAX;
        for (unsigned node = 0; node < FST_NODES_MAX; node++)
            if ((left & fst_node_bit (node))
            &&  (best == FST_NODES_MAX || s_source_rank (mover, node) < s_source_rank (mover, best)))
                best = node;
        pull->sources [pull->sources_count++] = best;
        left &= ~fst_node_bit (best);
    }
    return pull->sources_count && mover->nodes [pull->sources [0]].reads < PULLS_PER_NODE;
}

//  -1 if there is none with room.
static int
s_choose_target (const fst_metadata_t *self, const fst_work_t *work, fst_node_set_t takers, int64_t bytes)
{
    if (work->kind == FST_WORK_MOVE)
        return (int) work->to;
    for (unsigned node = 0; node < FST_NODES_MAX; node++)
        if ((takers & fst_node_bit (node)) && s_room (self, node) < bytes)
            takers &= ~fst_node_bit (node);
    return fst_nodes_choose_one (self->nodes, work->spread.nodes, ~takers, bytes, fst_random ());
}

bool
fst_metadata_repair_brings (const fst_metadata_t *self, unsigned node, const fst_blob_id_t *blob, uint32_t n)
{
    const fst_mover_t *mover = self->mover;
    const fst_row_t row = { .blob = *blob, .extent.n = n };
    for (size_t at = 0; at < mover->pulls_count; at++) {
        const fst_pull_t *pull = mover->pulls [at];
        for (size_t one = 0; one < pull->count && pull->target == node; one++)
            if (fst_row_compare (&pull->rows [one], &row) == 0)
                return true;
    }
    return false;
}

//  What the target still has to delete must be deleted first, and what it is asked for by another PULL comes with that;
//  the walk comes by again.
static void
s_leave_garbage (fst_metadata_t *self, fst_pull_t *pull)
{
    size_t kept = 0;
    for (size_t at = 0; at < pull->count; at++) {
        bool garbage = true;
        if (fst_catalog_garbage_has (self->catalog, pull->target, &pull->rows [at].blob, pull->rows [at].extent.n,
                                     &garbage) == FST_OK && !garbage
        &&  !fst_metadata_repair_brings (self, pull->target, &pull->rows [at].blob, pull->rows [at].extent.n))
            pull->rows [kept++] = pull->rows [at];
        else
            pull->bytes -= pull->rows [at].extent.bytes;
    }
    pull->count = kept;
}

const char *
fst_mover_blocked (const fst_metadata_t *self, size_t at)
{
    const fst_mover_t *mover = self->mover;
    const fst_work_t *work = &mover->plan.works [at];
    fst_node_set_t others = mover->view.taking & ~work->spread.nodes;
    if (!others)
        return "there is no other node that is alive and could take a copy";
    if (mover->walks [at].full || s_most_room (self, others) <= 0)
        return "no other node has space left";
    if (s_takers (self, work, true))
        return NULL;
    for (unsigned node = 0; node < FST_NODES_MAX; node++)
        if ((others & fst_node_bit (node)) && mover->nodes [node].why && mover->nodes [node].fails > 1)
            return mover->nodes [node].why;
    return NULL;
}

//  ---- Doing it

static void
s_begin_run (fst_metadata_t *self, const fst_pull_t *pull)
{
    fst_mover_t *mover = self->mover;
    fst_node_set_t lost = pull->work.spread.nodes & ~mover->view.live;
    fst_pace_begin (&mover->pace, self->now_ms);
    if (mover->run.active || pull->work.kind != FST_WORK_COPY || !pull->work.repair)
        return;
    mover->run.active = true;
    mover->run.node = lost? (unsigned) __builtin_ctzll (lost): pull->target;
    mover->run.begun_ms = mover->run.last_ms = self->now_ms;
    mover->run.extents = mover->run.bytes = 0;
    fst_log_info ("repair began node=%s extents=%lld bytes=%lld", fst_nodes_get (self->nodes, mover->run.node)->name,
                  (long long) mover->plan.extents, (long long) mover->plan.bytes);
}

//  One PULL for a work. False if nothing can be done for it now.
static bool
s_start (fst_metadata_t *self, const fst_work_t *work, fst_walk_t *walk)
{
    fst_mover_t *mover = self->mover;
    fst_node_set_t takers = s_takers (self, work, false);
    if (walk->again_ms > self->now_ms || mover->pulls_count == FST_PULLS_MAX)
        return false;
    if (!takers) {
        if (mover->plan.count == FST_WORKS_MAX && !s_takers (self, work, true))
            fst_mover_rest (self, walk);
        return false;
    }
    fst_pull_t *pull = calloc (1, sizeof (*pull));
    assert (pull);
    pull->work = *work;
    fst_walk_t before = *walk;
    int target = -1;
    if (s_choose_sources (mover, pull)) {
        s_pick (self, walk, pull, s_most_room (self, takers));
        if (pull->count)
            target = s_choose_target (self, work, takers, pull->bytes);
        if (target < 0 && pull->count) {
            *walk = before;                         //  They are the next ones again
            if (mover->plan.count == FST_WORKS_MAX)
                fst_mover_rest (self, walk);
        }
    }
    if (target >= 0) {
        pull->target = (unsigned) target;
        s_leave_garbage (self, pull);
        walk->found += pull->count;
        mover->soon |= pull->count == 0;
    }
    if (target < 0 || pull->count == 0) {
        free (pull);
        return false;
    }
    walk->idle = 0;
    s_begin_run (self, pull);
    fst_pull_send (self, pull);
    return true;
}

fst_rc_t
fst_mover_may_drop (fst_metadata_t *self, const fst_blob_id_t *blob, uint32_t n, fst_node_set_t nodes, unsigned wanted,
                    fst_node_set_t drop, fst_node_set_t *drop_p)
{
    fst_node_set_t bad = 0, good = nodes & ~drop & self->mover->view.sound & self->mover->view.sure;
    *drop_p = 0;
    fst_rc_t rc = fst_catalog_bad_nodes (self->catalog, blob, n, &bad);
    if (rc == FST_OK && fst_metadata_may_delete (self) && (unsigned) __builtin_popcountll (good & ~bad) >= wanted)
        *drop_p = drop;
    return rc;
}

//  Books first, then the garbage row, then the DELETE that follows from it.
static fst_rc_t
s_trim_row (fst_metadata_t *self, const fst_work_t *work, const fst_row_t *row, bool *trimmed_p)
{
    fst_node_set_t drop;
    fst_blob_t blob;
    fst_rc_t rc = fst_mover_may_drop (self, &row->blob, row->extent.n, row->extent.nodes, work->spread.wanted,
                                      work->drop, &drop);
    *trimmed_p = rc == FST_OK && drop;
    if (*trimmed_p)
        rc = fst_catalog_blob_get (self->catalog, &row->blob, &blob);
    if (*trimmed_p && rc == FST_OK)
        rc = fst_catalog_extent_put (self->catalog, &blob, &row->extent, row->extent.nodes & ~drop);
    if (*trimmed_p && rc == FST_OK)
        rc = fst_catalog_garbage_add (self->catalog, drop, &row->blob, row->extent.n);
    return rc;
}

//  One step; the plan that follows it chooses anew what goes, so that no node is emptied for the others.
static void
s_trim (fst_metadata_t *self, const fst_work_t *work, fst_walk_t *walk)
{
    fst_row_t *rows = self->mover->rows;
    size_t count;
    if (!fst_metadata_may_delete (self) || walk->again_ms > self->now_ms || !s_page (self, work, walk, rows, FST_PULL_EXTENTS, &count))
        return;
    fst_metadata_open_batch (self);
    fst_rc_t rc = fst_catalog_save (self->catalog);
    for (size_t at = 0; at < count && rc == FST_OK; at++) {
        bool trimmed;
        rc = s_trim_row (self, work, &rows [at], &trimmed);
        walk->found += trimmed;
        walk->begun = true;
        walk->after = rows [at];
    }
    if (rc == FST_OK)
        rc = fst_catalog_release (self->catalog);
    if (rc != FST_OK) {
        fst_log_error ("copies were not trimmed reason=\"%s\"", fst_error_text (rc));
        fst_catalog_undo (self->catalog);
        walk->again_ms = self->now_ms + LOOK_MS;
        return;
    }
    self->mover->look = self->mover->soon = true;
}

//  How full a node is follows from what it says of its disk, which is some seconds old, and from the books, which are
//  not: so after a part of the way all nodes must have deleted what they were to, and have said how it is now.
static bool
s_may_move (fst_metadata_t *self, const fst_work_t *work)
{
    fst_mover_t *mover = self->mover;
    if (!fst_metadata_may_delete (self) || mover->pulls_count)
        return false;                               //  One at a time is enough for evenness
    if (mover->move.bytes < mover->move.budget)
        return true;
    for (unsigned node = 0; node < FST_NODES_MAX; node++) {
        fst_piece_t piece;
        size_t pieces = 0;
        if (!(mover->view.taking & fst_node_bit (node)))
            continue;
        if (self->now_ms - fst_nodes_silence_ms (self->nodes, node, self->now_ms) <= mover->move.done_ms
        ||  fst_catalog_garbage_get (self->catalog, node, &piece, 1, &pieces) != FST_OK || pieces)
            return false;
    }
    mover->move.bytes = 0;
    mover->move.budget = work->bytes_max / 4 + 1;
    return true;
}

//  Start what can be started, the most urgent first.
static void
s_work (fst_metadata_t *self)
{
    fst_mover_t *mover = self->mover;
    bool trimmed = false;
    mover->soon = false;
    for (size_t at = 0; at < mover->plan.count; at++) {
        const fst_work_t *work = &mover->plan.works [at];
        fst_walk_t *walk = &mover->walks [at];
        if (work->kind == FST_WORK_COPY)
            while (s_start (self, work, walk))
                ;
        else
        if (work->kind == FST_WORK_TRIM && !trimmed) {
            s_trim (self, work, walk);
            trimmed = self->open;
        }
        else
        if (work->kind == FST_WORK_MOVE && s_may_move (self, work))
            s_start (self, work, walk);
    }
}

//  ---- The turn

static int64_t
s_wake_ms (const fst_metadata_t *self)
{
    const fst_mover_t *mover = self->mover;
    int64_t wake_ms = mover->soon || mover->look? self->now_ms + SOON_MS: mover->look_ms;
    if (mover->rested_ms < wake_ms)
        wake_ms = mover->rested_ms;
    for (size_t at = 0; at < mover->plan.count; at++)
        if (mover->walks [at].again_ms > self->now_ms && mover->walks [at].again_ms < wake_ms)
            wake_ms = mover->walks [at].again_ms;
    for (unsigned node = 0; node < FST_NODES_MAX && mover->plan.count; node++)
        if (s_rests (self, node) && mover->nodes [node].again_ms < wake_ms)
            wake_ms = mover->nodes [node].again_ms;
    return wake_ms;
}

int64_t
fst_metadata_repair (fst_metadata_t *self)
{
    fst_mover_t *mover = self->mover;
    assert (!self->open);
    fst_mover_look (self);
    if (mover->plan.count == 0 && !mover->run.active && !mover->drained && !mover->failing && !mover->view.leaving
    &&  mover->view.sound == mover->view.live)
        return s_wake_ms (self);
    s_work (self);
    fst_rc_t rc = fst_mover_tell (self);
    if (rc != FST_OK)
        fst_log_error ("repair was not journaled reason=\"%s\"", fst_error_text (rc));
    fst_stuck_forget (mover->stuck, self->now_ms - FORGET_MS);
    fst_metadata_flush (self);
    return s_wake_ms (self);
}

void
fst_metadata_repair_soon (fst_metadata_t *self)
{
    if (self->mover->look)
        fst_metadata_repair (self);
}

fst_rc_t
fst_metadata_repair_begin (fst_metadata_t *self)
{
    fst_mover_t *mover = calloc (1, sizeof (*mover));
    assert (mover);
    int64_t drained = 0;
    mover->stuck = fst_stuck_new ();
    mover->start_ms = self->now_ms;
    mover->look = true;
    self->mover = mover;
    fst_rc_t rc = fst_catalog_setting_get (self->catalog, "drained", &drained);
    mover->drained = (fst_node_set_t) drained;
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

void
fst_metadata_repair_end (fst_metadata_t *self)
{
    if (self->mover) {
        assert (self->mover->pulls_count == 0);     //  The loop has ended them
        fst_stuck_destroy (&self->mover->stuck);
        free (self->mover);
        self->mover = NULL;
    }
}
