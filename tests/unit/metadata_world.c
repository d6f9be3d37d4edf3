//  A world around the metadata actor.

#include "metadata_world.h"
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_envelope.h"
#include "fst_mdp.h"
#include "fst_text.h"
#include "fst_token.h"

void
world_check (fst_rc_t rc, const char *problem)
{
    if (rc != FST_OK) {
        fprintf (stderr, "cannot start: %s: %s\n", fst_error_code (rc), problem? problem: "");
        abort ();
    }
}

static fst_keys_t *
s_keys (world_t *self, const char *name)
{
    char filename [256], *problem = NULL;
    fst_keys_t *keys = NULL;
    snprintf (filename, sizeof (filename), "%s/keys/%s.key", self->bus.folder, name);
    world_check (fst_keys_load (filename, &keys, &problem), problem);
    return keys;
}

fst_actor_options_t
world_bus (world_t *self, const fst_keys_t *keys)
{
    return (fst_actor_options_t) {
        .broker = self->bus.actors, .events_in = self->bus.events_in, .events_out = self->bus.events_out,
        .keys = keys, .lanes = 1
    };
}

void
world_set (world_t *self, const char *name, const char *value)
{
    char *problem = NULL;
    world_check (fst_config_set (self->config, name, value, &problem), problem);
}

fst_rc_t
world_call (fst_caller_t *who, const char *command, json_t *payload, json_t **reply_p)
{
    return fst_caller_call (who, "metadata", command, payload, reply_p);
}

void
world_start (world_t *self)
{
    char *problem = NULL;
    fst_actor_options_t bus = world_bus (self, self->metadata_keys);
    world_check (fst_metadata_new (self->config, &bus, &self->metadata, &problem), problem);
    bool there = WORLD_AWAIT (world_call (self->root, "STATUS", NULL, NULL) == FST_OK);
    world_check (there? FST_OK: FST_TIMEOUT, "metadata does not answer");
}

void
world_restart (world_t *self)
{
    fst_metadata_destroy (&self->metadata);
    world_start (self);
}

char *
world_token (world_t *self, const char *name, fst_role_t role)
{
    fst_claims_t claims = { .role = role, .expires_ms = fst_clock_wall_ms () + 3600000 };
    snprintf (claims.name, sizeof (claims.name), "%s", name);
    randombytes_buf (claims.session, sizeof (claims.session));
    return fst_token_sign (&claims, self->auth_keys->sign_secret);
}

static fst_caller_t *
s_person (world_t *self, const char *name, fst_role_t role)
{
    fst_caller_t *caller = fst_caller_new (self->bus.clients, NULL, WORLD_WAIT_MS, WORLD_WAIT_MS);
    char *token = world_token (self, name, role);
    fst_caller_set_token (caller, token);
    free (token);
    return caller;
}

fst_rc_t
world_call_as (world_t *self, const char *id, const char *token, const char *command, json_t *payload, json_t **reply_p)
{
    zsock_t *socket = NULL;
    world_check (fst_socket_connect (ZMQ_DEALER, self->bus.clients, NULL, &socket), NULL);
    zsock_set_rcvtimeo (socket, WORLD_WAIT_MS);
    zsock_set_sndtimeo (socket, WORLD_WAIT_MS);
    zframe_t *body = fst_envelope_request_encode (id, command, token, payload);
    json_decref (payload);
    zmsg_t *message = zmsg_new ();
    zmsg_addstr (message, FST_MDP_CLIENT_02);
    zmsg_addmem (message, "\1", 1);
    zmsg_addstr (message, "metadata");
    zmsg_append (message, &body);
    zmsg_send (&message, socket);
    while ((message = zmsg_recv (socket)) && zmsg_size (message) < 4)
        zmsg_destroy (&message);                //  A greeting
    assert (message);
    fst_envelope_reply_t reply;
    char where [256];
    world_check (fst_envelope_reply_decode (zframe_data (zmsg_last (message)), zframe_size (zmsg_last (message)), &reply,
                                            where, sizeof (where)), where);
    *reply_p = json_incref (reply.payload);
    fst_rc_t rc = reply.rc;
    fst_envelope_reply_clear (&reply);
    zmsg_destroy (&message);
    zsock_destroy (&socket);
    return rc;
}

void
world_start_node (world_t *self, int number)
{
    char name [16];
    snprintf (name, sizeof (name), "node-%d", number);
    fst_keys_t *keys = s_keys (self, name);
    world_node_start (self->nodes, number, keys, world_bus (self, keys));
}

//  Where a disk is full STATUS may be in one batch with a request that came a second time, and be refused with it.
static json_t *
s_status (world_t *self)
{
    json_t *reply = NULL;
    fst_rc_t rc;
    int turns = 0;
    do
        rc = world_call (self->root, "STATUS", NULL, &reply);
    while (rc == FST_NO_SPACE && ++turns < 10);
    world_check (rc, fst_caller_problem (self->root));
    return reply;
}

int
world_count (world_t *self, const char *state)
{
    json_t *reply = s_status (self);
    int count = (int) json_integer_value (json_object_get (json_object_get (reply, "nodes"), state));
    json_decref (reply);
    return count;
}

int64_t
world_status (world_t *self, const char *name)
{
    json_t *reply = s_status (self);
    int64_t value = json_integer_value (json_object_get (reply, name));
    json_decref (reply);
    return value;
}

