//  The actor loop: one thread, one poll over everything, requests checked before a handler sees them.

#include "fst_actor.h"
#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include "fst_clock.h"
#include "fst_lane.h"
#include "fst_log.h"
#include "fst_mdp.h"
#include "fst_request.h"
#include "fst_revoked.h"
#include "fst_socket.h"
#include "fst_trust.h"

#define LANES_MAX       64
#define FDS_MAX         16
#define ITEMS_MAX       (LANES_MAX + FDS_MAX + FST_ACTOR_WATCHED_MAX + 4)
#define TURN_MESSAGES   256         //  Handled before flush
#define TURN_EVENTS     64          //  Of these at most
#define PORT_REQUESTS   4096        //  Of the port, held by handlers at once; BUSY beyond
#define COMMANDS_MAX    64
#define TOPIC_BYTES_MAX 200         //  libzmq 4.3.4 corrupts the stream from 246 on
#define CONNECT_MS      5000        //  For calls to other services
#define REPLY_MS        60000
#define EVENTS_FRESH_MS 1000        //  After the start the first registration changes nothing for so long
#define LINGER_MS       200         //  For the last replies

typedef struct {
    int fd;
    void (*readable) (void *arg);
    void *arg;
} s_fd_t;

//  A socket that is polled for the actor; NULL: the place is free.
typedef struct {
    zsock_t *socket;
    short events;
    void (*ready) (void *arg);
    void *arg;
} s_watched_t;

//  A call to another service that was not answered yet.
typedef struct {
    uint64_t ticket;                //  0 if it could not even be sent, because of rc
    fst_rc_t rc;
    fst_call_done_fn *done;
    void *arg;
} s_call_t;

//  What an item of the poll is about.
typedef enum { PIPE, LANE, PORT, EVENTS, CALLER, FD, WATCHED } s_kind_t;

struct fst_actor {
    fst_actor_class_t class;
    fst_actor_options_t options;
    void *user;                     //  First argument of the handlers
    zactor_t *thread;
    atomic_bool started, ended;     //  The thread's; CZMQ hands over by messages, which sanitizers do not see
    fst_rc_t rc;                    //  Of starting, and what belongs to it
    char *problem;
    const fst_schema_command_t *schemas [COMMANDS_MAX];     //  One for each row of commands
    fst_trust_t *trust;
    fst_revoked_t *revoked;         //  NULL if no command looks at tokens
    zsock_t *pipe;                  //  Borrowed
    fst_lane_t *lanes [LANES_MAX];
    zsock_t *port, *publisher, *subscriber;
    char *port_endpoint;
    unsigned registrations;         //  Of the first lane, when publisher and subscriber were made
    fst_caller_t *caller;           //  NULL without a broker
    zlist_t *calls;
    s_fd_t fds [FDS_MAX];
    size_t fds_count;
    s_watched_t watched [FST_ACTOR_WATCHED_MAX];
    size_t watched_count;           //  Places that were ever used
    size_t requests, port_requests; //  Under way; of these, the port's
    int64_t opened_ms;              //  When the sockets were made first
    int64_t beat_ms, tick_ms, revoked_ms;
    zmq_pollitem_t items [ITEMS_MAX];
    struct { s_kind_t kind; size_t index; } slots [ITEMS_MAX];
    size_t items_count;
};

//  ---- Requests

static void
s_answer (void *arg, fst_request_t *request, zmsg_t **answer_p)
{
    fst_actor_t *self = arg;
    self->requests--;
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
    bool allowed = need == FST_NEED_ACTOR? role == FST_ROLE_ACTOR:
                   need == FST_NEED_ADMIN? role == FST_ROLE_ADMIN:
                   need == FST_NEED_KNOWN || role != FST_ROLE_ACTOR;
    request->has_claims = allowed;
    return allowed? FST_OK: FST_DENIED;
}

//  Decode, check, handle. Takes the message.
static void
s_request (fst_actor_t *self, fst_request_t *request, zmsg_t **message_p)
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
    int row = s_find_command (self, request->envelope.command);
    if (row < 0) {
        fst_request_fail (&request, FST_UNKNOWN_COMMAND, NULL);
        return;
    }
    request->schema = self->schemas [row];
    rc = s_check_need (self, request, self->class.commands [row].need);
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
        self->class.commands [row].handle (self->user, &request);
    if (request) {
        fst_log_error ("request not answered command=%s", request->envelope.command);
        fst_request_fail (&request, FST_INTERNAL, NULL);
    }
}

