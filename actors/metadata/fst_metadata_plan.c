//  The mover's plan: what is known of the nodes, what is to be done, and what rests because nothing could be done for it.

#include "fst_metadata_repair.h"
#include "fst_log.h"

#define LOOK_MS         1000            //  Changes of spreads are looked at no oftener
#define IDLE_MS         1000            //  After a round that found nothing; doubles
#define IDLE_TIMES      6
#define FORGET_MS       (10 * 60 * 1000)

//  ---- What is known

void
fst_mover_view (fst_metadata_t *self, fst_repair_view_t *view, int64_t *wake_ms_p)
{
    memset (view, 0, sizeof (*view));
    view->live = fst_nodes_live (self->nodes);
    view->sound = fst_nodes_sound (self->nodes);
    *wake_ms_p = INT64_MAX;
    for (unsigned number = 0; number < FST_NODES_MAX; number++) {
        const fst_node_t *node = fst_nodes_get (self->nodes, number);
        fst_node_set_t bit = fst_node_bit (number);
        if (!node)
            continue;
        fst_node_state_t state = fst_nodes_state (self->nodes, number);
        int64_t silence_ms = fst_nodes_silence_ms (self->nodes, number, self->now_ms);
        int64_t hope_ms = silence_ms >= 0? self->prune_ms + self->repair_delay_ms - silence_ms
                                         : self->repair_delay_ms - (self->now_ms - self->mover->start_ms);
        if (node->draining)
            view->leaving |= bit;
        if (state == FST_NODE_ALIVE && silence_ms >= 0)
            view->alive |= bit;
        if (state == FST_NODE_PRUNED && !node->draining && hope_ms > 0) {
            view->hoped |= bit;
            if (self->now_ms + hope_ms < *wake_ms_p)
                *wake_ms_p = self->now_ms + hope_ms;
        }
        if ((view->alive & view->sound & bit) && node->health == FST_HEALTH_OK)
            view->taking |= bit;
        view->nodes [number].zone = fst_nodes_zone (self->nodes, number);
        view->nodes [number].capacity = node->capacity;
        view->nodes [number].free = node->free;
        view->nodes [number].spare = fst_nodes_spare (self->nodes, number);
        view->nodes [number].holds = self->copies.holds_bytes [number];
    }
    view->sure = view->alive & self->compared;
}

static bool
s_view_differs (const fst_repair_view_t *left, const fst_repair_view_t *right)
{
    return left->alive != right->alive || left->sure != right->sure || left->live != right->live
        || left->sound != right->sound || left->taking != right->taking || left->hoped != right->hoped
        || left->leaving != right->leaving;
}

static void
s_add_spread (void *arg, const fst_spread_t *spread)
{
    fst_repair_add (arg, spread);
}

//  ---- What rests

static fst_rested_t *
s_find_rested (fst_mover_t *mover, const fst_spread_t *spread)
{
    for (size_t at = 0; at < mover->rested_count; at++)
        if (mover->rested [at].nodes == spread->nodes && mover->rested [at].wanted == spread->wanted)
            return &mover->rested [at];
    return NULL;
}

//  Remember the works of the plan that rest, so that they may lose their places. Those that nobody came back to are gone.
static void
s_remember_rested (fst_metadata_t *self, bool anew)
{
    fst_mover_t *mover = self->mover;
    size_t kept = 0;
    for (size_t at = 0; at < mover->rested_count && !anew; at++)
        if (mover->rested [at].walk.again_ms > self->now_ms - FORGET_MS)
            mover->rested [kept++] = mover->rested [at];
    mover->rested_count = kept;
    for (size_t at = 0; at < mover->plan.count && !anew; at++) {
        const fst_spread_t *spread = &mover->plan.works [at].spread;
        fst_rested_t *rested = s_find_rested (mover, spread);
        if (!rested && mover->walks [at].again_ms > self->now_ms && mover->rested_count < FST_RESTED_MAX) {
            rested = &mover->rested [mover->rested_count++];
            rested->nodes = spread->nodes;
            rested->wanted = spread->wanted;
        }
        if (rested)
            rested->walk = mover->walks [at];
    }
}

static bool
s_spread_rests (const void *arg, const fst_spread_t *spread)
{
    const fst_metadata_t *self = arg;
    const fst_rested_t *rested = s_find_rested (self->mover, spread);
    return rested && rested->walk.again_ms > self->now_ms && spread->extents <= rested->walk.extents;
}

