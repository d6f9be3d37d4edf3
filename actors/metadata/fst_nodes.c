//  The storage nodes as the actor knows them.

#include "fst_nodes.h"
#include "fst_log.h"
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct fst_nodes {
    fst_catalog_t *catalog;
    fst_nodes_options_t options;
    fst_liveness_t liveness;
    fst_node_set_t known;
    fst_node_t nodes [FST_NODES_MAX];
    uint8_t keys [FST_NODES_MAX] [FST_KEY_BYTES];
};

fst_nodes_t *
fst_nodes_new (fst_catalog_t *catalog, const fst_nodes_options_t *options)
{
    assert (catalog);
    assert (options);
    fst_nodes_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->catalog = catalog;
    self->options = *options;
    fst_liveness_init (&self->liveness, options->heartbeat_ms, options->prune_ms);
    return self;
}

void
fst_nodes_destroy (fst_nodes_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        sodium_memzero ((*self_p)->keys, sizeof ((*self_p)->keys));
        free (*self_p);
        *self_p = NULL;
    }
}

static void
s_take (fst_nodes_t *self, const fst_node_t *node)
{
    self->nodes [node->number] = *node;
    self->known |= fst_node_bit (node->number);
    fst_node_key_derive (self->options.data_key, node->name, self->keys [node->number]);
}

static void
s_load_one (void *arg, const fst_node_t *node)
{
    s_take (arg, node);
}

fst_rc_t
fst_nodes_load (fst_nodes_t *self, int64_t now_ms)
{
    assert (self);
    self->known = 0;
    fst_rc_t rc = fst_catalog_nodes (self->catalog, s_load_one, self);
    for (unsigned number = 0; number < FST_NODES_MAX; number++)
        if (!fst_nodes_get (self, number))
            self->liveness.nodes [number].state = FST_NODE_UNKNOWN;
        else
        if (fst_liveness_state (&self->liveness, number) == FST_NODE_UNKNOWN)
            fst_liveness_know (&self->liveness, number, self->nodes [number].pruned, now_ms);
    return rc;
}

int
fst_nodes_find (const fst_nodes_t *self, const char *name)
{
    assert (self);
    for (unsigned number = 0; number < FST_NODES_MAX; number++)
        if (fst_nodes_get (self, number) && strcmp (self->nodes [number].name, name) == 0)
            return (int) number;
    return -1;
}

const fst_node_t *
fst_nodes_get (const fst_nodes_t *self, unsigned number)
{
    assert (self);
    assert (number < FST_NODES_MAX);
    return self->known & fst_node_bit (number)? &self->nodes [number]: NULL;
}

const uint8_t *
fst_nodes_key (const fst_nodes_t *self, unsigned number)
{
    assert (fst_nodes_get (self, number));
    return self->keys [number];
}

fst_node_state_t
fst_nodes_state (const fst_nodes_t *self, unsigned number)
{
    assert (self);
    return fst_liveness_state (&self->liveness, number);
}

int64_t
fst_nodes_silence_ms (const fst_nodes_t *self, unsigned number, int64_t now_ms)
{
    assert (self);
    return fst_liveness_silence_ms (&self->liveness, number, now_ms);
}

fst_node_set_t
fst_nodes_set (const fst_nodes_t *self, fst_node_state_t state)
{
    assert (self);
    return fst_liveness_set (&self->liveness, state);
}

fst_node_set_t
fst_nodes_live (const fst_nodes_t *self)
{
    return fst_nodes_set (self, FST_NODE_ALIVE) | fst_nodes_set (self, FST_NODE_SILENT);
}

fst_node_set_t
fst_nodes_sound (const fst_nodes_t *self)
{
    fst_node_set_t sound = fst_nodes_live (self);
    for (unsigned number = 0; number < FST_NODES_MAX; number++) {
        const fst_node_t *node = fst_nodes_get (self, number);
        if (node && (node->draining || node->health == FST_HEALTH_FAILING))
            sound &= ~fst_node_bit (number);
    }
    return sound;
}

static const char *const s_healths [] = {
    [FST_HEALTH_OK] = "ok", [FST_HEALTH_FULL] = "full", [FST_HEALTH_READ_ONLY] = "read-only",
    [FST_HEALTH_FAILING] = "failing"
};

const char *
fst_health_text (fst_health_t health)
{
    assert ((size_t) health < sizeof (s_healths) / sizeof (s_healths [0]));
    return s_healths [health];
}

fst_health_t
fst_health_parse (const char *text)
{
    for (fst_health_t health = FST_HEALTH_OK; health <= FST_HEALTH_FAILING; health++)
        if (text && strcmp (text, s_healths [health]) == 0)
            return health;
    return FST_HEALTH_OK;
}

