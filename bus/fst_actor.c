//  The actor loop: one thread, one poll over everything.

#include "fst_actor_self.h"
#include <assert.h>
#include <string.h>
#include <unistd.h>
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_mdp.h"
#include "fst_request.h"
#include "fst_socket.h"
#include "fst_watch.h"

#define TURN_MESSAGES   256         //  Handled before flush
#define CONNECT_MS      5000        //  For calls to other services
#define REPLY_MS        60000
#define LINGER_MS       200         //  For the last replies

//  ---- Loop

static void
s_add_item (fst_actor_t *self, fst_actor_kind_t kind, size_t index, zsock_t *socket, int fd, short events)
{
    assert (self->items_count < FST_ACTOR_ITEMS_MAX);
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
    s_add_item (self, FST_ACTOR_PIPE, 0, self->pipe, 0, ZMQ_POLLIN);
    for (size_t index = 0; index < FST_ACTOR_LANES_MAX && self->lanes [index]; index++)
        if (fst_lane_socket (self->lanes [index]))
            s_add_item (self, FST_ACTOR_LANE, index, fst_lane_socket (self->lanes [index]), 0,
                        fst_lane_events (self->lanes [index]));
    if (self->subscriber)
        s_add_item (self, FST_ACTOR_EVENTS, 0, self->subscriber, 0, ZMQ_POLLIN);
    if (zlist_size (self->calls))
        s_add_item (self, FST_ACTOR_CALLER, 0, fst_caller_socket (self->caller), 0, ZMQ_POLLIN);
    for (size_t index = 0; index < self->fds_count; index++)
        s_add_item (self, FST_ACTOR_FD, index, NULL, self->fds [index].fd, ZMQ_POLLIN);
    for (size_t index = 0; index < self->watched_count; index++)
        if (self->watched [index].socket)
            s_add_item (self, FST_ACTOR_WATCHED, index, self->watched [index].socket, 0, self->watched [index].events);
    if (self->port)
        s_add_item (self, FST_ACTOR_PORT, 0, self->port, 0, ZMQ_POLLIN);
}

static int64_t
s_wake_ms (fst_actor_t *self, int64_t now_ms)
{
    int64_t wake_ms = self->beat_ms < self->tick_ms? self->beat_ms: self->tick_ms;
    if (self->revoked_ms < wake_ms)
        wake_ms = self->revoked_ms;
    if (self->metrics_ms < wake_ms)
        wake_ms = self->metrics_ms;
    if (self->events_ms < wake_ms)
        wake_ms = self->events_ms;
    for (size_t index = 0; index < FST_ACTOR_LANES_MAX && self->lanes [index]; index++)
        if (fst_lane_wake_ms (self->lanes [index]) < wake_ms)
            wake_ms = fst_lane_wake_ms (self->lanes [index]);
    fst_actor_call_t *call = zlist_first (self->calls);
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
        case FST_ACTOR_PIPE:
            return false;               //  $TERM is all it ever says
        case FST_ACTOR_LANE:
            left -= fst_actor_read_lane (self, self->lanes [index], now_ms);
            break;
        case FST_ACTOR_EVENTS:
            fst_actor_read_events (self);
            break;
        case FST_ACTOR_CALLER:
            break;                      //  Looked after in every turn
        case FST_ACTOR_FD:
            self->fds [index].readable (self->fds [index].arg);
            break;
        case FST_ACTOR_WATCHED:
            if (self->watched [index].socket)       //  Another one's callback may have ended it
                self->watched [index].ready (self->watched [index].arg);
            break;
        case FST_ACTOR_PORT:
            fst_actor_read_port (self, left);
            break;
        }
    }
    return true;
}

//  What time alone asks for.
static void
s_timers (fst_actor_t *self, int64_t now_ms)
{
    for (size_t index = 0; index < FST_ACTOR_LANES_MAX && self->lanes [index]; index++)
        if (fst_lane_wake_ms (self->lanes [index]) <= now_ms)
            fst_actor_read_lane (self, self->lanes [index], now_ms);
    if (now_ms >= self->beat_ms) {
        for (size_t index = 0; index < FST_ACTOR_LANES_MAX && self->lanes [index]; index++)
            fst_lane_beat (self->lanes [index], now_ms);
        self->beat_ms = now_ms + FST_MDP_HEARTBEAT_MS;
    }
    fst_actor_follow_lanes (self);
    if (now_ms >= self->revoked_ms)
        self->revoked_ms = fst_revoked_tick (self->revoked, now_ms);
    if (now_ms >= self->metrics_ms)
        self->metrics_ms = fst_actor_tick_metrics (self, now_ms);
    if (now_ms >= self->tick_ms)
        self->tick_ms = self->class.tick (self->user, now_ms);
    if (now_ms >= self->events_ms)
        self->events_ms = fst_actor_tick_durable (self, now_ms);
}

