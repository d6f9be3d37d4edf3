//  Text that crosses borders: hex, base64url, ids, names, paths, sizes and durations.

#include "fst_text.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

//  ------------------------------------------------------------------------------------------------
//  Octets as text

void
fst_hex_encode (const void *data, size_t bytes, char *text)
{
    assert (data || bytes == 0);
    assert (text);
    sodium_bin2hex (text, bytes * 2 + 1, data, bytes);
}

static int
s_hex_digit (char octet)
{
    if (octet >= '0' && octet <= '9')
        return octet - '0';
    if (octet >= 'a' && octet <= 'f')
        return octet - 'a' + 10;
    return -1;
}

bool
fst_hex_valid (const char *text)
{
    assert (text);
    size_t at = 0;
    while (s_hex_digit (text [at]) >= 0)
        at++;
    return text [at] == 0 && at % 2 == 0;
}

fst_rc_t
fst_hex_decode (const char *text, void *data, size_t bytes)
{
    assert (text);
    assert (data || bytes == 0);
    if (!fst_hex_valid (text) || strlen (text) != bytes * 2)
        return FST_MALFORMED;
    uint8_t *octets = data;
    for (size_t at = 0; at < bytes; at++)
        octets [at] = (uint8_t) (s_hex_digit (text [2 * at]) << 4 | s_hex_digit (text [2 * at + 1]));
    return FST_OK;
}

