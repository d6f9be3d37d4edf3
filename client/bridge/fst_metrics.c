//  Figures as text.

#include "fst_metrics.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_counted.h"
#include "fst_gathered.h"

struct fst_metrics {
    fst_actor_t *actor;
    fst_http_t *http;
    const fst_sse_t *sse;
    bool open;                      //  For everyone
    bool proxy;                     //  One in front is trusted
    fst_gathered_t *gathered;
};

//  One scrape: the broker and metadata are asked side by side, then it is answered.
typedef struct {
    fst_metrics_t *self;
    fst_http_request_t *request;
    json_t *services;               //  NULL: the broker did not answer
    json_t *status, *nodes, *health;        //  NULL: metadata did not answer
    unsigned asked;                 //  Who did not answer yet
} s_scrape_t;

//  ---- Text

static void
s_say (FILE *out, const char *name, const char *type, const char *help)
{
    fprintf (out, "# HELP filestore_%s %s\n# TYPE filestore_%s %s\n", name, help, name, type);
}

static void
s_one (FILE *out, const char *name, const char *type, const char *help, int64_t value)
{
    s_say (out, name, type, help);
    fprintf (out, "filestore_%s %lld\n", name, (long long) value);
}

//  Names of nodes need no escape.
static void
s_labelled (FILE *out, const char *name, const char *label, const char *value, int64_t number)
{
    fprintf (out, "filestore_%s{%s=\"%s\"} %lld\n", name, label, value, (long long) number);
}

static void
s_write_requests (FILE *out, const fst_http_counts_t *counts)
{
    s_say (out, "http_requests_total", "counter", "Answers by status");
    for (int code = 0; code < 600; code++)
        if (counts->codes [code])
            fprintf (out, "filestore_http_requests_total{code=\"%d\"} %llu\n", code, (unsigned long long) counts->codes [code]);
    s_say (out, "http_request_seconds", "histogram", "From the first line of a request to the end of its answer");
    uint64_t below = 0;
    for (size_t at = 0; at < FST_HTTP_BUCKETS - 1; at++) {
        below += counts->buckets [at];
        fprintf (out, "filestore_http_request_seconds_bucket{le=\"%g\"} %llu\n", fst_http_bucket_seconds [at],
                 (unsigned long long) below);
    }
    below += counts->buckets [FST_HTTP_BUCKETS - 1];
    fprintf (out, "filestore_http_request_seconds_bucket{le=\"+Inf\"} %llu\nfilestore_http_request_seconds_sum %g\n"
             "filestore_http_request_seconds_count %llu\n", (unsigned long long) below, counts->seconds,
             (unsigned long long) below);
}

static void
s_write_bridge (FILE *out, const fst_metrics_t *self)
{
    const fst_http_counts_t *counts = fst_http_counts (self->http);
    s_write_requests (out, counts);
    s_say (out, "http_body_bytes_total", "counter", "Octets of bodies");
    s_labelled (out, "http_body_bytes_total", "direction", "in", (int64_t) counts->bytes_in);
    s_labelled (out, "http_body_bytes_total", "direction", "out", (int64_t) counts->bytes_out);
    s_one (out, "http_connections", "gauge", "Open connections", counts->connections);
    s_one (out, "http_requests_open", "gauge", "Requests under way", counts->requests);
    s_one (out, "http_refused_total", "counter", "Requests whose head was refused", (int64_t) counts->refused);
    s_one (out, "http_cut_total", "counter", "Connections that were cut off for being slow or late", (int64_t) counts->cut);
    s_one (out, "event_listeners", "gauge", "Open streams of events", fst_sse_count (self->sse));
}

static int64_t
s_number (const json_t *object, const char *name)
{
    return json_integer_value (json_object_get (object, name));
}

static void
s_write_nodes_by_state (FILE *out, const json_t *status)
{
    const char *state;
    json_t *number;
    s_say (out, "nodes", "gauge", "Storage nodes by state");
    json_object_foreach (json_object_get (status, "nodes"), state, number)
        s_labelled (out, "nodes", "state", state, json_integer_value (number));
}

static void
s_write_extents (FILE *out, const json_t *status)
{
    size_t copies;
    json_t *number;
    s_say (out, "extents", "gauge", "Extents by their live copies");
    json_array_foreach (json_object_get (json_object_get (status, "extents"), "by_live_copies"), copies, number) {
        char text [32];
        snprintf (text, sizeof (text), "%zu", copies);
        s_labelled (out, "extents", "copies", text, json_integer_value (number));
    }
}

