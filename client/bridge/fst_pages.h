//  The service `content`: plain content of files on the bus, a page at a time (schemas/content), for actors and scripts
//  that speak ZeroMQ and JSON only. The caller's token decides what they may read and write.
//
//  An actor of its own in the bridge's process. Each request is a flow (fst_flow.h): a page down is a get of that range; a
//  file in one piece is a put from memory; one in several pieces is a put that waits at a pipe for them, and
//  ends if nothing comes for upload-idle, or sooner if its place is needed.

#ifndef FST_PAGES_H_INCLUDED
#define FST_PAGES_H_INCLUDED

#include "fst_actor.h"

typedef struct fst_pages fst_pages_t;

//  bus gives broker, events and keys; service and lanes are its own. Uses the same options as fst_content.h.
fst_rc_t FST_CHECKED
fst_pages_new (const fst_config_t *config, const fst_actor_options_t *bus, fst_pages_t **self_p, char **problem_p);

void
fst_pages_destroy (fst_pages_t **self_p);

#endif
