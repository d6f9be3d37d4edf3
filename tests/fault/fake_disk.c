//  A disk in memory: its port, and what tests may do to it.

#include "fake_disk_self.h"
#include <assert.h>

//  ---- The port. Every call that can fail begins with s_enter and ends with s_leave.

static fst_rc_t
s_enter (fake_disk_t *self, bool is_sync)
{
    pthread_mutex_lock (&self->lock);
    self->calls++;
    if (self->crashed)
        return FST_IO;
    if (is_sync && ++self->syncs == self->crash_at) {
        fake_lose_power (self);
        return FST_IO;
    }
    if (self->calls == self->fail_at || (is_sync && self->syncs == self->fail_sync_at)) {
        self->fired = true;
        return self->fail_rc;
    }
    return FST_OK;
}

static fst_rc_t
s_leave (fake_disk_t *self, fst_rc_t rc)
{
    pthread_mutex_unlock (&self->lock);
    return rc;
}

//  The same for calls on an open file.
static fst_rc_t
s_enter_file (fake_disk_t *self, const fst_disk_file_t *file, bool is_sync)
{
    fst_rc_t rc = s_enter (self, is_sync);
    return rc == FST_OK && file->life != self->life? FST_IO: rc;
}

static fst_rc_t
s_open (void *arg, const char *name, bool create, fst_disk_file_t **file_p)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter (self, false);
    fake_inode_t *inode = fake_find (self, name);
    if (rc == FST_OK && zhashx_lookup (self->seen, name) == self)
        rc = FST_IO;                            //  It is a folder
    if (rc == FST_OK && !inode && !create)
        rc = FST_NOT_FOUND;
    if (rc == FST_OK && !inode && !fake_parent_exists (self, self->seen, name))
        rc = FST_IO;
    if (rc == FST_OK && !inode) {
        inode = (fake_inode_t *) calloc (1, sizeof (*inode));
        assert (inode);
        inode->next = self->inodes;
        self->inodes = inode;
        fake_change (self, FAKE_CREATE, NULL, name, inode);
    }
    if (rc == FST_OK) {
        fst_disk_file_t *file = (fst_disk_file_t *) calloc (1, sizeof (*file));
        assert (file);
        *file = (fst_disk_file_t) { .inode = inode, .life = self->life };
        *file_p = file;
    }
    return s_leave (self, rc);
}

static void
s_close (void *arg, fst_disk_file_t **file_p)
{
    (void) arg;
    free (*file_p);
    *file_p = NULL;
}

static fst_rc_t
s_read (void *arg, fst_disk_file_t *file, int64_t offset, void *data, size_t bytes, size_t *got_p)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter_file (self, file, false);
    if (rc == FST_OK) {
        const fake_buffer_t *seen = &file->inode->seen;
        size_t left = (size_t) offset < seen->size? seen->size - (size_t) offset: 0;
        *got_p = left < bytes? left: bytes;
        if (*got_p)
            memcpy (data, seen->data + offset, *got_p);
    }
    return s_leave (self, rc);
}

static fst_rc_t
s_write (void *arg, fst_disk_file_t *file, int64_t offset, const void *data, size_t bytes)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter_file (self, file, false);
    if (rc == FST_OK && ++self->writes == self->fail_write_at) {
        self->fired = true;
        rc = self->fail_rc;
    }
    size_t size = file->inode->seen.size;
    int64_t growth = (int64_t) ((size_t) offset + bytes) - (int64_t) size;
    if (rc == FST_OK && growth > 0 && fake_used (self) + growth > self->capacity) {
        rc = FST_NO_SPACE;
        bytes = 0;
    }
    if (rc != FST_OK && bytes && !self->crashed && file->life == self->life)
        bytes = (size_t) (fake_random (self) % bytes);     //  A part of it was written before it failed
    if (rc == FST_OK || (bytes && !self->crashed && file->life == self->life))
        fake_write_seen (file->inode, (size_t) offset, data, bytes);
    return s_leave (self, rc);
}

static void
s_flush_hint (void *arg, fst_disk_file_t *file, int64_t offset, size_t bytes)
{
    (void) arg;
    (void) file;
    (void) offset;
    (void) bytes;
}

static void
s_drop_cache (void *arg, fst_disk_file_t *file, int64_t offset, int64_t bytes)
{
    (void) arg;
    (void) file;
    (void) offset;
    (void) bytes;
}

static fst_rc_t
s_sync (void *arg, fst_disk_file_t *file)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter_file (self, file, true);
    if (rc == FST_OK)
        fake_sync_contents (file->inode);
    else
    if (!self->crashed)
        for (size_t index = 0; index < file->inode->dirty_count; index++)
            file->inode->dirty [index].doomed = true;
    return s_leave (self, rc);
}

