//  rescue: one content, rebuilt from records wherever there is a good copy of each.

#include "cli_rescue.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fst_text.h"

#define EXTENTS_PAGE 64
#define LABELS_MAX   99                 //  Numbers that are tried for one label
#define TEMP_NAME    ".filestore-rescue.tmp"

//  A content being rebuilt.
typedef struct {
    cli_rescue_t *rescue;
    const char *path;
    bool whole;
    //  The chunk that is wanted
    uint8_t key [FST_KEY_BYTES];
    fst_record_t wanted;
    uint32_t plain_bytes;               //  As found
} s_work_t;

//  ---- Results

void
cli_rescue_note (cli_rescue_t *self, const char *path, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    char *reason = zsys_vprintf (format, args);
    va_end (args);
    json_array_append_new (self->incomplete, json_pack ("{s:s, s:s}", "path", path, "reason", reason));
    free (reason);
}

fst_rc_t
cli_rescue_out_failed (cli_rescue_t *self, const char *path)
{
    return cli_fail (self->cli, errno == ENOSPC || errno == EDQUOT? FST_NO_SPACE: FST_IO, "cannot write %s: %s", path,
                     strerror (errno));
}

static fst_rc_t
s_progress (cli_rescue_t *self, int64_t bytes)
{
    self->done_bytes += bytes;
    return cli_progress (&self->progress, self->done_bytes, -1)? FST_OK:
           cli_fail (self->cli, FST_INTERRUPTED, "stopped; what was rescued so far stays, and the same command goes on from there");
}

//  ---- Chunks

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
        fst_rc_t rc = fst_remains_read (self->rescue->folders [at], &self->wanted, self->rescue->record, s_accept, self);
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
    const uint8_t *data = self->rescue->record + FST_RECORD_HEADER_BYTES;
    size_t left = self->plain_bytes;
    while (left) {
        ssize_t part = pwrite (fd, data, left, offset);
        if (part == -1 && errno == EINTR)
            continue;
        if (part == -1)
            return cli_rescue_out_failed (self->rescue, self->path);
        data += part;
        offset += part;
        left -= (size_t) part;
    }
    return FST_OK;
}

//  All chunks of the extent are found and written, or it is not whole.
static fst_rc_t
s_rebuild_extent (s_work_t *self, int fd, const fst_blob_t *blob, const fst_extent_t *extent)
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
            cli_rescue_note (self->rescue, self->path, "octets %" PRId64 " to %" PRId64 " %s", offset, offset + bytes - 1,
                             rc == FST_NOT_FOUND? "are in none of the folders": "are damaged in every folder that has them");
            self->whole = false;
            return FST_OK;
        }
        rc = s_write (self, fd, offset);
        if (rc == FST_OK)
            rc = s_progress (self->rescue, bytes);
        if (rc != FST_OK)
            return rc;
    }
    return FST_OK;
}

static fst_rc_t
s_rebuild (s_work_t *self, int fd, const fst_content_t *content)
{
    fst_catalog_t *catalog = self->rescue->catalog;
    fst_blob_t blob;
    fst_rc_t rc = fst_catalog_blob_get (catalog, &content->blob, &blob);
    if (rc == FST_OK)
        rc = fst_key_unwrap (self->rescue->cluster_key, &blob.id, blob.key, self->key);
    if (rc != FST_OK || blob.size != content->size) {
        cli_rescue_note (self->rescue, self->path, "the snapshot does not say what is in it");
        self->whole = false;
        return FST_OK;
    }
    uint32_t from = 0;
    while (rc == FST_OK && self->whole && from < blob.extents) {
        fst_extent_t extents [EXTENTS_PAGE];
        size_t count = 0;
        rc = fst_catalog_extents (catalog, &blob.id, from, extents, EXTENTS_PAGE, &count);
        if (rc == FST_OK && count == 0)
            rc = FST_CORRUPT;
        for (size_t at = 0; rc == FST_OK && self->whole && at < count; at++)
            rc = s_rebuild_extent (self, fd, &blob, &extents [at]);
        from += (uint32_t) count;
    }
    sodium_memzero (self->key, sizeof (self->key));
    return rc;
}

//  ---- Files

