//  Commands about files and folders: STAT, LIST_FILES, MAKE_FOLDER, MOVE, DELETE_FILE, GET_FILE_INFO.

#include "fst_metadata_self.h"
#include "fst_page.h"
#include "fst_clock.h"
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ENTRIES    1000            //  Entries of a page, unless asked otherwise
#define PAGE_EXTENTS    64
#define EXTENTS_MAX     1024            //  Schema: of one file in one reply

static const char *
s_text (json_t *payload, const char *name)
{
    return json_string_value (json_object_get (payload, name));
}

static bool
s_flag (json_t *payload, const char *name)
{
    return json_is_true (json_object_get (payload, name));
}

static int64_t
s_number (json_t *payload, const char *name, int64_t standard)
{
    json_t *value = json_object_get (payload, name);
    return value? json_integer_value (value): standard;
}

static void
s_set_hex (json_t *object, const char *name, const void *data, size_t bytes)
{
    char text [65];
    assert (bytes * 2 < sizeof (text));
    fst_hex_encode (data, bytes, text);
    json_object_set_new (object, name, json_string (text));
}

//  ---- STAT

static void
s_describe_content (json_t *reply, const fst_content_t *content, const fst_blob_t *blob)
{
    json_object_set_new (reply, "version", json_integer (content->version));
    if (content->has_digest)
        s_set_hex (reply, "digest", content->digest, sizeof (content->digest));
    json_object_set_new (reply, "extents", json_integer (content->has_blob? blob->extents: 0));
    if (!content->has_blob)
        return;
    s_set_hex (reply, "blob", content->blob.bytes, sizeof (content->blob.bytes));
    json_object_set_new (reply, "replicas", json_integer (blob->replicas));
    json_object_set_new (reply, "chunk_size", json_integer ((int64_t) 1 << blob->chunk_log2));
}

fst_rc_t
fst_metadata_stat (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    fst_place_t place;
    fst_blob_t blob;
    fst_rc_t rc = fst_namespace_find (self->space, s_text (payload, "path"), &place);
    if (rc == FST_OK && place.entry.content.has_blob)
        rc = fst_catalog_blob_get (self->catalog, &place.entry.content.blob, &blob);
    if (rc != FST_OK)
        return rc;
    const fst_entry_t *entry = &place.entry;
    bool folder = entry->kind == FST_ENTRY_FOLDER;
    *reply_p = json_pack ("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}",
        "path", place.path,
        "name", entry->name,
        "kind", folder? "folder": "file",
        "owner", entry->owner,
        "id", (json_int_t) entry->id,
        "created_ms", (json_int_t) entry->created_ms,
        "modified_ms", (json_int_t) entry->content.modified_ms,
        "size", (json_int_t) (folder? 0: entry->content.size));
    assert (*reply_p);
    if (place.rights & FST_ACCESS_READ)
        json_object_set_new (*reply_p, "rights", json_string (place.rights & FST_ACCESS_SHARE? "own":
                                                              place.rights & FST_ACCESS_WRITE? "write": "read"));
    if (!folder)
        s_describe_content (*reply_p, &entry->content, &blob);
    else
    if (place.rights & FST_ACCESS_READ)     //  How many people there are is not for everyone
        json_object_set_new (*reply_p, "entries", json_integer (entry->content.size));
    return FST_OK;
}

//  ---- LIST_FILES

static bool
s_list_entry (void *arg, const fst_entry_t *entry)
{
    return fst_page_add_entry (arg, entry->name, entry);
}

fst_rc_t
fst_metadata_list_files (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    fst_page_t page;
    fst_page_begin (&page, s_number (payload, "limit", PAGE_ENTRIES));
    fst_rc_t rc = fst_namespace_list (self->space, s_text (payload, "path"), s_text (payload, "after"),
                                      s_list_entry, &page);
    *reply_p = fst_page_end (&page, "names", "modified_ms", "owners");
    return rc;
}

//  ---- MAKE_FOLDER, MOVE, DELETE_FILE

fst_rc_t
fst_metadata_make_folder (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    int64_t id = 0;
    fst_rc_t rc = fst_namespace_make_folder (self->space, s_text (payload, "path"), s_flag (payload, "parents"), &id);
    *reply_p = json_pack ("{s:I}", "id", (json_int_t) id);
    return rc;
}

fst_rc_t
fst_metadata_move (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    int64_t id = 0;
    fst_rc_t rc = fst_namespace_move (self->space, s_text (payload, "from"), s_text (payload, "to"),
                                      s_flag (payload, "replace"), &id);
    *reply_p = json_pack ("{s:I}", "id", (json_int_t) id);
    return rc;
}

