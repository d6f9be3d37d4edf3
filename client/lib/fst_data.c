//  Connections to the data ports of storage nodes.

#include "fst_data.h"
#include <assert.h>
#include <czmq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include "fst_clock.h"
#include "fst_envelope.h"
#include "fst_log.h"
#include "fst_proof.h"
#include "fst_schema.h"
#include "fst_socket.h"
#include "fst_text.h"
#include "fst_trace.h"

#define WINDOW_STANDARD (8 * 1024 * 1024)       //  Until the node said something else
#define LATE_FACTOR     3           //  Late is who takes so many times as long as another one
#define LATE_MS_MAX     8000        //  A node that was late has twice the time, up to this
#define SPARE_MS        500         //  How long it matters that somebody needs a node, however late it is
#define LATE_AGAIN_MS   60000       //  Was it not for so long, it has the usual time again
#define WITNESS_MS      10000       //  What an idle node did so long before counts
#define PROBE_MS        1500        //  Silence after which a node is asked for a sign of life
#define PACE_MS         5000        //  How long what a node took says something

//  The command of each kind
static const char *const s_commands [FST_DATA_KINDS] = { "RETRIEVE", "STORE", "STORE", "SEAL" };

typedef struct s_request s_request_t;
struct s_request {
    TAILQ_ENTRY (s_request) link;
    uint64_t id;
    fst_data_kind_t kind;
    zmq_msg_t head;             //  The envelope, while it waits to be sent
    zmq_msg_t *frames;
    size_t frames_count;
    int64_t bytes;
    fst_data_tag_t tag;
    bool forgotten;
};
typedef TAILQ_HEAD (s_requests, s_request) s_requests_t;

struct fst_data_node {
    TAILQ_ENTRY (fst_data_node) link;
    char name [FST_NODE_BYTES_MAX + 1];
    char user [FST_USER_BYTES_MAX * 2 + 1];
    char *endpoint;
    char ticket [FST_PROOF_TEXT_MAX];
    zsock_t *socket;            //  NULL while there is no connection
    zsock_t *monitor;           //  Tells when it breaks
    int64_t window;
    int64_t load;
    int64_t heard_ms;           //  Anything
    int64_t answered_ms;        //  An answer to a request
    int64_t probed_ms;          //  It was asked for a sign of life
    int64_t late_ms;            //  After which it is late
    int64_t was_late_ms;        //  When it last was; 0 = never
    int64_t spared_until_ms;    //  Before this it does not fail for being late
    int64_t down_until_ms;
    struct {
        int64_t asked_ms;       //  The latest of the requests that it answered
        int64_t took_ms;        //  The last answer
        int64_t pace_ms;        //  What one takes, smoothed
        int64_t done_ms;        //  When the last one came; 0 = never
    } did [FST_DATA_KINDS];
    s_requests_t queue;         //  Not sent yet: no connection yet, or its queue is full
    s_requests_t sent;          //  In the order in which they were sent
};

struct fst_data {
    TAILQ_HEAD (, fst_data_node) nodes;
    char prefix [FST_ID_TEXT_BYTES + 1];    //  Makes the ids of this client its own
    uint64_t next_id, next_monitor;
};

static int64_t
s_max (int64_t a, int64_t b)
{
    return a > b? a: b;
}

fst_data_t *
fst_data_new (void)
{
    fst_data_t *self = calloc (1, sizeof (*self));
    assert (self);
    TAILQ_INIT (&self->nodes);
    fst_id_new (self->prefix);
    self->prefix [16] = 0;
    return self;
}

static void
s_drop_frames (s_request_t *request)
{
    zmq_msg_close (&request->head);
    zmq_msg_init (&request->head);
    for (size_t at = 0; at < request->frames_count; at++)
        zmq_msg_close (&request->frames [at]);
    free (request->frames);
    request->frames = NULL;
    request->frames_count = 0;
}

static void
s_request_destroy (s_request_t **request_p)
{
    s_drop_frames (*request_p);
    zmq_msg_close (&(*request_p)->head);
    free (*request_p);
    *request_p = NULL;
}

static void
s_requests_clear (s_requests_t *list)
{
    s_request_t *request;
    while ((request = TAILQ_FIRST (list))) {
        TAILQ_REMOVE (list, request, link);
        s_request_destroy (&request);
    }
}

//  ---- Connection

#define BROKEN (ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL \
    | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

