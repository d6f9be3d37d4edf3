//  The two ways to run: a whole cluster in this process, or some parts of one.

#ifndef FST_RUN_H_INCLUDED
#define FST_RUN_H_INCLUDED

#include <stddef.h>
#include "fst_error.h"
#include "fst_layout.h"

//  --set NAME=VALUE, in order; on top of everything else.
typedef struct {
    const char **values;
    size_t count;
} fst_run_settings_t;

//  A part and its settings file.
typedef struct {
    fst_part_t part;
    const char *filename;
} fst_run_part_t;

//  Both run until a signal, and then return FST_OK. program is argv [0], for the ready line.
//  *problem_p: caller frees.
fst_rc_t FST_CHECKED
fst_run_embedded (const char *program, const char *dir, const char *web, const fst_run_settings_t *set, int signals,
                  char **problem_p);
fst_rc_t FST_CHECKED
fst_run_parts (const fst_run_part_t *parts, size_t count, const fst_run_settings_t *set, int signals,
               char **problem_p);

#endif
