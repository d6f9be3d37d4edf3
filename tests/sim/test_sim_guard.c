//  An older copy of metadata's database is put back: it must not make nodes delete what it does not know.

#include <criterion/criterion.h>
#include "sim.h"

#define SEEDS   4
#define CLIENT  SIM_CLIENT (1)

static sim_t *
s_world (uint64_t seed)
{
    return sim_new (&(sim_options_t) { .seed = seed, .nodes = 3, .clients = 1 });
}

//  Files that only the newer database knows, and some that only the older one has.
static void
s_fill (sim_t *sim)
{
    SIM_CHECK (sim, sim_put (sim, CLIENT, "old", 300000) == FST_OK);
    SIM_CHECK (sim, sim_put (sim, CLIENT, "old-small", 3000) == FST_OK);
    SIM_CHECK (sim, sim_put (sim, CLIENT, "gone", 300000) == FST_OK);
    sim_elapse (sim, 3000);
    sim_keep_database (sim, "older.db");
    SIM_CHECK (sim, sim_put (sim, CLIENT, "new", 300000) == FST_OK);
    SIM_CHECK (sim, sim_put (sim, CLIENT, "new-small", 3000) == FST_OK);
    SIM_CHECK (sim, sim_delete (sim, CLIENT, "gone") == FST_OK);
    sim_elapse (sim, 10000);                    //  Nodes are told how far it is
    SIM_CHECK (sim, sim_figure (sim, "garbage") == 0);
}

static void
s_put_back (sim_t *sim, const char *name)
{
    sim_kill (sim, SIM_METADATA);
    sim_restore_database (sim, name);
    SIM_CHECK (sim, sim_start (sim, SIM_METADATA) == FST_OK);
}

static bool
s_in_recovery (sim_t *sim)
{
    json_t *status = sim_status (sim);
    bool recovery = json_is_true (json_object_get (status, "recovery"));
    json_decref (status);
    return recovery;
}

//  The right database is found a day later: nothing is lost.
static void
s_older_then_newer (uint64_t seed)
{
    sim_t *sim = s_world (seed);
    s_fill (sim);
    sim_keep_database (sim, "newer.db");
    s_put_back (sim, "older.db");
    SIM_CHECK (sim, SIM_UNTIL (sim, s_in_recovery (sim), 30000));
    SIM_CHECK (sim, sim_saw_since (sim, "metadata: node recovery", 0) == 1);
    sim_elapse (sim, 2 * 3600000);
    SIM_CHECK (sim, s_in_recovery (sim));
    sim_kill (sim, SIM_METADATA);               //  Which it does not forget
    SIM_CHECK (sim, sim_start (sim, SIM_METADATA) == FST_OK);
    SIM_CHECK (sim, s_in_recovery (sim));
    SIM_CHECK (sim, sim_get (sim, CLIENT, "old") == FST_OK);
    s_put_back (sim, "newer.db");
    sim_elapse (sim, 60000);
    SIM_CHECK (sim, !s_in_recovery (sim));
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_guard, an_older_database_deletes_nothing)
{
    sim_each_seed (SEEDS, s_older_then_newer);
}

//  Nodes that were away when the older database came tell it later.
static void
s_told_late (uint64_t seed)
{
    sim_t *sim = s_world (seed);
    s_fill (sim);
    sim_keep_database (sim, "newer.db");
    for (int node = 1; node <= 3; node++)
        sim_kill (sim, SIM_NODE (node));
    s_put_back (sim, "older.db");
    sim_call (sim, CLIENT, "metadata", "DELETE_FILE", json_pack ("{s:s, s:b}", "path", "old", "forever", 1), NULL);
    sim_elapse (sim, (int64_t) sim_random (sim, 100000));
    for (int node = 1; node <= 3; node++) {
        SIM_CHECK (sim, sim_start (sim, SIM_NODE (node)) == FST_OK);
        sim_elapse (sim, (int64_t) sim_random (sim, 20000));
    }
    SIM_CHECK (sim, SIM_UNTIL (sim, s_in_recovery (sim), 30000));
    sim_elapse (sim, 3600000);
    s_put_back (sim, "newer.db");               //  It knows nothing of that deletion, and nothing was deleted
    sim_elapse (sim, 60000);
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_guard, an_older_database_is_found_out_before_anything_is_deleted)
{
    sim_each_seed (SEEDS, s_told_late);
}