static fst_rc_t
s_connect (fst_data_t *self, fst_data_node_t *node)
{
    fst_rc_t rc = fst_socket_connect_data (node->endpoint, node->user, node->ticket, &node->socket);
    if (rc != FST_OK)
        return rc;
    char address [64];
    snprintf (address, sizeof (address), "inproc://fst-data-%s-%llx", self->prefix,
              (unsigned long long) ++self->next_monitor);
    int done = zmq_socket_monitor (zsock_resolve (node->socket), address, BROKEN);
    assert (done == 0);
    node->monitor = zsock_new (ZMQ_PAIR);
    assert (node->monitor);
    zsock_set_rcvhwm (node->monitor, 0);        //  libzmq's own thread must never wait for us
    done = zsock_connect (node->monitor, "%s", address);
    assert (done == 0);
    return FST_OK;
}

static void
s_disconnect (fst_data_node_t *node)
{
    if (!node->socket)
        return;
    zmq_socket_monitor (zsock_resolve (node->socket), NULL, 0);     //  Before its reader goes
    zsock_destroy (&node->monitor);
    zsock_destroy (&node->socket);
}

//  True if the connection broke, or could not be made, since the last look.
static bool
s_broke (fst_data_node_t *node)
{
    bool broke = false;
    zmq_msg_t frame;
    zmq_msg_init (&frame);
    while (node->socket && zmq_msg_recv (&frame, zsock_resolve (node->monitor), ZMQ_DONTWAIT) != -1) {
        uint16_t event = 0;
        if (zmq_msg_more (&frame) && zmq_msg_size (&frame) >= sizeof (event)) {
            memcpy (&event, zmq_msg_data (&frame), sizeof (event));
            broke = broke || (event & BROKEN);
        }
    }
    zmq_msg_close (&frame);
    return broke;
}

void
fst_data_destroy (fst_data_t **self_p)
{
    assert (self_p);
    if (!*self_p)
        return;
    fst_data_node_t *node;
    while ((node = TAILQ_FIRST (&(*self_p)->nodes))) {
        TAILQ_REMOVE (&(*self_p)->nodes, node, link);
        s_requests_clear (&node->queue);
        s_requests_clear (&node->sent);
        s_disconnect (node);
        free (node->endpoint);
        free (node);
    }
    free (*self_p);
    *self_p = NULL;
}

//  ---- Nodes

static fst_data_node_t *
s_find (fst_data_t *self, const char *name)
{
    fst_data_node_t *node;
    TAILQ_FOREACH (node, &self->nodes, link)
        if (strcmp (node->name, name) == 0)
            return node;
    return NULL;
}

static void
s_fail_node (fst_data_t *self, fst_data_node_t *node, fst_rc_t rc, const char *reason, int64_t now_ms);

fst_data_node_t *
fst_data_learn (fst_data_t *self, const char *name, const char *endpoint, const char *user, const char *ticket)
{
    assert (self);
    fst_data_node_t *node = s_find (self, name);
    if (!node) {
        node = calloc (1, sizeof (*node));
        assert (node);
        snprintf (node->name, sizeof (node->name), "%s", name);
        node->window = WINDOW_STANDARD;
        node->late_ms = FST_DATA_LATE_MS;
        TAILQ_INIT (&node->queue);
        TAILQ_INIT (&node->sent);
        TAILQ_INSERT_TAIL (&self->nodes, node, link);
    }
    if (!node->endpoint || strcmp (node->endpoint, endpoint) != 0 || strcmp (node->user, user) != 0) {
        //  It moved, or somebody else logged in here: what is under way on the old connection fails
        if (node->socket)
            s_fail_node (self, node, FST_UNREACHABLE, "the node has another address now", fst_clock_mono_ms ());
        free (node->endpoint);
        node->endpoint = strdup (endpoint);
        assert (node->endpoint);
        node->down_until_ms = 0;
    }
    snprintf (node->user, sizeof (node->user), "%s", user);
    snprintf (node->ticket, sizeof (node->ticket), "%s", ticket);
    return node;
}

const char *
fst_data_name (const fst_data_node_t *node)
{
    assert (node);
    return node->name;
}

void
fst_data_set_window (fst_data_node_t *node, int64_t window)
{
    assert (node);
    if (window > 0)
        node->window = window;
}

