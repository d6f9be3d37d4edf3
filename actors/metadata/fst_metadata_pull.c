//  The mover's messages: PULL to the node that gets copies, and what its answer does to the books.
//
//  The books change only for a copy with a receipt that is good, and only if the extent is still what it was. So a
//  PULL may be repeated, come late or be lost: what is missing then is still missing in the books.

#include "fst_metadata_repair.h"
#include "fst_log.h"
#include "fst_schema.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PULL_MS             20000           //  Then the node says what is not done
#define SECOND              ((int64_t) 1000)
#define MINUTE              (60 * SECOND)
#define HOUR                (60 * MINUTE)

//  ---- Asking

//  A node lets the target in by this name, and by nothing else: the target has no key of other nodes.
static json_t *
s_peers (fst_metadata_t *self, const fst_pull_t *pull, int64_t expires_ms)
{
    json_t *list = json_array ();
    char user [FST_NODE_BYTES_MAX + 16], ticket [FST_PROOF_TEXT_MAX];
    snprintf (user, sizeof (user), "storage:%s", fst_nodes_get (self->nodes, pull->target)->name);
    for (size_t at = 0; at < pull->sources_count; at++) {
        const fst_node_t *node = fst_nodes_get (self->nodes, pull->sources [at]);
        fst_ticket_make (fst_nodes_key (self->nodes, pull->sources [at]), user, expires_ms, ticket);
        json_array_append_new (list, json_pack ("{s:s, s:s, s:s, s:s}", "node", node->name, "endpoint", node->endpoint,
                                                "user", user, "ticket", ticket));
    }
    return list;
}

static json_t *
s_extent (fst_metadata_t *self, const fst_pull_t *pull, const fst_row_t *row, int64_t expires_ms)
{
    json_t *sources = json_array ();
    fst_capability_t right = { .right = FST_RIGHT_READ, .blob = row->blob, .expires_ms = expires_ms };
    char capability [FST_PROOF_TEXT_MAX], blob [FST_BLOB_BYTES * 2 + 1], digest [17];
    for (size_t at = 0; at < pull->sources_count; at++) {
        fst_capability_make (fst_nodes_key (self->nodes, pull->sources [at]), &right, capability);
        json_array_append_new (sources, json_pack ("{s:i, s:s}", "peer", (int) at, "capability", capability));
    }
    fst_hex_encode (row->blob.bytes, FST_BLOB_BYTES, blob);
    snprintf (digest, sizeof (digest), "%016llx", (unsigned long long) row->extent.digest);
    return json_pack ("{s:s, s:I, s:I, s:I, s:s, s:o}", "blob", blob, "extent", (json_int_t) row->extent.n,
                      "chunks", (json_int_t) row->extent.chunks, "bytes", (json_int_t) row->extent.bytes,
                      "digest", digest, "sources", sources);
}

//  ---- What became of one extent

//  It is on the target now. Nothing of what the books said when it was asked for need be true any more.
static fst_rc_t
s_take_copy (fst_metadata_t *self, const fst_pull_t *pull, const fst_row_t *row)
{
    fst_node_set_t target = fst_node_bit (pull->target);
    fst_extent_t extent;
    fst_blob_t blob;
    bool garbage;
    fst_rc_t rc = fst_catalog_extent_get (self->catalog, &row->blob, row->extent.n, &extent);
    if (rc == FST_OK)
        rc = fst_catalog_blob_get (self->catalog, &row->blob, &blob);
    if (rc == FST_NOT_FOUND || (rc == FST_OK && extent.digest != row->extent.digest))
        return fst_catalog_garbage_add (self->catalog, target, &row->blob, row->extent.n);
    if (rc == FST_OK)
        rc = fst_catalog_garbage_has (self->catalog, pull->target, &row->blob, row->extent.n, &garbage);
    if (rc != FST_OK || garbage || (extent.nodes & target))
        return rc;                          //  It is there already, or will soon be deleted
    fst_node_set_t drop = 0;
    if (pull->work.kind == FST_WORK_MOVE)
        rc = fst_mover_may_drop (self, &row->blob, row->extent.n, extent.nodes | target, blob.replicas,
                                 pull->work.drop & extent.nodes, &drop);
    if (rc != FST_OK)
        return rc;
    rc = fst_catalog_extent_put (self->catalog, &blob, &extent, (extent.nodes | target) & ~drop);
    return rc == FST_OK && drop? fst_catalog_garbage_add (self->catalog, drop, &row->blob, row->extent.n): rc;
}