fst_rc_t
fst_metadata_delete_file (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    int64_t entries = 0, trash = 0;
    fst_rc_t rc = fst_namespace_delete (self->space, s_text (payload, "path"), s_flag (payload, "recursive"),
                                        s_flag (payload, "forever"), &entries, &trash);
    *reply_p = json_pack ("{s:I, s:I}", "entries", (json_int_t) entries, "trash", (json_int_t) trash);
    if (rc == FST_OK && s_flag (payload, "forever"))
        self->upkeep_ms = 0;                //  Take it apart soon
    return rc;
}

//  ---- GET_FILE_INFO

typedef struct {
    json_t *payload;
    json_t *files;
    fst_node_set_t nodes;                   //  Named in any file
    int64_t expires_ms;
    size_t bytes;                           //  Of JSON, about
    fst_extent_t extents [EXTENTS_MAX];
} s_info_t;

//  Nodes that hold an extent and may be asked: the live ones first; which of those leads depends on the extent,
//  so that readers spread.
static json_t *
s_list_holders (fst_metadata_t *self, const fst_blob_t *blob, const fst_extent_t *extent)
{
    json_t *list = json_array ();
    unsigned first = (blob->id.bytes [15] + blob->id.bytes [0] + extent->n) % FST_NODES_MAX;
    for (int pass = 0; pass < 2; pass++) {
        fst_node_set_t set = extent->nodes & fst_nodes_set (self->nodes, pass == 0? FST_NODE_ALIVE: FST_NODE_SILENT);
        unsigned count = (unsigned) __builtin_popcountll (set), skip = count? first % count: 0;
        unsigned ordered [FST_NODES_MAX], at = 0;
        for (unsigned number = 0; number < FST_NODES_MAX; number++)
            if (set & fst_node_bit (number))
                ordered [at++] = number;
        for (at = 0; at < count && json_array_size (list) < 16; at++)
            json_array_append_new (list,
                json_string_nocheck (fst_nodes_get (self->nodes, ordered [(at + skip) % count])->name));
    }
    return list;
}

//  Nodes that hold it and cannot be asked, so that people hear where a copy is that nobody can read now; NULL for none.
static json_t *
s_list_away (fst_metadata_t *self, const fst_extent_t *extent)
{
    fst_node_set_t set = extent->nodes & fst_nodes_set (self->nodes, FST_NODE_PRUNED);
    json_t *list = set? json_array (): NULL;
    for (unsigned number = 0; number < FST_NODES_MAX; number++)
        if (set & fst_node_bit (number))
            json_array_append_new (list, json_string_nocheck (fst_nodes_get (self->nodes, number)->name));
    return list;
}

static json_t *
s_list_capabilities (fst_metadata_t *self, const s_info_t *info, const fst_blob_t *blob, fst_node_set_t nodes)
{
    json_t *list = json_array ();
    fst_capability_t capability = { .right = FST_RIGHT_READ, .blob = blob->id, .expires_ms = info->expires_ms };
    for (unsigned number = 0; number < FST_NODES_MAX; number++) {
        if (!(nodes & fst_node_bit (number)))
            continue;
        char text [FST_PROOF_TEXT_MAX];
        fst_capability_make (fst_nodes_key (self->nodes, number), &capability, text);
        json_array_append_new (list, json_pack ("{s:s, s:s}",
            "node", fst_nodes_get (self->nodes, number)->name, "capability", text));
    }
    return list;
}

static fst_rc_t
s_describe_blob (fst_metadata_t *self, s_info_t *info, const fst_content_t *content, json_t *file)
{
    fst_blob_t blob;
    uint8_t key [FST_KEY_BYTES];
    fst_rc_t rc = fst_catalog_blob_get (self->catalog, &content->blob, &blob);
    if (rc == FST_NOT_FOUND)
        rc = FST_CORRUPT;
    if (rc == FST_OK)
        rc = fst_key_unwrap (self->keys->cluster_key, &blob.id, blob.key, key);
    size_t count = 0, at;
    uint32_t from = (uint32_t) s_number (info->payload, "from", 0);
    if (rc == FST_OK)
        rc = fst_catalog_extents (self->catalog, &blob.id, from, info->extents,
                                  (size_t) s_number (info->payload, "count", PAGE_EXTENTS), &count);
    if (rc != FST_OK)
        return rc;
    json_t *extents = json_array ();
    fst_node_set_t nodes = 0;
    for (at = 0; at < count && (at == 0 || info->bytes < FST_PAGE_BYTES_MAX); at++) {
        const fst_extent_t *extent = &info->extents [at];
        json_array_append_new (extents, json_pack ("{s:I, s:I, s:I, s:o, s:o*}", "extent", (json_int_t) extent->n,
            "chunks", (json_int_t) extent->chunks, "bytes", (json_int_t) extent->bytes,
            "nodes", s_list_holders (self, &blob, extent), "away", s_list_away (self, extent)));
        nodes |= extent->nodes;
        info->bytes += 64 + (size_t) __builtin_popcountll (extent->nodes) * 24;
    }
    nodes &= fst_nodes_set (self->nodes, FST_NODE_ALIVE) | fst_nodes_set (self->nodes, FST_NODE_SILENT);
    info->nodes |= nodes;
    info->bytes += (size_t) __builtin_popcountll (nodes) * 140;
    char *text = fst_base64_encode (key, sizeof (key));
    sodium_memzero (key, sizeof (key));
    s_set_hex (file, "blob", blob.id.bytes, sizeof (blob.id.bytes));
    json_object_set_new (file, "key", json_string (text));
    json_object_set_new (file, "chunk_size", json_integer ((int64_t) 1 << blob.chunk_log2));
    json_object_set_new (file, "extent_chunks", json_integer (blob.extent_chunks));
    json_object_set_new (file, "extents", extents);
    json_object_set_new (file, "capabilities", s_list_capabilities (self, info, &blob, nodes));
    if (from + at < blob.extents)
        json_object_set_new (file, "next", json_integer (from + (int64_t) at));
    free (text);
    return FST_OK;
}

