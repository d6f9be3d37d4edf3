//  Content down and up: a flow for each request.

#include "fst_files.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "fst_mime.h"
#include "fst_range.h"
#include "fst_stream.h"
#include "fst_text.h"

#define PIPE_BYTES    (1024 * 1024)
#define COMMIT_MS     600000        //  Making a large file durable may take a while

struct fst_files {
    fst_flows_t *flows;
};

fst_files_t *
fst_files_new (fst_flows_t *flows)
{
    assert (flows);
    fst_files_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->flows = flows;
    return self;
}

void
fst_files_destroy (fst_files_t **self_p)
{
    assert (self_p);
    free (*self_p);
    *self_p = NULL;
}

//  What a request says of itself, in own memory: the thread reads it when the request may be gone.
static char *
s_keep (const char *text)
{
    if (!text)
        return NULL;
    char *kept = strdup (text);
    assert (kept);
    return kept;
}

//  "/users/alice/x"; NULL, and an answer, if that cannot be a path in the store.
static char *
s_path (fst_http_request_t *request)
{
    const char *tail = fst_http_tail (request);
    char *path = malloc (strlen (tail) + 2);
    assert (path);
    sprintf (path, "/%s", tail);
    if (fst_path_acceptable (path))
        return path;
    free (path);
    fst_http_fail (request, FST_BAD_NAME, NULL);
    return NULL;
}

void
fst_files_refuse (fst_http_request_t *request, fst_rc_t rc)
{
    fst_http_set_header (request, "Retry-After", "2");
    if (rc == FST_TOO_MANY)
        fst_http_fail (request, rc, "You have too many uploads and downloads under way; wait until one is over.");
    else
        fst_http_fail (request, rc, "Too many uploads and downloads are under way; try again in a moment.");
}

//  ---- Down

typedef struct {
    fst_stream_t stream;
    char *path;
    int64_t version;
    bool head, save;
    fst_conditions_t conditions;

    //  The thread's; what it found out, before it told
    fst_flow_t *own;
    filestore_content_t content;
    char etag [FST_ETAG_MAX];
    fst_range_t range;
} s_get_t;

static void
s_get_dispose (void *arg)
{
    s_get_t *self = arg;
    char *kept [] = { self->path, (char *) self->conditions.if_match, (char *) self->conditions.if_none_match,
                      (char *) self->conditions.if_modified_since, (char *) self->conditions.if_unmodified_since,
                      (char *) self->conditions.if_range, (char *) self->conditions.range };
    for (size_t at = 0; at < sizeof (kept) / sizeof (*kept); at++)
        free (kept [at]);
    free (self);
}

//  On the thread: what will be given, and whether anything.
static fst_rc_t
s_opened (void *arg, const filestore_content_t *content, int64_t *offset_p, int64_t *length_p)
{
    s_get_t *self = arg;
    self->content = *content;
    fst_etag_make (content->id, content->version, self->etag);
    self->range = fst_range_decide (&self->conditions, self->etag, content->modified_ms, content->size);
    *offset_p = self->range.offset;
    *length_p = self->range.length;
    fst_flow_tell (self->own);
    return self->range.status < 300 && !self->head? FST_OK: FST_INTERRUPTED;
}

static fst_rc_t
s_get_run (void *arg, fst_flow_t *flow, filestore_t *client, char **problem_p)
{
    (void) problem_p;
    s_get_t *self = arg;
    filestore_sink_t sink = fst_flow_sink (flow);
    filestore_get_options_t options = { .length = -1, .version = self->version, .opened = s_opened, .opened_arg = self,
                                        .progress = fst_flow_progress, .progress_arg = flow };
    self->own = flow;
    return filestore_get (client, self->path, &sink, &options);
}

