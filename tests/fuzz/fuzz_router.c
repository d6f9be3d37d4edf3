//  Any frames from any peers in any order: the router keeps its bounds, never asserts, and forgets everything
//  in the end. Each step is an octet that says what happens, then frames: an octet picks a word, or says how many
//  octets of the input follow as they are.

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_bytes.h"
#include "fst_log.h"
#include "fst_peek.h"
#include "fst_router.h"

#define STEPS_MAX   400
#define FRAMES_MAX  8

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes);

static const char *const s_words [] = {
    "", "MDPC02", "MDPW02", "MDPC01", "MDPW01", "\1", "\2", "\3", "\4", "\5", "\6", "echo", "other", "mmi.service", "Ca", "Cb",
    "Aa", "Ab", "a", "b", "{\"id\":\"1\"}",
};
#define WORDS (sizeof (s_words) / sizeof (s_words [0]))

static zmsg_t *
s_message (fst_reader_t *in)
{
    zmsg_t *message = zmsg_new ();
    zmsg_addstr (message, fst_read_uint (in, 1) & 1? "a": "b");
    size_t frames = fst_read_uint (in, 1) % FRAMES_MAX;
    while (frames--) {
        size_t pick = fst_read_uint (in, 1);
        uint8_t octets [8];
        size_t raw = pick >= WORDS? pick % sizeof (octets): 0;
        if (pick >= WORDS) {
            fst_read_bytes (in, octets, raw);
            zmsg_addmem (message, octets, raw);
        }
        else
            zmsg_addstr (message, s_words [pick]);
    }
    return message;
}

static int64_t
s_mono_us (void)
{
    return 1;
}

//  All that is to be sent; some of it bounces.
static void
s_send (fst_router_t *router, unsigned bounce)
{
    fst_router_side_t side;
    zmsg_t *message;
    while ((message = fst_router_next (router, &side))) {
        assert (zmsg_size (message) >= 2);
        if (bounce & 1)
            fst_router_undelivered (router, side, &message);
        bounce >>= 1;
        zmsg_destroy (&message);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes)
{
    char id [FST_PEEK_ID_BYTES];
    fst_peek_id (data, bytes, id);
    assert (strlen (id) < sizeof (id));

    fst_log_set_level (FST_LOG_ERROR);
    int64_t now_ms = 1000;
    fst_router_t *router = fst_router_new (now_ms, s_mono_us);
    fst_reader_t in = fst_reader (data, bytes);
    for (int step = 0; step < STEPS_MAX && in.left && !in.bad; step++) {
        unsigned what = (unsigned) fst_read_uint (&in, 1);
        if (what & 1) {
            now_ms += what * 10;
            int64_t wake_ms = fst_router_tick (router, now_ms);
            assert (wake_ms > now_ms);
        }
        else {
            zmsg_t *message = s_message (&in);
            fst_router_receive (router, what & 2? FST_ROUTER_ACTORS: FST_ROUTER_CLIENTS, what & 4? "storage:node-1": "",
                                &message, now_ms);
            assert (!message);
        }
        s_send (router, what >> 3);
    }
    now_ms += 10 * FST_ROUTER_DEADLINE_MS;
    fst_router_tick (router, now_ms);
    s_send (router, 0);
    assert (fst_router_counts (router).waiting == 0);
    assert (fst_router_counts (router).workers == 0);
    assert (fst_router_counts (router).services == 0);
    fst_router_destroy (&router);
    return 0;
}
