//  Rows of the catalog as JSON.

#include "fst_dump_rows.h"
#include <inttypes.h>
#include <stdio.h>

#define CONTENT \
    { "size", FST_COLUMN_INT }, { "version", FST_COLUMN_INT }, { "modified_ms", FST_COLUMN_INT }, \
    { "stored_ms", FST_COLUMN_INT }, { "blob", FST_COLUMN_HEX }, { "digest", FST_COLUMN_HEX }, { NULL, FST_COLUMN_END }

static const fst_column_t s_node [] = {
    { "name", FST_COLUMN_TEXT }, { "zone", FST_COLUMN_TEXT }, { "draining", FST_COLUMN_FLAG }, { NULL, FST_COLUMN_END }
};
static const fst_column_t s_entry [] = {
    { "id", FST_COLUMN_INT }, { "parent", FST_COLUMN_INT }, { "name", FST_COLUMN_TEXT }, { "kind", FST_COLUMN_KIND },
    { "owner", FST_COLUMN_TEXT }, { "created_ms", FST_COLUMN_INT }, CONTENT
};
static const fst_column_t s_version [] = { { "entry", FST_COLUMN_INT }, { "replaced_ms", FST_COLUMN_INT }, CONTENT };
static const fst_column_t s_trash [] = {
    { "entry", FST_COLUMN_INT }, { "parent", FST_COLUMN_INT }, { "name", FST_COLUMN_TEXT }, { "path", FST_COLUMN_TEXT },
    { "user", FST_COLUMN_TEXT }, { "trashed_ms", FST_COLUMN_INT }, { NULL, FST_COLUMN_END }
};
static const fst_column_t s_grant [] = {
    { "entry", FST_COLUMN_INT }, { "user", FST_COLUMN_TEXT }, { "rights", FST_COLUMN_INT }, { NULL, FST_COLUMN_END }
};
static const fst_column_t s_blob [] = {
    { "id", FST_COLUMN_HEX }, { "key", FST_COLUMN_BASE64 }, { "chunk_log2", FST_COLUMN_INT },
    { "extent_chunks", FST_COLUMN_INT }, { "size", FST_COLUMN_INT }, { "replicas", FST_COLUMN_INT },
    { "extents", FST_COLUMN_INT }, { NULL, FST_COLUMN_END }
};
static const fst_column_t s_extent [] = {
    { "blob", FST_COLUMN_HEX }, { "n", FST_COLUMN_INT }, { "chunks", FST_COLUMN_INT }, { "bytes", FST_COLUMN_INT },
    { "digest", FST_COLUMN_BITS }, { "nodes", FST_COLUMN_NODES }, { NULL, FST_COLUMN_END }
};

const fst_table_t fst_dump_tables [] = {
    { "nodes", "SELECT count (*) FROM nodes", "SELECT name, zone, draining FROM nodes ORDER BY name", NULL, s_node },
    { "entries", "SELECT count (*) FROM entries",
      "SELECT id, parent, name, kind, owner, created_ms, size, version, modified_ms, stored_ms, blob, digest"
      "  FROM entries ORDER BY id",
      "INSERT INTO entries (id, parent, name, kind, owner, created_ms, size, version, modified_ms, stored_ms, blob, digest)"
      "  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)", s_entry },
    { "versions", "SELECT count (*) FROM versions",
      "SELECT entry, replaced_ms, size, version, modified_ms, stored_ms, blob, digest FROM versions ORDER BY entry, version",
      "INSERT INTO versions (entry, replaced_ms, size, version, modified_ms, stored_ms, blob, digest)"
      "  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", s_version },
    { "trash", "SELECT count (*) FROM trash", "SELECT entry, parent, name, path, user, trashed_ms FROM trash ORDER BY entry",
      "INSERT INTO trash (entry, parent, name, path, user, trashed_ms, owner)"
      "  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ifnull ((SELECT owner FROM entries WHERE id = ?1), ''))", s_trash },
    { "grants", "SELECT count (*) FROM grants", "SELECT entry, user, rights FROM grants ORDER BY entry, user",
      "INSERT INTO grants (entry, user, rights) VALUES (?1, ?2, ?3)", s_grant },
    { "blobs", "SELECT count (*) FROM blobs",
      "SELECT id, key, chunk_log2, extent_chunks, size, replicas, extents FROM blobs ORDER BY id",
      "INSERT INTO blobs (id, key, chunk_log2, extent_chunks, size, replicas, extents, refs)"
      "  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)", s_blob },
    { "extents", "SELECT count (*) FROM extents",
      "SELECT blob, n, chunks, bytes, digest, nodes FROM extents ORDER BY blob, n",
      "INSERT INTO extents (blob, n, chunks, bytes, digest, nodes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", s_extent },
    { NULL, NULL, NULL, NULL, NULL }
};

//  ---- To JSON

static json_t *
s_hex (sqlite3_stmt *statement, int at)
{
    const void *data = sqlite3_column_blob (statement, at);
    size_t bytes = (size_t) sqlite3_column_bytes (statement, at);
    char text [2 * FST_WRAPPED_BYTES + 1];
    if (!data || bytes > FST_WRAPPED_BYTES)
        return NULL;
    fst_hex_encode (data, bytes, text);
    return json_string_nocheck (text);
}

