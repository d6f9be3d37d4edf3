//  The search actor: service `search`, commands SEARCH and STATUS (schemas/search).
//
//  Nobody learns what they may not read. The index knows what the actor may read, so before anything is told of a file,
//  metadata is asked with the token of who searches whether they may read it, and whether it is still that file. Only files
//  below their home and below what is shared with them are looked at, results come newest first and not by how rare a
//  word is elsewhere, and `more` speaks of what they may read: neither counts nor the order tell of others' files.

#ifndef FST_SEARCH_H_INCLUDED
#define FST_SEARCH_H_INCLUDED

#include "fst_actor.h"
#include "fst_follow.h"
#include "fst_index.h"

//  All of it from start to stop
typedef struct {
    fst_actor_t *actor;
    fst_follow_t *follow;
    fst_index_t *index;                 //  For reading
} fst_search_t;

extern const fst_actor_class_t fst_search_class;

#endif
