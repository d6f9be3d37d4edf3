//  Searching names below a folder: a walk through the tree in its order that can be continued from any path.

#include "fst_fold.h"
#include "fst_namespace_self.h"

#define LOOKS_MAX 5000                      //  Names looked at in one request

typedef struct {
    int64_t folder;
    unsigned rights;                        //  Without the token's scopes
    size_t bytes;                           //  Of the walk's path that are this folder's
    char after [FST_NAME_BYTES_MAX + 1];    //  Go on behind this name
} s_frame_t;

typedef struct {
    fst_namespace_t *space;
    fst_search_t *search;
    char text [FST_FOLD_BYTES (FST_NAME_BYTES_MAX * 4)];
    char path [FST_PATH_BYTES_MAX + FST_NAME_BYTES_MAX + 2];    //  Of what is looked at
    s_frame_t frames [FST_PATH_LEVELS_MAX + 1];
    size_t depth;
    int looks;
    bool stopped;
    bool entered;                           //  The last one is a folder to go into
    fst_entry_t into;
} s_walk_t;

static void
s_enter (s_walk_t *walk, int64_t folder, unsigned rights)
{
    assert (walk->depth < FST_PATH_LEVELS_MAX + 1);
    s_frame_t *frame = &walk->frames [walk->depth++];
    frame->folder = folder;
    frame->rights = rights;
    frame->bytes = strcmp (walk->path, "/") == 0? 0: strlen (walk->path);
    frame->after [0] = 0;
}

static bool
s_look (void *arg, const fst_entry_t *entry)
{
    s_walk_t *walk = arg;
    fst_search_t *search = walk->search;
    s_frame_t *frame = &walk->frames [walk->depth - 1];
    char folded [FST_FOLD_BYTES (FST_NAME_BYTES_MAX)];
    if (walk->looks++ == LOOKS_MAX) {
        walk->stopped = true;
        return false;
    }
    snprintf (walk->path + frame->bytes, sizeof (walk->path) - frame->bytes, "/%s", entry->name);
    if (strstr (fst_fold (entry->name, folded, sizeof (folded)), walk->text)
    &&  !search->each (search->arg, walk->path, entry)) {
        walk->stopped = true;
        return false;
    }
    strcpy (frame->after, entry->name);
    strcpy (search->last, walk->path);
    walk->entered = entry->kind == FST_ENTRY_FOLDER && entry->content.size > 0;
    if (walk->entered)
        walk->into = *entry;
    return !walk->entered;
}

//  Rights on a folder in the one that is walked; below what one may read, all may be read.
static fst_rc_t
s_rights (s_walk_t *walk, const fst_entry_t *folder, unsigned *rights_p)
{
    unsigned inherited = walk->frames [walk->depth - 1].rights, granted = 0;
    fst_rc_t rc = FST_OK;
    if (!(inherited & FST_ACCESS_READ))
        rc = fst_catalog_grant_get (walk->space->catalog, folder->id, walk->space->person.name, &granted);
    *rights_p = fst_access_rights (&walk->space->person, inherited, folder, granted);
    return rc;
}

static fst_rc_t
s_step (s_walk_t *walk)
{
    s_frame_t *frame = &walk->frames [walk->depth - 1];
    unsigned rights;
    walk->entered = false;
    char path [FST_PATH_BYTES_MAX + 1];
    assert (frame->bytes < sizeof (path));
    memcpy (path, walk->path, frame->bytes);
    path [frame->bytes] = 0;
    fst_rc_t rc = fst_namespace_entries (walk->space, frame->folder, path, frame->rights, frame->after, s_look, walk);
    if (rc != FST_OK || walk->stopped)
        return rc;
    if (!walk->entered) {
        walk->depth--;
        return FST_OK;
    }
    rc = s_rights (walk, &walk->into, &rights);
    if (rc == FST_OK)
        s_enter (walk, walk->into.id, rights);
    return rc;
}

//  Go where the last request ended, as far as that is still there.
static fst_rc_t
s_resume (s_walk_t *walk, const char *rest)
{
    fst_rc_t rc = FST_OK;
    while (rc == FST_OK && *rest == '/') {
        s_frame_t *frame = &walk->frames [walk->depth - 1];
        fst_entry_t entry;
        unsigned rights;
        size_t bytes = strcspn (++rest, "/");
        snprintf (frame->after, sizeof (frame->after), "%.*s", (int) bytes, rest);
        snprintf (walk->path + frame->bytes, sizeof (walk->path) - frame->bytes, "/%s", frame->after);
        rest += bytes;
        rc = fst_namespace_step (walk->space, frame->folder, frame->rights, frame->after, &entry, &rights);
        if (rc != FST_OK || entry.kind != FST_ENTRY_FOLDER || !fst_access_may_see (rights))
            break;
        s_enter (walk, entry.id, rights);
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

static fst_rc_t
s_begin (s_walk_t *walk, fst_place_t *place)
{
    fst_namespace_t *self = walk->space;
    const char *after = walk->search->after;
    fst_rc_t rc = fst_namespace_find (self, walk->search->path, place);
    if (rc != FST_OK)
        return rc;
    if (place->entry.kind != FST_ENTRY_FOLDER)
        return fst_namespace_refuse (self, FST_NOT_A_FOLDER, "%s is a file, not a folder.", fst_namespace_show (place->path));
    strcpy (walk->path, place->path);
    strcpy (walk->search->last, place->path);
    s_enter (walk, place->entry.id, place->whole);
    if (!after)
        return FST_OK;
    if (!fst_path_valid (after) || !(strcmp (after, place->path) == 0 || fst_namespace_is_below (after, place->path)))
        return fst_namespace_refuse (self, FST_MALFORMED, "The search cannot go on from there.");
    strcpy (walk->search->last, after);
    return s_resume (walk, after + walk->frames [0].bytes);
}

fst_rc_t
fst_namespace_search (fst_namespace_t *self, fst_search_t *search)
{
    assert (self);
    assert (search && search->each);
    s_walk_t *walk = calloc (1, sizeof (*walk));
    assert (walk);
    fst_place_t place;
    walk->space = self;
    walk->search = search;
    fst_fold (search->text, walk->text, sizeof (walk->text));
    fst_rc_t rc = s_begin (walk, &place);
    while (rc == FST_OK && walk->depth && !walk->stopped)
        rc = s_step (walk);
    search->more = walk->stopped;
    free (walk);
    return rc;
}
