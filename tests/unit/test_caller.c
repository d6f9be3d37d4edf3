//  Rules of the caller, with a broker that the test plays itself: a ROUTER, or nobody.

#include <criterion/criterion.h>
#include <sys/stat.h>
#include "bus_fixture.h"
#include "fst_caller.h"
#include "fst_socket.h"

#define WITHIN_MS 60000     //  A condition that takes longer is a failure

static bus_t bus;
static zsock_t *router;
static fst_caller_t *caller;
static zmsg_t *request;         //  The last that came, without mmi

static void
s_bind (void)
{
    char *problem = NULL;
    fst_rc_t rc = fst_socket_bind (ZMQ_ROUTER, bus.clients, "client", NULL, &router, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
}

static void
s_setup (void)
{
    zsys_handler_set (NULL);
    bus = bus_new ();
    s_bind ();
    caller = fst_caller_new (bus.clients, NULL, WITHIN_MS, WITHIN_MS);
}

//  Another one, with other patience.
static void
s_patience (int64_t connect_ms, int64_t reply_ms)
{
    fst_caller_destroy (&caller);
    caller = fst_caller_new (bus.clients, NULL, connect_ms, reply_ms);
}

static void
s_teardown (void)
{
    fst_caller_destroy (&caller);
    zmsg_destroy (&request);
    zsock_destroy (&router);
    bus_remove (&bus);
}

TestSuite (caller, .init = s_setup, .fini = s_teardown, .timeout = 280);

//  ---- Playing broker

typedef enum { GREETS = 1, PONGS = 2 } s_manners_t;

static void
s_give (zmsg_t *message)
{
    fst_rc_t rc = fst_socket_send (router, &message);
    (void) rc;                  //  The caller may have gone on to a new socket
}

//  Take what came; answer greetings and mmi if told to.
static void
s_serve (int manners)
{
    zmsg_t *message;
    while (router && (message = fst_socket_recv (router, NULL, 0))) {
        bool greeting = zmsg_size (message) == 2 && zmsg_content_size (message) == zframe_size (zmsg_first (message));
        zmsg_first (message);       //  Identity, MDPC02, command, service
        zmsg_next (message);
        zmsg_next (message);
        zframe_t *service = zmsg_next (message);
        if (greeting) {
            if (manners & GREETS)
                s_give (message);
            else
                zmsg_destroy (&message);
        }
        else
        if (service && zframe_streq (service, "mmi.service")) {
            if (manners & PONGS) {
                zframe_t *identity = zmsg_pop (message);
                zmsg_t *pong = zmsg_new ();
                zmsg_append (pong, &identity);
                zmsg_addstr (pong, "MDPC02");
                zmsg_addstr (pong, "\3");
                zmsg_addstr (pong, "mmi.service");
                zmsg_addstr (pong, "404");
                s_give (pong);
            }
            zmsg_destroy (&message);
        }
        else {
            zmsg_destroy (&request);
            request = message;
        }
    }
}

//  Id of the request that came last; caller frees.
static char *
s_request_id (void)
{
    fst_envelope_request_t envelope;
    char where [128];
    zframe_t *body = zmsg_last (request);
    fst_rc_t rc = fst_envelope_request_decode (zframe_data (body), zframe_size (body), &envelope, where, sizeof (where));
    cr_assert_eq (rc, FST_OK, "%s", where);
    char *id = strdup (envelope.id);
    fst_envelope_request_clear (&envelope);
    return id;
}

static void
s_answer (const char *command, zframe_t *body)
{
    zmsg_t *answer = zmsg_new ();
    zframe_t *identity = zframe_dup (zmsg_first (request));
    zmsg_append (answer, &identity);
    zmsg_addstr (answer, "MDPC02");
    zmsg_addstr (answer, command);
    zmsg_addstr (answer, "echo");
    zmsg_append (answer, &body);
    s_give (answer);
}

//  Both sides run until a call is done (true) or ms have gone by.
static bool
s_run (int manners, int64_t ms, fst_rc_t *rc_p, json_t **reply_p)
{
    uint64_t ticket;
    int64_t until_ms = fst_clock_mono_ms () + ms;
    while (fst_clock_mono_ms () < until_ms) {
        s_serve (manners);
        if (fst_caller_receive (caller, &ticket, rc_p, reply_p))
            return true;
        int64_t wait_ms = fst_caller_wait_ms (caller);
        zmq_pollitem_t items [] = {
            { zsock_resolve (fst_caller_socket (caller)), 0, ZMQ_POLLIN, 0 },
            { router? zsock_resolve (router): NULL, 0, ZMQ_POLLIN, 0 },
        };
        zmq_poll (items, router? 2: 1, wait_ms >= 0 && wait_ms < 20? wait_ms: 20);
    }
    return false;
}

static void
s_send_and_see (void)
{
    uint64_t ticket;
    fst_rc_t rc = fst_caller_send (caller, "echo", "SAY", json_pack ("{s:s}", "text", "hello"), &ticket);
    cr_assert_eq (rc, FST_OK);
    json_t *reply;
    for (int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS; fst_clock_mono_ms () < until_ms && !request; )
        s_run (GREETS | PONGS, 5, &rc, &reply);
    cr_assert (request, "the request came");
}

//  ---- Rules

Test (caller, frames_behind_a_reply_come_with_it_and_no_other)
{
    fst_rc_t rc = FST_INTERNAL;
    json_t *reply = NULL;
    s_send_and_see ();
    char *id = s_request_id ();
    zmsg_t *answer = zmsg_new ();
    zframe_t *identity = zframe_dup (zmsg_first (request)), *body = fst_envelope_reply_encode (id, NULL);
    zmsg_append (answer, &identity);
    zmsg_addstr (answer, "MDPC02");
    zmsg_addstr (answer, "\3");
    zmsg_addstr (answer, "echo");
    zmsg_append (answer, &body);
    zmsg_addstr (answer, "first");
    zmsg_addmem (answer, "", 0);
    zmsg_addstr (answer, "last");
    s_give (answer);
    cr_assert (s_run (GREETS, WITHIN_MS, &rc, &reply));
    cr_expect_eq (rc, FST_OK);
    zmsg_t *frames = fst_caller_frames (caller);
    cr_assert (frames);
    cr_assert_eq (zmsg_size (frames), 3);
    cr_expect (zframe_streq (zmsg_first (frames), "first"));
    cr_expect_eq (zframe_size (zmsg_next (frames)), 0);
    cr_expect (zframe_streq (zmsg_next (frames), "last"));
    json_decref (reply);
    free (id);

    zmsg_destroy (&request);
    s_send_and_see ();
    id = s_request_id ();
    s_answer ("\3", fst_envelope_reply_encode (id, NULL));
    cr_assert (s_run (GREETS, WITHIN_MS, &rc, &reply));
    cr_expect_null (fst_caller_frames (caller));
    json_decref (reply);
    free (id);
}

Test (caller, a_reply_is_matched_by_id)
{
    fst_rc_t rc = FST_INTERNAL;
    json_t *reply = NULL;
    s_send_and_see ();
    char *id = s_request_id ();
    s_answer ("\3", zframe_from ("no json"));
    s_answer ("\3", fst_envelope_reply_encode ("another", NULL));
    s_answer ("\2", fst_envelope_reply_encode (id, NULL));      //  PARTIAL
    s_answer ("\7", fst_envelope_reply_encode (id, NULL));
    json_t *payload = json_pack ("{s:i}", "n", 7);
    s_answer ("\3", fst_envelope_reply_encode (id, payload));
    s_answer ("\3", fst_envelope_reply_encode (id, NULL));      //  Once is enough
    cr_assert (s_run (GREETS, WITHIN_MS, &rc, &reply));
    cr_expect_eq (rc, FST_OK);
    cr_expect_eq (json_integer_value (json_object_get (reply, "n")), 7);
    cr_expect_eq (fst_caller_wait_ms (caller), -1);
    json_decref (payload);
    json_decref (reply);
    free (id);
}

Test (caller, an_error_of_the_service_is_the_result)
{
    fst_rc_t rc = FST_OK;
    json_t *reply = NULL;
    s_send_and_see ();
    char *id = s_request_id ();
    s_answer ("\3", fst_envelope_error_encode (id, FST_NOT_EMPTY, "there is a cat in it"));
    cr_assert (s_run (GREETS, WITHIN_MS, &rc, &reply));
    cr_expect_eq (rc, FST_NOT_EMPTY);
    cr_expect_null (reply);
    cr_expect_str_eq (fst_caller_problem (caller), "there is a cat in it");
    free (id);
}

Test (caller, a_slow_service_is_told_from_a_dead_broker)
{
    fst_rc_t rc = FST_OK;
    json_t *reply = NULL;
    s_patience (6000, 8000);
    s_send_and_see ();
    cr_assert (s_run (GREETS | PONGS, WITHIN_MS, &rc, &reply));
    cr_expect_eq (rc, FST_TIMEOUT);
    cr_expect (strstr (fst_caller_problem (caller), "SAY"), "%s", fst_caller_problem (caller));
}

Test (caller, a_silent_broker_is_unreachable)
{
    fst_rc_t rc = FST_OK;
    json_t *reply = NULL;
    s_patience (4000, 10 * WITHIN_MS);
    s_send_and_see ();
    cr_assert (s_run (0, WITHIN_MS, &rc, &reply));
    cr_expect_eq (rc, FST_UNREACHABLE);
}

Test (caller, nobody_there_is_unreachable)
{
    zsock_destroy (&router);
    s_patience (300, WITHIN_MS);
    int64_t start_ms = fst_clock_mono_ms ();
    fst_rc_t rc = fst_caller_call (caller, "echo", "SAY", NULL, NULL);
    cr_expect_eq (rc, FST_UNREACHABLE);
    cr_expect_geq (fst_clock_mono_ms () - start_ms, 300);
    cr_expect (strstr (fst_caller_problem (caller), bus.clients));
}

Test (caller, a_broker_that_comes_in_time_is_found)
{
    zsock_destroy (&router);
    uint64_t ticket;
    fst_rc_t rc = fst_caller_send (caller, "echo", "SAY", NULL, &ticket);
    cr_assert_eq (rc, FST_OK);
    json_t *reply = NULL;
    cr_expect_not (s_run (0, 500, &rc, &reply));
    s_bind ();
    int64_t start_ms = fst_clock_mono_ms ();
    while (!request && fst_clock_mono_ms () < start_ms + WITHIN_MS)
        s_run (GREETS, 5, &rc, &reply);
    cr_assert (request);
    char *id = s_request_id ();
    s_answer ("\3", fst_envelope_reply_encode (id, NULL));
    cr_expect (s_run (GREETS, WITHIN_MS, &rc, &reply));
    cr_expect_eq (rc, FST_OK);
    json_decref (reply);
    free (id);
}

//  With a greeting it is known at once that the broker is another one; without, by its silence.
static void
s_restart (int manners)
{
    fst_rc_t rc = FST_OK;
    json_t *reply = NULL;
    s_send_and_see ();
    char *id = s_request_id ();
    zmsg_destroy (&request);
    zsock_destroy (&router);
    s_bind ();
    int64_t start_ms = fst_clock_mono_ms ();
    while (!request && fst_clock_mono_ms () < start_ms + WITHIN_MS)
        s_run (manners, 5, &rc, &reply);
    cr_assert (request, "the request came again");
    char *again = s_request_id ();
    cr_expect_str_eq (again, id, "a call that is sent again keeps its id");
    free (again);
    free (id);
}

Test (caller, a_restarted_broker_gets_the_call_again_with_the_same_id)
{
    s_restart (GREETS | PONGS);
}

Test (caller, a_restarted_broker_without_manners_gets_it_too)
{
    s_restart (0);
}

Test (caller, a_broker_that_was_exchanged_behind_its_back_is_noticed_by_the_greeting)
{
    fst_rc_t rc = FST_OK;
    json_t *reply = NULL;
    s_send_and_see ();
    zmsg_destroy (&request);
    zsock_destroy (&router);
    s_bind ();
    zclock_sleep (1000);            //  libzmq connects again; the caller does not look meanwhile
    int64_t start_ms = fst_clock_mono_ms ();
    while (!request && fst_clock_mono_ms () < start_ms + WITHIN_MS)
        s_run (GREETS | PONGS, 5, &rc, &reply);
    cr_expect (request, "nothing else tells it: the new one answers when it is asked for a sign of life");
}

//  Its greeting would have been the first; the next broker's must not pass for it. The caller does not look
//  while it has no connection, as it does not in a poll.
Test (caller, a_broker_that_ended_before_it_greeted_loses_no_call)
{
    uint64_t ticket;
    fst_rc_t rc = fst_caller_send (caller, "echo", "SAY", NULL, &ticket);
    cr_assert_eq (rc, FST_OK);
    json_t *reply = NULL;
    int64_t start_ms = fst_clock_mono_ms ();
    while (!request && fst_clock_mono_ms () < start_ms + WITHIN_MS)
        s_run (0, 5, &rc, &reply);
    char *id = s_request_id ();
    zmsg_destroy (&request);
    zsock_destroy (&router);
    s_bind ();
    zmq_pollitem_t items [] = {
        { zsock_resolve (fst_caller_socket (caller)), 0, ZMQ_POLLIN, 0 },
        { zsock_resolve (router), 0, ZMQ_POLLIN, 0 },
    };
    cr_assert_geq (zmq_poll (items, 2, WITHIN_MS), 1, "it connects again");
    start_ms = fst_clock_mono_ms ();
    while (!request && fst_clock_mono_ms () < start_ms + WITHIN_MS)
        s_run (GREETS | PONGS, 5, &rc, &reply);
    cr_assert (request, "the request came again");
    char *again = s_request_id ();
    cr_expect_str_eq (again, id);
    free (again);
    free (id);
}

static void
s_until_request (void)
{
    fst_rc_t rc;
    json_t *reply = NULL;
    int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
    while (!request && fst_clock_mono_ms () < until_ms)
        cr_assert_not (s_run (GREETS | PONGS, 5, &rc, &reply), "nobody answered yet");
    cr_assert (request);
}

Test (caller, a_service_that_went_away_is_asked_again_with_the_same_id)
{
    uint64_t ticket;
    fst_rc_t rc = fst_caller_send (caller, "echo", "SAY", NULL, &ticket);
    cr_assert_eq (rc, FST_OK);
    s_until_request ();
    char *id = s_request_id ();
    s_answer ("\3", fst_envelope_error_encode (id, FST_UNAVAILABLE, "service echo went away before it answered"));
    zmsg_destroy (&request);
    s_until_request ();
    char *again = s_request_id ();
    cr_expect_str_eq (again, id);
    s_answer ("\3", fst_envelope_reply_encode (again, NULL));
    json_t *reply = NULL;
    cr_assert (s_run (GREETS | PONGS, WITHIN_MS, &rc, &reply));
    cr_expect_eq (rc, FST_OK);
    json_decref (reply);
    free (again);
    free (id);
}

Test (caller, calls_overlap)
{
    bus_t real = bus_new ();
    bus_start (&real);
    fst_caller_t *other = fst_caller_new (real.clients, NULL, WITHIN_MS, WITHIN_MS);
    uint64_t first, second;
    fst_rc_t rc = fst_caller_send (other, "nobody", "X", NULL, &first);
    cr_assert_eq (rc, FST_OK);
    rc = fst_caller_send (other, "nobody", "Y", NULL, &second);
    cr_assert_eq (rc, FST_OK);
    cr_expect_neq (first, second);
    //  A third that waits does not lose what belongs to the others
    rc = fst_caller_call (other, "nobody", "Z", NULL, NULL);
    cr_expect_eq (rc, FST_UNAVAILABLE);
    uint64_t tickets [2] = { 0 };
    for (int at = 0; at < 2; at++) {
        json_t *reply = NULL;
        int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
        while (!fst_caller_receive (other, &tickets [at], &rc, &reply) && fst_clock_mono_ms () < until_ms)
            zclock_sleep (1);
        cr_expect_eq (rc, FST_UNAVAILABLE);
    }
    cr_expect ((tickets [0] == first && tickets [1] == second) || (tickets [0] == second && tickets [1] == first));
    cr_expect_eq (fst_caller_wait_ms (other), -1);
    fst_caller_destroy (&other);
    bus_remove (&real);
}

Test (caller, an_interrupt_ends_the_wait)
{
    zsys_interrupted = 1;
    fst_rc_t rc = fst_caller_call (caller, "echo", "SAY", NULL, NULL);
    zsys_interrupted = 0;
    cr_expect_eq (rc, FST_INTERRUPTED);
}

Test (caller, what_cannot_be_sent_is_refused)
{
    uint64_t ticket;
    char *text = malloc (FST_JSON_BYTES_MAX + 1);
    memset (text, 'x', FST_JSON_BYTES_MAX);
    text [FST_JSON_BYTES_MAX] = 0;
    fst_rc_t rc = fst_caller_send (caller, "echo", "SAY", json_pack ("{s:s}", "text", text), &ticket);
    cr_expect_eq (rc, FST_TOO_LARGE);
    free (text);

    static const char *const wrong [] = { "", "tcp://127.0.0.1:1", "http://x", "tcp://", "ipc" };
    for (size_t at = 0; at < sizeof (wrong) / sizeof (wrong [0]); at++) {
        fst_caller_t *other = fst_caller_new (wrong [at], NULL, 100, 100);
        rc = fst_caller_call (other, "echo", "SAY", NULL, NULL);
        cr_expect_eq (rc, FST_MALFORMED, "%s", wrong [at]);
        cr_expect (strlen (fst_caller_problem (other)) > 0);
        fst_caller_destroy (&other);
    }
}

//  ---- Sockets

Test (caller, an_address_in_use_is_not_stolen)
{
    zsock_t *second = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_socket_bind (ZMQ_ROUTER, bus.clients, "client", NULL, &second, &problem);
    cr_expect_eq (rc, FST_EXISTS);
    cr_expect (problem && strstr (problem, bus.clients));
    free (problem);
}

Test (caller, a_folder_open_to_others_is_refused)
{
    cr_assert_eq (chmod (bus.folder, 0755), 0);
    zsock_t *second = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_socket_bind (ZMQ_ROUTER, bus.actors, "actor", NULL, &second, &problem);
    cr_expect_eq (rc, FST_IO);
    cr_expect (problem && strstr (problem, "chmod 700"));
    free (problem);
    cr_assert_eq (chmod (bus.folder, 0700), 0);
}

Test (caller, a_port_without_keys_is_refused)
{
    zsock_t *second = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_socket_bind (ZMQ_ROUTER, "tcp://127.0.0.1:*", "client", NULL, &second, &problem);
    cr_expect_eq (rc, FST_IO);
    free (problem);
}
