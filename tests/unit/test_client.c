//  The client library against a whole cluster in one process: what goes in comes out.

#include "client_world.h"

static const size_t s_sizes [] = {
    0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, EXTENT - 1, EXTENT, EXTENT + 1, 3 * EXTENT + 5
};
#define SIZES (sizeof (s_sizes) / sizeof (*s_sizes))

Test (client, what_a_stream_puts_comes_back)
{
    client_begin (3);
    for (size_t at = 0; at < SIZES; at++) {
        char path [64];
        snprintf (path, sizeof (path), "stream-%zu", s_sizes [at]);
        uint8_t *data = client_content (s_sizes [at], (unsigned) at);
        client_put (path, data, s_sizes [at]);
        client_check (path, data, s_sizes [at]);
        free (data);
    }
    client_end ();
}

Test (client, what_local_files_put_comes_back_with_its_time)
{
    client_begin (3);
    filestore_put_t puts [SIZES] = { { 0 } };
    filestore_get_t gets [SIZES] = { { 0 } };
    for (size_t at = 0; at < SIZES; at++) {
        char name [64];
        snprintf (name, sizeof (name), "in-%zu", at);
        puts [at].local = strdup (client_local (name));
        snprintf (name, sizeof (name), "file-%zu", at);
        puts [at].path = gets [at].path = strdup (name);
        snprintf (name, sizeof (name), "out-%zu", at);
        gets [at].local = strdup (client_local (name));
        uint8_t *data = client_content (s_sizes [at], (unsigned) at);
        client_write_local (puts [at].local, data, s_sizes [at]);
        struct timespec times [2] = { { .tv_nsec = UTIME_OMIT }, { 1000000000 + (time_t) at, 123000000 } };
        cr_assert_eq (utimensat (AT_FDCWD, puts [at].local, times, 0), 0);
        free (data);
    }
    cr_assert_eq (filestore_put_files (s_client, puts, SIZES, NULL), FST_OK, "%s", filestore_problem (s_client));
    cr_assert_eq (filestore_get_files (s_client, gets, SIZES, NULL), FST_OK, "%s", filestore_problem (s_client));
    for (size_t at = 0; at < SIZES; at++) {
        uint8_t *data = client_content (s_sizes [at], (unsigned) at);
        cr_assert (client_local_is (gets [at].local, data, s_sizes [at]), "size %zu", s_sizes [at]);
        struct stat status;
        cr_assert_eq (stat (gets [at].local, &status), 0);
        cr_assert_eq (status.st_mtim.tv_sec, 1000000000 + (time_t) at);
        cr_assert_eq (status.st_mtim.tv_nsec, 123000000);
        free (data);
        free ((char *) puts [at].local);
        free ((char *) puts [at].path);
        free ((char *) gets [at].local);
    }
    client_end ();
}

Test (client, every_extent_has_two_copies)
{
    client_begin (3);
    uint8_t *data = client_content (3 * EXTENT + 5, 1);
    client_put ("two", data, 3 * EXTENT + 5);
    client_put ("small", data, 100);
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
    client_end ();
}

Test (client, a_range_is_that_range)
{
    client_begin (3);
    size_t bytes = 40 * EXTENT + 77;        //  More extents than one page has
    uint8_t *data = client_content (bytes, 2);
    client_put ("big", data, bytes);
    client_put ("small", data, 1000);
    static const struct { int64_t offset, length; } ranges [] = {
        { 0, 1 }, { CHUNK - 1, 2 }, { EXTENT - 1, 2 }, { 35 * EXTENT + 3, CHUNK }, { 39 * EXTENT, -1 },
        { 5, 3 * EXTENT }, { 40 * EXTENT + 70, 100 }, { 40 * EXTENT + 77, 5 }, { 12345, 0 }
    };
    for (size_t at = 0; at < sizeof (ranges) / sizeof (*ranges); at++) {
        collect_t to = { .data = NULL };
        cr_assert_eq (client_get_range ("big", ranges [at].offset, ranges [at].length, &to), FST_OK, "%s",
                      filestore_problem (s_client));
        size_t left = bytes - (size_t) ranges [at].offset;
        size_t wanted = ranges [at].length < 0 || (size_t) ranges [at].length > left? left: (size_t) ranges [at].length;
        cr_assert_eq (to.bytes, wanted, "range %zu", at);
        cr_assert (!wanted || memcmp (to.data, data + ranges [at].offset, wanted) == 0, "range %zu", at);
        free (to.data);
    }
    collect_t to = { .data = NULL };
    cr_assert_eq (client_get_range ("small", 10, 20, &to), FST_OK);
    cr_assert (to.bytes == 20 && memcmp (to.data, data + 10, 20) == 0);
    cr_assert_eq (client_get_range ("small", 1001, 1, &to), FST_MALFORMED);
    free (to.data);
    free (data);
    client_end ();
}

