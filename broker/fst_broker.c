//  The broker's thread: four sockets around the router (fst_router.h) and the event proxy.

#include "fst_broker.h"
#include <assert.h>
#include <czmq.h>
#include <stdatomic.h>
#include <string.h>
#include "fst_broker_service.h"
#include "fst_clock.h"
#include "fst_listeners.h"
#include "fst_log.h"
#include "fst_roles.h"
#include "fst_router.h"
#include "fst_socket.h"
#include "fst_watch.h"

#define TURN_MESSAGES   64          //  Read from one socket before the others have their turn
#define CUT_MS          1000        //  Between two looks for listeners who are out
#define LINGER_MS       200         //  For the DISCONNECTs at the end
#define TOPIC_BYTES_MAX 200         //  libzmq 4.3.4 corrupts the stream from 246 on
#define EVENT_BYTES_MAX (256 * 1024)        //  A thousand may wait for a subscriber that does not read

enum { PIPE, CLIENTS, ACTORS, EVENTS_IN, EVENTS_OUT, SOCKETS };

struct fst_broker {
    zsock_t *sockets [SOCKETS];     //  PIPE is the thread's end, borrowed; the thread has them all while it runs
    fst_router_t *router;           //  The service looks at it, too
    fst_tap_t *tap;                 //  Same
    pthread_mutex_t lock;           //  Held while somebody uses the router
    fst_broker_service_t *service;  //  NULL: no token, so there is none
    fst_gate_t *gate;               //  Borrowed
    fst_log_sparing_t sparing;      //  Events that are refused
    fst_listeners_t *listeners;
    int64_t cut_ms;                 //  When to look at them
    zactor_t *thread;
    char inner [3] [64];            //  Endpoints of the service
    atomic_bool ended;              //  The thread's; CZMQ hands over by messages, which sanitizers do not see
};

//  ---- Commands

static void
s_flush (fst_broker_t *self)
{
    fst_router_side_t side;
    zmsg_t *message;
    while ((message = fst_router_next (self->router, &side))) {
        zsock_t *socket = self->sockets [side == FST_ROUTER_CLIENTS? CLIENTS: ACTORS];
        if (fst_socket_try (socket, &message) != FST_OK)
            fst_router_undelivered (self->router, side, &message);
    }
}

//  A peer that the gate let in as an actor, and would not let in now.
static bool
s_is_out (void *arg, const char *user_id)
{
    fst_broker_t *self = arg;
    return *user_id && self->gate && !fst_gate_knows (self->gate, user_id);
}

static void
s_commands (fst_broker_t *self, fst_router_side_t side)
{
    char user_id [256];
    zsock_t *socket = self->sockets [side == FST_ROUTER_CLIENTS? CLIENTS: ACTORS];
    for (int count = 0; count < TURN_MESSAGES; count++) {
        zmsg_t *message = fst_socket_recv (socket, user_id, sizeof (user_id));
        if (!message)
            break;
        if (side == FST_ROUTER_ACTORS && s_is_out (self, user_id))
            strcpy (user_id, "actor:");  //  A worker may offer nothing, then; calls are up to the token
        fst_router_receive (self->router, side, user_id, &message, fst_clock_mono_ms ());
        s_flush (self);
    }
}

//  ---- Events

//  A topic and a body, by somebody who may publish that.
static bool
s_may_pass (fst_broker_t *self, const char *user_id, zmsg_t *event)
{
    zframe_t *topic = zmsg_first (event);
    return zmsg_size (event) == 2 && zframe_size (topic) <= TOPIC_BYTES_MAX && zmsg_content_size (event) <= EVENT_BYTES_MAX
        && fst_roles_may_publish (user_id, (const char *) zframe_data (topic), zframe_size (topic))
        && !s_is_out (self, user_id);
}

static void
s_event (fst_broker_t *self, const char *user_id, zmsg_t **message_p)
{
    if (s_may_pass (self, user_id, *message_p)) {
        if (fst_socket_send (self->sockets [EVENTS_OUT], message_p) != FST_OK)
            fst_log_debug ("event dropped");        //  Events may be lost
        return;
    }
    char *topic = zframe_strdup (zmsg_first (*message_p)), quoted [64];
    if (fst_log_sparing (&self->sparing))
        fst_log_warning ("event refused role=%s topic=\"%s\" frames=%zu bytes=%zu", user_id,
                         fst_log_quote (topic, quoted, sizeof (quoted)), zmsg_size (*message_p), zmsg_content_size (*message_p));
    free (topic);
    zmsg_destroy (message_p);
}

