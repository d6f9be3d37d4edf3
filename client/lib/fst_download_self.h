//  The inside of a download: what its files share. Not for others. fst_download_places.c knows where the content is,
//  fst_download.c fetches it.

#ifndef FST_DOWNLOAD_SELF_H_INCLUDED
#define FST_DOWNLOAD_SELF_H_INCLUDED

#include "fst_download.h"
#include <sys/queue.h>
#include "fst_record.h"

#define FST_DOWNLOAD_COPIES_MAX 16

typedef struct {
    char name [FST_NODE_BYTES_MAX + 1];
    fst_data_node_t *data;          //  NULL: metadata does not say how to reach it
    char capability [FST_PROOF_TEXT_MAX];
    fst_rc_t rc;                    //  What it answered last, and in its words; FST_OK: nothing but content
    char said [120];
} fst_download_node_t;

typedef struct {
    uint16_t nodes [FST_DOWNLOAD_COPIES_MAX];  //  In the table of nodes
    int count;
} fst_download_extent_t;

//  A chunk on its way. Replies find it by its number: late ones find none, or one that has its content.
typedef struct fst_download_chunk {
    TAILQ_ENTRY (fst_download_chunk) link;  //  In the order of the file
    fst_download_t *download;
    enum { FST_DOWNLOAD_WAITING, FST_DOWNLOAD_OPENING, FST_DOWNLOAD_OPEN } state;
    uint32_t number;
    uint32_t tried;                 //  A bit for each of the extent's nodes that was asked
    int asked;                      //  Requests under way
    int64_t asked_ms;               //  The last one
    zmq_msg_t message;              //  The record; decrypted in place
    int from;                       //  Node that it came from
    fst_rc_t rc;                    //  Of opening and writing it
} fst_download_chunk_t;

struct fst_download {
    filestore_t *client;
    fst_download_args_t args;
    bool over;
    fst_rc_t rc;
    char *problem;

    fst_blob_id_t blob;
    char blob_text [FST_BLOB_BYTES * 2 + 1];
    uint8_t key [FST_KEY_BYTES];
    uint8_t chunk_log2;
    uint32_t extent_chunks;
    int64_t size, version;
    int64_t begin, end;             //  Octets wanted
    int64_t next_chunk, end_chunk;  //  Chunks not begun yet

    fst_download_node_t *nodes;
    int nodes_count;
    fst_download_extent_t *extents; //  Known ones, from extents_first on
    uint32_t extents_first;
    size_t extents_count;
    bool asking;                    //  A GET_FILE_INFO is under way
    bool refresh;                   //  What is known of a chunk under way is of no use
    bool expired;                   //  The capabilities ended: nothing is asked until there are others
    uintptr_t generation;           //  Of what is known; goes into requests
    int refreshes;
    int64_t refresh_after_ms;

    TAILQ_HEAD (, fst_download_chunk) chunks;
    size_t jobs;
    int64_t done_bytes;
};

//  Plain octets of a chunk.
uint32_t
fst_download_plain_bytes (const fst_download_t *self, int64_t chunk);

//  It is over, for this reason unless there was one before.
void
fst_download_fail (fst_download_t *self, fst_rc_t rc, const char *format, ...) __attribute__ ((format (printf, 3, 4)));

//  ---- Places

//  What is said of a file: the shape of its blob; a page of extents, which replaces what was known from its first one on;
//  and how to reach the nodes that were named. False if it makes no sense, or does not fit.
bool
fst_download_learn_shape (fst_download_t *self, json_t *file);
bool
fst_download_learn_extents (fst_download_t *self, json_t *extents);
void
fst_download_learn_nodes (fst_download_t *self, json_t *file, json_t *nodes);

//  The extent of a chunk; NULL if it is not known now.
const fst_download_extent_t *
fst_download_extent_of (const fst_download_t *self, int64_t chunk);

//  Number of the node of that name; -1 for none.
int
fst_download_find_node (const fst_download_t *self, const char *name);

//  Ask for the next page, somewhat before it is needed; or for what is known anew, when it is of no use.
void
fst_download_ask_if_due (fst_download_t *self, int64_t now_ms);

#endif