static void
s_write_cluster (FILE *out, const json_t *status)
{
    static const struct { const char *field, *name, *type, *help; } rows [] = {
        { "bytes_at_one_copy", "bytes_at_one_copy", "gauge", "Octets with one live copy that should have more" },
        { "bytes", "bytes", "gauge", "Plain octets of all content" },
        { "files", "files", "gauge", "Files" },
        { "folders", "folders", "gauge", "Folders" },
        { "uploads", "uploads_open", "gauge", "Uploads under way" },
        { "garbage", "garbage_blobs", "gauge", "Deleted content that nodes still have" },
        { "damaged", "damaged_extents_total", "counter", "Extents found damaged" },
        { "sequence", "sequence", "gauge", "Changes of the namespace so far" },
    };
    static const struct { const char *field, *name, *help; } repair [] = {
        { "extents", "repair_extents", "Extents that wait for a copy" },
        { "bytes", "repair_bytes", "Octets of those" },
        { "lost", "repair_lost_extents", "Extents without any live copy" },
        { "moving", "repair_moving_extents", "Extents being copied now" },
        { "rate", "repair_bytes_per_second", "Octets a second that are copied" },
        { "stuck_total", "repair_stuck_extents", "Extents that could not be repaired yet" },
    };
    for (size_t at = 0; at < sizeof (rows) / sizeof (rows [0]); at++)
        s_one (out, rows [at].name, rows [at].type, rows [at].help, s_number (status, rows [at].field));
    for (size_t at = 0; at < sizeof (repair) / sizeof (repair [0]); at++)
        s_one (out, repair [at].name, "gauge", repair [at].help,
               s_number (json_object_get (status, "repair"), repair [at].field));
    s_one (out, "recovery", "gauge", "1: the database is older than the nodes, nothing is deleted",
           json_is_true (json_object_get (status, "recovery")));
    s_write_nodes_by_state (out, status);
    s_write_extents (out, status);
}

static void
s_write_nodes (FILE *out, const json_t *nodes)
{
    static const struct { const char *field, *name, *help; } rows [] = {
        { "capacity", "node_capacity_bytes", "Size of a node's disk" },
        { "free", "node_free_bytes", "Of it, free" },
        { "extents", "node_extents", "Extents on a node" },
    };
    size_t at;
    json_t *node;
    for (size_t row = 0; row < sizeof (rows) / sizeof (rows [0]); row++) {
        s_say (out, rows [row].name, "gauge", rows [row].help);
        json_array_foreach (nodes, at, node)
            s_labelled (out, rows [row].name, "node", json_string_value (json_object_get (node, "node")),
                        s_number (node, rows [row].field));
    }
    s_say (out, "node_disk_ok", "gauge", "1: its disk is neither full, nor failing, nor for reading only");
    json_array_foreach (nodes, at, node) {
        const char *health = json_string_value (json_object_get (node, "health"));
        s_labelled (out, "node_disk_ok", "node", json_string_value (json_object_get (node, "node")),
                    health && strcmp (health, "ok") == 0);
    }
    s_say (out, "node_alive", "gauge", "1: its heartbeats come");
    json_array_foreach (nodes, at, node) {
        const char *state = json_string_value (json_object_get (node, "state"));
        s_labelled (out, "node_alive", "node", json_string_value (json_object_get (node, "node")),
                    state && strcmp (state, "alive") == 0);
    }
}

static void
s_write_health (FILE *out, const json_t *health)
{
    s_one (out, "backup_timestamp_seconds", "gauge", "When the newest backup of the namespace was written; 0: never",
           s_number (health, "backup_ms") / 1000);
    s_one (out, "snapshot_timestamp_seconds", "gauge", "When the newest snapshot for the nodes was made; 0: never",
           s_number (health, "snapshot_ms") / 1000);
}

//  ---- Scrapes

//  What was written so far.
typedef struct {
    FILE *out;
    char **text_p;                  //  Of the stream
} s_sofar_t;

static bool
s_is_said (void *arg, const char *name)
{
    s_sofar_t *self = arg;
    char line [300];
    snprintf (line, sizeof (line), "# TYPE filestore_%s ", name);
    fflush (self->out);
    return strstr (*self->text_p, line) != NULL;
}