static bool
s_read_lane (fst_actor_t *self, fst_lane_t *lane, int64_t now_ms)
{
    zmsg_t *body = fst_lane_receive (lane, now_ms);
    if (!body)
        return false;
    s_request (self, fst_request_new (s_answer, self, lane, NULL), &body);
    return true;
}

static void
s_read_port (fst_actor_t *self, int count_max)
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
    }
    else
        fst_log_warning ("event dropped topic=\"%s\" %s", fst_log_quote (topic, quoted, sizeof (quoted)),
                         schema? where: "it has no schema");
    json_decref (body);
}

static fst_rc_t
s_connect (fst_actor_t *self, int type, const char *endpoint, zsock_t **socket_p)
{
    zsock_destroy (socket_p);
    fst_rc_t rc = fst_socket_connect (type, endpoint, self->options.keys, socket_p);
    if (rc != FST_OK && !self->problem)
        self->problem = zsys_sprintf ("cannot connect to %s: no such kind of endpoint, or no server-key in the key file",
                                      endpoint);
    return rc;
}

static fst_rc_t
s_open_events (fst_actor_t *self)
{
    const fst_actor_options_t *options = &self->options;
    fst_rc_t rc = FST_OK;
    if (options->events_in)
        rc = s_connect (self, ZMQ_PUB, options->events_in, &self->publisher);
    if (rc == FST_OK && options->events_out && (self->class.topics || self->revoked))
        rc = s_connect (self, ZMQ_SUB, options->events_out, &self->subscriber);
    if (rc == FST_OK && self->subscriber && self->revoked)
        zsock_set_subscribe (self->subscriber, FST_REVOKED_TOPIC);
    for (const fst_topic_t *row = self->class.topics; rc == FST_OK && self->subscriber && row && row->topic; row++)
        zsock_set_subscribe (self->subscriber, row->topic);
    return rc;
}

//  The lanes find out when the broker is another one, or lets us in only now; libzmq may never try again with
//  the other sockets, so they follow.
static void
s_follow_lanes (fst_actor_t *self)
{
    unsigned registrations = self->lanes [0]? fst_lane_registrations (self->lanes [0]): 0;
    if (registrations == self->registrations)
        return;
    if (self->registrations)
        fst_log_info ("registered with the broker again");
    if (self->registrations || fst_clock_mono_ms () >= self->opened_ms + EVENTS_FRESH_MS) {
        fst_rc_t rc = s_open_events (self);
        assert (rc == FST_OK);          //  As it was before
    }
    self->registrations = registrations;
}

static void
s_read_events (fst_actor_t *self)
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

//  ---- Calls to others

static s_call_t *
s_take_call (fst_actor_t *self, uint64_t ticket)
{
    for (s_call_t *call = zlist_first (self->calls); call; call = zlist_next (self->calls))
        if (call->ticket == ticket) {
            zlist_remove (self->calls, call);
            return call;
        }
    return NULL;
}

static void
s_call_done (s_call_t *call, fst_rc_t rc, json_t *reply)
{
    if (call->done)
        call->done (call->arg, rc, reply);
    free (call);
}

