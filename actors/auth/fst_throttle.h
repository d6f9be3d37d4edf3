//  Wrong passwords are counted for each account, so that guessing is slow. Pure.
//
//  After attempts_max failures an account waits until wait_ms went by without another one; a success
//  forgets them. Names that do not exist count the same, so nothing is told about who exists. Memory is
//  fixed: accounts share counters by a keyed hash, which nobody outside can aim at a chosen account.

#ifndef FST_THROTTLE_H_INCLUDED
#define FST_THROTTLE_H_INCLUDED

#include <stdint.h>
#include "fst_error.h"

#define FST_THROTTLE_KEY_BYTES 16

typedef struct fst_throttle fst_throttle_t;

//  key: random, for the hash; copied.
fst_throttle_t *
fst_throttle_new (int64_t attempts_max, int64_t wait_ms, const uint8_t key [FST_THROTTLE_KEY_BYTES]);

void
fst_throttle_destroy (fst_throttle_t **self_p);

//  Whether the password of name may be looked at now. Ask before the work and again with its result, so
//  that guesses made at the same time do not slip through.
//      FST_TOO_MANY  not for *wait_ms_p milliseconds
fst_rc_t FST_CHECKED
fst_throttle_check (const fst_throttle_t *self, const char *name, int64_t now_ms, int64_t *wait_ms_p);

void
fst_throttle_failed (fst_throttle_t *self, const char *name, int64_t now_ms);

void
fst_throttle_passed (fst_throttle_t *self, const char *name);

#endif
