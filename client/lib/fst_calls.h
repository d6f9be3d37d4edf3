//  The calls of a client to services over the broker: many at once, each with a callback for its answer. A service
//  that is too busy is asked again for ten seconds; a reply that breaks the contract is a failure. For one thread.

#ifndef FST_CALLS_H_INCLUDED
#define FST_CALLS_H_INCLUDED

#include <czmq.h>
#include <jansson.h>
#include "fst_error.h"
#include "fst_keys.h"

typedef struct fst_calls fst_calls_t;

//  Result of a call: reply is borrowed, NULL unless FST_OK; problem is NULL if FST_OK.
typedef void (fst_calls_done_fn) (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem);

//  keys (may be NULL) are borrowed. Times: options connect-timeout and reply-timeout.
fst_calls_t *
fst_calls_new (const char *broker, const fst_keys_t *keys, int64_t connect_ms, int64_t reply_ms);

//  Calls under way are dropped without a callback.
void
fst_calls_destroy (fst_calls_t **self_p);

//  Session token for what is sent from now on; NULL for none.
void
fst_calls_set_token (fst_calls_t *self, const char *token);

//  Call a service; payload is taken (NULL: an empty one). done never runs before fst_calls_receive.
void
fst_calls_send (fst_calls_t *self, const char *service, const char *command, json_t *payload,
                fst_calls_done_fn *done, void *owner, void *item);

//  Inside done: the binary frames behind the reply, NULL if there are none. Borrowed until done returns.
zmsg_t *
fst_calls_frames (fst_calls_t *self);

//  No more callbacks for owner.
void
fst_calls_forget (fst_calls_t *self, const void *owner);

//  Take what has come, and run the callbacks.
void
fst_calls_receive (fst_calls_t *self);

//  Send again what is due; milliseconds until something is due next, -1 for never.
int64_t
fst_calls_wait_ms (fst_calls_t *self);

//  To be polled for input; NULL while nothing is expected. Ask fst_calls_wait_ms first: it may make a new one.
zsock_t *
fst_calls_socket (const fst_calls_t *self);

#endif
