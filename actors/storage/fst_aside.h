//  What a node does with extents that should not be served any more: puts them into the quarantine, gives them
//  back, and deletes them when their time is over (by the clock of fst_age.h). Extents in files and small blobs alike; on
//  the threads of fst_jobs.
//  For the actor's own thread.

#ifndef FST_ASIDE_H_INCLUDED
#define FST_ASIDE_H_INCLUDED

#include "fst_health.h"
#include "fst_jobs.h"
#include "fst_quarantine.h"
#include "fst_told.h"

typedef struct fst_aside fst_aside_t;

typedef struct {
    fst_actor_t *actor;             //  All borrowed; destroy jobs first
    fst_jobs_t *jobs;
    fst_extents_t *extents;
    fst_quarantine_t *quarantine;
    fst_small_t *small;
    const fst_health_t *health;
    int64_t keep_ms;                //  Until they are deleted
} fst_aside_options_t;

fst_aside_t *
fst_aside_new (const fst_aside_options_t *options);

void
fst_aside_destroy (fst_aside_t **self_p);

//  QUARANTINE: remember what was told, put these aside, and answer. Takes ids.
void
fst_aside_request (fst_aside_t *self, fst_request_t **request_p, fst_extent_id_t **ids_p, size_t count,
                   const fst_pair_t *told);

//  Same without a request: done (may be NULL) is called later, never from inside, with FST_OK or why it was not done.
typedef void (fst_aside_fn) (void *arg, fst_rc_t rc);
void
fst_aside_put (fst_aside_t *self, fst_extent_id_t **ids_p, size_t count, fst_aside_fn *done, void *arg);

//  Put back what is in the quarantine and is whole; ask only for what is missing or damaged, and for single extents.
//  What was possible is done when done is called.
void
fst_aside_restore (fst_aside_t *self, fst_extent_id_t **ids_p, size_t count, fst_aside_fn *done, void *arg);

//  Delete what is due, and extents that nobody goes on writing. Returns when to call next.
int64_t
fst_aside_tick (fst_aside_t *self, int64_t now_ms);

//  Extents in the quarantine.
int64_t
fst_aside_count (const fst_aside_t *self);

#endif
