//  Workers: who comes, replies, falls silent, leaves.

#include "fst_router_self.h"
#include <assert.h>
#include <string.h>
#include "fst_roles.h"

//  Workers of 0.1 beat as they are made to, mostly each 2.5 s, and a bit later when they have something else to read.
static int64_t
s_patience_ms (const fst_worker_t *worker)
{
    return FST_MDP_LIVENESS * (worker->peer.old? FST_MDP_HEARTBEAT_01_MS: FST_MDP_HEARTBEAT_MS);
}

//  ---- Their end

void
fst_router_worker_destroy (fst_worker_t *worker)
{
    fst_router_request_destroy (&worker->request);
    fst_mdp_head_clear (&worker->peer);
    free (worker->user_id);
    free (worker);
}

//  Forget a worker. What it was doing cannot be known to be undone, so its caller hears of it at once.
static void
s_gone (fst_router_t *self, fst_worker_t *worker, const char *why)
{
    fst_queue_t *queue = worker->queue;
    zlist_remove (queue->idle, worker);
    queue->workers--;
    fst_log_debug ("worker gone service=%s why=\"%s\"", queue->name, why);
    if (queue->workers == 0) {
        fst_tally_gone (self->tally, queue->name);
        if (fst_log_sparing (&self->sparing))
            fst_log_info ("service gone service=%s why=\"%s\"", queue->name, why);
    }
    if (worker->request)
        fst_router_lose (self, &worker->request);
    zhashx_delete (self->workers, worker->peer.identity);
    fst_router_worker_destroy (worker);
    fst_router_settle (self, queue);
}

void
fst_router_end_worker (fst_router_t *self, zframe_t *identity, const char *why)
{
    fst_worker_t *worker = zhashx_lookup (self->workers, identity);
    if (worker)
        s_gone (self, worker, why);
}

//  worker may be NULL: it is none yet.
static void
s_refuse (fst_router_t *self, fst_worker_t *worker, const fst_mdp_head_t *head, const char *why)
{
    fst_router_send (self, FST_ROUTER_ACTORS, head, FST_MDPW_DISCONNECT, zmsg_new ());
    if (worker)
        s_gone (self, worker, why);
}

//  ---- What they say

//  Who came by ipc:// is not told from others there, and may have all places.
static bool
s_has_many (const fst_router_t *self, const char *user_id)
{
    size_t count = 0;
    for (fst_worker_t *worker = zhashx_first (self->workers); *user_id && worker; worker = zhashx_next (self->workers))
        count += streq (worker->user_id, user_id);
    return count >= FST_ROUTER_ROLE_WORKERS_MAX;
}

//  Why somebody may not offer this; NULL if they may.
static const char *
s_why_not (const fst_router_t *self, const char *user_id, const char *name)
{
    return strncmp (name, "mmi.", 4) == 0? "reserved"
        : !fst_roles_may_offer (user_id, name)? "role"
        : zhashx_size (self->workers) >= FST_ROUTER_WORKERS_MAX || s_has_many (self, user_id)? "full": NULL;
}

static void
s_ready (fst_router_t *self, fst_mdp_head_t *head, const char *user_id, const char *name, int64_t now_ms)
{
    const char *why = s_why_not (self, user_id, name);
    if (why) {
        if (fst_log_sparing (&self->sparing))
            fst_log_warning ("worker refused service=%s role=%s why=%s", name, user_id, why);
        s_refuse (self, NULL, head, NULL);
        return;
    }
    fst_worker_t *worker = calloc (1, sizeof (*worker));
    assert (worker);
    worker->peer = *head;
    head->identity = NULL;              //  Worker's now
    worker->user_id = strdup (user_id);
    assert (worker->user_id);
    worker->queue = fst_router_queue_require (self, name);
    worker->silent_ms = now_ms + s_patience_ms (worker);
    zhashx_insert (self->workers, worker->peer.identity, worker);
    if (worker->queue->workers++ == 0) {
        worker->queue->since_ms = now_ms;
        fst_tally_offered (self->tally, name);
        if (fst_log_sparing (&self->sparing))
            fst_log_info ("service offered service=%s", name);
    }
    zlist_append (worker->queue->idle, worker);
    fst_router_dispatch (self, worker->queue);
}

