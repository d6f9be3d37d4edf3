//  The storage actor's inside: what its files share. Not for others.

#ifndef FST_STORAGE_SELF_H_INCLUDED
#define FST_STORAGE_SELF_H_INCLUDED

#include "fst_storage.h"
#include "fst_aside.h"
#include "fst_check.h"
#include "fst_damage.h"
#include "fst_extents.h"
#include "fst_jobs.h"
#include "fst_keeper.h"
#include "fst_pull.h"
#include "fst_scrub.h"
#include "fst_small.h"
#include "fst_told.h"

struct fst_storage {
    char *node, *zone, *advertise;
    char *service, *domain;
    char *folder;
    int64_t window, memory;
    int64_t reserve_percent;
    int64_t beat_ms;                //  Interval
    int64_t quarantine_ms;          //  How long things are kept there
    int64_t scrub_ms;               //  How long a round takes
    const fst_keys_t *keys;
    fst_actor_t *actor;             //  Set by start
    fst_actor_t *actor_owned;       //  Set by new, for destroy
    int lock_fd;                    //  -1: not locked
    fst_disk_t *disk;
    fst_extents_t *extents;
    fst_small_t *small;
    fst_quarantine_t *quarantine;
    fst_jobs_t *jobs;
    fst_aside_t *aside;
    fst_damage_t *damage;
    fst_scrub_t *scrub;
    fst_health_t health;
    bool suspect;                   //  A write found no space: is the disk read-only?
    fst_check_t *check;
    fst_keeper_t *keeper;
    fst_pull_t *pull;
    int64_t capacity, free;         //  Of the disk, as last seen; free is without the reserve
    int64_t taken;                  //  Octets taken in since then
    fst_told_t told;                //  By metadata
    unsigned beats;                 //  Until it registers again
    int64_t space_at_ms, beat_at_ms, register_at_ms;    //  When it is due; INT64_MAX: not
    bool registering;               //  A call is under way
    bool registered;                //  Once since the start
    bool refused;                   //  By metadata, when it was asked last
    bool register_again;            //  Asked for meanwhile
};

//  ---- Commands

extern const fst_command_t fst_storage_commands [];
void
fst_storage_metrics (void *self, fst_figures_t *figures);

//  ---- The disk

//  True if there is room for so many octets of records, above the reserve; then they count as taken in. arg is the actor.
bool
fst_storage_has_room (void *arg, int64_t bytes);

//  Ask the disk for its space. Metadata is told at once if its health changes.
void
fst_storage_see_space (fst_storage_t *self);

//  End the process if small.db cannot be used any more; the next one looks at what there is.
void
fst_storage_see_small (fst_storage_t *self);

//  End it if there is an empty mount point, or another disk, in the place of ours: what we write there would be lost.
void
fst_storage_see_folder (fst_storage_t *self);

//  Something could not be read or, if id is NULL, written (FST_IO, or FST_NO_SPACE). arg is the actor.
void
fst_storage_trouble (void *arg, const fst_extent_id_t *id, fst_rc_t rc);

//  The scrub found something bad; id NULL: a folder of extents cannot be read. arg is the actor.
void
fst_storage_scrub_found (void *arg, const fst_extent_id_t *id, fst_rc_t rc);

//  ---- Presence

extern const fst_topic_t fst_storage_topics [];

//  Register with metadata, now or when the call under way has ended.
void
fst_storage_register (fst_storage_t *self);

void
fst_storage_beat (fst_storage_t *self);

//  The run and sequence in a message of metadata.
fst_pair_t
fst_storage_pair (json_t *said);

//  Some time until at most ms later, so that nodes that start together do not beat together.
int64_t
fst_storage_jitter (int64_t ms);

#endif
