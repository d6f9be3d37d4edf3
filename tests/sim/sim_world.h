//  The world's inside: what the substitutes share. Not for tests.

#ifndef SIM_WORLD_H_INCLUDED
#define SIM_WORLD_H_INCLUDED

#include <czmq.h>
#include <setjmp.h>
#include <sqlite3.h>
#include "fst_actor.h"
#include "fst_disk.h"
#include "fst_text.h"
#include "sim.h"

#define SIM_EPOCH_MS    1798761600000       //  Wall time at which a world begins
#define SIM_DATABASES   16                  //  That one part has open

typedef void (sim_event_fn) (sim_t *sim, void *arg);

//  What runs by itself: an actor, a client or the broker.
typedef struct {
    int index;
    char name [24];
    bool up;
    unsigned life;                  //  Counts its starts: what was meant for an earlier one is void
    int64_t mono_ms;                //  Its monotonic clock at the world's beginning
    int64_t wall_ahead_ms;
    int64_t paused_until_ms;
    int64_t restart_ms;             //  -1: not by itself

    //  Actors
    void *self;                     //  fst_metadata_t or fst_storage_t
    fst_actor_t *actor;
    fst_keys_t *keys;
    fst_config_t *config;
    char folder [300];
    sqlite3 *databases [SIM_DATABASES];
    int points, kill_at;
    int64_t disk_bytes, disk_used;

    //  At the broker
    unsigned connection;            //  Counts connections: what was under way on an earlier one is lost
    int64_t subscribed_ms;          //  Gets events from then on
    bool serving;                   //  Registered there
    unsigned serving_as;            //  With this connection
    int busy;                       //  Requests that it has under way

    //  Clients
    char *token;
} sim_part_t;

typedef struct sim_checker sim_checker_t;
typedef struct sim_task sim_task_t;

typedef struct {
    int64_t at_ms;
    uint64_t number;                //  First in, first out among equals
    sim_event_fn *run;
    void *arg;
} sim_event_t;

struct sim {
    sim_options_t options;
    char folder [256];
    int64_t now_ms;
    sim_event_t *heap;
    size_t events, events_size;
    uint64_t numbers;
    uint64_t random_net, random_test, random_actors;    //  Three streams, so that they do not disturb each other
    uint64_t digest;
    char *trace;
    size_t trace_bytes, trace_size;
    char history [4096];
    fst_keys_t *auth_keys;
    sim_part_t parts [SIM_PARTS];
    bool cut [SIM_PARTS] [SIM_PARTS];

    sim_part_t *running;            //  Whose code runs now; NULL: the test's
    jmp_buf jump;                   //  Out of it
    bool may_jump;

    zlist_t *entries;               //  Requests at the broker
    zlist_t *calls;                 //  Calls that are not done
    zlist_t *wires;                 //  Connections to data ports
    uint64_t names;                 //  For entries and wires
    zhashx_t *last_events;          //  Topic -> body
    zhashx_t *made;                 //  File -> when, plus one

    zlist_t *tasks;
    sim_task_t *task;               //  That runs now
    sim_checker_t *checker;
};

//  The one world there is.
extern sim_t *sim_world;

//  ---- World

//  Run at that time.
void
sim_at (sim_t *self, int64_t at_ms, sim_event_fn *run, void *arg);

//  A number below limit, for the network's luck.
uint64_t
sim_luck (sim_t *self, uint64_t limit);

uint64_t
sim_next_random (uint64_t *state);

//  Mix something that happened into the digest.
void
sim_note (sim_t *self, const char *what, uint64_t a, uint64_t b);

