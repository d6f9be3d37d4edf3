//  The plan of an upload: what is sent where, sealed when, and how losses are mended. Pure.

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_plan.h"

static const int s_ab [] = { 0, 1 }, s_ac [] = { 0, 2 }, s_bc [] = { 1, 2 };

//  Store a slot on every copy that lacks it.
static void
s_store (fst_plan_t *plan, uint32_t number, uint32_t slot)
{
    fst_plan_extent_t *extent = fst_plan_find (plan, number);
    for (int copy = 0; copy < extent->copies; copy++)
        if (fst_plan_lacks (extent, copy, slot)) {
            fst_plan_sent (extent, copy, slot);
            fst_plan_stored (plan, number, extent->copy [copy].node, slot);
        }
    cr_assert (fst_plan_settled (plan, number, slot));
}

//  Seal all that can be sealed; returns how many copies.
static int
s_seal (fst_plan_t *plan)
{
    uint32_t extent, chunks;
    int node, count = 0;
    while (fst_plan_seal (plan, &extent, &node, &chunks)) {
        fst_plan_sealed (plan, extent, node, "receipt");
        count++;
    }
    return count;
}

Test (upload_plan, slots_come_in_order_and_an_extent_is_sealed_when_all_copies_have_all)
{
    fst_plan_t *plan = fst_plan_new (4, 6);
    uint32_t from, extent, slot;
    cr_assert_not (fst_plan_next (plan, &extent, &slot), "no nodes yet");
    cr_assert_eq (fst_plan_wanted (plan, &from), 2);
    cr_assert_eq (from, 0);
    fst_plan_assign (plan, 0, s_ab, 2);
    fst_plan_assign (plan, 1, s_bc, 2);
    cr_assert_eq (fst_plan_wanted (plan, &from), 0, "there are no more extents");
    for (uint32_t chunk = 0; chunk < 6; chunk++) {
        cr_assert (fst_plan_next (plan, &extent, &slot));
        cr_assert_eq (extent, chunk / 4);
        cr_assert_eq (slot, chunk % 4);
        if (chunk != 2)
            s_store (plan, extent, slot);
    }
    cr_assert_not (fst_plan_next (plan, &extent, &slot));
    cr_assert_eq (s_seal (plan), 2, "only the second one is whole");
    cr_assert_null (fst_plan_finished (plan), "they finish in order");
    s_store (plan, 0, 2);
    cr_assert_eq (s_seal (plan), 2);
    cr_assert_eq (fst_plan_finished (plan)->number, 0);
    cr_assert_eq (fst_plan_finished (plan)->made, 4);
    fst_plan_drop (plan);
    cr_assert_not (fst_plan_done (plan));
    cr_assert_eq (fst_plan_finished (plan)->made, 2);
    fst_plan_drop (plan);
    cr_assert (fst_plan_done (plan));
    fst_plan_destroy (&plan);
}

Test (upload_plan, extents_under_way_are_bounded)
{
    fst_plan_t *plan = fst_plan_new (1, 100);
    uint32_t from, extent, slot, made = 0;
    uint32_t wanted = fst_plan_wanted (plan, &from);
    cr_assert_eq (wanted, FST_PLAN_AHEAD);
    for (uint32_t at = 0; at < wanted; at++)
        fst_plan_assign (plan, at, s_ab, 2);
    while (fst_plan_next (plan, &extent, &slot)) {
        s_store (plan, extent, slot);
        made++;
    }
    cr_assert_eq (made, FST_PLAN_ACTIVE);
    s_seal (plan);
    fst_plan_drop (plan);
    cr_assert (fst_plan_next (plan, &extent, &slot), "one is finished, one may begin");
    fst_plan_destroy (&plan);
}

Test (upload_plan, a_stream_ends_where_it_ends)
{
    fst_plan_t *plan = fst_plan_new (4, -1);
    uint32_t from, extent, slot;
    uint32_t wanted = fst_plan_wanted (plan, &from);
    cr_assert_geq (wanted, 1);
    fst_plan_assign (plan, 0, s_ab, 2);
    for (int at = 0; at < 3; at++) {
        cr_assert (fst_plan_next (plan, &extent, &slot));
        s_store (plan, extent, slot);
    }
    cr_assert_eq (s_seal (plan), 0, "more may come");
    fst_plan_end (plan);
    fst_plan_assign (plan, 1, s_bc, 2);         //  A late answer, for an extent that will never be
    cr_assert_eq (s_seal (plan), 2);
    fst_plan_drop (plan);
    cr_assert (fst_plan_done (plan));
    cr_assert_eq (fst_plan_wanted (plan, &from), 0);
    fst_plan_destroy (&plan);
}

