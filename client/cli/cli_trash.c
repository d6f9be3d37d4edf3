//  trash, restore and versions: what was there before.

#include <czmq.h>
#include <inttypes.h>
#include "cli.h"
#include "fst_text.h"

typedef struct {
    cli_t *cli;
    size_t rows;
    //  Looking for one
    int64_t id;
    char *name;
} s_items_t;

//  ---- trash

static void
s_print_item (s_items_t *items, json_t *page, size_t at)
{
    char when [32], size [32];
    bool folder = cli_column_folder (page, at);
    int64_t id = cli_column_number (page, "ids", at), bytes = cli_column_number (page, "sizes", at);
    int64_t trashed_ms = cli_column_number (page, "trashed_ms", at);
    const char *path = cli_column_text (page, "paths", at);
    if (items->cli->given [CLI_JSON]) {
        cli_print_row (&items->rows, json_pack ("{s:I, s:s, s:s, s:I, s:I, s:s}", "id", (json_int_t) id, "path", path,
            "kind", folder? "folder": "file", "size", (json_int_t) bytes, "trashed_ms", (json_int_t) trashed_ms,
            "user", cli_column_text (page, "users", at)));
        return;
    }
    printf ("%8" PRId64 "  %s  %10s  ", id, cli_time_text (trashed_ms, when, sizeof (when)),
            folder? "folder": fst_size_text (bytes, size, sizeof (size)));
    cli_print_name (path);
    putchar ('\n');
}

static fst_rc_t
s_print_items (void *arg, json_t *page)
{
    for (size_t at = 0; at < json_array_size (json_object_get (page, "ids")); at++)
        s_print_item (arg, page, at);
    return ferror (stdout)? FST_IO: FST_OK;
}

//  Those, or all; until there are no more.
static fst_rc_t
s_empty (cli_t *self, json_t *ids)
{
    int64_t gone = 0;
    fst_rc_t rc = FST_OK;
    for (bool more = true; rc == FST_OK && more; ) {
        json_t *reply = NULL;
        rc = cli_ask (self, "metadata", "EMPTY_TRASH", ids? json_pack ("{s:O}", "ids", ids): json_object (), &reply);
        gone += json_integer_value (json_object_get (reply, "entries"));
        more = json_is_true (json_object_get (reply, "more"));
        json_decref (reply);
    }
    if (rc == FST_OK && self->given [CLI_JSON])
        cli_print_json (json_pack ("{s:I}", "entries", (json_int_t) gone));
    else
    if (rc == FST_OK)
        printf ("%" PRId64 " deleted forever\n", gone);
    return rc;
}

fst_rc_t
cli_trash (cli_t *self, int count, char **operands)
{
    json_t *ids = count? json_array (): NULL;
    s_items_t items = { .cli = self };
    fst_rc_t rc = FST_OK;
    if (count && !self->given [CLI_EMPTY])
        rc = cli_fail (self, FST_MALFORMED, "to delete these forever say --empty; to have them back: filestore restore");
    if (rc == FST_OK && count > 1000)
        rc = cli_fail (self, FST_MALFORMED, "at most 1,000 at once");
    for (int at = 0; at < count && rc == FST_OK; at++) {
        int64_t id = 0;
        rc = cli_parse_number (self, operands [at], "number of the trash", &id);
        if (rc == FST_OK && id < 1)
            rc = cli_fail (self, FST_MALFORMED, "%s is no number of the trash", operands [at]);
        json_array_append_new (ids, json_integer (id));
    }
    if (rc == FST_OK)
        rc = cli_connect (self, true);
    if (rc == FST_OK && self->given [CLI_EMPTY])
        rc = s_empty (self, ids);
    else
    if (rc == FST_OK) {
        rc = cli_ask_pages (self, "LIST_TRASH", json_object (), s_print_items, &items);
        if (self->given [CLI_JSON] && (rc == FST_OK || items.rows))
            cli_print_rows_end (items.rows);
    }
    json_decref (ids);
    return rc;
}

//  ---- restore

static fst_rc_t
s_look_for_name (void *arg, json_t *page)
{
    s_items_t *items = arg;
    for (size_t at = 0; !items->name && at < json_array_size (json_object_get (page, "ids")); at++)
        if (cli_column_number (page, "ids", at) == items->id)
            items->name = strdup (cli_column_text (page, "names", at));
    return FST_OK;
}

