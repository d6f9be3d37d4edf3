//  Session tokens: who somebody is, signed by auth (Ed25519), checked by everyone without a round trip.
//
//  A token is base64url of: version 1 or 2 (1 octet), role (1), session (16), expiry in wall milliseconds
//  (8, big-endian; 0 = never, for actors), length of name (1), name; with version 2 the scopes (fst_scopes.h), their
//  octets (2, big-endian) before them; signature (64) over all before it.
//  Actors carry one too ("storage:node-1", role actor), made when they are enrolled.
//  Revocation is not in here: whoever must know keeps the list that auth publishes.

#ifndef FST_TOKEN_H_INCLUDED
#define FST_TOKEN_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_error.h"
#include "fst_scopes.h"
#include "fst_text.h"

#define FST_SESSION_BYTES      16
#define FST_SIGN_PUBLIC_BYTES  32
#define FST_SIGN_SECRET_BYTES  64
#define FST_TOKEN_CHARS_MAX    1700     //  As text

typedef enum { FST_ROLE_USER = 1, FST_ROLE_ADMIN = 2, FST_ROLE_ACTOR = 3 } fst_role_t;

typedef struct {
    char name [FST_USER_BYTES_MAX * 2 + 1];     //  "alice", or "storage:node-1" for an actor
    fst_role_t role;
    uint8_t session [FST_SESSION_BYTES];
    int64_t expires_ms;                         //  Wall time; 0 = never
    bool scoped;                                //  Version 2: good for these only. A person's is an application's token
    char scopes [FST_SCOPES_BYTES_MAX];
} fst_claims_t;

//  "user", "admin", "actor". Static.
const char *
fst_role_text (fst_role_t role);

//  Sign claims. Caller frees.
char *
fst_token_sign (const fst_claims_t *claims, const uint8_t secret [FST_SIGN_SECRET_BYTES]);

//  Check a token and give its claims.
//      FST_UNAUTHENTICATED  it does not parse or the signature is not auth's
//      FST_EXPIRED          it was good until claims->expires_ms (claims are set in this case too)
fst_rc_t FST_CHECKED
fst_token_verify (const char *token, const uint8_t sign_public [FST_SIGN_PUBLIC_BYTES], int64_t wall_ms,
                  fst_claims_t *claims);

#endif