//  Peers that have no good copy while the target has one now. If it has none, all that is left may be these.
static fst_rc_t
s_take_bad (fst_metadata_t *self, const fst_pull_t *pull, const fst_row_t *row, json_t *bad, size_t *damaged)
{
    size_t at;
    json_t *peer;
    fst_rc_t rc = FST_OK;
    json_array_foreach (bad, at, peer) {
        size_t place = (size_t) json_integer_value (peer);
        bool aside;
        int64_t before = self->damaged;
        if (place >= pull->sources_count || rc != FST_OK)
            continue;
        rc = fst_metadata_copy_lost (self, pull->sources [place], &row->blob, row->extent.n, false, &aside);
        damaged [pull->sources [place]] += (size_t) (self->damaged - before);
    }
    return rc;
}

static bool
s_receipt_good (fst_metadata_t *self, const fst_pull_t *pull, const fst_row_t *row, json_t *result)
{
    const char *receipt = json_string_value (json_object_get (result, "receipt"));
    fst_extent_info_t info = { row->blob, row->extent.n, row->extent.chunks, row->extent.bytes, row->extent.digest };
    return receipt && fst_receipt_check (fst_nodes_key (self->nodes, pull->target), &info, receipt) == FST_OK;
}

static void
s_node_failed (fst_metadata_t *self, unsigned node, const char *why)
{
    fst_mover_t *mover = self->mover;
    int64_t wait_ms = SECOND << (mover->nodes [node].fails < 6? mover->nodes [node].fails: 6);
    mover->nodes [node].fails++;
    mover->nodes [node].again_ms = self->now_ms + wait_ms;
    mover->nodes [node].why = why;
}

//  Anything but done. The reason is the node's or the extent's: that one is left alone for a while.
static void
s_take_failure (fst_metadata_t *self, const fst_pull_t *pull, const fst_row_t *row, const char *said)
{
    fst_stuck_t *stuck = self->mover->stuck;
    if (strcmp (said, "no_space") == 0)
        s_node_failed (self, pull->target, "it has no space left");
    else
    if (strcmp (said, "io") == 0 || strcmp (said, "done") == 0)
        s_node_failed (self, pull->target, "it cannot write");
    else
    if (strcmp (said, "undone") == 0)
        fst_stuck_add (stuck, &row->blob, row->extent.n, "it is not finished in time", SECOND, MINUTE, self->now_ms);
    else
    if (strcmp (said, "mismatch") == 0)
        fst_stuck_add (stuck, &row->blob, row->extent.n, "the copies that are left are not what was stored", MINUTE,
                       HOUR, self->now_ms);
    else
        fst_stuck_add (stuck, &row->blob, row->extent.n, "no node that answers has a good copy of every part", MINUTE,
                       HOUR, self->now_ms);
}

static fst_rc_t
s_take_result (fst_metadata_t *self, const fst_pull_t *pull, const fst_row_t *row, json_t *result, size_t *damaged,
               bool *done_p)
{
    const char *said = json_string_value (json_object_get (result, "result"));
    *done_p = strcmp (said, "done") == 0 && s_receipt_good (self, pull, row, result);
    if (!*done_p) {
        s_take_failure (self, pull, row, said);
        return FST_OK;
    }
    fst_stuck_drop (self->mover->stuck, &row->blob, row->extent.n);
    fst_rc_t rc = s_take_copy (self, pull, row);
    return rc == FST_OK? s_take_bad (self, pull, row, json_object_get (result, "bad"), damaged): rc;
}

//  ---- The whole answer

static void
s_count_done (fst_metadata_t *self, const fst_pull_t *pull, size_t extents, int64_t bytes)
{
    fst_mover_t *mover = self->mover;
    fst_pace_add (&mover->pace, bytes, self->now_ms);
    if (pull->work.kind == FST_WORK_COPY && pull->work.repair) {
        mover->run.extents += (int64_t) extents;
        mover->run.bytes += bytes;
        mover->run.last_ms = self->now_ms;
    }
    if (pull->work.kind == FST_WORK_MOVE) {
        mover->move.bytes += bytes;
        mover->move.done_ms = self->now_ms;
    }
    if (extents) {
        mover->nodes [pull->target].fails = 0;
        mover->nodes [pull->target].why = NULL;
        if (self->now_ms - fst_nodes_silence_ms (self->nodes, pull->target, self->now_ms) > mover->nodes [pull->target].got_ms)
            mover->nodes [pull->target].got = 0;        //  It is in what the node said since
        mover->nodes [pull->target].got += bytes;
        mover->nodes [pull->target].got_ms = self->now_ms;
    }
}

