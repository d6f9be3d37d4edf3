//  Transfers: a function, a thread, a client and a pipe.

#include "fst_flow.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>
#include "fst_clock.h"
#include "fst_pool.h"
#include "fst_token.h"
#include "fst_trace.h"

#define IDLE_MS         60000       //  A client that was not used for so long is closed
#define IDLE_MAX           16       //  Kept at once
#define WAIT_MS         10000       //  Who gets no thread within this time is refused
#define WAITING_FACTOR      4       //  So many times as many as there are threads may wait

//  A client that nobody uses at the moment.
typedef struct s_idle {
    TAILQ_ENTRY (s_idle) link;
    filestore_t *client;
    char *token;                    //  That it was used with
    int64_t since_ms;
} s_idle_t;
typedef TAILQ_HEAD (, s_idle) s_idles_t;

struct fst_flow {
    TAILQ_ENTRY (fst_flow) link, news_link;
    fst_flows_t *set;
    fst_flow_args_t args;
    char *token, *user;
    uint8_t session [FST_SESSION_BYTES];    //  The token's
    fst_pipe_t *pipe;
    int64_t begun_ms;
    bool left;                      //  By the loop
    char trace [FST_TRACE_BYTES_MAX + 1];   //  Of the request that it is for
    bool over;                      //  The job came back, or was refused
    bool revoked;                   //  The session was ended meanwhile
    bool job;                       //  The pool has it
    fst_rc_t rc;
    char *problem;

    //  Guarded by the set's lock
    bool has_news;                  //  It is in the list
    bool told;
    bool running, refused;
    filestore_t *client;            //  While it runs
};

struct fst_flows {
    fst_config_t *config;
    fst_pool_t *quick, *uploads;
    fst_actor_t *actor;             //  Whose loop it is; knows which sessions were ended. May be NULL
    size_t user_max;
    TAILQ_HEAD (, fst_flow) all;
    int fd;                         //  News
    pthread_mutex_t lock;           //  Guards all below; held for a few instructions only
    TAILQ_HEAD (, fst_flow) news;
    s_idles_t idle, doomed;
    size_t idle_count;
    bool stopping;
    bool tidying;                   //  Loop's: the job that closes clients is under way
};

//  ---- Clients

static void
s_idle_destroy (s_idle_t *idle)
{
    filestore_destroy (&idle->client);
    free (idle->token);
    free (idle);
}

//  A client for this token: one that is there, or a new one.
static fst_rc_t
s_take_client (fst_flows_t *self, const char *token, filestore_t **client_p, char **problem_p)
{
    s_idle_t *idle;
    pthread_mutex_lock (&self->lock);
    TAILQ_FOREACH (idle, &self->idle, link)
        if (strcmp (idle->token, token) == 0)
            break;
    if (idle) {
        TAILQ_REMOVE (&self->idle, idle, link);
        self->idle_count--;
    }
    pthread_mutex_unlock (&self->lock);
    filestore_t *client = NULL;
    if (idle) {
        client = idle->client;
        idle->client = NULL;
        s_idle_destroy (idle);
    }
    fst_rc_t rc = client? FST_OK: filestore_new (self->config, &client, problem_p);
    if (rc == FST_OK) {             //  Even if it renewed its own: what was presented is what counts
        rc = filestore_use_token (client, token);
        if (rc != FST_OK) {
            *problem_p = strdup (filestore_problem (client));
            filestore_destroy (&client);
        }
    }
    *client_p = client;
    return rc;
}

static void
s_keep_client (fst_flows_t *self, filestore_t *client, const char *token)
{
    s_idle_t *idle = calloc (1, sizeof (*idle));
    assert (idle);
    idle->client = client;
    idle->token = strdup (token);
    assert (idle->token);
    idle->since_ms = fst_clock_mono_ms ();
    pthread_mutex_lock (&self->lock);
    bool room = self->idle_count < IDLE_MAX && !self->stopping;
    if (room) {
        TAILQ_INSERT_HEAD (&self->idle, idle, link);    //  The last used is the next: others grow old
        self->idle_count++;
    }
    pthread_mutex_unlock (&self->lock);
    if (!room)
        s_idle_destroy (idle);
}

//  ---- News

static void
s_add_news (void *arg)
{
    fst_flow_t *self = arg;
    fst_flows_t *set = self->set;
    pthread_mutex_lock (&set->lock);
    if (!self->has_news) {
        self->has_news = true;
        TAILQ_INSERT_TAIL (&set->news, self, news_link);
        int rc = eventfd_write (set->fd, 1);
        assert (rc == 0);
    }
    pthread_mutex_unlock (&set->lock);
}

