//  The catalog's extents one after the other, whatever blob they belong to: for comparing with what nodes hold.
//  And what that brings up: copies that are bad, and the files that need them.

#include "fst_catalog_sql.h"

#define ROW_COLUMNS "blob, n, chunks, bytes, digest, nodes"

//  Rows of a statement of which ?1 and ?2 say behind which to begin, and ?3 how many; ROW_COLUMNS first.
static fst_rc_t
s_rows (fst_catalog_t *self, sqlite3_stmt *select, const fst_blob_id_t *blob, uint32_t n, fst_row_t *rows, size_t size,
        size_t *count_p)
{
    if (blob)
        fst_bind_id (select, 1, blob);
    else
        sqlite3_bind_zeroblob (select, 1, 0);   //  Which is less than any id
    fst_bind_int (select, 2, n);
    fst_bind_int (select, 3, (int64_t) size);
    size_t count = 0;
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK) {
        assert (count < size);
        fst_row_t *row = &rows [count];
        row->extent = (fst_extent_t) {
            .n = (uint32_t) fst_column_int (select, 1),
            .chunks = (uint32_t) fst_column_int (select, 2),
            .bytes = fst_column_int (select, 3),
            .digest = (uint64_t) fst_column_int (select, 4),
            .nodes = (fst_node_set_t) fst_column_int (select, 5)
        };
        if (fst_column_blob (select, 0, row->blob.bytes, sizeof (row->blob.bytes)))
            count++;
    }
    *count_p = count;
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_catalog_rows (fst_catalog_t *self, const fst_blob_id_t *blob, uint32_t n, fst_row_t *rows, size_t size,
                  size_t *count_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT " ROW_COLUMNS " FROM extents WHERE (blob, n) > (?1, ?2) ORDER BY blob, n LIMIT ?3");
    return s_rows (self, select, blob, n, rows, size, count_p);
}

fst_rc_t
fst_catalog_rows_on (fst_catalog_t *self, const fst_spread_t *spread, const fst_blob_id_t *blob, uint32_t n,
                     fst_row_t *rows, size_t size, size_t *count_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT " ROW_COLUMNS " FROM extents WHERE nodes = ?4 AND wanted = ?5 AND (blob, n) > (?1, ?2)"
        "  ORDER BY blob, n LIMIT ?3");
    fst_bind_int (select, 4, (int64_t) spread->nodes);
    fst_bind_int (select, 5, spread->wanted);
    return s_rows (self, select, blob, n, rows, size, count_p);
}

//  ---- Bad copies

static fst_rc_t
s_change_bad (fst_catalog_t *self, const char *sql, unsigned node, const fst_blob_id_t *id, uint32_t n, int64_t by)
{
    sqlite3_stmt *change = fst_db_prepare (self->db, sql);
    fst_bind_id (change, 1, id);
    fst_bind_int (change, 2, n);
    fst_bind_int (change, 3, node);
    fst_rc_t rc = fst_db_run (self->db, change);
    if (rc == FST_OK)
        self->counters.bad += by * fst_db_changes (self->db);
    return rc;
}

fst_rc_t
fst_catalog_bad_add (fst_catalog_t *self, unsigned node, const fst_blob_id_t *id, uint32_t n)
{
    assert (self);
    return s_change_bad (self, "INSERT INTO bad (blob, n, node) VALUES (?1, ?2, ?3)", node, id, n, 1);
}

fst_rc_t
fst_catalog_bad_done (fst_catalog_t *self, unsigned node, const fst_blob_id_t *id, uint32_t n)
{
    assert (self);
    if (self->counters.bad == 0)
        return FST_OK;
    return s_change_bad (self, "DELETE FROM bad WHERE blob = ?1 AND n = ?2 AND node = ?3", node, id, n, -1);
}

fst_rc_t
fst_catalog_bad_nodes (fst_catalog_t *self, const fst_blob_id_t *id, uint32_t n, fst_node_set_t *nodes_p)
{
    assert (self);
    *nodes_p = 0;
    if (self->counters.bad == 0)
        return FST_OK;
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT node FROM bad WHERE blob = ?1 AND n = ?2");
    fst_bind_id (select, 1, id);
    fst_bind_int (select, 2, n);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK)
        *nodes_p |= fst_node_bit ((unsigned) fst_column_int (select, 0));
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_catalog_bad_rows (fst_catalog_t *self, const fst_blob_id_t *blob, uint32_t n, fst_row_t *rows, size_t size,
                      size_t *count_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT bad.blob, bad.n, chunks, bytes, digest, sum (1 << node) FROM bad"
        "  JOIN extents ON extents.blob = bad.blob AND extents.n = bad.n"
        "  WHERE (bad.blob, bad.n) > (?1, ?2) GROUP BY bad.blob, bad.n ORDER BY bad.blob, bad.n LIMIT ?3");
    return s_rows (self, select, blob, n, rows, size, count_p);
}

//  ---- The file that needs it

//  Put "/name" before what is there.
static bool
s_prepend (char *path, const char *name)
{
    size_t bytes = strlen (name), have = strlen (path);
    if (bytes + 1 + have > FST_PATH_BYTES_MAX)
        return false;
    memmove (path + bytes + 1, path, have + 1);
    path [0] = '/';
    memcpy (path + 1, name, bytes);
    return true;
}

fst_rc_t
fst_catalog_entry_path (fst_catalog_t *self, int64_t id, char path [FST_PATH_BYTES_MAX + 1])
{
    assert (self);
    path [0] = 0;
    for (int level = 0; id != FST_ENTRY_ROOT; level++) {
        fst_entry_t entry;
        if (level > FST_PATH_LEVELS_MAX || id == FST_ENTRY_TRASH)
            return FST_NOT_FOUND;
        fst_rc_t rc = fst_catalog_entry_get (self, id, &entry);
        if (rc != FST_OK)
            return rc;
        if (!s_prepend (path, entry.name))
            return FST_NOT_FOUND;
        id = entry.parent;
    }
    if (!*path)
        strcpy (path, "/");
    return FST_OK;
}

fst_rc_t
fst_catalog_blob_path (fst_catalog_t *self, const fst_blob_id_t *id, char path [FST_PATH_BYTES_MAX + 1])
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT entry FROM blobs WHERE id = ?1");
    fst_bind_id (select, 1, id);
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc != FST_OK)
        return rc;
    int64_t entry = fst_column_int (select, 0);
    fst_db_done (select);
    rc = fst_catalog_entry_path (self, entry, path);
    if (rc == FST_NOT_FOUND) {              //  It is in the trash, or gone while another one uses the content
        path [0] = 0;
        rc = FST_OK;
    }
    return rc;
}
