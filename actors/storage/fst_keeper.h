//  Keeping the newest snapshot of the namespace in the node's folder, so that folders and the recovery key are enough
//  to have all files again. The node cannot read it.
//
//      namespace.snapshot          with the highest sequence that was ever offered
//      namespace.snapshot.older    one with a lower sequence that came later: perhaps of a database restored from an
//                                  old copy, which must not take the place of a better one
//      namespace.snapshot.tmp      on its way
//
//  It comes from metadata over the broker, a page at a time, and replaces the one before only when it is whole and on
//  stable storage. A transfer that is cut begins again with the next offer. For the actor's own thread.

#ifndef FST_KEEPER_H_INCLUDED
#define FST_KEEPER_H_INCLUDED

#include "fst_actor.h"
#include "fst_disk.h"

typedef struct fst_keeper fst_keeper_t;

//  Looks what is there. Both are borrowed.
fst_keeper_t *
fst_keeper_new (fst_actor_t *actor, fst_disk_t *disk);

void
fst_keeper_destroy (fst_keeper_t **self_p);

//  Metadata has a snapshot of this sequence: fetch it, unless it is here.
void
fst_keeper_offer (fst_keeper_t *self, int64_t sequence);

#endif
