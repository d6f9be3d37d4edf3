//  Content on the bus.

#include "fst_pages.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include "fst_clock.h"
#include "fst_flow.h"
#include "fst_mime.h"
#include "fst_text.h"

#define LANES           16
#define PAGE_BYTES      (1024 * 1024)           //  If no length is asked for
#define FRAME_BYTES     (1024 * 1024)
#define PIECE_BYTES_MAX (7 * 1024 * 1024)       //  Of a WRITE: with what is around them they fit a message
#define PIPE_BYTES      (1024 * 1024)
#define NO_PIPE_BYTES   4096                    //  Of flows that do not use it
#define TICK_MS         1000

//  A file that comes in several pieces.
typedef struct s_upload {
    TAILQ_ENTRY (s_upload) link;
    fst_pages_t *pages;
    char id [FST_ID_TEXT_BYTES + 1];
    char *user;
    uint8_t session [FST_SESSION_BYTES];
    fst_flow_t *flow;                   //  NULL: it failed, which is told to who asks next
    fst_rc_t rc;                        //  Why
    char *problem;
    int64_t offset, used_ms;
    fst_request_t *request;             //  Whose octets are given now, or who waits for the end; NULL: none
    size_t frame, at;                   //  Of these, given so far
    bool last;
    struct s_put *put;                  //  The flow's
} s_upload_t;

struct fst_pages {
    fst_actor_t *actor;
    fst_config_t *config;
    fst_flows_t *flows;                 //  From start to stop
    TAILQ_HEAD (, s_upload) uploads;
    size_t uploads_count, places;
    int64_t idle_ms;
};

static const char *
s_text (fst_request_t *request, const char *name)
{
    return json_string_value (json_object_get (fst_request_payload (request), name));
}

static int64_t
s_number (fst_request_t *request, const char *name, int64_t standard)
{
    json_t *number = json_object_get (fst_request_payload (request), name);
    return number? json_integer_value (number): standard;
}

static char *
s_copy (const char *text)
{
    char *copy = strdup (text);
    assert (copy);
    return copy;
}

static void
s_refuse (fst_request_t **request_p, fst_rc_t rc)
{
    fst_request_fail (request_p, rc, rc == FST_TOO_MANY? "You have too many uploads and downloads under way; wait until one is over."
                                   : rc == FST_BUSY? "Too many uploads and downloads are under way; try again in a moment.": NULL);
}

//  ---- READ

typedef struct {
    fst_request_t *request;             //  The loop's
    fst_flow_t *flow;
    char *path;
    int64_t version, offset, length;
    //  The thread's until the flow is over
    filestore_content_t content;
    zmsg_t *frames;
    zframe_t *frame;                    //  Of frames, that is filled
    size_t at;
} s_get_t;

static void
s_get_dispose (void *arg)
{
    s_get_t *self = arg;
    if (self->request)                  //  The process ends
        fst_request_fail (&self->request, FST_INTERRUPTED, NULL);
    zmsg_destroy (&self->frames);
    free (self->path);
    free (self);
}

//  On the thread. What is asked for may reach behind the end, or lie there.
static fst_rc_t
s_get_opened (void *arg, const filestore_content_t *content, int64_t *offset_p, int64_t *length_p)
{
    s_get_t *self = arg;
    self->content = *content;
    if (self->offset > content->size)
        self->offset = content->size;
    if (self->length > content->size - self->offset)
        self->length = content->size - self->offset;
    *offset_p = self->offset;
    *length_p = self->length;
    self->frames = zmsg_new ();
    for (int64_t left = self->length; left > 0; left -= FRAME_BYTES) {
        zframe_t *frame = zframe_new (NULL, (size_t) (left < FRAME_BYTES? left: FRAME_BYTES));
        zmsg_append (self->frames, &frame);
    }
    self->frame = zmsg_first (self->frames);
    return FST_OK;
}

