//  Key files: flat ZPL, one `name = "value"` a line. Octets stand in hex, CURVE keys in Z85.
//
//  They are read and written here rather than with zconfig, which prints what it cannot parse and leaves
//  copies of values in freed memory. The file of enrolled actors holds no secret and is zconfig's:
//
//      actor
//          role = "storage:node-1"
//          public-key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
//
//  Entries that fst_keys_enrol made for actors of one's own have more (fst_keys_enrol.c).

#include "fst_keys_self.h"
#include "fst_sodium.h"
#include <czmq.h>
#include <fcntl.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX   16384          //  Of a key file
#define ENROLLED_MAX     (1024 * 1024)  //  Of the file of enrolled actors
#define TEXT_BYTES_MAX   2048           //  Of one value

typedef enum { HEX, CURVE, NAME, TOKEN } kind_t;

#define FIELD(text, kind, member) \
    { text, kind, offsetof (fst_keys_t, member), sizeof (((fst_keys_t *) 0)->member), 0 }
#define SECRET(text, member) \
    { text, HEX, offsetof (fst_keys_t, member), sizeof (((fst_keys_t *) 0)->member), offsetof (fst_keys_t, has_##member) }

//  Everything that a key file may hold. has is where the flag lies that says it is there; 0 = it has none.
static const struct { const char *name; kind_t kind; size_t at, bytes, has; } s_fields [] = {
    FIELD ("name", NAME, name),
    FIELD ("token", TOKEN, token),
    FIELD ("sign-public", HEX, sign_public),
    SECRET ("sign-secret", sign_secret),
    SECRET ("cluster-key", cluster_key),
    SECRET ("data-key", data_key),
    SECRET ("node-key", node_key),
    FIELD ("curve-public", CURVE, curve_public),
    FIELD ("curve-secret", CURVE, curve_secret),
    FIELD ("server-key", CURVE, server_key),
};
#define FIELDS (sizeof (s_fields) / sizeof (s_fields [0]))

fst_rc_t
fst_keys_problem (char **problem_p, fst_rc_t rc, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    char *text = NULL;
    int length = vasprintf (&text, format, args);
    va_end (args);
    assert (length >= 0);
    *problem_p = text;
    return rc;
}

//  ---- Reading

//  Read a whole file of at most bytes_max octets that nobody else may use as forbidden says; *text_p gets a
//  NUL at its end. Caller frees, and wipes if it held a secret.
static fst_rc_t
s_read_file (const char *filename, mode_t forbidden, size_t bytes_max, char **text_p, char **problem_p)
{
    int fd = open (filename, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd == -1)
        return fst_keys_problem (problem_p, errno == ENOENT? FST_NOT_FOUND: FST_IO, "%s: %s", filename, strerror (errno));
    fst_rc_t rc = FST_OK;
    struct stat info;
    if (fstat (fd, &info) == -1)
        rc = fst_keys_problem (problem_p, FST_IO, "%s: %s", filename, strerror (errno));
    else
    if (!S_ISREG (info.st_mode) || info.st_size > (off_t) bytes_max)
        rc = fst_keys_problem (problem_p, FST_MALFORMED, "%s: this is no key file", filename);
    else
    if (info.st_mode & forbidden)
        rc = fst_keys_problem (problem_p, FST_DENIED, "%s: others have access to this file (mode %03o); use chmod 600",
                        filename, (unsigned) info.st_mode & 0777);
    char *text = rc == FST_OK? (char *) malloc (bytes_max + 1): NULL;
    assert (text || rc != FST_OK);
    size_t used = 0;
    while (rc == FST_OK && used < bytes_max) {
        ssize_t part = read (fd, text + used, bytes_max - used);
        if (part == 0)
            break;
        if (part > 0)
            used += (size_t) part;
        else
        if (errno != EINTR)
            rc = fst_keys_problem (problem_p, FST_IO, "%s: %s", filename, strerror (errno));
    }
    close (fd);
    if (rc == FST_OK) {
        text [used] = 0;
        if (strlen (text) != used)
            rc = fst_keys_problem (problem_p, FST_MALFORMED, "%s: this is no text file", filename);
    }
    if (rc == FST_OK)
        *text_p = text;
    else
    if (text) {
        sodium_memzero (text, bytes_max);
        free (text);
    }
    return rc;
}

static bool
s_curve_valid (const char *text)
{
    uint8_t key [32];
    bool valid = strlen (text) == FST_CURVE_TEXT_BYTES && zmq_z85_decode (key, text) != NULL;
    sodium_memzero (key, sizeof (key));
    return valid;
}

//  Names of roles: "storage:node-1".
static bool
s_role_valid (const char *role)
{
    size_t length = strspn (role, "abcdefghijklmnopqrstuvwxyz0123456789._-:");
    return length >= 1 && length <= FST_USER_BYTES_MAX * 2 && role [length] == 0;
}

static bool
s_field_is_set (const fst_keys_t *keys, size_t index)
{
    const uint8_t *at = (const uint8_t *) keys + s_fields [index].at;
    return !sodium_is_zero (at, s_fields [index].bytes);
}

//  Set a field from its text, once. False if the text is none for it.
static bool
s_field_parse (fst_keys_t *keys, size_t index, const char *value)
{
    char *at = (char *) keys + s_fields [index].at;
    if (s_field_is_set (keys, index))
        return false;
    switch (s_fields [index].kind) {
        case HEX:
            if (fst_hex_decode (value, at, s_fields [index].bytes) != FST_OK)
                return false;
            if (s_fields [index].has)
                *((bool *) ((char *) keys + s_fields [index].has)) = true;
            return s_field_is_set (keys, index);
        case CURVE:
            if (!s_curve_valid (value))
                return false;
            memcpy (at, value, FST_CURVE_TEXT_BYTES + 1);
            return true;
        case NAME:
            if (!s_role_valid (value))
                return false;
            memcpy (at, value, strlen (value) + 1);
            return true;
        case TOKEN:
            keys->token = strdup (value);
            assert (keys->token);
            return *value != 0;
    }
    return false;
}

//  One line, without its end, which is changed: `name = "value"`, a comment, or nothing.
static bool
s_line_parse (fst_keys_t *keys, char *line)
{
    size_t length = strlen (line);
    if (length == 0 || line [0] == '#')
        return true;
    char *value = strstr (line, " = \"");
    if (!value || line [length - 1] != '"' || value + 4 > line + length - 1)
        return false;
    line [length - 1] = 0;
    *value = 0;
    value += 4;
    if (strchr (value, '"'))
        return false;
    for (size_t index = 0; index < FIELDS; index++)
        if (streq (line, s_fields [index].name))
            return s_field_parse (keys, index, value);
    return false;                       //  A key that we do not know may be one that we should not ignore
}

//  The two halves of a pair belong together.
static bool
s_pairs_match (const fst_keys_t *keys)
{
    if (keys->has_sign_secret) {
        uint8_t sign_public [FST_SIGN_PUBLIC_BYTES];
        crypto_sign_ed25519_sk_to_pk (sign_public, keys->sign_secret);
        if (sodium_memcmp (sign_public, keys->sign_public, sizeof (sign_public)) != 0)
            return false;
    }
    if (keys->curve_secret [0]) {
        char curve_public [FST_CURVE_TEXT_BYTES + 1];
        if (zmq_curve_public (curve_public, keys->curve_secret) != 0 || strneq (curve_public, keys->curve_public))
            return false;
    }
    return true;
}

fst_rc_t
fst_keys_load (const char *filename, fst_keys_t **keys_p, char **problem_p)
{
    assert (filename && keys_p && problem_p);
    char *text;
    fst_rc_t rc = s_read_file (filename, 077, FILE_BYTES_MAX, &text, problem_p);
    if (rc != FST_OK)
        return rc;
    fst_keys_t *keys = (fst_keys_t *) calloc (1, sizeof (*keys));
    assert (keys);
    int number = 0;
    char *next = text;
    while (rc == FST_OK && next) {
        char *line = strsep (&next, "\n");
        number++;
        if (!s_line_parse (keys, line))
            rc = fst_keys_problem (problem_p, FST_MALFORMED, "%s: line %d is damaged; put the file back from a backup",
                            filename, number);
    }
    if (rc == FST_OK && !keys->name [0])
        rc = fst_keys_problem (problem_p, FST_MALFORMED, "%s: the file does not say whose keys these are", filename);
    if (rc == FST_OK && !s_pairs_match (keys))
        rc = fst_keys_problem (problem_p, FST_MALFORMED, "%s: a public and a secret key do not belong together", filename);
    sodium_memzero (text, FILE_BYTES_MAX);
    free (text);
    if (rc == FST_OK)
        *keys_p = keys;
    else
        fst_keys_destroy (&keys);
    return rc;
}

void
fst_keys_destroy (fst_keys_t **keys_p)
{
    assert (keys_p);
    fst_keys_t *keys = *keys_p;
    if (keys) {
        if (keys->token)
            sodium_memzero (keys->token, strlen (keys->token));
        free (keys->token);
        sodium_memzero (keys, sizeof (*keys));
        free (keys);
        *keys_p = NULL;
    }
}

fst_rc_t
fst_enrolled_read (const char *filename, zconfig_t **root_p, char **problem_p)
{
    char *text;
    fst_rc_t rc = s_read_file (filename, 022, ENROLLED_MAX, &text, problem_p);
    if (rc != FST_OK)
        return rc;
    zconfig_t *root = zconfig_str_load (text);
    free (text);
    if (!root)
        return fst_keys_problem (problem_p, FST_MALFORMED, "%s: this is not ZPL", filename);
    for (zconfig_t *actor = zconfig_child (root); actor && rc == FST_OK; actor = zconfig_next (actor)) {
        const char *role = zconfig_get (actor, "role", "");
        if (strneq (zconfig_name (actor), "actor")
        ||  !s_role_valid (role)
        ||  !fst_enrolled_rights_valid (role, zconfig_get (actor, "rights", ""))
        ||  !s_curve_valid (zconfig_get (actor, "public-key", "")))
            rc = fst_keys_problem (problem_p, FST_MALFORMED,
                            "%s: each entry must be an \"actor\" with a role and a public-key", filename);
    }
    if (rc == FST_OK)
        *root_p = root;
    else
        zconfig_destroy (&root);
    return rc;
}

fst_rc_t
fst_enrolled_load (const char *filename, void (*each) (void *arg, const char *public_key, const char *role),
                   void *arg, char **problem_p)
{
    assert (filename && each && problem_p);
    zconfig_t *root;
    fst_rc_t rc = fst_enrolled_read (filename, &root, problem_p);
    if (rc != FST_OK)
        return rc;
    for (zconfig_t *actor = zconfig_child (root); actor; actor = zconfig_next (actor)) {
        const char *rights = zconfig_get (actor, "rights", "");
        char *user_id = zsys_sprintf ("%s%s%s", zconfig_get (actor, "role", ""), *rights? " ": "", rights);
        each (arg, zconfig_get (actor, "public-key", ""), user_id);
        freen (user_id);
    }
    zconfig_destroy (&root);
    return FST_OK;
}

//  ---- Making


fst_rc_t
fst_keys_write_file (fst_maker_t *maker, const char *name, const char *text)
{
    fst_disk_t *disk = maker->disk;
    fst_disk_file_t *file = NULL;
    const char *temp = "new.tmp";
    fst_rc_t rc = disk->unlink (disk->self, temp);      //  Left by an attempt that was cut short
    if (rc == FST_OK || rc == FST_NOT_FOUND)
        rc = disk->open (disk->self, temp, true, &file);
    if (rc == FST_OK)
        rc = disk->write (disk->self, file, 0, text, strlen (text));
    if (rc == FST_OK)
        rc = disk->sync (disk->self, file);
    disk->close (disk->self, &file);
    if (rc == FST_OK)
        rc = disk->rename (disk->self, temp, name);
    if (rc == FST_OK)
        rc = disk->sync_folder (disk->self, ".");
    if (rc != FST_OK)
        return fst_keys_problem (maker->problem_p, rc, "%s/%s: %s", maker->folder, name, fst_error_text (rc));
    return FST_OK;
}

//  Append one line to text, of which *used_p octets of FILE_BYTES_MAX are used.
static void
s_field_print (const fst_keys_t *keys, size_t index, char *text, size_t *used_p)
{
    if (!s_field_is_set (keys, index))
        return;
    const char *at = (const char *) keys + s_fields [index].at;
    char value [TEXT_BYTES_MAX];
    switch (s_fields [index].kind) {
        case HEX:
            assert (s_fields [index].bytes * 2 < sizeof (value));
            fst_hex_encode (at, s_fields [index].bytes, value);
            break;
        case CURVE:
        case NAME:
            snprintf (value, sizeof (value), "%s", at);
            break;
        case TOKEN:
            assert (strlen (keys->token) < sizeof (value));
            snprintf (value, sizeof (value), "%s", keys->token);
            break;
    }
    int length = snprintf (text + *used_p, FILE_BYTES_MAX - *used_p, "%s = \"%s\"\n", s_fields [index].name, value);
    assert (length > 0 && *used_p + (size_t) length < FILE_BYTES_MAX);
    *used_p += (size_t) length;
    sodium_memzero (value, sizeof (value));
}

fst_rc_t
fst_keys_save (fst_maker_t *maker, const char *file, const fst_keys_t *keys)
{
    char text [FILE_BYTES_MAX] = "#   Filestore keys. Keep them secret, and keep a copy in a safe place.\n";
    size_t used = strlen (text);
    for (size_t index = 0; index < FIELDS; index++)
        s_field_print (keys, index, text, &used);
    fst_rc_t rc = fst_keys_write_file (maker, file, text);
    sodium_memzero (text, sizeof (text));
    return rc;
}

static void
s_fill_curve (fst_keys_t *keys)
{
    int rc = zmq_curve_keypair (keys->curve_public, keys->curve_secret);
    assert (rc == 0);
}

//  Who it is, for the others, and how it knows them.
static void
s_fill_token (fst_maker_t *maker, fst_keys_t *keys)
{
    const fst_keys_t *auth = maker->auth? maker->auth: keys;    //  Auth itself signs its own
    fst_claims_t claims = { .role = FST_ROLE_ACTOR };
    if (maker->scopes) {
        claims.scoped = true;
        memcpy (claims.scopes, maker->scopes, sizeof (claims.scopes));
    }
    snprintf (claims.name, sizeof (claims.name), "%s", keys->name);
    randombytes_buf (claims.session, sizeof (claims.session));
    keys->token = fst_token_sign (&claims, auth->sign_secret);
    memcpy (keys->sign_public, auth->sign_public, sizeof (keys->sign_public));
}

void
fst_keys_fill_actor (fst_maker_t *maker, fst_keys_t *keys)
{
    s_fill_token (maker, keys);
    memcpy (keys->server_key, maker->broker->curve_public, sizeof (keys->server_key));
    s_fill_curve (keys);
}

static void
s_fill_broker (fst_maker_t *maker, fst_keys_t *keys)
{
    (void) maker;
    s_fill_curve (keys);
}

static void
s_fill_auth (fst_maker_t *maker, fst_keys_t *keys)
{
    crypto_sign_keypair (keys->sign_public, keys->sign_secret);
    keys->has_sign_secret = true;
    fst_keys_fill_actor (maker, keys);
}

static void
s_fill_metadata (fst_maker_t *maker, fst_keys_t *keys)
{
    randombytes_buf (keys->cluster_key, sizeof (keys->cluster_key));
    randombytes_buf (keys->data_key, sizeof (keys->data_key));
    keys->has_cluster_key = keys->has_data_key = true;
    fst_keys_fill_actor (maker, keys);
}

void
fst_keys_fill_node (fst_maker_t *maker, fst_keys_t *keys)
{
    fst_node_key_derive (maker->metadata->data_key, keys->name + strlen ("storage:"), keys->node_key);
    keys->has_node_key = true;
    fst_keys_fill_actor (maker, keys);
}

static void
s_fill_client (fst_maker_t *maker, fst_keys_t *keys)
{
    memcpy (keys->server_key, maker->broker->curve_public, sizeof (keys->server_key));
}

//  Load the key file, or make it. role is the name in it.
static fst_rc_t
s_obtain (fst_maker_t *maker, const char *file, const char *role, void (*fill) (fst_maker_t *, fst_keys_t *),
          fst_keys_t **keys_p)
{
    char *path = zsys_sprintf ("%s/%s", maker->folder, file);
    fst_rc_t rc = fst_keys_load (path, keys_p, maker->problem_p);
    if (rc == FST_OK && strneq ((*keys_p)->name, role))
        rc = fst_keys_problem (maker->problem_p, FST_MALFORMED, "%s: these are the keys of %s, not of %s", path,
                        (*keys_p)->name, role);
    else
    if (rc == FST_NOT_FOUND) {
        zstr_free (maker->problem_p);
        *keys_p = (fst_keys_t *) calloc (1, sizeof (fst_keys_t));
        assert (*keys_p);
        snprintf ((*keys_p)->name, sizeof ((*keys_p)->name), "%s", role);
        fill (maker, *keys_p);
        rc = fst_keys_save (maker, file, *keys_p);
    }
    freen (path);
    return rc;
}

//  The same for the three files that others depend on. Once the cluster was complete they are never made
//  anew: nothing that was stored could be read, and no one could connect.
static fst_rc_t
s_obtain_root (fst_maker_t *maker, const char *file, const char *role, void (*fill) (fst_maker_t *, fst_keys_t *),
               fst_keys_t **keys_p)
{
    char *path = zsys_sprintf ("%s/%s", maker->folder, file);
    fst_rc_t rc = FST_OK;
    if (maker->enrolled && access (path, F_OK) != 0 && errno == ENOENT)
        rc = fst_keys_problem (maker->problem_p, FST_MALFORMED, "%s is gone, and what was stored needs it; "
                        "put it back from a backup", path);
    freen (path);
    return rc == FST_OK? s_obtain (maker, file, role, fill, keys_p): rc;
}

bool
fst_keys_note (zconfig_t *enrolled, const fst_keys_t *keys)
{
    zconfig_t *actor = zconfig_child (enrolled);
    while (actor && strneq (zconfig_get (actor, "role", ""), keys->name))
        actor = zconfig_next (actor);
    if (actor && streq (zconfig_get (actor, "public-key", ""), keys->curve_public))
        return false;
    if (!actor)
        actor = zconfig_new ("actor", enrolled);
    zconfig_put (actor, "role", keys->name);
    zconfig_put (actor, "public-key", keys->curve_public);
    return true;
}

fst_rc_t
fst_keys_obtain_member (fst_maker_t *maker, const char *file, const char *role, void (*fill) (fst_maker_t *, fst_keys_t *),
                 fst_keys_t **keys_p)
{
    fst_rc_t rc = s_obtain (maker, file, role, fill, keys_p);
    if (rc == FST_OK && strneq ((*keys_p)->server_key, maker->broker->curve_public))
        rc = fst_keys_problem (maker->problem_p, FST_MALFORMED, "%s/%s belongs to another cluster", maker->folder, file);
    return rc;
}

static fst_rc_t
s_make_client (fst_maker_t *maker)
{
    fst_keys_t *keys = NULL;
    fst_rc_t rc = fst_keys_obtain_member (maker, "client.key", "client", s_fill_client, &keys);
    fst_keys_destroy (&keys);
    return rc;
}

//  Once it was a client, with fewer keys.
static fst_rc_t
s_make_bridge (fst_maker_t *maker, zconfig_t *enrolled, bool *changed_p)
{
    fst_keys_t *keys = NULL;
    fst_rc_t rc = fst_keys_obtain_member (maker, "bridge.key", "bridge", fst_keys_fill_actor, &keys);
    if (rc == FST_OK && !keys->token) {
        fst_keys_fill_actor (maker, keys);
        rc = fst_keys_save (maker, "bridge.key", keys);
    }
    if (rc == FST_OK)
        *changed_p |= fst_keys_note (enrolled, keys);
    fst_keys_destroy (&keys);
    return rc;
}

//  It answers commands itself, so it has what actors have. Auth's key, which that needs, is made after it; and
//  once it had a curve pair only.
static fst_rc_t
s_complete_broker (fst_maker_t *maker)
{
    if (maker->broker->token)
        return FST_OK;
    s_fill_token (maker, maker->broker);
    return fst_keys_save (maker, "broker.key", maker->broker);
}

//  All files but the last, which is put in enrolled.
static fst_rc_t
s_make_all (fst_maker_t *maker, int nodes, zconfig_t *enrolled, bool *changed_p)
{
    fst_rc_t rc = s_obtain_root (maker, "broker.key", "broker", s_fill_broker, &maker->broker);
    if (rc == FST_OK)
        rc = s_obtain_root (maker, "auth.key", "auth", s_fill_auth, &maker->auth);
    if (rc == FST_OK && !maker->auth->has_sign_secret)
        rc = fst_keys_problem (maker->problem_p, FST_MALFORMED, "%s/auth.key: sign-secret is missing", maker->folder);
    if (rc == FST_OK)
        rc = s_complete_broker (maker);
    if (rc == FST_OK)
        rc = s_obtain_root (maker, "metadata.key", "metadata", s_fill_metadata, &maker->metadata);
    if (rc == FST_OK && !(maker->metadata->has_data_key && maker->metadata->has_cluster_key))
        rc = fst_keys_problem (maker->problem_p, FST_MALFORMED, "%s/metadata.key: a key is missing", maker->folder);
    if (rc != FST_OK)
        return rc;
    *changed_p |= fst_keys_note (enrolled, maker->auth);
    *changed_p |= fst_keys_note (enrolled, maker->metadata);
    for (int number = 1; number <= nodes && rc == FST_OK; number++) {
        char file [32], role [32];
        snprintf (file, sizeof (file), "node-%d.key", number);
        snprintf (role, sizeof (role), "storage:node-%d", number);
        fst_keys_t *keys = NULL;
        rc = fst_keys_obtain_member (maker, file, role, fst_keys_fill_node, &keys);
        if (rc == FST_OK)
            *changed_p |= fst_keys_note (enrolled, keys);
        fst_keys_destroy (&keys);
    }
    if (rc == FST_OK)
        rc = s_make_client (maker);
    return rc == FST_OK? s_make_bridge (maker, enrolled, changed_p): rc;
}

//  The file of enrolled actors comes last: where it is, the cluster's keys were complete.
static fst_rc_t
s_make (fst_maker_t *maker, int nodes)
{
    char *path = zsys_sprintf ("%s/enrolled.zpl", maker->folder);
    fst_rc_t rc = fst_enrolled_read (path, &maker->enrolled, maker->problem_p);
    freen (path);
    if (rc != FST_OK && rc != FST_NOT_FOUND)
        return rc;
    if (rc == FST_NOT_FOUND)
        zstr_free (maker->problem_p);
    bool changed = false;
    zconfig_t *enrolled = maker->enrolled? maker->enrolled: zconfig_new ("root", NULL);
    rc = s_make_all (maker, nodes, enrolled, &changed);
    if (rc == FST_OK && changed) {
        char *text = zconfig_str_save (enrolled);
        rc = fst_keys_write_file (maker, "enrolled.zpl", text);
        zstr_free (&text);
    }
    zconfig_destroy (&enrolled);
    fst_keys_destroy (&maker->broker);
    fst_keys_destroy (&maker->auth);
    fst_keys_destroy (&maker->metadata);
    return rc;
}

fst_rc_t
fst_keys_create (const char *folder, int nodes, char **problem_p)
{
    assert (folder && problem_p);
    assert (nodes >= 0);
    fst_maker_t maker = { .folder = folder, .problem_p = problem_p };
    fst_rc_t rc = fst_disk_open (folder, &maker.disk);
    if (rc == FST_OK && chmod (folder, 0700) == -1)
        rc = FST_IO;
    int lock = rc == FST_OK? fst_keys_lock (folder): -1;
    if (rc == FST_OK)
        rc = s_make (&maker, nodes);
    else
        rc = fst_keys_problem (problem_p, rc, "%s: cannot make or use this folder: %s", folder, fst_error_text (rc));
    fst_disk_destroy (&maker.disk);
    if (lock >= 0)
        close (lock);
    return rc;
}
