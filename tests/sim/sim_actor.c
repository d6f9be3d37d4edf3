//  bus/fst_actor.h in virtual time: messages wait for the actor's next turn, in which they are handled in the order
//  of the real loop, then the timers, then flush. Requests are the real ones (bus/fst_request.c).

#include "sim_world.h"
#include <assert.h>
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_request.h"
#include "fst_trust.h"

#define FDS_MAX         32
#define COMMANDS_MAX    64
#define TURN_MESSAGES   256
#define PORT_REQUESTS   4096

typedef struct {
    sim_item_fn *handle;
    void *arg;
} s_item_t;

struct fst_actor {
    fst_actor_class_t class;
    fst_actor_options_t options;
    void *user;
    sim_part_t *part;
    unsigned life;
    const fst_schema_command_t *schemas [COMMANDS_MAX];
    fst_trust_t *trust;
    zlist_t *items [SIM_KINDS];
    struct {
        int fd;
        void (*readable) (void *arg);
        void *arg;
        bool pending;
    } fds [FDS_MAX];
    size_t fds_count, requests, port_requests;
    zmsg_t *reply_frames;           //  Behind the reply that is handled now; borrowed
    fst_rc_t reply_rc;              //  Of that reply
    int64_t tick_ms;                //  On its own clock
    int64_t wake_ms;                //  When its next turn is due; virtual
};

//  Where a request came from: behind its lane, or in its peer frame.
typedef struct {
    uint64_t number;
} s_origin_t;

//  ---- Turns

static void
s_turn (sim_t *sim, void *arg);

typedef struct {
    fst_actor_t *actor;
    sim_part_t *part;
    unsigned life;
} s_wake_t;

static void
s_wake (fst_actor_t *self, int64_t at_ms)
{
    if (at_ms == INT64_MAX || (self->wake_ms <= at_ms && self->wake_ms >= sim_world->now_ms))
        return;
    s_wake_t *wake = malloc (sizeof (*wake));
    assert (wake);
    *wake = (s_wake_t) { self, self->part, self->life };
    self->wake_ms = at_ms > sim_world->now_ms? at_ms: sim_world->now_ms;
    sim_at (sim_world, self->wake_ms, s_turn, wake);
}

static bool
s_has_items (const fst_actor_t *self)
{
    for (int kind = 0; kind < SIM_KINDS; kind++)
        if (zlist_size (self->items [kind]))
            return true;
    return false;
}

static void
s_do_turn (void *arg)
{
    fst_actor_t *self = arg;
    int left = TURN_MESSAGES;
    for (int kind = 0; kind < SIM_KINDS; kind++)
        for (size_t count = zlist_size (self->items [kind]); count && left; count--, left--) {
            s_item_t *item = zlist_pop (self->items [kind]);
            sim_point ();
            item->handle (self, item->arg);
            free (item);
        }
    int64_t now_ms = fst_clock_mono_ms ();
    if (now_ms >= self->tick_ms) {
        sim_point ();
        self->tick_ms = self->class.tick (self->user, now_ms);
    }
    sim_point ();
    if (self->class.flush)
        self->class.flush (self->user);
}

static void
s_turn (sim_t *sim, void *arg)
{
    s_wake_t wake = *(s_wake_t *) arg;
    if (wake.part->up && wake.part->life == wake.life && wake.part->paused_until_ms > sim->now_ms) {
        wake.actor->wake_ms = wake.part->paused_until_ms;
        sim_at (sim, wake.part->paused_until_ms, s_turn, arg);
        return;
    }
    free (arg);
    if (!wake.part->up || wake.part->life != wake.life || wake.actor->wake_ms != sim->now_ms)
        return;                         //  It ended, or an earlier turn was asked for
    fst_actor_t *self = wake.actor;
    self->wake_ms = -1;
    sim_note (sim, "turn", (uint64_t) wake.part->index, 0);
    if (!sim_run (wake.part, s_do_turn, self))
        return;
    int64_t next_ms = sim_from_mono (wake.part, self->tick_ms);
    s_wake (self, s_has_items (self)? sim->now_ms: next_ms > sim->now_ms? next_ms: sim->now_ms + 1);
}

