//  Extents on a disk that fails at each of its calls, and loses power at each of its syncs: what was acknowledged
//  as sealed is whole afterwards, nothing is ever half visible, and an upload can always go on.

#include <criterion/criterion.h>
#include <stdio.h>
#include "fake_disk.h"
#include "fst_extent_name.h"
#include "fst_extents.h"
#include "storage_records.h"

#define SEEDS 25
#define SLOTS 3
#define LOG2  16

static test_record_t s_records [2 * SLOTS];         //  Two extents of one blob
static fst_blob_id_t s_blob;

static void
s_setup (void)
{
    s_blob = test_blob (0x5a, 1);
    for (uint32_t chunk = 0; chunk < 2 * SLOTS; chunk++)
        s_records [chunk] = test_record (s_blob, chunk, SLOTS, LOG2, 0, false, (uint8_t) chunk);
}

static void
s_teardown (void)
{
    for (int chunk = 0; chunk < 2 * SLOTS; chunk++)
        test_record_free (&s_records [chunk]);
}

TestSuite (extents_faults, .init = s_setup, .fini = s_teardown);

//  Store and seal both extents, as far as it goes; sealed [n] says what was acknowledged. A client whose record is
//  refused sends it once more.
static fst_rc_t
s_upload (fst_extents_t *extents, bool sealed [2])
{
    fst_rc_t rc = FST_OK;
    for (uint32_t chunk = 0; rc == FST_OK && chunk < 2 * SLOTS; chunk++) {
        rc = fst_extents_store (extents, &s_records [chunk].record, s_records [chunk].data);
        if (rc != FST_OK)
            rc = fst_extents_store (extents, &s_records [chunk].record, s_records [chunk].data);
    }
    for (uint32_t extent = 0; rc == FST_OK && extent < 2; extent++) {
        fst_extent_info_t info;
        rc = fst_extents_seal (extents, &s_blob, extent, SLOTS, &info);
        sealed [extent] = rc == FST_OK;
    }
    return rc;
}

//  FST_OK: all of its records, octet by octet; FST_NOT_FOUND: nothing to be seen. Anything else is a failed test.
static fst_rc_t
s_look (fst_extents_t *extents, uint32_t extent)
{
    zmsg_t *records;
    fst_rc_t rc = fst_extents_read (extents, &s_blob, extent, 0, SLOTS, false, SLOTS << LOG2, &records);
    if (rc != FST_OK) {
        cr_assert_eq (rc, FST_NOT_FOUND, "%s", fst_error_code (rc));
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            cr_assert (fst_extents_read (extents, &s_blob, extent, slot, 1, false, 1, &records) == FST_NOT_FOUND);
        return rc;
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        zframe_t *frame = slot? zmsg_next (records): zmsg_first (records);
        const test_record_t *made = &s_records [extent * SLOTS + slot];
        cr_assert (zframe_size (frame) == made->bytes && memcmp (zframe_data (frame), made->data, made->bytes) == 0);
    }
    zmsg_destroy (&records);
    return rc;
}

//  After a restart: what was acknowledged is there, what is there is whole, and the upload can be finished.
static void
s_check (fake_disk_t *fake, const bool sealed [2])
{
    fake_disk_restart (fake);
    fst_extents_t *extents;
    cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
    for (uint32_t extent = 0; extent < 2; extent++) {
        fst_rc_t rc = s_look (extents, extent);
        cr_assert (rc == FST_OK || !sealed [extent], "an acknowledged extent is gone");
    }
    bool again [2] = { false };
    cr_assert (s_upload (extents, again) == FST_OK);
    cr_assert (again [0] && again [1]);
    fst_extents_destroy (&extents);
    fake_disk_crash_now (fake);
    fake_disk_restart (fake);
    cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
    cr_assert (s_look (extents, 0) == FST_OK && s_look (extents, 1) == FST_OK);
    fst_extents_destroy (&extents);
}

Test (extents_faults, power_loss_at_each_sync, .timeout = 280)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bool crashed = true;
        for (int nth = 1; crashed; nth++) {
            fake_disk_t *fake = fake_disk_new (seed);
            fst_extents_t *extents = NULL;
            bool sealed [2] = { false };
            fake_disk_crash (fake, nth);
            fst_rc_t rc = fst_extents_new (fake_disk_port (fake), &extents);
            if (rc == FST_OK)
                rc = s_upload (extents, sealed);
            fst_extents_destroy (&extents);
            crashed = fake_disk_crashed (fake);
            cr_assert_eq (rc == FST_OK, !crashed, "seed %lu, sync %d", (unsigned long) seed, nth);
            if (!crashed)
                fake_disk_crash_now (fake);
            s_check (fake, sealed);
            fake_disk_destroy (&fake);
        }
    }
}

