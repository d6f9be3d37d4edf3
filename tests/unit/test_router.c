//  Golden frames of Majordomo, from the RFCs: 18 (version 0.2), 7 (0.1) and 8 (MMI), and the rules for
//  everything that goes wrong. Frames are written with | between them; the clock is a number.

#include <criterion/criterion.h>
#include <stdarg.h>
#include "fst_log.h"
#include "fst_mdp.h"
#include "fst_peek.h"
#include "fst_roles.h"
#include "fst_router.h"

#define BEAT FST_MDP_HEARTBEAT_MS

static fst_router_t *router;
static int64_t now_ms;

static int64_t
s_mono_us (void)
{
    return now_ms * 1000;
}

static void
s_setup (void)
{
    zsys_handler_set (NULL);
    fst_log_set_level (FST_LOG_ERROR);
    now_ms = 1000;
    router = fst_router_new (now_ms, s_mono_us);
}

static void
s_teardown (void)
{
    fst_router_destroy (&router);
}

TestSuite (router, .init = s_setup, .fini = s_teardown, .timeout = 280);

static zmsg_t *
s_frames (const char *text)
{
    zmsg_t *message = zmsg_new ();
    for (const char *at = text; ; at++) {
        size_t bytes = strcspn (at, "|");
        zmsg_addmem (message, at, bytes);
        at += bytes;
        if (!*at)
            return message;
    }
}

static char *
s_text (zmsg_t *message)
{
    char *text = strdup ("");
    for (zframe_t *frame = zmsg_first (message); frame; frame = zmsg_next (message)) {
        char *part = zframe_strdup (frame);
        char *longer = zsys_sprintf ("%s%s%s", text, *text? "|": "", part);
        free (part);
        free (text);
        text = longer;
    }
    return text;
}

static void
s_receive (fst_router_side_t side, const char *user_id, const char *text)
{
    zmsg_t *message = s_frames (text);
    fst_router_receive (router, side, user_id, &message, now_ms);
    cr_assert_null (message);
}

static void
client (const char *text)
{
    s_receive (FST_ROUTER_CLIENTS, "", text);
}

static void
worker (const char *text)
{
    s_receive (FST_ROUTER_ACTORS, "", text);
}

//  The next message out is this, on that side.
static void
s_sent (int line, fst_router_side_t side, const char *wanted)
{
    fst_router_side_t found_side;
    zmsg_t *message = fst_router_next (router, &found_side);
    cr_assert (message, "line %d: nothing was sent, but wanted %s", line, wanted);
    char *found = s_text (message);
    cr_expect_str_eq (found, wanted, "line %d: sent %s, but wanted %s", line, found, wanted);
    cr_expect_eq (found_side, side, "line %d: wrong side", line);
    free (found);
    zmsg_destroy (&message);
}

//  The next message out begins with this, and has that in it.
static void
s_sent_error (int line, const char *head, const char *code, const char *id)
{
    fst_router_side_t side;
    zmsg_t *message = fst_router_next (router, &side);
    cr_assert (message, "line %d: nothing was sent", line);
    char *found = s_text (message);
    char *code_text = zsys_sprintf ("\"code\":\"%s\"", code);
    char *id_text = zsys_sprintf ("\"id\":\"%s\"", id);
    cr_expect_eq (strncmp (found, head, strlen (head)), 0, "line %d: sent %s", line, found);
    cr_expect (strstr (found, code_text) && strstr (found, id_text), "line %d: sent %s", line, found);
    free (code_text);
    free (id_text);
    free (found);
    zmsg_destroy (&message);
}

static void
s_silent (int line)
{
    fst_router_side_t side;
    zmsg_t *message = fst_router_next (router, &side);
    char *found = message? s_text (message): NULL;
    cr_expect_null (message, "line %d: sent %s", line, found);
    free (found);
    zmsg_destroy (&message);
}

//  The peer of the next message out is gone.
static void
s_bounce (int line)
{
    fst_router_side_t side;
    zmsg_t *message = fst_router_next (router, &side);
    cr_assert (message, "line %d: nothing was sent", line);
    fst_router_undelivered (router, side, &message);
}

#define TO_CLIENT(text)     s_sent (__LINE__, FST_ROUTER_CLIENTS, text)
#define TO_ACTOR(text)      s_sent (__LINE__, FST_ROUTER_ACTORS, text)
#define ERROR(head, code, id) s_sent_error (__LINE__, head, code, id)
#define SILENT()            s_silent (__LINE__)
#define BOUNCE()            s_bounce (__LINE__)

static void
s_elapse (int64_t ms)
{
    now_ms += ms;
    fst_router_tick (router, now_ms);
}

//  ---- Version 0.2

Test (router, v02_request_and_final)
{
    worker ("w|MDPW02|\1|echo");                    //  READY: no answer
    SILENT ();
    client ("c|MDPC02|\1|echo|one|two");
    TO_ACTOR ("w|MDPW02|\2|Cc||one|two");
    worker ("w|MDPW02|\4|Cc||three|four");
    TO_CLIENT ("c|MDPC02|\3|echo|three|four");
    SILENT ();
}

