//  A disk in memory with two states: what a running program sees, and what is on stable storage.

#include "fake_disk.h"
#include <assert.h>
#include <czmq.h>
#include <pthread.h>

#define SECTOR_BYTES 512            //  What a real disk writes whole or not at all

typedef struct {
    uint8_t *data;
    size_t size, room;
} buffer_t;

typedef struct {
    size_t from, to;
    bool doomed;                    //  A sync of it failed: no later one saves it
} range_t;

//  The contents of a file, whatever its names. Lives as long as the disk.
typedef struct inode {
    struct inode *next;
    buffer_t seen, stable;
    range_t *dirty;                 //  Written and not yet stable
    size_t dirty_count;
} inode_t;

//  A change of names that is not stable yet.
typedef struct {
    enum { CREATE, RENAME, UNLINK, MAKE_FOLDER } kind;
    char *from, *to;                //  The name it takes away and the one it gives, or NULL
    inode_t *inode;                 //  NULL for a folder
} change_t;

struct fst_disk_file {
    inode_t *inode;
    int life;                       //  Of the disk, when it was opened
};

struct fake_disk {
    fst_disk_t port;
    pthread_mutex_t lock;
    uint64_t seed;                  //  State of the random numbers
    zhashx_t *seen, *stable;        //  Name -> inode, or the disk itself for a folder
    inode_t *inodes;
    change_t *changes;              //  In the order they were made
    size_t changes_count;
    int64_t capacity;
    bool read_only;
    fake_loss_t loss;
    int calls, syncs;
    int fail_at;                    //  Of calls; 0 = never
    int fail_sync_at, crash_at;     //  Of syncs
    int writes, fail_write_at;      //  Of writes
    fst_rc_t fail_rc;
    bool fired, crashed;
    int life;                       //  Restarts so far
};

//  ---- Random numbers and buffers

