//  The database wrapper's promises: settings that lose nothing, errors told apart, a failed sync is final.

#include "fst_db.h"
#include "fault_vfs.h"
#include "sweep.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const s_migrations [] = {
    "CREATE TABLE things (name TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE parts (thing TEXT NOT NULL REFERENCES things (name)) STRICT;",
    "ALTER TABLE things ADD COLUMN kind TEXT NOT NULL DEFAULT 'plain';",
    NULL
};

static const char s_insert [] = "INSERT INTO things (name, size) VALUES (?1, ?2)";
static const char s_count [] = "SELECT count (*) FROM things";

static char s_filename [512];
static fst_db_options_t s_options;
static fake_disk_t *s_disk;            //  If a test uses one

static void
s_setup (void)
{
    snprintf (s_filename, sizeof (s_filename), "%s/test-db-XXXXXX", getenv ("TMPDIR")? getenv ("TMPDIR"): "/tmp");
    cr_assert_not_null (mkdtemp (s_filename));
    strcat (s_filename, "/test.db");
    s_options = (fst_db_options_t) { .filename = s_filename, .application_id = 0x46535474, .migrations = s_migrations };
}

static void
s_teardown (void)
{
    char command [600];
    fault_vfs_use (NULL);
    fake_disk_destroy (&s_disk);
    *strrchr (s_filename, '/') = 0;
    snprintf (command, sizeof (command), "rm -rf '%s'", s_filename);
    cr_assert_eq (system (command), 0);
}

TestSuite (db, .init = s_setup, .fini = s_teardown);

