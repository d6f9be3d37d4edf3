//  The bookkeeping of one large upload. Pure.

#include "fst_plan.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int nodes [FST_COPIES_MAX];
    int count;
} s_places_t;

struct fst_plan {
    uint32_t extent_chunks;
    int64_t extents_total;              //  -1 while it is not known
    int64_t chunks_total;               //  Same
    int64_t chunks_made;
    fst_plan_extent_t active [FST_PLAN_ACTIVE];     //  Extents first, first + 1, ...: number % FST_PLAN_ACTIVE
    uint32_t first, begun;              //  begun: the first one that is not active yet
    s_places_t ahead [FST_PLAN_AHEAD];  //  Extents begun, begun + 1, ...
    uint32_t ahead_count;
    bool mended;                        //  There was a loss: fst_plan_fetch has to look
};

static bool
s_has (const fst_slots_t *slots, uint32_t slot)
{
    return slots->words [slot / 64] >> (slot % 64) & 1;
}

static void
s_put (fst_slots_t *slots, uint32_t slot, bool value)
{
    uint64_t bit = (uint64_t) 1 << (slot % 64);
    if (value)
        slots->words [slot / 64] |= bit;
    else
        slots->words [slot / 64] &= ~bit;
}

fst_plan_t *
fst_plan_new (uint32_t extent_chunks, int64_t chunks)
{
    assert (extent_chunks >= 1);
    assert (extent_chunks <= FST_PLAN_SLOTS_MAX);
    assert (chunks);
    fst_plan_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->extent_chunks = extent_chunks;
    self->chunks_total = chunks;
    self->extents_total = chunks < 0? -1: (chunks + extent_chunks - 1) / extent_chunks;
    return self;
}

void
fst_plan_destroy (fst_plan_t **self_p)
{
    assert (self_p);
    if (!*self_p)
        return;
    for (size_t at = 0; at < FST_PLAN_ACTIVE; at++) {
        free ((*self_p)->active [at].digests);
        free ((*self_p)->active [at].checksums);
    }
    free (*self_p);
    *self_p = NULL;
}

static fst_plan_copy_t *
s_copy_on (fst_plan_t *self, uint32_t number, int node)
{
    fst_plan_extent_t *extent = fst_plan_find (self, number);
    for (int at = 0; extent && at < extent->copies; at++)
        if (extent->copy [at].node == node)
            return &extent->copy [at];
    return NULL;
}

//  ---- Nodes for extents

uint32_t
fst_plan_wanted (const fst_plan_t *self, uint32_t *from_p)
{
    assert (self);
    if (self->ahead_count > FST_PLAN_AHEAD / 4)
        return 0;
    *from_p = self->begun + self->ahead_count;
    uint32_t wanted = FST_PLAN_AHEAD - self->ahead_count;
    if (self->extents_total < 0)
        return wanted < 4? wanted: 4;       //  A stream: it may end at any time
    int64_t left = self->extents_total - *from_p;
    if (left <= 0)
        return 0;                           //  Some that were assigned are not even needed
    return left < wanted? (uint32_t) left: wanted;
}

void
fst_plan_assign (fst_plan_t *self, uint32_t number, const int *nodes, int count)
{
    assert (self);
    assert (count >= 1);
    assert (count <= FST_COPIES_MAX);
    if (number != self->begun + self->ahead_count || self->ahead_count == FST_PLAN_AHEAD)
        return;                             //  A loss came in between: it is asked for again
    s_places_t *places = &self->ahead [self->ahead_count++];
    places->count = count;
    memcpy (places->nodes, nodes, (size_t) count * sizeof (int));
}

static bool
s_named (const s_places_t *places, int node)
{
    for (int at = 0; at < places->count; at++)
        if (places->nodes [at] == node)
            return true;
    return false;
}

static void
s_lose_copy (fst_plan_copy_t *copy)
{
    if (copy->state == FST_COPY_SEALED)
        copy->gone = true;
    else
        copy->state = FST_COPY_LOST;
}

