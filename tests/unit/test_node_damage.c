//  Damage that a storage actor meets: never returned, told to metadata until it answers, put aside if it says so.

#include <criterion/criterion.h>
#include <sqlite3.h>
#include "fst_extent_name.h"
#include "seen.h"
#include "storage_world.h"

#define LOG2  16
#define SLOTS 4

static world_t s_world;
static zsock_t *s_client;

//  Metadata as a node sees it.
typedef struct {
    atomic_int refuse;              //  So many reports are refused first
    atomic_bool aside;              //  What it says then
    atomic_int reports, extents;    //  That were answered
    atomic_int io;                  //  Extents that could not be read at all
    seen_t seen;                    //  What comes again is answered, and not counted
} metadata_t;

static metadata_t s_metadata;
static fst_actor_t *s_metadata_actor;

static void
s_handle_register (void *arg, fst_request_t **request_p)
{
    (void) arg;
    fst_request_reply (request_p, json_pack ("{s:s, s:i, s:i}", "run", "0123456789abcdef", "sequence", 1, "heartbeat_ms", 10000));
}

static void
s_handle_report (void *arg, fst_request_t **request_p)
{
    metadata_t *self = arg;
    json_t *payload = fst_request_payload (*request_p), *reason, *answers = json_array ();
    size_t at;
    bool again = seen_before (&self->seen, *request_p);
    if (atomic_load (&self->refuse) > 0) {
        atomic_fetch_sub (&self->refuse, 1);
        fst_request_fail (request_p, FST_BUSY, NULL);
        json_decref (answers);
        return;
    }
    json_array_foreach (json_object_get (payload, "reasons"), at, reason) {
        json_array_append_new (answers, json_boolean (atomic_load (&self->aside)));
        atomic_fetch_add (&self->extents, !again);
        atomic_fetch_add (&self->io, !again && streq (json_string_value (reason), "io"));
    }
    fst_request_reply (request_p, json_pack ("{s:o}", "aside", answers));
    atomic_fetch_add (&self->reports, !again);
}

static void
s_setup (void)
{
    static const fst_command_t commands [] = {
        { "REGISTER", FST_NEED_ACTOR, s_handle_register },
        { "REPORT", FST_NEED_ACTOR, s_handle_report },
        { NULL }
    };
    world_open (&s_world);
    fst_actor_class_t class = { .commands = commands };
    fst_actor_options_t options = world_bus (&s_world, s_world.metadata_keys);
    char *problem = NULL;
    options.service = "metadata";
    options.lanes = 2;
    s_metadata.aside = true;
    world_check (fst_actor_new (&class, &options, &s_metadata, &s_metadata_actor, &problem), problem);
}

static void
s_teardown (void)
{
    zsock_destroy (&s_client);
    world_stop_storage (&s_world);
    fst_actor_destroy (&s_metadata_actor);
    world_close (&s_world);
}

TestSuite (node_damage, .init = s_setup, .fini = s_teardown, .timeout = 280);

static void
s_start (void)
{
    world_start_storage (&s_world);
    s_client = world_client (&s_world);
}

static void
s_stop (void)
{
    zsock_destroy (&s_client);
    world_stop_storage (&s_world);
}

//  ---- Requests

static const char *
s_hex (fst_blob_id_t blob)
{
    static char hex [2 * FST_BLOB_BYTES + 1];
    fst_hex_encode (blob.bytes, FST_BLOB_BYTES, hex);
    return hex;
}

static void
s_store (test_record_t made, bool seal)
{
    zmsg_t *frames = zmsg_new ();
    zmsg_addmem (frames, made.data, made.bytes);
    cr_assert (world_call (s_client, "STORE", json_pack ("{s:s, s:b}", "capability",
               world_capability (&s_world, FST_RIGHT_WRITE, made.record.blob, 3600000), "seal", (int) seal), &frames, NULL) == FST_OK);
    test_record_free (&made);
}

static void
s_put (fst_blob_id_t blob)
{
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        s_store (test_record (blob, slot, SLOTS, LOG2, 0, false, (uint8_t) slot), false);
    cr_assert (world_call (s_client, "SEAL", json_pack ("{s:s, s:s, s:i, s:i}", "capability",
               world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), "blob", s_hex (blob), "extent", 0, "chunks", SLOTS),
               NULL, NULL) == FST_OK);
}

static fst_rc_t
s_get (fst_blob_id_t blob, int slot)
{
    world_send (s_client, "RETRIEVE", json_pack ("{s:s, s:s, s:i, s:i}", "capability",
                world_capability (&s_world, FST_RIGHT_READ, blob, 3600000), "blob", s_hex (blob), "extent", 0, "slot", slot), NULL);
    return world_receive (s_client, NULL, NULL);
}

