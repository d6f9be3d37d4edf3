//  filestore_get and filestore_get_files.

#include "fst_client.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include "fst_download.h"
#include "fst_local.h"
#include "fst_text.h"

#define GROUP_PATHS      64         //  In one GET_FILE_INFO
#define GROUPS_MAX        2         //  Of them under way
#define DOWNLOADS_MAX    64
#define DOWNLOADS_BYTES (32 * 1024 * 1024)      //  No further one while those have so much left
#define TURN_MS         100
#define NO_RESULT        FST_ERRORS_COUNT       //  In rc of a file, until it has one

static const filestore_get_options_t s_standard = { .length = -1 };

//  ---- One file, to a sink

//  Ask where the content of one file is. *info_p is the whole reply.
static fst_rc_t
s_ask_one (filestore_t *self, const char *path, int64_t version, json_t **info_p)
{
    json_t *payload = json_pack ("{s:[s], s:i}", "paths", path, "count", FST_DOWNLOAD_PAGE);
    if (!payload)
        return fst_client_fail (self, FST_BAD_NAME, "%s: a path must be UTF-8", path);
    if (version > 0)
        json_object_set_new (payload, "version", json_integer (version));
    json_t *info = NULL;
    fst_rc_t rc = fst_client_ask (self, "metadata", "GET_FILE_INFO", payload, path, &info);
    if (rc != FST_OK)
        return rc;
    json_t *file = json_array_get (json_object_get (info, "files"), 0);
    rc = fst_error_parse (json_string_value (json_object_get (file, "code")));
    if (rc == FST_OK) {
        *info_p = info;
        return FST_OK;
    }
    char *sentence = fst_client_sentence (path, rc, json_string_value (json_object_get (file, "message")));
    fst_client_fail (self, rc, "%s", sentence);
    free (sentence);
    json_decref (info);
    return rc;
}

static fst_rc_t
s_run_one (filestore_t *self, const char *path, fst_download_t *download, const filestore_get_options_t *options)
{
    fst_progress_t progress = { .call = options->progress, .arg = options->progress_arg };
    fst_rc_t rc = FST_OK;
    while (rc == FST_OK && !fst_download_pump (download)) {
        rc = fst_client_turn (self, TURN_MS);
        if (rc == FST_OK)
            rc = fst_progress_tell (&progress, fst_download_bytes (download), fst_download_total (download), false);
    }
    if (rc != FST_OK)
        return fst_client_fail (self, rc, "%s: %s", path, fst_error_text (rc));
    char *problem = NULL;
    rc = fst_download_result (download, &problem);
    if (rc != FST_OK)
        fst_client_fail (self, rc, "%s", problem);
    else
    if (fst_progress_tell (&progress, fst_download_bytes (download), fst_download_total (download), true) != FST_OK)
        rc = FST_OK;                //  It is done: too late to stop
    free (problem);
    return rc;
}

//  Let the caller look at what it will get, and say which part of it.
static fst_rc_t
s_tell_opened (filestore_t *self, const char *path, json_t *file, const filestore_get_options_t *options,
               fst_download_args_t *args)
{
    if (!options->opened)
        return FST_OK;
    filestore_content_t content = {
        .id = json_integer_value (json_object_get (file, "id")),
        .version = json_integer_value (json_object_get (file, "version")),
        .size = json_integer_value (json_object_get (file, "size")),
        .modified_ms = json_integer_value (json_object_get (file, "modified_ms"))
    };
    fst_rc_t rc = options->opened (options->opened_arg, &content, &args->offset, &args->length);
    if (rc != FST_OK)
        fst_client_fail (self, rc, "%s: %s", path, fst_error_text (rc));
    return rc;
}

fst_rc_t
filestore_get (filestore_t *self, const char *path, const filestore_sink_t *sink, const filestore_get_options_t *options)
{
    assert (self);
    assert (path);
    assert (sink && sink->write);
    if (!options)
        options = &s_standard;
    json_t *info = NULL;
    fst_rc_t rc = fst_client_begin (self);
    if (rc == FST_OK)
        rc = s_ask_one (self, path, options->version, &info);
    if (rc != FST_OK)
        return rc;
    json_t *file = json_array_get (json_object_get (info, "files"), 0);
    fst_download_args_t args = { .path = path, .offset = options->offset, .length = options->length, .fd = -1,
                                 .sink = sink };
    rc = s_tell_opened (self, path, file, options, &args);
    fst_download_t *download = NULL;
    char *problem = NULL;
    if (rc == FST_OK) {
        rc = fst_download_new (self, &args, file, json_object_get (info, "nodes"), &download, &problem);
        if (rc == FST_OK)
            rc = s_run_one (self, path, download, options);
        else
            fst_client_fail (self, rc, "%s", problem);
    }
    free (problem);
    fst_download_destroy (&download);
    json_decref (info);
    return rc;
}

