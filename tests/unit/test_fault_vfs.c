//  SQLite on the disk that fails on purpose: it works there as on a real one, and code that is careless about
//  syncs is found out. If these canaries live, a sweep over a database that passes means nothing.

#include "fault_vfs.h"
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>

#define SEEDS 60
#define NAME  "/nowhere/test.db"

static fake_disk_t *s_disk;

static void
s_begin (uint64_t seed)
{
    s_disk = fake_disk_new (seed);
    fault_vfs_use (s_disk);
}

static void
s_end (void)
{
    fault_vfs_use (NULL);
    fake_disk_destroy (&s_disk);
}

static sqlite3 *
s_open (const char *synchronous)
{
    sqlite3 *db;
    char sql [200];
    snprintf (sql, sizeof (sql), "PRAGMA journal_mode = WAL; PRAGMA synchronous = %s; PRAGMA temp_store = MEMORY;"
                                 "CREATE TABLE IF NOT EXISTS rows (n INTEGER PRIMARY KEY, text TEXT)", synchronous);
    int code = sqlite3_open (NAME, &db);
    if (code == SQLITE_OK)
        code = sqlite3_exec (db, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        sqlite3_close (db);
        return NULL;
    }
    return db;
}

static int
s_insert (sqlite3 *db, int n)
{
    char sql [200];
    snprintf (sql, sizeof (sql), "INSERT INTO rows VALUES (%d, hex (zeroblob (1500)))", n);
    return sqlite3_exec (db, sql, NULL, NULL, NULL);
}

static int
s_take_number (void *arg, int columns, char **values, char **names)
{
    (void) columns;
    (void) names;
    *(int *) arg = atoi (values [0]);
    return 0;
}

static int
s_number (sqlite3 *db, const char *sql)
{
    int number = -1;
    int code = sqlite3_exec (db, sql, s_take_number, &number, NULL);
    return code == SQLITE_OK? number: -1;
}

