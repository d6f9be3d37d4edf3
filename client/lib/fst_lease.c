//  An open upload as metadata granted it.

#include "fst_lease.h"
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_log.h"
#include "fst_record.h"
#include "fst_text.h"

#define PAUSE_FIRST_MS    20        //  After BUSY; doubled each time
#define PAUSE_MOST_MS   1000
#define BUSY_MOST_MS   30000        //  Then it counts as failed
#define SHORT_MOST_MS  15000        //  How long nodes that failed are tried again where there are no others
#define SHORT_APART_MS 30000        //  So long after the last time, it counts anew
#define SHORT_PAUSE_MS   250

void
fst_lease_clear (fst_lease_t *self)
{
    assert (self);
    free (self->nodes);
    sodium_memzero (self, sizeof (*self));
}

static void
s_ended (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    (void) owner;
    (void) item;
    (void) reply;
    (void) problem;
    if (rc != FST_OK)
        fst_log_debug ("upload not ended: %s", fst_error_code (rc));
}

void
fst_lease_end (const fst_lease_t *self, filestore_t *client, uint32_t files)
{
    assert (self);
    assert (client);
    if (!*self->upload)
        return;
    json_t *payload = json_pack ("{s:s, s:I}", "upload", self->upload, "files", (json_int_t) files);
    fst_client_call (client, "metadata", "END_UPLOAD", payload, s_ended, client, NULL);
}

static int
s_add_node (fst_lease_t *self, fst_data_node_t *data)
{
    int at = self->nodes_count++;
    self->nodes = realloc (self->nodes, (size_t) self->nodes_count * sizeof (*self->nodes));
    assert (self->nodes);
    self->nodes [at] = (fst_lease_node_t) { .data = data };
    return at;
}

void
fst_lease_begin (fst_lease_t *self, filestore_t *client, int64_t now_ms)
{
    assert (self);
    memset (self, 0, sizeof (*self));
    fst_data_node_t *data = NULL;
    while ((data = fst_data_next (fst_client_data (client), data)))
        if (fst_data_down (data, now_ms)) {
            int at = s_add_node (self, data);
            self->nodes [at].failed = self->nodes [at].carried = true;
        }
}

void
fst_lease_lose (fst_lease_t *self, int node, fst_rc_t rc)
{
    assert (self);
    self->nodes [node].failed = true;
    self->nodes [node].unreached = rc == FST_UNREACHABLE || rc == FST_TIMEOUT;
}

//  Use again those that are marked so. False if there are none.
static bool
s_forgive (fst_lease_t *self, bool carried)
{
    bool any = false;
    for (int at = 0; at < self->nodes_count; at++) {
        fst_lease_node_t *node = &self->nodes [at];
        if (!node->failed || !(carried? node->carried: node->unreached))
            continue;
        node->failed = node->carried = node->unreached = false;
        any = true;
    }
    return any;
}

bool
fst_lease_forgive (fst_lease_t *self, int64_t now_ms, int64_t *again_ms)
{
    assert (self);
    *again_ms = now_ms;
    if (s_forgive (self, true))
        return true;
    if (!self->short_ms || now_ms - self->short_ms > SHORT_APART_MS)
        self->short_since_ms = now_ms;
    self->short_ms = now_ms;
    if (now_ms - self->short_since_ms > SHORT_MOST_MS || !s_forgive (self, false))
        return false;
    *again_ms = now_ms + SHORT_PAUSE_MS;
    return true;
}

static json_t *
s_names (const fst_lease_t *self, const int *nodes, int count)
{
    json_t *names = json_array ();
    for (int at = 0; at < count; at++)
        json_array_append_new (names, json_string (fst_lease_name (self, nodes [at])));
    return names;
}

json_t *
fst_lease_request (const fst_lease_t *self, const char *path, int64_t size, int replicas, uint32_t from,
                   uint32_t count, const int *keep, int keep_count)
{
    assert (self);
    json_t *payload = json_pack ("{s:I, s:I}", "from", (json_int_t) from, "count", (json_int_t) count);
    if (*self->upload)
        json_object_set_new (payload, "upload", json_string (self->upload));
    if (path)
        json_object_set_new (payload, "path", json_string (path));
    if (size >= 0)
        json_object_set_new (payload, "size", json_integer (size));
    if (replicas > 0)
        json_object_set_new (payload, "replicas", json_integer (replicas));
    if (keep)
        json_object_set_new (payload, "keep", s_names (self, keep, keep_count));
    json_t *avoid = json_array ();
    for (int at = 0; at < self->nodes_count && json_array_size (avoid) < 64; at++)
        if (self->nodes [at].failed)
            json_array_append_new (avoid, json_string (fst_lease_name (self, at)));
    if (json_array_size (avoid))
        json_object_set (payload, "avoid", avoid);
    json_decref (avoid);
    return payload;
}

int
fst_lease_find (const fst_lease_t *self, const fst_data_node_t *node)
{
    assert (self);
    for (int at = 0; at < self->nodes_count; at++)
        if (self->nodes [at].data == node)
            return at;
    return -1;
}

