//  Loading a dump: gathered in a catalog of its own, checked as a whole there, and moved into the real one in one
//  transaction.

#include "fst_dump_rows.h"
#include <stdio.h>
#include <unistd.h>

struct fst_load {
    fst_catalog_t *target;              //  Borrowed
    fst_catalog_t *staging;             //  NULL once it is complete
    char *filename;                     //  Of staging
    fst_node_names_t names;             //  Nodes by their number in both
    json_t *header;
    int64_t rows;                       //  So far
};

static fst_rc_t
s_say (char **problem_p, fst_rc_t rc, const char *text)
{
    *problem_p = strdup (text);
    assert (*problem_p);
    return rc;
}

//  The first column of the only row.
static fst_rc_t
s_number (fst_db_t *db, const char *sql, int64_t *number_p)
{
    sqlite3_stmt *select = fst_db_prepare (db, sql);
    fst_rc_t rc = fst_db_next (db, select);
    if (rc == FST_OK) {
        *number_p = fst_column_int (select, 0);
        fst_db_done (select);
    }
    return rc == FST_NOT_FOUND? FST_CORRUPT: rc;
}

static fst_rc_t
s_run (fst_db_t *db, const char *sql)
{
    return fst_db_run (db, fst_db_prepare (db, sql));
}

//  ---- Beginning

//  Empty homes may be there: whoever imports has one.
static fst_rc_t
s_check_empty (fst_catalog_t *catalog, char **problem_p)
{
    const fst_counters_t *counters = fst_catalog_counters (catalog);
    int64_t others = 0;
    fst_rc_t rc = s_number (catalog->db,
        "SELECT (SELECT count (*) FROM trash) + (SELECT count (*) FROM grants) + (SELECT count (*) FROM blobs)"
        "     + (SELECT count (*) FROM entries WHERE id > 3 AND NOT (parent = 3 AND kind = 2 AND size = 0))", &others);
    if (rc == FST_OK && (others || counters->files || counters->uploads || counters->garbage))
        rc = s_say (problem_p, FST_NOT_EMPTY, "This cluster has files, or something is left of them: an import needs an empty "
                    "one. Start with a new metadata database.");
    return rc;
}

static void
s_remove_staging (const fst_load_t *self)
{
    static const char *const suffixes [] = { "", "-wal", "-shm" };
    for (size_t at = 0; at < sizeof (suffixes) / sizeof (suffixes [0]); at++) {
        char *name = NULL;
        if (asprintf (&name, "%s%s", self->filename, suffixes [at]) < 0)
            abort ();
        unlink (name);
        free (name);
    }
}

//  Nodes keep their numbers.
static void
s_take_node (void *arg, const fst_node_t *node)
{
    fst_load_t *self = arg;
    fst_node_t copy = *node;
    fst_rc_t rc = fst_catalog_node_add (self->staging, &copy);
    if (rc == FST_OK && copy.number == node->number)
        snprintf (self->names [node->number], sizeof (self->names [0]), "%s", node->name);
}

fst_rc_t
fst_load_new (const char *filename, fst_catalog_t *catalog, json_t *header, fst_load_t **self_p, char **problem_p)
{
    assert (filename);
    assert (catalog);
    assert (self_p);
    assert (problem_p);
    fst_load_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->target = catalog;
    self->header = json_incref (header);
    if (asprintf (&self->filename, "%s.import", filename) < 0)
        abort ();
    fst_rc_t rc = s_check_empty (catalog, problem_p);
    if (rc == FST_OK) {
        s_remove_staging (self);        //  Left by a process that was killed
        rc = fst_catalog_open (self->filename, &self->staging, problem_p);
    }
    if (rc == FST_OK)
        rc = fst_catalog_begin (self->staging);
    if (rc == FST_OK)
        rc = fst_catalog_nodes (catalog, s_take_node, self);
    if (rc == FST_OK)
        rc = s_run (self->staging->db, "DELETE FROM entries");     //  All of them come, "/" as well
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_load_destroy (&self);
    return rc;
}

