//  Counts of services as text.

#include "fst_counted.h"
#include <assert.h>
#include "fst_histogram.h"

static int64_t
s_number (const json_t *row, const char *name)
{
    return json_integer_value (json_object_get (row, name));
}

static void
s_say (FILE *out, const char *name, const char *type, const char *help)
{
    fprintf (out, "# HELP filestore_service_%s %s\n# TYPE filestore_service_%s %s\n", name, help, name, type);
}

//  {service=".." without the brace at the end, for more labels. A worker may have chosen any printable name.
static void
s_begin (FILE *out, const char *name, const json_t *row)
{
    fprintf (out, "filestore_service_%s{service=\"", name);
    for (const char *at = json_string_value (json_object_get (row, "name")); *at; at++) {
        if (*at == '"' || *at == '\\')
            fputc ('\\', out);
        fputc (*at, out);
    }
    fputc ('"', out);
}

#define EACH(services, row) \
    size_t at = 0; at < json_array_size (services) && (row = json_array_get (services, at)); at++

static void
s_write_gauge (const json_t *services, FILE *out, const char *name, const char *help)
{
    const json_t *row;
    s_say (out, name, "gauge", help);
    for (EACH (services, row)) {
        s_begin (out, name, row);
        fprintf (out, "} %lld\n", (long long) s_number (row, name));
    }
}

static void
s_write_results (const json_t *services, FILE *out)
{
    const json_t *row;
    const char *result;
    json_t *count;
    s_say (out, "requests_total", "counter", "Requests that ended, by what came of them");
    for (EACH (services, row))
        json_object_foreach (json_object_get (row, "results"), result, count) {
            s_begin (out, "requests_total", row);
            fprintf (out, ",result=\"%s\"} %lld\n", result, (long long) json_integer_value (count));
        }
}

static void
s_write_seconds (const json_t *services, FILE *out)
{
    const json_t *row;
    size_t bucket;
    json_t *count;
    s_say (out, "seconds", "histogram", "From handing a request to a worker until its reply");
    for (EACH (services, row)) {
        int64_t below = 0;
        json_array_foreach (json_object_get (row, "buckets"), bucket, count) {
            below += json_integer_value (count);
            s_begin (out, "seconds_bucket", row);
            fprintf (out, ",le=\"%s\"} %lld\n", fst_histogram_bound (bucket), (long long) below);
        }
        s_begin (out, "seconds_sum", row);
        fprintf (out, "} %.6f\n", (double) s_number (row, "worked_us") / 1e6);
        s_begin (out, "seconds_count", row);
        fprintf (out, "} %lld\n", (long long) below);
    }
}

static void
s_write_waited (const json_t *services, FILE *out)
{
    const json_t *row;
    s_say (out, "waited_seconds_total", "counter", "Time that its requests waited for a worker");
    for (EACH (services, row)) {
        s_begin (out, "waited_seconds_total", row);
        fprintf (out, "} %.6f\n", (double) s_number (row, "waited_us") / 1e6);
    }
}

void
fst_counted_write (const json_t *services, FILE *out)
{
    assert (out);
    s_write_results (services, out);
    s_write_seconds (services, out);
    s_write_waited (services, out);
    s_write_gauge (services, out, "workers", "Requests that it can have under way at once; 0: it is gone");
    s_write_gauge (services, out, "waiting", "Requests that no worker has taken yet");
}
