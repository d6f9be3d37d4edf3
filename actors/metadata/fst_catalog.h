//  The catalog: everything that metadata must not forget, behind one interface, so that another engine
//  could take SQLite's place. It keeps its own sums and references right and knows nothing of rights,
//  paths or nodes that are alive: those rules are fst_namespace, fst_access and fst_nodes.
//
//  All changes happen between begin and commit, each request inside save and release. What has failed in
//  between is taken back with undo (the request) or rollback (the batch). Reading sees what was changed
//  before in the same batch.
//
//  Every function can give FST_IO, FST_CORRUPT or FST_NO_SPACE from the disk, beside what is named with it.
//  Belongs to one thread. Structs that functions fill are the caller's, and hold no pointers.
//
//  Sets of nodes are bit masks: a node has a number from 0 to 63 for ever. So an extent is one row,
//  whatever its number of copies, and all extents on the same set of nodes are counted in one place
//  ("spread"): what STATUS says about copies costs nothing that grows with the number of files.

#ifndef FST_CATALOG_H_INCLUDED
#define FST_CATALOG_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_error.h"
#include "fst_proof.h"
#include "fst_record.h"
#include "fst_text.h"

#define FST_NODES_MAX         64        //  In a cluster: bits in fst_node_set_t
#define FST_ENDPOINT_BYTES_MAX 255
#define FST_ZONE_BYTES_MAX    64
#define FST_VERSION_BYTES_MAX 32
#define FST_FILE_DIGEST_BYTES 16
#define FST_ENTRY_ROOT        1         //  Ids of what is always there
#define FST_ENTRY_TRASH       2         //  Holds what was deleted; no path leads to it
#define FST_ENTRY_USERS       3

typedef struct fst_catalog fst_catalog_t;
typedef uint64_t fst_node_set_t;

static inline fst_node_set_t
fst_node_bit (unsigned node)
{
    return (fst_node_set_t) 1 << node;
}

//  ---- The whole

//  Open or create the file. *problem_p is a sentence; caller frees.
fst_rc_t FST_CHECKED
fst_catalog_open (const char *filename, fst_catalog_t **self_p, char **problem_p);

void
fst_catalog_destroy (fst_catalog_t **self_p);

fst_rc_t FST_CHECKED
fst_catalog_begin (fst_catalog_t *self);
//  On stable storage when it returns FST_OK; rolled back otherwise.
fst_rc_t FST_CHECKED
fst_catalog_commit (fst_catalog_t *self);
void
fst_catalog_rollback (fst_catalog_t *self);
fst_rc_t FST_CHECKED
fst_catalog_save (fst_catalog_t *self);
fst_rc_t FST_CHECKED
fst_catalog_release (fst_catalog_t *self);
void
fst_catalog_undo (fst_catalog_t *self);

//  Sums that are kept, not counted.
typedef struct {
    int64_t files, folders;             //  That paths lead to; without "/"
    int64_t uploads;                    //  Open ones
    int64_t garbage;                    //  Pieces that nodes still have to delete
    int64_t sequence;                   //  Of the last event, or change of where extents lie; only grows
    int64_t last_id;                    //  Of the last entry; only grows, so an id is never used twice
    int64_t bad;                        //  Copies that are damaged or gone, and there is no better one
} fst_counters_t;

const fst_counters_t *
fst_catalog_counters (const fst_catalog_t *self);

//  A number kept by name; FST_NOT_FOUND if it was never set.
fst_rc_t FST_CHECKED
fst_catalog_setting_get (fst_catalog_t *self, const char *name, int64_t *value_p);
fst_rc_t FST_CHECKED
fst_catalog_setting_put (fst_catalog_t *self, const char *name, int64_t value);

//  What becomes old from now on (in the trash, an older version) has this time: fst_age.h. 0 at first.
void
fst_catalog_set_age (fst_catalog_t *self, int64_t aged_ms);

//  Count everything anew and compare with what is kept. For tests, and for people in doubt; slow.
//      FST_CORRUPT  problem says where
fst_rc_t FST_CHECKED
fst_catalog_check (fst_catalog_t *self, char *problem, size_t size);

//  ---- Entries: one tree of files and folders

typedef enum { FST_ENTRY_FILE = 1, FST_ENTRY_FOLDER = 2 } fst_entry_kind_t;

