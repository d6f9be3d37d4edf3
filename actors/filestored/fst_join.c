//  Unpacking a bundle: settings and keys of one part, or of an actor of one's own.

#include "fst_enrol.h"
#include <czmq.h>
#include <errno.h>
#include <libgen.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fst_bundle.h"

static fst_rc_t
s_io (char **problem_p, const char *what, const char *name)
{
    *problem_p = zsys_sprintf ("cannot %s %s: %s", what, name, strerror (errno));
    return errno == ENOSPC? FST_NO_SPACE: FST_IO;
}

//  Where a storage node takes data: beside the broker's sockets, or at a port on all addresses of this machine.
static void
s_print_data_endpoint (FILE *file, const fst_bundle_t *bundle, const char *node, int port)
{
    if (strncmp (bundle->broker, "ipc://", 6) == 0) {
        char *copy = strdup (bundle->broker);
        fprintf (file, "data-endpoint = \"%s/%s\"\n", dirname (copy), node);
        free (copy);
    }
    else
        fprintf (file, "data-endpoint = \"tcp://*:%d\"\ndata-advertise = \"tcp://*:%d\"\n", port, port);
}

static void
s_print_settings (FILE *file, const fst_bundle_t *bundle, int port)
{
    const char *role = bundle->keys->name, *name = fst_bundle_name (role);
    fprintf (file, "#  Filestore: %s. All options: filestored options\n\n", role);
    fprintf (file, "broker = \"%s\"\nevents-in = \"%s\"\nevents-out = \"%s\"\nkeys = \"keys/%s.key\"\n", bundle->broker,
             bundle->events_in, bundle->events_out, name);
    if (strncmp (role, "storage:", 8) == 0) {
        fprintf (file, "node = \"%s\"\nstorage-folder = \"storage/%s\"\n", name, name);
        s_print_data_endpoint (file, bundle, name, port);
    }
    else
    if (streq (role, "auth"))
        fprintf (file, "auth-database = \"auth.db\"\n");
    else
    if (streq (role, "metadata"))
        fprintf (file, "metadata-database = \"metadata.db\"\n");
    else
    if (streq (role, "bridge"))
        fprintf (file, "web = \"127.0.0.1:8501\"\n");
}

//  Complete or not there.
static fst_rc_t
s_write_settings (const fst_bundle_t *bundle, const char *filename, int port, char **problem_p)
{
    char *temp = zsys_sprintf ("%s.new", filename);
    FILE *file = fopen (temp, "w");
    bool good = file != NULL;
    if (good) {
        s_print_settings (file, bundle, port);
        good = !ferror (file) && fflush (file) == 0 && fsync (fileno (file)) == 0;
        good = fclose (file) == 0 && good;
    }
    fst_rc_t rc = good && rename (temp, filename) == 0? FST_OK: s_io (problem_p, "write", filename);
    if (rc != FST_OK)
        unlink (temp);
    free (temp);
    return rc;
}

//  Keys of another cluster, or of somebody else, are never written over: what was stored with them could not be read.
static fst_rc_t
s_check_place (const fst_bundle_t *bundle, const char *keys, const char *file, char **problem_p)
{
    char *path = zsys_sprintf ("%s/%s", keys, file), *problem = NULL;
    fst_keys_t *there = NULL;
    fst_rc_t rc = fst_keys_load (path, &there, &problem);
    if (rc == FST_OK && (strneq (there->name, bundle->keys->name)
    ||  memcmp (there->sign_public, bundle->keys->sign_public, sizeof (there->sign_public)))) {
        *problem_p = zsys_sprintf ("%s has the keys of %s of %s cluster; say another folder", path, there->name,
                                   streq (there->name, bundle->keys->name)? "another": "a");
        rc = FST_EXISTS;
    }
    else
    if (rc != FST_OK && rc != FST_NOT_FOUND) {
        *problem_p = problem;
        problem = NULL;
    }
    fst_keys_destroy (&there);
    free (problem);
    free (path);
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

static fst_rc_t
s_unpack (const fst_bundle_t *bundle, const char *dir, int port, char **problem_p)
{
    const char *role = bundle->keys->name, *name = fst_bundle_name (role);
    char *keys = zsys_sprintf ("%s/keys", dir), *file = zsys_sprintf ("%s.key", name);
    char *settings = zsys_sprintf ("%s/%s.zpl", dir, name);
    fst_rc_t rc = s_check_place (bundle, keys, file, problem_p);
    if (rc == FST_OK && mkdir (dir, 0700) && errno != EEXIST)
        rc = s_io (problem_p, "make the folder", dir);
    if (rc == FST_OK)
        rc = fst_keys_store (keys, file, bundle->keys, problem_p);
    bool there = rc == FST_OK && access (settings, F_OK) == 0;
    if (rc == FST_OK && !there)
        rc = s_write_settings (bundle, settings, port, problem_p);
    if (rc == FST_OK) {
        const char *written = there? "was there and stays as it is, with new keys": "written";
        if (strncmp (role, "actor:", 6) == 0)       //  Its program may be called anything
            printf ("%s %s; start its program with --config %s\n", settings, written, settings);
        else
            printf ("%s %s; start it with\n  filestored %.*s --config %s\n", settings, written, (int) strcspn (role, ":"), role, settings);
    }
    free (keys);
    free (file);
    free (settings);
    return rc;
}

//  The first line of stdin. Caller frees.
static char *
s_read_line (void)
{
    char *line = calloc (1, FST_BUNDLE_CHARS_MAX + 2);
    assert (line);
    if (!fgets (line, FST_BUNDLE_CHARS_MAX + 2, stdin))
        line [0] = 0;
    return line;
}

fst_rc_t
fst_join (const char *bundle_text, const char *dir, int port, char **problem_p)
{
    assert (bundle_text && dir && problem_p);
    fst_bundle_t bundle;
    char *line = streq (bundle_text, "-")? s_read_line (): strdup (bundle_text);
    fst_rc_t rc = fst_bundle_decode (line, &bundle, problem_p);
    if (rc == FST_OK)
        rc = s_unpack (&bundle, dir, port, problem_p);
    fst_bundle_clear (&bundle);
    sodium_memzero (line, strlen (line));
    free (line);
    return rc;
}
