//  The client library against a whole cluster in one process: what goes in comes out, whatever fails on the way.
//  Chunks are 64 KiB and extents 4 chunks here, so that every border is near.

#include "cluster_fixture.h"
#include "fst_socket.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK  65536
#define EXTENT (4 * CHUNK)

static cluster_t *s_cluster;
static filestore_t *s_client;

static void
s_begin_with (int nodes, const char *const *settings)
{
    s_cluster = cluster_new (nodes, settings);
    s_client = s_cluster->client;
}

static void
s_begin (int nodes)
{
    static const char *const settings [] = { "chunk-size", "64 KiB", "extent-chunks", "4", NULL };
    s_begin_with (nodes, settings);
}

static void
s_end (void)
{
    cluster_destroy (&s_cluster);
}

//  ---- Content that is known by its seed

static uint8_t *
s_content (size_t bytes, unsigned seed)
{
    uint8_t *data = malloc (bytes + 1);
    uint8_t key [randombytes_SEEDBYTES] = { (uint8_t) seed, (uint8_t) (seed >> 8) };
    randombytes_buf_deterministic (data, bytes, key);
    return data;
}

static char *
s_local (const char *name)
{
    static char paths [8] [256];
    static int turn;
    char *path = paths [turn++ % 8];
    snprintf (path, 256, "%s/%s", s_cluster->bus.folder, name);
    return path;
}

static void
s_write_local (const char *name, const uint8_t *data, size_t bytes)
{
    FILE *file = fopen (name, "wb");
    cr_assert (file);
    cr_assert_eq (fwrite (data, 1, bytes, file), bytes);
    fclose (file);
}

static bool
s_local_is (const char *name, const uint8_t *data, size_t bytes)
{
    FILE *file = fopen (name, "rb");
    if (!file)
        return false;
    uint8_t *found = malloc (bytes + 2);
    size_t got = fread (found, 1, bytes + 1, file);
    bool same = got == bytes && memcmp (found, data, bytes) == 0;
    free (found);
    fclose (file);
    return same;
}

//  A stream that gives odd portions, and does something when it has given so many octets.
typedef struct {
    const uint8_t *data;
    size_t bytes, at, portion;
    size_t trigger_at;
    void (*trigger) (void);
    fst_rc_t fail_rc;
} stream_t;

static fst_rc_t
s_stream_read (void *self, void *data, size_t bytes, size_t *got_p)
{
    stream_t *stream = self;
    if (stream->trigger && stream->at >= stream->trigger_at) {
        stream->trigger ();
        stream->trigger = NULL;
    }
    if (stream->fail_rc != FST_OK && stream->at >= stream->trigger_at)
        return stream->fail_rc;
    size_t got = stream->bytes - stream->at;
    if (got > bytes)
        got = bytes;
    if (got > stream->portion)
        got = stream->portion;
    memcpy (data, stream->data + stream->at, got);
    stream->at += got;
    *got_p = got;
    return FST_OK;
}

static fst_rc_t
s_put_stream (const char *path, stream_t *stream)
{
    if (!stream->portion)
        stream->portion = 10007;
    filestore_source_t source = { .self = stream, .read = s_stream_read };
    return filestore_put (s_client, path, &source, NULL, NULL);
}

static void
s_put (const char *path, const uint8_t *data, size_t bytes)
{
    stream_t stream = { .data = data, .bytes = bytes };
    cr_assert_eq (s_put_stream (path, &stream), FST_OK, "%s", filestore_problem (s_client));
}

static fst_rc_t
s_put_local (const char *local, const char *path)
{
    filestore_put_t file = { .local = local, .path = path };
    fst_rc_t rc = filestore_put_files (s_client, &file, 1, NULL);
    cr_assert_eq (rc, file.rc);
    free (file.problem);
    return rc;
}

typedef struct {
    uint8_t *data;
    size_t bytes, room;
    size_t trigger_at;
    void (*trigger) (void);
} collect_t;

static fst_rc_t
s_collect (void *self, const void *data, size_t bytes)
{
    collect_t *to = self;
    if (to->bytes + bytes >= to->room) {
        to->room = 2 * (to->bytes + bytes) + 1;
        to->data = realloc (to->data, to->room);
    }
    memcpy (to->data + to->bytes, data, bytes);
    to->bytes += bytes;
    if (to->trigger && to->bytes >= to->trigger_at) {
        to->trigger ();
        to->trigger = NULL;
    }
    return FST_OK;
}

static fst_rc_t
s_get_range (const char *path, int64_t offset, int64_t length, collect_t *to)
{
    filestore_sink_t sink = { .self = to, .write = s_collect };
    filestore_get_options_t options = { .offset = offset, .length = length };
    return filestore_get (s_client, path, &sink, &options);
}

static void
s_check (const char *path, const uint8_t *data, size_t bytes)
{
    collect_t to = { .data = NULL };
    cr_assert_eq (s_get_range (path, 0, -1, &to), FST_OK, "%s", filestore_problem (s_client));
    cr_assert_eq (to.bytes, bytes, "%s", path);
    cr_assert (bytes == 0 || memcmp (to.data, data, bytes) == 0, "%s", path);
    free (to.data);
}