//  What a file has in one version.
typedef struct {
    int64_t version;                    //  1, 2, ...; 0 for a folder
    int64_t size;                       //  Octets; of a folder the number of entries in it
    int64_t modified_ms;                //  The file's own time, or when the folder changed
    int64_t stored_ms;                  //  When this version came into being
    bool has_blob, has_digest;          //  An empty file has no blob
    fst_blob_id_t blob;
    uint8_t digest [FST_FILE_DIGEST_BYTES];
} fst_content_t;

typedef struct {
    int64_t id, parent;
    fst_entry_kind_t kind;
    int64_t created_ms;
    fst_content_t content;
    char name [FST_NAME_BYTES_MAX + 1];
    char owner [FST_USER_BYTES_MAX + 1];
} fst_entry_t;

//  FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_catalog_entry_find (fst_catalog_t *self, int64_t parent, const char *name, fst_entry_t *entry);
fst_rc_t FST_CHECKED
fst_catalog_entry_get (fst_catalog_t *self, int64_t id, fst_entry_t *entry);

//  Add an entry; sets its id. Its parent counts it and takes stored_ms as its time. The blob, if any, must
//  have been added before and is referred to from now on.
//      FST_EXISTS
fst_rc_t FST_CHECKED
fst_catalog_entry_add (fst_catalog_t *self, fst_entry_t *entry);

//  Give a file a new version; the one it has becomes an older one. Sets content->version, and *entry.
fst_rc_t FST_CHECKED
fst_catalog_entry_replace (fst_catalog_t *self, fst_entry_t *entry, fst_content_t *content);

//  Give an entry another place. FST_EXISTS
fst_rc_t FST_CHECKED
fst_catalog_entry_move (fst_catalog_t *self, const fst_entry_t *entry, int64_t parent, const char *name,
                        int64_t now_ms);

//  All below a folder, and itself.
typedef struct {
    int64_t files, folders;             //  A folder counts itself
    int64_t levels;                     //  Of folders below it
    int64_t bytes;                      //  Longest path from it down to a folder, in octets, with its slashes
    bool deepest_holds;                 //  Some folder holds an entry: paths may be one name longer
} fst_subtree_t;

fst_rc_t FST_CHECKED
fst_catalog_subtree (fst_catalog_t *self, const fst_entry_t *entry, fst_subtree_t *subtree);

//  Put an entry, with all below it, into the trash; subtree as above. path and user are remembered with it.
//  trashed_ms 0 means that it is not wanted back: it is purged next.
fst_rc_t FST_CHECKED
fst_catalog_entry_trash (fst_catalog_t *self, const fst_entry_t *entry, const fst_subtree_t *subtree,
                         const char *path, const char *user, int64_t trashed_ms);

//  Call each for entries of a folder by name in octet order, from the first after "after" on, until it
//  returns false. Only those that visible_to owns or has a grant for, and /users, if that is not NULL.
typedef bool (fst_entry_fn) (void *arg, const fst_entry_t *entry);
fst_rc_t FST_CHECKED
fst_catalog_entries (fst_catalog_t *self, int64_t parent, const char *after, const char *visible_to,
                     fst_entry_fn *each, void *arg);

//  Version number version of a file; FST_NOT_FOUND.
fst_rc_t FST_CHECKED
fst_catalog_version_get (fst_catalog_t *self, const fst_entry_t *entry, int64_t version, fst_content_t *content);

//  Drop the older versions of a file up to this number; their blobs go to the garbage.
fst_rc_t FST_CHECKED
fst_catalog_versions_drop (fst_catalog_t *self, int64_t entry, int64_t version);

//  Call each for the versions of a file before number before, the newest first, until it returns false.
typedef bool (fst_version_fn) (void *arg, const fst_content_t *content);
fst_rc_t FST_CHECKED
fst_catalog_versions (fst_catalog_t *self, const fst_entry_t *entry, int64_t before, fst_version_fn *each, void *arg);

//  Rights given to a person on an entry and all below it (fst_access bits); 0 takes them away.
fst_rc_t FST_CHECKED
fst_catalog_grant_get (fst_catalog_t *self, int64_t entry, const char *user, unsigned *rights_p);
fst_rc_t FST_CHECKED
fst_catalog_grant_put (fst_catalog_t *self, int64_t entry, const char *user, unsigned rights);

