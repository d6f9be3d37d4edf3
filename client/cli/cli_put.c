//  put: local files into the store.

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli.h"
#include "fst_text.h"

#define GROUP_FILES 4096        //  Handed to the library at once

typedef struct {
    cli_t *cli;
    const char *target;         //  REMOTE; for a folder that is walked, what its content goes into
    filestore_put_t *files;     //  The group that is being collected
    size_t count;
    filestore_put_options_t options;
    cli_progress_t progress;
    int64_t total_bytes;
    fst_rc_t rc;                //  What ends the whole command
} s_put_t;

static void
s_clear (s_put_t *self)
{
    for (size_t at = 0; at < self->count; at++) {
        free ((char *) self->files [at].local);
        free ((char *) self->files [at].path);
        free (self->files [at].problem);
    }
    self->count = 0;
}

//  Store the group that was collected.
static void
s_flush (s_put_t *self)
{
    if (self->rc == FST_OK && cli_interrupted ())
        self->rc = cli_fail (self->cli, FST_INTERRUPTED, "stopped before everything was stored");
    if (!self->count || self->rc != FST_OK) {
        s_clear (self);
        return;
    }
    fst_rc_t rc = filestore_put_files (self->cli->store, self->files, self->count, &self->options);
    cli_progress_next (&self->progress);
    if (cli_ends_all (rc))
        self->rc = cli_store_failed (self->cli, rc);
    for (size_t at = 0; rc != FST_OK && self->rc == FST_OK && at < self->count; at++) {
        filestore_put_t *file = &self->files [at];
        if (file->rc != FST_OK)
            cli_report (self->cli, file->rc, file->problem);
    }
    s_clear (self);
}

static void
s_add (s_put_t *self, const char *local, const char *path)
{
    if (!fst_path_acceptable (path)) {
        char *problem = zsys_sprintf ("%s: its name or path is not allowed in the store", local);
        cli_report (self->cli, FST_BAD_NAME, problem);
        free (problem);
        return;
    }
    self->files [self->count++] = (filestore_put_t) { .local = strdup (local), .path = strdup (path) };
    if (self->count == GROUP_FILES)
        s_flush (self);
}

static void
s_report_errno (s_put_t *self, const char *local)
{
    char *problem = zsys_sprintf ("%s: %s", local, strerror (errno));
    cli_report (self->cli, errno == ENOENT || errno == ENOTDIR? FST_NOT_FOUND: FST_IO, problem);
    free (problem);
}

//  ------------------------------------------------------------------------------------------------
//  Folders

static bool
s_walk_folder (void *arg, const char *local, const char *rel)
{
    s_put_t *self = arg;
    if (self->rc != FST_OK)
        return false;
    char *path = cli_path_join (self->target, rel);
    fst_rc_t rc = fst_path_acceptable (path)? filestore_make_folder (self->cli->store, path, true): FST_BAD_NAME;
    if (cli_ends_all (rc))
        self->rc = cli_store_failed (self->cli, rc);
    else
    if (rc != FST_OK) {
        char *problem = zsys_sprintf ("%s: cannot make the folder %s: %s", local, path, fst_error_text (rc));
        cli_report (self->cli, rc, problem);
        free (problem);
    }
    free (path);
    return rc == FST_OK;
}

static void
s_walk_file (void *arg, const char *local, const char *rel, int64_t bytes)
{
    s_put_t *self = arg;
    (void) bytes;
    char *path = cli_path_join (self->target, rel);
    s_add (self, local, path);
    free (path);
}

static void
s_walk_skip (void *arg, const char *local, fst_rc_t rc, const char *reason)
{
    s_put_t *self = arg;
    char *problem = zsys_sprintf ("%s: %s", local, reason);
    if (rc == FST_OK)
        cli_warn ("skipped %s", problem);
    else
        cli_report (self->cli, rc, problem);
    free (problem);
}

static bool
s_count_folder (void *arg, const char *local, const char *rel)
{
    (void) arg, (void) local, (void) rel;
    return true;
}

static void
s_count_file (void *arg, const char *local, const char *rel, int64_t bytes)
{
    (void) local, (void) rel;
    ((s_put_t *) arg)->total_bytes += bytes;
}

static void
s_count_skip (void *arg, const char *local, fst_rc_t rc, const char *reason)
{
    (void) arg, (void) local, (void) rc, (void) reason;
}

//  A walk of its own, only so that the progress bar knows where the end is.
static void
s_count_bytes (s_put_t *self, char **locals, int count)
{
    cli_walk_t walk = { self, s_count_folder, s_count_file, s_count_skip };
    for (int at = 0; at < count; at++)
        cli_walk (locals [at], &walk);
}

static void
s_put_folder (s_put_t *self, const char *local, const char *path)
{
    const char *target = self->target;
    cli_walk_t walk = { self, s_walk_folder, s_walk_file, s_walk_skip };
    self->target = path;
    cli_walk (local, &walk);
    s_flush (self);             //  Before its target goes
    self->target = target;
}

//  ------------------------------------------------------------------------------------------------
//  What is no plain file: stdin, pipes

static fst_rc_t
s_read (void *arg, void *data, size_t bytes, size_t *got_p)
{
    ssize_t got;
    do
        got = read (*(int *) arg, data, bytes);
    while (got < 0 && errno == EINTR && !cli_interrupted ());
    if (got < 0)
        return errno == EINTR? FST_INTERRUPTED: FST_IO;
    *got_p = (size_t) got;
    return FST_OK;
}

