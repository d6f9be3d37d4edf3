//  Paths, endpoints and configuration files of a cluster in one folder.

#include "fst_layout.h"
#include <arpa/inet.h>
#include <assert.h>
#include <czmq.h>
#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fst_keys.h"
#include "fst_text.h"

#define IPC_PATH_BYTES_MAX  107
#define SOCKET_NAME_BYTES   24          //  "/events-out.lock", "/node-64.lock" and something to spare

struct fst_layout {
    char *folder;               //  DIR, absolute
    char *run;                  //  Where sockets lie
    bool linked;                //  DIR/run is a link to it
    char *host;                 //  With TCP: as others reach us, else NULL
    char *bind_host;            //  The address of host: libzmq binds to no name
    int first_port;
};

//  One setting as the layout says it; files are relative to DIR.
typedef void (s_setting_fn) (void *arg, const char *name, const char *value, bool file);

const char *
fst_part_name (fst_part_t part)
{
    static const char *const names [FST_PARTS_COUNT] = {
        "broker", "auth", "metadata", "storage", "bridge", "client"
    };
    assert (part < FST_PARTS_COUNT);
    return names [part];
}

static fst_rc_t
s_io (char **problem_p, const char *what, const char *name)
{
    fst_rc_t rc = errno == ENOSPC || errno == EDQUOT? FST_NO_SPACE: FST_IO;
    *problem_p = zsys_sprintf ("cannot %s %s: %s", what, name, strerror (errno));
    return rc;
}

fst_rc_t
fst_private_folder (const char *folder, char **problem_p)
{
    if (mkdir (folder, 0700) && errno != EEXIST)
        return s_io (problem_p, "make the folder", folder);
    struct stat info;
    if (lstat (folder, &info))
        return s_io (problem_p, "look at", folder);
    if (!S_ISDIR (info.st_mode) || info.st_uid != geteuid () || (info.st_mode & 077)) {
        *problem_p = zsys_sprintf ("%s must be a folder of yours with mode 0700; it is not", folder);
        return FST_DENIED;
    }
    return FST_OK;
}

//  mkdir -p
static fst_rc_t
s_make_folders (const char *folder, char **problem_p)
{
    char *path = strdup (folder);
    assert (path);
    fst_rc_t rc = FST_OK;
    for (char *at = path + 1; rc == FST_OK; at++) {
        if (*at && *at != '/')
            continue;
        char was = *at;
        *at = 0;
        if (mkdir (path, 0700) && errno != EEXIST && errno != EISDIR)
            rc = s_io (problem_p, "make the folder", path);
        *at = was;
        if (!was)
            break;
    }
    free (path);
    return rc;
}

//  Stands between quotes in a ZPL file, which knows no escapes.
static bool
s_quotable (const char *text)
{
    for (const char *at = text; *at; at++)
        if ((unsigned char) *at < 0x20 || *at == 0x7f)
            return false;
    return !strchr (text, '"') || !strchr (text, '\'');
}

//  The folder for sockets: DIR/run, or one with a short name.
static char *
s_choose_run (const char *folder, bool *linked_p)
{
    *linked_p = strlen (folder) + strlen ("/run") + SOCKET_NAME_BYTES > IPC_PATH_BYTES_MAX;
    if (!*linked_p)
        return zsys_sprintf ("%s/run", folder);

    uint8_t hash [crypto_generichash_BYTES_MIN];
    char text [2 * sizeof (hash) + 1];
    crypto_generichash (hash, sizeof (hash), (const uint8_t *) folder, strlen (folder), NULL, 0);
    fst_hex_encode (hash, sizeof (hash), text);
    const char *base = getenv ("XDG_RUNTIME_DIR");
    if (!base || *base != '/' || strlen (base) > 40 || access (base, W_OK) || !s_quotable (base))
        base = "/tmp";
    return zsys_sprintf ("%s/filestore-%u-%.16s", base, (unsigned) geteuid (), text);
}

