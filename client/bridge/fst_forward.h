//  A request that is one command of a service: the command with the token of whoever asks, and its answer as the
//  answer.

#ifndef FST_FORWARD_H_INCLUDED
#define FST_FORWARD_H_INCLUDED

#include "fst_http.h"

//  payload is taken (NULL means {}). The request is answered when the service has answered: its payload with 200, or its
//  error with the status of the one list.
void
fst_forward (fst_actor_t *actor, fst_http_request_t *request, const char *service, const char *command, json_t *payload);

//  Answer with the error of a call that failed; inside its done only.
void
fst_forward_fail (fst_actor_t *actor, fst_http_request_t *request, fst_rc_t rc);

#endif