static fst_rc_t
s_get_write (void *arg, const void *data, size_t bytes)
{
    s_get_t *self = arg;
    const uint8_t *from = data;
    while (bytes) {
        assert (self->frame);
        size_t room = zframe_size (self->frame) - self->at, count = bytes < room? bytes: room;
        memcpy (zframe_data (self->frame) + self->at, from, count);
        self->at += count;
        from += count;
        bytes -= count;
        if (self->at == zframe_size (self->frame)) {
            self->frame = zmsg_next (self->frames);
            self->at = 0;
        }
    }
    return FST_OK;
}

static fst_rc_t
s_get_run (void *arg, fst_flow_t *flow, filestore_t *client, char **problem_p)
{
    (void) problem_p;
    s_get_t *self = arg;
    filestore_sink_t sink = { .self = self, .write = s_get_write };
    filestore_get_options_t options = { .length = -1, .version = self->version, .opened = s_get_opened, .opened_arg = self,
                                        .progress = fst_flow_progress, .progress_arg = flow };
    return filestore_get (client, self->path, &sink, &options);
}

static void
s_get_news (void *arg, fst_flow_t *flow)
{
    s_get_t *self = arg;
    fst_rc_t rc;
    const char *problem;
    if (!fst_flow_over (flow, &rc, &problem))
        return;
    if (rc == FST_OK)
        fst_request_reply_frames (&self->request, json_pack ("{s:I, s:I, s:I, s:I, s:s, s:b}",
            "id", (json_int_t) self->content.id, "version", (json_int_t) self->content.version,
            "size", (json_int_t) self->content.size, "modified_ms", (json_int_t) self->content.modified_ms,
            "type", fst_mime_of (self->path).type, "more", self->offset + self->length < self->content.size), &self->frames);
    else
        fst_request_fail (&self->request, rc, "%s", problem);
    fst_flow_leave (&self->flow);
}

static void
s_read (void *arg, fst_request_t **request_p)
{
    fst_pages_t *pages = arg;
    s_get_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->path = s_copy (s_text (*request_p, "path"));
    self->version = s_number (*request_p, "version", 0);
    self->offset = s_number (*request_p, "offset", 0);
    self->length = s_number (*request_p, "length", PAGE_BYTES);
    fst_flow_args_t args = { .token = fst_request_token (*request_p), .user = fst_request_claims (*request_p)->name,
                             .pipe_bytes = NO_PIPE_BYTES, .run = s_get_run, .news = s_get_news, .dispose = s_get_dispose,
                             .arg = self };
    fst_rc_t rc = fst_flow_begin (pages->flows, &args, &self->flow);
    if (rc != FST_OK) {
        s_refuse (request_p, rc);
        s_get_dispose (self);
        return;
    }
    self->request = *request_p;
    *request_p = NULL;
}

//  ---- WRITE: what the thread does

typedef struct s_put {
    char *path;
    filestore_put_options_t options;
    json_t *reply;                      //  The thread's until the flow is over
    //  In one piece
    fst_request_t *request;             //  The loop's; the thread reads its frames, which nobody changes
    fst_flow_t *flow;
    size_t frame, at;
} s_put_t;

static void
s_put_dispose (void *arg)
{
    s_put_t *self = arg;
    if (self->request)                  //  The process ends
        fst_request_fail (&self->request, FST_INTERRUPTED, NULL);
    json_decref (self->reply);
    free (self->path);
    free (self);
}

static s_put_t *
s_put_new (fst_request_t *request)
{
    s_put_t *self = calloc (1, sizeof (*self));
    assert (self);
    int64_t version = s_number (request, "if_version", -1);
    self->path = s_copy (s_text (request, "path"));
    self->options.modified_ms = s_number (request, "modified_ms", 0);
    self->options.has_if_version = version >= 0;
    self->options.if_version = version >= 0? version: 0;
    return self;
}

//  From the frames of the request.
static fst_rc_t
s_put_read (void *arg, void *data, size_t bytes, size_t *got_p)
{
    s_put_t *self = arg;
    *got_p = 0;
    zframe_t *frame;
    while (bytes && (frame = fst_request_frame (self->request, self->frame))) {
        size_t left = zframe_size (frame) - self->at, count = bytes < left? bytes: left;
        memcpy ((uint8_t *) data + *got_p, zframe_data (frame) + self->at, count);
        *got_p += count;
        bytes -= count;
        self->at += count;
        if (self->at == zframe_size (frame)) {
            self->frame++;
            self->at = 0;
        }
    }
    return FST_OK;
}