void
fst_load_destroy (fst_load_t **self_p)
{
    assert (self_p);
    fst_load_t *self = *self_p;
    if (self) {
        fst_catalog_destroy (&self->staging);
        s_remove_staging (self);
        free (self->filename);
        json_decref (self->header);
        free (self);
        *self_p = NULL;
    }
}

//  ---- Rows

static fst_rc_t
s_load_node (fst_load_t *self, json_t *row)
{
    const char *name = json_string_value (json_object_get (row, "name"));
    fst_node_t node = { .pruned = true, .draining = json_is_true (json_object_get (row, "draining")) };
    snprintf (node.name, sizeof (node.name), "%s", name);
    snprintf (node.zone, sizeof (node.zone), "%s", json_string_value (json_object_get (row, "zone")));
    for (unsigned number = 0; number < FST_NODES_MAX; number++)
        if (strcmp (self->names [number], name) == 0) {
            sqlite3_stmt *update = fst_db_prepare (self->staging->db, "UPDATE nodes SET draining = ?2 WHERE number = ?1");
            fst_bind_int (update, 1, number);
            fst_bind_int (update, 2, node.draining);
            return fst_db_run (self->staging->db, update);
        }
    fst_rc_t rc = fst_catalog_node_add (self->staging, &node);
    if (rc == FST_OK)
        snprintf (self->names [node.number], sizeof (self->names [0]), "%s", name);
    return rc;
}

//  What the schema cannot say.
static bool
s_has_good_name (const fst_table_t *table, json_t *row)
{
    if (strcmp (table->name, "entries") != 0)
        return true;
    int64_t id = json_integer_value (json_object_get (row, "id"));
    const char *name = json_string_value (json_object_get (row, "name"));
    return id == FST_ENTRY_ROOT? *name == 0: fst_name_valid (name);
}

static fst_rc_t
s_load_row (fst_load_t *self, const fst_table_t *table, json_t *row)
{
    if (!s_has_good_name (table, row))
        return FST_BAD_NAME;
    self->rows++;
    if (!table->insert)
        return s_load_node (self, row);
    fst_scratch_t scratch;
    sqlite3_stmt *insert = fst_db_prepare (self->staging->db, table->insert);
    fst_rc_t rc = fst_row_bind (table, row, insert, self->names, &scratch);
    if (rc == FST_OK)
        return fst_db_run (self->staging->db, insert);
    fst_db_done (insert);
    return rc;
}

fst_rc_t
fst_load_page (fst_load_t *self, json_t *page, char **problem_p)
{
    assert (self);
    assert (self->staging);
    for (const fst_table_t *table = fst_dump_tables; table->name; table++) {
        size_t at;
        json_t *row;
        json_array_foreach (json_object_get (page, table->name), at, row) {
            fst_rc_t rc = s_load_row (self, table, row);
            if (rc == FST_OK)
                continue;
            if (asprintf (problem_p, "A row of %s cannot be taken: %s.", table->name,
                          rc == FST_MALFORMED? "it names a node that is not among the nodes": fst_error_text (rc)) < 0)
                abort ();
            return rc;
        }
    }
    return FST_OK;
}

//  ---- The end

