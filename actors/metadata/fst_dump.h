//  The whole catalog as rows of JSON and back: what EXPORT and IMPORT carry (schemas/metadata). Rows name nodes by
//  name, so that they mean the same in another database; sums and references are not carried but counted anew.
//
//  One thread. A dump is of one moment, whatever happens to the catalog meanwhile: it holds a read transaction on a
//  connection of its own, so the log of the database grows until it ends. A load gathers rows in a database of its own
//  beside the catalog, and changes the catalog in one step at its end, or not at all.

#ifndef FST_DUMP_H_INCLUDED
#define FST_DUMP_H_INCLUDED

#include <jansson.h>
#include "fst_catalog.h"

#define FST_DUMP_ROWS 512               //  In one page

typedef struct fst_dump fst_dump_t;

//  *problem_p is a sentence; caller frees.
fst_rc_t FST_CHECKED
fst_dump_new (const char *filename, fst_dump_t **self_p, char **problem_p);

void
fst_dump_destroy (fst_dump_t **self_p);

//  {sequence, last_id, rows, runs}; caller decrefs.
fst_rc_t FST_CHECKED
fst_dump_header (fst_dump_t *self, json_t **header_p);

//  Add the next rows to an object: arrays by the names of the tables, in order.
fst_rc_t FST_CHECKED
fst_dump_page (fst_dump_t *self, json_t *page, bool *more_p);

typedef struct fst_load fst_load_t;

//  Begin to load into the catalog in filename, which must have no files. header as of a dump.
//      FST_NOT_EMPTY   problem says what is in the way
fst_rc_t FST_CHECKED
fst_load_new (const char *filename, fst_catalog_t *catalog, json_t *header, fst_load_t **self_p, char **problem_p);

//  Takes away what was gathered.
void
fst_load_destroy (fst_load_t **self_p);

//  Gather the rows of a page. On failure nothing more can be done than to destroy.
//      FST_EXISTS, FST_BAD_NAME, FST_TOO_MANY (nodes)
fst_rc_t FST_CHECKED
fst_load_page (fst_load_t *self, json_t *page, char **problem_p);

//  See that it is all there and fits together, and put it into the catalog, durably. No batch may be open.
//  name is kept as the setting "imported".
//      FST_CORRUPT     it does not fit together
//      FST_CHANGED     a storage node came meanwhile; import again
//      FST_NOT_EMPTY, FST_NO_SPACE; FST_IO, after which the catalog must not be used
fst_rc_t FST_CHECKED
fst_load_finish (fst_load_t *self, int64_t name, char **problem_p);

#endif
