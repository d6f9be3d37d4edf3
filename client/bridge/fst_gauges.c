//  What is going on: heartbeats, the bridge's own counters and metadata's figures become points of the history.

#include "fst_gauges.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_history.h"
#include "fst_text.h"

#define POINTS           1440       //  Four hours
#define STALE_MS        35000       //  Three heartbeats as they usually are, and some patience
#define NODES_MAX          64

typedef struct {
    char name [FST_NODE_BYTES_MAX + 1];     //  "": free
    int64_t heard_ms;
    int64_t capacity, free;
    int64_t in, out;                        //  Octets since its start
} s_node_t;

struct fst_gauges {
    fst_actor_t *actor;
    fst_http_t *http;
    fst_sse_t *sse;
    fst_history_t *history;
    s_node_t nodes [NODES_MAX];
    int64_t interval_ms, stepped_ms;
    uint64_t up, down;                      //  Of the counters, at the last point
    bool asking;
};

static void
s_get (void *arg, fst_http_request_t *request)
{
    fst_gauges_t *self = arg;
    fst_http_reply_json (request, 200, fst_history_json (self->history));
}

static const fst_http_route_t s_routes [] = {
    { "GET", "/api/v1/history", 0, s_get },
    { NULL }
};

fst_gauges_t *
fst_gauges_new (const fst_config_t *config, fst_actor_t *actor, fst_http_t *http, fst_sse_t *sse)
{
    assert (config && actor && http && sse);
    fst_gauges_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->actor = actor;
    self->http = http;
    self->sse = sse;
    self->interval_ms = fst_config_number (config, "history-interval");
    self->history = fst_history_new (self->interval_ms, POINTS, STALE_MS);
    self->stepped_ms = fst_clock_mono_ms ();
    fst_http_add_routes (http, s_routes, self);
    return self;
}

void
fst_gauges_destroy (fst_gauges_t **self_p)
{
    assert (self_p);
    fst_gauges_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    fst_history_destroy (&self->history);
    free (self);
}

//  ---- Nodes

//  The node of that name, or the place that was silent for the longest time.
static s_node_t *
s_find_node (fst_gauges_t *self, const char *name)
{
    s_node_t *oldest = &self->nodes [0];
    for (size_t at = 0; at < NODES_MAX; at++) {
        if (strcmp (self->nodes [at].name, name) == 0)
            return &self->nodes [at];
        if (self->nodes [at].heard_ms < oldest->heard_ms)
            oldest = &self->nodes [at];
    }
    memset (oldest, 0, sizeof (*oldest));
    snprintf (oldest->name, sizeof (oldest->name), "%s", name);
    return oldest;
}

static void
s_set_rate (fst_gauges_t *self, const char *what, const char *node, int64_t octets, int64_t elapsed_ms, int64_t now_ms)
{
    char series [8 + FST_NODE_BYTES_MAX];
    snprintf (series, sizeof (series), "%s.%s", what, node);
    if (octets >= 0 && elapsed_ms > 0)      //  Less than before: it was started anew
        fst_history_set (self->history, series, (double) octets * 1000 / (double) elapsed_ms, now_ms);
}

void
fst_gauges_event (fst_gauges_t *self, const char *topic, json_t *body)
{
    assert (self);
    if (strncmp (topic, "heartbeat.", 10) != 0)
        return;
    int64_t now_ms = fst_clock_mono_ms ();
    s_node_t *node = s_find_node (self, json_string_value (json_object_get (body, "node")));
    int64_t in = json_integer_value (json_object_get (body, "bytes_in"));
    int64_t out = json_integer_value (json_object_get (body, "bytes_out"));
    if (node->heard_ms && json_object_get (body, "bytes_in")) {
        s_set_rate (self, "in", node->name, in - node->in, now_ms - node->heard_ms, now_ms);
        s_set_rate (self, "out", node->name, out - node->out, now_ms - node->heard_ms, now_ms);
    }
    node->in = in;
    node->out = out;
    node->heard_ms = now_ms;
    node->capacity = json_integer_value (json_object_get (body, "capacity"));
    node->free = json_integer_value (json_object_get (body, "free"));
}

//  ---- Points

static void
s_status_told (void *arg, fst_rc_t rc, json_t *reply)
{
    fst_gauges_t *self = arg;
    self->asking = false;
    if (rc == FST_OK)
        fst_history_set (self->history, "bytes_at_one_copy",
                         (double) json_integer_value (json_object_get (reply, "bytes_at_one_copy")), fst_clock_mono_ms ());
}

static void
s_set_capacity (fst_gauges_t *self, int64_t now_ms)
{
    int64_t capacity = 0, left = 0;
    for (size_t at = 0; at < NODES_MAX; at++)
        if (self->nodes [at].heard_ms && now_ms - self->nodes [at].heard_ms <= STALE_MS) {
            capacity += self->nodes [at].capacity;
            left += self->nodes [at].free;
        }
    if (!capacity)
        return;
    fst_history_set (self->history, "capacity", (double) capacity, now_ms);
    fst_history_set (self->history, "free", (double) left, now_ms);
}

int64_t
fst_gauges_tick (fst_gauges_t *self, int64_t now_ms)
{
    assert (self);
    int64_t elapsed_ms = now_ms - self->stepped_ms;
    if (elapsed_ms < self->interval_ms)
        return self->stepped_ms + self->interval_ms;
    self->stepped_ms = now_ms;
    const fst_http_counts_t *counts = fst_http_counts (self->http);
    fst_history_set (self->history, "up", (double) (counts->bytes_in - self->up) * 1000 / (double) elapsed_ms, now_ms);
    fst_history_set (self->history, "down", (double) (counts->bytes_out - self->down) * 1000 / (double) elapsed_ms, now_ms);
    self->up = counts->bytes_in;
    self->down = counts->bytes_out;
    s_set_capacity (self, now_ms);
    fst_history_step (self->history, now_ms, fst_clock_wall_ms ());
    json_t *point = fst_history_last (self->history);
    fst_sse_event (self->sse, "history", point);
    json_decref (point);
    if (!self->asking) {
        self->asking = true;
        fst_actor_call (self->actor, "metadata", "STATUS", NULL, s_status_told, self);
    }
    return now_ms + self->interval_ms;
}
