//  Extents on a real disk: what is sealed is whole and stays; what is not whole is not sealed; what is damaged is
//  never returned.

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include "fst_extent_name.h"
#include "fst_extents.h"
#include "fst_log.h"
#include "storage_records.h"

#define LOG2 16
#define SLOTS 4

static char s_folder [512];
static fst_disk_t *s_disk;
static fst_extents_t *s_extents;

static void
s_open (void)
{
    fst_rc_t rc = fst_disk_open (s_folder, &s_disk);
    cr_assert (rc == FST_OK);
    rc = fst_extents_new (s_disk, &s_extents);
    cr_assert (rc == FST_OK);
}

static void
s_close (void)
{
    fst_extents_destroy (&s_extents);
    fst_disk_destroy (&s_disk);
}

static void
s_reopen (void)
{
    s_close ();
    s_open ();
}

static void
s_setup (void)
{
    const char *base = getenv ("TMPDIR");
    snprintf (s_folder, sizeof (s_folder), "%s/extents-XXXXXX", base? base: "/tmp");
    cr_assert (mkdtemp (s_folder));
    s_open ();
}

TestSuite (extents, .init = s_setup, .fini = s_close);

static fst_rc_t
s_store (test_record_t *made)
{
    return fst_extents_store (s_extents, &made->record, made->data);
}

//  Make and store; the checksum goes to checksums [slot] if wanted.
static fst_rc_t
s_put (fst_blob_id_t blob, uint32_t chunk, uint32_t plain_bytes, bool last, uint64_t *checksum)
{
    test_record_t made = test_record (blob, chunk, SLOTS, LOG2, plain_bytes, last, (uint8_t) (chunk + 1));
    fst_rc_t rc = s_store (&made);
    if (checksum)
        *checksum = made.record.checksum;
    test_record_free (&made);
    return rc;
}

static void
s_put_sealed (fst_blob_id_t blob, uint32_t extent, uint32_t chunks, fst_extent_info_t *info)
{
    for (uint32_t slot = 0; slot < chunks; slot++)
        cr_assert (s_put (blob, extent * SLOTS + slot, 0, false, NULL) == FST_OK);
    cr_assert (fst_extents_seal (s_extents, &blob, extent, chunks, info) == FST_OK);
}

static fst_rc_t
s_get (fst_blob_id_t blob, uint32_t extent, uint32_t slot, uint32_t count, bool unsealed, zmsg_t **records_p)
{
    return fst_extents_read (s_extents, &blob, extent, slot, count, unsealed, 64 << 20, records_p);
}

static fst_rc_t
s_try (fst_blob_id_t blob, uint32_t extent, uint32_t slot, uint32_t count, bool unsealed)
{
    zmsg_t *records = NULL;
    fst_rc_t rc = s_get (blob, extent, slot, count, unsealed, &records);
    zmsg_destroy (&records);
    return rc;
}

//  Change one octet of a file, or cut it off there.
static void
s_damage (fst_blob_id_t blob, uint32_t extent, bool open, off_t offset, bool cut)
{
    char name [FST_EXTENT_NAME_MAX], path [1024];
    fst_extent_name (&blob, extent, open, name);
    snprintf (path, sizeof (path), "%s/%s", s_folder, name);
    if (cut) {
        cr_assert (truncate (path, offset) == 0);
        return;
    }
    FILE *file = fopen (path, "r+");
    cr_assert (file);
    cr_assert (fseeko (file, offset, SEEK_SET) == 0);
    int octet = fgetc (file);
    cr_assert (octet != EOF);
    cr_assert (fseeko (file, offset, SEEK_SET) == 0);
    cr_assert (fputc (octet ^ 1, file) != EOF);
    cr_assert (fclose (file) == 0);
}

static fst_extents_statistics_t
s_statistics (void)
{
    fst_extents_statistics_t statistics;
    fst_extents_statistics (s_extents, &statistics);
    return statistics;
}

