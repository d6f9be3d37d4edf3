//  The auth actor's inside: what its files share. Not for others.

#ifndef FST_AUTH_SELF_H_INCLUDED
#define FST_AUTH_SELF_H_INCLUDED

#include "fst_auth.h"
#include "fst_backup.h"
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_password.h"
#include "fst_roster.h"
#include "fst_sodium.h"
#include "fst_throttle.h"
#include "fst_users.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FST_AUTH_LANES  16

//  A reply that waits for the commit.
typedef struct {
    fst_request_t *request;
    json_t *payload;
} fst_held_t;

struct fst_auth {
    fst_actor_t *handle;                //  For whoever made us
    fst_actor_t *actor;                 //  The same, for the actor's own thread
    const fst_keys_t *keys;             //  Borrowed
    char *filename, *backup_folder;
    int64_t session_ms, password_min;
    int64_t hash_threads, hash_memory, hash_passes;
    fst_throttle_t *throttle;
    //  From start to stop
    fst_users_t *users;
    fst_password_t *password;
    fst_backup_t *backup;
    fst_roster_t *roster;               //  Users of an import, as far as they came
    fst_held_t held [FST_AUTH_LANES];
    size_t held_count;
};

//  Answer with payload (taken) once what was done is durable; or refuse at once.
void
fst_auth_reply (fst_auth_t *self, fst_request_t **request_p, fst_rc_t rc, json_t *payload);

//  Commit, tell of sessions that ended, and send the replies that wait for it. arg is the fst_auth_t.
void
fst_auth_flush (void *arg);

//  A text of the request that its schema demands. Borrowed.
const char *
fst_auth_text (fst_request_t *request, const char *field);

//  A token of the user's session; caller frees.
char *
fst_auth_sign (const fst_auth_t *self, const fst_user_t *user, const uint8_t *session, int64_t expires_ms);

//  The password of an attempt was hashed. arg is the fst_auth_t.
void
fst_auth_hashed (void *arg);

//  Handlers of commands; arg is the fst_auth_t.
void
fst_auth_register (void *arg, fst_request_t **request_p);
void
fst_auth_login (void *arg, fst_request_t **request_p);
void
fst_auth_change_password (void *arg, fst_request_t **request_p);
void
fst_auth_logout (void *arg, fst_request_t **request_p);
void
fst_auth_renew (void *arg, fst_request_t **request_p);
void
fst_auth_list_sessions (void *arg, fst_request_t **request_p);
void
fst_auth_end_session (void *arg, fst_request_t **request_p);
void
fst_auth_revoke (void *arg, fst_request_t **request_p);
void
fst_auth_verify (void *arg, fst_request_t **request_p);
void
fst_auth_list_revoked (void *arg, fst_request_t **request_p);
void
fst_auth_create_token (void *arg, fst_request_t **request_p);
void
fst_auth_list_tokens (void *arg, fst_request_t **request_p);
void
fst_auth_end_token (void *arg, fst_request_t **request_p);
void
fst_auth_export (void *arg, fst_request_t **request_p);
void
fst_auth_import (void *arg, fst_request_t **request_p);

#endif
