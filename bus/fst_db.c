//  SQLite, opened and used in one way. See fst_db.h and docs/DISK.md.

#include "fst_db.h"
#include "fst_log.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATEMENTS_MAX      512                     //  A power of two; SQL literals in one actor are fewer
#define CHECKPOINT_PAGES    1000
#define BUSY_TIMEOUT_MS     2000
#define CHECK_BYTES_MAX     (64 * 1024 * 1024)      //  Above this, quick_check would delay the start too much
#define JOURNAL_BYTES_MAX   "16777216"              //  A WAL that grew larger is cut when it is reset
#define LOG_HEADER_BYTES    32                      //  Of the WAL's format, and of each frame in it
#define FRAME_HEADER_BYTES  24

struct fst_db {
    sqlite3 *sqlite;
    char *filename;
    const char *const *migrations;
    bool read_only;
    bool dead;                  //  After an I/O error or damage: nothing is to be trusted any more
    bool damaged;               //  It was damage
    bool open;                  //  Between begin and commit or rollback
    int frames;                 //  Of the log, on stable storage and not yet all in the file; -1 = not known
    int64_t page_bytes;
    char *why;                  //  What SQLite said of the last failure
    fst_rc_t lost;              //  Why SQLite rolled the open transaction back by itself, or FST_OK
    struct {
        const char *sql;        //  Compared by address
        sqlite3_stmt *statement;
    } statements [STATEMENTS_MAX];
    size_t statement_count;
};

//  ---- Results

static fst_rc_t
s_translate (int code)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return FST_EXISTS;
    }
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return FST_OK;
    case SQLITE_FULL:
        return FST_NO_SPACE;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        return FST_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return FST_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return FST_BUSY;
    case SQLITE_TOOBIG:
        return FST_TOO_LARGE;
    default:
        return FST_INTERNAL;
    }
}

