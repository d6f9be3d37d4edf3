//  The HTTP server as its handlers see it: answers now and later, bodies both ways with backpressure, deadlines, ends.

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <czmq.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include "fst_clock.h"
#include "fst_http.h"

#define PIECES  50
#define WAIT_S  30

//  Everything but what is atomic belongs to the actor's thread.
typedef struct {
    fst_actor_t *actor;
    fst_http_t *http;
    fst_http_options_t options;
    atomic_uint port;
    atomic_int ended, holding;
    fst_http_request_t *held;
    int64_t release_ms;             //  When the held request is gone on with
    size_t taken, left;             //  Of a body; of an answer
    bool short_pieces;
} world_t;

static world_t s_world;

static void
s_ended (void *arg, fst_http_request_t *request)
{
    world_t *world = arg;
    cr_expect (fst_http_gone (request));
    fst_http_reply_json (request, 200, NULL);       //  Goes nowhere, and hurts nobody
    fst_http_set_header (request, "X", "y");
    fst_http_resume (request);
    atomic_fetch_add (&world->ended, 1);
}

//  ---- Handlers

static void
s_now (void *arg, fst_http_request_t *request)
{
    fst_http_on_end (request, s_ended, arg);
    fst_http_reply_json (request, 200, json_pack ("{s:s}", "tail", fst_http_tail (request)));
    fst_http_reply_json (request, 500, NULL);       //  A second answer is dropped
}

//  Hold it, and no longer the one before.
static void
s_keep (world_t *world, fst_http_request_t *request)
{
    fst_http_release (&world->held);
    world->held = fst_http_hold (request);
}

static void
s_later (void *arg, fst_http_request_t *request)
{
    world_t *world = arg;
    fst_http_on_end (request, s_ended, world);
    s_keep (world, request);
    world->release_ms = fst_clock_mono_ms () + 20;
    atomic_store (&world->holding, 1);
}

//  Never answers; is kept past its end.
static void
s_never (void *arg, fst_http_request_t *request)
{
    world_t *world = arg;
    fst_http_on_end (request, s_ended, world);
    fst_http_set_patience (request, 100);
    s_keep (world, request);
    world->release_ms = INT64_MAX;
    atomic_store (&world->holding, 1);
}

static size_t
s_take (void *arg, fst_http_request_t *request, const void *data, size_t bytes)
{
    world_t *world = arg;
    if (!data) {
        fst_http_reply_json (request, 200, json_pack ("{s:I}", "taken", (json_int_t) world->taken));
        return 0;
    }
    size_t some = world->short_pieces && bytes > 1000? 1000: bytes;
    if (world->short_pieces && world->taken % 3 == 0)
        fst_http_resume (request);                  //  Room came while we were asked: nothing may be lost
    else
    if (some < bytes)
        world->release_ms = fst_clock_mono_ms ();   //  At the next turn
    world->taken += some;
    return some;
}

static void
s_put (void *arg, fst_http_request_t *request)
{
    world_t *world = arg;
    world->taken = 0;
    world->short_pieces = fst_http_query (request, "short") != NULL;
    if (fst_http_query (request, "refuse"))
        fst_http_fail (request, FST_NO_SPACE, "no");
    else {
        fst_http_receive (request, s_take, world);
        s_keep (world, request);
        world->release_ms = INT64_MAX;
    }
}

static ssize_t
s_read (void *arg, void *data, size_t bytes)
{
    world_t *world = arg;
    if (world->left == 0)
        return FST_HTTP_END;
    if (world->left % 2) {                          //  Every second time there is nothing yet
        world->left--;
        world->release_ms = fst_clock_mono_ms ();
        return 0;
    }
    world->left--;
    size_t some = bytes < 10? bytes: 10;
    memset (data, 'x', some);
    return (ssize_t) some;
}

static ssize_t
s_read_nothing (void *arg, void *data, size_t bytes)
{
    (void) arg;
    (void) data;
    (void) bytes;
    return 0;
}

static void
s_get_stream (void *arg, fst_http_request_t *request)
{
    world_t *world = arg;
    fst_http_on_end (request, s_ended, world);
    world->left = 2 * PIECES;
    s_keep (world, request);
    world->release_ms = INT64_MAX;
    bool stuck = fst_http_query (request, "stuck") != NULL;
    if (stuck)
        fst_http_set_patience (request, 100);
    fst_http_reply_stream (request, 200, "text/plain", fst_http_query (request, "known")? PIECES * 10: -1,
                           stuck? s_read_nothing: s_read, world);
}

static const fst_http_route_t s_routes [] = {
    { "GET",  "/now/",   FST_HTTP_OPEN, s_now },
    { "GET",  "/later",  FST_HTTP_OPEN, s_later },
    { "GET",  "/never",  FST_HTTP_OPEN, s_never },
    { "PUT",  "/put",    FST_HTTP_OPEN | FST_HTTP_STREAM, s_put },
    { "GET",  "/stream", FST_HTTP_OPEN, s_get_stream },
    { "POST", "/json",   FST_HTTP_OPEN | FST_HTTP_JSON, s_now },
    { "GET",  "/closed", 0, s_now },
    { NULL }
};