//  Call each for those on an entry, by user, after a user ("": all); or for those given to a user, by entry, after an
//  entry; until it returns false. Also for what is in the trash.
typedef struct {
    int64_t entry;
    unsigned rights;
    char user [FST_USER_BYTES_MAX + 1];
} fst_grant_t;
typedef bool (fst_grant_fn) (void *arg, const fst_grant_t *grant);
fst_rc_t FST_CHECKED
fst_catalog_grants (fst_catalog_t *self, int64_t entry, const char *after, fst_grant_fn *each, void *arg);
fst_rc_t FST_CHECKED
fst_catalog_grants_to (fst_catalog_t *self, const char *user, int64_t after, fst_grant_fn *each, void *arg);

//  ---- Trash: entries that were deleted, each with all below it. An item has the id of its entry.

typedef struct {
    int64_t entry;
    int64_t parent;                     //  Where it was
    int64_t trashed_ms;
    int64_t size;
    fst_entry_kind_t kind;
    char name [FST_NAME_BYTES_MAX + 1];
    char path [FST_PATH_BYTES_MAX + 1]; //  When it was deleted
    char user [FST_USER_BYTES_MAX + 1]; //  Who did it
    char owner [FST_USER_BYTES_MAX + 1];
} fst_trash_t;

//  An item that may be taken back: by its id, or the newest from this path that the user deleted or owns. FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_catalog_trash_get (fst_catalog_t *self, int64_t entry, fst_trash_t *item);
fst_rc_t FST_CHECKED
fst_catalog_trash_find (fst_catalog_t *self, const char *path, const char *user, fst_trash_t *item);

//  Call each for those that a user deleted or owns, the newest first, from behind (before_ms, before) on, until it
//  returns false.
typedef bool (fst_trash_fn) (void *arg, const fst_trash_t *item);
fst_rc_t FST_CHECKED
fst_catalog_trash (fst_catalog_t *self, const char *user, int64_t before_ms, int64_t before, fst_trash_fn *each, void *arg);

//  Back into the tree; subtree is that of its entry. FST_EXISTS
fst_rc_t FST_CHECKED
fst_catalog_trash_restore (fst_catalog_t *self, const fst_trash_t *item, const fst_subtree_t *subtree, int64_t parent,
                           const char *name, int64_t now_ms);

//  It is not wanted back: it is purged next.
fst_rc_t FST_CHECKED
fst_catalog_trash_drop (fst_catalog_t *self, int64_t entry);

//  Only its owner has it in the trash from now on, not who deleted it.
fst_rc_t FST_CHECKED
fst_catalog_trash_leave (fst_catalog_t *self, int64_t entry);

//  Do up to limit steps of what time has brought: drop what is not wanted back or was trashed before an age, and versions
//  that became older ones before an age. *more_p: there is more to do.
fst_rc_t FST_CHECKED
fst_catalog_purge (fst_catalog_t *self, int64_t trash_aged_ms, int64_t version_aged_ms, size_t limit, int64_t now_ms,
                   bool *more_p);

//  ---- Blobs: immutable contents, as extents on nodes

typedef struct {
    fst_blob_id_t id;
    uint8_t key [FST_WRAPPED_BYTES];    //  Wrapped
    uint8_t chunk_log2;
    uint32_t extent_chunks;
    int64_t size;
    unsigned replicas;                  //  Copies wanted
    uint32_t extents;
} fst_blob_t;

typedef struct {
    uint32_t n;                         //  0, 1, ...
    uint32_t chunks;
    int64_t bytes;                      //  Plain octets
    uint64_t digest;
    fst_node_set_t nodes;               //  Holding it
} fst_extent_t;

//  Add a blob with all its extents; nobody refers to it yet. FST_EXISTS: also if it was there before, and its upload
//  is still open
fst_rc_t FST_CHECKED
fst_catalog_blob_add (fst_catalog_t *self, const fst_blob_t *blob, const fst_extent_t *extents);

fst_rc_t FST_CHECKED
fst_catalog_blob_get (fst_catalog_t *self, const fst_blob_id_t *id, fst_blob_t *blob);

