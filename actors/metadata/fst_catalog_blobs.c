//  The catalog's blobs: their extents, on which nodes those lie, and what nodes still have to delete.

#include "fst_catalog_sql.h"

static fst_rc_t
s_extent_add (fst_catalog_t *self, const fst_blob_t *blob, const fst_extent_t *extent)
{
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO extents (blob, n, chunks, bytes, digest, nodes, wanted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    fst_bind_id (insert, 1, &blob->id);
    fst_bind_int (insert, 2, extent->n);
    fst_bind_int (insert, 3, extent->chunks);
    fst_bind_int (insert, 4, extent->bytes);
    fst_bind_int (insert, 5, (int64_t) extent->digest);
    fst_bind_int (insert, 6, (int64_t) extent->nodes);
    fst_bind_int (insert, 7, blob->replicas);
    fst_rc_t rc = fst_db_run (self->db, insert);
    if (rc == FST_OK)
        rc = fst_catalog_spread_changed (self, extent->nodes, blob->replicas, 1, extent->bytes);
    return rc;
}

//  Was it committed and deleted since, within the same upload? Then nodes may be deleting it right now.
static fst_rc_t
s_is_spent (fst_catalog_t *self, const fst_blob_id_t *id)
{
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT 1 FROM spent WHERE blob = ?1");
    fst_bind_id (select, 1, id);
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc == FST_OK)
        fst_db_done (select);
    return rc == FST_OK? FST_EXISTS: rc == FST_NOT_FOUND? FST_OK: rc;
}

//  Remember it while its upload is open: receipts for it are still around.
static fst_rc_t
s_spend (fst_catalog_t *self, const fst_blob_id_t *id)
{
    if (self->counters.uploads == 0)
        return FST_OK;
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO spent (blob) SELECT ?1 WHERE EXISTS (SELECT 1 FROM uploads WHERE id = ?2)");
    fst_bind_id (insert, 1, id);
    fst_bind_blob (insert, 2, id->bytes, FST_UPLOAD_BYTES);
    return fst_db_run (self->db, insert);
}

fst_rc_t
fst_catalog_blob_add (fst_catalog_t *self, const fst_blob_t *blob, const fst_extent_t *extents)
{
    assert (self);
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO blobs (id, key, chunk_log2, extent_chunks, size, replicas, extents, refs)"
        "  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)");
    fst_bind_id (insert, 1, &blob->id);
    fst_bind_blob (insert, 2, blob->key, sizeof (blob->key));
    fst_bind_int (insert, 3, blob->chunk_log2);
    fst_bind_int (insert, 4, blob->extent_chunks);
    fst_bind_int (insert, 5, blob->size);
    fst_bind_int (insert, 6, blob->replicas);
    fst_bind_int (insert, 7, blob->extents);
    fst_rc_t rc = s_is_spent (self, &blob->id);
    if (rc == FST_OK)
        rc = fst_db_run (self->db, insert);
    for (uint32_t at = 0; at < blob->extents && rc == FST_OK; at++) {
        assert (extents [at].n == at);
        rc = s_extent_add (self, blob, &extents [at]);
    }
    return rc;
}

fst_rc_t
fst_catalog_blob_get (fst_catalog_t *self, const fst_blob_id_t *id, fst_blob_t *blob)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT key, chunk_log2, extent_chunks, size, replicas, extents FROM blobs WHERE id = ?1");
    fst_bind_id (select, 1, id);
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc != FST_OK)
        return rc;
    blob->id = *id;
    if (!fst_column_blob (select, 0, blob->key, sizeof (blob->key)))
        rc = FST_CORRUPT;
    blob->chunk_log2 = (uint8_t) fst_column_int (select, 1);
    blob->extent_chunks = (uint32_t) fst_column_int (select, 2);
    blob->size = fst_column_int (select, 3);
    blob->replicas = (unsigned) fst_column_int (select, 4);
    blob->extents = (uint32_t) fst_column_int (select, 5);
    fst_db_done (select);
    return rc;
}

fst_rc_t
fst_catalog_read_extents (fst_catalog_t *self, sqlite3_stmt *select, fst_extent_t *extents, size_t *count_p)
{
    size_t count = 0;
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK)
        extents [count++] = (fst_extent_t) {
            .n = (uint32_t) fst_column_int (select, 0),
            .chunks = (uint32_t) fst_column_int (select, 1),
            .bytes = fst_column_int (select, 2),
            .digest = (uint64_t) fst_column_int (select, 3),
            .nodes = (fst_node_set_t) fst_column_int (select, 4)
        };
    *count_p = count;
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_catalog_extents (fst_catalog_t *self, const fst_blob_id_t *id, uint32_t from, fst_extent_t *extents, size_t size,
                     size_t *count_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT n, chunks, bytes, digest, nodes FROM extents WHERE blob = ?1 AND n >= ?2 ORDER BY n LIMIT ?3");
    fst_bind_id (select, 1, id);
    fst_bind_int (select, 2, from);
    fst_bind_int (select, 3, (int64_t) size);
    return fst_catalog_read_extents (self, select, extents, count_p);
}

