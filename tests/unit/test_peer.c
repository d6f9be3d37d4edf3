//  Calls from an actor to another node's data port, answered (or not) by a socket of the test.

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include "fst_clock.h"
#include "fst_envelope.h"
#include "fst_gate.h"
#include "fst_peer.h"
#include "fst_socket.h"

#define WITHIN_MS   60000       //  A condition that takes longer is a failure
#define CALLS       64

static const uint8_t s_node_key [FST_KEY_BYTES] = { 7 };
static char s_folder [200], s_endpoint [256], s_ticket [FST_PROOF_TEXT_MAX];
static fst_gate_t *s_gate;
static zsock_t *s_node;                     //  The data port
static fst_actor_t *s_actor;

//  What happens on the actor's thread.
typedef void (s_step_fn) (void);
static fst_actor_t *s_self;
static _Atomic (s_step_fn *) s_step;        //  To be done next
static fst_peer_t *s_peer;
static int64_t s_silence_ms = WITHIN_MS;    //  How long a node may say nothing
static int s_calls;                         //  Made
static struct { fst_rc_t rc; size_t frames; size_t first_bytes; } s_results [CALLS];
static atomic_int s_done;

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    (void) arg;
    (void) problem_p;
    s_self = actor;
    return FST_OK;
}

static int64_t
s_tick (void *arg, int64_t now_ms)
{
    (void) arg;
    s_step_fn *step = atomic_load (&s_step);
    if (step) {
        step ();
        atomic_store (&s_step, NULL);
    }
    if (s_peer)
        fst_actor_wake (s_self, fst_peer_elapse (s_peer, now_ms));
    return now_ms + 5;
}

static void
s_stop (void *arg)
{
    (void) arg;
    fst_peer_destroy (&s_peer);
}

//  Run step on the actor's thread.
static void
s_do (s_step_fn *step)
{
    atomic_store (&s_step, step);
    for (int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS; atomic_load (&s_step); zclock_sleep (1))
        cr_assert (fst_clock_mono_ms () < until_ms);
}

static void
s_bind (void)
{
    char *problem = NULL;
    fst_rc_t rc = fst_socket_bind (ZMQ_ROUTER, s_endpoint, "data:node-1", NULL, &s_node, &problem);
    cr_assert (rc == FST_OK, "%s", problem);
}

static void
s_setup (void)
{
    const char *base = getenv ("TMPDIR");
    snprintf (s_folder, sizeof (s_folder), "%s/peer-XXXXXX", base? base: "/tmp");
    cr_assert (mkdtemp (s_folder));
    snprintf (s_endpoint, sizeof (s_endpoint), "ipc://%s/data", s_folder);
    zsys_handler_set (NULL);
    s_gate = fst_gate_new ();
    fst_gate_add_node (s_gate, "node-1", s_node_key);
    fst_ticket_make (s_node_key, "metadata", fst_clock_wall_ms () + 3600000, s_ticket);
    s_bind ();
    fst_actor_class_t class = { .start = s_start, .tick = s_tick, .stop = s_stop };
    fst_actor_options_t options = { .lanes = 1 };
    char *problem = NULL;
    fst_rc_t rc = fst_actor_new (&class, &options, NULL, &s_actor, &problem);
    cr_assert (rc == FST_OK, "%s", problem);
}

static void
s_teardown (void)
{
    fst_actor_destroy (&s_actor);
    zsock_destroy (&s_node);
    fst_gate_destroy (&s_gate);
}

TestSuite (peer, .init = s_setup, .fini = s_teardown, .timeout = 280);

//  ---- The caller's side

static void
s_connect (void)
{
    s_peer = fst_peer_new (s_self, s_endpoint, "metadata", s_ticket, s_silence_ms);
}

