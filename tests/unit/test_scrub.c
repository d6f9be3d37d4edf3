//  Damage of all kinds, by the seed: a round finds every one, and nothing else.

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include "fake_disk.h"
#include "fst_clock.h"
#include "fst_extent_name.h"
#include "fst_round.h"
#include "seeded.h"
#include "storage_records.h"

#define EXTENTS 40
#define SMALLS  60
#define SLOTS   4
#define LOG2    16
#define STRIDE  ((int64_t) (1 << LOG2) + FST_RECORD_OVERHEAD)

static fake_disk_t *s_fake;
static fst_disk_t *s_disk;
static fst_extents_t *s_extents;
static fst_small_t *s_small;
static fst_round_t *s_round;
static char s_filename [512];
static bool s_damaged [EXTENTS + SMALLS];       //  What was done
static int s_found [EXTENTS + SMALLS];          //  How often it was found

static fst_blob_id_t
s_blob (uint32_t number)
{
    return test_blob ((uint8_t) (number % 5 * 50), number);     //  Some share a folder
}

//  Sizes differ, and the last record may be short.
static uint32_t
s_slots (uint32_t number)
{
    return 1 + number % SLOTS;
}

static uint32_t
s_plain (uint32_t number, uint32_t slot)
{
    return slot + 1 < s_slots (number)? 1u << LOG2: 1 + number * 5077 % (1u << LOG2);
}

static void
s_store_extents (void)
{
    for (uint32_t number = 0; number < EXTENTS; number++) {
        for (uint32_t slot = 0; slot < s_slots (number); slot++) {
            bool last = slot + 1 == s_slots (number);
            test_record_t made = test_record (s_blob (number), slot, SLOTS, LOG2, s_plain (number, slot), last, (uint8_t) slot);
            cr_assert (fst_extents_store (s_extents, &made.record, made.data) == FST_OK);
            test_record_free (&made);
        }
        fst_extent_info_t info;
        fst_blob_id_t blob = s_blob (number);
        cr_assert (fst_extents_seal (s_extents, &blob, 0, s_slots (number), &info) == FST_OK);
    }
}

static void
s_open_small (void)
{
    char *problem = NULL;
    cr_assert (fst_small_open (s_filename, &s_small, &problem) == FST_OK, "%s", problem);
}

static void
s_store_smalls (void)
{
    cr_assert (fst_small_begin (s_small) == FST_OK);
    for (uint32_t number = EXTENTS; number < EXTENTS + SMALLS; number++) {
        test_record_t made = test_small (s_blob (number), 1 + number * 997 % 30000, 1);
        const uint8_t *data = made.data;
        cr_assert (fst_small_store (s_small, &made.record, &data, 1) == FST_OK);
        test_record_free (&made);
    }
    cr_assert (fst_small_commit (s_small) == FST_OK);
}

static void
s_setup (void)
{
    const char *base = getenv ("TMPDIR");
    char folder [400];
    seed_from_environment ();
    snprintf (folder, sizeof (folder), "%s/scrub-XXXXXX", base? base: "/tmp");
    cr_assert (mkdtemp (folder));
    snprintf (s_filename, sizeof (s_filename), "%s/small.db", folder);
    s_fake = fake_disk_new (s_seed);
    s_disk = fake_disk_port (s_fake);
    cr_assert (fst_extents_new (s_disk, &s_extents) == FST_OK);
    s_open_small ();
    s_store_extents ();
    s_store_smalls ();
    s_round = fst_round_new (s_disk, s_small);
}

static void
s_teardown (void)
{
    fst_round_destroy (&s_round);
    fst_extents_destroy (&s_extents);
    fst_small_destroy (&s_small);
    fake_disk_destroy (&s_fake);
}

TestSuite (scrub, .init = s_setup, .fini = s_teardown, .timeout = 280);

//  ---- The round

static void
s_count (const fst_round_step_t *step)
{
    for (size_t at = 0; at < step->found_count; at++) {
        uint32_t number = 0;
        fst_blob_id_t blob = s_blob (0);
        while (memcmp (blob.bytes, step->found [at].id.blob.bytes, FST_BLOB_BYTES) != 0) {
            cr_assert_lt (++number, EXTENTS + SMALLS, "what nobody stored");
            blob = s_blob (number);
        }
        cr_assert_eq (step->found [at].id.extent, 0);
        s_found [number]++;
    }
}