static fst_rc_t
s_size (void *arg, fst_disk_file_t *file, int64_t *bytes_p)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter_file (self, file, false);
    if (rc == FST_OK)
        *bytes_p = (int64_t) file->inode->seen.size;
    return s_leave (self, rc);
}

fst_rc_t
fake_disk_truncate (fake_disk_t *self, fst_disk_file_t *file, int64_t bytes)
{
    assert (self && file && bytes >= 0);
    fst_rc_t rc = s_enter_file (self, file, false);
    if (rc == FST_OK)
        fake_truncate_seen (file->inode, (size_t) bytes);
    return s_leave (self, rc);
}

fst_rc_t
fake_disk_call (fake_disk_t *self)
{
    assert (self);
    return s_leave (self, s_enter (self, false));
}

static fst_rc_t
s_rename (void *arg, const char *from, const char *to)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter (self, false);
    fake_inode_t *inode = fake_find (self, from);
    if (rc == FST_OK && (!inode || !fake_parent_exists (self, self->seen, to)))
        rc = FST_NOT_FOUND;
    if (rc == FST_OK && zhashx_lookup (self->seen, to) == self)
        rc = FST_IO;
    if (rc == FST_OK && strneq (from, to))
        fake_change (self, FAKE_RENAME, from, to, inode);
    return s_leave (self, rc);
}

static fst_rc_t
s_unlink (void *arg, const char *name)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter (self, false);
    fake_inode_t *inode = fake_find (self, name);
    if (rc == FST_OK && zhashx_lookup (self->seen, name) == self)
        rc = FST_IO;
    if (rc == FST_OK && !inode)
        rc = FST_NOT_FOUND;
    if (rc == FST_OK)
        fake_change (self, FAKE_UNLINK, name, NULL, inode);
    return s_leave (self, rc);
}

static fst_rc_t
s_make_folder (void *arg, const char *name)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter (self, false);
    if (rc == FST_OK && fake_find (self, name))
        rc = FST_IO;
    if (rc == FST_OK && !fake_parent_exists (self, self->seen, name))
        rc = FST_NOT_FOUND;
    if (rc == FST_OK && !fake_folder_exists (self, self->seen, name))
        fake_change (self, FAKE_MAKE_FOLDER, NULL, name, NULL);
    return s_leave (self, rc);
}

static fst_rc_t
s_sync_folder (void *arg, const char *name)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter (self, true);
    if (rc == FST_OK && !fake_folder_exists (self, self->seen, name))
        rc = FST_NOT_FOUND;
    if (rc == FST_OK)
        fake_sync_changes (self, name);
    return s_leave (self, rc);
}

//  No file here lives long.
static fst_rc_t
s_age (void *arg, const char *name, int64_t *ms_p)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter (self, false);
    if (rc == FST_OK && !zhashx_lookup (self->seen, name))
        rc = FST_NOT_FOUND;
    if (rc == FST_OK)
        *ms_p = 0;
    return s_leave (self, rc);
}

static fst_rc_t
s_touch (void *arg, const char *name)
{
    int64_t ms;
    return s_age (arg, name, &ms);
}

static fst_rc_t
s_list (void *arg, const char *name, fst_rc_t (*each) (void *arg, const char *file), void *each_arg)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter (self, false);
    if (rc == FST_OK && !fake_folder_exists (self, self->seen, name))
        rc = FST_NOT_FOUND;
    zlist_t *files = zlist_new ();              //  First, so that each may use the disk
    zlist_autofree (files);
    for (void *item = zhashx_first (self->seen); item && rc == FST_OK; item = zhashx_next (self->seen)) {
        const char *path = (const char *) zhashx_cursor (self->seen);
        const char *slash = strrchr (path, '/');
        if (item != self && fake_is_in (path, name))
            zlist_append (files, (void *) (slash? slash + 1: path));
    }
    s_leave (self, rc);
    for (char *file = (char *) zlist_first (files); file && rc == FST_OK; file = (char *) zlist_next (files))
        rc = each (each_arg, file);
    zlist_destroy (&files);
    return rc;
}

static fst_rc_t
s_space (void *arg, bool try, fst_disk_space_t *space)
{
    (void) try;
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter (self, false);
    if (rc == FST_OK) {
        *space = (fst_disk_space_t) {
            .capacity = self->capacity, .free = self->capacity - fake_used (self)
        };
    }
    return s_leave (self, rc);
}

//  ---- For tests

