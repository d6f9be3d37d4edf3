//  Snapshots as streams of encrypted pieces. Format in fst_snapshot.h and docs/DISK.md.

#include "fst_snapshot.h"
#include "fst_bytes.h"
#include "fst_sodium.h"
#include <stdbool.h>
#include <stdlib.h>

#define VERSION         1
#define PIECE           65536
#define OVERHEAD        crypto_secretstream_xchacha20poly1305_ABYTES
#define STREAM_BYTES    crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define PLAIN_BYTES_MAX ((int64_t) 1 << 50)

_Static_assert (48 + STREAM_BYTES == FST_SNAPSHOT_HEADER_BYTES, "the header tells its length");
_Static_assert (OVERHEAD == 17, "the header tells the length of pieces");

static const uint8_t s_magic [8] = { 'F', 'S', 'T', 'N', VERSION, 0, 0, 0 };

//  ---- Header

fst_rc_t
fst_snapshot_decode (const void *data, size_t bytes, fst_snapshot_t *snapshot)
{
    assert (data);
    assert (snapshot);
    if (bytes < FST_SNAPSHOT_HEADER_BYTES)
        return FST_MALFORMED;
    fst_reader_t in = fst_reader (data, FST_SNAPSHOT_HEADER_BYTES - STREAM_BYTES);
    uint8_t magic [sizeof (s_magic)];
    fst_snapshot_t found;
    fst_read_bytes (&in, magic, sizeof (magic));
    fst_read_bytes (&in, found.run, sizeof (found.run));
    uint64_t sequence = fst_read_uint (&in, 8), time_ms = fst_read_uint (&in, 8), plain = fst_read_uint (&in, 8);
    fst_read_bytes (&in, found.key_check, sizeof (found.key_check));
    assert (fst_reader_ok (&in));
    if (memcmp (magic, s_magic, sizeof (magic)) != 0 || sequence > INT64_MAX || time_ms > INT64_MAX
    ||  plain > (uint64_t) PLAIN_BYTES_MAX)
        return FST_MALFORMED;
    found.sequence = (int64_t) sequence;
    found.time_ms = (int64_t) time_ms;
    found.bytes = (int64_t) plain;
    *snapshot = found;
    return FST_OK;
}

static void
s_encode (const fst_snapshot_t *snapshot, const uint8_t stream [STREAM_BYTES], uint8_t header [FST_SNAPSHOT_HEADER_BYTES])
{
    fst_writer_t out = fst_writer (header, FST_SNAPSHOT_HEADER_BYTES);
    fst_write_bytes (&out, s_magic, sizeof (s_magic));
    fst_write_bytes (&out, snapshot->run, sizeof (snapshot->run));
    fst_write_uint (&out, (uint64_t) snapshot->sequence, 8);
    fst_write_uint (&out, (uint64_t) snapshot->time_ms, 8);
    fst_write_uint (&out, (uint64_t) snapshot->bytes, 8);
    fst_write_bytes (&out, snapshot->key_check, sizeof (snapshot->key_check));
    fst_write_bytes (&out, stream, STREAM_BYTES);
    assert (out.left == 0);
}

int64_t
fst_snapshot_file_bytes (const fst_snapshot_t *snapshot)
{
    assert (snapshot);
    return FST_SNAPSHOT_HEADER_BYTES + snapshot->bytes + (snapshot->bytes / PIECE + 1) * OVERHEAD;
}

fst_rc_t
fst_snapshot_look (fst_disk_t *disk, const char *name, fst_snapshot_t *snapshot)
{
    assert (disk);
    uint8_t header [FST_SNAPSHOT_HEADER_BYTES];
    fst_disk_file_t *file = NULL;
    size_t got = 0;
    int64_t bytes = 0;
    fst_snapshot_t found;
    fst_rc_t rc = disk->open (disk->self, name, false, &file);
    if (rc == FST_OK)
        rc = disk->read (disk->self, file, 0, header, sizeof (header), &got);
    if (rc == FST_OK)
        rc = disk->size (disk->self, file, &bytes);
    if (rc == FST_OK && (fst_snapshot_decode (header, got, &found) != FST_OK || bytes != fst_snapshot_file_bytes (&found)))
        rc = FST_CORRUPT;
    disk->close (disk->self, &file);
    if (rc == FST_OK)
        *snapshot = found;
    return rc;
}

