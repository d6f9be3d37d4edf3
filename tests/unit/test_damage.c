//  Bytes damaged at random places of what a node has on disk: never returned, and found by a check. Prints how many
//  injuries were done and found; FST_SEED repeats a run, FST_ROUNDS makes it longer.

#include <criterion/criterion.h>
#include <stdio.h>
#include "fault_vfs.h"
#include "fst_clock.h"
#include "fst_extent_name.h"
#include "fst_extents.h"
#include "fst_small.h"
#include "seeded.h"
#include "storage_records.h"

#define LOG2    16
#define SLOTS   3
#define BLOBS   3
#define EXTENTS 2                       //  Of each blob; the last record is a short one
#define SMALL   60

static int
s_rounds (int standard)
{
    const char *rounds = getenv ("FST_ROUNDS");
    return rounds? atoi (rounds): standard;
}

TestSuite (damage, .init = seed_from_environment, .timeout = 3000);

//  ---- Extents

static test_record_t s_records [BLOBS] [EXTENTS * SLOTS];

static void
s_make_records (void)
{
    for (uint8_t blob = 0; blob < BLOBS; blob++)
        for (uint32_t chunk = 0; chunk < EXTENTS * SLOTS; chunk++) {
            bool last = chunk == EXTENTS * SLOTS - 1;
            s_records [blob] [chunk] = test_record (test_blob (7, blob), chunk, SLOTS, LOG2, last? 12345: 0, last,
                                                    (uint8_t) (10 * blob + chunk));
        }
}

static void
s_free_records (void)
{
    for (uint8_t blob = 0; blob < BLOBS; blob++)
        for (uint32_t chunk = 0; chunk < EXTENTS * SLOTS; chunk++)
            test_record_free (&s_records [blob] [chunk]);
}

//  All extents, sealed; their receipts are what metadata knows.
static void
s_fill (fst_extents_t *extents, fst_extent_info_t infos [BLOBS] [EXTENTS])
{
    for (uint8_t blob = 0; blob < BLOBS; blob++) {
        fst_blob_id_t id = test_blob (7, blob);
        for (uint32_t chunk = 0; chunk < EXTENTS * SLOTS; chunk++)
            cr_assert (fst_extents_store (extents, &s_records [blob] [chunk].record, s_records [blob] [chunk].data) == FST_OK);
        for (uint32_t extent = 0; extent < EXTENTS; extent++)
            cr_assert (fst_extents_seal (extents, &id, extent, SLOTS, &infos [blob] [extent]) == FST_OK);
    }
}

typedef struct {
    fake_disk_t *fake;
    fst_disk_t *disk;
    char name [FST_EXTENT_NAME_MAX], other [FST_EXTENT_NAME_MAX];
    fst_disk_file_t *file;
    int64_t size;
} s_victim_t;

static void
s_overwrite (s_victim_t *self, int64_t offset, const void *data, size_t bytes)
{
    if (offset + (int64_t) bytes > self->size)
        bytes = (size_t) (self->size - offset);
    cr_assert (self->disk->write (self->disk->self, self->file, offset, data, bytes) == FST_OK);
}

static bool
s_is_same (s_victim_t *self, const uint8_t *before)
{
    uint8_t *now = malloc ((size_t) self->size + 1);
    size_t got;
    cr_assert (self->disk->read (self->disk->self, self->file, 0, now, (size_t) self->size + 1, &got) == FST_OK);
    bool same = got == (size_t) self->size && memcmp (now, before, got) == 0;
    free (now);
    return same;
}

typedef enum { FLIP, ZERO, NOISE, CUT, LONGER, SWAP, COPY_RECORD, COPY_FILE, REMOVE, KINDS } s_kind_t;
static const char *const s_kind_names [] = {
    "flip", "zero", "noise", "cut", "longer", "swap", "copied record", "copied file", "removed"
};

