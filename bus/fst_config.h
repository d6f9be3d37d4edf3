//  Settings: one table of all options (name, default, min, max, meaning), ZPL files (ZeroMQ RFC 4,
//  read with CZMQ's zconfig), and --set NAME=VALUE on top.
//
//  A configuration always has a value for every option; a file or --set that names an unknown option,
//  or gives a value outside its bounds, is refused with file, line and reason.
//  Relative file names in a file are relative to that file's folder; others to where the process is.
//  Read-only after start; then safe from any thread.

#ifndef FST_CONFIG_H_INCLUDED
#define FST_CONFIG_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_error.h"

typedef enum {
    FST_OPTION_TEXT,
    FST_OPTION_NUMBER,
    FST_OPTION_SIZE,            //  Octets; "1 MiB"
    FST_OPTION_DURATION,        //  Milliseconds; "10 s"
    FST_OPTION_FILE             //  A path; made absolute
} fst_option_type_t;

typedef struct {
    const char *name;
    fst_option_type_t type;
    const char *standard;       //  The default, as one would write it in a file; "" for none
    int64_t min, max;           //  For numbers, sizes and durations
    const char *meaning;        //  A sentence for the documentation
    const char *section;        //  A heading, if one begins here; NULL else
    const char *roles;          //  Whom the section concerns, "metadata storage"; set with section
} fst_option_t;

//  The table, ended by a row without a name. In fst_options.c.
extern const fst_option_t fst_options [];

//  "from 100 ms to 1 d", or "" if it has no bounds. Returns buffer.
const char *
fst_option_bounds (const fst_option_t *self, char *buffer, size_t size);

//  An actor's own options, in front of those: a table of the same form. Once, before the first configuration is made.
void
fst_config_add_options (const fst_option_t *own);

typedef struct fst_config fst_config_t;

//  All defaults. Never fails.
fst_config_t *
fst_config_new (void);

void
fst_config_destroy (fst_config_t **self_p);

fst_config_t *
fst_config_dup (const fst_config_t *self);

//  Read a ZPL file over what is set. On failure, *problem_p is a sentence with file and line; caller frees.
//  Then nothing of the file has been taken.
//      FST_NOT_FOUND   no such file
//      FST_IO          it cannot be read
//      FST_MALFORMED   unknown option, bad value, or not ZPL
fst_rc_t FST_CHECKED
fst_config_load (fst_config_t *self, const char *filename, char **problem_p);

//  Like load, but takes every line that is right and tells of every mistake, options that are set twice among
//  them. Returns the number of mistakes.
typedef void (fst_config_mistake_fn) (void *arg, const char *sentence);
size_t
fst_config_check (fst_config_t *self, const char *filename, fst_config_mistake_fn *mistake, void *arg);

//  The line where the file that was checked sets it; 0 if it does not.
int
fst_config_line (const fst_config_t *self, const char *name);

//  Whether both have the same value.
bool
fst_config_same (const fst_config_t *self, const fst_config_t *other, const char *name);

//  Set one option from text. "NAME=VALUE" as given to --set. *problem_p as above.
fst_rc_t FST_CHECKED
fst_config_set (fst_config_t *self, const char *name, const char *value, char **problem_p);
fst_rc_t FST_CHECKED
fst_config_assign (fst_config_t *self, const char *assignment, char **problem_p);

//  Values. Asking for a name that is not in the table, or for the wrong type, is a bug and aborts.
//  Text is "" when there is none; borrowed until the option is set again or self destroyed.
const char *
fst_config_text (const fst_config_t *self, const char *name);
int64_t
fst_config_number (const fst_config_t *self, const char *name);

//  From now on the log is as log-level and log-format say.
void
fst_config_use_log (const fst_config_t *self);

#endif
