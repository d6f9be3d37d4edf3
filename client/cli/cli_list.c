//  ls and stat.

#include <czmq.h>
#include <inttypes.h>
#include "cli.h"
#include "fst_text.h"

typedef struct {
    cli_t *cli;
    size_t count;
} s_list_t;

static void
s_print_json (s_list_t *self, const filestore_entry_t *entry)
{
    cli_print_row (&self->count, json_pack ("{s:s,s:s,s:I,s:I,s:s,s:I}", "name", entry->name,
                   "kind", entry->folder? "folder": "file", "size", (json_int_t) entry->size,
                   "modified_ms", (json_int_t) entry->modified_ms, "owner", entry->owner, "id", (json_int_t) entry->id));
}

static void
s_print_long (const filestore_entry_t *entry)
{
    char when [32];
    printf ("%c %-12s %14" PRId64 "  %s  ", entry->folder? 'd': '-', entry->owner, entry->size,
            cli_time_text (entry->modified_ms, when, sizeof (when)));
}

static fst_rc_t
s_print_entry (void *arg, const filestore_entry_t *entry)
{
    s_list_t *self = arg;
    if (self->cli->given [CLI_JSON])
        s_print_json (self, entry);
    else {
        if (self->cli->given [CLI_LONG])
            s_print_long (entry);
        cli_print_name (entry->name);
        putchar ('\n');
    }
    return ferror (stdout)? FST_IO: FST_OK;
}

fst_rc_t
cli_ls (cli_t *self, int count, char **operands)
{
    char *path = count? strdup (operands [0]): NULL;
    fst_rc_t rc = path? cli_check_path (self, path): FST_OK;
    if (rc == FST_OK)
        rc = cli_connect (self, true);
    if (rc == FST_OK && !path)
        path = zsys_sprintf ("/users/%s", filestore_user (self->store));
    if (rc == FST_OK) {
        s_list_t list = { .cli = self };
        rc = cli_store_failed (self, filestore_list (self->store, path, s_print_entry, &list));
        if (self->given [CLI_JSON] && (rc == FST_OK || list.count))
            cli_print_rows_end (list.count);
    }
    free (path);
    return rc;
}

//  ------------------------------------------------------------------------------------------------

static void
s_row (json_t *entry, const char *name, const char *label)
{
    json_t *value = json_object_get (entry, name);
    if (json_is_string (value)) {
        printf ("%-10s ", label);
        cli_print_name (json_string_value (value));
        putchar ('\n');
    }
    else
    if (json_is_integer (value))
        printf ("%-10s %" JSON_INTEGER_FORMAT "\n", label, json_integer_value (value));
}

static void
s_time_row (json_t *entry, const char *name, const char *label)
{
    char when [32];
    int64_t wall_ms = json_integer_value (json_object_get (entry, name));
    if (wall_ms)
        printf ("%-10s %s\n", label, cli_time_text (wall_ms, when, sizeof (when)));
}

static void
s_print_extent (json_t *extent)
{
    char text [32];
    size_t at;
    json_t *node;
    json_t *nodes = json_object_get (extent, "nodes");
    json_int_t chunks = json_integer_value (json_object_get (extent, "chunks"));
    printf ("extent %-3" JSON_INTEGER_FORMAT " %" JSON_INTEGER_FORMAT " chunk%s, %s, on",
            json_integer_value (json_object_get (extent, "extent")), chunks, chunks == 1? "": "s",
            fst_size_text (json_integer_value (json_object_get (extent, "bytes")), text, sizeof (text)));
    json_array_foreach (nodes, at, node)
        printf (" %s", json_string_value (node));
    printf ("%s\n", json_array_size (nodes)? "": " no node");
}

static void
s_print_stat (json_t *entry)
{
    char text [32];
    int64_t size = json_integer_value (json_object_get (entry, "size"));
    const char *kind = json_string_value (json_object_get (entry, "kind"));
    s_row (entry, "path", "path");
    s_row (entry, "kind", "kind");
    s_row (entry, "owner", "owner");
    s_row (entry, "rights", "you may");
    if (kind && streq (kind, "file"))
        printf ("%-10s %" PRId64 " (%s)\n", "size", size, fst_size_text (size, text, sizeof (text)));
    s_row (entry, "entries", "entries");
    s_time_row (entry, "created_ms", "created");
    s_time_row (entry, "modified_ms", "modified");
    s_row (entry, "version", "version");
    s_row (entry, "replicas", "copies");
    s_row (entry, "blob", "blob");
    size_t at;
    json_t *extent;
    json_array_foreach (json_object_get (entry, "extents"), at, extent)
        s_print_extent (extent);
}

fst_rc_t
cli_stat (cli_t *self, int count, char **operands)
{
    (void) count;
    json_t *entry = NULL;
    fst_rc_t rc = cli_check_path (self, operands [0]);
    if (rc == FST_OK)
        rc = cli_connect (self, true);
    if (rc == FST_OK)
        rc = cli_store_failed (self, filestore_stat_extents (self->store, operands [0], &entry));
    if (rc != FST_OK)
        return rc;
    if (self->given [CLI_JSON])
        cli_print_json (entry);
    else {
        s_print_stat (entry);
        json_decref (entry);
    }
    return FST_OK;
}
