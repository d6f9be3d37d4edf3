//  Rules of repair, trimming and draining, with real storage nodes on real disks. Chunks are 64 KiB and extents 4 chunks,
//  so that a file of some 100 KiB is large, and one of 2 MiB has several extents.

#include "cluster_fixture.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <string.h>

#define NODES   4
#define SMALL   80                      //  Files of some octets, which live in small.db
#define LARGE   6                       //  Files of many extents
#define EXTENT  (4 * 65536)
#define WAIT_MS 60000

static cluster_t *s_cluster;

static void
s_setup (void)
{
    static const char *const settings [] = { "chunk-size", "64 KiB", "extent-chunks", "4", "prune-after", "2 s", NULL };
    s_cluster = cluster_new (NODES, settings);
}

static void
s_teardown (void)
{
    cluster_destroy (&s_cluster);
}

TestSuite (heal, .init = s_setup, .fini = s_teardown);

#define AWAIT(condition) ({ \
    int64_t until_ms_ = fst_clock_mono_ms () + WAIT_MS; \
    bool holds_; \
    while (!(holds_ = (condition)) && fst_clock_mono_ms () < until_ms_) \
        zclock_sleep (20); \
    holds_; })

//  ---- Files: each has a content that follows from its name

static size_t
s_size (int file)
{
    return file < SMALL? 100 + (size_t) file * 37: 700000 + (size_t) file * 20011;
}

//  Of all files from this one on.
static int64_t
s_extents (int first)
{
    int64_t extents = 0;
    for (int file = first; file < SMALL + LARGE; file++)
        extents += (int64_t) ((s_size (file) + EXTENT - 1) / EXTENT);
    return extents;
}

typedef struct {
    uint8_t *data;
    size_t bytes, at;
    bool same;
} s_content_t;

static s_content_t
s_content (int file)
{
    s_content_t content = { .bytes = s_size (file), .same = true };
    uint8_t seed [randombytes_SEEDBYTES] = { (uint8_t) file };
    content.data = malloc (content.bytes);
    randombytes_buf_deterministic (content.data, content.bytes, seed);
    return content;
}

static const char *
s_name (int file)
{
    static char name [16];
    snprintf (name, sizeof (name), "f%d", file);
    return name;
}

static fst_rc_t
s_read (void *arg, void *data, size_t bytes, size_t *got_p)
{
    s_content_t *content = arg;
    *got_p = bytes < content->bytes - content->at? bytes: content->bytes - content->at;
    memcpy (data, content->data + content->at, *got_p);
    content->at += *got_p;
    return FST_OK;
}

static fst_rc_t
s_compare (void *arg, const void *data, size_t bytes)
{
    s_content_t *content = arg;
    content->same &= content->at + bytes <= content->bytes && memcmp (content->data + content->at, data, bytes) == 0;
    content->at += bytes;
    return FST_OK;
}

static void
s_put_all (void)
{
    for (int file = 0; file < SMALL + LARGE; file++) {
        s_content_t content = s_content (file);
        filestore_source_t source = { .self = &content, .read = s_read };
        cr_assert_eq (filestore_put (s_cluster->client, s_name (file), &source, NULL, NULL), FST_OK, "%s",
                      filestore_problem (s_cluster->client));
        free (content.data);
    }
}

//  All files from this one on are there as they were stored.
static void
s_check_all (int first)
{
    for (int file = first; file < SMALL + LARGE; file++) {
        s_content_t content = s_content (file);
        filestore_sink_t sink = { .self = &content, .write = s_compare };
        cr_assert_eq (filestore_get (s_cluster->client, s_name (file), &sink, NULL), FST_OK, "%s: %s", s_name (file),
                      filestore_problem (s_cluster->client));
        cr_assert (content.same && content.at == content.bytes, "%s", s_name (file));
        free (content.data);
    }
}

//  ---- What is where