//  One round: the nth call after the folders are made fails. True if there was such a call.
static bool
s_fail_at (uint64_t seed, int nth, fst_rc_t fault, bool power_too)
{
    fake_disk_t *fake = fake_disk_new (seed);
    fst_extents_t *extents;
    bool sealed [2] = { false };
    cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
    fake_disk_fail (fake, nth, fault);
    fst_rc_t rc = s_upload (extents, sealed);
    bool fired = fake_disk_fired (fake);
    fake_disk_fail (fake, 0, FST_IO);
    for (uint32_t extent = 0; extent < 2; extent++)
        if (sealed [extent])
            cr_assert (s_look (extents, extent) == FST_OK);
    cr_assert (fired || rc == FST_OK);
    fst_extents_destroy (&extents);         //  As the process ends
    if (power_too)
        fake_disk_crash_now (fake);
    s_check (fake, sealed);
    fake_disk_destroy (&fake);
    return fired;
}

Test (extents_faults, failure_of_each_call, .timeout = 280)
{
    const fst_rc_t faults [] = { FST_IO, FST_NO_SPACE };
    for (uint64_t seed = 1; seed <= 5; seed++)
        for (int fault = 0; fault < 2; fault++)
            for (int power_too = 0; power_too < 2; power_too++) {
                int nth = 1;
                while (s_fail_at (seed, nth, faults [fault], power_too))
                    nth++;
                cr_assert_gt (nth, 18, "only %d calls were made to fail", nth);
            }
}

Test (extents_faults, a_new_folder_that_cannot_be_made_is_said)
{
    bool fired = true;
    for (int nth = 1; fired; nth += 17) {
        fake_disk_t *fake = fake_disk_new (1);
        fst_extents_t *extents = NULL;
        fake_disk_fail (fake, nth, FST_NO_SPACE);
        fst_rc_t rc = fst_extents_new (fake_disk_port (fake), &extents);
        fired = fake_disk_fired (fake);
        cr_assert_eq (rc, fired? FST_NO_SPACE: FST_OK);
        fst_extents_destroy (&extents);
        bool nothing [2] = { false };
        s_check (fake, nothing);
        fake_disk_destroy (&fake);
    }
}

Test (extents_faults, a_sync_without_space_forgets_the_extent_but_not_the_process)
{
    fake_disk_t *fake = fake_disk_new (1);
    fst_extents_t *extents;
    fst_extent_info_t info;
    cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
    for (uint32_t chunk = 0; chunk < SLOTS; chunk++)
        cr_assert (fst_extents_store (extents, &s_records [chunk].record, s_records [chunk].data) == FST_OK);
    fake_disk_fail (fake, 1, FST_NO_SPACE);
    cr_assert (fst_extents_seal (extents, &s_blob, 0, SLOTS, &info) == FST_NO_SPACE);
    cr_assert (fst_extents_seal (extents, &s_blob, 0, SLOTS, &info) == FST_NOT_FOUND, "no second try on the same data");
    bool sealed [2];
    cr_assert (s_upload (extents, sealed) == FST_OK);
    fst_extents_destroy (&extents);
    fake_disk_crash_now (fake);
    s_check (fake, sealed);
    fake_disk_destroy (&fake);
}

//  A process that dies between rename and the folder's sync: the next one is asked to seal again.
Test (extents_faults, a_repeated_seal_is_as_durable_as_the_first)
{
    fake_disk_t *fake = fake_disk_new (1);
    fst_disk_t *disk = fake_disk_port (fake);
    fst_extents_t *extents;
    fst_extent_info_t info;
    char open [FST_EXTENT_NAME_MAX], final [FST_EXTENT_NAME_MAX];
    cr_assert (fst_extents_new (disk, &extents) == FST_OK);
    for (uint32_t chunk = 0; chunk < SLOTS; chunk++)
        cr_assert (fst_extents_store (extents, &s_records [chunk].record, s_records [chunk].data) == FST_OK);
    fst_extents_destroy (&extents);
    fst_disk_file_t *file;
    fst_extent_name (&s_blob, 0, true, open);
    fst_extent_name (&s_blob, 0, false, final);
    cr_assert (disk->open (disk->self, open, false, &file) == FST_OK);
    cr_assert (disk->sync (disk->self, file) == FST_OK);
    disk->close (disk->self, &file);
    cr_assert (disk->rename (disk->self, open, final) == FST_OK);
    cr_assert (fst_extents_new (disk, &extents) == FST_OK);
    cr_assert (fst_extents_seal (extents, &s_blob, 0, SLOTS, &info) == FST_OK);
    fst_extents_destroy (&extents);
    fake_disk_set_loss (fake, FAKE_LOSS_ALL);
    fake_disk_crash_now (fake);
    fake_disk_restart (fake);
    cr_assert (fst_extents_new (disk, &extents) == FST_OK);
    cr_assert (s_look (extents, 0) == FST_OK);
    fst_extents_destroy (&extents);
    fake_disk_destroy (&fake);
}

