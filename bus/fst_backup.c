//  Copies of a database to the folder for backups.

#include "fst_backup.h"
#include <assert.h>
#include <dirent.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "fst_clock.h"
#include "fst_db.h"
#include "fst_disk.h"
#include "fst_log.h"
#include "fst_pool.h"

#define NUMBERS_MAX 99          //  Backups of one second

struct fst_backup {
    fst_pool_t *pool;
    char *database, *folder;
    char *name;                 //  Of the database, without ".db"
    atomic_bool stop;
};

//  One copy. What run finds is for done.
typedef struct {
    fst_backup_t *self;
    fst_request_t *request;
    int64_t time_ms;            //  When it began
    char stem [140], name [160];    //  In the folder: without ".db" or a number, and with
    int64_t bytes, took_ms;
    fst_rc_t rc;
    char *problem;
} s_copy_t;

//  ---- On the pool's thread

//  A name that nothing has: others of the same second get a number.
static fst_rc_t
s_choose_name (fst_disk_t *disk, s_copy_t *copy)
{
    fst_rc_t rc = FST_OK;
    for (int number = 1; rc == FST_OK && number <= NUMBERS_MAX; number++) {
        fst_disk_file_t *file = NULL;
        if (number == 1)
            snprintf (copy->name, sizeof (copy->name), "%s.db", copy->stem);
        else
            snprintf (copy->name, sizeof (copy->name), "%s-%d.db", copy->stem, number);
        rc = disk->open (disk->self, copy->name, false, &file);
        disk->close (disk->self, &file);
    }
    return rc == FST_NOT_FOUND? FST_OK: rc == FST_OK? FST_EXISTS: rc;
}

static fst_rc_t
s_name (fst_disk_t *disk, const char *temp, s_copy_t *copy)
{
    fst_disk_file_t *file = NULL;
    fst_rc_t rc = s_choose_name (disk, copy);
    if (rc == FST_OK)
        rc = disk->open (disk->self, temp, false, &file);
    if (rc == FST_OK)
        rc = disk->size (disk->self, file, &copy->bytes);
    disk->close (disk->self, &file);
    if (rc == FST_OK)
        rc = disk->rename (disk->self, temp, copy->name);
    return rc == FST_OK? disk->sync_folder (disk->self, "."): rc;
}

static void
s_run (void *arg)
{
    s_copy_t *copy = arg;
    fst_backup_t *self = copy->self;
    int64_t start_ms = fst_clock_mono_ms ();
    char *temp = zsys_sprintf ("%s.tmp", self->name);
    char *path = zsys_sprintf ("%s/%s", self->folder, temp);
    fst_disk_t *disk = NULL;
    fst_pool_be_nice ();
    copy->rc = fst_disk_open (self->folder, &disk);
    if (copy->rc == FST_OK) {
        fst_rc_t rc = disk->unlink (disk->self, temp);      //  Left by a process that was killed
        copy->rc = rc == FST_NOT_FOUND? FST_OK: rc;
    }
    if (copy->rc == FST_OK)
        copy->rc = fst_db_copy (self->database, path, &self->stop, &copy->problem);
    if (copy->rc == FST_OK)
        copy->rc = s_name (disk, temp, copy);
    if (copy->rc != FST_OK && disk)
        disk->unlink (disk->self, temp);                    //  As large as the database; a failure changes nothing
    if (copy->rc != FST_OK && !copy->problem)
        copy->problem = zsys_sprintf ("The backup could not be written to %s: %s.", self->folder, fst_error_text (copy->rc));
    copy->took_ms = fst_clock_mono_ms () - start_ms;
    fst_disk_destroy (&disk);
    free (path);
    free (temp);
}

//  ---- On the actor's thread

