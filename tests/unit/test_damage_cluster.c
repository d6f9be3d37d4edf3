//  Bytes damaged at random places on the disks of a cluster that works: whoever reads gets what was stored, from another
//  copy; a scrub finds each injury, damaged copies are put aside, and made anew until every extent has its copies again.
//  Prints how many injuries were done and found; FST_SEED repeats a run, FST_ROUNDS makes it longer.

#include "cluster_fixture.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "fst_small.h"
#include "seeded.h"

#define NODES    3
#define LARGE    5
#define SMALL    12
#define FILES    (LARGE + SMALL)
#define NAMES    200                    //  Extents in files, of all
#define HEAL_MS  120000

static cluster_t *s_cluster;
static int s_injuries;

//  ---- Content that is known by its number

static uint8_t s_data [FILES] [400000];

static size_t
s_size (int file)
{
    return file < LARGE? 200000 + (size_t) file * 49999: 500 + (size_t) file * 997;
}

typedef struct {
    int file;
    size_t at;
    bool wrong;
} s_stream_t;

static fst_rc_t
s_give (void *self, void *data, size_t bytes, size_t *got_p)
{
    s_stream_t *stream = self;
    size_t left = s_size (stream->file) - stream->at;
    *got_p = bytes < left? bytes: left;
    memcpy (data, s_data [stream->file] + stream->at, *got_p);
    stream->at += *got_p;
    return FST_OK;
}

static fst_rc_t
s_take (void *self, const void *data, size_t bytes)
{
    s_stream_t *stream = self;
    if (stream->at + bytes > s_size (stream->file) || memcmp (s_data [stream->file] + stream->at, data, bytes) != 0)
        stream->wrong = true;
    stream->at += bytes;
    return FST_OK;
}

static const char *
s_path (int file)
{
    static char path [32];
    snprintf (path, sizeof (path), "file-%d", file);
    return path;
}

static void
s_put_all (void)
{
    for (int file = 0; file < FILES; file++) {
        uint8_t key [randombytes_SEEDBYTES] = { (uint8_t) (file + 1) };
        randombytes_buf_deterministic (s_data [file], s_size (file), key);
        s_stream_t stream = { .file = file };
        filestore_source_t source = { &stream, s_give };
        fst_rc_t rc = filestore_put (s_cluster->client, s_path (file), &source, NULL, NULL);
        cr_assert_eq (rc, FST_OK, "%s", filestore_problem (s_cluster->client));
    }
}

static void
s_get_all (void)
{
    for (int file = 0; file < FILES; file++) {
        s_stream_t stream = { .file = file };
        filestore_sink_t sink = { &stream, s_take };
        fst_rc_t rc = filestore_get (s_cluster->client, s_path (file), &sink, NULL);
        cr_assert (!stream.wrong, "damaged octets were returned");
        cr_assert_eq (rc, FST_OK, "%s", filestore_problem (s_cluster->client));
        cr_assert_eq (stream.at, s_size (file));
    }
}

//  ---- What lies on the disks

static struct { char name [64]; uint8_t *data; size_t bytes; } s_golden [NAMES];
static int s_golden_count;

static uint8_t *
s_read_file (const char *path, size_t *bytes_p)
{
    FILE *file = fopen (path, "rb");
    if (!file)
        return NULL;
    uint8_t *data = malloc (1 << 20);
    *bytes_p = fread (data, 1, 1 << 20, file);
    fclose (file);
    return data;
}

//  Where an extent would lie on a node.
static void
s_extent_path (int node, const char *name, char path [512])
{
    snprintf (path, 512, "%s/node-%d/extents/%.2s/%.63s", s_cluster->bus.folder, node, name, name);
}

//  Names of the sealed extents on a node.
static int
s_list (int node, char names [NAMES] [64])
{
    int count = 0;
    for (int octet = 0; octet < 256; octet++) {
        char path [512];
        snprintf (path, sizeof (path), "%s/node-%d/extents/%02x", s_cluster->bus.folder, node, octet);
        DIR *folder = opendir (path);
        struct dirent *entry;
        while (folder && (entry = readdir (folder)))
            if (entry->d_name [0] != '.' && !strstr (entry->d_name, ".open") && count < NAMES)
                snprintf (names [count++], 64, "%.63s", entry->d_name);
        if (folder)
            closedir (folder);
    }
    return count;
}

static int
s_golden_find (const char *name)
{
    int at = 0;
    while (at < s_golden_count && strcmp (s_golden [at].name, name) != 0)
        at++;
    return at;
}

