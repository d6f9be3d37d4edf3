//  The HTTP server: libmicrohttpd in the actor's loop, what it leaves to us, and the way of a request through it.
//
//  Its descriptor is edge-triggered: after each run it must be asked whether it has more to do at once. While a
//  connection is suspended it neither times out nor is looked at, and while it is not, any octet counts as life. So
//  the deadlines are ours: each connection is looked at once a second.

#include "fst_http_self.h"
#include "fst_http_progress.h"
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "fst_certificate.h"
#include "fst_clock.h"
#include "fst_log.h"

#define RUNS_MAX        16              //  Of libmicrohttpd in one turn of the loop
#define SWEEP_MS        1000
#define BACKLOG         256
#define POOL_BYTES      (128 * 1024)    //  Of a connection: headers, and pieces of bodies
#define FILE_BYTES_MAX  (1024 * 1024)
#define ID_CHARACTERS   "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"

const double fst_http_bucket_seconds [FST_HTTP_BUCKETS - 1] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1, 5, 30, 300
};

//  ---- Routes

void
fst_http_add_routes (fst_http_t *self, const fst_http_route_t *routes, void *routes_self)
{
    assert (self && routes);
    assert (self->tables_count < FST_HTTP_TABLES_MAX);
    self->tables [self->tables_count++] = (fst_http_table_t) { routes, routes_self };
}

//  True if the route is for this path.
static bool
s_covers (const fst_http_route_t *route, const char *path)
{
    size_t bytes = strlen (route->path);
    return route->path [bytes - 1] == '/'? strncmp (route->path, path, bytes) == 0: strcmp (route->path, path) == 0;
}

//  The longest route for path and method; without one *allowed_p says whether another method has one that is as long.
static void
s_find_route (fst_http_request_t *request, bool *allowed_p)
{
    const fst_http_t *self = request->http;
    size_t longest = 0;
    *allowed_p = true;
    for (size_t table = 0; table < self->tables_count; table++)
        for (const fst_http_route_t *route = self->tables [table].routes; route->method; route++) {
            size_t bytes = strlen (route->path);
            if (!s_covers (route, request->path) || bytes < longest)
                continue;
            bool same = strcmp (route->method, request->method) == 0;
            if (bytes == longest && (request->route || !same))
                continue;
            longest = bytes;
            request->route = same? route: NULL;
            request->route_self = self->tables [table].self;
        }
    *allowed_p = request->route || longest == 0;
}

//  ---- Beginning of a request

typedef struct { fst_http_field_t fields [FST_HTTP_FIELDS_MAX + 1]; size_t count; } s_fields_t;

static enum MHD_Result
s_collect (void *arg, enum MHD_ValueKind kind, const char *name, size_t name_bytes, const char *value, size_t value_bytes)
{
    s_fields_t *to = arg;
    (void) kind;
    if (to->count <= FST_HTTP_FIELDS_MAX)
        to->fields [to->count++] = (fst_http_field_t) { name, value? value: "", name_bytes, value? value_bytes: 0 };
    return to->count > FST_HTTP_FIELDS_MAX? MHD_NO: MHD_YES;
}

//  False if the head is not to be believed; it is answered then, and the connection ends with it.
static bool
s_check (fst_http_request_t *request, const char *method, const char *version)
{
    s_fields_t to;
    to.count = 0;
    MHD_get_connection_values_n (request->connection, MHD_HEADER_KIND, s_collect, &to);
    int status;
    fst_http_head_t head;
    const char *problem = fst_http_check_head (method, version, to.fields, to.count, &head, &status);
    if (!problem) {
        status = request->target && strlen (request->target) > FST_HTTP_URI_BYTES_MAX? 414: 400;
        problem = fst_http_check_target (request->target, &request->path, &request->query);
    }
    if (!problem) {
        request->body_bytes = head.body_bytes;
        request->head = strcmp (method, "HEAD") == 0;
        request->method = strdup (request->head? "GET": method);
        return true;
    }
    request->http->counts.refused++;
    fst_http_set_header (request, "Connection", "close");
    fst_http_refuse (request, status, "malformed", "%s", problem);
    return false;
}

