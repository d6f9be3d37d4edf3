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

static void
s_print_node (json_t *node)
{
    char capacity [32], left [32];
    printf ("%-16s %-8s %10s %10s %9" PRId64 "  %s\n", s_text (node, "node"), s_text (node, "state"),
            fst_size_text (s_number (node, "free"), left, sizeof (left)),
            fst_size_text (s_number (node, "capacity"), capacity, sizeof (capacity)), s_number (node, "extents"),
            s_text (node, "endpoint"));
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
        printf ("%-16s %-8s %10s %10s %9s  %s\n", "NODE", "STATE", "FREE", "CAPACITY", "EXTENTS", "DATA PORT");
        json_array_foreach (nodes, at, node)
            s_print_node (node);
    }
    json_decref (reply);
    return FST_OK;
}

static void
s_print_status (json_t *status)
{
    char text [32];
    size_t copies;
    json_t *value;
    json_t *nodes = json_object_get (status, "nodes");
    json_t *extents = json_object_get (status, "extents");
    printf ("nodes              %" PRId64 " alive, %" PRId64 " silent, %" PRId64 " pruned\n", s_number (nodes, "alive"),
            s_number (nodes, "silent"), s_number (nodes, "pruned"));
    printf ("users              %" PRId64 "\n", s_number (status, "users"));
    printf ("files              %" PRId64 " in %" PRId64 " folders\n", s_number (status, "files"), s_number (status, "folders"));
    printf ("content            %s in %" PRId64 " extents\n",
            fst_size_text (s_number (status, "bytes"), text, sizeof (text)), s_number (extents, "total"));
    json_array_foreach (json_object_get (extents, "by_live_copies"), copies, value)
        if (json_integer_value (value))
            printf ("  %zu live cop%s    %" JSON_INTEGER_FORMAT " extents\n", copies, copies == 1? "y  ": "ies",
                    json_integer_value (value));
    printf ("bytes at one copy  %" PRId64 "\n", s_number (status, "bytes_at_one_copy"));
    printf ("uploads            %" PRId64 " open\n", s_number (status, "uploads"));
    printf ("to be deleted      %" PRId64 " blobs\n", s_number (status, "garbage"));
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
