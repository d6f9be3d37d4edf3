//  The closed subset: what is not named here is refused, so that nothing in a schema goes unenforced.

#include "generate.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "fst_schema_table.h"

#define WHERE_MAX 512

static bool
s_is_in (const char *text, const char *const *list)
{
    while (*list && strcmp (*list, text))
        list++;
    return *list != NULL;
}

//  Every key of object is in the list.
static void
s_check_keys (const file_t *file, const char *where, const json_t *object, const char *const *known)
{
    for (void *iter = json_object_iter ((json_t *) object); iter; iter = json_object_iter_next ((json_t *) object, iter))
        if (!s_is_in (json_object_iter_key (iter), known))
            refuse (file, where, "keyword \"%s\" is not enforced, so it is not allowed here",
                    json_object_iter_key (iter));
}

//  Text that is printed as it is, in C and in the document.
static const char *
s_check_text (const file_t *file, const char *where, const json_t *object, const char *name, bool needed)
{
    const json_t *value = json_object_get (object, name);
    if (!value && !needed)
        return NULL;
    const char *text = json_string_value (value);
    if (!text || !*text || strpbrk (text, "\r\n\t"))
        refuse (file, where, "%s must be a line of text", name);
    return text;
}

static void
s_check_letters (const file_t *file, const char *where, const char *text, const char *letters)
{
    if (!*text || strspn (text, letters) != strlen (text) || isdigit ((unsigned char) *text))
        refuse (file, where, "\"%s\" must be of %s, and begin with a letter", text, letters);
}

//  A keyword whose value is a whole number.
static json_int_t
s_check_number (const file_t *file, const char *where, const json_t *schema, const char *name, const char *hint)
{
    const json_t *value = json_object_get (schema, name);
    if (!json_is_integer (value))
        refuse (file, where, "%s must be a whole number%s", name, hint);
    return json_integer_value (value);
}

//  Everything has a bound; a count is never negative.
static void
s_check_range (const file_t *file, const char *where, const json_t *schema, const char *least, const char *most,
               bool counts)
{
    json_int_t min = json_object_get (schema, least) || !counts
                   ? s_check_number (file, where, schema, least, " (everything has a bound)"): 0;
    json_int_t max = s_check_number (file, where, schema, most, " (everything has a bound)");
    if (min > max || (counts && min < 0))
        refuse (file, where, "%s and %s allow nothing", least, most);
}

static void
s_check_schema (const file_t *file, const char *where, json_t *schema, int depth);

static void
s_check_object (const file_t *file, const char *where, json_t *schema, int depth)
{
    static const char *const known [] = { "type", "description", "required", "properties", "additionalProperties", NULL };
    s_check_keys (file, where, schema, known);
    json_t *properties = json_object_get (schema, "properties");
    json_t *required = json_object_get (schema, "required");
    bool inner = file->kind == ENVELOPE || strcmp (file->service, "every") == 0;
    if (inner && depth > 1 && !properties && !required && !json_object_get (schema, "additionalProperties"))
        return;                         //  A payload, which has a schema of its own, or a schema itself
    if (!json_is_object (properties) || !json_is_array (required))
        refuse (file, where, "an object must have properties and required");
    if (!json_is_false (json_object_get (schema, "additionalProperties")))
        refuse (file, where, "additionalProperties must be false");
    if (json_object_size (properties) > FST_SCHEMA_PROPERTIES_MAX)
        refuse (file, where, "more than %d properties", FST_SCHEMA_PROPERTIES_MAX);

    const char *name;
    json_t *property, *entry;
    size_t at, before;
    json_object_foreach (properties, name, property) {
        char below [WHERE_MAX];
        snprintf (below, sizeof (below), "%s.%s", where, name);
        s_check_letters (file, below, name, "abcdefghijklmnopqrstuvwxyz0123456789_");
        s_check_schema (file, below, property, depth + 1);
    }
    json_array_foreach (required, at, entry) {
        const char *text = json_string_value (entry);
        if (!text || !json_object_get (properties, text))
            refuse (file, where, "required names \"%s\", which is no property", text? text: "something");
        for (before = 0; before < at; before++)
            if (json_equal (json_array_get (required, before), entry))
                refuse (file, where, "required names \"%s\" twice", text);
    }
}

static void
s_check_array (const file_t *file, const char *where, json_t *schema, int depth)
{
    static const char *const known [] = { "type", "description", "items", "minItems", "maxItems", NULL };
    s_check_keys (file, where, schema, known);
    s_check_range (file, where, schema, "minItems", "maxItems", true);
    char below [WHERE_MAX];
    snprintf (below, sizeof (below), "%s[]", where);
    s_check_schema (file, below, json_object_get (schema, "items"), depth + 1);
}

