//  Upload of many small files (at most 64 KiB each): groups of files share messages and commits. A group is read and
//  encrypted in packs of up to 64 files, each pack is one STORE on every copy, and when all packs of a group are on
//  stable storage one PUT_FILE_INFO makes its files visible, each all or nothing by itself. Several groups are under
//  way at once, so that reading, storing and committing overlap.

#ifndef FST_BATCH_H_INCLUDED
#define FST_BATCH_H_INCLUDED

#include "fst_client.h"
#include "fst_local.h"

typedef struct fst_batch fst_batch_t;

//  One file. What next sets is borrowed until done is called for it.
typedef struct {
    size_t tag;                         //  The caller's
    const char *path;                   //  In the store
    const char *local;                  //  Its name here; NULL: the content is in data
    const void *data;
    fst_stamp_t stamp;                  //  size, and how a local file looked
    int64_t modified_ms;
} fst_batch_item_t;

typedef struct {
    int replicas;                       //  0 = as the cluster is set
    bool no_replace;
    const int64_t *if_version;          //  That must be the current one; NULL = any
    const char *path;                   //  To be refused early, for a batch of one; or NULL
    //  Give the next file. False if there are no more.
    bool (*next) (void *arg, fst_batch_item_t *item);
    //  The result for a file; reply (NULL unless FST_OK) and problem (NULL if FST_OK) are borrowed.
    void (*done) (void *arg, const fst_batch_item_t *item, fst_rc_t rc, json_t *reply, const char *problem);
    void *arg;
} fst_batch_args_t;

fst_batch_t *
fst_batch_new (filestore_t *client, const fst_batch_args_t *args);

//  Stops what is under way; files without a result get none.
void
fst_batch_destroy (fst_batch_t **self_p);

//  Do what can be done now. True when every file has its result.
bool
fst_batch_pump (fst_batch_t *self);

#endif
