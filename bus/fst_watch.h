//  Do all loops of this process still turn? Each loop says so at every turn, and when it will turn again at the
//  latest; whoever watches the process (systemd, a health check) asks once for all of them. Safe from any thread.

#ifndef FST_WATCH_H_INCLUDED
#define FST_WATCH_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fst_watch fst_watch_t;

//  From now on this loop is watched. name is for people, at most 63 octets are kept.
fst_watch_t *
fst_watch_new (const char *name);

void
fst_watch_destroy (fst_watch_t **self_p);

//  The loop turns, and waits at most wait_ms for what comes next.
void
fst_watch_turn (fst_watch_t *self, int64_t wait_ms);

//  Whether some loop should have turned more than limit_ms ago. name gets its name.
bool
fst_watch_stuck (int64_t limit_ms, char *name, size_t size);

#endif
