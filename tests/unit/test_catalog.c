//  The rules of the namespace and of the books that the catalog keeps.

#include <sys/stat.h>
#include "catalog_fixture.h"
#include "fst_access.h"

TestSuite (catalog, .init = s_setup, .fini = s_teardown);

static const fst_counters_t *
s_counters (void)
{
    return fst_catalog_counters (s_catalog);
}

//  ---- Homes and rights

Test (catalog, a_home_is_made_at_first_use_and_owned_by_its_person)
{
    fst_entry_t home;
    s_as (&alice);
    CHECK (s_stat ("/users/alice", &home), FST_OK);
    cr_expect_str_eq (home.owner, "alice");
    CHECK (home.kind, FST_ENTRY_FOLDER);
    CHECK (s_put ("notes", 10), FST_OK);
    CHECK (s_stat ("/users/alice/notes", NULL), FST_OK);
}

Test (catalog, other_peoples_homes_look_as_if_they_were_not_there)
{
    s_as (&alice);
    CHECK (s_put ("secret", 10), FST_OK);
    CHECK (s_mkdir ("folder"), FST_OK);
    s_as (&bob);
    //  Each answer for alice's home is the answer for a home that nobody has, word for word
    static const char *const paths [] = { "", "/secret", "/folder", "/nothing", "/secret/x", "/folder/x", "/a/b" };
    for (size_t at = 0; at < sizeof (paths) / sizeof (paths [0]); at++) {
        char real [64], none [64];
        snprintf (real, sizeof (real), "/users/alice%s", paths [at]);
        snprintf (none, sizeof (none), "/users/nobod%s", paths [at]);
        for (int call = 0; call < 6; call++) {
            char said [2] [FST_PROBLEM_BYTES_MAX];
            fst_rc_t rcs [2];
            for (int which = 0; which < 2; which++) {
                const char *path = which == 0? real: none;
                int64_t id;
                s_as (&bob);
                CHECK (fst_catalog_save (s_catalog), FST_OK);
                rcs [which] = call == 0? s_stat (path, NULL): call == 1? s_put (path, 5): call == 2? s_mkdir (path)
                            : call == 3? s_move (path, "/users/bob/x", false): call == 4? s_delete (path, true, true)
                            : fst_namespace_make_folder (s_space, path, true, &id);
                strcpy (said [which], fst_namespace_problem (s_space));
                char *name = strstr (said [which], "/users/nobod");
                if (name)
                    memcpy (name, "/users/alice", 12);
                fst_catalog_undo (s_catalog);
            }
            cr_expect_neq (rcs [0], FST_OK, "%s", real);
            cr_expect_eq (rcs [0], rcs [1], "call %d %s: %s, %s", call, real, fst_error_code (rcs [0]),
                          fst_error_code (rcs [1]));
            cr_expect_str_eq (said [0], said [1]);
        }
    }
}

Test (catalog, everyone_lists_users_and_sees_his_own_home)
{
    s_as (&alice);
    s_as (&bob);
    cr_expect_str_eq (s_names ("/users"), "bob ");
    cr_expect_str_eq (s_names ("/"), "users ");
    s_as (&root);
    cr_expect_str_eq (s_names ("/users"), "root ");
}

Test (catalog, admins_make_folders_at_the_root_and_nobody_makes_files_there)
{
    s_as (&alice);
    CHECK (s_mkdir ("/public"), FST_DENIED);
    CHECK (s_put ("/file", 1), FST_DENIED);
    CHECK (s_mkdir ("/users/carol"), FST_DENIED);
    s_as (&root);
    CHECK (s_mkdir ("/public"), FST_OK);
    CHECK (s_put ("/file", 1), FST_DENIED);
    CHECK (s_put ("/public/file", 1), FST_OK);
    CHECK (s_mkdir ("/users/carol"), FST_DENIED);
    cr_expect_str_eq (s_names ("/"), "public users ");
    s_as (&alice);
    cr_expect_str_eq (s_names ("/"), "users ");
    CHECK (s_stat ("/public", NULL), FST_NOT_FOUND);
}

Test (catalog, an_admin_has_no_back_door_into_content)
{
    s_as (&alice);
    CHECK (s_put ("secret", 10), FST_OK);
    s_as (&root);
    CHECK (s_stat ("/users/alice/secret", NULL), FST_NOT_FOUND);
    CHECK (s_delete ("/users/alice", true, false), FST_NOT_FOUND);
}