static void
s_on_done (void *arg, fst_rc_t rc, json_t *reply, zmsg_t **frames_p)
{
    int call = (int) (intptr_t) arg;
    cr_expect ((rc == FST_OK) == (reply != NULL));
    s_results [call].rc = rc;
    s_results [call].frames = *frames_p? zmsg_size (*frames_p): 0;
    s_results [call].first_bytes = *frames_p && zmsg_first (*frames_p)? zframe_size (zmsg_first (*frames_p)): 0;
    atomic_fetch_add (&s_done, 1);
}

//  RETRIEVE, whose slot is the number of the call.
static void
s_call (void)
{
    if (!s_peer)
        s_connect ();
    fst_peer_call (s_peer, "RETRIEVE", json_pack ("{s:s, s:s, s:i, s:i}", "capability", "AAAA",
                   "blob", "00112233445566778899aabbccddeeff", "extent", 0, "slot", s_calls), s_on_done,
                   (void *) (intptr_t) s_calls);
    s_calls++;
}

static void
s_call_twice (void)
{
    s_call ();
    s_call ();
}

static void
s_call_many (void)
{
    while (s_calls < CALLS)
        s_call ();
}

static void
s_destroy (void)
{
    fst_peer_destroy (&s_peer);
}

static void
s_wait_done (int count)
{
    for (int64_t until_ms = fst_clock_mono_ms () + WITHIN_MS; atomic_load (&s_done) < count; zclock_sleep (1))
        cr_assert (fst_clock_mono_ms () < until_ms, "%d of %d were done", atomic_load (&s_done), count);
}

//  ---- The node's side

typedef struct {
    zframe_t *peer;
    char id [64];
    int slot;
} asked_t;

static asked_t
s_receive (void)
{
    char user [64], where [100];
    zsock_set_rcvtimeo (s_node, WITHIN_MS);
    zmsg_t *message = fst_socket_recv (s_node, user, sizeof (user));
    cr_assert (message, "nothing came");
    cr_assert_str_eq (user, "metadata");
    asked_t asked = { .peer = zmsg_pop (message) };
    zframe_t *head = zmsg_pop (message);
    fst_envelope_request_t request;
    cr_assert (fst_envelope_request_decode (zframe_data (head), zframe_size (head), &request, where, sizeof (where))
               == FST_OK);
    cr_assert_str_eq (request.command, "RETRIEVE");
    snprintf (asked.id, sizeof (asked.id), "%s", request.id);
    asked.slot = (int) json_integer_value (json_object_get (request.payload, "slot"));
    fst_envelope_request_clear (&request);
    zframe_destroy (&head);
    zmsg_destroy (&message);
    return asked;
}

//  With so many octets in a frame behind it.
static void
s_answer (asked_t *asked, zframe_t *head, size_t bytes)
{
    zmsg_t *message = zmsg_new ();
    zmsg_append (message, &asked->peer);
    zmsg_append (message, &head);
    zframe_t *frame = zframe_new (NULL, bytes);
    memset (zframe_data (frame), 1, bytes);
    zmsg_append (message, &frame);
    cr_assert (fst_socket_send (s_node, &message) == FST_OK);
}

//  ---- Rules

Test (peer, many_calls_overlap_and_each_gets_its_own_answer)
{
    s_do (s_call_many);
    asked_t asked [CALLS];
    for (int call = 0; call < CALLS; call++)
        asked [call] = s_receive ();
    for (int call = CALLS - 1; call >= 0; call--)       //  In another order than asked
        if (call % 3 == 2)
            s_answer (&asked [call], fst_envelope_error_encode (asked [call].id, FST_NOT_FOUND, NULL), 10);
        else
            s_answer (&asked [call], fst_envelope_reply_encode (asked [call].id, NULL), 100 + (size_t) asked [call].slot);
    s_wait_done (CALLS);
    for (int call = 0; call < CALLS; call++) {
        bool refused = call % 3 == 2;
        cr_assert_eq (s_results [call].rc, refused? FST_NOT_FOUND: FST_OK);
        cr_assert_eq (s_results [call].first_bytes, refused? 0: 100 + (size_t) call);
        cr_assert_eq (s_results [call].frames, refused? 0: 1);
    }
}

