//  From a checked request to its answer, by way of the threads.

#include "fst_jobs.h"
#include "fst_log.h"
#include "fst_text.h"
#include "fst_window.h"
#include <assert.h>

#define JOBS_MAX     1024           //  Requests that wait for a thread, of each kind
#define BATCH_MAX    64             //  Requests in one commit
#define READ_THREADS 2
#define CLIENTS_FIRST 8             //  Reads of clients for one of another node, while both wait
#define OWN_PEER     0              //  Holder of the node's own credit; no connection has this number

//  One request under way, or one piece of the node's own work. run works on it without the loop, done answers it.
typedef struct s_job s_job_t;
struct s_job {
    fst_jobs_t *jobs;
    fst_request_t *request;         //  NULL: the node's own
    fst_jobs_kept_fn *kept;         //  Then who wants to know
    void *kept_arg;
    zframe_t **own_frames;          //  And the octets of its records
    size_t stored;
    bool client;                    //  Counted as a client's
    bool copy;                      //  RETRIEVE of another node
    s_job_t *next;                  //  In a list of those that wait
    fst_job_fn *run, *done;         //  For reads, which may have to wait
    fst_rc_t rc;
    char problem [128];             //  A sentence, or "" for the list's own
    int64_t credit;                 //  Taken from the window
    fst_record_t *records;          //  STORE
    size_t count;                   //  Of records or ids; RETRIEVE: of slots; INVENTORY: limit
    fst_extent_info_t info;         //  SEAL, RETRIEVE: which one
    uint32_t slot;                  //  RETRIEVE
    bool unsealed;
    zmsg_t *frames;
    int64_t bytes;
    fst_extent_id_t *ids;           //  DELETE
    bool *found;
    fst_pair_t told;
    bool from_start;                //  INVENTORY: info says behind which, unless from_start
    fst_held_t *held;
    size_t held_count;
};

typedef struct {
    s_job_t *first, *last;
    size_t count;
} s_list_t;

struct fst_jobs {
    fst_jobs_options_t options;
    fst_window_t *window;
    fst_pool_t *write, *seal, *small, *read;
    s_list_t waiting_small;         //  For the next commit
    s_list_t committing;            //  In the commit that runs
    s_list_t waiting_read;          //  Until memory for their records is free
    s_list_t waiting_copies;        //  Of other nodes
    size_t reads_max;               //  There is for so many at once
    size_t copies;                  //  Of these, for other nodes
    unsigned reads_since_copy;      //  Of clients, while a copy waited
    size_t clients;                 //  Requests of clients under way
    fst_jobs_statistics_t statistics;
};

//  ---- Jobs and lists

