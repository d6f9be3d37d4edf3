//  A list of loops, each with the time by which it has to turn again.

#include "fst_watch.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include "fst_clock.h"

struct fst_watch {
    fst_watch_t *next;
    char name [64];
    _Atomic int64_t until_ms;   //  Turns by then, if all is well
};

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static fst_watch_t *s_first;

fst_watch_t *
fst_watch_new (const char *name)
{
    assert (name);
    fst_watch_t *self = calloc (1, sizeof (*self));
    assert (self);
    snprintf (self->name, sizeof (self->name), "%s", name);
    atomic_store (&self->until_ms, fst_clock_mono_ms ());
    pthread_mutex_lock (&s_lock);
    self->next = s_first;
    s_first = self;
    pthread_mutex_unlock (&s_lock);
    return self;
}

void
fst_watch_destroy (fst_watch_t **self_p)
{
    assert (self_p);
    if (!*self_p)
        return;
    pthread_mutex_lock (&s_lock);
    fst_watch_t **at = &s_first;
    while (*at != *self_p)
        at = &(*at)->next;
    *at = (*self_p)->next;
    pthread_mutex_unlock (&s_lock);
    free (*self_p);
    *self_p = NULL;
}

void
fst_watch_turn (fst_watch_t *self, int64_t wait_ms)
{
    assert (self);
    atomic_store (&self->until_ms, fst_clock_mono_ms () + (wait_ms > 0? wait_ms: 0));
}

bool
fst_watch_stuck (int64_t limit_ms, char *name, size_t size)
{
    assert (name && size);
    bool stuck = false;
    int64_t now_ms = fst_clock_mono_ms ();
    pthread_mutex_lock (&s_lock);
    for (const fst_watch_t *at = s_first; at && !stuck; at = at->next)
        if (now_ms - atomic_load (&at->until_ms) > limit_ms) {
            snprintf (name, size, "%s", at->name);
            stuck = true;
        }
    pthread_mutex_unlock (&s_lock);
    return stuck;
}
