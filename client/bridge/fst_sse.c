//  Server-sent events.

#include "fst_sse.h"
#include <assert.h>
#include <czmq.h>
#include "fst_clock.h"
#include "fst_log.h"

#define QUEUE_BYTES_ENOUGH  (64 * 1024)     //  No more is fetched, and what may be lost is left out
#define LISTENERS_EACH_MAX  64              //  Of one user: pages, and scripts
#define PAGE_EVENTS         500             //  Of one LIST_EVENTS
#define ASK_MS              100             //  Between two questions for one listener who was told all there was
#define RETRY_MS            1000            //  After one that failed
#define TICK_MS             1000
#define COMMENT_MS          15000
#define STATUS_MS           10000           //  At least so often
#define STATUS_FAST_MS      1000            //  While it changes

typedef struct {
    fst_sse_t *sse;
    fst_http_request_t *request;            //  Held
    fst_claims_t claims;
    char *token;
    char *queue;                            //  What was not sent yet: queue [sent .. used]
    size_t sent, used, size;
    int64_t since;                          //  Sequence up to which it was told; -1: from now on
    int64_t id;                             //  The last that was sent
    int64_t known;                          //  There is something new up to here; INT64_MAX: ask in any case
    bool asking;
    bool open;                              //  The answer has begun
    bool late;                              //  It began before metadata said where "now" is
    bool reminded;                          //  That half of the session is over
    bool ending;                            //  The stream ends when the queue is empty
    int64_t ask_ms, comment_ms;
} s_listener_t;

struct fst_sse {
    fst_actor_t *actor;
    fst_session_t *session;
    zlistx_t *listeners;
    json_t *status;                         //  The last one; NULL: none yet
    bool asking_status;
    bool stirred;                           //  Something happened since the status was asked for
    int64_t status_ms;                      //  When it was sent last
    int64_t status_asked_ms;
    int64_t tick_ms;                        //  When tick was wanted last
};

//  ---- Listeners

static void
s_listener_destroy (s_listener_t **self_p)
{
    s_listener_t *self = *self_p;
    fst_http_release (&self->request);
    free (self->token);
    free (self->queue);
    free (self);
    *self_p = NULL;
}

//  Gone, and no question of its own is under way any more.
static void
s_drop_if_unused (s_listener_t *listener)
{
    if (!fst_http_gone (listener->request) || listener->asking)
        return;
    fst_sse_t *self = listener->sse;
    if (self)
        zlistx_detach (self->listeners, zlistx_find (self->listeners, listener));
    s_listener_destroy (&listener);
}

static void
s_left (void *arg, fst_http_request_t *request)
{
    (void) request;
    s_drop_if_unused (arg);
}

static size_t
s_waiting (const s_listener_t *listener)
{
    return listener->used - listener->sent;
}

static void
s_append (s_listener_t *listener, const char *text, size_t bytes)
{
    if (listener->sent) {
        memmove (listener->queue, listener->queue + listener->sent, s_waiting (listener));
        listener->used -= listener->sent;
        listener->sent = 0;
    }
    if (listener->used + bytes > listener->size) {
        listener->size = (listener->used + bytes) * 2;
        listener->queue = realloc (listener->queue, listener->size);
        assert (listener->queue);
    }
    memcpy (listener->queue + listener->used, text, bytes);
    listener->used += bytes;
    fst_http_resume (listener->request);
}

//  data is one line of JSON. id below 0: none.
static void
s_send (s_listener_t *listener, int64_t id, const char *topic, const char *data)
{
    char *text = id < 0? zsys_sprintf ("event: %s\ndata: %s\n\n", topic, data):
                 zsys_sprintf ("id: %lld\nevent: %s\ndata: %s\n\n", (long long) id, topic, data);
    assert (text);
    s_append (listener, text, strlen (text));
    free (text);
}

static void
s_send_json (s_listener_t *listener, int64_t id, const char *topic, json_t *body)
{
    char *data = json_dumps (body, JSON_COMPACT);
    assert (data);
    s_send (listener, id, topic, data);
    free (data);
}

