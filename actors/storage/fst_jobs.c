//  Jobs and the threads that do them. What is done is in fst_jobs_write.c and fst_jobs_read.c.

#include "fst_jobs_self.h"
#include "fst_log.h"
#include <assert.h>

#define OWN_PEER     0              //  Holder of the node's own credit; no connection has this number

//  ---- Jobs and lists

fst_job_t *
fst_job_new (fst_jobs_t *jobs, fst_request_t **request_p)
{
    fst_job_t *job = calloc (1, sizeof (*job));
    assert (job);
    job->jobs = jobs;
    job->rc = FST_OK;
    if (request_p) {
        job->request = *request_p;
        job->copy = strncmp (fst_request_user (job->request), FST_NODE_USER, strlen (FST_NODE_USER)) == 0;
        job->client = fst_request_peer (job->request) != 0 && !job->copy;
        jobs->clients += job->client;
        *request_p = NULL;
    }
    return job;
}

void
fst_job_destroy (fst_job_t **job_p)
{
    fst_job_t *job = *job_p;
    if (job->credit)
        fst_window_give (job->jobs->window, fst_request_peer (job->request), job->credit);
    assert (!job->request);
    job->jobs->clients -= job->client;
    for (size_t at = 0; job->own_frames && at < job->count; at++)
        zframe_destroy (&job->own_frames [at]);
    free (job->own_frames);
    free (job->records);
    free (job->ids);
    free (job->found);
    free (job->held);
    zmsg_destroy (&job->frames);
    free (job);
    *job_p = NULL;
}

void
fst_jobs_append (fst_jobs_list_t *list, fst_job_t *job)
{
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
    list->count++;
}

fst_job_t *
fst_jobs_take_first (fst_jobs_list_t *list)
{
    fst_job_t *job = list->first;
    if (job) {
        list->first = job->next;
        if (!list->first)
            list->last = NULL;
        job->next = NULL;
        list->count--;
    }
    return job;
}

void
fst_job_answer (fst_job_t *job, json_t *payload)
{
    fst_jobs_t *self = job->jobs;
    if (job->credit) {
        fst_window_give (self->window, fst_request_peer (job->request), job->credit);
        job->credit = 0;
    }
    if (!job->request) {
        json_decref (payload);
        job->kept (job->kept_arg, job->rc, job->stored);
    }
    else
    if (job->rc == FST_OK)
        fst_request_reply_frames (&job->request, payload, &job->frames);
    else {
        json_decref (payload);
        if (job->problem [0])
            fst_request_fail (&job->request, job->rc, "%s", job->problem);
        else
            fst_request_fail (&job->request, job->rc, NULL);
    }
    fst_job_destroy (&job);
}

void
fst_job_submit (fst_pool_t *pool, fst_job_fn *run, fst_job_fn *done, fst_job_t *job)
{
    fst_rc_t rc = fst_pool_submit (pool, run, done, job);       //  From here on the job is the thread's
    if (rc != FST_OK) {
        job->rc = rc;
        fst_job_answer (job, NULL);
    }
}

void
fst_job_tell (fst_job_t *job, bool reads)
{
    const fst_extent_id_t id = { .blob = job->info.blob, .extent = job->info.extent };
    bool unwritten = !reads || job->rc == FST_NO_SPACE;
    if (job->rc == FST_IO || job->rc == FST_NO_SPACE || (job->rc == FST_CORRUPT && reads))
        job->jobs->options.trouble (job->jobs->options.trouble_arg, unwritten? NULL: &id, job->rc);
}

void
fst_job_nothing (void *job)
{
    (void) job;
}

//  ---- What the node wants done itself

bool
fst_jobs_small_is_full (const fst_jobs_t *self)
{
    return fst_pool_pending (self->small) >= FST_JOBS_MAX - 1;
}

fst_rc_t
fst_jobs_reserve (fst_jobs_t *self, int64_t bytes)
{
    assert (self);
    return fst_window_take (self->window, OWN_PEER, bytes);
}

void
fst_jobs_release (fst_jobs_t *self, int64_t bytes)
{
    assert (self);
    fst_window_give (self->window, OWN_PEER, bytes);
}

size_t
fst_jobs_clients (const fst_jobs_t *self)
{
    assert (self);
    return self->clients;
}

fst_rc_t
fst_jobs_on_small (fst_jobs_t *self, fst_job_fn *run, fst_job_fn *done, void *job)
{
    assert (self);
    return fst_jobs_small_is_full (self)? FST_BUSY: fst_pool_submit (self->small, run, done, job);
}

fst_rc_t
fst_jobs_on_seal (fst_jobs_t *self, fst_job_fn *run, fst_job_fn *done, void *job)
{
    assert (self);
    return fst_pool_submit (self->seal, run, done, job);
}

//  ---- The threads

static void
s_count_run (void *arg)
{
    fst_job_t *job = arg;
    job->rc = fst_extents_count (job->jobs->options.extents);
}

static void
s_count_done (void *arg)
{
    fst_job_t *job = arg;
    if (job->rc != FST_OK)
        fst_log_warning ("extents not counted reason=%s", fst_error_code (job->rc));
    fst_job_destroy (&job);
}

static void
s_collect (void *pool)
{
    fst_pool_collect (pool);
}

static fst_pool_t *
s_pool_new (fst_jobs_t *self, const char *name, unsigned threads, size_t jobs_max)
{
    fst_pool_t *pool = fst_pool_new (name, threads, jobs_max);
    fst_actor_add_fd (self->options.actor, fst_pool_fd (pool), s_collect, pool);
    return pool;
}

fst_jobs_t *
fst_jobs_new (const fst_jobs_options_t *options)
{
    assert (options);
    assert (options->window > 0);
    assert (options->memory >= options->window);
    fst_jobs_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->options = *options;
    self->window = fst_window_new (options->window, options->memory);
    self->write = s_pool_new (self, "fst-write", 1, FST_JOBS_MAX);
    self->seal = s_pool_new (self, "fst-seal", 1, FST_JOBS_MAX);
    self->small = s_pool_new (self, "fst-small", 1, FST_JOBS_MAX);
    self->reads_max = (size_t) (options->memory / options->window);
    self->read = s_pool_new (self, "fst-read", FST_READ_THREADS, self->reads_max);
    fst_job_t *count = fst_job_new (self, NULL);
    fst_rc_t rc = fst_pool_submit (self->write, s_count_run, s_count_done, count);
    assert (rc == FST_OK);
    return self;
}

void
fst_jobs_destroy (fst_jobs_t **self_p)
{
    assert (self_p);
    fst_jobs_t *self = *self_p;
    if (!self)
        return;
    fst_jobs_flush (self);
    fst_pool_destroy (&self->small);    //  In the order in which jobs go from one to the next
    fst_pool_destroy (&self->write);
    fst_pool_destroy (&self->seal);
    fst_pool_destroy (&self->read);
    assert (!self->waiting_small.count && !self->waiting_read.count && !self->waiting_copies.count);
    assert (fst_window_used (self->window) == 0);
    fst_window_destroy (&self->window);
    free (self);
    *self_p = NULL;
}

void
fst_jobs_statistics (const fst_jobs_t *self, fst_jobs_statistics_t *statistics)
{
    assert (self);
    assert (statistics);
    *statistics = self->statistics;
    statistics->load = fst_window_load (self->window);
    statistics->busy = fst_window_used (self->window) > 0 || fst_pool_pending (self->read) > 0;
}
