//  Rules about metadata's books against what nodes hold, with a real broker and storage nodes that have no disk.

#include <criterion/criterion.h>
#include "metadata_world.h"

static world_t w;

static void
s_setup (void)
{
    world_new_running (&w);
}

static void
s_teardown (void)
{
    world_destroy (&w);
}

TestSuite (books, .init = s_setup, .fini = s_teardown);

#define NODE(number) (1u << (number))

//  The first file of GET_FILE_INFO: its blob id to blob, and which nodes are offered for its first extent.
static unsigned
s_offered (fst_caller_t *who, const char *path, char blob [FST_BLOB_BYTES * 2 + 1])
{
    json_t *reply = NULL;
    cr_assert_eq (world_call (who, "GET_FILE_INFO", json_pack ("{s:[s]}", "paths", path), &reply), FST_OK);
    json_t *file = json_array_get (json_object_get (reply, "files"), 0);
    const char *text = json_string_value (json_object_get (file, "blob"));
    cr_assert_not_null (text);
    strcpy (blob, text);
    json_t *nodes = json_object_get (json_array_get (json_object_get (file, "extents"), 0), "nodes"), *node;
    unsigned set = 0;
    size_t at;
    json_array_foreach (nodes, at, node)
        set |= NODE (atoi (json_string_value (node) + strlen ("node-")));
    json_decref (reply);
    return set;
}

//  Node number says that its copy of an extent is bad: code of the reply, and what it is told.
static fst_rc_t
s_report (int number, const char *of, const char *blob, int extent, bool *aside_p)
{
    json_t *reply = NULL;
    fst_caller_t *node = fst_caller_new (w.bus.clients, NULL, WORLD_WAIT_MS, WORLD_WAIT_MS);
    fst_caller_set_token (node, w.nodes [number].keys->token);
    fst_rc_t rc = world_call (node, "REPORT", json_pack ("{s:s, s:[s], s:[i], s:[s]}", "node", of, "blobs", blob,
                              "extents", extent, "reasons", "corrupt"), &reply);
    if (rc == FST_OK)
        *aside_p = json_is_true (json_array_get (json_object_get (reply, "aside"), 0));
    json_decref (reply);
    fst_caller_destroy (&node);
    return rc;
}

//  ---- Damage that nodes report

//  Extents without a live copy, as STATUS says.
static int64_t
s_no_copy (void)
{
    json_t *reply = NULL;
    cr_assert_eq (world_call (w.alice, "STATUS", NULL, &reply), FST_OK);
    json_t *list = json_object_get (json_object_get (reply, "extents"), "by_live_copies");
    int64_t count = json_integer_value (json_array_get (list, 0));
    json_decref (reply);
    return count;
}

Test (books, a_bad_copy_goes_off_the_books_while_another_is_good_and_the_last_one_stays)
{
    char blob [FST_BLOB_BYTES * 2 + 1];
    bool aside = false;
    world_put (&w, w.alice, "a", 100);
    cr_assert_eq (s_offered (w.alice, "a", blob), NODE (1) | NODE (2));
    cr_expect_eq (s_report (1, "node-1", blob, 0, &aside), FST_OK);
    cr_expect (aside);
    cr_expect_eq (world_status (&w, "damaged"), 1);
    cr_expect_eq (s_report (2, "node-2", blob, 0, &aside), FST_OK);
    cr_expect_not (aside);
    cr_expect_eq (s_offered (w.alice, "a", blob), NODE (2), "what is good of the last copy is served");
    cr_expect_eq (world_status (&w, "damaged"), 2);
    cr_expect_eq (s_report (2, "node-2", blob, 0, &aside), FST_OK);
    cr_expect_not (aside);
    cr_expect_eq (world_status (&w, "damaged"), 2, "it is counted once");
    cr_expect (WORLD_AWAIT (s_no_copy () == 1), "a bad copy is none");
    //  What nobody counts on may go: not on that node, no such extent, no such blob
    cr_expect_eq (s_report (3, "node-3", blob, 0, &aside), FST_OK);
    cr_expect (aside);
    cr_expect_eq (s_report (2, "node-2", blob, 1, &aside), FST_OK);
    cr_expect (aside);
    cr_assert_eq (world_call (w.alice, "DELETE_FILE", json_pack ("{s:s, s:b}", "path", "a", "forever", 1), NULL), FST_OK);
    cr_expect (WORLD_AWAIT (s_report (2, "node-2", blob, 0, &aside) == FST_OK && aside));
    world_restart (&w);
    cr_expect_eq (world_status (&w, "damaged"), 2, "and not forgotten");
}

