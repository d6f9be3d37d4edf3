//  Comparing the books with what nodes hold: pages, steps, and when.

#include "fst_metadata_inventory.h"
#include "fst_compare.h"
#include "fst_clock.h"
#include "fst_log.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ROWS       1024                        //  Of INVENTORY
#define STEP_ROWS       512                         //  Of the catalog, in one step
#define FOUND_MAX       256                         //  Differences dealt with together; CHECK takes as many
#define DEEP_BYTES_MAX  ((int64_t) 256 << 20)       //  That one CHECK has to read
#define STEP_MS         5                           //  Between two steps, so that requests are not held up
#define RETRY_MS        1000                        //  After a call failed; doubles
#define RETRIES_MAX     5                           //  In a row; then the comparison is given up,
#define AGAIN_MS        30000                       //  and begins anew after this time

//  One node that is being compared.
struct fst_inventory {
    fst_metadata_t *metadata;
    unsigned node;
    bool calling;                       //  A call to the node is under way
    bool stale;                         //  Give up when it is done
    unsigned failures;                  //  Calls, in a row
    int64_t retry_ms;                   //  Not before
    bool started;                       //  place is set
    fst_blob_id_t blob;                 //  Place: all up to here is compared
    uint32_t n;
    fst_said_t page [PAGE_ROWS];
    size_t page_at, page_count;
    bool page_last;
    fst_difference_t found [FOUND_MAX];     //  Not dealt with yet
    size_t found_count;
    fst_difference_t asked [FOUND_MAX];     //  In the CHECK or QUARANTINE that is under way
    size_t asked_count;
    fst_difference_t bad [FOUND_MAX];       //  Damaged, and others have it: to be put aside
    size_t bad_count;
    bool extra;                         //  asked is about copies that are not on the books
    bool blocks;                        //  ... and the CHECK is under way
    bool passed;                        //  Something was left alone because it is being copied there: look again soon
    fst_row_t rows [STEP_ROWS];         //  For one step
    int64_t copies, lost, counted, strays;  //  For the log
};

typedef struct fst_inventory inventory_t;

static const char *
s_name (const inventory_t *self)
{
    return fst_nodes_get (self->metadata->nodes, self->node)->name;
}

static void
s_end (inventory_t *self, int64_t again_ms)
{
    fst_metadata_t *metadata = self->metadata;
    metadata->inventories [self->node] = NULL;
    if (metadata->inventory_ms [self->node] == INT64_MAX)
        metadata->inventory_ms [self->node] = metadata->now_ms + again_ms;
    free (self);
}

//  The day, give or take an eighth: nodes that began together go apart.
static int64_t
s_interval_ms (const fst_metadata_t *self)
{
    return self->inventory_interval_ms / 8 * 7 + (int64_t) (fst_random () % (uint64_t) (self->inventory_interval_ms / 4 + 1));
}

//  ---- Calls to the node

static json_t *
s_columns (const fst_difference_t *list, size_t count)
{
    json_t *blobs = json_array (), *extents = json_array ();
    for (size_t at = 0; at < count; at++) {
        char text [FST_BLOB_BYTES * 2 + 1];
        fst_hex_encode (list [at].said.blob.bytes, FST_BLOB_BYTES, text);
        json_array_append_new (blobs, json_string_nocheck (text));
        json_array_append_new (extents, json_integer (list [at].said.n));
    }
    return json_pack ("{s:o, s:o}", "blobs", blobs, "extents", extents);
}

static void
s_call (inventory_t *self, const char *command, json_t *payload, fst_call_done_fn *done)
{
    char service [FST_NODE_BYTES_MAX + 16];
    snprintf (service, sizeof (service), "storage.%s", s_name (self));
    self->calling = true;
    fst_actor_call (self->metadata->actor, service, command, payload, done, self);
}

//  What the failed call asked about is dealt with anew. There is room: found took nothing since it was in it.
static void
s_retry (inventory_t *self, int64_t now_ms)
{
    assert (self->found_count + self->asked_count <= FOUND_MAX);
    memcpy (self->found + self->found_count, self->asked, self->asked_count * sizeof (*self->asked));
    self->found_count += self->asked_count;
    self->asked_count = 0;
    self->retry_ms = now_ms + ((int64_t) RETRY_MS << self->failures++);
}

