//  The loop with which an actor is written: a table of commands, a list of topics, and the handlers.
//  Registration with the broker, heartbeats, reconnects, schema and rights checks, tokens and clean shutdown
//  come with it; fst_main.h makes a program of it; `filestored new-actor NAME` writes one to begin with.
//
//      static const fst_command_t s_commands [] = {
//          //  name        needs               handler
//          { "GREET",      FST_NEED_USER,      s_greet },
//          { NULL }
//      };
//
//      static void
//      s_greet (void *self, fst_request_t **request_p)
//      {
//          const char *name = json_string_value (json_object_get (fst_request_payload (*request_p), "name"));
//          fst_request_reply (request_p, json_pack ("{s:s}", "greeting", name));
//      }
//
//  Requests come over the broker (several Majordomo workers, "lanes", so that an actor can have many under
//  way and commit them together), or over a port that the actor binds itself (bulk data). Both look alike to
//  the handlers, which run one at a time on the actor's own thread.

#ifndef FST_ACTOR_H_INCLUDED
#define FST_ACTOR_H_INCLUDED

#include <czmq.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "fst_caller.h"
#include "fst_config.h"
#include "fst_error.h"
#include "fst_keys.h"
#include "fst_schema.h"
#include "fst_token.h"

typedef struct fst_actor fst_actor_t;
typedef struct fst_request fst_request_t;
typedef struct fst_event fst_event_t;
typedef struct fst_figures fst_figures_t;

//  Who may call: checked from the token before the handler runs.
typedef enum {
    FST_NEED_NOTHING,       //  Anyone; the token, if any, is not looked at
    FST_NEED_USER,          //  A person (user or admin), or an application with a token of theirs
    FST_NEED_SESSION,       //  A person who is signed in: no application's token
    FST_NEED_ADMIN,         //  Same, an admin
    FST_NEED_ACTOR,         //  An enrolled actor
    FST_NEED_KNOWN,         //  A person or an actor
    FST_NEED_CAPABILITY     //  Data port only: the handler checks the capability in the payload
} fst_need_t;

//  A handler takes the request by replying or failing (both null *request_p), or keeps it for later by
//  nulling *request_p itself. A request still there when it returns is answered FST_INTERNAL.
typedef void (fst_handler_fn) (void *self, fst_request_t **request_p);

typedef struct {
    const char *name;
    fst_need_t need;
    fst_handler_fn *handle;
} fst_command_t;

//  A live event: topic as published ("heartbeat.node-1") and its body, checked against schemas/events. It may be lost.
typedef void (fst_event_fn) (void *self, const char *topic, json_t *body);

typedef struct {
    const char *topic;          //  A prefix
    fst_event_fn *handle;
} fst_topic_t;

//  A durable event: a row of metadata's journal (LIST_EVENTS), as far as the actor may read. They come in order, one at a
//  time, each at least once: metadata keeps a cursor named after the actor's service, which is moved behind what was
//  handled, so the actor goes on where it stopped, however long it was down; a new one begins with the oldest that is kept.
//      A handler takes the event by saying that it is done or has failed (both null *event_p), or keeps it for later by
//  nulling *event_p itself, and says so then: on the actor's thread, stop at the latest. The next comes only after that, so
//  the work may be given to threads (fst_pool.h); and only when the cursor has moved, so a kill repeats no more than the one
//  that was kept, while of others, whose cursor moves now and then, a few may come again. An event still there when the handler returns is done.
typedef void (fst_durable_fn) (void *self, fst_event_t **event_p);

typedef struct {
    const char *topic;          //  "file.committed"; "file" or "node" for all of them
    fst_durable_fn *handle;
} fst_durable_t;

