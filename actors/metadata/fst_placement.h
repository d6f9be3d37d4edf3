//  Which nodes take the next extent: a pure function of a snapshot, so that it can be tested and explained.
//
//  Copies go to different nodes, and to zones that have none yet while there are such. Among those a node is drawn
//  with a chance in proportion to its free space above the reserve. Nodes that are silent serve only when
//  too few are alive; pruned, full and avoided ones never.

#ifndef FST_PLACEMENT_H_INCLUDED
#define FST_PLACEMENT_H_INCLUDED

#include <stddef.h>
#include <stdint.h>
#include "fst_catalog.h"

typedef struct {
    unsigned number;
    fst_node_set_t zone;            //  Nodes of the same named zone, itself included; only itself if it has no name
    int64_t spare;                  //  Octets free above the reserve
} fst_placement_node_t;

typedef struct {
    size_t copies;
    int64_t bytes;                  //  That each copy takes
    fst_node_set_t keep;            //  Hold it already: taken first, whatever their space
    fst_node_set_t avoid;
    fst_node_set_t reluctant;       //  Silent ones
} fst_placement_wish_t;

//  Choose up to copies nodes; chosen takes as many numbers. Returns how many there are. random is the seed of
//  the draw: the same one gives the same nodes.
size_t
fst_placement_choose (const fst_placement_node_t *nodes, size_t count, const fst_placement_wish_t *wish,
                      uint64_t random, unsigned *chosen);

#endif
