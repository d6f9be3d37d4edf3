//  `filestored init`: keys, and one settings file for each role, for a cluster of processes or machines; and the
//  recovery key, which is the one thing that a person must keep.

#ifndef FST_INIT_H_INCLUDED
#define FST_INIT_H_INCLUDED

#include "fst_error.h"

//  host NULL: everything meets over ipc:// in dir/run; else over TCP from first_port on. What is there
//  already is kept, so running it again with more nodes adds just those. Says on stdout what comes next.
fst_rc_t FST_CHECKED
fst_init (const char *dir, int nodes, const char *host, int first_port, char **problem_p);

//  Print the recovery key, one line on stdout, from metadata's key file.
//      FST_NOT_FOUND, FST_DENIED, FST_MALFORMED (not metadata's)
fst_rc_t FST_CHECKED
fst_init_recovery_key (const char *key_file, char **problem_p);

#endif
