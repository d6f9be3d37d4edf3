//  filestore doctor: looks at everything that can be wrong, and says what to do about each thing it finds.

#include "cli_doctor.h"
#include <czmq.h>
#include "fst_clock.h"

void
cli_found (cli_doctor_t *self, cli_severity_t severity, const char *check, const char *subject, const char *action,
           const char *format, ...)
{
    va_list args;
    va_start (args, format);
    char *finding = zsys_vprintf (format, args);
    va_end (args);
    json_array_append_new (self->findings, json_pack ("{s:s, s:s, s:s, s:s, s:s}",
        "severity", severity == CLI_PROBLEM? "problem": "warning", "check", check, "subject", subject, "finding", finding,
        "action", action));
    free (finding);
}

bool
cli_doctor_silent (fst_rc_t rc)
{
    return rc == FST_TIMEOUT || rc == FST_UNAVAILABLE;
}

//  Whoever runs this waits for it: unless told otherwise, do not be as patient as a transfer.
static void
s_be_quick (cli_t *cli, const fst_config_t *config)
{
    static const char *const sets [] = { "reply-timeout=2 s", "connect-timeout=1500 ms" }, *const names [] = { "reply-timeout", "connect-timeout" };
    fst_config_t *standard = fst_config_new ();
    for (size_t at = 0; at < sizeof (sets) / sizeof (*sets); at++)
        if (fst_config_same (config, standard, names [at]) && cli->sets_count < CLI_SETS_MAX)
            cli->sets [cli->sets_count++] = sets [at];
    fst_config_destroy (&standard);
}

typedef enum { ASK_AUTH, ASK_BROKER, ASK_NODES, ASK_STATUS, ASK_HEALTH, ASK_COUNT } s_asked_t;

static void
s_hear_auth (cli_doctor_t *self, const filestore_question_t *auth)
{
    if (auth->rc == FST_OK)
        return;
    json_object_set_new (self->told, "auth", json_true ());
    cli_found (self, CLI_PROBLEM, "service", "auth", "start auth: filestored auth --config auth.zpl, and look at its log",
               "auth does not answer: nobody can log in (%s)", auth->problem);
}

//  Who refuses because auth is away is not to blame.
static void
s_hear_broker (cli_doctor_t *self, const filestore_question_t *broker)
{
    if (broker->rc == FST_OK)
        self->services = json_incref (broker->reply);
    else
    if (broker->rc == FST_UNAUTHENTICATED || broker->rc == FST_EXPIRED)
        cli_found (self, CLI_WARNING, "session", "you", "filestore login NAME, then run it again", "your session has ended");
    else
    if (!json_object_get (self->told, "auth"))
        cli_found (self, CLI_WARNING, "service", "broker", "bring the broker to this version",
                   "the broker does not say who is there (%s)", broker->problem);
}

static void
s_hear_metadata (cli_doctor_t *self, const filestore_question_t *asked)
{
    const filestore_question_t *bad = asked [ASK_NODES].rc? &asked [ASK_NODES]: asked [ASK_STATUS].rc? &asked [ASK_STATUS]: NULL;
    self->nodes = json_incref (json_object_get (asked [ASK_NODES].reply, "nodes"));
    self->status = json_incref (asked [ASK_STATUS].reply);
    self->health = json_incref (asked [ASK_HEALTH].reply);
    if (bad && cli_doctor_silent (bad->rc)) {
        json_object_set_new (self->told, "metadata", json_true ());
        cli_found (self, CLI_PROBLEM, "service", "metadata", "start metadata: filestored metadata --config metadata.zpl, and look at its log",
                   "metadata does not answer: no file can be found (%s)", bad->problem);
    }
    else
    if (bad && !json_object_get (self->told, "auth"))
        cli_found (self, CLI_PROBLEM, "service", "metadata", "look at its log", "metadata refuses to say how the cluster is (%s)", bad->problem);
    else
    if (!bad && asked [ASK_HEALTH].rc)
        cli_found (self, CLI_WARNING, "version", "metadata", "upgrade metadata", "it does not tell how old its backups are (%s)",
                   asked [ASK_HEALTH].problem);
}

