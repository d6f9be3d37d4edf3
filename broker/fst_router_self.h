//  The router inside: what its files share.
//
//      fst_router.c            what it is, its time, what it tells of itself
//      fst_router_requests.c   callers, their requests, and the queues in which these wait
//      fst_router_workers.c    workers: who comes, replies, falls silent, leaves

#ifndef FST_ROUTER_SELF_H_INCLUDED
#define FST_ROUTER_SELF_H_INCLUDED

#include "fst_log.h"
#include "fst_mdp_head.h"
#include "fst_peek.h"
#include "fst_router.h"
#include "fst_tally.h"

//  A request of a caller, waiting for a worker or being worked on.
typedef struct {
    fst_mdp_head_t caller;          //  How to answer: identity, version, delimiter
    fst_router_side_t side;
    char *service;
    zmsg_t *body;                   //  NULL while a worker has it
    size_t bytes;
    int64_t deadline_ms;            //  Until a worker must have taken it
    int64_t came_us, given_us;      //  given_us 0: no worker had it
    char id [FST_PEEK_ID_BYTES];    //  Of our envelope; known once body is gone
    fst_tapped_t *tapped;           //  NULL: nobody looks
} fst_routed_t;

//  A service that has workers or requests: both queues.
typedef struct {
    char *name;
    zlist_t *waiting;               //  Requests, oldest first
    zlist_t *idle;                  //  Workers, least recently used first
    size_t workers;
    int64_t since_ms;               //  When the first of them came
} fst_queue_t;

typedef struct {
    fst_mdp_head_t peer;            //  identity is the key in workers
    char *user_id;
    fst_queue_t *queue;
    fst_routed_t *request;          //  What it works on; NULL if idle
    int64_t silent_ms;              //  When it counts as gone
} fst_worker_t;

struct fst_router {
    zhashx_t *queues;               //  Name of the service -> fst_queue_t
    zhashx_t *workers;              //  Identity -> fst_worker_t
    zlist_t *sends;
    int64_t heartbeat_ms;           //  When the next ones go out
    int64_t wake_ms;
    int64_t (*mono_us) (void);
    fst_router_counts_t counts;     //  services and workers are not kept here
    fst_log_sparing_t sparing;      //  What workers do often
    fst_tally_t *tally;
    fst_tap_t *tap;                 //  May be NULL
};

//  ---- fst_router.c

//  Send a message that has its head, or give it one. message is taken.
void
fst_router_append (fst_router_t *self, fst_router_side_t side, zmsg_t *message);
void
fst_router_send (fst_router_t *self, fst_router_side_t side, const fst_mdp_head_t *head, int command, zmsg_t *message);

//  A printable name that fits, as a string (caller frees); NULL otherwise.
char *
fst_router_service_name (zframe_t *frame);

//  ---- fst_router_requests.c

//  Takes what it can use of head and message.
void
fst_router_from_caller (fst_router_t *self, fst_router_side_t side, fst_mdp_head_t *head, zmsg_t **message_p, int64_t now_ms);

//  A worker's reply, of which there will be more or not: the last one ends the request. body is taken.
void
fst_router_part (fst_router_t *self, fst_routed_t *request, zmsg_t *body);
void
fst_router_reply (fst_router_t *self, fst_routed_t **request_p, zmsg_t *body);

//  The worker that had the request is gone: that is told to the caller, and the request ends.
void
fst_router_lose (fst_router_t *self, fst_routed_t **request_p);

//  The worker did not get the request: it is the first to go to another one. body is what it got; taken.
void
fst_router_give_again (fst_router_t *self, fst_routed_t **request_p, zmsg_t *body);

//  Is this what a worker was told to answer to?
bool
fst_router_address_is (zframe_t *address, const fst_routed_t *request);

void
fst_router_request_destroy (fst_routed_t **request_p);

fst_queue_t *
fst_router_queue_require (fst_router_t *self, const char *name);

//  Give requests to idle workers.
void
fst_router_dispatch (fst_router_t *self, fst_queue_t *queue);

//  Give up on what waited too long.
void
fst_router_expire (fst_router_t *self, fst_queue_t *queue, int64_t now_ms);

//  Forget a queue without workers and requests, so that made-up names leave nothing behind.
void
fst_router_settle (fst_router_t *self, fst_queue_t *queue);

void
fst_router_queue_destroy (fst_queue_t *queue);

//  ---- fst_router_workers.c

void
fst_router_from_worker (fst_router_t *self, fst_mdp_head_t *head, const char *user_id, zmsg_t **message_p, int64_t now_ms);

//  Whoever has this identity, if it is a worker, sent what is no Majordomo, or could not be sent to.
void
fst_router_end_worker (fst_router_t *self, zframe_t *identity, const char *why);

//  Heartbeats, and the end of those who sent none.
void
fst_router_beat (fst_router_t *self, int64_t now_ms);

void
fst_router_worker_destroy (fst_worker_t *worker);

#endif
