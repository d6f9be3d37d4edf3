//  Sockets made the one way that does not lose, block or let strangers in.

#include "fst_socket.h"
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "fst_clock.h"
#include "fst_envelope.h"
#include "fst_proof.h"

#define CURVE_OCTETS        33          //  CURVE adds them to each frame
#define COMMAND_BYTES_MAX   (FST_JSON_BYTES_MAX + 1024)
#define COMMAND_QUEUE       1000        //  Messages for each peer, each way
#define CALLER_QUEUE        10000       //  More than a caller has under way, so "not writable" is "not connected"
#define DATA_QUEUE_IN       16          //  Records may be large; the window of the node bounds the way back
#define DATA_QUEUE_OUT      1024        //  More replies than a window of small records holds
#define IPC_BYTES   (1024 * 1024)       //  Of records on their way between processes: fewer, larger steps. TCP knows by itself
#define RECONNECT_MS        100         //  At first; doubled until
#define RECONNECT_MS_MAX    400
#define CONNECT_MS          3000        //  Until a host that does not answer is tried anew
#define HANDSHAKE_MS        5000        //  A stranger holds a file descriptor no longer than this
#define BIND_MS             1000        //  A socket closed a moment ago may still hold the address

#ifndef ZMQ_ZERO_COPY_RECV
#define ZMQ_ZERO_COPY_RECV  10          //  Draft in zmq.h, but honoured
#endif

static pthread_once_t s_once = PTHREAD_ONCE_INIT;

//  Small messages that are kept would otherwise hold on to the whole buffer they were received in.
static void
s_tune_context (void)
{
    zmq_ctx_set (zsys_init (), ZMQ_ZERO_COPY_RECV, 0);
}

static bool
s_begins (const char *text, const char *with)
{
    return strncmp (text, with, strlen (with)) == 0;
}

//  Nobody on another machine can reach it, so that the mode of a folder guards it.
static bool
s_is_local (const char *endpoint)
{
    return s_begins (endpoint, "ipc://") || s_begins (endpoint, "inproc://");
}

static bool
s_is_data (const char *domain)
{
    return s_begins (domain, "data:");
}

static zsock_t *
s_socket_new (int type)
{
    pthread_once (&s_once, s_tune_context);
    zsock_t *socket = zsock_new (type);
    assert (socket);
    zsock_set_linger (socket, 0);
    zsock_set_sndtimeo (socket, 0);
    zsock_set_rcvtimeo (socket, 0);
    zsock_set_sndhwm (socket, COMMAND_QUEUE);
    zsock_set_rcvhwm (socket, COMMAND_QUEUE);
    zsock_set_handshake_ivl (socket, HANDSHAKE_MS);
    zsock_set_tcp_keepalive (socket, 1);
    zsock_set_tcp_keepalive_idle (socket, 30);
    zsock_set_tcp_keepalive_intvl (socket, 10);
    zsock_set_tcp_keepalive_cnt (socket, 3);
    if (type == ZMQ_ROUTER)
        zsock_set_router_mandatory (socket, 1);
    return socket;
}

static void
s_limit_frames (zsock_t *socket, int bytes)
{
    zsock_set_maxmsgsize (socket, bytes + CURVE_OCTETS);
}

static void
s_enlarge (zsock_t *socket, const char *endpoint)
{
    if (s_begins (endpoint, "ipc://"))
        zsock_set_sndbuf (socket, IPC_BYTES);
}

//  ---- Data ports of this process

#define SHORT_CUT   "inproc://data-"

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static bool s_shares;
static zlist_t *s_shared;           //  Endpoints; until the process ends

void
fst_socket_share (void)
{
    pthread_mutex_lock (&s_lock);
    s_shares = true;
    pthread_mutex_unlock (&s_lock);
}

static bool
s_is_shared (const char *endpoint)
{
    bool found = false;
    pthread_mutex_lock (&s_lock);
    for (const char *item = s_shared? zlist_first (s_shared): NULL; item && !found; item = zlist_next (s_shared))
        found = strcmp (item, endpoint) == 0;
    pthread_mutex_unlock (&s_lock);
    return found;
}

//  Bind the short cut too. If that fails, the way through the kernel is there.
static void
s_offer_short_cut (zsock_t *socket, const char *endpoint)
{
    bool known = s_is_shared (endpoint);
    pthread_mutex_lock (&s_lock);
    if (s_shares && s_begins (endpoint, "ipc://") && zsock_bind (socket, SHORT_CUT "%s", endpoint) != -1 && !known) {
        s_shared = s_shared? s_shared: zlist_new ();
        zlist_autofree (s_shared);
        zlist_append (s_shared, (char *) endpoint);
    }
    pthread_mutex_unlock (&s_lock);
}

//  ---- Binding

static const char *
s_ipc_path (const char *endpoint)
{
    return endpoint + strlen ("ipc://");
}