static bool
s_exists (const char *path)
{
    json_t *entry = NULL;
    fst_rc_t rc = filestore_stat (s_client, path, &entry);
    json_decref (entry);
    return rc == FST_OK;
}

//  ---- The rules

static const size_t s_sizes [] = {
    0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, EXTENT - 1, EXTENT, EXTENT + 1, 3 * EXTENT + 5
};
#define SIZES (sizeof (s_sizes) / sizeof (*s_sizes))

Test (client, what_a_stream_puts_comes_back)
{
    s_begin (3);
    for (size_t at = 0; at < SIZES; at++) {
        char path [64];
        snprintf (path, sizeof (path), "stream-%zu", s_sizes [at]);
        uint8_t *data = s_content (s_sizes [at], (unsigned) at);
        s_put (path, data, s_sizes [at]);
        s_check (path, data, s_sizes [at]);
        free (data);
    }
    s_end ();
}

Test (client, what_local_files_put_comes_back_with_its_time)
{
    s_begin (3);
    filestore_put_t puts [SIZES] = { { 0 } };
    filestore_get_t gets [SIZES] = { { 0 } };
    for (size_t at = 0; at < SIZES; at++) {
        char name [64];
        snprintf (name, sizeof (name), "in-%zu", at);
        puts [at].local = strdup (s_local (name));
        snprintf (name, sizeof (name), "file-%zu", at);
        puts [at].path = gets [at].path = strdup (name);
        snprintf (name, sizeof (name), "out-%zu", at);
        gets [at].local = strdup (s_local (name));
        uint8_t *data = s_content (s_sizes [at], (unsigned) at);
        s_write_local (puts [at].local, data, s_sizes [at]);
        struct timespec times [2] = { { .tv_nsec = UTIME_OMIT }, { 1000000000 + (time_t) at, 123000000 } };
        cr_assert_eq (utimensat (AT_FDCWD, puts [at].local, times, 0), 0);
        free (data);
    }
    cr_assert_eq (filestore_put_files (s_client, puts, SIZES, NULL), FST_OK, "%s", filestore_problem (s_client));
    cr_assert_eq (filestore_get_files (s_client, gets, SIZES, NULL), FST_OK, "%s", filestore_problem (s_client));
    for (size_t at = 0; at < SIZES; at++) {
        uint8_t *data = s_content (s_sizes [at], (unsigned) at);
        cr_assert (s_local_is (gets [at].local, data, s_sizes [at]), "size %zu", s_sizes [at]);
        struct stat status;
        cr_assert_eq (stat (gets [at].local, &status), 0);
        cr_assert_eq (status.st_mtim.tv_sec, 1000000000 + (time_t) at);
        cr_assert_eq (status.st_mtim.tv_nsec, 123000000);
        free (data);
        free ((char *) puts [at].local);
        free ((char *) puts [at].path);
        free ((char *) gets [at].local);
    }
    s_end ();
}

Test (client, every_extent_has_two_copies)
{
    s_begin (3);
    uint8_t *data = s_content (3 * EXTENT + 5, 1);
    s_put ("two", data, 3 * EXTENT + 5);
    s_put ("small", data, 100);
    json_t *entry = NULL;
    cr_assert_eq (filestore_stat_extents (s_client, "two", &entry), FST_OK, "%s", filestore_problem (s_client));
    json_t *extents = json_object_get (entry, "extents"), *extent;
    cr_assert_eq (json_array_size (extents), 4);
    size_t at;
    json_array_foreach (extents, at, extent) {
        cr_assert_eq (json_array_size (json_object_get (extent, "nodes")), 2);
        cr_assert_eq (json_integer_value (json_object_get (extent, "bytes")), at < 3? EXTENT: 5);
    }
    json_decref (entry);
    cr_assert_eq (filestore_stat_extents (s_client, "small", &entry), FST_OK);
    cr_assert_eq (json_array_size (json_object_get (json_array_get (json_object_get (entry, "extents"), 0), "nodes")), 2);
    json_decref (entry);
    free (data);
    s_end ();
}

