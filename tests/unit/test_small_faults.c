//  Small blobs on a disk that fails at each of its calls, and loses power at each of its syncs: each commit said the
//  truth, what was acknowledged is whole afterwards, a batch is there wholly or not at all, and the sequence never
//  went back. And a store that ended so goes on after a restart, and what it then acknowledges stays.

#include <criterion/criterion.h>
#include <stdio.h>
#include "fault_vfs.h"
#include "fst_small.h"
#include "storage_records.h"
#include "sweep.h"

#define NAME    "/nowhere/small.db"
#define BLOBS   24
#define SEEDS   12
#define BATCHES (sizeof (s_batches) / sizeof (s_batches [0]))

//  One commit: what it stores, deletes, and has seen.
static const struct { uint32_t store_from, store_to, delete_from, delete_to; int64_t sequence; } s_batches [] = {
    { 0,  6,  0,  0, 5 },
    { 6, 13,  2,  4, 9 },
    { 13, 18, 0,  0, 7 },
    { 0,  0,  5, 14, 20 },
    { 18, 24, 0,  1, 20 },
};

typedef struct {
    bool here [BLOBS];
    int64_t sequence;
} s_state_t;

static test_record_t s_made [BLOBS];

static void
s_setup (void)
{
    for (uint32_t at = 0; at < BLOBS; at++)
        s_made [at] = test_small (test_blob (1, at), 1 + at * 997 % 9000, (uint8_t) at);
}

static void
s_teardown (void)
{
    for (uint32_t at = 0; at < BLOBS; at++)
        test_record_free (&s_made [at]);
}

TestSuite (small_faults, .init = s_setup, .fini = s_teardown, .timeout = 280);

static s_state_t
s_after (size_t batches)
{
    s_state_t state = { .sequence = 0 };
    for (size_t batch = 0; batch < batches; batch++) {
        for (uint32_t at = s_batches [batch].store_from; at < s_batches [batch].store_to; at++)
            state.here [at] = true;
        for (uint32_t at = s_batches [batch].delete_from; at < s_batches [batch].delete_to; at++)
            state.here [at] = false;
        if (s_batches [batch].sequence > state.sequence)
            state.sequence = s_batches [batch].sequence;
    }
    return state;
}

//  ---- What is there

static bool
s_is_here (fst_small_t *small, uint32_t at)
{
    zframe_t *record = NULL;
    fst_rc_t rc = fst_small_read (small, &s_made [at].record.blob, &record);
    cr_assert (rc == FST_OK || rc == FST_NOT_FOUND, "%s", fst_error_code (rc));
    if (rc == FST_OK)
        cr_assert (zframe_size (record) == s_made [at].bytes
                   && memcmp (zframe_data (record), s_made [at].data, s_made [at].bytes) == 0, "blob %u is not whole", at);
    zframe_destroy (&record);
    return rc == FST_OK;
}

//  True if exactly this is there, by all ways to look.
static bool
s_is (fst_small_t *small, const s_state_t *state)
{
    fst_held_t held [BLOBS + 1];
    size_t count = 0, listed = 0;
    cr_assert_eq (fst_small_list (small, NULL, held, BLOBS + 1, &count), FST_OK);
    for (uint32_t at = 0; at < BLOBS; at++) {
        if (s_is_here (small, at) != state->here [at])
            return false;
        if (state->here [at]) {
            cr_assert (listed < count && memcmp (held [listed].blob.bytes, s_made [at].record.blob.bytes, FST_BLOB_BYTES) == 0);
            cr_assert_eq (held [listed++].bytes, (int64_t) s_made [at].bytes);
        }
    }
    cr_assert_eq (listed, count);
    cr_assert_eq (fst_small_count (small), (int64_t) count);
    return fst_small_sequence (small) == state->sequence;
}

//  ---- One life of a process

static fst_rc_t
s_commit (fst_small_t *small, size_t batch)
{
    fst_record_t records [BLOBS];
    const uint8_t *data [BLOBS];
    fst_extent_id_t ids [BLOBS];
    bool found [BLOBS] = { false };
    size_t stores = 0, deletes = 0;
    for (uint32_t at = s_batches [batch].store_from; at < s_batches [batch].store_to; at++, stores++) {
        records [stores] = s_made [at].record;
        data [stores] = s_made [at].data;
    }
    for (uint32_t at = s_batches [batch].delete_from; at < s_batches [batch].delete_to; at++)
        ids [deletes++] = (fst_extent_id_t) { s_made [at].record.blob, FST_EXTENT_ALL };
    fst_rc_t rc = fst_small_begin (small);
    if (rc != FST_OK)
        return rc;
    fst_small_set_sequence (small, 7, s_batches [batch].sequence);
    fst_rc_t stored = fst_small_store (small, records, data, stores);
    fst_rc_t deleted = fst_small_delete (small, ids, deletes, found);
    rc = fst_small_commit (small);
    cr_assert ((stored == FST_OK && deleted == FST_OK) || rc != FST_OK, "a commit of a part");
    return rc;
}

