//  Names of extent files.

#include "fst_extent_name.h"
#include "fst_text.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX_BYTES (2 * FST_BLOB_BYTES)

void
fst_extent_folder (unsigned octet, char name [FST_EXTENT_NAME_MAX])
{
    assert (octet < FST_EXTENT_FOLDERS);
    snprintf (name, FST_EXTENT_NAME_MAX, "extents/%02x", octet);
}

void
fst_extent_name (const fst_blob_id_t *blob, uint32_t extent, bool open, char name [FST_EXTENT_NAME_MAX])
{
    char hex [HEX_BYTES + 1];
    fst_hex_encode (blob->bytes, FST_BLOB_BYTES, hex);
    snprintf (name, FST_EXTENT_NAME_MAX, "extents/%.2s/%s-%u%s", hex, hex, extent, open? ".open": "");
}

fst_rc_t
fst_extent_parse (const char *file, fst_blob_id_t *blob, uint32_t *extent, bool *open)
{
    assert (file);
    char hex [HEX_BYTES + 1], name [FST_EXTENT_NAME_MAX];
    fst_blob_id_t found;
    snprintf (hex, sizeof (hex), "%s", file);
    if (fst_hex_decode (hex, found.bytes, FST_BLOB_BYTES) != FST_OK || file [HEX_BYTES] != '-')
        return FST_MALFORMED;
    const char *number = file + HEX_BYTES + 1, *suffix = strchr (file, '.');
    unsigned long value = strtoul (number, NULL, 10);
    if (value > UINT32_MAX)
        return FST_MALFORMED;
    //  Whatever else may be wrong, it then is not the one way to write it
    fst_extent_name (&found, (uint32_t) value, suffix != NULL, name);
    if (strcmp (strrchr (name, '/') + 1, file) != 0)
        return FST_MALFORMED;
    *blob = found;
    *extent = (uint32_t) value;
    *open = suffix != NULL;
    return FST_OK;
}

void
fst_quarantine_name (int64_t ms, const fst_blob_id_t *blob, uint32_t extent, char name [FST_EXTENT_NAME_MAX])
{
    char hex [HEX_BYTES + 1];
    assert (ms >= 0);
    fst_hex_encode (blob->bytes, FST_BLOB_BYTES, hex);
    snprintf (name, FST_EXTENT_NAME_MAX, FST_QUARANTINE_FOLDER "/%013" PRId64 "-%s-%u", ms, hex, extent);
}

fst_rc_t
fst_quarantine_parse (const char *file, int64_t *ms, fst_blob_id_t *blob, uint32_t *extent)
{
    assert (file);
    char name [FST_EXTENT_NAME_MAX];
    const char *own = strchr (file, '-');
    fst_blob_id_t found;
    uint32_t number;
    bool open;
    errno = 0;
    long long value = strtoll (file, NULL, 10);
    if (!own || value < 0 || errno != 0 || fst_extent_parse (own + 1, &found, &number, &open) != FST_OK)
        return FST_MALFORMED;
    fst_quarantine_name (value, &found, number, name);      //  Is this the one way to write it?
    if (strcmp (strchr (name, '/') + 1, file) != 0)
        return FST_MALFORMED;
    *ms = value;
    *blob = found;
    *extent = number;
    return FST_OK;
}
