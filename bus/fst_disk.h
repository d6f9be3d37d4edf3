//  The disk as a port: one struct of functions, so that tests can fail the nth call and lose power at the
//  nth sync. Names are relative to the folder that the port was opened on, made of parts
//  that we chose; never a peer's text. All calls return FST_IO, or FST_NO_SPACE for ENOSPC and EDQUOT, and, but for
//  sync and sync_folder, for EROFS: nothing was written, and other nodes may have room.
//  The real port is safe from any thread for different names.

#ifndef FST_DISK_H_INCLUDED
#define FST_DISK_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_error.h"

typedef struct fst_disk_file fst_disk_file_t;   //  An open file; each port has its own

//  Of the file system.
typedef struct {
    int64_t capacity, free;         //  All octets, and those left for us
    bool read_only;                 //  It takes no writes at all: mounted so, or turned so after an error
} fst_disk_space_t;

typedef struct {
    void *self;
    //  Open for reading and writing; create makes it if it is not there (its folder must be). On a read-only file system
    //  what is there opens for reading.
    //      FST_NOT_FOUND
    fst_rc_t (*open) (void *self, const char *name, bool create, fst_disk_file_t **file_p);
    void     (*close) (void *self, fst_disk_file_t **file_p);
    //  Read up to bytes octets at offset; *got_p is less only at the end of the file.
    fst_rc_t (*read) (void *self, fst_disk_file_t *file, int64_t offset, void *data, size_t bytes, size_t *got_p);
    fst_rc_t (*write) (void *self, fst_disk_file_t *file, int64_t offset, const void *data, size_t bytes);
    //  Start writing these octets back without waiting: a hint that makes the later sync short.
    void     (*flush_hint) (void *self, fst_disk_file_t *file, int64_t offset, size_t bytes);
    //  Forget what the system keeps of these octets in memory, unless it is still to be written: a hint that makes the
    //  next read come from the disk, and that leaves memory to others.
    void     (*drop_cache) (void *self, fst_disk_file_t *file, int64_t offset, int64_t bytes);
    //  fdatasync. A failure is final for the process: never retry (a second try reports success for lost pages).
    fst_rc_t (*sync) (void *self, fst_disk_file_t *file);
    fst_rc_t (*size) (void *self, fst_disk_file_t *file, int64_t *bytes_p);
    //  How long ago a file was written last, by the wall clock: less than 0 if that was set back. FST_NOT_FOUND
    fst_rc_t (*age) (void *self, const char *name, int64_t *ms_p);
    fst_rc_t (*touch) (void *self, const char *name);       //  As if it were written now
    fst_rc_t (*rename) (void *self, const char *from, const char *to);
    fst_rc_t (*unlink) (void *self, const char *name);      //  FST_NOT_FOUND if it is not there
    fst_rc_t (*make_folder) (void *self, const char *name); //  FST_OK if it is there already
    fst_rc_t (*sync_folder) (void *self, const char *name); //  "." is the port's own folder
    //  Call each for every file in folder name, in no order. Stops at the first result but FST_OK.
    fst_rc_t (*list) (void *self, const char *name, fst_rc_t (*each) (void *arg, const char *file), void *arg);
    //  try: find out whether it takes writes by a small one. Not every system that stopped taking them says so. Also
    //  done after a call here that was refused for it.
    fst_rc_t (*space) (void *self, bool try, fst_disk_space_t *space);
} fst_disk_t;

//  The real disk below folder, which is created (0700) if it is not there. Caller destroys.
fst_rc_t FST_CHECKED
fst_disk_open (const char *folder, fst_disk_t **disk_p);

//  The same for reading only: the folder must be there, and whatever would change it is FST_DENIED.
//      FST_NOT_FOUND
fst_rc_t FST_CHECKED
fst_disk_open_read_only (const char *folder, fst_disk_t **disk_p);

void
fst_disk_destroy (fst_disk_t **disk_p);

#endif
