//  The rules of the tree: paths, rights, homes, moving, deleting, versions; on top of the catalog.
//
//  Set who asks with fst_namespace_enter, then call. Results are for that person: what he may not see gives
//  FST_NOT_FOUND. On failure fst_namespace_problem is a sentence for people. Changes are made in the catalog's
//  open batch, and are journaled. Belongs to one thread.

#ifndef FST_NAMESPACE_H_INCLUDED
#define FST_NAMESPACE_H_INCLUDED

#include "fst_access.h"
#include "fst_catalog.h"

#define FST_PROBLEM_BYTES_MAX 512

typedef struct fst_namespace fst_namespace_t;

//  Keep up to versions older versions of each file. catalog is borrowed.
fst_namespace_t *
fst_namespace_new (fst_catalog_t *catalog, int64_t versions);

void
fst_namespace_destroy (fst_namespace_t **self_p);

//  person->name and its scopes are borrowed until the next enter. now_ms is wall time.
void
fst_namespace_enter (fst_namespace_t *self, const fst_person_t *person, int64_t now_ms);

//  The home of the person is there; and make it.
fst_rc_t FST_CHECKED
fst_namespace_has_home (fst_namespace_t *self, bool *there_p);
fst_rc_t FST_CHECKED
fst_namespace_make_home (fst_namespace_t *self);

//  The one absolute form of a path, for this person. FST_BAD_NAME
fst_rc_t FST_CHECKED
fst_namespace_absolute (fst_namespace_t *self, const char *path, char normal [FST_PATH_BYTES_MAX + 1]);

//  Where a path leads. Found or not, path and folder are good if the result is FST_OK.
typedef struct {
    char path [FST_PATH_BYTES_MAX + 1]; //  In its one absolute form
    const char *name;                   //  Its last part, "" for the root
    fst_entry_t folder;                 //  What it lies in (for the root, itself)
    unsigned folder_rights;
    bool found;                         //  And may be seen
    fst_entry_t entry;
    unsigned rights;
    unsigned whole;                     //  The same without the token's scopes: to go on from here
} fst_place_t;

//      FST_BAD_NAME
//      FST_NOT_FOUND, FST_NOT_A_FOLDER   about what is on the way
fst_rc_t FST_CHECKED
fst_namespace_locate (fst_namespace_t *self, const char *path, fst_place_t *place);

//  Locate what must be there. FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_namespace_find (fst_namespace_t *self, const char *path, fst_place_t *place);

//  Locate a file that one may read. FST_NOT_FOUND, FST_IS_A_FOLDER, FST_DENIED
fst_rc_t FST_CHECKED
fst_namespace_find_file (fst_namespace_t *self, const char *path, fst_place_t *place);

//  Check that a file may be written at path, new or over an existing one.
//      FST_NOT_FOUND, FST_NOT_A_FOLDER, FST_DENIED, FST_IS_A_FOLDER; FST_EXISTS with no_replace
fst_rc_t FST_CHECKED
fst_namespace_may_put (fst_namespace_t *self, const char *path, bool no_replace, fst_place_t *place);

//  This is its current version; 0: there is no such file. FST_CHANGED
fst_rc_t FST_CHECKED
fst_namespace_check_version (fst_namespace_t *self, const fst_place_t *place, int64_t version);

//  Make content visible where may_put just allowed it. Sets content->version; *id_p is the entry's.
fst_rc_t FST_CHECKED
fst_namespace_put (fst_namespace_t *self, fst_place_t *place, fst_content_t *content, int64_t *id_p);

//  FST_EXISTS, FST_NOT_FOUND, FST_NOT_A_FOLDER, FST_DENIED
fst_rc_t FST_CHECKED
fst_namespace_make_folder (fst_namespace_t *self, const char *path, bool parents, int64_t *id_p);

//  FST_EXISTS, FST_NOT_FOUND, FST_NOT_A_FOLDER, FST_IS_A_FOLDER, FST_DENIED, FST_BAD_NAME (too deep or long below it)
fst_rc_t FST_CHECKED
fst_namespace_move (fst_namespace_t *self, const char *from, const char *to, bool replace, int64_t *id_p);

//  FST_NOT_FOUND, FST_NOT_EMPTY, FST_DENIED. *entries_p: how many went; *trash_p: the item that they are in the trash.
//  What somebody else owns does not go forever but to the trash of its owner, with *trash_p 0.
fst_rc_t FST_CHECKED
fst_namespace_delete (fst_namespace_t *self, const char *path, bool recursive, bool forever, int64_t *entries_p,
                      int64_t *trash_p);

