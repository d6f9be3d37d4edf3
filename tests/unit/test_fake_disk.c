//  The disk that fails on purpose: what was synced survives every crash, and code that forgets a sync is
//  found out. If these canaries live, a fault test that passes means nothing.

#include "fake_disk.h"
#include <criterion/criterion.h>
#include <string.h>

#define SEEDS 200

typedef enum { ALL_STEPS, NO_FILE_SYNC, NO_FOLDER_SYNC, SYNC_AGAIN } s_mistake_t;

static uint8_t s_octets [4000];

//  Write a file of bytes octets of value, durably but for the mistake.
static fst_rc_t
s_write (fst_disk_t *disk, const char *name, uint8_t value, size_t bytes, s_mistake_t mistake)
{
    fst_disk_file_t *file = NULL;
    fst_rc_t rc = disk->open (disk->self, name, true, &file);
    memset (s_octets, value, sizeof (s_octets));
    if (rc == FST_OK)
        rc = disk->write (disk->self, file, 0, s_octets, bytes);
    if (rc == FST_OK && mistake != NO_FILE_SYNC)
        rc = disk->sync (disk->self, file);
    if (rc != FST_OK && mistake == SYNC_AGAIN)
        rc = disk->sync (disk->self, file);
    if (file)
        disk->close (disk->self, &file);
    return rc;
}

//  Replace "data" by way of "temp", as one should.
static fst_rc_t
s_replace (fst_disk_t *disk, uint8_t value, s_mistake_t mistake)
{
    fst_rc_t rc = s_write (disk, "temp", value, sizeof (s_octets), mistake);
    if (rc == FST_OK)
        rc = disk->rename (disk->self, "temp", "data");
    if (rc == FST_OK && mistake != NO_FOLDER_SYNC)
        rc = disk->sync_folder (disk->self, ".");
    return rc;
}

//  The value that all of the file's octets have; 0 if it is not there, -1 if it is not whole.
static int
s_value (fst_disk_t *disk, const char *name, size_t bytes)
{
    fst_disk_file_t *file = NULL;
    uint8_t found [sizeof (s_octets) + 1];
    size_t got = 0;
    if (disk->open (disk->self, name, false, &file) != FST_OK)
        return 0;
    cr_assert_eq (disk->read (disk->self, file, 0, found, sizeof (found), &got), FST_OK);
    disk->close (disk->self, &file);
    for (size_t at = 1; at < got; at++)
        if (found [at] != found [0])
            return -1;
    return got == bytes? found [0]: -1;
}

//  Replace 1 by 2 and lose power at each sync, and after the last, with many seeds. Returns how often what was
//  acknowledged was not there, or something in between was.
static int
s_count_losses (s_mistake_t mistake)
{
    int losses = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (int nth = 1; nth <= 3; nth++) {
            fake_disk_t *fake = fake_disk_new (seed);
            fst_disk_t *disk = fake_disk_port (fake);
            cr_assert_eq (s_replace (disk, 1, ALL_STEPS), FST_OK);
            fake_disk_crash (fake, nth);
            fst_rc_t rc = s_replace (disk, 2, mistake);
            fake_disk_crash_now (fake);
            fake_disk_restart (fake);
            int value = s_value (disk, "data", sizeof (s_octets));
            if (value != 2 && (rc == FST_OK || value != 1))
                losses++;
            fake_disk_destroy (&fake);
        }
    return losses;
}

Test (fake_disk, what_was_synced_survives_every_crash)
{
    cr_expect_eq (s_count_losses (ALL_STEPS), 0);
}

Test (fake_disk, canary_who_forgets_to_sync_the_file_loses_it)
{
    cr_expect_gt (s_count_losses (NO_FILE_SYNC), SEEDS / 4);
}

Test (fake_disk, canary_who_forgets_to_sync_the_folder_loses_the_file)
{
    cr_expect_gt (s_count_losses (NO_FOLDER_SYNC), SEEDS / 4);

    //  Also a new file in a folder of its own, whose name was not synced above it
    int losses = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        fake_disk_t *fake = fake_disk_new (seed);
        fst_disk_t *disk = fake_disk_port (fake);
        cr_assert_eq (disk->make_folder (disk->self, "new"), FST_OK);
        cr_assert_eq (s_write (disk, "new/file", 1, 100, ALL_STEPS), FST_OK);
        cr_assert_eq (disk->sync_folder (disk->self, "new"), FST_OK);
        fake_disk_crash_now (fake);
        fake_disk_restart (fake);
        losses += s_value (disk, "new/file", 100) != 1;
        fake_disk_destroy (&fake);
    }
    cr_expect_gt (losses, SEEDS / 4);
    cr_expect_lt (losses, SEEDS);
}

