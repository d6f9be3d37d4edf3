//  Keeps an actor up to date with the sessions that auth ended early: hears the event "revoked", and asks auth
//  for the whole list at the start and every minute, as events may be lost. Part of the actor loop; uses
//  fst_actor_call and fst_actor_revoke on its thread.

#ifndef FST_REVOKED_H_INCLUDED
#define FST_REVOKED_H_INCLUDED

#include "fst_actor.h"

#define FST_REVOKED_TOPIC "revoked"

typedef struct fst_revoked fst_revoked_t;

fst_revoked_t *
fst_revoked_new (fst_actor_t *actor);

//  Calls of actor must be done before.
void
fst_revoked_destroy (fst_revoked_t **self_p);

//  Body of an event, checked against its schema.
void
fst_revoked_event (fst_revoked_t *self, json_t *body);

//  Returns when to call again.
int64_t
fst_revoked_tick (fst_revoked_t *self, int64_t now_ms);

#endif
