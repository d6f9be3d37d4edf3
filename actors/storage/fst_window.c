//  Credit per peer and in all. A peer is in the table only while it has something under way.

#include "fst_window.h"
#include <assert.h>
#include <czmq.h>

typedef struct {
    uint64_t peer;              //  Key
    int64_t bytes;              //  Under way, at least 1
} s_credit_t;

struct fst_window {
    int64_t peer_bytes, all_bytes;
    int64_t used;               //  Sum over credits
    zhashx_t *credits;          //  s_credit_t by peer
};

static size_t
s_hash (const void *key)
{
    uint64_t value = *(const uint64_t *) key * 0x9e3779b97f4a7c15u;
    return (size_t) (value >> 32);
}

static int
s_compare (const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *) left, b = *(const uint64_t *) right;
    return a < b? -1: a > b;
}

static void
s_credit_destroy (void **self_p)
{
    free (*self_p);
    *self_p = NULL;
}

fst_window_t *
fst_window_new (int64_t peer_bytes, int64_t all_bytes)
{
    assert (peer_bytes > 0);
    assert (all_bytes > 0);
    fst_window_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->peer_bytes = peer_bytes;
    self->all_bytes = all_bytes;
    self->credits = zhashx_new ();
    assert (self->credits);
    zhashx_set_key_hasher (self->credits, s_hash);
    zhashx_set_key_comparator (self->credits, s_compare);
    zhashx_set_key_duplicator (self->credits, NULL);        //  The key lies in the item
    zhashx_set_key_destructor (self->credits, NULL);
    zhashx_set_destructor (self->credits, s_credit_destroy);
    return self;
}

void
fst_window_destroy (fst_window_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        zhashx_destroy (&(*self_p)->credits);
        free (*self_p);
        *self_p = NULL;
    }
}

fst_rc_t
fst_window_take (fst_window_t *self, uint64_t peer, int64_t bytes)
{
    assert (self);
    assert (bytes > 0);
    if (bytes > self->all_bytes)
        return FST_TOO_LARGE;
    s_credit_t *credit = zhashx_lookup (self->credits, &peer);
    if (credit && bytes > self->peer_bytes - credit->bytes)
        return FST_BUSY;
    if (bytes > self->all_bytes - self->used)
        return FST_BUSY;
    if (!credit) {
        credit = calloc (1, sizeof (*credit));
        assert (credit);
        credit->peer = peer;
        int rc = zhashx_insert (self->credits, &credit->peer, credit);
        assert (rc == 0);
    }
    credit->bytes += bytes;
    self->used += bytes;
    return FST_OK;
}

void
fst_window_give (fst_window_t *self, uint64_t peer, int64_t bytes)
{
    assert (self);
    s_credit_t *credit = zhashx_lookup (self->credits, &peer);
    assert (credit);
    assert (bytes > 0 && bytes <= credit->bytes);
    credit->bytes -= bytes;
    self->used -= bytes;
    if (credit->bytes == 0)
        zhashx_delete (self->credits, &peer);
}

int64_t
fst_window_used (const fst_window_t *self)
{
    assert (self);
    return self->used;
}

size_t
fst_window_peers (const fst_window_t *self)
{
    assert (self);
    return zhashx_size (self->credits);
}

int
fst_window_load (const fst_window_t *self)
{
    assert (self);
    return (int) (self->used * 100 / self->all_bytes);
}
