//  Who may do what with an entry. Pure.
//
//  Rights come down the tree: whoever owns a folder, or was given a right on it, has that right on all below.
//  Being an admin gives no right to content. "/" and "/users" show to everyone what he may see in them; only
//  admins make folders in "/", and homes are made by the actor itself. What one may not see is not there:
//  the answer is FST_NOT_FOUND then, and FST_DENIED only to those who may see it.
//
//  A token with scopes (fst_scopes.h) has at a path what they allow of that, and nothing elsewhere. Actors own nothing
//  and have all rights, so their scopes alone decide; those without have none. Nobody shares by a token with scopes.

#ifndef FST_ACCESS_H_INCLUDED
#define FST_ACCESS_H_INCLUDED

#include <stdbool.h>
#include "fst_catalog.h"
#include "fst_error.h"

//  Bits; those of a grant are READ, or READ and WRITE.
#define FST_ACCESS_READ    1u
#define FST_ACCESS_WRITE   2u
#define FST_ACCESS_LIST    4u       //  See that it is there, and what one may see in it
#define FST_ACCESS_FOLDERS 8u       //  Make and remove folders in it
#define FST_ACCESS_SHARE   16u      //  Give rights to others: whom it, or a folder above it, belongs to

typedef struct {
    const char *name;               //  Of the user
    bool admin;
    bool actor;                     //  "actor:thumbnail": no person
    const char *scopes;             //  Of the token; NULL: it has none, which an actor's always has
} fst_person_t;

//  Rights of a person on an entry, from those on its parent and those granted on itself.
unsigned
fst_access_rights (const fst_person_t *person, unsigned inherited, const fst_entry_t *entry, unsigned granted);

//  What the token leaves of them at this path ("" is the root, too).
unsigned
fst_access_limit (const fst_person_t *person, unsigned rights, const char *path);

bool
fst_access_may_see (unsigned rights);

//  Put an entry of this kind into a folder: FST_OK, or why not.
fst_rc_t FST_CHECKED
fst_access_add (unsigned folder_rights, fst_entry_kind_t kind);

//  Take an entry out of a folder (move, delete): FST_OK, or why not. rights are those on the entry.
fst_rc_t FST_CHECKED
fst_access_remove (const fst_person_t *person, unsigned folder_rights, unsigned rights, const fst_entry_t *entry);

//  Read, or write, the content of an entry.
fst_rc_t FST_CHECKED
fst_access_read (unsigned rights);
fst_rc_t FST_CHECKED
fst_access_write (unsigned rights);

#endif