static fst_flow_t *
s_next_news (fst_flows_t *self)
{
    pthread_mutex_lock (&self->lock);
    fst_flow_t *flow = TAILQ_FIRST (&self->news);
    if (flow) {
        TAILQ_REMOVE (&self->news, flow, news_link);
        flow->has_news = false;
    }
    pthread_mutex_unlock (&self->lock);
    return flow;
}

static void
s_tell_news (fst_flows_t *self)
{
    eventfd_t ignored;
    int rc = eventfd_read (self->fd, &ignored);
    assert (rc == 0 || errno == EAGAIN);
    fst_flow_t *flow;
    while ((flow = s_next_news (self)))
        if (!flow->left)
            flow->args.news (flow->args.news_arg, flow);
}

void
fst_flows_collect (fst_flows_t *self)
{
    assert (self);
    s_tell_news (self);
    fst_pool_collect (self->quick);
    fst_pool_collect (self->uploads);
    s_tell_news (self);             //  Of those that ended
}

//  ---- Running

//  True if the thread is to begin; the loop may have given up on it.
static bool
s_start (fst_flow_t *self)
{
    fst_flows_t *set = self->set;
    pthread_mutex_lock (&set->lock);
    bool start = !self->refused && !set->stopping;
    self->running = start;
    pthread_mutex_unlock (&set->lock);
    return start && !fst_pipe_left (self->pipe);
}

static void
s_set_client (fst_flow_t *self, filestore_t *client)
{
    pthread_mutex_lock (&self->set->lock);
    self->client = client;
    if (client && self->set->stopping)
        filestore_stop (client);
    pthread_mutex_unlock (&self->set->lock);
}

static void
s_run (void *job)
{
    fst_flow_t *self = job;
    self->rc = FST_INTERRUPTED;
    fst_trace_begin (self->trace);
    filestore_t *client = NULL;
    if (s_start (self))
        self->rc = s_take_client (self->set, self->token, &client, &self->problem);
    if (client) {
        s_set_client (self, client);
        self->rc = self->args.run (self->args.arg, self, client, &self->problem);
        s_set_client (self, NULL);
        if (self->rc != FST_OK && !self->problem)
            self->problem = strdup (filestore_problem (client));
        s_keep_client (self->set, client, self->token);
    }
    fst_pipe_close (self->pipe);
    fst_trace_begin (NULL);
}

static void
s_free (fst_flow_t *self)
{
    fst_flows_t *set = self->set;
    pthread_mutex_lock (&set->lock);
    if (self->has_news)
        TAILQ_REMOVE (&set->news, self, news_link);
    pthread_mutex_unlock (&set->lock);
    TAILQ_REMOVE (&set->all, self, link);
    if (self->args.dispose)
        self->args.dispose (self->args.arg);
    fst_pipe_destroy (&self->pipe);
    free (self->token);
    free (self->user);
    free (self->problem);
    free (self);
}

//  The job came back.
static void
s_done (void *job)
{
    fst_flow_t *self = job;
    pthread_mutex_lock (&self->set->lock);
    self->running = false;
    pthread_mutex_unlock (&self->set->lock);
    self->job = false;
    if (self->left)
        s_free (self);
    else
    if (!self->over) {
        self->over = true;
        s_add_news (self);
    }
}

//  ---- A transfer

static size_t
s_count_user (const fst_flows_t *self, const char *user)
{
    size_t count = 0;
    const fst_flow_t *flow;
    TAILQ_FOREACH (flow, &self->all, link)
        count += !flow->left && strcmp (flow->user, user) == 0;
    return count;
}

bool
fst_flows_may_begin (const fst_flows_t *self, const char *user)
{
    assert (self && user);
    return s_count_user (self, user) < self->user_max;
}

//  A token that is no good now is refused by the others.
static void
s_note_session (fst_flow_t *self)
{
    fst_claims_t claims;
    if (self->set->actor && fst_actor_check_token (self->set->actor, self->token, &claims) == FST_OK)
        memcpy (self->session, claims.session, sizeof (self->session));
}

