//  Whose tokens an actor trusts: those with auth's signature (the last ones seen are remembered, for a check
//  costs 50 us), unless their session was revoked. Belongs to one thread.

#ifndef FST_TRUST_H_INCLUDED
#define FST_TRUST_H_INCLUDED

#include "fst_token.h"

typedef struct fst_trust fst_trust_t;

//  sign_public is copied.
fst_trust_t *
fst_trust_new (const uint8_t sign_public [FST_SIGN_PUBLIC_BYTES]);

void
fst_trust_destroy (fst_trust_t **self_p);

//      FST_UNAUTHENTICATED  there is no token (NULL), or it is not auth's
//      FST_EXPIRED          too old, or revoked
fst_rc_t FST_CHECKED
fst_trust_check (fst_trust_t *self, const char *token, int64_t wall_ms, fst_claims_t *claims);

//  Whether a session was ended early.
bool
fst_trust_is_revoked (const fst_trust_t *self, const uint8_t session [FST_SESSION_BYTES]);

//  Trust this session no longer. Remembered until expires_ms (wall time; 0 = for ever).
void
fst_trust_revoke (fst_trust_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t expires_ms, int64_t wall_ms);

#endif
