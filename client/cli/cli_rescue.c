//  rescue: files from nothing but storage folders and the recovery key.

#include "cli_rescue.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <unistd.h>
#include "fst_recovery.h"
#include "fst_text.h"

#define KEY_TEXT_MAX    512
#define DATABASE_NAME   ".filestore-rescue.db"      //  In OUT, while it is used
#define CANDIDATES_MAX  (2 * CLI_RESCUE_FOLDERS_MAX)

//  ---- The key

//  All of a file that holds a key, or of standard input.
static fst_rc_t
s_read_key (cli_t *cli, const char *filename, char *text)
{
    bool input = !filename || streq (filename, "-");
    int fd = input? STDIN_FILENO: open (filename, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t got = fd < 0? -1: 1;
    while (got > 0 && used < KEY_TEXT_MAX - 1) {
        got = read (fd, text + used, KEY_TEXT_MAX - 1 - used);
        used += got > 0? (size_t) got: 0;
    }
    text [used] = 0;
    int error = errno;
    if (!input && fd >= 0)
        close (fd);
    return got >= 0? FST_OK: cli_fail (cli, error == ENOENT? FST_NOT_FOUND: FST_IO, "cannot read the key from %s: %s",
                                       input? "standard input": filename, strerror (error));
}

static fst_rc_t
s_ask_key (cli_t *cli, char *text)
{
    char *typed = NULL;
    fst_rc_t rc = cli_password (cli, "Recovery key: ", false, &typed);
    if (rc == FST_OK)
        snprintf (text, KEY_TEXT_MAX, "%s", typed);
    cli_password_free (&typed);
    return rc;
}

static fst_rc_t
s_get_key (cli_rescue_t *self)
{
    cli_t *cli = self->cli;
    char text [KEY_TEXT_MAX] = "";
    const char *given = cli->values [CLI_KEY];
    fst_rc_t rc = FST_OK;
    if (given && strneq (given, "-"))
        snprintf (text, sizeof (text), "%s", given);
    else
    if (cli->given [CLI_KEY_FILE])
        rc = s_read_key (cli, cli->values [CLI_KEY_FILE], text);
    else
    if (given || !isatty (STDIN_FILENO))
        rc = s_read_key (cli, NULL, text);
    else
        rc = s_ask_key (cli, text);
    if (rc == FST_OK) {
        rc = fst_recovery_decode (text, self->cluster_key);
        if (rc == FST_MALFORMED)
            cli_fail (cli, rc, "that is no recovery key: it has 14 groups of 4 letters and digits");
        else
        if (rc == FST_CORRUPT)
            cli_fail (cli, rc = FST_MALFORMED, "the recovery key has a typing error: its check does not fit");
    }
    sodium_memzero (text, sizeof (text));
    return rc;
}

//  ---- The snapshot

typedef struct {
    fst_remains_t *folder;
    const char *folder_name;
    const char *name;
    fst_snapshot_t snapshot;
} s_candidate_t;

//  The newest first.
static int
s_compare (const void *left, const void *right)
{
    const fst_snapshot_t *a = &((const s_candidate_t *) left)->snapshot, *b = &((const s_candidate_t *) right)->snapshot;
    if (a->sequence != b->sequence)
        return a->sequence > b->sequence? -1: 1;
    return a->time_ms > b->time_ms? -1: a->time_ms < b->time_ms;
}

static size_t
s_find_candidates (cli_rescue_t *self, s_candidate_t *candidates)
{
    static const char *const names [] = { FST_SNAPSHOT_NAME, FST_SNAPSHOT_OLDER_NAME };
    size_t count = 0;
    for (size_t at = 0; at < self->folders_count; at++)
        for (size_t kind = 0; kind < 2; kind++) {
            s_candidate_t *next = &candidates [count];
            *next = (s_candidate_t) { self->folders [at], self->names [at], names [kind] };
            fst_rc_t rc = fst_snapshot_look (fst_remains_disk (next->folder), next->name, &next->snapshot);
            if (rc == FST_OK)
                count++;
            else
            if (rc != FST_NOT_FOUND)
                cli_warn ("%s/%s is damaged", next->folder_name, next->name);
        }
    qsort (candidates, count, sizeof (*candidates), s_compare);
    return count;
}

//  Decrypt the newest snapshot that can be to a file.
static fst_rc_t
s_open_snapshot (cli_rescue_t *self, fst_disk_t *to, const char *name)
{
    s_candidate_t candidates [CANDIDATES_MAX];
    size_t count = s_find_candidates (self, candidates);
    fst_rc_t worst = FST_NOT_FOUND;
    for (size_t at = 0; at < count; at++) {
        s_candidate_t *next = &candidates [at];
        fst_rc_t rc = fst_snapshot_open (fst_remains_disk (next->folder), next->name, to, name, self->cluster_key);
        self->snapshot = next->snapshot;
        if (rc == FST_OK)
            return FST_OK;
        if (rc == FST_NO_SPACE)
            return cli_fail (self->cli, rc, "there is no space for the namespace");
        if (rc != FST_DENIED)
            cli_warn ("%s/%s is damaged; trying another one", next->folder_name, next->name);
        if (worst != FST_DENIED)
            worst = rc;
    }
    return worst == FST_DENIED? cli_fail (self->cli, FST_DENIED, "this is the recovery key of another cluster")
         : count? cli_fail (self->cli, FST_CORRUPT, "every snapshot of the namespace in these folders is damaged")
                : cli_fail (self->cli, FST_NOT_FOUND, "none of these folders has a snapshot of the namespace");
}

//  ---- Results

static void
s_print_sum (const char *what, const cli_rescue_sum_t *sum)
{
    char size [32];
    printf ("%-18s %" PRId64 " files, %s\n", what, sum->files, fst_size_text (sum->bytes, size, sizeof (size)));
}

static void
s_print (cli_rescue_t *self)
{
    char when [32];
    cli_time_text (self->snapshot.time_ms, when, sizeof (when));
    size_t at;
    json_t *row;
    printf ("namespace as of    %s\n", when);
    s_print_sum ("rescued", &self->current);
    if (self->versions)
        s_print_sum ("older versions", &self->older);
    if (self->trash)
        s_print_sum ("from the trash", &self->trashed);
    if (self->there.files)
        s_print_sum ("there already", &self->there);
    printf ("incomplete         %zu files\n", json_array_size (self->incomplete));
    json_array_foreach (self->incomplete, at, row) {
        printf ("  ");
        cli_print_name (json_string_value (json_object_get (row, "path")));
        printf (": %s\n", json_string_value (json_object_get (row, "reason")));
    }
    if (self->unknown)
        printf ("%" PRId64 " contents are not in the snapshot: they are newer, or were deleted, and have no names\n", self->unknown);
}

static json_t *
s_sum_json (const cli_rescue_sum_t *sum)
{
    return json_pack ("{s:I, s:I}", "files", (json_int_t) sum->files, "bytes", (json_int_t) sum->bytes);
}

static fst_rc_t
s_tell (cli_rescue_t *self)
{
    size_t incomplete = json_array_size (self->incomplete);
    if (self->cli->given [CLI_JSON])
        cli_print_json (json_pack ("{s:{s:I, s:I}, s:I, s:I, s:o, s:o, s:o, s:O, s:I}", "snapshot",
            "sequence", (json_int_t) self->snapshot.sequence, "time_ms", (json_int_t) self->snapshot.time_ms,
            "files", (json_int_t) self->current.files, "bytes", (json_int_t) self->current.bytes,
            "versions", s_sum_json (&self->older), "trash", s_sum_json (&self->trashed), "there", s_sum_json (&self->there),
            "incomplete", self->incomplete, "unknown", (json_int_t) self->unknown));
    else
        s_print (self);
    if (incomplete > self->taken)
        return cli_fail (self->cli, FST_CORRUPT, "%zu files could not be rescued whole", incomplete);
    return !incomplete? FST_OK:
        cli_fail (self->cli, FST_EXISTS, "%zu files were not written, as something else has their names; use another folder",
                  incomplete);
}

//  ---- The command

static fst_rc_t
s_open_folders (cli_rescue_t *self, int count, char **names)
{
    if (count > CLI_RESCUE_FOLDERS_MAX)
        return cli_fail (self->cli, FST_MALFORMED, "at most %d folders", CLI_RESCUE_FOLDERS_MAX);
    fst_rc_t rc = FST_OK;
    for (int at = 0; rc == FST_OK && at < count; at++) {
        char *problem = NULL;
        self->names [at] = names [at];
        rc = fst_remains_open (names [at], &self->folders [at], &problem);
        if (rc == FST_OK)
            self->folders_count++;
        else
            cli_fail (self->cli, rc, "%s", problem);
        free (problem);
    }
    return rc;
}

static void
s_drop_database (fst_disk_t *disk)
{
    static const char *const files [] = { DATABASE_NAME, DATABASE_NAME "-wal", DATABASE_NAME "-shm" };
    for (size_t at = 0; at < sizeof (files) / sizeof (files [0]); at++)
        disk->unlink (disk->self, files [at]);
}

static fst_rc_t
s_rescue_files (cli_rescue_t *self, const char *out)
{
    fst_disk_t *disk = NULL;
    char *problem = NULL, *database = zsys_sprintf ("%s/" DATABASE_NAME, out);
    fst_rc_t rc = fst_disk_open (out, &disk);
    if (rc == FST_OK)
        s_drop_database (disk);         //  Of a rescue that was killed
    else
        cli_fail (self->cli, rc, "cannot make or use the folder %s", out);
    if (rc == FST_OK)
        rc = s_open_snapshot (self, disk, DATABASE_NAME);
    if (rc == FST_OK) {
        rc = fst_catalog_open (database, &self->catalog, &problem);
        if (rc != FST_OK)
            cli_fail (self->cli, rc, "%s", problem);
    }
    if (rc == FST_OK)
        rc = cli_rescue_tree (self, out);
    if (rc == FST_OK)
        cli_rescue_count_unknown (self);
    fst_catalog_destroy (&self->catalog);
    if (disk)
        s_drop_database (disk);
    fst_disk_destroy (&disk);
    free (problem);
    free (database);
    return rc == FST_OK? s_tell (self): rc;
}

static fst_rc_t
s_rescue_database (cli_rescue_t *self, const char *filename)
{
    static const char *const endings [] = { "", "-wal", "-shm" };
    for (size_t at = 0; at < sizeof (endings) / sizeof (endings [0]); at++) {
        char *there = zsys_sprintf ("%s%s", filename, endings [at]);
        fst_rc_t rc = access (there, F_OK) == -1? FST_OK:
                      cli_fail (self->cli, FST_EXISTS, "%s is there already; name a new file", there);
        free (there);
        if (rc != FST_OK)
            return rc;                  //  SQLite would take the log of another database for one of this
    }
    fst_disk_t *disk = NULL;
    char *folder = strdup (filename), *file = strdup (filename);
    assert (folder && file);
    const char *name = basename (file);
    fst_rc_t rc = fst_disk_open (dirname (folder), &disk);
    if (rc != FST_OK)
        cli_fail (self->cli, rc, "cannot make or use the folder of %s", filename);
    if (rc == FST_OK)
        rc = s_open_snapshot (self, disk, name);
    if (rc == FST_OK) {
        rc = disk->sync_folder (disk->self, ".");
        if (rc != FST_OK)
            cli_fail (self->cli, rc, "%s could not be synced", filename);
    }
    if (rc == FST_OK && self->cli->given [CLI_JSON])
        cli_print_json (json_pack ("{s:{s:I, s:I}, s:s}", "snapshot", "sequence", (json_int_t) self->snapshot.sequence,
                                   "time_ms", (json_int_t) self->snapshot.time_ms, "database", filename));
    else
    if (rc == FST_OK) {
        char when [32];
        printf ("%s: the database of metadata as of %s\n", filename,
                cli_time_text (self->snapshot.time_ms, when, sizeof (when)));
    }
    fst_disk_destroy (&disk);
    free (file);
    free (folder);
    return rc;
}

fst_rc_t
cli_rescue (cli_t *self, int count, char **operands)
{
    bool database = self->given [CLI_DATABASE];
    if (!database && count < 2)
        return cli_fail (self, FST_MALFORMED, "name storage folders, and then the folder for what is rescued");
    if (database && (self->given [CLI_VERSIONS] || self->given [CLI_TRASH]))
        return cli_fail (self, FST_MALFORMED, "a database has all versions and the trash in it; leave out --versions and --trash");
    cli_rescue_t rescue = {
        .cli = self, .incomplete = json_array (), .versions = self->given [CLI_VERSIONS], .trash = self->given [CLI_TRASH]
    };
    fst_rc_t rc = s_open_folders (&rescue, database? count: count - 1, operands);
    if (rc == FST_OK)
        rc = s_get_key (&rescue);
    if (rc == FST_OK)
        rc = database? s_rescue_database (&rescue, self->values [CLI_DATABASE]): s_rescue_files (&rescue, operands [count - 1]);
    for (size_t at = 0; at < rescue.folders_count; at++)
        fst_remains_destroy (&rescue.folders [at]);
    json_decref (rescue.incomplete);
    sodium_memzero (rescue.cluster_key, sizeof (rescue.cluster_key));
    return rc;
}
