//  Giving rights to others.

#include "fst_namespace_self.h"

fst_rc_t
fst_namespace_find_mine (fst_namespace_t *self, const char *path, fst_place_t *place)
{
    assert (self);
    fst_rc_t rc = fst_namespace_find (self, path, place);
    if (rc == FST_OK && !(place->rights & FST_ACCESS_SHARE))
        return fst_namespace_refuse (self, FST_DENIED, "%s is not yours, so it is not for you to share.",
                                     fst_namespace_show (place->path));
    return rc;
}

static fst_rc_t
s_journal (fst_namespace_t *self, const char *type, const fst_place_t *place, const char *user)
{
    fst_journal_t event = {
        .time_ms = self->now_ms,
        .type = type,
        .path = place->path,
        .user = self->person.name,
        .entry = place->entry.id,
        .detail = user
    };
    return fst_catalog_event_add (self->catalog, &event);
}

//  Whoever registers a name later would have what was given to it by mistake: so only to people who are known here.
static fst_rc_t
s_check_user (fst_namespace_t *self, const char *user, const fst_place_t *place)
{
    fst_entry_t home;
    if (strcmp (user, place->entry.owner) == 0 || strcmp (user, self->person.name) == 0)
        return fst_namespace_refuse (self, FST_EXISTS, "It belongs to %s already.", user);
    fst_rc_t rc = fst_catalog_entry_find (self->catalog, FST_ENTRY_USERS, user, &home);
    if (rc == FST_NOT_FOUND)
        return fst_namespace_refuse (self, rc, "There is no user %s, or they have never signed in.", user);
    return rc;
}

typedef struct {
    const char *user;
    int count;
    bool there;                             //  That user has a grant already
} s_count_t;

static bool
s_count (void *arg, const fst_grant_t *grant)
{
    s_count_t *count = arg;
    count->there |= strcmp (grant->user, count->user) == 0;
    return ++count->count <= FST_GRANTS_MAX;
}

fst_rc_t
fst_namespace_share (fst_namespace_t *self, const char *path, const char *user, unsigned rights, fst_place_t *place)
{
    assert (self);
    assert (rights & FST_ACCESS_READ);
    s_count_t count = { .user = user };
    fst_rc_t rc = fst_namespace_find_mine (self, path, place);
    if (rc == FST_OK)
        rc = s_check_user (self, user, place);
    if (rc == FST_OK)
        rc = fst_catalog_grants (self->catalog, place->entry.id, "", s_count, &count);
    if (rc == FST_OK && count.count >= FST_GRANTS_MAX && !count.there)
        return fst_namespace_refuse (self, FST_TOO_MANY, "%s is shared with %d people, and no more can be added.",
                                     fst_namespace_show (place->path), FST_GRANTS_MAX);
    if (rc == FST_OK)
        rc = fst_catalog_grant_put (self->catalog, place->entry.id, user, rights);
    return rc == FST_OK? s_journal (self, "shared", place, user): rc;
}

fst_rc_t
fst_namespace_unshare (fst_namespace_t *self, const char *path, const char *user)
{
    assert (self);
    fst_place_t place;
    unsigned rights;
    if (!user)
        user = self->person.name;
    bool own = strcmp (user, self->person.name) == 0 && !self->person.scopes;
    fst_rc_t rc = own? fst_namespace_find (self, path, &place): fst_namespace_find_mine (self, path, &place);
    if (rc == FST_OK)
        rc = fst_catalog_grant_get (self->catalog, place.entry.id, user, &rights);
    if (rc == FST_OK && !rights)
        return fst_namespace_refuse (self, FST_NOT_FOUND, "%s itself is not shared with %s.",
                                     fst_namespace_show (place.path), user);
    if (rc == FST_OK)
        rc = fst_catalog_grant_put (self->catalog, place.entry.id, user, 0);
    self->walked = false;
    return rc == FST_OK? s_journal (self, "unshared", &place, user): rc;
}
