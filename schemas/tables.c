//  The C tables of bus/fst_schema_table.h. Schemas never refer to themselves, so each is written after
//  those inside it, and one that is referred to is written wherever it is used.

#include "generate.h"
#include <stdlib.h>
#include <string.h>

static int s_last;                      //  Number of the schema that was written last

static int
s_write_schema (FILE *out, const file_t *file, json_t *schema, const char *root);

static json_int_t
s_number (const json_t *schema, const char *name)
{
    return json_integer_value (json_object_get (schema, name));
}

static void
s_write_range (FILE *out, const json_t *schema, const char *least, const char *most)
{
    fprintf (out, ", .min = %" JSON_INTEGER_FORMAT ", .max = %" JSON_INTEGER_FORMAT, s_number (schema, least),
             s_number (schema, most));
}

static int
s_compare_names (const void *one, const void *two)
{
    return strcmp (*(const char *const *) one, *(const char *const *) two);
}

static int
s_write_object (FILE *out, const file_t *file, json_t *schema, const char *root)
{
    json_t *properties = json_object_get (schema, "properties"), *property;
    size_t count = json_object_size (properties), at = 0;
    const char **names = calloc (count + 1, sizeof (char *)), *name;
    int *numbers = calloc (count + 1, sizeof (int));
    if (!names || !numbers)
        abort ();
    json_object_foreach (properties, name, property)
        names [at++] = name;
    qsort (names, count, sizeof (char *), s_compare_names);

    unsigned long long required = 0;
    for (at = 0; at < count; at++) {
        numbers [at] = s_write_schema (out, file, json_object_get (properties, names [at]), NULL);
        required |= (unsigned long long) is_required (schema, names [at]) << at;
    }
    int self = ++s_last;
    if (properties) {
        fprintf (out, "static const fst_schema_property_t s_%d_properties [] = {", self);
        for (at = 0; at < count; at++)
            fprintf (out, " { \"%s\", &s_%d },", names [at], numbers [at]);
        fprintf (out, " { NULL, NULL } };\n");
    }
    fprintf (out, "static const fst_schema_t s_%d = { .type = FST_SCHEMA_OBJECT", self);
    if (properties)
        fprintf (out, ", .properties = s_%d_properties, .properties_count = %zu, .required = 0x%llx", self, count, required);
    if (root)
        fprintf (out, ", .root = \"%s\"", root);
    fprintf (out, " };\n");
    free (names);
    free (numbers);
    return self;
}

static int
s_write_array (FILE *out, const file_t *file, json_t *schema)
{
    int items = s_write_schema (out, file, json_object_get (schema, "items"), NULL);
    int self = ++s_last;
    fprintf (out, "static const fst_schema_t s_%d = { .type = FST_SCHEMA_ARRAY, .items = &s_%d", self, items);
    s_write_range (out, schema, "minItems", "maxItems");
    fprintf (out, " };\n");
    return self;
}

static int
s_write_string (FILE *out, json_t *schema)
{
    static const struct { const char *name, *symbol; } formats [] = {
        { "path", "PATH" }, { "user", "USER" }, { "node", "NODE" }, { "hex", "HEX" }, { "base64", "BASE64" } };
    json_t *values = json_object_get (schema, "enum"), *value;
    const char *only = text_of (schema, "const"), *format = text_of (schema, "x-format");
    size_t at;
    int self = ++s_last;
    if (values || only) {
        fprintf (out, "static const char *const s_%d_values [] = {", self);
        json_array_foreach (values, at, value)
            fprintf (out, " \"%s\",", json_string_value (value));
        if (only)
            fprintf (out, " \"%s\",", only);
        fprintf (out, " NULL };\n");
        fprintf (out, "static const fst_schema_t s_%d = { .type = FST_SCHEMA_STRING, .values = s_%d_values };\n", self, self);
        return self;
    }
    fprintf (out, "static const fst_schema_t s_%d = { .type = FST_SCHEMA_STRING", self);
    s_write_range (out, schema, "minLength", "maxLength");
    for (at = 0; format && at < sizeof (formats) / sizeof (formats [0]); at++)
        if (strcmp (format, formats [at].name) == 0)
            fprintf (out, ", .format = FST_FORMAT_%s", formats [at].symbol);
    fprintf (out, " };\n");
    return self;
}

static int
s_write_integer (FILE *out, json_t *schema)
{
    bool only = json_object_get (schema, "const") != NULL;
    int self = ++s_last;
    fprintf (out, "static const fst_schema_t s_%d = { .type = FST_SCHEMA_INTEGER", self);
    s_write_range (out, schema, only? "const": "minimum", only? "const": "maximum");
    fprintf (out, " };\n");
    return self;
}

//  Write a schema after what it is made of. Returns its number.
static int
s_write_schema (FILE *out, const file_t *file, json_t *schema, const char *root)
{
    schema = resolve (file, schema);
    const char *type = text_of (schema, "type");
    if (strcmp (type, "object") == 0)
        return s_write_object (out, file, schema, root);
    if (strcmp (type, "array") == 0)
        return s_write_array (out, file, schema);
    if (strcmp (type, "string") == 0)
        return s_write_string (out, schema);
    if (strcmp (type, "integer") == 0)
        return s_write_integer (out, schema);
    fprintf (out, "static const fst_schema_t s_%d = { .type = FST_SCHEMA_BOOLEAN };\n", ++s_last);
    return s_last;
}

