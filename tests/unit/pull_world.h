//  Three storage nodes that copy from each other, and a metadata actor of our own that tells them to. Node 0 is the
//  world's; each can be stopped and started. Included by one program each.

#ifndef PULL_WORLD_H_INCLUDED
#define PULL_WORLD_H_INCLUDED

#define WORLD_NODES 3
#include "fst_extent_name.h"
#include "fst_extents.h"
#include "fst_text.h"
#include "storage_world.h"

typedef struct {
    world_t world;
    struct {
        fst_keys_t *keys;
        fst_config_t *config;
        char service [64];
        char endpoint [600];
        char folder [600];
        fst_storage_t *storage;
        zsock_t *client;            //  Of this node's data port
    } nodes [WORLD_NODES];
} pull_world_t;

static inline void
pull_start (pull_world_t *self, int node)
{
    char *problem = NULL;
    fst_actor_options_t bus = world_bus (&self->world, self->nodes [node].keys);
    world_check (fst_storage_new (self->nodes [node].config, &bus, &self->nodes [node].storage, &problem), problem);
    char ticket [FST_PROOF_TEXT_MAX];
    fst_ticket_make (self->nodes [node].keys->node_key, "alice", fst_clock_wall_ms () + 600000, ticket);
    world_check (fst_socket_connect_data (self->nodes [node].endpoint, "alice", ticket, &self->nodes [node].client), "");
}

static inline void
pull_stop (pull_world_t *self, int node)
{
    zsock_destroy (&self->nodes [node].client);
    fst_storage_destroy (&self->nodes [node].storage);
}

static inline void
pull_set (pull_world_t *self, int node, const char *name, const char *value)
{
    char *problem = NULL;
    world_check (fst_config_set (self->nodes [node].config, name, value, &problem), problem);
}

//  Keys, names and settings of the nodes in a world that is open.
static inline void
pull_prepare (pull_world_t *self)
{
    for (int node = 0; node < WORLD_NODES; node++) {
        char name [32];
        snprintf (name, sizeof (name), "node-%d", node + 1);
        snprintf (self->nodes [node].service, sizeof (self->nodes [node].service), "storage.%s", name);
        snprintf (self->nodes [node].endpoint, sizeof (self->nodes [node].endpoint), "%s-%d", self->world.data, node);
        snprintf (self->nodes [node].folder, sizeof (self->nodes [node].folder), "%s/%s", self->world.folder, name);
        self->nodes [node].keys = world_keys (&self->world, name);
        self->nodes [node].config = fst_config_new ();
        pull_set (self, node, "node", name);
        pull_set (self, node, "storage-folder", self->nodes [node].folder);
        pull_set (self, node, "data-endpoint", self->nodes [node].endpoint);
        pull_set (self, node, "reserve", "0");
    }
}

//  Nothing is started yet.
static inline void
pull_open (pull_world_t *self)
{
    world_open (&self->world);
    pull_prepare (self);
    for (int node = 1; node < WORLD_NODES; node++)
        fst_gate_add_node (self->world.gate, self->nodes [node].service + 8, self->nodes [node].keys->node_key);
}

static inline void
pull_close (pull_world_t *self)
{
    for (int node = 0; node < WORLD_NODES; node++) {
        pull_stop (self, node);
        fst_config_destroy (&self->nodes [node].config);
        fst_keys_destroy (&self->nodes [node].keys);
    }
    world_close (&self->world);
}

//  ---- Data of clients

static inline const char *
pull_capability (const pull_world_t *self, int node, fst_right_t right, fst_blob_id_t blob, int64_t lasts_ms)
{
    static char text [FST_PROOF_TEXT_MAX];
    fst_capability_t capability = { .right = right, .blob = blob, .expires_ms = fst_clock_wall_ms () + lasts_ms };
    fst_capability_make (self->nodes [node].keys->node_key, &capability, text);
    return text;
}