Test (catalog, grants_are_inherited_and_end_when_taken_away)
{
    fst_entry_t folder = { 0 };
    s_as (&alice);
    CHECK (s_mkdir ("photos"), FST_OK);
    CHECK (s_mkdir ("photos/2026"), FST_OK);
    CHECK (s_put ("photos/2026/a", 10), FST_OK);
    CHECK (s_stat ("photos", &folder), FST_OK);
    CHECK (fst_catalog_grant_put (s_catalog, folder.id, "bob", FST_ACCESS_READ), FST_OK);
    s_as (&bob);
    CHECK (s_stat ("/users/alice/photos/2026/a", NULL), FST_OK);
    CHECK (s_put ("/users/alice/photos/2026/b", 1), FST_DENIED);
    CHECK (s_put ("/users/alice/photos/2026/a", 1), FST_DENIED);
    CHECK (s_stat ("/users/alice", NULL), FST_NOT_FOUND);
    CHECK (fst_catalog_grant_put (s_catalog, folder.id, "bob", FST_ACCESS_WRITE), FST_OK);
    s_as (&bob);
    CHECK (s_put ("/users/alice/photos/2026/b", 1), FST_OK);
    CHECK (s_delete ("/users/alice/photos/2026/a", false, false), FST_OK);
    CHECK (s_delete ("/users/alice/photos", true, false), FST_DENIED);
    s_as (&alice);
    CHECK (s_stat ("photos/2026/b", NULL), FST_OK);         //  Bob's file, in alice's folder
    CHECK (fst_catalog_grant_put (s_catalog, folder.id, "bob", 0), FST_OK);
    s_as (&bob);
    CHECK (s_stat ("/users/alice/photos", NULL), FST_NOT_FOUND);
}

Test (catalog, folders_are_made_with_parents_below_a_share)
{
    fst_entry_t folder = { 0 };
    int64_t id;
    s_as (&alice);
    CHECK (s_mkdir ("work"), FST_OK);
    CHECK (s_stat ("work", &folder), FST_OK);
    CHECK (fst_catalog_grant_put (s_catalog, folder.id, "bob", FST_ACCESS_WRITE), FST_OK);
    s_as (&bob);
    CHECK (fst_namespace_make_folder (s_space, "/users/alice/work/a/b/c", true, &id), FST_OK);
    CHECK (fst_namespace_make_folder (s_space, "/users/alice/work/a/b/c", true, &id), FST_OK);
    CHECK (s_stat ("/users/alice/work/a/b/c", NULL), FST_OK);
    CHECK (fst_namespace_make_folder (s_space, "/users/alice/work/a/b/c", false, &id), FST_EXISTS);
}

//  ---- Files and versions

Test (catalog, parents_must_exist_and_be_folders)
{
    s_as (&alice);
    CHECK (s_put ("a/b", 1), FST_NOT_FOUND);
    CHECK (s_put ("a", 1), FST_OK);
    CHECK (s_put ("a/b", 1), FST_NOT_A_FOLDER);
    CHECK (s_mkdir ("a/b"), FST_NOT_A_FOLDER);
    CHECK (s_mkdir ("a"), FST_EXISTS);
    CHECK (s_put ("..", 1), FST_BAD_NAME);
    CHECK (s_put ("/users/alice/../bob", 1), FST_BAD_NAME);
}

Test (catalog, a_folder_in_the_way_is_not_replaced)
{
    s_as (&alice);
    CHECK (s_mkdir ("a"), FST_OK);
    CHECK (s_put ("a", 1), FST_IS_A_FOLDER);
}

Test (catalog, replacing_adds_a_version_and_keeps_the_older_ones)
{
    fst_entry_t entry;
    fst_content_t first, second, content;
    s_as (&alice);
    CHECK (s_put_with ("a", 10, false, &first), FST_OK);
    CHECK (s_put_with ("a", 20, true, &content), FST_EXISTS);
    CHECK (s_put_with ("a", 20, false, &second), FST_OK);
    CHECK (s_stat ("a", &entry), FST_OK);
    CHECK (entry.content.version, 2);
    CHECK (entry.content.size, 20);
    CHECK (fst_catalog_version_get (s_catalog, &entry, 1, &content), FST_OK);
    CHECK (content.size, 10);
    cr_expect_arr_eq (content.blob.bytes, first.blob.bytes, FST_BLOB_BYTES);
    CHECK (fst_catalog_version_get (s_catalog, &entry, 2, &content), FST_OK);
    cr_expect_arr_eq (content.blob.bytes, second.blob.bytes, FST_BLOB_BYTES);
    CHECK (fst_catalog_version_get (s_catalog, &entry, 3, &content), FST_NOT_FOUND);
    CHECK (s_counters ()->files, 1);
    CHECK (s_counters ()->garbage, 0);
}

