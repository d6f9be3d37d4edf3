//  One extent: look at what is here, copy what is missing, seal it if it is what metadata said.
//
//  Nothing is asked for from inside an answer: answers only change what is known, fst_pull_extent_go_on acts on it.

#include "fst_pull_self.h"
#include <assert.h>
#include "fst_check.h"
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_text.h"

#define FETCH_BYTES (2 << 20)       //  In one request, at most; one record at least
#define FETCHES     4               //  That fit into the window
#define TURNS_MAX   5               //  An extent that changes under our hands is given up then

static void
s_end (fst_pull_extent_t *extent, const char *result)
{
    assert (extent->state != FST_PULL_DONE);
    extent->state = FST_PULL_DONE;
    extent->result = result;
    extent->request->done++;
    if (streq (result, "done"))
        fst_receipt_make (extent->request->pull->options.node_key, &extent->want, extent->receipt);
    else {
        char hex [2 * FST_BLOB_BYTES + 1];
        fst_hex_encode (extent->want.blob.bytes, FST_BLOB_BYTES, hex);
        fst_log_warning ("extent not copied blob=%s extent=%u result=%s", hex, extent->want.extent, result);
    }
}

//  ---- What is here

typedef enum {
    NOTHING,                        //  Or some records of an open extent
    RIGHT,                          //  What is wanted, sealed
    RIGHT_SMALL,                    //  The same, in small.db
    DAMAGED,                        //  Sealed, but not whole
    OTHER,                          //  Whole, but not what is wanted; or a damaged small blob
    UNREADABLE                      //  An open extent
} s_found_t;

typedef struct {
    fst_pull_extent_t *extent;
    s_found_t found;
    bool have [FST_EXTENT_SLOTS_MAX];
} s_look_t;

static bool
s_is_wanted (const fst_extent_info_t *found, const fst_extent_info_t *want)
{
    return found->chunks == want->chunks && found->bytes == want->bytes && found->digest == want->digest;
}

//  All octets: metadata may ask because one of them is damaged.
static void
s_look_run (void *arg)
{
    s_look_t *look = arg;
    const fst_pull_options_t *options = &look->extent->request->pull->options;
    const fst_extent_info_t *want = &look->extent->want;
    fst_extent_info_t info;
    fst_rc_t rc = want->extent == 0? fst_check_small (options->small, &want->blob, &info): FST_NOT_FOUND;
    if (rc != FST_NOT_FOUND) {
        look->found = rc == FST_OK && s_is_wanted (&info, want)? RIGHT_SMALL: OTHER;
        return;
    }
    rc = fst_extents_check (options->extents, &want->blob, want->extent, true, &info);
    if (rc == FST_OK)
        look->found = s_is_wanted (&info, want)? RIGHT: OTHER;
    else
    if (rc == FST_CORRUPT)
        look->found = DAMAGED;
    else {
        rc = fst_extents_look (options->extents, &want->blob, want->extent, look->have, want->chunks);
        look->found = rc == FST_OK || rc == FST_NOT_FOUND? NOTHING: UNREADABLE;
    }
}

static void
s_look_again (fst_pull_extent_t *extent)
{
    extent->state = FST_PULL_LOOKING;
    extent->look = true;
}

static void
s_cleared (fst_pull_extent_t *extent, fst_rc_t rc)
{
    extent->request->tasks--;
    if (extent->state != FST_PULL_CLEARING)
        return;
    if (rc == FST_BUSY)
        extent->not_before_ms = fst_clock_mono_ms () + FST_PULL_BUSY_MS;
    if (rc == FST_OK && extent->unlike && !extent->reused)
        s_end (extent, "mismatch");     //  All of it was copied just now
    else
        s_look_again (extent);
}

static void
s_is_aside (void *arg, fst_rc_t rc)
{
    s_cleared (arg, rc);
}

//  What was promised once goes to the quarantine.
static void
s_put_aside (fst_pull_extent_t *extent)
{
    fst_extent_id_t *id = calloc (1, sizeof (*id));
    assert (id);
    id->blob = extent->want.blob;
    id->extent = extent->want.extent;
    extent->state = FST_PULL_CLEARING;
    extent->request->tasks++;
    fst_aside_put (extent->request->pull->options.aside, &id, 1, s_is_aside, extent);
}

