//  Types of users' content.

#include "fst_mime.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT "text/plain; charset=utf-8"

static const struct {
    const char *endings;            //  Each with a space on both sides
    const char *type;
} s_types [] = {
    { " txt text log md markdown rst csv tsv ini cfg conf toml yaml yml json jsonl ndjson diff patch tex srt vtt "
      "readme license copying news changes changelog authors todo gitignore ", TEXT },
    { " c h cc cpp cxx hpp hh java kt rs go py rb pl pm php lua sh bash zsh fish ps1 bat sql r swift scala hs ml el clj ", TEXT },
    { " ts tsx jsx vue css scss less mk cmake makefile dockerfile gradle zpl proto asm s f90 jl dart nim zig ", TEXT },
    { " html htm xhtml shtml xht svg svgz xml xsl xslt xsd rss atom rdf mathml mml js mjs cjs wasm htc hta ", TEXT },
    { " png apng ", "image/png" },
    { " jpg jpeg jfif pjpeg ", "image/jpeg" },
    { " gif ", "image/gif" },
    { " webp ", "image/webp" },
    { " avif ", "image/avif" },
    { " bmp ", "image/bmp" },
    { " ico cur ", "image/x-icon" },
    { " tif tiff ", "image/tiff" },
    { " heic heif ", "image/heic" },
    { " pdf ", "application/pdf" },
    { " mp4 m4v ", "video/mp4" },
    { " webm ", "video/webm" },
    { " ogv ", "video/ogg" },
    { " mov qt ", "video/quicktime" },
    { " mkv ", "video/x-matroska" },
    { " avi ", "video/x-msvideo" },
    { " mp3 ", "audio/mpeg" },
    { " m4a aac ", "audio/mp4" },
    { " ogg oga opus ", "audio/ogg" },
    { " flac ", "audio/flac" },
    { " wav ", "audio/wav" },
    { " weba ", "audio/webm" },
};

const char *
fst_mime_policy (const char *type)
{
    //  Browsers show no PDF in a sandbox; what shows it has no access to the page either
    if (strcmp (type, "application/pdf") == 0)
        return "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'";
    return "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'; "
           "frame-ancestors 'self'";
}

fst_mime_t
fst_mime_of (const char *name)
{
    assert (name);
    const char *dot = strrchr (name, '.');
    const char *ending = dot && !strchr (dot, '/')? dot + 1: strrchr (name, '/')? strrchr (name, '/') + 1: name;
    char wanted [24];
    if (*ending && strlen (ending) < sizeof (wanted) - 3 && !strpbrk (ending, " ")) {
        snprintf (wanted, sizeof (wanted), " %s ", ending);
        for (size_t at = 0; at < sizeof (s_types) / sizeof (*s_types); at++)
            if (strcasestr (s_types [at].endings, wanted))
                return (fst_mime_t) { .type = s_types [at].type, .show = true };
    }
    return (fst_mime_t) { .type = "application/octet-stream" };
}

//  What stands for itself in an extended value (RFC 5987, attr-char).
static bool
s_plain (unsigned char octet)
{
    return (octet >= '0' && octet <= '9') || (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z')
        || (octet && strchr ("!#$&+-.^_`|~", octet));
}

char *
fst_mime_disposition (const char *name, bool show)
{
    assert (name);
    size_t bytes = strlen (name), at = 0;
    char *text = malloc (64 + bytes * 4);
    assert (text);
    at += (size_t) sprintf (text, "%s; filename=\"", show? "inline": "attachment");
    for (const char *in = name; *in; in++)              //  For those who know no other: what is safe in quotes
        text [at++] = *in >= ' ' && *in < 127 && !strchr ("\"\\%", *in)? *in: '_';
    at += (size_t) sprintf (text + at, "\"; filename*=UTF-8''");
    for (const unsigned char *in = (const unsigned char *) name; *in; in++)
        if (s_plain (*in))
            text [at++] = (char) *in;
        else
            at += (size_t) sprintf (text + at, "%%%02X", *in);
    text [at] = 0;
    return text;
}
