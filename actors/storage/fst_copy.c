//  Records wanted, asked for and here.

#include "fst_copy.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHUNKS_MAX  1024
#define ASK_MAX     64              //  Records that one RETRIEVE gives

typedef enum { WANTED, ASKED, HERE } s_state_t;

struct fst_copy {
    fst_extent_info_t want;
    uint8_t chunk_log2;
    unsigned sources;               //  How many
    unsigned careful;               //  Sources that are asked for single records
    uint32_t here, wanted;          //  How many
    uint32_t first;                 //  No slot before it is wanted
    struct {
        uint8_t state;
        uint8_t tried;              //  Sources that do not have it
    } slots [CHUNKS_MAX];
};

//  The chunk size follows from the number of chunks, all of which but the last are full; 0: there is none. For a
//  single chunk it is the least that is possible.
static uint8_t
s_chunk_log2 (const fst_extent_info_t *want)
{
    uint8_t log2 = FST_CHUNK_LOG2_MIN;
    while (log2 < FST_CHUNK_LOG2_MAX && (int64_t) want->chunks << log2 < want->bytes)
        log2++;
    int64_t before_last = (int64_t) (want->chunks - 1) << log2;
    return want->bytes > before_last && want->bytes <= (int64_t) want->chunks << log2? log2: 0;
}

fst_copy_t *
fst_copy_new (const fst_extent_info_t *want, unsigned sources)
{
    assert (want);
    assert (want->chunks >= 1 && want->chunks <= CHUNKS_MAX);
    assert (sources >= 1 && sources <= FST_COPY_SOURCES_MAX);
    uint8_t log2 = s_chunk_log2 (want);
    if (!log2)
        return NULL;
    fst_copy_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->want = *want;
    self->chunk_log2 = log2;
    self->sources = sources;
    self->wanted = want->chunks;
    return self;
}

void
fst_copy_destroy (fst_copy_t **self_p)
{
    assert (self_p);
    free (*self_p);
    *self_p = NULL;
}

static void
s_set (fst_copy_t *self, uint32_t slot, s_state_t state)
{
    uint8_t *now = &self->slots [slot].state;
    self->wanted += (state == WANTED) - (*now == WANTED);
    self->here += (state == HERE) - (*now == HERE);
    *now = state;
    if (state == WANTED && slot < self->first)
        self->first = slot;
}

static int64_t
s_plain_bytes (const fst_copy_t *self, uint32_t slot)
{
    int64_t chunk = (int64_t) 1 << self->chunk_log2;
    return slot + 1 < self->want.chunks? chunk: self->want.bytes - slot * chunk;
}

//  The first of sources that may have this record, or -1.
static int
s_source (const fst_copy_t *self, uint32_t slot, unsigned sources)
{
    for (unsigned source = 0; source < self->sources; source++)
        if (sources & ~(unsigned) self->slots [slot].tried & 1u << source)
            return (int) source;
    return -1;
}

//  The longest run from slot on that one source can be asked for.
static void
s_ask_run (fst_copy_t *self, unsigned usable, int64_t bytes_max, fst_copy_ask_t *ask)
{
    uint32_t count_max = self->careful & 1u << ask->source? 1: ASK_MAX;
    ask->count = 0;
    ask->bytes = 0;
    for (uint32_t slot = ask->slot; slot < self->want.chunks && ask->count < count_max; slot++) {
        int64_t bytes = s_plain_bytes (self, slot);
        if (self->slots [slot].state != WANTED || s_source (self, slot, usable) != (int) ask->source
        ||  (ask->count > 0 && ask->bytes + bytes > bytes_max))
            break;
        s_set (self, slot, ASKED);
        ask->count++;
        ask->bytes += bytes;
    }
}

fst_rc_t
fst_copy_next (fst_copy_t *self, unsigned usable, unsigned lost, int64_t bytes_max, fst_copy_ask_t *ask)
{
    assert (self);
    assert (ask);
    while (self->first < self->want.chunks && self->slots [self->first].state != WANTED)
        self->first++;
    for (uint32_t slot = self->first; self->wanted && slot < self->want.chunks; slot++) {
        if (self->slots [slot].state != WANTED)
            continue;
        if (s_source (self, slot, ~0u) < 0)
            return FST_NOT_FOUND;
        if (s_source (self, slot, ~lost) < 0)
            return FST_UNREACHABLE;
        int source = s_source (self, slot, usable & ~lost);
        if (source < 0)
            continue;
        ask->source = (unsigned) source;
        ask->slot = slot;
        s_ask_run (self, usable & ~lost, bytes_max, ask);
        return FST_OK;
    }
    return FST_BUSY;
}

bool
fst_copy_fits (const fst_copy_t *self, const fst_copy_ask_t *ask, uint32_t index, const fst_record_t *record)
{
    assert (self);
    assert (ask && index < ask->count);
    assert (record);
    return memcmp (record->blob.bytes, self->want.blob.bytes, FST_BLOB_BYTES) == 0
        && record->extent == self->want.extent
        && record->slot == ask->slot + index
        && (record->chunk_log2 == self->chunk_log2 || self->want.chunks == 1)
        && record->plain_bytes == s_plain_bytes (self, ask->slot + index);
}

void
fst_copy_have (fst_copy_t *self, uint32_t slot, uint32_t count)
{
    assert (self);
    assert (slot + count <= self->want.chunks);
    for (uint32_t at = slot; at < slot + count; at++)
        s_set (self, at, HERE);
}

void
fst_copy_failed (fst_copy_t *self, const fst_copy_ask_t *ask, fst_rc_t rc)
{
    assert (self);
    assert (ask && ask->source < self->sources);
    assert (rc != FST_OK);
    uint8_t source = (uint8_t) (1u << ask->source);
    for (uint32_t slot = ask->slot; slot < ask->slot + ask->count; slot++)
        s_set (self, slot, WANTED);
    if (ask->count > 1 && (rc == FST_CORRUPT || rc == FST_NOT_FOUND || rc == FST_TOO_LARGE))
        self->careful |= source;
    else
    if (rc != FST_BUSY && rc != FST_UNREACHABLE)
        self->slots [ask->slot].tried |= source;
}

bool
fst_copy_whole (const fst_copy_t *self)
{
    assert (self);
    return self->here == self->want.chunks;
}
