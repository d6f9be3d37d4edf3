//  Copying between real storage nodes, and from a source of the test that misbehaves.

#include <criterion/criterion.h>
#include "fst_copy.h"
#include "pull_world.h"

#define LOG2    16
#define STRIDE  (fst_record_stride (LOG2))
#define TIME_MS 60000

static pull_world_t s_pull;

static void
s_setup (void)
{
    pull_open (&s_pull);
}

static void
s_teardown (void)
{
    pull_close (&s_pull);
}

TestSuite (pull, .init = s_setup, .fini = s_teardown, .timeout = 280);

static void
s_start (void)
{
    for (int node = 0; node < WORLD_NODES; node++)
        pull_start (&s_pull, node);
}

//  PULL of one extent to node 0; the result, with its own copy of the word in word.
static json_t *
s_pull_one (const fst_extent_info_t *info, const char *sources, int time_ms, char word [16])
{
    json_t *request = pull_request (&s_pull, time_ms);
    pull_add (&s_pull, request, info, sources);
    json_t *results = pull_run (&s_pull, 0, request, NULL);
    cr_assert_eq (json_array_size (results), 1);
    snprintf (word, 16, "%s", pull_result (results, 0));
    json_t *result = json_incref (json_array_get (results, 0));
    json_decref (results);
    return result;
}

static bool
s_receipt_is_good (json_t *result, const fst_extent_info_t *info)
{
    const char *receipt = json_string_value (json_object_get (result, "receipt"));
    return receipt && fst_receipt_check (s_pull.nodes [0].keys->node_key, info, receipt) == FST_OK;
}

//  "done", with a receipt, and a client can read it; the places of bad sources as text.
static void
s_check_done (const fst_extent_info_t *info, const char *sources, const char *bad)
{
    char word [16], found [16] = "";
    json_t *result = s_pull_one (info, sources, TIME_MS, word), *place;
    cr_assert_str_eq (word, "done");
    cr_assert (s_receipt_is_good (result, info));
    size_t index;
    json_array_foreach (json_object_get (result, "bad"), index, place)
        snprintf (found + index, sizeof (found) - index, "%d", (int) json_integer_value (place));
    cr_assert_str_eq (found, bad);
    json_decref (result);
    cr_assert (pull_read (&s_pull, 0, info) == FST_OK);
}

static void
s_check_result (const fst_extent_info_t *info, const char *sources, int time_ms, const char *expect)
{
    char word [16];
    json_t *result = s_pull_one (info, sources, time_ms, word);
    cr_assert_str_eq (word, expect);
    cr_assert_null (json_object_get (result, "receipt"));
    json_decref (result);
}

//  ---- What is copied

Test (pull, extents_of_every_size_are_copied)
{
    s_start ();
    const struct { uint32_t chunks, last_bytes; uint8_t log2; } sizes [] = {
        { 1, 0, 16 }, { 1, 1, 16 }, { 2, 1, 16 }, { 2, 0, 17 }, { 3, 65535, 16 }, { 64, 0, 16 }, { 64, 5, 16 },
        { 65, 0, 16 }, { 200, 77, 16 }, { 1, 0, 20 }, { 1, 100000, 20 }, { 3, 1 << 20, 20 }, { 5, 1, 20 }, { 1, 0, 23 },
        { 2, 3000000, 23 }
    };
    enum { COUNT = sizeof (sizes) / sizeof (sizes [0]) };
    fst_extent_info_t infos [COUNT];
    json_t *request = pull_request (&s_pull, TIME_MS);
    for (uint32_t at = 0; at < COUNT; at++) {
        pull_upload (&s_pull, 2, test_blob (1, at), at % 3, sizes [at].chunks, sizes [at].log2, sizes [at].last_bytes,
                     &infos [at]);
        pull_add (&s_pull, request, &infos [at], "1");
    }
    json_t *results = pull_run (&s_pull, 0, request, NULL);
    for (uint32_t at = 0; at < COUNT; at++) {
        cr_assert_str_eq (pull_result (results, at), "done", "size %u", at);
        cr_assert (s_receipt_is_good (json_array_get (results, at), &infos [at]), "size %u", at);
        cr_assert (pull_read (&s_pull, 0, &infos [at]) == FST_OK, "size %u", at);
    }
    json_decref (results);
    cr_assert_eq (pull_status (&s_pull, 0, "open"), 0);
}