fst_rc_t
fst_layout_new (const char *dir, fst_layout_t **self_p, char **problem_p)
{
    assert (dir);
    assert (self_p);
    assert (problem_p);
    if (!*dir || !s_quotable (dir)) {
        *problem_p = strdup ("that name of a folder is empty or has quotes or control characters in it");
        return FST_BAD_NAME;
    }
    fst_rc_t rc = s_make_folders (dir, problem_p);
    if (rc != FST_OK)
        return rc;
    char *folder = realpath (dir, NULL);
    struct stat info;
    if (!folder || stat (folder, &info))
        return s_io (problem_p, "open the folder", dir);
    if (!S_ISDIR (info.st_mode) || !s_quotable (folder)) {
        *problem_p = zsys_sprintf ("%s is not a folder that can be used", dir);
        free (folder);
        return FST_BAD_NAME;
    }
    fst_layout_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->folder = folder;
    self->run = s_choose_run (folder, &self->linked);
    *self_p = self;
    return FST_OK;
}

void
fst_layout_destroy (fst_layout_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        fst_layout_t *self = *self_p;
        free (self->folder);
        free (self->run);
        free (self->host);
        free (self->bind_host);
        free (self);
        *self_p = NULL;
    }
}

fst_rc_t
fst_layout_use_tcp (fst_layout_t *self, const char *host, int first_port, int nodes, char **problem_p)
{
    assert (self);
    assert (host);
    int ports = 4 + nodes;
    if (first_port < 1 || first_port + ports - 1 > FST_LAYOUT_PORT_LAST) {
        *problem_p = zsys_sprintf ("%d ports from %d on do not fit below 32768, where ports for outgoing "
                                   "connections begin", ports, first_port);
        return FST_MALFORMED;
    }
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;
    int failed = getaddrinfo (host, NULL, &hints, &found);
    if (failed) {
        *problem_p = zsys_sprintf ("the host %s has no IPv4 address here: %s", host, gai_strerror (failed));
        return FST_MALFORMED;
    }
    char text [INET_ADDRSTRLEN];
    inet_ntop (AF_INET, &((struct sockaddr_in *) (void *) found->ai_addr)->sin_addr, text, sizeof (text));
    freeaddrinfo (found);
    self->host = strdup (host);
    self->bind_host = strdup (text);
    self->first_port = first_port;
    assert (self->host && self->bind_host);
    return FST_OK;
}

//  DIR/run becomes a link to the folder with the short name.
static fst_rc_t
s_make_link (const fst_layout_t *self, char **problem_p)
{
    char *link = zsys_sprintf ("%s/run", self->folder);
    char now [PATH_MAX];
    ssize_t length = readlink (link, now, sizeof (now) - 1);
    fst_rc_t rc = FST_OK;
    if (length < 0 || (size_t) length != strlen (self->run) || memcmp (now, self->run, (size_t) length)) {
        if (length >= 0)
            unlink (link);
        if (symlink (self->run, link))
            rc = s_io (problem_p, "make the link", link);
    }
    free (link);
    return rc;
}

fst_rc_t
fst_layout_make_run (fst_layout_t *self, char **problem_p)
{
    assert (self);
    if (self->host)
        return FST_OK;
    if (!self->linked && readlink (self->run, (char [1]) { 0 }, 1) > 0)
        unlink (self->run);             //  DIR was moved here from a longer name
    fst_rc_t rc = fst_private_folder (self->run, problem_p);
    if (rc == FST_OK && self->linked)
        rc = s_make_link (self, problem_p);
    return rc;
}

const char *
fst_layout_folder (const fst_layout_t *self)
{
    assert (self);
    return self->folder;
}

