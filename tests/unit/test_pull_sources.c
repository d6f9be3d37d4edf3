//  Copying from a source that is the test itself: it misbehaves, counts what is asked of it, and goes away.
//
//  Node 0 copies. Node 1 is a good source, if it is started. Node 2 is the test: a ROUTER with the records of one extent.

#include <criterion/criterion.h>
#include "pull_world.h"

#define LOG2    16
#define CHUNKS  64
#define TIME_MS 60000

//  What node 2 does.
typedef enum {
    GOOD,
    SILENT,                         //  After a few answers
    HOLDS,                          //  Same, but answers what it held when it is GOOD again
    ANOTHER_RECORD,                 //  Each answer begins with the next slot's record
    TOO_FEW,                        //  The last record is missing
    FLIPPED,                        //  One octet of the first record
    NONSENSE,                       //  No JSON
    NO_REPLY,                       //  JSON that is no reply
    ONE_BY_ONE,                     //  More than one record is too large
    BUSY                            //  At first
} s_manner_t;

#define FEW 3

typedef struct {
    zframe_t *peer;
    char id [64];
    uint32_t slot, count;
} s_asked_t;

static pull_world_t s_pull;
static fst_extent_info_t s_info;
static test_record_t s_records [CHUNKS];
static zsock_t *s_source;
static s_manner_t s_manner;
static int s_answered;
static int64_t s_gave;              //  Octets
static s_asked_t s_held [1024];
static size_t s_held_count;
static fst_caller_t *s_caller;
static json_t *s_request;           //  The PULL that was sent last

//  The extent that the source has, of this blob.
static void
s_make (fst_blob_id_t blob)
{
    uint64_t checksums [CHUNKS];
    s_info = (fst_extent_info_t) { .blob = blob, .chunks = CHUNKS, .bytes = CHUNKS << LOG2 };
    for (uint32_t slot = 0; slot < CHUNKS; slot++) {
        test_record_free (&s_records [slot]);
        s_records [slot] = test_record (s_info.blob, slot, CHUNKS, LOG2, 0, false, (uint8_t) slot);
        checksums [slot] = s_records [slot].record.checksum;
    }
    s_info.digest = fst_extent_digest (checksums, CHUNKS);
}

static void
s_setup (void)
{
    pull_open (&s_pull);
    pull_set (&s_pull, 0, "window", "1 MiB");       //  Four records in each request
    s_make (test_blob (1, 0));
    char *problem = NULL;
    world_check (fst_socket_bind (ZMQ_ROUTER, s_pull.nodes [2].endpoint, "data:node-3", NULL, &s_source, &problem), problem);
    s_caller = fst_caller_new (s_pull.world.clients, NULL, WORLD_WAIT_MS, 3 * WORLD_WAIT_MS);
    fst_caller_set_token (s_caller, s_pull.world.metadata_keys->token);
}

static void
s_teardown (void)
{
    for (size_t at = 0; at < s_held_count; at++)
        zframe_destroy (&s_held [at].peer);
    for (uint32_t slot = 0; slot < CHUNKS; slot++)
        test_record_free (&s_records [slot]);
    json_decref (s_request);
    fst_caller_destroy (&s_caller);
    zsock_destroy (&s_source);
    pull_close (&s_pull);
}

TestSuite (pull_sources, .init = s_setup, .fini = s_teardown, .timeout = 280);

//  ---- The source

static zframe_t *
s_head (const s_asked_t *asked)
{
    json_t *odd = json_pack ("{s:i}", "surprise", 1);
    zframe_t *head = s_manner == NONSENSE? zframe_from ("{{"):
                     s_manner == NO_REPLY? fst_envelope_reply_encode (asked->id, odd):
                     s_manner == ONE_BY_ONE && asked->count > 1? fst_envelope_error_encode (asked->id, FST_TOO_LARGE, NULL):
                     s_manner == BUSY && s_answered <= FEW? fst_envelope_error_encode (asked->id, FST_BUSY, NULL):
                                                            fst_envelope_reply_encode (asked->id, NULL);
    json_decref (odd);
    return head;
}