Test (client, a_batch_stores_all_that_it_can)
{
    client_begin (3);
    enum { FILES = 700 };
    filestore_put_t *puts = calloc (FILES, sizeof (*puts));
    filestore_get_t *gets = calloc (FILES, sizeof (*gets));
    cr_assert_eq (filestore_make_folder (s_client, "many", false), FST_OK);
    for (unsigned at = 0; at < FILES; at++) {
        char name [64];
        snprintf (name, sizeof (name), "b-%u", at);
        puts [at].local = strdup (client_local (name));
        snprintf (name, sizeof (name), at % 50 == 7? "nowhere/f-%u": at % 50 == 8? "many/../f-%u": "many/f-%u", at);
        puts [at].path = gets [at].path = strdup (name);
        snprintf (name, sizeof (name), "bo-%u", at);
        gets [at].local = strdup (client_local (name));
        if (at % 50 != 9) {
            uint8_t *data = client_content (at * 13, at);
            client_write_local (puts [at].local, data, at * 13);
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
        uint8_t *data = client_content (at * 13, at);
        cr_assert_eq (client_local_is (gets [at].local, data, at * 13), expected == FST_OK);
        free (data);
        free ((char *) puts [at].local);
        free ((char *) puts [at].path);
        free ((char *) gets [at].local);
        free (puts [at].problem);
        free (gets [at].problem);
    }
    free (puts);
    free (gets);
    client_end ();
}

Test (client, a_file_of_many_extents_is_told_to_metadata_in_pages, .timeout = 280)
{
    static const char *const settings [] = { "chunk-size", "64 KiB", "extent-chunks", "1", NULL };
    client_begin_with (2, settings);
    size_t bytes = 520 * CHUNK + 1;
    uint8_t *data = client_content (bytes, 30);
    client_put ("pages", data, bytes);
    client_check ("pages", data, bytes);
    free (data);
    client_end ();
}

Test (client, nodes_with_little_memory_are_only_slower, .timeout = 280)
{
    static const char *const settings [] = {
        "chunk-size", "64 KiB", "extent-chunks", "4", "window", "64 KiB", "data-memory", "1 MiB", NULL
    };
    client_begin_with (3, settings);
    size_t bytes = 30 * EXTENT + 1;
    uint8_t *data = client_content (bytes, 31);
    client_put ("large", data, bytes);
    client_check ("large", data, bytes);
    client_put ("small", data, CHUNK);
    client_check ("small", data, CHUNK);
    free (data);
    client_end ();
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
    client_begin_with (3, settings);
    size_t bytes = 200 * EXTENT + 1;        //  More than is asked for at once
    uint8_t *data = client_content (bytes, 32);
    stream_t stream = { .data = data, .bytes = bytes, .trigger_at = 20 * EXTENT + CHUNK,
                        .trigger = s_let_capabilities_end };
    cr_assert_eq (client_put_stream ("slow", &stream), FST_OK, "%s", filestore_problem (s_client));
    collect_t to = { .trigger_at = CHUNK, .trigger = s_let_capabilities_end };
    cr_assert_eq (client_get_range ("slow", 0, -1, &to), FST_OK, "%s", filestore_problem (s_client));
    cr_assert_eq (to.bytes, bytes);
    cr_assert_eq (memcmp (to.data, data, bytes), 0);
    free (to.data);
    free (data);
    client_end ();
}

Test (client, a_session_that_is_used_is_renewed)
{
    client_begin (1);
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
    client_end ();
}

Test (client, no_replace_keeps_what_is_there)
{
    client_begin (3);
    uint8_t *data = client_content (CHUNK * 2, 3);
    client_put ("kept", data, 100);
    filestore_put_options_t options = { .no_replace = true };
    for (int large = 0; large < 2; large++) {
        stream_t stream = { .data = data + 1, .bytes = large? CHUNK * 2 - 1: 50, .portion = 999 };
        filestore_source_t source = { .self = &stream, .read = client_read };
        cr_assert_eq (filestore_put (s_client, "kept", &source, &options, NULL), FST_EXISTS);
        client_check ("kept", data, 100);
    }
    free (data);
    client_end ();
}

//  Small and large files go other ways; both ask for the version.
Test (client, a_file_is_put_only_over_the_version_that_was_expected)
{
    client_begin (3);
    uint8_t *data = client_content (CHUNK * 2, 4);
    for (int64_t version = 0; version < 4; version++) {
        filestore_put_options_t options = { .has_if_version = true };
        size_t bytes = version % 2? CHUNK * 2: 100;
        for (options.if_version = 4; options.if_version >= 0; options.if_version--) {
            if (options.if_version == version)
                continue;
            stream_t stream = { .data = data, .bytes = bytes, .portion = 999 };
            filestore_source_t source = { .self = &stream, .read = client_read };
            cr_assert_eq (filestore_put (s_client, "a", &source, &options, NULL), FST_CHANGED);
        }
        options.if_version = version;
        stream_t stream = { .data = data, .bytes = bytes, .portion = 999 };
        filestore_source_t source = { .self = &stream, .read = client_read };
        cr_assert_eq (filestore_put (s_client, "a", &source, &options, NULL), FST_OK, "%s", filestore_problem (s_client));
        client_check ("a", data, bytes);
    }
    free (data);
    client_end ();
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
    client_begin (3);
    size_t bytes = 100 * EXTENT;
    uint8_t *data = client_content (bytes, 9);
    snprintf (s_growing, sizeof (s_growing), "%s", client_local ("growing"));
    client_write_local (s_growing, data, bytes);
    bool grown = false;
    filestore_put_options_t options = { .progress = s_grow, .progress_arg = &grown };
    filestore_put_t file = { .local = s_growing, .path = "growing" };
    cr_assert_eq (filestore_put_files (s_client, &file, 1, &options), FST_CHANGED);
    cr_assert (strstr (file.problem, s_growing));
    free (file.problem);
    cr_assert_not (client_exists ("growing"));
    free (data);
    client_end ();
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
    if (++*calls == 1) {
        cluster_stop_node (s_cluster, 1);
        cluster_stop_node (s_cluster, 2);
    }
    return *calls < 5;
}

Test (client, an_interrupted_transfer_leaves_nothing_and_the_client_goes_on)
{
    client_begin (2);
    size_t bytes = 100 * EXTENT;
    uint8_t *data = client_content (bytes, 10);
    filestore_put_options_t put_options = { .progress = s_until_stop };
    stream_t stream = { .data = data, .bytes = bytes, .portion = 50000, .trigger_at = 50 * EXTENT, .trigger = s_set_stop };
    filestore_source_t source = { .self = &stream, .read = client_read };
    cr_assert_eq (filestore_put (s_client, "stopped", &source, &put_options, NULL), FST_INTERRUPTED);
    cr_assert_not (client_exists ("stopped"));
    client_put ("whole", data, bytes);
    int calls = 0;
    filestore_get_options_t get_options = { .length = -1, .progress = s_until_fifth, .progress_arg = &calls };
    filestore_get_t file = { .path = "whole", .local = client_local ("fetched") };
    cr_assert_eq (filestore_get_files (s_client, &file, 1, &get_options), FST_INTERRUPTED, "%s", file.problem);
    cr_assert_eq (file.rc, FST_INTERRUPTED);
    free (file.problem);
    cr_assert_eq (access (client_local ("fetched"), F_OK), -1);
    zdir_t *dir = zdir_new (s_cluster->bus.folder, "-");
    zfile_t **files = zdir_flatten (dir);
    for (size_t at = 0; files [at]; at++)
        cr_assert_null (strstr (zfile_filename (files [at], NULL), ".part"), "a temporary file was left");
    zdir_flatten_free (&files);
    zdir_destroy (&dir);
    cluster_start_node (s_cluster, 1);
    cluster_start_node (s_cluster, 2);
    client_check ("whole", data, bytes);
    free (data);
    client_end ();
}

Test (client, a_source_that_fails_fails_the_put)
{
    client_begin (3);
    uint8_t *data = client_content (10 * EXTENT, 11);
    for (int large = 0; large < 2; large++) {
        stream_t stream = { .data = data, .bytes = 10 * EXTENT, .trigger_at = large? 5 * EXTENT: 100, .fail_rc = FST_IO };
        cr_assert_eq (client_put_stream ("broken", &stream), FST_IO);
        cr_assert_not (client_exists ("broken"));
    }
    free (data);
    client_end ();
}

Test (client, refusals_name_the_path)
{
    client_begin (2);
    uint8_t *data = client_content (2 * CHUNK, 12);
    static const struct { const char *path; fst_rc_t rc; } cases [] = {
        { "no/such/folder/file", FST_NOT_FOUND }, { "/users/other/file", FST_ERRORS_COUNT }, { "a/../b", FST_BAD_NAME }
    };
    for (size_t at = 0; at < sizeof (cases) / sizeof (*cases); at++)
        for (int large = 0; large < 2; large++) {
            stream_t stream = { .data = data, .bytes = large? 2 * CHUNK: 10 };
            fst_rc_t rc = client_put_stream (cases [at].path, &stream);
            cr_assert_neq (rc, FST_OK);
            if (cases [at].rc != FST_ERRORS_COUNT)
                cr_assert_eq (rc, cases [at].rc, "%s", filestore_problem (s_client));
            cr_assert (strstr (filestore_problem (s_client), cases [at].path), "%s", filestore_problem (s_client));
        }
    collect_t to = { .data = NULL };
    cr_assert_eq (client_get_range ("nothing-here", 0, -1, &to), FST_NOT_FOUND);
    cr_assert (strstr (filestore_problem (s_client), "nothing-here"));
    free (data);
    client_end ();
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
    client_begin (2);
    cr_assert_eq (filestore_make_folder (s_client, "a/b", false), FST_NOT_FOUND);
    cr_assert_eq (filestore_make_folder (s_client, "a/b", true), FST_OK);
    cr_assert_eq (filestore_make_folder (s_client, "a/b", true), FST_OK);
    uint8_t *data = client_content (1000, 13);
    client_put ("a/b/one", data, 1000);
    cr_assert_eq (filestore_move (s_client, "a/b/one", "two", false), FST_OK);
    client_check ("two", data, 1000);
    cr_assert_eq (filestore_delete (s_client, "a", false, false), FST_NOT_EMPTY);
    cr_assert_eq (filestore_delete (s_client, "a", true, true), FST_OK);
    cr_assert_not (client_exists ("a"));
    static filestore_put_t puts [3000];     //  More than a page
    static char names [3000] [32];
    client_write_local (client_local ("empty"), data, 0);
    cr_assert_eq (filestore_make_folder (s_client, "list", true), FST_OK);
    for (int at = 0; at < 3000; at++) {
        snprintf (names [at], sizeof (names [at]), "list/d-%05d", at);
        puts [at] = (filestore_put_t) { .local = client_local ("empty"), .path = names [at] };
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
    client_end ();
}
