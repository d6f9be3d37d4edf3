//  Queries as payloads, and what the page's files need of headers.

#include <criterion/criterion.h>
#include <stdlib.h>
#include "fst_assets.h"
#include "fst_query.h"

//  The payload as text, or the error in brackets.
static char *
s_payload (const char *service, const char *command, const char *target)
{
    char *path = NULL, where [256] = "";
    fst_http_query_t query;
    json_t *payload = NULL;
    cr_assert_null (fst_http_check_target (target, &path, &query));
    fst_rc_t rc = fst_query_payload (&query, fst_schema_find (service, command)->request, &payload, where, sizeof (where));
    char *text = NULL;
    if (rc == FST_OK)
        text = json_dumps (payload, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    else
    if (asprintf (&text, "[%s]", where) < 0)
        abort ();
    json_decref (payload);
    fst_http_query_clear (&query);
    free (path);
    return text;
}

static void
s_expect (const char *command, const char *target, const char *expected)
{
    char *text = s_payload ("metadata", command, target);
    cr_expect_str_eq (text, expected, "%s: %s", target, text);
    free (text);
}

Test (query, fields_have_the_types_of_the_schema)
{
    s_expect ("LIST_EVENTS", "/x?since=12&types=file&types=node.back&path=a%20b",
              "{\"path\":\"a b\",\"since\":12,\"types\":[\"file\",\"node.back\"]}");
    s_expect ("LIST_EVENTS", "/x", "{}");
    s_expect ("STAT", "/x?path=12", "{\"path\":\"12\"}");
    s_expect ("DELETE_FILE", "/x?path=a&recursive=true&forever=0", "{\"forever\":false,\"path\":\"a\",\"recursive\":true}");
    s_expect ("DELETE_FILE", "/x?path=a&recursive&forever=1", "{\"forever\":true,\"path\":\"a\",\"recursive\":true}");
    s_expect ("STAT", "/x?path=%C3%A4", "{\"path\":\"\\u00E4\"}");
}

Test (query, what_is_not_of_its_type_or_unknown_is_refused)
{
    s_expect ("STAT", "/x?path=a&path=b", "[path is there twice]");
    s_expect ("STAT", "/x?paths=a", "[there is no field paths here]");
    s_expect ("STAT", "/x?=a", "[there is no field  here]");
    static const char *const numbers [] = { "", "x", "1x", "1.0", "+1", "0x1", "-", "1234567890123456789", " 1" };
    for (size_t at = 0; at < sizeof (numbers) / sizeof (numbers [0]); at++) {
        char target [64];
        snprintf (target, sizeof (target), "/x?since=%s", numbers [at] [0] == ' '? "%201": numbers [at]);
        s_expect ("LIST_EVENTS", target, "[since is not of its type]");
    }
    s_expect ("DELETE_FILE", "/x?path=a&forever=yes", "[forever is not of its type]");
}

//  A negative number is a number: the schema's bounds are for the check of the payload.
Test (query, bounds_are_left_to_the_check)
{
    s_expect ("LIST_EVENTS", "/x?since=-1", "{\"since\":-1}");
    s_expect ("LIST_EVENTS", "/x?limit=99999999", "{\"limit\":99999999}");
}

Test (assets, entity_tags_are_compared_whole)
{
    cr_expect (fst_assets_is_known ("\"a\"", "\"a\""));
    cr_expect (fst_assets_is_known ("\"b\", \"a\"", "\"a\""));
    cr_expect (fst_assets_is_known ("W/\"a\"", "\"a\""));
    cr_expect (fst_assets_is_known ("*", "\"a\""));
    cr_expect_not (fst_assets_is_known ("\"ab\"", "\"a\""));
    cr_expect_not (fst_assets_is_known ("a", "\"a\""));
    cr_expect_not (fst_assets_is_known ("", "\"a\""));
    cr_expect_not (fst_assets_is_known (NULL, "\"a\""));
}

Test (assets, gzip_is_given_to_who_takes_it)
{
    cr_expect (fst_assets_takes_gzip ("gzip, deflate, br"));
    cr_expect (fst_assets_takes_gzip ("deflate, GZIP;q=0.5"));
    cr_expect (fst_assets_takes_gzip ("*"));
    cr_expect_not (fst_assets_takes_gzip ("gzip;q=0"));
    cr_expect_not (fst_assets_takes_gzip ("gzip; q=0.0, br"));
    cr_expect_not (fst_assets_takes_gzip ("br, xgzip"));
    cr_expect_not (fst_assets_takes_gzip (""));
    cr_expect_not (fst_assets_takes_gzip (NULL));
}

Test (assets, page_is_there_with_types_that_no_browser_guesses)
{
    bool index = false;
    for (const fst_asset_t *asset = fst_assets; asset->path; asset++) {
        index |= strcmp (asset->path, "/index.html") == 0;
        cr_expect (asset->data_end > asset->data, "%s is empty", asset->path);
        cr_expect_str_neq (fst_assets_type (asset->path), "application/octet-stream", "%s has no type", asset->path);
    }
    cr_expect (index);
}
