//  What auth remembers: users, their sessions, and the sessions that were ended early. In auth.db.
//
//  Changes gather in one transaction; each is whole or not there at all. fst_users_commit makes them
//  durable, and only then may anybody be told. One thread only. Times are wall milliseconds.

#ifndef FST_USERS_H_INCLUDED
#define FST_USERS_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>
#include "fst_error.h"
#include "fst_token.h"

#define FST_USERS_HASH_BYTES        128     //  A password hash as text, with its NUL
#define FST_USERS_SESSIONS_MAX      1000    //  Of one user; one more ends the one that would end first
#define FST_USERS_LIST_MAX          4096    //  Of fst_users_revoked

#define FST_USERS_TOKENS_MAX        100     //  For applications, of one user

typedef struct fst_users fst_users_t;

typedef struct {
    int64_t id;
    char name [FST_USER_BYTES_MAX + 1];
    fst_role_t role;
    char hash [FST_USERS_HASH_BYTES];
    int64_t changes;                        //  How often the password was changed
} fst_user_t;

//  A session that was ended, and when its last token expires.
typedef struct {
    uint8_t session [FST_SESSION_BYTES];
    int64_t expires_ms;
} fst_ended_t;
typedef void (fst_ended_fn) (void *arg, const fst_ended_t *ended);

//  FST_CORRUPT, FST_IO, FST_NO_SPACE, FST_BUSY; *problem_p is a sentence (caller frees).
fst_rc_t FST_CHECKED
fst_users_open (const char *filename, fst_users_t **self_p, char **problem_p);

//  What was not committed is lost.
void
fst_users_destroy (fst_users_t **self_p);

//  Make all changes since the last commit durable; FST_OK at once if there are none. Then ended is called
//  for each session that they ended. On failure none of them happened.
fst_rc_t FST_CHECKED
fst_users_commit (fst_users_t *self, fst_ended_fn *ended, void *arg);

//  The disk failed: nothing works any more, the process should end.
bool
fst_users_dead (const fst_users_t *self);

//  FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_users_find (fst_users_t *self, const char *name, fst_user_t *user);

//  Create a user; the very first is the admin. request is the id of the asking request.
//      FST_EXISTS
fst_rc_t FST_CHECKED
fst_users_add (fst_users_t *self, const char *name, const char *hash, const char *request, int64_t now_ms,
               fst_role_t *role_p);

//  Whether this request created the user, or set the password: then its repetition gets the same answer.
bool
fst_users_created_by (fst_users_t *self, const char *name, const char *request, int64_t now_ms);
bool
fst_users_changed_by (fst_users_t *self, const char *name, const char *request, int64_t now_ms);

//  Set another password and end all sessions of the user but keep.
//      FST_CHANGED  the password was changed since user was read
fst_rc_t FST_CHECKED
fst_users_change_password (fst_users_t *self, const fst_user_t *user, const char *hash,
                           const uint8_t keep [FST_SESSION_BYTES], const char *request, int64_t now_ms);

//  Begin a session. rehash (or NULL) replaces the hash of the same password.
//      FST_CHANGED  the password was changed since user was read
fst_rc_t FST_CHECKED
fst_users_begin_session (fst_users_t *self, const fst_user_t *user, const char *rehash,
                         const uint8_t session [FST_SESSION_BYTES], int64_t now_ms, int64_t expires_ms);

//  Call each for users by name, those after `after` (NULL: from the first), at most limit.
typedef struct {
    char name [FST_USER_BYTES_MAX + 1];
    fst_role_t role;
    char hash [FST_USERS_HASH_BYTES];
    int64_t created_ms, changed_ms;
} fst_user_row_t;
typedef void (fst_user_row_fn) (void *arg, const fst_user_row_t *row);
fst_rc_t FST_CHECKED
fst_users_list (fst_users_t *self, const char *after, size_t limit, fst_user_row_fn *each, void *arg);

