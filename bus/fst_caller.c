//  The client side of Majordomo 0.2.
//
//  The socket makes itself known to the broker at each connection with an empty message (PROBE_ROUTER), which
//  our broker gives back: so the caller learns that it was connected anew, perhaps to another broker that
//  knows nothing of the calls under way, and sends them again. Other brokers drop the empty message; there
//  silence alone tells. What was sent before the first one came may have gone to a broker that ended before it
//  could give it back, so nothing is sent before, as long as one may still come.

#include "fst_caller.h"
#include <assert.h>
#include <stdarg.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_mdp.h"
#include "fst_socket.h"
#include "fst_text.h"
#include "fst_trace.h"

#define CALLS_MAX       4096        //  Under way at once; less than the queue of a DEALER takes (fst_socket)
#define PING_MS         1000        //  Nothing heard for so long: ask the broker
#define PONG_MS         1500        //  No answer to that for so long: it is gone
#define CONNECT_TRY_MS  2000        //  A socket that gets no connection is made anew; libzmq gives up in some cases
#define GREETING_MS     300         //  A broker that gives nothing back by then will not
#define AGAIN_FOR_MS    4000        //  A service that went away is asked again while the call is not older
#define AGAIN_MS        100
#define WRITABLE_MS     50          //  How often a call that could not be sent is tried again
#define PROBLEM_BYTES   1280

typedef struct {
    uint64_t ticket;
    char id [FST_TRACE_ID_BYTES];
    char *service;
    char *command;
    zframe_t *body;
    int64_t start_ms;
    int64_t again_ms;               //  Not sent before this
    bool sent;                      //  On the socket now in use
    bool done;
    fst_rc_t rc;                    //  Of a call that is done, and what belongs to it
    json_t *reply;
    zmsg_t *frames;                 //  Behind it, or NULL
    char *problem;                  //  NULL if FST_OK
} s_call_t;

struct fst_caller {
    char *endpoint;
    const fst_keys_t *keys;
    char *token;
    int64_t connect_ms, reply_ms;
    zsock_t *socket;                //  NULL if the endpoint is not valid
    bool greeted;                   //  The broker gave back an empty message on this socket before
    zlist_t *calls;                 //  In the order of their sending
    zhashx_t *by_id;                //  Those that are not done
    size_t unsent;                  //  Of calls
    size_t finished;                //  Of calls
    zmsg_t *frames;                 //  Of the reply that was given last
    uint64_t tickets;
    int64_t opened_ms;              //  When socket was made
    int64_t heard_ms;               //  When the broker was last heard
    int64_t asked_ms;               //  When a call was sent while no other was on its way
    int64_t ping_ms;                //  When it was asked whether it lives; 0 if it was heard since
    char problem [PROBLEM_BYTES];
};

//  ---- Calls

static void
s_call_destroy (s_call_t *call)
{
    zframe_destroy (&call->body);
    free (call->service);
    free (call->command);
    json_decref (call->reply);
    zmsg_destroy (&call->frames);
    free (call->problem);
    free (call);
}

static s_call_t *
s_call_new (fst_caller_t *self, const char *token, const char *service, const char *command, json_t *payload,
            int64_t now_ms)
{
    s_call_t *call = calloc (1, sizeof (*call));
    assert (call);
    call->ticket = ++self->tickets;
    fst_trace_id (call->id);
    call->service = strdup (service);
    call->command = strdup (command);
    assert (call->service && call->command);
    call->body = fst_envelope_request_encode (call->id, command, token, payload);
    call->start_ms = now_ms;
    return call;
}

//  Takes problem.
static void
s_finish (fst_caller_t *self, s_call_t *call, fst_rc_t rc, json_t *reply, char *problem)
{
    assert (!call->done);
    if (!call->sent)
        self->unsent--;
    zhashx_delete (self->by_id, call->id);
    zframe_destroy (&call->body);
    call->done = true;
    call->rc = rc;
    call->reply = json_incref (reply);
    call->problem = problem;
    self->finished++;
}

