//  The state of a node's disk.

#include "fst_health.h"
#include <assert.h>
#include <string.h>

bool
fst_health_see (fst_health_t *self, bool full, bool read_only)
{
    assert (self);
    const char *before = fst_health_word (self);
    self->full = full;
    self->read_only = read_only;
    return fst_health_word (self) != before;
}

bool
fst_health_unread (fst_health_t *self, const fst_extent_id_t *id)
{
    assert (self);
    assert (id);
    for (unsigned at = 0; at < self->unread_count; at++)
        if (self->unread [at].extent == id->extent
        &&  memcmp (self->unread [at].blob.bytes, id->blob.bytes, FST_BLOB_BYTES) == 0)
            return false;
    if (self->unread_count < FST_HEALTH_ERRORS_MAX)
        self->unread [self->unread_count++] = *id;
    return self->unread_count == FST_HEALTH_ERRORS_MAX && fst_health_unwritten (self);
}

bool
fst_health_unwritten (fst_health_t *self)
{
    assert (self);
    bool before = self->failing;
    self->failing = true;
    return !before;
}

bool
fst_health_takes (const fst_health_t *self)
{
    assert (self);
    return !self->full && !self->read_only && !self->failing;
}

bool
fst_health_writes (const fst_health_t *self)
{
    assert (self);
    return !self->read_only;
}

//  These pointers are compared, so each word is written once.
const char *
fst_health_word (const fst_health_t *self)
{
    static const char s_ok [] = "ok", s_full [] = "full", s_read_only [] = "read-only", s_failing [] = "failing";
    assert (self);
    return self->failing? s_failing: self->read_only? s_read_only: self->full? s_full: s_ok;
}

const char *
fst_health_refusal (const fst_health_t *self)
{
    assert (self);
    return self->failing? "The disk of this node fails; use another one."
         : self->read_only? "The disk of this node is read-only; use another one."
         : "This node is full; use another one.";
}
