//  Which nodes take the next extent.

#include "fst_placement.h"
#include <assert.h>
#include <stdbool.h>

//  The next number of a sequence that a seed begins (splitmix64).
static uint64_t
s_random (uint64_t *state)
{
    uint64_t value = *state += 0x9e3779b97f4a7c15u;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

//  Weight of a node in the draw: MiB to spare, and one so that a small node is not shut out. Far from overflow.
static uint64_t
s_weight (const fst_placement_node_t *node)
{
    return (uint64_t) node->spare / (1024 * 1024) + 1;
}

static bool
s_fits (const fst_placement_node_t *node, const fst_placement_wish_t *wish, fst_node_set_t barred)
{
    return node->spare > 0 && node->spare >= wish->bytes && !(fst_node_bit (node->number) & barred);
}

//  Draw one of the nodes that are not barred; NULL if there is none.
static const fst_placement_node_t *
s_draw (const fst_placement_node_t *nodes, size_t count, const fst_placement_wish_t *wish, fst_node_set_t barred,
        uint64_t *random)
{
    uint64_t total = 0;
    for (size_t at = 0; at < count; at++)
        if (s_fits (&nodes [at], wish, barred))
            total += s_weight (&nodes [at]);
    if (total == 0)
        return NULL;
    uint64_t mark = s_random (random) % total;
    for (size_t at = 0; at < count; at++) {
        if (!s_fits (&nodes [at], wish, barred))
            continue;
        if (mark < s_weight (&nodes [at]))
            return &nodes [at];
        mark -= s_weight (&nodes [at]);
    }
    assert (false);
    return NULL;
}

size_t
fst_placement_choose (const fst_placement_node_t *nodes, size_t count, const fst_placement_wish_t *wish,
                      uint64_t random, unsigned *chosen)
{
    assert (nodes || count == 0);
    assert (wish);
    assert (chosen);
    fst_node_set_t taken = 0, zones = 0;
    size_t done = 0;
    for (size_t at = 0; at < count && done < wish->copies; at++) {
        fst_node_set_t bit = fst_node_bit (nodes [at].number);
        if ((wish->keep & bit) && !(wish->avoid & bit)) {
            chosen [done++] = nodes [at].number;
            taken |= bit;
            zones |= nodes [at].zone;
        }
    }
    while (done < wish->copies) {
        //  From best to worst: alive in a new zone, alive, silent in a new zone, silent
        fst_node_set_t never = taken | wish->avoid;
        const fst_placement_node_t *node = s_draw (nodes, count, wish, never | zones | wish->reluctant, &random);
        if (!node)
            node = s_draw (nodes, count, wish, never | wish->reluctant, &random);
        if (!node)
            node = s_draw (nodes, count, wish, never | zones, &random);
        if (!node)
            node = s_draw (nodes, count, wish, never, &random);
        if (!node)
            break;
        chosen [done++] = node->number;
        taken |= fst_node_bit (node->number);
        zones |= node->zone;
    }
    return done;
}