Test (extents, sealed_records_come_back_as_they_were)
{
    fst_blob_id_t blob = test_blob (0xab, 7);
    test_record_t made [3];
    uint64_t checksums [3];
    for (uint32_t slot = 0; slot < 3; slot++) {
        made [slot] = test_record (blob, SLOTS + slot, SLOTS, LOG2, slot == 2? 1000: 0, slot == 2, 9);
        checksums [slot] = made [slot].record.checksum;
    }
    for (uint32_t turn = 3; turn-- > 0; )           //  In any order
        cr_assert (s_store (&made [turn]) == FST_OK);
    fst_extent_info_t info;
    cr_assert (fst_extents_seal (s_extents, &blob, 1, 3, &info) == FST_OK);
    cr_assert_eq (info.chunks, 3);
    cr_assert_eq (info.extent, 1);
    cr_assert_eq (info.bytes, 2 * 65536 + 1000);
    cr_assert_eq (info.digest, fst_extent_digest (checksums, 3));
    zmsg_t *records;
    cr_assert (s_get (blob, 1, 0, 3, false, &records) == FST_OK);
    for (uint32_t slot = 0; slot < 3; slot++) {
        zframe_t *frame = slot? zmsg_next (records): zmsg_first (records);
        cr_assert_eq (zframe_size (frame), made [slot].bytes);
        cr_assert (memcmp (zframe_data (frame), made [slot].data, made [slot].bytes) == 0);
        test_record_free (&made [slot]);
    }
    zmsg_destroy (&records);
    cr_assert (s_try (blob, 1, 3, 1, false) == FST_NOT_FOUND);
    cr_assert (s_try (blob, 1, 2, 2, false) == FST_NOT_FOUND);
    cr_assert (s_try (blob, 0, 0, 1, false) == FST_NOT_FOUND);
}

Test (extents, the_digest_is_the_one_in_the_contract)
{
    //  XXH3-64 of the 16 octets 01 02 .. 08 11 12 .. 18
    const uint64_t checksums [] = { 0x0102030405060708, 0x1112131415161718 };
    const uint8_t octets [] = { 1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18 };
    cr_assert_eq (fst_extent_digest (checksums, 2), XXH3_64bits (octets, sizeof (octets)));
}

Test (extents, sealing_again_gives_the_same_answer)
{
    fst_blob_id_t blob = test_blob (1, 0);
    fst_extent_info_t first, again;
    s_put_sealed (blob, 0, SLOTS, &first);
    for (int turn = 0; turn < 2; turn++) {
        memset (&again, 0xff, sizeof (again));
        cr_assert (fst_extents_seal (s_extents, &blob, 0, SLOTS, &again) == FST_OK);
        cr_assert_eq (again.chunks, first.chunks);
        cr_assert_eq (again.bytes, first.bytes);
        cr_assert_eq (again.digest, first.digest);
        s_reopen ();
    }
    cr_assert (fst_extents_seal (s_extents, &blob, 0, SLOTS - 1, &again) == FST_EXISTS);
}

Test (extents, what_is_not_whole_is_not_sealed)
{
    fst_blob_id_t blob = test_blob (2, 0);
    fst_extent_info_t info;
    cr_assert (fst_extents_seal (s_extents, &blob, 0, 1, &info) == FST_NOT_FOUND, "nothing of it is here");
    cr_assert (s_put (blob, 0, 0, false, NULL) == FST_OK);
    cr_assert (s_put (blob, 2, 0, false, NULL) == FST_OK);
    for (int turn = 0; turn < 2; turn++) {
        cr_assert (fst_extents_seal (s_extents, &blob, 0, 3, &info) == FST_NOT_FOUND, "slot 1 is empty");
        cr_assert (fst_extents_seal (s_extents, &blob, 0, 4, &info) == FST_NOT_FOUND);
        cr_assert (fst_extents_seal (s_extents, &blob, 0, 1, &info) == FST_MALFORMED, "slot 2 is there too");
        cr_assert (fst_extents_seal (s_extents, &blob, 0, 0, &info) == FST_MALFORMED);
        cr_assert (fst_extents_seal (s_extents, &blob, 0, 1025, &info) == FST_MALFORMED);
        s_reopen ();
    }
    cr_assert (s_try (blob, 0, 0, 1, false) == FST_NOT_FOUND, "not visible to readers");
    cr_assert (s_put (blob, 1, 0, false, NULL) == FST_OK);
    cr_assert (fst_extents_seal (s_extents, &blob, 0, 3, &info) == FST_OK);
}

Test (extents, nothing_comes_behind_the_last_chunk)
{
    fst_blob_id_t blob = test_blob (3, 0);
    fst_extent_info_t info;
    cr_assert (s_put (blob, 0, 100, true, NULL) == FST_OK);
    cr_assert (s_put (blob, 1, 0, false, NULL) == FST_OK);
    cr_assert (fst_extents_seal (s_extents, &blob, 0, 2, &info) == FST_MALFORMED);
}

