//  Rules of what is copied, trimmed and moved, and in which order.

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_repair.h"
#include "fst_stuck.h"

#define GIB ((int64_t) 1 << 30)
#define A   1u                          //  Nodes 0 to 4
#define B   2u
#define C   4u
#define D   8u
#define E   16u

static fst_repair_view_t s_view;
static fst_repair_t s_plan;

//  Five nodes, alive and well, half full, on disks of their own.
static void
s_setup (void)
{
    memset (&s_view, 0, sizeof (s_view));
    s_view.alive = s_view.sure = s_view.live = s_view.sound = s_view.taking = A | B | C | D | E;
    for (unsigned node = 0; node < 5; node++) {
        s_view.nodes [node].zone = fst_node_bit (node);
        s_view.nodes [node].capacity = 100 * GIB;
        s_view.nodes [node].free = 50 * GIB;
        s_view.nodes [node].spare = 45 * GIB;
        s_view.nodes [node].holds = 50 * GIB;
    }
    fst_repair_begin (&s_plan, &s_view, false);
}

TestSuite (repair, .init = s_setup);

static void
s_lose (fst_node_set_t nodes)
{
    s_view.sure = s_view.alive &= ~nodes;
    s_view.live &= ~nodes;
    s_view.sound &= ~nodes;
    s_view.taking &= ~nodes;
}

static void
s_drain (fst_node_set_t nodes)
{
    s_view.sound &= ~nodes;
    s_view.taking &= ~nodes;
    s_view.leaving |= nodes;
}

static void
s_fill (unsigned node, int64_t holds)
{
    s_view.nodes [node].holds = holds;
    s_view.nodes [node].free = 100 * GIB - holds;
    s_view.nodes [node].spare = 95 * GIB - holds;
}

static void
s_add (fst_node_set_t nodes, unsigned wanted, int64_t extents)
{
    fst_spread_t spread = { .nodes = nodes, .wanted = wanted, .extents = extents, .bytes = extents * 100 };
    fst_repair_add (&s_plan, &spread);
}

#define CHECK(expression, expected) cr_expect_eq (expression, expected)

//  ---- Copies

Test (repair, what_is_whole_gives_no_work)
{
    s_add (A | B, 2, 10);
    s_add (C | D | E, 3, 10);
    CHECK (s_plan.count, 0);
    CHECK (s_plan.extents, 0);
    CHECK (s_plan.surplus, 0);
}

Test (repair, the_fewest_live_copies_come_first)
{
    s_lose (A);
    s_add (A | B | C, 3, 1);            //  Two are left
    s_add (A | D, 2, 2);                //  One
    s_add (B | C | D, 4, 3);            //  Three of four
    s_drain (E);
    s_add (B | E, 2, 4);                //  Two, of which one goes by itself
    CHECK (s_plan.count, 4);
    CHECK (s_plan.works [0].spread.nodes, A | D);
    CHECK (s_plan.works [1].spread.nodes, A | B | C);
    CHECK (s_plan.works [2].spread.nodes, B | E);
    CHECK (s_plan.works [3].spread.nodes, B | C | D);
    CHECK (s_plan.works [0].kind, FST_WORK_COPY);
    cr_expect (s_plan.works [0].repair);
    cr_expect_not (s_plan.works [2].repair, "nothing was lost there");
    CHECK (s_plan.extents, 10);
    CHECK (s_plan.copies_bytes, 1000);
}

Test (repair, a_node_that_just_went_is_waited_for_while_two_copies_live)
{
    s_lose (A);
    s_view.hoped = A;
    s_add (A | B | C, 3, 1);
    CHECK (s_plan.count, 0);
    cr_expect_eq (s_plan.extents, 1, "but it is known");
    s_add (A | B, 2, 1);
    CHECK (s_plan.count, 1);
    CHECK (s_plan.works [0].spread.nodes, A | B);
    s_add (B | C, 3, 1);                //  Nobody will bring that one back
    CHECK (s_plan.count, 2);
    s_view.hoped = 0;                   //  It stayed away too long
    s_add (A | B | C, 3, 1);
    CHECK (s_plan.count, 3);
}