Test (upload_plan, a_lost_copy_is_filled_from_the_survivor)
{
    fst_plan_t *plan = fst_plan_new (4, 4);
    uint32_t extent, slot;
    int source;
    fst_plan_assign (plan, 0, s_ab, 2);
    for (int at = 0; at < 3; at++) {
        fst_plan_next (plan, &extent, &slot);
        if (at < 2)
            s_store (plan, extent, slot);   //  Not in hand any more
    }
    fst_plan_lose (plan, 1);
    cr_assert_eq (fst_plan_broken (plan)->number, 0);
    cr_assert_not (fst_plan_settled (plan, 0, 2), "no copy has it: keep it");
    cr_assert_eq (fst_plan_mend (plan, 0, s_ab, 1), FST_MALFORMED, "the survivor has one already");
    cr_assert_eq (fst_plan_mend (plan, 0, s_ac, 2), FST_OK);
    cr_assert_null (fst_plan_broken (plan));
    for (uint32_t at = 0; at < 2; at++) {
        cr_assert (fst_plan_fetch (plan, &extent, &slot, &source));
        cr_assert_eq (slot, at);
        cr_assert_eq (fst_plan_find (plan, 0)->copy [source].node, 0);
        s_store (plan, extent, slot);
    }
    cr_assert_not (fst_plan_fetch (plan, &extent, &slot, &source), "slot 2 is in hand");
    s_store (plan, 0, 2);
    fst_plan_next (plan, &extent, &slot);
    s_store (plan, 0, 3);
    cr_assert_eq (s_seal (plan), 2);
    cr_assert_not_null (fst_plan_finished (plan));
    fst_plan_destroy (&plan);
}

//  Its lateness must not end a stream.
Test (upload_plan, a_node_that_alone_has_something_is_known)
{
    fst_plan_t *plan = fst_plan_new (4, -1);
    uint32_t extent, slot;
    int from;
    fst_plan_assign (plan, 0, s_ab, 2);
    cr_assert (fst_plan_next (plan, &extent, &slot));
    fst_plan_sent (fst_plan_find (plan, 0), 0, 0);
    fst_plan_stored (plan, 0, 0, 0);
    cr_assert_not (fst_plan_sole (plan, 0), "what it alone has is still in hand");
    s_store (plan, 0, 0);
    cr_assert_not (fst_plan_sole (plan, 0), "both have it");
    fst_plan_lose (plan, 1);
    cr_assert (fst_plan_sole (plan, 0));
    cr_assert_not (fst_plan_sole (plan, 1), "what it had is lost");
    cr_assert (fst_plan_mend (plan, 0, s_ac, 2) == FST_OK);
    cr_assert (fst_plan_sole (plan, 0), "the new one has nothing yet");
    cr_assert (fst_plan_fetch (plan, &extent, &slot, &from));
    cr_assert_not (fst_plan_sole (plan, 0), "in hand again");
    s_store (plan, 0, 0);
    cr_assert_not (fst_plan_sole (plan, 0));
    fst_plan_destroy (&plan);
}

Test (upload_plan, a_node_that_is_back_begins_without_a_record)
{
    fst_plan_t *plan = fst_plan_new (1, 1);
    uint32_t extent, slot;
    int source;
    fst_plan_assign (plan, 0, s_ab, 2);
    fst_plan_next (plan, &extent, &slot);
    s_store (plan, 0, 0);
    fst_plan_lose (plan, 1);
    cr_assert_eq (fst_plan_mend (plan, 0, s_ab, 2), FST_OK);
    cr_assert_null (fst_plan_broken (plan));
    cr_assert_eq (s_seal (plan), 1, "only the copy that was not lost");
    cr_assert (fst_plan_fetch (plan, &extent, &slot, &source));
    s_store (plan, 0, 0);
    cr_assert_eq (s_seal (plan), 1);
    cr_assert_not_null (fst_plan_finished (plan));
    fst_plan_destroy (&plan);
}

