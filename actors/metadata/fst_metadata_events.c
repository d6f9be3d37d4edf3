//  What happened, and where names are: LIST_EVENTS, MOVE_CURSOR, FIND.

#include "fst_metadata_self.h"
#include "fst_page.h"
#include <assert.h>
#include <string.h>

#define PAGE_EVENTS 256
#define SCAN_EVENTS 4096                    //  Looked at for one reply
#define PAGE_FOUND  200

json_t *
fst_metadata_event_json (const fst_journal_t *event)
{
    json_t *body = json_pack ("{s:I, s:s, s:I}", "sequence", (json_int_t) event->sequence, "type", event->type,
                              "time_ms", (json_int_t) event->time_ms);
    assert (body);
    if (event->node) {
        json_object_set_new (body, "node", json_string (event->node));
        if (event->detail)
            json_object_set_new (body, "detail", json_string (event->detail));
        return body;
    }
    json_object_set_new (body, "path", json_string (event->path));
    json_object_set_new (body, "user", json_string (event->user));
    json_object_set_new (body, "id", json_integer (event->entry));
    if (event->to)
        json_object_set_new (body, "to", json_string (event->to));
    if (event->version)
        json_object_set_new (body, "version", json_integer (event->version));
    if (event->detail)
        json_object_set_new (body, "with", json_string (event->detail));
    return body;
}

//  ---- LIST_EVENTS

typedef struct {
    fst_namespace_t *space;
    json_t *types;
    char path [FST_PATH_BYTES_MAX + 1];     //  "" = everywhere
    size_t limit, bytes;
    json_t *events;
    int64_t last;                           //  Looked at
    size_t seen;
    bool full;
    fst_rc_t rc;
} s_events_t;

//  "file" is for all of its types.
static bool
s_is_wanted (const s_events_t *list, const fst_journal_t *event)
{
    char topic [64];
    size_t at, group = 4;                   //  Octets of "file" and "node"
    json_t *type;
    snprintf (topic, sizeof (topic), "%s.%s", event->node? "node": "file", event->type);
    json_array_foreach (list->types, at, type) {
        const char *text = json_string_value (type);
        if (strcmp (text, topic) == 0 || (strlen (text) == group && memcmp (text, topic, group) == 0))
            return true;
    }
    return list->types == NULL;
}

static bool
s_is_at (const char *path, const char *folder)
{
    size_t bytes = strcmp (folder, "/") == 0? 0: strlen (folder);
    return strncmp (path, folder, bytes) == 0 && (path [bytes] == '/' || path [bytes] == 0);
}

static bool
s_is_there (const s_events_t *list, const fst_journal_t *event)
{
    return !*list->path || (!event->node && (s_is_at (event->path, list->path) || (event->to && s_is_at (event->to, list->path))));
}

static bool
s_list_event (void *arg, const fst_journal_t *event)
{
    s_events_t *list = arg;
    fst_journal_t told;
    bool may = false;
    list->rc = s_is_there (list, event)? fst_namespace_tell (list->space, event, &told, &may): FST_OK;
    if (list->rc != FST_OK)
        return false;
    if (may && s_is_there (list, &told) && s_is_wanted (list, &told)) {     //  Asking for a path tells no more than is told
        list->full = json_array_size (list->events) == list->limit || list->bytes > FST_PAGE_BYTES_MAX;
        if (list->full)
            return false;
        json_array_append_new (list->events, fst_metadata_event_json (&told));
        list->bytes += 200 + fst_page_text_bytes (told.path? told.path: "") + fst_page_text_bytes (told.to? told.to: "");
    }
    list->last = event->sequence;
    list->seen++;
    return true;
}