//  A sealed copy on a node that failed counts, but nothing can be fetched from it: while other copies are not
//  whole, it is as good as lost.
static void
s_lose_sealed (fst_plan_extent_t *extent)
{
    bool whole = extent->complete;
    for (int at = 0; at < extent->copies; at++)
        whole = whole && extent->copy [at].state != FST_COPY_LOST && extent->copy [at].stored == extent->made;
    for (int at = 0; at < extent->copies; at++)
        if (extent->copy [at].gone && !whole)
            extent->copy [at].state = FST_COPY_LOST;
}

void
fst_plan_lose (fst_plan_t *self, int node)
{
    assert (self);
    for (uint32_t number = self->first; number < self->begun; number++) {
        fst_plan_extent_t *extent = fst_plan_find (self, number);
        for (int at = 0; at < extent->copies; at++)
            if (extent->copy [at].node == node)
                s_lose_copy (&extent->copy [at]);
        s_lose_sealed (extent);
    }
    for (uint32_t at = 0; at < self->ahead_count; at++)
        if (s_named (&self->ahead [at], node))
            self->ahead_count = at;
}

fst_plan_extent_t *
fst_plan_broken (fst_plan_t *self)
{
    assert (self);
    for (uint32_t number = self->first; number < self->begun; number++) {
        fst_plan_extent_t *extent = fst_plan_find (self, number);
        for (int at = 0; at < extent->copies; at++)
            if (extent->copy [at].state == FST_COPY_LOST)
                return extent;
    }
    return NULL;
}

fst_plan_extent_t *
fst_plan_on (fst_plan_t *self, int node)
{
    assert (self);
    for (uint32_t number = self->first; number < self->begun; number++) {
        fst_plan_copy_t *copy = s_copy_on (self, number, node);
        if (copy && copy->state != FST_COPY_SEALED)
            return fst_plan_find (self, number);
    }
    return NULL;
}

//  Slots that a copy has, that are not in hand, and that no other copy has.
static bool
s_is_sole (const fst_plan_extent_t *extent, const fst_plan_copy_t *copy)
{
    for (size_t word = 0; word < FST_PLAN_SLOTS_MAX / 64; word++) {
        uint64_t elsewhere = extent->held.words [word];
        for (int at = 0; at < extent->copies; at++) {
            const fst_plan_copy_t *other = &extent->copy [at];
            if (other != copy && other->state != FST_COPY_LOST && !other->gone)
                elsewhere |= other->have.words [word];
        }
        if (copy->have.words [word] & ~elsewhere)
            return true;
    }
    return false;
}

bool
fst_plan_sole (fst_plan_t *self, int node)
{
    assert (self);
    for (uint32_t number = self->first; number < self->begun; number++) {
        const fst_plan_copy_t *copy = s_copy_on (self, number, node);
        if (copy && copy->state != FST_COPY_LOST && !copy->gone && s_is_sole (fst_plan_find (self, number), copy))
            return true;
    }
    return false;
}

//  The first of nodes that holds no copy of the extent; -1 for none. One that lost its copy may be back.
static int
s_fresh_node (const fst_plan_extent_t *extent, const int *nodes, int count)
{
    for (int at = 0; at < count; at++) {
        bool used = false;
        for (int copy = 0; copy < extent->copies; copy++)
            used = used || (extent->copy [copy].node == nodes [at] && extent->copy [copy].state != FST_COPY_LOST);
        if (!used)
            return nodes [at];
    }
    return -1;
}

fst_rc_t
fst_plan_mend (fst_plan_t *self, uint32_t number, const int *nodes, int count)
{
    fst_plan_extent_t *extent = fst_plan_find (self, number);
    if (!extent)
        return FST_OK;
    for (int at = 0; at < extent->copies; at++) {
        if (extent->copy [at].state != FST_COPY_LOST)
            continue;
        int node = s_fresh_node (extent, nodes, count);
        if (node < 0)
            return FST_MALFORMED;
        memset (&extent->copy [at], 0, sizeof (extent->copy [at]));
        extent->copy [at].node = node;
        extent->copy [at].state = FST_COPY_OPEN;
        self->mended = true;
    }
    return FST_OK;
}

