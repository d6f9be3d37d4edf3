//  RETRIEVE and INVENTORY: who reads next, and what is read.

#include "fst_jobs_self.h"
#include "fst_text.h"
#include <assert.h>

#define CLIENTS_FIRST 8             //  Reads of clients for one of another node, while both wait

//  ---- Whose turn it is

//  The next one: other nodes come after clients, but not never. And they do not fill the threads' queue, where a
//  client that comes a moment later would wait behind them.
static fst_job_t *
s_next_read (fst_jobs_t *self)
{
    bool may_copy = self->waiting_copies.count && self->copies < (self->clients? 1: FST_READ_THREADS);
    bool must_copy = may_copy && self->reads_since_copy >= CLIENTS_FIRST;
    if (self->waiting_read.count && !must_copy) {
        self->reads_since_copy += self->waiting_copies.count > 0;
        return fst_jobs_take_first (&self->waiting_read);
    }
    if (!may_copy)
        return NULL;
    self->reads_since_copy = 0;
    self->copies++;
    return fst_jobs_take_first (&self->waiting_copies);
}

//  As many as there is memory for; the others wait in their order.
static void
s_start_reads (fst_jobs_t *self)
{
    fst_job_t *job;
    while (fst_pool_pending (self->read) < self->reads_max && (job = s_next_read (self)))
        fst_job_submit (self->read, job->run, job->done, job);
}

static void
s_read_later (fst_jobs_t *self, fst_job_t *job, fst_job_fn *run, fst_job_fn *done)
{
    job->run = run;
    job->done = done;
    fst_jobs_list_t *list = job->copy? &self->waiting_copies: &self->waiting_read;
    if (list->count == FST_JOBS_MAX) {
        job->rc = FST_BUSY;
        fst_job_answer (job, NULL);
        return;
    }
    fst_jobs_append (list, job);
    s_start_reads (self);
}

static void
s_retrieve_run (void *arg)
{
    fst_job_t *job = arg;
    const fst_jobs_options_t *options = &job->jobs->options;
    job->rc = FST_NOT_FOUND;
    if (job->info.extent == 0 && job->slot == 0 && job->count == 1) {
        zframe_t *record;
        job->rc = fst_small_read (options->small, &job->info.blob, &record);
        if (job->rc == FST_OK) {
            job->frames = zmsg_new ();
            zmsg_append (job->frames, &record);
        }
    }
    if (job->rc == FST_NOT_FOUND)
        job->rc = fst_extents_read (options->extents, &job->info.blob, job->info.extent, job->slot,
                                    (uint32_t) job->count, job->unsealed, options->window, &job->frames);
    if (job->rc == FST_TOO_LARGE)
        snprintf (job->problem, sizeof (job->problem), "That is more than %" PRId64 " octets; ask for fewer records.",
                  options->window);
}

static void
s_retrieve_done (void *arg)
{
    fst_job_t *job = arg;
    fst_jobs_t *self = job->jobs;
    fst_job_tell (job, true);
    if (job->rc == FST_OK)
        self->statistics.retrieved_bytes += (int64_t) zmsg_content_size (job->frames)
                                          - (int64_t) (zmsg_size (job->frames) * FST_RECORD_OVERHEAD);
    self->copies -= job->copy;
    fst_job_answer (job, NULL);
    s_start_reads (self);
}

void
fst_jobs_retrieve (fst_jobs_t *self, fst_request_t **request_p, const fst_blob_id_t *blob, uint32_t extent,
                   uint32_t slot, uint32_t count, bool unsealed)
{
    assert (self);
    assert (request_p && *request_p);
    fst_job_t *job = fst_job_new (self, request_p);
    job->info = (fst_extent_info_t) { .blob = *blob, .extent = extent };
    job->slot = slot;
    job->count = count;
    job->unsealed = unsealed;
    s_read_later (self, job, s_retrieve_run, s_retrieve_done);
}

//  Both stores' next rows, merged.
static void
s_inventory_run (void *arg)
{
    fst_job_t *job = arg;
    const fst_jobs_options_t *options = &job->jobs->options;
    const fst_blob_id_t *after = job->from_start? NULL: &job->info.blob;
    size_t extents = 0, small = 0, limit = job->count + 1;      //  One more, to know whether there are more
    job->held = calloc (2 * limit, sizeof (fst_held_t));
    assert (job->held);
    job->rc = fst_extents_list (options->extents, after, job->info.extent, job->held, limit, &extents);
    if (job->rc == FST_OK)
        job->rc = fst_small_list (options->small, after, job->held + extents, limit, &small);
    job->held_count = extents + small;
    qsort (job->held, job->held_count, sizeof (fst_held_t), fst_held_compare);
}

static void
s_inventory_done (void *arg)
{
    fst_job_t *job = arg;
    fst_jobs_t *self = job->jobs;
    json_t *blobs = json_array (), *extents = json_array (), *bytes = json_array ();
    for (size_t at = 0; at < job->held_count && at < job->count; at++) {
        char hex [2 * FST_BLOB_BYTES + 1];
        fst_hex_encode (job->held [at].blob.bytes, FST_BLOB_BYTES, hex);
        json_array_append_new (blobs, json_string (hex));
        json_array_append_new (extents, json_integer (job->held [at].extent));
        json_array_append_new (bytes, json_integer (job->held [at].bytes));
    }
    fst_job_answer (job, json_pack ("{s:o, s:o, s:o, s:b}", "blobs", blobs, "extents", extents, "bytes", bytes,
                    "more", (int) (job->held_count > job->count)));
    s_start_reads (self);
}

void
fst_jobs_inventory (fst_jobs_t *self, fst_request_t **request_p, const fst_blob_id_t *after, uint32_t after_extent,
                    size_t limit)
{
    assert (self);
    assert (request_p && *request_p);
    assert (limit > 0);
    fst_job_t *job = fst_job_new (self, request_p);
    job->from_start = after == NULL;
    if (after)
        job->info.blob = *after;
    job->info.extent = after_extent;
    job->count = limit;
    s_read_later (self, job, s_inventory_run, s_inventory_done);
}
