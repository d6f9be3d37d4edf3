//  Users and sessions in SQLite.

#include "fst_users.h"
#include "fst_db.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define REPEAT_MS   (10 * 60 * 1000)    //  A request is not sent again later than this

static const char *const s_migrations [] = {
    "CREATE TABLE users ("
    "    id             INTEGER PRIMARY KEY,"
    "    name           TEXT NOT NULL UNIQUE,"
    "    role           INTEGER NOT NULL CHECK (role IN (1, 2)),"
    "    hash           TEXT NOT NULL,"
    "    changes        INTEGER NOT NULL,"
    "    created_by     TEXT NOT NULL,"         //  Request ids, see fst_users_created_by
    "    created_ms     INTEGER NOT NULL,"
    "    changed_by     TEXT NOT NULL,"
    "    changed_ms     INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE sessions ("
    "    session        BLOB PRIMARY KEY,"
    "    user           INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    "    begun_ms       INTEGER NOT NULL,"
    "    expires_ms     INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX sessions_of_user ON sessions (user, expires_ms);"
    "CREATE INDEX sessions_by_end ON sessions (expires_ms);"
    "CREATE TABLE revoked ("
    "    session        BLOB PRIMARY KEY,"
    "    expires_ms     INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX revoked_by_end ON revoked (expires_ms);",
    "ALTER TABLE sessions ADD COLUMN used_ms INTEGER NOT NULL DEFAULT 0;"
    "UPDATE sessions SET used_ms = begun_ms;",
    "ALTER TABLE sessions ADD COLUMN name TEXT;"        //  Of a token for an application; else NULL
    "ALTER TABLE sessions ADD COLUMN scopes BLOB;"      //  The same
    "CREATE UNIQUE INDEX tokens_by_name ON sessions (user, name) WHERE name IS NOT NULL;",
    NULL
};

struct fst_users {
    fst_db_t *db;
    bool open;                  //  Changes wait for commit
    fst_ended_t *ended;         //  Sessions that these changes ended
    size_t ended_count, ended_size;
    size_t ended_saved;         //  How many there were before the change under way
};

fst_rc_t
fst_users_open (const char *filename, fst_users_t **self_p, char **problem_p)
{
    assert (filename);
    assert (self_p);
    fst_users_t *self = calloc (1, sizeof (*self));
    assert (self);
    fst_db_options_t options = {
        .filename = filename, .application_id = 0x46535461 /* FSTa */, .migrations = s_migrations, .cache_kib = 1024
    };
    fst_rc_t rc = fst_db_open (&options, &self->db, problem_p);
    if (rc == FST_OK)
        *self_p = self;
    else
        free (self);
    return rc;
}

void
fst_users_destroy (fst_users_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        if ((*self_p)->open)
            fst_db_rollback ((*self_p)->db);
        fst_db_destroy (&(*self_p)->db);
        free ((*self_p)->ended);
        free (*self_p);
        *self_p = NULL;
    }
}

fst_rc_t
fst_users_commit (fst_users_t *self, fst_ended_fn *ended, void *arg)
{
    assert (self);
    if (!self->open)
        return FST_OK;
    self->open = false;
    fst_rc_t rc = fst_db_commit (self->db);
    for (size_t at = 0; rc == FST_OK && at < self->ended_count; at++)
        ended (arg, &self->ended [at]);
    self->ended_count = 0;
    return rc;
}

bool
fst_users_dead (const fst_users_t *self)
{
    assert (self);
    return fst_db_dead (self->db);
}

//  ---- One change: begin, then end with its result, which is handed on

static fst_rc_t
s_begin (fst_users_t *self)
{
    fst_rc_t rc = FST_OK;
    if (!self->open) {
        rc = fst_db_begin (self->db);
        self->open = rc == FST_OK;
    }
    self->ended_saved = self->ended_count;
    return rc == FST_OK? fst_db_save (self->db): rc;
}

