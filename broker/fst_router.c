//  The Majordomo broker as a pure state machine.

#include "fst_router.h"
#include <assert.h>
#include <string.h>
#include "fst_envelope.h"
#include "fst_log.h"
#include "fst_mdp_head.h"
#include "fst_peek.h"
#include "fst_roles.h"

//  A request of a caller, waiting for a worker or being worked on.
typedef struct {
    fst_mdp_head_t caller;          //  How to answer: identity, version, delimiter
    fst_router_side_t side;
    char *service;
    zmsg_t *body;                   //  NULL while a worker has it
    size_t bytes;
    int64_t deadline_ms;            //  Until a worker must have taken it
    char id [FST_PEEK_ID_BYTES];  //  Of our envelope; known once body is gone
    fst_tapped_t *tapped;           //  NULL: nobody looks
} s_request_t;

typedef struct {
    char *name;
    zlist_t *waiting;               //  Requests, oldest first
    zlist_t *idle;                  //  Workers, least recently used first
    size_t workers;
    int64_t since_ms;               //  When the first of them came
} s_service_t;

typedef struct {
    fst_mdp_head_t peer;            //  identity is the key in workers
    s_service_t *service;
    s_request_t *request;           //  What it works on; NULL if idle
    int64_t silent_ms;              //  When it counts as gone
} s_worker_t;

typedef struct {
    fst_router_side_t side;
    zmsg_t *message;
} s_send_t;

struct fst_router {
    zhashx_t *services;             //  Name -> s_service_t; only those with workers or requests
    zhashx_t *workers;              //  Identity -> s_worker_t
    zlist_t *sends;
    size_t waiting;                 //  Requests in all queues
    size_t waiting_bytes;
    int64_t heartbeat_ms;           //  When the next ones go out
    int64_t wake_ms;
    fst_router_counts_t counts;
    fst_tap_t *tap;                 //  May be NULL
};

//  ---- Sending

static void
s_append (fst_router_t *self, fst_router_side_t side, zmsg_t *message)
{
    s_send_t *send = malloc (sizeof (*send));
    assert (send);
    *send = (s_send_t) { .side = side, .message = message };
    zlist_append (self->sends, send);
}

static void
s_send (fst_router_t *self, fst_router_side_t side, const fst_mdp_head_t *head, zmsg_t *message)
{
    fst_mdp_head_put (message, head);
    s_append (self, side, message);
}

static void
s_send_worker (fst_router_t *self, const fst_mdp_head_t *peer, int command, zmsg_t *message)
{
    fst_mdp_head_t head = *peer;
    head.command = command;
    s_send (self, FST_ROUTER_ACTORS, &head, message? message: zmsg_new ());
}

//  Body becomes the reply to a request; takes body.
static void
s_send_caller (fst_router_t *self, s_request_t *request, int command, zmsg_t *body)
{
    if (request->tapped && command == FST_MDPC_FINAL)
        fst_tap_answered (self->tap, &request->tapped, body);
    fst_mdp_head_t head = request->caller;
    head.command = command;
    zmsg_pushstr (body, request->service);
    s_send (self, request->side, &head, body);
}

//  ---- Requests

static void
s_request_destroy (s_request_t **request_p)
{
    s_request_t *request = *request_p;
    if (request) {
        fst_mdp_head_clear (&request->caller);
        free (request->service);
        zmsg_destroy (&request->body);
        fst_tap_forget (&request->tapped);
        free (request);
        *request_p = NULL;
    }
}

static void
s_request_learn_id (s_request_t *request)
{
    zframe_t *first = zmsg_first (request->body);
    fst_peek_id (zframe_data (first), zframe_size (first), request->id);
}

//  Answer for a service that cannot; ends the request.
static void
s_request_fail (fst_router_t *self, s_request_t **request_p, fst_rc_t rc, const char *why)
{
    s_request_t *request = *request_p;
    self->counts.refused++;
    if (request->body)
        s_request_learn_id (request);
    char text [FST_MDP_SERVICE_BYTES_MAX + 128];
    snprintf (text, sizeof (text), why, request->service);
    zmsg_t *body = zmsg_new ();
    zframe_t *frame = fst_envelope_error_encode (request->id, rc, text);
    zmsg_append (body, &frame);
    s_send_caller (self, request, FST_MDPC_FINAL, body);
    s_request_destroy (request_p);
}

