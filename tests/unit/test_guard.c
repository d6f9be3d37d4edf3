//  Rules of the guard: what a metadata actor does that was restored from an older copy of its database, with a real broker
//  and storage nodes that have no disk.

#include <criterion/criterion.h>
#include "metadata_world.h"

static world_t w;

static void
s_setup (void)
{
    world_new_running (&w);
}

static void
s_short_leases (void)
{
    world_new (&w);
    world_set (&w, "lease", "10 s");            //  Longer than metadata takes to start twice, however slow the machine is
    world_start (&w);
    for (int number = 1; number <= WORLD_NODES; number++)
        world_start_node (&w, number);
    cr_assert (WORLD_AWAIT (world_count (&w, "alive") == WORLD_NODES));
}

static void
s_teardown (void)
{
    world_destroy (&w);
}

TestSuite (guard, .init = s_setup, .fini = s_teardown);
TestSuite (guard_leases, .init = s_short_leases, .fini = s_teardown);

//  With metadata stopped: its database goes to, or comes from, a copy of that name.
static void
s_copy (const char *name, bool back)
{
    char command [1200];
    const char *folder = w.bus.folder;
    snprintf (command, sizeof (command), back? "cp '%s/%s.copy' '%s/metadata.db' && rm -f '%s/metadata.db-wal' '%s/metadata.db-shm'"
                                             : "cp '%s/metadata.db' '%s/%s.copy'",
              folder, back? name: folder, back? folder: name, folder, folder);
    cr_assert_eq (system (command), 0);
}

static void
s_restart_with (const char *save, const char *restore)
{
    fst_metadata_destroy (&w.metadata);
    if (save)
        s_copy (save, false);
    if (restore)
        s_copy (restore, true);
    world_start (&w);
}

static bool
s_recovers (void)
{
    json_t *reply = NULL;
    cr_assert_eq (world_call (w.root, "STATUS", NULL, &reply), FST_OK);
    bool recovery = json_is_true (json_object_get (reply, "recovery"));
    json_decref (reply);
    return recovery;
}

//  Copies: what no node has may be deleted at any time, like that of an upload which a call sent twice opened.
static int
s_deleted (void)
{
    return w.nodes [1].dropped + w.nodes [2].dropped + w.nodes [3].dropped;
}

//  Every node that is not silent was told all that there is.
static bool
s_all_told (void)
{
    int64_t sequence = world_status (&w, "sequence");
    for (int number = 1; number <= WORLD_NODES; number++)
        if (!w.nodes [number].silent && world_node_told (&w.nodes [number]).sequence < sequence)
            return false;
    return true;
}

static void
s_wait (int64_t ms)
{
    int64_t until_ms = fst_clock_mono_ms () + ms;
    cr_assert (WORLD_AWAIT (fst_clock_mono_ms () > until_ms));
}

static void
s_events (int count, const char *prefix)
{
    for (int at = 0; at < count; at++) {
        char path [32];
        snprintf (path, sizeof (path), "%s-%d", prefix, at);
        cr_assert_eq (world_call (w.alice, "MAKE_FOLDER", json_pack ("{s:s}", "path", path), NULL), FST_OK);
    }
}

//  Delete a file forever; its two copies go, or not.
static void
s_delete (const char *path)
{
    cr_assert_eq (world_call (w.alice, "DELETE_FILE", json_pack ("{s:s, s:b}", "path", path, "forever", 1), NULL), FST_OK);
}

Test (guard, nodes_are_told_how_far_the_namespace_has_come)
{
    s_events (5, "f");
    cr_assert (WORLD_AWAIT (s_all_told ()));
    fst_pair_t before = world_node_told (&w.nodes [1]);
    cr_assert_neq (before.run, 0);
    cr_assert_geq (before.sequence, 5);
    world_restart (&w);
    cr_assert (WORLD_AWAIT (world_node_told (&w.nodes [1]).run != before.run));
    s_events (5, "g");
    cr_assert (WORLD_AWAIT (s_all_told ()));
    cr_assert_not (s_recovers ());
}

