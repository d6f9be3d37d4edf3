//  Text that crosses borders: hex, base64url, ids, names, paths, sizes and durations.
//  All functions are pure (but fst_id_new) and safe from any thread.

#ifndef FST_TEXT_H_INCLUDED
#define FST_TEXT_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_error.h"

#define FST_NAME_BYTES_MAX   255    //  One part of a path
#define FST_PATH_BYTES_MAX   4096
#define FST_PATH_LEVELS_MAX  64
#define FST_USER_BYTES_MAX   64     //  a-z 0-9 . _ -, begins with a letter or digit; lower case
#define FST_NODE_BYTES_MAX   64     //  same letters as a user name
#define FST_ID_TEXT_BYTES    32     //  Request id: 16 random octets in hex

//  Hex, lower case. text takes 2 * bytes + 1 octets. Decoding wants exactly 2 * bytes digits.
void
fst_hex_encode (const void *data, size_t bytes, char *text);
fst_rc_t FST_CHECKED
fst_hex_decode (const char *text, void *data, size_t bytes);

//  True if text is what fst_hex_encode makes of some octets: an even number of lower-case digits.
bool
fst_hex_valid (const char *text);

//  Base64, URL alphabet, no padding (RFC 4648 section 5). Caller frees the result of encode.
//  Decode sets *bytes_p to the length; FST_MALFORMED if the text is not exactly that alphabet or
//  holds more than bytes_max octets.
char *
fst_base64_encode (const void *data, size_t bytes);
fst_rc_t FST_CHECKED
fst_base64_decode (const char *text, void *data, size_t bytes_max, size_t *bytes_p);

//  True if decode would take it, given room.
bool
fst_base64_valid (const char *text);

//  A fresh request id in hex, from the system's random source. text takes 33 octets.
void
fst_id_new (char *text);

//  True if the octets are valid UTF-8 (RFC 3629: no surrogates, no overlong forms, no NUL).
bool
fst_utf8_valid (const char *text, size_t bytes);

//  User names and node names: 1 to 64 of a-z 0-9 . _ -, the first a letter or digit.
bool
fst_user_name_valid (const char *name);
bool
fst_node_name_valid (const char *name);

//  One part of a path: 1 to 255 octets of UTF-8, no '/', no NUL, not "." or "..".
bool
fst_name_valid (const char *name);

//  Bring a path to its one absolute form: relative ones begin at home ("/users/NAME"), repeated and
//  trailing slashes go. "." and ".." are refused, never resolved. "/" is the root. Caller frees.
//  home may be NULL: then relative paths are refused. An empty path is refused too.
//      FST_BAD_NAME    a part is no valid name, more than 4,096 octets or 64 levels
fst_rc_t FST_CHECKED
fst_path_normal (const char *path, const char *home, char **normal_p);

//  True if the path is already in its one absolute form.
bool
fst_path_valid (const char *path);

//  True if fst_path_normal would take it from a user with a short name: what a peer may send.
bool
fst_path_acceptable (const char *path);

//  "1 MiB", "64 KiB", "10 GB", "4096": a size in octets. "10 s", "250 ms", "2 h", "14 d": milliseconds
//  (a bare number is seconds; also "min"). Whole numbers; FST_MALFORMED if it does not parse or overflows.
fst_rc_t FST_CHECKED
fst_size_parse (const char *text, int64_t *bytes_p);
fst_rc_t FST_CHECKED
fst_duration_parse (const char *text, int64_t *ms_p);

//  For people: "1.4 GiB". Returns buffer.
const char *
fst_size_text (int64_t bytes, char *buffer, size_t size);

#endif
