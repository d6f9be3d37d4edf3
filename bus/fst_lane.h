//  One Majordomo 0.2 worker connection of an actor: registers a service, takes one request at a time, keeps
//  the connection alive and makes it anew when the broker went silent, said DISCONNECT or was restarted.
//  An actor has several, so that several requests can be under way. Belongs to one thread.

#ifndef FST_LANE_H_INCLUDED
#define FST_LANE_H_INCLUDED

#include <czmq.h>
#include "fst_keys.h"

typedef struct fst_lane fst_lane_t;

//  All are borrowed. Nothing needs to be there to connect to yet.
fst_lane_t *
fst_lane_new (const char *endpoint, const fst_keys_t *keys, const char *service, int64_t now_ms);

//  Says DISCONNECT to the broker.
void
fst_lane_destroy (fst_lane_t **self_p);

//  What to poll for; socket may be NULL for a while. Both change with each call into self.
zsock_t *
fst_lane_socket (fst_lane_t *self);
short
fst_lane_events (const fst_lane_t *self);

//  Register if that can be done now, then give the next request's body (caller owns it), or NULL. Never
//  blocks. There will be no other request until it is answered.
zmsg_t *
fst_lane_receive (fst_lane_t *self, int64_t now_ms);

//  Answer the request; takes body. Dropped if the connection that it came over is gone: whoever asked asks again.
void
fst_lane_reply (fst_lane_t *self, zmsg_t **body_p);

//  Send a heartbeat and look whether the broker still lives; for all lanes in the same turn, once in
//  FST_MDP_HEARTBEAT_MS.
void
fst_lane_beat (fst_lane_t *self, int64_t now_ms);

//  How often it registered with a broker: a change says that it is another connection, perhaps another broker.
unsigned
fst_lane_registrations (const fst_lane_t *self);

//  When fst_lane_receive wants to be called even if there is nothing to read; INT64_MAX = no need.
int64_t
fst_lane_wake_ms (const fst_lane_t *self);

#endif
