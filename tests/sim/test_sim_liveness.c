//  Nodes that go, come back, flap, or cannot be heard: who gets data meanwhile, and what metadata says of them.

#include <criterion/criterion.h>
#include <string.h>
#include "sim.h"

#define SEEDS   4
#define CLIENT  SIM_CLIENT (1)

static sim_t *
s_world (uint64_t seed, int nodes)
{
    return sim_new (&(sim_options_t) { .seed = seed, .nodes = nodes, .clients = 2 });
}

static void
s_put_some (sim_t *sim, const char *name)
{
    char path [64];
    snprintf (path, sizeof (path), "%s-small", name);
    SIM_CHECK (sim, sim_put (sim, CLIENT, path, 2000) == FST_OK);
    snprintf (path, sizeof (path), "%s-large", name);
    SIM_CHECK (sim, sim_put (sim, CLIENT, path, 400000) == FST_OK);
}

//  The states of a node, one after the other, without what else is said of it.
static bool
s_states (sim_t *sim, int node, const char *expected)
{
    char found [1024] = "", *save = NULL;
    char *history = strdup (sim_history (sim, node));
    for (char *word = strtok_r (history, " ", &save); word; word = strtok_r (NULL, " ", &save))
        if (strcmp (word, "registered") == 0 || strcmp (word, "silent") == 0 || strcmp (word, "pruned") == 0
        ||  strcmp (word, "back") == 0) {
            strcat (found, *found? " ": "");
            strcat (found, word);
        }
    free (history);
    bool same = strcmp (found, expected) == 0;
    if (!same)
        fprintf (stderr, "node-%d: \"%s\", and it should be \"%s\"\n", node, found, expected);
    return same;
}

//  ---- One node

static void
s_node_lost (uint64_t seed)
{
    sim_t *sim = s_world (seed, 4);
    s_put_some (sim, "before");
    sim_kill (sim, SIM_NODE (2));
    int64_t lost_ms = sim_now_ms (sim);
    s_put_some (sim, "meanwhile");              //  Long before anybody says that it is gone
    SIM_CHECK (sim, sim_get (sim, CLIENT, "before-large") == FST_OK);
    SIM_CHECK (sim, sim_now_ms (sim) < lost_ms + 15000);
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_saw (sim, "node silent node=node-2"), 60000));
    SIM_CHECK (sim, sim_now_ms (sim) >= lost_ms + 15000);
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_saw (sim, "node pruned node=node-2"), 60000));
    SIM_CHECK (sim, sim_now_ms (sim) >= lost_ms + 20000 && sim_now_ms (sim) <= lost_ms + 31000);
    int64_t pruned_ms = sim_now_ms (sim);
    s_put_some (sim, "after");                  //  Nobody is sent there any more
    SIM_CHECK (sim, sim_now_ms (sim) < pruned_ms + 1000);
    SIM_CHECK (sim, s_states (sim, 2, "registered silent pruned"));
    SIM_CHECK (sim, s_states (sim, 1, "registered"));
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_liveness, a_lost_node_is_pruned_and_nobody_waits_for_that)
{
    sim_each_seed (SEEDS, s_node_lost);
}

static void
s_node_back (uint64_t seed)
{
    sim_t *sim = s_world (seed, 3);
    s_put_some (sim, "before");
    sim_kill (sim, SIM_NODE (2));
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_saw (sim, "node pruned node=node-2"), 60000));
    SIM_CHECK (sim, sim_figure (sim, "nodes.pruned") == 1);
    s_put_some (sim, "without");
    SIM_CHECK (sim, sim_start (sim, SIM_NODE (2)) == FST_OK);
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_saw (sim, "node back node=node-2"), 2000));
    SIM_CHECK (sim, sim_figure (sim, "nodes.alive") == 3);
    s_put_some (sim, "after");
    SIM_CHECK (sim, s_states (sim, 2, "registered silent pruned back"));
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_liveness, a_node_that_comes_back_counts_at_once)
{
    sim_each_seed (SEEDS, s_node_back);
}