//  The header of an answer with content.
static void
s_set_content (s_get_t *self)
{
    fst_http_request_t *request = self->stream.request;
    const char *name = strrchr (self->path, '/') + 1;
    fst_mime_t mime = fst_mime_of (name);
    char *disposition = fst_mime_disposition (name, mime.show && !self->save);
    fst_http_set_header (request, "Accept-Ranges", "bytes");
    fst_http_set_header (request, "Content-Disposition", disposition);
    fst_http_set_header (request, "Content-Security-Policy", fst_mime_policy (mime.type));
    if (self->range.status == 206)
        fst_http_set_headerf (request, "Content-Range", "bytes %" PRId64 "-%" PRId64 "/%" PRId64, self->range.offset,
                              self->range.offset + self->range.length - 1, self->content.size);
    self->stream.length = self->range.length;
    fst_http_reply_stream (request, self->range.status, mime.type, self->range.length, fst_stream_read, &self->stream);
    free (disposition);
}

static void
s_get_answer (void *arg)
{
    s_get_t *self = arg;
    fst_http_request_t *request = self->stream.request;
    char date [FST_HTTP_DATE_MAX];
    fst_http_date (self->content.modified_ms, date);
    fst_http_set_header (request, "ETag", self->etag);
    fst_http_set_header (request, "Last-Modified", date);
    fst_http_set_header (request, "Cache-Control", "private, no-cache");
    if (self->range.status < 300)
        s_set_content (self);
    else
    if (self->range.status == 304)
        fst_http_reply_empty (request, 304);
    else
    if (self->range.status == 412)
        fst_http_refuse (request, 412, "changed", "The file is not the one that was asked for; it is %s now.", self->etag);
    else {
        fst_http_set_headerf (request, "Content-Range", "bytes */%" PRId64, self->content.size);
        fst_http_refuse (request, 416, "bad_range", "That is no single range within the %" PRId64 " octets of the file.",
                         self->content.size);
    }
}

static int64_t
s_version (fst_http_request_t *request)
{
    const char *text = fst_http_query (request, "version");
    char *end = NULL;
    int64_t version = text? strtoll (text, &end, 10): 0;
    return text && (*end || version <= 0 || version > INT64_C (9007199254740991))? -1: version;
}

static void
s_get (void *arg, fst_http_request_t *request)
{
    fst_files_t *files = arg;
    int64_t version = s_version (request);
    if (version < 0) {
        fst_http_fail (request, FST_MALFORMED, "A version is a number from 1 on.");
        return;
    }
    char *path = s_path (request);
    if (!path)
        return;
    s_get_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->path = path;
    self->version = version;
    self->head = fst_http_is_head (request);
    self->save = fst_http_query (request, "download") != NULL;
    self->conditions = (fst_conditions_t) {
        .if_match = s_keep (fst_http_header (request, "If-Match")),
        .if_none_match = s_keep (fst_http_header (request, "If-None-Match")),
        .if_modified_since = s_keep (fst_http_header (request, "If-Modified-Since")),
        .if_unmodified_since = s_keep (fst_http_header (request, "If-Unmodified-Since")),
        .if_range = s_keep (fst_http_header (request, "If-Range")),
        .range = s_keep (fst_http_header (request, "Range"))
    };
    self->stream = (fst_stream_t) { .answer = s_get_answer, .what = "download", .path = self->path };
    fst_flow_args_t args = { .pipe_bytes = PIPE_BYTES, .run = s_get_run, .dispose = s_get_dispose, .arg = self };
    fst_stream_begin (files->flows, request, &args);
}

//  ---- Up

typedef struct {
    fst_http_request_t *request;    //  Held until it ended
    fst_flow_t *flow;
    char *path;
    bool fresh;                     //  There must be no such file
    bool asks;                      //  The client waits to be told that its body is welcome
    char *match;                    //  If-Match, or NULL
    int64_t modified_ms;
    bool answered;
    json_t *reply;                  //  The thread's, until it is over
} s_put_t;

static void
s_put_dispose (void *arg)
{
    s_put_t *self = arg;
    json_decref (self->reply);
    free (self->path);
    free (self->match);
    free (self);
}

static bool
s_is_folder (json_t *entry)
{
    return strcmp (json_string_value (json_object_get (entry, "kind")), "folder") == 0;
}

