//  Commands of an upload: GET_WRITE_NODES opens one and names nodes, PUT_FILE_INFO makes its files visible,
//  END_UPLOAD ends it early.

#include "fst_metadata_inventory.h"
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_sealed.h"
#include "fst_text.h"
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UPLOADS_MAX     1000000         //  Open at once
#define UPLOAD_COPIES   7               //  Schema: most copies

//  Whose an upload is: a person's in all his sessions, an application's token's own. The id alone is no secret: blobs begin
//  with it, and who may read a file is told its blob.
static void
s_upload_owner (const fst_claims_t *claims, char owner [FST_USER_BYTES_MAX + 1])
{
    static const char prefix [] = "token:";         //  No name has a colon but those of actors
    _Static_assert (sizeof (prefix) + 2 * FST_SESSION_BYTES <= FST_USER_BYTES_MAX, "it fits where names are");
    if (claims->scoped && claims->role != FST_ROLE_ACTOR) {
        strcpy (owner, prefix);
        fst_hex_encode (claims->session, FST_SESSION_BYTES, owner + strlen (prefix));
    }
    else
        snprintf (owner, FST_USER_BYTES_MAX + 1, "%.*s", FST_USER_BYTES_MAX, claims->name);
}

static fst_rc_t
s_upload_find (fst_metadata_t *self, const fst_claims_t *claims, const char *text, fst_upload_t *upload)
{
    uint8_t id [FST_UPLOAD_BYTES];
    char owner [FST_USER_BYTES_MAX + 1];
    s_upload_owner (claims, owner);
    fst_rc_t rc = fst_hex_decode (text, id, sizeof (id));
    if (rc == FST_OK)
        rc = fst_catalog_upload_get (self->catalog, id, upload);
    if (rc == FST_IO || rc == FST_CORRUPT)
        return rc;
    if (rc != FST_OK || strcmp (upload->user, owner) != 0 || upload->expires_ms <= self->aged_ms)
        return fst_namespace_refuse (self->space, FST_EXPIRED,
                                     "This upload is not open any more; begin it again.");
    return FST_OK;
}

static fst_rc_t
s_upload_key (fst_metadata_t *self, const fst_upload_t *upload, uint8_t key [FST_KEY_BYTES])
{
    fst_blob_id_t name = fst_blob_id (upload->id, FST_UPLOAD_KEY_INDEX);
    return fst_key_unwrap (self->keys->cluster_key, &name, upload->key, key);
}

//  Renew the lease. Not written for less than an eighth of it, unless something else changed.
static fst_rc_t
s_upload_use (fst_metadata_t *self, const fst_upload_t *before, fst_upload_t *upload)
{
    int64_t expires_ms = self->aged_ms + self->lease_ms;
    bool changed = upload->kept != before->kept || upload->files != before->files || upload->nodes != before->nodes
                || upload->replaced != before->replaced;
    if (!changed && expires_ms - upload->expires_ms < self->lease_ms / 8)
        return FST_OK;
    upload->expires_ms = expires_ms;
    return fst_catalog_upload_put (self->catalog, upload);
}

//  ---- GET_WRITE_NODES

//  The path is the file of a single upload, or a folder for a batch. Who may not write there hears it now.
static fst_rc_t
s_may_upload (fst_metadata_t *self, const char *path, bool *single_p)
{
    fst_place_t place;
    fst_rc_t rc = fst_namespace_locate (self->space, path, &place);
    if (rc != FST_OK)
        return rc;
    *single_p = !place.found || place.entry.kind == FST_ENTRY_FILE;
    if (*single_p)
        return fst_namespace_may_put (self->space, path, false, &place);
    rc = fst_access_write (place.rights);
    if (rc == FST_DENIED)
        fst_namespace_refuse (self->space, rc, "You may not put anything into %s.", fst_namespace_show (place.path));
    return rc;
}