//  A call is done. False: it came to nothing, and self may be gone.
static bool
s_answered (inventory_t *self, const char *command, fst_rc_t rc)
{
    fst_metadata_t *metadata = self->metadata;
    fst_metadata_set_time (metadata);
    self->calling = self->blocks = false;
    fst_actor_wake (metadata->actor, metadata->now_ms);
    if (rc == FST_OK && !self->stale) {
        self->failures = 0;
        return true;
    }
    if (!self->stale && rc != FST_INTERRUPTED && self->failures < RETRIES_MAX) {
        fst_log_info ("inventory waits node=%s command=%s reason=\"%s\"", s_name (self), command, fst_error_text (rc));
        s_retry (self, metadata->now_ms);
        return false;
    }
    if (rc != FST_OK && rc != FST_INTERRUPTED && !self->stale)
        fst_log_warning ("inventory given up for now node=%s command=%s reason=\"%s\"", s_name (self), command,
                         fst_error_text (rc));
    s_end (self, self->stale? 0: AGAIN_MS);
    return false;
}

//  ---- Pages

static bool
s_read_page (inventory_t *self, json_t *reply)
{
    json_t *blobs = json_object_get (reply, "blobs"), *extents = json_object_get (reply, "extents");
    json_t *bytes = json_object_get (reply, "bytes");
    size_t count = json_array_size (blobs);
    if (count > PAGE_ROWS || json_array_size (extents) != count || json_array_size (bytes) != count)
        return false;
    const fst_said_t *last = NULL, before = { .blob = self->blob, .n = self->n };
    if (self->started)
        last = &before;
    for (size_t at = 0; at < count; at++) {
        fst_said_t *said = &self->page [at];
        said->n = (uint32_t) json_integer_value (json_array_get (extents, at));
        said->bytes = json_integer_value (json_array_get (bytes, at));
        if (fst_hex_decode (json_string_value (json_array_get (blobs, at)), said->blob.bytes, FST_BLOB_BYTES) != FST_OK
        ||  (last && fst_place_compare (&last->blob, last->n, &said->blob, said->n) >= 0))
            return false;               //  Not in order: there would be no end
        last = said;
    }
    self->page_at = 0;
    self->page_count = count;
    self->page_last = !json_is_true (json_object_get (reply, "more"));
    self->copies += (int64_t) count;
    return count > 0 || self->page_last;
}

static void
s_paged (void *arg, fst_rc_t rc, json_t *reply)
{
    inventory_t *self = arg;
    if (s_answered (self, "INVENTORY", rc) && !s_read_page (self, reply)) {
        fst_log_error ("inventory makes no sense node=%s", s_name (self));
        s_end (self, AGAIN_MS);
    }
}

//  The next page begins behind the place, which is the last of the page before: all of it was compared.
static void
s_fetch (inventory_t *self)
{
    json_t *payload = json_pack ("{s:i}", "limit", PAGE_ROWS);
    self->asked_count = 0;
    if (self->started) {
        char text [FST_BLOB_BYTES * 2 + 1];
        fst_hex_encode (self->blob.bytes, FST_BLOB_BYTES, text);
        json_object_set_new (payload, "after", json_string (text));
        json_object_set_new (payload, "after_extent", json_integer (self->n));
    }
    s_call (self, "INVENTORY", payload, s_paged);
}

//  ---- Putting aside

static void
s_quarantined (void *arg, fst_rc_t rc, json_t *reply)
{
    inventory_t *self = arg;
    fst_metadata_t *metadata = self->metadata;
    if (!s_answered (self, "QUARANTINE", rc))
        return;
    int64_t moved = json_integer_value (json_object_get (reply, "moved"));
    if (!moved || self->asked [0].kind != FST_DIFFERENCE_UNKNOWN)
        return;
    char detail [100];
    snprintf (detail, sizeof (detail), "%" PRId64 " %s that no file needs, put aside", moved, moved == 1? "extent": "extents");
    self->strays += moved;
    fst_metadata_open_batch (metadata);
    if (fst_nodes_journal (metadata->nodes, self->node, "stray", detail, metadata->wall_ms) != FST_OK)
        fst_log_error ("strays were not journaled node=%s", s_name (self));
}

