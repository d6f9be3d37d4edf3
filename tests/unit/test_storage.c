//  A storage actor behind a real broker and gate, as clients and metadata see it.

#include <criterion/criterion.h>
#include "fst_extent_name.h"
#include "fst_told.h"
#include "storage_world.h"

#define LOG2  16
#define SLOTS 4

#define NO_RUN  "0000000000000000"      //  What a node that has not registered takes for the run of metadata

static world_t s_world;
static zsock_t *s_client;

static void
s_setup (void)
{
    world_open (&s_world);
}

static void
s_teardown (void)
{
    zsock_destroy (&s_client);
    world_close (&s_world);
}

TestSuite (storage, .init = s_setup, .fini = s_teardown, .timeout = 280);

static void
s_start (void)
{
    world_start_storage (&s_world);
    s_client = world_client (&s_world);
}

static void
s_restart (void)
{
    zsock_destroy (&s_client);
    world_stop_storage (&s_world);
    s_start ();
}

//  ---- Requests

static void
s_add (zmsg_t **frames_p, const test_record_t *made)
{
    if (!*frames_p)
        *frames_p = zmsg_new ();
    zmsg_addmem (*frames_p, made->data, made->bytes);
}

//  STORE of one record; it is freed.
static fst_rc_t
s_store_with (const char *capability, bool seal, test_record_t made, json_t **reply_p)
{
    zmsg_t *frames = NULL;
    s_add (&frames, &made);
    test_record_free (&made);
    return world_call (s_client, "STORE", json_pack ("{s:s, s:b}", "capability", capability, "seal", (int) seal),
                       &frames, reply_p);
}

static fst_rc_t
s_store (test_record_t made)
{
    return s_store_with (world_capability (&s_world, FST_RIGHT_WRITE, made.record.blob, 3600000), false, made, NULL);
}

static test_record_t
s_chunk (fst_blob_id_t blob, uint32_t chunk, uint8_t filling)
{
    return test_record (blob, chunk, SLOTS, LOG2, 0, false, filling);
}

static const char *
s_hex (fst_blob_id_t blob)
{
    static char hex [2 * FST_BLOB_BYTES + 1];
    fst_hex_encode (blob.bytes, FST_BLOB_BYTES, hex);
    return hex;
}

static fst_rc_t
s_seal_with (const char *capability, fst_blob_id_t blob, int extent, int chunks, json_t **reply_p)
{
    return world_call (s_client, "SEAL", json_pack ("{s:s, s:s, s:i, s:i}", "capability", capability,
                       "blob", s_hex (blob), "extent", extent, "chunks", chunks), NULL, reply_p);
}

static fst_rc_t
s_seal (fst_blob_id_t blob, int extent, int chunks)
{
    return s_seal_with (world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), blob, extent, chunks, NULL);
}

static fst_rc_t
s_retrieve_with (const char *capability, fst_blob_id_t blob, int extent, int slot, int count, zmsg_t **frames_p)
{
    world_send (s_client, "RETRIEVE", json_pack ("{s:s, s:s, s:i, s:i, s:i}", "capability", capability,
                "blob", s_hex (blob), "extent", extent, "slot", slot, "count", count), NULL);
    return world_receive (s_client, NULL, frames_p);
}

static fst_rc_t
s_retrieve (fst_right_t right, fst_blob_id_t blob, int extent, int slot, int count)
{
    return s_retrieve_with (world_capability (&s_world, right, blob, 3600000), blob, extent, slot, count, NULL);
}

//  True if the reply has a receipt for exactly this.
static bool
s_receipt_is_good (json_t *row, fst_blob_id_t blob, uint32_t extent, uint32_t chunks, int64_t bytes)
{
    fst_extent_info_t info = { .blob = blob, .extent = extent, .chunks = chunks, .bytes = bytes };
    info.digest = strtoull (json_string_value (json_object_get (row, "digest")), NULL, 16);
    const char *receipt = json_string_value (json_object_get (row, "receipt"));
    return fst_receipt_check (s_world.node_keys->node_key, &info, receipt) == FST_OK;
}

static fst_rc_t
s_command (const char *token, const char *command, json_t *payload, json_t **reply_p)
{
    return world_command (&s_world, "storage." WORLD_NODE, token, command, payload, reply_p);
}

static fst_rc_t
s_delete (const char *token, fst_blob_id_t blob, int sequence, int *deleted_p)
{
    json_t *reply = NULL;
    fst_rc_t rc = s_command (token, "DELETE", json_pack ("{s:s, s:[s], s:i}", "run", NO_RUN, "blobs", s_hex (blob),
                             "sequence", sequence),
                             &reply);
    if (deleted_p)
        *deleted_p = (int) json_integer_value (json_object_get (reply, "deleted"));
    json_decref (reply);
    return rc;
}

//  One octet of a sealed extent on the disk.
static void
s_flip (fst_blob_id_t blob, uint32_t extent, int64_t offset)
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

static json_int_t
s_status (const char *name)
{
    fst_claims_t claims = { .name = "alice", .role = FST_ROLE_USER, .session = { 1 } };
    char *token = fst_token_sign (&claims, s_world.auth_keys->sign_secret);
    json_t *reply = NULL;
    fst_rc_t rc = s_command (token, "STATUS", NULL, &reply);
    cr_assert (rc == FST_OK, "%s", fst_error_code (rc));
    json_int_t value = json_integer_value (json_object_get (reply, name));
    json_decref (reply);
    free (token);
    return value;
}

//  ---- Data port