static fst_rc_t
s_put_run (void *arg, fst_flow_t *flow, filestore_t *client, char **problem_p)
{
    (void) problem_p;
    s_put_t *self = arg;
    filestore_source_t source = { .self = self, .read = s_put_read };
    if (!self->request)
        source = fst_flow_source (flow);
    self->options.progress = fst_flow_progress;
    self->options.progress_arg = flow;
    return filestore_put (client, self->path, &source, &self->options, &self->reply);
}

//  The answer to last.
static void
s_put_answer (s_put_t *self, fst_request_t **request_p, fst_rc_t rc, const char *problem)
{
    if (rc == FST_OK)
        fst_request_reply (request_p, json_pack ("{s:O, s:O, s:O}", "path", json_object_get (self->reply, "path"),
            "id", json_object_get (self->reply, "id"), "version", json_object_get (self->reply, "version")));
    else
        fst_request_fail (request_p, rc, "%s", problem);
}

static fst_rc_t
s_begin (fst_pages_t *pages, s_put_t *put, fst_request_t *request, const fst_flow_args_t *more, fst_flow_t **flow_p)
{
    fst_flow_args_t args = *more;
    args.token = fst_request_token (request);
    args.user = fst_request_claims (request)->name;
    args.run = s_put_run;
    args.dispose = s_put_dispose;
    args.arg = put;
    return fst_flow_begin (pages->flows, &args, flow_p);
}

//  ---- WRITE in one piece

static void
s_put_news (void *arg, fst_flow_t *flow)
{
    s_put_t *self = arg;
    fst_rc_t rc;
    const char *problem;
    if (!fst_flow_over (flow, &rc, &problem))
        return;
    s_put_answer (self, &self->request, rc, problem);
    fst_flow_leave (&self->flow);
}

static void
s_write_whole (fst_pages_t *pages, fst_request_t **request_p)
{
    s_put_t *put = s_put_new (*request_p);
    fst_flow_args_t args = { .pipe_bytes = NO_PIPE_BYTES, .news = s_put_news };
    put->request = *request_p;          //  Before the thread begins
    fst_rc_t rc = s_begin (pages, put, *request_p, &args, &put->flow);
    if (rc == FST_OK)
        *request_p = NULL;
    else {
        put->request = NULL;
        s_refuse (request_p, rc);
        s_put_dispose (put);
    }
}

//  ---- WRITE in pieces

static void
s_upload_end (s_upload_t *self)
{
    assert (!self->request);
    TAILQ_REMOVE (&self->pages->uploads, self, link);
    self->pages->uploads_count--;
    fst_flow_leave (&self->flow);
    free (self->problem);
    free (self->user);
    free (self);
}

//  Give what the pipe takes; answer when all is given and there is more to come.
static void
s_upload_feed (s_upload_t *self)
{
    zframe_t *frame;
    while ((frame = fst_request_frame (self->request, self->frame))) {
        size_t left = zframe_size (frame) - self->at;
        size_t given = fst_pipe_give (fst_flow_pipe (self->flow), zframe_data (frame) + self->at, left);
        self->offset += (int64_t) given;
        self->at += given;
        if (given < left)
            return;                     //  Woken when there is room
        self->frame++;
        self->at = 0;
    }
    if (self->last)
        fst_pipe_end (fst_flow_pipe (self->flow));
    else
        fst_request_reply (&self->request, json_pack ("{s:s, s:I}", "upload", self->id, "offset", (json_int_t) self->offset));
}

//  It takes none of its user's transfers any more.
static void
s_upload_keep_failure (s_upload_t *self, fst_rc_t rc, const char *problem)
{
    self->rc = rc;
    self->problem = s_copy (problem);
    self->put = NULL;
    fst_flow_leave (&self->flow);
}

