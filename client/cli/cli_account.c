//  register, login, logout, whoami, passwd and sessions.

#include <czmq.h>
#include "cli.h"
#include "fst_text.h"

static fst_rc_t
s_check_name (cli_t *self, const char *name)
{
    return fst_user_name_valid (name)? FST_OK
         : cli_fail (self, FST_BAD_NAME, "%.80s is no user name: 1 to %d of a-z 0-9 . _ -, beginning with a letter or digit",
                     name, FST_USER_BYTES_MAX);
}

static fst_rc_t
s_begin_session (cli_t *self, const char *name, const char *password)
{
    fst_rc_t rc = cli_store_failed (self, filestore_login (self->store, name, password, NULL));
    return rc == FST_OK? cli_save_session (self): rc;
}

fst_rc_t
cli_register (cli_t *self, int count, char **operands)
{
    (void) count;
    const char *name = operands [0];
    char *password = NULL;
    json_t *reply = NULL;
    fst_rc_t rc = s_check_name (self, name);
    if (rc == FST_OK)
        rc = cli_password (self, "New password", true, &password);
    if (rc == FST_OK)
        rc = cli_connect (self, false);
    if (rc == FST_OK)
        rc = cli_store_failed (self, filestore_register (self->store, name, password, &reply));
    if (rc == FST_OK)
        rc = s_begin_session (self, name, password);
    if (rc == FST_OK && self->given [CLI_JSON])
        cli_print_json (json_incref (reply));
    else
    if (rc == FST_OK) {
        const char *role = json_string_value (json_object_get (reply, "role"));
        printf ("%s is registered%s and logged in\n", name, role && streq (role, "admin")? " (the admin)": "");
    }
    json_decref (reply);
    cli_password_free (&password);
    return rc;
}

fst_rc_t
cli_login (cli_t *self, int count, char **operands)
{
    (void) count;
    const char *name = operands [0];
    char *password = NULL;
    fst_rc_t rc = s_check_name (self, name);
    if (rc == FST_OK)
        rc = cli_password (self, "Password", false, &password);
    if (rc == FST_OK)
        rc = cli_connect (self, false);
    if (rc == FST_OK)
        rc = s_begin_session (self, name, password);
    if (rc == FST_OK && self->given [CLI_JSON])
        cli_print_json (json_pack ("{s:s}", "user", name));
    else
    if (rc == FST_OK)
        printf ("%s is logged in\n", name);
    cli_password_free (&password);
    return rc;
}

//  A session that has ended already, for the server, ends here too.
fst_rc_t
cli_logout (cli_t *self, int count, char **operands)
{
    (void) count;
    (void) operands;
    fst_rc_t rc = cli_connect (self, true);
    if (rc == FST_OK)
        rc = cli_store_failed (self, filestore_logout (self->store));
    if (rc == FST_OK || rc == FST_EXPIRED || (rc == FST_UNAUTHENTICATED && self->store)) {
        filestore_destroy (&self->store);
        fst_rc_t saved = cli_save_session (self);
        rc = rc == FST_OK? saved: rc;
    }
    return rc;
}

fst_rc_t
cli_whoami (cli_t *self, int count, char **operands)
{
    (void) count;
    (void) operands;
    json_t *who = NULL;
    fst_rc_t rc = cli_connect (self, true);
    if (rc == FST_OK)
        rc = cli_store_failed (self, filestore_whoami (self->store, &who));
    if (rc != FST_OK)
        return rc;
    if (self->given [CLI_JSON])
        cli_print_json (who);
    else {
        printf ("%s\n", json_string_value (json_object_get (who, "user")));
        json_decref (who);
    }
    return FST_OK;
}

fst_rc_t
cli_passwd (cli_t *self, int count, char **operands)
{
    (void) count;
    (void) operands;
    char *old_password = NULL, *new_password = NULL;
    fst_rc_t rc = cli_connect (self, true);
    if (rc == FST_OK)
        rc = cli_password (self, "Old password", false, &old_password);
    if (rc == FST_OK)
        rc = cli_password (self, "New password", true, &new_password);
    if (rc == FST_OK)
        rc = cli_store_failed (self, filestore_change_password (self->store, old_password, new_password));
    cli_password_free (&old_password);
    cli_password_free (&new_password);
    return rc;
}

//  ---- sessions

static fst_rc_t
s_list_sessions (cli_t *self, json_t **sessions_p)
{
    json_t *reply = NULL;
    fst_rc_t rc = cli_ask (self, "auth", "LIST_SESSIONS", json_object (), &reply);
    if (rc == FST_OK)
        *sessions_p = json_incref (json_object_get (reply, "sessions"));
    json_decref (reply);
    return rc;
}

//  The one session that begins with these characters.
static fst_rc_t
s_revoke (cli_t *self, const char *beginning, json_t *sessions)
{
    const char *found = NULL;
    json_t *row;
    size_t at;
    json_array_foreach (sessions, at, row) {
        const char *session = json_string_value (json_object_get (row, "session"));
        if (strncmp (session, beginning, strlen (beginning)) != 0)
            continue;
        if (found)
            return cli_fail (self, FST_MALFORMED, "several sessions begin with %.40s; say more of it", beginning);
        found = session;
    }
    if (!found)
        return cli_fail (self, FST_NOT_FOUND, "you have no session %.40s", beginning);
    return cli_ask (self, "auth", "END_SESSION", json_pack ("{s:s}", "session", found), NULL);
}

static void
s_print_session (json_t *row)
{
    char begun [32], used [32], ends [32];
    printf ("%-32s  %-16s  %-16s  %-16s%s\n", json_string_value (json_object_get (row, "session")),
            cli_time_text (json_integer_value (json_object_get (row, "created_ms")), begun, sizeof (begun)),
            cli_time_text (json_integer_value (json_object_get (row, "used_ms")), used, sizeof (used)),
            cli_time_text (json_integer_value (json_object_get (row, "expires_ms")), ends, sizeof (ends)),
            json_is_true (json_object_get (row, "current"))? "  this one": "");
}

fst_rc_t
cli_sessions (cli_t *self, int count, char **operands)
{
    (void) count;
    (void) operands;
    json_t *sessions = NULL, *row;
    size_t at;
    fst_rc_t rc = cli_connect (self, true);
    if (rc == FST_OK)
        rc = s_list_sessions (self, &sessions);
    if (rc == FST_OK && self->given [CLI_REVOKE])
        rc = s_revoke (self, self->values [CLI_REVOKE], sessions);
    else
    if (rc == FST_OK && self->given [CLI_JSON])
        cli_print_json (json_incref (sessions));
    else
    if (rc == FST_OK) {
        printf ("%-32s  %-16s  %-16s  %s\n", "SESSION", "BEGUN", "USED", "ENDS");
        json_array_foreach (sessions, at, row)
            s_print_session (row);
    }
    json_decref (sessions);
    return rc;
}
