//  Buffers for records: a bounded pool, so that the memory of a client does not depend on the size of a file.
//
//  A buffer is filled and encrypted in place, then sent from where it lies: messages made from it share its
//  octets, and it goes back to the pool when the last of them is closed, by whichever thread does that
//  (libzmq's I/O thread, as a rule). Taking is for one thread.

#ifndef FST_BUFFERS_H_INCLUDED
#define FST_BUFFERS_H_INCLUDED

#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

typedef struct fst_buffers fst_buffers_t;

typedef struct fst_buffer fst_buffer_t;

//  At most bytes_max octets in all buffers together; but one buffer is always granted.
fst_buffers_t *
fst_buffers_new (size_t bytes_max);

//  Buffers that messages still hold are freed when these are closed.
void
fst_buffers_destroy (fst_buffers_t **self_p);

//  NULL if the bound is reached; fst_buffers_fd then becomes readable when one comes back.
fst_buffer_t *
fst_buffers_take (fst_buffers_t *self, size_t bytes);

//  Readable when a buffer came back after a take that failed; poll it next to the sockets.
int
fst_buffers_fd (const fst_buffers_t *self);

//  Make the descriptor quiet again.
void
fst_buffers_heard (fst_buffers_t *self);

uint8_t *
fst_buffer_data (fst_buffer_t *self);

//  A message over part of the buffer, which must not be changed from then on. Holds the buffer.
void
fst_buffer_message (fst_buffer_t *self, size_t offset, size_t bytes, zmq_msg_t *message);

//  Give up the hold that take gave.
void
fst_buffer_drop (fst_buffer_t **self_p);

#endif
