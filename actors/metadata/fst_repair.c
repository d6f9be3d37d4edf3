//  What has to be copied, dropped or moved, and in which order.

#include "fst_repair.h"
#include <assert.h>
#include <string.h>

//  Thousandths of fullness by which nodes differ when moving begins, and ends. Far enough apart that what users do
//  meanwhile does not start it again.
#define MOVE_BEGINS     50
#define MOVE_ENDS       20

#define PACE_MS         1000        //  One measurement takes that long, and goes on
#define PACE_BYTES      67108864    //  until so much is copied, as a large extent is told of at its end only,
#define PACE_SLOW_MS    5000        //  or it took so long
#define PACE_LATELY_MS  30000

static unsigned
s_count (fst_node_set_t nodes)
{
    return (unsigned) __builtin_popcountll (nodes);
}

//  ---- Which copies stay

//  Thousandths of the space that we may use on this node which are used. By the books and not by what the disk says:
//  so nodes on one disk are not emptied into each other, and what has just been copied counts at once.
static int64_t
s_fullness (const fst_repair_view_t *view, unsigned node)
{
    int64_t holds = view->nodes [node].holds, usable = view->nodes [node].free + holds;
    return usable > 0? (int64_t) ((double) holds * 1000 / (double) usable): 1000;
}

//  The node of these that is the best place: in a zone that is not among zones, then the emptiest.
static unsigned
s_best (const fst_repair_view_t *view, fst_node_set_t nodes, fst_node_set_t zones)
{
    assert (nodes);
    if (nodes & ~zones)
        nodes &= ~zones;
    unsigned best = FST_NODES_MAX;
    for (unsigned node = 0; node < FST_NODES_MAX; node++)
        if ((nodes & fst_node_bit (node))
        &&  (best == FST_NODES_MAX || s_fullness (view, node) < s_fullness (view, best)))
            best = node;
    return best;
}

fst_node_set_t
fst_repair_surplus (const fst_repair_view_t *view, fst_node_set_t nodes, unsigned wanted)
{
    assert (view);
    fst_node_set_t good = nodes & view->sound & view->sure, keep = 0, zones = 0;
    if (s_count (good) < wanted)
        return 0;
    for (unsigned copy = 0; copy < wanted; copy++) {
        unsigned node = s_best (view, good & ~keep, zones);
        keep |= fst_node_bit (node);
        zones |= view->nodes [node].zone;
    }
    return nodes & ~keep & (view->sure | view->leaving);
}

//  ---- Moving

static unsigned
s_zones (const fst_repair_view_t *view, fst_node_set_t nodes)
{
    fst_node_set_t seen = 0;
    unsigned zones = 0;
    for (unsigned node = 0; node < FST_NODES_MAX; node++)
        if ((nodes & fst_node_bit (node)) && !(seen & fst_node_bit (node))) {
            seen |= view->nodes [node].zone;
            zones++;
        }
    return zones;
}

//  What the disks themselves say: nodes that share one say the same, and moving would be for nothing.
static int64_t
s_free_share (const fst_repair_view_t *view, unsigned node)
{
    int64_t capacity = view->nodes [node].capacity;
    return capacity > 0? (int64_t) ((double) view->nodes [node].free * 1000 / (double) capacity): 0;
}

static int64_t
s_gain (const fst_repair_view_t *view, unsigned from, unsigned to)
{
    int64_t books = s_fullness (view, from) - s_fullness (view, to);
    int64_t disks = s_free_share (view, to) - s_free_share (view, from);
    return books < disks? books: disks;
}

//  Octets after which from and to would be even.
static int64_t
s_even_bytes (const fst_repair_view_t *view, unsigned from, unsigned to)
{
    int64_t from_usable = view->nodes [from].free + view->nodes [from].holds;
    int64_t to_usable = view->nodes [to].free + view->nodes [to].holds;
    double less = (double) (from_usable < to_usable? from_usable: to_usable);
    return (int64_t) (less * (double) s_gain (view, from, to) / 2000);
}

