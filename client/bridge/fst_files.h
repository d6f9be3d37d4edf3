//  /api/v1/files/PATH: content down and up.
//
//  GET, HEAD: ?version=N gives an older version, ?download has the browser save it. Ranges and conditions as
//  fst_range.h says; the entity tag is "ID.VERSION". Whatever users store is shown so that it can do nothing
//  (fst_mime.h).
//
//  PUT: the body is the content. If-None-Match: * makes only a new file, If-Match only a new version of that one; 412
//  otherwise. X-Modified-Ms is its own time. 201 for a new file, 200 for a new version: {path, id, version}, when it is
//  on stable storage. An upload that breaks off leaves nothing.

#ifndef FST_FILES_H_INCLUDED
#define FST_FILES_H_INCLUDED

#include "fst_flow.h"
#include "fst_http.h"

typedef struct fst_files fst_files_t;

//  flows is borrowed.
fst_files_t *
fst_files_new (fst_flows_t *flows);

void
fst_files_destroy (fst_files_t **self_p);

//  For the thread of an upload: whether path can become a file, said before the first octet: FST_EXISTS unless replace,
//  FST_IS_A_FOLDER, FST_NOT_FOUND and FST_NOT_A_FOLDER of what should be its folder. *problem_p may be a sentence.
fst_rc_t FST_CHECKED
fst_files_may_put (filestore_t *client, const char *path, bool replace, char **problem_p);

void
fst_files_add_routes (fst_files_t *self, fst_http_t *http);

//  What a request that could not have a flow is answered.
void
fst_files_refuse (fst_http_request_t *request, fst_rc_t rc);

#endif
