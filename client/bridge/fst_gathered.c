//  Metrics of all actors.

#include "fst_gathered.h"
#include <assert.h>
#include <czmq.h>
#include <string.h>
#include "fst_histogram.h"

#define PROCESSES_MAX   512         //  Those beyond are not told
#define INTERVALS       3           //  Until one that is silent is left out
#define SERVICE_BYTES   128
#define NAME_BYTES      256

typedef struct {
    json_t *body;
    int64_t until_ms;
} s_process_t;

struct fst_gathered {
    zhashx_t *processes;            //  "service process" -> s_process_t
};

static void
s_process_destroy (void **process_p)
{
    s_process_t *process = *process_p;
    json_decref (process->body);
    free (process);
    *process_p = NULL;
}

fst_gathered_t *
fst_gathered_new (void)
{
    fst_gathered_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->processes = zhashx_new ();
    zhashx_set_destructor (self->processes, s_process_destroy);
    return self;
}

void
fst_gathered_destroy (fst_gathered_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        zhashx_destroy (&(*self_p)->processes);
        free (*self_p);
        *self_p = NULL;
    }
}

static const char *
s_text (const json_t *object, const char *name)
{
    return json_string_value (json_object_get (object, name));
}

static int64_t
s_number (const json_t *object, const char *name)
{
    return json_integer_value (json_object_get (object, name));
}

