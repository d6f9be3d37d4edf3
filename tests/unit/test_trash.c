//  The trash: what is deleted comes back whole, where it was if that can be, and only to whom it belongs.

#include "catalog_fixture.h"

TestSuite (trash, .init = s_setup, .fini = s_teardown);

static const fst_person_t carol = { .name = "carol" };
static char s_now [FST_PATH_BYTES_MAX + 1];     //  Where the last item went

static const fst_counters_t *
s_counters (void)
{
    return fst_catalog_counters (s_catalog);
}

//  Delete, and say by which number it comes back.
static int64_t
s_trash (const char *path)
{
    int64_t entries, trash = 0;
    cr_assert_eq (fst_namespace_delete (s_space, path, true, false, &entries, &trash), FST_OK);
    return trash;
}

static fst_rc_t
s_restore (int64_t trash, const char *to)
{
    int64_t id = 0;
    s_now [0] = 0;
    fst_rc_t rc = fst_namespace_restore (s_space, trash, NULL, to, s_now, &id);
    if (rc == FST_OK)
        cr_expect_eq (id, trash);
    return rc;
}

static fst_rc_t
s_restore_path (const char *path)
{
    int64_t id = 0;
    return fst_namespace_restore (s_space, 0, path, NULL, s_now, &id);
}

static bool
s_append_item (void *arg, const fst_trash_t *item)
{
    sprintf ((char *) arg + strlen (arg), "%s ", item->path);
    return true;
}

//  The trash of whoever asks, the newest first.
static const char *
s_items (const fst_person_t *person)
{
    static char items [4096];
    items [0] = 0;
    cr_assert_eq (fst_catalog_trash (s_catalog, person->name, INT64_MAX, INT64_MAX, s_append_item, items), FST_OK);
    return items;
}

//  Alice shares a folder with bob, who may write there.
static void
s_share_folder (void)
{
    fst_place_t place;
    s_as (&bob);
    s_as (&alice);
    CHECK (s_mkdir ("ours"), FST_OK);
    CHECK (fst_namespace_share (s_space, "ours", "bob", FST_ACCESS_READ | FST_ACCESS_WRITE, &place), FST_OK);
}

//  ---- Where it goes

Test (trash, a_folder_comes_back_with_all_that_was_in_it)
{
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_mkdir ("f/g"), FST_OK);
    CHECK (s_put ("f/g/a", 7), FST_OK);
    CHECK (s_put ("f/b", 8), FST_OK);
    int64_t files = s_counters ()->files, folders = s_counters ()->folders, trash = s_trash ("f");
    s_commit ();
    CHECK (s_counters ()->files, files - 2);
    CHECK (s_restore (trash, NULL), FST_OK);
    cr_expect_str_eq (s_now, "/users/alice/f");
    CHECK (s_counters ()->files, files);
    CHECK (s_counters ()->folders, folders);
    cr_expect_str_eq (s_names ("f"), "b g ");
    cr_expect_str_eq (s_names ("f/g"), "a ");
    cr_expect_str_eq (s_items (&alice), "");
    CHECK (s_restore (trash, NULL), FST_NOT_FOUND);
}

Test (trash, a_name_that_is_taken_gets_a_free_one)
{
    s_as (&alice);
    int64_t trash [3];
    for (int at = 0; at < 3; at++) {
        CHECK (s_put ("report.tar.gz", at + 1), FST_OK);
        trash [at] = s_trash ("report.tar.gz");
    }
    CHECK (s_put ("report.tar.gz", 9), FST_OK);
    CHECK (s_restore (trash [0], NULL), FST_OK);
    cr_expect_str_eq (s_now, "/users/alice/report.tar (restored).gz");
    CHECK (s_restore (trash [1], NULL), FST_OK);
    cr_expect_str_eq (s_now, "/users/alice/report.tar (restored 2).gz");
    CHECK (s_mkdir ("a.folder"), FST_OK);
    int64_t folder = s_trash ("a.folder");
    CHECK (s_mkdir ("a.folder"), FST_OK);
    CHECK (s_restore (folder, NULL), FST_OK);
    cr_expect_str_eq (s_now, "/users/alice/a.folder (restored)");
    CHECK (s_restore (trash [2], "report.tar.gz"), FST_EXISTS);         //  Who names a place means it
    CHECK (s_restore (trash [2], "third"), FST_OK);
    cr_expect_str_eq (s_now, "/users/alice/third");
}

Test (trash, a_long_name_stays_a_valid_one)
{
    char name [FST_NAME_BYTES_MAX + 1] = "", path [600];
    for (int at = 0; at < 125; at++)
        strcat (name, "ä");
    strcat (name, ".txt");                      //  254 octets
    s_as (&alice);
    CHECK (s_put (name, 1), FST_OK);
    int64_t trash = s_trash (name);
    CHECK (s_put (name, 1), FST_OK);
    CHECK (s_restore (trash, NULL), FST_OK);
    snprintf (path, sizeof (path), "%s", strrchr (s_now, '/') + 1);
    cr_expect (fst_name_valid (path));
    cr_expect_str_eq (path + strlen (path) - strlen ("ä (restored).txt"), "ä (restored).txt");
}

