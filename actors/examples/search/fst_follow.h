//  The follower: a thread of its own that brings the index up to date with the journal, and keeps it so.
//
//  It is plain blocking code on libfilestore. An event and the words of its file are one transaction with the event's
//  sequence, so whenever it is killed it goes on where it was: nothing is missed, nothing done twice. If the journal does
//  not reach back far enough, it looks at everything that is there.

#ifndef FST_FOLLOW_H_INCLUDED
#define FST_FOLLOW_H_INCLUDED

#include <stdint.h>
#include "fst_config.h"
#include "fst_error.h"

typedef struct fst_follow fst_follow_t;

//  What it is doing, for STATUS.
typedef struct {
    int64_t sequence;               //  Up to which event all is in the index; -1: not yet complete
    int64_t files, bytes;           //  In the index; octets of its file
} fst_follow_state_t;

//  client: settings of libfilestore (broker, keys); copied. token: whose eyes it has. root: what is indexed; "/" for all it
//  may read. *problem_p: caller frees.
fst_rc_t FST_CHECKED
fst_follow_new (const fst_config_t *client, const char *token, const char *root, const char *filename, int64_t bytes_max,
                fst_follow_t **self_p, char **problem_p);

//  Stops in the midst of whatever it does.
void
fst_follow_destroy (fst_follow_t **self_p);

//  Something happened: look now, not in some seconds. Any thread.
void
fst_follow_wake (fst_follow_t *self);

//  Any thread.
void
fst_follow_state (fst_follow_t *self, fst_follow_state_t *state);

#endif
