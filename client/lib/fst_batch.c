//  Upload of many small files.

#include "fst_batch.h"
#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>
#include <xxhash.h>
#include "fst_clock.h"
#include "fst_lease.h"
#include "fst_record.h"
#include "fst_text.h"

#define GROUP_FILES       256       //  Files in one PUT_FILE_INFO
#define GROUP_BYTES  (4 * 1024 * 1024)
#define GROUP_JSON   (700 * 1024)   //  Octets of its JSON, of the 1 MiB that a message may have
#define FILE_JSON         500       //  Of that, for each file beside its path
#define GROUPS_MAX          6       //  Under way at once
#define LEASE_GROUPS        4       //  Groups that share an upload, and so its nodes
#define PACK_FILES         64       //  Files in one STORE
#define PACK_BYTES ((1 << 20) + FST_RECORD_OVERHEAD)    //  As a record of the usual chunk: same buffers
#define ASK_AGAIN_MS       250
#define ASK_GIVE_UP_MS   10000
#define OFFERS_MAX          16

//  An upload, and the nodes that its files go to.
typedef struct s_lease {
    TAILQ_ENTRY (s_lease) link;
    fst_batch_t *batch;
    fst_lease_t lease;
    int nodes [FST_COPIES_MAX];
    int copies;
    uint32_t next_index;            //  Of its next file
    int groups_begun, groups_open;
    bool open;                      //  The first answer was good
    bool asking;
    bool broken;                    //  A node failed, or capabilities ended: ask
    int64_t ask_after_ms, ask_since_ms;
    int offers;
    char said [256];                //  Why the last node failed
    fst_rc_t said_rc;
} s_lease_t;

//  A file of a group.
typedef struct {
    fst_batch_item_t item;
    uint32_t index;
    fst_rc_t rc;                    //  Of reading it
    char *problem;
    uint8_t digest [16];            //  Of the whole content, as PUT_FILE_INFO wants it
    char sealed [17];               //  Digest of its extent: what every node must say it has
    size_t offset, bytes;           //  Its record in the pack's buffer
} s_file_t;

typedef struct s_group s_group_t;

//  Files that are stored with one message on each copy.
typedef struct s_pack {
    TAILQ_ENTRY (s_pack) link;
    s_group_t *group;
    s_file_t *files;                //  Points into the group
    size_t count;
    enum { MAKING, READY } state;
    fst_buffer_t *buffer;
    zmq_msg_t records [PACK_FILES]; //  When READY, of the files that could be read
    size_t records_count;
    int64_t records_bytes;
    struct {
        int node;                   //  -1: none yet, or it failed
        bool sent, stored;
        char (*receipts) [FST_PROOF_TEXT_MAX];
    } copy [FST_COPIES_MAX];
} s_pack_t;

struct s_group {
    TAILQ_ENTRY (s_group) link;
    s_lease_t *lease;
    s_file_t files [GROUP_FILES];
    size_t count;
    size_t packed;                  //  Files that are in packs
    TAILQ_HEAD (, s_pack) packs;
    bool committing, over;
};

struct fst_batch {
    filestore_t *client;
    fst_batch_args_t args;
    TAILQ_HEAD (s_lease_list, s_lease) leases;  //  The last one gets the next group
    TAILQ_HEAD (, s_group) groups;
    size_t groups_count;
    size_t jobs;
    fst_batch_item_t waiting;       //  Taken from next, and did not fit the last group
    bool has_waiting, drained;
};

//  ---- Reading and encrypting, in a worker

static fst_rc_t
s_read_local (s_file_t *file, uint8_t *plain)
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
s_make_file (const s_lease_t *lease, s_file_t *file, uint8_t *data)
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
        .chunk_log2 = lease->lease.chunk_log2, .last = true
    };
    fst_record_seal (&record, key, data);
    snprintf (file->sealed, sizeof (file->sealed), "%016" PRIx64, fst_extent_digest (&record.checksum, 1));
    sodium_memzero (key, sizeof (key));
}