Test (extents, a_record_that_does_not_fit_its_extent_is_refused)
{
    fst_blob_id_t blob = test_blob (4, 0);
    test_record_t made = test_record (blob, 1, SLOTS, LOG2, 0, false, 1);
    cr_assert (s_store (&made) == FST_OK);
    test_record_free (&made);
    const struct { uint32_t chunk, extent, slot, plain_bytes; uint8_t log2; bool last; } wrong [] = {
        { 2, 0, 2, 0,    LOG2 + 1, false },     //  Another chunk size
        { 2, 0, 2, 1000, LOG2,     false },     //  Short, but not the last
        { 3, 0, 2, 0,    LOG2,     false },     //  Extent 0 begins with chunk 0
    };
    for (size_t at = 0; at < sizeof (wrong) / sizeof (wrong [0]); at++) {
        made = test_record (blob, wrong [at].chunk, SLOTS, wrong [at].log2, wrong [at].plain_bytes, wrong [at].last, 1);
        made.record.slot = wrong [at].slot;
        made.record.extent = wrong [at].extent;
        cr_assert (s_store (&made) == FST_MALFORMED, "row %zu", at);
        test_record_free (&made);
    }
    made = test_record (blob, 2000, 4000, LOG2, 0, false, 1);
    cr_assert (s_store (&made) == FST_MALFORMED, "slots end at 1023");
    test_record_free (&made);
    made = test_record (blob, 4, 4, LOG2, 0, false, 1);
    cr_assert (s_store (&made) == FST_OK);
    test_record_free (&made);
    made = test_record (blob, 7, 6, LOG2, 0, false, 1);
    cr_assert_eq (made.record.extent, 1);
    cr_assert (s_store (&made) == FST_MALFORMED, "extents of another length");
    test_record_free (&made);
    cr_assert_eq (s_statistics ().open, 2, "what was refused left no file");
}

Test (extents, storing_again_is_fine_and_an_open_slot_may_change)
{
    fst_blob_id_t blob = test_blob (5, 0);
    test_record_t old = test_record (blob, 0, SLOTS, LOG2, 0, false, 1);
    test_record_t new = test_record (blob, 0, SLOTS, LOG2, 0, false, 2);
    fst_extent_info_t info;
    cr_assert (s_store (&old) == FST_OK);
    cr_assert (s_store (&old) == FST_OK);
    cr_assert (s_store (&new) == FST_OK);
    cr_assert (fst_extents_seal (s_extents, &blob, 0, 1, &info) == FST_OK);
    cr_assert_eq (info.digest, fst_extent_digest (&new.record.checksum, 1));
    for (int turn = 0; turn < 2; turn++) {
        cr_assert (s_store (&new) == FST_OK, "the same after the seal");
        cr_assert (s_store (&old) == FST_EXISTS, "another after the seal");
        cr_assert (s_put (blob, 1, 0, false, NULL) == FST_EXISTS, "a slot that was not in it");
        s_reopen ();
    }
    zmsg_t *records;
    cr_assert (s_get (blob, 0, 0, 1, false, &records) == FST_OK);
    cr_assert (memcmp (zframe_data (zmsg_first (records)), new.data, new.bytes) == 0);
    zmsg_destroy (&records);
    test_record_free (&old);
    test_record_free (&new);
}

Test (extents, an_open_extent_goes_on_after_a_restart)
{
    for (uint8_t log2 = FST_CHUNK_LOG2_MIN; log2 <= FST_CHUNK_LOG2_MAX; log2++) {
        fst_blob_id_t blob = test_blob (6, log2);
        fst_extent_info_t info;
        for (uint32_t chunk = 2; chunk > 0; chunk--) {      //  Slot 0 last: the chunk size must be found without it
            test_record_t made = test_record (blob, chunk, SLOTS, log2, 0, false, 1);
            cr_assert (s_store (&made) == FST_OK);
            test_record_free (&made);
            s_reopen ();
        }
        cr_assert (s_try (blob, 0, 1, 2, true) == FST_OK, "its writer may read it");
        cr_assert (s_try (blob, 0, 0, 1, true) == FST_NOT_FOUND);
        cr_assert (fst_extents_seal (s_extents, &blob, 0, 3, &info) == FST_NOT_FOUND);
        test_record_t made = test_record (blob, 0, SLOTS, log2, 0, false, 1);
        cr_assert (s_store (&made) == FST_OK);
        test_record_free (&made);
        s_reopen ();
        cr_assert (fst_extents_seal (s_extents, &blob, 0, 3, &info) == FST_OK);
        cr_assert_eq (info.bytes, (int64_t) 3 << log2);
    }
}