static void
s_answer (s_asked_t *asked)
{
    s_answered++;
    zmsg_t *message = zmsg_new ();
    zframe_t *head = s_head (asked);
    zmsg_append (message, &asked->peer);
    zmsg_append (message, &head);
    uint32_t shift = s_manner == ANOTHER_RECORD? 1: 0, count = s_manner == TOO_FEW? asked->count - 1: asked->count;
    for (uint32_t at = 0; at < count; at++) {
        const test_record_t *made = &s_records [(asked->slot + at + shift) % CHUNKS];
        zframe_t *frame = zframe_new (made->data, made->bytes);
        if (s_manner == FLIPPED && at == 0)
            zframe_data (frame) [5000] ^= 1;
        zmsg_append (message, &frame);
        s_gave += made->record.plain_bytes;
    }
    fst_rc_t rc = fst_socket_send (s_source, &message);
    cr_assert (rc == FST_OK || rc == FST_UNREACHABLE);
}

static bool
s_receive (s_asked_t *asked)
{
    char user [64], where [100];
    zmsg_t *message = fst_socket_recv (s_source, user, sizeof (user));
    if (!message)
        return false;
    cr_assert_str_eq (user, "storage:node-1");
    asked->peer = zmsg_pop (message);
    zframe_t *head = zmsg_pop (message);
    fst_envelope_request_t request;
    cr_assert (fst_envelope_request_decode (zframe_data (head), zframe_size (head), &request, where, sizeof (where))
               == FST_OK);
    snprintf (asked->id, sizeof (asked->id), "%s", request.id);
    asked->slot = (uint32_t) json_integer_value (json_object_get (request.payload, "slot"));
    asked->count = (uint32_t) json_integer_value (json_object_get (request.payload, "count"));
    fst_envelope_request_clear (&request);
    zframe_destroy (&head);
    zmsg_destroy (&message);
    return true;
}

//  All that has come.
static void
s_serve (void)
{
    s_asked_t asked;
    while (s_receive (&asked))
        if ((s_manner == SILENT || s_manner == HOLDS) && s_answered >= FEW) {
            cr_assert_lt (s_held_count, sizeof (s_held) / sizeof (s_held [0]));
            s_held [s_held_count++] = asked;
        }
        else
            s_answer (&asked);
}

static void
s_answer_held (void)
{
    for (size_t at = 0; at < s_held_count; at++)
        s_answer (&s_held [at]);
    s_held_count = 0;
}

//  ---- The PULL

static void
s_send (const fst_extent_info_t *info, const char *sources, int time_ms)
{
    static bool connected;
    json_decref (s_request);
    s_request = pull_request (&s_pull, time_ms);
    pull_add (&s_pull, s_request, info, sources);
    uint64_t ticket;
    if (!connected) {                   //  A caller that finds itself connected anew sends again what is under way
        fst_rc_t rc;
        do
            rc = fst_caller_call (s_caller, s_pull.nodes [0].service, "STATUS", NULL, NULL);
        while (rc == FST_UNAVAILABLE);
        cr_assert (rc == FST_DENIED, "%s", fst_error_code (rc));
        connected = true;
    }
    world_check (fst_caller_send (s_caller, s_pull.nodes [0].service, "PULL", json_incref (s_request), &ticket), "send");
}

//  True when the answer has come: its word, and whether somebody was called bad. A node that is busy is asked again: a
//  silent broker makes a caller send everything twice.
static bool
s_poll (char word [16], bool *bad_p)
{
    uint64_t ticket;
    fst_rc_t rc;
    json_t *reply;
    s_serve ();
    if (!fst_caller_receive (s_caller, &ticket, &rc, &reply)) {
        zclock_sleep (1);
        return false;
    }
    if (rc == FST_BUSY) {
        zclock_sleep (20);
        world_check (fst_caller_send (s_caller, s_pull.nodes [0].service, "PULL", json_incref (s_request), &ticket), "send");
        return false;
    }
    cr_assert (rc == FST_OK, "%s", fst_error_code (rc));
    json_t *results = json_object_get (reply, "results");
    snprintf (word, 16, "%s", pull_result (results, 0));
    *bad_p = json_object_get (json_array_get (results, 0), "bad") != NULL;
    json_decref (reply);
    return true;
}