//  One injury of that kind. The octets of the file, as they were, are in before.
static void
s_injure (s_victim_t *self, s_kind_t kind, const uint8_t *before)
{
    static uint8_t zeros [8192], noise [8192];
    int64_t offset = (int64_t) s_random ((uint64_t) self->size), stride = fst_record_stride (LOG2);
    size_t bytes = 1 + (size_t) s_random (sizeof (zeros));
    uint8_t octet = before [offset] ^ (uint8_t) (1u << s_random (8));
    for (size_t at = 0; kind == NOISE && at < sizeof (noise); at++)
        noise [at] = (uint8_t) s_random (256);
    int64_t from = (int64_t) s_random (SLOTS) * stride, to = (int64_t) s_random (SLOTS) * stride;
    switch (kind) {
    case FLIP:
        s_overwrite (self, offset, &octet, 1);
        break;
    case ZERO:
        s_overwrite (self, offset, zeros, bytes);
        break;
    case NOISE:
        s_overwrite (self, offset, noise, bytes);
        break;
    case CUT:
        cr_assert (fake_disk_truncate (self->fake, self->file, s_random (4)? offset: offset / stride * stride) == FST_OK);
        break;
    case LONGER:
        cr_assert (self->disk->write (self->disk->self, self->file, self->size, before, bytes) == FST_OK);
        break;
    case SWAP:
        cr_assert (self->disk->rename (self->disk->self, self->name, "swap") == FST_OK);
        cr_assert (self->disk->rename (self->disk->self, self->other, self->name) == FST_OK);
        cr_assert (self->disk->rename (self->disk->self, "swap", self->other) == FST_OK);
        break;
    case COPY_RECORD:
        s_overwrite (self, to, before + from, (size_t) (from + stride > self->size? self->size - from: stride));
        break;
    case COPY_FILE:
        cr_assert (self->disk->rename (self->disk->self, self->other, self->name) == FST_OK);
        break;
    default:
        cr_assert (self->disk->unlink (self->disk->self, self->name) == FST_OK);
    }
}

//  Choose a file and another one, injure it; true if something is different now.
static bool
s_injure_one (fake_disk_t *fake, s_kind_t kind)
{
    s_victim_t victim = { .fake = fake, .disk = fake_disk_port (fake) };
    unsigned which = (unsigned) s_random (BLOBS * EXTENTS), other = which;
    while (other == which)
        other = (unsigned) s_random (BLOBS * EXTENTS);
    fst_blob_id_t id = test_blob (7, which / EXTENTS), other_id = test_blob (7, other / EXTENTS);
    fst_extent_name (&id, which % EXTENTS, false, victim.name);
    fst_extent_name (&other_id, other % EXTENTS, false, victim.other);
    fst_disk_t *disk = victim.disk;
    cr_assert (disk->open (disk->self, victim.name, false, &victim.file) == FST_OK);
    cr_assert (disk->size (disk->self, victim.file, &victim.size) == FST_OK);
    uint8_t *before = malloc ((size_t) victim.size);
    size_t got;
    cr_assert (disk->read (disk->self, victim.file, 0, before, (size_t) victim.size, &got) == FST_OK);
    s_injure (&victim, kind, before);
    bool changed = kind >= SWAP && kind != COPY_RECORD? true: !s_is_same (&victim, before);
    disk->close (disk->self, &victim.file);
    free (before);
    return changed;
}

//  Every record that is given is the right one. How many are not given.
static int
s_read_all (fst_extents_t *extents)
{
    int missing = 0;
    for (uint8_t blob = 0; blob < BLOBS; blob++)
        for (uint32_t chunk = 0; chunk < EXTENTS * SLOTS; chunk++) {
            const test_record_t *made = &s_records [blob] [chunk];
            zmsg_t *records = NULL;
            fst_rc_t rc = fst_extents_read (extents, &made->record.blob, made->record.extent, made->record.slot, 1,
                                            s_random (2), 1 << LOG2, &records);
            if (rc == FST_OK) {
                zframe_t *frame = zmsg_first (records);
                cr_assert (zframe_size (frame) == made->bytes && memcmp (zframe_data (frame), made->data, made->bytes) == 0,
                           "damaged octets were returned");
                zmsg_destroy (&records);
            }
            else
                cr_assert (rc == FST_CORRUPT || rc == FST_NOT_FOUND, "%s", fst_error_code (rc));
            missing += rc != FST_OK;
        }
    return missing;
}

