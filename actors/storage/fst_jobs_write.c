//  STORE, SEAL and DELETE, and what the node keeps of its own.

#include "fst_jobs_self.h"
#include <assert.h>

#define BATCH_MAX    64             //  Requests in one commit

static zframe_t *
s_frame (const fst_job_t *job, size_t at)
{
    return job->request? fst_request_frame (job->request, at): job->own_frames [at];
}

//  ---- STORE of chunks

static void
s_store_run (void *arg)
{
    fst_job_t *job = arg;
    for (size_t at = 0; job->rc == FST_OK && at < job->count; at++) {
        zframe_t *frame = s_frame (job, at);
        const uint8_t *data = zframe_data (frame);
        job->rc = fst_record_check (data, zframe_size (frame), &job->records [at]);
        if (job->rc == FST_OK)
            job->rc = fst_extents_store (job->jobs->options.extents, &job->records [at], data);
        job->stored += job->rc == FST_OK;
        if (job->rc == FST_CORRUPT)
            snprintf (job->problem, sizeof (job->problem), "Record %zu was damaged on its way here.", at);
        if (job->rc == FST_EXISTS)
            snprintf (job->problem, sizeof (job->problem),
                      "Slot %u of this extent is sealed with another record.", job->records [at].slot);
        if (job->rc == FST_MALFORMED)
            snprintf (job->problem, sizeof (job->problem), "Record %zu does not fit its extent.", at);
    }
}

static void
s_store_done (void *arg)
{
    fst_job_t *job = arg;
    fst_jobs_t *self = job->jobs;
    fst_job_tell (job, false);
    if (job->rc == FST_OK)
        self->statistics.stored_bytes += job->bytes;
    fst_job_answer (job, json_pack ("{s:I}", "window", (json_int_t) self->options.window));
}

//  ---- STORE of small blobs

static fst_rc_t
s_check_records (fst_job_t *job)
{
    for (size_t at = 0; at < job->count; at++) {
        zframe_t *frame = s_frame (job, at);
        if (fst_record_check (zframe_data (frame), zframe_size (frame), &job->records [at]) != FST_OK) {
            snprintf (job->problem, sizeof (job->problem), "Record %zu was damaged on its way here.", at);
            return FST_CORRUPT;
        }
    }
    return FST_OK;
}

static void
s_commit_one (fst_job_t *job)
{
    const uint8_t *data [FST_FRAMES_MAX];
    assert (job->count <= FST_FRAMES_MAX);
    for (size_t at = 0; at < job->count; at++)
        data [at] = zframe_data (s_frame (job, at));
    job->rc = fst_small_store (job->jobs->options.small, job->records, data, job->count);
    if (job->rc == FST_EXISTS)
        snprintf (job->problem, sizeof (job->problem), "One of these blobs is here already, with another record.");
}

//  One transaction, one sync, for all of them.
static void
s_commit_run (void *arg)
{
    fst_jobs_t *self = arg;
    for (fst_job_t *job = self->committing.first; job; job = job->next)
        job->rc = s_check_records (job);
    fst_rc_t rc = fst_small_begin (self->options.small);
    if (rc == FST_OK) {
        for (fst_job_t *job = self->committing.first; job; job = job->next)
            if (job->rc == FST_OK)
                s_commit_one (job);
        rc = fst_small_commit (self->options.small);
    }
    if (rc != FST_OK)
        for (fst_job_t *job = self->committing.first; job; job = job->next)
            if (job->rc == FST_OK)
                job->rc = rc;
}

static json_t *
s_small_receipts (fst_job_t *job)
{
    json_t *receipts = json_array ();
    for (size_t at = 0; at < job->count; at++) {
        const fst_record_t *record = &job->records [at];
        fst_extent_info_t info = {
            .blob = record->blob, .extent = 0, .chunks = 1, .bytes = record->plain_bytes,
            .digest = fst_extent_digest (&record->checksum, 1)
        };
        char receipt [FST_PROOF_TEXT_MAX], digest [17];
        fst_receipt_make (job->jobs->options.node_key, &info, receipt);
        snprintf (digest, sizeof (digest), "%016" PRIx64, info.digest);
        json_array_append_new (receipts, json_pack ("{s:s, s:s}", "digest", digest, "receipt", receipt));
    }
    return receipts;
}

