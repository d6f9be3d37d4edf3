//  admin export and import: users and namespace as lines of JSON.
//
//      {"type":"header","format":"filestore","version":1,"time_ms":..,"export":"..","users":N,"namespace":{..}}
//      {"type":"user",..}  {"type":"node",..}  {"type":"entry",..}  ...    rows as in auth EXPORT and metadata EXPORT
//      {"type":"end","lines":N}        lines before this one, so that a cut file is noticed

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli.h"
#include "fst_clock.h"
#include "fst_text.h"

#define FORMAT          "filestore"
#define VERSION         1
#define LINE_BYTES_MAX  (1024 * 1024)
#define PAGE_ROWS       512
#define PAGE_BYTES      (256 * 1024)        //  Of lines; a message may have four times as much

//  The type of a line, and the array of a page that its row belongs to.
static const struct { const char *type, *table; } s_types [] = {
    { "node", "nodes" }, { "entry", "entries" }, { "version", "versions" }, { "trash", "trash" }, { "grant", "grants" },
    { "blob", "blobs" }, { "extent", "extents" }, { NULL, NULL }
};

static fst_rc_t
s_call (cli_t *self, const char *service, const char *command, json_t *payload, json_t **reply_p)
{
    return cli_store_failed (self, filestore_call (self->store, service, command, payload, reply_p));
}

//  ---- export

typedef struct {
    cli_t *cli;
    FILE *file;
    int64_t lines;
} s_writer_t;

//  Takes row.
static void
s_write_line (s_writer_t *self, const char *type, json_t *row)
{
    json_t *line = json_pack ("{s:s}", "type", type);
    json_object_update (line, row);
    json_decref (row);
    char *text = json_dumps (line, JSON_COMPACT | JSON_PRESERVE_ORDER);
    assert (text);
    fprintf (self->file, "%s\n", text);     //  What cannot be written shows at the end
    self->lines++;
    free (text);
    json_decref (line);
}

static fst_rc_t
s_export_users (cli_t *self, json_t *users)
{
    char after [FST_USER_BYTES_MAX + 1] = "";
    size_t count;
    do {
        json_t *reply = NULL;
        fst_rc_t rc = s_call (self, "auth", "EXPORT", *after? json_pack ("{s:s}", "after", after): NULL, &reply);
        if (rc != FST_OK)
            return rc;
        json_t *page = json_object_get (reply, "users");
        count = json_array_size (page);
        json_array_extend (users, page);
        if (count)
            snprintf (after, sizeof (after), "%s",
                      json_string_value (json_object_get (json_array_get (page, count - 1), "name")));
        json_decref (reply);
    } while (count == PAGE_ROWS);
    return FST_OK;
}

static void
s_write_page (s_writer_t *writer, json_t *page)
{
    for (size_t type = 0; s_types [type].type; type++) {
        size_t at;
        json_t *row;
        json_array_foreach (json_object_get (page, s_types [type].table), at, row)
            s_write_line (writer, s_types [type].type, json_incref (row));
    }
}

//  The first page has the header.
static fst_rc_t
s_export_pages (s_writer_t *writer, json_t *users)
{
    char name [32] = "";
    bool more = true;
    for (int64_t page = 0; more; page++) {
        json_t *reply = NULL;
        json_t *payload = json_pack ("{s:I}", "page", (json_int_t) page);
        if (page)
            json_object_set_new (payload, "export", json_string (name));
        fst_rc_t rc = s_call (writer->cli, "metadata", "EXPORT", payload, &reply);
        if (rc != FST_OK)
            return rc;
        if (page == 0) {
            snprintf (name, sizeof (name), "%s", json_string_value (json_object_get (reply, "export")));
            s_write_line (writer, "header", json_pack ("{s:s, s:i, s:I, s:s, s:I, s:O}", "format", FORMAT, "version", VERSION,
                "time_ms", (json_int_t) fst_clock_wall_ms (), "export", name, "users", (json_int_t) json_array_size (users),
                "namespace", json_object_get (reply, "header")));
            size_t at;
            json_t *user;
            json_array_foreach (users, at, user)
                s_write_line (writer, "user", json_incref (user));
        }
        s_write_page (writer, reply);
        more = json_is_true (json_object_get (reply, "more"));
        json_decref (reply);
        if (cli_interrupted ())
            return cli_fail (writer->cli, FST_INTERRUPTED, NULL);
        if (ferror (writer->file))
            break;
    }
    return FST_OK;
}

static fst_rc_t
s_export (s_writer_t *writer)
{
    json_t *users = json_array ();
    fst_rc_t rc = s_export_users (writer->cli, users);
    if (rc == FST_OK)
        rc = s_export_pages (writer, users);
    if (rc == FST_OK) {
        int64_t lines = writer->lines;
        s_write_line (writer, "end", json_pack ("{s:I}", "lines", (json_int_t) lines));
        if (fflush (writer->file) || ferror (writer->file))
            rc = cli_fail (writer->cli, errno == ENOSPC? FST_NO_SPACE: FST_IO, "cannot write the export: %s", strerror (errno));
    }
    json_decref (users);
    return rc;
}

