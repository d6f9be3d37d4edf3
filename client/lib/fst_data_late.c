//  Which node is late: what it owes against what others did meanwhile. No socket in here.

#include "fst_data_self.h"

#define LATE_FACTOR     3           //  Late is who takes so many times as long as another one
#define LATE_MS_MAX     8000        //  A node that was late has twice the time, up to this
#define SPARE_MS        500         //  How long it matters that somebody needs a node, however late it is
#define LATE_AGAIN_MS   60000       //  Was it not for so long, it has the usual time again
#define WITNESS_MS      10000       //  What an idle node did so long before counts
#define PACE_MS         5000        //  How long what a node took says something

//  The oldest request of that kind that the node did not answer, or NULL.
static const fst_data_request_t *
s_owes (const fst_data_node_t *node, fst_data_kind_t kind)
{
    const fst_data_request_t *request;
    TAILQ_FOREACH (request, &node->sent, link)
        if (request->kind == kind)
            return request;
    TAILQ_FOREACH (request, &node->queue, link)
        if (request->kind == kind)
            return request;
    return NULL;
}

void
fst_data_note (fst_data_node_t *node, const fst_data_request_t *request, int64_t now_ms)
{
    int64_t took_ms = fst_max_ms (now_ms - request->tag.asked_ms, 1);
    node->answered_ms = now_ms;
    if (node->did [request->kind].asked_ms < request->tag.asked_ms)
        node->did [request->kind].asked_ms = request->tag.asked_ms;
    bool known = node->did [request->kind].done_ms && now_ms - node->did [request->kind].done_ms <= PACE_MS;
    node->did [request->kind].pace_ms = known? (node->did [request->kind].pace_ms * 3 + took_ms) / 4: took_ms;
    node->did [request->kind].took_ms = took_ms;
    node->did [request->kind].done_ms = now_ms;
}

void
fst_data_spare (fst_data_node_t *node, int64_t now_ms)
{
    assert (node);
    node->spared_until_ms = now_ms + SPARE_MS;
}

int64_t
fst_data_expect_ms (const fst_data_node_t *node, fst_data_kind_t kind, int64_t now_ms)
{
    assert (node);
    const fst_data_request_t *oldest = s_owes (node, kind);
    int64_t waits_ms = oldest? now_ms - oldest->tag.asked_ms: 0;
    if (!node->did [kind].done_ms || now_ms - node->did [kind].done_ms > PACE_MS)
        return waits_ms;
    return waits_ms > node->did [kind].pace_ms? waits_ms: node->did [kind].pace_ms;
}

//  True if other shows that the request could have been answered in a third of the time that it waits.
static bool
s_is_witness (const fst_data_node_t *other, const fst_data_request_t *request, int64_t waits_ms)
{
    if (!other->did [request->kind].done_ms || waits_ms < LATE_FACTOR * other->did [request->kind].took_ms)
        return false;
    int64_t since_ms = request->tag.asked_ms - (fst_data_idle (other)? WITNESS_MS: 0);
    return other->did [request->kind].asked_ms >= since_ms;
}

static bool
s_is_late (const fst_data_t *self, const fst_data_node_t *node, int64_t now_ms)
{
    for (fst_data_kind_t kind = 0; kind < FST_DATA_KINDS; kind++) {
        const fst_data_request_t *request = s_owes (node, kind);
        int64_t waits_ms = request? now_ms - fst_max_ms (request->tag.asked_ms, node->answered_ms): 0;
        if (!request || waits_ms < node->late_ms)
            continue;
        const fst_data_node_t *other;
        TAILQ_FOREACH (other, &self->nodes, link)
            if (other != node && s_is_witness (other, request, waits_ms))
                return true;
    }
    return false;
}

const char *
fst_data_overdue (const fst_data_t *self, fst_data_node_t *node, int64_t now_ms)
{
    int64_t asked_ms = fst_data_oldest (node)->tag.asked_ms;
    if (now_ms - asked_ms >= FST_DATA_ANSWER_MS || now_ms - fst_max_ms (asked_ms, node->heard_ms) >= FST_DATA_SILENCE_MS)
        return "the node does not answer";
    if (node->was_late_ms && now_ms - node->was_late_ms > LATE_AGAIN_MS) {
        node->late_ms = FST_DATA_LATE_MS;
        node->was_late_ms = 0;
    }
    if (now_ms < node->spared_until_ms || !s_is_late (self, node, now_ms))
        return NULL;
    node->late_ms = node->late_ms * 2 < LATE_MS_MAX? node->late_ms * 2: LATE_MS_MAX;
    node->was_late_ms = now_ms;
    return "the node gets nothing done while others do";
}