Test (peer, a_silent_node_fails_all_calls_and_the_next_one_connects_anew)
{
    s_silence_ms = 3000;
    s_do (s_call_twice);
    asked_t old [2] = { s_receive (), s_receive () };
    s_wait_done (2);
    cr_assert (s_results [0].rc == FST_UNREACHABLE && s_results [1].rc == FST_UNREACHABLE);
    s_do (s_call);
    asked_t asked = s_receive ();
    s_answer (&asked, fst_envelope_reply_encode (old [0].id, NULL), 5);     //  What nobody waits for any more
    zframe_destroy (&old [0].peer);
    zframe_destroy (&old [1].peer);
    s_do (s_call);
    asked = s_receive ();
    s_answer (&asked, fst_envelope_reply_encode (asked.id, NULL), 6);
    s_wait_done (4);
    cr_assert_eq (s_results [3].rc, FST_OK);
    cr_assert_eq (s_results [3].first_bytes, 6);
    cr_assert_eq (s_results [2].rc, FST_UNREACHABLE, "its own answer never came");
}

Test (peer, a_node_that_answers_something_is_not_silent)
{
    s_silence_ms = 3000;
    s_do (s_call_twice);
    asked_t first = s_receive (), second = s_receive ();
    for (int turn = 0; turn < 5; turn++) {      //  Together longer than the silence that is allowed
        zclock_sleep (800);
        s_do (s_call);
        asked_t asked = s_receive ();
        s_answer (&asked, fst_envelope_reply_encode (asked.id, NULL), 1);
        s_wait_done (turn + 1);
    }
    s_answer (&first, fst_envelope_reply_encode (first.id, NULL), 1);
    s_answer (&second, fst_envelope_reply_encode (second.id, NULL), 1);
    s_wait_done (7);
    for (int call = 0; call < 7; call++)
        cr_assert_eq (s_results [call].rc, FST_OK);
}

Test (peer, nonsense_fails_all_calls)
{
    for (int kind = 0; kind < 3; kind++) {
        s_do (s_call_twice);
        asked_t asked = s_receive (), other = s_receive ();
        json_t *odd = json_pack ("{s:i}", "surprise", 1);
        s_answer (&asked, kind == 0? zframe_from ("{\"v\":1"): kind == 1? zframe_new (NULL, 0)
                                 : fst_envelope_reply_encode (asked.id, odd), 1);
        json_decref (odd);
        zframe_destroy (&other.peer);
        s_wait_done (2 * kind + 2);
        cr_assert_eq (s_results [2 * kind].rc, FST_MALFORMED, "kind %d", kind);
        cr_assert_eq (s_results [2 * kind + 1].rc, FST_MALFORMED, "kind %d", kind);
    }
}

Test (peer, calls_wait_for_a_node_that_starts_late)
{
    zsock_destroy (&s_node);
    s_do (s_call);
    s_bind ();
    asked_t asked = s_receive ();
    s_answer (&asked, fst_envelope_reply_encode (asked.id, NULL), 1);
    s_wait_done (1);
    cr_assert_eq (s_results [0].rc, FST_OK);
}

Test (peer, a_wrong_ticket_and_a_wrong_endpoint_are_unreachable)
{
    s_silence_ms = 1000;
    s_ticket [0] ^= 1;
    s_do (s_call);
    s_wait_done (1);
    cr_assert_eq (s_results [0].rc, FST_UNREACHABLE);
    s_do (s_destroy);
    snprintf (s_endpoint, sizeof (s_endpoint), "nonsense");
    s_do (s_call);
    s_wait_done (2);
    cr_assert_eq (s_results [1].rc, FST_UNREACHABLE);
}

Test (peer, its_end_interrupts_what_is_under_way)
{
    s_do (s_call_many);
    asked_t asked = s_receive ();
    s_do (s_destroy);
    s_wait_done (CALLS);
    for (int call = 0; call < CALLS; call++)
        cr_assert_eq (s_results [call].rc, FST_INTERRUPTED);
    zframe_destroy (&asked.peer);
}
