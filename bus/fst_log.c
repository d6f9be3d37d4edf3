//  Log lines: one write(2) each, so that lines of several threads never mix.

#include "fst_log.h"
#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "fst_clock.h"
#include "fst_trace.h"

#define SPARING_LINES   20          //  A second

static atomic_int s_level = FST_LOG_INFO;
static atomic_bool s_json;
static _Thread_local char s_subject [64];

void
fst_log_set_level (fst_log_level_t level)
{
    atomic_store (&s_level, level);
}

void
fst_log_set_json (bool json)
{
    atomic_store (&s_json, json);
}

void
fst_log_last_words (const char *program, const char *problem, const char *code)
{
    if (atomic_load (&s_json))
        fst_log_error ("%s code=%s", problem, code);
    else
        fprintf (stderr, "%s: %s (%s)\n", program, problem, code);
}

void
fst_log_set_subject (const char *subject)
{
    snprintf (s_subject, sizeof (s_subject), "%s", subject);
}

static void
s_now (char *when, size_t size)
{
    struct timespec now;
    struct tm utc;
    clock_gettime (CLOCK_REALTIME, &now);
    gmtime_r (&now.tv_sec, &utc);
    size_t used = strftime (when, size, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf (when + used, size - used, ".%03ldZ", now.tv_nsec / 1000000);
}

static void
s_add_trace (char *text, size_t size)
{
    size_t used = strlen (text);
    if (*fst_trace_now () && !strstr (text, " id="))
        snprintf (text + used, size - used, " id=%s", fst_trace_now ());
}

void
fst_log (fst_log_level_t level, const char *format, ...)
{
    static const char *const names [] = { "error", "warning", "info", "debug" };
    if ((int) level > atomic_load (&s_level))
        return;

    char when [32], text [1536], line [2048];
    s_now (when, sizeof (when));
    va_list args;
    va_start (args, format);
    vsnprintf (text, sizeof (text), format, args);      //  Cut if it is longer
    va_end (args);
    s_add_trace (text, sizeof (text));
    size_t used;
    if (atomic_load (&s_json))
        used = fst_log_json (line, sizeof (line) - 1, when, names [level], s_subject, text);
    else
        used = (size_t) snprintf (line, sizeof (line) - 1, "%s %s %s%s%s", when, names [level], s_subject,
                                  s_subject [0]? ": ": "", text);
    line [used++] = '\n';
    if (write (STDERR_FILENO, line, used) < 0)
        return;                             //  Nobody is there to be told
}

bool
fst_log_sparing (fst_log_sparing_t *self)
{
    assert (self);
    int64_t now_ms = fst_clock_mono_ms ();
    if (now_ms >= self->until_ms) {
        if (self->asked > SPARING_LINES)
            fst_log_warning ("lines left out count=%u", self->asked - SPARING_LINES);
        *self = (fst_log_sparing_t) { .until_ms = now_ms + 1000 };
    }
    return self->asked++ < SPARING_LINES;
}

const char *
fst_log_quote (const char *text, char *buffer, unsigned size)
{
    unsigned at = 0;
    for (; at + 1 < size && text [at]; at++) {
        unsigned char octet = (unsigned char) text [at];
        buffer [at] = octet < 0x20 || octet == 0x7f || octet == '"'? '?': (char) octet;
    }
    buffer [at] = 0;
    return buffer;
}
