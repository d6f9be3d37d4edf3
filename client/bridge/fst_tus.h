//  /api/v1/uploads: uploads that can be resumed, by tus 1.0.0 (core, creation, expiration, termination).
//
//      POST    /api/v1/uploads         Upload-Length; Upload-Metadata: path, modified_ms, replace ("true": a file that
//                                      is there gets a new version). 201 and Location; 409 if it cannot become a file
//      HEAD    /api/v1/uploads/ID      Upload-Offset: continue there
//      PATCH   /api/v1/uploads/ID      Upload-Offset and octets. 204; the last one when the file is on stable
//                                      storage, with X-Version
//      DELETE  /api/v1/uploads/ID      nothing stays
//      GET     /api/v1/uploads         the caller's unfinished ones
//
//  Each is a flow whose pipe the PATCHes fill: what was taken is on its way to the nodes and is never asked for again.
//  So an upload lives as long as this process and the session that began it, and ends when nothing came for the time of
//  the option upload-idle. A PATCH takes over from one that is under way: that connection broke.

#ifndef FST_TUS_H_INCLUDED
#define FST_TUS_H_INCLUDED

#include "fst_flow.h"
#include "fst_http.h"

typedef struct fst_tus fst_tus_t;

//  flows is borrowed.
fst_tus_t *
fst_tus_new (const fst_config_t *config, fst_flows_t *flows);

//  Every unfinished upload ends.
void
fst_tus_destroy (fst_tus_t **self_p);

void
fst_tus_add_routes (fst_tus_t *self, fst_http_t *http);

//  Ends those that waited too long.
void
fst_tus_tick (fst_tus_t *self, int64_t now_ms);

//  One value of an Upload-Metadata header, decoded; NULL if it is not there or not well formed. Caller frees.
char *
fst_tus_metadata (const char *header, const char *key);

#endif
