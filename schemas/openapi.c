//  docs/openapi.json: what the bridge offers over HTTP. Commands with x-http become operations by themselves; what is no
//  command (files, uploads, events, sessions) is described in http/*.json, as OpenAPI says it, and taken over.

#include "generate.h"
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "fst_error.h"

static json_t *
s_pack (json_t *value)
{
    assert (value);
    return value;
}

//  The HTTP status of an error's code.
static int
s_status (const char *code)
{
#define ROW(name, http, exit_code, text) { #name, http },
    static const struct { const char *name; int http; } errors [] = { FST_ERRORS (ROW) };
#undef ROW
    size_t at = 0;
    while (strcasecmp (errors [at].name, code))
        at++;
    return errors [at].http;
}

//  The schema as it stands there, with what $ref points to in the place of each $ref.
static json_t *
s_inline (const file_t *file, json_t *schema)
{
    json_t *result = json_object (), *target = resolve (file, schema), *value, *inner;
    const char *key, *name;
    json_object_foreach (target, key, value) {
        if (strcmp (key, "items") == 0)
            json_object_set_new (result, key, s_inline (file, value));
        else
        if (strcmp (key, "properties") == 0) {
            json_t *properties = json_object ();
            json_object_foreach (value, name, inner)
                json_object_set_new (properties, name, s_inline (file, inner));
            json_object_set_new (result, key, properties);
        }
        else
            json_object_set_new (result, key, json_deep_copy (value));
    }
    const char *description = text_of (schema, "description");
    if (description)
        json_object_set_new (result, "description", json_string (description));
    return result;
}

static json_t *
s_parameters (const file_t *file)
{
    json_t *request = resolve (file, json_object_get (file->root, "request")), *property, *parameters = json_array ();
    const char *name;
    json_object_foreach (json_object_get (request, "properties"), name, property) {
        json_t *schema = s_inline (file, property);
        json_t *parameter = s_pack (json_pack ("{s:s, s:s, s:b}", "name", name, "in", "query", "required",
                                               is_required (request, name)));
        const char *description = text_of (schema, "description");
        if (description)
            json_object_set_new (parameter, "description", json_string (description));
        json_object_del (schema, "description");
        json_object_set_new (parameter, "schema", schema);
        json_array_append_new (parameters, parameter);
    }
    return parameters;
}

static json_t *
s_json_content (json_t *schema)
{
    return s_pack (json_pack ("{s:{s:o}}", "application/json", "schema", schema));
}

//  Errors of one command by their status: {"404": {"description": "not_found", ..}}.
static void
s_add_errors (const file_t *file, json_t *responses)
{
    json_t *errors = json_object_get (file->root, "x-errors"), *error;
    size_t at;
    json_array_foreach (errors, at, error) {
        char status [8], text [300];
        snprintf (status, sizeof (status), "%d", s_status (json_string_value (error)));
        const char *there = text_of (json_object_get (responses, status), "description");
        snprintf (text, sizeof (text), "%s%s%s", there? there: "", there? ", ": "", json_string_value (error));
        json_object_set_new (responses, status, s_pack (json_pack ("{s:s, s:o}", "description", text, "content",
            s_json_content (json_pack ("{s:s}", "$ref", "#/components/schemas/Error")))));
    }
    json_object_set_new (responses, "default", json_pack ("{s:s}", "$ref", "#/components/responses/Error"));
}

static json_t *
s_operation (const file_t *file, bool query)
{
    char id [200];
    snprintf (id, sizeof (id), "%s_%s", file->service, file->name);
    json_t *responses = s_pack (json_pack ("{s:{s:s, s:o}}", "200", "description", "Done", "content",
                                           s_json_content (s_inline (file, json_object_get (file->root, "reply")))));
    s_add_errors (file, responses);
    json_t *operation = s_pack (json_pack ("{s:s, s:[s], s:s}", "operationId", id, "tags", file->service, "summary",
                                           text_of (file->root, "description")));
    if (query)
        json_object_set_new (operation, "parameters", s_parameters (file));
    else
        json_object_set_new (operation, "requestBody", s_pack (json_pack ("{s:b, s:o}", "required", true, "content",
                             s_json_content (s_inline (file, json_object_get (file->root, "request"))))));
    json_object_set_new (operation, "responses", responses);
    return operation;
}

//  Where an operation goes: {"/api/v1/entry": {"get": operation}}.
static void
s_put (const file_t *file, json_t *paths, const char *path, const char *method, json_t *operation)
{
    json_t *item = json_object_get (paths, path);
    if (!item) {
        item = json_object ();
        json_object_set_new (paths, path, item);
    }
    if (json_object_get (item, method))
        refuse (file, path, "%s is described twice", method);
    json_object_set_new (item, method, operation);
}

