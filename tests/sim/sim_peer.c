//  bus/fst_peer.h on the simulated network.

#include "sim_world.h"
#include <assert.h>
#include "fst_clock.h"
#include "fst_envelope.h"
#include "fst_peer.h"
#include "fst_text.h"

typedef struct {
    char id [FST_ID_TEXT_BYTES + 1];
    fst_peer_done_fn *done;
    void *arg;
} s_pending_t;

struct fst_peer {
    sim_part_t *part;
    uint64_t wire;                  //  0: destroyed
    int64_t silence_ms, heard_ms;   //  On the actor's clock
    zlist_t *pending;
    int messages;                   //  That wait for the actor's next turn
};

typedef struct {
    fst_peer_t *peer;
    zmsg_t *message;
} s_message_t;

static void
s_release (fst_peer_t *self)
{
    if (self->wire || self->messages)
        return;
    zlist_destroy (&self->pending);
    free (self);
}

static void
s_handle (fst_actor_t *actor, void *arg)
{
    (void) actor;
    s_message_t said = *(s_message_t *) arg;
    free (arg);
    fst_peer_t *self = said.peer;
    self->messages--;
    zframe_t *head = zmsg_pop (said.message);
    fst_envelope_reply_t reply = { NULL };
    char where [256];
    s_pending_t *call = NULL;
    if (self->wire
    &&  fst_envelope_reply_decode (zframe_data (head), zframe_size (head), &reply, where, sizeof (where)) == FST_OK) {
        self->heard_ms = fst_clock_mono_ms ();
        for (call = zlist_first (self->pending); call && !streq (call->id, reply.id); )
            call = zlist_next (self->pending);
    }
    if (call) {
        zlist_remove (self->pending, call);
        call->done (call->arg, reply.rc, reply.rc == FST_OK? reply.payload: NULL,
                    reply.rc == FST_OK? &said.message: NULL);
        free (call);
    }
    fst_envelope_reply_clear (&reply);
    zframe_destroy (&head);
    zmsg_destroy (&said.message);
    s_release (self);
}

static void
s_receive (void *arg, zmsg_t *message)
{
    fst_peer_t *self = arg;
    s_message_t *said = malloc (sizeof (*said));
    assert (said);
    *said = (s_message_t) { self, message };
    self->messages++;
    sim_actor_push (self->part, SIM_DONE, s_handle, said);
}

fst_peer_t *
fst_peer_new (fst_actor_t *actor, const char *endpoint, const char *user, const char *ticket, int64_t silence_ms)
{
    assert (actor && sim_world->running);
    fst_peer_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->part = sim_world->running;
    self->silence_ms = silence_ms;
    self->pending = zlist_new ();
    self->wire = sim_wire_new (self->part, endpoint, user, ticket, s_receive, self);
    return self;
}

static void
s_finish_all (fst_peer_t *self, fst_rc_t rc)
{
    for (size_t count = zlist_size (self->pending); count; count--) {
        s_pending_t *call = zlist_pop (self->pending);
        call->done (call->arg, rc, NULL, NULL);
        free (call);
    }
}

void
fst_peer_destroy (fst_peer_t **self_p)
{
    assert (self_p);
    fst_peer_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    s_finish_all (self, FST_INTERRUPTED);
    sim_wire_close (self->wire);
    self->wire = 0;
    s_release (self);
}

void
fst_peer_call (fst_peer_t *self, const char *command, json_t *payload, fst_peer_done_fn *done, void *arg)
{
    assert (self && done);
    sim_point ();
    s_pending_t *call = calloc (1, sizeof (*call));
    assert (call);
    fst_id_new (call->id);
    call->done = done;
    call->arg = arg;
    if (!zlist_size (self->pending))
        self->heard_ms = fst_clock_mono_ms ();
    zlist_append (self->pending, call);
    zmsg_t *message = zmsg_new ();
    zframe_t *head = fst_envelope_request_encode (call->id, command, NULL, payload);
    zmsg_append (message, &head);
    json_decref (payload);
    sim_wire_send (self->wire, message);
}

int64_t
fst_peer_elapse (fst_peer_t *self, int64_t now_ms)
{
    if (zlist_size (self->pending) && now_ms >= self->heard_ms + self->silence_ms)
        s_finish_all (self, FST_UNREACHABLE);
    return zlist_size (self->pending)? self->heard_ms + self->silence_ms: INT64_MAX;
}
