//  Calls to the data port of a storage node, from inside an actor: what nodes use to copy extents from each other.
//  One connection; many calls may be under way. Everything happens on the actor's own thread.

#ifndef FST_PEER_H_INCLUDED
#define FST_PEER_H_INCLUDED

#include "fst_actor.h"

#define FST_PEER_CALLS_MAX 1024         //  Under way at once; more is the caller's mistake

typedef struct fst_peer fst_peer_t;

//  Connect to endpoint as user with a ticket (fst_proof.h). silence_ms: how long a call may wait while nothing at all
//  comes from the peer. Borrows the actor; copies the rest.
fst_peer_t *
fst_peer_new (fst_actor_t *actor, const char *endpoint, const char *user, const char *ticket, int64_t silence_ms);

//  Calls under way are done with FST_INTERRUPTED.
void
fst_peer_destroy (fst_peer_t **self_p);

//  Call; payload is taken. done gets the result: reply and frames are borrowed (it may take *frames_p), NULL unless
//  FST_OK. Never called from inside this function; may call fst_peer_call, but not destroy the peer.
//      FST_UNREACHABLE     nothing came for silence_ms, or there is no way to the endpoint; all calls under way get it
//      FST_MALFORMED       the peer said what is no reply; all calls under way get it
//      or what the node answered; the reply fits its schema
//  After a failure of all, the next call makes a new connection.
typedef void (fst_peer_done_fn) (void *arg, fst_rc_t rc, json_t *reply, zmsg_t **frames_p);
void
fst_peer_call (fst_peer_t *self, const char *command, json_t *payload, fst_peer_done_fn *done, void *arg);

//  Time has passed, or calls were made: handles what came, and what did not. Gives the monotonic time to be called
//  next at the latest; INT64_MAX if nothing is under way.
int64_t
fst_peer_elapse (fst_peer_t *self, int64_t now_ms);

#endif