static void
s_add_command (const file_t *file, json_t *paths)
{
    const char *http = text_of (file->root, "x-http");
    if (file->kind != COMMAND || !http)
        return;
    const char *path = strchr (http, ' ') + 1;
    char method [8] = "";
    for (size_t at = 0; http [at] != ' ' && at < sizeof (method) - 1; at++)
        method [at] = (char) tolower ((unsigned char) http [at]);
    bool query = strcmp (method, "get") == 0 || strcmp (method, "delete") == 0;
    s_put (file, paths, path, method, s_operation (file, query));
}

static void
s_add_described (const file_t *file, json_t *paths)
{
    json_t *item, *operation;
    const char *path, *method;
    if (file->kind != HTTP)
        return;
    json_object_foreach (json_object_get (file->root, "paths"), path, item)
        json_object_foreach (item, method, operation)
            s_put (file, paths, path, method, json_deep_copy (operation));
}

static int
s_compare (const void *one, const void *two)
{
    return strcmp (*(const char *const *) one, *(const char *const *) two);
}

//  Addresses in their order, so that a new one changes one place of the document.
static json_t *
s_sorted (json_t *paths)
{
    size_t count = 0;
    const char **names = calloc (json_object_size (paths) + 1, sizeof (char *)), *name;
    json_t *item, *sorted = json_object ();
    assert (names);
    json_object_foreach (paths, name, item)
        names [count++] = name;
    qsort (names, count, sizeof (char *), s_compare);
    for (size_t at = 0; at < count; at++)
        json_object_set (sorted, names [at], json_object_get (paths, names [at]));
    free (names);
    json_decref (paths);
    return sorted;
}

static json_t *
s_components (void)
{
    json_t *codes = json_array ();
#define CODE(name, http, exit_code, text) if (http != 200) json_array_append_new (codes, json_string (#name));
    FST_ERRORS (CODE)
#undef CODE
    size_t at;
    json_t *code;
    json_array_foreach (codes, at, code) {
        char lower [64];
        snprintf (lower, sizeof (lower), "%s", json_string_value (code));
        for (char *letter = lower; *letter; letter++)
            *letter = (char) tolower ((unsigned char) *letter);
        json_string_set (code, lower);
    }
    json_t *error = s_pack (json_pack ("{s:s, s:[s,s], s:{s:{s:s, s:o}, s:{s:s, s:s}}}", "type", "object", "required", "code",
        "message", "properties", "code", "type", "string", "enum", codes, "message", "type", "string",
        "description", "A sentence for people: what happened, what to do"));
    json_t *cookie = s_pack (json_pack ("{s:s, s:s, s:s, s:s}", "type", "apiKey", "in", "cookie", "name", "filestore",
        "description", "Set by POST /api/v1/session. What changes something must then say X-Filestore: 1, or come from the page "
        "itself (Origin or Sec-Fetch-Site)."));
    json_t *bearer = s_pack (json_pack ("{s:s, s:s, s:s}", "type", "http", "scheme", "bearer", "description",
        "The token of POST /api/v1/session with token: true."));
    return s_pack (json_pack ("{s:{s:o}, s:{s:{s:s, s:o}}, s:{s:o, s:o}}", "schemas", "Error", error, "responses", "Error",
        "description", "What went wrong", "content", s_json_content (json_pack ("{s:s}", "$ref", "#/components/schemas/Error")),
        "securitySchemes", "cookie", cookie, "bearer", bearer));
}

void
write_openapi (FILE *out, const contract_t *contract)
{
    json_t *paths = json_object ();
    for (size_t at = 0; at < contract->count; at++) {
        s_add_command (&contract->files [at], paths);
        s_add_described (&contract->files [at], paths);
    }
    json_t *root = s_pack (json_pack ("{s:s, s:{s:s, s:s, s:s}, s:[{s:s}], s:[{s:[]}, {s:[]}], s:o, s:o}", "openapi", "3.1.0",
        "info", "title", "Filestore", "version", FST_VERSION, "description",
        "What the bridge offers over HTTP. Times are in milliseconds since 1970, sizes in octets; paths in the store begin with / or "
        "at the caller's home. Errors are {code, message}. Written by schemas/generate from schemas/; do not change it by hand.",
        "servers", "url", "/", "security", "cookie", "bearer", "paths", s_sorted (paths), "components", s_components ()));
    json_dumpf (root, out, JSON_INDENT (2));
    fputc ('\n', out);
    json_decref (root);
}
