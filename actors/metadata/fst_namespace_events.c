//  What a person may know of what happened.
//
//  A path tells enough: rights come down the tree, so who may read the lowest folder of it that is still there may
//  read, or could have read, what was below.

#include "fst_namespace_self.h"

//  The person's rights on the lowest folder on the way to path that is there.
static fst_rc_t
s_rights_on_the_way (fst_namespace_t *self, const char *path, int64_t *folder_p, unsigned *rights_p)
{
    fst_entry_t entry = { .id = FST_ENTRY_ROOT };
    unsigned rights = fst_access_rights (&self->person, 0, &entry, 0);
    fst_rc_t rc = FST_OK;
    *folder_p = FST_ENTRY_ROOT;
    *rights_p = rights;
    for (const char *from = path + 1, *slash; rc == FST_OK && (slash = strchr (from, '/')); from = slash + 1) {
        char name [FST_NAME_BYTES_MAX + 1];
        snprintf (name, sizeof (name), "%.*s", (int) (slash - from), from);
        rc = fst_namespace_step (self, entry.id, rights, name, &entry, &rights);
        if (rc == FST_OK && entry.kind == FST_ENTRY_FOLDER) {
            *folder_p = entry.id;
            *rights_p = rights;
        }
        else
            *folder_p = 0;              //  What is behind is not there
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  The same for a path's folder, remembered: events come in bunches.
static fst_rc_t
s_folder_rights (fst_namespace_t *self, const char *path, int64_t *folder_p, unsigned *rights_p)
{
    size_t bytes = (size_t) (strrchr (path, '/') - path);
    fst_folder_rights_t *told = &self->told;
    if (!told->known || strlen (told->folder) != bytes || memcmp (told->folder, path, bytes) != 0) {
        fst_rc_t rc = s_rights_on_the_way (self, path, &told->id, &told->rights);
        if (rc != FST_OK)
            return rc;
        memcpy (told->folder, path, bytes);
        told->folder [bytes] = 0;
        told->known = true;
    }
    *folder_p = told->id;
    *rights_p = told->rights;
    return FST_OK;
}

//  A grant on the entry itself, or owning it, counts as long as it is there, or in the trash from there.
static fst_rc_t
s_may_read_entry (fst_namespace_t *self, const char *path, int64_t folder, int64_t id, bool *may_p)
{
    fst_entry_t entry;
    fst_trash_t item;
    unsigned rights = 0;
    const char *name = strrchr (path, '/') + 1;
    fst_rc_t rc = folder && *name? fst_namespace_step (self, folder, 0, name, &entry, &rights): FST_NOT_FOUND;
    if (rc == FST_NOT_FOUND) {
        rc = fst_catalog_trash_get (self->catalog, id, &item);
        if (rc == FST_OK && strcmp (item.path, path) == 0) {
            rc = fst_catalog_grant_get (self->catalog, id, self->person.name, &rights);
            if (strcmp (item.owner, self->person.name) == 0)
                rights |= FST_ACCESS_READ;
        }
    }
    *may_p = rc == FST_OK && (rights & FST_ACCESS_READ);
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

static fst_rc_t
s_may_read (fst_namespace_t *self, const char *path, int64_t id, bool *may_p)
{
    int64_t folder;
    unsigned rights;
    fst_rc_t rc = s_folder_rights (self, path, &folder, &rights);
    if (rc != FST_OK)
        return rc;
    *may_p = rights & FST_ACCESS_READ;
    return *may_p? FST_OK: s_may_read_entry (self, path, folder, id, may_p);
}

//  Whether the person may know what happened at a path: because of what it is, or of who did it.
static fst_rc_t
s_may_know (fst_namespace_t *self, const fst_journal_t *event, const char *path, bool *may_p)
{
    bool own = strcmp (event->user, self->person.name) == 0
            || (event->detail && strcmp (event->detail, self->person.name) == 0);       //  Shared with him
    *may_p = fst_access_limit (&self->person, FST_ACCESS_READ, path);
    return *may_p && !own && !self->person.actor? s_may_read (self, path, event->entry, may_p): FST_OK;
}

fst_rc_t
fst_namespace_tell (fst_namespace_t *self, const fst_journal_t *event, fst_journal_t *told, bool *may_p)
{
    assert (self);
    *told = *event;
    *may_p = event->node;
    if (*may_p)
        return FST_OK;
    bool from = false, to = false;
    fst_rc_t rc = s_may_know (self, event, event->path, &from);
    if (rc == FST_OK && event->to)
        rc = s_may_know (self, event, event->to, &to);
    if (rc != FST_OK)
        return rc;
    if (!event->to || (from && to)) {
        *may_p = from;
        return FST_OK;
    }
    told->to = NULL;
    if (to) {                               //  It came from where he may not look
        told->type = event->version? "committed": "folder";
        told->path = event->to;
    }
    else {                                  //  Or went there
        told->type = "deleted";
        told->version = 0;
    }
    *may_p = to || (from && strcmp (event->type, "moved") == 0);
    return FST_OK;
}