static void
s_make_run (void *job)
{
    s_pack_t *pack = job;
    for (size_t at = 0; at < pack->count; at++)
        if (pack->files [at].bytes)
            s_make_file (pack->group->lease, &pack->files [at], fst_buffer_data (pack->buffer) + pack->files [at].offset);
}

static void
s_make_done (void *job)
{
    s_pack_t *pack = job;
    pack->group->lease->batch->jobs--;
    for (size_t at = 0; at < pack->count; at++) {
        s_file_t *file = &pack->files [at];
        if (file->rc != FST_OK || !file->bytes)
            continue;
        fst_buffer_message (pack->buffer, file->offset, file->bytes, &pack->records [pack->records_count++]);
        pack->records_bytes += (int64_t) file->bytes;
    }
    fst_buffer_drop (&pack->buffer);
    pack->state = READY;
}

//  ---- Groups and packs

static void
s_pack_destroy (s_pack_t *pack)
{
    for (size_t at = 0; at < pack->records_count; at++)
        zmq_msg_close (&pack->records [at]);
    for (int at = 0; at < FST_COPIES_MAX; at++)
        free (pack->copy [at].receipts);
    fst_buffer_drop (&pack->buffer);
    free (pack);
}

static void
s_group_destroy (fst_batch_t *self, s_group_t *group)
{
    s_pack_t *pack;
    while ((pack = TAILQ_FIRST (&group->packs))) {
        TAILQ_REMOVE (&group->packs, pack, link);
        s_pack_destroy (pack);
    }
    for (size_t at = 0; at < group->count; at++)
        free (group->files [at].problem);
    TAILQ_REMOVE (&self->groups, group, link);
    self->groups_count--;
    group->lease->groups_open--;
    free (group);
}

static size_t
s_path_json (const char *path)
{
    size_t bytes = FILE_JSON;
    for (; *path; path++)
        bytes += (unsigned char) *path < 0x20? 6: *path == '"' || *path == '\\'? 2: 1;
    return bytes;
}

static bool
s_take_item (fst_batch_t *self, fst_batch_item_t *item)
{
    if (self->has_waiting) {
        *item = self->waiting;
        self->has_waiting = false;
        return true;
    }
    if (!self->drained)
        self->drained = !self->args.next (self->args.arg, item);
    return !self->drained;
}

//  True if there are more files; then one is waiting.
static bool
s_more_items (fst_batch_t *self)
{
    if (!self->has_waiting)
        self->has_waiting = s_take_item (self, &self->waiting);
    return self->has_waiting;
}

//  Begin the next group: as many files as fit.
static void
s_group_begin (fst_batch_t *self, s_lease_t *lease)
{
    s_group_t *group = calloc (1, sizeof (*group));
    assert (group);
    group->lease = lease;
    TAILQ_INIT (&group->packs);
    size_t json = 0;
    int64_t bytes = 0;
    fst_batch_item_t item;
    while (group->count < GROUP_FILES && s_take_item (self, &item)) {
        json += s_path_json (item.path);
        bytes += item.stamp.size;
        if (group->count && (json > GROUP_JSON || bytes > GROUP_BYTES)) {
            self->waiting = item;
            self->has_waiting = true;
            break;
        }
        group->files [group->count++] = (s_file_t) { .item = item, .index = lease->next_index++ };
    }
    TAILQ_INSERT_TAIL (&self->groups, group, link);
    self->groups_count++;
    lease->groups_begun++;
    lease->groups_open++;
}