Test (extents, a_torn_record_of_an_open_extent_counts_as_empty)
{
    fst_blob_id_t blob = test_blob (7, 0);
    fst_extent_info_t info;
    cr_assert (s_put (blob, 0, 0, false, NULL) == FST_OK);
    cr_assert (s_put (blob, 1, 0, false, NULL) == FST_OK);
    s_close ();
    s_damage (blob, 0, true, fst_record_stride (LOG2) + 5000, false);      //  As a power loss may leave it
    s_open ();
    cr_assert (s_try (blob, 0, 1, 1, true) == FST_NOT_FOUND);
    cr_assert (fst_extents_seal (s_extents, &blob, 0, 2, &info) == FST_NOT_FOUND);
    cr_assert (s_put (blob, 1, 0, false, NULL) == FST_OK);
    cr_assert (fst_extents_seal (s_extents, &blob, 0, 2, &info) == FST_OK);
    cr_assert_eq (s_statistics ().corrupt, 0);
}

Test (extents, a_damaged_record_is_never_returned)
{
    const off_t stride = (off_t) fst_record_stride (LOG2);
    const off_t places [] = { 0, 5, 10, 25, 30, 37, 45, 57, 63, 64, 5000, 65536 + 79 };
    for (size_t at = 0; at < sizeof (places) / sizeof (places [0]); at++) {
        fst_blob_id_t blob = test_blob (8, (uint32_t) at);
        fst_extent_info_t info;
        s_put_sealed (blob, 0, 3, &info);
        s_damage (blob, 0, false, stride + places [at], false);
        int64_t before = s_statistics ().corrupt;
        cr_assert (s_try (blob, 0, 1, 1, false) == FST_CORRUPT, "offset %ld", (long) places [at]);
        cr_assert (s_try (blob, 0, 0, 3, true) == FST_CORRUPT);
        cr_assert_eq (s_statistics ().corrupt, before + 2);
        cr_assert (s_try (blob, 0, 0, 1, false) == FST_OK, "the others are fine");
        cr_assert (s_try (blob, 0, 2, 1, false) == FST_OK);
    }
}

Test (extents, a_shortened_or_exchanged_file_is_never_returned)
{
    fst_blob_id_t blob = test_blob (9, 0), other = test_blob (9, 1);
    fst_extent_info_t info;
    s_put_sealed (blob, 0, 3, &info);
    s_put_sealed (other, 0, 3, &info);
    s_damage (blob, 0, false, 2 * (off_t) fst_record_stride (LOG2) + 100, true);
    cr_assert (s_try (blob, 0, 2, 1, false) == FST_CORRUPT);
    s_damage (blob, 0, false, 0, true);
    cr_assert (s_try (blob, 0, 0, 1, false) == FST_CORRUPT);
    char from [FST_EXTENT_NAME_MAX], to [FST_EXTENT_NAME_MAX];
    fst_extent_name (&other, 0, false, from);
    fst_extent_name (&blob, 0, false, to);
    cr_assert (s_disk->rename (s_disk->self, from, to) == FST_OK);
    cr_assert (s_try (blob, 0, 0, 1, false) == FST_CORRUPT, "whole, but of another blob");
}

Test (extents, a_reply_is_bounded_but_one_record_is_always_given)
{
    fst_blob_id_t blob = test_blob (10, 0);
    fst_extent_info_t info;
    zmsg_t *records = NULL;
    s_put_sealed (blob, 0, 3, &info);
    cr_assert (fst_extents_read (s_extents, &blob, 0, 0, 2, false, 2 * 65536 - 1, &records) == FST_TOO_LARGE);
    cr_assert_null (records);
    cr_assert (fst_extents_read (s_extents, &blob, 0, 0, 2, false, 2 * 65536, &records) == FST_OK);
    zmsg_destroy (&records);
    cr_assert (fst_extents_read (s_extents, &blob, 0, 0, 1, false, 1, &records) == FST_OK);
    zmsg_destroy (&records);
}

