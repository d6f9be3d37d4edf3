//  A request inside the actor loop: where it came from, what was decoded, and how it is answered. What
//  handlers see of it is in fst_actor.h.

#ifndef FST_REQUEST_H_INCLUDED
#define FST_REQUEST_H_INCLUDED

#include "fst_actor.h"
#include "fst_envelope.h"
#include "fst_lane.h"
#include "fst_peek.h"
#include "fst_schema.h"

//  Sends the answer to where the request came from; takes it.
typedef void (fst_answer_fn) (void *arg, fst_request_t *request, zmsg_t **answer_p);

struct fst_request {
    fst_answer_fn *answer;
    void *arg;
    fst_lane_t *lane;                       //  Came over the broker; borrowed
    zframe_t *peer;                         //  Or over the port: its identity there; owned
    char user [2 * FST_USER_BYTES_MAX + 1]; //  Who the gate let in there
    char id [FST_PEEK_ID_BYTES];            //  "" if it could not be found
    fst_envelope_request_t envelope;
    const fst_schema_command_t *schema;     //  NULL until the command is known
    int row;                                //  Of the actor's table; -1: none of those
    fst_rc_t rc;                            //  How it was answered
    int64_t begun_us;                       //  When it came
    bool has_claims;
    fst_claims_t claims;
    zframe_t **frames;                      //  Owned
    size_t frames_count;
};

//  One of lane and peer; *peer_p is taken.
fst_request_t *
fst_request_new (fst_answer_fn *answer, void *arg, fst_lane_t *lane, zframe_t **peer_p);

//  Decode [JSON][binary frames].. ; takes the message. On failure where says why, and the request can still
//  be failed.
fst_rc_t FST_CHECKED
fst_request_decode (fst_request_t *self, zmsg_t **message_p, char *where, size_t size);

//  Replies and published events are checked too, unless that was switched off (FST_CHECK_REPLIES=0 or 1;
//  debug builds do it by themselves): a reply that breaks its own contract becomes FST_INTERNAL.
bool
fst_request_check_replies (void);

#endif
