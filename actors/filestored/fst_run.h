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

//  A whole cluster. What --set says is on top of the file, web on top of that.
typedef struct {
    const char *program;        //  argv [0], for the ready line
    const char *dir;            //  Where everything lies
    const char *web;            //  HOST:PORT, or NULL
    const char *config;         //  Settings file for all parts, or NULL
} fst_run_embedded_t;

//  Both run until a signal, and then return FST_OK. SIGHUP lets them read their settings again. *problem_p: caller frees.
fst_rc_t FST_CHECKED
fst_run_embedded (const fst_run_embedded_t *how, const fst_run_settings_t *set, int signals, char **problem_p);
fst_rc_t FST_CHECKED
fst_run_parts (const fst_run_part_t *parts, size_t count, const fst_run_settings_t *set, int signals,
               char **problem_p);

#endif
