//  Small blobs: committed together, each request wholly or not at all, and never returned damaged.

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include "fst_small.h"
#include "storage_records.h"

static char s_folder [400], s_filename [512];
static fst_small_t *s_small;

static void
s_open (void)
{
    char *problem = NULL;
    fst_rc_t rc = fst_small_open (s_filename, &s_small, &problem);
    cr_assert (rc == FST_OK, "%s", problem);
}

static void
s_setup (void)
{
    const char *base = getenv ("TMPDIR");
    snprintf (s_folder, sizeof (s_folder), "%s/small-XXXXXX", base? base: "/tmp");
    cr_assert (mkdtemp (s_folder));
    snprintf (s_filename, sizeof (s_filename), "%s/small.db", s_folder);
    s_open ();
}

static void
s_close (void)
{
    fst_small_destroy (&s_small);
}

static void
s_reopen (void)
{
    s_close ();
    s_open ();
}

TestSuite (small, .init = s_setup, .fini = s_close);

//  One request of the open transaction with blobs from to to - 1 of upload 1.
static fst_rc_t
s_store (uint32_t from, uint32_t to, uint8_t filling)
{
    enum { MOST = 300 };
    test_record_t made [MOST];
    fst_record_t records [MOST];
    const uint8_t *data [MOST];
    cr_assert (to - from <= MOST);
    for (uint32_t at = 0; at < to - from; at++) {
        made [at] = test_small (test_blob (1, from + at), 1 + (from + at) * 7 % 5000, filling);
        records [at] = made [at].record;
        data [at] = made [at].data;
    }
    fst_rc_t rc = fst_small_store (s_small, records, data, to - from);
    for (uint32_t at = 0; at < to - from; at++)
        test_record_free (&made [at]);
    return rc;
}

static fst_rc_t
s_store_now (uint32_t from, uint32_t to, uint8_t filling)
{
    cr_assert (fst_small_begin (s_small) == FST_OK);
    fst_rc_t rc = s_store (from, to, filling);
    cr_assert (fst_small_commit (s_small) == FST_OK);
    return rc;
}

static bool
s_has (uint32_t index)
{
    fst_blob_id_t blob = test_blob (1, index);
    zframe_t *record = NULL;
    fst_rc_t rc = fst_small_read (s_small, &blob, &record);
    cr_assert (rc == FST_OK || rc == FST_NOT_FOUND, "%s", fst_error_code (rc));
    zframe_destroy (&record);
    return rc == FST_OK;
}

Test (small, a_record_comes_back_as_it_was)
{
    test_record_t made = test_small (test_blob (1, 5), FST_SMALL_BYTES_MAX, 3);
    const uint8_t *data = made.data;
    cr_assert (fst_small_begin (s_small) == FST_OK);
    cr_assert (fst_small_store (s_small, &made.record, &data, 1) == FST_OK);
    cr_assert (!s_has (5), "not before the commit");
    cr_assert (fst_small_commit (s_small) == FST_OK);
    s_reopen ();
    zframe_t *record;
    cr_assert (fst_small_read (s_small, &made.record.blob, &record) == FST_OK);
    cr_assert_eq (zframe_size (record), made.bytes);
    cr_assert (memcmp (zframe_data (record), made.data, made.bytes) == 0);
    zframe_destroy (&record);
    test_record_free (&made);
}

Test (small, a_request_is_kept_wholly_or_not_at_all)
{
    cr_assert (s_store_now (10, 11, 1) == FST_OK);
    cr_assert (fst_small_begin (s_small) == FST_OK);
    cr_assert (s_store (0, 5, 1) == FST_OK);
    cr_assert (s_store (7, 12, 2) == FST_EXISTS, "blob 10 has another record");
    cr_assert (s_store (20, 22, 1) == FST_OK, "the others of the batch do not suffer");
    cr_assert (fst_small_commit (s_small) == FST_OK);
    for (uint32_t index = 0; index < 30; index++)
        cr_assert_eq (s_has (index), index < 5 || index == 10 || index == 20 || index == 21, "blob %u", index);
    cr_assert_eq (fst_small_count (s_small), 8);
}

Test (small, storing_the_same_record_again_is_fine)
{
    test_record_t made = test_small (test_blob (1, 1), 4096, 1);
    const uint8_t *data [2] = { made.data, made.data };
    fst_record_t records [2] = { made.record, made.record };
    for (int turn = 0; turn < 2; turn++) {
        cr_assert (fst_small_begin (s_small) == FST_OK);
        cr_assert (fst_small_store (s_small, records, data, 2) == FST_OK);
        cr_assert (fst_small_commit (s_small) == FST_OK);
        cr_assert_eq (fst_small_count (s_small), 1);
        s_reopen ();
    }
    test_record_free (&made);
}

