//  SQLite the one way that loses nothing: WAL, synchronous FULL, foreign keys, DEFENSIVE, STRICT
//  tables, one writing connection, an application id and a version in the file. An I/O error from SQLite
//  is final: fst_db_dead is true from then on and every call gives FST_IO; the process should end.
//
//  A connection belongs to one thread. Statements are prepared once by their text and kept.
//
//      sqlite3_stmt *insert = fst_db_prepare (db, "INSERT INTO users (name) VALUES (?1)");
//      sqlite3_bind_text (insert, 1, name, -1, SQLITE_STATIC);
//      rc = fst_db_run (db, insert);               //  Steps to the end and resets

#ifndef FST_DB_H_INCLUDED
#define FST_DB_H_INCLUDED

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "fst_error.h"

typedef struct fst_db fst_db_t;

typedef struct {
    const char *filename;
    uint32_t application_id;            //  "FSTm", "FSTa", "FSTs" as 32 bits
    const char *const *migrations;      //  SQL to go from version i to i + 1; NULL ends it; borrowed for good
    int page_bytes;                     //  0 = 4096
    int cache_kib;                      //  0 = 2048
    bool read_only;                     //  query_only, never checkpoints; the file must be there and up to date
} fst_db_options_t;

//  Open, create or migrate. *problem_p is a sentence (caller frees).
//      FST_CORRUPT   not our file, or quick_check fails      FST_IO, FST_NO_SPACE
fst_rc_t FST_CHECKED
fst_db_open (const fst_db_options_t *options, fst_db_t **self_p, char **problem_p);

void
fst_db_destroy (fst_db_t **self_p);

//  A statement ready for binding, with nothing bound. Borrowed: it stays self's. SQL that does not
//  compile is a bug and aborts. sql must be a string literal or live as long as self.
sqlite3_stmt *
fst_db_prepare (fst_db_t *self, const char *sql);

//  Run to the end and reset; clears bindings.
//      FST_EXISTS    a UNIQUE or PRIMARY KEY constraint     FST_NO_SPACE, FST_IO, FST_CORRUPT
fst_rc_t FST_CHECKED
fst_db_run (fst_db_t *self, sqlite3_stmt *statement);

//  Step to the next row: FST_OK with a row, FST_NOT_FOUND at the end (then it was reset), or as above.
//  A caller that stops before the end calls fst_db_done.
fst_rc_t FST_CHECKED
fst_db_next (fst_db_t *self, sqlite3_stmt *statement);

void
fst_db_done (sqlite3_stmt *statement);

fst_rc_t FST_CHECKED
fst_db_begin (fst_db_t *self);          //  BEGIN IMMEDIATE
fst_rc_t FST_CHECKED
fst_db_commit (fst_db_t *self);         //  Durable when it returns FST_OK
void
fst_db_rollback (fst_db_t *self);

//  A savepoint around one request of a batch.
fst_rc_t FST_CHECKED
fst_db_save (fst_db_t *self);
fst_rc_t FST_CHECKED
fst_db_release (fst_db_t *self);
void
fst_db_undo (fst_db_t *self);           //  Back to the savepoint, and release it

bool
fst_db_dead (const fst_db_t *self);

//  True if it is dead because the file is damaged, so that opening it again would not help.
bool
fst_db_damaged (const fst_db_t *self);

//  Copy a database that may be in use, as it is at one moment, to a new file (mode 0600): synced, checked, and complete
//  in itself. The writer goes on meanwhile; its log cannot be reset until it is done. Any thread. Ends early with
//  FST_INTERRUPTED when *stop (may be NULL) is set. Its name is durable when the caller has synced the folder.
//  Otherwise *problem_p is a sentence (caller frees) and there is no file.
//      FST_EXISTS, FST_NO_SPACE, FST_IO, FST_CORRUPT
fst_rc_t FST_CHECKED
fst_db_copy (const char *from, const char *to, atomic_bool *stop, char **problem_p);

//  sqlite3_changes.
int
fst_db_changes (const fst_db_t *self);

#endif