static void
s_finish_all (fst_caller_t *self, fst_rc_t rc, const char *problem)
{
    for (s_call_t *call = zlist_first (self->calls); call; call = zlist_next (self->calls))
        if (!call->done)
            s_finish (self, call, rc, NULL, zsys_sprintf ("%s", problem));
}

//  ---- Socket

static void
s_forget_sent (fst_caller_t *self)
{
    for (s_call_t *call = zlist_first (self->calls); call; call = zlist_next (self->calls))
        if (!call->done && call->sent) {
            call->sent = false;
            self->unsent++;
        }
    self->ping_ms = 0;
}

static void
s_open (fst_caller_t *self, int64_t now_ms)
{
    zsock_destroy (&self->socket);
    s_forget_sent (self);
    self->greeted = false;
    self->opened_ms = now_ms;
    if (fst_socket_connect (ZMQ_DEALER, self->endpoint, self->keys, &self->socket) != FST_OK)
        self->socket = NULL;
}

//  False if there is no connection, or too much on its way already.
static bool
s_send (fst_caller_t *self, const char *service, zframe_t **body_p)
{
    static const uint8_t request = FST_MDPC_REQUEST;
    zmsg_t *message = zmsg_new ();
    zmsg_addstr (message, FST_MDP_CLIENT_02);
    zmsg_addmem (message, &request, 1);
    zmsg_addstr (message, service);
    zmsg_append (message, body_p);
    return fst_socket_send (self->socket, &message) == FST_OK;
}

static void
s_send_unsent (fst_caller_t *self, int64_t now_ms)
{
    if (self->unsent == 0 || !self->socket || (!self->greeted && now_ms < self->opened_ms + GREETING_MS))
        return;
    bool idle = self->unsent + self->finished == zlist_size (self->calls);
    for (s_call_t *call = zlist_first (self->calls); call; call = zlist_next (self->calls)) {
        if (call->done || call->sent || now_ms < call->again_ms)
            continue;
        zframe_t *body = zframe_dup (call->body);
        if (!s_send (self, call->service, &body))
            return;
        call->sent = true;
        self->unsent--;
        if (idle)
            self->asked_ms = now_ms;        //  The broker had no reason to say anything before
        idle = false;
    }
}

//  Ask the broker for a sign of life: is there such a service? Any answer will do.
static void
s_ping (fst_caller_t *self, int64_t now_ms)
{
    zframe_t *body = zframe_from ("broker");
    if (s_send (self, "mmi.service", &body))
        self->ping_ms = now_ms;
}

//  The queue of the socket takes more than there can be calls, so if it takes nothing it has no connection.
static bool
s_connected (const fst_caller_t *self)
{
    return self->socket && (zsock_events (self->socket) & ZMQ_POLLOUT);
}

//  ---- Receiving

static bool
s_frame_is (zframe_t *frame, const char *text)
{
    return frame && zframe_streq (frame, text);
}

//  The service went away with the call, or a moment before it came. It may be back at once, and if it has done
//  what was asked it remembers the answer.
static bool
s_again (fst_caller_t *self, s_call_t *call, fst_rc_t rc, int64_t now_ms)
{
    if (rc != FST_UNAVAILABLE || !call->sent || now_ms >= call->start_ms + AGAIN_FOR_MS)
        return false;
    call->sent = false;
    call->again_ms = now_ms + AGAIN_MS;
    self->unsent++;
    return true;
}

//  Take what is behind the first frames of a message; NULL if there is nothing.
static zmsg_t *
s_take_frames (zmsg_t *message, size_t first)
{
    zmsg_t *frames = NULL;
    while (zmsg_size (message) > first) {
        zframe_t *frame = zmsg_last (message);
        zmsg_remove (message, frame);
        if (!frames)
            frames = zmsg_new ();
        zmsg_prepend (frames, &frame);
    }
    return frames;
}

