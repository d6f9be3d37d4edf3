//  Sessions: cookies, tokens, renewal, and what people do with their accounts.

#include "fst_session.h"
#include <assert.h>
#include <czmq.h>
#include "fst_clock.h"
#include "fst_forward.h"
#include "fst_http_check.h"
#include "fst_text.h"

#define COOKIE          "filestore"
#define TOKEN_BYTES_MAX FST_TOKEN_CHARS_MAX
#define RENEWED_MAX     10000           //  Sessions whose new token waits to be fetched
#define ASK_AGAIN_MS    2000            //  After a renewal that failed

//  A token that took the place of an older one of the same session.
typedef struct {
    char *token;                        //  NULL: asked for
    int64_t expires_ms;
    int64_t asked_ms;                   //  Monotonic
} s_renewed_t;

struct fst_session {
    fst_actor_t *actor;
    int64_t session_ms;                 //  Life of a token, as auth gave them lately
    zhashx_t *renewed;                  //  Session in hex -> s_renewed_t
    void (*logged_out) (void *arg, const char *token);
    void *logged_out_arg;
    bool accounts;                      //  There are some; that never changes back
};

static void
s_renewed_destroy (void **item_p)
{
    s_renewed_t *renewed = *item_p;
    free (renewed->token);
    free (renewed);
    *item_p = NULL;
}

fst_session_t *
fst_session_new (const fst_config_t *config, fst_actor_t *actor)
{
    assert (config && actor);
    fst_session_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->actor = actor;
    self->session_ms = fst_config_number (config, "session-time");
    self->renewed = zhashx_new ();
    zhashx_set_destructor (self->renewed, s_renewed_destroy);
    return self;
}

void
fst_session_destroy (fst_session_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        zhashx_destroy (&(*self_p)->renewed);
        free (*self_p);
        *self_p = NULL;
    }
}

void
fst_session_on_logout (fst_session_t *self, void (*logged_out) (void *arg, const char *token), void *arg)
{
    assert (self);
    self->logged_out = logged_out;
    self->logged_out_arg = arg;
}

//  ---- Cookies

static void
s_set_cookie (fst_http_request_t *request, const char *token, int64_t expires_ms)
{
    int64_t left_s = (expires_ms - fst_clock_wall_ms ()) / 1000;
    fst_http_set_headerf (request, "Set-Cookie", COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s", token,
                          (long long) (left_s > 0? left_s: 0), fst_http_secure (request)? "; Secure": "");
}

//  ---- Renewal

//  Auth may have another session-time than our settings say.
static void
s_learn (fst_session_t *self, int64_t expires_ms)
{
    int64_t left_ms = expires_ms - fst_clock_wall_ms ();
    if (left_ms > 0)
        self->session_ms = left_ms;
}

typedef struct {
    fst_session_t *self;
    char session [2 * FST_SESSION_BYTES + 1];
    void (*then) (fst_session_t *self, fst_http_request_t *request);    //  NULL: nobody waits
    fst_http_request_t *request;
} s_renewal_t;

static void
s_purge (fst_session_t *self)
{
    zlistx_t *sessions = zhashx_keys (self->renewed);
    int64_t wall_ms = fst_clock_wall_ms ();
    for (const char *session = zlistx_first (sessions); session; session = zlistx_next (sessions)) {
        s_renewed_t *renewed = zhashx_lookup (self->renewed, session);
        if (renewed->expires_ms <= wall_ms)
            zhashx_delete (self->renewed, session);
    }
    zlistx_destroy (&sessions);
}

static void
s_renewed (void *arg, fst_rc_t rc, json_t *reply)
{
    s_renewal_t *renewal = arg;
    s_renewed_t *renewed = zhashx_lookup (renewal->self->renewed, renewal->session);
    const char *token = json_string_value (json_object_get (reply, "token"));
    if (rc == FST_OK && token && renewed) {
        free (renewed->token);
        renewed->token = strdup (token);
        renewed->expires_ms = json_integer_value (json_object_get (reply, "expires_ms"));
        s_learn (renewal->self, renewed->expires_ms);
    }
    if (renewal->then)
        renewal->then (renewal->self, renewal->request);
    fst_http_release (&renewal->request);
    free (renewal);
}

