//  Buffers for records. Freed ones are kept for the next taker of the same size: making and touching new
//  memory for each chunk costs more than encrypting it.

#include "fst_buffers.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct fst_buffer {
    fst_buffers_t *pool;
    fst_buffer_t *next;         //  In the list of free ones
    uint8_t *data;
    size_t bytes;
    atomic_int holds;           //  The taker's, and one for each message
};

struct fst_buffers {
    pthread_mutex_t lock;       //  Guards all below; held for a few instructions only
    fst_buffer_t *free;
    size_t bytes_max;
    size_t bytes;               //  Of all buffers, free or in use
    size_t in_use;              //  Buffers that somebody holds
    bool hungry;                //  A take failed: tell when one comes back
    bool closed;                //  Destroyed; the last buffer that comes back frees the pool
    int fd;
};

fst_buffers_t *
fst_buffers_new (size_t bytes_max)
{
    fst_buffers_t *self = calloc (1, sizeof (*self));
    assert (self);
    pthread_mutex_init (&self->lock, NULL);
    self->bytes_max = bytes_max;
    self->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert (self->fd >= 0);
    return self;
}

static void
s_free_buffer (fst_buffers_t *self, fst_buffer_t *buffer)
{
    self->bytes -= buffer->bytes;
    free (buffer->data);
    free (buffer);
}

static void
s_free_pool (fst_buffers_t *self)
{
    close (self->fd);
    pthread_mutex_destroy (&self->lock);
    free (self);
}

void
fst_buffers_destroy (fst_buffers_t **self_p)
{
    assert (self_p);
    fst_buffers_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    pthread_mutex_lock (&self->lock);
    self->closed = true;
    while (self->free) {
        fst_buffer_t *buffer = self->free;
        self->free = buffer->next;
        s_free_buffer (self, buffer);
    }
    bool last = self->in_use == 0;
    pthread_mutex_unlock (&self->lock);
    if (last)
        s_free_pool (self);
}

//  A free buffer of exactly this size, unlinked, or NULL.
static fst_buffer_t *
s_find (fst_buffers_t *self, size_t bytes)
{
    for (fst_buffer_t **link = &self->free; *link; link = &(*link)->next)
        if ((*link)->bytes == bytes) {
            fst_buffer_t *found = *link;
            *link = found->next;
            return found;
        }
    return NULL;
}

static fst_buffer_t *
s_make (fst_buffers_t *self, size_t bytes)
{
    while (self->free && self->bytes + bytes > self->bytes_max) {
        fst_buffer_t *other = self->free;       //  Of another size: not wanted now
        self->free = other->next;
        s_free_buffer (self, other);
    }
    if (self->in_use && self->bytes + bytes > self->bytes_max)
        return NULL;
    fst_buffer_t *buffer = calloc (1, sizeof (*buffer));
    assert (buffer);
    buffer->pool = self;
    buffer->bytes = bytes;
    buffer->data = aligned_alloc (4096, (bytes + 4095) / 4096 * 4096);
    assert (buffer->data);
    self->bytes += bytes;
    return buffer;
}

fst_buffer_t *
fst_buffers_take (fst_buffers_t *self, size_t bytes)
{
    assert (self);
    assert (bytes);
    pthread_mutex_lock (&self->lock);
    fst_buffer_t *buffer = s_find (self, bytes);
    if (!buffer)
        buffer = s_make (self, bytes);
    if (buffer) {
        buffer->next = NULL;
        atomic_store (&buffer->holds, 1);
        self->in_use++;
    }
    else
        self->hungry = true;
    pthread_mutex_unlock (&self->lock);
    return buffer;
}

int
fst_buffers_fd (const fst_buffers_t *self)
{
    assert (self);
    return self->fd;
}

void
fst_buffers_heard (fst_buffers_t *self)
{
    assert (self);
    uint64_t count;
    if (read (self->fd, &count, sizeof (count)) < 0)
        return;                 //  It was quiet already
}

uint8_t *
fst_buffer_data (fst_buffer_t *self)
{
    assert (self);
    return self->data;
}

static void
s_come_back (fst_buffer_t *buffer)
{
    fst_buffers_t *self = buffer->pool;
    pthread_mutex_lock (&self->lock);
    assert (self->in_use);
    self->in_use--;
    bool tell = self->hungry && !self->closed;
    self->hungry = false;
    bool last = self->closed && self->in_use == 0;
    if (self->closed)
        s_free_buffer (self, buffer);
    else {
        buffer->next = self->free;
        self->free = buffer;
    }
    if (tell) {
        uint64_t one = 1;
        ssize_t wrote = write (self->fd, &one, sizeof (one));
        assert (wrote == sizeof (one));
    }
    pthread_mutex_unlock (&self->lock);
    if (last)
        s_free_pool (self);
}

void
fst_buffer_drop (fst_buffer_t **self_p)
{
    assert (self_p);
    fst_buffer_t *self = *self_p;
    *self_p = NULL;
    if (self && atomic_fetch_sub (&self->holds, 1) == 1)
        s_come_back (self);
}

//  Called by libzmq, on any of its threads.
static void
s_message_closed (void *data, void *hint)
{
    (void) data;
    fst_buffer_t *self = hint;
    fst_buffer_drop (&self);
}

void
fst_buffer_message (fst_buffer_t *self, size_t offset, size_t bytes, zmq_msg_t *message)
{
    assert (self);
    assert (offset + bytes <= self->bytes);
    atomic_fetch_add (&self->holds, 1);
    int rc = zmq_msg_init_data (message, self->data + offset, bytes, s_message_closed, self);
    assert (rc == 0);
}
