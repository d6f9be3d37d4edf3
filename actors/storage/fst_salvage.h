//  Opening small.db, whatever became of it. A file that SQLite calls damaged is set aside, and all records in it that are
//  still whole, wherever they lie, are put into a new one: each says itself what it is (fst_record.h, fst_memory.h), so
//  neither the tree nor the pages' headers are needed. What was deleted may come back that way: metadata calls
//  it stray. What is lost, it finds missing. Files, next to small.db:
//
//      small.db.ask            damage was met while running: salvage at the next start
//      small.db.new            being filled
//      small.db.saved          complete, and to become small.db
//      small.db.damaged-<ms>   what was set aside (with -wal); for people, who may delete it

#ifndef FST_SALVAGE_H_INCLUDED
#define FST_SALVAGE_H_INCLUDED

#include "fst_disk.h"
#include "fst_small.h"

//  disk is the port of folder. *problem_p is a sentence, caller frees.
//      FST_CORRUPT     it is not ours at all, or a newer version's
fst_rc_t FST_CHECKED
fst_salvage_open (fst_disk_t *disk, const char *folder, int64_t now_ms, fst_small_t **self_p, char **problem_p);

//  Have small.db salvaged at the next start, durably if the disk lets us.
void
fst_salvage_ask (fst_disk_t *disk);

#endif
