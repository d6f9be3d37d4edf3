//  Connections to the data ports of storage nodes.

#include "fst_data_self.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_envelope.h"
#include "fst_log.h"
#include "fst_schema.h"
#include "fst_socket.h"
#include "fst_trace.h"

#define WINDOW_STANDARD (8 * 1024 * 1024)       //  Until the node said something else
#define PROBE_MS        1500        //  Silence after which a node is asked for a sign of life

//  The command of each kind
static const char *const s_commands [FST_DATA_KINDS] = { "RETRIEVE", "STORE", "STORE", "SEAL" };

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
s_drop_frames (fst_data_request_t *request)
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
s_request_destroy (fst_data_request_t **request_p)
{
    s_drop_frames (*request_p);
    zmq_msg_close (&(*request_p)->head);
    free (*request_p);
    *request_p = NULL;
}

static void
s_requests_clear (fst_data_requests_t *list)
{
    fst_data_request_t *request;
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
s_send_one (fst_data_node_t *node, fst_data_request_t *request)
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
    fst_data_request_t *request;
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
    fst_data_request_t *request = calloc (1, sizeof (*request));
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
        fst_data_request_t *request = TAILQ_FIRST (&node->queue);
        while (request) {
            fst_data_request_t *next = TAILQ_NEXT (request, link);
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
    fst_data_requests_t failed;
    TAILQ_INIT (&failed);
    TAILQ_CONCAT (&failed, &node->sent, link);
    TAILQ_CONCAT (&failed, &node->queue, link);
    fst_data_request_t *request;
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
static fst_data_request_t *
s_match (fst_data_t *self, fst_data_node_t *node, const char *id)
{
    size_t length = strlen (self->prefix);
    const char *dot = strchr (id, '.');     //  Behind the trace
    if (dot)
        id = dot + 1;
    if (strncmp (id, self->prefix, length) != 0 || id [length] != '-')
        return NULL;
    uint64_t number = strtoull (id + length + 1, NULL, 16);
    fst_data_request_t *request;
    TAILQ_FOREACH (request, &node->sent, link)
        if (request->id == number) {
            TAILQ_REMOVE (&node->sent, request, link);
            return request;
        }
    return NULL;
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
    fst_data_request_t *request = s_match (self, node, envelope.id);
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
            fst_data_note (node, request, now_ms);
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
    if (!fst_data_idle (node) && s_broke (node))
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

//  Ask for a sign of life, behind a request that takes long: whatever comes back is one, even a refusal.
static void
s_probe (fst_data_t *self, fst_data_node_t *node, int64_t now_ms)
{
    int64_t quiet_ms = now_ms - fst_max_ms (fst_max_ms (node->heard_ms, node->probed_ms), fst_data_oldest (node)->tag.asked_ms);
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
        if (away || fst_data_idle (node))
            continue;
        const char *reason = fst_data_overdue (self, node, now_ms);
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
        if (!fst_data_idle (node))
            return true;
    return false;
}
