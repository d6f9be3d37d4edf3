//  A cluster and a client for tests of the client library. Chunks are 64 KiB and extents 4 chunks, so that every border is
//  near. Included by one program each.

#ifndef CLIENT_WORLD_H_INCLUDED
#define CLIENT_WORLD_H_INCLUDED

#include "cluster_fixture.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK  65536
#define EXTENT (4 * CHUNK)

static cluster_t *s_cluster;
static filestore_t *s_client;

static inline void
client_begin_with (int nodes, const char *const *settings)
{
    s_cluster = cluster_new (nodes, settings);
    s_client = s_cluster->client;
}

static inline void
client_begin (int nodes)
{
    static const char *const settings [] = { "chunk-size", "64 KiB", "extent-chunks", "4", NULL };
    client_begin_with (nodes, settings);
}

static inline void
client_end (void)
{
    cluster_destroy (&s_cluster);
}

//  ---- Content that is known by its seed

static inline uint8_t *
client_content (size_t bytes, unsigned seed)
{
    uint8_t *data = malloc (bytes + 1);
    uint8_t key [randombytes_SEEDBYTES] = { (uint8_t) seed, (uint8_t) (seed >> 8) };
    randombytes_buf_deterministic (data, bytes, key);
    return data;
}

static inline char *
client_local (const char *name)
{
    static char paths [8] [256];
    static int turn;
    char *path = paths [turn++ % 8];
    snprintf (path, 256, "%s/%s", s_cluster->bus.folder, name);
    return path;
}

static inline void
client_write_local (const char *name, const uint8_t *data, size_t bytes)
{
    FILE *file = fopen (name, "wb");
    cr_assert (file);
    cr_assert_eq (fwrite (data, 1, bytes, file), bytes);
    fclose (file);
}

static inline bool
client_local_is (const char *name, const uint8_t *data, size_t bytes)
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

static inline fst_rc_t
client_read (void *self, void *data, size_t bytes, size_t *got_p)
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

static inline fst_rc_t
client_put_stream (const char *path, stream_t *stream)
{
    if (!stream->portion)
        stream->portion = 10007;
    filestore_source_t source = { .self = stream, .read = client_read };
    return filestore_put (s_client, path, &source, NULL, NULL);
}

static inline void
client_put (const char *path, const uint8_t *data, size_t bytes)
{
    stream_t stream = { .data = data, .bytes = bytes };
    cr_assert_eq (client_put_stream (path, &stream), FST_OK, "%s", filestore_problem (s_client));
}

static inline fst_rc_t
client_put_local (const char *local, const char *path)
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

static inline fst_rc_t
client_collect (void *self, const void *data, size_t bytes)
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

static inline fst_rc_t
client_get_range (const char *path, int64_t offset, int64_t length, collect_t *to)
{
    filestore_sink_t sink = { .self = to, .write = client_collect };
    filestore_get_options_t options = { .offset = offset, .length = length };
    return filestore_get (s_client, path, &sink, &options);
}

static inline void
client_check (const char *path, const uint8_t *data, size_t bytes)
{
    collect_t to = { .data = NULL };
    cr_assert_eq (client_get_range (path, 0, -1, &to), FST_OK, "%s", filestore_problem (s_client));
    cr_assert_eq (to.bytes, bytes, "%s", path);
    cr_assert (bytes == 0 || memcmp (to.data, data, bytes) == 0, "%s", path);
    free (to.data);
}

static inline bool
client_exists (const char *path)
{
    json_t *entry = NULL;
    fst_rc_t rc = filestore_stat (s_client, path, &entry);
    json_decref (entry);
    return rc == FST_OK;
}

#endif
