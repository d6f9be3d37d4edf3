//  Fetching snapshots: call, write, call, write, and a rename.

#include "fst_keeper.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_log.h"
#include "fst_pool.h"
#include "fst_snapshot.h"

#define TEMP_NAME FST_SNAPSHOT_NAME ".tmp"

struct fst_keeper {
    fst_actor_t *actor;
    fst_disk_t *disk;
    fst_pool_t *pool;           //  One thread: the loop never waits for the disk
    int64_t newest, older;      //  Sequences of what is kept; -1 = none
    bool fetching;              //  A call or a job is under way
    int64_t sequence;           //  That is fetched
    int64_t offered;            //  Meanwhile; -1 = nothing
    int64_t bytes, offset;      //  Of the file that is fetched; how much of it is written
    fst_disk_file_t *file;      //  TEMP_NAME, open
};

//  A page to be written, or the end of a file. What run finds is for done.
typedef struct {
    fst_keeper_t *self;
    zframe_t *page;             //  NULL: the file is complete
    fst_rc_t rc;
} s_job_t;

static void s_ask (fst_keeper_t *self);

//  ---- On the pool's thread

static fst_rc_t
s_open_temp (fst_keeper_t *self)
{
    fst_disk_t *disk = self->disk;
    disk->close (disk->self, &self->file);
    fst_rc_t rc = disk->unlink (disk->self, TEMP_NAME);
    if (rc == FST_OK || rc == FST_NOT_FOUND)
        rc = disk->open (disk->self, TEMP_NAME, true, &self->file);
    fst_disk_space_t space;
    if (rc == FST_OK)
        rc = disk->space (disk->self, false, &space);
    if (rc == FST_OK && space.free / 2 < self->bytes)
        rc = FST_NO_SPACE;          //  Files of users need it more
    return rc;
}

//  All octets are there: give them their name, if they are what was asked for.
static fst_rc_t
s_finish (fst_keeper_t *self)
{
    fst_disk_t *disk = self->disk;
    fst_snapshot_t snapshot;
    fst_rc_t rc = fst_snapshot_look (disk, TEMP_NAME, &snapshot);
    if (rc == FST_OK && snapshot.sequence != self->sequence)
        rc = FST_CORRUPT;
    if (rc == FST_OK && disk->sync (disk->self, self->file) != FST_OK)
        fst_actor_die (self->actor, "a snapshot of the namespace could not be synced");
    disk->close (disk->self, &self->file);
    if (rc == FST_OK)
        rc = disk->rename (disk->self, TEMP_NAME, self->sequence > self->newest? FST_SNAPSHOT_NAME: FST_SNAPSHOT_OLDER_NAME);
    if (rc == FST_OK && disk->sync_folder (disk->self, ".") != FST_OK)
        fst_actor_die (self->actor, "the node's folder could not be synced");
    return rc;
}

static void
s_run (void *arg)
{
    s_job_t *job = arg;
    fst_keeper_t *self = job->self;
    if (!job->page) {
        job->rc = s_finish (self);
        return;
    }
    if (self->offset == 0)
        job->rc = s_open_temp (self);
    if (job->rc == FST_OK)
        job->rc = self->disk->write (self->disk->self, self->file, self->offset, zframe_data (job->page),
                                     zframe_size (job->page));
}

//  ---- On the actor's thread

//  The transfer is over; another one may have been offered meanwhile.
static void
s_end (fst_keeper_t *self, fst_rc_t rc)
{
    self->fetching = false;
    self->disk->close (self->disk->self, &self->file);
    if (rc != FST_OK) {
        self->disk->unlink (self->disk->self, TEMP_NAME);       //  Best effort; the next one does it too
        fst_log (rc == FST_CHANGED || rc == FST_INTERRUPTED || rc == FST_UNAVAILABLE? FST_LOG_DEBUG: FST_LOG_WARNING,
                 "snapshot not fetched sequence=%" PRId64 " reason=\"%s\"", self->sequence, fst_error_text (rc));
    }
    int64_t offered = self->offered;
    self->offered = -1;
    if (offered >= 0 && rc != FST_INTERRUPTED)
        fst_keeper_offer (self, offered);
}