//  The best move of one extent on these nodes: its gain, 0 if there is none.
static int64_t
s_best_move (const fst_repair_view_t *view, fst_node_set_t nodes, unsigned *from_p, unsigned *to_p)
{
    int64_t best = 0;
    unsigned zones = s_zones (view, nodes);
    for (unsigned from = 0; from < FST_NODES_MAX; from++)
        for (unsigned to = 0; (nodes & fst_node_bit (from)) && to < FST_NODES_MAX; to++) {
            fst_node_set_t after = (nodes & ~fst_node_bit (from)) | fst_node_bit (to);
            if (!(view->taking & ~nodes & fst_node_bit (to)) || s_zones (view, after) < zones
            ||  view->nodes [to].spare <= 0)
                continue;
            int64_t gain = s_gain (view, from, to);
            if (gain > best) {
                best = gain;
                *from_p = from;
                *to_p = to;
            }
        }
    return best;
}

//  ---- Order

//  Less than 0: left is to be done before right.
static int
s_compare (const fst_work_t *left, const fst_work_t *right)
{
    if (left->rests != right->rests)
        return left->rests? 1: -1;
    if (left->kind != right->kind)
        return left->kind < right->kind? -1: 1;
    if (left->kind == FST_WORK_COPY && left->live != right->live)
        return left->live < right->live? -1: 1;
    if (left->repair != right->repair)
        return left->repair? -1: 1;
    if (left->missing != right->missing)
        return left->missing > right->missing? -1: 1;
    if (left->spread.nodes != right->spread.nodes)
        return left->spread.nodes < right->spread.nodes? -1: 1;
    return left->spread.wanted < right->spread.wanted? -1: 1;
}

static void
s_insert (fst_repair_t *self, const fst_work_t *work)
{
    size_t at = self->count;
    if (at == FST_WORKS_MAX && s_compare (work, &self->works [--at]) >= 0)
        return;                         //  Later than all there are
    for (; at > 0 && s_compare (work, &self->works [at - 1]) < 0; at--)
        self->works [at] = self->works [at - 1];
    self->works [at] = *work;
    if (self->count < FST_WORKS_MAX)
        self->count++;
}

void
fst_repair_begin (fst_repair_t *self, const fst_repair_view_t *view, bool moving)
{
    assert (self);
    assert (view);
    memset (self, 0, sizeof (*self));
    self->view = view;
    self->moving = moving;
}

void
fst_repair_set_rests (fst_repair_t *self, fst_rests_fn *rests, const void *arg)
{
    assert (self);
    self->rests = rests;
    self->rests_arg = arg;
}

static void
s_add_copy (fst_repair_t *self, fst_work_t *work)
{
    const fst_repair_view_t *view = self->view;
    const fst_spread_t *spread = &work->spread;
    self->extents += spread->extents;
    self->bytes += spread->bytes;
    self->copies_bytes += spread->bytes * work->missing;
    work->repair = work->live < spread->wanted;
    work->rests = self->rests && self->rests (self->rests_arg, spread);
    //  A node that went a moment ago may be back in a moment; not waited for when one copy is left
    bool enough = s_count (spread->nodes & (view->sound | view->hoped)) >= spread->wanted;
    if (work->live == 1 || !enough)
        s_insert (self, work);
}

//  Only the best one is kept.
static void
s_add_move (fst_repair_t *self, fst_work_t *work)
{
    const fst_repair_view_t *view = self->view;
    fst_node_set_t nodes = work->spread.nodes;
    unsigned from = 0, to = 0;
    if ((nodes & view->sound & view->sure) != nodes || s_count (nodes) != work->spread.wanted)
        return;
    int64_t gain = s_best_move (view, nodes, &from, &to);
    if (gain < (self->moving? MOVE_ENDS: MOVE_BEGINS))
        return;
    work->drop = fst_node_bit (from);
    work->to = to;
    work->bytes_max = s_even_bytes (view, from, to);
    for (size_t at = 0; at < self->count; at++) {
        fst_work_t *other = &self->works [at];
        if (other->kind != FST_WORK_MOVE)
            continue;
        if (gain > s_gain (view, (unsigned) __builtin_ctzll (other->drop), other->to))
            *other = *work;
        return;
    }
    s_insert (self, work);
}

