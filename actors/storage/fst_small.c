//  Small blobs in SQLite: a connection that writes, and one that reads.

#include "fst_small.h"
#include "fst_db.h"
#include "fst_log.h"
#include "fst_memory.h"
#include "fst_text.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

static const char *const s_migrations [] = {
    //  A table with row ids, so that records are appended; what must be read without the record comes first
    "CREATE TABLE small (id INTEGER PRIMARY KEY, blob BLOB NOT NULL, bytes INTEGER NOT NULL, checksum INTEGER NOT NULL,"
    "                    record BLOB NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX small_blob ON small (blob);"
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO settings VALUES ('blobs', 0), ('sequence', 0);",
    "CREATE TABLE quarantine (id INTEGER PRIMARY KEY, ms INTEGER NOT NULL, blob BLOB NOT NULL, bytes INTEGER NOT NULL,"
    "                         checksum INTEGER NOT NULL, record BLOB NOT NULL) STRICT;"
    "CREATE INDEX quarantine_blob ON quarantine (blob);"
    "CREATE INDEX quarantine_ms ON quarantine (ms);",
    //  What was in settings until then is taken over by s_load_memory
    "CREATE TABLE memory (id INTEGER PRIMARY KEY CHECK (id = 1), record BLOB NOT NULL) STRICT;",
    NULL
};
_Static_assert (sizeof (s_migrations) / sizeof (s_migrations [0]) == FST_SMALL_VERSION + 1, "each version has one");

struct fst_small {
    fst_db_t *writer;
    fst_memory_t memory, memory_before;     //  In the transaction that is open, and as committed
    int64_t aside, aside_before;            //  Blobs in the quarantine, same
    atomic_int_fast64_t count, quarantined; //  Blobs here and there as committed, for other threads

    atomic_bool dead, damaged;  //  Either connection
    pthread_mutex_t lock;       //  Guards the reader
    fst_db_t *reader;
};

//  ---- Opening

static fst_rc_t
s_setting (fst_small_t *self, const char *name, int64_t *value_p)
{
    sqlite3_stmt *select = fst_db_prepare (self->writer, "SELECT value FROM settings WHERE name = ?1");
    sqlite3_bind_text (select, 1, name, -1, SQLITE_STATIC);
    fst_rc_t rc = fst_db_next (self->writer, select);
    if (rc == FST_NOT_FOUND)
        return FST_CORRUPT;
    if (rc == FST_OK) {
        *value_p = sqlite3_column_int64 (select, 0);
        fst_db_done (select);
    }
    return rc;
}