//  Put aside what asked holds, if that is allowed now.
static void
s_put_aside (inventory_t *self)
{
    fst_metadata_t *metadata = self->metadata;
    if (self->asked_count == 0 || !fst_metadata_may_delete (metadata))
        return;
    json_t *payload = s_columns (self->asked, self->asked_count);
    json_object_set_new (payload, "run", json_string (metadata->run));
    json_object_set_new (payload, "sequence", json_integer (fst_catalog_counters (metadata->catalog)->sequence));
    s_call (self, "QUARANTINE", payload, s_quarantined);
}

//  ---- Suspicions

//  What CHECK says of one: true if it is just what the catalog knows.
static bool
s_is_whole (const fst_extent_t *extent, json_t *reply, size_t at)
{
    char digest [17];
    snprintf (digest, sizeof (digest), "%016" PRIx64, extent->digest);
    const char *said = json_string_value (json_array_get (json_object_get (reply, "digests"), at));
    return strcmp (json_string_value (json_array_get (json_object_get (reply, "states"), at)), "whole") == 0
        && json_integer_value (json_array_get (json_object_get (reply, "chunks"), at)) == extent->chunks
        && json_integer_value (json_array_get (json_object_get (reply, "bytes"), at)) == extent->bytes
        && strcmp (said, digest) == 0;
}

//  A copy that the books do not count is there, and whole: it counts, unless it is to be deleted.
static fst_rc_t
s_count_again (inventory_t *self, const fst_said_t *said, const fst_extent_t *extent)
{
    fst_catalog_t *catalog = self->metadata->catalog;
    fst_blob_t blob;
    bool garbage;
    fst_rc_t rc = fst_catalog_garbage_has (catalog, self->node, &said->blob, said->n, &garbage);
    if (rc != FST_OK || garbage)
        return rc;
    rc = fst_catalog_blob_get (catalog, &said->blob, &blob);
    if (rc == FST_OK)
        rc = fst_catalog_extent_put (catalog, &blob, extent, extent->nodes | fst_node_bit (self->node));
    self->counted += rc == FST_OK;
    return rc;
}

static fst_rc_t
s_judge (inventory_t *self, const fst_difference_t *suspect, json_t *reply, size_t at)
{
    fst_metadata_t *metadata = self->metadata;
    const fst_said_t *said = &suspect->said;
    fst_extent_t extent;
    fst_rc_t rc = fst_catalog_extent_get (metadata->catalog, &said->blob, said->n, &extent);
    if (rc != FST_OK)
        return rc == FST_NOT_FOUND? FST_OK: rc;     //  It was deleted meanwhile
    bool whole = s_is_whole (&extent, reply, at), counted = extent.nodes & fst_node_bit (self->node), aside = true;
    if (!counted && fst_metadata_repair_brings (metadata, self->node, &said->blob, said->n)) {
        self->passed = true;                        //  The answer to the PULL says what is there
        return FST_OK;
    }
    if (whole)
        return counted? fst_catalog_bad_done (metadata->catalog, self->node, &said->blob, said->n)
                      : self->extra? s_count_again (self, said, &extent): FST_OK;
    bool missing = strcmp (json_string_value (json_array_get (json_object_get (reply, "states"), at)), "missing") == 0;
    if (counted)
        rc = fst_metadata_copy_lost (metadata, self->node, &said->blob, said->n, missing, &aside);
    else
        aside = extent.nodes & fst_metadata_sure (metadata);
    if (rc == FST_OK && aside && !missing)
        self->bad [self->bad_count++] = *suspect;
    return rc;
}

static bool
s_reply_fits (json_t *reply, size_t count)
{
    return json_array_size (json_object_get (reply, "states")) == count
        && json_array_size (json_object_get (reply, "chunks")) == count
        && json_array_size (json_object_get (reply, "bytes")) == count
        && json_array_size (json_object_get (reply, "digests")) == count;
}