void
fst_repair_add (fst_repair_t *self, const fst_spread_t *spread)
{
    assert (self);
    assert (spread);
    const fst_repair_view_t *view = self->view;
    fst_node_set_t nodes = spread->nodes;
    unsigned sound = s_count (nodes & view->sound);
    fst_work_t work = {
        .spread = *spread,
        .live = s_count (nodes & view->live),
        .missing = sound < spread->wanted? spread->wanted - sound: 0
    };
    if (spread->extents == 0)
        return;
    if (!work.missing && (work.live > spread->wanted || (nodes & (view->leaving | (view->live & ~view->sound)))))
        self->surplus += spread->extents;
    work.drop = fst_repair_surplus (view, nodes, spread->wanted);
    if (work.live == 0)
        self->lost += spread->extents;
    else
    if (work.missing) {
        work.kind = FST_WORK_COPY;
        s_add_copy (self, &work);
    }
    else
    if (work.drop) {
        work.kind = FST_WORK_TRIM;
        s_insert (self, &work);
    }
    else {
        work.kind = FST_WORK_MOVE;
        s_add_move (self, &work);
    }
}

//  ---- May a node be emptied

void
fst_repair_drain_add (fst_repair_drain_t *self, const fst_spread_t *spread)
{
    assert (self);
    unsigned sound = s_count (spread->nodes & self->view->sound & ~self->without);
    if (spread->extents == 0 || sound >= spread->wanted)
        return;
    self->bytes += spread->bytes * (spread->wanted - sound);
    if ((spread->nodes & self->without) && spread->wanted > self->wanted)
        self->wanted = spread->wanted;
}

fst_rc_t
fst_repair_drain_check (const fst_repair_drain_t *self)
{
    assert (self);
    fst_node_set_t others = self->view->sound & ~self->without;
    int64_t spare = 0;
    if (self->wanted > s_count (others))
        return FST_TOO_FEW_NODES;
    for (unsigned node = 0; node < FST_NODES_MAX; node++)
        if ((self->view->taking & others & fst_node_bit (node)) && self->view->nodes [node].spare > 0)
            spare += self->view->nodes [node].spare;
    return self->wanted && self->bytes > spare? FST_NO_SPACE: FST_OK;
}

//  ---- Pace

void
fst_pace_begin (fst_pace_t *self, int64_t now_ms)
{
    assert (self);
    if (self->since_ms && now_ms - self->last_ms < PACE_LATELY_MS)
        return;                         //  It goes on
    *self = (fst_pace_t) { .since_ms = now_ms, .last_ms = now_ms };
}

void
fst_pace_add (fst_pace_t *self, int64_t bytes, int64_t now_ms)
{
    assert (self);
    self->bytes += bytes;
    self->last_ms = now_ms;
    int64_t elapsed_ms = now_ms - self->since_ms;
    if (elapsed_ms < PACE_MS || (self->bytes < PACE_BYTES && elapsed_ms < PACE_SLOW_MS))
        return;
    double measured = (double) self->bytes * 1000 / (double) elapsed_ms;
    //  A new measurement weighs the more, the longer it took
    double weight = elapsed_ms < PACE_SLOW_MS? (double) elapsed_ms / PACE_SLOW_MS: 1;
    self->rate = self->rate > 0? self->rate + weight * (measured - self->rate): measured;
    self->since_ms = now_ms;
    self->bytes = 0;
}

int64_t
fst_pace_rate (const fst_pace_t *self, int64_t now_ms)
{
    assert (self);
    return self->since_ms && now_ms - self->last_ms < PACE_LATELY_MS? (int64_t) self->rate: 0;
}

