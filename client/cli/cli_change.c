//  mkdir, mv and rm.

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

fst_rc_t
cli_rm (cli_t *self, int count, char **operands)
{
    fst_rc_t rc = s_check_and_connect (self, count, operands);
    for (int at = 0; at < count && rc == FST_OK; at++)
        rc = s_one_done (self, filestore_delete (self->store, operands [at], self->given [CLI_RECURSIVE],
                                                 self->given [CLI_FOREVER]), count);
    return rc;
}

fst_rc_t
cli_mv (cli_t *self, int count, char **operands)
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
        rc = s_one_done (self, filestore_move (self->store, operands [at], to, !self->given [CLI_NO_REPLACE]), count);
        free (to);
        free (base);
    }
    return rc;
}
