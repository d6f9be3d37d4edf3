//  Reading the whole catalog, as it was at one moment.

#include "fst_dump_rows.h"
#include <stdio.h>

#define PAGE_BYTES  (128 * 1024)        //  Of text; JSON may take six octets for one
#define ROW_BYTES   256                 //  What a row has beside its texts
#define RUNS_MAX    1000

struct fst_dump {
    fst_catalog_t *catalog;             //  Read-only, in a transaction from beginning to end
    fst_node_names_t names;
    const fst_table_t *table;           //  That is read
    sqlite3_stmt *select;               //  Standing in it; NULL: at its beginning
};

static void
s_take_name (void *arg, const fst_node_t *node)
{
    fst_dump_t *self = arg;
    snprintf (self->names [node->number], sizeof (self->names [0]), "%s", node->name);
}

fst_rc_t
fst_dump_new (const char *filename, fst_dump_t **self_p, char **problem_p)
{
    assert (filename);
    assert (self_p);
    fst_dump_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->table = fst_dump_tables;
    fst_rc_t rc = fst_catalog_open_to_read (filename, &self->catalog, problem_p);
    if (rc == FST_OK) {
        rc = fst_catalog_nodes (self->catalog, s_take_name, self);
        if (rc != FST_OK && asprintf (problem_p, "The nodes in %s cannot be read.", filename) < 0)
            abort ();
    }
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_dump_destroy (&self);
    return rc;
}

void
fst_dump_destroy (fst_dump_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        if ((*self_p)->select)
            fst_db_done ((*self_p)->select);
        fst_catalog_destroy (&(*self_p)->catalog);
        free (*self_p);
        *self_p = NULL;
    }
}

static fst_rc_t
s_runs (fst_dump_t *self, json_t *list)
{
    sqlite3_stmt *select = fst_db_prepare (self->catalog->db,
        "SELECT id, sequence FROM (SELECT number, id, sequence FROM runs ORDER BY number DESC LIMIT ?1) ORDER BY number");
    fst_bind_int (select, 1, RUNS_MAX);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->catalog->db, select)) == FST_OK)
        json_array_append_new (list, json_pack ("{s:s, s:I}", "id", (const char *) sqlite3_column_text (select, 0),
                                                "sequence", (json_int_t) fst_column_int (select, 1)));
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_dump_header (fst_dump_t *self, json_t **header_p)
{
    assert (self);
    assert (header_p);
    int64_t rows = 0;
    fst_rc_t rc = FST_OK;
    for (const fst_table_t *table = fst_dump_tables; rc == FST_OK && table->name; table++) {
        sqlite3_stmt *count = fst_db_prepare (self->catalog->db, table->count);
        rc = fst_db_next (self->catalog->db, count);
        if (rc == FST_OK) {
            rows += fst_column_int (count, 0);
            fst_db_done (count);
        }
    }
    json_t *runs = json_array ();
    if (rc == FST_OK)
        rc = s_runs (self, runs);
    if (rc == FST_OK)
        *header_p = json_pack ("{s:I, s:I, s:I, s:O}",
            "sequence", (json_int_t) self->catalog->counters.sequence,
            "last_id", (json_int_t) self->catalog->counters.last_id, "rows", (json_int_t) rows, "runs", runs);
    json_decref (runs);
    return rc;
}

//  Add rows of the table at hand until it ends (FST_NOT_FOUND) or the page is full.
static fst_rc_t
s_read_table (fst_dump_t *self, json_t *page, size_t *rows_p, size_t *bytes_p)
{
    fst_db_t *db = self->catalog->db;
    json_t *list = json_array ();
    fst_rc_t rc = FST_OK;
    if (!self->select)
        self->select = fst_db_prepare (db, self->table->select);
    while (rc == FST_OK && *rows_p < FST_DUMP_ROWS && *bytes_p < PAGE_BYTES) {
        rc = fst_db_next (db, self->select);
        if (rc != FST_OK)
            break;
        json_array_append_new (list, fst_row_to_json (self->table, self->select, self->names));
        (*rows_p)++;
        *bytes_p += ROW_BYTES;
        for (int at = 0; self->table->columns [at].name; at++)
            *bytes_p += (size_t) sqlite3_column_bytes (self->select, at);
    }
    if (json_array_size (list))
        json_object_set_new (page, self->table->name, list);
    else
        json_decref (list);
    return rc;
}

fst_rc_t
fst_dump_page (fst_dump_t *self, json_t *page, bool *more_p)
{
    assert (self);
    assert (page);
    assert (more_p);
    size_t rows = 0, bytes = 0;
    fst_rc_t rc = FST_OK;
    while (rc == FST_OK && self->table->name && rows < FST_DUMP_ROWS && bytes < PAGE_BYTES) {
        rc = s_read_table (self, page, &rows, &bytes);
        if (rc == FST_NOT_FOUND) {
            self->table++;
            self->select = NULL;
            rc = FST_OK;
        }
    }
    if (rc != FST_OK)
        self->select = NULL;            //  It was reset
    *more_p = self->table->name != NULL;
    return rc;
}
