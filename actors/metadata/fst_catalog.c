//  The catalog as a whole: its tables, transactions, sums. Tables are described in docs/DISK.md.

#include "fst_catalog_sql.h"
#include <stdio.h>

#define APPLICATION_ID  0x4653546d      //  "FSTm"
#define CACHE_KIB       (64 * 1024)

static const char s_version_1 [] =
    "CREATE TABLE entries ("
    "  id INTEGER PRIMARY KEY,"
    "  parent INTEGER NOT NULL,"
    "  name TEXT NOT NULL,"
    "  kind INTEGER NOT NULL,"                  //  1 file, 2 folder
    "  owner TEXT NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  modified_ms INTEGER NOT NULL,"
    "  stored_ms INTEGER NOT NULL,"
    "  size INTEGER NOT NULL,"                  //  Of a folder: entries in it
    "  version INTEGER NOT NULL,"
    "  blob BLOB,"
    "  digest BLOB) STRICT;"
    "CREATE UNIQUE INDEX entries_by_name ON entries (parent, name);"
    "CREATE INDEX folders_by_parent ON entries (parent) WHERE kind = 2;"
    "CREATE TABLE versions ("                   //  The older ones; the current one is in entries
    "  entry INTEGER NOT NULL,"
    "  version INTEGER NOT NULL,"
    "  size INTEGER NOT NULL,"
    "  modified_ms INTEGER NOT NULL,"
    "  stored_ms INTEGER NOT NULL,"
    "  replaced_ms INTEGER NOT NULL,"
    "  blob BLOB,"
    "  digest BLOB,"
    "  PRIMARY KEY (entry, version)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX versions_by_age ON versions (replaced_ms);"
    "CREATE TABLE trash ("
    "  entry INTEGER PRIMARY KEY,"
    "  parent INTEGER NOT NULL,"                //  Where it was
    "  name TEXT NOT NULL,"
    "  path TEXT NOT NULL,"
    "  user TEXT NOT NULL,"
    "  trashed_ms INTEGER NOT NULL) STRICT;"    //  0: not wanted back
    "CREATE INDEX trash_by_age ON trash (trashed_ms);"
    "CREATE TABLE grants ("
    "  entry INTEGER NOT NULL,"
    "  user TEXT NOT NULL,"
    "  rights INTEGER NOT NULL,"
    "  PRIMARY KEY (entry, user)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE blobs ("
    "  id BLOB PRIMARY KEY,"
    "  key BLOB NOT NULL,"                      //  Wrapped by the cluster key, which is not in this file
    "  chunk_log2 INTEGER NOT NULL,"
    "  extent_chunks INTEGER NOT NULL,"
    "  size INTEGER NOT NULL,"
    "  replicas INTEGER NOT NULL,"
    "  extents INTEGER NOT NULL,"
    "  refs INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE extents ("
    "  blob BLOB NOT NULL,"
    "  n INTEGER NOT NULL,"
    "  chunks INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  digest INTEGER NOT NULL,"
    "  nodes INTEGER NOT NULL,"                 //  Bit i: node number i holds it
    "  PRIMARY KEY (blob, n)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX extents_by_nodes ON extents (nodes);"
    "CREATE TABLE spreads ("
    "  nodes INTEGER NOT NULL,"
    "  wanted INTEGER NOT NULL,"
    "  extents INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  PRIMARY KEY (nodes, wanted)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE garbage ("
    "  node INTEGER NOT NULL,"
    "  blob BLOB NOT NULL,"
    "  PRIMARY KEY (node, blob)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE uploads ("
    "  id BLOB PRIMARY KEY,"
    "  user TEXT NOT NULL,"
    "  key BLOB NOT NULL,"                      //  Wrapped
    "  chunk_log2 INTEGER NOT NULL,"
    "  extent_chunks INTEGER NOT NULL,"
    "  replicas INTEGER NOT NULL,"
    "  single INTEGER NOT NULL,"
    "  kept INTEGER NOT NULL,"
    "  files INTEGER NOT NULL,"
    "  nodes INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX uploads_by_expiry ON uploads (expires_ms);"
    "CREATE TABLE upload_extents ("
    "  upload BLOB NOT NULL,"
    "  file INTEGER NOT NULL,"
    "  n INTEGER NOT NULL,"
    "  chunks INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  digest INTEGER NOT NULL,"
    "  nodes INTEGER NOT NULL,"
    "  PRIMARY KEY (upload, file, n)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE nodes ("
    "  number INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  endpoint TEXT NOT NULL,"
    "  zone TEXT NOT NULL,"
    "  version TEXT NOT NULL,"
    "  capacity INTEGER NOT NULL,"
    "  free INTEGER NOT NULL,"
    "  extents INTEGER NOT NULL,"
    "  window INTEGER NOT NULL,"
    "  pruned INTEGER NOT NULL) STRICT;"
    "CREATE TABLE events ("
    "  sequence INTEGER PRIMARY KEY,"
    "  time_ms INTEGER NOT NULL,"
    "  type TEXT NOT NULL,"
    "  path TEXT,"
    "  target TEXT,"
    "  user TEXT,"
    "  node TEXT,"
    "  entry INTEGER NOT NULL,"
    "  version INTEGER NOT NULL) STRICT;"
    "CREATE TABLE replies ("
    "  number INTEGER PRIMARY KEY,"             //  In order of time
    "  session BLOB NOT NULL,"
    "  request TEXT NOT NULL,"
    "  time_ms INTEGER NOT NULL,"
    "  reply TEXT NOT NULL,"
    "  UNIQUE (session, request)) STRICT;"
    "CREATE TABLE settings ("
    "  name TEXT PRIMARY KEY,"
    "  value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE counters ("
    "  one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  files INTEGER NOT NULL,"
    "  folders INTEGER NOT NULL,"
    "  uploads INTEGER NOT NULL,"
    "  garbage INTEGER NOT NULL,"
    "  sequence INTEGER NOT NULL,"
    "  last_id INTEGER NOT NULL) STRICT;"
    "INSERT INTO counters VALUES (1, 0, 1, 0, 0, 0, 3);"
    "INSERT INTO entries"
    "  SELECT column1, column2, column3, 2, 'filestore', now, now, now, column4, 0, NULL, NULL"
    "    FROM (VALUES (1, 0, '', 1), (2, 0, 'trash', 0), (3, 1, 'users', 0)),"
    "         (SELECT 1000 * CAST (strftime ('%s', 'now') AS INTEGER) AS now);";