void
sim_actor_push (sim_part_t *part, sim_kind_t kind, sim_item_fn *handle, void *arg)
{
    fst_actor_t *self = part->actor;
    assert (self);
    s_item_t *item = malloc (sizeof (*item));
    assert (item);
    *item = (s_item_t) { handle, arg };
    zlist_append (self->items [kind], item);
    s_wake (self, sim_world->now_ms + (int64_t) sim_luck (sim_world, 2));
}

//  ---- Requests

static void
s_answer (void *arg, fst_request_t *request, zmsg_t **answer_p)
{
    fst_actor_t *self = arg;
    sim_point ();
    self->requests--;
    if (request->lane) {
        s_origin_t *origin = (s_origin_t *) request->lane;
        sim_net_answer (self->part, origin->number, *answer_p);
        *answer_p = NULL;
        free (origin);
        sim_point ();
        return;
    }
    self->port_requests--;
    uint64_t wire;
    assert (zframe_size (request->peer) == sizeof (wire));
    memcpy (&wire, zframe_data (request->peer), sizeof (wire));
    sim_wire_answer (self->part, wire, *answer_p);
    *answer_p = NULL;
    sim_point ();
}

static int
s_find_command (const fst_actor_t *self, const char *name)
{
    for (int row = 0; self->class.commands && self->class.commands [row].name; row++)
        if (streq (self->class.commands [row].name, name))
            return row;
    return -1;
}

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
    request->has_claims = need == FST_NEED_ACTOR? role == FST_ROLE_ACTOR:
                          need == FST_NEED_ADMIN? role == FST_ROLE_ADMIN && session:
                          need == FST_NEED_SESSION? session:
                          need == FST_NEED_KNOWN || role != FST_ROLE_ACTOR;
    return request->has_claims? FST_OK: FST_DENIED;
}

static void
s_request (fst_actor_t *self, fst_request_t *request, zmsg_t *message)
{
    char where [256] = "";
    self->requests++;
    if (request->peer)
        self->port_requests++;
    fst_rc_t rc = fst_request_decode (request, &message, where, sizeof (where));
    int row = rc == FST_OK? s_find_command (self, request->envelope.command): 0;
    if (rc == FST_OK && row < 0)
        rc = FST_UNKNOWN_COMMAND;
    if (rc == FST_OK) {
        request->schema = self->schemas [row];
        rc = s_check_need (self, request, self->class.commands [row].need);
    }
    if (rc == FST_OK)
        rc = fst_schema_check (request->schema->request, request->envelope.payload, where, sizeof (where));
    if (rc == FST_OK && request->peer && self->port_requests > PORT_REQUESTS)
        rc = FST_BUSY;
    if (rc == FST_OK)
        self->class.commands [row].handle (self->user, &request);
    else
        fst_request_fail (&request, rc, *where? "%s": NULL, where);
    if (request)
        sim_fail (sim_world, __FILE__, __LINE__, fst_request_command (request));
}

typedef struct {
    uint64_t number;
    zmsg_t *message;
} s_incoming_t;

static s_incoming_t *
s_incoming (uint64_t number, zmsg_t *message)
{
    s_incoming_t *incoming = malloc (sizeof (*incoming));
    assert (incoming);
    *incoming = (s_incoming_t) { number, message };
    return incoming;
}

static void
s_handle_lane (fst_actor_t *self, void *arg)
{
    s_incoming_t incoming = *(s_incoming_t *) arg;
    free (arg);
    s_origin_t *origin = malloc (sizeof (*origin));
    assert (origin);
    origin->number = incoming.number;
    s_request (self, fst_request_new (s_answer, self, (fst_lane_t *) origin, NULL), incoming.message);
}

static void
s_handle_port (fst_actor_t *self, void *arg)
{
    s_incoming_t incoming = *(s_incoming_t *) arg;
    free (arg);
    zframe_t *peer = zframe_new (&incoming.number, sizeof (incoming.number));
    fst_request_t *request = fst_request_new (s_answer, self, NULL, &peer);
    snprintf (request->user, sizeof (request->user), "%s", sim_wire_user (incoming.number));
    s_request (self, request, incoming.message);
}