fst_rc_t
fst_catalog_extent_get (fst_catalog_t *self, const fst_blob_id_t *id, uint32_t n, fst_extent_t *extent)
{
    size_t count;
    fst_rc_t rc = fst_catalog_extents (self, id, n, extent, 1, &count);
    if (rc == FST_OK && (count == 0 || extent->n != n))
        rc = FST_NOT_FOUND;
    return rc;
}

fst_rc_t
fst_catalog_extent_put (fst_catalog_t *self, const fst_blob_t *blob, const fst_extent_t *extent,
                        fst_node_set_t nodes)
{
    assert (self);
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE extents SET nodes = ?4 WHERE blob = ?1 AND n = ?2 AND nodes = ?3");
    fst_bind_id (update, 1, &blob->id);
    fst_bind_int (update, 2, extent->n);
    fst_bind_int (update, 3, (int64_t) extent->nodes);
    fst_bind_int (update, 4, (int64_t) nodes);
    fst_rc_t rc = fst_db_run (self->db, update);
    if (rc != FST_OK)
        return rc;
    assert (fst_db_changes (self->db) == 1);        //  extent is what extent_get gave in this batch
    self->moved |= nodes != extent->nodes;
    rc = fst_catalog_spread_changed (self, extent->nodes, blob->replicas, -1, -extent->bytes);
    if (rc == FST_OK)
        rc = fst_catalog_spread_changed (self, nodes, blob->replicas, 1, extent->bytes);
    for (unsigned node = 0; node < FST_NODES_MAX && rc == FST_OK && self->counters.bad; node++)
        if (extent->nodes & ~nodes & fst_node_bit (node))
            rc = fst_catalog_bad_done (self, node, &blob->id, extent->n);
    return rc;
}

fst_rc_t
fst_catalog_spreads (fst_catalog_t *self, fst_spread_fn *each, void *arg)
{
    assert (self);
    //  Not settled here, as reading may be outside a batch: what is pending comes as a row of its own.
    if (self->pending.spread.extents || self->pending.spread.bytes)
        each (arg, &self->pending.spread);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT nodes, wanted, extents, bytes FROM spreads");
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK) {
        fst_spread_t spread = {
            .nodes = (fst_node_set_t) fst_column_int (select, 0),
            .wanted = (unsigned) fst_column_int (select, 1),
            .extents = fst_column_int (select, 2),
            .bytes = fst_column_int (select, 3)
        };
        each (arg, &spread);
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

uint64_t
fst_catalog_spread_changes (const fst_catalog_t *self)
{
    assert (self);
    return self->spread_changes;
}

//  ---- References

fst_rc_t
fst_catalog_blob_refer (fst_catalog_t *self, const fst_blob_id_t *id, int64_t entry)
{
    sqlite3_stmt *update = fst_db_prepare (self->db, "UPDATE blobs SET refs = refs + 1, entry = ?2 WHERE id = ?1");
    fst_bind_id (update, 1, id);
    fst_bind_int (update, 2, entry);
    fst_rc_t rc = fst_db_run (self->db, update);
    return rc == FST_OK && fst_db_changes (self->db) != 1? FST_CORRUPT: rc;     //  It was added in this very request
}

//  Take the extents of a blob out of the books; *nodes_p are those that held any.
static fst_rc_t
s_extents_forget (fst_catalog_t *self, const fst_blob_id_t *id, unsigned wanted, fst_node_set_t *nodes_p)
{
    sqlite3_stmt *delete = fst_db_prepare (self->db, "DELETE FROM extents WHERE blob = ?1 RETURNING nodes, bytes");
    fst_bind_id (delete, 1, id);
    fst_node_set_t all = 0;
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, delete)) == FST_OK) {
        fst_node_set_t nodes = (fst_node_set_t) fst_column_int (delete, 0);
        all |= nodes;
        rc = fst_catalog_spread_changed (self, nodes, wanted, -1, -fst_column_int (delete, 1));
        if (rc != FST_OK) {
            fst_db_done (delete);
            return rc;
        }
    }
    *nodes_p = all;
    if (rc != FST_NOT_FOUND || !self->counters.bad)
        return rc == FST_NOT_FOUND? FST_OK: rc;
    delete = fst_db_prepare (self->db, "DELETE FROM bad WHERE blob = ?1");
    fst_bind_id (delete, 1, id);
    rc = fst_db_run (self->db, delete);
    if (rc == FST_OK)
        self->counters.bad -= fst_db_changes (self->db);
    return rc;
}