Test (router, v02_partials_come_before_the_final)
{
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|one");
    TO_ACTOR ("w|MDPW02|\2|Cc||one");
    worker ("w|MDPW02|\3|Cc||half");
    TO_CLIENT ("c|MDPC02|\2|echo|half");
    client ("d|MDPC02|\1|echo|two");                //  Still busy: waits
    SILENT ();
    worker ("w|MDPW02|\4|Cc||rest");
    TO_CLIENT ("c|MDPC02|\3|echo|rest");
    TO_ACTOR ("w|MDPW02|\2|Cd||two");
    SILENT ();
}

Test (router, a_request_waits_for_its_worker)
{
    client ("c|MDPC02|\1|echo|one");
    SILENT ();
    s_elapse (FST_ROUTER_DEADLINE_MS - 1);
    worker ("w|MDPW02|\1|echo");
    TO_ACTOR ("w|MDPW02|\2|Cc||one");
}

Test (router, the_least_recently_used_worker_is_next)
{
    worker ("v|MDPW02|\1|echo");
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|one");
    TO_ACTOR ("v|MDPW02|\2|Cc||one");
    worker ("v|MDPW02|\4|Cc||1");
    TO_CLIENT ("c|MDPC02|\3|echo|1");
    client ("c|MDPC02|\1|echo|two");
    TO_ACTOR ("w|MDPW02|\2|Cc||two");
    client ("c|MDPC02|\1|echo|three");
    TO_ACTOR ("v|MDPW02|\2|Cc||three");
    client ("c|MDPC02|\1|other|four");              //  Another service
    SILENT ();
}

Test (router, an_actor_can_be_a_caller)
{
    worker ("w|MDPW02|\1|echo");
    worker ("c|MDPC02|\1|echo|one");
    TO_ACTOR ("w|MDPW02|\2|Ac||one");
    worker ("w|MDPW02|\4|Ac||two");
    TO_ACTOR ("c|MDPC02|\3|echo|two");
}

Test (router, a_leading_empty_frame_is_mirrored)
{
    worker ("w||MDPW02|\1|echo");
    client ("c||MDPC02|\1|echo|one");
    TO_ACTOR ("w||MDPW02|\2|Cc||one");
    worker ("w||MDPW02|\4|Cc||two");
    TO_CLIENT ("c||MDPC02|\3|echo|two");
    client ("d|MDPC02|\1|echo|one");
    TO_ACTOR ("w||MDPW02|\2|Cd||one");
    worker ("w||MDPW02|\4|Cd||two");
    TO_CLIENT ("d|MDPC02|\3|echo|two");
}

Test (router, an_empty_message_is_given_back)
{
    client ("c|");
    TO_CLIENT ("c|");
    worker ("w|");
    TO_ACTOR ("w|");
    worker ("w|");
    BOUNCE ();
    SILENT ();
}

//  ---- Version 0.1

Test (router, v01_client_and_worker)
{
    worker ("w||MDPW01|\1|echo");
    client ("c||MDPC01|echo|one|two");
    TO_ACTOR ("w||MDPW01|\2|Cc||one|two");
    worker ("w||MDPW01|\3|Cc||three");              //  REPLY
    TO_CLIENT ("c||MDPC01|echo|three");
    s_elapse (BEAT);
    TO_ACTOR ("w||MDPW01|\4");                      //  HEARTBEAT
    worker ("w||MDPW01|\4");
    SILENT ();
    worker ("w||MDPW01|\5");                        //  DISCONNECT
    SILENT ();
    cr_expect_eq (fst_router_counts (router).workers, 0);
    worker ("v||MDPW01|\4");                        //  Unknown
    TO_ACTOR ("v||MDPW01|\5");
}

Test (router, versions_mix)
{
    worker ("w|MDPW02|\1|echo");
    client ("c||MDPC01|echo|one");
    TO_ACTOR ("w|MDPW02|\2|Cc||one");
    worker ("w|MDPW02|\3|Cc||half");                //  0.1 has no PARTIAL
    SILENT ();
    worker ("w|MDPW02|\4|Cc||whole");
    TO_CLIENT ("c||MDPC01|echo|whole");
    worker ("w|MDPW02|\6");
    worker ("v||MDPW01|\1|echo");
    client ("c|MDPC02|\1|echo|one");
    TO_ACTOR ("v||MDPW01|\2|Cc||one");
    worker ("v||MDPW01|\3|Cc||two");
    TO_CLIENT ("c|MDPC02|\3|echo|two");
}

//  ---- MMI

Test (router, mmi)
{
    client ("c|MDPC02|\1|mmi.service|echo");
    TO_CLIENT ("c|MDPC02|\3|mmi.service|404");
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|mmi.service|echo");
    TO_CLIENT ("c|MDPC02|\3|mmi.service|200");
    client ("c||MDPC01|mmi.service|echo");
    TO_CLIENT ("c||MDPC01|mmi.service|200");
    worker ("w|MDPC02|\1|mmi.service|echo");
    TO_ACTOR ("w|MDPC02|\3|mmi.service|200");
    client ("c|MDPC02|\1|mmi.workers|echo");
    TO_CLIENT ("c|MDPC02|\3|mmi.workers|501");
    worker ("v|MDPW02|\1|mmi.echo");                //  MUST be disconnected
    TO_ACTOR ("v|MDPW02|\6");
    client ("c|MDPC02|\1|later|x");                 //  Somebody waits, but nobody offers
    client ("c|MDPC02|\1|mmi.service|later");
    TO_CLIENT ("c|MDPC02|\3|mmi.service|404");
}

