//  Finding the id of a request without parsing its JSON as a whole.

#include "fst_peek.h"
#include <stdbool.h>
#include <string.h>

typedef struct {
    const char *at, *end;
} s_scan_t;

static char
s_peek (s_scan_t *scan)
{
    while (scan->at < scan->end && strchr (" \t\r\n", *scan->at) && *scan->at)
        scan->at++;
    return scan->at < scan->end? *scan->at: 0;
}

static bool
s_accept (s_scan_t *scan, char octet)
{
    if (s_peek (scan) != octet)
        return false;
    scan->at++;
    return true;
}

//  A string; *text_p and *bytes_p are what is between the quotes. False if there is none.
static bool
s_string (s_scan_t *scan, const char **text_p, size_t *bytes_p)
{
    if (!s_accept (scan, '"'))
        return false;
    *text_p = scan->at;
    while (scan->at < scan->end && *scan->at != '"')
        scan->at += *scan->at == '\\'? 2: 1;
    if (scan->at >= scan->end)
        return false;
    *bytes_p = (size_t) (scan->at - *text_p);
    scan->at++;
    return true;
}

//  Step over a value, to the comma behind it or the brace that ends the object around it.
static bool
s_skip (s_scan_t *scan)
{
    size_t depth = 0;
    const char *text;
    size_t bytes;
    for (char octet = s_peek (scan); octet; octet = s_peek (scan)) {
        if (depth == 0 && (octet == ',' || octet == '}'))
            return true;
        if (octet == '"') {
            if (!s_string (scan, &text, &bytes))
                return false;
            continue;
        }
        if (octet == '{' || octet == '[')
            depth++;
        else
        if ((octet == '}' || octet == ']') && depth-- == 0)
            return false;
        scan->at++;
    }
    return false;
}

static bool
s_id_valid (const char *text, size_t bytes)
{
    if (bytes == 0 || bytes >= FST_PEEK_ID_BYTES)
        return false;
    for (size_t at = 0; at < bytes; at++)
        if (text [at] < ' ' || text [at] > '~' || text [at] == '\\')
            return false;
    return true;
}

void
fst_peek_id (const void *data, size_t bytes, char *id)
{
    s_scan_t scan = { .at = data, .end = (const char *) data + bytes };
    const char *key, *text;
    size_t key_bytes, text_bytes;
    id [0] = 0;
    if (!s_accept (&scan, '{'))
        return;
    do {
        if (!s_string (&scan, &key, &key_bytes) || !s_accept (&scan, ':'))
            return;
        if (key_bytes == 2 && memcmp (key, "id", 2) == 0) {
            if (s_string (&scan, &text, &text_bytes) && s_id_valid (text, text_bytes)) {
                memcpy (id, text, text_bytes);
                id [text_bytes] = 0;
            }
            return;
        }
    } while (s_skip (&scan) && s_accept (&scan, ','));
}