static void
s_submit (fst_keeper_t *self, zframe_t *page);

static void
s_done (void *arg)
{
    s_job_t *job = arg;
    fst_keeper_t *self = job->self;
    if (job->rc == FST_OK && job->page) {
        self->offset += (int64_t) zframe_size (job->page);
        if (self->offset < self->bytes)
            s_ask (self);
        else
            s_submit (self, NULL);
    }
    else {
        if (job->rc == FST_OK) {
            fst_log_debug ("snapshot kept sequence=%" PRId64 " bytes=%" PRId64, self->sequence, self->bytes);
            *(self->sequence > self->newest? &self->newest: &self->older) = self->sequence;
        }
        s_end (self, job->rc);
    }
    zframe_destroy (&job->page);
    free (job);
}

//  Takes page.
static void
s_submit (fst_keeper_t *self, zframe_t *page)
{
    s_job_t *job = calloc (1, sizeof (*job));
    assert (job);
    job->self = self;
    job->page = page;
    fst_rc_t rc = fst_pool_submit (self->pool, s_run, s_done, job);
    assert (rc == FST_OK);          //  One at a time
}

//  A page came. It is metadata's word, and still looked at: it may be another version of it.
static void
s_came (void *arg, fst_rc_t rc, json_t *reply)
{
    fst_keeper_t *self = arg;
    zmsg_t *frames = rc == FST_OK? fst_actor_reply_frames (self->actor): NULL;
    zframe_t *page = frames && zmsg_size (frames) == 1? zmsg_first (frames): NULL;
    if (rc == FST_OK) {
        int64_t bytes = json_integer_value (json_object_get (reply, "bytes"));
        if (self->offset == 0)
            self->bytes = bytes;
        if (!page || zframe_size (page) == 0 || bytes != self->bytes
        ||  zframe_size (page) > FST_SNAPSHOT_PAGE_BYTES
        ||  (int64_t) zframe_size (page) > self->bytes - self->offset)
            rc = FST_MALFORMED;
    }
    if (rc == FST_OK)
        s_submit (self, zframe_dup (page));
    else
        s_end (self, rc);
}

static void
s_ask (fst_keeper_t *self)
{
    fst_actor_call (self->actor, "metadata", "READ_SNAPSHOT", json_pack ("{s:I, s:I}", "sequence",
                    (json_int_t) self->sequence, "offset", (json_int_t) self->offset), s_came, self);
}

void
fst_keeper_offer (fst_keeper_t *self, int64_t sequence)
{
    assert (self);
    assert (sequence >= 0);
    if (self->fetching)
        self->offered = sequence;
    else
    if (sequence != self->newest && sequence != self->older) {
        self->fetching = true;
        self->sequence = sequence;
        self->offset = self->bytes = 0;
        s_ask (self);
    }
}

static void
s_readable (void *arg)
{
    fst_keeper_t *self = arg;
    fst_pool_collect (self->pool);
}

static int64_t
s_look (fst_disk_t *disk, const char *name)
{
    fst_snapshot_t snapshot;
    fst_rc_t rc = fst_snapshot_look (disk, name, &snapshot);
    if (rc == FST_CORRUPT)
        fst_log_warning ("snapshot damaged file=%s", name);
    return rc == FST_OK? snapshot.sequence: -1;
}

fst_keeper_t *
fst_keeper_new (fst_actor_t *actor, fst_disk_t *disk)
{
    assert (actor && disk);
    fst_keeper_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->actor = actor;
    self->disk = disk;
    self->offered = -1;
    self->newest = s_look (disk, FST_SNAPSHOT_NAME);
    self->older = s_look (disk, FST_SNAPSHOT_OLDER_NAME);
    self->pool = fst_pool_new ("keeper", 1, 1);
    fst_actor_add_fd (actor, fst_pool_fd (self->pool), s_readable, self);
    return self;
}

void
fst_keeper_destroy (fst_keeper_t **self_p)
{
    assert (self_p);
    fst_keeper_t *self = *self_p;
    if (self) {
        fst_pool_destroy (&self->pool);
        self->disk->close (self->disk->self, &self->file);
        free (self);
        *self_p = NULL;
    }
}
