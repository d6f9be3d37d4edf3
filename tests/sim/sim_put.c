//  A simple put: one extent after the other to all its nodes, with others for those that fail.

#include "sim_world.h"
#include <assert.h>
#include "fst_record.h"
#include "fst_text.h"

#define PATIENCE_MS     60000
#define PAUSE_MS        200         //  Before nodes are asked for again

typedef struct {
    sim_t *sim;
    int client;
    const char *path;
    const uint8_t *data;
    int64_t bytes, chunk_bytes;
    int64_t until_ms;
    uint32_t extent_chunks, replicas;
    char upload [2 * FST_UPLOAD_BYTES + 1];
    fst_blob_id_t blob;
    uint8_t key [FST_KEY_BYTES];
    json_t *avoid;                  //  Names of nodes that failed
} s_put_t;

static uint32_t
s_ceil (int64_t a, int64_t b)
{
    return (uint32_t) ((a + b - 1) / b);
}

static uint32_t
s_chunks (const s_put_t *put)
{
    return s_ceil (put->bytes, put->chunk_bytes);
}

//  Record of a chunk, encrypted anew; its random part makes no two alike, so all copies get the same octets.
static zframe_t *
s_record (const s_put_t *put, uint32_t chunk, uint64_t *checksum_p)
{
    int64_t from = chunk * put->chunk_bytes, plain = put->bytes - from;
    if (plain > put->chunk_bytes)
        plain = put->chunk_bytes;
    uint8_t log2 = 0;
    while ((int64_t) 1 << log2 < put->chunk_bytes)
        log2++;
    fst_record_t record = {
        .blob = put->blob, .extent = chunk / put->extent_chunks, .slot = chunk % put->extent_chunks, .chunk = chunk,
        .plain_bytes = (uint32_t) plain, .chunk_log2 = log2, .last = from + plain == put->bytes,
        .cipher = chunk & 1? FST_CIPHER_XCHACHA: FST_CIPHER_XAES    //  A mix must do as well as either
    };
    zframe_t *frame = zframe_new (NULL, fst_record_bytes ((uint32_t) plain));
    memcpy (zframe_data (frame) + FST_RECORD_HEADER_BYTES, put->data + from, (size_t) plain);
    fst_record_seal (&record, put->key, zframe_data (frame));
    *checksum_p = record.checksum;
    return frame;
}

//  Chunks first to end of one extent to one node; *receipt_p is the caller's.
static fst_rc_t
s_store_extent (s_put_t *put, json_t *node, zframe_t **records, uint32_t extent, uint32_t chunks, json_t **receipt_p)
{
    sim_port_t port;
    json_t *reply = NULL;
    bool small = put->bytes <= FST_SMALL_BYTES_MAX;
    const char *capability = sim_text (node, "capability");
    fst_rc_t rc = FST_OK;
    sim_open_port (put->sim, put->client, node, &port);
    for (uint32_t slot = 0; slot < chunks && rc == FST_OK; slot++) {
        zmsg_t *frames = zmsg_new ();
        zframe_t *copy = zframe_dup (records [slot]);
        zmsg_append (frames, &copy);
        json_t *payload = json_pack ("{s:s}", "capability", capability);
        if (small)
            json_object_set_new (payload, "seal", json_true ());
        rc = sim_port_call (put->sim, &port, "STORE", payload, frames, small? &reply: NULL, NULL);
    }
    if (rc == FST_OK && !small) {
        char blob [2 * FST_BLOB_BYTES + 1];
        fst_hex_encode (put->blob.bytes, FST_BLOB_BYTES, blob);
        rc = sim_port_call (put->sim, &port, "SEAL", json_pack ("{s:s, s:s, s:I, s:I}", "capability", capability,
            "blob", blob, "extent", (json_int_t) extent, "chunks", (json_int_t) chunks), NULL, &reply, NULL);
    }
    sim_wire_close (port.wire);
    if (rc != FST_OK)
        return rc;
    json_t *receipt = small? json_array_get (json_object_get (reply, "receipts"), 0): reply;
    *receipt_p = json_pack ("{s:O, s:O}", "digest", json_object_get (receipt, "digest"),
                            "receipt", json_object_get (receipt, "receipt"));
    json_object_set (*receipt_p, "node", json_object_get (node, "node"));
    json_decref (reply);
    return FST_OK;
}