Test (trash, what_lay_in_a_folder_that_is_gone_comes_home)
{
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_put ("f/a", 1), FST_OK);
    int64_t trash = s_trash ("f/a");
    s_trash ("f");
    CHECK (s_restore (trash, NULL), FST_OK);
    cr_expect_str_eq (s_now, "/users/alice/a");
    trash = s_trash ("a");
    CHECK (s_mkdir ("f"), FST_OK);              //  Another folder of that name is another folder
    CHECK (s_restore (trash, "f/a"), FST_OK);
    cr_expect_str_eq (s_now, "/users/alice/f/a");
}

Test (trash, a_folder_that_moved_gets_back_what_lay_in_it)
{
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_put ("f/a", 1), FST_OK);
    int64_t trash = s_trash ("f/a");
    CHECK (s_move ("f", "g", false), FST_OK);
    CHECK (s_restore (trash, NULL), FST_OK);
    cr_expect_str_eq (s_now, "/users/alice/g/a");
}

Test (trash, a_path_brings_back_what_was_deleted_there_last)
{
    fst_entry_t entry;
    s_as (&alice);
    CHECK (s_put ("a", 1), FST_OK);
    s_trash ("a");
    s_as (&alice);                              //  Later
    CHECK (s_put ("a", 2), FST_OK);
    s_trash ("a");
    CHECK (s_restore_path ("/users/alice/a"), FST_OK);
    CHECK (s_stat ("a", &entry), FST_OK);
    CHECK (entry.content.size, 2);
    CHECK (s_restore_path ("a"), FST_OK);
    cr_expect_str_eq (s_now, "/users/alice/a (restored)");
    CHECK (s_restore_path ("a"), FST_NOT_FOUND);
}

Test (trash, paths_do_not_become_too_deep_by_restoring)
{
    char path [400] = "d";
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_mkdir ("f/g"), FST_OK);
    CHECK (s_put ("f/g/a", 1), FST_OK);
    int64_t trash = s_trash ("f");
    CHECK (s_mkdir ("d"), FST_OK);
    for (int level = 4; level < FST_PATH_LEVELS_MAX - 1; level++) {
        strcat (path, "/d");
        CHECK (s_mkdir (path), FST_OK);
    }
    strcat (path, "/f");
    CHECK (s_restore (trash, path), FST_BAD_NAME);
    CHECK (s_restore (trash, NULL), FST_OK);
}

//  ---- Whose it is

Test (trash, the_trash_is_for_who_deleted_and_who_owns)
{
    s_share_folder ();
    CHECK (s_put ("ours/a", 1), FST_OK);
    s_as (&bob);
    CHECK (s_put ("/users/alice/ours/b", 1), FST_OK);
    int64_t hers = s_trash ("/users/alice/ours/a");
    s_as (&carol);
    cr_expect_str_eq (s_items (&carol), "");
    CHECK (s_restore (hers, NULL), FST_NOT_FOUND);
    CHECK (s_restore_path ("/users/alice/ours/a"), FST_NOT_FOUND);
    CHECK (fst_namespace_purge (s_space, hers), FST_NOT_FOUND);
    s_as (&alice);
    int64_t his = s_trash ("ours/b");
    cr_expect_str_eq (s_items (&alice), "/users/alice/ours/b /users/alice/ours/a ");
    cr_expect_str_eq (s_items (&bob), "/users/alice/ours/b /users/alice/ours/a ");
    CHECK (s_restore (hers, NULL), FST_OK);
    s_as (&bob);
    CHECK (s_restore (his, NULL), FST_OK);
    cr_expect_str_eq (s_now, "/users/alice/ours/b");
}

Test (trash, nobody_gets_at_what_others_own_by_deleting_it)
{
    s_share_folder ();
    CHECK (s_put ("ours/a", 1), FST_OK);
    s_as (&bob);
    int64_t trash = s_trash ("/users/alice/ours/a");
    CHECK (s_restore (trash, "mine"), FST_DENIED);
    s_as (&alice);
    CHECK (fst_namespace_unshare (s_space, "ours", "bob"), FST_OK);
    s_as (&bob);
    CHECK (s_restore (trash, NULL), FST_DENIED);
    CHECK (s_stat ("a", NULL), FST_NOT_FOUND);
    s_as (&alice);
    CHECK (s_restore (trash, NULL), FST_OK);
    cr_expect_str_eq (s_now, "/users/alice/ours/a");
}

