//  The catalog's runs: what starts of metadata there were, how far each came, and what nodes were told by others.

#include "fst_catalog_sql.h"

#define RUNS_MAX    100000          //  Remembered; a node that was told by an older one leads to recovery
#define FOREIGN_MAX 4096

fst_rc_t
fst_catalog_run_add (fst_catalog_t *self, const char *id)
{
    assert (self);
    sqlite3_stmt *insert = fst_db_prepare (self->db, "INSERT INTO runs (id, sequence) VALUES (?1, ?2)");
    fst_bind_text (insert, 1, id);
    fst_bind_int (insert, 2, self->counters.sequence);
    fst_rc_t rc = fst_db_run (self->db, insert);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *delete = fst_db_prepare (self->db, "DELETE FROM runs WHERE number <= (SELECT max (number) FROM runs) - ?1");
    fst_bind_int (delete, 1, RUNS_MAX);
    return fst_db_run (self->db, delete);
}

fst_rc_t
fst_catalog_run_end (fst_catalog_t *self, const char *id, int64_t *sequence_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT ifnull ((SELECT sequence FROM runs AS next WHERE next.number > run.number ORDER BY number LIMIT 1), ?2)"
        "  FROM runs AS run WHERE id = ?1");
    fst_bind_text (select, 1, id);
    fst_bind_int (select, 2, self->counters.sequence);
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc == FST_OK) {
        *sequence_p = fst_column_int (select, 0);
        fst_db_done (select);
    }
    return rc;
}

//  ---- What other databases told

fst_rc_t
fst_catalog_foreign_get (fst_catalog_t *self, const char *run, int64_t *sequence_p, bool *accepted_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT sequence, accepted FROM foreign_runs WHERE id = ?1");
    fst_bind_text (select, 1, run);
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc == FST_OK) {
        *sequence_p = fst_column_int (select, 0);
        *accepted_p = fst_column_int (select, 1) != 0;
        fst_db_done (select);
    }
    return rc;
}

fst_rc_t
fst_catalog_foreign_put (fst_catalog_t *self, const char *run, int64_t sequence)
{
    assert (self);
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO foreign_runs (id, sequence, accepted) SELECT ?1, ?2, 0"
        "    WHERE (SELECT count (*) FROM foreign_runs) < ?3 OR EXISTS (SELECT 1 FROM foreign_runs WHERE id = ?1)"
        "  ON CONFLICT DO UPDATE SET sequence = ?2, accepted = 0");
    fst_bind_text (insert, 1, run);
    fst_bind_int (insert, 2, sequence);
    fst_bind_int (insert, 3, FOREIGN_MAX);
    return fst_db_run (self->db, insert);
}

fst_rc_t
fst_catalog_foreign_accept (fst_catalog_t *self, int64_t *seen_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT ifnull (max (sequence), 0) FROM foreign_runs");
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc != FST_OK)
        return rc;
    *seen_p = fst_column_int (select, 0);
    fst_db_done (select);
    return fst_db_run (self->db, fst_db_prepare (self->db, "UPDATE foreign_runs SET accepted = 1"));
}

fst_rc_t
fst_catalog_doubt (fst_catalog_t *self)
{
    assert (self);
    fst_rc_t rc = fst_db_run (self->db, fst_db_prepare (self->db, "DELETE FROM garbage"));
    if (rc == FST_OK)
        self->counters.garbage = 0;
    if (rc == FST_OK)
        rc = fst_db_run (self->db, fst_db_prepare (self->db, "UPDATE uploads SET doubted = 1"));
    return rc;
}