static void
s_commit_done (void *arg)
{
    fst_jobs_t *self = arg;
    fst_job_t *job;
    while ((job = fst_jobs_take_first (&self->committing))) {
        json_t *payload = NULL;
        if (job->rc == FST_OK) {
            self->statistics.stored_bytes += job->bytes;
            job->stored = job->count;
            if (job->request)
                payload = json_pack ("{s:I, s:o}", "window", (json_int_t) self->options.window,
                                     "receipts", s_small_receipts (job));
        }
        fst_job_tell (job, false);
        fst_job_answer (job, payload);
    }
    fst_jobs_flush (self);              //  What came in meanwhile
}

void
fst_jobs_flush (fst_jobs_t *self)
{
    assert (self);
    if (self->committing.count || !self->waiting_small.count)
        return;
    while (self->waiting_small.count && self->committing.count < BATCH_MAX)
        fst_jobs_append (&self->committing, fst_jobs_take_first (&self->waiting_small));
    fst_rc_t rc = fst_pool_submit (self->small, s_commit_run, s_commit_done, self);
    assert (rc == FST_OK);              //  One place of the pool is kept for this
}

//  ---- STORE

void
fst_jobs_store (fst_jobs_t *self, fst_request_t **request_p, fst_record_t **records_p, size_t count, bool seal)
{
    assert (self);
    assert (request_p && *request_p);
    assert (records_p && *records_p);
    fst_job_t *job = fst_job_new (self, request_p);
    job->records = *records_p;
    job->count = count;
    *records_p = NULL;
    for (size_t at = 0; at < count; at++)
        job->bytes += job->records [at].plain_bytes;
    job->rc = fst_window_take (self->window, fst_request_peer (job->request), job->bytes);
    if (job->rc == FST_OK)
        job->credit = job->bytes;
    if (job->rc == FST_BUSY)
        snprintf (job->problem, sizeof (job->problem),
                  "More than %" PRId64 " octets are under way; wait for replies.", self->options.window);
    if (job->rc == FST_OK && seal && self->waiting_small.count == FST_JOBS_MAX)
        job->rc = FST_BUSY;
    if (job->rc != FST_OK)
        fst_job_answer (job, NULL);
    else
    if (seal)
        fst_jobs_append (&self->waiting_small, job);
    else
        fst_job_submit (self->write, s_store_run, s_store_done, job);
}

//  ---- SEAL

static void
s_seal_run (void *arg)
{
    fst_job_t *job = arg;
    job->rc = fst_extents_seal (job->jobs->options.extents, &job->info.blob, job->info.extent, job->info.chunks,
                                &job->info);
    if (job->rc == FST_NOT_FOUND)
        snprintf (job->problem, sizeof (job->problem), "Not all records of this extent are here.");
    if (job->rc == FST_EXISTS)
        snprintf (job->problem, sizeof (job->problem), "This extent is sealed with another number of chunks.");
    if (job->rc == FST_MALFORMED)
        snprintf (job->problem, sizeof (job->problem), "This extent has records behind its last one.");
}

static void
s_seal_done (void *arg)
{
    fst_job_t *job = arg;
    json_t *payload = NULL;
    if (job->rc == FST_IO)
        fst_actor_die (job->jobs->options.actor, "the disk failed to make data durable; see the log for its error");
    fst_job_tell (job, true);
    if (job->rc == FST_OK) {
        char receipt [FST_PROOF_TEXT_MAX], digest [17];
        fst_receipt_make (job->jobs->options.node_key, &job->info, receipt);
        snprintf (digest, sizeof (digest), "%016" PRIx64, job->info.digest);
        payload = json_pack ("{s:I, s:s, s:s}", "bytes", (json_int_t) job->info.bytes,
                             "digest", digest, "receipt", receipt);
    }
    fst_job_answer (job, payload);
}

static void
s_seal_written (void *arg)
{
    fst_job_t *job = arg;
    fst_job_submit (job->jobs->seal, s_seal_run, s_seal_done, job);
}

void
fst_jobs_seal (fst_jobs_t *self, fst_request_t **request_p, const fst_blob_id_t *blob, uint32_t extent,
               uint32_t chunks)
{
    assert (self);
    assert (request_p && *request_p);
    fst_job_t *job = fst_job_new (self, request_p);
    job->info = (fst_extent_info_t) { .blob = *blob, .extent = extent, .chunks = chunks };
    fst_job_submit (self->write, fst_job_nothing, s_seal_written, job);
}

