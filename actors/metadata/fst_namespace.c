//  The rules of the tree.

#include "fst_namespace_self.h"
#include <stdarg.h>

#define SHOWN_BYTES_MAX 300

fst_namespace_t *
fst_namespace_new (fst_catalog_t *catalog, int64_t versions)
{
    assert (catalog);
    fst_namespace_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->catalog = catalog;
    self->versions = versions;
    return self;
}

void
fst_namespace_destroy (fst_namespace_t **self_p)
{
    assert (self_p);
    free (*self_p);
    *self_p = NULL;
}

void
fst_namespace_enter (fst_namespace_t *self, const fst_person_t *person, int64_t now_ms)
{
    assert (self);
    assert (person->actor? person->scopes != NULL: fst_user_name_valid (person->name));
    self->person = *person;
    self->now_ms = now_ms;
    self->walked = false;
    self->told.known = false;
    self->problem [0] = 0;
    if (person->actor)
        strcpy (self->home, "/");
    else
        snprintf (self->home, sizeof (self->home), "/users/%s", person->name);
}

fst_rc_t
fst_namespace_refuse (fst_namespace_t *self, fst_rc_t rc, const char *format, ...)
{
    assert (self);
    va_list args;
    va_start (args, format);
    vsnprintf (self->problem, sizeof (self->problem), format, args);
    va_end (args);
    return rc;
}

const char *
fst_namespace_problem (const fst_namespace_t *self)
{
    assert (self);
    return self->problem;
}

const char *
fst_namespace_show (const char *path)
{
    assert (path);
    const char *slash = strrchr (path, '/');
    return strlen (path) > SHOWN_BYTES_MAX && slash? slash + 1: path;
}

//  ---- Walking

fst_rc_t
fst_namespace_step (fst_namespace_t *self, int64_t parent, unsigned inherited, const char *name, fst_entry_t *entry,
                    unsigned *rights_p)
{
    unsigned granted = 0;
    fst_rc_t rc = fst_catalog_entry_find (self->catalog, parent, name, entry);
    if (rc == FST_OK)
        rc = fst_catalog_grant_get (self->catalog, entry->id, self->person.name, &granted);
    if (rc == FST_OK)
        *rights_p = fst_access_rights (&self->person, inherited, entry, granted);
    return rc;
}

//  The token's scopes hide the folder whose absolute path is the first bytes octets of path.
static bool
s_is_hidden (const fst_namespace_t *self, const char *path, size_t bytes)
{
    char folder [FST_PATH_BYTES_MAX + 1];
    if (!self->person.scopes)
        return false;
    assert (bytes < sizeof (folder));
    memcpy (folder, path, bytes);
    folder [bytes] = 0;
    return !fst_access_limit (&self->person, FST_ACCESS_LIST, folder);
}

static fst_rc_t
s_walk_root (fst_namespace_t *self)
{
    self->walked = false;
    fst_rc_t rc = fst_catalog_entry_get (self->catalog, FST_ENTRY_ROOT, &self->walked_folder);
    if (rc == FST_NOT_FOUND)
        return FST_CORRUPT;
    self->walked_rights = fst_access_rights (&self->person, 0, &self->walked_folder, 0);
    self->walked_path [0] = 0;
    return rc;
}

//  Go on from the folder that was last walked to into one of its folders.
static fst_rc_t
s_walk_into (fst_namespace_t *self, const char *name)
{
    fst_entry_t entry;
    unsigned rights;
    fst_rc_t rc = fst_namespace_step (self, self->walked_folder.id, self->walked_rights, name, &entry, &rights);
    if (rc == FST_OK && entry.kind != FST_ENTRY_FOLDER)
        return fst_access_may_see (rights)
            ? fst_namespace_refuse (self, FST_NOT_A_FOLDER, "%s is a file, not a folder.", name): FST_NOT_FOUND;
    if (rc == FST_OK) {
        self->walked_folder = entry;
        self->walked_rights = rights;
    }
    return rc;
}