//  Give the next files of a group to the workers. False if there is no buffer for them now.
static bool
s_pack_begin (fst_batch_t *self, s_group_t *group)
{
    fst_buffer_t *buffer = fst_buffers_take (fst_client_buffers (self->client), PACK_BYTES);
    if (!buffer)
        return false;
    s_pack_t *pack = calloc (1, sizeof (*pack));
    assert (pack);
    pack->group = group;
    pack->files = &group->files [group->packed];
    pack->buffer = buffer;
    for (int at = 0; at < FST_COPIES_MAX; at++)
        pack->copy [at].node = -1;
    size_t offset = 0;
    while (pack->count < PACK_FILES && group->packed < group->count) {
        s_file_t *file = &group->files [group->packed];
        size_t bytes = file->item.stamp.size? fst_record_bytes ((uint32_t) file->item.stamp.size): 0;
        if (offset + bytes > PACK_BYTES)
            break;
        file->offset = offset;
        file->bytes = bytes;
        offset += (bytes + 63) / 64 * 64;
        pack->count++;
        group->packed++;
    }
    TAILQ_INSERT_TAIL (&group->packs, pack, link);
    fst_rc_t rc = fst_pool_submit (fst_client_pool (self->client), s_make_run, s_make_done, pack);
    assert (rc == FST_OK);          //  The buffers bound the jobs
    self->jobs++;
    return true;
}

//  ---- Results

static void
s_file_over (fst_batch_t *self, s_file_t *file, fst_rc_t rc, json_t *reply, const char *problem)
{
    char *sentence = rc == FST_OK? NULL: fst_client_sentence (file->item.path, rc, problem);
    self->args.done (self->args.arg, &file->item, rc, rc == FST_OK? reply: NULL, sentence);
    free (sentence);
}

//  All files of a group that could be read get this result.
static void
s_group_fail (fst_batch_t *self, s_group_t *group, fst_rc_t rc, const char *problem)
{
    assert (rc != FST_OK);
    for (size_t at = 0; at < group->count; at++) {
        s_file_t *file = &group->files [at];
        if (file->rc != FST_OK)
            self->args.done (self->args.arg, &file->item, file->rc, NULL, file->problem);
        else
            s_file_over (self, file, rc, NULL, problem);
    }
    group->over = true;
}

//  ---- Nodes from metadata

static void
s_lease_fail (s_lease_t *lease, fst_rc_t rc, const char *problem)
{
    fst_batch_t *self = lease->batch;
    if (!lease->open) {             //  There may be files that no group has yet
        fst_batch_item_t item;
        while (s_take_item (self, &item)) {
            s_file_t file = { .item = item };
            s_file_over (self, &file, rc, NULL, problem);
        }
    }
    s_group_t *group;
    TAILQ_FOREACH (group, &self->groups, link)
        if (group->lease == lease && !group->committing && !group->over)
            s_group_fail (self, group, rc, problem);
    lease->groups_begun = LEASE_GROUPS;     //  No more come here
}

//  Give packs the nodes that they need. A pack keeps the copies it has.
static void
s_assign (s_lease_t *lease, s_pack_t *pack)
{
    for (int copy = 0; copy < lease->copies; copy++) {
        if (pack->copy [copy].node >= 0)
            continue;
        for (int at = 0; at < lease->copies && pack->copy [copy].node < 0; at++) {
            bool used = lease->lease.nodes [lease->nodes [at]].failed;
            for (int other = 0; other < lease->copies; other++)
                used = used || pack->copy [other].node == lease->nodes [at];
            if (!used)
                pack->copy [copy].node = lease->nodes [at];
        }
        if (pack->copy [copy].node < 0)
            lease->broken = true;   //  Not enough of them: ask for others
    }
}

static void
s_granted (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    (void) owner;
    s_lease_t *lease = item;
    int64_t now_ms = fst_clock_mono_ms ();
    lease->asking = false;
    if ((rc == FST_UNAVAILABLE || rc == FST_TIMEOUT) && now_ms - lease->ask_since_ms < ASK_GIVE_UP_MS) {
        lease->ask_after_ms = now_ms + ASK_AGAIN_MS;
        return;
    }
    lease->ask_since_ms = 0;
    if (rc == FST_TOO_FEW_NODES && fst_lease_forgive (&lease->lease, now_ms, &lease->ask_after_ms))
        return;
    if (rc == FST_OK) {
        rc = fst_lease_learn (&lease->lease, lease->batch->client, reply);
        problem = "metadata gave nodes that make no sense; is it of another version?";
    }
    if (rc == FST_OK && ++lease->offers > OFFERS_MAX) {
        rc = FST_TOO_FEW_NODES;
        problem = NULL;
    }
    if (rc != FST_OK) {
        char *text = *lease->said? fst_local_text ("%s, and %s", lease->said, problem? problem: fst_error_text (rc)): NULL;
        s_lease_fail (lease, text && lease->said_rc == FST_NO_SPACE? FST_NO_SPACE: rc, text? text: problem);
        free (text);
        return;
    }
    lease->copies = fst_lease_row (&lease->lease, reply, 0, lease->nodes);
    lease->broken = false;
    lease->open = true;
}

