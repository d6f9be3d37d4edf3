//  The HTTP server inside the bridge's loop: libmicrohttpd without threads of its own, its epoll descriptor
//  beside the bus's sockets. Everything here is for the actor's thread.
//
//      static const fst_http_route_t s_routes [] = {
//          { "GET",  "/api/v1/session", FST_HTTP_OPEN, s_get },
//          { "POST", "/api/v1/session", FST_HTTP_OPEN | FST_HTTP_JSON, s_post },
//          { "PUT",  "/api/v1/files/",  FST_HTTP_STREAM, s_put },      //  Everything below it
//          { NULL }
//      };
//      fst_http_add_routes (http, s_routes, self);
//
//      static void
//      s_post (void *self, fst_http_request_t *request)
//      {
//          const char *name = json_string_value (json_object_get (fst_http_json (request), "name"));
//          fst_http_reply_json (request, 200, json_pack ("{s:s}", "user", name));
//      }
//
//  A handler answers at once or later. Who keeps a request for later holds it (fst_http_hold), answers, and
//  releases it; the client may have left meanwhile, then answers go nowhere. A request that is not answered in
//  time is answered 504 by the server (fst_http_set_patience).
//
//  Before a handler runs: the header was checked (fst_http_check.h), path and query were decoded, the session was
//  looked at, and for FST_HTTP_JSON the body was read and parsed. A HEAD request looks like its GET.

#ifndef FST_HTTP_H_INCLUDED
#define FST_HTTP_H_INCLUDED

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "fst_actor.h"
#include "fst_error.h"
#include "fst_http_check.h"
#include "fst_token.h"

typedef struct fst_http fst_http_t;
typedef struct fst_http_request fst_http_request_t;

typedef void (fst_http_handler_fn) (void *self, fst_http_request_t *request);

enum {
    FST_HTTP_OPEN   = 1,        //  Without a session too (fst_http_claims may be NULL); else 401
    FST_HTTP_JSON   = 2,        //  The body is one JSON value; Content-Type must say so
    FST_HTTP_STREAM = 4,        //  Handle at once, before the body, which the handler takes by fst_http_receive
    FST_HTTP_QUIET  = 8         //  Its duration says nothing (long streams of events)
};

typedef struct {
    const char *method;         //  NULL ends the table
    const char *path;           //  One that ends in '/' takes everything below it too; the longest one wins
    unsigned flags;
    fst_http_handler_fn *handle;
} fst_http_route_t;

//  Find out who asks: set the session of a request that has a good one (fst_http_set_session); FST_OK without one too.
//  FST_UNAUTHENTICATED and FST_EXPIRED refuse it where a session is needed, other errors always (a request from another
//  site that would change something).
typedef fst_rc_t (fst_http_admit_fn) (void *self, fst_http_request_t *request, const char **problem_p);

typedef struct {
    const char *address;            //  HOST:PORT to listen on; port 0 takes any (fst_http_port)
    const char *certificate, *key;  //  PEM files, or NULL: no TLS
    unsigned connections_max;       //  In all
    unsigned address_max;           //  From one address; 0: no limit (all come from one proxy)
    int64_t idle_ms;                //  A connection without a whole request for so long is closed
    int64_t slow_ms;                //  A client that moves less than 16 KiB within it is cut off
    size_t json_max;                //  Octets of a JSON body; 413 beyond
    bool trust_proxy;               //  X-Forwarded-For, -Proto are believed
    fst_http_admit_fn *admit;       //  May be NULL
    void *admit_self;
} fst_http_options_t;

//  Listen. options is copied, what it points at is borrowed until the end.
//      FST_MALFORMED   the address or a certificate       FST_EXISTS   the address is in use       FST_IO
fst_rc_t FST_CHECKED
fst_http_new (fst_actor_t *actor, const fst_http_options_t *options, fst_http_t **self_p, char **problem_p);

//  Requests under way are cut off; those that are held stay valid, and dead, until they are released.
void
fst_http_destroy (fst_http_t **self_p);

//  routes and self are borrowed until the end. A route that is there already wins over a later one.
void
fst_http_add_routes (fst_http_t *self, const fst_http_route_t *routes, void *routes_self);

//  What the actor's flush and tick call: let the server work; deadlines. Returns when tick is wanted next.
void
fst_http_flush (fst_http_t *self);
int64_t
fst_http_tick (fst_http_t *self, int64_t now_ms);

//  Where it really listens.
unsigned
fst_http_port (const fst_http_t *self);

//  ---- What is asked

//  "GET", "PUT", ..; a HEAD request is a "GET" with fst_http_is_head.
const char *
fst_http_method (const fst_http_request_t *self);
bool
fst_http_is_head (const fst_http_request_t *self);

//  The path, decoded: valid UTF-8 without control octets, empty parts, "." or "..". And what of it is behind the
//  route's path ("users/alice/x" for PUT /api/v1/files/users/alice/x).
const char *
fst_http_path (const fst_http_request_t *self);
const char *
fst_http_tail (const fst_http_request_t *self);

//  The query, decoded: the first value with that name, or NULL; its fields in their order, NULL past the last; all
//  of it.
const char *
fst_http_query (const fst_http_request_t *self, const char *name);
size_t
fst_http_query_count (const fst_http_request_t *self);
const char *
fst_http_query_at (const fst_http_request_t *self, size_t index, const char **value_p);

const fst_http_query_t *
fst_http_query_fields (const fst_http_request_t *self);

//  The route that it took.
const fst_http_route_t *
fst_http_route (const fst_http_request_t *self);

//  A header; NULL if there is none. Names take any case.
const char *
fst_http_header (const fst_http_request_t *self, const char *name);