//  Beside its place, then renamed: an older export stays until there is a whole new one. Only its owner may read it.
static fst_rc_t
s_export_file (cli_t *self, const char *filename, int64_t *lines_p)
{
    char *temp = zsys_sprintf ("%s.%ld.tmp", filename, (long) getpid ());
    int fd = open (temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    s_writer_t writer = { .cli = self, .file = fd >= 0? fdopen (fd, "w"): NULL };
    fst_rc_t rc = writer.file? s_export (&writer)
                : cli_fail (self, FST_IO, "cannot write %s: %s", temp, strerror (errno));
    if (rc == FST_OK && (fsync (fd) || rename (temp, filename)))
        rc = cli_fail (self, FST_IO, "cannot write %s: %s", filename, strerror (errno));
    if (writer.file)
        fclose (writer.file);
    if (rc != FST_OK && writer.file)
        unlink (temp);
    free (temp);
    *lines_p = writer.lines;
    return rc;
}

fst_rc_t
cli_admin_export (cli_t *self, int count, char **operands)
{
    const char *filename = count? operands [0]: "-";
    int64_t lines = 0;
    fst_rc_t rc = cli_connect (self, true);
    if (rc != FST_OK)
        return rc;
    cli_catch_interrupt ();
    if (streq (filename, "-")) {
        s_writer_t writer = { .cli = self, .file = stdout };
        return s_export (&writer);
    }
    rc = s_export_file (self, filename, &lines);
    if (rc == FST_OK && self->given [CLI_JSON])
        cli_print_json (json_pack ("{s:s, s:I}", "file", filename, "lines", (json_int_t) lines));
    else
    if (rc == FST_OK)
        printf ("%s: %" PRId64 " lines. It holds password hashes: keep it as safe as the cluster.\n", filename, lines);
    return rc;
}

//  ---- import

typedef struct {
    cli_t *cli;
    FILE *file;
    char *line;
    size_t line_size;
    int64_t lines;                      //  Read
    char name [32];                     //  Of the export
    int64_t users_said;                 //  By the header
    json_t *users;                      //  Page under way
    int64_t users_page, users_count;
    json_t *page;                       //  Of the namespace
    int64_t page_number;
    size_t page_rows, page_bytes;
    bool there;                         //  The namespace was imported before
} s_reader_t;

//  The next line as an object; NULL at the end. FST_MALFORMED
static fst_rc_t
s_read_line (s_reader_t *self, json_t **line_p)
{
    ssize_t length = getline (&self->line, &self->line_size, self->file);
    *line_p = NULL;
    if (length < 0)
        return ferror (self->file)? cli_fail (self->cli, FST_IO, "cannot read the export: %s", strerror (errno)): FST_OK;
    self->lines++;
    json_error_t error;
    json_t *line = length <= LINE_BYTES_MAX? json_loadb (self->line, (size_t) length, JSON_REJECT_DUPLICATES, &error): NULL;
    if (!json_is_string (json_object_get (line, "type"))) {
        json_decref (line);
        return cli_fail (self->cli, FST_MALFORMED, "line %" PRId64 " is no line of an export; nothing was imported", self->lines);
    }
    self->page_bytes += (size_t) length;
    *line_p = line;
    return FST_OK;
}

static fst_rc_t
s_send_users (s_reader_t *self, bool last)
{
    fst_rc_t rc = s_call (self->cli, "auth", "IMPORT", json_pack ("{s:s, s:I, s:O, s:b}", "import", self->name, "page",
                          (json_int_t) self->users_page, "users", self->users, "last", (int) last), NULL);
    self->users_page++;
    json_array_clear (self->users);
    return rc;
}

//  Send the page of the namespace; step "rows" or "finish".
static fst_rc_t
s_send_page (s_reader_t *self, const char *step)
{
    json_object_set_new (self->page, "import", json_string (self->name));
    json_object_set_new (self->page, "step", json_string (step));
    json_object_set_new (self->page, "page", json_integer (self->page_number));
    json_t *page = self->page;
    self->page = json_object ();
    self->page_rows = self->page_bytes = 0;
    self->page_number++;
    if (!self->there)
        return s_call (self->cli, "metadata", "IMPORT", page, NULL);
    json_decref (page);
    return FST_OK;
}

static fst_rc_t
s_begin (s_reader_t *self)
{
    json_t *header = NULL, *reply = NULL;
    fst_rc_t rc = s_read_line (self, &header);
    const char *type = json_string_value (json_object_get (header, "type"));
    const char *format = json_string_value (json_object_get (header, "format"));
    const char *name = json_string_value (json_object_get (header, "export"));
    if (rc == FST_OK && (!header || strneq (type, "header") || !format || strneq (format, FORMAT) || !name))
        rc = cli_fail (self->cli, FST_MALFORMED, "this is no export of a cluster");
    if (rc == FST_OK && json_integer_value (json_object_get (header, "version")) != VERSION)
        rc = cli_fail (self->cli, FST_MALFORMED, "another version of filestore made this export; use that one");
    if (rc == FST_OK) {
        snprintf (self->name, sizeof (self->name), "%s", name);
        self->users_said = json_integer_value (json_object_get (header, "users"));
        json_t *said = json_object_get (header, "namespace");
        rc = s_call (self->cli, "metadata", "IMPORT", json_pack ("{s:s, s:s, s:O*}", "import", self->name, "step", "begin",
                     "header", said), &reply);
    }
    self->there = rc == FST_OK && json_is_true (json_object_get (reply, "done"));
    json_decref (reply);
    json_decref (header);
    return rc;
}

//  Takes row.
static fst_rc_t
s_take_row (s_reader_t *self, json_t *row)
{
    char type [16];
    snprintf (type, sizeof (type), "%s", json_string_value (json_object_get (row, "type")));
    json_object_del (row, "type");
    if (streq (type, "user")) {
        json_array_append_new (self->users, row);
        self->users_count++;
        return json_array_size (self->users) == PAGE_ROWS? s_send_users (self, false): FST_OK;
    }
    size_t at = 0;
    while (s_types [at].type && strneq (s_types [at].type, type))
        at++;
    if (!s_types [at].type) {
        json_decref (row);
        return cli_fail (self->cli, FST_MALFORMED, "line %" PRId64 " is of no known type; nothing was imported", self->lines);
    }
    if (!json_object_get (self->page, s_types [at].table))
        json_object_set_new (self->page, s_types [at].table, json_array ());
    json_array_append_new (json_object_get (self->page, s_types [at].table), row);
    self->page_rows++;
    return self->page_rows == PAGE_ROWS || self->page_bytes >= PAGE_BYTES? s_send_page (self, "rows"): FST_OK;
}

//  All lines up to the last one, which says how many there are.
static fst_rc_t
s_read_rows (s_reader_t *self)
{
    while (true) {
        json_t *line = NULL;
        fst_rc_t rc = s_read_line (self, &line);
        if (rc == FST_OK && cli_interrupted ())
            rc = cli_fail (self->cli, FST_INTERRUPTED, "stopped; nothing was imported");
        if (rc == FST_OK && line && strneq (json_string_value (json_object_get (line, "type")), "end")) {
            rc = s_take_row (self, line);
            if (rc != FST_OK)
                return rc;
            continue;
        }
        if (rc == FST_OK && (!line || json_integer_value (json_object_get (line, "lines")) != self->lines - 1
                         ||  self->users_count != self->users_said))
            rc = cli_fail (self->cli, FST_CORRUPT, "the export is cut or lines are missing; nothing was imported");
        json_decref (line);
        return rc;
    }
}

static fst_rc_t
s_import (s_reader_t *self)
{
    fst_rc_t rc = s_begin (self);
    if (rc == FST_OK)
        rc = s_read_rows (self);
    if (rc == FST_OK && self->page_rows)
        rc = s_send_page (self, "rows");
    if (rc == FST_OK)
        rc = s_send_page (self, "finish");
    if (rc != FST_OK)
        return rc;
    rc = s_send_users (self, true);         //  Last, as it ends the session in which this is done
    if (rc != FST_OK)
        cli_fail (self->cli, rc, "the files are there, but the users are not (%s); import the same file again",
                  filestore_problem (self->cli->store));
    return rc;
}

fst_rc_t
cli_admin_import (cli_t *self, int count, char **operands)
{
    (void) count;
    bool input = streq (operands [0], "-");
    fst_rc_t rc = cli_connect_patiently (self);
    if (rc != FST_OK)
        return rc;
    s_reader_t reader = {
        .cli = self, .file = input? stdin: fopen (operands [0], "re"), .users = json_array (), .page = json_object ()
    };
    cli_catch_interrupt ();
    rc = reader.file? s_import (&reader): cli_fail (self, errno == ENOENT? FST_NOT_FOUND: FST_IO, "cannot read %s: %s",
                                                    operands [0], strerror (errno));
    if (rc == FST_OK && self->given [CLI_JSON])
        cli_print_json (json_pack ("{s:I, s:I}", "users", (json_int_t) reader.users_count, "lines", (json_int_t) reader.lines));
    else
    if (rc == FST_OK)
        printf ("Imported %" PRId64 " users and their files. They have taken the place of the account that did it:\n"
                "log in again, as one of them and with the password of the time of the export.\n", reader.users_count);
    if (reader.file && !input)
        fclose (reader.file);
    free (reader.line);
    json_decref (reader.users);
    json_decref (reader.page);
    return rc;
}