static const char s_version_2 [] =
    "ALTER TABLE nodes ADD COLUMN draining INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE events ADD COLUMN detail TEXT;"
    "CREATE TABLE runs ("                       //  Starts of metadata, in order
    "  number INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  sequence INTEGER NOT NULL) STRICT;"      //  Where it began
    "CREATE TABLE garbage_2 ("
    "  node INTEGER NOT NULL,"
    "  blob BLOB NOT NULL,"
    "  n INTEGER NOT NULL,"                     //  Extent; -1: all of the blob
    "  PRIMARY KEY (node, blob, n)) STRICT, WITHOUT ROWID;"
    "INSERT INTO garbage_2 SELECT node, blob, -1 FROM garbage;"
    "DROP TABLE garbage;"
    "ALTER TABLE garbage_2 RENAME TO garbage;";

static const char s_version_3 [] =
    "CREATE TABLE bad ("                        //  Copies that are damaged or gone and have no better one
    "  blob BLOB NOT NULL,"
    "  n INTEGER NOT NULL,"
    "  node INTEGER NOT NULL,"
    "  PRIMARY KEY (blob, n, node)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE foreign_runs ("               //  What nodes were told by a database that this one does not descend from
    "  id TEXT PRIMARY KEY,"
    "  sequence INTEGER NOT NULL,"
    "  accepted INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE spent ("                      //  Blobs of open uploads that were committed, and deleted since
    "  blob BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;"
    "ALTER TABLE uploads ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE uploads ADD COLUMN doubted INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE counters ADD COLUMN bad INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE extents ADD COLUMN wanted INTEGER NOT NULL DEFAULT 0;"     //  Copies, as in its blob
    "UPDATE extents SET wanted = blobs.replicas FROM blobs WHERE blobs.id = extents.blob;"
    "DROP INDEX extents_by_nodes;"
    "CREATE INDEX extents_by_spread ON extents (nodes, wanted);"
    "ALTER TABLE blobs ADD COLUMN entry INTEGER NOT NULL DEFAULT 0;"    //  The last that referred to it
    "UPDATE blobs SET entry = entries.id FROM entries WHERE entries.blob = blobs.id;";

static const char s_version_4 [] =
    "ALTER TABLE trash ADD COLUMN owner TEXT NOT NULL DEFAULT '';"      //  Of the entry
    "UPDATE trash SET owner = entries.owner FROM entries WHERE id = entry;"
    "CREATE INDEX trash_by_user ON trash (user, trashed_ms, entry);"
    "CREATE INDEX trash_by_owner ON trash (owner, trashed_ms, entry);"
    "CREATE INDEX trash_by_path ON trash (path);"
    "CREATE INDEX grants_by_user ON grants (user, entry);";

static const char s_version_5 [] =
    "ALTER TABLE trash ADD COLUMN aged_ms INTEGER;"         //  trashed_ms is for people, this one for the purge (fst_age.h)
    "ALTER TABLE versions ADD COLUMN aged_ms INTEGER;"      //  As replaced_ms
    "UPDATE trash SET aged_ms = trashed_ms;"
    "UPDATE versions SET aged_ms = replaced_ms;"
    "DROP INDEX versions_by_age;"
    "CREATE INDEX versions_by_age ON versions (aged_ms);"
    "CREATE INDEX trash_by_aged ON trash (aged_ms);";

