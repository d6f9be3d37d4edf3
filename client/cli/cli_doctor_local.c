//  What doctor sees from this machine: key files, ports, the list of enrolled actors.

#include "cli_doctor.h"
#include <arpa/inet.h>
#include <czmq.h>
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "fst_clock.h"
#include "fst_keys.h"

#define CONNECT_MS 1000

//  The folder of the client's key file: on a server all the others lie there too. Caller frees; NULL if there is none.
static char *
s_key_folder (const cli_doctor_t *self)
{
    const char *filename = fst_config_text (self->config, "keys");
    if (!*filename)
        return NULL;
    char *copy = strdup (filename);
    assert (copy);
    char *folder = strdup (dirname (copy));
    assert (folder);
    free (copy);
    return folder;
}

static void
s_check_modes (cli_doctor_t *self, const char *folder)
{
    struct stat info;
    if (stat (folder, &info) == 0 && (info.st_mode & 022))
        cli_found (self, CLI_PROBLEM, "keys", folder, "chmod 700 it; if others had a shell here, make new keys",
                   "others may write in the folder of keys");
}

//  What is wrong with a file that is named beside it anyway.
static const char *
s_without_name (const char *problem, const char *filename)
{
    size_t bytes = strlen (filename);
    return strncmp (problem, filename, bytes) == 0 && strncmp (problem + bytes, ": ", 2) == 0? problem + bytes + 2: problem;
}

//  One key file that we may read. All of a cluster have the public key of the same auth.
static void
s_check_key (cli_doctor_t *self, const char *filename, uint8_t of_auth [FST_SIGN_PUBLIC_BYTES], char known [256])
{
    static const uint8_t none [FST_SIGN_PUBLIC_BYTES];
    fst_keys_t *keys = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_keys_load (filename, &keys, &problem);
    if (rc == FST_DENIED)
        cli_found (self, CLI_PROBLEM, "keys", filename, "chmod 600 it; if others had a shell here, make new keys", "%s",
                   s_without_name (problem, filename));
    else
    if (rc != FST_OK)
        cli_found (self, CLI_PROBLEM, "keys", filename, "put back the copy that you keep in a safe place", "%s",
                   s_without_name (problem, filename));
    else
    if (memcmp (keys->sign_public, none, sizeof (none))) {
        if (!*known) {
            memcpy (of_auth, keys->sign_public, FST_SIGN_PUBLIC_BYTES);
            snprintf (known, 256, "%s", filename);
        }
        else
        if (memcmp (of_auth, keys->sign_public, FST_SIGN_PUBLIC_BYTES))
            cli_found (self, CLI_PROBLEM, "keys", filename, "put back the right one: keys of one cluster were made together",
                       "it belongs to another cluster than %s", known);
    }
    fst_keys_destroy (&keys);
    free (problem);
}

void
cli_doctor_keys (cli_doctor_t *self)
{
    uint8_t of_auth [FST_SIGN_PUBLIC_BYTES];
    char known [256] = "", *name = s_key_folder (self);
    DIR *folder = name? opendir (name): NULL;
    if (folder)
        s_check_modes (self, name);
    for (struct dirent *entry = folder? readdir (folder): NULL; entry; entry = readdir (folder)) {
        size_t length = strlen (entry->d_name);
        char *filename = zsys_sprintf ("%s/%s", name, entry->d_name);
        if (length > 4 && strcmp (entry->d_name + length - 4, ".key") == 0 && access (filename, R_OK) == 0)
            s_check_key (self, filename, of_auth, known);
        free (filename);
    }
    if (folder)
        closedir (folder);
    free (name);
}

//  ------------------------------------------------------------------------------------------------
//  Ports

//  A try to connect; several run at once.
typedef struct {
    int handle;                     //  -1: it is over
    int error;                      //  Of connect
    const char *reason;             //  What is wrong; NULL if something listens there. Static text
} s_try_t;

static void
s_try_failed (s_try_t *try, int error)
{
    try->error = error;
    try->reason = error? strerrordesc_np (error): NULL;
    if (try->handle >= 0)
        close (try->handle);
    try->handle = -1;
}

static void
s_try_begin_at (s_try_t *try, int family, const struct sockaddr *address, socklen_t length)
{
    try->handle = socket (family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (try->handle < 0 || (connect (try->handle, address, length) && errno != EINPROGRESS))
        s_try_failed (try, errno);
}

static void
s_try_begin_tcp (s_try_t *try, const char *endpoint)
{
    char host [256] = "";
    const char *colon = strrchr (endpoint, ':');
    snprintf (host, sizeof (host), "%.*s", (int) (colon - endpoint), endpoint);
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found;
    int failed = getaddrinfo (host, colon + 1, &hints, &found);
    if (failed) {
        try->reason = gai_strerror (failed);
        return;
    }
    s_try_begin_at (try, found->ai_family, found->ai_addr, found->ai_addrlen);
    freeaddrinfo (found);
}

static s_try_t
s_try_begin (const char *endpoint)
{
    s_try_t try = { .handle = -1 };
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strncmp (endpoint, "tcp://", 6) == 0 && strrchr (endpoint, ':') > endpoint + 6)
        s_try_begin_tcp (&try, endpoint + 6);
    else
    if (strncmp (endpoint, "ipc://", 6) == 0 && strlen (endpoint + 6) < sizeof (address.sun_path)) {
        strcpy (address.sun_path, endpoint + 6);
        s_try_begin_at (&try, AF_UNIX, (struct sockaddr *) &address, sizeof (address));
    }
    return try;                     //  Else nothing that we know how to try
}