static fst_db_t *
s_open (void)
{
    fst_db_t *db = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_db_open (&s_options, &db, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
    return db;
}

static void
s_open_fails (fst_rc_t expected, const char *words)
{
    fst_db_t *db = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_db_open (&s_options, &db, &problem);
    cr_assert_eq (rc, expected, "%s", problem? problem: "opened");
    cr_assert_null (db);
    cr_assert_not_null (strstr (problem, words), "%s", problem);
    free (problem);
}

static int64_t
s_number (fst_db_t *db, const char *sql)
{
    sqlite3_stmt *statement = fst_db_prepare (db, sql);
    cr_assert_eq (fst_db_next (db, statement), FST_OK);
    int64_t value = sqlite3_column_int64 (statement, 0);
    fst_db_done (statement);
    return value;
}

static fst_rc_t
s_put (fst_db_t *db, const char *name, int64_t size)
{
    sqlite3_stmt *statement = fst_db_prepare (db, s_insert);
    sqlite3_bind_text (statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64 (statement, 2, size);
    return fst_db_run (db, statement);
}

//  A file of another program, made without our wrapper.
static void
s_exec_raw (const char *sql)
{
    sqlite3 *sqlite;
    cr_assert_eq (sqlite3_open (s_filename, &sqlite), SQLITE_OK);
    cr_assert_eq (sqlite3_exec (sqlite, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg (sqlite));
    cr_assert_eq (sqlite3_close (sqlite), SQLITE_OK);
}

Test (db, settings_lose_nothing)
{
    fst_db_t *db = s_open ();
    sqlite3_stmt *mode = fst_db_prepare (db, "PRAGMA journal_mode");
    cr_assert_eq (fst_db_next (db, mode), FST_OK);
    cr_assert_str_eq ((const char *) sqlite3_column_text (mode, 0), "wal");
    fst_db_done (mode);
    cr_assert_eq (s_number (db, "PRAGMA synchronous"), 2);
    cr_assert_eq (s_number (db, "PRAGMA foreign_keys"), 1);
    cr_assert_eq (s_number (db, "PRAGMA trusted_schema"), 0);
    cr_assert_eq (s_number (db, "PRAGMA page_size"), 4096);
    cr_assert_eq (s_number (db, "PRAGMA application_id"), 0x46535474);
    cr_assert_eq (s_number (db, "PRAGMA user_version"), 2);
    struct stat info;
    cr_assert_eq (stat (s_filename, &info), 0);
    cr_assert_eq (info.st_mode & 0777, 0600);
    fst_db_destroy (&db);
    cr_assert_null (db);
    fst_db_destroy (&db);
}

Test (db, page_size_is_chosen_at_creation)
{
    s_options.page_bytes = 8192;
    fst_db_t *db = s_open ();
    cr_assert_eq (s_number (db, "PRAGMA page_size"), 8192);
    fst_db_destroy (&db);
}

Test (db, rows_survive_and_results_are_told_apart)
{
    fst_db_t *db = s_open ();
    cr_assert_eq (s_put (db, "a", 1), FST_OK);
    cr_assert_eq (fst_db_changes (db), 1);
    cr_assert_eq (s_put (db, "a", 2), FST_EXISTS);
    cr_assert_eq (s_put (db, "b", 2), FST_OK, "a failed statement can be used again");
    sqlite3_stmt *orphan = fst_db_prepare (db, "INSERT INTO parts (thing) VALUES ('nothing')");
    cr_assert_eq (fst_db_run (db, orphan), FST_INTERNAL, "foreign keys are enforced");
    fst_db_destroy (&db);

    db = s_open ();
    sqlite3_stmt *list = fst_db_prepare (db, "SELECT name, size, kind FROM things ORDER BY name");
    cr_assert_eq (fst_db_next (db, list), FST_OK);
    cr_assert_str_eq ((const char *) sqlite3_column_text (list, 0), "a");
    cr_assert_eq (fst_db_next (db, list), FST_OK);
    cr_assert_eq (fst_db_next (db, list), FST_NOT_FOUND);
    cr_assert_eq (fst_db_prepare (db, "SELECT 1") == list, false);
    fst_db_destroy (&db);
}

Test (db, statements_are_kept_by_their_text)
{
    fst_db_t *db = s_open ();
    sqlite3_stmt *first = fst_db_prepare (db, s_insert);
    cr_assert_eq (first, fst_db_prepare (db, s_insert));
    cr_assert_neq (first, fst_db_prepare (db, s_count));
    //  Nothing stays bound: the NOT NULL column refuses what the earlier use had given
    cr_assert_eq (s_put (db, "a", 1), FST_OK);
    sqlite3_stmt *statement = fst_db_prepare (db, s_insert);
    sqlite3_bind_text (statement, 1, "b", -1, SQLITE_STATIC);
    cr_assert_eq (fst_db_run (db, statement), FST_INTERNAL);
    fst_db_destroy (&db);
}

Test (db, savepoint_takes_back_one_request_of_a_batch)
{
    fst_db_t *db = s_open ();
    cr_assert_eq (fst_db_begin (db), FST_OK);
    cr_assert_eq (fst_db_save (db), FST_OK);
    cr_assert_eq (s_put (db, "a", 1), FST_OK);
    cr_assert_eq (fst_db_release (db), FST_OK);
    cr_assert_eq (fst_db_save (db), FST_OK);
    cr_assert_eq (s_put (db, "b", 1), FST_OK);
    fst_db_undo (db);
    cr_assert_eq (fst_db_save (db), FST_OK);
    cr_assert_eq (s_put (db, "c", 1), FST_OK);
    cr_assert_eq (fst_db_release (db), FST_OK);
    cr_assert_eq (fst_db_commit (db), FST_OK);
    cr_assert_eq (s_number (db, s_count), 2);

    cr_assert_eq (fst_db_begin (db), FST_OK);
    cr_assert_eq (s_put (db, "d", 1), FST_OK);
    fst_db_rollback (db);
    cr_assert_eq (s_number (db, s_count), 2);
    fst_db_destroy (&db);
}

Test (db, full_is_no_space_and_leaves_nothing)
{
    fst_db_t *db = s_open ();
    cr_assert_eq (s_put (db, "before", 1), FST_OK);
    s_number (db, "PRAGMA max_page_count = 12");
    cr_assert_eq (fst_db_begin (db), FST_OK);
    fst_rc_t rc = FST_OK;
    char name [1001];
    memset (name, 'x', 1000);
    name [1000] = 0;
    for (int at = 0; at < 100 && rc == FST_OK; at++) {
        cr_assert_eq (fst_db_save (db), FST_OK);
        snprintf (name, 8, "%d", at);
        name [strlen (name)] = 'x';
        rc = s_put (db, name, at);
        if (rc == FST_OK)
            cr_assert_eq (fst_db_release (db), FST_OK);
    }
    cr_assert_eq (rc, FST_NO_SPACE);
    fst_db_undo (db);
    rc = fst_db_commit (db);        //  SQLite may keep the transaction or have rolled it back; never half of it
    int64_t count = s_number (db, s_count);
    cr_assert (rc == FST_OK? count > 1: rc == FST_NO_SPACE && count == 1, "rc %d count %ld", rc, (long) count);
    cr_assert (!fst_db_dead (db), "space may come back");
    s_number (db, "PRAGMA max_page_count = 1000");
    cr_assert_eq (s_put (db, "after", 1), FST_OK);
    fst_db_destroy (&db);
}

Test (db, a_lost_transaction_takes_no_more_requests)
{
    //  An INSERT OR ROLLBACK is the simple way to make SQLite end a transaction by itself, as it may when full
    fst_db_t *db = s_open ();
    cr_assert_eq (s_put (db, "a", 1), FST_OK);
    cr_assert_eq (fst_db_begin (db), FST_OK);
    cr_assert_eq (s_put (db, "b", 1), FST_OK);
    cr_assert_eq (fst_db_save (db), FST_OK);
    cr_assert_neq (fst_db_run (db, fst_db_prepare (db, "INSERT OR ROLLBACK INTO things (name) VALUES ('c')")), FST_OK);
    fst_db_undo (db);
    cr_assert_neq (fst_db_save (db), FST_OK);
    cr_assert_neq (s_put (db, "d", 1), FST_OK, "else it would be committed by itself");
    cr_assert_neq (fst_db_commit (db), FST_OK);
    cr_assert_eq (s_number (db, s_count), 1);
    cr_assert_eq (fst_db_begin (db), FST_OK);
    cr_assert_eq (s_put (db, "e", 1), FST_OK);
    cr_assert_eq (fst_db_commit (db), FST_OK);
    cr_assert_eq (s_number (db, s_count), 2);
    fst_db_destroy (&db);
}

Test (db, migrates_step_by_step)
{
    static const char *const first [] = { NULL, NULL };
    const char *one [] = { s_migrations [0], NULL };
    s_options.migrations = one;
    fst_db_t *db = s_open ();
    cr_assert_eq (s_put (db, "old", 1), FST_OK);
    cr_assert_eq (s_number (db, "PRAGMA user_version"), 1);
    fst_db_destroy (&db);

    s_options.migrations = s_migrations;
    db = s_open ();
    cr_assert_eq (s_number (db, "SELECT count (*) FROM things WHERE kind = 'plain'"), 1);
    cr_assert_eq (s_number (db, "PRAGMA user_version"), 2);
    fst_db_destroy (&db);

    s_options.migrations = first;
    s_open_fails (FST_CORRUPT, "newer version");
}

Test (db, a_failing_migration_changes_nothing)
{
    fst_db_t *db = s_open ();
    fst_db_destroy (&db);
    const char *bad [] = { s_migrations [0], s_migrations [1], "CREATE TABLE more (a); INSERT INTO nowhere VALUES (1);", NULL };
    s_options.migrations = bad;
    s_open_fails (FST_INTERNAL, "nowhere");
    s_options.migrations = s_migrations;
    db = s_open ();
    cr_assert_eq (s_number (db, "SELECT count (*) FROM sqlite_schema WHERE name = 'more'"), 0);
    fst_db_destroy (&db);
}

Test (db, refuses_what_is_not_ours)
{
    s_exec_raw ("CREATE TABLE theirs (a)");
    s_open_fails (FST_CORRUPT, "another program");
    s_exec_raw ("SELECT a FROM theirs");
    char wal [600];
    snprintf (wal, sizeof (wal), "%s-wal", s_filename);
    cr_assert_neq (access (wal, F_OK), 0, "their file was left as it was");

    FILE *file = fopen (s_filename, "w");
    for (int at = 0; at < 1000; at++)
        fputs ("this is no database ", file);
    fclose (file);
    s_open_fails (FST_CORRUPT, "not a database");

    s_options.filename = "/nonexistent/folder/x.db";
    s_open_fails (FST_IO, "/nonexistent/folder/x.db");
}

Test (db, finds_damage_at_the_start)
{
    fst_db_t *db = s_open ();
    cr_assert_eq (fst_db_begin (db), FST_OK);
    char name [300];
    for (int at = 0; at < 2000; at++) {
        snprintf (name, sizeof (name), "%0200d", at);
        cr_assert_eq (s_put (db, name, at), FST_OK);
    }
    cr_assert_eq (fst_db_commit (db), FST_OK);
    fst_db_destroy (&db);
    FILE *file = fopen (s_filename, "r+");
    fseek (file, 40 * 4096, SEEK_SET);
    for (int at = 0; at < 4096; at++)
        fputc (0xaa, file);
    fclose (file);
    s_open_fails (FST_CORRUPT, s_filename);
}

//  The page with the names of tables is as good as any other for rot.
Test (db, a_table_whose_name_rotted_is_damage_and_no_bug_of_ours)
{
    fst_db_t *db = s_open ();
    fst_db_destroy (&db);
    s_exec_raw ("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET name = 'thinks', tbl_name = 'thinks',"
                "  sql = replace (sql, 'things', 'thinks') WHERE name = 'things'");
    db = s_open ();
    cr_assert_neq (s_put (db, "a", 1), FST_OK);
    cr_assert (fst_db_dead (db));
    fst_db_destroy (&db);
}

Test (db, a_reader_sees_and_changes_nothing)
{
    fst_db_t *writer = s_open ();
    cr_assert_eq (s_put (writer, "a", 1), FST_OK);
    s_options.read_only = true;
    fst_db_t *reader = s_open ();
    cr_assert_eq (s_number (reader, s_count), 1);
    cr_assert_neq (s_put (reader, "b", 1), FST_OK);
    cr_assert_eq (s_put (writer, "c", 1), FST_OK);
    fst_db_destroy (&writer);
    cr_assert_eq (s_number (reader, s_count), 2);
    fst_db_destroy (&reader);
    cr_assert_eq (remove (s_filename), 0);
    s_open_fails (FST_IO, s_filename);
}

//  ---- A disk whose nth sync fails, below SQLite

static void
s_use_bad_disk (uint64_t seed)
{
    fault_vfs_use (NULL);
    fake_disk_destroy (&s_disk);
    s_disk = fake_disk_new (seed);
    fault_vfs_use (s_disk);
}

//  More than one checkpoint's worth, in one transaction.
static fst_rc_t
s_put_many (fst_db_t *db, const char *prefix)
{
    char name [2001];
    memset (name, 'x', 2000);
    name [2000] = 0;
    fst_rc_t rc = fst_db_begin (db);
    if (rc != FST_OK)
        return rc;
    for (int at = 0; at < 2200 && rc == FST_OK; at++) {
        snprintf (name, 16, "%s-%06d", prefix, at);
        name [strlen (name)] = 'x';
        rc = s_put (db, name, at);
    }
    if (rc == FST_OK)
        return fst_db_commit (db);
    fst_db_rollback (db);
    return rc;
}

Test (db, a_failed_sync_is_final)
{
    s_use_bad_disk (1);
    fst_db_t *db = s_open ();
    cr_assert_eq (s_put (db, "a", 1), FST_OK);
    cr_assert_eq (fst_db_begin (db), FST_OK);
    cr_assert_eq (s_put (db, "b", 1), FST_OK);
    fake_disk_fail_sync (s_disk, 1, FST_IO);
    cr_assert_eq (fst_db_commit (db), FST_IO);
    cr_assert (fst_db_dead (db));
    cr_assert_eq (fst_db_begin (db), FST_IO);
    cr_assert_eq (s_put (db, "c", 1), FST_IO);
    cr_assert_eq (fst_db_next (db, fst_db_prepare (db, s_count)), FST_IO);
    cr_assert_eq (fst_db_run (db, fst_db_prepare (db, "SELECT 'never prepared before'")), FST_IO);
    fst_db_destroy (&db);
    db = s_open ();
    cr_assert_eq (s_put (db, "a", 1), FST_EXISTS, "what was acknowledged is there");
    fst_db_destroy (&db);
}

Test (db, a_failed_sync_of_a_checkpoint_is_final_too)
{
    s_use_bad_disk (1);
    fst_db_t *db = s_open ();
    fake_disk_fail_sync (s_disk, 3, FST_IO);    //  The commit's own succeeds, and the checkpoint's of the log
    cr_assert_eq (s_put_many (db, "x"), FST_OK);
    cr_assert (fake_disk_fired (s_disk), "there was a checkpoint");
    cr_assert (fst_db_dead (db));
    fst_db_destroy (&db);
    db = s_open ();
    cr_assert_eq (s_number (db, s_count), 2200);
    fst_db_destroy (&db);
}

//  Open, begin a new log if asked to, and put rows until something fails; how many were acknowledged.
static int
s_live (const char *prefix, bool many)
{
    char name [32], *problem = NULL;
    fst_db_t *db = NULL;
    int acknowledged = 0;
    fst_rc_t rc = fst_db_open (&s_options, &db, &problem);
    if (rc == FST_OK && many)
        rc = s_put_many (db, prefix);
    while (rc == FST_OK && acknowledged < 4) {
        snprintf (name, sizeof (name), "%s-%d", prefix, acknowledged);
        rc = s_put (db, name, acknowledged);
        acknowledged += rc == FST_OK;
    }
    if (fake_disk_crashed (s_disk) || rc == FST_OK)
        fake_disk_crash_now (s_disk);
    fst_db_destroy (&db);
    free (problem);
    return acknowledged;
}

static bool
s_has_rows (fst_db_t *db, const char *prefix, int count)
{
    char name [32];
    for (int at = 0; at < count; at++) {
        snprintf (name, sizeof (name), "%s-%d", prefix, at);
        if (s_put (db, name, at) != FST_EXISTS)
            return false;
    }
    return true;
}

//  The system marks what a failed sync did not write as written, and shows it to the next process, which finds a
//  transaction in the log that is not on the disk. Whatever it does with that, power may go at any time.
Test (db, the_next_process_builds_on_nothing_that_a_failed_sync_left, .timeout = 280)
{
    int fired = 0, seeds = sweep_count (5, 20);
    for (uint64_t seed = 1; seed <= (uint64_t) seeds; seed++)
        for (int nth = 1; nth <= 14; nth++)
            for (int crash = 1; crash <= 7; crash++) {
                bool many = seed == 2 && nth > 8 && crash % 2;      //  That takes its time
                s_use_bad_disk (seed * 1000 + (uint64_t) nth);
                fake_disk_fail_sync (s_disk, nth, FST_IO);
                int first = s_live ("first", many);
                fired += fake_disk_fired (s_disk);
                fake_disk_restart (s_disk);         //  Of the process: nothing was lost yet, if its sync failed
                fake_disk_crash (s_disk, crash);
                int second = s_live ("second", false);
                fake_disk_restart (s_disk);
                fst_db_t *db = s_open ();
                cr_assert (s_has_rows (db, "first", first) && s_has_rows (db, "second", second),
                           "seed %d, sync %d failed, power lost at %d", (int) seed, nth, crash);
                cr_assert_eq (s_number (db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
                fst_db_destroy (&db);
            }
    cr_assert_gt (fired, seeds * 50);
}

Test (db, every_call_may_fail_and_nothing_acknowledged_is_lost, .timeout = 280)
{
    bool fired = true;
    int nth;
    for (nth = 1; fired; nth++) {
        char name [32], *problem = NULL;
        fst_db_t *db = NULL;
        int acknowledged = 0;
        s_use_bad_disk ((uint64_t) nth);
        fake_disk_fail (s_disk, nth, FST_IO);
        fst_rc_t rc = fst_db_open (&s_options, &db, &problem);
        for (; rc == FST_OK && acknowledged < 5; acknowledged++) {
            snprintf (name, sizeof (name), "%d-%d", nth, acknowledged);
            rc = s_put (db, name, acknowledged);
            if (rc != FST_OK)
                break;
        }
        fired = fake_disk_fired (s_disk);
        cr_assert (rc == FST_OK || (rc == FST_IO && fired), "call %d: %s", nth, fst_error_code (rc));
        fake_disk_crash_now (s_disk);
        fst_db_destroy (&db);
        free (problem);
        fake_disk_restart (s_disk);
        db = s_open ();
        for (int at = 0; at < acknowledged; at++) {
            snprintf (name, sizeof (name), "%d-%d", nth, at);
            cr_assert_eq (s_put (db, name, at), FST_EXISTS, "call %d lost row %d", nth, at);
        }
        fst_db_destroy (&db);
    }
    cr_assert_gt (nth, 60, "each step of the opening and each commit was made to fail");
}

//  ---- Copies

typedef struct {
    char from [600], to [600];
    atomic_bool stop, done;
    fst_rc_t rc;
    char *problem;
} copy_t;

static void *
s_copy (void *arg)
{
    copy_t *copy = arg;
    copy->rc = fst_db_copy (copy->from, copy->to, &copy->stop, &copy->problem);
    atomic_store (&copy->done, true);
    return NULL;
}

static copy_t *
s_copy_new (void)
{
    copy_t *copy = calloc (1, sizeof (*copy));
    snprintf (copy->from, sizeof (copy->from), "%s", s_filename);
    snprintf (copy->to, sizeof (copy->to), "%s.copy", s_filename);
    return copy;
}

//  A thing and its part, so that a copy of no single moment shows.
static void
s_add_pair (fst_db_t *db, int number)
{
    char name [2000];
    memset (name, 'x', sizeof (name));
    snprintf (name, sizeof (name), "%d", number);
    name [strlen (name)] = 'x';
    name [sizeof (name) - 1] = 0;
    cr_assert_eq (fst_db_begin (db), FST_OK);
    sqlite3_stmt *thing = fst_db_prepare (db, s_insert);
    sqlite3_bind_text (thing, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int (thing, 2, number);
    cr_assert_eq (fst_db_run (db, thing), FST_OK);
    sqlite3_stmt *part = fst_db_prepare (db, "INSERT INTO parts (thing) VALUES (?1)");
    sqlite3_bind_text (part, 1, name, -1, SQLITE_STATIC);
    cr_assert_eq (fst_db_run (db, part), FST_OK);
    cr_assert_eq (fst_db_commit (db), FST_OK);
}

Test (db, a_copy_made_while_it_is_written_is_of_one_moment)
{
    fst_db_t *db = s_open ();
    int number = 0;
    for (; number < 1500; number++)
        s_add_pair (db, number);
    copy_t *copy = s_copy_new ();
    pthread_t thread;
    cr_assert_eq (pthread_create (&thread, NULL, s_copy, copy), 0);
    int before = number;
    while (!atomic_load (&copy->done))
        s_add_pair (db, number++);
    pthread_join (thread, NULL);
    cr_assert_eq (copy->rc, FST_OK, "%s", copy->problem);
    cr_expect_eq (s_number (db, s_count), number, "the writer went on");
    fst_db_destroy (&db);

    struct stat info;
    char log [700];
    snprintf (log, sizeof (log), "%s-wal", copy->to);
    cr_expect_eq (access (log, F_OK), -1, "it is complete in itself");
    cr_expect_eq (stat (copy->to, &info), 0);
    cr_expect_eq (info.st_mode & 0777, 0600);
    s_options.filename = copy->to;
    db = s_open ();
    int64_t things = s_number (db, s_count);
    cr_expect_geq (things, before);
    cr_expect_leq (things, number);
    cr_expect_eq (s_number (db, "SELECT count (*) FROM parts JOIN things ON name = thing"), things);
    cr_expect_eq (s_number (db, "SELECT max (size) FROM things"), things - 1);
    s_add_pair (db, number);
    fst_db_destroy (&db);
    free (copy);
}

Test (db, a_copy_that_is_stopped_or_fails_leaves_no_file)
{
    fst_db_t *db = s_open ();
    for (int number = 0; number < 800; number++)
        s_add_pair (db, number);
    copy_t *copy = s_copy_new ();
    atomic_store (&copy->stop, true);
    s_copy (copy);
    cr_expect_eq (copy->rc, FST_INTERRUPTED);
    cr_expect_eq (access (copy->to, F_OK), -1);
    free (copy->problem);
    copy->problem = NULL;
    atomic_store (&copy->stop, false);

    FILE *there = fopen (copy->to, "w");
    fclose (there);
    s_copy (copy);
    cr_expect_eq (copy->rc, FST_EXISTS);
    cr_expect_not_null (strstr (copy->problem, copy->to));
    cr_expect_eq (access (copy->to, F_OK), 0, "somebody else's file stays");
    free (copy->problem);
    fst_db_destroy (&db);

    //  What is damaged is not copied as if it were whole
    unlink (copy->to);
    FILE *file = fopen (s_filename, "r+");
    for (int page = 3; page < 300; page++) {
        fseek (file, page * 4096, SEEK_SET);
        fputs ("damage", file);
    }
    fclose (file);
    s_copy (copy);
    cr_expect_eq (copy->rc, FST_CORRUPT);
    cr_expect_eq (access (copy->to, F_OK), -1);
    free (copy->problem);
    free (copy);
}