//  A whole round in steps of so many octets. Returns what was read.
static int64_t
s_go_round (int64_t step_bytes)
{
    int64_t bytes = 0;
    fst_round_step_t step = { .place = 0 };
    memset (s_found, 0, sizeof (s_found));
    for (int steps = 0; step.place < FST_ROUND_PLACES; steps++) {
        cr_assert (fst_round_step (s_round, step_bytes, &step) == FST_OK);
        cr_assert_lt (steps, 100000);
        bytes += step.bytes;
        s_count (&step);
    }
    return bytes;
}

static void
s_check_found (void)
{
    for (uint32_t number = 0; number < EXTENTS + SMALLS; number++)
        cr_assert_eq (s_found [number], s_damaged [number], "number %u was found %d times", number, s_found [number]);
}

//  ---- Damage

static fst_disk_file_t *
s_file (uint32_t number)
{
    char name [FST_EXTENT_NAME_MAX];
    fst_disk_file_t *file;
    fst_blob_id_t blob = s_blob (number);
    fst_extent_name (&blob, 0, false, name);
    cr_assert (s_disk->open (s_disk->self, name, false, &file) == FST_OK);
    return file;
}

static int64_t
s_read (uint32_t number, uint8_t *data)
{
    fst_disk_file_t *file = s_file (number);
    size_t got;
    cr_assert (s_disk->read (s_disk->self, file, 0, data, SLOTS * STRIDE, &got) == FST_OK);
    s_disk->close (s_disk->self, &file);
    return (int64_t) got;
}

static void
s_rewrite (uint32_t number, const uint8_t *data, int64_t bytes)
{
    char name [FST_EXTENT_NAME_MAX];
    fst_disk_file_t *file;
    fst_blob_id_t blob = s_blob (number);
    fst_extent_name (&blob, 0, false, name);
    cr_assert (s_disk->unlink (s_disk->self, name) == FST_OK);
    cr_assert (s_disk->open (s_disk->self, name, true, &file) == FST_OK);
    cr_assert (s_disk->write (s_disk->self, file, 0, data, (size_t) bytes) == FST_OK);
    s_disk->close (s_disk->self, &file);
    s_damaged [number] = true;
}

static uint8_t s_data [SLOTS * ((1 << LOG2) + FST_RECORD_OVERHEAD) + 1000], s_other [sizeof (s_data)];

static void
s_flip (uint32_t number)
{
    int64_t bytes = s_read (number, s_data);
    s_data [s_random ((uint64_t) bytes)] ^= (uint8_t) (1 << s_random (8));
    s_rewrite (number, s_data, bytes);
}

//  Inside of a record: at its end, only metadata can know.
static void
s_cut (uint32_t number)
{
    int64_t bytes = s_read (number, s_data), left;
    do
        left = (int64_t) s_random ((uint64_t) bytes);
    while (left > 0 && left % STRIDE == 0);
    s_rewrite (number, s_data, left);
}

static void
s_lengthen (uint32_t number)
{
    int64_t bytes = s_read (number, s_data), more = 1 + (int64_t) s_random (999);
    memset (s_data + bytes, s_random (2)? 0: 0x5a, (size_t) more);
    s_rewrite (number, s_data, bytes + more);
}

static void
s_swap (uint32_t number, uint32_t other)
{
    int64_t bytes = s_read (number, s_data), other_bytes = s_read (other, s_other);
    s_rewrite (number, s_other, other_bytes);
    s_rewrite (other, s_data, bytes);
}

//  One good record over another's slot.
static void
s_duplicate (uint32_t number)
{
    int64_t bytes = s_read (number, s_data);
    uint32_t from = (uint32_t) s_random (2);
    memcpy (s_data + (1 - from) * STRIDE, s_data + from * STRIDE, (size_t) STRIDE);
    s_rewrite (number, s_data, bytes);
}

static void
s_zero (uint32_t number)
{
    int64_t bytes = s_read (number, s_data), from = (int64_t) s_random ((uint64_t) bytes);
    int64_t count = bytes - from < 4096? bytes - from: 4096;
    s_data [from] = s_data [from]? s_data [from]: 1;        //  So that it changes anything
    s_data [from]++;
    memset (s_data + from + 1, 0, (size_t) count - 1);
    s_rewrite (number, s_data, bytes);
}