//  Up to size extents from number from on; *count_p of them were there.
fst_rc_t FST_CHECKED
fst_catalog_extents (fst_catalog_t *self, const fst_blob_id_t *id, uint32_t from, fst_extent_t *extents, size_t size,
                     size_t *count_p);

//  One extent; FST_NOT_FOUND.
fst_rc_t FST_CHECKED
fst_catalog_extent_get (fst_catalog_t *self, const fst_blob_id_t *id, uint32_t n, fst_extent_t *extent);

//  Say that other nodes hold it now. The blob must be there. The sequence rises with the commit, as with an event.
fst_rc_t FST_CHECKED
fst_catalog_extent_put (fst_catalog_t *self, const fst_blob_t *blob, const fst_extent_t *extent,
                        fst_node_set_t nodes);

//  Rows of all blobs in the order of blob and number, from behind a place on (NULL: from the first): what a node
//  says it holds is compared with them.
typedef struct {
    fst_blob_id_t blob;
    fst_extent_t extent;
} fst_row_t;
fst_rc_t FST_CHECKED
fst_catalog_rows (fst_catalog_t *self, const fst_blob_id_t *blob, uint32_t n, fst_row_t *rows, size_t size,
                  size_t *count_p);

//  Copies that are damaged or gone, and stay on the books as there is no better one: the bit of the node must be
//  set, and when it goes, so does this. FST_EXISTS: it is said already.
fst_rc_t FST_CHECKED
fst_catalog_bad_add (fst_catalog_t *self, unsigned node, const fst_blob_id_t *id, uint32_t n);
fst_rc_t FST_CHECKED
fst_catalog_bad_done (fst_catalog_t *self, unsigned node, const fst_blob_id_t *id, uint32_t n);
//  Nodes whose copy of an extent is known to be bad.
fst_rc_t FST_CHECKED
fst_catalog_bad_nodes (fst_catalog_t *self, const fst_blob_id_t *id, uint32_t n, fst_node_set_t *nodes_p);
//  As rows, those with a bad copy; extent.nodes are the nodes with a bad one.
fst_rc_t FST_CHECKED
fst_catalog_bad_rows (fst_catalog_t *self, const fst_blob_id_t *blob, uint32_t n, fst_row_t *rows, size_t size,
                      size_t *count_p);

//  The path of an entry. FST_NOT_FOUND: it is in the trash, or not at all
fst_rc_t FST_CHECKED
fst_catalog_entry_path (fst_catalog_t *self, int64_t id, char path [FST_PATH_BYTES_MAX + 1]);

//  The path of one file that has this content, in its current or an older version; "" if that is in the trash.
//  FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_catalog_blob_path (fst_catalog_t *self, const fst_blob_id_t *id, char path [FST_PATH_BYTES_MAX + 1]);

//  How many extents, and octets, lie on exactly these nodes and want so many copies.
typedef struct {
    fst_node_set_t nodes;
    unsigned wanted;
    int64_t extents, bytes;
} fst_spread_t;
typedef void (fst_spread_fn) (void *arg, const fst_spread_t *spread);
fst_rc_t FST_CHECKED
fst_catalog_spreads (fst_catalog_t *self, fst_spread_fn *each, void *arg);

//  As rows, those of one spread (on exactly these nodes, and wanting so many copies). The index gives them.
fst_rc_t FST_CHECKED
fst_catalog_rows_on (fst_catalog_t *self, const fst_spread_t *spread, const fst_blob_id_t *blob, uint32_t n,
                     fst_row_t *rows, size_t size, size_t *count_p);

//  How often any spread changed since the catalog was opened.
uint64_t
fst_catalog_spread_changes (const fst_catalog_t *self);

//  What a node still has to delete, up to size pieces of it; and what it did delete. An extent on the list of a
//  node is never counted as held by it: take it off the books first.
typedef struct {
    fst_blob_id_t blob;
    int64_t n;                          //  Extent, or FST_ALL_EXTENTS
} fst_piece_t;
#define FST_ALL_EXTENTS (-1)
fst_rc_t FST_CHECKED
fst_catalog_garbage_get (fst_catalog_t *self, unsigned node, fst_piece_t *pieces, size_t size, size_t *count_p);
fst_rc_t FST_CHECKED
fst_catalog_garbage_add (fst_catalog_t *self, fst_node_set_t nodes, const fst_blob_id_t *id, int64_t n);
fst_rc_t FST_CHECKED
fst_catalog_garbage_done (fst_catalog_t *self, unsigned node, const fst_piece_t *pieces, size_t count);

