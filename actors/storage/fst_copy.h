//  One extent on its way here from other nodes: which records are still wanted, which were asked for, and which source
//  is asked next. Pure; belongs to one thread.
//
//  Sources are numbers, tried in their order, record by record, so that copies which are damaged in different places
//  still give a whole one. A set of sources is a mask of bits.

#ifndef FST_COPY_H_INCLUDED
#define FST_COPY_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>
#include "fst_proof.h"
#include "fst_record.h"

#define FST_COPY_SOURCES_MAX 7

typedef struct fst_copy fst_copy_t;

//  NULL if no extent can have so many octets in so many chunks.
fst_copy_t *
fst_copy_new (const fst_extent_info_t *want, unsigned sources);

void
fst_copy_destroy (fst_copy_t **self_p);

//  One request for count records from slot on.
typedef struct {
    unsigned source;
    uint32_t slot, count;
    int64_t bytes;                  //  Plain
} fst_copy_ask_t;

//  What to ask next, of at most bytes_max octets but one record at least. usable: sources that may be asked now;
//  lost: those that will not come back.
//      FST_BUSY        nothing now: all is asked for, or here, or its sources are not usable
//      FST_NOT_FOUND   there is a record that no source has
//      FST_UNREACHABLE there is a record that only lost sources may have
fst_rc_t FST_CHECKED
fst_copy_next (fst_copy_t *self, unsigned usable, unsigned lost, int64_t bytes_max, fst_copy_ask_t *ask);

//  True if a record is what number index of the ask was about, as far as its header tells.
bool
fst_copy_fits (const fst_copy_t *self, const fst_copy_ask_t *ask, uint32_t index, const fst_record_t *record);

//  Records are here.
void
fst_copy_have (fst_copy_t *self, uint32_t slot, uint32_t count);

//  An ask, or what is left of one, gave nothing, because of rc:
//      FST_CORRUPT, FST_NOT_FOUND          the source has not all of it; single records are asked for then, to learn which
//      FST_TOO_LARGE                       single records from now on
//      FST_BUSY, FST_UNREACHABLE           it may be asked again
//      anything else                       it is not asked again for the first of them
void
fst_copy_failed (fst_copy_t *self, const fst_copy_ask_t *ask, fst_rc_t rc);

//  All records are here.
bool
fst_copy_whole (const fst_copy_t *self);

#endif
