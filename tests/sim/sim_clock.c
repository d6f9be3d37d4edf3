//  bus/fst_clock.h: virtual time, as the part that runs sees it; random numbers from the seed.

#include "sim_world.h"
#include <sodium.h>
#include "fst_clock.h"

int64_t
fst_clock_mono_ms (void)
{
    const sim_part_t *part = sim_world->running;
    return sim_world->now_ms + (part? part->mono_ms: 0);
}

int64_t
fst_clock_mono_us (void)
{
    return fst_clock_mono_ms () * 1000;
}

int64_t
sim_from_mono (const sim_part_t *part, int64_t mono_ms)
{
    return mono_ms >= INT64_MAX - part->mono_ms? INT64_MAX: mono_ms - part->mono_ms;
}

int64_t
fst_clock_wall_ms (void)
{
    const sim_part_t *part = sim_world->running;
    return SIM_EPOCH_MS + sim_world->now_ms + (part? part->wall_ahead_ms: 0);
}

uint64_t
fst_random (void)
{
    return sim_next_random (&sim_world->random_actors);
}

//  ---- libsodium: ids, keys and nonces

static const char *
s_name (void)
{
    return "sim";
}

static uint32_t
s_random (void)
{
    return (uint32_t) fst_random ();
}

static void
s_buffer (void *const buffer, const size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 8) {
        uint64_t value = fst_random ();
        memcpy ((uint8_t *) buffer + at, &value, bytes - at < 8? bytes - at: 8);
    }
}

void
sim_seed_sodium (void)
{
    static randombytes_implementation source = {
        .implementation_name = s_name, .random = s_random, .buf = s_buffer
    };
    randombytes_set_implementation (&source);
}

//  ---- SQLite, which asks the system for the time

static int
s_time (sqlite3_vfs *vfs, sqlite3_int64 *time_p)
{
    (void) vfs;
    *time_p = 210866760000000 + fst_clock_wall_ms ();      //  Julian day of 1970, in ms
    return SQLITE_OK;
}

static void __attribute__ ((constructor))
s_take_time (void)
{
    sqlite3_initialize ();
    sqlite3_vfs_find (NULL)->xCurrentTimeInt64 = s_time;
}