//  What was left of an upload in the copy is a file that was acknowledged since.
Test (guard_leases, leftovers_of_an_older_database_are_not_deleted)
{
    char *upload = world_open (w.alice, "a", 2, NULL);
    json_t *file = world_file (&w, upload, 0, "a", 100, 2);
    cr_assert_eq (world_call (w.alice, "PUT_FILE_INFO", json_pack ("{s:s, s:b, s:[O]}", "upload", upload, "commit", 0,
                              "files", file), NULL), FST_OK);
    s_restart_with ("old", NULL);
    json_array_clear (json_object_get (file, "extents"));
    cr_assert_str_eq (world_put_file (w.alice, upload, file), "ok");
    cr_assert (WORLD_AWAIT (s_all_told ()));
    s_restart_with (NULL, "old");
    cr_assert (WORLD_AWAIT (world_status (&w, "uploads") == 0));
    cr_assert (s_recovers ());
    s_wait (1500);
    cr_assert_eq (s_deleted (), 0);
    cr_assert_eq (world_node_count (&w.nodes [1], WORLD_WHOLE, NULL), 1);
    //  Not even when an admin ends it: that leads to the quarantine
    cr_assert_eq (world_call (w.root, "END_RECOVERY", NULL, NULL), FST_OK);
    cr_assert (WORLD_AWAIT (s_all_told ()));
    world_put (&w, w.alice, "b", 100);
    s_delete ("b");
    cr_assert (WORLD_AWAIT (s_deleted () == 2));
    cr_assert_not (s_recovers ());
    free (upload);
}

Test (guard_leases, an_upload_that_outlives_the_recovery_leaves_nothing_to_delete)
{
    char *upload = world_open (w.alice, "/users/alice", 2, NULL);
    cr_assert_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 0, "a", 100, 2)), "ok");
    cr_assert_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 1, "nowhere/b", 100, 2)), "not_found");
    s_restart_with ("old", NULL);
    cr_assert_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 1, "b", 100, 2)), "ok");
    cr_assert (WORLD_AWAIT (s_all_told ()));
    s_restart_with (NULL, "old");
    cr_assert (WORLD_AWAIT (s_recovers ()));
    cr_assert_eq (world_call (w.root, "END_RECOVERY", NULL, NULL), FST_OK);
    cr_assert (WORLD_AWAIT (world_status (&w, "uploads") == 0));
    s_wait (1500);
    cr_assert_eq (s_deleted (), 0);
    free (upload);
}

Test (guard, an_older_database_that_was_started_twice_is_known)
{
    s_restart_with ("old", NULL);
    s_events (3, "lost");
    cr_assert (WORLD_AWAIT (s_all_told ()));
    for (int number = 1; number <= WORLD_NODES; number++)
        w.nodes [number].silent = true;                 //  Nobody hears of the first start
    s_restart_with (NULL, "old");
    s_events (20, "first");
    world_restart (&w);
    s_events (20, "second");
    cr_assert_not (s_recovers ());
    w.nodes [2].silent = false;
    cr_assert (WORLD_AWAIT (s_recovers ()));
}

//  The run itself is in the copy, which was made while it went on.
Test (guard, a_run_that_went_on_after_the_copy_is_known)
{
    s_events (1, "f");
    cr_assert (WORLD_AWAIT (s_all_told ()));
    s_copy ("old", false);                              //  As SQLite leaves it: with what is in the file behind the journal
    char command [1200];
    snprintf (command, sizeof (command), "cp '%s/metadata.db-wal' '%s/old.copy-wal'", w.bus.folder, w.bus.folder);
    cr_assert_eq (system (command), 0);
    s_events (3, "lost");
    cr_assert (WORLD_AWAIT (s_all_told ()));
    fst_metadata_destroy (&w.metadata);
    s_copy ("old", true);
    snprintf (command, sizeof (command), "cp '%s/old.copy-wal' '%s/metadata.db-wal'", w.bus.folder, w.bus.folder);
    cr_assert_eq (system (command), 0);
    world_start (&w);
    cr_assert (WORLD_AWAIT (s_recovers ()));
}

Test (guard, a_node_that_was_away_while_the_copy_was_restored_is_heard_when_it_comes)
{
    world_put (&w, w.alice, "a", 100);
    cr_assert (WORLD_AWAIT (s_all_told ()));
    w.nodes [1].silent = w.nodes [2].silent = true;     //  Only the third one hears of what comes now
    s_restart_with ("old", NULL);
    s_events (3, "lost");
    cr_assert (WORLD_AWAIT (s_all_told ()));
    w.nodes [1].silent = w.nodes [2].silent = false;
    w.nodes [3].silent = true;
    s_restart_with (NULL, "old");
    s_events (20, "new");                               //  More than it has seen
    cr_assert (WORLD_AWAIT (world_count (&w, "pruned") == 1));
    cr_assert_not (s_recovers ());
    w.nodes [3].silent = false;
    cr_assert (WORLD_AWAIT (s_recovers ()));
    s_delete ("a");
    s_wait (1500);
    cr_assert_eq (s_deleted (), 0);
}