//  Walk to the folder whose absolute path is the first bytes octets of path ("" is the root).
static fst_rc_t
s_walk (fst_namespace_t *self, const char *path, size_t bytes)
{
    size_t done = strlen (self->walked_path);
    if (self->walked && done == bytes && memcmp (self->walked_path, path, bytes) == 0)
        return FST_OK;
    fst_rc_t rc = FST_OK;
    if (s_is_hidden (self, path, bytes))
        return fst_namespace_refuse (self, FST_NOT_FOUND, FST_NO_FOLDER, fst_namespace_show (path));
    bool below = self->walked && done < bytes && path [done] == '/' && memcmp (self->walked_path, path, done) == 0;
    if (!below) {
        rc = s_walk_root (self);
        done = 0;
    }
    self->walked = false;
    while (rc == FST_OK && done < bytes) {
        char name [FST_NAME_BYTES_MAX + 1];
        const char *from = path + done + 1;
        size_t length = strcspn (from, "/");
        assert (length < sizeof (name));
        memcpy (name, from, length);
        name [length] = 0;
        rc = s_walk_into (self, name);
        done += 1 + length;
    }
    if (rc == FST_NOT_FOUND)
        return fst_namespace_refuse (self, rc, FST_NO_FOLDER, fst_namespace_show (path));
    if (rc != FST_OK)
        return rc;
    memcpy (self->walked_path, path, bytes);
    self->walked_path [bytes] = 0;
    self->walked = true;
    return FST_OK;
}

fst_rc_t
fst_namespace_absolute (fst_namespace_t *self, const char *path, char normal [FST_PATH_BYTES_MAX + 1])
{
    char *text = NULL;
    fst_rc_t rc = fst_path_normal (path, self->home, &text);
    if (rc != FST_OK)
        return fst_namespace_refuse (self, rc, "That path is not allowed: its parts may not be \".\" or \"..\", "
                                     "nor longer than 255 octets; a path has at most 4,096 octets and 64 levels.");
    assert (strlen (text) <= FST_PATH_BYTES_MAX);
    strcpy (normal, text);
    free (text);
    return FST_OK;
}