//  A command over the broker, as metadata or as a person.
static json_t *
s_command (bool person, const char *command, json_t *payload)
{
    fst_claims_t claims = { .name = "alice", .role = FST_ROLE_USER, .session = { 1 } };
    char *token = person? fst_token_sign (&claims, s_world.auth_keys->sign_secret): strdup (s_world.metadata_keys->token);
    json_t *reply = NULL;
    fst_rc_t rc = world_command (&s_world, "storage." WORLD_NODE, token, command, payload, &reply);
    cr_assert (rc == FST_OK, "%s: %s", command, fst_error_code (rc));
    free (token);
    return reply;
}

//  "quarantined", or "scrub.rounds".
static json_int_t
s_status (const char *name)
{
    json_t *status = s_command (true, "STATUS", NULL);
    json_t *from = strncmp (name, "scrub.", 6) == 0? json_object_get (status, "scrub"): status;
    json_t *value = json_object_get (from, strchr (name, '.')? strchr (name, '.') + 1: name);
    cr_assert (value);
    json_int_t number = json_is_boolean (value)? json_is_true (value): json_integer_value (value);
    json_decref (status);
    return number;
}

static void
s_until_status (const char *name, json_int_t at_least)
{
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; s_status (name) < at_least; zclock_sleep (5))
        cr_assert (fst_clock_mono_ms () < until_ms, "%s never came to %d", name, (int) at_least);
}

static void
s_until (atomic_int *value, int at_least)
{
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; atomic_load (value) < at_least; zclock_sleep (5))
        cr_assert (fst_clock_mono_ms () < until_ms, "it never came to %d", at_least);
}

static void
s_flip (fst_blob_id_t blob, int64_t offset)
{
    char name [FST_EXTENT_NAME_MAX], path [600];
    fst_extent_name (&blob, 0, false, name);
    snprintf (path, sizeof (path), "%s/storage/%s", s_world.folder, name);
    FILE *file = fopen (path, "r+");
    cr_assert (file);
    fseek (file, (long) offset, SEEK_SET);
    int octet = fgetc (file);
    fseek (file, (long) offset, SEEK_SET);
    fputc (octet ^ 1, file);
    fclose (file);
}

static const int64_t s_stride = (1 << LOG2) + FST_RECORD_OVERHEAD;

//  ---- Tests

Test (node_damage, what_a_reader_meets_is_told_until_it_is_heard_and_put_aside)
{
    s_start ();
    fst_blob_id_t blob = test_blob (1, 0), good = test_blob (1, 1);
    s_put (blob);
    s_put (good);
    s_metadata.refuse = 2;
    s_flip (blob, 2 * s_stride + 3000);
    cr_assert (s_get (blob, 0) == FST_OK, "the other records are good");
    for (int turn = 0; turn < 5; turn++)
        cr_assert (s_get (blob, 2) == FST_CORRUPT);
    s_until (&s_metadata.reports, 1);
    s_until_status ("quarantined", 1);
    cr_assert (s_get (blob, 0) == FST_NOT_FOUND && s_get (blob, 2) == FST_NOT_FOUND);
    cr_assert (s_get (good, 2) == FST_OK);
    cr_assert_eq (atomic_load (&s_metadata.extents), 1, "told once, however often it was met");
    cr_assert_eq (atomic_load (&s_metadata.io), 0);
    cr_assert_eq (s_status ("extents"), 1);
}

Test (node_damage, what_is_whole_again_when_the_answer_comes_stays)
{
    s_start ();
    fst_blob_id_t blob = test_blob (9, 0), bad = test_blob (9, 1);
    s_put (blob);
    s_put (bad);
    s_metadata.refuse = 1;
    s_flip (blob, 2 * s_stride + 1000);
    s_flip (bad, 2 * s_stride + 1000);
    cr_assert (s_get (blob, 2) == FST_CORRUPT);
    cr_assert (s_get (bad, 2) == FST_CORRUPT);
    s_flip (blob, 2 * s_stride + 1000);
    s_until (&s_metadata.extents, 2);
    s_until_status ("quarantined", 1);
    cr_expect (s_get (blob, 2) == FST_OK);
    cr_expect (s_get (bad, 2) == FST_NOT_FOUND);
    cr_expect_eq (s_status ("quarantined"), 1);
}

