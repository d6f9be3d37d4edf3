//  The inside of fst_data: what its files share. Not for others.

#ifndef FST_DATA_SELF_H_INCLUDED
#define FST_DATA_SELF_H_INCLUDED

#include "fst_data.h"
#include <assert.h>
#include <czmq.h>
#include <sys/queue.h>
#include "fst_proof.h"
#include "fst_text.h"

typedef struct fst_data_request {
    TAILQ_ENTRY (fst_data_request) link;
    uint64_t id;
    fst_data_kind_t kind;
    zmq_msg_t head;             //  The envelope, while it waits to be sent
    zmq_msg_t *frames;
    size_t frames_count;
    int64_t bytes;
    fst_data_tag_t tag;
    bool forgotten;             //  Nobody waits for its answer any more
} fst_data_request_t;
typedef TAILQ_HEAD (fst_data_requests, fst_data_request) fst_data_requests_t;

struct fst_data_node {
    TAILQ_ENTRY (fst_data_node) link;
    char name [FST_NODE_BYTES_MAX + 1];
    char user [FST_USER_BYTES_MAX * 2 + 1];
    char *endpoint;
    char ticket [FST_PROOF_TEXT_MAX];
    zsock_t *socket;            //  NULL while there is no connection
    zsock_t *monitor;           //  Tells when it breaks
    int64_t window;
    int64_t load;
    int64_t heard_ms;           //  Anything
    int64_t answered_ms;        //  An answer to a request
    int64_t probed_ms;          //  It was asked for a sign of life
    int64_t late_ms;            //  After which it is late
    int64_t was_late_ms;        //  When it last was; 0 = never
    int64_t spared_until_ms;    //  Before this it does not fail for being late
    int64_t down_until_ms;
    struct {
        int64_t asked_ms;       //  The latest of the requests that it answered
        int64_t took_ms;        //  The last answer
        int64_t pace_ms;        //  What one takes, smoothed
        int64_t done_ms;        //  When the last one came; 0 = never
    } did [FST_DATA_KINDS];
    fst_data_requests_t queue;  //  Not sent yet: no connection yet, or its queue is full
    fst_data_requests_t sent;   //  In the order in which they were sent
};

struct fst_data {
    TAILQ_HEAD (, fst_data_node) nodes;
    char prefix [FST_ID_TEXT_BYTES + 1];    //  Makes the ids of this client its own
    uint64_t next_id, next_monitor;
};

static inline int64_t
fst_max_ms (int64_t a, int64_t b)
{
    return a > b? a: b;
}

static inline bool
fst_data_idle (const fst_data_node_t *node)
{
    return TAILQ_EMPTY (&node->sent) && TAILQ_EMPTY (&node->queue);
}

//  The oldest request that the node did not answer; it is not idle.
static inline const fst_data_request_t *
fst_data_oldest (const fst_data_node_t *node)
{
    return TAILQ_EMPTY (&node->sent)? TAILQ_FIRST (&node->queue): TAILQ_FIRST (&node->sent);
}

//  Remember how long the node took for the request.
void
fst_data_note (fst_data_node_t *node, const fst_data_request_t *request, int64_t now_ms);

//  Why the node, which is not idle, fails now; NULL if it does not. Borrowed for good.
const char *
fst_data_overdue (const fst_data_t *self, fst_data_node_t *node, int64_t now_ms);

#endif
