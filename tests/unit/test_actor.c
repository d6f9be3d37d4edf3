//  Rules of the actor loop, with a real broker and a made-up auth service.

#include <criterion/criterion.h>
#include <signal.h>
#include <sodium.h>
#include <sys/wait.h>
#include "bus_fixture.h"
#include "fst_actor.h"
#include "fst_caller.h"
#include "fst_gate.h"
#include "fst_mdp.h"
#include "fst_schema.h"
#include "fst_socket.h"

#define WITHIN_MS 60000     //  A condition that takes longer is a failure

//  ---- The service under test

typedef struct {
    fst_actor_t *actor;
    zlist_t *held;              //  Requests for "slow", answered by tick or stop
    bool release;               //  Set by another thread: answer what is held
    bool hold_all;
    int handled, flushes, events, stopped;
    int64_t last_expires_ms;
    char *start_problem;        //  start fails with this
    int fd_reads;
    int pipe [2];
} service_t;

static void
s_echo (void *arg, fst_request_t **request_p)
{
    service_t *self = arg;
    const char *text = json_string_value (json_object_get (fst_request_payload (*request_p), "token"));
    __atomic_add_fetch (&self->handled, 1, __ATOMIC_SEQ_CST);
    if (strcmp (text, "slow") == 0) {
        zlist_append (self->held, *request_p);
        *request_p = NULL;
    }
    else
    if (strcmp (text, "dies") == 0)
        fst_request_fail (request_p, FST_NOT_FOUND, "no %s here", text);
    else
        fst_request_reply (request_p, json_pack ("{s:s, s:s, s:s, s:i}", "user", text, "role", "user",
                           "session", "00000000000000000000000000000000", "expires_ms", 0));
}

static void
s_status (void *arg, fst_request_t **request_p)
{
    service_t *self = arg;
    fst_request_reply (request_p, json_pack ("{s:i, s:i}", "users",
                       (int) strlen (fst_request_claims (*request_p)->name), "sessions", self->events));
}

static void
s_nothing (void *arg, fst_request_t **request_p)
{
    (void) arg;
    fst_request_reply (request_p, NULL);
}

static void
s_list_revoked (void *arg, fst_request_t **request_p)
{
    (void) arg;
    fst_request_reply (request_p, json_pack ("{s:[]}", "sessions"));
}

static void
s_forget (void *arg, fst_request_t **request_p)
{
    (void) arg;
    (void) request_p;
}

static void
s_logout (void *arg, fst_request_t **request_p)
{
    service_t *self = arg;
    const fst_claims_t *claims = fst_request_claims (*request_p);
    char session [33];
    fst_hex_encode (claims->session, FST_SESSION_BYTES, session);
    fst_actor_revoke (self->actor, claims->session, claims->expires_ms);
    fst_actor_publish (self->actor, "revoked", json_pack ("{s:s, s:I}", "session", session,
                       "expires_ms", (json_int_t) claims->expires_ms));
    fst_request_reply (request_p, NULL);
}

//  A call to itself on another lane.
static void
s_called (void *arg, fst_rc_t rc, json_t *reply)
{
    fst_request_t *request = arg;
    if (rc == FST_OK)
        fst_request_reply (&request, json_pack ("{s:s, s:s}", "user",
                           json_string_value (json_object_get (reply, "user")), "role", "user"));
    else
        fst_request_fail (&request, rc, NULL);
}

static void
s_register (void *arg, fst_request_t **request_p)
{
    service_t *self = arg;
    const char *user = json_string_value (json_object_get (fst_request_payload (*request_p), "name"));
    fst_actor_call (self->actor, "auth", "VERIFY", json_pack ("{s:s}", "token", user), s_called, *request_p);
    *request_p = NULL;
}

static const fst_command_t s_commands [] = {
    { "VERIFY",          FST_NEED_NOTHING, s_echo },
    { "STATUS",          FST_NEED_USER,    s_status },
    { "RENEW",           FST_NEED_ADMIN,   s_nothing },         //  Breaks its reply's schema
    { "LIST_REVOKED",    FST_NEED_ACTOR,   s_list_revoked },
    { "CHANGE_PASSWORD", FST_NEED_NOTHING, s_forget },
    { "LOGOUT",          FST_NEED_USER,    s_logout },
    { "REGISTER",        FST_NEED_NOTHING, s_register },
    { NULL }
};

