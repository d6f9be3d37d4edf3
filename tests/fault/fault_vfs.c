//  The methods that SQLite asks of a VFS, each by way of a fake disk's port.

#include "fault_vfs.h"
#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 64
#define REGIONS_MAX    64               //  Of shared memory; one is enough for 4,000 pages in the log

typedef struct file file_t;

//  A file that is open, however often: its locks and its shared memory.
typedef struct node {
    struct node *next;
    char name [NAME_MAX_BYTES];
    int refs;
    int shared;                         //  Files with a lock
    const file_t *reserved, *pending;   //  Who has that lock, or a higher one
    void *regions [REGIONS_MAX];
    int mapped;                         //  Files that use them
    int readers [SQLITE_SHM_NLOCK];
    const file_t *writers [SQLITE_SHM_NLOCK];
} node_t;

struct file {
    sqlite3_file base;
    node_t *node;
    fst_disk_file_t *file;
    int level;                          //  SQLITE_LOCK_...
    bool mapped;
    bool sync_folder;                   //  With the first sync
    unsigned reads;                     //  Bit n: holds lock n of the shared memory with others
};

static fake_disk_t *s_disk;
static fst_disk_t *s_port;
static node_t *s_nodes;
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;      //  Guards nodes

//  ---- Nodes

static const char *
s_base_name (const char *name)
{
    const char *slash = strrchr (name, '/');
    return slash? slash + 1: name;
}

static node_t *
s_node_take (const char *name)
{
    pthread_mutex_lock (&s_lock);
    node_t *node = s_nodes;
    while (node && strcmp (node->name, name) != 0)
        node = node->next;
    if (!node) {
        node = calloc (1, sizeof (*node));
        assert (node);
        assert (strlen (name) < NAME_MAX_BYTES);
        strcpy (node->name, name);
        node->next = s_nodes;
        s_nodes = node;
    }
    node->refs++;
    pthread_mutex_unlock (&s_lock);
    return node;
}

static void
s_node_drop (node_t *node)
{
    pthread_mutex_lock (&s_lock);
    if (--node->refs == 0) {
        node_t **at = &s_nodes;
        while (*at != node)
            at = &(*at)->next;
        *at = node->next;
        assert (!node->mapped);
        free (node);
    }
    pthread_mutex_unlock (&s_lock);
}

//  ---- Contents

static int
s_close (sqlite3_file *base)
{
    file_t *file = (file_t *) base;
    s_port->close (s_port->self, &file->file);
    s_node_drop (file->node);
    return SQLITE_OK;
}

static int
s_read (sqlite3_file *base, void *data, int bytes, sqlite3_int64 offset)
{
    file_t *file = (file_t *) base;
    size_t got = 0;
    if (s_port->read (s_port->self, file->file, offset, data, (size_t) bytes, &got) != FST_OK)
        return SQLITE_IOERR_READ;
    memset ((char *) data + got, 0, (size_t) bytes - got);
    return got == (size_t) bytes? SQLITE_OK: SQLITE_IOERR_SHORT_READ;
}

static int
s_write (sqlite3_file *base, const void *data, int bytes, sqlite3_int64 offset)
{
    file_t *file = (file_t *) base;
    fst_rc_t rc = s_port->write (s_port->self, file->file, offset, data, (size_t) bytes);
    return rc == FST_OK? SQLITE_OK: rc == FST_NO_SPACE? SQLITE_FULL: SQLITE_IOERR_WRITE;
}

static int
s_truncate (sqlite3_file *base, sqlite3_int64 bytes)
{
    file_t *file = (file_t *) base;
    return fake_disk_truncate (s_disk, file->file, bytes) == FST_OK? SQLITE_OK: SQLITE_IOERR_TRUNCATE;
}

static int
s_sync (sqlite3_file *base, int flags)
{
    (void) flags;
    file_t *file = (file_t *) base;
    if (s_port->sync (s_port->self, file->file) != FST_OK)
        return SQLITE_IOERR_FSYNC;
    if (file->sync_folder && s_port->sync_folder (s_port->self, ".") != FST_OK)
        return SQLITE_IOERR_DIR_FSYNC;
    file->sync_folder = false;
    return SQLITE_OK;
}

static int
s_file_size (sqlite3_file *base, sqlite3_int64 *bytes_p)
{
    file_t *file = (file_t *) base;
    int64_t bytes = 0;
    if (s_port->size (s_port->self, file->file, &bytes) != FST_OK)
        return SQLITE_IOERR_FSTAT;
    *bytes_p = bytes;
    return SQLITE_OK;
}

static int
s_file_control (sqlite3_file *base, int what, void *arg)
{
    (void) base;
    (void) what;
    (void) arg;
    return SQLITE_NOTFOUND;
}

static int
s_sector_size (sqlite3_file *base)
{
    (void) base;
    return 4096;
}

