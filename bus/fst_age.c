//  Time that was seen to pass.

#include "fst_age.h"
#include <assert.h>

void
fst_age_begin (fst_age_t *self, const fst_age_mark_t *mark, int64_t wall_ms, int64_t mono_ms)
{
    assert (self);
    self->mono_ms = mono_ms;
    self->aged_ms = wall_ms;
    if (!mark)
        return;
    int64_t away_ms = wall_ms > mark->wall_ms? wall_ms - mark->wall_ms: 0;
    self->aged_ms = mark->aged_ms + (away_ms < FST_AGE_STEP_MS? away_ms: FST_AGE_STEP_MS);
}

int64_t
fst_age_ms (const fst_age_t *self, int64_t mono_ms)
{
    assert (self);
    return self->aged_ms + (mono_ms > self->mono_ms? mono_ms - self->mono_ms: 0);
}