Test (client, a_range_is_that_range)
{
    s_begin (3);
    size_t bytes = 40 * EXTENT + 77;        //  More extents than one page has
    uint8_t *data = s_content (bytes, 2);
    s_put ("big", data, bytes);
    s_put ("small", data, 1000);
    static const struct { int64_t offset, length; } ranges [] = {
        { 0, 1 }, { CHUNK - 1, 2 }, { EXTENT - 1, 2 }, { 35 * EXTENT + 3, CHUNK }, { 39 * EXTENT, -1 },
        { 5, 3 * EXTENT }, { 40 * EXTENT + 70, 100 }, { 40 * EXTENT + 77, 5 }, { 12345, 0 }
    };
    for (size_t at = 0; at < sizeof (ranges) / sizeof (*ranges); at++) {
        collect_t to = { .data = NULL };
        cr_assert_eq (s_get_range ("big", ranges [at].offset, ranges [at].length, &to), FST_OK, "%s",
                      filestore_problem (s_client));
        size_t left = bytes - (size_t) ranges [at].offset;
        size_t wanted = ranges [at].length < 0 || (size_t) ranges [at].length > left? left: (size_t) ranges [at].length;
        cr_assert_eq (to.bytes, wanted, "range %zu", at);
        cr_assert (!wanted || memcmp (to.data, data + ranges [at].offset, wanted) == 0, "range %zu", at);
        free (to.data);
    }
    collect_t to = { .data = NULL };
    cr_assert_eq (s_get_range ("small", 10, 20, &to), FST_OK);
    cr_assert (to.bytes == 20 && memcmp (to.data, data + 10, 20) == 0);
    cr_assert_eq (s_get_range ("small", 1001, 1, &to), FST_MALFORMED);
    free (to.data);
    free (data);
    s_end ();
}

Test (client, a_batch_stores_all_that_it_can)
{
    s_begin (3);
    enum { FILES = 700 };
    filestore_put_t *puts = calloc (FILES, sizeof (*puts));
    filestore_get_t *gets = calloc (FILES, sizeof (*gets));
    cr_assert_eq (filestore_make_folder (s_client, "many", false), FST_OK);
    for (unsigned at = 0; at < FILES; at++) {
        char name [64];
        snprintf (name, sizeof (name), "b-%u", at);
        puts [at].local = strdup (s_local (name));
        snprintf (name, sizeof (name), at % 50 == 7? "nowhere/f-%u": at % 50 == 8? "many/../f-%u": "many/f-%u", at);
        puts [at].path = gets [at].path = strdup (name);
        snprintf (name, sizeof (name), "bo-%u", at);
        gets [at].local = strdup (s_local (name));
        if (at % 50 != 9) {
            uint8_t *data = s_content (at * 13, at);
            s_write_local (puts [at].local, data, at * 13);
            free (data);
        }
    }
    fst_rc_t rc = filestore_put_files (s_client, puts, FILES, NULL);
    cr_assert_eq (rc, FST_NOT_FOUND, "the first that fails");
    for (unsigned at = 0; at < FILES; at++) {
        fst_rc_t expected = at % 50 == 7 || at % 50 == 9? FST_NOT_FOUND: at % 50 == 8? FST_BAD_NAME: FST_OK;
        cr_assert_eq (puts [at].rc, expected, "%u: %s", at, puts [at].problem);
        cr_assert_eq (puts [at].problem == NULL, expected == FST_OK);
    }
    rc = filestore_get_files (s_client, gets, FILES, NULL);
    cr_assert_neq (rc, FST_OK);
    for (unsigned at = 0; at < FILES; at++) {
        fst_rc_t expected = at % 50 == 7 || at % 50 == 9? FST_NOT_FOUND: at % 50 == 8? FST_BAD_NAME: FST_OK;
        cr_assert_eq (gets [at].rc, expected, "%u: %s", at, gets [at].problem);
        uint8_t *data = s_content (at * 13, at);
        cr_assert_eq (s_local_is (gets [at].local, data, at * 13), expected == FST_OK);
        free (data);
        free ((char *) puts [at].local);
        free ((char *) puts [at].path);
        free ((char *) gets [at].local);
        free (puts [at].problem);
        free (gets [at].problem);
    }
    free (puts);
    free (gets);
    s_end ();
}

Test (client, a_file_of_many_extents_is_told_to_metadata_in_pages, .timeout = 280)
{
    static const char *const settings [] = { "chunk-size", "64 KiB", "extent-chunks", "1", NULL };
    s_begin_with (2, settings);
    size_t bytes = 520 * CHUNK + 1;
    uint8_t *data = s_content (bytes, 30);
    s_put ("pages", data, bytes);
    s_check ("pages", data, bytes);
    free (data);
    s_end ();
}

Test (client, nodes_with_little_memory_are_only_slower, .timeout = 280)
{
    static const char *const settings [] = {
        "chunk-size", "64 KiB", "extent-chunks", "4", "window", "64 KiB", "data-memory", "1 MiB", NULL
    };
    s_begin_with (3, settings);
    size_t bytes = 30 * EXTENT + 1;
    uint8_t *data = s_content (bytes, 31);
    s_put ("large", data, bytes);
    s_check ("large", data, bytes);
    s_put ("small", data, CHUNK);
    s_check ("small", data, CHUNK);
    free (data);
    s_end ();
}

//  The one thing that only time can do.
static void
s_let_capabilities_end (void)
{
    zclock_sleep (3500);
}