//  Make these all the users there are, in the place of the only one, whose sessions end. FST_OK too if they are all
//  the users already.
//      FST_NOT_EMPTY   there are others beside the one that asks
//      FST_EXISTS      a name comes twice
fst_rc_t FST_CHECKED
fst_users_replace (fst_users_t *self, const char *asking, const fst_user_row_t *rows, size_t count, int64_t now_ms);

//  FST_EXPIRED if there is no such session at now_ms. renew also moves its end, and gives its user.
fst_rc_t FST_CHECKED
fst_users_check_session (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t now_ms);
fst_rc_t FST_CHECKED
fst_users_renew_session (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t now_ms,
                         int64_t expires_ms, fst_user_t *user);

//  End a session; FST_OK if it has ended already.
fst_rc_t FST_CHECKED
fst_users_end_session (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t now_ms);

//  Call each for the sessions of a user, without tokens for applications, the one that was used last first.
typedef struct {
    uint8_t session [FST_SESSION_BYTES];
    int64_t begun_ms, used_ms;              //  Used: begun or renewed last
    int64_t expires_ms;
} fst_session_t;
typedef void (fst_session_fn) (void *arg, const fst_session_t *session);
fst_rc_t FST_CHECKED
fst_users_sessions (fst_users_t *self, const char *name, int64_t now_ms, fst_session_fn *each, void *arg);

//  ---- Tokens for applications: sessions with a name, and scopes

typedef struct {
    uint8_t session [FST_SESSION_BYTES];
    char name [FST_USER_BYTES_MAX + 1];
    char scopes [FST_SCOPES_BYTES_MAX];
    int64_t created_ms, expires_ms;
} fst_app_token_t;

//  Make one; if there is one with this session already (the request came twice), it is given.
//      FST_EXISTS   the name is taken      FST_TOO_MANY      FST_NOT_FOUND   no such user
fst_rc_t FST_CHECKED
fst_users_add_token (fst_users_t *self, const char *user, fst_app_token_t *token);

//  Call each for those of a user, by name.
typedef void (fst_app_token_fn) (void *arg, const fst_app_token_t *token);
fst_rc_t FST_CHECKED
fst_users_tokens (fst_users_t *self, const char *user, int64_t now_ms, fst_app_token_fn *each, void *arg);

//  FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_users_end_token (fst_users_t *self, const char *user, const char *name, int64_t now_ms);

//  End a session of this user; FST_OK if it was ended already, FST_NOT_FOUND if he has no such one.
fst_rc_t FST_CHECKED
fst_users_end_own_session (fst_users_t *self, const char *name, const uint8_t session [FST_SESSION_BYTES], int64_t now_ms);

//  End a session whoever has it, known here (a person's) or not (an actor's), whose token is good until expires_ms.
fst_rc_t FST_CHECKED
fst_users_revoke (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t expires_ms);

//  Call each for sessions that were ended and whose tokens have not expired at now_ms, in the order of
//  their ids, those after `after` (NULL: from the first), at most FST_USERS_LIST_MAX.
fst_rc_t FST_CHECKED
fst_users_revoked (fst_users_t *self, const uint8_t *after, int64_t now_ms, fst_ended_fn *each, void *arg);

//  FST_EXPIRED if the session was ended.
fst_rc_t FST_CHECKED
fst_users_check_revoked (fst_users_t *self, const uint8_t session [FST_SESSION_BYTES]);

//  Whether there is no account at all; costs nothing that grows with their number.
fst_rc_t FST_CHECKED
fst_users_none (fst_users_t *self, bool *none_p);

fst_rc_t FST_CHECKED
fst_users_count (fst_users_t *self, int64_t now_ms, int64_t *users_p, int64_t *sessions_p);

//  Forget sessions and endings that are over at now_ms.
fst_rc_t FST_CHECKED
fst_users_purge (fst_users_t *self, int64_t now_ms);

#endif
