//  What came of requests, by command: counted here, published as event metrics.SERVICE, gathered by the bridge.

#include "fst_actor_self.h"
#include <assert.h>
#include <string.h>
#include "fst_clock.h"
#include "fst_request.h"

#define INTERVAL_MS     10000
#define FIRST_MS        1000        //  After the start
#define FIGURES_MAX     64          //  Of a class

struct fst_figures {
    json_t *rows;
};

void
fst_actor_count (fst_actor_t *self, const fst_request_t *request)
{
    fst_actor_tally_t *tally = &self->tallies [request->row >= 0? request->row: FST_ACTOR_COMMANDS_MAX];
    tally->codes [request->rc]++;
    fst_histogram_add (&tally->took, fst_clock_mono_us () - request->begun_us);
}

void
fst_actor_figure (fst_figures_t *figures, const char *name, const char *help, int64_t value)
{
    assert (figures && name && help);
    assert (json_array_size (figures->rows) < FIGURES_MAX);
    json_array_append_new (figures->rows, json_pack ("{s:s, s:s, s:I}", "name", name, "help", help, "value", (json_int_t) value));
}

//  NULL if there were no such requests.
static json_t *
s_tally (const char *command, const fst_actor_tally_t *tally)
{
    json_t *codes = json_array ();
    for (int code = 0; code < FST_ERRORS_COUNT; code++)
        if (tally->codes [code])
            json_array_append_new (codes, json_pack ("{s:s, s:I}", "code", code == FST_OK? "ok": fst_error_code ((fst_rc_t) code),
                                                     "count", (json_int_t) tally->codes [code]));
    json_t *row = json_pack ("{s:s, s:o, s:o, s:I}", "command", command, "codes", codes, "buckets", fst_histogram_json (&tally->took),
                             "total_us", (json_int_t) tally->took.total_us);
    if (json_array_size (codes) == 0) {
        json_decref (row);
        row = NULL;
    }
    return row;
}

static json_t *
s_body (fst_actor_t *self, int64_t interval_ms)
{
    json_t *commands = json_array (), *row;
    for (int at = 0; self->class.commands && self->class.commands [at].name; at++)
        if ((row = s_tally (self->class.commands [at].name, &self->tallies [at])))
            json_array_append_new (commands, row);
    if ((row = s_tally ("other", &self->tallies [FST_ACTOR_COMMANDS_MAX])))
        json_array_append_new (commands, row);
    fst_figures_t figures = { json_array () };
    if (self->class.metrics)
        self->class.metrics (self->user, &figures);
    return json_pack ("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o}", "service", self->options.service,
        "process", self->process, "version", self->class.version? self->class.version: FST_VERSION,
        "started_ms", (json_int_t) self->started_ms, "interval_ms", (json_int_t) interval_ms,
        "lanes", (json_int_t) self->options.lanes, "requests", (json_int_t) self->requests,
        "commands", commands, "figures", figures.rows);
}

int64_t
fst_actor_tick_metrics (fst_actor_t *self, int64_t now_ms)
{
    int64_t interval_ms = self->options.metrics_ms? self->options.metrics_ms: INTERVAL_MS;
    if (!self->options.service || !self->publisher)
        return INT64_MAX;
    if (!self->metrics_ms) {                //  The first time
        self->started_ms = fst_clock_wall_ms ();
        snprintf (self->process, sizeof (self->process), "%08x", (unsigned) fst_random ());
        return now_ms + (interval_ms < FIRST_MS? interval_ms: FIRST_MS);
    }
    char topic [256];
    snprintf (topic, sizeof (topic), "metrics.%s", self->options.service);
    fst_actor_publish (self, topic, s_body (self, interval_ms));
    return now_ms + interval_ms;
}
