//  admin scrub: let storage nodes read everything they hold, now.

#include <czmq.h>
#include <inttypes.h>
#include "cli.h"
#include "fst_clock.h"
#include "fst_text.h"

#define LOOK_MS     300             //  How often it is looked how far it is
#define SETTLE_MS   1500            //  Figures of metadata may be a second old
#define PATIENCE_MS 10000           //  Repair, or a scrub, did not go on for so long
#define NODES_MAX   64

typedef struct {
    char name [65];
    int64_t bytes;                  //  That it holds, by the books
    int64_t rounds;                 //  That it had finished before
    int64_t percent;
    bool done;
    int64_t fast_ms;                //  When it was last seen at it
} s_node_t;

typedef struct {
    cli_t *cli;
    s_node_t nodes [NODES_MAX];
    size_t count;
    int64_t damaged;                //  Before
} s_scrub_t;

static int64_t
s_number (json_t *object, const char *name)
{
    return json_integer_value (json_object_get (object, name));
}

static fst_rc_t
s_look_at (s_scrub_t *self, s_node_t *node, bool before)
{
    char service [80];
    json_t *reply = NULL;
    snprintf (service, sizeof (service), "storage.%s", node->name);
    fst_rc_t rc = cli_store_failed (self->cli, filestore_call (self->cli->store, service, "STATUS", NULL, &reply));
    if (rc != FST_OK)
        return rc;
    json_t *scrub = json_object_get (reply, "scrub");
    if (before)
        node->rounds = s_number (scrub, "rounds");
    node->done = s_number (scrub, "rounds") > node->rounds;
    node->percent = node->done? 100: s_number (scrub, "percent");
    if (before || node->done || json_is_true (json_object_get (scrub, "fast")))
        node->fast_ms = fst_clock_mono_ms ();
    json_decref (reply);
    if (fst_clock_mono_ms () - node->fast_ms > PATIENCE_MS)
        return cli_fail (self->cli, FST_UNAVAILABLE, "%s does not scrub: somebody ended it, or it could not begin; see the logs",
                         node->name);
    return FST_OK;
}

//  Which nodes it is about, and how they stand before.
static fst_rc_t
s_prepare (s_scrub_t *self, const char *name)
{
    json_t *reply = NULL, *row;
    size_t at;
    fst_rc_t rc = cli_store_failed (self->cli, filestore_nodes (self->cli->store, &reply));
    if (rc != FST_OK)
        return rc;
    json_array_foreach (json_object_get (reply, "nodes"), at, row) {
        const char *of = json_string_value (json_object_get (row, "node"));
        if ((name? !streq (of, name): !streq (json_string_value (json_object_get (row, "state")), "alive"))
        ||  self->count == NODES_MAX || rc != FST_OK)
            continue;
        s_node_t *node = &self->nodes [self->count++];
        snprintf (node->name, sizeof (node->name), "%s", of);
        node->bytes = s_number (row, "bytes");
        rc = s_look_at (self, node, true);
    }
    json_decref (reply);
    return rc;
}

static fst_rc_t
s_read_status (s_scrub_t *self, int64_t *damaged_p, int64_t *left_p)
{
    json_t *status = NULL;
    fst_rc_t rc = cli_store_failed (self->cli, filestore_status (self->cli->store, &status));
    if (rc != FST_OK)
        return rc;
    json_t *repair = json_object_get (status, "repair");
    *damaged_p = s_number (status, "damaged");
    *left_p = s_number (repair, "extents") + s_number (repair, "lost");
    json_decref (status);
    return FST_OK;
}

static fst_rc_t
s_wait (s_scrub_t *self)
{
    cli_progress_t progress;
    int64_t total = 0, done = 0;
    bool all = false;
    fst_rc_t rc = FST_OK;
    for (size_t at = 0; at < self->count; at++)
        total += self->nodes [at].bytes;
    cli_progress_start (&progress, total);
    while (!all && rc == FST_OK) {
        zclock_sleep (LOOK_MS);
        all = true;
        done = 0;
        for (size_t at = 0; at < self->count && rc == FST_OK; at++) {
            if (!self->nodes [at].done)
                rc = s_look_at (self, &self->nodes [at], false);
            all &= self->nodes [at].done;
            done += self->nodes [at].bytes / 100 * self->nodes [at].percent;
        }
        if (!cli_progress (&progress, done, total))
            rc = cli_fail (self->cli, FST_INTERRUPTED, "the scrub goes on; end it with --stop");
    }
    cli_progress_end (&progress);
    return rc;
}

