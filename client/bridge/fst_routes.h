//  Commands over HTTP: each schema with x-http has an address of its own, and POST /bus/SERVICE/COMMAND reaches any
//  command of any actor, ours or not.

#ifndef FST_ROUTES_H_INCLUDED
#define FST_ROUTES_H_INCLUDED

#include "fst_http.h"

typedef struct fst_routes fst_routes_t;

//  Its routes go to http.
fst_routes_t *
fst_routes_new (fst_actor_t *actor, fst_http_t *http);

void
fst_routes_destroy (fst_routes_t **self_p);

#endif
