//  filestore_put and filestore_put_files: what is small goes into batches, what is large into uploads of its own.

#include "fst_client.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fst_batch.h"
#include "fst_clock.h"
#include "fst_record.h"
#include "fst_text.h"
#include "fst_upload.h"

#define UPLOADS_MAX  6                          //  Large files under way at once
#define UPLOADS_BYTES (16 * 1024 * 1024)        //  But no further one while those have so much left
#define TURN_MS      100
#define NO_RESULT    FST_ERRORS_COUNT           //  In rc of a file, until it has one

static const filestore_put_options_t s_standard = { 0 };

//  ---- One stream

typedef struct {
    const char *path;
    fst_batch_item_t item;
    bool given;
    fst_rc_t rc;
    json_t *reply;
    char *problem;
} s_single_t;

static bool
s_single_next (void *arg, fst_batch_item_t *item)
{
    s_single_t *single = arg;
    if (single->given)
        return false;
    *item = single->item;
    return single->given = true;
}

static void
s_single_done (void *arg, const fst_batch_item_t *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    (void) item;
    s_single_t *single = arg;
    single->rc = rc;
    single->reply = json_incref (reply);
    single->problem = problem? strdup (problem): NULL;
}

//  Read until there are so many octets or the stream ends. One that waits is waited for here, not in it.
static fst_rc_t
s_fill_head (filestore_t *self, const filestore_source_t *source, uint8_t *data, size_t bytes, size_t *got_p,
             const filestore_put_options_t *options)
{
    if (!source->waits)
        return fst_local_fill (source, data, bytes, got_p);
    fst_progress_t progress = { .call = options->progress, .arg = options->progress_arg };
    fst_rc_t rc = FST_OK;
    size_t got = 1;
    *got_p = 0;
    fst_client_watch (self, source->fd);
    while (rc == FST_OK && *got_p < bytes && got) {
        rc = source->read (source->self, data + *got_p, bytes - *got_p, &got);
        if (rc == FST_OK)
            *got_p += got;
        else
        if (rc == FST_BUSY) {
            rc = fst_client_turn (self, TURN_MS * 10);
            if (rc == FST_OK)
                rc = fst_progress_tell (&progress, 0, -1, false);
        }
    }
    fst_client_watch (self, -1);
    return rc;
}

static fst_rc_t
s_put_small (filestore_t *self, s_single_t *single, const filestore_put_options_t *options)
{
    fst_batch_args_t args = {
        .replicas = options->replicas, .no_replace = options->no_replace, .path = single->path,
        .if_version = options->has_if_version? &options->if_version: NULL,
        .next = s_single_next, .done = s_single_done, .arg = single
    };
    fst_progress_t progress = { .call = options->progress, .arg = options->progress_arg };
    int64_t size = single->item.stamp.size;
    fst_batch_t *batch = fst_batch_new (self, &args);
    fst_rc_t rc = FST_OK;
    while (rc == FST_OK && !fst_batch_pump (batch)) {
        rc = fst_client_turn (self, TURN_MS);
        if (rc == FST_OK)
            rc = fst_progress_tell (&progress, 0, size, false);
    }
    fst_batch_destroy (&batch);
    if (rc != FST_OK)
        return rc;
    if (single->rc == FST_OK && fst_progress_tell (&progress, size, size, true) != FST_OK)
        return FST_OK;              //  It is done: too late to stop
    return single->rc;
}

static fst_rc_t
s_put_large (filestore_t *self, s_single_t *single, const fst_upload_args_t *args,
             const filestore_put_options_t *options)
{
    fst_progress_t progress = { .call = options->progress, .arg = options->progress_arg };
    fst_upload_t *upload = fst_upload_new (self, args);
    fst_rc_t rc = FST_OK;
    while (rc == FST_OK && !fst_upload_pump (upload)) {
        fst_client_watch (self, fst_upload_starved (upload)? args->stream->fd: -1);
        rc = fst_client_turn (self, fst_upload_eager (upload)? 0: TURN_MS);
        if (rc == FST_OK)
            rc = fst_progress_tell (&progress, fst_upload_bytes (upload), -1, false);
    }
    fst_client_watch (self, -1);
    if (rc == FST_OK)
        rc = fst_upload_result (upload, &single->reply, &single->problem);
    int64_t bytes = fst_upload_bytes (upload);
    fst_upload_destroy (&upload);
    if (rc == FST_OK && fst_progress_tell (&progress, bytes, bytes, true) != FST_OK)
        return FST_OK;              //  It is done: too late to stop
    return rc;
}

