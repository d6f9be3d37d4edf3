//  A gate, a broker and one storage actor in a private folder, and clients that speak to its data port.
//  Included by one program each.

#ifndef STORAGE_WORLD_H_INCLUDED
#define STORAGE_WORLD_H_INCLUDED

#include <czmq.h>
#include <stdatomic.h>
#include <jansson.h>
#include "fst_broker.h"
#include "fst_caller.h"
#include "fst_clock.h"
#include "fst_envelope.h"
#include "fst_gate.h"
#include "fst_keys.h"
#include "fst_socket.h"
#include "fst_storage.h"
#include "storage_records.h"

#define WORLD_NODE "node-1"
#ifndef WORLD_NODES
#define WORLD_NODES 1               //  That have keys; the world starts the first
#endif
#define WORLD_WAIT_MS 60000         //  A condition that takes longer is a failure

typedef struct {
    char folder [400];
    char clients [512], actors [512], events_in [512], events_out [512], data [512];
    fst_gate_t *gate;
    fst_broker_t *broker;
    fst_keys_t *node_keys, *metadata_keys, *auth_keys;
    fst_config_t *config;
    fst_storage_t *storage;
} world_t;

static inline void
world_check (fst_rc_t rc, const char *problem)
{
    if (rc != FST_OK) {
        fprintf (stderr, "cannot start: %s: %s\n", fst_error_code (rc), problem? problem: "");
        abort ();
    }
}

static inline fst_keys_t *
world_keys (world_t *self, const char *name)
{
    char filename [512];
    char *problem = NULL;
    fst_keys_t *keys = NULL;
    snprintf (filename, sizeof (filename), "%s/keys/%s.key", self->folder, name);
    world_check (fst_keys_load (filename, &keys, &problem), problem);
    return keys;
}

static inline fst_actor_options_t
world_bus (const world_t *self, const fst_keys_t *keys)
{
    return (fst_actor_options_t) {
        .broker = self->actors, .events_in = self->events_in, .events_out = self->events_out, .keys = keys
    };
}

static inline void
world_start_storage (world_t *self)
{
    char *problem = NULL;
    fst_actor_options_t bus = world_bus (self, self->node_keys);
    world_check (fst_storage_new (self->config, &bus, &self->storage, &problem), problem);
}

static inline void
world_stop_storage (world_t *self)
{
    fst_storage_destroy (&self->storage);
}

static inline void
world_set (world_t *self, const char *name, const char *value)
{
    char *problem = NULL;
    world_check (fst_config_set (self->config, name, value, &problem), problem);
}

//  The private folder and the names in it.
static inline void
world_make_folder (world_t *self)
{
    memset (self, 0, sizeof (*self));
    const char *base = getenv ("TMPDIR");
    snprintf (self->folder, sizeof (self->folder), "%s/world-XXXXXX", base? base: "/tmp");
    char *made = mkdtemp (self->folder);
    assert (made);
    snprintf (self->clients, sizeof (self->clients), "ipc://%s/clients", self->folder);
    snprintf (self->actors, sizeof (self->actors), "ipc://%s/actors", self->folder);
    snprintf (self->events_in, sizeof (self->events_in), "ipc://%s/events-in", self->folder);
    snprintf (self->events_out, sizeof (self->events_out), "ipc://%s/events-out", self->folder);
    snprintf (self->data, sizeof (self->data), "ipc://%s/data", self->folder);
}

//  All but the storage actor, which world_start_storage starts when the settings are right.
static inline void
world_open_at (world_t *self)
{
    char name [512];
    char *problem = NULL;
    zsys_handler_set (NULL);
    snprintf (name, sizeof (name), "%s/keys", self->folder);
    world_check (fst_keys_create (name, WORLD_NODES, &problem), problem);
    self->node_keys = world_keys (self, WORLD_NODE);
    self->metadata_keys = world_keys (self, "metadata");
    self->auth_keys = world_keys (self, "auth");
    self->gate = fst_gate_new ();
    fst_gate_add_node (self->gate, WORLD_NODE, self->node_keys->node_key);
    fst_broker_options_t options = {
        .clients = self->clients, .actors = self->actors, .events_in = self->events_in, .events_out = self->events_out
    };
    world_check (fst_broker_new (&options, &self->broker, &problem), problem);
    self->config = fst_config_new ();
    snprintf (name, sizeof (name), "%s/storage", self->folder);
    world_set (self, "node", WORLD_NODE);
    world_set (self, "storage-folder", name);
    world_set (self, "data-endpoint", self->data);
}