Test (repair, silent_nodes_still_count)
{
    s_view.sure = s_view.alive &= ~(fst_node_set_t) A;
    s_view.taking &= ~(fst_node_set_t) A;
    s_add (A | B, 2, 1);
    CHECK (s_plan.count, 0);
}

Test (repair, what_has_no_live_copy_is_lost_and_not_tried)
{
    s_lose (A | B);
    s_add (A | B, 2, 7);
    CHECK (s_plan.count, 0);
    CHECK (s_plan.lost, 7);
    CHECK (s_plan.extents, 0);
}

Test (repair, a_node_that_is_emptied_counts_as_a_source_and_not_as_a_copy)
{
    s_drain (A);
    s_add (A, 1, 1);
    s_add (A | B, 2, 1);
    s_add (B | C, 2, 1);
    CHECK (s_plan.count, 2);
    CHECK (s_plan.works [0].missing, 1);
    CHECK (s_plan.works [1].live, 2);
    cr_expect_eq (s_plan.surplus, 0, "what must be copied first is not too much yet");
    s_add (A | B | C, 2, 1);
    CHECK (s_plan.surplus, 1);
}

Test (repair, only_the_most_urgent_fit_a_plan)
{
    unsigned seed = 42;
    fprintf (stderr, "seed %u\n", seed);
    srand (seed);
    s_view.alive = s_view.sure = s_view.live = s_view.sound = s_view.taking = UINT64_MAX & ~(fst_node_set_t) A;
    for (int time = 0; time < 2000; time++) {
        fst_node_set_t nodes = A;
        unsigned live = 1 + (unsigned) rand () % 3;
        while ((unsigned) __builtin_popcountll (nodes) < live + 1)
            nodes |= fst_node_bit (1 + (unsigned) rand () % 63);
        s_add (nodes, live + 1, 1);
    }
    CHECK (s_plan.count, FST_WORKS_MAX);
    CHECK (s_plan.extents, 2000);
    for (size_t at = 0; at < s_plan.count; at++)
        CHECK (s_plan.works [at].live, 1);
}

static bool
s_one_copy_rests (const void *arg, const fst_spread_t *spread)
{
    (void) arg;
    return spread->wanted == 2;
}

Test (repair, what_is_stuck_takes_no_place_from_what_is_not)
{
    s_view.alive = s_view.sure = s_view.live = s_view.sound = s_view.taking = UINT64_MAX & ~(fst_node_set_t) A;
    fst_repair_set_rests (&s_plan, s_one_copy_rests, NULL);
    for (unsigned node = 1; node < 64; node++)
        s_add (A | fst_node_bit (node), 2, 1);              //  One live copy, and it cannot be read
    s_add (A | B | C | D, 5, 1);
    s_add (A | C | D | E, 5, 1);
    CHECK (s_plan.count, FST_WORKS_MAX);
    CHECK (s_plan.extents, 65);
    CHECK (s_plan.works [0].live, 3);
    CHECK (s_plan.works [1].live, 3);
    CHECK (s_plan.works [2].live, 1);
}

//  ---- Trimming

Test (repair, a_node_that_came_back_makes_surplus)
{
    s_add (A | B | C, 2, 5);
    CHECK (s_plan.count, 1);
    CHECK (s_plan.works [0].kind, FST_WORK_TRIM);
    CHECK (__builtin_popcountll (s_plan.works [0].drop), 1);
    CHECK (s_plan.surplus, 5);
}

Test (repair, what_is_not_sound_goes_first_then_the_same_zone_then_the_fullest)
{
    s_fill (2, 90 * GIB);
    CHECK (fst_repair_surplus (&s_view, A | B | C, 2), C);
    s_view.nodes [0].zone = s_view.nodes [1].zone = A | B;
    s_fill (1, 60 * GIB);
    CHECK (fst_repair_surplus (&s_view, A | B | C, 2), B);
    s_drain (A);
    CHECK (fst_repair_surplus (&s_view, A | B | C, 2), A);
}

