//  Disk and SQLite as the actors have them, with hooks: changes are points at which a part may be killed, space is
//  counted, nothing waits for a real disk, and a killed part's files are closed as the kernel does it.
//  The linker hands the calls to these __wrap functions (--wrap in CMakeLists.txt).

#include "sim_world.h"
#include <assert.h>
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>
#include "fst_db.h"

fst_rc_t
__real_fst_disk_open (const char *folder, fst_disk_t **disk_p);
fst_rc_t
__wrap_fst_disk_open (const char *folder, fst_disk_t **disk_p);
fst_rc_t
__real_fst_db_commit (fst_db_t *self);
fst_rc_t
__wrap_fst_db_commit (fst_db_t *self);
int
__real_sqlite3_open_v2 (const char *filename, sqlite3 **sqlite_p, int flags, const char *vfs);
int
__wrap_sqlite3_open_v2 (const char *filename, sqlite3 **sqlite_p, int flags, const char *vfs);
int
__real_sqlite3_close (sqlite3 *sqlite);
int
__wrap_sqlite3_close (sqlite3 *sqlite);
int
__real_sqlite3_close_v2 (sqlite3 *sqlite);
int
__wrap_sqlite3_close_v2 (sqlite3 *sqlite);

//  kill -9 loses nothing that was written, so nothing needs to reach the real disk.
int
fsync (int fd)
{
    (void) fd;
    return 0;
}

int
fdatasync (int fd)
{
    (void) fd;
    return 0;
}

//  ---- The disk port

static fst_disk_t s_real;               //  Its functions; the same for all

static fst_rc_t
s_write (void *self, fst_disk_file_t *file, int64_t offset, const void *data, size_t bytes)
{
    sim_part_t *part = sim_world->running;
    int64_t before = 0, end = offset + (int64_t) bytes;
    sim_point ();
    if (s_real.size (self, file, &before) == FST_OK && end > before) {
        if (part->disk_used + end - before > part->disk_bytes)
            return FST_NO_SPACE;
        part->disk_used += end - before;
    }
    return s_real.write (self, file, offset, data, bytes);
}

//  The real disk knows real times only, so it is remembered here when a file was made; nothing is written to for long.
static void
s_path (const char *name, char path [400])
{
    snprintf (path, 400, "%s/%s", sim_world->running->folder, name);
}

static fst_rc_t
s_open (void *self, const char *name, bool create, fst_disk_file_t **file_p)
{
    fst_rc_t rc = s_real.open (self, name, create, file_p);
    char path [400];
    s_path (name, path);
    if (rc == FST_OK && create)
        zhashx_update (sim_world->made, path, (void *) (intptr_t) (sim_world->now_ms + 1));
    return rc;
}

static fst_rc_t
s_age (void *self, const char *name, int64_t *ms_p)
{
    char path [400];
    s_path (name, path);
    int64_t made_ms = (intptr_t) zhashx_lookup (sim_world->made, path);
    fst_rc_t rc = s_real.age (self, name, ms_p);
    if (rc == FST_OK)
        *ms_p = made_ms? sim_world->now_ms + 1 - made_ms: sim_world->now_ms;    //  Or a test made it
    return rc;
}

static fst_rc_t
s_touch (void *self, const char *name)
{
    char path [400];
    s_path (name, path);
    zhashx_update (sim_world->made, path, (void *) (intptr_t) (sim_world->now_ms + 1));
    return s_real.touch (self, name);
}

static fst_rc_t
s_sync (void *self, fst_disk_file_t *file)
{
    sim_point ();
    return s_real.sync (self, file);
}

static fst_rc_t
s_rename (void *self, const char *from, const char *to)
{
    sim_point ();
    return s_real.rename (self, from, to);
}

static fst_rc_t
s_unlink (void *self, const char *name)
{
    fst_disk_file_t *file = NULL;
    int64_t bytes = 0;
    sim_point ();
    if (s_real.open (self, name, false, &file) == FST_OK) {
        if (s_real.size (self, file, &bytes) != FST_OK)
            bytes = 0;
        s_real.close (self, &file);
    }
    fst_rc_t rc = s_real.unlink (self, name);
    if (rc == FST_OK)
        sim_world->running->disk_used -= bytes;
    return rc;
}

static fst_rc_t
s_space (void *self, bool try, fst_disk_space_t *space)
{
    (void) try;
    (void) self;
    const sim_part_t *part = sim_world->running;
    *space = (fst_disk_space_t) { .capacity = part->disk_bytes };
    space->free = part->disk_bytes > part->disk_used? part->disk_bytes - part->disk_used: 0;
    return FST_OK;
}

fst_rc_t
__wrap_fst_disk_open (const char *folder, fst_disk_t **disk_p)
{
    fst_rc_t rc = __real_fst_disk_open (folder, disk_p);
    if (rc == FST_OK && sim_world->running) {
        s_real = **disk_p;
        (*disk_p)->open = s_open;
        (*disk_p)->age = s_age;
        (*disk_p)->touch = s_touch;
        (*disk_p)->write = s_write;
        (*disk_p)->sync = s_sync;
        (*disk_p)->rename = s_rename;
        (*disk_p)->unlink = s_unlink;
        (*disk_p)->space = s_space;
    }
    return rc;
}

