//  The storage nodes as the actor knows them: names, keys, endpoints, space, and which are alive. Kept in the
//  catalog, so that a new start knows them; heartbeats are kept in memory only.

#ifndef FST_NODES_H_INCLUDED
#define FST_NODES_H_INCLUDED

#include "fst_catalog.h"
#include "fst_liveness.h"
#include "fst_placement.h"

typedef struct fst_nodes fst_nodes_t;

typedef struct {
    const uint8_t *data_key;            //  Of the cluster
    int64_t heartbeat_ms, prune_ms;
    int64_t reserve_percent;            //  Of each disk, stays free
} fst_nodes_options_t;

//  catalog and data_key are borrowed.
fst_nodes_t *
fst_nodes_new (fst_catalog_t *catalog, const fst_nodes_options_t *options);

void
fst_nodes_destroy (fst_nodes_t **self_p);

//  Read the nodes from the catalog: at the start, and after a rollback.
fst_rc_t FST_CHECKED
fst_nodes_load (fst_nodes_t *self, int64_t now_ms);

//  Number of a node; -1 if it never registered.
int
fst_nodes_find (const fst_nodes_t *self, const char *name);

//  Borrowed; by a number that find gave or that the catalog holds. NULL if there is no such node.
const fst_node_t *
fst_nodes_get (const fst_nodes_t *self, unsigned number);
const uint8_t *
fst_nodes_key (const fst_nodes_t *self, unsigned number);
fst_node_state_t
fst_nodes_state (const fst_nodes_t *self, unsigned number);
int64_t
fst_nodes_silence_ms (const fst_nodes_t *self, unsigned number, int64_t now_ms);

//  All that are in one state.
fst_node_set_t
fst_nodes_set (const fst_nodes_t *self, fst_node_state_t state);

//  Alive or silent: may be read from. Sound: live, not draining, not failing: its copies count as wanted ones.
fst_node_set_t
fst_nodes_live (const fst_nodes_t *self);
fst_node_set_t
fst_nodes_sound (const fst_nodes_t *self);

//  Empty a node, or not. A batch must be open; journaled.
fst_rc_t FST_CHECKED
fst_nodes_drain (fst_nodes_t *self, unsigned number, bool drain, int64_t wall_ms);

//  Write an event about a node into the journal. detail may be NULL.
fst_rc_t FST_CHECKED
fst_nodes_journal (fst_nodes_t *self, unsigned number, const char *type, const char *detail, int64_t wall_ms);

//  A node registers (all of *said but its number counts), or beats its heart. Changes of state are journaled, so
//  a batch must be open. wall_ms is the time of the event.
//      FST_TOO_MANY    register: there are 64 others
//      FST_NOT_FOUND   heartbeat: it has to register first
fst_rc_t FST_CHECKED
fst_nodes_register (fst_nodes_t *self, const fst_node_t *said, int64_t now_ms, int64_t wall_ms);
fst_rc_t FST_CHECKED
fst_nodes_heartbeat (fst_nodes_t *self, const fst_node_t *said, int64_t now_ms, int64_t wall_ms);

//  Nobody was heard for long, so a heartbeat now says that we were deaf: the others should be asked.
bool
fst_nodes_are_unheard (const fst_nodes_t *self, int64_t now_ms);

//  A heartbeat, or the time now_ms, would be a change of state: then a batch must be opened first.
bool
fst_nodes_heartbeat_changes (const fst_nodes_t *self, const char *name);
int64_t
fst_nodes_wake_ms (const fst_nodes_t *self);

//  Time has passed.
fst_rc_t FST_CHECKED
fst_nodes_elapse (fst_nodes_t *self, int64_t now_ms, int64_t wall_ms);

//  Choose nodes for count extents in a row, each as wish says (copies, bytes, avoid; keep for the first one).
//  chosen takes count * copies numbers. The result is the least number of nodes that any extent got: less
//  than wish->copies means that this cannot be done.
size_t
fst_nodes_choose (const fst_nodes_t *self, const fst_placement_wish_t *wish, size_t count, uint64_t random,
                  unsigned *chosen);

//  A node for one more copy of what lies on holders; -1 if there is none. Those to avoid are never chosen.
int
fst_nodes_choose_one (const fst_nodes_t *self, fst_node_set_t holders, fst_node_set_t avoid, int64_t bytes,
                      uint64_t random);

//  Nodes of the same named zone, itself included; only itself if it has no name.
fst_node_set_t
fst_nodes_zone (const fst_nodes_t *self, unsigned number);

//  Octets free above the reserve; may be negative.
int64_t
fst_nodes_spare (const fst_nodes_t *self, unsigned number);

//  Cluster-wide figures by live copies; cheap (one row for each set of nodes in use).
typedef struct {
    int64_t extents, bytes;
    int64_t by_live_copies [8];         //  0 to 7; more count as 7
    int64_t bytes_at_one_copy;          //  Of extents that should have more
    int64_t holds [FST_NODES_MAX];      //  Extents on each node, whatever its state
    int64_t holds_bytes [FST_NODES_MAX];
} fst_nodes_copies_t;

//  "ok", "full", "read-only", "failing"; and back (OK for anything else).
const char *
fst_health_text (fst_health_t health);
fst_health_t
fst_health_parse (const char *text);
fst_rc_t FST_CHECKED
fst_nodes_copies (const fst_nodes_t *self, fst_nodes_copies_t *copies);

#endif
