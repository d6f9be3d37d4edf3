//  Files on this side.

#include "fst_local.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fst_clock.h"

char *
fst_local_text (const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start (args, format);
    int length = vasprintf (&text, format, args);
    va_end (args);
    assert (length >= 0);
    return text;
}

static fst_rc_t
s_errno_rc (int error)
{
    switch (error) {
        case ENOENT: case ENOTDIR:              return FST_NOT_FOUND;
        case EACCES: case EPERM: case EROFS:    return FST_DENIED;
        case ENOSPC: case EDQUOT:               return FST_NO_SPACE;
        case EISDIR:                            return FST_IS_A_FOLDER;
        default:                                return FST_IO;
    }
}

//  The sentence for a failed system call on a local file.
static fst_rc_t
s_refuse (const char *name, const char *doing, int error, char **problem_p)
{
    *problem_p = fst_local_text ("%s: %s failed: %s", name, doing, strerror (error));
    return s_errno_rc (error);
}

static fst_rc_t
s_stamp (const char *name, const struct stat *status, fst_stamp_t *stamp, char **problem_p)
{
    if (S_ISDIR (status->st_mode)) {
        *problem_p = fst_local_text ("%s: that is a folder; store folders recursively", name);
        return FST_IS_A_FOLDER;
    }
    if (!S_ISREG (status->st_mode)) {
        *problem_p = fst_local_text ("%s: that is no plain file; store it as a stream", name);
        return FST_MALFORMED;
    }
    stamp->size = status->st_size;
    stamp->modified = status->st_mtim;
    stamp->changed = status->st_ctim;
    stamp->modified_ms = (int64_t) status->st_mtim.tv_sec * 1000 + status->st_mtim.tv_nsec / 1000000;
    if (stamp->modified_ms < 0)
        stamp->modified_ms = 0;
    return FST_OK;
}

fst_rc_t
fst_local_look (const char *name, fst_stamp_t *stamp, char **problem_p)
{
    struct stat status;
    if (stat (name, &status) == -1)
        return s_refuse (name, "reading", errno, problem_p);
    return s_stamp (name, &status, stamp, problem_p);
}

fst_rc_t
fst_local_open (const char *name, int *fd_p, fst_stamp_t *stamp, char **problem_p)
{
    //  Not to hang on a pipe that took the place of a file
    int fd = open (name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd == -1)
        return s_refuse (name, "reading", errno, problem_p);
    struct stat status;
    fst_rc_t rc = fstat (fd, &status) == -1? s_refuse (name, "reading", errno, problem_p)
                                           : s_stamp (name, &status, stamp, problem_p);
    if (rc == FST_OK)
        *fd_p = fd;
    else
        close (fd);
    return rc;
}

static bool
s_same_time (struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool
fst_local_same (int fd, const fst_stamp_t *stamp)
{
    struct stat status;
    return fstat (fd, &status) == 0 && status.st_size == stamp->size
        && s_same_time (status.st_mtim, stamp->modified) && s_same_time (status.st_ctim, stamp->changed);
}

fst_rc_t
fst_local_read (int fd, int64_t offset, void *data, size_t bytes)
{
    uint8_t *at = data;
    while (bytes) {
        ssize_t got = pread (fd, at, bytes, offset);
        if (got == -1 && errno == EINTR)
            continue;
        if (got == -1)
            return FST_IO;
        if (got == 0)
            return FST_CHANGED;
        at += got;
        offset += got;
        bytes -= (size_t) got;
    }
    return FST_OK;
}

fst_rc_t
fst_local_fill (const filestore_source_t *source, void *data, size_t bytes, size_t *got_p)
{
    size_t filled = 0, got = 1;
    while (filled < bytes && got) {
        fst_rc_t rc = source->read (source->self, (uint8_t *) data + filled, bytes - filled, &got);
        if (rc != FST_OK)
            return rc;
        assert (got <= bytes - filled);
        filled += got;
    }
    *got_p = filled;
    return FST_OK;
}

fst_rc_t
fst_local_write (int fd, int64_t offset, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    while (bytes) {
        ssize_t wrote = pwrite (fd, at, bytes, offset);
        if (wrote == -1 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return wrote == 0? FST_IO: s_errno_rc (errno);
        at += wrote;
        offset += wrote;
        bytes -= (size_t) wrote;
    }
    return FST_OK;
}

fst_rc_t
fst_local_create (const char *name, int *fd_p, char **temp_p, char **problem_p)
{
    //  A rename would put a plain file in the place of a device or folder: refuse that now
    struct stat status;
    if (lstat (name, &status) == 0 && !S_ISREG (status.st_mode) && !S_ISLNK (status.st_mode)) {
        *problem_p = fst_local_text ("%s: that is %s; name a file to write to", name,
                                     S_ISDIR (status.st_mode)? "a folder": "no plain file");
        return S_ISDIR (status.st_mode)? FST_IS_A_FOLDER: FST_MALFORMED;
    }
    //  Its name is cut so that the longest names have room for the rest
    const char *slash = strrchr (name, '/');
    const char *base = slash? slash + 1: name;
    char *temp = fst_local_text ("%.*s.%.200s.%016llx.part", (int) (base - name), name, base,
                                 (unsigned long long) fst_random ());
    int fd = open (temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd == -1) {
        free (temp);
        return s_refuse (name, "writing", errno, problem_p);
    }
    *fd_p = fd;
    *temp_p = temp;
    return FST_OK;
}

void
fst_local_discard (int *fd_p, char **temp_p)
{
    if (*fd_p >= 0)
        close (*fd_p);
    *fd_p = -1;
    if (*temp_p)
        unlink (*temp_p);
    free (*temp_p);
    *temp_p = NULL;
}

fst_rc_t
fst_local_finish (int *fd_p, char **temp_p, const char *name, int64_t modified_ms, char **problem_p)
{
    struct timespec times [2] = {
        { .tv_nsec = UTIME_OMIT },
        { .tv_sec = modified_ms / 1000, .tv_nsec = modified_ms % 1000 * 1000000 }
    };
    int error = 0;
    if (futimens (*fd_p, times) == -1)
        error = errno;
    if (close (*fd_p) == -1 && !error)      //  Where a full disk may show first
        error = errno;
    *fd_p = -1;
    if (!error && rename (*temp_p, name) == -1)
        error = errno;
    if (error) {
        fst_local_discard (fd_p, temp_p);
        return s_refuse (name, "writing", error, problem_p);
    }
    free (*temp_p);
    *temp_p = NULL;
    return FST_OK;
}