static fst_rc_t
s_upload_open (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, fst_upload_t *upload)
{
    const char *path = json_string_value (json_object_get (payload, "path"));
    json_t *replicas = json_object_get (payload, "replicas");
    char home [FST_USER_BYTES_MAX + sizeof ("/users/")];
    snprintf (home, sizeof (home), "/users/%s", self->person.name);
    memset (upload, 0, sizeof (*upload));
    //  Without a path it is for many files, each of which is looked at when it is put where it says
    bool somewhere = !path && self->person.scopes && fst_scopes_most (self->person.scopes) == FST_SCOPE_WRITE;
    fst_rc_t rc = somewhere? FST_OK: s_may_upload (self, path? path: home, &upload->single);
    if (rc != FST_OK)
        return rc;
    if (fst_catalog_counters (self->catalog)->uploads >= UPLOADS_MAX)
        return fst_namespace_refuse (self->space, FST_BUSY, "Too many uploads are open; try again later.");
    uint8_t key [FST_KEY_BYTES];
    randombytes_buf (key, sizeof (key));
    randombytes_buf (upload->id, sizeof (upload->id));
    fst_blob_id_t name = fst_blob_id (upload->id, FST_UPLOAD_KEY_INDEX);
    fst_key_wrap (self->keys->cluster_key, &name, key, upload->key);
    sodium_memzero (key, sizeof (key));
    s_upload_owner (claims, upload->user);
    upload->files = upload->single? 1: 0;   //  Its blob is garbage if it is never heard of again
    upload->chunk_log2 = self->chunk_log2;
    upload->extent_chunks = self->extent_chunks;
    upload->replicas = replicas? (unsigned) json_integer_value (replicas): self->replicas;
    upload->expires_ms = self->aged_ms + self->lease_ms;
    return FST_OK;
}

static fst_node_set_t
s_named_nodes (fst_metadata_t *self, json_t *names)
{
    fst_node_set_t set = 0;
    json_t *name;
    size_t at;
    json_array_foreach (names, at, name) {
        int number = fst_nodes_find (self->nodes, json_string_value (name));
        if (number >= 0)
            set |= fst_node_bit ((unsigned) number);
    }
    return set;
}

//  Why nodes could not be found, with the numbers.
static fst_rc_t
s_too_few (fst_metadata_t *self, const fst_placement_wish_t *wish, size_t found)
{
    int alive = __builtin_popcountll (fst_nodes_set (self->nodes, FST_NODE_ALIVE)
                                    | fst_nodes_set (self->nodes, FST_NODE_SILENT));
    if ((size_t) alive < wish->copies)
        return fst_namespace_refuse (self->space, FST_TOO_FEW_NODES,
            "%zu copies are wanted on different storage nodes, but only %d %s alive; start more nodes or ask for fewer "
            "copies.", wish->copies, alive, alive == 1? "is": "are");
    if (wish->avoid)
        return fst_namespace_refuse (self->space, FST_TOO_FEW_NODES,
            "%zu copies are wanted, %d storage nodes are alive, and only %zu of them can be used from here.",
            wish->copies, alive, found);
    char size [32];
    return fst_namespace_refuse (self->space, FST_NO_SPACE,
        "%zu copies are wanted, and only %zu of %d storage nodes have space left for %s.", wish->copies, found, alive,
        fst_size_text (wish->bytes, size, sizeof (size)));
}

static json_t *
s_list_access (fst_metadata_t *self, const fst_claims_t *claims, const fst_upload_t *upload, fst_node_set_t nodes)
{
    json_t *list = json_array ();
    int64_t expires_ms = self->wall_ms + self->capability_ms;
    fst_capability_t right = { .right = FST_RIGHT_WRITE, .blob = fst_blob_id (upload->id, 0), .expires_ms = expires_ms };
    for (unsigned number = 0; number < FST_NODES_MAX; number++) {
        if (!(nodes & fst_node_bit (number)))
            continue;
        const fst_node_t *node = fst_nodes_get (self->nodes, number);
        const uint8_t *key = fst_nodes_key (self->nodes, number);
        char ticket [FST_PROOF_TEXT_MAX], capability [FST_PROOF_TEXT_MAX];
        fst_ticket_make (key, claims->name, expires_ms, ticket);
        fst_capability_make (key, &right, capability);
        json_array_append_new (list, json_pack ("{s:s, s:s, s:s, s:s, s:I}", "node", node->name,
            "endpoint", node->endpoint, "ticket", ticket, "capability", capability,
            "window", (json_int_t) node->window));
    }
    return list;
}

