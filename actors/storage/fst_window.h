//  Credit: how many octets each peer, and all peers together, may have under way at a node. What goes beyond
//  is refused with FST_BUSY at once, so that memory is bounded and nobody's upload starves the others.
//
//  Pure; belongs to one thread. Octets are those of plain text (a record has 80 more), so that a client that
//  counts its chunks may fill a window exactly. How many requests wait is bounded by the pools.

#ifndef FST_WINDOW_H_INCLUDED
#define FST_WINDOW_H_INCLUDED

#include <stddef.h>
#include <stdint.h>
#include "fst_error.h"

typedef struct fst_window fst_window_t;

fst_window_t *
fst_window_new (int64_t peer_bytes, int64_t all_bytes);

void
fst_window_destroy (fst_window_t **self_p);

//  Take credit for bytes (at least 1) of peer. Someone who has nothing under way always gets it, whatever the
//  size of the message, as it could never be sent otherwise; but all_bytes holds for everyone.
//      FST_BUSY        try again when a reply has come
//      FST_TOO_LARGE   it can never be granted
fst_rc_t FST_CHECKED
fst_window_take (fst_window_t *self, uint64_t peer, int64_t bytes);

//  Give back what was taken.
void
fst_window_give (fst_window_t *self, uint64_t peer, int64_t bytes);

//  Octets under way now, peers that have some, and the share of all_bytes in percent.
int64_t
fst_window_used (const fst_window_t *self);
size_t
fst_window_peers (const fst_window_t *self);
int
fst_window_load (const fst_window_t *self);

#endif
