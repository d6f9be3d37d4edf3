//  Rules of copying, trimming and emptying, with a real broker and metadata, and storage nodes that have no disk.

#include <criterion/criterion.h>
#include "metadata_world.h"

static world_t w;
static zsock_t *s_events;

static void
s_setup (void)
{
    world_new (&w);
    world_set (&w, "lease", "15 s");            //  A request that was sent twice opens two uploads, and one is never ended
    world_run (&w);
    for (int number = 1; number <= WORLD_NODES; number++)
        w.nodes [number].pulls = true;
    cr_assert_eq (fst_socket_connect (ZMQ_SUB, w.bus.events_out, NULL, &s_events), FST_OK);
    zsock_set_subscribe (s_events, "node.");
    zsock_set_rcvtimeo (s_events, 20);
}

static void
s_teardown (void)
{
    for (int number = 1; number <= WORLD_NODES; number++)
        cr_expect_eq (w.nodes [number].wrong_proofs, 0);
    zsock_destroy (&s_events);
    world_destroy (&w);
}

TestSuite (mover, .init = s_setup, .fini = s_teardown);

//  ---- What STATUS says

static int64_t
s_repair (const char *name)
{
    json_t *reply = NULL;
    world_check (world_call (w.root, "STATUS", NULL, &reply), fst_caller_problem (w.root));
    int64_t value = json_integer_value (json_object_get (json_object_get (reply, "repair"), name));
    json_decref (reply);
    return value;
}

//  Extents with so many live copies.
static int64_t
s_live (size_t copies)
{
    json_t *reply = NULL;
    world_check (world_call (w.root, "STATUS", NULL, &reply), fst_caller_problem (w.root));
    json_t *list = json_object_get (json_object_get (reply, "extents"), "by_live_copies");
    int64_t value = json_integer_value (json_array_get (list, copies));
    json_decref (reply);
    return value;
}

static bool
s_in_recovery (void)
{
    json_t *reply = NULL;
    world_check (world_call (w.root, "STATUS", NULL, &reply), fst_caller_problem (w.root));
    bool recovery = json_is_true (json_object_get (reply, "recovery"));
    json_decref (reply);
    return recovery;
}

//  The reason of the first that is stuck, "" if there is none; path takes its path.
static const char *
s_stuck (fst_caller_t *who, char *path)
{
    static char reason [256];
    json_t *reply = NULL;
    world_check (world_call (who, "STATUS", NULL, &reply), fst_caller_problem (who));
    json_t *row = json_array_get (json_object_get (json_object_get (reply, "repair"), "stuck"), 0);
    snprintf (reason, sizeof (reason), "%s", row? json_string_value (json_object_get (row, "reason")): "");
    if (path)
        snprintf (path, 256, "%s", row? json_string_value (json_object_get (row, "path")): "");
    json_decref (reply);
    return reason;
}

//  Wait for an event of this type; its node, "" if none came. detail may be NULL.
static const char *
s_await_event (const char *type, char *detail)
{
    static char node [32];
    char topic [64];
    int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS;
    snprintf (topic, sizeof (topic), "node.%s", type);
    node [0] = 0;
    while (!*node && fst_clock_mono_ms () < until_ms) {
        zmsg_t *message = zmsg_recv (s_events);
        if (!message)
            continue;
        if (zframe_streq (zmsg_first (message), topic)) {
            zframe_t *frame = zmsg_last (message);
            json_t *body = json_loadb ((const char *) zframe_data (frame), zframe_size (frame), 0, NULL);
            snprintf (node, sizeof (node), "%s", json_string_value (json_object_get (body, "node")));
            const char *text = json_string_value (json_object_get (body, "detail"));
            if (detail)
                snprintf (detail, 256, "%s", text? text: "");
            json_decref (body);
        }
        zmsg_destroy (&message);
    }
    return node;
}

//  ---- Files

