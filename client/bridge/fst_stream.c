//  An answer whose content a transfer makes.

#include "fst_stream.h"
#include <assert.h>
#include "fst_files.h"
#include "fst_log.h"

static void
s_news (void *arg, fst_flow_t *flow)
{
    fst_stream_t *self = arg;
    fst_rc_t rc;
    const char *problem;
    if (self->answered)
        fst_http_resume (self->request);
    else
    if (fst_flow_told (flow)) {
        self->answered = true;
        self->answer (self);
    }
    else
    if (fst_flow_over (flow, &rc, &problem)) {
        self->answered = true;
        fst_http_fail (self->request, rc, "%s", problem);
    }
}

static void
s_ended (void *arg, fst_http_request_t *request)
{
    (void) request;
    fst_stream_t *self = arg;
    fst_flow_t *flow = self->flow;
    fst_http_release (&self->request);
    fst_flow_leave (&flow);         //  Disposes of self, now or when the thread has stopped
}

void
fst_stream_begin (fst_flows_t *flows, fst_http_request_t *request, const fst_flow_args_t *args)
{
    assert (flows && request && args);
    fst_stream_t *self = args->arg;
    assert (self->answer && self->what && self->path);
    fst_flow_args_t own = *args;
    own.token = fst_http_token (request);
    own.user = fst_http_claims (request)->name;
    own.news = s_news;
    fst_rc_t rc = fst_flow_begin (flows, &own, &self->flow);
    if (rc != FST_OK) {
        fst_files_refuse (request, rc);
        args->dispose (self);
        return;
    }
    self->request = fst_http_hold (request);
    fst_http_on_end (request, s_ended, self);
}

ssize_t
fst_stream_read (void *arg, void *data, size_t bytes)
{
    fst_stream_t *self = arg;
    size_t count = fst_pipe_take (fst_flow_pipe (self->flow), data, bytes);
    self->given += (int64_t) count;
    if (count)
        return (ssize_t) count;
    fst_rc_t rc;
    const char *problem;
    if (self->given == self->length)
        return FST_HTTP_END;
    if (!fst_flow_over (self->flow, &rc, &problem))
        return 0;
    if (rc == FST_OK && self->length < 0)
        return FST_HTTP_END;
    fst_log_warning ("%s broke off path=\"%s\" reason=\"%s\"", self->what, self->path, problem);
    return FST_HTTP_CUT;
}
