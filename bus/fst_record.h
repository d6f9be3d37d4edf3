//  The chunk record: one encrypted chunk with a header that says what it is, the same on the wire, on
//  disk and in small.db. The client makes it, nodes check and keep it without any key, the client opens it.
//
//      offset  octets  (integers big-endian)
//           0       4  "FSTC"
//           4       1  version, 1
//           5       1  cipher (fst_cipher.h): 1 = XChaCha20-Poly1305, 2 = XAES-256-GCM
//           6       1  flags: bit 0 = last chunk of the blob
//           7       1  log2 of the blob's chunk size, 16 to 23
//           8      16  blob id
//          24       4  extent number in the blob
//          28       4  slot: position of the chunk in its extent
//          32       4  chunk number in the blob
//          36       4  plain octets, 1 to chunk size
//          40      16  random part of the nonce
//          56       8  checksum: XXH3-64 of all that follows, seeded with XXH3-64 of octets 0 to 55
//          64     n+16  cipher text and tag
//
//  Nonce = the 16 random octets, then chunk number as 64 bits. Associated data = octets 0 to 55, so a
//  record moved, shortened, relabelled or said to be of another cipher does not open. The records of a blob may be of
//  different ciphers. Slots lie on disk at fst_record_stride apart. A blob's key is used for one version of one file
//  only (docs/adr/0017-ciphers.md). Pure (but the nonce); safe from any thread.

#ifndef FST_RECORD_H_INCLUDED
#define FST_RECORD_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_cipher.h"
#include "fst_error.h"
#include "fst_proof.h"

#define FST_RECORD_HEADER_BYTES  64
#define FST_RECORD_TAG_BYTES     16
#define FST_RECORD_PLAIN_OFFSET  36      //  Where the header says how many octets of plain text follow
#define FST_RECORD_OVERHEAD      (FST_RECORD_HEADER_BYTES + FST_RECORD_TAG_BYTES)
#define FST_CHUNK_LOG2_MIN       16      //   64 KiB
#define FST_CHUNK_LOG2_MAX       23      //    8 MiB
#define FST_EXTENT_SLOTS_MAX     1024    //  Records in one extent
#define FST_SMALL_BYTES_MAX      65536   //  A blob up to this size is kept inline in small.db

typedef struct {
    fst_blob_id_t blob;
    uint32_t extent, slot, chunk;
    uint32_t plain_bytes;
    uint8_t chunk_log2;
    bool last;
    fst_cipher_t cipher;            //  Set by decode; ANY when sealed: the fastest one, and set
    uint64_t checksum;              //  Set by decode
} fst_record_t;

//  Octets of a whole record, and the distance of two slots in an extent file.
static inline size_t
fst_record_bytes (uint32_t plain_bytes)
{
    return (size_t) plain_bytes + FST_RECORD_OVERHEAD;
}

static inline int64_t
fst_record_stride (uint8_t chunk_log2)
{
    return ((int64_t) 1 << chunk_log2) + FST_RECORD_OVERHEAD;
}

//  Encrypt in place: buffer holds fst_record_bytes (record->plain_bytes) octets with the plain text at
//  FST_RECORD_HEADER_BYTES; afterwards it is the whole record. Sets record->checksum and ->cipher.
void
fst_record_seal (fst_record_t *record, const uint8_t key [FST_KEY_BYTES], uint8_t *buffer);

//  Read and check the header of a record of bytes octets: layout, bounds, length. Not the checksum.
//      FST_MALFORMED
fst_rc_t FST_CHECKED
fst_record_decode (const uint8_t *data, size_t bytes, fst_record_t *record);

//  Check the checksum over a whole record that decode accepted: for those who have no key.
//      FST_CORRUPT
fst_rc_t FST_CHECKED
fst_record_check (const uint8_t *data, size_t bytes, const fst_record_t *record);

//  Decrypt in place; the plain text is then at FST_RECORD_HEADER_BYTES, record->plain_bytes long.
//  expect names the blob, extent, slot, chunk, chunk_log2 and last flag that the caller asked for. The cipher's tag
//  covers all but the checksum, which is not looked at.
//      FST_CORRUPT  it is another record, or any octet was changed; buffer holds nothing of use then
fst_rc_t FST_CHECKED
fst_record_open (const fst_record_t *expect, const uint8_t key [FST_KEY_BYTES], uint8_t *data, size_t bytes,
                 uint32_t *plain_bytes_p);

//  Digest of an extent: XXH3-64 over the checksums of its records in slot order, as 8 octets each, big-endian. So
//  who wrote the records knows what every node must say it has.
uint64_t
fst_extent_digest (const uint64_t *checksums, size_t count);

//  Wrap a blob's key for keeping in the catalog: XChaCha20-Poly1305 under the cluster key with the blob
//  id as associated data. wrapped takes FST_WRAPPED_BYTES.
#define FST_WRAPPED_BYTES (24 + FST_KEY_BYTES + 16)
void
fst_key_wrap (const uint8_t cluster_key [FST_KEY_BYTES], const fst_blob_id_t *blob,
              const uint8_t key [FST_KEY_BYTES], uint8_t *wrapped);
//      FST_CORRUPT  not wrapped with this cluster key for this blob
fst_rc_t FST_CHECKED
fst_key_unwrap (const uint8_t cluster_key [FST_KEY_BYTES], const fst_blob_id_t *blob,
                const uint8_t *wrapped, uint8_t key [FST_KEY_BYTES]);

//  Key of the blob with this index in an upload, from the upload's key (BLAKE2b as a KDF).
void
fst_blob_key_derive (const uint8_t upload_key [FST_KEY_BYTES], uint32_t index, uint8_t key [FST_KEY_BYTES]);

#endif