//  A page from elsewhere whose name suddenly means this machine (DNS rebinding) would be one origin with us, and could make
//  the first account. It comes from a browser on this machine, and names its own site.
static bool
s_is_rebound (const fst_http_request_t *request)
{
    const fst_http_options_t *options = &request->http->options;
    const char *host = fst_http_header (request, "Host");
    return host && !options->trust_proxy && !options->certificate && !fst_http_is_sure_host (host)
        && fst_http_is_local (request);
}

static void
s_refuse_method (fst_http_request_t *request)
{
    static const char *const methods [] = { "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS" };
    char allow [100] = "";
    char *asked = request->method;
    for (size_t at = 0; at < sizeof (methods) / sizeof (methods [0]); at++) {
        bool allowed;
        request->method = (char *) methods [at];
        s_find_route (request, &allowed);
        if (request->route && strcmp (request->route->path, "/") != 0)
            snprintf (allow + strlen (allow), sizeof (allow) - strlen (allow), "%s%s", *allow? ", ": "", methods [at]);
        request->route = NULL;
    }
    request->method = asked;
    fst_http_set_header (request, "Allow", allow);
    fst_http_refuse (request, 405, "unknown_command", "%s cannot be done there", asked);
}

//  Everything that can be refused before the body comes.
static void
s_admit (fst_http_request_t *request)
{
    const fst_http_options_t *options = &request->http->options;
    bool allowed;
    const char *problem = NULL;
    s_find_route (request, &allowed);
    fst_rc_t rc = options->admit? options->admit (options->admit_self, request, &problem): FST_OK;
    unsigned flags = request->route? request->route->flags: 0;
    if ((flags & FST_HTTP_OPEN) && (rc == FST_UNAUTHENTICATED || rc == FST_EXPIRED))
        rc = FST_OK;
    const char *type = fst_http_header (request, "Content-Type");
    if (s_is_rebound (request))
        fst_http_refuse (request, 421, "denied", "from this machine the page is reached as localhost; with a proxy in front "
                         "set web-proxy = 1");
    else
    if (!allowed)
        s_refuse_method (request);
    else
    if (!request->route)
        fst_http_fail (request, FST_NOT_FOUND, "there is no page or command at this address");
    else
    if (rc != FST_OK)
        fst_http_fail (request, rc, problem? "%s": NULL, problem);
    else
    if (!(flags & FST_HTTP_OPEN) && !request->token)
        fst_http_fail (request, FST_UNAUTHENTICATED, NULL);
    else
    if ((flags & FST_HTTP_JSON) && !fst_http_is_type (type, "application/json"))
        fst_http_refuse (request, 415, "malformed", "this takes JSON: say Content-Type: application/json");
    else
    if (!(flags & FST_HTTP_STREAM) && request->body_bytes > (int64_t) options->json_max)
        fst_http_fail (request, FST_TOO_LARGE, "the body has more than %zu octets", options->json_max);
}

static void
s_handle (fst_http_request_t *request)
{
    fst_trace_begin (request->id);
    request->route->handle (request->route_self, request);
    fst_trace_begin (NULL);
}

//  Who asks may have a name for the request already, as proxies do: it is kept, so that it is found in our logs, too. Calls
//  add their own part to it, so one that is used twice mixes up nothing but lines of logs.
static void
s_take_id (fst_http_request_t *request)
{
    const char *id = fst_http_header (request, "X-Request-Id");
    size_t bytes = id? strlen (id): 0;
    if (bytes && bytes <= FST_TRACE_BYTES_MAX && strspn (id, ID_CHARACTERS) == bytes)
        memcpy (request->id, id, bytes + 1);
}

static void
s_begin (fst_http_request_t *request, const char *method, const char *version)
{
    request->began = true;
    if (!s_check (request, method, version))
        return;
    s_take_id (request);
    s_admit (request);
    if (!request->answered && (request->route->flags & FST_HTTP_STREAM))
        s_handle (request);
}

//  ---- Body