void
sim_actor_request (sim_part_t *part, uint64_t entry, zmsg_t *body)
{
    sim_actor_push (part, SIM_LANE, s_handle_lane, s_incoming (entry, body));
}

void
sim_actor_port (sim_part_t *part, uint64_t wire, zmsg_t *message)
{
    sim_actor_push (part, SIM_PORT, s_handle_port, s_incoming (wire, message));
}

//  ---- Events

typedef struct {
    fst_event_fn *handle;
    char *topic;
    json_t *body;
} s_event_t;

static void
s_handle_event (fst_actor_t *self, void *arg)
{
    s_event_t event = *(s_event_t *) arg;
    free (arg);
    event.handle (self->user, event.topic, event.body);
    free (event.topic);
    json_decref (event.body);
}

void
sim_actor_event (sim_part_t *part, const char *topic, json_t *body)
{
    for (const fst_topic_t *row = part->actor->class.topics; row && row->topic; row++)
        if (strncmp (row->topic, topic, strlen (row->topic)) == 0) {
            s_event_t *event = malloc (sizeof (*event));
            assert (event);
            *event = (s_event_t) { row->handle, strdup (topic), json_deep_copy (body) };
            sim_actor_push (part, SIM_EVENT, s_handle_event, event);
            return;
        }
}

//  ---- Descriptors of pools

static void
s_handle_fd (fst_actor_t *self, void *arg)
{
    size_t at = (size_t) (uintptr_t) arg;
    self->fds [at].pending = false;
    self->fds [at].readable (self->fds [at].arg);
}

void
sim_actor_readable (sim_part_t *part, int fd)
{
    fst_actor_t *self = part->actor;
    for (size_t at = 0; self && at < self->fds_count; at++)
        if (self->fds [at].fd == fd && !self->fds [at].pending) {
            self->fds [at].pending = true;
            sim_actor_push (part, SIM_FD, s_handle_fd, (void *) (uintptr_t) at);
        }
}

void
fst_actor_add_fd (fst_actor_t *self, int fd, void (*readable) (void *arg), void *arg)
{
    assert (self && fd >= 1000000);     //  A pool's; nothing else is there to be polled
    assert (self->fds_count < FDS_MAX);
    self->fds [self->fds_count].fd = fd;
    self->fds [self->fds_count].readable = readable;
    self->fds [self->fds_count++].arg = arg;
}

void
fst_actor_watch (fst_actor_t *self, zsock_t *socket, short events, void (*ready) (void *arg), void *arg)
{
    (void) self;
    (void) socket;
    (void) events;
    (void) ready;
    (void) arg;
    sim_fail (sim_world, __FILE__, __LINE__, "an actor has a socket of its own, and there is none in this world");
}

void
fst_actor_wake (fst_actor_t *self, int64_t at_ms)
{
    assert (self && self->class.tick);
    if (at_ms < self->tick_ms)
        self->tick_ms = at_ms;
    s_wake (self, sim_from_mono (self->part, self->tick_ms));
}

//  ---- Out

const char *
fst_actor_port (const fst_actor_t *self)
{
    return self->options.port;
}

void
fst_actor_publish (fst_actor_t *self, const char *topic, json_t *body)
{
    assert (self && topic && body);
    char where [256] = "an event without a schema";
    const fst_schema_t *schema = fst_schema_event (topic);
    if (!schema || fst_schema_check (schema, body, where, sizeof (where)) != FST_OK)
        sim_fail (sim_world, __FILE__, __LINE__, where);
    sim_point ();
    sim_net_publish (self->part, topic, body);
}

typedef struct {
    sim_part_t *part;
    fst_call_done_fn *done;
    void *arg;
    fst_rc_t rc;
    json_t *reply;
    zmsg_t *frames;
} s_call_t;

static void
s_handle_done (fst_actor_t *self, void *arg)
{
    s_call_t call = *(s_call_t *) arg;
    free (arg);
    self->reply_frames = call.frames && zmsg_size (call.frames)? call.frames: NULL;
    self->reply_rc = call.rc;
    if (call.done)
        call.done (call.arg, call.rc, call.reply);
    self->reply_frames = NULL;
    json_decref (call.reply);
    zmsg_destroy (&call.frames);
}