//  Die without the checkpoint that a clean end would make.
static void
s_die (sqlite3 *db)
{
    sqlite3_db_config (db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    cr_assert_eq (sqlite3_close (db), SQLITE_OK);
}

//  What a new process finds: rows 1 to the result are there, and no others; -1 if the file is damaged.
static int
s_rows_after_restart (void)
{
    fake_disk_restart (s_disk);
    sqlite3 *db = s_open ("FULL");
    int rows = -1;
    if (db) {
        int sound = s_number (db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check");
        rows = s_number (db, "SELECT count (*) FROM rows");
        if (sound != 1 || rows != s_number (db, "SELECT ifnull (max (n), 0) FROM rows"))
            rows = -1;
        sqlite3_close (db);
    }
    return rows;
}

Test (fault_vfs, a_database_lives_there_as_on_a_real_disk)
{
    s_begin (1);
    sqlite3 *db = s_open ("FULL"), *other = s_open ("FULL");
    cr_assert (db && other);
    for (int n = 1; n <= 500; n++)
        cr_assert_eq (s_insert (n % 2? db: other, n), SQLITE_OK);
    cr_assert_eq (s_number (other, "SELECT count (*) FROM rows"), 500);
    cr_assert_eq (sqlite3_exec (db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq (s_insert (other, 501), SQLITE_BUSY, "one writer at a time");
    cr_assert_eq (s_insert (db, 501), SQLITE_OK);
    cr_assert_eq (s_number (other, "SELECT count (*) FROM rows"), 500, "not before the commit");
    cr_assert_eq (sqlite3_exec (db, "COMMIT; PRAGMA wal_checkpoint (TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq (s_number (other, "SELECT count (*) FROM rows"), 501);
    cr_assert_eq (s_number (other, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
    cr_assert_eq (sqlite3_close (db), SQLITE_OK);
    cr_assert_eq (sqlite3_close (other), SQLITE_OK);
    cr_assert_eq (s_rows_after_restart (), 501);
    s_end ();
}

Test (fault_vfs, a_killed_process_loses_nothing)
{
    s_begin (1);
    sqlite3 *db = s_open ("OFF");
    for (int n = 1; n <= 20; n++)
        cr_assert_eq (s_insert (db, n), SQLITE_OK);
    s_die (db);
    cr_assert_eq (s_rows_after_restart (), 20);
    s_end ();
}

//  Insert rows, a crash at the nth sync; how many were acknowledged.
static int
s_insert_until_crash (const char *synchronous, int nth)
{
    int acknowledged = 0;
    fake_disk_crash (s_disk, nth);
    sqlite3 *db = s_open (synchronous);
    if (!db)
        return 0;
    while (acknowledged < 12 && s_insert (db, acknowledged + 1) == SQLITE_OK)
        acknowledged++;
    fake_disk_crash_now (s_disk);
    s_die (db);
    return acknowledged;
}

Test (fault_vfs, careful_code_loses_nothing_at_any_sync)
{
    int torn = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (int nth = 1; nth <= 18; nth++) {
            s_begin (seed);
            int acknowledged = s_insert_until_crash ("FULL", nth);
            int rows = s_rows_after_restart ();
            cr_assert (rows == acknowledged || rows == acknowledged + 1, "seed %lu sync %d: %d of %d rows",
                       (unsigned long) seed, nth, rows, acknowledged);
            torn += rows == acknowledged;
            s_end ();
        }
    cr_assert_gt (torn, SEEDS, "crashes did lose what was not synced");
}

Test (fault_vfs, canary_code_that_does_not_sync_loses_rows)
{
    int lost = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        s_begin (seed);
        sqlite3 *db = s_open ("NORMAL");        //  Syncs at checkpoints only
        for (int n = 1; n <= 12; n++)
            cr_assert_eq (s_insert (db, n), SQLITE_OK);
        fake_disk_crash_now (s_disk);
        s_die (db);
        lost += s_rows_after_restart () != 12;
        s_end ();
    }
    cr_assert_gt (lost, SEEDS / 4);
}

Test (fault_vfs, canary_a_sync_that_failed_is_not_made_good_by_the_next)
{
    int lost = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        s_begin (seed);
        sqlite3 *db = s_open ("FULL");
        cr_assert_eq (s_insert (db, 1), SQLITE_OK);
        cr_assert_eq (s_insert (db, 2), SQLITE_OK);
        fake_disk_fail_sync (s_disk, 1, FST_IO);
        cr_assert_eq (s_insert (db, 3), SQLITE_IOERR);
        cr_assert (fake_disk_fired (s_disk));
        s_die (db);
        fake_disk_restart (s_disk);             //  A new process, which does not know, on what the system has in memory
        db = s_open ("FULL");
        cr_assert_eq (s_number (db, "SELECT count (*) FROM rows"), 3);
        cr_assert_eq (s_insert (db, 4), SQLITE_OK);
        fake_disk_crash_now (s_disk);
        s_die (db);
        lost += s_rows_after_restart () != 4;
        s_end ();
    }
    cr_assert_gt (lost, 0);
}

Test (fault_vfs, every_call_can_fail_and_is_told)
{
    int nth;
    bool fired = true;
    for (nth = 1; fired; nth++) {
        s_begin ((uint64_t) nth);
        fake_disk_fail (s_disk, nth, FST_IO);
        int acknowledged = 0;
        sqlite3 *db = s_open ("FULL");
        if (db) {
            while (acknowledged < 3 && s_insert (db, acknowledged + 1) == SQLITE_OK)
                acknowledged++;
            s_die (db);
        }
        fired = fake_disk_fired (s_disk);
        cr_assert (fired || acknowledged == 3);
        int rows = s_rows_after_restart ();
        cr_assert (rows == acknowledged || rows == acknowledged + 1, "call %d: %d of %d rows", nth, rows, acknowledged);
        s_end ();
    }
    cr_assert_gt (nth, 30);
}

Test (fault_vfs, a_full_disk_says_so_until_there_is_room)
{
    s_begin (1);
    sqlite3 *db = s_open ("FULL");
    cr_assert_eq (s_insert (db, 1), SQLITE_OK);
    fake_disk_set_capacity (s_disk, 1);
    cr_assert_eq (s_insert (db, 2), SQLITE_FULL);
    cr_assert_eq (s_number (db, "SELECT count (*) FROM rows"), 1);
    fake_disk_set_capacity (s_disk, 1 << 30);
    cr_assert_eq (s_insert (db, 2), SQLITE_OK);
    fake_disk_crash_now (s_disk);
    s_die (db);
    cr_assert_eq (s_rows_after_restart (), 2);
    s_end ();
}