static const char s_version_6 [] =
    "ALTER TABLE uploads ADD COLUMN returned INTEGER NOT NULL DEFAULT 0;";      //  Bit i: node number i started again since

static const char s_version_7 [] =
    "CREATE TABLE cursors ("                                //  Up to where somebody has handled the events
    "  user TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  sequence INTEGER NOT NULL,"
    "  aged_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (user, name)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX cursors_by_aged ON cursors (aged_ms);";

static const char *const s_migrations [] = {
    s_version_1, s_version_2, s_version_3, s_version_4, s_version_5, s_version_6, s_version_7, NULL
};

//  ---- Counters

//  Take the counters as they are in the tables: somebody else wrote them.
static fst_rc_t
s_read_counters (fst_catalog_t *self)
{
    //  The highest numbers in use win over the kept ones: neither may ever go back.
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT files, folders, uploads, garbage,"
        "       max (sequence, ifnull ((SELECT max (sequence) FROM events), 0)),"
        "       max (last_id, (SELECT max (id) FROM entries)), bad FROM counters");
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc != FST_OK)
        return rc == FST_NOT_FOUND? FST_CORRUPT: rc;
    self->counters = (fst_counters_t) {
        .files = fst_column_int (select, 0),
        .folders = fst_column_int (select, 1),
        .uploads = fst_column_int (select, 2),
        .garbage = fst_column_int (select, 3),
        .sequence = fst_column_int (select, 4),
        .last_id = fst_column_int (select, 5),
        .bad = fst_column_int (select, 6)
    };
    self->written = self->counters;
    fst_db_done (select);
    return FST_OK;
}

static fst_rc_t
s_counters_write (fst_catalog_t *self)
{
    if (memcmp (&self->counters, &self->written, sizeof (self->counters)) == 0)
        return FST_OK;
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE counters SET files = ?1, folders = ?2, uploads = ?3, garbage = ?4, sequence = ?5, last_id = ?6, bad = ?7");
    fst_bind_int (update, 1, self->counters.files);
    fst_bind_int (update, 2, self->counters.folders);
    fst_bind_int (update, 3, self->counters.uploads);
    fst_bind_int (update, 4, self->counters.garbage);
    fst_bind_int (update, 5, self->counters.sequence);
    fst_bind_int (update, 6, self->counters.last_id);
    fst_bind_int (update, 7, self->counters.bad);
    return fst_db_run (self->db, update);
}

void
fst_catalog_set_age (fst_catalog_t *self, int64_t aged_ms)
{
    assert (self);
    self->aged_ms = aged_ms;
}

const fst_counters_t *
fst_catalog_counters (const fst_catalog_t *self)
{
    assert (self);
    return &self->counters;
}

//  ---- What is added up before it is written

static fst_rc_t
s_settle_folder (fst_catalog_t *self)
{
    fst_pending_t *pending = &self->pending;
    if (!pending->folder)
        return FST_OK;
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE entries SET size = size + ?2, modified_ms = max (modified_ms, ?3) WHERE id = ?1");
    fst_bind_int (update, 1, pending->folder);
    fst_bind_int (update, 2, pending->entries);
    fst_bind_int (update, 3, pending->now_ms);
    pending->folder = 0;
    pending->entries = 0;
    return fst_db_run (self->db, update);
}

static fst_rc_t
s_settle_spread (fst_catalog_t *self)
{
    fst_spread_t *spread = &self->pending.spread;
    if (!spread->extents && !spread->bytes)
        return FST_OK;
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO spreads (nodes, wanted, extents, bytes) VALUES (?1, ?2, ?3, ?4)"
        "  ON CONFLICT DO UPDATE SET extents = extents + ?3, bytes = bytes + ?4");
    fst_bind_int (insert, 1, (int64_t) spread->nodes);
    fst_bind_int (insert, 2, spread->wanted);
    fst_bind_int (insert, 3, spread->extents);
    fst_bind_int (insert, 4, spread->bytes);
    spread->extents = 0;
    spread->bytes = 0;
    return fst_db_run (self->db, insert);
}

fst_rc_t
fst_catalog_folder_changed (fst_catalog_t *self, int64_t folder, int64_t entries, int64_t now_ms)
{
    fst_rc_t rc = FST_OK;
    if (self->pending.folder != folder)
        rc = s_settle_folder (self);
    self->pending.folder = folder;
    self->pending.entries += entries;
    self->pending.now_ms = now_ms;
    return rc;
}