static fst_rc_t
s_read_filter (fst_metadata_t *self, json_t *payload, s_events_t *list)
{
    const char *path = json_string_value (json_object_get (payload, "path"));
    json_t *limit = json_object_get (payload, "limit");
    list->space = self->space;
    list->types = json_object_get (payload, "types");
    list->limit = limit? (size_t) json_integer_value (limit): PAGE_EVENTS;
    return path? fst_namespace_absolute (self->space, path, list->path): FST_OK;
}

//  Where to begin: after since, at the cursor, or (to learn the sequence only) now.
static fst_rc_t
s_read_since (fst_metadata_t *self, json_t *payload, int64_t now, int64_t *since_p)
{
    json_t *given = json_object_get (payload, "since");
    const char *cursor = json_string_value (json_object_get (payload, "cursor"));
    if (given && cursor)
        return fst_namespace_refuse (self->space, FST_MALFORMED, "Say either since when, or which cursor.");
    *since_p = given? json_integer_value (given): now;
    if (!cursor)
        return FST_OK;
    fst_rc_t rc = fst_catalog_cursor_get (self->catalog, self->person.name, cursor, since_p);
    if (rc == FST_NOT_FOUND)
        *since_p = 0;
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_metadata_move_cursor (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    int64_t sequence = json_integer_value (json_object_get (payload, "sequence"));
    if (sequence > fst_catalog_counters (self->catalog)->sequence)
        return fst_namespace_refuse (self->space, FST_MALFORMED, "There is no event with that sequence yet.");
    *reply_p = json_object ();
    fst_rc_t rc = fst_catalog_cursor_put (self->catalog, self->person.name,
                                          json_string_value (json_object_get (payload, "cursor")), sequence);
    return rc != FST_TOO_MANY? rc: fst_namespace_refuse (self->space, rc, "There are %d cursors already, and no more can be made.",
                                                         FST_CURSORS_MAX);
}

fst_rc_t
fst_metadata_list_events (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    int64_t now = fst_catalog_counters (self->catalog)->sequence, first = 0, since = 0;
    fst_rc_t rc = s_read_since (self, payload, now, &since);
    s_events_t list = { .last = since };
    if (rc == FST_OK)
        rc = s_read_filter (self, payload, &list);
    if (rc == FST_OK)
        rc = fst_catalog_event_first (self->catalog, &first);
    if (rc != FST_OK)
        return rc;
    bool gap = since > now || (since < now && since + 1 < first);
    list.events = json_array ();
    rc = fst_catalog_events (self->catalog, since, SCAN_EVENTS, s_list_event, &list);
    if (rc == FST_OK)
        rc = list.rc;
    bool more = list.full || list.seen == SCAN_EVENTS;
    *reply_p = json_pack ("{s:o, s:I, s:b, s:I, s:b}", "events", list.events, "sequence", (json_int_t) (more? list.last: now),
                          "more", more, "first", (json_int_t) first, "gap", gap);
    return rc;
}

//  ---- FIND

static bool
s_found (void *arg, const char *path, const fst_entry_t *entry)
{
    return fst_page_add_entry (arg, path, entry);
}

fst_rc_t
fst_metadata_find (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    const char *path = json_string_value (json_object_get (payload, "path"));
    json_t *limit = json_object_get (payload, "limit");
    char home [FST_USER_BYTES_MAX * 2 + 16] = "/";
    if (!self->person.actor)
        snprintf (home, sizeof (home), "/users/%s", self->person.name);
    fst_page_t page;
    fst_page_begin (&page, limit? json_integer_value (limit): PAGE_FOUND);
    fst_search_t search = {
        .path = path? path: home,
        .text = json_string_value (json_object_get (payload, "text")),
        .after = json_string_value (json_object_get (payload, "after")),
        .each = s_found,
        .arg = &page
    };
    fst_rc_t rc = fst_namespace_search (self->space, &search);
    page.more = search.more;
    *reply_p = fst_page_end (&page, "paths", "modified_ms", "owners");
    if (rc == FST_OK && search.more)
        json_object_set_new (*reply_p, "next", json_string (search.last));
    return rc;
}
