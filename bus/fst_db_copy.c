//  A copy of a database in use: SQLite's backup from a connection of its own, inside one read transaction, so that the
//  writer goes on and the copy is of one moment.

#include "fst_db.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_PAGES      256             //  Between two looks whether to stop
#define BUSY_TIMEOUT_MS 2000

//  What SQLite or the system said, as one of ours and as a sentence.
static fst_rc_t
s_failed (fst_rc_t rc, const char *what, const char *name, const char *reason, char **problem_p)
{
    if (asprintf (problem_p, "The database could not be copied: cannot %s %s: %s.", what, name, reason) < 0)
        abort ();
    return rc;
}

static fst_rc_t
s_sqlite_failed (sqlite3 *sqlite, int code, const char *what, const char *name, char **problem_p)
{
    int kind = code & 0xff;
    fst_rc_t rc = kind == SQLITE_FULL? FST_NO_SPACE: kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB? FST_CORRUPT
                : kind == SQLITE_BUSY || kind == SQLITE_LOCKED? FST_BUSY: FST_IO;
    return s_failed (rc, what, name, sqlite? sqlite3_errmsg (sqlite): sqlite3_errstr (code), problem_p);
}

static int
s_open (const char *name, sqlite3 **sqlite_p)
{
    int code = sqlite3_open_v2 (name, sqlite_p, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout (*sqlite_p, BUSY_TIMEOUT_MS);
    return code;
}

//  The one that is in use: never written, and never checkpointed, which is its writer's business.
static int
s_open_source (const char *name, sqlite3 **sqlite_p)
{
    int code = s_open (name, sqlite_p);
    if (code != SQLITE_OK)
        return code;
    sqlite3_db_config (*sqlite_p, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return sqlite3_exec (*sqlite_p, "PRAGMA wal_autocheckpoint = 0; PRAGMA query_only = ON; BEGIN;"
                                    "SELECT count (*) FROM sqlite_schema", NULL, NULL, NULL);
}

static fst_rc_t
s_copy_pages (sqlite3 *source, sqlite3 *target, const char *to, atomic_bool *stop, char **problem_p)
{
    sqlite3_backup *backup = sqlite3_backup_init (target, "main", source, "main");
    if (!backup)
        return s_sqlite_failed (target, sqlite3_errcode (target), "write", to, problem_p);
    int code = SQLITE_OK;
    bool stopped = false;
    while (code == SQLITE_OK && !stopped) {
        code = sqlite3_backup_step (backup, STEP_PAGES);
        stopped = stop && atomic_load (stop);
    }
    sqlite3_backup_finish (backup);
    if (code == SQLITE_DONE)
        return FST_OK;
    return code == SQLITE_OK? s_failed (FST_INTERRUPTED, "finish", to, "it was stopped", problem_p)
                            : s_sqlite_failed (target, code, "write", to, problem_p);
}

static int
s_take_verdict (void *arg, int count, char **values, char **names)
{
    (void) names;
    bool *good = arg;
    *good = count == 1 && values [0] && strcmp (values [0], "ok") == 0;
    return 0;
}

//  Make it one file that needs no log, and see that it is whole: a backup of damage is none.
static fst_rc_t
s_finish (const char *to, char **problem_p)
{
    sqlite3 *sqlite = NULL;
    bool good = false;
    int code = s_open (to, &sqlite);
    if (code == SQLITE_OK)
        code = sqlite3_exec (sqlite, "PRAGMA synchronous = OFF; PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec (sqlite, "PRAGMA quick_check (1)", s_take_verdict, &good, NULL);
    fst_rc_t rc = FST_OK;
    if (code != SQLITE_OK)
        rc = s_sqlite_failed (sqlite, code, "finish", to, problem_p);
    else
    if (!good)
        rc = s_failed (FST_CORRUPT, "copy", to, "the pages of the database are damaged", problem_p);
    sqlite3_close (sqlite);
    return rc;
}

static fst_rc_t
s_sync (const char *to, char **problem_p)
{
    int fd = open (to, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && fsync (fd) == 0;
    fst_rc_t rc = good? FST_OK: s_failed (errno == ENOSPC? FST_NO_SPACE: FST_IO, "sync", to, strerror (errno), problem_p);
    if (fd >= 0)
        close (fd);
    return rc;
}

static fst_rc_t
s_copy (const char *from, const char *to, atomic_bool *stop, char **problem_p)
{
    sqlite3 *source = NULL, *target = NULL;
    fst_rc_t rc = FST_OK;
    int code = s_open_source (from, &source);
    if (code != SQLITE_OK)
        rc = s_sqlite_failed (source, code, "read", from, problem_p);
    if (rc == FST_OK) {
        code = s_open (to, &target);
        if (code == SQLITE_OK)          //  If it is cut short it is thrown away, so it needs no journal
            code = sqlite3_exec (target, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
        if (code != SQLITE_OK)
            rc = s_sqlite_failed (target, code, "write", to, problem_p);
    }
    if (rc == FST_OK)
        rc = s_copy_pages (source, target, to, stop, problem_p);
    sqlite3_close (target);
    sqlite3_close (source);
    return rc;
}

fst_rc_t
fst_db_copy (const char *from, const char *to, atomic_bool *stop, char **problem_p)
{
    assert (from);
    assert (to);
    assert (problem_p);
    int fd = open (to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return s_failed (errno == EEXIST? FST_EXISTS: errno == ENOSPC? FST_NO_SPACE: FST_IO, "make", to, strerror (errno),
                         problem_p);
    close (fd);
    fst_rc_t rc = s_copy (from, to, stop, problem_p);
    if (rc == FST_OK)
        rc = s_finish (to, problem_p);
    if (rc == FST_OK)
        rc = s_sync (to, problem_p);
    if (rc != FST_OK)
        unlink (to);
    return rc;
}