//  The message is [MDPC02][command][service][reply][frame]..
static void
s_reply (fst_caller_t *self, zmsg_t *message, zframe_t *frame, int64_t now_ms)
{
    char where [128];
    fst_envelope_reply_t reply;
    if (fst_envelope_reply_decode (zframe_data (frame), zframe_size (frame), &reply, where, sizeof (where)) != FST_OK) {
        fst_log_warning ("reply dropped: it is no reply of ours: %s", where);
        return;
    }
    s_call_t *call = zhashx_lookup (self->by_id, reply.id);
    if (call && !s_again (self, call, reply.rc, now_ms)) {  //  Else it was answered before, or given up
        call->frames = s_take_frames (message, 4);
        s_finish (self, call, reply.rc, reply.payload,
                  reply.rc == FST_OK? NULL: zsys_sprintf ("%s", reply.message? reply.message: fst_error_text (reply.rc)));
    }
    fst_envelope_reply_clear (&reply);
}

//  One message of the broker: the empty one of a new connection, or [MDPC02][command][service][body]..
static void
s_message (fst_caller_t *self, zmsg_t *message)
{
    zframe_t *protocol = zmsg_first (message);
    if (zmsg_size (message) == 1 && zframe_size (protocol) == 0) {
        s_forget_sent (self);
        self->greeted = true;
        return;
    }
    zframe_t *command = zmsg_next (message);
    zframe_t *service = zmsg_next (message);
    zframe_t *body = zmsg_next (message);
    if (!s_frame_is (protocol, FST_MDP_CLIENT_02) || !body || zframe_size (command) != 1)
        fst_log_warning ("message dropped: it is no Majordomo 0.2");
    else
    if (zframe_data (command) [0] == FST_MDPC_FINAL && !s_frame_is (service, "mmi.service"))
        s_reply (self, message, body, self->heard_ms);
}

static void
s_drain (fst_caller_t *self, int64_t now_ms)
{
    zmsg_t *message;
    while (self->socket && (message = fst_socket_recv (self->socket, NULL, 0))) {
        self->heard_ms = now_ms;
        self->ping_ms = 0;
        s_message (self, message);
        zmsg_destroy (&message);
    }
}

//  ---- Time

static int64_t
s_max (int64_t a, int64_t b)
{
    return a > b? a: b;
}

static int64_t
s_min (int64_t a, int64_t b)
{
    return a < b? a: b;
}

//  When a call that is not on its way is given up.
static int64_t
s_unreachable_ms (const fst_caller_t *self, const s_call_t *call)
{
    return s_max (call->start_ms, self->heard_ms) + self->connect_ms;
}

//  When to ask the broker for a sign of life.
static int64_t
s_ping_due_ms (const fst_caller_t *self)
{
    return s_max (self->heard_ms, self->asked_ms) + PING_MS;
}

//  A call is on its way.
static bool
s_waits (const fst_caller_t *self)
{
    return zhashx_size (self->by_id) > self->unsent;
}

static void
s_expire (fst_caller_t *self, int64_t now_ms)
{
    for (s_call_t *call = zlist_first (self->calls); call; call = zlist_next (self->calls)) {
        if (call->done)
            continue;
        if (now_ms >= call->start_ms + self->reply_ms)
            s_finish (self, call, FST_TIMEOUT, NULL, zsys_sprintf ("service %s did not answer %s within %g seconds",
                      call->service, call->command, (double) self->reply_ms / 1000));
        else
        if (!call->sent && now_ms >= s_unreachable_ms (self, call))
            s_finish (self, call, FST_UNREACHABLE, NULL, zsys_sprintf (
                      "the broker at %s cannot be reached; is filestored running there?", self->endpoint));
    }
}

