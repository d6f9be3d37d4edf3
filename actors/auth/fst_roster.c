//  Users on their way in or out.

#include "fst_roster.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHARS 16

struct fst_roster {
    char name [NAME_CHARS + 1];     //  Of the import
    int64_t page;                   //  The next one
    fst_user_row_t *rows;
    size_t count, size;
};

fst_roster_t *
fst_roster_new (void)
{
    fst_roster_t *self = calloc (1, sizeof (*self));
    assert (self);
    return self;
}

void
fst_roster_destroy (fst_roster_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        free ((*self_p)->rows);
        free (*self_p);
        *self_p = NULL;
    }
}

json_t *
fst_roster_row (const fst_user_row_t *row)
{
    json_t *value = json_pack ("{s:s, s:s, s:s, s:I, s:I}", "name", row->name, "role", fst_role_text (row->role),
        "hash", row->hash, "created_ms", (json_int_t) row->created_ms, "changed_ms", (json_int_t) row->changed_ms);
    assert (value);
    return value;
}

static void
s_take_row (fst_roster_t *self, json_t *user)
{
    if (self->count == self->size) {
        self->size = self->size? 2 * self->size: FST_ROSTER_PAGE;
        self->rows = realloc (self->rows, self->size * sizeof (*self->rows));
        assert (self->rows);
    }
    fst_user_row_t *row = &self->rows [self->count++];
    const char *role = json_string_value (json_object_get (user, "role"));
    memset (row, 0, sizeof (*row));
    snprintf (row->name, sizeof (row->name), "%s", json_string_value (json_object_get (user, "name")));
    snprintf (row->hash, sizeof (row->hash), "%s", json_string_value (json_object_get (user, "hash")));
    row->role = strcmp (role, fst_role_text (FST_ROLE_ADMIN)) == 0? FST_ROLE_ADMIN: FST_ROLE_USER;
    row->created_ms = json_integer_value (json_object_get (user, "created_ms"));
    row->changed_ms = json_integer_value (json_object_get (user, "changed_ms"));
}

fst_rc_t
fst_roster_take (fst_roster_t *self, const char *name, int64_t page, json_t *users)
{
    assert (self);
    assert (name);
    bool same = strcmp (name, self->name) == 0;
    if (same && page > 0 && page == self->page - 1)
        return FST_OK;                  //  Sent again
    if (page == 0) {
        snprintf (self->name, sizeof (self->name), "%s", name);
        self->count = 0;
        self->page = 0;
    }
    else
    if (!same || page != self->page)
        return FST_CHANGED;
    if (self->count + json_array_size (users) > FST_ROSTER_MAX)
        return FST_TOO_MANY;
    size_t at;
    json_t *user;
    json_array_foreach (users, at, user)
        s_take_row (self, user);
    self->page++;
    return FST_OK;
}

const fst_user_row_t *
fst_roster_rows (const fst_roster_t *self, size_t *count_p)
{
    assert (self);
    *count_p = self->count;
    return self->rows;
}

bool
fst_roster_has_admin (const fst_roster_t *self)
{
    assert (self);
    for (size_t at = 0; at < self->count; at++)
        if (self->rows [at].role == FST_ROLE_ADMIN)
            return true;
    return false;
}
