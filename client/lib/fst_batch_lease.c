//  An upload that groups of small files share.

#include "fst_batch_lease.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "fst_clock.h"

#define ASK_AGAIN_MS       250
#define ASK_GIVE_UP_MS   10000
#define OFFERS_MAX          16

fst_batch_lease_t *
fst_batch_lease_new (filestore_t *client, const fst_batch_args_t *args, fst_batch_lease_fail_fn *fail, void *arg)
{
    assert (client);
    assert (fail);
    fst_batch_lease_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->client = client;
    self->args = args;
    self->fail = fail;
    self->arg = arg;
    fst_lease_begin (&self->lease, client, fst_clock_mono_ms ());
    return self;
}

void
fst_batch_lease_destroy (fst_batch_lease_t **self_p)
{
    assert (self_p);
    fst_batch_lease_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    fst_client_forget (self->client, self);
    fst_lease_end (&self->lease, self->client, self->next_index);
    fst_lease_clear (&self->lease);
    free (self);
}

static void
s_granted (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    (void) item;
    fst_batch_lease_t *self = owner;
    int64_t now_ms = fst_clock_mono_ms ();
    self->asking = false;
    if ((rc == FST_UNAVAILABLE || rc == FST_TIMEOUT) && now_ms - self->ask_since_ms < ASK_GIVE_UP_MS) {
        self->ask_after_ms = now_ms + ASK_AGAIN_MS;
        return;
    }
    self->ask_since_ms = 0;
    if (rc == FST_TOO_FEW_NODES && fst_lease_forgive (&self->lease, now_ms, &self->ask_after_ms))
        return;
    if (rc == FST_OK) {
        rc = fst_lease_learn (&self->lease, self->client, reply);
        problem = "metadata gave nodes that make no sense; is it of another version?";
    }
    if (rc == FST_OK && ++self->offers > OFFERS_MAX) {
        rc = FST_TOO_FEW_NODES;
        problem = NULL;
    }
    if (rc != FST_OK) {
        char *text = NULL;
        if (*self->said)
            text = fst_local_text ("%s, and %s", self->said, problem? problem: fst_error_text (rc));
        self->fail (self->arg, self, text && self->said_rc == FST_NO_SPACE? FST_NO_SPACE: rc, text? text: problem);
        free (text);
        return;
    }
    self->copies = fst_lease_row (&self->lease, reply, 0, self->nodes);
    self->broken = false;
    self->open = true;
}

void
fst_batch_lease_ask (fst_batch_lease_t *self, int64_t now_ms)
{
    assert (self);
    if (self->asking || now_ms < self->ask_after_ms || (self->open && !self->broken))
        return;
    int keep [FST_COPIES_MAX], count = 0;
    for (int at = 0; at < self->copies; at++)
        if (!self->lease.nodes [self->nodes [at]].failed)
            keep [count++] = self->nodes [at];
    json_t *payload = fst_lease_request (&self->lease, self->args->path, -1, self->args->replicas, 0, 1,
                                         self->open? keep: NULL, count);
    self->asking = true;
    if (!self->ask_since_ms)
        self->ask_since_ms = now_ms;
    fst_client_call (self->client, "metadata", "GET_WRITE_NODES", payload, s_granted, self, NULL);
}

void
fst_batch_lease_refuses (fst_batch_lease_t *self, int node, fst_data_reply_t *reply)
{
    assert (self);
    switch (fst_lease_advise (&self->lease, node, reply->rc, fst_clock_mono_ms ())) {
        case FST_LEASE_AGAIN:
            return;
        case FST_LEASE_RENEW:
            break;
        case FST_LEASE_REPLACE:
            fst_lease_lose (&self->lease, node, reply->rc);
            self->said_rc = reply->rc;
            snprintf (self->said, sizeof (self->said), "node %s failed (%s)",
                      fst_lease_name (&self->lease, node), reply->message);
            break;
    }
    self->broken = true;
}
