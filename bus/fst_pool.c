//  Worker threads: two rings (waiting, finished) under one lock, and an eventfd that says "something finished".

#include "fst_pool.h"
#include "fst_log.h"
#include "fst_trace.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS_MAX 64
#define NICE        10

typedef struct {
    fst_job_fn *run, *done;
    void *job;
    char trace [FST_TRACE_BYTES_MAX + 1];       //  Of the request for which it was submitted
} s_job_t;

//  Never overflows: a job is in one ring, or in neither, and there are at most jobs_max of them.
typedef struct {
    s_job_t *jobs;
    size_t head, count;
} s_ring_t;

struct fst_pool {
    char name [16];
    pthread_t threads [THREADS_MAX];
    unsigned thread_count;
    int fd;                     //  Readable while the ring of finished jobs is not empty
    size_t jobs_max;
    size_t pending;             //  Submitted and not yet collected; owner's thread only

    pthread_mutex_t lock;       //  Guards what follows
    pthread_cond_t submitted;   //  A job waits, or stopping was set
    pthread_cond_t finished;    //  A job went to the ring of finished ones
    s_ring_t waiting, ready;
    bool stopping;
};

static void
s_push (s_ring_t *ring, size_t size, s_job_t job)
{
    assert (ring->count < size);
    ring->jobs [(ring->head + ring->count++) % size] = job;
}

static s_job_t
s_pop (s_ring_t *ring, size_t size)
{
    assert (ring->count > 0);
    s_job_t job = ring->jobs [ring->head];
    ring->head = (ring->head + 1) % size;
    ring->count--;
    return job;
}

static void *
s_work (void *arg)
{
    fst_pool_t *self = arg;
    fst_log_set_subject (self->name);
    pthread_mutex_lock (&self->lock);
    while (true) {
        while (self->waiting.count == 0 && !self->stopping)
            pthread_cond_wait (&self->submitted, &self->lock);
        if (self->waiting.count == 0)
            break;
        s_job_t job = s_pop (&self->waiting, self->jobs_max);
        pthread_mutex_unlock (&self->lock);
        fst_trace_begin (job.trace);
        job.run (job.job);
        fst_trace_begin (NULL);
        pthread_mutex_lock (&self->lock);
        s_push (&self->ready, self->jobs_max, job);
        int rc = eventfd_write (self->fd, 1);
        assert (rc == 0);
        pthread_cond_signal (&self->finished);
    }
    pthread_mutex_unlock (&self->lock);
    return NULL;
}

fst_pool_t *
fst_pool_new (const char *name, unsigned threads, size_t jobs_max)
{
    assert (name);
    assert (threads >= 1 && threads <= THREADS_MAX);
    assert (jobs_max >= 1);
    fst_pool_t *self = calloc (1, sizeof (*self));
    assert (self);
    snprintf (self->name, sizeof (self->name), "%s", name);
    self->thread_count = threads;
    self->jobs_max = jobs_max;
    self->waiting.jobs = calloc (jobs_max, sizeof (s_job_t));
    self->ready.jobs = calloc (jobs_max, sizeof (s_job_t));
    assert (self->waiting.jobs);
    assert (self->ready.jobs);
    self->fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert (self->fd >= 0);
    pthread_mutex_init (&self->lock, NULL);
    pthread_cond_init (&self->submitted, NULL);
    pthread_cond_init (&self->finished, NULL);

    //  Signals are the main thread's business: blocked before the threads start, so that there is no gap.
    sigset_t all, before;
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    for (unsigned index = 0; index < threads; index++) {
        int rc = pthread_create (&self->threads [index], NULL, s_work, self);
        assert (rc == 0);
        pthread_setname_np (self->threads [index], self->name);
    }
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    return self;
}

void
fst_pool_destroy (fst_pool_t **self_p)
{
    assert (self_p);
    fst_pool_t *self = *self_p;
    if (!self)
        return;
    while (self->pending) {             //  A done may submit again; that is finished too
        pthread_mutex_lock (&self->lock);
        while (self->ready.count == 0)
            pthread_cond_wait (&self->finished, &self->lock);
        pthread_mutex_unlock (&self->lock);
        fst_pool_collect (self);
    }
    pthread_mutex_lock (&self->lock);
    self->stopping = true;
    pthread_cond_broadcast (&self->submitted);
    pthread_mutex_unlock (&self->lock);
    for (unsigned index = 0; index < self->thread_count; index++)
        pthread_join (self->threads [index], NULL);
    pthread_cond_destroy (&self->finished);
    pthread_cond_destroy (&self->submitted);
    pthread_mutex_destroy (&self->lock);
    close (self->fd);
    free (self->waiting.jobs);
    free (self->ready.jobs);
    free (self);
    *self_p = NULL;
}

fst_rc_t
fst_pool_submit (fst_pool_t *self, fst_job_fn *run, fst_job_fn *done, void *job)
{
    assert (self);
    assert (run);
    assert (done);
    if (self->pending == self->jobs_max)
        return FST_BUSY;
    self->pending++;
    s_job_t waiting = { .run = run, .done = done, .job = job };
    snprintf (waiting.trace, sizeof (waiting.trace), "%s", fst_trace_now ());
    pthread_mutex_lock (&self->lock);
    s_push (&self->waiting, self->jobs_max, waiting);
    pthread_cond_signal (&self->submitted);
    pthread_mutex_unlock (&self->lock);
    return FST_OK;
}

int
fst_pool_fd (const fst_pool_t *self)
{
    assert (self);
    return self->fd;
}

size_t
fst_pool_collect (fst_pool_t *self)
{
    assert (self);
    eventfd_t ignored;
    int rc = eventfd_read (self->fd, &ignored);
    assert (rc == 0 || errno == EAGAIN);

    //  Only what is ready now: jobs that finish meanwhile make the eventfd readable again, so a done that
    //  submits does not keep the caller here for ever.
    pthread_mutex_lock (&self->lock);
    size_t count = self->ready.count;
    pthread_mutex_unlock (&self->lock);
    char trace [FST_TRACE_BYTES_MAX + 1];
    snprintf (trace, sizeof (trace), "%s", fst_trace_now ());
    for (size_t at = 0; at < count; at++) {
        pthread_mutex_lock (&self->lock);
        s_job_t job = s_pop (&self->ready, self->jobs_max);
        pthread_mutex_unlock (&self->lock);
        self->pending--;                //  Before done, which may want the place
        fst_trace_begin (job.trace);
        job.done (job.job);
    }
    fst_trace_begin (trace);
    return count;
}

size_t
fst_pool_pending (const fst_pool_t *self)
{
    assert (self);
    return self->pending;
}

void
fst_pool_be_nice (void)
{
    //  On Linux this is about one thread, whatever POSIX says
    if (setpriority (PRIO_PROCESS, (id_t) syscall (SYS_gettid), NICE) == -1)
        fst_log_debug ("a thread keeps its priority reason=\"%s\"", strerror (errno));
}
