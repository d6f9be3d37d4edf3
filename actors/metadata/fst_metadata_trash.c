//  Commands about what was deleted: LIST_TRASH, RESTORE, EMPTY_TRASH.

#include "fst_metadata_self.h"
#include "fst_page.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE_ITEMS  200
#define EMPTY_MAX   1000                    //  Items that go with one request
#define SKIPPED_MAX 1000                    //  That are not for the token, passed over for one reply

//  ---- LIST_TRASH

typedef struct {
    const fst_person_t *person;
    fst_page_t page;
    json_t *names;
    int skipped;
    int64_t last_ms, last;                  //  Of the page
} s_items_t;

static bool
s_list_item (void *arg, const fst_trash_t *item)
{
    s_items_t *items = arg;
    if (!fst_access_limit (items->person, FST_ACCESS_READ, item->path)) {
        items->last_ms = item->trashed_ms;
        items->last = item->entry;
        items->page.more = items->skipped++ == SKIPPED_MAX;
        return !items->page.more;
    }
    if (!fst_page_add (&items->page, item->path, item->kind, item->size, item->trashed_ms, item->user, item->entry))
        return false;
    json_array_append_new (items->names, json_string_nocheck (item->name));
    items->page.bytes += fst_page_text_bytes (item->name);
    items->last_ms = item->trashed_ms;
    items->last = item->entry;
    return true;
}

fst_rc_t
fst_metadata_list_trash (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    int64_t before_ms = INT64_MAX, before = INT64_MAX;
    json_t *after = json_object_get (payload, "after"), *limit = json_object_get (payload, "limit");
    if (after && sscanf (json_string_value (after), "%" SCNd64 ".%" SCNd64, &before_ms, &before) != 2)
        return fst_namespace_refuse (self->space, FST_MALFORMED, "The list cannot go on from there.");
    s_items_t items = { .person = &self->person, .names = json_array () };
    fst_page_begin (&items.page, limit? json_integer_value (limit): PAGE_ITEMS);
    fst_rc_t rc = fst_catalog_trash (self->catalog, self->person.name, before_ms, before, s_list_item, &items);
    bool more = items.page.more;
    json_t *reply = fst_page_end (&items.page, "paths", "trashed_ms", "users");
    json_object_set_new (reply, "names", items.names);
    json_object_set_new (reply, "keep_ms", json_integer (self->trash_ms));
    if (more)
        json_object_set_new (reply, "next", json_sprintf ("%" PRId64 ".%" PRId64, items.last_ms, items.last));
    *reply_p = reply;
    return rc;
}

//  ---- RESTORE

fst_rc_t
fst_metadata_restore (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    char now [FST_PATH_BYTES_MAX + 1];
    int64_t id = 0, trash = json_integer_value (json_object_get (payload, "trash"));
    const char *path = json_string_value (json_object_get (payload, "path"));
    if ((trash == 0) == (path == NULL))
        return fst_namespace_refuse (self->space, FST_MALFORMED, "Say either which item of the trash, or which path.");
    fst_rc_t rc = fst_namespace_restore (self->space, trash, path, json_string_value (json_object_get (payload, "to")),
                                         now, &id);
    if (rc == FST_OK)
        *reply_p = json_pack ("{s:s, s:I}", "path", now, "id", (json_int_t) id);
    return rc;
}

//  ---- EMPTY_TRASH

typedef struct {
    const fst_person_t *person;
    size_t count;
    bool more;
    int64_t ids [EMPTY_MAX];
} s_ids_t;

static bool
s_take_id (void *arg, const fst_trash_t *item)
{
    s_ids_t *ids = arg;
    if (!fst_access_limit (ids->person, FST_ACCESS_WRITE, item->path))
        return true;
    ids->more = ids->count == EMPTY_MAX;
    if (!ids->more)
        ids->ids [ids->count++] = item->entry;
    return !ids->more;
}

fst_rc_t
fst_metadata_empty_trash (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    json_t *given = json_object_get (payload, "ids"), *id;
    s_ids_t ids = { .person = &self->person };
    fst_rc_t rc = FST_OK;
    size_t at;
    assert (json_array_size (given) <= EMPTY_MAX);      //  The schema says so
    json_array_foreach (given, at, id)
        ids.ids [ids.count++] = json_integer_value (id);
    if (!given)
        rc = fst_catalog_trash (self->catalog, self->person.name, INT64_MAX, INT64_MAX, s_take_id, &ids);
    for (at = 0; rc == FST_OK && at < ids.count; at++)
        rc = fst_namespace_purge (self->space, ids.ids [at]);
    *reply_p = json_pack ("{s:I, s:b}", "entries", (json_int_t) ids.count, "more", ids.more);
    self->upkeep_ms = 0;                    //  Take it apart soon
    return rc;
}
