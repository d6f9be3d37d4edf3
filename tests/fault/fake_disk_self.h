//  The fake disk's inside: what is seen and what is stable (fake_disk_state.c), for the port (fake_disk.c). Not for others.

#ifndef FAKE_DISK_SELF_H_INCLUDED
#define FAKE_DISK_SELF_H_INCLUDED

#include "fake_disk.h"
#include <czmq.h>
#include <pthread.h>

#define FAKE_SECTOR_BYTES 512       //  What a real disk writes whole or not at all

typedef struct {
    uint8_t *data;
    size_t size, room;
} fake_buffer_t;

typedef struct {
    size_t from, to;
    bool doomed;                    //  A sync of it failed: no later one saves it
} fake_range_t;

//  The contents of a file, whatever its names. Lives as long as the disk.
typedef struct fake_inode {
    struct fake_inode *next;
    fake_buffer_t seen, stable;
    fake_range_t *dirty;                 //  Written and not yet stable
    size_t dirty_count;
} fake_inode_t;

//  A change of names that is not stable yet.
typedef struct {
    enum { FAKE_CREATE, FAKE_RENAME, FAKE_UNLINK, FAKE_MAKE_FOLDER } kind;
    char *from, *to;                //  The name it takes away and the one it gives, or NULL
    fake_inode_t *inode;                 //  NULL for a folder
} fake_change_t;

struct fst_disk_file {
    fake_inode_t *inode;
    int life;                       //  Of the disk, when it was opened
};

struct fake_disk {
    fst_disk_t port;
    pthread_mutex_t lock;
    uint64_t seed;                  //  State of the random numbers
    zhashx_t *seen, *stable;        //  Name -> inode, or the disk itself for a folder
    fake_inode_t *inodes;
    fake_change_t *changes;              //  In the order they were made
    size_t changes_count;
    int64_t capacity;
    fake_loss_t loss;
    int calls, syncs;
    int fail_at;                    //  Of calls; 0 = never
    int fail_sync_at, crash_at;     //  Of syncs
    int writes, fail_write_at;      //  Of writes
    fst_rc_t fail_rc;
    bool fired, crashed;
    int life;                       //  Restarts so far
};

//  By the seed.
uint64_t
fake_random (fake_disk_t *self);

//  What is new in it is zeros.
void
fake_resize (fake_buffer_t *buffer, size_t size);

//  Copy a range between two buffers of one file; what lies beyond their ends is left alone.
void
fake_copy (fake_buffer_t *to, const fake_buffer_t *from, size_t begin, size_t end);

//  Directly, not in a folder below.
bool
fake_is_in (const char *name, const char *folder);

//  In this state: seen, or stable.
bool
fake_folder_exists (const fake_disk_t *self, zhashx_t *names, const char *folder);
bool
fake_parent_exists (const fake_disk_t *self, zhashx_t *names, const char *name);

//  The file of that name as a program sees it; NULL if there is none.
fake_inode_t *
fake_find (fake_disk_t *self, const char *name);
void
fake_change_clear (fake_change_t *change);

//  Do it for the program, and remember that it is not stable.
void
fake_change (fake_disk_t *self, int kind, const char *from, const char *to, fake_inode_t *inode);

//  Names in this folder are stable from now on.
void
fake_sync_changes (fake_disk_t *self, const char *folder);

//  So are the contents of a file.
void
fake_sync_contents (fake_inode_t *inode);

//  For the program; dirty from now on.
void
fake_write_seen (fake_inode_t *inode, size_t offset, const void *data, size_t bytes);
void
fake_truncate_seen (fake_inode_t *inode, size_t bytes);

//  Octets of all files, as the program sees them.
int64_t
fake_used (const fake_disk_t *self);

//  Decide what survives. Stable is then what the disk holds.
void
fake_lose_power (fake_disk_t *self);

#endif
