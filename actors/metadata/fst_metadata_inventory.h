//  Comparing the books with what nodes hold, node by node. Not for others than the metadata actor.
//
//  A node's inventory is read in pages (INVENTORY) and merged with the catalog's rows, in small steps between requests.
//  What differs is only a suspicion: page and books were not read at one time. So
//      should be there, is not, or has another size    CHECK (which also looks into the node's quarantine): lost if so
//      is there and is not counted                     CHECK of every octet: counts again, or is put aside
//      is there and nobody knows it                    no open upload, nothing to be deleted: a stray, is put aside
//  Nothing is put aside in recovery: strays are listed as surplus then.
//
//  A node is compared when it was heard for the first time by this run, when it comes back after it was pruned or started
//  again, when an upload is committed that it had extents of before that, once in each inventory-interval, and when an admin
//  asks (SCRUB).

#ifndef FST_METADATA_INVENTORY_H_INCLUDED
#define FST_METADATA_INVENTORY_H_INCLUDED

#include "fst_metadata_self.h"

//  Compare this node now; if that is under way, once more afterwards.
void
fst_metadata_inventory_due (fst_metadata_t *self, unsigned node);

//  A node came: again after it was pruned, with an empty folder, or its process started. Until it is compared, no copy elsewhere is given up
//  for what it is thought to hold.
void
fst_metadata_inventory_came (fst_metadata_t *self, unsigned node);

//  What was booked on these nodes just now may not be there: compare them once more, from the beginning.
void
fst_metadata_inventory_doubt (fst_metadata_t *self, fst_node_set_t nodes);

//  Compare all nodes from the beginning: recovery began or ended, or an import gave us other books.
void
fst_metadata_inventory_restart (fst_metadata_t *self);

//  Do a step. Gives the time to be called next. No batch may be open.
int64_t
fst_metadata_inventory (fst_metadata_t *self);

//  A CHECK that may bring copies back on the books is under way, so DELETE has to wait: their answers could pass each
//  other.
bool
fst_metadata_inventory_checks (const fst_metadata_t *self, unsigned node);

//  Forget everything; calls under way were done before.
void
fst_metadata_inventory_stop (fst_metadata_t *self);

#endif