fst_rc_t
fst_flow_begin (fst_flows_t *set, const fst_flow_args_t *args, fst_flow_t **self_p)
{
    assert (set);
    assert (args && args->token && args->user && args->run && args->news);
    if (!fst_flows_may_begin (set, args->user))
        return FST_TOO_MANY;
    fst_flow_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->set = set;
    self->args = *args;
    if (!args->news_arg)
        self->args.news_arg = args->arg;
    self->token = strdup (args->token);
    self->user = strdup (args->user);
    assert (self->token && self->user);
    s_note_session (self);
    self->pipe = fst_pipe_new (args->pipe_bytes, s_add_news, self);
    self->begun_ms = fst_clock_mono_ms ();
    snprintf (self->trace, sizeof (self->trace), "%s", fst_trace_now ());
    TAILQ_INSERT_TAIL (&set->all, self, link);
    self->job = true;
    fst_rc_t rc = fst_pool_submit (args->upload? set->uploads: set->quick, s_run, s_done, self);
    if (rc == FST_OK) {
        *self_p = self;
        return FST_OK;
    }
    self->args.dispose = NULL;
    s_free (self);
    return rc;
}

fst_pipe_t *
fst_flow_pipe (fst_flow_t *self)
{
    assert (self);
    return self->pipe;
}

bool
fst_flow_over (const fst_flow_t *self, fst_rc_t *rc_p, const char **problem_p)
{
    assert (self);
    if (!self->over)
        return false;
    bool stopped = self->revoked && self->rc == FST_INTERRUPTED;
    *rc_p = self->refused? FST_BUSY: stopped? FST_EXPIRED: self->rc;
    if (problem_p)
        *problem_p = *rc_p == self->rc && self->problem && *self->problem? self->problem: fst_error_text (*rc_p);
    return true;
}

void
fst_flow_leave (fst_flow_t **self_p)
{
    assert (self_p);
    fst_flow_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    self->left = true;
    fst_pipe_leave (self->pipe);
    if (!self->job)
        s_free (self);
}

bool
fst_flow_told (fst_flow_t *self)
{
    assert (self);
    pthread_mutex_lock (&self->set->lock);
    bool told = self->told;
    pthread_mutex_unlock (&self->set->lock);
    return told;
}

void
fst_flow_tell (fst_flow_t *self)
{
    assert (self);
    pthread_mutex_lock (&self->set->lock);
    self->told = true;
    pthread_mutex_unlock (&self->set->lock);
    s_add_news (self);
}

//  ---- The pipe as libfilestore wants it

static fst_rc_t
s_write (void *arg, const void *data, size_t bytes)
{
    fst_flow_t *self = arg;
    return fst_pipe_write (self->pipe, data, bytes);
}

static fst_rc_t
s_pass (void *arg, const void *data, size_t bytes, void (*release) (void *arg), void *release_arg)
{
    fst_flow_t *self = arg;
    return fst_pipe_pass (self->pipe, data, bytes, release, release_arg);
}

static fst_rc_t
s_read (void *arg, void *data, size_t bytes, size_t *got_p)
{
    fst_flow_t *self = arg;
    return fst_pipe_read (self->pipe, data, bytes, got_p);
}

filestore_sink_t
fst_flow_sink (fst_flow_t *self)
{
    return (filestore_sink_t) { .self = self, .write = s_write, .pass = s_pass };
}

filestore_source_t
fst_flow_source (fst_flow_t *self)
{
    return (filestore_source_t) { .self = self, .read = s_read, .waits = true, .fd = fst_pipe_fd (self->pipe) };
}

bool
fst_flow_progress (void *arg, int64_t done_bytes, int64_t total_bytes)
{
    (void) done_bytes;
    (void) total_bytes;
    fst_flow_t *self = arg;
    return !fst_pipe_left (self->pipe);
}

//  ---- The set

static fst_pool_t *
s_pool (const char *name, int64_t threads, unsigned waiting)
{
    return fst_pool_new (name, (unsigned) threads, (size_t) threads * waiting);
}

fst_flows_t *
fst_flows_new (const fst_config_t *config)
{
    assert (config);
    fst_flows_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->config = fst_config_dup (config);
    char *problem = NULL, bytes [32];
    snprintf (bytes, sizeof (bytes), "%lld", (long long) fst_config_number (config, "transfer-memory"));
    fst_rc_t rc = fst_config_set (self->config, "client-memory", bytes, &problem);
    assert (rc == FST_OK);          //  Both have the same bounds
    self->quick = s_pool ("fst-flow", fst_config_number (config, "transfers"), 1 + WAITING_FACTOR);
    self->uploads = s_pool ("fst-upload", fst_config_number (config, "uploads"), 2);  //  Who gave way may need a moment
    self->user_max = (size_t) fst_config_number (config, "user-transfers");
    TAILQ_INIT (&self->all);
    TAILQ_INIT (&self->news);
    TAILQ_INIT (&self->idle);
    TAILQ_INIT (&self->doomed);
    self->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert (self->fd >= 0);
    pthread_mutex_init (&self->lock, NULL);
    return self;
}

