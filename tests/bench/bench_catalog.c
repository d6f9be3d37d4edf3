//  What the catalog can do: durable creates a second in batches, and the time to list a large folder.
//
//      bench_catalog [FOLDER] [FILES]
//
//  CPU time is given beside the time on the wall, as it says more on a machine that does other things too.
//
//  Two figures for creating: the catalog with the rules of the tree alone, and the whole of PUT_FILE_INFO as it
//  is done in the actor (receipts checked, keys wrapped, journal) but for the bus. Files are small: one extent,
//  two copies. Each batch of 64 is one request and one commit, fsynced. Medians of some runs are for the reader.

#include <assert.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "fst_catalog.h"
#include "fst_clock.h"
#include "fst_namespace.h"
#include "fst_nodes.h"
#include "fst_record.h"
#include "fst_sealed.h"

#define BATCH 64

static const fst_person_t s_alice = { .name = "alice" }, s_bob = { .name = "bob" };
static uint8_t s_cluster_key [FST_KEY_BYTES], s_data_key [FST_KEY_BYTES];
static fst_catalog_t *s_catalog;
static fst_namespace_t *s_space;
static fst_nodes_t *s_nodes;
static unsigned s_uploads;

//  Seconds on the wall, and of this process on a CPU.
typedef struct { double wall, cpu; } s_time_t;

