//  How metadata knows of the node, and the node of metadata: registration, heartbeats, events.

#include "fst_storage_self.h"
#include "fst_clock.h"
#include "fst_log.h"
#include <arpa/inet.h>
#include <assert.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#define REGISTER_RETRY_MS   1000
#define OWN_ADDRESS         "tcp://*:"          //  data-advertise that begins like this

fst_pair_t
fst_storage_pair (json_t *said)
{
    return (fst_pair_t) {
        .run = fst_run_parse (json_string_value (json_object_get (said, "run"))),
        .sequence = json_integer_value (json_object_get (said, "sequence"))
    };
}

//  The address with which this machine would talk to the world: no packet is sent to this one, which is nobody's (RFC 5737).
static bool
s_address_to_the_world (struct sockaddr_in *own)
{
    struct sockaddr_in world = { .sin_family = AF_INET, .sin_port = htons (9), .sin_addr.s_addr = htonl (0xc0000201) };
    socklen_t size = sizeof (*own);
    int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found = fd >= 0 && connect (fd, (struct sockaddr *) &world, sizeof (world)) == 0
              && getsockname (fd, (struct sockaddr *) own, &size) == 0;
    if (fd >= 0)
        close (fd);
    return found;
}

//  The first one that is not the loopback's: in a network that leads nowhere else. The loopback's if there is none at all.
static void
s_first_address (struct sockaddr_in *own)
{
    *own = (struct sockaddr_in) { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
    struct ifaddrs *all = NULL;
    if (getifaddrs (&all) == -1)
        return;
    for (struct ifaddrs *at = all; at; at = at->ifa_next)
        if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET && (at->ifa_flags & IFF_UP) && !(at->ifa_flags & IFF_LOOPBACK)) {
            memcpy (own, at->ifa_addr, sizeof (*own));
            break;
        }
    freeifaddrs (all);
}

//  Where clients reach us. An own address is looked up anew each time, as that of a container changes while it runs.
static void
s_endpoint (const fst_storage_t *self, char *endpoint, size_t size)
{
    if (strncmp (self->advertise, OWN_ADDRESS, strlen (OWN_ADDRESS)) == 0) {
        struct sockaddr_in own;
        char address [INET_ADDRSTRLEN];
        if (!s_address_to_the_world (&own))
            s_first_address (&own);
        inet_ntop (AF_INET, &own.sin_addr, address, sizeof (address));
        snprintf (endpoint, size, "tcp://%s:%s", address, self->advertise + strlen (OWN_ADDRESS));
    }
    else
        snprintf (endpoint, size, "%s", self->advertise [0]? self->advertise: fst_actor_port (self->actor));
}

//  What REGISTER and the heartbeat have in common.
static json_t *
s_self_portrait (fst_storage_t *self)
{
    fst_extents_statistics_t extents;
    fst_extents_statistics (self->extents, &extents);
    char endpoint [256];
    s_endpoint (self, endpoint, sizeof (endpoint));
    json_t *said = json_pack ("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:s}",
        "node", self->node,
        "endpoint", endpoint,
        "zone", self->zone,
        "capacity", (json_int_t) self->capacity,
        "free", (json_int_t) self->free,
        "extents", (json_int_t) (extents.sealed + fst_small_count (self->small)),
        "window", (json_int_t) self->window,
        "version", FST_VERSION,
        "sequence", (json_int_t) self->told.last.sequence,
        "health", fst_health_word (&self->health));
    assert (said);
    char run [17];
    fst_run_text (self->told.last.run, run);
    if (*run)
        json_object_set_new (said, "run", json_string (run));
    return said;
}

void
fst_storage_beat (fst_storage_t *self)
{
    char topic [16 + FST_NODE_BYTES_MAX];
    if (self->refused)
        return;
    snprintf (topic, sizeof (topic), "heartbeat.%s", self->node);
    fst_jobs_statistics_t jobs;
    fst_jobs_statistics (self->jobs, &jobs);
    json_t *body = s_self_portrait (self);
    json_object_set_new (body, "load", json_integer (jobs.load));
    json_object_set_new (body, "bytes_in", json_integer (jobs.stored_bytes));
    json_object_set_new (body, "bytes_out", json_integer (jobs.retrieved_bytes));
    fst_actor_publish (self->actor, topic, body);
}