static void
s_revoked (void *arg, const char *topic, json_t *body)
{
    service_t *self = arg;
    cr_expect_str_eq (topic, "revoked");
    self->last_expires_ms = json_integer_value (json_object_get (body, "expires_ms"));
    __atomic_add_fetch (&self->events, 1, __ATOMIC_SEQ_CST);
}

static const fst_topic_t s_topics [] = {
    { "revoked", s_revoked },
    { NULL }
};

static void
s_readable (void *arg)
{
    service_t *self = arg;
    char octet;
    if (read (self->pipe [0], &octet, 1) == 1)
        __atomic_add_fetch (&self->fd_reads, 1, __ATOMIC_SEQ_CST);
}

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    service_t *self = arg;
    self->actor = actor;
    if (self->start_problem) {
        *problem_p = strdup (self->start_problem);
        return FST_IO;
    }
    self->held = zlist_new ();
    int rc = pipe (self->pipe);
    cr_assert_eq (rc, 0);
    fst_actor_add_fd (actor, self->pipe [0], s_readable, self);
    return FST_OK;
}

static void
s_flush (void *arg)
{
    service_t *self = arg;
    self->flushes++;
}

static void
s_answer_held (service_t *self)
{
    fst_request_t *request;
    while ((request = zlist_pop (self->held)))
        fst_request_reply (&request, json_pack ("{s:s, s:s, s:s, s:i}", "user", "slow", "role", "user",
                           "session", "00000000000000000000000000000000", "expires_ms", 0));
}

static int64_t
s_tick (void *arg, int64_t now_ms)
{
    service_t *self = arg;
    if (__atomic_load_n (&self->release, __ATOMIC_SEQ_CST))
        s_answer_held (self);
    return now_ms + 10;
}

static void
s_stop (void *arg)
{
    service_t *self = arg;
    s_answer_held (self);
    zlist_destroy (&self->held);
    close (self->pipe [0]);
    close (self->pipe [1]);
    self->stopped++;
}

static const fst_actor_class_t s_class = {
    .commands = s_commands, .topics = s_topics,
    .start = s_start, .flush = s_flush, .tick = s_tick, .stop = s_stop
};

//  ---- Fixture

static bus_t bus;
static service_t service;
static fst_keys_t keys;
static uint8_t secret [FST_SIGN_SECRET_BYTES];
static fst_actor_t *actor;
static fst_caller_t *caller;

static fst_actor_t *
s_actor_new (service_t *of, const char *name, unsigned lanes)
{
    fst_actor_options_t options = {
        .service = name, .lanes = lanes, .broker = bus.actors,
        .events_in = bus.events_in, .events_out = bus.events_out, .keys = &keys
    };
    fst_actor_t *made = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_actor_new (&s_class, &options, of, &made, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem? problem: "");
    return made;
}

//  Until the broker knows the service.
static void
s_wait_served (fst_caller_t *by)
{
    fst_rc_t rc;
    int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
    do
        rc = fst_caller_call (by, "auth", "DANCE", NULL, NULL);
    while (rc != FST_UNKNOWN_COMMAND && fst_clock_mono_ms () < until_ms);
    cr_assert_eq (rc, FST_UNKNOWN_COMMAND, "%s", fst_caller_problem (by));
}

static void
s_setup (void)
{
    zsys_handler_set (NULL);
    setenv ("FST_CHECK_REPLIES", "1", 1);
    int rc = sodium_init ();
    cr_assert (rc >= 0);
    crypto_sign_keypair (keys.sign_public, secret);
    bus = bus_new ();
    bus_start (&bus);
    actor = s_actor_new (&service, "auth", 16);
    caller = fst_caller_new (bus.clients, NULL, WITHIN_MS, WITHIN_MS);
    s_wait_served (caller);
}

static void
s_teardown (void)
{
    fst_caller_destroy (&caller);
    fst_actor_destroy (&actor);
    bus_remove (&bus);
}

TestSuite (actor, .init = s_setup, .fini = s_teardown, .timeout = 280);