//  ---- Many files

//  A file whose place is known, waiting for its turn; then being fetched.
typedef struct s_fetch {
    TAILQ_ENTRY (s_fetch) link;
    size_t file;
    json_t *info, *nodes;
    int64_t size, modified_ms;
    fst_download_t *download;
    int fd;
    char *temp;
} s_fetch_t;
typedef TAILQ_HEAD (s_fetches, s_fetch) s_fetches_t;

//  Files that were asked about together.
typedef struct {
    size_t files [GROUP_PATHS];
    size_t count;
    bool asked;
} s_group_t;

typedef struct {
    filestore_t *client;
    filestore_get_t *files;
    size_t count;
    const filestore_get_options_t *options;
    size_t next;                    //  File that was not asked about yet
    s_group_t groups [GROUPS_MAX];
    s_fetches_t waiting, active;
    size_t waiting_count, active_count;
    int64_t done_bytes, total_bytes;
} s_many_t;

static void
s_result (s_many_t *self, size_t at, fst_rc_t rc, char *problem)
{
    self->files [at].rc = rc;
    self->files [at].problem = problem;
}

static void
s_fetch_destroy (s_fetch_t *fetch)
{
    fst_download_destroy (&fetch->download);
    fst_local_discard (&fetch->fd, &fetch->temp);
    json_decref (fetch->info);
    json_decref (fetch->nodes);
    free (fetch);
}

static void
s_informed (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    s_many_t *self = owner;
    s_group_t *group = item;
    group->asked = false;
    for (size_t at = 0; at < group->count; at++) {
        size_t file = group->files [at];
        json_t *info = json_array_get (json_object_get (reply, "files"), at);
        fst_rc_t file_rc = rc;
        const char *said = problem;
        if (rc == FST_OK) {
            file_rc = info? fst_error_parse (json_string_value (json_object_get (info, "code"))): FST_INTERNAL;
            said = json_string_value (json_object_get (info, "message"));
        }
        if (file_rc != FST_OK) {
            s_result (self, file, file_rc, fst_client_sentence (self->files [file].path, file_rc, said));
            continue;
        }
        s_fetch_t *fetch = calloc (1, sizeof (*fetch));
        assert (fetch);
        fetch->file = file;
        fetch->info = json_incref (info);
        fetch->nodes = json_incref (json_object_get (reply, "nodes"));
        fetch->size = json_integer_value (json_object_get (info, "size"));
        fetch->modified_ms = json_integer_value (json_object_get (info, "modified_ms"));
        fetch->fd = -1;
        self->total_bytes += fetch->size;
        TAILQ_INSERT_TAIL (&self->waiting, fetch, link);
        self->waiting_count++;
    }
}

//  Ask about the next files, but those whose path would have the whole question refused.
static void
s_ask_group (s_many_t *self, s_group_t *group)
{
    group->count = 0;
    json_t *paths = json_array ();
    for (; self->next < self->count && group->count < GROUP_PATHS; self->next++) {
        const char *path = self->files [self->next].path;
        if (fst_path_acceptable (path)) {
            group->files [group->count++] = self->next;
            json_array_append_new (paths, json_string (path));
        }
        else
            s_result (self, self->next, FST_BAD_NAME, fst_client_sentence (path, FST_BAD_NAME, NULL));
    }
    group->asked = group->count > 0;
    if (group->asked)
        fst_client_call (self->client, "metadata", "GET_FILE_INFO",
                         json_pack ("{s:O, s:i}", "paths", paths, "count", FST_DOWNLOAD_PAGE), s_informed, self, group);
    json_decref (paths);
}

//  Begin to fetch a file. False if it has its result already.
static bool
s_begin (s_many_t *self, s_fetch_t *fetch)
{
    filestore_get_t *file = &self->files [fetch->file];
    char *problem = NULL;
    fst_rc_t rc = fst_local_create (file->local, &fetch->fd, &fetch->temp, &problem);
    if (rc == FST_OK) {
        fst_download_args_t args = { .path = file->path, .length = -1, .fd = fetch->fd, .name = file->local };
        rc = fst_download_new (self->client, &args, fetch->info, fetch->nodes, &fetch->download, &problem);
    }
    if (rc != FST_OK)
        s_result (self, fetch->file, rc, problem);
    return rc == FST_OK;
}

static void
s_finish (s_many_t *self, s_fetch_t *fetch)
{
    filestore_get_t *file = &self->files [fetch->file];
    char *problem = NULL;
    fst_rc_t rc = fst_download_result (fetch->download, &problem);
    if (rc == FST_OK)
        rc = fst_local_finish (&fetch->fd, &fetch->temp, file->local, fetch->modified_ms, &problem);
    self->done_bytes += fetch->size;
    s_result (self, fetch->file, rc, problem);
}

