//  Sessions in SQLite: their begin and end, and those that were ended before their tokens expire.

#include "fst_users_self.h"
#include <stdlib.h>

//  ---- Endings

static void
s_remember (fst_users_t *self, sqlite3_stmt *row)
{
    if (self->ended_count == self->ended_size) {
        self->ended_size = self->ended_size? 2 * self->ended_size: 16;
        self->ended = realloc (self->ended, self->ended_size * sizeof (*self->ended));
        assert (self->ended);
    }
    fst_ended_t *ended = &self->ended [self->ended_count++];
    fst_read_session (row, 0, ended->session);
    ended->expires_ms = sqlite3_column_int64 (row, 1);
}

static fst_rc_t
s_end_one (fst_users_t *self, const fst_ended_t *ended)
{
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO revoked (session, expires_ms) VALUES (?1, ?2)"
        " ON CONFLICT (session) DO UPDATE SET expires_ms = max (expires_ms, excluded.expires_ms)");
    fst_bind_session (insert, 1, ended->session);
    sqlite3_bind_int64 (insert, 2, ended->expires_ms);
    fst_rc_t rc = fst_db_run (self->db, insert);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *delete = fst_db_prepare (self->db, "DELETE FROM sessions WHERE session = ?1");
    fst_bind_session (delete, 1, ended->session);
    return fst_db_run (self->db, delete);
}

fst_rc_t
fst_users_end_selected (fst_users_t *self, sqlite3_stmt *select)
{
    size_t first = self->ended_count;
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK)
        s_remember (self, select);
    rc = rc == FST_NOT_FOUND? FST_OK: rc;
    for (size_t at = first; rc == FST_OK && at < self->ended_count; at++)
        rc = s_end_one (self, &self->ended [at]);
    return rc;
}

fst_rc_t
fst_users_revoke (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t expires_ms)
{
    assert (self);
    fst_rc_t rc = fst_users_begin (self);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT ?1, ?2");
    fst_bind_session (select, 1, session);
    sqlite3_bind_int64 (select, 2, expires_ms);
    return fst_users_end (self, fst_users_end_selected (self, select));
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
        fst_bind_session (list, 1, after);
    sqlite3_bind_int64 (list, 2, now_ms);
    sqlite3_bind_int64 (list, 3, FST_USERS_LIST_MAX);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, list)) == FST_OK) {
        fst_ended_t ended = { .expires_ms = sqlite3_column_int64 (list, 1) };
        fst_read_session (list, 0, ended.session);
        each (arg, &ended);
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_users_check_revoked (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES])
{
    assert (self);
    sqlite3_stmt *find = fst_db_prepare (self->db, "SELECT 1 FROM revoked WHERE session = ?1");
    fst_bind_session (find, 1, session);
    fst_rc_t rc = fst_db_next (self->db, find);
    fst_db_done (find);
    return rc == FST_OK? FST_EXPIRED: rc == FST_NOT_FOUND? FST_OK: rc;
}

//  ---- From begin to end

//  The row must be as it was when the password was compared, or a login could outrun a change of password.
static fst_rc_t
s_keep_hash (fst_users_t *self, const fst_user_t *user, const char *rehash)
{
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE users SET hash = coalesce (?1, hash) WHERE id = ?2 AND changes = ?3");
    if (rehash)
        fst_bind_text (update, 1, rehash);
    sqlite3_bind_int64 (update, 2, user->id);
    sqlite3_bind_int64 (update, 3, user->changes);
    return fst_users_run_one (self, update, FST_CHANGED);
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
    return fst_users_end_selected (self, oldest);
}

static fst_rc_t
s_insert_session (fst_users_t *self, const fst_user_t *user, const uint8_t *session, int64_t now_ms,
                  int64_t expires_ms)
{
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO sessions (session, user, begun_ms, expires_ms, used_ms) VALUES (?1, ?2, ?3, ?4, ?3)");
    fst_bind_session (insert, 1, session);
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
    fst_rc_t rc = fst_users_begin (self);
    if (rc != FST_OK)
        return rc;
    rc = s_keep_hash (self, user, rehash);
    if (rc == FST_OK)
        rc = s_make_room (self, user, now_ms);
    if (rc == FST_OK)
        rc = s_insert_session (self, user, session, now_ms, expires_ms);
    return fst_users_end (self, rc);
}

fst_rc_t
fst_users_check_session (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t now_ms)
{
    assert (self);
    sqlite3_stmt *find = fst_db_prepare (self->db, "SELECT 1 FROM sessions WHERE session = ?1 AND expires_ms > ?2");
    fst_bind_session (find, 1, session);
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
    fst_bind_session (update, 2, session);
    sqlite3_bind_int64 (update, 3, now_ms);
    return fst_users_run_one (self, update, FST_EXPIRED);
}

fst_rc_t
fst_users_renew_session (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t now_ms,
                         int64_t expires_ms, fst_user_t *user)
{
    assert (self);
    fst_rc_t rc = fst_users_begin (self);
    if (rc != FST_OK)
        return rc;
    rc = s_move_end (self, session, now_ms, expires_ms);
    if (rc == FST_OK) {
        sqlite3_stmt *find = fst_db_prepare (self->db,
            "SELECT users.id, users.name, role, hash, changes FROM sessions JOIN users ON users.id = user"
            " WHERE session = ?1");
        fst_bind_session (find, 1, session);
        rc = fst_users_read (self, find, user);
        assert (rc != FST_NOT_FOUND);
    }
    return fst_users_end (self, rc);
}

fst_rc_t
fst_users_end_session (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t now_ms)
{
    assert (self);
    fst_rc_t rc = fst_users_begin (self);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT session, expires_ms FROM sessions WHERE session = ?1 AND expires_ms > ?2");
    fst_bind_session (select, 1, session);
    sqlite3_bind_int64 (select, 2, now_ms);
    return fst_users_end (self, fst_users_end_selected (self, select));
}

fst_rc_t
fst_users_sessions (fst_users_t *self, const char *name, int64_t now_ms, fst_session_fn *each, void *arg)
{
    assert (self);
    assert (each);
    sqlite3_stmt *list = fst_db_prepare (self->db,
        "SELECT session, begun_ms, used_ms, expires_ms FROM sessions JOIN users ON users.id = user"
        " WHERE users.name = ?1 AND expires_ms > ?2 AND sessions.name IS NULL ORDER BY used_ms DESC LIMIT ?3");
    fst_bind_text (list, 1, name);
    sqlite3_bind_int64 (list, 2, now_ms);
    sqlite3_bind_int64 (list, 3, FST_USERS_SESSIONS_MAX);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, list)) == FST_OK) {
        fst_session_t session = {
            .begun_ms = sqlite3_column_int64 (list, 1), .used_ms = sqlite3_column_int64 (list, 2),
            .expires_ms = sqlite3_column_int64 (list, 3)
        };
        fst_read_session (list, 0, session.session);
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
    fst_bind_session (find, 1, session);
    fst_bind_text (find, 2, name);
    sqlite3_bind_int64 (find, 3, now_ms);
    fst_rc_t rc = fst_db_next (self->db, find);
    fst_db_done (find);
    if (rc == FST_OK)
        return fst_users_end_session (self, session, now_ms);
    //  One that was ended is what was asked for, perhaps by this very request before its reply got lost
    return rc == FST_NOT_FOUND && fst_users_check_revoked (self, session) == FST_EXPIRED? FST_OK: rc;
}

fst_rc_t
fst_users_purge (fst_users_t *self, int64_t now_ms)
{
    assert (self);
    fst_rc_t rc = fst_users_begin (self);
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
    return fst_users_end (self, rc);
}
