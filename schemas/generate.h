//  The build-time generator: schemas in, C tables, the protocol document or the OpenAPI document out.

#ifndef GENERATE_H_INCLUDED
#define GENERATE_H_INCLUDED

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define FILES_MAX  1024
#define DEPTH_MAX  16                   //  Also what a schema that refers to itself runs into

typedef enum { COMMAND, EVENT, ENVELOPE, HTTP } kind_t;

typedef struct {
    const char *filename;               //  "metadata/STAT.json"
    char *service;                      //  "metadata"; "events", "envelope" and "http" are no services
    char *name;                         //  "STAT"
    kind_t kind;
    json_t *root;
} file_t;

typedef struct {
    file_t files [FILES_MAX];           //  Sorted by file name
    size_t count;
    const char *set;                    //  Name of an actor's own set
} contract_t;

//  Say what is wrong and where, and end the program.
void
refuse (const file_t *file, const char *where, const char *format, ...)
    __attribute__ ((noreturn, format (printf, 3, 4)));

//  The text of a property that is known to be a string; NULL if it is not there.
const char *
text_of (const json_t *object, const char *name);

//  Whether objects of this schema must have the property.
bool
is_required (const json_t *schema, const char *name);

//  The schema itself, or what its $ref points to.
json_t *
resolve (const file_t *file, json_t *schema);

//  Refuse what is not in the closed subset. Everything below works on checked files only.
void
check_file (const file_t *file);

void
write_tables (FILE *out, const contract_t *contract);

//  The same for an actor's own schemas, to be added to those of the library: const fst_schema_set_t NAME_schemas.
void
write_set (FILE *out, const contract_t *contract);

void
write_openapi (FILE *out, const contract_t *contract);

void
write_document (FILE *out, const contract_t *contract);

#endif
