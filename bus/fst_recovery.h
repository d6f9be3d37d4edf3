//  The recovery key: the cluster key in a form for paper. With it and any storage folders files can be read again
//  when everything else is lost (filestore rescue); without it nothing can.
//
//      003G-W58W-...-2W34      56 of 0-9 and A-Z without I, L, O and U (Crockford's base32), in 14 groups of 4
//
//  The first 256 bits are the key, the last 24 a check: a typing error is found in all but one of 16 million cases.
//  When it is read, letters may be small, O counts as 0, I and L as 1, and '-' and white space are skipped.
//  Pure; safe from any thread.

#ifndef FST_RECOVERY_H_INCLUDED
#define FST_RECOVERY_H_INCLUDED

#include <stdint.h>
#include "fst_error.h"
#include "fst_proof.h"

#define FST_RECOVERY_CHARS 69           //  As written here, without the NUL

void
fst_recovery_encode (const uint8_t key [FST_KEY_BYTES], char text [FST_RECOVERY_CHARS + 1]);

//      FST_MALFORMED   not 56 of these letters and digits
//      FST_CORRUPT     they are, but at least one is wrong
fst_rc_t FST_CHECKED
fst_recovery_decode (const char *text, uint8_t key [FST_KEY_BYTES]);

#endif
