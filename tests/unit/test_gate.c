//  The gate: who is let in at each domain, as whom, and that no one else is. Real sockets on the loopback.

#include "fst_clock.h"
#include "fst_gate.h"
#include "fst_keys.h"
#include "fst_socket.h"
#include <criterion/criterion.h>
#include <sys/stat.h>

#define ADMITTED_MS  5000       //  Deadline for a peer that should be heard
#define REFUSED_MS   300        //  How long a peer that should not be heard is listened for

static char s_folder [256];
static fst_gate_t *s_gate;
static fst_keys_t *s_broker;    //  The server's pair
static uint8_t s_node_key [FST_KEY_BYTES] = { 1 };
static uint8_t s_other_key [FST_KEY_BYTES] = { 2 };

static char *
s_path (const char *name)
{
    static char path [512];
    snprintf (path, sizeof (path), "%s/%s", s_folder, name);
    return path;
}

static fst_keys_t *
s_load (const char *name)
{
    fst_keys_t *keys = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_keys_load (s_path (name), &keys, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
    return keys;
}

static void
s_setup (void)
{
    snprintf (s_folder, sizeof (s_folder), "%s/test-gate-XXXXXX", getenv ("TMPDIR")? getenv ("TMPDIR"): "/tmp");
    cr_assert_not_null (mkdtemp (s_folder));
    char *problem = NULL;
    fst_rc_t rc = fst_keys_create (s_folder, 2, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
    s_broker = s_load ("broker.key");
    s_gate = fst_gate_new ();
    fst_gate_add_node (s_gate, "node-1", s_node_key);
    fst_gate_add_node (s_gate, "node-2", s_other_key);
    rc = fst_gate_enrol (s_gate, s_path ("enrolled.zpl"), &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
}

static void
s_teardown (void)
{
    char command [300];
    fst_gate_destroy (&s_gate);
    fst_keys_destroy (&s_broker);
    snprintf (command, sizeof (command), "rm -rf '%s'", s_folder);
    cr_assert_eq (system (command), 0);
}

TestSuite (gate, .init = s_setup, .fini = s_teardown);

static zsock_t *
s_bind (const char *domain)
{
    zsock_t *server = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_socket_bind (ZMQ_ROUTER, "tcp://127.0.0.1:*", domain, s_broker, &server, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
    return server;
}

static zsock_t *
s_client (void)
{
    zsock_t *client = zsock_new (ZMQ_DEALER);
    zsock_set_linger (client, 0);
    return client;
}

//  Connect, say hello, and check the User-Id that the server sees; NULL = it hears nothing. Takes the client.
static void
s_expect (const char *expected, zsock_t *server, zsock_t *client)
{
    char user_id [256] = "";
    bool heard = false;
    cr_assert_eq (zsock_connect (client, "%s", zsock_endpoint (server)), 0);
    cr_assert_eq (zstr_send (client, "hello"), 0);
    zpoller_t *poller = zpoller_new (server, NULL);
    zpoller_set_nonstop (poller, true);
    //  A refused client gives up at once, so it is not listened for as long as one that should get in
    if (zpoller_wait (poller, expected? ADMITTED_MS: REFUSED_MS)) {
        zmsg_t *message = fst_socket_recv (server, user_id, sizeof (user_id));
        heard = message != NULL;
        zmsg_destroy (&message);
    }
    zpoller_destroy (&poller);
    zsock_destroy (&client);
    cr_expect_eq (heard, expected != NULL, "domain %s", zsock_zap_domain (server));
    cr_expect_str_eq (user_id, expected? expected: "");
}

static void
s_expect_ticket (const char *expected, zsock_t *server, const char *user, const char *ticket)
{
    zsock_t *client = s_client ();
    zsock_set_plain_username (client, user);
    zsock_set_plain_password (client, ticket);
    s_expect (expected, server, client);
}

static void
s_expect_curve (const char *expected, zsock_t *server, const char *public_key, const char *secret_key)
{
    zsock_t *client = s_client ();
    zsock_set_curve_serverkey (client, s_broker->curve_public);
    zsock_set_curve_publickey (client, public_key);
    zsock_set_curve_secretkey (client, secret_key);
    s_expect (expected, server, client);
}

static void
s_expect_stranger (const char *expected, zsock_t *server)
{
    char public_key [41], secret_key [41];
    cr_assert_eq (zmq_curve_keypair (public_key, secret_key), 0);
    s_expect_curve (expected, server, public_key, secret_key);
}

Test (gate, right_ticket_is_admitted_as_its_user)
{
    zsock_t *server = s_bind ("data:node-1");
    char ticket [FST_PROOF_TEXT_MAX];
    fst_ticket_make (s_node_key, "alice", fst_clock_wall_ms () + 60000, ticket);
    s_expect_ticket ("alice", server, "alice", ticket);
    zsock_destroy (&server);
}

Test (gate, ticket_of_another_user_node_or_time_is_refused)
{
    zsock_t *server = s_bind ("data:node-1");
    int64_t later_ms = fst_clock_wall_ms () + 60000;
    char ticket [FST_PROOF_TEXT_MAX];
    fst_ticket_make (s_node_key, "alice", later_ms, ticket);
    s_expect_ticket (NULL, server, "bob", ticket);
    ticket [12] = ticket [12] == 'A'? 'B': 'A';
    s_expect_ticket (NULL, server, "alice", ticket);
    fst_ticket_make (s_other_key, "alice", later_ms, ticket);
    s_expect_ticket (NULL, server, "alice", ticket);
    fst_ticket_make (s_node_key, "alice", fst_clock_wall_ms () - 1, ticket);
    s_expect_ticket (NULL, server, "alice", ticket);
    s_expect_ticket (NULL, server, "alice", "x");
    zsock_destroy (&server);
}

Test (gate, no_ticket_is_refused_before_it_is_sent)
{
    zsock_t *client = NULL;
    cr_expect_eq (fst_socket_connect_data ("tcp://127.0.0.1:9", "alice", "", &client), FST_MALFORMED);
    cr_expect_null (client);
}

Test (gate, data_of_a_node_that_is_not_here_is_closed)
{
    zsock_t *server = s_bind ("data:node-3");
    char ticket [FST_PROOF_TEXT_MAX];
    fst_ticket_make (s_node_key, "alice", fst_clock_wall_ms () + 60000, ticket);
    s_expect_ticket (NULL, server, "alice", ticket);
    zsock_destroy (&server);
}

Test (gate, client_without_mechanism_is_refused_everywhere)
{
    static const char *const domains [] = { "client", "actor", "data:node-1" };
    for (size_t index = 0; index < 3; index++) {
        zsock_t *server = s_bind (domains [index]);
        s_expect (NULL, server, s_client ());
        zsock_destroy (&server);

        //  Nor would the gate let it in if the server forgot to ask for a mechanism
        server = zsock_new (ZMQ_ROUTER);
        zsock_set_zap_domain (server, domains [index]);
        zsock_set_rcvtimeo (server, 0);
        cr_assert_geq (zsock_bind (server, "tcp://127.0.0.1:*"), 0);
        s_expect (NULL, server, s_client ());
        zsock_destroy (&server);
    }
}

Test (gate, any_curve_key_is_a_client)
{
    zsock_t *server = s_bind ("client");
    s_expect_stranger ("client", server);
    zsock_destroy (&server);
}

Test (gate, enrolled_key_gives_its_role_and_a_stranger_gets_none)
{
    zsock_t *server = s_bind ("actor");
    static const struct { const char *file, *role; } actors [] = {
        { "node-1.key", "storage:node-1" }, { "node-2.key", "storage:node-2" },
        { "metadata.key", "metadata" }, { "auth.key", "auth" },
    };
    for (size_t index = 0; index < 4; index++) {
        fst_keys_t *keys = s_load (actors [index].file);
        s_expect_curve (actors [index].role, server, keys->curve_public, keys->curve_secret);
        fst_keys_destroy (&keys);
    }
    s_expect_stranger (NULL, server);
    zsock_destroy (&server);
}

Test (gate, enrolled_file_read_again_replaces_the_old_one)
{
    zsock_t *server = s_bind ("actor");
    fst_keys_t *keys = s_load ("node-1.key");
    char *problem = NULL;

    //  A damaged file changes nothing
    FILE *file = fopen (s_path ("other.zpl"), "w");
    fprintf (file, "actor\n    role = \"storage:node-1\"\n    public-key = \"short\"\n");
    fclose (file);
    chmod (s_path ("other.zpl"), 0600);
    cr_expect_eq (fst_gate_enrol (s_gate, s_path ("other.zpl"), &problem), FST_MALFORMED);
    zstr_free (&problem);
    cr_expect_eq (fst_gate_enrol (s_gate, s_path ("none.zpl"), &problem), FST_NOT_FOUND);
    zstr_free (&problem);
    s_expect_curve ("storage:node-1", server, keys->curve_public, keys->curve_secret);

    //  An empty one lets no one in
    file = fopen (s_path ("other.zpl"), "w");
    fclose (file);
    cr_expect_eq (fst_gate_enrol (s_gate, s_path ("other.zpl"), &problem), FST_OK);
    s_expect_curve (NULL, server, keys->curve_public, keys->curve_secret);
    fst_keys_destroy (&keys);
    zsock_destroy (&server);
}

static fst_keys_t *
s_enrol (const char *rights)
{
    fst_keys_t *keys = NULL;
    char *problem = NULL;
    fst_enrolment_t what = { .role = "actor:late", .rights = rights, .scopes = "" };
    fst_rc_t rc = fst_keys_enrol (s_folder, &what, &keys, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
    return keys;
}

static void
s_user_id (char user_id [256], const char *role, const fst_keys_t *keys)
{
    snprintf (user_id, 256, "%s key:%.10s", role, keys->curve_public);
}

Test (gate, who_is_enrolled_again_with_the_same_rights_is_somebody_else)
{
    zsock_t *server = s_bind ("actor");
    char was [256], is [256];
    fst_keys_t *first = s_enrol ("offers:b");
    s_user_id (was, "actor:late offers:b", first);
    s_expect_curve (was, server, first->curve_public, first->curve_secret);
    fst_keys_t *second = s_enrol ("offers:b");
    s_user_id (is, "actor:late offers:b", second);
    s_expect_curve (is, server, second->curve_public, second->curve_secret);
    cr_expect (fst_gate_knows (s_gate, is));
    cr_expect_not (fst_gate_knows (s_gate, was), "whoever has the old keys is in still, and may offer b no more");
    fst_keys_destroy (&first);
    fst_keys_destroy (&second);
    zsock_destroy (&server);
}

Test (gate, who_is_enrolled_later_gets_in_at_once_and_who_is_unenrolled_does_not)
{
    zsock_t *server = s_bind ("actor");
    char *problem = NULL;
    char was [256], is [256];
    fst_keys_t *first = s_enrol ("");
    s_user_id (was, "actor:late", first);
    s_expect_curve (was, server, first->curve_public, first->curve_secret);
    fst_keys_t *second = s_enrol ("offers:b publishes:c.d");
    s_user_id (is, "actor:late offers:b publishes:c.d", second);
    s_expect_curve (is, server, second->curve_public, second->curve_secret);
    s_expect_curve (NULL, server, first->curve_public, first->curve_secret);
    cr_expect (fst_gate_knows (s_gate, is));
    cr_expect_not (fst_gate_knows (s_gate, was));
    cr_expect_eq (fst_keys_unenrol (s_folder, "actor:late", &problem), FST_OK);
    s_expect_curve (NULL, server, second->curve_public, second->curve_secret);
    cr_expect_not (fst_gate_knows (s_gate, is));
    fst_keys_t *node = s_load ("node-1.key");
    s_expect_curve ("storage:node-1", server, node->curve_public, node->curve_secret);
    fst_keys_destroy (&first);
    fst_keys_destroy (&second);
    fst_keys_destroy (&node);
    zsock_destroy (&server);
}

Test (gate, domain_that_no_one_knows_is_closed)
{
    zsock_t *server = zsock_new (ZMQ_ROUTER);
    zsock_set_zap_domain (server, "clients");
    zsock_set_curve_server (server, 1);
    zsock_set_curve_secretkey (server, s_broker->curve_secret);
    zsock_set_rcvtimeo (server, 0);
    cr_assert_geq (zsock_bind (server, "tcp://127.0.0.1:*"), 0);
    s_expect_stranger (NULL, server);
    zsock_destroy (&server);
}

//  Send frames to the gate as if from libzmq. True if it answers, with this status code.
static bool
s_answers (const char *code, zsock_t *asker, zmsg_t *request, int wait_ms)
{
    zsock_set_rcvtimeo (asker, wait_ms);
    cr_assert_eq (zmsg_send (&request, asker), 0);
    zmsg_t *reply = zmsg_recv (asker);
    bool same = false;
    if (reply) {
        cr_expect_eq (zmsg_size (reply), 7);    //  Empty, version, id, code, text, user, metadata
        zmsg_first (reply);
        zmsg_next (reply);
        zmsg_next (reply);
        same = zframe_streq (zmsg_next (reply), code);
        zmsg_destroy (&reply);
    }
    return same;
}

typedef enum { LEFT_OUT, TWICE, EMPTY, TOO_LONG, WITH_NUL, WHOLE } s_damage_t;

static zmsg_t *
s_request (const char *ticket, s_damage_t damage, int target)
{
    const char *const frames [] = { "", "1.0", "id", "data:node-1", "127.0.0.1", "", "PLAIN", "alice", ticket };
    char large [300] = { 'x' };
    zmsg_t *request = zmsg_new ();
    for (int index = 0; index < 9; index++) {
        s_damage_t here = index == target? damage: WHOLE;
        if (here == TWICE || here == WHOLE)
            zmsg_addstr (request, frames [index]);
        if (here == TWICE)
            zmsg_addstr (request, frames [index]);
        if (here == EMPTY)
            zmsg_addmem (request, "", 0);
        if (here == TOO_LONG)
            zmsg_addmem (request, memset (large, 'x', sizeof (large)), sizeof (large));
        if (here == WITH_NUL)
            zmsg_addmem (request, frames [index], strlen (frames [index]) + 1);
    }
    return request;
}

Test (gate, malformed_requests_are_refused_and_the_gate_lives_on)
{
    static const int matters [] = { 1, 3, 6, 7, 8 };    //  Version, domain, mechanism, user, ticket
    char ticket [FST_PROOF_TEXT_MAX];
    fst_ticket_make (s_node_key, "alice", fst_clock_wall_ms () + 60000, ticket);
    zsock_t *asker = zsock_new (ZMQ_DEALER);
    zsock_set_linger (asker, 0);
    cr_assert_eq (zsock_connect (asker, "inproc://zeromq.zap.01"), 0);
    cr_expect (s_answers ("200", asker, s_request (ticket, WHOLE, 0), ADMITTED_MS));
    for (s_damage_t damage = EMPTY; damage < WHOLE; damage++)
        for (size_t index = 0; index < sizeof (matters) / sizeof (matters [0]); index++)
            cr_expect (s_answers ("400", asker, s_request (ticket, damage, matters [index]), ADMITTED_MS),
                       "damage %d of frame %d", damage, matters [index]);
    for (int target = 3; target < 9; target++) {
        cr_expect (s_answers ("400", asker, s_request (ticket, LEFT_OUT, target), ADMITTED_MS), "%d", target);
        cr_expect (s_answers ("400", asker, s_request (ticket, TWICE, target), ADMITTED_MS), "%d", target);
    }
    //  Damage before the request id: there may be no way to answer, but never is it a yes
    for (s_damage_t damage = LEFT_OUT; damage < WHOLE; damage++)
        if (damage != EMPTY)
            cr_expect_not (s_answers ("200", asker, s_request (ticket, damage, 0), 20), "%d", damage);
    for (int frames = 1; frames < 4; frames++) {
        zmsg_t *request = zmsg_new ();
        for (int count = 0; count < frames; count++)
            zmsg_addmem (request, "", 0);
        cr_expect_not (s_answers ("200", asker, request, 20));
    }
    zsock_destroy (&asker);

    zsock_t *server = s_bind ("data:node-1");
    s_expect_ticket ("alice", server, "alice", ticket);
    zsock_destroy (&server);
}

Test (gate, flood_of_strangers_is_a_few_lines_without_secrets)
{
    char ticket [FST_PROOF_TEXT_MAX];
    fst_ticket_make (s_other_key, "alice", fst_clock_wall_ms () + 60000, ticket);
    zsock_t *asker = zsock_new (ZMQ_DEALER);
    cr_assert_eq (zsock_connect (asker, "inproc://zeromq.zap.01"), 0);
    int before = dup (STDERR_FILENO);
    cr_assert_not_null (freopen (s_path ("log"), "w", stderr));
    int64_t start_ms = fst_clock_mono_ms ();
    for (int count = 0; count < 500; count++)
        cr_expect (s_answers ("400", asker, s_request (ticket, WHOLE, 0), ADMITTED_MS));
    int64_t seconds = (fst_clock_mono_ms () - start_ms) / 1000 + 1;
    fflush (stderr);
    dup2 (before, STDERR_FILENO);
    close (before);
    zsock_destroy (&asker);

    zchunk_t *chunk = zchunk_slurp (s_path ("log"), 0);
    char *log = zchunk_strdup (chunk);
    int64_t lines = 0;
    for (const char *at = log; *at; at++)
        lines += *at == '\n';
    cr_expect (lines >= 1 && lines <= 6 * (seconds + 1), "%d lines in %d s", (int) lines, (int) seconds);
    cr_expect_not_null (strstr (log, "reason=wrong_ticket domain=\"data:node-1\""));
    cr_expect_null (strstr (log, ticket));
    zstr_free (&log);
    zchunk_destroy (&chunk);
}

typedef struct { int first; } s_adder_t;

static void *
s_add_nodes (void *arg)
{
    s_adder_t *adder = (s_adder_t *) arg;
    for (int number = adder->first; number < adder->first + 100; number++) {
        char name [32];
        uint8_t key [FST_KEY_BYTES] = { (uint8_t) number };
        snprintf (name, sizeof (name), "many-%d", number);
        fst_gate_add_node (s_gate, name, key);
    }
    return NULL;
}

Test (gate, nodes_may_be_added_from_any_thread)
{
    pthread_t threads [4];
    s_adder_t adders [4] = { { 0 }, { 100 }, { 200 }, { 300 } };
    for (int index = 0; index < 4; index++)
        cr_assert_eq (pthread_create (&threads [index], NULL, s_add_nodes, &adders [index]), 0);
    for (int index = 0; index < 4; index++)
        pthread_join (threads [index], NULL);
    uint8_t key [FST_KEY_BYTES] = { (uint8_t) 399 };
    char ticket [FST_PROOF_TEXT_MAX];
    fst_ticket_make (key, "carol", fst_clock_wall_ms () + 60000, ticket);
    zsock_t *server = s_bind ("data:many-399");
    s_expect_ticket ("carol", server, "carol", ticket);
    zsock_destroy (&server);
}

Test (gate, another_one_may_follow)
{
    fst_gate_destroy (&s_gate);
    fst_gate_destroy (&s_gate);             //  Safe to call twice
    s_gate = fst_gate_new ();
    zsock_t *server = s_bind ("client");
    s_expect_stranger ("client", server);
    zsock_destroy (&server);
}
