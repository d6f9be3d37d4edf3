//  The id of a message that looks like our envelope, even if it is not one in the end: so that whoever sent
//  it gets an answer that it can tell apart. The broker passes any body, and must not parse a large one
//  only because it may have to answer for a service that is gone. Pure.

#ifndef FST_PEEK_H_INCLUDED
#define FST_PEEK_H_INCLUDED

#include <stddef.h>

#define FST_PEEK_ID_BYTES 65        //  The longest id, and a NUL

//  id takes FST_PEEK_ID_BYTES and is "" if there is none.
void
fst_peek_id (const void *data, size_t bytes, char *id);

#endif
