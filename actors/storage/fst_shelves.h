//  Which extents a disk has: one folder after the other. See fst_extents.h.

#ifndef FST_SHELVES_H_INCLUDED
#define FST_SHELVES_H_INCLUDED

#include "fst_extent_name.h"
#include "fst_disk.h"

typedef struct {
    fst_blob_id_t blob;
    uint32_t extent;
    bool open;
} fst_shelved_t;

//  All extents, sealed or open, in the folder of blobs that begin with octet, in order of blob and extent.
//  Other files are left alone. Caller frees *items_p.
fst_rc_t FST_CHECKED
fst_shelf_read (fst_disk_t *disk, unsigned octet, fst_shelved_t **items_p, size_t *count_p);

#endif
