//  The bridge: the door from HTTP to the bus. An actor without data: it may run in several processes at once, each with
//  the role `bridge`, in front of one cluster.
//
//      fst_http        HTTP in the actor's loop        fst_session     who asks
//      fst_routes      commands at addresses           fst_assets      the page
//      fst_sse         events                          fst_metrics     figures
//      fst_content     files, uploads, zip

#ifndef FST_BRIDGE_H_INCLUDED
#define FST_BRIDGE_H_INCLUDED

#include "fst_actor.h"

typedef struct fst_bridge fst_bridge_t;

//  bus gives broker, events and keys; service and lanes are the actor's own. Uses the options web, web-* and session-time.
//      FST_MALFORMED   an option is bad        FST_EXISTS   the address is in use
fst_rc_t FST_CHECKED
fst_bridge_new (const fst_config_t *config, const fst_actor_options_t *bus, fst_bridge_t **self_p, char **problem_p);

void
fst_bridge_destroy (fst_bridge_t **self_p);

//  Read the files of web-certificate and web-key again; what they say is used for connections from now on. Any thread.
//      FST_MALFORMED, FST_IO   the ones before are used further
fst_rc_t FST_CHECKED
fst_bridge_reload (fst_bridge_t *self, const fst_config_t *config, char **problem_p);

//  "http://127.0.0.1:8501": where the page is.
const char *
fst_bridge_url (const fst_bridge_t *self);

#endif
