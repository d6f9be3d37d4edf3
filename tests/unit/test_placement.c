//  Rules of choosing nodes for copies.

#include <criterion/criterion.h>
#include <string.h>
#include "fst_placement.h"

#define GIB ((int64_t) 1 << 30)

//  Five nodes with as much space, no zones.
static fst_placement_node_t s_nodes [5];

static void
s_setup (void)
{
    for (unsigned at = 0; at < 5; at++)
        s_nodes [at] = (fst_placement_node_t) { .number = at + 10, .zone = fst_node_bit (at + 10), .spare = GIB };
}

TestSuite (placement, .init = s_setup);

//  The nodes of one draw, as a set; checks that they are different ones.
static fst_node_set_t
s_choose (const fst_placement_wish_t *wish, uint64_t seed, size_t expected)
{
    unsigned chosen [8];
    fst_node_set_t set = 0;
    size_t count = fst_placement_choose (s_nodes, 5, wish, seed, chosen);
    cr_expect_eq (count, expected);
    for (size_t at = 0; at < count; at++) {
        cr_expect_not (set & fst_node_bit (chosen [at]));
        set |= fst_node_bit (chosen [at]);
    }
    return set;
}

Test (placement, copies_are_on_different_nodes)
{
    fst_placement_wish_t wish = { .copies = 3, .bytes = 1 };
    for (uint64_t seed = 0; seed < 1000; seed++)
        s_choose (&wish, seed, 3);
    wish.copies = 7;
    s_choose (&wish, 1, 5);
}

Test (placement, the_same_seed_gives_the_same_nodes)
{
    fst_placement_wish_t wish = { .copies = 2, .bytes = 1 };
    for (uint64_t seed = 0; seed < 100; seed++)
        cr_expect_eq (s_choose (&wish, seed, 2), s_choose (&wish, seed, 2));
}

Test (placement, copies_are_in_different_zones_while_there_are_such)
{
    fst_node_set_t east = fst_node_bit (10) | fst_node_bit (11) | fst_node_bit (12), west = fst_node_bit (13);
    for (unsigned at = 0; at < 3; at++)
        s_nodes [at].zone = east;
    s_nodes [4].spare = 0;                          //  Full, and the only one without a zone
    fst_placement_wish_t wish = { .copies = 2, .bytes = 1 };
    for (uint64_t seed = 0; seed < 1000; seed++) {
        fst_node_set_t set = s_choose (&wish, seed, 2);
        cr_expect (set & east);
        cr_expect (set & west);
    }
    wish.copies = 3;                                //  More copies than zones
    s_choose (&wish, 1, 3);
}

Test (placement, what_is_kept_decides_the_zones_that_are_left)
{
    s_nodes [0].zone = s_nodes [1].zone = s_nodes [2].zone = s_nodes [3].zone =
        fst_node_bit (10) | fst_node_bit (11) | fst_node_bit (12) | fst_node_bit (13);
    fst_placement_wish_t wish = { .copies = 2, .bytes = 1, .keep = fst_node_bit (12) };
    for (uint64_t seed = 0; seed < 100; seed++)
        cr_expect_eq (s_choose (&wish, seed, 2), fst_node_bit (12) | fst_node_bit (14));
}

Test (placement, full_nodes_get_nothing)
{
    s_nodes [0].spare = 0;
    s_nodes [1].spare = -5;
    s_nodes [2].spare = 99;
    fst_placement_wish_t wish = { .copies = 2, .bytes = 100 };
    for (uint64_t seed = 0; seed < 100; seed++)
        cr_expect_eq (s_choose (&wish, seed, 2), fst_node_bit (13) | fst_node_bit (14));
    wish.copies = 3;
    s_choose (&wish, 1, 2);
}

Test (placement, avoided_nodes_get_nothing_even_if_they_are_kept)
{
    fst_placement_wish_t wish = { .copies = 5, .bytes = 1, .avoid = fst_node_bit (10), .keep = fst_node_bit (10) };
    cr_expect_not (s_choose (&wish, 1, 4) & fst_node_bit (10));
}

Test (placement, kept_nodes_stay_whatever_their_space)
{
    s_nodes [3].spare = 0;
    fst_placement_wish_t wish = { .copies = 2, .bytes = 1, .keep = fst_node_bit (13) };
    for (uint64_t seed = 0; seed < 100; seed++)
        cr_expect (s_choose (&wish, seed, 2) & fst_node_bit (13));
}

Test (placement, silent_nodes_serve_only_when_too_few_are_alive)
{
    fst_placement_wish_t wish = { .copies = 2, .bytes = 1, .reluctant = fst_node_bit (10) | fst_node_bit (11) };
    for (uint64_t seed = 0; seed < 1000; seed++)
        cr_expect_not (s_choose (&wish, seed, 2) & wish.reluctant);
    wish.copies = 4;
    cr_expect (s_choose (&wish, 1, 4) & wish.reluctant);
}

Test (placement, more_free_space_gets_more_and_no_node_is_shut_out)
{
    unsigned chosen [8], draws [5] = { 0 };
    s_nodes [0].spare = 3 * GIB;
    s_nodes [1].spare = 1024;                       //  Less than a MiB
    fst_placement_wish_t wish = { .copies = 1, .bytes = 1 };
    for (uint64_t seed = 0; seed < 20000; seed++) {
        fst_placement_choose (s_nodes, 5, &wish, seed, chosen);
        draws [chosen [0] - 10]++;
    }
    cr_expect (draws [0] > 9500 && draws [0] < 10500, "%u", draws [0]);     //  3 of 6 GiB
    cr_expect (draws [3] > 3000 && draws [3] < 3700, "%u", draws [3]);      //  1 of 6
    cr_expect (draws [1] > 0);
}

Test (placement, without_nodes_there_is_no_choice)
{
    unsigned chosen [8];
    fst_placement_wish_t wish = { .copies = 2, .bytes = 1 };
    cr_expect_eq (fst_placement_choose (NULL, 0, &wish, 1, chosen), 0);
}