Test (books, a_bad_copy_is_kept_while_nobody_is_sure_of_another)
{
    char blob [FST_BLOB_BYTES * 2 + 1];
    bool aside = true;
    world_put (&w, w.alice, "a", 100);
    cr_assert_eq (s_offered (w.alice, "a", blob), NODE (1) | NODE (2));
    w.nodes [2].silent = true;
    cr_assert (WORLD_AWAIT (world_count (&w, "alive") == 2));
    cr_expect_eq (s_report (1, "node-1", blob, 0, &aside), FST_OK);
    cr_expect_not (aside, "the other one may be dead");
    w.nodes [2].silent = false;
    cr_expect (WORLD_AWAIT (s_offered (w.alice, "a", blob) == NODE (2)));
}

Test (books, an_extent_with_one_bad_and_one_good_copy_is_at_one_copy)
{
    char blob [FST_BLOB_BYTES * 2 + 1];
    bool aside = true;
    world_put (&w, w.alice, "a", 100);
    cr_assert_eq (s_offered (w.alice, "a", blob), NODE (1) | NODE (2));
    w.nodes [2].hides = true;
    w.nodes [2].started = true;
    cr_assert (WORLD_AWAIT (w.nodes [2].refused > 0), "so it is not compared, and nobody is sure of it");
    cr_expect_eq (world_status (&w, "bytes_at_one_copy"), 0);
    cr_expect_eq (s_report (1, "node-1", blob, 0, &aside), FST_OK);
    cr_expect_not (aside);
    cr_expect_eq (world_status (&w, "bytes_at_one_copy"), 100);
    w.nodes [3].silent = true;              //  A new plan does not bring other figures
    cr_assert (WORLD_AWAIT (world_count (&w, "pruned") == 1));
    cr_expect_eq (world_status (&w, "bytes_at_one_copy"), 100);
    w.nodes [2].hides = false;
    cr_assert (WORLD_AWAIT (s_offered (w.alice, "a", blob) == NODE (2)), "the comparison goes on");
    cr_expect_eq (world_status (&w, "bytes_at_one_copy"), 100);
}

Test (books, a_node_reports_about_itself_only)
{
    char blob [FST_BLOB_BYTES * 2 + 1];
    bool aside = false;
    world_put (&w, w.alice, "a", 100);
    cr_assert_eq (s_offered (w.alice, "a", blob), NODE (1) | NODE (2));
    cr_expect_eq (s_report (3, "node-1", blob, 0, &aside), FST_DENIED);
    cr_expect_eq (s_offered (w.alice, "a", blob), NODE (1) | NODE (2));
}

//  ---- The inventory

static fst_blob_id_t
s_blob (const char *hex)
{
    fst_blob_id_t blob;
    cr_assert_eq (fst_hex_decode (hex, blob.bytes, sizeof (blob.bytes)), FST_OK);
    return blob;
}

//  Something that no upload ever had.
static fst_blob_id_t
s_hold_stray (int number, uint8_t first)
{
    fst_extent_info_t info = { .blob = { .bytes = { first, 1, 2, 3 } }, .extent = 0, .chunks = 1, .bytes = 77, .digest = 5 };
    world_node_hold (&w.nodes [number], &info);
    return info.blob;
}

//  Compare all nodes with the books, now.
static void
s_scrub (void)
{
    cr_assert_eq (world_call (w.root, "SCRUB", NULL, NULL), FST_OK);
}

