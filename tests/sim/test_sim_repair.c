//  Copies that are lost come back, those that are too many go, and no acknowledged file is ever in danger.

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <unistd.h>
#include "sim.h"

#define SEEDS       2
#define CLIENT      SIM_CLIENT (1)
#define MINUTE      60000
#define REPAIR_MS   (3 * MINUTE)        //  Prune time, and far more than these few files take
#define SETTLE_MS   (30 * MINUTE)

static sim_t *
s_world (uint64_t seed, int nodes)
{
    return sim_new (&(sim_options_t) { .seed = seed, .nodes = nodes, .clients = 1 });
}

static void
s_fill (sim_t *sim, const char *name)
{
    char path [64];
    for (int at = 0; at < 4; at++) {
        snprintf (path, sizeof (path), "%s-large-%d", name, at);
        SIM_CHECK (sim, sim_put (sim, CLIENT, path, 100000 + (int64_t) sim_random (sim, 400000)) == FST_OK);
        snprintf (path, sizeof (path), "%s-small-%d", name, at);
        SIM_CHECK (sim, sim_put (sim, CLIENT, path, (int64_t) sim_random (sim, 60000) + 1) == FST_OK);
    }
}

//  All extents have as many live copies as they should have, with the nodes that are there.
static bool
s_is_whole (sim_t *sim)
{
    int64_t total = sim_figure (sim, "extents.total");
    return total > 0 && sim_figure (sim, "extents.by_live_copies.0") == 0
        && sim_figure (sim, "extents.by_live_copies.1") == 0 && sim_figure (sim, "repair.extents") == 0;
}

static void
s_lose (sim_t *sim, int node)
{
    sim_kill (sim, SIM_NODE (node));
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "nodes.pruned") > 0, 2 * MINUTE));
}

//  ---- Nodes are lost

static void
s_two_lost (uint64_t seed)
{
    sim_t *sim = s_world (seed, 4);
    s_fill (sim, "before");
    int first = 1 + (int) sim_random (sim, 4), second = first % 4 + 1;
    s_lose (sim, first);
    SIM_CHECK (sim, SIM_UNTIL (sim, s_is_whole (sim), REPAIR_MS));
    s_fill (sim, "between");
    sim_kill (sim, SIM_NODE (second));
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "nodes.pruned") == 2, 2 * MINUTE));
    SIM_CHECK (sim, SIM_UNTIL (sim, s_is_whole (sim), REPAIR_MS));
    SIM_CHECK (sim, sim_saw (sim, "node repaired"));
    for (int at = 0; at < 4; at++) {        //  With half of the nodes gone
        char path [64];
        snprintf (path, sizeof (path), "before-large-%d", at);
        SIM_CHECK (sim, sim_get (sim, CLIENT, path) == FST_OK);
        snprintf (path, sizeof (path), "between-small-%d", at);
        SIM_CHECK (sim, sim_get (sim, CLIENT, path) == FST_OK);
    }
    s_fill (sim, "after");
    sim_settle (sim, SETTLE_MS);            //  They come back: what is too much goes
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_repair, two_nodes_lost_one_after_the_other_lose_nothing)
{
    sim_each_seed (SEEDS, s_two_lost);
}

//  Its disk is lost as well.
static void
s_disk_lost (uint64_t seed)
{
    sim_t *sim = s_world (seed, 4);
    s_fill (sim, "before");
    sim_kill (sim, SIM_NODE (2));
    sim_wipe (sim, 2);
    if (seed % 2)
        SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "nodes.pruned") == 1, 2 * MINUTE));
    SIM_CHECK (sim, sim_start (sim, SIM_NODE (2)) == FST_OK);
    SIM_CHECK (sim, sim_get (sim, CLIENT, "before-large-1") == FST_OK);
    sim_settle (sim, 2 * SETTLE_MS);
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_repair, a_node_that_comes_back_empty_is_filled_again)
{
    sim_each_seed (SEEDS, s_disk_lost);
}

//  Files are deleted and put while a node is away: it comes back with garbage, and without what it missed.
static void
s_back_with_garbage (uint64_t seed)
{
    sim_t *sim = s_world (seed, 3);
    s_fill (sim, "before");
    s_lose (sim, 1);
    SIM_CHECK (sim, sim_delete (sim, CLIENT, "before-large-0") == FST_OK);
    SIM_CHECK (sim, sim_delete (sim, CLIENT, "before-small-1") == FST_OK);
    SIM_CHECK (sim, sim_put (sim, CLIENT, "before-large-2", 200000) == FST_OK);
    sim_elapse (sim, (int64_t) sim_random (sim, 10 * MINUTE));
    sim_settle (sim, SETTLE_MS);
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_repair, a_node_that_comes_back_keeps_nothing_that_nobody_needs)
{
    sim_each_seed (SEEDS, s_back_with_garbage);
}

