//  Random operations and random faults for simulated hours, then the checker: once for each seed.
//
//      any_seed SEEDS MINUTES [SETTING VALUE]...   each seed in a process of its own; FST_SEED=N runs that one

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sim.h"

#define NODES   5
#define CLIENTS 3
#define PATHS   12                  //  That a client uses at a time
#define SETTLE_MS (5 * 3600000)     //  Until no lease is open and all is compared; ends sooner if it can

typedef struct {
    int client;
    int64_t until_ms;
    int names [PATHS];              //  Place n is file-<names [n]>: another one after an answer did not come
    int next;
} s_user_t;

//  ---- What people do

static const char *
s_path (const s_user_t *user, uint64_t place, char *path)
{
    snprintf (path, 32, "file-%d", user->names [place]);
    return path;
}

//  Of no use any more if nobody knows what became of it.
static void
s_settle (sim_t *sim, s_user_t *user, uint64_t place)
{
    char path [32];
    if (!sim_is_certain (sim, user->client, s_path (user, place, path)))
        user->names [place] = user->next++;
}

static int64_t
s_size (sim_t *sim)
{
    return sim_random (sim, 3)? (int64_t) sim_random (sim, 3000): (int64_t) sim_random (sim, 500000);
}

static void
s_act (sim_t *sim, s_user_t *user)
{
    char path [32], to [32];
    uint64_t place = sim_random (sim, PATHS), other = sim_random (sim, PATHS), what = sim_random (sim, 12);
    s_path (user, place, path);
    if (what < 5)
        sim_put (sim, user->client, path, s_size (sim));
    else
    if (what < 8)
        sim_get (sim, user->client, path);
    else
    if (what < 9)
        sim_delete (sim, user->client, path);
    else
    if (what < 10)
        sim_delete_and_restore (sim, user->client, path);
    else
    if (other != place && what < 11)
        sim_copy (sim, user->client, path, s_path (user, other, to));
    else
    if (other != place)
        sim_move (sim, user->client, path, s_path (user, other, to));
    s_settle (sim, user, place);
    s_settle (sim, user, other);
}

static void
s_use (sim_t *sim, void *arg)
{
    s_user_t *user = arg;
    for (int place = 0; place < PATHS; place++)
        user->names [place] = user->next++;
    while (sim_now_ms (sim) < user->until_ms) {
        s_act (sim, user);
        sim_sleep (sim, (int64_t) sim_random (sim, sim_random (sim, 20)? 3000: 120000));
    }
}

//  ---- What happens to them

static int
s_any_part (sim_t *sim)
{
    return (int) sim_random (sim, SIM_NODE (NODES) + 1);
}

static int
s_any_actor (sim_t *sim)
{
    return SIM_METADATA + (int) sim_random (sim, NODES + 1);
}

static void
s_harm (sim_t *sim)
{
    int part = s_any_part (sim), actor = s_any_actor (sim);
    switch (sim_random (sim, 9)) {
    case 0:
        sim_restart_after (sim, part, 100 + (int64_t) sim_random (sim, sim_random (sim, 3)? 5000: 120000));
        sim_kill (sim, part);
        break;
    case 1:
    case 2:
        sim_restart_after (sim, actor, 100 + (int64_t) sim_random (sim, 10000));
        sim_kill_at (sim, actor, 1 + (int) sim_random (sim, 300));
        break;
    case 3:
        sim_cut (sim, part, actor == part? SIM_CLIENT (1): actor);
        break;
    case 4:
        sim_isolate (sim, actor);
        break;
    case 5:
        sim_pause (sim, actor, (int64_t) sim_random (sim, 90000));
        break;
    case 6:
        sim_set_wall (sim, actor, (int64_t) sim_random (sim, 1200000) - 600000);
        break;
    case 7:
        sim_set_events (sim, (int) sim_random (sim, 40), (int) sim_random (sim, 40), (int) sim_random (sim, 40));
        break;
    default:
        if (!sim_is_up (sim, actor))
            break;
        sim_stop (sim, actor);
        sim_elapse (sim, (int64_t) sim_random (sim, 60000));
        if (sim_start (sim, actor) != FST_OK)
            sim_fail (sim, __FILE__, __LINE__, "a part that was stopped in order starts again");
    }
}

