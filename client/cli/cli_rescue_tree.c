//  rescue: the tree of a snapshot, and what else is wanted of it.
//
//      OUT/users/ada/report.txt                            as it was
//      OUT/users/ada/report (version 3).txt                --versions: an older one
//      OUT/trash/users/ada/old (deleted 2026-11-22 18.15.07).txt       --trash: where it was deleted
//
//  What is current comes first, so that names made up for the others are never in its way. Names come from a database that
//  only the cluster's key opens, and are checked again all the same: folders are opened one by one, relative to the one
//  above and never through links, so nothing is written outside OUT.

#include "cli_rescue.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "fst_text.h"

#define PAGE_ENTRIES  256
#define PAGE_VERSIONS 32

//  A walk through the tree, or through one item of the trash.
typedef struct {
    cli_rescue_t *rescue;
    bool measure;                       //  Only add up what there will be, in bytes
    bool current, versions;             //  What is wanted of each file
    cli_rescue_sum_t *sum;              //  For what is current
    const char *label;                  //  Of what the walk begins with; NULL: it keeps its name
    int64_t bytes;
    char path [FST_PATH_BYTES_MAX + FST_NAME_BYTES_MAX + 64];
} s_walk_t;

static fst_rc_t
s_snapshot_failed (cli_rescue_t *self, fst_rc_t rc)
{
    return cli_fail (self->cli, rc, "the snapshot cannot be read: %s", fst_error_text (rc));
}

//  ---- Files

typedef struct {
    fst_content_t contents [PAGE_VERSIONS];
    size_t count;
} s_versions_t;

static bool
s_take_version (void *arg, const fst_content_t *content)
{
    s_versions_t *page = arg;
    page->contents [page->count++] = *content;
    return page->count < PAGE_VERSIONS;
}

static fst_rc_t
s_version (s_walk_t *self, int folder, const fst_entry_t *entry, const fst_content_t *content)
{
    char label [48];
    if (self->measure) {
        self->bytes += content->size;
        return FST_OK;
    }
    size_t length = strlen (self->path);
    snprintf (label, sizeof (label), "version %" PRId64, content->version);
    snprintf (self->path + length, sizeof (self->path) - length, " (%s)", label);
    fst_rc_t rc = cli_rescue_labelled (self->rescue, folder, entry->name, label, content, self->path, &self->rescue->older);
    self->path [length] = 0;
    return rc;
}

static fst_rc_t
s_versions (s_walk_t *self, int folder, const fst_entry_t *entry)
{
    int64_t before = entry->content.version;
    s_versions_t page;
    fst_rc_t rc;
    do {
        page.count = 0;
        rc = fst_catalog_versions (self->rescue->catalog, entry, before, s_take_version, &page);
        if (rc != FST_OK)
            return s_snapshot_failed (self->rescue, rc);
        for (size_t at = 0; rc == FST_OK && at < page.count; at++) {
            rc = s_version (self, folder, entry, &page.contents [at]);
            before = page.contents [at].version;
        }
    } while (rc == FST_OK && page.count == PAGE_VERSIONS);
    return rc;
}

static fst_rc_t
s_file (s_walk_t *self, int folder, const fst_entry_t *entry)
{
    fst_rc_t rc = FST_OK;
    if (self->measure)
        self->bytes += self->current? entry->content.size: 0;
    else
    if (self->current && self->label)
        rc = cli_rescue_labelled (self->rescue, folder, entry->name, self->label, &entry->content, self->path, self->sum);
    else
    if (self->current)
        rc = cli_rescue_content (self->rescue, folder, entry->name, &entry->content, self->path, self->sum);
    if (rc == FST_OK && self->versions)
        rc = s_versions (self, folder, entry);
    return rc;
}

//  ---- Folders

