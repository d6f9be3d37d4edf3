//  The bridge actor: its parts, and the loop that they share.

#include "fst_bridge.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <czmq.h>
#include "fst_assets.h"
#include "fst_certificate.h"
#include "fst_clock.h"
#include "fst_content.h"
#include "fst_gauges.h"
#include "fst_http.h"
#include "fst_log.h"
#include "fst_metrics.h"
#include "fst_pages.h"
#include "fst_routes.h"
#include "fst_session.h"
#include "fst_sse.h"

#define JSON_BYTES_MAX  (1000 * 1000)   //  Of a body: with its envelope it fits one message

struct fst_bridge {
    const fst_config_t *config;         //  During the start only
    fst_actor_t *actor;
    fst_http_t *http;
    fst_session_t *session;
    fst_routes_t *routes;
    fst_content_t *content;
    fst_gauges_t *gauges;
    fst_sse_t *sse;
    fst_metrics_t *metrics;
    fst_pages_t *pages;                 //  The other actor in this process
    char *url;
};

//  ---- Figures

static void
s_status (void *arg, fst_request_t **request_p)
{
    fst_bridge_t *self = arg;
    const fst_http_counts_t *counts = fst_http_counts (self->http);
    uint64_t answers = 0;
    for (size_t code = 0; code < 600; code++)
        answers += counts->codes [code];
    fst_request_reply (request_p, json_pack ("{s:s, s:I, s:I, s:I, s:I, s:I}", "url", self->url,
        "connections", (json_int_t) counts->connections, "requests", (json_int_t) counts->requests,
        "answers", (json_int_t) answers, "bytes_in", (json_int_t) counts->bytes_in,
        "bytes_out", (json_int_t) counts->bytes_out));
}

static const fst_command_t s_commands [] = {
    { "STATUS", FST_NEED_KNOWN, s_status },
    { NULL }
};

//  It lives if it answers; whether the rest does is for /api/v1/status.
static void
s_health (void *arg, fst_http_request_t *request)
{
    (void) arg;
    fst_http_set_header (request, "Cache-Control", "no-store");
    fst_http_reply_static (request, 200, "text/plain; charset=utf-8", "ok\n", 3);
}

static const fst_http_route_t s_routes [] = {
    { "GET", "/healthz", FST_HTTP_OPEN, s_health },
    { NULL }
};

//  ---- The actor

static const char *
s_text (const fst_config_t *config, const char *name)
{
    const char *text = fst_config_text (config, name);
    return *text? text: NULL;
}

static fst_rc_t
s_start_http (fst_bridge_t *self, char **problem_p)
{
    const fst_config_t *config = self->config;
    bool proxy = fst_config_number (config, "web-proxy") != 0;
    fst_http_options_t options = {
        .address = fst_config_text (config, "web"),
        .certificate = s_text (config, "web-certificate"),
        .key = s_text (config, "web-key"),
        .connections_max = (unsigned) fst_config_number (config, "web-connections"),
        .address_max = proxy? 0: (unsigned) fst_config_number (config, "web-connections-each"),
        .idle_ms = fst_config_number (config, "web-idle"),
        .slow_ms = fst_config_number (config, "web-slow"),
        .json_max = JSON_BYTES_MAX,
        .trust_proxy = proxy,
        .admit = fst_session_admit,
        .admit_self = self->session
    };
    fst_rc_t rc = fst_http_new (self->actor, &options, &self->http, problem_p);
    if (rc != FST_OK)
        return rc;
    const char *port = strrchr (options.address, ':');
    int host = (int) (port - options.address);
    bool any = strncmp (options.address, "0.0.0.0:", 8) == 0 || strncmp (options.address, "*:", 2) == 0
            || strncmp (options.address, "[::]:", 5) == 0;
    self->url = any? zsys_sprintf ("%s://localhost:%u", options.certificate? "https": "http", fst_http_port (self->http)):
                zsys_sprintf ("%s://%.*s:%u", options.certificate? "https": "http", host, options.address,
                              fst_http_port (self->http));
    return FST_OK;
}

static void
s_close (fst_bridge_t *self)
{
    fst_metrics_destroy (&self->metrics);
    fst_gauges_destroy (&self->gauges);
    fst_sse_destroy (&self->sse);
    fst_http_destroy (&self->http);
    fst_content_destroy (&self->content);
    fst_routes_destroy (&self->routes);
    fst_session_destroy (&self->session);
}

