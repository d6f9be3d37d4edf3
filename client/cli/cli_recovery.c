//  admin recovery: what does not fit between the database and what storage nodes hold, and what to do about it.

#include <inttypes.h>
#include <string.h>
#include "cli.h"
#include "fst_text.h"

#define SHOWN_MAX   40              //  Rows that are printed; all of them with --json

static int64_t
s_number (json_t *object, const char *name)
{
    return json_integer_value (json_object_get (object, name));
}

//  Read the list: its first page, or all. The rows of all pages are in *list_p.
static fst_rc_t
s_read (cli_t *self, bool all, json_t **list_p)
{
    json_t *list = NULL;
    char after [129] = "";
    fst_rc_t rc;
    do {
        json_t *page = NULL;
        rc = cli_store_failed (self, filestore_call (self->store, "metadata", "LIST_RECOVERY",
                               json_pack ("{s:s, s:i}", "after", after, "limit", 1000), &page));
        if (rc != FST_OK)
            break;
        const char *next = json_string_value (json_object_get (page, "next"));
        snprintf (after, sizeof (after), "%s", next? next: "");
        if (list) {
            json_array_extend (json_object_get (list, "missing"), json_object_get (page, "missing"));
            json_array_extend (json_object_get (list, "surplus"), json_object_get (page, "surplus"));
            json_decref (page);
        }
        else
            list = page;
    } while (all && *after);
    if (rc == FST_OK) {
        json_object_del (list, "next");
        *list_p = list;
    }
    else
        json_decref (list);
    return rc;
}

static void
s_print_missing (json_t *list)
{
    int64_t total = s_number (list, "missing_total");
    json_t *row, *node;
    size_t at, column;
    if (!total)
        return;
    printf ("\nMissing: %" PRId64 " %s that files need and no live storage node has\n", total,
            total == 1? "extent": "extents");
    json_array_foreach (json_object_get (list, "missing"), at, row) {
        const char *path = json_string_value (json_object_get (row, "path"));
        char size [32];
        if (at == SHOWN_MAX)
            break;
        printf ("  ");
        if (*path)
            cli_print_name (path);
        else
            printf ("(an older version, or in the trash)");
        printf ("  extent %" PRId64 ", %s, should be on", s_number (row, "extent"),
                fst_size_text (s_number (row, "bytes"), size, sizeof (size)));
        json_array_foreach (json_object_get (row, "nodes"), column, node)
            printf (" %s", json_string_value (node));
        printf ("\n");
    }
    if (total > SHOWN_MAX)
        printf ("  and more; --json gives all\n");
}

static void
s_print_surplus (json_t *list)
{
    int64_t total = s_number (list, "surplus_total");
    json_t *row;
    size_t at;
    if (!total)
        return;
    printf ("\nSurplus: %" PRId64 " %s that storage nodes hold and no file needs\n", total, total == 1? "extent": "extents");
    json_array_foreach (json_object_get (list, "surplus"), at, row) {
        char size [32];
        if (at == SHOWN_MAX)
            break;
        printf ("  %s  blob %s  extent %" PRId64 ", %s\n", json_string_value (json_object_get (row, "node")),
                json_string_value (json_object_get (row, "blob")), s_number (row, "extent"),
                fst_size_text (s_number (row, "bytes"), size, sizeof (size)));
    }
    if (total > SHOWN_MAX)
        printf ("  and more; --json gives them\n");
}

//  What to do with a database that was imported, and with one that was restored.
static const char s_imported [] =
    "\nYour choices:\n"
    "  If nothing above is missing that should be there, go on: filestore admin recovery --end. The surplus then goes to\n"
    "  the quarantine of its storage nodes, where it is deleted after quarantine-time (a week, unless set otherwise). It is\n"
    "  what was stored after the export, or was to be deleted when it was made.\n"
    "  If there is a newer export, or the database that it was made of: put that in the place of this one. The surplus is\n"
    "  then needed again, and nothing is lost.\n";
static const char s_restored [] =
    "\nYour choices:\n"
    "  Stop metadata and put the newer database, or a newer backup of it, in its place. The surplus is then needed\n"
    "  again, and nothing is lost. This is what to do if there is one.\n"
    "  Or go on with this one: filestore admin recovery --end. The surplus then goes to the quarantine of its\n"
    "  storage nodes, where it is deleted after quarantine-time (a week, unless set otherwise); until then a newer\n"
    "  database still brings it back. What is missing stays missing. Deleting goes on.\n";

static void
s_print (json_t *list)
{
    char when [64];
    bool recovery = json_is_true (json_object_get (list, "recovery")), imported = json_is_true (json_object_get (list, "imported"));
    if (recovery)
        printf ("In recovery since %s: %s. It has come to event %" PRId64 ", storage nodes were\n"
                "told of event %" PRId64 " by another one. Nothing is deleted until you decide.\n",
                cli_time_text (s_number (list, "since_ms"), when, sizeof (when)),
                imported? "metadata's database was filled by an import": "metadata's database is an older copy, or a new one",
                s_number (list, "sequence"), s_number (list, "seen"));
    else
        printf ("No recovery: metadata's database is the one that storage nodes know.\n");
    s_print_missing (list);
    s_print_surplus (list);
    if (recovery)
        printf ("%s", imported? s_imported: s_restored);
}

static fst_rc_t
s_end (cli_t *self)
{
    json_t *reply = NULL, *status = NULL;
    fst_rc_t rc = cli_store_failed (self, filestore_status (self->store, &status));
    bool recovery = json_is_true (json_object_get (status, "recovery"));
    json_decref (status);
    if (rc == FST_OK)
        rc = cli_store_failed (self, filestore_call (self->store, "metadata", "END_RECOVERY", NULL, &reply));
    if (rc != FST_OK)
        return rc;
    if (self->given [CLI_JSON])
        cli_print_json (reply);
    else {
        printf (!recovery? "There was no recovery to end; nothing has changed.\n":
                "Recovery is over. What no file needs goes to the quarantine of its storage nodes; deleting goes on.\n");
        json_decref (reply);
    }
    return FST_OK;
}

fst_rc_t
cli_admin_recovery (cli_t *self, int count, char **operands)
{
    (void) count;
    (void) operands;
    bool json = self->given [CLI_JSON];
    json_t *list = NULL;
    fst_rc_t rc = cli_connect (self, true);
    if (rc == FST_OK && self->given [CLI_END])
        return s_end (self);
    if (rc == FST_OK)
        rc = s_read (self, json, &list);
    if (rc != FST_OK)
        return rc;
    if (json)
        cli_print_json (list);
    else {
        s_print (list);
        json_decref (list);
    }
    return FST_OK;
}
