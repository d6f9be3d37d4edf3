//  Text that crosses borders: one form for each value, nothing else is taken.

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "fst_text.h"

Test (text, hex_is_lower_case_and_of_exact_length)
{
    uint8_t data [3] = { 0x00, 0xfe, 0x1a }, back [3];
    char text [7];
    fst_hex_encode (data, 3, text);
    cr_assert_str_eq (text, "00fe1a");
    cr_assert (fst_hex_decode (text, back, 3) == FST_OK);
    cr_assert (memcmp (data, back, 3) == 0);
    const char *wrong [] = { "00fe1", "00fe1a0", "00fe1a00", "00FE1A", "00fe1g", "", " 0fe1a", "00fe1 " };
    for (size_t at = 0; at < sizeof (wrong) / sizeof (wrong [0]); at++)
        cr_assert (fst_hex_decode (wrong [at], back, 3) == FST_MALFORMED, "%s", wrong [at]);
}

Test (text, every_base64_length_comes_back)
{
    uint8_t data [256], back [256];
    for (size_t at = 0; at < sizeof (data); at++)
        data [at] = (uint8_t) (at * 37 + 251);
    for (size_t bytes = 0; bytes <= sizeof (data); bytes++) {
        char *text = fst_base64_encode (data, bytes);
        size_t decoded = 999;
        cr_assert (fst_base64_valid (text));
        cr_assert (fst_base64_decode (text, back, bytes, &decoded) == FST_OK);
        cr_assert_eq (decoded, bytes);
        cr_assert (memcmp (data, back, bytes) == 0);
        if (bytes > 0)
            cr_assert (fst_base64_decode (text, back, bytes - 1, &decoded) == FST_MALFORMED);
        free (text);
    }
}

Test (text, base64_has_one_form_for_each_value)
{
    const char *wrong [] = { "A", "AB", "AAB", "AA==", "AA+/", "AA A", "AAAA\n", "AAAAA", "AAA_-9", "AA9", "=", "\xc3\xa4", "AA\xc3\xa4" };
    uint8_t back [16];
    size_t bytes;
    for (size_t at = 0; at < sizeof (wrong) / sizeof (wrong [0]); at++) {
        cr_assert_not (fst_base64_valid (wrong [at]), "%s", wrong [at]);
        cr_assert (fst_base64_decode (wrong [at], back, 16, &bytes) == FST_MALFORMED, "%s", wrong [at]);
    }
    cr_assert (fst_base64_valid ("AAA_-w"));
    cr_assert (fst_base64_decode ("_-8", back, 16, &bytes) == FST_OK);
    cr_assert (bytes == 2 && back [0] == 0xff && back [1] == 0xef);
}

Test (text, base64_has_64_digits)
{
    int digits = 0;
    for (int octet = 1; octet < 256; octet++) {
        char text [5] = { 'A', 'A', 'A', (char) octet, 0 };
        uint8_t back [3];
        size_t bytes;
        fst_rc_t rc = fst_base64_decode (text, back, 3, &bytes);
        cr_assert_eq (rc == FST_OK, fst_base64_valid (text), "octet %d", octet);
        digits += rc == FST_OK;
    }
    cr_assert_eq (digits, 64);
}

Test (text, ids_differ)
{
    char one [33], two [33];
    fst_id_new (one);
    fst_id_new (two);
    cr_assert (strlen (one) == 32 && fst_hex_valid (one));
    cr_assert_str_neq (one, two);
}

Test (text, utf8_follows_rfc_3629)
{
    const char *good [] = { "", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                            "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\x7f" };
    for (size_t at = 0; at < sizeof (good) / sizeof (good [0]); at++)
        cr_assert (fst_utf8_valid (good [at], strlen (good [at])), "good %zu", at);
    const char *bad [] = { "\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                           "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc2", "\xe1\x80", "\xf1\x80\x80",
                           "\xc2""a", "\xe1\x80""a", "a\xff" };
    for (size_t at = 0; at < sizeof (bad) / sizeof (bad [0]); at++)
        cr_assert_not (fst_utf8_valid (bad [at], strlen (bad [at])), "bad %zu", at);
    cr_assert_not (fst_utf8_valid ("a\0b", 3), "NUL");
}

Test (text, user_and_node_names_are_plain)
{
    char longest [66];
    memset (longest, 'a', 65);
    longest [65] = 0;
    cr_assert_not (fst_user_name_valid (longest));
    longest [64] = 0;
    cr_assert (fst_user_name_valid (longest));
    const char *good [] = { "a", "0", "node-1", "a.b_c-d", "a..", "9lives" };
    for (size_t at = 0; at < sizeof (good) / sizeof (good [0]); at++)
        cr_assert (fst_user_name_valid (good [at]) && fst_node_name_valid (good [at]), "%s", good [at]);
    const char *bad [] = { "", ".a", "_a", "-a", "A", "aB", "a b", "a/b", "a\n", "\xc3\xa4", "..", "a:b" };
    for (size_t at = 0; at < sizeof (bad) / sizeof (bad [0]); at++)
        cr_assert_not (fst_user_name_valid (bad [at]) || fst_node_name_valid (bad [at]), "%s", bad [at]);
}

