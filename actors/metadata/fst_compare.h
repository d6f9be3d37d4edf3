//  What a node says it holds against what the books say: two lists in the order of blob and extent, merged. Pure.

#ifndef FST_COMPARE_H_INCLUDED
#define FST_COMPARE_H_INCLUDED

#include "fst_catalog.h"

//  What a node says: a row of INVENTORY.
typedef struct {
    fst_blob_id_t blob;
    uint32_t n;
    int64_t bytes;                      //  On its disk
} fst_said_t;

typedef enum {
    FST_DIFFERENCE_GONE,                //  It should hold this
    FST_DIFFERENCE_SIZE,                //  It holds this, but not so many octets as it should
    FST_DIFFERENCE_EXTRA,               //  It holds this, and the books do not count that copy
    FST_DIFFERENCE_UNKNOWN              //  No file has this
} fst_difference_kind_t;

typedef struct {
    fst_difference_kind_t kind;
    fst_said_t said;                    //  GONE: bytes are those it should have
} fst_difference_t;

//  Both sides from behind the same place on; complete: there is nothing behind the last one.
typedef struct {
    const fst_row_t *rows;
    size_t rows_count;
    bool rows_complete;
    const fst_said_t *said;
    size_t said_count;
    bool said_complete;
} fst_sides_t;

//  Merge until a side that goes on is at its end, or found is full. *rows_p and *said_p are how many of each were
//  dealt with; the result is how many differences were found.
size_t
fst_compare (const fst_sides_t *sides, unsigned node, fst_difference_t *found, size_t size, size_t *rows_p,
             size_t *said_p);

//  Octets on disk of an extent: all records but its last one are full.
int64_t
fst_extent_disk_bytes (const fst_extent_t *extent);

//  -1, 0, 1: the order of inventories and of the catalog.
int
fst_place_compare (const fst_blob_id_t *blob, uint32_t n, const fst_blob_id_t *other, uint32_t other_n);

#endif
