//  The gate: the one ZAP handler of a process (ZeroMQ RFC 27), at inproc://zeromq.zap.01. Start it before
//  the first socket that binds. CZMQ's zauth is not used: it gives no User-Id to keys it lets in freely
//  and overflows its heap on large certificate metadata.
//
//      domain "client"       CURVE; any client key is let in; User-Id is "client"
//      domain "actor"        CURVE; only enrolled keys; User-Id is the role ("storage:node-1"); for an actor of one's own
//                            with its rights and the begin of its key ("actor:a offers:b key:rq:rM>}U?@")
//      domain "data:NODE"    PLAIN; the password is a ticket for that node; User-Id is the user's name
//
//  Everything else is refused and logged. ipc:// endpoints of domains "client" and "actor" use no mechanism
//  and are guarded by the mode of their folder instead (fst_socket).

#ifndef FST_GATE_H_INCLUDED
#define FST_GATE_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>
#include "fst_error.h"
#include "fst_proof.h"

typedef struct fst_gate fst_gate_t;

//  Starts the handler's thread. One per process; a second one is a bug and aborts.
fst_gate_t *
fst_gate_new (void);

//  Ends the thread. All sockets that bind with a domain must be closed before.
void
fst_gate_destroy (fst_gate_t **self_p);

//  Read the file of enrolled actors (public key -> role). When it has changed it is read again, at the next handshake of
//  an actor; calling this again does it now.
fst_rc_t FST_CHECKED
fst_gate_enrol (fst_gate_t *self, const char *filename, char **problem_p);

//  The last word of an actor's User-Id.
#define FST_GATE_KEY_WORD   " key:"
#define FST_GATE_KEY_CHARS  10

//  True if somebody enrolled has this User-Id now (or the gate reads no file of enrolled actors): for those who were let in
//  before. The file is looked at once a second at most. Any thread.
bool
fst_gate_knows (fst_gate_t *self, const char *user_id);

//  Let tickets of this node in at domain "data:NODE".
void
fst_gate_add_node (fst_gate_t *self, const char *node, const uint8_t node_key [FST_KEY_BYTES]);

#endif