static fst_rc_t
s_describe_upload (fst_metadata_t *self, const fst_upload_t *upload, json_t *reply)
{
    uint8_t key [FST_KEY_BYTES];
    fst_rc_t rc = s_upload_key (self, upload, key);
    if (rc != FST_OK)
        return rc;
    char id [FST_UPLOAD_BYTES * 2 + 1];
    fst_hex_encode (upload->id, sizeof (upload->id), id);
    char *text = fst_base64_encode (key, sizeof (key));
    json_object_set_new (reply, "upload", json_string (id));
    json_object_set_new (reply, "key", json_string (text));
    json_object_set_new (reply, "chunk_size", json_integer ((int64_t) 1 << upload->chunk_log2));
    json_object_set_new (reply, "extent_chunks", json_integer (upload->extent_chunks));
    json_object_set_new (reply, "replicas", json_integer (upload->replicas));
    json_object_set_new (reply, "expires_ms", json_integer (upload->expires_ms - self->aged_ms + self->wall_ms));
    sodium_memzero (text, strlen (text));
    sodium_memzero (key, sizeof (key));
    free (text);
    return FST_OK;
}

//  Octets that a node needs for one extent: all that is to come, if that is less than a whole one.
static int64_t
s_extent_bytes (json_t *payload, const fst_upload_t *upload)
{
    int64_t chunk = (int64_t) 1 << upload->chunk_log2;
    json_t *size = json_object_get (payload, "size");
    int64_t bytes = size? json_integer_value (size): chunk;
    return bytes < chunk * upload->extent_chunks? bytes: chunk * upload->extent_chunks;
}

fst_rc_t
fst_metadata_get_write_nodes (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    json_t *given = json_object_get (payload, "upload");
    fst_upload_t upload;
    fst_rc_t rc = given? s_upload_find (self, claims, json_string_value (given), &upload)
                       : s_upload_open (self, claims, payload, &upload);
    if (rc != FST_OK)
        return rc;
    fst_upload_t before = upload;
    size_t count = (size_t) json_integer_value (json_object_get (payload, "count"));
    fst_placement_wish_t wish = {
        .copies = upload.replicas,
        .bytes = s_extent_bytes (payload, &upload),
        .keep = s_named_nodes (self, json_object_get (payload, "keep")),
        .avoid = s_named_nodes (self, json_object_get (payload, "avoid"))
    };
    unsigned chosen [64 * UPLOAD_COPIES];
    assert (count * wish.copies <= sizeof (chosen) / sizeof (chosen [0]));
    size_t least = fst_nodes_choose (self->nodes, &wish, count, fst_random (), chosen);
    if (least < wish.copies)
        return s_too_few (self, &wish, least);

    json_t *extents = json_array ();
    fst_node_set_t nodes = 0;
    for (size_t extent = 0; extent < count; extent++) {
        json_t *names = json_array ();
        for (size_t copy = 0; copy < wish.copies; copy++) {
            unsigned number = chosen [extent * wish.copies + copy];
            nodes |= fst_node_bit (number);
            json_array_append_new (names, json_string (fst_nodes_get (self->nodes, number)->name));
        }
        json_array_append_new (extents, names);
    }
    upload.replaced |= upload.nodes & wish.avoid;       //  They may have been sent something
    upload.nodes |= nodes;
    rc = given? s_upload_use (self, &before, &upload): fst_catalog_upload_add (self->catalog, &upload);
    *reply_p = json_pack ("{s:o, s:o}", "extents", extents, "nodes", s_list_access (self, claims, &upload, nodes));
    return rc == FST_OK? s_describe_upload (self, &upload, *reply_p): rc;
}

//  ---- PUT_FILE_INFO

typedef struct {
    const fst_upload_t *upload;         //  NULL if every file is empty
    uint8_t key [FST_KEY_BYTES];        //  Of the upload
    size_t copies;
    bool commit;
    bool kept;                          //  Extents were put aside
    bool ended;                         //  The one file of a single upload is committed
    uint32_t files;
    fst_extent_t *extents;              //  FST_FILE_EXTENTS_MAX at most; grows
    size_t extents_size;
    char problem [256];
} s_put_t;

