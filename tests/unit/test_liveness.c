//  Rules of who is alive, in made-up time: a heartbeat each 10 s, pruned after 30 s.

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "fst_liveness.h"

static fst_liveness_t s_liveness;
static char s_trace [1024];

static void
s_setup (void)
{
    fst_liveness_init (&s_liveness, 10000, 30000);
    s_trace [0] = 0;
}

TestSuite (liveness, .init = s_setup);

static void
s_note (int64_t now_ms, const fst_liveness_change_t *change)
{
    char line [128];
    snprintf (line, sizeof (line), "[%lld] %u %s>%s\n", (long long) now_ms, change->node,
              fst_node_state_text (change->from), fst_node_state_text (change->to));
    strcat (s_trace, line);
}

static void
s_hear (unsigned node, int64_t now_ms)
{
    fst_liveness_change_t change;
    if (fst_liveness_hear (&s_liveness, node, now_ms, &change))
        s_note (now_ms, &change);
}

//  Let time pass up to now_ms, waking only when asked to.
static void
s_elapse (int64_t now_ms)
{
    fst_liveness_change_t change;
    while (fst_liveness_wake_ms (&s_liveness) <= now_ms) {
        int64_t wake_ms = fst_liveness_wake_ms (&s_liveness);
        while (fst_liveness_elapse (&s_liveness, wake_ms, &change))
            s_note (wake_ms, &change);
    }
}

Test (liveness, a_node_falls_silent_and_is_pruned)
{
    s_hear (1, 1000);
    s_elapse (100000);
    cr_expect_str_eq (s_trace, "[1000] 1 unknown>alive\n[26000] 1 alive>silent\n[31000] 1 silent>pruned\n");
}

Test (liveness, a_node_that_beats_stays_alive)
{
    for (int64_t now_ms = 0; now_ms < 1000000; now_ms += 10000) {
        s_hear (1, now_ms);
        s_elapse (now_ms + 9999);
    }
    cr_expect_str_eq (s_trace, "[0] 1 unknown>alive\n");
}

Test (liveness, two_missed_heartbeats_make_silent_and_one_does_not)
{
    s_hear (1, 0);
    s_elapse (20000);
    s_hear (1, 20001);
    s_elapse (45000);
    cr_expect_str_eq (s_trace, "[0] 1 unknown>alive\n");
}

Test (liveness, a_node_comes_back_from_silence_and_from_pruning)
{
    s_hear (1, 0);
    s_elapse (26000);
    s_hear (1, 26000);
    s_elapse (60000);
    s_hear (1, 60000);
    cr_expect_str_eq (s_trace, "[0] 1 unknown>alive\n[25000] 1 alive>silent\n[26000] 1 silent>alive\n"
                               "[51000] 1 alive>silent\n[56000] 1 silent>pruned\n[60000] 1 pruned>alive\n");
}

Test (liveness, after_a_restart_known_nodes_count_as_alive_until_prune_after)
{
    fst_liveness_know (&s_liveness, 1, false, 5000);
    fst_liveness_know (&s_liveness, 2, true, 5000);
    cr_expect_eq (fst_liveness_state (&s_liveness, 1), FST_NODE_ALIVE);
    cr_expect_eq (fst_liveness_state (&s_liveness, 2), FST_NODE_PRUNED);
    cr_expect_eq (fst_liveness_silence_ms (&s_liveness, 1, 9000), -1);
    s_elapse (34999);
    cr_expect_neq (fst_liveness_state (&s_liveness, 1), FST_NODE_PRUNED);
    s_elapse (35000);
    cr_expect_str_eq (s_trace, "[30000] 1 alive>silent\n[35000] 1 silent>pruned\n");
}

Test (liveness, the_first_sign_of_life_after_a_restart_is_a_registration)
{
    fst_liveness_know (&s_liveness, 1, false, 5000);
    s_hear (1, 6000);
    s_hear (1, 7000);
    cr_expect_str_eq (s_trace, "[6000] 1 unknown>alive\n");
    cr_expect_eq (fst_liveness_silence_ms (&s_liveness, 1, 7500), 500);
}

Test (liveness, one_late_look_finds_the_last_state)
{
    fst_liveness_change_t change;
    s_hear (1, 0);
    s_hear (2, 0);
    while (fst_liveness_elapse (&s_liveness, 100000, &change))
        s_note (100000, &change);
    cr_expect_str_eq (s_trace, "[0] 1 unknown>alive\n[0] 2 unknown>alive\n[100000] 1 alive>pruned\n"
                               "[100000] 2 alive>pruned\n");
}

Test (liveness, a_short_prune_after_leaves_out_silence)
{
    fst_liveness_init (&s_liveness, 10000, 100);
    s_hear (1, 0);
    s_elapse (1000);
    cr_expect_str_eq (s_trace, "[0] 1 unknown>alive\n[100] 1 alive>pruned\n");
}

Test (liveness, states_come_as_sets)
{
    s_hear (1, 0);
    s_hear (63, 20000);
    s_elapse (30000);
    cr_expect_eq (fst_liveness_set (&s_liveness, FST_NODE_ALIVE), fst_node_bit (63));
    cr_expect_eq (fst_liveness_set (&s_liveness, FST_NODE_PRUNED), fst_node_bit (1));
    cr_expect_eq (fst_liveness_set (&s_liveness, FST_NODE_SILENT), 0);
}

Test (liveness, when_nobody_was_heard_the_time_says_nothing_about_the_others)
{
    static const char before [] = "[35000] 0 alive>silent\n[37000] 1 alive>silent\n[40000] 0 silent>pruned\n"
                                  "[41000] 0 pruned>alive\n";
    s_hear (0, 0);
    s_hear (1, 2000);
    s_hear (0, 10000);
    s_hear (1, 12000);                  //  Then the broker is away
    s_trace [0] = 0;
    s_elapse (41000);
    s_hear (0, 41000);                  //  And back
    s_hear (0, 51000);
    s_hear (0, 61000);
    s_elapse (70999);
    cr_expect_str_eq (s_trace, before);
    s_elapse (71000);                   //  So long can we hear again
    cr_expect_str_eq (s_trace + strlen (before), "[71000] 1 silent>pruned\n");
}

Test (liveness, nobody_known_is_nothing_to_wake_for)
{
    cr_expect_eq (fst_liveness_wake_ms (&s_liveness), INT64_MAX);
}