Test (books, a_copy_that_is_gone_or_cut_or_damaged_goes_off_the_books)
{
    char text [FST_BLOB_BYTES * 2 + 1];
    static const char *const paths [] = { "gone", "cut", "whole", "short-and-damaged" };
    fst_blob_id_t blobs [4];
    for (int at = 0; at < 4; at++) {
        world_put (&w, w.alice, paths [at], 100 + at);
        cr_assert_eq (s_offered (w.alice, paths [at], text), NODE (1) | NODE (2));
        blobs [at] = s_blob (text);
    }
    world_node_change (&w.nodes [1], &blobs [0], -1, 0);
    world_node_change (&w.nodes [1], &blobs [1], WORLD_WHOLE, 10);
    world_node_change (&w.nodes [1], &blobs [3], WORLD_DAMAGED, 1);
    s_scrub ();
    cr_assert (WORLD_AWAIT (world_status (&w, "damaged") == 3));
    for (int at = 0; at < 4; at++)
        cr_expect_eq (s_offered (w.alice, paths [at], text), at == 2? NODE (1) | NODE (2): NODE (2), "%s", paths [at]);
    cr_expect (WORLD_AWAIT (w.nodes [1].aside == 2), "what is there of the bad ones is put aside");
    cr_expect_eq (world_node_count (&w.nodes [1], WORLD_WHOLE, NULL), 1);
    cr_expect_eq (w.nodes [2].aside, 0);
}

Test (books, a_page_older_than_a_commit_takes_nothing_off_the_books)
{
    //  The node does not list it, but has it when it is asked: as if it was committed while the page was on its way
    char text [FST_BLOB_BYTES * 2 + 1];
    world_put (&w, w.alice, "a", 100);
    cr_assert_eq (s_offered (w.alice, "a", text), NODE (1) | NODE (2));
    fst_blob_id_t blob = s_blob (text);
    world_node_change (&w.nodes [1], &blob, WORLD_ASIDE, 0);        //  Not listed; put back by the CHECK
    s_scrub ();
    cr_assert (WORLD_AWAIT (w.nodes [1].restored == 1));
    s_scrub ();
    cr_assert (WORLD_AWAIT (w.nodes [1].scrubs == 2));
    cr_expect_eq (s_offered (w.alice, "a", text), NODE (1) | NODE (2));
    cr_expect_eq (world_status (&w, "damaged"), 0);
}

Test (books, what_no_file_needs_is_put_aside_and_what_an_open_upload_has_is_not)
{
    fst_blob_id_t stray = s_hold_stray (2, 0xff), low = s_hold_stray (2, 0x00);
    char *upload = world_open (w.alice, "/users/alice", 2, NULL);
    json_decref (world_extent (&w, upload, 7, 0, 1, 100, 2));       //  Stored, and not told yet
    s_scrub ();
    cr_expect (WORLD_AWAIT (w.nodes [2].aside == 2));
    cr_expect_eq (world_node_count (&w.nodes [2], WORLD_ASIDE, &stray), 1);
    cr_expect_eq (world_node_count (&w.nodes [2], WORLD_ASIDE, &low), 1);
    cr_expect_eq (world_node_count (&w.nodes [2], WORLD_WHOLE, NULL), 1);
    cr_expect_eq (w.nodes [1].aside, 0);
    cr_expect_eq (w.nodes [2].deleted, 0);
    free (upload);
}

Test (books, many_pages_and_many_strays)
{
    for (unsigned at = 0; at < 900; at++) {
        fst_extent_info_t info = { .blob = { .bytes = { (uint8_t) (at * 7), (uint8_t) (at >> 8), (uint8_t) at } }, .chunks = 1,
                                   .bytes = 1, .digest = 5 };
        world_node_hold (&w.nodes [3], &info);
    }
    for (int at = 0; at < 40; at++) {
        char path [16];
        snprintf (path, sizeof (path), "f%d", at);
        world_put (&w, w.alice, path, 10);
    }
    s_scrub ();
    cr_expect (WORLD_AWAIT (w.nodes [3].aside == 900));
    cr_expect_eq (w.nodes [1].aside + w.nodes [2].aside, 0);
    cr_expect_eq (world_status (&w, "damaged"), 0);
}

Test (books, a_comparison_goes_on_where_it_stood_after_a_failed_call)
{
    for (unsigned at = 0; at < 300; at++) {
        fst_extent_info_t info = { .blob = { .bytes = { (uint8_t) at, (uint8_t) (at >> 8) } }, .chunks = 1, .bytes = 1, .digest = 5 };
        world_node_hold (&w.nodes [3], &info);
    }
    w.nodes [3].refuses = true;
    s_scrub ();
    cr_assert (WORLD_AWAIT (w.nodes [3].refused > 0));
    int begun = w.nodes [3].begun;
    w.nodes [3].refuses = false;
    cr_expect (WORLD_AWAIT (w.nodes [3].aside == 300));
    cr_expect_eq (w.nodes [3].begun, begun);
}

