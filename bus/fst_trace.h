//  Which request this thread is working on: so that its id is in each line of the log about it, and begins the ids
//  of the calls that are made on its behalf. One id, made at the door, leads to the storage node's disk.
//
//  A trace is the part of an id before its first dot, at most FST_TRACE_BYTES_MAX octets. The actor loop sets it around
//  handlers and answers of calls; what goes on another thread takes it along.

#ifndef FST_TRACE_H_INCLUDED
#define FST_TRACE_H_INCLUDED

#include <stddef.h>

#define FST_TRACE_BYTES_MAX 36      //  A UUID as people write it
#define FST_TRACE_ID_BYTES  65      //  Of an envelope's id, and a NUL

//  From now on this thread works on the request with that id; NULL or "": on none.
void
fst_trace_begin (const char *id);

//  "" if it works on none. Borrowed until the next begin; printable, without spaces.
const char *
fst_trace_now (void);

//  An id for a call: never used before, and of this trace.
void
fst_trace_id (char id [FST_TRACE_ID_BYTES]);

#endif
