//  The contract at run time: messages checked against schemas/, which a build-time generator turned
//  into the tables behind fst_schema_find. What a handler sees has passed fst_schema_check.
//
//  The closed subset (schemas/README.md): type, required, properties, additionalProperties (false),
//  enum, const, minimum, maximum, minLength, maxLength (code points), items, minItems, maxItems, local
//  $ref, and x-format. The generator fails the build on any other keyword. 1.0 is no integer here.

#ifndef FST_SCHEMA_H_INCLUDED
#define FST_SCHEMA_H_INCLUDED

#include <jansson.h>
#include <stddef.h>
#include "fst_error.h"

typedef struct fst_schema fst_schema_t;         //  One node of a schema; static, never freed

//  All that is known of a command; static.
typedef struct {
    const char *service;        //  "metadata"; "storage" for every storage.<node>
    const char *command;        //  "GET_FILE_INFO"
    const fst_schema_t *request;
    const fst_schema_t *reply;
    const char *http;           //  "GET /api/v1/entry": where the bridge offers it; NULL: nowhere of its own
    const char *text;           //  All of it as JSON, as DESCRIBE tells it
} fst_schema_command_t;

//  An actor's own schemas, as `fst-schemas --set NAME FILE SCHEMA...` writes them: NAME_schemas.
typedef struct fst_schema_set fst_schema_set_t;

//  From now on they are found too; ours first. For as long as the process lives; doing it again changes nothing.
//  At most FST_SCHEMA_SETS_MAX. Any thread.
#define FST_SCHEMA_SETS_MAX 16
void
fst_schema_add (const fst_schema_set_t *set);

//  NULL if there is none. service may be "storage.node-1": the part before the dot counts. What every service has
//  (schemas/every) is found for each.
const fst_schema_command_t *
fst_schema_find (const char *service, const char *command);

//  Schema of an event's body, by topic; the part before the dot counts ("heartbeat.node-1"). NULL if none.
const fst_schema_t *
fst_schema_event (const char *topic);

//  Envelopes, schemas/envelope/REQUEST.json and REPLY.json.
const fst_schema_t *
fst_schema_envelope_request (void);
const fst_schema_t *
fst_schema_envelope_reply (void);

//  Check a value. On FST_MALFORMED, where (if not NULL) gets a text like
//  "payload.files[3].size: must be at least 0", cut at size - 1.
fst_rc_t FST_CHECKED
fst_schema_check (const fst_schema_t *self, const json_t *value, char *where, size_t size);

#endif
