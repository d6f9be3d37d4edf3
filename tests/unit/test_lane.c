//  Rules of one worker connection, with a broker that the test plays itself. Frames are real, most of the time is not.

#include <criterion/criterion.h>
#include "bus_fixture.h"
#include "fst_lane.h"
#include "fst_mdp.h"
#include "fst_socket.h"

#define WITHIN_MS 60000     //  A condition that takes longer is a failure
#define BEAT FST_MDP_HEARTBEAT_MS

static bus_t bus;
static zsock_t *router;
static fst_lane_t *lane;
static zframe_t *worker;            //  Identity of the last that said something
static zmsg_t *body;                //  Of the last request that the lane gave
static int64_t now_ms = 1000;

static void
s_bind (void)
{
    char *problem = NULL;
    fst_rc_t rc = fst_socket_bind (ZMQ_ROUTER, bus.actors, "actor", NULL, &router, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
}

static void
s_setup (void)
{
    zsys_handler_set (NULL);
    bus = bus_new ();
    s_bind ();
    lane = fst_lane_new (bus.actors, NULL, "echo", now_ms);
}

static void
s_teardown (void)
{
    fst_lane_destroy (&lane);
    zframe_destroy (&worker);
    zmsg_destroy (&body);
    zsock_destroy (&router);
    bus_remove (&bus);
}

TestSuite (lane, .init = s_setup, .fini = s_teardown, .timeout = 280);

static void
s_look (void)
{
    zmsg_t *request = fst_lane_receive (lane, now_ms);
    if (request) {
        zmsg_destroy (&body);
        body = request;
    }
}

//  The command of the next message of the lane, 0 if none comes in ms. Greetings are given back.
static int
s_hear (int64_t ms)
{
    int64_t until_ms = fst_clock_mono_ms () + ms;
    int command = 0;
    while (!command && fst_clock_mono_ms () < until_ms) {
        s_look ();
        zmsg_t *message = fst_socket_recv (router, NULL, 0);
        if (!message) {
            zclock_sleep (2);
            continue;
        }
        zframe_destroy (&worker);
        worker = zframe_dup (zmsg_first (message));
        zframe_t *protocol = zmsg_next (message), *octet = zmsg_next (message);
        if (zframe_size (protocol) == 0) {
            fst_rc_t rc = fst_socket_send (router, &message);
            cr_assert_eq (rc, FST_OK);
        }
        else {
            cr_assert (zframe_streq (protocol, "MDPW02") && octet && zframe_size (octet) == 1);
            command = zframe_data (octet) [0];
        }
        zmsg_destroy (&message);
    }
    return command;
}

//  Send the lane a command; with an address it has a body, too.
static void
s_say (char command, const char *address, const char *text)
{
    zmsg_t *message = zmsg_new ();
    zframe_t *identity = zframe_dup (worker);
    zmsg_append (message, &identity);
    zmsg_addstr (message, "MDPW02");
    zmsg_addmem (message, &command, 1);
    if (address) {
        zmsg_addstr (message, address);
        zmsg_addstr (message, "");
        zmsg_addstr (message, text);
    }
    fst_rc_t rc = fst_socket_send (router, &message);
    cr_assert_eq (rc, FST_OK);
}

static bool
s_gets_request (void)
{
    int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
    zmsg_destroy (&body);
    while (!body && fst_clock_mono_ms () < until_ms) {
        s_look ();
        zclock_sleep (2);
    }
    return body != NULL;
}

static void
s_answer (void)
{
    zmsg_t *answer = zmsg_new ();
    zmsg_addstr (answer, "answer");
    fst_lane_reply (lane, &answer);
}

//  A request that came and was answered: the greeting was given back before it.
static void
s_settle (void)
{
    s_say (FST_MDPW_REQUEST, "whom", "what");
    cr_assert (s_gets_request ());
    s_answer ();
    cr_assert_eq (s_hear (WITHIN_MS), FST_MDPW_FINAL);
}

//  Until the lane has closed its socket.
static bool
s_closes (void)
{
    int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
    while (fst_lane_socket (lane) && fst_clock_mono_ms () < until_ms) {
        s_look ();
        zclock_sleep (2);
    }
    return !fst_lane_socket (lane);
}

Test (lane, it_registers_once_and_then_beats)
{
    cr_expect_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    cr_expect_eq (s_hear (100), 0);
    cr_expect_eq (fst_lane_events (lane), ZMQ_POLLIN);
    now_ms += BEAT;
    fst_lane_beat (lane, now_ms);
    cr_expect_eq (s_hear (WITHIN_MS), FST_MDPW_HEARTBEAT);
    cr_expect_eq (fst_lane_registrations (lane), 1);
}

Test (lane, a_request_is_answered_to_its_address)
{
    cr_assert_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    s_say (FST_MDPW_REQUEST, "whom", "what");
    cr_assert (s_gets_request ());
    cr_expect (zmsg_size (body) == 1 && zframe_streq (zmsg_first (body), "what"));
    s_answer ();
    int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
    zmsg_t *message = NULL;
    while (!message && fst_clock_mono_ms () < until_ms)
        message = fst_socket_recv (router, NULL, 0);
    cr_assert (message && zmsg_size (message) == 6);
    zmsg_first (message);
    static const char *const frames [] = { "MDPW02", "\4", "whom", "", "answer" };
    for (size_t at = 0; at < 5; at++)
        cr_expect (zframe_streq (zmsg_next (message), frames [at]), "frame %zu", at);
    zmsg_destroy (&message);
}

Test (lane, a_new_broker_that_greets_gets_a_ready_at_once)
{
    cr_assert_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    s_settle ();
    zsock_destroy (&router);
    s_bind ();
    zclock_sleep (1000);            //  libzmq connects again; the lane does not look meanwhile
    cr_expect_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    cr_expect_eq (fst_lane_registrations (lane), 2);
}

Test (lane, a_busy_lane_registers_anew_when_it_is_free)
{
    cr_assert_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    s_say (FST_MDPW_REQUEST, "whom", "what");
    cr_assert (s_gets_request ());
    s_say (FST_MDPW_DISCONNECT, NULL, NULL);
    cr_expect (s_closes ());
    now_ms += BEAT;
    cr_expect_eq (s_hear (300), 0, "one request at a time");
    cr_expect_eq (fst_lane_events (lane) & ZMQ_POLLOUT, 0, "or the loop would spin");
    s_answer ();                                        //  Dropped: whoever asked is told by the broker
    cr_expect_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
}

Test (lane, a_silent_broker_gets_a_new_socket)
{
    cr_assert_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    s_settle ();
    zframe_t *first = zframe_dup (worker);
    for (int beat = 1; beat < FST_MDP_LIVENESS; beat++) {
        now_ms += BEAT;
        fst_lane_beat (lane, now_ms);
        cr_expect_eq (s_hear (WITHIN_MS), FST_MDPW_HEARTBEAT);
        cr_expect (zframe_eq (worker, first));
    }
    now_ms += BEAT;
    fst_lane_beat (lane, now_ms);
    cr_expect_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    cr_expect_not (zframe_eq (worker, first));
    zframe_destroy (&first);
}

Test (lane, a_broker_that_is_heard_is_alive)
{
    cr_assert_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    for (int beat = 0; beat < 3 * FST_MDP_LIVENESS; beat++) {
        now_ms += BEAT;
        s_say (FST_MDPW_HEARTBEAT, NULL, NULL);
        cr_expect_eq (s_hear (20), 0);
        fst_lane_beat (lane, now_ms);
        cr_expect_eq (s_hear (WITHIN_MS), FST_MDPW_HEARTBEAT);
    }
}

Test (lane, a_disconnect_brings_a_new_socket_at_once_and_a_refusal_later)
{
    cr_assert_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    zframe_t *first = zframe_dup (worker);
    now_ms += 10 * BEAT;
    s_say (FST_MDPW_DISCONNECT, NULL, NULL);
    cr_expect_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    cr_expect_not (zframe_eq (worker, first));
    zframe_destroy (&first);

    int64_t wait_ms = 0;                                //  Refused: each time twice as long
    for (int count = 0; count < 10; count++) {
        s_say (FST_MDPW_DISCONNECT, NULL, NULL);
        cr_assert (s_closes ());
        int64_t next_ms = fst_lane_wake_ms (lane) - now_ms;
        cr_expect (next_ms > wait_ms || next_ms == 10000, "count %d: %d ms", count, (int) next_ms);
        wait_ms = next_ms;
        now_ms += wait_ms;
        cr_assert_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    }
    cr_expect_eq (wait_ms, 10000);
}

Test (lane, a_second_request_at_once_is_a_misunderstanding)
{
    cr_assert_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    s_say (FST_MDPW_REQUEST, "whom", "what");
    s_say (FST_MDPW_REQUEST, "whom", "more");
    cr_assert (s_gets_request ());
    cr_expect (s_closes ());
    s_answer ();
}

Test (lane, what_is_no_majordomo_is_dropped)
{
    cr_assert_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    s_say (9, NULL, NULL);
    s_say (FST_MDPW_READY, NULL, NULL);
    s_say (FST_MDPW_REQUEST, "whom", "what");
    cr_expect (s_gets_request ());
    s_answer ();
}

Test (lane, it_says_good_bye)
{
    cr_assert_eq (s_hear (WITHIN_MS), FST_MDPW_READY);
    fst_lane_destroy (&lane);
    int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS;
    zmsg_t *message = NULL;
    while (!message && fst_clock_mono_ms () < until_ms)
        message = fst_socket_recv (router, NULL, 0);
    cr_assert (message);
    cr_expect (zframe_streq (zmsg_last (message), "\6"));
    zmsg_destroy (&message);
    lane = fst_lane_new (bus.actors, NULL, "echo", now_ms);
}
