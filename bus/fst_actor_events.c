//  Durable events: metadata's journal, asked page by page, handed out one by one; the cursor follows.

#include "fst_actor_self.h"
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_log.h"

#define IDLE_MS         10000       //  Asked after so long, even if nothing was heard of
#define PAUSE_MS        50          //  Between two questions, once all was told
#define RETRY_MS        2000        //  After the bus failed
#define FAILED_MS_MAX   60000       //  Between two tries of an event
#define END_MS          2000        //  For the last move of the cursor
#define PAGE_EVENTS     500
#define TURN_EVENTS     256         //  Handed out before something else gets its turn

struct fst_event {
    fst_actor_events_t *events;
    char topic [64];                //  "gap" is none of metadata's
    json_t *body;                   //  Of the page
};

struct fst_actor_events {
    fst_actor_t *actor;
    json_t *question;               //  What is asked first
    int64_t since;                  //  What is asked later; -1: nothing was told yet
    json_t *page;                   //  NULL: all of the last one was handled
    size_t at;                      //  How many of it were
    bool gap;                       //  It begins with one, which the actor has not taken yet
    bool out;                       //  The handler has the event
    bool settle;                    //  It kept one: the cursor first, then the next
    fst_event_t event;
    int64_t failures;               //  Of it, in a row
    bool asking, news;
    int64_t due_ms;                 //  The event, or the next question, is not for before
    fst_rc_t asked_rc, moved_rc;    //  As the log was told last
    char *cursor;                   //  NULL: the actor keeps the sequence itself
    int64_t handled, moving, moved; //  Sequences; moving: -1 if the cursor is not on its way; moved: -1 if it must be in any case
    int64_t move_ms;                //  Not before
};

static void
s_wake (fst_actor_events_t *self)
{
    self->actor->events_ms = 0;
}

//  Once, not at each try.
static void
s_note (fst_actor_events_t *self, const char *what, fst_rc_t rc, fst_rc_t *last_p)
{
    if (rc == *last_p)
        return;
    if (rc != FST_OK)
        fst_log_warning ("%s: %s (%s); it is tried on", what, fst_actor_problem (self->actor), fst_error_code (rc));
    else
        fst_log_info ("over: %s", what);
    *last_p = rc;
}

static int64_t
s_sequence (json_t *object)
{
    return json_integer_value (json_object_get (object, "sequence"));
}

//  ---- The cursor

static void
s_moved (void *arg, fst_rc_t rc, json_t *reply)
{
    (void) reply;
    fst_actor_events_t *self = arg;
    int64_t moving = self->moving;
    self->moving = -1;
    s_wake (self);
    if (rc == FST_INTERRUPTED)
        return;
    s_note (self, "the cursor cannot be moved", rc, &self->moved_rc);
    if (rc == FST_OK)
        self->moved = moving;
    else
    if (rc == FST_MALFORMED)
        self->handled = self->moved = -1;       //  There is an older database now; it will say that there is a gap
    self->move_ms = rc == FST_OK? 0: fst_clock_mono_ms () + RETRY_MS;
}

static json_t *
s_move (const fst_actor_events_t *self)
{
    return json_pack ("{s:s, s:I}", "cursor", self->cursor, "sequence", (json_int_t) self->handled);
}

static bool
s_cursor_is_behind (const fst_actor_events_t *self)
{
    return self->cursor && self->handled >= 0 && self->handled != self->moved;
}

//  ---- Pages

static void
s_end_page_if_handled (fst_actor_events_t *self)
{
    bool more = json_is_true (json_object_get (self->page, "more"));
    if (self->gap || self->at < json_array_size (json_object_get (self->page, "events")))
        return;
    self->since = self->handled = s_sequence (self->page);      //  Past those that were not wanted
    self->due_ms = more? 0: fst_clock_mono_ms () + PAUSE_MS;
    self->news |= more;
    json_decref (self->page);
    self->page = NULL;
}