//  True if a new token was asked for now; then is called with request when that has come to something.
static bool
s_renew (fst_session_t *self, const fst_claims_t *claims, const char *token,
         void (*then) (fst_session_t *self, fst_http_request_t *request), fst_http_request_t *request)
{
    s_renewal_t *renewal = calloc (1, sizeof (*renewal));
    assert (renewal);
    fst_hex_encode (claims->session, FST_SESSION_BYTES, renewal->session);
    int64_t now_ms = fst_clock_mono_ms ();
    s_renewed_t *renewed = zhashx_lookup (self->renewed, renewal->session);
    if (!renewed && zhashx_size (self->renewed) >= RENEWED_MAX)
        s_purge (self);
    if ((renewed && now_ms - renewed->asked_ms < ASK_AGAIN_MS) || zhashx_size (self->renewed) >= RENEWED_MAX) {
        free (renewal);
        return false;
    }
    if (!renewed) {
        renewed = calloc (1, sizeof (*renewed));
        assert (renewed);
        zhashx_insert (self->renewed, renewal->session, renewed);
    }
    renewed->asked_ms = now_ms;
    if (renewed->expires_ms < claims->expires_ms)
        renewed->expires_ms = claims->expires_ms;
    renewal->self = self;
    renewal->then = then;
    renewal->request = request? fst_http_hold (request): NULL;
    fst_actor_call_as (self->actor, token, "auth", "RENEW", NULL, s_renewed, renewal);
    return true;
}

bool
fst_session_is_half_over (const fst_session_t *self, int64_t expires_ms)
{
    assert (self);
    return expires_ms && expires_ms - fst_clock_wall_ms () < self->session_ms / 2;
}

//  NULL if there is no newer one.
static const s_renewed_t *
s_find_newer (fst_session_t *self, const fst_claims_t *claims)
{
    char session [2 * FST_SESSION_BYTES + 1];
    fst_hex_encode (claims->session, FST_SESSION_BYTES, session);
    const s_renewed_t *renewed = zhashx_lookup (self->renewed, session);
    return renewed && renewed->token && renewed->expires_ms > claims->expires_ms? renewed: NULL;
}

const char *
fst_session_newest (fst_session_t *self, const fst_claims_t *claims, const char *token)
{
    assert (self && claims && token);
    const s_renewed_t *newer = s_find_newer (self, claims);
    return newer? newer->token: token;
}

//  ---- Who asks

//  The token that a request carries. Returns false if it has none.
static bool
s_carried (fst_http_request_t *request, char token [TOKEN_BYTES_MAX + 1], bool *cookie_p)
{
    const char *header = fst_http_header (request, "Authorization");
    size_t bytes = 0;
    const char *found = NULL;
    *cookie_p = false;
    if (header && strncasecmp (header, "Bearer ", 7) == 0) {
        found = header + 7 + strspn (header + 7, " ");
        bytes = strlen (found);
    }
    else {
        found = fst_http_cookie (fst_http_header (request, "Cookie"), COOKIE, &bytes);
        *cookie_p = true;
    }
    if (!found || bytes < 1 || bytes > TOKEN_BYTES_MAX)
        return false;
    memcpy (token, found, bytes);
    token [bytes] = 0;
    return true;
}

//  A request that would change something, with a cookie that the browser added by itself: was it our page that asked?
static bool
s_is_our_page (const fst_http_request_t *request)
{
    const char *site = fst_http_header (request, "Sec-Fetch-Site");
    const char *mark = fst_http_header (request, "X-Filestore");
    return (mark && strcmp (mark, "1") == 0) || (site && strcmp (site, "same-origin") == 0)
        || fst_http_is_own_origin (fst_http_header (request, "Origin"), fst_http_header (request, "Host"),
                                   fst_http_secure (request));
}

static bool
s_changes (const fst_http_request_t *request)
{
    const char *method = fst_http_method (request);
    return strcmp (method, "GET") != 0 && strcmp (method, "OPTIONS") != 0;
}

