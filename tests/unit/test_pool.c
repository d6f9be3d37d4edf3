//  The pool's promises: every job is done once, on the owner's thread; bounded; in order with one thread.

#include "fst_pool.h"
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include "fst_trace.h"

typedef struct {
    fst_pool_t *pool;
    pthread_t ran_on, done_on;
    atomic_bool *gate;              //  run waits for it, if there is one
    atomic_int *running;
    int *order, *done_count;
    int number, again;
    sigset_t blocked;
    char ran_for [64], done_for [64];
} s_job_t;

static void
s_run (void *arg)
{
    s_job_t *job = arg;
    job->ran_on = pthread_self ();
    snprintf (job->ran_for, sizeof (job->ran_for), "%s", fst_trace_now ());
    pthread_sigmask (SIG_SETMASK, NULL, &job->blocked);
    if (job->running)
        atomic_fetch_add (job->running, 1);
    while (job->gate && !atomic_load (job->gate))
        sched_yield ();
}

static void
s_done (void *arg)
{
    s_job_t *job = arg;
    job->done_on = pthread_self ();
    snprintf (job->done_for, sizeof (job->done_for), "%s", fst_trace_now ());
    if (job->order)
        job->order [*job->done_count] = job->number;
    (*job->done_count)++;
    if (job->again-- > 0)
        cr_assert_eq (fst_pool_submit (job->pool, s_run, s_done, job), FST_OK);
}

static void
s_wait (fst_pool_t *pool)
{
    struct pollfd item = { .fd = fst_pool_fd (pool), .events = POLLIN };
    cr_assert_eq (poll (&item, 1, 10000), 1);
}

Test (pool, jobs_work_on_the_request_that_submitted_them)
{
    int done_count = 0;
    fst_pool_t *pool = fst_pool_new ("test", 1, 4);
    s_job_t jobs [3] = { { .done_count = &done_count }, { .done_count = &done_count }, { .done_count = &done_count } };
    static const char *const ids [3] = { "first.1", "second", "" };
    for (int at = 0; at < 3; at++) {
        fst_trace_begin (ids [at]);
        cr_assert_eq (fst_pool_submit (pool, s_run, s_done, &jobs [at]), FST_OK);
    }
    fst_trace_begin ("other");
    while (done_count < 3) {
        s_wait (pool);
        fst_pool_collect (pool);
        cr_assert_str_eq (fst_trace_now (), "other", "who collects goes on with its own");
    }
    static const char *const traces [3] = { "first", "second", "" };
    for (int at = 0; at < 3; at++) {
        cr_assert_str_eq (jobs [at].ran_for, traces [at]);
        cr_assert_str_eq (jobs [at].done_for, traces [at]);
    }
    fst_trace_begin (NULL);
    fst_pool_destroy (&pool);
}

Test (pool, runs_elsewhere_and_is_done_here)
{
    int done_count = 0;
    fst_pool_t *pool = fst_pool_new ("test", 2, 4);
    s_job_t job = { .done_count = &done_count };
    cr_assert_eq (fst_pool_submit (pool, s_run, s_done, &job), FST_OK);
    s_wait (pool);
    cr_assert_eq (done_count, 0);
    cr_assert_eq (fst_pool_pending (pool), 1);
    cr_assert_eq (fst_pool_collect (pool), 1);
    cr_assert_eq (done_count, 1);
    cr_assert_eq (fst_pool_pending (pool), 0);
    cr_assert (!pthread_equal (job.ran_on, pthread_self ()));
    cr_assert (pthread_equal (job.done_on, pthread_self ()));
    cr_assert (sigismember (&job.blocked, SIGTERM), "signals are the main thread's");
    struct pollfd item = { .fd = fst_pool_fd (pool), .events = POLLIN };
    cr_assert_eq (poll (&item, 1, 0), 0, "nothing waits any more");
    fst_pool_destroy (&pool);
    cr_assert_null (pool);
    fst_pool_destroy (&pool);
}

Test (pool, says_busy_at_its_bound)
{
    atomic_bool gate = false;
    int done_count = 0;
    fst_pool_t *pool = fst_pool_new ("test", 1, 3);
    s_job_t jobs [4];
    for (int at = 0; at < 4; at++) {
        jobs [at] = (s_job_t) { .gate = &gate, .done_count = &done_count };
        cr_assert_eq (fst_pool_submit (pool, s_run, s_done, &jobs [at]), at < 3? FST_OK: FST_BUSY);
    }
    atomic_store (&gate, true);
    while (fst_pool_pending (pool)) {
        s_wait (pool);
        fst_pool_collect (pool);
    }
    cr_assert_eq (done_count, 3);
    cr_assert_eq (fst_pool_submit (pool, s_run, s_done, &jobs [3]), FST_OK);
    fst_pool_destroy (&pool);
    cr_assert_eq (done_count, 4, "destroy finishes what was submitted");
}

Test (pool, one_thread_keeps_the_order)
{
    int order [200], done_count = 0;
    fst_pool_t *pool = fst_pool_new ("test", 1, 200);
    s_job_t jobs [200];
    for (int at = 0; at < 200; at++) {
        jobs [at] = (s_job_t) { .order = order, .number = at, .done_count = &done_count };
        cr_assert_eq (fst_pool_submit (pool, s_run, s_done, &jobs [at]), FST_OK);
    }
    fst_pool_destroy (&pool);
    cr_assert_eq (done_count, 200);
    for (int at = 0; at < 200; at++)
        cr_assert_eq (order [at], at);
}

Test (pool, threads_work_at_the_same_time)
{
    atomic_bool gate = false;
    atomic_int running = 0;
    int done_count = 0;
    fst_pool_t *pool = fst_pool_new ("test", 3, 8);
    s_job_t jobs [5];
    for (int at = 0; at < 5; at++) {
        jobs [at] = (s_job_t) { .gate = &gate, .running = &running, .done_count = &done_count };
        cr_assert_eq (fst_pool_submit (pool, s_run, s_done, &jobs [at]), FST_OK);
    }
    while (atomic_load (&running) < 3)          //  ctest's timeout is the deadline
        sched_yield ();
    cr_assert_eq (atomic_load (&running), 3, "never more than there are threads");
    atomic_store (&gate, true);
    fst_pool_destroy (&pool);
    cr_assert_eq (done_count, 5);
}

Test (pool, a_done_may_submit_again_even_while_destroyed)
{
    int done_count = 0;
    fst_pool_t *pool = fst_pool_new ("test", 1, 1);
    s_job_t job = { .pool = pool, .again = 9, .done_count = &done_count };
    cr_assert_eq (fst_pool_submit (pool, s_run, s_done, &job), FST_OK);
    fst_pool_destroy (&pool);
    cr_assert_eq (done_count, 10);
}