fst_rc_t
fst_catalog_spread_changed (fst_catalog_t *self, fst_node_set_t nodes, unsigned wanted, int64_t extents,
                            int64_t bytes)
{
    fst_spread_t *spread = &self->pending.spread;
    fst_rc_t rc = FST_OK;
    self->spread_changes++;
    if (spread->nodes != nodes || spread->wanted != wanted)
        rc = s_settle_spread (self);
    spread->nodes = nodes;
    spread->wanted = wanted;
    spread->extents += extents;
    spread->bytes += bytes;
    return rc;
}

fst_rc_t
fst_catalog_settle (fst_catalog_t *self)
{
    fst_rc_t rc = s_settle_folder (self);
    return rc == FST_OK? s_settle_spread (self): rc;
}

//  ---- Opening and transactions

static fst_rc_t
s_open (const char *filename, bool read_only, fst_catalog_t **self_p, char **problem_p)
{
    assert (filename);
    assert (self_p);
    assert (problem_p);
    fst_catalog_t *self = calloc (1, sizeof (*self));
    assert (self);
    fst_db_options_t options = {
        .filename = filename,
        .application_id = APPLICATION_ID,
        .migrations = s_migrations,
        .cache_kib = read_only? 0: CACHE_KIB,
        .read_only = read_only
    };
    fst_rc_t rc = fst_db_open (&options, &self->db, problem_p);
    if (rc == FST_OK) {
        if (read_only)
            rc = fst_db_run (self->db, fst_db_prepare (self->db, "BEGIN"));
        if (rc == FST_OK)
            rc = s_read_counters (self);
        if (rc != FST_OK && asprintf (problem_p, "The database %s cannot be read.", filename) < 0)
            abort ();
    }
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_catalog_destroy (&self);
    return rc;
}

fst_rc_t
fst_catalog_open (const char *filename, fst_catalog_t **self_p, char **problem_p)
{
    return s_open (filename, false, self_p, problem_p);
}

fst_rc_t
fst_catalog_open_to_read (const char *filename, fst_catalog_t **self_p, char **problem_p)
{
    return s_open (filename, true, self_p, problem_p);
}

void
fst_catalog_destroy (fst_catalog_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        if ((*self_p)->open)
            fst_catalog_rollback (*self_p);
        fst_db_destroy (&(*self_p)->db);
        free (*self_p);
        *self_p = NULL;
    }
}

fst_rc_t
fst_catalog_begin (fst_catalog_t *self)
{
    assert (self);
    assert (!self->open);
    fst_rc_t rc = fst_db_begin (self->db);
    self->open = rc == FST_OK;
    return rc;
}

fst_rc_t
fst_catalog_commit (fst_catalog_t *self)
{
    assert (self);
    assert (self->open);
    fst_rc_t rc = fst_catalog_settle (self);
    if (self->moved && self->counters.sequence == self->written.sequence)
        self->counters.sequence++;      //  Or a copy of the database from before would fit what nodes were told
    self->moved = false;
    if (rc == FST_OK)
        rc = s_counters_write (self);
    if (rc != FST_OK) {
        fst_catalog_rollback (self);
        return rc;
    }
    self->open = false;
    rc = fst_db_commit (self->db);
    if (rc == FST_OK)
        self->written = self->counters;
    else
        self->counters = self->written;
    return rc;
}

void
fst_catalog_rollback (fst_catalog_t *self)
{
    assert (self);
    assert (self->open);
    fst_db_rollback (self->db);
    self->open = self->moved = false;
    self->counters = self->written;
    memset (&self->pending, 0, sizeof (self->pending));
}

fst_rc_t
fst_catalog_save (fst_catalog_t *self)
{
    assert (self);
    self->saved = self->counters;
    self->pending_saved = self->pending;
    return fst_db_save (self->db);
}

fst_rc_t
fst_catalog_release (fst_catalog_t *self)
{
    assert (self);
    return fst_db_release (self->db);
}

void
fst_catalog_undo (fst_catalog_t *self)
{
    assert (self);
    fst_db_undo (self->db);
    self->counters = self->saved;
    self->pending = self->pending_saved;
}

//  ---- Settings

fst_rc_t
fst_catalog_setting_get (fst_catalog_t *self, const char *name, int64_t *value_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT value FROM settings WHERE name = ?1");
    fst_bind_text (select, 1, name);
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc == FST_OK) {
        *value_p = fst_column_int (select, 0);
        fst_db_done (select);
    }
    return rc;
}

fst_rc_t
fst_catalog_setting_put (fst_catalog_t *self, const char *name, int64_t value)
{
    assert (self);
    sqlite3_stmt *insert = fst_db_prepare (self->db, "INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)");
    fst_bind_text (insert, 1, name);
    fst_bind_int (insert, 2, value);
    return fst_db_run (self->db, insert);
}
