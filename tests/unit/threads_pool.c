//  The pool under the thread sanitizer: many jobs that read and write what they were handed, without locks.

#include "fst_pool.h"
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define JOBS 20000

static size_t s_total;              //  The owner's; done runs on the owner's thread

static void
s_run (void *job)
{
    int *number = job;
    *number *= 2;
}

static void
s_done (void *job)
{
    s_total += (size_t) *(int *) job;
    free (job);
}

int
main (void)
{
    fst_pool_t *pool = fst_pool_new ("threads", 4, 64);
    size_t expected = 0, busy = 0;
    for (int at = 0; at < JOBS; ) {
        int *number = malloc (sizeof (int));
        assert (number);
        *number = at;
        if (fst_pool_submit (pool, s_run, s_done, number) == FST_OK)
            expected += 2 * (size_t) at++;
        else {
            free (number);
            busy++;
            struct pollfd item = { .fd = fst_pool_fd (pool), .events = POLLIN };
            poll (&item, 1, -1);
            fst_pool_collect (pool);
        }
    }
    fst_pool_destroy (&pool);
    printf ("jobs=%d busy=%zu total=%zu\n", JOBS, busy, s_total);
    assert (s_total == expected);
    return 0;
}
