//  Figures over the last hours: a ring of points of fixed size. A point is taken at each interval; it has the last value
//  of each series, or none if that is too old. Pure.

#ifndef FST_HISTORY_H_INCLUDED
#define FST_HISTORY_H_INCLUDED

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define FST_HISTORY_SERIES_MAX 160

typedef struct fst_history fst_history_t;

//  A value older than stale_ms is none.
fst_history_t *
fst_history_new (int64_t interval_ms, size_t points_max, int64_t stale_ms);

void
fst_history_destroy (fst_history_t **self_p);

//  The value of a series now; a new name begins a series, as long as there is room. now_ms is monotonic.
void
fst_history_set (fst_history_t *self, const char *name, double value, int64_t now_ms);

//  Take a point. A series that had no value in any point that is left is forgotten. wall_ms is what readers see.
void
fst_history_step (fst_history_t *self, int64_t now_ms, int64_t wall_ms);

//  {interval_ms, times: [], series: {NAME: [value or null]}}; and the last point alone: {NAME: value or null}.
//  The first is made once for each step: not to be changed.
json_t *
fst_history_json (fst_history_t *self);
json_t *
fst_history_last (const fst_history_t *self);

#endif
