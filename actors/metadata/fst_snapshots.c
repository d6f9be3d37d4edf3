//  When snapshots are made, how, and how they are read.

#include "fst_snapshots.h"
#include <assert.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_db.h"
#include "fst_log.h"
#include "fst_pool.h"
#include "fst_snapshot.h"
#include "fst_text.h"

#define SOON_MS     5000            //  After a change; many come together
#define SHARE       20              //  At most one part in so many of the time is spent making them

struct fst_snapshots {
    fst_snapshots_options_t options;
    fst_disk_t *disk;               //  The database's folder; NULL if it cannot be used
    char *newest_name, *temp_name, *copy_name;  //  In it
    char *copy_path;
    fst_pool_t *pool;
    atomic_bool stop;
    bool running;
    fst_disk_file_t *file;          //  The newest one, open; NULL if there is none
    fst_snapshot_t newest;
    int64_t tried;                  //  Sequence of the last that was made, or tried
    int64_t last_ms;                //  When it was begun
    int64_t changed_ms;             //  When a change after it was noticed; 0 = none was
    int64_t behind_ms;              //  Since when a change waits for one that succeeds; 0 = none does
    int64_t wait_ms;                //  From the beginning of one to that of the next
};

//  One snapshot being made. What run finds is for done.
typedef struct {
    fst_snapshots_t *self;
    fst_snapshot_t snapshot;
    int64_t took_ms;
    fst_rc_t rc;
    char *problem;
} s_job_t;

//  ---- On the pool's thread

