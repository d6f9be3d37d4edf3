//  Rules of what a node remembers of metadata.

#include <criterion/criterion.h>
#include "fst_told.h"

#define PAIR(run, sequence) (&(fst_pair_t) { run, sequence })

static void
s_register (fst_told_t *told, uint64_t run, int64_t sequence)
{
    fst_told_ask (told);
    cr_assert (fst_told_answered (told, PAIR (run, sequence)));
}

static void
s_is (const fst_told_t *told, uint64_t run, int64_t sequence)
{
    cr_assert_eq (told->last.run, run);
    cr_assert_eq (told->last.sequence, sequence);
}

Test (told, what_the_registered_run_says_is_remembered)
{
    fst_told_t told = { .last = { 0, 0 } };
    s_register (&told, 1, 50);
    s_is (&told, 1, 50);
    cr_assert (fst_told_event (&told, PAIR (1, 60)));
    s_is (&told, 1, 60);
    cr_assert (fst_told_command (&told, PAIR (1, 61)));
    s_is (&told, 1, 61);
    cr_assert (fst_told_event (&told, PAIR (1, 55)), "an event that was overtaken");
    s_is (&told, 1, 61);
    s_register (&told, 2, 61);
    s_is (&told, 2, 61);
}

Test (told, the_sequence_never_falls)
{
    fst_told_t told = { .last = { 1, 100 } };
    s_register (&told, 2, 60);
    s_is (&told, 1, 100);
    cr_assert_not (fst_told_command (&told, PAIR (2, 99)));
    s_is (&told, 1, 100);
    cr_assert (fst_told_command (&told, PAIR (2, 100)));
    s_is (&told, 2, 100);
}

//  A restored database that made many events would otherwise make the node forget that it knew better.
Test (told, another_run_is_not_believed_before_it_has_heard_the_pair)
{
    fst_told_t told = { .last = { 1, 100 } };
    cr_assert_not (fst_told_event (&told, PAIR (2, 500)), "after the node's start");
    cr_assert_not (fst_told_command (&told, PAIR (2, 500)));
    s_is (&told, 1, 100);
    s_register (&told, 1, 100);
    cr_assert_not (fst_told_event (&told, PAIR (2, 500)), "while it is registered with another");
    cr_assert_not (fst_told_command (&told, PAIR (2, 500)));
    cr_assert_not (fst_told_command (&told, PAIR (0, 500)), "and nobody may leave out who he is");
    s_is (&told, 1, 100);
    s_register (&told, 2, 500);
    s_is (&told, 2, 500);
}

Test (told, an_answer_to_an_older_pair_changes_nothing)
{
    fst_told_t told = { .last = { 0, 0 } };
    s_register (&told, 1, 50);
    fst_told_ask (&told);
    cr_assert (fst_told_event (&told, PAIR (1, 60)));
    cr_assert_not (fst_told_answered (&told, PAIR (2, 500)));
    s_is (&told, 1, 60);
    cr_assert (fst_told_event (&told, PAIR (1, 61)), "the run before is still the one that counts");
}

Test (told, what_brings_data_must_not_be_older_than_what_took_some_away)
{
    fst_told_t told;
    fst_told_begin (&told, PAIR (1, 50));
    cr_assert_not (fst_told_brings (&told, PAIR (1, 60)), "the run has not looked at what was told");
    s_register (&told, 1, 60);
    cr_assert_not (fst_told_brings (&told, PAIR (1, 49)), "something may have been taken away before the start");
    cr_assert (fst_told_brings (&told, PAIR (1, 50)));
    cr_assert (fst_told_event (&told, PAIR (1, 70)));
    cr_assert (fst_told_brings (&told, PAIR (1, 61)), "an event takes nothing away");
    cr_assert (fst_told_command (&told, PAIR (1, 80)));
    cr_assert_not (fst_told_brings (&told, PAIR (1, 79)));
    cr_assert (fst_told_brings (&told, PAIR (1, 80)), "decided when that was done");
    s_register (&told, 2, 0);
    cr_assert (fst_told_brings (&told, PAIR (2, 30)), "recovery: it takes nothing away");
    cr_assert_not (fst_told_brings (&told, PAIR (1, 90)), "the run before is over");
}

Test (told, a_late_command_of_the_run_that_was_heard_last_is_no_older_database)
{
    fst_told_t told;
    fst_told_begin (&told, PAIR (1, 13));
    cr_assert_not (fst_told_command (&told, PAIR (1, 11)));
    cr_assert (fst_told_overtook (&told, PAIR (1, 11)), "this process has not registered yet");
    cr_assert_not (fst_told_overtook (&told, PAIR (2, 11)), "another run: it may be one");
    s_register (&told, 2, 12);
    cr_assert (fst_told_overtook (&told, PAIR (2, 12)));
    cr_assert_not (fst_told_overtook (&told, PAIR (2, 13)), "not late");
}

Test (told, runs_are_hex)
{
    char text [17];
    fst_run_text (0xf000000000000001, text);
    cr_assert_str_eq (text, "f000000000000001");
    cr_assert_eq (fst_run_parse (text), 0xf000000000000001);
    fst_run_text (0, text);
    cr_assert_str_eq (text, "");
    cr_assert_eq (fst_run_parse (NULL), 0);
    cr_assert_eq (fst_run_parse ("f00000000000000"), 0);
    cr_assert_eq (fst_run_parse ("f00000000000000g"), 0);
}
