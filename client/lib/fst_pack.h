//  A pack: small files that are stored with one message on each copy. They are read and encrypted in a worker, sent to the
//  nodes of their lease, and when all copies have them on stable storage the pack has their receipts.

#ifndef FST_PACK_H_INCLUDED
#define FST_PACK_H_INCLUDED

#include "fst_batch_lease.h"

#define FST_PACK_FILES  64

//  A file on its way.
typedef struct {
    fst_batch_item_t item;
    uint32_t index;                 //  In its upload
    fst_rc_t rc;                    //  Of reading it
    char *problem;                  //  The owner of the files frees it
    uint8_t digest [16];            //  Of the whole content, as PUT_FILE_INFO wants it
    char sealed [17];               //  Digest of its extent: what every node must say it has
    size_t offset, bytes;           //  Its record in the pack's buffer; empty files have none
} fst_pack_file_t;

typedef struct fst_pack {
    TAILQ_ENTRY (fst_pack) link;    //  The owner's
    fst_pack_file_t *files;         //  Borrowed
    size_t count;

    filestore_t *client;
    fst_batch_lease_t *lease;
    enum { FST_PACK_MAKING, FST_PACK_READY } state;
    fst_buffer_t *buffer;
    zmq_msg_t records [FST_PACK_FILES]; //  When READY, of the files that could be read
    size_t records_count;
    int64_t records_bytes;
    struct {
        int node;                   //  -1: none yet, or it failed
        bool sent, stored;
        char (*receipts) [FST_PROOF_TEXT_MAX];
    } copy [FST_COPIES_MAX];
} fst_pack_t;

//  Give the first files to the workers, as many as fit (pack->count). NULL if there is no buffer for them now.
fst_pack_t *
fst_pack_new (filestore_t *client, fst_batch_lease_t *lease, fst_pack_file_t *files, size_t count);

//  Stops what is under way.
void
fst_pack_destroy (fst_pack_t **self_p);

//  Send it wherever it is lacking. True if every copy has every file that could be read.
bool
fst_pack_pump (fst_pack_t *self, int64_t now_ms);

//  True if neither workers nor nodes have something of it.
bool
fst_pack_idle (const fst_pack_t *self);

//  A file as PUT_FILE_INFO wants it, with its receipts. NULL if its path is no UTF-8.
json_t *
fst_pack_file_json (const fst_pack_t *self, size_t at);

#endif