static int
s_device_characteristics (sqlite3_file *base)
{
    (void) base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;    //  As of a real disk
}

//  ---- Locks of the file, by the rules of SQLite's "File Locking And Concurrency"

static int
s_try_lock (file_t *file, int level)
{
    node_t *node = file->node;
    if ((node->pending && node->pending != file) || (level > SQLITE_LOCK_SHARED && node->reserved
    &&  node->reserved != file))
        return SQLITE_BUSY;
    if (file->level == SQLITE_LOCK_NONE)
        node->shared++;
    if (level >= SQLITE_LOCK_RESERVED)
        node->reserved = file;
    if (level == SQLITE_LOCK_EXCLUSIVE) {
        node->pending = file;
        if (node->shared > 1) {
            file->level = SQLITE_LOCK_PENDING;
            return SQLITE_BUSY;
        }
    }
    file->level = level;
    return SQLITE_OK;
}

static int
s_lock_file (sqlite3_file *base, int level)
{
    file_t *file = (file_t *) base;
    if (level <= file->level)
        return SQLITE_OK;
    pthread_mutex_lock (&s_lock);
    int code = s_try_lock (file, level);
    pthread_mutex_unlock (&s_lock);
    return code;
}

static int
s_unlock_file (sqlite3_file *base, int level)
{
    file_t *file = (file_t *) base;
    if (level >= file->level)
        return SQLITE_OK;
    pthread_mutex_lock (&s_lock);
    if (file->node->reserved == file)
        file->node->reserved = NULL;
    if (file->node->pending == file)
        file->node->pending = NULL;
    if (level == SQLITE_LOCK_NONE)
        file->node->shared--;
    file->level = level;
    pthread_mutex_unlock (&s_lock);
    return SQLITE_OK;
}

static int
s_check_reserved_lock (sqlite3_file *base, int *reserved_p)
{
    file_t *file = (file_t *) base;
    pthread_mutex_lock (&s_lock);
    *reserved_p = file->node->reserved != NULL;
    pthread_mutex_unlock (&s_lock);
    return SQLITE_OK;
}

//  ---- Shared memory

static int
s_shm_map (sqlite3_file *base, int region, int bytes, int extend, void volatile **memory_p)
{
    file_t *file = (file_t *) base;
    node_t *node = file->node;
    assert (region >= 0 && region < REGIONS_MAX);
    if (fake_disk_call (s_disk) != FST_OK)
        return SQLITE_IOERR_SHMMAP;
    pthread_mutex_lock (&s_lock);
    if (!file->mapped)
        node->mapped++;
    file->mapped = true;
    if (!node->regions [region] && extend) {
        node->regions [region] = calloc (1, (size_t) bytes);
        assert (node->regions [region]);
    }
    *memory_p = node->regions [region];
    pthread_mutex_unlock (&s_lock);
    return SQLITE_OK;
}

static bool
s_shm_free (const file_t *file, int at, bool exclusive)
{
    const node_t *node = file->node;
    if (node->writers [at] && node->writers [at] != file)
        return false;
    return !exclusive || node->readers [at] == (int) (file->reads >> at & 1);
}

static int
s_shm_take (file_t *file, int from, int count, bool exclusive)
{
    for (int at = from; at < from + count; at++)
        if (!s_shm_free (file, at, exclusive))
            return SQLITE_BUSY;
    for (int at = from; at < from + count; at++)
        if (exclusive)
            file->node->writers [at] = file;
        else
        if (!(file->reads >> at & 1)) {
            file->reads |= 1u << at;
            file->node->readers [at]++;
        }
    return SQLITE_OK;
}

static void
s_shm_give (file_t *file, int from, int count)
{
    for (int at = from; at < from + count; at++) {
        if (file->node->writers [at] == file)
            file->node->writers [at] = NULL;
        if (file->reads >> at & 1)
            file->node->readers [at]--;
        file->reads &= ~(1u << at);
    }
}

static int
s_shm_lock (sqlite3_file *base, int from, int count, int flags)
{
    file_t *file = (file_t *) base;
    int code = SQLITE_OK;
    pthread_mutex_lock (&s_lock);
    if (flags & SQLITE_SHM_UNLOCK)
        s_shm_give (file, from, count);
    else
        code = s_shm_take (file, from, count, flags & SQLITE_SHM_EXCLUSIVE);
    pthread_mutex_unlock (&s_lock);
    return code;
}

static void
s_shm_barrier (sqlite3_file *base)
{
    (void) base;
    pthread_mutex_lock (&s_lock);
    pthread_mutex_unlock (&s_lock);
}