Test (extents, deletion_takes_sealed_and_open_and_nothing_else)
{
    fst_blob_id_t blobs [3] = { test_blob (12, 1), test_blob (11, 1), test_blob (11, 2) };
    fst_blob_id_t kept = test_blob (11, 3);
    fst_extent_info_t info;
    s_put_sealed (blobs [0], 0, 1, &info);
    s_put_sealed (blobs [0], 1, 1, &info);
    cr_assert (s_put (blobs [1], 0, 0, false, NULL) == FST_OK);
    s_put_sealed (kept, 0, 1, &info);
    bool found [3] = { false };
    fst_extent_id_t ids [3];
    for (int at = 0; at < 3; at++)
        ids [at] = (fst_extent_id_t) { .blob = blobs [at], .extent = FST_EXTENT_ALL };
    fst_extent_ids_sort (ids, 3);
    cr_assert (fst_extents_delete (s_extents, ids, 3, found) == FST_OK);
    cr_assert (found [0] && !found [1] && found [2], "which of them were there");
    cr_assert (s_try (blobs [0], 0, 0, 1, true) == FST_NOT_FOUND);
    cr_assert (s_try (blobs [0], 1, 0, 1, true) == FST_NOT_FOUND);
    cr_assert (s_try (blobs [1], 0, 0, 1, true) == FST_NOT_FOUND);
    cr_assert (s_try (kept, 0, 0, 1, false) == FST_OK);
    cr_assert_eq (s_statistics ().sealed, 1);
    cr_assert_eq (s_statistics ().open, 0);
    cr_assert (fst_extents_seal (s_extents, &blobs [0], 0, 1, &info) == FST_NOT_FOUND);
    cr_assert (s_put (blobs [0], 0, 0, false, NULL) == FST_OK, "it can be written anew");
    cr_assert (fst_extents_seal (s_extents, &blobs [0], 0, 1, &info) == FST_OK);
}

Test (extents, deletion_of_one_extent_leaves_the_others_of_its_blob)
{
    fst_blob_id_t blob = test_blob (20, 1), whole = test_blob (20, 2);
    fst_extent_info_t info;
    for (uint32_t extent = 0; extent < 4; extent++)
        s_put_sealed (blob, extent, 1, &info);
    cr_assert (s_put (blob, 4 * SLOTS, 0, false, NULL) == FST_OK, "extent 4 is open");
    s_put_sealed (whole, 0, 1, &info);
    s_put_sealed (whole, 1, 1, &info);
    fst_extent_id_t ids [] = { { blob, 4 }, { whole, FST_EXTENT_ALL }, { blob, 1 }, { blob, 7 }, { blob, 3 } };
    for (int turn = 0; turn < 2; turn++) {
        bool found [5] = { false };
        fst_extent_ids_sort (ids, 5);           //  1, 3, 4, 7 of blob, then whole
        cr_assert (fst_extents_delete (s_extents, ids, 5, found) == FST_OK);
        const bool expect [5] = { true, true, true, false, true };
        for (int at = 0; at < 5; at++)
            cr_assert_eq (found [at], turn == 0 && expect [at], "turn %d row %d", turn, at);
        for (uint32_t extent = 0; extent < 5; extent++)
            cr_assert_eq (s_try (blob, extent, 0, 1, true), extent == 0 || extent == 2? FST_OK: FST_NOT_FOUND);
        cr_assert (s_try (whole, 0, 0, 1, true) == FST_NOT_FOUND && s_try (whole, 1, 0, 1, true) == FST_NOT_FOUND);
        cr_assert_eq (s_statistics ().sealed, 2);
        cr_assert_eq (s_statistics ().open, 0);
    }
}

//  ---- Check

Test (extents, a_check_says_what_the_seal_said)
{
    fst_blob_id_t blob = test_blob (21, 1);
    fst_extent_info_t sealed, found;
    cr_assert (s_put (blob, 0, 0, false, NULL) == FST_OK);
    cr_assert (fst_extents_check (s_extents, &blob, 0, true, &found) == FST_NOT_FOUND, "it is open");
    cr_assert (s_put (blob, 1, 100, true, NULL) == FST_OK);
    cr_assert (fst_extents_seal (s_extents, &blob, 0, 2, &sealed) == FST_OK);
    for (int deep = 0; deep < 2; deep++) {
        memset (&found, 0, sizeof (found));
        cr_assert (fst_extents_check (s_extents, &blob, 0, deep, &found) == FST_OK);
        cr_assert_eq (found.digest, sealed.digest);
        cr_assert_eq (found.bytes, sealed.bytes);
        cr_assert_eq (found.chunks, 2);
    }
    cr_assert (fst_extents_check (s_extents, &blob, 1, false, &found) == FST_NOT_FOUND);
}

