//  A library to be preloaded into a real process, whose disk then fails when the test says so (LD_PRELOAD).
//
//  FST_FAIL_IO names a file with one rule a line, read anew whenever it changes:
//
//      CALL PART FIRST LAST ERRNO
//      sync small.db 2 2 5         the second sync of a file whose path has "small.db" in it fails with EIO
//      write extents/ 1 999999 28  the disk is full from now on
//
//  CALL is sync, write, read, truncate, open (to create), rename, unlink, or readonly: then the file system says that it is
//  mounted so, when it is asked. With ERRNO 0 the call hangs until the rules are changed. Matching calls are counted from when the
//  rules were read. FST_CLOCK_S (seconds, may be negative) puts the clock of the process wrong. What failed is told in a file of the same name with ".log" behind it. A call that fails does nothing.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RULES_MAX 8

typedef struct {
    char call [16], part [128];
    int first, last, error;
    int count;
} rule_t;

static rule_t s_rules [RULES_MAX];
static int s_rules_count;
static struct stat s_seen;              //  Of the rules' file
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;

//  System calls are made directly here, so that we never meet ourselves.
static void
s_read_rules (const char *filename)
{
    struct stat now;
    if (syscall (SYS_newfstatat, AT_FDCWD, filename, &now, 0) != 0) {
        s_rules_count = 0;
        memset (&s_seen, 0, sizeof (s_seen));
        return;
    }
    if (now.st_ino == s_seen.st_ino && now.st_mtim.tv_sec == s_seen.st_mtim.tv_sec
    &&  now.st_mtim.tv_nsec == s_seen.st_mtim.tv_nsec)
        return;
    s_seen = now;
    s_rules_count = 0;
    char text [2048];
    int fd = (int) syscall (SYS_openat, AT_FDCWD, filename, O_RDONLY | O_CLOEXEC, 0);
    long bytes = fd == -1? 0: syscall (SYS_read, fd, text, sizeof (text) - 1);
    if (fd != -1)
        syscall (SYS_close, fd);
    text [bytes > 0? bytes: 0] = 0;
    char *rest = text, *line;
    while ((line = strsep (&rest, "\n")) && s_rules_count < RULES_MAX) {
        rule_t *rule = &s_rules [s_rules_count];
        rule->count = 0;
        if (sscanf (line, "%15s %127s %d %d %d", rule->call, rule->part, &rule->first, &rule->last, &rule->error) == 5)
            s_rules_count++;
    }
}

static void
s_tell (const char *filename, const char *call, const char *path)
{
    char log [1024], line [1024];
    snprintf (log, sizeof (log), "%s.log", filename);
    int length = snprintf (line, sizeof (line), "%s %s\n", call, path);
    int fd = (int) syscall (SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd != -1) {
        syscall (SYS_write, fd, line, (size_t) length);
        syscall (SYS_close, fd);
    }
}

//  Until the file of rules is another one.
static void
s_hang (const char *filename)
{
    struct stat began, now;
    syscall (SYS_newfstatat, AT_FDCWD, filename, &began, 0);
    do
        usleep (20000);
    while (syscall (SYS_newfstatat, AT_FDCWD, filename, &now, 0) == 0 && now.st_ino == began.st_ino);
}

//  True, with errno set, if this call has to fail. path NULL: that of fd.
static bool
s_fails (const char *call, int fd, const char *path)
{
    const char *filename = getenv ("FST_FAIL_IO");
    char found [1024];
    bool fails = false;
    int error = errno;
    if (!filename)
        return false;
    pthread_mutex_lock (&s_lock);
    s_read_rules (filename);
    if (s_rules_count && !path) {
        char link [64];
        snprintf (link, sizeof (link), "/proc/self/fd/%d", fd);
        long bytes = syscall (SYS_readlinkat, AT_FDCWD, link, found, sizeof (found) - 1);
        found [bytes > 0? bytes: 0] = 0;
        path = found;
    }
    for (int at = 0; at < s_rules_count && !fails; at++) {
        rule_t *rule = &s_rules [at];
        if (strcmp (rule->call, call) != 0 || !strstr (path, rule->part))
            continue;
        rule->count++;
        fails = rule->count >= rule->first && rule->count <= rule->last;
        if (fails)
            error = rule->error;
    }
    if (fails)
        s_tell (filename, call, path);
    pthread_mutex_unlock (&s_lock);
    if (fails && error == 0) {
        s_hang (filename);
        return false;
    }
    errno = error;
    return fails;
}