static void
s_events_in (fst_broker_t *self)
{
    char user_id [256];
    for (int count = 0; count < TURN_MESSAGES; count++) {
        zmsg_t *message = fst_socket_recv (self->sockets [EVENTS_IN], user_id, sizeof (user_id));
        if (!message)
            break;
        s_event (self, user_id, &message);
    }
}

//  Publishers send us everything, so that a new subscriber waits for nobody; what it wants, libzmq knows.
static void
s_events_out (fst_broker_t *self)
{
    char user_id [256];
    for (int count = 0; count < TURN_MESSAGES; count++) {
        zmsg_t *subscription = fst_socket_recv (self->sockets [EVENTS_OUT], user_id, sizeof (user_id));
        if (!subscription)
            break;
        if (*user_id)
            fst_listeners_heard (self->listeners, user_id, zmsg_last (subscription));
        zmsg_destroy (&subscription);
    }
}

static void
s_subscribe_all (zsock_t *events_in)
{
    zmsg_t *message = zmsg_new ();
    zmsg_addmem (message, "\1", 1);
    fst_rc_t rc = fst_socket_send (events_in, &message);
    assert (rc == FST_OK);
}

//  ---- Thread

//  Returns false when the pipe says to end.
static bool
s_turn (fst_broker_t *self, zmq_pollitem_t *items)
{
    if (items [PIPE].revents)
        return false;                   //  $TERM is all it ever says
    pthread_mutex_lock (&self->lock);
    if (items [CLIENTS].revents)
        s_commands (self, FST_ROUTER_CLIENTS);
    if (items [ACTORS].revents)
        s_commands (self, FST_ROUTER_ACTORS);
    pthread_mutex_unlock (&self->lock);
    if (items [EVENTS_IN].revents)
        s_events_in (self);
    if (items [EVENTS_OUT].revents)
        s_events_out (self);
    return true;
}

static void
s_broker_thread (zsock_t *pipe, void *args)
{
    fst_broker_t *self = args;
    fst_log_set_subject ("broker");
    self->sockets [PIPE] = pipe;
    zmq_pollitem_t items [SOCKETS] = { { 0 } };
    for (int at = 0; at < SOCKETS; at++)
        items [at] = (zmq_pollitem_t) { .socket = zsock_resolve (self->sockets [at]), .events = ZMQ_POLLIN };
    zsock_signal (pipe, 0);

    fst_watch_t *watch = fst_watch_new ("broker");
    bool go_on = true;
    while (go_on) {
        int64_t now_ms = fst_clock_mono_ms ();
        pthread_mutex_lock (&self->lock);
        int64_t wake_ms = fst_router_tick (self->router, now_ms);
        s_flush (self);
        pthread_mutex_unlock (&self->lock);
        fst_watch_turn (watch, wake_ms - now_ms);
        int found = zmq_poll (items, SOCKETS, wake_ms > now_ms? (long) (wake_ms - now_ms): 0);
        if (now_ms >= self->cut_ms) {
            fst_listeners_cut (self->listeners, s_is_out, self);
            self->cut_ms = now_ms + CUT_MS;
        }
        if (found > 0)
            go_on = s_turn (self, items);
        else
        if (found < 0 && errno != EINTR)
            break;                      //  The context is gone
    }
    fst_watch_destroy (&watch);
    fst_router_disconnect (self->router);
    s_flush (self);
    atomic_store (&self->ended, true);
}

//  ---- Class

//  Threads of this process come in by doors of their own, so that it needs no keys to reach itself.
static void
s_inner_endpoint (const fst_broker_t *self, const char *door, char *endpoint, size_t size)
{
    snprintf (endpoint, size, "inproc://broker-%p-%s", (const void *) self, door);
}

