//  The metadata actor's inside: what its files share. Not for others.

#ifndef FST_METADATA_SELF_H_INCLUDED
#define FST_METADATA_SELF_H_INCLUDED

#include "fst_metadata.h"
#include "fst_age.h"
#include "fst_backup.h"
#include "fst_catalog.h"
#include "fst_compare.h"
#include "fst_namespace.h"
#include "fst_nodes.h"
#include "fst_snapshots.h"

#define FST_BATCH_MAX 256           //  Requests in one transaction
#define FST_RUN_CHARS 16
#define FST_AGED      "aged"        //  Settings: the last mark of the age
#define FST_AGED_WALL "aged-wall"
#define FST_DAMAGED   "damaged"     //  Same: copies found bad

typedef struct fst_mover fst_mover_t;

//  A reply that waits for the commit. Exactly one of payload and a result that is not FST_OK.
typedef struct {
    fst_request_t *request;
    fst_rc_t rc;
    json_t *payload;
    char *problem;
} fst_held_t;

//  DELETE under way to a node.
typedef struct {
    fst_metadata_t *metadata;
    unsigned node;
    size_t count;
    fst_piece_t pieces [512];
} fst_sweep_t;

//  A node that is being compared with the books, and what was found on it that no file needs.
typedef struct fst_inventory fst_inventory_t;
typedef struct {
    unsigned node;
    fst_said_t said;
} fst_surplus_t;

struct fst_metadata {
    char *filename;
    char *backup_folder;
    const fst_keys_t *keys;
    fst_actor_t *loop;              //  Owned by the thread that made us
    fst_actor_t *actor;             //  Same, for the actor's own thread

    //  From the configuration
    uint8_t chunk_log2;
    uint32_t extent_chunks;
    unsigned replicas;
    int64_t versions, prune_ms, repair_delay_ms, reserve_percent, heartbeat_ms, lease_ms, capability_ms, trash_ms,
            version_ms, snapshot_ms, inventory_interval_ms;

    fst_catalog_t *catalog;
    fst_namespace_t *space;
    fst_nodes_t *nodes;
    fst_snapshots_t *snapshots;
    fst_backup_t *backup;
    struct fst_transfer *transfer;  //  Export and import; NULL: none since the start

    //  The batch: replies wait here until its commit
    bool open;
    fst_held_t held [FST_BATCH_MAX];
    size_t held_count;
    int64_t published;              //  Sequence up to which events went out
    char run [FST_RUN_CHARS + 1];   //  This start of ours

    //  Now
    char user [FST_USER_BYTES_MAX * 2 + 1];
    char scopes [FST_SCOPES_BYTES_MAX];
    fst_person_t person;            //  Whose name is user
    int64_t now_ms, wall_ms;
    int64_t aged_ms;                //  By which leases end, and trash and versions are dropped
    fst_age_t age;

    //  Housekeeping
    int64_t upkeep_ms;              //  When it is due
    int64_t mark_ms;                //  When the age is to be kept
    int64_t ask_ms, ask_wait_ms;    //  When nodes are asked to register next, and how long until the time after
    int64_t recovery_ms;            //  A node was told things by a newer database, and since when (wall); 0: no recovery
    int64_t seen_sequence;          //  Highest one that any node has seen
    fst_node_set_t heard;           //  Nodes that have said to this run what they were told
    fst_node_set_t compared;        //  Nodes whose inventory was compared with the books since they came
    int64_t told, tell_ms;          //  Sequence that was told by event, and when it may be again
    fst_sweep_t *sweeps [FST_NODES_MAX];
    int64_t sweep_again_ms [FST_NODES_MAX];
    fst_node_set_t sweep_denied;    //  Refused the last DELETE: a node does so when it has just started, until it registers

    bool swept;                     //  A node has confirmed what it deleted: tell it more
    int64_t damaged;                //  Copies found bad, ever
    fst_row_t bad_at;               //  Those noted as bad are looked at again from behind this one
    int64_t bad_ms;                 //  And when

    //  Comparing with what nodes hold
    fst_inventory_t *inventories [FST_NODES_MAX];
    int64_t inventory_ms [FST_NODES_MAX];   //  When it is due; INT64_MAX: not known yet
    fst_surplus_t *surplus;         //  In recovery, the first ones
    size_t surplus_count;
    int64_t surplus_total [FST_NODES_MAX];

    fst_mover_t *mover;             //  Copies, trims and moves extents

    //  STATUS, at most once a second
    fst_nodes_copies_t copies;
    int64_t copies_ms;              //  0 = never counted
};

//  A command: checked payload in, reply out. On failure the namespace's problem is the sentence, or "" for the
//  list's own text; what is in *reply_p is freed.
typedef fst_rc_t (fst_metadata_fn) (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload,
                                    json_t **reply_p);

