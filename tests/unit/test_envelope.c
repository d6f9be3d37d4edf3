//  The JSON body of commands and replies: what one side encodes the other decodes, the rest is refused.

#include <criterion/criterion.h>
#include <czmq.h>
#include <string.h>
#include "fst_envelope.h"

Test (envelope, request_comes_back)
{
    json_t *payload = json_pack ("{s:s, s:i}", "path", "a/\xc3\xa4", "n", 7);
    zframe_t *frame = fst_envelope_request_encode ("0123", "STAT", "AAAA", payload);
    fst_envelope_request_t request;
    char where [128] = "";
    cr_assert (fst_envelope_request_decode (zframe_data (frame), zframe_size (frame), &request, where, sizeof (where)) == FST_OK,
               "%s", where);
    zframe_destroy (&frame);
    cr_assert_str_eq (request.id, "0123");
    cr_assert_str_eq (request.command, "STAT");
    cr_assert_str_eq (request.token, "AAAA");
    cr_assert (json_equal (request.payload, payload));
    cr_assert_eq (payload->refcount, 1, "borrowed");
    json_decref (payload);
    fst_envelope_request_clear (&request);
    fst_envelope_request_clear (&request);
    cr_assert_null (request.root);

    frame = fst_envelope_request_encode ("1", "STATUS", NULL, NULL);
    cr_assert (fst_envelope_request_decode (zframe_data (frame), zframe_size (frame), &request, where, sizeof (where)) == FST_OK);
    cr_assert_null (request.token);
    cr_assert_eq (json_object_size (request.payload), 0);
    fst_envelope_request_clear (&request);
    zframe_destroy (&frame);
}

Test (envelope, reply_comes_back)
{
    json_t *payload = json_pack ("{s:i}", "n", 7);
    zframe_t *frame = fst_envelope_reply_encode ("0123", payload);
    fst_envelope_reply_t reply;
    cr_assert (fst_envelope_reply_decode (zframe_data (frame), zframe_size (frame), &reply, NULL, 0) == FST_OK);
    zframe_destroy (&frame);
    cr_assert_str_eq (reply.id, "0123");
    cr_assert_eq (reply.rc, FST_OK);
    cr_assert_null (reply.message);
    cr_assert (json_equal (reply.payload, payload));
    json_decref (payload);
    fst_envelope_reply_clear (&reply);
    fst_envelope_reply_clear (&reply);
}

Test (envelope, every_error_of_the_list_comes_back)
{
    for (int rc = 1; rc < FST_ERRORS_COUNT; rc++) {
        zframe_t *frame = fst_envelope_error_encode ("", (fst_rc_t) rc, rc % 2? NULL: "because");
        fst_envelope_reply_t reply;
        cr_assert (fst_envelope_reply_decode (zframe_data (frame), zframe_size (frame), &reply, NULL, 0) == FST_OK);
        cr_assert_eq (reply.rc, rc);
        cr_assert_null (reply.payload);
        cr_assert_str_eq (reply.message, rc % 2? fst_error_text ((fst_rc_t) rc): "because");
        fst_envelope_reply_clear (&reply);
        zframe_destroy (&frame);
    }
}

Test (envelope, error_message_always_fits)
{
    char longest [5000];
    for (size_t at = 0; at < sizeof (longest) - 1; at++)
        longest [at] = at % 2? '\xa4': '\xc3';
    longest [sizeof (longest) - 1] = 0;
    const char *messages [] = { longest, longest + 1, "\xff", "", "quote \" and \n" };
    for (size_t at = 0; at < sizeof (messages) / sizeof (messages [0]); at++) {
        zframe_t *frame = fst_envelope_error_encode ("1", FST_IO, messages [at]);
        fst_envelope_reply_t reply;
        char where [128] = "";
        cr_assert (fst_envelope_reply_decode (zframe_data (frame), zframe_size (frame), &reply, where, sizeof (where)) == FST_OK,
                   "%s", where);
        cr_assert (strlen (reply.message) <= 1024);
        fst_envelope_reply_clear (&reply);
        zframe_destroy (&frame);
    }
}

Test (envelope, reply_that_is_too_large_says_so)
{
    char *text = malloc (FST_JSON_BYTES_MAX + 1);
    memset (text, 'x', FST_JSON_BYTES_MAX);
    text [FST_JSON_BYTES_MAX] = 0;
    json_t *payload = json_pack ("{s:s}", "text", text);
    zframe_t *frame = fst_envelope_reply_encode ("77", payload);
    fst_envelope_reply_t reply;
    cr_assert (fst_envelope_reply_decode (zframe_data (frame), zframe_size (frame), &reply, NULL, 0) == FST_OK);
    cr_assert_eq (reply.rc, FST_TOO_LARGE);
    cr_assert_str_eq (reply.id, "77");
    fst_envelope_reply_clear (&reply);
    zframe_destroy (&frame);

    frame = fst_envelope_request_encode ("77", "STAT", NULL, payload);
    fst_envelope_request_t request;
    cr_assert (fst_envelope_request_decode (zframe_data (frame), zframe_size (frame), &request, NULL, 0) == FST_TOO_LARGE);
    zframe_destroy (&frame);
    json_decref (payload);
    free (text);
}

