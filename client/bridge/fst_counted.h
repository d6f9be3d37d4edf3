//  What the broker counted of each service (broker COUNTS), in the text form of Prometheus: so a service is in /metrics
//  whatever language it is written in.

#ifndef FST_COUNTED_H_INCLUDED
#define FST_COUNTED_H_INCLUDED

#include <jansson.h>
#include <stdio.h>

//  The rows of the reply.
void
fst_counted_write (const json_t *services, FILE *out);

#endif
