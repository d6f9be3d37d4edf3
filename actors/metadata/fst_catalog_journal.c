//  The catalog's journal of events, and the replies that are kept for those who ask again.

#include "fst_catalog_sql.h"

#define TRIM_ROWS       512
#define CURSOR_USED_MS  3600000

fst_rc_t
fst_catalog_event_add (fst_catalog_t *self, fst_journal_t *event)
{
    assert (self);
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO events (sequence, time_ms, type, path, target, user, node, entry, version, detail)"
        "  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    event->sequence = self->counters.sequence + 1;
    fst_bind_int (insert, 1, event->sequence);
    fst_bind_int (insert, 2, event->time_ms);
    fst_bind_text (insert, 3, event->type);
    fst_bind_text (insert, 4, event->path);
    fst_bind_text (insert, 5, event->to);
    fst_bind_text (insert, 6, event->user);
    fst_bind_text (insert, 7, event->node);
    fst_bind_int (insert, 8, event->entry);
    fst_bind_int (insert, 9, event->version);
    fst_bind_text (insert, 10, event->detail);
    fst_rc_t rc = fst_db_run (self->db, insert);
    if (rc == FST_OK)
        self->counters.sequence = event->sequence;
    return rc;
}

void
fst_catalog_sequence_raise (fst_catalog_t *self, int64_t sequence)
{
    assert (self);
    assert (self->open);
    if (self->counters.sequence < sequence)
        self->counters.sequence = sequence;
}

fst_rc_t
fst_catalog_events (fst_catalog_t *self, int64_t since, size_t limit, fst_journal_fn *each, void *arg)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT sequence, time_ms, type, path, target, user, node, entry, version, detail FROM events"
        "  WHERE sequence > ?1 ORDER BY sequence LIMIT ?2");
    fst_bind_int (select, 1, since);
    fst_bind_int (select, 2, (int64_t) limit);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK) {
        fst_journal_t event = {
            .sequence = fst_column_int (select, 0),
            .time_ms = fst_column_int (select, 1),
            .type = (const char *) sqlite3_column_text (select, 2),
            .path = (const char *) sqlite3_column_text (select, 3),
            .to = (const char *) sqlite3_column_text (select, 4),
            .user = (const char *) sqlite3_column_text (select, 5),
            .node = (const char *) sqlite3_column_text (select, 6),
            .entry = fst_column_int (select, 7),
            .version = fst_column_int (select, 8),
            .detail = (const char *) sqlite3_column_text (select, 9)
        };
        if (!each (arg, &event)) {
            fst_db_done (select);
            return FST_OK;
        }
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_catalog_event_first (fst_catalog_t *self, int64_t *sequence_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT min (sequence) FROM events");
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc != FST_OK)
        return rc;
    bool none = sqlite3_column_type (select, 0) == SQLITE_NULL;
    *sequence_p = none? self->counters.sequence + 1: fst_column_int (select, 0);
    fst_db_done (select);
    return FST_OK;
}

//  ---- Cursors

fst_rc_t
fst_catalog_cursor_get (fst_catalog_t *self, const char *user, const char *name, int64_t *sequence_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT sequence FROM cursors WHERE user = ?1 AND name = ?2");
    fst_bind_text (select, 1, user);
    fst_bind_text (select, 2, name);
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc == FST_OK) {
        *sequence_p = fst_column_int (select, 0);
        fst_db_done (select);
    }
    return rc;
}

//  FST_TOO_MANY: there is no room for one more.
static fst_rc_t
s_check_cursors (fst_catalog_t *self, const char *user)
{
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT count (*) FROM cursors WHERE user = ?1");
    fst_bind_text (select, 1, user);
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc != FST_OK)
        return rc == FST_NOT_FOUND? FST_CORRUPT: rc;
    int64_t count = fst_column_int (select, 0);
    fst_db_done (select);
    return count < FST_CURSORS_MAX? FST_OK: FST_TOO_MANY;
}

//  An actor with nothing to do puts its cursor each second where it stands: that is written once an hour, as it shows that
//  somebody reads there.
fst_rc_t
fst_catalog_cursor_put (fst_catalog_t *self, const char *user, const char *name, int64_t sequence)
{
    assert (self);
    int64_t before;
    fst_rc_t rc = fst_catalog_cursor_get (self, user, name, &before);
    if (rc == FST_NOT_FOUND)
        rc = s_check_cursors (self, user);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO cursors (user, name, sequence, aged_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE "
        "SET sequence = ?3, aged_ms = ?4 WHERE sequence <> ?3 OR aged_ms < ?4 - ?5");
    fst_bind_text (insert, 1, user);
    fst_bind_text (insert, 2, name);
    fst_bind_int (insert, 3, sequence);
    fst_bind_int (insert, 4, self->aged_ms);
    fst_bind_int (insert, 5, CURSOR_USED_MS);
    return fst_db_run (self->db, insert);
}

//  ---- Replies

fst_rc_t
fst_catalog_reply_get (fst_catalog_t *self, const uint8_t session [16], const char *request, char **reply_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT reply FROM replies WHERE session = ?1 AND request = ?2");
    fst_bind_blob (select, 1, session, 16);
    fst_bind_text (select, 2, request);
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc == FST_OK) {
        *reply_p = strdup ((const char *) sqlite3_column_text (select, 0));
        assert (*reply_p);
        fst_db_done (select);
    }
    return rc;
}

fst_rc_t
fst_catalog_reply_add (fst_catalog_t *self, const uint8_t session [16], const char *request, int64_t now_ms,
                       const char *reply)
{
    assert (self);
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO replies (session, request, time_ms, reply) VALUES (?1, ?2, ?3, ?4)");
    fst_bind_blob (insert, 1, session, 16);
    fst_bind_text (insert, 2, request);
    fst_bind_int (insert, 3, now_ms);
    fst_bind_text (insert, 4, reply);
    return fst_db_run (self->db, insert);
}

//  Delete up to TRIM_ROWS rows of which bound says how far; *more_p is set if there were as many.
static fst_rc_t
s_trim (fst_catalog_t *self, const char *sql, int64_t bound, bool *more_p)
{
    sqlite3_stmt *delete = fst_db_prepare (self->db, sql);
    fst_bind_int (delete, 1, bound);
    fst_bind_int (delete, 2, TRIM_ROWS);
    fst_rc_t rc = fst_db_run (self->db, delete);
    if (rc == FST_OK && fst_db_changes (self->db) >= TRIM_ROWS)
        *more_p = true;
    return rc;
}

//  Replies are numbered in order of time, so looking at the first ones is enough.
fst_rc_t
fst_catalog_trim (fst_catalog_t *self, int64_t replies_ms, int64_t cursors_ms, int64_t events_max, bool *more_p)
{
    assert (self);
    *more_p = false;
    fst_rc_t rc = s_trim (self,
        "DELETE FROM replies WHERE number <= (SELECT max (number) FROM"
        "    (SELECT number, time_ms FROM replies ORDER BY number LIMIT ?2) WHERE time_ms < ?1)",
        replies_ms, more_p);
    if (rc == FST_OK)
        rc = s_trim (self,
            "DELETE FROM cursors WHERE (user, name) IN"
            "    (SELECT user, name FROM cursors WHERE aged_ms < ?1 ORDER BY aged_ms LIMIT ?2)", cursors_ms, more_p);
    if (rc == FST_OK)
        rc = s_trim (self,
            "DELETE FROM events WHERE sequence IN"
            "    (SELECT sequence FROM events WHERE sequence <= ?1 ORDER BY sequence LIMIT ?2)",
            self->counters.sequence - events_max, more_p);
    return rc;
}
