//  Key files: one ZPL file for each actor with all it may know and nothing more, mode 0600 in a folder of
//  mode 0700. This is also what "enrolling" an actor hands over.
//
//      broker.key     actor token, sign-public, curve pair
//      auth.key       actor token, signing pair, curve pair
//      metadata.key   actor token, sign-public, cluster-key, data-key, curve pair
//      node-1.key     actor token, sign-public, node-key, curve pair
//      bridge.key     actor token, sign-public, curve pair
//      client.key     server-key (the broker's public curve key)
//      enrolled.zpl   curve public key -> role, for the broker's gate
//
//  cluster-key lies apart from metadata.db, so a stolen database opens nothing.

#ifndef FST_KEYS_H_INCLUDED
#define FST_KEYS_H_INCLUDED

#include <stdbool.h>
#include "fst_error.h"
#include "fst_proof.h"
#include "fst_token.h"

#define FST_CURVE_TEXT_BYTES 40     //  Z85 (ZeroMQ RFC 32)

//  What one actor knows. Absent values are zeros or ""; has_* says which secrets are there.
typedef struct {
    char name [FST_USER_BYTES_MAX * 2 + 1];     //  Role: "broker", "auth", "metadata", "storage:node-1"
    char *token;                                //  Its actor token, or NULL; owned
    uint8_t sign_public [FST_SIGN_PUBLIC_BYTES];
    uint8_t sign_secret [FST_SIGN_SECRET_BYTES];
    uint8_t cluster_key [FST_KEY_BYTES];
    uint8_t data_key [FST_KEY_BYTES];
    uint8_t node_key [FST_KEY_BYTES];
    char curve_public [FST_CURVE_TEXT_BYTES + 1];
    char curve_secret [FST_CURVE_TEXT_BYTES + 1];
    char server_key [FST_CURVE_TEXT_BYTES + 1]; //  The broker's public key
    bool has_sign_secret, has_cluster_key, has_data_key, has_node_key;
} fst_keys_t;

//  Make the keys of a new cluster in folder (created, 0700): broker, auth, metadata, client, and nodes
//  node-1 to node-N. Files that are there already are kept, and only what is missing is made, so it is
//  safe to call at each start.
//  broker.key, auth.key and metadata.key are never made anew for a cluster that had them: put them back.
//      FST_IO, FST_NO_SPACE, FST_MALFORMED (a damaged or lost key file; *problem_p says which; caller frees)
fst_rc_t FST_CHECKED
fst_keys_create (const char *folder, int nodes, char **problem_p);

//  Let one actor more in, whom broker.key, auth.key and enrolled.zpl in folder are for, and give its keys. The keys of
//  the store's own roles (storage:NODE, metadata, auth, bridge) stay in the folder and are the same each time. Those of
//  actor:NAME are made anew each time, with a token of these scopes (fst_scopes.h), and kept nowhere; what it had before
//  does not get in any more, but its old token is good until it is revoked.
//      FST_NOT_FOUND, FST_MALFORMED, FST_IO, FST_NO_SPACE
typedef struct {
    const char *role;
    const char *rights;             //  "offers:SERVICE publishes:TOPIC ..."; "" for the usual ones (fst_roles.h)
    const char *scopes;
} fst_enrolment_t;
fst_rc_t FST_CHECKED
fst_keys_enrol (const char *folder, const fst_enrolment_t *what, fst_keys_t **keys_p, char **problem_p);

//  The session of its token, in hex, or "" if that is not known. FST_NOT_FOUND: it is not enrolled.
fst_rc_t FST_CHECKED
fst_keys_enrolled_session (const char *folder, const char *role, char session [2 * FST_SESSION_BYTES + 1], char **problem_p);

//  Let it in no more. FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_keys_unenrol (const char *folder, const char *role, char **problem_p);

//  Write a key file into a folder of mode 0700, made if it is not there.
fst_rc_t FST_CHECKED
fst_keys_store (const char *folder, const char *file, const fst_keys_t *keys, char **problem_p);

//  Read one key file. FST_NOT_FOUND, FST_MALFORMED, FST_IO; FST_DENIED if others may read the file.
fst_rc_t FST_CHECKED
fst_keys_load (const char *filename, fst_keys_t **keys_p, char **problem_p);

//  Wipes the secrets.
void
fst_keys_destroy (fst_keys_t **keys_p);

//  Call each for every entry of a file of enrolled actors; user_id is the role, with its rights behind if it has some of
//  its own (fst_roles.h). FST_NOT_FOUND, FST_MALFORMED, FST_IO; FST_DENIED if
//  others may write the file. Nothing is called unless the whole file is good.
fst_rc_t FST_CHECKED
fst_enrolled_load (const char *filename, void (*each) (void *arg, const char *public_key, const char *user_id),
                   void *arg, char **problem_p);

#endif
