//  Calls of clients to data ports.

#include "sim_world.h"
#include <assert.h>
#include "fst_envelope.h"
#include "fst_text.h"

#define SILENCE_MS      1000        //  Of a node

typedef struct {
    sim_port_t *port;                 //  NULL: it was answered in time
    bool over;                      //  It was not
} s_patience_t;

static void
s_received (void *arg, zmsg_t *message)
{
    sim_port_t *port = arg;
    zframe_t *head = zmsg_pop (message);
    fst_envelope_reply_t reply;
    char where [256] = "";
    if (fst_envelope_reply_decode (zframe_data (head), zframe_size (head), &reply, where, sizeof (where)) != FST_OK)
        sim_fail (sim_world, __FILE__, __LINE__, where);
    if (!port->over && streq (reply.id, port->id)) {
        port->rc = reply.rc;
        port->reply = json_incref (reply.payload);
        port->frames = message;
        message = NULL;
        port->over = true;
    }
    fst_envelope_reply_clear (&reply);
    zframe_destroy (&head);
    zmsg_destroy (&message);
}

static void
s_silent (sim_t *sim, void *arg)
{
    (void) sim;
    s_patience_t *patience = arg;
    if (!patience->port) {
        free (patience);
        return;
    }
    patience->over = true;
    if (!patience->port->over) {
        patience->port->rc = FST_UNREACHABLE;
        patience->port->over = true;
    }
}

fst_rc_t
sim_port_call (sim_t *self, sim_port_t *port, const char *command, json_t *payload, zmsg_t *frames, json_t **reply_p,
             zmsg_t **frames_p)
{
    fst_id_new (port->id);
    port->over = false;
    port->reply = NULL;
    port->frames = NULL;
    zmsg_t *message = frames? frames: zmsg_new ();
    zframe_t *head = fst_envelope_request_encode (port->id, command, NULL, payload);
    zmsg_prepend (message, &head);
    json_decref (payload);
    sim_wire_send (port->wire, message);
    s_patience_t *patience = calloc (1, sizeof (*patience));
    assert (patience);
    patience->port = port;
    sim_at (self, self->now_ms + SILENCE_MS, s_silent, patience);
    sim_wait (self, &port->over);
    patience->port = NULL;
    if (patience->over)
        free (patience);
    if (reply_p && port->rc == FST_OK)
        *reply_p = port->reply;
    else
        json_decref (port->reply);
    if (frames_p && port->rc == FST_OK)
        *frames_p = port->frames;
    else
        zmsg_destroy (&port->frames);
    return port->rc;
}

json_t *
sim_find_node (json_t *list, const char *name)
{
    size_t at;
    json_t *row;
    json_array_foreach (list, at, row)
        if (streq (json_string_value (json_object_get (row, "node")), name))
            return row;
    return NULL;
}

const char *
sim_text (json_t *object, const char *name)
{
    const char *text = json_string_value (json_object_get (object, name));
    assert (text);
    return text;
}

void
sim_open_port (sim_t *self, int client, json_t *node, sim_port_t *port)
{
    memset (port, 0, sizeof (*port));
    port->wire = sim_wire_new (&self->parts [client], sim_text (node, "endpoint"), self->parts [client].name,
                               sim_text (node, "ticket"), s_received, port);
}
