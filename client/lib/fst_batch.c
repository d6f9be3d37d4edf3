//  Upload of many small files: groups of them, made of packs, over a few leases.

#include "fst_batch.h"
#include <assert.h>
#include <stdlib.h>
#include "fst_clock.h"
#include "fst_pack.h"

#define GROUP_FILES       256       //  Files in one PUT_FILE_INFO
#define GROUP_BYTES  (4 * 1024 * 1024)
#define GROUP_JSON   (700 * 1024)   //  Octets of its JSON, of the 1 MiB that a message may have
#define FILE_JSON         500       //  Of that, for each file beside its path
#define GROUPS_MAX          6       //  Under way at once
#define LEASE_GROUPS        4       //  Groups that share an upload, and so its nodes

//  Files that become visible with one message.
typedef struct s_group {
    TAILQ_ENTRY (s_group) link;
    fst_batch_lease_t *lease;
    fst_pack_file_t files [GROUP_FILES];
    size_t count;
    size_t packed;                  //  Files that are in packs
    TAILQ_HEAD (, fst_pack) packs;
    bool committing, over;
} s_group_t;

struct fst_batch {
    filestore_t *client;
    fst_batch_args_t args;
    TAILQ_HEAD (s_lease_list, fst_batch_lease) leases;  //  The last one gets the next group
    TAILQ_HEAD (, s_group) groups;
    size_t groups_count;
    fst_batch_item_t waiting;       //  Taken from next, and did not fit the last group
    bool has_waiting, drained;
};

//  ---- Groups

static void
s_group_destroy (fst_batch_t *self, s_group_t *group)
{
    fst_pack_t *pack;
    while ((pack = TAILQ_FIRST (&group->packs))) {
        TAILQ_REMOVE (&group->packs, pack, link);
        fst_pack_destroy (&pack);
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
s_group_begin (fst_batch_t *self, fst_batch_lease_t *lease)
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
        group->files [group->count++] = (fst_pack_file_t) { .item = item, .index = lease->next_index++ };
    }
    TAILQ_INSERT_TAIL (&self->groups, group, link);
    self->groups_count++;
    lease->groups_begun++;
    lease->groups_open++;
}

//  ---- Results

static void
s_file_over (fst_batch_t *self, fst_pack_file_t *file, fst_rc_t rc, json_t *reply, const char *problem)
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
        fst_pack_file_t *file = &group->files [at];
        if (file->rc != FST_OK)
            self->args.done (self->args.arg, &file->item, file->rc, NULL, file->problem);
        else
            s_file_over (self, file, rc, NULL, problem);
    }
    group->over = true;
}

//  ---- Leases

static void
s_lease_fail (void *arg, fst_batch_lease_t *lease, fst_rc_t rc, const char *problem)
{
    fst_batch_t *self = arg;
    if (!lease->open) {             //  There may be files that no group has yet
        fst_batch_item_t item;
        while (s_take_item (self, &item)) {
            fst_pack_file_t file = { .item = item };
            s_file_over (self, &file, rc, NULL, problem);
        }
    }
    s_group_t *group;
    TAILQ_FOREACH (group, &self->groups, link)
        if (group->lease == lease && !group->committing && !group->over)
            s_group_fail (self, group, rc, problem);
    lease->groups_begun = LEASE_GROUPS;     //  No more come here
}

static fst_batch_lease_t *
s_lease_new (fst_batch_t *self)
{
    fst_batch_lease_t *lease = fst_batch_lease_new (self->client, &self->args, s_lease_fail, self);
    TAILQ_INSERT_TAIL (&self->leases, lease, link);
    return lease;
}

static void
s_lease_destroy (fst_batch_t *self, fst_batch_lease_t *lease)
{
    TAILQ_REMOVE (&self->leases, lease, link);
    fst_batch_lease_destroy (&lease);
}

//  ---- Making them visible

static void
s_committed (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    fst_batch_t *self = owner;
    s_group_t *group = item;
    json_t *results = json_object_get (reply, "files");
    size_t row = 0;
    for (size_t at = 0; at < group->count; at++) {
        fst_pack_file_t *file = &group->files [at];
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
    fst_pack_t *pack;
    TAILQ_FOREACH (pack, &group->packs, link)
        for (size_t at = 0; at < pack->count; at++) {
            fst_pack_file_t *file = &pack->files [at];
            json_t *json = file->rc == FST_OK? fst_pack_file_json (pack, at): NULL;
            if (json) {
                if (self->args.no_replace)
                    json_object_set_new (json, "no_replace", json_true ());
                if (self->args.if_version)
                    json_object_set_new (json, "if_version", json_integer (*self->args.if_version));
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
    fst_pack_t *pack;
    while (group->packed < group->count) {
        pack = fst_pack_new (self->client, group->lease, &group->files [group->packed], group->count - group->packed);
        if (!pack)
            break;
        TAILQ_INSERT_TAIL (&group->packs, pack, link);
        group->packed += pack->count;
    }
    bool whole = group->packed == group->count;
    TAILQ_FOREACH (pack, &group->packs, link)
        whole = fst_pack_pump (pack, now_ms) && whole;
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
    while (!TAILQ_EMPTY (&self->groups))
        s_group_destroy (self, TAILQ_FIRST (&self->groups));
    while (!TAILQ_EMPTY (&self->leases))
        s_lease_destroy (self, TAILQ_FIRST (&self->leases));
    free (self);
}

//  A group whose files have their results goes, but not while workers or nodes have something of it.
static bool
s_group_idle (const s_group_t *group)
{
    fst_pack_t *pack;
    TAILQ_FOREACH (pack, &group->packs, link)
        if (!fst_pack_idle (pack))
            return false;
    return true;
}

//  The lease for the next group: a new one when the last has enough. NULL while there is none.
static fst_batch_lease_t *
s_lease_for_next (fst_batch_t *self, int64_t now_ms)
{
    fst_batch_lease_t *last = TAILQ_LAST (&self->leases, s_lease_list);
    if (!last || last->groups_begun >= LEASE_GROUPS)
        last = s_lease_new (self);
    fst_batch_lease_ask (last, now_ms);
    return last->open? last: NULL;
}

bool
fst_batch_pump (fst_batch_t *self)
{
    assert (self);
    int64_t now_ms = fst_clock_mono_ms ();
    fst_batch_lease_t *lease, *next_lease;
    for (lease = TAILQ_FIRST (&self->leases); lease; lease = next_lease) {
        next_lease = TAILQ_NEXT (lease, link);
        if (lease->groups_begun >= LEASE_GROUPS && !lease->groups_open && !lease->asking)
            s_lease_destroy (self, lease);
        else
            fst_batch_lease_ask (lease, now_ms);
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