//  A second bind would silently steal the path, so ask whether somebody answers there.
static bool
s_ipc_in_use (const char *endpoint)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *path = s_ipc_path (endpoint);
    if (strlen (path) >= sizeof (address.sun_path))
        return false;                       //  bind says so
    strcpy (address.sun_path, path);
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool in_use = connect (fd, (struct sockaddr *) &address, sizeof (address)) == 0;
    close (fd);
    return in_use;
}

//  The socket file's own mode follows the umask, so the folder has to keep others out.
static fst_rc_t
s_check_folder (const char *endpoint, char **problem_p)
{
    char *folder = strdup (s_ipc_path (endpoint));
    assert (folder);
    char *slash = strrchr (folder, '/');
    struct stat info;
    fst_rc_t rc = FST_IO;
    if (!slash || slash == folder)
        *problem_p = zsys_sprintf ("%s has to be an absolute name in a folder of its own", endpoint);
    else {
        *slash = 0;
        if (stat (folder, &info) != 0)
            *problem_p = zsys_sprintf ("cannot bind %s: %s", endpoint, strerror (errno));
        else
        if (!S_ISDIR (info.st_mode) || (info.st_mode & 077) || info.st_uid != geteuid ())
            *problem_p = zsys_sprintf ("folder %s must be yours and closed to others (chmod 700), or they could "
                                       "talk to the bus", folder);
        else
            rc = FST_OK;
    }
    free (folder);
    return rc;
}

static void
s_guard (zsock_t *socket, const char *endpoint, const char *domain, const fst_keys_t *keys)
{
    bool data = s_is_data (domain);
    s_limit_frames (socket, data? FST_FRAME_BYTES_MAX: COMMAND_BYTES_MAX);
    if (data) {
        zsock_set_rcvhwm (socket, DATA_QUEUE_IN);
        zsock_set_sndhwm (socket, DATA_QUEUE_OUT);
        zsock_set_plain_server (socket, 1);
        s_enlarge (socket, endpoint);
    }
    else
    if (s_is_local (endpoint))
        return;
    else {
        assert (keys && keys->curve_secret [0]);
        zsock_set_curve_server (socket, 1);
        zsock_set_curve_secretkey (socket, keys->curve_secret);
    }
    zsock_set_zap_domain (socket, domain);
    zsock_set_zap_enforce_domain (socket, 1);   //  Without a gate nobody gets in, instead of everybody
}

//  Try until whoever closed the address a moment ago has really let go of it.
static fst_rc_t
s_bind (zsock_t *socket, const char *endpoint, char **problem_p)
{
    int64_t until_ms = fst_clock_mono_ms () + BIND_MS;
    bool ipc = s_begins (endpoint, "ipc://");
    while (true) {
        bool in_use = ipc && s_ipc_in_use (endpoint);
        if (!in_use && zsock_bind (socket, "%s", endpoint) != -1)
            return FST_OK;
        if (!in_use && errno != EADDRINUSE) {
            *problem_p = zsys_sprintf ("cannot bind %s: %s", endpoint, zmq_strerror (errno));
            return FST_IO;
        }
        if (fst_clock_mono_ms () >= until_ms) {
            *problem_p = zsys_sprintf ("%s is in use; is another one running?", endpoint);
            return FST_EXISTS;
        }
        zclock_sleep (10);
    }
}

fst_rc_t
fst_socket_bind (int type, const char *endpoint, const char *domain, const fst_keys_t *keys,
                 zsock_t **socket_p, char **problem_p)
{
    assert (endpoint && domain);
    assert (socket_p && problem_p);
    if (s_begins (endpoint, "ipc://")) {
        fst_rc_t rc = s_check_folder (endpoint, problem_p);
        if (rc != FST_OK)
            return rc;
    }
    else
    if (!s_begins (endpoint, "tcp://") && !s_begins (endpoint, "inproc://")) {
        *problem_p = zsys_sprintf ("%s is no endpoint; write tcp://ADDRESS:PORT or ipc:///FILE", endpoint);
        return FST_IO;
    }
    else
    if (!s_is_local (endpoint) && !s_is_data (domain) && !(keys && keys->curve_secret [0])) {
        *problem_p = zsys_sprintf ("cannot bind %s: there is no CURVE key pair for it", endpoint);
        return FST_IO;
    }
    zsock_t *socket = s_socket_new (type);
    s_guard (socket, endpoint, domain, keys);
    if (s_is_data (domain))
        s_offer_short_cut (socket, endpoint);       //  First: the socket's endpoint is the last one
    fst_rc_t rc = s_bind (socket, endpoint, problem_p);
    if (rc == FST_OK)
        *socket_p = socket;
    else
        zsock_destroy (&socket);
    return rc;
}

//  ---- Connecting

static bool
s_may_connect (const char *endpoint)
{
    return s_is_local (endpoint) || s_begins (endpoint, "tcp://");
}

