//  Jobs of the quarantine: first small.db, then the files.

#include "fst_aside.h"
#include "fst_age.h"
#include "fst_clock.h"
#include "fst_log.h"
#include <assert.h>

#define EXPIRE_INTERVAL_MS  600000  //  At most; a quarter of the time that things are kept, if that is less
#define EXPIRE_LIMIT        256     //  In one go
#define DRAFTS_INTERVAL_MS  3600000 //  At most; all folders are read
#define AGED                "aged"  //  In small.db: the last mark of the age
#define AGED_WALL           "aged-wall"

struct fst_aside {
    fst_aside_options_t options;
    fst_age_t age;                  //  What is put aside has its times
    int64_t interval_ms;
    int64_t expire_at_ms;
    int64_t drafts_at_ms;           //  When extents that nobody finished are looked for
    bool expiring;
};

typedef struct s_job s_job_t;
struct s_job {
    fst_aside_t *aside;
    fst_request_t *request;         //  Or done
    fst_aside_fn *done;
    void *arg;
    fst_extent_id_t *ids;
    size_t count;
    fst_pair_t told;                //  Only with a request
    int64_t now_ms;                 //  Aged
    fst_age_mark_t mark;            //  Only to expire
    bool restore;                   //  Instead of putting aside
    bool drafts;                    //  Only to expire: those too
    bool *found;                    //  In small.db
    uint32_t *moved;                //  Files
    size_t deleted;                 //  By expire
    fst_rc_t rc;
};

static int64_t
s_now_ms (const fst_aside_t *self)
{
    return fst_age_ms (&self->age, fst_clock_mono_ms ());
}

//  ---- Putting aside, giving back

static s_job_t *
s_job_new (fst_aside_t *self, fst_extent_id_t **ids_p, size_t count)
{
    assert (ids_p && *ids_p);
    s_job_t *job = calloc (1, sizeof (*job));
    assert (job);
    job->aside = self;
    job->ids = *ids_p;
    job->count = count;
    *ids_p = NULL;
    job->now_ms = s_now_ms (self);
    job->found = calloc (count, sizeof (bool));
    job->moved = calloc (count, sizeof (uint32_t));
    assert (job->found && job->moved);
    return job;
}

static void
s_end (s_job_t *job)
{
    json_int_t moved = 0;
    for (size_t at = 0; at < job->count; at++)
        moved += job->found [at] + job->moved [at];
    if (job->request && job->rc == FST_OK)
        fst_request_reply (&job->request, json_pack ("{s:I}", "moved", moved));
    else
    if (job->request)
        fst_request_fail (&job->request, job->rc, NULL);
    if (job->done)
        job->done (job->arg, job->rc);
    free (job->ids);
    free (job->found);
    free (job->moved);
    free (job);
}

static fst_rc_t
s_move_small (s_job_t *job)
{
    fst_small_t *small = job->aside->options.small;
    fst_rc_t rc = fst_small_begin (small);
    if (rc != FST_OK)
        return rc;
    if (job->request)
        fst_small_set_sequence (small, job->told.run, job->told.sequence);
    fst_rc_t moved = job->restore? fst_small_put_back (small, job->ids, job->count, job->now_ms, job->found)
                                 : fst_small_set_aside (small, job->ids, job->count, job->now_ms, job->found);
    rc = fst_small_commit (small);
    return rc == FST_OK? moved: rc;
}

static void
s_small_run (void *arg)
{
    s_job_t *job = arg;
    job->rc = s_move_small (job);
}

//  What was put back in small.db needs no file.
static fst_rc_t
s_restore_files (s_job_t *job)
{
    fst_extent_id_t *ids = calloc (job->count, sizeof (*ids));
    bool *restored = calloc (job->count, sizeof (bool));
    assert (ids && restored);
    size_t count = 0;
    for (size_t at = 0; at < job->count; at++)
        if (!job->found [at])
            ids [count++] = job->ids [at];
    fst_rc_t rc = count? fst_quarantine_restore (job->aside->options.quarantine, ids, count, job->now_ms, restored): FST_OK;
    free (ids);
    free (restored);
    return rc;
}

