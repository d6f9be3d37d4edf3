//  A simple client of the protocol: puts and gets with failover, as client/lib does it but one step after the other.

#include "sim_world.h"
#include <assert.h>
#include <sodium.h>
#include "fst_envelope.h"
#include "fst_record.h"
#include "fst_text.h"

#define PATIENCE_MS     60000       //  Of one put or get
#define PAUSE_MS        200         //  Before everything is tried again
#define SILENCE_MS      1000        //  Of a node
#define NODES_MAX       16

//  ---- Calls over the broker

typedef struct {
    bool over;
    fst_rc_t rc;
    json_t *reply;
} s_result_t;

static void
s_finished (void *arg, fst_rc_t rc, json_t *reply, zmsg_t **frames_p)
{
    (void) frames_p;
    s_result_t *result = arg;
    result->rc = rc;
    result->reply = json_incref (reply);
    result->over = true;
}

fst_rc_t
sim_call (sim_t *self, int client, const char *service, const char *command, json_t *payload, json_t **reply_p)
{
    s_result_t result = { .over = false };
    sim_part_t *part = &self->parts [client];
    sim_net_call (part, service, command, part->token, payload? payload: json_object (), s_finished, &result);
    sim_wait (self, &result.over);
    if (reply_p && result.rc == FST_OK)
        *reply_p = result.reply;
    else
        json_decref (result.reply);
    return result.rc;
}

static fst_rc_t
s_metadata (sim_t *self, int client, const char *command, json_t *payload, json_t **reply_p)
{
    return sim_call (self, client, "metadata", command, payload, reply_p);
}

//  ---- Calls to data ports

//  One connection, one call at a time on it.
typedef struct {
    uint64_t wire;
    char id [FST_ID_TEXT_BYTES + 1];
    bool over;
    fst_rc_t rc;
    json_t *reply;
    zmsg_t *frames;
} s_port_t;

typedef struct {
    s_port_t *port;                 //  NULL: it was answered in time
    bool over;                      //  It was not
} s_patience_t;

static void
s_received (void *arg, zmsg_t *message)
{
    s_port_t *port = arg;
    zframe_t *head = zmsg_pop (message);
    fst_envelope_reply_t reply;
    char where [256] = "";
    if (fst_envelope_reply_decode (zframe_data (head), zframe_size (head), &reply, where, sizeof (where)) != FST_OK)
        sim_fail (sim_world, __FILE__, __LINE__, where);
    if (!port->over && streq (reply.id, port->id)) {
        port->rc = reply.rc;
        port->reply = json_incref (reply.payload);
        port->frames = message;
        message = NULL;
        port->over = true;
    }
    fst_envelope_reply_clear (&reply);
    zframe_destroy (&head);
    zmsg_destroy (&message);
}

static void
s_silent (sim_t *sim, void *arg)
{
    (void) sim;
    s_patience_t *patience = arg;
    if (!patience->port) {
        free (patience);
        return;
    }
    patience->over = true;
    if (!patience->port->over) {
        patience->port->rc = FST_UNREACHABLE;
        patience->port->over = true;
    }
}

//  payload and frames are taken; *reply_p and *frames_p may be NULL.
static fst_rc_t
s_port_call (sim_t *self, s_port_t *port, const char *command, json_t *payload, zmsg_t *frames, json_t **reply_p,
             zmsg_t **frames_p)
{
    fst_id_new (port->id);
    port->over = false;
    port->reply = NULL;
    port->frames = NULL;
    zmsg_t *message = frames? frames: zmsg_new ();
    zframe_t *head = fst_envelope_request_encode (port->id, command, NULL, payload);
    zmsg_prepend (message, &head);
    json_decref (payload);
    sim_wire_send (port->wire, message);
    s_patience_t *patience = calloc (1, sizeof (*patience));
    assert (patience);
    patience->port = port;
    sim_at (self, self->now_ms + SILENCE_MS, s_silent, patience);
    sim_wait (self, &port->over);
    patience->port = NULL;
    if (patience->over)
        free (patience);
    if (reply_p && port->rc == FST_OK)
        *reply_p = port->reply;
    else
        json_decref (port->reply);
    if (frames_p && port->rc == FST_OK)
        *frames_p = port->frames;
    else
        zmsg_destroy (&port->frames);
    return port->rc;
}