static fst_rc_t
s_may_be_in (filestore_t *client, const char *path, char **problem_p)
{
    char *parent = s_keep (path);
    *strrchr (parent, '/') = 0;
    json_t *entry = NULL;
    fst_rc_t rc = filestore_stat (client, *parent? parent: "/", &entry);
    if (rc == FST_OK && !s_is_folder (entry)) {
        rc = FST_NOT_A_FOLDER;
        *problem_p = s_keep (fst_error_text (rc));
    }
    json_decref (entry);
    free (parent);
    return rc;
}

fst_rc_t
fst_files_may_put (filestore_t *client, const char *path, bool replace, char **problem_p)
{
    json_t *entry = NULL;
    fst_rc_t rc = filestore_stat (client, path, &entry);
    if (rc == FST_NOT_FOUND)
        return s_may_be_in (client, path, problem_p);
    if (rc != FST_OK)
        return rc;
    rc = s_is_folder (entry)? FST_IS_A_FOLDER: replace? FST_OK: FST_EXISTS;
    json_decref (entry);
    if (rc != FST_OK)
        *problem_p = s_keep (rc == FST_EXISTS? "There is a file of that name already; say that it is to be replaced, or "
                                               "take another name.": fst_error_text (rc));
    return rc;
}

//  On the thread: the version that must be current still when the content is there.
static fst_rc_t
s_put_matches (const s_put_t *self, filestore_t *client, int64_t *version_p, char **problem_p)
{
    json_t *entry = NULL;
    fst_rc_t rc = filestore_stat (client, self->path, &entry);
    char etag [FST_ETAG_MAX] = "";
    if (rc == FST_OK) {
        *version_p = json_integer_value (json_object_get (entry, "version"));
        fst_etag_make (json_integer_value (json_object_get (entry, "id")), *version_p, etag);
        json_decref (entry);
    }
    if (rc == FST_NOT_FOUND || (rc == FST_OK && !fst_etag_listed (self->match, etag, true))) {
        *problem_p = strdup (rc == FST_OK? "The file was changed meanwhile; look at it before you replace it.":
                                           "There is no such file any more.");
        return FST_CHANGED;
    }
    return rc;
}

static fst_rc_t
s_put_run (void *arg, fst_flow_t *flow, filestore_t *client, char **problem_p)
{
    s_put_t *self = arg;
    filestore_source_t source = fst_flow_source (flow);
    filestore_put_options_t options = { .modified_ms = self->modified_ms, .no_replace = self->fresh,
                                        .progress = fst_flow_progress, .progress_arg = flow };
    options.has_if_version = self->match != NULL;
    fst_rc_t rc = self->match? s_put_matches (self, client, &options.if_version, problem_p)
                : self->asks? fst_files_may_put (client, self->path, !self->fresh, problem_p): FST_OK;
    if (rc != FST_OK)
        return rc;
    fst_flow_tell (flow);
    return filestore_put (client, self->path, &source, &options, &self->reply);
}

static void
s_put_done (s_put_t *self)
{
    fst_http_request_t *request = self->request;
    int64_t version = json_integer_value (json_object_get (self->reply, "version"));
    int64_t id = json_integer_value (json_object_get (self->reply, "id"));
    char etag [FST_ETAG_MAX];
    fst_etag_make (id, version, etag);
    fst_http_set_header (request, "ETag", etag);
    fst_http_reply_json (request, version == 1? 201: 200, json_pack ("{s:O, s:I, s:I}",
        "path", json_object_get (self->reply, "path"), "id", (json_int_t) id, "version", (json_int_t) version));
}

static size_t
s_put_take (void *arg, fst_http_request_t *request, const void *data, size_t bytes);