static s_job_t *
s_job_new (fst_jobs_t *jobs, fst_request_t **request_p)
{
    s_job_t *job = calloc (1, sizeof (*job));
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

static zframe_t *
s_frame (const s_job_t *job, size_t at)
{
    return job->request? fst_request_frame (job->request, at): job->own_frames [at];
}

static void
s_job_destroy (s_job_t **job_p)
{
    s_job_t *job = *job_p;
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

static void
s_append (s_list_t *list, s_job_t *job)
{
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
    list->count++;
}

static s_job_t *
s_take_first (s_list_t *list)
{
    s_job_t *job = list->first;
    if (job) {
        list->first = job->next;
        if (!list->first)
            list->last = NULL;
        job->next = NULL;
        list->count--;
    }
    return job;
}

//  Refuse, or answer with payload (taken, not used if refused), and end the job.
static void
s_answer (s_job_t *job, json_t *payload)
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
    s_job_destroy (&job);
}

static void
s_submit (fst_pool_t *pool, fst_job_fn *run, fst_job_fn *done, s_job_t *job)
{
    fst_rc_t rc = fst_pool_submit (pool, run, done, job);       //  From here on the job is the thread's
    if (rc != FST_OK) {
        job->rc = rc;
        s_answer (job, NULL);
    }
}

//  After a job that reads an extent, or writes: say what its disk did.
static void
s_tell (s_job_t *job, bool reads)
{
    const fst_extent_id_t id = { .blob = job->info.blob, .extent = job->info.extent };
    bool unwritten = !reads || job->rc == FST_NO_SPACE;
    if (job->rc == FST_IO || job->rc == FST_NO_SPACE || (job->rc == FST_CORRUPT && reads))
        job->jobs->options.trouble (job->jobs->options.trouble_arg, unwritten? NULL: &id, job->rc);
}

//  For jobs that only keep their place in a line.
static void
s_nothing (void *job)
{
    (void) job;
}

//  ---- STORE of chunks

static void
s_store_run (void *arg)
{
    s_job_t *job = arg;
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
    s_job_t *job = arg;
    fst_jobs_t *self = job->jobs;
    s_tell (job, false);
    if (job->rc == FST_OK)
        self->statistics.stored_bytes += job->bytes;
    s_answer (job, json_pack ("{s:I}", "window", (json_int_t) self->options.window));
}

//  ---- STORE of small blobs

static fst_rc_t
s_check_records (s_job_t *job)
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
s_commit_one (s_job_t *job)
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
    for (s_job_t *job = self->committing.first; job; job = job->next)
        job->rc = s_check_records (job);
    fst_rc_t rc = fst_small_begin (self->options.small);
    if (rc == FST_OK) {
        for (s_job_t *job = self->committing.first; job; job = job->next)
            if (job->rc == FST_OK)
                s_commit_one (job);
        rc = fst_small_commit (self->options.small);
    }
    if (rc != FST_OK)
        for (s_job_t *job = self->committing.first; job; job = job->next)
            if (job->rc == FST_OK)
                job->rc = rc;
}

static json_t *
s_small_receipts (s_job_t *job)
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
    s_job_t *job;
    while ((job = s_take_first (&self->committing))) {
        json_t *payload = NULL;
        if (job->rc == FST_OK) {
            self->statistics.stored_bytes += job->bytes;
            job->stored = job->count;
            if (job->request)
                payload = json_pack ("{s:I, s:o}", "window", (json_int_t) self->options.window,
                                     "receipts", s_small_receipts (job));
        }
        s_tell (job, false);
        s_answer (job, payload);
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
        s_append (&self->committing, s_take_first (&self->waiting_small));
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
    s_job_t *job = s_job_new (self, request_p);
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
    if (job->rc == FST_OK && seal && self->waiting_small.count == JOBS_MAX)
        job->rc = FST_BUSY;
    if (job->rc != FST_OK)
        s_answer (job, NULL);
    else
    if (seal)
        s_append (&self->waiting_small, job);
    else
        s_submit (self->write, s_store_run, s_store_done, job);
}

//  ---- SEAL

static void
s_seal_run (void *arg)
{
    s_job_t *job = arg;
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
    s_job_t *job = arg;
    json_t *payload = NULL;
    if (job->rc == FST_IO)
        fst_actor_die (job->jobs->options.actor, "the disk failed to make data durable; see the log for its error");
    s_tell (job, true);
    if (job->rc == FST_OK) {
        char receipt [FST_PROOF_TEXT_MAX], digest [17];
        fst_receipt_make (job->jobs->options.node_key, &job->info, receipt);
        snprintf (digest, sizeof (digest), "%016" PRIx64, job->info.digest);
        payload = json_pack ("{s:I, s:s, s:s}", "bytes", (json_int_t) job->info.bytes,
                             "digest", digest, "receipt", receipt);
    }
    s_answer (job, payload);
}

static void
s_seal_written (void *arg)
{
    s_job_t *job = arg;
    s_submit (job->jobs->seal, s_seal_run, s_seal_done, job);
}

void
fst_jobs_seal (fst_jobs_t *self, fst_request_t **request_p, const fst_blob_id_t *blob, uint32_t extent,
               uint32_t chunks)
{
    assert (self);
    assert (request_p && *request_p);
    s_job_t *job = s_job_new (self, request_p);
    job->info = (fst_extent_info_t) { .blob = *blob, .extent = extent, .chunks = chunks };
    s_submit (self->write, s_nothing, s_seal_written, job);
}

