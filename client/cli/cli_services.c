//  services and call: who is on the bus, what it can do, and any command of it.

#include <czmq.h>
#include <errno.h>
#include <inttypes.h>
#include "cli.h"

#define JSON_BYTES_MAX  (1024 * 1024)
#define NAME_WIDTH      20

static const char *
s_text (const json_t *object, const char *name)
{
    const char *text = json_string_value (json_object_get (object, name));
    return text? text: "";
}

static int64_t
s_number (const json_t *object, const char *name)
{
    return json_integer_value (json_object_get (object, name));
}

//  ---- services

static void
s_print_services (json_t *services)
{
    size_t at;
    json_t *row;
    printf ("%-32s %8s %8s %8s  %s\n", "SERVICE", "WORKERS", "IDLE", "WAITING", "SINCE");
    json_array_foreach (services, at, row) {
        char when [32];
        int64_t since_ms = s_number (row, "since_ms");
        printf ("%-32s %8" PRId64 " %8" PRId64 " %8" PRId64 "  %s\n", s_text (row, "name"), s_number (row, "workers"),
                s_number (row, "idle"), s_number (row, "waiting"),
                since_ms? cli_time_text (since_ms, when, sizeof (when)): "not offered now");
    }
}

static bool
s_is_required (const json_t *schema, const char *name)
{
    size_t at;
    json_t *entry;
    json_array_foreach (json_object_get (schema, "required"), at, entry)
        if (json_is_string (entry) && streq (json_string_value (entry), name))
            return true;
    return false;
}

