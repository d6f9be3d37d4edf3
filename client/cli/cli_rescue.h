//  rescue, between its two files.

#ifndef CLI_RESCUE_H_INCLUDED
#define CLI_RESCUE_H_INCLUDED

#include <czmq.h>
#include "cli.h"
#include "fst_catalog.h"
#include "fst_remains.h"
#include "fst_snapshot.h"

#define CLI_RESCUE_FOLDERS_MAX 64

typedef struct {
    cli_t *cli;
    fst_remains_t *folders [CLI_RESCUE_FOLDERS_MAX];
    const char *names [CLI_RESCUE_FOLDERS_MAX];
    size_t folders_count;
    uint8_t cluster_key [FST_KEY_BYTES];
    fst_snapshot_t snapshot;            //  That was used
    fst_catalog_t *catalog;             //  Decrypted from it

    //  Result
    int64_t files, bytes;               //  Rescued
    int64_t folders_made;
    json_t *incomplete;                 //  [{path, reason}], those that are not
    int64_t unknown;                    //  Contents that the snapshot does not know
} cli_rescue_t;

//  Write all files of the catalog below the folder out. FST_INTERRUPTED, or what ends all; a file that is not whole
//  is noted and does not end it.
fst_rc_t FST_CHECKED
cli_rescue_files (cli_rescue_t *self, const char *out);

//  Count what the folders hold and the snapshot does not know.
void
cli_rescue_count_unknown (cli_rescue_t *self);

#endif