//  Store count small files f0, f1, ... with copies on nodes 1 and 2.
static void
s_put_many (int count)
{
    char *upload = world_open (w.alice, "/users/alice", 2, NULL), name [16];
    json_t *files = json_array ();
    for (int at = 0; at < count; at++) {
        snprintf (name, sizeof (name), "f%d", at);
        json_array_append_new (files, world_file (&w, upload, (uint32_t) at, name, 100, 2));
        if (json_array_size (files) == 256 || at == count - 1) {
            cr_assert_eq (world_call (w.alice, "PUT_FILE_INFO", json_pack ("{s:s, s:O}", "upload", upload, "files", files),
                                      NULL), FST_OK, "%s", fst_caller_problem (w.alice));
            json_array_clear (files);
        }
    }
    json_decref (files);
    cr_assert_eq (world_call (w.alice, "END_UPLOAD", json_pack ("{s:s, s:i}", "upload", upload, "files", count), NULL), FST_OK);
    free (upload);
}

static fst_blob_id_t
s_blob_of (const char *path)
{
    json_t *reply = NULL;
    fst_blob_id_t blob;
    cr_assert_eq (world_call (w.alice, "GET_FILE_INFO", json_pack ("{s:[s]}", "paths", path), &reply), FST_OK);
    json_t *file = json_array_get (json_object_get (reply, "files"), 0);
    cr_assert_eq (fst_hex_decode (json_string_value (json_object_get (file, "blob")), blob.bytes, FST_BLOB_BYTES), FST_OK);
    json_decref (reply);
    return blob;
}

static int
s_whole (int number)
{
    return world_node_count (&w.nodes [number], WORLD_WHOLE, NULL);
}

static fst_rc_t
s_drain (const char *node, bool drain)
{
    return world_call (w.root, "DRAIN", json_pack ("{s:s, s:b}", "node", node, "drain", (int) drain), NULL);
}

static void
s_delete_forever (const char *path)
{
    cr_assert_eq (world_call (w.alice, "DELETE_FILE", json_pack ("{s:s, s:b}", "path", path, "forever", 1), NULL), FST_OK);
}

//  ---- Repair

Test (mover, what_a_dead_node_held_is_copied_anew)
{
    char detail [256];
    s_put_many (600);
    cr_expect_eq (s_repair ("extents"), 0);
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (world_count (&w, "pruned") == 1 && s_live (2) == 600));
    cr_expect_eq (s_whole (3), 600);
    cr_expect_eq (world_status (&w, "bytes_at_one_copy"), 0);
    cr_expect (WORLD_AWAIT (s_repair ("extents") == 0 && s_repair ("moving") == 0));
    cr_expect_leq (w.nodes [3].pulls_most, 2);
    cr_expect_str_eq (s_await_event ("repaired", detail), "node-1");
    cr_expect_eq (strncmp (detail, "600 extents (", 13), 0, "%s", detail);
}

Test (mover, a_node_that_comes_back_makes_surplus_which_goes)
{
    s_put_many (300);
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (world_count (&w, "pruned") == 1 && s_live (2) == 300));
    cr_expect_eq (s_whole (1), 300, "a pruned node keeps what it has");
    w.nodes [1].silent = false;
    cr_expect (WORLD_AWAIT (world_count (&w, "alive") == 3));
    cr_expect (WORLD_AWAIT (s_whole (1) + s_whole (2) + s_whole (3) == 600));
    cr_expect (WORLD_AWAIT (world_status (&w, "garbage") == 0 && s_repair ("surplus") == 0));
    cr_expect_eq (s_live (2), 300);
}

Test (mover, no_copy_goes_for_the_sake_of_a_node_that_came_back_empty)
{
    s_put_many (300);
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (world_count (&w, "pruned") == 1 && s_live (2) == 300));
    pthread_mutex_lock (&w.nodes [1].lock);
    w.nodes [1].held_count = 0;                                 //  A new disk under the old name
    pthread_mutex_unlock (&w.nodes [1].lock);
    w.nodes [1].silent = false;
    cr_expect (WORLD_AWAIT (world_status (&w, "damaged") > 0 && s_repair ("surplus") == 0));
    cr_expect_eq (s_live (2), 300);
    cr_expect_eq (s_whole (2) + s_whole (3), 600);
    cr_expect_eq (w.nodes [2].deleted + w.nodes [3].deleted, 0);
}