static void
s_gather (fst_http_request_t *request, const char *data, size_t bytes)
{
    size_t total = request->gathered_bytes + bytes;
    if (total > request->http->options.json_max) {
        fst_http_fail (request, FST_TOO_LARGE, "the body has more than %zu octets", request->http->options.json_max);
        return;
    }
    if (!(request->route->flags & FST_HTTP_JSON)) {
        request->gathered_bytes = total;    //  Nobody reads it, and it has an end all the same
        return;
    }
    if (total > request->gathered_size) {
        request->gathered_size = total * 2;
        request->gathered = realloc (request->gathered, request->gathered_size);
        assert (request->gathered);
    }
    memcpy (request->gathered + request->gathered_bytes, data, bytes);
    request->gathered_bytes = total;
}

//  Returns how much of it was taken.
static size_t
s_take (fst_http_request_t *request, const char *data, size_t bytes)
{
    if (request->answered) {
        request->dropped += bytes;
        request->cut = request->cut || request->dropped > FST_HTTP_DROP_MAX;
        return bytes;
    }
    if (request->route->flags & FST_HTTP_STREAM) {
        request->woken = false;
        size_t taken = request->take? request->take (request->take_arg, request, data, bytes): 0;
        assert (taken <= bytes);
        return request->answered? bytes: taken;
    }
    s_gather (request, data, bytes);
    return bytes;
}

static void
s_body (fst_http_request_t *request, const char *data, size_t *bytes_p)
{
    size_t taken = s_take (request, data, *bytes_p);
    request->http->counts.bytes_in += taken;
    fst_http_moved (request, taken);
    *bytes_p -= taken;
    if (*bytes_p)
        fst_http_wait (request, FST_HTTP_WAITS_BODY);
}

//  All of the body is here.
static void
s_end_of_body (fst_http_request_t *request)
{
    if (request->route->flags & FST_HTTP_STREAM) {
        if (request->take)
            request->take (request->take_arg, request, NULL, 0);
        return;
    }
    if (request->route->flags & FST_HTTP_JSON) {
        json_error_t error;
        request->json = json_loadb (request->gathered? request->gathered: "", request->gathered_bytes,
                                    JSON_REJECT_DUPLICATES, &error);
        free (request->gathered);
        request->gathered = NULL;
        if (!json_is_object (request->json)) {
            fst_http_fail (request, FST_MALFORMED, "the body is no JSON object");
            return;
        }
    }
    s_handle (request);
}

//  The client asks before it sends its body, and the handler has not made up its mind: neither the body nor
//  "100 Continue" until it has.
static bool
s_asks_first (fst_http_request_t *request)
{
    return !request->answered && (request->route->flags & FST_HTTP_STREAM) && !request->take
        && fst_http_expects (request);
}

//  An answer before the body closes the connection, and who is still sending sees only that. So a small body is let in
//  and dropped first.
static bool
s_body_first (const fst_http_request_t *request)
{
    return !request->body_done && request->method && request->body_bytes > 0
        && request->body_bytes <= FST_HTTP_DROP_MAX && !fst_http_expects (request);
}

//  ---- What libmicrohttpd calls

static void *
s_on_target (void *arg, const char *target, struct MHD_Connection *connection)
{
    fst_http_t *self = arg;
    fst_http_request_t *request = fst_http_request_new (self, connection, target);
    if (request->link)
        request->link->request = request;
    self->counts.requests++;
    return request;
}