//  The file appears under its name only when it is whole, and only if nothing has that name.
static fst_rc_t
s_publish (s_work_t *self, int folder, int fd, const char *name, const fst_content_t *content)
{
    struct timespec times [2];
    times [0] = times [1] = (struct timespec) {
        .tv_sec = content->modified_ms / 1000, .tv_nsec = content->modified_ms % 1000 * 1000000
    };
    if (times [0].tv_nsec >= 0)
        futimens (fd, times);           //  A file with another time is still rescued
    if (renameat2 (folder, TEMP_NAME, folder, name, RENAME_NOREPLACE) == 0)
        return FST_OK;
    if (errno == EINVAL && faccessat (folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == -1
    &&  renameat (folder, TEMP_NAME, folder, name) == 0)
        return FST_OK;                  //  A file system that cannot do it in one step
    return cli_rescue_out_failed (self->rescue, self->path);
}

static fst_rc_t
s_write_file (cli_rescue_t *self, int folder, const char *name, const fst_content_t *content, const char *path,
              cli_rescue_sum_t *sum)
{
    s_work_t work = { .rescue = self, .path = path, .whole = true };
    unlinkat (folder, TEMP_NAME, 0);
    int fd = openat (folder, TEMP_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd == -1)
        return cli_rescue_out_failed (self, path);
    fst_rc_t rc = content->has_blob? s_rebuild (&work, fd, content): FST_OK;
    if (rc == FST_OK && work.whole)
        rc = s_publish (&work, folder, fd, name, content);
    close (fd);
    if (rc != FST_OK || !work.whole)
        unlinkat (folder, TEMP_NAME, 0);
    else {
        sum->files++;
        sum->bytes += content->size;
    }
    return rc;
}

typedef enum { FREE, SAME, TAKEN } s_place_t;

//  What has this name in OUT: nothing, or this content from an earlier rescue, or something else.
static s_place_t
s_look (int folder, const char *name, const fst_content_t *content)
{
    struct stat there;
    if (fstatat (folder, name, &there, AT_SYMLINK_NOFOLLOW) == -1)
        return FREE;                    //  Or writing it will say why not
    int64_t modified_ms = (int64_t) there.st_mtim.tv_sec * 1000 + there.st_mtim.tv_nsec / 1000000;
    return S_ISREG (there.st_mode) && there.st_size == content->size && modified_ms == content->modified_ms? SAME: TAKEN;
}

static fst_rc_t
s_there (cli_rescue_t *self, const fst_content_t *content)
{
    self->there.files++;
    self->there.bytes += content->size;
    return s_progress (self, content->size);
}

fst_rc_t
cli_rescue_content (cli_rescue_t *self, int folder, const char *name, const fst_content_t *content, const char *path,
                    cli_rescue_sum_t *sum)
{
    s_place_t place = s_look (folder, name, content);
    if (place == FREE)
        return s_write_file (self, folder, name, content, path, sum);
    if (place == SAME)
        return s_there (self, content);
    cli_rescue_note (self, path, "something else has its name in the folder for what is rescued, and was left there");
    self->taken++;
    return s_progress (self, content->size);
}

//  ---- Names for what has none

//  Where the extension of a name begins; at its end if it has none.
static size_t
s_stem (const char *name)
{
    const char *dot = strrchr (name, '.');
    size_t length = strlen (name);
    return dot && dot > name && length - (size_t) (dot - name) <= 16? (size_t) (dot - name): length;
}

void
cli_rescue_label (const char *name, bool folder, const char *label, unsigned number,
                  char labelled [FST_NAME_BYTES_MAX + 1])
{
    char text [128], digits [16] = "";
    size_t stem = folder? strlen (name): s_stem (name);
    if (number > 1)
        snprintf (digits, sizeof (digits), ", %u", number);
    snprintf (text, sizeof (text), " (%.80s%s)%s", label, digits, name + stem);
    size_t room = FST_NAME_BYTES_MAX - strlen (text);
    if (stem > room)
        stem = room;
    while (stem && ((unsigned char) name [stem] & 0xC0) == 0x80)
        stem--;                         //  Not within a character
    snprintf (labelled, FST_NAME_BYTES_MAX + 1, "%.*s%s", (int) stem, name, text);
}

fst_rc_t
cli_rescue_labelled (cli_rescue_t *self, int folder, const char *name, const char *label, const fst_content_t *content,
                     const char *path, cli_rescue_sum_t *sum)
{
    char labelled [FST_NAME_BYTES_MAX + 1];
    unsigned number = 1;
    do
        cli_rescue_label (name, false, label, number, labelled);
    while (s_look (folder, labelled, content) == TAKEN && ++number < LABELS_MAX);
    return cli_rescue_content (self, folder, labelled, content, path, sum);
}
