//  Queries to payloads.

#include "fst_query.h"
#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_schema_table.h"

static const fst_schema_t *
s_find (const fst_schema_t *object, const char *name)
{
    for (size_t at = 0; at < object->properties_count; at++)
        if (strcmp (object->properties [at].name, name) == 0)
            return object->properties [at].schema;
    return NULL;
}

static json_t *
s_integer (const char *text)
{
    size_t digits = strspn (text + (*text == '-'), "0123456789");
    if (digits < 1 || digits > 18 || text [digits + (*text == '-')])
        return NULL;
    return json_integer (strtoll (text, NULL, 10));
}

static json_t *
s_boolean (const char *text)
{
    if (!*text || strcmp (text, "true") == 0 || strcmp (text, "1") == 0)
        return json_true ();
    return strcmp (text, "false") == 0 || strcmp (text, "0") == 0? json_false (): NULL;
}

//  NULL if the text is none of that type.
static json_t *
s_value (const fst_schema_t *schema, const char *text)
{
    switch (schema->type) {
        case FST_SCHEMA_STRING:     return json_string (text);
        case FST_SCHEMA_INTEGER:    return s_integer (text);
        case FST_SCHEMA_BOOLEAN:    return s_boolean (text);
        default:                    return NULL;
    }
}

static fst_rc_t
s_add (json_t *payload, const fst_schema_t *object, const char *name, const char *text, char *where, size_t size)
{
    const fst_schema_t *schema = s_find (object, name);
    if (!schema) {
        snprintf (where, size, "there is no field %.64s here", name);
        return FST_MALFORMED;
    }
    json_t *there = json_object_get (payload, name);
    bool array = schema->type == FST_SCHEMA_ARRAY;
    if (there && !array) {
        snprintf (where, size, "%.64s is there twice", name);
        return FST_MALFORMED;
    }
    json_t *value = s_value (array? schema->items: schema, text);
    if (!value) {
        snprintf (where, size, "%.64s is not of its type", name);
        return FST_MALFORMED;
    }
    if (!array)
        json_object_set_new (payload, name, value);
    else {
        if (!there) {
            there = json_array ();
            json_object_set_new (payload, name, there);
        }
        json_array_append_new (there, value);
    }
    return FST_OK;
}

fst_rc_t
fst_query_payload (const fst_http_query_t *query, const fst_schema_t *schema, json_t **payload_p, char *where, size_t size)
{
    assert (query && schema && payload_p && where);
    assert (schema->type == FST_SCHEMA_OBJECT);
    json_t *payload = json_object ();
    fst_rc_t rc = FST_OK;
    for (size_t at = 0; rc == FST_OK && at < query->count; at++)
        rc = s_add (payload, schema, query->names [at], query->values [at], where, size);
    if (rc == FST_OK)
        *payload_p = payload;
    else
        json_decref (payload);
    return rc;
}
