//  The Majordomo broker as a pure state machine.

#include "fst_router_self.h"
#include <assert.h>
#include <string.h>

typedef struct {
    fst_router_side_t side;
    zmsg_t *message;
} s_send_t;

//  ---- What its files share

void
fst_router_append (fst_router_t *self, fst_router_side_t side, zmsg_t *message)
{
    s_send_t *send = malloc (sizeof (*send));
    assert (send);
    *send = (s_send_t) { .side = side, .message = message };
    zlist_append (self->sends, send);
}

void
fst_router_send (fst_router_t *self, fst_router_side_t side, const fst_mdp_head_t *head, int command, zmsg_t *message)
{
    fst_mdp_head_t with_command = *head;
    with_command.command = command;
    fst_mdp_head_put (message, &with_command);
    fst_router_append (self, side, message);
}

char *
fst_router_service_name (zframe_t *frame)
{
    size_t bytes = frame? zframe_size (frame): 0;
    if (bytes == 0 || bytes > FST_MDP_SERVICE_BYTES_MAX)
        return NULL;
    for (size_t at = 0; at < bytes; at++)
        if (zframe_data (frame) [at] <= ' ' || zframe_data (frame) [at] > '~')
            return NULL;
    return zframe_strdup (frame);
}

//  ---- Class

static size_t
s_identity_hash (const void *key)
{
    size_t hash = 2166136261u;          //  FNV-1a
    zframe_t *identity = (zframe_t *) key;
    for (size_t at = 0; at < zframe_size (identity); at++)
        hash = (hash ^ zframe_data (identity) [at]) * 16777619u;
    return hash;
}

static int
s_identity_compare (const void *a, const void *b)
{
    return zframe_eq ((zframe_t *) a, (zframe_t *) b)? 0: 1;
}

fst_router_t *
fst_router_new (int64_t now_ms, int64_t (*mono_us) (void))
{
    assert (mono_us);
    fst_router_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->mono_us = mono_us;
    self->queues = zhashx_new ();
    self->workers = zhashx_new ();
    zhashx_set_key_hasher (self->workers, s_identity_hash);
    zhashx_set_key_comparator (self->workers, s_identity_compare);
    zhashx_set_key_duplicator (self->workers, NULL);    //  Keys belong to the workers
    zhashx_set_key_destructor (self->workers, NULL);
    self->sends = zlist_new ();
    self->tally = fst_tally_new (now_ms);
    self->heartbeat_ms = now_ms + FST_MDP_HEARTBEAT_MS;
    self->wake_ms = self->heartbeat_ms;
    return self;
}

void
fst_router_destroy (fst_router_t **self_p)
{
    assert (self_p);
    fst_router_t *self = *self_p;
    if (!self)
        return;
    for (fst_worker_t *worker = zhashx_first (self->workers); worker; worker = zhashx_next (self->workers))
        fst_router_worker_destroy (worker);
    zhashx_destroy (&self->workers);
    for (fst_queue_t *queue = zhashx_first (self->queues); queue; queue = zhashx_next (self->queues))
        fst_router_queue_destroy (queue);
    zhashx_destroy (&self->queues);
    fst_router_side_t side;
    zmsg_t *message;
    while ((message = fst_router_next (self, &side)))
        zmsg_destroy (&message);
    zlist_destroy (&self->sends);
    fst_tally_destroy (&self->tally);
    free (self);
    *self_p = NULL;
}

void
fst_router_set_tap (fst_router_t *self, fst_tap_t *tap)
{
    assert (self);
    self->tap = tap;
}

//  ---- Messages

//  What a socket with PROBE_ROUTER sends at each connection: nothing, in one frame. It gets it back.
static bool
s_is_greeting (zmsg_t *message)
{
    return zmsg_size (message) == 2 && zframe_size (zmsg_last (message)) == 0;
}

