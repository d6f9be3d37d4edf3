//  The checker: what was asked for, what was acknowledged, and whether the store agrees.
//
//  A path has a state that is known (the last change that was acknowledged) and changes of which nobody knows whether
//  they happened, as no answer came. A client that got no answer leaves the path alone; any of these contents is right
//  then, and for one that is known only that one.

#include "sim_world.h"
#include <assert.h>
#include <xxhash.h>
#include "fst_catalog.h"

#define VARIANTS_MAX 8

//  A content: made up from its number. bytes -1: there is no such file.
typedef struct {
    uint64_t number;
    int64_t bytes;
} s_content_t;

typedef struct {
    int client;
    char *path;
    s_content_t known;
    s_content_t maybe [VARIANTS_MAX];
    size_t maybe_count;
    bool forgotten;
} s_path_t;

//  A change that was not settled.
typedef struct {
    uint64_t number;
    s_path_t *to, *from;            //  from: a rename
    s_content_t content;
} s_change_t;

struct sim_checker {
    sim_t *sim;
    zlist_t *paths, *changes;
    uint64_t numbers;
};

static const s_content_t s_nothing = { 0, -1 };

sim_checker_t *
sim_checker_new (sim_t *sim)
{
    sim_checker_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->sim = sim;
    self->paths = zlist_new ();
    self->changes = zlist_new ();
    return self;
}

void
sim_checker_destroy (sim_checker_t **self_p)
{
    sim_checker_t *self = *self_p;
    for (s_path_t *path; (path = zlist_pop (self->paths)); free (path))
        free (path->path);
    for (s_change_t *change; (change = zlist_pop (self->changes)); )
        free (change);
    zlist_destroy (&self->paths);
    zlist_destroy (&self->changes);
    free (self);
    *self_p = NULL;
}

static s_path_t *
s_path (sim_checker_t *self, int client, const char *name)
{
    s_path_t *path = zlist_first (self->paths);
    while (path && (path->client != client || !streq (path->path, name)))
        path = zlist_next (self->paths);
    if (!path) {
        path = calloc (1, sizeof (*path));
        assert (path);
        path->client = client;
        path->path = strdup (name);
        path->known = s_nothing;
        zlist_append (self->paths, path);
    }
    return path;
}

static void
s_may_be (s_path_t *path, s_content_t content)
{
    assert (path->maybe_count < VARIANTS_MAX);
    path->maybe [path->maybe_count++] = content;
}

static void
s_is_not (s_path_t *path, s_content_t content)
{
    for (size_t at = 0; at < path->maybe_count; at++)
        if (path->maybe [at].number == content.number && path->maybe [at].bytes == content.bytes) {
            path->maybe [at] = path->maybe [--path->maybe_count];
            return;
        }
}

static uint64_t
s_begin (sim_checker_t *self, s_path_t *to, s_path_t *from, s_content_t content)
{
    s_change_t *change = calloc (1, sizeof (*change));
    assert (change);
    *change = (s_change_t) { ++self->numbers, to, from, content };
    zlist_append (self->changes, change);
    s_may_be (to, content);
    if (from)
        s_may_be (from, s_nothing);
    return change->number;
}

uint64_t
sim_checker_begin (sim_checker_t *self, int client, const char *path, int64_t bytes)
{
    s_content_t content = { bytes < 0? 0: self->numbers + 1, bytes };
    return s_begin (self, s_path (self, client, path), NULL, content);
}

uint64_t
sim_checker_begin_move (sim_checker_t *self, int client, const char *from, const char *to)
{
    s_path_t *source = s_path (self, client, from);
    assert (!source->maybe_count);
    return s_begin (self, s_path (self, client, to), source, source->known);
}

uint64_t
sim_checker_begin_copy (sim_checker_t *self, int client, const char *from, const char *to)
{
    s_path_t *source = s_path (self, client, from);
    assert (!source->maybe_count);
    return s_begin (self, s_path (self, client, to), NULL, source->known);
}

static s_change_t *
s_change (sim_checker_t *self, uint64_t number)
{
    s_change_t *change = zlist_first (self->changes);
    while (change && change->number != number)
        change = zlist_next (self->changes);
    assert (change);
    return change;
}

static void
s_end (sim_checker_t *self, s_change_t *change)
{
    s_is_not (change->to, change->content);
    if (change->from)
        s_is_not (change->from, s_nothing);
    zlist_remove (self->changes, change);
    free (change);
}

