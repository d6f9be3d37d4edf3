//  A storage actor behind a real broker and gate, as clients see it.

#include "storage_requests.h"

TestSuite (storage, .init = storage_setup, .fini = storage_teardown, .timeout = 280);

Test (storage, what_is_stored_and_sealed_comes_back)
{
    storage_start ();
    fst_blob_id_t blob = test_blob (1, 0);
    test_record_t made [3];
    json_t *reply = NULL;
    for (uint32_t slot = 0; slot < 3; slot++) {
        made [slot] = storage_chunk (blob, SLOTS + slot, (uint8_t) slot);
        zmsg_t *frames = NULL;
        storage_add (&frames, &made [slot]);
        cr_assert (world_call (s_client, "STORE", json_pack ("{s:s}", "capability",
                   world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000)), &frames, &reply) == FST_OK);
        cr_assert_eq (json_integer_value (json_object_get (reply, "window")), 8 << 20);
        json_decref (reply);
    }
    cr_assert (storage_seal_with (world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), blob, 1, 3, &reply) == FST_OK);
    cr_assert_eq (json_integer_value (json_object_get (reply, "bytes")), 3 << LOG2);
    cr_assert (storage_receipt_is_good (reply, blob, 1, 3, 3 << LOG2));
    json_decref (reply);
    zmsg_t *frames;
    cr_assert (storage_retrieve_with (world_capability (&s_world, FST_RIGHT_READ, blob, 3600000), blob, 1, 0, 3, &frames) == FST_OK);
    cr_assert_eq (zmsg_size (frames), 3);
    for (int slot = 0; slot < 3; slot++) {
        zframe_t *frame = zmsg_pop (frames);
        cr_assert (zframe_size (frame) == made [slot].bytes
                && memcmp (zframe_data (frame), made [slot].data, made [slot].bytes) == 0);
        zframe_destroy (&frame);
        test_record_free (&made [slot]);
    }
    zmsg_destroy (&frames);
    cr_assert_eq (storage_status ("extents"), 1);
    cr_assert_eq (storage_status ("open"), 0);
    cr_assert_eq (storage_status ("stored_bytes"), 3 << LOG2);
    cr_assert_eq (storage_status ("retrieved_bytes"), 3 << LOG2);
}

Test (storage, a_seal_finds_what_was_sent_before_it)
{
    storage_start ();
    fst_blob_id_t blob = test_blob (2, 0);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        test_record_t made = storage_chunk (blob, slot, 1);
        zmsg_t *frames = NULL;
        storage_add (&frames, &made);
        test_record_free (&made);
        world_send (s_client, "STORE", json_pack ("{s:s}", "capability",
                    world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000)), &frames);
    }
    world_send (s_client, "SEAL", json_pack ("{s:s, s:s, s:i, s:i}", "capability",
                world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), "blob", storage_hex (blob), "extent", 0,
                "chunks", SLOTS), NULL);
    for (int reply = 0; reply < SLOTS + 1; reply++)
        cr_assert (world_receive (s_client, NULL, NULL) == FST_OK, "reply %d", reply);
}

Test (storage, only_the_right_capability_opens)
{
    storage_start ();
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
    cr_assert (storage_store (storage_chunk (blob, 0, 1)) == FST_OK);
    cr_assert (storage_seal (blob, 0, 1) == FST_OK);
    for (size_t at = 0; at < sizeof (cases) / sizeof (cases [0]); at++) {
        char text [FST_PROOF_TEXT_MAX];
        snprintf (text, sizeof (text), "%s", cases [at].text? cases [at].text:
                  world_capability (&s_world, cases [at].right, cases [at].blob, cases [at].lasts_ms));
        fst_rc_t rc = storage_store_with (text, false, storage_chunk (blob, SLOTS, 1), NULL);
        cr_assert (rc == cases [at].store || (rc == FST_EXPIRED && cases [at].lasts_ms < 0), "store %zu: %s", at,
                   fst_error_code (rc));
        rc = storage_seal_with (text, blob, 0, 1, NULL);
        cr_assert ((rc == FST_OK) == (cases [at].store == FST_OK), "seal %zu: %s", at, fst_error_code (rc));
        rc = storage_retrieve_with (text, blob, 0, 0, 1, NULL);
        cr_assert_eq (rc, cases [at].retrieve, "retrieve %zu: %s", at, fst_error_code (rc));
    }
    cr_assert (storage_store_with (world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), true,
                                   test_small (other, 10, 1), NULL) == FST_DENIED, "a small blob of another upload");
}

Test (storage, a_batch_may_not_hide_a_record_of_another_upload)
{
    storage_start ();
    zmsg_t *frames = NULL;
    test_record_t mine = test_small (test_blob (3, 0), 10, 1), others = test_small (test_blob (4, 0), 10, 1);
    storage_add (&frames, &mine);
    storage_add (&frames, &others);
    cr_assert (world_call (s_client, "STORE", json_pack ("{s:s, s:b}", "capability",
               world_capability (&s_world, FST_RIGHT_WRITE, mine.record.blob, 3600000), "seal", 1), &frames, NULL)
               == FST_DENIED);
    cr_assert (storage_retrieve (FST_RIGHT_WRITE, mine.record.blob, 0, 0, 1) == FST_NOT_FOUND, "nothing of it was kept");
    test_record_free (&mine);
    test_record_free (&others);
}

