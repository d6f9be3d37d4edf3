//  Extents that could not be repaired: why, and when to try again.

#include "fst_stuck.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

//  A table with open addressing. Blobs of one upload differ in their last octets only, so the hash must mix all.
#define SLOTS (FST_STUCK_MAX * 2)

struct fst_stuck {
    size_t count;
    fst_stuck_item_t items [SLOTS];
};

fst_stuck_t *
fst_stuck_new (void)
{
    fst_stuck_t *self = calloc (1, sizeof (*self));
    assert (self);
    return self;
}

void
fst_stuck_destroy (fst_stuck_t **self_p)
{
    assert (self_p);
    free (*self_p);
    *self_p = NULL;
}

static size_t
s_home (const fst_blob_id_t *blob, uint32_t n)
{
    return (size_t) (XXH3_64bits_withSeed (blob->bytes, sizeof (blob->bytes), n) % SLOTS);
}

//  Where it is, or the free slot where it would be.
static size_t
s_find (const fst_stuck_t *self, const fst_blob_id_t *blob, uint32_t n)
{
    size_t at = s_home (blob, n);
    while (self->items [at].wait_ms
    && (self->items [at].n != n || memcmp (&self->items [at].blob, blob, sizeof (*blob)) != 0))
        at = (at + 1) % SLOTS;
    return at;
}

void
fst_stuck_add (fst_stuck_t *self, const fst_blob_id_t *blob, uint32_t n, const char *reason, int64_t first_ms,
               int64_t most_ms, int64_t now_ms)
{
    assert (self);
    assert (reason);
    fst_stuck_item_t *item = &self->items [s_find (self, blob, n)];
    if (!item->wait_ms) {
        if (self->count == FST_STUCK_MAX)
            return;
        self->count++;
        item->blob = *blob;
        item->n = n;
    }
    item->wait_ms = item->wait_ms * 2 > first_ms? item->wait_ms * 2: first_ms;
    if (item->wait_ms > most_ms)
        item->wait_ms = most_ms;
    item->reason = reason;
    item->again_ms = now_ms + item->wait_ms;
}

//  Free a slot, and let those behind it move up, so that none becomes unreachable.
static void
s_free (fst_stuck_t *self, size_t at)
{
    assert (self->items [at].wait_ms);
    self->items [at].wait_ms = 0;
    self->count--;
    for (size_t next = (at + 1) % SLOTS; self->items [next].wait_ms; next = (next + 1) % SLOTS) {
        fst_stuck_item_t item = self->items [next];
        self->items [next].wait_ms = 0;
        self->items [s_find (self, &item.blob, item.n)] = item;
    }
}

void
fst_stuck_drop (fst_stuck_t *self, const fst_blob_id_t *blob, uint32_t n)
{
    assert (self);
    size_t at = self->count? s_find (self, blob, n): 0;
    if (self->count && self->items [at].wait_ms)
        s_free (self, at);
}

bool
fst_stuck_holds (const fst_stuck_t *self, const fst_blob_id_t *blob, uint32_t n, int64_t now_ms)
{
    assert (self);
    if (self->count == 0)
        return false;
    const fst_stuck_item_t *item = &self->items [s_find (self, blob, n)];
    return item->wait_ms && item->again_ms > now_ms;
}

void
fst_stuck_forget (fst_stuck_t *self, int64_t before_ms)
{
    assert (self);
    for (size_t at = 0; at < SLOTS && self->count; at++)
        while (self->items [at].wait_ms && self->items [at].again_ms < before_ms)
            s_free (self, at);              //  Another one may move up into the slot
}

size_t
fst_stuck_list (const fst_stuck_t *self, int64_t wait_ms, fst_stuck_item_t *items, size_t size)
{
    assert (self);
    size_t count = 0;
    for (size_t at = 0; at < SLOTS && self->count; at++)
        if (self->items [at].wait_ms && self->items [at].wait_ms >= wait_ms) {
            if (count < size)
                items [count] = self->items [at];
            count++;
        }
    return count;
}
