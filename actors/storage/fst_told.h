//  What metadata told this node last: one of its runs, and how far the namespace had come. The node says it in REGISTER
//  and in every heartbeat; metadata looks for it in its database, and so knows when that is an older copy (adr/0010).
//
//  The pair must not be replaced by one of another run before metadata has looked at it. So only the run that
//  answered the last REGISTER is believed, and only if it was asked with the pair that is here now. The sequence
//  never falls. Pure.

#ifndef FST_TOLD_H_INCLUDED
#define FST_TOLD_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t run;               //  0: nothing was told yet
    int64_t sequence;
} fst_pair_t;

typedef struct {
    fst_pair_t last;            //  Told last
    fst_pair_t said;            //  In the REGISTER that is under way
    uint64_t registered;        //  The run that answered the last one; 0: none since the start
    fst_pair_t removed;         //  In the last command that took data away, or later
} fst_told_t;

//  At the start: what was told before.
void
fst_told_begin (fst_told_t *self, const fst_pair_t *last);

//  REGISTER goes out, with last.
void
fst_told_ask (fst_told_t *self);

//  It was answered by this run. False: last has changed meanwhile, so register again; nothing was taken.
bool
fst_told_answered (fst_told_t *self, const fst_pair_t *pair);

//  A message that may be overtaken by others (an event). False: the run is another one; register.
bool
fst_told_event (fst_told_t *self, const fst_pair_t *pair);

//  A command that takes data away. False: it must not be done.
bool
fst_told_command (fst_told_t *self, const fst_pair_t *pair);

//  Such a command is refused only because it is late: events of the same run overtook it, perhaps before this process began.
bool
fst_told_overtook (const fst_told_t *self, const fst_pair_t *pair);

//  A command that brings data here. False: something was taken away since it was decided, and that may have been the same;
//  or the run is another one.
bool
fst_told_brings (const fst_told_t *self, const fst_pair_t *pair);

//  A run as 16 hex digits; "" for 0, and 0 for anything else than 16 hex digits (NULL too).
uint64_t
fst_run_parse (const char *text);
void
fst_run_text (uint64_t run, char text [17]);

#endif
