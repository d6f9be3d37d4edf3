//  small.db after pages of it were damaged, cut off or lost: the node always starts, serves all that could be saved, and
//  nothing that is wrong.

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>
#include "fake_disk.h"
#include "fault_vfs.h"
#include "fst_clock.h"
#include "fst_memory.h"
#include "fst_salvage.h"
#include "seeded.h"
#include "storage_records.h"

#define BLOBS   120
#define NOW     ((int64_t) 1700000000000)
#define PAGE    FST_SMALL_PAGE_BYTES
#define RUN     0x0123456789abcdef
#define TOLD    4711

static char s_folder [400], s_filename [512];
static fst_disk_t *s_disk;
static fst_small_t *s_small;

//  Sizes of all kinds: on a page with others, on one of its own, over several.
static uint32_t
s_bytes (uint32_t number)
{
    return 1 + number * number * 4099 % FST_SMALL_BYTES_MAX;
}

static void
s_fill (uint32_t from, uint32_t to)
{
    cr_assert (fst_small_begin (s_small) == FST_OK);
    for (uint32_t number = from; number < to; number++) {
        test_record_t made = test_small (test_blob (1, number), s_bytes (number), (uint8_t) number);
        const uint8_t *data = made.data;
        cr_assert (fst_small_store (s_small, &made.record, &data, 1) == FST_OK);
        test_record_free (&made);
    }
    fst_small_set_sequence (s_small, RUN, TOLD);
    cr_assert (fst_small_commit (s_small) == FST_OK);
}

//  Of those from on: how many are served. None may be wrong, whatever became of the file.
static int
s_served (uint32_t from)
{
    int served = 0;
    for (uint32_t number = from; number < BLOBS; number++) {
        fst_blob_id_t blob = test_blob (1, number);
        zframe_t *frame = NULL;
        fst_rc_t rc = fst_small_read (s_small, &blob, &frame);
        if (fst_small_is_dead (s_small))
            return served;                      //  Then the process ends
        cr_assert (rc == FST_OK || rc == FST_NOT_FOUND || rc == FST_CORRUPT, "%s", fst_error_code (rc));
        served += rc == FST_OK;
        if (rc != FST_OK)
            continue;
        fst_record_t record;
        uint32_t bytes;
        static const uint8_t s_key [FST_KEY_BYTES] = { 1, 2, 3 };
        cr_assert (fst_record_decode (zframe_data (frame), zframe_size (frame), &record) == FST_OK);
        cr_assert_eq (record.plain_bytes, s_bytes (number));
        cr_assert (fst_record_open (&record, s_key, zframe_data (frame), zframe_size (frame), &bytes) == FST_OK);
        for (uint32_t at = 0; at < bytes; at++)
            cr_assert_eq (zframe_data (frame) [FST_RECORD_HEADER_BYTES + at], (uint8_t) number);
        zframe_destroy (&frame);
    }
    return served;
}

static void
s_open (int64_t now_ms)
{
    char *problem = NULL;
    fst_rc_t rc = fst_salvage_open (s_disk, s_folder, now_ms, &s_small, &problem);
    cr_assert (rc == FST_OK, "%s: %s", fst_error_code (rc), problem);
}

static void
s_close (void)
{
    fst_small_destroy (&s_small);
}

//  True if small.db was set aside at that time.
static bool
s_was_salvaged (int64_t now_ms)
{
    char name [600];
    snprintf (name, sizeof (name), "%s.damaged-%" PRId64, s_filename, now_ms);
    return access (name, F_OK) == 0;
}

static void
s_setup (void)
{
    const char *base = getenv ("TMPDIR");
    seed_from_environment ();
    snprintf (s_folder, sizeof (s_folder), "%s/salvage-XXXXXX", base? base: "/tmp");
    cr_assert (mkdtemp (s_folder));
    snprintf (s_filename, sizeof (s_filename), "%s/small.db", s_folder);
    cr_assert (fst_disk_open (s_folder, &s_disk) == FST_OK);
    s_open (NOW);
    s_fill (0, BLOBS);
}

static void
s_teardown (void)
{
    s_close ();
    fst_disk_destroy (&s_disk);
}

TestSuite (salvage, .init = s_setup, .fini = s_teardown, .timeout = 280);

