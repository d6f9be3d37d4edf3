//  What a GET is answered: conditions and ranges of RFC 9110, sections 13 and 14. Pure.
//
//  Decided where the RFC leaves it open: a range of octets that does not parse, and several ranges, are refused (416),
//  for answering them with the whole file can cost a client terabytes; units that are not known are ignored (the RFC
//  demands it). A time in If-Modified-Since must be exactly the file's: content may be replaced by older one.

#ifndef FST_RANGE_H_INCLUDED
#define FST_RANGE_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

//  The headers; NULL for those that are absent.
typedef struct {
    const char *if_match, *if_none_match, *if_modified_since, *if_unmodified_since, *if_range, *range;
} fst_conditions_t;

//  The answer: 200, 206, 304, 412 or 416; and the part that is wanted with 200 and 206.
typedef struct {
    int status;
    int64_t offset, length;
} fst_range_t;

//  etag is a strong one, in its quotes.
fst_range_t
fst_range_decide (const fst_conditions_t *conditions, const char *etag, int64_t modified_ms, int64_t size);

//  The Range header alone: 200, 206 or 416.
fst_range_t
fst_range_parse (const char *range, int64_t size);

//  True if a list of entity tags ("*" too) has this one. strong: those marked weak do not count.
bool
fst_etag_listed (const char *list, const char *etag, bool strong);

#define FST_ETAG_MAX 48

//  "ID.VERSION", in quotes; an id never comes again, nor a version of it.
void
fst_etag_make (int64_t id, int64_t version, char etag [FST_ETAG_MAX]);

#define FST_HTTP_DATE_MAX 32

//  "Sun, 06 Nov 1994 08:49:37 GMT", and back; -1 if it is none.
void
fst_http_date (int64_t time_ms, char text [FST_HTTP_DATE_MAX]);
int64_t
fst_http_date_parse (const char *text);

#endif
