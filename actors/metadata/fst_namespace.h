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

//  person->name is borrowed until the next enter. now_ms is wall time.
void
fst_namespace_enter (fst_namespace_t *self, const fst_person_t *person, int64_t now_ms);

//  The home of the person is there; and make it.
fst_rc_t FST_CHECKED
fst_namespace_has_home (fst_namespace_t *self, bool *there_p);
fst_rc_t FST_CHECKED
fst_namespace_make_home (fst_namespace_t *self);

//  Where a path leads. Found or not, path and folder are good if the result is FST_OK.
typedef struct {
    char path [FST_PATH_BYTES_MAX + 1]; //  In its one absolute form
    const char *name;                   //  Its last part, "" for the root
    fst_entry_t folder;                 //  What it lies in (for the root, itself)
    unsigned folder_rights;
    bool found;                         //  And may be seen
    fst_entry_t entry;
    unsigned rights;
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

//  Make content visible where may_put just allowed it. Sets content->version; *id_p is the entry's.
fst_rc_t FST_CHECKED
fst_namespace_put (fst_namespace_t *self, fst_place_t *place, fst_content_t *content, int64_t *id_p);

//  FST_EXISTS, FST_NOT_FOUND, FST_NOT_A_FOLDER, FST_DENIED
fst_rc_t FST_CHECKED
fst_namespace_make_folder (fst_namespace_t *self, const char *path, bool parents, int64_t *id_p);

//  FST_EXISTS, FST_NOT_FOUND, FST_NOT_A_FOLDER, FST_IS_A_FOLDER, FST_DENIED, FST_BAD_NAME (too deep or long below it)
fst_rc_t FST_CHECKED
fst_namespace_move (fst_namespace_t *self, const char *from, const char *to, bool replace, int64_t *id_p);

//  FST_NOT_FOUND, FST_NOT_EMPTY, FST_DENIED. *entries_p: how many went.
fst_rc_t FST_CHECKED
fst_namespace_delete (fst_namespace_t *self, const char *path, bool recursive, bool forever, int64_t *entries_p);

//  Call each for the entries of a folder after a name, or for the one file at path.
fst_rc_t FST_CHECKED
fst_namespace_list (fst_namespace_t *self, const char *path, const char *after, fst_entry_fn *each, void *arg);

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