Test (extents, a_check_finds_all_damage_when_it_is_deep)
{
    //  Of three records, the last one short
    const int64_t stride = fst_record_stride (LOG2);
    const struct { int64_t offset; bool cut; bool shallow; } damage [] = {
        { 0,              false, true  },       //  First header
        { stride,         false, true  },       //  A later one
        { stride + 30,    false, true  },       //  Its slot number
        { stride + 36,    false, true  },       //  Its length
        { stride + 2000,  false, false },       //  Only in the octets
        { 2 * stride,     true,  false },       //  All of the last record
        { 2 * stride + 5, true,  true  },       //  Most of it
        { 2 * stride + 150, true, true  },      //  A little of it
        { 0,              true,  true  },       //  Everything
    };
    for (size_t at = 0; at < sizeof (damage) / sizeof (damage [0]); at++) {
        fst_blob_id_t blob = test_blob (22, (uint32_t) at);
        fst_extent_info_t info, sealed;
        for (uint32_t chunk = 0; chunk < 3; chunk++)
            cr_assert (s_put (blob, chunk, chunk == 2? 100: 0, chunk == 2, NULL) == FST_OK);
        cr_assert (fst_extents_seal (s_extents, &blob, 0, 3, &sealed) == FST_OK);
        s_damage (blob, 0, false, damage [at].offset, damage [at].cut);
        fst_rc_t shallow = fst_extents_check (s_extents, &blob, 0, false, &info);
        cr_assert_eq (shallow, damage [at].shallow? FST_CORRUPT: FST_OK, "row %zu: %s", at, fst_error_code (shallow));
        fst_rc_t deep = fst_extents_check (s_extents, &blob, 0, true, &info);
        if (damage [at].cut && damage [at].offset == 2 * stride)
            cr_assert (deep == FST_OK && info.chunks == 2 && info.digest != sealed.digest, "the number of chunks tells");
        else
            cr_assert_eq (deep, FST_CORRUPT, "row %zu: %s", at, fst_error_code (deep));
    }
}

Test (extents, pages_of_the_inventory_have_everything_once_in_order)
{
    enum { BLOBS = 40, EXTENTS = 12 };      //  12: as text, 10 comes before 9
    fst_extent_info_t info;
    for (uint32_t blob = 0; blob < BLOBS; blob++)
        for (uint32_t extent = 0; extent < (blob % 7 == 0? EXTENTS: 1); extent++)
            s_put_sealed (test_blob ((uint8_t) (blob * 37), blob), extent, 1, &info);
    cr_assert (s_put (test_blob (200, 1), 0, 0, false, NULL) == FST_OK);        //  Open: not in it
    int64_t expect = s_statistics ().sealed;
    for (size_t limit = 1; limit < 100; limit = 2 * limit + 1) {
        fst_held_t held [100], last = { .extent = 0 };
        int64_t seen = 0;
        size_t count = limit;
        while (count == limit) {
            cr_assert (fst_extents_list (s_extents, seen? &last.blob: NULL, last.extent, held, limit, &count) == FST_OK);
            for (size_t at = 0; at < count; at++, seen++) {
                cr_assert (seen == 0 || fst_held_compare (&last, &held [at]) < 0);
                cr_assert_eq (held [at].bytes, (int64_t) fst_record_bytes (65536));
                last = held [at];
            }
        }
        cr_assert_eq (seen, expect, "limit %zu: %ld rows", limit, (long) seen);
    }
}

Test (extents, counts_are_the_same_after_a_restart)
{
    fst_extent_info_t info;
    for (uint8_t upload = 0; upload < 20; upload++)
        s_put_sealed (test_blob (upload, 0), 0, 1, &info);
    for (uint8_t upload = 20; upload < 25; upload++)
        cr_assert (s_put (test_blob (upload, 0), 0, 0, false, NULL) == FST_OK);
    fst_extents_statistics_t before = s_statistics ();
    s_reopen ();
    cr_assert (fst_extents_count (s_extents) == FST_OK);
    cr_assert_eq (s_statistics ().sealed, 20);
    cr_assert_eq (s_statistics ().open, 5);
    cr_assert_eq (before.sealed, 20);
    cr_assert_eq (before.open, 5);
}

static int
s_open_files (void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl (fd, F_GETFD) != -1;
    return count;
}

Test (extents, open_files_and_known_extents_are_bounded)
{
    enum { EXTENTS = FST_EXTENTS_KNOWN_MAX + 100 };
    int before = s_open_files ();
    fst_extent_info_t info;
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t blob = 0; blob < EXTENTS; blob++) {
            test_record_t made = test_record (test_blob ((uint8_t) blob, blob), round, SLOTS, LOG2, round? 10: 0, round, 1);
            cr_assert (s_store (&made) == FST_OK);
            test_record_free (&made);
        }
    cr_assert_leq (s_open_files (), before + FST_EXTENTS_OPEN_MAX);
    cr_assert_eq (s_statistics ().open, EXTENTS);
    for (uint32_t blob = 0; blob < EXTENTS; blob += 97) {
        fst_blob_id_t id = test_blob ((uint8_t) blob, blob);
        cr_assert (fst_extents_seal (s_extents, &id, 0, 2, &info) == FST_OK, "known or forgotten, it has its records");
    }
}

