//  Rules of the tap: what passes is kept only while somebody looks, and nothing secret of it.

#include <criterion/criterion.h>
#include "fst_sodium.h"
#include "fst_tap.h"
#include "fst_token.h"

static fst_tap_t *tap;
static int64_t now_us;
static uint8_t sign_public [FST_SIGN_PUBLIC_BYTES], sign_secret [FST_SIGN_SECRET_BYTES];

static int64_t
s_wall_ms (void)
{
    return 1700000000000 + now_us / 1000;
}

static int64_t
s_mono_us (void)
{
    return now_us;
}

static void
s_setup (void)
{
    zsys_handler_set (NULL);
    now_us = 1000000;
    crypto_sign_keypair (sign_public, sign_secret);
    tap = fst_tap_new (s_wall_ms, s_mono_us, sign_public);
}

static void
s_teardown (void)
{
    fst_tap_destroy (&tap);
}

TestSuite (tap, .init = s_setup, .fini = s_teardown);

static int64_t
s_sequence (json_t *reply)
{
    int64_t sequence = json_integer_value (json_object_get (reply, "sequence"));
    json_decref (reply);
    return sequence;
}

//  A request that waits 1 ms and takes 2 ms.
static void
s_pass (const char *service, const char *request, const char *reply)
{
    zmsg_t *body = zmsg_new ();
    zmsg_addstr (body, request);
    fst_tapped_t *tapped = fst_tap_came (tap, service, body);
    now_us += 3000;
    zmsg_t *answer = zmsg_new ();
    zmsg_addstr (answer, reply);
    fst_tap_answered (tap, &tapped, answer, 1000, 2000);
    cr_expect_null (tapped);
    zmsg_destroy (&body);
    zmsg_destroy (&answer);
}

#define STAT "{\"v\":1,\"id\":\"a1\",\"command\":\"STAT\",\"payload\":{\"path\":\"x\"}}"
#define OK   "{\"v\":1,\"id\":\"a1\",\"status\":\"ok\",\"payload\":{}}"

Test (tap, nothing_is_kept_while_nobody_looks)
{
    s_pass ("metadata", STAT, OK);
    int64_t since = s_sequence (fst_tap_look (tap, NULL, -1));
    cr_expect_eq (since, 0);
    s_pass ("metadata", STAT, OK);
    now_us += FST_TAP_OPEN_MS * 1000;
    s_pass ("metadata", STAT, OK);          //  Too late
    json_t *reply = fst_tap_look (tap, NULL, since);
    cr_expect_eq (json_array_size (json_object_get (reply, "rows")), 0);
    json_decref (reply);
}

Test (tap, a_row_tells_times_sizes_and_result)
{
    int64_t since = s_sequence (fst_tap_look (tap, NULL, -1));
    s_pass ("metadata", STAT, "{\"v\":1,\"id\":\"a1\",\"status\":\"error\",\"code\":\"not_found\",\"message\":\"no\"}");
    json_t *reply = fst_tap_look (tap, NULL, since), *row = json_array_get (json_object_get (reply, "rows"), 0);
    cr_assert_not_null (row);
    cr_expect_str_eq (json_string_value (json_object_get (row, "service")), "metadata");
    cr_expect_str_eq (json_string_value (json_object_get (row, "command")), "STAT");
    cr_expect_str_eq (json_string_value (json_object_get (row, "id")), "a1");
    cr_expect_str_eq (json_string_value (json_object_get (row, "code")), "not_found");
    cr_expect_str_eq (json_string_value (json_object_get (row, "payload")), "{\"path\":\"x\"}");
    cr_expect_eq (json_integer_value (json_object_get (row, "waited_us")), 1000);
    cr_expect_eq (json_integer_value (json_object_get (row, "worked_us")), 2000);
    cr_expect_eq (json_integer_value (json_object_get (row, "request_bytes")), (json_int_t) strlen (STAT));
    json_decref (reply);
}

Test (tap, what_may_be_secret_is_masked_however_deep)
{
    int64_t since = s_sequence (fst_tap_look (tap, NULL, -1));
    s_pass ("auth", "{\"v\":1,\"id\":\"b\",\"command\":\"LOGIN\",\"token\":\"PRIVATE\",\"payload\":{\"name\":\"anna\","
            "\"password\":\"PRIVATE\",\"more\":[{\"api_key\":\"PRIVATE\",\"Cookie\":\"PRIVATE\",\"new\":{\"x\":\"PRIVATE\"},\"n\":7}]}}", OK);
    json_t *reply = fst_tap_look (tap, NULL, since);
    char *text = json_dumps (reply, 0);
    cr_expect_null (strstr (text, "PRIVATE"), "%s", text);
    cr_expect (strstr (text, "anna") && strstr (text, ":7"), "%s", text);
    free (text);
    json_decref (reply);
}

