//  The inside of an upload: what its files share. Not for others. fst_plan knows what is to be done; fst_upload_nodes.c
//  has the nodes to do it with, fst_upload_records.c what is sent to them, fst_upload.c seals and tells metadata.

#ifndef FST_UPLOAD_SELF_H_INCLUDED
#define FST_UPLOAD_SELF_H_INCLUDED

#include "fst_upload.h"
#include <sys/queue.h>
#include <xxhash.h>
#include "fst_lease.h"
#include "fst_record.h"

//  A record in hand: being made in a worker, fetched from a copy, or ready to be sent.
typedef struct fst_upload_record {
    TAILQ_ENTRY (fst_upload_record) link;
    enum { FST_UPLOAD_MAKING, FST_UPLOAD_FETCHING, FST_UPLOAD_READY } state;
    bool sent;                      //  To any copy
    bool again;                     //  Made or fetched a second time
    fst_record_t record;
    zmq_msg_t message;              //  The whole record, when READY

    fst_buffer_t *buffer;           //  While MAKING
    fst_upload_t *upload;
    int fd;                         //  -1: the plain text is in the buffer already
    fst_rc_t rc;
    uint8_t digest [16];
} fst_upload_record_t;

struct fst_upload {
    filestore_t *client;
    fst_upload_args_t args;
    enum { FST_UPLOAD_OPENING, FST_UPLOAD_RUNNING, FST_UPLOAD_COMMITTING, FST_UPLOAD_OVER } state;
    fst_rc_t rc;
    char *problem;
    json_t *reply;

    fst_lease_t lease;
    fst_plan_t *plan;               //  NULL until the lease is there
    fst_blob_id_t blob;
    uint8_t key [FST_KEY_BYTES];
    TAILQ_HEAD (, fst_upload_record) records;
    size_t jobs;                    //  Records that workers have
    size_t unsent;                  //  Records sent nowhere yet
    size_t fetches;

    bool asking;                    //  A GET_WRITE_NODES is under way
    int renew;                      //  Node whose capability ended, -1 for none
    int64_t ask_after_ms, ask_since_ms;
    int64_t renew_at_ms;            //  Half of the lease is over then
    int offers;
    char node_problem [160];        //  What the last node that failed said
    fst_rc_t node_rc;
    char node_failed [FST_NODE_BYTES_MAX + 1];

    fst_buffer_t *ahead;            //  Of a stream: read, and not known yet whether it is the last
    uint32_t ahead_bytes;
    fst_buffer_t *next;             //  What the stream gave so far of the chunk after that
    size_t next_bytes;
    bool drained;                   //  The stream ended
    bool starved;                   //  There was no buffer to read on
    bool idle;                      //  It had nothing at the moment

    int64_t read_bytes;             //  Size of the file, when it has ended
    int64_t done_bytes;
    XXH3_state_t *digest;           //  Over the chunks' digests, in order
    json_t *extents;                //  With receipts, not yet told to metadata
    bool telling;                   //  A page of them is under way
};

//  Octets of plain text in a full chunk.
static inline size_t
fst_upload_chunk_bytes (const fst_upload_t *self)
{
    return (size_t) 1 << self->lease.chunk_log2;
}

//  ---- Failing

//  It is over, for this reason unless there was one before; or for what a service said; or because the file was changed.
void
fst_upload_fail (fst_upload_t *self, fst_rc_t rc, const char *format, ...) __attribute__ ((format (printf, 3, 4)));
void
fst_upload_fail_said (fst_upload_t *self, fst_rc_t rc, const char *said);
void
fst_upload_fail_changed (fst_upload_t *self);

//  ---- Nodes

//  An answer of a node that is no success: it is asked again, gets a new capability, or is replaced.
void
fst_upload_node_refuses (fst_upload_t *self, int node, fst_data_reply_t *reply, int64_t now_ms);

//  Ask metadata for nodes if some are wanted. The first answer makes the plan.
void
fst_upload_ask_if_due (fst_upload_t *self, int64_t now_ms);

//  ---- Records

//  Read and encrypt as much as may be ahead: of the file, or of the stream if it is ready to be read on.
void
fst_upload_make_all (fst_upload_t *self);
bool
fst_upload_stream_ready (const fst_upload_t *self);

//  Have again what new copies lack and is not in hand any more.
void
fst_upload_fetch_all (fst_upload_t *self, int64_t now_ms);

//  Send what is in hand wherever it is lacking and there is room; what all copies have is dropped.
void
fst_upload_send_all (fst_upload_t *self, int64_t now_ms);

//  The end: workers must have none of them.
void
fst_upload_drop_records (fst_upload_t *self);

#endif