Test (storage, what_is_stored_and_sealed_comes_back)
{
    s_start ();
    fst_blob_id_t blob = test_blob (1, 0);
    test_record_t made [3];
    json_t *reply = NULL;
    for (uint32_t slot = 0; slot < 3; slot++) {
        made [slot] = s_chunk (blob, SLOTS + slot, (uint8_t) slot);
        zmsg_t *frames = NULL;
        s_add (&frames, &made [slot]);
        cr_assert (world_call (s_client, "STORE", json_pack ("{s:s}", "capability",
                   world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000)), &frames, &reply) == FST_OK);
        cr_assert_eq (json_integer_value (json_object_get (reply, "window")), 8 << 20);
        json_decref (reply);
    }
    cr_assert (s_seal_with (world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), blob, 1, 3, &reply) == FST_OK);
    cr_assert_eq (json_integer_value (json_object_get (reply, "bytes")), 3 << LOG2);
    cr_assert (s_receipt_is_good (reply, blob, 1, 3, 3 << LOG2));
    json_decref (reply);
    zmsg_t *frames;
    cr_assert (s_retrieve_with (world_capability (&s_world, FST_RIGHT_READ, blob, 3600000), blob, 1, 0, 3, &frames) == FST_OK);
    cr_assert_eq (zmsg_size (frames), 3);
    for (int slot = 0; slot < 3; slot++) {
        zframe_t *frame = zmsg_pop (frames);
        cr_assert (zframe_size (frame) == made [slot].bytes
                && memcmp (zframe_data (frame), made [slot].data, made [slot].bytes) == 0);
        zframe_destroy (&frame);
        test_record_free (&made [slot]);
    }
    zmsg_destroy (&frames);
    cr_assert_eq (s_status ("extents"), 1);
    cr_assert_eq (s_status ("open"), 0);
    cr_assert_eq (s_status ("stored_bytes"), 3 << LOG2);
    cr_assert_eq (s_status ("retrieved_bytes"), 3 << LOG2);
}

Test (storage, a_seal_finds_what_was_sent_before_it)
{
    s_start ();
    fst_blob_id_t blob = test_blob (2, 0);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        test_record_t made = s_chunk (blob, slot, 1);
        zmsg_t *frames = NULL;
        s_add (&frames, &made);
        test_record_free (&made);
        world_send (s_client, "STORE", json_pack ("{s:s}", "capability",
                    world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000)), &frames);
    }
    world_send (s_client, "SEAL", json_pack ("{s:s, s:s, s:i, s:i}", "capability",
                world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), "blob", s_hex (blob), "extent", 0,
                "chunks", SLOTS), NULL);
    for (int reply = 0; reply < SLOTS + 1; reply++)
        cr_assert (world_receive (s_client, NULL, NULL) == FST_OK, "reply %d", reply);
}

Test (storage, only_the_right_capability_opens)
{
    s_start ();
    fst_blob_id_t blob = test_blob (3, 0), sibling = test_blob (3, 1), other = test_blob (4, 0);
    uint8_t strange_key [FST_KEY_BYTES] = { 9 };
    char strange [FST_PROOF_TEXT_MAX];
    fst_capability_t capability = { .right = FST_RIGHT_WRITE, .blob = blob, .expires_ms = fst_clock_wall_ms () + 60000 };
    fst_capability_make (strange_key, &capability, strange);
    const struct { fst_right_t right; fst_blob_id_t blob; int64_t lasts_ms; const char *text; fst_rc_t store, retrieve; }
    cases [] = {
        { FST_RIGHT_READ,  blob,    60000, NULL,    FST_DENIED,  FST_OK },
        { FST_RIGHT_WRITE, blob,    -1000, NULL,    FST_EXPIRED, FST_EXPIRED },
        { FST_RIGHT_READ,  blob,    -1000, NULL,    FST_DENIED,  FST_EXPIRED },
        { FST_RIGHT_WRITE, other,   60000, NULL,    FST_DENIED,  FST_DENIED },
        { FST_RIGHT_READ,  sibling, 60000, NULL,    FST_DENIED,  FST_DENIED },
        { 0,               blob,    0,     strange, FST_DENIED,  FST_DENIED },
        { 0,               blob,    0,     "AAAA",  FST_DENIED,  FST_DENIED },
        { FST_RIGHT_WRITE, sibling, 60000, NULL,    FST_OK,      FST_OK },      //  Same upload
    };
    cr_assert (s_store (s_chunk (blob, 0, 1)) == FST_OK);
    cr_assert (s_seal (blob, 0, 1) == FST_OK);
    for (size_t at = 0; at < sizeof (cases) / sizeof (cases [0]); at++) {
        char text [FST_PROOF_TEXT_MAX];
        snprintf (text, sizeof (text), "%s", cases [at].text? cases [at].text:
                  world_capability (&s_world, cases [at].right, cases [at].blob, cases [at].lasts_ms));
        fst_rc_t rc = s_store_with (text, false, s_chunk (blob, SLOTS, 1), NULL);
        cr_assert (rc == cases [at].store || (rc == FST_EXPIRED && cases [at].lasts_ms < 0), "store %zu: %s", at,
                   fst_error_code (rc));
        rc = s_seal_with (text, blob, 0, 1, NULL);
        cr_assert ((rc == FST_OK) == (cases [at].store == FST_OK), "seal %zu: %s", at, fst_error_code (rc));
        rc = s_retrieve_with (text, blob, 0, 0, 1, NULL);
        cr_assert_eq (rc, cases [at].retrieve, "retrieve %zu: %s", at, fst_error_code (rc));
    }
    cr_assert (s_store_with (world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), true,
                             test_small (other, 10, 1), NULL) == FST_DENIED, "a small blob of another upload");
}

Test (storage, a_batch_may_not_hide_a_record_of_another_upload)
{
    s_start ();
    zmsg_t *frames = NULL;
    test_record_t mine = test_small (test_blob (3, 0), 10, 1), others = test_small (test_blob (4, 0), 10, 1);
    s_add (&frames, &mine);
    s_add (&frames, &others);
    cr_assert (world_call (s_client, "STORE", json_pack ("{s:s, s:b}", "capability",
               world_capability (&s_world, FST_RIGHT_WRITE, mine.record.blob, 3600000), "seal", 1), &frames, NULL)
               == FST_DENIED);
    cr_assert (s_retrieve (FST_RIGHT_WRITE, mine.record.blob, 0, 0, 1) == FST_NOT_FOUND, "nothing of it was kept");
    test_record_free (&mine);
    test_record_free (&others);
}

