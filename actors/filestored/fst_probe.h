//  `filestored probe`: does the part with these settings serve? For the health checks of containers and supervisors, so it
//  asks from outside, as callers do: the broker is asked for a sign of life, everything else for by its service there. The
//  broker hears of a part from its loop, so one that hangs is not offered any more after some seconds.

#ifndef FST_PROBE_H_INCLUDED
#define FST_PROBE_H_INCLUDED

#include "fst_config.h"

//      FST_OK              it serves
//      FST_UNAVAILABLE     the broker answers, and has no such service
//      FST_UNREACHABLE     no answer from the broker within some seconds
//      or what fst_keys_load says
fst_rc_t FST_CHECKED
fst_probe (const fst_config_t *config, char **problem_p);

#endif
