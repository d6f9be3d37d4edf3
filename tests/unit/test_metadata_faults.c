//  The metadata actor when there is no space for its database: requests are refused and change nothing, it goes on
//  serving, and takes everything when there is space again. (A disk that fails ends the process:
//  tests/cluster/test_disk_faults.py.)

#include <criterion/criterion.h>
#include "fault_vfs.h"
#include "metadata_world.h"

#define CYCLES 60

static world_t w;
static fake_disk_t *s_disk;

static void
s_setup (void)
{
    s_disk = fake_disk_new (1);
    fault_vfs_use (s_disk);
    world_new_running (&w);
}

//  Power goes at the end: what was acknowledged is in the catalog that world_destroy checks.
static void
s_teardown (void)
{
    fake_disk_set_capacity (s_disk, (int64_t) 1 << 40);
    world_destroy (&w);
    fault_vfs_use (NULL);
    fake_disk_destroy (&s_disk);
}

TestSuite (metadata_faults, .init = s_setup, .fini = s_teardown, .timeout = 280);

static json_t *
s_path (const char *folder, const char *name)
{
    char path [64];
    snprintf (path, sizeof (path), "%s%s%s", folder, name [0]? "/": "", name);
    return json_pack ("{s:s}", "path", path);
}

static json_t *
s_move (const char *folder, const char *from, const char *to)
{
    char path [2] [64];
    snprintf (path [0], sizeof (path [0]), "%s/%s", folder, from);
    snprintf (path [1], sizeof (path [1]), "%s/%s", folder, to);
    return json_pack ("{s:s, s:s}", "from", path [0], "to", path [1]);
}

static int s_refused;

//  Ask until there is an answer other than no_space; only that may be said otherwise.
static void
s_do (const char *command, json_t *payload)
{
    fst_rc_t rc;
    int turns = 0;
    do {
        rc = world_call (w.alice, command, json_deep_copy (payload), NULL);
        if (turns && (rc == FST_EXISTS || rc == FST_NOT_FOUND))
            rc = FST_OK;                //  A caller that was connected anew sent it twice, and the second one was done
        cr_assert (rc == FST_OK || rc == FST_NO_SPACE, "%s: %s", command, fst_caller_problem (w.alice));
        cr_assert_lt (++turns, 10);
        s_refused += rc == FST_NO_SPACE;
    } while (rc != FST_OK);
    json_decref (payload);
}

static size_t
s_listed (const char *folder)
{
    json_t *reply = NULL;
    fst_rc_t rc;
    int turns = 0;
    do                                  //  It may be in one batch with a request that came a second time, and finds no space
        rc = world_call (w.alice, "LIST_FILES", s_path (folder, ""), &reply);
    while (rc == FST_NO_SPACE && ++turns < 10);
    world_check (rc, fst_caller_problem (w.alice));
    size_t count = json_array_size (json_object_get (reply, "names"));
    json_decref (reply);
    return count;
}

//  A folder of this number with all that a file can go through; some call on the way finds no space.
static void
s_cycle (int number)
{
    char folder [32];
    snprintf (folder, sizeof (folder), "folder-%d", number);
    fake_disk_fail_write (s_disk, 1 + number % 23, FST_NO_SPACE);
    s_do ("MAKE_FOLDER", s_path (folder, ""));
    s_do ("MAKE_FOLDER", s_path (folder, "a"));
    s_do ("MAKE_FOLDER", s_path (folder, "b"));
    s_do ("MOVE", s_move (folder, "a", "c"));
    s_do ("DELETE_FILE", s_path (folder, "b"));
    fake_disk_fail_write (s_disk, 0, FST_NO_SPACE);
    cr_assert_eq (s_listed (folder), 1);
}

Test (metadata_faults, a_commit_without_space_is_refused_and_can_be_repeated)
{
    for (int number = 0; number < CYCLES; number++)
        s_cycle (number);
    cr_log_info ("%d requests refused", s_refused);
    cr_assert_gt (s_refused, CYCLES / 3);
    fst_metadata_destroy (&w.metadata);
    fake_disk_crash_now (s_disk);
    fake_disk_restart (s_disk);
    world_start (&w);
    for (int number = 0; number < CYCLES; number++) {
        char folder [32];
        snprintf (folder, sizeof (folder), "folder-%d", number);
        cr_assert_eq (s_listed (folder), 1);
    }
}

Test (metadata_faults, a_full_disk_refuses_all_of_a_batch_and_nodes_stay_known)
{
    uint64_t tickets [50], ticket;
    int done = 0, refused = 0;
    fst_rc_t rc;
    json_t *reply;
    s_do ("MAKE_FOLDER", s_path ("before", ""));
    int64_t folders = world_status (&w, "folders");
    fake_disk_set_capacity (s_disk, 1);
    for (int at = 0; at < 50; at++) {
        char name [16];
        snprintf (name, sizeof (name), "f%d", at);
        cr_assert_eq (fst_caller_send (w.alice, "metadata", "MAKE_FOLDER", s_path (name, ""), &tickets [at]), FST_OK);
    }
    while (done < 50) {
        zpoller_t *poller = zpoller_new (fst_caller_socket (w.alice), NULL);
        zpoller_wait (poller, 100);
        zpoller_destroy (&poller);
        for (; fst_caller_receive (w.alice, &ticket, &rc, &reply); done++) {
            refused += rc == FST_NO_SPACE;
            json_decref (reply);
        }
    }
    cr_assert_eq (refused, 50);
    cr_assert_eq (s_listed ("/users/alice"), 1);
    cr_assert_eq (world_status (&w, "folders"), folders, "nor is anything counted");
    w.nodes [2].silent = true;          //  Upkeep finds no space either
    cr_assert (WORLD_AWAIT (world_count (&w, "alive") == WORLD_NODES - 1));
    fake_disk_set_capacity (s_disk, (int64_t) 1 << 40);
    s_do ("MAKE_FOLDER", s_path ("after", ""));
    cr_assert_eq (s_listed ("/users/alice"), 2);
    cr_assert (WORLD_AWAIT (world_count (&w, "pruned") == 1), "which is written when there is space again");
    w.nodes [2].silent = false;
    cr_assert (WORLD_AWAIT (world_count (&w, "alive") == WORLD_NODES));
}