//  ---- Keys

static void
s_derive (const uint8_t cluster_key [FST_KEY_BYTES], const char *purpose, uint8_t *key, size_t bytes)
{
    crypto_generichash_blake2b_state state;
    crypto_generichash_blake2b_init (&state, cluster_key, FST_KEY_BYTES, bytes);
    crypto_generichash_blake2b_update (&state, (const uint8_t *) purpose, strlen (purpose) + 1);
    crypto_generichash_blake2b_final (&state, key, bytes);
    sodium_memzero (&state, sizeof (state));
}

void
fst_snapshot_key_check (const uint8_t cluster_key [FST_KEY_BYTES], uint8_t check [FST_SNAPSHOT_KEY_BYTES])
{
    assert (cluster_key);
    uint8_t hash [crypto_generichash_blake2b_BYTES_MIN];
    s_derive (cluster_key, "filestore key check 1", hash, sizeof (hash));
    memcpy (check, hash, FST_SNAPSHOT_KEY_BYTES);
}

static void
s_snapshot_key (const uint8_t cluster_key [FST_KEY_BYTES], uint8_t key [FST_KEY_BYTES])
{
    s_derive (cluster_key, "filestore namespace snapshot 1", key, FST_KEY_BYTES);
}

//  ---- Both ways: one stream from a file to another

typedef struct {
    crypto_secretstream_xchacha20poly1305_state state;
    uint8_t header [FST_SNAPSHOT_HEADER_BYTES];
    fst_disk_t *from_disk, *to_disk;
    fst_disk_file_t *from, *to;
    int64_t read, written;
    uint8_t in [PIECE + OVERHEAD], out [PIECE + OVERHEAD];
} stream_t;

static fst_rc_t
s_read (stream_t *self, void *data, size_t bytes)
{
    size_t got = 0;
    fst_rc_t rc = self->from_disk->read (self->from_disk->self, self->from, self->read, data, bytes, &got);
    self->read += (int64_t) got;
    return rc == FST_OK && got < bytes? FST_CORRUPT: rc;
}

static fst_rc_t
s_write (stream_t *self, const void *data, size_t bytes)
{
    fst_rc_t rc = self->to_disk->write (self->to_disk->self, self->to, self->written, data, bytes);
    self->written += (int64_t) bytes;
    return rc;
}

static fst_rc_t
s_seal_pieces (stream_t *self, int64_t left, atomic_bool *stop)
{
    fst_rc_t rc = FST_OK;
    bool final = false;
    while (rc == FST_OK && !final) {
        if (stop && atomic_load (stop))
            return FST_INTERRUPTED;
        size_t bytes = left < PIECE? (size_t) left: PIECE;
        final = left < PIECE;
        left -= (int64_t) bytes;
        rc = s_read (self, self->in, bytes);
        if (rc != FST_OK)
            break;
        crypto_secretstream_xchacha20poly1305_push (&self->state, self->out, NULL, self->in, bytes, self->header,
            sizeof (self->header), final? crypto_secretstream_xchacha20poly1305_TAG_FINAL: 0);
        rc = s_write (self, self->out, bytes + OVERHEAD);
    }
    return rc;
}

static fst_rc_t
s_open_pieces (stream_t *self, int64_t left)
{
    fst_rc_t rc = FST_OK;
    bool final = false;
    while (rc == FST_OK && !final) {
        size_t bytes = left < PIECE? (size_t) left: PIECE;
        unsigned char tag = 0;
        final = left < PIECE;
        left -= (int64_t) bytes;
        rc = s_read (self, self->in, bytes + OVERHEAD);
        if (rc != FST_OK)
            break;
        if (crypto_secretstream_xchacha20poly1305_pull (&self->state, self->out, NULL, &tag, self->in, bytes + OVERHEAD,
                                                        self->header, sizeof (self->header)) != 0
        ||  final != (tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL))
            return FST_CORRUPT;
        rc = s_write (self, self->out, bytes);
    }
    return rc;
}

