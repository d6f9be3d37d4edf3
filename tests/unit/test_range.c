//  What a GET is answered: conditions, ranges, entity tags and dates of HTTP.

#include <criterion/criterion.h>
#include <string.h>
#include "fst_range.h"

#define NOV_6_1994_MS INT64_C (784111777000)

static void
s_range (const char *header, int64_t size, int status, int64_t offset, int64_t length)
{
    fst_range_t range = fst_range_parse (header, size);
    cr_assert_eq (range.status, status, "%s of %d gave %d", header, (int) size, range.status);
    if (status == 416)
        return;
    cr_assert_eq (range.offset, offset, "%s of %d begins at %d", header, (int) size, (int) range.offset);
    cr_assert_eq (range.length, length, "%s of %d has %d", header, (int) size, (int) range.length);
}

Test (range, one_range_is_given)
{
    s_range ("bytes=0-0", 100, 206, 0, 1);
    s_range ("bytes=0-99", 100, 206, 0, 100);
    s_range ("bytes=10-", 100, 206, 10, 90);
    s_range ("bytes=99-", 100, 206, 99, 1);
    s_range ("bytes=-1", 100, 206, 99, 1);
    s_range ("bytes=-100", 100, 206, 0, 100);
    s_range ("Bytes= 5-6 ", 100, 206, 5, 2);
    s_range ("bytes=0000000000000000000005-0006", 100, 206, 5, 2);
}

Test (range, one_that_goes_past_the_end_is_cut)
{
    s_range ("bytes=90-1000", 100, 206, 90, 10);
    s_range ("bytes=90-99999999999999999999999999999999", 100, 206, 90, 10);
    s_range ("bytes=-1000", 100, 206, 0, 100);
    s_range ("bytes=-99999999999999999999999999", 100, 206, 0, 100);
}

Test (range, what_is_not_there_is_refused)
{
    s_range ("bytes=100-", 100, 416, 0, 0);
    s_range ("bytes=100-200", 100, 416, 0, 0);
    s_range ("bytes=-0", 100, 416, 0, 0);
    s_range ("bytes=0-0", 0, 416, 0, 0);
    s_range ("bytes=0-", 0, 416, 0, 0);
    s_range ("bytes=99999999999999999999999-", 100, 416, 0, 0);
    s_range ("bytes=-5", 0, 200, 0, 0);
}

Test (range, what_does_not_parse_and_several_are_refused)
{
    static const char *const bad [] = {
        "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5", "bytes=5-4", "bytes=0-1,2-3", "bytes=0-,", "bytes=,0-1",
        "bytes=--1", "bytes=1--2", "bytes=1-2x", "bytes=0x1-2", "bytes=+1-2", "bytes=1 -2", "bytes:0-1", "bytes=-1-",
        "bytes=1-2-3", "bytes=\xff-"
    };
    for (size_t at = 0; at < sizeof (bad) / sizeof (*bad); at++)
        s_range (bad [at], 100, 416, 0, 0);
}

Test (range, a_unit_that_is_not_known_is_ignored)
{
    s_range ("lines=1-2", 100, 200, 0, 100);
    s_range ("", 100, 200, 0, 100);
}

static int
s_status (fst_conditions_t conditions)
{
    return fst_range_decide (&conditions, "\"7.3\"", NOV_6_1994_MS + 500, 100).status;
}

#define GIVEN(...) s_status ((fst_conditions_t) { __VA_ARGS__ })
#define EXACT "Sun, 06 Nov 1994 08:49:37 GMT"
#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"
#define LATER "Sun, 06 Nov 1994 08:49:38 GMT"

Test (range, without_conditions_the_whole_is_given)
{
    cr_assert_eq (GIVEN (0), 200);
    cr_assert_eq (GIVEN (.range = "bytes=1-2"), 206);
}

