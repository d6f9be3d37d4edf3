//  The catalog's storage nodes: those that ever registered.

#include "fst_catalog_sql.h"

static void
s_bind_node (sqlite3_stmt *statement, const fst_node_t *node)
{
    fst_bind_int (statement, 1, node->number);
    fst_bind_text (statement, 2, node->name);
    fst_bind_text (statement, 3, node->endpoint);
    fst_bind_text (statement, 4, node->zone);
    fst_bind_text (statement, 5, node->version);
    fst_bind_int (statement, 6, node->capacity);
    fst_bind_int (statement, 7, node->free);
    fst_bind_int (statement, 8, node->extents);
    fst_bind_int (statement, 9, node->window);
    fst_bind_int (statement, 10, node->pruned);
    fst_bind_int (statement, 11, node->draining);
}

fst_rc_t
fst_catalog_node_add (fst_catalog_t *self, fst_node_t *node)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT ifnull (max (number) + 1, 0) FROM nodes");
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc != FST_OK)
        return rc;
    int64_t number = fst_column_int (select, 0);
    fst_db_done (select);
    if (number >= FST_NODES_MAX)
        return FST_TOO_MANY;
    node->number = (unsigned) number;
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO nodes (number, name, endpoint, zone, version, capacity, free, extents, window, pruned,"
        "    draining)"
        "  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
    s_bind_node (insert, node);
    return fst_db_run (self->db, insert);
}

fst_rc_t
fst_catalog_node_put (fst_catalog_t *self, const fst_node_t *node)
{
    assert (self);
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE nodes SET name = ?2, endpoint = ?3, zone = ?4, version = ?5, capacity = ?6, free = ?7, extents = ?8,"
        "    window = ?9, pruned = ?10, draining = ?11 WHERE number = ?1");
    s_bind_node (update, node);
    return fst_db_run (self->db, update);
}

fst_rc_t
fst_catalog_nodes (fst_catalog_t *self, fst_node_fn *each, void *arg)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT number, name, endpoint, zone, version, capacity, free, extents, window, pruned, draining FROM nodes"
        "  WHERE number BETWEEN 0 AND 63 ORDER BY number");
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK) {
        fst_node_t node = {
            .number = (unsigned) fst_column_int (select, 0),
            .capacity = fst_column_int (select, 5),
            .free = fst_column_int (select, 6),
            .extents = fst_column_int (select, 7),
            .window = fst_column_int (select, 8),
            .pruned = fst_column_int (select, 9) != 0,
            .draining = fst_column_int (select, 10) != 0
        };
        fst_column_text (select, 1, node.name, sizeof (node.name));
        fst_column_text (select, 2, node.endpoint, sizeof (node.endpoint));
        fst_column_text (select, 3, node.zone, sizeof (node.zone));
        fst_column_text (select, 4, node.version, sizeof (node.version));
        each (arg, &node);
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}
