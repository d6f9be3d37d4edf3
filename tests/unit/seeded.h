//  Random numbers of a test that one number repeats: FST_SEED, which is printed. Included by one program each.

#ifndef SEEDED_H_INCLUDED
#define SEEDED_H_INCLUDED

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "fst_clock.h"

static uint64_t s_seed;

//  Before the first number, or to begin anew.
static inline void
seed_from_environment (void)
{
    const char *seed = getenv ("FST_SEED");
    s_seed = seed? strtoull (seed, NULL, 10): fst_random ();
    fprintf (stderr, "FST_SEED=%llu\n", (unsigned long long) s_seed);
}

static inline uint64_t
s_random (uint64_t below)
{
    uint64_t value = s_seed += 0x9e3779b97f4a7c15u;         //  splitmix64
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return (value ^ value >> 31) % below;
}

#endif