//  A printable name that fits, as a string; NULL otherwise.
static char *
s_service_name (zframe_t *frame)
{
    size_t bytes = frame? zframe_size (frame): 0;
    if (bytes == 0 || bytes > FST_MDP_SERVICE_BYTES_MAX)
        return NULL;
    for (size_t at = 0; at < bytes; at++)
        if (zframe_data (frame) [at] <= ' ' || zframe_data (frame) [at] > '~')
            return NULL;
    return zframe_strdup (frame);
}

//  ---- Services

static s_service_t *
s_service_require (fst_router_t *self, const char *name)
{
    s_service_t *service = zhashx_lookup (self->services, name);
    if (!service) {
        service = calloc (1, sizeof (*service));
        assert (service);
        service->name = strdup (name);
        service->waiting = zlist_new ();
        service->idle = zlist_new ();
        assert (service->name);
        zhashx_insert (self->services, name, service);
    }
    return service;
}

static void
s_service_destroy (s_service_t *service)
{
    s_request_t *request;
    while ((request = zlist_pop (service->waiting)))
        s_request_destroy (&request);
    zlist_destroy (&service->waiting);
    zlist_destroy (&service->idle);
    free (service->name);
    free (service);
}

//  Forget a service that nobody offers and nobody waits for, so that made-up names leave nothing behind.
static void
s_service_settle (fst_router_t *self, s_service_t *service)
{
    if (service->workers == 0 && zlist_size (service->waiting) == 0) {
        zhashx_delete (self->services, service->name);
        s_service_destroy (service);
    }
}

static s_request_t *
s_service_pop (fst_router_t *self, s_service_t *service)
{
    s_request_t *request = zlist_pop (service->waiting);
    assert (request);
    self->waiting--;
    self->waiting_bytes -= request->bytes;
    return request;
}

//  ---- Dispatch

//  One frame for workers to give back: the caller's side, and its identity there.
static zframe_t *
s_address (const s_request_t *request)
{
    size_t bytes = zframe_size (request->caller.identity);
    zframe_t *address = zframe_new (NULL, bytes + 1);
    zframe_data (address) [0] = request->side == FST_ROUTER_CLIENTS? 'C': 'A';
    memcpy (zframe_data (address) + 1, zframe_data (request->caller.identity), bytes);
    return address;
}

static bool
s_address_is (zframe_t *address, const s_request_t *request)
{
    zframe_t *right = s_address (request);
    bool same = zframe_eq (address, right);
    zframe_destroy (&right);
    return same;
}

static void
s_give (fst_router_t *self, s_worker_t *worker, s_request_t *request)
{
    assert (!worker->request);
    s_request_learn_id (request);
    zmsg_t *message = request->body;
    request->body = NULL;
    worker->request = request;
    if (request->tapped)
        fst_tap_given (self->tap, request->tapped);
    zframe_t *address = s_address (request);
    zmsg_pushmem (message, NULL, 0);
    zmsg_prepend (message, &address);
    s_send_worker (self, &worker->peer, FST_MDPW_REQUEST, message);
}

static void
s_dispatch (fst_router_t *self, s_service_t *service)
{
    while (zlist_size (service->waiting) && zlist_size (service->idle)) {
        s_worker_t *worker = zlist_pop (service->idle);
        s_give (self, worker, s_service_pop (self, service));
    }
}

static void
s_enqueue (fst_router_t *self, s_request_t *request, bool first)
{
    s_service_t *service = s_service_require (self, request->service);
    if (first)
        zlist_push (service->waiting, request);
    else
        zlist_append (service->waiting, request);
    self->waiting++;
    self->waiting_bytes += request->bytes;
    if (self->wake_ms > request->deadline_ms)
        self->wake_ms = request->deadline_ms;
    s_dispatch (self, service);
}

//  ---- Workers

//  Workers of 0.1 beat as they are made to, mostly each 2.5 s, and a bit later when they have something else to read.
static int64_t
s_patience_ms (const s_worker_t *worker)
{
    return FST_MDP_LIVENESS * (worker->peer.old? FST_MDP_HEARTBEAT_01_MS: FST_MDP_HEARTBEAT_MS);
}

