//  What an upload claims, checked.

#include "fst_sealed.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define REFUSE(rc, ...) (snprintf (problem, size, __VA_ARGS__), rc)

static fst_rc_t
s_read_copy (const fst_nodes_t *nodes, const fst_extent_info_t *info, json_t *json, fst_node_set_t *nodes_p,
             char *problem, size_t size)
{
    const char *name = json_string_value (json_object_get (json, "node"));
    const char *receipt = json_string_value (json_object_get (json, "receipt"));
    int number = fst_nodes_find (nodes, name);
    if (number < 0)
        return REFUSE (FST_DENIED, "There is no storage node %s.", name);
    if (*nodes_p & fst_node_bit ((unsigned) number))
        return REFUSE (FST_MALFORMED, "Node %s is named twice for extent %u.", name, info->extent);
    if (fst_receipt_check (fst_nodes_key (nodes, (unsigned) number), info, receipt) != FST_OK)
        return REFUSE (FST_DENIED, "The receipt of node %s for extent %u is not genuine.", name, info->extent);
    *nodes_p |= fst_node_bit ((unsigned) number);
    return FST_OK;
}

static fst_rc_t
s_read_extent (const fst_nodes_t *nodes, const fst_blob_id_t *blob, size_t copies, json_t *json,
               fst_extent_t *extent, char *problem, size_t size)
{
    uint8_t digest [8];
    if (fst_hex_decode (json_string_value (json_object_get (json, "digest")), digest, sizeof (digest)) != FST_OK)
        return REFUSE (FST_MALFORMED, "A digest is not in hex.");
    fst_extent_info_t info = {
        .blob = *blob,
        .extent = (uint32_t) json_integer_value (json_object_get (json, "extent")),
        .chunks = (uint32_t) json_integer_value (json_object_get (json, "chunks")),
        .bytes = json_integer_value (json_object_get (json, "bytes"))
    };
    for (size_t at = 0; at < sizeof (digest); at++)
        info.digest = info.digest << 8 | digest [at];
    *extent = (fst_extent_t) {
        .n = info.extent, .chunks = info.chunks, .bytes = info.bytes, .digest = info.digest, .nodes = 0
    };
    json_t *list = json_object_get (json, "copies"), *copy;
    size_t at;
    fst_rc_t rc = FST_OK;
    json_array_foreach (list, at, copy)
        if (rc == FST_OK)
            rc = s_read_copy (nodes, &info, copy, &extent->nodes, problem, size);
    if (rc == FST_OK && json_array_size (list) < copies)
        return REFUSE (FST_TOO_FEW_NODES, "Extent %u is on %zu storage nodes, and %zu copies were asked for.",
                       info.extent, json_array_size (list), copies);
    return rc;
}

fst_rc_t
fst_sealed_read (const fst_nodes_t *nodes, const fst_blob_id_t *blob, size_t copies, json_t *json,
                 fst_extent_t *extents, char *problem, size_t size)
{
    assert (nodes);
    assert (blob);
    json_t *extent;
    size_t at;
    fst_rc_t rc = FST_OK;
    json_array_foreach (json, at, extent)
        if (rc == FST_OK)
            rc = s_read_extent (nodes, blob, copies, extent, &extents [at], problem, size);
    return rc;
}

fst_rc_t
fst_sealed_check (const fst_extent_t *extents, size_t count, int64_t bytes, uint8_t chunk_log2, uint32_t extent_chunks,
                  char *problem, size_t size)
{
    int64_t chunk = (int64_t) 1 << chunk_log2, sum = 0;
    for (size_t at = 0; at < count; at++) {
        const fst_extent_t *extent = &extents [at];
        bool last = at + 1 == count;
        if (extent->n != at)
            return REFUSE (FST_MALFORMED, "Extent %zu is missing, or the extents are not in order.", at);
        if (extent->chunks > extent_chunks || (!last && extent->chunks != extent_chunks))
            return REFUSE (FST_MALFORMED, "Extent %zu has %u chunks; an extent has %u, and only the last one less.",
                           at, extent->chunks, extent_chunks);
        int64_t most = extent->chunks * chunk;
        if (extent->bytes > most || extent->bytes <= most - chunk || (!last && extent->bytes != most))
            return REFUSE (FST_MALFORMED, "The octets of extent %zu do not fit its chunks.", at);
        sum += extent->bytes;
    }
    if (sum != bytes)
        return REFUSE (FST_MALFORMED, "The extents add up to %lld octets, and the file has %lld.",
                       (long long) sum, (long long) bytes);
    return FST_OK;
}
