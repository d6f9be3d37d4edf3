//  A snapshot of the namespace: metadata's database as it was at one moment, encrypted with a key made from the cluster
//  key. Metadata makes it and storage nodes keep the newest one, as a file that only the recovery key opens.
//
//      offset  octets  (integers big-endian)
//           0       4  "FSTN"
//           4       1  version, 1
//           5       3  zeros
//           8       8  run of metadata that made it
//          16       8  sequence of the last event in it
//          24       8  when it was made, wall milliseconds
//          32       8  octets of plain text
//          40       8  check of the key: tells a wrong key from damage
//          48      24  header of libsodium's secretstream (XChaCha20-Poly1305)
//          72          pieces: 65,536 octets of plain text and 17 more each; the last one, with the final tag, has the rest
//                      (0 to 65,535). Octets 0 to 71 are associated data of each.
//
//  So a file that was cut, or put together from two, does not open. Decoding the header is pure; the rest works on a
//  disk port, a piece at a time.

#ifndef FST_SNAPSHOT_H_INCLUDED
#define FST_SNAPSHOT_H_INCLUDED

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_disk.h"
#include "fst_error.h"
#include "fst_proof.h"

#define FST_SNAPSHOT_HEADER_BYTES 72
#define FST_SNAPSHOT_RUN_BYTES    8
#define FST_SNAPSHOT_KEY_BYTES    8
#define FST_SNAPSHOT_PAGE_BYTES   262144        //  Of a transfer: at most so many octets in one message
#define FST_SNAPSHOT_NAME         "namespace.snapshot"          //  In the folder of a storage node
#define FST_SNAPSHOT_OLDER_NAME   "namespace.snapshot.older"    //  One with a lower sequence that came later

typedef struct {
    uint8_t run [FST_SNAPSHOT_RUN_BYTES];
    int64_t sequence;
    int64_t time_ms;
    int64_t bytes;                      //  Of plain text
    uint8_t key_check [FST_SNAPSHOT_KEY_BYTES];
} fst_snapshot_t;

//  Read and check a header. FST_MALFORMED
fst_rc_t FST_CHECKED
fst_snapshot_decode (const void *data, size_t bytes, fst_snapshot_t *snapshot);

//  How long the whole file must be.
int64_t
fst_snapshot_file_bytes (const fst_snapshot_t *snapshot);

//  What tells one cluster key from another, and says nothing about it.
void
fst_snapshot_key_check (const uint8_t cluster_key [FST_KEY_BYTES], uint8_t check [FST_SNAPSHOT_KEY_BYTES]);

//  Read the header of a file. FST_NOT_FOUND, FST_CORRUPT (no snapshot, or of the wrong length), FST_IO
fst_rc_t FST_CHECKED
fst_snapshot_look (fst_disk_t *disk, const char *name, fst_snapshot_t *snapshot);

//  Encrypt file plain to file sealed, which is created and synced. snapshot: run, sequence and time_ms are the caller's,
//  the rest is set. Ends early with FST_INTERRUPTED when *stop (may be NULL) is set.
fst_rc_t FST_CHECKED
fst_snapshot_seal (fst_disk_t *disk, const char *plain, const char *sealed, fst_snapshot_t *snapshot,
                   const uint8_t cluster_key [FST_KEY_BYTES], atomic_bool *stop);

//  Decrypt file sealed on one disk to file plain, created, on another.
//      FST_DENIED      another key made it
//      FST_CORRUPT     it is damaged
fst_rc_t FST_CHECKED
fst_snapshot_open (fst_disk_t *from, const char *sealed, fst_disk_t *to, const char *plain,
                   const uint8_t cluster_key [FST_KEY_BYTES]);

#endif