static fst_rc_t
s_end (fst_users_t *self, fst_rc_t rc)
{
    if (rc == FST_OK)
        rc = fst_db_release (self->db);
    else
        fst_db_undo (self->db);
    if (rc != FST_OK)
        self->ended_count = self->ended_saved;
    return rc;
}

//  Run what changes exactly one row, if that is there.
static fst_rc_t
s_run_one (fst_users_t *self, sqlite3_stmt *statement, fst_rc_t otherwise)
{
    fst_rc_t rc = fst_db_run (self->db, statement);
    return rc == FST_OK && fst_db_changes (self->db) == 0? otherwise: rc;
}

static void
s_bind_text (sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text (statement, index, text, -1, SQLITE_STATIC);
}

static void
s_bind_session (sqlite3_stmt *statement, int index, const uint8_t *session)
{
    sqlite3_bind_blob (statement, index, session, FST_SESSION_BYTES, SQLITE_STATIC);
}

//  ---- Users

static void
s_copy_text (char *to, size_t size, sqlite3_stmt *statement, int column)
{
    size_t bytes = (size_t) sqlite3_column_bytes (statement, column);
    assert (bytes < size);              //  We wrote it
    memcpy (to, sqlite3_column_text (statement, column), bytes);
    to [bytes] = 0;
}

//  Read a row of (id, name, role, hash, changes), and no other.
static fst_rc_t
s_read_user (fst_users_t *self, sqlite3_stmt *statement, fst_user_t *user)
{
    fst_rc_t rc = fst_db_next (self->db, statement);
    if (rc != FST_OK)
        return rc;
    user->id = sqlite3_column_int64 (statement, 0);
    s_copy_text (user->name, sizeof (user->name), statement, 1);
    user->role = (fst_role_t) sqlite3_column_int (statement, 2);
    s_copy_text (user->hash, sizeof (user->hash), statement, 3);
    user->changes = sqlite3_column_int64 (statement, 4);
    fst_db_done (statement);
    return FST_OK;
}

fst_rc_t
fst_users_find (fst_users_t *self, const char *name, fst_user_t *user)
{
    assert (self);
    sqlite3_stmt *find = fst_db_prepare (self->db,
        "SELECT id, name, role, hash, changes FROM users WHERE name = ?1");
    s_bind_text (find, 1, name);
    return s_read_user (self, find, user);
}

//  Whether there is a row; false too if the database failed, which the next change will say.
static bool
s_any (fst_users_t *self, sqlite3_stmt *statement)
{
    fst_rc_t rc = fst_db_next (self->db, statement);
    fst_db_done (statement);
    return rc == FST_OK;
}

bool
fst_users_created_by (fst_users_t *self, const char *name, const char *request, int64_t now_ms)
{
    assert (self);
    sqlite3_stmt *find = fst_db_prepare (self->db,
        "SELECT 1 FROM users WHERE name = ?1 AND created_by = ?2 AND created_ms > ?3");
    s_bind_text (find, 1, name);
    s_bind_text (find, 2, request);
    sqlite3_bind_int64 (find, 3, now_ms - REPEAT_MS);
    return s_any (self, find);
}

bool
fst_users_changed_by (fst_users_t *self, const char *name, const char *request, int64_t now_ms)
{
    assert (self);
    sqlite3_stmt *find = fst_db_prepare (self->db,
        "SELECT 1 FROM users WHERE name = ?1 AND changed_by = ?2 AND changed_ms > ?3");
    s_bind_text (find, 1, name);
    s_bind_text (find, 2, request);
    sqlite3_bind_int64 (find, 3, now_ms - REPEAT_MS);
    return s_any (self, find);
}

static fst_rc_t
s_insert_user (fst_users_t *self, const char *name, const char *hash, const char *request, int64_t now_ms)
{
    //  One statement decides and inserts, in a database with one writer: two first users cannot both be admin
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO users (name, role, hash, changes, created_by, created_ms, changed_by, changed_ms)"
        " VALUES (?1, CASE WHEN EXISTS (SELECT 1 FROM users) THEN 1 ELSE 2 END, ?2, 0, ?3, ?4, '', 0)");
    s_bind_text (insert, 1, name);
    s_bind_text (insert, 2, hash);
    s_bind_text (insert, 3, request);
    sqlite3_bind_int64 (insert, 4, now_ms);
    return fst_db_run (self->db, insert);
}