fst_rc_t
filestore_put (filestore_t *self, const char *path, const filestore_source_t *source,
               const filestore_put_options_t *options, json_t **reply_p)
{
    assert (self);
    assert (path);
    assert (source && source->read);
    if (!options)
        options = &s_standard;
    fst_rc_t rc = fst_client_begin (self);
    if (rc != FST_OK)
        return rc;
    if (!fst_path_acceptable (path))
        return fst_client_fail (self, FST_BAD_NAME, "%s: %s", path, fst_error_text (FST_BAD_NAME));
    int64_t modified_ms = options->modified_ms > 0? options->modified_ms: fst_clock_wall_ms ();
    size_t got = 0;
    uint8_t *head = malloc (FST_SMALL_BYTES_MAX + 1);
    assert (head);
    rc = s_fill_head (self, source, head, FST_SMALL_BYTES_MAX + 1, &got, options);
    if (rc != FST_OK) {
        free (head);
        return fst_client_fail (self, rc, "%s: reading what to store failed (%s); nothing was stored", path,
                                fst_error_text (rc));
    }
    s_single_t single = { .path = path, .rc = FST_INTERNAL };
    if (got <= FST_SMALL_BYTES_MAX) {
        single.item = (fst_batch_item_t) { .path = path, .data = head, .stamp.size = (int64_t) got,
                                           .modified_ms = modified_ms };
        rc = s_put_small (self, &single, options);
    }
    else {
        fst_upload_args_t args = {
            .name = "the stream", .path = path, .replicas = options->replicas, .modified_ms = modified_ms,
            .no_replace = options->no_replace, .if_version = options->has_if_version? &options->if_version: NULL,
            .fd = -1, .stream = source, .head = head, .head_bytes = got
        };
        rc = s_put_large (self, &single, &args, options);
    }
    free (head);
    if (rc != FST_OK)
        fst_client_fail (self, rc, "%s%s%s", single.problem? "": path, single.problem? "": ": ",
                         single.problem? single.problem: fst_error_text (rc));
    else
    if (reply_p)
        *reply_p = json_incref (single.reply);
    json_decref (single.reply);
    free (single.problem);
    return rc;
}

//  ---- Many local files

typedef struct {
    filestore_t *client;
    filestore_put_t *files;
    size_t count;
    const filestore_put_options_t *options;
    size_t next;                        //  File that was not looked at yet
    size_t *large;                      //  Those that go alone, in order
    size_t large_count, large_next;
    struct {
        fst_upload_t *upload;           //  NULL: free
        size_t file;
        int64_t bytes;
    } uploads [UPLOADS_MAX];
    int64_t done_bytes, total_bytes;
} s_many_t;

static void
s_result (s_many_t *self, size_t at, fst_rc_t rc, char *problem)
{
    self->files [at].rc = rc;
    self->files [at].problem = problem;
}

static int64_t
s_modified (const s_many_t *self, const fst_stamp_t *stamp)
{
    return self->options->modified_ms > 0? self->options->modified_ms: stamp->modified_ms;
}

static bool
s_many_next (void *arg, fst_batch_item_t *item)
{
    s_many_t *self = arg;
    for (; self->next < self->count; self->next++) {
        char *problem = NULL;
        fst_stamp_t stamp;
        if (!fst_path_acceptable (self->files [self->next].path)) {
            s_result (self, self->next, FST_BAD_NAME,
                      fst_client_sentence (self->files [self->next].path, FST_BAD_NAME, NULL));
            continue;               //  It would have its whole group refused
        }
        fst_rc_t rc = fst_local_look (self->files [self->next].local, &stamp, &problem);
        if (rc != FST_OK) {
            s_result (self, self->next, rc, problem);
            continue;
        }
        if (stamp.size > FST_SMALL_BYTES_MAX) {
            if (!self->large)
                self->large = malloc (self->count * sizeof (*self->large));
            assert (self->large);
            self->large [self->large_count++] = self->next;
            continue;
        }
        *item = (fst_batch_item_t) { .tag = self->next, .path = self->files [self->next].path,
                                     .local = self->files [self->next].local, .stamp = stamp,
                                     .modified_ms = s_modified (self, &stamp) };
        self->next++;
        return true;
    }
    return false;
}

static void
s_many_done (void *arg, const fst_batch_item_t *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    (void) reply;
    s_many_t *self = arg;
    s_result (self, item->tag, rc, problem? strdup (problem): NULL);
    self->done_bytes += item->stamp.size;
}