Test (repair, no_copy_goes_while_those_that_stay_are_not_heard)
{
    s_view.sure = s_view.alive &= ~(fst_node_set_t) B;
    cr_expect_eq (fst_repair_surplus (&s_view, A | B | C, 2), 0, "A and C are enough, and B is not told anything");
    s_view.sure = s_view.alive &= ~(fst_node_set_t) C;
    CHECK (fst_repair_surplus (&s_view, A | B | C, 2), 0);
    cr_expect_neq (fst_repair_surplus (&s_view, A | D | E, 2), 0);
}

Test (repair, a_pruned_node_keeps_its_place_in_the_books_unless_it_is_emptied)
{
    s_lose (C);
    CHECK (fst_repair_surplus (&s_view, A | B | C, 2), 0);
    s_view.leaving = C;
    CHECK (fst_repair_surplus (&s_view, A | B | C, 2), C);
}

Test (repair, surplus_never_leaves_less_than_wanted)
{
    unsigned seed = 7;
    fprintf (stderr, "seed %u\n", seed);
    srand (seed);
    for (int time = 0; time < 20000; time++) {
        s_view.live = (fst_node_set_t) rand () & 31;
        s_view.sure = s_view.alive = s_view.live & (fst_node_set_t) rand ();
        s_view.sound = s_view.live & (fst_node_set_t) (rand () | rand ());
        s_view.leaving = 31 & ~s_view.sound & (fst_node_set_t) rand ();
        fst_node_set_t nodes = (fst_node_set_t) rand () & 31;
        unsigned wanted = 1 + (unsigned) rand () % 4;
        fst_node_set_t drop = fst_repair_surplus (&s_view, nodes, wanted);
        CHECK (drop & ~nodes, 0);
        if (drop)
            cr_assert (__builtin_popcountll (nodes & ~drop & s_view.sound & s_view.alive) >= (int) wanted);
    }
}

//  ---- Moving

Test (repair, extents_move_from_the_fullest_to_the_emptiest_node)
{
    s_fill (0, 80 * GIB);
    s_fill (4, 0);
    s_add (A | B, 2, 100);
    s_add (C | D, 2, 100);
    CHECK (s_plan.count, 1);
    CHECK (s_plan.works [0].kind, FST_WORK_MOVE);
    CHECK (s_plan.works [0].drop, A);
    CHECK (s_plan.works [0].to, 4);
    CHECK (s_plan.works [0].bytes_max / GIB, 40);
}

Test (repair, moving_begins_late_and_ends_early)
{
    s_fill (0, 53 * GIB);
    s_add (A | B, 2, 100);
    CHECK (s_plan.count, 0);            //  Three points
    fst_repair_begin (&s_plan, &s_view, true);
    s_add (A | B, 2, 100);
    CHECK (s_plan.count, 1);            //  Go on, if it had begun
    s_fill (0, 51 * GIB);
    fst_repair_begin (&s_plan, &s_view, true);
    s_add (A | B, 2, 100);
    CHECK (s_plan.count, 0);
}

Test (repair, nodes_on_one_disk_are_not_emptied_into_each_other)
{
    for (unsigned node = 0; node < 5; node++)
        s_view.nodes [node].free = 10 * GIB;
    s_view.nodes [0].holds = 70 * GIB;
    s_view.nodes [4].holds = 0;
    s_add (A | B, 2, 100);
    CHECK (s_plan.count, 0);
}

