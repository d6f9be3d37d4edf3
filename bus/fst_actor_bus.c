//  Events in and out, and calls to other services.

#include "fst_actor_self.h"
#include <assert.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_request.h"
#include "fst_socket.h"

#define TURN_EVENTS     64          //  Handled before something else gets its turn
#define TOPIC_BYTES_MAX 200         //  libzmq 4.3.4 corrupts the stream from 246 on
#define EVENTS_FRESH_MS 1000        //  After the start the first registration changes nothing for so long

//  ---- Events

static fst_event_fn *
s_event_handler (const fst_actor_t *self, const char *topic)
{
    for (const fst_topic_t *row = self->class.topics; row && row->topic; row++)
        if (strncmp (row->topic, topic, strlen (row->topic)) == 0)
            return row->handle;
    return NULL;
}

static void
s_event (fst_actor_t *self, const char *topic, zframe_t *frame)
{
    char quoted [64], where [256] = "it is no JSON";
    fst_event_fn *handle = s_event_handler (self, topic);
    bool revoked = self->revoked && strcmp (topic, FST_REVOKED_TOPIC) == 0;
    const fst_schema_t *schema = fst_schema_event (topic);
    json_t *body = zframe_size (frame) <= FST_JSON_BYTES_MAX?
        json_loadb ((const char *) zframe_data (frame), zframe_size (frame), JSON_REJECT_DUPLICATES, NULL): NULL;
    if (schema && body && fst_schema_check (schema, body, where, sizeof (where)) == FST_OK) {
        if (revoked)
            fst_revoked_event (self->revoked, body);
        if (handle)
            handle (self->user, topic, body);
        fst_actor_hear_durable (self, topic);
    }
    else
        fst_log_warning ("event dropped topic=\"%s\" %s", fst_log_quote (topic, quoted, sizeof (quoted)),
                         schema? where: "it has no schema");
    json_decref (body);
}

fst_rc_t
fst_actor_connect (fst_actor_t *self, int type, const char *endpoint, zsock_t **socket_p)
{
    zsock_destroy (socket_p);
    fst_rc_t rc = fst_socket_connect (type, endpoint, self->options.keys, socket_p);
    if (rc != FST_OK && !self->problem)
        self->problem = zsys_sprintf ("cannot connect to %s: no such kind of endpoint, or no server-key in the key file",
                                      endpoint);
    return rc;
}

fst_rc_t
fst_actor_open_events (fst_actor_t *self)
{
    const fst_actor_options_t *options = &self->options;
    fst_rc_t rc = FST_OK;
    if (options->events_in)
        rc = fst_actor_connect (self, ZMQ_PUB, options->events_in, &self->publisher);
    if (rc == FST_OK && options->events_out && (self->class.topics || self->class.events || self->revoked))
        rc = fst_actor_connect (self, ZMQ_SUB, options->events_out, &self->subscriber);
    if (rc == FST_OK && self->subscriber && self->revoked)
        zsock_set_subscribe (self->subscriber, FST_REVOKED_TOPIC);
    for (const fst_topic_t *row = self->class.topics; rc == FST_OK && self->subscriber && row && row->topic; row++)
        zsock_set_subscribe (self->subscriber, row->topic);
    for (const fst_durable_t *row = self->class.events; rc == FST_OK && self->subscriber && row && row->topic; row++)
        zsock_set_subscribe (self->subscriber, row->topic);
    return rc;
}

void
fst_actor_follow_lanes (fst_actor_t *self)
{
    unsigned registrations = self->lanes [0]? fst_lane_registrations (self->lanes [0]): 0;
    if (registrations == self->registrations)
        return;
    if (self->registrations)
        fst_log_info ("registered with the broker again");
    if (self->registrations || fst_clock_mono_ms () >= self->opened_ms + EVENTS_FRESH_MS) {
        fst_rc_t rc = fst_actor_open_events (self);
        assert (rc == FST_OK);          //  As it was before
        fst_actor_hear_durable (self, NULL);
    }
    self->registrations = registrations;
}