//  ---- RETRIEVE and INVENTORY

//  The next one: other nodes come after clients, but not never. And they do not fill the threads' queue, where a
//  client that comes a moment later would wait behind them.
static s_job_t *
s_next_read (fst_jobs_t *self)
{
    bool may_copy = self->waiting_copies.count && self->copies < (self->clients? 1: READ_THREADS);
    bool must_copy = may_copy && self->reads_since_copy >= CLIENTS_FIRST;
    if (self->waiting_read.count && !must_copy) {
        self->reads_since_copy += self->waiting_copies.count > 0;
        return s_take_first (&self->waiting_read);
    }
    if (!may_copy)
        return NULL;
    self->reads_since_copy = 0;
    self->copies++;
    return s_take_first (&self->waiting_copies);
}

//  As many as there is memory for; the others wait in their order.
static void
s_start_reads (fst_jobs_t *self)
{
    s_job_t *job;
    while (fst_pool_pending (self->read) < self->reads_max && (job = s_next_read (self)))
        s_submit (self->read, job->run, job->done, job);
}

static void
s_read_later (fst_jobs_t *self, s_job_t *job, fst_job_fn *run, fst_job_fn *done)
{
    job->run = run;
    job->done = done;
    s_list_t *list = job->copy? &self->waiting_copies: &self->waiting_read;
    if (list->count == JOBS_MAX) {
        job->rc = FST_BUSY;
        s_answer (job, NULL);
        return;
    }
    s_append (list, job);
    s_start_reads (self);
}

static void
s_retrieve_run (void *arg)
{
    s_job_t *job = arg;
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
    s_job_t *job = arg;
    fst_jobs_t *self = job->jobs;
    s_tell (job, true);
    if (job->rc == FST_OK)
        self->statistics.retrieved_bytes += (int64_t) zmsg_content_size (job->frames)
                                          - (int64_t) (zmsg_size (job->frames) * FST_RECORD_OVERHEAD);
    self->copies -= job->copy;
    s_answer (job, NULL);
    s_start_reads (self);
}