static void
s_checked (void *arg, fst_rc_t rc, json_t *reply)
{
    inventory_t *self = arg;
    fst_metadata_t *metadata = self->metadata;
    if (rc == FST_OK && !s_reply_fits (reply, self->asked_count))
        rc = FST_MALFORMED;
    if (!s_answered (self, "CHECK", rc))
        return;
    fst_metadata_open_batch (metadata);
    int64_t before = metadata->damaged;
    rc = fst_catalog_save (metadata->catalog);
    if (rc != FST_OK)
        return;                         //  The next comparison finds it again
    self->bad_count = 0;
    for (size_t at = 0; at < self->asked_count && rc == FST_OK; at++)
        rc = s_judge (self, &self->asked [at], reply, at);
    int64_t lost = metadata->damaged - before;
    self->lost += lost;
    if (rc == FST_OK)
        rc = fst_metadata_journal_damage (metadata, self->node, (size_t) lost, "missing or damaged, found by the inventory");
    if (rc == FST_OK)
        rc = fst_catalog_release (metadata->catalog);
    if (rc != FST_OK) {
        fst_log_error ("inventory was not written node=%s reason=\"%s\"", s_name (self), fst_error_text (rc));
        fst_catalog_undo (metadata->catalog);
        self->bad_count = 0;
    }
}

static void
s_check (inventory_t *self, bool extra)
{
    json_t *payload = s_columns (self->asked, self->asked_count);
    json_object_set_new (payload, extra? "deep": "restore", json_true ());
    self->extra = self->blocks = extra;
    s_call (self, "CHECK", payload, s_checked);
}

//  ---- Strays

