//  tree, du and find: what is below a folder.

#include <czmq.h>
#include <inttypes.h>
#include "cli.h"
#include "fst_text.h"

//  What a walk through folders of the store sees, in order.
typedef struct {
    cli_t *cli;
    void (*each) (void *arg, const char *path, const cli_entry_t *entry, const char *lines, bool last);
    void *arg;
    fst_rc_t rc;                //  What ends it
} s_walk_t;

//  lines: what stands before the names in this folder.
static void
s_walk (s_walk_t *self, const char *path, const char *lines)
{
    cli_entries_t entries;
    fst_rc_t rc = cli_entries_read (self->cli, path, &entries);
    if (rc == FST_INTERRUPTED)
        self->rc = cli_fail (self->cli, rc, "stopped before it was done");
    else
    if (rc != FST_OK && (cli_ends_all (rc) || !*lines))
        self->rc = cli_store_failed (self->cli, rc);
    else
    if (rc != FST_OK)           //  It has gone meanwhile
        cli_report (self->cli, rc, filestore_problem (self->cli->store));
    for (size_t at = 0; at < entries.count && rc == FST_OK && self->rc == FST_OK; at++) {
        const cli_entry_t *entry = &entries.rows [at];
        bool last = at + 1 == entries.count;
        char *below = cli_path_join (path, entry->name), *more = zsys_sprintf ("%s%s", lines, last? "    ": "\u2502   ");
        self->each (self->arg, below, entry, lines, last);
        if (entry->folder)
            s_walk (self, below, more);
        free (below);
        free (more);
    }
    cli_entries_clear (&entries);
}

//  ---- tree

typedef struct {
    bool json;
    size_t rows;
    int64_t files, folders;
} s_tree_t;

static json_t *
s_row (const char *path, const cli_entry_t *entry)
{
    return json_pack ("{s:s, s:s, s:I, s:I}", "path", path, "kind", entry->folder? "folder": "file",
                      "size", (json_int_t) entry->bytes, "modified_ms", (json_int_t) entry->modified_ms);
}

static void
s_draw (void *arg, const char *path, const cli_entry_t *entry, const char *lines, bool last)
{
    s_tree_t *tree = arg;
    *(entry->folder? &tree->folders: &tree->files) += 1;
    if (tree->json) {
        cli_print_row (&tree->rows, s_row (path, entry));
        return;
    }
    printf ("%s%s ", lines, last? "\u2514\u2500\u2500": "\u251c\u2500\u2500");
    cli_print_name (entry->name);
    printf ("%s\n", entry->folder? "/": "");
}

fst_rc_t
cli_tree (cli_t *self, int count, char **operands)
{
    s_tree_t tree = { .json = self->given [CLI_JSON] };
    s_walk_t walk = { .cli = self, .each = s_draw, .arg = &tree };
    fst_rc_t rc = count? cli_check_path (self, operands [0]): FST_OK;
    if (rc == FST_OK)
        rc = cli_connect (self, true);
    if (rc != FST_OK)
        return rc;
    char *path = cli_path_home (self, count? operands [0]: NULL);
    cli_kind_t kind;
    rc = cli_remote_kind (self, path, &kind, NULL);
    if (rc == FST_OK && kind != CLI_FOLDER)
        rc = cli_fail (self, kind == CLI_FILE? FST_NOT_A_FOLDER: FST_NOT_FOUND, "%s is no folder", path);
    if (rc == FST_OK) {
        cli_catch_interrupt ();
        if (!tree.json) {
            cli_print_name (path);
            putchar ('\n');
        }
        s_walk (&walk, path, "");
        rc = walk.rc;
        if (tree.json)
            cli_print_rows_end (tree.rows);
        else
            printf ("\n%" PRId64 " folder%s, %" PRId64 " file%s\n", tree.folders, tree.folders == 1? "": "s", tree.files,
                    tree.files == 1? "": "s");
    }
    free (path);
    return rc;
}

//  ---- du

typedef struct {
    int64_t bytes, files, folders;
} s_sum_t;

static void
s_add (void *arg, const char *path, const cli_entry_t *entry, const char *lines, bool last)
{
    (void) path;
    (void) lines;
    (void) last;
    s_sum_t *sum = arg;
    sum->bytes += entry->folder? 0: entry->bytes;
    *(entry->folder? &sum->folders: &sum->files) += 1;
}

//  One operand. FST_NOT_FOUND
static fst_rc_t
s_sum_up (cli_t *self, const char *path, s_sum_t *sum)
{
    cli_kind_t kind;
    int64_t bytes = 0;
    fst_rc_t rc = cli_remote_kind (self, path, &kind, &bytes);
    if (rc == FST_OK && kind == CLI_NOTHING)
        rc = cli_fail (self, FST_NOT_FOUND, "there is no %s", path);
    if (rc == FST_OK && kind == CLI_FILE)
        *sum = (s_sum_t) { .bytes = bytes, .files = 1 };
    if (rc != FST_OK || kind == CLI_FILE)
        return rc;
    s_walk_t walk = { .cli = self, .each = s_add, .arg = sum };
    s_walk (&walk, path, "");
    return walk.rc;
}