static void
s_extents_reserve (s_put_t *put, size_t count)
{
    if (count > put->extents_size) {
        put->extents = realloc (put->extents, count * sizeof (*put->extents));
        assert (put->extents);
        put->extents_size = count;
    }
}

//  Extents of this message, behind those that came ahead; *count_p is all of them.
static fst_rc_t
s_read_extents (fst_metadata_t *self, s_put_t *put, uint32_t index, json_t *json, size_t *count_p)
{
    size_t given = json_array_size (json), kept = 0;
    fst_rc_t rc = FST_OK;
    if (put->upload->kept && put->commit) {
        s_extents_reserve (put, FST_FILE_EXTENTS_MAX);
        rc = fst_catalog_upload_kept (self->catalog, put->upload, index, put->extents, FST_FILE_EXTENTS_MAX, &kept);
    }
    if (rc == FST_OK && kept + given > FST_FILE_EXTENTS_MAX)
        return fst_namespace_refuse (self->space, FST_TOO_LARGE, "A file has at most %d extents.", FST_FILE_EXTENTS_MAX);
    s_extents_reserve (put, kept + given + 1);
    fst_blob_id_t blob = fst_blob_id (put->upload->id, index);
    if (rc == FST_OK)
        rc = fst_sealed_read (self->nodes, &blob, put->copies, json, put->extents + kept, put->problem,
                              sizeof (put->problem));
    *count_p = kept + given;
    return rc;
}

static fst_rc_t
s_keep_extents (fst_metadata_t *self, s_put_t *put, uint32_t index, size_t count)
{
    fst_rc_t rc = FST_OK;
    for (size_t at = 0; at < count && rc == FST_OK; at++) {
        if (put->extents [at].n >= FST_FILE_EXTENTS_MAX)
            return fst_namespace_refuse (self->space, FST_TOO_LARGE, "A file has at most %d extents.",
                                         FST_FILE_EXTENTS_MAX);
        rc = fst_catalog_upload_keep (self->catalog, put->upload, index, &put->extents [at]);
        put->kept = true;
    }
    return rc;
}

//  A receipt says what was there when it was made. Nodes that started again since may have had their disks emptied.
static void
s_doubt_returned (fst_metadata_t *self, const s_put_t *put, const fst_blob_t *blob)
{
    fst_node_set_t holders = 0;
    for (uint32_t at = 0; at < blob->extents; at++)
        holders |= put->extents [at].nodes;
    fst_metadata_inventory_doubt (self, holders & put->upload->returned);
}

//  Nodes that others stood in for may have extents of the file, whole or begun. One that holds others of them keeps
//  those.
static fst_rc_t
s_drop_replaced (fst_metadata_t *self, const s_put_t *put, const fst_blob_t *blob)
{
    fst_node_set_t replaced = put->upload->replaced, holders = 0;
    for (uint32_t at = 0; at < blob->extents; at++)
        holders |= put->extents [at].nodes;
    fst_rc_t rc = fst_catalog_garbage_add (self->catalog, replaced & ~holders, &blob->id, FST_ALL_EXTENTS);
    for (uint32_t at = 0; at < blob->extents && rc == FST_OK && (replaced & holders); at++)
        rc = fst_catalog_garbage_add (self->catalog, replaced & holders & ~put->extents [at].nodes, &blob->id, at);
    return rc;
}