//  ---- The actor

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    world_t *world = arg;
    world->actor = actor;
    fst_rc_t rc = fst_http_new (actor, &world->options, &world->http, problem_p);
    if (rc == FST_OK) {
        fst_http_add_routes (world->http, s_routes, world);
        atomic_store (&world->port, fst_http_port (world->http));
    }
    return rc;
}

static void
s_flush (void *arg)
{
    world_t *world = arg;
    fst_http_flush (world->http);
    if (world->held && world->release_ms != INT64_MAX)
        fst_actor_wake (world->actor, world->release_ms);
}

static int64_t
s_tick (void *arg, int64_t now_ms)
{
    world_t *world = arg;
    if (world->held && now_ms >= world->release_ms) {
        world->release_ms = INT64_MAX;
        if (atomic_exchange (&world->holding, 0)) {
            fst_http_reply_json (world->held, 202, NULL);
            fst_http_release (&world->held);
        }
        else
            fst_http_resume (world->held);
    }
    int64_t wake_ms = fst_http_tick (world->http, now_ms);
    return world->release_ms < wake_ms && world->held? world->release_ms: wake_ms;
}

static void
s_stop (void *arg)
{
    world_t *world = arg;
    fst_http_destroy (&world->http);
    fst_http_release (&world->held);
}

static void
s_setup (void)
{
    static const fst_actor_class_t class = { .start = s_start, .flush = s_flush, .tick = s_tick, .stop = s_stop };
    static const fst_actor_options_t options = { 0 };
    s_world = (world_t) {
        .options = { .address = "127.0.0.1:0", .connections_max = 20, .idle_ms = 10000, .slow_ms = 10000, .json_max = 1000 },
        .release_ms = INT64_MAX
    };
    char *problem = NULL;
    fst_rc_t rc = fst_actor_new (&class, &options, &s_world, &s_world.actor, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
}

static void
s_teardown (void)
{
    fst_actor_destroy (&s_world.actor);
}

TestSuite (http, .init = s_setup, .fini = s_teardown);

//  ---- Clients

static int
s_connect (void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((uint16_t) atomic_load (&s_world.port)) };
    address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    int fd = socket (AF_INET, SOCK_STREAM, 0);
    struct timeval wait = { .tv_sec = WAIT_S };
    cr_assert_eq (setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof (wait)), 0);
    cr_assert_eq (connect (fd, (struct sockaddr *) &address, sizeof (address)), 0);
    return fd;
}

static void
s_send (int fd, const char *text, size_t bytes)
{
    while (bytes) {
        ssize_t sent = send (fd, text, bytes, MSG_NOSIGNAL);
        cr_assert_gt (sent, 0);
        text += sent;
        bytes -= (size_t) sent;
    }
}

//  All that comes until the server closes; caller frees.
static char *
s_receive (int fd)
{
    size_t size = 1 << 20, used = 0;
    char *text = calloc (1, size);
    ssize_t got;
    while (used < size - 1 && (got = recv (fd, text + used, size - 1 - used, 0)) > 0)
        used += (size_t) got;
    close (fd);
    return text;
}

static char *
s_ask (const char *line, const char *headers, const char *body, size_t bytes)
{
    int fd = s_connect ();
    char *head = zsys_sprintf ("%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n", line, headers);
    s_send (fd, head, strlen (head));
    free (head);
    s_send (fd, body, bytes);
    return s_receive (fd);
}

static void
s_expect (const char *line, const char *status, const char *body)
{
    char *answer = s_ask (line, "", "", 0);
    char *begin = strstr (answer, "\r\n\r\n");
    cr_assert_not_null (begin, "%s: %s", line, answer);
    cr_expect (strncmp (answer + 9, status, 3) == 0, "%s: %s", line, answer);
    if (body)
        cr_expect_str_eq (begin + 4, body, "%s: %s", line, answer);
    free (answer);
}

static void
s_wait_ended (int count)
{
    int64_t deadline_ms = fst_clock_mono_ms () + WAIT_S * 1000;
    while (atomic_load (&s_world.ended) < count && fst_clock_mono_ms () < deadline_ms)
        zclock_sleep (1);
    cr_expect_eq (atomic_load (&s_world.ended), count);
}

//  ---- Rules

Test (http, longest_route_wins_and_the_first_answer_counts)
{
    s_expect ("GET /now/a/b?c=d", "200", "{\"tail\":\"a/b\"}");
    s_wait_ended (1);
    s_expect ("GET /now", "404", NULL);
    s_expect ("PUT /now/x", "405", NULL);
    s_expect ("GET /closed", "401", NULL);
    s_expect ("GET /x", "404", NULL);
}

Test (http, answer_may_come_later)
{
    s_expect ("GET /later", "202", "{}");
    s_wait_ended (1);
}

