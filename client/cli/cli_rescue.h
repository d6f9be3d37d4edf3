//  rescue, between its files.

#ifndef CLI_RESCUE_H_INCLUDED
#define CLI_RESCUE_H_INCLUDED

#include <czmq.h>
#include "cli.h"
#include "fst_catalog.h"
#include "fst_remains.h"
#include "fst_snapshot.h"

#define CLI_RESCUE_FOLDERS_MAX 64

typedef struct {
    int64_t files, bytes;
} cli_rescue_sum_t;

typedef struct {
    cli_t *cli;
    fst_remains_t *folders [CLI_RESCUE_FOLDERS_MAX];
    const char *names [CLI_RESCUE_FOLDERS_MAX];
    size_t folders_count;
    uint8_t cluster_key [FST_KEY_BYTES];
    fst_snapshot_t snapshot;            //  That was used
    fst_catalog_t *catalog;             //  Decrypted from it
    bool versions, trash;               //  Wanted as well
    uint8_t *record;                    //  Room for the largest one
    cli_progress_t progress;
    int64_t done_bytes;                 //  Of progress

    //  Result
    cli_rescue_sum_t current, older, trashed;   //  Rescued
    cli_rescue_sum_t there;             //  In OUT already, from an earlier rescue
    json_t *incomplete;                 //  [{path, reason}], those that are not
    size_t taken;                       //  Of these, those whose place in OUT something else has
    int64_t unknown;                    //  Contents that the snapshot does not know
} cli_rescue_t;

//  ---- cli_rescue_files.c

//  Note that a file, by the path it had, could not be rescued.
void
cli_rescue_note (cli_rescue_t *self, const char *path, const char *format, ...) __attribute__ ((format (printf, 3, 4)));

//  Say why something could not be written to OUT (errno), and give the result for that.
fst_rc_t
cli_rescue_out_failed (cli_rescue_t *self, const char *path);

//  Rebuild one content under this name in a folder of OUT. What is there is never replaced: if it has the same size and
//  time it is taken for the same. The result is counted in sum or noted with path; neither ends all.
fst_rc_t FST_CHECKED
cli_rescue_content (cli_rescue_t *self, int folder, const char *name, const fst_content_t *content, const char *path,
                    cli_rescue_sum_t *sum);

//  The same for what has no name of its own, "NAME (LABEL).EXTENSION"; if that is taken, another number behind the label.
fst_rc_t FST_CHECKED
cli_rescue_labelled (cli_rescue_t *self, int folder, const char *name, const char *label, const fst_content_t *content,
                     const char *path, cli_rescue_sum_t *sum);

//  That name, at most as long as a name may be. number 1 is not told.
void
cli_rescue_label (const char *name, bool folder, const char *label, unsigned number,
                  char labelled [FST_NAME_BYTES_MAX + 1]);

//  ---- cli_rescue_tree.c

//  Write all that is wanted of the catalog below the folder out. FST_INTERRUPTED, or what ends all; a file that is not
//  whole is noted and does not end it.
fst_rc_t FST_CHECKED
cli_rescue_tree (cli_rescue_t *self, const char *out);

//  Count what the folders hold and the snapshot does not know.
void
cli_rescue_count_unknown (cli_rescue_t *self);

#endif
