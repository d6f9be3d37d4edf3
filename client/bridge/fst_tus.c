//  Uploads that can be resumed.

#include "fst_tus.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include "fst_clock.h"
#include "fst_files.h"
#include "fst_log.h"
#include "fst_range.h"
#include "fst_text.h"

#define PIPE_BYTES    (1024 * 1024)
#define SIZE_MAX_BYTES INT64_C (9007199254740991)
#define COMMIT_MS     600000        //  Making a large file durable may take a while
#define RESULT_MS     600000        //  So long the result is told to who asks again
#define RESULTS_MAX     1000        //  Of all; the oldest are forgotten
#define METADATA_MAX    8192

typedef struct s_upload {
    TAILQ_ENTRY (s_upload) link;
    fst_tus_t *set;
    char id [FST_ID_TEXT_BYTES + 1];
    char *user;
    uint8_t session [FST_SESSION_BYTES];    //  With whose token it becomes a file
    int64_t size, offset;
    int64_t used_ms;                //  Monotonic
    fst_flow_t *flow;               //  NULL when it is over: a result takes none of the user's transfers
    bool begun;                     //  The thread found that it can become a file
    fst_rc_t rc;                    //  The result
    char *problem;                  //  If it is not FST_OK
    int64_t file, version;          //  If it is
    fst_http_request_t *request;    //  That feeds it, or waits for its beginning or end; NULL for none

    //  Shared with the thread, which gets them before it begins
    struct s_work {
        char *path;
        int64_t modified_ms;
        bool replace;
        json_t *reply;              //  The thread's, until it is over
    } *work;                        //  The flow's
} s_upload_t;

struct fst_tus {
    fst_flows_t *flows;
    int64_t idle_ms;
    size_t places;                  //  Uploads that can be open at once
    TAILQ_HEAD (, s_upload) uploads;
    size_t results;                 //  Of them, over
};

//  ---- Metadata of tus: "path aGVsbG8=,replace dHJ1ZQ=="

static char *
s_decode (const char *text, size_t bytes)
{
    char *web = strndup (text, bytes);      //  Their alphabet is the standard one
    char *value = calloc (1, bytes + 1);
    assert (web && value);
    for (char *at = web; *at; at++)
        *at = *at == '+'? '-': *at == '/'? '_': *at == '-' || *at == '_'? '!': *at;
    while (bytes && web [bytes - 1] == '=')
        web [--bytes] = 0;
    size_t got = 0;
    if (fst_base64_decode (web, value, bytes, &got) != FST_OK || strlen (value) != got) {
        free (value);
        value = NULL;
    }
    free (web);
    return value;
}

char *
fst_tus_metadata (const char *header, const char *key)
{
    assert (header);
    assert (key);
    for (const char *at = header; *at; at += strcspn (at, ",")) {
        at += strspn (at, ", \t");
        size_t name = strcspn (at, " ,"), all = strcspn (at, ",");
        if (name != strlen (key) || strncmp (at, key, name) != 0)
            continue;
        const char *value = at + name + strspn (at + name, " ");
        size_t bytes = all - (size_t) (value - at);
        while (bytes && (value [bytes - 1] == ' ' || value [bytes - 1] == '\t'))
            bytes--;
        return s_decode (value, bytes);
    }
    return NULL;
}

//  ---- The thread

static void
s_work_dispose (void *arg)
{
    struct s_work *work = arg;
    json_decref (work->reply);
    free (work->path);
    free (work);
}

static fst_rc_t
s_run (void *arg, fst_flow_t *flow, filestore_t *client, char **problem_p)
{
    struct s_work *work = arg;
    fst_rc_t rc = fst_files_may_put (client, work->path, work->replace, problem_p);
    if (rc != FST_OK)
        return rc;
    fst_flow_tell (flow);
    filestore_source_t source = fst_flow_source (flow);
    filestore_put_options_t options = { .modified_ms = work->modified_ms, .no_replace = !work->replace,
                                        .progress = fst_flow_progress, .progress_arg = flow };
    return filestore_put (client, work->path, &source, &options, &work->reply);
}

//  ---- An upload

static bool
s_over (const s_upload_t *self)
{
    return !self->flow;
}

static void
s_end (s_upload_t *self)
{
    TAILQ_REMOVE (&self->set->uploads, self, link);
    self->set->results -= s_over (self);
    if (self->request) {
        fst_http_on_end (self->request, NULL, NULL);
        fst_http_refuse (self->request, 410, "gone", "This upload was ended.");
        fst_http_release (&self->request);
    }
    fst_flow_leave (&self->flow);
    free (self->problem);
    free (self->user);
    free (self);
}

