//  The Majordomo broker as a pure state machine: frames and the time in, frames to send out.
//
//  Speaks Majordomo 0.2 (ZeroMQ RFC 18) and 0.1 (RFC 7) to clients and workers, mixed as they come, with or
//  without a leading empty frame (mirrored, so that a plain REQ works), and answers MMI (RFC 8).
//  Where it must give up on a request it answers for the service, with our error envelope and the id of the
//  request, if that is one of ours:
//      UNAVAILABLE  no worker offered the service within the deadline, or the one at work is gone
//      TIMEOUT      all workers were busy until the deadline
//      BUSY         too many requests wait
//      TOO_LARGE    more octets than any service takes
//  A request that a worker has taken has no deadline while that worker lives: only the caller knows how
//  long to wait.
//
//  An empty message (of a socket with PROBE_ROUTER, at each connection) is given back: so our own callers and
//  workers learn that they were connected anew, and that this broker may not know them.
//
//  No socket, and no clock but the one that it is given to measure with. The shell (fst_broker.c) sends what
//  fst_router_next gives, in order.

#ifndef FST_ROUTER_H_INCLUDED
#define FST_ROUTER_H_INCLUDED

#include <czmq.h>
#include "fst_error.h"
#include "fst_tally.h"
#include "fst_tap.h"

#define FST_ROUTER_WORKERS_MAX      1024
#define FST_ROUTER_ROLE_WORKERS_MAX 256                 //  Of one who was enrolled, so that others find room
#define FST_ROUTER_QUEUE_MAX        1024                //  Waiting requests of one service
#define FST_ROUTER_WAITING_MAX      4096                //  In all; half of it for services without a worker
#define FST_ROUTER_WAITING_BYTES    (64 * 1024 * 1024)  //  In all
#define FST_ROUTER_REQUEST_BYTES    (8 * 1024 * 1024)   //  One request
#define FST_ROUTER_DEADLINE_MS      5000                //  Until a worker must have taken a request

typedef struct fst_router fst_router_t;

//  The ROUTER socket that a message came from or goes to. Workers are on ACTORS only; callers are on both.
typedef enum { FST_ROUTER_CLIENTS, FST_ROUTER_ACTORS } fst_router_side_t;

//  mono_us only says how long things take.
fst_router_t *
fst_router_new (int64_t now_ms, int64_t (*mono_us) (void));

void
fst_router_destroy (fst_router_t **self_p);

//  Let it see what passes (fst_tap.h). Borrowed.
void
fst_router_set_tap (fst_router_t *self, fst_tap_t *tap);

//  A message as its ROUTER gave it: the peer's identity, then what it sent. Taken. user_id is the gate's.
void
fst_router_receive (fst_router_t *self, fst_router_side_t side, const char *user_id, zmsg_t **message_p,
                    int64_t now_ms);

//  Next message to send (caller owns it) and where; NULL if there is none.
zmsg_t *
fst_router_next (fst_router_t *self, fst_router_side_t *side_p);

//  A message of fst_router_next could not be sent; unchanged; taken. Its peer counts as gone: a request goes
//  to the next worker.
void
fst_router_undelivered (fst_router_t *self, fst_router_side_t side, zmsg_t **message_p);

//  Heartbeats, dead workers, deadlines. Returns when to call again; calling earlier does no harm.
int64_t
fst_router_tick (fst_router_t *self, int64_t now_ms);

//  Orderly end: DISCONNECT to all workers.
void
fst_router_disconnect (fst_router_t *self);

//  A service that is offered, or waited for.
typedef struct {
    const char *name;
    size_t workers, idle;           //  idle: of these, without a request
    size_t waiting;                 //  Requests that no worker has taken
    int64_t since_ms;               //  Offered without a gap since then; meaningless without workers
} fst_router_service_t;

//  Call each for every one, in no order.
void
fst_router_list (const fst_router_t *self, void (*each) (void *arg, const fst_router_service_t *service), void *arg);

//  The same with what came of requests (fst_tally.h), for those that have or had workers.
void
fst_router_counted (const fst_router_t *self,
                    void (*each) (void *arg, const fst_router_service_t *service, const fst_tally_row_t *row), void *arg);

typedef struct {
    uint64_t requests;              //  Taken from callers since the start, MMI left out
    uint64_t replies;               //  Given by services
    uint64_t refused;               //  Answered by the router itself
    size_t services;                //  Offered or waited for now
    size_t workers;
    size_t waiting;                 //  Requests that no worker has taken
    size_t waiting_bytes;
} fst_router_counts_t;

fst_router_counts_t
fst_router_counts (const fst_router_t *self);

#endif
