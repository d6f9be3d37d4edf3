//  A storage actor behind a real broker and gate, as metadata sees it; and who may have its folder.

#include "storage_requests.h"

TestSuite (storage_metadata, .init = storage_setup, .fini = storage_teardown, .timeout = 280);

//  ---- Metadata's commands

Test (storage_metadata, only_metadata_deletes)
{
    storage_start ();
    fst_blob_id_t big = test_blob (13, 0), small = test_blob (13, 1), open = test_blob (13, 2);
    int deleted;
    cr_assert (storage_store (storage_chunk (big, 0, 1)) == FST_OK);
    cr_assert (storage_seal (big, 0, 1) == FST_OK);
    cr_assert (storage_store (storage_chunk (open, 0, 1)) == FST_OK);
    cr_assert (storage_store_with (world_capability (&s_world, FST_RIGHT_WRITE, small, 3600000), true,
                                   test_small (small, 100, 1), NULL) == FST_OK);
    cr_assert (storage_delete (s_world.node_keys->token, big, 1, NULL) == FST_DENIED, "an actor, but not metadata");
    cr_assert (storage_delete (NULL, big, 1, NULL) == FST_UNAUTHENTICATED);
    cr_assert (storage_retrieve (FST_RIGHT_READ, big, 0, 0, 1) == FST_OK);
    cr_assert_eq (storage_status ("extents") + storage_status ("open") + storage_status ("small"), 3);
    const fst_blob_id_t all [] = { big, small, open };
    for (int at = 0; at < 3; at++) {
        cr_assert (storage_delete (s_world.metadata_keys->token, all [at], 1, NULL) == FST_OK);
        cr_assert (storage_delete (s_world.metadata_keys->token, all [at], 1, &deleted) == FST_OK);
        cr_assert_eq (deleted, 0, "what is not there counts as deleted");
        cr_assert (storage_retrieve (FST_RIGHT_WRITE, all [at], 0, 0, 1) == FST_NOT_FOUND);
    }
    cr_assert_eq (storage_status ("extents") + storage_status ("open") + storage_status ("small"), 0);
}

Test (storage_metadata, single_extents_are_deleted_and_the_rest_stays)
{
    storage_start ();
    fst_blob_id_t blob = test_blob (15, 0), small = test_blob (15, 1);
    for (uint32_t extent = 0; extent < 3; extent++) {
        cr_assert (storage_store (storage_chunk (blob, extent * SLOTS, 1)) == FST_OK);
        cr_assert (storage_seal (blob, (int) extent, 1) == FST_OK);
    }
    cr_assert (storage_store_with (world_capability (&s_world, FST_RIGHT_WRITE, small, 3600000), true,
                                   test_small (small, 100, 1), NULL) == FST_OK);
    char hex [64];
    snprintf (hex, sizeof (hex), "%s", storage_hex (blob));
    cr_assert (storage_command (s_world.metadata_keys->token, "DELETE", json_pack ("{s:s, s:[s,s], s:[i], s:i}", "run", NO_RUN, "blobs", hex, hex,
                                "extents", 1, "sequence", 1), NULL) == FST_MALFORMED, "columns of different length");
    for (int turn = 0; turn < 2; turn++) {
        cr_assert (storage_command (s_world.metadata_keys->token, "DELETE", json_pack ("{s:s, s:[s,s,s], s:[i,i,i], s:i}",
                                    "run", NO_RUN, "blobs", hex, storage_hex (small), hex, "extents", 2, 0, 0, "sequence", 1), NULL) == FST_OK);
        cr_assert (storage_retrieve (FST_RIGHT_READ, blob, 0, 0, 1) == FST_NOT_FOUND);
        cr_assert (storage_retrieve (FST_RIGHT_READ, blob, 1, 0, 1) == FST_OK);
        cr_assert (storage_retrieve (FST_RIGHT_READ, blob, 2, 0, 1) == FST_NOT_FOUND);
        cr_assert (storage_retrieve (FST_RIGHT_READ, small, 0, 0, 1) == FST_NOT_FOUND);
        storage_restart ();
    }
}