fst_rc_t
fst_session_admit (void *arg, fst_http_request_t *request, const char **problem_p)
{
    fst_session_t *self = arg;
    char token [TOKEN_BYTES_MAX + 1];
    fst_claims_t claims;
    bool cookie;
    if (!s_carried (request, token, &cookie))
        return FST_OK;
    if (cookie && s_changes (request) && !s_is_our_page (request)) {
        *problem_p = "this came from another site, or lacks the header X-Filestore: 1";
        return FST_DENIED;
    }
    fst_rc_t rc = fst_actor_check_token (self->actor, token, &claims);
    if (rc == FST_OK && claims.role == FST_ROLE_ACTOR)
        rc = FST_UNAUTHENTICATED;       //  Actors are on the bus themselves
    if (rc != FST_OK)
        return rc;
    fst_http_set_session (request, token, &claims);
    if (cookie && fst_session_is_half_over (self, claims.expires_ms)) {
        const s_renewed_t *newer = s_find_newer (self, &claims);
        if (newer)
            s_set_cookie (request, newer->token, newer->expires_ms);
        if (!newer || fst_session_is_half_over (self, newer->expires_ms))
            s_renew (self, &claims, newer? newer->token: token, NULL, NULL);
    }
    return FST_OK;
}

//  ---- GET session

static void
s_reply_session (fst_http_request_t *request, bool first)
{
    const fst_claims_t *claims = fst_http_claims (request);
    json_t *body = json_pack ("{s:b, s:b, s:s}", "signed_in", claims != NULL, "first", first, "version", FST_VERSION);
    if (claims)
        json_object_update_new (body, json_pack ("{s:s, s:s, s:I}", "user", claims->name, "role",
                                fst_role_text (claims->role), "expires_ms", (json_int_t) claims->expires_ms));
    fst_http_reply_json (request, 200, body);
}

typedef struct { fst_session_t *self; fst_http_request_t *request; json_t *login; bool token; } s_call_t;

static s_call_t *
s_call_new (fst_session_t *self, fst_http_request_t *request)
{
    s_call_t *call = calloc (1, sizeof (*call));
    assert (call);
    call->self = self;
    call->request = fst_http_hold (request);
    return call;
}

static void
s_call_destroy (s_call_t *call)
{
    fst_http_release (&call->request);
    json_decref (call->login);
    free (call);
}

static void
s_first_told (void *arg, fst_rc_t rc, json_t *reply)
{
    s_call_t *call = arg;
    if (rc == FST_OK) {
        bool first = json_is_true (json_object_get (reply, "first"));
        call->self->accounts = !first;
        s_reply_session (call->request, first);
    }
    else
        fst_forward_fail (call->self->actor, call->request, rc);
    s_call_destroy (call);
}

//  Renewed, or not: then the old token is good for a while yet.
static void
s_get_renewed (fst_session_t *self, fst_http_request_t *request)
{
    fst_claims_t claims = *fst_http_claims (request);
    const s_renewed_t *newer = s_find_newer (self, &claims);
    if (newer) {
        s_set_cookie (request, newer->token, newer->expires_ms);
        claims.expires_ms = newer->expires_ms;
        fst_http_set_session (request, newer->token, &claims);
    }
    s_reply_session (request, false);
}

static void
s_get (void *arg, fst_http_request_t *request)
{
    fst_session_t *self = arg;
    const fst_claims_t *claims = fst_http_claims (request);
    bool bearer = fst_http_header (request, "Authorization") != NULL;
    if (!claims && self->accounts)
        s_reply_session (request, false);
    else
    if (!claims)
        fst_actor_call_as (self->actor, NULL, "auth", "FIRST", NULL, s_first_told, s_call_new (self, request));
    else
    if (bearer || !fst_session_is_half_over (self, claims->expires_ms) || s_find_newer (self, claims)
    || !s_renew (self, claims, fst_http_token (request), s_get_renewed, request))
        s_reply_session (request, false);
}

//  ---- Login and accounts

static void
s_logged_in (void *arg, fst_rc_t rc, json_t *reply)
{
    s_call_t *call = arg;
    if (rc == FST_OK) {
        call->self->accounts = true;
        s_learn (call->self, json_integer_value (json_object_get (reply, "expires_ms")));
        if (call->token)
            fst_http_reply_json (call->request, 200, json_incref (reply));
        else {
            s_set_cookie (call->request, json_string_value (json_object_get (reply, "token")),
                          json_integer_value (json_object_get (reply, "expires_ms")));
            json_t *body = json_copy (reply);
            json_object_del (body, "token");
            fst_http_reply_json (call->request, 200, body);
        }
    }
    else
        fst_forward_fail (call->self->actor, call->request, rc);
    s_call_destroy (call);
}