//  Forget a worker. What it was doing cannot be known to be undone, so its caller hears of it at once.
static void
s_worker_gone (fst_router_t *self, s_worker_t *worker, const char *why)
{
    s_service_t *service = worker->service;
    zlist_remove (service->idle, worker);
    service->workers--;
    fst_log_debug ("worker gone service=%s why=\"%s\"", service->name, why);
    if (service->workers == 0)
        fst_log_info ("service gone service=%s why=\"%s\"", service->name, why);
    if (worker->request)
        s_request_fail (self, &worker->request, FST_UNAVAILABLE, "service %s went away before it answered");
    zhashx_delete (self->workers, worker->peer.identity);
    fst_mdp_head_clear (&worker->peer);
    free (worker);
    s_service_settle (self, service);
}

static void
s_worker_refuse (fst_router_t *self, s_worker_t *worker, const fst_mdp_head_t *head, const char *why)
{
    s_send_worker (self, head, FST_MDPW_DISCONNECT, NULL);
    if (worker)
        s_worker_gone (self, worker, why);
}

static void
s_worker_ready (fst_router_t *self, fst_mdp_head_t *head, const char *user_id, const char *name, int64_t now_ms)
{
    bool reserved = strncmp (name, "mmi.", 4) == 0;
    bool full = zhashx_size (self->workers) >= FST_ROUTER_WORKERS_MAX;
    if (reserved || full || !fst_roles_may_offer (user_id, name)) {
        fst_log_warning ("worker refused service=%s role=%s why=%s", name, user_id,
                         reserved? "reserved": full? "full": "role");
        s_worker_refuse (self, NULL, head, NULL);
        return;
    }
    s_worker_t *worker = calloc (1, sizeof (*worker));
    assert (worker);
    worker->peer = *head;
    head->identity = NULL;              //  Worker's now
    worker->service = s_service_require (self, name);
    worker->silent_ms = now_ms + s_patience_ms (worker);
    zhashx_insert (self->workers, worker->peer.identity, worker);
    if (worker->service->workers++ == 0) {
        worker->service->since_ms = now_ms;
        fst_log_info ("service offered service=%s", name);
    }
    zlist_append (worker->service->idle, worker);
    s_dispatch (self, worker->service);
}

//  PARTIAL or FINAL with all that follows the command. False if it is not well-formed.
static bool
s_worker_reply (fst_router_t *self, s_worker_t *worker, const fst_mdp_head_t *head, zmsg_t **message_p)
{
    zframe_t *address = zmsg_pop (*message_p);
    zframe_t *empty = zmsg_pop (*message_p);
    bool valid = address && empty && zframe_size (empty) == 0 && zmsg_size (*message_p) > 0;
    if (valid && (!worker || !worker->request || !s_address_is (address, worker->request)))
        s_worker_refuse (self, worker, head, "reply to no request");
    else
    if (valid) {
        //  Version 0.1 knows one reply only, so its clients get the final one.
        zmsg_t *body = *message_p;
        if (head->command == FST_MDPW_FINAL || !worker->request->caller.old) {
            s_send_caller (self, worker->request,
                           head->command == FST_MDPW_FINAL? FST_MDPC_FINAL: FST_MDPC_PARTIAL, body);
            *message_p = NULL;
        }
        if (head->command == FST_MDPW_FINAL) {
            self->counts.replies++;
            s_request_destroy (&worker->request);
            zlist_append (worker->service->idle, worker);
            s_dispatch (self, worker->service);
        }
    }
    zframe_destroy (&address);
    zframe_destroy (&empty);
    return valid;
}