void
fst_router_receive (fst_router_t *self, fst_router_side_t side, const char *user_id, zmsg_t **message_p,
                    int64_t now_ms)
{
    assert (self && user_id);
    assert (message_p && *message_p);
    if (s_is_greeting (*message_p)) {
        fst_router_append (self, side, *message_p);
        *message_p = NULL;
        return;
    }
    fst_mdp_head_t head;
    if (!fst_mdp_head_take (*message_p, &head)) {
        if (head.identity && side == FST_ROUTER_ACTORS)
            fst_router_end_worker (self, head.identity, "invalid message");
    }
    else
    if (!head.worker)
        fst_router_from_caller (self, side, &head, message_p, now_ms);
    else
    if (side == FST_ROUTER_ACTORS)
        fst_router_from_worker (self, &head, user_id, message_p, now_ms);
    else
        fst_log_debug ("worker refused: it came in by the clients' door");
    fst_mdp_head_clear (&head);
    zmsg_destroy (message_p);
}

zmsg_t *
fst_router_next (fst_router_t *self, fst_router_side_t *side_p)
{
    assert (self && side_p);
    s_send_t *send = zlist_pop (self->sends);
    if (!send)
        return NULL;
    zmsg_t *message = send->message;
    *side_p = send->side;
    free (send);
    return message;
}

//  ---- Time

int64_t
fst_router_tick (fst_router_t *self, int64_t now_ms)
{
    assert (self);
    if (now_ms < self->wake_ms)
        return self->wake_ms;
    if (now_ms >= self->heartbeat_ms) {
        fst_router_beat (self, now_ms);
        fst_tally_tick (self->tally, now_ms);
        self->heartbeat_ms = now_ms + FST_MDP_HEARTBEAT_MS;
    }
    self->wake_ms = self->heartbeat_ms;
    zlistx_t *queues = zhashx_values (self->queues);
    for (fst_queue_t *queue = zlistx_first (queues); queue; queue = zlistx_next (queues)) {
        fst_router_expire (self, queue, now_ms);
        fst_router_settle (self, queue);
    }
    zlistx_destroy (&queues);
    return self->wake_ms;
}

//  ---- What it tells of itself

static fst_router_service_t
s_row (const fst_queue_t *queue)
{
    return (fst_router_service_t) {
        .name = queue->name, .workers = queue->workers, .idle = zlist_size (queue->idle),
        .waiting = zlist_size (queue->waiting), .since_ms = queue->since_ms
    };
}

void
fst_router_list (const fst_router_t *self, void (*each) (void *arg, const fst_router_service_t *service), void *arg)
{
    assert (self && each);
    for (fst_queue_t *queue = zhashx_first (self->queues); queue; queue = zhashx_next (self->queues)) {
        fst_router_service_t row = s_row (queue);
        each (arg, &row);
    }
}

typedef struct {
    const fst_router_t *self;
    void (*each) (void *arg, const fst_router_service_t *service, const fst_tally_row_t *row);
    void *arg;
} s_tell_t;

static void
s_tell (void *arg, const char *name, const fst_tally_row_t *row)
{
    s_tell_t *tell = arg;
    const fst_queue_t *queue = zhashx_lookup (tell->self->queues, name);
    fst_router_service_t service = { .name = name };
    if (queue)
        service = s_row (queue);
    tell->each (tell->arg, &service, row);
}

void
fst_router_counted (const fst_router_t *self,
                    void (*each) (void *arg, const fst_router_service_t *service, const fst_tally_row_t *row), void *arg)
{
    assert (self && each);
    s_tell_t tell = { self, each, arg };
    fst_tally_each (self->tally, s_tell, &tell);
}

fst_router_counts_t
fst_router_counts (const fst_router_t *self)
{
    assert (self);
    fst_router_counts_t counts = self->counts;
    counts.services = zhashx_size (self->queues);
    counts.workers = zhashx_size (self->workers);
    return counts;
}