//  A number of STATUS: of one of its objects, or of itself (object NULL).
static int64_t
s_status (const char *object, const char *name)
{
    json_t *status = NULL;
    cr_assert_eq (filestore_status (s_cluster->client, &status), FST_OK, "%s", filestore_problem (s_cluster->client));
    int64_t value = json_integer_value (json_object_get (object? json_object_get (status, object): status, name));
    json_decref (status);
    return value;
}

//  Extents with fewer live copies than this.
static int64_t
s_fewer (size_t copies)
{
    json_t *status = NULL;
    int64_t count = 0;
    cr_assert_eq (filestore_status (s_cluster->client, &status), FST_OK, "%s", filestore_problem (s_cluster->client));
    json_t *list = json_object_get (json_object_get (status, "extents"), "by_live_copies");
    for (size_t at = 0; at < copies; at++)
        count += json_integer_value (json_array_get (list, at));
    json_decref (status);
    return count;
}

//  Column of LIST_NODES for a node; 0: of all that are alive together.
static int64_t
s_node (int number, const char *column)
{
    json_t *reply = NULL, *row;
    size_t at;
    int64_t sum = 0;
    cr_assert_eq (filestore_nodes (s_cluster->client, &reply), FST_OK, "%s", filestore_problem (s_cluster->client));
    json_array_foreach (json_object_get (reply, "nodes"), at, row)
        if (number? atoi (json_string_value (json_object_get (row, "node")) + 5) == number
                  : strcmp (json_string_value (json_object_get (row, "state")), "alive") == 0)
            sum += json_integer_value (json_object_get (row, column));
    json_decref (reply);
    return sum;
}

//  Every extent has two live copies, and nothing is left to do.
static bool
s_is_whole (void)
{
    return s_fewer (2) == 0 && s_status ("repair", "extents") == 0
        && s_status ("repair", "surplus") == 0 && s_status ("repair", "moving") == 0 && s_status (NULL, "garbage") == 0;
}

//  Sealed extents on a node's disk; each name is put into names if that is not NULL, or taken out of it.
static size_t
s_list_disk (int number, zhashx_t *names, bool put)
{
    size_t count = 0;
    for (int part = 0; part < 256; part++) {
        char path [300];
        snprintf (path, sizeof (path), "%s/node-%d/extents/%02x", s_cluster->bus.folder, number, part);
        DIR *folder = opendir (path);
        for (struct dirent *entry; folder && (entry = readdir (folder)); ) {
            if (entry->d_name [0] == '.' || strchr (entry->d_name, '.'))
                continue;
            count++;
            if (names && put)
                zhashx_update (names, entry->d_name, "");
            if (names && !put)
                zhashx_delete (names, entry->d_name);
        }
        if (folder)
            closedir (folder);
    }
    return count;
}

static fst_rc_t
s_drain (const char *node, bool drain)
{
    return filestore_call (s_cluster->client, "metadata", "DRAIN",
                           json_pack ("{s:s, s:b}", "node", node, "drain", (int) drain), NULL);
}

//  Wait until the nodes that are alive count so many extents themselves. A PULL that was sent twice may leave a copy that
//  nobody knows, until the next inventory puts it aside.
static bool
s_counted (int64_t extents)
{
    int64_t until_ms = fst_clock_mono_ms () + WAIT_MS, again_ms = fst_clock_mono_ms () + 5000;
    bool counted;
    while (!(counted = s_node (0, "extents") == extents) && fst_clock_mono_ms () < until_ms) {
        zclock_sleep (20);
        if (fst_clock_mono_ms () >= again_ms) {
            cr_assert_eq (filestore_call (s_cluster->client, "metadata", "SCRUB", NULL, NULL), FST_OK);
            again_ms += 5000;
        }
    }
    return counted;
}

//  ---- The rules

