//  A whole cluster in one thread and in virtual time: the real metadata and storage actors, linked against an actor
//  loop, worker pools, clocks and a network that all follow one seed. Nothing here waits: an hour takes a moment.
//
//      sim_t *sim = sim_new (&(sim_options_t) { .seed = sim_seed (), .nodes = 3, .clients = 1 });
//      fst_rc_t rc = sim_put (sim, SIM_CLIENT (1), "a", 300000);
//      sim_kill (sim, SIM_NODE (2));                       //  As kill -9 does
//      SIM_UNTIL (sim, sim_saw (sim, "node pruned node=node-2"), 60000);
//      sim_check (sim);                                    //  Everything acknowledged is whole
//      sim_destroy (&sim);
//
//  What stands in for the outside: sim_actor.c (bus/fst_actor.h), sim_pool.c, sim_clock.c, sim_peer.c, sim_log.c,
//  and hooks around disk and SQLite (sim_disk.c). One world at a time in a process. FST_SIM_LOG=1 shows what the
//  actors log, with virtual times; FST_SEED repeats a run.

#ifndef SIM_H_INCLUDED
#define SIM_H_INCLUDED

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "fst_error.h"

typedef struct sim sim_t;

//  The parts of the cluster; nodes and clients count from 1.
#define SIM_NODES_MAX   8
#define SIM_CLIENTS_MAX 8
#define SIM_BROKER      0
#define SIM_METADATA    1
#define SIM_NODE(n)     (1 + (n))
#define SIM_CLIENT(n)   (1 + SIM_NODES_MAX + (n))
#define SIM_PARTS       (2 + SIM_NODES_MAX + SIM_CLIENTS_MAX)

typedef struct {
    uint64_t seed;
    int nodes, clients;
    const char *const *settings;    //  NAME, VALUE, ..., NULL for the actors; over what sim_new sets
    //  The network; all 0: messages take up to 2 ms and events come once, in order
    int delay_ms;                   //  Most that a message takes; 0 = 2
    int lost_percent;               //  Of events; commands and data travel on connections
    int again_percent;              //  Events that come twice
    int late_percent;               //  Events that come up to 15 s late
} sim_options_t;

//  FST_SEED, or one of this moment. Printed.
uint64_t
sim_seed (void);

//  Run a script with so many seeds from sim_seed on: one if FST_SEED is given, FST_SIM_SEEDS of them if that is.
void
sim_each_seed (int count, void (*script) (uint64_t seed));

//  Starts all parts and waits until all nodes are registered.
sim_t *
sim_new (const sim_options_t *options);

void
sim_destroy (sim_t **self_p);

//  ---- Time

int64_t
sim_now_ms (const sim_t *self);

//  Let time pass.
void
sim_elapse (sim_t *self, int64_t ms);

//  One event. False if there is none before until_ms; then it is until_ms.
bool
sim_step (sim_t *self, int64_t until_ms);

//  Let time pass until condition holds, at most so long; whether it does. Looked at every 100 ms. Not inside a task.
#define SIM_UNTIL(sim, condition, most_ms) ({ \
    int64_t until_ms_ = sim_now_ms (sim) + (most_ms); \
    bool holds_; \
    while (!(holds_ = (condition)) && sim_now_ms (sim) < until_ms_) \
        sim_elapse ((sim), 100); \
    holds_; })

//  ---- Trouble

//  Kill a part as kill -9 does: nothing is flushed, requests that it holds vanish, its files stay. Works for the
//  broker too.
void
sim_kill (sim_t *self, int part);

//  End it as SIGTERM does.
void
sim_stop (sim_t *self, int part);

//  Start a part that is down, on the files that it had. Not FST_OK: it is still down.
fst_rc_t
sim_start (sim_t *self, int part);

bool
sim_is_up (const sim_t *self, int part);

//  Kill at the nth point from now (1 is the next): before each message that it handles, before and after each that it
//  sends and each commit, before each flush, job and change on disk. 0 = never. sim_start sets it back.
void
sim_kill_at (sim_t *self, int part, int nth);

//  Start again, so long after it ended, whenever it is killed from now on; -1 = not any more.
void
sim_restart_after (sim_t *self, int part, int64_t ms);

//  Cut the way from one part to another; messages on it are lost. Services and events go by way of SIM_BROKER.
void
sim_cut (sim_t *self, int from, int to);
void
sim_cut_both (sim_t *self, int a, int b);

//  Cut a part off from all others.
void
sim_isolate (sim_t *self, int part);

//  Mend all cuts that touch this part.
void
sim_mend (sim_t *self, int part);

//  Stop a part's process for so long (SIGSTOP, a sleeping machine): clocks and messages go on without it.
void
sim_pause (sim_t *self, int part, int64_t ms);

//  Set the wall clock of a part's machine so much ahead of, or behind, the true time. The monotonic one is of no
//  interest to clock setters and goes on.
void
sim_set_wall (sim_t *self, int part, int64_t ahead_ms);