//  Begin the upload of a large file in a free place.
static void
s_begin_large (s_many_t *self, size_t place)
{
    size_t at = self->large [self->large_next++];
    fst_upload_args_t args = {
        .name = self->files [at].local, .path = self->files [at].path, .replicas = self->options->replicas,
        .no_replace = self->options->no_replace, .fd = -1
    };
    char *problem = NULL;
    fst_rc_t rc = fst_local_open (self->files [at].local, &args.fd, &args.stamp, &problem);
    if (rc == FST_OK && args.stamp.size == 0) {
        close (args.fd);
        problem = fst_local_text ("%s: the file changed while it was read; nothing was stored, try again",
                                  self->files [at].local);
        rc = FST_CHANGED;
    }
    if (rc != FST_OK) {
        s_result (self, at, rc, problem);
        return;
    }
    args.modified_ms = s_modified (self, &args.stamp);
    self->uploads [place].upload = fst_upload_new (self->client, &args);
    self->uploads [place].file = at;
    self->uploads [place].bytes = args.stamp.size;
}

//  True when no large file is under way, and none waits.
static bool
s_pump_large (s_many_t *self)
{
    int64_t left = 0;
    bool idle = true;
    for (size_t place = 0; place < UPLOADS_MAX; place++) {
        fst_upload_t *upload = self->uploads [place].upload;
        if (upload && fst_upload_pump (upload)) {
            char *problem = NULL;
            fst_rc_t rc = fst_upload_result (upload, NULL, &problem);
            s_result (self, self->uploads [place].file, rc, problem);
            fst_upload_destroy (&self->uploads [place].upload);
            self->done_bytes += self->uploads [place].bytes;
        }
        else
        if (upload)
            left += self->uploads [place].bytes - fst_upload_bytes (upload);
    }
    for (size_t place = 0; place < UPLOADS_MAX; place++) {
        while (!self->uploads [place].upload && self->large_next < self->large_count && left < UPLOADS_BYTES) {
            s_begin_large (self, place);
            if (self->uploads [place].upload) {
                fst_upload_pump (self->uploads [place].upload);
                left += self->uploads [place].bytes;
            }
        }
        idle = idle && !self->uploads [place].upload;
    }
    return idle && self->large_next == self->large_count;
}

static int64_t
s_bytes_now (const s_many_t *self)
{
    int64_t bytes = self->done_bytes;
    for (size_t place = 0; place < UPLOADS_MAX; place++)
        if (self->uploads [place].upload)
            bytes += fst_upload_bytes (self->uploads [place].upload);
    return bytes;
}

static fst_rc_t
s_run_many (s_many_t *self)
{
    fst_progress_t progress = { .call = self->options->progress, .arg = self->options->progress_arg };
    fst_batch_args_t args = { .replicas = self->options->replicas, .no_replace = self->options->no_replace,
                              .next = s_many_next, .done = s_many_done, .arg = self };
    fst_batch_t *batch = fst_batch_new (self->client, &args);
    fst_rc_t rc = FST_OK;
    while (rc == FST_OK) {
        bool over = fst_batch_pump (batch);
        over = s_pump_large (self) && over;
        if (over)
            break;
        rc = fst_client_turn (self->client, TURN_MS);
        if (rc == FST_OK)
            rc = fst_progress_tell (&progress, s_bytes_now (self), self->total_bytes, false);
    }
    fst_batch_destroy (&batch);
    for (size_t place = 0; place < UPLOADS_MAX; place++)
        fst_upload_destroy (&self->uploads [place].upload);
    if (rc == FST_OK && fst_progress_tell (&progress, self->done_bytes, self->total_bytes, true) != FST_OK)
        return FST_OK;                  //  It is done: too late to stop
    return rc;
}

static int64_t
s_total_bytes (const filestore_put_t *files, size_t count)
{
    int64_t total = 0;
    for (size_t at = 0; at < count; at++) {
        struct stat status;
        if (stat (files [at].local, &status) == 0 && S_ISREG (status.st_mode))
            total += status.st_size;
    }
    return total;
}

fst_rc_t
filestore_put_files (filestore_t *self, filestore_put_t *files, size_t count, const filestore_put_options_t *options)
{
    assert (self);
    assert (files || !count);
    s_many_t many = { .client = self, .files = files, .count = count, .options = options? options: &s_standard };
    for (size_t at = 0; at < count; at++) {
        files [at].rc = NO_RESULT;
        files [at].problem = NULL;
    }
    if (many.options->progress)
        many.total_bytes = s_total_bytes (files, count);
    fst_rc_t rc = fst_client_begin (self);
    if (rc == FST_OK)
        rc = s_run_many (&many);
    free (many.large);
    size_t failed = count;
    for (size_t at = 0; at < count; at++) {
        if (files [at].rc == NO_RESULT)
            s_result (&many, at, rc, fst_client_sentence (files [at].path, rc, NULL));
        if (files [at].rc != FST_OK && failed == count)
            failed = at;
    }
    if (rc != FST_OK)
        return fst_client_fail (self, rc, "%s; %s", fst_error_text (rc), "files that were not stored yet are missing");
    if (failed < count)
        return fst_client_fail (self, files [failed].rc, "%s", files [failed].problem);
    return FST_OK;
}
