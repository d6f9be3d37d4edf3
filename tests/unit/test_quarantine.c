//  Extents that are put aside: never served, given back whole, deleted in time; on a disk that loses power and fails.

#include <criterion/criterion.h>
#include <stdio.h>
#include "fake_disk.h"
#include "fst_extent_name.h"
#include "fst_quarantine.h"
#include "storage_records.h"

#define SEEDS 20
#define SLOTS 3
#define LOG2  16
#define DAY   ((int64_t) 24 * 3600 * 1000)
#define NOW   ((int64_t) 1700000000000)

static fake_disk_t *s_fake;
static fst_disk_t *s_disk;
static fst_extents_t *s_extents;
static fst_quarantine_t *s_quarantine;

static fst_rc_t
s_open (void)
{
    fst_rc_t rc = fst_extents_new (s_disk, &s_extents);
    return rc == FST_OK? fst_quarantine_new (s_disk, s_extents, &s_quarantine): rc;
}

static void
s_close (void)
{
    fst_quarantine_destroy (&s_quarantine);
    fst_extents_destroy (&s_extents);
}

static void
s_begin (uint64_t seed)
{
    s_fake = fake_disk_new (seed);
    s_disk = fake_disk_port (s_fake);
    cr_assert (s_open () == FST_OK);
}

static void
s_end (void)
{
    s_close ();
    fake_disk_destroy (&s_fake);
}

static void
s_setup (void)
{
    s_begin (1);
}

TestSuite (quarantine, .init = s_setup, .fini = s_end, .timeout = 280);

//  One extent of SLOTS chunks, sealed.
static void
s_put (fst_blob_id_t blob, uint32_t extent)
{
    fst_extent_info_t info;
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        test_record_t made = test_record (blob, extent * SLOTS + slot, SLOTS, LOG2, 0, false, (uint8_t) slot);
        cr_assert (fst_extents_store (s_extents, &made.record, made.data) == FST_OK);
        test_record_free (&made);
    }
    cr_assert (fst_extents_seal (s_extents, &blob, extent, SLOTS, &info) == FST_OK);
}

static fst_rc_t
s_look (fst_blob_id_t blob, uint32_t extent)
{
    zmsg_t *records = NULL;
    fst_rc_t rc = fst_extents_read (s_extents, &blob, extent, 0, SLOTS, true, SLOTS << LOG2, &records);
    zmsg_destroy (&records);
    return rc;
}

static uint32_t
s_take (fst_blob_id_t blob, int64_t extent, int64_t now_ms)
{
    fst_extent_id_t id = { .blob = blob, .extent = extent };
    uint32_t moved = 0;
    cr_assert (fst_quarantine_take (s_quarantine, &id, 1, now_ms, &moved) == FST_OK);
    return moved;
}

static bool
s_restore (fst_blob_id_t blob, uint32_t extent)
{
    fst_extent_id_t id = { .blob = blob, .extent = extent };
    bool restored = false;
    cr_assert (fst_quarantine_restore (s_quarantine, &id, 1, NOW + DAY, &restored) == FST_OK);
    return restored;
}

Test (quarantine, names_parse_in_one_way_only)
{
    fst_blob_id_t blob = test_blob (0xab, 7), found;
    char name [FST_EXTENT_NAME_MAX];
    uint32_t extent;
    int64_t ms;
    const int64_t times [] = { 0, 1, NOW, INT64_MAX };
    for (int at = 0; at < 4; at++) {
        fst_quarantine_name (times [at], &blob, UINT32_MAX, name);
        cr_assert (fst_quarantine_parse (strchr (name, '/') + 1, &ms, &found, &extent) == FST_OK, "%s", name);
        cr_assert (ms == times [at] && extent == UINT32_MAX && memcmp (&found, &blob, sizeof (blob)) == 0);
    }
    const char *wrong [] = {
        "", "-", "1700000000000", "1700000000000-", "1700000000000-abababababababababababab00000007",
        "1700000000000-abababababababababababab00000007-1.open", "700000000000-abababababababababababab00000007-1",
        "01700000000000-abababababababababababab00000007-1", "+1700000000000-abababababababababababab00000007-1",
        "-1700000000000-abababababababababababab00000007-1", "99999999999999999999-abababababababababababab00000007-1",
        "1700000000000-abababababababababababab00000007-01", "1700000000000-ABababababababababababab00000007-1",
        "abababababababababababab00000007-1", " 1700000000000-abababababababababababab00000007-1"
    };
    for (size_t at = 0; at < sizeof (wrong) / sizeof (wrong [0]); at++)
        cr_assert (fst_quarantine_parse (wrong [at], &ms, &found, &extent) == FST_MALFORMED, "%s", wrong [at]);
}

