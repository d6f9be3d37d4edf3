//  Where the content of a download is: what metadata says, and what became of it.

#include "fst_download_self.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_text.h"

#define PAGE_NEXT          64       //  Extents in the later pages
#define PAGE_EARLY          4       //  So many extents before the end of what is known, the next page is asked for
#define REFRESHES_MAX       3       //  Times that metadata is asked anew where the content is
#define REFRESH_MS        500

int
fst_download_find_node (const fst_download_t *self, const char *name)
{
    for (int at = 0; at < self->nodes_count; at++)
        if (strcmp (self->nodes [at].name, name) == 0)
            return at;
    return -1;
}

static int
s_add_node (fst_download_t *self, const char *name)
{
    int at = fst_download_find_node (self, name);
    if (at >= 0 || self->nodes_count == UINT16_MAX)
        return at;
    self->nodes = realloc (self->nodes, (size_t) (self->nodes_count + 1) * sizeof (*self->nodes));
    assert (self->nodes);
    self->nodes [self->nodes_count] = (fst_download_node_t) { .rc = FST_OK };
    snprintf (self->nodes [self->nodes_count].name, sizeof (self->nodes->name), "%s", name);
    return self->nodes_count++;
}

void
fst_download_learn_nodes (fst_download_t *self, json_t *file, json_t *nodes)
{
    size_t index;
    json_t *item;
    json_array_foreach (nodes, index, item) {
        int at = fst_download_find_node (self, json_string_value (json_object_get (item, "node")));
        if (at >= 0)                //  Others are for other files of the same reply
            self->nodes [at].data = fst_data_learn (fst_client_data (self->client), self->nodes [at].name,
                                                    json_string_value (json_object_get (item, "endpoint")),
                                                    fst_client_user (self->client),
                                                    json_string_value (json_object_get (item, "ticket")));
    }
    json_array_foreach (json_object_get (file, "capabilities"), index, item) {
        int at = fst_download_find_node (self, json_string_value (json_object_get (item, "node")));
        if (at >= 0)
            snprintf (self->nodes [at].capability, sizeof (self->nodes->capability), "%s",
                      json_string_value (json_object_get (item, "capability")));
    }
}

static void
s_add_holders (fst_download_t *self, fst_download_extent_t *extent, json_t *names)
{
    size_t index;
    json_t *name;
    json_array_foreach (names, index, name) {
        int node = s_add_node (self, json_string_value (name));
        if (node >= 0 && extent->count < FST_DOWNLOAD_COPIES_MAX)
            extent->nodes [extent->count++] = (uint16_t) node;
    }
}

bool
fst_download_learn_extents (fst_download_t *self, json_t *extents)
{
    size_t count = json_array_size (extents);
    if (!count)
        return false;
    uint32_t first = (uint32_t) json_integer_value (json_object_get (json_array_get (extents, 0), "extent"));
    size_t keep = first >= self->extents_first && first - self->extents_first <= self->extents_count?
                  first - self->extents_first: 0;
    if (!keep)
        self->extents_first = first;
    self->extents = realloc (self->extents, (keep + count) * sizeof (*self->extents));
    assert (self->extents);
    self->extents_count = keep + count;
    for (size_t at = 0; at < count; at++) {
        json_t *row = json_array_get (extents, at);
        fst_download_extent_t *extent = &self->extents [keep + at];
        extent->count = 0;
        if ((uint64_t) json_integer_value (json_object_get (row, "extent")) != first + at)
            return false;
        s_add_holders (self, extent, json_object_get (row, "nodes"));
        s_add_holders (self, extent, json_object_get (row, "away"));
    }
    return true;
}

bool
fst_download_learn_shape (fst_download_t *self, json_t *file)
{
    size_t bytes;
    const char *blob = json_string_value (json_object_get (file, "blob"));
    const char *key = json_string_value (json_object_get (file, "key"));
    if (!blob || !key || fst_hex_decode (blob, self->blob.bytes, FST_BLOB_BYTES) != FST_OK
    ||  fst_base64_decode (key, self->key, FST_KEY_BYTES, &bytes) != FST_OK || bytes != FST_KEY_BYTES)
        return false;
    snprintf (self->blob_text, sizeof (self->blob_text), "%s", blob);
    json_int_t chunk = json_integer_value (json_object_get (file, "chunk_size"));
    while (self->chunk_log2 < FST_CHUNK_LOG2_MAX && (json_int_t) 1 << self->chunk_log2 < chunk)
        self->chunk_log2++;
    self->extent_chunks = (uint32_t) json_integer_value (json_object_get (file, "extent_chunks"));
    return (json_int_t) 1 << self->chunk_log2 == chunk && self->chunk_log2 >= FST_CHUNK_LOG2_MIN
        && self->extent_chunks >= 1;
}

const fst_download_extent_t *
fst_download_extent_of (const fst_download_t *self, int64_t chunk)
{
    int64_t at = chunk / self->extent_chunks - self->extents_first;
    return at >= 0 && at < (int64_t) self->extents_count? &self->extents [at]: NULL;
}