Test (mover, a_receipt_that_is_not_genuine_counts_for_nothing)
{
    s_put_many (3);
    w.nodes [3].lies = true;
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (w.nodes [3].pulled >= 3));
    cr_expect (WORLD_AWAIT (s_repair ("moving") == 0 && s_live (1) == 3));
    cr_expect_eq (s_live (2), 0);
    w.nodes [3].lies = false;
    cr_expect (WORLD_AWAIT (s_live (2) == 3));
}

Test (mover, what_is_stuck_is_said_and_does_not_stop_the_others)
{
    char path [256];
    s_put_many (300);
    fst_blob_id_t blob = s_blob_of ("f7");
    world_node_change (&w.nodes [2], &blob, WORLD_DAMAGED, 0);
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (world_count (&w, "pruned") == 1 && s_live (2) == 299));
    cr_expect (WORLD_AWAIT (s_repair ("stuck_total") == 1));
    cr_expect (strstr (s_stuck (w.root, path), "good copy"));
    cr_expect_str_eq (s_stuck (w.alice, path)? path: "", "/users/alice/f7");
    s_stuck (w.bob, path);
    cr_expect_str_eq (path, "", "who may not see the file does not hear of it");
    cr_expect_eq (s_repair ("extents"), 1);
    cr_expect_eq (world_status (&w, "damaged"), 0, "it may be all there is, so it stays");
    w.nodes [1].silent = false;                     //  It has a good copy
    cr_expect (WORLD_AWAIT (s_live (1) == 0));
    s_delete_forever ("f7");
    cr_expect (WORLD_AWAIT (s_repair ("stuck_total") == 0));
}

Test (mover, a_copy_found_bad_while_others_are_good_goes_off_the_books_and_is_made_anew)
{
    s_put_many (1);
    fst_blob_id_t blob = s_blob_of ("f0");
    world_node_change (&w.nodes [1], &blob, WORLD_DAMAGED, 0);
    for (int time = 0; time < 20 && world_status (&w, "damaged") == 0; time++) {
        //  Copied from both, in an order that nobody knows: until the bad one was asked first
        cr_expect_eq (s_drain ("node-2", true), FST_OK);
        cr_expect (WORLD_AWAIT (s_whole (3) == 1 && s_whole (2) == 0));
        if (world_status (&w, "damaged"))
            break;
        cr_expect_eq (s_drain ("node-2", false), FST_OK);
        cr_expect_eq (s_drain ("node-3", true), FST_OK);
        cr_expect (WORLD_AWAIT (s_whole (2) == 1 && s_whole (3) == 0));
        cr_expect_eq (s_drain ("node-3", false), FST_OK);
    }
    cr_expect_eq (world_status (&w, "damaged"), 1);
    cr_expect_str_eq (s_await_event ("damaged", NULL), "node-1");
    cr_expect_eq (s_drain ("node-2", false), FST_OK);
    cr_expect_eq (s_drain ("node-3", false), FST_OK);
    cr_expect (WORLD_AWAIT (s_live (2) == 1 && s_whole (1) + s_whole (2) + s_whole (3) == 2));
}

Test (mover, a_blob_that_is_deleted_while_it_is_copied_leaves_nothing_behind)
{
    s_put_many (5);
    w.nodes [3].keeps_answers = true;
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (s_whole (3) == 5));
    s_delete_forever ("f2");
    cr_expect (WORLD_AWAIT (s_whole (2) == 4));
    cr_expect_eq (s_whole (3), 5);
    w.nodes [3].keeps_answers = false;
    cr_expect (WORLD_AWAIT (s_live (2) == 4));
    cr_expect (WORLD_AWAIT (s_whole (3) == 4), "%d", s_whole (3));
    w.nodes [1].silent = false;
    cr_expect (WORLD_AWAIT (s_whole (1) + s_whole (2) + s_whole (3) == 8));
    cr_expect (WORLD_AWAIT (world_status (&w, "garbage") == 0));
}

