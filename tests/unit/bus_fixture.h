//  A broker on ipc:// in a private folder, for tests of what talks to it.

#ifndef BUS_FIXTURE_H_INCLUDED
#define BUS_FIXTURE_H_INCLUDED

#include <assert.h>
#include <czmq.h>
#include <stdio.h>
#include <stdlib.h>
#include "fst_broker.h"
#include "fst_clock.h"

typedef struct {
    char folder [128];
    char clients [160], actors [160], events_in [160], events_out [160];
    fst_broker_t *broker;
} bus_t;

static inline void
bus_start (bus_t *bus)
{
    fst_broker_options_t options = { bus->clients, bus->actors, bus->events_in, bus->events_out, NULL };
    char *problem = NULL;
    fst_rc_t rc = fst_broker_new (&options, &bus->broker, &problem);
    if (rc != FST_OK)
        fprintf (stderr, "%s\n", problem);
    assert (rc == FST_OK);
}

static inline void
bus_stop (bus_t *bus)
{
    fst_broker_destroy (&bus->broker);
}

//  The folder; no broker yet.
static inline bus_t
bus_new (void)
{
    bus_t bus = { .broker = NULL };
    const char *base = getenv ("TMPDIR");
    snprintf (bus.folder, sizeof (bus.folder), "%s/bus-XXXXXX", base? base: "/tmp");
    char *made = mkdtemp (bus.folder);
    assert (made);
    snprintf (bus.clients, sizeof (bus.clients), "ipc://%s/clients", bus.folder);
    snprintf (bus.actors, sizeof (bus.actors), "ipc://%s/actors", bus.folder);
    snprintf (bus.events_in, sizeof (bus.events_in), "ipc://%s/in", bus.folder);
    snprintf (bus.events_out, sizeof (bus.events_out), "ipc://%s/out", bus.folder);
    return bus;
}

static inline void
bus_remove (bus_t *bus)
{
    bus_stop (bus);
    zdir_t *folder = zdir_new (bus->folder, NULL);
    if (folder)
        zdir_remove (folder, true);
    zdir_destroy (&folder);
    rmdir (bus->folder);
}

#endif