Test (range, who_has_it_already_is_told_so)
{
    cr_assert_eq (GIVEN (.if_none_match = "\"7.3\""), 304);
    cr_assert_eq (GIVEN (.if_none_match = "W/\"7.3\""), 304);
    cr_assert_eq (GIVEN (.if_none_match = "\"1.1\", \"7.3\""), 304);
    cr_assert_eq (GIVEN (.if_none_match = "*"), 304);
    cr_assert_eq (GIVEN (.if_none_match = "\"7.2\""), 200);
    cr_assert_eq (GIVEN (.if_none_match = "7.3"), 200);
    cr_assert_eq (GIVEN (.if_modified_since = EXACT), 304);
    cr_assert_eq (GIVEN (.if_modified_since = EARLIER), 200);
    cr_assert_eq (GIVEN (.if_modified_since = "yesterday"), 200);
    cr_assert_eq (GIVEN (.if_none_match = "\"7.2\"", .if_modified_since = EXACT), 200);
    cr_assert_eq (GIVEN (.if_none_match = "\"7.3\"", .range = "bytes=1-2"), 304);
}

//  A file may be replaced by an older one: a later time is no proof that nothing changed.
Test (range, a_later_time_is_not_the_same_file)
{
    cr_assert_eq (GIVEN (.if_modified_since = LATER), 200);
}

Test (range, who_wants_another_one_is_refused)
{
    cr_assert_eq (GIVEN (.if_match = "\"7.3\""), 200);
    cr_assert_eq (GIVEN (.if_match = "*"), 200);
    cr_assert_eq (GIVEN (.if_match = "\"7.2\", \"7.3\""), 200);
    cr_assert_eq (GIVEN (.if_match = "W/\"7.3\""), 412);
    cr_assert_eq (GIVEN (.if_match = "\"7.2\""), 412);
    cr_assert_eq (GIVEN (.if_unmodified_since = EARLIER), 412);
    cr_assert_eq (GIVEN (.if_unmodified_since = EXACT), 200);
    cr_assert_eq (GIVEN (.if_match = "\"7.3\"", .if_unmodified_since = EARLIER), 200);
    cr_assert_eq (GIVEN (.if_match = "\"7.2\"", .if_none_match = "\"7.3\""), 412);
}

Test (range, a_part_is_given_only_of_what_the_client_has_the_rest_of)
{
    cr_assert_eq (GIVEN (.range = "bytes=1-2", .if_range = "\"7.3\""), 206);
    cr_assert_eq (GIVEN (.range = "bytes=1-2", .if_range = "\"7.2\""), 200);
    cr_assert_eq (GIVEN (.range = "bytes=1-2", .if_range = "W/\"7.3\""), 200);
    cr_assert_eq (GIVEN (.range = "bytes=1-2", .if_range = EXACT), 206);
    cr_assert_eq (GIVEN (.range = "bytes=1-2", .if_range = LATER), 200);
    cr_assert_eq (GIVEN (.range = "bytes=200-", .if_range = "\"7.2\""), 200);
}

Test (range, tags_name_a_version_of_an_entry)
{
    char etag [FST_ETAG_MAX];
    fst_etag_make (INT64_C (9007199254740991), INT64_C (9007199254740991), etag);
    cr_assert_str_eq (etag, "\"9007199254740991.9007199254740991\"");
    cr_assert (fst_etag_listed (" W/\"1.1\" ,\"6.12\"", "\"6.12\"", true));
    cr_assert_not (fst_etag_listed ("\"6.1\", \"6.123\", 6.12, \"6.12\"", "\"6.12\"", true));
}

Test (range, dates_are_read_as_they_are_made)
{
    char text [FST_HTTP_DATE_MAX];
    fst_http_date (NOV_6_1994_MS + 999, text);
    cr_assert_str_eq (text, EXACT);
    cr_assert_eq (fst_http_date_parse (text), NOV_6_1994_MS);
    fst_http_date (-5, text);
    cr_assert_str_eq (text, "Thu, 01 Jan 1970 00:00:00 GMT");
    fst_http_date (INT64_MAX, text);
    cr_assert_str_eq (text, "Thu, 01 Jan 1970 00:00:00 GMT");
    static const char *const bad [] = { "", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET", EXACT "x",
                                        "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "784111777" };
    for (size_t at = 0; at < sizeof (bad) / sizeof (*bad); at++)
        cr_assert_eq (fst_http_date_parse (bad [at]), -1, "%s", bad [at]);
}
