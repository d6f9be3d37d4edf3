//  Clocks and random numbers.

#include "fst_clock.h"
#include <sodium.h>
#include <time.h>

static int64_t
s_clock_ms (clockid_t clock)
{
    struct timespec now;
    clock_gettime (clock, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
fst_clock_mono_ms (void)
{
    return s_clock_ms (CLOCK_MONOTONIC);
}

int64_t
fst_clock_mono_us (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
fst_clock_wall_ms (void)
{
    return s_clock_ms (CLOCK_REALTIME);
}

uint64_t
fst_random (void)
{
    uint64_t value;
    randombytes_buf (&value, sizeof (value));
    return value;
}
