//  Rules of gathered metrics: who is heard, for how long, and what an actor of somebody's own may not do to the page.

#include <criterion/criterion.h>
#include <string.h>
#include "fst_counted.h"
#include "fst_gathered.h"
#include "fst_schema.h"

static json_t *
s_body (const char *service, const char *process, const char *figure, const char *help, int64_t value)
{
    json_t *body = json_pack ("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:[{s:s, s:[{s:s, s:i}], s:[i,i,i,i,i,i,i,i,i,i,i,i,i,i,i], s:i}],"
                              " s:[{s:s, s:s, s:I}]}",
        "service", service, "process", process, "version", "1", "started_ms", 5000, "interval_ms", 1000, "lanes", 4,
        "requests", 1, "commands", "command", "HELLO", "codes", "code", "ok", "count", 3,
        "buckets", 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "total_us", 1500000,
        "figures", "name", figure, "help", help, "value", (json_int_t) value);
    cr_assert_not_null (body);
    char where [256];
    fst_rc_t rc = fst_schema_check (fst_schema_event ("metrics.x"), body, where, sizeof (where));
    cr_assert_eq (rc, FST_OK, "%s", where);
    return body;
}

static void
s_hear (fst_gathered_t *self, const char *topic, json_t *body, int64_t now_ms)
{
    fst_gathered_event (self, topic, body, now_ms);
    json_decref (body);
}

static bool
s_taken (void *arg, const char *name)
{
    char line [300];
    FILE **out_p = arg;
    fflush (out_p [0]);
    snprintf (line, sizeof (line), "# TYPE filestore_%s ", name);
    return strstr (*(char **) out_p [1], line) || strcmp (name, "node_alive") == 0;
}

//  What is written; caller frees.
static char *
s_text (fst_gathered_t *self, int64_t now_ms)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream (&text, &bytes);
    void *arg [2] = { out, &text };
    fst_gathered_write (self, out, s_taken, arg, now_ms);
    fclose (out);
    return text;
}

static size_t
s_count (const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr (text, part)); text++)
        count++;
    return count;
}

Test (gathered, requests_and_figures_of_a_process_are_series)
{
    fst_gathered_t *self = fst_gathered_new ();
    s_hear (self, "metrics.say-hello", s_body ("say-hello", "0a0b0c0d", "greeted_total", "Greetings", 7), 0);
    char *text = s_text (self, 10);
    static const char *const wanted [] = {
        "filestore_requests_total{service=\"say-hello\",process=\"0a0b0c0d\",command=\"HELLO\",code=\"ok\"} 3\n",
        "filestore_request_seconds_bucket{service=\"say-hello\",process=\"0a0b0c0d\",command=\"HELLO\",le=\"0.0005\"} 1\n",
        "filestore_request_seconds_bucket{service=\"say-hello\",process=\"0a0b0c0d\",command=\"HELLO\",le=\"+Inf\"} 3\n",
        "filestore_request_seconds_sum{service=\"say-hello\",process=\"0a0b0c0d\",command=\"HELLO\"} 1.500000\n",
        "# TYPE filestore_say_hello_greeted_total counter\nfilestore_say_hello_greeted_total{service=\"say-hello\",process=\"0a0b0c0d\"} 7\n",
    };
    for (size_t at = 0; at < sizeof (wanted) / sizeof (wanted [0]); at++)
        cr_expect (strstr (text, wanted [at]), "no %s in\n%s", wanted [at], text);
    free (text);
    fst_gathered_destroy (&self);
}

Test (gathered, the_last_word_of_a_process_counts_and_silence_ends_it)
{
    fst_gathered_t *self = fst_gathered_new ();
    s_hear (self, "metrics.a", s_body ("a", "00000001", "x", "X", 1), 0);
    s_hear (self, "metrics.a", s_body ("a", "00000001", "x", "X", 2), 1000);
    s_hear (self, "metrics.a", s_body ("a", "00000002", "x", "X", 3), 1000);
    char *text = s_text (self, 3999);
    cr_expect_eq (s_count (text, "\nfilestore_a_x{"), 2, "%s", text);
    cr_expect_eq (s_count (text, "# TYPE filestore_a_x "), 1, "%s", text);
    cr_expect (strstr (text, "process=\"00000001\"} 2\n"), "%s", text);
    free (text);
    text = s_text (self, 4000);
    cr_expect_null (strstr (text, "service="), "%s", text);
    free (text);
    fst_gathered_destroy (&self);
}

