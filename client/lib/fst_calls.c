//  Calls of a client that are under way.

#include "fst_calls.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include "fst_caller.h"
#include "fst_clock.h"
#include "fst_schema.h"

#define BUSY_FIRST_MS     20        //  A busy service is asked again after this time, then twice it, ...
#define BUSY_MOST_MS    1000
#define BUSY_GIVE_UP_MS 10000

//  A call that has not been answered yet.
typedef struct s_call {
    LIST_ENTRY (s_call) link;
    uint64_t ticket;                //  0 while it waits to be sent again
    char *service, *command;
    json_t *payload;
    fst_calls_done_fn *done;       //  NULL: nobody wants the answer any more
    void *owner, *item;
    int64_t begun_ms, again_ms, pause_ms;
    fst_rc_t refused;               //  It could not even be sent; told by the next turn
    char *problem;                  //  Why
} s_call_t;

struct fst_calls {
    fst_caller_t *caller;
    LIST_HEAD (, s_call) calls;
};

static void
s_call_destroy (s_call_t *call)
{
    LIST_REMOVE (call, link);
    json_decref (call->payload);
    free (call->service);
    free (call->command);
    free (call->problem);
    free (call);
}

fst_calls_t *
fst_calls_new (const char *broker, const fst_keys_t *keys, int64_t connect_ms, int64_t reply_ms)
{
    fst_calls_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->caller = fst_caller_new (broker, keys, connect_ms, reply_ms);
    LIST_INIT (&self->calls);
    return self;
}

void
fst_calls_destroy (fst_calls_t **self_p)
{
    assert (self_p);
    fst_calls_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    while (!LIST_EMPTY (&self->calls))
        s_call_destroy (LIST_FIRST (&self->calls));
    fst_caller_destroy (&self->caller);
    free (self);
}

void
fst_calls_set_token (fst_calls_t *self, const char *token)
{
    assert (self);
    fst_caller_set_token (self->caller, token);
}

//  ---- Asking

static void
s_call_send (fst_calls_t *self, s_call_t *call)
{
    json_incref (call->payload);
    fst_rc_t rc = fst_caller_send (self->caller, call->service, call->command, call->payload, &call->ticket);
    if (rc == FST_OK)
        return;
    call->ticket = 0;
    call->again_ms = fst_clock_mono_ms ();
    if (rc == FST_BUSY)             //  Too many are under way: same as a busy service
        call->again_ms += call->pause_ms;
    else {
        call->refused = rc;
        call->problem = strdup (fst_caller_problem (self->caller));
    }
}

void
fst_calls_send (fst_calls_t *self, const char *service, const char *command, json_t *payload,
                fst_calls_done_fn *done, void *owner, void *item)
{
    assert (self);
    assert (done);
    s_call_t *call = calloc (1, sizeof (*call));
    assert (call);
    call->service = strdup (service);
    call->command = strdup (command);
    call->payload = payload? payload: json_object ();
    call->done = done;
    call->owner = owner;
    call->item = item;
    call->begun_ms = fst_clock_mono_ms ();
    call->pause_ms = BUSY_FIRST_MS;
    LIST_INSERT_HEAD (&self->calls, call, link);
    s_call_send (self, call);
}

zmsg_t *
fst_calls_frames (fst_calls_t *self)
{
    assert (self);
    return fst_caller_frames (self->caller);
}

void
fst_calls_forget (fst_calls_t *self, const void *owner)
{
    assert (self);
    s_call_t *call, *next;
    for (call = LIST_FIRST (&self->calls); call; call = next) {
        next = LIST_NEXT (call, link);
        if (call->owner != owner)
            continue;
        if (call->ticket)
            call->done = NULL;      //  The answer is still to come
        else
            s_call_destroy (call);
    }
}

//  ---- Answers

//  Give a result to who asked, unless the service was busy and there is time to ask again.
static void
s_call_finish (s_call_t *call, fst_rc_t rc, json_t *reply, const char *problem)
{
    int64_t now_ms = fst_clock_mono_ms ();
    if (rc == FST_BUSY && call->done && now_ms - call->begun_ms < BUSY_GIVE_UP_MS) {
        call->ticket = 0;
        call->again_ms = now_ms + call->pause_ms;
        call->pause_ms = call->pause_ms * 2 < BUSY_MOST_MS? call->pause_ms * 2: BUSY_MOST_MS;
        return;
    }
    if (call->done)
        call->done (call->owner, call->item, rc, reply, rc == FST_OK? NULL: problem);
    s_call_destroy (call);
}

//  What a callback sees has the form that the contract says.
static bool
s_reply_sane (const s_call_t *call, json_t *reply)
{
    const fst_schema_command_t *schema = fst_schema_find (call->service, call->command);
    return !schema || fst_schema_check (schema->reply, reply, NULL, 0) == FST_OK;
}

static void
s_receive (fst_calls_t *self)
{
    uint64_t ticket;
    fst_rc_t rc;
    json_t *reply;
    while (!LIST_EMPTY (&self->calls) && fst_caller_receive (self->caller, &ticket, &rc, &reply)) {
        s_call_t *call;
        LIST_FOREACH (call, &self->calls, link)
            if (call->ticket == ticket)
                break;
        const char *problem = fst_caller_problem (self->caller);
        if (call && rc == FST_OK && !s_reply_sane (call, reply)) {
            json_decref (reply);
            reply = NULL;
            rc = FST_INTERNAL;
            problem = "the service sent a reply that makes no sense; is it of another version?";
        }
        if (call)
            s_call_finish (call, rc, reply, problem);
        if (rc == FST_OK)
            json_decref (reply);
    }
}

static void
s_tell_refused (fst_calls_t *self)
{
    s_call_t *call, *next;
    for (call = LIST_FIRST (&self->calls); call; call = next) {
        next = LIST_NEXT (call, link);
        if (call->refused != FST_OK)
            s_call_finish (call, call->refused, NULL, call->problem);
    }
}

void
fst_calls_receive (fst_calls_t *self)
{
    assert (self);
    s_receive (self);
    s_tell_refused (self);
}

//  ---- Waiting

//  Send again what a busy service refused. Returns the milliseconds until the next one is due, -1 for none.
static int64_t
s_resend (fst_calls_t *self, int64_t now_ms)
{
    int64_t wait_ms = -1;
    s_call_t *call;
    LIST_FOREACH (call, &self->calls, link) {
        if (!call->ticket && call->again_ms <= now_ms && call->refused == FST_OK)
            s_call_send (self, call);
        int64_t left_ms = call->again_ms > now_ms? call->again_ms - now_ms: 0;
        if (!call->ticket && (wait_ms < 0 || left_ms < wait_ms))
            wait_ms = left_ms;
    }
    return wait_ms;
}

int64_t
fst_calls_wait_ms (fst_calls_t *self)
{
    assert (self);
    if (LIST_EMPTY (&self->calls))
        return -1;
    int64_t resend_ms = s_resend (self, fst_clock_mono_ms ());
    int64_t caller_ms = fst_caller_wait_ms (self->caller);
    if (resend_ms < 0 || caller_ms < 0)
        return resend_ms < 0? caller_ms: resend_ms;
    return resend_ms < caller_ms? resend_ms: caller_ms;
}

zsock_t *
fst_calls_socket (const fst_calls_t *self)
{
    assert (self);
    return LIST_EMPTY (&self->calls)? NULL: fst_caller_socket (self->caller);
}
