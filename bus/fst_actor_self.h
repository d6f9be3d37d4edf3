//  The actor loop inside: what its files share.
//
//      fst_actor.c            start, loop, end
//      fst_actor_requests.c   requests in, checked, and their answers out
//      fst_actor_bus.c        events, and calls to others
//      fst_actor_events.c     durable events
//      fst_actor_describe.c   what it can do, told by itself
//      fst_actor_metrics.c    what came of requests, counted and published

#ifndef FST_ACTOR_SELF_H_INCLUDED
#define FST_ACTOR_SELF_H_INCLUDED

#include <stdatomic.h>
#include "fst_actor.h"
#include "fst_histogram.h"
#include "fst_lane.h"
#include "fst_revoked.h"
#include "fst_schema.h"
#include "fst_trace.h"
#include "fst_trust.h"

//  What came of the requests of one command.
typedef struct {
    uint64_t codes [FST_ERRORS_COUNT];
    fst_histogram_t took;
} fst_actor_tally_t;

#define FST_ACTOR_LANES_MAX     64
#define FST_ACTOR_FDS_MAX       16
#define FST_ACTOR_ITEMS_MAX     (FST_ACTOR_LANES_MAX + FST_ACTOR_FDS_MAX + FST_ACTOR_WATCHED_MAX + 4)
#define FST_ACTOR_COMMANDS_MAX  64

typedef struct {
    int fd;
    void (*readable) (void *arg);
    void *arg;
} fst_actor_fd_t;

//  A socket that is polled for the actor; NULL: the place is free.
typedef struct {
    zsock_t *socket;
    short events;
    void (*ready) (void *arg);
    void *arg;
} fst_actor_watched_t;

//  A call to another service that was not answered yet.
typedef struct {
    uint64_t ticket;                //  0 if it could not even be sent, because of rc
    fst_rc_t rc;
    fst_call_done_fn *done;
    void *arg;
    char trace [FST_TRACE_BYTES_MAX + 1];   //  On whose behalf
} fst_actor_call_t;

typedef struct fst_actor_events fst_actor_events_t;

//  What an item of the poll is about.
typedef enum {
    FST_ACTOR_PIPE, FST_ACTOR_LANE, FST_ACTOR_PORT, FST_ACTOR_EVENTS, FST_ACTOR_CALLER, FST_ACTOR_FD, FST_ACTOR_WATCHED
} fst_actor_kind_t;

struct fst_actor {
    fst_actor_class_t class;
    fst_actor_options_t options;
    void *user;                     //  First argument of the handlers
    zactor_t *thread;
    atomic_bool started, ended;     //  The thread's; CZMQ hands over by messages, which sanitizers do not see
    fst_rc_t rc;                    //  Of starting, and what belongs to it
    char *problem;
    const fst_schema_command_t *schemas [FST_ACTOR_COMMANDS_MAX];   //  One for each row of commands
    fst_trust_t *trust;
    fst_revoked_t *revoked;         //  NULL if no command looks at tokens
    zsock_t *pipe;                  //  Borrowed
    fst_lane_t *lanes [FST_ACTOR_LANES_MAX];
    zsock_t *port, *publisher, *subscriber;
    char *port_endpoint;
    unsigned registrations;         //  Of the first lane, when publisher and subscriber were made
    fst_caller_t *caller;           //  NULL without a broker
    zlist_t *calls;
    fst_actor_events_t *events;     //  NULL if the class wants no durable ones
    fst_actor_fd_t fds [FST_ACTOR_FDS_MAX];
    size_t fds_count;
    fst_actor_watched_t watched [FST_ACTOR_WATCHED_MAX];
    size_t watched_count;           //  Places that were ever used
    size_t requests, port_requests; //  Under way; of these, the port's
    int64_t opened_ms;              //  When the sockets were made first
    int64_t beat_ms, tick_ms, revoked_ms, metrics_ms, events_ms;
    int64_t started_ms;             //  Wall time
    char process [9];               //  Random hex: this start of ours
    fst_actor_tally_t tallies [FST_ACTOR_COMMANDS_MAX + 1];     //  Those of no row last
    zmq_pollitem_t items [FST_ACTOR_ITEMS_MAX];
    struct { fst_actor_kind_t kind; size_t index; } slots [FST_ACTOR_ITEMS_MAX];
    size_t items_count;
};
//  ---- fst_actor_requests.c

//  The part of a service's name before its dot names its schemas.
fst_rc_t FST_CHECKED
fst_actor_find_schemas (fst_actor_t *self);

//  Take a request from a lane, if there is one, and handle it.
bool
fst_actor_read_lane (fst_actor_t *self, fst_lane_t *lane, int64_t now_ms);

//  Take at most that many from the port.
void
fst_actor_read_port (fst_actor_t *self, int count_max);

//  ---- fst_actor_describe.c

#define FST_ACTOR_DESCRIBE "DESCRIBE"

//  The reply of DESCRIBE.
json_t *
fst_actor_describe (const fst_actor_t *self);

//  ---- fst_actor_metrics.c

//  A request is about to be answered.
void
fst_actor_count (fst_actor_t *self, const fst_request_t *request);

//  Publish if it is time to. Returns when it is next.
int64_t
fst_actor_tick_metrics (fst_actor_t *self, int64_t now_ms);

//  ---- fst_actor_bus.c

//  A socket that replaces *socket_p. On failure the actor's problem is set.
fst_rc_t FST_CHECKED
fst_actor_connect (fst_actor_t *self, int type, const char *endpoint, zsock_t **socket_p);

//  Make the sockets of events, or make them anew.
fst_rc_t FST_CHECKED
fst_actor_open_events (fst_actor_t *self);

//  The lanes find out when the broker is another one, or lets us in only now; libzmq may never try again with
//  the other sockets, so they follow.
void
fst_actor_follow_lanes (fst_actor_t *self);

void
fst_actor_read_events (fst_actor_t *self);

//  Give the calls that were answered to who made them.
void
fst_actor_finish_calls (fst_actor_t *self);

//  All others end with FST_INTERRUPTED.
void
fst_actor_end_calls (fst_actor_t *self);

//  ---- fst_actor_events.c

//  Begin, if the class has a table of them. The actor was started.
void
fst_actor_open_durable (fst_actor_t *self);

//  Something happened: ask now. topic: of a live event; NULL: in any case.
void
fst_actor_hear_durable (fst_actor_t *self, const char *topic);

//  Hand out, ask, move the cursor. Returns when it is next; events_ms may be set to an earlier time meanwhile.
int64_t
fst_actor_tick_durable (fst_actor_t *self, int64_t now_ms);

//  What was not done by now comes again at the next start; the cursor is moved to what was. Calls have ended.
void
fst_actor_close_durable (fst_actor_t *self);

#endif
