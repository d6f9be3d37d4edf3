//  Upload of one large file (more than 64 KiB): read -> digest and encrypt in workers -> STORE on every copy within
//  the nodes' windows -> SEAL extents -> PUT_FILE_INFO. A node that fails is replaced; the caller sees an error only
//  when not enough nodes are left. Nothing is visible before the end.
//
//  Several uploads may run in one loop:
//
//      while (!fst_upload_pump (upload))
//          rc = fst_client_turn (client, wait_ms);

#ifndef FST_UPLOAD_H_INCLUDED
#define FST_UPLOAD_H_INCLUDED

#include "fst_client.h"
#include "fst_local.h"

typedef struct fst_upload fst_upload_t;

//  What to store. All borrowed until destroy, but the file descriptor: it is taken.
typedef struct {
    const char *name;                   //  Of the source, for people
    const char *path;                   //  In the store
    int replicas;                       //  0 = as the cluster is set
    int64_t modified_ms;
    bool no_replace;
    const int64_t *if_version;          //  That must be the current one; NULL = any
    int fd;                             //  A file, as it was when stamp was taken; or -1
    fst_stamp_t stamp;
    const filestore_source_t *stream;   //  Or a stream, of which these octets were read already
    const void *head;
    size_t head_bytes;
} fst_upload_args_t;

fst_upload_t *
fst_upload_new (filestore_t *client, const fst_upload_args_t *args);

//  Stops what is under way.
void
fst_upload_destroy (fst_upload_t **self_p);

//  Do what can be done now. True when it is over.
bool
fst_upload_pump (fst_upload_t *self);

//  True if pump has more to do at once: the stream can be read on.
bool
fst_upload_eager (const fst_upload_t *self);

//  True if the stream had nothing at the moment, and is wanted: its descriptor is to be watched.
bool
fst_upload_starved (const fst_upload_t *self);

//  The result, when it is over. *reply_p: {path, code, id, version} of the new version; caller json_decrefs.
//  On failure *problem_p is a sentence; caller frees.
fst_rc_t FST_CHECKED
fst_upload_result (fst_upload_t *self, json_t **reply_p, char **problem_p);

//  Plain octets that are on all copies.
int64_t
fst_upload_bytes (const fst_upload_t *self);

#endif
