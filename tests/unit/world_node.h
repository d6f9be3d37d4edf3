//  A storage node that has no disk: it beats, keeps a list of what it holds, does what metadata says, and counts that. Tests
//  set and read its fields from other threads. See metadata_world.h.

#ifndef WORLD_NODE_H_INCLUDED
#define WORLD_NODE_H_INCLUDED

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include "fst_actor.h"
#include "fst_keys.h"
#include "fst_proof.h"
#include "fst_told.h"
#include "seen.h"

#define WORLD_BEAT_MS   50

//  What a made-up node holds. Good copies all have the octets on disk that their extent should have.
typedef enum { WORLD_WHOLE, WORLD_DAMAGED, WORLD_ASIDE } world_state_t;
typedef struct {
    fst_extent_info_t info;
    world_state_t state;            //  ASIDE: in its quarantine
    int64_t short_by;               //  Octets that the file lacks
} world_held_t;
#define WORLD_HELD_MAX  1024

typedef struct world_node world_node_t;
struct world_node {
    char name [16], service [32];
    world_node_t *all;              //  [1] is node-1
    fst_keys_t *keys;
    fst_actor_t *actor;
    seen_t seen;                    //  Its thread's; what comes twice is done twice, but counted once
    atomic_bool silent;             //  No heartbeats
    atomic_bool refuses;            //  To delete
    atomic_int deleted;             //  Blobs that it was told to delete
    atomic_int dropped;             //  Copies that went with it
    atomic_int asked;               //  To register, by event
    atomic_bool started;            //  It says that its process has just started
    atomic_llong sequence;          //  What it says it was told; 0: the truth
    atomic_int aside;               //  Extents it was told to put aside
    atomic_int inventories;         //  Given to their end
    atomic_int begun;               //  First pages of inventories that were given
    atomic_bool hides;              //  It gives no inventory
    atomic_int refused;             //  What it refused or hid
    atomic_int scrubs;              //  Begun, without those that were stopped
    atomic_int checked, restored;   //  Extents it was asked about; that it put back
    const char *_Atomic health;     //  NULL: "ok"
    atomic_llong capacity;          //  0: enough, and half of it is free whatever it holds
    atomic_bool pulls;              //  It takes copies; otherwise it is busy
    atomic_bool keeps_pulls;        //  But does not come to it now
    atomic_bool keeps_answers;      //  Or copies, and does not come to answering
    atomic_bool lies;               //  Its receipts are for something else
    atomic_int pulled;              //  Extents it got and did not have
    atomic_int pulls_now, pulls_most;       //  PULLs under way
    atomic_int wrong_proofs;        //  Tickets and capabilities that its peers would refuse
    struct {
        fst_request_t *request;
        json_t *results;            //  NULL: not yet copied
        bool again;                 //  The same came before
    } kept [8];                     //  Its thread's
    pthread_mutex_t lock;           //  Guards what follows
    fst_told_t told;
    world_held_t held [WORLD_HELD_MAX];     //  In order of blob and number
    size_t held_count;
};

//  Start nodes [number] of the world's nodes ([1] is node-1). keys is taken, and destroyed when no other node runs.
void
world_node_start (world_node_t *nodes, int number, fst_keys_t *keys, fst_actor_options_t bus);

//  What it was told last.
fst_pair_t
world_node_told (world_node_t *self);

json_t *
world_node_says (world_node_t *self);

//  It holds this from now on, whole. False if it had it before.
bool
world_node_hold (world_node_t *self, const fst_extent_info_t *info);

//  Extents it holds in this state; of one blob, or of all (NULL).
int
world_node_count (world_node_t *self, world_state_t state, const fst_blob_id_t *blob);

//  Change what happened to all it holds of a blob: gone (state -1), or in that state.
void
world_node_change (world_node_t *self, const fst_blob_id_t *blob, int state, int64_t short_by);

#endif