const char *
sim_folder (const sim_t *self, int part)
{
    return self->parts [part].folder;
}

//  ---- SQLite

fst_rc_t
__wrap_fst_db_commit (fst_db_t *self)
{
    sim_point ();
    fst_rc_t rc = __real_fst_db_commit (self);
    sim_point ();
    return rc;
}

int
__wrap_sqlite3_open_v2 (const char *filename, sqlite3 **sqlite_p, int flags, const char *vfs)
{
    int code = __real_sqlite3_open_v2 (filename, sqlite_p, flags, vfs);
    sim_part_t *part = sim_world? sim_world->running: NULL;
    for (int at = 0; part; at++) {
        assert (at < SIM_DATABASES);
        if (!part->databases [at]) {
            part->databases [at] = *sqlite_p;
            break;
        }
    }
    return code;
}

static void
s_forget (const sqlite3 *sqlite)
{
    sim_part_t *part = sim_world? sim_world->running: NULL;
    for (int at = 0; part && at < SIM_DATABASES; at++)
        if (part->databases [at] == sqlite)
            part->databases [at] = NULL;
}

int
__wrap_sqlite3_close (sqlite3 *sqlite)
{
    s_forget (sqlite);
    return __real_sqlite3_close (sqlite);
}

int
__wrap_sqlite3_close_v2 (sqlite3 *sqlite)
{
    s_forget (sqlite);
    return __real_sqlite3_close_v2 (sqlite);
}

//  Without checkpoint, so that the files stay as the crash left them; an open transaction goes.
static void
s_close_database (sqlite3 *sqlite)
{
    sqlite3_stmt *statement;
    sqlite3_db_config (sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_wal_hook (sqlite, NULL, NULL);
    sqlite3_exec (sqlite, "ROLLBACK", NULL, NULL, NULL);    //  Before the statements go: the last one's end may commit
    while ((statement = sqlite3_next_stmt (sqlite, NULL)))
        sqlite3_finalize (statement);
    int code = __real_sqlite3_close (sqlite);
    assert (code == SQLITE_OK);
}

//  Descriptors of files in the part's folder.
static void
s_close_files (const sim_part_t *part)
{
    int fds [1024];
    size_t count = 0, prefix = strlen (part->folder);
    DIR *dir = opendir ("/proc/self/fd");
    assert (dir);
    struct dirent *entry;
    while ((entry = readdir (dir)) && count < sizeof (fds) / sizeof (fds [0])) {
        char link [320], target [512];
        snprintf (link, sizeof (link), "/proc/self/fd/%s", entry->d_name);
        ssize_t bytes = readlink (link, target, sizeof (target) - 1);
        if (bytes < (ssize_t) prefix)
            continue;
        target [bytes] = 0;
        if (strncmp (target, part->folder, prefix) == 0 && (target [prefix] == '/' || !target [prefix]))
            fds [count++] = atoi (entry->d_name);
    }
    closedir (dir);
    for (size_t at = 0; at < count; at++)
        close (fds [at]);
}

void
sim_disk_bury (sim_part_t *part)
{
    for (int at = 0; at < SIM_DATABASES; at++)
        if (part->databases [at]) {
            s_close_database (part->databases [at]);
            part->databases [at] = NULL;
        }
    if (part->folder [0])
        s_close_files (part);
}

//  ---- An older copy

static void
s_copy (const char *from, const char *to)
{
    FILE *in = fopen (from, "rb"), *out = in? fopen (to, "wb"): NULL;
    char buffer [65536];
    size_t bytes;
    if (!in) {
        unlink (to);
        return;
    }
    assert (out);
    while ((bytes = fread (buffer, 1, sizeof (buffer), in)) > 0) {
        size_t written = fwrite (buffer, 1, bytes, out);
        assert (written == bytes);
    }
    fclose (in);
    fclose (out);
}

static void
s_copy_database (const sim_t *self, const char *from, const char *to)
{
    static const char *const ends [] = { "", "-wal" };
    for (size_t at = 0; at < 2; at++) {
        char source [600], target [600];
        snprintf (source, sizeof (source), "%s/%s%s", sim_folder (self, SIM_METADATA), from, ends [at]);
        snprintf (target, sizeof (target), "%s/%s%s", sim_folder (self, SIM_METADATA), to, ends [at]);
        s_copy (source, target);
    }
}

void
sim_keep_database (sim_t *self, const char *name)
{
    s_copy_database (self, "metadata.db", name);
}

void
sim_restore_database (sim_t *self, const char *name)
{
    assert (!sim_is_up (self, SIM_METADATA));
    char index [600];
    snprintf (index, sizeof (index), "%s/metadata.db-shm", sim_folder (self, SIM_METADATA));
    unlink (index);
    s_copy_database (self, name, "metadata.db");
    sim_say (self, "world: database %s is put back", name);
}

void
sim_wipe (sim_t *self, int node)
{
    sim_part_t *part = &self->parts [SIM_NODE (node)];
    assert (!part->up);
    sim_remove_folder (part->folder);
    part->disk_used = 0;
    sim_say (self, "world: wipe %s", part->name);
}