static double
s_clock (clockid_t clock)
{
    struct timespec now;
    clock_gettime (clock, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static s_time_t
s_now (void)
{
    return (s_time_t) { s_clock (CLOCK_MONOTONIC), s_clock (CLOCK_PROCESS_CPUTIME_ID) };
}

static void
s_must (fst_rc_t rc)
{
    if (rc != FST_OK) {
        fprintf (stderr, "failed: %s; %s\n", fst_error_text (rc), fst_namespace_problem (s_space));
        exit (fst_error_exit (rc));
    }
}

//  The extent of a file, as PUT_FILE_INFO has it.
static json_t *
s_extent (const fst_blob_id_t *blob)
{
    fst_extent_info_t info = { *blob, 0, 1, 4096, 12345 };
    json_t *copies = json_array ();
    for (int node = 0; node < 2; node++) {
        char name [16], receipt [FST_PROOF_TEXT_MAX];
        uint8_t key [FST_KEY_BYTES];
        snprintf (name, sizeof (name), "node-%d", node);
        fst_node_key_derive (s_data_key, name, key);
        fst_receipt_make (key, &info, receipt);
        json_array_append_new (copies, json_pack ("{s:s, s:s}", "node", name, "receipt", receipt));
    }
    return json_pack ("[{s:i, s:i, s:i, s:s, s:o}]", "extent", 0, "chunks", 1, "bytes", 4096,
                      "digest", "0000000000003039", "copies", copies);
}

static void
s_create (const char *folder, int file, const fst_blob_id_t *blob, json_t *json, const uint8_t *key)
{
    char path [128], problem [256];
    fst_place_t place;
    int64_t id;
    fst_extent_t extent = { .chunks = 1, .bytes = 4096, .digest = 12345, .nodes = 3 };
    fst_blob_t row = { .id = *blob, .chunk_log2 = 20, .extent_chunks = 64, .size = 4096, .replicas = 2, .extents = 1 };
    fst_content_t content = { .size = 4096, .modified_ms = 1, .has_blob = true, .blob = *blob, .has_digest = true };
    snprintf (path, sizeof (path), "%s/file-%06d.txt", folder, file);
    s_must (fst_namespace_may_put (s_space, path, false, &place));
    if (json) {
        uint8_t blob_key [FST_KEY_BYTES];
        s_must (fst_sealed_read (s_nodes, blob, 2, json, &extent, problem, sizeof (problem)));
        s_must (fst_sealed_check (&extent, 1, 4096, 20, 64, problem, sizeof (problem)));
        fst_blob_key_derive (key, blob->bytes [15], blob_key);
        fst_key_wrap (s_cluster_key, blob, blob_key, row.key);
    }
    s_must (fst_catalog_blob_add (s_catalog, &row, &extent));
    s_must (fst_namespace_put (s_space, &place, &content, &id));
}

//  One request of BATCH files, committed; its time is added to *sum.
static void
s_batch (const char *folder, int from, bool whole, s_time_t *sum)
{
    json_t *json [BATCH] = { NULL };
    fst_blob_id_t blobs [BATCH];
    uint8_t upload [FST_UPLOAD_BYTES], key [FST_KEY_BYTES];
    randombytes_buf (upload, sizeof (upload));
    randombytes_buf (key, sizeof (key));
    for (int at = 0; at < BATCH; at++) {
        blobs [at] = fst_blob_id (upload, (uint32_t) at);
        json [at] = whole? s_extent (&blobs [at]): NULL;
    }
    s_time_t began = s_now ();
    s_must (fst_catalog_begin (s_catalog));
    fst_namespace_enter (s_space, &s_alice, fst_clock_wall_ms ());
    s_must (fst_catalog_save (s_catalog));
    for (int at = 0; at < BATCH; at++)
        s_create (folder, from + at, &blobs [at], json [at], key);
    if (whole) {
        char id [16];
        snprintf (id, sizeof (id), "%u", s_uploads++);
        s_must (fst_catalog_reply_add (s_catalog, key, id, fst_clock_wall_ms (), "{}"));
    }
    s_must (fst_catalog_release (s_catalog));
    s_must (fst_catalog_commit (s_catalog));
    s_time_t ended = s_now ();
    sum->wall += ended.wall - began.wall;
    sum->cpu += ended.cpu - began.cpu;
    for (int at = 0; at < BATCH; at++)
        json_decref (json [at]);
}

static void
s_bench_creates (const char *folder, int files, bool whole)
{
    int64_t id;
    s_must (fst_catalog_begin (s_catalog));
    fst_namespace_enter (s_space, &s_alice, fst_clock_wall_ms ());
    s_must (fst_namespace_make_folder (s_space, folder, true, &id));
    s_must (fst_catalog_commit (s_catalog));
    s_time_t sum = { 0, 0 };
    for (int from = 0; from < files; from += BATCH)
        s_batch (folder, from, whole, &sum);
    printf ("creates_%s=%.0f/s cpu=%.1fus files=%d batch=%d\n", whole? "checked": "plain", files / sum.wall,
            sum.cpu / files * 1e6, files, BATCH);
}

typedef struct {
    size_t count;
    json_t *names, *sizes, *times, *ids;
} s_page_t;

static bool
s_list_entry (void *arg, const fst_entry_t *entry)
{
    s_page_t *page = arg;
    json_array_append_new (page->names, json_string_nocheck (entry->name));
    json_array_append_new (page->sizes, json_integer (entry->content.size));
    json_array_append_new (page->times, json_integer (entry->content.modified_ms));
    json_array_append_new (page->ids, json_integer (entry->id));
    return ++page->count < 10000;
}

//  As LIST_FILES does it, to the octets of the reply.
static void
s_bench_list (const char *folder)
{
    s_time_t best = { 1e9, 1e9 };
    size_t count = 0;
    for (int run = 0; run < 10; run++) {
        s_time_t began = s_now ();
        s_page_t page = { 0, json_array (), json_array (), json_array (), json_array () };
        fst_namespace_enter (s_space, &s_alice, fst_clock_wall_ms ());
        s_must (fst_namespace_list (s_space, folder, NULL, s_list_entry, &page));
        json_t *reply = json_pack ("{s:o, s:o, s:o, s:o}", "names", page.names, "sizes", page.sizes,
                                   "modified_ms", page.times, "ids", page.ids);
        char *text = json_dumps (reply, JSON_COMPACT);
        free (text);
        json_decref (reply);
        s_time_t ended = s_now ();
        if (ended.wall - began.wall < best.wall)
            best = (s_time_t) { ended.wall - began.wall, ended.cpu - began.cpu };
        count = page.count;
    }
    printf ("list=%.1fms cpu=%.1fms entries=%zu (best of 10)\n", best.wall * 1e3, best.cpu * 1e3, count);
}

static bool
s_tell (void *arg, const fst_journal_t *event)
{
    fst_journal_t told;
    bool may = false;
    s_must (fst_namespace_tell (s_space, event, &told, &may));
    *(size_t *) arg += may;
    return true;
}

//  As LIST_EVENTS does it: for her whose files they are, and for him who may not know of any.
static void
s_bench_events (const fst_person_t *person)
{
    size_t told = 0;
    s_time_t began = s_now ();
    fst_namespace_enter (s_space, person, fst_clock_wall_ms ());
    s_must (fst_catalog_events (s_catalog, 0, INT64_MAX, s_tell, &told));
    s_time_t ended = s_now ();
    int64_t events = fst_catalog_counters (s_catalog)->sequence;
    printf ("events_%s=%.0f/s cpu=%.1fus told=%zu\n", person->name, events / (ended.wall - began.wall),
            (ended.cpu - began.cpu) / events * 1e6, told);
}

int
main (int argc, char **argv)
{
    char folder [256], filename [300], command [300], *problem = NULL;
    int files = argc > 2? atoi (argv [2]): 20 * 1024;
    snprintf (folder, sizeof (folder), "%s/bench-XXXXXX", argc > 1? argv [1]: "/tmp");
    if (!mkdtemp (folder) || sodium_init () < 0)
        return 1;
    snprintf (filename, sizeof (filename), "%s/metadata.db", folder);
    if (fst_catalog_open (filename, &s_catalog, &problem) != FST_OK) {
        fprintf (stderr, "%s\n", problem);
        return 1;
    }
    fst_nodes_options_t options = { .data_key = s_data_key, .heartbeat_ms = 10000, .prune_ms = 30000 };
    s_space = fst_namespace_new (s_catalog, 10);
    s_nodes = fst_nodes_new (s_catalog, &options);
    s_must (fst_catalog_begin (s_catalog));
    for (int number = 0; number < 2; number++) {
        fst_node_t node = { .capacity = 1 << 30, .free = 1 << 29 };
        snprintf (node.name, sizeof (node.name), "node-%d", number);
        s_must (fst_nodes_register (s_nodes, &node, 0, 0));
    }
    fst_namespace_enter (s_space, &s_alice, fst_clock_wall_ms ());
    s_must (fst_namespace_make_home (s_space));
    s_must (fst_catalog_commit (s_catalog));
    s_bench_creates ("/users/alice/plain", files, false);
    s_bench_creates ("/users/alice/checked", files, true);
    s_bench_list ("/users/alice/checked");
    s_bench_events (&s_alice);
    s_bench_events (&s_bob);
    fst_nodes_destroy (&s_nodes);
    fst_namespace_destroy (&s_space);
    fst_catalog_destroy (&s_catalog);
    snprintf (command, sizeof (command), "rm -rf '%s'", folder);
    return system (command) == 0? 0: 1;
}