static inline void
world_open (world_t *self)
{
    world_make_folder (self);
    world_open_at (self);
}

static inline void
world_close (world_t *self)
{
    fst_storage_destroy (&self->storage);
    fst_broker_destroy (&self->broker);
    fst_gate_destroy (&self->gate);
    fst_config_destroy (&self->config);
    fst_keys_destroy (&self->node_keys);
    fst_keys_destroy (&self->metadata_keys);
    fst_keys_destroy (&self->auth_keys);
}

//  A command over the broker with somebody's token. A service that just started may not be known there yet.
static inline fst_rc_t
world_command (const world_t *self, const char *service, const char *token, const char *command, json_t *payload,
               json_t **reply_p)
{
    fst_caller_t *caller = fst_caller_new (self->clients, NULL, WORLD_WAIT_MS, 3 * WORLD_WAIT_MS);
    fst_caller_set_token (caller, token);
    int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS;
    fst_rc_t rc;
    do
        rc = fst_caller_call (caller, service, command, json_incref (payload), reply_p);
    while (rc == FST_UNAVAILABLE && fst_clock_mono_ms () < until_ms);
    json_decref (payload);
    fst_caller_destroy (&caller);
    return rc;
}

//  ---- Clients of the data port

static inline zsock_t *
world_client (const world_t *self)
{
    char ticket [FST_PROOF_TEXT_MAX];
    zsock_t *client = NULL;
    fst_ticket_make (self->node_keys->node_key, "alice", fst_clock_wall_ms () + 600000, ticket);
    world_check (fst_socket_connect_data (self->data, "alice", ticket, &client), "client");
    return client;
}

static inline const char *
world_capability (const world_t *self, fst_right_t right, fst_blob_id_t blob, int64_t lasts_ms)
{
    static char text [FST_PROOF_TEXT_MAX];
    fst_capability_t capability = { .right = right, .blob = blob, .expires_ms = fst_clock_wall_ms () + lasts_ms };
    fst_capability_make (self->node_keys->node_key, &capability, text);
    return text;
}

//  Send a request; payload and frames (may be NULL) are taken. Waits while the socket is not ready.
static inline void
world_send (zsock_t *client, const char *command, json_t *payload, zmsg_t **frames_p)
{
    char id [FST_ID_TEXT_BYTES + 1];
    fst_id_new (id);
    zframe_t *head = fst_envelope_request_encode (id, command, NULL, payload);
    json_decref (payload);
    zmsg_t *message = frames_p && *frames_p? *frames_p: zmsg_new ();
    zmsg_prepend (message, &head);
    zsock_set_sndtimeo (client, WORLD_WAIT_MS);
    int rc = zmsg_send (&message, client);
    assert (rc == 0);
    if (frames_p)
        *frames_p = NULL;
}

//  FST_TIMEOUT if nothing came. reply_p and frames_p may be NULL; the caller owns what they get.
static inline fst_rc_t
world_receive (zsock_t *client, json_t **reply_p, zmsg_t **frames_p)
{
    zsock_set_rcvtimeo (client, WORLD_WAIT_MS);
    zmsg_t *message = zmsg_recv (client);
    if (!message)
        return FST_TIMEOUT;
    zframe_t *head = zmsg_pop (message);
    fst_envelope_reply_t reply;
    char where [256];
    fst_rc_t rc = fst_envelope_reply_decode (zframe_data (head), zframe_size (head), &reply, where, sizeof (where));
    assert (rc == FST_OK);
    rc = reply.rc;
    if (rc == FST_OK && reply_p)
        *reply_p = json_incref (reply.payload);
    if (rc == FST_OK && frames_p)
        *frames_p = message;
    else
        zmsg_destroy (&message);
    fst_envelope_reply_clear (&reply);
    zframe_destroy (&head);
    return rc;
}

static inline fst_rc_t
world_call (zsock_t *client, const char *command, json_t *payload, zmsg_t **frames_p, json_t **reply_p)
{
    world_send (client, command, payload, frames_p);
    return world_receive (client, reply_p, NULL);
}

#endif
