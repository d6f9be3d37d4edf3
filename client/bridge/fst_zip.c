//  A zip that is made while it is sent: libarchive writes it, on the thread of a flow.

#include "fst_zip.h"
#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include "fst_files.h"
#include "fst_local.h"
#include "fst_mime.h"
#include "fst_stream.h"
#include "fst_text.h"

#define PIPE_BYTES  (1024 * 1024)
#define PATHS_MAX   1000

struct fst_zip {
    fst_flows_t *flows;
    int64_t files_max;
};

typedef struct {
    fst_stream_t stream;            //  The request's

    //  Both read them
    char **paths;
    size_t count;
    int64_t files_max;
    bool head;

    //  The thread's
    fst_flow_t *own;
    filestore_t *client;
    struct archive *archive;
    int64_t files;
    char *name;                     //  In the zip, of the file that is being written
    int64_t modified_ms;
    fst_rc_t rc;                    //  Why writing failed
} s_zip_t;

//  An entry of a folder, kept while those before it are written.
typedef struct {
    char *name;
    bool folder;
    int64_t modified_ms;
} s_entry_t;

typedef struct {
    s_zip_t *zip;
    s_entry_t *entries;
    size_t count;
} s_entries_t;

//  ---- The archive

//  After a failure nothing is written any more. libarchive is not told: an archive that failed is not freed whole.
static la_ssize_t
s_archive_write (struct archive *archive, void *arg, const void *data, size_t bytes)
{
    (void) archive;
    s_zip_t *self = arg;
    if (self->rc == FST_OK)
        self->rc = fst_pipe_write (fst_flow_pipe (self->own), data, bytes);
    return (la_ssize_t) bytes;
}

static fst_rc_t
s_archive_open (s_zip_t *self)
{
    self->archive = archive_write_new ();
    assert (self->archive);
    if (archive_write_set_format_zip (self->archive) != ARCHIVE_OK
    ||  archive_write_set_options (self->archive, "zip:compression=store,zip:hdrcharset=UTF-8") != ARCHIVE_OK
    ||  archive_write_set_bytes_per_block (self->archive, 0) != ARCHIVE_OK
    ||  archive_write_open (self->archive, self, NULL, s_archive_write, NULL) != ARCHIVE_OK)
        return FST_INTERNAL;
    return FST_OK;
}

//  What came of a step, and of what it wrote.
static fst_rc_t
s_outcome (const s_zip_t *self, bool done)
{
    return self->rc != FST_OK? self->rc: done? FST_OK: FST_INTERNAL;
}

//  Begin an entry; a folder is all of it.
static fst_rc_t
s_archive_entry (s_zip_t *self, const char *name, bool folder, int64_t size, int64_t modified_ms)
{
    struct archive_entry *entry = archive_entry_new ();
    assert (entry);
    archive_entry_set_pathname_utf8 (entry, name);
    archive_entry_set_filetype (entry, folder? AE_IFDIR: AE_IFREG);
    archive_entry_set_perm (entry, folder? 0755: 0644);
    archive_entry_set_size (entry, size);
    archive_entry_set_mtime (entry, (time_t) (modified_ms / 1000), 0);
    int done = archive_write_header (self->archive, entry);
    archive_entry_free (entry);
    return s_outcome (self, done == ARCHIVE_OK || done == ARCHIVE_WARN);
}

//  What programs on other systems take for a part of a path stays part of the name.
static char *
s_safe (const char *folder, const char *name)
{
    char *safe = fst_local_text ("%s%s%s", folder, *folder? "/": "", name);
    for (char *at = safe + strlen (folder); *at; at++)
        if (*at == '\\' || *at == ':' || (*at > 0 && *at < ' '))
            *at = '_';
    return safe;
}

//  Two of a folder must not become one: who unpacks them would keep one only.
static char *
s_name (json_t *used, const char *folder, const char *name)
{
    char *safe = s_safe (folder, name);
    for (int same = 2; json_object_get (used, safe); same++) {
        char *numbered = fst_local_text ("%d-%s", same, name);
        free (safe);
        safe = s_safe (folder, numbered);
        free (numbered);
    }
    json_object_set_new (used, safe, json_true ());
    return safe;
}

//  ---- Files

static fst_rc_t
s_opened (void *arg, const filestore_content_t *content, int64_t *offset_p, int64_t *length_p)
{
    (void) offset_p;
    (void) length_p;
    s_zip_t *self = arg;
    return s_archive_entry (self, self->name, false, content->size, content->modified_ms);
}

