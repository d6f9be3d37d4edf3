//  Callers, their requests, and the queues in which these wait.

#include "fst_router_self.h"
#include <assert.h>
#include <string.h>
#include "fst_envelope.h"

//  ---- Answers

//  Body becomes an answer to a request; takes body.
static void
s_send_caller (fst_router_t *self, fst_routed_t *request, int command, zmsg_t *body)
{
    zmsg_pushstr (body, request->service);
    fst_router_send (self, request->side, &request->caller, command, body);
}

//  Count the request, answer it for good, and forget it; takes body.
static void
s_end (fst_router_t *self, fst_routed_t **request_p, fst_tally_result_t result, zmsg_t *body)
{
    fst_routed_t *request = *request_p;
    int64_t now_us = self->mono_us (), given_us = request->given_us? request->given_us: now_us;
    fst_tally_count (self->tally, request->service, result, given_us - request->came_us, now_us - given_us);
    if (request->tapped)
        fst_tap_answered (self->tap, &request->tapped, body, given_us - request->came_us, now_us - given_us);
    s_send_caller (self, request, FST_MDPC_FINAL, body);
    fst_router_request_destroy (request_p);
}

void
fst_router_part (fst_router_t *self, fst_routed_t *request, zmsg_t *body)
{
    s_send_caller (self, request, FST_MDPC_PARTIAL, body);
}

void
fst_router_reply (fst_router_t *self, fst_routed_t **request_p, zmsg_t *body)
{
    self->counts.replies++;
    s_end (self, request_p, FST_TALLY_REPLIED, body);
}

static void
s_learn_id (fst_routed_t *request)
{
    zframe_t *first = zmsg_first (request->body);
    fst_peek_id (zframe_data (first), zframe_size (first), request->id);
}

//  Answer for a service that cannot; ends the request.
static void
s_fail (fst_router_t *self, fst_routed_t **request_p, fst_tally_result_t result)
{
    static const struct { fst_rc_t rc; const char *text; } answers [FST_TALLY_RESULTS] = {
        [FST_TALLY_LOST]        = { FST_UNAVAILABLE, "service %s went away before it answered" },
        [FST_TALLY_TIMEOUT]     = { FST_TIMEOUT, "service %s is busy and did not take the request in time" },
        [FST_TALLY_UNAVAILABLE] = { FST_UNAVAILABLE, "service %s is not running, or has no connection" },
        [FST_TALLY_BUSY]        = { FST_BUSY, "too many requests wait for service %s; try again" },
        [FST_TALLY_TOO_LARGE]   = { FST_TOO_LARGE, "the request for service %s is too large" },
    };
    fst_routed_t *request = *request_p;
    self->counts.refused++;
    if (request->body)
        s_learn_id (request);
    char text [FST_MDP_SERVICE_BYTES_MAX + 128];
    snprintf (text, sizeof (text), answers [result].text, request->service);
    zmsg_t *body = zmsg_new ();
    zframe_t *frame = fst_envelope_error_encode (request->id, answers [result].rc, text);
    zmsg_append (body, &frame);
    s_end (self, request_p, result, body);
}

void
fst_router_lose (fst_router_t *self, fst_routed_t **request_p)
{
    s_fail (self, request_p, FST_TALLY_LOST);
}

void
fst_router_request_destroy (fst_routed_t **request_p)
{
    fst_routed_t *request = *request_p;
    if (request) {
        fst_mdp_head_clear (&request->caller);
        free (request->service);
        zmsg_destroy (&request->body);
        fst_tap_forget (&request->tapped);
        free (request);
        *request_p = NULL;
    }
}

//  ---- Queues

fst_queue_t *
fst_router_queue_require (fst_router_t *self, const char *name)
{
    fst_queue_t *queue = zhashx_lookup (self->queues, name);
    if (!queue) {
        queue = calloc (1, sizeof (*queue));
        assert (queue);
        queue->name = strdup (name);
        queue->waiting = zlist_new ();
        queue->idle = zlist_new ();
        assert (queue->name);
        zhashx_insert (self->queues, name, queue);
    }
    return queue;
}

void
fst_router_queue_destroy (fst_queue_t *queue)
{
    fst_routed_t *request;
    while ((request = zlist_pop (queue->waiting)))
        fst_router_request_destroy (&request);
    zlist_destroy (&queue->waiting);
    zlist_destroy (&queue->idle);
    free (queue->name);
    free (queue);
}

void
fst_router_settle (fst_router_t *self, fst_queue_t *queue)
{
    if (queue->workers == 0 && zlist_size (queue->waiting) == 0) {
        zhashx_delete (self->queues, queue->name);
        fst_router_queue_destroy (queue);
    }
}

static fst_routed_t *
s_pop (fst_router_t *self, fst_queue_t *queue)
{
    fst_routed_t *request = zlist_pop (queue->waiting);
    assert (request);
    self->counts.waiting--;
    self->counts.waiting_bytes -= request->bytes;
    return request;
}

//  ---- To workers

//  One frame for workers to give back: the caller's side, and its identity there.
static zframe_t *
s_address (const fst_routed_t *request)
{
    size_t bytes = zframe_size (request->caller.identity);
    zframe_t *address = zframe_new (NULL, bytes + 1);
    zframe_data (address) [0] = request->side == FST_ROUTER_CLIENTS? 'C': 'A';
    memcpy (zframe_data (address) + 1, zframe_data (request->caller.identity), bytes);
    return address;
}

