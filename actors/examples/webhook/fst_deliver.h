//  The delivery: a thread that tells each event of the journal to a hook, in order, until it is taken.
//
//  Metadata keeps how far it came, as the cursor "webhook": moved after the other side took an event, so each is told at least
//  once, and twice only if we were killed in between; it has the same webhook-id then. What is not taken is tried again, later and
//  later, and holds up what is behind it: the order stays.

#ifndef FST_DELIVER_H_INCLUDED
#define FST_DELIVER_H_INCLUDED

#include <jansson.h>
#include <stdint.h>
#include "fst_config.h"
#include "fst_error.h"
#include "fst_hook.h"

typedef struct fst_deliver fst_deliver_t;

typedef struct {
    const fst_config_t *client;         //  Settings of libfilestore (broker, keys); copied
    const char *token;                  //  Whose eyes it has
    const char *url, *secret, *ca;      //  As in fst_hook.h
    const char *path;                   //  Only what is there or below; "" = everywhere
    const char *types;                  //  Topics, separated by spaces: "file", "file.committed node"
} fst_deliver_options_t;

typedef struct {
    int64_t sequence;                   //  Of the last event that was taken
    int64_t sent;                       //  Taken since the start
    int64_t waiting;                    //  Sequence of the event that is being told; 0 = none
    int64_t failures;                   //  Of that, in a row
    int64_t next_ms;                    //  Wall time of its next try
    char problem [300];
} fst_deliver_state_t;

//  *problem_p: caller frees.
fst_rc_t FST_CHECKED
fst_deliver_new (const fst_deliver_options_t *options, fst_deliver_t **self_p, char **problem_p);

//  Stops in the midst of whatever it does.
void
fst_deliver_destroy (fst_deliver_t **self_p);

//  The rest is for any thread.

//  Something happened: look now, not in some seconds.
void
fst_deliver_wake (fst_deliver_t *self);

void
fst_deliver_state (fst_deliver_t *self, fst_deliver_state_t *state);

//  Go on without this event. FST_NOT_FOUND: it is not the one that waits.
fst_rc_t FST_CHECKED
fst_deliver_skip (fst_deliver_t *self, int64_t sequence);

//  Pure: seconds until the next try after so many failures; random is any number.
int64_t
fst_deliver_wait_s (int64_t failures, uint32_t random);

#endif