static bool
s_in_time (const s_put_t *put)
{
    return put->sim->now_ms < put->until_ms;
}

//  Ask for nodes until there are enough; *reply_p is the caller's. keep may be NULL.
static fst_rc_t
s_ask_nodes (s_put_t *put, uint32_t from, uint32_t count, json_t *keep, json_t **reply_p)
{
    while (true) {
        json_t *payload = json_pack ("{s:s, s:I, s:I, s:I, s:O}", "path", put->path, "size", (json_int_t) put->bytes,
            "from", (json_int_t) from, "count", (json_int_t) count, "avoid", put->avoid);
        if (put->upload [0])
            json_object_set_new (payload, "upload", json_string (put->upload));
        if (keep && json_array_size (keep))
            json_object_set (payload, "keep", keep);
        fst_rc_t rc = sim_call (put->sim, put->client, "metadata", "GET_WRITE_NODES", payload, reply_p);
        if (rc == FST_OK || rc == FST_DENIED || rc == FST_EXPIRED || rc == FST_NOT_FOUND || !s_in_time (put))
            return rc;
        if (rc == FST_TOO_FEW_NODES)
            json_array_clear (put->avoid);      //  They may be back
        sim_sleep (put->sim, PAUSE_MS);
    }
}

//  The copies that an extent still needs, from the nodes in names; receipts gets what was stored.
static void
s_fill_extent (s_put_t *put, json_t *names, json_t *nodes, zframe_t **records, uint32_t extent, uint32_t chunks,
               json_t *receipts)
{
    size_t at;
    json_t *name;
    json_array_foreach (names, at, name) {
        json_t *receipt = NULL;
        if (sim_find_node (receipts, json_string_value (name)))
            continue;                           //  It has it already
        fst_rc_t rc = s_store_extent (put, sim_find_node (nodes, json_string_value (name)), records, extent, chunks,
                                      &receipt);
        if (rc == FST_OK)
            json_array_append_new (receipts, receipt);
        else
            json_array_append (put->avoid, name);
    }
}

//  One extent on all its nodes, replacing those that fail. *extent_p is what PUT_FILE_INFO wants.
static fst_rc_t
s_put_extent (s_put_t *put, uint32_t extent, json_t *names, json_t *nodes, json_t **extent_p)
{
    uint32_t first = extent * put->extent_chunks, chunks = s_chunks (put) - first;
    if (chunks > put->extent_chunks)
        chunks = put->extent_chunks;
    zframe_t *records [64];
    uint64_t checksums [64];
    assert (chunks <= 64);
    for (uint32_t slot = 0; slot < chunks; slot++)
        records [slot] = s_record (put, first + slot, &checksums [slot]);
    json_t *receipts = json_array (), *asked = NULL;
    fst_rc_t rc = FST_OK;
    s_fill_extent (put, names, nodes, records, extent, chunks, receipts);
    while (rc == FST_OK && json_array_size (receipts) < put->replicas) {
        json_t *keep = json_array (), *receipt;
        size_t at;
        json_array_foreach (receipts, at, receipt)
            json_array_append (keep, json_object_get (receipt, "node"));
        if (!s_in_time (put))
            rc = FST_TIMEOUT;
        else
            rc = s_ask_nodes (put, extent, 1, keep, &asked);
        if (rc == FST_OK)
            s_fill_extent (put, json_array_get (json_object_get (asked, "extents"), 0),
                           json_object_get (asked, "nodes"), records, extent, chunks, receipts);
        json_decref (asked);
        asked = NULL;
        json_decref (keep);
    }
    for (uint32_t slot = 0; slot < chunks; slot++)
        zframe_destroy (&records [slot]);
    if (rc == FST_OK) {
        int64_t from = first * put->chunk_bytes, bytes = put->bytes - from;
        if (bytes > chunks * put->chunk_bytes)
            bytes = chunks * put->chunk_bytes;
        json_t *copies = json_array (), *receipt;
        size_t at;
        json_array_foreach (receipts, at, receipt)
            json_array_append_new (copies, json_pack ("{s:O, s:O}", "node", json_object_get (receipt, "node"),
                                                      "receipt", json_object_get (receipt, "receipt")));
        *extent_p = json_pack ("{s:I, s:I, s:I, s:O, s:o}", "extent", (json_int_t) extent,
            "chunks", (json_int_t) chunks, "bytes", (json_int_t) bytes,
            "digest", json_object_get (json_array_get (receipts, 0), "digest"), "copies", copies);
    }
    json_decref (receipts);
    return rc;
}

