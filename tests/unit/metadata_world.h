//  A broker, the metadata actor and made-up storage nodes (world_node.h) in a private folder; and people who call them.
//  What goes wrong in it that no test expects aborts the program.

#ifndef METADATA_WORLD_H_INCLUDED
#define METADATA_WORLD_H_INCLUDED

#include "bus_fixture.h"
#include "fst_caller.h"
#include "fst_catalog.h"
#include "fst_config.h"
#include "fst_metadata.h"
#include "fst_record.h"
#include "fst_socket.h"
#include "world_node.h"

#define WORLD_WAIT_MS   60000       //  A condition that takes longer is a failure
#define WORLD_NODES     3

typedef struct {
    bus_t bus;
    fst_keys_t *auth_keys, *metadata_keys;
    fst_config_t *config;
    fst_metadata_t *metadata;
    world_node_t nodes [WORLD_NODES + 1];       //  [1] is node-1
    fst_caller_t *alice, *bob, *root;
    char *alice_token;
    zsock_t *events;
} world_t;

//  Abort, and say why, unless rc is FST_OK.
void
world_check (fst_rc_t rc, const char *problem);

//  How an actor with these keys gets on the bus.
fst_actor_options_t
world_bus (world_t *self, const fst_keys_t *keys);

//  Set an option of metadata's, before it is started.
void
world_set (world_t *self, const char *name, const char *value);

//  Wait until condition holds; false if it never did.
#define WORLD_AWAIT(condition) ({ \
    int64_t until_ms_ = fst_clock_mono_ms () + WORLD_WAIT_MS; \
    bool holds_; \
    while (!(holds_ = (condition)) && fst_clock_mono_ms () < until_ms_) \
        zclock_sleep (5); \
    holds_; })

//  Call metadata; *reply_p may be NULL. payload is taken.
fst_rc_t
world_call (fst_caller_t *who, const char *command, json_t *payload, json_t **reply_p);

//  Start metadata and wait until the broker knows.
void
world_start (world_t *self);

//  Stop it and start it again, on the same database.
void
world_restart (world_t *self);

//  ---- People

//  A session token as auth would make it; caller frees.
char *
world_token (world_t *self, const char *name, fst_role_t role);

//  One request with an id of the caller's choice: the result, and the reply's payload in *reply_p.
fst_rc_t
world_call_as (world_t *self, const char *id, const char *token, const char *command, json_t *payload, json_t **reply_p);

//  ---- Nodes, and what metadata says of them in STATUS

void
world_start_node (world_t *self, int number);

//  Nodes in this state, as metadata sees it.
int
world_count (world_t *self, const char *state);

//  A number of STATUS.
int64_t
world_status (world_t *self, const char *name);

//  ---- The whole

//  Everything but metadata and nodes; change config before world_start.
void
world_new (world_t *self);

//  Start metadata and all nodes, and wait until they are alive.
void
world_run (world_t *self);

//  Both.
void
world_new_running (world_t *self);

//  Also checks that the catalog's books are right, whatever a test did.
void
world_destroy (world_t *self);

//  ---- Uploads

//  Open an upload and give its id; caller frees. The key of it goes to key.
char *
world_open (fst_caller_t *who, const char *path, int replicas, uint8_t key [FST_KEY_BYTES]);

//  An extent with genuine receipts of nodes 1 to copies, which hold it from now on.
json_t *
world_extent (world_t *self, const char *upload, uint32_t index, uint32_t n, uint32_t chunks, int64_t bytes, int copies);

//  One small file for PUT_FILE_INFO.
json_t *
world_file (world_t *self, const char *upload, uint32_t index, const char *path, int64_t size, int copies);

//  Put files and give the code of the only one; files is taken.
const char *
world_put_file (fst_caller_t *who, const char *upload, json_t *file);

//  Store a small file with two copies.
void
world_put (world_t *self, fst_caller_t *who, const char *path, int64_t size);

#endif