Test (trash, ones_own_comes_home_when_one_may_not_write_there_any_more)
{
    s_share_folder ();
    s_as (&bob);
    CHECK (s_put ("/users/alice/ours/b", 1), FST_OK);
    int64_t trash = s_trash ("/users/alice/ours/b");
    s_as (&alice);
    CHECK (fst_namespace_unshare (s_space, "ours", "bob"), FST_OK);
    s_as (&bob);
    CHECK (s_restore (trash, NULL), FST_OK);
    cr_expect_str_eq (s_now, "/users/bob/b");
}

Test (trash, emptying_ones_trash_keeps_what_others_own)
{
    s_share_folder ();
    CHECK (s_put ("ours/a", 1), FST_OK);
    s_as (&bob);
    CHECK (s_put ("b", 1), FST_OK);
    int64_t hers = s_trash ("/users/alice/ours/a"), his = s_trash ("b");
    CHECK (fst_namespace_purge (s_space, hers), FST_OK);
    CHECK (fst_namespace_purge (s_space, his), FST_OK);
    cr_expect_str_eq (s_items (&bob), "");
    CHECK (s_restore (his, NULL), FST_NOT_FOUND);
    CHECK (s_restore (hers, NULL), FST_NOT_FOUND);
    CHECK (s_counters ()->garbage, 0);
    s_purge (1, 1);
    CHECK (s_counters ()->garbage, 2);          //  His blob, on two nodes
    s_as (&alice);
    CHECK (s_restore (hers, NULL), FST_OK);
}

Test (trash, deleting_forever_what_others_own_leaves_it_to_them)
{
    int64_t entries, trash = 1;
    s_share_folder ();
    CHECK (s_put ("ours/a", 1), FST_OK);
    s_as (&bob);
    CHECK (fst_namespace_delete (s_space, "/users/alice/ours/a", false, true, &entries, &trash), FST_OK);
    CHECK (trash, 0);
    cr_expect_str_eq (s_items (&bob), "");
    s_purge (1, 1);
    CHECK (s_counters ()->garbage, 0);
    s_as (&alice);
    CHECK (s_restore_path ("ours/a"), FST_OK);
}

//  ---- Time

Test (trash, what_is_being_taken_apart_does_not_come_back_in_part)
{
    bool more;
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_put ("f/a", 1), FST_OK);
    CHECK (s_put ("f/b", 1), FST_OK);
    int64_t trash = s_trash ("f");
    CHECK (fst_catalog_purge (s_catalog, s_now_ms + 1, 1, 1, s_now_ms, &more), FST_OK);
    cr_expect (more);
    CHECK (s_restore (trash, NULL), FST_NOT_FOUND);
    s_purge (s_now_ms + 1, 1);
    CHECK (s_counters ()->garbage, 4);
}

Test (trash, deleted_forever_is_not_in_the_trash)
{
    int64_t entries, trash = 1;
    s_as (&alice);
    CHECK (s_put ("a", 1), FST_OK);
    CHECK (fst_namespace_delete (s_space, "a", false, true, &entries, &trash), FST_OK);
    CHECK (trash, 0);
    cr_expect_str_eq (s_items (&alice), "");
    CHECK (s_restore_path ("a"), FST_NOT_FOUND);
}

Test (trash, grants_are_as_they_were)
{
    s_share_folder ();
    int64_t trash = s_trash ("ours");
    s_as (&bob);
    CHECK (s_stat ("/users/alice/ours", NULL), FST_NOT_FOUND);
    s_as (&alice);
    CHECK (s_restore (trash, NULL), FST_OK);
    s_as (&bob);
    CHECK (s_put ("/users/alice/ours/b", 1), FST_OK);
}

Test (trash, what_others_own_in_a_folder_is_never_deleted_with_it_but_comes_to_their_trash)
{
    s_share_folder ();                                  //  Alice's "ours", where bob may write
    CHECK (s_put ("ours/hers", 1), FST_OK);
    CHECK (s_mkdir ("ours/deep"), FST_OK);
    CHECK (s_mkdir ("ours/deep/er"), FST_OK);
    CHECK (s_put ("ours/deep/er/too", 1), FST_OK);
    s_as (&bob);
    CHECK (s_mkdir ("mine"), FST_OK);
    CHECK (s_put ("mine/his", 1), FST_OK);
    CHECK (s_move ("/users/alice/ours/hers", "mine/hers", false), FST_OK);
    CHECK (s_move ("/users/alice/ours/deep", "mine/deep", false), FST_OK);
    CHECK (s_delete ("mine", true, true), FST_OK);
    s_purge (0, 0);
    s_as (&alice);
    CHECK (s_restore_path ("/users/bob/mine/hers"), FST_OK);
    CHECK (s_restore_path ("/users/bob/mine/deep"), FST_OK);
    cr_expect_str_eq (s_names ("/users/alice/deep/er"), "too ");
    CHECK (s_stat ("/users/alice/hers", NULL), FST_OK);
    s_as (&bob);
    CHECK (s_restore_path ("mine/his"), FST_NOT_FOUND);
}