void
sim_checker_done (sim_checker_t *self, uint64_t number)
{
    s_change_t *change = s_change (self, number);
    change->to->known = change->content;
    if (change->from)
        change->from->known = s_nothing;
    s_end (self, change);
}

void
sim_checker_refused (sim_checker_t *self, uint64_t number)
{
    s_end (self, s_change (self, number));
}

//  ---- Contents

static void
s_fill (const sim_checker_t *self, const s_content_t *content, uint8_t *data)
{
    uint64_t state = self->sim->options.seed ^ content->number << 32;
    for (int64_t at = 0; at < content->bytes; at += 8) {
        uint64_t value = sim_next_random (&state);
        memcpy (data + at, &value, content->bytes - at < 8? (size_t) (content->bytes - at): 8);
    }
}

void
sim_checker_fill (sim_checker_t *self, uint64_t number, uint8_t *data)
{
    s_fill (self, &s_change (self, number)->content, data);
}

static bool
s_equal (const sim_checker_t *self, const s_content_t *content, const uint8_t *data, int64_t bytes)
{
    if (!data || content->bytes < 0)
        return !data && content->bytes < 0;
    if (content->bytes != bytes)
        return false;
    uint8_t *right = malloc ((size_t) bytes + 1);
    assert (right);
    s_fill (self, content, right);
    bool equal = memcmp (right, data, (size_t) bytes) == 0;
    free (right);
    return equal;
}

bool
sim_checker_right (sim_checker_t *self, int client, const char *name, const uint8_t *data, int64_t bytes)
{
    s_path_t *path = s_path (self, client, name);
    if (path->forgotten || s_equal (self, &path->known, data, bytes))
        return true;
    for (size_t at = 0; at < path->maybe_count; at++)
        if (s_equal (self, &path->maybe [at], data, bytes))
            return true;
    return false;
}

void
sim_forget (sim_t *sim, int client, const char *name)
{
    s_path (sim->checker, client, name)->forgotten = true;
}

bool
sim_is_certain (sim_t *sim, int client, const char *name)
{
    return s_path (sim->checker, client, name)->maybe_count == 0;
}

//  ---- At the end

static void
s_wrong (sim_checker_t *self, const s_path_t *path, const char *what)
{
    char text [400];
    snprintf (text, sizeof (text), "%s of %s: %s", path->path, self->sim->parts [path->client].name, what);
    sim_fail (self->sim, __FILE__, __LINE__, text);
}

static void
s_check_path (sim_checker_t *self, const s_path_t *path)
{
    uint8_t *data = NULL;
    int64_t bytes = 0, until_ms = self->sim->now_ms + 30000;
    char why [256];
    fst_rc_t rc;
    bool known;                             //  What metadata says of it; a node may still be compared with the books
    do {
        rc = sim_read (self->sim, path->client, path->path, true, &data, &bytes, why, sizeof (why));
        known = rc == FST_OK || (rc == FST_NOT_FOUND && streq (why, "GET_FILE_INFO"));
        if (!known)
            sim_sleep (self->sim, 1000);
    } while (!known && self->sim->now_ms < until_ms);
    if (!known)
        s_wrong (self, path, why);
    if (!sim_checker_right (self, path->client, path->path, rc == FST_OK? data: NULL, bytes))
        s_wrong (self, path, rc == FST_OK? "it has another content than it should": "it is gone");
    if (rc == FST_OK)
        free (data);
}

//  Names that nobody has put there.
static void
s_check_names (sim_checker_t *self, int client)
{
    json_t *reply = NULL, *name;
    char home [64];
    snprintf (home, sizeof (home), "/users/%s", self->sim->parts [client].name);
    fst_rc_t rc = sim_call (self->sim, client, "metadata", "LIST_FILES",
                            json_pack ("{s:s, s:i}", "path", home, "limit", 10000), &reply);
    SIM_CHECK (self->sim, rc == FST_OK);
    size_t at;
    json_array_foreach (json_object_get (reply, "names"), at, name) {
        s_path_t *path = s_path (self, client, json_string_value (name));
        if (path->known.bytes < 0 && path->maybe_count == 0 && !path->forgotten)
            s_wrong (self, path, "it is listed, and nobody has put it there");
    }
    json_decref (reply);
}