Test (quarantine, what_is_put_aside_is_not_served_or_listed_and_comes_back)
{
    fst_blob_id_t blob = test_blob (1, 0), other = test_blob (1, 1);
    s_put (blob, 0);
    s_put (blob, 1);
    s_put (other, 0);
    cr_assert_eq (s_take (blob, 1, NOW), 1);
    cr_assert_eq (s_take (blob, 1, NOW), 0);
    cr_assert (s_look (blob, 0) == FST_OK && s_look (other, 0) == FST_OK);
    cr_assert (s_look (blob, 1) == FST_NOT_FOUND);
    fst_held_t held [8];
    size_t count;
    cr_assert (fst_extents_list (s_extents, NULL, 0, held, 8, &count) == FST_OK);
    cr_assert_eq (count, 2);
    fst_extents_statistics_t statistics;
    fst_extents_statistics (s_extents, &statistics);
    cr_assert_eq (statistics.sealed, 2);
    cr_assert_eq (fst_quarantine_count (s_quarantine), 1);
    s_close ();
    cr_assert (s_open () == FST_OK);
    cr_assert_eq (fst_quarantine_count (s_quarantine), 1, "counted at the start");
    cr_assert (!s_restore (blob, 0), "another extent");
    cr_assert (s_restore (blob, 1));
    cr_assert (s_look (blob, 1) == FST_OK);
    cr_assert_eq (fst_quarantine_count (s_quarantine), 0);
}

Test (quarantine, a_whole_blob_is_put_aside_with_all_its_sealed_extents)
{
    fst_blob_id_t blob = test_blob (1, 0), other = test_blob (1, 1);
    for (uint32_t extent = 0; extent < 3; extent++)
        s_put (blob, extent);
    s_put (other, 0);
    cr_assert_eq (s_take (blob, FST_EXTENT_ALL, NOW), 3);
    cr_assert_eq (fst_quarantine_count (s_quarantine), 3);
    cr_assert (s_look (other, 0) == FST_OK);
    cr_assert_eq (s_take (test_blob (1, 2), FST_EXTENT_ALL, NOW), 0);
}

Test (quarantine, the_same_extent_may_come_twice_in_one_instant)
{
    fst_blob_id_t blob = test_blob (1, 0);
    for (int turn = 0; turn < 3; turn++) {
        s_put (blob, 0);
        cr_assert_eq (s_take (blob, 0, NOW), 1);
    }
    cr_assert_eq (fst_quarantine_count (s_quarantine), 3);
}

Test (quarantine, only_what_is_whole_comes_back_the_newest_first)
{
    fst_blob_id_t blob = test_blob (1, 0);
    char name [FST_EXTENT_NAME_MAX];
    s_put (blob, 0);
    s_take (blob, 0, NOW);
    s_put (blob, 0);
    s_take (blob, 0, NOW + 5);
    fst_quarantine_name (NOW + 5, &blob, 0, name);
    fake_disk_damage (s_fake, name, 2 * fst_record_stride (LOG2) + 5000, 1);
    cr_assert (s_restore (blob, 0), "the older one is whole");
    cr_assert (s_look (blob, 0) == FST_OK);
    cr_assert_eq (fst_quarantine_count (s_quarantine), 1);
    s_take (blob, 0, NOW + 9);
    fst_quarantine_name (NOW + 9, &blob, 0, name);
    fake_disk_damage (s_fake, name, 10, 1);
    cr_assert (!s_restore (blob, 0));
    cr_assert (s_look (blob, 0) == FST_NOT_FOUND);
    cr_assert_eq (fst_quarantine_count (s_quarantine), 2);
}

Test (quarantine, a_damaged_copy_gives_its_place_to_a_whole_one)
{
    fst_blob_id_t blob = test_blob (1, 0);
    char name [FST_EXTENT_NAME_MAX];
    s_put (blob, 0);
    s_take (blob, 0, NOW);
    s_put (blob, 0);
    fst_extent_name (&blob, 0, false, name);
    fake_disk_damage (s_fake, name, 200, 1);
    cr_assert (s_look (blob, 0) == FST_CORRUPT);
    cr_assert (s_restore (blob, 0));
    cr_assert (s_look (blob, 0) == FST_OK);
    cr_assert_eq (fst_quarantine_count (s_quarantine), 1, "the damaged one is there now");
}