Test (client, capabilities_that_end_are_renewed, .timeout = 280)
{
    static const char *const settings [] = {
        "chunk-size", "64 KiB", "extent-chunks", "64", "capability-time", "3 s", NULL
    };
    s_begin_with (3, settings);
    size_t bytes = 200 * EXTENT + 1;        //  More than is asked for at once
    uint8_t *data = s_content (bytes, 32);
    stream_t stream = { .data = data, .bytes = bytes, .trigger_at = 20 * EXTENT + CHUNK,
                        .trigger = s_let_capabilities_end };
    cr_assert_eq (s_put_stream ("slow", &stream), FST_OK, "%s", filestore_problem (s_client));
    collect_t to = { .trigger_at = CHUNK, .trigger = s_let_capabilities_end };
    cr_assert_eq (s_get_range ("slow", 0, -1, &to), FST_OK, "%s", filestore_problem (s_client));
    cr_assert_eq (to.bytes, bytes);
    cr_assert_eq (memcmp (to.data, data, bytes), 0);
    free (to.data);
    free (data);
    s_end ();
}

Test (client, a_session_that_is_used_is_renewed)
{
    s_begin (1);
    char *token = strdup (filestore_token (s_client));
    filestore_t *other = cluster_new_client (s_cluster, "30 d");    //  So that more than half of it is over
    cr_assert_eq (filestore_use_token (other, token), FST_OK);
    json_t *reply = NULL;
    cr_assert_eq (filestore_whoami (other, &reply), FST_OK);
    cr_assert_str_neq (filestore_token (other), token);
    json_decref (reply);
    char *renewed = strdup (filestore_token (other));
    cr_assert_eq (filestore_make_folder (other, "still-me", false), FST_OK, "%s", filestore_problem (other));
    cr_assert_str_eq (filestore_token (other), renewed, "it is fresh now");
    filestore_destroy (&other);
    free (renewed);
    free (token);
    s_end ();
}

Test (client, no_replace_keeps_what_is_there)
{
    s_begin (3);
    uint8_t *data = s_content (CHUNK * 2, 3);
    s_put ("kept", data, 100);
    filestore_put_options_t options = { .no_replace = true };
    for (int large = 0; large < 2; large++) {
        stream_t stream = { .data = data + 1, .bytes = large? CHUNK * 2 - 1: 50, .portion = 999 };
        filestore_source_t source = { .self = &stream, .read = s_stream_read };
        cr_assert_eq (filestore_put (s_client, "kept", &source, &options, NULL), FST_EXISTS);
        s_check ("kept", data, 100);
    }
    free (data);
    s_end ();
}

//  Small and large files go other ways; both ask for the version.
Test (client, a_file_is_put_only_over_the_version_that_was_expected)
{
    s_begin (3);
    uint8_t *data = s_content (CHUNK * 2, 4);
    for (int64_t version = 0; version < 4; version++) {
        filestore_put_options_t options = { .has_if_version = true };
        size_t bytes = version % 2? CHUNK * 2: 100;
        for (options.if_version = 4; options.if_version >= 0; options.if_version--) {
            if (options.if_version == version)
                continue;
            stream_t stream = { .data = data, .bytes = bytes, .portion = 999 };
            filestore_source_t source = { .self = &stream, .read = s_stream_read };
            cr_assert_eq (filestore_put (s_client, "a", &source, &options, NULL), FST_CHANGED);
        }
        options.if_version = version;
        stream_t stream = { .data = data, .bytes = bytes, .portion = 999 };
        filestore_source_t source = { .self = &stream, .read = s_stream_read };
        cr_assert_eq (filestore_put (s_client, "a", &source, &options, NULL), FST_OK, "%s", filestore_problem (s_client));
        s_check ("a", data, bytes);
    }
    free (data);
    s_end ();
}

static void
s_kill_node_1 (void)
{
    cluster_stop_node (s_cluster, 1);
}

static void
s_kill_nodes_1_and_2 (void)
{
    cluster_stop_node (s_cluster, 1);
    cluster_stop_node (s_cluster, 2);
}

//  All extents have two copies; from this one on, on nodes other than the one that was lost.
static void
s_check_copies (const char *path, const char *lost, size_t from)
{
    json_t *entry = NULL, *extent, *name;
    size_t at, index;
    cr_assert_eq (filestore_stat_extents (s_client, path, &entry), FST_OK, "%s", filestore_problem (s_client));
    json_array_foreach (json_object_get (entry, "extents"), at, extent) {
        cr_assert_eq (json_array_size (json_object_get (extent, "nodes")), 2, "extent %zu", at);
        json_array_foreach (json_object_get (extent, "nodes"), index, name)
            if (lost && at >= from)
                cr_assert (strcmp (json_string_value (name), lost) != 0);
    }
    json_decref (entry);
}

Test (client, an_upload_survives_the_loss_of_a_node, .timeout = 280)
{
    s_begin (3);
    size_t bytes = 60 * EXTENT + 9;
    uint8_t *data = s_content (bytes, 4);
    stream_t stream = { .data = data, .bytes = bytes, .trigger_at = 10 * EXTENT + CHUNK, .trigger = s_kill_node_1 };
    cr_assert_eq (s_put_stream ("survivor", &stream), FST_OK, "%s", filestore_problem (s_client));
    s_check ("survivor", data, bytes);
    s_check_copies ("survivor", "node-1", 21);
    free (data);
    s_end ();
}

