//  When to read what: the pace of the round.

#include "fst_scrub.h"
#include "fst_clock.h"
#include "fst_log.h"
#include <assert.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STEP_BYTES      (4 * 1024 * 1024)
#define BUSY_MS         100         //  How long a step waits for clients,
#define BUSY_TURNS      10          //  so many times at most
#define SAVE_MS         60000       //  The place is written down that often, or less
#define CATCH_UP        8           //  After a long stop a round may be so many times as fast

struct fst_scrub {
    fst_scrub_options_t options;
    fst_pool_t *pool;
    fst_round_t *round;
    bool stepping;                  //  The thread has round and step
    fst_round_step_t step;
    fst_rc_t rc;                    //  Of the step
    bool anew;                      //  Begin at the first place
    unsigned place;                 //  Where the round is
    int64_t began_wall_ms;          //  When it began, or would have, had it always run
    int64_t place_ms;               //  Time for this place, from place_began_ms on
    int64_t place_began_ms;
    int64_t place_read;             //  Octets of it
    int64_t step_at_ms;
    unsigned busy_turns;
    int64_t saved_ms;
    fst_scrub_status_t status;
};

//  ---- The place is remembered

typedef struct {
    fst_scrub_t *scrub;
    int64_t place, began, rounds, finished;
} s_note_t;

static fst_rc_t
s_set_all (fst_small_t *small, const s_note_t *note)
{
    fst_rc_t rc = fst_small_set (small, "scrub-place", note->place);
    if (rc == FST_OK)
        rc = fst_small_set (small, "scrub-began", note->began);
    if (rc == FST_OK)
        rc = fst_small_set (small, "scrub-rounds", note->rounds);
    if (rc == FST_OK)
        rc = fst_small_set (small, "scrub-finished", note->finished);
    return rc;
}

static void
s_save_run (void *arg)
{
    s_note_t *note = arg;
    fst_small_t *small = note->scrub->options.small;
    fst_rc_t rc = fst_small_begin (small);
    if (rc != FST_OK)
        return;
    rc = s_set_all (small, note);
    fst_rc_t committed = fst_small_commit (small);
    if (rc != FST_OK || committed != FST_OK)
        fst_log_warning ("place of the scrub not saved reason=%s", fst_error_code (rc != FST_OK? rc: committed));
}

static void
s_save_done (void *arg)
{
    free (arg);
}

static void
s_save (fst_scrub_t *self, int64_t now_ms)
{
    if (!fst_health_writes (self->options.health))
        return;
    s_note_t *note = malloc (sizeof (*note));
    assert (note);
    *note = (s_note_t) {
        .scrub = self, .place = self->place, .began = self->began_wall_ms, .rounds = self->status.rounds,
        .finished = self->status.finished_ms
    };
    if (fst_jobs_on_small (self->options.jobs, s_save_run, s_save_done, note) == FST_OK)
        self->saved_ms = now_ms;
    else
        free (note);
}

static void
s_load (fst_scrub_t *self)
{
    fst_small_t *small = self->options.small;
    int64_t now_ms = fst_clock_wall_ms ();
    int64_t place = fst_small_get (small, "scrub-place", 0);
    self->place = place >= 0 && place < FST_ROUND_PLACES? (unsigned) place: 0;
    self->began_wall_ms = fst_small_get (small, "scrub-began", now_ms);
    if (self->began_wall_ms > now_ms)
        self->began_wall_ms = now_ms;       //  The clock was set back
    self->status.rounds = fst_small_get (small, "scrub-rounds", 0);
    self->status.finished_ms = fst_small_get (small, "scrub-finished", 0);
}

//  ---- The pace

//  A new place: it gets an equal part of the time that is left.
static void
s_enter_place (fst_scrub_t *self, int64_t now_ms)
{
    int64_t left_ms = self->began_wall_ms + self->options.round_ms - fst_clock_wall_ms ();
    int64_t least_ms = self->options.round_ms * (FST_ROUND_PLACES - self->place) / FST_ROUND_PLACES / CATCH_UP;
    if (left_ms < least_ms)
        left_ms = least_ms;
    self->place_ms = left_ms / (FST_ROUND_PLACES - self->place);
    self->place_began_ms = now_ms;
    self->place_read = 0;
}

//  After a step: when the next one is due. A place that has nothing takes its time too.
static void
s_schedule (fst_scrub_t *self, int64_t now_ms, bool left)
{
    int64_t wait_ms = self->place_ms;
    if (!left && self->step.place_bytes > self->place_read)
        wait_ms = (int64_t) ((double) self->place_ms * (double) self->place_read / (double) self->step.place_bytes);
    self->step_at_ms = self->status.fast? now_ms: self->place_began_ms + wait_ms;
    self->busy_turns = 0;
}

static void
s_end_round (fst_scrub_t *self)
{
    self->status.rounds++;
    self->status.finished_ms = self->began_wall_ms = fst_clock_wall_ms ();
    fst_log (self->status.fast? FST_LOG_INFO: FST_LOG_DEBUG, "scrub round finished bytes=%" PRId64 " damaged=%" PRId64,
             self->status.bytes, self->status.damaged);
    self->status.fast = false;
    self->status.bytes = 0;
    self->place = 0;
}

