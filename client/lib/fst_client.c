//  A client: its session, its calls, and the loop in which everything else of libfilestore happens.

#include "fst_client.h"
#include <assert.h>
#include <czmq.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include "fst_bytes.h"
#include "fst_caller.h"
#include "fst_clock.h"
#include "fst_keys.h"
#include "fst_schema.h"
#include "fst_text.h"
#include "fst_token.h"

#define BUSY_FIRST_MS     20        //  A busy service is asked again after this time, then twice it, ...
#define BUSY_MOST_MS    1000
#define BUSY_GIVE_UP_MS 10000
#define RENEW_AGAIN_MS  30000       //  After a renewal that failed
#define JOBS_MAX          512
#define TOKEN_BYTES_MAX  1024

//  A call that has not been answered yet.
typedef struct s_call {
    LIST_ENTRY (s_call) link;
    uint64_t ticket;                //  0 while it waits to be sent again
    char *service, *command;
    json_t *payload;
    fst_client_done_fn *done;       //  NULL: nobody wants the answer any more
    void *owner, *item;
    int64_t begun_ms, again_ms, pause_ms;
    fst_rc_t refused;               //  It could not even be sent; told by the next turn
    char *problem;                  //  Why
} s_call_t;

struct filestore {
    fst_config_t *config;
    fst_keys_t *keys;               //  NULL if none are configured
    fst_caller_t *caller;
    fst_data_t *data;
    fst_buffers_t *buffers;
    fst_pool_t *pool;               //  NULL until the first transfer
    int64_t reserved;               //  Octets that downloads hold
    LIST_HEAD (, s_call) calls;
    int64_t looked_ms;              //  When the loop last turned
    char *problem;

    char *token;                    //  NULL: nobody is logged in
    char user [FST_USER_BYTES_MAX * 2 + 1];
    int64_t expires_ms;             //  Of the token, wall time; 0 = never
    int64_t life_ms;                //  How long a fresh one is good
    int64_t renew_after_ms;         //  Not before this (monotonic): the last try failed
    bool renewing;
};

//  ---- Life

fst_rc_t
filestore_new (const fst_config_t *config, filestore_t **self_p, char **problem_p)
{
    assert (config);
    assert (self_p);
    const char *broker = fst_config_text (config, "broker");
    const char *key_file = fst_config_text (config, "keys");
    if (!*broker) {
        *problem_p = strdup ("no broker is named: set \"broker\" to its endpoint, in the client's configuration "
                             "file or with --set broker=ENDPOINT");
        return FST_MALFORMED;
    }
    fst_keys_t *keys = NULL;
    if (*key_file) {
        fst_rc_t rc = fst_keys_load (key_file, &keys, problem_p);
        if (rc != FST_OK)
            return rc;
    }
    filestore_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->config = fst_config_dup (config);
    self->keys = keys;
    self->caller = fst_caller_new (broker, keys, fst_config_number (config, "connect-timeout"),
                                   fst_config_number (config, "reply-timeout"));
    self->data = fst_data_new ();
    self->buffers = fst_buffers_new (FST_CLIENT_BYTES_MAX);
    self->looked_ms = fst_clock_mono_ms ();
    LIST_INIT (&self->calls);
    *self_p = self;
    return FST_OK;
}

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

void
filestore_destroy (filestore_t **self_p)
{
    assert (self_p);
    filestore_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    fst_pool_destroy (&self->pool);
    fst_data_destroy (&self->data);
    fst_buffers_destroy (&self->buffers);
    while (!LIST_EMPTY (&self->calls))
        s_call_destroy (LIST_FIRST (&self->calls));
    fst_caller_destroy (&self->caller);
    fst_keys_destroy (&self->keys);
    fst_config_destroy (&self->config);
    free (self->token);
    free (self->problem);
    free (self);
}

//  ---- Failures

const char *
filestore_problem (const filestore_t *self)
{
    assert (self);
    return self->problem? self->problem: "";
}

fst_rc_t
fst_client_fail (filestore_t *self, fst_rc_t rc, const char *format, ...)
{
    assert (self);
    assert (rc != FST_OK);
    char *problem = NULL;
    va_list args;
    va_start (args, format);
    int length = vasprintf (&problem, format, args);
    va_end (args);
    assert (length >= 0);
    free (self->problem);           //  After: it may be one of the arguments
    self->problem = problem;
    return rc;
}