//  Go on with a file. True if it has its result; then it is gone.
static bool
s_advance (s_many_t *self, s_fetch_t *fetch)
{
    if (!fst_download_pump (fetch->download))
        return false;
    TAILQ_REMOVE (&self->active, fetch, link);
    self->active_count--;
    s_finish (self, fetch);
    s_fetch_destroy (fetch);
    return true;
}

//  True while metadata is asked, or has still to be asked.
static bool
s_asking (const s_many_t *self)
{
    bool asking = self->next < self->count;
    for (size_t at = 0; at < GROUPS_MAX; at++)
        asking = asking || self->groups [at].asked;
    return asking;
}

//  True when every file has its result.
static bool
s_pump (s_many_t *self)
{
    int64_t left = 0;
    s_fetch_t *fetch, *next;
    for (fetch = TAILQ_FIRST (&self->active); fetch; fetch = next) {
        next = TAILQ_NEXT (fetch, link);
        if (!s_advance (self, fetch))
            left += fetch->size - fst_download_bytes (fetch->download);
    }
    while ((fetch = TAILQ_FIRST (&self->waiting)) && self->active_count < DOWNLOADS_MAX && left < DOWNLOADS_BYTES) {
        TAILQ_REMOVE (&self->waiting, fetch, link);
        self->waiting_count--;
        if (!s_begin (self, fetch)) {
            s_fetch_destroy (fetch);
            continue;
        }
        TAILQ_INSERT_TAIL (&self->active, fetch, link);
        self->active_count++;
        int64_t size = fetch->size;
        if (!s_advance (self, fetch))
            left += size;
    }
    for (size_t at = 0; at < GROUPS_MAX; at++)
        while (!self->groups [at].asked && self->next < self->count && self->waiting_count < GROUP_PATHS)
            s_ask_group (self, &self->groups [at]);
    return !s_asking (self) && TAILQ_EMPTY (&self->waiting) && TAILQ_EMPTY (&self->active);
}

static int64_t
s_bytes_now (const s_many_t *self)
{
    int64_t bytes = self->done_bytes;
    const s_fetch_t *fetch;
    TAILQ_FOREACH (fetch, &self->active, link)
        bytes += fst_download_bytes (fetch->download);
    return bytes;
}

static fst_rc_t
s_run_many (s_many_t *self)
{
    fst_progress_t progress = { .call = self->options->progress, .arg = self->options->progress_arg };
    fst_rc_t rc = FST_OK;
    while (rc == FST_OK && !s_pump (self)) {
        rc = fst_client_turn (self->client, TURN_MS);
        if (rc == FST_OK)
            rc = fst_progress_tell (&progress, s_bytes_now (self), s_asking (self)? -1: self->total_bytes, false);
    }
    if (rc == FST_OK && fst_progress_tell (&progress, self->done_bytes, self->total_bytes, true) != FST_OK)
        return FST_OK;              //  It is done: too late to stop
    return rc;
}

static void
s_drop_all (s_many_t *self)
{
    fst_client_forget (self->client, self);
    s_fetch_t *fetch;
    while ((fetch = TAILQ_FIRST (&self->active)) || (fetch = TAILQ_FIRST (&self->waiting))) {
        if (fetch->download)
            TAILQ_REMOVE (&self->active, fetch, link);
        else
            TAILQ_REMOVE (&self->waiting, fetch, link);
        s_fetch_destroy (fetch);
    }
}

fst_rc_t
filestore_get_files (filestore_t *self, filestore_get_t *files, size_t count, const filestore_get_options_t *options)
{
    assert (self);
    assert (files || !count);
    s_many_t many = { .client = self, .files = files, .count = count, .options = options? options: &s_standard };
    TAILQ_INIT (&many.waiting);
    TAILQ_INIT (&many.active);
    for (size_t at = 0; at < count; at++) {
        files [at].rc = NO_RESULT;
        files [at].problem = NULL;
    }
    fst_rc_t rc = fst_client_begin (self);
    if (rc == FST_OK)
        rc = s_run_many (&many);
    s_drop_all (&many);
    size_t failed = count;
    for (size_t at = 0; at < count; at++) {
        if (files [at].rc == NO_RESULT)
            s_result (&many, at, rc, fst_client_sentence (files [at].path, rc, NULL));
        if (files [at].rc != FST_OK && failed == count)
            failed = at;
    }
    if (rc != FST_OK)
        return fst_client_fail (self, rc, "%s; files that were not fetched yet are missing", fst_error_text (rc));
    if (failed < count)
        return fst_client_fail (self, files [failed].rc, "%s", files [failed].problem);
    return FST_OK;
}