Test (storage, no_one_gets_in_without_a_ticket)
{
    s_start ();
    zsock_t *stranger = NULL;
    cr_assert (fst_socket_connect_data (s_world.data, "alice", "AAAA", &stranger) == FST_OK);
    zsock_set_rcvtimeo (stranger, 500);
    zsock_set_sndtimeo (stranger, 100);
    zstr_send (stranger, "{}");
    char *answer = zstr_recv (stranger);
    cr_assert_null (answer);
    zsock_destroy (&stranger);
}

Test (storage, damaged_and_odd_records_are_refused)
{
    s_start ();
    fst_blob_id_t blob = test_blob (5, 0);
    char capability [FST_PROOF_TEXT_MAX];
    snprintf (capability, sizeof (capability), "%s", world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000));
    cr_assert (s_store (s_chunk (blob, 0, 1)) == FST_OK);

    test_record_t made = s_chunk (blob, 1, 1);
    made.data [1000] ^= 1;
    cr_assert (s_store_with (capability, false, made, NULL) == FST_CORRUPT);
    made = test_small (blob, 100, 1);
    made.data [100] ^= 1;
    cr_assert (s_store_with (capability, true, made, NULL) == FST_CORRUPT);
    made = s_chunk (blob, 1, 1);
    made.bytes -= 1;
    cr_assert (s_store_with (capability, false, made, NULL) == FST_MALFORMED, "cut");
    made = s_chunk (blob, 1, 1);
    made.data [0] ^= 1;
    cr_assert (s_store_with (capability, false, made, NULL) == FST_MALFORMED, "no record at all");
    made = test_record (blob, 1, SLOTS, LOG2 + 1, 0, false, 1);
    cr_assert (s_store_with (capability, false, made, NULL) == FST_MALFORMED, "another chunk size");
    made = test_record (blob, 2, 3, LOG2, 0, false, 1);
    made.data [31] = 1;         //  Says slot 1
    cr_assert (s_store_with (capability, false, made, NULL) == FST_CORRUPT, "the checksum covers the slot");
    made = s_chunk (blob, 1, 1);
    cr_assert (s_store_with (capability, true, made, NULL) == FST_MALFORMED, "no small blob");
    zmsg_t *none = NULL;
    cr_assert (world_call (s_client, "STORE", json_pack ("{s:s}", "capability", capability), &none, NULL)
               == FST_MALFORMED, "no record");
    cr_assert (s_seal (blob, 0, 2) == FST_NOT_FOUND, "nothing of it was kept");
    cr_assert (s_seal (blob, 0, 1) == FST_OK);
}

Test (storage, an_unsealed_extent_is_seen_by_its_writer_only)
{
    s_start ();
    fst_blob_id_t blob = test_blob (6, 0);
    cr_assert (s_store (s_chunk (blob, 0, 1)) == FST_OK);
    cr_assert (s_retrieve (FST_RIGHT_READ, blob, 0, 0, 1) == FST_NOT_FOUND);
    cr_assert (s_retrieve (FST_RIGHT_WRITE, blob, 0, 0, 1) == FST_OK);
    cr_assert_eq (s_status ("open"), 1);
}

Test (storage, sealed_and_open_extents_survive_a_restart)
{
    s_start ();
    fst_blob_id_t sealed = test_blob (7, 0), open = test_blob (7, 1), small = test_blob (7, 2);
    cr_assert (s_store (s_chunk (sealed, 0, 1)) == FST_OK);
    cr_assert (s_seal (sealed, 0, 1) == FST_OK);
    cr_assert (s_store (s_chunk (open, 0, 1)) == FST_OK);
    cr_assert (s_store_with (world_capability (&s_world, FST_RIGHT_WRITE, small, 3600000), true,
                             test_small (small, 1000, 1), NULL) == FST_OK);
    s_restart ();
    cr_assert (s_retrieve (FST_RIGHT_READ, sealed, 0, 0, 1) == FST_OK);
    cr_assert (s_retrieve (FST_RIGHT_READ, small, 0, 0, 1) == FST_OK);
    cr_assert (s_store (s_chunk (open, 1, 1)) == FST_OK);
    cr_assert (s_seal (open, 0, 2) == FST_OK);
    cr_assert (s_seal (sealed, 0, 1) == FST_OK, "again");
    fst_rc_t rc = s_seal (sealed, 0, 2);
    cr_assert_eq (rc, FST_EXISTS, "%s", fst_error_code (rc));
    cr_assert (s_store (s_chunk (sealed, 0, 2)) == FST_EXISTS);
    cr_assert_eq (s_status ("extents"), 2);
    cr_assert_eq (s_status ("small"), 1);
}

Test (storage, small_blobs_get_a_receipt_each)
{
    enum { COUNT = 64 };
    s_start ();
    zmsg_t *frames = NULL;
    for (uint32_t index = 0; index < COUNT; index++) {
        test_record_t made = test_small (test_blob (8, index), 100 + index, 1);
        s_add (&frames, &made);
        test_record_free (&made);
    }
    json_t *reply = NULL;
    cr_assert (world_call (s_client, "STORE", json_pack ("{s:s, s:b}", "capability",
               world_capability (&s_world, FST_RIGHT_WRITE, test_blob (8, 0), 3600000), "seal", 1), &frames, &reply)
               == FST_OK);
    json_t *receipts = json_object_get (reply, "receipts");
    cr_assert_eq (json_array_size (receipts), COUNT);
    for (uint32_t index = 0; index < COUNT; index++)
        cr_assert (s_receipt_is_good (json_array_get (receipts, index), test_blob (8, index), 0, 1, 100 + index));
    json_decref (reply);
    for (uint32_t index = 0; index < COUNT; index++)
        cr_assert (s_retrieve (FST_RIGHT_READ, test_blob (8, index), 0, 0, 1) == FST_OK);
    cr_assert (s_retrieve (FST_RIGHT_READ, test_blob (8, 0), 0, 0, 2) == FST_NOT_FOUND);
    cr_assert (s_retrieve (FST_RIGHT_READ, test_blob (8, 0), 0, 1, 1) == FST_NOT_FOUND);
    cr_assert (s_retrieve (FST_RIGHT_READ, test_blob (8, 0), 1, 0, 1) == FST_NOT_FOUND);
    cr_assert (s_store_with (world_capability (&s_world, FST_RIGHT_WRITE, test_blob (8, 0), 3600000), true,
                             test_small (test_blob (8, 0), 100, 2), NULL) == FST_EXISTS);
    cr_assert_eq (s_status ("small"), COUNT);
}