//  ---- Valid but unexpected: DISCONNECT, and nothing more

Test (router, a_second_ready_is_unexpected)
{
    worker ("w|MDPW02|\1|echo");
    worker ("w|MDPW02|\1|echo");
    TO_ACTOR ("w|MDPW02|\6");
    client ("c|MDPC02|\1|echo|one");
    SILENT ();
    cr_expect_eq (fst_router_counts (router).workers, 0);
}

Test (router, a_reply_to_no_request_is_unexpected)
{
    worker ("w|MDPW02|\1|echo");
    worker ("w|MDPW02|\4|Cc||one");
    TO_ACTOR ("w|MDPW02|\6");
    SILENT ();
    worker ("v|MDPW02|\4|Cc||one");                 //  Of a stranger
    TO_ACTOR ("v|MDPW02|\6");
    SILENT ();
}

Test (router, a_reply_to_another_s_request_goes_nowhere)
{
    worker ("v|MDPW02|\1|echo");
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|{\"id\":\"1\"}");
    TO_ACTOR ("v|MDPW02|\2|Cc||{\"id\":\"1\"}");
    worker ("w|MDPW02|\4|Cc||forged");
    TO_ACTOR ("w|MDPW02|\6");
    worker ("v|MDPW02|\4|Cd||to another");
    TO_ACTOR ("v|MDPW02|\6");
    ERROR ("c|MDPC02|\3|echo|", "unavailable", "1");
    SILENT ();
}

Test (router, heartbeats_and_commands_of_strangers_are_unexpected)
{
    worker ("w|MDPW02|\5");
    TO_ACTOR ("w|MDPW02|\6");
    worker ("w|MDPW02|\2|c||x");
    TO_ACTOR ("w|MDPW02|\6");
    worker ("w|MDPW02|\6");                         //  DISCONNECT before READY is allowed
    SILENT ();
}

//  ---- Invalid: dropped, and the peer with it

Test (router, invalid_messages_of_a_worker_end_it)
{
    static const char *const invalid [] = {
        "w|MDPW02", "w|MDPW02|", "w|MDPW02|\7", "w|MDPW02|\4", "w|MDPW02|\4|Cc", "w|MDPW02|\4|Cc|",
        "w|MDPW02|\4|Cc|x|y", "w|MDPW02|\5|x", "w|MDPW02|\6|x", "w|MDPW02|\1", "w|MDPW02|\1|echo|more",
        "w|MDPW02|\1|no good", "w|MDPW02|\1|", "w|MDPW03|\1|echo", "w|garbage", "w|||", "w||MDPW01|\6", "w|MDPW02|\1\1|echo",
    };
    for (size_t at = 0; at < sizeof (invalid) / sizeof (invalid [0]); at++) {
        worker ("w|MDPW02|\1|echo");
        cr_assert_eq (fst_router_counts (router).workers, 1);
        worker (invalid [at]);
        SILENT ();
        cr_expect_eq (fst_router_counts (router).workers, 0, "row %zu", at);
        cr_expect_eq (fst_router_counts (router).services, 0);
        worker (invalid [at]);                      //  Nor of a stranger
        SILENT ();
    }
}

Test (router, invalid_messages_of_a_client_are_dropped)
{
    static const char *const invalid [] = {
        "c", "c|MDPC02", "c|MDPC02|\1", "c|MDPC02|\1|echo", "c|MDPC02|\2|echo|x", "c|MDPC02|\3|echo|x", "c|MDPC02|\4|echo|x",
        "c|MDPC02|\1||x", "c|MDPC02|\1|bad name|x", "c|MDPC02|\1|bad\tname|x", "c||MDPC01", "c||MDPC01|echo", "c|HTTP/1.1",
        "c|||MDPC02|\1|echo|x",
    };
    for (size_t at = 0; at < sizeof (invalid) / sizeof (invalid [0]); at++) {
        client (invalid [at]);
        SILENT ();
        cr_expect_eq (fst_router_counts (router).services, 0, "row %zu", at);
    }
    char name [FST_MDP_SERVICE_BYTES_MAX + 2] = "";
    memset (name, 'a', sizeof (name) - 1);
    char *text = zsys_sprintf ("c|MDPC02|\1|%s|x", name);
    client (text);
    cr_expect_eq (fst_router_counts (router).services, 0);
    free (text);
}

Test (router, workers_do_not_come_in_by_the_clients_door)
{
    client ("w|MDPW02|\1|echo");
    client ("w|MDPW02|\5");
    SILENT ();
    cr_expect_eq (fst_router_counts (router).workers, 0);
}

//  ---- Roles

Test (router, a_service_needs_its_role)
{
    s_receive (FST_ROUTER_ACTORS, "storage:node-1", "w|MDPW02|\1|storage.node-2");
    TO_ACTOR ("w|MDPW02|\6");
    s_receive (FST_ROUTER_ACTORS, "storage:node-1", "v|MDPW02|\1|storage.node-1");
    SILENT ();
    cr_expect_eq (fst_router_counts (router).workers, 1);
}