static void
s_logged_out (void *arg, const char *token)
{
    fst_bridge_t *self = arg;
    fst_content_forget (self->content, token);
}

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    fst_bridge_t *self = arg;
    self->actor = actor;
    self->session = fst_session_new (self->config, actor);
    fst_rc_t rc = s_start_http (self, problem_p);
    if (rc != FST_OK) {
        s_close (self);
        return rc;
    }
    fst_http_add_routes (self->http, s_routes, self);
    fst_session_add_routes (self->session, self->http);
    fst_session_on_logout (self->session, s_logged_out, self);
    self->routes = fst_routes_new (actor, self->http);
    self->content = fst_content_new (self->config, actor, self->http);
    self->sse = fst_sse_new (actor, self->http, self->session);
    self->gauges = fst_gauges_new (self->config, actor, self->http, self->sse);
    self->metrics = fst_metrics_new (self->config, actor, self->http, self->sse);
    fst_assets_add_routes (self->http);
    return FST_OK;
}

static void
s_flush (void *arg)
{
    fst_bridge_t *self = arg;
    fst_http_flush (self->http);
}

static int64_t
s_sooner (int64_t a, int64_t b)
{
    return a < b? a: b;
}

static int64_t
s_tick (void *arg, int64_t now_ms)
{
    fst_bridge_t *self = arg;
    int64_t wake_ms = fst_http_tick (self->http, now_ms);
    wake_ms = s_sooner (wake_ms, fst_content_tick (self->content, now_ms));
    wake_ms = s_sooner (wake_ms, fst_sse_tick (self->sse, now_ms));
    return s_sooner (wake_ms, fst_gauges_tick (self->gauges, now_ms));
}

static void
s_event (void *arg, const char *topic, json_t *body)
{
    fst_bridge_t *self = arg;
    fst_sse_event (self->sse, topic, body);
    fst_gauges_event (self->gauges, topic, body);
}

static void
s_metrics (void *arg, const char *topic, json_t *body)
{
    fst_bridge_t *self = arg;
    fst_metrics_event (self->metrics, topic, body);
}

static const fst_topic_t s_topics [] = {
    { "file.", s_event }, { "node.", s_event }, { "heartbeat.", s_event }, { "metadata.", s_event }, { "metrics.", s_metrics },
    { NULL }
};

static void
s_stop (void *arg)
{
    s_close (arg);
}

fst_rc_t
fst_bridge_new (const fst_config_t *config, const fst_actor_options_t *bus, fst_bridge_t **self_p, char **problem_p)
{
    static const fst_actor_class_t class = {
        .title = "HTTP: the web page, content and commands",
        .commands = s_commands, .topics = s_topics, .start = s_start, .flush = s_flush, .tick = s_tick, .stop = s_stop
    };
    assert (config && bus);
    assert (self_p && problem_p);
    fst_bridge_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->config = config;
    fst_actor_options_t options = *bus;
    options.service = "bridge";
    options.lanes = 2;
    fst_actor_t *actor = NULL;
    fst_rc_t rc = fst_actor_new (&class, &options, self, &actor, problem_p);
    self->actor = actor;
    self->config = NULL;
    if (rc == FST_OK)
        rc = fst_pages_new (config, bus, &self->pages, problem_p);
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_bridge_destroy (&self);
    return rc;
}

void
fst_bridge_destroy (fst_bridge_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        fst_bridge_t *self = *self_p;
        fst_pages_destroy (&self->pages);
        fst_actor_destroy (&self->actor);
        free (self->url);
        free (self);
        *self_p = NULL;
    }
}

fst_rc_t
fst_bridge_reload (fst_bridge_t *self, const fst_config_t *config, char **problem_p)
{
    assert (self);
    assert (config);
    const char *certificate = s_text (config, "web-certificate"), *key = s_text (config, "web-key");
    if (strncmp (self->url, "https:", 6) || !certificate || !key)
        return FST_OK;                  //  With and without TLS are two servers
    return fst_certificate_use (fst_http_port (self->http), certificate, key, problem_p);
}

const char *
fst_bridge_url (const fst_bridge_t *self)
{
    assert (self);
    return self->url;
}
