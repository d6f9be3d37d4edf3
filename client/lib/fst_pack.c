//  A pack of small files.

#include "fst_pack.h"
#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include "fst_record.h"
#include "fst_text.h"

#define PACK_BYTES ((1 << 20) + FST_RECORD_OVERHEAD)    //  As a record of the usual chunk: same buffers

//  ---- Reading and encrypting, in a worker

static fst_rc_t
s_read_local (fst_pack_file_t *file, uint8_t *plain)
{
    int fd;
    fst_stamp_t stamp;
    fst_rc_t rc = fst_local_open (file->item.local, &fd, &stamp, &file->problem);
    if (rc != FST_OK)
        return rc;
    rc = fst_local_same (fd, &file->item.stamp)? FST_OK: FST_CHANGED;
    if (rc == FST_OK)
        rc = fst_local_read (fd, 0, plain, (size_t) file->item.stamp.size);
    if (rc == FST_OK && !fst_local_same (fd, &file->item.stamp))
        rc = FST_CHANGED;
    close (fd);
    if (rc == FST_CHANGED)
        file->problem = fst_local_text ("%s: the file changed while it was read; nothing was stored, try again",
                                        file->item.local);
    else
    if (rc != FST_OK)
        file->problem = fst_local_text ("%s: reading it failed; nothing was stored", file->item.local);
    return rc;
}

static void
s_make_file (const fst_batch_lease_t *lease, fst_cipher_t cipher, fst_pack_file_t *file, uint8_t *data)
{
    uint8_t *plain = data + FST_RECORD_HEADER_BYTES;
    size_t bytes = (size_t) file->item.stamp.size;
    if (file->item.local)
        file->rc = s_read_local (file, plain);
    else
        memcpy (plain, file->item.data, bytes);
    if (file->rc != FST_OK)
        return;
    XXH128_canonical_t chunk;
    XXH128_canonicalFromHash (&chunk, XXH3_128bits (plain, bytes));
    XXH128_canonicalFromHash ((XXH128_canonical_t *) file->digest, XXH3_128bits (&chunk, sizeof (chunk)));
    uint8_t key [FST_KEY_BYTES];
    fst_blob_key_derive (lease->lease.key, file->index, key);
    fst_record_t record = {
        .blob = fst_blob_id (lease->lease.id, file->index), .plain_bytes = (uint32_t) bytes,
        .chunk_log2 = lease->lease.chunk_log2, .last = true, .cipher = cipher
    };
    fst_record_seal (&record, key, data);
    snprintf (file->sealed, sizeof (file->sealed), "%016" PRIx64, fst_extent_digest (&record.checksum, 1));
    sodium_memzero (key, sizeof (key));
}

static void
s_make_run (void *job)
{
    fst_pack_t *pack = job;
    for (size_t at = 0; at < pack->count; at++)
        if (pack->files [at].bytes)
            s_make_file (pack->lease, fst_client_cipher (pack->client), &pack->files [at],
                         fst_buffer_data (pack->buffer) + pack->files [at].offset);
}

static void
s_make_done (void *job)
{
    fst_pack_t *pack = job;
    for (size_t at = 0; at < pack->count; at++) {
        fst_pack_file_t *file = &pack->files [at];
        if (file->rc != FST_OK || !file->bytes)
            continue;
        fst_buffer_message (pack->buffer, file->offset, file->bytes, &pack->records [pack->records_count++]);
        pack->records_bytes += (int64_t) file->bytes;
    }
    fst_buffer_drop (&pack->buffer);
    pack->state = FST_PACK_READY;
}

//  ---- Life

fst_pack_t *
fst_pack_new (filestore_t *client, fst_batch_lease_t *lease, fst_pack_file_t *files, size_t count)
{
    assert (client);
    assert (lease);
    assert (count);
    fst_buffer_t *buffer = fst_buffers_take (fst_client_buffers (client), PACK_BYTES);
    if (!buffer)
        return NULL;
    fst_pack_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->client = client;
    self->lease = lease;
    self->files = files;
    self->buffer = buffer;
    for (int at = 0; at < FST_COPIES_MAX; at++)
        self->copy [at].node = -1;
    size_t offset = 0;
    while (self->count < FST_PACK_FILES && self->count < count) {
        fst_pack_file_t *file = &files [self->count];
        size_t bytes = file->item.stamp.size? fst_record_bytes ((uint32_t) file->item.stamp.size): 0;
        if (offset + bytes > PACK_BYTES)
            break;
        file->offset = offset;
        file->bytes = bytes;
        offset += (bytes + 63) / 64 * 64;
        self->count++;
    }
    fst_rc_t rc = fst_pool_submit (fst_client_pool (client), s_make_run, s_make_done, self);
    assert (rc == FST_OK);          //  The buffers bound the jobs
    return self;
}

void
fst_pack_destroy (fst_pack_t **self_p)
{
    assert (self_p);
    fst_pack_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    fst_client_forget (self->client, self);
    if (self->state == FST_PACK_MAKING)
        fst_client_settle (self->client);
    for (size_t at = 0; at < self->records_count; at++)
        zmq_msg_close (&self->records [at]);
    for (int at = 0; at < FST_COPIES_MAX; at++)
        free (self->copy [at].receipts);
    fst_buffer_drop (&self->buffer);
    free (self);
}

bool
fst_pack_idle (const fst_pack_t *self)
{
    assert (self);
    if (self->state != FST_PACK_READY)
        return false;
    for (int copy = 0; copy < FST_COPIES_MAX; copy++)
        if (self->copy [copy].sent && !self->copy [copy].stored)
            return false;
    return true;
}

//  ---- Storing

