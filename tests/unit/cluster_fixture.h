//  A whole cluster in this process, on ipc:// in a private folder: broker, auth, metadata, storage nodes, and a
//  client of it who is logged in. Nodes can be destroyed and started again one by one.

#ifndef CLUSTER_FIXTURE_H_INCLUDED
#define CLUSTER_FIXTURE_H_INCLUDED

#include <sodium.h>
#include <sys/stat.h>
#include "bus_fixture.h"
#include "filestore.h"
#include "fst_auth.h"
#include "fst_gate.h"
#include "fst_keys.h"
#include "fst_metadata.h"
#include "fst_storage.h"

#define CLUSTER_NODES_MAX 8

typedef struct {
    bus_t bus;
    fst_gate_t *gate;
    fst_keys_t *keys [2 + CLUSTER_NODES_MAX];       //  auth, metadata, node-1, ...
    fst_auth_t *auth;
    fst_metadata_t *metadata;
    fst_storage_t *nodes [CLUSTER_NODES_MAX];
    int nodes_count;
    const char *const *settings;                    //  NAME, VALUE, ..., NULL: for metadata and nodes
    filestore_t *client;
} cluster_t;

static inline void
cluster_set (fst_config_t *config, const char *name, const char *format, ...) __attribute__ ((format (printf, 3, 4)));

static inline void
cluster_set (fst_config_t *config, const char *name, const char *format, ...)
{
    char value [512], *problem = NULL;
    va_list args;
    va_start (args, format);
    vsnprintf (value, sizeof (value), format, args);
    va_end (args);
    fst_rc_t rc = fst_config_set (config, name, value, &problem);
    if (rc != FST_OK)
        fprintf (stderr, "%s\n", problem);
    assert (rc == FST_OK);
}

static inline void
cluster_set_all (const cluster_t *self, fst_config_t *config)
{
    for (const char *const *at = self->settings; *at; at += 2)
        cluster_set (config, at [0], "%s", at [1]);
}

static inline fst_actor_options_t
cluster_bus (cluster_t *self, const fst_keys_t *keys)
{
    return (fst_actor_options_t) { .broker = self->bus.actors, .events_in = self->bus.events_in,
                                   .events_out = self->bus.events_out, .keys = keys };
}

static inline fst_keys_t *
cluster_load_keys (cluster_t *self, const char *name)
{
    char filename [256], *problem = NULL;
    fst_keys_t *keys = NULL;
    snprintf (filename, sizeof (filename), "%s/keys/%s.key", self->bus.folder, name);
    fst_rc_t rc = fst_keys_load (filename, &keys, &problem);
    if (rc != FST_OK)
        fprintf (stderr, "%s\n", problem);
    assert (rc == FST_OK);
    return keys;
}

//  node counts from 1. What the start of it said.
static inline fst_rc_t
cluster_try_node (cluster_t *self, int node)
{
    fst_config_t *config = fst_config_new ();
    cluster_set (config, "node", "node-%d", node);
    cluster_set (config, "storage-folder", "%s/node-%d", self->bus.folder, node);
    cluster_set (config, "data-endpoint", "ipc://%s/data-%d", self->bus.folder, node);
    cluster_set (config, "heartbeat-interval", "100 ms");
    cluster_set (config, "reserve", "0");
    cluster_set_all (self, config);
    fst_actor_options_t bus = cluster_bus (self, self->keys [1 + node]);
    char *problem = NULL;
    fst_rc_t rc = fst_storage_new (config, &bus, &self->nodes [node - 1], &problem);
    if (rc != FST_OK)
        fprintf (stderr, "%s\n", problem);
    free (problem);
    fst_config_destroy (&config);
    return rc;
}

static inline void
cluster_start_node (cluster_t *self, int node)
{
    fst_rc_t rc = cluster_try_node (self, node);
    assert (rc == FST_OK);
}

static inline void
cluster_stop_node (cluster_t *self, int node)
{
    fst_storage_destroy (&self->nodes [node - 1]);
}