//  What may be lost is, for one that does not keep up.
static void
s_send_all (fst_sse_t *self, const char *topic, json_t *body)
{
    char *data = json_dumps (body, JSON_COMPACT);
    assert (data);
    for (s_listener_t *listener = zlistx_first (self->listeners); listener; listener = zlistx_next (self->listeners))
        if (s_waiting (listener) < QUEUE_BYTES_ENOUGH && !listener->ending)
            s_send (listener, -1, topic, data);
    free (data);
}

static ssize_t
s_read (void *arg, void *data, size_t bytes)
{
    s_listener_t *listener = arg;
    size_t some = s_waiting (listener) < bytes? s_waiting (listener): bytes;
    bool enough = s_waiting (listener) >= QUEUE_BYTES_ENOUGH;
    memcpy (data, listener->queue + listener->sent, some);
    listener->sent += some;
    if (enough && s_waiting (listener) < QUEUE_BYTES_ENOUGH && listener->sse)
        fst_actor_wake (listener->sse->actor, fst_clock_mono_ms ());    //  There may be more for him
    if (some == 0 && listener->ending)
        return FST_HTTP_END;
    return (ssize_t) some;
}

//  Begin the answer. Who listens from now on is answered only when metadata has said where that is: then nothing
//  that happens after the answer is missed. If metadata does not answer it begins all the same.
static void
s_open (s_listener_t *listener)
{
    if (listener->open)
        return;
    listener->open = true;
    fst_http_set_patience (listener->request, 0);
    fst_http_reply_stream (listener->request, 200, "text/event-stream", -1, s_read, listener);
}

//  ---- Durable events

static void
s_ask (s_listener_t *listener);

static void
s_send_event (s_listener_t *listener, json_t *event)
{
    char topic [100];
    bool node = json_object_get (event, "node") != NULL;
    snprintf (topic, sizeof (topic), "%s.%s", node? "node": "file", json_string_value (json_object_get (event, "type")));
    listener->id = json_integer_value (json_object_get (event, "sequence"));
    s_send_json (listener, listener->id, topic, event);
}

static void
s_take_events (s_listener_t *listener, json_t *reply)
{
    size_t at;
    json_t *event;
    int64_t sequence = json_integer_value (json_object_get (reply, "sequence"));
    if (json_is_true (json_object_get (reply, "gap")) || listener->late)
        s_send (listener, sequence, "gap", "{}");
    json_array_foreach (json_object_get (reply, "events"), at, event)
        s_send_event (listener, event);
    if (sequence != listener->id) {             //  What it may not know of: it need not be looked through again
        char text [40];
        int bytes = snprintf (text, sizeof (text), "id: %lld\n\n", (long long) sequence);
        s_append (listener, text, (size_t) bytes);
        listener->id = sequence;
    }
    listener->since = sequence;
    listener->late = false;
    bool more = json_is_true (json_object_get (reply, "more"));
    listener->known = more? INT64_MAX: listener->known == INT64_MAX? 0: listener->known;
}

static void
s_end_session (s_listener_t *listener, const char *code)
{
    json_t *body = json_pack ("{s:b, s:s}", "signed_in", 0, "code", code);
    s_send_json (listener, -1, "session", body);
    json_decref (body);
    listener->ending = true;
}

static void
s_listed (void *arg, fst_rc_t rc, json_t *reply)
{
    s_listener_t *listener = arg;
    listener->asking = false;
    if (fst_http_gone (listener->request)) {
        s_drop_if_unused (listener);
        return;
    }
    bool more = rc == FST_OK && json_is_true (json_object_get (reply, "more"));
    listener->ask_ms = fst_clock_mono_ms () + (more? 0: rc == FST_OK? ASK_MS: RETRY_MS);
    if (rc == FST_OK)
        s_take_events (listener, reply);
    else
    if (rc == FST_EXPIRED || rc == FST_UNAUTHENTICATED)
        s_end_session (listener, fst_error_code (rc));
    else {
        fst_log_debug ("events not listed reason=%s", fst_error_code (rc));
        listener->known = INT64_MAX;
        listener->late = listener->since < 0;
    }
    s_open (listener);
    if (listener->sse && listener->known > listener->since)
        fst_actor_wake (listener->sse->actor, listener->ask_ms);
}