//  ---- Changes

fst_rc_t
fst_nodes_journal (fst_nodes_t *self, unsigned number, const char *type, const char *detail, int64_t wall_ms)
{
    assert (fst_nodes_get (self, number));
    fst_log_info ("node %s node=%s%s%s", type, self->nodes [number].name, detail? " ": "", detail? detail: "");
    fst_journal_t event = { .time_ms = wall_ms, .type = type, .node = self->nodes [number].name, .detail = detail };
    return fst_catalog_event_add (self->catalog, &event);
}

fst_rc_t
fst_nodes_drain (fst_nodes_t *self, unsigned number, bool drain, int64_t wall_ms)
{
    assert (fst_nodes_get (self, number));
    fst_node_t node = self->nodes [number];
    if (node.draining == drain)
        return FST_OK;
    node.draining = drain;
    fst_rc_t rc = fst_catalog_node_put (self->catalog, &node);
    if (rc == FST_OK)
        rc = fst_nodes_journal (self, number, drain? "draining": "undrained", NULL, wall_ms);
    if (rc == FST_OK)
        self->nodes [number].draining = drain;      //  What fails is undone in the catalog, so it must not be here
    return rc;
}

static fst_rc_t
s_journal (fst_nodes_t *self, const fst_liveness_change_t *change, int64_t wall_ms)
{
    const char *type = change->to == FST_NODE_PRUNED? "pruned"
                     : change->to == FST_NODE_SILENT? "silent"
                     : change->from == FST_NODE_UNKNOWN? "registered": "back";
    fst_node_t *node = &self->nodes [change->node];
    node->pruned = change->to == FST_NODE_PRUNED;
    fst_rc_t rc = fst_nodes_journal (self, change->node, type, NULL, wall_ms);
    return rc == FST_OK? fst_catalog_node_put (self->catalog, node): rc;
}

fst_rc_t
fst_nodes_register (fst_nodes_t *self, const fst_node_t *said, int64_t now_ms, int64_t wall_ms)
{
    assert (self);
    assert (fst_node_name_valid (said->name));
    fst_node_t node = *said;
    node.pruned = false;
    int number = fst_nodes_find (self, said->name);
    fst_rc_t rc;
    if (number < 0)
        rc = fst_catalog_node_add (self->catalog, &node);
    else {
        node.number = (unsigned) number;
        node.draining = self->nodes [number].draining;
        rc = fst_catalog_node_put (self->catalog, &node);
    }
    if (rc != FST_OK)
        return rc;
    s_take (self, &node);
    fst_liveness_change_t change;
    if (fst_liveness_hear (&self->liveness, node.number, now_ms, &change))
        rc = s_journal (self, &change, wall_ms);
    return rc;
}

bool
fst_nodes_are_unheard (const fst_nodes_t *self, int64_t now_ms)
{
    assert (self);
    return fst_liveness_is_deaf (&self->liveness, now_ms);
}

bool
fst_nodes_heartbeat_changes (const fst_nodes_t *self, const char *name)
{
    int number = fst_nodes_find (self, name);
    return number >= 0 && (fst_liveness_state (&self->liveness, (unsigned) number) != FST_NODE_ALIVE
        || !self->liveness.nodes [number].heard);
}

fst_rc_t
fst_nodes_heartbeat (fst_nodes_t *self, const fst_node_t *said, int64_t now_ms, int64_t wall_ms)
{
    assert (self);
    int number = fst_nodes_find (self, said->name);
    if (number < 0)
        return FST_NOT_FOUND;
    fst_node_t *node = &self->nodes [number];
    bool pruned = node->pruned, draining = node->draining;
    *node = *said;
    node->number = (unsigned) number;
    node->pruned = pruned;
    node->draining = draining;
    fst_liveness_change_t change;
    if (!fst_liveness_hear (&self->liveness, node->number, now_ms, &change))
        return FST_OK;
    return s_journal (self, &change, wall_ms);
}

int64_t
fst_nodes_wake_ms (const fst_nodes_t *self)
{
    assert (self);
    return fst_liveness_wake_ms (&self->liveness);
}

fst_rc_t
fst_nodes_elapse (fst_nodes_t *self, int64_t now_ms, int64_t wall_ms)
{
    assert (self);
    fst_liveness_change_t change;
    fst_rc_t rc = FST_OK;
    while (rc == FST_OK && fst_liveness_elapse (&self->liveness, now_ms, &change))
        rc = s_journal (self, &change, wall_ms);
    return rc;
}