//  Returns false if the message is not valid by the grammar of the RFC.
static bool
s_worker_command (fst_router_t *self, fst_mdp_head_t *head, s_worker_t *worker, const char *user_id,
                  zmsg_t **message_p, int64_t now_ms)
{
    size_t frames = zmsg_size (*message_p);
    switch (head->command) {
    case FST_MDPW_READY: {
        char *name = frames == 1? s_service_name (zmsg_first (*message_p)): NULL;
        if (name && worker)
            s_worker_refuse (self, worker, head, "second READY");
        else
        if (name)
            s_worker_ready (self, head, user_id, name, now_ms);
        bool valid = name != NULL;
        free (name);
        return valid;
    }
    case FST_MDPW_PARTIAL:
    case FST_MDPW_FINAL:
        return s_worker_reply (self, worker, head, message_p);
    case FST_MDPW_HEARTBEAT:
        if (frames == 0 && !worker)
            s_worker_refuse (self, NULL, head, NULL);   //  Registered with a broker before us: do it again
        return frames == 0;
    case FST_MDPW_DISCONNECT:
        if (frames == 0 && worker)
            s_worker_gone (self, worker, "it left");
        return frames == 0;
    default:                                            //  REQUEST is ours to send
        s_worker_refuse (self, worker, head, "unexpected command");
        return true;
    }
}

static void
s_from_worker (fst_router_t *self, fst_mdp_head_t *head, const char *user_id, zmsg_t **message_p, int64_t now_ms)
{
    s_worker_t *worker = zhashx_lookup (self->workers, head->identity);
    if (worker && !fst_roles_may_offer (user_id, worker->service->name)) {
        s_worker_refuse (self, worker, head, "it may offer that no more");
        return;
    }
    if (worker)
        worker->silent_ms = now_ms + s_patience_ms (worker);
    if (!s_worker_command (self, head, worker, user_id, message_p, now_ms) && worker)
        s_worker_gone (self, worker, "invalid message");
}

//  ---- Callers

//  RFC 8: is there a worker for the service named in the body? Takes the request.
static void
s_mmi (fst_router_t *self, s_request_t *request)
{
    const char *status = "501";
    if (strcmp (request->service, "mmi.service") == 0) {
        char *name = s_service_name (zmsg_first (request->body));
        s_service_t *service = name? zhashx_lookup (self->services, name): NULL;
        status = service && service->workers? "200": "404";
        free (name);
    }
    zmsg_t *body = zmsg_new ();
    zmsg_addstr (body, status);
    s_send_caller (self, request, FST_MDPC_FINAL, body);
    s_request_destroy (&request);
}

//  FST_OK if there is room for the request.
static fst_rc_t
s_room (fst_router_t *self, const s_request_t *request)
{
    if (request->bytes > FST_ROUTER_REQUEST_BYTES)
        return FST_TOO_LARGE;
    s_service_t *service = zhashx_lookup (self->services, request->service);
    bool offered = service && service->workers;
    size_t in_all = offered? FST_ROUTER_WAITING_MAX: FST_ROUTER_WAITING_MAX / 2;
    size_t bytes_in_all = offered? FST_ROUTER_WAITING_BYTES: FST_ROUTER_WAITING_BYTES / 2;
    if (self->waiting >= in_all
    || self->waiting_bytes + request->bytes > bytes_in_all
    || (service && zlist_size (service->waiting) >= FST_ROUTER_QUEUE_MAX))
        return FST_BUSY;
    return FST_OK;
}

static void
s_from_caller (fst_router_t *self, fst_router_side_t side, fst_mdp_head_t *head, zmsg_t **message_p, int64_t now_ms)
{
    zframe_t *frame = zmsg_pop (*message_p);
    char *name = s_service_name (frame);
    zframe_destroy (&frame);
    if (head->command != FST_MDPC_REQUEST || !name || zmsg_size (*message_p) == 0) {
        fst_log_debug ("invalid request dropped");
        free (name);
        return;
    }
    s_request_t *request = calloc (1, sizeof (*request));
    assert (request);
    request->caller = *head;
    head->identity = NULL;              //  Request's now
    request->side = side;
    request->service = name;
    request->body = *message_p;
    *message_p = NULL;
    request->bytes = zmsg_content_size (request->body);
    request->deadline_ms = now_ms + FST_ROUTER_DEADLINE_MS;
    if (strncmp (name, "mmi.", 4) == 0) {
        s_mmi (self, request);
        return;
    }
    self->counts.requests++;
    if (self->tap)
        request->tapped = fst_tap_came (self->tap, name, request->body);
    fst_rc_t rc = s_room (self, request);
    if (rc == FST_OK)
        s_enqueue (self, request, false);
    else
        s_request_fail (self, &request, rc, rc == FST_BUSY?
                        "too many requests wait for service %s; try again": "the request for service %s is too large");
}