Test (roles, offering)
{
    const struct { const char *role, *service; bool may; } rows [] = {
        { "", "anything", true },                   { "metadata", "metadata", true },
        { "metadata", "auth", false },              { "auth", "auth", true },
        { "auth", "auth2", false },                 { "auth2", "auth", false },
        { "storage:node-1", "storage.node-1", true }, { "storage:node-1", "storage.node-2", false },
        { "storage:node-1", "storage:node-1", false }, { "storage:a.b", "storage.a.b", true },
        { "storage:node-1", "storage", false },     { "storage", "storage.node-1", false },
        { "actor:thumbnail", "thumbnail", true },   { "actor:thumbnail", "metadata", false },
        { "actor:thumbnail", "thumbnail.small", true },     { "actor:thumbnail", "thumbnails", false },
        { "actor:a offers:b", "b", true },                  { "actor:a offers:b", "a", false },
        { "actor:a offers:b", "b.c", true },                { "actor:a offers:b", "bc", false },
        { "actor:a publishes:b offers:c", "c", true },      { "actor:a publishes:b offers:c", "b", false },
        { "actor:a publishes:b", "a", true },               { "actor:a publishes:b", "publishes:b", false },
        { "bridge", "bridge", true },                       { "bridge", "content", true },
        { "bridge", "metadata", false },                    { "actor:content", "bridge", false },
        { "actor:", "", false },                    { "client", "metadata", false },
        { "actor:a key:x", "a", true },             { "actor:a offers:b key:offers:c", "c", false },
    };
    for (size_t row = 0; row < sizeof (rows) / sizeof (rows [0]); row++)
        cr_expect_eq (fst_roles_may_offer (rows [row].role, rows [row].service), rows [row].may, "%s offers %s",
                      rows [row].role, rows [row].service);
}

Test (roles, publishing)
{
    const struct { const char *role, *topic; bool may; } rows [] = {
        { "storage:node-1", "metrics.storage.node-1", true }, { "storage:node-1", "metrics.storage.node-2", false },
        { "actor:thumb", "metrics.thumb", true },           { "actor:thumb", "metrics.auth", false },
        { "auth", "metrics", false },                       { "auth", "metrics.auth", true },
        { "", "anything", true },                           { "storage:node-1", "heartbeat.node-1", true },
        { "storage:node-1", "heartbeat.node-10", false },   { "storage:node-1", "heartbeat.node-2", false },
        { "storage:node-1", "heartbeat", false },           { "storage:node-1", "file.committed", false },
        { "storage:node-1", "node.lost", false },           { "metadata", "file.committed", true },
        { "metadata", "node.lost", true },                  { "metadata", "metadata.recovery", true },
        { "metadata", "heartbeat.node-1", false },          { "metadata", "revoked", false },
        { "metadata", "filex", false },                     { "auth", "revoked", true },
        { "auth", "file.committed", false },                { "actor:thumbnail", "thumbnail.made", true },
        { "actor:thumbnail", "thumbnail", true },           { "actor:thumbnail", "thumbnails", false },
        { "actor:file", "file.committed", false },          { "client", "revoked", false },
        { "storage", "heartbeat.node-1", false },           { "metadata", "metadata.sequence", true },
        { "storage:node-1", "metadata.sequence", false },   { "actor:metadata", "metadata.sequence", false },
        { "auth", "metadata.started", false },              { "metadata", "metrics.metadata", true },
        { "metadata", "metrics.auth", false },              { "storage:node-1", "metrics.storage.node-1", true },
        { "storage:node-1", "metrics.storage.node-2", false }, { "actor:a", "metrics.a", true },
        { "actor:a", "metrics", false },                    { "actor:a", "metrics.auth", false },
        { "actor:metrics", "metrics.auth", false },         { "actor:a publishes:b.c", "b.c.d", true },
        { "actor:a publishes:b.c", "b", false },            { "actor:a publishes:b.c", "a", false },
        { "actor:a offers:b", "a.made", true },             { "actor:a publishes:b publishes:c", "c.x", true },
    };
    for (size_t row = 0; row < sizeof (rows) / sizeof (rows [0]); row++)
        cr_expect_eq (fst_roles_may_publish (rows [row].role, rows [row].topic, strlen (rows [row].topic)),
                      rows [row].may, "%s publishes %s", rows [row].role, rows [row].topic);
}

Test (router, a_worker_whose_role_ended_is_dropped_when_it_is_heard_of)
{
    worker ("w|MDPW02|\1|echo");
    zmsg_t *message = zmsg_new ();
    zmsg_addstr (message, "w");
    zmsg_addstr (message, "MDPW02");
    zmsg_addmem (message, "\5", 1);
    fst_router_receive (router, FST_ROUTER_ACTORS, "actor:", &message, now_ms);
    TO_ACTOR ("w|MDPW02|\6");
    client ("c|MDPC02|\1|mmi.service|echo");
    TO_CLIENT ("c|MDPC02|\3|mmi.service|404");
}