static json_t *
s_base64 (sqlite3_stmt *statement, int at)
{
    const void *data = sqlite3_column_blob (statement, at);
    char *text = fst_base64_encode (data? data: "", (size_t) sqlite3_column_bytes (statement, at));
    json_t *value = json_string_nocheck (text);
    free (text);
    return value;
}

static json_t *
s_bits (uint64_t bits)
{
    char text [17];
    snprintf (text, sizeof (text), "%016" PRIx64, bits);
    return json_string_nocheck (text);
}

static int
s_compare_names (const void *left, const void *right)
{
    return strcmp (*(const char *const *) left, *(const char *const *) right);
}

static json_t *
s_nodes (fst_node_set_t nodes, const fst_node_names_t names)
{
    const char *held [FST_NODES_MAX];
    size_t count = 0;
    for (unsigned number = 0; number < FST_NODES_MAX; number++)
        if ((nodes & fst_node_bit (number)) && names [number] [0])
            held [count++] = names [number];
    qsort (held, count, sizeof (held [0]), s_compare_names);
    json_t *list = json_array ();
    for (size_t at = 0; at < count; at++)
        json_array_append_new (list, json_string_nocheck (held [at]));
    return list;
}

json_t *
fst_row_to_json (const fst_table_t *table, sqlite3_stmt *statement, const fst_node_names_t names)
{
    json_t *row = json_object ();
    for (int at = 0; table->columns [at].name; at++) {
        json_t *value = NULL;
        int64_t number = fst_column_int (statement, at);
        const char *text = (const char *) sqlite3_column_text (statement, at);
        switch (table->columns [at].kind) {
            case FST_COLUMN_INT:    value = json_integer (number); break;
            case FST_COLUMN_TEXT:   value = json_string (text? text: ""); break;
            case FST_COLUMN_KIND:   value = json_string (number == FST_ENTRY_FOLDER? "folder": "file"); break;
            case FST_COLUMN_FLAG:   value = json_boolean (number != 0); break;
            case FST_COLUMN_HEX:    value = s_hex (statement, at); break;
            case FST_COLUMN_BASE64: value = s_base64 (statement, at); break;
            case FST_COLUMN_BITS:   value = s_bits ((uint64_t) number); break;
            case FST_COLUMN_NODES:  value = s_nodes ((fst_node_set_t) number, names); break;
            case FST_COLUMN_END:    assert (false);
        }
        if (value)
            json_object_set_new_nocheck (row, table->columns [at].name, value);
    }
    return row;
}

//  ---- From JSON

static fst_rc_t
s_read_nodes (json_t *list, const fst_node_names_t names, fst_node_set_t *nodes_p)
{
    size_t at;
    json_t *name;
    *nodes_p = 0;
    json_array_foreach (list, at, name) {
        unsigned number = 0;
        while (number < FST_NODES_MAX && strcmp (names [number], json_string_value (name)) != 0)
            number++;
        if (number == FST_NODES_MAX)
            return FST_MALFORMED;
        *nodes_p |= fst_node_bit (number);
    }
    return FST_OK;
}

static fst_rc_t
s_bind_octets (sqlite3_stmt *statement, int at, json_t *value, bool base64, uint8_t *to)
{
    const char *text = json_string_value (value);
    size_t bytes = strlen (text) / 2;
    fst_rc_t rc = base64? fst_base64_decode (text, to, FST_WRAPPED_BYTES, &bytes)
                : bytes <= FST_WRAPPED_BYTES? fst_hex_decode (text, to, bytes): FST_MALFORMED;
    if (rc == FST_OK)
        fst_bind_blob (statement, at, to, bytes);
    return rc;
}

fst_rc_t
fst_row_bind (const fst_table_t *table, json_t *row, sqlite3_stmt *statement, const fst_node_names_t names,
              fst_scratch_t *scratch)
{
    size_t used = 0;
    fst_rc_t rc = FST_OK;
    for (int at = 0; rc == FST_OK && table->columns [at].name; at++) {
        json_t *value = json_object_get (row, table->columns [at].name);
        fst_node_set_t nodes;
        if (!value)
            continue;                   //  Stays NULL
        switch (table->columns [at].kind) {
            case FST_COLUMN_INT:
                fst_bind_int (statement, at + 1, json_integer_value (value));
                break;
            case FST_COLUMN_TEXT:
                fst_bind_text (statement, at + 1, json_string_value (value));
                break;
            case FST_COLUMN_KIND:
                fst_bind_int (statement, at + 1,
                              strcmp (json_string_value (value), "folder") == 0? FST_ENTRY_FOLDER: FST_ENTRY_FILE);
                break;
            case FST_COLUMN_FLAG:
                fst_bind_int (statement, at + 1, json_is_true (value));
                break;
            case FST_COLUMN_HEX:
            case FST_COLUMN_BASE64:
                assert (used < sizeof (scratch->bytes) / sizeof (scratch->bytes [0]));
                rc = s_bind_octets (statement, at + 1, value, table->columns [at].kind == FST_COLUMN_BASE64,
                                    scratch->bytes [used++]);
                break;
            case FST_COLUMN_BITS:
                fst_bind_int (statement, at + 1, (int64_t) strtoull (json_string_value (value), NULL, 16));
                break;
            case FST_COLUMN_NODES:
                rc = s_read_nodes (value, names, &nodes);
                if (rc == FST_OK)
                    fst_bind_int (statement, at + 1, (int64_t) nodes);
                break;
            case FST_COLUMN_END:
                assert (false);
        }
    }
    return rc;
}