static const char *const s_bad_requests [] = {
    "", " ", "{", "null", "7", "\"x\"", "[]", "{}",
    "{\"v\":1,\"id\":\"1\"}",
    "{\"v\":1,\"command\":\"X\"}",
    "{\"id\":\"1\",\"command\":\"X\"}",
    "{\"v\":2,\"id\":\"1\",\"command\":\"X\"}",
    "{\"v\":1.0,\"id\":\"1\",\"command\":\"X\"}",
    "{\"v\":1,\"id\":\"\",\"command\":\"X\"}",
    "{\"v\":1,\"id\":1,\"command\":\"X\"}",
    "{\"v\":1,\"id\":\"1\",\"command\":\"X\",\"payload\":[]}",
    "{\"v\":1,\"id\":\"1\",\"command\":\"X\",\"payload\":null}",
    "{\"v\":1,\"id\":\"1\",\"command\":\"X\",\"token\":\"a b\"}",
    "{\"v\":1,\"id\":\"1\",\"command\":\"X\",\"more\":1}",
    "{\"v\":1,\"id\":\"1\",\"command\":\"X\",\"id\":\"2\"}",
    "{\"v\":1,\"id\":\"1\",\"command\":\"X\",\"payload\":{\"a\":1,\"a\":2}}",
    "{\"v\":1,\"id\":\"1\",\"command\":\"X\"} {}",
    "{\"v\":1,\"id\":\"1\",\"command\":\"X\"}x",
    "{\"v\":1,\"id\":\"1\\u0000\",\"command\":\"X\"}",
    "{\"v\":1,\"id\":\"\\ud800\",\"command\":\"X\"}",
    "{\"v\":1,\"id\":\"\xff\",\"command\":\"X\"}",
    "{\"v\":1,\"id\":\"1\",\"command\":\"X\",\"payload\":{\"n\":9223372036854775808}}",
};

Test (envelope, bad_request_is_refused_with_a_reason)
{
    for (size_t at = 0; at < sizeof (s_bad_requests) / sizeof (s_bad_requests [0]); at++) {
        fst_envelope_request_t request;
        char where [128] = "";
        const char *text = s_bad_requests [at];
        cr_assert (fst_envelope_request_decode (text, strlen (text), &request, where, sizeof (where)) == FST_MALFORMED, "%s", text);
        cr_assert_str_not_empty (where, "%s", text);
    }
    char deep [3000];
    memset (deep, '[', sizeof (deep));
    fst_envelope_request_t request;
    cr_assert (fst_envelope_request_decode (deep, sizeof (deep), &request, NULL, 0) == FST_MALFORMED);
    const char nul [] = "{\"v\":1,\"id\":\"1\",\"command\":\"X\"}";
    cr_assert (fst_envelope_request_decode (nul, sizeof (nul), &request, NULL, 0) == FST_MALFORMED, "a NUL after it");
}

Test (envelope, refusal_never_repeats_a_value)
{
    const char *texts [] = { "{\"v\":1,\"id\":\"1\",\"command\":\"X\",\"payload\":{\"password\":\"hunter2\"",
                             "{\"v\":1,\"id\":\"1\",\"command\":\"X\",\"payload\":{\"password\" \"hunter2\"}}",
                             "{\"v\":1,\"id\":\"1\",\"command\":\"X\",\"token\":\"hunter2 \"}" };
    for (size_t at = 0; at < sizeof (texts) / sizeof (texts [0]); at++) {
        fst_envelope_request_t request;
        char where [256] = "";
        cr_assert (fst_envelope_request_decode (texts [at], strlen (texts [at]), &request, where, sizeof (where)) == FST_MALFORMED);
        cr_assert_null (strstr (where, "hunter"), "%s", where);
    }
}

Test (envelope, reply_is_either_ok_or_an_error)
{
    const char *bad [] = {
        "{\"v\":1,\"id\":\"1\"}",
        "{\"v\":1,\"id\":\"1\",\"status\":\"error\"}",
        "{\"v\":1,\"id\":\"1\",\"status\":\"error\",\"code\":\"ok\"}",
        "{\"v\":1,\"id\":\"1\",\"status\":\"ok\",\"code\":\"io\"}",
        "{\"v\":1,\"id\":\"1\",\"status\":\"fine\"}",
    };
    fst_envelope_reply_t reply;
    for (size_t at = 0; at < sizeof (bad) / sizeof (bad [0]); at++)
        cr_assert (fst_envelope_reply_decode (bad [at], strlen (bad [at]), &reply, NULL, 0) == FST_MALFORMED, "%s", bad [at]);

    const char *newer = "{\"v\":1,\"id\":\"1\",\"status\":\"error\",\"code\":\"out_of_coffee\",\"payload\":{}}";
    cr_assert (fst_envelope_reply_decode (newer, strlen (newer), &reply, NULL, 0) == FST_OK);
    cr_assert_eq (reply.rc, FST_INTERNAL, "an error that only a newer peer knows");
    cr_assert_null (reply.payload);
    fst_envelope_reply_clear (&reply);
}
