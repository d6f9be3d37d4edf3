//  The auth actor: users and sessions. Service "auth" (schemas/auth/), state in auth.db.
//
//  Passwords: Argon2id (RFC 9106, libsodium) in worker threads with a bounded count. Tokens: fst_token.
//  The first user to register becomes the admin. Attempts are limited per account.

#ifndef FST_AUTH_H_INCLUDED
#define FST_AUTH_H_INCLUDED

#include "fst_actor.h"

typedef struct fst_auth fst_auth_t;

//  bus gives broker, events and keys (with sign_secret); service and lanes are the actor's own.
//  Uses options: auth-database, session-time, hash-threads, hash-memory, hash-passes, login-attempts, login-wait,
//  password-min.
fst_rc_t FST_CHECKED
fst_auth_new (const fst_config_t *config, const fst_actor_options_t *bus, fst_auth_t **self_p, char **problem_p);

void
fst_auth_destroy (fst_auth_t **self_p);

#endif