//  Until what was found is repaired, or that does not go on.
static fst_rc_t
s_settle (s_scrub_t *self, int64_t *damaged_p, int64_t *left_p)
{
    int64_t least = INT64_MAX, patience_ms = fst_clock_mono_ms () + PATIENCE_MS;
    zclock_sleep (SETTLE_MS);
    fst_rc_t rc = s_read_status (self, damaged_p, left_p);
    while (rc == FST_OK && *damaged_p > self->damaged && *left_p && fst_clock_mono_ms () < patience_ms) {
        if (*left_p < least) {
            least = *left_p;
            patience_ms = fst_clock_mono_ms () + PATIENCE_MS;
        }
        zclock_sleep (LOOK_MS);
        if (cli_interrupted ())
            return FST_OK;
        rc = s_read_status (self, damaged_p, left_p);
    }
    *damaged_p -= self->damaged;
    return rc;
}

static void
s_print (s_scrub_t *self, int64_t damaged, int64_t left)
{
    char size [32];
    int64_t bytes = 0, missed = left < damaged? left: damaged;
    for (size_t at = 0; at < self->count; at++)
        bytes += self->nodes [at].bytes;
    if (self->cli->given [CLI_JSON]) {
        json_t *nodes = json_array ();
        for (size_t at = 0; at < self->count; at++)
            json_array_append_new (nodes, json_pack ("{s:s, s:I}", "id", self->nodes [at].name,
                                                     "bytes", (json_int_t) self->nodes [at].bytes));
        cli_print_json (json_pack ("{s:o, s:I, s:I, s:I}", "nodes", nodes, "bytes", (json_int_t) bytes,
                                   "damaged", (json_int_t) damaged, "repaired", (json_int_t) (damaged - missed)));
        return;
    }
    printf ("%zu storage node%s read all they hold, %s\n", self->count, self->count == 1? "": "s",
            fst_size_text (bytes, size, sizeof (size)));
    if (!damaged)
        printf ("nothing is damaged or missing\n");
    else
        printf ("%" PRId64 " %s damaged or missing, %" PRId64 " repaired%s\n", damaged,
                damaged == 1? "extent was": "extents were", damaged - missed, missed? "; see filestore status": "");
}

fst_rc_t
cli_admin_scrub (cli_t *self, int count, char **operands)
{
    const char *name = count? operands [0]: NULL;
    bool stop = self->given [CLI_STOP];
    s_scrub_t *scrub = calloc (1, sizeof (*scrub));
    assert (scrub);
    scrub->cli = self;
    int64_t damaged = 0, left = 0;
    fst_rc_t rc = cli_connect (self, true);
    if (rc == FST_OK && !stop)
        rc = s_prepare (scrub, name);
    if (rc == FST_OK && !stop)
        rc = s_read_status (scrub, &scrub->damaged, &left);
    json_t *payload = json_pack ("{s:b}", "stop", (int) stop), *reply = NULL;
    if (name)
        json_object_set_new (payload, "node", json_string (name));
    if (rc == FST_OK)
        rc = cli_store_failed (self, filestore_call (self->store, "metadata", "SCRUB", json_incref (payload), &reply));
    json_decref (payload);
    if (rc == FST_OK && !stop && !self->given [CLI_NO_WAIT]) {
        rc = s_wait (scrub);
        if (rc == FST_OK)
            rc = s_settle (scrub, &damaged, &left);
        if (rc == FST_OK)
            s_print (scrub, damaged, left);
    }
    else
    if (rc == FST_OK && self->given [CLI_JSON])
        cli_print_json (json_incref (reply));
    else
    if (rc == FST_OK)
        printf (stop? "the scrub goes on slowly, as always\n": "the scrub has begun; filestore status counts what it finds\n");
    json_decref (reply);
    free (scrub);
    return rc;
}