//  Everyone stops; the jobs that have not begun will not.
static void
s_stop (fst_flows_t *self)
{
    pthread_mutex_lock (&self->lock);
    self->stopping = true;
    fst_flow_t *flow;
    TAILQ_FOREACH (flow, &self->all, link)
        if (flow->client)
            filestore_stop (flow->client);
    pthread_mutex_unlock (&self->lock);
    TAILQ_FOREACH (flow, &self->all, link)
        fst_pipe_leave (flow->pipe);
}

void
fst_flows_destroy (fst_flows_t **self_p)
{
    assert (self_p);
    fst_flows_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    s_stop (self);
    fst_pool_destroy (&self->quick);
    fst_pool_destroy (&self->uploads);
    fst_flow_t *flow;
    while ((flow = TAILQ_FIRST (&self->all)))
        s_free (flow);          //  Its owner did not leave: it went before us
    s_idle_t *idle;
    while ((idle = TAILQ_FIRST (&self->idle))) {
        TAILQ_REMOVE (&self->idle, idle, link);
        s_idle_destroy (idle);
    }
    while ((idle = TAILQ_FIRST (&self->doomed))) {
        TAILQ_REMOVE (&self->doomed, idle, link);
        s_idle_destroy (idle);
    }
    close (self->fd);
    pthread_mutex_destroy (&self->lock);
    fst_config_destroy (&self->config);
    free (self);
}

static void
s_readable (void *arg)
{
    fst_flows_collect (arg);
}

void
fst_flows_fds (const fst_flows_t *self, int fds [3])
{
    assert (self);
    fds [0] = self->fd;
    fds [1] = fst_pool_fd (self->quick);
    fds [2] = fst_pool_fd (self->uploads);
}

void
fst_flows_watch (fst_flows_t *self, fst_actor_t *actor)
{
    assert (self);
    self->actor = actor;
    int fds [3];
    fst_flows_fds (self, fds);
    for (int at = 0; at < 3; at++)
        fst_actor_add_fd (actor, fds [at], s_readable, self);
}

//  On a thread: closing a client joins its threads, which the loop must not wait for.
static void
s_tidy_run (void *arg)
{
    fst_flows_t *self = arg;
    while (true) {
        pthread_mutex_lock (&self->lock);
        s_idle_t *idle = TAILQ_FIRST (&self->doomed);
        if (idle)
            TAILQ_REMOVE (&self->doomed, idle, link);
        pthread_mutex_unlock (&self->lock);
        if (!idle)
            return;
        s_idle_destroy (idle);
    }
}

static void
s_tidy_done (void *arg)
{
    fst_flows_t *self = arg;
    self->tidying = false;
}

//  Close clients that are too old, or have this token (NULL for none).
static void
s_doom (fst_flows_t *self, int64_t before_ms, const char *token)
{
    pthread_mutex_lock (&self->lock);
    s_idle_t *idle, *next;
    for (idle = TAILQ_FIRST (&self->idle); idle; idle = next) {
        next = TAILQ_NEXT (idle, link);
        if (idle->since_ms > before_ms && !(token && strcmp (idle->token, token) == 0))
            continue;
        TAILQ_REMOVE (&self->idle, idle, link);
        self->idle_count--;
        TAILQ_INSERT_TAIL (&self->doomed, idle, link);
    }
    bool any = !TAILQ_EMPTY (&self->doomed);
    pthread_mutex_unlock (&self->lock);
    if (any && !self->tidying)      //  If all threads are busy: at the next tick
        self->tidying = fst_pool_submit (self->quick, s_tidy_run, s_tidy_done, self) == FST_OK;
}

void
fst_flows_tick (fst_flows_t *self, int64_t now_ms)
{
    assert (self);
    s_doom (self, now_ms - IDLE_MS, NULL);
    fst_flow_t *flow;
    TAILQ_FOREACH (flow, &self->all, link) {
        if (self->actor && !flow->revoked && fst_actor_is_revoked (self->actor, flow->session)) {
            flow->revoked = true;
            fst_pipe_leave (flow->pipe);
        }
        pthread_mutex_lock (&self->lock);
        bool late = flow->job && !flow->over && !flow->running && now_ms - flow->begun_ms > WAIT_MS;
        flow->refused = flow->refused || late;
        pthread_mutex_unlock (&self->lock);
        if (late && !flow->left) {
            flow->over = true;
            s_add_news (flow);
        }
    }
}

void
fst_flows_forget (fst_flows_t *self, const char *token)
{
    assert (self);
    assert (token);
    s_doom (self, fst_clock_mono_ms () - IDLE_MS, token);
}
