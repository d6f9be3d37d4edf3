//  The tables that are dumped, and how a row is JSON. Not for others than fst_dump and fst_load.

#ifndef FST_DUMP_ROWS_H_INCLUDED
#define FST_DUMP_ROWS_H_INCLUDED

#include "fst_catalog_sql.h"
#include "fst_dump.h"

typedef enum {
    FST_COLUMN_END, FST_COLUMN_INT, FST_COLUMN_TEXT, FST_COLUMN_KIND, FST_COLUMN_FLAG,
    FST_COLUMN_HEX,             //  Octets; NULL is left out
    FST_COLUMN_BASE64,
    FST_COLUMN_BITS,            //  64 bits as 16 hex digits
    FST_COLUMN_NODES            //  A set, as names in order
} fst_column_kind_t;

typedef struct {
    const char *name;
    fst_column_kind_t kind;
} fst_column_t;

typedef struct {
    const char *name;           //  Of the array in a page
    const char *count;          //  SQL
    const char *select;         //  In the order of columns
    const char *insert;         //  NULL: not a plain row
    const fst_column_t *columns;
} fst_table_t;

//  Ended by a row without a name. Nodes come first, as the others speak of them.
extern const fst_table_t fst_dump_tables [];

//  Names of nodes by number; "" where there is none.
typedef char fst_node_names_t [FST_NODES_MAX] [FST_NODE_BYTES_MAX + 1];

//  The row at which the statement stands.
json_t *
fst_row_to_json (const fst_table_t *table, sqlite3_stmt *statement, const fst_node_names_t names);

//  Bind a row, which was checked against its schema; what it points at must live until the statement was run.
//  scratch takes what had to be decoded.
typedef struct { uint8_t bytes [4] [FST_WRAPPED_BYTES]; } fst_scratch_t;
//      FST_MALFORMED   it names a node that no row of the dump has
fst_rc_t FST_CHECKED
fst_row_bind (const fst_table_t *table, json_t *row, sqlite3_stmt *statement, const fst_node_names_t names,
              fst_scratch_t *scratch);

#endif