Test (catalog, versions_beyond_the_limit_become_garbage)
{
    fst_entry_t entry;
    fst_content_t content;
    s_as (&alice);
    for (int version = 1; version <= 6; version++)
        CHECK (s_put ("a", version), FST_OK);
    CHECK (s_stat ("a", &entry), FST_OK);
    CHECK (fst_catalog_version_get (s_catalog, &entry, 2, &content), FST_NOT_FOUND);
    CHECK (fst_catalog_version_get (s_catalog, &entry, 3, &content), FST_OK);
    CHECK (s_counters ()->garbage, 2 * 2);                  //  Two blobs on two nodes
}

Test (catalog, older_versions_go_when_they_are_too_old)
{
    fst_entry_t entry;
    fst_content_t content;
    s_as (&alice);
    CHECK (s_put ("a", 1), FST_OK);
    s_as (&alice);
    CHECK (s_put ("a", 2), FST_OK);
    s_purge (1, s_now_ms);
    CHECK (s_stat ("a", &entry), FST_OK);
    CHECK (fst_catalog_version_get (s_catalog, &entry, 1, &content), FST_OK);
    s_purge (1, s_now_ms + 1);
    CHECK (fst_catalog_version_get (s_catalog, &entry, 1, &content), FST_NOT_FOUND);
    CHECK (fst_catalog_version_get (s_catalog, &entry, 2, &content), FST_OK);
    CHECK (s_counters ()->garbage, 2);
}

Test (catalog, an_empty_file_has_no_blob)
{
    fst_entry_t entry = { 0 };
    s_as (&alice);
    CHECK (s_put ("a", 0), FST_OK);
    CHECK (s_stat ("a", &entry), FST_OK);
    cr_expect_not (entry.content.has_blob);
    CHECK (s_delete ("a", false, true), FST_OK);
    s_purge (1, 1);
    CHECK (s_counters ()->garbage, 0);
}

//  ---- Moving

Test (catalog, moving_keeps_the_entry_and_its_content)
{
    fst_entry_t before, after;
    s_as (&alice);
    CHECK (s_put ("a", 10), FST_OK);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_stat ("a", &before), FST_OK);
    CHECK (s_move ("a", "f/b", false), FST_OK);
    CHECK (s_stat ("a", NULL), FST_NOT_FOUND);
    CHECK (s_stat ("f/b", &after), FST_OK);
    CHECK (after.id, before.id);
    CHECK (after.content.size, 10);
    CHECK (s_move ("f/b", "f/b", false), FST_OK);           //  To itself: nothing happens
    CHECK (s_move ("f", "g", false), FST_OK);
    CHECK (s_stat ("g/b", NULL), FST_OK);
}

Test (catalog, a_folder_is_not_moved_into_itself)
{
    s_as (&alice);
    CHECK (s_mkdir ("a"), FST_OK);
    CHECK (s_mkdir ("a/b"), FST_OK);
    CHECK (s_move ("a", "a/c", false), FST_DENIED);
    CHECK (s_move ("a", "a/b/c", false), FST_DENIED);
    CHECK (s_move ("a", "ab", false), FST_OK);              //  Only looks like it
}

Test (catalog, homes_and_the_root_stay_where_they_are)
{
    s_as (&root);
    CHECK (s_mkdir ("/public"), FST_OK);
    static const char *const fixed [] = { "/", "/users", "/users/root" };
    for (size_t at = 0; at < 3; at++) {
        CHECK (s_move (fixed [at], "/public/x", false), FST_DENIED);
        CHECK (s_delete (fixed [at], true, true), FST_DENIED);
    }
    CHECK (s_move ("/public", "/users/root/x", false), FST_OK);
    CHECK (s_move ("x", "/public", false), FST_OK);
    CHECK (s_delete ("/public", false, false), FST_OK);
}

