//  One command for one request.

#include "fst_forward.h"
#include <assert.h>
#include <stdlib.h>
#include "fst_log.h"
#include "fst_schema.h"

typedef struct {
    fst_actor_t *actor;
    fst_http_request_t *request;
    const fst_schema_command_t *schema;     //  NULL: somebody's own actor, whose commands we do not know
} s_call_t;

void
fst_forward_fail (fst_actor_t *actor, fst_http_request_t *request, fst_rc_t rc)
{
    const char *problem = rc == FST_INTERRUPTED? NULL: fst_actor_problem (actor);
    fst_http_fail (request, rc, problem && *problem? "%s": NULL, problem);
}

static void
s_done (void *arg, fst_rc_t rc, json_t *reply)
{
    s_call_t *call = arg;
    char where [256];
    if (rc != FST_OK)
        fst_forward_fail (call->actor, call->request, rc);
    else
    if (call->schema && fst_schema_check (call->schema->reply, reply, where, sizeof (where)) != FST_OK) {
        fst_log_error ("reply of %s %s breaks its schema: %s", call->schema->service, call->schema->command, where);
        fst_http_fail (call->request, FST_INTERNAL, NULL);
    }
    else
        fst_http_reply_json (call->request, 200, json_incref (reply));
    fst_http_release (&call->request);
    free (call);
}

void
fst_forward (fst_actor_t *actor, fst_http_request_t *request, const char *service, const char *command, json_t *payload)
{
    assert (actor && request);
    assert (service && command);
    s_call_t *call = malloc (sizeof (*call));
    assert (call);
    *call = (s_call_t) { actor, fst_http_hold (request), fst_schema_find (service, command) };
    fst_actor_call_as (actor, fst_http_token (request), service, command, payload, s_done, call);
}
