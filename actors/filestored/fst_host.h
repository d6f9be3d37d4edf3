//  The host: runs any set of parts (broker, auth, metadata, storage nodes, bridge) in one process.
//
//  Parts know each other by their settings only, so an embedded cluster and one of many processes are the
//  same code with other files. Before a part touches its data it takes a lock on it (X.lock beside X), so
//  that a second process on the same data refuses to start.

#ifndef FST_HOST_H_INCLUDED
#define FST_HOST_H_INCLUDED

#include "fst_config.h"
#include "fst_error.h"
#include "fst_layout.h"

typedef struct fst_host fst_host_t;

//  Starts the gate, so there is one of these in a process.
fst_host_t *
fst_host_new (void);

//  Stops the parts, the last one started first.
void
fst_host_destroy (fst_host_t **self_p);

//  Start a part and wait until it serves. config is copied. *problem_p: caller frees.
//      FST_MALFORMED   a setting that it needs is missing       FST_EXISTS   another process has its data
fst_rc_t FST_CHECKED
fst_host_start (fst_host_t *self, fst_part_t part, const fst_config_t *config, char **problem_p);

//  Settings that this part cannot be without, ended by NULL. Static.
const char *const *
fst_host_needs (fst_part_t part);

//  New settings for part number at, in the order of starting: what can be used while it runs is used, and the log says what
//  needs a restart. What a file says that these name (enrolled actors, the certificate) is read again.
void
fst_host_reload (fst_host_t *self, size_t at, const fst_config_t *config);

//  All parts were told. Says so if nothing was changed; refused: some settings were not good.
void
fst_host_reload_end (fst_host_t *self, bool refused);

//  Where the web page is; NULL if no bridge runs here. Borrowed.
const char *
fst_host_url (const fst_host_t *self);

//  "broker at ipc:///..., node-1 at tcp://...": what runs, for the ready line. Caller frees.
char *
fst_host_text (const fst_host_t *self);

#endif