static void
s_loop (fst_actor_t *self)
{
    fst_watch_t *watch = fst_watch_new (self->options.service? self->options.service: "actor");
    bool go_on = true;
    while (go_on) {
        s_collect_items (self);
        int64_t now_ms = fst_clock_mono_ms ();
        int64_t wait_ms = s_wake_ms (self, now_ms) - now_ms;
        fst_watch_turn (watch, wait_ms);
        int found = zmq_poll (self->items, (int) self->items_count, wait_ms > 0? (long) wait_ms: 0);
        if (found < 0 && errno != EINTR)
            break;                      //  The context is gone
        now_ms = fst_clock_mono_ms ();
        if (found > 0)
            go_on = s_read (self, now_ms);
        if (zlist_size (self->calls))
            fst_actor_finish_calls (self);
        s_timers (self, now_ms);        //  May read a request too, whose reply must not wait for the next turn
        if (self->class.flush)
            self->class.flush (self->user);
    }
    fst_watch_destroy (&watch);
}

//  ---- Start and end

//  Whether to learn which sessions were revoked. Auth itself is the one who knows.
static bool
s_looks_at_tokens (const fst_actor_t *self)
{
    const fst_actor_options_t *options = &self->options;
    if (!options->broker || !options->keys || !options->keys->token
    || (options->service && strcmp (options->service, "auth") == 0))
        return false;
    for (const fst_command_t *row = self->class.commands; row && row->name; row++)
        if (row->need != FST_NEED_NOTHING && row->need != FST_NEED_CAPABILITY)
            return true;
    return false;
}

static fst_rc_t
s_open (fst_actor_t *self)
{
    const fst_actor_options_t *options = &self->options;
    fst_rc_t rc = fst_actor_find_schemas (self);
    if (rc == FST_OK && options->port) {
        rc = fst_socket_bind (ZMQ_ROUTER, options->port, options->port_domain, options->keys, &self->port,
                              &self->problem);
        if (rc == FST_OK)
            self->port_endpoint = strdup (zsock_endpoint (self->port));
    }
    if (rc == FST_OK && s_looks_at_tokens (self))
        self->revoked = fst_revoked_new (self);
    if (rc == FST_OK)
        rc = fst_actor_open_events (self);
    if (rc == FST_OK && options->broker) {
        zsock_t *probe = NULL;
        rc = fst_actor_connect (self, ZMQ_DEALER, options->broker, &probe);
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
    if (options->service && options->broker)
        for (size_t index = 0; index < options->lanes; index++)
            self->lanes [index] = fst_lane_new (options->broker, options->keys, options->service, now_ms);
    self->opened_ms = now_ms;
    self->beat_ms = now_ms + FST_MDP_HEARTBEAT_MS;
    self->tick_ms = self->class.tick? now_ms: INT64_MAX;
    self->revoked_ms = self->revoked? now_ms: INT64_MAX;
    fst_actor_open_durable (self);
}

static void
s_end (fst_actor_t *self)
{
    fst_actor_end_calls (self);
    if (self->class.stop)
        self->class.stop (self->user);
    fst_actor_close_durable (self);
    assert (self->requests == 0);       //  stop answers what is held
}

static void
s_close (fst_actor_t *self)
{
    for (size_t index = 0; index < FST_ACTOR_LANES_MAX; index++)
        fst_lane_destroy (&self->lanes [index]);
    if (self->port)
        zsock_set_linger (self->port, LINGER_MS);
    zsock_destroy (&self->port);
    zsock_destroy (&self->publisher);
    zsock_destroy (&self->subscriber);
    fst_caller_destroy (&self->caller);
    fst_revoked_destroy (&self->revoked);
    fst_actor_call_t *call;
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
    assert (!options->service || (options->lanes >= 1 && options->lanes <= FST_ACTOR_LANES_MAX));
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

const fst_config_t *
fst_actor_config (const fst_actor_t *self)
{
    assert (self);
    return self->options.config;
}

const fst_keys_t *
fst_actor_keys (const fst_actor_t *self)
{
    assert (self);
    return self->options.keys;
}

void
fst_actor_add_fd (fst_actor_t *self, int fd, void (*readable) (void *arg), void *arg)
{
    assert (self && fd >= 0 && readable);
    assert (self->fds_count < FST_ACTOR_FDS_MAX);
    self->fds [self->fds_count++] = (fst_actor_fd_t) { .fd = fd, .readable = readable, .arg = arg };
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
    self->watched [place] = (fst_actor_watched_t) { .socket = events? socket: NULL, .events = events, .ready = ready, .arg = arg };
}

void
fst_actor_wake (fst_actor_t *self, int64_t at_ms)
{
    assert (self && self->class.tick);
    if (at_ms < self->tick_ms)
        self->tick_ms = at_ms;
}

fst_rc_t
fst_actor_check_token (fst_actor_t *self, const char *token, fst_claims_t *claims)
{
    assert (self && claims);
    return fst_trust_check (self->trust, token, fst_clock_wall_ms (), claims);
}

bool
fst_actor_is_revoked (const fst_actor_t *self, const uint8_t session [FST_SESSION_BYTES])
{
    assert (self && session);
    return fst_trust_is_revoked (self->trust, session);
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