static int64_t
s_left_ms (const s_upload_t *self, int64_t now_ms)
{
    return self->used_ms + (s_over (self)? RESULT_MS: self->set->idle_ms) - now_ms;
}

static void
s_set_offset (const s_upload_t *self, fst_http_request_t *request)
{
    char date [FST_HTTP_DATE_MAX];
    fst_http_date (fst_clock_wall_ms () + s_left_ms (self, fst_clock_mono_ms ()), date);
    fst_http_set_headerf (request, "Upload-Offset", "%" PRId64, self->offset);
    fst_http_set_header (request, "Upload-Expires", date);
}

//  The request has its answer: it belongs to the upload no more.
static void
s_let_go (s_upload_t *self)
{
    fst_http_on_end (self->request, NULL, NULL);
    fst_http_release (&self->request);
}

static void
s_request_ended (void *arg, fst_http_request_t *request)
{
    s_upload_t *self = arg;
    assert (self->request == request);
    fst_http_release (&self->request);
    self->used_ms = fst_clock_mono_ms ();
    if (!self->begun)
        s_end (self);               //  Nobody knows its name
}

static void
s_take_request (s_upload_t *self, fst_http_request_t *request)
{
    if (self->request) {            //  A connection that broke and has not been noticed yet
        fst_http_refuse (self->request, 409, "changed", "Another request goes on with this upload.");
        s_let_go (self);
    }
    self->request = fst_http_hold (request);
    self->used_ms = fst_clock_mono_ms ();
    fst_http_on_end (request, s_request_ended, self);
}

//  Answer who waits, if all is known.
static void
s_answer_end (s_upload_t *self)
{
    fst_http_request_t *request = self->request;
    if (!request || !s_over (self))
        return;
    if (self->rc != FST_OK) {       //  It can only be begun anew
        fst_http_fail (request, self->rc, "%s", self->problem);
        s_let_go (self);
        s_end (self);
        return;
    }
    char etag [FST_ETAG_MAX];
    fst_etag_make (self->file, self->version, etag);
    fst_http_set_header (request, "ETag", etag);
    fst_http_set_headerf (request, "X-Version", "%" PRId64, self->version);
    s_set_offset (self, request);
    if (fst_http_is_head (request)) {
        fst_http_set_headerf (request, "Upload-Length", "%" PRId64, self->size);
        fst_http_reply_empty (request, 200);
    }
    else {
        if (strcmp (fst_http_method (request), "POST") == 0)
            fst_http_set_headerf (request, "Location", "/api/v1/uploads/%s", self->id);
        fst_http_reply_empty (request, strcmp (fst_http_method (request), "POST") == 0? 201: 204);
    }
    s_let_go (self);
}

static void
s_answer_begun (s_upload_t *self)
{
    self->begun = true;
    if (self->size == 0) {          //  There is nothing to send: it is answered when it is there
        fst_pipe_end (fst_flow_pipe (self->flow));
        return;
    }
    fst_http_set_headerf (self->request, "Location", "/api/v1/uploads/%s", self->id);
    s_set_offset (self, self->request);
    fst_http_reply_empty (self->request, 201);
    s_let_go (self);
}

//  There is room for one more result.
static void
s_forget_results (fst_tus_t *set)
{
    s_upload_t *self, *next;
    for (self = TAILQ_FIRST (&set->uploads); self && set->results >= RESULTS_MAX; self = next) {
        next = TAILQ_NEXT (self, link);
        if (s_over (self) && !self->request)
            s_end (self);
    }
}

//  Keep what came of it, and give its flow back.
static void
s_keep_result (s_upload_t *self, fst_rc_t rc, const char *problem)
{
    s_forget_results (self->set);
    self->set->results++;
    self->rc = rc;
    if (rc == FST_OK) {
        self->file = json_integer_value (json_object_get (self->work->reply, "id"));
        self->version = json_integer_value (json_object_get (self->work->reply, "version"));
    }
    else {
        self->problem = strdup (problem);
        assert (self->problem);
    }
    self->work = NULL;
    fst_flow_leave (&self->flow);
}