//  Open and commit batches from *batch_p on, until all are done or the store is dead; *batch_p were acknowledged.
static fst_rc_t
s_live (size_t *batch_p)
{
    fst_small_t *small = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_small_open (NAME, &small, &problem);
    cr_assert_eq (rc == FST_OK, problem == NULL);
    free (problem);
    if (rc != FST_OK)
        return rc;
    while (*batch_p < BATCHES && !fst_small_is_dead (small)) {
        rc = s_commit (small, *batch_p);
        cr_assert (rc == FST_OK || rc == FST_NO_SPACE || rc == FST_IO, "%s", fst_error_code (rc));
        cr_assert_eq (rc == FST_IO, fst_small_is_dead (small) && rc != FST_OK);
        if (rc == FST_OK)
            ++*batch_p;
        s_state_t state = s_after (*batch_p);
        if (rc == FST_NO_SPACE)         //  The process goes on: nothing of it was kept
            cr_assert (s_is (small, &state));
    }
    if (*batch_p == BATCHES)
        rc = FST_OK;
    fst_small_destroy (&small);
    return rc;
}

//  After a restart: what was acknowledged, or that and the batch that was under way; then all goes on, and stays.
static void
s_check (fake_disk_t *disk, size_t acknowledged, const char *what, uint64_t seed, int nth)
{
    for (int turn = 0; turn < 2; turn++) {
        fst_small_t *small = NULL;
        char *problem = NULL;
        fake_disk_restart (disk);
        fst_rc_t rc = fst_small_open (NAME, &small, &problem);
        cr_assert_eq (rc, FST_OK, "%s, seed %lu, %d: %s", what, (unsigned long) seed, nth, problem);
        s_state_t old = s_after (acknowledged), new = s_after (acknowledged + (acknowledged < BATCHES));
        bool is_new = s_is (small, &new);
        cr_assert (is_new || s_is (small, &old), "%s, seed %lu, %d: neither %zu batches nor one more", what,
                   (unsigned long) seed, nth, acknowledged);
        cr_assert (turn == 0 || is_new);
        acknowledged += is_new && acknowledged < BATCHES;
        for (; acknowledged < BATCHES; acknowledged++)
            cr_assert_eq (s_commit (small, acknowledged), FST_OK);
        fake_disk_crash_now (disk);
        fst_small_destroy (&small);
    }
}

//  ---- The sweeps

Test (small_faults, power_loss_at_each_sync)
{
    int points = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bool crashed = true;
        for (int nth = 1; crashed; nth++, points++) {
            fake_disk_t *disk = fake_disk_new (seed);
            fault_vfs_use (disk);
            fake_disk_crash (disk, nth);
            size_t acknowledged = 0;
            fst_rc_t rc = s_live (&acknowledged);
            crashed = fake_disk_crashed (disk);
            cr_assert (crashed || rc == FST_OK);
            if (!crashed)
                fake_disk_crash_now (disk);
            s_check (disk, acknowledged, "power lost at sync", seed, nth);
            fake_disk_destroy (&disk);
        }
    }
    cr_log_info ("%d power losses", points);
    cr_assert_gt (points, SEEDS * (int) BATCHES, "each commit syncs");
}

static bool
s_fail_at (uint64_t seed, int nth, fst_rc_t fault, bool power_too)
{
    fake_disk_t *disk = fake_disk_new (seed);
    fault_vfs_use (disk);
    fake_disk_fail (disk, nth, fault);
    size_t acknowledged = 0;
    fst_rc_t rc = s_live (&acknowledged);
    bool fired = fake_disk_fired (disk);
    cr_assert (fired || rc == FST_OK);
    if (power_too)
        fake_disk_crash_now (disk);
    s_check (disk, acknowledged, fault == FST_IO? "I/O error at call": "no space at call", seed, nth);
    fake_disk_destroy (&disk);
    return fired;
}

Test (small_faults, failure_of_each_call)
{
    const fst_rc_t faults [] = { FST_IO, FST_NO_SPACE };
    int points = 0;
    for (uint64_t seed = 1; seed <= (uint64_t) sweep_count (1, 5); seed++)
        for (int fault = 0; fault < 2; fault++)
            for (int power_too = 0; power_too < 2; power_too++) {
                int nth = 1;
                while (s_fail_at (seed, nth, faults [fault], power_too))
                    nth += sweep_step (1);
                cr_assert_gt (nth, 60, "only %d calls were made to fail", nth);
                points += nth / sweep_step (1);
            }
    cr_log_info ("%d calls failed", points);
}