//  It differs in nothing but where copies are: what it calls garbage may be in use since.
static void
s_moved (uint64_t seed)
{
    sim_t *sim = s_world (seed);
    char path [16];
    s_fill (sim);
    for (int file = 0; file < 12; file++) {     //  So many that node-1 has something
        snprintf (path, sizeof (path), "more-%d", file);
        SIM_CHECK (sim, sim_put (sim, CLIENT, path, 3000) == FST_OK);
    }
    sim_kill (sim, SIM_NODE (1));
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_saw (sim, "node repaired"), 300000));
    sim_elapse (sim, 10000);
    SIM_CHECK (sim, sim_start (sim, SIM_NODE (1)) == FST_OK);
    while (!sim_saw (sim, "node back node=node-1"))
        SIM_CHECK (sim, sim_step (sim, 600000));
    sim_keep_database (sim, "older.db");
    int64_t before_ms = sim_now_ms (sim);
    sim_elapse (sim, 3000);                     //  It is trimmed at once, or bit by bit; figures are a second old
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "repair.surplus") == 0 && sim_figure (sim, "garbage") == 0, 300000));
    sim_elapse (sim, 3000);
    SIM_CHECK (sim, sim_saw_since (sim, "metadata:", before_ms + 1) == 0);
    s_put_back (sim, "older.db");
    SIM_CHECK (sim, SIM_UNTIL (sim, s_in_recovery (sim), 30000));
    sim_elapse (sim, 60000);
    SIM_CHECK (sim, sim_call (sim, CLIENT, "metadata", "END_RECOVERY", NULL, NULL) == FST_OK);
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_guard, a_database_that_lacks_only_moves_of_copies_is_an_older_one)
{
    sim_each_seed (SEEDS, s_moved);
}

//  It still has in its trash what was purged since.
static void
s_purged (uint64_t seed)
{
    sim_t *sim = s_world (seed);
    s_fill (sim);
    SIM_CHECK (sim, sim_call (sim, CLIENT, "metadata", "DELETE_FILE", json_pack ("{s:s}", "path", "old"), NULL) == FST_OK);
    sim_forget (sim, CLIENT, "old");
    sim_elapse (sim, 3000);
    sim_keep_database (sim, "older.db");
    SIM_CHECK (sim, sim_call (sim, CLIENT, "metadata", "EMPTY_TRASH", NULL, NULL) == FST_OK);
    sim_elapse (sim, 10000);
    SIM_CHECK (sim, sim_figure (sim, "garbage") == 0);
    sim_keep_database (sim, "newer.db");
    s_put_back (sim, "older.db");
    SIM_CHECK (sim, SIM_UNTIL (sim, s_in_recovery (sim), 30000));
    s_put_back (sim, "newer.db");
    sim_elapse (sim, 60000);
    SIM_CHECK (sim, !s_in_recovery (sim));
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_guard, a_database_that_lacks_only_a_purge_is_an_older_one)
{
    sim_each_seed (SEEDS, s_purged);
}

//  An admin says that the older one counts now: its files stay, and the cluster goes on.
static void
s_ended (uint64_t seed)
{
    sim_t *sim = s_world (seed);
    s_fill (sim);
    s_put_back (sim, "older.db");
    SIM_CHECK (sim, SIM_UNTIL (sim, s_in_recovery (sim), 30000));
    SIM_CHECK (sim, sim_put (sim, CLIENT, "meanwhile", 300000) == FST_OK);
    SIM_CHECK (sim, sim_call (sim, CLIENT, "metadata", "END_RECOVERY", NULL, NULL) == FST_OK);
    SIM_CHECK (sim, !s_in_recovery (sim));
    sim_forget (sim, CLIENT, "new");
    sim_forget (sim, CLIENT, "new-small");
    sim_forget (sim, CLIENT, "gone");
    SIM_CHECK (sim, sim_put (sim, CLIENT, "after", 300000) == FST_OK);
    SIM_CHECK (sim, sim_delete (sim, CLIENT, "meanwhile") == FST_OK);
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "garbage") == 0, 60000));
    SIM_CHECK (sim, !s_in_recovery (sim));
    SIM_CHECK (sim, sim_get (sim, CLIENT, "old") == FST_OK);
    SIM_CHECK (sim, sim_get (sim, CLIENT, "old-small") == FST_OK);
    sim_destroy (&sim);
}

Test (sim_guard, an_admin_ends_recovery)
{
    sim_each_seed (SEEDS, s_ended);
}

//  kill -9 of the one and only database, again and again, is no older copy.
static void
s_false_alarm (uint64_t seed)
{
    sim_t *sim = s_world (seed);
    char path [32];
    sim_restart_after (sim, SIM_METADATA, 200);
    for (int round = 0; round < 20; round++) {
        sim_kill_at (sim, SIM_METADATA, 1 + (int) sim_random (sim, 40));
        snprintf (path, sizeof (path), "file-%d", round);
        SIM_CHECK (sim, sim_put (sim, CLIENT, path, 3000) == FST_OK);
        sim_elapse (sim, (int64_t) sim_random (sim, 3000));
        SIM_CHECK (sim, sim_delete (sim, CLIENT, path) == FST_OK);
    }
    sim_elapse (sim, 60000);
    SIM_CHECK (sim, !s_in_recovery (sim));
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "garbage") == 0, 60000));
    sim_check (sim);
    sim_destroy (&sim);
}

Test (sim_guard, a_crash_is_no_older_database)
{
    sim_each_seed (SEEDS, s_false_alarm);
}