#define REAL(name) ({ \
    static __typeof__ (&name) real_; \
    if (!real_) \
        real_ = (__typeof__ (&name)) dlsym (RTLD_NEXT, #name); \
    real_; })

//  ---- What is in the way of the C library

int
clock_gettime (clockid_t clock, struct timespec *now)
{
    int code = (int) syscall (SYS_clock_gettime, clock, now);
    const char *wrong = clock == CLOCK_REALTIME? getenv ("FST_CLOCK_S"): NULL;
    if (wrong && code == 0)
        now->tv_sec += atol (wrong);
    return code;
}

int
fsync (int fd)
{
    return s_fails ("sync", fd, NULL)? -1: REAL (fsync) (fd);
}

int
fdatasync (int fd)
{
    return s_fails ("sync", fd, NULL)? -1: REAL (fdatasync) (fd);
}

ssize_t
write (int fd, const void *data, size_t bytes)
{
    return s_fails ("write", fd, NULL)? -1: REAL (write) (fd, data, bytes);
}

ssize_t
pwrite (int fd, const void *data, size_t bytes, off_t offset)
{
    return s_fails ("write", fd, NULL)? -1: REAL (pwrite) (fd, data, bytes, offset);
}

ssize_t
pwrite64 (int fd, const void *data, size_t bytes, off64_t offset)
{
    return s_fails ("write", fd, NULL)? -1: REAL (pwrite64) (fd, data, bytes, offset);
}

ssize_t
pread (int fd, void *data, size_t bytes, off_t offset)
{
    return s_fails ("read", fd, NULL)? -1: REAL (pread) (fd, data, bytes, offset);
}

ssize_t
pread64 (int fd, void *data, size_t bytes, off64_t offset)
{
    return s_fails ("read", fd, NULL)? -1: REAL (pread64) (fd, data, bytes, offset);
}

static int
s_read_only (int rc, int fd, unsigned long *flag)
{
    if (rc == 0 && s_fails ("readonly", fd, NULL))
        *flag |= ST_RDONLY;
    return rc;
}

int
fstatvfs (int fd, struct statvfs *info)
{
    return s_read_only (REAL (fstatvfs) (fd, info), fd, &info->f_flag);
}

int
fstatvfs64 (int fd, struct statvfs64 *info)
{
    return s_read_only (REAL (fstatvfs64) (fd, info), fd, &info->f_flag);
}

int
ftruncate (int fd, off_t bytes)
{
    return s_fails ("truncate", fd, NULL)? -1: REAL (ftruncate) (fd, bytes);
}

int
ftruncate64 (int fd, off64_t bytes)
{
    return s_fails ("truncate", fd, NULL)? -1: REAL (ftruncate64) (fd, bytes);
}

int
rename (const char *from, const char *to)
{
    return s_fails ("rename", -1, to)? -1: REAL (rename) (from, to);
}

int
renameat (int from_fd, const char *from, int to_fd, const char *to)
{
    return s_fails ("rename", -1, to)? -1: REAL (renameat) (from_fd, from, to_fd, to);
}

int
unlink (const char *name)
{
    return s_fails ("unlink", -1, name)? -1: REAL (unlink) (name);
}

int
unlinkat (int fd, const char *name, int flags)
{
    return s_fails ("unlink", -1, name)? -1: REAL (unlinkat) (fd, name, flags);
}

//  The mode is there only if a file may be made.
#define OPEN_LIKE(name, path, ...) \
    mode_t mode = 0; \
    if (flags & O_CREAT) { \
        va_list args; \
        va_start (args, flags); \
        mode = va_arg (args, mode_t); \
        va_end (args); \
        if (s_fails ("open", -1, path)) \
            return -1; \
    } \
    return REAL (name) (__VA_ARGS__, flags, mode)

int
open (const char *name, int flags, ...)
{
    OPEN_LIKE (open, name, name);
}

int
open64 (const char *name, int flags, ...)
{
    OPEN_LIKE (open64, name, name);
}

int
openat (int fd, const char *name, int flags, ...)
{
    OPEN_LIKE (openat, name, fd, name);
}

int
openat64 (int fd, const char *name, int flags, ...)
{
    OPEN_LIKE (openat64, name, fd, name);
}
