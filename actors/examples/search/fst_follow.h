//  The follower: brings the index up to date with the events of the actor's loop, and keeps it so.
//
//  The work is plain blocking code on libfilestore, on a thread of its own. An event and the words of its file are one
//  transaction with the event's sequence, and the loop is told to ask since that, so whenever it is killed it goes on where it
//  was: nothing is missed, nothing done twice. If the journal does not reach back far enough, it looks at everything that is
//  there.

#ifndef FST_FOLLOW_H_INCLUDED
#define FST_FOLLOW_H_INCLUDED

#include "fst_actor.h"

typedef struct fst_follow fst_follow_t;

//  What it is doing, for STATUS.
typedef struct {
    int64_t sequence;               //  Up to which event all is in the index; -1: not yet complete
    int64_t files, bytes;           //  In the index; octets of its file
} fst_follow_state_t;

//  root: what is indexed; "/" for all that the actor may read. *problem_p: caller frees.
fst_rc_t FST_CHECKED
fst_follow_new (fst_actor_t *actor, const char *root, const char *filename, int64_t bytes_max, fst_follow_t **self_p,
                char **problem_p);

//  Stops in the midst of whatever it does.
void
fst_follow_destroy (fst_follow_t **self_p);

//  Where the events begin.
void
fst_follow_question (const fst_follow_t *self, json_t *question);

//  Takes the event, or the gap.
void
fst_follow_event (fst_follow_t *self, fst_event_t **event_p);

fst_follow_state_t
fst_follow_state (const fst_follow_t *self);

#endif
