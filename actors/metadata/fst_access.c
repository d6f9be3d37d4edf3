//  Who may do what with an entry.

#include "fst_access.h"
#include <assert.h>
#include <string.h>
#include "fst_scopes.h"

#define GRANTED   (FST_ACCESS_READ | FST_ACCESS_WRITE)
#define INHERITED (GRANTED | FST_ACCESS_SHARE)

unsigned
fst_access_rights (const fst_person_t *person, unsigned inherited, const fst_entry_t *entry, unsigned granted)
{
    assert (person);
    assert (entry);
    if (entry->id == FST_ENTRY_TRASH)
        return 0;
    if (entry->id == FST_ENTRY_ROOT)
        return FST_ACCESS_LIST | (person->admin? FST_ACCESS_FOLDERS: 0) | (person->actor? FST_ACCESS_READ: 0);
    if (entry->id == FST_ENTRY_USERS)
        return FST_ACCESS_LIST | (person->actor? FST_ACCESS_READ: 0);
    unsigned rights = (inherited & INHERITED) | (granted & GRANTED);
    if (person->actor || strcmp (entry->owner, person->name) == 0)
        rights |= FST_ACCESS_READ | FST_ACCESS_WRITE | FST_ACCESS_SHARE;
    if (rights & FST_ACCESS_WRITE)
        rights |= FST_ACCESS_READ | FST_ACCESS_FOLDERS;
    if (rights & FST_ACCESS_READ)
        rights |= FST_ACCESS_LIST;
    return rights;
}

unsigned
fst_access_limit (const fst_person_t *person, unsigned rights, const char *path)
{
    assert (person);
    assert (path);
    static const unsigned limits [] = {
        [FST_SCOPE_NONE]  = 0,
        [FST_SCOPE_WAY]   = FST_ACCESS_LIST,
        [FST_SCOPE_READ]  = FST_ACCESS_LIST | FST_ACCESS_READ,
        [FST_SCOPE_WRITE] = FST_ACCESS_LIST | FST_ACCESS_READ | FST_ACCESS_WRITE | FST_ACCESS_FOLDERS
    };
    return person->scopes? rights & limits [fst_scopes_at (person->scopes, path)]: rights;
}

bool
fst_access_may_see (unsigned rights)
{
    return rights & FST_ACCESS_LIST;
}

//  "/", "/users" and homes stay where they are.
static bool
s_is_fixed (const fst_entry_t *entry)
{
    assert (entry);
    return entry->id == FST_ENTRY_ROOT || entry->id == FST_ENTRY_TRASH || entry->id == FST_ENTRY_USERS
        || entry->parent == FST_ENTRY_USERS;
}

static fst_rc_t
s_verdict (unsigned rights, bool allowed)
{
    if (!fst_access_may_see (rights))
        return FST_NOT_FOUND;
    return allowed? FST_OK: FST_DENIED;
}

fst_rc_t
fst_access_add (unsigned folder_rights, fst_entry_kind_t kind)
{
    return s_verdict (folder_rights, folder_rights & (kind == FST_ENTRY_FOLDER? FST_ACCESS_FOLDERS: FST_ACCESS_WRITE));
}

fst_rc_t
fst_access_remove (const fst_person_t *person, unsigned folder_rights, unsigned rights, const fst_entry_t *entry)
{
    assert (person);
    assert (entry);
    //  What lies where the scopes end stays there: taking it away would change the folder above them
    bool owner = !person->scopes && strcmp (entry->owner, person->name) == 0;
    return s_verdict (rights, !s_is_fixed (entry) && (owner || (folder_rights & FST_ACCESS_WRITE)));
}

fst_rc_t
fst_access_read (unsigned rights)
{
    return s_verdict (rights, rights & FST_ACCESS_READ);
}

fst_rc_t
fst_access_write (unsigned rights)
{
    return s_verdict (rights, rights & FST_ACCESS_WRITE);
}
