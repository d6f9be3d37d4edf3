//  What the engines of libfilestore share: one client's session, calls, connections, buffers and workers, and
//  the one place where it waits. All of it belongs to the client's thread; callbacks run from fst_client_turn.

#ifndef FST_CLIENT_H_INCLUDED
#define FST_CLIENT_H_INCLUDED

#include "filestore.h"
#include "fst_cipher.h"
#include "fst_buffers.h"
#include "fst_calls.h"
#include "fst_data.h"
#include "fst_pool.h"
#include "fst_client_session.h"

//  ---- Failures

//  Keep the sentence for filestore_problem, and return rc. Never call it with FST_OK.
fst_rc_t
fst_client_fail (filestore_t *self, fst_rc_t rc, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

//  "PATH: SENTENCE", where sentence is what a service said or NULL for the list's own. Caller frees.
char *
fst_client_sentence (const char *path, fst_rc_t rc, const char *sentence);

//  ---- Calls

//  fst_calls_send.
void
fst_client_call (filestore_t *self, const char *service, const char *command, json_t *payload,
                 fst_calls_done_fn *done, void *owner, void *item);

//  Call and wait. On failure the problem is set, with path in front if that is not NULL.
fst_rc_t FST_CHECKED
fst_client_ask (filestore_t *self, const char *service, const char *command, json_t *payload, const char *path,
                json_t **reply_p);

//  The same; frames (may be NULL) gets the octets of the binary frames behind the reply.
fst_rc_t FST_CHECKED
fst_client_ask_frames (filestore_t *self, const char *service, const char *command, json_t *payload,
                       const filestore_sink_t *frames, json_t **reply_p);

//  No more callbacks for owner, from calls and from nodes.
void
fst_client_forget (filestore_t *self, const void *owner);

//  ---- Parts

//  Begin a call of the user's: clears the problem, renews the session if half its life is over.
fst_rc_t FST_CHECKED
fst_client_begin (filestore_t *self);

//  Name of the user who is logged in, for the data ports; "" for nobody.
const char *
fst_client_user (const filestore_t *self);

fst_calls_t *
fst_client_calls (filestore_t *self);
fst_client_session_t *
fst_client_session (const filestore_t *self);
fst_data_t *
fst_client_data (filestore_t *self);
fst_buffers_t *
fst_client_buffers (filestore_t *self);

//  Workers that read, encrypt, decrypt and write.
fst_pool_t *
fst_client_pool (filestore_t *self);

//  What new content is encrypted with: FST_CIPHER_ANY for the fastest.
fst_cipher_t
fst_client_cipher (const filestore_t *self);

//  Take octets from what downloads may hold at once; false if there is not so much. The first is always granted.
bool
fst_client_reserve (filestore_t *self, int64_t bytes);
void
fst_client_release (filestore_t *self, int64_t bytes);

//  ---- Waiting

//  Also wake up when this descriptor is readable: that of a source which had nothing; -1 for none.
void
fst_client_watch (filestore_t *self, int fd);

//  Wait until something happened, at most wait_ms, and run the callbacks that are due.
//      FST_INTERRUPTED
fst_rc_t FST_CHECKED
fst_client_turn (filestore_t *self, int64_t wait_ms);

//  Wait until the workers have nothing of ours any more; their buffers may be freed then.
void
fst_client_settle (filestore_t *self);

//  ---- Progress

//  Calls the user's function, ten times a second at most, and at the end.
typedef struct {
    filestore_progress_fn *call;        //  NULL for none
    void *arg;
    int64_t due_ms;
} fst_progress_t;

//  FST_INTERRUPTED if the user wants to stop. last: call it whatever the time.
fst_rc_t FST_CHECKED
fst_progress_tell (fst_progress_t *self, int64_t done_bytes, int64_t total_bytes, bool last);

#endif
