//  The delivery: tells the events of the actor's loop to a hook, in order, until it takes them.
//
//  An event is done when the other side has taken it, so each is told at least once, and twice only if we were killed in
//  between; it has the same webhook-id then. What is not taken is tried again, later and later, and holds up what is behind
//  it: the order stays. Sending blocks a thread of its own; all else is on the actor's.

#ifndef FST_DELIVER_H_INCLUDED
#define FST_DELIVER_H_INCLUDED

#include "fst_actor.h"
#include "fst_hook.h"

typedef struct fst_deliver fst_deliver_t;

typedef struct {
    int64_t sent;                       //  Taken since the start
    int64_t waiting;                    //  Sequence of the event that is being told; 0 = none
    int64_t failures;                   //  Of that, in a row
    int64_t next_ms;                    //  Wall time of its next try
    char problem [300];
} fst_deliver_state_t;

//  url, secret, ca: as in fst_hook.h. *problem_p: caller frees.
fst_rc_t FST_CHECKED
fst_deliver_new (fst_actor_t *actor, const char *url, const char *secret, const char *ca, fst_deliver_t **self_p,
                 char **problem_p);

//  Stops in the midst of whatever it does. What was not taken is told after the next start.
void
fst_deliver_destroy (fst_deliver_t **self_p);

//  Takes the event, or the gap.
void
fst_deliver_event (fst_deliver_t *self, fst_event_t **event_p);

//  Returns when it wants to be called next.
int64_t
fst_deliver_tick (fst_deliver_t *self, int64_t now_ms);

//  Borrowed.
const fst_deliver_state_t *
fst_deliver_state (const fst_deliver_t *self);

//  Go on without this event. FST_NOT_FOUND: it is not the one that waits.
fst_rc_t FST_CHECKED
fst_deliver_skip (fst_deliver_t *self, int64_t sequence);

//  Pure: seconds until the next try after so many failures; random is any number.
int64_t
fst_deliver_wait_s (int64_t failures, uint32_t random);

#endif
