//  An upload that groups of small files share, and the nodes that all of its files go to. When one of these fails,
//  metadata is asked for another.

#ifndef FST_BATCH_LEASE_H_INCLUDED
#define FST_BATCH_LEASE_H_INCLUDED

#include <sys/queue.h>
#include "fst_batch.h"
#include "fst_lease.h"

typedef struct fst_batch_lease fst_batch_lease_t;

//  There are no nodes for its files: rc and problem (may be NULL) say why.
typedef void (fst_batch_lease_fail_fn) (void *arg, fst_batch_lease_t *lease, fst_rc_t rc, const char *problem);

struct fst_batch_lease {
    TAILQ_ENTRY (fst_batch_lease) link;     //  The batch's,
    uint32_t next_index;                    //  and so are the index of its next file,
    int groups_begun, groups_open;          //  and what it is used for

    filestore_t *client;
    const fst_batch_args_t *args;
    fst_batch_lease_fail_fn *fail;
    void *arg;
    fst_lease_t lease;
    int nodes [FST_COPIES_MAX];
    int copies;
    bool open;                      //  The first answer was good
    bool asking;
    bool broken;                    //  A node failed, or capabilities ended: ask
    int64_t ask_after_ms, ask_since_ms;
    int offers;
    char said [256];                //  Why the last node failed
    fst_rc_t said_rc;
};

//  args are borrowed.
fst_batch_lease_t *
fst_batch_lease_new (filestore_t *client, const fst_batch_args_t *args, fst_batch_lease_fail_fn *fail, void *arg);

//  Ends the upload.
void
fst_batch_lease_destroy (fst_batch_lease_t **self_p);

//  Ask metadata for nodes if some are wanted.
void
fst_batch_lease_ask (fst_batch_lease_t *self, int64_t now_ms);

//  An answer of a node that is no success.
void
fst_batch_lease_refuses (fst_batch_lease_t *self, int node, fst_data_reply_t *reply);

#endif