static void
s_upload_news (void *arg, fst_flow_t *flow)
{
    s_upload_t *self = arg;
    fst_rc_t rc;
    const char *problem;
    bool over = fst_flow_over (flow, &rc, &problem);
    if (over && rc == FST_OK && !self->last)
        rc = FST_INTERNAL;
    if (over && self->request) {
        s_put_answer (self->put, &self->request, rc, problem);
        s_upload_end (self);
    }
    else
    if (over)
        s_upload_keep_failure (self, rc, problem);
    else
    if (self->request)
        s_upload_feed (self);
}

static void
s_upload_take (s_upload_t *self, fst_request_t **request_p)
{
    self->request = *request_p;
    *request_p = NULL;
    self->frame = self->at = 0;
    self->last = json_is_true (json_object_get (fst_request_payload (self->request), "last"));
    self->used_ms = fst_clock_mono_ms ();
    if (self->flow)
        s_upload_news (self, self->flow);
    else {
        fst_request_fail (&self->request, self->rc, "%s", self->problem);
        s_upload_end (self);
    }
}

//  ---- Who gives way when all places are taken

static size_t
s_count (const fst_pages_t *pages, const char *user)
{
    size_t count = 0;
    const s_upload_t *self;
    TAILQ_FOREACH (self, &pages->uploads, link)
        count += strcmp (self->user, user) == 0;
    return count;
}

//  Of those that failed or pause: one of the user who has most, and of these the one that was not used for longest. NULL
//  if there is none.
static s_upload_t *
s_who_gives_way (fst_pages_t *pages, int64_t now_ms)
{
    s_upload_t *self, *found = NULL;
    size_t most = 0;
    TAILQ_FOREACH (self, &pages->uploads, link) {
        if (self->request || (self->flow && now_ms - self->used_ms < pages->idle_ms / FST_FLOW_PAUSE_SHARE))
            continue;
        size_t count = s_count (pages, self->user);
        if (count > most || (count == most && self->used_ms < found->used_ms)) {
            most = count;
            found = self;
        }
    }
    return found;
}

//  True if there is one.
static bool
s_make_place (fst_pages_t *pages)
{
    if (pages->uploads_count < pages->places)
        return true;
    s_upload_t *found = s_who_gives_way (pages, fst_clock_mono_ms ());
    if (found)
        s_upload_end (found);
    return found != NULL;
}

//  ---- WRITE in pieces, begun and gone on with

static void
s_write_first (fst_pages_t *pages, fst_request_t **request_p)
{
    fst_rc_t rc = !fst_flows_may_begin (pages->flows, fst_request_claims (*request_p)->name)? FST_TOO_MANY
                : s_make_place (pages)? FST_OK: FST_BUSY;
    if (rc != FST_OK) {
        s_refuse (request_p, rc);
        return;
    }
    s_upload_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->pages = pages;
    self->put = s_put_new (*request_p);
    fst_id_new (self->id);
    fst_flow_args_t args = { .upload = true, .pipe_bytes = PIPE_BYTES, .news = s_upload_news, .news_arg = self };
    rc = s_begin (pages, self->put, *request_p, &args, &self->flow);
    if (rc != FST_OK) {
        s_refuse (request_p, rc);
        s_put_dispose (self->put);
        free (self);
        return;
    }
    const fst_claims_t *claims = fst_request_claims (*request_p);
    self->user = s_copy (claims->name);
    memcpy (self->session, claims->session, sizeof (self->session));
    TAILQ_INSERT_TAIL (&pages->uploads, self, link);
    pages->uploads_count++;
    s_upload_take (self, request_p);
}

//  A token for some paths goes on with its own uploads only, or it would write where it may not.
static bool
s_is_callers (const s_upload_t *self, const fst_claims_t *claims)
{
    return strcmp (self->user, claims->name) == 0
        && (!claims->scoped || memcmp (self->session, claims->session, sizeof (self->session)) == 0);
}

