//  rescue: the tree of a snapshot, rebuilt from records wherever there is a good copy of each.
//
//  Names come from a database that only the cluster's key opens, and are checked again all the same: folders are opened
//  one by one, relative to the one above and never through links, so nothing is written outside OUT.

#include "cli_rescue.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fst_text.h"

#define PAGE_ENTRIES 256
#define EXTENTS_PAGE 64

//  A file being rebuilt, and how far we are.
typedef struct {
    cli_rescue_t *rescue;
    cli_progress_t progress;
    int64_t done_bytes;
    char path [FST_PATH_BYTES_MAX + FST_NAME_BYTES_MAX + 2];
    uint8_t *record;                    //  Room for the largest one
    //  The chunk that is wanted
    uint8_t key [FST_KEY_BYTES];
    fst_record_t wanted;
    uint32_t plain_bytes;               //  As found
} s_work_t;

//  ---- One file

static void
s_note (s_work_t *self, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

static void
s_note (s_work_t *self, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    char *reason = zsys_vprintf (format, args);
    va_end (args);
    json_t *row = json_pack ("{s:s, s:s}", "path", self->path, "reason", reason);
    json_array_append_new (self->rescue->incomplete, row);
    free (reason);
}

static bool
s_accept (void *arg, uint8_t *data, size_t bytes)
{
    s_work_t *self = arg;
    return fst_record_open (&self->wanted, self->key, data, bytes, &self->plain_bytes) == FST_OK;
}

//  Find the wanted chunk in some folder. FST_CORRUPT: there are copies, but none is good.
static fst_rc_t
s_find_chunk (s_work_t *self)
{
    fst_rc_t found = FST_NOT_FOUND;
    for (size_t at = 0; at < self->rescue->folders_count; at++) {
        fst_rc_t rc = fst_remains_read (self->rescue->folders [at], &self->wanted, self->record, s_accept, self);
        if (rc == FST_OK)
            return FST_OK;
        if (rc == FST_CORRUPT)
            found = FST_CORRUPT;
    }
    return found;
}

static fst_rc_t
s_write (s_work_t *self, int fd, int64_t offset)
{
    const uint8_t *data = self->record + FST_RECORD_HEADER_BYTES;
    size_t left = self->plain_bytes;
    while (left) {
        ssize_t part = pwrite (fd, data, left, offset);
        if (part == -1 && errno == EINTR)
            continue;
        if (part == -1)
            return cli_fail (self->rescue->cli, errno == ENOSPC || errno == EDQUOT? FST_NO_SPACE: FST_IO, "%s: %s", self->path,
                             strerror (errno));
        data += part;
        offset += part;
        left -= (size_t) part;
    }
    return FST_OK;
}

//  *whole_p: all chunks of the extent were found and written.
static fst_rc_t
s_rebuild_extent (s_work_t *self, int fd, const fst_blob_t *blob, const fst_extent_t *extent, bool *whole_p)
{
    int64_t first = (int64_t) extent->n * blob->extent_chunks, last = (blob->size - 1) >> blob->chunk_log2;
    for (uint32_t slot = 0; slot < extent->chunks; slot++) {
        int64_t chunk = first + slot, offset = chunk << blob->chunk_log2;
        int64_t bytes = chunk == last? blob->size - offset: (int64_t) 1 << blob->chunk_log2;
        self->wanted = (fst_record_t) {
            .blob = blob->id, .extent = extent->n, .slot = slot, .chunk = (uint32_t) chunk, .chunk_log2 = blob->chunk_log2,
            .last = chunk == last
        };
        fst_rc_t rc = chunk > last? FST_CORRUPT: s_find_chunk (self);
        if (rc == FST_OK && self->plain_bytes != bytes)
            rc = FST_CORRUPT;
        if (rc != FST_OK) {
            s_note (self, "octets %" PRId64 " to %" PRId64 " %s", offset, offset + bytes - 1,
                    rc == FST_NOT_FOUND? "are in none of the folders": "are damaged in every folder that has them");
            *whole_p = false;
            return FST_OK;
        }
        rc = s_write (self, fd, offset);
        if (rc != FST_OK)
            return rc;
        self->done_bytes += bytes;
        if (!cli_progress (&self->progress, self->done_bytes, -1))
            return cli_fail (self->rescue->cli, FST_INTERRUPTED, "stopped; what was rescued so far stays");
    }
    return FST_OK;
}

static fst_rc_t
s_rebuild (s_work_t *self, int fd, const fst_content_t *content, bool *whole_p)
{
    fst_catalog_t *catalog = self->rescue->catalog;
    fst_blob_t blob;
    fst_rc_t rc = fst_catalog_blob_get (catalog, &content->blob, &blob);
    if (rc == FST_OK)
        rc = fst_key_unwrap (self->rescue->cluster_key, &blob.id, blob.key, self->key);
    if (rc != FST_OK || blob.size != content->size) {
        s_note (self, "the snapshot does not say what is in it");
        *whole_p = false;
        return FST_OK;
    }
    uint32_t from = 0;
    while (rc == FST_OK && *whole_p && from < blob.extents) {
        fst_extent_t extents [EXTENTS_PAGE];
        size_t count = 0;
        rc = fst_catalog_extents (catalog, &blob.id, from, extents, EXTENTS_PAGE, &count);
        if (rc == FST_OK && count == 0)
            rc = FST_CORRUPT;
        for (size_t at = 0; rc == FST_OK && *whole_p && at < count; at++)
            rc = s_rebuild_extent (self, fd, &blob, &extents [at], whole_p);
        from += (uint32_t) count;
    }
    sodium_memzero (self->key, sizeof (self->key));
    return rc;
}

static fst_rc_t
s_out_failed (s_work_t *self)
{
    return cli_fail (self->rescue->cli, errno == ENOSPC || errno == EDQUOT? FST_NO_SPACE: FST_IO, "cannot write %s: %s",
                     self->path, strerror (errno));
}

//  The file appears under its name only when it is whole.
static fst_rc_t
s_file (s_work_t *self, int folder, const fst_entry_t *entry)
{
    static const char temp [] = ".filestore-rescue.tmp";
    unlinkat (folder, temp, 0);
    int fd = openat (folder, temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd == -1)
        return s_out_failed (self);
    bool whole = true;
    fst_rc_t rc = entry->content.has_blob? s_rebuild (self, fd, &entry->content, &whole): FST_OK;
    struct timespec times [2];
    times [0] = times [1] = (struct timespec) {
        .tv_sec = entry->content.modified_ms / 1000, .tv_nsec = entry->content.modified_ms % 1000 * 1000000
    };
    if (rc == FST_OK && whole) {
        if (times [0].tv_nsec >= 0)
            futimens (fd, times);       //  A file with another time is still rescued
        if (renameat (folder, temp, folder, entry->name) == -1)
            rc = s_out_failed (self);
    }
    close (fd);
    if (rc != FST_OK || !whole)
        unlinkat (folder, temp, 0);
    else {
        self->rescue->files++;
        self->rescue->bytes += entry->content.size;
    }
    return rc;
}

//  ---- The tree

typedef struct {
    fst_entry_t entries [PAGE_ENTRIES];
    size_t count;
} s_page_t;

static bool
s_take_entry (void *arg, const fst_entry_t *entry)
{
    s_page_t *page = arg;
    page->entries [page->count++] = *entry;
    return page->count < PAGE_ENTRIES;
}

static fst_rc_t s_folder (s_work_t *self, int folder, int64_t id, unsigned level);

//  Into a folder, which is made if it is not there. Closes nothing but what it opened.
static fst_rc_t
s_enter (s_work_t *self, int above, const fst_entry_t *entry, unsigned level)
{
    if (mkdirat (above, entry->name, 0700) == 0)
        self->rescue->folders_made++;
    else
    if (errno != EEXIST)
        return s_out_failed (self);
    int folder = openat (above, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder == -1)
        return s_out_failed (self);
    fst_rc_t rc = s_folder (self, folder, entry->id, level + 1);
    close (folder);
    return rc;
}

static fst_rc_t
s_entry (s_work_t *self, int folder, const fst_entry_t *entry, unsigned level)
{
    size_t length = strlen (self->path);
    if (length + 1 + strlen (entry->name) >= sizeof (self->path) || level > FST_PATH_LEVELS_MAX
    ||  !fst_name_valid (entry->name)) {
        s_note (self, "something in it has a name that is not allowed");
        return FST_OK;
    }
    snprintf (self->path + length, sizeof (self->path) - length, "/%s", entry->name);
    fst_rc_t rc = entry->kind == FST_ENTRY_FOLDER? s_enter (self, folder, entry, level): s_file (self, folder, entry);
    self->path [length] = 0;
    return rc;
}

static fst_rc_t
s_folder (s_work_t *self, int folder, int64_t id, unsigned level)
{
    char after [FST_NAME_BYTES_MAX + 1] = "";
    s_page_t *page = malloc (sizeof (*page));
    assert (page);
    fst_rc_t rc;
    do {
        page->count = 0;
        rc = fst_catalog_entries (self->rescue->catalog, id, *after? after: NULL, NULL, s_take_entry, page);
        if (rc != FST_OK)
            rc = cli_fail (self->rescue->cli, rc, "the snapshot cannot be read: %s", fst_error_text (rc));
        if (page->count)
            strcpy (after, page->entries [page->count - 1].name);
        for (size_t at = 0; rc == FST_OK && at < page->count; at++)
            rc = s_entry (self, folder, &page->entries [at], level);
    } while (rc == FST_OK && page->count == PAGE_ENTRIES);
    free (page);
    return rc;
}

fst_rc_t
cli_rescue_files (cli_rescue_t *self, const char *out)
{
    s_work_t work = { .rescue = self };
    int folder = open (out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder == -1)
        return cli_fail (self->cli, FST_IO, "cannot write to %s: %s", out, strerror (errno));
    work.record = malloc (fst_record_bytes (1u << FST_CHUNK_LOG2_MAX));
    assert (work.record);
    cli_progress_start (&work.progress, -1);
    fst_rc_t rc = s_folder (&work, folder, FST_ENTRY_ROOT, 1);
    cli_progress_end (&work.progress);
    if (rc == FST_OK && syncfs (folder) == -1)
        rc = cli_fail (self->cli, FST_IO, "what was written to %s could not be synced: %s", out, strerror (errno));
    close (folder);
    free (work.record);
    return rc;
}

//  ---- What the snapshot does not know

typedef struct {
    cli_rescue_t *rescue;
    zhashx_t *seen;
} s_unknown_t;

static void
s_look_up (void *arg, const fst_blob_id_t *id)
{
    s_unknown_t *unknown = arg;
    fst_blob_t blob;
    char hex [2 * FST_BLOB_BYTES + 1];
    if (fst_catalog_blob_get (unknown->rescue->catalog, id, &blob) != FST_NOT_FOUND)
        return;
    fst_hex_encode (id->bytes, FST_BLOB_BYTES, hex);
    if (zhashx_insert (unknown->seen, hex, "") == 0)
        unknown->rescue->unknown++;
}

void
cli_rescue_count_unknown (cli_rescue_t *self)
{
    s_unknown_t unknown = { self, zhashx_new () };
    for (size_t at = 0; at < self->folders_count; at++)
        fst_remains_blobs (self->folders [at], s_look_up, &unknown);
    zhashx_destroy (&unknown.seen);
}
