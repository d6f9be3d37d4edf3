//  Connections to the data ports of storage nodes: one DEALER for each node, opened with its ticket when the
//  first request goes there. Requests overlap; each has an id and gets exactly one answer: the node's, or a
//  failure. Nothing here blocks. A node fails when
//
//  - its connection breaks, or is refused: at once;
//  - it is late: for FST_DATA_LATE_MS it got nothing done, while another node answered a request of the same kind that
//    was asked since then (or before, and has nothing to do now), in a third of the time or less. So where one disk or
//    one network serves all nodes and is busy, nobody is late. A node that failed so has twice the time the next
//    time, for a slow node is better than none, and one that is spared (fst_data_spare) does not fail so;
//  - it is silent for FST_DATA_SILENCE_MS. Who has long work to do answers questions meanwhile: it is asked for a
//    sign of life;
//  - one answer takes longer than FST_DATA_ANSWER_MS.
//
//  A node that fails loses its connection and all its requests at once; it may be used again, on a fresh
//  connection, but is fst_data_down for a while so that others are tried first.

#ifndef FST_DATA_H_INCLUDED
#define FST_DATA_H_INCLUDED

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>
#include "fst_error.h"

#define FST_DATA_LATE_MS      750       //  So long without anything done, while others did it: see above
#define FST_DATA_SILENCE_MS  5000       //  Nothing heard, and something asked: the node failed
#define FST_DATA_ANSWER_MS  60000       //  The longest that one request may take
#define FST_DATA_DOWN_MS    30000       //  How long a node that failed is tried last

typedef struct fst_data fst_data_t;
typedef struct fst_data_node fst_data_node_t;

//  What is asked. Times of one kind can be compared.
typedef enum {
    FST_DATA_RETRIEVE,
    FST_DATA_STORE,             //  Of chunks
    FST_DATA_STORE_SMALL,       //  Of small blobs: the answer comes after a sync
    FST_DATA_SEAL,              //  Same
    FST_DATA_KINDS
} fst_data_kind_t;

//  What came back; borrowed for the time of the callback, but frames may be moved away.
typedef struct {
    fst_rc_t rc;
    const char *message;        //  NULL if rc is FST_OK
    json_t *payload;            //  NULL unless rc is FST_OK; checked against the schema
    zmq_msg_t *frames;
    size_t frames_count;
} fst_data_reply_t;

//  Whose request it is and what it was about; the meaning is the owner's.
typedef struct fst_data_tag fst_data_tag_t;
typedef void (fst_data_done_fn) (const fst_data_tag_t *tag, fst_data_node_t *node, fst_data_reply_t *reply);
struct fst_data_tag {
    void *owner;
    fst_data_done_fn *done;
    void *item;
    uint32_t extent, slot;
    int64_t asked_ms;           //  Set by fst_data_send
};

fst_data_t *
fst_data_new (void);

void
fst_data_destroy (fst_data_t **self_p);

//  Learn of a node, or newer facts about it. A changed endpoint or, where there is no connection, a changed
//  ticket counts from the next connection on. Nodes live as long as self.
fst_data_node_t *
fst_data_learn (fst_data_t *self, const char *name, const char *endpoint, const char *user, const char *ticket);

const char *
fst_data_name (const fst_data_node_t *node);

//  All nodes in turn: the one after node, the first one for NULL; NULL at the end.
fst_data_node_t *
fst_data_next (fst_data_t *self, fst_data_node_t *node);

//  Octets that node allows to be under way at once.
void
fst_data_set_window (fst_data_node_t *node, int64_t window);

//  True if so many octets more may be under way. One request is always allowed.
bool
fst_data_room (const fst_data_node_t *node, int64_t bytes);

//  Octets under way, in either direction.
int64_t
fst_data_load (const fst_data_node_t *node);

//  True for a node that failed a short time ago.
bool
fst_data_down (const fst_data_node_t *node, int64_t now_ms);

//  This node has what is nowhere else: for the next half second it does not fail for being late.
void
fst_data_spare (fst_data_node_t *node, int64_t now_ms);

//  How long an answer of that kind is to be expected to take: as long as the last ones did, or as one is waited for
//  already if that is longer; 0 if nothing is known of the last seconds.
int64_t
fst_data_expect_ms (const fst_data_node_t *node, fst_data_kind_t kind, int64_t now_ms);

//  Send a command. payload is taken; frames are taken (moved away; frames may be NULL).
//  bytes counts against the window until the answer. tag is copied; tag.done is called later, never from here.
void
fst_data_send (fst_data_t *self, fst_data_node_t *node, fst_data_kind_t kind, json_t *payload,
               zmq_msg_t *frames, size_t frames_count, int64_t bytes, const fst_data_tag_t *tag, int64_t now_ms);

//  Drop the requests of owner: no more callbacks.
void
fst_data_forget (fst_data_t *self, const void *owner);

//  For the loop: items to poll (the count; at most max are filled in), handle what came, then look at the clock.
size_t
fst_data_poll_items (fst_data_t *self, zmq_pollitem_t *items, size_t max);
void
fst_data_receive (fst_data_t *self, int64_t now_ms);
//  now_ms after a time in which nobody looked does not count as silence: pass the time of the last look.
void
fst_data_tick (fst_data_t *self, int64_t looked_ms, int64_t now_ms);

//  True if any request waits for an answer.
bool
fst_data_waiting (const fst_data_t *self);

#endif
