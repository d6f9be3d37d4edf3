//  What metadata told this node last.

#include "fst_told.h"
#include "fst_text.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void
s_take (fst_told_t *self, const fst_pair_t *pair)
{
    if (pair->sequence < self->last.sequence)
        return;
    self->last.sequence = pair->sequence;
    if (pair->run)
        self->last.run = pair->run;
}

void
fst_told_begin (fst_told_t *self, const fst_pair_t *last)
{
    assert (self && last);
    *self = (fst_told_t) { .last = *last, .removed = *last };
}

void
fst_told_ask (fst_told_t *self)
{
    assert (self);
    self->said = self->last;
}

bool
fst_told_answered (fst_told_t *self, const fst_pair_t *pair)
{
    assert (self);
    if (self->said.run != self->last.run || self->said.sequence != self->last.sequence)
        return false;
    self->registered = pair->run;
    s_take (self, pair);
    return true;
}

bool
fst_told_event (fst_told_t *self, const fst_pair_t *pair)
{
    assert (self);
    if (pair->run != self->registered)
        return false;
    s_take (self, pair);
    return true;
}

bool
fst_told_command (fst_told_t *self, const fst_pair_t *pair)
{
    assert (self);
    if (pair->sequence < self->last.sequence || pair->run != self->registered)
        return false;
    s_take (self, pair);
    self->removed = *pair;
    return true;
}

bool
fst_told_overtook (const fst_told_t *self, const fst_pair_t *pair)
{
    assert (self);
    return pair->sequence < self->last.sequence && (pair->run == self->registered || pair->run == self->last.run);
}

//  In recovery metadata has another run, and smaller numbers: it copies, and takes nothing away.
bool
fst_told_brings (const fst_told_t *self, const fst_pair_t *pair)
{
    assert (self);
    return pair->run == self->registered && (pair->run != self->removed.run || pair->sequence >= self->removed.sequence);
}

uint64_t
fst_run_parse (const char *text)
{
    uint8_t octets [8];
    uint64_t run = 0;
    if (!text || strlen (text) != 16 || fst_hex_decode (text, octets, sizeof (octets)) != FST_OK)
        return 0;
    for (size_t at = 0; at < sizeof (octets); at++)
        run = run << 8 | octets [at];
    return run;
}

void
fst_run_text (uint64_t run, char text [17])
{
    if (run)
        snprintf (text, 17, "%016" PRIx64, run);
    else
        text [0] = 0;
}