static uint64_t
s_random (fake_disk_t *self)
{
    uint64_t value = self->seed += 0x9e3779b97f4a7c15u;     //  splitmix64
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

static void
s_noise (fake_disk_t *self, uint8_t *data, size_t bytes)
{
    uint64_t value = 0;
    for (size_t at = 0; at < bytes; at++, value >>= 8) {
        if (at % 8 == 0)
            value = s_random (self);
        data [at] = (uint8_t) value;
    }
}

static void
s_resize (buffer_t *buffer, size_t size)
{
    if (size > buffer->room) {
        buffer->room = size * 2;
        buffer->data = (uint8_t *) realloc (buffer->data, buffer->room);
        assert (buffer->data);
    }
    if (size > buffer->size)
        memset (buffer->data + buffer->size, 0, size - buffer->size);
    buffer->size = size;
}

//  Copy a range between two buffers of one file; what lies beyond their ends is left alone.
static void
s_copy (buffer_t *to, const buffer_t *from, size_t begin, size_t end)
{
    end = end > from->size? from->size: end;
    end = end > to->size? to->size: end;
    if (begin < end)
        memcpy (to->data + begin, from->data + begin, end - begin);
}

//  ---- Names

//  The folder that holds name; "." at the top. Caller frees.
static char *
s_folder_of (const char *name)
{
    const char *slash = strrchr (name, '/');
    char *folder = slash? strndup (name, (size_t) (slash - name)): strdup (".");
    assert (folder);
    return folder;
}

static bool
s_is_in (const char *name, const char *folder)
{
    char *parent = s_folder_of (name);
    bool is = streq (parent, folder);
    free (parent);
    return is;
}

static bool
s_folder_exists (const fake_disk_t *self, zhashx_t *names, const char *folder)
{
    return streq (folder, ".") || zhashx_lookup (names, folder) == self;
}

static bool
s_parent_exists (const fake_disk_t *self, zhashx_t *names, const char *name)
{
    char *folder = s_folder_of (name);
    bool exists = s_folder_exists (self, names, folder);
    free (folder);
    return exists;
}

//  The file of that name as a program sees it; NULL if there is none.
static inode_t *
s_find (fake_disk_t *self, const char *name)
{
    void *item = zhashx_lookup (self->seen, name);
    return item == self? NULL: (inode_t *) item;
}

static void
s_change_clear (change_t *change)
{
    free (change->from);
    free (change->to);
}

static void
s_change_forget (fake_disk_t *self, size_t index)
{
    s_change_clear (&self->changes [index]);
    self->changes_count--;
    memmove (&self->changes [index], &self->changes [index + 1],
             (self->changes_count - index) * sizeof (change_t));
}

//  Do a change to the names in a table.
static void
s_change_apply (fake_disk_t *self, const change_t *change, zhashx_t *names)
{
    void *item = change->inode? (void *) change->inode: self;
    if (change->from && zhashx_lookup (names, change->from) == item)
        zhashx_delete (names, change->from);
    if (change->to)
        zhashx_update (names, change->to, item);
}

//  Do it for the program, and remember that it is not stable.
static void
s_change (fake_disk_t *self, int kind, const char *from, const char *to, inode_t *inode)
{
    self->changes = (change_t *) realloc (self->changes, (self->changes_count + 1) * sizeof (change_t));
    assert (self->changes);
    change_t *change = &self->changes [self->changes_count++];
    *change = (change_t) { .kind = kind, .inode = inode };
    change->from = from? strdup (from): NULL;
    change->to = to? strdup (to): NULL;
    s_change_apply (self, change, self->seen);
}

//  After this change became stable, earlier ones that gave its inode the name it takes away are void.
static void
s_forget_before (fake_disk_t *self, const char *from, const inode_t *inode, size_t before)
{
    for (size_t index = before; index > 0; index--) {
        const change_t *change = &self->changes [index - 1];
        if (change->to && change->inode == inode && streq (change->to, from))
            s_change_forget (self, index - 1);
    }
}

static void
s_sync_changes (fake_disk_t *self, const char *folder)
{
    size_t index = 0;
    while (index < self->changes_count) {
        change_t change = self->changes [index];
        if (!s_is_in (change.to? change.to: change.from, folder)) {
            index++;
            continue;
        }
        s_change_apply (self, &change, self->stable);
        size_t count = self->changes_count;
        if (change.kind == RENAME)
            s_forget_before (self, change.from, change.inode, index);
        index -= count - self->changes_count;
        s_change_forget (self, index);
    }
}

//  ---- Contents

static void
s_dirty (inode_t *inode, size_t from, size_t to)
{
    inode->dirty = (range_t *) realloc (inode->dirty, (inode->dirty_count + 1) * sizeof (range_t));
    assert (inode->dirty);
    inode->dirty [inode->dirty_count++] = (range_t) { .from = from, .to = to };
}

//  These octets are other ones now: what a failed sync has lost of the older ones no longer matters.
static void
s_undoom (inode_t *inode, size_t from, size_t to)
{
    size_t count = inode->dirty_count, kept = 0;
    if (!count)
        return;
    for (size_t index = 0; index < count; index++) {
        range_t range = inode->dirty [index];
        if (range.doomed && range.from < to && from < range.to) {
            if (range.to > to) {                //  What lies behind goes to the end of the list
                s_dirty (inode, to, range.to);
                inode->dirty [inode->dirty_count - 1].doomed = true;
            }
            range.to = from;
        }
        if (range.from < range.to)
            inode->dirty [kept++] = range;
    }
    memmove (inode->dirty + kept, inode->dirty + count, (inode->dirty_count - count) * sizeof (range_t));
    inode->dirty_count -= count - kept;
}

static void
s_sync_contents (inode_t *inode)
{
    size_t kept = 0;
    s_resize (&inode->stable, inode->seen.size);
    for (size_t index = 0; index < inode->dirty_count; index++)
        if (inode->dirty [index].doomed)
            inode->dirty [kept++] = inode->dirty [index];
        else
            s_copy (&inode->stable, &inode->seen, inode->dirty [index].from, inode->dirty [index].to);
    inode->dirty_count = kept;
}

static void
s_write_seen (inode_t *inode, size_t offset, const void *data, size_t bytes)
{
    if (offset + bytes > inode->seen.size)
        s_resize (&inode->seen, offset + bytes);
    if (bytes)
        memcpy (inode->seen.data + offset, data, bytes);
    s_undoom (inode, offset, offset + bytes);
    s_dirty (inode, offset, offset + bytes);
}

static void
s_truncate_seen (inode_t *inode, size_t bytes)
{
    size_t before = inode->seen.size;
    size_t from = bytes < before? bytes: before, to = bytes < before? before: bytes;
    s_resize (&inode->seen, bytes);
    s_undoom (inode, from, to);
    s_dirty (inode, from, to);          //  Should the file grow again, there are zeros to be saved
}

static int64_t
s_used (const fake_disk_t *self)
{
    int64_t used = 0;
    for (void *item = zhashx_first (self->seen); item; item = zhashx_next (self->seen))
        if (item != self)
            used += (int64_t) ((inode_t *) item)->seen.size;
    return used;
}

//  ---- Power loss

//  One of the four kinds of loss, or a fate for each piece.
static fake_loss_t
s_draw_loss (fake_disk_t *self)
{
    return self->loss == FAKE_LOSS_ANY? (fake_loss_t) (s_random (self) % 4): self->loss;
}

static void
s_lose_sector (fake_disk_t *self, inode_t *inode, size_t from, size_t to, bool doomed, fake_loss_t loss)
{
    if (loss == FAKE_LOSS_ANY)
        loss = (fake_loss_t) (1 + s_random (self) % 3);
    if (loss == FAKE_LOSS_NOTHING && !doomed)
        s_copy (&inode->stable, &inode->seen, from, to);
    to = to > inode->stable.size? inode->stable.size: to;
    if (loss == FAKE_LOSS_NOISE && from < to)
        s_noise (self, inode->stable.data + from, to - from);
}

static void
s_lose_contents (fake_disk_t *self, inode_t *inode, fake_loss_t loss)
{
    bool grows = loss == FAKE_LOSS_ANY? s_random (self) % 2: loss != FAKE_LOSS_ALL;
    if (grows && inode->dirty_count)
        s_resize (&inode->stable, inode->seen.size);
    for (size_t index = 0; index < inode->dirty_count; index++) {
        const range_t *range = &inode->dirty [index];
        for (size_t from = range->from; from < range->to; ) {
            size_t to = from / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES;
            s_lose_sector (self, inode, from, to > range->to? range->to: to, range->doomed, loss);
            from = to;
        }
    }
    inode->dirty_count = 0;
}

static void
s_lose_changes (fake_disk_t *self, fake_loss_t loss)
{
    for (size_t index = 0; index < self->changes_count; index++) {
        bool survives = loss == FAKE_LOSS_ANY? s_random (self) % 2: loss != FAKE_LOSS_ALL;
        if (survives)
            s_change_apply (self, &self->changes [index], self->stable);
        s_change_clear (&self->changes [index]);
    }
    self->changes_count = 0;
}

//  Files and folders whose folder did not survive are gone too.
static void
s_drop_orphans (fake_disk_t *self)
{
    bool dropped = true;
    while (dropped) {
        dropped = false;
        zlistx_t *names = zhashx_keys (self->stable);
        for (char *name = (char *) zlistx_first (names); name; name = (char *) zlistx_next (names))
            if (!s_parent_exists (self, self->stable, name)) {
                zhashx_delete (self->stable, name);
                dropped = true;
            }
        zlistx_destroy (&names);
    }
}

//  Decide what survives. Stable is then what the disk holds.
static void
s_lose_power (fake_disk_t *self)
{
    self->crashed = true;
    s_lose_changes (self, s_draw_loss (self));
    for (inode_t *inode = self->inodes; inode; inode = inode->next)
        s_lose_contents (self, inode, s_draw_loss (self));
    s_drop_orphans (self);
}

//  ---- The port. Every call that can fail begins with s_enter and ends with s_leave.

static fst_rc_t
s_enter (fake_disk_t *self, bool is_sync)
{
    pthread_mutex_lock (&self->lock);
    self->calls++;
    if (self->crashed)
        return FST_IO;
    if (is_sync && ++self->syncs == self->crash_at) {
        s_lose_power (self);
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
    inode_t *inode = s_find (self, name);
    if (rc == FST_OK && zhashx_lookup (self->seen, name) == self)
        rc = FST_IO;                            //  It is a folder
    if (rc == FST_OK && !inode && !create)
        rc = FST_NOT_FOUND;
    if (rc == FST_OK && !inode && self->read_only)
        rc = FST_NO_SPACE;
    if (rc == FST_OK && !inode && !s_parent_exists (self, self->seen, name))
        rc = FST_IO;
    if (rc == FST_OK && !inode) {
        inode = (inode_t *) calloc (1, sizeof (*inode));
        assert (inode);
        inode->next = self->inodes;
        self->inodes = inode;
        s_change (self, CREATE, NULL, name, inode);
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
        const buffer_t *seen = &file->inode->seen;
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
    if (rc == FST_OK && self->read_only) {
        rc = FST_NO_SPACE;
        bytes = 0;
    }
    if (rc == FST_OK && growth > 0 && s_used (self) + growth > self->capacity) {
        rc = FST_NO_SPACE;
        bytes = 0;
    }
    if (rc != FST_OK && bytes && !self->crashed && file->life == self->life)
        bytes = (size_t) (s_random (self) % bytes);     //  A part of it was written before it failed
    if (rc == FST_OK || (bytes && !self->crashed && file->life == self->life))
        s_write_seen (file->inode, (size_t) offset, data, bytes);
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
        s_sync_contents (file->inode);
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
        s_truncate_seen (file->inode, (size_t) bytes);
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
    if (rc == FST_OK && self->read_only)
        rc = FST_NO_SPACE;
    inode_t *inode = s_find (self, from);
    if (rc == FST_OK && (!inode || !s_parent_exists (self, self->seen, to)))
        rc = FST_NOT_FOUND;
    if (rc == FST_OK && zhashx_lookup (self->seen, to) == self)
        rc = FST_IO;
    if (rc == FST_OK && strneq (from, to))
        s_change (self, RENAME, from, to, inode);
    return s_leave (self, rc);
}

static fst_rc_t
s_unlink (void *arg, const char *name)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter (self, false);
    if (rc == FST_OK && self->read_only)
        rc = FST_NO_SPACE;
    inode_t *inode = s_find (self, name);
    if (rc == FST_OK && zhashx_lookup (self->seen, name) == self)
        rc = FST_IO;
    if (rc == FST_OK && !inode)
        rc = FST_NOT_FOUND;
    if (rc == FST_OK)
        s_change (self, UNLINK, name, NULL, inode);
    return s_leave (self, rc);
}

static fst_rc_t
s_make_folder (void *arg, const char *name)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter (self, false);
    if (rc == FST_OK && s_find (self, name))
        rc = FST_IO;
    if (rc == FST_OK && !s_parent_exists (self, self->seen, name))
        rc = FST_NOT_FOUND;
    if (rc == FST_OK && self->read_only && !s_folder_exists (self, self->seen, name))
        rc = FST_NO_SPACE;
    if (rc == FST_OK && !s_folder_exists (self, self->seen, name))
        s_change (self, MAKE_FOLDER, NULL, name, NULL);
    return s_leave (self, rc);
}

static fst_rc_t
s_sync_folder (void *arg, const char *name)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter (self, true);
    if (rc == FST_OK && !s_folder_exists (self, self->seen, name))
        rc = FST_NOT_FOUND;
    if (rc == FST_OK)
        s_sync_changes (self, name);
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
s_list (void *arg, const char *name, fst_rc_t (*each) (void *arg, const char *file), void *each_arg)
{
    fake_disk_t *self = (fake_disk_t *) arg;
    fst_rc_t rc = s_enter (self, false);
    if (rc == FST_OK && !s_folder_exists (self, self->seen, name))
        rc = FST_NOT_FOUND;
    zlist_t *files = zlist_new ();              //  First, so that each may use the disk
    zlist_autofree (files);
    for (void *item = zhashx_first (self->seen); item && rc == FST_OK; item = zhashx_next (self->seen)) {
        const char *path = (const char *) zhashx_cursor (self->seen);
        const char *slash = strrchr (path, '/');
        if (item != self && s_is_in (path, name))
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
            .capacity = self->capacity, .free = self->capacity - s_used (self), .read_only = self->read_only
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
        .sync = s_sync, .size = s_size, .age = s_age, .rename = s_rename, .unlink = s_unlink,
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
        inode_t *inode = self->inodes;
        self->inodes = inode->next;
        free (inode->seen.data);
        free (inode->stable.data);
        free (inode->dirty);
        free (inode);
    }
    for (size_t index = 0; index < self->changes_count; index++)
        s_change_clear (&self->changes [index]);
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
        s_lose_power (self);
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
        for (inode_t *inode = self->inodes; inode; inode = inode->next) {
            s_resize (&inode->seen, inode->stable.size);
            s_copy (&inode->seen, &inode->stable, 0, inode->stable.size);
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
fake_disk_set_read_only (fake_disk_t *self, bool read_only)
{
    assert (self);
    self->read_only = read_only;
}

void
fake_disk_damage (fake_disk_t *self, const char *name, int64_t offset, size_t bytes)
{
    assert (self && name);
    pthread_mutex_lock (&self->lock);
    inode_t *inode = s_find (self, name);
    assert (inode && (size_t) offset + bytes <= inode->seen.size);
    for (size_t at = (size_t) offset; at < (size_t) offset + bytes; at++) {
        inode->seen.data [at] ^= (uint8_t) (1 + s_random (self) % 255);     //  Never what it was
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