Test (pull, small_blobs_come_by_the_hundred_and_stay_small)
{
    enum { COUNT = 256 };
    s_start ();
    static fst_extent_info_t infos [COUNT];
    for (int turn = 0; turn < 2; turn++) {      //  Again: they are there
        json_t *request = pull_request (&s_pull, TIME_MS);
        for (uint32_t at = 0; at < COUNT; at++) {
            if (turn == 0)
                pull_upload_small (&s_pull, 2, test_blob (2, at), 1 + at * 257, &infos [at]);
            pull_add (&s_pull, request, &infos [at], "1");
        }
        json_t *results = pull_run (&s_pull, 0, request, NULL);
        cr_assert_eq (json_array_size (results), COUNT);
        for (uint32_t at = 0; at < COUNT; at++) {
            cr_assert_str_eq (pull_result (results, at), "done");
            cr_assert (s_receipt_is_good (json_array_get (results, at), &infos [at]));
            cr_assert (pull_read (&s_pull, 0, &infos [at]) == FST_OK);
        }
        json_decref (results);
        cr_assert_eq (pull_status (&s_pull, 0, "small"), infos [COUNT - 1].bytes <= FST_SMALL_BYTES_MAX? COUNT: 0);
        cr_assert_eq (pull_status (&s_pull, 0, "extents"), 0);
        pull_stop (&s_pull, 0);
        pull_start (&s_pull, 0);
    }
}

Test (pull, what_is_here_is_done_without_asking_anyone)
{
    s_start ();
    fst_extent_info_t big, small;
    pull_upload (&s_pull, 3, test_blob (3, 0), 0, 4, LOG2, 0, &big);
    pull_upload_small (&s_pull, 3, test_blob (3, 1), 100, &small);
    pull_stop (&s_pull, 1);
    s_check_done (&big, "1", "");
    s_check_done (&small, "1", "");
}

Test (pull, an_upload_that_stopped_half_way_is_completed)
{
    s_start ();
    fst_extent_info_t info;
    pull_upload (&s_pull, 2, test_blob (4, 0), 0, 8, LOG2, 0, &info);
    for (uint32_t slot = 2; slot < 8; slot += 2) {
        test_record_t made = test_record (info.blob, slot, 8, LOG2, 0, false, (uint8_t) (slot + 1));
        cr_assert (pull_store (&s_pull, 0, &made, false) == FST_OK);
        test_record_free (&made);
    }
    cr_assert_eq (pull_status (&s_pull, 0, "open"), 1);
    //  Records are sealed with fresh nonces, so these are none of the extent: all of it has to be copied
    s_check_done (&info, "1", "");
    cr_assert_eq (pull_status (&s_pull, 0, "open"), 0);
}

//  ---- Damage

Test (pull, a_damaged_record_comes_from_the_next_source)
{
    s_start ();
    fst_extent_info_t info;
    pull_upload (&s_pull, 6, test_blob (5, 0), 0, 40, LOG2, 100, &info);
    pull_damage (&s_pull, 1, &info, 7 * STRIDE + 1000);
    s_check_done (&info, "12", "1");
}

Test (pull, copies_damaged_in_different_places_give_a_whole_one)
{
    s_start ();
    fst_extent_info_t info;
    pull_upload (&s_pull, 7, test_blob (6, 0), 0, 12, LOG2, 0, &info);
    pull_damage (&s_pull, 1, &info, 3 * STRIDE + 1000);
    pull_damage (&s_pull, 1, &info, 4 * STRIDE + 10);           //  A header
    pull_damage (&s_pull, 2, &info, 0);
    pull_damage (&s_pull, 2, &info, 11 * STRIDE + 500);
    pull_damage (&s_pull, 0, &info, 4 * STRIDE + 1000);         //  Our own copy counts too
    json_int_t before = pull_status (&s_pull, 0, "stored_bytes");
    s_check_done (&info, "12", "1");
    cr_assert_eq (pull_status (&s_pull, 0, "stored_bytes") - before, 1 << LOG2, "only the damaged record was copied");
    cr_assert_eq (pull_status (&s_pull, 0, "extents"), 1);
    cr_assert_eq (pull_status (&s_pull, 0, "open"), 0);
}

Test (pull, damaged_in_the_same_place_everywhere_has_no_source)
{
    s_start ();
    fst_extent_info_t info, small;
    pull_upload (&s_pull, 6, test_blob (7, 0), 0, 12, LOG2, 0, &info);
    pull_damage (&s_pull, 1, &info, 3 * STRIDE + 1000);
    pull_damage (&s_pull, 2, &info, 3 * STRIDE + 1001);
    char word [16];
    json_t *result = s_pull_one (&info, "12", TIME_MS, word);
    cr_assert_str_eq (word, "no_source");
    cr_assert_eq (json_array_size (json_object_get (result, "bad")), 2);
    cr_assert_null (json_object_get (result, "receipt"));
    json_decref (result);
    cr_assert (pull_read (&s_pull, 0, &info) == FST_NOT_FOUND);

    small = (fst_extent_info_t) { .blob = test_blob (7, 1), .chunks = 1, .bytes = 10, .digest = 5 };
    result = s_pull_one (&small, "12", TIME_MS, word);
    cr_assert_str_eq (word, "no_source", "nobody has it");
    cr_assert_eq (json_array_size (json_object_get (result, "bad")), 2);
    json_decref (result);
}