Test (storage, a_flipped_octet_on_disk_is_corrupt_and_never_returned)
{
    s_start ();
    fst_blob_id_t blob = test_blob (9, 0);
    cr_assert (s_store (s_chunk (blob, 0, 1)) == FST_OK);
    cr_assert (s_store (s_chunk (blob, 1, 1)) == FST_OK);
    cr_assert (s_seal (blob, 0, 2) == FST_OK);
    s_flip (blob, 0, fst_record_stride (LOG2) + 4000);
    cr_assert (s_retrieve (FST_RIGHT_READ, blob, 0, 1, 1) == FST_CORRUPT);
    cr_assert (s_retrieve (FST_RIGHT_READ, blob, 0, 0, 2) == FST_CORRUPT);
    cr_assert (s_retrieve (FST_RIGHT_READ, blob, 0, 0, 1) == FST_OK);
}

//  STORE of so many chunks without waiting in between: how many were refused.
static int
s_store_at_once (fst_blob_id_t blob, uint32_t count)
{
    int busy = 0;
    for (uint32_t chunk = 0; chunk < count; chunk++) {
        test_record_t made = test_record (blob, chunk, count, LOG2, 0, false, 1);
        zmsg_t *frames = NULL;
        s_add (&frames, &made);
        test_record_free (&made);
        world_send (s_client, "STORE", json_pack ("{s:s}", "capability",
                    world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000)), &frames);
    }
    for (uint32_t reply = 0; reply < count; reply++) {
        fst_rc_t rc = world_receive (s_client, NULL, NULL);
        cr_assert (rc == FST_OK || rc == FST_BUSY, "%s", fst_error_code (rc));
        busy += rc == FST_BUSY;
    }
    return busy;
}

Test (storage, more_than_the_window_is_busy_and_all_is_answered)
{
    enum { COUNT = 200 };
    world_set (&s_world, "window", "128 KiB");
    world_set (&s_world, "data-memory", "1 MiB");
    s_start ();
    fst_blob_id_t blob = test_blob (10, 0);
    int busy = 0;
    for (int tries = 0; tries < 50 && busy == 0; tries++)   //  A machine may be so slow to ask that the node keeps up
        busy = s_store_at_once (blob, COUNT);
    cr_assert_gt (busy, 0);
    for (uint32_t chunk = 0; chunk < COUNT; chunk++)        //  One after the other, all are let in
        cr_assert (s_store (test_record (blob, chunk, COUNT, LOG2, 0, false, 2)) == FST_OK);
    cr_assert (s_seal (blob, 0, COUNT) == FST_OK);
    cr_assert (s_retrieve (FST_RIGHT_READ, blob, 0, 0, 3) == FST_TOO_LARGE);
    cr_assert (s_retrieve (FST_RIGHT_READ, blob, 0, 0, 2) == FST_OK);
}

Test (storage, many_reads_wait_for_their_turn)
{
    enum { COUNT = 300 };
    world_set (&s_world, "window", "128 KiB");
    world_set (&s_world, "data-memory", "1 MiB");
    s_start ();
    fst_blob_id_t blob = test_blob (11, 0);
    for (uint32_t chunk = 0; chunk < SLOTS; chunk++)
        cr_assert (s_store (s_chunk (blob, chunk, 1)) == FST_OK);
    cr_assert (s_seal (blob, 0, SLOTS) == FST_OK);
    for (int at = 0; at < COUNT; at++)
        world_send (s_client, "RETRIEVE", json_pack ("{s:s, s:s, s:i, s:i}", "capability",
                    world_capability (&s_world, FST_RIGHT_READ, blob, 3600000), "blob", s_hex (blob), "extent", 0,
                    "slot", at % SLOTS), NULL);
    for (int at = 0; at < COUNT; at++)
        cr_assert (world_receive (s_client, NULL, NULL) == FST_OK, "reply %d", at);
}

Test (storage, a_full_node_takes_nothing_new)
{
    world_set (&s_world, "reserve", "90");
    s_start ();
    fst_blob_id_t blob = test_blob (12, 0);
    if (s_status ("free") > 0)
        cr_skip ("this disk is nearly empty");
    cr_assert (s_store (s_chunk (blob, 0, 1)) == FST_NO_SPACE);
    cr_assert (s_store_with (world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), true,
                             test_small (blob, 100, 1), NULL) == FST_NO_SPACE);
}

//  ---- Metadata's commands