//  ---- The file as it lies there

static uint8_t *s_file;
static long s_size;

static void
s_load (void)
{
    FILE *file = fopen (s_filename, "r");
    cr_assert (file);
    fseek (file, 0, SEEK_END);
    s_size = ftell (file);
    rewind (file);
    s_file = malloc ((size_t) s_size);
    cr_assert (fread (s_file, (size_t) s_size, 1, file) == 1);
    fclose (file);
}

static void
s_save (const uint8_t *data, long size)
{
    FILE *file = fopen (s_filename, "w");
    cr_assert (file);
    cr_assert (size == 0 || fwrite (data, (size_t) size, 1, file) == 1);
    fclose (file);
}

static void
s_noise (uint8_t *data, long bytes)
{
    for (long at = 0; at < bytes; at++)
        data [at] = (uint8_t) s_random (256);
}

//  ---- Tests

Test (salvage, a_whole_file_is_opened_as_it_is)
{
    s_close ();
    s_open (NOW + 1);
    cr_assert (!s_was_salvaged (NOW + 1));
    cr_assert_eq (s_served (0), BLOBS);
}

Test (salvage, all_is_saved_when_only_what_leads_to_it_is_lost)
{
    s_close ();
    s_load ();
    memset (s_file, 0, 100);                    //  The header
    s_save (s_file, s_size);
    s_open (NOW + 1);
    cr_assert (s_was_salvaged (NOW + 1));
    cr_assert_eq (s_served (0), BLOBS);
    cr_assert_eq (fst_small_count (s_small), BLOBS);
    cr_assert_eq (fst_small_sequence (s_small), TOLD);
    cr_assert_eq (fst_small_run (s_small), RUN);
    s_close ();
    s_open (NOW + 2);
    cr_assert (!s_was_salvaged (NOW + 2), "once is enough");
    free (s_file);
}

//  Every page in turn is lost: only the blobs that had octets on it are.
Test (salvage, a_lost_page_costs_what_was_on_it)
{
    s_close ();
    s_load ();
    int worst = BLOBS, salvaged = 0;
    for (long page = 0; page < s_size / PAGE; page += 1 + (long) s_random (6)) {
        uint8_t kept [PAGE];
        memcpy (kept, s_file + page * PAGE, PAGE);
        s_noise (s_file + page * PAGE, PAGE);
        s_save (s_file, s_size);
        s_open (NOW + 1 + page);
        salvaged += s_was_salvaged (NOW + 1 + page);
        int served = s_served (0);
        if (fst_small_is_dead (s_small)) {          //  A tree that SQLite met only now
            fst_salvage_ask (s_disk);
            s_close ();
            s_open (NOW + 1000 + page);
            served = s_served (0);
        }
        worst = served < worst? served: worst;
        cr_assert_geq (served, BLOBS - 20, "page %ld: only %d", page, served);
        cr_assert (fst_small_sequence (s_small) == TOLD || fst_small_sequence (s_small) == 0, "never a wrong one");
        s_close ();
        memcpy (s_file + page * PAGE, kept, PAGE);
    }
    fprintf (stderr, "pages=%ld salvaged=%d worst=%d of %d\n", s_size / PAGE, salvaged, worst, BLOBS);
    cr_assert_gt (salvaged, 3);
    free (s_file);
}

//  Octets, runs of octets, whole pages, anywhere: it starts, and again, and serves nothing wrong.
Test (salvage, damage_at_random_places_never_stops_a_node)
{
    s_close ();
    s_load ();
    uint8_t *work = malloc ((size_t) s_size);
    long saved = 0, turns = 30;
    for (long turn = 0; turn < turns; turn++) {
        memcpy (work, s_file, (size_t) s_size);
        for (int injury = 1 + (int) s_random (10); injury > 0; injury--) {
            const long lengths [] = { 1, 1, 16, 512, 4096 };
            long length = lengths [s_random (5)];
            long at = s_random (3)? (long) s_random ((uint64_t) (s_size - length)): (long) s_random (3 * PAGE);
            s_noise (work + at, length);
        }
        s_save (work, s_size);
        s_open (NOW + 2 * turn);
        s_served (0);
        if (fst_small_is_dead (s_small)) {          //  A tree that SQLite met only now
            cr_assert (fst_small_is_damaged (s_small));
            fst_salvage_ask (s_disk);
        }
        s_close ();
        s_open (NOW + 2 * turn + 1);
        saved += s_served (0);
        cr_assert (!fst_small_is_dead (s_small), "salvaged, and damaged again");
        s_close ();
    }
    fprintf (stderr, "turns=%ld served=%ld of %ld\n", turns, saved, turns * BLOBS);
    cr_assert_gt (saved, turns * BLOBS * 3 / 4);
    free (work);
    free (s_file);
}