Test (upload_plan, a_slot_stays_in_hand_until_the_place_of_a_lost_copy_has_it)
{
    fst_plan_t *plan = fst_plan_new (2, 2);
    uint32_t extent, slot;
    int source;
    fst_plan_assign (plan, 0, s_ab, 2);
    fst_plan_next (plan, &extent, &slot);
    fst_plan_lose (plan, 1);
    fst_plan_sent (fst_plan_find (plan, 0), 0, 0);
    fst_plan_stored (plan, 0, 0, 0);
    cr_assert_not (fst_plan_settled (plan, 0, 0), "only one node has it");
    cr_assert_eq (fst_plan_mend (plan, 0, s_ac, 2), FST_OK);
    cr_assert_not (fst_plan_fetch (plan, &extent, &slot, &source), "it is in hand");
    s_store (plan, 0, 0);
    fst_plan_lose (plan, 0);
    cr_assert_eq (fst_plan_mend (plan, 0, s_bc, 2), FST_OK);
    cr_assert (fst_plan_fetch (plan, &extent, &slot, &source));
    cr_assert_eq (fst_plan_find (plan, 0)->copy [source].node, 2, "the other one has it");
    fst_plan_destroy (&plan);
}

Test (upload_plan, without_a_survivor_slots_are_made_again)
{
    fst_plan_t *plan = fst_plan_new (2, 2);
    uint32_t extent, slot;
    int source;
    fst_plan_assign (plan, 0, s_ab, 2);
    fst_plan_next (plan, &extent, &slot);
    s_store (plan, 0, 0);
    fst_plan_lose (plan, 0);
    fst_plan_lose (plan, 1);
    int fresh [] = { 2, 3 };
    cr_assert_eq (fst_plan_mend (plan, 0, fresh, 2), FST_OK);
    cr_assert (fst_plan_fetch (plan, &extent, &slot, &source));
    cr_assert_eq (source, -1);
    fst_plan_unhold (plan, 0, 0);
    cr_assert (fst_plan_fetch (plan, &extent, &slot, &source), "it is still lacking");
    fst_plan_destroy (&plan);
}

Test (upload_plan, a_sealed_copy_on_a_lost_node_counts_only_while_nobody_needs_it)
{
    uint32_t extent, slot, chunks;
    int node, source;
    for (int needed = 0; needed < 2; needed++) {
        fst_plan_t *plan = fst_plan_new (1, 1);
        fst_plan_assign (plan, 0, s_ab, 2);
        fst_plan_next (plan, &extent, &slot);
        s_store (plan, 0, 0);
        cr_assert (fst_plan_seal (plan, &extent, &node, &chunks));
        fst_plan_sealed (plan, 0, node, "r");
        if (needed)
            fst_plan_lose (plan, 1 - node);     //  Its copy has to be filled from the sealed one,
        fst_plan_lose (plan, node);             //  which is gone now
        if (needed) {
            int fresh [] = { 2, 3 };
            cr_assert_eq (fst_plan_mend (plan, 0, fresh, 2), FST_OK);
            cr_assert (fst_plan_fetch (plan, &extent, &slot, &source));
            cr_assert_eq (source, -1);
            s_store (plan, 0, 0);
            cr_assert_eq (s_seal (plan), 2);
        }
        else
            cr_assert_eq (s_seal (plan), 1);
        cr_assert_not_null (fst_plan_finished (plan));
        fst_plan_destroy (&plan);
    }
}

Test (upload_plan, extents_that_have_not_begun_get_other_nodes)
{
    fst_plan_t *plan = fst_plan_new (1, 8);
    uint32_t from, extent, slot;
    fst_plan_assign (plan, 0, s_ab, 2);
    fst_plan_assign (plan, 1, s_ac, 2);
    fst_plan_assign (plan, 2, s_bc, 2);
    fst_plan_assign (plan, 3, s_ac, 2);
    fst_plan_next (plan, &extent, &slot);
    fst_plan_lose (plan, 1);
    cr_assert_eq (fst_plan_wanted (plan, &from), 6);
    cr_assert_eq (from, 2, "the first one that was to go there, and all after it");
    fst_plan_assign (plan, 4, s_ac, 2);         //  A late answer to an older question
    cr_assert_eq (fst_plan_wanted (plan, &from), 6);
    fst_plan_destroy (&plan);
}

