//  CHECK: which extents are here, whole, and what they hold. On a thread of its own, one extent after the other, so
//  that clients' reads do not wait behind it.
//  For the actor's own thread.

#ifndef FST_CHECK_H_INCLUDED
#define FST_CHECK_H_INCLUDED

#include "fst_aside.h"

typedef struct fst_check fst_check_t;

//  All are borrowed.
fst_check_t *
fst_check_new (fst_actor_t *actor, fst_extents_t *extents, fst_small_t *small, fst_aside_t *aside);

//  Restore no more. Call before fst_jobs_destroy, and fst_check_destroy after it.
void
fst_check_end (fst_check_t *self);

//  Finishes and answers everything.
void
fst_check_destroy (fst_check_t **self_p);

//  Answer with the state of each extent, in order. deep: every octet is read. restore: what is not whole, but whole in
//  the quarantine, is put back first. Takes ids.
void
fst_check_ask (fst_check_t *self, fst_request_t **request_p, fst_extent_id_t **ids_p, size_t count, bool deep,
               bool restore);

//  Look once more at every octet of these, and say which are not whole: *ids_p is the callee's then, or NULL. Not called any
//  more after fst_check_end. Takes ids.
typedef void (fst_check_bad_fn) (void *arg, fst_extent_id_t **ids_p, size_t count);
void
fst_check_again (fst_check_t *self, fst_extent_id_t **ids_p, size_t count, fst_check_bad_fn *bad, void *arg);

//  A small blob, wholly. Any thread.
//      FST_NOT_FOUND, FST_CORRUPT
fst_rc_t FST_CHECKED
fst_check_small (fst_small_t *small, const fst_blob_id_t *blob, fst_extent_info_t *info);

#endif
