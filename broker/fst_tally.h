//  What came of the requests to each service, as the broker saw it: so that it is known of a service whatever language
//  it is written in.
//
//  A service is counted from its first worker on; names that are only asked for leave nothing behind. FST_TALLY_MAX at
//  most are kept: whoever has been gone longest makes room for a new one, and after FST_TALLY_GONE_MS is forgotten
//  anyhow. While that many are there, one more is not counted.
//
//  Pure.

#ifndef FST_TALLY_H_INCLUDED
#define FST_TALLY_H_INCLUDED

#include "fst_histogram.h"

#define FST_TALLY_MAX       512
#define FST_TALLY_GONE_MS   (3600 * 1000)

typedef enum {
    FST_TALLY_REPLIED,              //  A worker did, whatever it said
    FST_TALLY_LOST,                 //  The worker was gone before it did
    FST_TALLY_TIMEOUT,              //  All workers were busy until the deadline
    FST_TALLY_UNAVAILABLE,          //  There was no worker until the deadline
    FST_TALLY_BUSY,                 //  Too many requests waited
    FST_TALLY_TOO_LARGE,
    FST_TALLY_RESULTS
} fst_tally_result_t;

typedef struct {
    uint64_t results [FST_TALLY_RESULTS];
    fst_histogram_t worked;         //  From handing it to a worker until its reply; of FST_TALLY_REPLIED
    int64_t waited_us;              //  Of all requests together, until a worker had them or the broker gave up
} fst_tally_row_t;

typedef struct fst_tally fst_tally_t;

fst_tally_t *
fst_tally_new (int64_t now_ms);

void
fst_tally_destroy (fst_tally_t **self_p);

//  The first worker of a service came; its last one is gone.
void
fst_tally_offered (fst_tally_t *self, const char *service);
void
fst_tally_gone (fst_tally_t *self, const char *service);

//  A request ended.
void
fst_tally_count (fst_tally_t *self, const char *service, fst_tally_result_t result, int64_t waited_us, int64_t worked_us);

//  Time passes: forget those that are gone for long. When a service left is known as well as this is called often.
void
fst_tally_tick (fst_tally_t *self, int64_t now_ms);

//  Call each for every service, in no order.
void
fst_tally_each (const fst_tally_t *self, void (*each) (void *arg, const char *service, const fst_tally_row_t *row), void *arg);

#endif