//  A schema on its own: what it refers to stands in its place.
static json_t *
s_expand (const file_t *file, json_t *schema)
{
    json_t *whole = json_copy (resolve (file, schema)), *meaning = json_object_get (schema, "description");
    if (meaning)
        json_object_set (whole, "description", meaning);
    json_t *items = json_object_get (whole, "items"), *properties = json_object_get (whole, "properties"), *property;
    if (items)
        json_object_set_new (whole, "items", s_expand (file, items));
    if (properties) {
        const char *name;
        json_t *expanded = json_object ();
        json_object_foreach (properties, name, property)
            json_object_set_new (expanded, name, s_expand (file, property));
        json_object_set_new (whole, "properties", expanded);
    }
    return whole;
}

//  A command as DESCRIBE tells it, as a C string.
static void
s_write_text (FILE *out, const file_t *file)
{
    static const struct { const char *keyword, *name; } rows [] = {
        { "description", "description" }, { "x-needs", "needs" }, { "x-frames", "frames" }, { "x-errors", "errors" },
        { "x-http", "http" } };
    json_t *command = json_pack ("{s:s}", "command", file->name);
    for (size_t at = 0; at < sizeof (rows) / sizeof (rows [0]); at++)
        if (json_object_get (file->root, rows [at].keyword))
            json_object_set (command, rows [at].name, json_object_get (file->root, rows [at].keyword));
    json_object_set_new (command, "request", s_expand (file, json_object_get (file->root, "request")));
    json_object_set_new (command, "reply", s_expand (file, json_object_get (file->root, "reply")));
    char *text = json_dumps (command, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (!text)
        abort ();
    fputc ('"', out);
    for (const char *at = text; *at; at++)
        fprintf (out, "%s%c", *at == '"' || *at == '\\'? "\\": "", *at);
    fputc ('"', out);
    free (text);
    json_decref (command);
}

static void
s_write_bodies (FILE *out, const contract_t *contract, kind_t kind, const char *table, const int *numbers)
{
    size_t count = 0;
    fprintf (out, "\n%sconst fst_schema_body_t %s [] = {\n", contract->set? "static ": "", table);
    for (size_t at = 0; at < contract->count; at++)
        if (contract->files [at].kind == kind) {
            fprintf (out, "    { \"%s\", &s_%d },\n", contract->files [at].name, numbers [at]);
            count++;
        }
    fprintf (out, "    { NULL, NULL }\n};\n%sconst size_t %s_count = %zu;\n", contract->set? "static ": "", table, count);
}

static void
s_write_commands (FILE *out, const contract_t *contract, const char *table, const int *requests, const int *replies)
{
    size_t count = 0;
    fprintf (out, "\n%sconst fst_schema_command_t %s [] = {\n", contract->set? "static ": "", table);
    for (size_t at = 0; at < contract->count; at++) {
        const file_t *file = &contract->files [at];
        if (file->kind == COMMAND) {
            const char *http = text_of (file->root, "x-http");
            fprintf (out, "    { \"%s\", \"%s\", &s_%d, &s_%d, %s%s%s,\n      ", file->service, file->name,
                     requests [at], replies [at], http? "\"": "", http? http: "NULL", http? "\"": "");
            s_write_text (out, file);
            fprintf (out, " },\n");
            count++;
        }
    }
    fprintf (out, "    { NULL, NULL, NULL, NULL, NULL, NULL }\n};\n%sconst size_t %s_count = %zu;\n",
             contract->set? "static ": "", table, count);
}

//  All schemas, and the tables of them with names that begin so.
static void
s_write_all (FILE *out, const contract_t *contract, const char *commands, const char *events, const char *envelopes)
{
    static int bodies [FILES_MAX], replies [FILES_MAX];
    fprintf (out, "//  Written by the generator from schemas/*/*.json. Change those.\n\n"
                  "#include \"fst_schema_table.h\"\n");
    for (size_t at = 0; at < contract->count; at++) {
        const file_t *file = &contract->files [at];
        bool command = file->kind == COMMAND;
        if (file->kind == HTTP)
            continue;
        fprintf (out, "\n//  %s\n", file->filename);
        bodies [at] = s_write_schema (out, file, json_object_get (file->root, command? "request": "event"),
                                      command? "payload": file->kind == EVENT? "event": "envelope");
        if (command)
            replies [at] = s_write_schema (out, file, json_object_get (file->root, "reply"), "payload");
    }
    s_write_commands (out, contract, commands, bodies, replies);
    s_write_bodies (out, contract, EVENT, events, bodies);
    if (envelopes)
        s_write_bodies (out, contract, ENVELOPE, envelopes, bodies);
}

void
write_tables (FILE *out, const contract_t *contract)
{
    s_write_all (out, contract, "fst_schema_commands", "fst_schema_events", "fst_schema_envelopes");
}

void
write_set (FILE *out, const contract_t *contract)
{
    s_write_all (out, contract, "s_commands", "s_events", NULL);
    fprintf (out, "\nextern const fst_schema_set_t %s_schemas;\nconst fst_schema_set_t %s_schemas = {\n"
                  "    s_commands, s_commands_count, s_events, s_events_count\n};\n", contract->set, contract->set);
}
