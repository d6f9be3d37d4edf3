//  libfilestore: the client library, the only client code that speaks the protocol.
//
//  A client belongs to one thread; it makes its own worker threads. Paths in the store are UTF-8; relative
//  ones begin at the user's home. Every function returns an error of the one list (fst_error.h);
//  filestore_problem is then a sentence for people. Outputs are set only on FST_OK. JSON results are the
//  payloads of docs/PROTOCOL.md and belong to the caller (json_decref). Sizes are octets, times ms since 1970.
//
//  Beside those that are named below, whatever asks the cluster may give
//      FST_UNREACHABLE, FST_UNAVAILABLE, FST_TIMEOUT   no broker, no such service at the moment, no answer
//      FST_UNAUTHENTICATED, FST_EXPIRED                log in first, or again
//      FST_BUSY, FST_INTERRUPTED                       try again; filestore_stop was called
//      FST_BAD_NAME                                    where there is a path

#ifndef FILESTORE_H_INCLUDED
#define FILESTORE_H_INCLUDED

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_config.h"
#include "fst_error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct filestore filestore_t;

//  ---- Connection and session

//  Connect with the settings of a client.zpl (options broker, keys, connect-timeout, ...). Nothing is sent
//  yet, so this works while the cluster is down. config is copied.
//      FST_MALFORMED   no broker is named, or the key file is bad
fst_rc_t FST_CHECKED
filestore_new (const fst_config_t *config, filestore_t **self_p, char **problem_p);

void
filestore_destroy (filestore_t **self_p);

//  For any thread: what runs ends soon with FST_INTERRUPTED, and so does everything later. Nothing half-done is visible.
void
filestore_stop (filestore_t *self);

//  The sentence for the last failure; borrowed until the next call.
const char *
filestore_problem (const filestore_t *self);

//  Create an account. The first one of a cluster is the admin. *reply_p: {user, role}.
//      FST_EXISTS, FST_BAD_NAME, FST_MALFORMED (password too short)
fst_rc_t FST_CHECKED
filestore_register (filestore_t *self, const char *name, const char *password, json_t **reply_p);

//  Log in; self keeps the token, renews it while it is used. *token_p (may be NULL) is a copy; caller frees.
//      FST_WRONG_PASSWORD (no such user looks the same), FST_TOO_MANY
fst_rc_t FST_CHECKED
filestore_login (filestore_t *self, const char *name, const char *password, char **token_p);

//  Go on with a token of an earlier login. FST_UNAUTHENTICATED if it does not look like one.
fst_rc_t FST_CHECKED
filestore_use_token (filestore_t *self, const char *token);

//  The token as it is now (it changes when it is renewed), or NULL. Borrowed until the next call.
const char *
filestore_token (const filestore_t *self);

//  Whose token that is; NULL if there is none. So "/users/NAME" is home, and nobody has to be asked.
const char *
filestore_user (const filestore_t *self);

//  Revokes the session for everyone, at once. One that has ended already is no failure.
fst_rc_t FST_CHECKED
filestore_logout (filestore_t *self);

//  {user, role, session, expires_ms}
fst_rc_t FST_CHECKED
filestore_whoami (filestore_t *self, json_t **reply_p);

//  Ends all other sessions of the user. FST_WRONG_PASSWORD
fst_rc_t FST_CHECKED
filestore_change_password (filestore_t *self, const char *old_password, const char *new_password);

//  ---- Namespace

//  One entry: {path, name, kind, size, owner, created_ms, modified_ms, id, version, blob, ...}
//      FST_NOT_FOUND
fst_rc_t FST_CHECKED
filestore_stat (filestore_t *self, const char *path, json_t **reply_p);

//  Same, with all extents and the nodes that hold each: "extents": [{extent, chunks, bytes, nodes: []}].
fst_rc_t FST_CHECKED
filestore_stat_extents (filestore_t *self, const char *path, json_t **reply_p);

typedef struct {
    const char *name;           //  One part of a path
    bool folder;
    int64_t size;
    int64_t modified_ms;
    const char *owner;
    int64_t id;
} filestore_entry_t;

//  Call each for every entry of a folder, by name in octet order, page by page. Stops at the first result
//  but FST_OK and returns it. A path that is a file gives that one entry.
//      FST_NOT_FOUND
typedef fst_rc_t (filestore_entry_fn) (void *arg, const filestore_entry_t *entry);
fst_rc_t FST_CHECKED
filestore_list (filestore_t *self, const char *path, filestore_entry_fn *each, void *arg);

//  parents: make missing folders on the way, and do not mind if it is there.
//      FST_EXISTS, FST_NOT_FOUND, FST_NOT_A_FOLDER, FST_DENIED
fst_rc_t FST_CHECKED
filestore_make_folder (filestore_t *self, const char *path, bool parents);

//  Rename or move, atomically. replace: an existing file at to goes to the trash in the same step.
//      FST_EXISTS, FST_NOT_FOUND, FST_NOT_A_FOLDER, FST_IS_A_FOLDER, FST_DENIED
fst_rc_t FST_CHECKED
filestore_move (filestore_t *self, const char *from, const char *to, bool replace);

//  Delete a file, or a folder (with all in it if recursive). To the trash, or forever.
//      FST_NOT_FOUND, FST_NOT_EMPTY, FST_DENIED
fst_rc_t FST_CHECKED
filestore_delete (filestore_t *self, const char *path, bool recursive, bool forever);

//  ---- Content

