//  A bounded pipe of octets between the bridge's loop and the thread of a transfer: a ring. Octets are copied without
//  the lock, for each side owns its end of the ring; only the counts are shared. What is passed on without a copy
//  lies in a ring of pieces instead, under the same counts.

#include "fst_pipe.h"
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PIECES_MAX 32               //  Passed on and not taken
#define WORTH 4                     //  Who waits for room is woken when one part of so many is free

typedef struct {
    const uint8_t *data;
    size_t bytes;
    fst_pipe_release_fn *release;
    void *arg;
} s_piece_t;

struct fst_pipe {
    uint8_t *ring;
    size_t size;
    fst_pipe_wake_fn *wake;
    void *arg;
    int fd;                         //  Wakes the thread
    pthread_mutex_t lock;           //  Guards all below; held for a few instructions only
    uint64_t put, got;              //  Octets that went in and out since the beginning
    uint64_t pieces_put, pieces_got;
    s_piece_t pieces [PIECES_MAX];
    size_t piece_taken;             //  Loop's: octets of the first piece
    bool ended, left, closed;
    bool loop_waits, thread_waits;
};

fst_pipe_t *
fst_pipe_new (size_t bytes, fst_pipe_wake_fn *wake, void *arg)
{
    assert (bytes && (bytes & (bytes - 1)) == 0);
    assert (wake);
    fst_pipe_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->ring = malloc (bytes);
    assert (self->ring);
    self->size = bytes;
    self->wake = wake;
    self->arg = arg;
    self->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert (self->fd >= 0);
    pthread_mutex_init (&self->lock, NULL);
    return self;
}

void
fst_pipe_destroy (fst_pipe_t **self_p)
{
    assert (self_p);
    fst_pipe_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    for (; self->pieces_got < self->pieces_put; self->pieces_got++) {
        s_piece_t *piece = &self->pieces [self->pieces_got % PIECES_MAX];
        piece->release (piece->arg);
    }
    close (self->fd);
    pthread_mutex_destroy (&self->lock);
    free (self->ring);
    free (self);
}

//  Both sides' copies, which may go around the corner of the ring.
static void
s_copy_in (fst_pipe_t *self, uint64_t at, const uint8_t *data, size_t bytes)
{
    size_t from = at & (self->size - 1);
    size_t first = bytes < self->size - from? bytes: self->size - from;
    memcpy (self->ring + from, data, first);
    memcpy (self->ring, data + first, bytes - first);
}

static void
s_copy_out (const fst_pipe_t *self, uint64_t at, uint8_t *data, size_t bytes)
{
    size_t from = at & (self->size - 1);
    size_t first = bytes < self->size - from? bytes: self->size - from;
    memcpy (data, self->ring + from, first);
    memcpy (data + first, self->ring, bytes - first);
}

//  From the pieces, which have so much; returns how many of them are done with and were released.
static uint64_t
s_copy_pieces (fst_pipe_t *self, uint64_t number, uint8_t *data, size_t bytes)
{
    uint64_t first = number;
    while (bytes) {
        s_piece_t piece = self->pieces [number % PIECES_MAX];
        size_t left = piece.bytes - self->piece_taken, count = bytes < left? bytes: left;
        memcpy (data, piece.data + self->piece_taken, count);
        data += count;
        bytes -= count;
        self->piece_taken += count;
        if (self->piece_taken == piece.bytes) {
            piece.release (piece.arg);
            self->piece_taken = 0;
            number++;
        }
    }
    return number - first;
}

static size_t
s_least (size_t a, size_t b)
{
    return a < b? a: b;
}

//  Who passes pieces waits until there is less than a pipe's worth, and a place for one more. Call with the lock.
static bool
s_may_pass (const fst_pipe_t *self)
{
    return self->put - self->got < self->size && self->pieces_put - self->pieces_got < PIECES_MAX;
}

//  Is it worth to wake who writes or passes? Call with the lock.
static bool
s_worth (const fst_pipe_t *self)
{
    return self->pieces_put? s_may_pass (self): self->size - (self->put - self->got) >= self->size / WORTH;
}

static void
s_ring_thread (fst_pipe_t *self)
{
    int rc = eventfd_write (self->fd, 1);
    assert (rc == 0);
}

//  The loop waits, and has something to do now. Call with the lock; wake after it was given back.
static bool
s_loop_due (fst_pipe_t *self, bool due)
{
    due = due && self->loop_waits;
    if (due)
        self->loop_waits = false;
    return due;
}

static void
s_thread_due (fst_pipe_t *self, bool due)
{
    if (due && self->thread_waits) {
        self->thread_waits = false;
        s_ring_thread (self);
    }
}

//  ---- The loop's side

size_t
fst_pipe_take (fst_pipe_t *self, void *data, size_t bytes)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    uint64_t at = self->got, piece = self->pieces_got, pieces = 0;
    bool passed = self->pieces_put > 0;
    size_t count = s_least (bytes, (size_t) (self->put - self->got));
    self->loop_waits = count == 0 && !self->closed;
    pthread_mutex_unlock (&self->lock);
    if (!count)
        return 0;
    if (passed)
        pieces = s_copy_pieces (self, piece, data, count);
    else
        s_copy_out (self, at, data, count);
    pthread_mutex_lock (&self->lock);
    self->got += count;
    self->pieces_got += pieces;
    s_thread_due (self, s_worth (self));
    pthread_mutex_unlock (&self->lock);
    return count;
}