Test (storage, only_metadata_deletes)
{
    s_start ();
    fst_blob_id_t big = test_blob (13, 0), small = test_blob (13, 1), open = test_blob (13, 2);
    int deleted;
    cr_assert (s_store (s_chunk (big, 0, 1)) == FST_OK);
    cr_assert (s_seal (big, 0, 1) == FST_OK);
    cr_assert (s_store (s_chunk (open, 0, 1)) == FST_OK);
    cr_assert (s_store_with (world_capability (&s_world, FST_RIGHT_WRITE, small, 3600000), true,
                             test_small (small, 100, 1), NULL) == FST_OK);
    cr_assert (s_delete (s_world.node_keys->token, big, 1, NULL) == FST_DENIED, "an actor, but not metadata");
    cr_assert (s_delete (NULL, big, 1, NULL) == FST_UNAUTHENTICATED);
    cr_assert (s_retrieve (FST_RIGHT_READ, big, 0, 0, 1) == FST_OK);
    cr_assert_eq (s_status ("extents") + s_status ("open") + s_status ("small"), 3);
    const fst_blob_id_t all [] = { big, small, open };
    for (int at = 0; at < 3; at++) {
        cr_assert (s_delete (s_world.metadata_keys->token, all [at], 1, NULL) == FST_OK);
        cr_assert (s_delete (s_world.metadata_keys->token, all [at], 1, &deleted) == FST_OK);
        cr_assert_eq (deleted, 0, "what is not there counts as deleted");
        cr_assert (s_retrieve (FST_RIGHT_WRITE, all [at], 0, 0, 1) == FST_NOT_FOUND);
    }
    cr_assert_eq (s_status ("extents") + s_status ("open") + s_status ("small"), 0);
}

Test (storage, single_extents_are_deleted_and_the_rest_stays)
{
    s_start ();
    fst_blob_id_t blob = test_blob (15, 0), small = test_blob (15, 1);
    for (uint32_t extent = 0; extent < 3; extent++) {
        cr_assert (s_store (s_chunk (blob, extent * SLOTS, 1)) == FST_OK);
        cr_assert (s_seal (blob, (int) extent, 1) == FST_OK);
    }
    cr_assert (s_store_with (world_capability (&s_world, FST_RIGHT_WRITE, small, 3600000), true,
                             test_small (small, 100, 1), NULL) == FST_OK);
    char hex [64];
    snprintf (hex, sizeof (hex), "%s", s_hex (blob));
    cr_assert (s_command (s_world.metadata_keys->token, "DELETE", json_pack ("{s:s, s:[s,s], s:[i], s:i}", "run", NO_RUN, "blobs", hex, hex,
               "extents", 1, "sequence", 1), NULL) == FST_MALFORMED, "columns of different length");
    for (int turn = 0; turn < 2; turn++) {
        cr_assert (s_command (s_world.metadata_keys->token, "DELETE", json_pack ("{s:s, s:[s,s,s], s:[i,i,i], s:i}",
                   "run", NO_RUN, "blobs", hex, s_hex (small), hex, "extents", 2, 0, 0, "sequence", 1), NULL) == FST_OK);
        cr_assert (s_retrieve (FST_RIGHT_READ, blob, 0, 0, 1) == FST_NOT_FOUND);
        cr_assert (s_retrieve (FST_RIGHT_READ, blob, 1, 0, 1) == FST_OK);
        cr_assert (s_retrieve (FST_RIGHT_READ, blob, 2, 0, 1) == FST_NOT_FOUND);
        cr_assert (s_retrieve (FST_RIGHT_READ, small, 0, 0, 1) == FST_NOT_FOUND);
        s_restart ();
    }
}

Test (storage, a_check_tells_whole_from_damaged_and_missing)
{
    s_start ();
    fst_blob_id_t big = test_blob (16, 0), small = test_blob (16, 1);
    json_t *seal = NULL, *reply = NULL;
    for (uint32_t chunk = 0; chunk < 3; chunk++)
        cr_assert (s_store (s_chunk (big, chunk, 1)) == FST_OK);
    cr_assert (s_seal_with (world_capability (&s_world, FST_RIGHT_WRITE, big, 3600000), big, 0, 3, &seal) == FST_OK);
    cr_assert (s_store_with (world_capability (&s_world, FST_RIGHT_WRITE, small, 3600000), true,
                             test_small (small, 100, 1), NULL) == FST_OK);
    char hex [64];
    snprintf (hex, sizeof (hex), "%s", s_hex (big));
    for (int damaged = 0; damaged < 2; damaged++) {
        if (damaged)
            s_flip (big, 0, fst_record_stride (LOG2) + 4000);
        for (int deep = 0; deep < 2; deep++) {
            cr_assert (s_command (s_world.metadata_keys->token, "CHECK", json_pack ("{s:[s,s,s], s:[i,i,i], s:b}",
                       "blobs", hex, hex, s_hex (small), "extents", 0, 1, 0, "deep", deep), &reply) == FST_OK);
            json_t *states = json_object_get (reply, "states"), *chunks = json_object_get (reply, "chunks");
            json_t *bytes = json_object_get (reply, "bytes"), *digests = json_object_get (reply, "digests");
            bool whole = !(damaged && deep);
            cr_assert_str_eq (json_string_value (json_array_get (states, 0)), whole? "whole": "damaged");
            cr_assert_str_eq (json_string_value (json_array_get (states, 1)), "missing");
            cr_assert_str_eq (json_string_value (json_array_get (states, 2)), "whole");
            cr_assert_eq (json_integer_value (json_array_get (chunks, 0)), whole? 3: 0);
            cr_assert_eq (json_integer_value (json_array_get (bytes, 0)), whole? 3 << LOG2: 0);
            cr_assert_eq (json_integer_value (json_array_get (bytes, 2)), 100);
            cr_assert_str_eq (json_string_value (json_array_get (digests, 0)),
                              whole? json_string_value (json_object_get (seal, "digest")): "0000000000000000");
            json_decref (reply);
        }
    }
    json_decref (seal);
    cr_assert (s_command (s_world.node_keys->token, "CHECK", json_pack ("{s:[s], s:[i]}", "blobs", hex, "extents", 0),
                          NULL) == FST_DENIED);
    cr_assert (s_command (s_world.metadata_keys->token, "CHECK", json_pack ("{s:[s], s:[i,i]}", "blobs", hex,
                          "extents", 0, 1), NULL) == FST_MALFORMED);
}

