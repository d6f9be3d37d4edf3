//  Rule: a line of the log as JSON is an object with the same fields, whatever is in them.

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "fst_log.h"

#define WHEN "2026-11-22T10:15:00.123Z"

static json_t *
s_line (const char *subject, const char *text)
{
    char line [512];
    size_t length = fst_log_json (line, sizeof (line), WHEN, "info", subject, text);
    cr_assert_lt (length, sizeof (line));
    line [length] = 0;
    json_error_t error;
    json_t *object = json_loads (line, JSON_REJECT_DUPLICATES, &error);
    cr_assert (object, "%s: %s", error.text, line);
    return object;
}

static void
s_check (const char *text, const char *expected)
{
    json_t *object = s_line ("metadata", text), *wanted = json_loads (expected, 0, NULL);
    cr_assert (wanted);
    json_object_update_missing_new (wanted, json_pack ("{s:s, s:s, s:s}", "time", WHEN, "level", "info", "subject", "metadata"));
    char *got = json_dumps (object, JSON_SORT_KEYS);
    cr_assert (json_equal (object, wanted), "%s gave %s", text, got);
    free (got);
    json_decref (object);
    json_decref (wanted);
}

Test (log, words_are_the_event_and_the_rest_are_fields)
{
    s_check ("node lost node=node-2 silent_ms=30012", "{\"event\": \"node lost\", \"node\": \"node-2\", \"silent_ms\": 30012}");
    s_check ("zip broke off: path=\"/a b/c\" reason=\"no = here\"",
             "{\"event\": \"zip broke off\", \"path\": \"/a b/c\", \"reason\": \"no = here\"}");
    s_check ("recovery began: node=a was told things", "{\"event\": \"recovery began: was told things\", \"node\": \"a\"}");
    s_check ("x empty= quoted=\"\" id=007 n=-5 z=0 level=5", 
             "{\"event\": \"x\", \"empty\": \"\", \"quoted\": \"\", \"id\": \"007\", \"n\": -5, \"z\": 0, \"level_\": 5}");
    s_check ("", "{\"event\": \"\"}");
    s_check ("open=\"never closed", "{\"event\": \"closed\", \"open\": \"\\\"never\"}");
    s_check ("tab\there back\\slash key=\x01", "{\"event\": \"tab\\there back\\\\slash\", \"key\": \"\\u0001\"}");
}

Test (log, a_line_that_is_too_long_is_cut_and_stays_an_object)
{
    for (size_t length = 1; length < 700; length++) {
        char text [1024];
        memset (text, length % 3? 'x': '"', length);
        text [length] = 0;
        json_decref (s_line ("a", text));
        snprintf (text, sizeof (text), "event key=%0*d u=\"", (int) length, 7);
        while (strlen (text) < length + 40)
            strcat (text, "\xc3\xa4");
        json_decref (s_line ("a", text));
    }
}

Test (log, what_a_peer_can_cause_is_written_some_times_a_second_only)
{
    fst_log_sparing_t sparing = { 0 };
    cr_expect (fst_log_sparing (&sparing));
    sparing.until_ms += 3600 * 1000;    //  However slow this machine is
    unsigned written = 1;
    for (int count = 0; count < 1000; count++)
        written += fst_log_sparing (&sparing);
    cr_expect_eq (written, 20);
    sparing.until_ms = 0;               //  The second is over
    cr_expect (fst_log_sparing (&sparing));
}