Test (small, only_whole_small_blobs_fit)
{
    fst_record_t good = { .plain_bytes = FST_SMALL_BYTES_MAX, .chunk_log2 = 20, .last = true };
    cr_assert (fst_small_fits (&good));
    fst_record_t wrong [5] = { good, good, good, good, good };
    wrong [0].plain_bytes++;
    wrong [1].last = false;
    wrong [2].extent = 1;
    wrong [3].slot = 1;
    wrong [4].chunk = 1;
    for (int at = 0; at < 5; at++)
        cr_assert (!fst_small_fits (&wrong [at]), "row %d", at);
}

Test (small, deletion_and_counts_survive_a_restart)
{
    cr_assert (s_store_now (0, 100, 1) == FST_OK);
    fst_extent_id_t ids [4] = {
        { test_blob (1, 3), FST_EXTENT_ALL }, { test_blob (1, 4), 1 }, { test_blob (1, 99), 0 }, { test_blob (1, 200), 0 }
    };
    bool found [4] = { false };
    cr_assert (fst_small_begin (s_small) == FST_OK);
    cr_assert (fst_small_delete (s_small, ids, 4, found) == FST_OK);
    cr_assert (fst_small_commit (s_small) == FST_OK);
    cr_assert (found [0] && !found [1] && found [2] && !found [3]);
    for (int turn = 0; turn < 2; turn++) {
        cr_assert_eq (fst_small_count (s_small), 98);
        cr_assert (!s_has (3) && s_has (4) && !s_has (99));
        s_reopen ();
    }
}

Test (small, the_sequence_never_falls)
{
    const int64_t given [] = { 5, 3, 7, 7, 1 }, expect [] = { 5, 5, 7, 7, 7 };
    const uint64_t runs [] = { 0xf000000000000001, 2, 0, 4, 5 };
    const uint64_t runs_expect [] = { 0xf000000000000001, 0xf000000000000001, 0xf000000000000001, 4, 4 };
    cr_assert_eq (fst_small_sequence (s_small), 0);
    cr_assert_eq (fst_small_run (s_small), 0);
    for (int at = 0; at < 5; at++) {
        cr_assert (fst_small_begin (s_small) == FST_OK);
        fst_small_set_sequence (s_small, runs [at], given [at]);
        cr_assert (fst_small_commit (s_small) == FST_OK);
        s_reopen ();
        cr_assert_eq (fst_small_sequence (s_small), expect [at]);
        cr_assert_eq (fst_small_run (s_small), runs_expect [at]);
    }
}

Test (small, pages_of_the_inventory_have_everything_once_in_order)
{
    cr_assert (s_store_now (50, 200, 1) == FST_OK);
    cr_assert (s_store_now (0, 50, 1) == FST_OK);
    fst_held_t held [64], last = { .extent = 0 };
    size_t count = 64, seen = 0;
    while (count == 64) {
        cr_assert (fst_small_list (s_small, seen? &last.blob: NULL, held, 64, &count) == FST_OK);
        for (size_t at = 0; at < count; at++, seen++) {
            cr_assert (seen == 0 || fst_held_compare (&last, &held [at]) < 0);
            cr_assert_eq (held [at].bytes, (int64_t) fst_record_bytes (1 + (uint32_t) seen * 7 % 5000));
            last = held [at];
        }
    }
    cr_assert_eq (seen, 200);
}

Test (small, a_damaged_record_is_never_returned)
{
    cr_assert (s_store_now (1, 4, 1) == FST_OK);
    s_close ();
    sqlite3 *db;
    cr_assert (sqlite3_open (s_filename, &db) == SQLITE_OK);
    //  One octet of one record; one blob under another's name
    cr_assert (sqlite3_exec (db, "UPDATE small SET record = CAST (substr (record, 1, 70) || CASE substr (record, 71, 1)"
                                 " WHEN x'00' THEN x'01' ELSE x'00' END || substr (record, 72) AS BLOB) WHERE id = 1;", NULL, NULL, NULL) == SQLITE_OK);
    cr_assert (sqlite3_exec (db, "UPDATE small SET record = (SELECT record FROM small WHERE id = 3) WHERE id = 2;",
                             NULL, NULL, NULL) == SQLITE_OK);
    cr_assert (sqlite3_close (db) == SQLITE_OK);
    s_open ();
    zframe_t *record = NULL;
    for (uint32_t index = 1; index <= 2; index++) {
        fst_blob_id_t blob = test_blob (1, index);
        cr_assert (fst_small_read (s_small, &blob, &record) == FST_CORRUPT, "blob %u", index);
        cr_assert_null (record);
    }
    cr_assert (s_has (3));
}

//  ---- Quarantine

static bool
s_move (bool back, uint32_t index, int64_t now_ms)
{
    fst_extent_id_t id = { .blob = test_blob (1, index), .extent = back? 0: FST_EXTENT_ALL };
    bool moved = false;
    cr_assert (fst_small_begin (s_small) == FST_OK);
    cr_assert ((back? fst_small_put_back (s_small, &id, 1, now_ms, &moved)
                    : fst_small_set_aside (s_small, &id, 1, now_ms, &moved)) == FST_OK);
    cr_assert (fst_small_commit (s_small) == FST_OK);
    return moved;
}