//  One octet of a small blob's record, or of its columns.
static void
s_damage_small (uint32_t number)
{
    sqlite3 *db;
    sqlite3_stmt *update;
    fst_blob_id_t blob = s_blob (number);
    const char *const ways [] = {
        "UPDATE small SET record = CAST (substr (record, 1, ?2) || x'00ff' || substr (record, ?2 + 3) AS BLOB) WHERE blob = ?1",
        "UPDATE small SET record = substr (record, 1, 63 + ?2) WHERE blob = ?1",
        "UPDATE small SET checksum = checksum + ?2 WHERE blob = ?1",
        "UPDATE small SET bytes = bytes + ?2 WHERE blob = ?1",
        "UPDATE small SET record = (SELECT record FROM small WHERE id = (SELECT min (id) FROM small)) WHERE blob = ?1 AND ?2"
    };
    cr_assert (sqlite3_open (s_filename, &db) == SQLITE_OK);
    cr_assert (sqlite3_prepare_v2 (db, ways [s_random (5)], -1, &update, NULL) == SQLITE_OK);
    sqlite3_bind_blob (update, 1, blob.bytes, FST_BLOB_BYTES, SQLITE_STATIC);
    sqlite3_bind_int (update, 2, 1 + (int) s_random (10));
    cr_assert (sqlite3_step (update) == SQLITE_DONE);
    cr_assert (sqlite3_changes (db) == 1);
    sqlite3_finalize (update);
    cr_assert (sqlite3_close (db) == SQLITE_OK);
    s_damaged [number] = true;
}

static void
s_damage (uint32_t number)
{
    static void (*const ways []) (uint32_t number) = { s_flip, s_cut, s_lengthen, s_zero, s_duplicate };
    if (number >= EXTENTS)
        s_damage_small (number);
    else
        ways [s_random (s_slots (number) < 3? 4: 5)] (number);
}

//  One that is whole, with at least so many slots.
static uint32_t
s_any_whole (uint32_t slots)
{
    uint32_t number;
    do
        number = (uint32_t) s_random (EXTENTS);
    while (s_damaged [number] || s_slots (number) < slots);
    return number;
}

//  ---- Tests

Test (scrub, a_round_over_what_is_whole_finds_nothing_and_reads_everything)
{
    int64_t expect = 0;
    for (uint32_t number = 0; number < EXTENTS; number++)
        for (uint32_t slot = 0; slot < s_slots (number); slot++)
            expect += (int64_t) fst_record_bytes (s_plain (number, slot));
    for (uint32_t number = EXTENTS; number < EXTENTS + SMALLS; number++)
        expect += (int64_t) fst_record_bytes (1 + number * 997 % 30000);
    const int64_t steps [] = { 1, 100000, 4 << 20 };
    for (int at = 0; at < 3; at++) {
        cr_assert_eq (s_go_round (steps [at]), expect);
        s_check_found ();
    }
}

Test (scrub, a_round_finds_all_damage_once_and_nothing_else)
{
    fst_small_destroy (&s_small);
    fst_round_destroy (&s_round);
    for (uint32_t number = 0; number < EXTENTS + SMALLS; number++)
        if (s_random (3) == 0 && number != EXTENTS)         //  The first small one is copied over others
            s_damage (number);
    s_duplicate (s_any_whole (3));
    uint32_t one = s_any_whole (1), other;
    while ((other = s_any_whole (1)) == one)
        ;
    s_swap (one, other);
    s_open_small ();
    s_round = fst_round_new (s_disk, s_small);
    s_go_round (100000);
    s_check_found ();
    s_go_round (1 << 20);
    s_check_found ();
}

Test (scrub, each_octet_matters)
{
    for (int turn = 0; turn < 150; turn++) {
        uint32_t number = (uint32_t) s_random (EXTENTS);
        int64_t bytes = s_read (number, s_other);
        s_flip (number);
        s_go_round (1 << 20);
        s_check_found ();
        s_rewrite (number, s_other, bytes);
        s_damaged [number] = false;
    }
}