//  One of those that were asked has said all. What could not be asked is left out, and cluster_up says so.
static void
s_told (s_scrape_t *scrape)
{
    if (--scrape->asked)
        return;
    const json_t *nodes = scrape->nodes;
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream (&text, &bytes);
    assert (out);
    s_write_bridge (out, scrape->self);
    s_one (out, "cluster_up", "gauge", "1: metadata answers", scrape->status && nodes);
    if (scrape->status && nodes) {
        s_write_cluster (out, scrape->status);
        s_write_nodes (out, nodes);
    }
    if (scrape->health)
        s_write_health (out, scrape->health);
    if (scrape->services)
        fst_counted_write (scrape->services, out);
    s_sofar_t so_far = { out, &text };
    fst_gathered_write (scrape->self->gathered, out, s_is_said, &so_far, fst_clock_mono_ms ());
    fclose (out);
    fst_http_set_header (scrape->request, "Cache-Control", "no-store");
    fst_http_reply_data (scrape->request, 200, "text/plain; version=0.0.4; charset=utf-8", text, bytes);
    free (text);
    fst_http_release (&scrape->request);
    json_decref (scrape->status);
    json_decref (scrape->nodes);
    json_decref (scrape->health);
    json_decref (scrape->services);
    free (scrape);
}

static void
s_counts_told (void *arg, fst_rc_t rc, json_t *reply)
{
    s_scrape_t *scrape = arg;
    if (rc == FST_OK)
        scrape->services = json_incref (json_object_get (reply, "services"));
    s_told (scrape);
}

static void
s_health_told (void *arg, fst_rc_t rc, json_t *reply)
{
    s_scrape_t *scrape = arg;
    if (rc == FST_OK)
        scrape->health = json_incref (reply);
    s_told (scrape);
}

static void
s_nodes_told (void *arg, fst_rc_t rc, json_t *reply)
{
    s_scrape_t *scrape = arg;
    if (rc == FST_OK) {
        scrape->nodes = json_incref (json_object_get (reply, "nodes"));
        fst_actor_call (scrape->self->actor, "metadata", "HEALTH", NULL, s_health_told, scrape);
    }
    else
        s_told (scrape);
}

static void
s_status_told (void *arg, fst_rc_t rc, json_t *reply)
{
    s_scrape_t *scrape = arg;
    if (rc == FST_OK) {
        scrape->status = json_incref (reply);
        fst_actor_call (scrape->self->actor, "metadata", "LIST_NODES", NULL, s_nodes_told, scrape);
    }
    else
        s_told (scrape);
}

//  Somebody on this machine, and not a proxy that nobody told us to trust, with somebody else's request.
static bool
s_is_neighbour (const fst_metrics_t *self, const fst_http_request_t *request)
{
    return fst_http_is_local (request)
        && (self->proxy || (!fst_http_header (request, "X-Forwarded-For") && !fst_http_header (request, "Forwarded")));
}

static void
s_get (void *arg, fst_http_request_t *request)
{
    fst_metrics_t *self = arg;
    if (!self->open && !fst_http_claims (request) && !s_is_neighbour (self, request)) {
        fst_http_fail (request, FST_UNAUTHENTICATED, NULL);
        return;
    }
    s_scrape_t *scrape = calloc (1, sizeof (*scrape));
    assert (scrape);
    scrape->self = self;
    scrape->request = fst_http_hold (request);
    scrape->asked = 2;
    fst_actor_call (self->actor, "broker", "COUNTS", NULL, s_counts_told, scrape);
    fst_actor_call (self->actor, "metadata", "STATUS", NULL, s_status_told, scrape);
}

static const fst_http_route_t s_routes [] = {
    { "GET", "/metrics", FST_HTTP_OPEN, s_get },
    { NULL }
};

fst_metrics_t *
fst_metrics_new (const fst_config_t *config, fst_actor_t *actor, fst_http_t *http, const fst_sse_t *sse)
{
    assert (config && actor && http && sse);
    fst_metrics_t *self = calloc (1, sizeof (*self));
    assert (self);
    *self = (fst_metrics_t) { actor, http, sse, fst_config_number (config, "web-metrics") != 0,
                              fst_config_number (config, "web-proxy") != 0, fst_gathered_new () };
    fst_http_add_routes (http, s_routes, self);
    return self;
}

void
fst_metrics_destroy (fst_metrics_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        fst_gathered_destroy (&(*self_p)->gathered);
        free (*self_p);
        *self_p = NULL;
    }
}

void
fst_metrics_event (fst_metrics_t *self, const char *topic, json_t *body)
{
    assert (self);
    fst_gathered_event (self->gathered, topic, body, fst_clock_mono_ms ());
}