Test (node_damage, the_last_copy_stays_and_serves_what_is_good_of_it)
{
    s_start ();
    fst_blob_id_t blob = test_blob (1, 0);
    s_put (blob);
    s_metadata.aside = false;
    s_flip (blob, s_stride - 1);
    cr_assert (s_get (blob, 0) == FST_CORRUPT);
    s_until (&s_metadata.reports, 1);
    for (int turn = 0; turn < 20; turn++) {
        cr_assert (s_get (blob, 0) == FST_CORRUPT);
        cr_assert (s_get (blob, 1) == FST_OK);
    }
    cr_assert_eq (s_status ("quarantined"), 0);
    cr_assert_eq (atomic_load (&s_metadata.reports), 1, "not told again at each read");
}

Test (node_damage, a_seal_that_is_repeated_meets_damage_too)
{
    s_start ();
    fst_blob_id_t blob = test_blob (1, 0);
    s_put (blob);
    s_flip (blob, s_stride + 20);           //  A header
    cr_assert (world_call (s_client, "SEAL", json_pack ("{s:s, s:s, s:i, s:i}", "capability",
               world_capability (&s_world, FST_RIGHT_WRITE, blob, 3600000), "blob", s_hex (blob), "extent", 0, "chunks", SLOTS),
               NULL, NULL) == FST_CORRUPT);
    s_until_status ("quarantined", 1);
}

//  Row 2 of small.db.
static void
s_damage_small (void)
{
    char filename [512];
    sqlite3 *db;
    snprintf (filename, sizeof (filename), "%s/storage/small.db", s_world.folder);
    cr_assert (sqlite3_open (filename, &db) == SQLITE_OK);
    cr_assert (sqlite3_exec (db, "UPDATE small SET record = CAST (substr (record, 1, 70) || x'0000000000' || substr (record, 76) AS BLOB)"
                                 " WHERE id = 2", NULL, NULL, NULL) == SQLITE_OK);
    cr_assert (sqlite3_close (db) == SQLITE_OK);
}

Test (node_damage, a_small_blob_is_told_and_put_aside_too)
{
    s_start ();
    for (uint32_t index = 0; index < 3; index++)
        s_store (test_small (test_blob (2, index), 500, 1), true);
    s_stop ();
    s_damage_small ();
    s_start ();
    cr_assert (s_get (test_blob (2, 1), 0) != FST_OK);          //  Unless the scrub was there before, corrupt
    s_until_status ("quarantined", 1);
    cr_assert (s_get (test_blob (2, 1), 0) == FST_NOT_FOUND && s_get (test_blob (2, 2), 0) == FST_OK);
}

Test (node_damage, a_scrub_on_demand_finds_what_nobody_reads)
{
    s_start ();
    for (uint32_t index = 0; index < 10; index++)
        s_put (test_blob ((uint8_t) index, 0));
    for (uint32_t index = 0; index < 3; index++)
        s_store (test_small (test_blob (200, index), 500, 1), true);
    s_stop ();
    s_damage_small ();
    s_flip (test_blob (3, 0), 70);
    s_flip (test_blob (7, 0), 3 * s_stride + 1000);
    s_start ();
    json_int_t rounds = s_status ("scrub.rounds");
    json_decref (s_command (false, "SCRUB", NULL));
    s_until_status ("scrub.rounds", rounds + 1);
    cr_assert_eq (s_status ("scrub.damaged"), 3);
    cr_assert_eq (s_status ("scrub.fast"), 0, "it is over");
    cr_assert_gt (s_status ("scrub.finished_ms"), 0);
    s_until_status ("quarantined", 3);
    s_until (&s_metadata.extents, 3);
    s_stop ();
    s_start ();
    cr_assert_eq (s_status ("scrub.rounds"), rounds + 1, "remembered");
    cr_assert_eq (s_status ("quarantined"), 3);
}

Test (node_damage, rounds_go_on_by_themselves)
{
    world_set (&s_world, "scrub-time", "1 s");
    s_start ();
    s_put (test_blob (3, 0));
    s_put (test_blob (9, 0));
    s_until_status ("scrub.rounds", 1);
    s_flip (test_blob (9, 0), 70);
    s_until_status ("quarantined", 1);
    s_until_status ("scrub.rounds", 3);
    cr_assert_eq (s_status ("scrub.damaged"), 1);
    cr_assert (s_get (test_blob (3, 0), 0) == FST_OK);
}

Test (node_damage, a_scrub_that_is_stopped_goes_back_to_the_slow_round)
{
    s_start ();
    for (int turn = 0; turn < 20; turn++) {
        json_decref (s_command (false, "SCRUB", NULL));
        json_decref (s_command (false, "SCRUB", json_pack ("{s:b}", "stop", 1)));
        cr_assert_eq (s_status ("scrub.fast"), 0);
    }
}
