//  The real disk: every call relative to a folder that is opened once, whole reads and writes whatever
//  the system cuts them into, and durable only after sync (and sync_folder for names).

#include "fst_disk.h"
#include "fst_clock.h"
#include "fst_log.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct fst_disk_file {
    int fd;
};

typedef struct {
    fst_disk_t port;                //  First, so that a port is its folder
    int fd;                         //  The folder
    atomic_bool suspect;            //  A call said that the file system is read-only
} folder_t;

//  What errno says, as one of ours.
static fst_rc_t
s_failed (const char *call, const char *name)
{
    switch (errno) {
        case ENOENT:
            return FST_NOT_FOUND;
        case ENOSPC:
        case EDQUOT:
        case EROFS:
            return FST_NO_SPACE;
        default:
            fst_log_error ("disk failed call=%s name=\"%s\" reason=\"%s\"", call, name, strerror (errno));
            return FST_IO;
    }
}

//  Same for calls with names.
static fst_rc_t
s_failed_name (folder_t *folder, const char *call, const char *name)
{
    if (errno == EROFS)
        atomic_store (&folder->suspect, true);
    return s_failed (call, name);
}

//  Same for calls on something that is open, where "not found" makes no sense.
static fst_rc_t
s_failed_open (const char *call)
{
    fst_rc_t rc = s_failed (call, "");
    return rc == FST_NOT_FOUND? FST_IO: rc;
}