static void
s_finish_calls (fst_actor_t *self)
{
    uint64_t ticket;
    fst_rc_t rc;
    json_t *reply;
    s_call_t *call;
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

//  ---- Loop

static void
s_add_item (fst_actor_t *self, s_kind_t kind, size_t index, zsock_t *socket, int fd, short events)
{
    assert (self->items_count < ITEMS_MAX);
    self->items [self->items_count] = (zmq_pollitem_t) {
        .socket = socket? zsock_resolve (socket): NULL, .fd = fd, .events = events
    };
    self->slots [self->items_count].kind = kind;
    self->slots [self->items_count++].index = index;
}

//  The pipe first, so that the end gets through.
static void
s_collect_items (fst_actor_t *self)
{
    self->items_count = 0;
    s_add_item (self, PIPE, 0, self->pipe, 0, ZMQ_POLLIN);
    for (size_t index = 0; index < LANES_MAX && self->lanes [index]; index++)
        if (fst_lane_socket (self->lanes [index]))
            s_add_item (self, LANE, index, fst_lane_socket (self->lanes [index]), 0,
                        fst_lane_events (self->lanes [index]));
    if (self->subscriber)
        s_add_item (self, EVENTS, 0, self->subscriber, 0, ZMQ_POLLIN);
    if (zlist_size (self->calls))
        s_add_item (self, CALLER, 0, fst_caller_socket (self->caller), 0, ZMQ_POLLIN);
    for (size_t index = 0; index < self->fds_count; index++)
        s_add_item (self, FD, index, NULL, self->fds [index].fd, ZMQ_POLLIN);
    for (size_t index = 0; index < self->watched_count; index++)
        if (self->watched [index].socket)
            s_add_item (self, WATCHED, index, self->watched [index].socket, 0, self->watched [index].events);
    if (self->port)
        s_add_item (self, PORT, 0, self->port, 0, ZMQ_POLLIN);
}

static int64_t
s_wake_ms (fst_actor_t *self, int64_t now_ms)
{
    int64_t wake_ms = self->beat_ms < self->tick_ms? self->beat_ms: self->tick_ms;
    if (self->revoked_ms < wake_ms)
        wake_ms = self->revoked_ms;
    for (size_t index = 0; index < LANES_MAX && self->lanes [index]; index++)
        if (fst_lane_wake_ms (self->lanes [index]) < wake_ms)
            wake_ms = fst_lane_wake_ms (self->lanes [index]);
    s_call_t *call = zlist_first (self->calls);
    int64_t caller_ms = !call? -1: call->ticket == 0? 0: fst_caller_wait_ms (self->caller);
    if (caller_ms >= 0 && now_ms + caller_ms < wake_ms)
        wake_ms = now_ms + caller_ms;
    return wake_ms;
}

//  Read what is ready, a fair share from each. Returns false when the pipe says to end.
static bool
s_read (fst_actor_t *self, int64_t now_ms)
{
    int left = TURN_MESSAGES;
    for (size_t at = 0; at < self->items_count; at++) {
        if (!self->items [at].revents)
            continue;
        size_t index = self->slots [at].index;
        switch (self->slots [at].kind) {
        case PIPE:
            return false;               //  $TERM is all it ever says
        case LANE:
            left -= s_read_lane (self, self->lanes [index], now_ms);
            break;
        case EVENTS:
            s_read_events (self);
            break;
        case CALLER:
            break;                      //  Looked after in every turn
        case FD:
            self->fds [index].readable (self->fds [index].arg);
            break;
        case WATCHED:
            if (self->watched [index].socket)       //  Another one's callback may have ended it
                self->watched [index].ready (self->watched [index].arg);
            break;
        case PORT:
            s_read_port (self, left);
            break;
        }
    }
    return true;
}

//  What time alone asks for.
static void
s_timers (fst_actor_t *self, int64_t now_ms)
{
    for (size_t index = 0; index < LANES_MAX && self->lanes [index]; index++)
        if (fst_lane_wake_ms (self->lanes [index]) <= now_ms)
            s_read_lane (self, self->lanes [index], now_ms);
    if (now_ms >= self->beat_ms) {
        for (size_t index = 0; index < LANES_MAX && self->lanes [index]; index++)
            fst_lane_beat (self->lanes [index], now_ms);
        self->beat_ms = now_ms + FST_MDP_HEARTBEAT_MS;
    }
    s_follow_lanes (self);
    if (now_ms >= self->revoked_ms)
        self->revoked_ms = fst_revoked_tick (self->revoked, now_ms);
    if (now_ms >= self->tick_ms)
        self->tick_ms = self->class.tick (self->user, now_ms);
}

static void
s_loop (fst_actor_t *self)
{
    bool go_on = true;
    while (go_on) {
        s_collect_items (self);
        int64_t now_ms = fst_clock_mono_ms ();
        int64_t wait_ms = s_wake_ms (self, now_ms) - now_ms;
        int found = zmq_poll (self->items, (int) self->items_count, wait_ms > 0? (long) wait_ms: 0);
        if (found < 0 && errno != EINTR)
            break;                      //  The context is gone
        now_ms = fst_clock_mono_ms ();
        if (found > 0)
            go_on = s_read (self, now_ms);
        if (zlist_size (self->calls))
            s_finish_calls (self);
        s_timers (self, now_ms);        //  May read a request too, whose reply must not wait for the next turn
        if (self->class.flush)
            self->class.flush (self->user);
    }
}

//  ---- Start and end

//  The part of a service's name before its dot names its schemas.
static fst_rc_t
s_find_schemas (fst_actor_t *self)
{
    const fst_command_t *commands = self->class.commands;
    for (int row = 0; commands && commands [row].name; row++) {
        assert (row < COMMANDS_MAX);
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

//  Whether to learn which sessions were revoked. Auth itself is the one who knows.
static bool
s_looks_at_tokens (const fst_actor_t *self)
{
    const fst_actor_options_t *options = &self->options;
    if (!options->broker || !options->keys || !options->keys->token
    || (options->service && strcmp (options->service, "auth") == 0))
        return false;
    for (const fst_command_t *row = self->class.commands; row && row->name; row++)
        if (row->need == FST_NEED_USER || row->need == FST_NEED_ADMIN || row->need == FST_NEED_ACTOR
        || row->need == FST_NEED_KNOWN)
            return true;
    return false;
}

static fst_rc_t
s_open (fst_actor_t *self)
{
    const fst_actor_options_t *options = &self->options;
    fst_rc_t rc = s_find_schemas (self);
    if (rc == FST_OK && options->port) {
        rc = fst_socket_bind (ZMQ_ROUTER, options->port, options->port_domain, options->keys, &self->port,
                              &self->problem);
        if (rc == FST_OK)
            self->port_endpoint = strdup (zsock_endpoint (self->port));
    }
    if (rc == FST_OK && s_looks_at_tokens (self))
        self->revoked = fst_revoked_new (self);
    if (rc == FST_OK)
        rc = s_open_events (self);
    if (rc == FST_OK && options->broker) {
        zsock_t *probe = NULL;
        rc = s_connect (self, ZMQ_DEALER, options->broker, &probe);
        zsock_destroy (&probe);
        self->caller = fst_caller_new (options->broker, options->keys, CONNECT_MS, REPLY_MS);
        fst_caller_set_token (self->caller, options->keys? options->keys->token: NULL);
    }
    return rc;
}

//  From now on the broker may send requests.
static void
s_open_lanes (fst_actor_t *self)
{
    const fst_actor_options_t *options = &self->options;
    int64_t now_ms = fst_clock_mono_ms ();
    if (options->service && options->broker && self->class.commands)
        for (size_t index = 0; index < options->lanes; index++)
            self->lanes [index] = fst_lane_new (options->broker, options->keys, options->service, now_ms);
    self->opened_ms = now_ms;
    self->beat_ms = now_ms + FST_MDP_HEARTBEAT_MS;
    self->tick_ms = self->class.tick? now_ms: INT64_MAX;
    self->revoked_ms = self->revoked? now_ms: INT64_MAX;
}

static void
s_end (fst_actor_t *self)
{
    s_call_t *call;
    while ((call = zlist_pop (self->calls)))
        s_call_done (call, FST_INTERRUPTED, NULL);
    if (self->class.stop)
        self->class.stop (self->user);
    assert (self->requests == 0);       //  stop answers what is held
}

static void
s_close (fst_actor_t *self)
{
    for (size_t index = 0; index < LANES_MAX; index++)
        fst_lane_destroy (&self->lanes [index]);
    if (self->port)
        zsock_set_linger (self->port, LINGER_MS);
    zsock_destroy (&self->port);
    zsock_destroy (&self->publisher);
    zsock_destroy (&self->subscriber);
    fst_caller_destroy (&self->caller);
    fst_revoked_destroy (&self->revoked);
    s_call_t *call;
    while ((call = zlist_pop (self->calls)))
        free (call);                    //  Made while stopping
}

static void
s_actor_thread (zsock_t *pipe, void *args)
{
    fst_actor_t *self = args;
    self->pipe = pipe;
    if (self->options.service)
        fst_log_set_subject (self->options.service);
    self->rc = s_open (self);
    if (self->rc == FST_OK && self->class.start)
        self->rc = self->class.start (self->user, self, &self->problem);
    bool started = self->rc == FST_OK;
    if (started)
        s_open_lanes (self);
    atomic_store (&self->started, true);
    zsock_signal (pipe, 0);
    if (started) {
        s_loop (self);
        s_end (self);
    }
    s_close (self);
    atomic_store (&self->ended, true);
}

fst_rc_t
fst_actor_new (const fst_actor_class_t *class, const fst_actor_options_t *options, void *user,
               fst_actor_t **actor_p, char **problem_p)
{
    assert (class && options);
    assert (actor_p && problem_p);
    assert (!options->service || (options->lanes >= 1 && options->lanes <= LANES_MAX));
    static const uint8_t nobody [FST_SIGN_PUBLIC_BYTES];
    fst_actor_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->class = *class;
    self->options = *options;
    self->user = user;
    self->trust = fst_trust_new (options->keys? options->keys->sign_public: nobody);
    self->calls = zlist_new ();
    self->thread = zactor_new (s_actor_thread, self);
    assert (self->thread);
    while (!atomic_load (&self->started))
        zclock_sleep (1);                   //  A signal cut the wait short
    fst_rc_t rc = self->rc;
    if (rc == FST_OK)
        *actor_p = self;
    else {
        *problem_p = self->problem? self->problem: strdup (fst_error_text (rc));
        self->problem = NULL;
        fst_actor_destroy (&self);
    }
    return rc;
}

void
fst_actor_destroy (fst_actor_t **self_p)
{
    assert (self_p);
    fst_actor_t *self = *self_p;
    if (!self)
        return;
    zactor_destroy (&self->thread);
    while (!atomic_load (&self->ended))
        zclock_sleep (1);                   //  A signal cut the wait short
    fst_trust_destroy (&self->trust);
    zlist_destroy (&self->calls);
    free (self->port_endpoint);
    free (self->problem);
    free (self);
    *self_p = NULL;
}

//  ---- For handlers

const char *
fst_actor_port (const fst_actor_t *self)
{
    assert (self);
    return self->port_endpoint;
}

void
fst_actor_add_fd (fst_actor_t *self, int fd, void (*readable) (void *arg), void *arg)
{
    assert (self && fd >= 0 && readable);
    assert (self->fds_count < FDS_MAX);
    self->fds [self->fds_count++] = (s_fd_t) { .fd = fd, .readable = readable, .arg = arg };
}

void
fst_actor_watch (fst_actor_t *self, zsock_t *socket, short events, void (*ready) (void *arg), void *arg)
{
    assert (self && socket && ready);
    size_t place = 0, unused = FST_ACTOR_WATCHED_MAX;
    while (place < self->watched_count && self->watched [place].socket != socket) {
        if (!self->watched [place].socket && place < unused)
            unused = place;
        place++;
    }
    if (place == self->watched_count) {             //  A new one
        if (!events)
            return;
        if (unused < place)
            place = unused;
        else {
            assert (place < FST_ACTOR_WATCHED_MAX);
            self->watched_count++;
        }
    }
    self->watched [place] = (s_watched_t) { .socket = events? socket: NULL, .events = events, .ready = ready, .arg = arg };
}

void
fst_actor_wake (fst_actor_t *self, int64_t at_ms)
{
    assert (self && self->class.tick);
    if (at_ms < self->tick_ms)
        self->tick_ms = at_ms;
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
    s_call_t *call = calloc (1, sizeof (*call));
    assert (call);
    call->done = done;
    call->arg = arg;
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

fst_rc_t
fst_actor_check_token (fst_actor_t *self, const char *token, fst_claims_t *claims)
{
    assert (self && claims);
    return fst_trust_check (self->trust, token, fst_clock_wall_ms (), claims);
}

void
fst_actor_die (fst_actor_t *self, const char *reason)
{
    assert (self && reason);
    fst_log_error ("the process ends: %s", reason);
    _exit (fst_error_exit (FST_IO));
}

void
fst_actor_revoke (fst_actor_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t expires_ms)
{
    assert (self);
    fst_trust_revoke (self->trust, session, expires_ms, fst_clock_wall_ms ());
}
