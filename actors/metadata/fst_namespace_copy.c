//  Copies and versions: new entries and new versions that point to blobs which are there.

#include "fst_namespace_self.h"

//  ---- Copying

typedef struct {
    int64_t from, to;                       //  Folders
} s_pair_t;

//  A folder with all that is in it, level by level.
typedef struct {
    fst_namespace_t *space;
    const char *owner;                      //  Of what is made
    s_pair_t *folders;                      //  To be filled
    size_t count, size;
    fst_entry_t *entries;                   //  Of the folder that is being copied
    size_t entries_count, entries_size;
} s_copy_t;

static bool
s_gather (void *arg, const fst_entry_t *entry)
{
    s_copy_t *copy = arg;
    if (copy->entries_count == copy->entries_size) {
        copy->entries_size = copy->entries_size? copy->entries_size * 2: 64;
        copy->entries = realloc (copy->entries, copy->entries_size * sizeof (*copy->entries));
        assert (copy->entries);
    }
    copy->entries [copy->entries_count++] = *entry;
    return true;
}

//  The same content under another name; a folder is to be filled.
static fst_rc_t
s_add (s_copy_t *copy, const fst_entry_t *from, int64_t parent, const char *name, fst_entry_t *made)
{
    fst_namespace_t *self = copy->space;
    *made = *from;
    made->parent = parent;
    made->created_ms = self->now_ms;
    made->content.stored_ms = self->now_ms;
    if (from->kind == FST_ENTRY_FOLDER) {
        made->content.size = 0;
        made->content.modified_ms = self->now_ms;
    }
    else
        made->content.version = 1;
    snprintf (made->name, sizeof (made->name), "%s", name);
    snprintf (made->owner, sizeof (made->owner), "%s", copy->owner);
    fst_rc_t rc = fst_catalog_entry_add (self->catalog, made);
    if (rc != FST_OK || from->kind == FST_ENTRY_FILE)
        return rc;
    if (copy->count == copy->size) {
        copy->size = copy->size? copy->size * 2: 64;
        copy->folders = realloc (copy->folders, copy->size * sizeof (*copy->folders));
        assert (copy->folders);
    }
    copy->folders [copy->count++] = (s_pair_t) { .from = from->id, .to = made->id };
    return FST_OK;
}

static fst_rc_t
s_fill (s_copy_t *copy, s_pair_t folder)
{
    copy->entries_count = 0;
    fst_rc_t rc = fst_catalog_entries (copy->space->catalog, folder.from, NULL, NULL, s_gather, copy);
    for (size_t at = 0; rc == FST_OK && at < copy->entries_count; at++) {
        fst_entry_t made;
        rc = s_add (copy, &copy->entries [at], folder.to, copy->entries [at].name, &made);
    }
    return rc;
}

static fst_rc_t
s_copy_new (fst_namespace_t *self, const fst_entry_t *from, fst_place_t *to)
{
    s_copy_t copy = { .space = self, .owner = fst_namespace_new_owner (self, &to->folder) };
    fst_rc_t rc = s_add (&copy, from, to->folder.id, to->name, &to->entry);
    for (size_t at = 0; rc == FST_OK && at < copy.count; at++)
        rc = s_fill (&copy, copy.folders [at]);
    free (copy.folders);
    free (copy.entries);
    return rc;
}

//  What is at the target may become what is at the source.
static fst_rc_t
s_may_replace (fst_namespace_t *self, const fst_place_t *from, const fst_place_t *to, bool replace)
{
    if (!replace || from->entry.id == to->entry.id)
        return fst_namespace_refuse (self, FST_EXISTS, "%s is already there.", fst_namespace_show (to->path));
    if (to->entry.kind == FST_ENTRY_FOLDER)
        return fst_namespace_refuse (self, FST_IS_A_FOLDER, "%s is a folder; only files are replaced.",
                                     fst_namespace_show (to->path));
    if (from->entry.kind == FST_ENTRY_FOLDER)
        return fst_namespace_refuse (self, FST_NOT_A_FOLDER, "%s is a file; a folder does not replace it.",
                                     fst_namespace_show (to->path));
    fst_rc_t rc = fst_access_write (to->rights);
    return rc == FST_OK? rc: fst_namespace_refuse (self, rc, "You may not replace %s.", fst_namespace_show (to->path));
}

