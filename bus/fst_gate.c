//  The gate's thread: a ROUTER at the ZAP endpoint. Whom to let in stands in two tables behind a lock, so that
//  a node or actor is known to the next handshake as soon as the call that adds it returns.
//
//  A request (RFC 27) is routing id, empty frame, version, request id, domain, address, identity, mechanism,
//  credentials. libzmq asks from inside this process, but what a peer chose (identity, credentials) is in it.

#include "fst_gate.h"
#include "fst_clock.h"
#include "fst_keys.h"
#include "fst_log.h"
#include "fst_sodium.h"
#include <czmq.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define ENDPOINT          "inproc://zeromq.zap.01"
#define TEXT_BYTES_MAX    255       //  Of any text in a request
#define CURVE_KEY_BYTES   32
#define FRAMES_ENVELOPE   4         //  Route, empty, version, request id
#define FRAMES_MIN        8         //  And domain, address, identity, mechanism
#define CREDENTIALS_MAX   2
#define LOG_LINES         5         //  Refusals logged in one period
#define LOG_PERIOD_MS     1000
#define LOOK_MS           1000      //  How often a file is looked at for those who are in

struct fst_gate {
    zactor_t *actor;
    pthread_mutex_t lock;           //  Guards the tables; the rest is the thread's
    zhashx_t *roles;                //  CURVE public key in Z85 -> role
    zhashx_t *users;                //  The same roles, to themselves
    zhashx_t *nodes;                //  Name of a node -> its key
    char *enrolled;                 //  The file that roles are from, and how it was
    struct stat enrolled_was;
    int64_t looked_ms;
    zsock_t *zap;
    int64_t period_ms;              //  When the logging period began
    unsigned logged, silent;        //  Refusals in it
};

//  A request, with what is text as text. Credentials are borrowed.
typedef struct {
    char domain [TEXT_BYTES_MAX + 1], address [TEXT_BYTES_MAX + 1], mechanism [TEXT_BYTES_MAX + 1];
    zframe_t *credentials [CREDENTIALS_MAX];
    size_t credentials_count;
} s_request_t;

//  ---- Tables

static void
s_node_key_free (void **item_p)
{
    sodium_memzero (*item_p, FST_KEY_BYTES);
    free (*item_p);
    *item_p = NULL;
}

static void
s_role_free (void **item_p)
{
    free (*item_p);
    *item_p = NULL;
}

static zhashx_t *
s_roles_new (void)
{
    zhashx_t *roles = zhashx_new ();
    zhashx_set_destructor (roles, s_role_free);
    return roles;
}

//  An actor of one's own gets fresh keys each time it is enrolled, so that its User-Id says which: who has the old ones is
//  somebody else.
static void
s_roles_add (void *arg, const char *public_key, const char *role)
{
    bool own = strncmp (role, "actor:", 6) == 0;
    char *copy = zsys_sprintf ("%s%s%.*s", role, own? FST_GATE_KEY_WORD: "", own? FST_GATE_KEY_CHARS: 0, public_key);
    assert (copy);
    zhashx_update ((zhashx_t *) arg, public_key, copy);
}