fst_rc_t
fst_catalog_blob_drop (fst_catalog_t *self, const fst_blob_id_t *id)
{
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE blobs SET refs = refs - 1 WHERE id = ?1 RETURNING refs, replicas");
    fst_bind_id (update, 1, id);
    fst_rc_t rc = fst_db_next (self->db, update);
    if (rc != FST_OK)
        return rc == FST_NOT_FOUND? FST_CORRUPT: rc;
    int64_t refs = fst_column_int (update, 0);
    unsigned replicas = (unsigned) fst_column_int (update, 1);
    rc = fst_db_run (self->db, update);
    if (rc != FST_OK || refs > 0)
        return rc;
    fst_node_set_t nodes;
    self->moved = true;                     //  Nodes will lose what a copy of the database from before has a name for
    rc = s_extents_forget (self, id, replicas, &nodes);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *delete = fst_db_prepare (self->db, "DELETE FROM blobs WHERE id = ?1");
    fst_bind_id (delete, 1, id);
    rc = fst_db_run (self->db, delete);
    if (rc == FST_OK)
        rc = fst_catalog_garbage_add (self, nodes, id, FST_ALL_EXTENTS);
    if (rc == FST_OK)
        rc = s_spend (self, id);
    return rc;
}

//  ---- Garbage

fst_rc_t
fst_catalog_garbage_add (fst_catalog_t *self, fst_node_set_t nodes, const fst_blob_id_t *id, int64_t n)
{
    assert (self);
    fst_rc_t rc = FST_OK;
    for (unsigned node = 0; node < FST_NODES_MAX && rc == FST_OK; node++) {
        if (!(nodes & fst_node_bit (node)))
            continue;
        sqlite3_stmt *insert = fst_db_prepare (self->db,
            "INSERT OR IGNORE INTO garbage (node, blob, n) VALUES (?1, ?2, ?3)");
        fst_bind_int (insert, 1, node);
        fst_bind_id (insert, 2, id);
        fst_bind_int (insert, 3, n);
        rc = fst_db_run (self->db, insert);
        if (rc == FST_OK)
            self->counters.garbage += fst_db_changes (self->db);
    }
    return rc;
}

fst_rc_t
fst_catalog_garbage_get (fst_catalog_t *self, unsigned node, fst_piece_t *pieces, size_t size, size_t *count_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT blob, n FROM garbage WHERE node = ?1 LIMIT ?2");
    fst_bind_int (select, 1, node);
    fst_bind_int (select, 2, (int64_t) size);
    size_t count = 0;
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK) {
        fst_piece_t *piece = &pieces [count];
        piece->n = fst_column_int (select, 1);
        if (fst_column_blob (select, 0, piece->blob.bytes, sizeof (piece->blob.bytes)))
            count++;
    }
    *count_p = count;
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_catalog_garbage_done (fst_catalog_t *self, unsigned node, const fst_piece_t *pieces, size_t count)
{
    assert (self);
    fst_rc_t rc = FST_OK;
    for (size_t at = 0; at < count && rc == FST_OK; at++) {
        sqlite3_stmt *delete = fst_db_prepare (self->db, "DELETE FROM garbage WHERE node = ?1 AND blob = ?2 AND n = ?3");
        fst_bind_int (delete, 1, node);
        fst_bind_id (delete, 2, &pieces [at].blob);
        fst_bind_int (delete, 3, pieces [at].n);
        rc = fst_db_run (self->db, delete);
        if (rc == FST_OK)
            self->counters.garbage -= fst_db_changes (self->db);
    }
    return rc;
}

fst_rc_t
fst_catalog_garbage_has (fst_catalog_t *self, unsigned node, const fst_blob_id_t *id, uint32_t n, bool *has_p)
{
    assert (self);
    *has_p = false;
    if (self->counters.garbage == 0)
        return FST_OK;
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT 1 FROM garbage WHERE node = ?1 AND blob = ?2 AND n IN (-1, ?3) LIMIT 1");
    fst_bind_int (select, 1, node);
    fst_bind_id (select, 2, id);
    fst_bind_int (select, 3, n);
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc == FST_OK) {
        *has_p = true;
        fst_db_done (select);
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

