//  `filestored check FILE [ROLE]`: what would go wrong with these settings, before anything is started.

#ifndef FST_CHECK_H_INCLUDED
#define FST_CHECK_H_INCLUDED

#include "fst_error.h"

//  Print every mistake on stdout, a sentence with file and line a line. role NULL: by the name of the file ("broker.zpl",
//  "node-1.zpl"); what is none of a role is taken for those of a whole cluster. Nothing is changed.
//      FST_MALFORMED   there are mistakes; *problem_p says how many; caller frees
fst_rc_t FST_CHECKED
fst_check_file (const char *filename, const char *role, char **problem_p);

#endif