bool
fst_data_room (const fst_data_node_t *node, int64_t bytes)
{
    assert (node);
    return node->load == 0 || node->load + bytes <= node->window;
}

int64_t
fst_data_load (const fst_data_node_t *node)
{
    assert (node);
    return node->load;
}

//  The oldest request of that kind that the node did not answer, or NULL.
static const s_request_t *
s_owes (const fst_data_node_t *node, fst_data_kind_t kind)
{
    const s_request_t *request;
    TAILQ_FOREACH (request, &node->sent, link)
        if (request->kind == kind)
            return request;
    TAILQ_FOREACH (request, &node->queue, link)
        if (request->kind == kind)
            return request;
    return NULL;
}

static bool
s_idle (const fst_data_node_t *node)
{
    return TAILQ_EMPTY (&node->sent) && TAILQ_EMPTY (&node->queue);
}

fst_data_node_t *
fst_data_next (fst_data_t *self, fst_data_node_t *node)
{
    assert (self);
    return node? TAILQ_NEXT (node, link): TAILQ_FIRST (&self->nodes);
}

bool
fst_data_down (const fst_data_node_t *node, int64_t now_ms)
{
    assert (node);
    return now_ms < node->down_until_ms;
}

void
fst_data_spare (fst_data_node_t *node, int64_t now_ms)
{
    assert (node);
    node->spared_until_ms = now_ms + SPARE_MS;
}

int64_t
fst_data_expect_ms (const fst_data_node_t *node, fst_data_kind_t kind, int64_t now_ms)
{
    assert (node);
    const s_request_t *oldest = s_owes (node, kind);
    int64_t waits_ms = oldest? now_ms - oldest->tag.asked_ms: 0;
    if (!node->did [kind].done_ms || now_ms - node->did [kind].done_ms > PACE_MS)
        return waits_ms;
    return waits_ms > node->did [kind].pace_ms? waits_ms: node->did [kind].pace_ms;
}

//  ---- Sending

static void
s_encode (fst_data_t *self, uint64_t number, const char *command, json_t *payload, zmq_msg_t *head)
{
    char id [FST_TRACE_ID_BYTES];
    const char *trace = fst_trace_now ();
    snprintf (id, sizeof (id), "%s%s%s-%llx", trace, *trace? ".": "", self->prefix, (unsigned long long) number);
    zframe_t *frame = fst_envelope_request_encode (id, command, NULL, payload);
    zmq_msg_init_size (head, zframe_size (frame));
    memcpy (zmq_msg_data (head), zframe_data (frame), zframe_size (frame));
    zframe_destroy (&frame);
}

//  Send one message. FST_BUSY: try later, nothing was sent. After the first frame was taken the others can
//  only fail when the connection broke.
static fst_rc_t
s_send_one (fst_data_node_t *node, s_request_t *request)
{
    void *socket = zsock_resolve (node->socket);
    int flags = ZMQ_DONTWAIT | (request->frames_count? ZMQ_SNDMORE: 0);
    if (zmq_msg_send (&request->head, socket, flags) == -1)
        return FST_BUSY;
    for (size_t at = 0; at < request->frames_count; at++) {
        flags = ZMQ_DONTWAIT | (at + 1 < request->frames_count? ZMQ_SNDMORE: 0);
        if (zmq_msg_send (&request->frames [at], socket, flags) == -1)
            return FST_UNREACHABLE;
    }
    return FST_OK;
}

static void
s_flush (fst_data_t *self, fst_data_node_t *node, int64_t now_ms)
{
    if (TAILQ_EMPTY (&node->queue))
        return;
    if (TAILQ_EMPTY (&node->sent) && s_broke (node))
        s_disconnect (node);            //  While nobody used it: no failure
    if (!node->socket && s_connect (self, node) != FST_OK) {
        s_fail_node (self, node, FST_UNREACHABLE, "there is no way to its address", now_ms);
        return;
    }
    s_request_t *request;
    while ((request = TAILQ_FIRST (&node->queue))) {
        fst_rc_t rc = s_send_one (node, request);
        if (rc == FST_BUSY)
            return;
        if (rc != FST_OK) {
            s_fail_node (self, node, rc, "the connection broke", now_ms);
            return;
        }
        TAILQ_REMOVE (&node->queue, request, link);
        s_drop_frames (request);
        TAILQ_INSERT_TAIL (&node->sent, request, link);
    }
}

