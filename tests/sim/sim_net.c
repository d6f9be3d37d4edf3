//  The network: the broker with its queues, cuts, and calls. As the real parts behave
//  (bus/fst_caller.c, bus/fst_lane.c, broker/), but what takes them several messages to find out, that a peer is
//  gone or another one, is known here after the time that it takes them.

#include "sim_world.h"
#include <assert.h>
#include "fst_envelope.h"
#include "fst_text.h"

#define WAIT_MS         5000        //  A request waits so long for a worker
#define GONE_MS         4000        //  Until the broker drops a worker that it cannot hear
#define PATIENCE_MS     60000       //  Of a caller
#define CONNECT_MS      5000        //  Of a caller, without a broker
#define AGAIN_FOR_MS    4000        //  A service that went away is asked again for so long
#define AGAIN_MS        100

//  A request at the broker.
typedef struct {
    uint64_t number;
    int caller;
    unsigned connection;            //  Of the caller
    char id [2 * 16 + 1];
    char service [96];
    zframe_t *body;
    int worker;                     //  Part; -1: waits
    unsigned worker_as;             //  With this connection
} s_entry_t;

struct sim_call {
    int caller;
    unsigned life;
    char id [2 * 16 + 1];
    char service [96];
    zframe_t *body;
    int64_t start_ms, heard_ms;
    unsigned sent_as;               //  On this connection; 0: not sent
    bool done;
    sim_finish_fn *finish;
    void *arg;
};

static sim_part_t *
s_broker (void)
{
    return &sim_world->parts [SIM_BROKER];
}

int64_t
sim_delay (void)
{
    return (int64_t) sim_luck (sim_world, (uint64_t) sim_world->options.delay_ms + 1);
}

bool
sim_is_cut (int from, int to)
{
    return sim_world->cut [from] [to];
}

//  Both ways to the broker work.
static bool
s_has_broker (const sim_part_t *part)
{
    return s_broker ()->up && !sim_is_cut (part->index, SIM_BROKER) && !sim_is_cut (SIM_BROKER, part->index);
}

//  ---- Requests at the broker

static s_entry_t *
s_find_entry (uint64_t number)
{
    for (s_entry_t *entry = zlist_first (sim_world->entries); entry; entry = zlist_next (sim_world->entries))
        if (entry->number == number)
            return entry;
    return NULL;
}

static void
s_drop_entry (s_entry_t *entry)
{
    zlist_remove (sim_world->entries, entry);
    zframe_destroy (&entry->body);
    free (entry);
}

typedef struct {
    int caller;
    unsigned connection;
    char id [2 * 16 + 1];
    zmsg_t *message;
} s_reply_t;

static void
s_caller_replied (sim_t *sim, void *arg);

//  From the broker to the caller. Takes message.
static void
s_reply (s_entry_t *entry, zmsg_t *message)
{
    s_reply_t *reply = calloc (1, sizeof (*reply));
    assert (reply);
    reply->caller = entry->caller;
    reply->connection = entry->connection;
    strcpy (reply->id, entry->id);
    reply->message = message;
    sim_at (sim_world, sim_world->now_ms + sim_delay (), s_caller_replied, reply);
}

static void
s_refuse (s_entry_t *entry, fst_rc_t rc)
{
    zmsg_t *message = zmsg_new ();
    zframe_t *frame = fst_envelope_error_encode (entry->id, rc, NULL);
    zmsg_append (message, &frame);
    s_reply (entry, message);
    s_drop_entry (entry);
}

static sim_part_t *
s_find_worker (const char *service)
{
    for (int index = SIM_METADATA; index < SIM_CLIENT (1); index++) {
        sim_part_t *part = &sim_world->parts [index];
        if (part->serving && part->up && streq (sim_actor_service (part), service))
            return part;
    }
    return NULL;
}

static void
s_worker_got (sim_t *sim, void *arg);

typedef struct {
    uint64_t entry;
    int part;
    unsigned connection;
    zmsg_t *message;
} s_work_t;