Test (extents, only_our_names_are_extents)
{
    fst_blob_id_t blob, parsed;
    uint32_t extent;
    bool open;
    memset (blob.bytes, 0xa5, sizeof (blob.bytes));
    char name [FST_EXTENT_NAME_MAX];
    fst_extent_name (&blob, UINT32_MAX, true, name);
    cr_assert_str_eq (name, "extents/a5/a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5-4294967295.open");
    cr_assert (fst_extent_parse (strrchr (name, '/') + 1, &parsed, &extent, &open) == FST_OK);
    cr_assert (memcmp (&parsed, &blob, sizeof (blob)) == 0 && extent == UINT32_MAX && open);
    const char *wrong [] = { "", "a5", "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5", "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5-",
        "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5-01", "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5-4294967296",
        "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5--1", "A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5-1",
        "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5-1.corrupt", "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5-1.open.open",
        "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5-1 ", "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5+1", "x5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5-1" };
    for (size_t at = 0; at < sizeof (wrong) / sizeof (wrong [0]); at++)
        cr_assert (fst_extent_parse (wrong [at], &parsed, &extent, &open) == FST_MALFORMED, "%s", wrong [at]);
}

//  ---- For copies

Test (extents, a_seal_for_something_else_leaves_it_open)
{
    fst_blob_id_t blob = test_blob (30, 1);
    fst_extent_info_t info, want;
    uint64_t checksums [2];
    for (uint32_t chunk = 0; chunk < 2; chunk++)
        cr_assert (s_put (blob, chunk, 0, false, &checksums [chunk]) == FST_OK);
    want = (fst_extent_info_t) { .blob = blob, .chunks = 2, .bytes = 2 << LOG2,
                                 .digest = fst_extent_digest (checksums, 2) };
    want.digest ^= 1;
    cr_assert (fst_extents_seal_as (s_extents, &want) == FST_CORRUPT);
    want.digest ^= 1;
    want.bytes--;
    cr_assert (fst_extents_seal_as (s_extents, &want) == FST_CORRUPT);
    want.bytes++;
    cr_assert (s_try (blob, 0, 0, 1, false) == FST_NOT_FOUND, "nobody sees it");
    cr_assert_eq (s_statistics ().open, 1);
    for (int turn = 0; turn < 2; turn++)
        cr_assert (fst_extents_seal_as (s_extents, &want) == FST_OK);
    want.digest ^= 1;
    cr_assert (fst_extents_seal_as (s_extents, &want) == FST_EXISTS);
    cr_assert (fst_extents_check (s_extents, &blob, 0, true, &info) == FST_OK);
}

Test (extents, a_damaged_extent_is_opened_again_and_keeps_its_good_records)
{
    fst_blob_id_t blob = test_blob (31, 1);
    fst_extent_info_t info, found;
    test_record_t made [4];
    bool have [4];
    for (uint32_t chunk = 0; chunk < 4; chunk++) {
        made [chunk] = test_record (blob, chunk, SLOTS, LOG2, chunk == 3? 50: 0, chunk == 3, (uint8_t) chunk);
        cr_assert (s_store (&made [chunk]) == FST_OK);
    }
    cr_assert (fst_extents_look (s_extents, &blob, 0, have, 4) == FST_OK);
    cr_assert (have [0] && have [1] && have [2] && have [3]);
    cr_assert (fst_extents_seal (s_extents, &blob, 0, 4, &info) == FST_OK);
    cr_assert (fst_extents_look (s_extents, &blob, 0, have, 4) == FST_NOT_FOUND, "it is sealed");
    s_damage (blob, 0, false, 10, false);
    s_damage (blob, 0, false, 2 * fst_record_stride (LOG2) + 3000, false);
    cr_assert (fst_extents_check (s_extents, &blob, 0, true, &found) == FST_CORRUPT);
    cr_assert (fst_extents_reopen (s_extents, &blob, 0) == FST_OK);
    cr_assert (fst_extents_reopen (s_extents, &blob, 0) == FST_NOT_FOUND);
    cr_assert (s_statistics ().sealed == 0 && s_statistics ().open == 1);
    for (int turn = 0; turn < 2; turn++) {
        cr_assert (fst_extents_look (s_extents, &blob, 0, have, 4) == FST_OK);
        cr_assert (!have [0] && have [1] && !have [2] && have [3]);
        s_reopen ();
    }
    cr_assert (s_store (&made [0]) == FST_OK);
    cr_assert (fst_extents_seal_as (s_extents, &info) == FST_NOT_FOUND);
    cr_assert (s_store (&made [2]) == FST_OK);
    cr_assert (fst_extents_seal_as (s_extents, &info) == FST_OK);
    cr_assert (fst_extents_check (s_extents, &blob, 0, true, &found) == FST_OK);
    cr_assert_eq (found.digest, info.digest);
    for (uint32_t chunk = 0; chunk < 4; chunk++)
        test_record_free (&made [chunk]);
}

