//  Text as people search it: without case and accents. Pure.
//
//  Latin letters lose their accents, also those written as marks of their own; Greek and Cyrillic ones become small.
//  Anything else stays as it is. "Ärger.TXT" and "arger.txt" are the same.

#ifndef FST_FOLD_H_INCLUDED
#define FST_FOLD_H_INCLUDED

#include <stddef.h>

//  Room for what bytes octets become; never more of them than before.
#define FST_FOLD_BYTES(bytes) ((bytes) + 3)

//  Fold text into folded, cut at size - 3. Returns folded.
char *
fst_fold (const char *text, char *folded, size_t size);

#endif