static void
s_write_more (fst_pages_t *pages, fst_request_t **request_p)
{
    s_upload_t *self;
    TAILQ_FOREACH (self, &pages->uploads, link)
        if (strcmp (self->id, s_text (*request_p, "upload")) == 0 && s_is_callers (self, fst_request_claims (*request_p)))
            break;
    if (!self)
        fst_request_fail (request_p, FST_NOT_FOUND, "There is no such upload any more; begin it anew.");
    else
    if (self->request)
        fst_request_fail (request_p, FST_BUSY, "A piece of this upload is under way already.");
    else
    if (s_number (*request_p, "offset", 0) != self->offset)
        fst_request_fail (request_p, FST_CHANGED, "The next octet of this upload is at offset %lld.", (long long) self->offset);
    else
        s_upload_take (self, request_p);
}

static void
s_write (void *arg, fst_request_t **request_p)
{
    size_t bytes = 0;
    for (size_t at = 0; at < fst_request_frames (*request_p); at++)
        bytes += zframe_size (fst_request_frame (*request_p, at));
    bool upload = s_text (*request_p, "upload"), path = s_text (*request_p, "path");
    if (bytes > PIECE_BYTES_MAX)
        fst_request_fail (request_p, FST_TOO_LARGE, "A piece has at most 7 MiB; send the file in several.");
    else
    if (upload == path)
        fst_request_fail (request_p, FST_MALFORMED, "WRITE needs the path of a new upload, or the upload that it goes on with.");
    else
    if (upload)
        s_write_more (arg, request_p);
    else
    if (json_is_true (json_object_get (fst_request_payload (*request_p), "last")))
        s_write_whole (arg, request_p);
    else
        s_write_first (arg, request_p);
}

//  ---- The actor

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    (void) problem_p;
    fst_pages_t *self = arg;
    TAILQ_INIT (&self->uploads);
    self->idle_ms = fst_config_number (self->config, "upload-idle");
    self->places = (size_t) fst_config_number (self->config, "uploads");
    self->flows = fst_flows_new (self->config);
    fst_flows_watch (self->flows, actor);
    return FST_OK;
}

static int64_t
s_tick (void *arg, int64_t now_ms)
{
    fst_pages_t *self = arg;
    s_upload_t *upload, *next;
    fst_flows_tick (self->flows, now_ms);
    for (upload = TAILQ_FIRST (&self->uploads); upload; upload = next) {
        next = TAILQ_NEXT (upload, link);
        if (!upload->request && now_ms - upload->used_ms > self->idle_ms)
            s_upload_end (upload);
    }
    return now_ms + TICK_MS;
}

static void
s_stop (void *arg)
{
    fst_pages_t *self = arg;
    s_upload_t *upload;
    while ((upload = TAILQ_FIRST (&self->uploads))) {
        if (upload->request)
            fst_request_fail (&upload->request, FST_INTERRUPTED, NULL);
        s_upload_end (upload);
    }
    fst_flows_destroy (&self->flows);
}

static const fst_command_t s_commands [] = {
    { "READ",   FST_NEED_KNOWN, s_read },
    { "WRITE",  FST_NEED_KNOWN, s_write },
    { NULL }
};

fst_rc_t
fst_pages_new (const fst_config_t *config, const fst_actor_options_t *bus, fst_pages_t **self_p, char **problem_p)
{
    static const fst_actor_class_t class = {
        .title = "Plain content of files, for actors and scripts", .commands = s_commands,
        .start = s_start, .tick = s_tick, .stop = s_stop
    };
    assert (config && bus);
    assert (self_p && problem_p);
    fst_pages_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->config = fst_config_dup (config);
    fst_actor_options_t options = *bus;
    options.service = "content";
    options.lanes = LANES;
    fst_rc_t rc = fst_actor_new (&class, &options, self, &self->actor, problem_p);
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_pages_destroy (&self);
    return rc;
}

void
fst_pages_destroy (fst_pages_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        fst_actor_destroy (&(*self_p)->actor);
        fst_config_destroy (&(*self_p)->config);
        free (*self_p);
        *self_p = NULL;
    }
}