Test (storage, an_older_metadata_deletes_nothing)
{
    s_start ();
    fst_blob_id_t blob = test_blob (14, 0), other = test_blob (14, 1);
    cr_assert (s_store (s_chunk (blob, 0, 1)) == FST_OK);
    cr_assert (s_seal (blob, 0, 1) == FST_OK);
    cr_assert (s_delete (s_world.metadata_keys->token, other, 100, NULL) == FST_OK);
    for (int turn = 0; turn < 2; turn++) {
        cr_assert (s_delete (s_world.metadata_keys->token, blob, 99, NULL) == FST_DENIED);
        cr_assert (s_retrieve (FST_RIGHT_READ, blob, 0, 0, 1) == FST_OK);
        cr_assert_eq (s_status ("sequence"), 100);
        s_restart ();
    }
    cr_assert (s_delete (s_world.metadata_keys->token, blob, 100, NULL) == FST_OK);
    cr_assert (s_retrieve (FST_RIGHT_READ, blob, 0, 0, 1) == FST_NOT_FOUND);
}

Test (storage, the_inventory_has_both_stores_in_order)
{
    s_start ();
    int expect = 0, seen = 0;
    for (uint32_t index = 0; index < 20; index++) {
        fst_blob_id_t blob = test_blob ((uint8_t) (index * 50), index);
        if (index % 2)
            cr_assert (s_store_with (world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), true,
                                     test_small (blob, 100, 1), NULL) == FST_OK);
        for (uint32_t extent = 0; index % 2 == 0 && extent < 2; extent++) {
            cr_assert (s_store (s_chunk (blob, extent * SLOTS, 1)) == FST_OK);
            cr_assert (s_seal (blob, (int) extent, 1) == FST_OK);
        }
        expect += index % 2? 1: 2;
    }
    char last [64] = "";
    json_int_t last_extent = -1;
    bool more = true;
    while (more) {
        json_t *payload = json_pack ("{s:i}", "limit", 7), *reply = NULL;
        if (seen) {
            json_object_set_new (payload, "after", json_string (last));
            json_object_set_new (payload, "after_extent", json_integer (last_extent));
        }
        cr_assert (s_command (s_world.metadata_keys->token, "INVENTORY", payload, &reply) == FST_OK);
        json_t *blobs = json_object_get (reply, "blobs"), *extents = json_object_get (reply, "extents");
        for (size_t at = 0; at < json_array_size (blobs); at++, seen++) {
            const char *hex = json_string_value (json_array_get (blobs, at));
            json_int_t extent = json_integer_value (json_array_get (extents, at));
            int order = strcmp (last, hex);
            cr_assert (order < 0 || (order == 0 && last_extent < extent), "row %d", seen);
            snprintf (last, sizeof (last), "%s", hex);
            last_extent = extent;
        }
        more = json_is_true (json_object_get (reply, "more"));
        cr_assert (!more || json_array_size (blobs) == 7);
        json_decref (reply);
    }
    cr_assert_eq (seen, expect);
    cr_assert (s_command (s_world.node_keys->token, "INVENTORY", NULL, NULL) == FST_DENIED);
}

//  ---- Signs of life, to a metadata actor of our own

typedef struct {
    atomic_int registered;
    atomic_int refuse;          //  So many times first
    int64_t sequence;
    char endpoint [600];
    atomic_ullong said_run;     //  In the last REGISTER
    atomic_llong said_sequence;
    atomic_ullong first_run;    //  In the first one
    atomic_int starts;          //  With the word that it just started: until that was answered, so perhaps more than once
    atomic_int since;           //  Without it, since the last one that had it
} s_metadata_t;

static void
s_handle_register (void *arg, fst_request_t **request_p)
{
    s_metadata_t *self = arg;
    if (atomic_load (&self->refuse) > 0) {
        atomic_fetch_sub (&self->refuse, 1);
        fst_request_fail (request_p, FST_BUSY, NULL);
        return;
    }
    snprintf (self->endpoint, sizeof (self->endpoint), "%s",
              json_string_value (json_object_get (fst_request_payload (*request_p), "endpoint")));
    self->said_run = fst_run_parse (json_string_value (json_object_get (fst_request_payload (*request_p), "run")));
    self->said_sequence = json_integer_value (json_object_get (fst_request_payload (*request_p), "sequence"));
    if (self->registered == 0)
        self->first_run = self->said_run;
    bool started = json_is_true (json_object_get (fst_request_payload (*request_p), "started"));
    self->starts += started;
    self->since = started? 0: self->since + 1;
    fst_request_reply (request_p, json_pack ("{s:s, s:I, s:i}", "run", "0123456789abcdef",
                                             "sequence", (json_int_t) self->sequence, "heartbeat_ms", 10000));
    atomic_fetch_add (&self->registered, 1);
}

//  Asks all nodes to register, again and again.
static int64_t
s_ask (void *arg, int64_t now_ms);

static fst_actor_t *s_asking;

static fst_rc_t
s_start_metadata (void *arg, fst_actor_t *actor, char **problem_p)
{
    (void) arg;
    (void) problem_p;
    s_asking = actor;
    return FST_OK;
}

static int64_t
s_ask (void *arg, int64_t now_ms)
{
    (void) arg;
    fst_actor_publish (s_asking, "metadata.started", json_pack ("{s:s, s:i}", "run", "0123456789abcdef", "sequence", 1));
    return now_ms + 200;
}

static fst_actor_t *
s_metadata_new (s_metadata_t *self, bool asks)
{
    static const fst_command_t commands [] = { { "REGISTER", FST_NEED_ACTOR, s_handle_register }, { NULL } };
    fst_actor_class_t class = { .commands = commands, .start = s_start_metadata, .tick = asks? s_ask: NULL };
    fst_actor_options_t options = world_bus (&s_world, s_world.metadata_keys);
    options.service = "metadata";
    options.lanes = 2;
    fst_actor_t *actor = NULL;
    char *problem = NULL;
    world_check (fst_actor_new (&class, &options, self, &actor, &problem), problem);
    return actor;
}