Test (scrub, open_extents_and_unknown_files_are_left_alone)
{
    fst_disk_file_t *file;
    const char *const names [] = { "extents/00/notes.txt", "extents/32/1", "extents/00/lost+found", "stray" };
    for (int at = 0; at < 4; at++) {
        cr_assert (s_disk->open (s_disk->self, names [at], true, &file) == FST_OK);
        cr_assert (s_disk->write (s_disk->self, file, 0, "hello", 5) == FST_OK);
        s_disk->close (s_disk->self, &file);
    }
    char name [FST_EXTENT_NAME_MAX];
    fst_blob_id_t blob = test_blob (50, 1000);
    test_record_t made = test_record (blob, 2, SLOTS, LOG2, 0, false, 1);
    cr_assert (fst_extents_store (s_extents, &made.record, made.data) == FST_OK);
    test_record_free (&made);
    fst_extent_name (&blob, 0, true, name);
    fake_disk_damage (s_fake, name, 2 * STRIDE + 10, 100);
    s_go_round (1 << 20);
    s_check_found ();
}

Test (scrub, what_is_deleted_meanwhile_is_no_damage)
{
    fst_round_step_t step = { .place = 0 };
    bool found = false;
    cr_assert (fst_round_step (s_round, 1, &step) == FST_OK);       //  In the midst of the first folder
    for (uint32_t number = 0; number < EXTENTS; number += 2) {
        fst_extent_id_t id = { .blob = s_blob (number), .extent = FST_EXTENT_ALL };
        cr_assert (fst_extents_delete (s_extents, &id, 1, &found) == FST_OK);
    }
    s_go_round (100000);
    s_check_found ();
}

Test (scrub, what_cannot_be_read_is_found_and_the_round_goes_on)
{
    fst_round_step_t step;
    cr_assert (fst_round_step (s_round, 1, &step) == FST_OK);
    int at_start = fake_disk_calls (s_fake), found = 0, failed = 0;
    s_go_round (1 << 20);
    int calls = fake_disk_calls (s_fake) - at_start;
    for (int turn = 0; turn < 30; turn++) {
        step.place = 0;
        fake_disk_fail (s_fake, 1 + (int) s_random ((uint64_t) calls), FST_IO);
        while (step.place < FST_ROUND_PLACES) {
            fst_rc_t rc = fst_round_step (s_round, 1 << 20, &step);
            if (rc != FST_OK) {
                cr_assert_eq (rc, FST_IO);
                failed++;
                if (step.place + 1 < FST_ROUND_PLACES)
                    fst_round_go_to (s_round, step.place + 1);
            }
            found += (int) step.found_count;
        }
    }
    fake_disk_fail (s_fake, 0, FST_IO);
    cr_assert_eq (found, 0, "right at the second look");
    cr_assert_gt (failed, 0, "folders that could not be listed");
    s_go_round (1 << 20);
    s_check_found ();
}

//  A row whose id is written wrong in the tree of ids could not be read any more: that is damage of the file.
Test (scrub, a_small_blob_that_its_id_does_not_lead_to_is_damage_of_the_file)
{
    fst_small_destroy (&s_small);
    fst_round_destroy (&s_round);
    FILE *file = fopen (s_filename, "r+");
    cr_assert (file);
    fst_blob_id_t blob = s_blob (EXTENTS + 7);
    uint8_t page [16384];
    int changed = 0;
    for (long at = 0; fread (page, sizeof (page), 1, file) == 1; at += (long) sizeof (page)) {
        uint8_t *id = page [0] == 10? memmem (page, sizeof (page), blob.bytes, FST_BLOB_BYTES): NULL;     //  Leaf of an index
        if (!id)
            continue;
        id [15] ^= 1;
        fseek (file, at, SEEK_SET);
        cr_assert (fwrite (page, sizeof (page), 1, file) == 1);
        fseek (file, at + (long) sizeof (page), SEEK_SET);
        changed++;
    }
    fclose (file);
    cr_assert_eq (changed, 1);
    s_open_small ();
    s_round = fst_round_new (s_disk, s_small);
    fst_round_step_t step;
    fst_round_go_to (s_round, FST_ROUND_PLACES - 1);
    cr_assert (fst_round_step (s_round, 1 << 20, &step) == FST_CORRUPT);
    cr_assert (fst_small_is_dead (s_small) && fst_small_is_damaged (s_small));
}