Test (repair, moving_respects_zones_and_what_is_not_whole)
{
    s_fill (0, 90 * GIB);
    s_fill (1, 0);
    s_fill (4, 0);
    s_view.nodes [1].zone = s_view.nodes [4].zone = B | E;
    s_add (A | B, 2, 100);              //  To E it would be in one zone: so to C
    CHECK (s_plan.count, 1);
    CHECK (s_plan.works [0].drop, A);
    CHECK (s_plan.works [0].to, 2);
    s_setup ();
    s_fill (0, 90 * GIB);
    s_view.sure = s_view.alive &= ~(fst_node_set_t) B;
    s_add (A | B, 2, 100);
    CHECK (s_plan.count, 0);
}

//  Move as the plan says until it says nothing any more: it ends, evenly, and no octet goes back.
Test (repair, moving_comes_to_an_end_and_never_turns_round)
{
    int64_t spread [5] [5] = { { 0 } }, moved = 0;
    for (unsigned node = 0; node < 5; node++)
        s_fill (node, 0);
    spread [0] [1] = spread [0] [2] = spread [1] [2] = 600;     //  Extents of 64 MiB on three full nodes; two are new
    bool moving = false, out [5] = { false }, in [5] = { false };
    for (int step = 0; step < 10000; step++) {
        for (unsigned node = 0; node < 5; node++) {
            int64_t extents = 0;
            for (unsigned other = 0; other < 5; other++)
                extents += spread [node] [other] + spread [other] [node];
            s_fill (node, extents << 26);
        }
        fst_repair_begin (&s_plan, &s_view, moving);
        for (unsigned left = 0; left < 5; left++)
            for (unsigned right = left + 1; right < 5; right++) {
                int64_t extents = spread [left] [right];
                fst_spread_t row = { .nodes = fst_node_bit (left) | fst_node_bit (right), .wanted = 2,
                                     .extents = extents, .bytes = extents << 26 };
                fst_repair_add (&s_plan, &row);
            }
        moving = s_plan.count != 0;
        if (!moving)
            break;
        cr_assert_eq (s_plan.count, 1);
        const fst_work_t *work = &s_plan.works [0];
        if (work->bytes_max < (int64_t) 1 << 26)
            break;                      //  No extent is so small
        unsigned from = (unsigned) __builtin_ctzll (work->drop), to = work->to;
        unsigned other = (unsigned) __builtin_ctzll (work->spread.nodes & ~work->drop);
        spread [from < other? from: other] [from < other? other: from]--;
        spread [to < other? to: other] [to < other? other: to]++;
        out [from] = in [to] = true;
        moved++;
    }
    for (unsigned node = 0; node < 5; node++) {
        cr_expect_not (out [node] && in [node], "node %u", node);
        cr_expect_leq (llabs (s_view.nodes [node].holds - 45 * GIB), 3 * GIB, "node %u", node);
    }
    cr_expect_gt (moved, 1000);
}

//  ---- May a node be emptied

static fst_rc_t
s_may_drain (fst_node_set_t node, fst_node_set_t nodes, unsigned wanted, int64_t bytes)
{
    fst_repair_drain_t drain = { .view = &s_view, .without = node };
    fst_spread_t spread = { .nodes = nodes, .wanted = wanted, .extents = 1, .bytes = bytes };
    fst_repair_drain_add (&drain, &spread);
    return fst_repair_drain_check (&drain);
}

Test (repair, a_node_may_be_emptied_if_the_others_can_take_it)
{
    CHECK (s_may_drain (A, A | B, 2, GIB), FST_OK);
    CHECK (s_may_drain (A, A | B, 2, 181 * GIB), FST_NO_SPACE);     //  Four others with 45 GiB each
    CHECK (s_may_drain (A, B | C, 2, 181 * GIB), FST_OK);           //  Nothing has to be copied
    CHECK (s_may_drain (A, A | B | C | D | E, 5, 1), FST_TOO_FEW_NODES);
    s_lose (C | D | E);
    CHECK (s_may_drain (A, A | B, 2, 1), FST_TOO_FEW_NODES);
    CHECK (s_may_drain (A, A, 1, 1), FST_OK);
}

//  ---- Pace

