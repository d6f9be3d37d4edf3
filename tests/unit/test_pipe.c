//  The pipe between the bridge's loop and a transfer's thread.

#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>
#include "fst_pipe.h"

static fst_pipe_t *s_pipe;
static int s_woken;

static void
s_wake (void *arg)
{
    (void) arg;
    s_woken++;
}

static void
s_begin (void)
{
    s_pipe = fst_pipe_new (16, s_wake, NULL);
    s_woken = 0;
}

static void
s_end (void)
{
    fst_pipe_destroy (&s_pipe);
    fst_pipe_destroy (&s_pipe);
}

TestSuite (pipe, .init = s_begin, .fini = s_end);

static bool
s_readable (void)
{
    struct pollfd item = { .fd = fst_pipe_fd (s_pipe), .events = POLLIN };
    return poll (&item, 1, 0) == 1;
}

static void
s_reads (const char *expected)
{
    char data [32];
    size_t got = 99;
    cr_assert_eq (fst_pipe_read (s_pipe, data, sizeof (data), &got), FST_OK);
    cr_assert_eq (got, strlen (expected));
    cr_assert (memcmp (data, expected, got) == 0);
}

static void
s_read_fails (fst_rc_t rc)
{
    char data [32];
    size_t got;
    cr_assert_eq (fst_pipe_read (s_pipe, data, sizeof (data), &got), rc);
}

static void
s_takes (const char *expected)
{
    char data [32];
    size_t got = fst_pipe_take (s_pipe, data, sizeof (data));
    cr_assert_eq (got, strlen (expected));
    cr_assert (memcmp (data, expected, got) == 0);
}

Test (pipe, octets_go_round_the_corner_in_order)
{
    for (int round = 0; round < 50; round++) {
        cr_assert_eq (fst_pipe_give (s_pipe, "hello world", 11), 11);
        cr_assert_eq (fst_pipe_bytes (s_pipe), 11);
        s_reads ("hello world");
    }
    for (int round = 0; round < 50; round++) {
        cr_assert_eq (fst_pipe_write (s_pipe, "hello world", 11), FST_OK);
        s_takes ("hello world");
    }
}

Test (pipe, a_reader_that_had_nothing_is_woken_and_then_quiet_again)
{
    cr_assert_not (s_readable ());
    s_read_fails (FST_BUSY);
    cr_assert_not (s_readable ());
    cr_assert_eq (fst_pipe_give (s_pipe, "a", 1), 1);
    cr_assert (s_readable ());
    s_reads ("a");
    s_read_fails (FST_BUSY);
    cr_assert_not (s_readable ());
}

Test (pipe, a_giver_without_room_is_woken_when_there_is_a_good_part)
{
    cr_assert_eq (fst_pipe_give (s_pipe, "0123456789abcdefXYZ", 19), 16);
    char data [16];
    size_t got;
    cr_assert_eq (fst_pipe_read (s_pipe, data, 3, &got), FST_OK);
    cr_assert_eq (s_woken, 0);
    cr_assert_eq (fst_pipe_read (s_pipe, data, 1, &got), FST_OK);
    cr_assert_eq (s_woken, 1);
    cr_assert_eq (fst_pipe_read (s_pipe, data, 8, &got), FST_OK);
    cr_assert_eq (s_woken, 1);
}

Test (pipe, a_taker_without_octets_is_woken_by_the_first_ones_and_by_the_end)
{
    s_takes ("");
    cr_assert_eq (fst_pipe_write (s_pipe, "ab", 2), FST_OK);
    cr_assert_eq (s_woken, 1);
    cr_assert_eq (fst_pipe_write (s_pipe, "cd", 2), FST_OK);
    cr_assert_eq (s_woken, 1);
    s_takes ("abcd");
    s_takes ("");
    cr_assert_not (fst_pipe_drained (s_pipe));
    fst_pipe_close (s_pipe);
    cr_assert_eq (s_woken, 2);
    cr_assert (fst_pipe_drained (s_pipe));
}

