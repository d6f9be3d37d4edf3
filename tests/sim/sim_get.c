//  A simple get: from any node that has it, or from all of them.

#include "sim_world.h"
#include <assert.h>
#include "fst_record.h"
#include "fst_text.h"

#define PATIENCE_MS     60000
#define PAUSE_MS        200         //  Before everything is tried again

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
    json_t *node = sim_find_node (get->nodes, name);
    json_t *right = sim_find_node (json_object_get (get->file, "capabilities"), name);
    if (!node || !right)
        return FST_UNREACHABLE;                 //  Not offered at the moment
    sim_port_t port;
    zmsg_t *frames = NULL;
    uint32_t chunks = (uint32_t) json_integer_value (json_object_get (extent, "chunks"));
    sim_open_port (get->sim, get->client, node, &port);
    fst_rc_t rc = sim_port_call (get->sim, &port, "RETRIEVE", json_pack ("{s:O, s:O, s:O, s:i, s:I}",
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
    fst_rc_t rc = fst_base64_decode (sim_text (get->file, "key"), get->key, sizeof (get->key), &bytes);
    assert (rc == FST_OK);
    rc = fst_hex_decode (sim_text (get->file, "blob"), get->blob.bytes, FST_BLOB_BYTES);
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
    json_t *payload = json_pack ("{s:[s], s:i}", "paths", path, "count", 1024);
    fst_rc_t rc = sim_call (self, client, "metadata", "GET_FILE_INFO", payload, &reply);
    if (rc != FST_OK)
        return rc;
    s_get_t get = { .sim = self, .client = client, .nodes = json_object_get (reply, "nodes"), .why = why,
                    .why_size = why_size };
    get.file = json_array_get (json_object_get (reply, "files"), 0);
    while (!streq (fst_error_code (rc), sim_text (get.file, "code")))
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