//  Jobs for the thread that seals.
typedef struct {
    fst_pull_extent_t *extent;
    fst_rc_t rc;
} s_job_t;

//  False: not now.
static bool
s_on_seal (fst_pull_extent_t *extent, fst_pull_state_t state, fst_job_fn *run, fst_job_fn *done)
{
    s_job_t *job = calloc (1, sizeof (*job));
    assert (job);
    job->extent = extent;
    if (fst_jobs_on_seal (extent->request->pull->options.jobs, run, done, job) == FST_OK) {
        extent->state = state;
        extent->request->tasks++;
        return true;
    }
    free (job);
    extent->not_before_ms = fst_clock_mono_ms () + FST_PULL_BUSY_MS;
    return false;
}

static void
s_die_of (const s_job_t *job)
{
    if (job->rc == FST_IO)
        fst_actor_die (job->extent->request->pull->options.actor,
                       "the disk failed to make a copy durable; see the log for its error");
}

static void
s_reopen_run (void *arg)
{
    s_job_t *job = arg;
    const fst_extent_info_t *want = &job->extent->want;
    job->rc = fst_extents_reopen (job->extent->request->pull->options.extents, &want->blob, want->extent);
}

static void
s_drop_run (void *arg)
{
    s_job_t *job = arg;
    const fst_extent_info_t *want = &job->extent->want;
    job->rc = fst_extents_drop (job->extent->request->pull->options.extents, &want->blob, want->extent);
}

static void
s_clear_done (void *arg)
{
    s_job_t *job = arg;
    s_die_of (job);
    s_cleared (job->extent, job->rc);
    free (job);
}

//  Keep the good records of a damaged extent: they need not be copied, and perhaps nobody else has them.
static void
s_reopen (fst_pull_extent_t *extent)
{
    extent->unlike = false;
    if (!s_on_seal (extent, FST_PULL_CLEARING, s_reopen_run, s_clear_done))
        s_look_again (extent);
}

//  Take away the records of an open extent. If it cannot be done now, it is tried in another turn.
static void
s_drop (fst_pull_extent_t *extent)
{
    if (!s_on_seal (extent, FST_PULL_CLEARING, s_drop_run, s_clear_done) && extent->state == FST_PULL_LOOKING)
        s_look_again (extent);
}

static void
s_begin_copy (fst_pull_extent_t *extent, const bool *have)
{
    fst_copy_destroy (&extent->copy);
    extent->copy = fst_copy_new (&extent->want, (unsigned) json_array_size (extent->sources));
    if (!extent->copy) {
        s_end (extent, "mismatch");     //  No records could be so many octets
        return;
    }
    extent->state = FST_PULL_COPYING;
    extent->reused = extent->unlike = extent->strange = false;
    for (uint32_t slot = 0; slot < extent->want.chunks; slot++)
        if (have [slot]) {
            fst_copy_have (extent->copy, slot, 1);
            extent->reused = true;
        }
}

static void
s_looked (void *arg)
{
    s_look_t *look = arg;
    fst_pull_extent_t *extent = look->extent;
    extent->request->tasks--;
    if (extent->state == FST_PULL_LOOKING && extent->request->request)
        switch (look->found) {
        case NOTHING:
            s_begin_copy (extent, look->have);
            break;
        case RIGHT:                     //  Its name may not be durable yet
            memset (look->have, true, extent->want.chunks);
            s_begin_copy (extent, look->have);
            break;
        case RIGHT_SMALL:
            s_end (extent, "done");
            break;
        case DAMAGED:
            s_reopen (extent);
            break;
        case OTHER:
            extent->unlike = false;
            s_put_aside (extent);
            break;
        case UNREADABLE:
            extent->unlike = false;
            s_drop (extent);
            break;
        }
    free (look);
}

static void
s_look (fst_pull_extent_t *extent, int64_t now_ms)
{
    if (++extent->turns > TURNS_MAX) {
        s_end (extent, "io");
        return;
    }
    extent->look = false;
    s_look_t *look = calloc (1, sizeof (*look));
    assert (look);
    look->extent = extent;
    if (fst_pool_submit (extent->request->pull->pool, s_look_run, s_looked, look) == FST_OK)
        extent->request->tasks++;
    else {
        free (look);
        s_look_again (extent);
        extent->turns--;
        extent->not_before_ms = now_ms + FST_PULL_BUSY_MS;
    }
}