Test (guard, nothing_is_deleted_before_every_live_node_was_heard)
{
    world_put (&w, w.alice, "a", 100);
    cr_assert (WORLD_AWAIT (s_all_told ()));
    w.nodes [3].silent = true;
    world_restart (&w);
    s_delete ("a");
    cr_assert (WORLD_AWAIT (s_deleted () > 0));
    cr_assert_eq (world_count (&w, "pruned"), 1, "it counts as alive until it is pruned");
    cr_assert (WORLD_AWAIT (s_deleted () == 2));
}

Test (guard, the_newer_database_is_no_stranger_when_it_comes_back)
{
    s_restart_with ("old", NULL);
    s_events (3, "f");
    cr_assert (WORLD_AWAIT (s_all_told ()));
    s_restart_with ("new", "old");
    cr_assert (WORLD_AWAIT (s_recovers ()));
    s_events (20, "g");                                 //  Nobody is told of these
    s_restart_with (NULL, "new");
    cr_assert (WORLD_AWAIT (s_all_told ()));
    cr_assert_not (s_recovers ());
    s_events (3, "h");
    cr_assert (WORLD_AWAIT (s_all_told ()));
    cr_assert_not (s_recovers ());
}

Test (guard, what_an_admin_accepted_is_no_recovery_again)
{
    s_restart_with ("old", NULL);
    s_events (3, "lost");
    cr_assert (WORLD_AWAIT (s_all_told ()));
    w.nodes [3].silent = true;                          //  It says the same as the others, but later
    s_restart_with (NULL, "old");
    cr_assert (WORLD_AWAIT (s_recovers ()));
    world_restart (&w);
    cr_assert (s_recovers (), "it is remembered");
    cr_assert_eq (world_call (w.alice, "END_RECOVERY", NULL, NULL), FST_DENIED);
    cr_assert_eq (world_call (w.root, "END_RECOVERY", NULL, NULL), FST_OK);
    cr_assert (WORLD_AWAIT (s_all_told ()));
    w.nodes [3].silent = false;
    cr_assert (WORLD_AWAIT (world_count (&w, "alive") == WORLD_NODES));
    cr_assert (WORLD_AWAIT (s_all_told ()));
    world_restart (&w);
    cr_assert (WORLD_AWAIT (s_all_told ()));
    cr_assert_not (s_recovers ());
}

//  ---- What does not fit

//  All pages of LIST_RECOVERY, of so many rows each; caller frees.
static json_t *
s_list (int limit, size_t *pages_p)
{
    json_t *all = json_pack ("{s:[], s:[]}", "missing", "surplus"), *reply = NULL;
    char after [129] = "";
    for (*pages_p = 1; *pages_p < 1000; (*pages_p)++) {
        cr_assert_eq (world_call (w.root, "LIST_RECOVERY", json_pack ("{s:i, s:s}", "limit", limit, "after", after), &reply),
                      FST_OK);
        json_array_extend (json_object_get (all, "missing"), json_object_get (reply, "missing"));
        json_array_extend (json_object_get (all, "surplus"), json_object_get (reply, "surplus"));
        json_object_set (all, "missing_total", json_object_get (reply, "missing_total"));
        json_object_set (all, "surplus_total", json_object_get (reply, "surplus_total"));
        const char *next = json_string_value (json_object_get (reply, "next"));
        snprintf (after, sizeof (after), "%s", next? next: "");
        json_decref (reply);
        if (!*after)
            break;
    }
    return all;
}

static int64_t
s_total (const char *name)
{
    size_t pages;
    json_t *all = s_list (1000, &pages);
    int64_t total = json_integer_value (json_object_get (all, name));
    cr_expect_eq (json_array_size (json_object_get (all, strcmp (name, "missing_total") == 0? "missing": "surplus")), total);
    json_decref (all);
    return total;
}