Test (heal, after_a_lost_node_the_loss_of_another_one_loses_nothing)
{
    s_put_all ();
    int64_t extents = s_extents (0);
    cluster_stop_node (s_cluster, 2);
    cr_assert (AWAIT (s_status ("nodes", "pruned") == 1 && s_is_whole ()));
    cr_expect_eq (s_status (NULL, "bytes_at_one_copy"), 0);
    cr_expect_eq (s_node (0, "holds"), 2 * extents);
    cluster_stop_node (s_cluster, 1);
    s_check_all (0);
    cr_assert (AWAIT (s_status ("nodes", "pruned") == 2 && s_is_whole ()), "two nodes are enough for two copies");
    cluster_stop_node (s_cluster, 3);
    s_check_all (0);
}

Test (heal, a_node_that_comes_back_leaves_no_copy_too_many)
{
    s_put_all ();
    int64_t extents = s_extents (0);
    cluster_stop_node (s_cluster, 2);
    cr_assert (AWAIT (s_status ("nodes", "pruned") == 1 && s_is_whole ()));
    cluster_start_node (s_cluster, 2);
    cluster_wait_nodes (s_cluster, NODES);
    cr_assert (AWAIT (s_is_whole ()));
    cr_expect_eq (s_node (0, "holds"), 2 * extents);
    cr_expect (s_counted (2 * extents), "what the nodes themselves count: %d", (int) s_node (0, "extents"));
    s_check_all (0);
}

Test (heal, a_drained_node_is_empty_and_nothing_was_ever_at_one_copy)
{
    s_put_all ();
    cr_assert_eq (s_drain ("node-1", true), FST_OK);
    bool empty = false;
    for (int64_t until_ms = fst_clock_mono_ms () + WAIT_MS; !empty && fst_clock_mono_ms () < until_ms; ) {
        //  What is not on the drained node any more must be on two others, now or a moment later: so it is read first
        zhashx_t *gone = zhashx_new ();
        for (int number = 2; number <= NODES; number++)
            s_list_disk (number, gone, true);
        s_list_disk (1, gone, false);
        for (const void *name = zhashx_first (gone); name; name = zhashx_next (gone)) {
            const char *extent = zhashx_cursor (gone);
            int copies = 0;
            for (int number = 2; number <= NODES; number++) {
                char path [300];
                snprintf (path, sizeof (path), "%s/node-%d/extents/%.2s/%s", s_cluster->bus.folder, number, extent, extent);
                copies += access (path, F_OK) == 0;
            }
            cr_assert_geq (copies, 2, "%s", extent);
        }
        zhashx_destroy (&gone);
        cr_assert_eq (s_fewer (2), 0);
        empty = s_node (1, "holds") == 0 && s_status (NULL, "garbage") == 0;
    }
    cr_assert (empty);
    cr_expect_eq (s_list_disk (1, NULL, false), 0);
    cr_expect (AWAIT (s_node (1, "extents") == 0));
    cluster_stop_node (s_cluster, 1);
    s_check_all (0);
    cr_expect (AWAIT (s_status ("nodes", "alive") == NODES - 1 && s_status ("nodes", "silent") == 0));
    cr_expect (s_is_whole (), "nothing is missing without it");
}

Test (heal, what_is_deleted_while_it_is_copied_leaves_nothing_behind)
{
    s_put_all ();
    cluster_stop_node (s_cluster, 3);
    cr_assert (AWAIT (s_status ("nodes", "pruned") == 1));
    for (int file = 0; file < SMALL; file++)        //  While the copies are made
        cr_assert_eq (filestore_delete (s_cluster->client, s_name (file), false, true), FST_OK);
    cr_assert (AWAIT (s_is_whole () || s_status (NULL, "garbage")));
    cluster_start_node (s_cluster, 3);              //  It has its part of the garbage
    cluster_wait_nodes (s_cluster, NODES);
    cr_assert (AWAIT (s_is_whole ()));
    int64_t extents = s_extents (SMALL);
    cr_expect (s_counted (2 * extents), "%d are there, %d should be", (int) s_node (0, "extents"),
               (int) (2 * extents));
    s_check_all (SMALL);
}
