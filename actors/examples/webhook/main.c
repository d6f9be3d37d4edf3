//  The webhook actor: tells events to an address outside (docs/ACTORS.md, README.md beside this file).

#include <curl/curl.h>
#include <sodium.h>
#include <string.h>
#include "fst_deliver.h"
#include "fst_main.h"

#define SECRET_FILE_BYTES_MAX 256

typedef struct {
    fst_actor_t *actor;
    fst_deliver_t *deliver;
} s_webhook_t;

static void
s_status (void *arg, fst_request_t **request_p)
{
    s_webhook_t *self = arg;
    const fst_deliver_state_t *state = fst_deliver_state (self->deliver);
    int64_t handled = fst_actor_handled (self->actor);
    json_t *reply = json_pack ("{s:I, s:I, s:I}", "sequence", (json_int_t) (handled < 0? 0: handled), "sent", (json_int_t) state->sent,
                               "failures", (json_int_t) state->failures);
    if (state->failures) {
        json_object_set_new (reply, "waiting", json_integer (state->waiting));
        json_object_set_new (reply, "problem", json_string (*state->problem? state->problem: "?"));
        json_object_set_new (reply, "next_ms", json_integer (state->next_ms));
    }
    fst_request_reply (request_p, reply);
}

static void
s_skip (void *arg, fst_request_t **request_p)
{
    s_webhook_t *self = arg;
    json_int_t sequence = json_integer_value (json_object_get (fst_request_payload (*request_p), "sequence"));
    if (fst_deliver_skip (self->deliver, sequence) == FST_OK)
        fst_request_reply (request_p, NULL);
    else
        fst_request_fail (request_p, FST_NOT_FOUND, "That event is not the one that waits; STATUS tells which was taken last.");
}

static void
s_metrics (void *arg, fst_figures_t *figures)
{
    const fst_deliver_state_t *state = fst_deliver_state (((s_webhook_t *) arg)->deliver);
    fst_actor_figure (figures, "sent_total", "Events that the other side took", state->sent);
    fst_actor_figure (figures, "failures", "Tries in a row that the event that waits failed", state->failures);
}

static void
s_event (void *arg, fst_event_t **event_p)
{
    fst_deliver_event (((s_webhook_t *) arg)->deliver, event_p);
}

static int64_t
s_tick (void *arg, int64_t now_ms)
{
    return fst_deliver_tick (((s_webhook_t *) arg)->deliver, now_ms);
}

//  The settings say what is told; whatever the actor was enrolled as, its cursor is "webhook".
static void
s_question (void *arg, json_t *question)
{
    const fst_config_t *config = fst_actor_config (((s_webhook_t *) arg)->actor);
    const char *path = fst_config_text (config, "webhook-path");
    char *list = strdup (fst_config_text (config, "webhook-types")), *rest = list, *type;
    assert (list);
    json_t *types = json_array ();
    while ((type = strsep (&rest, " ,")))
        if (*type)
            json_array_append_new (types, json_string (type));
    free (list);
    json_object_set_new (question, "cursor", json_string ("webhook"));
    if (json_array_size (types))
        json_object_set (question, "types", types);
    json_decref (types);
    if (*path)
        json_object_set_new (question, "path", json_string (path));
}

//  First line of the file; secrets do not belong on command lines.
static fst_rc_t
s_read_secret (const char *filename, char secret [SECRET_FILE_BYTES_MAX], char **problem_p)
{
    FILE *file = *filename? fopen (filename, "re"): NULL;
    bool good = file && fgets (secret, SECRET_FILE_BYTES_MAX, file);
    if (file)
        fclose (file);
    if (!good) {
        *problem_p = zsys_sprintf ("webhook-secret must name a file with the secret in it; \"%s\" cannot be read", filename);
        return FST_MALFORMED;
    }
    secret [strcspn (secret, "\r\n")] = 0;
    return FST_OK;
}

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    s_webhook_t *self = arg;
    const fst_config_t *config = fst_actor_config (actor);
    self->actor = actor;
    char secret [SECRET_FILE_BYTES_MAX];
    fst_rc_t rc = s_read_secret (fst_config_text (config, "webhook-secret"), secret, problem_p);
    if (rc != FST_OK)
        return rc;
    rc = fst_deliver_new (actor, fst_config_text (config, "webhook-url"), secret, fst_config_text (config, "webhook-ca"),
                          &self->deliver, problem_p);
    sodium_memzero (secret, sizeof (secret));
    return rc;
}

static void
s_stop (void *arg)
{
    s_webhook_t *self = arg;
    fst_deliver_destroy (&self->deliver);
}

static const fst_command_t s_commands [] = {
    //  name        needs               handler
    { "STATUS",     FST_NEED_ADMIN,     s_status },
    { "SKIP",       FST_NEED_ADMIN,     s_skip },
    { NULL }
};

static const fst_durable_t s_events [] = {
    { "file",       s_event },
    { "node",       s_event },
    { NULL }
};

static const fst_option_t s_settings [] = {
    { "webhook-url",    FST_OPTION_TEXT, "",     0, 0, "Where events are POSTed to; nothing else is ever asked" },
    { "webhook-secret", FST_OPTION_FILE, "",     0, 0, "File with whsec_ and the base64 of 24 to 64 octets, which sign them" },
    { "webhook-types",  FST_OPTION_TEXT, "file", 0, 0, "Topics that are told: \"file\", \"file.committed node\"" },
    { "webhook-path",   FST_OPTION_TEXT, "",     0, 0, "Only what is there or below" },
    { "webhook-ca",     FST_OPTION_FILE, "",     0, 0, "PEM file with the only authorities that are believed" },
    { NULL }
};

static const fst_actor_class_t s_class = {
    .title = "Tells events to an address outside.",
    .commands = s_commands,
    .events = s_events,
    .gap = s_event,
    .question = s_question,
    .settings = s_settings,
    .start = s_start,
    .tick = s_tick,
    .stop = s_stop,
    .metrics = s_metrics
};

int
main (int argc, char **argv)
{
    s_webhook_t self = { 0 };
    curl_global_init (CURL_GLOBAL_DEFAULT);
    return fst_actor_main (argc, argv, &s_class, &self);
}