static void
s_listed (void *arg, fst_rc_t rc, json_t *reply)
{
    fst_actor_events_t *self = arg;
    self->asking = false;
    s_wake (self);
    if (rc == FST_INTERRUPTED)
        return;
    s_note (self, "no events", rc, &self->asked_rc);
    if (rc != FST_OK) {
        self->news = true;
        self->due_ms = fst_clock_mono_ms () + RETRY_MS;
        return;
    }
    self->page = json_incref (reply);
    self->at = 0;
    self->due_ms = 0;
    self->gap = json_is_true (json_object_get (reply, "gap"));
    if (self->gap)
        self->handled = self->moved = -1;       //  Of an older database: the cursor goes back
    s_end_page_if_handled (self);
}

static void
s_ask (fst_actor_events_t *self)
{
    json_t *question = json_deep_copy (self->question);
    if (self->since >= 0) {
        json_object_del (question, "cursor");
        json_object_set_new (question, "since", json_integer (self->since));
    }
    self->asking = true;
    self->news = false;
    fst_actor_call (self->actor, "metadata", "LIST_EVENTS", question, s_listed, self);
}

//  ---- One event

//  "file" is for all of its types.
static bool
s_is_wanted (const fst_durable_t *row, const char *topic)
{
    size_t bytes = strlen (row->topic);
    return strncmp (row->topic, topic, bytes) == 0 && (topic [bytes] == 0 || topic [bytes] == '.');
}

static fst_durable_fn *
s_find_handler (const fst_actor_events_t *self, const char *topic)
{
    for (const fst_durable_t *row = self->actor->class.events; row->topic; row++)
        if (s_is_wanted (row, topic))
            return row->handle;
    return NULL;
}

static void
s_hand_out (fst_actor_events_t *self)
{
    fst_event_t *event = &self->event;
    fst_durable_fn *handle = self->actor->class.gap;
    event->body = self->gap? self->page: json_array_get (json_object_get (self->page, "events"), self->at);
    if (self->gap)
        strcpy (event->topic, "gap");
    else {
        snprintf (event->topic, sizeof (event->topic), "%s.%s", json_object_get (event->body, "node")? "node": "file",
                  json_string_value (json_object_get (event->body, "type")));
        handle = s_find_handler (self, event->topic);
    }
    if (self->gap && self->failures == 0)
        fst_log_warning ("events before %" PRId64 " are not kept any more, or were of another database",
                         (int64_t) json_integer_value (json_object_get (self->page, "first")));
    self->out = true;
    if (handle)
        handle (self->actor->user, &event);
    self->settle = !event;
    if (event)
        fst_event_done (&event);
}

const char *
fst_event_topic (const fst_event_t *self)
{
    assert (self);
    return self->topic;
}

json_t *
fst_event_body (const fst_event_t *self)
{
    assert (self);
    return self->body;
}

void
fst_event_done (fst_event_t **self_p)
{
    assert (self_p && *self_p);
    fst_actor_events_t *self = (*self_p)->events;
    assert (self->out);
    *self_p = NULL;
    if (self->failures)
        fst_log_info ("handled at last topic=%s sequence=%" PRId64, self->event.topic, s_sequence (self->event.body));
    self->out = false;
    self->failures = 0;
    if (self->gap)
        self->gap = false;
    else {
        self->handled = s_sequence (self->event.body);
        self->at++;
    }
    s_end_page_if_handled (self);
    s_wake (self);
}

void
fst_event_fail (fst_event_t **self_p, const char *format, ...)
{
    assert (self_p && *self_p && format);
    fst_actor_events_t *self = (*self_p)->events;
    assert (self->out);
    *self_p = NULL;
    self->out = false;
    char problem [512];
    va_list args;
    va_start (args, format);
    vsnprintf (problem, sizeof (problem), format, args);
    va_end (args);
    if (self->failures++ == 0)
        fst_log_warning ("not handled topic=%s sequence=%" PRId64 ": %s; it is tried on, and what is behind it waits",
                         self->event.topic, s_sequence (self->event.body), problem);
    int64_t wait_ms = self->failures < 7? INT64_C (500) << self->failures: FAILED_MS_MAX;
    self->due_ms = fst_clock_mono_ms () + wait_ms;
    s_wake (self);
}

