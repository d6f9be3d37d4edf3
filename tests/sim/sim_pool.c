//  bus/fst_pool.h without threads: a job runs whole at a time drawn from the seed, after those before it on its
//  thread, and is collected some time later. A part that is killed in between has run it, and nobody hears of it.

#include "sim_world.h"
#include <assert.h>
#include "fst_pool.h"

#define THREADS_MAX 64
#define JOB_MS      3               //  That a job takes at most

typedef struct {
    fst_job_fn *run, *done;
    void *job;
    fst_pool_t *pool;
    sim_part_t *part;
    unsigned life;
    bool ran;
} s_job_t;

struct fst_pool {
    sim_part_t *part;
    int fd;
    unsigned threads;
    int64_t free_ms [THREADS_MAX];  //  When each thread has done what it has to do
    size_t jobs_max, pending;
    zlist_t *waiting, *ready;
};

fst_pool_t *
fst_pool_new (const char *name, unsigned threads, size_t jobs_max)
{
    assert (name && threads >= 1 && threads <= THREADS_MAX && jobs_max >= 1);
    assert (sim_world->running);
    static int fds = 1000000;
    fst_pool_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->part = sim_world->running;
    self->fd = fds++;
    self->threads = threads;
    self->jobs_max = jobs_max;
    self->waiting = zlist_new ();
    self->ready = zlist_new ();
    return self;
}

static void
s_run (void *arg)
{
    s_job_t *job = arg;
    sim_point ();
    job->ran = true;
    job->run (job->job);
    zlist_remove (job->pool->waiting, job);
    zlist_append (job->pool->ready, job);
}

static void
s_due (sim_t *sim, void *arg)
{
    s_job_t *job = arg;
    sim_part_t *part = job->part;
    if (job->ran || !part->up || part->life != job->life) {
        free (job);                     //  Run as the pool came to its end, or its thread is gone
        return;
    }
    if (part->paused_until_ms > sim->now_ms) {
        sim_at (sim, part->paused_until_ms, s_due, job);
        return;
    }
    sim_note (sim, "job", (uint64_t) part->index, 0);
    int fd = job->pool->fd;
    if (sim_run (part, s_run, job))
        sim_actor_readable (part, fd);
    job->ran = true;
}

fst_rc_t
fst_pool_submit (fst_pool_t *self, fst_job_fn *run, fst_job_fn *done, void *arg)
{
    assert (self && run && done);
    if (self->pending == self->jobs_max)
        return FST_BUSY;
    self->pending++;
    s_job_t *job = calloc (1, sizeof (*job));
    assert (job);
    *job = (s_job_t) { run, done, arg, self, self->part, self->part->life };
    zlist_append (self->waiting, job);
    unsigned thread = 0;
    for (unsigned other = 1; other < self->threads; other++)
        if (self->free_ms [other] < self->free_ms [thread])
            thread = other;
    int64_t from_ms = self->free_ms [thread] > sim_world->now_ms? self->free_ms [thread]: sim_world->now_ms;
    self->free_ms [thread] = from_ms + (int64_t) sim_luck (sim_world, JOB_MS + 1);
    sim_at (sim_world, self->free_ms [thread], s_due, job);
    return FST_OK;
}

int
fst_pool_fd (const fst_pool_t *self)
{
    return self->fd;
}

size_t
fst_pool_collect (fst_pool_t *self)
{
    size_t count = zlist_size (self->ready);
    for (size_t at = 0; at < count; at++) {
        s_job_t *job = zlist_pop (self->ready);
        self->pending--;
        sim_point ();
        job->done (job->job);
    }
    return count;
}

size_t
fst_pool_pending (const fst_pool_t *self)
{
    return self->pending;
}

void
fst_pool_destroy (fst_pool_t **self_p)
{
    assert (self_p);
    fst_pool_t *self = *self_p;
    if (!self)
        return;
    while (self->pending) {
        s_job_t *job = zlist_first (self->waiting);
        if (job)
            s_run (job);
        fst_pool_collect (self);
    }
    zlist_destroy (&self->waiting);
    zlist_destroy (&self->ready);
    free (self);
    *self_p = NULL;
}

void
fst_pool_be_nice (void)
{
}
