//  Passwords, hashed with Argon2id (RFC 9106, libsodium) in worker threads, so that a login stalls nobody
//  else. At most `threads` at once, at most jobs_max under way; copies of passwords are wiped after use.
//
//  Belongs to one thread (the actor's), on which the results arrive when fst_password_collect is called.

#ifndef FST_PASSWORD_H_INCLUDED
#define FST_PASSWORD_H_INCLUDED

#include <stddef.h>
#include "fst_error.h"

typedef struct fst_password fst_password_t;

//  A result:
//      FST_OK              hash is the one to keep from now on, or NULL if the old one is to stay
//      FST_WRONG_PASSWORD
//      FST_BUSY            there was not enough memory for a new hash
//      FST_UNAVAILABLE     destroyed before it was this one's turn
typedef void (fst_password_fn) (void *arg, fst_rc_t rc, const char *hash);

fst_password_t *
fst_password_new (unsigned threads, size_t jobs_max, size_t memory_bytes, unsigned passes);

//  Finishes what is being hashed, gives up what waits; all results arrive before it returns.
void
fst_password_destroy (fst_password_t **self_p);

//  The three take what they are given by copy. FST_BUSY if jobs_max are under way; then done is not called.

//  Hash a new password.
fst_rc_t FST_CHECKED
fst_password_hash (fst_password_t *self, const char *password, fst_password_fn *done, void *arg);

//  Compare with a hash. NULL is the hash of nobody: it takes as long and never matches. A hash made with
//  other settings than today's is made anew when the password is right.
fst_rc_t FST_CHECKED
fst_password_check (fst_password_t *self, const char *password, const char *hash, fst_password_fn *done, void *arg);

//  Compare old with its hash, and hash fresh if it is right.
fst_rc_t FST_CHECKED
fst_password_change (fst_password_t *self, const char *old, const char *hash, const char *fresh,
                     fst_password_fn *done, void *arg);

//  As of the pool: poll, then collect.
int
fst_password_fd (const fst_password_t *self);
size_t
fst_password_collect (fst_password_t *self);

#endif