Test (client, a_local_upload_survives_the_loss_of_all_copies_of_an_extent, .timeout = 280)
{
    s_begin (4);
    size_t bytes = 60 * EXTENT + 9;
    uint8_t *data = s_content (bytes, 5);
    s_write_local (s_local ("large"), data, bytes);
    s_kill_nodes_1_and_2 ();                //  Metadata still offers them
    cr_assert_eq (s_put_local (s_local ("large"), "survivor"), FST_OK, "%s", filestore_problem (s_client));
    s_check ("survivor", data, bytes);
    s_check_copies ("survivor", NULL, 0);
    free (data);
    s_end ();
}

Test (client, a_batch_survives_the_loss_of_a_node, .timeout = 280)
{
    s_begin (3);
    enum { FILES = 300 };
    static filestore_put_t puts [FILES];
    for (unsigned at = 0; at < FILES; at++) {
        char name [64];
        snprintf (name, sizeof (name), "b-%u", at);
        puts [at].local = strdup (s_local (name));
        puts [at].path = strdup (name);
        uint8_t *data = s_content (100 + at, at);
        s_write_local (puts [at].local, data, 100 + at);
        free (data);
    }
    s_kill_node_1 ();
    cr_assert_eq (filestore_put_files (s_client, puts, FILES, NULL), FST_OK, "%s", filestore_problem (s_client));
    for (unsigned at = 0; at < FILES; at++) {
        uint8_t *data = s_content (100 + at, at);
        s_check (puts [at].path, data, 100 + at);
        free (data);
        free ((char *) puts [at].local);
        free ((char *) puts [at].path);
    }
    s_end ();
}

Test (client, too_few_nodes_are_an_error_and_nothing_is_visible, .timeout = 280)
{
    s_begin (2);
    uint8_t *data = s_content (20 * EXTENT, 6);
    stream_t stream = { .data = data, .bytes = 20 * EXTENT, .trigger_at = 3 * EXTENT, .trigger = s_kill_node_1 };
    fst_rc_t rc = s_put_stream ("lost", &stream);
    cr_assert_eq (rc, FST_TOO_FEW_NODES, "%s", filestore_problem (s_client));
    cr_assert (strstr (filestore_problem (s_client), "lost"), "%s", filestore_problem (s_client));
    cr_assert_not (s_exists ("lost"));
    free (data);
    s_end ();
}

Test (client, a_download_survives_the_loss_of_a_node, .timeout = 280)
{
    s_begin (3);
    size_t bytes = 100 * EXTENT + 9;
    uint8_t *data = s_content (bytes, 7);
    s_put ("large", data, bytes);
    collect_t to = { .trigger_at = 5 * EXTENT, .trigger = s_kill_node_1 };
    cr_assert_eq (s_get_range ("large", 0, -1, &to), FST_OK, "%s", filestore_problem (s_client));
    cr_assert_eq (to.bytes, bytes);
    cr_assert_eq (memcmp (to.data, data, bytes), 0);
    free (to.data);
    free (data);
    s_end ();
}

//  A node that takes connections and never says anything: the test's own socket in its place.
static zsock_t *s_mute;

static void
s_mute_node_1 (void)
{
    char endpoint [256], *problem = NULL;
    s_kill_node_1 ();
    snprintf (endpoint, sizeof (endpoint), "ipc://%s/data-1", s_cluster->bus.folder);
    cr_assert_eq (fst_socket_bind (ZMQ_ROUTER, endpoint, "data:node-1", NULL, &s_mute, &problem), FST_OK, "%s", problem);
}

Test (client, a_silent_node_is_raced_by_a_download, .timeout = 280)
{
    s_begin (3);
    size_t bytes = 20 * EXTENT + 9;
    uint8_t *data = s_content (bytes, 20);
    s_put ("large", data, bytes);
    s_mute_node_1 ();
    int64_t least_ms = INT64_MAX;
    for (int at = 0; at < 5 && least_ms >= 4500; at++) {    //  A busy machine may spoil a try, but not all of them
        filestore_t *fresh = cluster_new_client (s_cluster, "1 h");     //  Who does not know that node yet
        cr_assert_eq (filestore_use_token (fresh, filestore_token (s_cluster->client)), FST_OK);
        s_client = fresh;
        int64_t begun_ms = fst_clock_mono_ms ();
        s_check ("large", data, bytes);
        least_ms = fst_clock_mono_ms () - begun_ms;
        s_client = s_cluster->client;
        filestore_destroy (&fresh);
    }
    cr_assert_lt (least_ms, 4500, "before the node counts as failed");
    zsock_destroy (&s_mute);
    free (data);
    s_end ();
}

Test (client, a_silent_node_is_replaced_by_an_upload, .timeout = 280)
{
    s_begin (3);
    size_t bytes = 20 * EXTENT + 9;
    uint8_t *data = s_content (bytes, 21);
    s_mute_node_1 ();
    s_put ("large", data, bytes);
    s_check ("large", data, bytes);
    zsock_destroy (&s_mute);
    free (data);
    s_end ();
}