//  What there is to copy can be copied, at once and there.
static fst_rc_t
s_check_source (fst_namespace_t *self, const fst_place_t *from, bool recursive, const char *to, int64_t *entries_p)
{
    fst_subtree_t subtree;
    if (from->entry.kind == FST_ENTRY_FOLDER && !recursive)
        return fst_namespace_refuse (self, FST_IS_A_FOLDER, "%s is a folder; copy it with all that is in it.",
                                     fst_namespace_show (from->path));
    fst_rc_t rc = fst_access_read (from->rights);
    if (rc != FST_OK)
        return fst_namespace_refuse (self, rc, "You may not copy %s.", fst_namespace_show (from->path));
    if (strcmp (from->path, "/") == 0 || fst_namespace_is_below (to, from->path))
        return fst_namespace_refuse (self, from->entry.kind == FST_ENTRY_FOLDER? FST_DENIED: FST_NOT_A_FOLDER,
                                     "%s cannot be copied into itself.", fst_namespace_show (from->path));
    rc = fst_catalog_subtree (self->catalog, &from->entry, &subtree);
    if (rc != FST_OK)
        return rc;
    *entries_p = subtree.files + subtree.folders;
    if (*entries_p > FST_COPY_ENTRIES_MAX)
        return fst_namespace_refuse (self, FST_TOO_LARGE, "%s holds more than %d entries; copy what is in it piece by piece.",
                                     fst_namespace_show (from->path), FST_COPY_ENTRIES_MAX);
    return fst_namespace_fits (self, &subtree, to);
}

fst_rc_t
fst_namespace_copy (fst_namespace_t *self, const char *from, const char *to, bool replace, bool recursive,
                    fst_place_t *made, int64_t *entries_p)
{
    assert (self);
    fst_place_t source;
    int64_t id;
    fst_rc_t rc = fst_namespace_find (self, from, &source);
    if (rc == FST_OK)
        rc = fst_namespace_absolute (self, to, made->path);
    if (rc == FST_OK)
        rc = s_check_source (self, &source, recursive, made->path, entries_p);
    if (rc == FST_OK)
        rc = fst_namespace_locate (self, to, made);
    if (rc == FST_OK)
        rc = made->found? s_may_replace (self, &source, made, replace)
                        : fst_namespace_may_add (self, made, source.entry.kind);
    if (rc != FST_OK)
        return rc;
    if (made->found) {
        fst_content_t content = source.entry.content;
        return fst_namespace_put (self, made, &content, &id);
    }
    rc = s_copy_new (self, &source.entry, made);
    if (rc == FST_OK)
        rc = fst_namespace_journal (self, "copied", source.path, made->path, made->entry.id, made->entry.content.version);
    self->walked = false;
    return rc;
}

//  ---- Versions

fst_rc_t
fst_namespace_restore_version (fst_namespace_t *self, const char *path, int64_t version, fst_place_t *place)
{
    assert (self);
    fst_content_t content;
    int64_t id;
    fst_rc_t rc = fst_namespace_find_file (self, path, place);
    if (rc != FST_OK)
        return rc;
    rc = fst_catalog_version_get (self->catalog, &place->entry, version, &content);
    if (rc == FST_NOT_FOUND)
        return fst_namespace_refuse (self, rc, "There is no version %lld of %s any more.", (long long) version,
                                     fst_namespace_show (place->path));
    if (rc == FST_OK && fst_access_write (place->rights) != FST_OK)
        return fst_namespace_refuse (self, FST_DENIED, "You may not replace %s.", fst_namespace_show (place->path));
    if (rc != FST_OK || version == place->entry.content.version)
        return rc;
    return fst_namespace_put (self, place, &content, &id);
}
