//  Commands that make versions and entries of content that is there: LIST_VERSIONS, RESTORE_VERSION, COPY.

#include "fst_metadata_self.h"
#include <assert.h>

#define PAGE_VERSIONS 200

//  ---- LIST_VERSIONS

typedef struct {
    json_t *versions;
    size_t limit;
    bool more;
} s_versions_t;

static bool
s_list_version (void *arg, const fst_content_t *content)
{
    s_versions_t *list = arg;
    list->more = json_array_size (list->versions) == list->limit;
    if (list->more)
        return false;
    json_t *row = json_pack ("{s:I, s:I, s:I, s:I}", "version", (json_int_t) content->version,
        "size", (json_int_t) content->size, "modified_ms", (json_int_t) content->modified_ms,
        "stored_ms", (json_int_t) content->stored_ms);
    assert (row);
    if (content->has_digest) {
        char text [2 * FST_FILE_DIGEST_BYTES + 1];
        fst_hex_encode (content->digest, sizeof (content->digest), text);
        json_object_set_new (row, "digest", json_string (text));
    }
    json_array_append_new (list->versions, row);
    return true;
}

fst_rc_t
fst_metadata_list_versions (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    fst_place_t place;
    json_t *after = json_object_get (payload, "after"), *limit = json_object_get (payload, "limit");
    fst_rc_t rc = fst_namespace_find_file (self->space, json_string_value (json_object_get (payload, "path")), &place);
    if (rc != FST_OK)
        return rc;
    s_versions_t list = {
        .versions = json_array (),
        .limit = limit? (size_t) json_integer_value (limit): PAGE_VERSIONS
    };
    rc = fst_catalog_versions (self->catalog, &place.entry, after? json_integer_value (after): INT64_MAX, s_list_version, &list);
    *reply_p = json_pack ("{s:I, s:o, s:b}", "current", (json_int_t) place.entry.content.version,
                          "versions", list.versions, "more", list.more);
    return rc;
}

//  ---- RESTORE_VERSION, COPY

fst_rc_t
fst_metadata_restore_version (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    fst_place_t place;
    fst_rc_t rc = fst_namespace_restore_version (self->space, json_string_value (json_object_get (payload, "path")),
                                                 json_integer_value (json_object_get (payload, "version")), &place);
    if (rc == FST_OK)
        *reply_p = json_pack ("{s:s, s:I, s:I}", "path", place.path, "id", (json_int_t) place.entry.id,
                              "version", (json_int_t) place.entry.content.version);
    return rc;
}

fst_rc_t
fst_metadata_copy (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    fst_place_t made;
    int64_t entries = 0;
    fst_rc_t rc = fst_namespace_copy (self->space, json_string_value (json_object_get (payload, "from")),
                                      json_string_value (json_object_get (payload, "to")),
                                      json_is_true (json_object_get (payload, "replace")),
                                      json_is_true (json_object_get (payload, "recursive")), &made, &entries);
    if (rc == FST_OK)
        *reply_p = json_pack ("{s:s, s:I, s:I}", "path", made.path, "id", (json_int_t) made.entry.id,
                              "entries", (json_int_t) entries);
    return rc;
}