//  ---- Time

Test (router, heartbeats_go_to_all_workers_busy_or_not)
{
    worker ("v|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|one");
    TO_ACTOR ("v|MDPW02|\2|Cc||one");
    s_elapse (BEAT - 1);
    SILENT ();
    s_elapse (1);
    TO_ACTOR ("v|MDPW02|\5");
    SILENT ();
    worker ("v|MDPW02|\5");
    s_elapse (BEAT);
    TO_ACTOR ("v|MDPW02|\5");
    cr_expect_eq (fst_router_tick (router, now_ms), now_ms + BEAT);
}

Test (router, a_silent_worker_is_gone_and_its_request_answered)
{
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|{\"v\":1,\"id\":\"abc\"}");
    TO_ACTOR ("w|MDPW02|\2|Cc||{\"v\":1,\"id\":\"abc\"}");
    for (int beat = 1; beat < FST_MDP_LIVENESS; beat++) {
        s_elapse (BEAT);
        TO_ACTOR ("w|MDPW02|\5");
    }
    s_elapse (BEAT);
    ERROR ("c|MDPC02|\3|echo|", "unavailable", "abc");
    SILENT ();
    cr_expect_eq (fst_router_counts (router).workers, 0);
    worker ("w|MDPW02|\4|Cc||too late");
    TO_ACTOR ("w|MDPW02|\6");
    SILENT ();
}

//  Workers as people write them by RFC 7 beat each 2.5 s.
Test (router, an_old_worker_that_beats_slowly_stays_and_a_silent_one_goes)
{
    worker ("w||MDPW01|\1|echo");
    for (int second = 1; second <= 30; second++) {
        s_elapse (BEAT);
        TO_ACTOR ("w||MDPW01|\4");
        if (second % 6 == 0)
            worker ("w||MDPW01|\4");
    }
    cr_expect_eq (fst_router_counts (router).workers, 1);
    for (int64_t waited = 0; waited < FST_MDP_LIVENESS * FST_MDP_HEARTBEAT_01_MS; waited += BEAT)
        s_elapse (BEAT);
    cr_expect_eq (fst_router_counts (router).workers, 0);
}

Test (router, any_command_is_a_sign_of_life)
{
    worker ("w|MDPW02|\1|echo");
    for (int beat = 0; beat < 3 * FST_MDP_LIVENESS; beat++) {
        s_elapse (BEAT);
        TO_ACTOR ("w|MDPW02|\5");
        worker ("w|MDPW02|\5");
    }
    cr_expect_eq (fst_router_counts (router).workers, 1);
}

Test (router, a_worker_at_work_may_take_its_time)
{
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|one");
    TO_ACTOR ("w|MDPW02|\2|Cc||one");
    for (int beat = 0; beat < 60; beat++) {
        worker ("w|MDPW02|\5");
        s_elapse (BEAT);
        TO_ACTOR ("w|MDPW02|\5");
    }
    worker ("w|MDPW02|\4|Cc||two");
    TO_CLIENT ("c|MDPC02|\3|echo|two");
}

Test (router, a_request_for_nobody_is_answered_at_its_deadline)
{
    client ("c|MDPC02|\1|echo|{\"v\":1,\"id\":\"abc\",\"command\":\"X\"}");
    client ("d||MDPC01|echo|no json");
    cr_expect_eq (fst_router_counts (router).waiting, 2);
    s_elapse (FST_ROUTER_DEADLINE_MS - 1);
    SILENT ();
    s_elapse (1);
    ERROR ("c|MDPC02|\3|echo|", "unavailable", "abc");
    ERROR ("d||MDPC01|echo|", "unavailable", "");
    SILENT ();
    cr_expect_eq (fst_router_counts (router).waiting, 0);
    cr_expect_eq (fst_router_counts (router).services, 0);
}

Test (router, a_request_for_busy_workers_is_answered_at_its_deadline)
{
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|one");
    TO_ACTOR ("w|MDPW02|\2|Cc||one");
    client ("d|MDPC02|\1|echo|{\"id\":\"2\"}");
    for (int64_t ms = 0; ms < FST_ROUTER_DEADLINE_MS; ms += BEAT) {
        worker ("w|MDPW02|\5");
        s_elapse (BEAT);
        TO_ACTOR ("w|MDPW02|\5");
    }
    ERROR ("d|MDPC02|\3|echo|", "timeout", "2");
    worker ("w|MDPW02|\4|Cc||two");
    TO_CLIENT ("c|MDPC02|\3|echo|two");
    SILENT ();
}

Test (router, it_says_when_it_wants_to_be_called)
{
    cr_expect_eq (fst_router_tick (router, now_ms), now_ms + BEAT);
    now_ms += BEAT / 2;
    client ("c|MDPC02|\1|echo|one");
    int64_t deadline_ms = now_ms + FST_ROUTER_DEADLINE_MS;
    int64_t wake_ms = fst_router_tick (router, now_ms);
    while (wake_ms < deadline_ms) {
        SILENT ();
        cr_assert (wake_ms > now_ms);
        now_ms = wake_ms;
        wake_ms = fst_router_tick (router, now_ms);
    }
    cr_expect_eq (wake_ms, deadline_ms);
}

