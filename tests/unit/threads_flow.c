//  Flows under the thread sanitizer: octets both ways between a loop and threads, while either side leaves, clients are
//  kept and forgotten, and all of it is shut down in the midst of things. The store is never asked here.

#include <assert.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_flow.h"
#include "fst_token.h"

#define FLOWS       200
#define OCTETS      200000

typedef struct {
    fst_flow_t *flow;
    bool up, leaves;                //  Up: loop to thread. leaves: the loop does, half way
    bool passes;                    //  Down, without a copy
    size_t loop_at, thread_at;
    bool ended, told, over, wrong;
    fst_rc_t rc;
} s_case_t;

static int s_disposed;

static uint8_t
s_octet (size_t at)
{
    return (uint8_t) (at * 2654435761u >> 24);
}

static void
s_dispose (void *arg)
{
    (void) arg;
    s_disposed++;
}

//  On the thread. filestore_put waits at the descriptor in its own loop; here poll does.
static fst_rc_t
s_read_all (s_case_t *self, fst_flow_t *flow)
{
    filestore_source_t source = fst_flow_source (flow);
    uint8_t data [7000];
    size_t got = 1;
    while (got) {
        fst_rc_t rc = source.read (source.self, data, sizeof (data), &got);
        if (rc == FST_BUSY) {
            struct pollfd item = { .fd = source.fd, .events = POLLIN };
            poll (&item, 1, -1);
            continue;
        }
        if (rc != FST_OK)
            return rc;
        for (size_t at = 0; at < got; at++)
            self->wrong = self->wrong || data [at] != s_octet (self->thread_at + at);
        self->thread_at += got;
    }
    return FST_OK;
}

static fst_rc_t
s_write_all (s_case_t *self, fst_flow_t *flow)
{
    filestore_sink_t sink = fst_flow_sink (flow);
    uint8_t data [9000];
    while (self->thread_at < OCTETS) {
        size_t count = OCTETS - self->thread_at < sizeof (data)? OCTETS - self->thread_at: sizeof (data);
        for (size_t at = 0; at < count; at++)
            data [at] = s_octet (self->thread_at + at);
        uint8_t *own = self->passes? malloc (count): NULL;
        if (own)
            memcpy (own, data, count);
        fst_rc_t rc = own? sink.pass (sink.self, own, count, free, own): sink.write (sink.self, data, count);
        if (rc != FST_OK)
            free (own);
        if (rc != FST_OK)
            return rc;
        self->thread_at += count;
    }
    return FST_OK;
}

static fst_rc_t
s_run (void *arg, fst_flow_t *flow, filestore_t *client, char **problem_p)
{
    (void) problem_p;
    s_case_t *self = arg;
    assert (filestore_user (client));
    fst_flow_tell (flow);
    return self->up? s_read_all (self, flow): s_write_all (self, flow);
}

static void
s_move (s_case_t *self)
{
    uint8_t data [5000];
    fst_pipe_t *pipe = fst_flow_pipe (self->flow);
    size_t moved = 1;
    while (moved && self->loop_at < OCTETS && !(self->leaves && self->loop_at > OCTETS / 2)) {
        size_t count = OCTETS - self->loop_at < sizeof (data)? OCTETS - self->loop_at: sizeof (data);
        if (self->up) {
            for (size_t at = 0; at < count; at++)
                data [at] = s_octet (self->loop_at + at);
            moved = fst_pipe_give (pipe, data, count);
        }
        else {
            moved = fst_pipe_take (pipe, data, count);
            for (size_t at = 0; at < moved; at++)
                self->wrong = self->wrong || data [at] != s_octet (self->loop_at + at);
        }
        self->loop_at += moved;
    }
    if (self->up && self->loop_at == OCTETS && !self->ended) {
        self->ended = true;
        fst_pipe_end (pipe);
    }
}

static void
s_news (void *arg, fst_flow_t *flow)
{
    s_case_t *self = arg;
    self->told = self->told || fst_flow_told (flow);
    s_move (self);
    self->over = fst_flow_over (flow, &self->rc, NULL);
}

