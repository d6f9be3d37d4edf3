//  Commands about nodes and the whole: REGISTER, LIST_NODES, STATUS, HEALTH; and heartbeats.

#include "fst_metadata_inventory.h"
#include "fst_clock.h"
#include "fst_log.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define BAD_ROWS  256
#define COPIES_MS 1000          //  How old the figures about copies may be

void
fst_metadata_ask_nodes (fst_metadata_t *self)
{
    fst_actor_publish (self->actor, "metadata.started",
        json_pack ("{s:s, s:I}", "run", self->run,
                  "sequence", (json_int_t) fst_metadata_told_sequence (self)));
}

static void
s_read_node (json_t *said, fst_node_t *node)
{
    memset (node, 0, sizeof (*node));
    snprintf (node->name, sizeof (node->name), "%s", json_string_value (json_object_get (said, "node")));
    snprintf (node->endpoint, sizeof (node->endpoint), "%s", json_string_value (json_object_get (said, "endpoint")));
    snprintf (node->zone, sizeof (node->zone), "%s", json_string_value (json_object_get (said, "zone")));
    snprintf (node->version, sizeof (node->version), "%s", json_string_value (json_object_get (said, "version")));
    node->capacity = json_integer_value (json_object_get (said, "capacity"));
    node->free = json_integer_value (json_object_get (said, "free"));
    node->extents = json_integer_value (json_object_get (said, "extents"));
    node->window = json_integer_value (json_object_get (said, "window"));
    node->health = fst_health_parse (json_string_value (json_object_get (said, "health")));
}

//  It was pruned, and is back: much may have happened to what it holds.
static bool
s_was_pruned (fst_metadata_t *self, const char *name)
{
    int number = fst_nodes_find (self->nodes, name);
    return number >= 0 && fst_nodes_state (self->nodes, (unsigned) number) == FST_NODE_PRUNED;
}

fst_rc_t
fst_metadata_register (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    fst_node_t node;
    s_read_node (payload, &node);
    if (strncmp (claims->name, "storage:", 8) != 0 || strcmp (claims->name + 8, node.name) != 0)
        return fst_namespace_refuse (self->space, FST_DENIED, "Only storage:%s may register node %s.",
                                     node.name, node.name);
    json_t *spoken = json_object_get (payload, "protocol");
    int64_t protocol = spoken? json_integer_value (spoken): 1;
    if (protocol != FST_PROTOCOL) {
        fst_log_error ("node refused node=%s version=%s protocol=%" PRId64 " ours=%d", node.name, node.version, protocol, FST_PROTOCOL);
        return fst_namespace_refuse (self->space, FST_DENIED, "Node %s (version %s) speaks protocol %" PRId64 ", this cluster "
                                     "(version " FST_VERSION ") speaks %d: bring both to the same version.", node.name,
                                     node.version, protocol, FST_PROTOCOL);
    }
    bool came = s_was_pruned (self, node.name) || !json_object_get (payload, "run")
             || json_is_true (json_object_get (payload, "started"));
    fst_rc_t rc = fst_nodes_register (self->nodes, &node, self->now_ms, self->wall_ms);
    if (rc == FST_TOO_MANY)
        return fst_namespace_refuse (self->space, rc, "A cluster has at most %d storage nodes.", FST_NODES_MAX);
    if (rc == FST_OK)
        rc = fst_metadata_hear (self, (unsigned) fst_nodes_find (self->nodes, node.name), payload);
    if (rc == FST_OK && came)
        rc = fst_catalog_upload_node_came (self->catalog, (unsigned) fst_nodes_find (self->nodes, node.name));
    if (rc == FST_OK && came)
        fst_metadata_inventory_came (self, (unsigned) fst_nodes_find (self->nodes, node.name));
    *reply_p = json_pack ("{s:s, s:I, s:I}", "run", self->run,
                          "sequence", (json_int_t) fst_metadata_told_sequence (self),
                          "heartbeat_ms", (json_int_t) self->heartbeat_ms);
    if (!self->recovery_ms && fst_snapshots_newest (self->snapshots) >= 0)
        json_object_set_new (*reply_p, "snapshot", json_integer (fst_snapshots_newest (self->snapshots)));
    return rc;
}

