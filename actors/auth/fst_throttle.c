//  Failures of each account, in a fixed table.

#include "fst_throttle.h"
#include "fst_sodium.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

//  Far more than a flood can fill: passwords are hashed at some tens a second.
#define SLOTS 8192

_Static_assert (FST_THROTTLE_KEY_BYTES == crypto_shorthash_KEYBYTES, "the key is SipHash's");

typedef struct {
    int64_t failures;
    int64_t last_ms;            //  When the last one was
} s_slot_t;

struct fst_throttle {
    int64_t attempts_max, wait_ms;
    uint8_t key [FST_THROTTLE_KEY_BYTES];
    s_slot_t slots [SLOTS];
};

fst_throttle_t *
fst_throttle_new (int64_t attempts_max, int64_t wait_ms, const uint8_t key [FST_THROTTLE_KEY_BYTES])
{
    assert (attempts_max >= 1);
    assert (wait_ms >= 1);
    fst_throttle_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->attempts_max = attempts_max;
    self->wait_ms = wait_ms;
    memcpy (self->key, key, sizeof (self->key));
    return self;
}

void
fst_throttle_destroy (fst_throttle_t **self_p)
{
    assert (self_p);
    free (*self_p);
    *self_p = NULL;
}

static size_t
s_index (const fst_throttle_t *self, const char *name)
{
    uint64_t hash;
    crypto_shorthash ((uint8_t *) &hash, (const uint8_t *) name, strlen (name), self->key);
    return hash % SLOTS;
}

//  Milliseconds until the failures of this slot are forgotten; 0 if they are.
static int64_t
s_left_ms (const fst_throttle_t *self, const s_slot_t *slot, int64_t now_ms)
{
    int64_t left_ms = slot->failures? slot->last_ms + self->wait_ms - now_ms: 0;
    return left_ms > 0? left_ms: 0;
}

fst_rc_t
fst_throttle_check (const fst_throttle_t *self, const char *name, int64_t now_ms, int64_t *wait_ms_p)
{
    assert (self);
    const s_slot_t *slot = &self->slots [s_index (self, name)];
    int64_t left_ms = s_left_ms (self, slot, now_ms);
    if (slot->failures < self->attempts_max || left_ms == 0)
        return FST_OK;
    *wait_ms_p = left_ms;
    return FST_TOO_MANY;
}

void
fst_throttle_failed (fst_throttle_t *self, const char *name, int64_t now_ms)
{
    assert (self);
    s_slot_t *slot = &self->slots [s_index (self, name)];
    if (s_left_ms (self, slot, now_ms) == 0)
        slot->failures = 0;
    slot->failures++;
    slot->last_ms = now_ms;
}

void
fst_throttle_passed (fst_throttle_t *self, const char *name)
{
    assert (self);
    self->slots [s_index (self, name)].failures = 0;
}
