//  Reading small blobs, on a connection that sees what is committed: single records, the list, and all of it.

#include "fst_small_self.h"
#include "fst_log.h"
#include "fst_text.h"
#include <assert.h>

fst_rc_t
fst_small_check (const void *data, size_t bytes, const fst_blob_id_t *blob)
{
    fst_record_t record;
    if (fst_record_decode (data, bytes, &record) != FST_OK
    ||  memcmp (record.blob.bytes, blob->bytes, FST_BLOB_BYTES) != 0
    ||  !fst_small_fits (&record)
    ||  fst_record_check (data, bytes, &record) != FST_OK)
        return FST_CORRUPT;
    return FST_OK;
}

//  ---- Reading

static fst_rc_t
s_read (fst_small_t *self, const fst_blob_id_t *blob, zframe_t **record_p)
{
    sqlite3_stmt *select = fst_db_prepare (self->reader, "SELECT record FROM small WHERE blob = ?1");
    sqlite3_bind_blob (select, 1, blob->bytes, FST_BLOB_BYTES, SQLITE_STATIC);
    fst_rc_t rc = fst_db_next (self->reader, select);
    if (rc != FST_OK)
        return rc;
    *record_p = zframe_new (sqlite3_column_blob (select, 0), (size_t) sqlite3_column_bytes (select, 0));
    assert (*record_p);
    fst_db_done (select);
    return FST_OK;
}

fst_rc_t
fst_small_read (fst_small_t *self, const fst_blob_id_t *blob, zframe_t **record_p)
{
    assert (self);
    assert (blob);
    assert (record_p);
    zframe_t *frame = NULL;
    pthread_mutex_lock (&self->lock);
    fst_rc_t rc = fst_small_is_dead (self)? FST_IO: s_read (self, blob, &frame);
    fst_small_feel (self, self->reader);
    pthread_mutex_unlock (&self->lock);
    if (rc == FST_OK)
        rc = fst_small_check (zframe_data (frame), zframe_size (frame), blob);
    if (rc == FST_OK)
        *record_p = frame;
    else
        zframe_destroy (&frame);
    if (rc == FST_CORRUPT) {
        char hex [2 * FST_BLOB_BYTES + 1];
        fst_hex_encode (blob->bytes, FST_BLOB_BYTES, hex);
        fst_log_error ("record corrupt file=small.db blob=%s", hex);
    }
    return rc;
}

static fst_rc_t
s_list (fst_small_t *self, const fst_blob_id_t *after, fst_held_t *held, size_t limit, size_t *count_p)
{
    sqlite3_stmt *select = fst_db_prepare (self->reader,
        "SELECT blob, bytes FROM small WHERE blob > ?1 ORDER BY blob LIMIT ?2");
    if (after)
        sqlite3_bind_blob (select, 1, after->bytes, FST_BLOB_BYTES, SQLITE_STATIC);
    else
        sqlite3_bind_zeroblob (select, 1, 0);       //  Which is less than any id
    sqlite3_bind_int64 (select, 2, (int64_t) limit);
    size_t count = 0;
    fst_rc_t rc;
    while ((rc = fst_db_next (self->reader, select)) == FST_OK) {
        if (count == limit || sqlite3_column_bytes (select, 0) != FST_BLOB_BYTES) {
            fst_db_done (select);
            return FST_CORRUPT;
        }
        memcpy (held [count].blob.bytes, sqlite3_column_blob (select, 0), FST_BLOB_BYTES);
        held [count].extent = 0;
        held [count++].bytes = sqlite3_column_int64 (select, 1);
    }
    if (rc != FST_NOT_FOUND)
        return rc;
    *count_p = count;
    return FST_OK;
}

fst_rc_t
fst_small_list (fst_small_t *self, const fst_blob_id_t *after, fst_held_t *held, size_t limit, size_t *count_p)
{
    assert (self);
    assert (held);
    assert (count_p);
    pthread_mutex_lock (&self->lock);
    fst_rc_t rc = s_list (self, after, held, limit, count_p);
    fst_small_feel (self, self->reader);
    pthread_mutex_unlock (&self->lock);
    return rc;
}

//  ---- Examining

//  The row that a blob's id leads to.
static fst_rc_t
s_row_of (fst_small_t *self, const void *blob, int64_t *row_p)
{
    sqlite3_stmt *select = fst_db_prepare (self->reader, "SELECT id FROM small WHERE blob = ?1");
    sqlite3_bind_blob (select, 1, blob, FST_BLOB_BYTES, SQLITE_STATIC);
    fst_rc_t rc = fst_db_next (self->reader, select);
    if (rc == FST_OK) {
        *row_p = sqlite3_column_int64 (select, 0);
        fst_db_done (select);
    }
    return rc;
}

