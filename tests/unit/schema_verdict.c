//  Reads JSON lines [kind, service, name, message], prints "ok" or "no WHERE" for each. For schema_agreement.py.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_schema.h"

static const fst_schema_t *
s_find (const char *kind, const char *service, const char *name)
{
    if (strcmp (kind, "event") == 0)
        return fst_schema_event (name);
    if (strcmp (kind, "envelope") == 0)
        return strcmp (name, "REQUEST") == 0? fst_schema_envelope_request (): fst_schema_envelope_reply ();
    const fst_schema_command_t *command = fst_schema_find (service, name);
    return !command? NULL: strcmp (kind, "request") == 0? command->request: command->reply;
}

static void
s_judge (const char *line)
{
    const char *kind, *service, *name;
    json_t *message;
    json_error_t error;
    json_t *root = json_loads (line, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        printf ("no it does not parse: %s\n", error.text);
    else
    if (json_unpack (root, "[s, s, s, o!]", &kind, &service, &name, &message) || !s_find (kind, service, name))
        printf ("what? %s\n", line);
    else {
        char where [256];
        if (fst_schema_check (s_find (kind, service, name), message, where, sizeof (where)) == FST_OK)
            printf ("ok\n");
        else
            printf ("no %s\n", where);
    }
    json_decref (root);
}

int
main (void)
{
    char *line = NULL;
    size_t size = 0;
    while (getline (&line, &size, stdin) > 0)
        s_judge (line);
    free (line);
    return ferror (stdin) || fflush (stdout)? 1: 0;
}