static void
s_ask (s_listener_t *listener)
{
    listener->asking = true;
    listener->known = listener->known == INT64_MAX? 0: listener->known;
    json_t *payload = listener->since < 0? NULL: json_pack ("{s:I, s:i}", "since", (json_int_t) listener->since,
                                                             "limit", PAGE_EVENTS);
    fst_actor_call_as (listener->sse->actor,
                       fst_session_newest (listener->sse->session, &listener->claims, listener->token),
                       "metadata", "LIST_EVENTS", payload, s_listed, listener);
}

//  Ask now, or say when.
static int64_t
s_ask_if_due (s_listener_t *listener, int64_t now_ms)
{
    if (listener->asking || listener->ending || listener->known <= listener->since
    || s_waiting (listener) >= QUEUE_BYTES_ENOUGH)
        return INT64_MAX;
    if (now_ms < listener->ask_ms)
        return listener->ask_ms;
    s_ask (listener);
    return INT64_MAX;
}

//  There is something up to this sequence.
static void
s_stir (fst_sse_t *self, int64_t sequence)
{
    int64_t now_ms = fst_clock_mono_ms (), wake_ms = INT64_MAX;
    self->stirred = true;
    for (s_listener_t *listener = zlistx_first (self->listeners); listener; listener = zlistx_next (self->listeners)) {
        if (sequence > listener->known)
            listener->known = sequence;
        int64_t ask_ms = s_ask_if_due (listener, now_ms);
        wake_ms = ask_ms < wake_ms? ask_ms: wake_ms;
    }
    if (wake_ms != INT64_MAX)
        fst_actor_wake (self->actor, wake_ms);
}

void
fst_sse_event (fst_sse_t *self, const char *topic, json_t *body)
{
    assert (self && topic && body);
    if (strncmp (topic, "heartbeat.", 10) == 0) {
        self->stirred = true;
        s_send_all (self, topic, body);
    }
    else
    if (strcmp (topic, "history") == 0)         //  Our own
        s_send_all (self, topic, body);
    else
        s_stir (self, json_integer_value (json_object_get (body, "sequence")));
}

//  ---- Status

static void
s_status_told (void *arg, fst_rc_t rc, json_t *reply)
{
    fst_sse_t *self = arg;
    int64_t now_ms = fst_clock_mono_ms ();
    self->asking_status = false;
    if (rc != FST_OK)
        return;
    bool stirred = self->stirred;
    bool same = self->status && json_equal (self->status, reply);
    if (!same || now_ms - self->status_ms >= STATUS_MS) {
        s_send_all (self, "status", reply);
        self->status_ms = now_ms;
    }
    json_decref (self->status);
    self->status = json_incref (reply);
    s_stir (self, json_integer_value (json_object_get (reply, "sequence")));   //  An event of the bus may have been lost
    self->stirred = stirred || !same;   //  It changes: look again soon
}

static void
s_ask_status_if_due (fst_sse_t *self, int64_t now_ms)
{
    int64_t wait_ms = self->stirred || !self->status? STATUS_FAST_MS: STATUS_MS;
    if (self->asking_status || zlistx_size (self->listeners) == 0 || now_ms - self->status_asked_ms < wait_ms)
        return;
    self->asking_status = true;
    self->stirred = false;
    self->status_asked_ms = now_ms;
    fst_actor_call (self->actor, "metadata", "STATUS", NULL, s_status_told, self);
}

//  ---- Time

static void
s_look_after (s_listener_t *listener, int64_t now_ms)
{
    fst_sse_t *self = listener->sse;
    fst_claims_t claims;
    if (listener->ending)
        return;
    fst_rc_t rc = fst_actor_check_token (self->actor, fst_session_newest (self->session, &listener->claims, listener->token),
                                         &claims);
    if (rc != FST_OK) {
        s_end_session (listener, fst_error_code (rc));
        return;
    }
    bool half = fst_session_is_half_over (self->session, claims.expires_ms);
    if (half && !listener->reminded) {
        json_t *body = json_pack ("{s:b, s:I}", "signed_in", 1, "expires_ms", (json_int_t) claims.expires_ms);
        s_send_json (listener, -1, "session", body);
        json_decref (body);
    }
    listener->reminded = half;
    if (now_ms >= listener->comment_ms) {
        s_append (listener, ":\n\n", 3);
        listener->comment_ms = now_ms + COMMENT_MS;
    }
}

