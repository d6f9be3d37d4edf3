//  The bookkeeping of one large upload: which slots of which extents are made, on which nodes they are, what has
//  to be sent, copied again or sealed, and what is finished. Pure: no message, no buffer, no clock.
//
//  An extent is assigned to nodes, then its slots are made in order (read and encrypted), stored on every copy,
//  and each copy that has them all is sealed. Some extents (FST_PLAN_ACTIVE) are under way at once, so that
//  sealing one does not hold up the next. When a node fails, its copies that are not sealed are lost; another
//  node takes the place, and what is not in hand any more is fetched from a copy that has it, so that all
//  copies of an extent are the same octets; or made again when no copy is left.

#ifndef FST_PLAN_H_INCLUDED
#define FST_PLAN_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>
#include "fst_error.h"
#include "fst_proof.h"

#define FST_COPIES_MAX      7
#define FST_PLAN_SLOTS_MAX  1024
#define FST_PLAN_ACTIVE     8       //  Extents begun and not finished
#define FST_PLAN_AHEAD      16      //  Extents assigned and not begun, at most

typedef enum {
    FST_COPY_OPEN,                  //  Takes records
    FST_COPY_SEALING,
    FST_COPY_SEALED,                //  On stable storage; the receipt is there
    FST_COPY_LOST                   //  Its node failed; waits for another
} fst_copy_state_t;

typedef struct { uint64_t words [FST_PLAN_SLOTS_MAX / 64]; } fst_slots_t;

typedef struct {
    int node;                       //  The caller's number of it
    fst_copy_state_t state;
    bool gone;                      //  Sealed, and then its node failed
    uint32_t stored;                //  Slots it has
    fst_slots_t have, sent;         //  Has; was asked to take
    char receipt [FST_PROOF_TEXT_MAX];
} fst_plan_copy_t;

typedef struct {
    uint32_t number;
    uint32_t made;                  //  Slots that were given out by fst_plan_next
    bool complete;                  //  It gets no more
    int copies;
    fst_plan_copy_t copy [FST_COPIES_MAX];
    fst_slots_t held;               //  In hand: being made or fetched, or not stored everywhere yet
    uint8_t (*digests) [16];        //  Of each slot, for the caller: of its plain text,
    uint64_t *checksums;            //  and of its record
} fst_plan_extent_t;

typedef struct fst_plan fst_plan_t;

//  chunks: how many the file has, -1 = not known before its end.
fst_plan_t *
fst_plan_new (uint32_t extent_chunks, int64_t chunks);

void
fst_plan_destroy (fst_plan_t **self_p);

//  ---- Nodes for extents

//  How many extents should be asked for now (0 = none), from *from_p on.
uint32_t
fst_plan_wanted (const fst_plan_t *self, uint32_t *from_p);

//  Nodes of the next extent; number must be the one that fst_plan_wanted named, counted on.
void
fst_plan_assign (fst_plan_t *self, uint32_t number, const int *nodes, int count);

//  A node failed: copies there are lost (but not sealed ones, as long as nobody needs to fetch from them), and
//  extents not begun get other nodes.
void
fst_plan_lose (fst_plan_t *self, int node);

//  The first extent with a lost copy, or NULL.
fst_plan_extent_t *
fst_plan_broken (fst_plan_t *self);

//  The first extent with a copy on that node that is not sealed, or NULL.
fst_plan_extent_t *
fst_plan_on (fst_plan_t *self, int node);

//  True if that node is the only one that has some slot which is not in hand any more.
bool
fst_plan_sole (fst_plan_t *self, int node);

//  Put other nodes, or the same ones if they are back, in the place of lost copies; they begin without a record.
//  FST_MALFORMED if nodes has not enough that hold none.
fst_rc_t FST_CHECKED
fst_plan_mend (fst_plan_t *self, uint32_t number, const int *nodes, int count);

//  ---- Slots

//  True if fst_plan_next has one.
bool
fst_plan_ready (const fst_plan_t *self);

//  The next chunk to make; it is in hand from then on. False if there is none now: the file has ended, no nodes
//  are assigned, or too many extents are under way.
bool
fst_plan_next (fst_plan_t *self, uint32_t *extent_p, uint32_t *slot_p);

//  The last chunk was given out (for a file whose length was not known).
void
fst_plan_end (fst_plan_t *self);

//  A slot that some copy lacks and that is not in hand any more; it is in hand from then on. *from_p is the
//  number of a copy that has it, or -1: it must be made again.
bool
fst_plan_fetch (fst_plan_t *self, uint32_t *extent_p, uint32_t *slot_p, int *from_p);

//  A fetch failed; the slot is not in hand.
void
fst_plan_unhold (fst_plan_t *self, uint32_t extent, uint32_t slot);

//  The extent of that number, if it is under way; NULL otherwise.
fst_plan_extent_t *
fst_plan_find (fst_plan_t *self, uint32_t number);

//  True if this copy has to be sent this slot.
bool
fst_plan_lacks (const fst_plan_extent_t *extent, int copy, uint32_t slot);

//  It was sent to that copy; then either stored there, or not (send it again).
void
fst_plan_sent (fst_plan_extent_t *extent, int copy, uint32_t slot);
void
fst_plan_stored (fst_plan_t *self, uint32_t number, int node, uint32_t slot);
void
fst_plan_unsent (fst_plan_t *self, uint32_t number, int node, uint32_t slot);

//  True if every copy has the slot: it need not stay in hand; and is not from then on. While a copy is lost it stays:
//  with one node less, the next loss may be that of the last one that has it, and a stream cannot be read again.
bool
fst_plan_settled (fst_plan_t *self, uint32_t number, uint32_t slot);

//  ---- Sealing

//  A copy that has all slots of a complete extent; it is sealing from then on.
bool
fst_plan_seal (fst_plan_t *self, uint32_t *extent_p, int *node_p, uint32_t *chunks_p);

//  It is sealed, with the octets that it should have; or it must be asked again.
void
fst_plan_sealed (fst_plan_t *self, uint32_t number, int node, const char *receipt);
void
fst_plan_unsealed (fst_plan_t *self, uint32_t number, int node);

//  The oldest extent, if it is complete and sealed on all copies; NULL otherwise. Drop it when it is used.
fst_plan_extent_t *
fst_plan_finished (fst_plan_t *self);
void
fst_plan_drop (fst_plan_t *self);

//  Nothing is left to do.
bool
fst_plan_done (const fst_plan_t *self);

#endif
