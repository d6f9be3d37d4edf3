//  Keyed proofs between metadata and one storage node, carried by clients: what lets the data plane work
//  without asking anyone. All are BLAKE2b (RFC 7693) keyed with the node's key, which is
//  derived from the cluster's data key and the node's name; so one node's key is worth nothing at another.
//
//      ticket      opens a connection to the node's data port (ZMQ PLAIN user name and password)
//      capability  allows reading or writing one blob, or writing all blobs of one upload
//      receipt     says the node has these bytes on stable storage
//
//  Pure; safe from any thread; comparisons take constant time.

#ifndef FST_PROOF_H_INCLUDED
#define FST_PROOF_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_error.h"

#define FST_KEY_BYTES      32       //  Any symmetric key here
#define FST_UPLOAD_BYTES   12       //  Random: the first part of its blobs' ids
#define FST_BLOB_BYTES     16       //  Upload id, then the index of the file in the upload (32 bits)
#define FST_MAC_BYTES      16
#define FST_PROOF_TEXT_MAX 64       //  Any ticket, capability or receipt as text, with its NUL

typedef struct { uint8_t bytes [FST_BLOB_BYTES]; } fst_blob_id_t;

typedef enum { FST_RIGHT_READ = 1, FST_RIGHT_WRITE = 2 } fst_right_t;

//  What a capability is about. Right WRITE covers reading too, and every blob of the upload (index is
//  not compared), so that one capability serves a batch; right READ covers exactly one blob.
typedef struct {
    fst_right_t right;
    fst_blob_id_t blob;
    int64_t expires_ms;             //  Wall time
} fst_capability_t;

//  What a receipt is about: one sealed extent on one node.
typedef struct {
    fst_blob_id_t blob;
    uint32_t extent;
    uint32_t chunks;                //  1 to extent-chunks
    int64_t bytes;                  //  Plain octets in it
    uint64_t digest;                //  XXH3-64 over the checksums of its records, in order
} fst_extent_info_t;

//  Key of one node, from the cluster's data key.
void
fst_node_key_derive (const uint8_t data_key [FST_KEY_BYTES], const char *node, uint8_t node_key [FST_KEY_BYTES]);

//  Blob id of file number index of an upload.
fst_blob_id_t
fst_blob_id (const uint8_t upload [FST_UPLOAD_BYTES], uint32_t index);

//  Users of the tickets with which nodes copy from each other begin so ("storage:node-1"): no person's name does.
#define FST_NODE_USER "storage:"

//  Ticket: text takes FST_PROOF_TEXT_MAX octets; the password for user name user.
void
fst_ticket_make (const uint8_t node_key [FST_KEY_BYTES], const char *user, int64_t expires_ms, char *text);
//      FST_DENIED  not made with this key for this user;  FST_EXPIRED
fst_rc_t FST_CHECKED
fst_ticket_check (const uint8_t node_key [FST_KEY_BYTES], const char *user, const char *text, int64_t wall_ms);

void
fst_capability_make (const uint8_t node_key [FST_KEY_BYTES], const fst_capability_t *capability, char *text);

//  Check that text allows right on blob now. FST_DENIED, FST_EXPIRED.
fst_rc_t FST_CHECKED
fst_capability_check (const uint8_t node_key [FST_KEY_BYTES], const char *text, fst_right_t right,
                      const fst_blob_id_t *blob, int64_t wall_ms);

void
fst_receipt_make (const uint8_t node_key [FST_KEY_BYTES], const fst_extent_info_t *info, char *text);

//  FST_DENIED if the node did not say exactly this.
fst_rc_t FST_CHECKED
fst_receipt_check (const uint8_t node_key [FST_KEY_BYTES], const fst_extent_info_t *info, const char *text);

#endif
