//  Out of the trash: back to where it was, or away forever.

#include "fst_namespace_self.h"

#define FREE_NAMES_MAX 100              //  Tried before one gives up
#define SUFFIX_BYTES   24               //  " (restored 99)"
#define ENDING_BYTES   16               //  ".torrent" stays at the end of a name, a sentence with a dot does not

//  The person's own: deleted by him, or his.
static fst_rc_t
s_take (fst_namespace_t *self, int64_t trash, const char *path, fst_trash_t *item)
{
    char normal [FST_PATH_BYTES_MAX + 1] = "";
    fst_rc_t rc = trash? FST_OK: fst_namespace_absolute (self, path, normal);
    if (rc != FST_OK)
        return rc;
    rc = trash? fst_catalog_trash_get (self->catalog, trash, item)
              : fst_catalog_trash_find (self->catalog, normal, self->person.name, item);
    if (rc == FST_OK && strcmp (item->user, self->person.name) != 0 && strcmp (item->owner, self->person.name) != 0)
        rc = FST_NOT_FOUND;
    if (rc == FST_OK && !fst_access_limit (&self->person, FST_ACCESS_READ, item->path))
        rc = FST_NOT_FOUND;
    if (rc == FST_OK && !fst_access_limit (&self->person, FST_ACCESS_WRITE, item->path))
        return fst_namespace_refuse (self, FST_DENIED, "You may not change %s.", fst_namespace_show (item->path));
    if (rc == FST_NOT_FOUND && trash)
        return fst_namespace_refuse (self, rc, "There is no such thing in your trash.");
    if (rc == FST_NOT_FOUND)
        return fst_namespace_refuse (self, rc, "There is no %s in your trash.", fst_namespace_show (normal));
    return rc;
}

//  ---- Names

//  Octets of a name before the ending by which people know what a file is.
static size_t
s_stem (const fst_trash_t *item)
{
    const char *dot = strrchr (item->name, '.');
    bool ends = item->kind == FST_ENTRY_FILE && dot && dot > item->name && strlen (dot) <= ENDING_BYTES;
    return ends? (size_t) (dot - item->name): strlen (item->name);
}

//  "name (restored).txt", cut so that it is a valid name; the n-th try.
static void
s_try_name (const fst_trash_t *item, int n, char name [FST_NAME_BYTES_MAX + 1])
{
    char suffix [SUFFIX_BYTES];
    size_t stem = s_stem (item);
    const char *ending = item->name + stem;
    if (n == 1)
        strcpy (suffix, " (restored)");
    else
        snprintf (suffix, sizeof (suffix), " (restored %d)", n);
    size_t most = FST_NAME_BYTES_MAX - strlen (suffix) - strlen (ending);
    if (stem > most)
        stem = most;
    while (stem && (item->name [stem] & 0xc0) == 0x80)
        stem--;                         //  Not within a character
    int length = snprintf (name, FST_NAME_BYTES_MAX + 1, "%.*s%s%s", (int) stem, item->name, suffix, ending);
    assert (length > 0 && length <= FST_NAME_BYTES_MAX);
}

static fst_rc_t
s_free_name (fst_namespace_t *self, const fst_trash_t *item, int64_t folder, char name [FST_NAME_BYTES_MAX + 1])
{
    fst_entry_t entry;
    strcpy (name, item->name);
    for (int n = 1; n <= FREE_NAMES_MAX; n++) {
        fst_rc_t rc = fst_catalog_entry_find (self->catalog, folder, name, &entry);
        if (rc != FST_OK)
            return rc == FST_NOT_FOUND? FST_OK: rc;
        s_try_name (item, n, name);
    }
    return fst_namespace_refuse (self, FST_EXISTS, "Its name is taken where it was; say another path.");
}

//  ---- Places

