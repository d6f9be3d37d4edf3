//  Deletion by age goes by the time that passed, whatever wall clocks say meanwhile.

#include <criterion/criterion.h>
#include <stdio.h>
#include "sim.h"

#define SEEDS   2
#define CLIENT  SIM_CLIENT (1)
#define HOUR    ((int64_t) 3600000)
#define YEAR    (365 * 24 * HOUR)

static const char *const s_settings [] = {
    "quarantine-time", "2 h", "trash-time", "2 h", "version-time", "2 h", NULL
};

static sim_t *
s_world (uint64_t seed)
{
    return sim_new (&(sim_options_t) { .seed = seed, .nodes = 3, .clients = 1, .settings = s_settings });
}

static void
s_set_walls (sim_t *sim, int64_t ahead_ms)
{
    for (int part = SIM_METADATA; part <= SIM_NODE (3); part++)
        sim_set_wall (sim, part, ahead_ms);
}

//  Extents in the quarantine of all nodes.
static int64_t
s_quarantined (sim_t *sim)
{
    int64_t total = 0;
    for (int node = 1; node <= 3; node++) {
        char service [32];
        json_t *status = NULL;
        snprintf (service, sizeof (service), "storage.node-%d", node);
        SIM_CHECK (sim, sim_call (sim, CLIENT, service, "STATUS", NULL, &status) == FST_OK);
        total += json_integer_value (json_object_get (status, "quarantined"));
        json_decref (status);
    }
    return total;
}

//  Strays, made by an older database that an admin prefers.
static void
s_quarantine (uint64_t seed)
{
    int64_t jump_ms = seed % 2? YEAR: -YEAR;
    sim_t *sim = s_world (seed);
    sim_elapse (sim, 3000);
    sim_keep_database (sim, "older.db");
    SIM_CHECK (sim, sim_put (sim, CLIENT, "large", 300000) == FST_OK);
    SIM_CHECK (sim, sim_put (sim, CLIENT, "small", 3000) == FST_OK);
    sim_elapse (sim, 10000);
    sim_kill (sim, SIM_METADATA);
    sim_restore_database (sim, "older.db");
    SIM_CHECK (sim, sim_start (sim, SIM_METADATA) == FST_OK);
    sim_elapse (sim, 30000);
    SIM_CHECK (sim, sim_call (sim, CLIENT, "metadata", "END_RECOVERY", NULL, NULL) == FST_OK);
    sim_forget (sim, CLIENT, "large");
    sim_forget (sim, CLIENT, "small");
    SIM_CHECK (sim, SIM_UNTIL (sim, s_quarantined (sim) > 0, HOUR));
    sim_elapse (sim, 60000);
    int64_t before = s_quarantined (sim);
    s_set_walls (sim, jump_ms);
    sim_elapse (sim, HOUR);
    SIM_CHECK (sim, s_quarantined (sim) == before);
    for (int node = 1; node <= 3; node++) {             //  An upright restart goes on where it was
        sim_kill (sim, SIM_NODE (node));
        SIM_CHECK (sim, sim_start (sim, SIM_NODE (node)) == FST_OK);
    }
    sim_elapse (sim, HOUR / 2);
    SIM_CHECK (sim, s_quarantined (sim) == before);
    SIM_CHECK (sim, SIM_UNTIL (sim, s_quarantined (sim) == 0, 2 * HOUR));
    s_set_walls (sim, 0);
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_clocks, a_clock_that_jumps_ends_no_quarantine)
{
    sim_each_seed (SEEDS, s_quarantine);
}

//  A file in the trash, and an older version.
static void
s_trash (uint64_t seed)
{
    int64_t jump_ms = seed % 2? YEAR: -YEAR;
    sim_t *sim = s_world (seed);
    SIM_CHECK (sim, sim_put (sim, CLIENT, "gone", 300000) == FST_OK);
    SIM_CHECK (sim, sim_put (sim, CLIENT, "replaced", 300000) == FST_OK);
    SIM_CHECK (sim, sim_put (sim, CLIENT, "replaced", 200000) == FST_OK);
    SIM_CHECK (sim, sim_call (sim, CLIENT, "metadata", "DELETE_FILE", json_pack ("{s:s}", "path", "gone"), NULL) == FST_OK);
    sim_forget (sim, CLIENT, "gone");
    sim_elapse (sim, 2000);                             //  Figures may be a second old
    int64_t before = sim_figure (sim, "extents.total");
    sim_set_wall (sim, SIM_METADATA, jump_ms);
    sim_elapse (sim, HOUR);
    SIM_CHECK (sim, sim_figure (sim, "extents.total") == before);
    sim_kill (sim, SIM_METADATA);
    SIM_CHECK (sim, sim_start (sim, SIM_METADATA) == FST_OK);
    sim_elapse (sim, HOUR / 2);
    SIM_CHECK (sim, sim_figure (sim, "extents.total") == before);
    sim_elapse (sim, HOUR);
    SIM_CHECK (sim, sim_figure (sim, "extents.total") < before);
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "garbage") == 0, 60000));
    sim_set_wall (sim, SIM_METADATA, 0);
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_clocks, a_clock_that_jumps_empties_no_trash_and_drops_no_version)
{
    sim_each_seed (SEEDS, s_trash);
}

//  A lease is renewed by use, and nothing but an hour without use ends it.
static void
s_lease (uint64_t seed)
{
    sim_t *sim = s_world (seed);
    json_t *reply = NULL;
    SIM_CHECK (sim, sim_put (sim, CLIENT, "file", 3000) == FST_OK);
    SIM_CHECK (sim, sim_call (sim, CLIENT, "metadata", "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i, s:i}", "path", "open", "size",
                              300000, "from", 0, "count", 1), &reply) == FST_OK);
    char *upload = strdup (json_string_value (json_object_get (reply, "upload")));
    json_decref (reply);
    sim_set_wall (sim, SIM_METADATA, seed % 2? YEAR: -YEAR);
    sim_elapse (sim, 60000);
    SIM_CHECK (sim, sim_figure (sim, "uploads") == 1);
    SIM_CHECK (sim, sim_call (sim, CLIENT, "metadata", "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i, s:i}", "upload", upload, "size",
                              300000, "from", 0, "count", 1), NULL) == FST_OK);
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "uploads") == 0, 2 * HOUR));
    free (upload);
    sim_set_wall (sim, SIM_METADATA, 0);
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_clocks, a_clock_that_jumps_ends_no_upload_and_keeps_none_open)
{
    sim_each_seed (SEEDS, s_lease);
}
