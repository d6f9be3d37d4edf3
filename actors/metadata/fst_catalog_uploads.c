//  The catalog's uploads: leases under which blobs are stored that nobody sees yet.

#include "fst_catalog_sql.h"

#define DROP_FILES 1024     //  At a time
#define UPLOAD_COLUMNS \
    "id, user, key, chunk_log2, extent_chunks, replicas, single, kept, files, nodes, expires_ms, replaced, doubted," \
    "returned"

fst_rc_t
fst_catalog_upload_add (fst_catalog_t *self, const fst_upload_t *upload)
{
    assert (self);
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO uploads (" UPLOAD_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0)");
    fst_bind_blob (insert, 1, upload->id, sizeof (upload->id));
    fst_bind_text (insert, 2, upload->user);
    fst_bind_blob (insert, 3, upload->key, sizeof (upload->key));
    fst_bind_int (insert, 4, upload->chunk_log2);
    fst_bind_int (insert, 5, upload->extent_chunks);
    fst_bind_int (insert, 6, upload->replicas);
    fst_bind_int (insert, 7, upload->single);
    fst_bind_int (insert, 8, upload->kept);
    fst_bind_int (insert, 9, upload->files);
    fst_bind_int (insert, 10, (int64_t) upload->nodes);
    fst_bind_int (insert, 11, upload->expires_ms);
    fst_bind_int (insert, 12, (int64_t) upload->replaced);
    fst_bind_int (insert, 13, upload->doubted);
    fst_rc_t rc = fst_db_run (self->db, insert);
    if (rc == FST_OK)
        self->counters.uploads++;
    return rc;
}

static fst_rc_t
s_one_upload (fst_catalog_t *self, sqlite3_stmt *select, fst_upload_t *upload)
{
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc != FST_OK)
        return rc;
    if (!fst_column_blob (select, 0, upload->id, sizeof (upload->id))
    ||  !fst_column_blob (select, 2, upload->key, sizeof (upload->key)))
        rc = FST_CORRUPT;
    fst_column_text (select, 1, upload->user, sizeof (upload->user));
    upload->chunk_log2 = (uint8_t) fst_column_int (select, 3);
    upload->extent_chunks = (uint32_t) fst_column_int (select, 4);
    upload->replicas = (unsigned) fst_column_int (select, 5);
    upload->single = fst_column_int (select, 6) != 0;
    upload->kept = fst_column_int (select, 7) != 0;
    upload->files = (uint32_t) fst_column_int (select, 8);
    upload->nodes = (fst_node_set_t) fst_column_int (select, 9);
    upload->expires_ms = fst_column_int (select, 10);
    upload->replaced = (fst_node_set_t) fst_column_int (select, 11);
    upload->doubted = fst_column_int (select, 12) != 0;
    upload->returned = (fst_node_set_t) fst_column_int (select, 13);
    fst_db_done (select);
    return rc;
}

fst_rc_t
fst_catalog_upload_get (fst_catalog_t *self, const uint8_t id [FST_UPLOAD_BYTES], fst_upload_t *upload)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT " UPLOAD_COLUMNS " FROM uploads WHERE id = ?1");
    fst_bind_blob (select, 1, id, FST_UPLOAD_BYTES);
    return s_one_upload (self, select, upload);
}

fst_rc_t
fst_catalog_upload_put (fst_catalog_t *self, const fst_upload_t *upload)
{
    assert (self);
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE uploads SET kept = ?2, files = ?3, nodes = ?4, expires_ms = ?5, replaced = ?6 WHERE id = ?1");
    fst_bind_blob (update, 1, upload->id, sizeof (upload->id));
    fst_bind_int (update, 2, upload->kept);
    fst_bind_int (update, 3, upload->files);
    fst_bind_int (update, 4, (int64_t) upload->nodes);
    fst_bind_int (update, 5, upload->expires_ms);
    fst_bind_int (update, 6, (int64_t) upload->replaced);
    return fst_db_run (self->db, update);
}

fst_rc_t
fst_catalog_upload_on (fst_catalog_t *self, unsigned node, bool *any_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT 1 FROM uploads WHERE nodes & ?1 LIMIT 1");
    fst_bind_int (select, 1, (int64_t) fst_node_bit (node));
    fst_rc_t rc = fst_db_next (self->db, select);
    *any_p = rc == FST_OK;
    if (rc == FST_OK)
        fst_db_done (select);
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_catalog_upload_node_came (fst_catalog_t *self, unsigned node)
{
    assert (self);
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE uploads SET returned = returned | ?1 WHERE nodes & ?1 AND NOT returned & ?1");
    fst_bind_int (update, 1, (int64_t) fst_node_bit (node));
    return fst_db_run (self->db, update);
}

fst_rc_t
fst_catalog_upload_expired (fst_catalog_t *self, int64_t now_ms, fst_upload_t *upload)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT " UPLOAD_COLUMNS " FROM uploads WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT 1");
    fst_bind_int (select, 1, now_ms);
    return s_one_upload (self, select, upload);
}

