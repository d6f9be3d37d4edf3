//  The contract at run time: what a schema says is enforced, and a refusal names the place.

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>
#include "fst_schema.h"

static json_t *
s_json (const char *text)
{
    json_error_t error;
    json_t *value = json_loads (text, JSON_DECODE_ANY, &error);
    cr_assert (value, "%s: %s", text, error.text);
    return value;
}

//  expected NULL: the message is good.
static void
s_expect (const fst_schema_t *schema, const char *text, const char *expected)
{
    char where [256] = "";
    json_t *value = s_json (text);
    fst_rc_t rc = fst_schema_check (schema, value, where, sizeof (where));
    cr_assert_eq (fst_schema_check (schema, value, NULL, 0), rc);
    cr_assert_eq (rc, expected? FST_MALFORMED: FST_OK, "%s: %s", text, where);
    if (expected)
        cr_assert_str_eq (where, expected);
    json_decref (value);
}

Test (schema, commands_are_found_by_service_and_name)
{
    const fst_schema_command_t *command = fst_schema_find ("metadata", "GET_FILE_INFO");
    cr_assert (command && command->request && command->reply);
    cr_assert_str_eq (command->service, "metadata");
    cr_assert_str_eq (command->command, "GET_FILE_INFO");
    cr_assert_eq (fst_schema_find ("storage.node-1", "STORE"), fst_schema_find ("storage", "STORE"));
    cr_assert_neq (fst_schema_find ("metadata", "STATUS"), fst_schema_find ("auth", "STATUS"));

    const char *missing [] [2] = { { "metadat", "STAT" }, { "metadatax", "STAT" }, { "", "STAT" }, { "metadata", "STA" },
                                   { "metadata", "STATU" }, { "metadata", "" }, { "metadata", "stat" }, { ".metadata", "STAT" },
                                   { "envelope", "REQUEST" }, { "events", "file" }, { "zzz", "ZZZ" } };
    for (size_t at = 0; at < sizeof (missing) / sizeof (missing [0]); at++)
        cr_assert_null (fst_schema_find (missing [at] [0], missing [at] [1]));
}

Test (schema, events_are_found_by_the_topic_before_the_dot)
{
    cr_assert (fst_schema_event ("heartbeat"));
    cr_assert_eq (fst_schema_event ("heartbeat.node-1"), fst_schema_event ("heartbeat"));
    cr_assert_neq (fst_schema_event ("file.moved"), fst_schema_event ("heartbeat"));
    cr_assert_null (fst_schema_event ("heart"));
    cr_assert_null (fst_schema_event ("heartbeats"));
    cr_assert_null (fst_schema_event (""));
    cr_assert_null (fst_schema_event ("REQUEST"));
}

Test (schema, refusal_names_the_place_and_the_reason)
{
    const fst_schema_t *login = fst_schema_find ("auth", "LOGIN")->request;
    s_expect (login, "{\"name\":\"alice\",\"password\":\"x\"}", NULL);
    s_expect (login, "{\"name\":\"alice\"}", "payload.password: is missing");
    s_expect (login, "{\"password\":\"x\"}", "payload.name: is missing");
    s_expect (login, "{\"name\":\"alice\",\"password\":\"x\",\"a\\nb\":1}", "payload.a?b: is not known here");
    s_expect (login, "{\"name\":\"Alice\",\"password\":\"x\"}",
              "payload.name: is no user name (a-z 0-9 . _ -, first a letter or digit)");
    s_expect (login, "{\"name\":\"alice\",\"password\":\"\"}", "payload.password: must have at least 1 character");
    s_expect (login, "{\"name\":7,\"password\":\"x\"}", "payload.name: must be a string");
    s_expect (login, "{\"name\":null,\"password\":\"x\"}", "payload.name: must be a string");
    s_expect (login, "[]", "payload: must be an object");

    const fst_schema_t *retrieve = fst_schema_find ("storage", "RETRIEVE")->request;
    const char *format = "{\"capability\":\"%s\",\"blob\":\"%s\",\"extent\":%s,\"slot\":0}";
    const char *blob = "00112233445566778899aabbccddeeff";
    struct { const char *capability, *blob, *extent, *expected; } cases [] = {
        { "AAAA", blob, "0", NULL },
        { "AAAA", blob, "4294967295", NULL },
        { "AAAA", blob, "-1", "payload.extent: must be at least 0" },
        { "AAAA", blob, "4294967296", "payload.extent: must be at most 4294967295" },
        { "AAAA", blob, "1.0", "payload.extent: must be an integer" },
        { "AAAA", blob, "true", "payload.extent: must be an integer" },
        { "AA=A", blob, "0", "payload.capability: must be octets in base64, URL alphabet without padding" },
        { "AAAA", "00112233445566778899AABBCCDDEEFF", "0", "payload.blob: must be octets in lower-case hex digits" },
        { "AAAA", "00", "0", "payload.blob: must have at least 32 characters" },
    };
    for (size_t at = 0; at < sizeof (cases) / sizeof (cases [0]); at++) {
        char text [512];
        snprintf (text, sizeof (text), format, cases [at].capability, cases [at].blob, cases [at].extent);
        s_expect (retrieve, text, cases [at].expected);
    }
}

