//  The broker's own service, `broker`: an actor that looks at the router.

#ifndef FST_BROKER_SERVICE_H_INCLUDED
#define FST_BROKER_SERVICE_H_INCLUDED

#include <pthread.h>
#include "fst_actor.h"
#include "fst_router.h"

typedef struct fst_broker_service fst_broker_service_t;

//  router may only be looked at with lock held, and so may tap. bus says how to reach the broker from within its process. All are
//  borrowed.
fst_rc_t FST_CHECKED
fst_broker_service_new (fst_router_t *router, fst_tap_t *tap, pthread_mutex_t *lock, const fst_actor_options_t *bus,
                        fst_broker_service_t **self_p, char **problem_p);

//  While the broker still runs.
void
fst_broker_service_destroy (fst_broker_service_t **self_p);

#endif