//  Any order of losses and answers ends with every extent sealed on live or sealed copies with equal octets:
//  simulated nodes keep a version for each slot, so a mix of two makings in one extent would show.
Test (upload_plan, random_losses_never_leave_copies_that_differ)
{
    for (unsigned seed = 1; seed <= 300; seed++) {
        srandom (seed);
        enum { CHUNKS = 23, EXTENT = 4, NODES = 12 };
        static int stored [NODES] [CHUNKS], made [CHUNKS];
        memset (stored, 0, sizeof (stored));
        bool dead [NODES] = { false };
        int held [CHUNKS] = { 0 }, version = 0, losses = 0;
        fst_plan_t *plan = fst_plan_new (EXTENT, CHUNKS);
        int finished = 0;
        for (int turn = 0; turn < 20000 && !fst_plan_done (plan); turn++) {
            uint32_t from, extent, slot, chunks;
            int node, source;
            int pair [2], count = 0;
            for (int at = (int) (random () % NODES), n = 0; n < NODES && count < 2; n++, at = (at + 1) % NODES)
                if (!dead [at])
                    pair [count++] = at;
            switch (random () % 7) {
            case 0:
                if (fst_plan_wanted (plan, &from))
                    fst_plan_assign (plan, from, pair, 2);
                break;
            case 1:
                if (fst_plan_next (plan, &extent, &slot))
                    held [extent * EXTENT + slot] = made [extent * EXTENT + slot] = ++version;
                break;
            case 2:
                for (uint32_t chunk = 0; chunk < CHUNKS; chunk++) {
                    fst_plan_extent_t *at = fst_plan_find (plan, chunk / EXTENT);
                    if (!held [chunk] || !at)
                        continue;
                    for (int copy = 0; copy < at->copies; copy++)
                        if (fst_plan_lacks (at, copy, chunk % EXTENT) && random () % 2) {
                            fst_plan_sent (at, copy, chunk % EXTENT);
                            if (random () % 4) {
                                stored [at->copy [copy].node] [chunk] = held [chunk];
                                fst_plan_stored (plan, chunk / EXTENT, at->copy [copy].node, chunk % EXTENT);
                            }
                            else
                                fst_plan_unsent (plan, chunk / EXTENT, at->copy [copy].node, chunk % EXTENT);
                        }
                    if (fst_plan_settled (plan, chunk / EXTENT, chunk % EXTENT))
                        held [chunk] = 0;
                }
                break;
            case 3:
                if (losses < NODES - 3 && random () % 8 == 0) {
                    node = (int) (random () % NODES);
                    losses += !dead [node];
                    dead [node] = true;
                    fst_plan_lose (plan, node);
                }
                break;
            case 4:
                if (fst_plan_broken (plan)) {
                    number: ;
                    fst_plan_extent_t *at = fst_plan_broken (plan);
                    int fresh [NODES], usable = 0;
                    for (int n = 0; n < NODES; n++)
                        if (!dead [n])
                            fresh [usable++] = n;
                    cr_assert_eq (fst_plan_mend (plan, at->number, fresh, usable), FST_OK, "seed %u", seed);
                    if (fst_plan_broken (plan))
                        goto number;
                }
                break;
            case 5:
                if (fst_plan_fetch (plan, &extent, &slot, &source)) {
                    uint32_t chunk = extent * EXTENT + slot;
                    node = source < 0? -1: fst_plan_find (plan, extent)->copy [source].node;
                    if (node >= 0 && dead [node])
                        cr_assert_fail ("seed %u: fetch from a lost node", seed);
                    held [chunk] = made [chunk] = node < 0? ++version: stored [node] [chunk];
                }
                break;
            case 6:
                if (fst_plan_seal (plan, &extent, &node, &chunks)) {
                    for (uint32_t at = extent * EXTENT; at < extent * EXTENT + chunks; at++)
                        cr_assert_eq (stored [node] [at], made [at], "seed %u", seed);
                    fst_plan_sealed (plan, extent, node, "r");
                }
                if (fst_plan_finished (plan)) {
                    fst_plan_drop (plan);
                    finished++;
                }
                break;
            }
        }
        cr_assert (fst_plan_done (plan), "seed %u", seed);
        cr_assert_eq (finished, (CHUNKS + EXTENT - 1) / EXTENT, "seed %u", seed);
        fst_plan_destroy (&plan);
    }
}
