//  Include this instead of <sodium.h>: every file that does has libsodium started before main, so that the
//  fast code for this processor is chosen and no function needs to think of it. Starting twice is harmless.

#ifndef FST_SODIUM_H_INCLUDED
#define FST_SODIUM_H_INCLUDED

#include <assert.h>
#include <sodium.h>

static void __attribute__ ((constructor))
fst_sodium_start (void)
{
    int rc = sodium_init ();
    assert (rc >= 0);
}

#endif
