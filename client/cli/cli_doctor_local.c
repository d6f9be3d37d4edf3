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
#include "fst_keys.h"

#define CONNECT_MS 2000

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

//  NULL if something listens there; else what is wrong. Static text.
static const char *
s_try (int family, const struct sockaddr *address, socklen_t length)
{
    int handle = socket (family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (handle < 0)
        return strerror (errno);
    int error = connect (handle, address, length) == 0? 0: errno;
    if (error == EINPROGRESS) {
        struct pollfd item = { .fd = handle, .events = POLLOUT };
        socklen_t size = sizeof (error);
        if (poll (&item, 1, CONNECT_MS) == 0)
            error = ETIMEDOUT;
        else
            getsockopt (handle, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    close (handle);
    return error? strerror (error): NULL;
}

static const char *
s_try_tcp (const char *endpoint)
{
    char host [256] = "";
    const char *colon = strrchr (endpoint, ':');
    snprintf (host, sizeof (host), "%.*s", (int) (colon - endpoint), endpoint);
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found;
    int failed = getaddrinfo (host, colon + 1, &hints, &found);
    if (failed)
        return gai_strerror (failed);
    const char *reason = s_try (found->ai_family, found->ai_addr, found->ai_addrlen);
    freeaddrinfo (found);
    return reason;
}

static const char *
s_try_endpoint (const char *endpoint)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strncmp (endpoint, "tcp://", 6) == 0 && strrchr (endpoint, ':') > endpoint + 6)
        return s_try_tcp (endpoint + 6);
    if (strncmp (endpoint, "ipc://", 6) || strlen (endpoint + 6) >= sizeof (address.sun_path))
        return NULL;                    //  Nothing that we know how to try
    strcpy (address.sun_path, endpoint + 6);
    return s_try (AF_UNIX, (struct sockaddr *) &address, sizeof (address));
}

//  The broker did not answer: is there none, or does it not want us?
void
cli_doctor_broker (cli_doctor_t *self, fst_rc_t rc, const char *problem)
{
    const char *endpoint = fst_config_text (self->config, "broker"), *reason = s_try_endpoint (endpoint);
    if (rc == FST_TIMEOUT)
        cli_found (self, CLI_PROBLEM, "service", "auth", "start auth, and look at its log", "the broker is there, but auth does not answer");
    else
    if (reason)
        cli_found (self, CLI_PROBLEM, "port", endpoint, "start the broker, or open the port in the firewall; is \"broker\" in the settings right?",
                   "nothing listens where the broker should be: %s", reason);
    else
        cli_found (self, CLI_PROBLEM, "keys", endpoint, "take client.zpl and keys/client.key of this cluster anew from the broker's machine",
                   "something listens where the broker should be, but does not know our keys or is no broker (%s)", problem);
}

//  From here, as a client reaches them.
void
cli_doctor_ports (cli_doctor_t *self)
{
    size_t at;
    json_t *node;
    json_array_foreach (self->nodes, at, node) {
        const char *endpoint = json_string_value (json_object_get (node, "endpoint"));
        const char *state = json_string_value (json_object_get (node, "state")), *reason;
        if (strcmp (state, "alive") == 0 && (reason = s_try_endpoint (endpoint)))
            cli_found (self, CLI_PROBLEM, "port", json_string_value (json_object_get (node, "node")),
                       "open its data port in the firewall, or set data-advertise to what clients can reach",
                       "it is alive, but its data port %s cannot be reached from here: %s", endpoint, reason);
    }
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