//  Called when the head is there, for each piece of the body, when all of it is there, and again after a resume.
static enum MHD_Result
s_on_request (void *arg, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
              const char *data, size_t *bytes_p, void **context)
{
    fst_http_t *self = arg;
    fst_http_request_t *request = *context;
    (void) connection;
    (void) url;
    if (!request || self->ending)
        return MHD_NO;
    bool first = !request->began;
    if (first) {
        s_begin (request, method, version);
        request->held_back = s_asks_first (request);
        if (request->held_back) {
            fst_http_wait (request, FST_HTTP_WAITS_ANSWER);
            return MHD_YES;
        }
    }
    else
    if (request->held_back)
        request->held_back = false;         //  The handler takes the body now, or has answered
    else
    if (*bytes_p)
        s_body (request, data, bytes_p);
    else
    if (!request->body_done) {
        request->body_done = true;
        if (!request->answered) {
            request->woken = false;
            s_end_of_body (request);
        }
    }
    if (request->cut) {
        self->counts.cut++;
        return MHD_NO;
    }
    if (first && request->method && request->body_bytes == 0)
        return MHD_YES;                     //  We are called again at once. Queued now it would end the connection
    if (request->answered && !request->queued && request->waits == FST_HTTP_RUNS && !s_body_first (request))
        fst_http_queue (request);           //  In the midst of a body it is not taken, but at its end
    else
    if (request->body_done && !request->answered && request->waits == FST_HTTP_RUNS)
        fst_http_wait (request, FST_HTTP_WAITS_ANSWER);
    return MHD_YES;
}

static void
s_count_duration (fst_http_t *self, const fst_http_request_t *request)
{
    if (request->route && (request->route->flags & FST_HTTP_QUIET))
        return;
    double seconds = (double) (fst_clock_mono_ms () - request->start_ms) / 1000;
    size_t bucket = 0;
    while (bucket < FST_HTTP_BUCKETS - 1 && seconds > fst_http_bucket_seconds [bucket])
        bucket++;
    self->counts.buckets [bucket]++;
    self->counts.seconds += seconds;
}

static void
s_on_completed (void *arg, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode how)
{
    fst_http_t *self = arg;
    fst_http_request_t *request = *context;
    (void) connection;
    if (!request)
        return;
    *context = NULL;
    self->counts.requests--;
    s_count_duration (self, request);
    if (request->link) {
        request->link->request = NULL;
        request->link->idle_ms = fst_clock_mono_ms ();
    }
    fst_trace_begin (request->id);
    fst_log_debug ("request %s status=%d how=%d took_ms=%lld", request->method? request->method: "-", request->status, (int) how,
                   (long long) (fst_clock_mono_ms () - request->start_ms));
    fst_trace_begin (NULL);
    fst_http_request_end (request);
    fst_http_release (&request);
}

static void
s_on_connection (void *arg, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
    fst_http_t *self = arg;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        fst_http_link_t *link = calloc (1, sizeof (*link));
        assert (link);
        link->connection = connection;
        link->idle_ms = fst_clock_mono_ms ();
        zlistx_add_end (self->links, link);
        *context = link;
        self->counts.connections++;
    }
    else
    if (*context) {
        fst_http_link_t *link = *context;
        zlistx_delete (self->links, zlistx_find (self->links, link));
        free (link);
        *context = NULL;
        self->counts.connections--;
    }
}

static void
s_on_log (void *arg, const char *format, va_list args)
{
    char text [256];
    (void) arg;
    vsnprintf (text, sizeof (text), format, args);
    text [strcspn (text, "\r\n")] = 0;
    char quoted [256];
    fst_log_debug ("http: %s", fst_log_quote (text, quoted, sizeof (quoted)));
}

//  ---- Deadlines

static void
s_cut_off (fst_http_t *self, fst_http_link_t *link)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info (link->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info)
        shutdown (info->connect_fd, SHUT_RDWR);     //  libmicrohttpd finds out and cleans up
    self->counts.cut++;
}

//  Waited for us too long.
static void
s_give_up (fst_http_request_t *request)
{
    if (!request->answered)
        fst_http_fail (request, FST_TIMEOUT, NULL);
    else {
        request->cut = true;
        fst_http_resume (request);
    }
}

//  A piece of an answer may be larger than what a slow client takes in the time: what counts is what arrives there.
static bool
s_receives (fst_http_link_t *link, int64_t now_ms)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info (link->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    uint64_t received = info? fst_http_received (info->connect_fd): 0;
    bool enough = received - link->received >= FST_HTTP_WINDOW_BYTES;
    link->received = received;
    if (enough)
        link->request->window_ms = now_ms;
    return enough;
}

