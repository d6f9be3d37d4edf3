//  A broker and nothing else, for tests in other languages:  broker_alone FOLDER
//  Says "ready" when it is bound, and ends when its input does.

#include <czmq.h>
#include "fst_broker.h"

int
main (int argc, char *argv [])
{
    if (argc != 2) {
        fprintf (stderr, "usage: broker_alone FOLDER\n");
        return 2;
    }
    zsys_handler_set (NULL);
    char *clients = zsys_sprintf ("ipc://%s/clients", argv [1]);
    char *actors = zsys_sprintf ("ipc://%s/actors", argv [1]);
    char *events_in = zsys_sprintf ("ipc://%s/in", argv [1]);
    char *events_out = zsys_sprintf ("ipc://%s/out", argv [1]);
    fst_broker_options_t options = { clients, actors, events_in, events_out, NULL };
    fst_broker_t *broker = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_broker_new (&options, &broker, &problem);
    if (rc == FST_OK) {
        puts ("ready");
        fflush (stdout);
        while (getchar () != EOF)
            ;
    }
    else
        fprintf (stderr, "%s\n", problem);
    fst_broker_destroy (&broker);
    free (problem);
    zstr_free (&clients);
    zstr_free (&actors);
    zstr_free (&events_in);
    zstr_free (&events_out);
    return rc == FST_OK? 0: 1;
}