//  ---- Sealing

static void
s_seal_run (void *arg)
{
    s_job_t *job = arg;
    job->rc = fst_extents_seal_as (job->extent->request->pull->options.extents, &job->extent->want);
}

static void
s_seal_done (void *arg)
{
    s_job_t *job = arg;
    fst_pull_extent_t *extent = job->extent;
    s_die_of (job);
    extent->request->tasks--;
    extent->state = FST_PULL_COPYING;
    if (job->rc == FST_OK)
        s_end (extent, "done");
    else
    if (job->rc == FST_NO_SPACE)
        s_end (extent, "no_space");
    else
    if (job->rc == FST_CORRUPT || job->rc == FST_MALFORMED)
        extent->unlike = true;
    else
        s_look_again (extent);          //  Deleted, or sealed by somebody else
    free (job);
}

//  ---- Records

//  One RETRIEVE, and then the storing of what came.
typedef struct {
    fst_pull_extent_t *extent;
    fst_copy_ask_t ask;
    bool small;
} s_fetch_t;

static void
s_fetch_end (s_fetch_t *fetch)
{
    fetch->extent->fetches--;
    fetch->extent->request->tasks--;
    fst_pull_fetched (fetch->extent->request->pull, fetch->ask.bytes);
    free (fetch);
}

static void
s_kept (void *arg, fst_rc_t rc, size_t stored)
{
    s_fetch_t *fetch = arg;
    fst_pull_extent_t *extent = fetch->extent;
    fst_copy_ask_t left = fetch->ask;
    left.slot += (uint32_t) stored;
    left.count -= (uint32_t) stored;
    if (extent->state != FST_PULL_DONE) {
        fst_copy_have (extent->copy, fetch->ask.slot, (uint32_t) stored);
        if (rc == FST_OK && fetch->small)
            s_end (extent, "done");
        else
        if (rc == FST_NO_SPACE || rc == FST_IO)
            s_end (extent, fst_error_code (rc));
        else
        if (rc != FST_OK) {
            //  Damaged on its way here is nothing that the source knows of; for the rest, see the flags
            fst_copy_failed (extent->copy, &left, rc == FST_CORRUPT? FST_MALFORMED: FST_BUSY);
            extent->unlike = extent->unlike || rc == FST_MALFORMED;
            extent->look = extent->look || rc == FST_EXISTS;
        }
    }
    s_fetch_end (fetch);
}

//  Whether the records are those that were asked for; of a single one it can be told whether it is the right one.
static fst_rc_t
s_decode (const s_fetch_t *fetch, zframe_t *const *frames, fst_record_t *records)
{
    const fst_pull_extent_t *extent = fetch->extent;
    for (uint32_t at = 0; at < fetch->ask.count; at++)
        if (fst_record_decode (zframe_data (frames [at]), zframe_size (frames [at]), &records [at]) != FST_OK
        ||  !fst_copy_fits (extent->copy, &fetch->ask, at, &records [at]))
            return FST_MALFORMED;
    if (extent->want.chunks == 1 && fst_extent_digest (&records [0].checksum, 1) != extent->want.digest)
        return FST_MALFORMED;
    return FST_OK;
}

static fst_rc_t
s_keep (s_fetch_t *fetch, zmsg_t *message)
{
    uint32_t count = fetch->ask.count;
    if (zmsg_size (message) != count)
        return FST_MALFORMED;
    fst_record_t *records = calloc (count, sizeof (*records));
    zframe_t **frames = calloc (count, sizeof (*frames));
    assert (records && frames);
    for (uint32_t at = 0; at < count; at++)
        frames [at] = zmsg_pop (message);
    fst_rc_t rc = s_decode (fetch, frames, records);
    if (rc == FST_OK) {
        fetch->small = fetch->extent->want.chunks == 1 && fst_small_fits (&records [0]);
        rc = fst_jobs_keep (fetch->extent->request->pull->options.jobs, &records, &frames, count, fetch->small,
                            s_kept, fetch);
    }
    for (uint32_t at = 0; frames && at < count; at++)
        zframe_destroy (&frames [at]);
    free (frames);
    free (records);
    return rc;
}

