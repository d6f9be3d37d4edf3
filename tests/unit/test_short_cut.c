//  The short cut to data ports of the same process. There is no gate here: who has to show a ticket gets nowhere.

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>
#include "fst_clock.h"
#include "fst_proof.h"
#include "fst_socket.h"

static char s_folder [] = "/tmp/fst-unit-XXXXXX", s_endpoint [64];
static zsock_t *s_port;

static void
s_begin (void)
{
    cr_assert (mkdtemp (s_folder));
    snprintf (s_endpoint, sizeof (s_endpoint), "ipc://%s/data", s_folder);
}

static void
s_end (void)
{
    zsock_destroy (&s_port);
    unlink (s_endpoint + strlen ("ipc://"));
    rmdir (s_folder);
}

TestSuite (short_cut, .init = s_begin, .fini = s_end);

static void
s_bind (void)
{
    char *problem = NULL;
    cr_assert_eq (fst_socket_bind (ZMQ_ROUTER, s_endpoint, "data:node-1", NULL, &s_port, &problem), FST_OK, "%s", problem);
}

//  True if a message of this user arrives within the time.
static bool
s_arrives (const char *user, int64_t within_ms)
{
    zsock_t *socket = NULL;
    zmsg_t *message = NULL;
    char user_id [100] = "?";
    cr_assert_eq (fst_socket_connect_data (s_endpoint, user, "no ticket", &socket), FST_OK);
    for (int64_t until_ms = fst_clock_mono_ms () + within_ms; !message && fst_clock_mono_ms () < until_ms;) {
        zmsg_t *hello = zmsg_new ();
        zmsg_addstr (hello, "hello");
        if (fst_socket_send (socket, &hello) != FST_OK)
            zclock_sleep (5);
        message = fst_socket_recv (s_port, user_id, sizeof (user_id));
    }
    if (message)
        cr_expect_str_empty (user_id);
    zsock_destroy (&socket);
    bool arrived = message != NULL;
    zmsg_destroy (&message);
    return arrived;
}

Test (short_cut, clients_of_the_same_process_need_no_ticket)
{
    fst_socket_share ();
    s_bind ();
    cr_expect_str_eq (zsock_endpoint (s_port), s_endpoint, "what is advertised is for everyone");
    cr_expect (s_arrives ("anna", 60000));
}

Test (short_cut, other_nodes_show_who_they_are)
{
    fst_socket_share ();
    s_bind ();
    cr_expect_not (s_arrives (FST_NODE_USER "node-2", 300));
}

Test (short_cut, without_being_told_nothing_is_shared)
{
    s_bind ();
    cr_expect_not (s_arrives ("anna", 300));
}
