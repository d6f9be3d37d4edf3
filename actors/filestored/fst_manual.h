//  What filestored says about itself: options, sample settings, the manual page. All from its help and from the table of
//  options, so that there is one place for each sentence.

#ifndef FST_MANUAL_H_INCLUDED
#define FST_MANUAL_H_INCLUDED

#include "fst_error.h"

//  All options with their defaults, on stdout.
void
fst_manual_options (void);

//  A settings file with every option explained, on stdout: of a role, or of a whole cluster in one process (NULL).
//      FST_MALFORMED   there is no such role; *problem_p: caller frees
fst_rc_t FST_CHECKED
fst_manual_sample (const char *role, char **problem_p);

//  The manual page, for man(1), on stdout. help is what --help prints.
void
fst_manual_page (const char *help);

#endif