//  Learn what extents there are, and that all have two copies that are the same.
static void
s_learn (void)
{
    for (int node = 1; node <= NODES; node++) {
        char names [NAMES] [64], path [512];
        int count = s_list (node, names);
        for (int at = 0; at < count; at++) {
            int index = s_golden_find (names [at]);
            cr_assert_lt (index, NAMES);
            if (index < s_golden_count)
                continue;
            s_extent_path (node, names [at], path);
            strcpy (s_golden [index].name, names [at]);
            s_golden [index].data = s_read_file (path, &s_golden [index].bytes);
            s_golden_count++;
        }
    }
}

static bool
s_is_golden (int node, int index)
{
    char path [512];
    size_t bytes = 0;
    s_extent_path (node, s_golden [index].name, path);
    uint8_t *data = s_read_file (path, &bytes);
    bool same = data && bytes == s_golden [index].bytes && memcmp (data, s_golden [index].data, bytes) == 0;
    free (data);
    return same;
}

//  Every extent has two whole copies, and no file is anything but whole.
static bool
s_disks_are_whole (void)
{
    for (int index = 0; index < s_golden_count; index++) {
        int whole = 0;
        for (int node = 1; node <= NODES; node++) {
            char path [512];
            s_extent_path (node, s_golden [index].name, path);
            bool there = access (path, F_OK) == 0;
            if (there && !s_is_golden (node, index))
                return false;
            whole += there;
        }
        if (whole < 2)
            return false;
    }
    return true;
}

//  ---- Injuries

static void
s_write_at (const char *path, long offset, const void *data, size_t bytes)
{
    int fd = open (path, O_WRONLY);
    cr_assert (fd >= 0);
    cr_assert_eq (pwrite (fd, data, bytes, offset), (ssize_t) bytes);
    close (fd);
}

//  Another octet at each place of a run.
static void
s_garble (const char *path, const uint8_t *before, size_t offset, size_t bytes)
{
    uint8_t *garbled = malloc (bytes);
    for (size_t at = 0; at < bytes; at++)
        garbled [at] = before [offset + at] ^ (uint8_t) (1 + s_random (255));
    s_write_at (path, (long) offset, garbled, bytes);
    free (garbled);
}

//  One injury to a random extent of a node.
static void
s_injure_extent (int node)
{
    char names [NAMES] [64], path [512], other [512], swap [520];
    int count = s_list (node, names);
    if (count < 2)
        return;
    int which = (int) s_random ((uint64_t) count), second = (which + 1) % count;
    size_t bytes = 0, run;
    s_extent_path (node, names [which], path);
    s_extent_path (node, names [second], other);
    snprintf (swap, sizeof (swap), "%s.swap", path);
    uint8_t *before = s_read_file (path, &bytes);
    cr_assert (before && bytes > 100);
    size_t offset = s_random (bytes);
    switch (s_random (7)) {
    case 0:
        s_garble (path, before, offset, 1);
        break;
    case 1:
        run = 1 + s_random (5000);
        s_garble (path, before, offset, run > bytes - offset? bytes - offset: run);
        break;
    case 2:
        cr_assert_eq (truncate (path, (off_t) offset), 0);
        break;
    case 3:
        s_write_at (path, (long) bytes, before, 1 + offset % 5000);
        break;
    case 4:
        cr_assert (rename (path, swap) == 0 && rename (other, path) == 0 && rename (swap, other) == 0);
        s_injuries++;
        break;
    case 5:                             //  What the first half holds over the second
        s_write_at (path, (long) (bytes / 2), before, bytes / 2);
        break;
    default:
        cr_assert_eq (unlink (path), 0);
    }
    s_injuries++;
    free (before);
}

//  Noise somewhere in small.db of a node that is stopped.
static void
s_injure_small (int node)
{
    char path [512];
    size_t bytes = 0;
    snprintf (path, sizeof (path), "%s/node-%d/small.db", s_cluster->bus.folder, node);
    uint8_t *before = s_read_file (path, &bytes);
    cr_assert (before && bytes > 16384);
    size_t offset = s_random (bytes), run = s_random (2)? 1: 1 + s_random (20000);
    s_garble (path, before, offset, run > bytes - offset? bytes - offset: run);
    free (before);
    s_injuries++;
}

//  ---- Healing

