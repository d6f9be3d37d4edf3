//  The clock by which things that wait for their deletion grow old: it counts only time that was seen to pass, so a wall
//  clock that is set forward ends nothing early, and one that is set back keeps nothing for ever (adr/0015).
//
//  It begins as the wall clock, and goes on with the monotonic one. Over a restart it goes on by what the wall clock
//  says, but by a day at most. What it gives is only to be compared with what it gave; people are shown the wall clock.
//  Pure; the owner keeps the mark durably, some times an hour.

#ifndef FST_AGE_H_INCLUDED
#define FST_AGE_H_INCLUDED

#include <stdint.h>

#define FST_AGE_STEP_MS ((int64_t) 24 * 3600 * 1000)    //  Most that a restart counts for

//  What is kept: both clocks at one moment.
typedef struct {
    int64_t aged_ms, wall_ms;
} fst_age_mark_t;

typedef struct {
    int64_t aged_ms, mono_ms;           //  At one moment
} fst_age_t;

//  Go on from the last mark; NULL if there never was one.
void
fst_age_begin (fst_age_t *self, const fst_age_mark_t *mark, int64_t wall_ms, int64_t mono_ms);

//  The time now; never less than before.
int64_t
fst_age_ms (const fst_age_t *self, int64_t mono_ms);

#endif