static void
s_flapping (uint64_t seed)
{
    sim_t *sim = s_world (seed, 4);
    s_fill (sim, "before");
    for (int round = 0; round < 6; round++) {
        s_lose (sim, 1 + round % 4);
        sim_elapse (sim, (int64_t) sim_random (sim, 2000));       //  In the middle of the repair
        SIM_CHECK (sim, sim_start (sim, SIM_NODE (1 + round % 4)) == FST_OK);
        sim_elapse (sim, (int64_t) sim_random (sim, 5000));
    }
    s_fill (sim, "after");
    sim_settle (sim, SETTLE_MS);
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_repair, nodes_that_flap_leave_neither_too_few_copies_nor_too_many)
{
    sim_each_seed (SEEDS, s_flapping);
}

//  ---- Whoever repairs is killed as well

static void
s_killed_in_repair (uint64_t seed, int part)
{
    sim_t *sim = s_world (seed, 4);
    s_fill (sim, "before");
    sim_restart_after (sim, part, 500);
    for (int round = 0; round < 8; round++) {
        int lost = part == SIM_NODE (2)? 1: 2;
        sim_kill (sim, SIM_NODE (lost));
        SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "nodes.pruned") == 1, 2 * MINUTE));
        sim_kill_at (sim, part, 1 + 13 * round + (int) sim_random (sim, 13));
        SIM_CHECK (sim, SIM_UNTIL (sim, sim_is_up (sim, part) && s_is_whole (sim), REPAIR_MS));
        sim_kill_at (sim, part, 0);
        SIM_CHECK (sim, SIM_UNTIL (sim, sim_is_up (sim, part), MINUTE));
        SIM_CHECK (sim, sim_start (sim, SIM_NODE (lost)) == FST_OK);
        sim_elapse (sim, 2 * MINUTE);
    }
    sim_settle (sim, SETTLE_MS);
    sim_check (sim);
    sim_destroy (&sim);
}

static void
s_metadata_killed (uint64_t seed)
{
    s_killed_in_repair (seed, SIM_METADATA);
}

Test (sim_repair, metadata_may_be_killed_in_a_repair)
{
    sim_each_seed (2, s_metadata_killed);
}

static void
s_target_killed (uint64_t seed)
{
    s_killed_in_repair (seed, SIM_NODE (2));
}

Test (sim_repair, a_node_may_be_killed_in_a_repair)
{
    sim_each_seed (2, s_target_killed);
}

//  ---- Receipts

static void
s_put_long (sim_t *sim, void *arg)
{
    (void) arg;
    SIM_CHECK (sim, sim_put (sim, CLIENT, "long", 3000000) == FST_OK);
}

static size_t
s_sealed (sim_t *sim, int node)
{
    char pattern [400];
    glob_t found;
    snprintf (pattern, sizeof (pattern), "%s/extents/*/*[0-9]", sim_folder (sim, SIM_NODE (node)));
    if (glob (pattern, 0, NULL, &found) != 0)
        return 0;
    size_t count = found.gl_pathc;
    globfree (&found);
    return count;
}

//  A disk is emptied after it sealed some of an upload, whose commit brings its receipts. The daily inventory is far away.
static void
s_emptied_in_upload (uint64_t seed)
{
    sim_t *sim = s_world (seed, 4);
    int node = 1 + (int) sim_random (sim, 4);
    sim_elapse (sim, 60000);
    sim_spawn (sim, s_put_long, NULL);
    while (s_sealed (sim, node) < 3)
        SIM_CHECK (sim, sim_step (sim, MINUTE * 2));
    sim_kill (sim, SIM_NODE (node));
    sim_wipe (sim, node);
    SIM_CHECK (sim, sim_start (sim, SIM_NODE (node)) == FST_OK);
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_tasks (sim) == 0, 2 * MINUTE));
    sim_settle (sim, SETTLE_MS);
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_repair, a_receipt_of_a_disk_that_was_emptied_since_counts_for_nothing)
{
    sim_each_seed (4, s_emptied_in_upload);
}

//  ---- What nobody finishes

