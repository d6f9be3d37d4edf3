//  Small blobs that were put aside: a table of their own, which nothing else reads.

#include "fst_small_self.h"
#include <assert.h>

static fst_rc_t
s_set_aside (fst_small_t *self, const fst_blob_id_t *blob, int64_t now_ms, bool *moved_p)
{
    sqlite3_stmt *insert = fst_db_prepare (self->writer,
        "INSERT INTO quarantine (ms, blob, bytes, checksum, record)"
        " SELECT ?2, blob, bytes, checksum, record FROM small WHERE blob = ?1");
    sqlite3_bind_blob (insert, 1, blob->bytes, FST_BLOB_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64 (insert, 2, now_ms);
    fst_rc_t rc = fst_db_run (self->writer, insert);
    if (rc != FST_OK || fst_db_changes (self->writer) == 0)
        return rc;
    self->aside++;
    return fst_small_delete_one (self, blob, now_ms, moved_p);
}

fst_rc_t
fst_small_set_aside (fst_small_t *self, const fst_extent_id_t *ids, size_t count, int64_t now_ms, bool *moved)
{
    return fst_small_for_each (self, ids, count, now_ms, s_set_aside, moved);
}

//  The newest record of a blob in the quarantine that is whole. FST_NOT_FOUND.
static fst_rc_t
s_find_aside (fst_small_t *self, const fst_blob_id_t *blob, int64_t *id_p)
{
    sqlite3_stmt *select = fst_db_prepare (self->writer,
        "SELECT id, record FROM quarantine WHERE blob = ?1 ORDER BY id DESC");
    sqlite3_bind_blob (select, 1, blob->bytes, FST_BLOB_BYTES, SQLITE_STATIC);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->writer, select)) == FST_OK)
        if (fst_small_check (sqlite3_column_blob (select, 1), (size_t) sqlite3_column_bytes (select, 1), blob) == FST_OK) {
            *id_p = sqlite3_column_int64 (select, 0);
            fst_db_done (select);
            break;
        }
    return rc;
}

static fst_rc_t
s_put_back (fst_small_t *self, const fst_blob_id_t *blob, int64_t now_ms, bool *restored_p)
{
    int64_t id;
    bool moved = false;
    fst_rc_t rc = s_find_aside (self, blob, &id);
    if (rc != FST_OK)
        return rc == FST_NOT_FOUND? FST_OK: rc;
    rc = s_set_aside (self, blob, now_ms, &moved);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *insert = fst_db_prepare (self->writer,
        "INSERT INTO small (blob, bytes, checksum, record) SELECT blob, bytes, checksum, record FROM quarantine WHERE id = ?1");
    sqlite3_bind_int64 (insert, 1, id);
    rc = fst_db_run (self->writer, insert);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *delete = fst_db_prepare (self->writer, "DELETE FROM quarantine WHERE id = ?1");
    sqlite3_bind_int64 (delete, 1, id);
    self->memory.blobs++;
    self->aside--;
    *restored_p = true;
    return fst_db_run (self->writer, delete);
}

fst_rc_t
fst_small_put_back (fst_small_t *self, const fst_extent_id_t *ids, size_t count, int64_t now_ms, bool *restored)
{
    return fst_small_for_each (self, ids, count, now_ms, s_put_back, restored);
}

fst_rc_t
fst_small_expire (fst_small_t *self, int64_t before_ms, size_t limit, size_t *deleted_p)
{
    assert (self);
    assert (deleted_p);
    sqlite3_stmt *delete = fst_db_prepare (self->writer,
        "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE ms < ?1 ORDER BY ms LIMIT ?2)");
    sqlite3_bind_int64 (delete, 1, before_ms);
    sqlite3_bind_int64 (delete, 2, (int64_t) limit);
    fst_rc_t rc = fst_db_run (self->writer, delete);
    if (rc == FST_OK) {
        *deleted_p = (size_t) fst_db_changes (self->writer);
        self->aside -= (int64_t) *deleted_p;
    }
    return rc;
}

int64_t
fst_small_quarantined (fst_small_t *self)
{
    assert (self);
    return atomic_load (&self->quarantined);
}