//  A node that says at once that it has everything, and has something else.
static json_t *
s_lie (const char *command, json_t *request, size_t records)
{
    if (streq (command, "SEAL"))
        return json_pack ("{s:I, s:s, s:s}", "bytes", (json_int_t) EXTENT, "digest", "0123456789abcdef", "receipt", "AAAA");
    json_t *payload = json_pack ("{s:I}", "window", (json_int_t) 8 << 20);
    if (!json_is_true (json_object_get (request, "seal")))
        return payload;
    json_t *receipts = json_array ();
    for (size_t at = 0; at < records; at++)
        json_array_append_new (receipts, json_pack ("{s:s, s:s}", "digest", "0123456789abcdef", "receipt", "AAAA"));
    json_object_set_new (payload, "receipts", receipts);
    return payload;
}

static void
s_liar (zsock_t *pipe, void *args)
{
    zsock_t *port = args;
    zsock_signal (pipe, 0);
    zpoller_t *poller = zpoller_new (pipe, port, NULL);
    while (zpoller_wait (poller, -1) == port) {
        zmsg_t *message = zmsg_recv (port);
        zframe_t *peer = zmsg_pop (message), *head = zmsg_pop (message);
        json_t *request = json_loadb ((const char *) zframe_data (head), zframe_size (head), 0, NULL);
        json_t *reply = json_pack ("{s:i, s:O, s:s, s:o}", "v", 1, "id", json_object_get (request, "id"), "status", "ok",
            "payload", s_lie (json_string_value (json_object_get (request, "command")),
                              json_object_get (request, "payload"), zmsg_size (message)));
        char *text = json_dumps (reply, JSON_COMPACT);
        zsock_send (port, "fs", peer, text);
        free (text);
        json_decref (reply);
        json_decref (request);
        zframe_destroy (&head);
        zframe_destroy (&peer);
        zmsg_destroy (&message);
    }
    zpoller_destroy (&poller);
}

Test (client, a_node_that_says_it_has_other_octets_is_replaced, .timeout = 280)
{
    s_begin (3);
    size_t bytes = 8 * EXTENT;
    uint8_t *data = s_content (bytes, 22);
    s_mute_node_1 ();
    zactor_t *liar = zactor_new (s_liar, s_mute);
    for (int at = 0; at < 8; at++) {        //  Nodes are chosen by chance
        char path [32];
        snprintf (path, sizeof (path), "large-%d", at);
        s_put (path, data, bytes);
        s_check_copies (path, "node-1", 0);
        snprintf (path, sizeof (path), "small-%d", at);
        s_put (path, data, 1000);
        s_check_copies (path, "node-1", 0);
        s_check (path, data, 1000);
    }
    zactor_destroy (&liar);
    zsock_destroy (&s_mute);
    free (data);
    s_end ();
}

//  Flip one octet in the middle of every file below folder that is larger than so many octets.
static int
s_flip (const char *folder, off_t larger)
{
    int flipped = 0;
    zdir_t *dir = zdir_new (folder, NULL);
    zfile_t **files = zdir_flatten (dir);
    for (size_t at = 0; files [at]; at++) {
        int fd = open (zfile_filename (files [at], NULL), O_RDWR);
        struct stat status;
        if (fd >= 0 && fstat (fd, &status) == 0 && status.st_size > larger && strstr (zfile_filename (files [at], NULL), "extents/")) {
            uint8_t octet;
            off_t offset = 1000;
            cr_assert_eq (pread (fd, &octet, 1, offset), 1);
            octet ^= 0x10;
            cr_assert_eq (pwrite (fd, &octet, 1, offset), 1);
            flipped++;
        }
        close (fd);
    }
    zdir_flatten_free (&files);
    zdir_destroy (&dir);
    return flipped;
}

Test (client, a_flipped_octet_on_one_replica_is_never_returned)
{
    s_begin (2);
    size_t bytes = 5 * EXTENT;
    uint8_t *data = s_content (bytes, 8);
    s_put ("flipped", data, bytes);
    cr_assert_eq (s_flip (s_local ("node-1"), CHUNK), 5);
    s_check ("flipped", data, bytes);
    cr_assert_eq (s_flip (s_local ("node-2"), CHUNK), 5);
    collect_t to = { .data = NULL };
    fst_rc_t rc = s_get_range ("flipped", 0, -1, &to);
    cr_assert_neq (rc, FST_OK);
    cr_assert_eq (to.bytes, 0, "the first chunk is the one that is bad");
    free (to.data);
    free (data);
    s_end ();
}

//  Get a file that cannot be read; nothing of it is given. The sentence is the client's.
static fst_rc_t
s_get_in_vain (const char *path)
{
    collect_t to = { .data = NULL };
    fst_rc_t rc = s_get_range (path, 0, -1, &to);
    cr_assert_neq (rc, FST_OK);
    cr_assert_eq (to.bytes, 0);
    free (to.data);
    return rc;
}

