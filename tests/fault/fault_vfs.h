//  SQLite on a fake disk: every database of this process lies on it from now on, so that the real fst_db, and all
//  that is built on it, meets calls that fail, a disk that is full, and power that is lost.
//
//      fake_disk_t *disk = fake_disk_new (seed);
//      fault_vfs_use (disk);
//      ... fst_small_open ("/nowhere/small.db", ...);      //  File "small.db" at the top of that disk
//
//  Results are those of SQLite's own unix VFS: SQLITE_FULL only from a write, SQLITE_CANTOPEN from an open, an
//  I/O error from everything else. Stricter in one thing: the sync of the folder behind a new log is a part of the
//  log's first sync and fails with it, where SQLite's VFS does not look at its result.
//  Shared memory is on the heap, and goes with the last connection. All in one process; safe from any thread.

#ifndef FAULT_VFS_H_INCLUDED
#define FAULT_VFS_H_INCLUDED

#include "fake_disk.h"

//  Borrowed until the next call; NULL goes back to the real disk. No database may be open.
void
fault_vfs_use (fake_disk_t *disk);

#endif
