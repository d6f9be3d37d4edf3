//  GET /metrics: figures of this bridge, of the cluster, of every service (fst_counted.h) and of every actor (fst_gathered.h),
//  in the text form of Prometheus. For who is signed in, for programs on this machine, and with the option web-metrics for
//  everyone.

#ifndef FST_METRICS_H_INCLUDED
#define FST_METRICS_H_INCLUDED

#include "fst_config.h"
#include "fst_http.h"
#include "fst_sse.h"

typedef struct fst_metrics fst_metrics_t;

fst_metrics_t *
fst_metrics_new (const fst_config_t *config, fst_actor_t *actor, fst_http_t *http, const fst_sse_t *sse);

void
fst_metrics_destroy (fst_metrics_t **self_p);

//  An event metrics.SERVICE.
void
fst_metrics_event (fst_metrics_t *self, const char *topic, json_t *body);

#endif