static void
s_dispatch (void)
{
    s_entry_t *entry = zlist_first (sim_world->entries);
    for (; entry; entry = zlist_next (sim_world->entries)) {
        sim_part_t *worker = entry->worker < 0? s_find_worker (entry->service): NULL;
        if (!worker || worker->busy >= (int) sim_actor_lanes (worker))
            continue;
        entry->worker = worker->index;
        entry->worker_as = worker->serving_as;
        worker->busy++;
        s_work_t *work = calloc (1, sizeof (*work));
        assert (work);
        zframe_t *body = zframe_dup (entry->body);
        *work = (s_work_t) { entry->number, worker->index, worker->serving_as, zmsg_new () };
        zmsg_append (work->message, &body);
        sim_at (sim_world, sim_world->now_ms + sim_delay (), s_worker_got, work);
    }
}

static void
s_worker_got (sim_t *sim, void *arg)
{
    s_work_t *work = arg;
    sim_part_t *part = &sim->parts [work->part];
    if (part->up && part->connection == work->connection && !sim_is_cut (SIM_BROKER, part->index)) {
        sim_actor_request (part, work->entry, work->message);
        work->message = NULL;
    }
    zmsg_destroy (&work->message);
    free (work);
}

static void
s_waited (sim_t *sim, void *arg)
{
    (void) sim;
    uint64_t *number = arg;
    s_entry_t *entry = s_find_entry (*number);
    if (entry && entry->worker < 0)
        s_refuse (entry, s_find_worker (entry->service)? FST_TIMEOUT: FST_UNAVAILABLE);
    free (number);
}

//  A request reaches the broker.
static void
s_broker_got (sim_t *sim, void *arg)
{
    s_entry_t *entry = arg;
    const sim_part_t *caller = &sim->parts [entry->caller];
    if (!s_broker ()->up || sim_is_cut (entry->caller, SIM_BROKER) || caller->connection != entry->connection) {
        zframe_destroy (&entry->body);
        free (entry);
        return;
    }
    sim_note (sim, entry->service, (uint64_t) entry->caller, 0);
    zlist_append (sim->entries, entry);
    uint64_t *number = malloc (sizeof (*number));
    assert (number);
    *number = entry->number;
    sim_at (sim, sim->now_ms + WAIT_MS, s_waited, number);
    s_dispatch ();
}

//  The answer of a worker reaches the broker.
static void
s_broker_answered (sim_t *sim, void *arg)
{
    s_work_t *work = arg;
    s_entry_t *entry = s_find_entry (work->entry);
    sim_part_t *part = &sim->parts [work->part];
    if (entry && s_broker ()->up && !sim_is_cut (work->part, SIM_BROKER) && entry->worker == work->part
    &&  entry->worker_as == work->connection) {
        s_reply (entry, work->message);
        work->message = NULL;
        s_drop_entry (entry);
        if (part->serving && part->serving_as == work->connection)
            part->busy--;
        s_dispatch ();
    }
    zmsg_destroy (&work->message);
    free (work);
}

void
sim_net_answer (sim_part_t *from, uint64_t number, zmsg_t *message)
{
    s_work_t *work = calloc (1, sizeof (*work));
    assert (work);
    *work = (s_work_t) { number, from->index, from->connection, message };
    sim_at (sim_world, sim_world->now_ms + sim_delay (), s_broker_answered, work);
}

//  ---- Workers come and go

typedef struct {
    int part;
    unsigned connection;
} s_connection_t;

static s_connection_t *
s_connection (const sim_part_t *part, unsigned number)
{
    s_connection_t *connection = calloc (1, sizeof (*connection));
    assert (connection);
    *connection = (s_connection_t) { part->index, number };
    return connection;
}

//  The broker drops the registration: what it had under way is lost.
static void
s_drop_worker (sim_part_t *part)
{
    unsigned was = part->serving_as;
    part->serving = false;
    part->busy = 0;
    bool found = true;
    while (found) {
        found = false;
        for (s_entry_t *entry = zlist_first (sim_world->entries); entry; entry = zlist_next (sim_world->entries))
            if (entry->worker == part->index && entry->worker_as == was) {
                s_refuse (entry, FST_UNAVAILABLE);
                found = true;
                break;
            }
    }
}

static void
s_worker_gone (sim_t *sim, void *arg)
{
    s_connection_t *gone = arg;
    sim_part_t *part = &sim->parts [gone->part];
    if (part->serving && part->serving_as == gone->connection && s_broker ()->up)
        s_drop_worker (part);
    free (gone);
}

