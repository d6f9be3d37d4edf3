//  Names of files on a node's disk: what parses is written in exactly one way, and leads out of no folder.

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_extent_name.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes)
{
    char *file = strndup ((const char *) data, bytes), name [FST_EXTENT_NAME_MAX];
    fst_blob_id_t blob;
    uint32_t extent;
    bool open;
    int64_t ms;
    fst_rc_t sealed = fst_extent_parse (file, &blob, &extent, &open);
    if (sealed == FST_OK) {
        fst_extent_name (&blob, extent, open, name);
        assert (strcmp (strrchr (name, '/') + 1, file) == 0);
    }
    if (fst_quarantine_parse (file, &ms, &blob, &extent) == FST_OK) {
        assert (sealed != FST_OK);          //  No file is both
        assert (ms >= 0);
        fst_quarantine_name (ms, &blob, extent, name);
        assert (strcmp (strrchr (name, '/') + 1, file) == 0);
        assert (strlen (name) < FST_EXTENT_NAME_MAX - 1);
    }
    free (file);
    return 0;
}
