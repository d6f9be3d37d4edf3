//  tap: what passes the bus.

#include <czmq.h>
#include <inttypes.h>
#include <time.h>
#include "cli.h"

#define POLL_MS     200

static const char *
s_text (const json_t *row, const char *name)
{
    return json_string_value (json_object_get (row, name));
}

static int64_t
s_number (const json_t *row, const char *name)
{
    return json_integer_value (json_object_get (row, name));
}

static void
s_print_head (void)
{
    printf ("%-12s  %-16s %-16s %-18s %12s %12s %9s %9s  %-16s %-34s %s\n", "TIME", "WHO", "SERVICE", "COMMAND", "WAITED", "WORKED",
            "ASKED", "TOLD", "RESULT", "ID", "PAYLOAD");
}

static void
s_print (json_t *row)
{
    int64_t time_ms = s_number (row, "time_ms");
    time_t seconds = (time_t) (time_ms / 1000);
    struct tm local;
    char when [32] = "-";
    if (localtime_r (&seconds, &local))
        strftime (when, sizeof (when), "%H:%M:%S", &local);
    printf ("%s.%03d  %-16s %-16s %-18s %9.2f ms %9.2f ms %9" PRId64 " %9" PRId64 "  %-16s %-34s ", when, (int) (time_ms % 1000),
            *s_text (row, "user")? s_text (row, "user"): "-", s_text (row, "service"), s_text (row, "command"),
            (double) s_number (row, "waited_us") / 1000, (double) s_number (row, "worked_us") / 1000,
            s_number (row, "request_bytes"), s_number (row, "reply_bytes"), s_text (row, "code"), s_text (row, "id"));
    cli_print_name (s_text (row, "payload"));
    putchar ('\n');
}

//  One answer; *since_p moves on.
static fst_rc_t
s_look (cli_t *self, const char *filter, int64_t *since_p, bool *more_p)
{
    json_t *reply = NULL, *row, *request = json_object ();
    size_t at;
    if (filter)
        json_object_set_new (request, "filter", json_string (filter));
    if (*since_p >= 0)
        json_object_set_new (request, "since", json_integer (*since_p));
    fst_rc_t rc = cli_ask (self, "broker", "TAP", request, &reply);
    if (rc != FST_OK)
        return rc;
    if (s_number (reply, "missed"))
        cli_warn ("%" PRId64 " passed too quickly to be shown", s_number (reply, "missed"));
    json_array_foreach (json_object_get (reply, "rows"), at, row)
        if (self->given [CLI_JSON]) {
            json_dumpf (row, stdout, JSON_COMPACT);
            putchar ('\n');
        }
        else
            s_print (row);
    *since_p = s_number (reply, "sequence");
    *more_p = json_is_true (json_object_get (reply, "more"));
    json_decref (reply);
    return fflush (stdout)? FST_IO: FST_OK;
}

fst_rc_t
cli_tap (cli_t *self, int count, char **operands)
{
    int64_t since = -1;
    bool more = false;
    fst_rc_t rc = cli_connect (self, true);
    cli_catch_interrupt ();
    while (rc == FST_OK && !cli_interrupted ()) {
        bool first = since < 0;
        rc = s_look (self, count? operands [0]: NULL, &since, &more);
        if (rc == FST_OK && first) {
            cli_warn ("showing what passes, until Ctrl-C");
            if (!self->given [CLI_JSON])
                s_print_head ();
        }
        if (rc == FST_OK && !more)
            zclock_sleep (POLL_MS);
    }
    return cli_interrupted ()? FST_OK: rc;
}