Test (extents, dropping_takes_an_open_extent_only)
{
    fst_blob_id_t blob = test_blob (32, 1);
    fst_extent_info_t info;
    s_put_sealed (blob, 0, 1, &info);
    cr_assert (s_put (blob, SLOTS, 0, false, NULL) == FST_OK);
    for (int turn = 0; turn < 2; turn++)
        for (uint32_t extent = 0; extent < 2; extent++)
            cr_assert (fst_extents_drop (s_extents, &blob, extent) == FST_OK);
    cr_assert (s_try (blob, 0, 0, 1, true) == FST_OK);
    cr_assert (s_try (blob, 1, 0, 1, true) == FST_NOT_FOUND);
    cr_assert (s_statistics ().sealed == 1 && s_statistics ().open == 0);
}

static void
s_set_written (const test_record_t *made, bool open, int64_t seconds_ago)
{
    char name [FST_EXTENT_NAME_MAX], path [700];
    fst_extent_name (&made->record.blob, made->record.extent, open, name);
    snprintf (path, sizeof (path), "%s/%s", s_folder, name);
    struct timespec when = { .tv_sec = time (NULL) - seconds_ago }, times [2] = { when, when };
    cr_assert (utimensat (AT_FDCWD, path, times, 0) == 0);
}

Test (extents, what_nobody_goes_on_with_expires)
{
    bool have [SLOTS];
    size_t dropped = 0;
    fst_extent_info_t info;
    test_record_t made = test_record (test_blob (33, 1), 0, SLOTS, LOG2, 0, false, 7);
    cr_assert (s_store (&made) == FST_OK);
    s_set_written (&made, true, 100000);
    cr_assert (fst_extents_expire (s_extents, 50000000, &dropped) == FST_OK);
    cr_expect_eq (dropped, 0, "it was in use a moment ago, so only the wall clock can be wrong");
    s_reopen ();
    cr_assert (fst_extents_count (s_extents) == FST_OK);
    cr_assert (fst_extents_expire (s_extents, 150000000, &dropped) == FST_OK);
    cr_expect_eq (dropped, 0, "not old enough");
    s_set_written (&made, true, -100000);
    cr_assert (fst_extents_expire (s_extents, 50000000, &dropped) == FST_OK);
    cr_expect_eq (dropped, 1, "a time far in the future is none");
    cr_expect_eq (fst_extents_look (s_extents, &made.record.blob, 0, have, SLOTS), FST_NOT_FOUND);
    cr_assert (s_store (&made) == FST_OK);
    cr_assert (fst_extents_seal (s_extents, &made.record.blob, 0, 1, &info) == FST_OK);
    s_reopen ();
    cr_assert (fst_extents_expire (s_extents, 0, &dropped) == FST_OK);
    cr_expect_eq (dropped, 0, "sealed ones are not touched");
    test_record_free (&made);
}

//  Perhaps nobody else has what is good in it.
Test (extents, a_damaged_extent_that_was_reopened_is_not_an_old_upload)
{
    bool have [2];
    size_t dropped = 0;
    fst_blob_id_t blob = test_blob (34, 1);
    fst_extent_info_t info;
    test_record_t made [2] = {
        test_record (blob, 0, SLOTS, LOG2, 0, false, 1), test_record (blob, 1, SLOTS, LOG2, 50, true, 2)
    };
    cr_assert (s_store (&made [0]) == FST_OK && s_store (&made [1]) == FST_OK);
    cr_assert (fst_extents_seal (s_extents, &blob, 0, 2, &info) == FST_OK);
    s_damage (blob, 0, false, 10, false);
    s_set_written (&made [0], false, 100000);
    cr_assert (fst_extents_reopen (s_extents, &blob, 0) == FST_OK);
    s_reopen ();
    cr_assert (fst_extents_count (s_extents) == FST_OK);
    cr_assert (fst_extents_expire (s_extents, 50000000, &dropped) == FST_OK);
    cr_expect_eq (dropped, 0);
    cr_expect (fst_extents_look (s_extents, &blob, 0, have, 2) == FST_OK && !have [0] && have [1]);
    test_record_free (&made [0]);
    test_record_free (&made [1]);
}