static void
s_connected (sim_t *sim, void *arg)
{
    s_connection_t *made = arg;
    sim_part_t *part = &sim->parts [made->part];
    if (part->up && part->connection == made->connection && s_has_broker (part)) {
        if (part->actor && sim_actor_service (part)) {
            if (part->serving)
                s_drop_worker (part);
            part->serving = true;
            part->serving_as = part->connection;
            part->busy = 0;
            s_dispatch ();
        }
        part->subscribed_ms = sim->now_ms;
    }
    free (made);
}

//  Connections begin anew after at most so long. What is under way on the old ones is lost.
static void
s_connect (sim_part_t *part, int64_t most_ms)
{
    part->connection++;
    part->subscribed_ms = INT64_MAX;
    sim_at (sim_world, sim_world->now_ms + 1 + (int64_t) sim_luck (sim_world, (uint64_t) most_ms), s_connected,
            s_connection (part, part->connection));
}

void
sim_net_up (sim_part_t *part)
{
    if (part->index != SIM_BROKER) {
        s_connect (part, 300);
        return;
    }
    for (int index = 0; index < SIM_PARTS; index++)
        if (sim_world->parts [index].up && index != SIM_BROKER)
            s_connect (&sim_world->parts [index], 1500);
}

void
sim_net_down (sim_part_t *part)
{
    if (part->index == SIM_BROKER) {
        s_entry_t *entry;
        while ((entry = zlist_first (sim_world->entries)))
            s_drop_entry (entry);
        for (int index = 0; index < SIM_PARTS; index++) {
            sim_world->parts [index].serving = false;
            sim_world->parts [index].subscribed_ms = INT64_MAX;
        }
        return;
    }
    part->subscribed_ms = INT64_MAX;
    if (part->serving)              //  The broker finds out at its next heartbeat that nobody is there
        sim_at (sim_world, sim_world->now_ms + (int64_t) sim_luck (sim_world, 1000), s_worker_gone,
                s_connection (part, part->serving_as));
    part->connection++;
}

//  ---- Cuts

void
sim_cut (sim_t *self, int from, int to)
{
    sim_say (self, "world: cut %s from %s", self->parts [from].name, self->parts [to].name);
    self->cut [from] [to] = true;
    if (from != SIM_BROKER && to != SIM_BROKER)
        return;
    sim_part_t *part = &self->parts [from == SIM_BROKER? to: from];
    if (part->serving)
        sim_at (self, self->now_ms + GONE_MS, s_worker_gone, s_connection (part, part->serving_as));
    part->connection++;
    if (from == SIM_BROKER)
        part->subscribed_ms = INT64_MAX;
}

void
sim_cut_both (sim_t *self, int a, int b)
{
    sim_cut (self, a, b);
    sim_cut (self, b, a);
}

void
sim_isolate (sim_t *self, int part)
{
    for (int other = 0; other < SIM_PARTS; other++)
        if (other != part && self->parts [other].connection)
            sim_cut_both (self, part, other);
    if (part != SIM_BROKER && !self->cut [part] [SIM_BROKER])
        sim_cut_both (self, part, SIM_BROKER);
}

void
sim_mend (sim_t *self, int part)
{
    bool any = false;
    for (int other = 0; other < SIM_PARTS; other++) {
        bool cut = self->cut [part] [other] || self->cut [other] [part];
        bool broker = cut && (part == SIM_BROKER || other == SIM_BROKER);
        any |= cut;
        self->cut [part] [other] = self->cut [other] [part] = false;
        sim_part_t *away = &self->parts [part == SIM_BROKER? other: part];
        if (broker && away->up)
            s_connect (away, 2000);
    }
    if (any)
        sim_say (self, "world: mend %s", self->parts [part].name);
}

//  ---- Callers

static void
s_call_end (sim_call_t *call, fst_rc_t rc, json_t *reply, zmsg_t **frames_p)
{
    const sim_part_t *part = &sim_world->parts [call->caller];
    call->done = true;
    zlist_remove (sim_world->calls, call);
    zframe_destroy (&call->body);
    if (part->up && part->life == call->life)
        call->finish (call->arg, rc, reply, frames_p);
}