//  A value of a schema. These are not ours: an actor tells them.
static void
s_print_value (const json_t *value)
{
    char *other = json_is_string (value)? NULL: json_dumps (value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    cli_print_name (other? other: json_string_value (value));
    free (other);
}

//  "integer", "object, ...", "one of: ok, full"
static void
s_print_type (const json_t *schema)
{
    size_t at;
    json_t *value;
    const char *type = s_text (schema, "type"), *format = s_text (schema, "x-format");
    if (json_object_get (schema, "enum")) {
        printf ("one of");
        json_array_foreach (json_object_get (schema, "enum"), at, value) {
            fputs (at? ", ": " ", stdout);
            s_print_value (value);
        }
    }
    else
    if (streq (type, "array")) {
        printf ("list of ");
        s_print_type (json_object_get (schema, "items"));
    }
    else
        cli_print_name (*format? format: type);
}

static void
s_print_fields (const char *title, const json_t *schema)
{
    const char *name;
    json_t *field;
    json_object_foreach (json_object_get (schema, "properties"), name, field) {
        printf ("      %-8s ", title);
        cli_print_name (name);
        printf ("%*s %s", strlen (name) < NAME_WIDTH? (int) (NAME_WIDTH - strlen (name)): 0, "",
                s_is_required (schema, name)? "": "optional ");
        s_print_type (field);
        if (*s_text (field, "description")) {
            printf (": ");
            cli_print_name (s_text (field, "description"));
        }
        putchar ('\n');
        title = "";
    }
}

//  What an actor says of itself; a stranger's may hold anything.
static void
s_print_description (const char *service, json_t *description)
{
    size_t at;
    json_t *command, *topic;
    cli_print_name (service);
    putchar (' ');
    cli_print_name (s_text (description, "version"));
    printf (": ");
    cli_print_name (s_text (description, "title"));
    putchar ('\n');
    json_array_foreach (json_object_get (description, "commands"), at, command) {
        printf ("\n  ");
        cli_print_name (s_text (command, "command"));
        printf ("  (for ");
        cli_print_name (s_text (command, "needs"));
        printf (")\n      ");
        cli_print_name (s_text (command, "description"));
        putchar ('\n');
        s_print_fields ("takes", json_object_get (command, "request"));
        s_print_fields ("gives", json_object_get (command, "reply"));
    }
    json_array_foreach (json_object_get (description, "topics"), at, topic) {
        printf ("%s", at? " ": "\n  listens to ");
        cli_print_name (json_string_value (topic)? json_string_value (topic): "");
    }
    if (at)
        putchar ('\n');
}

fst_rc_t
cli_services (cli_t *self, int count, char **operands)
{
    json_t *reply = NULL;
    fst_rc_t rc = cli_connect (self, true);
    if (rc == FST_OK)
        rc = count? cli_ask (self, operands [0], "DESCRIBE", json_object (), &reply):
                    cli_ask (self, "broker", "LIST_SERVICES", json_object (), &reply);
    if (rc == FST_UNKNOWN_COMMAND && count)
        return cli_fail (self, rc, "%s does not tell what it can do", operands [0]);
    if (rc != FST_OK)
        return rc;
    if (self->given [CLI_JSON])
        cli_print_json (json_incref (count? reply: json_object_get (reply, "services")));
    else
    if (count)
        s_print_description (operands [0], reply);
    else
        s_print_services (json_object_get (reply, "services"));
    json_decref (reply);
    return FST_OK;
}

//  ---- call

//  The payload as it was given, or all of standard input.
static fst_rc_t
s_payload (cli_t *self, const char *text, json_t **payload_p)
{
    char *input = NULL;
    if (streq (text, "-")) {
        size_t used = 0;
        input = malloc (JSON_BYTES_MAX + 1);
        assert (input);
        for (size_t got = 1; got && used < JSON_BYTES_MAX; used += got)
            got = fread (input + used, 1, JSON_BYTES_MAX - used, stdin);
        input [used] = 0;
        text = input;
    }
    json_error_t error;
    json_t *payload = json_loads (text, JSON_REJECT_DUPLICATES, &error);
    free (input);
    if (json_is_object (payload)) {
        *payload_p = payload;
        return FST_OK;
    }
    fst_rc_t rc = payload? cli_fail (self, FST_MALFORMED, "the payload must be an object, like {\"name\": \"value\"}")
                : cli_fail (self, FST_MALFORMED, "the payload is no JSON: line %d, column %d: %s", error.line, error.column,
                            error.text);
    json_decref (payload);
    return rc;
}

static fst_rc_t
s_write (void *arg, const void *data, size_t bytes)
{
    return fwrite (data, 1, bytes, arg) == bytes? FST_OK: FST_IO;
}

static fst_rc_t
s_call (cli_t *self, char **operands, json_t *payload, json_t **reply_p)
{
    const char *filename = self->values [CLI_OUTPUT];
    if (!filename)
        return cli_ask (self, operands [0], operands [1], payload, reply_p);
    FILE *file = fopen (filename, "wb");
    if (!file) {
        json_decref (payload);
        return cli_fail (self, FST_IO, "cannot write %s: %s", filename, strerror (errno));
    }
    filestore_sink_t sink = { .self = file, .write = s_write };
    fst_rc_t rc = cli_store_failed (self, filestore_call_frames (self->store, operands [0], operands [1], payload, &sink,
                                                                 reply_p));
    if (fclose (file) && rc == FST_OK)
        rc = cli_fail (self, FST_IO, "cannot write %s: %s", filename, strerror (errno));
    return rc;
}

fst_rc_t
cli_call (cli_t *self, int count, char **operands)
{
    json_t *payload = NULL, *reply = NULL;
    fst_rc_t rc = s_payload (self, count > 2? operands [2]: "{}", &payload);
    if (rc != FST_OK)
        return rc;
    rc = cli_connect (self, true);
    if (rc == FST_UNAUTHENTICATED && !self->store)
        rc = cli_connect (self, false);             //  Some commands are for everyone
    if (rc == FST_OK)
        rc = s_call (self, operands, payload, &reply);
    else
        json_decref (payload);
    if (rc != FST_OK)
        return rc;
    if (self->given [CLI_JSON]) {
        json_dumpf (reply, stdout, JSON_COMPACT);
        putchar ('\n');
        json_decref (reply);
    }
    else
        cli_print_json (reply);
    return FST_OK;
}