static void
s_news (void *arg, fst_flow_t *flow)
{
    s_upload_t *self = arg;
    fst_rc_t rc;
    const char *problem;
    if (!self->begun && self->request && fst_flow_told (flow))
        s_answer_begun (self);
    if (!fst_flow_over (flow, &rc, &problem)) {
        if (self->request)
            fst_http_resume (self->request);
        return;
    }
    if (rc != FST_OK && rc != FST_INTERRUPTED)
        fst_log_warning ("upload failed id=%s reason=\"%s\"", self->id, problem);
    s_keep_result (self, rc, problem);
    s_answer_end (self);
}

//  ---- POST

static void
s_set_version (fst_http_request_t *request)
{
    fst_http_set_header (request, "Tus-Resumable", "1.0.0");
}

//  True if the request speaks our version; else it was answered.
static bool
s_speaks (fst_http_request_t *request)
{
    const char *version = fst_http_header (request, "Tus-Resumable");
    s_set_version (request);
    if (version && strcmp (version, "1.0.0") == 0)
        return true;
    fst_http_set_header (request, "Tus-Version", "1.0.0");
    fst_http_refuse (request, 412, "malformed", "Uploads speak tus 1.0.0; say Tus-Resumable: 1.0.0.");
    return false;
}

//  A header that is a number; -1 if it is none.
static int64_t
s_number (fst_http_request_t *request, const char *name)
{
    const char *text = fst_http_header (request, name);
    if (!text || !*text || strlen (text) > 16 || strspn (text, "0123456789") != strlen (text))
        return -1;
    int64_t number = strtoll (text, NULL, 10);
    return number > SIZE_MAX_BYTES? -1: number;
}

//  What is to be made, from the header; NULL, and an answer, if that makes no sense.
static struct s_work *
s_read_work (fst_http_request_t *request)
{
    const char *header = fst_http_header (request, "Upload-Metadata");
    char *path = header && strlen (header) <= METADATA_MAX? fst_tus_metadata (header, "path"): NULL;
    if (!path || *path != '/' || !fst_path_acceptable (path)) {
        fst_http_fail (request, FST_BAD_NAME, "Upload-Metadata must name the file's path, from / on, in base64.");
        free (path);
        return NULL;
    }
    struct s_work *work = calloc (1, sizeof (*work));
    assert (work);
    work->path = path;
    char *modified = fst_tus_metadata (header, "modified_ms"), *replace = fst_tus_metadata (header, "replace");
    work->modified_ms = modified? strtoll (modified, NULL, 10): 0;
    if (work->modified_ms < 0 || work->modified_ms > SIZE_MAX_BYTES)
        work->modified_ms = 0;
    work->replace = replace && (strcmp (replace, "true") == 0 || strcmp (replace, "1") == 0);
    free (modified);
    free (replace);
    return work;
}

//  ---- Who gives way when all places are taken

static bool
s_is_open (const s_upload_t *self, const char *user)
{
    return !s_over (self) && (!user || strcmp (self->user, user) == 0);
}

static size_t
s_count_open (const fst_tus_t *set, const char *user)
{
    size_t count = 0;
    const s_upload_t *self;
    TAILQ_FOREACH (self, &set->uploads, link)
        count += s_is_open (self, user);
    return count;
}

//  Of those that pause: one of the user who has most, and of these the one that was not used for longest. NULL if nobody pauses.
static s_upload_t *
s_who_gives_way (fst_tus_t *set, int64_t now_ms)
{
    s_upload_t *self, *found = NULL;
    size_t most = 0;
    TAILQ_FOREACH (self, &set->uploads, link) {
        if (s_over (self) || self->request || now_ms - self->used_ms < set->idle_ms / FST_FLOW_PAUSE_SHARE)
            continue;
        size_t count = s_count_open (set, self->user);
        if (count > most || (count == most && self->used_ms < found->used_ms)) {
            most = count;
            found = self;
        }
    }
    return found;
}

//  True if there is one.
static bool
s_make_place (fst_tus_t *set)
{
    if (s_count_open (set, NULL) < set->places)
        return true;
    s_upload_t *found = s_who_gives_way (set, fst_clock_mono_ms ());
    if (!found)
        return false;
    fst_log_info ("paused upload gives way id=%s user=%s offset=%" PRId64, found->id, found->user, found->offset);
    s_end (found);
    return true;
}

