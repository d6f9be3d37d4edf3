//  Users and sessions: one admin, sessions end for good, nothing half done, all of it survives a restart.

#include "fst_users.h"
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW ((int64_t) 1000000)
#define HOUR ((int64_t) 3600000)

static char s_filename [512];
static fst_users_t *s_users;

//  Sessions named by one octet, ended since the last look.
static char s_ended [8192];

static void
s_note_ended (void *arg, const fst_ended_t *ended)
{
    cr_assert_eq (arg, s_ended);
    size_t used = strlen (s_ended);
    if (used < sizeof (s_ended) - 1)
        s_ended [used] = (char) ended->session [0];
}

static const uint8_t *
s_session (char name)
{
    static uint8_t sessions [4] [FST_SESSION_BYTES];
    static int next;
    uint8_t *session = sessions [next++ % 4];
    memset (session, name, FST_SESSION_BYTES);
    return session;
}

static void
s_open (void)
{
    char *problem = NULL;
    fst_rc_t rc = fst_users_open (s_filename, &s_users, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
}

static void
s_setup (void)
{
    snprintf (s_filename, sizeof (s_filename), "%s/test-users-XXXXXX", getenv ("TMPDIR")? getenv ("TMPDIR"): "/tmp");
    cr_assert_not_null (mkdtemp (s_filename));
    strcat (s_filename, "/auth.db");
    s_open ();
}

static void
s_teardown (void)
{
    char command [600];
    fst_users_destroy (&s_users);
    *strrchr (s_filename, '/') = 0;
    snprintf (command, sizeof (command), "rm -rf '%s'", s_filename);
    cr_assert_eq (system (command), 0);
}

TestSuite (users, .init = s_setup, .fini = s_teardown);

//  Commit, and say which sessions that ended.
static const char *
s_commit (void)
{
    memset (s_ended, 0, sizeof (s_ended));
    cr_assert_eq (fst_users_commit (s_users, s_note_ended, s_ended), FST_OK);
    return s_ended;
}

static void
s_restart (void)
{
    fst_users_destroy (&s_users);
    s_open ();
}

static fst_role_t
s_add (const char *name)
{
    fst_role_t role = 0;
    cr_assert_eq (fst_users_add (s_users, name, "hash", "request", NOW, &role), FST_OK);
    return role;
}

static fst_user_t
s_find (const char *name)
{
    fst_user_t user;
    cr_assert_eq (fst_users_find (s_users, name, &user), FST_OK);
    return user;
}

static void
s_login (const char *name, char session, int64_t expires_ms)
{
    fst_user_t user = s_find (name);
    cr_assert_eq (fst_users_begin_session (s_users, &user, NULL, s_session (session), NOW, expires_ms), FST_OK);
}

Test (users, the_first_is_the_admin_and_no_other)
{
    cr_assert_eq (s_add ("alice"), FST_ROLE_ADMIN);
    cr_assert_eq (s_add ("bob"), FST_ROLE_USER, "even before the first was committed");
    s_commit ();
    cr_assert_eq (s_add ("carol"), FST_ROLE_USER);
    s_commit ();
    s_restart ();
    cr_assert_eq (s_find ("alice").role, FST_ROLE_ADMIN);
    cr_assert_eq (s_find ("bob").role, FST_ROLE_USER);
    cr_assert_str_eq (s_find ("carol").hash, "hash");
    fst_user_t user;
    cr_assert_eq (fst_users_find (s_users, "dave", &user), FST_NOT_FOUND);
}

Test (users, names_are_taken_once)
{
    fst_role_t role = 99;
    s_add ("alice");
    cr_assert_eq (fst_users_add (s_users, "alice", "other", "again", NOW, &role), FST_EXISTS);
    cr_assert_eq (role, 99);
    s_commit ();
    cr_assert_str_eq (s_find ("alice").hash, "hash");
}

Test (users, a_repeated_request_is_known_for_a_while)
{
    s_add ("alice");
    cr_assert (fst_users_created_by (s_users, "alice", "request", NOW + 1));
    cr_assert_not (fst_users_created_by (s_users, "alice", "other", NOW + 1));
    cr_assert_not (fst_users_created_by (s_users, "bob", "request", NOW + 1));
    cr_assert_not (fst_users_created_by (s_users, "alice", "request", NOW + HOUR));
    cr_assert_not (fst_users_changed_by (s_users, "alice", "", NOW + 1));
    fst_user_t user = s_find ("alice");
    cr_assert_eq (fst_users_change_password (s_users, &user, "new", s_session ('a'), "change", NOW), FST_OK);
    cr_assert (fst_users_changed_by (s_users, "alice", "change", NOW + 1));
    cr_assert_not (fst_users_changed_by (s_users, "alice", "change", NOW + HOUR));
}

Test (users, nothing_is_told_before_the_commit)
{
    s_add ("alice");
    s_commit ();
    s_login ("alice", 'a', NOW + HOUR);
    s_restart ();
    cr_assert_eq (fst_users_check_session (s_users, s_session ('a'), NOW), FST_EXPIRED);
    s_login ("alice", 'b', NOW + HOUR);
    s_commit ();
    cr_assert_eq (fst_users_end_session (s_users, s_session ('b'), NOW), FST_OK);
    s_restart ();
    cr_assert_eq (fst_users_check_session (s_users, s_session ('b'), NOW), FST_OK);
    cr_assert_str_eq (s_commit (), "", "what was not committed ended nothing");
}

Test (users, a_session_ends_when_its_time_is_over)
{
    s_add ("alice");
    s_login ("alice", 'a', NOW + HOUR);
    s_commit ();
    s_restart ();
    cr_assert_eq (fst_users_check_session (s_users, s_session ('a'), NOW + HOUR - 1), FST_OK);
    cr_assert_eq (fst_users_check_session (s_users, s_session ('a'), NOW + HOUR), FST_EXPIRED);
    cr_assert_eq (fst_users_check_session (s_users, s_session ('x'), NOW), FST_EXPIRED);

    fst_user_t user;
    cr_assert_eq (fst_users_renew_session (s_users, s_session ('a'), NOW + 1, NOW + 2 * HOUR, &user), FST_OK);
    cr_assert_str_eq (user.name, "alice");
    cr_assert_eq (user.role, FST_ROLE_ADMIN);
    cr_assert_eq (fst_users_check_session (s_users, s_session ('a'), NOW + HOUR), FST_OK);
    cr_assert_eq (fst_users_renew_session (s_users, s_session ('a'), NOW + 1, NOW + HOUR, &user), FST_OK);
    cr_assert_eq (fst_users_check_session (s_users, s_session ('a'), NOW + HOUR), FST_OK, "never backwards");
    cr_assert_eq (fst_users_renew_session (s_users, s_session ('a'), NOW + 2 * HOUR, NOW + 9 * HOUR, &user),
                  FST_EXPIRED);
}

Test (users, logout_ends_one_session_for_good)
{
    s_add ("alice");
    s_login ("alice", 'a', NOW + HOUR);
    s_login ("alice", 'b', NOW + HOUR);
    s_commit ();
    cr_assert_eq (fst_users_end_session (s_users, s_session ('a'), NOW), FST_OK);
    cr_assert_str_eq (s_commit (), "a");
    cr_assert_eq (fst_users_end_session (s_users, s_session ('a'), NOW), FST_OK, "again does no harm");
    cr_assert_str_eq (s_commit (), "");
    s_restart ();
    fst_user_t user;
    cr_assert_eq (fst_users_check_session (s_users, s_session ('a'), NOW), FST_EXPIRED);
    cr_assert_eq (fst_users_renew_session (s_users, s_session ('a'), NOW, NOW + HOUR, &user), FST_EXPIRED);
    cr_assert_eq (fst_users_check_revoked (s_users, s_session ('a')), FST_EXPIRED);
    cr_assert_eq (fst_users_check_session (s_users, s_session ('b'), NOW), FST_OK);
    cr_assert_eq (fst_users_check_revoked (s_users, s_session ('b')), FST_OK);
}

Test (users, another_password_ends_all_other_sessions)
{
    s_add ("alice");
    s_add ("bob");
    s_login ("alice", 'a', NOW + HOUR);
    s_login ("alice", 'b', NOW + HOUR);
    s_login ("alice", 'c', NOW + HOUR);
    s_login ("bob", 'd', NOW + HOUR);
    s_commit ();
    fst_user_t user = s_find ("alice");
    cr_assert_eq (fst_users_change_password (s_users, &user, "new", s_session ('b'), "change", NOW), FST_OK);
    cr_assert_str_eq (s_commit (), "ac");
    cr_assert_eq (fst_users_check_session (s_users, s_session ('b'), NOW), FST_OK);
    cr_assert_eq (fst_users_check_session (s_users, s_session ('d'), NOW), FST_OK);
    cr_assert_str_eq (s_find ("alice").hash, "new");
    //  Who had compared the old password meanwhile gets nothing
    cr_assert_eq (fst_users_begin_session (s_users, &user, NULL, s_session ('e'), NOW, NOW + HOUR), FST_CHANGED);
    cr_assert_eq (fst_users_change_password (s_users, &user, "x", s_session ('b'), "change2", NOW), FST_CHANGED);
    s_commit ();
    cr_assert_eq (fst_users_check_session (s_users, s_session ('e'), NOW), FST_EXPIRED);
    cr_assert_str_eq (s_find ("alice").hash, "new");
}

Test (users, a_rehash_is_kept_and_disturbs_no_other_login)
{
    s_add ("alice");
    fst_user_t user = s_find ("alice");
    cr_assert_eq (fst_users_begin_session (s_users, &user, "better", s_session ('a'), NOW, NOW + HOUR), FST_OK);
    cr_assert_eq (fst_users_begin_session (s_users, &user, NULL, s_session ('b'), NOW, NOW + HOUR), FST_OK);
    s_commit ();
    cr_assert_str_eq (s_find ("alice").hash, "better");
}

Test (users, sessions_of_a_user_are_bounded)
{
    s_add ("alice");
    fst_user_t user = s_find ("alice");
    uint8_t session [FST_SESSION_BYTES] = { 0 };
    for (int at = 0; at < FST_USERS_SESSIONS_MAX; at++) {
        session [0] = 'z';
        session [14] = (uint8_t) (at >> 8);
        session [15] = (uint8_t) at;
        cr_assert_eq (fst_users_begin_session (s_users, &user, NULL, session, NOW, NOW + HOUR + at), FST_OK);
    }
    cr_assert_str_eq (s_commit (), "");
    //  One that cannot begin ends no other
    cr_assert_eq (fst_users_begin_session (s_users, &user, NULL, session, NOW, NOW + 2 * HOUR), FST_EXISTS);
    cr_assert_str_eq (s_commit (), "");
    s_login ("alice", 'a', NOW + 2 * HOUR);
    cr_assert_str_eq (s_commit (), "z");
    session [14] = session [15] = 0;
    cr_assert_eq (fst_users_check_session (s_users, session, NOW), FST_EXPIRED, "the one that would end first");
    session [15] = 1;
    cr_assert_eq (fst_users_check_session (s_users, session, NOW), FST_OK);
    int64_t users, sessions;
    cr_assert_eq (fst_users_count (s_users, NOW, &users, &sessions), FST_OK);
    cr_assert_eq (users, 1);
    cr_assert_eq (sessions, FST_USERS_SESSIONS_MAX);
}

static void
s_count_revoked (void *arg, const fst_ended_t *ended)
{
    fst_ended_t *last = arg;
    cr_assert (last->expires_ms == 0 || memcmp (last->session, ended->session, FST_SESSION_BYTES) < 0);
    memcpy (last->session, ended->session, FST_SESSION_BYTES);
    last->expires_ms++;
}

Test (users, a_long_list_of_endings_comes_in_pages)
{
    s_add ("alice");
    fst_user_t user = s_find ("alice");
    uint8_t session [FST_SESSION_BYTES] = { 0 };
    for (int at = 0; at < 5000; at++) {
        session [2] = (uint8_t) at;
        session [3] = (uint8_t) (at >> 8);
        cr_assert_eq (fst_users_begin_session (s_users, &user, NULL, session, NOW, NOW + HOUR), FST_OK);
        cr_assert_eq (fst_users_end_session (s_users, session, NOW), FST_OK);
    }
    cr_assert_eq (fst_users_commit (s_users, s_note_ended, s_ended), FST_OK);
    fst_ended_t last = { 0 };           //  Its expires_ms counts here
    cr_assert_eq (fst_users_revoked (s_users, NULL, NOW, s_count_revoked, &last), FST_OK);
    cr_assert_eq (last.expires_ms, FST_USERS_LIST_MAX);
    uint8_t after [FST_SESSION_BYTES];
    memcpy (after, last.session, sizeof (after));
    cr_assert_eq (fst_users_revoked (s_users, after, NOW, s_count_revoked, &last), FST_OK);
    cr_assert_eq (last.expires_ms, 5000);
    fst_ended_t none = { 0 };
    cr_assert_eq (fst_users_revoked (s_users, NULL, NOW + HOUR, s_count_revoked, &none), FST_OK);
    cr_assert_eq (none.expires_ms, 0);
}

Test (users, what_is_over_is_forgotten)
{
    s_add ("alice");
    s_login ("alice", 'a', NOW + HOUR);
    s_login ("alice", 'b', NOW + 2 * HOUR);
    s_login ("alice", 'c', NOW + HOUR);
    cr_assert_eq (fst_users_end_session (s_users, s_session ('c'), NOW), FST_OK);
    s_commit ();
    cr_assert_eq (fst_users_purge (s_users, NOW + HOUR - 1), FST_OK);
    cr_assert_eq (fst_users_check_revoked (s_users, s_session ('c')), FST_EXPIRED);
    cr_assert_eq (fst_users_purge (s_users, NOW + HOUR), FST_OK);
    s_commit ();
    cr_assert_eq (fst_users_check_revoked (s_users, s_session ('c')), FST_OK);
    int64_t users, sessions;
    cr_assert_eq (fst_users_count (s_users, 0, &users, &sessions), FST_OK);
    cr_assert_eq (sessions, 1);
}
