//  One DEALER to a node's data port: requests out as soon as there is a connection, replies in by their ids.

#include "fst_peer.h"
#include <assert.h>
#include <string.h>
#include <sys/queue.h>
#include "fst_clock.h"
#include "fst_envelope.h"
#include "fst_log.h"
#include "fst_schema.h"
#include "fst_socket.h"
#include "fst_text.h"
#include "fst_trace.h"

#define PREFIX_BYTES 16             //  Of a random id; with trace and number no longer than an id can be

typedef struct s_call s_call_t;
struct s_call {
    TAILQ_ENTRY (s_call) link;
    char id [FST_TRACE_ID_BYTES], trace [FST_TRACE_BYTES_MAX + 1];
    const fst_schema_command_t *schema;
    zmsg_t *message;            //  NULL once it is sent
    fst_peer_done_fn *done;
    void *arg;
    int64_t asked_ms;
};
typedef TAILQ_HEAD (s_calls, s_call) s_calls_t;

struct fst_peer {
    fst_actor_t *actor;
    char *endpoint, *user, *ticket;
    int64_t silence_ms;
    zsock_t *socket;            //  NULL: none, and no way, until the next call
    int64_t heard_ms;           //  When something came last
    char prefix [PREFIX_BYTES + 1];         //  Makes the ids of this peer its own
    uint32_t next_id;
    s_calls_t calls;            //  In the order in which they were made; those that are not sent yet come last
    size_t calls_count;
};

static void s_ready (void *arg);

fst_peer_t *
fst_peer_new (fst_actor_t *actor, const char *endpoint, const char *user, const char *ticket, int64_t silence_ms)
{
    assert (actor);
    assert (endpoint && user && ticket);
    assert (silence_ms > 0);
    fst_peer_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->actor = actor;
    self->endpoint = strdup (endpoint);
    self->user = strdup (user);
    self->ticket = strdup (ticket);
    assert (self->endpoint && self->user && self->ticket);
    self->silence_ms = silence_ms;
    TAILQ_INIT (&self->calls);
    char unique [FST_ID_TEXT_BYTES + 1];
    fst_id_new (unique);
    memcpy (self->prefix, unique, PREFIX_BYTES);
    return self;
}

static void
s_disconnect (fst_peer_t *self)
{
    if (self->socket)
        fst_actor_watch (self->actor, self->socket, 0, s_ready, self);
    zsock_destroy (&self->socket);
}

static void
s_finish (fst_peer_t *self, s_call_t *call, fst_rc_t rc, json_t *reply, zmsg_t **frames_p)
{
    TAILQ_REMOVE (&self->calls, call, link);
    self->calls_count--;
    char before [FST_TRACE_BYTES_MAX + 1];
    snprintf (before, sizeof (before), "%s", fst_trace_now ());
    fst_trace_begin (call->trace);
    call->done (call->arg, rc, reply, frames_p);
    fst_trace_begin (before);
    zmsg_destroy (&call->message);
    free (call);
}

//  All that are under way now; those that are made meanwhile are not.
static void
s_fail_all (fst_peer_t *self, fst_rc_t rc)
{
    s_disconnect (self);
    for (size_t left = self->calls_count; left > 0; left--) {
        zmsg_t *none = NULL;
        s_finish (self, TAILQ_FIRST (&self->calls), rc, NULL, &none);
    }
}

void
fst_peer_destroy (fst_peer_t **self_p)
{
    assert (self_p);
    fst_peer_t *self = *self_p;
    if (!self)
        return;
    s_fail_all (self, FST_INTERRUPTED);
    assert (self->calls_count == 0);        //  Nobody calls what is about to go
    free (self->endpoint);
    free (self->user);
    free (self->ticket);
    free (self);
    *self_p = NULL;
}

//  ---- Sending

//  The first that was not sent; NULL if all were.
static s_call_t *
s_unsent (fst_peer_t *self)
{
    s_call_t *unsent = NULL, *call;
    TAILQ_FOREACH_REVERSE (call, &self->calls, s_calls, link) {
        if (!call->message)
            break;
        unsent = call;
    }
    return unsent;
}

//  As much as the socket takes; it takes nothing before there is a connection.
static void
s_send (fst_peer_t *self)
{
    s_call_t *call = s_unsent (self);
    if (!call || !self->socket)
        return;
    fst_rc_t rc = FST_OK;
    while (call && (rc = fst_socket_try (self->socket, &call->message)) == FST_OK)
        call = TAILQ_NEXT (call, link);
    fst_actor_watch (self->actor, self->socket, ZMQ_POLLIN | (rc == FST_OK? 0: ZMQ_POLLOUT), s_ready, self);
}

