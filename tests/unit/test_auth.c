//  The auth actor behind a real broker: every command, good and bad.

#include "fst_auth.h"
#include "fst_broker.h"
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_mdp.h"
#include "fst_socket.h"
#include "fst_trust.h"
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_MS 50000       //  Less than the list of ended sessions takes to be asked for again

//  ---- Every comparison of a password is counted: the program's symbol goes before the library's

static atomic_int s_compared;
static atomic_int s_slow_ms;        //  What one takes at least

int
crypto_pwhash_str_verify (const char str [crypto_pwhash_STRBYTES], const char *const password,
                          unsigned long long bytes)
{
    int (*real) (const char *, const char *, unsigned long long);
    *(void **) &real = dlsym (RTLD_NEXT, "crypto_pwhash_str_verify");
    atomic_fetch_add (&s_compared, 1);
    usleep (1000 * (useconds_t) atomic_load (&s_slow_ms));
    return real (str, password, bytes);
}

//  ---- A cluster of broker and auth in a private folder

static char s_folder [400];
static char s_clients [500], s_actors [500], s_events_in [500], s_events_out [500];
static fst_config_t *s_config;
static fst_keys_t *s_broker_keys, *s_auth_keys, *s_actor_keys;
static fst_broker_t *s_broker;
static fst_auth_t *s_auth;
static fst_caller_t *s_caller;

static const char *
s_file (const char *name)
{
    static char path [500];
    snprintf (path, sizeof (path), "%s/%s", s_folder, name);
    return path;
}

static fst_keys_t *
s_load_keys (const char *name)
{
    fst_keys_t *keys = NULL;
    char *problem = NULL;
    cr_assert_eq (fst_keys_load (s_file (name), &keys, &problem), FST_OK, "%s", problem);
    return keys;
}

static void
s_set (const char *name, const char *value)
{
    char *problem = NULL;
    cr_assert_eq (fst_config_set (s_config, name, value, &problem), FST_OK, "%s", problem);
}

static void
s_start_auth (void)
{
    char *problem = NULL;
    fst_actor_options_t bus = {
        .broker = s_actors, .events_in = s_events_in, .events_out = s_events_out, .keys = s_auth_keys
    };
    cr_assert_eq (fst_auth_new (s_config, &bus, &s_auth, &problem), FST_OK, "%s", problem);
}

static void
s_restart_auth (void)
{
    fst_auth_destroy (&s_auth);
    s_start_auth ();
}

static void
s_setup (void)
{
    zsys_handler_set (NULL);
    char *problem = NULL;
    snprintf (s_folder, sizeof (s_folder), "%s/auth-XXXXXX", getenv ("TMPDIR")? getenv ("TMPDIR"): "/tmp");
    cr_assert_not_null (mkdtemp (s_folder));
    cr_assert_eq (fst_keys_create (s_folder, 1, &problem), FST_OK, "%s", problem);
    s_broker_keys = s_load_keys ("broker.key");
    s_auth_keys = s_load_keys ("auth.key");
    s_actor_keys = s_load_keys ("metadata.key");
    s_config = fst_config_new ();
    s_set ("auth-database", s_file ("auth.db"));
    s_set ("hash-memory", "64 KiB");
    s_set ("hash-passes", "1");
    s_set ("login-attempts", "3");
    s_set ("login-wait", "5 s");
    snprintf (s_clients, sizeof (s_clients), "ipc://%s/clients", s_folder);
    snprintf (s_actors, sizeof (s_actors), "ipc://%s/actors", s_folder);
    snprintf (s_events_in, sizeof (s_events_in), "ipc://%s/events-in", s_folder);
    snprintf (s_events_out, sizeof (s_events_out), "ipc://%s/events-out", s_folder);
    fst_broker_options_t options = {
        .clients = s_clients, .actors = s_actors, .events_in = s_events_in, .events_out = s_events_out,
        .keys = s_broker_keys
    };
    cr_assert_eq (fst_broker_new (&options, &s_broker, &problem), FST_OK, "%s", problem);
    s_start_auth ();
    s_caller = fst_caller_new (s_clients, NULL, DEADLINE_MS, DEADLINE_MS);
}

static void
s_teardown (void)
{
    char command [500];
    fst_caller_destroy (&s_caller);
    fst_auth_destroy (&s_auth);
    fst_broker_destroy (&s_broker);
    fst_keys_destroy (&s_broker_keys);
    fst_keys_destroy (&s_auth_keys);
    fst_keys_destroy (&s_actor_keys);
    fst_config_destroy (&s_config);
    snprintf (command, sizeof (command), "rm -rf '%s'", s_folder);
    cr_assert_eq (system (command), 0);
}

TestSuite (auth, .init = s_setup, .fini = s_teardown);

//  ---- Calls

static json_t *
s_account (const char *name, const char *password)
{
    return json_pack ("{s:s, s:s}", "name", name, "password", password);
}

//  Call with a token (NULL for none). Gives the reply if it is FST_OK; caller json_decrefs.
static fst_rc_t
s_call (const char *token, const char *command, json_t *payload, json_t **reply_p)
{
    //  Right after a restart of auth the broker may not have heard of it yet
    int64_t deadline = fst_clock_mono_ms () + DEADLINE_MS;
    fst_rc_t rc;
    do {
        fst_caller_set_token (s_caller, token);
        rc = fst_caller_call (s_caller, "auth", command, json_incref (payload), reply_p);
    } while (rc == FST_UNAVAILABLE && fst_clock_mono_ms () < deadline);
    json_decref (payload);
    return rc;
}