//  What was not carried, counted from what was.
static fst_rc_t
s_derive (fst_load_t *self)
{
    static const char *const steps [] = {
        "UPDATE blobs SET refs = counted.refs FROM (SELECT blob, count (*) AS refs FROM ("
        "    SELECT blob FROM entries WHERE blob IS NOT NULL"
        "    UNION ALL SELECT blob FROM versions WHERE blob IS NOT NULL) GROUP BY blob) AS counted WHERE counted.blob = blobs.id",
        "UPDATE blobs SET entry = versions.entry FROM versions WHERE versions.blob = blobs.id",
        "UPDATE blobs SET entry = entries.id FROM entries WHERE entries.blob = blobs.id",
        "UPDATE extents SET wanted = blobs.replicas FROM blobs WHERE blobs.id = extents.blob",
        "INSERT INTO spreads (nodes, wanted, extents, bytes)"
        "    SELECT nodes, wanted, count (*), sum (bytes) FROM extents GROUP BY nodes, wanted",
        NULL
    };
    static const char reached [] =
        "WITH RECURSIVE tree (id, kind) AS ("
        "  SELECT id, kind FROM entries WHERE parent = 1"
        "  UNION ALL SELECT entries.id, entries.kind FROM tree JOIN entries ON parent = tree.id)"
        "SELECT ifnull (sum (kind = 1), 0), ifnull (sum (kind = 2), 0) FROM tree";
    fst_db_t *db = self->staging->db;
    fst_rc_t rc = FST_OK;
    for (size_t at = 0; rc == FST_OK && steps [at]; at++)
        rc = s_run (db, steps [at]);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *select = fst_db_prepare (db, reached);
    rc = fst_db_next (db, select);
    if (rc != FST_OK)
        return rc;
    fst_counters_t *counters = &self->staging->counters;
    counters->files = fst_column_int (select, 0);
    counters->folders = fst_column_int (select, 1);
    counters->sequence = json_integer_value (json_object_get (self->header, "sequence"));
    counters->last_id = json_integer_value (json_object_get (self->header, "last_id"));
    fst_db_done (select);
    return fst_catalog_commit (self->staging);
}

//  Every rule of a catalog, and that every entry can be reached: a ring of folders would lie in folders, too.
static fst_rc_t
s_check (fst_load_t *self, char **problem_p)
{
    int64_t lost = 0, wrong = 0;
    char text [256], *why = NULL;
    fst_rc_t rc = fst_catalog_check (self->staging, text, sizeof (text));
    if (rc == FST_OK)
        rc = s_number (self->staging->db,
            "WITH RECURSIVE tree (id) AS (VALUES (1), (2)"
            "  UNION ALL SELECT entries.id FROM tree JOIN entries ON parent = tree.id AND entries.id > 2)"
            "SELECT (SELECT count (*) FROM entries) - (SELECT count (*) FROM tree)", &lost);
    else
        why = text;
    if (rc == FST_OK)
        rc = s_number (self->staging->db, "SELECT count (*) <> 3 FROM entries WHERE (id, parent) IN ((1, 0), (2, 0), (3, 1))"
                       "    AND kind = 2", &wrong);
    if (rc == FST_OK && (lost || wrong)) {
        rc = FST_CORRUPT;
        why = wrong? "the first folders are not as they must be": "some entries lie in no folder";
    }
    if (rc == FST_CORRUPT && why && asprintf (problem_p, "The export does not fit together, so nothing was imported: %s.", why) < 0)
        abort ();
    return rc;
}

//  Runs of the database that was exported, in order, and behind them those of this one, which begin where it ended.
static fst_rc_t
s_move_runs (fst_load_t *self)
{
    fst_db_t *db = self->target->db;
    size_t at;
    json_t *run;
    fst_rc_t rc = s_run (db, "UPDATE runs SET number = -1 - number");
    json_array_foreach (json_object_get (self->header, "runs"), at, run) {
        if (rc != FST_OK)
            break;
        sqlite3_stmt *insert = fst_db_prepare (db, "INSERT INTO runs (number, id, sequence) VALUES (?1, ?2, ?3)");
        fst_bind_int (insert, 1, (int64_t) at + 1);
        fst_bind_text (insert, 2, json_string_value (json_object_get (run, "id")));
        fst_bind_int (insert, 3, json_integer_value (json_object_get (run, "sequence")));
        rc = fst_db_run (db, insert);
    }
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *update = fst_db_prepare (db, "UPDATE runs SET number = ?1 - number, sequence = ?2 WHERE number < 0");
    fst_bind_int (update, 1, (int64_t) json_array_size (json_object_get (self->header, "runs")));
    fst_bind_int (update, 2, self->target->counters.sequence);
    return fst_db_run (db, update);
}

//  What was trashed or replaced elsewhere grows old from now on: the times in the export are those of another clock.
static fst_rc_t
s_set_age (fst_load_t *self, const char *sql)
{
    sqlite3_stmt *update = fst_db_prepare (self->target->db, sql);
    fst_bind_int (update, 1, self->target->aged_ms);
    return fst_db_run (self->target->db, update);
}

