//  Durations in buckets.

#include "fst_histogram.h"
#include <assert.h>

static const struct { int64_t us; const char *seconds; } s_bounds [FST_HISTOGRAM_BUCKETS] = {
    { 500, "0.0005" },   { 1000, "0.001" },   { 2500, "0.0025" },   { 5000, "0.005" },  { 10000, "0.01" },
    { 25000, "0.025" },  { 50000, "0.05" },   { 100000, "0.1" },    { 250000, "0.25" }, { 500000, "0.5" },
    { 1000000, "1" },    { 2500000, "2.5" },  { 5000000, "5" },     { 10000000, "10" }, { INT64_MAX, "+Inf" },
};

void
fst_histogram_add (fst_histogram_t *self, int64_t took_us)
{
    assert (self);
    size_t bucket = 0;
    while (took_us > s_bounds [bucket].us)
        bucket++;
    self->buckets [bucket]++;
    self->total_us += took_us;
}

json_t *
fst_histogram_json (const fst_histogram_t *self)
{
    assert (self);
    json_t *counts = json_array ();
    for (size_t bucket = 0; bucket < FST_HISTOGRAM_BUCKETS; bucket++)
        json_array_append_new (counts, json_integer ((json_int_t) self->buckets [bucket]));
    return counts;
}

const char *
fst_histogram_bound (size_t bucket)
{
    assert (bucket < FST_HISTOGRAM_BUCKETS);
    return s_bounds [bucket].seconds;
}