//  ---- Class

static size_t
s_identity_hash (const void *key)
{
    size_t hash = 2166136261u;          //  FNV-1a
    zframe_t *identity = (zframe_t *) key;
    for (size_t at = 0; at < zframe_size (identity); at++)
        hash = (hash ^ zframe_data (identity) [at]) * 16777619u;
    return hash;
}

static int
s_identity_compare (const void *a, const void *b)
{
    return zframe_eq ((zframe_t *) a, (zframe_t *) b)? 0: 1;
}

fst_router_t *
fst_router_new (int64_t now_ms)
{
    fst_router_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->services = zhashx_new ();
    self->workers = zhashx_new ();
    zhashx_set_key_hasher (self->workers, s_identity_hash);
    zhashx_set_key_comparator (self->workers, s_identity_compare);
    zhashx_set_key_duplicator (self->workers, NULL);    //  Keys belong to the workers
    zhashx_set_key_destructor (self->workers, NULL);
    self->sends = zlist_new ();
    self->heartbeat_ms = now_ms + FST_MDP_HEARTBEAT_MS;
    self->wake_ms = self->heartbeat_ms;
    return self;
}

void
fst_router_destroy (fst_router_t **self_p)
{
    assert (self_p);
    fst_router_t *self = *self_p;
    if (!self)
        return;
    for (s_worker_t *worker = zhashx_first (self->workers); worker; worker = zhashx_next (self->workers)) {
        s_request_destroy (&worker->request);
        fst_mdp_head_clear (&worker->peer);
        free (worker);
    }
    zhashx_destroy (&self->workers);
    for (s_service_t *service = zhashx_first (self->services); service; service = zhashx_next (self->services))
        s_service_destroy (service);
    zhashx_destroy (&self->services);
    fst_router_side_t side;
    zmsg_t *message;
    while ((message = fst_router_next (self, &side)))
        zmsg_destroy (&message);
    zlist_destroy (&self->sends);
    free (self);
    *self_p = NULL;
}

void
fst_router_set_tap (fst_router_t *self, fst_tap_t *tap)
{
    assert (self);
    self->tap = tap;
}

//  What a socket with PROBE_ROUTER sends at each connection: nothing, in one frame. It gets it back.
static bool
s_is_greeting (zmsg_t *message)
{
    return zmsg_size (message) == 2 && zframe_size (zmsg_last (message)) == 0;
}

void
fst_router_receive (fst_router_t *self, fst_router_side_t side, const char *user_id, zmsg_t **message_p,
                    int64_t now_ms)
{
    assert (self && user_id);
    assert (message_p && *message_p);
    if (s_is_greeting (*message_p)) {
        s_append (self, side, *message_p);
        *message_p = NULL;
        return;
    }
    fst_mdp_head_t head;
    if (!fst_mdp_head_take (*message_p, &head)) {
        s_worker_t *worker = head.identity && side == FST_ROUTER_ACTORS?
            zhashx_lookup (self->workers, head.identity): NULL;
        if (worker)
            s_worker_gone (self, worker, "invalid message");
    }
    else
    if (!head.worker)
        s_from_caller (self, side, &head, message_p, now_ms);
    else
    if (side == FST_ROUTER_ACTORS)
        s_from_worker (self, &head, user_id, message_p, now_ms);
    else
        fst_log_debug ("worker refused: it came in by the clients' door");
    fst_mdp_head_clear (&head);
    zmsg_destroy (message_p);
}

zmsg_t *
fst_router_next (fst_router_t *self, fst_router_side_t *side_p)
{
    assert (self && side_p);
    s_send_t *send = zlist_pop (self->sends);
    if (!send)
        return NULL;
    zmsg_t *message = send->message;
    *side_p = send->side;
    free (send);
    return message;
}

//  Take back the request that a worker did not get.
static s_request_t *
s_take_back (s_worker_t *worker, const fst_mdp_head_t *head, zmsg_t **message_p)
{
    if (head->command != FST_MDPW_REQUEST || !worker->request)
        return NULL;
    for (int frame_nbr = 0; frame_nbr < 2; frame_nbr++) {   //  Address, empty
        zframe_t *frame = zmsg_pop (*message_p);
        zframe_destroy (&frame);
    }
    s_request_t *request = worker->request;
    worker->request = NULL;
    request->body = *message_p;
    *message_p = NULL;
    return request;
}