void
sim_net_interrupt (sim_part_t *part)
{
    bool found = true;
    while (found) {
        found = false;
        for (sim_call_t *call = zlist_first (sim_world->calls); call && !found; call = zlist_next (sim_world->calls))
            if (call->caller == part->index && call->life == part->life) {
                s_call_end (call, FST_INTERRUPTED, NULL, NULL);
                found = true;
            }
    }
}

static void
s_call_send (sim_call_t *call)
{
    const sim_part_t *part = &sim_world->parts [call->caller];
    s_entry_t *entry = calloc (1, sizeof (*entry));
    assert (entry);
    entry->number = ++sim_world->names;
    entry->caller = call->caller;
    entry->connection = call->sent_as = part->connection;
    strcpy (entry->id, call->id);
    strcpy (entry->service, call->service);
    entry->body = zframe_dup (call->body);
    entry->worker = -1;
    sim_at (sim_world, sim_world->now_ms + sim_delay (), s_broker_got, entry);
}

//  Look after a call every now and then.
static void
s_call_tick (sim_t *sim, void *arg)
{
    sim_call_t *call = arg;
    const sim_part_t *part = &sim->parts [call->caller];
    if (!call->done && (!part->up || part->life != call->life))
        s_call_end (call, FST_INTERRUPTED, NULL, NULL);
    if (call->done) {
        free (call);
        return;
    }
    bool reachable = s_has_broker (part) && part->subscribed_ms <= sim->now_ms;
    if (reachable)
        call->heard_ms = sim->now_ms;
    if (part->paused_until_ms > sim->now_ms)
        ;
    else
    if (sim->now_ms >= call->start_ms + PATIENCE_MS)
        s_call_end (call, FST_TIMEOUT, NULL, NULL);
    else
    if (!reachable && sim->now_ms >= call->heard_ms + CONNECT_MS)
        s_call_end (call, FST_UNREACHABLE, NULL, NULL);
    else
    if (reachable && call->sent_as != part->connection)
        s_call_send (call);
    sim_at (sim, sim->now_ms + AGAIN_MS + (int64_t) sim_luck (sim, 100), s_call_tick, call);
}

void
sim_net_call (sim_part_t *from, const char *service, const char *command, const char *token, json_t *payload,
              sim_finish_fn *finish, void *arg)
{
    sim_call_t *call = calloc (1, sizeof (*call));
    assert (call && strlen (service) < sizeof (call->service));
    call->caller = from->index;
    call->life = from->life;
    fst_id_new (call->id);
    strcpy (call->service, service);
    call->body = fst_envelope_request_encode (call->id, command, token, payload);
    json_decref (payload);
    call->start_ms = call->heard_ms = sim_world->now_ms;
    call->finish = finish;
    call->arg = arg;
    zlist_append (sim_world->calls, call);
    sim_at (sim_world, sim_world->now_ms, s_call_tick, call);
}

//  A reply reaches its caller. The service may have gone away with the call, or a moment before; then it is asked
//  again, as it may be back at once.
static void
s_caller_replied (sim_t *sim, void *arg)
{
    s_reply_t *said = arg;
    const sim_part_t *part = &sim->parts [said->caller];
    sim_call_t *call = NULL;
    if (part->up && part->connection == said->connection && !sim_is_cut (SIM_BROKER, said->caller))
        for (call = zlist_first (sim->calls); call && strcmp (call->id, said->id) != 0; )
            call = zlist_next (sim->calls);
    if (call) {
        fst_envelope_reply_t reply;
        char where [256] = "";
        zframe_t *head = zmsg_pop (said->message);
        fst_rc_t rc = fst_envelope_reply_decode (zframe_data (head), zframe_size (head), &reply, where, sizeof (where));
        zframe_destroy (&head);
        if (rc != FST_OK)
            sim_fail (sim, __FILE__, __LINE__, where);
        sim_note (sim, "reply", (uint64_t) reply.rc, (uint64_t) said->caller);
        if (reply.rc == FST_UNAVAILABLE && sim->now_ms < call->start_ms + AGAIN_FOR_MS)
            call->sent_as = 0;
        else
            s_call_end (call, reply.rc, reply.payload, &said->message);
        fst_envelope_reply_clear (&reply);
    }
    zmsg_destroy (&said->message);
    free (said);
}
