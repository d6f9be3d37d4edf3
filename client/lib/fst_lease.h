//  An open upload as metadata granted it: its id and key, the shape of its blobs, and how to reach the nodes that
//  may be written to. Shared by the uploads of large files and of batches.

#ifndef FST_LEASE_H_INCLUDED
#define FST_LEASE_H_INCLUDED

#include "fst_client.h"
#include "fst_plan.h"

typedef struct {
    fst_data_node_t *data;              //  Its connection
    char capability [FST_PROOF_TEXT_MAX];
    bool failed;                        //  Not used any more by this upload
    bool carried;                       //  It failed shortly before this upload began
    bool unreached;                     //  It failed because nothing was heard of it: it may come back
    int64_t pause_until_ms;             //  It was busy: nothing is sent before this
    int64_t pause_ms;
    int64_t busy_since_ms;              //  0 = it is not
} fst_lease_node_t;

typedef struct {
    char upload [FST_UPLOAD_BYTES * 2 + 1];     //  "" before the first reply
    uint8_t id [FST_UPLOAD_BYTES];
    uint8_t key [FST_KEY_BYTES];
    uint8_t chunk_log2;
    uint32_t extent_chunks;
    fst_lease_node_t *nodes;
    int nodes_count;
    int64_t short_since_ms, short_ms;   //  There were too few nodes from then until then; 0 = never
} fst_lease_t;

//  Begin with nothing but the nodes that failed for this client a short time ago: they are to be avoided.
void
fst_lease_begin (fst_lease_t *self, filestore_t *client, int64_t now_ms);

//  A node failed: it is not used any more.
void
fst_lease_lose (fst_lease_t *self, int node, fst_rc_t rc);

//  There are too few nodes without those that failed. If nothing was heard of them, they may be back, or were slow
//  and are better than none: use them again; metadata is to be asked again at *again_ms. False if there are no such
//  nodes, or it went on like this for some time.
bool
fst_lease_forgive (fst_lease_t *self, int64_t now_ms, int64_t *again_ms);

void
fst_lease_clear (fst_lease_t *self);

//  Tell metadata that this upload is not used again, after files indexes of it. Nobody waits for the answer: an
//  upload that was not ended ends with its lease.
void
fst_lease_end (const fst_lease_t *self, filestore_t *client, uint32_t files);

//  Payload for GET_WRITE_NODES: count extents from the given one on; keep: nodes that hold extent from (may be
//  NULL). Nodes that failed are named to be avoided. path NULL, size -1, replicas 0: not said.
json_t *
fst_lease_request (const fst_lease_t *self, const char *path, int64_t size, int replicas, uint32_t from,
                   uint32_t count, const int *keep, int keep_count);

//  Take a reply of GET_WRITE_NODES: all that is known from the first one, nodes and capabilities from each.
//      FST_MALFORMED   it does not fit the upload, or names nodes that it does not explain
fst_rc_t FST_CHECKED
fst_lease_learn (fst_lease_t *self, filestore_t *client, json_t *reply);

//  The nodes of one row of the reply's extents, by number in self. Returns how many.
int
fst_lease_row (const fst_lease_t *self, json_t *reply, size_t row, int nodes [FST_COPIES_MAX]);

//  Number of the node with this connection; -1 for none.
int
fst_lease_find (const fst_lease_t *self, const fst_data_node_t *node);

const char *
fst_lease_name (const fst_lease_t *self, int node);

//  What to do about an answer that is no success.
typedef enum {
    FST_LEASE_AGAIN,            //  Send it again when fst_lease_ready says so
    FST_LEASE_RENEW,            //  The capability ended: ask GET_WRITE_NODES, then send it again
    FST_LEASE_REPLACE           //  The node failed
} fst_lease_advice_t;
fst_lease_advice_t
fst_lease_advise (fst_lease_t *self, int node, fst_rc_t rc, int64_t now_ms);

//  It answered well: not busy any more.
void
fst_lease_well (fst_lease_t *self, int node);

//  True if something may be sent to node now.
bool
fst_lease_ready (const fst_lease_t *self, int node, int64_t bytes, int64_t now_ms);

#endif
