//  The inside of fst_users: what its files share. Not for others.

#ifndef FST_USERS_SELF_H_INCLUDED
#define FST_USERS_SELF_H_INCLUDED

#include "fst_users.h"
#include "fst_db.h"
#include <assert.h>
#include <string.h>

struct fst_users {
    fst_db_t *db;
    bool open;                  //  Changes wait for commit
    fst_ended_t *ended;         //  Sessions that these changes ended
    size_t ended_count, ended_size;
    size_t ended_saved;         //  How many there were before the change under way
};

//  One change: begin, then, if that was FST_OK, end with its result, which is handed on.
fst_rc_t FST_CHECKED
fst_users_begin (fst_users_t *self);
fst_rc_t FST_CHECKED
fst_users_end (fst_users_t *self, fst_rc_t rc);

//  Run what changes exactly one row; `otherwise` if that is not there.
fst_rc_t FST_CHECKED
fst_users_run_one (fst_users_t *self, sqlite3_stmt *statement, fst_rc_t otherwise);

//  Read a row of (id, name, role, hash, changes), and no other.
fst_rc_t FST_CHECKED
fst_users_read (fst_users_t *self, sqlite3_stmt *statement, fst_user_t *user);

//  End the sessions that the bound statement selects as (session, expires_ms). Inside of a change.
fst_rc_t FST_CHECKED
fst_users_end_selected (fst_users_t *self, sqlite3_stmt *select);

//  Text that we wrote, into a field made for it.
void
fst_users_copy_text (char *to, size_t size, sqlite3_stmt *statement, int column);

static inline void
fst_bind_text (sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text (statement, index, text, -1, SQLITE_STATIC);
}

static inline void
fst_bind_session (sqlite3_stmt *statement, int index, const uint8_t *session)
{
    sqlite3_bind_blob (statement, index, session, FST_SESSION_BYTES, SQLITE_STATIC);
}

static inline void
fst_read_session (sqlite3_stmt *statement, int column, uint8_t *session)
{
    assert (sqlite3_column_bytes (statement, column) == FST_SESSION_BYTES);
    memcpy (session, sqlite3_column_blob (statement, column), FST_SESSION_BYTES);
}

#endif