Test (salvage, a_file_that_was_cut_off_gives_what_is_left)
{
    s_close ();
    s_load ();
    for (int turn = 0; turn < 12; turn++) {
        long left = turn == 0? 0: turn == 1? 50: (long) s_random ((uint64_t) s_size);
        s_save (s_file, left);
        s_open (NOW + 1 + turn);
        int served = s_served (0);
        cr_assert_geq (served, (int) (left / PAGE / 5) - 2, "%ld octets: %d", left, served);
        s_close ();
    }
    free (s_file);
}

Test (salvage, a_file_that_is_gone_is_made_anew)
{
    s_close ();
    cr_assert (unlink (s_filename) == 0);
    s_open (NOW + 1);
    cr_assert_eq (s_served (0), 0);
}

//  What was committed last lies in the log.
Test (salvage, the_log_is_read_too)
{
    s_close ();
    s_open (NOW);
    char copy [2200], log [600], from [600];
    snprintf (from, sizeof (from), "%s-wal", s_filename);
    fst_extent_id_t gone = { .blob = test_blob (1, 5), .extent = 0 };
    bool found = false;
    cr_assert (fst_small_begin (s_small) == FST_OK);
    cr_assert (fst_small_delete (s_small, &gone, 1, &found) == FST_OK);
    cr_assert (fst_small_commit (s_small) == FST_OK);
    test_record_t made = test_small (test_blob (2, 1), 40000, 9);
    const uint8_t *data = made.data;
    cr_assert (fst_small_begin (s_small) == FST_OK);
    cr_assert (fst_small_store (s_small, &made.record, &data, 1) == FST_OK);
    fst_small_set_sequence (s_small, RUN + 1, TOLD + 1);
    cr_assert (fst_small_commit (s_small) == FST_OK);
    //  As a killed process leaves them
    snprintf (copy, sizeof (copy), "cp %s %s.copy && cp %s %s.copy-wal", s_filename, s_filename, from, s_filename);
    cr_assert (system (copy) == 0);
    s_close ();
    snprintf (log, sizeof (log), "%s-wal", s_filename);
    snprintf (copy, sizeof (copy), "mv %s.copy %s && mv %s.copy-wal %s", s_filename, s_filename, s_filename, log);
    cr_assert (system (copy) == 0);
    s_load ();
    s_noise (s_file, 3 * PAGE);
    s_save (s_file, s_size);
    FILE *file = fopen (log, "r+");             //  SQLite will not take it: its first frames are damaged
    cr_assert (file);
    fseek (file, 8, SEEK_SET);
    cr_assert (fwrite ("noise", 5, 1, file) == 1);
    fclose (file);
    s_open (NOW + 1);
    cr_assert (s_was_salvaged (NOW + 1));
    zframe_t *frame = NULL;
    cr_assert (fst_small_read (s_small, &made.record.blob, &frame) == FST_OK);
    cr_assert (zframe_size (frame) == made.bytes && memcmp (zframe_data (frame), made.data, made.bytes) == 0);
    zframe_destroy (&frame);
    test_record_free (&made);
    cr_assert_eq (fst_small_sequence (s_small), TOLD + 1);
    cr_assert_eq (fst_small_run (s_small), RUN + 1);
    free (s_file);
}

static fst_rc_t
s_refused (int64_t now_ms)
{
    char *problem = NULL;
    fst_rc_t rc = fst_salvage_open (s_disk, s_folder, now_ms, &s_small, &problem);
    cr_assert (rc != FST_OK && problem && strlen (problem) > 20);
    cr_assert (!s_was_salvaged (now_ms));
    free (problem);
    return rc;
}

