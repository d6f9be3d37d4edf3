//  What the files of the HTTP server share. Internal to them.

#ifndef FST_HTTP_SELF_H_INCLUDED
#define FST_HTTP_SELF_H_INCLUDED

#include <czmq.h>
#include <microhttpd.h>
#include "fst_http.h"
#include "fst_http_check.h"
#include "fst_trace.h"

#define FST_HTTP_TABLES_MAX     16
#define FST_HTTP_SET_MAX        24          //  Headers that a handler may add
#define FST_HTTP_WINDOW_BYTES   (16 * 1024) //  What a client must move within slow_ms
#define FST_HTTP_DROP_MAX       (8 * 1024 * 1024)   //  Of a body that nobody wants any more
#define FST_HTTP_PIECE_BYTES    (512 * 1024)        //  Of an answer's body: each takes a turn of the loop
#define FST_HTTP_OPEN_BYTES     (128 * 1024)        //  The same, of one whose length is not known

//  A connection, for what libmicrohttpd does not watch.
typedef struct {
    struct MHD_Connection *connection;
    fst_http_request_t *request;            //  Under way, or NULL
    int64_t idle_ms;                        //  Since when there is none
    uint64_t received;                      //  Octets that the client had received when it was last asked
} fst_http_link_t;

typedef struct { const fst_http_route_t *routes; void *self; } fst_http_table_t;

struct fst_http {
    fst_actor_t *actor;
    fst_http_options_t options;
    struct MHD_Daemon *daemon;
    int listener;
    unsigned port;
    bool due;                               //  Something was resumed, or is readable
    bool ending;
    zlistx_t *links;
    int64_t sweep_ms;                       //  When deadlines are looked at next
    int64_t timeout_ms;                     //  When libmicrohttpd wants to run next
    fst_http_table_t tables [FST_HTTP_TABLES_MAX];
    size_t tables_count;
    fst_http_counts_t counts;
};

//  What a request waits for, if its connection is suspended.
typedef enum { FST_HTTP_RUNS, FST_HTTP_WAITS_BODY, FST_HTTP_WAITS_ANSWER, FST_HTTP_WAITS_PIECE } fst_http_wait_t;

struct fst_http_request {
    fst_http_t *http;                       //  NULL once it is gone
    struct MHD_Connection *connection;
    fst_http_link_t *link;
    unsigned holds;
    int64_t start_ms;
    char id [FST_TRACE_ID_BYTES];           //  Leads through all actors; the client's own, or made here

    //  What is asked
    char *target;                           //  As it came
    char *path;
    fst_http_query_t query;
    char *method;
    bool head;
    char *peer;
    int64_t body_bytes;
    const fst_http_route_t *route;          //  NULL: answered without one
    void *route_self;
    char *token;
    fst_claims_t claims;
    bool began, body_done;
    bool held_back;                         //  The client waits to be told that its body is welcome

    //  Its body
    fst_http_take_fn *take;
    void *take_arg;
    char *gathered;                         //  Of an FST_HTTP_JSON route
    size_t gathered_bytes, gathered_size;
    size_t dropped;
    json_t *json;

    //  Its answer
    struct { char *name, *value; } set [FST_HTTP_SET_MAX];
    size_t set_count;
    bool answered;                          //  There is an answer; it may not be on its way yet
    bool queued;
    int status;
    struct MHD_Response *response;
    fst_http_read_fn *read;
    void *read_arg;
    bool cut;                               //  Nothing good can come any more

    //  Waiting
    fst_http_wait_t waits;
    bool woken;                             //  Resumed before it was suspended
    int64_t waits_ms, patience_ms;
    int64_t window_ms;                      //  Since when the client is the one to move
    size_t window_bytes;

    fst_http_ended_fn *ended;
    void *ended_arg;
};

//  fst_http_request.c
fst_http_request_t *
fst_http_request_new (fst_http_t *http, struct MHD_Connection *connection, const char *target);

//  The connection takes part in nothing until fst_http_resume.
void
fst_http_wait (fst_http_request_t *self, fst_http_wait_t waits);

//  The client left or the answer is out: tell who wants to know, and forget the connection.
void
fst_http_request_end (fst_http_request_t *self);

//  fst_http_answer.c: put the answer on its way; false if libmicrohttpd does not take it now.
bool
fst_http_queue (fst_http_request_t *self);

//  The client moved so much; or it is not its turn.
void
fst_http_moved (fst_http_request_t *self, size_t bytes);

#endif