static fst_rc_t
s_write (void *arg, const void *data, size_t bytes)
{
    s_zip_t *self = arg;
    return s_outcome (self, archive_write_data (self->archive, data, bytes) == (la_ssize_t) bytes);
}

static fst_rc_t
s_add_file (s_zip_t *self, const char *path, const char *name)
{
    filestore_sink_t sink = { .self = self, .write = s_write };
    filestore_get_options_t options = { .length = -1, .opened = s_opened, .opened_arg = self,
                                        .progress = fst_flow_progress, .progress_arg = self->own };
    self->name = (char *) name;
    fst_rc_t rc = filestore_get (self->client, path, &sink, &options);
    return rc == FST_NOT_FOUND? FST_OK: rc;     //  Deleted meanwhile
}

//  ---- Folders

static fst_rc_t
s_collect (void *arg, const filestore_entry_t *entry)
{
    s_entries_t *self = arg;
    if (++self->zip->files > self->zip->files_max)
        return FST_TOO_LARGE;
    if ((self->count & (self->count - 1)) == 0) {       //  0, 1, 2, 4, ..: full
        self->entries = realloc (self->entries, (self->count? self->count * 2: 1) * sizeof (*self->entries));
        assert (self->entries);
    }
    s_entry_t *own = &self->entries [self->count++];
    *own = (s_entry_t) { .name = strdup (entry->name), .folder = entry->folder, .modified_ms = entry->modified_ms };
    assert (own->name);
    return fst_flow_progress (self->zip->own, 0, -1)? FST_OK: FST_INTERRUPTED;
}

static fst_rc_t
s_add (s_zip_t *self, const char *path, const char *name, bool folder, int64_t modified_ms);

//  What is in a folder. Listed first: the client does one thing at a time.
static fst_rc_t
s_add_entries (s_zip_t *self, const char *path, const char *name)
{
    s_entries_t list = { .zip = self };
    json_t *used = json_object ();
    fst_rc_t rc = filestore_list (self->client, *path? path: "/", s_collect, &list);
    if (rc == FST_NOT_FOUND)
        rc = FST_OK;
    for (size_t at = 0; at < list.count; at++) {
        s_entry_t *entry = &list.entries [at];
        char *below = fst_local_text ("%s/%s", path, entry->name), *safe = s_name (used, name, entry->name);
        if (rc == FST_OK)
            rc = s_add (self, below, safe, entry->folder, entry->modified_ms);
        free (below);
        free (safe);
        free (entry->name);
    }
    json_decref (used);
    free (list.entries);
    return rc;
}

static fst_rc_t
s_add (s_zip_t *self, const char *path, const char *name, bool folder, int64_t modified_ms)
{
    if (!folder)
        return s_add_file (self, path, name);
    char *slashed = fst_local_text ("%s/", name);
    fst_rc_t rc = *name? s_archive_entry (self, slashed, true, 0, modified_ms): FST_OK;
    free (slashed);
    return rc == FST_OK? s_add_entries (self, path, name): rc;
}

//  ---- What was asked for

static const char *
s_base (const char *path)
{
    return strrchr (path, '/') + 1;
}

//  All must be there before the first octet is sent.
static fst_rc_t
s_look (s_zip_t *self, json_t *entries)
{
    fst_rc_t rc = FST_OK;
    for (size_t at = 0; rc == FST_OK && at < self->count; at++) {
        json_t *entry = NULL;
        rc = filestore_stat (self->client, self->paths [at], &entry);
        if (rc == FST_OK)
            json_array_append_new (entries, entry);
    }
    return rc;
}

static fst_rc_t
s_make (s_zip_t *self, json_t *entries)
{
    fst_rc_t rc = s_archive_open (self);
    json_t *used = json_object ();
    for (size_t at = 0; rc == FST_OK && at < self->count; at++) {
        json_t *entry = json_array_get (entries, at);
        char *name = s_name (used, "", s_base (self->paths [at]));
        bool folder = strcmp (json_string_value (json_object_get (entry, "kind")), "folder") == 0;
        const char *path = strcmp (self->paths [at], "/") == 0? "": self->paths [at];
        rc = s_add (self, path, name, folder, json_integer_value (json_object_get (entry, "modified_ms")));
        free (name);
    }
    json_decref (used);
    if (rc == FST_OK)
        rc = s_outcome (self, archive_write_close (self->archive) == ARCHIVE_OK);
    self->rc = rc;                  //  If it failed, no directory: it must not look whole
    archive_write_free (self->archive);
    return rc;
}

