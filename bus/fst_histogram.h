//  How long things took, counted in buckets: the same ones for every figure of durations that /metrics shows.

#ifndef FST_HISTOGRAM_H_INCLUDED
#define FST_HISTOGRAM_H_INCLUDED

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define FST_HISTOGRAM_BUCKETS   15      //  At most 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500 ms, 1, 2.5, 5, 10 s; longer

typedef struct {
    uint64_t buckets [FST_HISTOGRAM_BUCKETS];
    int64_t total_us;
} fst_histogram_t;

void
fst_histogram_add (fst_histogram_t *self, int64_t took_us);

//  The counts as an array. The caller owns it.
json_t *
fst_histogram_json (const fst_histogram_t *self);

//  What Prometheus calls a bucket: its upper bound in seconds, "+Inf" for the last.
const char *
fst_histogram_bound (size_t bucket);

#endif
