//  An answer whose content a transfer makes: the request waits until the transfer's thread has told what the head needs,
//  then takes octets from the pipe as fast as the client does.
//
//  Put one first in what the transfer's functions get as arg; request, flow, answer, what and path are set before
//  fst_stream_begin.

#ifndef FST_STREAM_H_INCLUDED
#define FST_STREAM_H_INCLUDED

#include "fst_flow.h"
#include "fst_http.h"

typedef struct {
    fst_http_request_t *request;    //  Held until it ended
    fst_flow_t *flow;
    bool answered;
    int64_t length, given;          //  Octets of content, and those that the client was given; length -1: until the thread ends
    void (*answer) (void *arg);     //  The head is known: send it, with fst_stream_read
    const char *what, *path;        //  For the log; path is borrowed
} fst_stream_t;

//  Begin the transfer of args, with args->arg a fst_stream_t; news are set here. On failure the request has its answer, and
//  args->dispose was called.
void
fst_stream_begin (fst_flows_t *flows, fst_http_request_t *request, const fst_flow_args_t *args);

//  For fst_http_reply_stream; arg is the fst_stream_t.
ssize_t
fst_stream_read (void *arg, void *data, size_t bytes);

#endif
