//  The stores of a node as its threads use them, at the same time on the same blobs: one writes records, one
//  seals and deletes, one commits small blobs, two read. For the thread sanitizer; and whatever is read is whole.

#include <czmq.h>
#include <stdatomic.h>
#include "fst_clock.h"
#include "fst_small.h"
#include "storage_records.h"

#define ROUNDS 150
#define BLOBS  5
#define CHUNKS 3
#define LOG2   16

static fst_extents_t *s_extents;
static fst_small_t *s_small;
static test_record_t s_records [BLOBS] [CHUNKS];
static test_record_t s_smalls [BLOBS];
static atomic_bool s_over;
static atomic_int s_sealed, s_read;

static void
s_must (bool right, const char *what)
{
    if (!right) {
        fprintf (stderr, "failed: %s\n", what);
        abort ();
    }
}

static void *
s_writer (void *arg)
{
    (void) arg;
    int64_t until_ms = fst_clock_mono_ms () + 60000;
    bool met = false;                   //  The others had their turn too
    for (int round = 0; round < ROUNDS * CHUNKS || (!met && fst_clock_mono_ms () < until_ms); round++) {
        met = atomic_load (&s_sealed) > 0 && atomic_load (&s_read) > 0;
        for (int blob = 0; blob < BLOBS; blob++) {
            test_record_t *made = &s_records [blob] [round % CHUNKS];
            s_must (fst_extents_store (s_extents, &made->record, made->data) == FST_OK, "store");
        }
    }
    atomic_store (&s_over, true);
    return NULL;
}

static void *
s_sealer (void *arg)
{
    (void) arg;
    for (int round = 0; !atomic_load (&s_over); round++) {
        fst_blob_id_t blob = test_blob (1, (uint32_t) round % BLOBS);
        fst_extent_info_t info;
        bool found = false;
        fst_rc_t rc = fst_extents_seal (s_extents, &blob, 0, CHUNKS, &info);
        s_must (rc == FST_OK || rc == FST_NOT_FOUND, "seal");
        atomic_fetch_add (&s_sealed, rc == FST_OK);
        if (round % 3 == 0)
            s_must (fst_extents_delete (s_extents, &(fst_extent_id_t) { blob, FST_EXTENT_ALL }, 1, &found) == FST_OK, "delete");
        fst_held_t held [BLOBS];
        size_t count;
        s_must (fst_extents_list (s_extents, NULL, 0, held, BLOBS, &count) == FST_OK, "list");
    }
    return NULL;
}

static void *
s_committer (void *arg)
{
    (void) arg;
    for (int round = 0; !atomic_load (&s_over); round++) {
        test_record_t *made = &s_smalls [round % BLOBS];
        const uint8_t *data = made->data;
        bool found;
        s_must (fst_small_begin (s_small) == FST_OK, "begin");
        if (round % 2)
            s_must (fst_small_delete (s_small, &(fst_extent_id_t) { made->record.blob, 0 }, 1, &found) == FST_OK, "delete small");
        else
            s_must (fst_small_store (s_small, &made->record, &data, 1) == FST_OK, "store small");
        s_must (fst_small_commit (s_small) == FST_OK, "commit");
    }
    return NULL;
}

static void
s_compare (zmsg_t *records, const test_record_t *made)
{
    zframe_t *frame = zmsg_first (records);
    s_must (zframe_size (frame) == made->bytes && memcmp (zframe_data (frame), made->data, made->bytes) == 0,
            "what was read is not what was written");
    atomic_fetch_add (&s_read, 1);
}

static void *
s_reader (void *arg)
{
    (void) arg;
    for (int round = 0; !atomic_load (&s_over); round++) {
        int blob = round % BLOBS, slot = round % CHUNKS;
        zmsg_t *records = NULL;
        fst_rc_t rc = fst_extents_read (s_extents, &s_records [blob] [slot].record.blob, 0, (uint32_t) slot, 1,
                                        round % 2, 1, &records);
        s_must (rc == FST_OK || rc == FST_NOT_FOUND, "read");
        if (rc == FST_OK)
            s_compare (records, &s_records [blob] [slot]);
        zmsg_destroy (&records);
        zframe_t *frame = NULL;
        rc = fst_small_read (s_small, &s_smalls [blob].record.blob, &frame);
        s_must (rc == FST_OK || rc == FST_NOT_FOUND, "read small");
        zframe_destroy (&frame);
    }
    return NULL;
}

int
main (void)
{
    const char *base = getenv ("TMPDIR");
    char folder [400], filename [512];
    snprintf (folder, sizeof (folder), "%s/threads-XXXXXX", base? base: "/tmp");
    s_must (mkdtemp (folder) != NULL, "a folder");
    snprintf (filename, sizeof (filename), "%s/small.db", folder);
    fst_disk_t *disk;
    char *problem = NULL;
    s_must (fst_disk_open (folder, &disk) == FST_OK, "open disk");
    s_must (fst_extents_new (disk, &s_extents) == FST_OK, "open extents");
    s_must (fst_small_open (filename, &s_small, &problem) == FST_OK, "open small.db");
    for (uint32_t blob = 0; blob < BLOBS; blob++) {
        for (uint32_t chunk = 0; chunk < CHUNKS; chunk++)
            s_records [blob] [chunk] = test_record (test_blob (1, blob), chunk, CHUNKS, LOG2, 0, false, (uint8_t) chunk);
        s_smalls [blob] = test_small (test_blob (2, blob), 1000, 1);
    }

    void *(*const jobs []) (void *) = { s_writer, s_sealer, s_committer, s_reader, s_reader };
    pthread_t threads [5];
    for (int at = 0; at < 5; at++)
        s_must (pthread_create (&threads [at], NULL, jobs [at], NULL) == 0, "a thread");
    for (int at = 0; at < 5; at++)
        pthread_join (threads [at], NULL);
    s_must (atomic_load (&s_sealed) > 0 && atomic_load (&s_read) > 0, "nothing was sealed or read");

    for (int blob = 0; blob < BLOBS; blob++) {
        for (int chunk = 0; chunk < CHUNKS; chunk++)
            test_record_free (&s_records [blob] [chunk]);
        test_record_free (&s_smalls [blob]);
    }
    fst_small_destroy (&s_small);
    fst_extents_destroy (&s_extents);
    fst_disk_destroy (&disk);
    char *command = zsys_sprintf ("rm -rf '%s'", folder);
    s_must (system (command) == 0, "rm");
    free (command);
    return 0;
}
