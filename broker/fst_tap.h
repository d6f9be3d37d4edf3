//  What passes the broker, for an admin who looks: the head of each request, who asked, how long it waited for a
//  worker, how long the worker had it, and how it was answered.
//
//  Kept only while somebody looks (FST_TAP_OPEN_MS after each time), the last FST_TAP_ROWS. Of the payload a line is
//  kept in which values that may be secret (by the names of their fields) are "***", and long ones are cut; of the
//  token nothing. The router calls this; all of it is for one thread.

#ifndef FST_TAP_H_INCLUDED
#define FST_TAP_H_INCLUDED

#include <czmq.h>
#include <jansson.h>

#define FST_TAP_OPEN_MS     10000
#define FST_TAP_ROWS        2048
#define FST_TAP_PAGE        256         //  Rows in one answer
#define FST_TAP_PAYLOAD     400         //  Octets of the line

typedef struct fst_tap fst_tap_t;
typedef struct fst_tapped fst_tapped_t;         //  A request under way

//  wall_ms and mono_us are clocks; sign_public, copied, tells whose a token is (NULL: that is not told).
fst_tap_t *
fst_tap_new (int64_t (*wall_ms) (void), int64_t (*mono_us) (void), const uint8_t *sign_public);

void
fst_tap_destroy (fst_tap_t **self_p);

//  ---- For the router

//  A request came. NULL while nobody looks.
fst_tapped_t *
fst_tap_came (fst_tap_t *self, const char *service, zmsg_t *body);

//  It was answered with this body, for good, after it had waited for a worker and the worker had had it. *request_p may be NULL.
void
fst_tap_answered (fst_tap_t *self, fst_tapped_t **request_p, zmsg_t *body, int64_t waited_us, int64_t worked_us);

//  It ends without an answer.
void
fst_tap_forget (fst_tapped_t **request_p);

//  ---- For who looks

//  The reply of TAP: rows after since (-1: none, only where things stand) in whose service, command, id or user the
//  filter is contained; and keep them coming.
json_t *
fst_tap_look (fst_tap_t *self, const char *filter, int64_t since);

#endif
