//  Settings: every option has a value, and what is wrong is refused with its place.

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fst_config.h"

static const char *
s_write (const char *text)
{
    static char name [4096];
    snprintf (name, sizeof (name), "%s/node.zpl", getenv ("TMPDIR")? getenv ("TMPDIR"): "/tmp");
    FILE *file = fopen (name, "w");
    cr_assert (file);
    fputs (text, file);
    fclose (file);
    return name;
}

//  Load text; it must be refused with a problem that has this in it, and change nothing.
static void
s_refuse (const char *text, const char *expected)
{
    fst_config_t *config = fst_config_new ();
    char *problem = NULL;
    cr_assert (fst_config_load (config, s_write (text), &problem) == FST_MALFORMED, "%s", text);
    cr_assert (strstr (problem, expected), "\"%s\" lacks \"%s\"", problem, expected);
    cr_assert_eq (fst_config_number (config, "replicas"), 2);
    free (problem);
    fst_config_destroy (&config);
    fst_config_destroy (&config);
}

Test (config, every_option_has_a_value_from_the_start)
{
    fst_config_t *config = fst_config_new ();
    for (const fst_option_t *option = fst_options; option->name; option++) {
        if (option->type == FST_OPTION_TEXT || option->type == FST_OPTION_FILE)
            cr_assert (fst_config_text (config, option->name));
        else
            cr_assert (fst_config_number (config, option->name) >= option->min);
        cr_assert (option->meaning && *option->meaning);
    }
    cr_assert_eq (fst_config_number (config, "chunk-size"), 1048576);
    cr_assert_eq (fst_config_number (config, "heartbeat-interval"), 10000);
    cr_assert_str_eq (fst_config_text (config, "broker"), "");
    fst_config_destroy (&config);
}

Test (config, file_is_read_over_what_is_set)
{
    fst_config_t *config = fst_config_new ();
    char *problem = NULL;
    cr_assert (fst_config_assign (config, "window=1 MiB", &problem) == FST_OK);
    const char *name = s_write ("#  A node\n\nreplicas = 3\nbroker = \"tcp://10.0.0.1:8510\"   # where\nprune-after = 250 ms\n"
                                "storage-folder = data/node\nkeys = /etc/keys\n   \n");
    fst_rc_t rc = fst_config_load (config, name, &problem);
    cr_assert (rc == FST_OK, "%s", problem);
    cr_assert_eq (fst_config_number (config, "replicas"), 3);
    cr_assert_eq (fst_config_number (config, "prune-after"), 250);
    cr_assert_eq (fst_config_number (config, "window"), 1048576);
    cr_assert_str_eq (fst_config_text (config, "broker"), "tcp://10.0.0.1:8510");
    cr_assert_str_eq (fst_config_text (config, "keys"), "/etc/keys");

    char expected [4200];
    snprintf (expected, sizeof (expected), "%.*s/data/node", (int) (strrchr (name, '/') - name), name);
    cr_assert_str_eq (fst_config_text (config, "storage-folder"), expected, "relative to the file's folder");

    fst_config_t *copy = fst_config_dup (config);
    fst_config_destroy (&config);
    cr_assert_eq (fst_config_number (copy, "replicas"), 3);
    cr_assert_str_eq (fst_config_text (copy, "keys"), "/etc/keys");
    fst_config_destroy (&copy);
}

Test (config, what_is_wrong_is_named_with_its_line)
{
    s_refuse ("replicas = 3\n\n# x\nreplica = 3\n", "node.zpl:4: there is no option \"replica\"");
    s_refuse ("replicas = 8\n", "node.zpl:1: replicas must be a whole number from 1 to 7, not \"8\"");
    s_refuse ("replicas = 0\n", "from 1 to 7");
    s_refuse ("replicas = 3x\n", "from 1 to 7");
    s_refuse ("replicas =\n", "from 1 to 7");
    s_refuse ("replicas = 3\nlease = 31 d\n", ":2: lease must be a time like \"10 s\" from 1 s to 30 d");
    s_refuse ("window = 63 KiB\n", "from 64 KiB to 1 GiB");
    s_refuse ("chunk-size = 3 MiB\n", "a power of two");
    s_refuse ("log-level = loud\n", "error, warning, info or debug");
    s_refuse ("cipher = rot13\n", "auto, aes-256-gcm or xchacha20-poly1305");
    s_refuse ("node = ../x\n", "a-z 0-9");
    s_refuse ("replicas = 3\nstorage\n    node = a\n", ":2: this is not a line of the form");
    s_refuse ("replicas = 3\n    node = a\n", ":2: this is not a line of the form");
    s_refuse ("replicas = 3\nno de = a\n", ":2: ");
    s_refuse ("replicas = 3\nbroker = \"tcp\n", ":2: ");
    s_refuse ("broker = \xff\n", "plain text");
}

Test (config, what_cannot_be_read_says_so)
{
    fst_config_t *config = fst_config_new ();
    char *problem = NULL;
    cr_assert (fst_config_load (config, "/nowhere/at.zpl", &problem) == FST_NOT_FOUND);
    cr_assert (strstr (problem, "/nowhere/at.zpl"));
    free (problem);
    cr_assert (fst_config_load (config, "/", &problem) == FST_IO);
    free (problem);
    cr_assert (fst_config_assign (config, "replicas", &problem) == FST_MALFORMED);
    free (problem);
    cr_assert (fst_config_assign (config, "=3", &problem) == FST_MALFORMED);
    free (problem);
    fst_config_destroy (&config);
}
