//  admin drain.

#include <czmq.h>
#include <inttypes.h>
#include "cli.h"
#include "fst_clock.h"
#include "fst_text.h"

#define LOOK_MS     300             //  How often it is looked how far it is
#define PATIENCE_MS 10000           //  Nothing moved for so long: say why

typedef struct {
    bool draining;
    int64_t extents, bytes;         //  That it holds
} s_node_t;

static fst_rc_t
s_look (cli_t *self, const char *name, s_node_t *node)
{
    json_t *reply = NULL, *row;
    size_t at;
    fst_rc_t rc = cli_store_failed (self, filestore_nodes (self->store, &reply));
    if (rc != FST_OK)
        return rc;
    *node = (s_node_t) { .draining = true };        //  What is empty and off is not listed
    json_array_foreach (json_object_get (reply, "nodes"), at, row)
        if (streq (json_string_value (json_object_get (row, "node")), name))
            *node = (s_node_t) {
                .draining = json_is_true (json_object_get (row, "draining")),
                .extents = json_integer_value (json_object_get (row, "holds")),
                .bytes = json_integer_value (json_object_get (row, "bytes"))
            };
    json_decref (reply);
    return FST_OK;
}

//  Nothing goes on: if some extents are stuck, that may be why.
static fst_rc_t
s_say_why (cli_t *self)
{
    json_t *status = NULL;
    fst_rc_t rc = cli_store_failed (self, filestore_status (self->store, &status));
    if (rc != FST_OK)
        return rc;
    json_t *repair = json_object_get (status, "repair"), *row = json_array_get (json_object_get (repair, "stuck"), 0);
    if (row)
        cli_warn ("%" JSON_INTEGER_FORMAT " extents are stuck (%s); see filestore status",
                  json_integer_value (json_object_get (repair, "stuck_total")),
                  json_string_value (json_object_get (row, "reason")));
    json_decref (status);
    return FST_OK;
}

static fst_rc_t
s_wait (cli_t *self, const char *name, s_node_t *node)
{
    cli_progress_t progress;
    int64_t total = node->bytes, last = node->extents, last_ms = fst_clock_mono_ms ();
    fst_rc_t rc = FST_OK;
    cli_progress_start (&progress, total);
    while (rc == FST_OK && node->draining && node->extents) {
        cli_progress (&progress, total > node->bytes? total - node->bytes: 0, total);
        zclock_sleep (LOOK_MS);
        if (cli_interrupted ())
            rc = cli_fail (self, FST_INTERRUPTED, "the drain of %s goes on; see filestore nodes, or take it back with --undo", name);
        else
            rc = s_look (self, name, node);
        if (rc == FST_OK && node->extents != last) {
            last = node->extents;
            last_ms = fst_clock_mono_ms ();
        }
        if (rc == FST_OK && fst_clock_mono_ms () - last_ms > PATIENCE_MS) {
            last_ms = INT64_MAX / 2;            //  Once
            cli_progress_end (&progress);
            rc = s_say_why (self);
        }
    }
    cli_progress_end (&progress);
    if (rc == FST_OK && !node->draining)
        rc = cli_fail (self, FST_INTERRUPTED, "somebody took it back: %s is in use again", name);
    return rc;
}

fst_rc_t
cli_admin_drain (cli_t *self, int count, char **operands)
{
    (void) count;
    const char *name = operands [0];
    bool undo = self->given [CLI_UNDO], waits = !undo && !self->given [CLI_NO_WAIT], json = self->given [CLI_JSON];
    char text [32];
    s_node_t node = { 0 };
    fst_rc_t rc = cli_connect (self, true);
    if (rc == FST_OK)
        rc = cli_store_failed (self, filestore_call (self->store, "metadata", "DRAIN",
            json_pack ("{s:s, s:b}", "node", name, "drain", (int) !undo), NULL));
    if (rc == FST_OK)
        rc = s_look (self, name, &node);
    if (rc == FST_OK && !undo && !json) {
        printf ("%s holds %" PRId64 " extents with %s, which are copied to other nodes\n", name, node.extents,
                fst_size_text (node.bytes, text, sizeof (text)));
        fflush (stdout);
    }
    if (rc == FST_OK && waits)
        rc = s_wait (self, name, &node);
    if (rc != FST_OK)
        return rc;
    if (json)
        cli_print_json (json_pack ("{s:s, s:b, s:I, s:b}", "id", name, "draining", (int) node.draining,
                                   "holds", (json_int_t) node.extents, "drained", node.draining && node.extents == 0));
    else
    if (undo)
        printf ("%s is in use again\n", name);
    else
    if (waits)
        printf ("%s is empty: no file needs it any more, and it can be switched off\n", name);
    return FST_OK;
}