//  ---- Peers that are gone

Test (router, a_request_that_cannot_be_delivered_goes_to_the_next)
{
    worker ("v|MDPW02|\1|echo");
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|one|two");
    client ("d|MDPC02|\1|other|three");
    BOUNCE ();
    TO_ACTOR ("w|MDPW02|\2|Cc||one|two");
    SILENT ();
    cr_expect_eq (fst_router_counts (router).workers, 1);
    worker ("w|MDPW02|\4|Cc||x");
    TO_CLIENT ("c|MDPC02|\3|echo|x");
}

Test (router, a_request_that_nobody_got_keeps_its_place_and_its_deadline)
{
    worker ("w||MDPW01|\1|echo");
    client ("c|MDPC02|\1|echo|{\"id\":\"1\"}");
    client ("d|MDPC02|\1|echo|{\"id\":\"2\"}");
    BOUNCE ();
    cr_expect_eq (fst_router_counts (router).waiting, 2);
    now_ms += 100;
    worker ("v|MDPW02|\1|echo");
    TO_ACTOR ("v|MDPW02|\2|Cc||{\"id\":\"1\"}");
    zmsg_t *lost = s_frames ("v|MDPW02|\2|Cc||{\"id\":\"1\"}");
    fst_router_undelivered (router, FST_ROUTER_ACTORS, &lost);
    now_ms += FST_ROUTER_DEADLINE_MS - 100;
    fst_router_tick (router, now_ms);
    ERROR ("c|MDPC02|\3|echo|", "unavailable", "1");
    ERROR ("d|MDPC02|\3|echo|", "unavailable", "2");
    SILENT ();
}

Test (router, a_heartbeat_that_cannot_be_delivered_ends_the_busy_worker)
{
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|{\"id\":\"1\"}");
    TO_ACTOR ("w|MDPW02|\2|Cc||{\"id\":\"1\"}");
    s_elapse (BEAT);
    BOUNCE ();
    ERROR ("c|MDPC02|\3|echo|", "unavailable", "1");
    SILENT ();
    cr_expect_eq (fst_router_counts (router).workers, 0);
}

Test (router, a_busy_worker_that_leaves_is_missed)
{
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|{\"id\":\"1\"}");
    TO_ACTOR ("w|MDPW02|\2|Cc||{\"id\":\"1\"}");
    worker ("w|MDPW02|\6");
    ERROR ("c|MDPC02|\3|echo|", "unavailable", "1");
    SILENT ();
}

Test (router, a_caller_that_left_is_forgotten)
{
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|one");
    TO_ACTOR ("w|MDPW02|\2|Cc||one");
    worker ("w|MDPW02|\4|Cc||two");
    BOUNCE ();
    SILENT ();
    client ("d|MDPC02|\1|echo|one");
    TO_ACTOR ("w|MDPW02|\2|Cd||one");
}

Test (router, the_end_is_told_to_the_workers)
{
    worker ("v|MDPW02|\1|echo");
    worker ("w||MDPW01|\1|other");
    fst_router_disconnect (router);
    fst_router_side_t side;
    zmsg_t *message;
    int told = 0;
    while ((message = fst_router_next (router, &side))) {
        char *text = s_text (message);
        told += strcmp (text, "v|MDPW02|\6") == 0 || strcmp (text, "w||MDPW01|\5") == 0;
        free (text);
        zmsg_destroy (&message);
    }
    cr_expect_eq (told, 2);
}

//  ---- Bounds

Test (router, the_queue_of_a_service_is_bounded)
{
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|one");
    TO_ACTOR ("w|MDPW02|\2|Cc||one");
    for (int count = 0; count < FST_ROUTER_QUEUE_MAX; count++)
        client ("c|MDPC02|\1|echo|one");
    SILENT ();
    client ("c|MDPC02|\1|echo|{\"id\":\"9\"}");
    ERROR ("c|MDPC02|\3|echo|", "busy", "9");
    client ("c|MDPC02|\1|other|one");               //  Others have room
    SILENT ();
}

Test (router, made_up_services_leave_room_and_nothing_behind)
{
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|one");
    TO_ACTOR ("w|MDPW02|\2|Cc||one");
    int refused = 0;
    for (int count = 0; count < FST_ROUTER_WAITING_MAX; count++) {
        char text [64];
        snprintf (text, sizeof (text), "c|MDPC02|\1|made-up-%d|x", count);
        client (text);
        fst_router_side_t side;
        zmsg_t *message = fst_router_next (router, &side);
        refused += message != NULL;
        zmsg_destroy (&message);
    }
    cr_expect_eq (refused, FST_ROUTER_WAITING_MAX / 2);
    client ("c|MDPC02|\1|echo|two");                //  A real service still has room
    SILENT ();
    now_ms += FST_ROUTER_DEADLINE_MS;
    fst_router_tick (router, now_ms);
    cr_expect_eq (fst_router_counts (router).waiting, 0);
    cr_expect_eq (fst_router_counts (router).services, 0, "its worker was silent too long, too");
}