fst_rc_t
fst_users_add (fst_users_t *self, const char *name, const char *hash, const char *request, int64_t now_ms,
               fst_role_t *role_p)
{
    assert (self);
    assert (fst_user_name_valid (name));
    fst_user_t user;
    fst_rc_t rc = s_begin (self);
    if (rc != FST_OK)
        return rc;
    rc = s_insert_user (self, name, hash, request, now_ms);
    if (rc == FST_OK)
        rc = fst_users_find (self, name, &user);
    rc = s_end (self, rc);
    if (rc == FST_OK)
        *role_p = user.role;
    return rc;
}

//  ---- Sessions

//  End the sessions that the bound statement selects as (session, expires_ms).
static fst_rc_t
s_end_selected (fst_users_t *self, sqlite3_stmt *select)
{
    size_t first = self->ended_count;
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK) {
        if (self->ended_count == self->ended_size) {
            self->ended_size = self->ended_size? 2 * self->ended_size: 16;
            self->ended = realloc (self->ended, self->ended_size * sizeof (*self->ended));
            assert (self->ended);
        }
        fst_ended_t *ended = &self->ended [self->ended_count++];
        assert (sqlite3_column_bytes (select, 0) == FST_SESSION_BYTES);
        memcpy (ended->session, sqlite3_column_blob (select, 0), FST_SESSION_BYTES);
        ended->expires_ms = sqlite3_column_int64 (select, 1);
    }
    rc = rc == FST_NOT_FOUND? FST_OK: rc;
    for (size_t at = first; rc == FST_OK && at < self->ended_count; at++) {
        sqlite3_stmt *insert = fst_db_prepare (self->db,
            "INSERT INTO revoked (session, expires_ms) VALUES (?1, ?2)"
            " ON CONFLICT (session) DO UPDATE SET expires_ms = max (expires_ms, excluded.expires_ms)");
        s_bind_session (insert, 1, self->ended [at].session);
        sqlite3_bind_int64 (insert, 2, self->ended [at].expires_ms);
        rc = fst_db_run (self->db, insert);
        if (rc != FST_OK)
            break;
        sqlite3_stmt *delete = fst_db_prepare (self->db, "DELETE FROM sessions WHERE session = ?1");
        s_bind_session (delete, 1, self->ended [at].session);
        rc = fst_db_run (self->db, delete);
    }
    return rc;
}

//  ---- All users

fst_rc_t
fst_users_list (fst_users_t *self, const char *after, size_t limit, fst_user_row_fn *each, void *arg)
{
    assert (self);
    assert (each);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT name, role, hash, created_ms, changed_ms FROM users WHERE name > ?1 ORDER BY name LIMIT ?2");
    s_bind_text (select, 1, after? after: "");
    sqlite3_bind_int64 (select, 2, (int64_t) limit);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK) {
        fst_user_row_t row = {
            .role = (fst_role_t) sqlite3_column_int (select, 1), .created_ms = sqlite3_column_int64 (select, 3),
            .changed_ms = sqlite3_column_int64 (select, 4)
        };
        s_copy_text (row.name, sizeof (row.name), select, 0);
        s_copy_text (row.hash, sizeof (row.hash), select, 2);
        each (arg, &row);
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  Whether the users are exactly these.
static bool
s_are_all (fst_users_t *self, const fst_user_row_t *rows, size_t count)
{
    int64_t users = 0, sessions;
    if (fst_users_count (self, 0, &users, &sessions) != FST_OK || users != (int64_t) count)
        return false;
    for (size_t at = 0; at < count; at++) {
        fst_user_t user;
        if (fst_users_find (self, rows [at].name, &user) != FST_OK || strcmp (user.hash, rows [at].hash) != 0
        ||  user.role != rows [at].role)
            return false;
    }
    return true;
}

static fst_rc_t
s_insert_row (fst_users_t *self, const fst_user_row_t *row)
{
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO users (name, role, hash, changes, created_by, created_ms, changed_by, changed_ms)"
        " VALUES (?1, ?2, ?3, 0, '', ?4, '', ?5)");
    s_bind_text (insert, 1, row->name);
    sqlite3_bind_int (insert, 2, row->role);
    s_bind_text (insert, 3, row->hash);
    sqlite3_bind_int64 (insert, 4, row->created_ms);
    sqlite3_bind_int64 (insert, 5, row->changed_ms);
    return fst_db_run (self->db, insert);
}