static void
s_expect (const fst_extent_info_t *info, const char *sources, const char *expect)
{
    char word [16];
    bool bad;
    s_answered = 0;
    s_send (info, sources, TIME_MS);
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; !s_poll (word, &bad); )
        cr_assert (fst_clock_mono_ms () < until_ms);
    cr_assert_str_eq (word, expect, "%s, manner %d from %s", word, s_manner, sources);
    cr_assert_not (bad, "manner %d from %s", s_manner, sources);
}

static void
s_delete (const fst_extent_info_t *info)
{
    world_check (pull_command (&s_pull, 0, s_pull.world.metadata_keys->token, "DELETE", json_pack ("{s:s, s:[s], s:i}", "run", "0000000000000000",
                 "blobs", pull_hex (info->blob), "sequence", 1), NULL), "delete");
}

//  The same extent on node 1.
static void
s_fill_good (void)
{
    if (!s_pull.nodes [1].storage)
        pull_start (&s_pull, 1);
    for (uint32_t slot = 0; slot < CHUNKS; slot++)
        world_check (pull_store (&s_pull, 1, &s_records [slot], false), "store");
    world_check (world_call (s_pull.nodes [1].client, "SEAL", json_pack ("{s:s, s:s, s:i, s:i}", "capability",
                 pull_capability (&s_pull, 1, FST_RIGHT_WRITE, s_info.blob, 60000), "blob", pull_hex (s_info.blob),
                 "extent", 0, "chunks", CHUNKS), NULL, NULL), "seal");
}

//  ---- Sources that misbehave

Test (pull_sources, whatever_a_source_does_the_next_one_is_asked_and_nothing_wrong_is_kept)
{
    const struct { s_manner_t manner; const char *alone; } rows [] = {
        { GOOD, "done" }, { ANOTHER_RECORD, "no_source" }, { TOO_FEW, "no_source" }, { FLIPPED, "no_source" },
        { ONE_BY_ONE, "done" }, { BUSY, "done" }, { NONSENSE, "undone" }, { NO_REPLY, "undone" }
    };
    pull_start (&s_pull, 0);
    for (size_t at = 0; at < sizeof (rows) / sizeof (rows [0]); at++) {
        s_make (test_blob (1, (uint32_t) at));      //  A request that was sent twice may go on copying the one before
        s_fill_good ();
        s_manner = rows [at].manner;
        s_expect (&s_info, "2", rows [at].alone);
        cr_assert_eq (pull_read (&s_pull, 0, &s_info), streq (rows [at].alone, "done")? FST_OK: FST_NOT_FOUND);
        s_delete (&s_info);
        s_expect (&s_info, "21", "done");
        cr_assert (pull_read (&s_pull, 0, &s_info) == FST_OK);
        s_delete (&s_info);
    }
}

Test (pull_sources, a_single_record_of_something_else_is_a_mismatch)
{
    pull_start (&s_pull, 0);
    fst_extent_info_t other = s_info;
    other.chunks = 1;
    other.bytes = 1 << LOG2;
    other.digest = 12345;
    s_expect (&other, "2", "mismatch");
    cr_assert_eq (pull_status (&s_pull, 0, "open") + pull_status (&s_pull, 0, "extents"), 0);
    other.digest = fst_extent_digest (&s_records [0].record.checksum, 1);
    s_expect (&other, "2", "done");
}

//  ---- Ends in the middle

Test (pull_sources, a_source_that_dies_in_the_middle_is_not_needed_for_what_came)
{
    s_fill_good ();
    pull_start (&s_pull, 0);
    s_manner = SILENT;
    s_expect (&s_info, "2", "undone");
    json_int_t came = pull_status (&s_pull, 0, "stored_bytes");
    cr_assert (came > 0 && came < s_info.bytes);
    cr_assert_eq (pull_status (&s_pull, 0, "open"), 1);
    s_expect (&s_info, "1", "done");
    cr_assert_eq (pull_status (&s_pull, 0, "stored_bytes"), s_info.bytes, "each record was copied once");
    cr_assert (pull_read (&s_pull, 0, &s_info) == FST_OK);
}