Test (fake_disk, canary_who_syncs_again_after_a_failure_loses_data)
{
    int losses = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        fake_disk_t *fake = fake_disk_new (seed);
        fst_disk_t *disk = fake_disk_port (fake);
        fake_disk_fail (fake, 3, FST_IO);               //  The sync, after open and write
        cr_assert_eq (s_write (disk, "data", 1, 100, SYNC_AGAIN), FST_OK);
        cr_assert (fake_disk_fired (fake));
        cr_assert_eq (disk->sync_folder (disk->self, "."), FST_OK);
        cr_expect_eq (s_value (disk, "data", 100), 1);  //  As if all were well
        fake_disk_crash_now (fake);
        fake_disk_restart (fake);
        losses += s_value (disk, "data", 100) != 1;
        fake_disk_destroy (&fake);
    }
    cr_expect_eq (losses, SEEDS);
}

Test (fake_disk, every_loss_that_was_promised_happens)
{
    static const struct { fake_loss_t loss; int value; } cases [] = {
        { FAKE_LOSS_NOTHING, 1 }, { FAKE_LOSS_ALL, 0 }, { FAKE_LOSS_NOISE, -1 }
    };
    for (size_t index = 0; index < 3; index++) {
        fake_disk_t *fake = fake_disk_new (1);
        fst_disk_t *disk = fake_disk_port (fake);
        fake_disk_set_loss (fake, cases [index].loss);
        cr_assert_eq (s_write (disk, "data", 1, 100, NO_FILE_SYNC), FST_OK);
        fake_disk_crash_now (fake);
        fake_disk_restart (fake);
        cr_expect_eq (s_value (disk, "data", 100), cases [index].value);
        fake_disk_destroy (&fake);
    }
}

Test (fake_disk, a_write_may_be_torn_between_sectors)
{
    int torn = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        fake_disk_t *fake = fake_disk_new (seed);
        fst_disk_t *disk = fake_disk_port (fake);
        cr_assert_eq (s_replace (disk, 1, ALL_STEPS), FST_OK);
        cr_assert_eq (s_write (disk, "data", 2, 2000, NO_FILE_SYNC), FST_OK);
        fake_disk_crash_now (fake);
        fake_disk_restart (fake);
        torn += s_value (disk, "data", sizeof (s_octets)) == -1;
        fake_disk_destroy (&fake);
    }
    cr_expect_gt (torn, SEEDS / 4);
}

Test (fake_disk, unlink_may_be_undone_until_its_folder_is_synced)
{
    int back = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        fake_disk_t *fake = fake_disk_new (seed);
        fst_disk_t *disk = fake_disk_port (fake);
        cr_assert_eq (s_replace (disk, 1, ALL_STEPS), FST_OK);
        cr_assert_eq (disk->unlink (disk->self, "data"), FST_OK);
        cr_assert_eq (s_value (disk, "data", sizeof (s_octets)), 0);
        if (seed % 2)
            cr_assert_eq (disk->sync_folder (disk->self, "."), FST_OK);
        fake_disk_crash_now (fake);
        fake_disk_restart (fake);
        int value = s_value (disk, "data", sizeof (s_octets));
        cr_expect (value == 0 || (value == 1 && seed % 2 == 0));
        back += value;
        fake_disk_destroy (&fake);
    }
    cr_expect_gt (back, 10);
}

Test (fake_disk, rename_to_another_folder_needs_the_sync_of_that_one)
{
    int lost = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        fake_disk_t *fake = fake_disk_new (seed);
        fst_disk_t *disk = fake_disk_port (fake);
        cr_assert_eq (disk->make_folder (disk->self, "a"), FST_OK);
        cr_assert_eq (disk->make_folder (disk->self, "b"), FST_OK);
        cr_assert_eq (disk->sync_folder (disk->self, "."), FST_OK);
        cr_assert_eq (s_write (disk, "a/x", 1, 100, ALL_STEPS), FST_OK);
        cr_assert_eq (disk->rename (disk->self, "a/x", "b/y"), FST_OK);
        cr_assert_eq (disk->sync_folder (disk->self, seed % 2? "b": "a"), FST_OK);
        fake_disk_crash_now (fake);
        fake_disk_restart (fake);
        int from = s_value (disk, "a/x", 100), to = s_value (disk, "b/y", 100);
        cr_expect_eq (from + to, 1, "never both, never neither: seed %d", (int) seed);
        if (seed % 2)
            cr_expect_eq (to, 1);
        else
            lost += from;
        fake_disk_destroy (&fake);
    }
    cr_expect_gt (lost, 10);
}