void
fst_data_send (fst_data_t *self, fst_data_node_t *node, fst_data_kind_t kind, json_t *payload,
               zmq_msg_t *frames, size_t frames_count, int64_t bytes, const fst_data_tag_t *tag, int64_t now_ms)
{
    assert (self);
    assert (node);
    assert (tag && tag->done);
    s_request_t *request = calloc (1, sizeof (*request));
    assert (request);
    request->id = ++self->next_id;
    request->kind = kind;
    request->bytes = bytes;
    request->tag = *tag;
    request->tag.asked_ms = now_ms;
    if (frames_count) {
        request->frames = malloc (frames_count * sizeof (zmq_msg_t));
        assert (request->frames);
        request->frames_count = frames_count;
        for (size_t at = 0; at < frames_count; at++) {
            zmq_msg_init (&request->frames [at]);
            zmq_msg_move (&request->frames [at], &frames [at]);
        }
    }
    s_encode (self, request->id, s_commands [kind], payload, &request->head);
    json_decref (payload);
    node->load += bytes;
    //  Sent from fst_data_poll_items: the callbacks of a failure must not come from in here
    TAILQ_INSERT_TAIL (&node->queue, request, link);
}

//  ---- Failing and forgetting

void
fst_data_forget (fst_data_t *self, const void *owner)
{
    assert (self);
    fst_data_node_t *node;
    TAILQ_FOREACH (node, &self->nodes, link) {
        s_request_t *request = TAILQ_FIRST (&node->queue);
        while (request) {
            s_request_t *next = TAILQ_NEXT (request, link);
            if (request->tag.owner == owner) {
                node->load -= request->bytes;
                TAILQ_REMOVE (&node->queue, request, link);
                s_request_destroy (&request);
            }
            request = next;
        }
        TAILQ_FOREACH (request, &node->sent, link)
            if (request->tag.owner == owner)
                request->forgotten = true;      //  Its octets are still under way
    }
}

//  Close the connection and fail all its requests with rc.
static void
s_fail_node (fst_data_t *self, fst_data_node_t *node, fst_rc_t rc, const char *reason, int64_t now_ms)
{
    assert (self);
    assert (node);
    fst_log_debug ("data node failed node=%s rc=%s reason=\"%s\"", node->name, fst_error_code (rc), reason);
    s_disconnect (node);
    node->down_until_ms = now_ms + FST_DATA_DOWN_MS;
    node->load = 0;
    s_requests_t failed;
    TAILQ_INIT (&failed);
    TAILQ_CONCAT (&failed, &node->sent, link);
    TAILQ_CONCAT (&failed, &node->queue, link);
    s_request_t *request;
    while ((request = TAILQ_FIRST (&failed))) {
        TAILQ_REMOVE (&failed, request, link);
        s_drop_frames (request);
        fst_data_reply_t reply = { .rc = rc, .message = reason };
        if (!request->forgotten)
            request->tag.done (&request->tag, node, &reply);
        s_request_destroy (&request);
    }
}

//  ---- Receiving

//  The request that this reply answers, unlinked; NULL if there is none.
static s_request_t *
s_match (fst_data_t *self, fst_data_node_t *node, const char *id)
{
    size_t length = strlen (self->prefix);
    const char *dot = strchr (id, '.');     //  Behind the trace
    if (dot)
        id = dot + 1;
    if (strncmp (id, self->prefix, length) != 0 || id [length] != '-')
        return NULL;
    uint64_t number = strtoull (id + length + 1, NULL, 16);
    s_request_t *request;
    TAILQ_FOREACH (request, &node->sent, link)
        if (request->id == number) {
            TAILQ_REMOVE (&node->sent, request, link);
            return request;
        }
    return NULL;
}

//  Remember how long the node took.
static void
s_note (fst_data_node_t *node, const s_request_t *request, int64_t now_ms)
{
    int64_t took_ms = s_max (now_ms - request->tag.asked_ms, 1);
    node->answered_ms = now_ms;
    if (node->did [request->kind].asked_ms < request->tag.asked_ms)
        node->did [request->kind].asked_ms = request->tag.asked_ms;
    bool known = node->did [request->kind].done_ms && now_ms - node->did [request->kind].done_ms <= PACE_MS;
    node->did [request->kind].pace_ms = known? (node->did [request->kind].pace_ms * 3 + took_ms) / 4: took_ms;
    node->did [request->kind].took_ms = took_ms;
    node->did [request->kind].done_ms = now_ms;
}

