//  What has to be copied, dropped or moved, and in which order: from the spreads (how many extents lie on which set
//  of nodes) and what is known of the nodes to an ordered list of work. Pure; nothing in it grows with the number
//  of files.
//
//      copy    fewer copies than wanted on sound nodes, and a live one to copy from: fewest live ones first
//      trim    more copies than wanted, all of those that stay on nodes that surely hold them
//      move    everything is as it should be, but one node is fuller than another
//
//      fst_repair_begin (&plan, &view, moving);
//      for each spread: fst_repair_add (&plan, spread);
//      ... plan.works, best first

#ifndef FST_REPAIR_H_INCLUDED
#define FST_REPAIR_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_catalog.h"

#define FST_WORKS_MAX 64            //  In one plan; the next plan has what did not fit

//  The nodes at one moment.
typedef struct {
    fst_node_set_t alive;           //  Heard lately: they do what they are told
    fst_node_set_t sure;            //  Alive, and compared with the books since they came: what they hold is there
    fst_node_set_t live;            //  Alive or silent: may be read from
    fst_node_set_t sound;           //  Live, and neither draining nor failing: copies there count as wanted ones
    fst_node_set_t taking;          //  Sound, alive, and with a disk that is well: may get copies
    fst_node_set_t hoped;           //  Pruned so lately that they may soon be back
    fst_node_set_t leaving;         //  Draining, in whatever state
    struct {
        fst_node_set_t zone;        //  Nodes of the same named zone, itself included; only itself if it has no name
        int64_t capacity, free;     //  As the node says
        int64_t spare;              //  Free above the reserve
        int64_t holds;              //  Octets by the books
    } nodes [FST_NODES_MAX];
} fst_repair_view_t;

typedef enum { FST_WORK_COPY, FST_WORK_TRIM, FST_WORK_MOVE } fst_work_kind_t;

//  Something to do with all extents of one spread, or some of them.
typedef struct {
    fst_work_kind_t kind;
    fst_spread_t spread;
    unsigned live;                  //  Copies that can be read
    unsigned missing;               //  COPY: so many more are wanted
    bool repair;                    //  COPY: a copy was lost; otherwise one is on a node that is emptied
    bool rests;                     //  COPY: nothing could be done for it a moment ago: all others come before it
    fst_node_set_t drop;            //  TRIM, MOVE: copies that go
    unsigned to;                    //  MOVE
    int64_t bytes_max;              //  MOVE: no more than that before the next plan
} fst_work_t;

typedef bool (fst_rests_fn) (const void *arg, const fst_spread_t *spread);

typedef struct {
    const fst_repair_view_t *view;
    bool moving;
    fst_rests_fn *rests;            //  NULL: none does
    const void *rests_arg;
    fst_work_t works [FST_WORKS_MAX];
    size_t count;
    //  Sums over everything
    int64_t extents, bytes;         //  Below their wanted copies, and with a source
    int64_t copies_bytes;           //  Octets to copy for them
    int64_t lost;                   //  Extents without a live copy
    int64_t surplus;                //  Extents with more copies than wanted, or on nodes that are emptied
} fst_repair_t;

//  view is borrowed while self is used. moving: extents are being moved, so go on until it is even.
void
fst_repair_begin (fst_repair_t *self, const fst_repair_view_t *view, bool moving);

//  Which spreads rest: what is stuck must not take the places of what is not.
void
fst_repair_set_rests (fst_repair_t *self, fst_rests_fn *rests, const void *arg);

void
fst_repair_add (fst_repair_t *self, const fst_spread_t *spread);

//  Copies that may go from extents on these nodes; 0 if all must stay. Goes first: what is not sound, then what shares a
//  zone, then what is on the fullest node.
fst_node_set_t
fst_repair_surplus (const fst_repair_view_t *view, fst_node_set_t nodes, unsigned wanted);

//  Whether the others can take what a node holds: feed it with all spreads.
typedef struct {
    const fst_repair_view_t *view;
    fst_node_set_t without;         //  The node
    unsigned wanted;                //  Most copies that any extent needs of the others
    int64_t bytes;                  //  To be copied, all nodes that are not sound together
} fst_repair_drain_t;

void
fst_repair_drain_add (fst_repair_drain_t *self, const fst_spread_t *spread);

//  FST_TOO_FEW_NODES, FST_NO_SPACE
fst_rc_t FST_CHECKED
fst_repair_drain_check (const fst_repair_drain_t *self);

//  How fast it goes: octets a second, over some seconds. All 0 at first.
typedef struct {
    int64_t since_ms;               //  Begin of the measurement that is under way; 0: none
    int64_t last_ms;                //  Something was copied
    int64_t bytes;                  //  Since since_ms
    double rate;
} fst_pace_t;

void
fst_pace_begin (fst_pace_t *self, int64_t now_ms);
void
fst_pace_add (fst_pace_t *self, int64_t bytes, int64_t now_ms);

//  0: nothing lately.
int64_t
fst_pace_rate (const fst_pace_t *self, int64_t now_ms);

#endif
