//  A request: what was asked, who holds it, and its waiting.

#include "fst_http_self.h"
#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <string.h>
#include "fst_clock.h"

#define PATIENCE_MS 75000           //  More than a call to a service may take
#define TRACE_BYTES 16

fst_http_request_t *
fst_http_request_new (fst_http_t *http, struct MHD_Connection *connection, const char *target)
{
    fst_http_request_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->http = http;
    self->connection = connection;
    self->holds = 1;
    self->target = target? strdup (target): NULL;
    self->start_ms = self->window_ms = fst_clock_mono_ms ();
    fst_trace_id (self->id);
    self->id [TRACE_BYTES] = 0;
    self->patience_ms = PATIENCE_MS;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info (connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    self->link = info? info->socket_context: NULL;
    return self;
}

static void
s_destroy (fst_http_request_t *self)
{
    for (size_t at = 0; at < self->set_count; at++) {
        free (self->set [at].name);
        free (self->set [at].value);
    }
    fst_http_query_clear (&self->query);
    free (self->target);
    free (self->path);
    free (self->method);
    free (self->peer);
    free (self->token);
    free (self->gathered);
    json_decref (self->json);
    free (self);
}

fst_http_request_t *
fst_http_hold (fst_http_request_t *self)
{
    assert (self && self->holds);
    self->holds++;
    return self;
}

void
fst_http_release (fst_http_request_t **self_p)
{
    assert (self_p);
    fst_http_request_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    assert (self->holds);
    if (--self->holds == 0)
        s_destroy (self);
}

bool
fst_http_gone (const fst_http_request_t *self)
{
    assert (self);
    return self->http == NULL;
}

void
fst_http_on_end (fst_http_request_t *self, fst_http_ended_fn *ended, void *arg)
{
    assert (self);
    self->ended = ended;
    self->ended_arg = arg;
}

void
fst_http_request_end (fst_http_request_t *self)
{
    assert (self && self->http);
    if (self->response && !self->queued)
        MHD_destroy_response (self->response);
    self->response = NULL;
    self->http = NULL;
    self->connection = NULL;
    self->link = NULL;
    fst_http_ended_fn *ended = self->ended;
    self->ended = NULL;
    if (ended)
        ended (self->ended_arg, self);
}

//  ---- Waiting

void
fst_http_wait (fst_http_request_t *self, fst_http_wait_t waits)
{
    assert (self->waits == FST_HTTP_RUNS);
    self->waits = waits;
    self->waits_ms = fst_clock_mono_ms ();
    MHD_suspend_connection (self->connection);
    if (self->woken)
        fst_http_resume (self);
}

void
fst_http_resume (fst_http_request_t *self)
{
    assert (self);
    if (self->waits == FST_HTTP_RUNS || !self->http) {
        self->woken = true;
        return;
    }
    self->woken = false;
    self->waits = FST_HTTP_RUNS;
    self->window_ms = fst_clock_mono_ms ();
    self->window_bytes = 0;
    MHD_resume_connection (self->connection);
    self->http->due = true;
}

void
fst_http_moved (fst_http_request_t *self, size_t bytes)
{
    self->window_bytes += bytes;
    if (self->window_bytes >= FST_HTTP_WINDOW_BYTES) {
        self->window_ms = fst_clock_mono_ms ();
        self->window_bytes = 0;
    }
}

void
fst_http_set_patience (fst_http_request_t *self, int64_t patience_ms)
{
    assert (self && patience_ms >= 0);
    self->patience_ms = patience_ms;
}

void
fst_http_receive (fst_http_request_t *self, fst_http_take_fn *take, void *arg)
{
    assert (self && take);
    self->take = take;
    self->take_arg = arg;
    if (self->held_back)
        fst_http_resume (self);
    if (self->waits == FST_HTTP_WAITS_BODY)
        fst_http_resume (self);
}

//  ---- What is asked

const char *
fst_http_method (const fst_http_request_t *self)
{
    assert (self);
    return self->method;
}

bool
fst_http_expects (const fst_http_request_t *self)
{
    assert (self);
    const char *expect = fst_http_header (self, "Expect");
    return expect && strcasecmp (expect, "100-continue") == 0;
}

bool
fst_http_is_head (const fst_http_request_t *self)
{
    assert (self);
    return self->head;
}

const char *
fst_http_path (const fst_http_request_t *self)
{
    assert (self);
    return self->path;
}

const char *
fst_http_tail (const fst_http_request_t *self)
{
    assert (self && self->route);
    return self->path + strlen (self->route->path);
}

size_t
fst_http_query_count (const fst_http_request_t *self)
{
    assert (self);
    return self->query.count;
}

const char *
fst_http_query_at (const fst_http_request_t *self, size_t index, const char **value_p)
{
    assert (self && value_p);
    if (index >= self->query.count)
        return NULL;
    *value_p = self->query.values [index];
    return self->query.names [index];
}

const char *
fst_http_query (const fst_http_request_t *self, const char *name)
{
    assert (self && name);
    for (size_t at = 0; at < self->query.count; at++)
        if (strcmp (self->query.names [at], name) == 0)
            return self->query.values [at];
    return NULL;
}

const fst_http_query_t *
fst_http_query_fields (const fst_http_request_t *self)
{
    assert (self);
    return &self->query;
}

const fst_http_route_t *
fst_http_route (const fst_http_request_t *self)
{
    assert (self);
    return self->route;
}

const char *
fst_http_header (const fst_http_request_t *self, const char *name)
{
    assert (self && name);
    return self->connection? MHD_lookup_connection_value (self->connection, MHD_HEADER_KIND, name): NULL;
}

int64_t
fst_http_body_bytes (const fst_http_request_t *self)
{
    assert (self);
    return self->body_bytes;
}

json_t *
fst_http_json (const fst_http_request_t *self)
{
    assert (self);
    return self->json;
}

//  Some proxies add a line of their own below what the client sent: the last one is theirs.
static enum MHD_Result
s_last_forwarded (void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
    const char **last = arg;
    (void) kind;
    if (strcasecmp (name, "X-Forwarded-For") == 0)
        *last = value;
    return MHD_YES;
}

//  The last address is the one that our proxy saw; those before it are what its client said.
static char *
s_forwarded_peer (const char *header)
{
    const char *last = strrchr (header, ',');
    last = last? last + 1: header;
    last += strspn (last, " \t");
    size_t bytes = strcspn (last, " \t");
    return bytes > 0 && bytes < 64 && strspn (last, "0123456789abcdefABCDEF.:[]") >= bytes? strndup (last, bytes): NULL;
}

static char *
s_socket_peer (const fst_http_request_t *self)
{
    const union MHD_ConnectionInfo *info = self->connection?
        MHD_get_connection_info (self->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS): NULL;
    char text [NI_MAXHOST];
    if (!info || !info->client_addr)
        return strdup ("");
    socklen_t size = info->client_addr->sa_family == AF_INET6? sizeof (struct sockaddr_in6): sizeof (struct sockaddr_in);
    if (getnameinfo (info->client_addr, size, text, sizeof (text), NULL, 0, NI_NUMERICHOST))
        return strdup ("");
    return strdup (strncmp (text, "::ffff:", 7) == 0? text + 7: text);
}

const char *
fst_http_peer (const fst_http_request_t *self)
{
    assert (self);
    fst_http_request_t *own = (fst_http_request_t *) self;      //  Found out once, when it is wanted
    const char *header = NULL;
    if (!own->peer && self->http && self->http->options.trust_proxy)
        MHD_get_connection_values (self->connection, MHD_HEADER_KIND, s_last_forwarded, &header);
    if (!own->peer && header)
        own->peer = s_forwarded_peer (header);
    if (!own->peer)
        own->peer = s_socket_peer (self);
    return own->peer;
}

bool
fst_http_is_local (const fst_http_request_t *self)
{
    const char *peer = fst_http_peer (self);
    return strncmp (peer, "127.", 4) == 0 || strcmp (peer, "::1") == 0;
}

bool
fst_http_secure (const fst_http_request_t *self)
{
    assert (self);
    if (!self->http)
        return false;
    const char *scheme = self->http->options.trust_proxy? fst_http_header (self, "X-Forwarded-Proto"): NULL;
    return self->http->options.certificate || (scheme && strcasecmp (scheme, "https") == 0);
}

const fst_claims_t *
fst_http_claims (const fst_http_request_t *self)
{
    assert (self);
    return self->token? &self->claims: NULL;
}

const char *
fst_http_token (const fst_http_request_t *self)
{
    assert (self);
    return self->token;
}

void
fst_http_set_session (fst_http_request_t *self, const char *token, const fst_claims_t *claims)
{
    assert (self && token && claims);
    free (self->token);
    self->token = strdup (token);
    assert (self->token);
    self->claims = *claims;
}