//  Whether a node still has to delete this extent, by itself or with its blob: it must not be put there again.
fst_rc_t FST_CHECKED
fst_catalog_garbage_has (fst_catalog_t *self, unsigned node, const fst_blob_id_t *id, uint32_t n, bool *has_p);

//  ---- Uploads: leases under which blobs are stored that nobody sees yet

typedef struct {
    uint8_t id [FST_UPLOAD_BYTES];
    char user [FST_USER_BYTES_MAX + 1];
    uint8_t key [FST_WRAPPED_BYTES];    //  Wrapped as the key of blob number FST_UPLOAD_KEY_INDEX
    uint8_t chunk_log2;
    uint32_t extent_chunks;
    unsigned replicas;
    bool single;                        //  One file, so its commit ends the upload
    bool kept;                          //  Some extents came ahead of their commit
    uint32_t files;                     //  One more than the highest index that was heard of
    fst_node_set_t nodes;               //  That were ever given for it
    fst_node_set_t replaced;            //  Those of them that others stood in for
    bool doubted;                       //  An older database may have it: what it leaves is not deleted
    fst_node_set_t returned;            //  Nodes that started again since they were given: what they sealed may be gone
    int64_t expires_ms;                 //  Age
} fst_upload_t;

#define FST_UPLOAD_KEY_INDEX UINT32_MAX

fst_rc_t FST_CHECKED
fst_catalog_upload_add (fst_catalog_t *self, const fst_upload_t *upload);
//  FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_catalog_upload_get (fst_catalog_t *self, const uint8_t id [FST_UPLOAD_BYTES], fst_upload_t *upload);
//  Write what may change: kept, files, nodes, replaced, expires_ms.
fst_rc_t FST_CHECKED
fst_catalog_upload_put (fst_catalog_t *self, const fst_upload_t *upload);
//  Whether any that is open may have sealed something on this node.
fst_rc_t FST_CHECKED
fst_catalog_upload_on (fst_catalog_t *self, unsigned node, bool *any_p);
//  A node started: note it in the uploads that are open.
fst_rc_t FST_CHECKED
fst_catalog_upload_node_came (fst_catalog_t *self, unsigned node);
//  Forget it and its kept extents. Blobs below index files that were not committed become garbage; when
//  that is long, it is done in part, and an upload that expired stays expired.
fst_rc_t FST_CHECKED
fst_catalog_upload_drop (fst_catalog_t *self, fst_upload_t *upload);
//  An upload whose lease ended; FST_NOT_FOUND.
fst_rc_t FST_CHECKED
fst_catalog_upload_expired (fst_catalog_t *self, int64_t aged_ms, fst_upload_t *upload);

//  Extents of file number index that came ahead of its commit, and those kept so far, by number. One that
//  was kept before is replaced.
fst_rc_t FST_CHECKED
fst_catalog_upload_keep (fst_catalog_t *self, const fst_upload_t *upload, uint32_t index, const fst_extent_t *extent);
fst_rc_t FST_CHECKED
fst_catalog_upload_kept (fst_catalog_t *self, const fst_upload_t *upload, uint32_t index, fst_extent_t *extents,
                         size_t size, size_t *count_p);
fst_rc_t FST_CHECKED
fst_catalog_upload_unkeep (fst_catalog_t *self, const fst_upload_t *upload, uint32_t index);

//  ---- Runs: starts of metadata. What a node was told is a pair of run and sequence, so an older copy of the
//  database is known by what it has not heard of.

//  A new run begins, at the sequence that is now.
fst_rc_t FST_CHECKED
fst_catalog_run_add (fst_catalog_t *self, const char *id);

//  The last sequence that a run can have told anyone: where the next one began, or now. FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_catalog_run_end (fst_catalog_t *self, const char *id, int64_t *sequence_p);