Test (schema, entries_of_arrays_are_checked_and_counted)
{
    const fst_schema_t *put = fst_schema_find ("metadata", "PUT_FILE_INFO")->request;
    s_expect (put, "{\"files\":[]}", "payload.files: must have at least 1 entry");
    s_expect (put, "{\"files\":{}}", "payload.files: must be an array");
    s_expect (put, "{\"files\":[{\"index\":0,\"path\":\"a\",\"size\":0,\"modified_ms\":0,\"extents\":[]},"
                   "{\"index\":0,\"path\":\"a\",\"size\":-1,\"modified_ms\":0,\"extents\":[]}]}",
              "payload.files[1].size: must be at least 0");
    s_expect (put, "{\"files\":[{\"index\":0,\"path\":\"a/../b\",\"size\":0,\"modified_ms\":0,\"extents\":[]}]}",
              "payload.files[0].path: is no path (parts of 1 to 255 octets, no \".\" or \"..\", 4096 octets and 64 levels)");
    s_expect (put, "{\"commit\":1,\"files\":[]}", "payload.commit: must be true or false");

    json_t *many = json_pack ("{s:[]}", "files");
    json_t *one = s_json ("{\"index\":0,\"path\":\"a\",\"size\":0,\"modified_ms\":0,\"extents\":[]}");
    for (int count = 0; count < 256; count++)
        json_array_append (json_object_get (many, "files"), one);
    cr_assert (fst_schema_check (put, many, NULL, 0) == FST_OK);
    json_array_append (json_object_get (many, "files"), one);
    char where [64];
    cr_assert (fst_schema_check (put, many, where, sizeof (where)) == FST_MALFORMED);
    cr_assert_str_eq (where, "payload.files: must have at most 256 entries");
    json_decref (one);
    json_decref (many);
}

Test (schema, lengths_count_code_points)
{
    const fst_schema_t *login = fst_schema_find ("auth", "LOGIN")->request;
    json_t *value = json_pack ("{ss}", "name", "alice");
    char password [4 * 1025 + 1];
    for (size_t at = 0; at < 1025; at++)
        memcpy (password + 4 * at, "\xf0\x9f\x98\x80", 5);
    json_object_set_new (value, "password", json_string (password));
    cr_assert (fst_schema_check (login, value, NULL, 0) == FST_MALFORMED);
    password [4 * 1024] = 0;
    json_object_set_new (value, "password", json_string (password));
    cr_assert (fst_schema_check (login, value, NULL, 0) == FST_OK);
    json_decref (value);
}

Test (schema, enum_and_const_allow_only_their_values)
{
    const fst_schema_t *login = fst_schema_find ("auth", "LOGIN")->reply;
    s_expect (login, "{\"token\":\"AAAA\",\"user\":\"a\",\"role\":\"admin\",\"expires_ms\":0}", NULL);
    s_expect (login, "{\"token\":\"AAAA\",\"user\":\"a\",\"role\":\"root\",\"expires_ms\":0}",
              "payload.role: must be one of: user, admin, actor");
    s_expect (fst_schema_envelope_request (), "{\"v\":2,\"id\":\"1\",\"command\":\"X\"}", "envelope.v: must be 1");
    s_expect (fst_schema_envelope_request (), "{\"v\":1,\"id\":\"1\",\"command\":\"X\",\"payload\":{\"any\":[1.5]}}", NULL);
    s_expect (fst_schema_event ("heartbeat"), "{}", "event.capacity: is missing");
}

Test (schema, refusal_is_cut_to_its_buffer)
{
    const fst_schema_t *login = fst_schema_find ("auth", "LOGIN")->request;
    json_t *value = json_object ();
    char name [1000];
    memset (name, 'x', sizeof (name));
    name [sizeof (name) - 1] = 0;
    json_object_set_new (value, name, json_true ());
    for (size_t size = 0; size <= 40; size++) {
        char where [64];
        memset (where, '#', sizeof (where));
        cr_assert (fst_schema_check (login, value, where, size) == FST_MALFORMED);
        cr_assert_eq (where [size], '#', "not one octet more");
        if (size > 0)
            cr_assert_eq (strlen (where), size - 1);
    }
    json_decref (value);
}