//  What became of a copy. *back_p is set if it may be there again.
static const char *
s_fate (const fst_download_node_t *node, bool *back_p)
{
    if (node->data && *node->capability) {
        if (node->rc == FST_CORRUPT)
            return "damaged";
        if (node->rc == FST_NOT_FOUND)
            return "gone";
    }
    *back_p = true;
    return !node->data || !*node->capability? "that node is away":
           node->rc == FST_OK || node->rc == FST_UNREACHABLE || node->rc == FST_TIMEOUT? "no answer": node->said;
}

//  No node gives a chunk: say what is lost, on which nodes it was, and what can be done.
static void
s_fail_lost (fst_download_t *self, const fst_download_chunk_t *chunk)
{
    const fst_download_extent_t *extent = fst_download_extent_of (self, chunk->number);
    long long from = (long long) chunk->number << self->chunk_log2;
    long long to = from + fst_download_plain_bytes (self, chunk->number) - 1;
    char copies [1024] = "";
    size_t used = 0;
    bool back = false;
    for (int at = 0; extent && at < extent->count && used < sizeof (copies); at++) {
        const fst_download_node_t *node = &self->nodes [extent->nodes [at]];
        used += (size_t) snprintf (copies + used, sizeof (copies) - used, "%s%s (%s)", at? ", ": "", node->name,
                                   s_fate (node, &back));
    }
    if (back)
        fst_download_fail (self, FST_UNAVAILABLE, "%s: octets %lld to %lld cannot be read now; their copies: %s. They are there "
                           "again when one of these nodes is back with its disk", self->args.path, from, to, copies);
    else
        fst_download_fail (self, FST_CORRUPT, "%s: octets %lld to %lld are lost; their copies: %s. Store the file again, or take "
                           "an older version; filestore admin recovery lists all that is missing", self->args.path, from, to,
                           *copies? copies: "none");
}

static void
s_informed (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    (void) item;
    fst_download_t *self = owner;
    self->asking = false;
    json_t *file = json_array_get (json_object_get (reply, "files"), 0);
    if (rc == FST_OK) {
        rc = fst_error_parse (json_string_value (json_object_get (file, "code")));
        problem = json_string_value (json_object_get (file, "message"));
    }
    if ((rc == FST_UNAVAILABLE || rc == FST_TIMEOUT) && self->refreshes++ < REFRESHES_MAX) {
        self->refresh_after_ms = fst_clock_mono_ms () + REFRESH_MS;
        return;
    }
    if (rc != FST_OK) {
        char *sentence = fst_client_sentence (self->args.path, rc, problem);
        fst_download_fail (self, rc, "%s", sentence);
        free (sentence);
        return;
    }
    const char *blob = json_string_value (json_object_get (file, "blob"));
    if (!blob || strcmp (blob, self->blob_text) != 0) {
        fst_download_fail (self, FST_CHANGED, "%s: it was replaced while it was read; get it again", self->args.path);
        return;
    }
    if (!fst_download_learn_extents (self, json_object_get (file, "extents"))) {
        fst_download_fail (self, FST_INTERNAL, "%s: metadata gave extents that make no sense; is it of another version?",
                           self->args.path);
        return;
    }
    fst_download_learn_nodes (self, file, json_object_get (reply, "nodes"));
    if (self->refresh || self->expired) {       //  Everyone may be asked again
        fst_download_chunk_t *chunk;
        TAILQ_FOREACH (chunk, &self->chunks, link)
            if (chunk->state == FST_DOWNLOAD_WAITING && !chunk->asked)
                chunk->tried = 0;
        self->generation++;
        self->refresh = self->expired = false;
    }
}

static void
s_ask (fst_download_t *self, uint32_t from)
{
    json_t *payload = json_pack ("{s:[s], s:I, s:i}", "paths", self->args.path, "from", (json_int_t) from,
                                 "count", PAGE_NEXT);
    if (self->version > 0)
        json_object_set_new (payload, "version", json_integer (self->version));
    self->asking = true;
    fst_client_call (self->client, "metadata", "GET_FILE_INFO", payload, s_informed, self, NULL);
}

void
fst_download_ask_if_due (fst_download_t *self, int64_t now_ms)
{
    if (self->asking || now_ms < self->refresh_after_ms)
        return;
    fst_download_chunk_t *first = TAILQ_FIRST (&self->chunks);
    if ((self->refresh || self->expired) && first) {
        self->refresh_after_ms = now_ms + REFRESH_MS;
        if (self->refreshes++ == REFRESHES_MAX)
            s_fail_lost (self, first);
        else
            s_ask (self, first->number / self->extent_chunks);
        return;
    }
    if (self->next_chunk >= self->end_chunk)
        return;
    int64_t known = (int64_t) self->extents_first + (int64_t) self->extents_count;
    int64_t needed = self->next_chunk / self->extent_chunks, last = (self->end_chunk - 1) / self->extent_chunks;
    if (needed < self->extents_first || needed >= known)
        s_ask (self, (uint32_t) needed);
    else
    if (known <= last && needed + PAGE_EARLY >= known)
        s_ask (self, (uint32_t) known);
}
