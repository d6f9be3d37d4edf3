//  A node's memory: what decodes is encoded in exactly one way.

#include <assert.h>
#include <string.h>
#include "fst_memory.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes)
{
    fst_memory_t memory;
    uint8_t again [FST_MEMORY_BYTES];
    if (fst_memory_decode (data, bytes, &memory) == FST_OK) {
        assert (bytes == FST_MEMORY_BYTES);
        fst_memory_encode (&memory, again);
        assert (memcmp (data, again, bytes) == 0);
    }
    return 0;
}
