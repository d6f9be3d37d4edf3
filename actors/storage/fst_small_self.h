//  The inside of the store of small blobs: what its files share. Not for others.

#ifndef FST_SMALL_SELF_H_INCLUDED
#define FST_SMALL_SELF_H_INCLUDED

#include "fst_small.h"
#include <pthread.h>
#include <stdatomic.h>
#include "fst_db.h"
#include "fst_memory.h"

struct fst_small {
    fst_db_t *writer;
    fst_memory_t memory, memory_before;     //  In the transaction that is open, and as committed
    int64_t aside, aside_before;            //  Blobs in the quarantine, same
    atomic_int_fast64_t count, quarantined; //  Blobs here and there as committed, for other threads

    atomic_bool dead, damaged;  //  Either connection
    pthread_mutex_t lock;       //  Guards the reader
    fst_db_t *reader;
};

//  After a connection was used, by who may use it. What one finds is true for both.
void
fst_small_feel (fst_small_t *self, const fst_db_t *db);

//  SQLite checks neither its pages nor rows; the record checks itself. FST_CORRUPT if it is not the whole small blob.
fst_rc_t FST_CHECKED
fst_small_check (const void *data, size_t bytes, const fst_blob_id_t *blob);

//  One request about small blobs: one is called for each of ids, all of it is done or nothing. one sets *done_p if the
//  blob was here.
typedef fst_rc_t (fst_small_one_fn) (fst_small_t *self, const fst_blob_id_t *blob, int64_t now_ms, bool *done_p);
fst_rc_t FST_CHECKED
fst_small_for_each (fst_small_t *self, const fst_extent_id_t *ids, size_t count, int64_t now_ms, fst_small_one_fn *one,
                    bool *done);

//  Delete one inside a request.
fst_small_one_fn fst_small_delete_one;

#endif