Test (storage_metadata, a_check_tells_whole_from_damaged_and_missing)
{
    storage_start ();
    fst_blob_id_t big = test_blob (16, 0), small = test_blob (16, 1);
    json_t *seal = NULL, *reply = NULL;
    for (uint32_t chunk = 0; chunk < 3; chunk++)
        cr_assert (storage_store (storage_chunk (big, chunk, 1)) == FST_OK);
    cr_assert (storage_seal_with (world_capability (&s_world, FST_RIGHT_WRITE, big, 3600000), big, 0, 3, &seal) == FST_OK);
    cr_assert (storage_store_with (world_capability (&s_world, FST_RIGHT_WRITE, small, 3600000), true,
                                   test_small (small, 100, 1), NULL) == FST_OK);
    char hex [64];
    snprintf (hex, sizeof (hex), "%s", storage_hex (big));
    for (int damaged = 0; damaged < 2; damaged++) {
        if (damaged)
            storage_flip (big, 0, fst_record_stride (LOG2) + 4000);
        for (int deep = 0; deep < 2; deep++) {
            cr_assert (storage_command (s_world.metadata_keys->token, "CHECK", json_pack ("{s:[s,s,s], s:[i,i,i], s:b}",
                                        "blobs", hex, hex, storage_hex (small), "extents", 0, 1, 0, "deep", deep), &reply) == FST_OK);
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
    cr_assert (storage_command (s_world.node_keys->token, "CHECK", json_pack ("{s:[s], s:[i]}", "blobs", hex, "extents", 0),
                                NULL) == FST_DENIED);
    cr_assert (storage_command (s_world.metadata_keys->token, "CHECK", json_pack ("{s:[s], s:[i,i]}", "blobs", hex,
                                "extents", 0, 1), NULL) == FST_MALFORMED);
}

Test (storage_metadata, an_older_metadata_deletes_nothing)
{
    storage_start ();
    fst_blob_id_t blob = test_blob (14, 0), other = test_blob (14, 1);
    cr_assert (storage_store (storage_chunk (blob, 0, 1)) == FST_OK);
    cr_assert (storage_seal (blob, 0, 1) == FST_OK);
    cr_assert (storage_delete (s_world.metadata_keys->token, other, 100, NULL) == FST_OK);
    for (int turn = 0; turn < 2; turn++) {
        cr_assert (storage_delete (s_world.metadata_keys->token, blob, 99, NULL) == FST_DENIED);
        cr_assert (storage_retrieve (FST_RIGHT_READ, blob, 0, 0, 1) == FST_OK);
        cr_assert_eq (storage_status ("sequence"), 100);
        storage_restart ();
    }
    cr_assert (storage_delete (s_world.metadata_keys->token, blob, 100, NULL) == FST_OK);
    cr_assert (storage_retrieve (FST_RIGHT_READ, blob, 0, 0, 1) == FST_NOT_FOUND);
}

Test (storage_metadata, the_inventory_has_both_stores_in_order)
{
    storage_start ();
    int expect = 0, seen = 0;
    for (uint32_t index = 0; index < 20; index++) {
        fst_blob_id_t blob = test_blob ((uint8_t) (index * 50), index);
        if (index % 2)
            cr_assert (storage_store_with (world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), true,
                                           test_small (blob, 100, 1), NULL) == FST_OK);
        for (uint32_t extent = 0; index % 2 == 0 && extent < 2; extent++) {
            cr_assert (storage_store (storage_chunk (blob, extent * SLOTS, 1)) == FST_OK);
            cr_assert (storage_seal (blob, (int) extent, 1) == FST_OK);
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
        cr_assert (storage_command (s_world.metadata_keys->token, "INVENTORY", payload, &reply) == FST_OK);
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
    cr_assert (storage_command (s_world.node_keys->token, "INVENTORY", NULL, NULL) == FST_DENIED);
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
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; storage_status ("sequence") != wanted; zclock_sleep (5)) {
        cr_assert (fst_clock_mono_ms () < until_ms);
        zstr_sendx (publisher, "metadata.sequence", body, NULL);
    }
    zsock_destroy (&publisher);
}

Test (storage_metadata, a_node_says_what_the_run_it_registered_with_told_it)
{
    s_metadata_t metadata = { .sequence = 50 };
    world_set (&s_world, "heartbeat-interval", "50 ms");
    fst_actor_t *actor = s_metadata_new (&metadata, false);
    storage_start ();
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
    storage_restart ();
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
    strcpy (hex, storage_hex (test_blob (1, 1)));
    cr_expect (storage_command (s_world.metadata_keys->token, "DELETE", json_pack ("{s:[s], s:i, s:s}", "blobs", hex,
                                "sequence", 900, "run", "fedcba9876543210"), NULL) == FST_DENIED);
    cr_expect_eq (storage_status ("sequence"), 60);
    cr_expect (storage_command (s_world.metadata_keys->token, "DELETE", json_pack ("{s:[s], s:i, s:s}", "blobs", hex,
                                "sequence", 70, "run", "0123456789abcdef"), NULL) == FST_OK);
    cr_expect_eq (storage_status ("sequence"), 70);
    fst_actor_destroy (&actor);
}

Test (storage_metadata, a_node_registers_until_it_is_answered_and_learns_the_sequence)
{
    s_metadata_t metadata = { .refuse = 2, .sequence = 77 };
    fst_actor_t *actor = s_metadata_new (&metadata, false);
    storage_start ();
    s_wait_for (&metadata.registered, 1);
    cr_assert_str_eq (metadata.endpoint, s_world.data);
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; storage_status ("sequence") != 77; )
        cr_assert (fst_clock_mono_ms () < until_ms);
    fst_actor_destroy (&actor);
    storage_restart ();
    cr_assert_eq (storage_status ("sequence"), 77, "remembered");
}

Test (storage_metadata, a_node_registers_again_when_metadata_starts)
{
    s_metadata_t metadata = { .sequence = 1 };
    fst_actor_t *actor = s_metadata_new (&metadata, true);
    storage_start ();
    s_wait_for (&metadata.registered, 3);
    fst_actor_destroy (&actor);
}

Test (storage_metadata, heartbeats_keep_coming)
{
    world_set (&s_world, "heartbeat-interval", "50 ms");
    world_set (&s_world, "data-advertise", "tcp://example.org:7000");
    zsock_t *events = NULL;
    cr_assert (fst_socket_connect (ZMQ_SUB, s_world.events_out, NULL, &events) == FST_OK);
    zsock_set_subscribe (events, "heartbeat." WORLD_NODE);
    zsock_set_rcvtimeo (events, WORLD_WAIT_MS);
    storage_start ();
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

//  Containers and machines with DHCP change theirs.
Test (storage_metadata, a_node_may_advertise_the_address_that_it_has)
{
    world_set (&s_world, "heartbeat-interval", "50 ms");
    world_set (&s_world, "data-advertise", "tcp://*:7000");
    zsock_t *events = NULL;
    cr_assert (fst_socket_connect (ZMQ_SUB, s_world.events_out, NULL, &events) == FST_OK);
    zsock_set_subscribe (events, "heartbeat." WORLD_NODE);
    zsock_set_rcvtimeo (events, WORLD_WAIT_MS);
    storage_start ();
    char *topic, *text;
    cr_assert (zstr_recvx (events, &topic, &text, NULL) == 2);
    json_t *body = json_loads (text, 0, NULL);
    unsigned one, two, three, four, port;
    const char *endpoint = json_string_value (json_object_get (body, "endpoint"));
    cr_assert_eq (sscanf (endpoint, "tcp://%u.%u.%u.%u:%u", &one, &two, &three, &four, &port), 5, "%s", endpoint);
    cr_assert_gt (one, 0);
    cr_assert_eq (port, 7000);
    json_decref (body);
    zstr_free (&topic);
    zstr_free (&text);
    zsock_destroy (&events);
}

static fst_rc_t
s_quarantine (const char *token, fst_blob_id_t first, fst_blob_id_t second, int extent, int sequence, json_int_t *moved_p)
{
    char hex [2 * FST_BLOB_BYTES + 1];
    fst_hex_encode (first.bytes, FST_BLOB_BYTES, hex);
    json_t *reply = NULL;
    fst_rc_t rc = storage_command (token, "QUARANTINE", json_pack ("{s:s, s:[s, s], s:[i, i], s:i}", "run", NO_RUN, "blobs", hex, storage_hex (second),
                                   "extents", extent, -1, "sequence", sequence), &reply);
    *moved_p = json_integer_value (json_object_get (reply, "moved"));
    json_decref (reply);
    return rc;
}

Test (storage_metadata, what_metadata_puts_aside_is_not_served_and_goes_in_time)
{
    world_set (&s_world, "quarantine-time", "2 s");
    storage_start ();
    fst_blob_id_t blob = test_blob (1, 0), small = test_blob (1, 1);
    json_int_t moved;
    for (int extent = 0; extent < 2; extent++) {
        cr_assert (storage_store (storage_chunk (blob, (uint32_t) extent * SLOTS, 1)) == FST_OK);
        cr_assert (storage_seal (blob, extent, 1) == FST_OK);
    }
    cr_assert (storage_store_with (world_capability (&s_world, FST_RIGHT_WRITE, small, 3600000), true, test_small (small, 9, 1),
                                   NULL) == FST_OK);
    cr_assert (s_quarantine (s_world.auth_keys->token, blob, small, 1, 5, &moved) == FST_DENIED, "only metadata");
    cr_assert (storage_delete (s_world.metadata_keys->token, test_blob (9, 9), 5, NULL) == FST_OK);
    cr_assert (s_quarantine (s_world.metadata_keys->token, blob, small, 1, 4, &moved) == FST_DENIED, "an older copy");
    cr_assert (s_quarantine (s_world.metadata_keys->token, blob, small, 1, 5, &moved) == FST_OK);
    cr_assert (storage_retrieve (FST_RIGHT_READ, blob, 0, 0, 1) == FST_OK);
    cr_assert (storage_retrieve (FST_RIGHT_READ, blob, 1, 0, 1) == FST_NOT_FOUND);
    cr_assert (storage_retrieve (FST_RIGHT_WRITE, small, 0, 0, 1) == FST_NOT_FOUND);
    cr_assert_eq (storage_status ("extents"), 1);
    cr_assert_eq (storage_status ("small"), 0);
    storage_restart ();
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; storage_status ("quarantined") > 0; )
        cr_assert (fst_clock_mono_ms () < until_ms);
    cr_assert (s_quarantine (s_world.metadata_keys->token, blob, small, 1, 5, &moved) == FST_OK);
    cr_assert_eq (moved, 0);
}

Test (storage_metadata, a_check_puts_back_what_is_whole_in_the_quarantine)
{
    storage_start ();
    fst_blob_id_t big = test_blob (2, 0), small = test_blob (2, 1);
    json_int_t moved;
    cr_assert (storage_store (storage_chunk (big, 0, 1)) == FST_OK);
    cr_assert (storage_seal (big, 0, 1) == FST_OK);
    cr_assert (storage_store_with (world_capability (&s_world, FST_RIGHT_WRITE, small, 3600000), true, test_small (small, 9, 1),
                                   NULL) == FST_OK);
    cr_assert (s_quarantine (s_world.metadata_keys->token, big, small, 0, 1, &moved) == FST_OK);
    cr_assert_eq (storage_status ("quarantined"), 2);
    char hex [2 * FST_BLOB_BYTES + 1];
    fst_hex_encode (big.bytes, FST_BLOB_BYTES, hex);
    for (int restore = 0; restore < 2; restore++) {
        json_t *reply = NULL;
        cr_assert (storage_command (s_world.metadata_keys->token, "CHECK", json_pack ("{s:[s,s,s], s:[i,i,i], s:b}",
                                    "blobs", hex, storage_hex (small), hex, "extents", 0, 0, 1, "restore", restore), &reply) == FST_OK);
        json_t *states = json_object_get (reply, "states");
        cr_assert_str_eq (json_string_value (json_array_get (states, 0)), restore? "whole": "missing");
        cr_assert_str_eq (json_string_value (json_array_get (states, 1)), restore? "whole": "missing");
        cr_assert_str_eq (json_string_value (json_array_get (states, 2)), "missing");
        json_decref (reply);
    }
    cr_assert (storage_retrieve (FST_RIGHT_READ, big, 0, 0, 1) == FST_OK);
    cr_assert (storage_retrieve (FST_RIGHT_READ, small, 0, 0, 1) == FST_OK);
    cr_assert_eq (storage_status ("quarantined"), 0);
}

Test (storage_metadata, a_folder_belongs_to_one_process_at_a_time)
{
    storage_start ();
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
    storage_restart ();
    cr_assert (storage_store (storage_chunk (test_blob (1, 0), 0, 1)) == FST_OK);
}

Test (storage_metadata, settings_that_make_no_sense_are_refused_with_a_sentence)
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
