//  A disk in memory that fails when told to, and loses power.
//
//  What is written is seen at once, and is safe only after sync; what is created, renamed or unlinked is safe
//  only after sync_folder of its folder (of the target's folder, for a rename), and a folder after sync_folder of
//  the one above it. At a crash everything else survives, vanishes or, for contents, turns to noise, each sector
//  and each name by itself. After a sync that failed, what it should have saved is never saved by a later one; only
//  what is written anew is.
//
//      fake_disk_t *disk = fake_disk_new (seed);
//      fake_disk_crash (disk, 3);                      //  Power goes at the third sync from now
//      s_do_something (fake_disk_port (disk));         //  Every call fails with FST_IO from there on
//      if (fake_disk_crashed (disk)) {
//          fake_disk_restart (disk);                   //  What survived is there
//          s_check (fake_disk_port (disk));
//      }
//
//  Safe from any thread, as the real one.

#ifndef FAKE_DISK_H_INCLUDED
#define FAKE_DISK_H_INCLUDED

#include "fst_disk.h"

typedef struct fake_disk fake_disk_t;

//  What becomes of that which was not synced.
typedef enum {
    FAKE_LOSS_ANY,          //  By the seed: one of the following, or each piece by itself
    FAKE_LOSS_NOTHING,      //  It all survives
    FAKE_LOSS_ALL,          //  It all vanishes
    FAKE_LOSS_NOISE         //  Names survive, contents are noise
} fake_loss_t;

fake_disk_t *
fake_disk_new (uint64_t seed);

void
fake_disk_destroy (fake_disk_t **self_p);

//  The disk's port; borrowed.
fst_disk_t *
fake_disk_port (fake_disk_t *self);

//  Let the nth call from now fail once with rc (1 = the next; 0 = none). A write that fails may have written a
//  part. close and flush_hint do not count, for they cannot fail.
void
fake_disk_fail (fake_disk_t *self, int nth, fst_rc_t rc);

//  The same for the nth sync or sync_folder, and the nth write.
void
fake_disk_fail_sync (fake_disk_t *self, int nth, fst_rc_t rc);
void
fake_disk_fail_write (fake_disk_t *self, int nth, fst_rc_t rc);

//  True if that call came.
bool
fake_disk_fired (const fake_disk_t *self);

//  Lose power at the nth sync or sync_folder from now, before it has done anything (0 = never).
void
fake_disk_crash (fake_disk_t *self, int nth);

//  Lose power now.
void
fake_disk_crash_now (fake_disk_t *self);

bool
fake_disk_crashed (const fake_disk_t *self);

//  Power is back; nothing fails any more. Files opened before give FST_IO, and still have to be closed.
//  Without a crash it is as if a process was killed: nothing is lost.
void
fake_disk_restart (fake_disk_t *self);

//  What the port lacks and SQLite needs (fault_vfs.h). Both count as calls. Cut a file, or lengthen it with zeros:
fst_rc_t FST_CHECKED
fake_disk_truncate (fake_disk_t *self, fst_disk_file_t *file, int64_t bytes);

//  A call of another kind that fails when it is its turn.
fst_rc_t FST_CHECKED
fake_disk_call (fake_disk_t *self);

//  FAKE_LOSS_ANY unless set.
void
fake_disk_set_loss (fake_disk_t *self, fake_loss_t loss);

//  Contents of all files may not grow beyond this: FST_NO_SPACE. 1 TiB unless set.
void
fake_disk_set_capacity (fake_disk_t *self, int64_t bytes);

//  Turn what is stored to noise: bit rot. Aborts if the file is not there.
void
fake_disk_damage (fake_disk_t *self, const char *name, int64_t offset, size_t bytes);

//  Calls that could fail, and syncs among them, since the disk was made.
int
fake_disk_calls (const fake_disk_t *self);
int
fake_disk_syncs (const fake_disk_t *self);

#endif