static stream_t *
s_stream_new (fst_disk_t *from, const char *from_name, fst_disk_t *to, const char *to_name, fst_rc_t *rc_p)
{
    stream_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->from_disk = from;
    self->to_disk = to;
    *rc_p = from->open (from->self, from_name, false, &self->from);
    if (*rc_p == FST_OK) {
        *rc_p = to->unlink (to->self, to_name);     //  Left by an attempt that was cut short
        if (*rc_p == FST_OK || *rc_p == FST_NOT_FOUND)
            *rc_p = to->open (to->self, to_name, true, &self->to);
    }
    return self;
}

//  Sync what was written, or take it away.
static fst_rc_t
s_stream_end (stream_t *self, const char *to_name, fst_rc_t rc)
{
    fst_disk_t *to = self->to_disk;
    if (rc == FST_OK)
        rc = to->sync (to->self, self->to);
    bool made = self->to != NULL;
    to->close (to->self, &self->to);
    self->from_disk->close (self->from_disk->self, &self->from);
    if (rc != FST_OK && made)
        to->unlink (to->self, to_name);             //  Best effort: rc already says that it failed
    sodium_memzero (self, sizeof (*self));
    free (self);
    return rc;
}

fst_rc_t
fst_snapshot_seal (fst_disk_t *disk, const char *plain, const char *sealed, fst_snapshot_t *snapshot,
                   const uint8_t cluster_key [FST_KEY_BYTES], atomic_bool *stop)
{
    assert (disk);
    assert (plain && sealed);
    assert (snapshot);
    uint8_t key [FST_KEY_BYTES], stream [STREAM_BYTES];
    fst_rc_t rc;
    stream_t *self = s_stream_new (disk, plain, disk, sealed, &rc);
    if (rc == FST_OK)
        rc = disk->size (disk->self, self->from, &snapshot->bytes);
    if (rc == FST_OK) {
        fst_snapshot_key_check (cluster_key, snapshot->key_check);
        s_snapshot_key (cluster_key, key);
        crypto_secretstream_xchacha20poly1305_init_push (&self->state, stream, key);
        sodium_memzero (key, sizeof (key));
        s_encode (snapshot, stream, self->header);
        rc = s_write (self, self->header, sizeof (self->header));
    }
    if (rc == FST_OK)
        rc = s_seal_pieces (self, snapshot->bytes, stop);
    return s_stream_end (self, sealed, rc);
}

//  Read the header, and see that it is made with this key.
static fst_rc_t
s_open_header (stream_t *self, const uint8_t cluster_key [FST_KEY_BYTES], fst_snapshot_t *snapshot)
{
    uint8_t key [FST_KEY_BYTES], check [FST_SNAPSHOT_KEY_BYTES];
    fst_rc_t rc = s_read (self, self->header, sizeof (self->header));
    if (rc == FST_OK && fst_snapshot_decode (self->header, sizeof (self->header), snapshot) != FST_OK)
        rc = FST_CORRUPT;
    if (rc != FST_OK)
        return rc;
    fst_snapshot_key_check (cluster_key, check);
    if (memcmp (check, snapshot->key_check, sizeof (check)) != 0)
        return FST_DENIED;
    s_snapshot_key (cluster_key, key);
    if (crypto_secretstream_xchacha20poly1305_init_pull (&self->state,
            self->header + FST_SNAPSHOT_HEADER_BYTES - STREAM_BYTES, key) != 0)
        rc = FST_CORRUPT;
    sodium_memzero (key, sizeof (key));
    return rc;
}

fst_rc_t
fst_snapshot_open (fst_disk_t *from, const char *sealed, fst_disk_t *to, const char *plain,
                   const uint8_t cluster_key [FST_KEY_BYTES])
{
    assert (from && to);
    assert (sealed && plain);
    fst_snapshot_t snapshot;
    fst_rc_t rc;
    stream_t *self = s_stream_new (from, sealed, to, plain, &rc);
    if (rc == FST_OK)
        rc = s_open_header (self, cluster_key, &snapshot);
    if (rc == FST_OK)
        rc = s_open_pieces (self, snapshot.bytes);
    return s_stream_end (self, plain, rc);
}
