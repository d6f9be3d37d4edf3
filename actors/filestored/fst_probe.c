//  Does the part with these settings serve? One question to the broker, by Majordomo's own "mmi.service" (RFC 8).

#include "fst_probe.h"
#include <assert.h>
#include <czmq.h>
#include "fst_clock.h"
#include "fst_keys.h"
#include "fst_mdp.h"
#include "fst_socket.h"

#define PROBE_MS    5000            //  How long the broker may take
#define TRY_MS      20

//  Where others reach what is bound at "tcp://*:8510", from here. Caller frees.
static char *
s_reachable (const char *endpoint)
{
    static const char *const any [] = { "tcp://*:", "tcp://0.0.0.0:" };
    for (size_t at = 0; at < sizeof (any) / sizeof (any [0]); at++)
        if (strncmp (endpoint, any [at], strlen (any [at])) == 0)
            return zsys_sprintf ("tcp://127.0.0.1:%s", endpoint + strlen (any [at]));
    return strdup (endpoint);
}

//  "storage:node-1" offers "storage.node-1". The broker itself answers for any name.
static void
s_service (const fst_keys_t *keys, char *service, size_t size)
{
    snprintf (service, size, "%s", keys->name);
    char *colon = strchr (service, ':');
    if (colon)
        *colon = '.';
}

static zmsg_t *
s_question (const char *service)
{
    static const uint8_t request = FST_MDPC_REQUEST;
    zmsg_t *message = zmsg_new ();
    zmsg_addstr (message, FST_MDP_CLIENT_02);
    zmsg_addmem (message, &request, 1);
    zmsg_addstr (message, "mmi.service");
    zmsg_addstr (message, service);
    return message;
}

//  Ask until there is an answer; *offered_p says what it was.
static fst_rc_t
s_ask (zsock_t *socket, const char *service, bool *offered_p)
{
    int64_t until_ms = fst_clock_mono_ms () + PROBE_MS;
    bool asked = false;
    while (fst_clock_mono_ms () < until_ms) {
        if (!asked) {
            zmsg_t *question = s_question (service);
            asked = fst_socket_send (socket, &question) == FST_OK;
        }
        zmsg_t *message = fst_socket_recv (socket, NULL, 0);
        if (!message) {
            zclock_sleep (TRY_MS);
            continue;
        }
        zframe_t *status = zmsg_size (message) == 4? zmsg_last (message): NULL;     //  Else the empty one of a new connection
        bool answered = status != NULL;
        *offered_p = status && zframe_streq (status, "200");
        zmsg_destroy (&message);
        if (answered)
            return FST_OK;
    }
    return FST_UNREACHABLE;
}

fst_rc_t
fst_probe (const fst_config_t *config, char **problem_p)
{
    assert (config);
    assert (problem_p);
    fst_keys_t *keys = NULL;
    fst_rc_t rc = fst_keys_load (fst_config_text (config, "keys"), &keys, problem_p);
    if (rc != FST_OK)
        return rc;
    char service [FST_MDP_SERVICE_BYTES_MAX + 1];
    s_service (keys, service, sizeof (service));
    bool broker = streq (service, "broker"), offered = false;
    if (broker)
        strcpy (keys->server_key, keys->curve_public);
    char *endpoint = s_reachable (fst_config_text (config, broker? "broker-clients": "broker"));
    zsock_t *socket = NULL;
    rc = fst_socket_connect (ZMQ_DEALER, endpoint, keys, &socket);
    if (rc == FST_OK)
        rc = s_ask (socket, service, &offered);
    if (rc == FST_OK && !offered && !broker)
        rc = FST_UNAVAILABLE;
    if (rc == FST_UNAVAILABLE)
        *problem_p = zsys_sprintf ("nobody offers %s at the broker %s", service, endpoint);
    if (rc == FST_UNREACHABLE)
        *problem_p = zsys_sprintf ("the broker at %s does not answer", endpoint);
    zsock_destroy (&socket);
    free (endpoint);
    fst_keys_destroy (&keys);
    return rc;
}