static fst_rc_t
s_replace_only (fst_users_t *self, const char *asking, const fst_user_row_t *rows, size_t count, int64_t now_ms)
{
    int64_t users = 0, sessions;
    fst_user_t user;
    fst_rc_t rc = fst_users_count (self, 0, &users, &sessions);
    if (rc == FST_OK)
        rc = fst_users_find (self, asking, &user);
    if (rc == FST_NOT_FOUND || (rc == FST_OK && users != 1))
        return FST_NOT_EMPTY;
    if (rc == FST_OK) {
        sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT session, expires_ms FROM sessions WHERE expires_ms > ?1");
        sqlite3_bind_int64 (select, 1, now_ms);
        rc = s_end_selected (self, select);
    }
    if (rc == FST_OK)
        rc = fst_db_run (self->db, fst_db_prepare (self->db, "DELETE FROM users"));
    for (size_t at = 0; rc == FST_OK && at < count; at++)
        rc = s_insert_row (self, &rows [at]);
    return rc;
}

fst_rc_t
fst_users_replace (fst_users_t *self, const char *asking, const fst_user_row_t *rows, size_t count, int64_t now_ms)
{
    assert (self);
    assert (asking);
    assert (rows);
    if (s_are_all (self, rows, count))
        return FST_OK;
    fst_rc_t rc = s_begin (self);
    return rc == FST_OK? s_end (self, s_replace_only (self, asking, rows, count, now_ms)): rc;
}

static fst_rc_t
s_set_password (fst_users_t *self, const fst_user_t *user, const char *hash, const char *request, int64_t now_ms)
{
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE users SET hash = ?1, changes = changes + 1, changed_by = ?2, changed_ms = ?3"
        " WHERE id = ?4 AND changes = ?5");
    s_bind_text (update, 1, hash);
    s_bind_text (update, 2, request);
    sqlite3_bind_int64 (update, 3, now_ms);
    sqlite3_bind_int64 (update, 4, user->id);
    sqlite3_bind_int64 (update, 5, user->changes);
    return s_run_one (self, update, FST_CHANGED);
}

fst_rc_t
fst_users_change_password (fst_users_t *self, const fst_user_t *user, const char *hash,
                           const uint8_t keep [FST_SESSION_BYTES], const char *request, int64_t now_ms)
{
    assert (self);
    fst_rc_t rc = s_begin (self);
    if (rc != FST_OK)
        return rc;
    rc = s_set_password (self, user, hash, request, now_ms);
    if (rc == FST_OK) {
        sqlite3_stmt *others = fst_db_prepare (self->db,
            "SELECT session, expires_ms FROM sessions WHERE user = ?1 AND session <> ?2 AND expires_ms > ?3");
        sqlite3_bind_int64 (others, 1, user->id);
        s_bind_session (others, 2, keep);
        sqlite3_bind_int64 (others, 3, now_ms);
        rc = s_end_selected (self, others);
    }
    return s_end (self, rc);
}

//  The row must be as it was when the password was compared, or a login could outrun a change of password.
static fst_rc_t
s_keep_hash (fst_users_t *self, const fst_user_t *user, const char *rehash)
{
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE users SET hash = coalesce (?1, hash) WHERE id = ?2 AND changes = ?3");
    if (rehash)
        s_bind_text (update, 1, rehash);
    sqlite3_bind_int64 (update, 2, user->id);
    sqlite3_bind_int64 (update, 3, user->changes);
    return s_run_one (self, update, FST_CHANGED);
}