int64_t
fst_sse_tick (fst_sse_t *self, int64_t now_ms)
{
    assert (self);
    bool second = now_ms >= self->tick_ms;
    if (second)
        self->tick_ms = now_ms + TICK_MS;
    int64_t wake_ms = self->tick_ms;
    for (s_listener_t *listener = zlistx_first (self->listeners); listener; listener = zlistx_next (self->listeners)) {
        if (second)
            s_look_after (listener, now_ms);
        int64_t ask_ms = s_ask_if_due (listener, now_ms);
        wake_ms = ask_ms < wake_ms? ask_ms: wake_ms;
    }
    s_ask_status_if_due (self, now_ms);
    return zlistx_size (self->listeners)? wake_ms: INT64_MAX;
}

//  ---- Listening

//  The sequence after which to go on; -1: from now on. False if what was given is none.
static bool
s_read_since (const fst_http_request_t *request, int64_t *since_p)
{
    const char *text = fst_http_header (request, "Last-Event-ID");
    if (!text)
        text = fst_http_query (request, "since");
    *since_p = -1;
    if (!text)
        return true;
    size_t digits = strspn (text, "0123456789");
    if (digits < 1 || digits > 15 || text [digits])
        return false;
    *since_p = strtoll (text, NULL, 10);
    return true;
}

static size_t
s_count_user (const fst_sse_t *self, const char *user)
{
    size_t count = 0;
    for (s_listener_t *listener = zlistx_first (self->listeners); listener; listener = zlistx_next (self->listeners))
        count += !fst_http_gone (listener->request) && strcmp (listener->claims.name, user) == 0;
    return count;
}

static void
s_get (void *arg, fst_http_request_t *request)
{
    fst_sse_t *self = arg;
    int64_t since;
    if (!s_read_since (request, &since)) {
        fst_http_fail (request, FST_MALFORMED, "Last-Event-ID and since are the number of an event");
        return;
    }
    if (s_count_user (self, fst_http_claims (request)->name) >= LISTENERS_EACH_MAX) {
        fst_http_fail (request, FST_TOO_MANY, "you listen to the events too often already; close some pages");
        return;
    }
    fst_http_set_header (request, "Cache-Control", "no-store");
    fst_http_set_header (request, "X-Accel-Buffering", "no");       //  nginx would keep it back
    if (fst_http_is_head (request)) {
        fst_http_set_header (request, "Content-Type", "text/event-stream");
        fst_http_reply_empty (request, 200);
        return;
    }
    s_listener_t *listener = calloc (1, sizeof (*listener));
    assert (listener);
    listener->sse = self;
    listener->request = fst_http_hold (request);
    listener->claims = *fst_http_claims (request);
    listener->token = strdup (fst_http_token (request));
    listener->since = listener->id = since;
    listener->known = INT64_MAX;
    listener->comment_ms = fst_clock_mono_ms () + COMMENT_MS;
    zlistx_add_end (self->listeners, listener);
    fst_http_on_end (request, s_left, listener);
    s_append (listener, "retry: 2000\n\n", 13);
    if (self->status && fst_clock_mono_ms () - self->status_ms < STATUS_MS)
        s_send_json (listener, -1, "status", self->status);
    self->stirred = true;
    if (since >= 0)
        s_open (listener);
    fst_actor_wake (self->actor, fst_clock_mono_ms ());
}

static const fst_http_route_t s_routes [] = {
    { "GET", "/api/v1/events", FST_HTTP_QUIET, s_get },
    { NULL }
};

fst_sse_t *
fst_sse_new (fst_actor_t *actor, fst_http_t *http, fst_session_t *session)
{
    assert (actor && http && session);
    fst_sse_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->actor = actor;
    self->session = session;
    self->listeners = zlistx_new ();
    fst_http_add_routes (http, s_routes, self);
    return self;
}

void
fst_sse_destroy (fst_sse_t **self_p)
{
    assert (self_p);
    fst_sse_t *self = *self_p;
    if (!self)
        return;
    //  Requests end with the server, later; calls have ended before
    for (s_listener_t *listener = zlistx_first (self->listeners); listener; listener = zlistx_next (self->listeners))
        listener->sse = NULL;
    zlistx_destroy (&self->listeners);
    json_decref (self->status);
    free (self);
    *self_p = NULL;
}

unsigned
fst_sse_count (const fst_sse_t *self)
{
    assert (self);
    return (unsigned) zlistx_size (self->listeners);
}