//  Node number says that its copy is bad: whether it may put it aside.
static bool
s_report (int number, const fst_blob_id_t *blob)
{
    json_t *reply = NULL;
    char hex [FST_BLOB_BYTES * 2 + 1];
    fst_hex_encode (blob->bytes, FST_BLOB_BYTES, hex);
    fst_caller_t *node = fst_caller_new (w.bus.clients, NULL, WORLD_WAIT_MS, WORLD_WAIT_MS);
    fst_caller_set_token (node, w.nodes [number].keys->token);
    world_check (world_call (node, "REPORT", json_pack ("{s:s, s:[s], s:[i], s:[s]}", "node", w.nodes [number].name,
                             "blobs", hex, "extents", 0, "reasons", "corrupt"), &reply), fst_caller_problem (node));
    bool aside = json_is_true (json_array_get (json_object_get (reply, "aside"), 0));
    json_decref (reply);
    fst_caller_destroy (&node);
    return aside;
}

//  The answer to PULL comes late. If its copies were counted before, some could be surplus, be deleted, and then be
//  counted a second time.
Test (mover, a_copy_is_counted_by_the_answer_that_tells_of_it_and_by_nothing_else)
{
    s_put_many (60);
    fst_blob_id_t blob = s_blob_of ("f0");
    w.nodes [3].keeps_answers = true;
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (s_whole (3) == 60));
    cr_expect_not (s_report (3, &blob), "an old word about a copy that was made anew since");
    world_node_change (&w.nodes [3], &blob, WORLD_DAMAGED, 0);      //  As it was when it was looked at
    cr_expect_eq (world_call (w.root, "SCRUB", json_pack ("{s:s}", "node", "node-3"), NULL), FST_OK);
    cr_expect (WORLD_AWAIT (w.nodes [3].checked >= 60));
    w.nodes [1].silent = false;
    cr_expect (WORLD_AWAIT (world_count (&w, "alive") == 3 && s_repair ("surplus") == 0));
    int64_t until_ms = fst_clock_mono_ms () + 1500;             //  Time for what must not be done
    cr_expect (WORLD_AWAIT (fst_clock_mono_ms () > until_ms));
    cr_expect_eq (w.nodes [1].deleted + w.nodes [2].deleted + w.nodes [3].deleted, 0);
    cr_expect_eq (w.nodes [3].aside, 0);
    world_node_change (&w.nodes [3], &blob, WORLD_WHOLE, 0);
    w.nodes [3].keeps_answers = false;
    cr_expect (WORLD_AWAIT (s_whole (1) + s_whole (2) + s_whole (3) == 120 && world_status (&w, "garbage") == 0));
    cr_expect_eq (s_live (2), 60);
}

Test (mover, metadata_that_starts_again_goes_on_where_the_books_are)
{
    s_put_many (20);
    w.nodes [3].keeps_answers = true;               //  It does it, and nobody hears of it
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (s_whole (3) == 20));
    fst_metadata_destroy (&w.metadata);
    w.nodes [3].keeps_answers = false;
    world_start (&w);
    cr_expect (WORLD_AWAIT (world_count (&w, "pruned") == 1 && s_live (2) == 20));
}

Test (mover, without_another_node_the_reason_is_said)
{
    s_put_many (10);
    w.nodes [1].silent = w.nodes [3].silent = true;
    cr_expect (WORLD_AWAIT (s_repair ("stuck_total") == 10));
    cr_expect (strstr (s_stuck (w.root, NULL), "no other node"));
    cr_expect_eq (s_repair ("extents"), 10);
    w.nodes [3].silent = false;
    cr_expect (WORLD_AWAIT (s_repair ("stuck_total") == 0 && s_live (2) == 10));
}

Test (mover, a_node_that_refuses_is_asked_again)
{
    s_put_many (10);
    w.nodes [3].pulls = false;
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (s_repair ("stuck_total") == 10));
    cr_expect (strstr (s_stuck (w.root, NULL), "busy"));
    w.nodes [3].pulls = true;
    cr_expect (WORLD_AWAIT (s_live (2) == 10));
}

