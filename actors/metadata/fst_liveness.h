//  Which nodes are alive: signs of life and the time in, changes of state out. Pure; one for each actor.
//
//      alive --(two heartbeats missed)--> silent --(prune-after)--> pruned
//        ^------------------(any sign of life: "back")----------------'
//
//  A metadata actor that starts has heard nobody yet: nodes that were not pruned before count as alive until
//  prune-after has passed since its start, so that reads and writes go on at once.
//  When nobody at all was heard for so long that a node would count as silent, it was us who were deaf (a broker that
//  was away): the first sign of life ends that, and the time says nothing about the others.
//  Times are monotonic.

#ifndef FST_LIVENESS_H_INCLUDED
#define FST_LIVENESS_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_catalog.h"

typedef enum { FST_NODE_UNKNOWN, FST_NODE_ALIVE, FST_NODE_SILENT, FST_NODE_PRUNED } fst_node_state_t;

typedef struct {
    int64_t silent_ms, prune_ms;        //  Silence after which a node changes its state
    int64_t heard_ms;                   //  Last sign of life of anyone; 0: none yet
    struct {
        fst_node_state_t state;
        bool heard;                     //  By this actor
        int64_t last_ms;                //  Last sign of life, or the start of this actor
    } nodes [FST_NODES_MAX];
} fst_liveness_t;

typedef struct {
    unsigned node;
    fst_node_state_t from, to;          //  from UNKNOWN: never heard by this actor; it registered
} fst_liveness_change_t;

void
fst_liveness_init (fst_liveness_t *self, int64_t heartbeat_ms, int64_t prune_ms);

//  A node that is known from before. Not a sign of life.
void
fst_liveness_know (fst_liveness_t *self, unsigned node, bool pruned, int64_t now_ms);

//  True if a sign of life now would be the first one after nobody was heard for long.
bool
fst_liveness_is_deaf (const fst_liveness_t *self, int64_t now_ms);

//  A sign of life. True if that is a change.
bool
fst_liveness_hear (fst_liveness_t *self, unsigned node, int64_t now_ms, fst_liveness_change_t *change);

//  Time has passed. Gives one change at a time: call until it returns false.
bool
fst_liveness_elapse (fst_liveness_t *self, int64_t now_ms, fst_liveness_change_t *change);

//  When elapse will have something to say if nobody is heard until then; INT64_MAX = never.
int64_t
fst_liveness_wake_ms (const fst_liveness_t *self);

fst_node_state_t
fst_liveness_state (const fst_liveness_t *self, unsigned node);

//  All nodes in one state.
fst_node_set_t
fst_liveness_set (const fst_liveness_t *self, fst_node_state_t state);

//  Milliseconds since the last sign of life; -1 if this actor never heard the node.
int64_t
fst_liveness_silence_ms (const fst_liveness_t *self, unsigned node, int64_t now_ms);

//  "alive", "silent", "pruned". Static.
const char *
fst_node_state_text (fst_node_state_t state);

#endif