static fst_rc_t
s_take_results (fst_metadata_t *self, const fst_pull_t *pull, json_t *results)
{
    size_t damaged [FST_NODES_MAX] = { 0 }, extents = 0;
    int64_t bytes = 0;
    fst_metadata_open_batch (self);
    fst_rc_t rc = fst_catalog_save (self->catalog);
    if (rc != FST_OK)
        return rc;
    for (size_t at = 0; at < pull->count && rc == FST_OK; at++) {
        bool done;
        rc = s_take_result (self, pull, &pull->rows [at], json_array_get (results, at), damaged, &done);
        extents += done;
        bytes += done? pull->rows [at].extent.bytes: 0;
    }
    for (unsigned node = 0; node < FST_NODES_MAX && rc == FST_OK; node++)
        rc = fst_metadata_journal_damage (self, node, damaged [node], "found bad when they were copied");
    if (rc == FST_OK)
        rc = fst_catalog_release (self->catalog);
    if (rc == FST_OK)
        s_count_done (self, pull, extents, bytes);
    else
        fst_catalog_undo (self->catalog);
    return rc;
}

static void
s_forget (fst_mover_t *mover, const fst_pull_t *pull)
{
    size_t at = 0;
    while (mover->pulls [at] != pull)
        at++;
    mover->pulls [at] = mover->pulls [--mover->pulls_count];
    mover->nodes [pull->target].pulls--;
    mover->nodes [pull->sources [0]].reads--;
}

static void
s_pulled (void *arg, fst_rc_t rc, json_t *reply)
{
    fst_pull_t *pull = arg;
    fst_metadata_t *self = pull->metadata;
    const char *name = fst_nodes_get (self->nodes, pull->target)->name;
    fst_metadata_set_time (self);
    s_forget (self->mover, pull);
    if (rc == FST_OK && (fst_schema_check (fst_schema_find ("storage", "PULL")->reply, reply, NULL, 0) != FST_OK
                      || json_array_size (json_object_get (reply, "results")) != pull->count))
        rc = FST_MALFORMED;
    if (rc == FST_OK) {
        rc = s_take_results (self, pull, json_object_get (reply, "results"));
        if (rc != FST_OK)
            fst_log_error ("copies were not booked node=%s reason=\"%s\"", name, fst_error_text (rc));
    }
    else
    if (rc != FST_INTERRUPTED) {        //  We stop
        fst_log_warning ("copying failed node=%s extents=%zu reason=\"%s\"", name, pull->count, fst_error_text (rc));
        s_node_failed (self, pull->target, rc == FST_BUSY? "it is busy":
                                           rc == FST_DENIED? "it was told more since it was asked": "it does not answer");
    }
    fst_mover_walk_again (self->mover, &pull->work);
    self->mover->look = true;
    free (pull);
}

void
fst_pull_send (fst_metadata_t *self, fst_pull_t *pull)
{
    fst_mover_t *mover = self->mover;
    assert (pull->count && pull->sources_count && mover->pulls_count < FST_PULLS_MAX);
    int64_t expires_ms = self->wall_ms + self->capability_ms;
    json_t *extents = json_array ();
    for (size_t at = 0; at < pull->count; at++)
        json_array_append_new (extents, s_extent (self, pull, &pull->rows [at], expires_ms));
    pull->metadata = self;
    mover->pulls [mover->pulls_count++] = pull;
    mover->nodes [pull->target].pulls++;
    mover->nodes [pull->sources [0]].reads++;
    char service [FST_NODE_BYTES_MAX + 16];
    snprintf (service, sizeof (service), "storage.%s", fst_nodes_get (self->nodes, pull->target)->name);
    fst_actor_call (self->actor, service, "PULL", json_pack ("{s:s, s:I, s:i, s:o, s:o}", "run", self->run,
        "sequence", (json_int_t) fst_catalog_counters (self->catalog)->sequence, "time_ms", PULL_MS, "peers", s_peers (self, pull, expires_ms), "extents", extents), s_pulled, pull);
}
