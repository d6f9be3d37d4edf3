//  Hashing: right and wrong are told apart, nobody's hash costs as much, settings move on, bounds hold.

#include "fst_password.h"
#include <criterion/criterion.h>
#include <poll.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#define MEMORY ((size_t) 65536)

typedef struct {
    int count;
    fst_rc_t rc;
    char hash [crypto_pwhash_STRBYTES];     //  "" for NULL
} s_result_t;

static void
s_done (void *arg, fst_rc_t rc, const char *hash)
{
    s_result_t *result = arg;
    result->count++;
    result->rc = rc;
    strcpy (result->hash, hash? hash: "");
}

static fst_password_t *
s_new (void)
{
    return fst_password_new (2, 4, MEMORY, 1);
}

static void
s_wait (fst_password_t *password, s_result_t *result)
{
    while (result->count == 0) {
        struct pollfd item = { .fd = fst_password_fd (password), .events = POLLIN };
        cr_assert_eq (poll (&item, 1, 20000), 1);
        fst_password_collect (password);
    }
}

static s_result_t
s_hash (fst_password_t *password, const char *text)
{
    s_result_t result = { 0 };
    cr_assert_eq (fst_password_hash (password, text, s_done, &result), FST_OK);
    s_wait (password, &result);
    return result;
}

static s_result_t
s_check (fst_password_t *password, const char *text, const char *hash)
{
    s_result_t result = { 0 };
    cr_assert_eq (fst_password_check (password, text, hash, s_done, &result), FST_OK);
    s_wait (password, &result);
    return result;
}

Test (password, right_and_wrong)
{
    fst_password_t *password = s_new ();
    s_result_t made = s_hash (password, "correct horse");
    cr_assert_eq (made.rc, FST_OK);
    cr_assert_eq (strncmp (made.hash, "$argon2id$v=19$m=64,t=1,p=1$", 28), 0, "%s", made.hash);
    cr_assert_str_neq (made.hash, s_hash (password, "correct horse").hash, "salted");
    s_result_t result = s_check (password, "correct horse", made.hash);
    cr_assert_eq (result.rc, FST_OK);
    cr_assert_str_eq (result.hash, "", "settings are the same, so the hash stays");
    cr_assert_eq (s_check (password, "correct horsE", made.hash).rc, FST_WRONG_PASSWORD);
    cr_assert_eq (s_check (password, "", made.hash).rc, FST_WRONG_PASSWORD);
    fst_password_destroy (&password);
    cr_assert_null (password);
    fst_password_destroy (&password);
}

Test (password, nobody_is_never_right)
{
    fst_password_t *password = s_new ();
    s_result_t result = s_check (password, "anything", NULL);
    cr_assert_eq (result.rc, FST_WRONG_PASSWORD);
    cr_assert_str_eq (result.hash, "");
    fst_password_destroy (&password);
}

Test (password, other_settings_make_the_hash_anew)
{
    fst_password_t *before = s_new ();
    s_result_t made = s_hash (before, "secret");
    fst_password_t *after = fst_password_new (1, 4, 2 * MEMORY, 2);
    s_result_t result = s_check (after, "secret", made.hash);
    cr_assert_eq (result.rc, FST_OK);
    cr_assert_eq (crypto_pwhash_str_needs_rehash (result.hash, 2, 2 * MEMORY), 0, "%s", result.hash);
    cr_assert_eq (s_check (after, "secret", result.hash).rc, FST_OK);
    s_result_t wrong = s_check (after, "guess", made.hash);
    cr_assert_eq (wrong.rc, FST_WRONG_PASSWORD);
    cr_assert_str_eq (wrong.hash, "");
    fst_password_destroy (&before);
    fst_password_destroy (&after);
}

Test (password, change_wants_the_old_one)
{
    fst_password_t *password = s_new ();
    s_result_t made = s_hash (password, "old"), wrong = { 0 }, right = { 0 };
    cr_assert_eq (fst_password_change (password, "odl", made.hash, "new", s_done, &wrong), FST_OK);
    s_wait (password, &wrong);
    cr_assert_eq (wrong.rc, FST_WRONG_PASSWORD);
    cr_assert_str_eq (wrong.hash, "");
    cr_assert_eq (fst_password_change (password, "old", made.hash, "new", s_done, &right), FST_OK);
    s_wait (password, &right);
    cr_assert_eq (right.rc, FST_OK);
    cr_assert_eq (s_check (password, "new", right.hash).rc, FST_OK);
    cr_assert_eq (s_check (password, "old", right.hash).rc, FST_WRONG_PASSWORD);
    fst_password_destroy (&password);
}

Test (password, bounded_and_every_result_arrives)
{
    fst_password_t *password = fst_password_new (1, 3, 1024 * MEMORY, 2);
    s_result_t results [4] = { 0 };
    for (int at = 0; at < 4; at++)
        cr_assert_eq (fst_password_hash (password, "x", s_done, &results [at]), at < 3? FST_OK: FST_BUSY);
    fst_password_destroy (&password);
    int given_up = 0;
    for (int at = 0; at < 3; at++) {
        cr_assert_eq (results [at].count, 1);
        cr_assert (results [at].rc == FST_OK || results [at].rc == FST_UNAVAILABLE);
        given_up += results [at].rc == FST_UNAVAILABLE;
    }
    cr_assert_geq (given_up, 2, "what waited does not hold up the end");
    cr_assert_eq (results [3].count, 0);
}

Test (password, too_little_memory_keeps_the_old_hash)
{
    fst_password_t *small = s_new ();
    char hash [crypto_pwhash_STRBYTES];
    strcpy (hash, s_hash (small, "secret").hash);
    fst_password_destroy (&small);
    fst_password_t *huge = fst_password_new (1, 4, (size_t) crypto_pwhash_MEMLIMIT_MAX, 1);
    cr_assert_eq (s_hash (huge, "secret").rc, FST_BUSY);
    s_result_t kept = s_check (huge, "secret", hash);
    cr_assert_eq (kept.rc, FST_OK, "rehashing can wait for another time");
    cr_assert_str_eq (kept.hash, "");
    fst_password_destroy (&huge);
}