static fst_rc_t
s_set_setting (fst_small_t *self, const char *name, int64_t value)
{
    sqlite3_stmt *update = fst_db_prepare (self->writer, "INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)");
    sqlite3_bind_text (update, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64 (update, 2, value);
    return fst_db_run (self->writer, update);
}

//  Everything that the schema says, in one text: a damaged one may lack a table, or name it otherwise.
static const char s_schema_text [] =
    "SELECT group_concat (line, char (10)) FROM (SELECT type || name || tbl_name || coalesce (sql, '') AS line"
    " FROM sqlite_schema ORDER BY name)";

//  The schema as the migrations make it; caller frees with sqlite3_free.
static char *
s_right_schema (void)
{
    sqlite3 *sqlite;
    sqlite3_stmt *select;
    int code = sqlite3_open (":memory:", &sqlite);
    for (const char *const *sql = s_migrations; code == SQLITE_OK && *sql; sql++)
        code = sqlite3_exec (sqlite, *sql, NULL, NULL, NULL);
    assert (code == SQLITE_OK);
    code = sqlite3_prepare_v2 (sqlite, s_schema_text, -1, &select, NULL);
    assert (code == SQLITE_OK);
    code = sqlite3_step (select);
    assert (code == SQLITE_ROW);
    char *text = sqlite3_mprintf ("%s", sqlite3_column_text (select, 0));
    sqlite3_finalize (select);
    sqlite3_close (sqlite);
    return text;
}

static fst_rc_t
s_check_schema (fst_small_t *self)
{
    sqlite3_stmt *select = fst_db_prepare (self->writer, s_schema_text);
    fst_rc_t rc = fst_db_next (self->writer, select);
    if (rc != FST_OK)
        return rc;
    char *right = s_right_schema ();
    const char *text = (const char *) sqlite3_column_text (select, 0);
    bool same = text && strcmp (text, right) == 0;
    fst_db_done (select);
    sqlite3_free (right);
    return same? FST_OK: FST_CORRUPT;
}

static fst_rc_t
s_count_aside (fst_small_t *self)
{
    sqlite3_stmt *select = fst_db_prepare (self->writer, "SELECT count (*) FROM quarantine");
    fst_rc_t rc = fst_db_next (self->writer, select);
    if (rc == FST_OK) {
        self->aside = sqlite3_column_int64 (select, 0);
        fst_db_done (select);
    }
    return rc;
}

static fst_rc_t
s_save_memory (fst_small_t *self)
{
    uint8_t data [FST_MEMORY_BYTES];
    fst_memory_encode (&self->memory, data);
    sqlite3_stmt *update = fst_db_prepare (self->writer, "INSERT OR REPLACE INTO memory (id, record) VALUES (1, ?1)");
    sqlite3_bind_blob (update, 1, data, sizeof (data), SQLITE_STATIC);
    return fst_db_run (self->writer, update);
}

//  Versions 1 and 2 had settings instead.
static fst_rc_t
s_take_over_settings (fst_small_t *self)
{
    int64_t run = 0;
    fst_rc_t rc = s_setting (self, "blobs", &self->memory.blobs);
    if (rc == FST_OK)
        rc = s_setting (self, "sequence", &self->memory.told.sequence);
    if (rc == FST_OK && s_setting (self, "run", &run) == FST_IO)        //  Not there: nothing was told yet
        rc = FST_IO;
    self->memory.told.run = (uint64_t) run;
    if (rc == FST_OK)
        rc = fst_db_begin (self->writer);
    if (rc != FST_OK)
        return rc;
    rc = s_save_memory (self);
    if (rc == FST_OK)
        rc = fst_db_run (self->writer, fst_db_prepare (self->writer,
                         "DELETE FROM settings WHERE name IN ('blobs', 'sequence', 'run')"));
    if (rc == FST_OK)
        return fst_db_commit (self->writer);
    fst_db_rollback (self->writer);
    return rc;
}

static fst_rc_t
s_load_memory (fst_small_t *self)
{
    sqlite3_stmt *select = fst_db_prepare (self->writer, "SELECT record FROM memory");
    fst_rc_t rc = fst_db_next (self->writer, select);
    if (rc == FST_NOT_FOUND)
        return s_take_over_settings (self);
    if (rc != FST_OK)
        return rc;
    rc = fst_memory_decode (sqlite3_column_blob (select, 0), (size_t) sqlite3_column_bytes (select, 0), &self->memory);
    fst_db_done (select);
    return rc == FST_OK? FST_OK: FST_CORRUPT;
}

static void
s_committed (fst_small_t *self)
{
    self->memory_before = self->memory;
    self->aside_before = self->aside;
    atomic_store (&self->count, self->memory.blobs);
    atomic_store (&self->quarantined, self->aside);
}

static fst_rc_t
s_open (fst_small_t *self, const char *filename, char **problem_p)
{
    fst_db_options_t options = {
        .filename = filename, .application_id = FST_SMALL_APPLICATION_ID, .migrations = s_migrations,
        .page_bytes = FST_SMALL_PAGE_BYTES
    };
    fst_rc_t rc = fst_db_open (&options, &self->writer, problem_p);
    if (rc == FST_OK) {
        options.read_only = true;
        rc = fst_db_open (&options, &self->reader, problem_p);
    }
    if (rc != FST_OK)
        return rc;
    rc = s_check_schema (self);
    if (rc == FST_OK)
        rc = s_load_memory (self);
    if (rc == FST_OK)
        rc = s_count_aside (self);
    if (rc != FST_OK)
        *problem_p = zsys_sprintf ("What the node remembers in %s cannot be read; see the log.", filename);
    s_committed (self);
    return rc;
}

fst_rc_t
fst_small_open (const char *filename, fst_small_t **self_p, char **problem_p)
{
    assert (filename);
    assert (self_p);
    assert (problem_p);
    fst_small_t *self = calloc (1, sizeof (*self));
    assert (self);
    pthread_mutex_init (&self->lock, NULL);
    fst_rc_t rc = s_open (self, filename, problem_p);
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_small_destroy (&self);
    return rc;
}

void
fst_small_destroy (fst_small_t **self_p)
{
    assert (self_p);
    fst_small_t *self = *self_p;
    if (self) {
        fst_db_destroy (&self->reader);         //  First, so that the writer is the last and checkpoints
        fst_db_destroy (&self->writer);
        pthread_mutex_destroy (&self->lock);
        free (self);
        *self_p = NULL;
    }
}

bool
fst_small_is_dead (const fst_small_t *self)
{
    assert (self);
    return atomic_load (&self->dead);
}

bool
fst_small_is_damaged (const fst_small_t *self)
{
    assert (self);
    return atomic_load (&self->damaged);
}

//  After a connection was used, by who may use it. What one finds is true for both.
static void
s_feel (fst_small_t *self, const fst_db_t *db)
{
    if (fst_db_damaged (db))
        atomic_store (&self->damaged, true);
    if (fst_db_dead (db))
        atomic_store (&self->dead, true);
}

//  ---- Writing

bool
fst_small_fits (const fst_record_t *record)
{
    return record->extent == 0 && record->slot == 0 && record->chunk == 0
        && record->last && record->plain_bytes <= FST_SMALL_BYTES_MAX;
}

fst_rc_t
fst_small_begin (fst_small_t *self)
{
    assert (self);
    fst_rc_t rc = fst_small_is_dead (self)? FST_IO: fst_db_begin (self->writer);
    s_feel (self, self->writer);
    return rc;
}

fst_rc_t
fst_small_commit (fst_small_t *self)
{
    assert (self);
    fst_rc_t rc = FST_OK;
    if (memcmp (&self->memory, &self->memory_before, sizeof (self->memory)) != 0)
        rc = s_save_memory (self);
    if (rc == FST_OK)
        rc = fst_db_commit (self->writer);
    else
        fst_db_rollback (self->writer);
    if (rc == FST_OK)
        s_committed (self);
    else {
        self->memory = self->memory_before;
        self->aside = self->aside_before;
    }
    s_feel (self, self->writer);
    return rc;
}

//  The blob is there already: with the same record?
static fst_rc_t
s_compare (fst_small_t *self, const fst_record_t *record)
{
    sqlite3_stmt *select = fst_db_prepare (self->writer, "SELECT checksum FROM small WHERE blob = ?1");
    sqlite3_bind_blob (select, 1, record->blob.bytes, FST_BLOB_BYTES, SQLITE_STATIC);
    fst_rc_t rc = fst_db_next (self->writer, select);
    if (rc != FST_OK)
        return rc;
    bool same = (uint64_t) sqlite3_column_int64 (select, 0) == record->checksum;
    fst_db_done (select);
    return same? FST_OK: FST_EXISTS;
}

static fst_rc_t
s_insert (fst_small_t *self, const fst_record_t *record, const uint8_t *data)
{
    sqlite3_stmt *insert = fst_db_prepare (self->writer,
        "INSERT INTO small (blob, bytes, checksum, record) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (blob) DO NOTHING");
    size_t bytes = fst_record_bytes (record->plain_bytes);
    sqlite3_bind_blob (insert, 1, record->blob.bytes, FST_BLOB_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64 (insert, 2, (int64_t) bytes);
    sqlite3_bind_int64 (insert, 3, (int64_t) record->checksum);
    sqlite3_bind_blob (insert, 4, data, (int) bytes, SQLITE_STATIC);
    fst_rc_t rc = fst_db_run (self->writer, insert);
    if (rc != FST_OK)
        return rc;
    if (fst_db_changes (self->writer) == 0)
        return s_compare (self, record);
    self->memory.blobs++;
    return FST_OK;
}

//  All of a request, or nothing of it.
typedef struct {
    int64_t blobs, aside;           //  Before it
} s_request_t;

static fst_rc_t
s_begin_request (fst_small_t *self, s_request_t *request)
{
    *request = (s_request_t) { .blobs = self->memory.blobs, .aside = self->aside };
    return fst_db_save (self->writer);
}

static fst_rc_t
s_end_request (fst_small_t *self, const s_request_t *request, fst_rc_t rc)
{
    if (rc == FST_OK)
        return fst_db_release (self->writer);
    fst_db_undo (self->writer);
    self->memory.blobs = request->blobs;
    self->aside = request->aside;
    return rc;
}

fst_rc_t
fst_small_store (fst_small_t *self, const fst_record_t *records, const uint8_t *const *data, size_t count)
{
    assert (self);
    s_request_t request;
    fst_rc_t rc = s_begin_request (self, &request);
    if (rc != FST_OK)
        return rc;
    for (size_t at = 0; rc == FST_OK && at < count; at++) {
        assert (fst_small_fits (&records [at]));
        rc = s_insert (self, &records [at], data [at]);
    }
    return s_end_request (self, &request, rc);
}

static fst_rc_t
s_delete (fst_small_t *self, const fst_blob_id_t *blob, bool *found_p)
{
    sqlite3_stmt *delete = fst_db_prepare (self->writer, "DELETE FROM small WHERE blob = ?1");
    sqlite3_bind_blob (delete, 1, blob->bytes, FST_BLOB_BYTES, SQLITE_STATIC);
    fst_rc_t rc = fst_db_run (self->writer, delete);
    if (rc == FST_OK && fst_db_changes (self->writer) > 0) {
        self->memory.blobs--;
        *found_p = true;
    }
    return rc;
}

fst_rc_t
fst_small_delete (fst_small_t *self, const fst_extent_id_t *ids, size_t count, bool *found)
{
    assert (self);
    s_request_t request;
    fst_rc_t rc = s_begin_request (self, &request);
    if (rc != FST_OK)
        return rc;
    for (size_t at = 0; rc == FST_OK && at < count; at++)
        if (ids [at].extent <= 0)       //  A small blob is extent 0
            rc = s_delete (self, &ids [at].blob, &found [at]);
    return s_end_request (self, &request, rc);
}

//  SQLite checks neither its pages nor rows; the record checks itself.
static fst_rc_t
s_check (const void *data, size_t bytes, const fst_blob_id_t *blob)
{
    fst_record_t record;
    if (fst_record_decode (data, bytes, &record) != FST_OK
    ||  memcmp (record.blob.bytes, blob->bytes, FST_BLOB_BYTES) != 0
    ||  !fst_small_fits (&record)
    ||  fst_record_check (data, bytes, &record) != FST_OK)
        return FST_CORRUPT;
    return FST_OK;
}

//  ---- The quarantine

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
    return s_delete (self, blob, moved_p);
}

fst_rc_t
fst_small_set_aside (fst_small_t *self, const fst_extent_id_t *ids, size_t count, int64_t now_ms, bool *moved)
{
    assert (self);
    s_request_t request;
    fst_rc_t rc = s_begin_request (self, &request);
    if (rc != FST_OK)
        return rc;
    for (size_t at = 0; rc == FST_OK && at < count; at++)
        if (ids [at].extent <= 0)
            rc = s_set_aside (self, &ids [at].blob, now_ms, &moved [at]);
    return s_end_request (self, &request, rc);
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
        if (s_check (sqlite3_column_blob (select, 1), (size_t) sqlite3_column_bytes (select, 1), blob) == FST_OK) {
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
    assert (self);
    s_request_t request;
    fst_rc_t rc = s_begin_request (self, &request);
    if (rc != FST_OK)
        return rc;
    for (size_t at = 0; rc == FST_OK && at < count; at++)
        if (ids [at].extent <= 0)
            rc = s_put_back (self, &ids [at].blob, now_ms, &restored [at]);
    return s_end_request (self, &request, rc);
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

//  ---- What the node remembers

int64_t
fst_small_get (fst_small_t *self, const char *name, int64_t standard)
{
    assert (self);
    int64_t value;
    return s_setting (self, name, &value) == FST_OK? value: standard;
}

fst_rc_t
fst_small_set (fst_small_t *self, const char *name, int64_t value)
{
    assert (self);
    return s_set_setting (self, name, value);
}

void
fst_small_set_sequence (fst_small_t *self, uint64_t run, int64_t sequence)
{
    assert (self);
    if (sequence < self->memory.told.sequence)
        return;
    self->memory.told.sequence = sequence;      //  Written by the commit
    if (run)
        self->memory.told.run = run;
}

uint64_t
fst_small_run (const fst_small_t *self)
{
    assert (self);
    return self->memory_before.told.run;
}

int64_t
fst_small_sequence (const fst_small_t *self)
{
    assert (self);
    return self->memory_before.told.sequence;
}

int64_t
fst_small_stored (const fst_small_t *self)
{
    assert (self);
    return self->memory.blobs;
}

int64_t
fst_small_count (fst_small_t *self)
{
    assert (self);
    return atomic_load (&self->count);
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
    s_feel (self, self->reader);
    pthread_mutex_unlock (&self->lock);
    if (rc == FST_OK)
        rc = s_check (zframe_data (frame), zframe_size (frame), blob);
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
    s_feel (self, self->reader);
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
    *bad_p = s_check (data, bytes, blob) != FST_OK
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
    s_feel (self, self->reader);
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
    s_feel (self, self->reader);
    pthread_mutex_unlock (&self->lock);
    return bytes;
}