fst_rc_t
fst_namespace_locate (fst_namespace_t *self, const char *path, fst_place_t *place)
{
    assert (self);
    assert (place);
    fst_rc_t rc = fst_namespace_absolute (self, path, place->path);
    if (rc != FST_OK)
        return rc;
    const char *slash = strrchr (place->path, '/');
    place->name = slash + 1;
    rc = s_walk (self, place->path, (size_t) (slash - place->path));
    if (rc != FST_OK)
        return rc;
    place->folder = self->walked_folder;
    place->folder_rights = fst_access_limit (&self->person, self->walked_rights, self->walked_path);
    place->whole = 0;
    if (*place->name)
        rc = fst_namespace_step (self, place->folder.id, self->walked_rights, place->name, &place->entry, &place->whole);
    else {
        place->entry = place->folder;
        place->whole = self->walked_rights;
    }
    place->rights = fst_access_limit (&self->person, place->whole, place->path);
    place->found = rc == FST_OK && fst_access_may_see (place->rights);
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_namespace_find (fst_namespace_t *self, const char *path, fst_place_t *place)
{
    fst_rc_t rc = fst_namespace_locate (self, path, place);
    if (rc == FST_OK && !place->found)
        rc = fst_access_may_see (place->folder_rights)
            ? fst_namespace_refuse (self, FST_NOT_FOUND, "There is no %s.", fst_namespace_show (place->path))
            : fst_namespace_refuse (self, FST_NOT_FOUND, FST_NO_FOLDER, fst_namespace_show (place->path));
    return rc;
}

fst_rc_t
fst_namespace_find_file (fst_namespace_t *self, const char *path, fst_place_t *place)
{
    fst_rc_t rc = fst_namespace_find (self, path, place);
    if (rc == FST_OK && place->entry.kind == FST_ENTRY_FOLDER)
        return fst_namespace_refuse (self, FST_IS_A_FOLDER, "%s is a folder, not a file.",
                                     fst_namespace_show (place->path));
    return rc == FST_OK? fst_access_read (place->rights): rc;
}

//  ---- Changing

fst_rc_t
fst_namespace_journal (fst_namespace_t *self, const char *type, const char *path, const char *to, int64_t id,
                       int64_t version)
{
    fst_journal_t event = {
        .time_ms = self->now_ms,
        .type = type,
        .path = path,
        .to = to,
        .user = self->person.name,
        .entry = id,
        .version = version
    };
    return fst_catalog_event_add (self->catalog, &event);
}

//  Something that one may not see is in the way: it stays unseen, so the answer is that the name is taken only
//  for those who may see the folder.
static bool
s_hidden_in_the_way (const fst_place_t *place, fst_catalog_t *catalog)
{
    fst_entry_t entry;
    return !place->found && fst_catalog_entry_find (catalog, place->folder.id, place->name, &entry) == FST_OK;
}

fst_rc_t
fst_namespace_may_add (fst_namespace_t *self, const fst_place_t *place, fst_entry_kind_t kind)
{
    fst_rc_t rc = fst_access_add (place->folder_rights, kind);
    if (rc == FST_NOT_FOUND)
        return fst_namespace_refuse (self, rc, FST_NO_FOLDER, fst_namespace_show (place->path));
    if (rc == FST_DENIED)
        return fst_namespace_refuse (self, rc, "You may not put anything there: %s.", fst_namespace_show (place->path));
    if (rc == FST_OK && s_hidden_in_the_way (place, self->catalog))
        return fst_namespace_refuse (self, FST_DENIED, "You may not put anything at %s.", fst_namespace_show (place->path));
    return rc;
}

const char *
fst_namespace_new_owner (const fst_namespace_t *self, const fst_entry_t *folder)
{
    assert (self);
    return self->person.actor? folder->owner: self->person.name;
}

static fst_rc_t
s_add_folder (fst_namespace_t *self, const fst_place_t *place, const char *owner, int64_t *id_p)
{
    fst_entry_t entry = {
        .parent = place->folder.id,
        .kind = FST_ENTRY_FOLDER,
        .created_ms = self->now_ms,
        .content = { .modified_ms = self->now_ms, .stored_ms = self->now_ms }
    };
    snprintf (entry.name, sizeof (entry.name), "%s", place->name);
    snprintf (entry.owner, sizeof (entry.owner), "%s", owner);
    fst_rc_t rc = fst_catalog_entry_add (self->catalog, &entry);
    if (rc == FST_OK)
        rc = fst_namespace_journal (self, "folder", place->path, NULL, entry.id, 0);
    *id_p = entry.id;
    return rc;
}

fst_rc_t
fst_namespace_has_home (fst_namespace_t *self, bool *there_p)
{
    assert (self);
    fst_entry_t entry;
    fst_rc_t rc = fst_catalog_entry_find (self->catalog, FST_ENTRY_USERS, self->person.name, &entry);
    *there_p = rc == FST_OK;
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_namespace_make_home (fst_namespace_t *self)
{
    assert (self);
    fst_place_t place;
    fst_rc_t rc = fst_namespace_locate (self, self->home, &place);
    int64_t id;
    if (rc == FST_OK && !place.found)
        rc = s_add_folder (self, &place, self->person.name, &id);
    self->walked = false;
    return rc;
}

fst_rc_t
fst_namespace_may_put (fst_namespace_t *self, const char *path, bool no_replace, fst_place_t *place)
{
    fst_rc_t rc = fst_namespace_locate (self, path, place);
    if (rc != FST_OK)
        return rc;
    if (!place->found)
        return fst_namespace_may_add (self, place, FST_ENTRY_FILE);
    if (place->entry.kind == FST_ENTRY_FOLDER)
        return fst_namespace_refuse (self, FST_IS_A_FOLDER, "%s is a folder; give the file another name.",
                                     fst_namespace_show (place->path));
    rc = fst_access_write (place->rights);
    if (rc != FST_OK)
        return fst_namespace_refuse (self, rc, "You may not replace %s.", fst_namespace_show (place->path));
    if (no_replace)
        return fst_namespace_refuse (self, FST_EXISTS, "%s is already there.", fst_namespace_show (place->path));
    return FST_OK;
}

fst_rc_t
fst_namespace_check_version (fst_namespace_t *self, const fst_place_t *place, int64_t version)
{
    assert (self);
    int64_t current = place->found? place->entry.content.version: 0;
    if (current == version)
        return FST_OK;
    if (!current)
        return fst_namespace_refuse (self, FST_CHANGED, "%s is not there any more.", fst_namespace_show (place->path));
    return fst_namespace_refuse (self, FST_CHANGED, "%s was changed meanwhile: version %lld is the current one.",
                                 fst_namespace_show (place->path), (long long) current);
}

static fst_rc_t
s_put_new (fst_namespace_t *self, fst_place_t *place, fst_content_t *content)
{
    fst_entry_t *entry = &place->entry;
    content->version = 1;
    entry->parent = place->folder.id;
    entry->kind = FST_ENTRY_FILE;
    entry->created_ms = self->now_ms;
    entry->content = *content;
    snprintf (entry->name, sizeof (entry->name), "%s", place->name);
    snprintf (entry->owner, sizeof (entry->owner), "%s", fst_namespace_new_owner (self, &place->folder));
    return fst_catalog_entry_add (self->catalog, entry);
}

fst_rc_t
fst_namespace_put (fst_namespace_t *self, fst_place_t *place, fst_content_t *content, int64_t *id_p)
{
    assert (self);
    content->stored_ms = self->now_ms;
    fst_rc_t rc;
    if (!place->found)
        rc = s_put_new (self, place, content);
    else {
        rc = fst_catalog_entry_replace (self->catalog, &place->entry, content);
        if (rc == FST_OK)
            rc = fst_catalog_versions_drop (self->catalog, place->entry.id, content->version - 1 - self->versions);
    }
    if (rc == FST_OK)
        rc = fst_namespace_journal (self, "committed", place->path, NULL, place->entry.id, content->version);
    *id_p = place->entry.id;
    return rc;
}

//  Make one folder; with tolerant it may be there already.
static fst_rc_t
s_make_one (fst_namespace_t *self, const char *path, bool tolerant, int64_t *id_p)
{
    fst_place_t place;
    fst_rc_t rc = fst_namespace_locate (self, path, &place);
    if (rc != FST_OK)
        return rc;
    if (place.found && place.entry.kind == FST_ENTRY_FOLDER && tolerant) {
        *id_p = place.entry.id;
        return FST_OK;
    }
    if (place.found)
        return fst_namespace_refuse (self, FST_EXISTS, "%s is already there.", fst_namespace_show (place.path));
    rc = fst_namespace_may_add (self, &place, FST_ENTRY_FOLDER);
    if (rc == FST_OK)
        rc = s_add_folder (self, &place, fst_namespace_new_owner (self, &place.folder), id_p);
    return rc;
}

fst_rc_t
fst_namespace_make_folder (fst_namespace_t *self, const char *path, bool parents, int64_t *id_p)
{
    assert (self);
    char normal [FST_PATH_BYTES_MAX + 1];
    fst_rc_t rc = fst_namespace_absolute (self, path, normal);
    //  Above the place where one first may look are folders that one need not see (a share), so the way is
    //  made from the lowest folder that is there
    fst_place_t place;
    if (rc != FST_OK || !parents || fst_namespace_locate (self, normal, &place) == FST_OK)
        return rc == FST_OK? s_make_one (self, normal, parents, id_p): rc;
    for (char *slash = strchr (normal + 1, '/'); slash; slash = strchr (slash + 1, '/')) {
        *slash = 0;
        rc = fst_namespace_locate (self, normal, &place);
        fst_entry_t entry;
        if (rc == FST_OK && fst_catalog_entry_find (self->catalog, place.folder.id, place.name, &entry) == FST_NOT_FOUND)
            rc = s_make_one (self, normal, true, id_p);
        *slash = '/';
        //  Where one does not see all, what is not there is refused as what is hidden
        if (rc == FST_NOT_FOUND || (rc == FST_DENIED && !(place.folder_rights & FST_ACCESS_READ)))
            return fst_namespace_refuse (self, FST_NOT_FOUND, FST_NO_FOLDER, fst_namespace_show (normal));
        if (rc != FST_OK)
            return rc;
    }
    return s_make_one (self, normal, true, id_p);
}

//  ---- Moving and deleting

bool
fst_namespace_is_below (const char *path, const char *folder)
{
    size_t bytes = strcmp (folder, "/") == 0? 0: strlen (folder);
    return strncmp (path, folder, bytes) == 0 && path [bytes] == '/' && path [bytes + 1];
}

static fst_rc_t
s_trash (fst_namespace_t *self, const fst_place_t *place, bool forever, int64_t *entries_p, int64_t *trash_p)
{
    fst_subtree_t subtree;
    bool own = strcmp (place->entry.owner, self->person.name) == 0;
    fst_rc_t rc = fst_catalog_subtree (self->catalog, &place->entry, &subtree);
    if (rc == FST_OK)
        rc = fst_catalog_entry_trash (self->catalog, &place->entry, &subtree, place->path, self->person.name,
                                      forever && own? 0: self->now_ms);
    if (rc == FST_OK && forever && !own)
        rc = fst_catalog_trash_leave (self->catalog, place->entry.id);      //  As if one had emptied one's trash at once
    if (rc == FST_OK)
        rc = fst_namespace_journal (self, "deleted", place->path, NULL, place->entry.id, 0);
    self->walked = false;
    *entries_p = subtree.files + subtree.folders;
    *trash_p = forever? 0: place->entry.id;
    return rc;
}

static fst_rc_t
s_may_remove (fst_namespace_t *self, const fst_place_t *place, const char *verb)
{
    fst_rc_t rc = fst_access_remove (&self->person, place->folder_rights, place->rights, &place->entry);
    if (rc == FST_DENIED)
        fst_namespace_refuse (self, rc, "You may not %s %s.", verb, fst_namespace_show (place->path));
    return rc;
}

fst_rc_t
fst_namespace_delete (fst_namespace_t *self, const char *path, bool recursive, bool forever, int64_t *entries_p,
                      int64_t *trash_p)
{
    assert (self);
    fst_place_t place;
    fst_rc_t rc = fst_namespace_find (self, path, &place);
    if (rc == FST_OK)
        rc = s_may_remove (self, &place, "delete");
    if (rc != FST_OK)
        return rc;
    if (place.entry.kind == FST_ENTRY_FOLDER && place.entry.content.size > 0 && !recursive)
        return fst_namespace_refuse (self, FST_NOT_EMPTY, "The folder %s is not empty; delete it with all that is in it, "
                                     "or empty it first.", fst_namespace_show (place.path));
    return s_trash (self, &place, forever, entries_p, trash_p);
}

static size_t
s_levels (const char *path)
{
    size_t levels = 0;
    for (; *path; path++)
        levels += *path == '/';
    return levels;
}

fst_rc_t
fst_namespace_fits (fst_namespace_t *self, const fst_subtree_t *subtree, const char *to)
{
    size_t name = subtree->deepest_holds? 1: 0;
    if (strlen (to) + (size_t) subtree->bytes + name * (FST_NAME_BYTES_MAX + 1) > FST_PATH_BYTES_MAX
    ||  s_levels (to) + (size_t) subtree->levels + name > FST_PATH_LEVELS_MAX)
        return fst_namespace_refuse (self, FST_BAD_NAME, "Paths below %s would become too long or too deep.",
                                     fst_namespace_show (to));
    return FST_OK;
}

//  A folder takes all below it along: their paths may not grow beyond the limits. Only looked at if they grow.
static fst_rc_t
s_check_depth (fst_namespace_t *self, const fst_place_t *from, const fst_place_t *to)
{
    if (from->entry.kind == FST_ENTRY_FILE
    || (strlen (to->path) <= strlen (from->path) && s_levels (to->path) <= s_levels (from->path)))
        return FST_OK;
    fst_subtree_t subtree;
    fst_rc_t rc = fst_catalog_subtree (self->catalog, &from->entry, &subtree);
    return rc == FST_OK? fst_namespace_fits (self, &subtree, to->path): rc;
}

//  What is at the target gives way, or says why not.
static fst_rc_t
s_make_way (fst_namespace_t *self, const fst_place_t *from, const fst_place_t *to, bool replace)
{
    if (!to->found)
        return fst_namespace_may_add (self, to, from->entry.kind);
    if (!replace)
        return fst_namespace_refuse (self, FST_EXISTS, "%s is already there.", fst_namespace_show (to->path));
    if (to->entry.kind == FST_ENTRY_FOLDER)
        return fst_namespace_refuse (self, FST_IS_A_FOLDER, "%s is a folder; only files are replaced.",
                                     fst_namespace_show (to->path));
    if (from->entry.kind == FST_ENTRY_FOLDER)
        return fst_namespace_refuse (self, FST_NOT_A_FOLDER, "%s is a file; a folder does not replace it.",
                                     fst_namespace_show (to->path));
    fst_rc_t rc = s_may_remove (self, to, "replace");
    int64_t entries, trash;
    if (rc == FST_OK)
        rc = fst_namespace_may_add (self, to, from->entry.kind);
    return rc == FST_OK? s_trash (self, to, false, &entries, &trash): rc;
}

fst_rc_t
fst_namespace_move (fst_namespace_t *self, const char *from, const char *to, bool replace, int64_t *id_p)
{
    assert (self);
    fst_place_t source, target;
    fst_rc_t rc = fst_namespace_find (self, from, &source);
    if (rc == FST_OK)
        rc = s_may_remove (self, &source, "move");
    if (rc == FST_OK)
        rc = fst_namespace_absolute (self, to, target.path);
    if (rc != FST_OK)
        return rc;
    *id_p = source.entry.id;
    if (strcmp (source.path, target.path) == 0)
        return FST_OK;
    if (fst_namespace_is_below (target.path, source.path))
        return source.entry.kind == FST_ENTRY_FOLDER
            ? fst_namespace_refuse (self, FST_DENIED, "A folder cannot be moved into itself.")
            : fst_namespace_refuse (self, FST_NOT_A_FOLDER, "%s is a file, not a folder.", source.name);
    rc = fst_namespace_locate (self, to, &target);
    if (rc == FST_OK)
        rc = s_check_depth (self, &source, &target);
    if (rc == FST_OK)
        rc = s_make_way (self, &source, &target, replace);
    if (rc == FST_OK)
        rc = fst_catalog_entry_move (self->catalog, &source.entry, target.folder.id, target.name, self->now_ms);
    if (rc == FST_OK)
        rc = fst_namespace_journal (self, "moved", source.path, target.path, source.entry.id, source.entry.content.version);
    self->walked = false;
    return rc;
}

//  ---- Listing

static int
s_compare_names (const void *one, const void *other)
{
    return strcmp (one, other);
}

//  In a folder above the scopes: through which of its entries they are reached.
static fst_rc_t
s_entries_on_the_way (fst_namespace_t *self, int64_t folder, const char *path, unsigned whole, const char *after,
                      fst_entry_fn *each, void *arg)
{
    char names [FST_SCOPES_MAX] [FST_NAME_BYTES_MAX + 1];
    size_t count = 0;
    bool write, go_on = true;
    for (const char *scope = NULL; (scope = fst_scopes_next (self->person.scopes, scope, &write)); )
        count += fst_scopes_step (scope, path, names [count], sizeof (names [count]));
    qsort (names, count, sizeof (names [0]), s_compare_names);
    fst_rc_t rc = FST_OK;
    for (size_t at = 0; at < count && rc == FST_OK && go_on; at++) {
        fst_entry_t entry;
        unsigned rights;
        if ((at && strcmp (names [at], names [at - 1]) == 0) || (after && strcmp (names [at], after) <= 0))
            continue;
        rc = fst_namespace_step (self, folder, whole, names [at], &entry, &rights);
        if (rc == FST_OK && fst_access_may_see (rights))
            go_on = each (arg, &entry);
        if (rc == FST_NOT_FOUND)
            rc = FST_OK;
    }
    return rc;
}

fst_rc_t
fst_namespace_entries (fst_namespace_t *self, int64_t folder, const char *path, unsigned whole, const char *after,
                       fst_entry_fn *each, void *arg)
{
    assert (self);
    assert (path);
    if (!fst_access_limit (&self->person, FST_ACCESS_READ, path))
        return s_entries_on_the_way (self, folder, path, whole, after, each, arg);
    bool all = whole & FST_ACCESS_READ;
    return fst_catalog_entries (self->catalog, folder, after, all? NULL: self->person.name, each, arg);
}

fst_rc_t
fst_namespace_list (fst_namespace_t *self, const char *path, const char *after, fst_entry_fn *each, void *arg)
{
    assert (self);
    fst_place_t place;
    fst_rc_t rc = fst_namespace_find (self, path, &place);
    if (rc != FST_OK)
        return rc;
    if (place.entry.kind == FST_ENTRY_FILE) {
        if (!after || strcmp (place.entry.name, after) > 0)
            each (arg, &place.entry);
        return FST_OK;
    }
    return fst_namespace_entries (self, place.entry.id, place.path, place.whole, after, each, arg);
}