Test (pull, a_copy_that_is_here_but_another_is_put_aside)
{
    s_start ();
    fst_extent_info_t wrong, right;
    pull_upload (&s_pull, 1, test_blob (8, 0), 0, 6, LOG2, 0, &wrong);
    pull_upload (&s_pull, 2, test_blob (8, 0), 0, 6, LOG2, 0, &right);
    cr_assert_neq (wrong.digest, right.digest);
    s_check_done (&right, "1", "");
    cr_assert_eq (pull_status (&s_pull, 0, "quarantined"), 1);
    pull_upload_small (&s_pull, 1, test_blob (8, 1), 50, &wrong);
    pull_upload_small (&s_pull, 2, test_blob (8, 1), 60, &right);
    s_check_done (&right, "1", "");
    cr_assert_eq (pull_status (&s_pull, 0, "quarantined"), 2);
}

//  ---- What metadata says

Test (pull, a_wrong_digest_or_size_is_a_mismatch_and_leaves_nothing)
{
    s_start ();
    fst_extent_info_t big, single, small, info;
    pull_upload (&s_pull, 2, test_blob (9, 0), 0, 4, LOG2, 1000, &big);
    pull_upload (&s_pull, 2, test_blob (9, 1), 1, 1, LOG2, 0, &single);
    pull_upload_small (&s_pull, 2, test_blob (9, 2), 100, &small);
    const fst_extent_info_t *all [] = { &big, &single, &small };
    for (int at = 0; at < 3; at++) {
        info = *all [at];
        info.digest ^= 1;
        s_check_result (&info, "1", TIME_MS, "mismatch");
        info = *all [at];
        info.bytes += (int64_t) 9 << 20;
        s_check_result (&info, "1", TIME_MS, "mismatch");
        int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS;
        while (pull_status (&s_pull, 0, "open") && fst_clock_mono_ms () < until_ms)
            zclock_sleep (5);           //  The same request may be under way a second time
        cr_assert_eq (pull_status (&s_pull, 0, "extents") + pull_status (&s_pull, 0, "open")
                      + pull_status (&s_pull, 0, "small"), 0, "row %d", at);
        s_check_done (all [at], "1", "");
        world_check (pull_command (&s_pull, 0, s_pull.world.metadata_keys->token, "DELETE", json_pack ("{s:s, s:[s], s:i}", "run", "0000000000000000",
                     "blobs", pull_hex (all [at]->blob), "sequence", 1), NULL), "delete");
    }
}

Test (pull, only_metadata_may_ask_and_it_must_make_sense)
{
    s_start ();
    fst_extent_info_t info;
    pull_upload (&s_pull, 2, test_blob (10, 0), 0, 2, LOG2, 0, &info);
    json_t *request = pull_request (&s_pull, TIME_MS);
    pull_add (&s_pull, request, &info, "1");
    cr_assert (pull_command (&s_pull, 0, s_pull.nodes [1].keys->token, "PULL", json_incref (request), NULL) == FST_DENIED);
    json_t *source = json_array_get (json_object_get (json_array_get (json_object_get (request, "extents"), 0),
                                                      "sources"), 0);
    json_object_set_new (source, "peer", json_integer (3));
    fst_rc_t rc;
    json_t *none = pull_run (&s_pull, 0, request, &rc);
    cr_assert (rc == FST_MALFORMED && !none);
}

//  As when the same request comes twice, and what it brought was deleted in between.
Test (pull, what_was_deleted_since_it_was_asked_for_does_not_come_back)
{
    s_start ();
    fst_extent_info_t info;
    pull_upload (&s_pull, 2, test_blob (14, 0), 0, 4, LOG2, 0, &info);
    json_t *request = pull_request (&s_pull, TIME_MS), *results;
    pull_add (&s_pull, request, &info, "1");
    results = pull_run (&s_pull, 0, json_incref (request), NULL);
    cr_assert_str_eq (pull_result (results, 0), "done");
    json_decref (results);
    world_check (pull_command (&s_pull, 0, s_pull.world.metadata_keys->token, "DELETE", json_pack ("{s:s, s:[s], s:i}",
                 "run", "0000000000000000", "blobs", pull_hex (info.blob), "sequence", 2), NULL), "delete");
    for (int start = 0; start < 2; start++) {
        fst_rc_t rc;
        results = pull_run (&s_pull, 0, json_incref (request), &rc);
        cr_assert (rc == FST_DENIED && !results);
        cr_assert_eq (pull_status (&s_pull, 0, "extents") + pull_status (&s_pull, 0, "open"), 0);
        pull_stop (&s_pull, 0);         //  Nor after a restart
        pull_start (&s_pull, 0);
    }
    json_object_set_new (request, "sequence", json_integer (2));
    results = pull_run (&s_pull, 0, request, NULL);
    cr_assert_str_eq (pull_result (results, 0), "done");
    json_decref (results);
}

