//  admin backup: copies of the databases, on the servers.

#include <czmq.h>
#include "cli.h"
#include "fst_text.h"

fst_rc_t
cli_connect_patiently (cli_t *self)
{
    if (self->sets_count == CLI_SETS_MAX)
        return cli_fail (self, FST_MALFORMED, "--set is repeated too often");
    self->sets [self->sets_count++] = "reply-timeout=1 d";
    return cli_connect (self, true);
}

static void
s_print_backup (const char *service, json_t *backup)
{
    char size [32];
    printf ("%-9s %s, %s, %" JSON_INTEGER_FORMAT " ms\n", service, json_string_value (json_object_get (backup, "file")),
            fst_size_text (json_integer_value (json_object_get (backup, "bytes")), size, sizeof (size)),
            json_integer_value (json_object_get (backup, "took_ms")));
}

fst_rc_t
cli_admin_backup (cli_t *self, int count, char **operands)
{
    static const char *const services [] = { "metadata", "auth", NULL };
    (void) count;
    (void) operands;
    json_t *all = json_object ();
    fst_rc_t rc = cli_connect_patiently (self);
    for (const char *const *service = services; rc == FST_OK && *service; service++) {
        json_t *backup = NULL;
        rc = cli_store_failed (self, filestore_call (self->store, *service, "BACKUP", NULL, &backup));
        if (rc != FST_OK)
            break;
        if (!self->given [CLI_JSON])
            s_print_backup (*service, backup);
        json_object_set_new (all, *service, backup);
    }
    if (rc == FST_OK && self->given [CLI_JSON])
        cli_print_json (all);
    else
        json_decref (all);
    return rc;
}
