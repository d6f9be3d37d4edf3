//  Transfers: content that goes between a browser and the store. libfilestore blocks, the bridge's loop must not: so
//  a transfer is a function on one of a bounded number of threads, with a client for the user's token, joined to the
//  loop by a pipe.
//
//      static fst_rc_t
//      s_run (void *arg, fst_flow_t *flow, filestore_t *client, char **problem_p)     //  On a thread
//      {
//          filestore_sink_t sink = fst_flow_sink (flow);
//          return filestore_get (client, path, &sink, NULL);
//      }
//
//      static void
//      s_news (void *arg, fst_flow_t *flow)                                           //  On the loop
//      {
//          take from fst_flow_pipe (flow), or look at fst_flow_over
//      }
//
//  When the session of a token is ended early, its transfers are too: they are over with FST_EXPIRED.
//
//  Who loses interest leaves: the thread stops at its next step, and nothing becomes visible. Clients are kept
//  for a minute after use, so that the next small file needs no new connections.
//
//  Everything is for the loop's thread unless it says otherwise.

#ifndef FST_FLOW_H_INCLUDED
#define FST_FLOW_H_INCLUDED

#include "filestore.h"
#include "fst_actor.h"
#include "fst_pipe.h"

//  This part of upload-idle: an upload that paused for so long gives way to who needs its place.
#define FST_FLOW_PAUSE_SHARE  60

typedef struct fst_flows fst_flows_t;
typedef struct fst_flow fst_flow_t;

//  What the thread does. *problem_p: a sentence if the client's own is not the right one; it is freed.
typedef fst_rc_t (fst_flow_run_fn) (void *arg, fst_flow_t *self, filestore_t *client, char **problem_p);

//  Something came, there is room, the thread told something, or it is over.
typedef void (fst_flow_news_fn) (void *arg, fst_flow_t *self);

typedef struct {
    const char *token, *user;       //  Copied
    bool upload;                    //  May pause for long: has its own threads, so that it holds up no download
    size_t pipe_bytes;
    fst_flow_run_fn *run;
    fst_flow_news_fn *news;
    void *news_arg;                 //  For news; NULL: arg
    void (*dispose) (void *arg);    //  Called once, when neither thread nor loop will use arg again
    void *arg;
} fst_flow_args_t;

//  config: a client's settings (broker: where clients connect; keys), and the bridge's (transfers, uploads,
//  user-transfers, transfer-memory). Copied.
fst_flows_t *
fst_flows_new (const fst_config_t *config);

//  Leaves all transfers, and waits until the threads have stopped.
void
fst_flows_destroy (fst_flows_t **self_p);

//  Have the actor's loop poll for news.
void
fst_flows_watch (fst_flows_t *self, fst_actor_t *actor);

//  Handle what the threads told; for loops that are no actor's. Descriptors to poll: three.
void
fst_flows_collect (fst_flows_t *self);
void
fst_flows_fds (const fst_flows_t *self, int fds [3]);

//  Closes clients that nobody used for a minute; refuses who waited too long for a thread; ends transfers of sessions
//  that were ended.
void
fst_flows_tick (fst_flows_t *self, int64_t now_ms);

//  This token is no good any more (logout): the clients that have it are closed. Its transfers end by the next tick.
void
fst_flows_forget (fst_flows_t *self, const char *token);

//  False if this user has as many under way as he may have.
bool
fst_flows_may_begin (const fst_flows_t *self, const char *user);

//  Begin. On failure dispose is not called.
//      FST_BUSY        all threads are taken and enough wait already
//      FST_TOO_MANY    this user has too many under way
fst_rc_t FST_CHECKED
fst_flow_begin (fst_flows_t *set, const fst_flow_args_t *args, fst_flow_t **self_p);

fst_pipe_t *
fst_flow_pipe (fst_flow_t *self);

//  True when the thread has ended; with its result. What it wrote is in the pipe still. The sentence is borrowed.
bool
fst_flow_over (const fst_flow_t *self, fst_rc_t *rc_p, const char **problem_p);

//  Leave: no more news; the thread stops soon. Must be called once for each, over or not.
void
fst_flow_leave (fst_flow_t **self_p);

//  True once the thread called fst_flow_tell: what it left in arg before can be read.
bool
fst_flow_told (fst_flow_t *self);

//  ---- For the thread

//  The pipe as libfilestore wants it.
filestore_sink_t
fst_flow_sink (fst_flow_t *self);
filestore_source_t
fst_flow_source (fst_flow_t *self);

//  For put: stops when the loop left.
bool
fst_flow_progress (void *self, int64_t done_bytes, int64_t total_bytes);

//  Tell the loop that something is known.
void
fst_flow_tell (fst_flow_t *self);

#endif