static inline void
cluster_start_actors (cluster_t *self)
{
    char *problem = NULL;
    fst_config_t *config = fst_config_new ();
    cluster_set (config, "auth-database", "%s/auth.db", self->bus.folder);
    cluster_set (config, "metadata-database", "%s/metadata.db", self->bus.folder);
    cluster_set (config, "hash-memory", "64 KiB");
    cluster_set (config, "hash-passes", "1");
    cluster_set_all (self, config);
    fst_actor_options_t bus = cluster_bus (self, self->keys [0]);
    fst_rc_t rc = fst_auth_new (config, &bus, &self->auth, &problem);
    assert (rc == FST_OK);
    bus = cluster_bus (self, self->keys [1]);
    rc = fst_metadata_new (config, &bus, &self->metadata, &problem);
    if (rc != FST_OK)
        fprintf (stderr, "%s\n", problem);
    assert (rc == FST_OK);
    fst_config_destroy (&config);
}

//  A new client, not logged in, with one setting that is not as usual.
static inline filestore_t *
cluster_new_client_with (cluster_t *self, const char *name, const char *value)
{
    char *problem = NULL;
    filestore_t *client = NULL;
    fst_config_t *config = fst_config_new ();
    cluster_set (config, "broker", "%s", self->bus.clients);
    cluster_set (config, name, "%s", value);
    fst_rc_t rc = filestore_new (config, &client, &problem);
    assert (rc == FST_OK);
    fst_config_destroy (&config);
    return client;
}

//  One that takes sessions to live so long.
static inline filestore_t *
cluster_new_client (cluster_t *self, const char *session_time)
{
    return cluster_new_client_with (self, "session-time", session_time);
}

//  Wait until so many nodes are alive for metadata.
static inline void
cluster_wait_nodes (cluster_t *self, int alive)
{
    int64_t deadline_ms = fst_clock_mono_ms () + 60000;
    json_int_t found = -1;
    while (found < alive) {
        json_t *status = NULL;
        if (filestore_status (self->client, &status) == FST_OK)
            found = json_integer_value (json_object_get (json_object_get (status, "nodes"), "alive"));
        json_decref (status);
        assert (fst_clock_mono_ms () < deadline_ms);
        zclock_sleep (2);
    }
}

static inline cluster_t *
cluster_new (int nodes, const char *const *settings)
{
    char name [64], *problem = NULL;
    cluster_t *self = calloc (1, sizeof (*self));
    assert (self);
    zsys_handler_set (NULL);
    int sodium = sodium_init ();
    assert (sodium >= 0);
    self->bus = bus_new ();
    self->settings = settings;
    self->nodes_count = nodes;
    char folder [200];
    snprintf (folder, sizeof (folder), "%s/keys", self->bus.folder);
    fst_rc_t rc = fst_keys_create (folder, nodes, &problem);
    assert (rc == FST_OK);
    self->keys [0] = cluster_load_keys (self, "auth");
    self->keys [1] = cluster_load_keys (self, "metadata");
    self->gate = fst_gate_new ();
    for (int node = 1; node <= nodes; node++) {
        snprintf (name, sizeof (name), "node-%d", node);
        self->keys [1 + node] = cluster_load_keys (self, name);
        fst_gate_add_node (self->gate, name, self->keys [1 + node]->node_key);
    }
    bus_start (&self->bus);
    cluster_start_actors (self);
    for (int node = 1; node <= nodes; node++)
        cluster_start_node (self, node);
    self->client = cluster_new_client (self, "1 h");
    rc = filestore_register (self->client, "anna", "secret-123", NULL);
    assert (rc == FST_OK);
    rc = filestore_login (self->client, "anna", "secret-123", NULL);
    assert (rc == FST_OK);
    cluster_wait_nodes (self, nodes);
    return self;
}

static inline void
cluster_destroy (cluster_t **self_p)
{
    cluster_t *self = *self_p;
    *self_p = NULL;
    filestore_destroy (&self->client);
    for (int node = 1; node <= self->nodes_count; node++)
        cluster_stop_node (self, node);
    fst_metadata_destroy (&self->metadata);
    fst_auth_destroy (&self->auth);
    bus_stop (&self->bus);
    fst_gate_destroy (&self->gate);
    for (int at = 0; at < 2 + CLUSTER_NODES_MAX; at++)
        fst_keys_destroy (&self->keys [at]);
    bus_remove (&self->bus);
    free (self);
}

#endif