//  Check what the node says, and give it to who asked. False if the node talks nonsense.
static bool
s_deliver (fst_data_t *self, fst_data_node_t *node, zmq_msg_t *frames, size_t count, int64_t now_ms)
{
    char where [160];
    fst_envelope_reply_t envelope;
    if (fst_envelope_reply_decode (zmq_msg_data (&frames [0]), zmq_msg_size (&frames [0]), &envelope,
                                   where, sizeof (where)) != FST_OK)
        return false;
    bool sane = true;
    s_request_t *request = s_match (self, node, envelope.id);
    if (request) {
        node->load -= request->bytes;
        fst_data_reply_t reply = { .rc = envelope.rc, .message = envelope.message, .payload = envelope.payload,
                                   .frames = frames + 1, .frames_count = count - 1 };
        const fst_schema_command_t *schema = fst_schema_find ("storage", s_commands [request->kind]);
        assert (schema);
        if (reply.rc == FST_OK
        &&  fst_schema_check (schema->reply, reply.payload, where, sizeof (where)) != FST_OK) {
            reply = (fst_data_reply_t) { .rc = FST_MALFORMED, .message = "the node sent a reply that makes no sense" };
            sane = false;
        }
        if (reply.rc != FST_BUSY)
            s_note (node, request, now_ms);
        if (reply.rc == FST_OK)
            fst_data_set_window (node, json_integer_value (json_object_get (reply.payload, "window")));
        if (!request->forgotten)
            request->tag.done (&request->tag, node, &reply);
        s_request_destroy (&request);
    }
    fst_envelope_reply_clear (&envelope);
    return sane;
}

//  Receive one whole message. Returns the number of frames, 0 if there is none; frames beyond max are dropped.
static size_t
s_receive_frames (void *socket, zmq_msg_t *frames, size_t max)
{
    size_t count = 0;
    int more = 1;
    size_t size = sizeof (more);
    while (more) {
        zmq_msg_t frame;
        zmq_msg_init (&frame);
        if (zmq_msg_recv (&frame, socket, ZMQ_DONTWAIT) == -1) {
            zmq_msg_close (&frame);
            return count;
        }
        if (count < max) {
            zmq_msg_init (&frames [count]);
            zmq_msg_move (&frames [count++], &frame);
        }
        zmq_msg_close (&frame);
        zmq_getsockopt (socket, ZMQ_RCVMORE, &more, &size);
    }
    return count;
}

static void
s_receive_node (fst_data_t *self, fst_data_node_t *node, int64_t now_ms)
{
    zmq_msg_t frames [1 + 64];          //  RETRIEVE gives 64 records at most
    bool sane = true;
    while (sane && node->socket) {
        size_t count = s_receive_frames (zsock_resolve (node->socket), frames, sizeof (frames) / sizeof (*frames));
        if (!count)
            break;
        node->heard_ms = now_ms;
        sane = s_deliver (self, node, frames, count, now_ms);
        for (size_t at = 0; at < count; at++)
            zmq_msg_close (&frames [at]);
    }
    if (!sane)
        s_fail_node (self, node, FST_MALFORMED, "the node sent a reply that makes no sense", now_ms);
    else
    if (!s_idle (node) && s_broke (node))
        s_fail_node (self, node, FST_UNREACHABLE, "the connection to it broke", now_ms);
}

void
fst_data_receive (fst_data_t *self, int64_t now_ms)
{
    assert (self);
    fst_data_node_t *node;
    TAILQ_FOREACH (node, &self->nodes, link) {
        if (node->socket)
            s_receive_node (self, node, now_ms);
        s_flush (self, node, now_ms);   //  A reply, or a connection, may have made room
    }
}

size_t
fst_data_poll_items (fst_data_t *self, zmq_pollitem_t *items, size_t max)
{
    assert (self);
    size_t count = 0;
    int64_t now_ms = fst_clock_mono_ms ();
    fst_data_node_t *node;
    TAILQ_FOREACH (node, &self->nodes, link) {
        s_flush (self, node, now_ms);
        if (!node->socket)
            continue;
        short events = ZMQ_POLLIN | (TAILQ_EMPTY (&node->queue)? 0: ZMQ_POLLOUT);
        if (count + 2 <= max) {
            items [count] = (zmq_pollitem_t) { .socket = zsock_resolve (node->socket), .events = events };
            items [count + 1] = (zmq_pollitem_t) { .socket = zsock_resolve (node->monitor), .events = ZMQ_POLLIN };
        }
        count += 2;
    }
    return count;
}