void
fst_router_undelivered (fst_router_t *self, fst_router_side_t side, zmsg_t **message_p, int64_t now_ms)
{
    assert (self);
    assert (message_p && *message_p);
    (void) now_ms;
    fst_mdp_head_t head;
    bool majordomo = fst_mdp_head_take (*message_p, &head);
    s_worker_t *worker = majordomo && head.worker && side == FST_ROUTER_ACTORS? zhashx_lookup (self->workers, head.identity): NULL;
    if (worker) {
        s_request_t *request = s_take_back (worker, &head, message_p);
        if (request)
            s_enqueue (self, request, true);
        s_worker_gone (self, worker, "unreachable");
    }
    fst_mdp_head_clear (&head);
    zmsg_destroy (message_p);
}

static void
s_drop_silent_workers (fst_router_t *self, int64_t now_ms)
{
    zlist_t *silent = zlist_new ();
    for (s_worker_t *worker = zhashx_first (self->workers); worker; worker = zhashx_next (self->workers))
        if (worker->silent_ms <= now_ms)
            zlist_append (silent, worker);
        else
            s_send_worker (self, &worker->peer, FST_MDPW_HEARTBEAT, NULL);
    s_worker_t *worker;
    while ((worker = zlist_pop (silent)))
        s_worker_gone (self, worker, "silent");
    zlist_destroy (&silent);
}

//  Give up on what waited too long. Queues are in order of their deadlines.
static void
s_expire (fst_router_t *self, s_service_t *service, int64_t now_ms)
{
    s_request_t *request;
    while ((request = zlist_first (service->waiting)) && request->deadline_ms <= now_ms) {
        request = s_service_pop (self, service);
        if (service->workers)
            s_request_fail (self, &request, FST_TIMEOUT, "service %s is busy and did not take the request in time");
        else
            s_request_fail (self, &request, FST_UNAVAILABLE, "service %s is not running, or has no connection");
    }
    if (request && request->deadline_ms < self->wake_ms)
        self->wake_ms = request->deadline_ms;
}

int64_t
fst_router_tick (fst_router_t *self, int64_t now_ms)
{
    assert (self);
    if (now_ms < self->wake_ms)
        return self->wake_ms;
    if (now_ms >= self->heartbeat_ms) {
        s_drop_silent_workers (self, now_ms);
        self->heartbeat_ms = now_ms + FST_MDP_HEARTBEAT_MS;
    }
    self->wake_ms = self->heartbeat_ms;
    zlistx_t *services = zhashx_values (self->services);
    for (s_service_t *service = zlistx_first (services); service; service = zlistx_next (services)) {
        s_expire (self, service, now_ms);
        s_service_settle (self, service);
    }
    zlistx_destroy (&services);
    return self->wake_ms;
}

void
fst_router_disconnect (fst_router_t *self)
{
    assert (self);
    for (s_worker_t *worker = zhashx_first (self->workers); worker; worker = zhashx_next (self->workers))
        s_send_worker (self, &worker->peer, FST_MDPW_DISCONNECT, NULL);
}

void
fst_router_list (const fst_router_t *self, void (*each) (void *arg, const fst_router_service_t *service), void *arg)
{
    assert (self && each);
    for (s_service_t *service = zhashx_first (self->services); service; service = zhashx_next (self->services)) {
        fst_router_service_t row = { service->name, service->workers, zlist_size (service->idle),
                                     zlist_size (service->waiting), service->since_ms };
        each (arg, &row);
    }
}

fst_router_counts_t
fst_router_counts (const fst_router_t *self)
{
    assert (self);
    return self->counts;
}

size_t
fst_router_workers (const fst_router_t *self)
{
    return zhashx_size (self->workers);
}

size_t
fst_router_services (const fst_router_t *self)
{
    return zhashx_size (self->services);
}

size_t
fst_router_waiting (const fst_router_t *self)
{
    return self->waiting;
}

size_t
fst_router_waiting_bytes (const fst_router_t *self)
{
    return self->waiting_bytes;
}