void
world_new (world_t *self)
{
    char *problem = NULL, folder [256];
    memset (self, 0, sizeof (*self));
    zsys_handler_set (NULL);
    self->bus = bus_new ();
    bus_start (&self->bus);
    snprintf (folder, sizeof (folder), "%s/keys", self->bus.folder);
    world_check (fst_keys_create (folder, WORLD_NODES, &problem), problem);
    self->auth_keys = s_keys (self, "auth");
    self->metadata_keys = s_keys (self, "metadata");
    self->config = fst_config_new ();
    snprintf (folder, sizeof (folder), "%s/metadata.db", self->bus.folder);
    world_set (self, "metadata-database", folder);
    world_set (self, "heartbeat-interval", "200 ms");
    world_set (self, "prune-after", "2 s");     //  Forty beats: no busy machine keeps a thread waiting for so long
    self->alice = s_person (self, "alice", FST_ROLE_USER);
    self->bob = s_person (self, "bob", FST_ROLE_USER);
    self->root = s_person (self, "root", FST_ROLE_ADMIN);
}

void
world_run (world_t *self)
{
    world_start (self);
    for (int number = 1; number <= WORLD_NODES; number++)
        world_start_node (self, number);
    bool alive = WORLD_AWAIT (world_count (self, "alive") == WORLD_NODES);
    for (int number = 1; number <= WORLD_NODES && alive; number++)      //  What comes from now on is in no inventory yet
        alive = WORLD_AWAIT (self->nodes [number].inventories > 0);
    world_check (alive? FST_OK: FST_TIMEOUT, "nodes are not alive");
}

void
world_new_running (world_t *self)
{
    world_new (self);
    world_run (self);
}

void
world_destroy (world_t *self)
{
    fst_metadata_destroy (&self->metadata);
    for (int number = 1; number <= WORLD_NODES; number++)
        fst_actor_destroy (&self->nodes [number].actor);
    for (int number = 1; number <= WORLD_NODES; number++)       //  Others used them until now
        fst_keys_destroy (&self->nodes [number].keys);
    fst_caller_destroy (&self->alice);
    fst_caller_destroy (&self->bob);
    fst_caller_destroy (&self->root);
    fst_config_destroy (&self->config);
    fst_keys_destroy (&self->auth_keys);
    fst_keys_destroy (&self->metadata_keys);
    //  Whatever a test did, the catalog's books are right
    char filename [256], *problem = NULL, where [256] = "";
    fst_catalog_t *catalog = NULL;
    snprintf (filename, sizeof (filename), "%s/metadata.db", self->bus.folder);
    world_check (fst_catalog_open (filename, &catalog, &problem), problem);
    world_check (fst_catalog_check (catalog, where, sizeof (where)), where);
    fst_catalog_destroy (&catalog);
    bus_remove (&self->bus);
}

char *
world_open (fst_caller_t *who, const char *path, int replicas, uint8_t key [FST_KEY_BYTES])
{
    json_t *reply = NULL;
    world_check (world_call (who, "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i, s:i}", "path", path, "from", 0,
                             "count", 1, "replicas", replicas), &reply), fst_caller_problem (who));
    char *upload = strdup (json_string_value (json_object_get (reply, "upload")));
    size_t bytes;
    if (key)
        world_check (fst_base64_decode (json_string_value (json_object_get (reply, "key")), key, FST_KEY_BYTES, &bytes),
                     "key");
    json_decref (reply);
    return upload;
}

json_t *
world_extent (world_t *self, const char *upload, uint32_t index, uint32_t n, uint32_t chunks, int64_t bytes, int copies)
{
    uint8_t id [FST_UPLOAD_BYTES];
    world_check (fst_hex_decode (upload, id, sizeof (id)), "upload");
    fst_extent_info_t info = { fst_blob_id (id, index), n, chunks, bytes, 0xfedcba9876543210u + n };
    char digest [17];
    snprintf (digest, sizeof (digest), "%016llx", (unsigned long long) info.digest);
    json_t *list = json_array ();
    for (int copy = 1; copy <= copies; copy++) {
        char receipt [FST_PROOF_TEXT_MAX];
        world_node_hold (&self->nodes [copy], &info);
        fst_receipt_make (self->nodes [copy].keys->node_key, &info, receipt);
        json_array_append_new (list, json_pack ("{s:s, s:s}", "node", self->nodes [copy].name, "receipt", receipt));
    }
    return json_pack ("{s:I, s:I, s:I, s:s, s:o}", "extent", (json_int_t) n, "chunks", (json_int_t) chunks,
                      "bytes", (json_int_t) bytes, "digest", digest, "copies", list);
}

json_t *
world_file (world_t *self, const char *upload, uint32_t index, const char *path, int64_t size, int copies)
{
    json_t *extents = json_array ();
    if (size)
        json_array_append_new (extents, world_extent (self, upload, index, 0, 1, size, copies));
    return json_pack ("{s:I, s:s, s:I, s:i, s:o}", "index", (json_int_t) index, "path", path,
                      "size", (json_int_t) size, "modified_ms", 5, "extents", extents);
}

const char *
world_put_file (fst_caller_t *who, const char *upload, json_t *file)
{
    static char code [64];
    json_t *reply = NULL, *payload = json_pack ("{s:[o]}", "files", file);
    if (upload)
        json_object_set_new (payload, "upload", json_string (upload));
    fst_rc_t rc = world_call (who, "PUT_FILE_INFO", payload, &reply);
    const char *said = rc != FST_OK? fst_error_code (rc):
        json_string_value (json_object_get (json_array_get (json_object_get (reply, "files"), 0), "code"));
    snprintf (code, sizeof (code), "%s", said);
    json_decref (reply);
    return code;
}

void
world_put (world_t *self, fst_caller_t *who, const char *path, int64_t size)
{
    char *upload = world_open (who, path, 2, NULL);
    const char *code = world_put_file (who, upload, world_file (self, upload, 0, path, size, 2));
    world_check (strcmp (code, "ok") == 0? FST_OK: FST_INTERNAL, code);
    free (upload);
}
