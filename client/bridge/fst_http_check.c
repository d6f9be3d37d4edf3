//  A second look at what strangers send as the head of a request.

#include "fst_http_check.h"
#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "fst_text.h"

//  ---- Head

//  RFC 9110 5.6.2
static bool
s_is_token (const char *text, size_t bytes)
{
    static const char marks [] = "!#$%&'*+-.^_`|~";
    for (size_t at = 0; at < bytes; at++) {
        unsigned char octet = (unsigned char) text [at];
        bool letter = (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || (octet >= '0' && octet <= '9');
        if (!letter && (octet == 0 || !strchr (marks, octet)))
            return false;
    }
    return bytes > 0;
}

//  Visible octets, spaces, tabs, and what is beyond ASCII.
static bool
s_is_value (const char *text, size_t bytes)
{
    for (size_t at = 0; at < bytes; at++) {
        unsigned char octet = (unsigned char) text [at];
        if ((octet < 0x20 && octet != '\t') || octet == 0x7f)
            return false;
    }
    return true;
}

static bool
s_named (const fst_http_field_t *field, const char *name)
{
    return field->name_bytes == strlen (name) && strncasecmp (field->name, name, field->name_bytes) == 0;
}

//  Only digits, and not so many that anybody's number overflows.
static bool
s_read_length (const fst_http_field_t *field, int64_t *bytes_p)
{
    if (field->value_bytes < 1 || field->value_bytes > 18)
        return false;
    int64_t bytes = 0;
    for (size_t at = 0; at < field->value_bytes; at++) {
        if (field->value [at] < '0' || field->value [at] > '9')
            return false;
        bytes = bytes * 10 + (field->value [at] - '0');
    }
    *bytes_p = bytes;
    return true;
}

//  HOST or HOST:PORT
static bool
s_is_host (const fst_http_field_t *field)
{
    for (size_t at = 0; at < field->value_bytes; at++) {
        unsigned char octet = (unsigned char) field->value [at];
        if (octet <= 0x20 || octet >= 0x7f || strchr ("/\\@?#\"'<>,;", octet))
            return false;
    }
    return field->value_bytes > 0 && field->value_bytes <= 300;
}

typedef struct { int lengths, encodings, hosts, kinds; } s_seen_t;

//  What one header has to say about where the request ends and whom it is for.
static const char *
s_check_field (const fst_http_field_t *field, fst_http_head_t *head, s_seen_t *seen)
{
    if (!s_is_token (field->name, field->name_bytes))
        return "a header has a name that no header may have";
    if (!s_is_value (field->value, field->value_bytes))
        return "a header has control characters in it";
    if (s_named (field, "Content-Length")) {
        seen->lengths++;
        if (!s_read_length (field, &head->body_bytes))
            return "Content-Length is no number";
    }
    if (s_named (field, "Transfer-Encoding")) {
        seen->encodings++;
        if (field->value_bytes != 7 || strncasecmp (field->value, "chunked", 7) != 0)
            return "the only Transfer-Encoding here is chunked";
    }
    if (s_named (field, "Host")) {
        seen->hosts++;
        if (!s_is_host (field))
            return "Host is no name of a host";
    }
    if (s_named (field, "Content-Type"))
        seen->kinds++;
    return NULL;
}

static const char *
s_check_seen (const s_seen_t *seen, bool old)
{
    if (seen->lengths && seen->encodings)
        return "Content-Length and Transfer-Encoding contradict each other";
    if (seen->lengths > 1 || seen->encodings > 1 || seen->hosts > 1 || seen->kinds > 1)
        return "a header that may be there once is there twice";
    if (old && seen->encodings)
        return "HTTP/1.0 has no Transfer-Encoding";
    if (!old && !seen->hosts)
        return "the Host header is missing";
    return NULL;
}

const char *
fst_http_check_head (const char *method, const char *version, const fst_http_field_t *fields, size_t count,
                     fst_http_head_t *head, int *status_p)
{
    assert (head && status_p);
    bool old = version && strcmp (version, "HTTP/1.0") == 0;
    s_seen_t seen = { 0 };
    size_t bytes = 0;
    head->body_bytes = 0;
    *status_p = 400;
    if (!method || strlen (method) > 20 || !s_is_token (method, strlen (method)))
        return "that is no method";
    if (!version || (!old && strcmp (version, "HTTP/1.1") != 0)) {
        *status_p = 505;
        return "only HTTP/1.1 and HTTP/1.0 are spoken here";
    }
    for (size_t at = 0; at < count; at++) {
        const char *problem = s_check_field (&fields [at], head, &seen);
        if (problem)
            return problem;
        bytes += fields [at].name_bytes + fields [at].value_bytes + 4;
    }
    if (count > FST_HTTP_FIELDS_MAX || bytes > FST_HTTP_HEAD_BYTES_MAX) {
        *status_p = 431;
        return "the headers are too large";
    }
    const char *problem = s_check_seen (&seen, old);
    if (!problem && seen.encodings)
        head->body_bytes = -1;
    return problem;
}

//  ---- Target

static int
s_hex (char digit)
{
    return digit >= '0' && digit <= '9'? digit - '0':
           digit >= 'a' && digit <= 'f'? digit - 'a' + 10:
           digit >= 'A' && digit <= 'F'? digit - 'A' + 10: -1;
}

//  Decode in place from *from_p up to one of the octets in ends (or the end) and write at to. False for a broken or NUL escape.
static bool
s_decode (const char **from_p, const char *ends, bool plus, char **to_p)
{
    const char *from = *from_p;
    char *to = *to_p;
    for (; *from && !strchr (ends, *from); from++) {
        if (*from == '%') {
            int high = s_hex (from [1]), low = high < 0? -1: s_hex (from [2]);
            if (low < 0 || (high | low) == 0)
                return false;
            *to++ = (char) (high << 4 | low);
            from += 2;
        }
        else
            *to++ = plus && *from == '+'? ' ': *from;
    }
    *from_p = from;
    *to_p = to;
    return true;
}

//  One part of the path, decoded.
static const char *
s_check_part (const char *part, size_t bytes, bool last)
{
    if (bytes == 0 && !last)
        return "the path has an empty part in it";
    if ((bytes == 1 && part [0] == '.') || (bytes == 2 && memcmp (part, "..", 2) == 0))
        return "the path has . or .. in it";
    if (memchr (part, '/', bytes))
        return "the path has an escaped slash in it";
    for (size_t at = 0; at < bytes; at++)
        if ((unsigned char) part [at] < 0x20 || part [at] == 0x7f)
            return "the path has control characters in it";
    return fst_utf8_valid (part, bytes)? NULL: "the path is not UTF-8";
}

//  *from_p is at the first slash, and then behind the path.
static const char *
s_decode_path (const char **from_p, char *path)
{
    char *to = path;
    while (**from_p == '/') {
        *to++ = '/';
        (*from_p)++;
        char *part = to;
        if (!s_decode (from_p, "/?", false, &to))
            return "the path has a broken escape in it";
        const char *problem = s_check_part (part, (size_t) (to - part), **from_p != '/');
        if (problem)
            return problem;
    }
    *to = 0;
    return NULL;
}

static const char *
s_decode_query (const char *from, fst_http_query_t *query)
{
    query->text = malloc (strlen (from) + 2);
    assert (query->text);
    char *to = query->text;
    while (*from) {
        if (*from == '&') {
            from++;
            continue;
        }
        if (query->count == FST_HTTP_QUERY_MAX)
            return "the query has too many fields";
        char *name = to;
        if (!s_decode (&from, "=&", true, &to))
            return "the query has a broken escape in it";
        *to++ = 0;
        char *value = to - 1;               //  No value: an empty one
        if (*from == '=') {
            value = to;
            from++;
            if (!s_decode (&from, "&", true, &to))
                return "the query has a broken escape in it";
            *to++ = 0;
        }
        if (!fst_utf8_valid (name, strlen (name)) || !fst_utf8_valid (value, strlen (value)))
            return "the query is not UTF-8";
        query->names [query->count] = name;
        query->values [query->count++] = value;
    }
    return NULL;
}

//  RFC 9112 3.2.2: http://host/path is taken too; where it went is known already.
static const char *
s_skip_site (const char *target)
{
    size_t scheme = strncasecmp (target, "http://", 7) == 0? 7: strncasecmp (target, "https://", 8) == 0? 8: 0;
    if (!scheme)
        return target;
    const char *path = strchr (target + scheme, '/');
    return path? path: "/";
}

//  Octets that stand for themselves in a target, RFC 3986; browsers escape the rest. Curly braces and the like
//  are let through, as by others.
static bool
s_is_target (const char *target)
{
    for (; *target; target++)
        if ((unsigned char) *target <= 0x20 || (unsigned char) *target >= 0x7f || strchr ("\\<>\"#", *target))
            return false;
    return true;
}

const char *
fst_http_check_target (const char *target, char **path_p, fst_http_query_t *query)
{
    assert (path_p && query);
    memset (query, 0, sizeof (*query));
    if (!target || strlen (target) > FST_HTTP_URI_BYTES_MAX)
        return "the address is missing, or too long";
    if (!s_is_target (target))
        return "the address has characters that must be escaped";
    target = s_skip_site (target);
    if (*target != '/')
        return "the address does not begin with a slash";
    char *path = malloc (strlen (target) + 1);
    assert (path);
    const char *problem = s_decode_path (&target, path);
    if (!problem && *target == '?')
        problem = s_decode_query (target + 1, query);
    if (problem) {
        free (path);
        fst_http_query_clear (query);
    }
    else
        *path_p = path;
    return problem;
}

void
fst_http_query_clear (fst_http_query_t *query)
{
    assert (query);
    free (query->text);
    query->text = NULL;
    query->count = 0;
}

//  ---- Values

const char *
fst_http_cookie (const char *header, const char *name, size_t *bytes_p)
{
    assert (name && bytes_p);
    const char *found = NULL;
    size_t length = strlen (name);
    for (const char *at = header; at && *at;) {
        at += strspn (at, " \t;");
        size_t bytes = strcspn (at, ";");
        if (bytes > length && at [length] == '=' && strncmp (at, name, length) == 0) {
            if (found)
                return NULL;                //  Which of them? Somebody may have planted one
            found = at + length + 1;
            *bytes_p = bytes - length - 1;
            while (*bytes_p && (found [*bytes_p - 1] == ' ' || found [*bytes_p - 1] == '\t'))
                (*bytes_p)--;
        }
        at += bytes;
    }
    return found;
}

bool
fst_http_is_type (const char *value, const char *type)
{
    assert (type);
    size_t bytes = strlen (type);
    if (!value || strncasecmp (value, type, bytes) != 0)
        return false;
    value += bytes;
    value += strspn (value, " \t");
    return *value == 0 || *value == ';';
}

bool
fst_http_is_own_origin (const char *origin, const char *host, bool secure)
{
    const char *scheme = secure? "https://": "http://";
    size_t bytes = strlen (scheme);
    return origin && host && strncasecmp (origin, scheme, bytes) == 0 && strcasecmp (origin + bytes, host) == 0;
}

bool
fst_http_is_sure_host (const char *host)
{
    assert (host);
    char name [256];
    if (*host == '[')
        return true;                        //  An address of IPv6; no name begins so
    size_t bytes = strcspn (host, ":");
    if (bytes >= sizeof (name))
        return false;
    memcpy (name, host, bytes);
    name [bytes] = 0;
    if (bytes && name [bytes - 1] == '.')   //  "localhost." is the same name
        name [--bytes] = 0;
    struct in_addr address;
    const char *end = bytes > 10? name + bytes - 10: "";
    return !strchr (name, '.') || strcasecmp (end, ".localhost") == 0 || inet_pton (AF_INET, name, &address) == 1;
}

bool
fst_http_value_valid (const char *value)
{
    return value && s_is_value (value, strlen (value));
}