Test (guard, recovery_lists_what_is_missing_and_what_no_file_needs)
{
    char path [32];
    world_put (&w, w.alice, "deleted", 100);                //  In the copy, and gone since
    world_put (&w, w.alice, "kept", 100);
    cr_assert_eq (world_call (w.alice, "MAKE_FOLDER", json_pack ("{s:s}", "path", "folder"), NULL), FST_OK);
    s_restart_with ("old", NULL);
    cr_assert (WORLD_AWAIT (world_count (&w, "alive") == WORLD_NODES));
    s_delete ("deleted");
    for (int at = 0; at < 5; at++) {
        snprintf (path, sizeof (path), "folder/new-%d", at);
        world_put (&w, w.alice, path, 100);
    }
    cr_assert (WORLD_AWAIT (s_deleted () == 2));
    cr_assert (WORLD_AWAIT (s_all_told ()));
    s_restart_with (NULL, "old");
    cr_assert (WORLD_AWAIT (s_recovers ()));
    cr_assert (WORLD_AWAIT (s_total ("surplus_total") == 10));
    cr_assert (WORLD_AWAIT (s_total ("missing_total") == 1));
    size_t pages;
    json_t *all = s_list (2, &pages);
    cr_expect_geq (pages, 6);
    cr_expect_eq (json_array_size (json_object_get (all, "surplus")), 10);
    json_t *missing = json_array_get (json_object_get (all, "missing"), 0);
    cr_expect_str_eq (json_string_value (json_object_get (missing, "path")), "/users/alice/deleted");
    cr_expect_eq (json_integer_value (json_object_get (missing, "bytes")), 100);
    json_decref (all);
    cr_expect_eq (world_call (w.alice, "LIST_RECOVERY", NULL, NULL), FST_DENIED);
    cr_expect_eq (world_call (w.root, "LIST_RECOVERY", json_pack ("{s:s}", "after", "a.zz"), NULL), FST_MALFORMED);
    cr_expect_eq (w.nodes [1].aside + w.nodes [2].aside + w.nodes [3].aside, 0, "nothing is put aside in recovery");
    //  The admin ends it: what no file needs goes to the quarantine, and nothing else
    cr_assert_eq (world_call (w.root, "END_RECOVERY", NULL, NULL), FST_OK);
    cr_expect (WORLD_AWAIT (w.nodes [1].aside == 5 && w.nodes [2].aside == 5));
    cr_expect_eq (world_node_count (&w.nodes [1], WORLD_WHOLE, NULL), 1);
    cr_expect_eq (s_total ("surplus_total"), 0);
    cr_expect_eq (s_deleted (), 2);
}

Test (guard, what_went_to_the_quarantine_comes_back_with_the_newer_database)
{
    s_restart_with ("old", NULL);
    world_put (&w, w.alice, "a", 100);
    cr_assert (WORLD_AWAIT (s_all_told ()));
    s_restart_with ("new", "old");
    cr_assert (WORLD_AWAIT (s_recovers ()));
    cr_assert_eq (world_call (w.root, "END_RECOVERY", NULL, NULL), FST_OK);
    cr_assert (WORLD_AWAIT (w.nodes [1].aside == 1 && w.nodes [2].aside == 1));
    s_restart_with (NULL, "new");
    cr_assert (WORLD_AWAIT (s_recovers ()));
    cr_assert (WORLD_AWAIT (w.nodes [1].restored == 1 && w.nodes [2].restored == 1));
    cr_assert (WORLD_AWAIT (s_total ("missing_total") == 0));
    json_t *reply = NULL;
    cr_assert_eq (world_call (w.alice, "GET_FILE_INFO", json_pack ("{s:[s]}", "paths", "a"), &reply), FST_OK);
    json_t *file = json_array_get (json_object_get (reply, "files"), 0);
    json_t *extent = json_array_get (json_object_get (file, "extents"), 0);
    cr_expect_eq (json_array_size (json_object_get (extent, "nodes")), 2);
    json_decref (reply);
}

//  Two nodes away for good: listed by path, in pages, whatever the set of nodes.
Test (guard, what_lies_on_nodes_that_are_away_is_missing)
{
    char path [32];
    for (int at = 0; at < 7; at++) {
        snprintf (path, sizeof (path), "f%d", at);
        world_put (&w, w.alice, path, 100);
    }
    cr_assert_eq (s_total ("missing_total"), 0);
    w.nodes [1].silent = w.nodes [2].silent = true;
    cr_assert (WORLD_AWAIT (world_count (&w, "pruned") == 2));
    size_t pages;
    json_t *all = s_list (3, &pages), *row;
    cr_expect_geq (pages, 3);
    cr_expect_eq (json_integer_value (json_object_get (all, "missing_total")), 7);
    unsigned seen = 0;
    size_t at;
    json_array_foreach (json_object_get (all, "missing"), at, row) {
        const char *name = json_string_value (json_object_get (row, "path"));
        seen |= 1u << (name [strlen (name) - 1] - '0');
        cr_expect_eq (json_array_size (json_object_get (row, "nodes")), 2);
    }
    cr_expect_eq (seen, 0x7f);
    cr_expect_eq (json_array_size (json_object_get (all, "missing")), 7);
    json_decref (all);
}