fst_metadata_fn fst_metadata_stat, fst_metadata_list_files, fst_metadata_make_folder, fst_metadata_move,
                fst_metadata_delete_file, fst_metadata_get_file_info, fst_metadata_get_write_nodes,
                fst_metadata_put_file_info, fst_metadata_end_upload, fst_metadata_register, fst_metadata_list_nodes,
                fst_metadata_status, fst_metadata_health, fst_metadata_end_recovery, fst_metadata_report, fst_metadata_drain,
                fst_metadata_scrub, fst_metadata_list_recovery, fst_metadata_restore, fst_metadata_list_trash,
                fst_metadata_empty_trash, fst_metadata_list_events, fst_metadata_move_cursor, fst_metadata_find, fst_metadata_list_versions,
                fst_metadata_restore_version, fst_metadata_copy, fst_metadata_share, fst_metadata_unshare,
                fst_metadata_list_grants, fst_metadata_list_shared;

//  An event as it is published and listed.
json_t *
fst_metadata_event_json (const fst_journal_t *event);

//  Nodes whose copies are there as far as anyone can know: alive, and compared with the books since they came. Others may
//  be dead or empty, and then a damaged copy is the last one, and its good records count.
fst_node_set_t
fst_metadata_sure (const fst_metadata_t *self);

//  A node's copy of an extent is damaged or gone. If another node surely has a good one it goes off the books (so the
//  extent has a copy less, which repair sees), and *aside_p is true: the node may put it aside. Otherwise it stays
//  on the books, is noted as bad, and *aside_p is false: what is good of it may be all there is.
//  gone: nothing is left of it, so any other copy, in whatever state, is reason enough.
//  *aside_p is also true for what the books do not count, unless it is being copied there just now. A batch must be open.
fst_rc_t FST_CHECKED
fst_metadata_copy_lost (fst_metadata_t *self, unsigned node, const fst_blob_id_t *id, uint32_t n, bool gone,
                        bool *aside_p);

//  Say so in the journal, once for all copies that were found together; none are fine. how: "missing", "damaged".
fst_rc_t FST_CHECKED
fst_metadata_journal_damage (fst_metadata_t *self, unsigned node, size_t copies, const char *how);

//  Look again at some of those that were noted as bad: another live node may have a good one now.
void
fst_metadata_review_bad (fst_metadata_t *self);

//  In recovery: a node holds this and no file needs it. And: nothing is known of the node any more.
void
fst_metadata_surplus_add (fst_metadata_t *self, unsigned node, const fst_said_t *said);
void
fst_metadata_surplus_forget (fst_metadata_t *self, unsigned node);

//  Open the batch if it is not; a failure ends the process.
void
fst_metadata_open_batch (fst_metadata_t *self);

//  Commit the batch, answer, publish.
void
fst_metadata_flush (void *self);

//  A heartbeat came.
void
fst_metadata_heartbeat (void *self, const char *topic, json_t *body);

//  A node says what it was told last (run and sequence, in REGISTER or a heartbeat). If this database did not tell it,
//  recovery begins. Opens a batch if there is something to write. If it fails, the node must not be told anything.
fst_rc_t FST_CHECKED
fst_metadata_hear (fst_metadata_t *self, unsigned node, json_t *said);

//  True if an export was imported into this database and no recovery was ended since: the likely reason for one.
bool
fst_metadata_is_import (const fst_metadata_t *self);

//  True if nodes may be told to delete or to put aside: no recovery, and all that are alive were heard by this run.
bool
fst_metadata_may_delete (const fst_metadata_t *self);

//  The sequence that nodes may remember. 0 in recovery: if the newer database comes back, they are to know it.
int64_t
fst_metadata_told_sequence (const fst_metadata_t *self);

//  Say it by event if it has changed; at most once a second.
#define FST_TELL_MS 1000
void
fst_metadata_tell_sequence (fst_metadata_t *self);

//  Ask nodes to register, by event.
void
fst_metadata_ask_nodes (fst_metadata_t *self);

//  Read the clocks: what happens now happens at this time.
void
fst_metadata_set_time (fst_metadata_t *self);

//  What time brings: states of nodes, leases, trash, old versions. Gives the time to be called next.
int64_t
fst_metadata_upkeep (fst_metadata_t *self);

//  Tell nodes what to delete.
void
fst_metadata_sweep (fst_metadata_t *self);

//  ---- The mover

fst_rc_t FST_CHECKED
fst_metadata_repair_begin (fst_metadata_t *self);
void
fst_metadata_repair_end (fst_metadata_t *self);

//  Copy, trim and move what is to be; no batch is open. Gives the time to be called next.
int64_t
fst_metadata_repair (fst_metadata_t *self);

//  The same, if answers or commands have given it a reason.
void
fst_metadata_repair_soon (fst_metadata_t *self);

//  A PULL under way may have put this extent on this node. It counts when the answer comes: until then nobody else may
//  count it, as what counts may be deleted; nor have it put aside. Otherwise the answer would tell of what is gone.
bool
fst_metadata_repair_brings (const fst_metadata_t *self, unsigned node, const fst_blob_id_t *blob, uint32_t n);

//  For STATUS.
json_t *
fst_metadata_repair_status (fst_metadata_t *self);

#endif