int
fst_layout_nodes_found (const fst_layout_t *self)
{
    assert (self);
    char *storage = zsys_sprintf ("%s/storage", self->folder);
    DIR *folder = opendir (storage);
    free (storage);
    int highest = 0;
    for (struct dirent *entry = folder? readdir (folder): NULL; entry; entry = readdir (folder)) {
        int node, end = 0;
        if (sscanf (entry->d_name, "node-%d%n", &node, &end) == 1 && !entry->d_name [end]
        &&  node > highest && node <= FST_LAYOUT_NODES_MAX)
            highest = node;
    }
    if (folder)
        closedir (folder);
    return highest;
}

//  "broker.zpl", "node-2.zpl" in DIR. Caller frees.
static char *
s_filename (const fst_layout_t *self, fst_part_t part, int node)
{
    assert (self);
    return part == FST_PART_STORAGE? zsys_sprintf ("%s/node-%d.zpl", self->folder, node)
         : zsys_sprintf ("%s/%s.zpl", self->folder, fst_part_name (part));
}

//  ------------------------------------------------------------------------------------------------
//  Settings

//  Ports in order: clients, actors, events in, events out, node 1, node 2, ...
static void
s_endpoint (const fst_layout_t *self, s_setting_fn *each, void *arg, const char *option, const char *socket,
            int port, bool to_bind)
{
    char *value = self->host? zsys_sprintf ("tcp://%s:%d", to_bind? self->bind_host: self->host,
                                            self->first_port + port)
                : zsys_sprintf ("ipc://%s/%s", self->run, socket);
    each (arg, option, value, false);
    free (value);
}

static void
s_key_file (s_setting_fn *each, void *arg, const char *name)
{
    char *value = zsys_sprintf ("keys/%s.key", name);
    each (arg, "keys", value, true);
    free (value);
}

static void
s_broker_settings (const fst_layout_t *self, s_setting_fn *each, void *arg)
{
    s_endpoint (self, each, arg, "broker-clients", "clients", 0, true);
    s_endpoint (self, each, arg, "broker-actors", "actors", 1, true);
    s_endpoint (self, each, arg, "events-in", "events-in", 2, true);
    s_endpoint (self, each, arg, "events-out", "events-out", 3, true);
    each (arg, "enrolled", "keys/enrolled.zpl", true);
    s_key_file (each, arg, "broker");
}

static void
s_actor_settings (const fst_layout_t *self, s_setting_fn *each, void *arg, const char *key)
{
    s_endpoint (self, each, arg, "broker", "actors", 1, false);
    s_endpoint (self, each, arg, "events-in", "events-in", 2, false);
    s_endpoint (self, each, arg, "events-out", "events-out", 3, false);
    s_key_file (each, arg, key);
}

static void
s_node_settings (const fst_layout_t *self, int node, s_setting_fn *each, void *arg)
{
    assert (node >= 1 && node <= FST_LAYOUT_NODES_MAX);
    char name [32], folder [64];
    snprintf (name, sizeof (name), "node-%d", node);
    snprintf (folder, sizeof (folder), "storage/%s", name);
    s_actor_settings (self, each, arg, name);
    each (arg, "node", name, false);
    each (arg, "storage-folder", folder, true);
    s_endpoint (self, each, arg, "data-endpoint", name, 3 + node, true);
    if (self->host && strneq (self->host, self->bind_host))
        s_endpoint (self, each, arg, "data-advertise", name, 3 + node, false);
}

static void
s_settings (const fst_layout_t *self, fst_part_t part, int node, s_setting_fn *each, void *arg)
{
    switch (part) {
        case FST_PART_BROKER:
            s_broker_settings (self, each, arg);
            break;
        case FST_PART_AUTH:
            s_actor_settings (self, each, arg, "auth");
            each (arg, "auth-database", "auth.db", true);
            break;
        case FST_PART_METADATA:
            s_actor_settings (self, each, arg, "metadata");
            each (arg, "metadata-database", "metadata.db", true);
            break;
        case FST_PART_STORAGE:
            s_node_settings (self, node, each, arg);
            break;
        case FST_PART_BRIDGE:
            s_actor_settings (self, each, arg, "bridge");
            each (arg, "web", "127.0.0.1:8501", false);
            break;
        case FST_PART_CLIENT:
            s_endpoint (self, each, arg, "broker", "clients", 0, false);
            s_key_file (each, arg, fst_part_name (part));
            break;
        default:
            assert (false);
    }
}

