//  The nodes of an upload: asked from metadata, and others in the place of those that fail.

#include "fst_upload_self.h"
#include <assert.h>
#include <stdio.h>
#include "fst_clock.h"

#define ASK_AGAIN_MS    250         //  Metadata is not there: it may be starting again
#define ASK_GIVE_UP_MS 10000
#define RENEW_AGAIN_MS  5000        //  After a lease that could not be renewed
#define STREAM_EXTENTS    6         //  Asked for at first: so a short stream needs no second question
#define OFFERS_MAX       16         //  Times that metadata may offer a node that failed

//  ---- Nodes that fail

static void
s_node_fails (fst_upload_t *self, int node, fst_rc_t rc, const char *said)
{
    if (self->lease.nodes [node].failed)
        return;
    fst_lease_lose (&self->lease, node, rc);
    snprintf (self->node_failed, sizeof (self->node_failed), "%s", fst_lease_name (&self->lease, node));
    snprintf (self->node_problem, sizeof (self->node_problem), "%s", said? said: fst_error_text (rc));
    self->node_rc = rc;
    fst_plan_lose (self->plan, node);
}

//  An answer of a node that is no success.
void
fst_upload_node_refuses (fst_upload_t *self, int node, fst_data_reply_t *reply, int64_t now_ms)
{
    switch (fst_lease_advise (&self->lease, node, reply->rc, now_ms)) {
        case FST_LEASE_AGAIN:
            break;
        case FST_LEASE_RENEW:
            self->renew = node;
            break;
        case FST_LEASE_REPLACE:
            s_node_fails (self, node, reply->rc, reply->message);
            break;
    }
}

//  ---- Nodes from metadata

static void
s_fail_offers (fst_upload_t *self)
{
    fst_upload_fail (self, FST_TOO_FEW_NODES, "%s: no storage node is left in the place of %s (%s)", self->args.path,
                     self->node_failed, self->node_problem);
}

static void
s_assign_rows (fst_upload_t *self, json_t *reply, uint32_t from)
{
    for (size_t row = 0; row < json_array_size (json_object_get (reply, "extents")); row++) {
        int nodes [FST_COPIES_MAX];
        int count = fst_lease_row (&self->lease, reply, row, nodes);
        for (int at = 0; at < count; at++)
            if (self->lease.nodes [nodes [at]].failed) {
                if (++self->offers > OFFERS_MAX)
                    s_fail_offers (self);
                return;             //  It failed while the question was under way: ask again
            }
        fst_plan_assign (self->plan, from + (uint32_t) row, nodes, count);
    }
}

static void
s_mend (fst_upload_t *self, json_t *reply, uint32_t extent)
{
    int nodes [FST_COPIES_MAX], usable = 0;
    int count = fst_lease_row (&self->lease, reply, 0, nodes);
    for (int at = 0; at < count; at++)
        if (!self->lease.nodes [nodes [at]].failed)
            nodes [usable++] = nodes [at];
    if (fst_plan_mend (self->plan, extent, nodes, usable) != FST_OK && ++self->offers > OFFERS_MAX)
        s_fail_offers (self);
}

//  The first reply: now the shape of the blob is known.
static void
s_open (fst_upload_t *self)
{
    self->blob = fst_blob_id (self->lease.id, 0);
    fst_blob_key_derive (self->lease.key, 0, self->key);
    int64_t chunks = -1;
    if (self->args.fd >= 0) {
        self->read_bytes = self->args.stamp.size;
        chunks = (self->read_bytes + (int64_t) fst_upload_chunk_bytes (self) - 1) >> self->lease.chunk_log2;
    }
    if (chunks > UINT32_MAX) {
        fst_upload_fail (self, FST_TOO_LARGE, "%s: that is larger than a file can be here", self->args.name);
        return;
    }
    self->plan = fst_plan_new (self->lease.extent_chunks, chunks);
    self->state = FST_UPLOAD_RUNNING;
}

//  A source may pause for longer than the lease lives.
static void
s_plan_renewal (fst_upload_t *self, json_t *reply, int64_t now_ms)
{
    int64_t left_ms = json_integer_value (json_object_get (reply, "expires_ms")) - fst_clock_wall_ms ();
    self->renew_at_ms = now_ms + (left_ms > 200? left_ms / 2: 100);
}