size_t
fst_pipe_give (fst_pipe_t *self, const void *data, size_t bytes)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    assert (!self->ended);
    uint64_t at = self->put;
    size_t count = s_least (bytes, self->size - (size_t) (self->put - self->got));
    bool closed = self->closed;
    self->loop_waits = count < bytes && !closed;
    pthread_mutex_unlock (&self->lock);
    if (closed)
        return bytes;
    s_copy_in (self, at, data, count);
    pthread_mutex_lock (&self->lock);
    self->put += count;
    s_thread_due (self, count > 0);
    pthread_mutex_unlock (&self->lock);
    return count;
}

void
fst_pipe_end (fst_pipe_t *self)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    self->ended = true;
    s_thread_due (self, true);
    pthread_mutex_unlock (&self->lock);
}

void
fst_pipe_leave (fst_pipe_t *self)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    self->left = true;
    self->loop_waits = false;
    s_thread_due (self, true);
    pthread_mutex_unlock (&self->lock);
}

size_t
fst_pipe_bytes (fst_pipe_t *self)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    size_t bytes = (size_t) (self->put - self->got);
    pthread_mutex_unlock (&self->lock);
    return bytes;
}

bool
fst_pipe_drained (fst_pipe_t *self)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    bool drained = self->closed && self->put == self->got;
    pthread_mutex_unlock (&self->lock);
    return drained;
}

//  ---- The thread's side

//  Make the descriptor quiet. Call with the lock, before thread_waits is set.
static void
s_quieten (fst_pipe_t *self)
{
    eventfd_t ignored;
    int rc = eventfd_read (self->fd, &ignored);
    assert (rc == 0 || errno == EAGAIN);
}

fst_rc_t
fst_pipe_read (fst_pipe_t *self, void *data, size_t bytes, size_t *got_p)
{
    assert (self);
    assert (bytes);
    pthread_mutex_lock (&self->lock);
    uint64_t at = self->got;
    size_t count = s_least (bytes, (size_t) (self->put - self->got));
    fst_rc_t rc = self->left? FST_INTERRUPTED: count || self->ended? FST_OK: FST_BUSY;
    if (rc == FST_BUSY) {
        s_quieten (self);
        self->thread_waits = true;
    }
    pthread_mutex_unlock (&self->lock);
    if (rc != FST_OK)
        return rc;
    *got_p = count;
    if (!count)
        return FST_OK;
    s_copy_out (self, at, data, count);
    pthread_mutex_lock (&self->lock);
    self->got += count;
    bool wake = s_loop_due (self, self->size - (self->put - self->got) >= self->size / WORTH);
    pthread_mutex_unlock (&self->lock);
    if (wake)
        self->wake (self->arg);
    return FST_OK;
}

static void
s_wait (fst_pipe_t *self)
{
    struct pollfd item = { .fd = self->fd, .events = POLLIN };
    int rc = poll (&item, 1, -1);
    assert (rc >= 0 || errno == EINTR);
}

fst_rc_t
fst_pipe_write (fst_pipe_t *self, const void *data, size_t bytes)
{
    assert (self);
    const uint8_t *from = data;
    while (bytes) {
        pthread_mutex_lock (&self->lock);
        uint64_t at = self->put;
        size_t count = s_least (bytes, self->size - (size_t) (self->put - self->got));
        bool left = self->left;
        if (!count && !left) {
            s_quieten (self);
            self->thread_waits = true;
        }
        pthread_mutex_unlock (&self->lock);
        if (left)
            return FST_INTERRUPTED;
        if (!count) {
            s_wait (self);
            continue;
        }
        s_copy_in (self, at, from, count);
        from += count;
        bytes -= count;
        pthread_mutex_lock (&self->lock);
        self->put += count;
        bool wake = s_loop_due (self, true);
        pthread_mutex_unlock (&self->lock);
        if (wake)
            self->wake (self->arg);
    }
    return FST_OK;
}

fst_rc_t
fst_pipe_pass (fst_pipe_t *self, const void *data, size_t bytes, fst_pipe_release_fn *release, void *arg)
{
    assert (self);
    assert (data && bytes && release);
    pthread_mutex_lock (&self->lock);
    assert (self->pieces_put || !self->put);        //  Nothing was written
    while (!self->left && !s_may_pass (self)) {
        s_quieten (self);
        self->thread_waits = true;
        pthread_mutex_unlock (&self->lock);
        s_wait (self);
        pthread_mutex_lock (&self->lock);
    }
    bool left = self->left, wake = false;
    if (!left) {
        self->pieces [self->pieces_put++ % PIECES_MAX] = (s_piece_t) { data, bytes, release, arg };
        self->put += bytes;
        wake = s_loop_due (self, true);
    }
    pthread_mutex_unlock (&self->lock);
    if (wake)
        self->wake (self->arg);
    return left? FST_INTERRUPTED: FST_OK;
}

int
fst_pipe_fd (const fst_pipe_t *self)
{
    assert (self);
    return self->fd;
}

bool
fst_pipe_left (fst_pipe_t *self)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    bool left = self->left;
    pthread_mutex_unlock (&self->lock);
    return left;
}

void
fst_pipe_close (fst_pipe_t *self)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    self->closed = true;
    bool wake = s_loop_due (self, true);
    pthread_mutex_unlock (&self->lock);
    if (wake)
        self->wake (self->arg);
}