static int64_t
s_status (const char *first, const char *second)
{
    json_t *status = NULL;
    cr_assert_eq (filestore_status (s_cluster->client, &status), FST_OK, "%s", filestore_problem (s_cluster->client));
    json_t *value = json_object_get (status, first);
    int64_t number = json_integer_value (second? json_object_get (value, second): value);
    json_decref (status);
    return number;
}

//  For metadata: every extent has two copies, and there is nothing to do.
static bool
s_books_are_whole (void)
{
    json_t *status = NULL;
    cr_assert_eq (filestore_status (s_cluster->client, &status), FST_OK);
    json_t *extents = json_object_get (status, "extents"), *repair = json_object_get (status, "repair");
    bool whole = json_integer_value (json_array_get (json_object_get (extents, "by_live_copies"), 2))
                 == json_integer_value (json_object_get (extents, "total"))
                 && json_integer_value (json_object_get (repair, "extents")) == 0
                 && json_integer_value (json_object_get (repair, "lost")) == 0;
    json_decref (status);
    return whole;
}

static void
s_scrub_until_whole (int round)
{
    int64_t deadline_ms = fst_clock_mono_ms () + HEAL_MS, again_ms = 0;
    while (!s_books_are_whole () || !s_disks_are_whole ()) {
        int64_t now_ms = fst_clock_mono_ms ();
        cr_assert_lt (now_ms, deadline_ms, "round %d: the cluster did not heal", round);
        if (now_ms >= again_ms) {
            fst_rc_t rc = filestore_call (s_cluster->client, "metadata", "SCRUB", NULL, NULL);
            cr_assert_eq (rc, FST_OK, "%s", filestore_problem (s_cluster->client));
            again_ms = now_ms + 5000;
        }
        zclock_sleep (20);
    }
}

//  At the end, with all nodes stopped: each small blob is whole on two of them.
static void
s_check_small (void)
{
    int64_t copies = 0;
    for (int node = 1; node <= NODES; node++) {
        char path [512], *problem = NULL;
        fst_small_t *small = NULL;
        fst_held_t held [FILES + 1];
        size_t count = 0;
        snprintf (path, sizeof (path), "%s/node-%d/small.db", s_cluster->bus.folder, node);
        cr_assert_eq (fst_small_open (path, &small, &problem), FST_OK, "%s", problem);
        cr_assert_eq (fst_small_list (small, NULL, held, FILES + 1, &count), FST_OK);
        for (size_t at = 0; at < count; at++) {
            zframe_t *record = NULL;
            cr_assert_eq (fst_small_read (small, &held [at].blob, &record), FST_OK);
            zframe_destroy (&record);
        }
        copies += (int64_t) count;
        fst_small_destroy (&small);
    }
    cr_assert_eq (copies, 2 * SMALL);
}

Test (damage_cluster, readers_never_notice_and_a_scrub_heals_everything, .timeout = 3000)
{
    static const char *const settings [] = {
        "chunk-size", "64 KiB", "extent-chunks", "2", "prune-after", "1 min", "repair-delay", "0", NULL
    };
    const char *rounds = getenv ("FST_ROUNDS");
    seed_from_environment ();
    s_cluster = cluster_new (NODES, settings);
    s_put_all ();
    s_learn ();
    cr_assert (s_disks_are_whole () && s_books_are_whole ());
    int count = rounds? atoi (rounds): 8;
    for (int round = 0; round < count; round++) {
        int node = 1 + (int) s_random (NODES);
        bool stopped = round % 3 == 0;
        if (stopped)
            cluster_stop_node (s_cluster, node);
        for (int injury = 1 + (int) s_random (4); injury > 0; injury--)
            s_injure_extent (node);
        bool injured = !s_disks_are_whole ();       //  Two injuries may undo each other
        int64_t damaged = s_status ("damaged", NULL);
        if (stopped) {
            s_injure_small (node);
            cluster_start_node (s_cluster, node);
        }
        s_get_all ();
        s_scrub_until_whole (round);
        s_get_all ();
        cr_assert (s_status ("damaged", NULL) > damaged || !injured, "round %d: nobody was told", round);
    }
    fprintf (stderr, "cluster: %d injuries, all healed, none seen by a reader; %lld extents reported damaged\n", s_injuries,
             (long long) s_status ("damaged", NULL));
    for (int node = 1; node <= NODES; node++)
        cluster_stop_node (s_cluster, node);
    s_check_small ();
    for (int index = 0; index < s_golden_count; index++)
        free (s_golden [index].data);
    cluster_destroy (&s_cluster);
}
