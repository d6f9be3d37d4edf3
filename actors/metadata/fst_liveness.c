//  Which nodes are alive.

#include "fst_liveness.h"
#include <assert.h>
#include <string.h>

void
fst_liveness_init (fst_liveness_t *self, int64_t heartbeat_ms, int64_t prune_ms)
{
    assert (self);
    memset (self, 0, sizeof (*self));
    self->prune_ms = prune_ms;
    self->silent_ms = heartbeat_ms * 5 / 2;     //  Two missed, and the second one is half a beat late
    if (self->silent_ms > prune_ms)
        self->silent_ms = prune_ms;
}

void
fst_liveness_know (fst_liveness_t *self, unsigned node, bool pruned, int64_t now_ms)
{
    assert (self);
    assert (node < FST_NODES_MAX);
    self->nodes [node].state = pruned? FST_NODE_PRUNED: FST_NODE_ALIVE;
    self->nodes [node].heard = false;
    self->nodes [node].last_ms = now_ms;
}

bool
fst_liveness_is_deaf (const fst_liveness_t *self, int64_t now_ms)
{
    assert (self);
    return self->heard_ms && now_ms - self->heard_ms >= self->silent_ms;
}

//  What passed since the last sign of life does not count.
static void
s_forgive (fst_liveness_t *self, int64_t deaf_ms)
{
    for (unsigned node = 0; node < FST_NODES_MAX; node++)
        self->nodes [node].last_ms += deaf_ms;
}

bool
fst_liveness_hear (fst_liveness_t *self, unsigned node, int64_t now_ms, fst_liveness_change_t *change)
{
    assert (self);
    assert (node < FST_NODES_MAX);
    if (fst_liveness_is_deaf (self, now_ms))
        s_forgive (self, now_ms - self->heard_ms);
    self->heard_ms = now_ms;
    bool heard = self->nodes [node].heard;
    fst_node_state_t state = self->nodes [node].state;
    *change = (fst_liveness_change_t) { .node = node, .from = heard? state: FST_NODE_UNKNOWN, .to = FST_NODE_ALIVE };
    self->nodes [node].state = FST_NODE_ALIVE;
    self->nodes [node].heard = true;
    self->nodes [node].last_ms = now_ms;
    return change->from != FST_NODE_ALIVE;
}

//  When this node's state changes next.
static int64_t
s_due_ms (const fst_liveness_t *self, unsigned node)
{
    switch (self->nodes [node].state) {
    case FST_NODE_ALIVE:
        return self->nodes [node].last_ms + self->silent_ms;
    case FST_NODE_SILENT:
        return self->nodes [node].last_ms + self->prune_ms;
    default:
        return INT64_MAX;
    }
}

bool
fst_liveness_elapse (fst_liveness_t *self, int64_t now_ms, fst_liveness_change_t *change)
{
    assert (self);
    for (unsigned node = 0; node < FST_NODES_MAX; node++) {
        if (s_due_ms (self, node) > now_ms)
            continue;
        fst_node_state_t from = self->nodes [node].state;
        fst_node_state_t to = self->nodes [node].last_ms + self->prune_ms <= now_ms? FST_NODE_PRUNED: FST_NODE_SILENT;
        self->nodes [node].state = to;
        *change = (fst_liveness_change_t) { .node = node, .from = from, .to = to };
        return true;
    }
    return false;
}

int64_t
fst_liveness_wake_ms (const fst_liveness_t *self)
{
    assert (self);
    int64_t wake_ms = INT64_MAX;
    for (unsigned node = 0; node < FST_NODES_MAX; node++)
        if (s_due_ms (self, node) < wake_ms)
            wake_ms = s_due_ms (self, node);
    return wake_ms;
}

fst_node_state_t
fst_liveness_state (const fst_liveness_t *self, unsigned node)
{
    assert (self);
    assert (node < FST_NODES_MAX);
    return self->nodes [node].state;
}

fst_node_set_t
fst_liveness_set (const fst_liveness_t *self, fst_node_state_t state)
{
    assert (self);
    fst_node_set_t set = 0;
    for (unsigned node = 0; node < FST_NODES_MAX; node++)
        if (self->nodes [node].state == state)
            set |= fst_node_bit (node);
    return set;
}

int64_t
fst_liveness_silence_ms (const fst_liveness_t *self, unsigned node, int64_t now_ms)
{
    assert (self);
    assert (node < FST_NODES_MAX);
    return self->nodes [node].heard? now_ms - self->nodes [node].last_ms: -1;
}

const char *
fst_node_state_text (fst_node_state_t state)
{
    static const char *const texts [] = { "unknown", "alive", "silent", "pruned" };
    assert (state <= FST_NODE_PRUNED);
    return texts [state];
}