//  Item says what was asked: nodes from that extent on (even), or in the place of lost ones of it (odd).
static void
s_granted (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    fst_upload_t *self = owner;
    uintptr_t what = (uintptr_t) item;
    int64_t now_ms = fst_clock_mono_ms ();
    self->asking = false;
    if (self->state != FST_UPLOAD_OPENING && self->state != FST_UPLOAD_RUNNING)
        return;                     //  All that is needed is there; the upload may have ended before this was looked at
    if ((rc == FST_UNAVAILABLE || rc == FST_TIMEOUT) && now_ms - self->ask_since_ms < ASK_GIVE_UP_MS) {
        self->ask_after_ms = now_ms + ASK_AGAIN_MS;
        return;
    }
    self->ask_since_ms = 0;
    if (rc == FST_OK)
        s_plan_renewal (self, reply, now_ms);
    if (rc == FST_TOO_FEW_NODES && fst_lease_forgive (&self->lease, now_ms, &self->ask_after_ms))
        return;                     //  Ask again, with those that failed before
    if (rc == FST_OK)
        rc = fst_lease_learn (&self->lease, self->client, reply);
    if (rc == FST_MALFORMED && !problem)
        problem = "metadata gave nodes that make no sense; is it of another version?";
    if (rc != FST_OK) {
        if (*self->node_failed)         //  Too few nodes because they are full is a full store
            fst_upload_fail (self, self->node_rc == FST_NO_SPACE? FST_NO_SPACE: rc, "%s: node %s failed (%s), and %s",
                             self->args.path, self->node_failed, self->node_problem,
                             problem? problem: fst_error_text (rc));
        else
            fst_upload_fail_said (self, rc, problem);
        return;
    }
    if (!self->plan)
        s_open (self);
    if (self->state != FST_UPLOAD_RUNNING)
        return;                     //  It is too large
    if (what & 1)
        s_mend (self, reply, (uint32_t) (what >> 1));
    else
        s_assign_rows (self, reply, (uint32_t) (what >> 1));
}

static void
s_ask (fst_upload_t *self, uint32_t from, uint32_t count, const int *keep, int keep_count, int64_t now_ms)
{
    self->asking = true;
    if (!self->ask_since_ms)
        self->ask_since_ms = now_ms;
    uintptr_t what = (uintptr_t) from << 1 | (keep? 1: 0);
    json_t *payload = fst_lease_request (&self->lease, self->plan? NULL: self->args.path,
                                         self->args.fd >= 0? self->args.stamp.size: -1,
                                         self->args.replicas, from, count, keep, keep_count);
    fst_client_call (self->client, "metadata", "GET_WRITE_NODES", payload, s_granted, self, (void *) what);
}

//  Ask about one extent: other nodes for its lost copies, or only new capabilities.
static void
s_ask_about (fst_upload_t *self, const fst_plan_extent_t *extent, int64_t now_ms)
{
    int keep [FST_COPIES_MAX], count = 0;
    for (int at = 0; at < extent->copies; at++)
        if (extent->copy [at].state != FST_COPY_LOST)
            keep [count++] = extent->copy [at].node;
    s_ask (self, extent->number, 1, keep, count, now_ms);
}

static void
s_renewed (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    (void) item;
    (void) problem;
    fst_upload_t *self = owner;
    self->asking = false;
    self->renew_at_ms = fst_clock_mono_ms () + RENEW_AGAIN_MS;
    if (rc == FST_OK && fst_lease_learn (&self->lease, self->client, reply) == FST_OK)
        s_plan_renewal (self, reply, fst_clock_mono_ms ());
}

//  Each question renews the lease. A capability that ended meanwhile is renewed when its node says so.
static void
s_renew_lease (fst_upload_t *self)
{
    self->asking = true;
    fst_client_call (self->client, "metadata", "GET_WRITE_NODES",
                     fst_lease_request (&self->lease, NULL, -1, self->args.replicas, 0, 1, NULL, 0),
                     s_renewed, self, NULL);
}

void
fst_upload_ask_if_due (fst_upload_t *self, int64_t now_ms)
{
    if (self->asking || now_ms < self->ask_after_ms)
        return;
    if (!self->plan) {
        int64_t guess = self->args.fd < 0? STREAM_EXTENTS: 1 + (self->args.stamp.size >> 26);
        s_ask (self, 0, (uint32_t) (guess < FST_PLAN_AHEAD? guess: FST_PLAN_AHEAD), NULL, 0, now_ms);
        return;
    }
    const fst_plan_extent_t *extent = fst_plan_broken (self->plan);
    uint32_t from, count;
    if (!extent && self->renew >= 0)
        extent = fst_plan_on (self->plan, self->renew);
    self->renew = -1;
    if (extent)
        s_ask_about (self, extent, now_ms);
    else
    if ((count = fst_plan_wanted (self->plan, &from)))
        s_ask (self, from, count, NULL, 0, now_ms);
    else
    if (now_ms >= self->renew_at_ms)
        s_renew_lease (self);
}
