//  Figures over the last hours: a ring that forgets.

#include <criterion/criterion.h>
#include "fst_history.h"

static fst_history_t *s_history;

static void
s_begin (void)
{
    s_history = fst_history_new (10, 3, 25);
}

static void
s_end (void)
{
    fst_history_destroy (&s_history);
    fst_history_destroy (&s_history);
}

TestSuite (history, .init = s_begin, .fini = s_end);

static void
s_is (json_t *found, const char *expected)
{
    json_t *wanted = json_loads (expected, JSON_DECODE_ANY, NULL);
    char *text = json_dumps (found, JSON_COMPACT);
    cr_assert (wanted && json_equal (found, wanted), "%s", text);
    free (text);
    json_decref (wanted);
    json_decref (found);
}

Test (history, points_are_taken_in_order_and_the_oldest_goes)
{
    s_is (fst_history_json (s_history), "{\"interval_ms\":10,\"times\":[],\"series\":{}}");
    s_is (fst_history_last (s_history), "{}");
    for (int at = 1; at <= 5; at++) {
        fst_history_set (s_history, "up", at * 100 + 0.4, at * 10);
        fst_history_step (s_history, at * 10, at * 1000);
    }
    s_is (fst_history_json (s_history), "{\"interval_ms\":10,\"times\":[3000,4000,5000],\"series\":{\"up\":[300,400,500]}}");
    s_is (fst_history_last (s_history), "{\"up\":500}");
}

Test (history, a_series_that_begins_later_has_no_earlier_values)
{
    fst_history_set (s_history, "a", 1, 0);
    fst_history_step (s_history, 0, 1000);
    fst_history_set (s_history, "b", 2, 10);
    fst_history_step (s_history, 10, 2000);
    s_is (fst_history_json (s_history), "{\"interval_ms\":10,\"times\":[1000,2000],\"series\":{\"a\":[1,1],\"b\":[null,2]}}");
}

Test (history, an_old_value_is_none_and_a_series_without_any_is_forgotten)
{
    fst_history_set (s_history, "a", 1, 0);
    for (int at = 0; at <= 4; at++)
        fst_history_step (s_history, at * 10, at * 1000);
    s_is (fst_history_json (s_history), "{\"interval_ms\":10,\"times\":[2000,3000,4000],\"series\":{\"a\":[1,null,null]}}");
    fst_history_step (s_history, 50, 5000);
    s_is (fst_history_json (s_history), "{\"interval_ms\":10,\"times\":[3000,4000,5000],\"series\":{}}");
}

Test (history, there_is_room_for_so_many_series_and_no_more)
{
    char name [16];
    for (int at = 0; at < FST_HISTORY_SERIES_MAX + 20; at++) {
        snprintf (name, sizeof (name), "s%d", at);
        fst_history_set (s_history, name, at, 0);
    }
    fst_history_step (s_history, 0, 0);
    json_t *last = fst_history_last (s_history);
    cr_assert_eq (json_object_size (last), FST_HISTORY_SERIES_MAX);
    json_decref (last);
}
