//  `filestored new-actor NAME [DIR]`: a working actor to begin with.

#ifndef FST_NEW_ACTOR_H_INCLUDED
#define FST_NEW_ACTOR_H_INCLUDED

#include "fst_error.h"

//  Write the files of actors/skeleton with that name in them to folder (NULL: one of that name, here), which is made
//  and must be empty. *problem_p: caller frees.
//      FST_BAD_NAME   not of a-z 0-9 -, or the name of one of our services
//      FST_EXISTS     there is something in folder
fst_rc_t FST_CHECKED
fst_new_actor (const char *name, const char *folder, char **problem_p);

#endif