static char *
s_token (fst_role_t role, const char *name, uint8_t session, int64_t expires_ms)
{
    fst_claims_t claims = { .role = role, .expires_ms = expires_ms };
    snprintf (claims.name, sizeof (claims.name), "%s", name);
    memset (claims.session, session, sizeof (claims.session));
    return fst_token_sign (&claims, secret);
}

static fst_rc_t
s_call_as (char *token, const char *command, json_t *payload, json_t **reply_p)
{
    fst_caller_set_token (caller, token);
    free (token);
    return fst_caller_call (caller, "auth", command, payload, reply_p);
}

static fst_rc_t
s_verify (const char *text)
{
    json_t *reply = NULL;
    fst_rc_t rc = fst_caller_call (caller, "auth", "VERIFY", json_pack ("{s:s}", "token", text), &reply);
    if (rc == FST_OK)
        cr_expect_str_eq (json_string_value (json_object_get (reply, "user")), text);
    json_decref (reply);
    return rc;
}

//  Wait until it is at least that. More than one expects comes of requests that were sent twice.
static bool
s_becomes (int *value, int wanted)
{
    int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
    while (__atomic_load_n (value, __ATOMIC_SEQ_CST) < wanted) {
        if (fst_clock_mono_ms () > until_ms)
            return false;
        zclock_sleep (5);
    }
    return true;
}

//  Wait for the result of any call that was sent.
static bool
s_receive (uint64_t *ticket_p, fst_rc_t *rc_p)
{
    int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
    bool got = false;
    while (!got && fst_clock_mono_ms () < until_ms) {
        json_t *reply = NULL;
        zmq_pollitem_t item = { zsock_resolve (fst_caller_socket (caller)), 0, ZMQ_POLLIN, 0 };
        zmq_poll (&item, 1, fst_caller_wait_ms (caller));
        got = fst_caller_receive (caller, ticket_p, rc_p, &reply);
        json_decref (reply);
    }
    return got;
}

//  ---- Requests

Test (actor, a_request_is_answered)
{
    cr_expect_eq (s_verify ("hell"), FST_OK);
    cr_expect (service.flushes > 0);
}

Test (actor, a_refusal_carries_its_code_and_sentence)
{
    cr_expect_eq (s_verify ("dies"), FST_NOT_FOUND);
    cr_expect_str_eq (fst_caller_problem (caller), "no dies here");
}

Test (actor, an_unknown_command_is_refused)
{
    fst_rc_t rc = fst_caller_call (caller, "auth", "DANCE", NULL, NULL);
    cr_expect_eq (rc, FST_UNKNOWN_COMMAND);
}

Test (actor, a_message_against_its_schema_never_reaches_the_handler)
{
    fst_rc_t rc = fst_caller_call (caller, "auth", "VERIFY", json_pack ("{s:i}", "token", 5), NULL);
    cr_expect_eq (rc, FST_MALFORMED);
    cr_expect (strstr (fst_caller_problem (caller), "token"), "%s", fst_caller_problem (caller));
    cr_expect_eq (service.handled, 0);
}

Test (actor, a_reply_against_its_schema_is_our_fault)
{
    fst_rc_t rc = s_call_as (s_token (FST_ROLE_ADMIN, "root", 1, 0), "RENEW", NULL, NULL);
    cr_expect_eq (rc, FST_INTERNAL);
}

Test (actor, a_request_that_the_handler_forgets_is_answered)
{
    fst_rc_t rc = fst_caller_call (caller, "auth", "CHANGE_PASSWORD", json_pack ("{s:s, s:s}", "old", "a", "new", "b"),
                                   NULL);
    cr_expect_eq (rc, FST_INTERNAL);
}

Test (actor, a_body_that_is_no_envelope_is_answered_with_its_id)
{
    zsock_t *raw = NULL;
    fst_rc_t rc = fst_socket_connect (ZMQ_DEALER, bus.clients, NULL, &raw);
    cr_assert_eq (rc, FST_OK);
    zsock_set_sndtimeo (raw, WITHIN_MS);
    zsock_set_rcvtimeo (raw, WITHIN_MS);
    zstr_sendx (raw, "MDPC02", "\1", "auth", "{\"id\":\"abc\",\"shoe\":1}", NULL);
    zmsg_t *reply = zmsg_recv (raw);
    if (reply && zmsg_content_size (reply) == 0) {      //  The greeting
        zmsg_destroy (&reply);
        reply = zmsg_recv (raw);
    }
    cr_assert (reply);
    char *body = zframe_strdup (zmsg_last (reply));
    cr_expect (strstr (body, "\"id\":\"abc\"") && strstr (body, "malformed"), "%s", body);
    free (body);
    zmsg_destroy (&reply);
    zsock_destroy (&raw);
}