char *
fst_client_sentence (const char *path, fst_rc_t rc, const char *sentence)
{
    if (!sentence || !*sentence)
        sentence = fst_error_text (rc);
    char *text = NULL;
    if (path && *path && !strstr (sentence, path)) {
        int length = asprintf (&text, "%s: %s", path, sentence);
        assert (length >= 0);
    }
    else {
        text = strdup (sentence);
        assert (text);
    }
    return text;
}

//  ---- Parts

const char *
fst_client_user (const filestore_t *self)
{
    assert (self);
    return self->user;
}

fst_data_t *
fst_client_data (filestore_t *self)
{
    assert (self);
    return self->data;
}

fst_buffers_t *
fst_client_buffers (filestore_t *self)
{
    assert (self);
    return self->buffers;
}

fst_pool_t *
fst_client_pool (filestore_t *self)
{
    assert (self);
    if (!self->pool)
        self->pool = fst_pool_new ("fst-crypt", (unsigned) fst_config_number (self->config, "crypt-threads"), JOBS_MAX);
    return self->pool;
}

bool
fst_client_reserve (filestore_t *self, int64_t bytes)
{
    assert (self);
    if (self->reserved && self->reserved + bytes > FST_CLIENT_BYTES_MAX)
        return false;
    self->reserved += bytes;
    return true;
}

void
fst_client_release (filestore_t *self, int64_t bytes)
{
    assert (self);
    self->reserved -= bytes;
    assert (self->reserved >= 0);
}

//  ---- Calls

static void
s_call_send (filestore_t *self, s_call_t *call)
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
fst_client_call (filestore_t *self, const char *service, const char *command, json_t *payload,
                 fst_client_done_fn *done, void *owner, void *item)
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

void
fst_client_forget (filestore_t *self, const void *owner)
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
    fst_data_forget (self->data, owner);
}

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
s_receive_calls (filestore_t *self)
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

//  Send again what a busy service refused. Returns the milliseconds until the next one is due, -1 for none.
static int64_t
s_resend_calls (filestore_t *self, int64_t now_ms)
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

static void
s_tell_refused (filestore_t *self)
{
    s_call_t *call, *next;
    for (call = LIST_FIRST (&self->calls); call; call = next) {
        next = LIST_NEXT (call, link);
        if (call->refused != FST_OK)
            s_call_finish (call, call->refused, NULL, call->problem);
    }
}

typedef struct {
    bool done;
    fst_rc_t rc;
    json_t *reply;
    char *problem;
} s_answer_t;

static void
s_answered (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    (void) item;
    s_answer_t *answer = owner;
    answer->done = true;
    answer->rc = rc;
    answer->reply = json_incref (reply);
    answer->problem = problem? strdup (problem): NULL;
}

fst_rc_t
fst_client_ask (filestore_t *self, const char *service, const char *command, json_t *payload, const char *path,
                json_t **reply_p)
{
    s_answer_t answer = { .rc = FST_OK };
    fst_client_call (self, service, command, payload, s_answered, &answer, NULL);
    while (!answer.done) {
        fst_rc_t rc = fst_client_turn (self, 1000);
        if (rc != FST_OK && !answer.done) {
            fst_client_forget (self, &answer);
            return fst_client_fail (self, rc, "%s%s%s", path? path: "", path? ": ": "", fst_error_text (rc));
        }
    }
    if (answer.rc != FST_OK) {
        char *sentence = fst_client_sentence (path, answer.rc, answer.problem);
        fst_client_fail (self, answer.rc, "%s", sentence);
        free (sentence);
    }
    else
    if (reply_p)
        *reply_p = json_incref (answer.reply);
    json_decref (answer.reply);
    free (answer.problem);
    return answer.rc;
}

//  ---- The loop

static int64_t
s_least (int64_t a, int64_t b)
{
    return b >= 0 && b < a? b: a;
}

