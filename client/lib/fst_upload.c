//  Upload of one large file: the shell around fst_plan, which knows what is to be done; here it is done.

#include "fst_upload_self.h"
#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fst_clock.h"
#include "fst_text.h"

#define PAGE_EXTENTS    512         //  Extents in one PUT_FILE_INFO

//  ---- Failing

void
fst_upload_fail (fst_upload_t *self, fst_rc_t rc, const char *format, ...)
{
    if (self->rc != FST_OK)
        return;                     //  The first reason counts
    va_list args;
    va_start (args, format);
    int length = vasprintf (&self->problem, format, args);
    va_end (args);
    assert (length >= 0);
    self->rc = rc;
    self->state = FST_UPLOAD_OVER;
}

void
fst_upload_fail_said (fst_upload_t *self, fst_rc_t rc, const char *said)
{
    char *sentence = fst_client_sentence (self->args.path, rc, said);
    fst_upload_fail (self, rc, "%s", sentence);
    free (sentence);
}

void
fst_upload_fail_changed (fst_upload_t *self)
{
    fst_upload_fail (self, FST_CHANGED, "%s: the file changed while it was read; nothing was stored, try again",
                     self->args.name);
}

//  ---- Sealing

//  Octets of plain text in a complete extent, and its digest: what every copy must say it has.
static int64_t
s_extent_bytes (const fst_upload_t *self, const fst_plan_extent_t *extent)
{
    int64_t full = (int64_t) self->lease.extent_chunks << self->lease.chunk_log2;
    int64_t left = self->read_bytes - (int64_t) extent->number * full;
    return left < full? left: full;
}

static void
s_extent_digest (const fst_plan_extent_t *extent, char digest [17])
{
    snprintf (digest, 17, "%016" PRIx64, fst_extent_digest (extent->checksums, extent->made));
}

static bool
s_seal_fits (const fst_upload_t *self, const fst_plan_extent_t *extent, json_t *seal)
{
    char digest [17];
    s_extent_digest (extent, digest);
    return strcmp (json_string_value (json_object_get (seal, "digest")), digest) == 0
        && json_integer_value (json_object_get (seal, "bytes")) == s_extent_bytes (self, extent);
}

static void
s_sealed (const fst_data_tag_t *tag, fst_data_node_t *data, fst_data_reply_t *reply)
{
    fst_upload_t *self = tag->owner;
    int node = fst_lease_find (&self->lease, data);
    const fst_plan_extent_t *extent = fst_plan_find (self->plan, tag->extent);
    if (reply->rc == FST_OK && (!extent || s_seal_fits (self, extent, reply->payload))) {
        fst_lease_well (&self->lease, node);
        fst_plan_sealed (self->plan, tag->extent, node,
                         json_string_value (json_object_get (reply->payload, "receipt")));
        return;
    }
    if (reply->rc == FST_OK) {
        reply->rc = FST_CORRUPT;
        reply->message = "it sealed other octets than were sent";
    }
    fst_plan_unsealed (self->plan, tag->extent, node);
    fst_upload_node_refuses (self, node, reply, fst_clock_mono_ms ());
}

static void
s_seal_all (fst_upload_t *self, int64_t now_ms)
{
    uint32_t extent, chunks;
    int node;
    char blob [FST_BLOB_BYTES * 2 + 1];
    fst_hex_encode (self->blob.bytes, FST_BLOB_BYTES, blob);
    while (fst_plan_seal (self->plan, &extent, &node, &chunks)) {
        if (!fst_lease_ready (&self->lease, node, 0, now_ms)) {
            fst_plan_unsealed (self->plan, extent, node);
            return;
        }
        fst_data_tag_t tag = { .owner = self, .done = s_sealed, .extent = extent };
        fst_data_send (fst_client_data (self->client), self->lease.nodes [node].data, FST_DATA_SEAL,
                       json_pack ("{s:s, s:s, s:I, s:I}", "capability", self->lease.nodes [node].capability,
                                  "blob", blob, "extent", (json_int_t) extent, "chunks", (json_int_t) chunks),
                       NULL, 0, 0, &tag, now_ms);
    }
}

//  ---- The namespace

static json_t *
s_extent_json (const fst_upload_t *self, const fst_plan_extent_t *extent)
{
    char digest [17];
    s_extent_digest (extent, digest);
    json_t *copies = json_array ();
    for (int at = 0; at < extent->copies; at++)
        json_array_append_new (copies, json_pack ("{s:s, s:s}",
                               "node", fst_lease_name (&self->lease, extent->copy [at].node),
                               "receipt", extent->copy [at].receipt));
    return json_pack ("{s:I, s:I, s:I, s:s, s:o}", "extent", (json_int_t) extent->number,
                      "chunks", (json_int_t) extent->made, "bytes", (json_int_t) s_extent_bytes (self, extent),
                      "digest", digest, "copies", copies);
}

//  Collect the receipts of finished extents, in order.
static void
s_collect (fst_upload_t *self)
{
    fst_plan_extent_t *extent;
    while (json_array_size (self->extents) < PAGE_EXTENTS && (extent = fst_plan_finished (self->plan))) {
        XXH3_128bits_update (self->digest, extent->digests, (size_t) extent->made * 16);
        json_array_append_new (self->extents, s_extent_json (self, extent));
        fst_plan_drop (self->plan);
    }
}