//  What a scrub and metadata's book find together.
static int
s_check_all (fst_extents_t *extents, fst_extent_info_t infos [BLOBS] [EXTENTS])
{
    int bad = 0;
    for (uint8_t blob = 0; blob < BLOBS; blob++)
        for (uint32_t extent = 0; extent < EXTENTS; extent++) {
            fst_blob_id_t id = test_blob (7, blob);
            fst_extent_info_t info = { .extent = 0 }, *known = &infos [blob] [extent];
            fst_rc_t rc = fst_extents_check (extents, &id, extent, true, &info);
            cr_assert (rc == FST_OK || rc == FST_CORRUPT || rc == FST_NOT_FOUND, "%s", fst_error_code (rc));
            bad += rc != FST_OK || info.chunks != known->chunks || info.digest != known->digest || info.bytes != known->bytes;
        }
    return bad;
}

Test (damage, no_damaged_extent_is_returned_and_each_is_found)
{
    int injuries [KINDS] = { 0 }, found [KINDS] = { 0 }, unread [KINDS] = { 0 }, total = 0;
    s_make_records ();
    for (int round = s_rounds (450); round > 0; round--) {
        s_kind_t kind = (s_kind_t) (round % KINDS);
        fake_disk_t *fake = fake_disk_new (s_seed);
        fst_extents_t *extents;
        fst_extent_info_t infos [BLOBS] [EXTENTS];
        cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
        s_fill (extents, infos);
        cr_assert_eq (s_read_all (extents) + s_check_all (extents, infos), 0);
        bool running = s_random (2);
        if (!running)
            fst_extents_destroy (&extents);
        bool changed = s_injure_one (fake, kind);
        if (!running)
            cr_assert (fst_extents_new (fake_disk_port (fake), &extents) == FST_OK);
        unread [kind] += s_read_all (extents) > 0;
        bool is_found = s_check_all (extents, infos) > 0;
        cr_assert_eq (is_found, changed, "%s, round %d: %s", s_kind_names [kind], round, changed? "not found": "nothing there");
        injuries [kind] += changed;
        found [kind] += is_found;
        total += changed;
        fst_extents_destroy (&extents);
        fake_disk_destroy (&fake);
    }
    for (s_kind_t kind = 0; kind < KINDS; kind++)
        fprintf (stderr, "extents, %s: %d injuries, %d found by a check, %d by reading\n", s_kind_names [kind], injuries [kind],
                     found [kind], unread [kind]);
    fprintf (stderr, "extents: %d injuries, all found, none returned\n", total);
    s_free_records ();
}

//  ---- small.db

static test_record_t s_small_records [SMALL];

//  Blobs in several commits, and a process that ended cleanly or was killed.
static void
s_fill_small (fake_disk_t *fake, bool clean)
{
    char *problem = NULL;
    fst_small_t *small = NULL;
    cr_assert (fst_small_open ("/nowhere/small.db", &small, &problem) == FST_OK);
    for (uint32_t at = 0; at < SMALL; at++) {
        const uint8_t *data = s_small_records [at].data;
        if (at % 10 == 0)
            cr_assert (fst_small_begin (small) == FST_OK);
        cr_assert (fst_small_store (small, &s_small_records [at].record, &data, 1) == FST_OK);
        if (at % 10 == 9)
            cr_assert (fst_small_commit (small) == FST_OK);
    }
    if (!clean)
        fake_disk_crash_now (fake);     //  All is synced, so nothing is lost; but the log stays
    fst_small_destroy (&small);
    fake_disk_restart (fake);
}