Test (books, a_whole_copy_that_was_given_up_counts_again)
{
    char text [FST_BLOB_BYTES * 2 + 1];
    bool aside;
    world_put (&w, w.alice, "good", 100);
    cr_assert_eq (s_offered (w.alice, "good", text), NODE (1) | NODE (2));
    cr_assert_eq (s_report (1, "node-1", text, 0, &aside), FST_OK);     //  By mistake: it is whole
    cr_assert_eq (s_offered (w.alice, "good", text), NODE (2));
    world_put (&w, w.alice, "bad", 100);
    cr_assert_eq (s_offered (w.alice, "bad", text), NODE (1) | NODE (2));
    fst_blob_id_t bad = s_blob (text);
    cr_assert_eq (s_report (1, "node-1", text, 0, &aside), FST_OK);
    world_node_change (&w.nodes [1], &bad, WORLD_DAMAGED, 0);
    s_scrub ();
    cr_expect (WORLD_AWAIT (s_offered (w.alice, "good", text) == (NODE (1) | NODE (2))));
    cr_expect (WORLD_AWAIT (w.nodes [1].aside == 1));
    cr_expect_eq (s_offered (w.alice, "bad", text), NODE (2));
}

Test (books, a_node_that_comes_back_after_it_was_pruned_is_compared)
{
    char text [FST_BLOB_BYTES * 2 + 1];
    world_put (&w, w.alice, "a", 100);
    cr_assert_eq (s_offered (w.alice, "a", text), NODE (1) | NODE (2));
    fst_blob_id_t blob = s_blob (text);
    w.nodes [1].silent = true;
    cr_assert (WORLD_AWAIT (world_count (&w, "pruned") == 1));
    world_node_change (&w.nodes [1], &blob, -1, 0);
    w.nodes [1].silent = false;
    cr_expect (WORLD_AWAIT (world_status (&w, "damaged") == 1));
    cr_expect_eq (s_offered (w.alice, "a", text), NODE (2));
}

//  It was away for less time than it takes to be pruned, and knows what it was told: but small.db was salvaged, perhaps.
Test (books, a_node_whose_process_started_is_compared)
{
    char text [FST_BLOB_BYTES * 2 + 1];
    world_put (&w, w.alice, "a", 100);
    cr_assert_eq (s_offered (w.alice, "a", text), NODE (1) | NODE (2));
    fst_blob_id_t blob = s_blob (text);
    world_node_change (&w.nodes [1], &blob, -1, 0);
    w.nodes [1].started = true;
    cr_expect (WORLD_AWAIT (world_status (&w, "damaged") == 1));
    cr_expect_eq (s_offered (w.alice, "a", text), NODE (2));
}

Test (books, a_bad_copy_goes_when_a_good_one_comes_back)
{
    char text [FST_BLOB_BYTES * 2 + 1];
    bool aside;
    world_put (&w, w.alice, "a", 100);
    w.nodes [2].silent = true;
    cr_assert (WORLD_AWAIT (world_count (&w, "pruned") == 1));
    cr_assert_eq (s_offered (w.alice, "a", text), NODE (1));
    cr_assert_eq (s_report (1, "node-1", text, 0, &aside), FST_OK);
    cr_assert_not (aside);
    fst_blob_id_t blob = s_blob (text);
    world_node_change (&w.nodes [1], &blob, -1, 0);
    w.nodes [2].silent = false;
    cr_expect (WORLD_AWAIT (s_offered (w.alice, "a", text) == NODE (2)));
}

Test (books, a_scrub_is_for_admins_and_for_nodes_that_are_alive)
{
    json_t *reply = NULL;
    cr_expect_eq (world_call (w.alice, "SCRUB", NULL, NULL), FST_DENIED);
    cr_expect_eq (world_call (w.root, "SCRUB", json_pack ("{s:s}", "node", "node-9"), NULL), FST_NOT_FOUND);
    cr_assert_eq (world_call (w.root, "SCRUB", json_pack ("{s:s}", "node", "node-2"), &reply), FST_OK);
    cr_expect_eq (json_array_size (json_object_get (reply, "nodes")), 1);
    json_decref (reply);
    cr_expect (WORLD_AWAIT (w.nodes [2].scrubs == 1));
    cr_assert_eq (world_call (w.root, "SCRUB", json_pack ("{s:s, s:b}", "node", "node-2", "stop", 1), NULL), FST_OK);
    cr_expect (WORLD_AWAIT (w.nodes [2].scrubs == 0));
    cr_expect_eq (w.nodes [1].scrubs, 0);
    w.nodes [2].silent = true;
    cr_assert (WORLD_AWAIT (world_count (&w, "pruned") == 1));
    cr_expect_eq (world_call (w.root, "SCRUB", json_pack ("{s:s}", "node", "node-2"), NULL), FST_UNAVAILABLE);
}