static void
s_check_value (const file_t *file, const char *where, const json_t *value)
{
    const char *text = json_string_value (value);
    if (!text)
        refuse (file, where, "enum and const of a string must be strings");
    for (; *text; text++)
        if (!isalnum ((unsigned char) *text) && !strchr ("_-.:", *text))
            refuse (file, where, "enum and const are of letters, digits and _ - . :");
}

static void
s_check_string (const file_t *file, const char *where, json_t *schema)
{
    static const char *const with_values [] = { "type", "description", "enum", "const", NULL };
    static const char *const known [] = { "type", "description", "minLength", "maxLength", "x-format", NULL };
    static const char *const formats [] = { "path", "user", "node", "hex", "base64", NULL };
    json_t *values = json_object_get (schema, "enum"), *only = json_object_get (schema, "const"), *value;
    size_t at;
    if (values || only) {
        s_check_keys (file, where, schema, with_values);
        if ((values && only) || (values && json_array_size (values) == 0))
            refuse (file, where, "either const, or enum with at least one value");
        json_array_foreach (values, at, value)
            s_check_value (file, where, value);
        if (only)
            s_check_value (file, where, only);
        return;
    }
    s_check_keys (file, where, schema, known);
    s_check_range (file, where, schema, "minLength", "maxLength", true);
    if (json_object_get (schema, "x-format")) {
        const char *format = s_check_text (file, where, schema, "x-format", true);
        if (!s_is_in (format, formats))
            refuse (file, where, "x-format \"%s\" is not known; it is one of path, user, node, hex, base64", format);
    }
}

static void
s_check_integer (const file_t *file, const char *where, json_t *schema)
{
    static const char *const with_value [] = { "type", "description", "const", NULL };
    static const char *const known [] = { "type", "description", "minimum", "maximum", NULL };
    bool only = json_object_get (schema, "const") != NULL;
    s_check_keys (file, where, schema, only? with_value: known);
    if (only)
        s_check_number (file, where, schema, "const", "");
    else
        s_check_range (file, where, schema, "minimum", "maximum", false);
}

static void
s_check_schema (const file_t *file, const char *where, json_t *schema, int depth)
{
    static const char *const with_ref [] = { "$ref", "description", NULL };
    static const char *const plain [] = { "type", "description", NULL };
    if (!json_is_object (schema))
        refuse (file, where, "a schema must be an object");
    if (depth > DEPTH_MAX)
        refuse (file, where, "nested deeper than %d, or refers to itself", DEPTH_MAX);
    s_check_text (file, where, schema, "description", false);
    if (json_object_get (schema, "$ref")) {
        s_check_keys (file, where, schema, with_ref);
        s_check_schema (file, where, resolve (file, schema), depth + 1);
        return;
    }
    const char *type = s_check_text (file, where, schema, "type", true);
    if (strcmp (type, "object") == 0)
        s_check_object (file, where, schema, depth);
    else
    if (strcmp (type, "array") == 0)
        s_check_array (file, where, schema, depth);
    else
    if (strcmp (type, "string") == 0)
        s_check_string (file, where, schema);
    else
    if (strcmp (type, "integer") == 0)
        s_check_integer (file, where, schema);
    else
    if (strcmp (type, "boolean") == 0)
        s_check_keys (file, where, schema, plain);
    else
        refuse (file, where, "type \"%s\" is not one of object, array, string, integer, boolean", type);
}

//  ------------------------------------------------------------------------------------------------
//  Files

//  A body is an object.
static void
s_check_body (const file_t *file, const char *name)
{
    json_t *schema = json_object_get (file->root, name);
    if (!schema)
        refuse (file, "", "%s is missing", name);
    s_check_schema (file, name, schema, 1);
    if (strcmp (text_of (resolve (file, schema), "type"), "object"))
        refuse (file, name, "must be an object");
}

static bool
s_is_error (const char *code)
{
#define ROW(name, http, exit_code, text) #name,
    static const char *const errors [] = { FST_ERRORS (ROW) NULL };
#undef ROW
    size_t at = 1;                      //  OK is no error
    while (errors [at] && strcasecmp (errors [at], code))
        at++;
    return errors [at] && strspn (code, "abcdefghijklmnopqrstuvwxyz_") == strlen (code);
}

