//  One Majordomo 0.2 worker connection.
//
//  No socket (waiting after a refusal) -> connecting -> registered -> ..., and back to connecting when
//  the connection is lost. One registration is for one connection: our broker gives the empty message back
//  that libzmq sends at each connection (fst_socket), so the second one says that a READY is due again.

#include "fst_lane.h"
#include <assert.h>
#include <string.h>
#include "fst_log.h"
#include "fst_mdp.h"
#include "fst_socket.h"

#define SILENT_MS       (FST_MDP_HEARTBEAT_MS * FST_MDP_LIVENESS)
#define TRY_MS_MIN      2000        //  A socket that gets no connection is made anew: libzmq gives up in some cases
#define TRY_MS_MAX      30000
#define SOON_MS         3000        //  DISCONNECT so soon after READY is a refusal
#define REFUSED_MS_MIN  100         //  Then wait before the next try
#define REFUSED_MS_MAX  10000
#define LINGER_MS       200

struct fst_lane {
    const char *endpoint;
    const fst_keys_t *keys;
    const char *service;
    zsock_t *socket;                //  NULL until open_ms
    int64_t open_ms;
    int64_t refused_ms;             //  How long the last wait after a refusal was; 0 if none
    int64_t opened_ms;              //  When the socket was made
    int64_t try_ms;                 //  How long it may stay without connection
    bool greeted;                   //  The broker gave back an empty message on this socket
    bool registered;                //  READY was sent on this connection
    unsigned registrations;         //  On how many so far
    int64_t ready_ms;               //  When
    int64_t heard_ms;               //  When the broker was last heard
    bool busy;                      //  A request is under way
    zframe_t *address;              //  Whom to answer; NULL once the connection is gone
};

//  ---- Connection

static void
s_lost (fst_lane_t *self)
{
    self->registered = false;
    zframe_destroy (&self->address);
}

static void
s_open (fst_lane_t *self, int64_t now_ms)
{
    s_lost (self);
    zsock_destroy (&self->socket);
    self->greeted = false;
    self->opened_ms = now_ms;
    if (fst_socket_connect (ZMQ_DEALER, self->endpoint, self->keys, &self->socket) != FST_OK)
        self->socket = NULL;        //  The actor checked the endpoint
    assert (self->socket);
}

//  RFC 18: on DISCONNECT, close and come back on a new socket. Not at once if we are not wanted.
static void
s_disconnected (fst_lane_t *self, int64_t now_ms)
{
    bool refused = now_ms < self->ready_ms + SOON_MS;
    int64_t wait_ms = self->refused_ms? self->refused_ms * 2: REFUSED_MS_MIN;
    self->refused_ms = !refused? 0: wait_ms < REFUSED_MS_MAX? wait_ms: REFUSED_MS_MAX;
    if (refused)
        fst_log_debug ("broker refused service=%s again_ms=%d", self->service, (int) self->refused_ms);
    s_lost (self);
    zsock_destroy (&self->socket);
    self->open_ms = now_ms + self->refused_ms;
}

static bool
s_send (fst_lane_t *self, uint8_t command, zmsg_t *message)
{
    zmsg_pushmem (message, &command, 1);
    zmsg_pushstr (message, FST_MDP_WORKER_02);
    bool sent = fst_socket_send (self->socket, &message) == FST_OK;
    if (!sent) {
        s_lost (self);              //  libzmq connects again; READY follows when it has
        self->greeted = false;
    }
    return sent;
}

static void
s_register (fst_lane_t *self, int64_t now_ms)
{
    zmsg_t *message = zmsg_new ();
    zmsg_addstr (message, self->service);
    self->registered = s_send (self, FST_MDPW_READY, message);
    if (self->registered) {
        self->registrations++;
        self->ready_ms = self->heard_ms = now_ms;
        self->try_ms = TRY_MS_MIN;
    }
}

//  ---- Messages

//  What follows [MDPW02][02]: address, empty frame, body. Returns the body, or NULL if it is not right.
static zmsg_t *
s_request (fst_lane_t *self, zmsg_t **message_p)
{
    zframe_t *address = zmsg_pop (*message_p);
    zframe_t *empty = zmsg_pop (*message_p);
    bool valid = address && empty && zframe_size (empty) == 0 && zmsg_size (*message_p) > 0;
    zmsg_t *body = NULL;
    if (valid && self->registered && !self->busy) {
        self->busy = true;
        self->address = address;
        address = NULL;
        body = *message_p;
        *message_p = NULL;
    }
    zframe_destroy (&address);
    zframe_destroy (&empty);
    return body;
}

