//  Conditions and ranges.

#include "fst_range.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

//  ---- Dates

static const char *const s_days [] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char *const s_months [] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

void
fst_http_date (int64_t time_ms, char text [FST_HTTP_DATE_MAX])
{
    time_t seconds = (time_t) (time_ms / 1000);
    struct tm at;
    if (time_ms < 0 || !gmtime_r (&seconds, &at) || at.tm_year > 9999 - 1900) {
        seconds = 0;                //  A time that HTTP cannot say
        gmtime_r (&seconds, &at);
    }
    //  Not strftime: its names follow the locale
    snprintf (text, FST_HTTP_DATE_MAX, "%s, %02d %s %04d %02d:%02d:%02d GMT", s_days [at.tm_wday % 7],
              at.tm_mday % 100, s_months [at.tm_mon % 12], (at.tm_year + 1900) % 10000, at.tm_hour % 100,
              at.tm_min % 100, at.tm_sec % 100);
}

int64_t
fst_http_date_parse (const char *text)
{
    char day [4] = "", month [4] = "", zone [4] = "";
    struct tm at = { 0 };
    int used = 0;
    if (sscanf (text, "%3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d %3[A-Z]%n", day, &at.tm_mday, month, &at.tm_year,
                &at.tm_hour, &at.tm_min, &at.tm_sec, zone, &used) != 8 || text [used] || strcmp (zone, "GMT") != 0)
        return -1;
    at.tm_mon = -1;
    for (int number = 0; number < 12; number++)
        if (strcmp (month, s_months [number]) == 0)
            at.tm_mon = number;
    if (at.tm_mon < 0 || at.tm_mday < 1 || at.tm_mday > 31 || at.tm_hour < 0 || at.tm_hour > 23 || at.tm_min < 0
    ||  at.tm_min > 59 || at.tm_sec < 0 || at.tm_sec > 60 || at.tm_year < 1970)
        return -1;
    at.tm_year -= 1900;
    return (int64_t) timegm (&at) * 1000;
}

//  True if that is the file's time, in the seconds that HTTP knows.
static bool
s_is_time (const char *text, int64_t modified_ms)
{
    int64_t time_ms = fst_http_date_parse (text);
    return time_ms >= 0 && time_ms / 1000 == modified_ms / 1000;
}

//  ---- Entity tags

void
fst_etag_make (int64_t id, int64_t version, char etag [FST_ETAG_MAX])
{
    snprintf (etag, FST_ETAG_MAX, "\"%" PRId64 ".%" PRId64 "\"", id, version);
}

static const char *
s_skip (const char *at)
{
    return at + strspn (at, " \t,");
}

bool
fst_etag_listed (const char *list, const char *etag, bool strong)
{
    const char *at = s_skip (list);
    if (*at == '*' && !*s_skip (at + 1))
        return true;
    size_t bytes = strlen (etag);
    while (*at) {
        bool weak = strncmp (at, "W/", 2) == 0;
        at += weak? 2: 0;
        const char *end = *at == '"'? strchr (at + 1, '"'): NULL;
        if (!end)
            return false;           //  No tag: what follows cannot be understood
        if ((size_t) (end + 1 - at) == bytes && memcmp (at, etag, bytes) == 0 && !(strong && weak))
            return true;
        at = s_skip (end + 1);
    }
    return false;
}

//  ---- Ranges

//  A number; -1 if there is none. *at_p moves behind it.
static int64_t
s_number (const char **at_p)
{
    const char *at = *at_p;
    int64_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        value = value > (INT64_MAX - 9) / 10? INT64_MAX: value * 10 + (*at - '0');
    bool none = at == *at_p;
    *at_p = at;
    return none? -1: value;
}

static fst_range_t
s_part (int64_t first, int64_t last, int64_t size)
{
    if (first < 0 || first >= size || last < first)
        return (fst_range_t) { .status = 416 };
    int64_t end = last >= size? size: last + 1;
    return (fst_range_t) { .status = 206, .offset = first, .length = end - first };
}

fst_range_t
fst_range_parse (const char *range, int64_t size)
{
    fst_range_t whole = { .status = 200, .length = size }, refused = { .status = 416 };
    if (strncasecmp (range, "bytes=", 6) != 0)
        return strncasecmp (range, "bytes", 5) == 0? refused: whole;
    const char *at = range + 6 + strspn (range + 6, " \t");
    int64_t first = s_number (&at);
    if (*at++ != '-')
        return refused;
    bool open = !(*at >= '0' && *at <= '9');
    int64_t last = open? -1: s_number (&at);
    at += strspn (at, " \t");
    if (*at || (first < 0 && open))
        return refused;             //  Several, or none
    if (first >= 0)
        return s_part (first, open? INT64_MAX: last, size);
    if (last > 0 && size == 0)
        return whole;               //  All that there is of the last octets; it has no number
    return last == 0? refused: s_part (last >= size? 0: size - last, INT64_MAX, size);
}

static bool
s_range_counts (const fst_conditions_t *conditions, const char *etag, int64_t modified_ms)
{
    const char *only = conditions->if_range;
    if (!conditions->range)
        return false;
    if (!only)
        return true;
    return *only == '"'? strcmp (only, etag) == 0: s_is_time (only, modified_ms);
}

fst_range_t
fst_range_decide (const fst_conditions_t *conditions, const char *etag, int64_t modified_ms, int64_t size)
{
    assert (conditions);
    int64_t since_ms = conditions->if_unmodified_since? fst_http_date_parse (conditions->if_unmodified_since): -1;
    if (conditions->if_match? !fst_etag_listed (conditions->if_match, etag, true)
                            : since_ms >= 0 && modified_ms / 1000 > since_ms / 1000)
        return (fst_range_t) { .status = 412 };
    if (conditions->if_none_match? fst_etag_listed (conditions->if_none_match, etag, false)
                                 : conditions->if_modified_since
                                   && s_is_time (conditions->if_modified_since, modified_ms))
        return (fst_range_t) { .status = 304 };
    if (s_range_counts (conditions, etag, modified_ms))
        return fst_range_parse (conditions->range, size);
    return (fst_range_t) { .status = 200, .length = size };
}