static void
s_wait_for (atomic_int *value, int at_least)
{
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; atomic_load (value) < at_least; zclock_sleep (5))
        cr_assert (fst_clock_mono_ms () < until_ms, "it never came to %d", at_least);
}

//  Until the node's sequence is that; this run says that sequence by event, again and again.
static void
s_until_sequence (int64_t wanted, const char *run, int64_t sequence)
{
    zsock_t *publisher = NULL;
    char body [100];
    snprintf (body, sizeof (body), "{\"run\":\"%s\",\"sequence\":%lld}", run, (long long) sequence);
    cr_assert (fst_socket_connect (ZMQ_PUB, s_world.events_in, NULL, &publisher) == FST_OK);
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; s_status ("sequence") != wanted; zclock_sleep (5)) {
        cr_assert (fst_clock_mono_ms () < until_ms);
        zstr_sendx (publisher, "metadata.sequence", body, NULL);
    }
    zsock_destroy (&publisher);
}

Test (storage, a_node_says_what_the_run_it_registered_with_told_it)
{
    s_metadata_t metadata = { .sequence = 50 };
    world_set (&s_world, "heartbeat-interval", "50 ms");
    fst_actor_t *actor = s_metadata_new (&metadata, false);
    s_start ();
    s_wait_for (&metadata.registered, 1);
    cr_expect_eq (metadata.first_run, 0, "nothing was told yet");
    s_until_sequence (60, "0123456789abcdef", 60);
    int before = metadata.registered;
    s_wait_for (&metadata.registered, before + 2);      //  Unasked: with every third heartbeat
    cr_expect_geq (metadata.starts, 1);
    s_wait_for (&metadata.since, 1);
    cr_expect_eq (metadata.said_run, 0x0123456789abcdef);
    cr_expect_eq (metadata.said_sequence, 60);
    before = metadata.starts;
    s_restart ();
    s_wait_for (&metadata.starts, before + 1);
    s_wait_for (&metadata.since, 1);
    cr_expect_eq (metadata.said_run, 0x0123456789abcdef);
    cr_expect_eq (metadata.said_sequence, 60);
    //  Another run is not believed, neither by event nor by command, before it has heard that
    zsock_t *publisher = NULL;
    cr_assert (fst_socket_connect (ZMQ_PUB, s_world.events_in, NULL, &publisher) == FST_OK);
    for (int at = 0; at < 50; at++) {
        zstr_sendx (publisher, "metadata.sequence", "{\"run\":\"fedcba9876543210\",\"sequence\":900}", NULL);
        zclock_sleep (5);
    }
    zsock_destroy (&publisher);
    char hex [2 * FST_BLOB_BYTES + 1];
    strcpy (hex, s_hex (test_blob (1, 1)));
    cr_expect (s_command (s_world.metadata_keys->token, "DELETE", json_pack ("{s:[s], s:i, s:s}", "blobs", hex,
               "sequence", 900, "run", "fedcba9876543210"), NULL) == FST_DENIED);
    cr_expect_eq (s_status ("sequence"), 60);
    cr_expect (s_command (s_world.metadata_keys->token, "DELETE", json_pack ("{s:[s], s:i, s:s}", "blobs", hex,
               "sequence", 70, "run", "0123456789abcdef"), NULL) == FST_OK);
    cr_expect_eq (s_status ("sequence"), 70);
    fst_actor_destroy (&actor);
}

Test (storage, a_node_registers_until_it_is_answered_and_learns_the_sequence)
{
    s_metadata_t metadata = { .refuse = 2, .sequence = 77 };
    fst_actor_t *actor = s_metadata_new (&metadata, false);
    s_start ();
    s_wait_for (&metadata.registered, 1);
    cr_assert_str_eq (metadata.endpoint, s_world.data);
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; s_status ("sequence") != 77; )
        cr_assert (fst_clock_mono_ms () < until_ms);
    fst_actor_destroy (&actor);
    s_restart ();
    cr_assert_eq (s_status ("sequence"), 77, "remembered");
}

Test (storage, a_node_registers_again_when_metadata_starts)
{
    s_metadata_t metadata = { .sequence = 1 };
    fst_actor_t *actor = s_metadata_new (&metadata, true);
    s_start ();
    s_wait_for (&metadata.registered, 3);
    fst_actor_destroy (&actor);
}

Test (storage, heartbeats_keep_coming)
{
    world_set (&s_world, "heartbeat-interval", "50 ms");
    world_set (&s_world, "data-advertise", "tcp://example.org:7000");
    zsock_t *events = NULL;
    cr_assert (fst_socket_connect (ZMQ_SUB, s_world.events_out, NULL, &events) == FST_OK);
    zsock_set_subscribe (events, "heartbeat." WORLD_NODE);
    zsock_set_rcvtimeo (events, WORLD_WAIT_MS);
    s_start ();
    for (int beat = 0; beat < 3; beat++) {
        char *topic, *text;
        cr_assert (zstr_recvx (events, &topic, &text, NULL) == 2);
        json_t *body = json_loads (text, 0, NULL);
        cr_assert_str_eq (topic, "heartbeat." WORLD_NODE);
        cr_assert_str_eq (json_string_value (json_object_get (body, "endpoint")), "tcp://example.org:7000");
        cr_assert_gt (json_integer_value (json_object_get (body, "capacity")), 0);
        json_decref (body);
        zstr_free (&topic);
        zstr_free (&text);
    }
    zsock_destroy (&events);
}

static fst_rc_t
s_quarantine (const char *token, fst_blob_id_t first, fst_blob_id_t second, int extent, int sequence, json_int_t *moved_p)
{
    char hex [2 * FST_BLOB_BYTES + 1];
    fst_hex_encode (first.bytes, FST_BLOB_BYTES, hex);
    json_t *reply = NULL;
    fst_rc_t rc = s_command (token, "QUARANTINE", json_pack ("{s:s, s:[s, s], s:[i, i], s:i}", "run", NO_RUN, "blobs", hex, s_hex (second),
                             "extents", extent, -1, "sequence", sequence), &reply);
    *moved_p = json_integer_value (json_object_get (reply, "moved"));
    json_decref (reply);
    return rc;
}

