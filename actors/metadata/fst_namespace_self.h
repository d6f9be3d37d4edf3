//  The rules of the tree: what their files share. Not for others.

#ifndef FST_NAMESPACE_SELF_H_INCLUDED
#define FST_NAMESPACE_SELF_H_INCLUDED

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_namespace.h"
#include "fst_scopes.h"
#include "fst_scopes.h"

//  The same words whether there is none or one that may not be seen
#define FST_NO_FOLDER "There is no folder for %s."

//  Where a path leads as far as it does; see fst_namespace_events.c.
typedef struct {
    bool known;
    char folder [FST_PATH_BYTES_MAX + 1];
    int64_t id;                             //  0: it is not there
    unsigned rights;                        //  On the lowest folder that is
} fst_folder_rights_t;

struct fst_namespace {
    fst_catalog_t *catalog;
    int64_t versions;
    fst_person_t person;
    char home [FST_USER_BYTES_MAX + sizeof ("/users/")];     //  "/" for an actor
    int64_t now_ms;
    //  The folder that was last walked to, for the files that follow in the same one
    bool walked;
    char walked_path [FST_PATH_BYTES_MAX + 1];
    fst_entry_t walked_folder;
    unsigned walked_rights;                 //  Without the token's scopes
    fst_folder_rights_t told;               //  Of the event that was told last
    char problem [FST_PROBLEM_BYTES_MAX];
};

//  One entry of a folder, whether it may be seen or not, and the person's rights on it without the token's scopes.
//  FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_namespace_step (fst_namespace_t *self, int64_t parent, unsigned inherited, const char *name, fst_entry_t *entry,
                    unsigned *rights_p);

//  Call each for the entries of a folder after a name that the person may see. whole: rights without the token's scopes.
fst_rc_t FST_CHECKED
fst_namespace_entries (fst_namespace_t *self, int64_t folder, const char *path, unsigned whole, const char *after,
                       fst_entry_fn *each, void *arg);

//  Whom a new entry in a folder belongs to: the person, or with an actor whoever owns the folder.
const char *
fst_namespace_new_owner (const fst_namespace_t *self, const fst_entry_t *folder);

//  An entry of this kind may be added at a place where none was found; or why not.
fst_rc_t FST_CHECKED
fst_namespace_may_add (fst_namespace_t *self, const fst_place_t *place, fst_entry_kind_t kind);

//  Paths of all below a folder stay in the limits if it is at to. FST_BAD_NAME
fst_rc_t FST_CHECKED
fst_namespace_fits (fst_namespace_t *self, const fst_subtree_t *subtree, const char *to);

//  A path is below a folder, and not the folder itself.
bool
fst_namespace_is_below (const char *path, const char *folder);

//  Write down what happened to a file or folder.
fst_rc_t FST_CHECKED
fst_namespace_journal (fst_namespace_t *self, const char *type, const char *path, const char *to, int64_t id,
                       int64_t version);

#endif