static void
s_done (void *arg)
{
    s_copy_t *copy = arg;
    char *file = zsys_sprintf ("%s/%s", copy->self->folder, *copy->name? copy->name: copy->stem);
    if (copy->rc == FST_OK) {
        fst_log_info ("backup written file=\"%s\" bytes=%" PRId64 " took_ms=%" PRId64, file, copy->bytes, copy->took_ms);
        fst_request_reply (&copy->request, json_pack ("{s:s, s:I, s:I, s:I}", "file", file, "bytes", (json_int_t) copy->bytes,
            "time_ms", (json_int_t) copy->time_ms, "took_ms", (json_int_t) copy->took_ms));
    }
    else {
        fst_log_warning ("backup failed file=\"%s\" reason=\"%s\"", file, copy->problem);
        fst_request_fail (&copy->request, copy->rc, "%s", copy->problem);
    }
    free (file);
    free (copy->problem);
    free (copy);
}

int64_t
fst_backup_newest_ms (const fst_backup_t *self)
{
    assert (self);
    int64_t newest_ms = -1;
    size_t length = strlen (self->name);
    DIR *folder = opendir (self->folder);
    for (struct dirent *entry = folder? readdir (folder): NULL; entry; entry = readdir (folder)) {
        size_t bytes = strlen (entry->d_name);
        struct stat info;
        if (bytes > length + 4 && strncmp (entry->d_name, self->name, length) == 0 && entry->d_name [length] == '-'
        &&  strcmp (entry->d_name + bytes - 3, ".db") == 0 && fstatat (dirfd (folder), entry->d_name, &info, 0) == 0
        &&  (int64_t) info.st_mtim.tv_sec * 1000 > newest_ms)
            newest_ms = (int64_t) info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;
    }
    if (folder)
        closedir (folder);
    return newest_ms;
}

static void
s_readable (void *arg)
{
    fst_backup_t *self = arg;
    fst_pool_collect (self->pool);
}

void
fst_backup_request (fst_backup_t *self, fst_request_t **request_p)
{
    assert (self);
    s_copy_t *copy = calloc (1, sizeof (*copy));
    assert (copy);
    copy->self = self;
    copy->request = *request_p;
    copy->time_ms = fst_clock_wall_ms ();
    time_t seconds = (time_t) (copy->time_ms / 1000);
    struct tm utc;
    char stamp [32];
    gmtime_r (&seconds, &utc);
    strftime (stamp, sizeof (stamp), "%Y%m%dT%H%M%SZ", &utc);
    snprintf (copy->stem, sizeof (copy->stem), "%.100s-%s", self->name, stamp);
    if (fst_pool_submit (self->pool, s_run, s_done, copy) == FST_OK)
        *request_p = NULL;
    else {
        free (copy);
        fst_request_fail (request_p, FST_BUSY, "A backup is being written already; wait until it is done.");
    }
}

//  ---- Class

fst_backup_t *
fst_backup_new (fst_actor_t *actor, const char *database, const char *folder)
{
    assert (actor);
    assert (database && folder);
    fst_backup_t *self = calloc (1, sizeof (*self));
    char *copy = strdup (database), *other = strdup (database);
    assert (self && copy && other);
    self->database = strdup (database);
    self->folder = *folder? strdup (folder): zsys_sprintf ("%s/backups", dirname (copy));
    self->name = strdup (basename (other));
    char *dot = strrchr (self->name, '.');
    if (dot && dot > self->name)
        *dot = 0;
    free (other);
    free (copy);
    self->pool = fst_pool_new ("backup", 1, 1);
    fst_actor_add_fd (actor, fst_pool_fd (self->pool), s_readable, self);
    return self;
}

void
fst_backup_destroy (fst_backup_t **self_p)
{
    assert (self_p);
    fst_backup_t *self = *self_p;
    if (self) {
        atomic_store (&self->stop, true);
        fst_pool_destroy (&self->pool);
        free (self->database);
        free (self->folder);
        free (self->name);
        free (self);
        *self_p = NULL;
    }
}