static fst_rc_t
s_run (void *arg, fst_flow_t *flow, filestore_t *client, char **problem_p)
{
    s_zip_t *self = arg;
    self->own = flow;
    self->client = client;
    json_t *entries = json_array ();
    fst_rc_t rc = s_look (self, entries);
    if (rc == FST_OK) {
        fst_flow_tell (flow);
        //  libarchive looks at the locale for what names are in
        locale_t utf8 = newlocale (LC_CTYPE_MASK, "C.UTF-8", (locale_t) 0);
        locale_t before = uselocale (utf8);
        rc = self->head? FST_OK: s_make (self, entries);
        uselocale (before);
        if (utf8)
            freelocale (utf8);
        if (rc == FST_TOO_LARGE)
            *problem_p = fst_local_text ("more than %lld files in one zip", (long long) self->files_max);
    }
    json_decref (entries);
    return rc;
}

//  ---- The request

static void
s_dispose (void *arg)
{
    s_zip_t *self = arg;
    for (size_t at = 0; at < self->count; at++)
        free (self->paths [at]);
    free (self->paths);
    free (self);
}

static void
s_answer (void *arg)
{
    s_zip_t *self = arg;
    const char *base = self->count == 1? s_base (self->paths [0]): "";
    char *name = fst_local_text ("%s.zip", *base? base: "filestore");
    char *disposition = fst_mime_disposition (name, false);
    fst_http_set_header (self->stream.request, "Content-Disposition", disposition);
    fst_http_set_header (self->stream.request, "Cache-Control", "no-store");
    fst_http_reply_stream (self->stream.request, 200, "application/zip", -1, fst_stream_read, &self->stream);
    free (disposition);
    free (name);
}

//  The paths of the query; false, and an answer, if they cannot be.
static bool
s_read_paths (s_zip_t *self, fst_http_request_t *request)
{
    size_t fields = fst_http_query_count (request);
    self->paths = calloc (fields + 1, sizeof (*self->paths));
    assert (self->paths);
    for (size_t at = 0; at < fields; at++) {
        const char *path = NULL;
        if (strcmp (fst_http_query_at (request, at, &path), "path") != 0)
            continue;
        if (*path != '/' || (path [1] && !fst_path_acceptable (path)) || self->count == PATHS_MAX) {
            fst_http_fail (request, FST_BAD_NAME, "A zip is made of at most %d paths, each from / on.", PATHS_MAX);
            return false;
        }
        char *own = strdup (path);
        assert (own);
        for (size_t bytes = strlen (own); bytes > 1 && own [bytes - 1] == '/'; bytes--)
            own [bytes - 1] = 0;
        self->paths [self->count++] = own;
    }
    if (!self->count)
        fst_http_fail (request, FST_MALFORMED, "Say what goes into the zip: ?path=A&path=B.");
    return self->count > 0;
}

static void
s_get (void *arg, fst_http_request_t *request)
{
    fst_zip_t *set = arg;
    s_zip_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->files_max = set->files_max;
    self->head = fst_http_is_head (request);
    if (!s_read_paths (self, request)) {
        s_dispose (self);
        return;
    }
    self->stream = (fst_stream_t) { .length = -1, .answer = s_answer, .what = "zip", .path = self->paths [0] };
    fst_flow_args_t args = { .pipe_bytes = PIPE_BYTES, .run = s_run, .dispose = s_dispose, .arg = self };
    fst_stream_begin (set->flows, request, &args);
}

static const fst_http_route_t s_routes [] = {
    { "GET", "/api/v1/zip", 0, s_get },
    { NULL }
};

fst_zip_t *
fst_zip_new (const fst_config_t *config, fst_flows_t *flows)
{
    assert (config);
    assert (flows);
    fst_zip_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->flows = flows;
    self->files_max = fst_config_number (config, "zip-files");
    return self;
}

void
fst_zip_destroy (fst_zip_t **self_p)
{
    assert (self_p);
    free (*self_p);
    *self_p = NULL;
}

void
fst_zip_add_routes (fst_zip_t *self, fst_http_t *http)
{
    assert (self);
    fst_http_add_routes (http, s_routes, self);
}
