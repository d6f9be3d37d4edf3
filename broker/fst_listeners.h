//  Who subscribes to events, so that whoever was put out can be cut off. libzmq ends no single connection, but says by which
//  file descriptor a subscription came; the connection is shut down there, as if the peer had gone. It may come back as far as
//  the gate lets it.

#ifndef FST_LISTENERS_H_INCLUDED
#define FST_LISTENERS_H_INCLUDED

#include <czmq.h>
#include <stdbool.h>

typedef struct fst_listeners fst_listeners_t;

fst_listeners_t *
fst_listeners_new (void);

void
fst_listeners_destroy (fst_listeners_t **self_p);

//  A subscription came from somebody whom the gate knows; frame has libzmq's properties of the connection.
void
fst_listeners_heard (fst_listeners_t *self, const char *user_id, zframe_t *frame);

//  Cut off those that are out.
void
fst_listeners_cut (fst_listeners_t *self, bool (*is_out) (void *arg, const char *user_id), void *arg);

#endif
