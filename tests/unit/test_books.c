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

//  The first file of GET_FILE_INFO: its blob id to blob, and how many nodes are offered for its first extent.
static size_t
s_offered (fst_caller_t *who, const char *path, char blob [FST_BLOB_BYTES * 2 + 1])
{
    json_t *reply = NULL;
    cr_assert_eq (world_call (who, "GET_FILE_INFO", json_pack ("{s:[s]}", "paths", path), &reply), FST_OK);
    json_t *file = json_array_get (json_object_get (reply, "files"), 0);
    const char *text = json_string_value (json_object_get (file, "blob"));
    cr_assert_not_null (text);
    strcpy (blob, text);
    size_t count = json_array_size (json_object_get (json_array_get (json_object_get (file, "extents"), 0), "nodes"));
    json_decref (reply);
    return count;
}

//  Node number says that its copy of an extent is bad: code of the reply, and what it is told.
static fst_rc_t
s_report (int number, const char *of, const char *blob, int extent, bool *aside_p)
{
    json_t *reply = NULL;
    fst_caller_t *node = fst_caller_new (w.bus.clients, NULL, 10000, WORLD_WAIT_MS);
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

Test (books, a_bad_copy_goes_off_the_books_while_another_is_good_and_the_last_one_stays)
{
    char blob [FST_BLOB_BYTES * 2 + 1];
    bool aside = false;
    world_put (&w, w.alice, "a", 100);
    cr_assert_eq (s_offered (w.alice, "a", blob), 2);
    cr_expect_eq (s_report (1, "node-1", blob, 0, &aside), FST_OK);
    cr_expect (aside);
    cr_expect_eq (world_status (&w, "damaged"), 1);
    cr_expect_eq (s_report (2, "node-2", blob, 0, &aside), FST_OK);
    cr_expect_not (aside);
    cr_expect_eq (s_offered (w.alice, "a", blob), 1, "what is good of the last copy is served");
    cr_expect_eq (world_status (&w, "damaged"), 2);
    cr_expect_eq (s_report (2, "node-2", blob, 0, &aside), FST_OK);
    cr_expect_not (aside);
    cr_expect_eq (world_status (&w, "damaged"), 2, "it is counted once");
    //  What nobody counts on may go: not on that node, no such extent, no such blob
    cr_expect_eq (s_report (3, "node-3", blob, 0, &aside), FST_OK);
    cr_expect (aside);
    cr_expect_eq (s_report (2, "node-2", blob, 1, &aside), FST_OK);
    cr_expect (aside);
    cr_assert_eq (world_call (w.alice, "DELETE_FILE", json_pack ("{s:s, s:b}", "path", "a", "forever", 1), NULL), FST_OK);
    cr_expect (WORLD_AWAIT (s_report (2, "node-2", blob, 0, &aside) == FST_OK && aside));
}

Test (books, a_node_reports_about_itself_only)
{
    char blob [FST_BLOB_BYTES * 2 + 1];
    bool aside = false;
    world_put (&w, w.alice, "a", 100);
    cr_assert_eq (s_offered (w.alice, "a", blob), 2);
    cr_expect_eq (s_report (3, "node-1", blob, 0, &aside), FST_DENIED);
    cr_expect_eq (s_offered (w.alice, "a", blob), 2);
}