bool
fst_layout_decides (const char *option)
{
    static const char *const decided [] = {
        "broker", "broker-clients", "broker-actors", "events-in", "events-out", "keys", "enrolled", "auth-database",
        "metadata-database", "node", "storage-folder", "data-endpoint", "data-advertise", NULL
    };
    for (const char *const *at = decided; *at; at++)
        if (streq (*at, option))
            return true;
    return false;
}

typedef struct { const fst_layout_t *layout; fst_config_t *config; } s_apply_t;

static void
s_apply (void *arg, const char *name, const char *value, bool file)
{
    s_apply_t *to = arg;
    char *absolute = file? zsys_sprintf ("%s/%s", to->layout->folder, value): strdup (value);
    char *problem = NULL;
    fst_rc_t rc = fst_config_set (to->config, name, absolute, &problem);
    assert (rc == FST_OK);              //  Names and values are our own
    free (absolute);
}

void
fst_layout_apply (const fst_layout_t *self, fst_part_t part, int node, fst_config_t *config)
{
    assert (self);
    assert (config);
    s_apply_t to = { self, config };
    s_settings (self, part, node, s_apply, &to);
}

static void
s_print (void *arg, const char *name, const char *value, bool file)
{
    (void) file;                        //  Relative to the file's folder, which is DIR
    const char *quote = strchr (value, '"')? "'": "\"";
    fprintf (arg, "%s = %s%s%s\n", name, quote, value, quote);
}

//  Complete or not there: a file that was cut short would be refused at the next start.
static fst_rc_t
s_write_file (const fst_layout_t *self, fst_part_t part, int node, const char *filename, char **problem_p)
{
    char *temp = zsys_sprintf ("%s.new", filename);
    FILE *file = fopen (temp, "w");
    bool good = file != NULL;
    if (good) {
        fprintf (file, "#  Filestore: %s. All options: filestored options\n\n", fst_part_name (part));
        s_settings (self, part, node, s_print, file);
        good = !ferror (file) && fflush (file) == 0 && fsync (fileno (file)) == 0;
        good = fclose (file) == 0 && good;
    }
    fst_rc_t rc = good && rename (temp, filename) == 0? FST_OK: s_io (problem_p, "write", filename);
    if (rc != FST_OK)
        unlink (temp);
    free (temp);
    return rc;
}

fst_rc_t
fst_layout_write (const fst_layout_t *self, fst_part_t part, int node, bool replace, bool *written_p, char **problem_p)
{
    assert (self);
    assert (written_p);
    assert (problem_p);
    char *filename = s_filename (self, part, node);
    bool write = replace || access (filename, F_OK) != 0;
    fst_rc_t rc = write? s_write_file (self, part, node, filename, problem_p): FST_OK;
    if (rc == FST_OK)
        *written_p = write;
    free (filename);
    return rc;
}

fst_rc_t
fst_layout_write_client (const fst_layout_t *self, char **problem_p)
{
    assert (self);
    fst_config_t *wanted = fst_config_new ();
    fst_config_t *there = fst_config_new ();
    fst_layout_apply (self, FST_PART_CLIENT, 0, wanted);
    char *filename = s_filename (self, FST_PART_CLIENT, 0);
    char *unreadable = NULL;
    bool good = fst_config_load (there, filename, &unreadable) == FST_OK
             && streq (fst_config_text (there, "broker"), fst_config_text (wanted, "broker"));
    bool written;
    fst_rc_t rc = good? FST_OK: fst_layout_write (self, FST_PART_CLIENT, 0, true, &written, problem_p);
    free (unreadable);
    free (filename);
    fst_config_destroy (&there);
    fst_config_destroy (&wanted);
    return rc;
}