static void
s_lease_ask (s_lease_t *lease, int64_t now_ms)
{
    if (lease->asking || now_ms < lease->ask_after_ms || (lease->open && !lease->broken))
        return;
    int keep [FST_COPIES_MAX], count = 0;
    for (int at = 0; at < lease->copies; at++)
        if (!lease->lease.nodes [lease->nodes [at]].failed)
            keep [count++] = lease->nodes [at];
    fst_batch_t *self = lease->batch;
    json_t *payload = fst_lease_request (&lease->lease, self->args.path, -1, self->args.replicas, 0, 1,
                                         lease->open? keep: NULL, count);
    lease->asking = true;
    if (!lease->ask_since_ms)
        lease->ask_since_ms = now_ms;
    fst_client_call (self->client, "metadata", "GET_WRITE_NODES", payload, s_granted, self, lease);
}

static s_lease_t *
s_lease_new (fst_batch_t *self, int64_t now_ms)
{
    s_lease_t *lease = calloc (1, sizeof (*lease));
    assert (lease);
    lease->batch = self;
    fst_lease_begin (&lease->lease, self->client, now_ms);
    TAILQ_INSERT_TAIL (&self->leases, lease, link);
    return lease;
}

static void
s_lease_destroy (s_lease_t *lease)
{
    TAILQ_REMOVE (&lease->batch->leases, lease, link);
    fst_lease_end (&lease->lease, lease->batch->client, lease->next_index);
    fst_lease_clear (&lease->lease);
    free (lease);
}

//  ---- Storing

static void
s_node_refuses (s_lease_t *lease, int node, fst_data_reply_t *reply)
{
    switch (fst_lease_advise (&lease->lease, node, reply->rc, fst_clock_mono_ms ())) {
        case FST_LEASE_AGAIN:
            return;
        case FST_LEASE_RENEW:
            break;
        case FST_LEASE_REPLACE:
            fst_lease_lose (&lease->lease, node, reply->rc);
            lease->said_rc = reply->rc;
            snprintf (lease->said, sizeof (lease->said), "node %s failed (%s)",
                      fst_lease_name (&lease->lease, node), reply->message);
            break;
    }
    lease->broken = true;
}

