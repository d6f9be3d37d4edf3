//  What time brings: states of nodes, leases, trash, old versions, and telling nodes what to delete.
//
//  All in small steps, so that no request waits long: at most some hundred rows in one turn of the loop.

#include "fst_metadata_inventory.h"
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_transfer.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define UPKEEP_MS       1000            //  When there is nothing to do
#define UPKEEP_SOON_MS  20              //  When there is more
#define PURGE_STEPS     64
#define REPLIES_MS      (10 * 60 * 1000)
#define CURSORS_MS      (90 * INT64_C (86400000))   //  Nobody reads there any more
#define MARK_MS         (10 * 60 * 1000)    //  How often the age is kept
#define EVENTS_MAX      1000000
#define SWEEP_AGAIN_MS  5000            //  After a node did not confirm
#define ASK_WAIT_MS_MAX 10000

//  ---- Leases, trash, versions, replies

static fst_rc_t
s_end_leases (fst_metadata_t *self, bool *more_p)
{
    fst_upload_t upload;
    fst_rc_t rc = FST_OK;
    int step = 0;
    for (; step < PURGE_STEPS && rc == FST_OK; step++) {
        rc = fst_catalog_upload_expired (self->catalog, self->aged_ms, &upload);
        if (rc == FST_OK) {
            upload.doubted |= self->recovery_ms != 0;
            rc = fst_catalog_upload_drop (self->catalog, &upload);
        }
    }
    *more_p = rc == FST_OK;
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

static fst_rc_t
s_keep_mark (fst_metadata_t *self)
{
    if (self->now_ms < self->mark_ms)
        return FST_OK;
    self->mark_ms = self->now_ms + MARK_MS;
    fst_rc_t rc = fst_catalog_setting_put (self->catalog, FST_AGED, self->aged_ms);
    return rc == FST_OK? fst_catalog_setting_put (self->catalog, FST_AGED_WALL, self->wall_ms): rc;
}

static bool
s_tidy (fst_metadata_t *self)
{
    bool leases = false, purge = false, trim = false;
    fst_metadata_open_batch (self);
    fst_rc_t rc = fst_catalog_save (self->catalog);
    if (rc != FST_OK)
        return false;
    rc = s_keep_mark (self);
    if (rc == FST_OK)
        rc = s_end_leases (self, &leases);
    if (rc == FST_OK)
        rc = fst_catalog_purge (self->catalog, self->aged_ms - self->trash_ms, self->aged_ms - self->version_ms,
                                PURGE_STEPS, self->wall_ms, &purge);
    if (rc == FST_OK)
        rc = fst_catalog_trim (self->catalog, self->aged_ms - REPLIES_MS, self->aged_ms - CURSORS_MS, EVENTS_MAX, &trim);
    if (rc == FST_OK)
        rc = fst_catalog_release (self->catalog);
    if (rc != FST_OK) {
        fst_log_error ("upkeep failed reason=\"%s\"", fst_error_text (rc));
        fst_catalog_undo (self->catalog);
        return false;
    }
    return leases || purge || trim;
}

static void
s_elapse_nodes (fst_metadata_t *self)
{
    if (fst_nodes_wake_ms (self->nodes) > self->now_ms)
        return;
    fst_metadata_open_batch (self);
    fst_rc_t rc = fst_nodes_elapse (self->nodes, self->now_ms, self->wall_ms);
    if (rc != FST_OK)
        fst_log_error ("a change of state was not written reason=\"%s\"", fst_error_text (rc));
    self->copies_ms = 0;
}

int64_t
fst_metadata_upkeep (fst_metadata_t *self)
{
    s_elapse_nodes (self);
    fst_transfer_elapse (self);
    fst_metadata_review_bad (self);
    if (self->now_ms >= self->upkeep_ms)
        self->upkeep_ms = self->now_ms + (s_tidy (self)? UPKEEP_SOON_MS: UPKEEP_MS);
    fst_metadata_flush (self);
    if (self->now_ms >= self->ask_ms) {         //  Not before the flush: nobody is told what is not committed
        fst_metadata_ask_nodes (self);
        self->ask_ms = self->ask_wait_ms > ASK_WAIT_MS_MAX? INT64_MAX: self->now_ms + self->ask_wait_ms;
        self->ask_wait_ms *= 2;
    }
    fst_metadata_tell_sequence (self);
    int64_t inventory_ms = fst_metadata_inventory (self);
    fst_metadata_sweep (self);
    int64_t wake_ms = fst_metadata_repair (self);
    int64_t snapshot_ms = self->recovery_ms? INT64_MAX:
        fst_snapshots_tick (self->snapshots, fst_catalog_counters (self->catalog)->sequence, self->now_ms, self->wall_ms);
    if (wake_ms > snapshot_ms)
        wake_ms = snapshot_ms;
    if (wake_ms > self->upkeep_ms)
        wake_ms = self->upkeep_ms;
    if (wake_ms > fst_nodes_wake_ms (self->nodes))
        wake_ms = fst_nodes_wake_ms (self->nodes);
    if (wake_ms > self->ask_ms)
        wake_ms = self->ask_ms;
    if (wake_ms > inventory_ms)
        wake_ms = inventory_ms;
    return wake_ms;
}

//  ---- Garbage: each node is told, some hundred blobs at a time, until it confirms

static void
s_swept (void *arg, fst_rc_t rc, json_t *reply)
{
    (void) reply;
    fst_sweep_t *sweep = arg;
    fst_metadata_t *self = sweep->metadata;
    fst_metadata_set_time (self);
    self->sweeps [sweep->node] = NULL;
    if (rc == FST_OK) {
        fst_metadata_open_batch (self);
        rc = fst_catalog_garbage_done (self->catalog, sweep->node, sweep->pieces, sweep->count);
    }
    else
    if (rc != FST_INTERRUPTED)          //  We stop
        fst_log (rc == FST_DENIED && !(self->sweep_denied & fst_node_bit (sweep->node))? FST_LOG_DEBUG: FST_LOG_WARNING,
                 "garbage stays node=%s blobs=%zu reason=\"%s\"",
                 fst_nodes_get (self->nodes, sweep->node)->name, sweep->count, fst_error_text (rc));
    self->sweep_denied &= ~fst_node_bit (sweep->node);
    if (rc == FST_DENIED)
        self->sweep_denied |= fst_node_bit (sweep->node);
    self->sweep_again_ms [sweep->node] = rc == FST_OK? 0: self->now_ms + SWEEP_AGAIN_MS;
    self->swept |= rc == FST_OK;
    free (sweep);
}

static void
s_sweep_node (fst_metadata_t *self, unsigned number)
{
    fst_sweep_t *sweep = calloc (1, sizeof (*sweep));
    assert (sweep);
    fst_rc_t rc = fst_catalog_garbage_get (self->catalog, number, sweep->pieces,
                                           sizeof (sweep->pieces) / sizeof (sweep->pieces [0]), &sweep->count);
    if (rc != FST_OK || sweep->count == 0) {
        free (sweep);
        self->sweep_again_ms [number] = self->now_ms + UPKEEP_MS;
        return;
    }
    sweep->metadata = self;
    sweep->node = number;
    self->sweeps [number] = sweep;
    json_t *blobs = json_array (), *extents = json_array ();
    for (size_t at = 0; at < sweep->count; at++) {
        char text [FST_BLOB_BYTES * 2 + 1];
        fst_hex_encode (sweep->pieces [at].blob.bytes, FST_BLOB_BYTES, text);
        json_array_append_new (blobs, json_string_nocheck (text));
        json_array_append_new (extents, json_integer (sweep->pieces [at].n));
    }
    char service [FST_NODE_BYTES_MAX + 16];
    snprintf (service, sizeof (service), "storage.%s", fst_nodes_get (self->nodes, number)->name);
    fst_actor_call (self->actor, service, "DELETE", json_pack ("{s:s, s:I, s:o, s:o}", "run", self->run,
        "sequence", (json_int_t) fst_catalog_counters (self->catalog)->sequence, "blobs", blobs, "extents", extents),
        s_swept, sweep);
}

//  Only what is committed: what is garbage in an open batch may yet be taken back.
void
fst_metadata_sweep (fst_metadata_t *self)
{
    if (self->open || !fst_metadata_may_delete (self) || fst_catalog_counters (self->catalog)->garbage == 0)
        return;
    fst_node_set_t alive = fst_nodes_set (self->nodes, FST_NODE_ALIVE);
    for (unsigned number = 0; number < FST_NODES_MAX; number++)
        if ((alive & fst_node_bit (number)) && fst_nodes_get (self->nodes, number) && !self->sweeps [number]
        &&  !fst_metadata_inventory_checks (self, number)
        &&  self->now_ms >= self->sweep_again_ms [number])
            s_sweep_node (self, number);
}
