//  Small blobs in SQLite: the file, what is written to it, and what the node remembers.

#include "fst_small_self.h"
#include <assert.h>

#define READER_CACHE_KIB 512        //  Records are read once; what leads to them fits

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
        options.cache_kib = READER_CACHE_KIB;
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

void
fst_small_feel (fst_small_t *self, const fst_db_t *db)
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
    fst_small_feel (self, self->writer);
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
    fst_small_feel (self, self->writer);
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

fst_rc_t
fst_small_delete_one (fst_small_t *self, const fst_blob_id_t *blob, int64_t now_ms, bool *found_p)
{
    (void) now_ms;
    sqlite3_stmt *delete = fst_db_prepare (self->writer, "DELETE FROM small WHERE blob = ?1");
    sqlite3_bind_blob (delete, 1, blob->bytes, FST_BLOB_BYTES, SQLITE_STATIC);
    fst_rc_t rc = fst_db_run (self->writer, delete);
    if (rc == FST_OK && fst_db_changes (self->writer) > 0) {
        self->memory.blobs--;
        *found_p = true;
    }
    return rc;
}

//  Ids without small blobs are passed over: a small blob is extent 0.
fst_rc_t
fst_small_for_each (fst_small_t *self, const fst_extent_id_t *ids, size_t count, int64_t now_ms, fst_small_one_fn *one,
                    bool *done)
{
    assert (self);
    s_request_t request;
    fst_rc_t rc = s_begin_request (self, &request);
    if (rc != FST_OK)
        return rc;
    for (size_t at = 0; rc == FST_OK && at < count; at++)
        if (ids [at].extent <= 0)
            rc = one (self, &ids [at].blob, now_ms, &done [at]);
    return s_end_request (self, &request, rc);
}

fst_rc_t
fst_small_delete (fst_small_t *self, const fst_extent_id_t *ids, size_t count, bool *found)
{
    return fst_small_for_each (self, ids, count, 0, fst_small_delete_one, found);
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