//  Down for less than it takes to be missed, again and again: nothing is said, and nothing lost.
static void
s_flapping (uint64_t seed)
{
    sim_t *sim = s_world (seed, 3);
    char path [32];
    s_put_some (sim, "before");
    for (int round = 0; round < 12; round++) {
        sim_kill (sim, SIM_NODE (2));
        snprintf (path, sizeof (path), "round-%d", round);
        SIM_CHECK (sim, sim_put (sim, CLIENT, path, 200000) == FST_OK);
        sim_elapse (sim, 3000);
        SIM_CHECK (sim, sim_start (sim, SIM_NODE (2)) == FST_OK);
        sim_elapse (sim, 3000);
    }
    SIM_CHECK (sim, s_states (sim, 2, "registered"));
    for (int round = 0; round < 3; round++) {       //  Now missed each time, but not given up
        sim_kill (sim, SIM_NODE (2));
        SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "nodes.silent") == 1, 40000));
        SIM_CHECK (sim, sim_start (sim, SIM_NODE (2)) == FST_OK);
        SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "nodes.alive") == 3, 5000));
    }
    SIM_CHECK (sim, s_states (sim, 2, "registered silent back silent back silent back"));
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_liveness, a_flapping_node_neither_floods_the_journal_nor_loses_data)
{
    sim_each_seed (SEEDS, s_flapping);
}

//  ---- All nodes

static void
s_all_lost (uint64_t seed)
{
    sim_t *sim = s_world (seed, 3);
    s_put_some (sim, "before");
    for (int node = 1; node <= 3; node++)
        sim_kill (sim, SIM_NODE (node));
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "nodes.pruned") == 3, 60000));
    SIM_CHECK (sim, sim_put (sim, CLIENT, "nowhere", 1000) == FST_TOO_FEW_NODES);
    SIM_CHECK (sim, sim_figure (sim, "files") == 2);
    for (int node = 1; node <= 3; node++)
        SIM_CHECK (sim, sim_start (sim, SIM_NODE (node)) == FST_OK);
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "nodes.alive") == 3, 5000));
    s_put_some (sim, "after");
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_liveness, all_nodes_may_go_and_come_back)
{
    sim_each_seed (SEEDS, s_all_lost);
}

//  ---- Partitions

static void
s_client_and_node (uint64_t seed)
{
    sim_t *sim = s_world (seed, 4);
    s_put_some (sim, "before");
    if (seed % 4 < 3)
        sim_cut (sim, CLIENT, SIM_NODE (2));
    if (seed % 4 > 0)
        sim_cut (sim, SIM_NODE (2), CLIENT);
    s_put_some (sim, "cut");
    SIM_CHECK (sim, sim_get (sim, CLIENT, "before-large") == FST_OK);
    SIM_CHECK (sim, sim_put (sim, SIM_CLIENT (2), "other", 400000) == FST_OK);
    sim_elapse (sim, 60000);
    for (int node = 1; node <= 4; node++)           //  Nothing is wrong with it
        SIM_CHECK (sim, s_states (sim, node, "registered"));
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_liveness, a_client_that_cannot_reach_a_node_uses_others)
{
    sim_each_seed (SEEDS, s_client_and_node);
}

//  Cut off from the broker a node can be neither heard nor told anything; its data stay readable from others.
static void
s_node_and_broker (uint64_t seed)
{
    sim_t *sim = s_world (seed, 4);
    s_put_some (sim, "before");
    sim_cut_both (sim, SIM_NODE (3), SIM_BROKER);
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_saw (sim, "node pruned node=node-3"), 60000));
    s_put_some (sim, "cut");
    SIM_CHECK (sim, sim_get (sim, CLIENT, "before-large") == FST_OK);
    sim_mend (sim, SIM_NODE (3));
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_saw (sim, "node back node=node-3"), 30000));
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_liveness, a_node_without_a_broker_is_pruned_and_comes_back)
{
    sim_each_seed (SEEDS, s_node_and_broker);
}

//  It is heard, but hears nothing, and the other way round.
static void
s_one_way (uint64_t seed)
{
    sim_t *sim = s_world (seed, 4);
    s_put_some (sim, "before");
    sim_cut (sim, SIM_BROKER, SIM_NODE (1));
    sim_cut (sim, SIM_NODE (2), SIM_BROKER);
    sim_elapse (sim, 70000);
    SIM_CHECK (sim, s_states (sim, 1, "registered"));
    SIM_CHECK (sim, s_states (sim, 2, "registered silent pruned"));
    s_put_some (sim, "cut");
    SIM_CHECK (sim, sim_delete (sim, CLIENT, "before-large") == FST_OK);
    sim_elapse (sim, 70000);                        //  Node 1 cannot be told
    SIM_CHECK (sim, sim_is_up (sim, SIM_NODE (1)));
    sim_check (sim);
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "garbage") == 0, 60000));
    sim_destroy (&sim);
}

