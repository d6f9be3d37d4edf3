//  Clocks and random numbers of the real world. Pure cores take now_ms as a value instead.

#ifndef FST_CLOCK_H_INCLUDED
#define FST_CLOCK_H_INCLUDED

#include <stdint.h>

//  Monotonic milliseconds: for liveness, leases, deadlines within one process.
int64_t
fst_clock_mono_ms (void);

//  The same in microseconds: for how long something took.
int64_t
fst_clock_mono_us (void);

//  Milliseconds since 1970 (UTC): for times that people see and expiries that other machines check.
int64_t
fst_clock_wall_ms (void);

//  64 random bits from the system's random source.
uint64_t
fst_random (void);

#endif