static fst_rc_t
s_make_room (fst_users_t *self, const fst_user_t *user, int64_t now_ms)
{
    //  The newest SESSIONS_MAX - 1 stay
    sqlite3_stmt *oldest = fst_db_prepare (self->db,
        "SELECT session, expires_ms FROM sessions WHERE user = ?1 AND expires_ms > ?2 AND name IS NULL"
        " ORDER BY expires_ms DESC LIMIT -1 OFFSET ?3");
    sqlite3_bind_int64 (oldest, 1, user->id);
    sqlite3_bind_int64 (oldest, 2, now_ms);
    sqlite3_bind_int64 (oldest, 3, FST_USERS_SESSIONS_MAX - 1);
    return s_end_selected (self, oldest);
}

static fst_rc_t
s_insert_session (fst_users_t *self, const fst_user_t *user, const uint8_t *session, int64_t now_ms,
                  int64_t expires_ms)
{
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO sessions (session, user, begun_ms, expires_ms, used_ms) VALUES (?1, ?2, ?3, ?4, ?3)");
    s_bind_session (insert, 1, session);
    sqlite3_bind_int64 (insert, 2, user->id);
    sqlite3_bind_int64 (insert, 3, now_ms);
    sqlite3_bind_int64 (insert, 4, expires_ms);
    return fst_db_run (self->db, insert);
}

fst_rc_t
fst_users_begin_session (fst_users_t *self, const fst_user_t *user, const char *rehash,
                         const uint8_t session [FST_SESSION_BYTES], int64_t now_ms, int64_t expires_ms)
{
    assert (self);
    assert (expires_ms > now_ms);
    fst_rc_t rc = s_begin (self);
    if (rc != FST_OK)
        return rc;
    rc = s_keep_hash (self, user, rehash);
    if (rc == FST_OK)
        rc = s_make_room (self, user, now_ms);
    if (rc == FST_OK)
        rc = s_insert_session (self, user, session, now_ms, expires_ms);
    return s_end (self, rc);
}

fst_rc_t
fst_users_check_session (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t now_ms)
{
    assert (self);
    sqlite3_stmt *find = fst_db_prepare (self->db, "SELECT 1 FROM sessions WHERE session = ?1 AND expires_ms > ?2");
    s_bind_session (find, 1, session);
    sqlite3_bind_int64 (find, 2, now_ms);
    fst_rc_t rc = fst_db_next (self->db, find);
    fst_db_done (find);
    return rc == FST_NOT_FOUND? FST_EXPIRED: rc;
}

static fst_rc_t
s_move_end (fst_users_t *self, const uint8_t *session, int64_t now_ms, int64_t expires_ms)
{
    //  Never backwards, should the clock have been set back: tokens until the old end are out there
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE sessions SET expires_ms = max (expires_ms, ?1), used_ms = ?3 WHERE session = ?2 AND expires_ms > ?3");
    sqlite3_bind_int64 (update, 1, expires_ms);
    s_bind_session (update, 2, session);
    sqlite3_bind_int64 (update, 3, now_ms);
    return s_run_one (self, update, FST_EXPIRED);
}

fst_rc_t
fst_users_renew_session (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t now_ms,
                         int64_t expires_ms, fst_user_t *user)
{
    assert (self);
    fst_rc_t rc = s_begin (self);
    if (rc != FST_OK)
        return rc;
    rc = s_move_end (self, session, now_ms, expires_ms);
    if (rc == FST_OK) {
        sqlite3_stmt *find = fst_db_prepare (self->db,
            "SELECT users.id, users.name, role, hash, changes FROM sessions JOIN users ON users.id = user"
            " WHERE session = ?1");
        s_bind_session (find, 1, session);
        rc = s_read_user (self, find, user);
        assert (rc != FST_NOT_FOUND);
    }
    return s_end (self, rc);
}

