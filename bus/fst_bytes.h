//  Reading and writing binary layouts: big-endian, compared with what is left, never past the end.
//
//  A reader goes bad at the first octet that is not there, stays bad, and then gives zeros; check
//  fst_reader_ok once at the end. A writer into a fixed buffer asserts: its size is our own business.

#ifndef FST_BYTES_H_INCLUDED
#define FST_BYTES_H_INCLUDED

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const uint8_t *at;
    size_t left;
    bool bad;
} fst_reader_t;

typedef struct {
    uint8_t *at;
    size_t left;
} fst_writer_t;

static inline fst_reader_t
fst_reader (const void *data, size_t bytes)
{
    return (fst_reader_t) { .at = data, .left = bytes, .bad = false };
}

static inline void
fst_read_bytes (fst_reader_t *self, void *to, size_t bytes)
{
    if (self->bad || self->left < bytes) {
        self->bad = true;
        memset (to, 0, bytes);
        return;
    }
    memcpy (to, self->at, bytes);
    self->at += bytes;
    self->left -= bytes;
}

static inline uint64_t
fst_read_uint (fst_reader_t *self, size_t bytes)
{
    assert (bytes <= 8);
    uint8_t octets [8];
    fst_read_bytes (self, octets, bytes);
    uint64_t value = 0;
    for (size_t at = 0; at < bytes; at++)
        value = value << 8 | octets [at];
    return value;
}

//  Nothing was missing and nothing is left over.
static inline bool
fst_reader_ok (const fst_reader_t *self)
{
    return !self->bad && self->left == 0;
}

static inline fst_writer_t
fst_writer (void *data, size_t bytes)
{
    return (fst_writer_t) { .at = data, .left = bytes };
}

static inline void
fst_write_bytes (fst_writer_t *self, const void *from, size_t bytes)
{
    assert (self->left >= bytes);
    memcpy (self->at, from, bytes);
    self->at += bytes;
    self->left -= bytes;
}

static inline void
fst_write_uint (fst_writer_t *self, uint64_t value, size_t bytes)
{
    assert (bytes <= 8);
    uint8_t octets [8];
    for (size_t at = 0; at < bytes; at++)
        octets [bytes - 1 - at] = (uint8_t) (value >> (8 * at));
    fst_write_bytes (self, octets, bytes);
}

#endif
