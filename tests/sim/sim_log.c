//  bus/fst_log.h: shown with virtual times if FST_SIM_LOG is set; what is said at a level of error, and why a part
//  ends, is in the trace anyway.

#include "sim_world.h"
#include <stdarg.h>
#include "fst_log.h"

void
fst_log_set_level (fst_log_level_t level)
{
    (void) level;
}

void
fst_log_set_json (bool json)
{
    (void) json;
}

void
fst_log_set_subject (const char *subject)
{
    (void) subject;                     //  It is the part that runs
}

void
fst_log (fst_log_level_t level, const char *format, ...)
{
    static const char *const names [] = { "error", "warning", "info", "debug" };
    const char *shown = getenv ("FST_SIM_LOG");
    bool wanted = shown && level <= (*shown == '2'? FST_LOG_DEBUG: FST_LOG_INFO);
    if (!sim_world || !wanted)
        return;
    va_list args;
    va_start (args, format);
    char *text = zsys_vprintf (format, args);
    va_end (args);
    const sim_part_t *part = sim_world->running;
    fprintf (stderr, "%10lld %s %s%s%s%s", (long long) sim_world->now_ms, names [level], part? part->name: "",
             part? ": ": "", text, text [strlen (text) - 1] == '\n'? "": "\n");
    zstr_free (&text);
}

const char *
fst_log_quote (const char *text, char *buffer, unsigned size)
{
    snprintf (buffer, size, "%s", text);
    return buffer;
}