//  What an actor is. All functions run on the actor's thread; any may be NULL.
typedef struct {
    const fst_command_t *commands;  //  Ended by a row without a name
    const fst_topic_t *topics;      //  Same; NULL for none
    const fst_durable_t *events;    //  Same; for actors with a service
    //  Events are missing, for they are not kept any more: look at everything. Handed out like an event, before those behind
    //  the gap; its body has "first", the oldest sequence that is kept. NULL: only the log says so.
    fst_durable_fn *gap;
    //  After start: change what LIST_EVENTS is asked, e.g. give it a "path", other "types", or "since" in place of "cursor":
    //  then no cursor is moved, and the actor keeps the sequence of what it has handled. NULL: all of the topics in events.
    void (*question) (void *self, json_t *question);
    //  Open what is needed; self is what fst_actor_new was given. The port is bound already. If it fails it
    //  must have closed everything (stop is not called); *problem_p is a sentence, handed on to the caller of new.
    fst_rc_t (*start) (void *self, fst_actor_t *actor, char **problem_p);
    //  After the messages that were waiting were handled (at most 256): commit a batch, send held replies.
    void (*flush) (void *self);
    //  Timers. Returns the monotonic time at which it wants to be called next; before, only fst_actor_wake calls it.
    int64_t (*tick) (void *self, int64_t now_ms);
    //  Close; requests still held must be answered here. Calls under way were done with FST_INTERRUPTED before.
    void (*stop) (void *self);
    //  Figures of its own, for /metrics: calls fst_actor_figure for each. Those of requests come by themselves.
    void (*metrics) (void *self, fst_figures_t *figures);
    //  What DESCRIBE says, which every actor answers by itself from its tables: a sentence, and a version.
    const char *title, *version;    //  NULL: the service's name; the library's version
    const fst_schema_set_t *schemas;        //  The actor's own schemas (fst_schema.h); NULL: there are none
    const fst_option_t *settings;   //  The actor's own settings (fst_main.h), ended by a row without a name; NULL: none
} fst_actor_class_t;

//  What every actor needs to be on the bus. Borrowed for the life of the actor.
typedef struct {
    const char *service;            //  "metadata", "storage.node-1"; NULL offers none
    unsigned lanes;                 //  Requests over the broker under way at once, 1 to 64
    const char *broker;             //  The broker's endpoint for actors
    const char *events_in;          //  Where to publish (the proxy's XSUB); NULL: never publishes
    const char *events_out;         //  Where to subscribe (XPUB); NULL: never subscribes
    const char *port;               //  Own ROUTER to bind ("ipc://..", "tcp://..:*"), or NULL
    const char *port_domain;        //  The gate's domain for it
    const fst_keys_t *keys;         //  Token, CURVE pair, sign_public
    const fst_config_t *config;     //  Its settings, for fst_actor_config; may be NULL
    int64_t metrics_ms;             //  Between two publications of its metrics; 0 = 10 s
} fst_actor_options_t;

//  Start the actor's thread and wait until start has answered. class and options are copied; what options
//  point at and self are borrowed until destroy. *problem_p: caller frees.
fst_rc_t FST_CHECKED
fst_actor_new (const fst_actor_class_t *class, const fst_actor_options_t *options, void *self,
               fst_actor_t **actor_p, char **problem_p);

//  Ask the loop to end and wait until stop has run.
void
fst_actor_destroy (fst_actor_t **actor_p);

//  The rest is for the actor's own thread (from start on).

//  The endpoint that port was really bound to; NULL if there is none. Any thread, after fst_actor_new.
const char *
fst_actor_port (const fst_actor_t *self);

//  Its settings and keys, as in the options. Any thread.
const fst_config_t *
fst_actor_config (const fst_actor_t *self);
const fst_keys_t *
fst_actor_keys (const fst_actor_t *self);

//  Poll a file descriptor (a pool's) as well; call when it is readable.
void
fst_actor_add_fd (fst_actor_t *self, int fd, void (*readable) (void *arg), void *arg);

//  Poll a socket of the actor's own (borrowed) as well; ready is called when one of events (ZMQ_POLLIN, ZMQ_POLLOUT)
//  is there. Call again to change events; 0 ends it, which must come before the socket is destroyed. At most
//  FST_ACTOR_WATCHED_MAX.
#define FST_ACTOR_WATCHED_MAX 128
void
fst_actor_watch (fst_actor_t *self, zsock_t *socket, short events, void (*ready) (void *arg), void *arg);

//  Call tick no later than at_ms, though it asked to be called later.
void
fst_actor_wake (fst_actor_t *self, int64_t at_ms);

//  Publish an event; body is taken. What is published may be lost (heartbeats, progress).
void
fst_actor_publish (fst_actor_t *self, const char *topic, json_t *body);

//  Call another service; done gets the result on the actor's thread (reply is borrowed, NULL unless FST_OK).
//  payload is taken. Uses the actor's token. done (may be NULL) is never called from inside this.
typedef void (fst_call_done_fn) (void *arg, fst_rc_t rc, json_t *reply);
void
fst_actor_call (fst_actor_t *self, const char *service, const char *command, json_t *payload,
                fst_call_done_fn *done, void *arg);

