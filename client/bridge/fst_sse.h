//  GET /api/v1/events: what happens, as server-sent events (WHATWG HTML 9.2), for pages that show it at once.
//
//  Durable events (file.*, node.*) are asked from metadata with the token of whoever listens, so that metadata says what
//  they may know: whenever the bus tells of a new one, and after Last-Event-ID. Their id is their sequence, so a
//  listener that comes back misses nothing. Heartbeats and the cluster's status may be lost: a listener that
//  does not keep up gets fewer of them, and one that reads nothing is cut off (fst_http).

#ifndef FST_SSE_H_INCLUDED
#define FST_SSE_H_INCLUDED

#include "fst_http.h"
#include "fst_session.h"

typedef struct fst_sse fst_sse_t;

fst_sse_t *
fst_sse_new (fst_actor_t *actor, fst_http_t *http, fst_session_t *session);

//  Before http is destroyed: the listeners are told to go.
void
fst_sse_destroy (fst_sse_t **self_p);

//  Something came over the bus.
void
fst_sse_event (fst_sse_t *self, const char *topic, json_t *body);

//  Returns when it wants to be called next.
int64_t
fst_sse_tick (fst_sse_t *self, int64_t now_ms);

//  Listeners now.
unsigned
fst_sse_count (const fst_sse_t *self);

#endif
