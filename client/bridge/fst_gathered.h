//  What the actors of the bus published of themselves (events metrics.SERVICE), kept while it is fresh, and written in
//  the text form of Prometheus.

#ifndef FST_GATHERED_H_INCLUDED
#define FST_GATHERED_H_INCLUDED

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct fst_gathered fst_gathered_t;

fst_gathered_t *
fst_gathered_new (void);

void
fst_gathered_destroy (fst_gathered_t **self_p);

//  The body was checked against its schema; whether it is about the service that the topic names is checked here.
void
fst_gathered_event (fst_gathered_t *self, const char *topic, json_t *body, int64_t now_ms);

//  What is there of all processes that were heard within three of their intervals. taken says whether a name has been
//  written already, by somebody else: then what an actor calls so is left out.
void
fst_gathered_write (fst_gathered_t *self, FILE *out, bool (*taken) (void *arg, const char *name), void *arg,
                    int64_t now_ms);

#endif