Test (router, octets_that_wait_are_bounded)
{
    zmsg_t *message = s_frames ("c|MDPC02|\1|echo|{\"id\":\"1\"}");
    zframe_t *large = zframe_new (NULL, FST_ROUTER_REQUEST_BYTES);
    memset (zframe_data (large), 0, zframe_size (large));
    zmsg_append (message, &large);
    fst_router_receive (router, FST_ROUTER_CLIENTS, "", &message, now_ms);
    ERROR ("c|MDPC02|\3|echo|", "too_large", "1");

    int taken = 0;
    fst_router_side_t side;
    zmsg_t *refusal = NULL;
    while (!refusal && taken < 100) {
        message = s_frames ("c|MDPC02|\1|echo|x");
        large = zframe_new (NULL, FST_ROUTER_REQUEST_BYTES - 1);
        memset (zframe_data (large), 0, zframe_size (large));
        zmsg_append (message, &large);
        fst_router_receive (router, FST_ROUTER_CLIENTS, "", &message, now_ms);
        refusal = fst_router_next (router, &side);
        taken += !refusal;
    }
    zmsg_destroy (&refusal);
    cr_expect_eq (taken, FST_ROUTER_WAITING_BYTES / 2 / FST_ROUTER_REQUEST_BYTES);
}

Test (router, workers_are_bounded)
{
    char text [64];
    for (int count = 0; count < FST_ROUTER_WORKERS_MAX; count++) {
        snprintf (text, sizeof (text), "w%d|MDPW02|\1|echo", count);
        worker (text);
    }
    SILENT ();
    worker ("more|MDPW02|\1|echo");
    TO_ACTOR ("more|MDPW02|\6");
}

Test (router, one_who_was_enrolled_leaves_room_for_others)
{
    char text [64];
    for (int count = 0; count < FST_ROUTER_ROLE_WORKERS_MAX; count++) {
        snprintf (text, sizeof (text), "w%d|MDPW02|\1|greedy.%d", count, count);
        s_receive (FST_ROUTER_ACTORS, "actor:greedy", text);
    }
    SILENT ();
    s_receive (FST_ROUTER_ACTORS, "actor:greedy", "more|MDPW02|\1|greedy");
    TO_ACTOR ("more|MDPW02|\6");
    s_receive (FST_ROUTER_ACTORS, "actor:other", "other|MDPW02|\1|other");
    SILENT ();
    s_receive (FST_ROUTER_ACTORS, "actor:greedy", "w0|MDPW02|\6");
    s_receive (FST_ROUTER_ACTORS, "actor:greedy", "more|MDPW02|\1|greedy");
    SILENT ();
}

//  ---- Counts

//  What is counted of one service.
typedef struct {
    const char *name;
    fst_router_service_t service;
    fst_tally_row_t row;
    size_t all;
} s_counted_t;

static void
s_find (void *arg, const fst_router_service_t *service, const fst_tally_row_t *row)
{
    s_counted_t *counted = arg;
    counted->all++;
    if (streq (service->name, counted->name)) {
        counted->service = *service;
        counted->row = *row;
    }
}

static s_counted_t
s_counted (const char *name)
{
    s_counted_t counted = { .name = name };
    fst_router_counted (router, s_find, &counted);
    return counted;
}

//  All that was sent is not looked at.
static void
s_drain (void)
{
    fst_router_side_t side;
    zmsg_t *message;
    while ((message = fst_router_next (router, &side)))
        zmsg_destroy (&message);
}

Test (router, replies_are_counted_with_how_long_they_waited_and_were_worked_on)
{
    client ("c|MDPC02|\1|echo|one");
    now_ms += 20;
    worker ("w|MDPW02|\1|echo");
    now_ms += 30;
    client ("d|MDPC02|\1|echo|two");
    worker ("w|MDPW02|\3|Cc||half");                //  No end
    now_ms += 50;
    worker ("w|MDPW02|\4|Cc||done");
    now_ms += 4;
    s_counted_t echo = s_counted ("echo");
    cr_expect_eq (echo.service.workers, 1);
    cr_expect_eq (echo.row.results [FST_TALLY_REPLIED], 1);
    cr_expect_eq (echo.row.waited_us, 20000);
    worker ("w|MDPW02|\4|Cd||done");
    s_drain ();
    echo = s_counted ("echo");
    cr_expect_eq (echo.row.results [FST_TALLY_REPLIED], 2);
    cr_expect_eq (echo.row.waited_us, 70000, "20 and 50 ms, not %lld us", (long long) echo.row.waited_us);
    cr_expect_eq (echo.row.worked.total_us, 84000, "80 and 4 ms, not %lld us", (long long) echo.row.worked.total_us);
    cr_expect_eq (echo.row.worked.buckets [3], 1);   //  Up to 5 ms
    cr_expect_eq (echo.row.worked.buckets [7], 1);   //  Up to 100 ms
}