static void
s_fetched (void *arg, fst_rc_t rc, json_t *reply, zmsg_t **frames_p)
{
    (void) reply;                       //  Has nothing in it
    s_fetch_t *fetch = arg;
    fst_pull_extent_t *extent = fetch->extent;
    if (extent->request->request)
        fst_pull_heard (extent, fetch->ask.source, rc);
    if (extent->state == FST_PULL_DONE) {
        s_fetch_end (fetch);
        return;
    }
    bool nonsense = rc == FST_MALFORMED;
    if (rc == FST_OK) {
        rc = s_keep (fetch, *frames_p);
        if (rc == FST_OK)
            return;                     //  s_kept goes on
        extent->strange = extent->strange || rc == FST_MALFORMED;
        if (rc == FST_BUSY)
            extent->not_before_ms = fst_clock_mono_ms () + FST_PULL_BUSY_MS;
    }
    if (nonsense || rc == FST_INTERRUPTED)
        rc = FST_UNREACHABLE;
    fst_copy_failed (extent->copy, &fetch->ask, rc);
    if (rc == FST_CORRUPT || rc == FST_NOT_FOUND)
        extent->bad |= 1u << fetch->ask.source;
    s_fetch_end (fetch);
}

//  Ask for as much as may be asked for now. False: no more for anyone.
static bool
s_fetch (fst_pull_extent_t *extent, int64_t now_ms)
{
    fst_pull_t *pull = extent->request->pull;
    int64_t bytes_max = pull->options.window / FETCHES < FETCH_BYTES? pull->options.window / FETCHES: FETCH_BYTES;
    while (extent->state == FST_PULL_COPYING && now_ms >= extent->not_before_ms) {
        fst_copy_ask_t ask;
        fst_rc_t rc = fst_copy_next (extent->copy, fst_pull_usable (extent, now_ms), fst_pull_lost (extent), bytes_max,
                                     &ask);
        if (rc == FST_BUSY)
            return true;
        if (rc != FST_OK) {
            s_end (extent, rc == FST_UNREACHABLE? "undone":
                           extent->want.chunks == 1 && extent->strange? "mismatch": "no_source");
            return true;
        }
        if (ask.bytes > pull->options.memory) {
            fst_log_error ("data-memory is less than a record octets=%" PRId64, ask.bytes);
            s_end (extent, "io");
            return true;
        }
        if (!fst_pull_may_fetch (pull, ask.bytes, now_ms)) {
            fst_copy_failed (extent->copy, &ask, FST_BUSY);
            return false;
        }
        if (!pull->options.has_room (pull->options.arg, ask.bytes)) {
            fst_pull_fetched (pull, ask.bytes);
            s_end (extent, "no_space");
            return true;
        }
        s_fetch_t *fetch = calloc (1, sizeof (*fetch));
        assert (fetch);
        fetch->extent = extent;
        fetch->ask = ask;
        extent->fetches++;
        extent->request->tasks++;
        fst_pull_call (extent, &ask, s_fetched, fetch);
    }
    return true;
}

//  ---- Whatever is next

void
fst_pull_extent_begin (fst_pull_extent_t *extent)
{
    assert (extent && extent->state == FST_PULL_LOOKING);
    extent->look = true;
}

bool
fst_pull_extent_go_on (fst_pull_extent_t *extent, int64_t now_ms)
{
    assert (extent);
    if (extent->fetches == 0 && extent->state == FST_PULL_COPYING) {
        if (extent->look)
            s_look_again (extent);
        else
        if (extent->unlike)
            s_drop (extent);
    }
    if (now_ms < extent->not_before_ms)
        return true;
    if (extent->state == FST_PULL_LOOKING && extent->look) {
        if (fst_pull_is_elsewhere (extent))
            extent->not_before_ms = now_ms + FST_PULL_BUSY_MS;
        else
            s_look (extent, now_ms);
    }
    if (extent->state != FST_PULL_COPYING || extent->look || extent->unlike)
        return true;                    //  Or not before all that is under way has come
    if (fst_copy_whole (extent->copy)) {
        s_on_seal (extent, FST_PULL_SEALING, s_seal_run, s_seal_done);
        return true;
    }
    return s_fetch (extent, now_ms);
}