static fst_rc_t
s_open_with (folder_t *folder, const char *name, int flags, fst_disk_file_t **file_p)
{
    int fd;
    do
        fd = openat (folder->fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    while (fd == -1 && errno == EINTR);
    if (fd == -1)
        return s_failed_name (folder, "open", name);
    fst_disk_file_t *file = malloc (sizeof (*file));
    assert (file);
    file->fd = fd;
    *file_p = file;
    return FST_OK;
}

static fst_rc_t
s_open (void *self, const char *name, bool create, fst_disk_file_t **file_p)
{
    fst_rc_t rc = s_open_with (self, name, O_RDWR | (create? O_CREAT: 0), file_p);
    if (rc == FST_NO_SPACE && !create)      //  A read-only file system
        rc = s_open_with (self, name, O_RDONLY, file_p);
    return rc == FST_NOT_FOUND && create? FST_IO: rc;           //  Its folder is not there: ours to make
}

static void
s_close (void *self, fst_disk_file_t **file_p)
{
    (void) self;
    assert (file_p);
    if (*file_p) {
        close ((*file_p)->fd);
        free (*file_p);
        *file_p = NULL;
    }
}

static fst_rc_t
s_read (void *self, fst_disk_file_t *file, int64_t offset, void *data, size_t bytes, size_t *got_p)
{
    (void) self;
    size_t got = 0;
    while (got < bytes) {
        ssize_t part = pread (file->fd, (uint8_t *) data + got, bytes - got, offset + (int64_t) got);
        if (part == -1 && errno == EINTR)
            continue;
        if (part == -1)
            return s_failed_open ("read");
        if (part == 0)
            break;                      //  End of the file
        got += (size_t) part;
    }
    *got_p = got;
    return FST_OK;
}

static fst_rc_t
s_write (void *self, fst_disk_file_t *file, int64_t offset, const void *data, size_t bytes)
{
    (void) self;
    size_t done = 0;
    while (done < bytes) {
        ssize_t part = pwrite (file->fd, (const uint8_t *) data + done, bytes - done, offset + (int64_t) done);
        if (part == -1 && errno == EINTR)
            continue;
        if (part == -1)
            return s_failed_open ("write");
        done += (size_t) part;
    }
    return FST_OK;
}

static void
s_flush_hint (void *self, fst_disk_file_t *file, int64_t offset, size_t bytes)
{
    (void) self;
    if (bytes == 0)
        return;                         //  Zero would mean "to the end of the file"
    int rc = sync_file_range (file->fd, offset, (off_t) bytes, SYNC_FILE_RANGE_WRITE);
    (void) rc;                          //  A hint: sync reports what matters
}

static void
s_drop_cache (void *self, fst_disk_file_t *file, int64_t offset, int64_t bytes)
{
    (void) self;
    if (bytes > 0)                      //  Zero would mean "to the end of the file"
        posix_fadvise (file->fd, offset, bytes, POSIX_FADV_DONTNEED);
}

//  A file system that turned read-only has lost what it had not written: final, not a matter of space.
static fst_rc_t
s_failed_sync (const char *call)
{
    if (errno == EROFS)
        errno = EIO;
    return s_failed_open (call);
}

static fst_rc_t
s_sync (void *self, fst_disk_file_t *file)
{
    (void) self;
    int rc;
    do
        rc = fdatasync (file->fd);
    while (rc == -1 && errno == EINTR);     //  Not a failure: nothing was given up yet
    return rc == 0? FST_OK: s_failed_sync ("sync");
}

static fst_rc_t
s_size (void *self, fst_disk_file_t *file, int64_t *bytes_p)
{
    (void) self;
    struct stat info;
    if (fstat (file->fd, &info) == -1)
        return s_failed_open ("size");
    *bytes_p = info.st_size;
    return FST_OK;
}

static fst_rc_t
s_age (void *self, const char *name, int64_t *ms_p)
{
    folder_t *folder = self;
    struct stat info;
    if (fstatat (folder->fd, name, &info, AT_SYMLINK_NOFOLLOW) == -1)
        return s_failed_name (folder, "age", name);
    *ms_p = fst_clock_wall_ms () - (int64_t) info.st_mtim.tv_sec * 1000 - info.st_mtim.tv_nsec / 1000000;
    return FST_OK;
}

static fst_rc_t
s_touch (void *self, const char *name)
{
    folder_t *folder = self;
    return utimensat (folder->fd, name, NULL, AT_SYMLINK_NOFOLLOW) == 0? FST_OK: s_failed_name (folder, "touch", name);
}

static fst_rc_t
s_rename (void *self, const char *from, const char *to)
{
    folder_t *folder = self;
    return renameat (folder->fd, from, folder->fd, to) == 0? FST_OK: s_failed_name (folder, "rename", from);
}

static fst_rc_t
s_unlink (void *self, const char *name)
{
    folder_t *folder = self;
    return unlinkat (folder->fd, name, 0) == 0? FST_OK: s_failed_name (folder, "unlink", name);
}

static fst_rc_t
s_make_folder (void *self, const char *name)
{
    folder_t *folder = self;
    if (mkdirat (folder->fd, name, 0700) == 0)
        return FST_OK;
    struct stat info;
    if (errno == EEXIST && fstatat (folder->fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR (info.st_mode))
        return FST_OK;
    return s_failed_name (folder, "make_folder", name);
}

static int
s_open_folder (folder_t *folder, const char *name)
{
    int fd;
    do
        fd = openat (folder->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    while (fd == -1 && errno == EINTR);
    return fd;
}

static fst_rc_t
s_sync_folder (void *self, const char *name)
{
    int fd = s_open_folder (self, name);
    if (fd == -1)
        return s_failed ("sync_folder", name);
    fst_rc_t rc = fsync (fd) == 0? FST_OK: s_failed_sync ("sync_folder");
    close (fd);
    return rc;
}

//  Files only: folders and "." are left out. Not every file system says in the entry what it is.
static bool
s_is_file (int fd, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_REG;
    struct stat info;
    return fstatat (fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG (info.st_mode);
}

static fst_rc_t
s_list (void *self, const char *name, fst_rc_t (*each) (void *arg, const char *file), void *arg)
{
    int fd = s_open_folder (self, name);
    if (fd == -1)
        return s_failed ("list", name);
    DIR *stream = fdopendir (fd);
    assert (stream);                    //  It is a folder, so only memory can lack
    fst_rc_t rc = FST_OK;
    while (rc == FST_OK) {
        errno = 0;
        const struct dirent *entry = readdir (stream);
        if (!entry) {
            if (errno)
                rc = s_failed_open ("list");
            break;
        }
        if (s_is_file (fd, entry))
            rc = each (arg, entry->d_name);
    }
    closedir (stream);
    return rc;
}

static fst_rc_t
s_space (void *self, bool try, fst_disk_space_t *space)
{
    folder_t *folder = self;
    struct statvfs info;
    int rc;
    do
        rc = fstatvfs (folder->fd, &info);
    while (rc == -1 && errno == EINTR);
    if (rc == -1)
        return s_failed_open ("space");
    space->capacity = (int64_t) (info.f_blocks * info.f_frsize);
    space->free = (int64_t) (info.f_bavail * info.f_frsize);
    try = atomic_exchange (&folder->suspect, false) || try;
    space->read_only = (info.f_flag & ST_RDONLY) != 0
                    || (try && utimensat (folder->fd, ".", NULL, 0) == -1 && errno == EROFS);
    return FST_OK;
}

//  Make a folder if it is not there; and if it was not, make sure that its name survives a power loss, or all
//  that is ever synced in it would not.
static int
s_make_one (const char *path)
{
    bool there = mkdir (path, 0700) == -1;
    if (there && errno != EEXIST)
        return -1;
    char parent [PATH_MAX + 3];
    snprintf (parent, sizeof (parent), "%s/..", path);
    int fd = open (parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1)
        return there? 0: -1;            //  Not ours to look into, so not ours to have made it
    int rc = fsync (fd);                //  Also of one that was there: who made it may have died before this
    close (fd);
    return there && errno == EROFS? 0: rc;
}

//  Make the folder and those above it.
static int
s_make_path (const char *folder)
{
    char path [PATH_MAX];
    size_t length = strlen (folder);
    if (length == 0 || length >= sizeof (path)) {
        errno = length? ENAMETOOLONG: ENOENT;
        return -1;
    }
    memcpy (path, folder, length + 1);
    for (char *at = path + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        if (s_make_one (path) == -1)
            return -1;
        *at = '/';
    }
    return s_make_one (path);
}

static const fst_disk_t s_port = {
    .open = s_open, .close = s_close, .read = s_read, .write = s_write, .flush_hint = s_flush_hint,
    .drop_cache = s_drop_cache,
    .sync = s_sync, .size = s_size, .age = s_age, .touch = s_touch, .rename = s_rename, .unlink = s_unlink,
    .make_folder = s_make_folder, .sync_folder = s_sync_folder, .list = s_list, .space = s_space
};

static fst_rc_t
s_new (const char *folder, const fst_disk_t *port, fst_disk_t **disk_p)
{
    int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1)
        return s_failed ("open", folder);
    folder_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->fd = fd;
    self->port = *port;
    self->port.self = self;
    *disk_p = &self->port;
    return FST_OK;
}

fst_rc_t
fst_disk_open (const char *folder, fst_disk_t **disk_p)
{
    assert (folder && disk_p);
    if (s_make_path (folder) == -1)
        return s_failed ("make_folder", folder);
    return s_new (folder, &s_port, disk_p);
}

//  ---- For reading only

static fst_rc_t
s_open_to_read (void *self, const char *name, bool create, fst_disk_file_t **file_p)
{
    return create? FST_DENIED: s_open_with (self, name, O_RDONLY, file_p);
}

static fst_rc_t
s_refuse_write (void *self, fst_disk_file_t *file, int64_t offset, const void *data, size_t bytes)
{
    (void) self, (void) file, (void) offset, (void) data, (void) bytes;
    return FST_DENIED;
}

static void
s_ignore_hint (void *self, fst_disk_file_t *file, int64_t offset, size_t bytes)
{
    (void) self, (void) file, (void) offset, (void) bytes;
}

static fst_rc_t
s_refuse_sync (void *self, fst_disk_file_t *file)
{
    (void) self, (void) file;
    return FST_DENIED;
}

static fst_rc_t
s_refuse_rename (void *self, const char *from, const char *to)
{
    (void) self, (void) from, (void) to;
    return FST_DENIED;
}

static fst_rc_t
s_refuse_name (void *self, const char *name)
{
    (void) self, (void) name;
    return FST_DENIED;
}

static const fst_disk_t s_reading_port = {
    .open = s_open_to_read, .close = s_close, .read = s_read, .write = s_refuse_write, .flush_hint = s_ignore_hint,
    .drop_cache = s_drop_cache,
    .sync = s_refuse_sync, .size = s_size, .age = s_age, .touch = s_refuse_name, .rename = s_refuse_rename,
    .unlink = s_refuse_name, .make_folder = s_refuse_name, .sync_folder = s_refuse_name, .list = s_list, .space = s_space
};

fst_rc_t
fst_disk_open_read_only (const char *folder, fst_disk_t **disk_p)
{
    assert (folder && disk_p);
    return s_new (folder, &s_reading_port, disk_p);
}

void
fst_disk_destroy (fst_disk_t **disk_p)
{
    assert (disk_p);
    if (*disk_p) {
        folder_t *self = (*disk_p)->self;
        close (self->fd);
        free (self);
        *disk_p = NULL;
    }
}