//  The answer to PUT_FILE_INFO; item is not NULL for the last one.
static void
s_told (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    fst_upload_t *self = owner;
    self->telling = false;
    json_t *file = json_array_get (json_object_get (reply, "files"), 0);
    if (rc == FST_OK) {
        rc = fst_error_parse (json_string_value (json_object_get (file, "code")));
        problem = json_string_value (json_object_get (file, "message"));
    }
    if (rc != FST_OK)
        fst_upload_fail_said (self, rc, problem);
    else
    if (item) {
        self->reply = json_incref (file);
        self->state = FST_UPLOAD_OVER;
    }
}

//  Tell metadata of the extents collected so far; commit: they are all, make the file visible.
static void
s_tell (fst_upload_t *self, bool commit)
{
    json_t *file = json_pack ("{s:i, s:s, s:I, s:I, s:o}", "index", 0, "path", self->args.path,
                              "size", (json_int_t) self->read_bytes,
                              "modified_ms", (json_int_t) self->args.modified_ms, "extents", self->extents);
    self->extents = json_array ();
    if (commit) {
        XXH128_canonical_t canonical;
        char digest [33];
        XXH128_canonicalFromHash (&canonical, XXH3_128bits_digest (self->digest));
        fst_hex_encode (canonical.digest, sizeof (canonical.digest), digest);
        json_object_set_new (file, "digest", json_string (digest));
        if (self->args.no_replace)
            json_object_set_new (file, "no_replace", json_true ());
        if (self->args.if_version)
            json_object_set_new (file, "if_version", json_integer (*self->args.if_version));
    }
    json_t *payload = json_pack ("{s:s, s:b, s:[o]}", "upload", self->lease.upload, "commit", commit, "files", file);
    if (self->args.replicas > 0)
        json_object_set_new (payload, "replicas", json_integer (self->args.replicas));
    self->telling = true;
    fst_client_call (self->client, "metadata", "PUT_FILE_INFO", payload, s_told, self, commit? self: NULL);
}

static void
s_tell_if_due (fst_upload_t *self)
{
    s_collect (self);
    if (self->telling)
        return;
    if (json_array_size (self->extents) == PAGE_EXTENTS)
        s_tell (self, false);
    else
    if (fst_plan_done (self->plan)) {
        if (self->args.fd >= 0 && !fst_local_same (self->args.fd, &self->args.stamp)) {
            fst_upload_fail_changed (self);
            return;
        }
        self->state = FST_UPLOAD_COMMITTING;
        s_tell (self, true);
    }
}

//  ---- Life

fst_upload_t *
fst_upload_new (filestore_t *client, const fst_upload_args_t *args)
{
    assert (client);
    assert (args);
    assert ((args->fd >= 0) != (args->stream != NULL));
    fst_upload_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->client = client;
    self->args = *args;
    self->state = FST_UPLOAD_OPENING;
    fst_lease_begin (&self->lease, client, fst_clock_mono_ms ());
    self->renew = -1;
    TAILQ_INIT (&self->records);
    self->extents = json_array ();
    self->digest = XXH3_createState ();
    assert (self->digest);
    XXH3_128bits_reset (self->digest);
    return self;
}

void
fst_upload_destroy (fst_upload_t **self_p)
{
    assert (self_p);
    fst_upload_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    fst_client_forget (self->client, self);
    if (self->jobs)
        fst_client_settle (self->client);
    fst_upload_drop_records (self);
    fst_plan_destroy (&self->plan);
    if (!self->reply)                   //  A file that is visible has ended its upload
        fst_lease_end (&self->lease, self->client, 1);
    fst_lease_clear (&self->lease);
    XXH3_freeState (self->digest);
    json_decref (self->extents);
    json_decref (self->reply);
    if (self->args.fd >= 0)
        close (self->args.fd);
    sodium_memzero (self->key, sizeof (self->key));
    free (self->problem);
    free (self);
}

//  What only one node has of a stream cannot be read again: a slow node is better than a lost upload.
static void
s_spare_sole (fst_upload_t *self, int64_t now_ms)
{
    for (int node = 0; self->args.fd < 0 && node < self->lease.nodes_count; node++)
        if (!self->lease.nodes [node].failed && fst_plan_sole (self->plan, node))
            fst_data_spare (self->lease.nodes [node].data, now_ms);
}

bool
fst_upload_pump (fst_upload_t *self)
{
    assert (self);
    int64_t now_ms = fst_clock_mono_ms ();
    if (self->state == FST_UPLOAD_OPENING || self->state == FST_UPLOAD_RUNNING)
        fst_upload_ask_if_due (self, now_ms);
    if (self->state == FST_UPLOAD_RUNNING) {
        fst_upload_fetch_all (self, now_ms);
        fst_upload_send_all (self, now_ms);          //  First what is there: it frees buffers
        fst_upload_make_all (self);
        s_seal_all (self, now_ms);
        s_spare_sole (self, now_ms);
        if (self->state == FST_UPLOAD_RUNNING)
            s_tell_if_due (self);
    }
    return self->state == FST_UPLOAD_OVER;
}

bool
fst_upload_eager (const fst_upload_t *self)
{
    assert (self);
    return fst_upload_stream_ready (self) && !self->starved && !self->idle;
}

bool
fst_upload_starved (const fst_upload_t *self)
{
    assert (self);
    return fst_upload_stream_ready (self) && self->idle;
}

fst_rc_t
fst_upload_result (fst_upload_t *self, json_t **reply_p, char **problem_p)
{
    assert (self);
    assert (self->state == FST_UPLOAD_OVER);
    if (self->rc == FST_OK) {
        if (reply_p)
            *reply_p = json_incref (self->reply);
        return FST_OK;
    }
    *problem_p = self->problem;
    self->problem = NULL;
    return self->rc;
}

int64_t
fst_upload_bytes (const fst_upload_t *self)
{
    assert (self);
    return self->done_bytes;
}