//  Call each for the entries of a folder after a name, or for the one file at path.
fst_rc_t FST_CHECKED
fst_namespace_list (fst_namespace_t *self, const char *path, const char *after, fst_entry_fn *each, void *arg);

//  ---- Trash (fst_namespace_trash.c): what one deleted, or owns

//  Take an item out: where it was, under a free name, or to home if that folder is gone; or to a path. trash 0: the one
//  that was deleted last at path. What others own goes back to its folder only. *now is where it is.
//      FST_NOT_FOUND, FST_DENIED, FST_EXISTS, FST_BAD_NAME
fst_rc_t FST_CHECKED
fst_namespace_restore (fst_namespace_t *self, int64_t trash, const char *path, const char *to,
                       char now [FST_PATH_BYTES_MAX + 1], int64_t *id_p);

//  Delete an item forever; if somebody else owns it, only from this person's list. FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_namespace_purge (fst_namespace_t *self, int64_t trash);

//  ---- Copies and versions (fst_namespace_copy.c): new entries and versions for the same blobs

#define FST_COPY_ENTRIES_MAX 10000          //  In one step

//      FST_NOT_FOUND, FST_DENIED, FST_EXISTS, FST_IS_A_FOLDER, FST_NOT_A_FOLDER, FST_BAD_NAME, FST_TOO_LARGE
//  *made is the target; *entries_p: how many there are now.
fst_rc_t FST_CHECKED
fst_namespace_copy (fst_namespace_t *self, const char *from, const char *to, bool replace, bool recursive,
                    fst_place_t *made, int64_t *entries_p);

//  Make an older version the current one, as a new one; place->entry has it then. Nothing happens if it is.
//      FST_NOT_FOUND, FST_IS_A_FOLDER, FST_DENIED
fst_rc_t FST_CHECKED
fst_namespace_restore_version (fst_namespace_t *self, const char *path, int64_t version, fst_place_t *place);

//  ---- Sharing (fst_namespace_share.c)

#define FST_GRANTS_MAX 100                  //  On one entry

//  Give a right to a person, who must have been here: rights as in fst_access.h.
//      FST_NOT_FOUND, FST_DENIED, FST_EXISTS (it is his), FST_TOO_MANY
fst_rc_t FST_CHECKED
fst_namespace_share (fst_namespace_t *self, const char *path, const char *user, unsigned rights, fst_place_t *place);

//  Take it back. user NULL: what was given to oneself. FST_NOT_FOUND, FST_DENIED
fst_rc_t FST_CHECKED
fst_namespace_unshare (fst_namespace_t *self, const char *path, const char *user);

//  Locate what one may share. FST_NOT_FOUND, FST_DENIED
fst_rc_t FST_CHECKED
fst_namespace_find_mine (fst_namespace_t *self, const char *path, fst_place_t *place);

//  ---- Searching (fst_namespace_find.c)

typedef struct {
    const char *path;                       //  Of a folder
    const char *text;
    const char *after;                      //  Go on behind this path, or NULL
    //  Called for each that matches; false: no more
    bool (*each) (void *arg, const char *path, const fst_entry_t *entry);
    void *arg;
    //  Results
    bool more;
    char last [FST_PATH_BYTES_MAX + FST_NAME_BYTES_MAX + 2];    //  Path that was looked at
} fst_search_t;

//  Look at some thousand names below a folder, in the order of the tree. FST_NOT_FOUND, FST_NOT_A_FOLDER
fst_rc_t FST_CHECKED
fst_namespace_search (fst_namespace_t *self, fst_search_t *search);

//  ---- Events (fst_namespace_events.c)

//  What this person may know of an event, in *told, which borrows from event; false: nothing.
fst_rc_t FST_CHECKED
fst_namespace_tell (fst_namespace_t *self, const fst_journal_t *event, fst_journal_t *told, bool *may_p);

//  Say what is wrong; returns rc. And the last such sentence, borrowed.
fst_rc_t
fst_namespace_refuse (fst_namespace_t *self, fst_rc_t rc, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
const char *
fst_namespace_problem (const fst_namespace_t *self);

//  A path short enough for a sentence: itself, or its last part. Borrowed from path.
const char *
fst_namespace_show (const char *path);

#endif