static fst_rc_t
s_unlink (fst_disk_t *disk, const char *name)
{
    fst_rc_t rc = disk->unlink (disk->self, name);
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

static void
s_run (void *arg)
{
    s_job_t *job = arg;
    fst_snapshots_t *self = job->self;
    fst_disk_t *disk = self->disk;
    int64_t start_ms = fst_clock_mono_ms ();
    fst_pool_be_nice ();
    job->rc = s_unlink (disk, self->copy_name);         //  Left by a process that was killed
    if (job->rc == FST_OK)
        job->rc = fst_db_copy (self->options.database, self->copy_path, &self->stop, &job->problem);
    if (job->rc == FST_OK)
        job->rc = fst_snapshot_seal (disk, self->copy_name, self->temp_name, &job->snapshot, self->options.cluster_key,
                                     &self->stop);
    fst_rc_t rc = s_unlink (disk, self->copy_name);
    if (job->rc == FST_OK)
        job->rc = rc;
    if (job->rc == FST_OK)
        job->rc = disk->rename (disk->self, self->temp_name, self->newest_name);
    if (job->rc == FST_OK)
        job->rc = disk->sync_folder (disk->self, ".");
    job->took_ms = fst_clock_mono_ms () - start_ms;
}

//  ---- On the actor's thread

//  Take the file that is there as the newest one, if it is one of this cluster.
static void
s_open_newest (fst_snapshots_t *self)
{
    fst_disk_t *disk = self->disk;
    uint8_t check [FST_SNAPSHOT_KEY_BYTES];
    fst_snapshot_key_check (self->options.cluster_key, check);
    disk->close (disk->self, &self->file);
    if (fst_snapshot_look (disk, self->newest_name, &self->newest) != FST_OK
    ||  memcmp (check, self->newest.key_check, sizeof (check)) != 0
    ||  disk->open (disk->self, self->newest_name, false, &self->file) != FST_OK)
        self->file = NULL;
}

static void
s_tell (fst_snapshots_t *self)
{
    fst_actor_publish (self->options.actor, "metadata.snapshot", json_pack ("{s:s, s:I, s:I}", "run", self->options.run,
        "sequence", (json_int_t) self->newest.sequence, "snapshot", (json_int_t) self->newest.sequence));
}

static void
s_done (void *arg)
{
    s_job_t *job = arg;
    fst_snapshots_t *self = job->self;
    self->running = false;
    if (job->rc == FST_OK) {
        s_open_newest (self);
        self->behind_ms = 0;            //  The next tick sees what came meanwhile
        fst_log_debug ("snapshot made sequence=%" PRId64 " bytes=%" PRId64 " took_ms=%" PRId64, job->snapshot.sequence,
                       job->snapshot.bytes, job->took_ms);
        self->wait_ms = 2 * self->wait_ms < self->options.interval_ms? 2 * self->wait_ms: self->options.interval_ms;
        if (self->wait_ms < SHARE * job->took_ms)
            self->wait_ms = SHARE * job->took_ms;
        if (self->file && !atomic_load (&self->stop))
            s_tell (self);
    }
    else
    if (job->rc != FST_INTERRUPTED) {
        fst_log_warning ("no snapshot of the namespace was made reason=\"%s\"",
                         job->problem? job->problem: fst_error_text (job->rc));
        self->tried = -1;
    }
    free (job->problem);
    free (job);
}

static void
s_readable (void *arg)
{
    fst_snapshots_t *self = arg;
    fst_pool_collect (self->pool);
}

static void
s_begin (fst_snapshots_t *self, int64_t sequence, int64_t now_ms, int64_t wall_ms)
{
    s_job_t *job = calloc (1, sizeof (*job));
    assert (job);
    job->self = self;
    job->snapshot.sequence = sequence;
    job->snapshot.time_ms = wall_ms;
    fst_rc_t rc = fst_hex_decode (self->options.run, job->snapshot.run, FST_SNAPSHOT_RUN_BYTES);
    assert (rc == FST_OK);
    rc = fst_pool_submit (self->pool, s_run, s_done, job);
    assert (rc == FST_OK);              //  One at a time
    self->running = true;
    self->tried = sequence;
    self->last_ms = now_ms;
    self->changed_ms = 0;
}

int64_t
fst_snapshots_tick (fst_snapshots_t *self, int64_t sequence, int64_t now_ms, int64_t wall_ms)
{
    assert (self);
    if (!self->options.interval_ms || !self->disk || self->running || !sequence || sequence == self->tried)
        return INT64_MAX;
    if (!self->changed_ms)
        self->changed_ms = now_ms;
    if (!self->behind_ms)
        self->behind_ms = now_ms;
    int64_t soon_ms = self->wait_ms < SOON_MS? self->wait_ms: SOON_MS;
    int64_t due_ms = self->last_ms + self->wait_ms;
    if (due_ms < self->changed_ms + soon_ms)
        due_ms = self->changed_ms + soon_ms;
    if (now_ms < due_ms)
        return due_ms;
    s_begin (self, sequence, now_ms, wall_ms);
    return INT64_MAX;
}

int64_t
fst_snapshots_behind_ms (const fst_snapshots_t *self, int64_t now_ms)
{
    assert (self);
    return self->behind_ms && now_ms > self->behind_ms? now_ms - self->behind_ms: 0;
}

int64_t
fst_snapshots_newest_ms (const fst_snapshots_t *self)
{
    assert (self);
    return self->file? self->newest.time_ms: -1;
}

int64_t
fst_snapshots_newest (const fst_snapshots_t *self)
{
    assert (self);
    return self->file? self->newest.sequence: -1;
}

//  ---- Reading

void
fst_snapshots_read (fst_snapshots_t *self, fst_request_t **request_p)
{
    assert (self);
    json_t *payload = fst_request_payload (*request_p);
    if (!self->file) {
        fst_request_fail (request_p, FST_NOT_FOUND, "There is no snapshot of the namespace yet.");
        return;
    }
    if (json_integer_value (json_object_get (payload, "sequence")) != self->newest.sequence) {
        fst_request_fail (request_p, FST_CHANGED, "The newest snapshot is that of sequence %" PRId64 ".", self->newest.sequence);
        return;
    }
    int64_t bytes = fst_snapshot_file_bytes (&self->newest);
    int64_t offset = json_integer_value (json_object_get (payload, "offset"));
    size_t got = 0;
    uint8_t *data = malloc (FST_SNAPSHOT_PAGE_BYTES);
    assert (data);
    fst_rc_t rc = offset < bytes? self->disk->read (self->disk->self, self->file, offset, data, FST_SNAPSHOT_PAGE_BYTES, &got)
                                : FST_MALFORMED;
    if (rc == FST_OK) {
        zmsg_t *frames = zmsg_new ();
        zmsg_addmem (frames, data, got);
        fst_request_reply_frames (request_p, json_pack ("{s:I}", "bytes", (json_int_t) bytes), &frames);
    }
    else
        fst_request_fail (request_p, rc, NULL);
    free (data);
}

//  ---- Class

fst_snapshots_t *
fst_snapshots_new (const fst_snapshots_options_t *options, int64_t now_ms)
{
    assert (options && options->actor && options->database && options->cluster_key && options->run);
    fst_snapshots_t *self = calloc (1, sizeof (*self));
    char *folder = strdup (options->database), *file = strdup (options->database);
    assert (self && folder && file);
    self->options = *options;
    const char *name = basename (file);
    self->newest_name = zsys_sprintf ("%s.snapshot", name);
    self->temp_name = zsys_sprintf ("%s.snapshot.tmp", name);
    self->copy_name = zsys_sprintf ("%s.copy", name);
    self->copy_path = zsys_sprintf ("%s.copy", options->database);
    self->tried = -1;
    self->last_ms = now_ms;
    self->wait_ms = options->interval_ms < SOON_MS? options->interval_ms: SOON_MS;
    if (fst_disk_open (dirname (folder), &self->disk) == FST_OK) {
        s_open_newest (self);
        if (self->file)
            self->tried = self->newest.sequence;
    }
    free (file);
    free (folder);
    self->pool = fst_pool_new ("snapshot", 1, 1);
    fst_actor_add_fd (options->actor, fst_pool_fd (self->pool), s_readable, self);
    return self;
}

void
fst_snapshots_destroy (fst_snapshots_t **self_p)
{
    assert (self_p);
    fst_snapshots_t *self = *self_p;
    if (self) {
        atomic_store (&self->stop, true);
        fst_pool_destroy (&self->pool);
        if (self->disk)
            self->disk->close (self->disk->self, &self->file);
        fst_disk_destroy (&self->disk);
        free (self->newest_name);
        free (self->temp_name);
        free (self->copy_name);
        free (self->copy_path);
        free (self);
        *self_p = NULL;
    }
}
