//  Users in SQLite: the database, one change of it, and single accounts.

#include "fst_users_self.h"
#include <stdlib.h>

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

fst_rc_t
fst_users_begin (fst_users_t *self)
{
    fst_rc_t rc = FST_OK;
    if (!self->open) {
        rc = fst_db_begin (self->db);
        self->open = rc == FST_OK;
    }
    self->ended_saved = self->ended_count;
    return rc == FST_OK? fst_db_save (self->db): rc;
}

fst_rc_t
fst_users_end (fst_users_t *self, fst_rc_t rc)
{
    if (rc == FST_OK)
        rc = fst_db_release (self->db);
    else
        fst_db_undo (self->db);
    if (rc != FST_OK)
        self->ended_count = self->ended_saved;
    return rc;
}

fst_rc_t
fst_users_run_one (fst_users_t *self, sqlite3_stmt *statement, fst_rc_t otherwise)
{
    fst_rc_t rc = fst_db_run (self->db, statement);
    return rc == FST_OK && fst_db_changes (self->db) == 0? otherwise: rc;
}

//  ---- Users

void
fst_users_copy_text (char *to, size_t size, sqlite3_stmt *statement, int column)
{
    size_t bytes = (size_t) sqlite3_column_bytes (statement, column);
    assert (bytes < size);
    memcpy (to, sqlite3_column_text (statement, column), bytes);
    to [bytes] = 0;
}

fst_rc_t
fst_users_read (fst_users_t *self, sqlite3_stmt *statement, fst_user_t *user)
{
    fst_rc_t rc = fst_db_next (self->db, statement);
    if (rc != FST_OK)
        return rc;
    user->id = sqlite3_column_int64 (statement, 0);
    fst_users_copy_text (user->name, sizeof (user->name), statement, 1);
    user->role = (fst_role_t) sqlite3_column_int (statement, 2);
    fst_users_copy_text (user->hash, sizeof (user->hash), statement, 3);
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
    fst_bind_text (find, 1, name);
    return fst_users_read (self, find, user);
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
    fst_bind_text (find, 1, name);
    fst_bind_text (find, 2, request);
    sqlite3_bind_int64 (find, 3, now_ms - REPEAT_MS);
    return s_any (self, find);
}

bool
fst_users_changed_by (fst_users_t *self, const char *name, const char *request, int64_t now_ms)
{
    assert (self);
    sqlite3_stmt *find = fst_db_prepare (self->db,
        "SELECT 1 FROM users WHERE name = ?1 AND changed_by = ?2 AND changed_ms > ?3");
    fst_bind_text (find, 1, name);
    fst_bind_text (find, 2, request);
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
    fst_bind_text (insert, 1, name);
    fst_bind_text (insert, 2, hash);
    fst_bind_text (insert, 3, request);
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
    fst_rc_t rc = fst_users_begin (self);
    if (rc != FST_OK)
        return rc;
    rc = s_insert_user (self, name, hash, request, now_ms);
    if (rc == FST_OK)
        rc = fst_users_find (self, name, &user);
    rc = fst_users_end (self, rc);
    if (rc == FST_OK)
        *role_p = user.role;
    return rc;
}

static fst_rc_t
s_set_password (fst_users_t *self, const fst_user_t *user, const char *hash, const char *request, int64_t now_ms)
{
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE users SET hash = ?1, changes = changes + 1, changed_by = ?2, changed_ms = ?3"
        " WHERE id = ?4 AND changes = ?5");
    fst_bind_text (update, 1, hash);
    fst_bind_text (update, 2, request);
    sqlite3_bind_int64 (update, 3, now_ms);
    sqlite3_bind_int64 (update, 4, user->id);
    sqlite3_bind_int64 (update, 5, user->changes);
    return fst_users_run_one (self, update, FST_CHANGED);
}

fst_rc_t
fst_users_change_password (fst_users_t *self, const fst_user_t *user, const char *hash,
                           const uint8_t keep [FST_SESSION_BYTES], const char *request, int64_t now_ms)
{
    assert (self);
    fst_rc_t rc = fst_users_begin (self);
    if (rc != FST_OK)
        return rc;
    rc = s_set_password (self, user, hash, request, now_ms);
    if (rc == FST_OK) {
        sqlite3_stmt *others = fst_db_prepare (self->db,
            "SELECT session, expires_ms FROM sessions WHERE user = ?1 AND session <> ?2 AND expires_ms > ?3");
        sqlite3_bind_int64 (others, 1, user->id);
        fst_bind_session (others, 2, keep);
        sqlite3_bind_int64 (others, 3, now_ms);
        rc = fst_users_end_selected (self, others);
    }
    return fst_users_end (self, rc);
}

//  ---- How many

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
