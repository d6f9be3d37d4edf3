//  Text without case and accents.

#include "fst_fold.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

//  What U+00C0 to U+017F become; a space: it stays. Two letters that become one in print stay two here.
static const char s_latin [] =
    "aaaaaa ceeeeiiii nooooo ouuuuy  aaaaaa ceeeeiiii nooooo ouuuuy y"      //  U+00C0: not AE, ETH, THORN, sharp s, nor what is no letter
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii  jjkk lllllll"      //  U+0100
    "lllnnnnnnn  oooooo  rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";     //  U+0140
_Static_assert (sizeof (s_latin) == 0x180 - 0xc0 + 1, "a letter for each");

//  A code point of two octets in UTF-8, small and plain; 0: it goes.
static uint32_t
s_plain (uint32_t letter)
{
    if (letter >= 0x300 && letter < 0x370)
        return 0;                           //  A mark on the letter before
    if (letter >= 0xc0 && letter < 0x180 && s_latin [letter - 0xc0] != ' ')
        return (uint32_t) s_latin [letter - 0xc0];
    if (letter == 0xc6 || letter == 0xd0 || letter == 0xde)
        return letter + 0x20;
    if (letter == 0x132 || letter == 0x14a || letter == 0x152)
        return letter + 1;
    if ((letter >= 0x391 && letter <= 0x3a9) || (letter >= 0x410 && letter <= 0x42f))
        return letter + 0x20;
    if (letter >= 0x400 && letter <= 0x40f)
        return letter + 0x50;
    return letter;
}

char *
fst_fold (const char *text, char *folded, size_t size)
{
    assert (text);
    assert (folded && size);
    size_t used = 0;
    for (const unsigned char *at = (const unsigned char *) text; *at && used + 2 < size; at++) {
        uint32_t letter = *at;
        if (letter >= 'A' && letter <= 'Z')
            letter += 0x20;
        if (letter < 0xc0 || letter >= 0xe0 || (at [1] & 0xc0) != 0x80) {
            folded [used++] = (char) letter;
            continue;
        }
        letter = s_plain ((letter & 0x1f) << 6 | (at [1] & 0x3fu));
        at++;
        if (letter >= 0x80)
            folded [used++] = (char) (0xc0 | letter >> 6);
        if (letter)
            folded [used++] = (char) (letter >= 0x80? 0x80 | (letter & 0x3f): letter);
    }
    folded [used] = 0;
    return folded;
}
