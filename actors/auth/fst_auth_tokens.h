//  Tokens for applications: CREATE_TOKEN, LIST_TOKENS and END_TOKEN of schemas/auth. fst_auth replies once what was done
//  is durable.

#ifndef FST_AUTH_TOKENS_H_INCLUDED
#define FST_AUTH_TOKENS_H_INCLUDED

#include "fst_actor.h"
#include "fst_users.h"

//  Make a token, signed with auth's secret. Where the refusal has a sentence of its own the request is failed here, and
//  *request_p is NULL. *reply_p is set on success.
fst_rc_t FST_CHECKED
fst_auth_tokens_create (fst_users_t *users, const uint8_t secret [FST_SIGN_SECRET_BYTES], fst_request_t **request_p,
                        json_t **reply_p);

//  *reply_p is set in any case.
fst_rc_t FST_CHECKED
fst_auth_tokens_list (fst_users_t *users, fst_request_t *request, json_t **reply_p);

fst_rc_t FST_CHECKED
fst_auth_tokens_end (fst_users_t *users, fst_request_t *request);

#endif
