//  The bundle: all that an actor needs to join a cluster, in one line: base64url of a JSON object.
//
//      v 1, name, role, token, broker, events_in, events_out (endpoints), sign_public (hex)
//      server_key, public_key, secret_key     CURVE, Z85; with tcp:// endpoints only
//      node_key, cluster_key, data_key, sign_secret     hex; for roles of the store itself that need them
//
//  Whoever has it is that actor: it is as secret as a key file.

#ifndef FST_BUNDLE_H_INCLUDED
#define FST_BUNDLE_H_INCLUDED

#include "fst_error.h"
#include "fst_keys.h"

#define FST_BUNDLE_CHARS_MAX 16384

typedef struct {
    char *broker, *events_in, *events_out;
    fst_keys_t *keys;                   //  Name is the role
} fst_bundle_t;

//  The line, without its end. Caller wipes and frees.
char *
fst_bundle_encode (const fst_bundle_t *self);

//  FST_MALFORMED. Clear it in every case.
fst_rc_t FST_CHECKED
fst_bundle_decode (const char *line, fst_bundle_t *self, char **problem_p);

void
fst_bundle_clear (fst_bundle_t *self);

//  "node-2" of "storage:node-2"; a role without a name is its own. Borrowed from role.
const char *
fst_bundle_name (const char *role);

#endif