fst_rc_t
fst_users_end_session (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t now_ms)
{
    assert (self);
    fst_rc_t rc = s_begin (self);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT session, expires_ms FROM sessions WHERE session = ?1 AND expires_ms > ?2");
    s_bind_session (select, 1, session);
    sqlite3_bind_int64 (select, 2, now_ms);
    return s_end (self, s_end_selected (self, select));
}

fst_rc_t
fst_users_sessions (fst_users_t *self, const char *name, int64_t now_ms, fst_session_fn *each, void *arg)
{
    assert (self);
    assert (each);
    sqlite3_stmt *list = fst_db_prepare (self->db,
        "SELECT session, begun_ms, used_ms, expires_ms FROM sessions JOIN users ON users.id = user"
        " WHERE users.name = ?1 AND expires_ms > ?2 AND sessions.name IS NULL ORDER BY used_ms DESC LIMIT ?3");
    s_bind_text (list, 1, name);
    sqlite3_bind_int64 (list, 2, now_ms);
    sqlite3_bind_int64 (list, 3, FST_USERS_SESSIONS_MAX);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, list)) == FST_OK) {
        fst_session_t session = {
            .begun_ms = sqlite3_column_int64 (list, 1), .used_ms = sqlite3_column_int64 (list, 2),
            .expires_ms = sqlite3_column_int64 (list, 3)
        };
        assert (sqlite3_column_bytes (list, 0) == FST_SESSION_BYTES);
        memcpy (session.session, sqlite3_column_blob (list, 0), FST_SESSION_BYTES);
        each (arg, &session);
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_users_end_own_session (fst_users_t *self, const char *name, const uint8_t session [FST_SESSION_BYTES], int64_t now_ms)
{
    assert (self);
    sqlite3_stmt *find = fst_db_prepare (self->db,
        "SELECT 1 FROM sessions JOIN users ON users.id = user WHERE session = ?1 AND users.name = ?2"
        " AND expires_ms > ?3 AND sessions.name IS NULL");
    s_bind_session (find, 1, session);
    s_bind_text (find, 2, name);
    sqlite3_bind_int64 (find, 3, now_ms);
    fst_rc_t rc = fst_db_next (self->db, find);
    fst_db_done (find);
    if (rc == FST_OK)
        return fst_users_end_session (self, session, now_ms);
    //  One that was ended is what was asked for, perhaps by this very request before its reply got lost
    return rc == FST_NOT_FOUND && fst_users_check_revoked (self, session) == FST_EXPIRED? FST_OK: rc;
}

//  ---- Tokens for applications

#define TOKEN_COLUMNS "session, sessions.name, scopes, begun_ms, expires_ms"

static fst_rc_t
s_read_token (sqlite3_stmt *select, fst_app_token_t *token)
{
    *token = (fst_app_token_t) { .created_ms = sqlite3_column_int64 (select, 3), .expires_ms = sqlite3_column_int64 (select, 4) };
    memcpy (token->session, sqlite3_column_blob (select, 0), FST_SESSION_BYTES);
    s_copy_text (token->name, sizeof (token->name), select, 1);
    const void *scopes = sqlite3_column_blob (select, 2);
    return fst_scopes_decode (scopes? scopes: "", (size_t) sqlite3_column_bytes (select, 2), token->scopes)? FST_OK: FST_CORRUPT;
}

//  FST_TOO_MANY: there is no room for one more.
static fst_rc_t
s_check_tokens (fst_users_t *self, int64_t user, int64_t now_ms)
{
    sqlite3_stmt *count = fst_db_prepare (self->db,
        "SELECT count (*) FROM sessions WHERE user = ?1 AND name IS NOT NULL AND expires_ms > ?2");
    sqlite3_bind_int64 (count, 1, user);
    sqlite3_bind_int64 (count, 2, now_ms);
    fst_rc_t rc = fst_db_next (self->db, count);
    bool full = rc == FST_OK && sqlite3_column_int64 (count, 0) >= FST_USERS_TOKENS_MAX;
    fst_db_done (count);
    return full? FST_TOO_MANY: rc;
}

static fst_rc_t
s_insert_token (fst_users_t *self, int64_t user, const fst_app_token_t *token)
{
    //  One that is over may still have the name
    sqlite3_stmt *old = fst_db_prepare (self->db, "DELETE FROM sessions WHERE user = ?1 AND name = ?2 AND expires_ms <= ?3");
    sqlite3_bind_int64 (old, 1, user);
    s_bind_text (old, 2, token->name);
    sqlite3_bind_int64 (old, 3, token->created_ms);
    fst_rc_t rc = fst_db_run (self->db, old);
    sqlite3_stmt *taken = fst_db_prepare (self->db, "SELECT 1 FROM sessions WHERE user = ?1 AND name = ?2");
    sqlite3_bind_int64 (taken, 1, user);
    s_bind_text (taken, 2, token->name);
    if (rc == FST_OK)
        rc = fst_db_next (self->db, taken);
    fst_db_done (taken);
    if (rc != FST_NOT_FOUND)
        return rc == FST_OK? FST_EXISTS: rc;
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO sessions (session, user, begun_ms, expires_ms, used_ms, name, scopes) VALUES (?1, ?2, ?3, ?4, ?3, ?5, ?6)");
    s_bind_session (insert, 1, token->session);
    sqlite3_bind_int64 (insert, 2, user);
    sqlite3_bind_int64 (insert, 3, token->created_ms);
    sqlite3_bind_int64 (insert, 4, token->expires_ms);
    s_bind_text (insert, 5, token->name);
    sqlite3_bind_blob (insert, 6, token->scopes, (int) fst_scopes_bytes (token->scopes), SQLITE_TRANSIENT);
    return fst_db_run (self->db, insert);
}

fst_rc_t
fst_users_add_token (fst_users_t *self, const char *name, fst_app_token_t *token)
{
    assert (self && token);
    fst_user_t user;
    fst_rc_t rc = fst_users_find (self, name, &user);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *same = fst_db_prepare (self->db, "SELECT " TOKEN_COLUMNS " FROM sessions WHERE session = ?1 AND user = ?2");
    s_bind_session (same, 1, token->session);
    sqlite3_bind_int64 (same, 2, user.id);
    rc = fst_db_next (self->db, same);
    if (rc == FST_OK)
        rc = s_read_token (same, token);
    else
    if (rc == FST_NOT_FOUND) {
        fst_db_done (same);
        rc = s_begin (self);
        if (rc != FST_OK)
            return rc;
        rc = s_check_tokens (self, user.id, token->created_ms);
        if (rc == FST_OK)
            rc = s_insert_token (self, user.id, token);
        return s_end (self, rc);
    }
    fst_db_done (same);
    return rc;
}

fst_rc_t
fst_users_tokens (fst_users_t *self, const char *user, int64_t now_ms, fst_app_token_fn *each, void *arg)
{
    assert (self && each);
    sqlite3_stmt *list = fst_db_prepare (self->db,
        "SELECT " TOKEN_COLUMNS " FROM sessions JOIN users ON users.id = user"
        " WHERE users.name = ?1 AND sessions.name IS NOT NULL AND expires_ms > ?2 ORDER BY sessions.name LIMIT ?3");
    s_bind_text (list, 1, user);
    sqlite3_bind_int64 (list, 2, now_ms);
    sqlite3_bind_int64 (list, 3, FST_USERS_TOKENS_MAX);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, list)) == FST_OK) {
        fst_app_token_t token;
        rc = s_read_token (list, &token);
        if (rc != FST_OK)
            break;
        each (arg, &token);
    }
    if (rc != FST_NOT_FOUND)
        fst_db_done (list);
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_users_end_token (fst_users_t *self, const char *user, const char *name, int64_t now_ms)
{
    assert (self);
    fst_rc_t rc = s_begin (self);
    if (rc != FST_OK)
        return rc;
    size_t before = self->ended_count;
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT session, expires_ms FROM sessions JOIN users ON users.id = user"
        " WHERE users.name = ?1 AND sessions.name = ?2 AND expires_ms > ?3");
    s_bind_text (select, 1, user);
    s_bind_text (select, 2, name);
    sqlite3_bind_int64 (select, 3, now_ms);
    rc = s_end_selected (self, select);
    if (rc == FST_OK && self->ended_count == before)
        rc = FST_NOT_FOUND;
    return s_end (self, rc);
}