Test (extents_faults, a_slot_whose_rewrite_failed_is_empty)
{
    fake_disk_t *fake = fake_disk_new (1);
    fst_extents_t *extents;
    fst_extent_info_t info;
    test_record_t other = test_record (s_blob, 0, SLOTS, LOG2, 0, false, 77);
    cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
    cr_assert (fst_extents_store (extents, &s_records [0].record, s_records [0].data) == FST_OK);
    fake_disk_fail (fake, 1, FST_IO);
    cr_assert (fst_extents_store (extents, &other.record, other.data) == FST_IO);
    cr_assert (fst_extents_seal (extents, &s_blob, 0, 1, &info) == FST_NOT_FOUND, "neither the old nor the new");
    cr_assert (fst_extents_store (extents, &s_records [0].record, s_records [0].data) == FST_OK);
    cr_assert (fst_extents_seal (extents, &s_blob, 0, 1, &info) == FST_OK);
    fst_extents_destroy (&extents);
    test_record_free (&other);
    fake_disk_destroy (&fake);
}

Test (extents_faults, a_full_disk_refuses_and_recovers)
{
    fake_disk_t *fake = fake_disk_new (1);
    fst_extents_t *extents;
    cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
    fake_disk_set_capacity (fake, 2 * fst_record_stride (LOG2) + 1000);
    bool sealed [2] = { false };
    cr_assert (s_upload (extents, sealed) == FST_NO_SPACE);
    fake_disk_set_capacity (fake, (int64_t) 1 << 40);
    cr_assert (s_upload (extents, sealed) == FST_OK);
    cr_assert (s_look (extents, 0) == FST_OK && s_look (extents, 1) == FST_OK);
    fst_extents_destroy (&extents);
    fake_disk_destroy (&fake);
}

Test (extents_faults, a_deletion_that_was_acknowledged_stays, .timeout = 280)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bool crashed = true;
        for (int nth = 1; crashed; nth++) {
            fake_disk_t *fake = fake_disk_new (seed);
            fst_extents_t *extents;
            bool sealed [2], found [2] = { false };
            cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
            cr_assert (s_upload (extents, sealed) == FST_OK);
            fake_disk_crash (fake, nth);
            bool all = seed % 2;
            fst_extent_id_t ids [2] = { { s_blob, all? FST_EXTENT_ALL: 0 }, { s_blob, 1 } };
            fst_rc_t rc = fst_extents_delete (extents, ids, all? 1: 2, found);
            fst_extents_destroy (&extents);
            crashed = fake_disk_crashed (fake);
            cr_assert_eq (rc == FST_OK, !crashed);
            if (!crashed)
                fake_disk_crash_now (fake);
            fake_disk_restart (fake);
            cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
            for (uint32_t extent = 0; extent < 2; extent++)
                cr_assert (s_look (extents, extent) == FST_NOT_FOUND || rc != FST_OK);
            fst_extents_destroy (&extents);
            fake_disk_destroy (&fake);
        }
    }
}

//  ---- The other calls

//  Both extents sealed, on a new disk.
static fake_disk_t *
s_filled (uint64_t seed, fst_extents_t **extents_p)
{
    fake_disk_t *fake = fake_disk_new (seed);
    bool sealed [2];
    cr_assert (fst_extents_new (fake_disk_port (fake), extents_p) == FST_OK);
    cr_assert (s_upload (*extents_p, sealed) == FST_OK);
    return fake;
}

static fst_rc_t
s_delete_both (fst_extents_t *extents)
{
    fst_extent_id_t id = { s_blob, FST_EXTENT_ALL };
    bool found = false;
    return fst_extents_delete (extents, &id, 1, &found);
}