static zsock_t *
s_connecting_new (int type)
{
    zsock_t *socket = s_socket_new (type);
    //  An oversize frame would end a connecting session for good, so never be stricter than the other side.
    s_limit_frames (socket, FST_FRAME_BYTES_MAX + CURVE_OCTETS);
    zsock_set_reconnect_ivl (socket, RECONNECT_MS);
    zsock_set_reconnect_ivl_max (socket, RECONNECT_MS_MAX);
    zsock_set_connect_timeout (socket, CONNECT_MS);
    if (type == ZMQ_DEALER)
        zsock_set_immediate (socket, 1);        //  Nothing queues for a peer that is not there
    return socket;
}

static void
s_use_curve (zsock_t *socket, const fst_keys_t *keys)
{
    char public_key [FST_CURVE_TEXT_BYTES + 1], secret_key [FST_CURVE_TEXT_BYTES + 1];
    if (keys->curve_secret [0]) {
        memcpy (public_key, keys->curve_public, sizeof (public_key));
        memcpy (secret_key, keys->curve_secret, sizeof (secret_key));
    }
    else
    if (zmq_curve_keypair (public_key, secret_key) != 0)
        assert (!"libzmq has no CURVE");
    zsock_set_curve_serverkey (socket, keys->server_key);
    zsock_set_curve_publickey (socket, public_key);
    zsock_set_curve_secretkey (socket, secret_key);
    sodium_memzero (secret_key, sizeof (secret_key));
}

static fst_rc_t
s_connect (zsock_t **socket_p, const char *endpoint, zsock_t **connected_p)
{
    if (zsock_connect (*socket_p, "%s", endpoint) != 0) {
        zsock_destroy (socket_p);
        return FST_MALFORMED;
    }
    *connected_p = *socket_p;
    return FST_OK;
}

fst_rc_t
fst_socket_connect (int type, const char *endpoint, const fst_keys_t *keys, zsock_t **socket_p)
{
    assert (endpoint);
    assert (socket_p);
    bool local = s_is_local (endpoint);
    if (!s_may_connect (endpoint) || (!local && !(keys && keys->server_key [0])))
        return FST_MALFORMED;
    zsock_t *socket = s_connecting_new (type);
    if (type == ZMQ_DEALER) {
        zsock_set_probe_router (socket, 1);     //  Our broker gives the empty message back
        zsock_set_sndhwm (socket, CALLER_QUEUE);
    }
    if (!local)
        s_use_curve (socket, keys);
    return s_connect (&socket, endpoint, socket_p);
}

fst_rc_t
fst_socket_connect_data (const char *endpoint, const char *user, const char *ticket, zsock_t **socket_p)
{
    assert (endpoint && user && ticket);
    assert (socket_p);
    if (!s_may_connect (endpoint) || !*user || !*ticket || strlen (user) > 255
    ||  strlen (ticket) > 255)
        return FST_MALFORMED;
    zsock_t *socket = s_connecting_new (ZMQ_DEALER);
    zsock_set_sndhwm (socket, DATA_QUEUE_OUT);
    zsock_set_rcvhwm (socket, DATA_QUEUE_IN);
    if (!s_begins (user, FST_NODE_USER) && s_is_shared (endpoint)) {
        char short_cut [512];
        snprintf (short_cut, sizeof (short_cut), SHORT_CUT "%s", endpoint);
        return s_connect (&socket, short_cut, socket_p);
    }
    zsock_set_plain_username (socket, user);
    zsock_set_plain_password (socket, ticket);
    s_enlarge (socket, endpoint);
    return s_connect (&socket, endpoint, socket_p);
}

//  ---- Messages

fst_rc_t
fst_socket_try (zsock_t *socket, zmsg_t **message_p)
{
    assert (socket);
    assert (message_p && *message_p);
    while (zmsg_send (message_p, socket) != 0) {
        if (errno == EINTR)
            continue;
        assert (errno == EAGAIN || errno == EHOSTUNREACH || errno == ETERM || errno == ENOTSOCK);
        return errno == EAGAIN? FST_BUSY: FST_UNREACHABLE;
    }
    return FST_OK;
}

fst_rc_t
fst_socket_send (zsock_t *socket, zmsg_t **message_p)
{
    fst_rc_t rc = fst_socket_try (socket, message_p);
    zmsg_destroy (message_p);
    return rc;
}

zmsg_t *
fst_socket_recv (zsock_t *socket, char *user_id, size_t size)
{
    assert (socket);
    zmsg_t *message = zmsg_recv (socket);
    if (message && zmsg_size (message) > FST_FRAMES_MAX)
        zmsg_destroy (&message);
    if (message && user_id) {
        const char *text = zframe_meta (zmsg_last (message), "User-Id");
        snprintf (user_id, size, "%s", text? text: "");
    }
    return message;
}