static fst_rc_t
s_put_stream (s_put_t *self, int fd, const char *path)
{
    filestore_source_t source = { &fd, s_read };
    fst_rc_t rc = filestore_put (self->cli->store, path, &source, &self->options, NULL);
    return cli_store_failed (self->cli, rc);
}

static void
s_put_pipe (s_put_t *self, const char *local, const char *path)
{
    int fd = open (local, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        s_report_errno (self, local);
        return;
    }
    fst_rc_t rc = s_put_stream (self, fd, path);
    if (rc != FST_OK)
        cli_report (self->cli, rc, self->cli->problem);
    close (fd);
}

//  ------------------------------------------------------------------------------------------------
//  Operands

//  One LOCAL to the path that it gets.
static void
s_put_one (s_put_t *self, const char *local, const char *path)
{
    struct stat info;
    if (stat (local, &info))
        s_report_errno (self, local);
    else
    if (S_ISDIR (info.st_mode) && self->cli->given [CLI_RECURSIVE])
        s_put_folder (self, local, path);
    else
    if (S_ISREG (info.st_mode))
        s_add (self, local, path);
    else
    if (S_ISFIFO (info.st_mode))
        s_put_pipe (self, local, path);
    else {
        char *problem = zsys_sprintf ("%s: %s", local, S_ISDIR (info.st_mode)? "is a folder; use -r": "is no file");
        cli_report (self->cli, S_ISDIR (info.st_mode)? FST_IS_A_FOLDER: FST_MALFORMED, problem);
        free (problem);
    }
}

static void
s_put_into (s_put_t *self, const char *local)
{
    char *base = cli_path_base (local);
    char *path = cli_path_join (self->target, base);
    struct stat info;
    if (!*base && stat (local, &info) == 0 && !S_ISDIR (info.st_mode))
        cli_report (self->cli, FST_BAD_NAME, local);
    else
        s_put_one (self, local, path);
    free (path);
    free (base);
}

//  REMOTE is a folder (made if it is missing), or the name of the one thing that is stored.
static fst_rc_t
s_look_at_target (s_put_t *self, int locals, bool stream, bool *into_p)
{
    cli_kind_t kind;
    size_t length = strlen (self->target);
    bool slash = length && self->target [length - 1] == '/';
    fst_rc_t rc = cli_remote_kind (self->cli, self->target, &kind, NULL);
    if (rc != FST_OK)
        return rc;
    *into_p = kind == CLI_FOLDER || slash || locals > 1;
    if (*into_p && stream)
        return cli_fail (self->cli, FST_IS_A_FOLDER, "%s is a folder; standard input needs a name", self->target);
    if (*into_p && kind == CLI_FILE)
        return cli_fail (self->cli, FST_NOT_A_FOLDER, "%s is a file, so nothing can go into it", self->target);
    if (*into_p && kind == CLI_NOTHING)
        rc = cli_store_failed (self->cli, filestore_make_folder (self->cli->store, self->target, true));
    return rc;
}

static fst_rc_t
s_run (s_put_t *self, char **locals, int count)
{
    bool stream = count == 1 && streq (locals [0], "-");
    bool into = false;
    fst_rc_t rc = s_look_at_target (self, count, stream, &into);
    if (rc != FST_OK)
        return rc;
    if (stream)
        return s_put_stream (self, STDIN_FILENO, self->target);
    if (self->progress.terminal)
        s_count_bytes (self, locals, count);
    self->progress.total_bytes = self->progress.terminal? self->total_bytes: -1;
    for (int at = 0; at < count && self->rc == FST_OK; at++)
        if (into)
            s_put_into (self, locals [at]);
        else
            s_put_one (self, locals [at], self->target);
    s_flush (self);
    return self->rc;
}

static fst_rc_t
s_replicas (cli_t *cli, int *replicas_p)
{
    const char *text = cli->values [CLI_REPLICAS];
    if (!text)
        return FST_OK;
    char *end;
    long number = strtol (text, &end, 10);
    if (end == text || *end || number < 1 || number > 7)
        return cli_fail (cli, FST_MALFORMED, "--replicas must be a number from 1 to 7, not %s", text);
    *replicas_p = (int) number;
    return FST_OK;
}

static fst_rc_t
s_check_locals (cli_t *cli, char **locals, int count)
{
    for (int at = 0; at < count; at++)
        if (streq (locals [at], "-") && count > 1)
            return cli_fail (cli, FST_MALFORMED, "standard input (-) can only be stored by itself");
    return cli_check_bases (cli, locals, count);
}

fst_rc_t
cli_put (cli_t *cli, int count, char **operands)
{
    s_put_t self = { .cli = cli, .target = operands [count - 1] };
    self.options.no_replace = cli->given [CLI_NO_REPLACE];
    self.options.progress = cli_progress;
    self.options.progress_arg = &self.progress;
    fst_rc_t rc = cli_check_path (cli, self.target);
    if (rc == FST_OK)
        rc = s_replicas (cli, &self.options.replicas);
    if (rc == FST_OK)
        rc = s_check_locals (cli, operands, count - 1);
    if (rc == FST_OK)
        rc = cli_connect (cli, true);
    if (rc == FST_OK) {
        self.files = calloc (GROUP_FILES, sizeof (filestore_put_t));
        assert (self.files);
        cli_progress_start (&self.progress, -1);
        rc = s_run (&self, operands, count - 1);
        cli_progress_end (&self.progress);
        free (self.files);
    }
    return rc;
}