static fst_rc_t
s_start_service (fst_broker_t *self, const fst_broker_options_t *options, char **problem_p)
{
    const fst_keys_t *keys = options->keys;
    if (!keys || !keys->token)
        return FST_OK;
    static const struct { int socket; const char *door; } doors [] = {
        { ACTORS, "actors" }, { EVENTS_IN, "in" }, { EVENTS_OUT, "out" }
    };
    for (size_t at = 0; at < sizeof (doors) / sizeof (doors [0]); at++) {
        s_inner_endpoint (self, doors [at].door, self->inner [at], sizeof (self->inner [at]));
        int rc = zmq_bind (zsock_resolve (self->sockets [doors [at].socket]), self->inner [at]);
        assert (rc == 0);               //  The address is a number that nobody else has
    }
    fst_actor_options_t bus = {
        .broker = self->inner [0], .events_in = self->inner [1], .events_out = self->inner [2], .keys = keys,
        .metrics_ms = options->metrics_ms
    };
    return fst_broker_service_new (self->router, self->tap, &self->lock, &bus, &self->service, problem_p);
}

fst_rc_t
fst_broker_new (const fst_broker_options_t *options, fst_broker_t **self_p, char **problem_p)
{
    assert (options && self_p && problem_p);
    fst_broker_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->gate = options->gate;
    self->listeners = fst_listeners_new ();
    pthread_mutex_init (&self->lock, NULL);
    const struct { int type; const char *endpoint, *domain; } binds [SOCKETS] = {
        [CLIENTS]    = { ZMQ_ROUTER, options->clients,    "client" },
        [ACTORS]     = { ZMQ_ROUTER, options->actors,     "actor" },
        [EVENTS_IN]  = { ZMQ_XSUB,   options->events_in,  "actor" },
        [EVENTS_OUT] = { ZMQ_XPUB,   options->events_out, "actor" },
    };
    fst_rc_t rc = FST_OK;
    for (int at = CLIENTS; at < SOCKETS && rc == FST_OK; at++)
        rc = fst_socket_bind (binds [at].type, binds [at].endpoint, binds [at].domain, options->keys,
                              &self->sockets [at], problem_p);
    if (rc != FST_OK) {
        fst_broker_destroy (&self);
        return rc;
    }
    zsock_set_xpub_verbose (self->sockets [EVENTS_OUT], 1);     //  Subscriptions of all, not of the first for each topic
    s_subscribe_all (self->sockets [EVENTS_IN]);
    self->router = fst_router_new (fst_clock_mono_ms (), fst_clock_mono_us);
    self->tap = fst_tap_new (fst_clock_wall_ms, fst_clock_mono_us, options->keys && options->keys->token? options->keys->sign_public: NULL);
    fst_router_set_tap (self->router, self->tap);
    rc = s_start_service (self, options, problem_p);  //  Before the thread has the sockets
    if (rc != FST_OK) {
        fst_broker_destroy (&self);
        return rc;
    }
    self->thread = zactor_new (s_broker_thread, self);
    assert (self->thread);
    *self_p = self;
    return FST_OK;
}

void
fst_broker_destroy (fst_broker_t **self_p)
{
    assert (self_p);
    fst_broker_t *self = *self_p;
    if (!self)
        return;
    bool ran = self->thread != NULL;
    fst_broker_service_destroy (&self->service);
    zactor_destroy (&self->thread);
    while (ran && !atomic_load (&self->ended))
        zclock_sleep (1);               //  A signal cut the wait short
    for (int at = CLIENTS; at < SOCKETS; at++) {
        if (self->sockets [at])
            zsock_set_linger (self->sockets [at], LINGER_MS);
        zsock_destroy (&self->sockets [at]);
    }
    fst_listeners_destroy (&self->listeners);
    fst_router_destroy (&self->router);
    fst_tap_destroy (&self->tap);
    pthread_mutex_destroy (&self->lock);
    free (self);
    *self_p = NULL;
}

const char *
fst_broker_clients (const fst_broker_t *self)
{
    return zsock_endpoint (self->sockets [CLIENTS]);
}

const char *
fst_broker_actors (const fst_broker_t *self)
{
    return zsock_endpoint (self->sockets [ACTORS]);
}

const char *
fst_broker_events_in (const fst_broker_t *self)
{
    return zsock_endpoint (self->sockets [EVENTS_IN]);
}

const char *
fst_broker_events_out (const fst_broker_t *self)
{
    return zsock_endpoint (self->sockets [EVENTS_OUT]);
}