//  Name and password as the services take them; what else is there goes along, and they refuse it.
static s_call_t *
s_login_call (fst_session_t *self, fst_http_request_t *request)
{
    s_call_t *call = s_call_new (self, request);
    call->login = json_deep_copy (fst_http_json (request));
    call->token = json_is_true (json_object_get (call->login, "token"));
    json_object_del (call->login, "token");
    return call;
}

static void
s_post (void *arg, fst_http_request_t *request)
{
    fst_session_t *self = arg;
    s_call_t *call = s_login_call (self, request);
    fst_actor_call_as (self->actor, NULL, "auth", "LOGIN", json_incref (call->login), s_logged_in, call);
}

static void
s_registered (void *arg, fst_rc_t rc, json_t *reply)
{
    s_call_t *call = arg;
    (void) reply;
    if (rc == FST_OK)
        fst_actor_call_as (call->self->actor, NULL, "auth", "LOGIN", json_incref (call->login), s_logged_in, call);
    else {
        fst_forward_fail (call->self->actor, call->request, rc);
        s_call_destroy (call);
    }
}

static void
s_post_account (void *arg, fst_http_request_t *request)
{
    fst_session_t *self = arg;
    s_call_t *call = s_login_call (self, request);
    fst_actor_call_as (self->actor, NULL, "auth", "REGISTER", json_incref (call->login), s_registered, call);
}

//  ---- The rest

static void
s_logged_out (void *arg, fst_rc_t rc, json_t *reply)
{
    s_call_t *call = arg;
    (void) reply;
    if (rc == FST_OK || rc == FST_EXPIRED) {
        if (fst_http_token (call->request) && call->self->logged_out)
            call->self->logged_out (call->self->logged_out_arg, fst_http_token (call->request));
        const fst_claims_t *claims = fst_http_claims (call->request);
        if (claims)                                 //  The event comes too, but later than the next request may
            fst_actor_revoke (call->self->actor, claims->session, claims->expires_ms);
        s_set_cookie (call->request, "", 0);
        fst_http_reply_json (call->request, 200, NULL);
    }
    else
        fst_forward_fail (call->self->actor, call->request, rc);
    s_call_destroy (call);
}

static void
s_delete (void *arg, fst_http_request_t *request)
{
    fst_session_t *self = arg;
    s_call_t *call = s_call_new (self, request);
    if (fst_http_token (request))
        fst_actor_call_as (self->actor, fst_http_token (request), "auth", "LOGOUT", NULL, s_logged_out, call);
    else
        s_logged_out (call, FST_OK, NULL);          //  Nobody is logged in: as it was asked for
}

static void
s_put_password (void *arg, fst_http_request_t *request)
{
    fst_session_t *self = arg;
    fst_forward (self->actor, request, "auth", "CHANGE_PASSWORD", json_incref (fst_http_json (request)));
}

static void
s_delete_session (void *arg, fst_http_request_t *request)
{
    fst_session_t *self = arg;
    fst_forward (self->actor, request, "auth", "END_SESSION", json_pack ("{s:s}", "session", fst_http_tail (request)));
}

static const fst_http_route_t s_routes [] = {
    { "GET",    "/api/v1/session",      FST_HTTP_OPEN,                  s_get },
    { "POST",   "/api/v1/session",      FST_HTTP_OPEN | FST_HTTP_JSON,  s_post },
    { "DELETE", "/api/v1/session",      FST_HTTP_OPEN,                  s_delete },
    { "POST",   "/api/v1/accounts",     FST_HTTP_OPEN | FST_HTTP_JSON,  s_post_account },
    { "PUT",    "/api/v1/password",     FST_HTTP_JSON,                  s_put_password },
    { "DELETE", "/api/v1/sessions/",    0,                              s_delete_session },
    { NULL }
};

void
fst_session_add_routes (fst_session_t *self, fst_http_t *http)
{
    assert (self && http);
    fst_http_add_routes (http, s_routes, self);
}
