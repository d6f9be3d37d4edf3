//  The catalog on a disk that fails at each of its calls, and loses power at each of its syncs: batches of requests
//  as the metadata actor runs them. A commit said the truth; after a restart everything that was acknowledged is
//  there and nothing half-done is, down to the last column: the tables are those of a run without faults after as many
//  batches, or after the one more that was under way. And it goes on from there.

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include "fault_vfs.h"
#include "fst_catalog_sql.h"
#include "fst_namespace.h"
#include "sweep.h"

#define NAME     "/nowhere/metadata.db"
#define SEEDS    4
#define NODES_12 ((fst_node_set_t) 6)

typedef struct {
    fst_catalog_t *catalog;
    fst_namespace_t *space;
} s_world_t;

static const fst_person_t alice = { .name = "alice" };

//  ---- Requests; n is what the request is about

typedef fst_rc_t (s_request_fn) (s_world_t *self, int n);

static fst_rc_t
s_home (s_world_t *self, int n)
{
    (void) n;
    return fst_namespace_make_home (self->space);
}

static fst_rc_t
s_mkdir (s_world_t *self, int n)
{
    char path [32];
    int64_t id;
    snprintf (path, sizeof (path), "folder-%d", n);
    return fst_namespace_make_folder (self->space, path, false, &id);
}

static fst_blob_id_t
s_blob_id (int n)
{
    return fst_blob_id ((const uint8_t *) "test-upload!", (uint32_t) n);
}

//  Put a file; the content has number n, and its name is that of n % 1000.
static fst_rc_t
s_put (s_world_t *self, int n)
{
    char path [32];
    fst_place_t place;
    int64_t id;
    snprintf (path, sizeof (path), "folder-1/file-%d", n % 1000);
    fst_rc_t rc = fst_namespace_may_put (self->space, path, false, &place);
    if (rc != FST_OK)
        return rc;
    fst_blob_t blob = {
        .id = s_blob_id (n), .chunk_log2 = 20, .extent_chunks = 64, .size = 200 + n, .replicas = 2, .extents = 2
    };
    fst_extent_t extents [2] = {
        { .n = 0, .chunks = 1, .bytes = 100, .digest = (uint64_t) n, .nodes = NODES_12 },
        { .n = 1, .chunks = 1, .bytes = 100 + n, .digest = 5, .nodes = NODES_12 << n % 2 }
    };
    rc = fst_catalog_blob_add (self->catalog, &blob, extents);
    if (rc != FST_OK)
        return rc;
    fst_content_t content = { .size = 200 + n, .modified_ms = 5, .has_blob = true, .blob = blob.id };
    return fst_namespace_put (self->space, &place, &content, &id);
}

static fst_rc_t
s_put_many (s_world_t *self, int n)
{
    fst_rc_t rc = FST_OK;
    for (int at = n; at < n + 12 && rc == FST_OK; at++)
        rc = s_put (self, at);
    return rc;
}

static fst_rc_t
s_move (s_world_t *self, int n)
{
    char from [32], to [32];
    int64_t id;
    snprintf (from, sizeof (from), "folder-1/file-%d", n);
    snprintf (to, sizeof (to), "folder-2/moved-%d", n);
    return fst_namespace_move (self->space, from, to, false, &id);
}

//  n below 1000: a file, into the trash; from 1000 on a folder with all in it, forever.
static fst_rc_t
s_delete (s_world_t *self, int n)
{
    char path [32];
    int64_t entries, trash;
    snprintf (path, sizeof (path), n < 1000? "folder-1/file-%d": "folder-%d", n % 1000);
    return fst_namespace_delete (self->space, path, n >= 1000, n >= 1000, &entries, &trash);
}

static fst_rc_t
s_purge (s_world_t *self, int n)
{
    bool more;
    return fst_catalog_purge (self->catalog, n, n, 500, n, &more);
}

//  Restore file number n, empty the trash of it, copy the folder to number n, go back to the first version.

static fst_rc_t
s_restore (s_world_t *self, int n)
{
    char path [32], now [FST_PATH_BYTES_MAX + 1];
    int64_t id;
    snprintf (path, sizeof (path), "folder-1/file-%d", n);
    return fst_namespace_restore (self->space, 0, path, NULL, now, &id);
}

static fst_rc_t
s_empty (s_world_t *self, int n)
{
    char path [64];
    fst_trash_t item;
    snprintf (path, sizeof (path), "/users/alice/folder-1/file-%d", n);
    fst_rc_t rc = fst_catalog_trash_find (self->catalog, path, "alice", &item);
    return rc == FST_OK? fst_namespace_purge (self->space, item.entry): rc;
}