//  No trouble any more.
static void
s_mend_all (sim_t *sim)
{
    for (int index = 0; index < SIM_PARTS; index++) {
        sim_mend (sim, index);
        sim_kill_at (sim, index, 0);
        sim_set_wall (sim, index, 0);
    }
    sim_set_events (sim, 0, 0, 0);
    for (int index = 0; index < SIM_PARTS; index++)
        if (sim->parts [index].paused_until_ms > sim->now_ms)
            sim_elapse (sim, sim->parts [index].paused_until_ms - sim->now_ms);
    for (int index = 0; index <= SIM_METADATA + sim->options.nodes; index++)
        SIM_CHECK (sim, sim_start (sim, index) == FST_OK);
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_tasks (sim) == 0, 300000));
    SIM_CHECK (sim, SIM_UNTIL (sim, sim_figure (sim, "nodes.alive") == sim->options.nodes, 60000));
}

void
sim_check (sim_t *sim)
{
    sim_checker_t *self = sim->checker;
    s_mend_all (sim);
    for (s_path_t *path = zlist_first (self->paths); path; path = zlist_next (self->paths)) {
        s_check_path (self, path);
        for (s_path_t *at = zlist_first (self->paths); at != path; at = zlist_next (self->paths))
            ;                               //  The cursor was moved: back to where it was
    }
    for (int client = 1; client <= sim->options.clients; client++)
        s_check_names (self, SIM_CLIENT (client));
}

void
sim_check_books (sim_t *sim)
{
    char filename [600], *problem = NULL, wrong [256] = "";
    fst_catalog_t *catalog = NULL;
    sim_stop (sim, SIM_METADATA);
    snprintf (filename, sizeof (filename), "%s/metadata.db", sim_folder (sim, SIM_METADATA));
    fst_rc_t rc = fst_catalog_open (filename, &catalog, &problem);
    if (rc == FST_OK)
        rc = fst_catalog_check (catalog, wrong, sizeof (wrong));
    if (rc != FST_OK)
        sim_fail (sim, __FILE__, __LINE__, problem? problem: wrong);
    fst_catalog_destroy (&catalog);
    SIM_CHECK (sim, sim_start (sim, SIM_METADATA) == FST_OK);
}

//  What all nodes hold. Not what is open: a PULL that did not come to its end leaves it for the next one, and there may
//  be none (docs/DISK.md).
static bool
s_held (sim_t *sim, int64_t *sealed_p)
{
    *sealed_p = 0;
    for (int node = 1; node <= sim->options.nodes; node++) {
        char service [32];
        json_t *reply = NULL;
        snprintf (service, sizeof (service), "storage.node-%d", node);
        if (sim_call (sim, SIM_CLIENT (1), service, "STATUS", NULL, &reply) != FST_OK)
            return false;
        *sealed_p += json_integer_value (json_object_get (reply, "extents"))
                   + json_integer_value (json_object_get (reply, "small"));
        json_decref (reply);
    }
    return true;
}

//  "" if all is as it should be, else what is not.
static const char *
s_unsettled (sim_t *sim)
{
    static char why [200];
    json_t *status = sim_status (sim), *copies;
    int64_t sealed, wanted = 2 * sim_figure (sim, "extents.total");
    if (!status || !s_held (sim, &sealed))
        return "no answer";
    why [0] = 0;
    copies = json_object_get (json_object_get (status, "extents"), "by_live_copies");
    for (size_t count = 0; count < json_array_size (copies); count++)
        if (count != 2 && json_integer_value (json_array_get (copies, count)))
            snprintf (why, sizeof (why), "%d extents have %zu copies",
                      (int) json_integer_value (json_array_get (copies, count)), count);
    if (!*why && json_integer_value (json_object_get (status, "garbage")))
        snprintf (why, sizeof (why), "garbage is left");
    if (!*why && sealed != wanted)
        snprintf (why, sizeof (why), "nodes hold %d extents, and the books say %d", (int) sealed, (int) wanted);
    json_decref (status);
    return why;
}

void
sim_settle (sim_t *sim, int64_t most_ms)
{
    s_mend_all (sim);
    int64_t until_ms = sim->now_ms + most_ms;
    const char *why;
    while (*(why = s_unsettled (sim)) && sim->now_ms < until_ms)
        sim_elapse (sim, 1000);
    if (*why)
        sim_fail (sim, __FILE__, __LINE__, why);
}