char *
fst_base64_encode (const void *data, size_t bytes)
{
    assert (data || bytes == 0);
    size_t size = sodium_base64_encoded_len (bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = malloc (size);
    assert (text);
    return sodium_bin2base64 (text, size, data, bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static int
s_base64_digit (char octet)
{
    if (octet >= 'A' && octet <= 'Z')
        return octet - 'A';
    if (octet >= 'a' && octet <= 'z')
        return octet - 'a' + 26;
    if (octet >= '0' && octet <= '9')
        return octet - '0' + 52;
    return octet == '-'? 62: octet == '_'? 63: -1;
}

bool
fst_base64_valid (const char *text)
{
    assert (text);
    size_t at = 0;
    while (s_base64_digit (text [at]) >= 0)
        at++;
    if (text [at] || at % 4 == 1)
        return false;

    //  Bits that belong to no octet are zero, so that every value has exactly one text
    if (at % 4 == 2)
        return (s_base64_digit (text [at - 1]) & 15) == 0;
    if (at % 4 == 3)
        return (s_base64_digit (text [at - 1]) & 3) == 0;
    return true;
}

fst_rc_t
fst_base64_decode (const char *text, void *data, size_t bytes_max, size_t *bytes_p)
{
    assert (text);
    assert (data || bytes_max == 0);
    assert (bytes_p);
    size_t bytes;
    //  libsodium 1.0.18 takes octets above 127 for digits, so it is not asked what is valid
    if (!fst_base64_valid (text)
        || sodium_base642bin (data, bytes_max, text, strlen (text), NULL, &bytes, NULL,
                              sodium_base64_VARIANT_URLSAFE_NO_PADDING))
        return FST_MALFORMED;
    *bytes_p = bytes;
    return FST_OK;
}

void
fst_id_new (char *text)
{
    assert (text);
    uint8_t octets [FST_ID_TEXT_BYTES / 2];
    randombytes_buf (octets, sizeof (octets));
    fst_hex_encode (octets, sizeof (octets), text);
}

//  ------------------------------------------------------------------------------------------------
//  UTF-8, names

//  Octets of the character that begins at text, 0 if it is none (RFC 3629, section 4).
static size_t
s_utf8_length (const uint8_t *text, size_t left)
{
    uint8_t first = text [0];
    if (first < 0x80)
        return first? 1: 0;
    size_t length = first >= 0xc2 && first <= 0xdf? 2: (first & 0xf0) == 0xe0? 3: first >= 0xf0 && first <= 0xf4? 4: 0;
    if (length == 0 || length > left)
        return 0;

    //  The second octet says whether the form is overlong, a surrogate or above U+10FFFF
    uint8_t low = first == 0xe0? 0xa0: first == 0xf0? 0x90: 0x80;
    uint8_t high = first == 0xed? 0x9f: first == 0xf4? 0x8f: 0xbf;
    if (text [1] < low || text [1] > high)
        return 0;
    for (size_t at = 2; at < length; at++)
        if ((text [at] & 0xc0) != 0x80)
            return 0;
    return length;
}

bool
fst_utf8_valid (const char *text, size_t bytes)
{
    assert (text || bytes == 0);
    const uint8_t *octets = (const uint8_t *) text;
    for (size_t at = 0, length; at < bytes; at += length) {
        length = s_utf8_length (octets + at, bytes - at);
        if (length == 0)
            return false;
    }
    return true;
}

static bool
s_letter_or_digit (char octet)
{
    return (octet >= 'a' && octet <= 'z') || (octet >= '0' && octet <= '9');
}

static bool
s_label_valid (const char *name, size_t bytes_max)
{
    assert (name);
    if (!s_letter_or_digit (name [0]))
        return false;
    size_t at = 1;
    while (s_letter_or_digit (name [at]) || name [at] == '.' || name [at] == '_' || name [at] == '-')
        at++;
    return name [at] == 0 && at <= bytes_max;
}

bool
fst_user_name_valid (const char *name)
{
    return s_label_valid (name, FST_USER_BYTES_MAX);
}

bool
fst_node_name_valid (const char *name)
{
    return s_label_valid (name, FST_NODE_BYTES_MAX);
}

//  ------------------------------------------------------------------------------------------------
//  Paths

static bool
s_part_valid (const char *part, size_t bytes)
{
    if (bytes == 0 || bytes > FST_NAME_BYTES_MAX)
        return false;
    if (part [0] == '.' && (bytes == 1 || (bytes == 2 && part [1] == '.')))
        return false;
    return memchr (part, '/', bytes) == NULL && fst_utf8_valid (part, bytes);
}

bool
fst_name_valid (const char *name)
{
    assert (name);
    return s_part_valid (name, strlen (name));
}

//  A path in the making: absolute, without a trailing slash ("" is the root until it is done).
typedef struct {
    char text [FST_PATH_BYTES_MAX + 1];
    size_t bytes;
    size_t levels;
} s_path_t;

static fst_rc_t
s_path_append (s_path_t *self, const char *path)
{
    for (const char *part = path + strspn (path, "/"); *part; part += strspn (part, "/")) {
        size_t bytes = strcspn (part, "/");
        if (!s_part_valid (part, bytes) || self->levels == FST_PATH_LEVELS_MAX
            || self->bytes + 1 + bytes > FST_PATH_BYTES_MAX)
            return FST_BAD_NAME;
        self->text [self->bytes++] = '/';
        memcpy (self->text + self->bytes, part, bytes);
        self->bytes += bytes;
        self->levels++;
        part += bytes;
    }
    return FST_OK;
}

static fst_rc_t
s_path_make (s_path_t *self, const char *path, const char *home)
{
    assert (path);
    assert (!home || home [0] == '/');
    self->bytes = 0;
    self->levels = 0;
    if (path [0] == 0 || (path [0] != '/' && !home))
        return FST_BAD_NAME;
    fst_rc_t rc = path [0] == '/'? FST_OK: s_path_append (self, home);
    if (rc == FST_OK)
        rc = s_path_append (self, path);
    if (rc == FST_OK && self->bytes == 0)
        self->text [self->bytes++] = '/';
    self->text [self->bytes] = 0;
    return rc;
}

fst_rc_t
fst_path_normal (const char *path, const char *home, char **normal_p)
{
    assert (normal_p);
    s_path_t normal;
    fst_rc_t rc = s_path_make (&normal, path, home);
    if (rc != FST_OK)
        return rc;
    *normal_p = strdup (normal.text);
    assert (*normal_p);
    return FST_OK;
}

bool
fst_path_valid (const char *path)
{
    s_path_t normal;
    return s_path_make (&normal, path, NULL) == FST_OK && strcmp (normal.text, path) == 0;
}

bool
fst_path_acceptable (const char *path)
{
    s_path_t normal;
    return s_path_make (&normal, path, "/users/a") == FST_OK;
}

//  ------------------------------------------------------------------------------------------------
//  Sizes and durations

typedef struct {
    const char *name;
    int64_t factor;
} s_unit_t;

static const s_unit_t s_sizes [] = {
    { "",    1 },                { "B",   1 },
    { "KB",  1000 },             { "KiB", INT64_C (1) << 10 },
    { "MB",  1000000 },          { "MiB", INT64_C (1) << 20 },
    { "GB",  1000000000 },       { "GiB", INT64_C (1) << 30 },
    { "TB",  1000000000000 },    { "TiB", INT64_C (1) << 40 },
    { "PB",  1000000000000000 }, { "PiB", INT64_C (1) << 50 },
    { NULL,  0 }
};

static const s_unit_t s_durations [] = {
    { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 }
};

//  Digits, spaces, unit. The number is never negative.
static fst_rc_t
s_quantity_parse (const char *text, const s_unit_t *units, int64_t *value_p)
{
    assert (text);
    assert (value_p);
    if (text [0] < '0' || text [0] > '9')
        return FST_MALFORMED;
    char *unit;
    errno = 0;
    long long number = strtoll (text, &unit, 10);
    if (errno)
        return FST_MALFORMED;
    unit += strspn (unit, " ");
    for (; units->name; units++) {
        if (strcasecmp (unit, units->name))
            continue;
        int64_t value;
        if (__builtin_mul_overflow ((int64_t) number, units->factor, &value))
            return FST_MALFORMED;
        *value_p = value;
        return FST_OK;
    }
    return FST_MALFORMED;
}

fst_rc_t
fst_size_parse (const char *text, int64_t *bytes_p)
{
    return s_quantity_parse (text, s_sizes, bytes_p);
}

fst_rc_t
fst_duration_parse (const char *text, int64_t *ms_p)
{
    return s_quantity_parse (text, s_durations, ms_p);
}

const char *
fst_size_text (int64_t bytes, char *buffer, size_t size)
{
    assert (bytes >= 0);
    assert (buffer && size > 0);
    static const char *const units [] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double value = (double) bytes;
    size_t unit = 0;
    while (value >= 1023.95 && unit + 1 < sizeof (units) / sizeof (units [0])) {
        value /= 1024;          //  1023.95 would be written as 1024.0
        unit++;
    }
    if (bytes < 1024)
        snprintf (buffer, size, "%" PRId64 " B", bytes);
    else
        snprintf (buffer, size, "%.1f %s", value, units [unit]);
    return buffer;
}