static bool
s_is_as_it_was (const struct stat *one, const struct stat *other)
{
    return one->st_ino == other->st_ino && one->st_size == other->st_size
        && one->st_mtim.tv_sec == other->st_mtim.tv_sec && one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

//  Read the file of enrolled actors. On failure those who were known stay so.
static fst_rc_t
s_enrol (fst_gate_t *self, char **problem_p)
{
    zhashx_t *roles = s_roles_new ();
    struct stat info = { 0 };
    int there = stat (self->enrolled, &info);       //  Before it is read: what changes meanwhile is read the next time
    fst_rc_t rc = fst_enrolled_load (self->enrolled, s_roles_add, roles, problem_p);
    if (there == 0)
        self->enrolled_was = info;
    if (rc == FST_OK) {
        zhashx_t *before = self->roles;
        self->roles = roles;
        roles = before;
        zhashx_purge (self->users);
        for (const char *role = zhashx_first (self->roles); role; role = zhashx_next (self->roles))
            zhashx_update (self->users, role, "");
    }
    zhashx_destroy (&roles);
    return rc;
}

//  At each actor's handshake: somebody may have been enrolled, or the contrary, since the file was read.
static void
s_look_again (fst_gate_t *self)
{
    struct stat info;
    char *problem = NULL;
    if (!self->enrolled || stat (self->enrolled, &info) != 0 || s_is_as_it_was (&info, &self->enrolled_was))
        return;
    fst_rc_t rc = s_enrol (self, &problem);
    if (rc == FST_OK)
        fst_log_info ("enrolled actors read anew actors=%zu", zhashx_size (self->roles));
    else
        fst_log_error ("enrolled actors stay as they were: %s", problem);
    free (problem);
}

//  ---- Deciding. Each check gives NULL to let the peer in, with its User-Id, or the reason not to.

//  Copy a frame as text. False if it is too long for size or holds a NUL.
static bool
s_frame_text (zframe_t *frame, char *text, size_t size)
{
    size_t bytes = zframe_size (frame);
    if (bytes >= size || memchr (zframe_data (frame), 0, bytes))
        return false;
    memcpy (text, zframe_data (frame), bytes);
    text [bytes] = 0;
    return true;
}

static const char *
s_check_client (fst_gate_t *self, const s_request_t *request, char *user_id)
{
    (void) self;
    if (request->credentials_count != 1 || zframe_size (request->credentials [0]) != CURVE_KEY_BYTES)
        return "malformed";
    strcpy (user_id, "client");
    return NULL;
}

static const char *
s_check_actor (fst_gate_t *self, const s_request_t *request, char *user_id)
{
    if (request->credentials_count != 1 || zframe_size (request->credentials [0]) != CURVE_KEY_BYTES)
        return "malformed";
    char public_key [FST_CURVE_TEXT_BYTES + 1];
    zmq_z85_encode (public_key, zframe_data (request->credentials [0]), CURVE_KEY_BYTES);
    s_look_again (self);
    const char *role = (const char *) zhashx_lookup (self->roles, public_key);
    if (!role)
        return "not_enrolled";
    snprintf (user_id, TEXT_BYTES_MAX + 1, "%s", role);
    return NULL;
}

static const char *
s_check_data (fst_gate_t *self, const s_request_t *request, char *user_id)
{
    char user [TEXT_BYTES_MAX + 1], ticket [TEXT_BYTES_MAX + 1];
    const uint8_t *node_key = (const uint8_t *) zhashx_lookup (self->nodes, strchr (request->domain, ':') + 1);
    if (!node_key)
        return "unknown_node";
    if (request->credentials_count != 2
    ||  !s_frame_text (request->credentials [0], user, sizeof (user))
    ||  !s_frame_text (request->credentials [1], ticket, sizeof (ticket))
    ||  !*user)
        return "malformed";
    fst_rc_t rc = fst_ticket_check (node_key, user, ticket, fst_clock_wall_ms ());
    sodium_memzero (ticket, sizeof (ticket));
    if (rc != FST_OK)
        return rc == FST_EXPIRED? "expired": "wrong_ticket";
    snprintf (user_id, TEXT_BYTES_MAX + 1, "%s", user);
    return NULL;
}

static const struct {
    const char *domain;             //  With a ':' at its end: all that begin so
    const char *mechanism;
    const char *(*check) (fst_gate_t *self, const s_request_t *request, char *user_id);
} s_domains [] = {
    { "client", "CURVE", s_check_client },
    { "actor",  "CURVE", s_check_actor },
    { "data:",  "PLAIN", s_check_data },
};

static const char *
s_decide (fst_gate_t *self, const s_request_t *request, char *user_id)
{
    for (size_t index = 0; index < sizeof (s_domains) / sizeof (s_domains [0]); index++) {
        const char *domain = s_domains [index].domain;
        size_t length = strlen (domain);
        bool ours = domain [length - 1] == ':'? strncmp (request->domain, domain, length) == 0:
                                                streq (request->domain, domain);
        if (!ours)
            continue;
        if (strneq (request->mechanism, s_domains [index].mechanism))
            return "wrong_mechanism";
        return s_domains [index].check (self, request, user_id);
    }
    return "unknown_domain";
}

//  ---- Requests

//  A flood of strangers must not become a flood of lines.
static void
s_log_refusal (fst_gate_t *self, const s_request_t *request, const char *reason)
{
    int64_t now_ms = fst_clock_mono_ms ();
    if (now_ms - self->period_ms >= LOG_PERIOD_MS) {
        if (self->silent)
            fst_log_warning ("handshakes refused besides count=%u", self->silent);
        self->period_ms = now_ms;
        self->logged = self->silent = 0;
    }
    if (self->logged == LOG_LINES) {
        self->silent++;
        return;
    }
    self->logged++;
    char domain [80], address [80], mechanism [20];
    fst_log_warning ("handshake refused reason=%s domain=\"%s\" mechanism=\"%s\" address=\"%s\"", reason,
                     fst_log_quote (request->domain, domain, sizeof (domain)),
                     fst_log_quote (request->mechanism, mechanism, sizeof (mechanism)),
                     fst_log_quote (request->address, address, sizeof (address)));
}

//  Read what follows the request id. False if it is no request of RFC 27. Counts first: zmsg_next begins
//  again at the first frame once it has been past the last.
static bool
s_request_decode (zmsg_t *message, s_request_t *request)
{
    if (zmsg_size (message) < FRAMES_MIN || zmsg_size (message) > FRAMES_MIN + CREDENTIALS_MAX)
        return false;
    bool valid = s_frame_text (zmsg_next (message), request->domain, sizeof (request->domain));
    valid = s_frame_text (zmsg_next (message), request->address, sizeof (request->address)) && valid;
    zmsg_next (message);                            //  Identity: the peer's choice, and of no use
    valid = s_frame_text (zmsg_next (message), request->mechanism, sizeof (request->mechanism)) && valid;
    request->credentials_count = zmsg_size (message) - FRAMES_MIN;
    for (size_t index = 0; index < request->credentials_count; index++)
        request->credentials [index] = zmsg_next (message);
    return valid;
}

//  Answer with the first frames of the request: route, empty, version, request id.
static void
s_reply (fst_gate_t *self, zmsg_t *message, const char *code, const char *text, const char *user_id)
{
    zmsg_t *reply = zmsg_new ();
    zframe_t *frame = zmsg_first (message);
    for (int count = 0; count < FRAMES_ENVELOPE; count++) {
        zmsg_addmem (reply, zframe_data (frame), zframe_size (frame));
        frame = zmsg_next (message);
    }
    zmsg_addstr (reply, code);
    zmsg_addstr (reply, text);
    zmsg_addstr (reply, user_id);
    zmsg_addmem (reply, "", 0);                     //  No metadata
    zmsg_send (&reply, self->zap);                  //  If the asker is gone there is nobody to tell
    zmsg_destroy (&reply);
}

static void
s_handle_request (fst_gate_t *self)
{
    zmsg_t *message = zmsg_recv (self->zap);
    if (!message)
        return;
    zmsg_first (message);
    zframe_t *empty = zmsg_next (message);
    zframe_t *version = zmsg_next (message);
    zmsg_next (message);
    if (zmsg_size (message) >= FRAMES_ENVELOPE && zframe_size (empty) == 0) {   //  Else no answer would arrive
        s_request_t request = { 0 };
        char user_id [TEXT_BYTES_MAX + 1] = "";
        const char *reason = "malformed";
        if (zframe_streq (version, "1.0") && s_request_decode (message, &request)) {
            pthread_mutex_lock (&self->lock);
            reason = s_decide (self, &request, user_id);
            pthread_mutex_unlock (&self->lock);
        }
        if (reason) {
            s_log_refusal (self, &request, reason);
            s_reply (self, message, "400", "refused", "");      //  The peer need not know why
        }
        else
            s_reply (self, message, "200", "OK", user_id);
    }
    zmsg_destroy (&message);
}

//  ---- Thread

//  Only $TERM is ever sent to us. True if the thread shall end.
static bool
s_is_over (zsock_t *pipe)
{
    char *command = zstr_recv (pipe);
    bool over = command && streq (command, "$TERM");
    zstr_free (&command);
    return over;
}

static void
s_gate (zsock_t *pipe, void *args)
{
    fst_gate_t *self = (fst_gate_t *) args;
    fst_log_set_subject ("gate");
    self->zap = zsock_new (ZMQ_ROUTER);
    assert (self->zap);
    zsock_set_linger (self->zap, 0);
    zsock_set_sndtimeo (self->zap, 0);
    zsock_set_router_mandatory (self->zap, 1);
    int rc = zsock_bind (self->zap, "%s", ENDPOINT);
    assert (rc == 0);                               //  Or someone else keeps a gate in this process
    zpoller_t *poller = zpoller_new (pipe, self->zap, NULL);
    assert (poller);
    zpoller_set_nonstop (poller, true);             //  A signal is for the main thread
    self->period_ms = fst_clock_mono_ms ();

    zsock_signal (pipe, 0);
    bool over = false;
    while (!over) {
        void *which = zpoller_wait (poller, -1);
        if (which == pipe)
            over = s_is_over (pipe);
        else
        if (which == self->zap)
            s_handle_request (self);
    }
    zpoller_destroy (&poller);
    zsock_unbind (self->zap, "%s", ENDPOINT);       //  At once; closing alone frees the name some time later
    zsock_destroy (&self->zap);
}

//  ---- The caller's side

static atomic_bool s_there_is_one;

fst_gate_t *
fst_gate_new (void)
{
    bool another = atomic_exchange (&s_there_is_one, true);
    assert (!another);
    fst_gate_t *self = (fst_gate_t *) calloc (1, sizeof (*self));
    assert (self);
    int rc = pthread_mutex_init (&self->lock, NULL);
    assert (rc == 0);
    self->roles = s_roles_new ();
    self->users = zhashx_new ();
    self->nodes = zhashx_new ();
    zhashx_set_destructor (self->nodes, s_node_key_free);
    self->actor = zactor_new (s_gate, self);
    assert (self->actor);
    return self;
}

void
fst_gate_destroy (fst_gate_t **self_p)
{
    assert (self_p);
    fst_gate_t *self = *self_p;
    if (self) {
        zactor_destroy (&self->actor);
        zhashx_destroy (&self->roles);
        zhashx_destroy (&self->users);
        zhashx_destroy (&self->nodes);
        free (self->enrolled);
        pthread_mutex_destroy (&self->lock);
        free (self);
        *self_p = NULL;
        atomic_store (&s_there_is_one, false);
    }
}

fst_rc_t
fst_gate_enrol (fst_gate_t *self, const char *filename, char **problem_p)
{
    assert (self && filename && problem_p);
    pthread_mutex_lock (&self->lock);
    free (self->enrolled);
    self->enrolled = strdup (filename);
    assert (self->enrolled);
    fst_rc_t rc = s_enrol (self, problem_p);
    pthread_mutex_unlock (&self->lock);
    return rc;
}

bool
fst_gate_knows (fst_gate_t *self, const char *user_id)
{
    assert (self && user_id);
    pthread_mutex_lock (&self->lock);
    int64_t now_ms = fst_clock_mono_ms ();
    if (now_ms - self->looked_ms >= LOOK_MS) {
        s_look_again (self);
        self->looked_ms = now_ms;
    }
    bool known = !self->enrolled || zhashx_lookup (self->users, user_id) != NULL;
    pthread_mutex_unlock (&self->lock);
    return known;
}

void
fst_gate_add_node (fst_gate_t *self, const char *node, const uint8_t node_key [FST_KEY_BYTES])
{
    assert (self && node && node_key);
    void *key = malloc (FST_KEY_BYTES);
    assert (key);
    memcpy (key, node_key, FST_KEY_BYTES);
    pthread_mutex_lock (&self->lock);
    zhashx_update (self->nodes, node, key);
    pthread_mutex_unlock (&self->lock);
}
