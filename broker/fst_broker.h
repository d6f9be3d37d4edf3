//  The broker: Majordomo 0.2 command router with MMI, and the event proxy (XSUB/XPUB), on one thread.
//  It keeps no state that matters: kill it, start it again, and everyone reconnects.
//
//      clients   ROUTER for callers; Majordomo 0.2 and 0.1, DEALER or REQ (an optional leading empty frame is
//                accepted and mirrored). Workers are refused here.
//      actors    ROUTER for workers and for calls between actors. READY for a service needs the role for it
//                (User-Id "storage:node-1" may offer "storage.node-1"; on ipc:// there is no User-Id and the
//                folder's mode decides).
//      events    XSUB in, XPUB out; two frames, 256 KiB at most; publishing a topic needs the role for it.
//
//  It is an actor itself, too, with a thread of its own: service `broker` tells who is on the bus (LIST_SERVICES,
//  STATUS) and shows what passes (TAP). For that keys need a token; without one there is no such service.
//
//  Bounds: per service and in all, waiting requests (BUSY beyond), services, workers, message sizes. A request
//  whose worker is gone is answered UNAVAILABLE within two heartbeats; one that waits past its deadline, TIMEOUT.

#ifndef FST_BROKER_H_INCLUDED
#define FST_BROKER_H_INCLUDED

#include "fst_error.h"
#include "fst_gate.h"
#include "fst_keys.h"

typedef struct fst_broker fst_broker_t;

typedef struct {
    const char *clients;            //  Endpoints to bind
    const char *actors;
    const char *events_in;
    const char *events_out;
    const fst_keys_t *keys;         //  CURVE pair for tcp://, token; borrowed
    int64_t metrics_ms;             //  As in fst_actor.h
    fst_gate_t *gate;               //  Who is not enrolled there any more offers, publishes and hears nothing; borrowed; NULL: all that are in do
} fst_broker_options_t;

//  Bind and start. *problem_p: caller frees. FST_EXISTS (address in use), FST_IO.
fst_rc_t FST_CHECKED
fst_broker_new (const fst_broker_options_t *options, fst_broker_t **self_p, char **problem_p);

void
fst_broker_destroy (fst_broker_t **self_p);

//  The endpoints that were really bound (for "*" ports). Borrowed.
const char *
fst_broker_clients (const fst_broker_t *self);
const char *
fst_broker_actors (const fst_broker_t *self);
const char *
fst_broker_events_in (const fst_broker_t *self);
const char *
fst_broker_events_out (const fst_broker_t *self);

#endif