int64_t
fst_actor_handled (const fst_actor_t *actor)
{
    assert (actor && actor->events);
    return actor->events->handled;
}

//  ---- For the loop

void
fst_actor_open_durable (fst_actor_t *actor)
{
    const fst_durable_t *row = actor->class.events;
    actor->events_ms = INT64_MAX;
    if (!row || !row->topic)
        return;
    assert (actor->caller && actor->options.service);
    fst_actor_events_t *self = actor->events = calloc (1, sizeof (*self));
    assert (self);
    json_t *types = json_array ();
    for (; row->topic; row++)
        json_array_append_new (types, json_string (row->topic));
    self->actor = actor;
    self->event.events = self;
    self->question = json_pack ("{s:s, s:o, s:i}", "cursor", actor->options.service, "types", types,
                                "limit", PAGE_EVENTS);
    if (actor->class.question)
        actor->class.question (actor->user, self->question);
    const char *cursor = json_string_value (json_object_get (self->question, "cursor"));
    self->cursor = cursor? strdup (cursor): NULL;
    self->since = self->handled = self->moving = self->moved = -1;
    self->news = true;
    s_wake (self);
}

void
fst_actor_hear_durable (fst_actor_t *actor, const char *topic)
{
    fst_actor_events_t *self = actor->events;
    if (!self || (topic && !s_find_handler (self, topic)))
        return;
    self->news = true;
    s_wake (self);
}

//  Whether an event can be handed out. After one that was kept not before the cursor has moved: an actor that is killed
//  in the midst of long work does no more again than that.
static bool
s_is_next (const fst_actor_events_t *self)
{
    return self->page && !self->out && !(self->settle && s_cursor_is_behind (self));
}

int64_t
fst_actor_tick_durable (fst_actor_t *actor, int64_t now_ms)
{
    fst_actor_events_t *self = actor->events;
    for (int count = 0; count < TURN_EVENTS && s_is_next (self) && now_ms >= self->due_ms; count++)
        s_hand_out (self);
    int64_t ask_ms = self->news? self->due_ms: self->due_ms + IDLE_MS;
    if (!self->page && !self->asking && now_ms >= ask_ms)
        s_ask (self);
    if (s_cursor_is_behind (self) && self->moving < 0 && now_ms >= self->move_ms) {
        self->moving = self->handled;
        fst_actor_call (actor, "metadata", "MOVE_CURSOR", s_move (self), s_moved, self);
    }
    int64_t wake_ms = s_is_next (self)? self->due_ms: self->page || self->asking? INT64_MAX: ask_ms;
    if (s_cursor_is_behind (self) && self->moving < 0 && self->move_ms < wake_ms)
        wake_ms = self->move_ms;
    return wake_ms;
}

//  The calls of the loop have ended, so with a caller of its own; without it the last events come again.
static void
s_move_at_end (fst_actor_events_t *self)
{
    const fst_actor_options_t *options = &self->actor->options;
    fst_caller_t *caller = fst_caller_new (options->broker, options->keys, END_MS, END_MS);
    fst_caller_set_token (caller, options->keys? options->keys->token: NULL);
    if (fst_caller_call (caller, "metadata", "MOVE_CURSOR", s_move (self), NULL) != FST_OK)
        fst_log_info ("the last events come again at the next start: %s", fst_caller_problem (caller));
    fst_caller_destroy (&caller);
}

void
fst_actor_close_durable (fst_actor_t *actor)
{
    fst_actor_events_t *self = actor->events;
    if (!self)
        return;
    if (s_cursor_is_behind (self))
        s_move_at_end (self);
    json_decref (self->page);
    json_decref (self->question);
    free (self->cursor);
    free (self);
    actor->events = NULL;
}