Test (quarantine, what_is_due_is_deleted_and_nothing_else)
{
    size_t deleted;
    for (uint32_t index = 0; index < 5; index++) {
        s_put (test_blob (1, index), 0);
        s_take (test_blob (1, index), 0, NOW + index * DAY);
    }
    fst_disk_file_t *file;
    cr_assert (s_disk->open (s_disk->self, FST_QUARANTINE_FOLDER "/notes.txt", true, &file) == FST_OK);
    s_disk->close (s_disk->self, &file);
    cr_assert (fst_quarantine_expire (s_quarantine, NOW + 3 * DAY, 2, &deleted) == FST_OK);
    cr_assert_eq (deleted, 2, "as many as the limit says");
    cr_assert (fst_quarantine_expire (s_quarantine, NOW + 3 * DAY, 100, &deleted) == FST_OK);
    cr_assert_eq (deleted, 1);
    fake_disk_set_loss (s_fake, FAKE_LOSS_ALL);
    fake_disk_crash_now (s_fake);
    fake_disk_restart (s_fake);
    s_close ();
    cr_assert (s_open () == FST_OK);
    cr_assert_eq (fst_quarantine_count (s_quarantine), 2, "deleted durably");
    cr_assert (!s_restore (test_blob (1, 2), 0));
    cr_assert (s_restore (test_blob (1, 3), 0));
}

//  Where is it? Exactly one of: served whole, or in the quarantine.
static void
s_check_is_somewhere (fst_blob_id_t blob, bool aside)
{
    fst_rc_t rc = s_look (blob, 0);
    cr_assert (rc == FST_OK || rc == FST_NOT_FOUND, "%s", fst_error_code (rc));
    cr_assert_eq (fst_quarantine_count (s_quarantine), rc == FST_NOT_FOUND, "it is nowhere, or twice");
    if (aside)
        cr_assert (rc == FST_NOT_FOUND, "it was acknowledged that it is put aside");
}

Test (quarantine, power_loss_at_each_sync_loses_no_extent)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bool crashed = true;
        for (int nth = 1; crashed; nth++) {
            s_end ();
            s_begin (seed);
            fst_blob_id_t blob = test_blob (1, 0);
            fst_extent_id_t id = { .blob = blob, .extent = 0 };
            uint32_t moved = 0;
            bool restored = false;
            s_put (blob, 0);
            fake_disk_crash (s_fake, nth);
            fst_rc_t taken = fst_quarantine_take (s_quarantine, &id, 1, NOW, &moved);
            fst_rc_t rc = taken;
            if (rc == FST_OK)
                rc = fst_quarantine_restore (s_quarantine, &id, 1, NOW, &restored);
            crashed = fake_disk_crashed (s_fake);
            cr_assert_eq (rc == FST_OK, !crashed);
            if (!crashed)
                fake_disk_crash_now (s_fake);
            s_close ();
            fake_disk_restart (s_fake);
            cr_assert (s_open () == FST_OK);
            s_check_is_somewhere (blob, false);
            if (rc == FST_OK)
                cr_assert (s_look (blob, 0) == FST_OK, "it was acknowledged that it is back");
        }
    }
}

Test (quarantine, a_call_that_fails_is_said_and_loses_no_extent)
{
    bool fired = true;
    for (int nth = 1; fired; nth++) {
        s_end ();
        s_begin (3);
        fst_blob_id_t blob = test_blob (1, 0);
        fst_extent_id_t id = { .blob = blob, .extent = 0 };
        uint32_t moved = 0;
        s_put (blob, 0);
        fake_disk_fail (s_fake, nth, FST_IO);
        fst_rc_t rc = fst_quarantine_take (s_quarantine, &id, 1, NOW, &moved);
        fired = fake_disk_fired (s_fake);
        cr_assert_eq (rc, fired? FST_IO: FST_OK, "call %d", nth);
        s_close ();
        fake_disk_crash_now (s_fake);
        fake_disk_restart (s_fake);
        cr_assert (s_open () == FST_OK);
        s_check_is_somewhere (blob, rc == FST_OK);
    }
}