Test (fake_disk, each_call_fails_once_and_is_reported)
{
    bool fired = true;
    int nth = 0;
    while (fired) {
        nth++;
        fake_disk_t *fake = fake_disk_new ((uint64_t) nth);
        fst_disk_t *disk = fake_disk_port (fake);
        cr_assert_eq (s_replace (disk, 1, ALL_STEPS), FST_OK);
        fake_disk_fail (fake, nth, FST_NO_SPACE);
        fst_rc_t rc = s_replace (disk, 2, ALL_STEPS);
        fired = fake_disk_fired (fake);
        fake_disk_fail (fake, 0, FST_IO);       //  Or looking at the result would be the nth call
        cr_expect_eq (rc, fired? FST_NO_SPACE: FST_OK);
        int value = s_value (disk, "data", sizeof (s_octets));
        cr_expect (value == 2 || (fired && value == 1), "old or new");
        fake_disk_destroy (&fake);
    }
    cr_expect_eq (nth, 6);          //  open, write, sync, rename, sync_folder, and then none
}

Test (fake_disk, after_power_is_gone_nothing_works_until_restart)
{
    fake_disk_t *fake = fake_disk_new (1);
    fst_disk_t *disk = fake_disk_port (fake);
    fst_disk_file_t *file = NULL;
    int64_t size;
    cr_assert_eq (disk->open (disk->self, "data", true, &file), FST_OK);
    fake_disk_crash (fake, 2);
    cr_expect_eq (disk->sync (disk->self, file), FST_OK);
    cr_expect_not (fake_disk_crashed (fake));
    cr_expect_eq (disk->sync_folder (disk->self, "."), FST_IO);
    cr_expect (fake_disk_crashed (fake));
    cr_expect_eq (disk->size (disk->self, file, &size), FST_IO);
    cr_expect_eq (disk->make_folder (disk->self, "x"), FST_IO);
    fake_disk_restart (fake);
    cr_expect_eq (disk->size (disk->self, file, &size), FST_IO, "a file of the former life");
    disk->close (disk->self, &file);
    cr_expect_eq (disk->make_folder (disk->self, "x"), FST_OK);
    fake_disk_destroy (&fake);
}

Test (fake_disk, killed_process_loses_nothing)
{
    fake_disk_t *fake = fake_disk_new (1);
    fst_disk_t *disk = fake_disk_port (fake);
    cr_assert_eq (s_write (disk, "data", 7, 100, NO_FILE_SYNC), FST_OK);
    fake_disk_restart (fake);
    cr_expect_eq (s_value (disk, "data", 100), 7);
    fake_disk_destroy (&fake);
}

Test (fake_disk, full_disk_and_bit_rot)
{
    fake_disk_t *fake = fake_disk_new (1);
    fst_disk_t *disk = fake_disk_port (fake);
    fst_disk_space_t space;
    fake_disk_set_capacity (fake, 1000);
    cr_expect_eq (s_write (disk, "a", 1, 900, ALL_STEPS), FST_OK);
    cr_expect_eq (s_write (disk, "b", 1, 101, ALL_STEPS), FST_NO_SPACE);
    cr_expect_eq (s_write (disk, "a", 2, 900, ALL_STEPS), FST_OK, "no growth, no space needed");
    cr_expect_eq (disk->space (disk->self, true, &space), FST_OK);
    cr_expect_eq (space.capacity, 1000);
    cr_expect_eq (space.free, 100);
    fake_disk_damage (fake, "a", 10, 1);
    cr_expect_eq (s_value (disk, "a", 900), -1);
    fake_disk_destroy (&fake);
}