Test (client, a_file_without_a_good_copy_says_what_is_lost_and_where_it_was, .timeout = 200)
{
    s_begin (2);
    size_t bytes = 2 * EXTENT;
    uint8_t *data = s_content (bytes, 9);
    s_put ("lost", data, bytes);
    cluster_stop_node (s_cluster, 2);
    cr_assert_eq (s_flip (s_local ("node-1"), CHUNK), 2);
    cr_assert_eq (s_get_in_vain ("lost"), FST_UNAVAILABLE, "it may come back");
    const char *said = filestore_problem (s_client);
    cr_assert (strstr (said, "lost: octets 0 to 65535 cannot be read now"), "%s", said);
    cr_assert (strstr (said, "node-2 ("), "%s", said);
    cr_assert_eq (s_flip (s_local ("node-2"), CHUNK), 2);
    cluster_start_node (s_cluster, 2);
    int64_t deadline_ms = fst_clock_mono_ms () + 100000;
    while (s_get_in_vain ("lost") != FST_CORRUPT)       //  Until it is known that the node is back
        cr_assert (fst_clock_mono_ms () < deadline_ms, "%s", filestore_problem (s_client));
    said = filestore_problem (s_client);
    cr_assert (strstr (said, "octets 0 to 65535 are lost") && strstr (said, "node-2 ("), "%s", said);
    free (data);
    s_end ();
}

static char s_growing [256];

static bool
s_grow (void *arg, int64_t done, int64_t total)
{
    (void) done;
    (void) total;
    bool *grown = arg;
    if (!*grown) {
        int fd = open (s_growing, O_WRONLY | O_APPEND);
        cr_assert_eq (write (fd, "x", 1), 1);
        close (fd);
    }
    *grown = true;
    return true;
}

Test (client, a_file_that_changes_while_it_is_read_is_not_stored)
{
    s_begin (3);
    size_t bytes = 100 * EXTENT;
    uint8_t *data = s_content (bytes, 9);
    snprintf (s_growing, sizeof (s_growing), "%s", s_local ("growing"));
    s_write_local (s_growing, data, bytes);
    bool grown = false;
    filestore_put_options_t options = { .progress = s_grow, .progress_arg = &grown };
    filestore_put_t file = { .local = s_growing, .path = "growing" };
    cr_assert_eq (filestore_put_files (s_client, &file, 1, &options), FST_CHANGED);
    cr_assert (strstr (file.problem, s_growing));
    free (file.problem);
    cr_assert_not (s_exists ("growing"));
    free (data);
    s_end ();
}

//  Interrupts when the flag is set; or, for a download, takes the nodes away at the first call, so that it cannot be
//  done before the fifth, which interrupts.
static bool s_stop;

static void
s_set_stop (void)
{
    s_stop = true;
}

static bool
s_until_stop (void *arg, int64_t done, int64_t total)
{
    (void) arg;
    (void) done;
    (void) total;
    return !s_stop;
}

static bool
s_until_fifth (void *arg, int64_t done, int64_t total)
{
    (void) done;
    (void) total;
    int *calls = arg;
    if (++*calls == 1)
        s_kill_nodes_1_and_2 ();
    return *calls < 5;
}

Test (client, an_interrupted_transfer_leaves_nothing_and_the_client_goes_on)
{
    s_begin (2);
    size_t bytes = 100 * EXTENT;
    uint8_t *data = s_content (bytes, 10);
    filestore_put_options_t put_options = { .progress = s_until_stop };
    stream_t stream = { .data = data, .bytes = bytes, .portion = 50000, .trigger_at = 50 * EXTENT, .trigger = s_set_stop };
    filestore_source_t source = { .self = &stream, .read = s_stream_read };
    cr_assert_eq (filestore_put (s_client, "stopped", &source, &put_options, NULL), FST_INTERRUPTED);
    cr_assert_not (s_exists ("stopped"));
    s_put ("whole", data, bytes);
    int calls = 0;
    filestore_get_options_t get_options = { .length = -1, .progress = s_until_fifth, .progress_arg = &calls };
    filestore_get_t file = { .path = "whole", .local = s_local ("fetched") };
    cr_assert_eq (filestore_get_files (s_client, &file, 1, &get_options), FST_INTERRUPTED, "%s", file.problem);
    cr_assert_eq (file.rc, FST_INTERRUPTED);
    free (file.problem);
    cr_assert_eq (access (s_local ("fetched"), F_OK), -1);
    zdir_t *dir = zdir_new (s_cluster->bus.folder, "-");
    zfile_t **files = zdir_flatten (dir);
    for (size_t at = 0; files [at]; at++)
        cr_assert_null (strstr (zfile_filename (files [at], NULL), ".part"), "a temporary file was left");
    zdir_flatten_free (&files);
    zdir_destroy (&dir);
    cluster_start_node (s_cluster, 1);
    cluster_start_node (s_cluster, 2);
    s_check ("whole", data, bytes);
    free (data);
    s_end ();
}

