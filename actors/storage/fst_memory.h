//  The few numbers that a node must not forget, as one record in small.db that checks itself, like all else there: a wrong
//  sequence would be worse than none. Pure.
//
//      offset  octets  (integers big-endian)
//           0       4  "FSTL"
//           4       1  version, 1
//           5       8  run of metadata that told it something last
//          13       8  sequence that it was told
//          21       8  small blobs here
//          29       8  XXH3-64 of octets 0 to 28

#ifndef FST_MEMORY_H_INCLUDED
#define FST_MEMORY_H_INCLUDED

#include <stddef.h>
#include "fst_error.h"
#include "fst_told.h"

#define FST_MEMORY_BYTES 37

typedef struct {
    fst_pair_t told;
    int64_t blobs;
} fst_memory_t;

void
fst_memory_encode (const fst_memory_t *memory, uint8_t data [FST_MEMORY_BYTES]);

//  FST_MALFORMED   these octets are not what encode gave
fst_rc_t FST_CHECKED
fst_memory_decode (const uint8_t *data, size_t bytes, fst_memory_t *memory);

#endif
