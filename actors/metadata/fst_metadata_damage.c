//  Copies that turn out to be damaged or gone, whoever finds it: the node itself (REPORT), one that wanted to copy from
//  it, or the inventory.

#include "fst_metadata_self.h"
#include "fst_log.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

fst_node_set_t
fst_metadata_sure (const fst_metadata_t *self)
{
    assert (self);
    return fst_nodes_set (self->nodes, FST_NODE_ALIVE) & self->compared;
}

fst_rc_t
fst_metadata_copy_lost (fst_metadata_t *self, unsigned node, const fst_blob_id_t *id, uint32_t n, bool gone,
                        bool *aside_p)
{
    assert (self->open);
    *aside_p = true;
    fst_node_set_t bit = fst_node_bit (node), bad;
    fst_blob_t blob;
    fst_extent_t extent;
    fst_rc_t rc = fst_catalog_extent_get (self->catalog, id, n, &extent);
    if (rc == FST_OK)
        rc = fst_catalog_blob_get (self->catalog, id, &blob);
    if (rc == FST_OK)
        rc = fst_catalog_bad_nodes (self->catalog, id, n, &bad);
    if (rc == FST_NOT_FOUND || (rc == FST_OK && !(extent.nodes & bit))) {
        //  Nobody counts on it; or soon, and then it may be a good one by now
        *aside_p = !fst_metadata_repair_brings (self, node, id, n);
        return FST_OK;
    }
    if (rc != FST_OK)
        return rc;
    *aside_p = (extent.nodes & ~bit & (gone? UINT64_MAX: ~bad & fst_metadata_sure (self))) != 0;
    if (*aside_p || !(bad & bit))
        self->damaged++;
    if (*aside_p)
        return fst_catalog_extent_put (self->catalog, &blob, &extent, extent.nodes & ~bit);
    self->copies_ms = 0;                //  One live copy less
    return bad & bit? FST_OK: fst_catalog_bad_add (self->catalog, node, id, n);
}

fst_rc_t
fst_metadata_journal_damage (fst_metadata_t *self, unsigned node, size_t copies, const char *how)
{
    char detail [200];
    if (copies == 0)
        return FST_OK;
    snprintf (detail, sizeof (detail), "%zu %s %s", copies, copies == 1? "extent": "extents", how);
    fst_rc_t rc = fst_catalog_setting_put (self->catalog, FST_DAMAGED, self->damaged);
    if (rc != FST_OK)
        return rc;
    fst_log_warning ("damaged node=%s extents=%zu how=\"%s\"", fst_nodes_get (self->nodes, node)->name, copies, how);
    return fst_nodes_journal (self->nodes, node, "damaged", detail, self->wall_ms);
}

//  ---- Those that stayed on the books

#define REVIEW_MS   1000
#define REVIEW_ROWS 64

static fst_rc_t
s_review_one (fst_metadata_t *self, const fst_row_t *row)
{
    fst_node_set_t bad = row->extent.nodes;
    fst_blob_t blob;
    fst_extent_t extent;
    fst_rc_t rc = fst_catalog_extent_get (self->catalog, &row->blob, row->extent.n, &extent);
    if (rc != FST_OK || !(extent.nodes & ~bad & fst_metadata_sure (self)))
        return rc;
    rc = fst_catalog_blob_get (self->catalog, &row->blob, &blob);
    return rc == FST_OK? fst_catalog_extent_put (self->catalog, &blob, &extent, extent.nodes & ~bad): rc;
}

void
fst_metadata_review_bad (fst_metadata_t *self)
{
    if (self->now_ms < self->bad_ms || fst_catalog_counters (self->catalog)->bad == 0)
        return;
    fst_row_t rows [REVIEW_ROWS];
    size_t count = 0;
    self->bad_ms = self->now_ms + REVIEW_MS;
    fst_metadata_open_batch (self);
    fst_rc_t rc = fst_catalog_save (self->catalog);
    if (rc != FST_OK)
        return;
    rc = fst_catalog_bad_rows (self->catalog, &self->bad_at.blob, self->bad_at.extent.n, rows, REVIEW_ROWS, &count);
    for (size_t at = 0; at < count && rc == FST_OK; at++)
        rc = s_review_one (self, &rows [at]);
    memset (&self->bad_at, 0, sizeof (self->bad_at));   //  From the first one again, after the last
    if (count == REVIEW_ROWS)
        self->bad_at = rows [count - 1];
    if (rc == FST_OK)
        rc = fst_catalog_release (self->catalog);
    if (rc != FST_OK)
        fst_catalog_undo (self->catalog);
}

//  ---- REPORT

//  Which node asks, by its token; -1 if it is none.
static int
s_find_asker (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload)
{
    const char *name = json_string_value (json_object_get (payload, "node"));
    if (strncmp (claims->name, "storage:", 8) != 0 || strcmp (claims->name + 8, name) != 0)
        return -1;
    return fst_nodes_find (self->nodes, name);
}

fst_rc_t
fst_metadata_report (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    int node = s_find_asker (self, claims, payload);
    json_t *blobs = json_object_get (payload, "blobs"), *extents = json_object_get (payload, "extents");
    json_t *reasons = json_object_get (payload, "reasons");
    size_t count = json_array_size (blobs);
    if (node < 0)
        return fst_namespace_refuse (self->space, FST_DENIED, "Only a storage node that is registered may report, and "
                                     "only about itself.");
    if (json_array_size (extents) != count || json_array_size (reasons) != count)
        return fst_namespace_refuse (self->space, FST_MALFORMED, "The columns are not of one length.");
    json_t *list = json_array ();
    int64_t before = self->damaged;
    fst_rc_t rc = FST_OK;
    for (size_t at = 0; at < count && rc == FST_OK; at++) {
        fst_blob_id_t id;
        const char *reason = json_string_value (json_array_get (reasons, at));
        bool aside = true;
        rc = fst_hex_decode (json_string_value (json_array_get (blobs, at)), id.bytes, sizeof (id.bytes));
        if (rc == FST_OK)
            rc = fst_metadata_copy_lost (self, (unsigned) node, &id,
                                         (uint32_t) json_integer_value (json_array_get (extents, at)),
                                         strcmp (reason, "missing") == 0, &aside);
        json_array_append_new (list, json_boolean (aside));
    }
    char how [64];
    snprintf (how, sizeof (how), "reported %s", json_string_value (json_array_get (reasons, 0)));
    if (rc == FST_OK)
        rc = fst_metadata_journal_damage (self, (unsigned) node, (size_t) (self->damaged - before), how);
    *reply_p = json_pack ("{s:o}", "aside", list);
    return rc;
}
