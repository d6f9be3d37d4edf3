//  Counts by service.

#include "fst_tally.h"
#include <assert.h>
#include <czmq.h>

typedef struct {
    fst_tally_row_t row;            //  First: a pointer to it is one to this
    char *service;
    bool there;                     //  It has workers
    int64_t seen_ms;                //  When it last had some
} s_counted_t;

struct fst_tally {
    zhashx_t *rows;                 //  Name -> s_counted_t
    int64_t now_ms;                 //  At the last tick
};

static void
s_counted_destroy (void **counted_p)
{
    s_counted_t *counted = *counted_p;
    free (counted->service);
    free (counted);
    *counted_p = NULL;
}

fst_tally_t *
fst_tally_new (int64_t now_ms)
{
    fst_tally_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->now_ms = now_ms;
    self->rows = zhashx_new ();
    zhashx_set_destructor (self->rows, s_counted_destroy);
    zhashx_set_key_duplicator (self->rows, NULL);       //  Keys belong to the rows
    zhashx_set_key_destructor (self->rows, NULL);
    return self;
}

void
fst_tally_destroy (fst_tally_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        zhashx_destroy (&(*self_p)->rows);
        free (*self_p);
        *self_p = NULL;
    }
}

//  Of those that are gone, who went first; NULL if all are there.
static s_counted_t *
s_longest_gone (fst_tally_t *self)
{
    s_counted_t *found = NULL;
    for (s_counted_t *at = zhashx_first (self->rows); at; at = zhashx_next (self->rows))
        if (!at->there && (!found || at->seen_ms < found->seen_ms))
            found = at;
    return found;
}

void
fst_tally_offered (fst_tally_t *self, const char *service)
{
    assert (self && service);
    s_counted_t *counted = zhashx_lookup (self->rows, service);
    if (!counted) {
        if (zhashx_size (self->rows) >= FST_TALLY_MAX) {
            s_counted_t *gone = s_longest_gone (self);
            if (!gone)
                return;
            zhashx_delete (self->rows, gone->service);
        }
        counted = calloc (1, sizeof (*counted));
        assert (counted);
        counted->service = strdup (service);
        assert (counted->service);
        zhashx_insert (self->rows, counted->service, counted);
    }
    counted->there = true;
}

void
fst_tally_gone (fst_tally_t *self, const char *service)
{
    assert (self && service);
    s_counted_t *counted = zhashx_lookup (self->rows, service);
    if (counted) {
        counted->there = false;
        counted->seen_ms = self->now_ms;
    }
}

void
fst_tally_count (fst_tally_t *self, const char *service, fst_tally_result_t result, int64_t waited_us, int64_t worked_us)
{
    assert (self && service && result < FST_TALLY_RESULTS);
    s_counted_t *counted = zhashx_lookup (self->rows, service);
    if (!counted)
        return;
    counted->row.results [result]++;
    counted->row.waited_us += waited_us;
    if (result == FST_TALLY_REPLIED)
        fst_histogram_add (&counted->row.worked, worked_us);
}

void
fst_tally_tick (fst_tally_t *self, int64_t now_ms)
{
    assert (self);
    self->now_ms = now_ms;
    s_counted_t *gone;
    while ((gone = s_longest_gone (self)) && now_ms - gone->seen_ms >= FST_TALLY_GONE_MS)
        zhashx_delete (self->rows, gone->service);
}

void
fst_tally_each (const fst_tally_t *self, void (*each) (void *arg, const char *service, const fst_tally_row_t *row), void *arg)
{
    assert (self && each);
    for (s_counted_t *at = zhashx_first (self->rows); at; at = zhashx_next (self->rows))
        each (arg, at->service, &at->row);
}