//  ---- Placement and figures

fst_node_set_t
fst_nodes_zone (const fst_nodes_t *self, unsigned number)
{
    assert (fst_nodes_get (self, number));
    fst_node_set_t zone = fst_node_bit (number);
    const char *name = self->nodes [number].zone;
    for (unsigned other = 0; other < FST_NODES_MAX && *name; other++)
        if (fst_nodes_get (self, other) && strcmp (self->nodes [other].zone, name) == 0)
            zone |= fst_node_bit (other);
    return zone;
}

int64_t
fst_nodes_spare (const fst_nodes_t *self, unsigned number)
{
    const fst_node_t *node = fst_nodes_get (self, number);
    assert (node);
    return node->free - node->capacity / 100 * self->options.reserve_percent;
}

//  All that are sound, with the space above the reserve. Those whose disk is not well may stay and are not drawn.
static size_t
s_snapshot (const fst_nodes_t *self, fst_placement_node_t *snapshot)
{
    fst_node_set_t usable = fst_nodes_sound (self);
    size_t count = 0;
    for (unsigned number = 0; number < FST_NODES_MAX; number++) {
        const fst_node_t *node = fst_nodes_get (self, number);
        if (node && (usable & fst_node_bit (number)))
            snapshot [count++] = (fst_placement_node_t) {
                .number = number,
                .zone = fst_nodes_zone (self, number),
                .spare = node->health == FST_HEALTH_OK? fst_nodes_spare (self, number): 0
            };
    }
    return count;
}

int
fst_nodes_choose_one (const fst_nodes_t *self, fst_node_set_t holders, fst_node_set_t avoid, int64_t bytes,
                      uint64_t random)
{
    assert (self);
    fst_placement_node_t snapshot [FST_NODES_MAX];
    unsigned chosen [FST_NODES_MAX + 1];
    size_t nodes = s_snapshot (self, snapshot);
    fst_placement_wish_t wish = {
        .copies = (size_t) __builtin_popcountll (holders & fst_nodes_sound (self)) + 1,
        .bytes = bytes,
        .keep = holders,
        .avoid = avoid & ~holders,
        .reluctant = fst_nodes_set (self, FST_NODE_SILENT)
    };
    size_t got = fst_placement_choose (snapshot, nodes, &wish, random, chosen);
    return got == wish.copies? (int) chosen [got - 1]: -1;
}

size_t
fst_nodes_choose (const fst_nodes_t *self, const fst_placement_wish_t *wish, size_t count, uint64_t random,
                  unsigned *chosen)
{
    assert (self);
    fst_placement_node_t snapshot [FST_NODES_MAX];
    size_t nodes = s_snapshot (self, snapshot);
    fst_placement_wish_t next = *wish;
    next.reluctant = fst_nodes_set (self, FST_NODE_SILENT);
    size_t least = wish->copies;
    for (size_t extent = 0; extent < count; extent++, next.keep = 0) {
        unsigned *these = chosen + extent * wish->copies;
        size_t got = fst_placement_choose (snapshot, nodes, &next, random + extent * 0x9e3779b97f4a7c15u, these);
        if (got < least)
            least = got;
        for (size_t at = 0; at < nodes; at++)   //  What is promised is not there for the next extent
            for (size_t copy = 0; copy < got; copy++)
                if (snapshot [at].number == these [copy])
                    snapshot [at].spare -= wish->bytes;
    }
    return least;
}

typedef struct {
    fst_node_set_t live;
    fst_nodes_copies_t *copies;
} s_sum_t;

static void
s_sum_spread (void *arg, const fst_spread_t *spread)
{
    s_sum_t *sum = arg;
    int live = __builtin_popcountll (spread->nodes & sum->live);
    sum->copies->extents += spread->extents;
    sum->copies->bytes += spread->bytes;
    sum->copies->by_live_copies [live > 7? 7: live] += spread->extents;
    if (live == 1 && spread->wanted > 1)
        sum->copies->bytes_at_one_copy += spread->bytes;
    for (unsigned number = 0; number < FST_NODES_MAX; number++)
        if (spread->nodes & fst_node_bit (number)) {
            sum->copies->holds [number] += spread->extents;
            sum->copies->holds_bytes [number] += spread->bytes;
        }
}

fst_rc_t
fst_nodes_copies (const fst_nodes_t *self, fst_nodes_copies_t *copies)
{
    assert (self);
    memset (copies, 0, sizeof (*copies));
    s_sum_t sum = {
        .live = fst_nodes_live (self),
        .copies = copies
    };
    return fst_catalog_spreads (self->catalog, s_sum_spread, &sum);
}