static fst_rc_t
s_describe_file (fst_metadata_t *self, s_info_t *info, const char *path, json_t *file)
{
    fst_place_t place;
    fst_content_t content;
    if (info->bytes >= FST_PAGE_BYTES_MAX)
        return fst_namespace_refuse (self->space, FST_BUSY, "Too much for one reply; ask for this one again.");
    fst_rc_t rc = fst_namespace_find_file (self->space, path, &place);
    if (rc == FST_OK)
        rc = fst_catalog_version_get (self->catalog, &place.entry,
                                      s_number (info->payload, "version", place.entry.content.version), &content);
    if (rc != FST_OK)
        return rc;
    json_object_set_new (file, "path", json_string (place.path));
    json_object_set_new (file, "id", json_integer (place.entry.id));
    json_object_set_new (file, "size", json_integer (content.size));
    json_object_set_new (file, "modified_ms", json_integer (content.modified_ms));
    json_object_set_new (file, "version", json_integer (content.version));
    if (content.has_blob)
        return s_describe_blob (self, info, &content, file);
    json_object_set_new (file, "extents", json_array ());
    return FST_OK;
}

//  One result: all of it, or the error's code and sentence.
static json_t *
s_file_result (fst_metadata_t *self, s_info_t *info, const char *path, fst_rc_t *rc_p)
{
    json_t *file = json_object ();
    fst_namespace_refuse (self->space, FST_OK, "%s", "");
    fst_rc_t rc = s_describe_file (self, info, path, file);
    if (rc != FST_OK) {
        const char *problem = fst_namespace_problem (self->space);
        json_object_clear (file);
        json_object_set_new (file, "path", json_string (path));
        json_object_set_new (file, "message", json_string (*problem? problem: fst_error_text (rc)));
        info->bytes += fst_page_text_bytes (*problem? problem: "") + 64;
    }
    json_object_set_new (file, "code", json_string (fst_error_code (rc)));
    info->bytes += fst_page_text_bytes (path) + 200;
    *rc_p = rc;
    return file;
}

static json_t *
s_list_places (fst_metadata_t *self, const fst_claims_t *claims, const s_info_t *info)
{
    json_t *list = json_array ();
    for (unsigned number = 0; number < FST_NODES_MAX; number++) {
        if (!(info->nodes & fst_node_bit (number)))
            continue;
        char ticket [FST_PROOF_TEXT_MAX];
        const fst_node_t *node = fst_nodes_get (self->nodes, number);
        fst_ticket_make (fst_nodes_key (self->nodes, number), claims->name, info->expires_ms, ticket);
        json_array_append_new (list, json_pack ("{s:s, s:s, s:s}",
            "node", node->name, "endpoint", node->endpoint, "ticket", ticket));
    }
    return list;
}

fst_rc_t
fst_metadata_get_file_info (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    json_t *paths = json_object_get (payload, "paths"), *path;
    if (json_array_size (paths) > 1 && json_object_get (payload, "version"))
        return fst_namespace_refuse (self->space, FST_MALFORMED, "A version can be asked for one path only.");
    s_info_t *info = calloc (1, sizeof (*info));
    assert (info);
    info->payload = payload;
    info->files = json_array ();
    info->expires_ms = self->wall_ms + self->capability_ms;
    size_t at;
    fst_rc_t rc = FST_OK;
    json_array_foreach (paths, at, path) {
        json_array_append_new (info->files, s_file_result (self, info, json_string_value (path), &rc));
        if (rc == FST_IO)
            break;
    }
    *reply_p = json_pack ("{s:o, s:o}", "files", info->files, "nodes", s_list_places (self, claims, info));
    assert (*reply_p);
    free (info);
    return rc == FST_IO? rc: FST_OK;
}
