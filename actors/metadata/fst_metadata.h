//  The metadata actor: namespace, placement, liveness, garbage. Service "metadata" (schemas/metadata/), state in
//  metadata.db (docs/DISK.md). Replies are sent after their transaction is on stable storage.

#ifndef FST_METADATA_H_INCLUDED
#define FST_METADATA_H_INCLUDED

#include "fst_actor.h"

typedef struct fst_metadata fst_metadata_t;

//  bus gives broker, events and keys (cluster_key, data_key, sign_public).
//  Uses options: metadata-database, replicas, chunk-size, extent-chunks, prune-after, lease, trash-time, versions, ...
fst_rc_t FST_CHECKED
fst_metadata_new (const fst_config_t *config, const fst_actor_options_t *bus, fst_metadata_t **self_p, char **problem_p);

void
fst_metadata_destroy (fst_metadata_t **self_p);

#endif