static fst_rc_t
s_try (const char *token, const char *command, json_t *payload)
{
    json_t *reply = NULL;
    fst_rc_t rc = s_call (token, command, payload, &reply);
    json_decref (reply);
    return rc;
}

//  A text of the reply of a call that must succeed; caller frees.
static char *
s_get (const char *token, const char *command, json_t *payload, const char *field)
{
    json_t *reply = NULL;
    fst_rc_t rc = s_call (token, command, payload, &reply);
    cr_assert_eq (rc, FST_OK, "%s: %s", command, fst_caller_problem (s_caller));
    char *text = strdup (json_string_value (json_object_get (reply, field)));
    json_decref (reply);
    return text;
}

static void
s_register (const char *name, const char *password)
{
    cr_assert_eq (s_try (NULL, "REGISTER", s_account (name, password)), FST_OK, "%s", fst_caller_problem (s_caller));
}

static char *
s_login (const char *name, const char *password)
{
    return s_get (NULL, "LOGIN", s_account (name, password), "token");
}

//  The same request sent twice finds the session ended.
static void
s_log_out (const char *token)
{
    fst_rc_t rc = s_try (token, "LOGOUT", NULL);
    cr_assert (rc == FST_OK || rc == FST_EXPIRED, "%s", fst_error_code (rc));
}

static fst_rc_t
s_verify (const char *token)
{
    return s_try (NULL, "VERIFY", json_pack ("{s:s}", "token", token));
}

static json_t *
s_passwords (const char *old, const char *fresh)
{
    return json_pack ("{s:s, s:s}", "old", old, "new", fresh);
}

static void
s_check_text (char *text, const char *expected)
{
    cr_assert_str_eq (text, expected);
    free (text);
}

//  ---- REGISTER

Test (auth, the_first_user_is_the_admin)
{
    s_check_text (s_get (NULL, "REGISTER", s_account ("alice", "secret"), "role"), "admin");
    s_check_text (s_get (NULL, "REGISTER", s_account ("bob", "secret"), "role"), "user");
    s_check_text (s_get (NULL, "LOGIN", s_account ("alice", "secret"), "role"), "admin");
    s_check_text (s_get (NULL, "LOGIN", s_account ("bob", "secret"), "role"), "user");
}

Test (auth, registrations_are_refused_for_a_reason)
{
    s_register ("alice", "secret");
    cr_assert_eq (s_try (NULL, "REGISTER", s_account ("alice", "other")), FST_EXISTS);
    cr_assert_eq (s_try (NULL, "REGISTER", s_account ("bob", "abc")), FST_MALFORMED);
    cr_assert_not_null (strstr (fst_caller_problem (s_caller), "4 characters"), "%s", fst_caller_problem (s_caller));
    cr_assert_eq (s_try (NULL, "REGISTER", s_account ("bob", "\xc3\xa9\xc3\xa9\xc3\xa9")), FST_MALFORMED,
                  "characters are counted, not octets");
    cr_assert_eq (s_try (NULL, "REGISTER", s_account ("bob", "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9")), FST_OK);
    static const char *const bad [] = { "Carol", "carol smith", "../carol", ".carol", "storage:node-1", "" };
    for (size_t at = 0; at < sizeof (bad) / sizeof (bad [0]); at++) {
        fst_rc_t rc = s_try (NULL, "REGISTER", s_account (bad [at], "secret"));
        cr_assert (rc == FST_BAD_NAME || rc == FST_MALFORMED, "%s: %s", bad [at], fst_error_code (rc));
    }
    cr_assert_eq (s_try (NULL, "REGISTER", json_pack ("{s:s}", "name", "carol")), FST_MALFORMED);
}

//  Send a raw request with an id of our choice, and wait for the status of its reply.
static void
s_send_raw (zsock_t *socket, const char *id, const char *token, const char *command, json_t *payload)
{
    zmsg_t *message = zmsg_new ();
    zmsg_addstr (message, FST_MDP_CLIENT_02);
    zmsg_addmem (message, "\001", 1);
    zmsg_addstr (message, "auth");
    zframe_t *body = fst_envelope_request_encode (id, command, token, payload);
    zmsg_append (message, &body);
    json_decref (payload);
    cr_assert_eq (fst_socket_send (socket, &message), FST_OK);
}

static fst_rc_t
s_recv_raw (zsock_t *socket, bool *admin_p)
{
    zsock_set_rcvtimeo (socket, DEADLINE_MS);
    zmsg_t *message = zmsg_recv (socket);
    if (message && zmsg_size (message) == 1) {  //  The empty one of a new connection, see fst_socket
        zmsg_destroy (&message);
        message = zmsg_recv (socket);
    }
    cr_assert_not_null (message);
    zframe_t *body = zmsg_last (message);
    fst_envelope_reply_t reply;
    char where [200];
    cr_assert_eq (fst_envelope_reply_decode (zframe_data (body), zframe_size (body), &reply, where, sizeof (where)),
                  FST_OK, "%s", where);
    fst_rc_t rc = reply.rc;
    const char *role = json_string_value (json_object_get (reply.payload, "role"));
    *admin_p = role && strcmp (role, "admin") == 0;
    fst_envelope_reply_clear (&reply);
    zmsg_destroy (&message);
    return rc;
}