static void
s_read_upload (s_put_t *put, json_t *reply)
{
    uint8_t id [FST_UPLOAD_BYTES], key [FST_KEY_BYTES];
    size_t bytes;
    snprintf (put->upload, sizeof (put->upload), "%s", sim_text (reply, "upload"));
    fst_rc_t rc = fst_hex_decode (put->upload, id, sizeof (id));
    assert (rc == FST_OK);
    rc = fst_base64_decode (sim_text (reply, "key"), key, sizeof (key), &bytes);
    assert (rc == FST_OK);
    put->blob = fst_blob_id (id, 0);
    fst_blob_key_derive (key, 0, put->key);
    put->chunk_bytes = json_integer_value (json_object_get (reply, "chunk_size"));
    put->extent_chunks = (uint32_t) json_integer_value (json_object_get (reply, "extent_chunks"));
    put->replicas = (uint32_t) json_integer_value (json_object_get (reply, "replicas"));
}

//  All extents are on stable storage: make them visible.
static fst_rc_t
s_commit (s_put_t *put, json_t *extents)
{
    json_t *reply = NULL, *payload = json_pack ("{s:[{s:i, s:s, s:I, s:i, s:O}]}", "files", "index", 0,
        "path", put->path, "size", (json_int_t) put->bytes, "modified_ms", 5, "extents", extents);
    if (put->upload [0])
        json_object_set_new (payload, "upload", json_string (put->upload));
    fst_rc_t rc = sim_call (put->sim, put->client, "metadata", "PUT_FILE_INFO", payload, &reply);
    if (rc == FST_OK) {
        const char *code = sim_text (json_array_get (json_object_get (reply, "files"), 0), "code");
        while (rc < FST_ERRORS_COUNT && !streq (fst_error_code (rc), code))
            rc++;
    }
    json_decref (reply);
    return rc;
}

static fst_rc_t
s_put_all (s_put_t *put, json_t *extents)
{
    json_t *asked = NULL;
    if (put->bytes == 0)
        return FST_OK;
    put->chunk_bytes = 65536;
    uint32_t count = s_ceil (s_ceil (put->bytes, put->chunk_bytes), 2);     //  As sim_world.c sets it
    fst_rc_t rc = s_ask_nodes (put, 0, count, NULL, &asked);
    if (rc == FST_OK)
        s_read_upload (put, asked);
    for (uint32_t extent = 0; extent < count && rc == FST_OK; extent++) {
        json_t *made = NULL;
        rc = s_put_extent (put, extent, json_array_get (json_object_get (asked, "extents"), extent),
                           json_object_get (asked, "nodes"), &made);
        if (rc == FST_OK)
            json_array_append_new (extents, made);
    }
    json_decref (asked);
    return rc;
}

fst_rc_t
sim_put (sim_t *self, int client, const char *path, int64_t bytes)
{
    uint64_t change = sim_checker_begin (self->checker, client, path, bytes);
    uint8_t *data = malloc ((size_t) bytes + 1);
    assert (data);
    sim_checker_fill (self->checker, change, data);
    s_put_t put = {
        .sim = self, .client = client, .path = path, .data = data, .bytes = bytes,
        .until_ms = self->now_ms + PATIENCE_MS, .avoid = json_array ()
    };
    json_t *extents = json_array ();
    fst_rc_t rc = s_put_all (&put, extents);
    if (rc != FST_OK)
        sim_checker_refused (self->checker, change);    //  It was never asked for
    else {
        rc = s_commit (&put, extents);
        if (rc == FST_OK)
            sim_checker_done (self->checker, change);
        else
        if (sim_result_is_certain (rc))
            sim_checker_refused (self->checker, change);
    }
    sim_say (self, "%s: put %s bytes=%lld %s", self->parts [client].name, path, (long long) bytes, fst_error_code (rc));
    json_decref (extents);
    json_decref (put.avoid);
    free (data);
    return rc;
}