Test (http, request_that_is_not_answered_in_time_is_answered_504)
{
    s_expect ("GET /never", "504", "{\"code\":\"timeout\",\"message\":\"no answer in time\"}");
    s_wait_ended (1);
}

Test (http, request_whose_client_left_may_be_answered_and_released)
{
    int fd = s_connect ();
    const char *ask = "GET /never HTTP/1.1\r\nHost: a\r\n\r\n";
    s_send (fd, ask, strlen (ask));
    int64_t deadline_ms = fst_clock_mono_ms () + WAIT_S * 1000;
    while (!atomic_load (&s_world.holding) && fst_clock_mono_ms () < deadline_ms)
        zclock_sleep (1);
    close (fd);
    s_wait_ended (1);
}

Test (http, bodies_are_taken_as_fast_as_the_handler_does)
{
    size_t bytes = 300000;
    char *body = calloc (1, bytes), length [64];
    snprintf (length, sizeof (length), "Content-Length: %zu\r\n", bytes);
    static const char *const lines [] = { "PUT /put", "PUT /put?short" };
    for (int line = 0; line < 2; line++) {
        char *answer = s_ask (lines [line], length, body, bytes);
        cr_expect_not_null (strstr (answer, "{\"taken\":300000}"), "%s: %s", lines [line], answer);
        free (answer);
    }
    free (body);
}

Test (http, refusal_before_the_body_needs_no_body)
{
    char *answer = s_ask ("PUT /put?refuse", "Content-Length: 1000000\r\nExpect: 100-continue\r\n", "", 0);
    cr_expect (strncmp (answer, "HTTP/1.1 507 ", 13) == 0, "%s", answer);
    free (answer);
}

Test (http, answers_may_come_in_pieces_of_a_known_length_or_not)
{
    char *answer = s_ask ("GET /stream?known", "", "", 0);
    cr_expect_not_null (strstr (answer, "Content-Length: 500\r\n"), "%s", answer);
    char *begin = strstr (answer, "\r\n\r\n");
    cr_expect_eq (strspn (begin + 4, "x"), 500);
    free (answer);
    s_wait_ended (1);
    answer = s_ask ("GET /stream", "", "", 0);
    size_t count = 0;
    for (char *at = strstr (answer, "\r\n\r\n"); *at; at++)
        count += *at == 'x';
    cr_expect_eq (count, 500);
    cr_expect_str_eq (answer + strlen (answer) - 5, "0\r\n\r\n");
    free (answer);
}

Test (http, answer_that_gets_stuck_is_cut_and_does_not_look_whole)
{
    char *answer = s_ask ("GET /stream?stuck", "", "", 0);
    cr_expect_not_null (strstr (answer, "HTTP/1.1 200 "));
    cr_expect_null (strstr (answer, "0\r\n\r\n"));
    free (answer);
    s_wait_ended (1);
}

Test (http, head_of_a_stream_reads_nothing)
{
    char *answer = s_ask ("HEAD /stream?known", "", "", 0);
    cr_expect_not_null (strstr (answer, "Content-Length: 500\r\n"), "%s", answer);
    cr_expect_null (strstr (answer, "xx"));
    free (answer);
    s_wait_ended (1);
}

Test (http, json_bodies_are_bounded_and_say_what_they_are)
{
    char large [1100];
    memset (large, ' ', sizeof (large));
    static const char json [] = "Content-Type: application/json\r\n";
    char headers [200];
    snprintf (headers, sizeof (headers), "%sContent-Length: %zu\r\n", json, sizeof (large));
    char *answers [] = {
        s_ask ("POST /json", "Content-Type: application/json\r\nContent-Length: 2\r\n", "{}", 2),
        s_ask ("POST /json", "Content-Type: application/json\r\nContent-Length: 2\r\n", "[]", 2),
        s_ask ("POST /json", "Content-Length: 2\r\n", "{}", 2),
        s_ask ("POST /json", headers, large, sizeof (large)),
        s_ask ("POST /json", json, "", 0),
    };
    static const char *const statuses [] = { "200", "400", "415", "413", "400" };
    for (size_t at = 0; at < sizeof (answers) / sizeof (answers [0]); at++) {
        cr_expect (strncmp (answers [at] + 9, statuses [at], 3) == 0, "%s: %s", statuses [at], answers [at]);
        free (answers [at]);
    }
}

Test (http, end_of_the_server_ends_its_requests)
{
    const char *ask = "GET /never HTTP/1.1\r\nHost: a\r\n\r\n";
    int fd = s_connect ();
    s_send (fd, ask, strlen (ask));
    int64_t deadline_ms = fst_clock_mono_ms () + WAIT_S * 1000;
    while (!atomic_load (&s_world.holding) && fst_clock_mono_ms () < deadline_ms)
        zclock_sleep (1);
    fst_actor_destroy (&s_world.actor);
    cr_expect_eq (atomic_load (&s_world.ended), 1);
    close (fd);
}