Test (pull, a_wrong_capability_is_no_source_and_nobody_is_bad)
{
    s_start ();
    fst_extent_info_t info;
    pull_upload (&s_pull, 6, test_blob (11, 0), 0, 4, LOG2, 0, &info);
    for (int kind = 0; kind < 2; kind++) {
        json_t *request = pull_request (&s_pull, TIME_MS);
        pull_add (&s_pull, request, &info, kind? "12": "1");
        json_t *sources = json_object_get (json_array_get (json_object_get (request, "extents"), 0), "sources");
        json_object_set_new (json_array_get (sources, 0), "capability",
                             json_string (pull_capability (&s_pull, 1, FST_RIGHT_READ, test_blob (11, 1), 60000)));
        json_t *results = pull_run (&s_pull, 0, request, NULL);
        cr_assert_str_eq (pull_result (results, 0), kind? "done": "no_source");
        cr_assert_null (json_object_get (json_array_get (results, 0), "bad"));
        json_decref (results);
    }
}

Test (pull, more_than_a_few_at_once_are_busy)
{
    s_start ();
    pull_stop (&s_pull, 1);             //  Nobody answers, so they stay under way
    fst_extent_info_t info = { .blob = test_blob (12, 0), .chunks = 4, .bytes = 4 << LOG2, .digest = 1 };
    enum { COUNT = 5 };
    fst_caller_t *caller = fst_caller_new (s_pull.world.clients, NULL, WORLD_WAIT_MS, WORLD_WAIT_MS);
    fst_caller_set_token (caller, s_pull.world.metadata_keys->token);
    uint64_t ticket;
    for (int at = 0; at < COUNT; at++) {
        json_t *request = pull_request (&s_pull, 3000);
        pull_add (&s_pull, request, &info, "1");
        world_check (fst_caller_send (caller, s_pull.nodes [0].service, "PULL", request, &ticket), "send");
    }
    int busy = 0, undone = 0;
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; busy + undone < COUNT; ) {
        fst_rc_t rc;
        json_t *reply;
        cr_assert (fst_clock_mono_ms () < until_ms);
        if (!fst_caller_receive (caller, &ticket, &rc, &reply)) {
            zclock_sleep (2);
            continue;
        }
        busy += rc == FST_BUSY;
        undone += rc == FST_OK && streq (pull_result (json_object_get (reply, "results"), 0), "undone");
        json_decref (reply);
    }
    cr_assert_geq (busy, COUNT - 3);            //  More if the caller was connected anew and asked twice
    cr_assert_geq (undone, 1);
    fst_caller_destroy (&caller);
}

//  ---- Ends

Test (pull, what_time_did_not_allow_is_done_the_next_time)
{
    enum { EXTENTS = 8, CHUNKS = 64 };
    pull_set (&s_pull, 0, "window", "128 KiB");     //  Two records at a time
    pull_set (&s_pull, 0, "data-memory", "1 MiB");
    s_start ();
    fst_extent_info_t infos [EXTENTS];
    for (uint32_t at = 0; at < EXTENTS; at++)
        pull_upload (&s_pull, 2, test_blob (13, at), 0, CHUNKS, LOG2, 0, &infos [at]);
    bool done [EXTENTS] = { false };
    int left = EXTENTS, turns = 0;
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; left > 0; turns++) {
        cr_assert (fst_clock_mono_ms () < until_ms);
        json_t *request = pull_request (&s_pull, turns < 20? 1 + turns * turns: 1000);
        uint32_t asked [EXTENTS], count = 0;
        for (uint32_t at = 0; at < EXTENTS; at++)
            if (!done [at]) {
                pull_add (&s_pull, request, &infos [at], "1");
                asked [count++] = at;
            }
        fst_rc_t rc;
        json_t *results = pull_run (&s_pull, 0, request, &rc);
        cr_assert (rc == FST_OK || rc == FST_BUSY, "a caller that connects may ask twice");
        for (uint32_t at = 0; rc == FST_OK && at < count; at++) {
            done [asked [at]] = streq (pull_result (results, at), "done");
            cr_assert (done [asked [at]] || streq (pull_result (results, at), "undone"));
            left -= done [asked [at]];
        }
        json_decref (results);
    }
    cr_assert_gt (turns, 1);
    for (uint32_t at = 0; at < EXTENTS; at++)
        cr_assert (pull_read (&s_pull, 0, &infos [at]) == FST_OK);
    cr_assert_eq (pull_status (&s_pull, 0, "stored_bytes"), (EXTENTS * CHUNKS) << LOG2, "nothing was copied twice");
}