fake_disk_t *
fake_disk_new (uint64_t seed)
{
    fake_disk_t *self = (fake_disk_t *) calloc (1, sizeof (*self));
    assert (self);
    int rc = pthread_mutex_init (&self->lock, NULL);
    assert (rc == 0);
    self->seed = seed;
    self->seen = zhashx_new ();
    self->stable = zhashx_new ();
    self->capacity = (int64_t) 1 << 40;
    self->port = (fst_disk_t) {
        .self = self,
        .open = s_open, .close = s_close, .read = s_read, .write = s_write, .flush_hint = s_flush_hint,
        .drop_cache = s_drop_cache,
        .sync = s_sync, .size = s_size, .age = s_age, .touch = s_touch, .rename = s_rename, .unlink = s_unlink,
        .make_folder = s_make_folder, .sync_folder = s_sync_folder, .list = s_list, .space = s_space
    };
    return self;
}

void
fake_disk_destroy (fake_disk_t **self_p)
{
    assert (self_p);
    fake_disk_t *self = *self_p;
    if (!self)
        return;
    while (self->inodes) {
        fake_inode_t *inode = self->inodes;
        self->inodes = inode->next;
        free (inode->seen.data);
        free (inode->stable.data);
        free (inode->dirty);
        free (inode);
    }
    for (size_t index = 0; index < self->changes_count; index++)
        fake_change_clear (&self->changes [index]);
    free (self->changes);
    zhashx_destroy (&self->seen);
    zhashx_destroy (&self->stable);
    pthread_mutex_destroy (&self->lock);
    free (self);
    *self_p = NULL;
}

fst_disk_t *
fake_disk_port (fake_disk_t *self)
{
    assert (self);
    return &self->port;
}

static void
s_fail (fake_disk_t *self, int call, int sync, int write, fst_rc_t rc)
{
    assert (self);
    assert (rc != FST_OK);
    pthread_mutex_lock (&self->lock);
    self->fail_at = call? self->calls + call: 0;
    self->fail_sync_at = sync? self->syncs + sync: 0;
    self->fail_write_at = write? self->writes + write: 0;
    self->fail_rc = rc;
    self->fired = false;
    pthread_mutex_unlock (&self->lock);
}

void
fake_disk_fail (fake_disk_t *self, int nth, fst_rc_t rc)
{
    s_fail (self, nth, 0, 0, rc);
}

void
fake_disk_fail_sync (fake_disk_t *self, int nth, fst_rc_t rc)
{
    s_fail (self, 0, nth, 0, rc);
}

void
fake_disk_fail_write (fake_disk_t *self, int nth, fst_rc_t rc)
{
    s_fail (self, 0, 0, nth, rc);
}

bool
fake_disk_fired (const fake_disk_t *self)
{
    assert (self);
    return self->fired;
}

void
fake_disk_crash (fake_disk_t *self, int nth)
{
    assert (self);
    self->crash_at = nth? self->syncs + nth: 0;
}

void
fake_disk_crash_now (fake_disk_t *self)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    if (!self->crashed)
        fake_lose_power (self);
    pthread_mutex_unlock (&self->lock);
}

bool
fake_disk_crashed (const fake_disk_t *self)
{
    assert (self);
    return self->crashed;
}

void
fake_disk_restart (fake_disk_t *self)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    if (self->crashed) {
        for (fake_inode_t *inode = self->inodes; inode; inode = inode->next) {
            fake_resize (&inode->seen, inode->stable.size);
            fake_copy (&inode->seen, &inode->stable, 0, inode->stable.size);
        }
        zhashx_destroy (&self->seen);
        self->seen = zhashx_dup (self->stable);
    }
    self->crashed = false;
    self->crash_at = self->fail_at = self->fail_sync_at = self->fail_write_at = 0;
    self->life++;
    pthread_mutex_unlock (&self->lock);
}

void
fake_disk_set_loss (fake_disk_t *self, fake_loss_t loss)
{
    assert (self);
    self->loss = loss;
}

void
fake_disk_set_capacity (fake_disk_t *self, int64_t bytes)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    self->capacity = bytes;
    pthread_mutex_unlock (&self->lock);
}

void
fake_disk_damage (fake_disk_t *self, const char *name, int64_t offset, size_t bytes)
{
    assert (self && name);
    pthread_mutex_lock (&self->lock);
    fake_inode_t *inode = fake_find (self, name);
    assert (inode && (size_t) offset + bytes <= inode->seen.size);
    for (size_t at = (size_t) offset; at < (size_t) offset + bytes; at++) {
        inode->seen.data [at] ^= (uint8_t) (1 + fake_random (self) % 255);     //  Never what it was
        if (at < inode->stable.size)
            inode->stable.data [at] = inode->seen.data [at];
    }
    pthread_mutex_unlock (&self->lock);
}

int
fake_disk_calls (const fake_disk_t *self)
{
    assert (self);
    return self->calls;
}

int
fake_disk_syncs (const fake_disk_t *self)
{
    assert (self);
    return self->syncs;
}