static void
s_tick (fst_caller_t *self, int64_t now_ms)
{
    if (s_waits (self) && !s_connected (self)) {
        s_forget_sent (self);               //  What was on its way may be lost
        self->greeted = false;
    }
    if (self->ping_ms && now_ms >= self->ping_ms + PONG_MS) {
        fst_log_debug ("broker silent endpoint=%s", self->endpoint);
        s_open (self, now_ms);
    }
    else
    if (self->unsent && !s_waits (self) && now_ms >= self->opened_ms + CONNECT_TRY_MS
    && now_ms >= self->heard_ms + CONNECT_TRY_MS)
        s_open (self, now_ms);
    s_expire (self, now_ms);                //  First, for a broker may take calls for ever and answer none
    s_send_unsent (self, now_ms);
    if (!self->ping_ms && s_waits (self) && now_ms >= s_ping_due_ms (self))
        s_ping (self, now_ms);
}

//  When s_tick has something to do at the latest.
static int64_t
s_wake_ms (const fst_caller_t *self, int64_t now_ms)
{
    int64_t wake_ms = INT64_MAX;
    if (s_waits (self))
        wake_ms = self->ping_ms? self->ping_ms + PONG_MS: s_max (s_ping_due_ms (self), now_ms + 1);
    if (self->unsent)
        wake_ms = s_min (wake_ms, now_ms + WRITABLE_MS);    //  A connection may come about without a word
    //  Calls have one patience, so the oldest that is not done is the first to be given up
    for (s_call_t *call = zlist_first (self->calls); call; call = zlist_next (self->calls))
        if (!call->done)
            return s_min (wake_ms, call->start_ms + self->reply_ms);
    return wake_ms;
}

//  ---- Class

fst_caller_t *
fst_caller_new (const char *endpoint, const fst_keys_t *keys, int64_t connect_ms, int64_t reply_ms)
{
    assert (endpoint);
    fst_caller_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->endpoint = strdup (endpoint);
    assert (self->endpoint);
    self->keys = keys;
    self->connect_ms = connect_ms;
    self->reply_ms = reply_ms;
    self->calls = zlist_new ();
    self->by_id = zhashx_new ();
    s_open (self, fst_clock_mono_ms ());
    return self;
}

void
fst_caller_destroy (fst_caller_t **self_p)
{
    assert (self_p);
    fst_caller_t *self = *self_p;
    if (!self)
        return;
    zsock_destroy (&self->socket);
    zhashx_destroy (&self->by_id);
    s_call_t *call;
    while ((call = zlist_pop (self->calls)))
        s_call_destroy (call);
    zlist_destroy (&self->calls);
    zmsg_destroy (&self->frames);
    free (self->token);
    free (self->endpoint);
    free (self);
    *self_p = NULL;
}

void
fst_caller_set_token (fst_caller_t *self, const char *token)
{
    assert (self);
    char *copy = token? strdup (token): NULL;
    assert (copy || !token);
    free (self->token);
    self->token = copy;
}

static fst_rc_t
s_refuse (fst_caller_t *self, fst_rc_t rc, const char *format, ...) __attribute__ ((format (printf, 3, 4)));

static fst_rc_t
s_refuse (fst_caller_t *self, fst_rc_t rc, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    vsnprintf (self->problem, sizeof (self->problem), format, args);
    va_end (args);
    return rc;
}

fst_rc_t
fst_caller_send (fst_caller_t *self, const char *service, const char *command, json_t *payload, uint64_t *ticket_p)
{
    assert (self);
    return fst_caller_send_as (self, self->token, service, command, payload, ticket_p);
}

