//  Requests: decoded, checked against rights and schema, handled, answered.

#include "fst_actor_self.h"
#include <assert.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_request.h"
#include "fst_socket.h"

#define PORT_REQUESTS   4096        //  Of the port, held by handlers at once; BUSY beyond

//  Whatever else the thread is working on.
static void
s_log_answer (const fst_request_t *request)
{
    char other [FST_TRACE_BYTES_MAX + 1];
    snprintf (other, sizeof (other), "%s", fst_trace_now ());
    fst_trace_begin (request->id);
    fst_log_debug ("answered command=%s code=%s took_us=%lld", request->schema? request->schema->command: "-",
                   request->rc == FST_OK? "ok": fst_error_code (request->rc),
                   (long long) (fst_clock_mono_us () - request->begun_us));
    fst_trace_begin (other);
}

static void
s_answer (void *arg, fst_request_t *request, zmsg_t **answer_p)
{
    fst_actor_t *self = arg;
    self->requests--;
    fst_actor_count (self, request);
    s_log_answer (request);
    if (request->lane) {
        fst_lane_reply (request->lane, answer_p);
        return;
    }
    self->port_requests--;
    zmsg_prepend (*answer_p, &request->peer);
    fst_rc_t rc = fst_socket_send (self->port, answer_p);
    if (rc != FST_OK)
        fst_log_debug ("reply dropped: peer %s", rc == FST_BUSY? "does not read": "left");
}

//  The row of the table, or -1.
static int
s_find_command (const fst_actor_t *self, const char *name)
{
    for (int row = 0; self->class.commands && self->class.commands [row].name; row++)
        if (strcmp (self->class.commands [row].name, name) == 0)
            return row;
    return -1;
}

//  Whether the token of a request allows what the command needs.
static fst_rc_t
s_check_need (fst_actor_t *self, fst_request_t *request, fst_need_t need)
{
    if (need == FST_NEED_NOTHING)
        return FST_OK;
    if (need == FST_NEED_CAPABILITY)
        return request->lane? FST_UNKNOWN_COMMAND: FST_OK;
    fst_rc_t rc = fst_trust_check (self->trust, request->envelope.token, fst_clock_wall_ms (), &request->claims);
    if (rc != FST_OK)
        return rc;
    fst_role_t role = request->claims.role;
    bool session = role != FST_ROLE_ACTOR && !request->claims.scoped;
    bool allowed = need == FST_NEED_ACTOR? role == FST_ROLE_ACTOR:
                   need == FST_NEED_ADMIN? role == FST_ROLE_ADMIN && session:
                   need == FST_NEED_SESSION? session:
                   need == FST_NEED_KNOWN || role != FST_ROLE_ACTOR;
    request->has_claims = allowed;
    return allowed? FST_OK: FST_DENIED;
}

//  Decode, check, handle. Takes the message.
static void
s_take_request (fst_actor_t *self, fst_request_t *request, zmsg_t **message_p)
{
    char where [256];
    self->requests++;
    if (request->peer)
        self->port_requests++;
    fst_rc_t rc = fst_request_decode (request, message_p, where, sizeof (where));
    if (rc != FST_OK) {
        fst_request_fail (&request, rc, "%s", where);
        return;
    }
    fst_trace_begin (request->id);
    int row = s_find_command (self, request->envelope.command);
    bool describe = row < 0 && strcmp (request->envelope.command, FST_ACTOR_DESCRIBE) == 0;
    if (row < 0 && !describe) {
        fst_request_fail (&request, FST_UNKNOWN_COMMAND, NULL);
        return;
    }
    request->row = row;
    request->schema = describe? fst_schema_find ("every", FST_ACTOR_DESCRIBE): self->schemas [row];
    rc = s_check_need (self, request, describe? FST_NEED_KNOWN: self->class.commands [row].need);
    if (rc != FST_OK) {
        fst_request_fail (&request, rc, NULL);
        return;
    }
    rc = fst_schema_check (request->schema->request, request->envelope.payload, where, sizeof (where));
    if (rc != FST_OK)
        fst_request_fail (&request, rc, "%s", where);
    else
    if (request->peer && self->port_requests > PORT_REQUESTS)
        fst_request_fail (&request, FST_BUSY, NULL);
    else
    if (describe)
        fst_request_reply (&request, fst_actor_describe (self));
    else
        self->class.commands [row].handle (self->user, &request);
    if (request) {
        fst_log_error ("request not answered command=%s", request->envelope.command);
        fst_request_fail (&request, FST_INTERNAL, NULL);
    }
}

static void
s_request (fst_actor_t *self, fst_request_t *request, zmsg_t **message_p)
{
    s_take_request (self, request, message_p);
    fst_trace_begin (NULL);
}

bool
fst_actor_read_lane (fst_actor_t *self, fst_lane_t *lane, int64_t now_ms)
{
    zmsg_t *body = fst_lane_receive (lane, now_ms);
    if (!body)
        return false;
    s_request (self, fst_request_new (s_answer, self, lane, NULL), &body);
    return true;
}

void
fst_actor_read_port (fst_actor_t *self, int count_max)
{
    for (int count = 0; count < count_max; count++) {
        char user [2 * FST_USER_BYTES_MAX + 1];
        zmsg_t *message = fst_socket_recv (self->port, user, sizeof (user));
        if (!message)
            break;
        zframe_t *peer = zmsg_pop (message);
        if (zmsg_size (message)) {
            fst_request_t *request = fst_request_new (s_answer, self, NULL, &peer);
            memcpy (request->user, user, sizeof (user));
            s_request (self, request, &message);
        }
        zframe_destroy (&peer);
        zmsg_destroy (&message);
    }
}

fst_rc_t
fst_actor_find_schemas (fst_actor_t *self)
{
    const fst_command_t *commands = self->class.commands;
    if (self->class.schemas)
        fst_schema_add (self->class.schemas);
    for (int row = 0; commands && commands [row].name; row++) {
        assert (row < FST_ACTOR_COMMANDS_MAX);
        assert (self->options.service);
        self->schemas [row] = fst_schema_find (self->options.service, commands [row].name);
        if (!self->schemas [row]) {
            self->problem = zsys_sprintf ("there is no schema for command %s of service %s", commands [row].name,
                                          self->options.service);
            return FST_INTERNAL;
        }
    }
    return FST_OK;
}