//  ---- Endings

fst_rc_t
fst_users_revoke (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t expires_ms)
{
    assert (self);
    fst_rc_t rc = s_begin (self);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT ?1, ?2");
    s_bind_session (select, 1, session);
    sqlite3_bind_int64 (select, 2, expires_ms);
    return s_end (self, s_end_selected (self, select));
}

fst_rc_t
fst_users_revoked (fst_users_t *self, const uint8_t *after, int64_t now_ms, fst_ended_fn *each, void *arg)
{
    assert (self);
    assert (each);
    sqlite3_stmt *list = fst_db_prepare (self->db,
        "SELECT session, expires_ms FROM revoked WHERE (?1 IS NULL OR session > ?1) AND expires_ms > ?2"
        " ORDER BY session LIMIT ?3");
    if (after)
        s_bind_session (list, 1, after);
    sqlite3_bind_int64 (list, 2, now_ms);
    sqlite3_bind_int64 (list, 3, FST_USERS_LIST_MAX);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, list)) == FST_OK) {
        fst_ended_t ended = { .expires_ms = sqlite3_column_int64 (list, 1) };
        assert (sqlite3_column_bytes (list, 0) == FST_SESSION_BYTES);
        memcpy (ended.session, sqlite3_column_blob (list, 0), FST_SESSION_BYTES);
        each (arg, &ended);
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_users_check_revoked (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES])
{
    assert (self);
    sqlite3_stmt *find = fst_db_prepare (self->db, "SELECT 1 FROM revoked WHERE session = ?1");
    s_bind_session (find, 1, session);
    fst_rc_t rc = fst_db_next (self->db, find);
    fst_db_done (find);
    return rc == FST_OK? FST_EXPIRED: rc == FST_NOT_FOUND? FST_OK: rc;
}