//  ---- Slots

fst_plan_extent_t *
fst_plan_find (fst_plan_t *self, uint32_t number)
{
    assert (self);
    if (number < self->first || number >= self->begun)
        return NULL;
    return &self->active [number % FST_PLAN_ACTIVE];
}

static fst_plan_extent_t *
s_begin_extent (fst_plan_t *self)
{
    fst_plan_extent_t *extent = &self->active [self->begun % FST_PLAN_ACTIVE];
    uint8_t (*digests) [16] = extent->digests;
    uint64_t *checksums = extent->checksums;
    memset (extent, 0, sizeof (*extent));
    extent->number = self->begun++;
    extent->digests = digests? digests: calloc (self->extent_chunks, 16);
    extent->checksums = checksums? checksums: calloc (self->extent_chunks, sizeof (*checksums));
    assert (extent->digests && extent->checksums);
    extent->copies = self->ahead [0].count;
    for (int at = 0; at < extent->copies; at++)
        extent->copy [at].node = self->ahead [0].nodes [at];
    self->ahead_count--;
    memmove (&self->ahead [0], &self->ahead [1], self->ahead_count * sizeof (self->ahead [0]));
    return extent;
}

bool
fst_plan_ready (const fst_plan_t *self)
{
    assert (self);
    if (self->chunks_made == self->chunks_total)
        return false;
    if (self->begun > self->first && !self->active [(self->begun - 1) % FST_PLAN_ACTIVE].complete)
        return true;
    return self->ahead_count > 0 && self->begun - self->first < FST_PLAN_ACTIVE;
}

bool
fst_plan_next (fst_plan_t *self, uint32_t *extent_p, uint32_t *slot_p)
{
    assert (self);
    if (!fst_plan_ready (self))
        return false;
    fst_plan_extent_t *extent = self->begun > self->first? fst_plan_find (self, self->begun - 1): NULL;
    if (!extent || extent->complete)
        extent = s_begin_extent (self);
    *extent_p = extent->number;
    *slot_p = extent->made;
    s_put (&extent->held, extent->made++, true);
    self->chunks_made++;
    extent->complete = extent->made == self->extent_chunks || self->chunks_made == self->chunks_total;
    return true;
}

void
fst_plan_end (fst_plan_t *self)
{
    assert (self);
    assert (self->chunks_made);
    self->chunks_total = self->chunks_made;
    self->extents_total = self->begun;
    self->ahead_count = 0;
    fst_plan_extent_t *extent = fst_plan_find (self, self->begun - 1);
    if (extent)
        extent->complete = true;
}

bool
fst_plan_lacks (const fst_plan_extent_t *extent, int copy, uint32_t slot)
{
    const fst_plan_copy_t *at = &extent->copy [copy];
    return at->state == FST_COPY_OPEN && !s_has (&at->have, slot) && !s_has (&at->sent, slot);
}

static int
s_source (const fst_plan_extent_t *extent, uint32_t slot)
{
    for (int copy = 0; copy < extent->copies; copy++)
        if (extent->copy [copy].state != FST_COPY_LOST && s_has (&extent->copy [copy].have, slot))
            return copy;
    return -1;
}

bool
fst_plan_fetch (fst_plan_t *self, uint32_t *extent_p, uint32_t *slot_p, int *from_p)
{
    assert (self);
    if (!self->mended)
        return false;               //  Without a loss everything that is lacking is in hand
    for (uint32_t number = self->first; number < self->begun; number++) {
        fst_plan_extent_t *extent = fst_plan_find (self, number);
        for (int copy = 0; copy < extent->copies; copy++) {
            if (extent->copy [copy].state != FST_COPY_OPEN || extent->copy [copy].stored == extent->made)
                continue;
            for (uint32_t slot = 0; slot < extent->made; slot++)
                if (fst_plan_lacks (extent, copy, slot) && !s_has (&extent->held, slot)) {
                    s_put (&extent->held, slot, true);
                    *extent_p = number;
                    *slot_p = slot;
                    *from_p = s_source (extent, slot);
                    return true;
                }
        }
    }
    return false;
}