//  A page, or a part of one, gets other octets; or the file is cut. True if something is different now.
static bool
s_injure_small (fake_disk_t *fake)
{
    static const s_kind_t kinds [] = { FLIP, FLIP, ZERO, NOISE, CUT, COPY_RECORD };
    s_victim_t victim = { .fake = fake, .disk = fake_disk_port (fake) };
    s_kind_t kind = kinds [s_random (sizeof (kinds) / sizeof (kinds [0]))];
    strcpy (victim.name, s_random (3)? "small.db": "small.db-wal");
    if (victim.disk->open (victim.disk->self, victim.name, false, &victim.file) != FST_OK) {
        strcpy (victim.name, "small.db");
        cr_assert (victim.disk->open (victim.disk->self, victim.name, false, &victim.file) == FST_OK);
    }
    cr_assert (victim.disk->size (victim.disk->self, victim.file, &victim.size) == FST_OK);
    if (victim.size == 0) {
        victim.disk->close (victim.disk->self, &victim.file);
        return false;
    }
    uint8_t *before = malloc ((size_t) victim.size);
    size_t got;
    cr_assert (victim.disk->read (victim.disk->self, victim.file, 0, before, (size_t) victim.size, &got) == FST_OK);
    if (s_random (4) == 0 && victim.size >= 16384) {
        int64_t offset = 16384 - 1 - (int64_t) s_random (1000);         //  The names of tables and columns lie there
        uint8_t octet = before [offset] ^ (uint8_t) (1u << s_random (8));
        s_overwrite (&victim, offset, &octet, 1);
    }
    else
    if (kind == COPY_RECORD) {          //  One page over another
        int64_t pages = victim.size / 16384;
        s_overwrite (&victim, (int64_t) s_random ((uint64_t) pages + 1) * 16384,
                     before + s_random ((uint64_t) pages + 1) * 16384 % (size_t) victim.size, pages? 16384: 1);
    }
    else
        s_injure (&victim, kind, before);
    bool changed = !s_is_same (&victim, before);
    victim.disk->close (victim.disk->self, &victim.file);
    free (before);
    return changed;
}

//  How many blobs are not given; those that are, are right.
static int
s_read_small (fst_small_t *small)
{
    int missing = 0;
    for (uint32_t at = 0; at < SMALL; at++) {
        zframe_t *frame = NULL;
        fst_rc_t rc = fst_small_read (small, &s_small_records [at].record.blob, &frame);
        if (rc == FST_OK)
            cr_assert (zframe_size (frame) == s_small_records [at].bytes
                       && memcmp (zframe_data (frame), s_small_records [at].data, s_small_records [at].bytes) == 0,
                       "damaged octets were returned");
        zframe_destroy (&frame);
        missing += rc != FST_OK;
    }
    return missing;
}

//  Work on: whatever comes of it, the process does not fall over its own assertions.
static void
s_use_small (fst_small_t *small)
{
    fst_held_t held [SMALL + 1];
    size_t count;
    test_record_t made = test_small (test_blob (2, (uint32_t) s_random (1000)), 3000, 1);
    const uint8_t *data = made.data;
    fst_extent_id_t id = { s_small_records [s_random (SMALL)].record.blob, FST_EXTENT_ALL };
    bool found = false;
    fst_rc_t rc = fst_small_list (small, NULL, held, SMALL + 1, &count);
    if (fst_small_begin (small) == FST_OK) {
        rc = fst_small_store (small, &made.record, &data, 1);
        if (rc == FST_OK)
            rc = fst_small_delete (small, &id, 1, &found);
        rc = fst_small_commit (small);
    }
    cr_assert (rc != FST_INTERNAL, "damage passes for a bug");
    test_record_free (&made);
}

Test (damage, no_damaged_small_blob_is_returned)
{
    int injuries = 0, refused = 0, unread = 0;
    for (uint32_t at = 0; at < SMALL; at++)
        s_small_records [at] = test_small (test_blob (1, at), 1 + at * 997 % 9000, (uint8_t) at);
    for (int round = s_rounds (250); round > 0; round--) {
        char *problem = NULL;
        fst_small_t *small = NULL;
        fake_disk_t *fake = fake_disk_new (s_seed);
        fault_vfs_use (fake);
        s_fill_small (fake, s_random (2));
        injuries += s_injure_small (fake);
        fst_rc_t rc = fst_small_open ("/nowhere/small.db", &small, &problem);
        if (rc == FST_OK) {
            unread += s_read_small (small) > 0;
            s_use_small (small);
        }
        else
            refused++;
        free (problem);
        fst_small_destroy (&small);
        fault_vfs_use (NULL);
        fake_disk_destroy (&fake);
    }
    fprintf (stderr, "small.db: %d injuries, %d found at the start, %d more by reading; none returned\n", injuries, refused, unread);
    for (uint32_t at = 0; at < SMALL; at++)
        test_record_free (&s_small_records [at]);
}