static void
s_post (void *arg, fst_http_request_t *request)
{
    fst_tus_t *set = arg;
    if (!s_speaks (request))
        return;
    int64_t size = s_number (request, "Upload-Length");
    if (size < 0) {
        fst_http_fail (request, FST_MALFORMED, "Upload-Length must say how many octets will come.");
        return;
    }
    struct s_work *work = s_read_work (request);
    if (!work)
        return;
    s_upload_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->set = set;
    self->work = work;
    self->size = size;
    self->user = strdup (fst_http_claims (request)->name);
    assert (self->user);
    memcpy (self->session, fst_http_claims (request)->session, sizeof (self->session));
    fst_id_new (self->id);
    fst_flow_args_t args = { .token = fst_http_token (request), .user = self->user, .upload = true,
                             .pipe_bytes = PIPE_BYTES, .run = s_run, .news = s_news, .news_arg = self,
                             .dispose = s_work_dispose, .arg = work };
    fst_rc_t rc = !fst_flows_may_begin (set->flows, self->user)? FST_TOO_MANY
                : s_make_place (set)? fst_flow_begin (set->flows, &args, &self->flow): FST_BUSY;
    if (rc != FST_OK) {
        fst_files_refuse (request, rc);
        s_work_dispose (work);
        free (self->user);
        free (self);
        return;
    }
    TAILQ_INSERT_TAIL (&set->uploads, self, link);
    s_take_request (self, request);
}

//  ---- HEAD, PATCH, DELETE

//  A person's uploads are his in all his sessions; but an application's token goes on with its own only, or it would write
//  where it may not.
static bool
s_is_callers (const s_upload_t *self, const fst_http_request_t *request)
{
    const fst_claims_t *claims = fst_http_claims (request);
    return strcmp (self->user, claims->name) == 0
        && (!claims->scoped || memcmp (self->session, claims->session, sizeof (self->session)) == 0);
}

//  The upload of the address, if it is the caller's; else NULL, and 404.
static s_upload_t *
s_find (fst_tus_t *set, fst_http_request_t *request)
{
    s_upload_t *self;
    TAILQ_FOREACH (self, &set->uploads, link)
        if (strcmp (self->id, fst_http_tail (request)) == 0 && s_is_callers (self, request))
            return self;
    fst_http_fail (request, FST_NOT_FOUND, "There is no such upload any more; begin it again.");
    return NULL;
}

static void
s_head (void *arg, fst_http_request_t *request)
{
    s_upload_t *self = s_speaks (request)? s_find (arg, request): NULL;
    if (!self)
        return;
    fst_http_set_header (request, "Cache-Control", "no-store");
    s_take_request (self, request);
    if (s_over (self))
        s_answer_end (self);
    else
    if (self->offset == self->size)         //  Whole only when it is durable
        fst_http_set_patience (request, COMMIT_MS);
    else {
        s_set_offset (self, request);
        fst_http_set_headerf (request, "Upload-Length", "%" PRId64, self->size);
        fst_http_reply_empty (request, 200);
        s_let_go (self);
    }
}

//  The body ended, or nothing more is wanted of it.
static void
s_patched (s_upload_t *self)
{
    fst_http_request_t *request = self->request;
    if (self->offset == self->size) {
        fst_http_set_patience (request, COMMIT_MS);
        s_answer_end (self);                //  If it is there already
        return;
    }
    s_set_offset (self, request);
    fst_http_reply_empty (request, 204);
    s_let_go (self);
}

static size_t
s_take (void *arg, fst_http_request_t *request, const void *data, size_t bytes)
{
    s_upload_t *self = arg;
    if (request != self->request)
        return bytes;                       //  Another one has taken over
    if (!data) {
        s_patched (self);
        return 0;
    }
    int64_t left = self->size - self->offset;
    if ((int64_t) bytes > left) {
        fst_http_refuse (request, 413, "too_large", "More octets came than the upload has.");
        s_let_go (self);
        return bytes;
    }
    size_t count = fst_pipe_give (fst_flow_pipe (self->flow), data, bytes);
    self->offset += (int64_t) count;
    self->used_ms = fst_clock_mono_ms ();
    if (self->offset == self->size && count)
        fst_pipe_end (fst_flow_pipe (self->flow));
    return count;
}