Test (storage, what_metadata_puts_aside_is_not_served_and_goes_in_time)
{
    world_set (&s_world, "quarantine-time", "2 s");
    s_start ();
    fst_blob_id_t blob = test_blob (1, 0), small = test_blob (1, 1);
    json_int_t moved;
    for (int extent = 0; extent < 2; extent++) {
        cr_assert (s_store (s_chunk (blob, (uint32_t) extent * SLOTS, 1)) == FST_OK);
        cr_assert (s_seal (blob, extent, 1) == FST_OK);
    }
    cr_assert (s_store_with (world_capability (&s_world, FST_RIGHT_WRITE, small, 3600000), true, test_small (small, 9, 1),
                             NULL) == FST_OK);
    cr_assert (s_quarantine (s_world.auth_keys->token, blob, small, 1, 5, &moved) == FST_DENIED, "only metadata");
    cr_assert (s_delete (s_world.metadata_keys->token, test_blob (9, 9), 5, NULL) == FST_OK);
    cr_assert (s_quarantine (s_world.metadata_keys->token, blob, small, 1, 4, &moved) == FST_DENIED, "an older copy");
    cr_assert (s_quarantine (s_world.metadata_keys->token, blob, small, 1, 5, &moved) == FST_OK);
    cr_assert (s_retrieve (FST_RIGHT_READ, blob, 0, 0, 1) == FST_OK);
    cr_assert (s_retrieve (FST_RIGHT_READ, blob, 1, 0, 1) == FST_NOT_FOUND);
    cr_assert (s_retrieve (FST_RIGHT_WRITE, small, 0, 0, 1) == FST_NOT_FOUND);
    cr_assert_eq (s_status ("extents"), 1);
    cr_assert_eq (s_status ("small"), 0);
    s_restart ();
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; s_status ("quarantined") > 0; )
        cr_assert (fst_clock_mono_ms () < until_ms);
    cr_assert (s_quarantine (s_world.metadata_keys->token, blob, small, 1, 5, &moved) == FST_OK);
    cr_assert_eq (moved, 0);
}

Test (storage, a_check_puts_back_what_is_whole_in_the_quarantine)
{
    s_start ();
    fst_blob_id_t big = test_blob (2, 0), small = test_blob (2, 1);
    json_int_t moved;
    cr_assert (s_store (s_chunk (big, 0, 1)) == FST_OK);
    cr_assert (s_seal (big, 0, 1) == FST_OK);
    cr_assert (s_store_with (world_capability (&s_world, FST_RIGHT_WRITE, small, 3600000), true, test_small (small, 9, 1),
                             NULL) == FST_OK);
    cr_assert (s_quarantine (s_world.metadata_keys->token, big, small, 0, 1, &moved) == FST_OK);
    cr_assert_eq (s_status ("quarantined"), 2);
    char hex [2 * FST_BLOB_BYTES + 1];
    fst_hex_encode (big.bytes, FST_BLOB_BYTES, hex);
    for (int restore = 0; restore < 2; restore++) {
        json_t *reply = NULL;
        cr_assert (s_command (s_world.metadata_keys->token, "CHECK", json_pack ("{s:[s,s,s], s:[i,i,i], s:b}",
                   "blobs", hex, s_hex (small), hex, "extents", 0, 0, 1, "restore", restore), &reply) == FST_OK);
        json_t *states = json_object_get (reply, "states");
        cr_assert_str_eq (json_string_value (json_array_get (states, 0)), restore? "whole": "missing");
        cr_assert_str_eq (json_string_value (json_array_get (states, 1)), restore? "whole": "missing");
        cr_assert_str_eq (json_string_value (json_array_get (states, 2)), "missing");
        json_decref (reply);
    }
    cr_assert (s_retrieve (FST_RIGHT_READ, big, 0, 0, 1) == FST_OK);
    cr_assert (s_retrieve (FST_RIGHT_READ, small, 0, 0, 1) == FST_OK);
    cr_assert_eq (s_status ("quarantined"), 0);
}

Test (storage, a_folder_belongs_to_one_process_at_a_time)
{
    s_start ();
    fst_actor_options_t bus = world_bus (&s_world, s_world.node_keys);
    fst_storage_t *second = NULL;
    char *problem = NULL, endpoint [600];
    fst_config_t *config = fst_config_dup (s_world.config);
    snprintf (endpoint, sizeof (endpoint), "%s-2", s_world.data);
    cr_assert (fst_config_set (config, "data-endpoint", endpoint, &problem) == FST_OK);
    cr_assert (fst_storage_new (config, &bus, &second, &problem) == FST_EXISTS);
    cr_assert (problem && strstr (problem, "locked"));
    free (problem);
    fst_config_destroy (&config);
    s_restart ();
    cr_assert (s_store (s_chunk (test_blob (1, 0), 0, 1)) == FST_OK);
}

Test (storage, settings_that_make_no_sense_are_refused_with_a_sentence)
{
    fst_actor_options_t bus = world_bus (&s_world, s_world.node_keys);
    fst_storage_t *storage = NULL;
    char *problem = NULL;
    fst_config_t *config = fst_config_new ();
    cr_assert (fst_storage_new (config, &bus, &storage, &problem) == FST_MALFORMED);
    cr_assert (problem && strlen (problem) > 20);
    free (problem);
    bus.keys = s_world.metadata_keys;
    problem = NULL;
    cr_assert (fst_storage_new (s_world.config, &bus, &storage, &problem) == FST_MALFORMED);
    cr_assert (problem && strstr (problem, "node-key"));
    free (problem);
    fst_config_destroy (&config);
}