fst_rc_t
fst_client_turn (filestore_t *self, int64_t wait_ms)
{
    assert (self);
    if (zsys_interrupted)
        return FST_INTERRUPTED;
    enum { ITEMS_MAX = 4 + 256 };
    zmq_pollitem_t items [ITEMS_MAX];
    size_t count = 0;
    items [count++] = (zmq_pollitem_t) { .fd = fst_buffers_fd (self->buffers), .events = ZMQ_POLLIN };
    if (self->pool)
        items [count++] = (zmq_pollitem_t) { .fd = fst_pool_fd (self->pool), .events = ZMQ_POLLIN };
    if (!LIST_EMPTY (&self->calls)) {
        wait_ms = s_least (wait_ms, s_resend_calls (self, fst_clock_mono_ms ()));
        wait_ms = s_least (wait_ms, fst_caller_wait_ms (self->caller));
        if (fst_caller_socket (self->caller))
            items [count++] = (zmq_pollitem_t) { .socket = zsock_resolve (fst_caller_socket (self->caller)),
                                                 .events = ZMQ_POLLIN };
    }
    size_t nodes = fst_data_poll_items (self->data, items + count, ITEMS_MAX - count);
    if (nodes > ITEMS_MAX - count) {
        nodes = (ITEMS_MAX - count) / 2 * 2;    //  More than fit: the others are looked at soon
        wait_ms = s_least (wait_ms, 10);
    }
    if (fst_data_waiting (self->data))
        wait_ms = s_least (wait_ms, 100);
    int rc = zmq_poll (items, (int) (count + nodes), wait_ms);
    if (rc == -1 && errno == EINTR && zsys_interrupted)
        return FST_INTERRUPTED;

    int64_t now_ms = fst_clock_mono_ms ();
    if (items [0].revents)
        fst_buffers_heard (self->buffers);
    if (self->pool)
        fst_pool_collect (self->pool);
    fst_data_receive (self->data, now_ms);
    s_receive_calls (self);
    s_tell_refused (self);
    fst_data_tick (self->data, self->looked_ms, now_ms);
    self->looked_ms = now_ms;
    return FST_OK;
}

void
fst_client_settle (filestore_t *self)
{
    assert (self);
    while (self->pool && fst_pool_pending (self->pool)) {
        zmq_pollitem_t item = { .fd = fst_pool_fd (self->pool), .events = ZMQ_POLLIN };
        zmq_poll (&item, 1, 1000);
        fst_pool_collect (self->pool);
    }
}

fst_rc_t
fst_progress_tell (fst_progress_t *self, int64_t done_bytes, int64_t total_bytes, bool last)
{
    assert (self);
    if (!self->call)
        return FST_OK;
    int64_t now_ms = fst_clock_mono_ms ();
    if (now_ms < self->due_ms && !last)
        return FST_OK;
    self->due_ms = now_ms + 100;
    return self->call (self->arg, done_bytes, total_bytes)? FST_OK: FST_INTERRUPTED;
}

//  ---- Session

//  Look into a token without checking it: that is for the services; here it says only when to renew.
static fst_rc_t
s_token_read (const char *token, char *user, size_t size, int64_t *expires_ms_p)
{
    uint8_t octets [TOKEN_BYTES_MAX];
    size_t bytes;
    if (fst_base64_decode (token, octets, sizeof (octets), &bytes) != FST_OK)
        return FST_UNAUTHENTICATED;
    uint8_t session [FST_SESSION_BYTES], signature [64];
    char name [256];
    fst_reader_t in = fst_reader (octets, bytes);
    uint64_t version = fst_read_uint (&in, 1);
    fst_read_uint (&in, 1);                         //  Role
    fst_read_bytes (&in, session, sizeof (session));
    int64_t expires_ms = (int64_t) fst_read_uint (&in, 8);
    size_t length = fst_read_uint (&in, 1);
    fst_read_bytes (&in, name, length);
    fst_read_bytes (&in, signature, sizeof (signature));
    name [length] = 0;
    if (!fst_reader_ok (&in) || version != 1 || length + 1 > size || strlen (name) != length)
        return FST_UNAUTHENTICATED;
    strcpy (user, name);
    *expires_ms_p = expires_ms;
    return FST_OK;
}

//  Go on with this token. life_ms 0: a fresh one, its life begins now.
static fst_rc_t
s_token_set (filestore_t *self, const char *token, int64_t life_ms)
{
    char user [sizeof (self->user)];
    int64_t expires_ms;
    fst_rc_t rc = s_token_read (token, user, sizeof (user), &expires_ms);
    if (rc != FST_OK)
        return rc;
    if (!self->token || strcmp (self->token, token) != 0) {
        free (self->token);
        self->token = strdup (token);
        assert (self->token);
    }
    memcpy (self->user, user, sizeof (user));
    self->expires_ms = expires_ms;
    self->life_ms = life_ms? life_ms: expires_ms - fst_clock_wall_ms ();
    self->renew_after_ms = 0;
    fst_caller_set_token (self->caller, self->token);
    return FST_OK;
}

