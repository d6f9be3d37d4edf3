//  mkdir, mv, cp and rm.

#include <czmq.h>
#include "cli.h"

//  What one operand came to: with several of them, go on after a failure that is about this one only.
static fst_rc_t
s_one_done (cli_t *self, fst_rc_t rc, int count)
{
    if (rc == FST_OK || count == 1 || cli_ends_all (rc))
        return cli_store_failed (self, rc);
    cli_report (self, rc, filestore_problem (self->store));
    return FST_OK;
}

static fst_rc_t
s_check_and_connect (cli_t *self, int count, char **paths)
{
    fst_rc_t rc = FST_OK;
    for (int at = 0; at < count && rc == FST_OK; at++)
        rc = cli_check_path (self, paths [at]);
    return rc == FST_OK? cli_connect (self, true): rc;
}

fst_rc_t
cli_mkdir (cli_t *self, int count, char **operands)
{
    fst_rc_t rc = s_check_and_connect (self, count, operands);
    for (int at = 0; at < count && rc == FST_OK; at++)
        rc = s_one_done (self, filestore_make_folder (self->store, operands [at], self->given [CLI_PARENTS]), count);
    return rc;
}

//  One operand; with --json it says by which number restore takes it back.
static fst_rc_t
s_remove (cli_t *self, const char *path, size_t *rows_p)
{
    bool recursive = self->given [CLI_RECURSIVE], forever = self->given [CLI_FOREVER];
    json_t *reply = NULL;
    if (!self->given [CLI_JSON])
        return filestore_delete (self->store, path, recursive, forever);
    fst_rc_t rc = filestore_call (self->store, "metadata", "DELETE_FILE", json_pack ("{s:s, s:b, s:b}", "path", path,
                                  "recursive", recursive, "forever", forever), &reply);
    if (rc == FST_OK) {
        json_object_set_new (reply, "path", json_string (path));
        cli_print_row (rows_p, reply);
    }
    return rc;
}

fst_rc_t
cli_rm (cli_t *self, int count, char **operands)
{
    size_t rows = 0;
    fst_rc_t rc = s_check_and_connect (self, count, operands);
    for (int at = 0; at < count && rc == FST_OK; at++)
        rc = s_one_done (self, s_remove (self, operands [at], &rows), count);
    if (self->given [CLI_JSON] && (rc == FST_OK || rows))
        cli_print_rows_end (rows);
    return rc;
}

//  ---- mv and cp

//  From one path to another; the result is the library's.
typedef fst_rc_t (s_transfer_fn) (cli_t *self, const char *from, const char *to);

static fst_rc_t
s_move (cli_t *self, const char *from, const char *to)
{
    return filestore_move (self->store, from, to, !self->given [CLI_NO_REPLACE]);
}

static fst_rc_t
s_copy (cli_t *self, const char *from, const char *to);

//  A folder that is too large for one step: itself, then what is in it.
static fst_rc_t
s_copy_in_pieces (cli_t *self, const char *from, const char *to)
{
    cli_entries_t entries;
    fst_rc_t rc = filestore_make_folder (self->store, to, false);
    if (rc != FST_OK)
        return rc;
    rc = cli_entries_read (self, from, &entries);
    for (size_t at = 0; at < entries.count && rc == FST_OK; at++) {
        char *source = cli_path_join (from, entries.rows [at].name), *target = cli_path_join (to, entries.rows [at].name);
        rc = cli_interrupted ()? FST_INTERRUPTED: s_copy (self, source, target);
        free (source);
        free (target);
    }
    cli_entries_clear (&entries);
    return rc;
}

static fst_rc_t
s_copy (cli_t *self, const char *from, const char *to)
{
    bool recursive = self->given [CLI_RECURSIVE];
    fst_rc_t rc = filestore_call (self->store, "metadata", "COPY", json_pack ("{s:s, s:s, s:b, s:b}", "from", from, "to", to,
        "replace", !self->given [CLI_NO_REPLACE], "recursive", recursive), NULL);
    return rc == FST_TOO_LARGE && recursive? s_copy_in_pieces (self, from, to): rc;
}

//  The last operand is the target: a folder to put the others into, or the new path of the only one.
static fst_rc_t
s_transfer_all (cli_t *self, int count, char **operands, s_transfer_fn *transfer)
{
    const char *target = operands [--count];
    bool slash = *target && target [strlen (target) - 1] == '/';
    cli_kind_t kind = CLI_NOTHING;
    fst_rc_t rc = s_check_and_connect (self, count + 1, operands);
    if (rc == FST_OK)
        rc = cli_check_bases (self, operands, count);
    if (rc == FST_OK)
        rc = cli_remote_kind (self, target, &kind, NULL);
    if (rc == FST_OK && kind != CLI_FOLDER && (slash || count > 1))
        rc = cli_fail (self, kind == CLI_FILE? FST_NOT_A_FOLDER: FST_NOT_FOUND, "%s is no folder", target);
    for (int at = 0; at < count && rc == FST_OK; at++) {
        char *base = cli_path_base (operands [at]);
        char *to = kind == CLI_FOLDER? cli_path_join (target, base): strdup (target);
        rc = s_one_done (self, transfer (self, operands [at], to), count);
        free (to);
        free (base);
    }
    return rc;
}

fst_rc_t
cli_mv (cli_t *self, int count, char **operands)
{
    return s_transfer_all (self, count, operands, s_move);
}

fst_rc_t
cli_cp (cli_t *self, int count, char **operands)
{
    cli_catch_interrupt ();
    return s_transfer_all (self, count, operands, s_copy);
}