//  "GET /api/v1/entry". What GET and DELETE ask for stands in a query, which holds plain values and arrays of them.
static void
s_check_http (const file_t *file)
{
    static const char *const methods [] = { "GET", "DELETE", "POST", "PUT", NULL };
    const char *http = s_check_text (file, "", file->root, "x-http", false);
    if (!http)
        return;
    const char *path = strchr (http, ' ');
    char method [8];
    snprintf (method, sizeof (method), "%.*s", path? (int) (path - http): 0, http);
    if (!path || !s_is_in (method, methods) || strncmp (path, " /api/v1/", 9) || !path [9]
    || strspn (path + 9, "abcdefghijklmnopqrstuvwxyz/") != strlen (path + 9))
        refuse (file, "", "x-http must be GET, DELETE, POST or PUT and /api/v1/address, in lower case");
    if (strcmp (method, "GET") && strcmp (method, "DELETE"))
        return;
    json_t *properties = json_object_get (resolve (file, json_object_get (file->root, "request")), "properties"), *property;
    const char *name;
    json_object_foreach (properties, name, property) {
        json_t *schema = resolve (file, property);
        if (strcmp (text_of (schema, "type"), "array") == 0)
            schema = resolve (file, json_object_get (schema, "items"));
        if (strcmp (text_of (schema, "type"), "object") == 0 || strcmp (text_of (schema, "type"), "array") == 0)
            refuse (file, name, "cannot stand in a query: use POST or PUT in x-http");
    }
}

static void
s_check_command (const file_t *file)
{
    static const char *const known [] = { "title", "description", "x-needs", "x-frames", "x-errors", "x-http", "request", "reply",
                                          "$defs", NULL };
    static const char *const needs [] = { "nothing", "user", "session", "admin", "actor", "known", "capability", NULL };
    s_check_keys (file, "", file->root, known);
    s_check_letters (file, "the service", file->service, "abcdefghijklmnopqrstuvwxyz0123456789-");
    s_check_letters (file, "the command", file->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    s_check_text (file, "", file->root, "x-frames", false);
    const char *need = s_check_text (file, "", file->root, "x-needs", true);
    if (!s_is_in (need, needs))
        refuse (file, "", "x-needs \"%s\" is not one of nothing, user, session, admin, actor, known, capability", need);

    json_t *errors = json_object_get (file->root, "x-errors"), *error;
    size_t at;
    if (errors && !json_is_array (errors))
        refuse (file, "", "x-errors must be an array");
    json_array_foreach (errors, at, error)
        if (!json_is_string (error) || !s_is_error (json_string_value (error)))
            refuse (file, "", "x-errors [%zu] is not in the list of errors (bus/fst_error.h)", at);
    s_check_body (file, "request");
    s_check_body (file, "reply");
    s_check_http (file);
}

//  http/*.json: operations as OpenAPI describes them, for what is no command.
static void
s_check_paths (const file_t *file)
{
    static const char *const methods [] = { "get", "head", "put", "post", "patch", "delete", "options", NULL };
    json_t *paths = json_object_get (file->root, "paths"), *item, *operation;
    const char *path, *method;
    if (json_object_size (paths) == 0)
        refuse (file, "", "paths must be an object with addresses in it");
    json_object_foreach (paths, path, item)
        json_object_foreach (item, method, operation) {
            if (*path != '/' || !s_is_in (method, methods))
                refuse (file, path, "must be an address, and %s a method in lower case", method);
            s_check_text (file, path, operation, "operationId", true);
            s_check_text (file, path, operation, "summary", true);
            if (json_object_size (json_object_get (operation, "responses")) == 0)
                refuse (file, path, "%s must have responses", method);
        }
}

void
check_file (const file_t *file)
{
    static const char *const known [] = { "title", "description", "event", "$defs", NULL };
    if (!json_is_object (file->root))
        refuse (file, "", "must be an object");
    s_check_text (file, "", file->root, "description", true);
    const char *title = s_check_text (file, "", file->root, "title", true);
    char expected [WHERE_MAX];
    snprintf (expected, sizeof (expected), "%s%s%s", file->kind == COMMAND? file->service: "",
              file->kind == COMMAND? " ": "", file->name);
    if (strcasecmp (title, expected))
        refuse (file, "", "the title must be \"%s\"", expected);

    if (file->kind == COMMAND)
        s_check_command (file);
    else
    if (file->kind == HTTP) {
        static const char *const described [] = { "title", "description", "paths", NULL };
        s_check_keys (file, "", file->root, described);
        s_check_paths (file);
    }
    else {
        s_check_keys (file, "", file->root, known);
        s_check_body (file, "event");
    }
    json_t *defs = json_object_get (file->root, "$defs"), *def;
    const char *name;
    if (defs && !json_is_object (defs))
        refuse (file, "", "$defs must be an object");
    json_object_foreach (defs, name, def) {
        char where [WHERE_MAX];
        snprintf (where, sizeof (where), "$defs.%s", name);
        s_check_schema (file, where, def, 1);
    }
}