const char *
fst_lease_name (const fst_lease_t *self, int node)
{
    assert (node >= 0);
    assert (node < self->nodes_count);
    return fst_data_name (self->nodes [node].data);
}

static void
s_learn_node (fst_lease_t *self, filestore_t *client, json_t *access)
{
    fst_data_node_t *data = fst_data_learn (fst_client_data (client),
                                            json_string_value (json_object_get (access, "node")),
                                            json_string_value (json_object_get (access, "endpoint")),
                                            fst_client_user (client),
                                            json_string_value (json_object_get (access, "ticket")));
    fst_data_set_window (data, json_integer_value (json_object_get (access, "window")));
    int at = fst_lease_find (self, data);
    if (at < 0)
        at = s_add_node (self, data);
    snprintf (self->nodes [at].capability, sizeof (self->nodes [at].capability), "%s",
              json_string_value (json_object_get (access, "capability")));
}

static fst_rc_t
s_learn_shape (fst_lease_t *self, json_t *reply)
{
    size_t bytes;
    const char *upload = json_string_value (json_object_get (reply, "upload"));
    if (fst_hex_decode (upload, self->id, sizeof (self->id)) != FST_OK)
        return FST_MALFORMED;
    if (fst_base64_decode (json_string_value (json_object_get (reply, "key")), self->key, sizeof (self->key), &bytes)
        != FST_OK || bytes != sizeof (self->key))
        return FST_MALFORMED;
    uint64_t chunk = (uint64_t) json_integer_value (json_object_get (reply, "chunk_size"));
    for (self->chunk_log2 = FST_CHUNK_LOG2_MIN; self->chunk_log2 <= FST_CHUNK_LOG2_MAX; self->chunk_log2++)
        if ((uint64_t) 1 << self->chunk_log2 == chunk)
            break;
    if (self->chunk_log2 > FST_CHUNK_LOG2_MAX)
        return FST_MALFORMED;
    self->extent_chunks = (uint32_t) json_integer_value (json_object_get (reply, "extent_chunks"));
    snprintf (self->upload, sizeof (self->upload), "%s", upload);
    return FST_OK;
}

int
fst_lease_row (const fst_lease_t *self, json_t *reply, size_t row, int nodes [FST_COPIES_MAX])
{
    int count = 0;
    size_t index;
    json_t *name;
    json_array_foreach (json_array_get (json_object_get (reply, "extents"), row), index, name)
        for (int at = 0; at < self->nodes_count && count < FST_COPIES_MAX; at++)
            if (strcmp (fst_lease_name (self, at), json_string_value (name)) == 0)
                nodes [count++] = at;
    return count;
}

fst_rc_t
fst_lease_learn (fst_lease_t *self, filestore_t *client, json_t *reply)
{
    assert (self);
    const char *upload = json_string_value (json_object_get (reply, "upload"));
    if (!*self->upload) {
        fst_rc_t rc = s_learn_shape (self, reply);
        if (rc != FST_OK)
            return rc;
    }
    else
    if (strcmp (upload, self->upload) != 0)
        return FST_MALFORMED;
    size_t at;
    json_t *item;
    json_array_foreach (json_object_get (reply, "nodes"), at, item)
        s_learn_node (self, client, item);
    json_array_foreach (json_object_get (reply, "extents"), at, item) {
        int nodes [FST_COPIES_MAX];
        if (fst_lease_row (self, reply, at, nodes) != (int) json_array_size (item))
            return FST_MALFORMED;
    }
    return FST_OK;
}

fst_lease_advice_t
fst_lease_advise (fst_lease_t *self, int node, fst_rc_t rc, int64_t now_ms)
{
    fst_lease_node_t *at = &self->nodes [node];
    if (rc != FST_BUSY && rc != FST_EXPIRED)
        return FST_LEASE_REPLACE;
    if (!at->busy_since_ms)
        at->busy_since_ms = now_ms;
    if (now_ms - at->busy_since_ms > BUSY_MOST_MS)
        return FST_LEASE_REPLACE;
    if (now_ms >= at->pause_until_ms) {     //  Not for each of the many answers that come together
        at->pause_ms = at->pause_ms? at->pause_ms * 2: PAUSE_FIRST_MS;
        if (at->pause_ms > PAUSE_MOST_MS)
            at->pause_ms = PAUSE_MOST_MS;
        at->pause_until_ms = now_ms + at->pause_ms;
    }
    return rc == FST_BUSY? FST_LEASE_AGAIN: FST_LEASE_RENEW;
}

void
fst_lease_well (fst_lease_t *self, int node)
{
    self->nodes [node].busy_since_ms = 0;
    self->nodes [node].pause_ms = 0;
}

bool
fst_lease_ready (const fst_lease_t *self, int node, int64_t bytes, int64_t now_ms)
{
    const fst_lease_node_t *at = &self->nodes [node];
    return !at->failed && now_ms >= at->pause_until_ms && fst_data_room (at->data, bytes);
}
