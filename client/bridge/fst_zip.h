//  GET /api/v1/zip?path=A&path=B: files and folders, with all that is in them, as one zip that is made while it is sent.
//
//  Stored, not compressed; zip64 where it is needed; names in UTF-8, with the files' times. Its length is not known
//  before its end. A file that is deleted meanwhile is left out; if anything else fails the connection is cut before
//  the zip's directory, so that no program takes it for whole. At most as many files as the option zip-files says.

#ifndef FST_ZIP_H_INCLUDED
#define FST_ZIP_H_INCLUDED

#include "fst_flow.h"
#include "fst_http.h"

typedef struct fst_zip fst_zip_t;

//  flows is borrowed.
fst_zip_t *
fst_zip_new (const fst_config_t *config, fst_flows_t *flows);

void
fst_zip_destroy (fst_zip_t **self_p);

void
fst_zip_add_routes (fst_zip_t *self, fst_http_t *http);

#endif
