//  The two states of the fake disk: what a running program sees, and what is on stable storage; and what a power loss makes
//  of them.

#include "fake_disk_self.h"
#include <assert.h>

//  ---- Random numbers and buffers

uint64_t
fake_random (fake_disk_t *self)
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
            value = fake_random (self);
        data [at] = (uint8_t) value;
    }
}

void
fake_resize (fake_buffer_t *buffer, size_t size)
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

void
fake_copy (fake_buffer_t *to, const fake_buffer_t *from, size_t begin, size_t end)
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

bool
fake_is_in (const char *name, const char *folder)
{
    char *parent = s_folder_of (name);
    bool is = streq (parent, folder);
    free (parent);
    return is;
}

bool
fake_folder_exists (const fake_disk_t *self, zhashx_t *names, const char *folder)
{
    return streq (folder, ".") || zhashx_lookup (names, folder) == self;
}

bool
fake_parent_exists (const fake_disk_t *self, zhashx_t *names, const char *name)
{
    char *folder = s_folder_of (name);
    bool exists = fake_folder_exists (self, names, folder);
    free (folder);
    return exists;
}

fake_inode_t *
fake_find (fake_disk_t *self, const char *name)
{
    void *item = zhashx_lookup (self->seen, name);
    return item == self? NULL: (fake_inode_t *) item;
}

void
fake_change_clear (fake_change_t *change)
{
    free (change->from);
    free (change->to);
}

static void
s_change_forget (fake_disk_t *self, size_t index)
{
    fake_change_clear (&self->changes [index]);
    self->changes_count--;
    memmove (&self->changes [index], &self->changes [index + 1],
             (self->changes_count - index) * sizeof (fake_change_t));
}

//  Do a change to the names in a table.
static void
s_change_apply (fake_disk_t *self, const fake_change_t *change, zhashx_t *names)
{
    void *item = change->inode? (void *) change->inode: self;
    if (change->from && zhashx_lookup (names, change->from) == item)
        zhashx_delete (names, change->from);
    if (change->to)
        zhashx_update (names, change->to, item);
}

void
fake_change (fake_disk_t *self, int kind, const char *from, const char *to, fake_inode_t *inode)
{
    self->changes = (fake_change_t *) realloc (self->changes, (self->changes_count + 1) * sizeof (fake_change_t));
    assert (self->changes);
    fake_change_t *change = &self->changes [self->changes_count++];
    *change = (fake_change_t) { .kind = kind, .inode = inode };
    change->from = from? strdup (from): NULL;
    change->to = to? strdup (to): NULL;
    s_change_apply (self, change, self->seen);
}

//  After this change became stable, earlier ones that gave its inode the name it takes away are void.
static void
s_forget_before (fake_disk_t *self, const char *from, const fake_inode_t *inode, size_t before)
{
    for (size_t index = before; index > 0; index--) {
        const fake_change_t *change = &self->changes [index - 1];
        if (change->to && change->inode == inode && streq (change->to, from))
            s_change_forget (self, index - 1);
    }
}

void
fake_sync_changes (fake_disk_t *self, const char *folder)
{
    size_t index = 0;
    while (index < self->changes_count) {
        fake_change_t change = self->changes [index];
        if (!fake_is_in (change.to? change.to: change.from, folder)) {
            index++;
            continue;
        }
        s_change_apply (self, &change, self->stable);
        size_t count = self->changes_count;
        if (change.kind == FAKE_RENAME)
            s_forget_before (self, change.from, change.inode, index);
        index -= count - self->changes_count;
        s_change_forget (self, index);
    }
}

//  ---- Contents

static void
s_dirty (fake_inode_t *inode, size_t from, size_t to)
{
    inode->dirty = (fake_range_t *) realloc (inode->dirty, (inode->dirty_count + 1) * sizeof (fake_range_t));
    assert (inode->dirty);
    inode->dirty [inode->dirty_count++] = (fake_range_t) { .from = from, .to = to };
}

