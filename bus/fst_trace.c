//  Which request a thread is working on.

#include "fst_trace.h"
#include <stdio.h>
#include <string.h>
#include "fst_text.h"

#define UNIQUE_BYTES 16             //  Hex digits behind the dot

static _Thread_local char s_trace [FST_TRACE_BYTES_MAX + 1];

void
fst_trace_begin (const char *id)
{
    size_t at = 0;
    for (; id && id [at] && id [at] != '.' && at < FST_TRACE_BYTES_MAX; at++)
        s_trace [at] = id [at] > ' ' && id [at] <= '~' && id [at] != '"'? id [at]: '?';
    s_trace [at] = 0;
}

const char *
fst_trace_now (void)
{
    return s_trace;
}

void
fst_trace_id (char id [FST_TRACE_ID_BYTES])
{
    char unique [FST_ID_TEXT_BYTES + 1];
    fst_id_new (unique);
    if (*s_trace)
        snprintf (id, FST_TRACE_ID_BYTES, "%s.%.*s", s_trace, UNIQUE_BYTES, unique);
    else
        snprintf (id, FST_TRACE_ID_BYTES, "%s", unique);
}