//  The beginning of a copy, of which nobody knows any more: the extent found another place, or its file was deleted.
static void
s_unfinished (uint64_t seed)
{
    static const char *const settings [] = { "quarantine-time", "4 h", NULL };
    sim_t *sim = sim_new (&(sim_options_t) { .seed = seed, .nodes = 3, .clients = 1, .settings = settings });
    char filename [400];
    snprintf (filename, sizeof (filename), "%s/extents/ab/abababababababababababababababab-3.open",
              sim_folder (sim, SIM_NODE (2)));
    FILE *file = fopen (filename, "w");
    SIM_CHECK (sim, file);
    fputs ("a part of a record", file);
    fclose (file);
    sim_elapse (sim, 120 * MINUTE);
    sim_kill (sim, SIM_NODE (2));
    SIM_CHECK (sim, sim_start (sim, SIM_NODE (2)) == FST_OK);
    sim_elapse (sim, 60 * MINUTE);
    SIM_CHECK (sim, access (filename, F_OK) == 0);
    sim_elapse (sim, 150 * MINUTE);
    SIM_CHECK (sim, access (filename, F_OK) != 0);
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_repair, what_nobody_finishes_goes_in_time)
{
    sim_each_seed (1, s_unfinished);
}

//  ---- Rot

//  Turn some octets of an extent file of a node to others; 0: it has none.
static size_t
s_damage (sim_t *sim, int node)
{
    char pattern [400];
    glob_t found;
    snprintf (pattern, sizeof (pattern), "%s/extents/*/*", sim_folder (sim, SIM_NODE (node)));
    if (glob (pattern, 0, NULL, &found) != 0)
        return 0;
    size_t count = found.gl_pathc;
    FILE *file = fopen (found.gl_pathv [sim_random (sim, count)], "r+b");
    SIM_CHECK (sim, file);
    fseek (file, 0, SEEK_END);
    fseek (file, (long) sim_random (sim, (uint64_t) ftell (file) - 8), SEEK_SET);
    uint64_t noise = sim_random (sim, UINT64_MAX) | 1;
    fwrite (&noise, sizeof (noise), 1, file);
    fclose (file);
    globfree (&found);
    return count;
}

static void
s_rotten (uint64_t seed)
{
    sim_t *sim = s_world (seed, 3);
    int rotten = 1 + (int) sim_random (sim, 3), damaged = 0;
    s_fill (sim, "before");
    for (int round = 0; round < 3; round++)
        damaged += s_damage (sim, rotten) > 0;
    SIM_CHECK (sim, damaged);
    for (int at = 0; at < 4; at++) {
        char path [64];
        snprintf (path, sizeof (path), "before-large-%d", at);
        SIM_CHECK (sim, sim_get (sim, CLIENT, path) == FST_OK);        //  Never a wrong octet
    }
    SIM_CHECK (sim, sim_call (sim, CLIENT, "metadata", "SCRUB", NULL, NULL) == FST_OK);
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "damaged") > 0, SETTLE_MS));
    sim_elapse (sim, MINUTE);
    sim_settle (sim, SETTLE_MS);
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_repair, rot_on_one_node_is_never_read_and_is_repaired)
{
    sim_each_seed (SEEDS, s_rotten);
}

//  ---- Draining

static void
s_drained (uint64_t seed)
{
    sim_t *sim = s_world (seed, 4);
    s_fill (sim, "before");
    SIM_CHECK (sim, sim_call (sim, CLIENT, "metadata", "DRAIN", json_pack ("{s:s, s:b}", "node", "node-3", "drain", 1),
                              NULL) == FST_OK);
    while (!sim_saw (sim, "node drained node=node-3")) {
        SIM_CHECK (sim, sim_figure (sim, "extents.by_live_copies.1") == 0);         //  Never fewer
        SIM_CHECK (sim, sim_now_ms (sim) < SETTLE_MS);
        sim_elapse (sim, 1000);
    }
    s_fill (sim, "after");
    sim_kill (sim, SIM_NODE (3));
    sim_wipe (sim, 3);                          //  It is not needed any more
    sim_elapse (sim, 2 * MINUTE);
    SIM_CHECK (sim, s_is_whole (sim));
    for (int at = 0; at < 4; at++) {
        char path [64];
        snprintf (path, sizeof (path), "before-large-%d", at);
        SIM_CHECK (sim, sim_get (sim, CLIENT, path) == FST_OK);
    }
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_repair, a_drained_node_is_not_needed_any_more)
{
    sim_each_seed (SEEDS, s_drained);
}