//  The same on behalf of whoever has this token (NULL: nobody).
void
fst_actor_call_as (fst_actor_t *self, const char *token, const char *service, const char *command, json_t *payload,
                   fst_call_done_fn *done, void *arg);

//  One figure of a class's metrics. name: a-z 0-9 _, with the unit last; one that ends in _total only grows, any other
//  goes up and down. Prometheus sees filestore_SERVICE_name. help: a line.
void
fst_actor_figure (fst_figures_t *figures, const char *name, const char *help, int64_t value);

//  Inside done, after a failure: the sentence for people. Borrowed until done returns.
const char *
fst_actor_problem (const fst_actor_t *self);

//  Inside done: the binary frames behind the reply, NULL if there are none. Borrowed until done returns.
zmsg_t *
fst_actor_reply_frames (fst_actor_t *self);

//  Whose token it is: signed by auth, not too old, not revoked. As for requests.
fst_rc_t FST_CHECKED
fst_actor_check_token (fst_actor_t *self, const char *token, fst_claims_t *claims);

//  Whether a session was ended early, as far as this actor has heard.
bool
fst_actor_is_revoked (const fst_actor_t *self, const uint8_t session [FST_SESSION_BYTES]);

//  End the whole process with this sentence: the disk is gone, an fsync failed. Does not return.
void
fst_actor_die (fst_actor_t *self, const char *reason) __attribute__ ((noreturn));

//  This session is refused from now on (FST_EXPIRED). Kept until expires_ms (wall time). The loop does it by
//  itself for what auth revokes (fst_revoked.h).
void
fst_actor_revoke (fst_actor_t *self, const uint8_t session [FST_SESSION_BYTES], int64_t expires_ms);

//  ---- Durable events

//  As on the bus: "file.committed"; "gap" for the gap function.
const char *
fst_event_topic (const fst_event_t *self);

//  As in the reply of LIST_EVENTS: sequence, type, time_ms, path, user, id, ... Borrowed until it is done or has failed.
json_t *
fst_event_body (const fst_event_t *self);

//  Handled; the next may come.
void
fst_event_done (fst_event_t **self_p);

//  Up to which sequence all was handled; -1: nothing yet.
int64_t
fst_actor_handled (const fst_actor_t *self);

//  Not handled, for this reason (a sentence for the log, which gets it once): it is handed out again after 1, 2, 4, ... 60 s.
void
fst_event_fail (fst_event_t **self_p, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

//  ---- Requests

//  Checked against the command's schema. Borrowed.
json_t *
fst_request_payload (const fst_request_t *self);

const char *
fst_request_id (const fst_request_t *self);

const char *
fst_request_command (const fst_request_t *self);

//  Who asks; NULL for FST_NEED_NOTHING and FST_NEED_CAPABILITY.
const fst_claims_t *
fst_request_claims (const fst_request_t *self);

//  The token that it came with, to call others on behalf of who asks (fst_actor_call_as); NULL if there was none. Never
//  to be kept or logged.
const char *
fst_request_token (const fst_request_t *self);

//  Which connection to the actor's own port it came in on: the same number for all its requests, so that
//  what one peer has under way can be bounded. 0 for requests over the broker.
uint64_t
fst_request_peer (const fst_request_t *self);

//  Whose ticket opened that connection (fst_proof.h); "" for requests over the broker.
const char *
fst_request_user (const fst_request_t *self);

//  Binary frames behind the JSON one; borrowed until the request is answered. NULL past the last.
size_t
fst_request_frames (const fst_request_t *self);
zframe_t *
fst_request_frame (const fst_request_t *self, size_t index);

//  Answer, and destroy the request. payload is taken (NULL means {}); frames (may be NULL) are taken and sent
//  behind it without copying. In debug builds the payload is checked against the reply's schema.
void
fst_request_reply (fst_request_t **self_p, json_t *payload);
void
fst_request_reply_frames (fst_request_t **self_p, json_t *payload, zmsg_t **frames_p);

//  Refuse. format (may be NULL: the list's own text) is the sentence for people.
void
fst_request_fail (fst_request_t **self_p, fst_rc_t rc, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

#endif