//  PARTIAL or FINAL with all that follows the command. False if it is not well-formed.
static bool
s_reply (fst_router_t *self, fst_worker_t *worker, const fst_mdp_head_t *head, zmsg_t **message_p)
{
    zframe_t *address = zmsg_pop (*message_p);
    zframe_t *empty = zmsg_pop (*message_p);
    bool valid = address && empty && zframe_size (empty) == 0 && zmsg_size (*message_p) > 0;
    if (valid && (!worker || !worker->request || !fst_router_address_is (address, worker->request)))
        s_refuse (self, worker, head, "reply to no request");
    else
    if (valid && head->command == FST_MDPW_FINAL) {
        fst_router_reply (self, &worker->request, *message_p);
        *message_p = NULL;
        zlist_append (worker->queue->idle, worker);
        fst_router_dispatch (self, worker->queue);
    }
    else
    if (valid && !worker->request->caller.old) {    //  Version 0.1 knows one reply only, so its clients get the final one
        fst_router_part (self, worker->request, *message_p);
        *message_p = NULL;
    }
    zframe_destroy (&address);
    zframe_destroy (&empty);
    return valid;
}

//  Returns false if the message is not valid by the grammar of the RFC.
static bool
s_command (fst_router_t *self, fst_mdp_head_t *head, fst_worker_t *worker, const char *user_id, zmsg_t **message_p,
           int64_t now_ms)
{
    size_t frames = zmsg_size (*message_p);
    switch (head->command) {
    case FST_MDPW_READY: {
        char *name = frames == 1? fst_router_service_name (zmsg_first (*message_p)): NULL;
        if (name && worker)
            s_refuse (self, worker, head, "second READY");
        else
        if (name)
            s_ready (self, head, user_id, name, now_ms);
        bool valid = name != NULL;
        free (name);
        return valid;
    }
    case FST_MDPW_PARTIAL:
    case FST_MDPW_FINAL:
        return s_reply (self, worker, head, message_p);
    case FST_MDPW_HEARTBEAT:
        if (frames == 0 && !worker)
            s_refuse (self, NULL, head, NULL);      //  Registered with a broker before us: do it again
        return frames == 0;
    case FST_MDPW_DISCONNECT:
        if (frames == 0 && worker)
            s_gone (self, worker, "it left");
        return frames == 0;
    default:                                        //  REQUEST is ours to send
        s_refuse (self, worker, head, "unexpected command");
        return true;
    }
}

void
fst_router_from_worker (fst_router_t *self, fst_mdp_head_t *head, const char *user_id, zmsg_t **message_p, int64_t now_ms)
{
    fst_worker_t *worker = zhashx_lookup (self->workers, head->identity);
    if (worker && !fst_roles_may_offer (user_id, worker->queue->name)) {
        s_refuse (self, worker, head, "it may offer that no more");
        return;
    }
    if (worker)
        worker->silent_ms = now_ms + s_patience_ms (worker);
    if (!s_command (self, head, worker, user_id, message_p, now_ms) && worker)
        s_gone (self, worker, "invalid message");
}

//  ---- Time, and what did not get there

void
fst_router_beat (fst_router_t *self, int64_t now_ms)
{
    zlist_t *silent = zlist_new ();
    for (fst_worker_t *worker = zhashx_first (self->workers); worker; worker = zhashx_next (self->workers))
        if (worker->silent_ms <= now_ms)
            zlist_append (silent, worker);
        else
            fst_router_send (self, FST_ROUTER_ACTORS, &worker->peer, FST_MDPW_HEARTBEAT, zmsg_new ());
    fst_worker_t *worker;
    while ((worker = zlist_pop (silent)))
        s_gone (self, worker, "silent");
    zlist_destroy (&silent);
}

void
fst_router_disconnect (fst_router_t *self)
{
    assert (self);
    for (fst_worker_t *worker = zhashx_first (self->workers); worker; worker = zhashx_next (self->workers))
        fst_router_send (self, FST_ROUTER_ACTORS, &worker->peer, FST_MDPW_DISCONNECT, zmsg_new ());
}

void
fst_router_undelivered (fst_router_t *self, fst_router_side_t side, zmsg_t **message_p)
{
    assert (self);
    assert (message_p && *message_p);
    fst_mdp_head_t head;
    bool majordomo = fst_mdp_head_take (*message_p, &head);
    fst_worker_t *worker = majordomo && head.worker && side == FST_ROUTER_ACTORS? zhashx_lookup (self->workers, head.identity): NULL;
    if (worker && worker->request && head.command == FST_MDPW_REQUEST) {
        for (int frame_nbr = 0; frame_nbr < 2; frame_nbr++) {   //  Address, empty
            zframe_t *frame = zmsg_pop (*message_p);
            zframe_destroy (&frame);
        }
        fst_router_give_again (self, &worker->request, *message_p);
        *message_p = NULL;
    }
    if (worker)
        s_gone (self, worker, "unreachable");
    fst_mdp_head_clear (&head);
    zmsg_destroy (message_p);
}
