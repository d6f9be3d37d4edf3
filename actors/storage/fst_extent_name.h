//  Names of extent files, relative to the node's folder. Pure.

#ifndef FST_EXTENT_NAME_H_INCLUDED
#define FST_EXTENT_NAME_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>
#include "fst_error.h"
#include "fst_proof.h"

#define FST_EXTENT_FOLDERS    256
#define FST_EXTENT_NAME_MAX   80        //  Any of these names, with its NUL

//  "extents/ab": the folder of blobs that begin with this octet.
void
fst_extent_folder (unsigned octet, char name [FST_EXTENT_NAME_MAX]);

//  "extents/ab/ab..-3", or "extents/ab/ab..-3.open".
void
fst_extent_name (const fst_blob_id_t *blob, uint32_t extent, bool open, char name [FST_EXTENT_NAME_MAX]);

//  Read a file's own name ("ab..-3.open"). FST_MALFORMED if it is not exactly what fst_extent_name gives.
fst_rc_t FST_CHECKED
fst_extent_parse (const char *file, fst_blob_id_t *blob, uint32_t *extent, bool *open);

//  "quarantine/1700000000000-ab..-3": an extent that was put aside at this time.
#define FST_QUARANTINE_FOLDER "quarantine"
void
fst_quarantine_name (int64_t ms, const fst_blob_id_t *blob, uint32_t extent, char name [FST_EXTENT_NAME_MAX]);

//  Read a file's own name there. FST_MALFORMED if it is not exactly what fst_quarantine_name gives.
fst_rc_t FST_CHECKED
fst_quarantine_parse (const char *file, int64_t *ms, fst_blob_id_t *blob, uint32_t *extent);

#endif
