//  What an upload claims, checked: the extents of a file add up to it, and nodes signed for each copy. Pure.

#ifndef FST_SEALED_H_INCLUDED
#define FST_SEALED_H_INCLUDED

#include <jansson.h>
#include "fst_catalog.h"
#include "fst_nodes.h"

#define FST_UPLOAD_FILES_MAX  65536         //  In one upload
#define FST_FILE_EXTENTS_MAX  65536         //  Of one file; 4 TiB at 1 MiB a chunk and 64 chunks

//  Read extents as they came in PUT_FILE_INFO (checked against its schema) and check their receipts: each
//  names different nodes, as many as copies says at least, and every one did sign. extents takes
//  json_array_size of them.
//      FST_MALFORMED, FST_DENIED, FST_TOO_FEW_NODES   problem is a sentence
fst_rc_t FST_CHECKED
fst_sealed_read (const fst_nodes_t *nodes, const fst_blob_id_t *blob, size_t copies, json_t *json,
                 fst_extent_t *extents, char *problem, size_t size);

//  Check that extents are the whole of a file of bytes octets: in order, none missing, all but the last one full.
//      FST_MALFORMED
fst_rc_t FST_CHECKED
fst_sealed_check (const fst_extent_t *extents, size_t count, int64_t bytes, uint8_t chunk_log2, uint32_t extent_chunks,
                  char *problem, size_t size);

#endif