Test (catalog, a_move_replaces_only_a_file_and_only_if_asked)
{
    s_as (&alice);
    CHECK (s_put ("a", 10), FST_OK);
    CHECK (s_put ("b", 20), FST_OK);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_move ("a", "b", false), FST_EXISTS);
    CHECK (s_move ("a", "f", true), FST_IS_A_FOLDER);
    CHECK (s_move ("f", "b", true), FST_NOT_A_FOLDER);
    CHECK (s_move ("a", "nowhere/b", false), FST_NOT_FOUND);
    CHECK (s_move ("a", "b/c", false), FST_NOT_A_FOLDER);
    CHECK (s_move ("nothing", "c", false), FST_NOT_FOUND);
    CHECK (s_move ("a", "b", true), FST_OK);
    cr_expect_str_eq (s_names ("/users/alice"), "b f ");
}

Test (catalog, what_a_move_replaces_is_in_the_trash)
{
    fst_entry_t entry;
    s_as (&alice);
    CHECK (s_put ("a", 10), FST_OK);
    CHECK (s_put ("b", 20), FST_OK);
    CHECK (s_move ("a", "b", true), FST_OK);
    CHECK (s_stat ("b", &entry), FST_OK);
    CHECK (entry.content.size, 10);
    CHECK (s_counters ()->files, 1);
    CHECK (s_counters ()->garbage, 0);
    CHECK (fst_catalog_entry_get (s_catalog, FST_ENTRY_TRASH, &entry), FST_OK);
    s_purge (s_now_ms + 1, 1);
    CHECK (s_counters ()->garbage, 2);
}

Test (catalog, a_move_makes_no_path_longer_or_deeper_than_the_limits)
{
    char path [FST_PATH_BYTES_MAX + 300] = "";
    int64_t id;
    s_as (&alice);
    for (int level = 0; level < 40; level++)
        strcat (path, level? "/d": "a");
    CHECK (fst_namespace_make_folder (s_space, path, true, &id), FST_OK);
    CHECK (fst_namespace_make_folder (s_space, "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21", true, &id), FST_OK);
    CHECK (s_move ("a", "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/b", false), FST_OK);
    CHECK (s_move ("1", "x", false), FST_OK);
    CHECK (s_mkdir ("y"), FST_OK);
    CHECK (s_mkdir ("y/z"), FST_OK);
    CHECK (s_move ("x", "y/z/x", false), FST_BAD_NAME);
    CHECK (s_stat ("x/2/3", NULL), FST_OK);
}

//  ---- Deleting

Test (catalog, a_folder_with_something_in_it_goes_only_as_a_whole)
{
    int64_t entries, trash;
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_mkdir ("f/g"), FST_OK);
    CHECK (s_put ("f/a", 1), FST_OK);
    CHECK (s_put ("f/g/b", 1), FST_OK);
    CHECK (s_delete ("f", false, false), FST_NOT_EMPTY);
    CHECK (fst_namespace_delete (s_space, "f", true, false, &entries, &trash), FST_OK);
    CHECK (entries, 4);
    CHECK (s_counters ()->files, 0);
    CHECK (s_counters ()->folders, 2);                      //  "/users" and the home
    CHECK (s_stat ("f/a", NULL), FST_NOT_FOUND);
    CHECK (s_put ("f", 1), FST_OK);                         //  The name is free again
}

Test (catalog, the_trash_keeps_content_until_its_time)
{
    s_as (&alice);
    CHECK (s_put ("a", 10), FST_OK);
    CHECK (s_delete ("a", false, false), FST_OK);
    s_purge (s_now_ms, 1);
    CHECK (s_counters ()->garbage, 0);
    s_purge (s_now_ms + 1, 1);
    CHECK (s_counters ()->garbage, 2);
}

Test (catalog, forever_makes_garbage_of_all_that_was_in_a_folder)
{
    fst_piece_t pieces [16];
    size_t count;
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_mkdir ("f/g"), FST_OK);
    CHECK (s_mkdir ("f/g/h"), FST_OK);
    CHECK (s_put ("f/a", 1), FST_OK);
    CHECK (s_put ("f/g/h/b", 1), FST_OK);
    CHECK (s_put ("f/g/h/b", 2), FST_OK);
    CHECK (s_put ("keep", 1), FST_OK);
    CHECK (s_delete ("f", true, true), FST_OK);
    s_purge (1, 1);
    CHECK (s_counters ()->garbage, 3 * 2);
    CHECK (fst_catalog_garbage_get (s_catalog, 1, pieces, 16, &count), FST_OK);
    CHECK (count, 3);
    CHECK (fst_catalog_garbage_done (s_catalog, 1, pieces, count), FST_OK);
    CHECK (fst_catalog_garbage_done (s_catalog, 1, pieces, count), FST_OK);    //  Said twice
    CHECK (s_counters ()->garbage, 3);
    CHECK (fst_catalog_garbage_get (s_catalog, 2, pieces, 16, &count), FST_OK);
    CHECK (count, 3);
}