//  ---- Housekeeping

fst_rc_t
fst_users_none (fst_users_t *self, bool *none_p)
{
    assert (self);
    sqlite3_stmt *find = fst_db_prepare (self->db, "SELECT 1 FROM users LIMIT 1");
    fst_rc_t rc = fst_db_next (self->db, find);
    fst_db_done (find);
    *none_p = rc == FST_NOT_FOUND;
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_users_count (fst_users_t *self, int64_t now_ms, int64_t *users_p, int64_t *sessions_p)
{
    assert (self);
    sqlite3_stmt *count = fst_db_prepare (self->db,
        "SELECT (SELECT count (*) FROM users), (SELECT count (*) FROM sessions WHERE expires_ms > ?1)");
    sqlite3_bind_int64 (count, 1, now_ms);
    fst_rc_t rc = fst_db_next (self->db, count);
    if (rc == FST_OK) {
        *users_p = sqlite3_column_int64 (count, 0);
        *sessions_p = sqlite3_column_int64 (count, 1);
    }
    fst_db_done (count);
    return rc;
}

fst_rc_t
fst_users_purge (fst_users_t *self, int64_t now_ms)
{
    assert (self);
    fst_rc_t rc = s_begin (self);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *sessions = fst_db_prepare (self->db, "DELETE FROM sessions WHERE expires_ms <= ?1");
    sqlite3_bind_int64 (sessions, 1, now_ms);
    rc = fst_db_run (self->db, sessions);
    if (rc == FST_OK) {
        sqlite3_stmt *revoked = fst_db_prepare (self->db, "DELETE FROM revoked WHERE expires_ms <= ?1");
        sqlite3_bind_int64 (revoked, 1, now_ms);
        rc = fst_db_run (self->db, revoked);
    }
    return s_end (self, rc);
}