Test (pull_sources, a_target_that_dies_in_the_middle_goes_on_where_it_was)
{
    pull_start (&s_pull, 0);
    char word [16];
    bool bad;
    s_manner = HOLDS;
    s_send (&s_info, "2", TIME_MS);
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; s_held_count == 0; s_serve ())
        cr_assert (fst_clock_mono_ms () < until_ms);
    while (pull_status (&s_pull, 0, "stored_bytes") < s_gave)
        s_serve ();
    pull_stop (&s_pull, 0);
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; !s_poll (word, &bad); )
        cr_assert (fst_clock_mono_ms () < until_ms);
    cr_assert_str_eq (word, "undone");
    pull_start (&s_pull, 0);
    s_manner = GOOD;
    int64_t late = -s_gave;
    s_answer_held ();                   //  For a connection that is gone
    late += s_gave;
    int64_t gave = s_gave;
    s_expect (&s_info, "2", "done");
    cr_assert_eq (s_gave, s_info.bytes + late, "only what was missing");
    cr_assert_gt (gave, 0);
    cr_assert (pull_read (&s_pull, 0, &s_info) == FST_OK);
}

Test (pull_sources, what_is_asked_for_twice_is_copied_once)
{
    pull_start (&s_pull, 0);
    s_manner = HOLDS;
    s_answered = FEW;
    for (int at = 0; at < 2; at++)
        s_send (&s_info, "2", TIME_MS);
    char word [16];
    bool bad;
    int answers = 0;
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; answers < 2; ) {
        cr_assert (fst_clock_mono_ms () < until_ms);
        if (s_poll (word, &bad)) {
            cr_assert_str_eq (word, "done");
            answers++;
        }
        else
        if (s_held_count >= 4) {            //  The window is full: both would have asked by now
            s_manner = GOOD;
            s_answer_held ();
        }
    }
    cr_assert_eq (s_gave, s_info.bytes);
}

Test (pull_sources, its_time_is_over_though_nobody_answers)
{
    pull_start (&s_pull, 0);
    s_manner = HOLDS;
    s_answered = FEW;                   //  Not even once
    char word [16];
    bool bad;
    s_send (&s_info, "2", 300);
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; !s_poll (word, &bad); )
        cr_assert (fst_clock_mono_ms () < until_ms);
    cr_assert_str_eq (word, "undone");
    s_manner = GOOD;
    s_answer_held ();                   //  Late: nobody is surprised
    s_expect (&s_info, "2", "done");
}

Test (pull_sources, a_full_node_copies_nothing)
{
    pull_set (&s_pull, 0, "reserve", "90");
    pull_start (&s_pull, 0);
    if (pull_status (&s_pull, 0, "free") > 0)
        cr_skip ("this disk is nearly empty");
    s_expect (&s_info, "2", "no_space");
    cr_assert_eq (s_gave, 0, "it did not even ask");
}

//  ---- Pace

//  Keep some requests of a client under way at node 0.
static void
s_read_on (const fst_extent_info_t *info, int *under_way)
{
    enum { READS = 16 };
    zsock_t *client = s_pull.nodes [0].client;
    for (; zsock_events (client) & ZMQ_POLLIN; --*under_way)
        cr_assert (world_receive (client, NULL, NULL) == FST_OK);
    for (; *under_way < READS; ++*under_way)
        world_send (client, "RETRIEVE", json_pack ("{s:s, s:s, s:i, s:i}", "capability",
                    pull_capability (&s_pull, 0, FST_RIGHT_READ, info->blob, 60000), "blob", pull_hex (info->blob),
                    "extent", 0, "slot", 0), NULL);
}

//  The most octets under way at once. The source answers only when it was not asked for more for a while.
static int64_t
s_most_under_way (bool clients)
{
    char word [16] = "";
    bool bad;
    int reads = 0;
    int64_t most = 0, last = 0, since_ms = 0;
    fst_extent_info_t small;
    pull_upload_small (&s_pull, 1, test_blob (9, 9), 5000, &small);
    s_send (&s_info, "2", TIME_MS);
    for (int64_t until_ms = fst_clock_mono_ms () + WORLD_WAIT_MS; !s_poll (word, &bad); ) {
        int64_t now_ms = fst_clock_mono_ms (), under_way = 0;
        cr_assert (now_ms < until_ms);
        if (clients)
            s_read_on (&small, &reads);
        s_manner = HOLDS;
        s_answered = FEW;
        for (size_t at = 0; at < s_held_count; at++)
            under_way += (int64_t) s_held [at].count << LOG2;
        if (under_way != last)
            since_ms = now_ms;
        last = under_way;
        most = under_way > most? under_way: most;
        if (under_way && now_ms - since_ms > 50) {
            s_manner = GOOD;
            s_answer_held ();
        }
    }
    cr_assert_str_eq (word, "done");
    for (; reads > 0; reads--)
        cr_assert (world_receive (s_pull.nodes [0].client, NULL, NULL) == FST_OK);
    s_delete (&s_info);
    s_delete (&small);
    return most;
}

