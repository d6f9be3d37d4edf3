//  Worker threads for what must not stall a loop: password hashing, disk, encryption.
//
//  A job is a pair of functions and an argument. run is called on a worker; done later on the thread that
//  calls fst_pool_collect, when fst_pool_fd is readable. Jobs of a pool with one thread run in order.
//  Both work on the request that submit was called for (fst_trace.h), so its id is in what they log.
//  All calls but run are for the thread that made the pool.

#ifndef FST_POOL_H_INCLUDED
#define FST_POOL_H_INCLUDED

#include <stddef.h>
#include "fst_error.h"

typedef struct fst_pool fst_pool_t;

typedef void (fst_job_fn) (void *job);

//  threads 1 to 64; jobs_max bounds the jobs submitted and not yet collected. name (at most 15 octets) is
//  the threads' name in the system's lists and the subject of their log lines.
fst_pool_t *
fst_pool_new (const char *name, unsigned threads, size_t jobs_max);

//  Finishes all jobs, calls their done, ends the threads.
void
fst_pool_destroy (fst_pool_t **self_p);

//  FST_BUSY if jobs_max are under way; then neither function is called.
fst_rc_t FST_CHECKED
fst_pool_submit (fst_pool_t *self, fst_job_fn *run, fst_job_fn *done, void *job);

//  Readable while finished jobs wait (an eventfd; poll it next to the sockets).
int
fst_pool_fd (const fst_pool_t *self);

//  Call done for every finished job, in the order they finished. Returns how many.
size_t
fst_pool_collect (fst_pool_t *self);

//  Jobs submitted and not yet collected.
size_t
fst_pool_pending (const fst_pool_t *self);

//  For a job that nobody waits for: this thread yields the processors to all others from now on.
void
fst_pool_be_nice (void);

#endif
