//  docs/PROTOCOL.md: introduction.md, then a section for each service and the events.

#include "generate.h"
#include <stdlib.h>
#include <string.h>
#include "fst_error.h"

#define NAME_MAX_BYTES 512

static void
s_write_errors (FILE *out)
{
#define ROW(name, http, exit_code, text) { #name, http, exit_code, text },
    static const struct { const char *name; int http, exit_code; const char *text; } errors [] = { FST_ERRORS (ROW) };
#undef ROW
    fprintf (out, "| code | HTTP | exit | meaning |\n|---|---|---|---|\n");
    for (size_t at = 1; at < FST_ERRORS_COUNT; at++) {
        fprintf (out, "| `");
        for (const char *letter = errors [at].name; *letter; letter++)
            fputc (*letter >= 'A' && *letter <= 'Z'? *letter - 'A' + 'a': *letter, out);
        fprintf (out, "` | %d | %d | %s |\n", errors [at].http, errors [at].exit_code, errors [at].text);
    }
}

//  ------------------------------------------------------------------------------------------------
//  Types and bounds

//  Numbers near a power of two are easier to read as one.
static void
s_write_number (FILE *out, json_int_t number)
{
    for (int bits = 24; bits < 63; bits++)
        if (number + 1 == (json_int_t) 1 << bits) {
            fprintf (out, "2^%d - 1", bits);
            return;
        }
    fprintf (out, "%" JSON_INTEGER_FORMAT, number);
}

static void
s_write_range (FILE *out, const json_t *schema, const char *least, const char *most, const char *unit)
{
    json_int_t min = json_integer_value (json_object_get (schema, least));
    json_int_t max = json_integer_value (json_object_get (schema, most));
    fprintf (out, ", ");
    s_write_number (out, min);
    if (max != min) {
        fprintf (out, " to ");
        s_write_number (out, max);
    }
    fprintf (out, "%s%s%s", *unit? " ": "", unit, *unit && max != 1? "s": "");
}

static void
s_write_string (FILE *out, const json_t *schema)
{
    json_t *values = json_object_get (schema, "enum"), *value;
    const char *only = text_of (schema, "const"), *format = text_of (schema, "x-format");
    size_t at;
    if (only)
        fprintf (out, "`\"%s\"`", only);
    json_array_foreach (values, at, value)
        fprintf (out, "%s`\"%s\"`", at? " or ": "", json_string_value (value));
    if (values || only)
        return;
    fprintf (out, "%s", format? format: "string");
    s_write_range (out, schema, "minLength", "maxLength", "character");
}

static void
s_write_type (FILE *out, const file_t *file, json_t *schema)
{
    const char *type = text_of (schema, "type");
    if (strcmp (type, "string") == 0)
        s_write_string (out, schema);
    else
    if (strcmp (type, "integer") == 0 && json_object_get (schema, "const"))
        fprintf (out, "`%" JSON_INTEGER_FORMAT "`", json_integer_value (json_object_get (schema, "const")));
    else
    if (strcmp (type, "integer") == 0) {
        fprintf (out, "integer");
        s_write_range (out, schema, "minimum", "maximum", "");
    }
    else
    if (strcmp (type, "array") == 0) {
        json_t *items = resolve (file, json_object_get (schema, "items"));
        fprintf (out, "array");
        s_write_range (out, schema, "minItems", "maxItems", strcmp (text_of (items, "type"), "object")? "value": "object");
    }
    else
        fprintf (out, "%s", type);
}

//  ------------------------------------------------------------------------------------------------
//  Fields, one row each; those of an object inside follow it as "outer.inner", of an array as "outer[].inner"

static void
s_write_field (FILE *out, const file_t *file, const char *name, json_t *schema, const char *presence);

static void
s_write_fields (FILE *out, const file_t *file, const char *prefix, json_t *schema)
{
    const char *name;
    json_t *property, *entry;
    size_t at;
    json_object_foreach (json_object_get (schema, "properties"), name, property) {
        bool required = false;
        json_array_foreach (json_object_get (schema, "required"), at, entry)
            required = required || strcmp (json_string_value (entry), name) == 0;
        char full [NAME_MAX_BYTES];
        snprintf (full, sizeof (full), "%s%s", prefix, name);
        s_write_field (out, file, full, property, required? "": "optional");
    }
}

static void
s_write_field (FILE *out, const file_t *file, const char *name, json_t *schema, const char *presence)
{
    const char *meaning = text_of (schema, "description");
    schema = resolve (file, schema);
    if (!meaning)
        meaning = text_of (schema, "description");
    fprintf (out, "| `%s` | %s | ", name, presence);
    s_write_type (out, file, schema);
    fprintf (out, " | %s |\n", meaning? meaning: "");

    char below [NAME_MAX_BYTES + 4];
    if (strcmp (text_of (schema, "type"), "object") == 0) {
        snprintf (below, sizeof (below), "%s.", name);
        s_write_fields (out, file, below, schema);
    }
    else
    if (strcmp (text_of (schema, "type"), "array") == 0) {
        json_t *items = json_object_get (schema, "items"), *resolved = resolve (file, items);
        bool object = strcmp (text_of (resolved, "type"), "object") == 0;
        snprintf (below, sizeof (below), "%s[]%s", name, object? ".": "");
        if (object)
            s_write_fields (out, file, below, resolved);
        else
            s_write_field (out, file, below, items, "");
    }
}

