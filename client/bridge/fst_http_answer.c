//  Answers: their headers, their forms, and how they get to libmicrohttpd.

#include "fst_http_self.h"
#include <assert.h>
#include <stdarg.h>
#include <string.h>
#include "fst_clock.h"

//  For every answer, unless the handler has set the header itself. No page of ours has script or style inside it,
//  and nobody may put it in a frame.
static const struct { const char *name, *value; } s_standard [] = {
    { "Content-Security-Policy", "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; "
                                 "base-uri 'none'; form-action 'self'; frame-ancestors 'none'" },
    { "X-Frame-Options", "DENY" },
    { "X-Content-Type-Options", "nosniff" },
    { "Referrer-Policy", "same-origin" },
    { "Cross-Origin-Opener-Policy", "same-origin" },
    { "Cross-Origin-Resource-Policy", "same-origin" },
};

//  ---- Headers

static bool
s_is_set (const fst_http_request_t *self, const char *name)
{
    for (size_t at = 0; at < self->set_count; at++)
        if (strcasecmp (self->set [at].name, name) == 0)
            return true;
    return false;
}

void
fst_http_set_header (fst_http_request_t *self, const char *name, const char *value)
{
    assert (self && name && value);
    if (self->answered || !fst_http_value_valid (value))
        return;
    assert (self->set_count < FST_HTTP_SET_MAX);
    self->set [self->set_count].name = strdup (name);
    self->set [self->set_count++].value = strdup (value);
}

void
fst_http_set_headerf (fst_http_request_t *self, const char *name, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    char *value = zsys_vprintf (format, args);
    va_end (args);
    assert (value);
    fst_http_set_header (self, name, value);
    free (value);
}

static void
s_add_headers (fst_http_request_t *self, const char *type)
{
    bool framed = s_is_set (self, "Content-Security-Policy");       //  That one says who may put it in a frame
    for (size_t at = 0; at < sizeof (s_standard) / sizeof (s_standard [0]); at++)
        if (!s_is_set (self, s_standard [at].name) && !(framed && strcmp (s_standard [at].name, "X-Frame-Options") == 0))
            MHD_add_response_header (self->response, s_standard [at].name, s_standard [at].value);
    MHD_add_response_header (self->response, "X-Request-Id", self->id);
    if (type && !s_is_set (self, "Content-Type"))
        MHD_add_response_header (self->response, "Content-Type", type);
    for (size_t at = 0; at < self->set_count; at++)
        MHD_add_response_header (self->response, self->set [at].name, self->set [at].value);
}

//  ---- On its way

//  Takes the response. What was answered before, or comes too late, is dropped.
static void
s_answer (fst_http_request_t *self, int status, const char *type, struct MHD_Response *response)
{
    assert (response);
    if (self->answered || !self->http) {
        MHD_destroy_response (response);
        return;
    }
    self->response = response;
    self->status = status;
    s_add_headers (self, type);
    self->answered = true;
    fst_http_resume (self);             //  If it waits for this: the next call of libmicrohttpd queues it
}

bool
fst_http_queue (fst_http_request_t *self)
{
    assert (self->answered && !self->queued);
    if (MHD_queue_response (self->connection, (unsigned) self->status, self->response) != MHD_YES)
        return false;
    MHD_destroy_response (self->response);          //  The connection has its own reference
    self->response = NULL;
    self->queued = true;
    self->woken = false;
    self->window_ms = fst_clock_mono_ms ();
    self->window_bytes = 0;
    if (self->status > 0 && self->status < 600)
        self->http->counts.codes [self->status]++;
    return true;
}

//  ---- Forms

void
fst_http_reply_data (fst_http_request_t *self, int status, const char *type, const void *data, size_t bytes)
{
    assert (self);
    s_answer (self, status, type, MHD_create_response_from_buffer (bytes, (void *) data, MHD_RESPMEM_MUST_COPY));
    if (self->http)
        self->http->counts.bytes_out += bytes;
}

void
fst_http_reply_static (fst_http_request_t *self, int status, const char *type, const void *data, size_t bytes)
{
    assert (self);
    s_answer (self, status, type, MHD_create_response_from_buffer (bytes, (void *) data, MHD_RESPMEM_PERSISTENT));
    if (self->http)
        self->http->counts.bytes_out += bytes;
}

void
fst_http_reply_empty (fst_http_request_t *self, int status)
{
    assert (self);
    s_answer (self, status, NULL, MHD_create_response_from_buffer (0, (void *) "", MHD_RESPMEM_PERSISTENT));
}

void
fst_http_reply_json (fst_http_request_t *self, int status, json_t *body)
{
    assert (self);
    char *text = body? json_dumps (body, JSON_COMPACT): strdup ("{}");
    assert (text);
    if (!s_is_set (self, "Cache-Control"))
        fst_http_set_header (self, "Cache-Control", "no-store");
    if (self->http)
        self->http->counts.bytes_out += strlen (text);
    s_answer (self, status, "application/json",
              MHD_create_response_from_buffer (strlen (text), text, MHD_RESPMEM_MUST_FREE));
    json_decref (body);
}

static void
s_refuse (fst_http_request_t *self, int status, const char *code, const char *standard, const char *format, va_list args)
{
    char *message = format? zsys_vprintf (format, args): strdup (standard);
    assert (message);
    json_t *body = json_pack ("{s:s, s:s}", "code", code, "message", message);
    if (!body)
        body = json_pack ("{s:s, s:s}", "code", code, "message", standard);      //  That was no UTF-8
    free (message);
    fst_http_reply_json (self, status, body);
}

void
fst_http_fail (fst_http_request_t *self, fst_rc_t rc, const char *format, ...)
{
    assert (self && rc != FST_OK);
    va_list args;
    va_start (args, format);
    s_refuse (self, fst_error_http (rc), fst_error_code (rc), fst_error_text (rc), format, args);
    va_end (args);
}

void
fst_http_refuse (fst_http_request_t *self, int status, const char *code, const char *format, ...)
{
    assert (self && code && format);
    va_list args;
    va_start (args, format);
    s_refuse (self, status, code, code, format, args);
    va_end (args);
}

//  ---- Streams

static ssize_t
s_read (void *arg, uint64_t position, char *data, size_t bytes)
{
    fst_http_request_t *self = arg;
    (void) position;
    if (!self->http || self->cut)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    self->woken = false;
    ssize_t got = self->read (self->read_arg, data, bytes);
    assert (got <= (ssize_t) bytes);
    if (got == FST_HTTP_CUT)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (got == FST_HTTP_END)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (got == 0)
        fst_http_wait (self, FST_HTTP_WAITS_PIECE);
    else {
        self->http->counts.bytes_out += (uint64_t) got;
        fst_http_moved (self, (size_t) got);
    }
    return got;
}

static void
s_read_end (void *arg)
{
    fst_http_request_t *self = arg;
    fst_http_release (&self);
}

void
fst_http_reply_stream (fst_http_request_t *self, int status, const char *type, int64_t bytes,
                       fst_http_read_fn *read, void *arg)
{
    assert (self && read);
    if (!self->answered) {
        self->read = read;
        self->read_arg = arg;
    }
    size_t piece = bytes < 0? FST_HTTP_OPEN_BYTES: bytes < FST_HTTP_PIECE_BYTES? (size_t) bytes + 1: FST_HTTP_PIECE_BYTES;
    s_answer (self, status, type, MHD_create_response_from_callback (bytes < 0? MHD_SIZE_UNKNOWN: (uint64_t) bytes,
              piece, s_read, fst_http_hold (self), s_read_end));
}
