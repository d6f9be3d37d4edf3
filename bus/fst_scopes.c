//  Paths that a token is good for.

#include "fst_scopes.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_text.h"

#define READ  'r'
#define WRITE 'w'

fst_rc_t
fst_scopes_add (char scopes [FST_SCOPES_BYTES_MAX], bool write, const char *path)
{
    assert (scopes);
    char *normal = NULL;
    fst_rc_t rc = fst_path_normal (path, NULL, &normal);
    if (rc != FST_OK)
        return rc;
    size_t used = fst_scopes_bytes (scopes), bytes = strlen (normal), count = 0;
    bool writes;
    for (const char *at = NULL; (at = fst_scopes_next (scopes, at, &writes)); )
        count++;
    if (count == FST_SCOPES_MAX || used + 1 + bytes + 1 + 1 > FST_SCOPES_BYTES_MAX)
        rc = FST_TOO_MANY;
    else {
        scopes [used] = write? WRITE: READ;
        memcpy (scopes + used + 1, normal, bytes + 1);
        scopes [used + 1 + bytes + 1] = 0;
    }
    free (normal);
    return rc;
}

size_t
fst_scopes_bytes (const char *scopes)
{
    assert (scopes);
    const char *at = scopes;
    while (*at)
        at += strlen (at) + 1;
    return (size_t) (at - scopes);
}

bool
fst_scopes_decode (const void *data, size_t bytes, char scopes [FST_SCOPES_BYTES_MAX])
{
    assert (data && scopes);
    const char *text = data, *end = text + bytes;
    if (bytes > FST_SCOPES_BYTES_MAX - 1 || (bytes && end [-1]))
        return false;
    scopes [0] = 0;
    for (; text < end; text += strlen (text) + 1)
        if ((*text != READ && *text != WRITE)
        ||  !fst_path_valid (text + 1)
        ||  fst_scopes_add (scopes, *text == WRITE, text + 1) != FST_OK)
            return false;
    return true;
}

const char *
fst_scopes_next (const char *scopes, const char *at, bool *write_p)
{
    assert (scopes);
    const char *next = at? at + strlen (at) + 1: scopes;
    *write_p = *next == WRITE;
    return *next? next + 1: NULL;
}

//  path is folder, or below it.
static bool
s_is_within (const char *path, const char *folder)
{
    size_t bytes = strcmp (folder, "/") == 0? 0: strlen (folder);
    return strncmp (path, folder, bytes) == 0 && (path [bytes] == '/' || path [bytes] == 0);
}

fst_scope_t
fst_scopes_at (const char *scopes, const char *path)
{
    fst_scope_t most = FST_SCOPE_NONE;
    bool write;
    for (const char *scope = NULL; (scope = fst_scopes_next (scopes, scope, &write)); ) {
        fst_scope_t here = s_is_within (path, scope)? (write? FST_SCOPE_WRITE: FST_SCOPE_READ):
                           s_is_within (scope, path)? FST_SCOPE_WAY: FST_SCOPE_NONE;
        if (here > most)
            most = here;
    }
    return most;
}

fst_scope_t
fst_scopes_most (const char *scopes)
{
    fst_scope_t most = FST_SCOPE_NONE;
    bool write;
    for (const char *scope = NULL; (scope = fst_scopes_next (scopes, scope, &write)); )
        if (most < (write? FST_SCOPE_WRITE: FST_SCOPE_READ))
            most = write? FST_SCOPE_WRITE: FST_SCOPE_READ;
    return most;
}

bool
fst_scopes_step (const char *path, const char *folder, char *name, size_t size)
{
    size_t bytes = strcmp (folder, "/") == 0? 0: strlen (folder);
    if (!s_is_within (path, folder) || path [bytes] != '/' || !path [bytes + 1])
        return false;
    int length = snprintf (name, size, "%.*s", (int) strcspn (path + bytes + 1, "/"), path + bytes + 1);
    assert (length > 0 && (size_t) length < size);
    return true;
}
