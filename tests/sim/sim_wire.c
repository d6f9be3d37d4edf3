//  Connections to data ports: in order, and lost with the process at either end.

#include "sim_world.h"
#include <assert.h>
#include "fst_proof.h"
#include "fst_text.h"

typedef struct {
    uint64_t number;
    int from, to;
    unsigned from_life, to_life;    //  to_life 0: not connected
    char user [FST_USER_BYTES_MAX * 2 + 1], ticket [FST_PROOF_TEXT_MAX];
    int64_t out_ms, in_ms;          //  When the last message each way arrives: they do not overtake each other
    bool open, admitted;
    sim_receive_fn *receive;
    void *arg;
} s_wire_t;

typedef struct {
    uint64_t wire;
    unsigned life;                  //  Of the node when it was sent
    zmsg_t *message;
} s_parcel_t;

static s_wire_t *
s_wire (uint64_t number)
{
    for (s_wire_t *wire = zlist_first (sim_world->wires); wire; wire = zlist_next (sim_world->wires))
        if (wire->number == number)
            return wire;
    return NULL;
}

static void
s_parcel_free (s_parcel_t *parcel)
{
    zmsg_destroy (&parcel->message);
    free (parcel);
}

uint64_t
sim_wire_new (sim_part_t *from, const char *endpoint, const char *user, const char *ticket, sim_receive_fn *receive,
              void *arg)
{
    s_wire_t *wire = calloc (1, sizeof (*wire));
    assert (wire);
    wire->number = ++sim_world->names;
    wire->from = from->index;
    wire->from_life = from->life;
    wire->to = -1;
    for (int index = SIM_NODE (1); index < SIM_CLIENT (1); index++)
        if (strncmp (endpoint, "sim://", 6) == 0 && streq (endpoint + 6, sim_world->parts [index].name))
            wire->to = index;
    snprintf (wire->user, sizeof (wire->user), "%s", user);
    snprintf (wire->ticket, sizeof (wire->ticket), "%s", ticket);
    wire->open = true;
    wire->receive = receive;
    wire->arg = arg;
    zlist_append (sim_world->wires, wire);
    return wire->number;
}

void
sim_wire_close (uint64_t number)
{
    s_wire_t *wire = s_wire (number);
    if (wire) {
        zlist_remove (sim_world->wires, wire);
        free (wire);
    }
}

const char *
sim_wire_user (uint64_t number)
{
    const s_wire_t *wire = s_wire (number);
    return wire? wire->user: "";
}

//  What the gate does at the handshake.
static bool
s_admitted (s_wire_t *wire, const sim_part_t *node)
{
    if (wire->to_life != node->life) {
        int64_t wall_ms = SIM_EPOCH_MS + sim_world->now_ms + node->wall_ahead_ms;
        wire->to_life = node->life;
        wire->admitted = fst_ticket_check (node->keys->node_key, wire->user, wire->ticket, wall_ms) == FST_OK;
    }
    return wire->admitted;
}

static void
s_parcel_came (sim_t *sim, void *arg)
{
    s_parcel_t *parcel = arg;
    s_wire_t *wire = s_wire (parcel->wire);
    sim_part_t *node = wire? &sim->parts [wire->to]: NULL;
    bool arrives = node && node->up && node->life == parcel->life && !sim_is_cut (wire->from, wire->to);
    if (arrives && s_admitted (wire, node)) {
        sim_note (sim, "port", (uint64_t) wire->from, (uint64_t) wire->to);
        sim_actor_port (node, wire->number, parcel->message);
        parcel->message = NULL;
    }
    s_parcel_free (parcel);
}

void
sim_wire_send (uint64_t number, zmsg_t *message)
{
    s_wire_t *wire = s_wire (number);
    s_parcel_t *parcel = calloc (1, sizeof (*parcel));
    assert (wire && parcel);
    *parcel = (s_parcel_t) { number, wire->to < 0? 0: sim_world->parts [wire->to].life, message };
    if (wire->to < 0) {
        s_parcel_free (parcel);         //  Nobody is there
        return;
    }
    int64_t at_ms = sim_world->now_ms + sim_delay ();
    wire->out_ms = at_ms > wire->out_ms? at_ms: wire->out_ms;
    sim_at (sim_world, wire->out_ms, s_parcel_came, parcel);
}

static void
s_parcel_back (sim_t *sim, void *arg)
{
    s_parcel_t *parcel = arg;
    s_wire_t *wire = s_wire (parcel->wire);
    if (wire && wire->to_life == parcel->life && !sim_is_cut (wire->to, wire->from)) {
        const sim_part_t *from = &sim->parts [wire->from];
        sim_note (sim, "back", (uint64_t) wire->from, (uint64_t) wire->to);
        if (from->up && from->life == wire->from_life) {
            wire->receive (wire->arg, parcel->message);
            parcel->message = NULL;
        }
    }
    s_parcel_free (parcel);
}

void
sim_wire_answer (sim_part_t *from, uint64_t number, zmsg_t *message)
{
    s_wire_t *wire = s_wire (number);
    s_parcel_t *parcel = calloc (1, sizeof (*parcel));
    assert (parcel);
    *parcel = (s_parcel_t) { number, from->life, message };
    if (!wire) {
        s_parcel_free (parcel);
        return;
    }
    int64_t at_ms = sim_world->now_ms + sim_delay ();
    wire->in_ms = at_ms > wire->in_ms? at_ms: wire->in_ms;
    sim_at (sim_world, wire->in_ms, s_parcel_back, parcel);
}
