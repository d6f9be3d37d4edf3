//  Files on this side: read so that a change meanwhile is noticed, written so that a half is never visible.

#ifndef FST_LOCAL_H_INCLUDED
#define FST_LOCAL_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "filestore.h"

//  What a file looked like at one moment.
typedef struct {
    int64_t size;
    int64_t modified_ms;                //  Not below 0
    struct timespec modified, changed;
} fst_stamp_t;

//  Look at a file by name. *problem_p is a sentence; caller frees.
//      FST_NOT_FOUND, FST_IS_A_FOLDER, FST_MALFORMED (no plain file), FST_DENIED, FST_IO
fst_rc_t FST_CHECKED
fst_local_look (const char *name, fst_stamp_t *stamp, char **problem_p);

//  Open a file and look at it.
fst_rc_t FST_CHECKED
fst_local_open (const char *name, int *fd_p, fst_stamp_t *stamp, char **problem_p);

//  True if the file still looks like that.
bool
fst_local_same (int fd, const fst_stamp_t *stamp);

//  Read exactly so many octets.
//      FST_CHANGED (the file became shorter), FST_IO
fst_rc_t FST_CHECKED
fst_local_read (int fd, int64_t offset, void *data, size_t bytes);

//  Read from a stream until there are so many octets or it ends.
fst_rc_t FST_CHECKED
fst_local_fill (const filestore_source_t *source, void *data, size_t bytes, size_t *got_p);

//  Write exactly so many octets. FST_NO_SPACE, FST_IO
fst_rc_t FST_CHECKED
fst_local_write (int fd, int64_t offset, const void *data, size_t bytes);

//  Create a temporary file beside name; *temp_p is its name (caller frees).
fst_rc_t FST_CHECKED
fst_local_create (const char *name, int *fd_p, char **temp_p, char **problem_p);

//  Give it its time and its name. fd is closed, temp freed, in every case; on failure the temporary file is gone.
fst_rc_t FST_CHECKED
fst_local_finish (int *fd_p, char **temp_p, const char *name, int64_t modified_ms, char **problem_p);

//  Remove it. Safe to call when there is none.
void
fst_local_discard (int *fd_p, char **temp_p);

//  A formatted string; caller frees.
char *
fst_local_text (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

#endif