Test (sim_liveness, links_that_work_one_way_only_harm_nobody)
{
    sim_each_seed (SEEDS, s_one_way);
}

//  ---- Heartbeats

static void
s_disorder (uint64_t seed)
{
    sim_t *sim = s_world (seed, 3);
    s_put_some (sim, "before");
    sim_set_events (sim, 0, 40, 40);
    sim_elapse (sim, 600000);
    for (int node = 1; node <= 3; node++)
        SIM_CHECK (sim, s_states (sim, node, "registered"));
    sim_kill (sim, SIM_NODE (1));
    int64_t lost_ms = sim_now_ms (sim);
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_saw (sim, "node pruned node=node-1"), 60000));
    SIM_CHECK (sim, sim_now_ms (sim) <= lost_ms + 46000);       //  The last beat may have been 15 s late
    s_put_some (sim, "after");
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_liveness, heartbeats_may_come_twice_late_and_in_any_order)
{
    sim_each_seed (SEEDS, s_disorder);
}

//  A beat that somebody else sends, or of a node that nobody knows, changes nothing.
static void
s_wrong_beats (uint64_t seed)
{
    sim_t *sim = s_world (seed, 3);
    s_put_some (sim, "before");
    sim_elapse (sim, 11000);
    json_t *beat = json_deep_copy (sim_last_event (sim, "heartbeat.node-2"));
    sim_kill (sim, SIM_NODE (2));
    for (int round = 0; round < 10; round++) {
        sim_publish (sim, SIM_NODE (1), "heartbeat.node-1", json_deep_copy (beat));
        json_t *stranger = json_deep_copy (beat);
        json_object_set_new (stranger, "node", json_string ("node-9"));
        sim_publish (sim, SIM_NODE (1), "heartbeat.node-9", stranger);
        sim_elapse (sim, 5000);
    }
    json_decref (beat);
    SIM_CHECK (sim, s_states (sim, 2, "registered silent pruned"));
    SIM_CHECK (sim, sim_figure (sim, "nodes.alive") == 2);
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_liveness, a_beat_counts_only_for_the_node_whose_topic_it_has)
{
    sim_each_seed (SEEDS, s_wrong_beats);
}

//  ---- Clocks

//  Liveness goes by monotonic clocks: whoever sets a wall clock loses no node. What carries wall times (leases,
//  capabilities) may be refused while clocks differ, and works again when they agree.
static void
s_wall_clocks (uint64_t seed)
{
    static const int64_t jumps_ms [] = { 86400000, -86400000, 600000, -600000, 3600000 * 25 };
    sim_t *sim = s_world (seed, 3);
    char path [32];
    s_put_some (sim, "before");
    for (int round = 0; round < 5; round++) {
        int part = SIM_METADATA + (int) sim_random (sim, 4);
        sim_set_wall (sim, part, jumps_ms [round]);
        snprintf (path, sizeof (path), "while-%d", round);
        sim_put (sim, CLIENT, path, 200000);
        sim_elapse (sim, 40000);
        sim_set_wall (sim, part, 0);
        snprintf (path, sizeof (path), "after-%d", round);
        SIM_CHECK (sim, sim_put (sim, CLIENT, path, 200000) == FST_OK);
    }
    for (int node = 1; node <= 3; node++)
        SIM_CHECK (sim, s_states (sim, node, "registered"));
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_liveness, wall_clocks_may_jump)
{
    sim_each_seed (SEEDS, s_wall_clocks);
}

//  A machine that slept, or a process that was stopped: time has passed without it.
static void
s_pauses (uint64_t seed)
{
    sim_t *sim = s_world (seed, 3);
    s_put_some (sim, "before");
    sim_pause (sim, SIM_NODE (2), 100000);
    s_put_some (sim, "paused");
    sim_elapse (sim, 120000);
    SIM_CHECK (sim, s_states (sim, 2, "registered silent pruned back"));
    sim_pause (sim, SIM_METADATA, 100000);          //  It heard nobody for so long, and that is its own fault
    sim_elapse (sim, 120000);
    SIM_CHECK (sim, sim_figure (sim, "nodes.alive") == 3);
    s_put_some (sim, "after");
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_liveness, a_part_that_slept_goes_on)
{
    sim_each_seed (SEEDS, s_pauses);
}
