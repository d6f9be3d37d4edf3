//  Guessing is slowed for each account, in virtual time.

#include "fst_throttle.h"
#include <criterion/criterion.h>
#include <stdio.h>

static const uint8_t s_key [FST_THROTTLE_KEY_BYTES] = { 1, 2, 3 };

Test (throttle, waits_after_the_last_allowed_failure)
{
    fst_throttle_t *throttle = fst_throttle_new (3, 60000, s_key);
    int64_t wait_ms = -1;
    for (int at = 0; at < 3; at++) {
        cr_assert_eq (fst_throttle_check (throttle, "alice", 1000 + at, &wait_ms), FST_OK);
        fst_throttle_failed (throttle, "alice", 1000 + at);
    }
    cr_assert_eq (wait_ms, -1);
    cr_assert_eq (fst_throttle_check (throttle, "alice", 2000, &wait_ms), FST_TOO_MANY);
    cr_assert_eq (wait_ms, 1002 + 60000 - 2000);
    cr_assert_eq (fst_throttle_check (throttle, "bob", 2000, &wait_ms), FST_OK, "others do not wait");
    cr_assert_eq (fst_throttle_check (throttle, "alice", 61001, &wait_ms), FST_TOO_MANY);
    cr_assert_eq (fst_throttle_check (throttle, "alice", 61002, &wait_ms), FST_OK);
    fst_throttle_failed (throttle, "alice", 61002);
    cr_assert_eq (fst_throttle_check (throttle, "alice", 61003, &wait_ms), FST_OK, "counting began anew");
    fst_throttle_destroy (&throttle);
    cr_assert_null (throttle);
    fst_throttle_destroy (&throttle);
}

Test (throttle, success_forgets_failures)
{
    fst_throttle_t *throttle = fst_throttle_new (2, 60000, s_key);
    int64_t wait_ms;
    for (int at = 0; at < 10; at++) {
        fst_throttle_failed (throttle, "alice", at);
        cr_assert_eq (fst_throttle_check (throttle, "alice", at, &wait_ms), FST_OK);
        fst_throttle_passed (throttle, "alice");
    }
    fst_throttle_destroy (&throttle);
}

Test (throttle, failures_at_the_same_time_all_count)
{
    //  Five guesses asked before any was answered: the answers after the limit stay untold
    fst_throttle_t *throttle = fst_throttle_new (3, 60000, s_key);
    int64_t wait_ms;
    int told = 0;
    for (int at = 0; at < 5; at++)
        cr_assert_eq (fst_throttle_check (throttle, "alice", 0, &wait_ms), FST_OK);
    for (int at = 0; at < 5; at++) {
        told += fst_throttle_check (throttle, "alice", 1, &wait_ms) == FST_OK;
        fst_throttle_failed (throttle, "alice", 1);
    }
    cr_assert_eq (told, 3);
    fst_throttle_destroy (&throttle);
}

Test (throttle, a_flood_of_names_does_not_free_an_account)
{
    fst_throttle_t *throttle = fst_throttle_new (2, 60000, s_key);
    int64_t wait_ms;
    fst_throttle_failed (throttle, "alice", 0);
    fst_throttle_failed (throttle, "alice", 0);
    for (int at = 0; at < 100000; at++) {
        char name [32];
        snprintf (name, sizeof (name), "nobody-%d", at);
        fst_throttle_failed (throttle, name, 1);
    }
    cr_assert_eq (fst_throttle_check (throttle, "alice", 2, &wait_ms), FST_TOO_MANY);
    fst_throttle_destroy (&throttle);
}
