//  Damaged extents of this node, from the moment they are met until metadata has decided: told in batches (REPORT),
//  again until it answers, then looked at once more and put into the quarantine, or left to serve what is good of them when nobody else
//  has a copy. Bounded: what does not fit is met again by the next reader or scrub.
//  For the actor's own thread.

#ifndef FST_DAMAGE_H_INCLUDED
#define FST_DAMAGE_H_INCLUDED

#include "fst_aside.h"
#include "fst_check.h"

#define FST_DAMAGE_MAX 4096         //  Extents that are known to be damaged and not yet put aside

typedef struct fst_damage fst_damage_t;

//  All are borrowed.
fst_damage_t *
fst_damage_new (fst_actor_t *actor, const char *node, fst_check_t *check, fst_aside_t *aside);

void
fst_damage_destroy (fst_damage_t **self_p);

//  An extent could not be read: rc is FST_CORRUPT or FST_IO. Saying it again is fine.
void
fst_damage_note (fst_damage_t *self, const fst_blob_id_t *blob, uint32_t extent, fst_rc_t rc);

//  It was read anew and is damaged still: tell it now, though it was left in its place lately.
void
fst_damage_hurry (fst_damage_t *self, const fst_blob_id_t *blob, uint32_t extent);

//  Report what is due. Returns when to call next.
int64_t
fst_damage_tick (fst_damage_t *self, int64_t now_ms);

#endif