Test (extents_faults, a_deletion_that_failed_left_whole_extents_and_can_be_repeated)
{
    bool fired = true;
    int nth;
    for (nth = 1; fired; nth++)
        for (int power_too = 0; power_too < 2; power_too++) {
            fst_extents_t *extents;
            fake_disk_t *fake = s_filled ((uint64_t) nth, &extents);
            fake_disk_fail (fake, nth, FST_IO);
            fst_rc_t rc = s_delete_both (extents);
            fired = fake_disk_fired (fake);
            cr_assert_eq (rc, fired? FST_IO: FST_OK, "call %d: %s", nth, fst_error_code (rc));
            fst_extents_destroy (&extents);
            if (power_too)
                fake_disk_crash_now (fake);
            fake_disk_restart (fake);
            cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
            for (uint32_t extent = 0; extent < 2; extent++)
                cr_assert (s_look (extents, extent) == FST_NOT_FOUND || rc != FST_OK);
            cr_assert (s_delete_both (extents) == FST_OK);
            fst_extents_destroy (&extents);
            fake_disk_crash_now (fake);
            fake_disk_restart (fake);
            cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
            cr_assert (s_look (extents, 0) == FST_NOT_FOUND && s_look (extents, 1) == FST_NOT_FOUND);
            fst_extents_destroy (&extents);
            fake_disk_destroy (&fake);
        }
    cr_assert_geq (nth, 5);
}

//  Look at an extent in every way; FST_OK, or FST_IO if a call failed. Whatever is given is right.
static fst_rc_t
s_read_all (fst_extents_t *extents, uint32_t extent)
{
    fst_rc_t rc = FST_OK;
    for (uint32_t slot = 0; slot <= SLOTS; slot++)
        for (uint32_t count = 1; count <= SLOTS; count++)
            for (int unsealed = 0; unsealed < 2; unsealed++) {
                zmsg_t *records = NULL;
                fst_rc_t got = fst_extents_read (extents, &s_blob, extent, slot, count, unsealed, SLOTS << LOG2, &records);
                bool there = slot + count <= SLOTS;
                cr_assert (got == FST_IO || got == (there? FST_OK: FST_NOT_FOUND), "%s", fst_error_code (got));
                if (got == FST_IO)
                    rc = got;
                if (got != FST_OK)
                    continue;
                cr_assert_eq (zmsg_size (records), count);
                for (uint32_t at = slot; at < slot + count; at++) {
                    zframe_t *frame = zmsg_pop (records);
                    const test_record_t *made = &s_records [extent * SLOTS + at];
                    cr_assert (zframe_size (frame) == made->bytes && memcmp (zframe_data (frame), made->data, made->bytes) == 0);
                    zframe_destroy (&frame);
                }
                zmsg_destroy (&records);
            }
    return rc;
}

Test (extents_faults, a_read_that_fails_says_so_and_the_next_one_is_right)
{
    fst_extents_t *extents;
    fake_disk_t *fake = s_filled (1, &extents);
    bool fired = true;
    int nth;
    for (nth = 1; fired; nth++) {
        fake_disk_fail (fake, nth, FST_IO);
        fst_rc_t rc = s_read_all (extents, (uint32_t) nth % 2);
        fired = fake_disk_fired (fake);
        cr_assert_eq (rc, fired? FST_IO: FST_OK, "call %d", nth);
    }
    cr_assert_gt (nth, 100);
    fst_extents_destroy (&extents);
    fake_disk_destroy (&fake);
}

Test (extents_faults, a_list_and_a_count_are_complete_or_fail)
{
    fst_extents_t *extents;
    fake_disk_t *fake = s_filled (1, &extents);
    fst_held_t held [4];
    bool fired = true;
    int nth;
    for (nth = 1; fired; nth++) {
        size_t count = 99;
        fake_disk_fail (fake, nth, FST_IO);
        fst_rc_t rc = fst_extents_list (extents, NULL, 0, held, 4, &count);
        fired = fake_disk_fired (fake);
        cr_assert_eq (rc, fired? FST_IO: FST_OK, "call %d", nth);
        cr_assert_eq (count, fired? 99: 2);
    }
    cr_assert_gt (nth, 256);
    for (nth = 1, fired = true; fired; nth++) {
        fst_extents_t *other;
        fake_disk_fail (fake, 0, FST_IO);
        fst_extents_statistics_t statistics;
        cr_assert (fst_extents_new (fake_disk_port (fake), &other) == FST_OK);
        fake_disk_fail (fake, nth, FST_IO);
        fst_rc_t rc = fst_extents_count (other);
        fired = fake_disk_fired (fake);
        cr_assert_eq (rc, fired? FST_IO: FST_OK, "call %d", nth);
        fst_extents_statistics (other, &statistics);
        cr_assert (fired || statistics.sealed == 2);
        fst_extents_destroy (&other);
    }
    cr_assert_gt (nth, 256);
    fst_extents_destroy (&extents);
    fake_disk_destroy (&fake);
}

