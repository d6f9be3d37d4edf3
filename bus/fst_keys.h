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

//  Read one key file. FST_NOT_FOUND, FST_MALFORMED, FST_IO; FST_DENIED if others may read the file.
fst_rc_t FST_CHECKED
fst_keys_load (const char *filename, fst_keys_t **keys_p, char **problem_p);

//  Wipes the secrets.
void
fst_keys_destroy (fst_keys_t **keys_p);

//  Call each for every entry of a file of enrolled actors. FST_NOT_FOUND, FST_MALFORMED, FST_IO; FST_DENIED if
//  others may write the file. Nothing is called unless the whole file is good.
fst_rc_t FST_CHECKED
fst_enrolled_load (const char *filename, void (*each) (void *arg, const char *public_key, const char *role),
                   void *arg, char **problem_p);

#endif
