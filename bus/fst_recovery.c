//  Key and check as one row of 280 bits, five to a digit.

#include "fst_recovery.h"
#include "fst_sodium.h"
#include <assert.h>
#include <ctype.h>
#include <string.h>

#define CHECK_BYTES 3
#define BYTES       (FST_KEY_BYTES + CHECK_BYTES)
#define DIGITS      (BYTES * 8 / 5)
#define GROUP       4

_Static_assert (BYTES * 8 % 5 == 0, "no bits are left over");
_Static_assert (DIGITS + DIGITS / GROUP - 1 == FST_RECOVERY_CHARS, "the header tells the length");

static const char s_digits [] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void
s_check (const uint8_t key [FST_KEY_BYTES], uint8_t check [CHECK_BYTES])
{
    static const char purpose [] = "filestore recovery key 1";
    uint8_t hash [crypto_generichash_BYTES];
    crypto_generichash (hash, sizeof (hash), (const uint8_t *) purpose, sizeof (purpose), key, FST_KEY_BYTES);
    memcpy (check, hash, CHECK_BYTES);
}

//  The five bits of a digit; -1 if it is none.
static int
s_value (char digit)
{
    char upper = (char) toupper ((unsigned char) digit);
    upper = upper == 'O'? '0': upper == 'I' || upper == 'L'? '1': upper;
    const char *at = upper? strchr (s_digits, upper): NULL;
    return at? (int) (at - s_digits): -1;
}

void
fst_recovery_encode (const uint8_t key [FST_KEY_BYTES], char text [FST_RECOVERY_CHARS + 1])
{
    assert (key);
    assert (text);
    uint8_t octets [BYTES];
    memcpy (octets, key, FST_KEY_BYTES);
    s_check (key, octets + FST_KEY_BYTES);
    for (size_t digit = 0; digit < DIGITS; digit++) {
        unsigned value = 0;
        for (size_t bit = digit * 5; bit < digit * 5 + 5; bit++)
            value = value << 1 | (octets [bit / 8] >> (7 - bit % 8) & 1);
        if (digit && digit % GROUP == 0)
            *text++ = '-';
        *text++ = s_digits [value];
    }
    *text = 0;
    sodium_memzero (octets, sizeof (octets));
}

fst_rc_t
fst_recovery_decode (const char *text, uint8_t key [FST_KEY_BYTES])
{
    assert (text);
    assert (key);
    uint8_t octets [BYTES] = { 0 }, check [CHECK_BYTES];
    size_t digit = 0;
    fst_rc_t rc = FST_OK;
    for (; rc == FST_OK && *text; text++) {
        if (*text == '-' || isspace ((unsigned char) *text))
            continue;
        int value = s_value (*text);
        if (value < 0 || digit == DIGITS)
            rc = FST_MALFORMED;
        else
            for (size_t bit = 0; bit < 5; bit++)
                octets [(digit * 5 + bit) / 8] |= (uint8_t) ((value >> (4 - bit) & 1) << (7 - (digit * 5 + bit) % 8));
        digit++;
    }
    if (rc == FST_OK && digit != DIGITS)
        rc = FST_MALFORMED;
    if (rc == FST_OK) {
        s_check (octets, check);
        rc = sodium_memcmp (check, octets + FST_KEY_BYTES, CHECK_BYTES) == 0? FST_OK: FST_CORRUPT;
    }
    if (rc == FST_OK)
        memcpy (key, octets, FST_KEY_BYTES);
    sodium_memzero (octets, sizeof (octets));
    return rc;
}