Test (gathered, nobody_speaks_for_another_service_or_writes_what_he_likes)
{
    fst_gathered_t *self = fst_gathered_new ();
    s_hear (self, "metrics.mine", s_body ("auth", "00000001", "x", "X", 1), 0);         //  Another one's name in it
    s_hear (self, "metrics.a\"} 1", s_body ("a\"} 1", "00000001", "x", "X", 1), 0);     //  Would end the label
    s_hear (self, "metrics", s_body ("a", "00000001", "x", "X", 1), 0);
    char *text = s_text (self, 10);
    cr_expect_null (strstr (text, "service="), "%s", text);
    free (text);

    s_hear (self, "metrics.node", s_body ("node", "00000001", "alive", "Ours already", 1), 0);
    s_hear (self, "metrics.b", s_body ("b", "00000001", "bad name{", "X", 1), 0);
    s_hear (self, "metrics.c", s_body ("c", "00000001", "x", "line\n# TYPE filestore_evil counter\\", 1), 0);
    text = s_text (self, 10);
    cr_expect_null (strstr (text, "filestore_node_alive"), "%s", text);
    cr_expect_null (strstr (text, "bad name"), "%s", text);
    cr_expect_null (strstr (text, "\n# TYPE filestore_evil"), "%s", text);
    cr_expect (strstr (text, "\nfilestore_c_x{"), "%s", text);
    free (text);
    fst_gathered_destroy (&self);
}

Test (gathered, processes_are_bounded)
{
    fst_gathered_t *self = fst_gathered_new ();
    for (int number = 0; number < 2000; number++) {
        char process [9];
        snprintf (process, sizeof (process), "%08x", (unsigned) number);
        s_hear (self, "metrics.a", s_body ("a", process, "x", "X", 1), 0);
    }
    char *text = s_text (self, 10);
    cr_expect_eq (s_count (text, "\nfilestore_a_x{"), 512);
    free (text);
    fst_gathered_destroy (&self);
}

Test (counted, whatever_a_service_calls_itself_its_series_are_well_formed)
{
    json_t *services = json_pack ("[{s:s, s:i, s:i, s:{s:i, s:i}, s:[i,i,i,i,i,i,i,i,i,i,i,i,i,i,i], s:i, s:i}]",
        "name", "a\"\\{} 1", "workers", 2, "waiting", 3, "results", "replied", 4, "lost", 1,
        "buckets", 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, "worked_us", 12000000, "waited_us", 2500);
    cr_assert_not_null (services);
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream (&text, &bytes);
    fst_counted_write (services, out);
    fclose (out);
#define NAME "service=\"a\\\"\\\\{} 1\""
    static const char *const wanted [] = {
        "\nfilestore_service_requests_total{" NAME ",result=\"replied\"} 4\n",
        "\nfilestore_service_requests_total{" NAME ",result=\"lost\"} 1\n",
        "\nfilestore_service_seconds_bucket{" NAME ",le=\"0.001\"} 3\n",
        "\nfilestore_service_seconds_bucket{" NAME ",le=\"10\"} 3\n",
        "\nfilestore_service_seconds_bucket{" NAME ",le=\"+Inf\"} 4\n",
        "\nfilestore_service_seconds_sum{" NAME "} 12.000000\nfilestore_service_seconds_count{" NAME "} 4\n",
        "\nfilestore_service_waited_seconds_total{" NAME "} 0.002500\n",
        "\nfilestore_service_workers{" NAME "} 2\n",
        "\nfilestore_service_waiting{" NAME "} 3\n",
    };
    for (size_t at = 0; at < sizeof (wanted) / sizeof (wanted [0]); at++)
        cr_expect (strstr (text, wanted [at]), "no %s in\n%s", wanted [at], text);
    free (text);
    json_decref (services);
}
