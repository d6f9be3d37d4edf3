//  Streams of the client library: sources that pause, versions, and looking before the first octet.

#include "cluster_fixture.h"
#include <criterion/criterion.h>
#include <sys/eventfd.h>

static cluster_t *s_cluster;

static void
s_begin (void)
{
    static const char *const settings [] = { "chunk-size", "64 KiB", "extent-chunks", "4", "lease", "1 s",
                                             "capability-time", "1 s", NULL };
    s_cluster = cluster_new (3, settings);
}

static void
s_end (void)
{
    cluster_destroy (&s_cluster);
}

TestSuite (stream, .init = s_begin, .fini = s_end);

//  Octets that tell where they are.
static uint8_t
s_octet (size_t at)
{
    return (uint8_t) (at * 2654435761u >> 24);
}

//  Gives its octets piece by piece, and has nothing between a pause at every place named.
typedef struct {
    size_t at, bytes;
    size_t pauses [8];
    int next;
    int64_t pause_ms, until_ms;
    int fd;
    int busy;                   //  How often it had nothing
} s_paused_t;

static fst_rc_t
s_read (void *arg, void *data, size_t bytes, size_t *got_p)
{
    s_paused_t *self = arg;
    int64_t now_ms = fst_clock_mono_ms ();
    size_t most = self->bytes;
    if (self->pauses [self->next]) {
        most = self->pauses [self->next];
        if (self->at == most) {
            self->until_ms = self->until_ms? self->until_ms: now_ms + self->pause_ms;
            if (now_ms < self->until_ms) {
                self->busy++;
                return FST_BUSY;
            }
            self->until_ms = 0;
            self->next++;
            most = self->pauses [self->next]? self->pauses [self->next]: self->bytes;
        }
    }
    size_t count = most - self->at < bytes? most - self->at: bytes;
    count = count > 10000? 10000: count;
    for (size_t at = 0; at < count; at++)
        ((uint8_t *) data) [at] = s_octet (self->at + at);
    self->at += count;
    *got_p = count;
    return FST_OK;
}

typedef struct {
    size_t at;
    bool wrong;
} s_check_t;

static fst_rc_t
s_write (void *arg, const void *data, size_t bytes)
{
    s_check_t *self = arg;
    for (size_t at = 0; at < bytes; at++)
        self->wrong = self->wrong || ((const uint8_t *) data) [at] != s_octet (self->at + at);
    self->at += bytes;
    return FST_OK;
}

static void
s_put_paused (const char *path, size_t bytes, s_paused_t *paused)
{
    paused->bytes = bytes;
    paused->fd = eventfd (0, EFD_NONBLOCK);
    filestore_source_t source = { .self = paused, .read = s_read, .waits = true, .fd = paused->fd };
    fst_rc_t rc = filestore_put (s_cluster->client, path, &source, NULL, NULL);
    cr_assert_eq (rc, FST_OK, "%s", filestore_problem (s_cluster->client));
    close (paused->fd);
    s_check_t check = { 0 };
    filestore_sink_t sink = { .self = &check, .write = s_write };
    rc = filestore_get (s_cluster->client, path, &sink, NULL);
    cr_assert_eq (rc, FST_OK, "%s", filestore_problem (s_cluster->client));
    cr_assert_eq (check.at, bytes);
    cr_assert_not (check.wrong);
}

//  At the border of an extent nothing is begun that could keep the lease; in a chunk there is.
Test (stream, a_source_that_pauses_outlives_lease_and_capabilities)
{
    s_paused_t paused = { .pauses = { 300000, 65536 * 5 }, .pause_ms = 2500 };
    s_put_paused ("a", 800000, &paused);
    cr_assert_gt (paused.busy, 0);
}

Test (stream, a_source_that_pauses_before_its_first_octets_is_waited_for)
{
    s_paused_t small = { .pauses = { 1000 }, .pause_ms = 300 };
    s_put_paused ("small", 3000, &small);
    s_paused_t large = { .pauses = { 65000, 65536, 65537 }, .pause_ms = 50 };
    s_put_paused ("large", 70000, &large);
    cr_assert_gt (large.busy, 2);
}

