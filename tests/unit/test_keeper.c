//  A storage node keeps the newest snapshot of the namespace, whole, and never gives up a better one: against a metadata
//  actor that the test plays.

#include "storage_world.h"
#include "seen.h"
#include "fst_actor.h"
#include "fst_recovery.h"
#include "fst_snapshot.h"
#include <criterion/criterion.h>

#define PLAIN_BYTES (2 * FST_SNAPSHOT_PAGE_BYTES + 1000)    //  Three pages

static world_t s_world;

//  Metadata as the node sees it. Its thread reads what the test's thread writes.
typedef struct {
    fst_actor_t *actor;
    fst_disk_t *disk;               //  With the snapshot "sealed"
    atomic_llong offered;           //  Sequence that it says it has
    atomic_llong sealed;            //  Sequence that it has
    atomic_int cut_after;           //  Pages; then it fails. -1: never
    atomic_int pages, whole;        //  Given; transfers whose last page was given
    seen_t seen;                    //  What comes again is answered, and not counted
} s_metadata_t;

static s_metadata_t s_metadata;

static void
s_register (void *arg, fst_request_t **request_p)
{
    s_metadata_t *self = arg;
    json_t *reply = json_pack ("{s:s, s:i, s:i}", "run", "0123456789abcdef", "sequence", 1, "heartbeat_ms", 10000);
    long long offered = atomic_load (&self->offered);
    if (offered >= 0)
        json_object_set_new (reply, "snapshot", json_integer (offered));
    fst_request_reply (request_p, reply);
}

static void
s_read_snapshot (void *arg, fst_request_t **request_p)
{
    s_metadata_t *self = arg;
    json_t *payload = fst_request_payload (*request_p);
    int64_t offset = json_integer_value (json_object_get (payload, "offset")), bytes = 0;
    if (json_integer_value (json_object_get (payload, "sequence")) != atomic_load (&self->sealed)) {
        fst_request_fail (request_p, FST_CHANGED, NULL);
        return;
    }
    if (atomic_load (&self->cut_after) == 0) {
        fst_request_fail (request_p, FST_IO, NULL);
        return;
    }
    bool again = seen_before (&self->seen, *request_p);
    atomic_fetch_sub (&self->cut_after, !again);
    fst_disk_file_t *file = NULL;
    uint8_t *data = malloc (FST_SNAPSHOT_PAGE_BYTES);
    size_t got = 0;
    cr_assert_eq (self->disk->open (self->disk->self, "sealed", false, &file), FST_OK);
    cr_assert_eq (self->disk->size (self->disk->self, file, &bytes), FST_OK);
    cr_assert_eq (self->disk->read (self->disk->self, file, offset, data, FST_SNAPSHOT_PAGE_BYTES, &got), FST_OK);
    self->disk->close (self->disk->self, &file);
    zmsg_t *frames = zmsg_new ();
    zmsg_addmem (frames, data, got);
    free (data);
    atomic_fetch_add (&self->pages, !again);
    if (!again && offset + (int64_t) got == bytes)
        atomic_fetch_add (&self->whole, 1);
    fst_request_reply_frames (request_p, json_pack ("{s:I}", "bytes", (json_int_t) bytes), &frames);
}

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    (void) problem_p;
    ((s_metadata_t *) arg)->actor = actor;
    return FST_OK;
}

//  Say again and again what there is, as subscribers find us one by one.
static int64_t
s_tick (void *arg, int64_t now_ms)
{
    s_metadata_t *self = arg;
    long long offered = atomic_load (&self->offered);
    if (offered >= 0)
        fst_actor_publish (self->actor, "metadata.snapshot", json_pack ("{s:s, s:i, s:I}", "run", "0123456789abcdef",
                           "sequence", 1, "snapshot", (json_int_t) offered));
    return now_ms + 30;
}

static void
s_setup (void)
{
    static const fst_command_t commands [] = {
        { "REGISTER", FST_NEED_ACTOR, s_register }, { "READ_SNAPSHOT", FST_NEED_ACTOR, s_read_snapshot }, { NULL }
    };
    static const fst_actor_class_t class = { .commands = commands, .start = s_start, .tick = s_tick };
    char *problem = NULL, folder [512];
    world_open (&s_world);
    snprintf (folder, sizeof (folder), "%s/metadata", s_world.folder);
    s_metadata = (s_metadata_t) { .offered = -1, .sealed = -1, .cut_after = -1 };
    cr_assert_eq (fst_disk_open (folder, &s_metadata.disk), FST_OK);
    fst_actor_options_t options = world_bus (&s_world, s_world.metadata_keys);
    options.service = "metadata";
    options.lanes = 2;
    fst_actor_t *actor;
    cr_assert_eq (fst_actor_new (&class, &options, &s_metadata, &actor, &problem), FST_OK, "%s", problem);
    world_start_storage (&s_world);
}

static void
s_teardown (void)
{
    fst_actor_destroy (&s_metadata.actor);
    fst_disk_destroy (&s_metadata.disk);
    world_close (&s_world);
    zdir_t *folder = zdir_new (s_world.folder, NULL);
    zdir_remove (folder, true);
    zdir_destroy (&folder);
}

TestSuite (keeper, .init = s_setup, .fini = s_teardown, .timeout = 280);