static zsock_t *
s_connect_raw (void)
{
    zsock_t *socket = NULL;
    cr_assert_eq (fst_socket_connect (ZMQ_DEALER, s_clients, NULL, &socket), FST_OK);
    zsock_set_sndtimeo (socket, DEADLINE_MS);
    return socket;
}

Test (auth, registrations_at_once_make_one_admin)
{
    zsock_t *socket = s_connect_raw ();
    int admins = 0;
    for (int at = 0; at < 8; at++) {
        char id [16], name [16];
        snprintf (id, sizeof (id), "id-%d", at);
        snprintf (name, sizeof (name), "user-%d", at);
        s_send_raw (socket, id, NULL, "REGISTER", s_account (name, "secret"));
    }
    for (int at = 0; at < 8; at++) {
        bool admin;
        cr_assert_eq (s_recv_raw (socket, &admin), FST_OK);
        admins += admin;
    }
    cr_assert_eq (admins, 1);
    zsock_destroy (&socket);
}

static void
s_register_raw (zsock_t *socket, const char *id)
{
    s_send_raw (socket, id, NULL, "REGISTER", s_account ("alice", "secret"));
}

Test (auth, a_repeated_registration_gets_the_same_answer)
{
    zsock_t *socket = s_connect_raw ();
    bool admin;
    s_register_raw (socket, "first");
    s_register_raw (socket, "first");           //  While the first is being hashed
    cr_assert_eq (s_recv_raw (socket, &admin), FST_OK);
    cr_assert (admin);
    cr_assert_eq (s_recv_raw (socket, &admin), FST_OK);
    cr_assert (admin);
    s_register_raw (socket, "first");           //  And when it is done
    cr_assert_eq (s_recv_raw (socket, &admin), FST_OK);
    cr_assert (admin);
    s_register_raw (socket, "second");
    cr_assert_eq (s_recv_raw (socket, &admin), FST_EXISTS);
    zsock_destroy (&socket);
}

//  ---- LOGIN

Test (auth, wrong_password_and_no_such_user_look_the_same)
{
    s_register ("alice", "secret");
    int before = atomic_load (&s_compared);
    cr_assert_eq (s_try (NULL, "LOGIN", s_account ("alice", "wrong")), FST_WRONG_PASSWORD);
    char *problem = strdup (fst_caller_problem (s_caller));
    cr_assert_gt (atomic_load (&s_compared), before);
    before = atomic_load (&s_compared);
    cr_assert_eq (s_try (NULL, "LOGIN", s_account ("mallory", "wrong")), FST_WRONG_PASSWORD);
    cr_assert_str_eq (problem, fst_caller_problem (s_caller));
    cr_assert_gt (atomic_load (&s_compared), before, "a password was hashed for nobody too");
    free (problem);
    free (s_login ("alice", "secret"));
}

//  Guess until it has to wait: after three times, or sooner if a guess was sent twice.
static void
s_guess (const char *token, const char *command, json_t *guess)
{
    fst_rc_t rc = FST_WRONG_PASSWORD;
    int tries = 0;
    for (; rc == FST_WRONG_PASSWORD && tries < 10; tries++)
        rc = s_try (token, command, json_incref (guess));
    cr_assert_eq (rc, FST_TOO_MANY);
    cr_assert_leq (tries, 4);
    json_decref (guess);
}

Test (auth, guessing_has_to_wait)
{
    s_register ("alice", "secret");
    s_register ("bob", "secret");
    s_guess (NULL, "LOGIN", s_account ("alice", "wrong"));
    int before = atomic_load (&s_compared);
    cr_assert_eq (s_try (NULL, "LOGIN", s_account ("alice", "secret")), FST_TOO_MANY);
    cr_assert_eq (atomic_load (&s_compared), before, "no work is done for it");
    free (s_login ("bob", "secret"));
    s_guess (NULL, "LOGIN", s_account ("nobody", "wrong"));     //  Nothing is told

    int64_t deadline = fst_clock_mono_ms () + DEADLINE_MS;
    fst_rc_t rc;
    do
        rc = s_try (NULL, "LOGIN", s_account ("alice", "secret"));
    while (rc == FST_TOO_MANY && fst_clock_mono_ms () < deadline);
    cr_assert_eq (rc, FST_OK);
}