static fst_rc_t
s_copy (s_world_t *self, int n)
{
    char to [32];
    fst_place_t made;
    int64_t entries;
    snprintf (to, sizeof (to), "folder-%d", n);
    return fst_namespace_copy (self->space, "folder-1", to, false, true, &made, &entries);
}

static fst_rc_t
s_back (s_world_t *self, int n)
{
    char path [32];
    fst_place_t place;
    snprintf (path, sizeof (path), "folder-1/file-%d", n);
    return fst_namespace_restore_version (self->space, path, 1, &place);
}

static fst_rc_t
s_grant (s_world_t *self, int n)
{
    fst_place_t place;
    fst_rc_t rc = fst_namespace_find (self->space, "folder-1", &place);
    return rc == FST_OK? fst_catalog_grant_put (self->catalog, place.entry.id, "bob", (unsigned) n): rc;
}

static fst_upload_t
s_upload (int n)
{
    fst_upload_t upload = { .user = "alice", .chunk_log2 = 20, .extent_chunks = 64, .replicas = 2, .files = 20,
                            .nodes = NODES_12, .expires_ms = 1000 + n };
    snprintf ((char *) upload.id, sizeof (upload.id), "upload-%d", n);
    return upload;
}

static fst_rc_t
s_upload_add (s_world_t *self, int n)
{
    fst_upload_t upload = s_upload (n);
    return fst_catalog_upload_add (self->catalog, &upload);
}

static fst_rc_t
s_upload_keep (s_world_t *self, int n)
{
    fst_upload_t upload = s_upload (n);
    fst_extent_t extent = { .n = 3, .chunks = 64, .bytes = 64 << 20, .digest = 7, .nodes = NODES_12 };
    fst_rc_t rc = fst_catalog_upload_keep (self->catalog, &upload, 1, &extent);
    upload.kept = true;
    return rc == FST_OK? fst_catalog_upload_put (self->catalog, &upload): rc;
}

static fst_rc_t
s_upload_drop (s_world_t *self, int n)
{
    fst_upload_t upload = s_upload (n);
    upload.kept = true;
    return fst_catalog_upload_drop (self->catalog, &upload);
}

static fst_rc_t
s_node (s_world_t *self, int n)
{
    fst_node_t node = { .endpoint = "tcp://a:1", .zone = "east", .version = "1", .capacity = 10, .free = 5 };
    snprintf (node.name, sizeof (node.name), "node-%d", n);
    fst_rc_t rc = fst_catalog_node_add (self->catalog, &node);
    node.pruned = true;
    return rc == FST_OK? fst_catalog_node_put (self->catalog, &node): rc;
}

static fst_rc_t
s_event (s_world_t *self, int n)
{
    fst_journal_t event = { .time_ms = n, .type = "pruned", .node = "node-1" };
    return fst_catalog_event_add (self->catalog, &event);
}

static fst_rc_t
s_reply (s_world_t *self, int n)
{
    const uint8_t session [16] = { (uint8_t) n };
    return fst_catalog_reply_add (self->catalog, session, "request", n, "{\"a\":1}");
}

static fst_rc_t
s_setting (s_world_t *self, int n)
{
    return fst_catalog_setting_put (self->catalog, "recovery", n);
}

static fst_rc_t
s_trim (s_world_t *self, int n)
{
    bool more;
    return fst_catalog_trim (self->catalog, n, 0, 5, &more);
}

//  ---- Batches of them, one commit each

typedef struct { s_request_fn *run; int n; } s_request_t;

static const s_request_t s_batches [] [8] = {
    { { s_home, 0 }, { s_mkdir, 1 }, { s_put, 1 }, { s_put, 2 } },
    { { s_put, 1001 }, { s_upload_add, 1 }, { s_node, 1 }, { s_node, 2 }, { s_mkdir, 2 } },
    { { s_grant, 1 }, { s_move, 2 }, { s_upload_keep, 1 }, { s_event, 50 }, { s_reply, 1 }, { s_setting, 1 } },
    { { s_put_many, 100 }, { s_put, 3 }, { s_upload_add, 2 } },
    { { s_delete, 1 }, { s_delete, 101 }, { s_upload_drop, 1 }, { s_put, 2001 }, { s_reply, 2 } },
    { { s_put, 1003 }, { s_back, 3 }, { s_restore, 1 }, { s_copy, 5 }, { s_empty, 101 }, { s_delete, 3 }, { s_restore, 3 } },
    { { s_delete, 1002 }, { s_purge, 60 }, { s_grant, 0 }, { s_event, 70 } },
    { { s_delete, 1001 }, { s_purge, 5000 }, { s_trim, 2 }, { s_mkdir, 3 }, { s_setting, 0 } },
};

