//  What is here, asked by metadata.

#include "fst_check.h"
#include "fst_pool.h"
#include <assert.h>

#define ASKED_MAX 16                //  Requests that wait

struct fst_check {
    fst_extents_t *extents;
    fst_small_t *small;
    fst_aside_t *aside;
    fst_pool_t *pool;
    bool ending;
};

typedef struct {
    fst_check_t *check;
    fst_request_t *request;
    fst_extent_id_t *ids;
    size_t count;
    fst_check_bad_fn *bad;          //  Or a request
    void *bad_arg;
    bool deep, restore;
    fst_rc_t rc;
    struct { fst_rc_t rc; fst_extent_info_t info; } *found;
} s_asked_t;

fst_rc_t
fst_check_small (fst_small_t *small, const fst_blob_id_t *blob, fst_extent_info_t *info)
{
    zframe_t *frame;
    fst_rc_t rc = fst_small_read (small, blob, &frame);
    if (rc != FST_OK)
        return rc == FST_IO? FST_CORRUPT: rc;
    fst_record_t record;
    rc = fst_record_decode (zframe_data (frame), zframe_size (frame), &record);
    assert (rc == FST_OK);              //  Read has checked it
    *info = (fst_extent_info_t) {
        .blob = *blob, .extent = 0, .chunks = 1, .bytes = record.plain_bytes,
        .digest = fst_extent_digest (&record.checksum, 1)
    };
    zframe_destroy (&frame);
    return FST_OK;
}

//  One extent, wherever it is kept. Any thread. As fst_extents_check.
static fst_rc_t
s_check_extent (fst_extents_t *extents, fst_small_t *small, const fst_blob_id_t *blob, uint32_t extent, bool deep,
                  fst_extent_info_t *info)
{
    assert (extents && small);
    assert (blob && info);
    fst_rc_t rc = extent == 0? fst_check_small (small, blob, info): FST_NOT_FOUND;
    return rc == FST_NOT_FOUND? fst_extents_check (extents, blob, extent, deep, info): rc;
}

static void
s_run (void *arg)
{
    s_asked_t *asked = arg;
    for (size_t at = 0; asked->rc == FST_OK && at < asked->count; at++) {
        const fst_extent_id_t *id = &asked->ids [at];
        fst_rc_t rc = s_check_extent (asked->check->extents, asked->check->small, &id->blob, (uint32_t) id->extent,
                                        asked->deep, &asked->found [at].info);
        asked->found [at].rc = rc;
        if (rc != FST_OK && rc != FST_NOT_FOUND && rc != FST_CORRUPT)
            asked->rc = rc;             //  Not the extent's fault
    }
}

static json_t *
s_columns (const s_asked_t *asked)
{
    json_t *states = json_array (), *chunks = json_array (), *bytes = json_array (), *digests = json_array ();
    for (size_t at = 0; at < asked->count; at++) {
        fst_rc_t rc = asked->found [at].rc;
        fst_extent_info_t info = { .chunks = 0 };
        if (rc == FST_OK)
            info = asked->found [at].info;
        char digest [17];
        snprintf (digest, sizeof (digest), "%016" PRIx64, info.digest);
        json_array_append_new (states, json_string (rc == FST_OK? "whole": rc == FST_CORRUPT? "damaged": "missing"));
        json_array_append_new (chunks, json_integer (info.chunks));
        json_array_append_new (bytes, json_integer (info.bytes));
        json_array_append_new (digests, json_string (digest));
    }
    return json_pack ("{s:o, s:o, s:o, s:o}", "states", states, "chunks", chunks, "bytes", bytes, "digests", digests);
}

//  Those that are not whole; caller frees, NULL if there are none.
static fst_extent_id_t *
s_not_whole (const s_asked_t *asked, size_t *count_p)
{
    fst_extent_id_t *ids = calloc (asked->count, sizeof (*ids));
    assert (ids);
    size_t count = 0;
    for (size_t at = 0; at < asked->count; at++)
        if (asked->found [at].rc != FST_OK)
            ids [count++] = asked->ids [at];
    if (count == 0) {
        free (ids);
        ids = NULL;
    }
    *count_p = count;
    return ids;
}

static void s_submit (s_asked_t *asked);

//  Whatever could be put back: look again.
static void
s_restored (void *arg, fst_rc_t rc)
{
    s_asked_t *asked = arg;
    if (rc != FST_OK)
        asked->rc = rc;
    asked->restore = false;
    s_submit (asked);
}

static void
s_done (void *arg)
{
    s_asked_t *asked = arg;
    size_t count;
    fst_extent_id_t *ids = asked->restore && asked->rc == FST_OK && !asked->check->ending? s_not_whole (asked, &count):
                           NULL;
    if (ids) {
        fst_aside_restore (asked->check->aside, &ids, count, s_restored, asked);
        return;
    }
    if (asked->bad) {
        ids = asked->rc == FST_OK && !asked->check->ending? s_not_whole (asked, &count): NULL;
        if (ids)
            asked->bad (asked->bad_arg, &ids, count);
    }
    else
    if (asked->rc == FST_OK)
        fst_request_reply (&asked->request, s_columns (asked));
    else
        fst_request_fail (&asked->request, asked->rc, NULL);
    free (asked->ids);
    free (asked->found);
    free (asked);
}

static void
s_submit (s_asked_t *asked)
{
    fst_rc_t rc = fst_pool_submit (asked->check->pool, s_run, s_done, asked);
    if (rc != FST_OK) {
        asked->rc = rc;
        s_done (asked);
    }
}

void
fst_check_ask (fst_check_t *self, fst_request_t **request_p, fst_extent_id_t **ids_p, size_t count, bool deep,
               bool restore)
{
    assert (self);
    assert (request_p && *request_p);
    assert (ids_p && *ids_p);
    s_asked_t *asked = calloc (1, sizeof (*asked));
    assert (asked);
    asked->check = self;
    asked->request = *request_p;
    asked->ids = *ids_p;
    asked->count = count;
    asked->deep = deep;
    asked->restore = restore;
    asked->rc = FST_OK;
    asked->found = calloc (count, sizeof (*asked->found));
    assert (asked->found);
    *request_p = NULL;
    *ids_p = NULL;
    s_submit (asked);
}

void
fst_check_again (fst_check_t *self, fst_extent_id_t **ids_p, size_t count, fst_check_bad_fn *bad, void *arg)
{
    assert (self && bad);
    assert (ids_p && *ids_p);
    s_asked_t *asked = calloc (1, sizeof (*asked));
    assert (asked);
    *asked = (s_asked_t) { .check = self, .bad = bad, .bad_arg = arg, .ids = *ids_p, .count = count, .deep = true };
    asked->found = calloc (count, sizeof (*asked->found));
    assert (asked->found);
    *ids_p = NULL;
    s_submit (asked);
}

static void
s_collect (void *pool)
{
    fst_pool_collect (pool);
}

fst_check_t *
fst_check_new (fst_actor_t *actor, fst_extents_t *extents, fst_small_t *small, fst_aside_t *aside)
{
    assert (actor && extents && small && aside);
    fst_check_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->extents = extents;
    self->small = small;
    self->aside = aside;
    self->pool = fst_pool_new ("fst-check", 1, ASKED_MAX);
    fst_actor_add_fd (actor, fst_pool_fd (self->pool), s_collect, self->pool);
    return self;
}

void
fst_check_end (fst_check_t *self)
{
    assert (self);
    self->ending = true;
}

void
fst_check_destroy (fst_check_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        fst_pool_destroy (&(*self_p)->pool);
        free (*self_p);
        *self_p = NULL;
    }
}
