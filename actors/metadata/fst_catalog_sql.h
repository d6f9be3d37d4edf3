//  The catalog in SQLite: what its files share. Not for others.

#ifndef FST_CATALOG_SQL_H_INCLUDED
#define FST_CATALOG_SQL_H_INCLUDED

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_catalog.h"
#include "fst_db.h"

//  Changes that many requests of a batch make to the same row are added up here and written once.
typedef struct {
    int64_t folder, entries, now_ms;    //  0 = none
    fst_spread_t spread;                //  extents 0 and bytes 0 = none
} fst_pending_t;

struct fst_catalog {
    fst_db_t *db;
    bool open;                          //  Between begin and commit
    fst_counters_t counters;
    fst_counters_t written;             //  As they are in the table
    fst_counters_t saved;               //  At the savepoint
    fst_pending_t pending;
    fst_pending_t pending_saved;
    uint64_t spread_changes;            //  Since it was opened
    int64_t aged_ms;                    //  Now, for what is to grow old
    bool moved;                         //  An extent lies on other nodes, or on none, since begin
};

//  Count entries in or out of a folder, whose time is now.
fst_rc_t FST_CHECKED
fst_catalog_folder_changed (fst_catalog_t *self, int64_t folder, int64_t entries, int64_t now_ms);

//  Count extents in or out of a spread.
fst_rc_t FST_CHECKED
fst_catalog_spread_changed (fst_catalog_t *self, fst_node_set_t nodes, unsigned wanted, int64_t extents,
                            int64_t bytes);

//  Put an entry elsewhere, without counting. FST_EXISTS
fst_rc_t FST_CHECKED
fst_catalog_place (fst_catalog_t *self, int64_t id, int64_t parent, const char *name);

//  Write what is pending, so that reading sees it.
fst_rc_t FST_CHECKED
fst_catalog_settle (fst_catalog_t *self);

//  The extents that the bound statement selects as (n, chunks, bytes, digest, nodes); its LIMIT keeps them in bounds.
fst_rc_t FST_CHECKED
fst_catalog_read_extents (fst_catalog_t *self, sqlite3_stmt *select, fst_extent_t *extents, size_t *count_p);

//  One more (this entry), or one less, refers to the blob; at none it becomes garbage.
fst_rc_t FST_CHECKED
fst_catalog_blob_refer (fst_catalog_t *self, const fst_blob_id_t *id, int64_t entry);
fst_rc_t FST_CHECKED
fst_catalog_blob_drop (fst_catalog_t *self, const fst_blob_id_t *id);

//  Open a catalog that another connection uses, for reading only, in a transaction: it stays as it is at this moment.
fst_rc_t FST_CHECKED
fst_catalog_open_to_read (const char *filename, fst_catalog_t **self_p, char **problem_p);

//  ---- Binding and reading columns

static inline void
fst_bind_int (sqlite3_stmt *statement, int at, int64_t value)
{
    sqlite3_bind_int64 (statement, at, value);
}

static inline void
fst_bind_text (sqlite3_stmt *statement, int at, const char *text)
{
    if (text)
        sqlite3_bind_text (statement, at, text, -1, SQLITE_STATIC);
}

static inline void
fst_bind_blob (sqlite3_stmt *statement, int at, const void *data, size_t bytes)
{
    sqlite3_bind_blob (statement, at, data, (int) bytes, SQLITE_STATIC);
}

static inline void
fst_bind_id (sqlite3_stmt *statement, int at, const fst_blob_id_t *id)
{
    fst_bind_blob (statement, at, id->bytes, sizeof (id->bytes));
}

static inline int64_t
fst_column_int (sqlite3_stmt *statement, int at)
{
    return sqlite3_column_int64 (statement, at);
}

//  Cut at size - 1; what we stored always fits.
static inline void
fst_column_text (sqlite3_stmt *statement, int at, char *text, size_t size)
{
    const char *value = (const char *) sqlite3_column_text (statement, at);
    size_t bytes = value? (size_t) sqlite3_column_bytes (statement, at): 0;
    if (bytes >= size)
        bytes = size - 1;
    if (bytes)
        memcpy (text, value, bytes);
    text [bytes] = 0;
}

//  False, and zeros, if the column is NULL or of another length.
static inline bool
fst_column_blob (sqlite3_stmt *statement, int at, void *data, size_t bytes)
{
    const void *value = sqlite3_column_blob (statement, at);
    if (!value || (size_t) sqlite3_column_bytes (statement, at) != bytes) {
        memset (data, 0, bytes);
        return false;
    }
    memcpy (data, value, bytes);
    return true;
}

#endif