#define BATCHES (sizeof (s_batches) / sizeof (s_batches [0]))

//  One batch, as fst_metadata.c does it: a request that fails is undone, the others are not. *failed_p: the worst
//  that a request got.
static fst_rc_t
s_run (s_world_t *self, size_t batch, fst_rc_t *failed_p)
{
    fst_rc_t rc = fst_catalog_begin (self->catalog);
    if (rc != FST_OK)
        return rc;
    fst_namespace_enter (self->space, &alice, 50 + (int64_t) batch);
    for (const s_request_t *request = s_batches [batch]; request < s_batches [batch] + 8 && request->run; request++) {
        rc = fst_catalog_save (self->catalog);
        if (rc == FST_OK) {
            rc = request->run (self, request->n);
            if (rc == FST_OK)
                rc = fst_catalog_release (self->catalog);
            if (rc != FST_OK)
                fst_catalog_undo (self->catalog);
        }
        if (rc != FST_OK)
            *failed_p = rc;
    }
    return fst_catalog_commit (self->catalog);
}

static fst_rc_t
s_commit (s_world_t *self, size_t batch)
{
    fst_rc_t failed = FST_OK, rc = s_run (self, batch, &failed);
    cr_assert (failed == FST_OK || failed == FST_NO_SPACE || failed == FST_IO, "batch %zu: %s", batch, fst_error_code (failed));
    cr_assert (rc != FST_OK || failed == FST_OK, "a commit of a part");
    return rc;
}

//  ---- Worlds

static fst_rc_t
s_open (s_world_t *self, bool spill)
{
    char *problem = NULL;
    *self = (s_world_t) { .catalog = NULL };
    fst_rc_t rc = fst_catalog_open (NAME, &self->catalog, &problem);
    cr_assert_eq (rc == FST_OK, problem == NULL);
    free (problem);
    if (rc == FST_OK && spill)          //  So few pages in memory that others go to the log before the commit
        rc = fst_db_run (self->catalog->db, fst_db_prepare (self->catalog->db, "PRAGMA cache_size = 3"));
    if (rc == FST_OK)
        self->space = fst_namespace_new (self->catalog, 3);
    return rc;
}

static void
s_close (s_world_t *self)
{
    fst_namespace_destroy (&self->space);
    fst_catalog_destroy (&self->catalog);
}

