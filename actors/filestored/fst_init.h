//  `filestored init`: keys, and one settings file for each role, for a cluster of processes or machines.

#ifndef FST_INIT_H_INCLUDED
#define FST_INIT_H_INCLUDED

#include "fst_error.h"

//  host NULL: everything meets over ipc:// in dir/run; else over TCP from first_port on. What is there
//  already is kept, so running it again with more nodes adds just those. Says on stdout what comes next.
fst_rc_t FST_CHECKED
fst_init (const char *dir, int nodes, const char *host, int first_port, char **problem_p);

#endif