void
fst_plan_unhold (fst_plan_t *self, uint32_t number, uint32_t slot)
{
    fst_plan_extent_t *extent = fst_plan_find (self, number);
    if (extent)
        s_put (&extent->held, slot, false);
}

void
fst_plan_sent (fst_plan_extent_t *extent, int copy, uint32_t slot)
{
    assert (fst_plan_lacks (extent, copy, slot));
    s_put (&extent->copy [copy].sent, slot, true);
}

void
fst_plan_stored (fst_plan_t *self, uint32_t number, int node, uint32_t slot)
{
    fst_plan_copy_t *copy = s_copy_on (self, number, node);
    if (!copy || s_has (&copy->have, slot))
        return;
    s_put (&copy->sent, slot, false);
    s_put (&copy->have, slot, true);
    copy->stored++;
}

void
fst_plan_unsent (fst_plan_t *self, uint32_t number, int node, uint32_t slot)
{
    fst_plan_copy_t *copy = s_copy_on (self, number, node);
    if (copy)
        s_put (&copy->sent, slot, false);
}

bool
fst_plan_settled (fst_plan_t *self, uint32_t number, uint32_t slot)
{
    fst_plan_extent_t *extent = fst_plan_find (self, number);
    if (!extent)
        return true;
    for (int at = 0; at < extent->copies; at++)
        if (extent->copy [at].state == FST_COPY_LOST || !s_has (&extent->copy [at].have, slot))
            return false;
    s_put (&extent->held, slot, false);
    return true;
}

//  ---- Sealing

bool
fst_plan_seal (fst_plan_t *self, uint32_t *extent_p, int *node_p, uint32_t *chunks_p)
{
    assert (self);
    for (uint32_t number = self->first; number < self->begun; number++) {
        fst_plan_extent_t *extent = fst_plan_find (self, number);
        for (int at = 0; extent->complete && at < extent->copies; at++) {
            fst_plan_copy_t *copy = &extent->copy [at];
            if (copy->state != FST_COPY_OPEN || copy->stored != extent->made)
                continue;
            copy->state = FST_COPY_SEALING;
            *extent_p = number;
            *node_p = copy->node;
            *chunks_p = extent->made;
            return true;
        }
    }
    return false;
}

void
fst_plan_sealed (fst_plan_t *self, uint32_t number, int node, const char *receipt)
{
    fst_plan_copy_t *copy = s_copy_on (self, number, node);
    if (!copy || copy->state != FST_COPY_SEALING)
        return;
    snprintf (copy->receipt, sizeof (copy->receipt), "%s", receipt);
    copy->state = FST_COPY_SEALED;
}

void
fst_plan_unsealed (fst_plan_t *self, uint32_t number, int node)
{
    fst_plan_copy_t *copy = s_copy_on (self, number, node);
    if (copy && copy->state == FST_COPY_SEALING)
        copy->state = FST_COPY_OPEN;
}

fst_plan_extent_t *
fst_plan_finished (fst_plan_t *self)
{
    assert (self);
    fst_plan_extent_t *extent = fst_plan_find (self, self->first);
    if (!extent || !extent->complete)
        return NULL;
    for (int at = 0; at < extent->copies; at++)
        if (extent->copy [at].state != FST_COPY_SEALED)
            return NULL;
    return extent;
}

void
fst_plan_drop (fst_plan_t *self)
{
    assert (fst_plan_finished (self));
    self->first++;
}

bool
fst_plan_done (const fst_plan_t *self)
{
    assert (self);
    return self->chunks_made == self->chunks_total && self->first == self->begun;
}
