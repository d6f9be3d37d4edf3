//  GET /api/v1/history: what is going on, over the last hours (fst_history.h).
//
//      up, down                octets a second through this bridge
//      in.NODE, out.NODE       octets a second that a storage node stored and gave, by its heartbeats
//      capacity, free          octets of all nodes that are heard of
//      bytes_at_one_copy       what metadata says
//
//  Each new point is also told to the pages, as an event `history`.

#ifndef FST_GAUGES_H_INCLUDED
#define FST_GAUGES_H_INCLUDED

#include "fst_config.h"
#include "fst_http.h"
#include "fst_sse.h"

typedef struct fst_gauges fst_gauges_t;

//  Uses the option history-interval. The others are borrowed.
fst_gauges_t *
fst_gauges_new (const fst_config_t *config, fst_actor_t *actor, fst_http_t *http, fst_sse_t *sse);

void
fst_gauges_destroy (fst_gauges_t **self_p);

//  Something came over the bus.
void
fst_gauges_event (fst_gauges_t *self, const char *topic, json_t *body);

//  Returns when it wants to be called next.
int64_t
fst_gauges_tick (fst_gauges_t *self, int64_t now_ms);

#endif
