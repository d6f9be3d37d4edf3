//  generate --tables FILE | --document FILE | --openapi FILE | --set NAME FILE  SCHEMA...
//
//  Reads the schemas, refuses what is outside the closed subset (README.md), and writes FILE. Installed as
//  fst-schemas, with which an actor makes the tables of its own schemas (--set).

#include "generate.h"
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static contract_t s_contract;

void
refuse (const file_t *file, const char *where, const char *format, ...)
{
    fprintf (stderr, "schemas/%s: %s%s", file->filename, where, *where? ": ": "");
    va_list args;
    va_start (args, format);
    vfprintf (stderr, format, args);
    va_end (args);
    fputc ('\n', stderr);
    exit (1);
}

const char *
text_of (const json_t *object, const char *name)
{
    return json_string_value (json_object_get (object, name));
}

bool
is_required (const json_t *schema, const char *name)
{
    size_t at;
    json_t *entry;
    json_array_foreach (json_object_get (schema, "required"), at, entry)
        if (strcmp (json_string_value (entry), name) == 0)
            return true;
    return false;
}

json_t *
resolve (const file_t *file, json_t *schema)
{
    const char *ref = text_of (schema, "$ref");
    if (!ref)
        return schema;
    const char *prefix = "#/$defs/";
    size_t bytes = strlen (prefix);
    json_t *target = strncmp (ref, prefix, bytes) == 0
                   ? json_object_get (json_object_get (file->root, "$defs"), ref + bytes): NULL;
    if (!target)
        refuse (file, ref, "there is no such $ref; it must be #/$defs/NAME in the same file");
    return target;
}

//  "metadata/STAT.json" from whatever folder it was named in.
static void
s_load (file_t *file, const char *filename)
{
    const char *slash = strrchr (filename, '/');
    while (slash && slash > filename && slash [-1] != '/')
        slash--;
    file->filename = slash? slash: filename;

    const char *name = strchr (file->filename, '/');
    size_t bytes = strlen (filename);
    if (!name || bytes < 6 || strcmp (filename + bytes - 5, ".json"))
        refuse (file, "", "a schema is FOLDER/NAME.json");
    file->service = strndup (file->filename, (size_t) (name - file->filename));
    file->name = strndup (name + 1, strlen (name + 1) - 5);
    assert (file->service && file->name);
    file->kind = strcmp (file->service, "events") == 0? EVENT: strcmp (file->service, "envelope") == 0? ENVELOPE:
                 strcmp (file->service, "http") == 0? HTTP: COMMAND;

    json_error_t error;
    file->root = json_load_file (filename, JSON_REJECT_DUPLICATES, &error);
    if (!file->root)
        refuse (file, "", "line %d: %s", error.line, error.text);
}

//  By service, then name, as a search for them compares; a '/' in the file name would sort otherwise.
static int
s_compare (const void *one, const void *two)
{
    const file_t *a = one, *b = two;
    int order = strcmp (a->service, b->service);
    return order? order: strcmp (a->name, b->name);
}

//  Two commands at one address would hide each other.
static void
s_check_addresses (void)
{
    for (size_t at = 0; at < s_contract.count; at++)
        for (size_t other = 0; other < at; other++) {
            const char *http = text_of (s_contract.files [at].root, "x-http");
            const char *same = text_of (s_contract.files [other].root, "x-http");
            if (http && same && strcmp (http, same) == 0)
                refuse (&s_contract.files [at], "", "x-http is that of %s too", s_contract.files [other].filename);
        }
}

static int
s_write (const char *filename, void (*writer) (FILE *, const contract_t *))
{
    FILE *out = fopen (filename, "w");
    if (out) {
        writer (out, &s_contract);
        bool failed = ferror (out);
        if (fclose (out) == 0 && !failed)
            return 0;
    }
    fprintf (stderr, "generate: cannot write %s: %s\n", filename, strerror (errno));
    return 1;
}

//  An actor adds commands and events; the rest is ours.
static void
s_check_set (void)
{
    for (size_t at = 0; at < s_contract.count; at++) {
        const file_t *file = &s_contract.files [at];
        if (file->kind != COMMAND && file->kind != EVENT)
            refuse (file, "", "an actor has commands and events only");
        if (json_object_get (file->root, "x-http"))
            refuse (file, "", "x-http would not be heeded: over HTTP an actor's command is POST /bus/%s/%s", file->service,
                    file->name);
    }
}

static bool
s_is_identifier (const char *text)
{
    return *text && !isdigit ((unsigned char) *text)
        && strspn (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen (text);
}

int
main (int argc, char *argv [])
{
    static const struct { const char *option; void (*writer) (FILE *, const contract_t *); int schemas; } modes [] = {
        { "--tables", write_tables, 3 }, { "--document", write_document, 3 }, { "--openapi", write_openapi, 3 },
        { "--set", write_set, 4 }, { NULL }
    };
    size_t mode = 0;
    while (modes [mode].option && (argc < 3 || strcmp (argv [1], modes [mode].option)))
        mode++;
    int first = modes [mode].schemas;
    bool set = first == 4;
    if (!modes [mode].option || argc < first || argc - first > FILES_MAX || (set && !s_is_identifier (argv [2]))) {
        fprintf (stderr, "usage: %s --tables FILE | --document FILE | --openapi FILE | --set NAME FILE  SCHEMA...\n",
                 argv [0]);
        return 2;
    }
    for (int arg = first; arg < argc; arg++)
        s_load (&s_contract.files [s_contract.count++], argv [arg]);
    qsort (s_contract.files, s_contract.count, sizeof (file_t), s_compare);
    for (size_t at = 0; at < s_contract.count; at++)
        check_file (&s_contract.files [at]);
    s_check_addresses ();
    if (set) {
        s_contract.set = argv [2];
        s_check_set ();
    }

    int rc = s_write (argv [first - 1], modes [mode].writer);
    for (size_t at = 0; at < s_contract.count; at++) {
        json_decref (s_contract.files [at].root);
        free (s_contract.files [at].service);
        free (s_contract.files [at].name);
    }
    return rc;
}
