//  filestore doctor: what its files share. A check looks at one thing and adds findings; it knows nothing of the others.

#ifndef CLI_DOCTOR_H_INCLUDED
#define CLI_DOCTOR_H_INCLUDED

#include "cli.h"

typedef enum { CLI_PROBLEM, CLI_WARNING } cli_severity_t;

typedef struct {
    cli_t *cli;
    const fst_config_t *config;
    json_t *findings;           //  [{severity, check, subject, finding, action}]
    json_t *services;           //  Of LIST_SERVICES; NULL if the broker did not answer
    json_t *nodes;              //  Of LIST_NODES; NULL if metadata did not answer
    json_t *status, *health;    //  Of metadata; NULL likewise
    int64_t now_ms;
} cli_doctor_t;

//  check is the word by which scripts know it ("clock"), subject what it is about ("node-2"), action what to do.
void
cli_found (cli_doctor_t *self, cli_severity_t severity, const char *check, const char *subject, const char *action,
           const char *format, ...) __attribute__ ((format (printf, 6, 7)));

//  cli_doctor_local.c: what can be seen from this machine, with nobody's help.
void
cli_doctor_keys (cli_doctor_t *self);
void
cli_doctor_broker (cli_doctor_t *self, fst_rc_t rc, const char *problem);
void
cli_doctor_ports (cli_doctor_t *self);
void
cli_doctor_enrolled (cli_doctor_t *self);

//  cli_doctor_cluster.c: what the actors say.
void
cli_doctor_services (cli_doctor_t *self);
void
cli_doctor_nodes (cli_doctor_t *self);
void
cli_doctor_scrubs (cli_doctor_t *self);
void
cli_doctor_copies (cli_doctor_t *self);
void
cli_doctor_backups (cli_doctor_t *self);

#endif
