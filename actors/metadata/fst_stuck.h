//  Extents that could not be repaired: why, and when to try again. Bounded; what does not fit is not remembered and
//  is tried again sooner. Pure; times are monotonic.

#ifndef FST_STUCK_H_INCLUDED
#define FST_STUCK_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_proof.h"

#define FST_STUCK_MAX 4096

typedef struct fst_stuck fst_stuck_t;

typedef struct {
    fst_blob_id_t blob;
    uint32_t n;
    int64_t wait_ms;                    //  How long it is skipped; 0: a free slot
    int64_t again_ms;
    const char *reason;                 //  Static; for people
} fst_stuck_item_t;

fst_stuck_t *
fst_stuck_new (void);

void
fst_stuck_destroy (fst_stuck_t **self_p);

//  It failed: skip it for first_ms, the next time twice as long, up to most_ms. reason is a static sentence.
void
fst_stuck_add (fst_stuck_t *self, const fst_blob_id_t *blob, uint32_t n, const char *reason, int64_t first_ms,
               int64_t most_ms, int64_t now_ms);

//  It is well, or gone.
void
fst_stuck_drop (fst_stuck_t *self, const fst_blob_id_t *blob, uint32_t n);

//  Whether to skip it now.
bool
fst_stuck_holds (const fst_stuck_t *self, const fst_blob_id_t *blob, uint32_t n, int64_t now_ms);

//  Forget those whose time came long ago and which nobody tried again: they are gone.
void
fst_stuck_forget (fst_stuck_t *self, int64_t before_ms);

//  Those that are skipped for at least so long, up to size of them in items; returns how many there are.
size_t
fst_stuck_list (const fst_stuck_t *self, int64_t wait_ms, fst_stuck_item_t *items, size_t size);

#endif
