//  What fst_pull.c (requests, peers, pace) and fst_pull_extent.c (one extent) share. Nobody else includes it.

#ifndef FST_PULL_SELF_H_INCLUDED
#define FST_PULL_SELF_H_INCLUDED

#include "fst_copy.h"
#include "fst_peer.h"
#include "fst_pool.h"
#include "fst_pull.h"
#include "fst_trace.h"

#define FST_PULL_PEERS_MAX 16
#define FST_PULL_PLACES    (4 * FST_PULLS_MAX)      //  With those that are answered and wait for what is under way
#define FST_PULL_BUSY_MS   50       //  Until somebody who was busy is asked again

typedef struct fst_pull_request fst_pull_request_t;

typedef struct {
    fst_peer_t *peer;               //  NULL: not asked yet
    unsigned failures;              //  In a row
    int64_t retry_ms;               //  Not before
} fst_pull_peer_t;

//  LOOKING at what is here; COPYING records; SEALING; CLEARING away what is wrong; DONE with a result.
typedef enum { FST_PULL_LOOKING, FST_PULL_COPYING, FST_PULL_SEALING, FST_PULL_CLEARING, FST_PULL_DONE } fst_pull_state_t;

//  One extent.
typedef struct {
    fst_pull_request_t *request;
    fst_extent_info_t want;
    json_t *sources;                //  Borrowed from the request
    fst_copy_t *copy;
    fst_pull_state_t state;
    size_t fetches;                 //  Asked for, or being stored
    unsigned turns;                 //  How often it was looked at
    bool reused;                    //  Some records were here before
    bool strange;                   //  A source had another record than the one that is wanted
    bool unlike;                    //  The records do not become what is wanted
    bool look;                      //  It must be looked at (again)
    unsigned bad;                   //  Sources that said that they have no good copy
    int64_t not_before_ms;
    const char *result;             //  Once DONE
    char receipt [FST_PROOF_TEXT_MAX];
} fst_pull_extent_t;

//  One PULL.
struct fst_pull_request {
    fst_pull_t *pull;
    fst_request_t *request;         //  NULL: answered; it only waits for what is under way
    char trace [FST_TRACE_BYTES_MAX + 1];
    uint64_t number;                //  In the order in which they came
    int64_t deadline_ms;
    fst_pull_peer_t peers [FST_PULL_PEERS_MAX];
    fst_pull_extent_t *extents;
    size_t count, done;
    size_t tasks;                   //  Under way, of any kind
};

struct fst_pull {
    fst_pull_options_t options;
    fst_pool_t *pool;               //  Looks at the disk
    fst_pull_request_t *requests [FST_PULL_PLACES];
    uint64_t asked;                 //  Requests that came
    unsigned turn;                  //  Who goes first
    size_t fetches;                 //  Under way
    int64_t clients_ms;             //  When clients were seen last
    int64_t rest_until_ms;          //  Between two rounds
    int64_t round_ms;               //  When this one began; 0: there is none
    int64_t round_bytes;            //  Left in it
    unsigned round_fetches;
};

//  Pace: may so many octets be asked for now? A yes counts: fst_pull_fetched is owed.
bool
fst_pull_may_fetch (fst_pull_t *self, int64_t bytes, int64_t now_ms);
void
fst_pull_fetched (fst_pull_t *self, int64_t bytes);

//  Another request, or another row of the same one, that came earlier is at this extent: a request may come twice when
//  the broker was restarted.
bool
fst_pull_is_elsewhere (const fst_pull_extent_t *extent);

//  Sources of an extent that may be asked now, and those that are lost, as masks.
unsigned
fst_pull_usable (const fst_pull_extent_t *extent, int64_t now_ms);
unsigned
fst_pull_lost (const fst_pull_extent_t *extent);

//  RETRIEVE from a source.
void
fst_pull_call (fst_pull_extent_t *extent, const fst_copy_ask_t *ask, fst_peer_done_fn *done, void *arg);

//  What became of one: whether the peer can be asked again.
void
fst_pull_heard (fst_pull_extent_t *extent, unsigned source, fst_rc_t rc);

//  Begin with an extent, and go on with it. False from go_on: nothing more may be asked for now.
void
fst_pull_extent_begin (fst_pull_extent_t *extent);
bool
fst_pull_extent_go_on (fst_pull_extent_t *extent, int64_t now_ms);

#endif