//  ---- Time

//  The oldest request that the node did not answer; it is not idle.
static const s_request_t *
s_oldest (const fst_data_node_t *node)
{
    return TAILQ_EMPTY (&node->sent)? TAILQ_FIRST (&node->queue): TAILQ_FIRST (&node->sent);
}

//  True if other shows that the request could have been answered in a third of the time that it waits.
static bool
s_is_witness (const fst_data_node_t *other, const s_request_t *request, int64_t waits_ms)
{
    if (!other->did [request->kind].done_ms || waits_ms < LATE_FACTOR * other->did [request->kind].took_ms)
        return false;
    int64_t since_ms = request->tag.asked_ms - (s_idle (other)? WITNESS_MS: 0);
    return other->did [request->kind].asked_ms >= since_ms;
}

static bool
s_is_late (const fst_data_t *self, const fst_data_node_t *node, int64_t now_ms)
{
    for (fst_data_kind_t kind = 0; kind < FST_DATA_KINDS; kind++) {
        const s_request_t *request = s_owes (node, kind);
        int64_t waits_ms = request? now_ms - s_max (request->tag.asked_ms, node->answered_ms): 0;
        if (!request || waits_ms < node->late_ms)
            continue;
        const fst_data_node_t *other;
        TAILQ_FOREACH (other, &self->nodes, link)
            if (other != node && s_is_witness (other, request, waits_ms))
                return true;
    }
    return false;
}

//  Why the node fails now; NULL if it does not.
static const char *
s_overdue (const fst_data_t *self, fst_data_node_t *node, int64_t now_ms)
{
    int64_t asked_ms = s_oldest (node)->tag.asked_ms;
    if (now_ms - asked_ms >= FST_DATA_ANSWER_MS || now_ms - s_max (asked_ms, node->heard_ms) >= FST_DATA_SILENCE_MS)
        return "the node does not answer";
    if (node->was_late_ms && now_ms - node->was_late_ms > LATE_AGAIN_MS) {
        node->late_ms = FST_DATA_LATE_MS;
        node->was_late_ms = 0;
    }
    if (now_ms < node->spared_until_ms || !s_is_late (self, node, now_ms))
        return NULL;
    node->late_ms = node->late_ms * 2 < LATE_MS_MAX? node->late_ms * 2: LATE_MS_MAX;
    node->was_late_ms = now_ms;
    return "the node gets nothing done while others do";
}

//  Ask for a sign of life, behind a request that takes long: whatever comes back is one, even a refusal.
static void
s_probe (fst_data_t *self, fst_data_node_t *node, int64_t now_ms)
{
    int64_t quiet_ms = now_ms - s_max (s_max (node->heard_ms, node->probed_ms), s_oldest (node)->tag.asked_ms);
    if (quiet_ms < PROBE_MS || !node->socket || !TAILQ_EMPTY (&node->queue))
        return;
    zmq_msg_t head;
    s_encode (self, ++self->next_id, "STATUS", NULL, &head);
    if (zmq_msg_send (&head, zsock_resolve (node->socket), ZMQ_DONTWAIT) == -1)
        zmq_msg_close (&head);
    node->probed_ms = now_ms;
}

void
fst_data_tick (fst_data_t *self, int64_t looked_ms, int64_t now_ms)
{
    assert (self);
    bool away = now_ms - looked_ms > FST_DATA_LATE_MS / 2;
    fst_data_node_t *node;
    TAILQ_FOREACH (node, &self->nodes, link) {
        if (away)
            node->heard_ms = node->answered_ms = now_ms;    //  We did not listen (a slow source, a stopped process)
        if (away || s_idle (node))
            continue;
        const char *reason = s_overdue (self, node, now_ms);
        if (reason)
            s_fail_node (self, node, FST_TIMEOUT, reason, now_ms);
        else
            s_probe (self, node, now_ms);
    }
}

bool
fst_data_waiting (const fst_data_t *self)
{
    assert (self);
    const fst_data_node_t *node;
    TAILQ_FOREACH (node, &self->nodes, link)
        if (!s_idle (node))
            return true;
    return false;
}
