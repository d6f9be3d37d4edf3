//  token: what a person gives to applications instead of the password.

#include <czmq.h>
#include "cli.h"
#include "fst_clock.h"
#include "fst_text.h"

//  Wall time at which it ends, if that was said.
static fst_rc_t
s_read_expiry (cli_t *self, json_t *request)
{
    int64_t ms;
    const char *text = self->values [CLI_EXPIRES];
    if (!text)
        return FST_OK;
    if (fst_duration_parse (text, &ms) != FST_OK || ms <= 0)
        return cli_fail (self, FST_MALFORMED, "--expires is a time like 30 d or 12 h, not %.40s", text);
    json_object_set_new (request, "expires_ms", json_integer (fst_clock_wall_ms () + ms));
    return FST_OK;
}

static fst_rc_t
s_create (cli_t *self, const char *name, const char *path)
{
    json_t *reply = NULL, *request = json_pack ("{s:s, s:s}", "name", name, "rights", self->given [CLI_WRITE]? "write": "read");
    fst_rc_t rc = request? s_read_expiry (self, request): FST_OK;
    if (path && request)
        json_object_set_new (request, "path", json_string (path));
    if (rc == FST_OK)
        rc = cli_ask (self, "auth", "CREATE_TOKEN", json_incref (request), &reply);
    json_decref (request);
    if (rc != FST_OK)
        return rc;
    if (self->given [CLI_JSON]) {
        cli_print_json (reply);
        return FST_OK;
    }
    printf ("%s\n", json_string_value (json_object_get (reply, "token")));
    fflush (stdout);
    cli_warn ("it may %s %s, and is shown only now; end it with  filestore token end %s",
              json_string_value (json_object_get (reply, "rights")), json_string_value (json_object_get (reply, "path")), name);
    json_decref (reply);
    return FST_OK;
}

static void
s_print_token (json_t *row)
{
    char made [32], ends [32];
    printf ("%-20s  %-5s  %-16s  %-16s  ", json_string_value (json_object_get (row, "name")),
            json_string_value (json_object_get (row, "rights")),
            cli_time_text (json_integer_value (json_object_get (row, "created_ms")), made, sizeof (made)),
            cli_time_text (json_integer_value (json_object_get (row, "expires_ms")), ends, sizeof (ends)));
    cli_print_name (json_string_value (json_object_get (row, "path")));
    putchar ('\n');
}

static fst_rc_t
s_list (cli_t *self)
{
    json_t *reply = NULL, *row, *tokens;
    size_t at;
    fst_rc_t rc = cli_ask (self, "auth", "LIST_TOKENS", json_object (), &reply);
    if (rc != FST_OK)
        return rc;
    tokens = json_object_get (reply, "tokens");
    if (self->given [CLI_JSON])
        cli_print_json (json_incref (tokens));
    else {
        if (json_array_size (tokens))
            printf ("%-20s  %-5s  %-16s  %-16s  %s\n", "NAME", "MAY", "MADE", "ENDS", "PATH");
        json_array_foreach (tokens, at, row)
            s_print_token (row);
    }
    json_decref (reply);
    return FST_OK;
}

fst_rc_t
cli_token (cli_t *self, int count, char **operands)
{
    const char *verb = operands [0];
    bool create = streq (verb, "create") && count >= 2, list = streq (verb, "list") && count == 1,
         end = streq (verb, "end") && count == 2;
    if (!create && !list && !end)
        return cli_fail (self, FST_MALFORMED, "say token create NAME [PATH], token list, or token end NAME");
    fst_rc_t rc = cli_connect (self, true);
    if (rc != FST_OK)
        return rc;
    return create? s_create (self, operands [1], count > 2? operands [2]: NULL)
         : list? s_list (self)
         : cli_ask (self, "auth", "END_TOKEN", json_pack ("{s:s}", "name", operands [1]), NULL);
}