static void
s_sweep_link (fst_http_t *self, fst_http_link_t *link, int64_t now_ms)
{
    fst_http_request_t *request = link->request;
    if (!request || !request->began) {
        if (now_ms - link->idle_ms >= self->options.idle_ms)
            s_cut_off (self, link);
    }
    else
    if (request->waits != FST_HTTP_RUNS) {
        if (request->patience_ms && now_ms - request->waits_ms >= request->patience_ms)
            s_give_up (request);
    }
    else
    if (now_ms - request->window_ms >= self->options.slow_ms && !s_receives (link, now_ms))
        s_cut_off (self, link);
}

int64_t
fst_http_tick (fst_http_t *self, int64_t now_ms)
{
    assert (self);
    if (now_ms >= self->sweep_ms) {
        for (fst_http_link_t *link = zlistx_first (self->links); link; link = zlistx_next (self->links))
            s_sweep_link (self, link, now_ms);
        self->sweep_ms = now_ms + SWEEP_MS;
    }
    if (now_ms >= self->timeout_ms)
        self->due = true;               //  The loop calls flush after this
    return self->timeout_ms < self->sweep_ms && !self->due? self->timeout_ms: self->sweep_ms;
}

void
fst_http_flush (fst_http_t *self)
{
    assert (self);
    if (!self->due)
        return;
    int64_t timeout_ms = INT64_MAX;
    MHD_UNSIGNED_LONG_LONG wait_ms;
    for (int run = 0; run < RUNS_MAX && (run == 0 || timeout_ms == 0 || self->due); run++) {
        self->due = false;
        if (MHD_run (self->daemon) != MHD_YES)
            fst_log_error ("the web server could not run");
        timeout_ms = MHD_get_timeout (self->daemon, &wait_ms) == MHD_YES? (int64_t) wait_ms: INT64_MAX;
    }
    int64_t now_ms = fst_clock_mono_ms ();
    self->due = false;
    self->timeout_ms = timeout_ms == INT64_MAX? INT64_MAX: now_ms + timeout_ms;
    if (self->timeout_ms < self->sweep_ms)
        fst_actor_wake (self->actor, self->timeout_ms);
}

static void
s_readable (void *arg)
{
    fst_http_t *self = arg;
    self->due = true;
}

//  ---- Start

static fst_rc_t
s_fail (fst_rc_t rc, char **problem_p, const char *format, ...) __attribute__ ((format (printf, 3, 4)));

static fst_rc_t
s_fail (fst_rc_t rc, char **problem_p, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    *problem_p = zsys_vprintf (format, args);
    va_end (args);
    return rc;
}

//  HOST:PORT, [::1]:PORT
static fst_rc_t
s_resolve (const char *address, struct addrinfo **found_p, char **problem_p)
{
    const char *colon = strrchr (address, ':');
    if (!colon || colon == address || !colon [1])
        return s_fail (FST_MALFORMED, problem_p, "%s is no HOST:PORT for the web page", address);
    bool brackets = address [0] == '[' && colon [-1] == ']';
    char *host = strndup (address + brackets, (size_t) (colon - address) - 2 * brackets);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    int failed = getaddrinfo (strcmp (host, "*") == 0? NULL: host, colon + 1, &hints, found_p);
    free (host);
    return failed? s_fail (FST_MALFORMED, problem_p, "the web page cannot be served at %s: %s", address,
                           gai_strerror (failed)): FST_OK;
}