//  What a transfer tells while it runs; called on the client's thread, not more than ten times a second and
//  at the end. Return false to stop (FST_INTERRUPTED; nothing becomes visible).
typedef bool (filestore_progress_fn) (void *arg, int64_t done_bytes, int64_t total_bytes /* -1 = unknown */);

//  Where content comes from, and goes to, when it is no plain file. read gives *got_p = 0 at the end. A source that
//  waits never blocks: it gives FST_BUSY when there is nothing at the moment, and fd is readable when it is worth to
//  be read again. So an upload may pause for as long as its session lives.
typedef struct {
    void *self;
    fst_rc_t (*read) (void *self, void *data, size_t bytes, size_t *got_p);
    bool waits;
    int fd;                             //  If it waits
} filestore_source_t;
typedef struct {
    void *self;
    fst_rc_t (*write) (void *self, const void *data, size_t bytes);
    //  If there, called instead of write: the octets are the sink's, and stay as they are, until it calls release (arg),
    //  on any thread. If it fails they are not its own.
    fst_rc_t (*pass) (void *self, const void *data, size_t bytes, void (*release) (void *arg), void *arg);
} filestore_sink_t;

typedef struct {
    int replicas;                       //  0 = as the cluster is set
    int64_t modified_ms;                //  0 = now
    bool no_replace;                    //  FST_EXISTS if there is such a file
    //  Of filestore_put: if_version must be the current version (0: no such file), else FST_CHANGED
    bool has_if_version;
    int64_t if_version;
    filestore_progress_fn *progress;
    void *progress_arg;
} filestore_put_options_t;

//  Store what source gives at path. When it returns FST_OK, all copies and the namespace are on stable storage.
//      FST_DENIED, FST_NOT_FOUND (its folder), FST_NOT_A_FOLDER, FST_TOO_FEW_NODES, FST_NO_SPACE; what source gave
fst_rc_t FST_CHECKED
filestore_put (filestore_t *self, const char *path, const filestore_source_t *source,
               const filestore_put_options_t *options, json_t **reply_p);

//  Store many local files in one go: small ones share messages. Each is all or nothing by itself; each gets its
//  result in rc and problem. Returns the first failure, FST_OK if all are stored. Parents must exist.
typedef struct {
    const char *local;                  //  Borrowed
    const char *path;
    fst_rc_t rc;                        //  Result
    char *problem;                      //  NULL or a sentence; caller frees
} filestore_put_t;
fst_rc_t FST_CHECKED
filestore_put_files (filestore_t *self, filestore_put_t *files, size_t count, const filestore_put_options_t *options);

//  What a get is about to give; all of it from one version, whatever happens to the file meanwhile.
typedef struct {
    int64_t id, version;                //  Of the entry; together they name this content for ever
    int64_t size, modified_ms;
} filestore_content_t;

typedef struct {
    int64_t offset;                     //  First octet wanted
    int64_t length;                     //  -1 = to the end
    int64_t version;                    //  0 = the current one
    //  Called once, before the first octet (may be NULL): may change the range. Any result but FST_OK ends the get
    //  with it; no storage node was asked then.
    fst_rc_t (*opened) (void *arg, const filestore_content_t *content, int64_t *offset_p, int64_t *length_p);
    void *opened_arg;
    filestore_progress_fn *progress;
    void *progress_arg;
} filestore_get_options_t;

//  Give the content, or a range of it, to sink in order.
fst_rc_t FST_CHECKED
filestore_get (filestore_t *self, const char *path, const filestore_sink_t *sink, const filestore_get_options_t *options);

//  Fetch many files to local ones: each is written beside its place, then renamed over it, with its time set;
//  so an interrupted get leaves the old file or none. Results as in filestore_put_files.
typedef struct {
    const char *path;                   //  Borrowed
    const char *local;
    fst_rc_t rc;
    char *problem;
} filestore_get_t;
fst_rc_t FST_CHECKED
filestore_get_files (filestore_t *self, filestore_get_t *files, size_t count, const filestore_get_options_t *options);

//  ---- Cluster

//  {nodes: [{node, state, ...}]}
fst_rc_t FST_CHECKED
filestore_nodes (filestore_t *self, json_t **reply_p);

//  {nodes: {alive, ...}, extents: {...}, bytes_at_one_copy, files, users, ...}
fst_rc_t FST_CHECKED
filestore_status (filestore_t *self, json_t **reply_p);

//  Any command of any service.
fst_rc_t FST_CHECKED
filestore_call (filestore_t *self, const char *service, const char *command, json_t *payload, json_t **reply_p);

//  The same for one whose reply has binary frames behind it: frames gets their octets, in order.
fst_rc_t FST_CHECKED
filestore_call_frames (filestore_t *self, const char *service, const char *command, json_t *payload,
                       const filestore_sink_t *frames, json_t **reply_p);

//  Many at once, each with a result of its own: the whole takes as long as the slowest. FST_INTERRUPTED, or FST_OK
//  whatever the results are. Clear them in any case.
typedef struct {
    char *service;              //  To be set before; freed by clear
    const char *command;        //  Likewise; borrowed
    fst_rc_t rc;
    json_t *reply;              //  NULL unless rc is FST_OK
    char *problem;              //  NULL if it is
    int64_t asked_ms, answered_ms;      //  Wall clock
} filestore_question_t;

fst_rc_t FST_CHECKED
filestore_call_many (filestore_t *self, filestore_question_t *questions, size_t count);
void
filestore_questions_clear (filestore_question_t *questions, size_t count);

#ifdef __cplusplus
}
#endif
#endif