//  Metadata makes a snapshot and says so.
static void
s_offer (int64_t sequence)
{
    uint8_t *plain = malloc (PLAIN_BYTES);
    memset (plain, (int) sequence, PLAIN_BYTES);
    fst_disk_t *disk = s_metadata.disk;
    fst_disk_file_t *file = NULL;
    fst_snapshot_t snapshot = { .sequence = sequence, .time_ms = 1 };
    cr_assert_eq (disk->open (disk->self, "plain", true, &file), FST_OK);
    cr_assert_eq (disk->write (disk->self, file, 0, plain, PLAIN_BYTES), FST_OK);
    disk->close (disk->self, &file);
    atomic_store (&s_metadata.sealed, -1);
    cr_assert_eq (fst_snapshot_seal (disk, "plain", "sealed", &snapshot, s_world.metadata_keys->cluster_key, NULL), FST_OK);
    atomic_store (&s_metadata.sealed, sequence);
    atomic_store (&s_metadata.offered, sequence);
    free (plain);
}

//  Sequence of a snapshot in the node's folder, opened with the cluster's key; -1 if there is none.
static int64_t
s_kept (const char *name)
{
    char folder [512];
    fst_disk_t *disk = NULL;
    fst_snapshot_t snapshot;
    snprintf (folder, sizeof (folder), "%s/storage", s_world.folder);
    cr_assert_eq (fst_disk_open_read_only (folder, &disk), FST_OK);
    fst_rc_t rc = fst_snapshot_look (disk, name, &snapshot);
    if (rc == FST_OK)
        cr_assert_eq (fst_snapshot_open (disk, name, s_metadata.disk, "opened", s_world.metadata_keys->cluster_key), FST_OK);
    fst_disk_destroy (&disk);
    cr_assert (rc == FST_OK || rc == FST_NOT_FOUND, "what has the name is whole");
    return rc == FST_OK? snapshot.sequence: -1;
}

static bool
s_becomes (const char *name, int64_t sequence)
{
    int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS;
    while (s_kept (name) != sequence && fst_clock_mono_ms () < until_ms)
        zclock_sleep (5);
    return s_kept (name) == sequence;
}

static void
s_wait_for (atomic_int *count, int at_least)
{
    int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS;
    while (atomic_load (count) < at_least && fst_clock_mono_ms () < until_ms)
        zclock_sleep (5);
    cr_assert_geq (atomic_load (count), at_least);
}

Test (keeper, a_newer_snapshot_takes_the_place_of_the_one_before)
{
    s_offer (10);
    cr_expect (s_becomes (FST_SNAPSHOT_NAME, 10));
    s_offer (11);
    cr_expect (s_becomes (FST_SNAPSHOT_NAME, 11));
    cr_expect_eq (s_kept (FST_SNAPSHOT_OLDER_NAME), -1);
}

Test (keeper, an_older_snapshot_never_takes_the_place_of_a_newer_one)
{
    s_offer (1000);
    cr_assert (s_becomes (FST_SNAPSHOT_NAME, 1000));
    s_offer (900);
    cr_expect (s_becomes (FST_SNAPSHOT_OLDER_NAME, 900));
    cr_expect_eq (s_kept (FST_SNAPSHOT_NAME), 1000);

    //  Nor after a restart of the node
    world_stop_storage (&s_world);
    world_start_storage (&s_world);
    s_offer (950);
    cr_expect (s_becomes (FST_SNAPSHOT_OLDER_NAME, 950));
    cr_expect_eq (s_kept (FST_SNAPSHOT_NAME), 1000);
    s_offer (1001);
    cr_expect (s_becomes (FST_SNAPSHOT_NAME, 1001));
}

Test (keeper, what_is_kept_is_not_fetched_again)
{
    s_offer (10);
    cr_assert (s_becomes (FST_SNAPSHOT_NAME, 10));
    world_stop_storage (&s_world);
    int pages = atomic_load (&s_metadata.pages);
    cr_expect_eq (pages, 3);
    world_start_storage (&s_world);
    s_offer (11);
    cr_assert (s_becomes (FST_SNAPSHOT_NAME, 11));
    cr_expect_eq (atomic_load (&s_metadata.pages), pages + 3);
}

Test (keeper, a_transfer_that_is_cut_changes_nothing_and_begins_again)
{
    s_offer (10);
    cr_assert (s_becomes (FST_SNAPSHOT_NAME, 10));
    int pages = atomic_load (&s_metadata.pages);
    atomic_store (&s_metadata.cut_after, 2);
    s_offer (11);
    s_wait_for (&s_metadata.pages, pages + 2);
    zclock_sleep (100);                     //  More offers come, and none can be fetched
    cr_expect_eq (s_kept (FST_SNAPSHOT_NAME), 10);
    atomic_store (&s_metadata.cut_after, -1);
    cr_expect (s_becomes (FST_SNAPSHOT_NAME, 11));
}

Test (keeper, a_snapshot_that_is_not_what_was_offered_is_not_kept)
{
    s_offer (10);
    cr_assert (s_becomes (FST_SNAPSHOT_NAME, 10));
    int whole = atomic_load (&s_metadata.whole);
    atomic_store (&s_metadata.sealed, 99);              //  Says 99, and has 10
    atomic_store (&s_metadata.offered, 99);
    s_wait_for (&s_metadata.whole, whole + 2);          //  It was fetched whole, refused, and fetched again
    cr_expect_eq (s_kept (FST_SNAPSHOT_NAME), 10);
}
