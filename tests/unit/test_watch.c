//  Rule: a loop that hangs is noticed, one that only waits is not.

#include <criterion/criterion.h>
#include "fst_clock.h"
#include "fst_watch.h"

Test (watch, a_loop_that_does_not_turn_in_time_is_named)
{
    char name [64] = "";
    fst_watch_t *waits = fst_watch_new ("waits"), *hangs = fst_watch_new ("hangs");
    fst_watch_turn (waits, 3600000);
    fst_watch_turn (hangs, 0);
    cr_assert_not (fst_watch_stuck (60000, name, sizeof (name)), "%s has a minute", name);
    int64_t until_ms = fst_clock_mono_ms () + 5;
    while (fst_clock_mono_ms () <= until_ms)
        ;
    cr_assert (fst_watch_stuck (1, name, sizeof (name)));
    cr_assert_str_eq (name, "hangs");
    fst_watch_turn (hangs, 3600000);
    cr_assert_not (fst_watch_stuck (1, name, sizeof (name)), "%s turned", name);
    fst_watch_destroy (&hangs);
    fst_watch_destroy (&waits);
    cr_assert_not (fst_watch_stuck (-1000000, name, sizeof (name)), "nobody is left");
}
