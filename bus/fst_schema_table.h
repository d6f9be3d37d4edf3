//  What the generator (schemas/generate.c) writes and the walker (fst_schema.c) reads. Internal to both.

#ifndef FST_SCHEMA_TABLE_H_INCLUDED
#define FST_SCHEMA_TABLE_H_INCLUDED

#include <stdint.h>
#include "fst_schema.h"

#define FST_SCHEMA_PROPERTIES_MAX 64        //  They are bits of one word

typedef enum {
    FST_SCHEMA_OBJECT, FST_SCHEMA_ARRAY, FST_SCHEMA_STRING, FST_SCHEMA_INTEGER, FST_SCHEMA_BOOLEAN
} fst_schema_type_t;

typedef enum {
    FST_FORMAT_NONE, FST_FORMAT_PATH, FST_FORMAT_USER, FST_FORMAT_NODE, FST_FORMAT_HEX, FST_FORMAT_BASE64
} fst_schema_format_t;

typedef struct {
    const char *name;
    const fst_schema_t *schema;
} fst_schema_property_t;

struct fst_schema {
    fst_schema_type_t type;
    fst_schema_format_t format;             //  Of a string
    int64_t min, max;                       //  Value of an integer, characters of a string, entries of an array
    const char *const *values;              //  The strings that are allowed, ended by NULL; NULL = any
    const fst_schema_t *items;              //  Of an array
    const fst_schema_property_t *properties;        //  Of an object, sorted by name; NULL = any object
    size_t properties_count;
    uint64_t required;                      //  One bit for each property
    const char *root;                       //  What error texts call it; NULL unless it is a whole body
};

typedef struct {
    const char *name;
    const fst_schema_t *schema;
} fst_schema_body_t;

struct fst_schema_set {
    const fst_schema_command_t *commands;
    size_t commands_count;
    const fst_schema_body_t *events;
    size_t events_count;
};

//  Sorted, by service and command, or by name.
extern const fst_schema_command_t fst_schema_commands [];
extern const size_t fst_schema_commands_count;
extern const fst_schema_body_t fst_schema_events [];
extern const size_t fst_schema_events_count;
extern const fst_schema_body_t fst_schema_envelopes [];
extern const size_t fst_schema_envelopes_count;

#endif
