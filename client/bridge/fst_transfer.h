//  Transfers: content that goes between a browser and the store. libfilestore blocks, the bridge's loop must not: so
//  a transfer is a function on one of a bounded number of threads, with a client for the user's token, joined to the
//  loop by a pipe.
//
//      static fst_rc_t
//      s_run (void *arg, fst_transfer_t *transfer, filestore_t *client, char **problem_p)     //  On a thread
//      {
//          filestore_sink_t sink = fst_transfer_sink (transfer);
//          return filestore_get (client, path, &sink, NULL);
//      }
//
//      static void
//      s_news (void *arg, fst_transfer_t *transfer)                                           //  On the loop
//      {
//          take from fst_transfer_pipe (transfer), or look at fst_transfer_over
//      }
//
//  Who loses interest leaves: the thread stops at its next step, and nothing becomes visible. Clients are kept
//  for a minute after use, so that the next small file needs no new connections.
//
//  Everything is for the loop's thread unless it says otherwise.

#ifndef FST_TRANSFER_H_INCLUDED
#define FST_TRANSFER_H_INCLUDED

#include "filestore.h"
#include "fst_actor.h"
#include "fst_pipe.h"

typedef struct fst_transfers fst_transfers_t;
typedef struct fst_transfer fst_transfer_t;

//  What the thread does. *problem_p: a sentence if the client's own is not the right one; it is freed.
typedef fst_rc_t (fst_transfer_run_fn) (void *arg, fst_transfer_t *self, filestore_t *client, char **problem_p);

//  Something came, there is room, the thread told something, or it is over.
typedef void (fst_transfer_news_fn) (void *arg, fst_transfer_t *self);

typedef struct {
    const char *token, *user;       //  Copied
    bool upload;                    //  May pause for long: has its own threads, so that it holds up no download
    size_t pipe_bytes;
    fst_transfer_run_fn *run;
    fst_transfer_news_fn *news;
    void (*dispose) (void *arg);    //  Called once, when neither thread nor loop will use arg again
    void *arg;
} fst_transfer_args_t;

//  config: a client's settings (broker: where clients connect; keys), and the bridge's (transfers, uploads,
//  user-transfers, transfer-memory). Copied.
fst_transfers_t *
fst_transfers_new (const fst_config_t *config);

//  Leaves all transfers, and waits until the threads have stopped.
void
fst_transfers_destroy (fst_transfers_t **self_p);

//  Have the actor's loop poll for news.
void
fst_transfers_watch (fst_transfers_t *self, fst_actor_t *actor);

//  Handle what the threads told; for loops that are no actor's. Descriptors to poll: three.
void
fst_transfers_collect (fst_transfers_t *self);
void
fst_transfers_fds (const fst_transfers_t *self, int fds [3]);

//  Closes clients that nobody used for a minute; refuses who waited too long for a thread.
void
fst_transfers_tick (fst_transfers_t *self, int64_t now_ms);

//  This token is no good any more (logout): the clients that have it are closed.
void
fst_transfers_forget (fst_transfers_t *self, const char *token);

//  Begin. On failure dispose is not called.
//      FST_BUSY        all threads are taken and enough wait already
//      FST_TOO_MANY    this user has too many under way
fst_rc_t FST_CHECKED
fst_transfer_begin (fst_transfers_t *set, const fst_transfer_args_t *args, fst_transfer_t **self_p);

fst_pipe_t *
fst_transfer_pipe (fst_transfer_t *self);

//  True when the thread has ended; with its result. What it wrote is in the pipe still. The sentence is borrowed.
bool
fst_transfer_over (const fst_transfer_t *self, fst_rc_t *rc_p, const char **problem_p);

//  Leave: no more news; the thread stops soon. Must be called once for each, over or not.
void
fst_transfer_leave (fst_transfer_t **self_p);

//  True once the thread called fst_transfer_tell: what it left in arg before can be read.
bool
fst_transfer_told (fst_transfer_t *self);

//  How many threads are at work, and how many transfers wait for one.
void
fst_transfers_count (const fst_transfers_t *self, size_t *busy_p, size_t *waiting_p);

//  ---- For the thread

//  The pipe as libfilestore wants it.
filestore_sink_t
fst_transfer_sink (fst_transfer_t *self);
filestore_source_t
fst_transfer_source (fst_transfer_t *self);

//  For put: stops when the loop left.
bool
fst_transfer_progress (void *self, int64_t done_bytes, int64_t total_bytes);

//  Tell the loop that something is known.
void
fst_transfer_tell (fst_transfer_t *self);

#endif