static void
s_called (void *arg, fst_rc_t rc, json_t *reply, zmsg_t **frames_p)
{
    s_call_t *call = arg;
    call->rc = rc;
    call->reply = rc == FST_OK? json_deep_copy (reply): NULL;
    if (frames_p) {
        call->frames = *frames_p;
        *frames_p = NULL;
    }
    sim_actor_push (call->part, SIM_DONE, s_handle_done, call);
}

void
fst_actor_call (fst_actor_t *self, const char *service, const char *command, json_t *payload,
                fst_call_done_fn *done, void *arg)
{
    sim_point ();
    s_call_t *call = calloc (1, sizeof (*call));
    assert (call);
    call->part = self->part;
    call->done = done;
    call->arg = arg;
    sim_net_call (self->part, service, command, self->options.keys->token, payload, s_called, call);
}

zmsg_t *
fst_actor_reply_frames (fst_actor_t *self)
{
    return self->reply_frames;
}

const char *
fst_actor_problem (const fst_actor_t *self)
{
    return fst_error_text (self->reply_rc);
}

//  Nobody asks for metrics here.
void
fst_actor_figure (fst_figures_t *figures, const char *name, const char *help, int64_t value)
{
    (void) figures, (void) name, (void) help, (void) value;
}

void
fst_actor_die (fst_actor_t *self, const char *reason)
{
    sim_say (sim_world, "%s: ends: %s", self->part->name, reason);
    sim_end_running ();
}

void
fst_actor_revoke (fst_actor_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t expires_ms)
{
    fst_trust_revoke (self->trust, session, expires_ms, fst_clock_wall_ms ());
}

unsigned
sim_actor_lanes (const sim_part_t *part)
{
    return part->actor->options.lanes;
}

const char *
sim_actor_service (const sim_part_t *part)
{
    return part->actor->options.service;
}

//  ---- Start and end

fst_rc_t
fst_actor_new (const fst_actor_class_t *class, const fst_actor_options_t *options, void *user,
               fst_actor_t **actor_p, char **problem_p)
{
    sim_part_t *part = sim_world->running;
    assert (part && !part->actor);
    fst_actor_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->class = *class;
    self->options = *options;
    self->user = user;
    self->part = part;
    self->life = part->life;
    self->wake_ms = -1;
    self->trust = fst_trust_new (options->keys->sign_public);
    for (int kind = 0; kind < SIM_KINDS; kind++)
        self->items [kind] = zlist_new ();
    for (int row = 0; class->commands && class->commands [row].name; row++) {
        assert (row < COMMANDS_MAX);
        self->schemas [row] = fst_schema_find (options->service, class->commands [row].name);
        assert (self->schemas [row]);
    }
    part->actor = self;
    fst_rc_t rc = class->start? class->start (user, self, problem_p): FST_OK;
    if (rc != FST_OK) {
        self->class.stop = NULL;
        fst_actor_destroy (&self);
        return rc;
    }
    self->tick_ms = class->tick? fst_clock_mono_ms (): INT64_MAX;
    s_wake (self, sim_world->now_ms);
    *actor_p = self;
    return FST_OK;
}

//  What comes in is not read any more; calls end, and stop answers what is held.
void
fst_actor_destroy (fst_actor_t **self_p)
{
    fst_actor_t *self = *self_p;
    if (!self)
        return;
    sim_net_interrupt (self->part);
    for (sim_kind_t kind = SIM_LANE; kind < SIM_KINDS; kind++)
        for (s_item_t *item; (item = zlist_pop (self->items [kind])); free (item))
            if (kind == SIM_DONE)               //  Of calls, and of peers
                item->handle (self, item->arg);
    if (self->class.stop)
        self->class.stop (self->user);
    for (int kind = 0; kind < SIM_KINDS; kind++)
        zlist_destroy (&self->items [kind]);
    assert (self->requests == 0);
    fst_trust_destroy (&self->trust);
    self->part->actor = NULL;
    free (self);
    *self_p = NULL;
}