static void
s_try_end (s_try_t *try, int64_t until_ms)
{
    if (try->handle < 0)
        return;
    struct pollfd item = { .fd = try->handle, .events = POLLOUT };
    int error = ETIMEDOUT;
    socklen_t size = sizeof (error);
    int64_t left_ms = until_ms - fst_clock_mono_ms ();
    if (poll (&item, 1, left_ms > 0? (int) left_ms: 0) > 0)
        getsockopt (try->handle, SOL_SOCKET, SO_ERROR, &error, &size);
    s_try_failed (try, error);
}

//  Nobody can refuse a connection on a machine that is off, or behind a firewall that drops it.
static bool
s_nothing_listens (const s_try_t *try)
{
    return try->error == ECONNREFUSED || try->error == ENOENT;
}

//  The broker cannot be spoken to: is there none, or does it not want us?
void
cli_doctor_broker (cli_doctor_t *self, fst_rc_t rc, const char *problem)
{
    const char *endpoint = fst_config_text (self->config, "broker");
    s_try_t try = s_try_begin (endpoint);
    s_try_end (&try, fst_clock_mono_ms () + CONNECT_MS);
    if (s_nothing_listens (&try))
        cli_found (self, CLI_PROBLEM, "port", endpoint, "start the broker; is \"broker\" in the settings right?",
                   "nothing listens where the broker should be: %s", try.reason);
    else
    if (try.reason)
        cli_found (self, CLI_PROBLEM, "port", endpoint,
                   "is its machine on? Open the port in the firewall; is \"broker\" in the settings right?",
                   "the broker cannot be reached from here: %s", try.reason);
    else
    if (rc == FST_TIMEOUT)
        cli_found (self, CLI_PROBLEM, "service", "broker", "look at its log; start it again if it hangs", "it is there and does not answer");
    else
        cli_found (self, CLI_PROBLEM, "keys", endpoint, "is the broker well? Then take client.zpl and keys/client.key of this cluster anew from its machine",
                   "something listens where the broker should be, but does not know our keys, is no broker, or hangs (%s)", problem);
}

static void
s_hear_port (cli_doctor_t *self, const char *name, const char *endpoint, const s_try_t *try)
{
    char service [80];
    snprintf (service, sizeof (service), "storage.%s", name);
    const filestore_question_t *answer = cli_doctor_answer (self, service, "STATUS");
    bool silent = answer && cli_doctor_silent (answer->rc);
    if (silent)
        json_object_set_new (self->told, service, json_true ());
    if (silent && s_nothing_listens (try))
        cli_found (self, CLI_PROBLEM, "node", name, "start it, and look at its log",
                   "its process does not run: nothing answers, and nothing listens at its data port %s", endpoint);
    else
    if (silent)
        cli_found (self, CLI_PROBLEM, "node", name, "is its machine on, and its network well? Then look at its log",
                   "it does not answer, and its data port %s cannot be reached from here: %s", endpoint, try->reason);
    else
    if (s_nothing_listens (try))
        cli_found (self, CLI_PROBLEM, "port", name, "set data-advertise to where clients reach its data-endpoint",
                   "it is alive, but its data port %s is not there: %s", endpoint, try->reason);
    else
        cli_found (self, CLI_PROBLEM, "port", name,
                   "open its data port in the firewall, or set data-advertise to what clients can reach",
                   "it is alive, but its data port %s cannot be reached from here: %s", endpoint, try->reason);
}

//  From here, as a client reaches them.
void
cli_doctor_ports (cli_doctor_t *self)
{
    size_t at;
    json_t *node;
    s_try_t *tries = calloc (json_array_size (self->nodes) + 1, sizeof (*tries));
    assert (tries);
    json_array_foreach (self->nodes, at, node) {
        bool alive = strcmp (json_string_value (json_object_get (node, "state")), "alive") == 0;
        tries [at] = alive? s_try_begin (json_string_value (json_object_get (node, "endpoint"))): (s_try_t) { .handle = -1 };
    }
    int64_t until_ms = fst_clock_mono_ms () + CONNECT_MS;
    json_array_foreach (self->nodes, at, node) {
        s_try_end (&tries [at], until_ms);
        if (tries [at].reason)
            s_hear_port (self, json_string_value (json_object_get (node, "node")),
                         json_string_value (json_object_get (node, "endpoint")), &tries [at]);
    }
    free (tries);
}

//  ------------------------------------------------------------------------------------------------
//  Enrolled, and never seen

static void
s_check_enrolled (void *arg, const char *public_key, const char *role)
{
    (void) public_key;
    cli_doctor_t *self = arg;
    size_t at;
    json_t *node;
    if (strncmp (role, "storage:", 8))
        return;
    json_array_foreach (self->nodes, at, node)
        if (strcmp (json_string_value (json_object_get (node, "node")), role + 8) == 0)
            return;
    cli_found (self, CLI_WARNING, "node", role + 8, "start it, or take it out of the list of enrolled actors",
               "it was enrolled, and has never come");
}

//  On the broker's machine the list is beside the keys.
void
cli_doctor_enrolled (cli_doctor_t *self)
{
    char *folder = s_key_folder (self), *problem = NULL;
    char *filename = folder? zsys_sprintf ("%s/enrolled.zpl", folder): NULL;
    if (filename && access (filename, R_OK) == 0
    &&  fst_enrolled_load (filename, s_check_enrolled, self, &problem) != FST_OK)
        cli_found (self, CLI_PROBLEM, "keys", filename, "put back the copy that you keep in a safe place", "%s", problem);
    free (problem);
    free (filename);
    free (folder);
}