bool
fst_router_address_is (zframe_t *address, const fst_routed_t *request)
{
    zframe_t *right = s_address (request);
    bool same = zframe_eq (address, right);
    zframe_destroy (&right);
    return same;
}

static void
s_give (fst_router_t *self, fst_worker_t *worker, fst_routed_t *request)
{
    assert (!worker->request);
    s_learn_id (request);
    zmsg_t *message = request->body;
    request->body = NULL;
    request->given_us = self->mono_us ();
    worker->request = request;
    zframe_t *address = s_address (request);
    zmsg_pushmem (message, NULL, 0);
    zmsg_prepend (message, &address);
    fst_router_send (self, FST_ROUTER_ACTORS, &worker->peer, FST_MDPW_REQUEST, message);
}

void
fst_router_dispatch (fst_router_t *self, fst_queue_t *queue)
{
    while (zlist_size (queue->waiting) && zlist_size (queue->idle)) {
        fst_worker_t *worker = zlist_pop (queue->idle);
        s_give (self, worker, s_pop (self, queue));
    }
}

static void
s_enqueue (fst_router_t *self, fst_routed_t *request, bool first)
{
    fst_queue_t *queue = fst_router_queue_require (self, request->service);
    if (first)
        zlist_push (queue->waiting, request);
    else
        zlist_append (queue->waiting, request);
    self->counts.waiting++;
    self->counts.waiting_bytes += request->bytes;
    if (self->wake_ms > request->deadline_ms)
        self->wake_ms = request->deadline_ms;
    fst_router_dispatch (self, queue);
}

void
fst_router_give_again (fst_router_t *self, fst_routed_t **request_p, zmsg_t *body)
{
    fst_routed_t *request = *request_p;
    *request_p = NULL;
    request->body = body;
    request->given_us = 0;
    s_enqueue (self, request, true);
}

//  Queues are in order of their deadlines.
void
fst_router_expire (fst_router_t *self, fst_queue_t *queue, int64_t now_ms)
{
    fst_routed_t *request;
    while ((request = zlist_first (queue->waiting)) && request->deadline_ms <= now_ms) {
        request = s_pop (self, queue);
        s_fail (self, &request, queue->workers? FST_TALLY_TIMEOUT: FST_TALLY_UNAVAILABLE);
    }
    if (request && request->deadline_ms < self->wake_ms)
        self->wake_ms = request->deadline_ms;
}

//  ---- From callers

//  RFC 8: is there a worker for the service named in the body? Takes the request.
static void
s_mmi (fst_router_t *self, fst_routed_t *request)
{
    const char *status = "501";
    if (strcmp (request->service, "mmi.service") == 0) {
        char *name = fst_router_service_name (zmsg_first (request->body));
        fst_queue_t *queue = name? zhashx_lookup (self->queues, name): NULL;
        status = queue && queue->workers? "200": "404";
        free (name);
    }
    zmsg_t *body = zmsg_new ();
    zmsg_addstr (body, status);
    s_send_caller (self, request, FST_MDPC_FINAL, body);
    fst_router_request_destroy (&request);
}

static bool
s_has_room (const fst_router_t *self, const fst_routed_t *request)
{
    fst_queue_t *queue = zhashx_lookup (self->queues, request->service);
    bool offered = queue && queue->workers;
    size_t in_all = offered? FST_ROUTER_WAITING_MAX: FST_ROUTER_WAITING_MAX / 2;
    size_t bytes_in_all = offered? FST_ROUTER_WAITING_BYTES: FST_ROUTER_WAITING_BYTES / 2;
    return self->counts.waiting < in_all
        && self->counts.waiting_bytes + request->bytes <= bytes_in_all
        && (!queue || zlist_size (queue->waiting) < FST_ROUTER_QUEUE_MAX);
}

//  Takes the request.
static void
s_take (fst_router_t *self, fst_routed_t *request)
{
    self->counts.requests++;
    request->came_us = self->mono_us ();
    if (self->tap)
        request->tapped = fst_tap_came (self->tap, request->service, request->body);
    if (request->bytes > FST_ROUTER_REQUEST_BYTES)
        s_fail (self, &request, FST_TALLY_TOO_LARGE);
    else
    if (!s_has_room (self, request))
        s_fail (self, &request, FST_TALLY_BUSY);
    else
        s_enqueue (self, request, false);
}

void
fst_router_from_caller (fst_router_t *self, fst_router_side_t side, fst_mdp_head_t *head, zmsg_t **message_p, int64_t now_ms)
{
    zframe_t *frame = zmsg_pop (*message_p);
    char *name = fst_router_service_name (frame);
    zframe_destroy (&frame);
    if (head->command != FST_MDPC_REQUEST || !name || zmsg_size (*message_p) == 0) {
        fst_log_debug ("invalid request dropped");
        free (name);
        return;
    }
    fst_routed_t *request = calloc (1, sizeof (*request));
    assert (request);
    request->caller = *head;
    head->identity = NULL;              //  Request's now
    request->side = side;
    request->service = name;
    request->body = *message_p;
    *message_p = NULL;
    request->bytes = zmsg_content_size (request->body);
    request->deadline_ms = now_ms + FST_ROUTER_DEADLINE_MS;
    if (strncmp (name, "mmi.", 4) == 0)
        s_mmi (self, request);
    else
        s_take (self, request);
}