static fst_rc_t
s_listen (fst_http_t *self, char **problem_p)
{
    struct addrinfo *found = NULL;
    fst_rc_t rc = s_resolve (self->options.address, &found, problem_p);
    if (rc != FST_OK)
        return rc;
    int one = 1;
    self->listener = socket (found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool good = self->listener >= 0 && setsockopt (self->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof (one)) == 0
             && bind (self->listener, found->ai_addr, found->ai_addrlen) == 0 && listen (self->listener, BACKLOG) == 0;
    if (!good)
        rc = s_fail (errno == EADDRINUSE? FST_EXISTS: FST_IO, problem_p, "the web page cannot be served at %s: %s",
                     self->options.address, strerror (errno));
    freeaddrinfo (found);
    struct sockaddr_storage name = { 0 };
    socklen_t size = sizeof (name);
    if (good && getsockname (self->listener, (struct sockaddr *) &name, &size) == 0)
        self->port = ntohs (name.ss_family == AF_INET6? ((struct sockaddr_in6 *) &name)->sin6_port
                                                      : ((struct sockaddr_in *) &name)->sin_port);
    return rc;
}

//  After s_listen: certificates go by port.
static fst_rc_t
s_load_certificate (fst_http_t *self, char **problem_p)
{
    const fst_http_options_t *options = &self->options;
    if (!options->certificate != !options->key)
        return s_fail (FST_MALFORMED, problem_p, "web-certificate and web-key belong together; one of them is missing");
    if (!options->certificate)
        return FST_OK;
    return fst_certificate_use (self->port, options->certificate, options->key, problem_p);
}

static fst_rc_t
s_start (fst_http_t *self, char **problem_p)
{
    const fst_http_options_t *options = &self->options;
    unsigned flags = MHD_USE_EPOLL | MHD_USE_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (options->certificate? MHD_USE_TLS: 0);
    struct MHD_OptionItem tls [] = {
        { MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *) fst_certificate_retrieve },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },   //  RFC 8996
        { MHD_OPTION_END, 0, NULL }
    };
    struct MHD_OptionItem none [] = { { MHD_OPTION_END, 0, NULL } };
    self->daemon = MHD_start_daemon (flags, 0, NULL, NULL, s_on_request, self,
        MHD_OPTION_EXTERNAL_LOGGER, s_on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, self->listener,
        MHD_OPTION_CONNECTION_LIMIT, options->connections_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->address_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) POOL_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 0,        //  It sends the head of its own refusals twice; ours are better
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_URI_LOG_CALLBACK, s_on_target, self,
        MHD_OPTION_NOTIFY_COMPLETED, s_on_completed, self,
        MHD_OPTION_NOTIFY_CONNECTION, s_on_connection, self,
        MHD_OPTION_ARRAY, options->certificate? tls: none,
        MHD_OPTION_END);
    if (!self->daemon) {
        //  It may have closed that: closed again, it would be another thread's. The process ends with this failure
        self->listener = -1;
        return s_fail (FST_MALFORMED, problem_p, "the web server does not start");
    }
    return FST_OK;
}

fst_rc_t
fst_http_new (fst_actor_t *actor, const fst_http_options_t *options, fst_http_t **self_p, char **problem_p)
{
    assert (actor && options);
    assert (self_p && problem_p);
    fst_http_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->actor = actor;
    self->options = *options;
    self->listener = -1;
    self->links = zlistx_new ();
    self->timeout_ms = INT64_MAX;
    fst_rc_t rc = s_listen (self, problem_p);
    if (rc == FST_OK)
        rc = s_load_certificate (self, problem_p);
    if (rc == FST_OK)
        rc = s_start (self, problem_p);
    if (rc != FST_OK) {
        fst_http_destroy (&self);
        return rc;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info (self->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    assert (info && info->epoll_fd >= 0);
    fst_actor_add_fd (actor, info->epoll_fd, s_readable, self);
    *self_p = self;
    return FST_OK;
}

void
fst_http_destroy (fst_http_t **self_p)
{
    assert (self_p);
    fst_http_t *self = *self_p;
    if (!self)
        return;
    self->ending = true;
    for (fst_http_link_t *link = zlistx_first (self->links); link; link = zlistx_next (self->links))
        if (link->request && link->request->waits != FST_HTTP_RUNS) {
            link->request->cut = true;
            fst_http_resume (link->request);
        }
    if (self->daemon)
        MHD_stop_daemon (self->daemon);     //  Closes the listener too
    else
    if (self->listener >= 0)
        close (self->listener);
    zlistx_destroy (&self->links);
    free (self);
    *self_p = NULL;
}

unsigned
fst_http_port (const fst_http_t *self)
{
    assert (self);
    return self->port;
}

const fst_http_counts_t *
fst_http_counts (const fst_http_t *self)
{
    assert (self);
    return &self->counts;
}
