//  Figures over the last hours.

#include "fst_history.h"
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char *name;                     //  NULL: free
    double value;
    int64_t set_ms;
    double *points;                 //  NAN where there was none
} s_series_t;

struct fst_history {
    int64_t interval_ms, stale_ms;
    size_t max, count, next;        //  Points: room, taken, where the next one goes
    int64_t *times;
    s_series_t series [FST_HISTORY_SERIES_MAX];
    json_t *json;                   //  Of all; NULL: not made since the last step
};

fst_history_t *
fst_history_new (int64_t interval_ms, size_t points_max, int64_t stale_ms)
{
    assert (interval_ms > 0);
    assert (points_max > 0);
    fst_history_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->interval_ms = interval_ms;
    self->stale_ms = stale_ms;
    self->max = points_max;
    self->times = calloc (points_max, sizeof (*self->times));
    assert (self->times);
    return self;
}

static void
s_series_clear (s_series_t *series)
{
    free (series->name);
    free (series->points);
    *series = (s_series_t) { .name = NULL };
}

void
fst_history_destroy (fst_history_t **self_p)
{
    assert (self_p);
    fst_history_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    for (size_t at = 0; at < FST_HISTORY_SERIES_MAX; at++)
        s_series_clear (&self->series [at]);
    json_decref (self->json);
    free (self->times);
    free (self);
}

//  The series of that name, or a free place, or NULL.
static s_series_t *
s_find (fst_history_t *self, const char *name)
{
    s_series_t *free_one = NULL;
    for (size_t at = 0; at < FST_HISTORY_SERIES_MAX; at++) {
        s_series_t *series = &self->series [at];
        if (series->name && strcmp (series->name, name) == 0)
            return series;
        if (!series->name && !free_one)
            free_one = series;
    }
    return free_one;
}

void
fst_history_set (fst_history_t *self, const char *name, double value, int64_t now_ms)
{
    assert (self);
    s_series_t *series = s_find (self, name);
    if (!series)
        return;
    if (!series->name) {
        series->name = strdup (name);
        series->points = malloc (self->max * sizeof (*series->points));
        assert (series->name && series->points);
        for (size_t at = 0; at < self->max; at++)
            series->points [at] = NAN;
    }
    series->value = value;
    series->set_ms = now_ms;
}

static bool
s_is_empty (const fst_history_t *self, const s_series_t *series)
{
    for (size_t at = 0; at < self->max; at++)
        if (!isnan (series->points [at]))
            return false;
    return true;
}

void
fst_history_step (fst_history_t *self, int64_t now_ms, int64_t wall_ms)
{
    assert (self);
    self->times [self->next] = wall_ms;
    for (size_t at = 0; at < FST_HISTORY_SERIES_MAX; at++) {
        s_series_t *series = &self->series [at];
        if (!series->name)
            continue;
        series->points [self->next] = now_ms - series->set_ms > self->stale_ms? NAN: series->value;
        if (s_is_empty (self, series))
            s_series_clear (series);
    }
    json_decref (self->json);
    self->json = NULL;
    self->next = (self->next + 1) % self->max;
    if (self->count < self->max)
        self->count++;
}

static json_t *
s_value (double value)
{
    return isnan (value)? json_null (): json_integer ((json_int_t) llround (value));
}

//  Place of the number-th point, the oldest first.
static size_t
s_place (const fst_history_t *self, size_t number)
{
    return (self->next + self->max - self->count + number) % self->max;
}

static json_t *
s_make (const fst_history_t *self)
{
    json_t *times = json_array (), *all = json_object ();
    for (size_t number = 0; number < self->count; number++)
        json_array_append_new (times, json_integer (self->times [s_place (self, number)]));
    for (size_t at = 0; at < FST_HISTORY_SERIES_MAX; at++) {
        const s_series_t *series = &self->series [at];
        if (!series->name)
            continue;
        json_t *points = json_array ();
        for (size_t number = 0; number < self->count; number++)
            json_array_append_new (points, s_value (series->points [s_place (self, number)]));
        json_object_set_new (all, series->name, points);
    }
    return json_pack ("{s:I, s:o, s:o}", "interval_ms", (json_int_t) self->interval_ms, "times", times, "series", all);
}

json_t *
fst_history_json (fst_history_t *self)
{
    assert (self);
    if (!self->json)
        self->json = s_make (self);
    return json_incref (self->json);
}

json_t *
fst_history_last (const fst_history_t *self)
{
    assert (self);
    json_t *point = json_object ();
    for (size_t at = 0; at < FST_HISTORY_SERIES_MAX; at++)
        if (self->count && self->series [at].name)
            json_object_set_new (point, self->series [at].name,
                                 s_value (self->series [at].points [s_place (self, self->count - 1)]));
    return point;
}
