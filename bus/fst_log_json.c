//  A line of the log as a JSON object: the words are its event, key=value its fields.

#include "fst_log.h"
#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

//  Writes into line, and stops quietly at its end; the caller leaves room to close string and object.
typedef struct {
    char *line;
    size_t used, size;
} s_out_t;

static void
s_put (s_out_t *out, const char *text, size_t length)
{
    if (length > out->size - out->used)
        length = out->size - out->used;
    memcpy (out->line + out->used, text, length);
    out->used += length;
}

static void
s_put_text (s_out_t *out, const char *text)
{
    s_put (out, text, strlen (text));
}

//  Escapes are never cut in two, nor are the octets of a character.
static void
s_put_string (s_out_t *out, const char *text, size_t length)
{
    static const char hex [] = "0123456789abcdef";
    s_put (out, "\"", 1);
    for (size_t at = 0; at < length; at++) {
        unsigned char octet = (unsigned char) text [at];
        char escape [6] = { '\\', 'u', '0', '0', hex [octet >> 4], hex [octet & 15] };
        if ((octet < 0x80 || octet >= 0xc0) && out->size - out->used < 8)
            break;
        if (octet == '"' || octet == '\\')
            s_put (out, (char [2]) { '\\', (char) octet }, 2);
        else
        if (octet < 0x20 || octet == 0x7f)
            s_put (out, escape, 6);
        else
            s_put (out, text + at, 1);
    }
    s_put (out, "\"", 1);
}

//  Length of the name at text if it is that of a field, "name=".
static size_t
s_field (const char *text)
{
    size_t length = 0;
    while (islower ((unsigned char) text [length]) || isdigit ((unsigned char) text [length]) || text [length] == '_')
        length++;
    return length && length < 48 && text [length] == '='? length: 0;
}

//  The next word or field of a line.
typedef struct {
    const char *at;             //  What is not read yet
    const char *name, *value;
    size_t name_length, length; //  name_length 0: value is a word
} s_token_t;

static bool
s_next (s_token_t *token)
{
    token->at += strspn (token->at, " ");
    if (!*token->at)
        return false;
    token->name = token->at;
    token->name_length = s_field (token->at);
    token->value = token->name_length? token->at + token->name_length + 1: token->at;
    const char *quote = token->name_length && *token->value == '"'? strchr (token->value + 1, '"'): NULL;
    if (quote)
        token->value++;
    token->length = quote? (size_t) (quote - token->value): strcspn (token->value, " ");
    token->at = token->value + token->length + (quote != NULL);
    return true;
}

static bool
s_is_number (const char *text, size_t length)
{
    size_t at = length && text [0] == '-';
    bool number = length > at && length < 16 && (text [at] != '0' || length == 1);
    for (; number && at < length; at++)
        number = isdigit ((unsigned char) text [at]) != 0;
    return number;
}

//  Left out if it may not fit whole.
static void
s_put_member (s_out_t *out, const s_token_t *token)
{
    static const char *const taken [] = { "time", "level", "subject", "event" };
    if (out->size - out->used < token->name_length + 16)
        return;
    s_put_text (out, ",\"");
    s_put (out, token->name, token->name_length);
    for (size_t at = 0; at < sizeof (taken) / sizeof (taken [0]); at++)
        if (strlen (taken [at]) == token->name_length && memcmp (taken [at], token->name, token->name_length) == 0)
            s_put_text (out, "_");          //  The line's own
    s_put_text (out, "\":");
    if (s_is_number (token->value, token->length) && out->size - out->used > token->length)
        s_put (out, token->value, token->length);
    else
        s_put_string (out, token->value, token->length);
}

//  The words of a line are what happened. They may stand between fields.
static void
s_put_event (s_out_t *out, const char *text)
{
    char words [1024];
    size_t used = 0;
    s_token_t token = { .at = text };
    while (s_next (&token))
        if (!token.name_length && used + token.length + 1 < sizeof (words)) {
            if (used)
                words [used++] = ' ';
            memcpy (words + used, token.value, token.length);
            used += token.length;
        }
    while (used && strchr (":,", words [used - 1]))
        used--;
    s_put_string (out, words, used);
}

size_t
fst_log_json (char *line, size_t size, const char *when, const char *level, const char *subject, const char *text)
{
    assert (line && size >= 256);
    assert (when && level && subject && text);
    s_out_t out = { line, 0, size - 2 };    //  Room to close
    s_put_text (&out, "{\"time\":\"");
    s_put_text (&out, when);
    s_put_text (&out, "\",\"level\":\"");
    s_put_text (&out, level);
    s_put_text (&out, "\",\"subject\":");
    s_put_string (&out, subject, strlen (subject));
    s_put_text (&out, ",\"event\":");
    s_put_event (&out, text);
    s_token_t token = { .at = text };
    while (s_next (&token))
        if (token.name_length)
            s_put_member (&out, &token);
    out.size = size;
    s_put_text (&out, "}");
    return out.used;
}