//  Nodes are told how far the database is, and tell one apart that still has what they deleted.
Test (catalog, a_purge_of_content_raises_the_sequence)
{
    s_as (&alice);
    CHECK (s_put ("a", 1), FST_OK);
    CHECK (s_put ("empty", 0), FST_OK);
    CHECK (s_delete ("a", false, false), FST_OK);
    CHECK (s_delete ("empty", false, true), FST_OK);
    s_commit ();
    int64_t sequence = s_counters ()->sequence;
    s_purge (1, 1);
    s_commit ();
    CHECK (s_counters ()->sequence, sequence);                      //  Nothing that a node has
    s_purge (s_now_ms + 1, 1);
    s_commit ();
    CHECK (s_counters ()->sequence, sequence + 1);
    CHECK (s_counters ()->garbage, 2);
}

//  ---- Listing

Test (catalog, a_folder_is_listed_by_name_in_octet_order)
{
    char names [256] = "";
    s_as (&alice);
    CHECK (s_put ("b", 1), FST_OK);
    CHECK (s_put ("B", 1), FST_OK);
    CHECK (s_put ("ä", 1), FST_OK);
    CHECK (s_mkdir ("a"), FST_OK);
    CHECK (s_put ("a/hidden", 1), FST_OK);
    cr_expect_str_eq (s_names ("/users/alice"), "B a b ä ");
    CHECK (fst_namespace_list (s_space, "/users/alice", "a", s_append_name, names), FST_OK);
    cr_expect_str_eq (names, "b ä ");
    cr_expect_str_eq (s_names ("b"), "b ");                 //  A file gives itself
    CHECK (fst_namespace_list (s_space, "c", NULL, s_append_name, names), FST_NOT_FOUND);
}

Test (catalog, a_folder_knows_how_many_entries_it_holds_and_when_it_changed)
{
    fst_entry_t folder;
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    s_as (&alice);
    CHECK (s_put ("f/a", 1), FST_OK);
    CHECK (s_put ("f/b", 1), FST_OK);
    CHECK (s_stat ("f", &folder), FST_OK);                  //  Before anything is written
    CHECK (folder.content.size, 2);
    CHECK (folder.content.modified_ms, s_now_ms);
    s_commit ();
    s_as (&alice);
    CHECK (s_delete ("f/a", false, false), FST_OK);
    CHECK (s_move ("f/b", "c", false), FST_OK);
    CHECK (s_stat ("f", &folder), FST_OK);
    CHECK (folder.content.size, 0);
}

//  ---- Batches

Test (catalog, what_is_undone_or_rolled_back_leaves_no_trace)
{
    s_as (&alice);
    s_commit ();
    fst_counters_t before = *s_counters ();
    CHECK (s_put ("a", 1), FST_OK);
    fst_counters_t saved = *s_counters ();
    CHECK (fst_catalog_save (s_catalog), FST_OK);
    CHECK (s_put ("b", 1), FST_OK);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_put ("f/c", 1), FST_OK);
    CHECK (s_put ("a", 2), FST_OK);
    fst_catalog_undo (s_catalog);
    cr_expect_arr_eq (&saved, s_counters (), sizeof (saved));
    s_as (&alice);
    cr_expect_str_eq (s_names ("/users/alice"), "a ");
    fst_catalog_rollback (s_catalog);
    CHECK (fst_catalog_begin (s_catalog), FST_OK);
    s_as (&alice);
    cr_expect_str_eq (s_names ("/users/alice"), "");
    cr_expect_arr_eq (&before, s_counters (), sizeof (before));
}

Test (catalog, what_is_committed_after_an_undo_is_right)
{
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_put ("f/a", 1), FST_OK);                       //  Counted in f, but not written yet
    CHECK (fst_catalog_save (s_catalog), FST_OK);
    CHECK (s_put ("f/b", 1), FST_OK);
    CHECK (s_put ("c", 1), FST_OK);                         //  Another folder: f's count is written
    fst_catalog_undo (s_catalog);
    s_as (&alice);
    CHECK (s_put ("f/d", 1), FST_OK);
    cr_expect_str_eq (s_names ("f"), "a d ");               //  The books are looked at when the test ends
}