static void
s_token_clear (filestore_t *self)
{
    free (self->token);
    self->token = NULL;
    self->user [0] = 0;
    fst_caller_set_token (self->caller, NULL);
}

static void
s_renewed (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    (void) item;
    (void) problem;
    filestore_t *self = owner;
    self->renewing = false;
    self->renew_after_ms = fst_clock_mono_ms () + RENEW_AGAIN_MS;
    if (rc == FST_OK && self->token
    &&  s_token_set (self, json_string_value (json_object_get (reply, "token")), 0) != FST_OK)
        return;                     //  Not a token: the old one is good for a while yet
}

//  Ask for a fresh token when half the life of this one is over. The answer comes with the others.
static void
s_renew_if_due (filestore_t *self)
{
    if (!self->token || self->renewing || self->expires_ms == 0 || fst_clock_mono_ms () < self->renew_after_ms)
        return;
    int64_t left_ms = self->expires_ms - fst_clock_wall_ms ();
    if (left_ms <= 0 || left_ms > self->life_ms / 2)
        return;
    self->renewing = true;
    fst_client_call (self, "auth", "RENEW", NULL, s_renewed, self, NULL);
}

fst_rc_t
fst_client_begin (filestore_t *self)
{
    assert (self);
    free (self->problem);
    self->problem = NULL;
    s_renew_if_due (self);
    while (self->renewing) {
        fst_rc_t rc = fst_client_turn (self, 1000);
        if (rc != FST_OK)
            return fst_client_fail (self, rc, "%s", fst_error_text (rc));
    }
    return FST_OK;
}

fst_rc_t
filestore_register (filestore_t *self, const char *name, const char *password, json_t **reply_p)
{
    fst_rc_t rc = fst_client_begin (self);
    if (rc == FST_OK)
        rc = fst_client_ask (self, "auth", "REGISTER", json_pack ("{s:s, s:s}", "name", name, "password", password),
                             NULL, reply_p);
    return rc;
}

fst_rc_t
filestore_login (filestore_t *self, const char *name, const char *password, char **token_p)
{
    fst_rc_t rc = fst_client_begin (self);
    json_t *reply = NULL;
    if (rc == FST_OK)
        rc = fst_client_ask (self, "auth", "LOGIN", json_pack ("{s:s, s:s}", "name", name, "password", password),
                             NULL, &reply);
    if (rc == FST_OK && s_token_set (self, json_string_value (json_object_get (reply, "token")), 0) != FST_OK)
        rc = fst_client_fail (self, FST_INTERNAL, "the login gave a token that makes no sense");
    if (rc == FST_OK && token_p)
        *token_p = strdup (self->token);
    json_decref (reply);
    return rc;
}

fst_rc_t
filestore_use_token (filestore_t *self, const char *token)
{
    assert (self);
    assert (token);
    //  When it was made is not in it: take the usual life of a session
    fst_rc_t rc = s_token_set (self, token, fst_config_number (self->config, "session-time"));
    if (rc != FST_OK)
        return fst_client_fail (self, rc, "that is no token: log in again");
    return rc;
}

const char *
filestore_token (const filestore_t *self)
{
    assert (self);
    return self->token;
}

const char *
filestore_user (const filestore_t *self)
{
    assert (self);
    return *self->user? self->user: NULL;
}

fst_rc_t
filestore_logout (filestore_t *self)
{
    fst_rc_t rc = fst_client_begin (self);
    if (rc == FST_OK)
        rc = fst_client_ask (self, "auth", "LOGOUT", NULL, NULL, NULL);
    if (rc == FST_OK)
        s_token_clear (self);
    return rc;
}

fst_rc_t
filestore_whoami (filestore_t *self, json_t **reply_p)
{
    fst_rc_t rc = fst_client_begin (self);
    if (rc == FST_OK && !self->token)
        rc = fst_client_fail (self, FST_UNAUTHENTICATED, "%s", fst_error_text (FST_UNAUTHENTICATED));
    if (rc == FST_OK)
        rc = fst_client_ask (self, "auth", "VERIFY", json_pack ("{s:s}", "token", self->token), NULL, reply_p);
    return rc;
}

fst_rc_t
filestore_change_password (filestore_t *self, const char *old_password, const char *new_password)
{
    fst_rc_t rc = fst_client_begin (self);
    if (rc == FST_OK)
        rc = fst_client_ask (self, "auth", "CHANGE_PASSWORD",
                             json_pack ("{s:s, s:s}", "old", old_password, "new", new_password), NULL, NULL);
    return rc;
}
