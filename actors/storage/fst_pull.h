//  PULL: copying extents from other nodes to this one (docs/adr/0011-copies-are-pulled.md). Each record comes from the
//  first source that has a good one, goes through the same threads as those of clients, and the extent is sealed only if
//  its digest is what metadata said. What could not be finished stays as an open extent, from which the next PULL
//  goes on.
//
//  Memory: what is under way is credit from fst_jobs.h. While clients have requests under way here, copying is done in
//  small rounds, with a rest after each that is as long as makes it some tenth of its speed.
//  For the actor's own thread.

#ifndef FST_PULL_H_INCLUDED
#define FST_PULL_H_INCLUDED

#include "fst_aside.h"
#include "fst_jobs.h"

#define FST_PULLS_MAX 3             //  At once

typedef struct fst_pull fst_pull_t;

typedef struct {
    fst_actor_t *actor;             //  All borrowed
    fst_jobs_t *jobs;
    fst_extents_t *extents;
    fst_small_t *small;
    fst_aside_t *aside;
    const uint8_t *node_key;        //  For receipts
    int64_t window, memory;         //  As in fst_jobs_options_t
    bool (*has_room) (void *arg, int64_t bytes);    //  On the disk
    void *arg;
} fst_pull_options_t;

fst_pull_t *
fst_pull_new (const fst_pull_options_t *options);

//  Answer everything, and ask no more. Call before fst_jobs_destroy, and fst_pull_destroy after it.
void
fst_pull_end (fst_pull_t *self);

void
fst_pull_destroy (fst_pull_t **self_p);

//  Take a PULL; refused (busy) if there are FST_PULLS_MAX.
void
fst_pull_ask (fst_pull_t *self, fst_request_t **request_p);

//  Go on with all of them. Call in each turn of the loop, before fst_jobs_flush; it sees to it that there is one when
//  time alone asks for it.
void
fst_pull_flush (fst_pull_t *self);

#endif
