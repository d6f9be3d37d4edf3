//  How a node's disk is: what metadata is told, and what the node still does. Pure.
//
//      ok          all
//      full        less than the reserve is free: no new data
//      read-only   the file system does not take writes: nothing is written, reads go on. May become ok again
//      failing     it could not write, or not read several extents: no new data, and metadata copies what is here to
//                  others. Until the process is started again

#ifndef FST_HEALTH_H_INCLUDED
#define FST_HEALTH_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>
#include "fst_extents.h"

#define FST_HEALTH_ERRORS_MAX 3     //  Different extents that could not be read

typedef struct {
    bool full, read_only, failing;
    fst_extent_id_t unread [FST_HEALTH_ERRORS_MAX];
    unsigned unread_count;
} fst_health_t;

//  As last seen. True if what is said changes by it.
bool
fst_health_see (fst_health_t *self, bool full, bool read_only);

//  An extent could not be read, or something not be written. True if what is said changes by it.
bool
fst_health_unread (fst_health_t *self, const fst_extent_id_t *id);
bool
fst_health_unwritten (fst_health_t *self);

//  Takes it new data? (Only if it is ok.) Can it write at all?
bool
fst_health_takes (const fst_health_t *self);
bool
fst_health_writes (const fst_health_t *self);

//  The word for it.
const char *
fst_health_word (const fst_health_t *self);

//  Why no new data is taken, as a sentence for whoever wanted to store some.
const char *
fst_health_refusal (const fst_health_t *self);

#endif