Test (catalog, all_is_there_again_after_a_restart)
{
    s_as (&alice);
    CHECK (s_put ("a", 10), FST_OK);
    CHECK (fst_catalog_commit (s_catalog), FST_OK);
    fst_counters_t before = *s_counters ();
    s_close_catalog ();
    s_open_catalog ();
    cr_expect_arr_eq (&before, s_counters (), sizeof (before));
    CHECK (fst_catalog_begin (s_catalog), FST_OK);
    s_as (&alice);
    CHECK (s_stat ("a", NULL), FST_OK);
}

Test (catalog, ids_and_sequences_are_never_used_twice)
{
    fst_entry_t first, second;
    s_as (&alice);
    CHECK (s_put ("a", 1), FST_OK);
    CHECK (s_stat ("a", &first), FST_OK);
    CHECK (s_delete ("a", false, true), FST_OK);
    s_purge (1, 1);
    bool more;
    CHECK (fst_catalog_trim (s_catalog, 0, 0, 0, &more), FST_OK);      //  Forget every event
    CHECK (fst_catalog_commit (s_catalog), FST_OK);
    int64_t sequence = s_counters ()->sequence;
    s_close_catalog ();
    s_open_catalog ();
    CHECK (fst_catalog_begin (s_catalog), FST_OK);
    CHECK (s_counters ()->sequence, sequence);
    s_as (&alice);
    CHECK (s_put ("a", 1), FST_OK);
    CHECK (s_stat ("a", &second), FST_OK);
    cr_expect_gt (second.id, first.id);
    CHECK (s_counters ()->sequence, sequence + 1);
}

//  ---- Journal and replies

static bool
s_append_event (void *arg, const fst_journal_t *event)
{
    char *text = arg;
    sprintf (text + strlen (text), "%s %s%s%s\n", event->type, event->path, event->to? " ": "", event->to? event->to: "");
    return true;
}

Test (catalog, every_change_is_in_the_journal_in_order)
{
    char text [1024] = "";
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_put ("a", 1), FST_OK);
    CHECK (s_move ("a", "f/b", false), FST_OK);
    CHECK (s_delete ("f", true, false), FST_OK);
    CHECK (fst_catalog_events (s_catalog, 0, 100, s_append_event, text), FST_OK);
    cr_expect_str_eq (text, "folder /users/alice\nfolder /users/alice/f\ncommitted /users/alice/a\n"
                            "moved /users/alice/a /users/alice/f/b\ndeleted /users/alice/f\n");
    text [0] = 0;
    CHECK (fst_catalog_events (s_catalog, 2, 1, s_append_event, text), FST_OK);
    cr_expect_str_eq (text, "committed /users/alice/a\n");
}

Test (catalog, a_reply_is_kept_for_its_session_and_its_time)
{
    const uint8_t one [16] = { 1 }, two [16] = { 2 };
    char *reply = NULL;
    bool more;
    CHECK (fst_catalog_reply_add (s_catalog, one, "id", 1000, "{\"a\":1}"), FST_OK);
    CHECK (fst_catalog_reply_get (s_catalog, two, "id", &reply), FST_NOT_FOUND);
    CHECK (fst_catalog_reply_get (s_catalog, one, "id", &reply), FST_OK);
    cr_expect_str_eq (reply, "{\"a\":1}");
    free (reply);
    CHECK (fst_catalog_trim (s_catalog, 1000, 0, 10, &more), FST_OK);
    CHECK (fst_catalog_reply_get (s_catalog, one, "id", &reply), FST_OK);
    free (reply);
    CHECK (fst_catalog_trim (s_catalog, 1001, 0, 10, &more), FST_OK);
    CHECK (fst_catalog_reply_get (s_catalog, one, "id", &reply), FST_NOT_FOUND);
}

//  ---- Blobs, uploads, nodes

static void
s_sum_extents (void *arg, const fst_spread_t *spread)
{
    int64_t *sum = arg;
    if (spread->nodes == NODES_12 && spread->wanted == 2) {
        sum [0] += spread->extents;
        sum [1] += spread->bytes;
    }
}

Test (catalog, extents_are_counted_by_the_nodes_that_hold_them)
{
    s_as (&alice);
    CHECK (s_put ("a", 10), FST_OK);
    CHECK (s_put ("b", 20), FST_OK);
    int64_t before [2] = { 0 }, after [2] = { 0 };
    CHECK (fst_catalog_spreads (s_catalog, s_sum_extents, before), FST_OK);
    CHECK (before [0], 2);
    CHECK (before [1], 30);
    CHECK (s_delete ("a", false, true), FST_OK);
    s_purge (1, 1);
    s_commit ();
    CHECK (fst_catalog_spreads (s_catalog, s_sum_extents, after), FST_OK);
    CHECK (after [0], 1);
    CHECK (after [1], 20);
}

