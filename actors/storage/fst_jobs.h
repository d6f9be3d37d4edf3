//  What a node does with checked requests: the threads that do the disk's work, so that the actor's loop never
//  waits for it, and the bounds on what is under way. Every request that is taken here is answered.
//
//      write   1 thread     records to their slots, in the order they came
//      seal    1 thread     seals and deletions of extents
//      small   1 thread     small.db: what waits together is committed together
//      read    2 threads    records to clients, then to other nodes (FST_NODE_USER); inventory
//
//  A seal passes through the write thread first, so it finds all records that were sent before it on the
//  same connection; a client need not wait for their replies.
//  For the actor's own thread. Reasons why a request is refused are in fst_extents.h and fst_small.h.

#ifndef FST_JOBS_H_INCLUDED
#define FST_JOBS_H_INCLUDED

#include "fst_actor.h"
#include "fst_extents.h"
#include "fst_pool.h"
#include "fst_small.h"
#include "fst_told.h"

typedef struct fst_jobs fst_jobs_t;

typedef struct {
    fst_actor_t *actor;             //  All borrowed
    fst_extents_t *extents;
    fst_small_t *small;
    const uint8_t *node_key;        //  For receipts
    int64_t window;                 //  Octets that one peer may have under way
    int64_t memory;                 //  And all together; at least window
    //  A sealed extent could not be read (FST_CORRUPT, FST_IO), or something not be written (FST_IO, FST_NO_SPACE; id is NULL).
    void (*trouble) (void *arg, const fst_extent_id_t *id, fst_rc_t rc);
    void *trouble_arg;
} fst_jobs_options_t;

//  Starts the threads; the first thing that they do is to count the extents.
fst_jobs_t *
fst_jobs_new (const fst_jobs_options_t *options);

//  Finishes and answers everything.
void
fst_jobs_destroy (fst_jobs_t **self_p);

//  Keep records, decoded from the request's frames; takes them. seal: they are small blobs.
void
fst_jobs_store (fst_jobs_t *self, fst_request_t **request_p, fst_record_t **records_p, size_t count, bool seal);

//  Begin to commit the small blobs that wait. Call when the messages that had come in are handled.
void
fst_jobs_flush (fst_jobs_t *self);

void
fst_jobs_seal (fst_jobs_t *self, fst_request_t **request_p, const fst_blob_id_t *blob, uint32_t extent,
               uint32_t chunks);

//  unsealed: from extents that are not sealed yet, too.
void
fst_jobs_retrieve (fst_jobs_t *self, fst_request_t **request_p, const fst_blob_id_t *blob, uint32_t extent,
                   uint32_t slot, uint32_t count, bool unsealed);

//  Delete extents, and remember before what metadata told. Takes ids.
void
fst_jobs_delete (fst_jobs_t *self, fst_request_t **request_p, fst_extent_id_t **ids_p, size_t count,
                 const fst_pair_t *told);

//  after may be NULL.
void
fst_jobs_inventory (fst_jobs_t *self, fst_request_t **request_p, const fst_blob_id_t *after, uint32_t after_extent,
                    size_t limit);

//  Remember what metadata told.
void
fst_jobs_remember (fst_jobs_t *self, const fst_pair_t *told);

//  Have something else done on the thread that writes small.db, or on the one that seals and deletes. done is called
//  on the actor's thread, never from inside this.
//      FST_BUSY    neither is called
fst_rc_t FST_CHECKED
fst_jobs_on_small (fst_jobs_t *self, fst_job_fn *run, fst_job_fn *done, void *job);
fst_rc_t FST_CHECKED
fst_jobs_on_seal (fst_jobs_t *self, fst_job_fn *run, fst_job_fn *done, void *job);

//  Octets of plain text that the node itself will have under way, of the same memory as those of clients; and that it no
//  longer has.
fst_rc_t FST_CHECKED
fst_jobs_reserve (fst_jobs_t *self, int64_t bytes);
void
fst_jobs_release (fst_jobs_t *self, int64_t bytes);

//  Keep records of its own, decoded from frames, as those of a STORE. Takes records, frames and what they point at.
//  kept is called on the actor's thread, never from inside this: as many as stored were kept, from the first on.
//      FST_BUSY    nothing was taken
typedef void (fst_jobs_kept_fn) (void *arg, fst_rc_t rc, size_t stored);
fst_rc_t FST_CHECKED
fst_jobs_keep (fst_jobs_t *self, fst_record_t **records_p, zframe_t ***frames_p, size_t count, bool small,
               fst_jobs_kept_fn *kept, void *arg);

//  Requests of clients on the data port that are under way.
size_t
fst_jobs_clients (const fst_jobs_t *self);

typedef struct {
    int64_t stored_bytes, retrieved_bytes;      //  Plain, since the start
    int load;                                   //  Percent of memory in use
    bool busy;                                  //  Somebody stores or reads just now
} fst_jobs_statistics_t;

void
fst_jobs_statistics (const fst_jobs_t *self, fst_jobs_statistics_t *statistics);

#endif
