//  Keys and settings files for a cluster of processes or machines.

#include "fst_init.h"
#include <czmq.h>
#include <unistd.h>
#include "fst_keys.h"
#include "fst_layout.h"
#include "fst_recovery.h"
#include "fst_sodium.h"

static fst_rc_t
s_make_keys (const fst_layout_t *layout, int nodes, char **problem_p)
{
    char *folder = zsys_sprintf ("%s/keys", fst_layout_folder (layout));
    fst_rc_t rc = fst_keys_create (folder, nodes, problem_p);
    free (folder);
    return rc;
}

static fst_rc_t
s_write_all (const fst_layout_t *layout, int nodes, char **problem_p)
{
    fst_rc_t rc = FST_OK;
    int written = 0;
    for (int part = 0; rc == FST_OK && part < FST_PARTS_COUNT; part++) {
        int last = part == FST_PART_STORAGE? nodes: 1;
        for (int node = 1; rc == FST_OK && node <= last; node++) {
            bool now = false;
            rc = fst_layout_write (layout, (fst_part_t) part, node, false, &now, problem_p);
            written += now;
        }
    }
    if (rc == FST_OK)
        printf ("%s: %d files of settings written, %d were there already\n", fst_layout_folder (layout), written,
                FST_PARTS_COUNT - 1 + nodes - written);
    return rc;
}

static void
s_say_what_next (const char *dir, int nodes)
{
    printf ("Start each of these, here or on machines that have the folder's keys/ and settings:\n");
    for (fst_part_t part = FST_PART_BROKER; part <= FST_PART_METADATA; part++)
        printf ("  filestored %s --config %s/%s.zpl\n", fst_part_name (part), dir, fst_part_name (part));
    for (int node = 1; node <= nodes; node++)
        printf ("  filestored storage --config %s/node-%d.zpl\n", dir, node);
    printf ("  filestored bridge --config %s/bridge.zpl        the web page; several may run\n", dir);
    printf ("Clients:\n  filestore --config %s/client.zpl register NAME\n", dir);
}

fst_rc_t
fst_init_recovery_key (const char *key_file, char **problem_p)
{
    assert (key_file);
    assert (problem_p);
    fst_keys_t *keys = NULL;
    fst_rc_t rc = fst_keys_load (key_file, &keys, problem_p);
    if (rc == FST_OK && !keys->has_cluster_key) {
        *problem_p = zsys_sprintf ("%s is not the key file of metadata, the only one with the recovery key", key_file);
        rc = FST_MALFORMED;
    }
    if (rc == FST_OK) {
        char text [FST_RECOVERY_CHARS + 1];
        fst_recovery_encode (keys->cluster_key, text);
        printf ("%s\n", text);
        sodium_memzero (text, sizeof (text));
    }
    fst_keys_destroy (&keys);
    return rc;
}

static bool
s_is_new (const fst_layout_t *layout)
{
    char *filename = zsys_sprintf ("%s/keys/metadata.key", fst_layout_folder (layout));
    bool there = access (filename, F_OK) == 0;
    free (filename);
    return !there;
}

//  Once, when the keys are made. Later it is asked for.
static fst_rc_t
s_say_recovery_key (const fst_layout_t *layout, const char *dir, bool new, char **problem_p)
{
    if (!new) {
        printf ("The recovery key is printed by  filestored recovery-key --data %s\n", dir);
        return FST_OK;
    }
    printf ("\nThis is the recovery key of the cluster. Whoever has it and the folder of a storage node can read the\n"
            "files in it, so keep it on paper, away from the machines; without it and without %s/keys nobody can.\n\n  ", dir);
    char *filename = zsys_sprintf ("%s/keys/metadata.key", fst_layout_folder (layout));
    fst_rc_t rc = fst_init_recovery_key (filename, problem_p);
    free (filename);
    printf ("\n");
    return rc;
}

fst_rc_t
fst_init (const char *dir, int nodes, const char *host, int first_port, char **problem_p)
{
    assert (dir);
    assert (problem_p);
    fst_layout_t *layout = NULL;
    fst_rc_t rc = fst_layout_new (dir, &layout, problem_p);
    if (rc == FST_OK && host)
        rc = fst_layout_use_tcp (layout, host, first_port, nodes, problem_p);
    if (rc == FST_OK)
        rc = fst_layout_make_run (layout, problem_p);
    bool new = rc == FST_OK && s_is_new (layout);
    if (rc == FST_OK)
        rc = s_make_keys (layout, nodes, problem_p);
    if (rc == FST_OK)
        rc = s_write_all (layout, nodes, problem_p);
    if (rc == FST_OK)
        rc = s_say_recovery_key (layout, dir, new, problem_p);
    if (rc == FST_OK)
        s_say_what_next (dir, nodes);
    fst_layout_destroy (&layout);
    return rc;
}