//  ---- Draining

Test (mover, a_drained_node_is_emptied_and_the_copies_never_fall)
{
    s_put_many (500);
    cr_expect_eq (world_call (w.alice, "DRAIN", json_pack ("{s:s, s:b}", "node", "node-1", "drain", 1), NULL), FST_DENIED);
    cr_expect_eq (s_drain ("node-9", true), FST_NOT_FOUND);
    cr_assert_eq (s_drain ("node-1", true), FST_OK);
    cr_expect (WORLD_AWAIT (s_whole (1) == 0));
    cr_expect_eq (w.nodes [3].pulled, 500);
    cr_expect_eq (s_whole (2) + s_whole (3), 1000);
    cr_expect_str_eq (s_await_event ("drained", NULL), "node-1");
    cr_expect (WORLD_AWAIT (s_repair ("surplus") == 0));
    cr_expect_eq (s_drain ("node-2", true), FST_TOO_FEW_NODES);
    cr_expect (strstr (fst_caller_problem (w.root), "only 1 other node is alive"), "%s", fst_caller_problem (w.root));
    cr_expect_eq (s_drain ("node-1", false), FST_OK);
    cr_expect_eq (s_drain ("node-2", true), FST_OK);
}

Test (mover, a_node_is_not_called_empty_while_uploads_are_open_on_it)
{
    s_put_many (5);
    char *upload = world_open (w.alice, "/users/alice/late", 2, NULL);
    for (int turn = 0; turn < 20; turn++) {             //  Until it was given all nodes
        json_t *payload = json_pack ("{s:s, s:i, s:i}", "upload", upload, "from", 0, "count", 8);
        cr_assert_eq (world_call (w.alice, "GET_WRITE_NODES", payload, NULL), FST_OK);
    }
    cr_assert_eq (s_drain ("node-1", true), FST_OK);
    cr_expect (WORLD_AWAIT (s_whole (1) == 0 && s_live (2) == 5));
    int64_t until_ms = fst_clock_mono_ms () + 1500;     //  Longer than it takes otherwise
    cr_expect (WORLD_AWAIT (fst_clock_mono_ms () > until_ms));
    json_t *reply = NULL;
    cr_assert_eq (world_call (w.root, "LIST_EVENTS", json_pack ("{s:i, s:[s]}", "since", 0, "types", "node.drained"), &reply),
                  FST_OK, "%s", fst_caller_problem (w.root));
    cr_expect_eq (json_array_size (json_object_get (reply, "events")), 0);
    json_decref (reply);
    json_t *file = world_file (&w, upload, 0, "/users/alice/late", 100, 2);
    cr_expect_str_eq (world_put_file (w.alice, upload, file), "ok");
    cr_expect_str_eq (s_await_event ("drained", NULL), "node-1");
    cr_expect (WORLD_AWAIT (s_whole (1) == 0 && s_live (2) == 6));
    free (upload);
}

Test (mover, nothing_leaves_a_drained_node_before_it_is_elsewhere)
{
    s_put_many (50);
    w.nodes [3].keeps_pulls = true;
    cr_assert_eq (s_drain ("node-1", true), FST_OK);
    cr_expect (WORLD_AWAIT (w.nodes [3].pulls_now == 1));
    cr_expect_eq (s_live (2), 50);
    cr_expect_eq (s_whole (1), 50);
    cr_assert_eq (s_drain ("node-1", false), FST_OK);       //  As if it had never been
    w.nodes [3].keeps_pulls = false;
    cr_expect (WORLD_AWAIT (w.nodes [3].pulled == 50));
    cr_expect (WORLD_AWAIT (s_whole (3) + s_whole (1) + s_whole (2) == 100 && world_status (&w, "garbage") == 0));
    cr_expect_eq (s_live (2), 50);
}

static bool
s_is_listed (const char *node)
{
    json_t *reply = NULL, *row;
    size_t at;
    bool listed = false;
    cr_assert_eq (world_call (w.root, "LIST_NODES", NULL, &reply), FST_OK);
    json_array_foreach (json_object_get (reply, "nodes"), at, row)
        listed |= strcmp (json_string_value (json_object_get (row, "node")), node) == 0;
    json_decref (reply);
    return listed;
}