//  These octets are other ones now: what a failed sync has lost of the older ones no longer matters.
static void
s_undoom (fake_inode_t *inode, size_t from, size_t to)
{
    size_t count = inode->dirty_count, kept = 0;
    if (!count)
        return;
    for (size_t index = 0; index < count; index++) {
        fake_range_t range = inode->dirty [index];
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
    memmove (inode->dirty + kept, inode->dirty + count, (inode->dirty_count - count) * sizeof (fake_range_t));
    inode->dirty_count -= count - kept;
}

void
fake_sync_contents (fake_inode_t *inode)
{
    size_t kept = 0;
    fake_resize (&inode->stable, inode->seen.size);
    for (size_t index = 0; index < inode->dirty_count; index++)
        if (inode->dirty [index].doomed)
            inode->dirty [kept++] = inode->dirty [index];
        else
            fake_copy (&inode->stable, &inode->seen, inode->dirty [index].from, inode->dirty [index].to);
    inode->dirty_count = kept;
}

void
fake_write_seen (fake_inode_t *inode, size_t offset, const void *data, size_t bytes)
{
    if (offset + bytes > inode->seen.size)
        fake_resize (&inode->seen, offset + bytes);
    if (bytes)
        memcpy (inode->seen.data + offset, data, bytes);
    s_undoom (inode, offset, offset + bytes);
    s_dirty (inode, offset, offset + bytes);
}

void
fake_truncate_seen (fake_inode_t *inode, size_t bytes)
{
    size_t before = inode->seen.size;
    size_t from = bytes < before? bytes: before, to = bytes < before? before: bytes;
    fake_resize (&inode->seen, bytes);
    s_undoom (inode, from, to);
    s_dirty (inode, from, to);          //  Should the file grow again, there are zeros to be saved
}

int64_t
fake_used (const fake_disk_t *self)
{
    int64_t used = 0;
    for (void *item = zhashx_first (self->seen); item; item = zhashx_next (self->seen))
        if (item != self)
            used += (int64_t) ((fake_inode_t *) item)->seen.size;
    return used;
}

//  ---- Power loss

//  One of the four kinds of loss, or a fate for each piece.
static fake_loss_t
s_draw_loss (fake_disk_t *self)
{
    return self->loss == FAKE_LOSS_ANY? (fake_loss_t) (fake_random (self) % 4): self->loss;
}

static void
s_lose_sector (fake_disk_t *self, fake_inode_t *inode, size_t from, size_t to, bool doomed, fake_loss_t loss)
{
    if (loss == FAKE_LOSS_ANY)
        loss = (fake_loss_t) (1 + fake_random (self) % 3);
    if (loss == FAKE_LOSS_NOTHING && !doomed)
        fake_copy (&inode->stable, &inode->seen, from, to);
    to = to > inode->stable.size? inode->stable.size: to;
    if (loss == FAKE_LOSS_NOISE && from < to)
        s_noise (self, inode->stable.data + from, to - from);
}

static void
s_lose_contents (fake_disk_t *self, fake_inode_t *inode, fake_loss_t loss)
{
    bool grows = loss == FAKE_LOSS_ANY? fake_random (self) % 2: loss != FAKE_LOSS_ALL;
    if (grows && inode->dirty_count)
        fake_resize (&inode->stable, inode->seen.size);
    for (size_t index = 0; index < inode->dirty_count; index++) {
        const fake_range_t *range = &inode->dirty [index];
        for (size_t from = range->from; from < range->to; ) {
            size_t to = from / FAKE_SECTOR_BYTES * FAKE_SECTOR_BYTES + FAKE_SECTOR_BYTES;
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
        bool survives = loss == FAKE_LOSS_ANY? fake_random (self) % 2: loss != FAKE_LOSS_ALL;
        if (survives)
            s_change_apply (self, &self->changes [index], self->stable);
        fake_change_clear (&self->changes [index]);
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
            if (!fake_parent_exists (self, self->stable, name)) {
                zhashx_delete (self->stable, name);
                dropped = true;
            }
        zlistx_destroy (&names);
    }
}

void
fake_lose_power (fake_disk_t *self)
{
    self->crashed = true;
    s_lose_changes (self, s_draw_loss (self));
    for (fake_inode_t *inode = self->inodes; inode; inode = inode->next)
        s_lose_contents (self, inode, s_draw_loss (self));
    s_drop_orphans (self);
}
