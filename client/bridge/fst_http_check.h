//  What of a request's head is believed. libmicrohttpd's parser takes much that others read differently; where two
//  readers differ, one request can be smuggled in another. So each head is looked at once more, and what is
//  not plainly one thing is refused. Pure: what comes in is octets from strangers.

#ifndef FST_HTTP_CHECK_H_INCLUDED
#define FST_HTTP_CHECK_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FST_HTTP_FIELDS_MAX     100         //  Headers of a request
#define FST_HTTP_QUERY_MAX      300         //  Fields of a query
#define FST_HTTP_HEAD_BYTES_MAX (32 * 1024)
#define FST_HTTP_URI_BYTES_MAX  (16 * 1024) //  A path of 4,096 octets with every octet escaped fits

typedef struct {
    const char *name, *value;
    size_t name_bytes, value_bytes;
} fst_http_field_t;

//  What the head says about itself.
typedef struct {
    int64_t body_bytes;         //  0 = no body, -1 = chunked
} fst_http_head_t;

//  NULL if the head is fine, else a sentence that says what is wrong; *status_p is then 400, 431 or 505.
const char *
fst_http_check_head (const char *method, const char *version, const fst_http_field_t *fields, size_t count,
                     fst_http_head_t *head, int *status_p);

//  A query, decoded: names and values in their order.
typedef struct {
    char *text;                 //  Owned; the rest points into it
    const char *names [FST_HTTP_QUERY_MAX];
    const char *values [FST_HTTP_QUERY_MAX];
    size_t count;
} fst_http_query_t;

//  Take a request's target apart ("/a%20b?x=1", or with http://host before it). NULL if it is fine, else a sentence. *path_p
//  (caller frees) is the decoded path: begins with '/', valid UTF-8, no control octets, no empty part but the
//  last, no "." or "..", no escaped slash.
const char *
fst_http_check_target (const char *target, char **path_p, fst_http_query_t *query);

void
fst_http_query_clear (fst_http_query_t *query);

//  The value of a cookie in a Cookie header; NULL if it is not there exactly once. Not terminated: *bytes_p.
const char *
fst_http_cookie (const char *header, const char *name, size_t *bytes_p);

//  True if a header's value names this media type, with or without parameters ("application/json; charset=utf-8").
bool
fst_http_is_type (const char *value, const char *type);

//  True if an Origin header's value is the site that Host names.
bool
fst_http_is_own_origin (const char *origin, const char *host, bool secure);

//  True if no stranger's name server can have given this Host header's name: an address, localhost, *.localhost, or a name
//  without a dot.
bool
fst_http_is_sure_host (const char *host);

//  True if it may stand in an answer's header: no control octets.
bool
fst_http_value_valid (const char *value);

#endif