//  Announced octets of the body; 0 for none, -1 if only its end will tell (chunked).
int64_t
fst_http_body_bytes (const fst_http_request_t *self);

//  It waits for "100 Continue" before it sends its body: that is said when the handler calls fst_http_receive, so one that
//  looks at things first can refuse in time.
bool
fst_http_expects (const fst_http_request_t *self);

//  The body of an FST_HTTP_JSON route, an object. Borrowed.
json_t *
fst_http_json (const fst_http_request_t *self);

//  The client's address as text; with a trusted proxy the one that the proxy names.
const char *
fst_http_peer (const fst_http_request_t *self);

//  It came from this machine.
bool
fst_http_is_local (const fst_http_request_t *self);

//  It came over TLS, here or at a trusted proxy.
bool
fst_http_secure (const fst_http_request_t *self);

//  Who asks, and the token to call services with; NULL if there is no session. Borrowed.
const fst_claims_t *
fst_http_claims (const fst_http_request_t *self);
const char *
fst_http_token (const fst_http_request_t *self);
void
fst_http_set_session (fst_http_request_t *self, const char *token, const fst_claims_t *claims);

//  ---- Keeping a request

//  Keep the object until it is released as often as it was held.
fst_http_request_t *
fst_http_hold (fst_http_request_t *self);
void
fst_http_release (fst_http_request_t **self_p);

//  The client left, or the answer was sent to its end; answers go nowhere any more.
bool
fst_http_gone (const fst_http_request_t *self);

//  Call ended once, when that happens (to stop work that nobody waits for). NULL for none.
typedef void (fst_http_ended_fn) (void *arg, fst_http_request_t *self);
void
fst_http_on_end (fst_http_request_t *self, fst_http_ended_fn *ended, void *arg);

//  How long the request may wait for us at a stretch: an answer, room for its body, the next piece of the
//  answer's body. After that it is answered 504, or cut off if its answer has begun. 75 s; 0 = for ever.
void
fst_http_set_patience (fst_http_request_t *self, int64_t patience_ms);

//  ---- Taking a body (FST_HTTP_STREAM)

//  take is called with each piece, as soon as the handler has returned. It returns how many octets it took: fewer
//  than bytes (also 0) stops the client until fst_http_resume; the rest is offered again then. data NULL is
//  the end of the body. After an answer was given, what comes is dropped (a bounded amount, then the client is cut off).
typedef size_t (fst_http_take_fn) (void *arg, fst_http_request_t *self, const void *data, size_t bytes);
void
fst_http_receive (fst_http_request_t *self, fst_http_take_fn *take, void *arg);

//  There is room for the body, or more of the answer: take or read is called again soon. Nothing happens if it did
//  not wait.
void
fst_http_resume (fst_http_request_t *self);

//  ---- Answering: once; a second answer is dropped

//  Add a header to the answer to come. Values with octets that no header may have are dropped.
void
fst_http_set_header (fst_http_request_t *self, const char *name, const char *value);
void
fst_http_set_headerf (fst_http_request_t *self, const char *name, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

//  body is taken (NULL means {}). Says Cache-Control: no-store unless the header was set.
void
fst_http_reply_json (fst_http_request_t *self, int status, json_t *body);

//  data is copied, or must live for ever (a part of the program).
void
fst_http_reply_data (fst_http_request_t *self, int status, const char *type, const void *data, size_t bytes);
void
fst_http_reply_static (fst_http_request_t *self, int status, const char *type, const void *data, size_t bytes);

//  Without a body: 204, 304, .. . For the answer to HEAD that has a Content-Length use fst_http_reply_stream.
void
fst_http_reply_empty (fst_http_request_t *self, int status);

//  {"code":"not_found","message":".."} with the status of the one list. format may be NULL: the list's own text.
void
fst_http_fail (fst_http_request_t *self, fst_rc_t rc, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

//  The same with a status of HTTP's own (412, 416, 405, ..).
void
fst_http_refuse (fst_http_request_t *self, int status, const char *code, const char *format, ...)
    __attribute__ ((format (printf, 4, 5)));

//  A body from read: fills data with at most bytes octets and returns how many; 0 = nothing yet, call
//  fst_http_resume when there is; FST_HTTP_END; FST_HTTP_CUT: it failed, and the client must notice (the
//  connection is cut). bytes is the whole length, -1 if only the end will tell. read is never called for HEAD, nor
//  after the request is gone (fst_http_on_end says so; free what arg is there).
#define FST_HTTP_END ((ssize_t) -1)
#define FST_HTTP_CUT ((ssize_t) -2)
typedef ssize_t (fst_http_read_fn) (void *arg, void *data, size_t bytes);
void
fst_http_reply_stream (fst_http_request_t *self, int status, const char *type, int64_t bytes,
                       fst_http_read_fn *read, void *arg);

//  ---- Counters, for /metrics and the history

#define FST_HTTP_BUCKETS 12         //  Of durations; the last takes the rest
extern const double fst_http_bucket_seconds [FST_HTTP_BUCKETS - 1];

typedef struct {
    uint64_t codes [600];           //  Answers, by status
    uint64_t bytes_in, bytes_out;   //  Of bodies
    uint64_t buckets [FST_HTTP_BUCKETS];
    double seconds;                 //  Sum of durations
    unsigned connections;           //  Open now
    unsigned requests;              //  Under way now
    uint64_t refused;               //  By the check of the header
    uint64_t cut;                   //  For being slow, or late
} fst_http_counts_t;

const fst_http_counts_t *
fst_http_counts (const fst_http_t *self);

#endif
