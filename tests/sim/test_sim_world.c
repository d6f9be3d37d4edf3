//  The simulated world itself: that it keeps what it promises to the scripts.

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "sim.h"

#define CLIENT SIM_CLIENT (1)

Test (sim_world, a_file_comes_back_as_it_was_put)
{
    sim_t *sim = sim_new (&(sim_options_t) { .seed = sim_seed (), .nodes = 3, .clients = 1 });
    SIM_CHECK (sim, sim_put (sim, CLIENT, "small", 1000) == FST_OK);
    SIM_CHECK (sim, sim_put (sim, CLIENT, "large", 300000) == FST_OK);
    SIM_CHECK (sim, sim_put (sim, CLIENT, "empty", 0) == FST_OK);
    SIM_CHECK (sim, sim_get (sim, CLIENT, "small") == FST_OK);
    SIM_CHECK (sim, sim_get (sim, CLIENT, "large") == FST_OK);
    SIM_CHECK (sim, sim_move (sim, CLIENT, "large", "moved") == FST_OK);
    SIM_CHECK (sim, sim_get (sim, CLIENT, "large") == FST_NOT_FOUND);
    SIM_CHECK (sim, sim_delete (sim, CLIENT, "small") == FST_OK);
    SIM_CHECK (sim, sim_get (sim, CLIENT, "small") == FST_NOT_FOUND);
    SIM_CHECK (sim, sim_figure (sim, "files") == 2);
    SIM_CHECK (sim, sim_get (sim, CLIENT, "moved") == FST_OK);
    sim_check (sim);
    sim_destroy (&sim);
}

//  Some of everything. The caller frees the trace.
static uint64_t
s_run (uint64_t seed, char **trace_p)
{
    sim_t *sim = sim_new (&(sim_options_t) {
        .seed = seed, .nodes = 3, .clients = 1, .again_percent = 20, .late_percent = 20, .lost_percent = 5
    });
    sim_restart_after (sim, SIM_NODE (2), 40000);
    sim_put (sim, CLIENT, "a", 300000);
    sim_kill (sim, SIM_NODE (2));
    sim_put (sim, CLIENT, "b", 300000);
    sim_elapse (sim, 60000);
    sim_restart_after (sim, SIM_METADATA, 500);
    sim_kill (sim, SIM_METADATA);
    sim_put (sim, CLIENT, "c", 5000);
    sim_check (sim);
    uint64_t digest = sim_digest (sim);
    *trace_p = strdup (sim_trace (sim));
    sim_destroy (&sim);
    return digest;
}

Test (sim_world, the_same_seed_gives_the_same_run)
{
    uint64_t seed = sim_seed ();
    char *first, *second, *other;
    uint64_t digest = s_run (seed, &first);
    cr_assert_eq (s_run (seed, &second), digest);
    cr_assert_str_eq (first, second);
    cr_assert_neq (s_run (seed + 1, &other), digest);
    cr_assert_str_neq (first, other);
    free (first);
    free (second);
    free (other);
}

Test (sim_world, time_passes_only_as_the_script_lets_it)
{
    sim_t *sim = sim_new (&(sim_options_t) { .seed = sim_seed (), .nodes = 3, .clients = 1 });
    int64_t before_ms = sim_now_ms (sim);
    sim_elapse (sim, 3600000);
    SIM_CHECK (sim, sim_now_ms (sim) == before_ms + 3600000);
    for (int node = 1; node <= 3; node++)
        cr_assert_str_eq (sim_history (sim, node), "registered");
    sim_destroy (&sim);
}

//  What was not acknowledged may go, what was stays.
Test (sim_world, a_killed_part_leaves_its_files_and_nothing_else)
{
    sim_t *sim = sim_new (&(sim_options_t) { .seed = sim_seed (), .nodes = 3, .clients = 1 });
    SIM_CHECK (sim, sim_put (sim, CLIENT, "a", 300000) == FST_OK);
    for (int part = SIM_METADATA; part <= SIM_NODE (3); part++) {
        sim_kill (sim, part);
        SIM_CHECK (sim, !sim_is_up (sim, part));
        SIM_CHECK (sim, sim_start (sim, part) == FST_OK);
    }
    sim_check (sim);
    sim_destroy (&sim);
}

//  Canaries: a check that cannot fail checks nothing.

static sim_t *
s_with_a_file (void)
{
    sim_t *sim = sim_new (&(sim_options_t) { .seed = sim_seed (), .nodes = 2, .clients = 1 });
    SIM_CHECK (sim, sim_put (sim, CLIENT, "a", 300000) == FST_OK);
    return sim;
}

Test (sim_world, the_checker_notices_a_lost_extent, .signal = SIGABRT)
{
    sim_t *sim = s_with_a_file ();
    char command [600];
    snprintf (command, sizeof (command), "find %s/extents -type f -delete", sim_folder (sim, SIM_NODE (1)));
    if (system (command) == 0)
        sim_check (sim);
}

Test (sim_world, the_checker_notices_a_lost_file, .signal = SIGABRT)
{
    sim_t *sim = s_with_a_file ();
    json_t *payload = json_pack ("{s:s}", "path", "a");
    if (sim_call (sim, CLIENT, "metadata", "DELETE_FILE", payload, NULL) == FST_OK)
        sim_check (sim);
}

Test (sim_world, the_checker_notices_a_file_that_nobody_put, .signal = SIGABRT)
{
    sim_t *sim = s_with_a_file ();
    json_t *payload = json_pack ("{s:s}", "path", "b");
    if (sim_call (sim, CLIENT, "metadata", "MAKE_FOLDER", payload, NULL) == FST_OK)
        sim_check (sim);
}