Test (text, path_has_one_absolute_form)
{
    const char *home = "/users/alice";
    const char *cases [] [2] = {
        { "/", "/" },                      { "///", "/" },              { "a", "/users/alice/a" },
        { "a/", "/users/alice/a" },        { "a//b", "/users/alice/a/b" }, { "/a//b///", "/a/b" },
        { "...", "/users/alice/..." },     { ".a", "/users/alice/.a" }, { "/ ", "/ " },
        { "/\xc3\xa4", "/\xc3\xa4" },
    };
    for (size_t at = 0; at < sizeof (cases) / sizeof (cases [0]); at++) {
        char *normal = NULL;
        cr_assert (fst_path_normal (cases [at] [0], home, &normal) == FST_OK, "%s", cases [at] [0]);
        cr_assert_str_eq (normal, cases [at] [1]);
        cr_assert (fst_path_valid (normal));
        cr_assert (fst_path_acceptable (cases [at] [0]));
        cr_assert_eq (fst_path_valid (cases [at] [0]), strcmp (cases [at] [0], cases [at] [1]) == 0);
        free (normal);
    }
}

Test (text, path_never_leaves_its_place)
{
    const char *bad [] = { "", ".", "..", "../a", "a/..", "a/../b", "a/./b", "/..", "/.", "/a/..//", "a/\xff", "\xc0\xae" };
    for (size_t at = 0; at < sizeof (bad) / sizeof (bad [0]); at++) {
        char *normal = NULL;
        cr_assert (fst_path_normal (bad [at], "/users/alice", &normal) == FST_BAD_NAME, "%s", bad [at]);
        cr_assert_null (normal);
        cr_assert_not (fst_path_acceptable (bad [at]));
        cr_assert_not (fst_path_valid (bad [at]));
    }
    char *normal = NULL;
    cr_assert (fst_path_normal ("a", NULL, &normal) == FST_BAD_NAME, "relative without a home");
}

//  A path of so many parts of so many octets.
static char *
s_path (size_t parts, size_t bytes)
{
    char *path = calloc (parts * (bytes + 1) + 1, 1), *at = path;
    for (size_t part = 0; part < parts; part++, at += bytes + 1) {
        at [0] = '/';
        memset (at + 1, 'x', bytes);
    }
    return path;
}

static void
s_expect_path (size_t parts, size_t bytes, bool valid)
{
    char *path = s_path (parts, bytes);
    cr_assert_eq (fst_path_valid (path), valid, "%zu parts of %zu", parts, bytes);
    free (path);
}

Test (text, path_is_bounded)
{
    s_expect_path (1, 255, true);
    s_expect_path (1, 256, false);
    s_expect_path (64, 1, true);
    s_expect_path (65, 1, false);
    s_expect_path (16, 255, true);      //  4096 octets
    s_expect_path (17, 255, false);
    s_expect_path (64, 63, true);       //  4096 octets again

    char *path = s_path (62, 1);
    cr_assert (fst_path_acceptable (path + 1), "62 levels and the two of a home");
    free (path);
    path = s_path (63, 1);
    cr_assert_not (fst_path_acceptable (path + 1));
    free (path);
}

static void
s_expect_size (const char *text, fst_rc_t rc, int64_t bytes)
{
    int64_t value = -1;
    cr_assert_eq (fst_size_parse (text, &value), rc, "%s", text);
    cr_assert_eq (value, rc == FST_OK? bytes: -1, "%s", text);
}

Test (text, sizes_have_units_and_never_overflow)
{
    s_expect_size ("0", FST_OK, 0);
    s_expect_size ("4096", FST_OK, 4096);
    s_expect_size ("64 KiB", FST_OK, 65536);
    s_expect_size ("1MiB", FST_OK, 1048576);
    s_expect_size ("10 GB", FST_OK, 10000000000);
    s_expect_size ("10 gb", FST_OK, 10000000000);
    s_expect_size ("8191 PiB", FST_OK, INT64_C (8191) << 50);
    s_expect_size ("9223372036854775807", FST_OK, INT64_MAX);
    s_expect_size ("9223372036854775808", FST_MALFORMED, 0);
    s_expect_size ("8192 PiB", FST_MALFORMED, 0);
    const char *wrong [] = { "", " 1", "-1", "+1", "1 XB", "1.5 GB", "MiB", "1 MiB ", "1 Mi B", "0x10" };
    for (size_t at = 0; at < sizeof (wrong) / sizeof (wrong [0]); at++)
        s_expect_size (wrong [at], FST_MALFORMED, 0);
}

Test (text, durations_are_milliseconds)
{
    const struct { const char *text; int64_t ms; } cases [] = {
        { "10 s", 10000 }, { "250 ms", 250 }, { "2 h", 7200000 }, { "14 d", 1209600000 }, { "1 min", 60000 }, { "7", 7000 } };
    for (size_t at = 0; at < sizeof (cases) / sizeof (cases [0]); at++) {
        int64_t ms;
        cr_assert (fst_duration_parse (cases [at].text, &ms) == FST_OK, "%s", cases [at].text);
        cr_assert_eq (ms, cases [at].ms);
    }
    int64_t ms;
    cr_assert (fst_duration_parse ("10 m", &ms) == FST_MALFORMED, "minutes or milliseconds?");
    cr_assert (fst_duration_parse ("9223372036854775807", &ms) == FST_MALFORMED);
}

Test (text, sizes_read_well)
{
    const struct { int64_t bytes; const char *text; } cases [] = {
        { 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" }, { 1503238553, "1.4 GiB" }, { 1048575, "1.0 MiB" },
        { INT64_MAX, "8.0 EiB" } };
    char buffer [32];
    for (size_t at = 0; at < sizeof (cases) / sizeof (cases [0]); at++)
        cr_assert_str_eq (fst_size_text (cases [at].bytes, buffer, sizeof (buffer)), cases [at].text);
}
