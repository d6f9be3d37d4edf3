//  Asking the store: single commands, lists in pages, folders; and printing what comes in rows.

#include <czmq.h>
#include "cli.h"

fst_rc_t
cli_ask (cli_t *self, const char *service, const char *command, json_t *payload, json_t **reply_p)
{
    if (!payload)
        return cli_fail (self, FST_BAD_NAME, "what is said to the store must be UTF-8");
    return cli_store_failed (self, filestore_call (self->store, service, command, payload, reply_p));
}

fst_rc_t
cli_ask_pages (cli_t *self, const char *command, json_t *request, cli_page_fn *each, void *arg)
{
    fst_rc_t rc = request? FST_OK: cli_fail (self, FST_BAD_NAME, "what is said to the store must be UTF-8");
    for (bool more = true; rc == FST_OK && more; ) {
        json_t *page = NULL;
        rc = cli_ask (self, "metadata", command, json_incref (request), &page);
        if (rc == FST_OK)
            rc = each (arg, page);
        more = json_is_true (json_object_get (page, "more"));
        if (more)
            json_object_set (request, "after", json_object_get (page, "next"));
        json_decref (page);
        if (rc == FST_OK && cli_interrupted ())
            rc = cli_fail (self, FST_INTERRUPTED, "stopped before it was done");
    }
    json_decref (request);
    return rc;
}

const char *
cli_column_text (json_t *page, const char *column, size_t at)
{
    json_t *texts = json_object_get (page, column);
    const char *text = json_string_value (json_array_get (texts, json_array_size (texts) == 1? 0: at));
    return text? text: "";
}

int64_t
cli_column_number (json_t *page, const char *column, size_t at)
{
    return json_integer_value (json_array_get (json_object_get (page, column), at));
}

bool
cli_column_folder (json_t *page, size_t at)
{
    json_t *kinds = json_object_get (page, "kinds");
    return at < json_string_length (kinds) && json_string_value (kinds) [at] == 'd';
}

//  ---- Rows of JSON: an array that is printed while it comes

void
cli_print_row (size_t *count_p, json_t *row)
{
    char *text = row? json_dumps (row, JSON_COMPACT): NULL;
    assert (text);
    printf ("%s\n  %s", (*count_p)++? ",": "[", text);
    free (text);
    json_decref (row);
}

void
cli_print_rows_end (size_t count)
{
    printf ("%s\n]\n", count? "": "[");
}

//  ---- Folders

static fst_rc_t
s_keep (void *arg, const filestore_entry_t *entry)
{
    cli_entries_t *self = arg;
    if (self->count == self->size) {
        self->size = self->size? 2 * self->size: 64;
        self->rows = realloc (self->rows, self->size * sizeof (*self->rows));
        assert (self->rows);
    }
    self->rows [self->count++] = (cli_entry_t) {
        .name = strdup (entry->name), .folder = entry->folder, .bytes = entry->size, .modified_ms = entry->modified_ms
    };
    return cli_interrupted ()? FST_INTERRUPTED: FST_OK;
}

fst_rc_t
cli_entries_read (cli_t *self, const char *path, cli_entries_t *entries)
{
    *entries = (cli_entries_t) { .count = 0 };
    return filestore_list (self->store, path, s_keep, entries);
}

void
cli_entries_clear (cli_entries_t *self)
{
    for (size_t at = 0; at < self->count; at++)
        free (self->rows [at].name);
    free (self->rows);
    *self = (cli_entries_t) { .count = 0 };
}

//  ---- Operands

char *
cli_path_home (cli_t *self, const char *path)
{
    return path? strdup (path): zsys_sprintf ("/users/%s", filestore_user (self->store));
}

fst_rc_t
cli_parse_number (cli_t *self, const char *text, const char *what, int64_t *number_p)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll (text, &end, 10);
    if (!isdigit ((unsigned char) *text) || *end || errno)
        return cli_fail (self, FST_MALFORMED, "%.80s is no %s", text, what);
    *number_p = number;
    return FST_OK;
}