//  It may stand between quotes.
static bool
s_is_label (const char *text)
{
    return strlen (text) <= SERVICE_BYTES
        && strspn (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen (text);
}

static void
s_forget_old (fst_gathered_t *self, int64_t now_ms)
{
    zlistx_t *keys = zhashx_keys (self->processes);
    for (const char *key = zlistx_first (keys); key; key = zlistx_next (keys))
        if (((s_process_t *) zhashx_lookup (self->processes, key))->until_ms <= now_ms)
            zhashx_delete (self->processes, key);
    zlistx_destroy (&keys);
}

//  The role of who published it allowed the topic, so that what counts is the service that the topic names.
void
fst_gathered_event (fst_gathered_t *self, const char *topic, json_t *body, int64_t now_ms)
{
    assert (self && topic && body);
    const char *service = strchr (topic, '.');
    char key [SERVICE_BYTES + 16];
    if (!service || strneq (service + 1, s_text (body, "service")) || !s_is_label (service + 1))
        return;
    snprintf (key, sizeof (key), "%s %s", service + 1, s_text (body, "process"));
    s_forget_old (self, now_ms);
    if (!zhashx_lookup (self->processes, key) && zhashx_size (self->processes) >= PROCESSES_MAX)
        return;
    s_process_t *process = calloc (1, sizeof (*process));
    assert (process);
    process->body = json_incref (body);
    process->until_ms = now_ms + INTERVALS * s_number (body, "interval_ms");
    zhashx_update (self->processes, key, process);
}

//  ---- Text

//  {service="..",process=".." without the brace at the end, for more labels.
static void
s_begin (FILE *out, const char *name, const char *suffix, const json_t *body)
{
    fprintf (out, "filestore_%s%s{service=\"%s\",process=\"%s\"", name, suffix, s_text (body, "service"),
             s_text (body, "process"));
}

static void
s_say (FILE *out, const char *name, const char *type, const char *help)
{
    fprintf (out, "# HELP filestore_%s ", name);
    for (; *help; help++)
        fputc ((unsigned char) *help < ' ' || *help == '\\'? ' ': *help, out);
    fprintf (out, "\n# TYPE filestore_%s %s\n", name, type);
}

#define EACH(self, process) \
    s_process_t *process = zhashx_first ((self)->processes); process; process = zhashx_next ((self)->processes)

static void
s_write_counts (const json_t *body, FILE *out)
{
    size_t at, code;
    json_t *command, *row;
    json_array_foreach (json_object_get (body, "commands"), at, command)
        json_array_foreach (json_object_get (command, "codes"), code, row)
            if (s_is_label (s_text (command, "command")) && s_is_label (s_text (row, "code"))) {
                s_begin (out, "requests_total", "", body);
                fprintf (out, ",command=\"%s\",code=\"%s\"} %lld\n", s_text (command, "command"), s_text (row, "code"),
                         (long long) s_number (row, "count"));
            }
}

static void
s_write_histogram (const json_t *body, const json_t *command, FILE *out)
{
    size_t bucket;
    json_t *count;
    int64_t below = 0;
    const char *name = s_text (command, "command");
    json_array_foreach (json_object_get (command, "buckets"), bucket, count) {
        below += json_integer_value (count);
        s_begin (out, "request_seconds", "_bucket", body);
        fprintf (out, ",command=\"%s\",le=\"%s\"} %lld\n", name, fst_histogram_bound (bucket), (long long) below);
    }
    s_begin (out, "request_seconds", "_sum", body);
    fprintf (out, ",command=\"%s\"} %.6f\n", name, (double) s_number (command, "total_us") / 1e6);
    s_begin (out, "request_seconds", "_count", body);
    fprintf (out, ",command=\"%s\"} %lld\n", name, (long long) below);
}

static void
s_write_requests (fst_gathered_t *self, FILE *out)
{
    size_t at;
    json_t *command;
    s_say (out, "requests_total", "counter", "Requests that were answered, by command and result");
    for (EACH (self, process))
        s_write_counts (process->body, out);
    s_say (out, "request_seconds", "histogram", "From the arrival of a request at its actor to its answer");
    for (EACH (self, process))
        json_array_foreach (json_object_get (process->body, "commands"), at, command)
            if (s_is_label (s_text (command, "command")))
                s_write_histogram (process->body, command, out);
}

static void
s_write_actors (fst_gathered_t *self, FILE *out)
{
    s_say (out, "actor_info", "gauge", "1: it is there");
    for (EACH (self, process)) {
        const char *version = s_text (process->body, "version");
        s_begin (out, "actor_info", "", process->body);
        fprintf (out, ",version=\"%s\"} 1\n", s_is_label (version)? version: "");
    }
    s_say (out, "actor_start_time_seconds", "gauge", "Since 1970");
    for (EACH (self, process)) {
        s_begin (out, "actor_start_time_seconds", "", process->body);
        fprintf (out, "} %lld\n", (long long) (s_number (process->body, "started_ms") / 1000));
    }
    s_say (out, "requests_open", "gauge", "Requests under way at an actor");
    for (EACH (self, process)) {
        s_begin (out, "requests_open", "", process->body);
        fprintf (out, "} %lld\n", (long long) s_number (process->body, "requests"));
    }
    s_say (out, "lanes", "gauge", "Requests over the broker that an actor can have under way at once");
    for (EACH (self, process)) {
        s_begin (out, "lanes", "", process->body);
        fprintf (out, "} %lld\n", (long long) s_number (process->body, "lanes"));
    }
}

//  "storage_extents": the service up to its first dot, then what the class calls it. False if it is no name.
static bool
s_figure_name (const json_t *body, const json_t *figure, char *name, size_t size)
{
    const char *service = s_text (body, "service"), *own = s_text (figure, "name");
    size_t bytes = (size_t) snprintf (name, size, "%.*s_%s", (int) strcspn (service, "."), service, own);
    for (char *at = name; *at; at++)
        if (*at == '-')
            *at = '_';
    return bytes < size && *name >= 'a' && *name <= 'z'
        && strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_") == bytes;
}

//  All series of one name stand together.
static void
s_write_figure (fst_gathered_t *self, FILE *out, const char *name)
{
    size_t at;
    json_t *figure;
    char other [NAME_BYTES];
    for (EACH (self, process)) {
        bool written = false;
        json_array_foreach (json_object_get (process->body, "figures"), at, figure)
            if (!written && s_figure_name (process->body, figure, other, sizeof (other)) && streq (other, name)) {
                s_begin (out, name, "", process->body);
                fprintf (out, "} %lld\n", (long long) s_number (figure, "value"));
                written = true;
            }
    }
}

static bool
s_is_total (const char *name)
{
    size_t bytes = strlen (name), suffix = strlen ("_total");
    return bytes > suffix && streq (name + bytes - suffix, "_total");
}

void
fst_gathered_write (fst_gathered_t *self, FILE *out, bool (*taken) (void *arg, const char *name), void *arg,
                    int64_t now_ms)
{
    assert (self && out && taken);
    s_forget_old (self, now_ms);
    s_write_requests (self, out);
    s_write_actors (self, out);
    zlistx_t *keys = zhashx_keys (self->processes);     //  zhashx_values would make them its own
    for (const char *key = zlistx_first (keys); key; key = zlistx_next (keys)) {
        const s_process_t *process = zhashx_lookup (self->processes, key);
        size_t at;
        json_t *figure;
        char name [NAME_BYTES];
        json_array_foreach (json_object_get (process->body, "figures"), at, figure)
            if (s_figure_name (process->body, figure, name, sizeof (name)) && !taken (arg, name)) {
                s_say (out, name, s_is_total (name)? "counter": "gauge", s_text (figure, "help"));
                s_write_figure (self, out, name);
            }
    }
    zlistx_destroy (&keys);
}
