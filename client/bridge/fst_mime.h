//  How content that users stored is shown: its type by its name, and harmless. Pure.
//
//  What a browser would run (HTML, SVG, XML, scripts) is text to read; pictures, sound, video, PDF and text are shown;
//  everything else is saved. Whatever it is comes with a policy that lets it do nothing (fst_mime_policy).

#ifndef FST_MIME_H_INCLUDED
#define FST_MIME_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *type;               //  For Content-Type
    bool show;                      //  In the browser; else it is saved
} fst_mime_t;

//  By the name's ending.
fst_mime_t
fst_mime_of (const char *name);

//  Content-Security-Policy for users' content of that type: it may be framed by the page, and do nothing. Static.
const char *
fst_mime_policy (const char *type);

//  Content-Disposition (RFC 6266): inline or attachment, with the name, for old and new clients. Caller frees.
char *
fst_mime_disposition (const char *name, bool show);

#endif