//  One row: FST_OK whatever its record is, *bad_p says; FST_CORRUPT if its blob's id does not lead to it, so that the
//  tree of ids is damaged.
static fst_rc_t
s_examine_row (fst_small_t *self, sqlite3_stmt *select, int64_t *bytes_p, fst_blob_id_t *blob, bool *bad_p)
{
    int64_t row;
    if (sqlite3_column_bytes (select, 1) != FST_BLOB_BYTES)
        return FST_CORRUPT;
    memcpy (blob->bytes, sqlite3_column_blob (select, 1), FST_BLOB_BYTES);
    fst_rc_t rc = s_row_of (self, blob->bytes, &row);
    if (rc == FST_NOT_FOUND || (rc == FST_OK && row != sqlite3_column_int64 (select, 0)))
        return FST_CORRUPT;
    if (rc != FST_OK)
        return rc;
    const void *data = sqlite3_column_blob (select, 4);
    size_t bytes = (size_t) sqlite3_column_bytes (select, 4);
    fst_record_t record;
    *bytes_p += (int64_t) bytes;
    *bad_p = fst_small_check (data, bytes, blob) != FST_OK
          || fst_record_decode (data, bytes, &record) != FST_OK
          || sqlite3_column_int64 (select, 2) != (int64_t) bytes
          || (uint64_t) sqlite3_column_int64 (select, 3) != record.checksum;
    return FST_OK;
}

static fst_rc_t
s_examine (fst_small_t *self, size_t rows, int64_t *row_p, int64_t *bytes_p, fst_blob_id_t *damaged, size_t *count_p,
           bool *more_p)
{
    size_t room = *count_p, seen = 0, count = 0;
    int64_t row = *row_p, bytes = 0;
    sqlite3_stmt *select = fst_db_prepare (self->reader,
        "SELECT id, blob, bytes, checksum, record FROM small WHERE id > ?1 ORDER BY id LIMIT ?2");
    sqlite3_bind_int64 (select, 1, row);
    sqlite3_bind_int64 (select, 2, (int64_t) rows);
    fst_rc_t rc = FST_OK;
    while (count < room && (rc = fst_db_next (self->reader, select)) == FST_OK) {
        bool bad = false;
        rc = s_examine_row (self, select, &bytes, &damaged [count], &bad);
        if (rc != FST_OK)
            break;
        row = sqlite3_column_int64 (select, 0);
        count += bad;
        seen++;
    }
    fst_db_done (select);
    if (rc != FST_OK && rc != FST_NOT_FOUND)
        return rc;
    *more_p = seen == rows || count == room;
    *row_p = row;
    *bytes_p = bytes;
    *count_p = count;
    return FST_OK;
}

fst_rc_t
fst_small_examine (fst_small_t *self, size_t rows, int64_t *row_p, int64_t *bytes_p, fst_blob_id_t *damaged,
                   size_t *count_p, bool *more_p)
{
    assert (self);
    assert (rows > 0);
    assert (row_p && bytes_p && more_p);
    assert (damaged && count_p && *count_p > 0);
    pthread_mutex_lock (&self->lock);
    fst_rc_t rc = fst_small_is_dead (self)? FST_IO: s_examine (self, rows, row_p, bytes_p, damaged, count_p, more_p);
    fst_small_feel (self, self->reader);
    pthread_mutex_unlock (&self->lock);
    if (rc == FST_CORRUPT) {
        atomic_store (&self->damaged, true);
        atomic_store (&self->dead, true);
        fst_log_error ("small.db damaged: a row is not found by its blob's id");
    }
    return rc;
}

int64_t
fst_small_bytes (fst_small_t *self)
{
    assert (self);
    int64_t bytes = 0;
    pthread_mutex_lock (&self->lock);
    sqlite3_stmt *select = fst_db_prepare (self->reader, "PRAGMA page_count");
    if (fst_db_next (self->reader, select) == FST_OK) {
        bytes = sqlite3_column_int64 (select, 0) * FST_SMALL_PAGE_BYTES;
        fst_db_done (select);
    }
    fst_small_feel (self, self->reader);
    pthread_mutex_unlock (&self->lock);
    return bytes;
}