static void
s_print_sum (cli_t *self, size_t *rows_p, const char *path, const s_sum_t *sum)
{
    char text [32];
    if (self->given [CLI_JSON]) {
        cli_print_row (rows_p, json_pack ("{s:s, s:I, s:I, s:I}", "path", path, "bytes", (json_int_t) sum->bytes,
                       "files", (json_int_t) sum->files, "folders", (json_int_t) sum->folders));
        return;
    }
    printf ("%10s  %8" PRId64 " file%s %6" PRId64 " folder%s  ", fst_size_text (sum->bytes, text, sizeof (text)), sum->files,
            sum->files == 1? " ": "s", sum->folders, sum->folders == 1? " ": "s");
    cli_print_name (path);
    putchar ('\n');
}

fst_rc_t
cli_du (cli_t *self, int count, char **operands)
{
    size_t rows = 0;
    fst_rc_t rc = FST_OK;
    for (int at = 0; at < count && rc == FST_OK; at++)
        rc = cli_check_path (self, operands [at]);
    if (rc == FST_OK)
        rc = cli_connect (self, true);
    if (rc != FST_OK)
        return rc;
    cli_catch_interrupt ();
    for (int at = 0; at < (count? count: 1) && rc == FST_OK; at++) {
        char *path = cli_path_home (self, count? operands [at]: NULL);
        s_sum_t sum = { .bytes = 0 };
        rc = s_sum_up (self, path, &sum);
        if (rc == FST_OK)
            s_print_sum (self, &rows, path, &sum);
        else
        if (count > 1 && !cli_ends_all (rc)) {
            cli_report (self, rc, self->problem);
            rc = FST_OK;
        }
        free (path);
    }
    if (self->given [CLI_JSON] && (rc == FST_OK || rows))
        cli_print_rows_end (rows);
    return rc;
}

//  ---- find

typedef struct {
    cli_t *cli;
    size_t rows;
} s_found_t;

//  Print a row of a page with paths, kinds, sizes, modified_ms, owners, ids: as JSON, long, or only its path.
static void
s_print_entry (cli_t *self, size_t *rows_p, json_t *page, size_t at)
{
    char when [32];
    const char *path = cli_column_text (page, "paths", at), *owner = cli_column_text (page, "owners", at);
    bool folder = cli_column_folder (page, at);
    int64_t bytes = cli_column_number (page, "sizes", at), modified_ms = cli_column_number (page, "modified_ms", at);
    if (self->given [CLI_JSON]) {
        cli_print_row (rows_p, json_pack ("{s:s, s:s, s:I, s:I, s:s, s:I}", "path", path, "kind", folder? "folder": "file",
            "size", (json_int_t) bytes, "modified_ms", (json_int_t) modified_ms, "owner", owner,
            "id", (json_int_t) cli_column_number (page, "ids", at)));
        return;
    }
    if (self->given [CLI_LONG])
        printf ("%c %-12s %14" PRId64 "  %s  ", folder? 'd': '-', owner, bytes, cli_time_text (modified_ms, when, sizeof (when)));
    cli_print_name (path);
    putchar ('\n');
}

static fst_rc_t
s_print_found (void *arg, json_t *page)
{
    s_found_t *found = arg;
    for (size_t at = 0; at < json_array_size (json_object_get (page, "paths")); at++)
        s_print_entry (found->cli, &found->rows, page, at);
    return ferror (stdout)? FST_IO: FST_OK;
}

fst_rc_t
cli_find (cli_t *self, int count, char **operands)
{
    fst_rc_t rc = count > 1? cli_check_path (self, operands [1]): FST_OK;
    if (rc == FST_OK && (!*operands [0] || strlen (operands [0]) > FST_NAME_BYTES_MAX))
        rc = cli_fail (self, FST_MALFORMED, "the text to look for has 1 to %d octets", FST_NAME_BYTES_MAX);
    if (rc == FST_OK)
        rc = cli_connect (self, true);
    if (rc != FST_OK)
        return rc;
    s_found_t found = { .cli = self };
    char *path = cli_path_home (self, count > 1? operands [1]: NULL);
    cli_catch_interrupt ();
    rc = cli_ask_pages (self, "FIND", json_pack ("{s:s, s:s}", "text", operands [0], "path", path), s_print_found, &found);
    if (self->given [CLI_JSON] && (rc == FST_OK || found.rows))
        cli_print_rows_end (found.rows);
    free (path);
    return rc;
}
