//  Calling services over the broker: the client side of Majordomo 0.2, with deadlines and recovery.
//
//  A call has an id; when the broker goes silent the socket is made anew and the same call sent again with
//  the same id; the same is done for some seconds when a service went away. Services answer a repeated id of a changing command with the recorded reply, so a call is
//  done at most once. While waiting, the broker is asked for "mmi.service" once a second: so a dead broker is
//  told apart from a slow service.
//
//  Belongs to one thread. Calls may overlap: send several, then receive the replies in any order.

#ifndef FST_CALLER_H_INCLUDED
#define FST_CALLER_H_INCLUDED

#include <czmq.h>
#include <jansson.h>
#include "fst_envelope.h"
#include "fst_error.h"
#include "fst_keys.h"

typedef struct fst_caller fst_caller_t;

//  endpoint of the broker; keys for tcp:// (may be NULL for ipc://), borrowed. connect_ms: how long a
//  broker that cannot be reached is tried (5000); reply_ms: how long a slow service is waited for (60000).
fst_caller_t *
fst_caller_new (const char *endpoint, const fst_keys_t *keys, int64_t connect_ms, int64_t reply_ms);

void
fst_caller_destroy (fst_caller_t **self_p);

//  Token for the next calls; copied; NULL for none.
void
fst_caller_set_token (fst_caller_t *self, const char *token);

//  Call and wait. payload is taken (NULL means {}). On FST_OK *reply_p is the payload of the reply (caller
//  json_decrefs). Otherwise the result is the service's error or FST_UNREACHABLE, FST_UNAVAILABLE, FST_TIMEOUT,
//  FST_INTERRUPTED, and fst_caller_problem is the sentence for people. reply_p may be NULL.
fst_rc_t FST_CHECKED
fst_caller_call (fst_caller_t *self, const char *service, const char *command, json_t *payload, json_t **reply_p);

//  Send without waiting; payload is taken. *ticket_p identifies the reply.
fst_rc_t FST_CHECKED
fst_caller_send (fst_caller_t *self, const char *service, const char *command, json_t *payload, uint64_t *ticket_p);

//  The same with a token of its own instead (NULL for none), on behalf of whoever that is.
fst_rc_t FST_CHECKED
fst_caller_send_as (fst_caller_t *self, const char *token, const char *service, const char *command, json_t *payload,
                    uint64_t *ticket_p);

//  Sockets to poll for: the one now in use (it may change at each call into self).
zsock_t *
fst_caller_socket (fst_caller_t *self);

//  Milliseconds until self wants fst_caller_receive called even if nothing arrives; -1 = no call is under way.
int64_t
fst_caller_wait_ms (fst_caller_t *self);

//  Take what has arrived, resend what must be, give the next finished call if there is one: true, with *rc_p,
//  and *reply_p (owned by caller, NULL unless FST_OK). Never blocks.
bool
fst_caller_receive (fst_caller_t *self, uint64_t *ticket_p, fst_rc_t *rc_p, json_t **reply_p);

//  Binary frames behind the reply that was given last; NULL if there were none. Borrowed until the next call.
zmsg_t *
fst_caller_frames (fst_caller_t *self);

//  The sentence that belongs to the last failure. Borrowed until the next call.
const char *
fst_caller_problem (const fst_caller_t *self);

#endif