Test (storage, no_one_gets_in_without_a_ticket)
{
    storage_start ();
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
    storage_start ();
    fst_blob_id_t blob = test_blob (5, 0);
    char capability [FST_PROOF_TEXT_MAX];
    snprintf (capability, sizeof (capability), "%s", world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000));
    cr_assert (storage_store (storage_chunk (blob, 0, 1)) == FST_OK);

    test_record_t made = storage_chunk (blob, 1, 1);
    made.data [1000] ^= 1;
    cr_assert (storage_store_with (capability, false, made, NULL) == FST_CORRUPT);
    made = test_small (blob, 100, 1);
    made.data [100] ^= 1;
    cr_assert (storage_store_with (capability, true, made, NULL) == FST_CORRUPT);
    made = storage_chunk (blob, 1, 1);
    made.bytes -= 1;
    cr_assert (storage_store_with (capability, false, made, NULL) == FST_MALFORMED, "cut");
    made = storage_chunk (blob, 1, 1);
    made.data [0] ^= 1;
    cr_assert (storage_store_with (capability, false, made, NULL) == FST_MALFORMED, "no record at all");
    made = test_record (blob, 1, SLOTS, LOG2 + 1, 0, false, 1);
    cr_assert (storage_store_with (capability, false, made, NULL) == FST_MALFORMED, "another chunk size");
    made = test_record (blob, 2, 3, LOG2, 0, false, 1);
    made.data [31] = 1;         //  Says slot 1
    cr_assert (storage_store_with (capability, false, made, NULL) == FST_CORRUPT, "the checksum covers the slot");
    made = storage_chunk (blob, 1, 1);
    cr_assert (storage_store_with (capability, true, made, NULL) == FST_MALFORMED, "no small blob");
    zmsg_t *none = NULL;
    cr_assert (world_call (s_client, "STORE", json_pack ("{s:s}", "capability", capability), &none, NULL)
               == FST_MALFORMED, "no record");
    cr_assert (storage_seal (blob, 0, 2) == FST_NOT_FOUND, "nothing of it was kept");
    cr_assert (storage_seal (blob, 0, 1) == FST_OK);
}

Test (storage, an_unsealed_extent_is_seen_by_its_writer_only)
{
    storage_start ();
    fst_blob_id_t blob = test_blob (6, 0);
    cr_assert (storage_store (storage_chunk (blob, 0, 1)) == FST_OK);
    cr_assert (storage_retrieve (FST_RIGHT_READ, blob, 0, 0, 1) == FST_NOT_FOUND);
    cr_assert (storage_retrieve (FST_RIGHT_WRITE, blob, 0, 0, 1) == FST_OK);
    cr_assert_eq (storage_status ("open"), 1);
}

Test (storage, sealed_and_open_extents_survive_a_restart)
{
    storage_start ();
    fst_blob_id_t sealed = test_blob (7, 0), open = test_blob (7, 1), small = test_blob (7, 2);
    cr_assert (storage_store (storage_chunk (sealed, 0, 1)) == FST_OK);
    cr_assert (storage_seal (sealed, 0, 1) == FST_OK);
    cr_assert (storage_store (storage_chunk (open, 0, 1)) == FST_OK);
    cr_assert (storage_store_with (world_capability (&s_world, FST_RIGHT_WRITE, small, 3600000), true,
                                   test_small (small, 1000, 1), NULL) == FST_OK);
    storage_restart ();
    cr_assert (storage_retrieve (FST_RIGHT_READ, sealed, 0, 0, 1) == FST_OK);
    cr_assert (storage_retrieve (FST_RIGHT_READ, small, 0, 0, 1) == FST_OK);
    cr_assert (storage_store (storage_chunk (open, 1, 1)) == FST_OK);
    cr_assert (storage_seal (open, 0, 2) == FST_OK);
    cr_assert (storage_seal (sealed, 0, 1) == FST_OK, "again");
    fst_rc_t rc = storage_seal (sealed, 0, 2);
    cr_assert_eq (rc, FST_EXISTS, "%s", fst_error_code (rc));
    cr_assert (storage_store (storage_chunk (sealed, 0, 2)) == FST_EXISTS);
    cr_assert_eq (storage_status ("extents"), 2);
    cr_assert_eq (storage_status ("small"), 1);
}

