//  Who asks: the cookie or the bearer token of a request, the rules against requests from other sites, renewal of
//  tokens, and the addresses for login, logout, accounts and passwords.
//
//  The cookie `filestore` holds the token: HttpOnly, SameSite=Strict, Secure over TLS. With the cookie a request
//  that changes something must say X-Filestore: 1, or come from this site by its Origin or Sec-Fetch-Site. When half
//  of a token's life is over, the next answer brings a new cookie.

#ifndef FST_SESSION_H_INCLUDED
#define FST_SESSION_H_INCLUDED

#include "fst_config.h"
#include "fst_http.h"

typedef struct fst_session fst_session_t;

//  Uses the option session-time.
fst_session_t *
fst_session_new (const fst_config_t *config, fst_actor_t *actor);

void
fst_session_destroy (fst_session_t **self_p);

//  For fst_http_options_t: self is a fst_session_t.
fst_rc_t
fst_session_admit (void *self, fst_http_request_t *request, const char **problem_p);

void
fst_session_add_routes (fst_session_t *self, fst_http_t *http);

//  Call logged_out when somebody ends the session of this token here.
void
fst_session_on_logout (fst_session_t *self, void (*logged_out) (void *arg, const char *token), void *arg);

//  The newest token that is known of a session (one that has been renewed meanwhile), or token itself. Borrowed until
//  the next call.
const char *
fst_session_newest (fst_session_t *self, const fst_claims_t *claims, const char *token);

//  Whether half of the life of a token that expires then is over.
bool
fst_session_is_half_over (const fst_session_t *self, int64_t expires_ms);

#endif