void
fst_metadata_heartbeat (void *arg, const char *topic, json_t *body)
{
    fst_metadata_t *self = arg;
    fst_node_t node;
    s_read_node (body, &node);
    if (strncmp (topic, "heartbeat.", 10) != 0 || strcmp (topic + 10, node.name) != 0)
        return;                     //  It speaks for somebody else
    fst_metadata_set_time (self);
    if (fst_nodes_heartbeat_changes (self->nodes, node.name))
        fst_metadata_open_batch (self);
    bool pruned = s_was_pruned (self, node.name), deaf = fst_nodes_are_unheard (self->nodes, self->now_ms);
    fst_rc_t rc = fst_nodes_heartbeat (self->nodes, &node, self->now_ms, self->wall_ms);
    if (rc == FST_OK)
        rc = fst_metadata_hear (self, (unsigned) fst_nodes_find (self->nodes, node.name), body);
    if (rc == FST_OK && pruned)
        fst_metadata_inventory_came (self, (unsigned) fst_nodes_find (self->nodes, node.name));
    if ((rc == FST_NOT_FOUND || deaf) && self->ask_ms > self->now_ms + 1000) {
        self->ask_ms = self->now_ms;        //  A stranger is asked to register; all are, when we were deaf
        self->ask_wait_ms = 1000;
    }
}

//  A copy that is noted as bad is no copy. Those are few; of very many, only the first ones are looked at.
static fst_rc_t
s_leave_out_bad (fst_metadata_t *self)
{
    fst_row_t rows [BAD_ROWS];
    size_t count = 0;
    fst_rc_t rc = FST_OK;
    if (fst_catalog_counters (self->catalog)->bad)
        rc = fst_catalog_bad_rows (self->catalog, NULL, 0, rows, BAD_ROWS, &count);
    for (size_t at = 0; at < count && rc == FST_OK; at++) {
        fst_extent_t extent;
        rc = fst_catalog_extent_get (self->catalog, &rows [at].blob, rows [at].extent.n, &extent);
        if (rc != FST_OK)
            break;
        fst_node_set_t live = extent.nodes & fst_nodes_live (self->nodes);
        int before = __builtin_popcountll (live), after = __builtin_popcountll (live & ~rows [at].extent.nodes);
        self->copies.by_live_copies [before > 7? 7: before]--;
        self->copies.by_live_copies [after > 7? 7: after]++;
        fst_blob_t blob;
        rc = fst_catalog_blob_get (self->catalog, &rows [at].blob, &blob);
        if (rc == FST_OK && blob.replicas > 1)
            self->copies.bytes_at_one_copy += ((after == 1) - (before == 1)) * extent.bytes;
    }
    return rc;
}

static fst_rc_t
s_refresh_copies (fst_metadata_t *self)
{
    if (self->copies_ms && self->now_ms - self->copies_ms < COPIES_MS)
        return FST_OK;
    self->copies_ms = self->now_ms;
    fst_rc_t rc = fst_nodes_copies (self->nodes, &self->copies);
    return rc == FST_OK? s_leave_out_bad (self): rc;
}

//  Emptied and switched off, as it should be: nobody misses it. It is there again when it registers.
static bool
s_is_gone (fst_metadata_t *self, unsigned number)
{
    const fst_node_t *node = fst_nodes_get (self->nodes, number);
    return node->draining && self->copies.holds [number] == 0
        && fst_nodes_state (self->nodes, number) == FST_NODE_PRUNED;
}