void
fst_actor_read_events (fst_actor_t *self)
{
    for (int count = 0; count < TURN_EVENTS; count++) {
        zmsg_t *message = fst_socket_recv (self->subscriber, NULL, 0);
        if (!message)
            break;
        char *topic = zmsg_popstr (message);
        if (zmsg_size (message) == 1)
            s_event (self, topic, zmsg_first (message));
        zstr_free (&topic);
        zmsg_destroy (&message);
    }
}

void
fst_actor_publish (fst_actor_t *self, const char *topic, json_t *body)
{
    assert (self && topic && body);
    assert (strlen (topic) <= TOPIC_BYTES_MAX);
    char where [256] = "it has no schema";
    const fst_schema_t *schema = fst_schema_event (topic);
    if (fst_request_check_replies ()
    && (!schema || fst_schema_check (schema, body, where, sizeof (where)) != FST_OK))
        fst_log_error ("event not published topic=%s %s", topic, where);
    else
    if (self->publisher) {
        char *text = json_dumps (body, JSON_COMPACT);
        assert (text);
        zmsg_t *message = zmsg_new ();
        zmsg_addstr (message, topic);
        zmsg_addstr (message, text);
        free (text);
        if (fst_socket_send (self->publisher, &message) != FST_OK)
            fst_log_debug ("event dropped topic=%s", topic);
    }
    json_decref (body);
}

//  ---- Calls to others

static fst_actor_call_t *
s_take_call (fst_actor_t *self, uint64_t ticket)
{
    for (fst_actor_call_t *call = zlist_first (self->calls); call; call = zlist_next (self->calls))
        if (call->ticket == ticket) {
            zlist_remove (self->calls, call);
            return call;
        }
    return NULL;
}

static void
s_call_done (fst_actor_call_t *call, fst_rc_t rc, json_t *reply)
{
    fst_trace_begin (call->trace);
    if (call->done)
        call->done (call->arg, rc, reply);
    fst_trace_begin (NULL);
    free (call);
}

void
fst_actor_finish_calls (fst_actor_t *self)
{
    uint64_t ticket;
    fst_rc_t rc;
    json_t *reply;
    fst_actor_call_t *call;
    while ((call = s_take_call (self, 0)))
        s_call_done (call, call->rc, NULL);
    while (fst_caller_receive (self->caller, &ticket, &rc, &reply)) {
        call = s_take_call (self, ticket);
        assert (call);
        if (rc != FST_OK)
            fst_log_debug ("call failed: %s", fst_caller_problem (self->caller));
        s_call_done (call, rc, reply);
        json_decref (reply);
    }
}

void
fst_actor_end_calls (fst_actor_t *self)
{
    fst_actor_call_t *call;
    while ((call = zlist_pop (self->calls)))
        s_call_done (call, FST_INTERRUPTED, NULL);
}

void
fst_actor_call (fst_actor_t *self, const char *service, const char *command, json_t *payload,
                fst_call_done_fn *done, void *arg)
{
    assert (self && self->caller);
    fst_actor_call_as (self, self->options.keys? self->options.keys->token: NULL, service, command, payload, done, arg);
}

void
fst_actor_call_as (fst_actor_t *self, const char *token, const char *service, const char *command, json_t *payload,
                   fst_call_done_fn *done, void *arg)
{
    assert (self && self->caller);
    fst_actor_call_t *call = calloc (1, sizeof (*call));
    assert (call);
    call->done = done;
    call->arg = arg;
    snprintf (call->trace, sizeof (call->trace), "%s", fst_trace_now ());
    call->rc = fst_caller_send_as (self->caller, token, service, command, payload, &call->ticket);
    if (call->rc == FST_OK)
        zlist_append (self->calls, call);
    else
        zlist_push (self->calls, call);     //  In front, for the next turn
}

const char *
fst_actor_problem (const fst_actor_t *self)
{
    assert (self && self->caller);
    return fst_caller_problem (self->caller);
}

zmsg_t *
fst_actor_reply_frames (fst_actor_t *self)
{
    assert (self && self->caller);
    return fst_caller_frames (self->caller);
}