Test (actor, tokens_are_checked_by_need)
{
    int64_t soon = fst_clock_wall_ms () + 3600000;
    const struct { const char *command; fst_role_t role; fst_rc_t rc; } rows [] = {
        { "STATUS",       FST_ROLE_USER,  FST_OK },
        { "STATUS",       FST_ROLE_ADMIN, FST_OK },
        { "STATUS",       FST_ROLE_ACTOR, FST_DENIED },
        { "RENEW",        FST_ROLE_USER,  FST_DENIED },
        { "LIST_REVOKED", FST_ROLE_ACTOR, FST_OK },
        { "LIST_REVOKED", FST_ROLE_ADMIN, FST_DENIED },
    };
    for (size_t row = 0; row < sizeof (rows) / sizeof (rows [0]); row++) {
        fst_rc_t rc = s_call_as (s_token (rows [row].role, "who", 1, soon), rows [row].command, NULL, NULL);
        cr_expect_eq (rc, rows [row].rc, "row %zu gives %s", row, fst_error_code (rc));
    }
    fst_rc_t rc = s_call_as (NULL, "STATUS", NULL, NULL);
    cr_expect_eq (rc, FST_UNAUTHENTICATED);
    rc = s_call_as (strdup ("AAAA"), "STATUS", NULL, NULL);
    cr_expect_eq (rc, FST_UNAUTHENTICATED);
    rc = s_call_as (s_token (FST_ROLE_USER, "late", 1, fst_clock_wall_ms () - 1), "STATUS", NULL, NULL);
    cr_expect_eq (rc, FST_EXPIRED);
}

Test (actor, a_remembered_token_still_expires)
{
    fst_rc_t rc = FST_EXPIRED;
    for (int64_t lasts_ms = 300; rc == FST_EXPIRED && lasts_ms < WITHIN_MS; lasts_ms *= 2)      //  Until it comes in time
        rc = s_call_as (s_token (FST_ROLE_USER, "brief", 1, fst_clock_wall_ms () + lasts_ms), "STATUS", NULL, NULL);
    cr_expect_eq (rc, FST_OK);
    int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
    while (rc == FST_OK && fst_clock_mono_ms () < until_ms)
        rc = fst_caller_call (caller, "auth", "STATUS", NULL, NULL);
    cr_expect_eq (rc, FST_EXPIRED);
}

Test (actor, a_revoked_session_is_refused_and_others_are_not)
{
    int64_t soon = fst_clock_wall_ms () + 3600000;
    fst_rc_t rc = s_call_as (s_token (FST_ROLE_USER, "alice", 1, soon), "LOGOUT", NULL, NULL);
    cr_expect (rc == FST_OK || rc == FST_EXPIRED, "the same sent twice finds the session ended");
    rc = s_call_as (s_token (FST_ROLE_USER, "alice", 1, soon), "STATUS", NULL, NULL);
    cr_expect_eq (rc, FST_EXPIRED);
    rc = s_call_as (s_token (FST_ROLE_USER, "alice", 2, soon), "STATUS", NULL, NULL);
    cr_expect_eq (rc, FST_OK);
    rc = s_call_as (NULL, "STATUS", NULL, NULL);
    cr_expect_eq (rc, FST_UNAUTHENTICATED);
}

Test (actor, an_actor_can_call_a_service)
{
    json_t *reply = NULL;
    fst_rc_t rc = fst_caller_call (caller, "auth", "REGISTER", json_pack ("{s:s, s:s}", "name", "caro", "password", "x"),
                                   &reply);
    cr_expect_eq (rc, FST_OK, "%s", fst_caller_problem (caller));
    cr_expect_str_eq (json_string_value (json_object_get (reply, "user")), "caro");
    json_decref (reply);
}

Test (actor, a_file_descriptor_is_served)
{
    cr_assert_eq (write (service.pipe [1], "x", 1), 1);
    cr_expect (s_becomes (&service.fd_reads, 1));
}