//  The row about a node in a list.
static json_t *
s_find_node (json_t *list, const char *name)
{
    size_t at;
    json_t *row;
    json_array_foreach (list, at, row)
        if (streq (json_string_value (json_object_get (row, "node")), name))
            return row;
    return NULL;
}

static const char *
s_text (json_t *object, const char *name)
{
    const char *text = json_string_value (json_object_get (object, name));
    assert (text);
    return text;
}

static void
s_open_port (sim_t *self, int client, json_t *node, s_port_t *port)
{
    memset (port, 0, sizeof (*port));
    port->wire = sim_wire_new (&self->parts [client], s_text (node, "endpoint"), self->parts [client].name,
                               s_text (node, "ticket"), s_received, port);
}

//  ---- Put

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
        .plain_bytes = (uint32_t) plain, .chunk_log2 = log2, .last = from + plain == put->bytes
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
    s_port_t port;
    json_t *reply = NULL;
    bool small = put->bytes <= FST_SMALL_BYTES_MAX;
    const char *capability = s_text (node, "capability");
    fst_rc_t rc = FST_OK;
    s_open_port (put->sim, put->client, node, &port);
    for (uint32_t slot = 0; slot < chunks && rc == FST_OK; slot++) {
        zmsg_t *frames = zmsg_new ();
        zframe_t *copy = zframe_dup (records [slot]);
        zmsg_append (frames, &copy);
        json_t *payload = json_pack ("{s:s}", "capability", capability);
        if (small)
            json_object_set_new (payload, "seal", json_true ());
        rc = s_port_call (put->sim, &port, "STORE", payload, frames, small? &reply: NULL, NULL);
    }
    if (rc == FST_OK && !small) {
        char blob [2 * FST_BLOB_BYTES + 1];
        fst_hex_encode (put->blob.bytes, FST_BLOB_BYTES, blob);
        rc = s_port_call (put->sim, &port, "SEAL", json_pack ("{s:s, s:s, s:I, s:I}", "capability", capability,
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
        fst_rc_t rc = s_metadata (put->sim, put->client, "GET_WRITE_NODES", payload, reply_p);
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
        if (s_find_node (receipts, json_string_value (name)))
            continue;                           //  It has it already
        fst_rc_t rc = s_store_extent (put, s_find_node (nodes, json_string_value (name)), records, extent, chunks,
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
            s_fill_extent (put, json_array_get (json_object_get (asked, "extents"), 0), json_object_get (asked, "nodes"),
                           records, extent, chunks, receipts);
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
        *extent_p = json_pack ("{s:I, s:I, s:I, s:O, s:o}", "extent", (json_int_t) extent, "chunks", (json_int_t) chunks,
            "bytes", (json_int_t) bytes, "digest", json_object_get (json_array_get (receipts, 0), "digest"),
            "copies", copies);
    }
    json_decref (receipts);
    return rc;
}

static void
s_read_upload (s_put_t *put, json_t *reply)
{
    uint8_t id [FST_UPLOAD_BYTES], key [FST_KEY_BYTES];
    size_t bytes;
    snprintf (put->upload, sizeof (put->upload), "%s", s_text (reply, "upload"));
    fst_rc_t rc = fst_hex_decode (put->upload, id, sizeof (id));
    assert (rc == FST_OK);
    rc = fst_base64_decode (s_text (reply, "key"), key, sizeof (key), &bytes);
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
    fst_rc_t rc = s_metadata (put->sim, put->client, "PUT_FILE_INFO", payload, &reply);
    if (rc == FST_OK) {
        const char *code = s_text (json_array_get (json_object_get (reply, "files"), 0), "code");
        while (rc < FST_ERRORS_COUNT && !streq (fst_error_code (rc), code))
            rc++;
    }
    json_decref (reply);
    return rc;
}

//  Whether a result means that nothing was done, or that nobody knows.
static bool
s_certain (fst_rc_t rc)
{
    return rc != FST_TIMEOUT && rc != FST_UNREACHABLE && rc != FST_UNAVAILABLE && rc != FST_INTERRUPTED
        && rc != FST_IO && rc != FST_BUSY;
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
        if (s_certain (rc))
            sim_checker_refused (self->checker, change);
    }
    sim_say (self, "%s: put %s bytes=%lld %s", self->parts [client].name, path, (long long) bytes, fst_error_code (rc));
    json_decref (extents);
    json_decref (put.avoid);
    free (data);
    return rc;
}

//  ---- Get

typedef struct {
    sim_t *sim;
    int client;
    json_t *file, *nodes;           //  Of GET_FILE_INFO
    fst_blob_id_t blob;
    uint8_t key [FST_KEY_BYTES];
    int64_t chunk_bytes, size;
    uint32_t extent_chunks;
    uint8_t *data;
    char *why;
    size_t why_size;
} s_get_t;

//  Open the records of an extent into place.
static bool
s_open_records (s_get_t *get, uint32_t extent, uint32_t chunks, zmsg_t *frames)
{
    uint8_t log2 = 0;
    while ((int64_t) 1 << log2 < get->chunk_bytes)
        log2++;
    if (zmsg_size (frames) != chunks)
        return false;
    for (uint32_t slot = 0; slot < chunks; slot++) {
        zframe_t *frame = zmsg_pop (frames);
        uint32_t chunk = extent * get->extent_chunks + slot, plain = 0;
        int64_t from = chunk * get->chunk_bytes;
        fst_record_t expect = {
            .blob = get->blob, .extent = extent, .slot = slot, .chunk = chunk, .chunk_log2 = log2,
            .last = from + get->chunk_bytes >= get->size
        };
        fst_rc_t rc = fst_record_open (&expect, get->key, zframe_data (frame), zframe_size (frame), &plain);
        if (rc == FST_OK && from + plain <= get->size)
            memcpy (get->data + from, zframe_data (frame) + FST_RECORD_HEADER_BYTES, plain);
        zframe_destroy (&frame);
        if (rc != FST_OK || from + plain > get->size)
            return false;
    }
    return true;
}

//  One extent from one node.
static fst_rc_t
s_retrieve (s_get_t *get, json_t *extent, const char *name)
{
    json_t *node = s_find_node (get->nodes, name);
    json_t *right = s_find_node (json_object_get (get->file, "capabilities"), name);
    if (!node || !right)
        return FST_UNREACHABLE;                 //  Not offered at the moment
    s_port_t port;
    zmsg_t *frames = NULL;
    uint32_t chunks = (uint32_t) json_integer_value (json_object_get (extent, "chunks"));
    s_open_port (get->sim, get->client, node, &port);
    fst_rc_t rc = s_port_call (get->sim, &port, "RETRIEVE", json_pack ("{s:O, s:O, s:O, s:i, s:I}",
        "capability", json_object_get (right, "capability"), "blob", json_object_get (get->file, "blob"),
        "extent", json_object_get (extent, "extent"), "slot", 0, "count", (json_int_t) chunks), NULL, NULL, &frames);
    sim_wire_close (port.wire);
    if (rc == FST_OK
    && !s_open_records (get, (uint32_t) json_integer_value (json_object_get (extent, "extent")), chunks, frames))
        sim_fail (get->sim, __FILE__, __LINE__, "records of a node do not open");
    zmsg_destroy (&frames);
    return rc;
}

static fst_rc_t
s_get_extent (s_get_t *get, json_t *extent, bool all_copies)
{
    size_t at, read = 0;
    json_t *name;
    json_array_foreach (json_object_get (extent, "nodes"), at, name) {
        fst_rc_t rc = s_retrieve (get, extent, json_string_value (name));
        if (rc == FST_OK && !all_copies)
            return FST_OK;
        if (rc != FST_OK)
            snprintf (get->why, get->why_size, "extent %d at %s: %s",
                      (int) json_integer_value (json_object_get (extent, "extent")), json_string_value (name),
                      fst_error_code (rc));
        if (rc != FST_OK && all_copies)
            return rc;
        read += rc == FST_OK;
    }
    return read? FST_OK: FST_UNREACHABLE;
}

static fst_rc_t
s_get_all (s_get_t *get, bool all_copies)
{
    size_t at, bytes;
    json_t *extent, *extents = json_object_get (get->file, "extents");
    get->chunk_bytes = json_integer_value (json_object_get (get->file, "chunk_size"));
    get->extent_chunks = (uint32_t) json_integer_value (json_object_get (get->file, "extent_chunks"));
    fst_rc_t rc = fst_base64_decode (s_text (get->file, "key"), get->key, sizeof (get->key), &bytes);
    assert (rc == FST_OK);
    rc = fst_hex_decode (s_text (get->file, "blob"), get->blob.bytes, FST_BLOB_BYTES);
    assert (rc == FST_OK);
    json_array_foreach (extents, at, extent)
        if (rc == FST_OK)
            rc = s_get_extent (get, extent, all_copies);
    return rc;
}

fst_rc_t
sim_read (sim_t *self, int client, const char *path, bool all_copies, uint8_t **data_p, int64_t *bytes_p,
          char *why, size_t why_size)
{
    json_t *reply = NULL;
    snprintf (why, why_size, "GET_FILE_INFO");
    fst_rc_t rc = s_metadata (self, client, "GET_FILE_INFO", json_pack ("{s:[s], s:i}", "paths", path, "count", 1024),
                              &reply);
    if (rc != FST_OK)
        return rc;
    s_get_t get = { .sim = self, .client = client, .nodes = json_object_get (reply, "nodes"), .why = why,
                    .why_size = why_size };
    get.file = json_array_get (json_object_get (reply, "files"), 0);
    while (!streq (fst_error_code (rc), s_text (get.file, "code")))
        rc++;
    if (rc == FST_OK) {
        get.size = json_integer_value (json_object_get (get.file, "size"));
        get.data = calloc (1, (size_t) get.size + 1);
        assert (get.data);
        if (get.size)
            rc = s_get_all (&get, all_copies);
        *data_p = get.data;
        *bytes_p = get.size;
        if (rc != FST_OK)
            free (get.data);
    }
    json_decref (reply);
    return rc;
}

fst_rc_t
sim_get (sim_t *self, int client, const char *path)
{
    int64_t until_ms = self->now_ms + PATIENCE_MS, bytes = 0;
    uint8_t *data = NULL;
    char why [256];
    fst_rc_t rc;
    while ((rc = sim_read (self, client, path, false, &data, &bytes, why, sizeof (why))) != FST_OK
    &&     rc != FST_NOT_FOUND && self->now_ms < until_ms)
        sim_sleep (self, PAUSE_MS);
    if ((rc == FST_OK || rc == FST_NOT_FOUND)
    && !sim_checker_right (self->checker, client, path, rc == FST_OK? data: NULL, bytes))
        sim_fail (self, __FILE__, __LINE__, path);
    if (rc == FST_OK)
        free (data);
    sim_say (self, "%s: get %s %s", self->parts [client].name, path, fst_error_code (rc));
    return rc;
}

//  ---- Names

static fst_rc_t
s_change (sim_t *self, int client, uint64_t change, const char *command, json_t *payload)
{
    fst_rc_t rc = s_metadata (self, client, command, payload, NULL);
    if (rc == FST_OK)
        sim_checker_done (self->checker, change);
    else
    if (s_certain (rc))
        sim_checker_refused (self->checker, change);
    return rc;
}

fst_rc_t
sim_delete (sim_t *self, int client, const char *path)
{
    uint64_t change = sim_checker_begin (self->checker, client, path, -1);
    fst_rc_t rc = s_change (self, client, change, "DELETE_FILE", json_pack ("{s:s, s:b}", "path", path, "forever", 1));
    sim_say (self, "%s: delete %s %s", self->parts [client].name, path, fst_error_code (rc));
    return rc;
}

fst_rc_t
sim_move (sim_t *self, int client, const char *from, const char *to)
{
    uint64_t change = sim_checker_begin_move (self->checker, client, from, to);
    fst_rc_t rc = s_change (self, client, change, "MOVE", json_pack ("{s:s, s:s, s:b}", "from", from, "to", to,
                                                                     "replace", 1));
    sim_say (self, "%s: move %s %s %s", self->parts [client].name, from, to, fst_error_code (rc));
    return rc;
}

//  ---- Figures

json_t *
sim_status (sim_t *self)
{
    json_t *reply = NULL;
    return s_metadata (self, SIM_CLIENT (1), "STATUS", NULL, &reply) == FST_OK? reply: NULL;
}

int64_t
sim_figure (sim_t *self, const char *name)
{
    json_t *status = sim_status (self), *at = status;
    char part [64];
    while (at && *name) {
        size_t bytes = strcspn (name, ".");
        snprintf (part, sizeof (part), "%.*s", (int) bytes, name);
        at = json_is_array (at)? json_array_get (at, (size_t) atoi (part)): json_object_get (at, part);
        name += bytes + (name [bytes] == '.');
    }
    int64_t value = json_is_integer (at)? json_integer_value (at): -1;
    json_decref (status);
    return value;
}