//  True if nobody will ever want it: no upload is open that it may belong to, and it is not about to be deleted.
static fst_rc_t
s_is_stray (inventory_t *self, const fst_said_t *said, bool *stray_p)
{
    fst_catalog_t *catalog = self->metadata->catalog;
    fst_upload_t upload;
    fst_extent_t extent;
    bool garbage;
    fst_rc_t rc = fst_catalog_garbage_has (catalog, self->node, &said->blob, said->n, &garbage);
    *stray_p = rc == FST_OK && !garbage;
    if (*stray_p) {                     //  The upload's id is the first part of the blob's
        rc = fst_catalog_upload_get (catalog, said->blob.bytes, &upload);
        *stray_p = rc == FST_NOT_FOUND;
    }
    if (*stray_p) {
        rc = fst_catalog_extent_get (catalog, &said->blob, said->n, &extent);
        *stray_p = rc == FST_NOT_FOUND;
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  True if a copy that is not on the books may come back on them.
static fst_rc_t
s_is_wanted (inventory_t *self, const fst_said_t *said, bool *wanted_p)
{
    bool garbage;
    fst_rc_t rc = fst_catalog_garbage_has (self->metadata->catalog, self->node, &said->blob, said->n, &garbage);
    *wanted_p = !garbage;
    return rc;
}

//  True if a bad copy is still not counted on: one that was copied there since may be good.
static fst_rc_t
s_is_unused (inventory_t *self, const fst_said_t *said, bool *unused_p)
{
    fst_extent_t extent = { .nodes = 0 };
    fst_rc_t rc = fst_catalog_extent_get (self->metadata->catalog, &said->blob, said->n, &extent);
    bool brings = fst_metadata_repair_brings (self->metadata, self->node, &said->blob, said->n);
    self->passed |= brings;
    *unused_p = (rc == FST_NOT_FOUND || !(extent.nodes & fst_node_bit (self->node))) && !brings;
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  What asked holds is reduced to those that are so. Committed state only: the batch is not open.
static fst_rc_t
s_keep (inventory_t *self, fst_rc_t (*is) (inventory_t *self, const fst_said_t *said, bool *is_p))
{
    size_t kept = 0;
    fst_rc_t rc = FST_OK;
    for (size_t at = 0; at < self->asked_count && rc == FST_OK; at++) {
        bool so = false;
        rc = is (self, &self->asked [at].said, &so);
        if (rc == FST_OK && so)
            self->asked [kept++] = self->asked [at];
    }
    self->asked_count = kept;
    return rc;
}

//  ---- Steps

//  Take those of two kinds from found to asked; the first ones, if they are more than bytes_max long in all.
static void
s_ask_about (inventory_t *self, fst_difference_kind_t one, fst_difference_kind_t other, int64_t bytes_max)
{
    size_t kept = 0;
    int64_t bytes = 0;
    self->asked_count = 0;
    for (size_t at = 0; at < self->found_count; at++) {
        const fst_difference_t *found = &self->found [at];
        if ((found->kind == one || found->kind == other) && (bytes < bytes_max || self->asked_count == 0)) {
            self->asked [self->asked_count++] = *found;
            bytes += found->said.bytes;
        }
        else
            self->found [kept++] = *found;
    }
    self->found_count = kept;
}

//  Deal with some of what was found.
static fst_rc_t
s_deal (inventory_t *self)
{
    fst_metadata_t *metadata = self->metadata;
    s_ask_about (self, FST_DIFFERENCE_GONE, FST_DIFFERENCE_SIZE, INT64_MAX);
    if (self->asked_count) {
        s_check (self, false);
        return FST_OK;
    }
    s_ask_about (self, FST_DIFFERENCE_UNKNOWN, FST_DIFFERENCE_UNKNOWN, INT64_MAX);
    if (self->asked_count) {
        fst_rc_t rc = s_keep (self, s_is_stray);
        if (rc == FST_OK && metadata->recovery_ms)
            for (size_t at = 0; at < self->asked_count; at++)
                fst_metadata_surplus_add (metadata, self->node, &self->asked [at].said);
        else
        if (rc == FST_OK)
            s_put_aside (self);
        return rc;
    }
    if (metadata->sweeps [self->node])
        return FST_OK;                  //  A DELETE is under way: wait for it
    s_ask_about (self, FST_DIFFERENCE_EXTRA, FST_DIFFERENCE_EXTRA, DEEP_BYTES_MAX);
    fst_rc_t rc = s_keep (self, s_is_wanted);
    if (rc == FST_OK && self->asked_count)
        s_check (self, true);
    return rc;
}

static fst_rc_t
s_compare (inventory_t *self, bool *done_p)
{
    fst_row_t *rows = self->rows;
    fst_sides_t sides = {
        .rows = rows, .said = self->page + self->page_at, .said_count = self->page_count - self->page_at,
        .said_complete = self->page_last
    };
    fst_rc_t rc = fst_catalog_rows (self->metadata->catalog, self->started? &self->blob: NULL, self->n, rows, STEP_ROWS,
                                    &sides.rows_count);
    if (rc != FST_OK)
        return rc;
    size_t rows_done, said_done;
    sides.rows_complete = sides.rows_count < STEP_ROWS;
    self->found_count = fst_compare (&sides, self->node, self->found, FOUND_MAX, &rows_done, &said_done);
    self->page_at += said_done;
    const fst_row_t *row = rows_done? &rows [rows_done - 1]: NULL;
    const fst_said_t *said = said_done? &sides.said [said_done - 1]: NULL;
    bool row_leads = row && (!said || fst_place_compare (&row->blob, row->extent.n, &said->blob, said->n) >= 0);
    if (row || said) {
        self->blob = row_leads? row->blob: said->blob;
        self->n = row_leads? row->extent.n: said->n;
        self->started = true;
    }
    *done_p = sides.rows_complete && rows_done == sides.rows_count && self->page_last && self->page_at == self->page_count;
    return FST_OK;
}

static void
s_step (inventory_t *self)
{
    bool done = false;
    fst_rc_t rc = FST_OK;
    if (self->bad_count) {
        memcpy (self->asked, self->bad, self->bad_count * sizeof (*self->bad));
        self->asked_count = self->bad_count;
        self->bad_count = 0;
        rc = s_keep (self, s_is_unused);
        if (rc == FST_OK)
            s_put_aside (self);
    }
    else
    if (self->found_count)
        rc = s_deal (self);
    else
    if (self->page_at == self->page_count && !self->page_last)
        s_fetch (self);
    else
        rc = s_compare (self, &done);
    if (rc != FST_OK) {
        fst_log_error ("inventory stopped node=%s reason=\"%s\"", s_name (self), fst_error_text (rc));
        s_end (self, AGAIN_MS);
    }
    else
    if (done && !self->found_count) {
        fst_log (self->lost || self->strays || self->counted? FST_LOG_WARNING: FST_LOG_INFO,
                 "inventory compared node=%s extents=%" PRId64 " lost=%" PRId64 " counted_again=%" PRId64 " strays=%" PRId64,
                 s_name (self), self->copies, self->lost, self->counted, self->strays);
        if (self->metadata->inventory_ms [self->node] == INT64_MAX)
            self->metadata->compared |= fst_node_bit (self->node);      //  Or it is to be done once more
        s_end (self, self->passed? AGAIN_MS: s_interval_ms (self->metadata));
    }
}

//  ---- When

void
fst_metadata_inventory_due (fst_metadata_t *self, unsigned node)
{
    self->inventory_ms [node] = self->now_ms;
    fst_actor_wake (self->actor, self->now_ms);
}

static void
s_stop (inventory_t *self)
{
    if (self->calling)
        self->stale = true;
    else
        s_end (self, 0);
}

void
fst_metadata_inventory_restart (fst_metadata_t *self)
{
    self->compared = 0;
    for (unsigned node = 0; node < FST_NODES_MAX; node++) {
        if (self->inventories [node])
            s_stop (self->inventories [node]);
        if (self->heard & fst_node_bit (node))
            fst_metadata_inventory_due (self, node);
    }
}

void
fst_metadata_inventory_came (fst_metadata_t *self, unsigned node)
{
    self->compared &= ~fst_node_bit (node);
    if (self->inventories [node])
        s_stop (self->inventories [node]);
    fst_metadata_inventory_due (self, node);
}

void
fst_metadata_inventory_doubt (fst_metadata_t *self, fst_node_set_t nodes)
{
    self->compared &= ~nodes;
    for (unsigned node = 0; node < FST_NODES_MAX; node++)
        if (nodes & fst_node_bit (node))
            fst_metadata_inventory_due (self, node);
}

//  A node is compared while it is alive, and not before all live nodes have said what they were told.
static bool
s_may_begin (const fst_metadata_t *self, unsigned node)
{
    return fst_nodes_get (self->nodes, node) && fst_nodes_state (self->nodes, node) == FST_NODE_ALIVE
        && !(fst_nodes_live (self->nodes) & ~self->heard);
}

static void
s_begin (fst_metadata_t *self, unsigned node)
{
    inventory_t *inventory = calloc (1, sizeof (*inventory));
    assert (inventory);
    inventory->metadata = self;
    inventory->node = node;
    self->inventories [node] = inventory;
    self->inventory_ms [node] = INT64_MAX;
    fst_metadata_surplus_forget (self, node);
}

int64_t
fst_metadata_inventory (fst_metadata_t *self)
{
    assert (!self->open);
    bool busy = false;
    int64_t wake_ms = INT64_MAX;
    for (unsigned node = 0; node < FST_NODES_MAX; node++) {
        if (!self->inventories [node] && self->inventory_ms [node] <= self->now_ms && s_may_begin (self, node))
            s_begin (self, node);
        inventory_t *inventory = self->inventories [node];
        if (inventory && !inventory->calling && inventory->retry_ms > self->now_ms) {
            if (inventory->retry_ms < wake_ms)
                wake_ms = inventory->retry_ms;
            continue;
        }
        if (inventory && !inventory->calling)
            s_step (inventory);
        busy |= self->inventories [node] && !self->inventories [node]->calling;
        if (!self->inventories [node] && self->inventory_ms [node] > self->now_ms && self->inventory_ms [node] < wake_ms)
            wake_ms = self->inventory_ms [node];
    }
    return busy? self->now_ms + STEP_MS: wake_ms;
}

bool
fst_metadata_inventory_checks (const fst_metadata_t *self, unsigned node)
{
    return self->inventories [node] && self->inventories [node]->blocks;
}

void
fst_metadata_inventory_stop (fst_metadata_t *self)
{
    for (unsigned node = 0; node < FST_NODES_MAX; node++) {
        free (self->inventories [node]);
        self->inventories [node] = NULL;
    }
}