//  ---- Many at once

Test (actor, hundreds_of_overlapping_calls_are_all_answered_once)
{
    uint64_t tickets [500], ticket;             //  Half of what waits at the broker for one service: should it get all twice
    static bool seen [500];
    for (int at = 0; at < 500; at++) {
        fst_rc_t rc = fst_caller_send (caller, "auth", "VERIFY", json_pack ("{s:s}", "token", "abcd"), &tickets [at]);
        cr_assert_eq (rc, FST_OK);
    }
    int answered = 0;
    int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
    while (answered < 500 && fst_clock_mono_ms () < until_ms) {
        fst_rc_t rc;
        json_t *reply;
        zmq_pollitem_t item = { zsock_resolve (fst_caller_socket (caller)), 0, ZMQ_POLLIN, 0 };
        zmq_poll (&item, 1, fst_caller_wait_ms (caller));
        while (fst_caller_receive (caller, &ticket, &rc, &reply)) {
            cr_expect_eq (rc, FST_OK);
            cr_assert (ticket >= tickets [0] && ticket <= tickets [499]);
            cr_expect_not (seen [ticket - tickets [0]]);
            seen [ticket - tickets [0]] = true;
            json_decref (reply);
            answered++;
        }
    }
    cr_expect_eq (answered, 500);
    cr_expect_geq (service.handled, 500);
}

Test (actor, a_slow_request_does_not_hold_up_the_others)
{
    uint64_t slow, ticket;
    fst_rc_t rc = fst_caller_send (caller, "auth", "VERIFY", json_pack ("{s:s}", "token", "slow"), &slow);
    cr_assert_eq (rc, FST_OK);
    cr_expect_eq (s_verify ("quic"), FST_OK);
    __atomic_store_n (&service.release, true, __ATOMIC_SEQ_CST);
    cr_expect (s_receive (&ticket, &rc));
    cr_expect (ticket == slow && rc == FST_OK);
}

//  ---- Events

Test (actor, a_published_event_reaches_a_subscriber)
{
    service_t listener = { 0 };
    fst_actor_t *other = s_actor_new (&listener, "auth", 1);
    int64_t soon = fst_clock_wall_ms () + 3600000;
    int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
    uint8_t session = 0;
    //  A subscription takes a moment to arrive, and events may be lost until then
    while (!__atomic_load_n (&listener.events, __ATOMIC_SEQ_CST) && fst_clock_mono_ms () < until_ms) {
        fst_rc_t rc = s_call_as (s_token (FST_ROLE_USER, "alice", ++session, soon), "LOGOUT", NULL, NULL);
        cr_expect (rc == FST_OK || rc == FST_EXPIRED, "the same sent twice finds the session ended");
    }
    cr_expect (listener.events > 0);
    cr_expect_eq (listener.last_expires_ms, soon);
    fst_actor_destroy (&other);
}

Test (actor, an_event_against_its_schema_is_dropped)
{
    zsock_t *publisher = NULL;
    fst_rc_t rc = fst_socket_connect (ZMQ_PUB, bus.events_in, NULL, &publisher);
    cr_assert_eq (rc, FST_OK);
    int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
    while (!__atomic_load_n (&service.events, __ATOMIC_SEQ_CST) && fst_clock_mono_ms () < until_ms) {
        zstr_sendx (publisher, "revoked", "{\"session\":5}", NULL);
        zstr_sendx (publisher, "revoked", "not json", NULL);
        zstr_sendx (publisher, "revoked",
                    "{\"session\":\"00112233445566778899aabbccddeeff\",\"expires_ms\":77}", NULL);
        zclock_sleep (10);
    }
    cr_expect (service.events > 0);
    cr_expect_eq (service.last_expires_ms, 77);
    zsock_destroy (&publisher);
}

//  ---- Failures

Test (actor, it_serves_again_when_the_broker_returns)
{
    cr_expect_eq (s_verify ("befo"), FST_OK);
    for (int round = 0; round < 3; round++) {
        bus_stop (&bus);
        if (round == 1)
            zclock_sleep (1500);        //  Long enough to be noticed; at once in the other rounds
        bus_start (&bus);
        s_wait_served (caller);
        cr_expect_eq (s_verify ("afte"), FST_OK, "round %d: %s", round, fst_caller_problem (caller));
    }
}

