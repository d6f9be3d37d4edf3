//  All users at once, for a backup that people can read or another cluster: EXPORT and IMPORT.

#include "fst_auth_self.h"

static void
s_append_user (void *arg, const fst_user_row_t *row)
{
    json_array_append_new (arg, fst_roster_row (row));
}

void
fst_auth_export (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    json_t *users = json_array ();
    const char *after = json_string_value (json_object_get (fst_request_payload (*request_p), "after"));
    fst_rc_t rc = fst_users_list (self->users, after, FST_ROSTER_PAGE, s_append_user, users);
    fst_auth_reply (self, request_p, rc, json_pack ("{s:o}", "users", users));
}

//  Everybody is there: they take the place of whoever asks.
static void
s_import_all (fst_auth_t *self, fst_request_t **request_p)
{
    size_t count;
    const fst_user_row_t *rows = fst_roster_rows (self->roster, &count);
    if (!fst_roster_has_admin (self->roster)) {
        fst_request_fail (request_p, FST_MALFORMED, "No admin is among the users, so nobody could run this cluster.");
        return;
    }
    fst_rc_t rc = fst_users_replace (self->users, fst_request_claims (*request_p)->name, rows, count, fst_clock_wall_ms ());
    if (rc == FST_NOT_EMPTY)
        fst_request_fail (request_p, rc, "There are other accounts here already: users can be imported only where the one "
                          "that asks is the only one.");
    else {
        if (rc == FST_OK)
            fst_log_info ("users imported users=%zu", count);
        fst_auth_reply (self, request_p, rc, json_pack ("{s:I}", "users", (json_int_t) count));
    }
}

void
fst_auth_import (void *arg, fst_request_t **request_p)
{
    fst_auth_t *self = arg;
    json_t *payload = fst_request_payload (*request_p);
    size_t count;
    fst_rc_t rc = fst_roster_take (self->roster, fst_auth_text (*request_p, "import"),
                                   json_integer_value (json_object_get (payload, "page")), json_object_get (payload, "users"));
    if (rc == FST_OK && json_is_true (json_object_get (payload, "last")))
        s_import_all (self, request_p);
    else {
        fst_roster_rows (self->roster, &count);
        fst_auth_reply (self, request_p, rc, json_pack ("{s:I}", "users", (json_int_t) count));
    }
}