//  Clients come first. A slow step waits a while for them, a fast round goes on slowly.
static bool
s_must_wait (fst_scrub_t *self)
{
    fst_jobs_statistics_t jobs;
    fst_jobs_statistics (self->options.jobs, &jobs);
    unsigned most = self->status.fast? 1: BUSY_TURNS;
    return jobs.busy && self->busy_turns++ < most;
}

//  ---- Steps

//  Where the system knows of it, only when nobody else wants the disk.
static void
s_be_idle (void)
{
    static __thread bool s_is_idle;
    const int who_thread = 1, class_idle = 3 << 13;
    if (!s_is_idle)
        s_is_idle = syscall (SYS_ioprio_set, who_thread, 0, class_idle) == 0;
}

static void
s_step_run (void *arg)
{
    fst_scrub_t *self = arg;
    s_be_idle ();
    self->rc = fst_round_step (self->round, STEP_BYTES, &self->step);
}

static void
s_tell (fst_scrub_t *self)
{
    for (size_t at = 0; at < self->step.found_count; at++)
        self->options.found (self->options.arg, &self->step.found [at].id, self->step.found [at].rc);
    self->status.damaged += (int64_t) self->step.found_count;
    self->status.bytes += self->step.bytes;
    self->place_read += self->step.bytes;
    if (self->rc != FST_OK)
        self->options.found (self->options.arg, NULL, self->rc);
}

static void
s_step_done (void *arg)
{
    fst_scrub_t *self = arg;
    int64_t now_ms = fst_clock_mono_ms ();
    self->stepping = false;
    s_tell (self);
    fst_actor_wake (self->options.actor, now_ms);
    if (self->anew)
        return;                         //  It begins again anyway
    unsigned place = self->step.place;
    if (self->rc != FST_OK) {           //  Nothing can be read here: on with the next place
        place = self->place + 1;
        fst_round_go_to (self->round, place % FST_ROUND_PLACES);
    }
    bool left = place != self->place, ended = place == FST_ROUND_PLACES;
    s_schedule (self, now_ms, left);
    if (!left)
        return;
    self->place = place;
    if (ended)
        s_end_round (self);
    s_enter_place (self, self->step_at_ms > now_ms? self->step_at_ms: now_ms);
    if (ended || now_ms - self->saved_ms >= SAVE_MS)
        s_save (self, now_ms);
}

static void
s_begin_anew (fst_scrub_t *self, int64_t now_ms)
{
    self->anew = false;
    self->place = 0;
    self->status.bytes = 0;
    self->began_wall_ms = fst_clock_wall_ms ();
    fst_round_go_to (self->round, 0);
    s_enter_place (self, now_ms);
}

int64_t
fst_scrub_tick (fst_scrub_t *self, int64_t now_ms)
{
    assert (self);
    if (self->stepping)
        return INT64_MAX;               //  Its end wakes us
    if (self->anew)
        s_begin_anew (self, now_ms);
    if (now_ms < self->step_at_ms)
        return self->step_at_ms;
    if (s_must_wait (self)) {
        self->step_at_ms = now_ms + BUSY_MS;
        return self->step_at_ms;
    }
    self->stepping = fst_pool_submit (self->pool, s_step_run, s_step_done, self) == FST_OK;
    assert (self->stepping);
    return INT64_MAX;
}

void
fst_scrub_begin (fst_scrub_t *self)
{
    assert (self);
    self->anew = true;
    self->status.fast = true;
    self->step_at_ms = 0;
    fst_actor_wake (self->options.actor, 0);
}

void
fst_scrub_slow (fst_scrub_t *self)
{
    assert (self);
    if (!self->status.fast)
        return;
    self->status.fast = false;          //  As if it had been slow until here
    self->began_wall_ms = fst_clock_wall_ms () - self->options.round_ms * self->place / FST_ROUND_PLACES;
    s_enter_place (self, fst_clock_mono_ms ());
}

void
fst_scrub_status (const fst_scrub_t *self, fst_scrub_status_t *status)
{
    assert (self);
    assert (status);
    *status = self->status;
    status->percent = self->anew? 0: (int) (100 * self->place / FST_ROUND_PLACES);
}

//  ---- The class

static void
s_collect (void *pool)
{
    fst_pool_collect (pool);
}

fst_scrub_t *
fst_scrub_new (const fst_scrub_options_t *options)
{
    assert (options);
    assert (options->actor && options->disk && options->small && options->jobs && options->health && options->found);
    assert (options->round_ms > 0);
    fst_scrub_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->options = *options;
    self->round = fst_round_new (options->disk, options->small);
    s_load (self);
    fst_round_go_to (self->round, self->place);
    int64_t now_ms = fst_clock_mono_ms ();
    self->saved_ms = now_ms;
    s_enter_place (self, now_ms);
    self->pool = fst_pool_new ("fst-scrub", 1, 1);
    fst_actor_add_fd (options->actor, fst_pool_fd (self->pool), s_collect, self->pool);
    return self;
}

void
fst_scrub_destroy (fst_scrub_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        fst_pool_destroy (&(*self_p)->pool);
        fst_round_destroy (&(*self_p)->round);
        free (*self_p);
        *self_p = NULL;
    }
}