//  TO as it is meant: if that is a folder, into it under the name that it had. Caller frees.
static fst_rc_t
s_target (cli_t *self, const char *path, int64_t id, const char *to, char **target_p)
{
    cli_kind_t kind;
    fst_rc_t rc = cli_remote_kind (self, to, &kind, NULL);
    bool slash = to [strlen (to) - 1] == '/';
    if (rc == FST_OK && slash && kind != CLI_FOLDER)
        rc = cli_fail (self, kind == CLI_FILE? FST_NOT_A_FOLDER: FST_NOT_FOUND, "%s is no folder", to);
    if (rc != FST_OK || kind != CLI_FOLDER) {
        *target_p = rc == FST_OK? strdup (to): NULL;
        return rc;
    }
    s_items_t items = { .cli = self, .id = id, .name = id? NULL: cli_path_base (path) };
    if (id)
        rc = cli_ask_pages (self, "LIST_TRASH", json_object (), s_look_for_name, &items);
    if (rc == FST_OK && !items.name)
        rc = cli_fail (self, FST_NOT_FOUND, "there is no %s in your trash", path);
    *target_p = rc == FST_OK? cli_path_join (to, items.name): NULL;
    free (items.name);
    return rc;
}

//  All digits: a number of the trash.
static bool
s_is_number (const char *text)
{
    return *text && strspn (text, "0123456789") == strlen (text);
}

static fst_rc_t
s_from_trash (cli_t *self, const char *what, const char *to, json_t **reply_p)
{
    int64_t id = 0;
    char *target = NULL;
    fst_rc_t rc = s_is_number (what)? cli_parse_number (self, what, "number of the trash", &id): FST_OK;
    if (rc == FST_OK && to)
        rc = s_target (self, what, id, to, &target);
    if (rc == FST_OK) {
        json_t *payload = id? json_pack ("{s:I}", "trash", (json_int_t) id): json_pack ("{s:s}", "path", what);
        if (target)
            json_object_set_new (payload, "to", json_string (target));
        rc = cli_ask (self, "metadata", "RESTORE", payload, reply_p);
    }
    free (target);
    return rc;
}

fst_rc_t
cli_restore (cli_t *self, int count, char **operands)
{
    const char *what = operands [0], *to = count > 1? operands [1]: NULL;
    json_t *reply = NULL;
    int64_t version = 0;
    fst_rc_t rc = cli_check_path (self, what);
    if (rc == FST_OK && to)
        rc = cli_check_path (self, to);
    if (rc == FST_OK && self->given [CLI_VERSION])
        rc = to? cli_fail (self, FST_MALFORMED, "a version comes back in its own place; cat --version prints it")
               : cli_parse_number (self, self->values [CLI_VERSION], "version", &version);
    if (rc == FST_OK && self->given [CLI_VERSION] && version < 1)
        rc = cli_fail (self, FST_MALFORMED, "versions begin with 1");
    if (rc == FST_OK)
        rc = cli_connect (self, true);
    if (rc == FST_OK)
        rc = version? cli_ask (self, "metadata", "RESTORE_VERSION", json_pack ("{s:s, s:I}", "path", what, "version",
                                                                               (json_int_t) version), &reply)
                    : s_from_trash (self, what, to, &reply);
    if (rc != FST_OK)
        return rc;
    if (self->given [CLI_JSON]) {
        cli_print_json (reply);
        return FST_OK;
    }
    cli_print_name (json_string_value (json_object_get (reply, "path")));
    if (version)
        printf (" (version %" JSON_INTEGER_FORMAT ")", json_integer_value (json_object_get (reply, "version")));
    putchar ('\n');
    json_decref (reply);
    return FST_OK;
}

//  ---- versions

static void
s_print_version (cli_t *self, size_t *rows_p, json_t *row, int64_t current)
{
    char when [32], size [32];
    int64_t version = json_integer_value (json_object_get (row, "version"));
    if (self->given [CLI_JSON]) {
        json_object_set_new (row, "current", json_boolean (version == current));
        cli_print_row (rows_p, json_incref (row));
        return;
    }
    printf ("%8" PRId64 "  %s  %10s%s\n", version,
            cli_time_text (json_integer_value (json_object_get (row, "stored_ms")), when, sizeof (when)),
            fst_size_text (json_integer_value (json_object_get (row, "size")), size, sizeof (size)),
            version == current? "  current": "");
}

fst_rc_t
cli_versions (cli_t *self, int count, char **operands)
{
    (void) count;
    size_t rows = 0, at;
    int64_t after = 0;
    fst_rc_t rc = cli_check_path (self, operands [0]);
    if (rc == FST_OK)
        rc = cli_connect (self, true);
    for (bool more = true; rc == FST_OK && more; ) {
        json_t *reply = NULL, *row, *request = json_pack ("{s:s}", "path", operands [0]);
        if (after)
            json_object_set_new (request, "after", json_integer (after));
        rc = cli_ask (self, "metadata", "LIST_VERSIONS", request, &reply);
        int64_t current = json_integer_value (json_object_get (reply, "current"));
        json_array_foreach (json_object_get (reply, "versions"), at, row) {
            after = json_integer_value (json_object_get (row, "version"));
            s_print_version (self, &rows, row, current);
        }
        more = json_is_true (json_object_get (reply, "more"));
        json_decref (reply);
    }
    if (self->given [CLI_JSON] && (rc == FST_OK || rows))
        cli_print_rows_end (rows);
    return rc;
}
