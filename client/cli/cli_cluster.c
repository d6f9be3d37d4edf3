//  nodes and status.

#include <czmq.h>
#include <inttypes.h>
#include "cli.h"
#include "fst_text.h"

static const char *
s_text (json_t *object, const char *name)
{
    const char *text = json_string_value (json_object_get (object, name));
    return text? text: "-";
}

static int64_t
s_number (json_t *object, const char *name)
{
    return json_integer_value (json_object_get (object, name));
}

//  "alive", "silent, draining", "alive, full": all that is to be known of it in one column.
static void
s_print_node (json_t *node)
{
    char capacity [32], left [32], bytes [32], state [64];
    const char *health = s_text (node, "health");
    snprintf (state, sizeof (state), "%s%s%s%s", s_text (node, "state"),
              json_is_true (json_object_get (node, "draining"))? ", draining": "", streq (health, "ok")? "": ", ",
              streq (health, "ok")? "": health);
    printf ("%-16s %-16s %10s %10s %9" PRId64 " %10s  %s\n", s_text (node, "node"), state,
            fst_size_text (s_number (node, "free"), left, sizeof (left)),
            fst_size_text (s_number (node, "capacity"), capacity, sizeof (capacity)), s_number (node, "holds"),
            fst_size_text (s_number (node, "bytes"), bytes, sizeof (bytes)), s_text (node, "endpoint"));
}

//  For scripts a node has an id, as files and users do.
static json_t *
s_with_ids (json_t *nodes)
{
    json_t *rows = json_array ();
    size_t at;
    json_t *node;
    json_array_foreach (nodes, at, node) {
        json_t *row = json_pack ("{s:O}", "id", json_object_get (node, "node"));
        json_object_update_missing (row, node);
        json_object_del (row, "node");
        json_array_append_new (rows, row);
    }
    return rows;
}

fst_rc_t
cli_nodes (cli_t *self, int count, char **operands)
{
    (void) count;
    (void) operands;
    json_t *reply = NULL;
    fst_rc_t rc = cli_connect (self, true);
    if (rc == FST_OK)
        rc = cli_store_failed (self, filestore_nodes (self->store, &reply));
    if (rc != FST_OK)
        return rc;
    json_t *nodes = json_object_get (reply, "nodes");
    if (self->given [CLI_JSON])
        cli_print_json (s_with_ids (nodes));
    else {
        size_t at;
        json_t *node;
        printf ("%-16s %-16s %10s %10s %9s %10s  %s\n", "NODE", "STATE", "FREE", "CAPACITY", "EXTENTS", "HOLDS",
                "DATA PORT");
        json_array_foreach (nodes, at, node)
            s_print_node (node);
    }
    json_decref (reply);
    return FST_OK;
}

static void
s_print_stuck (json_t *repair)
{
    size_t at;
    json_t *row;
    int64_t total = s_number (repair, "stuck_total");
    if (total)
        printf ("stuck              %" PRId64 " extent%s, tried again later\n", total, total == 1? "": "s");
    json_array_foreach (json_object_get (repair, "stuck"), at, row) {
        const char *path = s_text (row, "path");
        printf ("  ");
        if (*path)
            cli_print_name (path);
        else
            printf ("blob %s", s_text (row, "blob"));
        printf (", extent %" PRId64 ": %s\n", s_number (row, "extent"), s_text (row, "reason"));
    }
}

static void
s_print_repair (json_t *repair)
{
    char text [32];
    int64_t extents = s_number (repair, "extents"), moving = s_number (repair, "moving"), rate = s_number (repair, "rate");
    json_t *left_ms = json_object_get (repair, "left_ms");
    if (extents)
        printf ("to be repaired     %" PRId64 " extent%s with %s", extents, extents == 1? "": "s",
                fst_size_text (s_number (repair, "bytes"), text, sizeof (text)));
    else
        printf ("to be repaired     nothing");
    if (moving)
        printf (", %" PRId64 " being copied", moving);
    if (moving && rate)
        printf (", %s/s", fst_size_text (rate, text, sizeof (text)));
    if (extents && left_ms) {
        int64_t left = (json_integer_value (left_ms) + 999) / 1000;
        printf (", %" PRId64 ":%02d left", left / 60, (int) (left % 60));
    }
    printf ("\n");
    if (s_number (repair, "surplus"))
        printf ("too many copies    %" PRId64 " extent%s\n", s_number (repair, "surplus"), s_number (repair, "surplus") == 1? "": "s");
    if (s_number (repair, "lost"))
        printf ("no good copy       %" PRId64 " extent%s\n", s_number (repair, "lost"), s_number (repair, "lost") == 1? "": "s");
    s_print_stuck (repair);
}

static void
s_print_status (json_t *status)
{
    char text [32];
    size_t copies;
    json_t *value;
    json_t *nodes = json_object_get (status, "nodes");
    json_t *extents = json_object_get (status, "extents");
    if (json_is_true (json_object_get (status, "recovery")))
        printf ("recovery           nothing is deleted until an admin decides: filestore admin recovery\n");
    printf ("nodes              %" PRId64 " alive, %" PRId64 " silent, %" PRId64 " pruned\n", s_number (nodes, "alive"),
            s_number (nodes, "silent"), s_number (nodes, "pruned"));
    printf ("users              %" PRId64 "\n", s_number (status, "users"));
    printf ("files              %" PRId64 " in %" PRId64 " folders\n", s_number (status, "files"), s_number (status, "folders"));
    printf ("content            %s in %" PRId64 " extents\n",
            fst_size_text (s_number (status, "bytes"), text, sizeof (text)), s_number (extents, "total"));
    json_array_foreach (json_object_get (extents, "by_live_copies"), copies, value)
        if (json_integer_value (value))
            printf ("  %zu live cop%s    %" JSON_INTEGER_FORMAT " extent%s\n", copies, copies == 1? "y  ": "ies",
                    json_integer_value (value), json_integer_value (value) == 1? "": "s");
    printf ("bytes at one copy  %" PRId64 "\n", s_number (status, "bytes_at_one_copy"));
    s_print_repair (json_object_get (status, "repair"));
    if (s_number (status, "damaged"))
        printf ("damaged            %" PRId64 " cop%s found bad or missing so far\n", s_number (status, "damaged"),
                s_number (status, "damaged") == 1? "y was": "ies were");
    printf ("uploads            %" PRId64 " open\n", s_number (status, "uploads"));
    printf ("to be deleted      %" PRId64 " pieces\n", s_number (status, "garbage"));
}

fst_rc_t
cli_status (cli_t *self, int count, char **operands)
{
    (void) count;
    (void) operands;
    json_t *status = NULL;
    fst_rc_t rc = cli_connect (self, true);
    if (rc == FST_OK)
        rc = cli_store_failed (self, filestore_status (self->store, &status));
    if (rc != FST_OK)
        return rc;
    if (self->given [CLI_JSON])
        cli_print_json (status);
    else {
        s_print_status (status);
        json_decref (status);
    }
    return FST_OK;
}