static void
s_files_run (void *arg)
{
    s_job_t *job = arg;
    job->rc = job->restore? s_restore_files (job)
                          : fst_quarantine_take (job->aside->options.quarantine, job->ids, job->count, job->now_ms, job->moved);
}

static void
s_files_done (void *arg)
{
    s_job_t *job = arg;
    if (job->rc == FST_IO)
        fst_actor_die (job->aside->options.actor, "the disk failed to make the quarantine durable; see the log for its error");
    s_end (job);
}

static void
s_small_done (void *arg)
{
    s_job_t *job = arg;
    if (job->rc == FST_OK)
        job->rc = fst_jobs_on_seal (job->aside->options.jobs, s_files_run, s_files_done, job);
    if (job->rc != FST_OK)
        s_end (job);
}

//  Somebody who is told by done must not be told at once.
static void
s_refuse (void *arg)
{
    s_job_t *job = arg;
    job->rc = FST_BUSY;
}

static void
s_refused (void *arg)
{
    s_end (arg);
}

static void
s_begin (s_job_t *job)
{
    fst_jobs_t *jobs = job->aside->options.jobs;
    fst_rc_t rc = fst_jobs_on_small (jobs, s_small_run, s_small_done, job);
    if (rc != FST_OK)
        rc = fst_jobs_on_seal (jobs, s_refuse, s_refused, job);
    if (rc != FST_OK) {
        job->rc = rc;
        s_end (job);
    }
}

void
fst_aside_request (fst_aside_t *self, fst_request_t **request_p, fst_extent_id_t **ids_p, size_t count,
                   const fst_pair_t *told)
{
    assert (self);
    assert (request_p && *request_p);
    s_job_t *job = s_job_new (self, ids_p, count);
    job->request = *request_p;
    *request_p = NULL;
    job->told = *told;
    s_begin (job);
}

static void
s_move (fst_aside_t *self, fst_extent_id_t **ids_p, size_t count, bool restore, fst_aside_fn *done, void *arg)
{
    s_job_t *job = s_job_new (self, ids_p, count);
    job->restore = restore;
    job->done = done;
    job->arg = arg;
    s_begin (job);
}

void
fst_aside_put (fst_aside_t *self, fst_extent_id_t **ids_p, size_t count, fst_aside_fn *done, void *arg)
{
    assert (self);
    s_move (self, ids_p, count, false, done, arg);
}

void
fst_aside_restore (fst_aside_t *self, fst_extent_id_t **ids_p, size_t count, fst_aside_fn *done, void *arg)
{
    assert (self);
    s_move (self, ids_p, count, true, done, arg);
}

//  ---- Deleting what is due

static fst_rc_t
s_keep_mark (fst_small_t *small, const fst_age_mark_t *mark)
{
    fst_rc_t rc = fst_small_set (small, AGED, mark->aged_ms);
    return rc == FST_OK? fst_small_set (small, AGED_WALL, mark->wall_ms): rc;
}

//  Without a mark (small.db was salvaged) it cannot be later than what was put aside last.
static void
s_begin_age (fst_aside_t *self)
{
    fst_small_t *small = self->options.small;
    int64_t wall_ms = fst_clock_wall_ms (), newest_ms = fst_quarantine_newest_ms (self->options.quarantine);
    fst_age_mark_t mark = { fst_small_get (small, AGED, -1), fst_small_get (small, AGED_WALL, 0) };
    if (mark.aged_ms < 0 && newest_ms > 0 && newest_ms < wall_ms)
        mark = (fst_age_mark_t) { newest_ms, wall_ms };
    fst_age_begin (&self->age, mark.aged_ms >= 0? &mark: NULL, wall_ms, fst_clock_mono_ms ());
}