//  Nothing is to be trusted any more. What the log has behind the last commit that succeeded may be on the disk or
//  not, for a sync of it may have failed, and then the system still shows it to the next process, which would
//  go on behind it. So it must go. Best effort: rc already says that it failed.
static void
s_die (fst_db_t *self)
{
    if (self->dead)
        return;
    self->dead = true;
    sqlite3_file *log = NULL;
    if (self->read_only || self->frames < 0
    ||  sqlite3_file_control (self->sqlite, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK
    ||  !log || !log->pMethods)
        return;
    sqlite3_int64 found = 0, good = 0;
    if (self->frames)
        good = LOG_HEADER_BYTES + self->frames * (FRAME_HEADER_BYTES + self->page_bytes);
    int code = log->pMethods->xFileSize (log, &found);
    if (code == SQLITE_OK && found > good)
        code = log->pMethods->xTruncate (log, good);
    if (code != SQLITE_OK)
        fst_log_error ("log of database not cut file=%s code=%d", self->filename, code);
}

//  A write failed: because the file system turned read-only? Then it took nothing, what was synced stays, and it may take
//  writes again. SQLite keeps the system's error with each file, and writes to both.
static bool
s_met_read_only (fst_db_t *self)
{
    const int files [] = { SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER };
    for (int at = 0; at < 2; at++) {
        sqlite3_file *file = NULL;
        int error = 0;
        if (sqlite3_file_control (self->sqlite, "main", files [at], &file) == SQLITE_OK && file && file->pMethods
        &&  file->pMethods->xFileControl (file, SQLITE_FCNTL_LAST_ERRNO, &error) == SQLITE_OK && error == EROFS)
            return true;
    }
    return false;
}

//  Translate what SQLite said, and remember what cannot be mended.
static fst_rc_t
s_result (fst_db_t *self, int code)
{
    fst_rc_t rc = s_translate (code);
    if (rc == FST_OK || rc == FST_EXISTS)
        return rc;
    assert ((code & 0xff) != SQLITE_MISUSE);
    assert ((code & 0xff) != SQLITE_NOMEM);
    if (code == SQLITE_READONLY && self->read_only)
        rc = FST_INTERNAL;              //  A reader that writes: our mistake, not the disk's
    if ((code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_TRUNCATE) && s_met_read_only (self))
        rc = FST_NO_SPACE;
    if (rc == FST_CORRUPT)
        self->damaged = true;
    if (rc == FST_IO || rc == FST_CORRUPT)
        s_die (self);
    if (self->open && self->lost == FST_OK && sqlite3_get_autocommit (self->sqlite))
        self->lost = rc;
    free (self->why);
    self->why = strdup (sqlite3_errmsg (self->sqlite));
    assert (self->why);
    fst_log_error ("database failed file=%s code=%d reason=\"%s\"", self->filename, code, self->why);
    return rc;
}

//  Why nothing may be run now; FST_OK if it may.
static fst_rc_t
s_refusal (const fst_db_t *self)
{
    return self->dead? FST_IO: self->lost;
}

//  Move what the log has into the file, as far as readers allow.
static fst_rc_t
s_checkpoint (fst_db_t *self)
{
    int in_log = -1, done = -1;
    int code = sqlite3_wal_checkpoint_v2 (self->sqlite, "main", SQLITE_CHECKPOINT_PASSIVE, &in_log, &done);
    fst_rc_t rc = s_translate (code);
    if (rc == FST_OK)
        self->frames = in_log > 0 && in_log == done? 0: in_log;     //  -1: there is no log
    else
    if (rc == FST_IO || rc == FST_CORRUPT)
        rc = s_result (self, code);
    else
        rc = FST_OK;                    //  Busy, full: tried again at the next commit
    return rc;
}

//  SQLite's own hook ignores errors of a checkpoint, and a failed fsync must not be ignored.
//  The commit that brought us here is durable in the log already.
static int
s_committed (void *arg, sqlite3 *sqlite, const char *name, int pages)
{
    (void) sqlite;
    (void) name;
    fst_db_t *self = arg;
    self->frames = pages;
    if (pages >= CHECKPOINT_PAGES) {
        fst_rc_t rc = s_checkpoint (self);
        assert (rc == FST_OK || self->dead);
    }
    return SQLITE_OK;
}

//  ---- Statements

static size_t
s_slot (const fst_db_t *self, const char *sql)
{
    size_t slot = (size_t) (((uint64_t) (uintptr_t) sql * 0x9e3779b97f4a7c15u) >> 32) % STATEMENTS_MAX;
    while (self->statements [slot].sql && self->statements [slot].sql != sql)
        slot = (slot + 1) % STATEMENTS_MAX;
    return slot;
}

//  Does it compile in a new database? Then what is wrong with this one is its file: the names of tables and columns lie
//  on a page that nothing protects.
static bool
s_compiles (const fst_db_t *self, const char *sql)
{
    sqlite3 *sqlite;
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_open_v2 (":memory:", &sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, NULL);
    for (int version = 0; code == SQLITE_OK && self->migrations [version]; version++)
        code = sqlite3_exec (sqlite, self->migrations [version], NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2 (sqlite, sql, -1, &statement, NULL);
    sqlite3_finalize (statement);
    sqlite3_close (sqlite);
    return code == SQLITE_OK;
}

sqlite3_stmt *
fst_db_prepare (fst_db_t *self, const char *sql)
{
    assert (self);
    assert (sql);
    size_t slot = s_slot (self, sql);
    sqlite3_stmt *statement = self->statements [slot].statement;
    if (statement) {
        assert (!sqlite3_stmt_busy (statement));    //  Used twice at once, or fst_db_done was forgotten
        sqlite3_clear_bindings (statement);
        return statement;
    }
    int code = sqlite3_prepare_v3 (self->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (code != SQLITE_OK) {
        s_result (self, code == SQLITE_ERROR && s_compiles (self, sql)? SQLITE_CORRUPT: code);
        assert (self->dead);            //  Otherwise the SQL is wrong
        return NULL;                    //  Which binding and running take, and answer FST_IO
    }
    assert (++self->statement_count < STATEMENTS_MAX);
    self->statements [slot].sql = sql;
    self->statements [slot].statement = statement;
    return statement;
}

fst_rc_t
fst_db_next (fst_db_t *self, sqlite3_stmt *statement)
{
    assert (self);
    fst_rc_t rc = s_refusal (self);
    if (rc == FST_OK) {
        int code = sqlite3_step (statement);
        if (code == SQLITE_ROW)
            return FST_OK;
        rc = code == SQLITE_DONE? FST_NOT_FOUND: s_result (self, code);
    }
    fst_db_done (statement);
    return rc;
}

fst_rc_t
fst_db_run (fst_db_t *self, sqlite3_stmt *statement)
{
    fst_rc_t rc;
    do
        rc = fst_db_next (self, statement);
    while (rc == FST_OK);
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

void
fst_db_done (sqlite3_stmt *statement)
{
    if (!statement)
        return;                         //  It could not be prepared
    sqlite3_reset (statement);          //  Repeats the last error, which was looked at already
    sqlite3_clear_bindings (statement);
}

//  ---- Transactions

fst_rc_t
fst_db_begin (fst_db_t *self)
{
    assert (self);
    assert (!self->open);
    assert (!self->read_only);
    fst_rc_t rc = fst_db_run (self, fst_db_prepare (self, "BEGIN IMMEDIATE"));
    self->open = rc == FST_OK;
    return rc;
}

fst_rc_t
fst_db_commit (fst_db_t *self)
{
    assert (self);
    assert (self->open);
    fst_rc_t rc = fst_db_run (self, fst_db_prepare (self, "COMMIT"));
    if (rc == FST_OK)
        self->open = false;
    else
        fst_db_rollback (self);
    return rc;
}

void
fst_db_rollback (fst_db_t *self)
{
    assert (self);
    self->open = false;
    self->lost = FST_OK;
    if (!self->dead && !sqlite3_get_autocommit (self->sqlite)) {
        fst_rc_t rc = fst_db_run (self, fst_db_prepare (self, "ROLLBACK"));
        assert (rc == FST_OK || self->dead);
    }
}

fst_rc_t
fst_db_save (fst_db_t *self)
{
    assert (self);
    assert (self->open);
    return fst_db_run (self, fst_db_prepare (self, "SAVEPOINT request"));
}

fst_rc_t
fst_db_release (fst_db_t *self)
{
    assert (self);
    assert (self->open);
    return fst_db_run (self, fst_db_prepare (self, "RELEASE request"));
}

void
fst_db_undo (fst_db_t *self)
{
    assert (self);
    assert (self->open);
    if (s_refusal (self) != FST_OK)
        return;                         //  The whole transaction is gone already; commit will say so
    fst_rc_t rc = fst_db_run (self, fst_db_prepare (self, "ROLLBACK TO request"));
    if (rc == FST_OK)
        rc = fst_db_run (self, fst_db_prepare (self, "RELEASE request"));
    assert (rc == FST_OK || s_refusal (self) != FST_OK);
}

bool
fst_db_dead (const fst_db_t *self)
{
    assert (self);
    return self->dead;
}

bool
fst_db_damaged (const fst_db_t *self)
{
    assert (self);
    return self->damaged;
}

int
fst_db_changes (const fst_db_t *self)
{
    assert (self);
    return sqlite3_changes (self->sqlite);
}

//  ---- Opening

static fst_rc_t
s_exec (fst_db_t *self, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

static fst_rc_t
s_exec (fst_db_t *self, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    char *sql = sqlite3_vmprintf (format, args);
    va_end (args);
    assert (sql);
    int code = sqlite3_exec (self->sqlite, sql, NULL, NULL, NULL);
    sqlite3_free (sql);
    return s_result (self, code);
}

//  First column of the first row, as a number; 0 if there is no row.
static fst_rc_t
s_number (fst_db_t *self, const char *sql, int64_t *value_p)
{
    sqlite3_stmt *statement = fst_db_prepare (self, sql);
    fst_rc_t rc = fst_db_next (self, statement);
    if (rc == FST_OK || rc == FST_NOT_FOUND) {
        *value_p = rc == FST_OK? sqlite3_column_int64 (statement, 0): 0;
        rc = FST_OK;
        fst_db_done (statement);
    }
    return rc;
}

static void
s_configure_process (void)
{
    //  Statistics cost a lock around every allocation. Too late if somebody else began with SQLite: no harm.
    sqlite3_config (SQLITE_CONFIG_MEMSTATUS, 0);
}

static int
s_connect (fst_db_t *self)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once (&once, s_configure_process);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (!self->read_only) {
        //  Ours alone, whatever the umask; the log and its index get the same mode from SQLite. Only a new
        //  file is touched, as closing any descriptor of it drops the locks of the whole process.
        int fd = open (self->filename, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0)
            close (fd);
        flags |= SQLITE_OPEN_CREATE;
    }
    return sqlite3_open_v2 (self->filename, &self->sqlite, flags, NULL);
}

static fst_rc_t
s_configure (fst_db_t *self, const fst_db_options_t *options)
{
    sqlite3 *sqlite = self->sqlite;
    sqlite3_busy_timeout (sqlite, BUSY_TIMEOUT_MS);
    sqlite3_db_config (sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config (sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config (sqlite, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config (sqlite, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config (sqlite, SQLITE_DBCONFIG_LOOKASIDE, NULL, 1200, 40);
    fst_rc_t rc = s_exec (self, "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
                                "PRAGMA cache_size = -%d", options->cache_kib? options->cache_kib: 2048);
    if (rc == FST_OK && self->read_only) {
        sqlite3_db_config (sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        rc = s_exec (self, "PRAGMA wal_autocheckpoint = 0; PRAGMA query_only = ON");
    }
    else
    if (rc == FST_OK) {
        rc = s_exec (self, "PRAGMA page_size = %d; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                           "PRAGMA journal_size_limit = " JOURNAL_BYTES_MAX,
                     options->page_bytes? options->page_bytes: 4096);
        sqlite3_wal_hook (sqlite, s_committed, self);
        if (rc == FST_OK)
            rc = s_checkpoint (self);
    }
    if (rc == FST_OK)
        rc = s_number (self, "PRAGMA page_size", &self->page_bytes);
    return rc;
}

//  Check that the file is ours and of a version that we know; a file without any table is a new one.
static fst_rc_t
s_identify (fst_db_t *self, const fst_db_options_t *options, int64_t *version_p, const char **why_p)
{
    int64_t id, things, newest = 0;
    while (options->migrations [newest])
        newest++;
    fst_rc_t rc = s_number (self, "PRAGMA application_id", &id);
    if (rc == FST_OK)
        rc = s_number (self, "PRAGMA user_version", version_p);
    if (rc == FST_OK)
        rc = s_number (self, "SELECT count (*) FROM sqlite_schema", &things);
    if (rc != FST_OK)
        return rc;
    bool fresh = id == 0 && *version_p == 0 && things == 0 && !self->read_only;
    if (!fresh && (uint32_t) id != options->application_id)
        *why_p = "it belongs to another program, or to another actor";
    else
    if (*version_p > newest)
        *why_p = "a newer version of Filestore wrote it; use that one";
    else
    if (self->read_only && *version_p != newest)
        *why_p = "it is of another version than this program reads";
    return *why_p? FST_CORRUPT: FST_OK;
}

//  The damage that SQLite finds, as text; NULL if none. Only in files that are read in no time.
static fst_rc_t
s_quick_check (fst_db_t *self, const char **why_p)
{
    int64_t pages;
    fst_rc_t rc = s_number (self, "PRAGMA page_count", &pages);
    if (rc != FST_OK || pages * self->page_bytes > CHECK_BYTES_MAX)
        return rc;
    sqlite3_stmt *statement = fst_db_prepare (self, "PRAGMA quick_check (1)");
    rc = fst_db_next (self, statement);
    if (rc != FST_OK)
        return rc;
    bool good = strcmp ((const char *) sqlite3_column_text (statement, 0), "ok") == 0;
    fst_db_done (statement);
    sqlite3_db_release_memory (self->sqlite);   //  Pages that were read for this alone
    if (good)
        return FST_OK;
    *why_p = "its pages are damaged";
    return FST_CORRUPT;
}

static fst_rc_t
s_migrate (fst_db_t *self, const fst_db_options_t *options, int64_t version)
{
    fst_rc_t rc = FST_OK;
    for (; rc == FST_OK && options->migrations [version]; version++) {
        rc = fst_db_begin (self);
        if (rc == FST_OK)
            rc = s_exec (self, "%s", options->migrations [version]);
        if (rc == FST_OK)
            rc = s_exec (self, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                         (int) options->application_id, (int) version + 1);
        if (rc == FST_OK)
            rc = fst_db_commit (self);
        else
            fst_db_rollback (self);
    }
    return rc;
}

//  SQLite syncs the folder once it has made the log in it, but does not look whether that worked.
static fst_rc_t
s_sync_folder (fst_db_t *self)
{
    char *folder = strdup (self->filename);
    assert (folder);
    char *slash = strrchr (folder, '/');
    if (slash)
        slash [slash == folder] = 0;
    int fd = open (slash? folder: ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free (folder);
    if (fd == -1)
        return FST_OK;                  //  SQLite found the file in it; the folder itself is not ours to look into
    int rc = fsync (fd);
    if (rc == -1) {
        free (self->why);
        self->why = strdup (strerror (errno));
        assert (self->why);
        fst_log_error ("sync of folder failed file=%s reason=\"%s\"", self->filename, self->why);
    }
    close (fd);
    return rc == 0? FST_OK: FST_IO;
}

static fst_rc_t
s_open (fst_db_t *self, const fst_db_options_t *options, const char **why_p)
{
    int64_t version = 0;
    fst_rc_t rc = s_result (self, s_connect (self));
    if (rc == FST_OK)
        rc = s_configure (self, options);
    if (rc == FST_OK)
        rc = s_identify (self, options, &version, why_p);
    if (rc == FST_OK && !self->read_only)       //  A reader comes beside a writer, which has looked
        rc = s_quick_check (self, why_p);
    if (rc == FST_OK && !self->read_only)
        rc = s_migrate (self, options, version);
    if (rc == FST_OK && !self->read_only)
        rc = s_sync_folder (self);
    if (rc == FST_OK)                   //  Not before: a migration may have to rebuild tables
        rc = s_exec (self, "PRAGMA foreign_keys = ON");
    return rc;
}

fst_rc_t
fst_db_open (const fst_db_options_t *options, fst_db_t **self_p, char **problem_p)
{
    assert (options);
    assert (options->filename);
    assert (options->application_id);
    assert (options->migrations);
    assert (self_p);
    assert (problem_p);
    fst_db_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->filename = strdup (options->filename);
    assert (self->filename);
    self->migrations = options->migrations;
    self->read_only = options->read_only;
    self->frames = -1;
    const char *why = NULL;
    fst_rc_t rc = s_open (self, options, &why);
    if (rc == FST_OK) {
        *self_p = self;
        return FST_OK;
    }
    if (!why)
        why = rc == FST_BUSY? "another process uses it": self->why;
    int length = asprintf (problem_p, "The database %s cannot be opened: %s.", self->filename, why);
    assert (length > 0);
    fst_db_destroy (&self);
    return rc;
}

void
fst_db_destroy (fst_db_t **self_p)
{
    assert (self_p);
    fst_db_t *self = *self_p;
    if (!self)
        return;
    for (size_t slot = 0; slot < STATEMENTS_MAX; slot++)
        sqlite3_finalize (self->statements [slot].statement);
    if (self->dead)                     //  Leave all to the recovery at the next start
        sqlite3_db_config (self->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int code = sqlite3_close (self->sqlite);
    assert (code == SQLITE_OK);
    free (self->filename);
    free (self->why);
    free (self);
    *self_p = NULL;
}