Test (actor, a_call_survives_the_death_of_the_broker)
{
    uint64_t slow, ticket;
    cr_expect_eq (s_verify ("warm"), FST_OK);       //  So that the connection is there
    fst_rc_t rc = fst_caller_send (caller, "auth", "VERIFY", json_pack ("{s:s}", "token", "slow"), &slow);
    cr_assert_eq (rc, FST_OK);
    cr_expect (s_becomes (&service.handled, 2));
    int before = __atomic_load_n (&service.handled, __ATOMIC_SEQ_CST);
    bus_stop (&bus);
    bus_start (&bus);
    __atomic_store_n (&service.release, true, __ATOMIC_SEQ_CST);
    cr_expect (s_receive (&ticket, &rc));
    cr_expect_eq (ticket, slow);
    cr_expect_eq (rc, FST_OK, "%s", fst_caller_problem (caller));
    cr_expect_gt (service.handled, before, "it was sent again");
}

Test (actor, it_starts_before_its_broker)
{
    fst_actor_destroy (&actor);
    bus_stop (&bus);
    static service_t early;
    actor = s_actor_new (&early, "auth", 4);
    bus_start (&bus);
    s_wait_served (caller);
    cr_expect_eq (s_verify ("hell"), FST_OK);
    fst_actor_destroy (&actor);
    cr_expect_eq (early.stopped, 1);
}

Test (actor, a_restarted_actor_serves_and_what_it_held_was_answered)
{
    uint64_t slow, ticket;
    cr_expect_eq (s_verify ("warm"), FST_OK);       //  So that the connection is there
    fst_rc_t rc = fst_caller_send (caller, "auth", "VERIFY", json_pack ("{s:s}", "token", "slow"), &slow);
    cr_assert_eq (rc, FST_OK);
    cr_expect (s_becomes (&service.handled, 2));
    fst_actor_destroy (&actor);
    cr_expect_eq (service.stopped, 1);
    static service_t next = { .release = true };    //  Should it come to this one, too
    actor = s_actor_new (&next, "auth", 4);
    s_wait_served (caller);
    cr_expect_eq (s_verify ("hell"), FST_OK);
    cr_expect (s_receive (&ticket, &rc));
    cr_expect_eq (ticket, slow);
    cr_expect_eq (rc, FST_OK, "%s", fst_caller_problem (caller));
    fst_actor_destroy (&actor);
}

Test (actor, a_start_that_fails_says_why)
{
    service_t broken = { .start_problem = "the disk is gone" };
    fst_actor_options_t options = { .service = "auth", .lanes = 1, .broker = bus.actors, .keys = &keys };
    fst_actor_t *made = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_actor_new (&s_class, &options, &broken, &made, &problem);
    cr_expect_eq (rc, FST_IO);
    cr_expect_str_eq (problem, "the disk is gone");
    cr_expect_null (made);
    free (problem);

    options.broker = "udp://nowhere";
    rc = fst_actor_new (&s_class, &options, &broken, &made, &problem);
    cr_expect_eq (rc, FST_MALFORMED);
    free (problem);
}

//  ---- A broker in another process, killed or stopped for real

typedef struct {
    pid_t pid;
    int say, hear;              //  Pipes: start when told, tell when started
} s_process_t;

//  Has to be made before anything of ZeroMQ in this process.
static s_process_t
s_fork_broker (void)
{
    int down [2], up [2];
    cr_assert (pipe (down) == 0 && pipe (up) == 0);
    s_process_t process = { .pid = fork (), .say = down [1], .hear = up [0] };
    if (process.pid == 0) {
        char octet;
        close (down [1]);
        close (up [0]);
        zsys_handler_set (NULL);
        if (read (down [0], &octet, 1) == 1) {
            bus_start (&bus);
            if (write (up [1], "x", 1) == 1 && read (down [0], &octet, 1) == 0)
                bus_stop (&bus);        //  The test has ended
        }
        _exit (0);
    }
    close (down [0]);
    close (up [1]);
    return process;
}

static void
s_start_broker (s_process_t *process)
{
    char octet;
    cr_assert (write (process->say, "x", 1) == 1 && read (process->hear, &octet, 1) == 1);
}