//  True if a blob of this id was committed.
static fst_rc_t
s_committed (fst_catalog_t *self, const fst_blob_id_t *id, bool *committed_p)
{
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT 1 FROM blobs WHERE id = ?1");
    fst_bind_id (select, 1, id);
    fst_rc_t rc = fst_db_next (self->db, select);
    *committed_p = rc == FST_OK;
    if (rc == FST_OK)
        fst_db_done (select);
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  What was heard of and not committed, from the highest index down.
static fst_rc_t
s_leftovers (fst_catalog_t *self, const fst_upload_t *upload, uint32_t from)
{
    fst_rc_t rc = FST_OK;
    for (uint32_t index = from; index < upload->files && rc == FST_OK; index++) {
        fst_blob_id_t id = fst_blob_id (upload->id, index);
        bool committed;
        rc = s_committed (self, &id, &committed);
        if (rc == FST_OK && !committed)
            rc = fst_catalog_garbage_add (self, upload->nodes, &id, FST_ALL_EXTENTS);
    }
    return rc;
}

fst_rc_t
fst_catalog_upload_drop (fst_catalog_t *self, fst_upload_t *upload)
{
    assert (self);
    uint32_t from = upload->files > DROP_FILES && !upload->doubted? upload->files - DROP_FILES: 0;
    fst_rc_t rc = upload->doubted? FST_OK: s_leftovers (self, upload, from);
    if (rc == FST_OK && from) {
        upload->files = from;
        upload->expires_ms = 0;         //  For good, even if the clock steps back: some of it is garbage now
        return fst_catalog_upload_put (self, upload);
    }
    if (rc == FST_OK && upload->kept) {
        sqlite3_stmt *delete = fst_db_prepare (self->db, "DELETE FROM upload_extents WHERE upload = ?1");
        fst_bind_blob (delete, 1, upload->id, sizeof (upload->id));
        rc = fst_db_run (self->db, delete);
    }
    if (rc == FST_OK) {
        fst_blob_id_t first = fst_blob_id (upload->id, 0), last = fst_blob_id (upload->id, UINT32_MAX);
        sqlite3_stmt *delete = fst_db_prepare (self->db, "DELETE FROM spent WHERE blob BETWEEN ?1 AND ?2");
        fst_bind_id (delete, 1, &first);
        fst_bind_id (delete, 2, &last);
        rc = fst_db_run (self->db, delete);
    }
    if (rc == FST_OK) {
        sqlite3_stmt *delete = fst_db_prepare (self->db, "DELETE FROM uploads WHERE id = ?1");
        fst_bind_blob (delete, 1, upload->id, sizeof (upload->id));
        rc = fst_db_run (self->db, delete);
    }
    if (rc == FST_OK)
        self->counters.uploads -= fst_db_changes (self->db);
    return rc;
}

//  ---- Extents that came ahead of their commit

fst_rc_t
fst_catalog_upload_keep (fst_catalog_t *self, const fst_upload_t *upload, uint32_t index, const fst_extent_t *extent)
{
    assert (self);
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT OR REPLACE INTO upload_extents (upload, file, n, chunks, bytes, digest, nodes)"
        "  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    fst_bind_blob (insert, 1, upload->id, sizeof (upload->id));
    fst_bind_int (insert, 2, index);
    fst_bind_int (insert, 3, extent->n);
    fst_bind_int (insert, 4, extent->chunks);
    fst_bind_int (insert, 5, extent->bytes);
    fst_bind_int (insert, 6, (int64_t) extent->digest);
    fst_bind_int (insert, 7, (int64_t) extent->nodes);
    return fst_db_run (self->db, insert);
}

fst_rc_t
fst_catalog_upload_kept (fst_catalog_t *self, const fst_upload_t *upload, uint32_t index, fst_extent_t *extents,
                         size_t size, size_t *count_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT n, chunks, bytes, digest, nodes FROM upload_extents WHERE upload = ?1 AND file = ?2 ORDER BY n LIMIT ?3");
    fst_bind_blob (select, 1, upload->id, sizeof (upload->id));
    fst_bind_int (select, 2, index);
    fst_bind_int (select, 3, (int64_t) size);
    return fst_catalog_read_extents (self, select, extents, count_p);
}

fst_rc_t
fst_catalog_upload_unkeep (fst_catalog_t *self, const fst_upload_t *upload, uint32_t index)
{
    assert (self);
    sqlite3_stmt *delete = fst_db_prepare (self->db, "DELETE FROM upload_extents WHERE upload = ?1 AND file = ?2");
    fst_bind_blob (delete, 1, upload->id, sizeof (upload->id));
    fst_bind_int (delete, 2, index);
    return fst_db_run (self->db, delete);
}