fst_rc_t
fst_metadata_list_nodes (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    (void) payload;
    fst_rc_t rc = s_refresh_copies (self);
    if (rc != FST_OK)
        return rc;
    json_t *list = json_array ();
    for (unsigned number = 0; number < FST_NODES_MAX; number++) {
        const fst_node_t *node = fst_nodes_get (self->nodes, number);
        if (!node || s_is_gone (self, number))
            continue;
        json_t *row = json_pack ("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:b, s:s, s:I, s:I}",
            "node", node->name,
            "state", fst_node_state_text (fst_nodes_state (self->nodes, number)),
            "endpoint", node->endpoint,
            "zone", node->zone,
            "capacity", (json_int_t) node->capacity,
            "free", (json_int_t) node->free,
            "extents", (json_int_t) node->extents,
            "version", node->version,
            "draining", (int) node->draining,
            "health", fst_health_text (node->health),
            "holds", (json_int_t) self->copies.holds [number],
            "bytes", (json_int_t) self->copies.holds_bytes [number]);
        assert (row);
        int64_t silent_ms = fst_nodes_silence_ms (self->nodes, number, self->now_ms);
        if (silent_ms >= 0)
            json_object_set_new (row, "silent_ms", json_integer (silent_ms));
        json_array_append_new (list, row);
    }
    *reply_p = json_pack ("{s:o}", "nodes", list);
    return FST_OK;
}

static json_t *
s_count_nodes (fst_metadata_t *self)
{
    fst_node_set_t pruned = fst_nodes_set (self->nodes, FST_NODE_PRUNED);
    for (unsigned number = 0; number < FST_NODES_MAX; number++)
        if ((pruned & fst_node_bit (number)) && s_is_gone (self, number))
            pruned &= ~fst_node_bit (number);
    return json_pack ("{s:i, s:i, s:i}",
        "alive", __builtin_popcountll (fst_nodes_set (self->nodes, FST_NODE_ALIVE)),
        "silent", __builtin_popcountll (fst_nodes_set (self->nodes, FST_NODE_SILENT)),
        "pruned", __builtin_popcountll (pruned));
}

fst_rc_t
fst_metadata_status (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    (void) payload;
    fst_rc_t rc = s_refresh_copies (self);
    if (rc != FST_OK)
        return rc;
    const fst_counters_t *counters = fst_catalog_counters (self->catalog);
    json_t *by_live_copies = json_array ();
    for (size_t copies = 0; copies < sizeof (self->copies.by_live_copies) / sizeof (int64_t); copies++)
        json_array_append_new (by_live_copies, json_integer (self->copies.by_live_copies [copies]));
    *reply_p = json_pack ("{s:o, s:{s:I, s:o}, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
        "nodes", s_count_nodes (self),
        "extents", "total", (json_int_t) self->copies.extents, "by_live_copies", by_live_copies,
        "bytes_at_one_copy", (json_int_t) self->copies.bytes_at_one_copy,
        "bytes", (json_int_t) self->copies.bytes,
        "files", (json_int_t) counters->files,
        "folders", (json_int_t) counters->folders,
        "uploads", (json_int_t) counters->uploads,
        "garbage", (json_int_t) counters->garbage,
        "sequence", (json_int_t) counters->sequence);
    assert (*reply_p);
    json_object_set_new (*reply_p, "recovery", json_boolean (self->recovery_ms != 0));
    json_object_set_new (*reply_p, "damaged", json_integer (self->damaged));
    json_object_set_new (*reply_p, "repair", fst_metadata_repair_status (self));
    return FST_OK;
}

fst_rc_t
fst_metadata_health (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    (void) payload;
    *reply_p = json_pack ("{s:i, s:I, s:I, s:I, s:I}", "protocol", FST_PROTOCOL, "replicas", (json_int_t) self->replicas,
                          "sequence", (json_int_t) fst_catalog_counters (self->catalog)->sequence,
                          "snapshot_interval_ms", (json_int_t) self->snapshot_ms,
                          "snapshot_behind_ms", (json_int_t) fst_snapshots_behind_ms (self->snapshots, self->now_ms));
    assert (*reply_p);
    int64_t backup_ms = fst_backup_newest_ms (self->backup), snapshot_ms = fst_snapshots_newest_ms (self->snapshots);
    if (backup_ms >= 0)
        json_object_set_new (*reply_p, "backup_ms", json_integer (backup_ms));
    if (snapshot_ms >= 0) {
        json_object_set_new (*reply_p, "snapshot_ms", json_integer (snapshot_ms));
        json_object_set_new (*reply_p, "snapshot_sequence", json_integer (fst_snapshots_newest (self->snapshots)));
    }
    return FST_OK;
}
