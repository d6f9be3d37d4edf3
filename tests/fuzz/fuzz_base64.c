//  Base64 and hex: what is taken has exactly one form, and the cheap check says the same as decoding.

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_text.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes);

static void
s_base64 (const char *text)
{
    size_t room = strlen (text), bytes;
    uint8_t *octets = malloc (room + 1);
    fst_rc_t rc = fst_base64_decode (text, octets, room, &bytes);
    assert ((rc == FST_OK) == fst_base64_valid (text));
    if (rc == FST_OK) {
        char *again = fst_base64_encode (octets, bytes);
        assert (strcmp (text, again) == 0);
        free (again);
        assert (bytes == 0 || fst_base64_decode (text, octets, bytes - 1, &room) == FST_MALFORMED);
    }
    free (octets);
}

static void
s_hex (const char *text)
{
    size_t bytes = strlen (text) / 2;
    uint8_t *octets = malloc (bytes + 1);
    char *again = malloc (2 * bytes + 1);
    fst_rc_t rc = fst_hex_decode (text, octets, bytes);
    assert ((rc == FST_OK) == fst_hex_valid (text));
    if (rc == FST_OK) {
        fst_hex_encode (octets, bytes, again);
        assert (strcmp (text, again) == 0);
    }
    free (again);
    free (octets);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes)
{
    char *text = strndup ((const char *) data, bytes);
    s_base64 (text);
    s_hex (text);
    free (text);

    //  And every octet string comes back
    char *encoded = fst_base64_encode (data, bytes);
    uint8_t *back = malloc (bytes + 1);
    size_t decoded;
    assert (fst_base64_decode (encoded, back, bytes, &decoded) == FST_OK);
    assert (decoded == bytes && (bytes == 0 || memcmp (back, data, bytes) == 0));
    free (encoded);
    free (back);
    return 0;
}