static size_t
s_expire (int64_t before_ms, size_t limit)
{
    size_t deleted;
    cr_assert (fst_small_begin (s_small) == FST_OK);
    cr_assert (fst_small_expire (s_small, before_ms, limit, &deleted) == FST_OK);
    cr_assert (fst_small_commit (s_small) == FST_OK);
    return deleted;
}

Test (small, what_is_put_aside_is_not_served_or_listed_and_comes_back)
{
    cr_assert (s_store_now (0, 5, 1) == FST_OK);
    cr_assert (s_move (false, 3, 1000));
    cr_assert (!s_move (false, 3, 1000) && !s_move (false, 77, 1000));
    for (int turn = 0; turn < 2; turn++) {
        fst_held_t held [8];
        size_t count;
        cr_assert (!s_has (3) && s_has (2));
        cr_assert (fst_small_list (s_small, NULL, held, 8, &count) == FST_OK);
        cr_assert_eq (count, 4);
        cr_assert_eq (fst_small_count (s_small), 4);
        cr_assert_eq (fst_small_quarantined (s_small), 1);
        s_reopen ();
    }
    cr_assert (s_move (true, 3, 2000) && !s_move (true, 3, 2000));
    cr_assert (s_has (3));
    cr_assert_eq (fst_small_count (s_small), 5);
    cr_assert_eq (fst_small_quarantined (s_small), 0);
}

Test (small, what_is_due_is_deleted_and_nothing_else)
{
    cr_assert (s_store_now (0, 5, 1) == FST_OK);
    for (uint32_t index = 0; index < 5; index++)
        s_move (false, index, 1000 * index);
    cr_assert_eq (s_expire (3000, 2), 2, "as many as the limit says");
    cr_assert_eq (s_expire (3000, 100), 1);
    s_reopen ();
    cr_assert_eq (fst_small_quarantined (s_small), 2);
    cr_assert (!s_move (true, 2, 9000) && s_move (true, 3, 9000));
}

Test (small, only_what_is_whole_comes_back_the_newest_first)
{
    cr_assert (s_store_now (1, 2, 1) == FST_OK);
    s_move (false, 1, 1000);
    cr_assert (s_store_now (1, 2, 2) == FST_OK);
    s_move (false, 1, 2000);
    s_close ();
    sqlite3 *db;
    cr_assert (sqlite3_open (s_filename, &db) == SQLITE_OK);
    cr_assert (sqlite3_exec (db, "UPDATE quarantine SET record = CAST (substr (record, 1, 70) || x'00' || substr (record, 72) AS BLOB)"
                                 " WHERE ms = 2000;", NULL, NULL, NULL) == SQLITE_OK);
    cr_assert (sqlite3_close (db) == SQLITE_OK);
    s_open ();
    cr_assert (s_move (true, 1, 3000));
    cr_assert (s_has (1));
    cr_assert_eq (fst_small_quarantined (s_small), 1, "the damaged one stays");
}

//  A folder of before quarantine and memory is brought up to date.
Test (small, a_file_of_version_1_is_migrated)
{
    cr_assert (s_store_now (0, 5, 1) == FST_OK);
    s_close ();
    sqlite3 *db;
    cr_assert (sqlite3_open (s_filename, &db) == SQLITE_OK);
    cr_assert (sqlite3_exec (db, "DROP TABLE quarantine; DROP TABLE memory; PRAGMA user_version = 1;"
                                 "INSERT INTO settings VALUES ('blobs', 5), ('sequence', 42), ('run', 7)",
                             NULL, NULL, NULL) == SQLITE_OK);
    cr_assert (sqlite3_close (db) == SQLITE_OK);
    for (int turn = 0; turn < 2; turn++) {
        s_open ();
        cr_assert_eq (fst_small_count (s_small), 5);
        cr_assert_eq (fst_small_sequence (s_small), 42);
        cr_assert_eq (fst_small_run (s_small), 7);
        s_close ();
    }
    s_open ();
    cr_assert (s_move (false, 3, 1000) && s_has (4));
}

//  A wrong number would be worse than none.
Test (small, a_memory_with_a_wrong_octet_is_damage)
{
    cr_assert (s_store_now (0, 5, 1) == FST_OK);
    s_close ();
    sqlite3 *db;
    cr_assert (sqlite3_open (s_filename, &db) == SQLITE_OK);
    cr_assert (sqlite3_exec (db, "UPDATE memory SET record = CAST (substr (record, 1, 19) || x'09' || substr (record, 21) AS BLOB)",
                             NULL, NULL, NULL) == SQLITE_OK);
    cr_assert (sqlite3_close (db) == SQLITE_OK);
    char *problem = NULL;
    cr_assert (fst_small_open (s_filename, &s_small, &problem) == FST_CORRUPT);
    cr_assert_not_null (problem);
    free (problem);
}