Test (fake_disk, same_seed_same_fate)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint8_t found [2] [4000] = { { 0 } };
        size_t got [2] = { 0 };
        for (int run = 0; run < 2; run++) {
            fake_disk_t *fake = fake_disk_new (seed);
            fst_disk_t *disk = fake_disk_port (fake);
            fst_disk_file_t *file = NULL;
            cr_assert_eq (s_write (disk, "data", 1, 3000, NO_FILE_SYNC), FST_OK);
            fake_disk_crash_now (fake);
            fake_disk_restart (fake);
            if (disk->open (disk->self, "data", false, &file) == FST_OK) {
                cr_assert_eq (disk->read (disk->self, file, 0, found [run], 4000, &got [run]), FST_OK);
                disk->close (disk->self, &file);
            }
            fake_disk_destroy (&fake);
        }
        cr_expect_eq (got [0], got [1]);
        cr_expect_arr_eq (found [0], found [1], 4000);
    }
}

//  ---- Cutting files, and writing anew what a sync has lost

static fst_disk_file_t *
s_open_file (fst_disk_t *disk)
{
    fst_disk_file_t *file;
    cr_assert_eq (disk->open (disk->self, "data", true, &file), FST_OK);
    cr_assert_eq (disk->sync_folder (disk->self, "."), FST_OK);
    return file;
}

Test (fake_disk, a_file_that_was_cut_has_its_length_after_a_sync)
{
    int longer = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (int synced = 0; synced < 2; synced++) {
            fake_disk_t *fake = fake_disk_new (seed);
            fst_disk_t *disk = fake_disk_port (fake);
            fst_disk_file_t *file = s_open_file (disk);
            memset (s_octets, 7, sizeof (s_octets));
            cr_assert_eq (disk->write (disk->self, file, 0, s_octets, 3000), FST_OK);
            cr_assert_eq (disk->sync (disk->self, file), FST_OK);
            cr_assert_eq (fake_disk_truncate (fake, file, 1000), FST_OK);
            cr_assert_eq (s_value (disk, "data", 1000), 7);
            if (synced)
                cr_assert_eq (disk->sync (disk->self, file), FST_OK);
            fake_disk_crash_now (fake);
            disk->close (disk->self, &file);
            fake_disk_restart (fake);
            int value = s_value (disk, "data", 1000);
            cr_assert (value == 7 || !synced);
            longer += value != 7;
            fake_disk_destroy (&fake);
        }
    cr_assert_gt (longer, 0, "a cut that was not synced may be forgotten");
}

Test (fake_disk, what_grows_again_after_a_cut_is_zero)
{
    fake_disk_t *fake = fake_disk_new (1);
    fst_disk_t *disk = fake_disk_port (fake);
    fst_disk_file_t *file = s_open_file (disk);
    memset (s_octets, 7, sizeof (s_octets));
    cr_assert_eq (disk->write (disk->self, file, 0, s_octets, 3000), FST_OK);
    cr_assert_eq (disk->sync (disk->self, file), FST_OK);
    cr_assert_eq (fake_disk_truncate (fake, file, 0), FST_OK);
    cr_assert_eq (fake_disk_truncate (fake, file, 2000), FST_OK);
    cr_assert_eq (disk->sync (disk->self, file), FST_OK);
    fake_disk_crash_now (fake);
    disk->close (disk->self, &file);
    fake_disk_restart (fake);
    cr_assert_eq (s_value (disk, "data", 2000), 0);
    fake_disk_destroy (&fake);
}

Test (fake_disk, what_is_written_anew_after_a_failed_sync_is_saved)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        fake_disk_t *fake = fake_disk_new (seed);
        fst_disk_t *disk = fake_disk_port (fake);
        fst_disk_file_t *file = s_open_file (disk);
        memset (s_octets, 7, sizeof (s_octets));
        cr_assert_eq (disk->write (disk->self, file, 0, s_octets, 3000), FST_OK);
        fake_disk_fail (fake, 1, FST_IO);
        cr_assert_eq (disk->sync (disk->self, file), FST_IO);
        memset (s_octets, 8, sizeof (s_octets));
        cr_assert_eq (disk->write (disk->self, file, 500, s_octets, 2000), FST_OK);
        cr_assert_eq (disk->write (disk->self, file, 0, s_octets, 500), FST_OK);
        cr_assert_eq (disk->write (disk->self, file, 2500, s_octets, 500), FST_OK);
        cr_assert_eq (disk->sync (disk->self, file), FST_OK);
        fake_disk_crash_now (fake);
        disk->close (disk->self, &file);
        fake_disk_restart (fake);
        cr_assert_eq (s_value (disk, "data", 3000), 8);
        fake_disk_destroy (&fake);
    }
}