//  What cannot be patched so; true if it was answered.
static bool
s_patch_refused (const s_upload_t *self, fst_http_request_t *request)
{
    const char *type = fst_http_header (request, "Content-Type");
    int64_t offset = s_number (request, "Upload-Offset");
    if (!type || strcmp (type, "application/offset+octet-stream") != 0)
        fst_http_refuse (request, 415, "malformed", "The content of a PATCH is application/offset+octet-stream.");
    else
    if (offset < 0)
        fst_http_fail (request, FST_MALFORMED, "Upload-Offset must say where these octets belong.");
    else
    if (offset != self->offset) {
        s_set_offset (self, request);
        fst_http_refuse (request, 409, "changed", "This upload goes on at %" PRId64 ", not at %" PRId64 ".", self->offset,
                         offset);
    }
    else
    if (fst_http_body_bytes (request) > self->size - self->offset)
        fst_http_refuse (request, 413, "too_large", "More octets would come than the upload has.");
    else
        return false;
    return true;
}

static void
s_patch (void *arg, fst_http_request_t *request)
{
    s_upload_t *self = s_speaks (request)? s_find (arg, request): NULL;
    if (!self)
        return;
    if (self->request && self->begun) {     //  It may be stuck in a connection that is dead
        fst_http_refuse (self->request, 409, "changed", "Another request goes on with this upload.");
        s_let_go (self);
    }
    if (s_patch_refused (self, request))
        return;
    s_take_request (self, request);
    if (s_over (self))
        s_answer_end (self);
    else
        fst_http_receive (request, s_take, self);
}

static void
s_delete (void *arg, fst_http_request_t *request)
{
    s_upload_t *self = s_speaks (request)? s_find (arg, request): NULL;
    if (!self)
        return;
    s_end (self);
    fst_http_reply_empty (request, 204);
}

//  ---- What there is

static void
s_list (void *arg, fst_http_request_t *request)
{
    fst_tus_t *set = arg;
    int64_t mono_ms = fst_clock_mono_ms (), wall_ms = fst_clock_wall_ms ();
    json_t *list = json_array ();
    const s_upload_t *self;
    TAILQ_FOREACH (self, &set->uploads, link)
        if (self->begun && s_is_callers (self, request) && !s_over (self))
            json_array_append_new (list, json_pack ("{s:s, s:s, s:I, s:I, s:I, s:I}", "id", self->id,
                "path", self->work->path, "size", (json_int_t) self->size, "offset", (json_int_t) self->offset,
                "modified_ms", (json_int_t) self->work->modified_ms,
                "expires_ms", (json_int_t) (wall_ms + s_left_ms (self, mono_ms))));
    s_set_version (request);
    fst_http_reply_json (request, 200, json_pack ("{s:o}", "uploads", list));
}

static void
s_options (void *arg, fst_http_request_t *request)
{
    (void) arg;
    s_set_version (request);
    fst_http_set_header (request, "Tus-Version", "1.0.0");
    fst_http_set_header (request, "Tus-Extension", "creation,expiration,termination");
    fst_http_set_headerf (request, "Tus-Max-Size", "%" PRId64, SIZE_MAX_BYTES);
    fst_http_reply_empty (request, 204);
}

static const fst_http_route_t s_routes [] = {
    { "GET",     "/api/v1/uploads",  0, s_list },
    { "POST",    "/api/v1/uploads",  0, s_post },
    { "OPTIONS", "/api/v1/uploads",  FST_HTTP_OPEN, s_options },
    { "GET",     "/api/v1/uploads/", 0, s_head },
    { "PATCH",   "/api/v1/uploads/", FST_HTTP_STREAM, s_patch },
    { "DELETE",  "/api/v1/uploads/", 0, s_delete },
    { NULL }
};

//  ---- The set

fst_tus_t *
fst_tus_new (const fst_config_t *config, fst_flows_t *flows)
{
    assert (config);
    assert (flows);
    fst_tus_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->flows = flows;
    self->idle_ms = fst_config_number (config, "upload-idle");
    self->places = (size_t) fst_config_number (config, "uploads");
    TAILQ_INIT (&self->uploads);
    return self;
}

void
fst_tus_destroy (fst_tus_t **self_p)
{
    assert (self_p);
    fst_tus_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    while (!TAILQ_EMPTY (&self->uploads))
        s_end (TAILQ_FIRST (&self->uploads));
    free (self);
}

void
fst_tus_add_routes (fst_tus_t *self, fst_http_t *http)
{
    assert (self);
    fst_http_add_routes (http, s_routes, self);
}

void
fst_tus_tick (fst_tus_t *self, int64_t now_ms)
{
    assert (self);
    s_upload_t *upload, *next;
    for (upload = TAILQ_FIRST (&self->uploads); upload; upload = next) {
        next = TAILQ_NEXT (upload, link);
        if (!upload->request && s_left_ms (upload, now_ms) <= 0)
            s_end (upload);
    }
}
