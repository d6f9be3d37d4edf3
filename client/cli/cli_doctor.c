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

static fst_rc_t
s_ask (cli_doctor_t *self, const char *service, const char *command, json_t **reply_p)
{
    return filestore_call (self->cli->store, service, command, NULL, reply_p);
}

//  The session, the broker, auth and metadata, in this order: each needs those before.
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
    json_t *first = NULL;
    rc = s_ask (self, "auth", "FIRST", &first);         //  Anybody may ask that
    json_decref (first);
    if (rc == FST_UNREACHABLE || rc == FST_TIMEOUT)
        cli_doctor_broker (self, rc, filestore_problem (cli->store));
    else
    if (rc != FST_OK)
        cli_found (self, CLI_PROBLEM, "service", "auth", "start auth: filestored auth --config auth.zpl, and look at its log",
                   "auth does not answer: nobody can log in (%s)", filestore_problem (cli->store));
    if (!somebody || rc == FST_UNREACHABLE || rc == FST_TIMEOUT)
        return;
    rc = s_ask (self, "broker", "LIST_SERVICES", &self->services);
    if (rc == FST_UNAUTHENTICATED || rc == FST_EXPIRED)
        cli_found (self, CLI_WARNING, "session", "you", "filestore login NAME, then run it again", "your session has ended");
    else
    if (rc != FST_OK)
        cli_found (self, CLI_WARNING, "service", "broker", "bring the broker to this version",
                   "the broker does not say who is there (%s)", filestore_problem (cli->store));
    if (rc != FST_OK)
        return;
    json_t *reply = NULL;
    rc = filestore_nodes (cli->store, &reply);
    if (rc == FST_OK) {
        self->nodes = json_incref (json_object_get (reply, "nodes"));
        json_decref (reply);
    }
    if (rc == FST_OK)
        rc = filestore_status (cli->store, &self->status);
    if (rc != FST_OK)
        cli_found (self, CLI_PROBLEM, "service", "metadata", "start metadata: filestored metadata --config metadata.zpl, and look at its log",
                   "metadata does not answer: no file can be found (%s)", filestore_problem (cli->store));
    else
    if (s_ask (self, "metadata", "HEALTH", &self->health) != FST_OK)
        cli_found (self, CLI_WARNING, "version", "metadata", "upgrade metadata", "it does not tell how old its backups are (%s)",
                   filestore_problem (cli->store));
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
    cli_doctor_t doctor = { .cli = self, .config = config, .findings = json_array (), .now_ms = fst_clock_wall_ms () };
    cli_doctor_keys (&doctor);
    s_ask_all (&doctor);
    if (doctor.services)
        cli_doctor_services (&doctor);
    if (doctor.nodes) {
        cli_doctor_nodes (&doctor);
        cli_doctor_enrolled (&doctor);
        cli_doctor_ports (&doctor);
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
    json_decref (doctor.findings);
    json_decref (doctor.services);
    json_decref (doctor.nodes);
    json_decref (doctor.status);
    json_decref (doctor.health);
    fst_config_destroy (&config);
    return FST_OK;
}
