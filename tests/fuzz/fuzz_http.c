//  Heads, targets and queries from strangers: what is believed of them is harmless.

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_assets.h"
#include "fst_http_check.h"
#include "fst_query.h"
#include "fst_text.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes);

static void
s_target (const char *text)
{
    char *path = NULL, where [128];
    fst_http_query_t query;
    if (fst_http_check_target (text, &path, &query)) {
        assert (!path && !query.text);
        return;
    }
    assert (path [0] == '/' && fst_utf8_valid (path, strlen (path)));
    assert (!strstr (path, "//") && !strstr (path, "/../") && !strstr (path, "/./"));
    for (const char *at = path; *at; at++)
        assert ((unsigned char) *at >= 0x20 && *at != 0x7f);
    json_t *payload = NULL;
    if (fst_query_payload (&query, fst_schema_find ("metadata", "LIST_EVENTS")->request, &payload, where, sizeof (where)) == FST_OK)
        assert (json_is_object (payload));
    json_decref (payload);
    free (path);
    fst_http_query_clear (&query);
}

//  Lines "NAME:VALUE".
static void
s_head (char *text)
{
    fst_http_field_t fields [FST_HTTP_FIELDS_MAX];
    size_t count = 0, lengths = 0, hosts = 0;
    for (char *line = strsep (&text, "\n"); line && count < FST_HTTP_FIELDS_MAX; line = strsep (&text, "\n")) {
        size_t name = strcspn (line, ":");
        const char *value = line [name]? line + name + 1: "";
        fields [count++] = (fst_http_field_t) { line, value, name, strlen (value) };
        lengths += name == 14 && strncasecmp (line, "content-length", 14) == 0;
        lengths += name == 17 && strncasecmp (line, "transfer-encoding", 17) == 0;
        hosts += name == 4 && strncasecmp (line, "host", 4) == 0;
    }
    fst_http_head_t head;
    int status;
    if (!fst_http_check_head ("POST", "HTTP/1.1", fields, count, &head, &status)) {
        assert (lengths <= 1 && hosts == 1);
        assert (head.body_bytes >= -1 && (lengths || head.body_bytes == 0));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes)
{
    char *text = strndup ((const char *) data, bytes);
    size_t length = 0;
    s_target (text);
    const char *cookie = fst_http_cookie (text, "filestore", &length);
    assert (!cookie || (cookie > text && cookie + length <= text + strlen (text)));
    fst_http_is_own_origin (text, "a", false);
    fst_http_is_type (text, "application/json");
    fst_assets_is_known (text, "\"a\"");
    fst_assets_takes_gzip (text);
    s_head (text);
    free (text);
    return 0;
}
