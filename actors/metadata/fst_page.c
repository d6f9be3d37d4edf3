//  A page of a list in columns.

#include "fst_page.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 17                     //  Of JSON, with a comma

size_t
fst_page_text_bytes (const char *text)
{
    size_t bytes = 3;
    for (const unsigned char *at = (const unsigned char *) text; *at; at++)
        bytes += *at < 0x20? 6: *at == '"' || *at == '\\'? 2: 1;
    return bytes;
}

void
fst_page_begin (fst_page_t *self, int64_t limit)
{
    assert (limit > 0);
    *self = (fst_page_t) {
        .limit = (size_t) limit, .one_owner = true, .texts = json_array (), .sizes = json_array (),
        .times = json_array (), .owners = json_array (), .ids = json_array ()
    };
    self->kinds = calloc (1, self->limit + 1);
    assert (self->kinds);
}

bool
fst_page_add (fst_page_t *self, const char *text, fst_entry_kind_t kind, int64_t size, int64_t time_ms, const char *owner,
              int64_t id)
{
    size_t bytes = fst_page_text_bytes (text) + strlen (owner) + 3 * NUMBER_BYTES;
    if (self->count == self->limit || self->bytes + bytes > FST_PAGE_BYTES_MAX) {
        self->more = true;
        return false;
    }
    if (self->count == 0)
        strcpy (self->owner, owner);
    if (strcmp (self->owner, owner) != 0)
        self->one_owner = false;
    json_array_append_new (self->texts, json_string_nocheck (text));
    json_array_append_new (self->sizes, json_integer (kind == FST_ENTRY_FOLDER? 0: size));
    json_array_append_new (self->times, json_integer (time_ms));
    json_array_append_new (self->owners, json_string_nocheck (owner));
    json_array_append_new (self->ids, json_integer (id));
    self->kinds [self->count++] = kind == FST_ENTRY_FOLDER? 'd': 'f';
    self->bytes += bytes;
    return true;
}

bool
fst_page_add_entry (fst_page_t *self, const char *text, const fst_entry_t *entry)
{
    return fst_page_add (self, text, entry->kind, entry->content.size, entry->content.modified_ms, entry->owner, entry->id);
}

json_t *
fst_page_end (fst_page_t *self, const char *texts, const char *times, const char *owners)
{
    if (self->count > 1 && self->one_owner) {
        json_array_clear (self->owners);
        json_array_append_new (self->owners, json_string_nocheck (self->owner));
    }
    json_t *reply = json_pack ("{s:o, s:s, s:o, s:o, s:o, s:o, s:b}", texts, self->texts, "kinds", self->kinds,
        "sizes", self->sizes, times, self->times, owners, self->owners, "ids", self->ids, "more", self->more);
    assert (reply);
    free (self->kinds);
    return reply;
}