Test (catalog, a_blob_is_added_once)
{
    fst_blob_t blob = { .id = s_add_blob (5), .chunk_log2 = 20, .extent_chunks = 64, .size = 5, .replicas = 2 };
    CHECK (fst_catalog_save (s_catalog), FST_OK);
    CHECK (fst_catalog_blob_add (s_catalog, &blob, NULL), FST_EXISTS);
    fst_catalog_undo (s_catalog);
    fst_catalog_rollback (s_catalog);       //  Nobody refers to it
    CHECK (fst_catalog_begin (s_catalog), FST_OK);
}

Test (catalog, extents_come_in_pages)
{
    fst_blob_t blob = { .id = fst_blob_id ((const uint8_t *) "many-extents", 0), .chunk_log2 = 20,
                        .extent_chunks = 64, .size = 100, .replicas = 2, .extents = 100 };
    fst_extent_t extents [100], page [30];
    size_t count;
    for (uint32_t n = 0; n < 100; n++)
        extents [n] = (fst_extent_t) { .n = n, .chunks = 1, .bytes = 1, .digest = UINT64_MAX - n, .nodes = 1ull << 63 };
    CHECK (fst_catalog_blob_add (s_catalog, &blob, extents), FST_OK);
    CHECK (fst_catalog_extents (s_catalog, &blob.id, 80, page, 30, &count), FST_OK);
    CHECK (count, 20);
    CHECK (page [0].n, 80);
    CHECK (page [0].digest, UINT64_MAX - 80);
    CHECK (page [0].nodes, 1ull << 63);
    CHECK (fst_catalog_extents (s_catalog, &blob.id, 0, page, 30, &count), FST_OK);
    CHECK (count, 30);
    fst_catalog_rollback (s_catalog);
    CHECK (fst_catalog_begin (s_catalog), FST_OK);
}

Test (catalog, the_extents_of_a_spread_come_in_pages_and_no_others)
{
    fst_extent_t extents [10];
    for (unsigned copies = 1; copies <= 3; copies++) {
        fst_blob_t blob = { .id = fst_blob_id ((const uint8_t *) "some-spreads", copies), .chunk_log2 = 20,
                            .extent_chunks = 64, .size = 10, .replicas = copies, .extents = 10 };
        for (uint32_t n = 0; n < 10; n++)                   //  Every other one lies elsewhere
            extents [n] = (fst_extent_t) { .n = n, .chunks = 1, .bytes = 1, .nodes = n % 2? NODES_12: 1 };
        CHECK (fst_catalog_blob_add (s_catalog, &blob, extents), FST_OK);
    }
    fst_spread_t spread = { .nodes = NODES_12, .wanted = 2 };
    fst_row_t rows [3];
    size_t count;
    CHECK (fst_catalog_rows_on (s_catalog, &spread, NULL, 0, rows, 3, &count), FST_OK);
    CHECK (count, 3);
    CHECK (rows [2].extent.n, 5);
    CHECK (fst_catalog_rows_on (s_catalog, &spread, &rows [2].blob, 5, rows, 3, &count), FST_OK);
    CHECK (count, 2);
    CHECK (rows [1].extent.n, 9);
    CHECK (rows [1].extent.nodes, NODES_12);
    CHECK (rows [1].blob.bytes [15], 2);                    //  Index of the file in its upload
    fst_catalog_rollback (s_catalog);
    CHECK (fst_catalog_begin (s_catalog), FST_OK);
}