Test (auth, a_flood_of_logins_is_told_busy_and_stalls_nobody)
{
    s_register ("alice", "secret");
    char *token = s_login ("alice", "secret");
    s_set ("login-attempts", "1000");
    s_restart_auth ();
    atomic_store (&s_slow_ms, 300);
    cr_assert_eq (s_verify (token), FST_OK);
    fst_caller_set_token (s_caller, NULL);
    uint64_t ticket, verify = 0;
    for (int at = 0; at < 60; at++)
        cr_assert_eq (fst_caller_send (s_caller, "auth", "LOGIN", s_account ("mallory", "guess"), &ticket), FST_OK);
    cr_assert_eq (fst_caller_send (s_caller, "auth", "VERIFY", json_pack ("{s:s}", "token", token), &verify), FST_OK);
    int wrong = 0, busy = 0, wrong_before_verify = -1;
    while (wrong + busy < 60 || wrong_before_verify < 0) {
        fst_rc_t rc;
        json_t *reply = NULL;
        if (!fst_caller_receive (s_caller, &ticket, &rc, &reply)) {
            zmq_pollitem_t item = { .socket = zsock_resolve (fst_caller_socket (s_caller)), .events = ZMQ_POLLIN };
            zmq_poll (&item, 1, (long) fst_caller_wait_ms (s_caller));
            continue;
        }
        json_decref (reply);
        if (ticket == verify) {
            cr_assert_eq (rc, FST_OK);
            wrong_before_verify = wrong;
        }
        else {
            cr_assert (rc == FST_BUSY || rc == FST_WRONG_PASSWORD, "%s", fst_error_code (rc));
            busy += rc == FST_BUSY;
            wrong += rc == FST_WRONG_PASSWORD;
        }
    }
    cr_assert_geq (busy, 1);
    cr_assert_lt (wrong_before_verify, wrong, "it did not wait for all of them");
    free (token);
}

Test (auth, hashes_follow_the_settings)
{
    s_register ("alice", "secret");
    s_set ("hash-memory", "128 KiB");
    s_restart_auth ();
    free (s_login ("alice", "secret"));
    fst_auth_destroy (&s_auth);
    char command [600], hash [200] = "";
    snprintf (command, sizeof (command), "grep -a -o 'argon2id.v=19.m=128,' '%s'", s_file ("auth.db"));
    FILE *found = popen (command, "r");
    cr_assert_not_null (fgets (hash, sizeof (hash), found), "the better hash was kept");
    pclose (found);
    s_start_auth ();
    free (s_login ("alice", "secret"));
}

//  ---- Sessions

Test (auth, a_token_says_who_one_is)
{
    s_register ("alice", "secret");
    char *token = s_login ("alice", "secret");
    fst_claims_t claims;
    cr_assert_eq (fst_token_verify (token, s_actor_keys->sign_public, fst_clock_wall_ms (), &claims), FST_OK);
    cr_assert_str_eq (claims.name, "alice");
    cr_assert_eq (claims.role, FST_ROLE_ADMIN);
    int64_t left_ms = claims.expires_ms - fst_clock_wall_ms ();
    cr_assert (left_ms > 3590000 && left_ms <= 3600000);

    s_check_text (s_get (NULL, "VERIFY", json_pack ("{s:s}", "token", token), "user"), "alice");
    s_check_text (s_get (NULL, "VERIFY", json_pack ("{s:s}", "token", token), "role"), "admin");
    s_check_text (s_get (NULL, "VERIFY", json_pack ("{s:s}", "token", s_actor_keys->token), "role"), "actor");
    size_t middle = strlen (token) / 2;
    token [middle] = token [middle] == 'A'? 'B': 'A';
    cr_assert_eq (s_verify (token), FST_UNAUTHENTICATED);
    cr_assert_eq (s_verify ("AAAA"), FST_UNAUTHENTICATED);
    cr_assert_eq (s_verify ("not base64!"), FST_MALFORMED);
    free (token);
}

//  Or an actor that asks would do for it what it does for the admin who made it.
Test (auth, what_an_applications_token_is_good_for_is_told_with_whose_it_is)
{
    s_register ("alice", "secret");
    char *session = s_login ("alice", "secret");
    char *token = s_get (session, "CREATE_TOKEN", json_pack ("{s:s, s:s, s:s}", "name", "reader", "path", "in", "rights", "read"), "token");
    json_t *reply = NULL;
    cr_assert_eq (s_call (NULL, "VERIFY", json_pack ("{s:s}", "token", token), &reply), FST_OK);
    json_t *expected = json_pack ("[{s:s, s:s}]", "path", "/users/alice/in", "rights", "read");
    cr_expect (json_equal (json_object_get (reply, "scopes"), expected));
    json_decref (reply);
    json_decref (expected);
    cr_assert_eq (s_call (NULL, "VERIFY", json_pack ("{s:s}", "token", session), &reply), FST_OK);
    cr_expect_null (json_object_get (reply, "scopes"));
    json_decref (reply);
    free (session);
    free (token);
}

Test (auth, a_session_that_auth_does_not_know_is_none)
{
    //  Well signed, as after auth.db was lost
    fst_claims_t claims = { .name = "alice", .role = FST_ROLE_ADMIN, .expires_ms = fst_clock_wall_ms () + 60000 };
    char *token = fst_token_sign (&claims, s_auth_keys->sign_secret);
    cr_assert_eq (s_verify (token), FST_EXPIRED);
    cr_assert_eq (s_try (token, "RENEW", NULL), FST_EXPIRED);
    cr_assert_eq (s_try (token, "CHANGE_PASSWORD", s_passwords ("secret", "other")), FST_EXPIRED);
    free (token);
    claims.expires_ms = fst_clock_wall_ms () - 1;
    token = fst_token_sign (&claims, s_auth_keys->sign_secret);
    cr_assert_eq (s_verify (token), FST_EXPIRED);
    cr_assert_eq (s_try (token, "STATUS", NULL), FST_EXPIRED);
    free (token);
}