static inline const char *
pull_hex (fst_blob_id_t blob)
{
    static char hex [2 * FST_BLOB_BYTES + 1];
    fst_hex_encode (blob.bytes, FST_BLOB_BYTES, hex);
    return hex;
}

static inline fst_rc_t
pull_store (pull_world_t *self, int node, const test_record_t *made, bool seal)
{
    zmsg_t *frames = zmsg_new ();
    zmsg_addmem (frames, made->data, made->bytes);
    return world_call (self->nodes [node].client, "STORE", json_pack ("{s:s, s:b}", "capability",
                       pull_capability (self, node, FST_RIGHT_WRITE, made->record.blob, 3600000), "seal", (int) seal),
                       &frames, NULL);
}

//  Upload an extent of chunks chunks, the last of last_bytes (0: full), to the nodes in mask; what it is in *info. The
//  records are the same on all of them.
static inline void
pull_upload (pull_world_t *self, unsigned mask, fst_blob_id_t blob, uint32_t extent, uint32_t chunks, uint8_t log2,
             uint32_t last_bytes, fst_extent_info_t *info)
{
    uint64_t checksums [FST_EXTENT_SLOTS_MAX];
    *info = (fst_extent_info_t) { .blob = blob, .extent = extent, .chunks = chunks };
    for (uint32_t slot = 0; slot < chunks; slot++) {
        bool last = slot + 1 == chunks;
        test_record_t made = test_record (blob, extent * chunks + slot, chunks, log2, last? last_bytes: 0,
                                          last && last_bytes, (uint8_t) (slot + 1));
        checksums [slot] = made.record.checksum;
        info->bytes += made.record.plain_bytes;
        for (int node = 0; node < WORLD_NODES; node++)
            if (mask & 1u << node)
                world_check (pull_store (self, node, &made, false), "store");
        test_record_free (&made);
    }
    info->digest = fst_extent_digest (checksums, chunks);
    for (int node = 0; node < WORLD_NODES; node++)
        if (mask & 1u << node)
            world_check (world_call (self->nodes [node].client, "SEAL", json_pack ("{s:s, s:s, s:i, s:i}", "capability",
                         pull_capability (self, node, FST_RIGHT_WRITE, blob, 3600000), "blob", pull_hex (blob),
                         "extent", (int) extent, "chunks", (int) chunks), NULL, NULL), "seal");
}

static inline void
pull_upload_small (pull_world_t *self, unsigned mask, fst_blob_id_t blob, uint32_t bytes, fst_extent_info_t *info)
{
    test_record_t made = test_small (blob, bytes, 7);
    *info = (fst_extent_info_t) { .blob = blob, .chunks = 1, .bytes = bytes,
                                  .digest = fst_extent_digest (&made.record.checksum, 1) };
    for (int node = 0; node < WORLD_NODES; node++)
        if (mask & 1u << node)
            world_check (pull_store (self, node, &made, true), "small");
    test_record_free (&made);
}

//  Read all of an extent as a client does.
static inline fst_rc_t
pull_read (pull_world_t *self, int node, const fst_extent_info_t *info)
{
    fst_rc_t rc = FST_OK;
    for (uint32_t slot = 0; rc == FST_OK && slot < info->chunks; slot++)
        rc = world_call (self->nodes [node].client, "RETRIEVE", json_pack ("{s:s, s:s, s:i, s:i}", "capability",
                         pull_capability (self, node, FST_RIGHT_READ, info->blob, 3600000), "blob", pull_hex (info->blob),
                         "extent", (int) info->extent, "slot", (int) slot), NULL, NULL);
    return rc;
}

