//  The delivery: one event after the other, each until it is taken.

#include "fst_deliver.h"
#include <assert.h>
#include <czmq.h>
#include <inttypes.h>
#include <sodium.h>
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_pool.h"

#define WAIT_S_MAX      300         //  Between two tries
#define ASKED_S_MAX     3600        //  If the other side wants it
#define WARN_FAILURES   3

struct fst_deliver {
    fst_actor_t *actor;
    fst_hook_t *hook;               //  The pool's, while it sends
    fst_pool_t *pool;               //  Of one thread
    atomic_bool stop;
    fst_event_t *event;             //  That is told; NULL: none
    char id [40];
    char *body;
    bool sending;
    int64_t next_ms;                //  Of the next try; INT64_MAX: none
    bool skip;                      //  It is not to be told
    fst_rc_t rc;                    //  Of the try, and how long the other side wants us to wait
    int64_t asked_s;
    fst_deliver_state_t state;
};

int64_t
fst_deliver_wait_s (int64_t failures, uint32_t random)
{
    int64_t wait_s = failures < 9? (int64_t) 1 << failures: WAIT_S_MAX;
    if (wait_s > WAIT_S_MAX)
        wait_s = WAIT_S_MAX;
    return wait_s - wait_s * (random % 256) / 1024;     //  Up to a quarter less, so that many do not come at once
}

//  ---- One event

//  {"type":"file.committed","timestamp":"2026-11-22T10:15:00.123Z","data":{..the event..}}
static char *
s_body (const fst_event_t *told)
{
    json_t *event = fst_event_body (told);
    int64_t time_ms = json_integer_value (json_object_get (event, "time_ms"));
    time_t seconds = (time_t) (time_ms / 1000);
    struct tm utc;
    char text [40], timestamp [64];
    gmtime_r (&seconds, &utc);
    strftime (text, sizeof (text), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf (timestamp, sizeof (timestamp), "%s.%03dZ", text, (int) (time_ms % 1000));
    json_t *body = json_pack ("{s:s, s:s, s:O}", "type", fst_event_topic (told), "timestamp", timestamp, "data", event);
    char *dump = json_dumps (body, JSON_COMPACT);
    assert (dump);
    json_decref (body);
    return dump;
}

//  Events that are not kept any more cannot be told, but that they are missing can.
static char *
s_gap (json_t *page, char *id, size_t bytes)
{
    int64_t first = json_integer_value (json_object_get (page, "first"));
    snprintf (id, bytes, "gap-%" PRId64, first);
    json_t *gap = json_pack ("{s:s, s:{s:I}}", "type", "gap", "data", "first", (json_int_t) first);
    char *body = json_dumps (gap, JSON_COMPACT);
    assert (body);
    json_decref (gap);
    return body;
}

static void
s_taken (fst_deliver_t *self, bool sent)
{
    fst_deliver_state_t *state = &self->state;
    if (state->failures >= WARN_FAILURES)
        fst_log_info ("%s sequence=%" PRId64, sent? "taken at last": "skipped", state->waiting);
    *state = (fst_deliver_state_t) { .sent = state->sent + sent };
    self->next_ms = INT64_MAX;
    free (self->body);
    self->body = NULL;
    fst_event_done (&self->event);
}

static void
s_failed (fst_deliver_t *self)
{
    fst_deliver_state_t *state = &self->state;
    int64_t wait_s = fst_deliver_wait_s (state->failures++, randombytes_random ());
    if (self->asked_s > wait_s)
        wait_s = self->asked_s < ASKED_S_MAX? self->asked_s: ASKED_S_MAX;
    state->next_ms = fst_clock_wall_ms () + wait_s * 1000;
    snprintf (state->problem, sizeof (state->problem), "%s", fst_hook_problem (self->hook));
    if (state->failures == WARN_FAILURES)
        fst_log_warning ("not taken id=%s failures=%" PRId64 ": %s; it is tried on, and what is behind it waits", self->id,
                         state->failures, state->problem);
    self->next_ms = fst_clock_mono_ms () + wait_s * 1000;
    fst_actor_wake (self->actor, self->next_ms);
}

//  ---- Sending

static void
s_send (void *arg)
{
    fst_deliver_t *self = arg;
    self->rc = fst_hook_send (self->hook, self->id, self->body, &self->asked_s);
}

static void
s_sent (void *arg)
{
    fst_deliver_t *self = arg;
    self->sending = false;
    if (self->rc == FST_INTERRUPTED)
        return;                     //  All ends; it is told at the next start
    if (self->rc == FST_OK || self->skip)
        s_taken (self, self->rc == FST_OK);
    else
        s_failed (self);
}

static void
s_try (fst_deliver_t *self)
{
    self->sending = true;
    self->next_ms = INT64_MAX;
    fst_rc_t rc = fst_pool_submit (self->pool, s_send, s_sent, self);
    assert (rc == FST_OK);          //  There is one at a time
}

static void
s_collect (void *arg)
{
    fst_pool_collect (((fst_deliver_t *) arg)->pool);
}

//  ---- Class

fst_rc_t
fst_deliver_new (fst_actor_t *actor, const char *url, const char *secret, const char *ca, fst_deliver_t **self_p, char **problem_p)
{
    assert (actor && self_p);
    fst_deliver_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->actor = actor;
    self->next_ms = INT64_MAX;
    fst_rc_t rc = fst_hook_new (url, secret, ca, &self->stop, &self->hook, problem_p);
    if (rc != FST_OK) {
        free (self);
        return rc;
    }
    self->pool = fst_pool_new ("webhook", 1, 1);
    fst_actor_add_fd (actor, fst_pool_fd (self->pool), s_collect, self);
    *self_p = self;
    return FST_OK;
}

void
fst_deliver_destroy (fst_deliver_t **self_p)
{
    assert (self_p);
    fst_deliver_t *self = *self_p;
    if (!self)
        return;
    atomic_store (&self->stop, true);
    fst_pool_destroy (&self->pool);
    fst_hook_destroy (&self->hook);
    free (self->body);
    free (self);
    *self_p = NULL;
}

void
fst_deliver_event (fst_deliver_t *self, fst_event_t **event_p)
{
    assert (self && !self->event);
    self->event = *event_p;
    *event_p = NULL;                //  Until it is taken
    json_t *event = fst_event_body (self->event);
    bool gap = streq (fst_event_topic (self->event), "gap");
    self->skip = false;
    self->state.waiting = json_integer_value (json_object_get (event, gap? "first": "sequence"));
    snprintf (self->id, sizeof (self->id), "%" PRId64, self->state.waiting);
    self->body = gap? s_gap (event, self->id, sizeof (self->id)): s_body (self->event);
    s_try (self);
}

int64_t
fst_deliver_tick (fst_deliver_t *self, int64_t now_ms)
{
    assert (self);
    if (now_ms >= self->next_ms)
        s_try (self);
    return self->next_ms;
}

const fst_deliver_state_t *
fst_deliver_state (const fst_deliver_t *self)
{
    assert (self);
    return &self->state;
}

fst_rc_t
fst_deliver_skip (fst_deliver_t *self, int64_t sequence)
{
    assert (self);
    if (!self->event || self->state.waiting != sequence || self->state.failures == 0)
        return FST_NOT_FOUND;
    self->skip = true;
    if (!self->sending)
        s_taken (self, false);
    return FST_OK;
}
