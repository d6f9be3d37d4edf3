//  Argon2id beside the actor's loop.

#include "fst_password.h"
#include "fst_pool.h"
#include "fst_sodium.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fst_password {
    fst_pool_t *pool;
    size_t memory_bytes;
    unsigned passes;
    char nobody [crypto_pwhash_STRBYTES];   //  Looks like a hash with today's settings; no password has it
    atomic_bool stopping;
};

typedef struct {
    const fst_password_t *self;
    char *password;                         //  To compare with against, or to hash
    char *fresh;                            //  To hash once password is right; or NULL
    char against [crypto_pwhash_STRBYTES];  //  "" = do not compare
    char hash [crypto_pwhash_STRBYTES];     //  "" = none was made
    fst_rc_t rc;
    fst_password_fn *done;
    void *arg;
} s_job_t;

//  A made-up hash costs the start nothing, and a comparison with it costs what every other does.
static void
s_make_nobody (fst_password_t *self)
{
    uint8_t salt [16], digest [32];
    char salt_text [32], digest_text [64];
    randombytes_buf (salt, sizeof (salt));
    randombytes_buf (digest, sizeof (digest));
    sodium_bin2base64 (salt_text, sizeof (salt_text), salt, sizeof (salt), sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    sodium_bin2base64 (digest_text, sizeof (digest_text), digest, sizeof (digest),
                       sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    snprintf (self->nobody, sizeof (self->nobody), "$argon2id$v=19$m=%zu,t=%u,p=1$%.22s$%.43s", self->memory_bytes / 1024,
              self->passes, salt_text, digest_text);
    assert (crypto_pwhash_str_needs_rehash (self->nobody, self->passes, self->memory_bytes) == 0);
}

fst_password_t *
fst_password_new (unsigned threads, size_t jobs_max, size_t memory_bytes, unsigned passes)
{
    assert (memory_bytes >= crypto_pwhash_MEMLIMIT_MIN);
    assert (passes >= crypto_pwhash_OPSLIMIT_MIN);
    fst_password_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->memory_bytes = memory_bytes;
    self->passes = passes;
    s_make_nobody (self);
    self->pool = fst_pool_new ("password", threads, jobs_max);
    return self;
}

void
fst_password_destroy (fst_password_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        atomic_store (&(*self_p)->stopping, true);
        fst_pool_destroy (&(*self_p)->pool);
        free (*self_p);
        *self_p = NULL;
    }
}

//  Set job->hash to a hash of password.
static fst_rc_t
s_hash (s_job_t *job, const char *password)
{
    const fst_password_t *self = job->self;
    if (crypto_pwhash_str (job->hash, password, strlen (password), self->passes, self->memory_bytes) == 0)
        return FST_OK;
    job->hash [0] = 0;
    return FST_BUSY;                        //  The only way it fails is that memory ran out
}

//  libsodium does not tell a wrong password from a lack of memory here; the safe reading of both is "wrong".
static fst_rc_t
s_compare (const s_job_t *job)
{
    int rc = crypto_pwhash_str_verify (job->against, job->password, strlen (job->password));
    return rc == 0? FST_OK: FST_WRONG_PASSWORD;
}

//  On a worker.
static void
s_run (void *arg)
{
    s_job_t *job = arg;
    const fst_password_t *self = job->self;
    if (atomic_load (&self->stopping)) {
        job->rc = FST_UNAVAILABLE;
        return;
    }
    bool compare = job->against [0] != 0;
    job->rc = compare? s_compare (job): FST_OK;
    if (job->rc != FST_OK)
        return;
    if (job->fresh)
        job->rc = s_hash (job, job->fresh);
    else
    if (!compare)
        job->rc = s_hash (job, job->password);
    else
    if (crypto_pwhash_str_needs_rehash (job->against, self->passes, self->memory_bytes) != 0
    &&  s_hash (job, job->password) != FST_OK)
        job->hash [0] = 0;                  //  The old hash does for this time
}

static void
s_wipe (char **text_p)
{
    if (*text_p) {
        sodium_memzero (*text_p, strlen (*text_p));
        free (*text_p);
        *text_p = NULL;
    }
}

static void
s_job_destroy (s_job_t **job_p)
{
    s_wipe (&(*job_p)->password);
    s_wipe (&(*job_p)->fresh);
    free (*job_p);
    *job_p = NULL;
}

static void
s_done (void *arg)
{
    s_job_t *job = arg;
    job->done (job->arg, job->rc, job->rc == FST_OK && job->hash [0]? job->hash: NULL);
    s_job_destroy (&job);
}

static fst_rc_t
s_submit (fst_password_t *self, const char *password, const char *against, const char *fresh,
          fst_password_fn *done, void *arg)
{
    assert (self);
    assert (password);
    assert (done);
    s_job_t *job = calloc (1, sizeof (*job));
    assert (job);
    *job = (s_job_t) { .self = self, .done = done, .arg = arg };
    snprintf (job->against, sizeof (job->against), "%s", against);
    job->password = strdup (password);
    assert (job->password);
    if (fresh) {
        job->fresh = strdup (fresh);
        assert (job->fresh);
    }
    fst_rc_t rc = fst_pool_submit (self->pool, s_run, s_done, job);
    if (rc != FST_OK)
        s_job_destroy (&job);
    return rc;
}

fst_rc_t
fst_password_hash (fst_password_t *self, const char *password, fst_password_fn *done, void *arg)
{
    return s_submit (self, password, "", NULL, done, arg);
}

fst_rc_t
fst_password_check (fst_password_t *self, const char *password, const char *hash, fst_password_fn *done, void *arg)
{
    return s_submit (self, password, hash? hash: self->nobody, NULL, done, arg);
}

fst_rc_t
fst_password_change (fst_password_t *self, const char *old, const char *hash, const char *fresh,
                     fst_password_fn *done, void *arg)
{
    assert (fresh);
    return s_submit (self, old, hash? hash: self->nobody, fresh, done, arg);
}

int
fst_password_fd (const fst_password_t *self)
{
    assert (self);
    return fst_pool_fd (self->pool);
}

size_t
fst_password_collect (fst_password_t *self)
{
    assert (self);
    return fst_pool_collect (self->pool);
}