//  Add the blob of a file; all was checked but that it is new.
static fst_rc_t
s_add_blob (fst_metadata_t *self, s_put_t *put, uint32_t index, int64_t size, size_t count, fst_content_t *content)
{
    fst_blob_t blob = {
        .id = fst_blob_id (put->upload->id, index),
        .chunk_log2 = put->upload->chunk_log2,
        .extent_chunks = put->upload->extent_chunks,
        .size = size,
        .replicas = (unsigned) put->copies,
        .extents = (uint32_t) count
    };
    uint8_t key [FST_KEY_BYTES];
    fst_blob_key_derive (put->key, index, key);
    fst_key_wrap (self->keys->cluster_key, &blob.id, key, blob.key);
    sodium_memzero (key, sizeof (key));
    fst_rc_t rc = fst_catalog_blob_add (self->catalog, &blob, put->extents);
    if (rc == FST_EXISTS)
        return fst_namespace_refuse (self->space, rc, "File number %u of this upload was committed before.", index);
    if (rc == FST_OK && put->upload->kept)
        rc = fst_catalog_upload_unkeep (self->catalog, put->upload, index);
    if (rc == FST_OK && put->upload->replaced)
        rc = s_drop_replaced (self, put, &blob);
    if (rc == FST_OK && put->upload->returned)
        s_doubt_returned (self, put, &blob);
    content->has_blob = true;
    content->blob = blob.id;
    return rc;
}

//  The content that a file claims: checked, and its blob added.
static fst_rc_t
s_take_content (fst_metadata_t *self, s_put_t *put, json_t *file, fst_content_t *content)
{
    json_t *extents = json_object_get (file, "extents");
    uint32_t index = (uint32_t) json_integer_value (json_object_get (file, "index"));
    if (content->size == 0)
        return json_array_size (extents) == 0? FST_OK
            : fst_namespace_refuse (self->space, FST_MALFORMED, "An empty file has no extents.");
    size_t count;
    fst_rc_t rc = s_read_extents (self, put, index, extents, &count);
    if (rc == FST_OK)
        rc = fst_sealed_check (put->extents, count, content->size, put->upload->chunk_log2, put->upload->extent_chunks,
                               put->problem, sizeof (put->problem));
    for (size_t at = 0; rc == FST_OK && at < count; at++)       //  Those that came ahead may have promised fewer
        if ((size_t) __builtin_popcountll (put->extents [at].nodes) < put->copies)
            rc = fst_namespace_refuse (self->space, FST_TOO_FEW_NODES, "Extent %zu is on fewer than %zu nodes.", at,
                                       (size_t) put->copies);
    return rc == FST_OK? s_add_blob (self, put, index, content->size, count, content): rc;
}

static fst_rc_t
s_put_checked (fst_metadata_t *self, s_put_t *put, json_t *file, json_t *result)
{
    fst_place_t place;
    fst_content_t content = {
        .size = json_integer_value (json_object_get (file, "size")),
        .modified_ms = json_integer_value (json_object_get (file, "modified_ms"))
    };
    const char *digest = json_string_value (json_object_get (file, "digest"));
    content.has_digest = digest != NULL;
    if (digest && fst_hex_decode (digest, content.digest, sizeof (content.digest)) != FST_OK)
        return fst_namespace_refuse (self->space, FST_MALFORMED, "The digest is not in hex.");
    fst_rc_t rc = fst_namespace_may_put (self->space, json_string_value (json_object_get (file, "path")),
                                         json_is_true (json_object_get (file, "no_replace")), &place);
    json_t *version = json_object_get (file, "if_version");
    if (rc == FST_OK && version)
        rc = fst_namespace_check_version (self->space, &place, json_integer_value (version));
    if (rc == FST_OK)
        rc = s_take_content (self, put, file, &content);
    int64_t id = 0;
    if (rc == FST_OK)
        rc = fst_namespace_put (self->space, &place, &content, &id);
    if (rc != FST_OK)
        return rc;
    if (put->upload && put->upload->single)
        put->ended = true;
    json_object_set_new (result, "path", json_string (place.path));
    json_object_set_new (result, "id", json_integer (id));
    json_object_set_new (result, "version", json_integer (content.version));
    return FST_OK;
}

