//  The mover: what the files share that copy, trim and move extents. Not for others; what they use is in
//  fst_metadata_self.h.

#ifndef FST_METADATA_REPAIR_H_INCLUDED
#define FST_METADATA_REPAIR_H_INCLUDED

#include <string.h>
#include "fst_metadata_self.h"
#include "fst_repair.h"
#include "fst_stuck.h"

#define FST_PULL_EXTENTS    256     //  Schema: most in one PULL
#define FST_PULL_SOURCES    7       //  Schema: most for one extent
#define FST_PULLS_MAX       32      //  Under way in the whole cluster
#define FST_RESTED_MAX      2048    //  Spreads remembered as stuck; there are 2016 pairs of nodes

//  One PULL: extents of one spread that go to one node.
typedef struct {
    fst_metadata_t *metadata;
    fst_work_t work;                //  What it is part of
    unsigned target;
    unsigned sources [FST_PULL_SOURCES];
    size_t sources_count;           //  The first one has most of the work
    size_t count;
    int64_t bytes;
    fst_row_t rows [FST_PULL_EXTENTS];
} fst_pull_t;

//  How far the extents of one spread were looked through. Those that are done leave the spread; what stays is under
//  way or stuck, so at the end it begins again, later if nothing was found.
typedef struct {
    int64_t extents;                //  At the last plan
    bool begun;                     //  after is set
    fst_row_t after;
    size_t found;                   //  Since it began
    bool large;                     //  Some since it began need more room than any node has
    bool full;                      //  So it was in the last round, which found nothing else
    unsigned idle;                  //  Rounds that found nothing
    int64_t again_ms;
} fst_walk_t;

//  A spread that could not be helped, whether or not it is in the plan.
typedef struct {
    fst_node_set_t nodes;
    unsigned wanted;
    fst_walk_t walk;
} fst_rested_t;

struct fst_mover {
    bool look;                      //  Something changed: plan anew
    int64_t look_ms;                //  When to do so anyway
    int64_t planned_ms;             //  Last time
    int64_t start_ms;               //  Of this actor
    uint64_t spread_changes;        //  At the last plan
    bool recovery;                  //  Same
    fst_repair_view_t view;
    fst_repair_t plan;
    fst_walk_t walks [FST_WORKS_MAX];       //  One for each of plan.works
    fst_rested_t rested [FST_RESTED_MAX];
    size_t rested_count;
    int64_t rested_ms;              //  When the first of those that have no place in the plan is to be tried again
    bool moving;                    //  Something is moved for evenness
    bool soon;                      //  There is more to do in the next turn
    fst_stuck_t *stuck;
    fst_pace_t pace;

    fst_pull_t *pulls [FST_PULLS_MAX];
    size_t pulls_count;
    struct {
        unsigned pulls, reads;      //  Under way to it, and from it as the first source
        unsigned fails;             //  In a row
        int64_t again_ms;           //  It failed: not before
        const char *why;            //  Static
        int64_t got, got_ms;        //  Octets of answers since it last said how much room it has
    } nodes [FST_NODES_MAX];

    //  Moving goes on for so many octets, then what the nodes say of their disks must be newer than that
    struct {
        int64_t bytes, budget;
        int64_t done_ms;
    } move;

    //  A run of repairs, for the journal
    struct {
        bool active;
        unsigned node;              //  Whose copies are made anew
        int64_t begun_ms, last_ms;
        int64_t extents, bytes;
    } run;
    fst_node_set_t failing;         //  The journal says that they are emptied
    fst_node_set_t drained;         //  The journal says that they are empty; kept in a setting

    //  For STATUS, as old as the figures about copies
    fst_repair_view_t seen;
    fst_repair_t sums;
    int64_t sums_ms;

    fst_row_t rows [FST_PULL_EXTENTS];      //  One page
};

//  By blob and number, as the catalog has them.
static inline int
fst_row_compare (const fst_row_t *left, const fst_row_t *right)
{
    int order = memcmp (&left->blob, &right->blob, sizeof (left->blob));
    return order? order: left->extent.n < right->extent.n? -1: left->extent.n > right->extent.n;
}

//  What was under way of this spread has come back: look through it again at once.
void
fst_mover_walk_again (fst_mover_t *mover, const fst_work_t *work);

//  Send it; it is taken.
void
fst_pull_send (fst_metadata_t *self, fst_pull_t *pull);

//  Which of the copies in drop may go from an extent that lies on nodes: none in recovery, and all only if enough good
//  copies stay on nodes that are sound and alive.
fst_rc_t FST_CHECKED
fst_mover_may_drop (fst_metadata_t *self, const fst_blob_id_t *blob, uint32_t n, fst_node_set_t nodes, unsigned wanted,
                    fst_node_set_t drop, fst_node_set_t *drop_p);

//  Why nothing can be copied for this work of the plan now; NULL if it can, or soon.
const char *
fst_mover_blocked (const fst_metadata_t *self, size_t at);

//  Into the journal: that repair is done, that a node fails, that a node is empty. May open a batch.
fst_rc_t FST_CHECKED
fst_mover_tell (fst_metadata_t *self);

//  Plan anew if there is a reason.
void
fst_mover_look (fst_metadata_t *self);

//  Nothing can be done for this one now: it is tried again later and later. Others may be waiting for its place.
void
fst_mover_rest (fst_metadata_t *self, fst_walk_t *walk);

//  What is known of the nodes. *wake_ms_p: when it changes with time alone.
void
fst_mover_view (fst_metadata_t *self, fst_repair_view_t *view, int64_t *wake_ms_p);

#endif