static void
s_write_body (FILE *out, const file_t *file, const char *name, const char *title)
{
    json_t *schema = resolve (file, json_object_get (file->root, name));
    if (json_object_size (json_object_get (schema, "properties")) == 0) {
        fprintf (out, "%s: `{}`\n\n", title);
        return;
    }
    fprintf (out, "%s:\n\n| field | | type | meaning |\n|---|---|---|---|\n", title);
    s_write_fields (out, file, "", schema);
    fputc ('\n', out);
}

//  ------------------------------------------------------------------------------------------------
//  Sections

static const char *
s_who (const char *needs)
{
    static const struct { const char *needs, *who; } rows [] = {
        { "nothing",    "anyone, without a token" },
        { "user",       "a user who is logged in, or an application with a token of theirs" },
        { "session",    "a user who is logged in; no application's token" },
        { "admin",      "an administrator" },
        { "actor",      "an actor of the cluster" },
        { "known",      "a user, an application with a token of theirs, or an actor" },
        { "capability", "whoever has a capability (no token)" },
    };
    size_t at = 0;
    while (strcmp (rows [at].needs, needs))
        at++;
    return rows [at].who;
}

static void
s_write_command (FILE *out, const file_t *file)
{
    const char *frames = text_of (file->root, "x-frames");
    json_t *errors = json_object_get (file->root, "x-errors"), *error;
    size_t at;
    fprintf (out, "### %s %s\n\n%s\n\n", file->service, file->name, text_of (file->root, "description"));
    fprintf (out, "Who may call: %s.\n\n", s_who (text_of (file->root, "x-needs")));
    if (text_of (file->root, "x-http"))
        fprintf (out, "Over HTTP: `%s`.\n\n", text_of (file->root, "x-http"));
    s_write_body (out, file, "request", "Request");
    s_write_body (out, file, "reply", "Reply");
    if (frames)
        fprintf (out, "Binary frames: %s.\n\n", frames);
    if (json_array_size (errors) > 0) {
        fprintf (out, "Errors: ");
        json_array_foreach (errors, at, error)
            fprintf (out, "%s`%s`", at? ", ": "", json_string_value (error));
        fprintf (out, ".\n\n");
    }
}

static void
s_write_sections (FILE *out, const contract_t *contract)
{
    for (size_t at = 0; at < contract->count; at++) {
        const file_t *file = &contract->files [at];
        bool first = at == 0 || strcmp (contract->files [at - 1].service, file->service);
        if (file->kind == COMMAND) {
            if (first)
                fprintf (out, "## Service %s\n\n", file->service);
            s_write_command (out, file);
        }
    }
    fprintf (out, "## Bodies of events\n\n");
    for (size_t at = 0; at < contract->count; at++) {
        const file_t *file = &contract->files [at];
        if (file->kind == EVENT) {
            fprintf (out, "### %s\n\n%s\n\n", file->name, text_of (file->root, "description"));
            s_write_body (out, file, "event", "Body");
        }
    }
}

//  Links as GitHub and others name headings: lower case, spaces to dashes.
static void
s_write_contents (FILE *out, const contract_t *contract)
{
    fprintf (out, "| service | commands |\n|---|---|\n");
    for (size_t at = 0; at < contract->count; at++) {
        const file_t *file = &contract->files [at];
        bool first = at == 0 || strcmp (contract->files [at - 1].service, file->service);
        bool last = at + 1 == contract->count || strcmp (contract->files [at + 1].service, file->service);
        if (file->kind == ENVELOPE || file->kind == HTTP)
            continue;
        if (first)
            fprintf (out, "| %s |", file->service);
        fprintf (out, " [%s](#", file->name);
        if (file->kind == COMMAND)
            fprintf (out, "%s-", file->service);
        for (const char *letter = file->name; *letter; letter++)
            fputc (*letter >= 'A' && *letter <= 'Z'? *letter - 'A' + 'a': *letter, out);
        fprintf (out, ")%s", last? " |\n": "");
    }
}

void
write_document (FILE *out, const contract_t *contract)
{
    const char *filename = "introduction.md";       //  The generator runs in schemas/
    FILE *introduction = fopen (filename, "r");
    if (!introduction) {
        perror (filename);
        exit (1);
    }
    char line [4096];
    while (fgets (line, sizeof (line), introduction)) {
        if (strcmp (line, "<!-- errors -->\n") == 0)
            s_write_errors (out);
        else
        if (strcmp (line, "<!-- contents -->\n") == 0)
            s_write_contents (out, contract);
        else
            fputs (line, out);
    }
    fclose (introduction);
    fputc ('\n', out);
    s_write_sections (out, contract);
}
