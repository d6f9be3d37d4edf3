//  SCRUB: let nodes read everything they hold now, and compare it with what they should hold.

#include "fst_metadata_inventory.h"
#include "fst_log.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
s_begun (void *arg, fst_rc_t rc, json_t *reply)
{
    char *node = arg;
    (void) reply;
    if (rc != FST_OK && rc != FST_INTERRUPTED)
        fst_log_warning ("scrub was not begun node=%s reason=\"%s\"", node, fst_error_text (rc));
    free (node);
}

static void
s_begin (fst_metadata_t *self, unsigned node, bool stop)
{
    char service [FST_NODE_BYTES_MAX + 16];
    char *name = strdup (fst_nodes_get (self->nodes, node)->name);
    assert (name);
    snprintf (service, sizeof (service), "storage.%s", name);
    fst_actor_call (self->actor, service, "SCRUB", json_pack ("{s:b}", "stop", (int) stop), s_begun, name);
    if (!stop)
        fst_metadata_inventory_due (self, node);
}

fst_rc_t
fst_metadata_scrub (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    const char *name = json_string_value (json_object_get (payload, "node"));
    bool stop = json_is_true (json_object_get (payload, "stop"));
    fst_node_set_t nodes = fst_nodes_set (self->nodes, FST_NODE_ALIVE);
    if (name) {
        int number = fst_nodes_find (self->nodes, name);
        if (number < 0)
            return fst_namespace_refuse (self->space, FST_NOT_FOUND, "There is no storage node %s.", name);
        if (!(nodes & fst_node_bit ((unsigned) number)))
            return fst_namespace_refuse (self->space, FST_UNAVAILABLE, "Storage node %s is not alive.", name);
        nodes = fst_node_bit ((unsigned) number);
    }
    if (!nodes)
        return fst_namespace_refuse (self->space, FST_UNAVAILABLE, "No storage node is alive.");
    json_t *names = json_array ();
    for (unsigned number = 0; number < FST_NODES_MAX; number++)
        if (nodes & fst_node_bit (number)) {
            json_array_append_new (names, json_string (fst_nodes_get (self->nodes, number)->name));
            s_begin (self, number, stop);
        }
    fst_log_info ("scrub %s nodes=%zu user=%s", stop? "stopped": "begun", json_array_size (names), claims->name);
    *reply_p = json_pack ("{s:o}", "nodes", names);
    return FST_OK;
}