//  Steps of an upload: six records, then two seals.
static fst_rc_t
s_step (fst_extents_t *extents, uint32_t step, bool sealed [2])
{
    fst_extent_info_t info;
    if (step < 2 * SLOTS)
        return fst_extents_store (extents, &s_records [step].record, s_records [step].data);
    fst_rc_t rc = fst_extents_seal (extents, &s_blob, step - 2 * SLOTS, SLOTS, &info);
    if (rc == FST_OK)
        sealed [step - 2 * SLOTS] = true;
    return rc;
}

//  The process is killed after each step, and power goes at some sync: whichever life acknowledged an extent, it is there.
Test (extents_faults, an_upload_of_many_lives_keeps_what_each_acknowledged, .timeout = 280)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bool crashed = true;
        for (int nth = 1; crashed; nth++) {
            fake_disk_t *fake = fake_disk_new (seed);
            bool sealed [2] = { false };
            fst_rc_t rc = FST_OK;
            fake_disk_crash (fake, nth);
            for (uint32_t step = 0; rc == FST_OK && step < 2 * SLOTS + 2; step++) {
                fst_extents_t *extents = NULL;
                rc = fst_extents_new (fake_disk_port (fake), &extents);
                if (rc == FST_OK)
                    rc = s_step (extents, step, sealed);
                fst_extents_destroy (&extents);
                if (rc == FST_OK) {     //  Of the process alone: what power does is still to come
                    fake_disk_restart (fake);
                    fake_disk_crash (fake, nth - fake_disk_syncs (fake));
                }
            }
            crashed = fake_disk_crashed (fake);
            cr_assert_eq (rc == FST_OK, !crashed);
            if (!crashed)
                fake_disk_crash_now (fake);
            s_check (fake, sealed);
            fake_disk_destroy (&fake);
        }
    }
}

//  An extent is damaged, opened again, mended and sealed. Whenever power goes: what was good in it before still is.
static fst_rc_t
s_mend (fst_extents_t *extents, const fst_extent_info_t *want)
{
    fst_rc_t rc = fst_extents_reopen (extents, &s_blob, 0);
    if (rc == FST_OK)
        rc = fst_extents_store (extents, &s_records [1].record, s_records [1].data);
    return rc == FST_OK? fst_extents_seal_as (extents, want): rc;
}

Test (extents_faults, mending_an_extent_loses_nothing_of_it, .timeout = 280)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bool crashed = true;
        for (int nth = 1; crashed; nth++) {
            fake_disk_t *fake = fake_disk_new (seed);
            fst_extents_t *extents;
            bool sealed [2];
            fst_extent_info_t want;
            char name [FST_EXTENT_NAME_MAX];
            cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
            cr_assert (s_upload (extents, sealed) == FST_OK);
            cr_assert (fst_extents_check (extents, &s_blob, 0, true, &want) == FST_OK);
            fst_extent_name (&s_blob, 0, false, name);
            fake_disk_damage (fake, name, fst_record_stride (LOG2) + 100, 1);
            fake_disk_crash (fake, nth);
            fst_rc_t rc = s_mend (extents, &want);
            fst_extents_destroy (&extents);
            crashed = fake_disk_crashed (fake);
            cr_assert_eq (rc == FST_OK, !crashed);
            if (!crashed)
                fake_disk_crash_now (fake);
            fake_disk_restart (fake);
            cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
            zmsg_t *records;
            for (uint32_t slot = 0; slot < SLOTS; slot++)
                if (slot != 1 || rc == FST_OK) {
                    cr_assert (fst_extents_read (extents, &s_blob, 0, slot, 1, true, 1, &records) == FST_OK,
                               "seed %lu, sync %d, slot %u", (unsigned long) seed, nth, slot);
                    zmsg_destroy (&records);
                }
            if (rc != FST_OK)
                rc = s_mend (extents, &want);
            if (rc == FST_NOT_FOUND) {          //  It was open already
                cr_assert (fst_extents_store (extents, &s_records [1].record, s_records [1].data) == FST_OK);
                rc = fst_extents_seal_as (extents, &want);
            }
            cr_assert (rc == FST_OK);
            cr_assert (s_look (extents, 0) == FST_OK);
            fst_extents_destroy (&extents);
            fake_disk_destroy (&fake);
        }
    }
}
