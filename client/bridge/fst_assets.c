//  The page's files over HTTP.

#include "fst_assets.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *
fst_assets_type (const char *path)
{
    static const struct { const char *ending, *type; } types [] = {
        { ".html", "text/html; charset=utf-8" },
        { ".css", "text/css; charset=utf-8" },
        { ".js", "text/javascript; charset=utf-8" },
        { ".mjs", "text/javascript; charset=utf-8" },
        { ".json", "application/json" },
        { ".webmanifest", "application/manifest+json" },
        { ".svg", "image/svg+xml" },
        { ".png", "image/png" },
        { ".ico", "image/x-icon" },
        { ".txt", "text/plain; charset=utf-8" },
        { ".woff2", "font/woff2" },
    };
    assert (path);
    const char *dot = strrchr (path, '.');
    for (size_t at = 0; dot && at < sizeof (types) / sizeof (types [0]); at++)
        if (strcmp (dot, types [at].ending) == 0)
            return types [at].type;
    return "application/octet-stream";
}

bool
fst_assets_is_known (const char *header, const char *tag)
{
    size_t bytes = strlen (tag);
    for (const char *at = header; at && *at;) {
        at += strspn (at, " \t,");
        if (*at == '*')
            return true;
        if (strncmp (at, "W/", 2) == 0)
            at += 2;
        size_t length = strcspn (at, ",");
        while (length && strchr (" \t", at [length - 1]))
            length--;
        if (length == bytes && strncmp (at, tag, bytes) == 0)
            return true;
        at += strcspn (at, ",");
    }
    return false;
}

bool
fst_assets_takes_gzip (const char *header)
{
    for (const char *at = header; at && *at; at += strcspn (at, ",")) {
        at += strspn (at, " \t,");
        size_t name = strcspn (at, " \t;,");
        if ((name != 4 || strncasecmp (at, "gzip", 4) != 0) && (name != 1 || *at != '*'))
            continue;
        const char *rest = at + name, *weight = rest + strcspn (rest, ",");
        for (const char *q = rest; q < weight; q++)         //  ";q=0" and ";q=0.000" refuse it
            if ((q [0] == 'q' || q [0] == 'Q') && q [1] == '=')
                return strtod (q + 2, NULL) > 0;
        return true;
    }
    return false;
}

static const fst_asset_t *
s_find (const char *path)
{
    if (strcmp (path, "/") == 0)
        path = "/index.html";
    for (const fst_asset_t *asset = fst_assets; asset->path; asset++)
        if (strcmp (asset->path, path) == 0)
            return asset;
    return NULL;
}

//  The names of files stay while their contents change, so each use asks whether it has changed.
static void
s_get (void *self, fst_http_request_t *request)
{
    (void) self;
    const fst_asset_t *asset = s_find (fst_http_path (request));
    if (!asset) {
        fst_http_fail (request, FST_NOT_FOUND, "there is no page at this address");
        return;
    }
    bool smaller = asset->gzip_end - asset->gzip < asset->data_end - asset->data;
    bool gzip = smaller && fst_assets_takes_gzip (fst_http_header (request, "Accept-Encoding"));
    char tag [64];
    snprintf (tag, sizeof (tag), "\"%s%s\"", asset->hash, gzip? "-z": "");
    fst_http_set_header (request, "ETag", tag);
    fst_http_set_header (request, "Cache-Control", "no-cache");
    fst_http_set_header (request, "Vary", "Accept-Encoding");
    if (fst_assets_is_known (fst_http_header (request, "If-None-Match"), tag)) {
        fst_http_reply_empty (request, 304);
        return;
    }
    if (gzip)
        fst_http_set_header (request, "Content-Encoding", "gzip");
    const char *data = gzip? asset->gzip: asset->data, *end = gzip? asset->gzip_end: asset->data_end;
    fst_http_reply_static (request, 200, fst_assets_type (asset->path), data, (size_t) (end - data));
}

static const fst_http_route_t s_routes [] = {
    { "GET", "/", FST_HTTP_OPEN, s_get },
    { NULL }
};

void
fst_assets_add_routes (fst_http_t *http)
{
    fst_http_add_routes (http, s_routes, NULL);
}
