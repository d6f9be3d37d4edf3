//  What the node sees of its disk: space, health, and whether it is there at all.

#include "fst_storage_self.h"
#include "fst_log.h"
#include "fst_salvage.h"
#include <assert.h>
#include <sys/stat.h>

#define SPACE_BYTES      1048576    //  The disk is asked for its space after so many octets were taken in

bool
fst_storage_has_room (void *arg, int64_t bytes)
{
    fst_storage_t *self = arg;
    if (self->taken + bytes > SPACE_BYTES)      //  The disk may be shared, and what was taken in may not be on it yet
        fst_storage_see_space (self);
    self->taken += bytes;
    return fst_health_takes (&self->health) && self->free > self->taken;
}

//  Metadata should know at once.
static void
s_health_changed (fst_storage_t *self)
{
    fst_log_warning ("disk health=%s free=%" PRId64 " reserve_percent=%" PRId64, fst_health_word (&self->health),
                     self->free, self->reserve_percent);
    self->beat_at_ms = 0;
    fst_actor_wake (self->actor, 0);
}

void
fst_storage_see_space (fst_storage_t *self)
{
    fst_disk_space_t space;
    bool try = self->suspect || self->health.read_only;
    if (self->disk->space (self->disk->self, try, &space) != FST_OK)
        return;                         //  Then what was known goes on
    self->suspect = false;
    int64_t left = space.free - space.capacity / 100 * self->reserve_percent;
    self->capacity = space.capacity;
    self->free = left > 0? left: 0;
    self->taken = 0;
    if (fst_health_see (&self->health, left <= 0, space.read_only))
        s_health_changed (self);
}

void
fst_storage_see_small (fst_storage_t *self)
{
    if (!fst_small_is_dead (self->small))
        return;
    if (fst_small_is_damaged (self->small)) {
        fst_salvage_ask (self->disk);
        fst_actor_die (self->actor, "small.db is damaged; the next start saves what is still whole of it");
    }
    fst_actor_die (self->actor, "small.db cannot be written or read any more; see the log for the disk's error");
}

void
fst_storage_trouble (void *arg, const fst_extent_id_t *id, fst_rc_t rc)
{
    fst_storage_t *self = arg;
    fst_storage_see_small (self);       //  Then it is not the extent's fault
    if (id)
        fst_damage_note (self->damage, &id->blob, (uint32_t) id->extent, rc);
    if (rc == FST_CORRUPT)
        return;
    self->suspect = self->suspect || rc == FST_NO_SPACE;
    fst_storage_see_space (self);
    if (rc != FST_IO)
        return;
    if (id? fst_health_unread (&self->health, id): fst_health_unwritten (&self->health))
        s_health_changed (self);
}

void
fst_storage_scrub_found (void *arg, const fst_extent_id_t *id, fst_rc_t rc)
{
    fst_storage_t *self = arg;
    if (id) {
        fst_storage_trouble (self, id, rc);
        fst_damage_hurry (self->damage, &id->blob, (uint32_t) id->extent);
    }
    else {
        fst_storage_see_small (self);
        fst_log_error ("a folder of extents cannot be read reason=%s", fst_error_code (rc));
        if (fst_health_unwritten (&self->health))
            s_health_changed (self);
    }
}

void
fst_storage_see_folder (fst_storage_t *self)
{
    char *filename = zsys_sprintf ("%s/lock", self->folder);
    struct stat ours, there;
    bool same = fstat (self->lock_fd, &ours) == 0 && stat (filename, &there) == 0
             && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
    free (filename);
    if (same)
        return;
    char *reason = zsys_sprintf ("the folder %s is gone, or another disk is mounted there", self->folder);
    fst_actor_die (self->actor, reason);
}