void
fst_peer_call (fst_peer_t *self, const char *command, json_t *payload, fst_peer_done_fn *done, void *arg)
{
    assert (self);
    assert (command && payload && done);
    assert (self->calls_count < FST_PEER_CALLS_MAX);
    s_call_t *call = calloc (1, sizeof (*call));
    assert (call);
    call->schema = fst_schema_find ("storage", command);
    assert (call->schema);
    call->done = done;
    call->arg = arg;
    call->asked_ms = fst_clock_mono_ms ();
    snprintf (call->trace, sizeof (call->trace), "%s", fst_trace_now ());
    snprintf (call->id, sizeof (call->id), "%s%s%s-%" PRIx32, call->trace, *call->trace? ".": "", self->prefix, ++self->next_id);
    zframe_t *frame = fst_envelope_request_encode (call->id, command, NULL, payload);
    json_decref (payload);
    call->message = zmsg_new ();
    assert (call->message);
    zmsg_append (call->message, &frame);
    TAILQ_INSERT_TAIL (&self->calls, call, link);
    self->calls_count++;
    if (!self->socket
    &&  fst_socket_connect_data (self->endpoint, self->user, self->ticket, &self->socket) != FST_OK)
        fst_log_debug ("no way to a peer endpoint=%s", self->endpoint);     //  fst_peer_elapse says so
    s_send (self);
}

//  ---- Receiving

static s_call_t *
s_find (fst_peer_t *self, const char *id)
{
    s_call_t *call;
    TAILQ_FOREACH (call, &self->calls, link)
        if (!call->message && strcmp (call->id, id) == 0)
            return call;
    return NULL;
}

//  One reply. FST_MALFORMED: it is none. What answers no call (an old one) is dropped.
static fst_rc_t
s_deliver (fst_peer_t *self, zmsg_t **message_p)
{
    char where [160];
    zframe_t *head = zmsg_pop (*message_p);
    fst_envelope_reply_t envelope;
    fst_rc_t rc = head? fst_envelope_reply_decode (zframe_data (head), zframe_size (head), &envelope,
                                                   where, sizeof (where)): FST_MALFORMED;
    zframe_destroy (&head);
    if (rc != FST_OK)
        return FST_MALFORMED;
    s_call_t *call = s_find (self, envelope.id);
    if (call && envelope.rc == FST_OK)
        rc = fst_schema_check (call->schema->reply, envelope.payload, where, sizeof (where));
    if (call && rc == FST_OK) {
        if (envelope.rc != FST_OK)
            fst_log_debug ("peer refused endpoint=%s command=%s reason=%s", self->endpoint, call->schema->command,
                           fst_error_code (envelope.rc));
        zmsg_t *none = NULL;
        s_finish (self, call, envelope.rc, envelope.payload, envelope.rc == FST_OK? message_p: &none);
    }
    fst_envelope_reply_clear (&envelope);
    return rc;
}

static void
s_receive (fst_peer_t *self, int64_t now_ms)
{
    zmsg_t *message;
    while (self->socket && (message = fst_socket_recv (self->socket, NULL, 0))) {
        self->heard_ms = now_ms;
        fst_rc_t rc = s_deliver (self, &message);
        zmsg_destroy (&message);
        if (rc != FST_OK) {
            fst_log_warning ("peer makes no sense endpoint=%s", self->endpoint);
            s_fail_all (self, rc);
        }
    }
}

static void
s_ready (void *arg)
{
    fst_peer_t *self = arg;
    s_receive (self, fst_clock_mono_ms ());
    s_send (self);
}

//  ---- Time

int64_t
fst_peer_elapse (fst_peer_t *self, int64_t now_ms)
{
    assert (self);
    s_receive (self, now_ms);           //  If we did not look for a while, that was not the peer's silence
    s_send (self);
    s_call_t *first = TAILQ_FIRST (&self->calls);
    if (!first)
        return INT64_MAX;
    int64_t since_ms = first->asked_ms > self->heard_ms? first->asked_ms: self->heard_ms;
    if (self->socket && now_ms < since_ms + self->silence_ms)
        return since_ms + self->silence_ms;
    fst_log_debug ("peer unreachable endpoint=%s", self->endpoint);
    s_fail_all (self, FST_UNREACHABLE);
    return self->calls_count? now_ms: INT64_MAX;
}