Test (auth, commands_want_a_token)
{
    cr_assert_eq (s_try (NULL, "LOGOUT", NULL), FST_UNAUTHENTICATED);
    cr_assert_eq (s_try (NULL, "RENEW", NULL), FST_UNAUTHENTICATED);
    cr_assert_eq (s_try (NULL, "CHANGE_PASSWORD", s_passwords ("old1", "new1")), FST_UNAUTHENTICATED);
    cr_assert_eq (s_try (NULL, "STATUS", NULL), FST_UNAUTHENTICATED);
    cr_assert_eq (s_try (NULL, "LIST_REVOKED", NULL), FST_UNAUTHENTICATED);
    cr_assert_eq (s_try (s_actor_keys->token, "LOGOUT", NULL), FST_DENIED);
    s_register ("alice", "secret");
    char *token = s_login ("alice", "secret");
    cr_assert_eq (s_try (token, "LIST_REVOKED", NULL), FST_DENIED);
    cr_assert_eq (s_try (token, "NO_SUCH_COMMAND", NULL), FST_UNKNOWN_COMMAND);
    free (token);
}

Test (auth, renewing_keeps_the_session)
{
    s_register ("alice", "secret");
    char *token = s_login ("alice", "secret");
    char *fresh = s_get (token, "RENEW", NULL, "token");
    fst_claims_t before, after;
    int64_t now_ms = fst_clock_wall_ms ();
    cr_assert_eq (fst_token_verify (token, s_auth_keys->sign_public, now_ms, &before), FST_OK);
    cr_assert_eq (fst_token_verify (fresh, s_auth_keys->sign_public, now_ms, &after), FST_OK);
    cr_assert_arr_eq (before.session, after.session, FST_SESSION_BYTES);
    cr_assert_geq (after.expires_ms, before.expires_ms);
    cr_assert_str_eq (after.name, "alice");
    cr_assert_eq (after.role, FST_ROLE_ADMIN);
    cr_assert_eq (s_verify (fresh), FST_OK);
    free (token);
    free (fresh);
}

//  The sessions that LIST_REVOKED gives.
static size_t
s_count_revoked (void)
{
    json_t *reply = NULL;
    cr_assert_eq (s_call (s_actor_keys->token, "LIST_REVOKED", NULL, &reply), FST_OK);
    size_t count = json_array_size (json_object_get (reply, "sessions"));
    json_decref (reply);
    return count;
}

Test (auth, logout_ends_the_session_at_once_and_for_good)
{
    s_register ("alice", "secret");
    char *token = s_login ("alice", "secret"), *other = s_login ("alice", "secret");
    char *fresh = s_get (token, "RENEW", NULL, "token");
    cr_assert_eq (s_count_revoked (), 0);
    s_log_out (token);
    for (int restarts = 0; restarts < 2; restarts++) {
        cr_assert_eq (s_verify (token), FST_EXPIRED);
        cr_assert_eq (s_verify (fresh), FST_EXPIRED, "all tokens of the session");
        cr_assert_eq (s_try (fresh, "STATUS", NULL), FST_EXPIRED);
        cr_assert_eq (s_try (fresh, "RENEW", NULL), FST_EXPIRED);
        cr_assert_eq (s_try (other, "STATUS", NULL), FST_OK);
        cr_assert_eq (s_count_revoked (), 1);
        s_restart_auth ();
    }
    free (token);
    free (other);
    free (fresh);
}

//  Or what was never to be trusted again would be, once it is forgotten.
Test (auth, what_was_revoked_for_ever_is_not_revoked_for_less)
{
    s_register ("alice", "secret");
    char *token = s_login ("alice", "secret");
    const char *session = "00112233445566778899aabbccddeeff";
    static const int64_t forever_ms = 9007199254740991;
    for (int at = 0; at < 2; at++)
        cr_assert_eq (s_try (token, "REVOKE", json_pack ("{s:s, s:I}", "session", session, "expires_ms",
                      (json_int_t) (at? fst_clock_wall_ms () - 1: forever_ms))), FST_OK);
    cr_expect_eq (s_count_revoked (), 1);
    s_restart_auth ();
    cr_expect_eq (s_count_revoked (), 1);

    fst_trust_t *trust = fst_trust_new (s_actor_keys->sign_public);     //  Those who hear of it keep it as long
    fst_claims_t claims = { .role = FST_ROLE_ACTOR, .name = "actor:a", .session = { 7 } };
    int64_t now_ms = fst_clock_wall_ms ();
    fst_trust_revoke (trust, claims.session, 0, now_ms);
    fst_trust_revoke (trust, claims.session, now_ms + 1, now_ms);
    uint8_t other [FST_SESSION_BYTES] = { 0 };
    for (uint32_t number = 1; number < 3000; number++) {                //  Until what has ended is forgotten
        memcpy (other + 8, &number, sizeof (number));
        fst_trust_revoke (trust, other, now_ms + 1, now_ms + 2);
    }
    cr_expect (fst_trust_is_revoked (trust, claims.session));
    fst_trust_destroy (&trust);
    free (token);
}