//  Open a folder in the one above, and make it if it is not there.
static fst_rc_t
s_open_folder (s_walk_t *self, int above, const char *name, int *folder_p)
{
    *folder_p = -1;
    if (mkdirat (above, name, 0700) == 0 || errno == EEXIST)
        *folder_p = openat (above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *folder_p == -1? cli_rescue_out_failed (self->rescue, self->path): FST_OK;
}

static fst_rc_t s_walk (s_walk_t *self, int folder, int64_t id, unsigned level);

//  A folder with all that is in it, which keeps its names.
static fst_rc_t
s_enter (s_walk_t *self, int above, const fst_entry_t *entry, unsigned level)
{
    char name [FST_NAME_BYTES_MAX + 1];
    const char *label = self->label;
    if (self->measure)
        return s_walk (self, -1, entry->id, level + 1);
    if (label)
        cli_rescue_label (entry->name, true, label, 1, name);
    int folder;
    fst_rc_t rc = s_open_folder (self, above, label? name: entry->name, &folder);
    if (rc != FST_OK)
        return rc;
    self->label = NULL;
    rc = s_walk (self, folder, entry->id, level + 1);
    self->label = label;
    close (folder);
    return rc;
}

static fst_rc_t
s_entry (s_walk_t *self, int folder, const fst_entry_t *entry, unsigned level)
{
    size_t length = strlen (self->path);
    if (length + 1 + strlen (entry->name) > FST_PATH_BYTES_MAX + FST_NAME_BYTES_MAX || level > FST_PATH_LEVELS_MAX
    ||  !fst_name_valid (entry->name)) {
        if (!self->measure)
            cli_rescue_note (self->rescue, self->path, "something in it has a name that is not allowed");
        return FST_OK;
    }
    snprintf (self->path + length, sizeof (self->path) - length, "/%s", entry->name);
    fst_rc_t rc = entry->kind == FST_ENTRY_FOLDER? s_enter (self, folder, entry, level): s_file (self, folder, entry);
    self->path [length] = 0;
    return rc;
}

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

//  Call each for all entries of a folder of the catalog.
typedef fst_rc_t (s_entry_fn) (s_walk_t *self, int folder, const fst_entry_t *entry, unsigned level);

static fst_rc_t
s_for_each (s_walk_t *self, int folder, int64_t id, unsigned level, s_entry_fn *each)
{
    char after [FST_NAME_BYTES_MAX + 1] = "";
    s_page_t *page = malloc (sizeof (*page));
    assert (page);
    fst_rc_t rc;
    do {
        page->count = 0;
        rc = fst_catalog_entries (self->rescue->catalog, id, *after? after: NULL, NULL, s_take_entry, page);
        if (rc != FST_OK)
            rc = s_snapshot_failed (self->rescue, rc);
        if (page->count)
            strcpy (after, page->entries [page->count - 1].name);
        for (size_t at = 0; rc == FST_OK && at < page->count; at++)
            rc = each (self, folder, &page->entries [at], level);
    } while (rc == FST_OK && page->count == PAGE_ENTRIES);
    free (page);
    return rc;
}

static fst_rc_t
s_walk (s_walk_t *self, int folder, int64_t id, unsigned level)
{
    return s_for_each (self, folder, id, level, s_entry);
}

//  ---- The trash

//  Make and open the folders of the place where something was deleted, below the one for the trash.
static fst_rc_t
s_open_place (s_walk_t *self, int trash, int *folder_p)
{
    char *place = strdup (self->path), *rest = place;
    assert (place);
    fst_rc_t rc = FST_OK;
    int folder = dup (trash);
    for (char *name; rc == FST_OK && (name = strsep (&rest, "/")); )
        if (*name) {
            int next;
            rc = s_open_folder (self, folder, name, &next);
            close (folder);
            folder = next;
        }
    free (place);
    *folder_p = folder;
    return rc;
}

//  One item: entry is as it lies in the trash, under the name of its number.
static fst_rc_t
s_trashed (s_walk_t *self, int folder, const fst_entry_t *entry, unsigned level)
{
    (void) level;
    fst_trash_t item;
    fst_rc_t rc = fst_catalog_trash_get (self->rescue->catalog, entry->id, &item);
    if (rc == FST_NOT_FOUND)
        return FST_OK;                  //  Deleted for good, and not yet taken apart
    if (rc != FST_OK)
        return s_snapshot_failed (self->rescue, rc);
    if (!fst_path_valid (item.path) || !strrchr (item.path, '/')) {
        if (!self->measure)
            cli_rescue_note (self->rescue, item.name, "it is in the trash, and its path is not allowed");
        return FST_OK;
    }
    fst_entry_t named = *entry;
    char label [48];
    time_t seconds = (time_t) (item.trashed_ms / 1000);
    struct tm local;
    snprintf (named.name, sizeof (named.name), "%s", item.name);
    if (!localtime_r (&seconds, &local) || !strftime (label, sizeof (label), "deleted %Y-%m-%d %H.%M.%S", &local))
        snprintf (label, sizeof (label), "deleted");
    snprintf (self->path, sizeof (self->path), "%.*s", (int) (strrchr (item.path, '/') - item.path), item.path);
    self->label = label;
    int place = -1;
    if (!self->measure)
        rc = s_open_place (self, folder, &place);
    if (rc == FST_OK)
        rc = s_entry (self, place, &named, 1);
    self->label = NULL;
    if (place != -1)
        close (place);
    return rc;
}

static fst_rc_t
s_trash (s_walk_t *self, int out)
{
    fst_entry_t other;                  //  The tree may have a folder of that name
    bool taken = fst_catalog_entry_find (self->rescue->catalog, FST_ENTRY_ROOT, "trash", &other) == FST_OK;
    const char *name = taken? "trash (deleted)": "trash";
    snprintf (self->path, sizeof (self->path), "/%s", name);
    int folder = -1;
    fst_rc_t rc = self->measure? FST_OK: s_open_folder (self, out, name, &folder);
    if (rc == FST_OK)
        rc = s_for_each (self, folder, FST_ENTRY_TRASH, 1, s_trashed);
    if (folder != -1)
        close (folder);
    return rc;
}

//  ---- The whole

//  All that is wanted, or its octets.
static fst_rc_t
s_all (cli_rescue_t *self, int out, bool measure, int64_t *bytes_p)
{
    s_walk_t *walk = calloc (1, sizeof (*walk));
    assert (walk);
    *walk = (s_walk_t) { .rescue = self, .measure = measure, .current = true, .sum = &self->current };
    fst_rc_t rc = s_walk (walk, out, FST_ENTRY_ROOT, 1);
    if (rc == FST_OK && self->versions) {
        walk->current = false;
        walk->versions = true;
        rc = s_walk (walk, out, FST_ENTRY_ROOT, 1);
    }
    if (rc == FST_OK && self->trash) {
        walk->current = true;
        walk->sum = &self->trashed;
        rc = s_trash (walk, out);
    }
    *bytes_p = walk->bytes;
    free (walk);
    return rc;
}

fst_rc_t
cli_rescue_tree (cli_rescue_t *self, const char *out)
{
    int folder = open (out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder == -1)
        return cli_fail (self->cli, FST_IO, "cannot write to %s: %s", out, strerror (errno));
    int64_t bytes = 0;
    self->record = malloc (fst_record_bytes (1u << FST_CHUNK_LOG2_MAX));
    assert (self->record);
    fst_rc_t rc = s_all (self, -1, true, &bytes);
    cli_progress_start (&self->progress, bytes);
    if (rc == FST_OK)
        rc = s_all (self, folder, false, &bytes);
    cli_progress_end (&self->progress);
    if (rc == FST_OK && syncfs (folder) == -1)
        rc = cli_fail (self->cli, FST_IO, "what was written to %s could not be synced: %s", out, strerror (errno));
    close (folder);
    free (self->record);
    self->record = NULL;
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