Test (salvage, other_files_and_newer_versions_are_refused_and_left_alone)
{
    s_close ();
    sqlite3 *db;
    cr_assert (sqlite3_open (s_filename, &db) == SQLITE_OK);
    cr_assert (sqlite3_exec (db, "PRAGMA user_version = 4", NULL, NULL, NULL) == SQLITE_OK);
    cr_assert (sqlite3_close (db) == SQLITE_OK);
    cr_assert (s_refused (NOW + 1) == FST_CORRUPT);
    cr_assert (unlink (s_filename) == 0);
    cr_assert (sqlite3_open (s_filename, &db) == SQLITE_OK);
    cr_assert (sqlite3_exec (db, "CREATE TABLE a (b); PRAGMA application_id = 77", NULL, NULL, NULL) == SQLITE_OK);
    cr_assert (sqlite3_close (db) == SQLITE_OK);
    cr_assert (s_refused (NOW + 2) == FST_CORRUPT);
}

Test (salvage, damage_that_was_met_while_running_is_salvaged_at_the_next_start)
{
    s_close ();
    fst_salvage_ask (s_disk);
    s_open (NOW + 1);
    cr_assert (s_was_salvaged (NOW + 1));
    cr_assert_eq (s_served (0), BLOBS);
    s_close ();
    s_open (NOW + 2);
    cr_assert (!s_was_salvaged (NOW + 2));
}

//  ---- Cut off anywhere

static void
s_damage_fake (fake_disk_t *fake)
{
    fake_disk_damage (fake, "small.db", 0, 60);
}

//  One round on a disk that loses power at the nth sync of the salvage. True if there was such a sync.
static bool
s_salvage_with_power_loss (uint64_t seed, int nth)
{
    fake_disk_t *fake = fake_disk_new (seed);
    fst_disk_t *disk = fake_disk_port (fake);
    char *problem = NULL;
    fault_vfs_use (fake);
    cr_assert (fst_salvage_open (disk, "/nowhere", NOW, &s_small, &problem) == FST_OK, "%s", problem);
    s_fill (0, 40);
    s_close ();
    s_damage_fake (fake);
    fake_disk_crash (fake, nth);
    fst_rc_t rc = fst_salvage_open (disk, "/nowhere", NOW + 1, &s_small, &problem);
    bool crashed = fake_disk_crashed (fake);
    cr_assert_eq (rc == FST_OK, !crashed, "%s", problem);
    free (problem);
    problem = NULL;
    s_close ();
    fake_disk_restart (fake);
    cr_assert (fst_salvage_open (disk, "/nowhere", NOW + 2, &s_small, &problem) == FST_OK, "%s", problem);
    cr_assert_eq (s_served (0), 40, "seed %lu sync %d: %d", (unsigned long) seed, nth, s_served (0));
    cr_assert_eq (fst_small_sequence (s_small), TOLD);
    s_close ();
    fault_vfs_use (NULL);
    fake_disk_destroy (&fake);
    return crashed;
}

Test (salvage, power_loss_at_each_sync_loses_nothing)
{
    s_close ();
    for (uint64_t seed = 1; seed <= 6; seed++) {
        int nth = 1;
        while (s_salvage_with_power_loss (seed, nth))
            nth++;
        cr_assert_gt (nth, 6, "only %d syncs", nth);
    }
    s_open (NOW + 9);
}

Test (salvage, a_memory_is_what_was_remembered_or_nothing)
{
    fst_memory_t memory = { .told = { .run = RUN, .sequence = TOLD }, .blobs = 99 }, found;
    uint8_t data [FST_MEMORY_BYTES];
    fst_memory_encode (&memory, data);
    cr_assert (fst_memory_decode (data, sizeof (data), &found) == FST_OK);
    cr_assert (memcmp (&memory, &found, sizeof (memory)) == 0);
    for (int bit = 0; bit < 8 * FST_MEMORY_BYTES; bit++) {
        data [bit / 8] ^= (uint8_t) (1 << bit % 8);
        cr_assert (fst_memory_decode (data, sizeof (data), &found) == FST_MALFORMED, "bit %d", bit);
        data [bit / 8] ^= (uint8_t) (1 << bit % 8);
    }
    cr_assert (fst_memory_decode (data, sizeof (data) - 1, &found) == FST_MALFORMED);
}
