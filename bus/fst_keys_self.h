//  Key files: what their files share. Not for others.

#ifndef FST_KEYS_SELF_H_INCLUDED
#define FST_KEYS_SELF_H_INCLUDED

#include <czmq.h>
#include "fst_disk.h"
#include "fst_keys.h"

//  What is at hand while keys are made.
typedef struct {
    const char *folder;
    fst_disk_t *disk;
    char **problem_p;
    fst_keys_t *broker, *auth, *metadata;
    zconfig_t *enrolled;            //  NULL: there is no such file yet, so the cluster is new
    const char *scopes;             //  Of the token that is made; NULL: it has none
} fst_maker_t;

//  Say what happened, in a sentence that the caller frees; gives rc back.
fst_rc_t
fst_keys_problem (char **problem_p, fst_rc_t rc, const char *format, ...) __attribute__ ((format (printf, 3, 4)));

//  One process at a time changes a folder of keys. A file descriptor, the lock goes with it; -1 if there is none.
int
fst_keys_lock (const char *folder);

//  Write a file so that it is there whole or not at all, whenever the power goes.
fst_rc_t FST_CHECKED
fst_keys_write_file (fst_maker_t *maker, const char *name, const char *text);
fst_rc_t FST_CHECKED
fst_keys_save (fst_maker_t *maker, const char *file, const fst_keys_t *keys);

//  What every actor has, and a storage node.
void
fst_keys_fill_actor (fst_maker_t *maker, fst_keys_t *keys);
void
fst_keys_fill_node (fst_maker_t *maker, fst_keys_t *keys);

//  Load or make the keys of one node or client, which must be of the same cluster as the rest.
fst_rc_t FST_CHECKED
fst_keys_obtain_member (fst_maker_t *maker, const char *file, const char *role, void (*fill) (fst_maker_t *, fst_keys_t *),
                        fst_keys_t **keys_p);

//  Read the file of enrolled actors as a tree, checked.
fst_rc_t FST_CHECKED
fst_enrolled_read (const char *filename, zconfig_t **root_p, char **problem_p);

//  "offers:thumbs publishes:thumbs.made": words that fst_roles.h understands, and short enough to be told with the role.
bool
fst_enrolled_rights_valid (const char *role, const char *rights);

//  Note the public key of a role. True if that changes anything.
bool
fst_keys_note (zconfig_t *enrolled, const fst_keys_t *keys);

#endif
