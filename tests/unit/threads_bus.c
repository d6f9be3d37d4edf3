//  Broker, actors and callers under the thread sanitizer: calls from several threads, events, and a broker
//  that is restarted meanwhile.

#include <pthread.h>
#include "bus_fixture.h"
#include "fst_actor.h"
#include "fst_caller.h"
#include "fst_log.h"

#define THREADS 3
#define CALLS   200

static bus_t bus;

static void
s_echo (void *arg, fst_request_t **request_p)
{
    fst_actor_t **actor_p = arg;
    fst_actor_publish (*actor_p, "revoked",
                       json_pack ("{s:s, s:i}", "session", "00112233445566778899aabbccddeeff", "expires_ms", 1));
    fst_request_reply (request_p, json_pack ("{s:s, s:s, s:s, s:i}", "user", "echo", "role", "user",
                       "session", "00000000000000000000000000000000", "expires_ms", 0));
}

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    (void) problem_p;
    fst_actor_t **actor_p = arg;
    *actor_p = actor;
    return FST_OK;
}

static void
s_event (void *arg, const char *topic, json_t *body)
{
    (void) arg;
    assert (topic && body);
}

static void *
s_call (void *arg)
{
    (void) arg;
    fst_caller_t *caller = fst_caller_new (bus.clients, NULL, 10000, 60000);
    for (int count = 0; count < CALLS; count++) {
        json_t *reply = NULL;
        fst_rc_t rc = fst_caller_call (caller, "auth", "VERIFY", json_pack ("{s:s}", "token", "echo"), &reply);
        //  A request that was with the broker's last worker when it ended may be told so
        if (rc != FST_OK && rc != FST_UNAVAILABLE)
            fprintf (stderr, "%s\n", fst_caller_problem (caller));
        assert (rc == FST_OK || rc == FST_UNAVAILABLE);
        json_decref (reply);
    }
    fst_caller_destroy (&caller);
    return NULL;
}

int
main (void)
{
    zsys_handler_set (NULL);
    fst_log_set_level (FST_LOG_WARNING);
    bus = bus_new ();
    bus_start (&bus);
    static const fst_command_t commands [] = { { "VERIFY", FST_NEED_NOTHING, s_echo }, { NULL } };
    static const fst_topic_t topics [] = { { "revoked", s_event }, { NULL } };
    static const fst_actor_class_t class = { .commands = commands, .topics = topics, .start = s_start };
    fst_actor_options_t options = { .service = "auth", .lanes = 4, .broker = bus.actors,
                                    .events_in = bus.events_in, .events_out = bus.events_out };
    fst_actor_t *actors [2], *inside [2];
    for (int at = 0; at < 2; at++) {
        char *problem = NULL;
        fst_rc_t rc = fst_actor_new (&class, &options, &inside [at], &actors [at], &problem);
        assert (rc == FST_OK);
    }
    pthread_t threads [THREADS];
    for (int at = 0; at < THREADS; at++)
        pthread_create (&threads [at], NULL, s_call, NULL);
    for (int round = 0; round < 3; round++) {
        zclock_sleep (50);              //  Let them get somewhere; any moment will do
        bus_stop (&bus);
        bus_start (&bus);
    }
    for (int at = 0; at < THREADS; at++)
        pthread_join (threads [at], NULL);
    for (int at = 0; at < 2; at++)
        fst_actor_destroy (&actors [at]);
    bus_remove (&bus);
    return 0;
}
