//  All users at once: for an export, and instead of the only one for an import.

#include "fst_users_self.h"

fst_rc_t
fst_users_list (fst_users_t *self, const char *after, size_t limit, fst_user_row_fn *each, void *arg)
{
    assert (self);
    assert (each);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT name, role, hash, created_ms, changed_ms FROM users WHERE name > ?1 ORDER BY name LIMIT ?2");
    fst_bind_text (select, 1, after? after: "");
    sqlite3_bind_int64 (select, 2, (int64_t) limit);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK) {
        fst_user_row_t row = {
            .role = (fst_role_t) sqlite3_column_int (select, 1), .created_ms = sqlite3_column_int64 (select, 3),
            .changed_ms = sqlite3_column_int64 (select, 4)
        };
        fst_users_copy_text (row.name, sizeof (row.name), select, 0);
        fst_users_copy_text (row.hash, sizeof (row.hash), select, 2);
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
    fst_bind_text (insert, 1, row->name);
    sqlite3_bind_int (insert, 2, row->role);
    fst_bind_text (insert, 3, row->hash);
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
        rc = fst_users_end_selected (self, select);
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
    fst_rc_t rc = fst_users_begin (self);
    return rc == FST_OK? fst_users_end (self, s_replace_only (self, asking, rows, count, now_ms)): rc;
}