Test (mover, a_dead_node_that_is_drained_is_forgotten)
{
    s_put_many (50);
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (world_count (&w, "pruned") == 1));
    cr_assert_eq (s_drain ("node-1", true), FST_OK);
    cr_expect_str_eq (s_await_event ("drained", NULL), "node-1");
    cr_expect_eq (s_live (2), 50);
    cr_expect (WORLD_AWAIT (world_count (&w, "pruned") == 0), "nobody misses it");
    cr_expect_not (s_is_listed ("node-1"));
    w.nodes [1].silent = false;
    cr_expect (WORLD_AWAIT (s_is_listed ("node-1") && world_count (&w, "alive") == WORLD_NODES));
}

Test (mover, a_node_whose_disk_fails_is_emptied_by_itself)
{
    s_put_many (50);
    w.nodes [1].health = "failing";
    cr_expect_str_eq (s_await_event ("draining", NULL), "node-1");
    cr_expect_str_eq (s_await_event ("drained", NULL), "node-1");
    cr_expect_eq (s_whole (2) + s_whole (3), 100);
    cr_expect (WORLD_AWAIT (s_whole (1) == 0));
}

Test (mover, a_full_node_gets_no_copies)
{
    s_put_many (50);
    w.nodes [3].health = "full";
    cr_expect (WORLD_AWAIT (world_status (&w, "files") == 50));
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (s_repair ("stuck_total") == 50));
    cr_expect_eq (w.nodes [3].pulled, 0);
    w.nodes [3].health = NULL;
    cr_expect (WORLD_AWAIT (s_live (2) == 50));
}

Test (mover, a_nearly_full_node_takes_what_it_has_room_for)
{
    char name [16];
    for (int at = 0; at < 20; at++) {
        snprintf (name, sizeof (name), "large%d", at);
        world_put (&w, w.alice, name, 1000000);
    }
    w.nodes [3].capacity = 6000000;                 //  And five hundredths of it stay free
    zclock_sleep (3 * WORLD_BEAT_MS);
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (s_whole (3) >= 5));
    cr_expect (WORLD_AWAIT (s_repair ("stuck_total") > 0));
    cr_expect (strstr (s_stuck (w.root, NULL), "space"), "%s", s_stuck (w.root, NULL));
    cr_expect_lt (s_whole (3), 20);
    w.nodes [3].capacity = 0;
    cr_expect (WORLD_AWAIT (s_live (2) == 20 && s_repair ("stuck_total") == 0));
}

//  ---- Recovery

Test (mover, in_recovery_copies_are_made_and_none_goes)
{
    s_put_many (50);
    w.nodes [2].sequence = 1000000;                 //  Its word does not fit this database
    cr_expect (WORLD_AWAIT (s_in_recovery ()));
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (world_count (&w, "pruned") == 1 && s_live (2) == 50));
    w.nodes [1].silent = false;
    cr_expect (WORLD_AWAIT (world_count (&w, "alive") == 3 && s_repair ("surplus") == 50));
    int64_t until_ms = fst_clock_mono_ms () + 1500;             //  Longer than it takes otherwise
    cr_expect (WORLD_AWAIT (fst_clock_mono_ms () > until_ms));
    cr_expect_eq (s_whole (1) + s_whole (2) + s_whole (3), 150);
    w.nodes [2].sequence = 0;
    cr_assert_eq (world_call (w.root, "END_RECOVERY", NULL, NULL), FST_OK);
    cr_expect (WORLD_AWAIT (s_whole (1) + s_whole (2) + s_whole (3) == 100));
}

