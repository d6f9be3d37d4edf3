//  How thorough a sweep is: everything if FST_SWEEPS is set (the long tests), a part of it otherwise, and a smaller part
//  under the address sanitizer, which makes all of it some ten times as slow.

#ifndef SWEEP_H_INCLUDED
#define SWEEP_H_INCLUDED

#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
#define SWEEP_THINNER 5
#else
#define SWEEP_THINNER 1
#endif

//  Go on by so many.
static inline int
sweep_step (int step)
{
    return getenv ("FST_SWEEPS")? 1: step * SWEEP_THINNER;
}

//  Do so many of something.
static inline int
sweep_count (int count, int all)
{
    return getenv ("FST_SWEEPS")? all: (count + SWEEP_THINNER - 1) / SWEEP_THINNER;
}

#endif