Test (auth, another_password_ends_the_other_sessions)
{
    s_register ("alice", "secret");
    s_register ("bob", "secret");
    char *token = s_login ("alice", "secret"), *other = s_login ("alice", "secret"), *bob = s_login ("bob", "secret");
    cr_assert_eq (s_try (token, "CHANGE_PASSWORD", s_passwords ("wrong", "better")), FST_WRONG_PASSWORD);
    cr_assert_eq (s_try (token, "CHANGE_PASSWORD", s_passwords ("secret", "abc")), FST_MALFORMED);
    cr_assert_eq (s_try (other, "STATUS", NULL), FST_OK);
    cr_assert_eq (s_try (token, "CHANGE_PASSWORD", s_passwords ("secret", "better")), FST_OK);
    for (int restarts = 0; restarts < 2; restarts++) {
        cr_assert_eq (s_try (token, "STATUS", NULL), FST_OK);
        cr_assert_eq (s_try (bob, "STATUS", NULL), FST_OK);
        cr_assert_eq (s_try (other, "STATUS", NULL), FST_EXPIRED);
        cr_assert_eq (s_verify (other), FST_EXPIRED);
        cr_assert_eq (s_try (NULL, "LOGIN", s_account ("alice", "secret")), FST_WRONG_PASSWORD);
        free (s_login ("alice", "better"));
        s_restart_auth ();
    }
    free (token);
    free (other);
    free (bob);
}

Test (auth, a_repeated_change_of_the_password_gets_the_same_answer)
{
    s_register ("alice", "secret");
    char *token = s_login ("alice", "secret");
    zsock_t *socket = s_connect_raw ();
    bool admin;
    for (int round = 0; round < 2; round++) {   //  While the first is being hashed; and when it is done
        for (int times = 0; times < 3; times++)
            s_send_raw (socket, "first", token, "CHANGE_PASSWORD", s_passwords ("secret", "better"));
        for (int times = 0; times < 3; times++)
            cr_assert_eq (s_recv_raw (socket, &admin), FST_OK);
    }
    s_send_raw (socket, "second", token, "CHANGE_PASSWORD", s_passwords ("secret", "better"));
    cr_assert_eq (s_recv_raw (socket, &admin), FST_WRONG_PASSWORD);
    zsock_destroy (&socket);
    free (token);
}

Test (auth, changing_a_password_is_no_way_to_guess_it)
{
    s_register ("alice", "secret");
    char *token = s_login ("alice", "secret");
    s_guess (token, "CHANGE_PASSWORD", s_passwords ("wrong", "better"));
    cr_assert_eq (s_try (token, "CHANGE_PASSWORD", s_passwords ("secret", "better")), FST_TOO_MANY);
    cr_assert_eq (s_try (NULL, "LOGIN", s_account ("alice", "secret")), FST_TOO_MANY);
    free (token);
}

Test (auth, users_and_sessions_survive_a_restart)
{
    s_register ("alice", "secret");
    char *token = s_login ("alice", "secret");
    s_restart_auth ();
    json_t *reply = NULL;
    cr_assert_eq (s_call (token, "STATUS", NULL, &reply), FST_OK);
    cr_assert_eq (json_integer_value (json_object_get (reply, "users")), 1);
    cr_assert_geq (json_integer_value (json_object_get (reply, "sessions")), 1);
    json_decref (reply);
    s_check_text (s_get (NULL, "REGISTER", s_account ("bob", "secret"), "role"), "user");
    free (token);
}

Test (auth, the_end_of_a_session_is_published)
{
    zsock_t *socket = NULL;
    cr_assert_eq (fst_socket_connect (ZMQ_SUB, s_events_out, NULL, &socket), FST_OK);
    zsock_set_subscribe (socket, "revoked");
    s_register ("alice", "secret");
    //  A subscription takes its time; ends of sessions are published until one is heard
    zmsg_t *event = NULL;
    int64_t deadline = fst_clock_mono_ms () + DEADLINE_MS;
    while (!event && fst_clock_mono_ms () < deadline) {
        char *token = s_login ("alice", "secret");
        s_log_out (token);
        free (token);
        zsock_set_rcvtimeo (socket, 100);
        event = zmsg_recv (socket);
    }
    cr_assert_not_null (event);
    cr_assert (zframe_streq (zmsg_first (event), "revoked"));
    zframe_t *body = zmsg_next (event);
    json_t *value = json_loadb ((const char *) zframe_data (body), zframe_size (body), 0, NULL);
    cr_assert_eq (strlen (json_string_value (json_object_get (value, "session"))), 32);
    cr_assert_gt (json_integer_value (json_object_get (value, "expires_ms")), fst_clock_wall_ms ());
    json_decref (value);
    zmsg_destroy (&event);
    zsock_destroy (&socket);
}

//  ---- Another actor, which lets people in (NOT_FOUND) unless their session has ended (EXPIRED)

static void
s_let_in (void *self, fst_request_t **request_p)
{
    (void) self;
    fst_request_fail (request_p, FST_NOT_FOUND, NULL);
}

static const fst_command_t s_other_commands [] = {
    { "STATUS", FST_NEED_USER, s_let_in },
    { NULL }
};