static int
s_shm_unmap (sqlite3_file *base, int delete)
{
    (void) delete;                      //  There is no file that could stay
    file_t *file = (file_t *) base;
    node_t *node = file->node;
    pthread_mutex_lock (&s_lock);
    s_shm_give (file, 0, SQLITE_SHM_NLOCK);
    if (file->mapped && --node->mapped == 0)
        for (int region = 0; region < REGIONS_MAX; region++) {
            free (node->regions [region]);
            node->regions [region] = NULL;
        }
    file->mapped = false;
    pthread_mutex_unlock (&s_lock);
    return SQLITE_OK;
}

static const sqlite3_io_methods s_methods = {
    .iVersion = 2,
    .xClose = s_close, .xRead = s_read, .xWrite = s_write, .xTruncate = s_truncate, .xSync = s_sync,
    .xFileSize = s_file_size, .xLock = s_lock_file, .xUnlock = s_unlock_file,
    .xCheckReservedLock = s_check_reserved_lock, .xFileControl = s_file_control, .xSectorSize = s_sector_size,
    .xDeviceCharacteristics = s_device_characteristics,
    .xShmMap = s_shm_map, .xShmLock = s_shm_lock, .xShmBarrier = s_shm_barrier, .xShmUnmap = s_shm_unmap
};

//  ---- The VFS

static int
s_open (sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *flags_p)
{
    (void) vfs;
    assert (name);                      //  Temporary files are in memory (fst_db.c)
    file_t *file = (file_t *) base;
    memset (file, 0, sizeof (*file));
    fst_rc_t rc = s_port->open (s_port->self, s_base_name (name), flags & SQLITE_OPEN_CREATE, &file->file);
    if (rc != FST_OK)
        return SQLITE_CANTOPEN;
    file->node = s_node_take (s_base_name (name));
    file->sync_folder = (flags & SQLITE_OPEN_CREATE) && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL));
    file->base.pMethods = &s_methods;
    if (flags_p)
        *flags_p = flags;
    return SQLITE_OK;
}

static int
s_delete (sqlite3_vfs *vfs, const char *name, int sync)
{
    (void) vfs;
    fst_rc_t rc = s_port->unlink (s_port->self, s_base_name (name));
    if (rc == FST_NOT_FOUND)
        return SQLITE_IOERR_DELETE_NOENT;
    if (rc != FST_OK)
        return SQLITE_IOERR_DELETE;
    if (sync && s_port->sync_folder (s_port->self, ".") != FST_OK)
        return SQLITE_IOERR_DIR_FSYNC;
    return SQLITE_OK;
}

//  An empty file counts as none, as for SQLite's own VFS.
static int
s_access (sqlite3_vfs *vfs, const char *name, int flags, int *there_p)
{
    (void) vfs;
    (void) flags;
    fst_disk_file_t *file = NULL;
    int64_t bytes = 0;
    fst_rc_t rc = s_port->open (s_port->self, s_base_name (name), false, &file);
    if (rc == FST_OK) {
        rc = s_port->size (s_port->self, file, &bytes);
        s_port->close (s_port->self, &file);
    }
    *there_p = rc == FST_OK && bytes > 0;
    return rc == FST_OK || rc == FST_NOT_FOUND? SQLITE_OK: SQLITE_IOERR_ACCESS;
}

static int
s_full_pathname (sqlite3_vfs *vfs, const char *name, int size, char *full)
{
    (void) vfs;
    sqlite3_snprintf (size, full, "%s", name);
    return SQLITE_OK;
}

//  The same ones each time, so that a seed repeats what it did.
static int
s_randomness (sqlite3_vfs *vfs, int bytes, char *data)
{
    (void) vfs;
    for (int at = 0; at < bytes; at++)
        data [at] = (char) (at * 37 + 11);
    return bytes;
}

//  The clock stands still, for the same reason.
static int
s_current_time (sqlite3_vfs *vfs, sqlite3_int64 *time_p)
{
    (void) vfs;
    *time_p = 2461000 * (sqlite3_int64) 86400000;       //  Julian day, in ms
    return SQLITE_OK;
}

void
fault_vfs_use (fake_disk_t *disk)
{
    static sqlite3_vfs vfs, *real;
    assert (!s_nodes);
    if (!real) {
        sqlite3_initialize ();
        real = sqlite3_vfs_find (NULL);
        assert (real);
        vfs = (sqlite3_vfs) {
            .iVersion = 2, .szOsFile = sizeof (file_t), .mxPathname = real->mxPathname, .zName = "fault",
            .xOpen = s_open, .xDelete = s_delete, .xAccess = s_access, .xFullPathname = s_full_pathname,
            .xRandomness = s_randomness, .xSleep = real->xSleep,
            .xCurrentTimeInt64 = s_current_time
        };
    }
    s_disk = disk;
    s_port = disk? fake_disk_port (disk): NULL;
    int code = sqlite3_vfs_register (disk? &vfs: real, 1);
    assert (code == SQLITE_OK);
    sqlite3_randomness (0, NULL);       //  Begin anew
}
