//  Tokens for applications in SQLite: sessions with a name and scopes.

#include "fst_users_self.h"

#define TOKEN_COLUMNS "session, sessions.name, scopes, begun_ms, expires_ms"

static fst_rc_t
s_read_token (sqlite3_stmt *select, fst_app_token_t *token)
{
    *token = (fst_app_token_t) { .created_ms = sqlite3_column_int64 (select, 3), .expires_ms = sqlite3_column_int64 (select, 4) };
    fst_read_session (select, 0, token->session);
    fst_users_copy_text (token->name, sizeof (token->name), select, 1);
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
    fst_bind_text (old, 2, token->name);
    sqlite3_bind_int64 (old, 3, token->created_ms);
    fst_rc_t rc = fst_db_run (self->db, old);
    sqlite3_stmt *taken = fst_db_prepare (self->db, "SELECT 1 FROM sessions WHERE user = ?1 AND name = ?2");
    sqlite3_bind_int64 (taken, 1, user);
    fst_bind_text (taken, 2, token->name);
    if (rc == FST_OK)
        rc = fst_db_next (self->db, taken);
    fst_db_done (taken);
    if (rc != FST_NOT_FOUND)
        return rc == FST_OK? FST_EXISTS: rc;
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO sessions (session, user, begun_ms, expires_ms, used_ms, name, scopes) VALUES (?1, ?2, ?3, ?4, ?3, ?5, ?6)");
    fst_bind_session (insert, 1, token->session);
    sqlite3_bind_int64 (insert, 2, user);
    sqlite3_bind_int64 (insert, 3, token->created_ms);
    sqlite3_bind_int64 (insert, 4, token->expires_ms);
    fst_bind_text (insert, 5, token->name);
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
    fst_bind_session (same, 1, token->session);
    sqlite3_bind_int64 (same, 2, user.id);
    rc = fst_db_next (self->db, same);
    if (rc == FST_OK)
        rc = s_read_token (same, token);
    else
    if (rc == FST_NOT_FOUND) {
        fst_db_done (same);
        rc = fst_users_begin (self);
        if (rc != FST_OK)
            return rc;
        rc = s_check_tokens (self, user.id, token->created_ms);
        if (rc == FST_OK)
            rc = s_insert_token (self, user.id, token);
        return fst_users_end (self, rc);
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
    fst_bind_text (list, 1, user);
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
    fst_rc_t rc = fst_users_begin (self);
    if (rc != FST_OK)
        return rc;
    size_t before = self->ended_count;
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT session, expires_ms FROM sessions JOIN users ON users.id = user"
        " WHERE users.name = ?1 AND sessions.name = ?2 AND expires_ms > ?3");
    fst_bind_text (select, 1, user);
    fst_bind_text (select, 2, name);
    sqlite3_bind_int64 (select, 3, now_ms);
    rc = fst_users_end_selected (self, select);
    if (rc == FST_OK && self->ended_count == before)
        rc = FST_NOT_FOUND;
    return fst_users_end (self, rc);
}
