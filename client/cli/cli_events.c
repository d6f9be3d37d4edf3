//  events: what happened, and what happens.

#include <czmq.h>
#include <inttypes.h>
#include "cli.h"

#define RECENT      100                 //  Told without --since
#define POLL_MS     500

typedef struct {
    cli_t *cli;
    const char *path;                   //  Only what is there, or NULL
    const char *cursor;                 //  Begin where it stands, and move it; or NULL
    int64_t since;
    bool begun;                         //  Since is known
    bool told;                          //  That some are not kept
} s_events_t;

static const char *
s_text (json_t *event, const char *name)
{
    return json_string_value (json_object_get (event, name));
}

//  "file.moved": as the topic says on the bus.
static void
s_print_json (json_t *event)
{
    char topic [64];
    snprintf (topic, sizeof (topic), "%s.%s", s_text (event, "node")? "node": "file", s_text (event, "type"));
    json_object_set_new (event, "event", json_string (topic));
    json_dumpf (event, stdout, JSON_COMPACT);
    putchar ('\n');
}

static void
s_print (json_t *event)
{
    char when [32];
    const char *to = s_text (event, "to"), *with = s_text (event, "with"), *node = s_text (event, "node"),
               *detail = s_text (event, "detail");
    printf ("%8" JSON_INTEGER_FORMAT "  %s  %-12s %-11s ", json_integer_value (json_object_get (event, "sequence")),
            cli_time_text (json_integer_value (json_object_get (event, "time_ms")), when, sizeof (when)),
            node? node: s_text (event, "user"), s_text (event, "type"));
    if (node)
        cli_print_name (detail? detail: "");
    else
        cli_print_name (s_text (event, "path"));
    if (to) {
        printf (" -> ");
        cli_print_name (to);
    }
    if (with)
        printf (" with %s", with);
    putchar ('\n');
}

//  What was read is printed.
static fst_rc_t
s_move_cursor (s_events_t *self)
{
    return cli_ask (self->cli, "metadata", "MOVE_CURSOR",
                    json_pack ("{s:s, s:I}", "cursor", self->cursor, "sequence", (json_int_t) self->since), NULL);
}

//  One page; *more_p: there are more by now.
static fst_rc_t
s_read (s_events_t *self, bool *more_p)
{
    json_t *reply = NULL, *event, *request = self->begun? json_pack ("{s:I}", "since", (json_int_t) self->since)
                                                         : json_pack ("{s:s}", "cursor", self->cursor);
    size_t at;
    if (self->path)
        json_object_set_new (request, "path", json_string (self->path));
    fst_rc_t rc = cli_ask (self->cli, "metadata", "LIST_EVENTS", request, &reply);
    if (rc != FST_OK)
        return rc;
    if (json_is_true (json_object_get (reply, "gap")) && !self->told) {
        cli_warn ("not all events from there on are kept: look at everything anew");
        self->told = true;
    }
    json_array_foreach (json_object_get (reply, "events"), at, event) {
        if (self->cli->given [CLI_JSON])
            s_print_json (event);
        else
            s_print (event);
    }
    int64_t sequence = json_integer_value (json_object_get (reply, "sequence"));
    bool moved = !self->begun || sequence != self->since;
    self->since = sequence;
    self->begun = true;
    *more_p = json_is_true (json_object_get (reply, "more"));
    json_decref (reply);
    if (fflush (stdout))
        return FST_IO;
    return self->cursor && moved? s_move_cursor (self): FST_OK;
}

//  Where to begin: as was said, or some before now.
static fst_rc_t
s_begin (s_events_t *self)
{
    json_t *reply = NULL;
    self->begun = !self->cursor;
    if (self->cli->given [CLI_SINCE] || self->cursor)
        return FST_OK;
    fst_rc_t rc = cli_ask (self->cli, "metadata", "LIST_EVENTS", json_object (), &reply);
    if (rc != FST_OK)
        return rc;
    int64_t now = json_integer_value (json_object_get (reply, "sequence")),
            first = json_integer_value (json_object_get (reply, "first"));
    self->since = now - RECENT < first - 1? first - 1: now - RECENT;
    json_decref (reply);
    return FST_OK;
}

static void
s_wait (void)
{
    for (int waited = 0; waited < POLL_MS && !cli_interrupted (); waited += 50)
        zclock_sleep (50);
}

fst_rc_t
cli_events (cli_t *self, int count, char **operands)
{
    s_events_t events = { .cli = self, .path = count? operands [0]: NULL, .cursor = self->values [CLI_CURSOR] };
    bool more = true;
    fst_rc_t rc = count? cli_check_path (self, operands [0]): FST_OK;
    if (rc == FST_OK && events.cursor && self->given [CLI_SINCE])
        rc = cli_fail (self, FST_MALFORMED, "say either --since or --cursor");
    if (rc == FST_OK && self->given [CLI_SINCE])
        rc = cli_parse_number (self, self->values [CLI_SINCE], "sequence number", &events.since);
    if (rc == FST_OK)
        rc = cli_connect (self, true);
    if (rc == FST_OK)
        rc = s_begin (&events);
    cli_catch_interrupt ();
    while (rc == FST_OK && (more || self->given [CLI_FOLLOW]) && !cli_interrupted ()) {
        rc = s_read (&events, &more);
        if (rc == FST_OK && !more && self->given [CLI_FOLLOW])
            s_wait ();
    }
    if (self->given [CLI_FOLLOW] && rc != FST_OK && self->store)
        cli_warn ("go on with --since %" PRId64, events.since);
    return rc;
}
