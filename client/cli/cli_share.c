//  share and unshare.

#include <czmq.h>
#include "cli.h"
#include "fst_text.h"

typedef struct {
    cli_t *cli;
    size_t rows;
    bool owned;                 //  The owner was told
} s_list_t;

static fst_rc_t
s_check_user (cli_t *self, const char *user)
{
    return fst_user_name_valid (user)? FST_OK: cli_fail (self, FST_BAD_NAME, "%.80s is no user name", user);
}

//  What others share with me.
static fst_rc_t
s_print_shared (void *arg, json_t *page)
{
    s_list_t *list = arg;
    const char *rights = json_string_value (json_object_get (page, "rights"));
    size_t count = json_array_size (json_object_get (page, "paths"));
    for (size_t at = 0; at < count && at < strlen (rights); at++) {
        const char *right = rights [at] == 'w'? "write": "read";
        const char *path = cli_column_text (page, "paths", at), *owner = cli_column_text (page, "owners", at);
        if (list->cli->given [CLI_JSON]) {
            cli_print_row (&list->rows, json_pack ("{s:s, s:s, s:s, s:s, s:I}", "path", path, "kind",
                cli_column_folder (page, at)? "folder": "file", "owner", owner, "rights", right,
                "id", (json_int_t) cli_column_number (page, "ids", at)));
            continue;
        }
        printf ("%-16s %-5s  ", owner, right);
        cli_print_name (path);
        putchar ('\n');
    }
    return FST_OK;
}

//  Who has rights on something of mine.
static fst_rc_t
s_print_grants (void *arg, json_t *page)
{
    s_list_t *list = arg;
    json_t *grant;
    size_t at;
    if (!list->cli->given [CLI_JSON] && !list->owned)
        printf ("%-16s owner\n", json_string_value (json_object_get (page, "owner")));
    list->owned = true;
    json_array_foreach (json_object_get (page, "grants"), at, grant) {
        if (list->cli->given [CLI_JSON]) {
            cli_print_row (&list->rows, json_incref (grant));
            continue;
        }
        printf ("%-16s %-5s  ", json_string_value (json_object_get (grant, "user")),
                json_string_value (json_object_get (grant, "rights")));
        cli_print_name (json_string_value (json_object_get (grant, "path")));
        putchar ('\n');
    }
    return FST_OK;
}

static fst_rc_t
s_give (cli_t *self, const char *path, const char *user)
{
    const char *rights = self->given [CLI_WRITE]? "write": "read";
    json_t *reply = NULL;
    fst_rc_t rc = cli_ask (self, "metadata", "SHARE", json_pack ("{s:s, s:s, s:s}", "path", path, "user", user,
                                                                 "rights", rights), &reply);
    if (rc == FST_OK && self->given [CLI_JSON])
        cli_print_json (json_incref (reply));
    else
    if (rc == FST_OK) {
        cli_print_name (json_string_value (json_object_get (reply, "path")));
        printf (" is shared with %s: %s\n", user, rights);
    }
    json_decref (reply);
    return rc;
}

fst_rc_t
cli_share (cli_t *self, int count, char **operands)
{
    s_list_t list = { .cli = self };
    fst_rc_t rc = count? cli_check_path (self, operands [0]): FST_OK;
    if (rc == FST_OK && count > 1)
        rc = s_check_user (self, operands [1]);
    if (rc == FST_OK && count < 2 && self->given [CLI_WRITE])
        rc = cli_fail (self, FST_MALFORMED, "say with whom");
    if (rc == FST_OK)
        rc = cli_connect (self, true);
    if (rc != FST_OK)
        return rc;
    if (count > 1)
        return s_give (self, operands [0], operands [1]);
    rc = count? cli_ask_pages (self, "LIST_GRANTS", json_pack ("{s:s}", "path", operands [0]), s_print_grants, &list)
              : cli_ask_pages (self, "LIST_SHARED", json_object (), s_print_shared, &list);
    if (self->given [CLI_JSON] && (rc == FST_OK || list.rows))
        cli_print_rows_end (list.rows);
    return rc;
}

fst_rc_t
cli_unshare (cli_t *self, int count, char **operands)
{
    fst_rc_t rc = cli_check_path (self, operands [0]);
    if (rc == FST_OK && count > 1)
        rc = s_check_user (self, operands [1]);
    if (rc == FST_OK)
        rc = cli_connect (self, true);
    if (rc != FST_OK)
        return rc;
    json_t *request = json_pack ("{s:s}", "path", operands [0]);
    if (count > 1)
        json_object_set_new (request, "user", json_string (operands [1]));
    return cli_ask (self, "metadata", "UNSHARE", request, NULL);
}