//  ---- What uploads leave

//  An upload of a folder that node-3 was given for, and others stood in for it. Caller frees.
static char *
s_open_and_replace (void)
{
    json_t *reply = NULL;
    char *upload = NULL;
    bool given = false;
    for (int turn = 0; !given && turn < 1000; turn++) {
        cr_assert_eq (world_call (w.alice, "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i, s:i}", "path", "/users/alice",
                                  "from", 0, "count", 1, "replicas", 2), &reply), FST_OK);
        json_t *names = json_array_get (json_object_get (reply, "extents"), 0);
        for (size_t at = 0; at < 2; at++)
            given |= strcmp (json_string_value (json_array_get (names, at)), "node-3") == 0;
        free (upload);
        upload = strdup (json_string_value (json_object_get (reply, "upload")));
        json_decref (reply);
    }
    cr_assert (given);
    cr_assert_eq (world_call (w.alice, "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i, s:[s]}", "upload", upload, "from", 0,
                              "count", 1, "avoid", "node-3"), NULL), FST_OK);
    return upload;
}

Test (books, what_a_replaced_node_was_sent_is_deleted_on_it)
{
    char *upload = s_open_and_replace ();
    cr_assert_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 0, "a", 100, 2)), "ok");
    cr_expect (WORLD_AWAIT (w.nodes [3].deleted == 1));
    cr_expect_eq (w.nodes [1].deleted + w.nodes [2].deleted, 0);
    free (upload);
}

Test (books, a_replaced_node_keeps_those_extents_that_count)
{
    char *upload = s_open_and_replace ();
    int64_t full = (int64_t) 64 << 20;
    json_t *file = world_file (&w, upload, 0, "a", 0, 0);
    json_object_set_new (file, "size", json_integer (full + 10));
    json_t *extent = world_extent (&w, upload, 0, 0, 64, full, 3);
    json_array_remove (json_object_get (extent, "copies"), 0);          //  On 2 and 3
    json_array_append_new (json_object_get (file, "extents"), extent);
    json_decref (world_extent (&w, upload, 0, 1, 1, 10, 3));            //  Stored on all, told for two
    json_array_append_new (json_object_get (file, "extents"), world_extent (&w, upload, 0, 1, 1, 10, 2));
    cr_assert_str_eq (world_put_file (w.alice, upload, file), "ok");
    cr_expect (WORLD_AWAIT (w.nodes [3].deleted == 1));
    cr_expect_eq (world_node_count (&w.nodes [3], WORLD_WHOLE, NULL), 1);
    cr_expect_eq (world_node_count (&w.nodes [2], WORLD_WHOLE, NULL), 2);
    free (upload);
}

//  Its nodes may be deleting it when the receipts come again.
Test (books, receipts_are_good_once)
{
    char *upload = world_open (w.alice, "/users/alice", 2, NULL);
    json_t *file = world_file (&w, upload, 0, "a", 100, 2);
    cr_assert_str_eq (world_put_file (w.alice, upload, json_incref (file)), "ok");
    cr_assert_eq (world_call (w.alice, "DELETE_FILE", json_pack ("{s:s, s:b}", "path", "a", "forever", 1), NULL), FST_OK);
    cr_assert (WORLD_AWAIT (w.nodes [1].deleted + w.nodes [2].deleted == 2));
    cr_expect_str_eq (world_put_file (w.alice, upload, file), "exists");
    cr_expect_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 1, "a", 100, 2)), "ok");
    cr_assert_eq (world_call (w.alice, "END_UPLOAD", json_pack ("{s:s, s:i}", "upload", upload, "files", 2), NULL), FST_OK);
    //  And the books are right: see the end of the test
    free (upload);
}