//  ---- Records of the node itself

fst_rc_t
fst_jobs_keep (fst_jobs_t *self, fst_record_t **records_p, zframe_t ***frames_p, size_t count, bool small,
               fst_jobs_kept_fn *kept, void *arg)
{
    assert (self);
    assert (records_p && *records_p);
    assert (frames_p && *frames_p);
    assert (kept);
    if (small? self->waiting_small.count == FST_JOBS_MAX: fst_pool_pending (self->write) == FST_JOBS_MAX)
        return FST_BUSY;
    fst_job_t *job = fst_job_new (self, NULL);
    job->kept = kept;
    job->kept_arg = arg;
    job->records = *records_p;
    job->own_frames = *frames_p;
    job->count = count;
    *records_p = NULL;
    *frames_p = NULL;
    for (size_t at = 0; at < count; at++)
        job->bytes += job->records [at].plain_bytes;
    if (small)
        fst_jobs_append (&self->waiting_small, job);
    else
        fst_job_submit (self->write, s_store_run, s_store_done, job);
    return FST_OK;
}

//  ---- DELETE, and the sequence

//  The sequence first: once anything is deleted, no older metadata may ask.
static void
s_delete_small_run (void *arg)
{
    fst_job_t *job = arg;
    fst_small_t *small = job->jobs->options.small;
    job->rc = fst_small_begin (small);
    if (job->rc == FST_OK) {
        fst_small_set_sequence (small, job->told.run, job->told.sequence);
        fst_rc_t rc = fst_small_delete (small, job->ids, job->count, job->found);
        job->rc = fst_small_commit (small);
        if (job->rc == FST_OK)
            job->rc = rc;
    }
}

static void
s_delete_extents_run (void *arg)
{
    fst_job_t *job = arg;
    job->rc = fst_extents_delete (job->jobs->options.extents, job->ids, job->count, job->found);
}

static void
s_delete_done (void *arg)
{
    fst_job_t *job = arg;
    json_int_t deleted = 0;
    if (job->rc == FST_IO)              //  A failed sync is not tried again: the next one would say it is done
        fst_actor_die (job->jobs->options.actor, "the disk failed to make a deletion durable; see the log for its error");
    for (size_t at = 0; at < job->count; at++)
        deleted += job->found [at];
    fst_job_answer (job, json_pack ("{s:I}", "deleted", deleted));
}

static void
s_delete_written (void *arg)
{
    fst_job_t *job = arg;
    fst_job_submit (job->jobs->seal, s_delete_extents_run, s_delete_done, job);
}

static void
s_delete_small_done (void *arg)
{
    fst_job_t *job = arg;
    if (job->rc == FST_OK)
        fst_job_submit (job->jobs->write, fst_job_nothing, s_delete_written, job);
    else
        fst_job_answer (job, NULL);
}

void
fst_jobs_delete (fst_jobs_t *self, fst_request_t **request_p, fst_extent_id_t **ids_p, size_t count,
                 const fst_pair_t *told)
{
    assert (self);
    assert (request_p && *request_p);
    assert (ids_p && *ids_p);
    fst_job_t *job = fst_job_new (self, request_p);
    job->told = *told;
    job->ids = *ids_p;
    job->count = count;
    *ids_p = NULL;
    job->found = calloc (count, sizeof (bool));
    assert (job->found);
    fst_extent_ids_sort (job->ids, count);
    if (fst_jobs_small_is_full (self)) {
        job->rc = FST_BUSY;
        fst_job_answer (job, NULL);
    }
    else
        fst_job_submit (self->small, s_delete_small_run, s_delete_small_done, job);
}

static void
s_remember_done (void *arg)
{
    fst_job_t *job = arg;
    fst_job_destroy (&job);
}

void
fst_jobs_remember (fst_jobs_t *self, const fst_pair_t *told)
{
    assert (self);
    if (fst_jobs_small_is_full (self))
        return;                         //  The next one will do
    fst_job_t *job = fst_job_new (self, NULL);
    job->told = *told;
    fst_rc_t rc = fst_pool_submit (self->small, s_delete_small_run, s_remember_done, job);
    assert (rc == FST_OK);
}