static fst_actor_t *
s_start_other (const char *events_out)
{
    static const fst_actor_class_t class = { .commands = s_other_commands };
    fst_actor_options_t options = {
        .service = "metadata", .lanes = 1, .broker = s_actors, .events_out = events_out, .keys = s_actor_keys
    };
    fst_actor_t *actor = NULL;
    char *problem = NULL;
    cr_assert_eq (fst_actor_new (&class, &options, NULL, &actor, &problem), FST_OK, "%s", problem);
    return actor;
}

static fst_rc_t
s_ask_other (const char *token)
{
    int64_t deadline = fst_clock_mono_ms () + DEADLINE_MS;
    fst_rc_t rc;
    fst_caller_set_token (s_caller, token);
    do
        rc = fst_caller_call (s_caller, "metadata", "STATUS", NULL, NULL);
    while (rc == FST_UNAVAILABLE && fst_clock_mono_ms () < deadline);
    return rc;
}

//  Ask until the other actor refuses the token.
static void
s_wait_refused (const char *token)
{
    int64_t deadline = fst_clock_mono_ms () + DEADLINE_MS;
    fst_rc_t rc;
    while ((rc = s_ask_other (token)) == FST_NOT_FOUND && fst_clock_mono_ms () < deadline)
        usleep (1000);
    cr_assert_eq (rc, FST_EXPIRED, "%s", fst_error_code (rc));
}

Test (auth, every_actor_hears_which_sessions_ended)
{
    s_register ("alice", "secret");
    char *early = s_login ("alice", "secret"), *late = s_login ("alice", "secret"), *kept = s_login ("alice", "secret");
    s_log_out (early);
    fst_actor_t *other = s_start_other (s_events_out);
    s_wait_refused (early);                     //  From the list: the event is long over. Then it has subscribed
    cr_assert_eq (s_ask_other (late), FST_NOT_FOUND);
    s_log_out (late);
    s_wait_refused (late);                      //  By the event: the next list comes too late
    cr_assert_eq (s_ask_other (kept), FST_NOT_FOUND);
    fst_actor_destroy (&other);
    free (early);
    free (late);
    free (kept);
}

Test (auth, an_actor_without_events_asks_for_the_list)
{
    s_register ("alice", "secret");
    char *token = s_login ("alice", "secret");
    s_log_out (token);
    fst_auth_destroy (&s_auth);                 //  Not there at first
    fst_actor_t *other = s_start_other (NULL);
    cr_assert_eq (s_ask_other (token), FST_NOT_FOUND);
    s_start_auth ();
    s_wait_refused (token);
    fst_actor_destroy (&other);
    free (token);
}