//  A token of its form; the services would refuse it, but none is asked.
static void
s_token (char *token, size_t size, int number)
{
    uint8_t secret [FST_SIGN_SECRET_BYTES], public [FST_SIGN_PUBLIC_BYTES];
    crypto_sign_keypair (public, secret);
    fst_claims_t claims = { .role = FST_ROLE_USER, .expires_ms = fst_clock_wall_ms () + 3600000 };
    snprintf (claims.name, sizeof (claims.name), "user-%d", number);
    char *text = fst_token_sign (&claims, secret);
    assert (text && strlen (text) < size);
    strcpy (token, text);
    free (text);
}

static void
s_wait (fst_flows_t *flows)
{
    int fds [3];
    fst_flows_fds (flows, fds);
    struct pollfd items [3] = { { fds [0], POLLIN, 0 }, { fds [1], POLLIN, 0 }, { fds [2], POLLIN, 0 } };
    poll (items, 3, 100);
    fst_flows_collect (flows);
}

static void
s_set (fst_config_t *config, const char *name, const char *value)
{
    char *problem = NULL;
    fst_rc_t rc = fst_config_set (config, name, value, &problem);
    assert (rc == FST_OK);
}

int
main (void)
{
    int sodium = sodium_init ();
    assert (sodium >= 0);
    fst_config_t *config = fst_config_new ();
    s_set (config, "broker", "ipc:///nowhere/at/all");
    s_set (config, "transfers", "4");
    s_set (config, "uploads", "4");
    s_set (config, "user-transfers", "6");
    fst_flows_t *flows = fst_flows_new (config);
    char tokens [3] [512];
    for (int at = 0; at < 3; at++)
        s_token (tokens [at], sizeof (tokens [at]), at);
    static s_case_t cases [FLOWS];
    int begun = 0, refused = 0, many = 0, open = 0, done = 0;
    while (begun < FLOWS || open) {
        for (; begun < FLOWS; begun++) {
            s_case_t *self = &cases [begun];
            self->up = begun % 2;
            self->leaves = begun % 7 == 0;
            self->passes = begun % 4 == 0;
            char user [16];
            snprintf (user, sizeof (user), "user-%d", begun % 3);
            fst_flow_args_t args = { .token = tokens [begun % 3], .user = user, .upload = self->up, .pipe_bytes = 16384,
                                     .run = s_run, .news = s_news, .dispose = s_dispose, .arg = self };
            fst_rc_t rc = fst_flow_begin (flows, &args, &self->flow);
            refused += rc == FST_BUSY;
            many += rc == FST_TOO_MANY;
            if (rc != FST_OK)
                break;
            open++;
            s_move (self);
        }
        s_wait (flows);
        fst_flows_tick (flows, fst_clock_mono_ms ());
        if (begun % 50 == 0)
            fst_flows_forget (flows, tokens [begun % 3]);
        for (int at = 0; at < begun; at++) {
            s_case_t *self = &cases [at];
            if (!self->flow || !(self->over || (self->leaves && self->loop_at > OCTETS / 2)))
                continue;
            s_move (self);
            if (self->over && !self->leaves) {
                assert (self->rc == FST_OK);
                assert (self->told && self->loop_at == OCTETS);
            }
            fst_flow_leave (&self->flow);
            open--;
            done++;
        }
    }
    assert (done == FLOWS);
    assert (many > 0 || refused > 0);

    //  Shut down while some are in the midst of it
    static s_case_t last [6];
    for (int at = 0; at < 6; at++) {
        last [at].up = at % 2;
        last [at].passes = at == 2;
        char user [16];
        snprintf (user, sizeof (user), "last-%d", at);
        fst_flow_args_t args = { .token = tokens [0], .user = user, .upload = last [at].up, .pipe_bytes = 16384,
                                 .run = s_run, .news = s_news, .dispose = s_dispose, .arg = &last [at] };
        fst_rc_t rc = fst_flow_begin (flows, &args, &last [at].flow);
        assert (rc == FST_OK || rc == FST_BUSY);
        done += rc == FST_OK;
    }
    fst_flows_destroy (&flows);
    for (int at = 0; at < FLOWS; at++)
        assert (!cases [at].wrong);
    assert (s_disposed == done);
    fst_config_destroy (&config);
    printf ("%d flows, %d had to wait\n", done, refused + many);
    return 0;
}