static void
s_put_news (void *arg, fst_flow_t *flow)
{
    s_put_t *self = arg;
    fst_rc_t rc;
    const char *problem;
    if (!self->answered && fst_flow_over (flow, &rc, &problem)) {
        self->answered = true;
        if (rc == FST_OK)
            s_put_done (self);
        else
        if ((rc == FST_EXISTS && self->fresh) || (rc == FST_CHANGED && self->match))
            fst_http_refuse (self->request, 412, fst_error_code (rc), "%s", problem);
        else
            fst_http_fail (self->request, rc, "%s", problem);
    }
    if (self->asks && !self->answered && fst_flow_told (flow)) {
        self->asks = false;
        fst_http_receive (self->request, s_put_take, self);
    }
    fst_http_resume (self->request);
}

static size_t
s_put_take (void *arg, fst_http_request_t *request, const void *data, size_t bytes)
{
    (void) request;
    s_put_t *self = arg;
    fst_pipe_t *pipe = fst_flow_pipe (self->flow);
    if (data)
        return fst_pipe_give (pipe, data, bytes);
    fst_pipe_end (pipe);
    fst_http_set_patience (self->request, COMMIT_MS);
    return 0;
}

static void
s_put_ended (void *arg, fst_http_request_t *request)
{
    (void) request;
    s_put_t *self = arg;
    fst_flow_t *flow = self->flow;
    fst_http_release (&self->request);
    fst_flow_leave (&flow);
}

//  -1 if the header is no time.
static int64_t
s_modified (fst_http_request_t *request)
{
    const char *text = fst_http_header (request, "X-Modified-Ms");
    char *end = NULL;
    int64_t time_ms = text? strtoll (text, &end, 10): 0;
    return text && (!*text || *end || time_ms < 0 || time_ms > INT64_C (9007199254740991))? -1: time_ms;
}

//  What cannot be asked of a PUT; true if it was answered.
static bool
s_put_refused (fst_http_request_t *request)
{
    const char *none = fst_http_header (request, "If-None-Match");
    if (s_modified (request) < 0)
        fst_http_fail (request, FST_MALFORMED, "X-Modified-Ms is a time in milliseconds since 1970.");
    else
    if (none && strcmp (none, "*") != 0)
        fst_http_fail (request, FST_MALFORMED, "If-None-Match can only be * here: there must be no such file.");
    else
    if (fst_http_header (request, "Content-Range"))
        fst_http_fail (request, FST_MALFORMED, "A part of a file cannot be put; use /api/v1/uploads to send it in parts.");
    else
    if (fst_http_header (request, "Content-Encoding"))
        fst_http_refuse (request, 415, "malformed", "Send the content as it is, without an encoding.");
    else
        return false;
    return true;
}

static void
s_put (void *arg, fst_http_request_t *request)
{
    fst_files_t *files = arg;
    char *path = s_put_refused (request)? NULL: s_path (request);
    if (!path)
        return;
    s_put_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->path = path;
    self->fresh = fst_http_header (request, "If-None-Match") != NULL;
    self->match = s_keep (fst_http_header (request, "If-Match"));
    self->modified_ms = s_modified (request);
    self->asks = fst_http_expects (request);
    fst_flow_args_t args = { .token = fst_http_token (request), .user = fst_http_claims (request)->name, .upload = true,
                             .pipe_bytes = PIPE_BYTES, .run = s_put_run, .news = s_put_news,
                             .dispose = s_put_dispose, .arg = self };
    fst_rc_t rc = fst_flow_begin (files->flows, &args, &self->flow);
    if (rc != FST_OK) {
        fst_files_refuse (request, rc);
        s_put_dispose (self);
        return;
    }
    self->request = fst_http_hold (request);
    fst_http_on_end (request, s_put_ended, self);
    if (!self->asks)
        fst_http_receive (request, s_put_take, self);
}

static const fst_http_route_t s_routes [] = {
    { "GET", "/api/v1/files/", 0, s_get },
    { "PUT", "/api/v1/files/", FST_HTTP_STREAM, s_put },
    { NULL }
};

void
fst_files_add_routes (fst_files_t *self, fst_http_t *http)
{
    assert (self);
    fst_http_add_routes (http, s_routes, self);
}
