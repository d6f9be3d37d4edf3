//  Broker, auth and several clients under the thread sanitizer: hashing in workers, the actor's loop, its end
//  while requests are under way.

#include "fst_auth.h"
#include "fst_broker.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS 4
#define ROUNDS  5

static char s_clients [500];
static atomic_int s_left = CLIENTS;

static fst_rc_t
s_call (fst_caller_t *caller, const char *command, json_t *payload, char **token_p)
{
    json_t *reply = NULL;
    fst_rc_t rc = fst_caller_call (caller, "auth", command, payload, &reply);
    if (rc == FST_OK && token_p)
        *token_p = strdup (json_string_value (json_object_get (reply, "token")));
    json_decref (reply);
    return rc;
}

static void *
s_client (void *arg)
{
    char name [32], *token = NULL;
    snprintf (name, sizeof (name), "user-%d", *(int *) arg);
    fst_caller_t *caller = fst_caller_new (s_clients, NULL, 10000, 30000);
    fst_rc_t rc = s_call (caller, "REGISTER", json_pack ("{s:s, s:s}", "name", name, "password", "secret"), NULL);
    assert (rc == FST_OK);
    for (int round = 0; round < ROUNDS; round++) {
        fst_caller_set_token (caller, NULL);
        rc = s_call (caller, "LOGIN", json_pack ("{s:s, s:s}", "name", name, "password", "wrong"), NULL);
        assert (rc == FST_WRONG_PASSWORD);
        rc = s_call (caller, "LOGIN", json_pack ("{s:s, s:s}", "name", name, "password", "secret"), &token);
        assert (rc == FST_OK);
        fst_caller_set_token (caller, token);
        rc = s_call (caller, "CHANGE_PASSWORD", json_pack ("{s:s, s:s}", "old", "secret", "new", "secret"), NULL);
        assert (rc == FST_OK);
        rc = s_call (caller, "LOGOUT", NULL, NULL);
        assert (rc == FST_OK);
        rc = s_call (caller, "STATUS", NULL, NULL);
        assert (rc == FST_EXPIRED);
        free (token);
    }
    atomic_fetch_sub (&s_left, 1);
    //  The last login meets the end of auth
    rc = s_call (caller, "LOGIN", json_pack ("{s:s, s:s}", "name", name, "password", "secret"), NULL);
    assert (rc == FST_OK || rc == FST_UNAVAILABLE);
    fst_caller_destroy (&caller);
    return NULL;
}

static void
s_run (const char *folder)
{
    char file [500], actors [500], events_in [500], events_out [500], *problem = NULL;
    fst_keys_t *keys = NULL;
    snprintf (s_clients, sizeof (s_clients), "ipc://%s/clients", folder);
    snprintf (actors, sizeof (actors), "ipc://%s/actors", folder);
    snprintf (events_in, sizeof (events_in), "ipc://%s/events-in", folder);
    snprintf (events_out, sizeof (events_out), "ipc://%s/events-out", folder);
    fst_rc_t rc = fst_keys_create (folder, 0, &problem);
    assert (rc == FST_OK);
    snprintf (file, sizeof (file), "%s/auth.key", folder);
    rc = fst_keys_load (file, &keys, &problem);
    assert (rc == FST_OK);

    fst_config_t *config = fst_config_new ();
    snprintf (file, sizeof (file), "auth-database=%s/auth.db", folder);
    const char *const settings [] = { file, "hash-memory=64 KiB", "hash-passes=1" };
    for (size_t at = 0; at < sizeof (settings) / sizeof (settings [0]); at++) {
        rc = fst_config_assign (config, settings [at], &problem);
        assert (rc == FST_OK);
    }
    fst_broker_options_t options = {
        .clients = s_clients, .actors = actors, .events_in = events_in, .events_out = events_out
    };
    fst_broker_t *broker = NULL;
    rc = fst_broker_new (&options, &broker, &problem);
    assert (rc == FST_OK);
    fst_actor_options_t bus = { .broker = actors, .events_in = events_in, .events_out = events_out, .keys = keys };
    fst_auth_t *auth = NULL;
    rc = fst_auth_new (config, &bus, &auth, &problem);
    assert (rc == FST_OK);

    pthread_t threads [CLIENTS];
    int numbers [CLIENTS];
    for (int at = 0; at < CLIENTS; at++) {
        numbers [at] = at;
        pthread_create (&threads [at], NULL, s_client, &numbers [at]);
    }
    while (atomic_load (&s_left) > 0)           //  ctest's timeout is the deadline
        usleep (1000);
    fst_auth_destroy (&auth);
    for (int at = 0; at < CLIENTS; at++)
        pthread_join (threads [at], NULL);
    fst_broker_destroy (&broker);
    fst_config_destroy (&config);
    fst_keys_destroy (&keys);
}

int
main (void)
{
    zsys_handler_set (NULL);
    char folder [400], command [500];
    snprintf (folder, sizeof (folder), "%s/auth-XXXXXX", getenv ("TMPDIR")? getenv ("TMPDIR"): "/tmp");
    char *made = mkdtemp (folder);
    assert (made);
    s_run (folder);
    snprintf (command, sizeof (command), "rm -rf '%s'", folder);
    int rc = system (command);
    assert (rc == 0);
    return 0;
}