//  Change one octet of a sealed extent's file.
static inline void
pull_damage (pull_world_t *self, int node, const fst_extent_info_t *info, int64_t offset)
{
    char name [FST_EXTENT_NAME_MAX], path [800];
    fst_extent_name (&info->blob, info->extent, false, name);
    snprintf (path, sizeof (path), "%s/%s", self->nodes [node].folder, name);
    FILE *file = fopen (path, "r+");
    assert (file);
    fseek (file, (long) offset, SEEK_SET);
    int octet = fgetc (file);
    fseek (file, (long) offset, SEEK_SET);
    fputc (octet ^ 1, file);
    fclose (file);
}

//  ---- Metadata's commands

static inline fst_rc_t
pull_command (pull_world_t *self, int node, const char *token, const char *command, json_t *payload, json_t **reply_p)
{
    return world_command (&self->world, self->nodes [node].service, token, command, payload, reply_p);
}

static inline json_int_t
pull_status (pull_world_t *self, int node, const char *name)
{
    fst_claims_t claims = { .name = "alice", .role = FST_ROLE_USER, .session = { 1 } };
    char *token = fst_token_sign (&claims, self->world.auth_keys->sign_secret);
    json_t *reply = NULL;
    world_check (pull_command (self, node, token, "STATUS", NULL, &reply), "status");
    json_int_t value = json_integer_value (json_object_get (reply, name));
    json_decref (reply);
    free (token);
    return value;
}

//  A PULL with all nodes as peers, in their order.
static inline json_t *
pull_request (pull_world_t *self, int time_ms)
{
    json_t *peers = json_array ();
    for (int node = 0; node < WORLD_NODES; node++) {
        char ticket [FST_PROOF_TEXT_MAX];
        fst_ticket_make (self->nodes [node].keys->node_key, FST_NODE_USER "node-1", fst_clock_wall_ms () + 600000, ticket);
        json_array_append_new (peers, json_pack ("{s:s, s:s, s:s, s:s}", "node", self->nodes [node].service + 8,
                               "endpoint", self->nodes [node].endpoint, "user", FST_NODE_USER "node-1", "ticket", ticket));
    }
    return json_pack ("{s:s, s:i, s:i, s:o, s:[]}", "run", "0000000000000000", "sequence", 1, "time_ms", time_ms, "peers", peers, "extents");
}

//  Add an extent. sources: "12" are nodes 1 and 2, in this order.
static inline void
pull_add (pull_world_t *self, json_t *request, const fst_extent_info_t *info, const char *sources)
{
    char digest [17];
    snprintf (digest, sizeof (digest), "%016" PRIx64, info->digest);
    json_t *list = json_array ();
    for (; *sources; sources++)
        json_array_append_new (list, json_pack ("{s:i, s:s}", "peer", *sources - '0', "capability",
                               pull_capability (self, *sources - '0', FST_RIGHT_READ, info->blob, 3600000)));
    json_array_append_new (json_object_get (request, "extents"), json_pack ("{s:s, s:I, s:I, s:I, s:s, s:o}",
                           "blob", pull_hex (info->blob), "extent", (json_int_t) info->extent, "chunks",
                           (json_int_t) info->chunks, "bytes", (json_int_t) info->bytes, "digest", digest,
                           "sources", list));
}

//  Send it to a node; the results, or NULL and why. With rc_p NULL a node that is busy, perhaps with the same request sent
//  twice, is asked again.
static inline json_t *
pull_run (pull_world_t *self, int node, json_t *request, fst_rc_t *rc_p)
{
    json_t *reply = NULL;
    int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS;
    fst_rc_t rc;
    do
        rc = pull_command (self, node, self->world.metadata_keys->token, "PULL", json_incref (request), &reply);
    while (rc == FST_BUSY && !rc_p && fst_clock_mono_ms () < until_ms);
    json_decref (request);
    if (rc_p)
        *rc_p = rc;
    else
        world_check (rc, "pull");
    json_t *results = json_incref (json_object_get (reply, "results"));
    json_decref (reply);
    return results;
}

static inline const char *
pull_result (json_t *results, size_t index)
{
    return json_string_value (json_object_get (json_array_get (results, index), "result"));
}

#endif