//  Change the network from now on; see sim_options_t.
void
sim_set_events (sim_t *self, int lost_percent, int again_percent, int late_percent);

//  Publish an event in the name of a part, such as a heartbeat of long ago. body is taken.
void
sim_publish (sim_t *self, int part, const char *topic, json_t *body);

//  The last event of that topic which was published; NULL if there was none. Borrowed.
json_t *
sim_last_event (sim_t *self, const char *topic);

//  Folder of a part's files.
const char *
sim_folder (const sim_t *self, int part);

//  Keep a copy of metadata's database as it is now, under a name; put it back, for which metadata must be down.
void
sim_keep_database (sim_t *self, const char *name);
void
sim_restore_database (sim_t *self, const char *name);

//  The disk of a node that is down is replaced by an empty one.
void
sim_wipe (sim_t *self, int node);

//  ---- What happened

//  A line of the trace, "[10000] metadata: node silent node=node-2", without its time: what the actors said by
//  event, and what was done to them.
//  How often it was said since from_ms.
int
sim_saw_since (const sim_t *self, const char *line, int64_t from_ms);

//  Whether it was said at all.
#define sim_saw(sim, line) (sim_saw_since ((sim), "metadata: " line, 0) > 0)

//  What metadata said of a node: "registered silent pruned back". Borrowed until the next call.
const char *
sim_history (sim_t *self, int node);

//  The whole trace. Borrowed.
const char *
sim_trace (const sim_t *self);

//  A number over all that happened, messages and their times too: equal for equal runs.
uint64_t
sim_digest (const sim_t *self);

//  ---- Clients. Called from the script, they let time pass until they are done; called from a task, the others
//  go on meanwhile. All results are noted for sim_check.

//  Call a service over the broker, as the client (who is an admin). payload is taken; *reply_p may be NULL, else
//  the caller owns it.
fst_rc_t
sim_call (sim_t *self, int client, const char *service, const char *command, json_t *payload, json_t **reply_p);

//  Store so many octets, made up from path and seed. path is relative to the client's home.
//  Goes on with other nodes, and waits for nodes and metadata to come back, for up to a minute.
fst_rc_t
sim_put (sim_t *self, int client, const char *path, int64_t bytes);

//  Read a file and compare it with what it should be. FST_CORRUPT never comes from a node: it is a failed check.
fst_rc_t
sim_get (sim_t *self, int client, const char *path);

//  For ever.
fst_rc_t
sim_delete (sim_t *self, int client, const char *path);

fst_rc_t
sim_move (sim_t *self, int client, const char *from, const char *to);

//  A file that is at to gets a new version.
fst_rc_t
sim_copy (sim_t *self, int client, const char *from, const char *to);

//  Delete a file, to the trash, and take it back.
fst_rc_t
sim_delete_and_restore (sim_t *self, int client, const char *path);

//  Whether it is known what a path holds: no change of it went without an answer.
bool
sim_is_certain (sim_t *self, int client, const char *path);

//  A task: runs when others wait.
void
sim_spawn (sim_t *self, void (*run) (sim_t *sim, void *arg), void *arg);

//  Tasks that have not ended.
int
sim_tasks (const sim_t *self);

//  In a task: let time pass. In the script the same as sim_elapse.
void
sim_sleep (sim_t *self, int64_t ms);

//  A number below limit, from the seed.
uint64_t
sim_random (sim_t *self, uint64_t limit);

//  ---- Checks. They print what is wrong, with the end of the trace, and abort.

//  All parts are made to run, all cuts mended; then each file that was acknowledged is read from every node that is
//  said to hold it and is whole, what was deleted is gone, and nothing is visible that nobody has put.
void
sim_check (sim_t *self);

//  All parts are made to run, all cuts mended; then, within most_ms, the cluster is as it should be: each extent has
//  the copies that are wanted, nodes hold nothing else, and nothing waits to be deleted.
void
sim_settle (sim_t *self, int64_t most_ms);

//  Metadata is stopped, its books are counted anew, and it is started again.
void
sim_check_books (sim_t *self);

//  A file that is lost, as it should be: any content is right from now on.
void
sim_forget (sim_t *self, int client, const char *path);

//  STATUS of metadata; the caller owns it. NULL if there is no answer.
json_t *
sim_status (sim_t *self);

//  A number of STATUS, "nodes.alive"; -1 if there is no answer or no such number.
int64_t
sim_figure (sim_t *self, const char *name);

//  Fail unless the condition holds.
#define SIM_CHECK(sim, condition) \
    do { \
        if (!(condition)) \
            sim_fail ((sim), __FILE__, __LINE__, #condition); \
    } while (0)
void
sim_fail (sim_t *self, const char *file, int line, const char *condition) __attribute__ ((noreturn));

#endif