//  A line of the trace.
void
sim_say (sim_t *self, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

//  Run a part's code; false if it was killed meanwhile, and then it was buried.
bool
sim_run (sim_part_t *part, void (*run) (void *arg), void *arg);

//  The part that runs may be killed here.
void
sim_point (void);

//  It ends here and now.
void
sim_end_running (void) __attribute__ ((noreturn));

void
sim_remove_folder (const char *folder);

//  Virtual time at which a part's monotonic clock shows this.
int64_t
sim_from_mono (const sim_part_t *part, int64_t mono_ms);

//  Make randombytes follow the seed.
void
sim_seed_sodium (void);

//  ---- Actors

//  Something for the actor to do in its next turn, in the order of kinds.
typedef enum { SIM_LANE, SIM_EVENT, SIM_DONE, SIM_FD, SIM_PORT, SIM_KINDS } sim_kind_t;

typedef void (sim_item_fn) (fst_actor_t *actor, void *arg);

void
sim_actor_push (sim_part_t *part, sim_kind_t kind, sim_item_fn *handle, void *arg);

//  A request came over the broker, to be answered with this number. Takes body.
void
sim_actor_request (sim_part_t *part, uint64_t entry, zmsg_t *body);

//  Or over wire number wire, to the port. Takes message.
void
sim_actor_port (sim_part_t *part, uint64_t wire, zmsg_t *message);

//  An event of that topic.
void
sim_actor_event (sim_part_t *part, const char *topic, json_t *body);

unsigned
sim_actor_lanes (const sim_part_t *part);

const char *
sim_actor_service (const sim_part_t *part);

//  A pool's descriptor is readable.
void
sim_actor_readable (sim_part_t *part, int fd);

//  ---- Network

//  A call over the broker. payload is taken. finish gets the result once, unless the part ended; it may take *frames_p,
//  what came behind the reply (frames_p is NULL unless FST_OK).
typedef struct sim_call sim_call_t;
typedef void (sim_finish_fn) (void *arg, fst_rc_t rc, json_t *reply, zmsg_t **frames_p);
void
sim_net_call (sim_part_t *from, const char *service, const char *command, const char *token, json_t *payload,
              sim_finish_fn *finish, void *arg);

//  End all calls of a part with FST_INTERRUPTED.
void
sim_net_interrupt (sim_part_t *part);

//  The answer of an actor to a request of the broker. Takes message.
void
sim_net_answer (sim_part_t *from, uint64_t entry, zmsg_t *message);

//  An event to all that subscribed. body is taken.
void
sim_net_publish (sim_part_t *from, const char *topic, json_t *body);

//  A part came up, or went: connections begin, and end.
void
sim_net_up (sim_part_t *part);
void
sim_net_down (sim_part_t *part);

//  A connection to a data port. receive gets the messages.
typedef void (sim_receive_fn) (void *arg, zmsg_t *message);
uint64_t
sim_wire_new (sim_part_t *from, const char *endpoint, const char *user, const char *ticket, sim_receive_fn *receive,
              void *arg);

void
sim_wire_close (uint64_t wire);

//  Whose ticket opened it; "" if it is closed.
const char *
sim_wire_user (uint64_t wire);

//  Takes message.
void
sim_wire_send (uint64_t wire, zmsg_t *message);

//  How long a message takes; whether none gets through.
int64_t
sim_delay (void);
bool
sim_is_cut (int from, int to);

//  The answer of an actor to a request on a wire. Takes message.
void
sim_wire_answer (sim_part_t *from, uint64_t wire, zmsg_t *message);

//  ---- Disk

//  Close what a killed part had open, as the kernel does.
void
sim_disk_bury (sim_part_t *part);

//  ---- Clients

//  Let others go on until *flag.
void
sim_wait (sim_t *self, const bool *flag);

//  Resume tasks that can go on.
void
sim_resume (sim_t *self);

//  One connection, one call at a time on it.
typedef struct {
    uint64_t wire;
    char id [FST_ID_TEXT_BYTES + 1];
    bool over;
    fst_rc_t rc;
    json_t *reply;
    zmsg_t *frames;
} sim_port_t;

//  payload and frames are taken; *reply_p and *frames_p may be NULL. FST_UNREACHABLE after a second of silence.
fst_rc_t
sim_port_call (sim_t *self, sim_port_t *port, const char *command, json_t *payload, zmsg_t *frames, json_t **reply_p,
               zmsg_t **frames_p);

//  node is a row of GET_WRITE_NODES or GET_FILE_INFO. Close port->wire afterwards.
void
sim_open_port (sim_t *self, int client, json_t *node, sim_port_t *port);

//  The row about a node in a list; and a text that must be there.
json_t *
sim_find_node (json_t *list, const char *name);
const char *
sim_text (json_t *object, const char *name);

//  Whether a result means that nothing was done; otherwise nobody knows.
bool
sim_result_is_certain (fst_rc_t rc);

//  What should be in the store (sim_check.c).
sim_checker_t *
sim_checker_new (sim_t *sim);
void
sim_checker_destroy (sim_checker_t **self_p);

//  A client begins to change a path: until it is settled, both contents are right. bytes -1: it is deleted. version
//  makes contents of one path different.
uint64_t
sim_checker_begin (sim_checker_t *self, int client, const char *path, int64_t bytes);

//  It was acknowledged.
void
sim_checker_done (sim_checker_t *self, uint64_t change);

//  It was refused, and has not happened.
void
sim_checker_refused (sim_checker_t *self, uint64_t change);

//  A rename is two changes that happen together: to gets what from had.
uint64_t
sim_checker_begin_move (sim_checker_t *self, int client, const char *from, const char *to);
uint64_t
sim_checker_begin_copy (sim_checker_t *self, int client, const char *from, const char *to);

//  Whether this may be a file's content; data NULL: it is not there.
bool
sim_checker_right (sim_checker_t *self, int client, const char *path, const uint8_t *data, int64_t bytes);

//  The content of a change.
void
sim_checker_fill (sim_checker_t *self, uint64_t change, uint8_t *data);

//  Read a whole file from one copy each, or from all copies of each extent. Caller frees *data_p.
fst_rc_t
sim_read (sim_t *self, int client, const char *path, bool all_copies, uint8_t **data_p, int64_t *bytes_p,
          char *why, size_t why_size);

#endif