static void
s_end_broker (s_process_t *process, int signal)
{
    if (signal)
        kill (process->pid, signal);
    close (process->say);
    close (process->hear);
    waitpid (process->pid, NULL, 0);
}

static void
s_connect_both (void)
{
    zsys_handler_set (NULL);
    actor = s_actor_new (&service, "auth", 8);
    caller = fst_caller_new (bus.clients, NULL, WITHIN_MS, WITHIN_MS);
    s_wait_served (caller);
}

Test (killed, a_broker_that_is_killed_and_started_again_is_found, .timeout = 280)
{
    bus = bus_new ();
    s_process_t first = s_fork_broker (), second = s_fork_broker ();
    s_start_broker (&first);
    s_connect_both ();
    cr_expect_eq (s_verify ("befo"), FST_OK, "%s", fst_caller_problem (caller));
    s_end_broker (&first, SIGKILL);
    s_start_broker (&second);
    s_wait_served (caller);
    cr_expect_eq (s_verify ("afte"), FST_OK, "%s", fst_caller_problem (caller));
    fst_caller_destroy (&caller);
    fst_actor_destroy (&actor);
    s_end_broker (&second, 0);
    bus_remove (&bus);
}

Test (killed, a_broker_that_hangs_is_unreachable_and_found_again_when_it_goes_on, .timeout = 280)
{
    bus = bus_new ();
    s_process_t process = s_fork_broker ();
    s_start_broker (&process);
    s_connect_both ();
    cr_expect_eq (s_verify ("befo"), FST_OK, "%s", fst_caller_problem (caller));
    fst_caller_t *other = fst_caller_new (bus.clients, NULL, 3000, WITHIN_MS);
    s_wait_served (other);
    kill (process.pid, SIGSTOP);
    fst_rc_t rc = fst_caller_call (other, "auth", "STATUS", NULL, NULL);
    cr_expect_eq (rc, FST_UNREACHABLE, "%s", fst_caller_problem (other));
    fst_caller_destroy (&other);
    zclock_sleep (FST_MDP_HEARTBEAT_MS * (FST_MDP_LIVENESS + 1));       //  Until the lanes have noticed as well
    kill (process.pid, SIGCONT);
    s_wait_served (caller);
    cr_expect_eq (s_verify ("goes"), FST_OK, "%s", fst_caller_problem (caller));
    fst_caller_destroy (&caller);
    fst_actor_destroy (&actor);
    s_end_broker (&process, 0);
    bus_remove (&bus);
}

//  ---- TCP: keys, the gate, and roles

static fst_gate_t *gate;
static fst_keys_t *broker_keys, *auth_keys, *node_keys, *client_keys;
static char clients [128], actors [128], events_in [128], events_out [128];