//  What a busy machine does to the order of things may spoil a try, but not all of them.
#define TRIES 8

Test (pull_sources, much_is_under_way_but_never_more_than_the_window)
{
    pull_set (&s_pull, 0, "window", "2 MiB");
    pull_start (&s_pull, 0);
    int64_t most = 0;
    for (int at = 0; at < TRIES && most < 2 << 20; at++) {
        most = s_most_under_way (false);
        cr_assert_leq (most, 2 << 20);
    }
    cr_assert_eq (most, 2 << 20);
}

Test (pull_sources, while_clients_are_served_there_are_small_rounds_and_it_still_ends)
{
    pull_set (&s_pull, 0, "window", "2 MiB");
    pull_start (&s_pull, 0);
    int64_t most = INT64_MAX;
    for (int at = 0; at < TRIES && most > 1 << 20; at++)
        most = s_most_under_way (true);
    cr_assert_leq (most, 1 << 20);
}

//  ---- The other side: a source serves clients first, and other nodes too

static zsock_t *s_node;                 //  Another node's connection to node 1

static void
s_retrieve (zsock_t *from, int times)
{
    json_t *payload = json_pack ("{s:s, s:s, s:i, s:i, s:i}", "capability",
                                 pull_capability (&s_pull, 1, FST_RIGHT_READ, s_info.blob, 60000),
                                 "blob", pull_hex (s_info.blob), "extent", 0, "slot", 0, "count", 4);
    for (int at = 0; at < times; at++)
        world_send (from, "RETRIEVE", json_incref (payload), NULL);
    json_decref (payload);
}

//  How many of copies were answered when the last of reads was; all are under way from the beginning.
static int
s_copies_before_last_read (int copies, int reads, bool copies_first)
{
    zsock_t *client = s_pull.nodes [1].client;
    int left = copies, before = -1;
    if (copies_first)
        s_retrieve (s_node, copies);
    s_retrieve (client, reads);
    if (!copies_first)
        s_retrieve (s_node, copies);
    zpoller_t *poller = zpoller_new (s_node, client, NULL);
    while (left + reads > 0) {
        void *which = zpoller_wait (poller, WORLD_WAIT_MS);
        cr_assert (which, "%d copies and %d reads are left", left, reads);
        cr_assert (world_receive (which, NULL, NULL) == FST_OK);
        left -= which == s_node;
        reads -= which == client;
        if (reads == 0 && before < 0)
            before = copies - left;
    }
    zpoller_destroy (&poller);
    return before;
}

Test (pull_sources, a_source_serves_clients_first_and_nodes_too)
{
    pull_set (&s_pull, 1, "window", "1 MiB");
    pull_set (&s_pull, 1, "data-memory", "1 MiB");      //  One read at a time, so that both wait
    s_fill_good ();
    char ticket [FST_PROOF_TEXT_MAX];
    fst_ticket_make (s_pull.nodes [1].keys->node_key, FST_NODE_USER "node-1", fst_clock_wall_ms () + 60000, ticket);
    world_check (fst_socket_connect_data (s_pull.nodes [1].endpoint, FST_NODE_USER "node-1", ticket, &s_node), "connect");
    int before = 400;
    for (int at = 0; at < TRIES && before >= 50; at++)
        before = s_copies_before_last_read (400, 100, true);
    cr_assert_lt (before, 50, "clients came later and were served sooner");
    before = 0;
    for (int at = 0; at < 2 && before < 40; at++)
        before = s_copies_before_last_read (100, 600, false);
    cr_assert_geq (before, 40, "nodes did not wait for all clients");
    zsock_destroy (&s_node);
}