static fst_rc_t
s_put_file (fst_metadata_t *self, s_put_t *put, json_t *file, json_t *result)
{
    int64_t index = json_integer_value (json_object_get (file, "index"));
    json_t *extents = json_object_get (file, "extents");
    if (!put->upload && (json_array_size (extents) || json_integer_value (json_object_get (file, "size"))))
        return fst_namespace_refuse (self->space, FST_MALFORMED, "Only empty files go without an upload.");
    if (put->upload && index >= (put->upload->single? 1: FST_UPLOAD_FILES_MAX))
        return fst_namespace_refuse (self->space, FST_MALFORMED, "This upload takes %d %s.",
            put->upload->single? 1: FST_UPLOAD_FILES_MAX, put->upload->single? "file": "files");
    if (put->upload && index >= put->files && json_array_size (extents))
        put->files = (uint32_t) index + 1;
    if (put->commit)
        return s_put_checked (self, put, file, result);
    size_t count = 0;
    fst_rc_t rc = put->upload? s_read_extents (self, put, (uint32_t) index, extents, &count): FST_OK;
    return rc == FST_OK? s_keep_extents (self, put, (uint32_t) index, count): rc;
}

//  The disk's failures are no result of one file: the whole request fails, and with it what it had done.
static bool
s_is_fatal (fst_rc_t rc)
{
    return rc == FST_IO || rc == FST_CORRUPT || rc == FST_NO_SPACE || rc == FST_INTERNAL;
}

static fst_rc_t
s_put_result (fst_metadata_t *self, s_put_t *put, json_t *file, json_t *results)
{
    json_t *result = json_object ();
    put->problem [0] = 0;
    fst_namespace_refuse (self->space, FST_OK, "%s", "");
    fst_rc_t rc = s_put_file (self, put, file, result);
    if (!json_object_get (result, "path"))
        json_object_set (result, "path", json_object_get (file, "path"));
    json_object_set_new (result, "code", json_string (fst_error_code (rc)));
    if (rc != FST_OK) {
        const char *problem = *put->problem? put->problem: fst_namespace_problem (self->space);
        json_object_set_new (result, "message", json_string (*problem? problem: fst_error_text (rc)));
    }
    json_array_append_new (results, result);
    return s_is_fatal (rc)? rc: FST_OK;
}

//  After its files: the lease goes on, or the upload is done.
static fst_rc_t
s_put_end (fst_metadata_t *self, s_put_t *put, fst_upload_t *upload)
{
    fst_upload_t before = *upload;
    upload->files = put->files;
    upload->kept |= put->kept;
    return put->ended? fst_catalog_upload_drop (self->catalog, upload): s_upload_use (self, &before, upload);
}

fst_rc_t
fst_metadata_put_file_info (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    json_t *given = json_object_get (payload, "upload"), *files = json_object_get (payload, "files"), *file;
    fst_upload_t upload;
    s_put_t put = { .commit = !json_is_false (json_object_get (payload, "commit")) };
    if (given) {
        fst_rc_t rc = s_upload_find (self, claims, json_string_value (given), &upload);
        if (rc == FST_OK)
            rc = s_upload_key (self, &upload, put.key);
        if (rc != FST_OK)
            return rc;
        size_t wanted = (size_t) json_integer_value (json_object_get (payload, "replicas"));
        put.upload = &upload;
        put.files = upload.files;
        put.copies = wanted > upload.replicas? wanted: upload.replicas;
    }
    json_t *results = json_array ();
    size_t at;
    fst_rc_t rc = FST_OK;
    json_array_foreach (files, at, file)
        if (rc == FST_OK)
            rc = s_put_result (self, &put, file, results);
    if (rc == FST_OK && given)
        rc = s_put_end (self, &put, &upload);
    sodium_memzero (put.key, sizeof (put.key));
    free (put.extents);
    *reply_p = json_pack ("{s:o}", "files", results);
    return rc;
}

//  ---- END_UPLOAD

//  The lease ends now; upkeep does the rest, as for one that was forgotten.
fst_rc_t
fst_metadata_end_upload (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) reply_p;
    fst_upload_t upload;
    fst_rc_t rc = s_upload_find (self, claims, json_string_value (json_object_get (payload, "upload")), &upload);
    if (rc != FST_OK)
        return rc;
    int64_t files = json_integer_value (json_object_get (payload, "files"));
    uint32_t most = upload.single? 1: FST_UPLOAD_FILES_MAX;
    if (files > most)
        files = most;
    if (files > upload.files)
        upload.files = (uint32_t) files;
    upload.expires_ms = self->aged_ms;
    return fst_catalog_upload_put (self->catalog, &upload);
}