static void
s_put_as (filestore_t *client, const char *path, size_t bytes)
{
    s_paused_t whole = { .bytes = bytes };
    filestore_source_t source = { .self = &whole, .read = s_read };
    cr_assert_eq (filestore_put (client, path, &source, NULL, NULL), FST_OK, "%s", filestore_problem (client));
}

//  What anyone wrote, with the cipher of their machine, everyone reads, whatever they would write with
Test (stream, contents_of_both_ciphers_are_read_by_everyone)
{
    static const char *const ciphers [] = { "xchacha20-poly1305", "aes-256-gcm" };
    static const char *const paths [2][2] = { { "small-1", "large-1" }, { "small-2", "large-2" } };
    filestore_t *clients [2];
    for (int writer = 0; writer < 2; writer++) {
        clients [writer] = cluster_new_client_with (s_cluster, "cipher", ciphers [writer]);
        cr_assert_eq (filestore_login (clients [writer], "anna", "secret-123", NULL), FST_OK);
        s_put_as (clients [writer], paths [writer][0], 3000);
        s_put_as (clients [writer], paths [writer][1], 400000);
    }
    for (int at = 0; at < 8; at++) {
        s_check_t check = { 0 };
        filestore_sink_t sink = { .self = &check, .write = s_write };
        filestore_t *reader = clients [at & 1];
        const char *path = paths [at >> 1 & 1][at >> 2];
        cr_assert_eq (filestore_get (reader, path, &sink, NULL), FST_OK, "%s", filestore_problem (reader));
        cr_expect_eq (check.at, at >> 2? 400000: 3000);
        cr_expect_not (check.wrong);
    }
    filestore_destroy (&clients [0]);
    filestore_destroy (&clients [1]);
}

static void
s_put_bytes (const char *path, size_t bytes)
{
    s_paused_t plain = { .bytes = bytes };
    filestore_source_t source = { .self = &plain, .read = s_read };
    fst_rc_t rc = filestore_put (s_cluster->client, path, &source, NULL, NULL);
    cr_assert_eq (rc, FST_OK, "%s", filestore_problem (s_cluster->client));
}

typedef struct {
    filestore_content_t content;
    fst_rc_t rc;
    int64_t offset, length;
} s_look_t;

static fst_rc_t
s_opened (void *arg, const filestore_content_t *content, int64_t *offset_p, int64_t *length_p)
{
    s_look_t *self = arg;
    self->content = *content;
    *offset_p = self->offset;
    *length_p = self->length;
    return self->rc;
}

Test (stream, a_get_of_an_older_version_gives_that)
{
    s_put_bytes ("v", 100000);
    s_put_bytes ("v", 200);
    s_check_t check = { 0 };
    filestore_sink_t sink = { .self = &check, .write = s_write };
    filestore_get_options_t options = { .length = -1, .version = 1 };
    cr_assert_eq (filestore_get (s_cluster->client, "v", &sink, &options), FST_OK);
    cr_assert_eq (check.at, 100000);
    cr_assert_not (check.wrong);
}

Test (stream, who_looks_first_may_narrow_the_range_or_ask_no_node_at_all)
{
    s_put_bytes ("v", 200000);
    s_check_t check = { .at = 70000 };
    filestore_sink_t sink = { .self = &check, .write = s_write };
    s_look_t look = { .offset = 70000, .length = 100 };
    filestore_get_options_t options = { .length = -1, .opened = s_opened, .opened_arg = &look };
    cr_assert_eq (filestore_get (s_cluster->client, "v", &sink, &options), FST_OK);
    cr_assert_eq (check.at, 70100);
    cr_assert_not (check.wrong);
    cr_assert_eq (look.content.size, 200000);
    cr_assert_eq (look.content.version, 1);
    cr_assert_gt (look.content.id, 0);
    for (int node = 1; node <= 3; node++)
        cluster_stop_node (s_cluster, node);
    look.rc = FST_CHANGED;
    cr_assert_eq (filestore_get (s_cluster->client, "v", &sink, &options), FST_CHANGED);
    cr_assert_eq (check.at, 70100);
}

Test (stream, a_client_that_was_stopped_does_nothing_any_more)
{
    filestore_stop (s_cluster->client);
    json_t *reply = NULL;
    cr_assert_eq (filestore_status (s_cluster->client, &reply), FST_INTERRUPTED);
}
