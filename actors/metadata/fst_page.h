//  A page of a list in columns of equal length (docs/adr/0007), which fits one message. Not for others than metadata.

#ifndef FST_PAGE_H_INCLUDED
#define FST_PAGE_H_INCLUDED

#include <jansson.h>
#include "fst_catalog.h"

#define FST_PAGE_BYTES_MAX (900 * 1024)     //  Of JSON, so that the reply fits FST_JSON_BYTES_MAX

typedef struct {
    size_t count, limit, bytes;
    bool more;                              //  It was full before the end
    bool one_owner;
    char owner [FST_USER_BYTES_MAX + 1];
    json_t *texts, *sizes, *times, *owners, *ids;
    char *kinds;
} fst_page_t;

void
fst_page_begin (fst_page_t *self, int64_t limit);

//  Add a row; a folder's size is not told. False if there is no room, and then more is set.
bool
fst_page_add (fst_page_t *self, const char *text, fst_entry_kind_t kind, int64_t size, int64_t time_ms, const char *owner,
              int64_t id);
bool
fst_page_add_entry (fst_page_t *self, const char *text, const fst_entry_t *entry);

//  The reply; with names for the columns that differ. Caller decrefs.
json_t *
fst_page_end (fst_page_t *self, const char *texts, const char *times, const char *owners);

//  Octets that a text takes in JSON, at most.
size_t
fst_page_text_bytes (const char *text);

#endif