//  What another connection sees is committed.
static int
s_committed (const char *sql)
{
    sqlite3 *sqlite;
    sqlite3_stmt *statement;
    cr_assert_eq (sqlite3_open_v2 (s_file ("auth.db"), &sqlite, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_db_config (sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    cr_assert_eq (sqlite3_prepare_v2 (sqlite, sql, -1, &statement, NULL), SQLITE_OK);
    cr_assert_eq (sqlite3_step (statement), SQLITE_ROW);
    int value = sqlite3_column_int (statement, 0);
    sqlite3_finalize (statement);
    sqlite3_close (sqlite);
    return value;
}

Test (auth, an_answer_comes_after_the_commit)
{
    s_register ("alice", "secret");
    cr_assert_eq (s_committed ("SELECT count (*) FROM users"), 1);
    char *token = s_login ("alice", "secret");
    cr_assert_geq (s_committed ("SELECT count (*) FROM sessions"), 1);
    cr_assert_eq (s_try (token, "CHANGE_PASSWORD", s_passwords ("secret", "better")), FST_OK);
    cr_assert_eq (s_committed ("SELECT changes FROM users"), 1);
    s_log_out (token);
    cr_assert_geq (s_committed ("SELECT count (*) FROM revoked"), 1);
    free (token);
}

//  ---- What must not happen

Test (auth, passwords_and_tokens_are_never_logged)
{
    int log = open (s_file ("log"), O_RDWR | O_CREAT, 0600), before = dup (STDERR_FILENO);
    cr_assert_geq (log, 0);
    dup2 (log, STDERR_FILENO);
    fst_log_set_level (FST_LOG_DEBUG);
    s_register ("alice", "first-password");
    char *token = s_login ("alice", "first-password");
    cr_assert_eq (s_try (NULL, "LOGIN", s_account ("alice", "guessed-password")), FST_WRONG_PASSWORD);
    cr_assert_eq (s_try (NULL, "LOGIN", json_pack ("{s:s, s:s, s:s}", "name", "alice", "password", "extra-password",
                                                   "more", "x")), FST_MALFORMED);
    cr_assert_eq (s_try (token, "CHANGE_PASSWORD", s_passwords ("first-password", "second-password")), FST_OK);
    s_log_out (token);
    fst_auth_destroy (&s_auth);
    dup2 (before, STDERR_FILENO);
    close (before);

    static char text [1 << 20];
    ssize_t bytes = pread (log, text, sizeof (text) - 1, 0);
    cr_assert_gt (bytes, 0, "something was logged");
    text [bytes] = 0;
    cr_assert_not_null (strstr (text, "login user=alice"), "%s", text);
    cr_assert_null (strstr (text, "-password"), "%s", text);
    cr_assert_null (strstr (text, token), "%s", text);
    cr_assert_null (strstr (text, "argon2"), "%s", text);
    close (log);
    free (token);
}

Test (auth, ending_answers_what_is_under_way)
{
    s_set ("hash-threads", "1");
    s_restart_auth ();
    atomic_store (&s_slow_ms, 500);
    cr_assert_eq (s_verify ("AAAA"), FST_UNAUTHENTICATED);
    uint64_t ticket;
    for (int at = 0; at < 8; at++)
        cr_assert_eq (fst_caller_send (s_caller, "auth", "LOGIN", s_account ("nobody", "guess"), &ticket), FST_OK);
    while (atomic_load (&s_compared) == 0)      //  ctest's timeout is the deadline
        usleep (1000);
    fst_auth_destroy (&s_auth);
    cr_assert_lt (atomic_load (&s_compared), 8, "what waited was given up");
    for (int answers = 0; answers < 8; ) {
        fst_rc_t rc;
        json_t *reply = NULL;
        if (fst_caller_receive (s_caller, &ticket, &rc, &reply)) {
            cr_assert (rc == FST_WRONG_PASSWORD || rc == FST_UNAVAILABLE || rc == FST_BUSY, "%s", fst_error_code (rc));
            answers++;
            continue;
        }
        zmq_pollitem_t item = { .socket = zsock_resolve (fst_caller_socket (s_caller)), .events = ZMQ_POLLIN };
        zmq_poll (&item, 1, (long) fst_caller_wait_ms (s_caller));
    }
}

//  ---- Sessions of one's own

static json_t *
s_sessions (const char *token)
{
    json_t *reply = NULL;
    cr_assert_eq (s_call (token, "LIST_SESSIONS", NULL, &reply), FST_OK, "%s", fst_caller_problem (s_caller));
    json_t *sessions = json_incref (json_object_get (reply, "sessions"));
    json_decref (reply);
    return sessions;
}

Test (auth, before_the_first_account_everybody_may_know_that)
{
    json_t *reply = NULL;
    cr_assert_eq (s_call (NULL, "FIRST", NULL, &reply), FST_OK);
    cr_assert (json_is_true (json_object_get (reply, "first")));
    json_decref (reply);
    s_register ("alice", "secret");
    cr_assert_eq (s_call (NULL, "FIRST", NULL, &reply), FST_OK);
    cr_assert (json_is_false (json_object_get (reply, "first")));
    json_decref (reply);
}

Test (auth, people_see_their_own_sessions_and_end_any_of_them)
{
    s_register ("alice", "secret");
    s_register ("bob", "secret");
    char *first = s_login ("alice", "secret"), *second = s_login ("alice", "secret"), *bob = s_login ("bob", "secret");
    json_t *sessions = s_sessions (first), *row;
    fst_claims_t claims;
    char other [2 * FST_SESSION_BYTES + 1];
    cr_assert_eq (fst_token_verify (second, s_actor_keys->sign_public, fst_clock_wall_ms (), &claims), FST_OK);
    fst_hex_encode (claims.session, FST_SESSION_BYTES, other);
    size_t at, current = 0, others = 0;
    json_array_foreach (sessions, at, row) {        //  A login that was sent twice began another one
        current += json_is_true (json_object_get (row, "current"));
        others += strcmp (json_string_value (json_object_get (row, "session")), other) == 0;
    }
    cr_assert (current == 1 && others == 1);
    cr_assert_eq (s_try (bob, "END_SESSION", json_pack ("{s:s}", "session", other)), FST_NOT_FOUND);
    cr_assert_eq (s_verify (second), FST_OK);
    fst_rc_t rc = s_try (first, "END_SESSION", json_pack ("{s:s}", "session", other));
    cr_assert (rc == FST_OK || rc == FST_NOT_FOUND, "%s", fst_error_code (rc));
    cr_assert_eq (s_verify (second), FST_EXPIRED);
    cr_assert_eq (s_try (second, "LIST_SESSIONS", NULL), FST_EXPIRED);
    cr_assert_eq (s_verify (first), FST_OK);
    cr_assert_eq (s_try (first, "END_SESSION", json_pack ("{s:s}", "session", other)), FST_OK, "a lost reply is asked for again");
    cr_assert_eq (s_try (first, "END_SESSION", json_pack ("{s:s}", "session", "00000000000000000000000000000000")), FST_NOT_FOUND);
    cr_assert_eq (s_try (NULL, "LIST_SESSIONS", NULL), FST_UNAUTHENTICATED);
    json_decref (sessions);
    free (first);
    free (second);
    free (bob);
}

Test (auth, a_session_that_is_renewed_was_used)
{
    s_register ("alice", "secret");
    char *token = s_login ("alice", "secret");
    json_t *before = s_sessions (token);
    int64_t used_ms = json_integer_value (json_object_get (json_array_get (before, 0), "used_ms"));
    while (fst_clock_wall_ms () <= used_ms)
        usleep (100);
    free (s_get (token, "RENEW", NULL, "token"));
    json_t *after = s_sessions (token);
    cr_assert_gt (json_integer_value (json_object_get (json_array_get (after, 0), "used_ms")), used_ms);
    json_decref (before);
    json_decref (after);
    free (token);
}