//  Whom the tap tells after a request with a token that this secret signed.
static void
s_expect_user (const uint8_t *secret, int64_t expires_ms, const char *user)
{
    fst_claims_t claims = { .name = "anna", .role = FST_ROLE_USER, .expires_ms = expires_ms };
    char *token = fst_token_sign (&claims, secret);
    char request [FST_TOKEN_CHARS_MAX + 100];
    snprintf (request, sizeof (request), "{\"v\":1,\"id\":\"a1\",\"command\":\"STAT\",\"token\":\"%s\",\"payload\":{}}", token);
    int64_t since = s_sequence (fst_tap_look (tap, NULL, -1));
    s_pass ("metadata", request, OK);
    json_t *reply = fst_tap_look (tap, *user? "anna": NULL, since), *row = json_array_get (json_object_get (reply, "rows"), 0);
    cr_assert_not_null (row);
    cr_expect_str_eq (json_string_value (json_object_get (row, "user")), user);
    json_decref (reply);
    free (token);
}

Test (tap, who_asked_is_told_only_if_auth_signed_it)
{
    uint8_t other_public [FST_SIGN_PUBLIC_BYTES], other_secret [FST_SIGN_SECRET_BYTES];
    crypto_sign_keypair (other_public, other_secret);
    s_expect_user (sign_secret, s_wall_ms () + 60000, "anna");
    s_expect_user (sign_secret, s_wall_ms () - 60000, "anna");
    s_expect_user (other_secret, s_wall_ms () + 60000, "");
}

Test (tap, a_filter_is_a_part_of_service_command_or_id)
{
    int64_t since = s_sequence (fst_tap_look (tap, NULL, -1));
    s_pass ("metadata", STAT, OK);
    s_pass ("auth", "{\"v\":1,\"id\":\"zz\",\"command\":\"STATUS\",\"payload\":{}}", OK);
    s_pass ("broker", "{\"v\":1,\"id\":\"t\",\"command\":\"TAP\",\"payload\":{}}", OK);    //  Looking is no news
    static const struct { const char *filter; size_t count; } rows [] = {
        { NULL, 2 }, { "metadata", 1 }, { "STAT", 2 }, { "auth STATUS", 1 }, { "zz", 1 }, { "nothing", 0 }
    };
    for (size_t at = 0; at < sizeof (rows) / sizeof (rows [0]); at++) {
        json_t *reply = fst_tap_look (tap, rows [at].filter, since);
        cr_expect_eq (json_array_size (json_object_get (reply, "rows")), rows [at].count, "%s", rows [at].filter);
        json_decref (reply);
    }
}

Test (tap, who_is_too_slow_hears_how_much_was_missed_and_pages_are_bounded)
{
    int64_t since = s_sequence (fst_tap_look (tap, NULL, -1));
    int passed = FST_TAP_ROWS + 10;
    for (int number = 0; number < passed; number++)
        s_pass ("metadata", STAT, OK);
    size_t told = 0, missed = 0;
    bool more = true;
    while (more) {
        json_t *reply = fst_tap_look (tap, NULL, since);
        size_t rows = json_array_size (json_object_get (reply, "rows"));
        cr_assert (rows > 0 && rows <= FST_TAP_PAGE);
        told += rows;
        missed += (size_t) json_integer_value (json_object_get (reply, "missed"));
        more = json_is_true (json_object_get (reply, "more"));
        since = s_sequence (reply);
    }
    cr_expect_eq (missed, 10);
    cr_expect_eq (told, FST_TAP_ROWS);
}

Test (tap, garbage_is_told_by_its_size)
{
    int64_t since = s_sequence (fst_tap_look (tap, NULL, -1));
    s_pass ("echo", "\xff\xfe no json", "neither");
    s_pass ("echo", "[]", "7");
    s_pass ("echo", "{\"command\":7,\"payload\":\"x\",\"id\":null}", "{}");
    json_t *reply = fst_tap_look (tap, NULL, since);
    cr_expect_eq (json_array_size (json_object_get (reply, "rows")), 3);
    json_decref (reply);
}