void
fst_jobs_retrieve (fst_jobs_t *self, fst_request_t **request_p, const fst_blob_id_t *blob, uint32_t extent,
                   uint32_t slot, uint32_t count, bool unsealed)
{
    assert (self);
    assert (request_p && *request_p);
    s_job_t *job = s_job_new (self, request_p);
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
    s_job_t *job = arg;
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
    s_job_t *job = arg;
    fst_jobs_t *self = job->jobs;
    json_t *blobs = json_array (), *extents = json_array (), *bytes = json_array ();
    for (size_t at = 0; at < job->held_count && at < job->count; at++) {
        char hex [2 * FST_BLOB_BYTES + 1];
        fst_hex_encode (job->held [at].blob.bytes, FST_BLOB_BYTES, hex);
        json_array_append_new (blobs, json_string (hex));
        json_array_append_new (extents, json_integer (job->held [at].extent));
        json_array_append_new (bytes, json_integer (job->held [at].bytes));
    }
    s_answer (job, json_pack ("{s:o, s:o, s:o, s:b}", "blobs", blobs, "extents", extents, "bytes", bytes,
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
    s_job_t *job = s_job_new (self, request_p);
    job->from_start = after == NULL;
    if (after)
        job->info.blob = *after;
    job->info.extent = after_extent;
    job->count = limit;
    s_read_later (self, job, s_inventory_run, s_inventory_done);
}

//  ---- DELETE, and the sequence

//  The sequence first: once anything is deleted, no older metadata may ask.
static void
s_delete_small_run (void *arg)
{
    s_job_t *job = arg;
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
    s_job_t *job = arg;
    job->rc = fst_extents_delete (job->jobs->options.extents, job->ids, job->count, job->found);
}

static void
s_delete_done (void *arg)
{
    s_job_t *job = arg;
    json_int_t deleted = 0;
    if (job->rc == FST_IO)              //  A failed sync is not tried again: the next one would say it is done
        fst_actor_die (job->jobs->options.actor, "the disk failed to make a deletion durable; see the log for its error");
    for (size_t at = 0; at < job->count; at++)
        deleted += job->found [at];
    s_answer (job, json_pack ("{s:I}", "deleted", deleted));
}

static void
s_delete_written (void *arg)
{
    s_job_t *job = arg;
    s_submit (job->jobs->seal, s_delete_extents_run, s_delete_done, job);
}

static void
s_delete_small_done (void *arg)
{
    s_job_t *job = arg;
    if (job->rc == FST_OK)
        s_submit (job->jobs->write, s_nothing, s_delete_written, job);
    else
        s_answer (job, NULL);
}

//  One place of the pool is kept for the commits.
static bool
s_small_is_full (const fst_jobs_t *self)
{
    return fst_pool_pending (self->small) >= JOBS_MAX - 1;
}

void
fst_jobs_delete (fst_jobs_t *self, fst_request_t **request_p, fst_extent_id_t **ids_p, size_t count,
                 const fst_pair_t *told)
{
    assert (self);
    assert (request_p && *request_p);
    assert (ids_p && *ids_p);
    s_job_t *job = s_job_new (self, request_p);
    job->told = *told;
    job->ids = *ids_p;
    job->count = count;
    *ids_p = NULL;
    job->found = calloc (count, sizeof (bool));
    assert (job->found);
    fst_extent_ids_sort (job->ids, count);
    if (s_small_is_full (self)) {
        job->rc = FST_BUSY;
        s_answer (job, NULL);
    }
    else
        s_submit (self->small, s_delete_small_run, s_delete_small_done, job);
}

static void
s_remember_done (void *arg)
{
    s_job_t *job = arg;
    s_job_destroy (&job);
}

void
fst_jobs_remember (fst_jobs_t *self, const fst_pair_t *told)
{
    assert (self);
    if (s_small_is_full (self))
        return;                         //  The next one will do
    s_job_t *job = s_job_new (self, NULL);
    job->told = *told;
    fst_rc_t rc = fst_pool_submit (self->small, s_delete_small_run, s_remember_done, job);
    assert (rc == FST_OK);
}

//  ---- What the node wants done itself

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

fst_rc_t
fst_jobs_keep (fst_jobs_t *self, fst_record_t **records_p, zframe_t ***frames_p, size_t count, bool small,
               fst_jobs_kept_fn *kept, void *arg)
{
    assert (self);
    assert (records_p && *records_p);
    assert (frames_p && *frames_p);
    assert (kept);
    if (small? self->waiting_small.count == JOBS_MAX: fst_pool_pending (self->write) == JOBS_MAX)
        return FST_BUSY;
    s_job_t *job = s_job_new (self, NULL);
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
        s_append (&self->waiting_small, job);
    else
        s_submit (self->write, s_store_run, s_store_done, job);
    return FST_OK;
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
    return s_small_is_full (self)? FST_BUSY: fst_pool_submit (self->small, run, done, job);
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
    s_job_t *job = arg;
    job->rc = fst_extents_count (job->jobs->options.extents);
}

static void
s_count_done (void *arg)
{
    s_job_t *job = arg;
    if (job->rc != FST_OK)
        fst_log_warning ("extents not counted reason=%s", fst_error_code (job->rc));
    s_job_destroy (&job);
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
    self->write = s_pool_new (self, "fst-write", 1, JOBS_MAX);
    self->seal = s_pool_new (self, "fst-seal", 1, JOBS_MAX);
    self->small = s_pool_new (self, "fst-small", 1, JOBS_MAX);
    self->reads_max = (size_t) (options->memory / options->window);
    self->read = s_pool_new (self, "fst-read", READ_THREADS, self->reads_max);
    s_job_t *count = s_job_new (self, NULL);
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