fst_rc_t
fst_caller_send_as (fst_caller_t *self, const char *token, const char *service, const char *command, json_t *payload,
                    uint64_t *ticket_p)
{
    assert (self && service && command && ticket_p);
    fst_rc_t rc = FST_OK;
    s_call_t *call = NULL;
    int64_t now_ms = fst_clock_mono_ms ();
    if (!self->socket)
        rc = s_refuse (self, FST_MALFORMED, "%s is no endpoint of a broker, or the key file lacks its server-key",
                       self->endpoint);
    else
    if (zlist_size (self->calls) >= CALLS_MAX)
        rc = s_refuse (self, FST_BUSY, "%d calls are under way already", CALLS_MAX);
    else {
        call = s_call_new (self, token, service, command, payload, now_ms);
        if (zframe_size (call->body) > FST_JSON_BYTES_MAX)
            rc = s_refuse (self, FST_TOO_LARGE, "%s with %zu octets is too large for one message", command,
                           zframe_size (call->body));
    }
    json_decref (payload);
    if (rc != FST_OK) {
        if (call)
            s_call_destroy (call);
        return rc;
    }
    zlist_append (self->calls, call);
    zhashx_insert (self->by_id, call->id, call);
    self->unsent++;
    *ticket_p = call->ticket;
    s_drain (self, now_ms);             //  Connected anew meanwhile? Then others go out first
    s_send_unsent (self, now_ms);
    return FST_OK;
}

zsock_t *
fst_caller_socket (fst_caller_t *self)
{
    assert (self);
    return self->socket;
}

int64_t
fst_caller_wait_ms (fst_caller_t *self)
{
    assert (self);
    if (self->finished)
        return 0;
    if (zlist_size (self->calls) == 0)
        return -1;
    int64_t now_ms = fst_clock_mono_ms ();
    return s_max (s_wake_ms (self, now_ms) - now_ms, 0);
}

//  Give the finished call with this ticket, or any if it is 0.
static bool
s_take (fst_caller_t *self, uint64_t ticket, uint64_t *ticket_p, fst_rc_t *rc_p, json_t **reply_p)
{
    if (self->finished == 0)
        return false;
    for (s_call_t *call = zlist_first (self->calls); call; call = zlist_next (self->calls)) {
        if (!call->done || (ticket && call->ticket != ticket))
            continue;
        *ticket_p = call->ticket;
        *rc_p = call->rc;
        *reply_p = call->rc == FST_OK? call->reply: NULL;
        call->reply = *reply_p? NULL: call->reply;
        zmsg_destroy (&self->frames);
        self->frames = call->frames;
        call->frames = NULL;
        snprintf (self->problem, sizeof (self->problem), "%s", call->problem? call->problem: "");
        self->finished--;
        zlist_remove (self->calls, call);
        s_call_destroy (call);
        return true;
    }
    return false;
}

static void
s_turn (fst_caller_t *self)
{
    int64_t now_ms = fst_clock_mono_ms ();
    s_drain (self, now_ms);
    s_tick (self, now_ms);
}

bool
fst_caller_receive (fst_caller_t *self, uint64_t *ticket_p, fst_rc_t *rc_p, json_t **reply_p)
{
    assert (self && ticket_p && rc_p && reply_p);
    if (self->finished == 0)
        s_turn (self);
    return s_take (self, 0, ticket_p, rc_p, reply_p);
}

fst_rc_t
fst_caller_call (fst_caller_t *self, const char *service, const char *command, json_t *payload, json_t **reply_p)
{
    uint64_t ticket;
    fst_rc_t rc = fst_caller_send (self, service, command, payload, &ticket);
    json_t *reply = NULL;
    while (rc == FST_OK && !s_take (self, ticket, &ticket, &rc, &reply)) {
        int64_t now_ms = fst_clock_mono_ms ();
        zmq_pollitem_t item = { .socket = zsock_resolve (self->socket), .events = ZMQ_POLLIN };
        zmq_poll (&item, 1, (long) s_max (s_wake_ms (self, now_ms) - now_ms, 0));
        if (zsys_interrupted)
            s_finish_all (self, FST_INTERRUPTED, "stopped before an answer came");
        else
            s_turn (self);
    }
    if (rc == FST_OK && reply_p)
        *reply_p = reply;
    else
        json_decref (reply);
    return rc;
}

zmsg_t *
fst_caller_frames (fst_caller_t *self)
{
    assert (self);
    return self->frames;
}

const char *
fst_caller_problem (const fst_caller_t *self)
{
    assert (self);
    return self->problem;
}