int64_t
fst_storage_jitter (int64_t ms)
{
    return (int64_t) (fst_random () % (uint64_t) (ms + 1));
}

//  If something was told that was not before.
static void
s_remember (fst_storage_t *self, const fst_pair_t *before)
{
    if (self->told.last.run != before->run || self->told.last.sequence != before->sequence)
        fst_jobs_remember (self->jobs, &self->told.last);
}

//  Metadata does not want us as we are: another protocol, another name. Without heartbeats it does not count on us, and
//  somebody may look at the log; we go on asking.
static void
s_refused (fst_storage_t *self, fst_rc_t rc)
{
    if (rc == FST_DENIED && !self->refused)
        fst_log_error ("metadata refuses this node node=%s reason=\"%s\"", self->node, fst_actor_problem (self->actor));
    if (rc == FST_DENIED || rc == FST_OK)
        self->refused = rc == FST_DENIED;
}

static void
s_registered (void *arg, fst_rc_t rc, json_t *reply)
{
    fst_storage_t *self = arg;
    self->registering = false;
    if (rc == FST_OK) {
        int64_t wanted_ms = json_integer_value (json_object_get (reply, "heartbeat_ms"));
        if (wanted_ms < self->beat_ms) {
            self->beat_ms = wanted_ms;      //  Metadata would think us dead
            self->beat_at_ms = 0;
        }
        fst_pair_t before = self->told.last, pair = fst_storage_pair (reply);
        if (!fst_told_answered (&self->told, &pair))
            self->register_again = true;
        s_remember (self, &before);
        fst_log (self->registered? FST_LOG_DEBUG: FST_LOG_INFO, "registered node=%s sequence=%" PRId64, self->node,
                 self->told.last.sequence);
        self->registered = true;
        json_t *snapshot = json_object_get (reply, "snapshot");
        if (snapshot)
            fst_keeper_offer (self->keeper, json_integer_value (snapshot));
    }
    else
        fst_log_debug ("not registered reason=%s", fst_error_code (rc));
    s_refused (self, rc);
    if (rc != FST_OK)
        self->register_at_ms = fst_clock_mono_ms () + REGISTER_RETRY_MS / 2 + fst_storage_jitter (REGISTER_RETRY_MS);
    if (self->register_again)
        self->register_at_ms = 0;
    self->register_again = false;
}

void
fst_storage_register (fst_storage_t *self)
{
    if (self->registering) {
        self->register_again = true;
        return;
    }
    self->registering = true;
    fst_told_ask (&self->told);
    json_t *said = s_self_portrait (self);
    json_object_set_new (said, "protocol", json_integer (FST_PROTOCOL));
    if (!self->registered)              //  small.db may have been salvaged, or the folder is an older copy of itself
        json_object_set_new (said, "started", json_true ());
    fst_actor_call (self->actor, "metadata", "REGISTER", said, s_registered, self);
}

static void
s_metadata_started (void *arg, const char *topic, json_t *body)
{
    (void) topic;
    (void) body;                        //  Its sequence counts when it answers
    fst_storage_register (arg);
}

static void
s_metadata_sequence (void *arg, const char *topic, json_t *body)
{
    (void) topic;
    fst_storage_t *self = arg;
    fst_pair_t before = self->told.last, pair = fst_storage_pair (body);
    if (!fst_told_event (&self->told, &pair))
        fst_storage_register (self);
    s_remember (self, &before);
}

static void
s_metadata_snapshot (void *arg, const char *topic, json_t *body)
{
    (void) topic;
    fst_storage_t *self = arg;
    json_t *snapshot = json_object_get (body, "snapshot");
    if (snapshot)
        fst_keeper_offer (self->keeper, json_integer_value (snapshot));
}

const fst_topic_t fst_storage_topics [] = {
    { "metadata.started",   s_metadata_started },
    { "metadata.sequence",  s_metadata_sequence },
    { "metadata.snapshot",  s_metadata_snapshot },
    { NULL }
};