//  What nodes were told that this database did not tell: a run and the highest sequence of it. Nobody has accepted it
//  until an admin ends the recovery; then all is accepted, and *seen_p is the highest sequence of any. At most some
//  thousand runs are remembered. FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_catalog_foreign_get (fst_catalog_t *self, const char *run, int64_t *sequence_p, bool *accepted_p);
fst_rc_t FST_CHECKED
fst_catalog_foreign_put (fst_catalog_t *self, const char *run, int64_t sequence);
fst_rc_t FST_CHECKED
fst_catalog_foreign_accept (fst_catalog_t *self, int64_t *seen_p);

//  Nothing that was to be deleted on nodes is deleted any more: the garbage is forgotten, and uploads that are open now
//  will leave none.
fst_rc_t FST_CHECKED
fst_catalog_doubt (fst_catalog_t *self);

//  ---- Nodes: those that ever registered

typedef enum { FST_HEALTH_OK, FST_HEALTH_FULL, FST_HEALTH_READ_ONLY, FST_HEALTH_FAILING } fst_health_t;

typedef struct {
    unsigned number;                    //  0 to 63
    char name [FST_NODE_BYTES_MAX + 1];
    char endpoint [FST_ENDPOINT_BYTES_MAX + 1];
    char zone [FST_ZONE_BYTES_MAX * 4 + 1];
    char version [FST_VERSION_BYTES_MAX * 4 + 1];
    int64_t capacity, free, extents, window;
    bool pruned;
    bool draining;                      //  An admin wants it empty
    fst_health_t health;                //  As it says; not kept
} fst_node_t;

//  Add a node (number is set to the next free one) or write it anew. FST_TOO_MANY: there are 64
fst_rc_t FST_CHECKED
fst_catalog_node_add (fst_catalog_t *self, fst_node_t *node);
fst_rc_t FST_CHECKED
fst_catalog_node_put (fst_catalog_t *self, const fst_node_t *node);
typedef void (fst_node_fn) (void *arg, const fst_node_t *node);
fst_rc_t FST_CHECKED
fst_catalog_nodes (fst_catalog_t *self, fst_node_fn *each, void *arg);

//  ---- Journal: what happened, in order; and replies for those who ask again

typedef struct {
    int64_t sequence;                   //  Set by event_add
    int64_t time_ms;
    const char *type;                   //  "committed", "pruned", ...
    const char *path, *to, *user;       //  Of a file's event; to may be NULL
    const char *node;                   //  Of a node's event, or NULL
    const char *detail;                 //  Of a node's event: for people; of shared and unshared: with whom; may be NULL
    int64_t entry, version;             //  version 0: none
} fst_journal_t;

fst_rc_t FST_CHECKED
fst_catalog_event_add (fst_catalog_t *self, fst_journal_t *event);
//  Go on from a higher number.
void
fst_catalog_sequence_raise (fst_catalog_t *self, int64_t sequence);
//  Call each for up to limit events after sequence since, until it returns false; what it gets is borrowed for the call.
typedef bool (fst_journal_fn) (void *arg, const fst_journal_t *event);
fst_rc_t FST_CHECKED
fst_catalog_events (fst_catalog_t *self, int64_t since, size_t limit, fst_journal_fn *each, void *arg);
//  The oldest that is kept; if there is none, the next one.
fst_rc_t FST_CHECKED
fst_catalog_event_first (fst_catalog_t *self, int64_t *sequence_p);

//  Where a user's cursor stands. FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_catalog_cursor_get (fst_catalog_t *self, const char *user, const char *name, int64_t *sequence_p);
//  Set it, or make it. FST_TOO_MANY
#define FST_CURSORS_MAX 32              //  Of one user
fst_rc_t FST_CHECKED
fst_catalog_cursor_put (fst_catalog_t *self, const char *user, const char *name, int64_t sequence);

//  The reply recorded for a request; caller frees *reply_p. FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_catalog_reply_get (fst_catalog_t *self, const uint8_t session [16], const char *request, char **reply_p);
fst_rc_t FST_CHECKED
fst_catalog_reply_add (fst_catalog_t *self, const uint8_t session [16], const char *request, int64_t now_ms,
                       const char *reply);

//  Forget replies recorded before replies_ms, cursors that were put before cursors_ms and all but the last events_max
//  events, some hundred rows at a time.
fst_rc_t FST_CHECKED
fst_catalog_trim (fst_catalog_t *self, int64_t replies_ms, int64_t cursors_ms, int64_t events_max, bool *more_p);

#endif
