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
    json_t *told;               //  {service: true} of which was said already that they do not answer
    filestore_question_t *asked;        //  DESCRIBE of each service, STATUS of each node that should be there
    size_t asked_count;
    int64_t now_ms;
} cli_doctor_t;

//  check is the word by which scripts know it ("clock"), subject what it is about ("node-2"), action what to do.
void
cli_found (cli_doctor_t *self, cli_severity_t severity, const char *check, const char *subject, const char *action,
           const char *format, ...) __attribute__ ((format (printf, 6, 7)));

//  Whether nobody answered, as opposed to: somebody refused.
bool
cli_doctor_silent (fst_rc_t rc);

//  cli_doctor_local.c: what can be seen from this machine, with nobody's help.
void
cli_doctor_keys (cli_doctor_t *self);
void
cli_doctor_broker (cli_doctor_t *self, fst_rc_t rc, const char *problem);
void
cli_doctor_ports (cli_doctor_t *self);
void
cli_doctor_enrolled (cli_doctor_t *self);

//  cli_doctor_cluster.c: what the actors say. Ask first: all at once, for who waits here waits for a person.
void
cli_doctor_ask (cli_doctor_t *self);
//  NULL: not asked.
const filestore_question_t *
cli_doctor_answer (const cli_doctor_t *self, const char *service, const char *command);
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