//  In a folder, under its own name or a free one. FST_BAD_NAME: that would be too long a path
static fst_rc_t
s_place_in (fst_namespace_t *self, const fst_trash_t *item, const char *folder, int64_t id, fst_place_t *place)
{
    char name [FST_NAME_BYTES_MAX + 1], path [FST_PATH_BYTES_MAX + FST_NAME_BYTES_MAX + 2];
    fst_rc_t rc = s_free_name (self, item, id, name);
    if (rc != FST_OK)
        return rc;
    snprintf (path, sizeof (path), "%s/%s", strcmp (folder, "/") == 0? "": folder, name);
    rc = fst_namespace_locate (self, path, place);
    return rc == FST_OK? fst_namespace_may_add (self, place, item->kind): rc;
}

static bool
s_is_refusal (fst_rc_t rc)
{
    return rc == FST_NOT_FOUND || rc == FST_DENIED || rc == FST_BAD_NAME;
}

//  Where it was. What others own goes nowhere else: in one's own folder one would have a right to it for ever.
static fst_rc_t
s_old_place (fst_namespace_t *self, const fst_trash_t *item, fst_place_t *place)
{
    char folder [FST_PATH_BYTES_MAX + 1];
    fst_entry_t home;
    fst_rc_t rc = fst_catalog_entry_path (self->catalog, item->parent, folder);
    if (rc == FST_OK)
        rc = s_place_in (self, item, folder, item->parent, place);
    if (!s_is_refusal (rc))
        return rc;
    if (strcmp (item->owner, self->person.name) != 0)
        return fst_namespace_refuse (self, FST_DENIED, "The folder where it was is gone, or not yours to change any more; "
                                     "only %s can take it back.", item->owner);
    rc = fst_catalog_entry_find (self->catalog, FST_ENTRY_USERS, self->person.name, &home);
    return rc == FST_OK? s_place_in (self, item, self->home, home.id, place): rc;
}

static fst_rc_t
s_new_place (fst_namespace_t *self, const fst_trash_t *item, const char *to, fst_place_t *place)
{
    fst_rc_t rc = fst_namespace_locate (self, to, place);
    if (rc != FST_OK)
        return rc;
    if (place->found)
        return fst_namespace_refuse (self, FST_EXISTS, "%s is already there.", fst_namespace_show (place->path));
    if (strcmp (item->owner, self->person.name) != 0 && place->folder.id != item->parent)
        return fst_namespace_refuse (self, FST_DENIED, "It belongs to %s, so it goes only to the folder where it was.",
                                     item->owner);
    return fst_namespace_may_add (self, place, item->kind);
}

//  ---- Taking it

fst_rc_t
fst_namespace_restore (fst_namespace_t *self, int64_t trash, const char *path, const char *to,
                       char now [FST_PATH_BYTES_MAX + 1], int64_t *id_p)
{
    assert (self);
    assert (trash || path);
    fst_trash_t item;
    fst_place_t place;
    fst_entry_t entry;
    fst_subtree_t subtree;
    fst_rc_t rc = s_take (self, trash, path, &item);
    if (rc == FST_OK)
        rc = fst_catalog_entry_get (self->catalog, item.entry, &entry);
    if (rc == FST_OK)
        rc = fst_catalog_subtree (self->catalog, &entry, &subtree);
    if (rc == FST_OK)
        rc = to? s_new_place (self, &item, to, &place): s_old_place (self, &item, &place);
    if (rc == FST_OK)
        rc = fst_namespace_fits (self, &subtree, place.path);
    if (rc == FST_OK)
        rc = fst_catalog_trash_restore (self->catalog, &item, &subtree, place.folder.id, place.name, self->now_ms);
    if (rc == FST_OK)
        rc = fst_namespace_journal (self, "restored", place.path, NULL, item.entry, entry.content.version);
    self->walked = false;
    if (rc == FST_OK) {
        strcpy (now, place.path);
        *id_p = item.entry;
    }
    return rc;
}

fst_rc_t
fst_namespace_purge (fst_namespace_t *self, int64_t trash)
{
    assert (self);
    fst_trash_t item;
    fst_rc_t rc = s_take (self, trash, NULL, &item);
    if (rc != FST_OK)
        return rc;
    return strcmp (item.owner, self->person.name) == 0? fst_catalog_trash_drop (self->catalog, item.entry)
                                                      : fst_catalog_trash_leave (self->catalog, item.entry);
}