//  Give it the nodes that it needs. It keeps the copies it has.
static void
s_assign (fst_pack_t *self)
{
    fst_batch_lease_t *lease = self->lease;
    for (int copy = 0; copy < lease->copies; copy++) {
        if (self->copy [copy].node >= 0)
            continue;
        for (int at = 0; at < lease->copies && self->copy [copy].node < 0; at++) {
            bool used = lease->lease.nodes [lease->nodes [at]].failed;
            for (int other = 0; other < lease->copies; other++)
                used = used || self->copy [other].node == lease->nodes [at];
            if (!used)
                self->copy [copy].node = lease->nodes [at];
        }
        if (self->copy [copy].node < 0)
            lease->broken = true;   //  Not enough of them: ask for others
    }
}

//  Take the receipts of a pack. False if they do not fit.
static bool
s_take_receipts (fst_pack_t *pack, int copy, json_t *receipts)
{
    if (json_array_size (receipts) != pack->records_count)
        return false;
    pack->copy [copy].receipts = calloc (FST_PACK_FILES, sizeof (*pack->copy [copy].receipts));
    assert (pack->copy [copy].receipts);
    size_t row = 0;
    for (size_t at = 0; at < pack->count; at++) {
        fst_pack_file_t *file = &pack->files [at];
        if (file->rc != FST_OK || !file->bytes)
            continue;
        json_t *receipt = json_array_get (receipts, row++);
        if (strcmp (file->sealed, json_string_value (json_object_get (receipt, "digest"))) != 0)
            return false;           //  It has other octets than were sent
        snprintf (pack->copy [copy].receipts [at], FST_PROOF_TEXT_MAX, "%s",
                  json_string_value (json_object_get (receipt, "receipt")));
    }
    return true;
}

static void
s_stored (const fst_data_tag_t *tag, fst_data_node_t *data, fst_data_reply_t *reply)
{
    fst_pack_t *pack = tag->owner;
    fst_batch_lease_t *lease = pack->lease;
    int node = fst_lease_find (&lease->lease, data), copy = (int) tag->slot;
    if (reply->rc == FST_OK) {
        if (s_take_receipts (pack, copy, json_object_get (reply->payload, "receipts"))) {
            fst_lease_well (&lease->lease, node);
            pack->copy [copy].stored = true;
            return;
        }
        reply->rc = FST_CORRUPT;
        reply->message = "its receipts do not fit";
        free (pack->copy [copy].receipts);
        pack->copy [copy].receipts = NULL;
    }
    pack->copy [copy].sent = false;
    fst_batch_lease_refuses (lease, node, reply);
}

static void
s_send_to (fst_pack_t *self, int copy, int64_t now_ms)
{
    fst_lease_node_t *node = &self->lease->lease.nodes [self->copy [copy].node];
    zmq_msg_t frames [FST_PACK_FILES];
    for (size_t at = 0; at < self->records_count; at++) {
        zmq_msg_init (&frames [at]);
        zmq_msg_copy (&frames [at], &self->records [at]);
    }
    fst_data_tag_t tag = { .owner = self, .done = s_stored, .slot = (uint32_t) copy };
    fst_data_send (fst_client_data (self->client), node->data, FST_DATA_STORE_SMALL,
                   json_pack ("{s:s, s:b}", "capability", node->capability, "seal", 1), frames, self->records_count,
                   self->records_bytes, &tag, now_ms);
    for (size_t at = 0; at < self->records_count; at++)
        zmq_msg_close (&frames [at]);
    self->copy [copy].sent = true;
}

bool
fst_pack_pump (fst_pack_t *self, int64_t now_ms)
{
    assert (self);
    fst_batch_lease_t *lease = self->lease;
    if (self->state != FST_PACK_READY)
        return false;
    if (!self->records_count)
        return true;                //  Empty files, or none that could be read
    for (int copy = 0; copy < lease->copies; copy++)
        if (self->copy [copy].node >= 0 && !self->copy [copy].stored && !self->copy [copy].sent
        &&  lease->lease.nodes [self->copy [copy].node].failed)
            self->copy [copy].node = -1;
    s_assign (self);
    bool whole = true;
    for (int copy = 0; copy < lease->copies; copy++) {
        int node = self->copy [copy].node;
        if (node >= 0 && !self->copy [copy].sent
        &&  fst_lease_ready (&lease->lease, node, self->records_bytes, now_ms))
            s_send_to (self, copy, now_ms);
        whole = whole && self->copy [copy].stored;
    }
    return whole;
}

//  ---- For metadata

json_t *
fst_pack_file_json (const fst_pack_t *self, size_t at)
{
    assert (self);
    assert (at < self->count);
    const fst_pack_file_t *file = &self->files [at];
    json_t *extents = json_array ();
    json_t *json = json_pack ("{s:I, s:s, s:I, s:I, s:o}", "index", (json_int_t) file->index, "path", file->item.path,
                              "size", (json_int_t) file->item.stamp.size,
                              "modified_ms", (json_int_t) file->item.modified_ms, "extents", extents);
    if (!json) {
        json_decref (extents);
        return NULL;                //  The path is no UTF-8
    }
    if (!file->bytes)
        return json;
    char digest [33];
    fst_hex_encode (file->digest, sizeof (file->digest), digest);
    json_object_set_new (json, "digest", json_string (digest));
    json_t *copies = json_array ();
    for (int copy = 0; copy < self->lease->copies; copy++)
        json_array_append_new (copies, json_pack ("{s:s, s:s}",
                               "node", fst_lease_name (&self->lease->lease, self->copy [copy].node),
                               "receipt", self->copy [copy].receipts [at]));
    json_array_append_new (extents, json_pack ("{s:i, s:i, s:I, s:s, s:o}", "extent", 0, "chunks", 1,
                                               "bytes", (json_int_t) file->item.stamp.size, "digest", file->sealed,
                                               "copies", copies));
    return json;
}
