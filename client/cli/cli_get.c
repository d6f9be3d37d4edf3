//  get and cat: files out of the store.

#include <czmq.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli.h"
#include "fst_text.h"

#define GROUP_FILES 4096        //  Handed to the library at once

typedef struct {
    cli_t *cli;
    const char *target;         //  LOCAL
    filestore_get_t *files;     //  The group that is being collected
    size_t count;
    int64_t bytes;              //  Of the group
    filestore_get_options_t options;
    cli_progress_t progress;
    fst_rc_t rc;                //  What ends the whole command
} s_get_t;

static void
s_clear (s_get_t *self)
{
    for (size_t at = 0; at < self->count; at++) {
        free ((char *) self->files [at].path);
        free ((char *) self->files [at].local);
        free (self->files [at].problem);
    }
    self->count = 0;
    self->bytes = 0;
}

static void
s_report (s_get_t *self, fst_rc_t rc, const char *name, const char *reason)
{
    char *problem = zsys_sprintf ("%s: %s", name, reason? reason: fst_error_text (rc));
    cli_report (self->cli, rc, problem);
    free (problem);
}

//  Fetch the group that was collected.
static void
s_flush (s_get_t *self)
{
    if (self->rc == FST_OK && cli_interrupted ())
        self->rc = cli_fail (self->cli, FST_INTERRUPTED, "stopped before everything was fetched");
    if (!self->count || self->rc != FST_OK) {
        s_clear (self);
        return;
    }
    fst_rc_t rc = filestore_get_files (self->cli->store, self->files, self->count, &self->options);
    cli_progress_next (&self->progress);
    if (cli_ends_all (rc))
        self->rc = cli_store_failed (self->cli, rc);
    for (size_t at = 0; rc != FST_OK && self->rc == FST_OK && at < self->count; at++) {
        filestore_get_t *file = &self->files [at];
        if (file->rc != FST_OK)
            cli_report (self->cli, file->rc, file->problem);
    }
    s_clear (self);
}

static void
s_add (s_get_t *self, const char *path, const char *local, int64_t bytes)
{
    self->files [self->count++] = (filestore_get_t) { .path = strdup (path), .local = strdup (local) };
    self->bytes += bytes;
    if (self->count == GROUP_FILES)
        s_flush (self);
}

//  ------------------------------------------------------------------------------------------------
//  Folders

static bool
s_make_folder (s_get_t *self, const char *local)
{
    struct stat info;
    if (mkdir (local, 0777) == 0 || (errno == EEXIST && stat (local, &info) == 0 && S_ISDIR (info.st_mode)))
        return true;
    bool in_the_way = errno == EEXIST;
    s_report (self, in_the_way? FST_NOT_A_FOLDER: errno == ENOSPC? FST_NO_SPACE: FST_IO, local,
              in_the_way? "is a file, so no folder can be made there": strerror (errno));
    return false;
}

static void
s_get_folder (s_get_t *self, const char *path, const char *local)
{
    if (self->rc != FST_OK || !s_make_folder (self, local))
        return;
    cli_entries_t entries;
    fst_rc_t rc = cli_entries_read (self->cli, path, &entries);
    if (cli_ends_all (rc))
        self->rc = cli_store_failed (self->cli, rc);
    else
    if (rc != FST_OK)
        cli_report (self->cli, rc, filestore_problem (self->cli->store));
    for (size_t at = 0; rc == FST_OK && self->rc == FST_OK && at < entries.count; at++) {
        const char *name = entries.rows [at].name;
        if (!fst_name_valid (name)) {   //  Whatever the server says, nothing is written outside of LOCAL
            s_report (self, FST_BAD_NAME, name, NULL);
            continue;
        }
        char *from = cli_path_join (path, name);
        char *to = cli_path_join (local, name);
        if (entries.rows [at].folder)
            s_get_folder (self, from, to);
        else
            s_add (self, from, to, entries.rows [at].bytes);
        free (from);
        free (to);
    }
    cli_entries_clear (&entries);
}

//  ------------------------------------------------------------------------------------------------
//  To a stream

static fst_rc_t
s_write (void *arg, const void *data, size_t bytes)
{
    (void) arg;
    const char *at = data;
    while (bytes) {
        ssize_t put = write (STDOUT_FILENO, at, bytes);
        if (put < 0 && errno == EINTR && !cli_interrupted ())
            continue;
        if (put < 0)
            return errno == EINTR? FST_INTERRUPTED: errno == ENOSPC? FST_NO_SPACE: FST_IO;
        at += put;
        bytes -= (size_t) put;
    }
    return FST_OK;
}

