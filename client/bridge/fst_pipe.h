//  A bounded pipe of octets between the bridge's loop and the thread of a transfer.
//
//  The loop's side never blocks: it takes or gives what it can, and is woken when more is possible after it got
//  less than it wanted. The thread's side has a descriptor to wait at; for writing it waits by itself. Either side
//  may close: the other one is told by the next call. Which way the octets go is the users' agreement.
//
//  Each side is for one thread at a time; the pipe is destroyed when neither uses it any more.

#ifndef FST_PIPE_H_INCLUDED
#define FST_PIPE_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_error.h"

typedef struct fst_pipe fst_pipe_t;

//  wake is called on the thread's side, under no lock, when the loop waits for what has now come (octets, room, the
//  end). It must be quick and may be called on any thread.
typedef void (fst_pipe_wake_fn) (void *arg);

//  bytes is how much it holds: a power of two. Memory is taken as it is used.
fst_pipe_t *
fst_pipe_new (size_t bytes, fst_pipe_wake_fn *wake, void *arg);

void
fst_pipe_destroy (fst_pipe_t **self_p);

//  ---- The loop's side

//  Take octets that the thread wrote; returns how many. 0: nothing now, the loop is woken when there is something
//  or the thread's side is closed.
size_t
fst_pipe_take (fst_pipe_t *self, void *data, size_t bytes);

//  Give octets to the thread; returns how many there was room for. If not all, the loop is woken when there is
//  room for a good part. After the thread closed its side: takes and drops everything.
size_t
fst_pipe_give (fst_pipe_t *self, const void *data, size_t bytes);

//  No more will be given: the thread reads what is there, and then the end.
void
fst_pipe_end (fst_pipe_t *self);

//  The loop leaves: reading and writing fail with FST_INTERRUPTED from now on.
void
fst_pipe_leave (fst_pipe_t *self);

//  Octets in it now.
size_t
fst_pipe_bytes (fst_pipe_t *self);

//  ---- The thread's side

//  Pass octets on as they are, without a copy: they stay as they are until release (arg) is called, by whichever side
//  is done with them. Waits while a pipe's worth of octets that were passed is not taken yet, so it holds that and one
//  more. A pipe that octets are passed through is not written to.
//      FST_INTERRUPTED     the loop left; the octets are the caller's still
typedef void (fst_pipe_release_fn) (void *arg);
fst_rc_t FST_CHECKED
fst_pipe_pass (fst_pipe_t *self, const void *data, size_t bytes, fst_pipe_release_fn *release, void *arg);

//  Read what is there. FST_OK with *got_p = 0 is the end.
//      FST_BUSY            nothing at the moment: fst_pipe_fd becomes readable
//      FST_INTERRUPTED     the loop left
fst_rc_t FST_CHECKED
fst_pipe_read (fst_pipe_t *self, void *data, size_t bytes, size_t *got_p);

//  Write all of it; waits for room as long as it takes.
//      FST_INTERRUPTED     the loop left
fst_rc_t FST_CHECKED
fst_pipe_write (fst_pipe_t *self, const void *data, size_t bytes);

//  Readable when it is worth to read again. Owned by the pipe.
int
fst_pipe_fd (const fst_pipe_t *self);

//  True if the loop left: nobody wants the result.
bool
fst_pipe_left (fst_pipe_t *self);

//  The thread is done with it: nothing more is read or written. Octets that are there can still be taken.
void
fst_pipe_close (fst_pipe_t *self);

//  The loop's side: the thread is done, and what it wrote was taken.
bool
fst_pipe_drained (fst_pipe_t *self);

#endif
