//  For services that a test plays and whose requests it counts: callers that were connected anew send again what is under
//  way, so a busy machine makes of one request two of the same id.

#ifndef SEEN_H_INCLUDED
#define SEEN_H_INCLUDED

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "fst_actor.h"

#define SEEN_MAX 256

typedef struct {
    char ids [SEEN_MAX] [64];
    size_t count;
} seen_t;

//  Whether a request of this id came before.
static inline bool
seen_before (seen_t *self, const fst_request_t *request)
{
    const char *id = fst_request_id (request);
    for (size_t at = 0; at < SEEN_MAX; at++)
        if (strcmp (self->ids [at], id) == 0)
            return true;
    snprintf (self->ids [self->count++ % SEEN_MAX], sizeof (self->ids [0]), "%s", id);
    return false;
}

#endif
