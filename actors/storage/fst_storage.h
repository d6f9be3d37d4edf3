//  A storage actor: extents on one disk. Service "storage.<node>" for metadata's commands, and a data port of
//  its own for STORE, SEAL and RETRIEVE (schemas/storage/). State in one folder (docs/DISK.md).

#ifndef FST_STORAGE_H_INCLUDED
#define FST_STORAGE_H_INCLUDED

#include "fst_actor.h"

typedef struct fst_storage fst_storage_t;

//  bus gives broker, events and keys (node_key, sign_public, token).
//  Uses options: node, storage-folder, data-endpoint, data-advertise, zone, heartbeat-interval, window, reserve, ...
fst_rc_t FST_CHECKED
fst_storage_new (const fst_config_t *config, const fst_actor_options_t *bus, fst_storage_t **self_p, char **problem_p);

void
fst_storage_destroy (fst_storage_t **self_p);

#endif