static void
s_mend (sim_t *sim)
{
    int part = s_any_part (sim);
    sim_mend (sim, part);
    sim_set_wall (sim, part, 0);
    if (sim_random (sim, 4) == 0)
        for (part = 0; part <= SIM_NODE (NODES); part++)
            sim_mend (sim, part);
}

//  A disk is lost for good: the next one only when everything that was on it has two copies again, as nobody
//  promises more. *lost_p: which node's; 0: none.
static void
s_lose_disk (sim_t *sim, int *lost_p)
{
    if (!*lost_p) {
        int node = 1 + (int) sim_random (sim, NODES);
        if (!sim_is_up (sim, SIM_NODE (node)) || sim_random (sim, 12))
            return;
        sim_restart_after (sim, SIM_NODE (node), -1);
        sim_kill (sim, SIM_NODE (node));
        sim_wipe (sim, node);
        *lost_p = node;
        return;
    }
    const char *history = sim_history (sim, *lost_p), *last = strrchr (history, ' ');
    if (last && strcmp (last, " pruned") == 0 && sim_figure (sim, "extents.by_live_copies.0") == 0
    &&  sim_figure (sim, "extents.by_live_copies.1") == 0 && sim_start (sim, SIM_NODE (*lost_p)) == FST_OK)
        *lost_p = 0;
}

//  ---- One seed

static void
s_run (uint64_t seed, int minutes, const char *const *given)
{
    const char *settings [64] = { "inventory-interval", "30 min" };
    for (size_t at = 0; given [at] && at < 60; at++)
        settings [2 + at] = given [at];
    sim_t *sim = sim_new (&(sim_options_t) { .seed = seed, .nodes = NODES, .clients = CLIENTS, .settings = settings });
    s_user_t users [CLIENTS];
    int64_t until_ms = (int64_t) minutes * 60000;
    int lost = 0;
    for (int at = 0; at < CLIENTS; at++) {
        users [at] = (s_user_t) { .client = SIM_CLIENT (at + 1), .until_ms = until_ms };
        sim_spawn (sim, s_use, &users [at]);
    }
    while (sim_now_ms (sim) < until_ms) {
        sim_elapse (sim, (int64_t) sim_random (sim, sim_random (sim, 5)? 20000: 300000));
        s_harm (sim);
        s_mend (sim);
        s_lose_disk (sim, &lost);
    }
    sim_check (sim);
    sim_settle (sim, SETTLE_MS);
    sim_check (sim);
    sim_check_books (sim);
    if (getenv ("FST_SIM_TRACE"))
        fputs (sim_trace (sim), stderr);
    int puts = 0;
    for (int at = 1; at <= CLIENTS; at++) {
        char line [32];
        snprintf (line, sizeof (line), "client-%d: put", at);
        puts += sim_saw_since (sim, line, 0);
    }
    printf ("seed %llu: %d puts, %d kills, %d disks lost, digest %016llx\n", (unsigned long long) seed, puts,
            sim_saw_since (sim, "world: kill", 0), sim_saw_since (sim, "world: wipe", 0),
            (unsigned long long) sim_digest (sim));
    fflush (stdout);
    sim_destroy (&sim);
}

//  In a process of its own, so that one that fails does not end the others.
static bool
s_run_apart (uint64_t seed, int minutes, const char *const *settings)
{
    pid_t child = fork ();
    if (child == 0) {
        s_run (seed, minutes, settings);
        _exit (0);
    }
    int status = 1;
    if (child < 0 || waitpid (child, &status, 0) != child || status != 0) {
        fprintf (stderr, "FAILED: FST_SEED=%llu\n", (unsigned long long) seed);
        return false;
    }
    return true;
}

int
main (int argc, char **argv)
{
    if (argc < 3) {
        fprintf (stderr, "usage: any_seed SEEDS MINUTES [SETTING VALUE]...\n");
        return 2;
    }
    int seeds = getenv ("FST_SEED")? 1: atoi (argv [1]), failed = 0;
    uint64_t first = sim_seed ();
    for (int at = 0; at < seeds; at++)
        failed += !s_run_apart (first + (unsigned) at, atoi (argv [2]), (const char *const *) argv + 3);
    printf ("%d seeds, %d failed\n", seeds, failed);
    return failed != 0;
}
