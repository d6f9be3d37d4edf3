//  The extent store: runs of chunk records in one file each, on a disk port. Format in docs/DISK.md.
//
//      extents/ab/<blob in hex>-<extent>.open    being written; nothing in it is promised
//      extents/ab/<blob in hex>-<extent>         sealed: whole, durable, and never written again
//
//  ab is the first octet of the blob id. Record of slot n lies at n * fst_record_stride.
//
//  Safe from any thread, but one thread stores, and one seals, deletes, lists and counts; a seal waits for
//  the stores to the same extent that run at that moment.
//  After FST_IO from seal nobody knows what the disk has: the process must end (facts of fsync: a second try
//  would report a success that is none).

#ifndef FST_EXTENTS_H_INCLUDED
#define FST_EXTENTS_H_INCLUDED

#include <czmq.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_disk.h"
#include "fst_record.h"

#define FST_EXTENTS_OPEN_MAX  64        //  Files of open extents kept open
#define FST_EXTENTS_KNOWN_MAX 4096      //  Open extents whose records are known without reading them

typedef struct fst_extents fst_extents_t;

//  Makes the folders. disk is borrowed.
fst_rc_t FST_CHECKED
fst_extents_new (fst_disk_t *disk, fst_extents_t **self_p);

void
fst_extents_destroy (fst_extents_t **self_p);

//  Count what is there, for fst_extents_statistics. Once, before the first store.
fst_rc_t FST_CHECKED
fst_extents_count (fst_extents_t *self);

//  Write one record, decoded and checked by the caller, to its slot. Not durable before the extent is sealed.
//  Storing what is there already is fine, sealed or not.
//      FST_MALFORMED   it does not fit the other records of its extent
//      FST_EXISTS      the extent is sealed, or being sealed, and has another record in this slot
//      FST_NO_SPACE, FST_IO    the slot counts as empty
fst_rc_t FST_CHECKED
fst_extents_store (fst_extents_t *self, const fst_record_t *record, const uint8_t *data);

//  Make an extent durable under its final name, and say what it holds. Repeating it gives the same answer.
//      FST_NOT_FOUND   no such extent, or a slot below chunks is empty
//      FST_EXISTS      it was sealed with another number of chunks
//      FST_MALFORMED   there are more records than chunks, or one before the last is short
//      FST_NO_SPACE    the extent is gone; store it again, on another node
//      FST_IO          the process must end
fst_rc_t FST_CHECKED
fst_extents_seal (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, uint32_t chunks,
                  fst_extent_info_t *info);

//  The same, but only if it is exactly *want.
//      FST_CORRUPT     it is whole, but not what is wanted; it stays unsealed
//      FST_EXISTS      it was sealed as something else
fst_rc_t FST_CHECKED
fst_extents_seal_as (fst_extents_t *self, const fst_extent_info_t *want);

//  Which of the first count slots of an extent that is not sealed yet have a record; sets have [n] for each.
//      FST_NOT_FOUND   no such extent, or it is sealed
fst_rc_t FST_CHECKED
fst_extents_look (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, bool *have, uint32_t count);

//  Make a sealed extent, damaged, into one that is not sealed: its good records count as stored, and the others may be
//  stored again. For fst_extents_expire it was written now: perhaps nobody else has what it has.
//      FST_NOT_FOUND
//      FST_IO          the process must end
fst_rc_t FST_CHECKED
fst_extents_reopen (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent);

//  Delete an extent that is not sealed; nothing was promised of it.
fst_rc_t FST_CHECKED
fst_extents_drop (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent);

//  Delete what is not sealed and was not written to for keep_ms: uploads and copies that nobody goes on with. One that was
//  used an hour ago stays whatever the wall clock says. *dropped_p says how many went.
fst_rc_t FST_CHECKED
fst_extents_expire (fst_extents_t *self, int64_t keep_ms, size_t *dropped_p);

//  Read count records from slot on, checked, each into a frame of its own. unsealed: also from an extent that
//  is not sealed yet. bytes_max bounds the plain octets; one record is always given.
//      FST_NOT_FOUND   no such extent, or it has not all of these slots
//      FST_TOO_LARGE   more than bytes_max
//      FST_CORRUPT     a sealed record fails its checksum, or is another record
//      FST_IO
fst_rc_t FST_CHECKED
fst_extents_read (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, uint32_t slot, uint32_t count,
                  bool unsealed, int64_t bytes_max, zmsg_t **records_p);

//  See whether an extent is sealed here and whole, and what it holds: from the headers of its records, or, deep, from
//  all octets. Runs next to all others; an extent that is deleted meanwhile is not found.
//      FST_NOT_FOUND
//      FST_CORRUPT     a record, or part of one, is missing or damaged, or cannot be read
//      FST_IO          the disk could not be asked at all
fst_rc_t FST_CHECKED
fst_extents_check (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, bool deep,
                   fst_extent_info_t *info);

//  One extent, or all of a blob.
#define FST_EXTENT_ALL (-1)
typedef struct {
    fst_blob_id_t blob;
    int64_t extent;                 //  Or FST_EXTENT_ALL
} fst_extent_id_t;

//  Bring them in order.
void
fst_extent_ids_sort (fst_extent_id_t *ids, size_t count);

//  Delete these extents, sealed or not, durably. ids are in order. found [n] is set where there was any of
//  ids [n], otherwise left as it is.
fst_rc_t FST_CHECKED
fst_extents_delete (fst_extents_t *self, const fst_extent_id_t *ids, size_t count, bool *found);

//  Take a sealed extent's file away, to a name outside of this store, or bring one in that is whole. Not
//  durable before the folders are synced: the caller's duty, as there may be many.
//      FST_NOT_FOUND       FST_EXISTS (in: there is one already)
fst_rc_t FST_CHECKED
fst_extents_move_out (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, const char *to);
fst_rc_t FST_CHECKED
fst_extents_move_in (fst_extents_t *self, const fst_blob_id_t *blob, uint32_t extent, const char *from);

//  One sealed extent of a list.
typedef struct {
    fst_blob_id_t blob;
    uint32_t extent;
    int64_t bytes;                  //  On disk
} fst_held_t;

//  By blob, then extent.
int
fst_held_compare (const void *left, const void *right);

//  Up to limit sealed extents behind (after, after_extent), or from the first if after is NULL, in order.
//  Holds no more than one folder's names in memory. *count_p less than limit means that there are no more.
fst_rc_t FST_CHECKED
fst_extents_list (fst_extents_t *self, const fst_blob_id_t *after, uint32_t after_extent,
                  fst_held_t *held, size_t limit, size_t *count_p);

typedef struct {
    int64_t sealed, open;           //  Extents; exact once count has run
    int64_t corrupt;                //  Bad records met since the start
} fst_extents_statistics_t;

void
fst_extents_statistics (fst_extents_t *self, fst_extents_statistics_t *statistics);

#endif
