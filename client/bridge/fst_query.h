//  A query as a payload: `path=/users/a&limit=10&types=file&types=node` becomes JSON of the types that the schema of the
//  request says. Pure.

#ifndef FST_QUERY_H_INCLUDED
#define FST_QUERY_H_INCLUDED

#include <jansson.h>
#include "fst_error.h"
#include "fst_http_check.h"
#include "fst_schema.h"

//  *payload_p is only of the right types; fst_schema_check (or the service) says whether its values are good. An array is
//  what stands there repeatedly; booleans are true or false (also 1 and 0; nothing means true).
//      FST_MALFORMED   an unknown field, one twice, or one that no query can hold; where says which
fst_rc_t FST_CHECKED
fst_query_payload (const fst_http_query_t *query, const fst_schema_t *schema, json_t **payload_p, char *where, size_t size);

#endif
