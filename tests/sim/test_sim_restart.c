//  Parts that are killed at any moment of what they do, and started again.

#include <criterion/criterion.h>
#include "sim.h"

#define CLIENT  SIM_CLIENT (1)

//  One of each command that changes something; all must go well, however often a part is killed in it.
static void
s_use (sim_t *sim, int round)
{
    char path [32], to [32];
    snprintf (path, sizeof (path), "small-%d", round);
    SIM_CHECK (sim, sim_put (sim, CLIENT, path, 3000) == FST_OK);
    snprintf (path, sizeof (path), "large-%d", round);
    SIM_CHECK (sim, sim_put (sim, CLIENT, path, 200000) == FST_OK);
    snprintf (to, sizeof (to), "moved-%d", round);
    SIM_CHECK (sim, sim_move (sim, CLIENT, path, to) == FST_OK);
    SIM_CHECK (sim, sim_put (sim, CLIENT, to, 1000) == FST_OK);
    snprintf (path, sizeof (path), "small-%d", round);
    SIM_CHECK (sim, sim_delete (sim, CLIENT, path) == FST_OK);
    SIM_CHECK (sim, sim_get (sim, CLIENT, to) == FST_OK);
}

//  Kill at the nth point, until there is no such point any more. Not each round takes as many as the others.
static void
s_sweep (uint64_t seed, int part, int nodes)
{
    sim_t *sim = sim_new (&(sim_options_t) { .seed = seed, .nodes = nodes, .clients = 1 });
    int nth = 0, kills = 0;
    sim_restart_after (sim, part, 300);
    for (int missed = 0; missed < 4; nth++) {
        sim_kill_at (sim, part, nth + 1);
        s_use (sim, nth);
        SIM_CHECK (sim, SIM_UNTIL (sim, sim_is_up (sim, part), 10000));
        sim_kill_at (sim, part, 0);
        int now = sim_saw_since (sim, "world: kill", 0);
        missed = now == kills? missed + 1: 0;
        kills = now;
    }
    SIM_CHECK (sim, kills > 20);
    fprintf (stderr, "killed at %d of %d points\n", kills, nth);
    sim_check (sim);
    sim_destroy (&sim);
}

static void
s_metadata_killed (uint64_t seed)
{
    s_sweep (seed, SIM_METADATA, 3);
}

Test (sim_restart, metadata_may_be_killed_at_every_step_of_an_upload)
{
    sim_each_seed (2, s_metadata_killed);
}

static void
s_node_killed (uint64_t seed)
{
    s_sweep (seed, SIM_NODE (1), seed % 2? 2: 3);
}

Test (sim_restart, a_node_may_be_killed_at_every_step_of_an_upload)
{
    sim_each_seed (2, s_node_killed);
}

//  ---- Load

typedef struct {
    int client, files;
} s_load_t;

static void
s_load (sim_t *sim, void *arg)
{
    s_load_t *load = arg;
    char path [32];
    for (int at = 0; at < load->files; at++) {
        snprintf (path, sizeof (path), "file-%d", at);
        sim_put (sim, load->client, path, (int64_t) sim_random (sim, 250000));
        sim_sleep (sim, (int64_t) sim_random (sim, 500));
        snprintf (path, sizeof (path), "file-%d", (int) sim_random (sim, (uint64_t) at + 1));
        sim_get (sim, load->client, path);
    }
}

static void
s_broker_restarted (uint64_t seed)
{
    sim_t *sim = sim_new (&(sim_options_t) { .seed = seed, .nodes = 3, .clients = 4 });
    s_load_t loads [4];
    for (int at = 0; at < 4; at++) {
        loads [at] = (s_load_t) { SIM_CLIENT (at + 1), 12 };
        sim_spawn (sim, s_load, &loads [at]);
    }
    for (int round = 0; round < 8 && sim_tasks (sim); round++) {
        sim_elapse (sim, 2000 + (int64_t) sim_random (sim, 2000));      //  Time to connect again
        sim_kill (sim, SIM_BROKER);
        sim_elapse (sim, (int64_t) sim_random (sim, 3000));
        SIM_CHECK (sim, sim_start (sim, SIM_BROKER) == FST_OK);
    }
    sim_check (sim);
    //  With so short gaps no command fails: the callers ask again
    SIM_CHECK (sim, sim_figure (sim, "files") == 48);
    sim_destroy (&sim);
}

Test (sim_restart, the_broker_may_be_restarted_under_load)
{
    sim_each_seed (4, s_broker_restarted);
}

static void
s_everything_restarted (uint64_t seed)
{
    sim_t *sim = sim_new (&(sim_options_t) {
        .seed = seed, .nodes = 4, .clients = 3, .lost_percent = 10, .again_percent = 10, .late_percent = 10
    });
    s_load_t loads [3];
    for (int part = SIM_BROKER; part <= SIM_NODE (4); part++)
        sim_restart_after (sim, part, 1000);
    for (int at = 0; at < 3; at++) {
        loads [at] = (s_load_t) { SIM_CLIENT (at + 1), 15 };
        sim_spawn (sim, s_load, &loads [at]);
    }
    for (int round = 0; round < 30 && sim_tasks (sim); round++) {
        int part = (int) sim_random (sim, SIM_NODE (4) + 1);
        if (part == SIM_BROKER)
            sim_kill (sim, part);
        else
            sim_kill_at (sim, part, 1 + (int) sim_random (sim, 100));
        sim_elapse (sim, (int64_t) sim_random (sim, 2000));
    }
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_restart, one_part_after_the_other_may_be_killed_under_load)
{
    sim_each_seed (6, s_everything_restarted);
}