//  The session, then the broker, auth and metadata: all of them at once.
static void
s_ask_all (cli_doctor_t *self)
{
    cli_t *cli = self->cli;
    fst_rc_t rc = cli_connect (cli, true);
    bool somebody = rc == FST_OK;
    if (rc == FST_UNAUTHENTICATED) {
        cli_found (self, CLI_WARNING, "session", "you", "filestore login NAME, then run it again",
                   "nobody is logged in, so actors do not answer questions about themselves");
        rc = cli_connect (cli, false);
    }
    if (rc != FST_OK) {
        cli_found (self, CLI_PROBLEM, "settings", "this client", "correct the settings, or name others with --config",
                   "%s", cli->problem? cli->problem: fst_error_text (rc));
        return;
    }
    filestore_question_t asked [ASK_COUNT] = {
        [ASK_AUTH]   = { .service = strdup ("auth"), .command = "FIRST" },              //  Anybody may ask that
        [ASK_BROKER] = { .service = strdup ("broker"), .command = "LIST_SERVICES" },
        [ASK_NODES]  = { .service = strdup ("metadata"), .command = "LIST_NODES" },
        [ASK_STATUS] = { .service = strdup ("metadata"), .command = "STATUS" },
        [ASK_HEALTH] = { .service = strdup ("metadata"), .command = "HEALTH" },
    };
    rc = filestore_call_many (cli->store, asked, somebody? ASK_COUNT: 1);
    if (rc == FST_OK && (asked [ASK_AUTH].rc == FST_UNREACHABLE
    ||  (asked [ASK_AUTH].rc == FST_TIMEOUT && asked [ASK_BROKER].rc == FST_TIMEOUT)))
        cli_doctor_broker (self, asked [ASK_AUTH].rc, asked [ASK_AUTH].problem);
    else
    if (rc == FST_OK) {
        s_hear_auth (self, &asked [ASK_AUTH]);
        if (somebody) {
            s_hear_broker (self, &asked [ASK_BROKER]);
            if (asked [ASK_BROKER].rc != FST_UNAUTHENTICATED && asked [ASK_BROKER].rc != FST_EXPIRED)
                s_hear_metadata (self, asked);
        }
    }
    filestore_questions_clear (asked, ASK_COUNT);
}

static void
s_print (const cli_doctor_t *self)
{
    size_t at, problems = 0;
    json_t *row;
    json_array_foreach (self->findings, at, row) {
        bool problem = strcmp (json_string_value (json_object_get (row, "severity")), "problem") == 0;
        problems += problem;
        printf ("%s  %s: %s\n         -> %s\n", problem? "PROBLEM": "warning", json_string_value (json_object_get (row, "subject")),
                json_string_value (json_object_get (row, "finding")), json_string_value (json_object_get (row, "action")));
    }
    size_t warnings = json_array_size (self->findings) - problems;
    if (at)
        printf ("%zu problem%s, %zu warning%s\n", problems, problems == 1? "": "s", warnings, warnings == 1? "": "s");
    else
        printf ("All is well: keys, clocks, ports, disks, versions, copies and backups.\n");
}

fst_rc_t
cli_doctor (cli_t *self, int count, char **operands)
{
    (void) count;
    (void) operands;
    fst_config_t *config = NULL;
    fst_rc_t rc = cli_settings (self, &config);
    if (rc != FST_OK)
        return rc;
    cli_doctor_t doctor = { .cli = self, .config = config, .findings = json_array (), .told = json_object (),
                             .now_ms = fst_clock_wall_ms () };
    cli_doctor_keys (&doctor);
    s_be_quick (self, config);
    s_ask_all (&doctor);
    cli_doctor_ask (&doctor);
    if (doctor.nodes)
        cli_doctor_ports (&doctor);
    if (doctor.services)
        cli_doctor_services (&doctor);
    if (doctor.nodes) {
        cli_doctor_nodes (&doctor);
        cli_doctor_enrolled (&doctor);
        cli_doctor_scrubs (&doctor);
    }
    if (doctor.status)
        cli_doctor_copies (&doctor);
    if (doctor.health)
        cli_doctor_backups (&doctor);
    self->exit = json_array_size (doctor.findings)? 1: 0;
    if (self->given [CLI_JSON])
        cli_print_json (json_pack ("{s:O}", "findings", doctor.findings));
    else
        s_print (&doctor);
    filestore_questions_clear (doctor.asked, doctor.asked_count);
    free (doctor.asked);
    json_decref (doctor.findings);
    json_decref (doctor.told);
    json_decref (doctor.services);
    json_decref (doctor.nodes);
    json_decref (doctor.status);
    json_decref (doctor.health);
    fst_config_destroy (&config);
    return FST_OK;
}
