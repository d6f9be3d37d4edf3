//  Scopes: paths that a token is good for, each to read or to write (and read). For an actor they are all that it
//  may do with files; for a token that a person made for an application they are the most of what that person may.
//
//  As octets, in a token and in memory: 'r' or 'w', the path, NUL; and so on; in memory another NUL ends them.
//  Paths are absolute ("/" is everything). Pure.

#ifndef FST_SCOPES_H_INCLUDED
#define FST_SCOPES_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include "fst_error.h"

#define FST_SCOPES_MAX          16
#define FST_SCOPES_BYTES_MAX    1024    //  All of them in memory

typedef enum {
    FST_SCOPE_NONE,         //  As if it were not there
    FST_SCOPE_WAY,          //  A folder above a scope: it may be seen that it is there
    FST_SCOPE_READ,
    FST_SCOPE_WRITE
} fst_scope_t;

//  Add one. path is brought to its one absolute form.
//      FST_BAD_NAME    it is none, or relative
//      FST_TOO_MANY    they do not fit in a token
fst_rc_t FST_CHECKED
fst_scopes_add (char scopes [FST_SCOPES_BYTES_MAX], bool write, const char *path);

//  Octets without the NUL that ends them: what stands in a token.
size_t
fst_scopes_bytes (const char *scopes);

//  What stands in a token, into memory. False if it is nothing that fst_scopes_add makes.
bool
fst_scopes_decode (const void *data, size_t bytes, char scopes [FST_SCOPES_BYTES_MAX]);

//  What they allow at a path; "" is the root, too.
fst_scope_t
fst_scopes_at (const char *scopes, const char *path);

//  The most that they allow anywhere.
fst_scope_t
fst_scopes_most (const char *scopes);

//  The path of each, and whether it may be written: at is NULL to begin with; returns NULL after the last.
const char *
fst_scopes_next (const char *scopes, const char *at, bool *write_p);

//  The name of the entry of folder through which the scope with this path is reached, into name; false if the way to
//  it does not lead through folder.
bool
fst_scopes_step (const char *path, const char *folder, char *name, size_t size);

#endif