Test (storage, small_blobs_get_a_receipt_each)
{
    enum { COUNT = 64 };
    storage_start ();
    zmsg_t *frames = NULL;
    for (uint32_t index = 0; index < COUNT; index++) {
        test_record_t made = test_small (test_blob (8, index), 100 + index, 1);
        storage_add (&frames, &made);
        test_record_free (&made);
    }
    json_t *reply = NULL;
    cr_assert (world_call (s_client, "STORE", json_pack ("{s:s, s:b}", "capability",
               world_capability (&s_world, FST_RIGHT_WRITE, test_blob (8, 0), 3600000), "seal", 1), &frames, &reply)
               == FST_OK);
    json_t *receipts = json_object_get (reply, "receipts");
    cr_assert_eq (json_array_size (receipts), COUNT);
    for (uint32_t index = 0; index < COUNT; index++)
        cr_assert (storage_receipt_is_good (json_array_get (receipts, index), test_blob (8, index), 0, 1, 100 + index));
    json_decref (reply);
    for (uint32_t index = 0; index < COUNT; index++)
        cr_assert (storage_retrieve (FST_RIGHT_READ, test_blob (8, index), 0, 0, 1) == FST_OK);
    cr_assert (storage_retrieve (FST_RIGHT_READ, test_blob (8, 0), 0, 0, 2) == FST_NOT_FOUND);
    cr_assert (storage_retrieve (FST_RIGHT_READ, test_blob (8, 0), 0, 1, 1) == FST_NOT_FOUND);
    cr_assert (storage_retrieve (FST_RIGHT_READ, test_blob (8, 0), 1, 0, 1) == FST_NOT_FOUND);
    cr_assert (storage_store_with (world_capability (&s_world, FST_RIGHT_WRITE, test_blob (8, 0), 3600000), true,
                                   test_small (test_blob (8, 0), 100, 2), NULL) == FST_EXISTS);
    cr_assert_eq (storage_status ("small"), COUNT);
}

Test (storage, a_flipped_octet_on_disk_is_corrupt_and_never_returned)
{
    storage_start ();
    fst_blob_id_t blob = test_blob (9, 0);
    cr_assert (storage_store (storage_chunk (blob, 0, 1)) == FST_OK);
    cr_assert (storage_store (storage_chunk (blob, 1, 1)) == FST_OK);
    cr_assert (storage_seal (blob, 0, 2) == FST_OK);
    storage_flip (blob, 0, fst_record_stride (LOG2) + 4000);
    cr_assert (storage_retrieve (FST_RIGHT_READ, blob, 0, 1, 1) == FST_CORRUPT);
    cr_assert (storage_retrieve (FST_RIGHT_READ, blob, 0, 0, 2) == FST_CORRUPT);
    cr_assert (storage_retrieve (FST_RIGHT_READ, blob, 0, 0, 1) == FST_OK);
}

//  STORE of so many chunks without waiting in between: how many were refused.
static int
s_store_at_once (fst_blob_id_t blob, uint32_t count)
{
    int busy = 0;
    for (uint32_t chunk = 0; chunk < count; chunk++) {
        test_record_t made = test_record (blob, chunk, count, LOG2, 0, false, 1);
        zmsg_t *frames = NULL;
        storage_add (&frames, &made);
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
    storage_start ();
    fst_blob_id_t blob = test_blob (10, 0);
    int busy = 0;
    for (int tries = 0; tries < 50 && busy == 0; tries++)   //  A machine may be so slow to ask that the node keeps up
        busy = s_store_at_once (blob, COUNT);
    cr_assert_gt (busy, 0);
    for (uint32_t chunk = 0; chunk < COUNT; chunk++)        //  One after the other, all are let in
        cr_assert (storage_store (test_record (blob, chunk, COUNT, LOG2, 0, false, 2)) == FST_OK);
    cr_assert (storage_seal (blob, 0, COUNT) == FST_OK);
    cr_assert (storage_retrieve (FST_RIGHT_READ, blob, 0, 0, 3) == FST_TOO_LARGE);
    cr_assert (storage_retrieve (FST_RIGHT_READ, blob, 0, 0, 2) == FST_OK);
}

Test (storage, many_reads_wait_for_their_turn)
{
    enum { COUNT = 300 };
    world_set (&s_world, "window", "128 KiB");
    world_set (&s_world, "data-memory", "1 MiB");
    storage_start ();
    fst_blob_id_t blob = test_blob (11, 0);
    for (uint32_t chunk = 0; chunk < SLOTS; chunk++)
        cr_assert (storage_store (storage_chunk (blob, chunk, 1)) == FST_OK);
    cr_assert (storage_seal (blob, 0, SLOTS) == FST_OK);
    for (int at = 0; at < COUNT; at++)
        world_send (s_client, "RETRIEVE", json_pack ("{s:s, s:s, s:i, s:i}", "capability",
                    world_capability (&s_world, FST_RIGHT_READ, blob, 3600000), "blob", storage_hex (blob), "extent", 0,
                    "slot", at % SLOTS), NULL);
    for (int at = 0; at < COUNT; at++)
        cr_assert (world_receive (s_client, NULL, NULL) == FST_OK, "reply %d", at);
}

Test (storage, a_full_node_takes_nothing_new)
{
    world_set (&s_world, "reserve", "90");
    storage_start ();
    fst_blob_id_t blob = test_blob (12, 0);
    if (storage_status ("free") > 0)
        cr_skip ("this disk is nearly empty");
    cr_assert (storage_store (storage_chunk (blob, 0, 1)) == FST_NO_SPACE);
    cr_assert (storage_store_with (world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), true,
                                   test_small (blob, 100, 1), NULL) == FST_NO_SPACE);
}