static fst_rc_t
s_print (s_get_t *self, const char *path)
{
    filestore_sink_t sink = { NULL, s_write };
    filestore_get_options_t options = self->options;
    if (isatty (STDOUT_FILENO))
        options.progress = NULL;        //  It would be drawn across the content
    fst_rc_t rc = filestore_get (self->cli->store, path, &sink, &options);
    cli_progress_next (&self->progress);
    return cli_store_failed (self->cli, rc);
}

static fst_rc_t
s_print_all (s_get_t *self, char **paths, int count)
{
    fst_rc_t rc = FST_OK;
    for (int at = 0; at < count && rc == FST_OK; at++) {
        rc = s_print (self, paths [at]);
        if (rc != FST_OK && count > 1 && !cli_ends_all (rc)) {
            cli_report (self->cli, rc, self->cli->problem);
            rc = FST_OK;
        }
    }
    return rc;
}

//  ------------------------------------------------------------------------------------------------
//  Operands

static void
s_get_one (s_get_t *self, const char *path, bool into)
{
    cli_kind_t kind = CLI_NOTHING;
    int64_t bytes = 0;
    self->rc = cli_remote_kind (self->cli, path, &kind, &bytes);
    if (self->rc != FST_OK)
        return;
    char *base = cli_path_base (path);
    char *local = into? cli_path_join (self->target, base): strdup (self->target);
    if (kind == CLI_NOTHING)
        s_report (self, FST_NOT_FOUND, path, NULL);
    else
    if (kind == CLI_FILE)
        s_add (self, path, local, bytes);
    else
    if (self->cli->given [CLI_RECURSIVE])
        s_get_folder (self, path, local);
    else
        s_report (self, FST_IS_A_FOLDER, path, "is a folder; use -r");
    free (local);
    free (base);
}

static fst_rc_t
s_look_at_target (s_get_t *self, int count, bool *into_p)
{
    struct stat info;
    size_t length = strlen (self->target);
    bool there = stat (self->target, &info) == 0;
    bool folder = there && S_ISDIR (info.st_mode);
    *into_p = folder || count > 1 || (length && self->target [length - 1] == '/');
    if (!*into_p || folder)
        return FST_OK;
    if (there)
        return cli_fail (self->cli, FST_NOT_A_FOLDER, "%s is a file, so nothing can go into it", self->target);
    if (mkdir (self->target, 0777))
        return cli_fail (self->cli, FST_IO, "cannot make the folder %s: %s", self->target, strerror (errno));
    return FST_OK;
}

static fst_rc_t
s_get_all (s_get_t *self, char **paths, int count)
{
    bool into = false;
    fst_rc_t rc = s_look_at_target (self, count, &into);
    if (rc != FST_OK)
        return rc;
    for (int at = 0; at < count && self->rc == FST_OK; at++)
        s_get_one (self, paths [at], into);
    if (!self->progress.before_bytes)
        self->progress.total_bytes = self->bytes;   //  This group is all there is
    s_flush (self);
    return self->rc;
}

static fst_rc_t
s_run (cli_t *cli, char **paths, int count, const char *target)
{
    s_get_t self = { .cli = cli, .target = target };
    self.options.length = -1;
    self.options.progress = cli_progress;
    self.options.progress_arg = &self.progress;
    fst_rc_t rc = cli->given [CLI_VERSION]
        ? cli_parse_number (cli, cli->values [CLI_VERSION], "version", &self.options.version): FST_OK;
    for (int at = 0; at < count && rc == FST_OK; at++)
        rc = cli_check_path (cli, paths [at]);
    if (rc == FST_OK && !*target)
        rc = cli_fail (cli, FST_BAD_NAME, "the local name is empty");
    if (rc == FST_OK && !streq (target, "-"))
        rc = cli_check_bases (cli, paths, count);
    if (rc == FST_OK)
        rc = cli_connect (cli, true);
    if (rc != FST_OK)
        return rc;
    self.files = calloc (GROUP_FILES, sizeof (filestore_get_t));
    assert (self.files);
    cli_progress_start (&self.progress, -1);
    rc = streq (target, "-")? s_print_all (&self, paths, count): s_get_all (&self, paths, count);
    cli_progress_end (&self.progress);
    free (self.files);
    return rc;
}

fst_rc_t
cli_get (cli_t *cli, int count, char **operands)
{
    return s_run (cli, operands, count - 1, operands [count - 1]);
}

fst_rc_t
cli_cat (cli_t *cli, int count, char **operands)
{
    if (cli->given [CLI_VERSION] && count > 1)
        return cli_fail (cli, FST_MALFORMED, "a version is that of one file");
    return s_run (cli, operands, count, "-");
}