static void
s_expire_small_run (void *arg)
{
    s_job_t *job = arg;
    fst_small_t *small = job->aside->options.small;
    job->rc = fst_small_begin (small);
    if (job->rc == FST_OK) {
        fst_rc_t expired = s_keep_mark (small, &job->mark);
        if (expired == FST_OK)
            expired = fst_small_expire (small, job->now_ms, EXPIRE_LIMIT, &job->deleted);
        job->rc = fst_small_commit (small);
        if (job->rc == FST_OK)
            job->rc = expired;
    }
}

static void
s_expire_files_run (void *arg)
{
    s_job_t *job = arg;
    size_t deleted = 0;
    job->rc = fst_quarantine_expire (job->aside->options.quarantine, job->now_ms, EXPIRE_LIMIT, &deleted);
    job->deleted += deleted;
    size_t dropped = 0;
    if (job->rc == FST_OK && job->drafts
    &&  fst_extents_expire (job->aside->options.extents, job->aside->options.keep_ms, &dropped) != FST_OK)
        fst_log_warning ("extents that nobody finished stay for now");
}

static void
s_expired (s_job_t *job)
{
    fst_aside_t *self = job->aside;
    self->expiring = false;
    if (job->deleted) {                 //  There may be more
        self->expire_at_ms = 0;
        fst_actor_wake (self->options.actor, 0);
    }
    free (job);
}

static void
s_expire_files_done (void *arg)
{
    s_job_t *job = arg;
    if (job->rc == FST_IO)
        fst_actor_die (job->aside->options.actor, "the disk failed to make a deletion durable; see the log for its error");
    s_expired (job);
}

static void
s_expire_small_done (void *arg)
{
    s_job_t *job = arg;
    if (job->rc != FST_OK
    ||  fst_jobs_on_seal (job->aside->options.jobs, s_expire_files_run, s_expire_files_done, job) != FST_OK)
        s_expired (job);                //  The next turn will do
}

int64_t
fst_aside_tick (fst_aside_t *self, int64_t now_ms)
{
    assert (self);
    if (now_ms < self->expire_at_ms)
        return self->expire_at_ms;
    self->expire_at_ms = now_ms + self->interval_ms;
    if (self->expiring || !fst_health_writes (self->options.health))
        return self->expire_at_ms;
    s_job_t *job = calloc (1, sizeof (*job));
    assert (job);
    job->aside = self;
    job->mark = (fst_age_mark_t) { s_now_ms (self), fst_clock_wall_ms () };
    job->now_ms = job->mark.aged_ms - self->options.keep_ms;
    job->drafts = now_ms >= self->drafts_at_ms;
    if (job->drafts)
        self->drafts_at_ms = now_ms + (self->interval_ms < EXPIRE_INTERVAL_MS? self->interval_ms: DRAFTS_INTERVAL_MS);
    self->expiring = fst_jobs_on_small (self->options.jobs, s_expire_small_run, s_expire_small_done, job) == FST_OK;
    if (!self->expiring)
        free (job);
    return self->expire_at_ms;
}

//  ---- The class

fst_aside_t *
fst_aside_new (const fst_aside_options_t *options)
{
    assert (options);
    assert (options->actor && options->jobs && options->extents && options->quarantine && options->small);
    fst_aside_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->options = *options;
    self->interval_ms = options->keep_ms / 4 < EXPIRE_INTERVAL_MS? options->keep_ms / 4: EXPIRE_INTERVAL_MS;
    s_begin_age (self);
    return self;
}

void
fst_aside_destroy (fst_aside_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        assert (!(*self_p)->expiring);
        free (*self_p);
        *self_p = NULL;
    }
}

int64_t
fst_aside_count (const fst_aside_t *self)
{
    assert (self);
    return fst_quarantine_count (self->options.quarantine) + fst_small_quarantined (self->options.small);
}