//  When a place in the plan should be looked for again.
static int64_t
s_rested_ms (const fst_metadata_t *self)
{
    const fst_mover_t *mover = self->mover;
    int64_t wake_ms = INT64_MAX;
    if (mover->plan.count < FST_WORKS_MAX)
        return wake_ms;                         //  All are in it
    for (size_t at = 0; at < mover->rested_count; at++)
        if (mover->rested [at].walk.again_ms > self->now_ms && mover->rested [at].walk.again_ms < wake_ms)
            wake_ms = mover->rested [at].walk.again_ms;
    return wake_ms;
}

void
fst_mover_rest (fst_metadata_t *self, fst_walk_t *walk)
{
    walk->again_ms = self->now_ms + ((int64_t) IDLE_MS << walk->idle);
    walk->idle += walk->idle < IDLE_TIMES;
    self->mover->look |= self->mover->plan.count == FST_WORKS_MAX;
}

//  ---- The plan

//  Where the same work was before is where it goes on.
static void
s_keep_walks (fst_mover_t *mover, const fst_repair_t *before, bool anew)
{
    fst_walk_t walks [FST_WORKS_MAX];
    memset (walks, 0, sizeof (walks));
    for (size_t at = 0; at < mover->plan.count; at++) {
        const fst_work_t *work = &mover->plan.works [at];
        const fst_rested_t *rested = work->kind == FST_WORK_COPY? s_find_rested (mover, &work->spread): NULL;
        if (rested)
            walks [at] = rested->walk;
        for (size_t old = 0; old < before->count; old++) {
            const fst_work_t *other = &before->works [old];
            if (other->kind != work->kind || other->spread.nodes != work->spread.nodes
            ||  other->spread.wanted != work->spread.wanted)
                continue;
            walks [at] = mover->walks [old];
        }
        if (anew || work->spread.extents > walks [at].extents)
            walks [at].again_ms = walks [at].idle = 0;
        walks [at].extents = work->spread.extents;
    }
    memcpy (mover->walks, walks, sizeof (walks));
}

static fst_rc_t
s_plan (fst_metadata_t *self, bool anew)
{
    fst_mover_t *mover = self->mover;
    fst_repair_t before = mover->plan;
    int64_t wake_ms;
    fst_rc_t rc = fst_nodes_copies (self->nodes, &self->copies);
    if (rc != FST_OK)
        return rc;
    mover->planned_ms = self->now_ms;
    self->copies_ms = 0;                        //  With copies that are bad: no figures for people
    fst_mover_view (self, &mover->view, &wake_ms);
    s_remember_rested (self, anew);
    fst_repair_begin (&mover->plan, &mover->view, mover->moving);
    fst_repair_set_rests (&mover->plan, s_spread_rests, self);
    rc = fst_catalog_spreads (self->catalog, s_add_spread, &mover->plan);
    s_keep_walks (mover, &before, anew);
    mover->moving = false;
    for (size_t at = 0; at < mover->plan.count; at++)
        mover->moving |= mover->plan.works [at].kind == FST_WORK_MOVE;
    mover->rested_ms = s_rested_ms (self);
    mover->spread_changes = fst_catalog_spread_changes (self->catalog);
    mover->recovery = self->recovery_ms != 0;
    mover->look = false;
    mover->look_ms = wake_ms;
    return rc;
}

void
fst_mover_look (fst_metadata_t *self)
{
    fst_mover_t *mover = self->mover;
    fst_repair_view_t view;
    int64_t wake_ms;
    fst_mover_view (self, &view, &wake_ms);
    bool anew = s_view_differs (&view, &mover->view) || (self->recovery_ms != 0) != mover->recovery;
    bool changed = mover->spread_changes != fst_catalog_spread_changes (self->catalog)
                && self->now_ms - mover->planned_ms >= LOOK_MS;
    if (!anew && !changed && !mover->look && self->now_ms < mover->look_ms && self->now_ms < mover->rested_ms)
        return;
    fst_rc_t rc = s_plan (self, anew);
    if (rc != FST_OK)
        fst_log_error ("no plan for repair reason=\"%s\"", fst_error_text (rc));
}
