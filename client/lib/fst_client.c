//  A client: its session, its calls, and the loop in which everything else of libfilestore happens.

#include "fst_client.h"
#include <assert.h>
#include <czmq.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_keys.h"

#define JOBS_MAX          512

struct filestore {
    fst_config_t *config;
    fst_keys_t *keys;               //  NULL if none are configured
    fst_calls_t *calls;
    fst_client_session_t *session;
    fst_data_t *data;
    fst_buffers_t *buffers;
    fst_pool_t *pool;               //  NULL until the first transfer
    fst_cipher_t cipher;            //  Of new content
    int64_t bytes_max;              //  Octets of content that are held at once
    int64_t reserved;               //  Octets that downloads hold
    int watched;                    //  Descriptor of a source that had nothing; -1 for none
    atomic_bool stopped;            //  By any thread
    int64_t looked_ms;              //  When the loop last turned
    char *problem;
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
    fst_rc_t rc;
    if (*key_file) {
        rc = fst_keys_load (key_file, &keys, problem_p);
        if (rc != FST_OK)
            return rc;
    }
    filestore_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->config = fst_config_dup (config);
    self->keys = keys;
    self->calls = fst_calls_new (broker, keys, fst_config_number (config, "connect-timeout"),
                                 fst_config_number (config, "reply-timeout"));
    self->session = fst_client_session_new (self, fst_config_number (config, "session-time"));
    self->data = fst_data_new ();
    rc = fst_cipher_parse (fst_config_text (config, "cipher"), &self->cipher);
    assert (rc == FST_OK);          //  The configuration checks it
    self->bytes_max = fst_config_number (config, "client-memory");
    self->buffers = fst_buffers_new ((size_t) self->bytes_max);
    self->watched = -1;
    self->looked_ms = fst_clock_mono_ms ();
    *self_p = self;
    return FST_OK;
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
    fst_calls_destroy (&self->calls);
    fst_client_session_destroy (&self->session);
    fst_keys_destroy (&self->keys);
    fst_config_destroy (&self->config);
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
    const char *user = filestore_user (self);
    return user? user: "";
}

fst_calls_t *
fst_client_calls (filestore_t *self)
{
    assert (self);
    return self->calls;
}

fst_client_session_t *
fst_client_session (const filestore_t *self)
{
    assert (self);
    return self->session;
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

fst_cipher_t
fst_client_cipher (const filestore_t *self)
{
    assert (self);
    return self->cipher;
}

bool
fst_client_reserve (filestore_t *self, int64_t bytes)
{
    assert (self);
    if (self->reserved && self->reserved + bytes > self->bytes_max)
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

void
fst_client_call (filestore_t *self, const char *service, const char *command, json_t *payload,
                 fst_calls_done_fn *done, void *owner, void *item)
{
    assert (self);
    fst_calls_send (self->calls, service, command, payload, done, owner, item);
}

void
fst_client_forget (filestore_t *self, const void *owner)
{
    assert (self);
    fst_calls_forget (self->calls, owner);
    fst_data_forget (self->data, owner);
}

typedef struct {
    filestore_t *client;
    const filestore_sink_t *frames; //  May be NULL
    bool done;
    fst_rc_t rc;
    json_t *reply;
    char *problem;
} s_answer_t;

static fst_rc_t
s_take_frames (s_answer_t *answer)
{
    zmsg_t *frames = fst_calls_frames (answer->client->calls);
    fst_rc_t rc = FST_OK;
    for (zframe_t *frame = frames? zmsg_first (frames): NULL; rc == FST_OK && frame; frame = zmsg_next (frames))
        rc = answer->frames->write (answer->frames->self, zframe_data (frame), zframe_size (frame));
    return rc;
}

static void
s_answered (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    (void) item;
    s_answer_t *answer = owner;
    answer->done = true;
    answer->rc = rc == FST_OK && answer->frames? s_take_frames (answer): rc;
    answer->reply = json_incref (reply);
    answer->problem = problem? strdup (problem): NULL;
}

//  Call and wait for the answer; frames and path may be NULL.
static fst_rc_t
s_ask (filestore_t *self, const char *service, const char *command, json_t *payload, const char *path,
       const filestore_sink_t *frames, json_t **reply_p)
{
    s_answer_t answer = { .client = self, .frames = frames };
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

fst_rc_t
fst_client_ask (filestore_t *self, const char *service, const char *command, json_t *payload, const char *path,
                json_t **reply_p)
{
    return s_ask (self, service, command, payload, path, NULL, reply_p);
}

fst_rc_t
fst_client_ask_frames (filestore_t *self, const char *service, const char *command, json_t *payload,
                       const filestore_sink_t *frames, json_t **reply_p)
{
    return s_ask (self, service, command, payload, NULL, frames, reply_p);
}

//  ---- The loop

static int64_t
s_least (int64_t a, int64_t b)
{
    return b >= 0 && b < a? b: a;
}

void
fst_client_watch (filestore_t *self, int fd)
{
    assert (self);
    self->watched = fd;
}

void
filestore_stop (filestore_t *self)
{
    assert (self);
    atomic_store (&self->stopped, true);
}

fst_rc_t
fst_client_turn (filestore_t *self, int64_t wait_ms)
{
    assert (self);
    if (zsys_interrupted || atomic_load (&self->stopped))
        return FST_INTERRUPTED;
    fst_client_session_keep (self->session);           //  A transfer may take longer than a session lives without use
    enum { ITEMS_MAX = 4 + 256 };
    zmq_pollitem_t items [ITEMS_MAX];
    size_t count = 0;
    items [count++] = (zmq_pollitem_t) { .fd = fst_buffers_fd (self->buffers), .events = ZMQ_POLLIN };
    if (self->pool)
        items [count++] = (zmq_pollitem_t) { .fd = fst_pool_fd (self->pool), .events = ZMQ_POLLIN };
    if (self->watched >= 0)
        items [count++] = (zmq_pollitem_t) { .fd = self->watched, .events = ZMQ_POLLIN };
    wait_ms = s_least (wait_ms, fst_calls_wait_ms (self->calls));
    if (fst_calls_socket (self->calls))
        items [count++] = (zmq_pollitem_t) { .socket = zsock_resolve (fst_calls_socket (self->calls)),
                                             .events = ZMQ_POLLIN };
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
    fst_calls_receive (self->calls);
    fst_data_tick (self->data, self->looked_ms, now_ms);
    self->looked_ms = now_ms;
    return FST_OK;
}

fst_rc_t
fst_client_begin (filestore_t *self)
{
    assert (self);
    free (self->problem);
    self->problem = NULL;
    while (fst_client_session_renewing (self->session)) {
        fst_rc_t rc = fst_client_turn (self, 1000);
        if (rc != FST_OK)
            return fst_client_fail (self, rc, "%s", fst_error_text (rc));
    }
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
