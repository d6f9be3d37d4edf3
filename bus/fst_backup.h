//  What the command BACKUP of an actor does: a copy of its database, while it serves, to the folder for backups. One at
//  a time, in a thread of its own; the request is answered when the copy is on stable storage.
//
//      <folder>/<name of the database>-20261122T101500Z.db         and -2.db, ... for others of the same second
//
//  For the actor's own thread.

#ifndef FST_BACKUP_H_INCLUDED
#define FST_BACKUP_H_INCLUDED

#include "fst_actor.h"

typedef struct fst_backup fst_backup_t;

//  folder "" means "backups" beside the database; it is made when it is needed. Strings are copied.
fst_backup_t *
fst_backup_new (fst_actor_t *actor, const char *database, const char *folder);

//  Stops the copy under way, if any, and answers its request.
void
fst_backup_destroy (fst_backup_t **self_p);

//  Handle a request BACKUP; takes it. FST_BUSY if one is under way.
void
fst_backup_request (fst_backup_t *self, fst_request_t **request_p);

//  When the newest backup was written, on the wall clock; -1 if there is none.
int64_t
fst_backup_newest_ms (const fst_backup_t *self);

#endif