//  Take the receipts of a pack. False if they do not fit.
static bool
s_take_receipts (s_pack_t *pack, int copy, json_t *receipts)
{
    if (json_array_size (receipts) != pack->records_count)
        return false;
    pack->copy [copy].receipts = calloc (PACK_FILES, sizeof (*pack->copy [copy].receipts));
    assert (pack->copy [copy].receipts);
    size_t row = 0;
    for (size_t at = 0; at < pack->count; at++) {
        s_file_t *file = &pack->files [at];
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
    s_pack_t *pack = tag->item;
    s_lease_t *lease = pack->group->lease;
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
    s_node_refuses (lease, node, reply);
}

static void
s_send_to (fst_batch_t *self, s_pack_t *pack, int copy, int64_t now_ms)
{
    fst_lease_node_t *node = &pack->group->lease->lease.nodes [pack->copy [copy].node];
    zmq_msg_t frames [PACK_FILES];
    for (size_t at = 0; at < pack->records_count; at++) {
        zmq_msg_init (&frames [at]);
        zmq_msg_copy (&frames [at], &pack->records [at]);
    }
    fst_data_tag_t tag = { .owner = self, .done = s_stored, .item = pack, .slot = (uint32_t) copy };
    fst_data_send (fst_client_data (self->client), node->data, FST_DATA_STORE_SMALL,
                   json_pack ("{s:s, s:b}", "capability", node->capability, "seal", 1), frames, pack->records_count,
                   pack->records_bytes, &tag, now_ms);
    for (size_t at = 0; at < pack->records_count; at++)
        zmq_msg_close (&frames [at]);
    pack->copy [copy].sent = true;
}

//  Send a pack wherever it is lacking. True if it is on all copies.
static bool
s_pack_pump (fst_batch_t *self, s_pack_t *pack, int64_t now_ms)
{
    s_lease_t *lease = pack->group->lease;
    if (pack->state != READY)
        return false;
    if (!pack->records_count)
        return true;                //  Empty files, or none that could be read
    for (int copy = 0; copy < lease->copies; copy++)
        if (pack->copy [copy].node >= 0 && !pack->copy [copy].stored && !pack->copy [copy].sent
        &&  lease->lease.nodes [pack->copy [copy].node].failed)
            pack->copy [copy].node = -1;
    s_assign (lease, pack);
    bool whole = true;
    for (int copy = 0; copy < lease->copies; copy++) {
        int node = pack->copy [copy].node;
        if (node >= 0 && !pack->copy [copy].sent
        &&  fst_lease_ready (&lease->lease, node, pack->records_bytes, now_ms))
            s_send_to (self, pack, copy, now_ms);
        whole = whole && pack->copy [copy].stored;
    }
    return whole;
}

//  ---- Making them visible

static json_t *
s_file_json (const s_pack_t *pack, size_t at)
{
    const s_file_t *file = &pack->files [at];
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
    for (int copy = 0; copy < pack->group->lease->copies; copy++)
        json_array_append_new (copies, json_pack ("{s:s, s:s}",
                               "node", fst_lease_name (&pack->group->lease->lease, pack->copy [copy].node),
                               "receipt", pack->copy [copy].receipts [at]));
    json_array_append_new (extents, json_pack ("{s:i, s:i, s:I, s:s, s:o}", "extent", 0, "chunks", 1,
                                               "bytes", (json_int_t) file->item.stamp.size, "digest", file->sealed,
                                               "copies", copies));
    return json;
}

static void
s_committed (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    fst_batch_t *self = owner;
    s_group_t *group = item;
    json_t *results = json_object_get (reply, "files");
    size_t row = 0;
    for (size_t at = 0; at < group->count; at++) {
        s_file_t *file = &group->files [at];
        if (file->rc != FST_OK) {
            self->args.done (self->args.arg, &file->item, file->rc, NULL, file->problem);
            continue;
        }
        json_t *result = json_array_get (results, row++);
        if (rc != FST_OK)
            s_file_over (self, file, rc, NULL, problem);
        else
        if (!result)
            s_file_over (self, file, FST_INTERNAL, NULL, "metadata gave no result for it");
        else
            s_file_over (self, file, fst_error_parse (json_string_value (json_object_get (result, "code"))), result,
                         json_string_value (json_object_get (result, "message")));
    }
    group->over = true;
}

static void
s_commit (fst_batch_t *self, s_group_t *group)
{
    json_t *files = json_array ();
    bool content = false;
    s_pack_t *pack;
    TAILQ_FOREACH (pack, &group->packs, link)
        for (size_t at = 0; at < pack->count; at++) {
            s_file_t *file = &pack->files [at];
            json_t *json = file->rc == FST_OK? s_file_json (pack, at): NULL;
            if (json) {
                if (self->args.no_replace)
                    json_object_set_new (json, "no_replace", json_true ());
                json_array_append_new (files, json);
                content = content || file->bytes;
            }
            else
            if (file->rc == FST_OK) {
                file->rc = FST_BAD_NAME;
                file->problem = fst_local_text ("%s: a path must be UTF-8; rename the file", file->item.path);
            }
        }
    group->committing = true;
    if (!json_array_size (files)) {
        json_decref (files);
        s_committed (self, group, FST_OK, NULL, NULL);
        return;
    }
    json_t *payload = json_pack ("{s:o}", "files", files);
    if (content)
        json_object_set_new (payload, "upload", json_string (group->lease->lease.upload));
    if (self->args.replicas > 0)
        json_object_set_new (payload, "replicas", json_integer (self->args.replicas));
    fst_client_call (self->client, "metadata", "PUT_FILE_INFO", payload, s_committed, self, group);
}

static void
s_group_pump (fst_batch_t *self, s_group_t *group, int64_t now_ms)
{
    while (group->packed < group->count)
        if (!s_pack_begin (self, group))
            break;
    bool whole = group->packed == group->count;
    s_pack_t *pack;
    TAILQ_FOREACH (pack, &group->packs, link)
        whole = s_pack_pump (self, pack, now_ms) && whole;
    if (whole)
        s_commit (self, group);
}

//  ---- Life

fst_batch_t *
fst_batch_new (filestore_t *client, const fst_batch_args_t *args)
{
    assert (client);
    assert (args && args->next && args->done);
    fst_batch_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->client = client;
    self->args = *args;
    TAILQ_INIT (&self->leases);
    TAILQ_INIT (&self->groups);
    return self;
}

void
fst_batch_destroy (fst_batch_t **self_p)
{
    assert (self_p);
    fst_batch_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    fst_client_forget (self->client, self);
    if (self->jobs)
        fst_client_settle (self->client);
    while (!TAILQ_EMPTY (&self->groups))
        s_group_destroy (self, TAILQ_FIRST (&self->groups));
    while (!TAILQ_EMPTY (&self->leases))
        s_lease_destroy (TAILQ_FIRST (&self->leases));
    free (self);
}

//  A group whose files have their results goes, but not while workers or nodes have something of it.
static bool
s_group_idle (const s_group_t *group)
{
    s_pack_t *pack;
    TAILQ_FOREACH (pack, &group->packs, link) {
        if (pack->state != READY)
            return false;
        for (int copy = 0; copy < FST_COPIES_MAX; copy++)
            if (pack->copy [copy].sent && !pack->copy [copy].stored)
                return false;
    }
    return true;
}

//  The lease for the next group: a new one when the last has enough. NULL while there is none.
static s_lease_t *
s_lease_for_next (fst_batch_t *self, int64_t now_ms)
{
    s_lease_t *last = TAILQ_LAST (&self->leases, s_lease_list);
    if (!last || last->groups_begun >= LEASE_GROUPS)
        last = s_lease_new (self, now_ms);
    s_lease_ask (last, now_ms);
    return last->open? last: NULL;
}

bool
fst_batch_pump (fst_batch_t *self)
{
    assert (self);
    int64_t now_ms = fst_clock_mono_ms ();
    s_lease_t *lease, *next_lease;
    for (lease = TAILQ_FIRST (&self->leases); lease; lease = next_lease) {
        next_lease = TAILQ_NEXT (lease, link);
        if (lease->groups_begun >= LEASE_GROUPS && !lease->groups_open && !lease->asking)
            s_lease_destroy (lease);
        else
            s_lease_ask (lease, now_ms);
    }
    while (self->groups_count < GROUPS_MAX && s_more_items (self)) {
        lease = s_lease_for_next (self, now_ms);
        if (!lease)
            break;
        s_group_begin (self, lease);
    }
    s_group_t *group, *next;
    for (group = TAILQ_FIRST (&self->groups); group; group = next) {
        next = TAILQ_NEXT (group, link);
        if (!group->committing && !group->over)
            s_group_pump (self, group, now_ms);
        if (group->over && s_group_idle (group))
            s_group_destroy (self, group);
    }
    return self->drained && !self->has_waiting && TAILQ_EMPTY (&self->groups);
}