//  Takes the frames [MDPW02][command] off. 0 if it is no command of a broker.
static int
s_take_command (zmsg_t *message)
{
    zframe_t *protocol = zmsg_pop (message);
    zframe_t *command = zmsg_pop (message);
    bool valid = protocol && command && zframe_streq (protocol, FST_MDP_WORKER_02) && zframe_size (command) == 1;
    int value = valid? zframe_data (command) [0]: 0;
    zframe_destroy (&protocol);
    zframe_destroy (&command);
    return value;
}

static zmsg_t *
s_message (fst_lane_t *self, zmsg_t **message_p, int64_t now_ms)
{
    self->heard_ms = now_ms;
    if (zmsg_size (*message_p) == 1 && zframe_size (zmsg_first (*message_p)) == 0) {
        if (self->greeted)
            s_lost (self);
        self->greeted = true;
        return NULL;
    }
    zmsg_t *body = NULL;
    switch (s_take_command (*message_p)) {
    case FST_MDPW_REQUEST:
        body = s_request (self, message_p);
        if (!body)
            s_disconnected (self, now_ms);      //  We and the broker see things differently
        break;
    case FST_MDPW_HEARTBEAT:
        break;
    case FST_MDPW_DISCONNECT:
        s_disconnected (self, now_ms);
        break;
    default:
        fst_log_warning ("message dropped: it is no Majordomo 0.2");
    }
    return body;
}

//  ---- Class

fst_lane_t *
fst_lane_new (const char *endpoint, const fst_keys_t *keys, const char *service, int64_t now_ms)
{
    assert (endpoint && service);
    assert (strlen (service) <= FST_MDP_SERVICE_BYTES_MAX);
    fst_lane_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->endpoint = endpoint;
    self->keys = keys;
    self->service = service;
    self->try_ms = TRY_MS_MIN;
    s_open (self, now_ms);
    return self;
}

void
fst_lane_destroy (fst_lane_t **self_p)
{
    assert (self_p);
    fst_lane_t *self = *self_p;
    if (!self)
        return;
    if (self->registered)
        s_send (self, FST_MDPW_DISCONNECT, zmsg_new ());
    if (self->socket)
        zsock_set_linger (self->socket, LINGER_MS);     //  For the last replies
    zsock_destroy (&self->socket);
    zframe_destroy (&self->address);
    free (self);
    *self_p = NULL;
}

zsock_t *
fst_lane_socket (fst_lane_t *self)
{
    assert (self);
    return self->socket;
}

short
fst_lane_events (const fst_lane_t *self)
{
    assert (self);
    return (short) (self->registered || self->busy? ZMQ_POLLIN: ZMQ_POLLIN | ZMQ_POLLOUT);
}

zmsg_t *
fst_lane_receive (fst_lane_t *self, int64_t now_ms)
{
    assert (self);
    if (!self->socket && now_ms >= self->open_ms)
        s_open (self, now_ms);
    zmsg_t *message, *body = NULL;
    while (self->socket && !body && (message = fst_socket_recv (self->socket, NULL, 0))) {
        body = s_message (self, &message, now_ms);
        zmsg_destroy (&message);
    }
    if (self->socket && !self->registered && !self->busy && (zsock_events (self->socket) & ZMQ_POLLOUT))
        s_register (self, now_ms);
    return body;
}

void
fst_lane_reply (fst_lane_t *self, zmsg_t **body_p)
{
    assert (self && self->busy);
    assert (body_p && *body_p);
    self->busy = false;
    if (self->address) {
        zmsg_t *message = *body_p;
        *body_p = NULL;
        zmsg_pushmem (message, NULL, 0);
        zmsg_prepend (message, &self->address);
        if (!s_send (self, FST_MDPW_FINAL, message))
            fst_log_debug ("reply dropped: the broker is gone");
    }
    zmsg_destroy (body_p);
}

void
fst_lane_beat (fst_lane_t *self, int64_t now_ms)
{
    assert (self);
    if (!self->socket)
        return;
    if (self->registered && now_ms >= self->heard_ms + SILENT_MS) {
        fst_log_debug ("broker silent service=%s", self->service);
        s_open (self, now_ms);
    }
    else
    if (self->registered)
        s_send (self, FST_MDPW_HEARTBEAT, zmsg_new ());
    else
    if (!self->busy && now_ms >= self->opened_ms + self->try_ms && now_ms >= self->heard_ms + self->try_ms) {
        self->try_ms = self->try_ms * 2 < TRY_MS_MAX? self->try_ms * 2: TRY_MS_MAX;
        s_open (self, now_ms);
    }
}

unsigned
fst_lane_registrations (const fst_lane_t *self)
{
    assert (self);
    return self->registrations;
}

int64_t
fst_lane_wake_ms (const fst_lane_t *self)
{
    assert (self);
    return self->socket? INT64_MAX: self->open_ms;
}