static fst_rc_t
s_move_rows (fst_load_t *self, int64_t name)
{
    static const char *const steps [] = {
        "DELETE FROM main.entries",
        "INSERT INTO main.entries SELECT * FROM staging.entries",
        "INSERT INTO main.versions SELECT * FROM staging.versions",
        "INSERT INTO main.trash SELECT * FROM staging.trash",
        "INSERT INTO main.grants SELECT * FROM staging.grants",
        "INSERT INTO main.blobs SELECT * FROM staging.blobs",
        "INSERT INTO main.extents SELECT * FROM staging.extents",
        "DELETE FROM main.spreads",
        "INSERT INTO main.spreads SELECT * FROM staging.spreads",
        "INSERT INTO main.nodes SELECT * FROM staging.nodes WHERE true ON CONFLICT (number) DO UPDATE SET draining = excluded.draining",
        NULL
    };
    int64_t strangers = 0;
    fst_db_t *db = self->target->db;
    fst_rc_t rc = s_number (db, "SELECT count (*) FROM main.nodes AS ours LEFT JOIN staging.nodes AS theirs USING (number)"
                            "    WHERE theirs.name IS NOT ours.name", &strangers);
    if (rc == FST_OK && strangers)
        return FST_CHANGED;
    for (size_t at = 0; rc == FST_OK && steps [at]; at++)
        rc = s_run (db, steps [at]);
    if (rc == FST_OK)
        rc = s_set_age (self, "UPDATE main.versions SET aged_ms = ?1");
    if (rc == FST_OK)
        rc = s_set_age (self, "UPDATE main.trash SET aged_ms = ?1");
    if (rc == FST_OK)
        rc = s_number (db, "SELECT files FROM staging.counters", &self->target->counters.files);
    if (rc == FST_OK)
        rc = s_number (db, "SELECT folders FROM staging.counters", &self->target->counters.folders);
    int64_t sequence = json_integer_value (json_object_get (self->header, "sequence"));
    int64_t last_id = json_integer_value (json_object_get (self->header, "last_id"));
    if (self->target->counters.sequence < sequence)
        self->target->counters.sequence = sequence;
    if (self->target->counters.last_id < last_id)
        self->target->counters.last_id = last_id;
    if (rc == FST_OK)
        rc = s_move_runs (self);
    if (rc == FST_OK)
        rc = fst_catalog_setting_put (self->target, "imported", name);
    return rc;
}

//  In one transaction over both files, of which one is only read.
static fst_rc_t
s_move (fst_load_t *self, int64_t name)
{
    fst_db_t *db = self->target->db;
    sqlite3_stmt *attach = fst_db_prepare (db, "ATTACH ?1 AS staging");
    fst_bind_text (attach, 1, self->filename);
    fst_rc_t rc = fst_db_run (db, attach);
    if (rc != FST_OK)
        return rc;
    rc = fst_catalog_begin (self->target);
    if (rc == FST_OK) {
        rc = s_move_rows (self, name);
        if (rc == FST_OK)
            rc = fst_catalog_commit (self->target);
        else
            fst_catalog_rollback (self->target);
    }
    fst_rc_t detached = s_run (db, "DETACH staging");
    self->target->spread_changes++;
    return rc == FST_OK? detached: rc;
}

fst_rc_t
fst_load_finish (fst_load_t *self, int64_t name, char **problem_p)
{
    assert (self);
    assert (self->staging);
    assert (!self->target->open);
    assert (problem_p);
    if (self->rows != json_integer_value (json_object_get (self->header, "rows")))
        return s_say (problem_p, FST_CORRUPT, "The export lacks rows, so nothing was imported.");
    fst_rc_t rc = s_check_empty (self->target, problem_p);     //  Somebody may have begun to use it
    if (rc == FST_OK)
        rc = s_derive (self);
    if (rc == FST_OK)
        rc = s_check (self, problem_p);
    if (rc != FST_OK)
        return rc;
    fst_catalog_destroy (&self->staging);
    rc = s_move (self, name);
    if (rc == FST_CHANGED)
        s_say (problem_p, rc, "A storage node came while the import was under way, so nothing was imported; import again.");
    return rc;
}
