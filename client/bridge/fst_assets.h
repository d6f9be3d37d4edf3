//  The page's files (client/web), compiled into the program by `embed`.

#ifndef FST_ASSETS_H_INCLUDED
#define FST_ASSETS_H_INCLUDED

typedef struct {
    const char *path;               //  "/index.html"; NULL ends the table
    const char *hash;               //  Of its content, in hex
    const char *data, *data_end;
    const char *gzip, *gzip_end;
} fst_asset_t;

//  Made at build time.
extern const fst_asset_t fst_assets [];

#ifndef FST_ASSETS_TABLE_ONLY
#include "fst_http.h"

//  Serve them: "/" is index.html; whatever no other route takes and is no file is 404.
void
fst_assets_add_routes (fst_http_t *http);

//  Media type by the name's ending; "application/octet-stream" for what a page has no use for.
const char *
fst_assets_type (const char *path);

//  True if a list of entity tags (If-None-Match) names this one.
bool
fst_assets_is_known (const char *header, const char *tag);

//  True if an Accept-Encoding header takes gzip.
bool
fst_assets_takes_gzip (const char *header);
#endif

#endif
