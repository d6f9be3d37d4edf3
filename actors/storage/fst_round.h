//  A round over everything that a node holds, octet by octet, in steps: what is on the disk is read and compared
//  with its checksums. Extents folder by folder, then small.db row by row; what is not a sealed extent is left alone.
//
//  For one thread at a time. What others delete or put aside meanwhile is no damage.

#ifndef FST_ROUND_H_INCLUDED
#define FST_ROUND_H_INCLUDED

#include "fst_disk.h"
#include "fst_extents.h"
#include "fst_small.h"

#define FST_ROUND_PLACES    257     //  The folders of extents, and small.db
#define FST_ROUND_FOUND_MAX 64      //  In one step

typedef struct fst_round fst_round_t;

//  Both are borrowed. Begins at the first place.
fst_round_t *
fst_round_new (fst_disk_t *disk, fst_small_t *small);

void
fst_round_destroy (fst_round_t **self_p);

//  Go on from the beginning of a place.
void
fst_round_go_to (fst_round_t *self, unsigned place);

typedef struct {
    int64_t bytes;                  //  Read by this step
    unsigned place;                 //  Where it is now: FST_ROUND_PLACES at the end
    int64_t place_bytes;            //  What there is to read in this place in all, if it is known; otherwise 0
    struct {
        fst_extent_id_t id;
        fst_rc_t rc;                //  FST_CORRUPT or FST_IO
    } found [FST_ROUND_FOUND_MAX];  //  Damage
    size_t found_count;
} fst_round_step_t;

//  Read about so many octets, of one place. At the end of the last place the next step begins anew.
//      FST_IO, FST_CORRUPT     nothing could be read at all: a folder, or small.db itself (fst_small_is_dead)
fst_rc_t FST_CHECKED
fst_round_step (fst_round_t *self, int64_t bytes, fst_round_step_t *step);

#endif
