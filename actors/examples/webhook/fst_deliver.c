//  The delivery: LIST_EVENTS by cursor, one event after the other, each until it is taken.

#include "fst_deliver.h"
#include <assert.h>
#include <czmq.h>
#include <pthread.h>
#include <sodium.h>
#include "filestore.h"
#include "fst_clock.h"
#include "fst_log.h"

#define CURSOR          "webhook"
#define PAGE_EVENTS     100
#define IDLE_MS         10000       //  Looked for events after so long, even if none was heard of
#define RETRY_MS        2000        //  After the bus failed
#define WAIT_S_MAX      300         //  Between two tries
#define ASKED_S_MAX     3600        //  If the other side wants it
#define WARN_FAILURES   3

struct fst_deliver {
    filestore_t *client;
    fst_hook_t *hook;
    json_t *ask;                    //  What LIST_EVENTS is asked
    atomic_bool stop;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;           //  For the rest
    pthread_cond_t changed;
    bool news;
    int64_t skip;                   //  Of the one that is not to be told
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

//  ---- Waiting

//  Until wake, stop, or so long. With for_news only events end it, else only a skip does. False when all shall end.
static bool
s_wait (fst_deliver_t *self, int64_t ms, bool for_news)
{
    struct timespec until;
    clock_gettime (CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock (&self->lock);
    while (!atomic_load (&self->stop) && !(for_news? self->news: self->skip && self->skip == self->state.waiting)
    &&  pthread_cond_timedwait (&self->changed, &self->lock, &until) == 0)
        ;
    if (for_news)
        self->news = false;
    pthread_mutex_unlock (&self->lock);
    return !atomic_load (&self->stop);
}

static bool
s_is_skipped (fst_deliver_t *self)
{
    pthread_mutex_lock (&self->lock);
    bool skipped = self->skip && self->skip == self->state.waiting;
    pthread_mutex_unlock (&self->lock);
    return skipped;
}

//  ---- One event

//  {"type":"file.committed","timestamp":"2026-11-22T10:15:00.123Z","data":{..the event..}}
static char *
s_body (json_t *event)
{
    int64_t time_ms = json_integer_value (json_object_get (event, "time_ms"));
    time_t seconds = (time_t) (time_ms / 1000);
    struct tm utc;
    char text [40], timestamp [64];
    gmtime_r (&seconds, &utc);
    strftime (text, sizeof (text), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf (timestamp, sizeof (timestamp), "%s.%03dZ", text, (int) (time_ms % 1000));
    json_t *type = json_sprintf ("%s.%s", json_object_get (event, "node")? "node": "file",
                                 json_string_value (json_object_get (event, "type")));
    json_t *body = json_pack ("{s:o, s:s, s:O}", "type", type, "timestamp", timestamp, "data", event);
    char *dump = json_dumps (body, JSON_COMPACT);
    assert (dump);
    json_decref (body);
    return dump;
}

static void
s_failed (fst_deliver_t *self, const char *id, int64_t wait_s)
{
    pthread_mutex_lock (&self->lock);
    int64_t failures = ++self->state.failures;
    self->state.next_ms = fst_clock_wall_ms () + wait_s * 1000;
    snprintf (self->state.problem, sizeof (self->state.problem), "%s", fst_hook_problem (self->hook));
    pthread_mutex_unlock (&self->lock);
    if (failures == WARN_FAILURES)
        fst_log_warning ("not taken id=%s failures=%" PRId64 ": %s; it is tried on, and what is behind it waits", id, failures,
                         fst_hook_problem (self->hook));
}

static void
s_taken (fst_deliver_t *self, int64_t sequence, bool sent)
{
    pthread_mutex_lock (&self->lock);
    if (self->state.failures >= WARN_FAILURES)
        fst_log_info ("%s sequence=%" PRId64, sent? "taken at last": "skipped", sequence);
    self->state.sent += sent;
    self->state.failures = 0;
    self->state.next_ms = 0;
    self->state.problem [0] = 0;
    self->state.waiting = 0;
    pthread_mutex_unlock (&self->lock);
}

//  Send until it is taken or skipped. FST_INTERRUPTED when all shall end.
static fst_rc_t
s_tell (fst_deliver_t *self, const char *id, int64_t sequence, const char *body)
{
    pthread_mutex_lock (&self->lock);
    self->state.waiting = sequence;
    pthread_mutex_unlock (&self->lock);
    for (int64_t failures = 0;; failures++) {
        int64_t asked_s;
        fst_rc_t rc = fst_hook_send (self->hook, id, body, &asked_s);
        if (rc == FST_OK)
            break;
        if (rc == FST_INTERRUPTED)
            return rc;
        int64_t wait_s = fst_deliver_wait_s (failures, randombytes_random ());
        if (asked_s > wait_s)
            wait_s = asked_s < ASKED_S_MAX? asked_s: ASKED_S_MAX;
        s_failed (self, id, wait_s);
        if (!s_wait (self, wait_s * 1000, false))
            return FST_INTERRUPTED;
        if (s_is_skipped (self)) {
            s_taken (self, sequence, false);
            return FST_OK;
        }
    }
    s_taken (self, sequence, true);
    return FST_OK;
}

static fst_rc_t
s_move_cursor (fst_deliver_t *self, int64_t sequence)
{
    fst_rc_t rc = filestore_call (self->client, "metadata", "MOVE_CURSOR",
                                  json_pack ("{s:s, s:I}", "cursor", CURSOR, "sequence", (json_int_t) sequence), NULL);
    if (rc == FST_OK) {
        pthread_mutex_lock (&self->lock);
        self->state.sequence = sequence;
        pthread_mutex_unlock (&self->lock);
    }
    return rc;
}

static fst_rc_t
s_tell_event (fst_deliver_t *self, json_t *event)
{
    char id [32];
    int64_t sequence = json_integer_value (json_object_get (event, "sequence"));
    snprintf (id, sizeof (id), "%" PRId64, sequence);
    char *body = s_body (event);
    fst_rc_t rc = s_tell (self, id, sequence, body);
    free (body);
    return rc == FST_OK? s_move_cursor (self, sequence): rc;
}

//  Events that are not kept any more cannot be told, but that they are missing can.
static fst_rc_t
s_tell_gap (fst_deliver_t *self, json_t *page)
{
    char id [40];
    int64_t first = json_integer_value (json_object_get (page, "first"));
    snprintf (id, sizeof (id), "gap-%" PRId64, first);
    fst_log_warning ("events before %" PRId64 " are not kept any more; the other side is told", first);
    json_t *gap = json_pack ("{s:s, s:{s:I}}", "type", "gap", "data", "first", (json_int_t) first);
    char *body = json_dumps (gap, JSON_COMPACT);
    json_decref (gap);
    fst_rc_t rc = s_tell (self, id, first, body);
    free (body);
    return rc;
}

//  ---- The thread

static fst_rc_t
s_turn (fst_deliver_t *self, bool *more_p)
{
    json_t *page = NULL, *event;
    size_t at;
    fst_rc_t rc = filestore_call (self->client, "metadata", "LIST_EVENTS", json_deep_copy (self->ask), &page);
    if (rc != FST_OK)
        return rc;
    bool gap = json_is_true (json_object_get (page, "gap"));
    if (gap)
        rc = s_tell_gap (self, page);
    int64_t last = gap? -1: self->state.sequence;   //  Of an older database: the cursor goes back
    json_array_foreach (json_object_get (page, "events"), at, event) {
        if (rc == FST_OK)
            rc = s_tell_event (self, event);
        last = json_integer_value (json_object_get (event, "sequence"));
    }
    int64_t sequence = json_integer_value (json_object_get (page, "sequence"));
    if (rc == FST_OK && sequence > last)
        rc = s_move_cursor (self, sequence);        //  Past events that were not wanted
    *more_p = json_is_true (json_object_get (page, "more"));
    json_decref (page);
    return rc;
}

static void *
s_run (void *arg)
{
    fst_deliver_t *self = arg;
    fst_rc_t last = FST_OK;
    bool more = true;
    fst_log_set_subject ("webhook");
    while (s_wait (self, last != FST_OK? RETRY_MS: more? 0: IDLE_MS, true)) {
        fst_rc_t rc = s_turn (self, &more);
        if (rc != last && rc != FST_OK && rc != FST_INTERRUPTED)
            fst_log_warning ("no events: %s (%s)", filestore_problem (self->client), fst_error_code (rc));
        last = rc;
    }
    return NULL;
}

static json_t *
s_ask (const fst_deliver_options_t *options)
{
    json_t *ask = json_pack ("{s:s, s:i}", "cursor", CURSOR, "limit", PAGE_EVENTS);
    if (*options->path)
        json_object_set_new (ask, "path", json_string (options->path));
    json_t *types = json_array ();
    char *list = strdup (options->types), *rest = list, *type;
    assert (list);
    while ((type = strsep (&rest, " ,")))
        if (*type)
            json_array_append_new (types, json_string (type));
    free (list);
    if (json_array_size (types))
        json_object_set (ask, "types", types);
    json_decref (types);
    return ask;
}

fst_rc_t
fst_deliver_new (const fst_deliver_options_t *options, fst_deliver_t **self_p, char **problem_p)
{
    assert (options && self_p);
    fst_deliver_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->ask = s_ask (options);
    pthread_mutex_init (&self->lock, NULL);
    pthread_cond_init (&self->changed, NULL);
    fst_rc_t rc = fst_hook_new (options->url, options->secret, options->ca, &self->stop, &self->hook, problem_p);
    if (rc == FST_OK)
        rc = filestore_new (options->client, &self->client, problem_p);
    if (rc == FST_OK)
        rc = filestore_use_token (self->client, options->token);
    if (rc == FST_OK && pthread_create (&self->thread, NULL, s_run, self) != 0)
        rc = FST_INTERNAL;
    self->running = rc == FST_OK;
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_deliver_destroy (&self);
    return rc;
}

void
fst_deliver_destroy (fst_deliver_t **self_p)
{
    assert (self_p);
    fst_deliver_t *self = *self_p;
    if (!self)
        return;
    if (self->running) {
        pthread_mutex_lock (&self->lock);
        atomic_store (&self->stop, true);
        pthread_cond_signal (&self->changed);
        pthread_mutex_unlock (&self->lock);
        filestore_stop (self->client);
        pthread_join (self->thread, NULL);
    }
    filestore_destroy (&self->client);
    fst_hook_destroy (&self->hook);
    json_decref (self->ask);
    pthread_cond_destroy (&self->changed);
    pthread_mutex_destroy (&self->lock);
    free (self);
    *self_p = NULL;
}

//  ---- From other threads

void
fst_deliver_wake (fst_deliver_t *self)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    self->news = true;
    pthread_cond_signal (&self->changed);
    pthread_mutex_unlock (&self->lock);
}

void
fst_deliver_state (fst_deliver_t *self, fst_deliver_state_t *state)
{
    assert (self && state);
    pthread_mutex_lock (&self->lock);
    *state = self->state;
    pthread_mutex_unlock (&self->lock);
}

fst_rc_t
fst_deliver_skip (fst_deliver_t *self, int64_t sequence)
{
    assert (self);
    pthread_mutex_lock (&self->lock);
    bool waits = sequence && self->state.waiting == sequence && self->state.failures;
    if (waits)
        self->skip = sequence;
    pthread_cond_signal (&self->changed);
    pthread_mutex_unlock (&self->lock);
    return waits? FST_OK: FST_NOT_FOUND;
}
