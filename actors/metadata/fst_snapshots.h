//  Encrypted snapshots of the namespace, so that storage folders and the recovery key are enough to have all files again
//  (filestore rescue). While requests are served, a thread copies the database and encrypts the copy to a file beside it;
//  nodes are told by event and fetch it page by page. Format: fst_snapshot.h.
//
//      metadata.db.snapshot        the newest one
//      metadata.db.copy, metadata.db.snapshot.tmp      while one is made
//
//  One is made some seconds after the first change; then, if there were changes, after twice the time each, up to the
//  interval. None is made while metadata recovers from an old database: it could take the place of a better one.
//  For the actor's own thread.

#ifndef FST_SNAPSHOTS_H_INCLUDED
#define FST_SNAPSHOTS_H_INCLUDED

#include "fst_actor.h"

typedef struct fst_snapshots fst_snapshots_t;

typedef struct {
    fst_actor_t *actor;             //  All borrowed
    const char *database;
    const uint8_t *cluster_key;
    const char *run;                //  Of metadata, in hex
    int64_t interval_ms;            //  0: make none
} fst_snapshots_options_t;

fst_snapshots_t *
fst_snapshots_new (const fst_snapshots_options_t *options, int64_t now_ms);

//  Stops the one under way.
void
fst_snapshots_destroy (fst_snapshots_t **self_p);

//  Begin one if it is time; sequence is that of the last commit. Returns when to be called next at the latest.
int64_t
fst_snapshots_tick (fst_snapshots_t *self, int64_t sequence, int64_t now_ms, int64_t wall_ms);

//  Sequence of the newest one; -1 if there is none.
int64_t
fst_snapshots_newest (const fst_snapshots_t *self);

//  When that was made, on the wall clock; -1 if there is none.
int64_t
fst_snapshots_newest_ms (const fst_snapshots_t *self);

//  How long the oldest change waits that is not in it; 0 if there is none.
int64_t
fst_snapshots_behind_ms (const fst_snapshots_t *self, int64_t now_ms);

//  Handle a request READ_SNAPSHOT; takes it.
void
fst_snapshots_read (fst_snapshots_t *self, fst_request_t **request_p);

#endif