Test (pipe, what_was_written_before_the_end_can_be_taken_after_it)
{
    cr_assert_eq (fst_pipe_write (s_pipe, "ab", 2), FST_OK);
    fst_pipe_close (s_pipe);
    cr_assert_not (fst_pipe_drained (s_pipe));
    s_takes ("ab");
    cr_assert (fst_pipe_drained (s_pipe));
}

Test (pipe, what_was_given_before_the_end_is_read_before_it)
{
    s_read_fails (FST_BUSY);
    cr_assert_eq (fst_pipe_give (s_pipe, "ab", 2), 2);
    fst_pipe_end (s_pipe);
    cr_assert (s_readable ());
    s_reads ("ab");
    s_reads ("");
    s_reads ("");
}

Test (pipe, who_leaves_stops_the_thread_at_once)
{
    cr_assert_eq (fst_pipe_give (s_pipe, "ab", 2), 2);
    fst_pipe_leave (s_pipe);
    cr_assert (fst_pipe_left (s_pipe));
    s_read_fails (FST_INTERRUPTED);
    cr_assert_eq (fst_pipe_write (s_pipe, "x", 1), FST_INTERRUPTED);
    cr_assert_eq (s_woken, 0);
}

Test (pipe, a_thread_that_stopped_takes_everything_and_keeps_nothing)
{
    cr_assert_eq (fst_pipe_give (s_pipe, "0123456789abcdefXYZ", 19), 16);
    fst_pipe_close (s_pipe);
    cr_assert_eq (s_woken, 1);
    cr_assert_eq (fst_pipe_give (s_pipe, "XYZ", 3), 3);
    cr_assert_eq (fst_pipe_bytes (s_pipe), 16);
}

//  ---- Without a copy

static char s_released [10];

static void
s_release (void *arg)
{
    strcat (s_released, arg);
}

static fst_rc_t
s_pass (const char *text, char *name)
{
    return fst_pipe_pass (s_pipe, text, strlen (text), s_release, name);
}

Test (pipe, octets_that_are_passed_come_in_order_and_are_released_when_taken)
{
    char data [4];
    cr_assert_eq (fst_pipe_take (s_pipe, data, 4), 0);
    cr_assert_eq (s_pass ("hello ", "a"), FST_OK);
    cr_expect_eq (s_woken, 1);
    cr_assert_eq (s_pass ("w", "b"), FST_OK);
    cr_assert_eq (s_pass ("orld of pieces", "c"), FST_OK);          //  More than the pipe holds, for there was room
    cr_expect_eq (fst_pipe_bytes (s_pipe), 21);
    cr_assert_eq (fst_pipe_take (s_pipe, data, 4), 4);
    cr_expect_arr_eq (data, "hell", 4);
    cr_expect_str_empty (s_released);
    cr_assert_eq (fst_pipe_take (s_pipe, data, 4), 4);
    cr_expect_arr_eq (data, "o wo", 4);
    cr_expect_str_eq (s_released, "ab");
    fst_pipe_close (s_pipe);
    s_takes ("rld of pieces");
    cr_expect_str_eq (s_released, "abc");
    cr_expect (fst_pipe_drained (s_pipe));
}

Test (pipe, what_was_passed_and_not_taken_is_released_with_the_pipe)
{
    char data [2];
    cr_assert_eq (s_pass ("abc", "a"), FST_OK);
    cr_assert_eq (s_pass ("def", "b"), FST_OK);
    cr_assert_eq (fst_pipe_take (s_pipe, data, 2), 2);
    fst_pipe_leave (s_pipe);
    cr_expect_eq (s_pass ("ghi", "c"), FST_INTERRUPTED);            //  Still the caller's
    fst_pipe_destroy (&s_pipe);
    cr_expect_str_eq (s_released, "ab");
}
