//  Credit: what fits is let in, what does not is refused at once, and nothing is ever lost or made up.

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include "fst_clock.h"
#include "fst_window.h"

Test (window, a_peer_may_fill_its_window_exactly_and_no_more)
{
    fst_window_t *window = fst_window_new (8, 100);
    cr_assert (fst_window_take (window, 1, 5) == FST_OK);
    cr_assert (fst_window_take (window, 1, 3) == FST_OK);
    cr_assert (fst_window_take (window, 1, 1) == FST_BUSY);
    cr_assert (fst_window_take (window, 2, 8) == FST_OK, "another peer has a window of its own");
    fst_window_give (window, 1, 3);
    cr_assert (fst_window_take (window, 1, 4) == FST_BUSY);
    cr_assert (fst_window_take (window, 1, 3) == FST_OK);
    fst_window_destroy (&window);
    fst_window_destroy (&window);
}

Test (window, all_peers_together_stay_below_the_memory)
{
    fst_window_t *window = fst_window_new (8, 20);
    cr_assert (fst_window_take (window, 1, 8) == FST_OK);
    cr_assert (fst_window_take (window, 2, 8) == FST_OK);
    cr_assert (fst_window_take (window, 3, 5) == FST_BUSY);
    cr_assert (fst_window_take (window, 3, 4) == FST_OK);
    cr_assert_eq (fst_window_load (window), 100);
    cr_assert_eq (fst_window_peers (window), 3);
    fst_window_give (window, 1, 8);
    cr_assert_eq (fst_window_peers (window), 2, "who has nothing under way takes no memory");
    cr_assert_eq (fst_window_load (window), 60);
    fst_window_destroy (&window);
}

Test (window, one_large_message_gets_through_alone)
{
    fst_window_t *window = fst_window_new (8, 20);
    cr_assert (fst_window_take (window, 1, 15) == FST_OK);
    cr_assert (fst_window_take (window, 1, 1) == FST_BUSY);
    fst_window_give (window, 1, 15);
    cr_assert (fst_window_take (window, 1, 1) == FST_OK);
    cr_assert (fst_window_take (window, 1, 15) == FST_BUSY);
    cr_assert (fst_window_take (window, 2, 21) == FST_TOO_LARGE, "never, so nobody must wait for it");
    fst_window_destroy (&window);
}

//  Against a model of plain arrays.
Test (window, what_is_given_back_is_what_was_taken)
{
    enum { PEERS = 6, STEPS = 20000 };
    const char *given = getenv ("FST_SEED");
    uint64_t seed = given? strtoull (given, NULL, 10): fst_random ();
    fprintf (stderr, "seed=%lu\n", (unsigned long) seed);
    srandom ((unsigned) seed);
    fst_window_t *window = fst_window_new (50, 120);
    int64_t has [PEERS] = { 0 }, all = 0;
    for (int step = 0; step < STEPS; step++) {
        uint64_t peer = (uint64_t) random () % PEERS;
        int64_t bytes = 1 + random () % 60;
        if (random () % 2) {
            bool fits = all + bytes <= 120 && (has [peer] == 0 || has [peer] + bytes <= 50);
            cr_assert_eq (fst_window_take (window, peer, bytes) == FST_OK, fits);
            if (fits) {
                has [peer] += bytes;
                all += bytes;
            }
        }
        else
        if (has [peer] > 0) {
            bytes = 1 + random () % has [peer];
            fst_window_give (window, peer, bytes);
            has [peer] -= bytes;
            all -= bytes;
        }
        cr_assert_eq (fst_window_used (window), all);
    }
    fst_window_destroy (&window);
}
