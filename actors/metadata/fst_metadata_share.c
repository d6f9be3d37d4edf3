//  Commands about rights: SHARE, UNSHARE, LIST_GRANTS, LIST_SHARED.

#include "fst_metadata_self.h"
#include "fst_page.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_GRANTS 200
#define SKIPPED_MAX 1000                    //  Grants on what is in the trash, passed over for one reply

static const char *
s_rights_text (unsigned rights)
{
    return rights & FST_ACCESS_WRITE? "write": "read";
}

static int64_t
s_limit (json_t *payload)
{
    json_t *limit = json_object_get (payload, "limit");
    return limit? json_integer_value (limit): PAGE_GRANTS;
}

fst_rc_t
fst_metadata_share (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    fst_place_t place;
    bool write = strcmp (json_string_value (json_object_get (payload, "rights")), "write") == 0;
    fst_rc_t rc = fst_namespace_share (self->space, json_string_value (json_object_get (payload, "path")),
                                       json_string_value (json_object_get (payload, "user")),
                                       FST_ACCESS_READ | (write? FST_ACCESS_WRITE: 0), &place);
    if (rc == FST_OK)
        *reply_p = json_pack ("{s:s}", "path", place.path);
    return rc;
}

fst_rc_t
fst_metadata_unshare (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    *reply_p = json_object ();
    return fst_namespace_unshare (self->space, json_string_value (json_object_get (payload, "path")),
                                  json_string_value (json_object_get (payload, "user")));
}

//  ---- LIST_GRANTS: those on the entry, then those on the folder it is in, and so on up

typedef struct {
    json_t *grants;
    size_t limit, bytes;
    char path [FST_PATH_BYTES_MAX + 1];     //  Of the entry whose grants come
    int levels;                             //  Its number of parts
    int last_levels;                        //  Of the last row
    char last [FST_USER_BYTES_MAX + 1];
    bool more;
} s_grants_t;

static bool
s_list_grant (void *arg, const fst_grant_t *grant)
{
    s_grants_t *list = arg;
    size_t bytes = fst_page_text_bytes (list->path) + 128;
    list->more = json_array_size (list->grants) == list->limit || list->bytes + bytes > FST_PAGE_BYTES_MAX;
    if (list->more)
        return false;
    json_array_append_new (list->grants, json_pack ("{s:s, s:s, s:s}", "user", grant->user,
                                                    "rights", s_rights_text (grant->rights), "path", list->path));
    list->bytes += bytes;
    list->last_levels = list->levels;
    strcpy (list->last, grant->user);
    return true;
}

//  From entry upwards. after: "LEVELS USER", where the last page ended.
static fst_rc_t
s_list_grants_up (fst_metadata_t *self, fst_entry_t *entry, const char *after, s_grants_t *list)
{
    int levels = FST_PATH_LEVELS_MAX + 1;
    char user [FST_USER_BYTES_MAX + 1] = "";
    if (after && sscanf (after, "%d %64s", &levels, user) != 2)
        return fst_namespace_refuse (self->space, FST_MALFORMED, "The list cannot go on from there.");
    fst_rc_t rc = FST_OK;
    while (rc == FST_OK && entry->id != FST_ENTRY_ROOT && !list->more) {
        if (list->levels <= levels)
            rc = fst_catalog_grants (self->catalog, entry->id, list->levels == levels? user: "", s_list_grant, list);
        if (rc == FST_OK)
            rc = fst_catalog_entry_get (self->catalog, entry->parent, entry);
        *strrchr (list->path, '/') = 0;
        list->levels--;
    }
    return rc;
}

fst_rc_t
fst_metadata_list_grants (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    fst_place_t place;
    fst_rc_t rc = fst_namespace_find_mine (self->space, json_string_value (json_object_get (payload, "path")), &place);
    if (rc != FST_OK)
        return rc;
    s_grants_t list = { .grants = json_array (), .limit = (size_t) s_limit (payload) };
    strcpy (list.path, place.path);
    for (const char *at = place.path; *at; at++)
        list.levels += *at == '/';
    *reply_p = json_pack ("{s:s, s:O}", "owner", place.entry.owner, "grants", list.grants);
    rc = s_list_grants_up (self, &place.entry, json_string_value (json_object_get (payload, "after")), &list);
    json_object_set_new (*reply_p, "more", json_boolean (list.more));
    if (list.more)
        json_object_set_new (*reply_p, "next", json_sprintf ("%d %s", list.last_levels, list.last));
    json_decref (list.grants);
    return rc;
}

//  ---- LIST_SHARED

typedef struct {
    fst_metadata_t *metadata;
    fst_page_t page;
    char *rights;                           //  A letter for each
    int64_t last;                           //  Looked at
    int skipped;
    fst_rc_t rc;
} s_shared_t;

static bool
s_list_share (void *arg, const fst_grant_t *grant)
{
    s_shared_t *list = arg;
    fst_catalog_t *catalog = list->metadata->catalog;
    fst_entry_t entry;
    char path [FST_PATH_BYTES_MAX + 1];
    list->rc = fst_catalog_entry_get (catalog, grant->entry, &entry);
    if (list->rc == FST_OK)
        list->rc = fst_catalog_entry_path (catalog, grant->entry, path);
    unsigned rights = list->rc == FST_OK? fst_access_limit (&list->metadata->person, grant->rights, path): 0;
    if (list->rc == FST_OK && !(rights & FST_ACCESS_READ))
        list->rc = FST_NOT_FOUND;           //  Not for this token
    if (list->rc == FST_OK) {
        if (!fst_page_add_entry (&list->page, path, &entry))
            return false;
        list->rights [list->page.count - 1] = rights & FST_ACCESS_WRITE? 'w': 'r';
    }
    else
    if (list->rc == FST_NOT_FOUND) {        //  Or in the trash
        list->rc = FST_OK;
        list->page.more = list->skipped++ == SKIPPED_MAX;
    }
    list->last = grant->entry;
    return list->rc == FST_OK && !list->page.more;
}

fst_rc_t
fst_metadata_list_shared (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    const char *after = json_string_value (json_object_get (payload, "after"));
    s_shared_t list = { .metadata = self };
    if (after && sscanf (after, "%" SCNd64, &list.last) != 1)
        return fst_namespace_refuse (self->space, FST_MALFORMED, "The list cannot go on from there.");
    fst_page_begin (&list.page, s_limit (payload));
    list.rights = calloc (1, list.page.limit + 1);
    assert (list.rights);
    fst_rc_t rc = fst_catalog_grants_to (self->catalog, self->person.name, list.last, s_list_share, &list);
    bool more = list.page.more;
    *reply_p = fst_page_end (&list.page, "paths", "modified_ms", "owners");
    json_object_set_new (*reply_p, "rights", json_string (list.rights));
    if (more)
        json_object_set_new (*reply_p, "next", json_sprintf ("%" PRId64, list.last));
    free (list.rights);
    return rc == FST_OK? list.rc: rc;
}
