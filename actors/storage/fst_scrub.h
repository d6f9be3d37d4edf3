//  The scrub: a round over everything that never ends, so slow that each takes scrub-time, and at once when somebody asks. In
//  small steps on a thread with idle I/O priority, which wait while clients are busy. Where it is, is remembered.
//  For the actor's own thread.

#ifndef FST_SCRUB_H_INCLUDED
#define FST_SCRUB_H_INCLUDED

#include "fst_health.h"
#include "fst_jobs.h"
#include "fst_round.h"

typedef struct fst_scrub fst_scrub_t;

typedef struct {
    fst_actor_t *actor;             //  All borrowed
    fst_disk_t *disk;
    fst_small_t *small;
    fst_jobs_t *jobs;
    const fst_health_t *health;
    int64_t round_ms;
    //  Damage was met: FST_CORRUPT or FST_IO. id is NULL for a folder that cannot be listed.
    void (*found) (void *arg, const fst_extent_id_t *id, fst_rc_t rc);
    void *arg;
} fst_scrub_options_t;

fst_scrub_t *
fst_scrub_new (const fst_scrub_options_t *options);

//  Waits for the step that runs. Before jobs are destroyed.
void
fst_scrub_destroy (fst_scrub_t **self_p);

//  Read everything once from the beginning, as fast as clients leave room for.
void
fst_scrub_begin (fst_scrub_t *self);

//  Go on slowly from where it is.
void
fst_scrub_slow (fst_scrub_t *self);

//  Begin the next step if it is due. Returns when to call next.
int64_t
fst_scrub_tick (fst_scrub_t *self, int64_t now_ms);

typedef struct {
    bool fast;
    int percent;                    //  Of this round
    int64_t bytes;                  //  Read in this round, since the start
    int64_t damaged;                //  Extents found since the start
    int64_t rounds;                 //  Finished, ever
    int64_t finished_ms;            //  Wall time of the last one's end; 0: never
} fst_scrub_status_t;

void
fst_scrub_status (const fst_scrub_t *self, fst_scrub_status_t *status);

#endif