//  The same when an import has changed the books: what was compared was compared with others.
Test (mover, after_recovery_nodes_are_compared_anew_before_anything_goes)
{
    s_put_many (50);
    w.nodes [2].sequence = 1000000;
    cr_expect (WORLD_AWAIT (s_in_recovery ()));
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (world_count (&w, "pruned") == 1 && s_live (2) == 50));
    w.nodes [1].silent = false;
    cr_expect (WORLD_AWAIT (world_count (&w, "alive") == 3 && s_repair ("surplus") == 50));
    int64_t until_ms = fst_clock_mono_ms () + 1500;             //  All are compared by then
    cr_expect (WORLD_AWAIT (fst_clock_mono_ms () > until_ms));
    pthread_mutex_lock (&w.nodes [2].lock);
    w.nodes [2].held_count = 0;
    pthread_mutex_unlock (&w.nodes [2].lock);
    w.nodes [2].sequence = 0;
    cr_assert_eq (world_call (w.root, "END_RECOVERY", NULL, NULL), FST_OK);
    cr_expect (WORLD_AWAIT (world_status (&w, "damaged") == 50 && s_repair ("surplus") == 0));
    cr_expect_eq (w.nodes [1].deleted + w.nodes [3].deleted, 0);
    cr_expect_eq (s_live (2), 50);
}

//  ---- Moving

//  Store a file of so many extents of 64 MiB on nodes 1 and 2.
static void
s_put_big (const char *path, uint32_t extents)
{
    int64_t full = (int64_t) 64 << 20;
    char *upload = world_open (w.alice, path, 2, NULL);
    json_t *file = world_file (&w, upload, 0, path, 0, 0);
    for (uint32_t n = 0; n < extents; n++)
        json_array_append_new (json_object_get (file, "extents"), world_extent (&w, upload, 0, n, 64, full, 2));
    json_object_set_new (file, "size", json_integer (full * extents));
    cr_assert_str_eq (world_put_file (w.alice, upload, file), "ok");
    free (upload);
}

//  All disks have this size from now on, and metadata has heard it.
static void
s_set_capacity (int64_t capacity)
{
    size_t heard = 0, at;
    json_t *reply = NULL, *row;
    for (int number = 1; number <= WORLD_NODES; number++)
        w.nodes [number].capacity = capacity;
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; heard < WORLD_NODES && fst_clock_mono_ms () < until_ms; ) {
        heard = 0;
        cr_assert_eq (world_call (w.root, "LIST_NODES", NULL, &reply), FST_OK);
        json_array_foreach (json_object_get (reply, "nodes"), at, row)
            heard += json_integer_value (json_object_get (row, "capacity")) == capacity;
        json_decref (reply);
    }
    cr_assert_eq (heard, WORLD_NODES);
}

Test (mover, a_new_node_gets_its_share_and_then_it_is_quiet)
{
    s_set_capacity ((int64_t) 10 << 30);
    s_put_big ("big", 60);                          //  3.75 GiB on each of two nodes, and nothing on the third
    cr_expect (WORLD_AWAIT (s_whole (3) >= 38), "%d", s_whole (3));
    cr_expect (WORLD_AWAIT (s_repair ("moving") == 0 && s_repair ("surplus") == 0 && world_status (&w, "garbage") == 0));
    int on [4] = { 0, s_whole (1), s_whole (2), s_whole (3) };
    cr_expect_eq (on [1] + on [2] + on [3], 120);
    for (int number = 1; number <= WORLD_NODES; number++)
        cr_expect (on [number] >= 37 && on [number] <= 43, "node-%d has %d", number, on [number]);
    cr_expect_eq (w.nodes [1].pulled + w.nodes [2].pulled, 0, "nothing went back");
    cr_expect_eq (w.nodes [3].pulls_most, 1, "one at a time");
    int pulled = w.nodes [3].pulled;
    world_restart (&w);
    cr_expect (WORLD_AWAIT (world_count (&w, "alive") == 3));
    s_put_big ("more", 3);
    cr_expect (WORLD_AWAIT (world_status (&w, "files") == 2));
    int64_t until_ms = fst_clock_mono_ms () + 1500;
    cr_expect (WORLD_AWAIT (fst_clock_mono_ms () > until_ms));
    cr_expect_eq (w.nodes [1].pulled + w.nodes [2].pulled + w.nodes [3].pulled, pulled);
}