Test (client, a_source_that_fails_fails_the_put)
{
    s_begin (3);
    uint8_t *data = s_content (10 * EXTENT, 11);
    for (int large = 0; large < 2; large++) {
        stream_t stream = { .data = data, .bytes = 10 * EXTENT, .trigger_at = large? 5 * EXTENT: 100, .fail_rc = FST_IO };
        cr_assert_eq (s_put_stream ("broken", &stream), FST_IO);
        cr_assert_not (s_exists ("broken"));
    }
    free (data);
    s_end ();
}

Test (client, refusals_name_the_path)
{
    s_begin (2);
    uint8_t *data = s_content (2 * CHUNK, 12);
    static const struct { const char *path; fst_rc_t rc; } cases [] = {
        { "no/such/folder/file", FST_NOT_FOUND }, { "/users/other/file", FST_ERRORS_COUNT }, { "a/../b", FST_BAD_NAME }
    };
    for (size_t at = 0; at < sizeof (cases) / sizeof (*cases); at++)
        for (int large = 0; large < 2; large++) {
            stream_t stream = { .data = data, .bytes = large? 2 * CHUNK: 10 };
            fst_rc_t rc = s_put_stream (cases [at].path, &stream);
            cr_assert_neq (rc, FST_OK);
            if (cases [at].rc != FST_ERRORS_COUNT)
                cr_assert_eq (rc, cases [at].rc, "%s", filestore_problem (s_client));
            cr_assert (strstr (filestore_problem (s_client), cases [at].path), "%s", filestore_problem (s_client));
        }
    collect_t to = { .data = NULL };
    cr_assert_eq (s_get_range ("nothing-here", 0, -1, &to), FST_NOT_FOUND);
    cr_assert (strstr (filestore_problem (s_client), "nothing-here"));
    free (data);
    s_end ();
}

static fst_rc_t
s_count_entry (void *arg, const filestore_entry_t *entry)
{
    int *count = arg;
    char expected [32];
    snprintf (expected, sizeof (expected), "d-%05d", (*count)++);
    cr_assert_str_eq (entry->name, expected);
    cr_assert_not (entry->folder);
    cr_assert_eq (entry->size, 0);
    return *count == 2500? FST_INTERRUPTED: FST_OK;
}

Test (client, namespace_calls)
{
    s_begin (2);
    cr_assert_eq (filestore_make_folder (s_client, "a/b", false), FST_NOT_FOUND);
    cr_assert_eq (filestore_make_folder (s_client, "a/b", true), FST_OK);
    cr_assert_eq (filestore_make_folder (s_client, "a/b", true), FST_OK);
    uint8_t *data = s_content (1000, 13);
    s_put ("a/b/one", data, 1000);
    cr_assert_eq (filestore_move (s_client, "a/b/one", "two", false), FST_OK);
    s_check ("two", data, 1000);
    cr_assert_eq (filestore_delete (s_client, "a", false, false), FST_NOT_EMPTY);
    cr_assert_eq (filestore_delete (s_client, "a", true, true), FST_OK);
    cr_assert_not (s_exists ("a"));
    static filestore_put_t puts [3000];     //  More than a page
    static char names [3000] [32];
    s_write_local (s_local ("empty"), data, 0);
    cr_assert_eq (filestore_make_folder (s_client, "list", true), FST_OK);
    for (int at = 0; at < 3000; at++) {
        snprintf (names [at], sizeof (names [at]), "list/d-%05d", at);
        puts [at] = (filestore_put_t) { .local = s_local ("empty"), .path = names [at] };
    }
    cr_assert_eq (filestore_put_files (s_client, puts, 3000, NULL), FST_OK, "%s", filestore_problem (s_client));
    int count = 0;
    cr_assert_eq (filestore_list (s_client, "list", s_count_entry, &count), FST_INTERRUPTED);
    cr_assert_eq (count, 2500);
    json_t *reply = NULL;
    cr_assert_eq (filestore_whoami (s_client, &reply), FST_OK);
    cr_assert_str_eq (json_string_value (json_object_get (reply, "user")), "anna");
    json_decref (reply);
    cr_assert_eq (filestore_nodes (s_client, &reply), FST_OK);
    cr_assert_eq (json_array_size (json_object_get (reply, "nodes")), 2);
    json_decref (reply);
    char *token = strdup (filestore_token (s_client));
    filestore_t *other = cluster_new_client (s_cluster, "1 h");
    cr_assert_eq (filestore_use_token (other, "nonsense"), FST_UNAUTHENTICATED);
    cr_assert_eq (filestore_whoami (other, &reply), FST_UNAUTHENTICATED);
    cr_assert_eq (filestore_use_token (other, token), FST_OK);
    cr_assert_eq (filestore_stat (other, "two", &reply), FST_OK);
    json_decref (reply);
    cr_assert_eq (filestore_logout (other), FST_OK);
    cr_assert_null (filestore_token (other));
    cr_assert_eq (filestore_logout (s_client), FST_OK, "the same session: it is over already");
    filestore_destroy (&other);
    free (token);
    free (data);
    s_end ();
}
