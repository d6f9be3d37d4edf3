//  `filestored enrol`, `unenrol` and `join`: letting one actor more into a cluster that is there, and ending that.

#ifndef FST_ENROL_H_INCLUDED
#define FST_ENROL_H_INCLUDED

#include <stddef.h>
#include "fst_error.h"

#define FST_ENROL_LIST_MAX 16

//  Some values of one option that is repeated.
typedef struct {
    const char *values [FST_ENROL_LIST_MAX];
    size_t count;
} fst_enrol_list_t;

//  Where the cluster is whose broker's settings and keys are here.
typedef struct {
    const char *data;               //  The folder of one that runs in one process, or that init made; or NULL
    const char *config;             //  The settings of the broker; or NULL
    const char *tcp;                //  The broker's machine as others reach it; NULL: as it is in the settings
} fst_enrol_cluster_t;

typedef struct {
    const char *name;               //  "thumbnail"
    const char *role;               //  "actor:thumbnail"; or "actor", "storage"; NULL: actor
    fst_enrol_list_t offers, publishes;     //  Empty: its name, and what begins with its name and a dot
    fst_enrol_list_t reads, writes;         //  Paths
} fst_enrol_t;

//  Print the bundle, one line on stdout. An actor that is enrolled already gets new keys and rights, and loses the old.
fst_rc_t FST_CHECKED
fst_enrol (const fst_enrol_cluster_t *cluster, const fst_enrol_t *what, char **problem_p);

//  Refuse its token from now on, and its key at the next connection. name is that of an actor, or a role.
fst_rc_t FST_CHECKED
fst_unenrol (const fst_enrol_cluster_t *cluster, const char *name, char **problem_p);

//  Unpack a bundle ("-": the first line of stdin) into dir: settings and a key file. port is that of a storage node.
//  Settings that are there already stay.
fst_rc_t FST_CHECKED
fst_join (const char *bundle, const char *dir, int port, char **problem_p);

#endif