static fst_keys_t *
s_load (const char *name)
{
    char *problem = NULL, *filename = zsys_sprintf ("%s/%s.key", bus.folder, name);
    fst_keys_t *loaded = NULL;
    fst_rc_t rc = fst_keys_load (filename, &loaded, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
    free (filename);
    return loaded;
}

static void
s_doors_setup (void)
{
    zsys_handler_set (NULL);
    bus = bus_new ();
    char *problem = NULL, *enrolled = zsys_sprintf ("%s/enrolled.zpl", bus.folder);
    fst_rc_t rc = fst_keys_create (bus.folder, 1, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
    broker_keys = s_load ("broker");
    auth_keys = s_load ("auth");
    node_keys = s_load ("node-1");
    client_keys = s_load ("client");
    gate = fst_gate_new ();
    rc = fst_gate_enrol (gate, enrolled, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
    free (enrolled);
    static const char any [] = "tcp://127.0.0.1:*";
    fst_broker_options_t options = { any, any, any, any, broker_keys };
    rc = fst_broker_new (&options, &bus.broker, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
    snprintf (clients, sizeof (clients), "%s", fst_broker_clients (bus.broker));
    snprintf (actors, sizeof (actors), "%s", fst_broker_actors (bus.broker));
    snprintf (events_in, sizeof (events_in), "%s", fst_broker_events_in (bus.broker));
    snprintf (events_out, sizeof (events_out), "%s", fst_broker_events_out (bus.broker));
}

static void
s_doors_teardown (void)
{
    fst_caller_destroy (&caller);
    fst_actor_destroy (&actor);
    bus_remove (&bus);
    fst_gate_destroy (&gate);
    fst_keys_destroy (&broker_keys);
    fst_keys_destroy (&auth_keys);
    fst_keys_destroy (&node_keys);
    fst_keys_destroy (&client_keys);
}

TestSuite (doors, .init = s_doors_setup, .fini = s_doors_teardown, .timeout = 280);

static fst_actor_t *
s_remote_actor (service_t *of, const fst_keys_t *with)
{
    fst_actor_options_t options = {
        .service = "auth", .lanes = 2, .broker = actors, .events_in = events_in, .events_out = events_out, .keys = with
    };
    fst_actor_t *made = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_actor_new (&s_class, &options, of, &made, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
    return made;
}

Test (doors, an_enrolled_actor_serves_and_publishes)
{
    actor = s_remote_actor (&service, auth_keys);
    caller = fst_caller_new (clients, client_keys, WITHIN_MS, WITHIN_MS);
    s_wait_served (caller);
    cr_expect_eq (s_verify ("hell"), FST_OK, "%s", fst_caller_problem (caller));
    memcpy (secret, auth_keys->sign_secret, sizeof (secret));
    int64_t soon = fst_clock_wall_ms () + 3600000, until_ms = fst_clock_mono_ms () + WITHIN_MS;
    uint8_t session = 0;
    while (!__atomic_load_n (&service.events, __ATOMIC_SEQ_CST) && fst_clock_mono_ms () < until_ms) {
        fst_rc_t rc = s_call_as (s_token (FST_ROLE_USER, "alice", ++session, soon), "LOGOUT", NULL, NULL);
        cr_expect (rc == FST_OK || rc == FST_EXPIRED, "the same sent twice finds the session ended");
    }
    cr_expect (service.events > 0);
}

Test (doors, a_role_offers_no_other_service)
{
    actor = s_remote_actor (&service, node_keys);
    caller = fst_caller_new (clients, client_keys, WITHIN_MS, WITHIN_MS);
    cr_expect_eq (s_verify ("hell"), FST_UNAVAILABLE);
    cr_expect_eq (service.handled, 0);
}

Test (doors, a_role_publishes_no_other_topic)
{
    actor = s_remote_actor (&service, auth_keys);
    zsock_t *forger = NULL;
    fst_rc_t rc = fst_socket_connect (ZMQ_PUB, events_in, node_keys, &forger);
    cr_assert_eq (rc, FST_OK);
    zsock_t *listener = NULL;
    rc = fst_socket_connect (ZMQ_SUB, events_out, node_keys, &listener);
    cr_assert_eq (rc, FST_OK);
    zsock_set_subscribe (listener, "");
    int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
    zmsg_t *event = NULL;
    while (!event && fst_clock_mono_ms () < until_ms) {
        zstr_sendx (forger, "revoked", "{\"session\":\"00112233445566778899aabbccddeeff\",\"expires_ms\":1}", NULL);
        zstr_sendx (forger, "heartbeat.node-1", "{}", NULL);
        zclock_sleep (10);
        event = fst_socket_recv (listener, NULL, 0);
    }
    cr_assert (event, "what is allowed comes through");
    cr_expect (zframe_streq (zmsg_first (event), "heartbeat.node-1"));
    cr_expect_eq (service.events, 0);
    zmsg_destroy (&event);
    zsock_destroy (&forger);
    zsock_destroy (&listener);
}

Test (doors, a_client_does_not_get_in_where_actors_do)
{
    actor = s_remote_actor (&service, auth_keys);
    caller = fst_caller_new (actors, client_keys, 1500, WITHIN_MS);
    cr_expect_eq (s_verify ("hell"), FST_UNREACHABLE);
}

Test (doors, a_wrong_server_key_reaches_nobody)
{
    fst_keys_t wrong = *client_keys;
    memcpy (wrong.server_key, auth_keys->curve_public, sizeof (wrong.server_key));
    caller = fst_caller_new (clients, &wrong, 1500, WITHIN_MS);
    cr_expect_eq (s_verify ("hell"), FST_UNREACHABLE);
}