Test (repair, the_rate_is_measured_and_forgotten)
{
    fst_pace_t pace = { 0 };
    int64_t now_ms = 5000;
    fst_pace_begin (&pace, now_ms);
    CHECK (fst_pace_rate (&pace, now_ms), 0);
    for (int time = 0; time < 20; time++)
        fst_pace_add (&pace, 1000, now_ms += 100);
    cr_expect_eq (fst_pace_rate (&pace, now_ms), 0, "the first small ones say nothing of large ones under way");
    for (int time = 0; time < 40; time++)
        fst_pace_add (&pace, 1000, now_ms += 100);
    CHECK (fst_pace_rate (&pace, now_ms) / 100, 100);
    for (int time = 0; time < 400; time++)
        fst_pace_add (&pace, 100, now_ms += 100);
    cr_expect_eq (fst_pace_rate (&pace, now_ms) / 10, 100, "what is slower now counts");
    fst_pace_begin (&pace, now_ms + 1000);
    cr_expect_eq (fst_pace_rate (&pace, now_ms + 1000) / 10, 100, "a pause is part of it");
    CHECK (fst_pace_rate (&pace, now_ms + 60000), 0);
    fst_pace_begin (&pace, now_ms + 60000);
    CHECK (fst_pace_rate (&pace, now_ms + 60000), 0);
}

//  ---- What is stuck

static fst_blob_id_t
s_blob (int number)
{
    return fst_blob_id ((const uint8_t *) "stuck-upload", (uint32_t) number);
}

Test (repair, what_is_stuck_is_skipped_for_longer_each_time)
{
    fst_stuck_t *stuck = fst_stuck_new ();
    fst_blob_id_t blob = s_blob (1);
    int64_t wait_ms = 100, now_ms = 1000;
    for (int time = 0; time < 10; time++) {
        fst_stuck_add (stuck, &blob, 3, "why", 100, 6400, now_ms);
        cr_expect (fst_stuck_holds (stuck, &blob, 3, now_ms + wait_ms - 1));
        cr_expect_not (fst_stuck_holds (stuck, &blob, 3, now_ms + wait_ms));
        cr_expect_not (fst_stuck_holds (stuck, &blob, 4, now_ms));
        now_ms += wait_ms;
        wait_ms = wait_ms * 2 < 6400? wait_ms * 2: 6400;
    }
    fst_stuck_item_t item;
    CHECK (fst_stuck_list (stuck, 6400, &item, 1), 1);
    CHECK (item.n, 3);
    cr_expect_str_eq (item.reason, "why");
    fst_stuck_drop (stuck, &blob, 3);
    CHECK (fst_stuck_list (stuck, 0, NULL, 0), 0);
    fst_stuck_destroy (&stuck);
}

Test (repair, the_memory_of_what_is_stuck_is_bounded_and_right)
{
    fst_stuck_t *stuck = fst_stuck_new ();
    for (int number = 0; number < FST_STUCK_MAX + 100; number++) {
        fst_blob_id_t blob = s_blob (number);
        fst_stuck_add (stuck, &blob, 0, "", 100, 100, number);
    }
    CHECK (fst_stuck_list (stuck, 0, NULL, 0), FST_STUCK_MAX);
    for (int number = 0; number < FST_STUCK_MAX; number += 3) {
        fst_blob_id_t blob = s_blob (number);
        fst_stuck_drop (stuck, &blob, 0);
    }
    for (int number = 0; number < FST_STUCK_MAX; number++) {
        fst_blob_id_t blob = s_blob (number);
        cr_assert_eq (fst_stuck_holds (stuck, &blob, 0, 0), number % 3 != 0, "%d", number);
    }
    fst_stuck_forget (stuck, 100 + 2000);       //  Whose time came before that
    for (int number = 0; number < FST_STUCK_MAX; number++) {
        fst_blob_id_t blob = s_blob (number);
        cr_assert_eq (fst_stuck_holds (stuck, &blob, 0, 0), number % 3 != 0 && number >= 2000, "%d", number);
    }
    fst_stuck_destroy (&stuck);
}