Test (router, what_failed_on_the_way_is_counted_by_its_reason)
{
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|one");
    for (int count = 0; count <= FST_ROUTER_QUEUE_MAX; count++)
        client ("d|MDPC02|\1|echo|one");            //  The last one finds no place
    for (int64_t ms = 0; ms < FST_ROUTER_DEADLINE_MS; ms += BEAT) {
        worker ("w|MDPW02|\5");
        s_elapse (BEAT);                            //  At the end the others were there for too long
    }
    zmsg_t *large = s_frames ("c|MDPC02|\1|echo");
    zframe_t *frame = zframe_new (NULL, FST_ROUTER_REQUEST_BYTES + 1);
    memset (zframe_data (frame), 0, zframe_size (frame));
    zmsg_append (large, &frame);
    fst_router_receive (router, FST_ROUTER_CLIENTS, "", &large, now_ms);
    worker ("w|MDPW02|\6");                         //  Leaves without a reply
    client ("c|MDPC02|\1|echo|two");
    client ("c|MDPC02|\1|made-up|two");
    s_elapse (FST_ROUTER_DEADLINE_MS);
    s_drain ();
    s_counted_t echo = s_counted ("echo");
    static const uint64_t wanted [FST_TALLY_RESULTS] = {
        [FST_TALLY_LOST] = 1, [FST_TALLY_TIMEOUT] = FST_ROUTER_QUEUE_MAX, [FST_TALLY_UNAVAILABLE] = 1, [FST_TALLY_BUSY] = 1,
        [FST_TALLY_TOO_LARGE] = 1
    };
    for (size_t at = 0; at < FST_TALLY_RESULTS; at++)
        cr_expect_eq (echo.row.results [at], wanted [at], "result %zu: %llu", at, (unsigned long long) echo.row.results [at]);
    cr_expect_eq (echo.row.worked.total_us, 0, "nothing of it was replied to");
    cr_expect_eq (echo.service.workers, 0);
    cr_expect_eq (echo.all, 1, "a name that nobody offered is not counted");
}

Test (router, a_request_that_went_to_a_second_worker_is_counted_once)
{
    worker ("v|MDPW02|\1|echo");
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|one");
    now_ms += 10;
    BOUNCE ();
    TO_ACTOR ("w|MDPW02|\2|Cc||one");
    now_ms += 5;
    worker ("w|MDPW02|\4|Cc||two");
    TO_CLIENT ("c|MDPC02|\3|echo|two");
    s_counted_t echo = s_counted ("echo");
    cr_expect_eq (echo.row.results [FST_TALLY_REPLIED], 1);
    cr_expect_eq (echo.row.results [FST_TALLY_LOST], 0);
    cr_expect_eq (echo.row.waited_us, 10000);
    cr_expect_eq (echo.row.worked.total_us, 5000);
}

static void
s_offer_and_leave (int number)
{
    char text [64];
    snprintf (text, sizeof (text), "h|MDPW02|\1|made-up-%d", number);
    worker (text);
    worker ("h|MDPW02|\6");
}

Test (router, who_registers_a_thousand_names_displaces_nobody_who_is_there)
{
    worker ("w|MDPW02|\1|echo");
    client ("c|MDPC02|\1|echo|one");
    worker ("w|MDPW02|\4|Cc||two");
    for (int number = 0; number < 2 * FST_TALLY_MAX; number++)
        s_offer_and_leave (number);
    s_drain ();
    s_counted_t echo = s_counted ("echo");
    cr_expect_eq (echo.all, FST_TALLY_MAX);
    cr_expect_eq (echo.row.results [FST_TALLY_REPLIED], 1);
}

Test (router, a_service_that_is_gone_for_long_is_forgotten)
{
    s_offer_and_leave (1);
    s_elapse (BEAT);
    s_elapse (FST_TALLY_GONE_MS - 2 * BEAT);
    cr_expect_eq (s_counted ("").all, 1);
    s_elapse (2 * BEAT);
    cr_expect_eq (s_counted ("").all, 0);
}

//  ---- The id of a request

Test (peek, finds_the_id_wherever_it_is)
{
    const struct { const char *text, *id; } rows [] = {
        { "{\"v\":1,\"id\":\"abc\",\"command\":\"X\"}", "abc" },
        { " { \"payload\" : {\"id\":\"inner\",\"a\":[1,{\"b\":\"}\"}]} , \"id\" : \"outer\" }", "outer" },
        { "{\"s\":\"a\\\"b,}\",\"id\":\"x\"}", "x" },
        { "{\"id\":\"cut", "" }, { "{\"id\":5}", "" }, { "{\"id\":\"\"}", "" }, { "{\"id\":\"a\\u0041\"}", "" },
        { "{\"id\"", "" }, { "{", "" }, { "", "" }, { "[\"id\",\"x\"]", "" }, { "{\"a\":[}", "" }, { "{\"a\":\"\\", "" },
        { "{\"a\":1}{\"id\":\"x\"}", "" }, { "\x01\xff", "" }, { "{\"id\":\"\xc3\xa4\"}", "" },
        { "{\"id\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
          "0123456789012345678901234567890123456789012345678901234567890123" },
        { "{\"id\":\"01234567890123456789012345678901234567890123456789012345678901234\"}", "" },
    };
    for (size_t row = 0; row < sizeof (rows) / sizeof (rows [0]); row++) {
        char id [FST_PEEK_ID_BYTES];
        fst_peek_id (rows [row].text, strlen (rows [row].text), id);
        cr_expect_str_eq (id, rows [row].id, "row %zu", row);
    }
}