Test (catalog, what_an_upload_leaves_behind_becomes_garbage)
{
    fst_upload_t upload = { .user = "alice", .chunk_log2 = 20, .extent_chunks = 64, .replicas = 2, .files = 3000,
                            .nodes = NODES_12, .expires_ms = 500 }, found;
    memcpy (upload.id, "test-upload!", sizeof (upload.id));
    CHECK (fst_catalog_upload_add (s_catalog, &upload), FST_OK);
    s_as (&alice);
    s_blobs = 0;
    CHECK (s_put ("a", 10), FST_OK);                        //  Its files number 0 and 1
    CHECK (s_put ("b", 10), FST_OK);
    fst_extent_t extent = { .n = 7, .chunks = 64, .bytes = 64 << 20, .nodes = NODES_12 };
    upload.kept = true;
    CHECK (fst_catalog_upload_keep (s_catalog, &upload, 2, &extent), FST_OK);
    CHECK (fst_catalog_upload_put (s_catalog, &upload), FST_OK);
    CHECK (fst_catalog_upload_expired (s_catalog, 499, &found), FST_NOT_FOUND);
    CHECK (s_counters ()->uploads, 1);
    while (fst_catalog_upload_expired (s_catalog, 500, &found) == FST_OK)
        CHECK (fst_catalog_upload_drop (s_catalog, &found), FST_OK);
    CHECK (s_counters ()->uploads, 0);
    CHECK (s_counters ()->garbage, 2998 * 2);
    size_t count;
    CHECK (fst_catalog_upload_kept (s_catalog, &upload, 2, &extent, 1, &count), FST_OK);
    CHECK (count, 0);
}

static void
s_count_node (void *arg, const fst_node_t *node)
{
    cr_expect_eq ((int) node->number, (*(int *) arg)++);
}

Test (catalog, a_node_keeps_its_number_and_the_65th_is_refused)
{
    fst_node_t node = { .endpoint = "tcp://a:1", .zone = "east", .version = "1", .capacity = 10, .free = 5 };
    for (unsigned at = 0; at < FST_NODES_MAX; at++) {
        snprintf (node.name, sizeof (node.name), "node-%u", at);
        CHECK (fst_catalog_node_add (s_catalog, &node), FST_OK);
        CHECK (node.number, at);
    }
    strcpy (node.name, "node-64");
    CHECK (fst_catalog_node_add (s_catalog, &node), FST_TOO_MANY);
    int count = 0;
    CHECK (fst_catalog_nodes (s_catalog, s_count_node, &count), FST_OK);
    CHECK (count, FST_NODES_MAX);
}

Test (catalog, a_check_finds_books_that_are_wrong)
{
    char problem [256];
    s_add_blob (5);                                         //  Nobody refers to it
    CHECK (fst_catalog_commit (s_catalog), FST_OK);
    CHECK (fst_catalog_check (s_catalog, problem, sizeof (problem)), FST_CORRUPT);
    s_close_catalog ();
    unlink (s_filename);
    s_open_catalog ();
    CHECK (fst_catalog_begin (s_catalog), FST_OK);
}

//  What a batch that puts the cursor adds to the log of the database.
static off_t
s_cursor_costs (int64_t aged_ms)
{
    char log [sizeof (s_filename) + 4];
    struct stat before, after;
    snprintf (log, sizeof (log), "%s-wal", s_filename);
    CHECK (fst_catalog_commit (s_catalog), FST_OK);
    CHECK (stat (log, &before), 0);
    CHECK (fst_catalog_begin (s_catalog), FST_OK);
    fst_catalog_set_age (s_catalog, aged_ms);
    CHECK (fst_catalog_cursor_put (s_catalog, "alice", "mine", 7), FST_OK);
    CHECK (fst_catalog_commit (s_catalog), FST_OK);
    CHECK (stat (log, &after), 0);
    CHECK (fst_catalog_begin (s_catalog), FST_OK);
    return after.st_size - before.st_size;
}

Test (catalog, a_cursor_that_stands_still_is_written_once_an_hour)
{
    cr_expect_gt (s_cursor_costs (1000), 0);
    cr_expect_eq (s_cursor_costs (3601000), 0);
    cr_expect_gt (s_cursor_costs (3601001), 0);
}

Test (catalog, a_cursor_that_nobody_moves_ends)
{
    bool more;
    int64_t sequence;
    fst_catalog_set_age (s_catalog, 1000);
    CHECK (fst_catalog_cursor_put (s_catalog, "alice", "old", 1), FST_OK);
    fst_catalog_set_age (s_catalog, 2000);
    CHECK (fst_catalog_cursor_put (s_catalog, "alice", "new", 2), FST_OK);
    CHECK (fst_catalog_trim (s_catalog, 0, 1000, 10, &more), FST_OK);
    CHECK (fst_catalog_cursor_get (s_catalog, "alice", "old", &sequence), FST_OK);
    CHECK (fst_catalog_trim (s_catalog, 0, 1001, 10, &more), FST_OK);
    CHECK (fst_catalog_cursor_get (s_catalog, "alice", "old", &sequence), FST_NOT_FOUND);
    CHECK (fst_catalog_cursor_get (s_catalog, "alice", "new", &sequence), FST_OK);
    CHECK (sequence, 2);
}