//  All rows of all tables as one number.
static uint64_t
s_digest (void)
{
    sqlite3 *db;
    sqlite3_stmt *tables, *rows;
    uint64_t digest = 14695981039346656037u;
    cr_assert_eq (sqlite3_open_v2 (NAME, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_db_config (db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_prepare_v2 (db, "SELECT 'SELECT * FROM ' || name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1,
                        &tables, NULL);
    while (sqlite3_step (tables) == SQLITE_ROW) {
        cr_assert_eq (sqlite3_prepare_v2 (db, (const char *) sqlite3_column_text (tables, 0), -1, &rows, NULL), SQLITE_OK);
        int code;
        while ((code = sqlite3_step (rows)) == SQLITE_ROW)
            for (int column = 0; column < sqlite3_column_count (rows); column++) {
                const uint8_t *data = sqlite3_column_blob (rows, column);
                digest = (digest ^ (uint64_t) sqlite3_column_type (rows, column)) * 1099511628211u;
                for (int at = 0; at < sqlite3_column_bytes (rows, column); at++)
                    digest = (digest ^ data [at]) * 1099511628211u;     //  FNV-1a
            }
        cr_assert_eq (code, SQLITE_DONE);
        sqlite3_finalize (rows);
    }
    sqlite3_finalize (tables);
    cr_assert_eq (sqlite3_close (db), SQLITE_OK);
    return digest;
}

//  What is there after so many batches.
static struct { uint64_t digest; fst_counters_t counters; } s_golden [BATCHES + 1];

static void
s_make_golden (void)
{
    s_world_t world;
    fake_disk_t *disk = fake_disk_new (1);
    fault_vfs_use (disk);
    cr_assert_eq (s_open (&world, false), FST_OK);
    for (size_t batch = 0; ; batch++) {
        s_golden [batch].digest = s_digest ();
        s_golden [batch].counters = *fst_catalog_counters (world.catalog);
        if (batch == BATCHES)
            break;
        cr_assert_eq (s_commit (&world, batch), FST_OK, "batch %zu", batch);
        cr_assert_neq (s_digest (), s_golden [batch].digest);
    }
    s_close (&world);
    fault_vfs_use (NULL);
    fake_disk_destroy (&disk);
}

TestSuite (catalog_faults, .init = s_make_golden, .timeout = 1000);

//  ---- One life of a process

//  Open and commit batches from *batch_p on, until all are done or the disk has failed; *batch_p were acknowledged.
static fst_rc_t
s_live (size_t *batch_p, bool spill)
{
    s_world_t world;
    fst_rc_t rc = s_open (&world, spill);
    while (rc != FST_IO && world.catalog && *batch_p < BATCHES) {
        rc = s_commit (&world, *batch_p);
        if (rc == FST_OK)
            ++*batch_p;
        else
            cr_assert (rc == FST_NO_SPACE || fst_db_dead (world.catalog->db), "%s", fst_error_code (rc));
        const fst_counters_t *counters = fst_catalog_counters (world.catalog);
        cr_assert (memcmp (counters, &s_golden [*batch_p].counters, sizeof (*counters)) == 0);
    }
    s_close (&world);
    return rc;
}

//  After a restart: what was acknowledged, or that and the batch that was under way; then all goes on, and stays.
static void
s_check (fake_disk_t *disk, size_t acknowledged, const char *what, uint64_t seed, int nth)
{
    for (int turn = 0; turn < 2; turn++) {
        s_world_t world;
        char problem [256] = "";
        fake_disk_restart (disk);
        cr_assert_eq (s_open (&world, false), FST_OK, "%s, seed %lu, %d", what, (unsigned long) seed, nth);
        uint64_t digest = s_digest ();
        if (acknowledged < BATCHES && digest == s_golden [acknowledged + 1].digest)
            acknowledged++;
        cr_assert_eq (digest, s_golden [acknowledged].digest, "%s, seed %lu, %d: neither %zu batches nor one more", what,
                      (unsigned long) seed, nth, acknowledged);
        cr_assert_eq (fst_catalog_check (world.catalog, problem, sizeof (problem)), FST_OK, "%s", problem);
        cr_assert (memcmp (fst_catalog_counters (world.catalog), &s_golden [acknowledged].counters,
                           sizeof (fst_counters_t)) == 0);
        cr_assert (turn == 0 || acknowledged == BATCHES);
        for (; acknowledged < BATCHES; acknowledged++)
            cr_assert_eq (s_commit (&world, acknowledged), FST_OK);
        fake_disk_crash_now (disk);
        s_close (&world);
    }
}

//  ---- The sweeps

Test (catalog_faults, power_loss_at_each_sync)
{
    int points = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bool crashed = true;
        for (int nth = 1; crashed; nth++, points++) {
            fake_disk_t *disk = fake_disk_new (seed);
            fault_vfs_use (disk);
            fake_disk_crash (disk, nth);
            size_t acknowledged = 0;
            fst_rc_t rc = s_live (&acknowledged, seed % 2);
            crashed = fake_disk_crashed (disk);
            cr_assert (crashed || rc == FST_OK);
            if (!crashed)
                fake_disk_crash_now (disk);
            s_check (disk, acknowledged, "power lost at sync", seed, nth);
            fault_vfs_use (NULL);
            fake_disk_destroy (&disk);
        }
    }
    cr_log_info ("%d power losses", points);
    cr_assert_gt (points, SEEDS * (int) BATCHES, "each commit syncs");
}

//  One round. True if there was such a call.
static bool
s_fail_at (uint64_t seed, int nth, fst_rc_t fault, bool spill, bool power_too)
{
    fake_disk_t *disk = fake_disk_new (seed);
    fault_vfs_use (disk);
    fake_disk_fail (disk, nth, fault);
    size_t acknowledged = 0;
    fst_rc_t rc = s_live (&acknowledged, spill);
    bool fired = fake_disk_fired (disk);
    cr_assert (fired || rc == FST_OK);
    if (power_too)
        fake_disk_crash_now (disk);
    s_check (disk, acknowledged, fault == FST_IO? "I/O error at call": "no space at call", seed, nth);
    fault_vfs_use (NULL);
    fake_disk_destroy (&disk);
    return fired;
}

//  Of one kind of failure: each call in the long tests, otherwise each step-th.
static int
s_sweep (fst_rc_t fault, bool spill, bool power_too, int step)
{
    int nth = 1, points = 0;
    while (s_fail_at ((uint64_t) nth, nth, fault, spill, power_too)) {
        nth += sweep_step (step);
        points++;
    }
    cr_log_info ("%s%s%s: %d of %d calls failed", fst_error_code (fault), spill? ", small cache": "",
                 power_too? ", power too": "", points, nth - 1);
    return nth;
}

Test (catalog_faults, failure_of_each_call)
{
    cr_assert_gt (s_sweep (FST_IO, false, true, 1), 200);
    cr_assert_gt (s_sweep (FST_NO_SPACE, true, false, 11), 200);
}

Test (catalog_faults, failure_of_some_calls_in_other_ways)
{
    cr_assert_gt (s_sweep (FST_IO, false, false, 11), 200);
    cr_assert_gt (s_sweep (FST_IO, true, false, 11), 200);
    cr_assert_gt (s_sweep (FST_IO, true, true, 11), 200);
    cr_assert_gt (s_sweep (FST_NO_SPACE, false, false, 11), 200);
    cr_assert_gt (s_sweep (FST_NO_SPACE, false, true, 11), 200);
    cr_assert_gt (s_sweep (FST_NO_SPACE, true, true, 11), 200);
}

//  As long as the disk is full each commit says so and keeps nothing; when there is room all goes on.
Test (catalog_faults, a_full_disk_takes_nothing_and_gives_all_back)
{
    s_world_t world;
    fake_disk_t *disk = fake_disk_new (1);
    fault_vfs_use (disk);
    cr_assert_eq (s_open (&world, false), FST_OK);
    for (size_t batch = 0; batch < BATCHES; batch++) {
        fake_disk_set_capacity (disk, 1);
        for (int turn = 0; turn < 3; turn++) {
            cr_assert_eq (s_commit (&world, batch), FST_NO_SPACE);
            cr_assert_eq (s_digest (), s_golden [batch].digest);
        }
        fake_disk_set_capacity (disk, (int64_t) 1 << 40);
        cr_assert_eq (s_commit (&world, batch), FST_OK);
        cr_assert_eq (s_digest (), s_golden [batch + 1].digest);
    }
    fake_disk_crash_now (disk);
    s_close (&world);
    s_check (disk, BATCHES, "after a full disk", 1, 0);
    fault_vfs_use (NULL);
    fake_disk_destroy (&disk);
}

//  Octets of the file rot while the process is stopped. It says so, at the start or when it meets them, or nobody looks
//  there; it never falls over an assertion of ours.
Test (catalog_faults, rot_is_damage_and_no_bug_of_ours)
{
    int refused = 0, met = 0, rounds = sweep_count (150, 3000);
    for (int round = 1; round <= rounds; round++) {
        s_world_t world;
        fst_disk_file_t *file;
        int64_t bytes = 0;
        fst_rc_t failed = FST_OK;
        fake_disk_t *disk = fake_disk_new ((uint64_t) round);
        fst_disk_t *port = fake_disk_port (disk);
        fault_vfs_use (disk);
        cr_assert_eq (s_open (&world, false), FST_OK);
        for (size_t batch = 0; batch + 3 < BATCHES; batch++)
            cr_assert_eq (s_commit (&world, batch), FST_OK);
        s_close (&world);
        cr_assert (port->open (port->self, "metadata.db", false, &file) == FST_OK
                   && port->size (port->self, file, &bytes) == FST_OK);
        port->close (port->self, &file);
        int64_t offset = (int64_t) ((uint64_t) round * 0x9e3779b97f4a7c15u % (uint64_t) bytes);
        fake_disk_damage (disk, "metadata.db", offset, round % 3? 1: (size_t) (bytes - offset < 300? bytes - offset: 300));
        fst_rc_t rc = s_open (&world, false);
        refused += rc != FST_OK;
        for (size_t batch = BATCHES - 3; rc == FST_OK && batch < BATCHES; batch++)
            rc = s_run (&world, batch, &failed);
        char problem [256] = "";
        if (rc == FST_OK)
            rc = failed;
        if (rc == FST_OK)
            rc = fst_catalog_check (world.catalog, problem, sizeof (problem));
        met += rc != FST_OK;
        s_close (&world);
        fault_vfs_use (NULL);
        fake_disk_destroy (&disk);
    }
    fprintf (stderr, "metadata.db: %d injuries, %d found at the start, %d more met or found by a check\n", rounds, refused,
             met - refused);
}
