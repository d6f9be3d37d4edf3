//  What clients and metadata say to a storage node, for tests of one behind a real broker and gate (storage_world.h).
//  Included by one program each.

#ifndef STORAGE_REQUESTS_H_INCLUDED
#define STORAGE_REQUESTS_H_INCLUDED

#include <criterion/criterion.h>
#include "fst_extent_name.h"
#include "fst_told.h"
#include "storage_world.h"

#define LOG2  16
#define SLOTS 4

#define NO_RUN  "0000000000000000"      //  What a node that has not registered takes for the run of metadata

static world_t s_world;
static zsock_t *s_client;

static inline void
storage_setup (void)
{
    world_open (&s_world);
}

static inline void
storage_teardown (void)
{
    zsock_destroy (&s_client);
    world_close (&s_world);
}

static inline void
storage_start (void)
{
    world_start_storage (&s_world);
    s_client = world_client (&s_world);
}

static inline void
storage_restart (void)
{
    zsock_destroy (&s_client);
    world_stop_storage (&s_world);
    storage_start ();
}

//  ---- Requests

static inline void
storage_add (zmsg_t **frames_p, const test_record_t *made)
{
    if (!*frames_p)
        *frames_p = zmsg_new ();
    zmsg_addmem (*frames_p, made->data, made->bytes);
}

//  STORE of one record; it is freed.
static inline fst_rc_t
storage_store_with (const char *capability, bool seal, test_record_t made, json_t **reply_p)
{
    zmsg_t *frames = NULL;
    storage_add (&frames, &made);
    test_record_free (&made);
    return world_call (s_client, "STORE", json_pack ("{s:s, s:b}", "capability", capability, "seal", (int) seal),
                       &frames, reply_p);
}

static inline fst_rc_t
storage_store (test_record_t made)
{
    return storage_store_with (world_capability (&s_world, FST_RIGHT_WRITE, made.record.blob, 3600000), false, made, NULL);
}

static inline test_record_t
storage_chunk (fst_blob_id_t blob, uint32_t chunk, uint8_t filling)
{
    return test_record (blob, chunk, SLOTS, LOG2, 0, false, filling);
}

static inline const char *
storage_hex (fst_blob_id_t blob)
{
    static char hex [2 * FST_BLOB_BYTES + 1];
    fst_hex_encode (blob.bytes, FST_BLOB_BYTES, hex);
    return hex;
}

static inline fst_rc_t
storage_seal_with (const char *capability, fst_blob_id_t blob, int extent, int chunks, json_t **reply_p)
{
    return world_call (s_client, "SEAL", json_pack ("{s:s, s:s, s:i, s:i}", "capability", capability,
                       "blob", storage_hex (blob), "extent", extent, "chunks", chunks), NULL, reply_p);
}

static inline fst_rc_t
storage_seal (fst_blob_id_t blob, int extent, int chunks)
{
    return storage_seal_with (world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), blob, extent, chunks, NULL);
}

static inline fst_rc_t
storage_retrieve_with (const char *capability, fst_blob_id_t blob, int extent, int slot, int count, zmsg_t **frames_p)
{
    world_send (s_client, "RETRIEVE", json_pack ("{s:s, s:s, s:i, s:i, s:i}", "capability", capability,
                "blob", storage_hex (blob), "extent", extent, "slot", slot, "count", count), NULL);
    return world_receive (s_client, NULL, frames_p);
}

static inline fst_rc_t
storage_retrieve (fst_right_t right, fst_blob_id_t blob, int extent, int slot, int count)
{
    return storage_retrieve_with (world_capability (&s_world, right, blob, 3600000), blob, extent, slot, count, NULL);
}

//  True if the reply has a receipt for exactly this.
static inline bool
storage_receipt_is_good (json_t *row, fst_blob_id_t blob, uint32_t extent, uint32_t chunks, int64_t bytes)
{
    fst_extent_info_t info = { .blob = blob, .extent = extent, .chunks = chunks, .bytes = bytes };
    info.digest = strtoull (json_string_value (json_object_get (row, "digest")), NULL, 16);
    const char *receipt = json_string_value (json_object_get (row, "receipt"));
    return fst_receipt_check (s_world.node_keys->node_key, &info, receipt) == FST_OK;
}

static inline fst_rc_t
storage_command (const char *token, const char *command, json_t *payload, json_t **reply_p)
{
    return world_command (&s_world, "storage." WORLD_NODE, token, command, payload, reply_p);
}

static inline fst_rc_t
storage_delete (const char *token, fst_blob_id_t blob, int sequence, int *deleted_p)
{
    json_t *reply = NULL;
    fst_rc_t rc = storage_command (token, "DELETE", json_pack ("{s:s, s:[s], s:i}", "run", NO_RUN, "blobs", storage_hex (blob),
                                   "sequence", sequence),
                                   &reply);
    if (deleted_p)
        *deleted_p = (int) json_integer_value (json_object_get (reply, "deleted"));
    json_decref (reply);
    return rc;
}

//  One octet of a sealed extent on the disk.
static inline void
storage_flip (fst_blob_id_t blob, uint32_t extent, int64_t offset)
{
    char name [FST_EXTENT_NAME_MAX], path [600];
    fst_extent_name (&blob, extent, false, name);
    snprintf (path, sizeof (path), "%s/storage/%s", s_world.folder, name);
    FILE *file = fopen (path, "r+");
    cr_assert (file);
    fseek (file, (long) offset, SEEK_SET);
    int octet = fgetc (file);
    fseek (file, (long) offset, SEEK_SET);
    fputc (octet ^ 1, file);
    fclose (file);
}

static inline json_int_t
storage_status (const char *name)
{
    fst_claims_t claims = { .name = "alice", .role = FST_ROLE_USER, .session = { 1 } };
    char *token = fst_token_sign (&claims, s_world.auth_keys->sign_secret);
    json_t *reply = NULL;
    fst_rc_t rc = storage_command (token, "STATUS", NULL, &reply);
    cr_assert (rc == FST_OK, "%s", fst_error_code (rc));
    json_int_t value = json_integer_value (json_object_get (reply, name));
    json_decref (reply);
    free (token);
    return value;
}

#endif
