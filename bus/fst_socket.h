//  Sockets made the one way that does not lose, block or let strangers in: MAXMSGSIZE, HWM,
//  ROUTER_MANDATORY with SNDTIMEO 0, IMMEDIATE and LINGER 0 on callers, HANDSHAKE_IVL, keep-alive, no ZMTP
//  heartbeats, no identities, CURVE or PLAIN with ZAP_ENFORCE_DOMAIN on every TCP port.
//
//  An endpoint that begins with ipc:// or inproc:// in domain client or actor uses no mechanism; its folder
//  must be 0700 (checked at bind). Data ports always use PLAIN, but within a process (fst_socket_share).
//
//  All sockets have SNDTIMEO and RCVTIMEO 0: nothing on them ever blocks.

#ifndef FST_SOCKET_H_INCLUDED
#define FST_SOCKET_H_INCLUDED

#include <czmq.h>
#include "fst_error.h"
#include "fst_keys.h"

//  Bind a socket of type (ZMQ_ROUTER, ZMQ_XPUB, ZMQ_XSUB) at endpoint ("tcp://127.0.0.1:*" takes any port) in a
//  domain of the gate: "client", "actor" or "data:NODE". keys gives the server's CURVE pair.
//  zsock_endpoint (socket) is the real endpoint.
//      FST_EXISTS   the address is in use      FST_IO   anything else; *problem_p says what; caller frees
fst_rc_t FST_CHECKED
fst_socket_bind (int type, const char *endpoint, const char *domain, const fst_keys_t *keys,
                 zsock_t **socket_p, char **problem_p);

//  Connect a socket of type (ZMQ_DEALER, ZMQ_PUB, ZMQ_SUB) to endpoint. On tcp:// with keys->server_key it
//  uses CURVE with keys' pair, or with a fresh pair when keys has none. At each new connection a DEALER sends
//  an empty message, which our broker gives back: whoever gets one knows that it was connected anew.
//      FST_MALFORMED   no such kind of endpoint, or tcp:// without a server key
fst_rc_t FST_CHECKED
fst_socket_connect (int type, const char *endpoint, const fst_keys_t *keys, zsock_t **socket_p);

//  Connect a DEALER to a node's data port with a ticket.
fst_rc_t FST_CHECKED
fst_socket_connect_data (const char *endpoint, const char *user, const char *ticket, zsock_t **socket_p);

//  For a process whose parts live and die together, before its first socket: clients in it reach its data ports on ipc://
//  without a way through the kernel, and their records change hands without a copy. Such a connection needs no ticket, and
//  none is looked at: it cannot come from elsewhere. Capabilities are checked as always. Nodes among each other do
//  not use it, for a node wants to know who is one.
void
fst_socket_share (void);

//  Send a whole message without blocking. Takes the message in every case.
//      FST_BUSY          the peer's queue is full       FST_UNREACHABLE   no such peer any more
fst_rc_t FST_CHECKED
fst_socket_send (zsock_t *socket, zmsg_t **message_p);

//  Same, but the message stays the caller's unless it was sent (FST_OK; *message_p is NULL then).
fst_rc_t FST_CHECKED
fst_socket_try (zsock_t *socket, zmsg_t **message_p);

//  Receive without blocking; NULL if there is none, or it had more than FST_FRAMES_MAX frames (then dropped).
//  user_id (may be NULL; size octets) gets the User-Id that the gate gave the peer, "" if none; it is read
//  from the last frame, where libzmq 4.3.4 keeps it.
zmsg_t *
fst_socket_recv (zsock_t *socket, char *user_id, size_t size);

#endif
