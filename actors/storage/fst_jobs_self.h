//  The inside of the jobs: what their files share. Not for others.

#ifndef FST_JOBS_SELF_H_INCLUDED
#define FST_JOBS_SELF_H_INCLUDED

#include "fst_jobs.h"
#include "fst_window.h"

#define FST_JOBS_MAX     1024       //  Requests that wait for a thread, of each kind
#define FST_READ_THREADS 2

//  One request under way, or one piece of the node's own work. run works on it without the loop, done answers it.
typedef struct fst_job fst_job_t;
struct fst_job {
    fst_jobs_t *jobs;
    fst_request_t *request;         //  NULL: the node's own
    fst_jobs_kept_fn *kept;         //  Then who wants to know
    void *kept_arg;
    zframe_t **own_frames;          //  And the octets of its records
    size_t stored;
    bool client;                    //  Counted as a client's
    bool copy;                      //  RETRIEVE of another node
    fst_job_t *next;                //  In a list of those that wait
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
    fst_job_t *first, *last;
    size_t count;
} fst_jobs_list_t;

struct fst_jobs {
    fst_jobs_options_t options;
    fst_window_t *window;
    fst_pool_t *write, *seal, *small, *read;
    fst_jobs_list_t waiting_small;  //  For the next commit
    fst_jobs_list_t committing;     //  In the commit that runs
    fst_jobs_list_t waiting_read;   //  Until memory for their records is free
    fst_jobs_list_t waiting_copies; //  Of other nodes
    size_t reads_max;               //  There is for so many at once
    size_t copies;                  //  Of these, for other nodes
    unsigned reads_since_copy;      //  Of clients, while a copy waited
    size_t clients;                 //  Requests of clients under way
    fst_jobs_statistics_t statistics;
};

//  ---- One job

//  request (NULL: the node's own) is taken.
fst_job_t *
fst_job_new (fst_jobs_t *jobs, fst_request_t **request_p);

void
fst_job_destroy (fst_job_t **job_p);

//  Refuse, or answer with payload (taken, not used if refused), and end the job.
void
fst_job_answer (fst_job_t *job, json_t *payload);

//  Give it to a thread; a full one is an answer, too.
void
fst_job_submit (fst_pool_t *pool, fst_job_fn *run, fst_job_fn *done, fst_job_t *job);

//  After a job that reads an extent, or writes: say what its disk did.
void
fst_job_tell (fst_job_t *job, bool reads);

//  To be run by jobs that only keep their place in a line.
void
fst_job_nothing (void *job);

//  ---- Lists of them

void
fst_jobs_append (fst_jobs_list_t *list, fst_job_t *job);
fst_job_t *
fst_jobs_take_first (fst_jobs_list_t *list);

//  The thread of small.db has no place for one more; the last one is kept for the commits.
bool
fst_jobs_small_is_full (const fst_jobs_t *self);

#endif
