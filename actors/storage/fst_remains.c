//  Reading a node's folder without changing it.

#include "fst_remains.h"
#include <assert.h>
#include <ctype.h>
#include <czmq.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fst_extent_name.h"
#include "fst_header.h"
#include "fst_shelves.h"
#include "fst_snapshot.h"
#include "fst_text.h"

#define QUARANTINE "quarantine"

//  A file of the quarantine.
typedef struct {
    fst_blob_id_t blob;
    uint32_t extent;
    char name [FST_EXTENT_NAME_MAX + 40];
} s_aside_t;

//  A row of small.db, for when its index cannot be used.
typedef struct {
    fst_blob_id_t blob;
    int64_t id;
} s_row_t;

struct fst_remains {
    fst_disk_t *disk;
    int lock_fd;                    //  -1: there was nothing to lock
    sqlite3 *small;                 //  NULL: there is none, or it cannot be opened
    s_aside_t *asides;              //  In order of blob and extent
    size_t asides_count;
    bool listed;                    //  rows were read
    s_row_t *rows;                  //  In order of blob
    size_t rows_count, rows_size;
    char file_name [FST_EXTENT_NAME_MAX + 40];      //  Of the file that is open
    fst_disk_file_t *file;
};

//  One search for a record.
typedef struct {
    const fst_record_t *wanted;
    uint8_t *data;
    fst_remains_fn *accept;
    void *arg;
    bool found, done;               //  Some copy was there; one was accepted
} s_search_t;

static void
s_offer (s_search_t *search, size_t bytes)
{
    search->found = true;
    fst_record_t record;
    if (fst_record_decode (search->data, bytes, &record) == FST_OK
    &&  fst_header_is (&record, &search->wanted->blob, search->wanted->extent, search->wanted->slot)
    &&  fst_record_check (search->data, bytes, &record) == FST_OK)
        search->done = search->accept (search->arg, search->data, bytes);
}

//  ---- Files

//  One file is kept open, as a file is read slot by slot.
static fst_rc_t
s_use_file (fst_remains_t *self, const char *name)
{
    if (self->file && streq (name, self->file_name))
        return FST_OK;
    self->disk->close (self->disk->self, &self->file);
    snprintf (self->file_name, sizeof (self->file_name), "%s", name);
    return self->disk->open (self->disk->self, name, false, &self->file);
}

static void
s_search_file (fst_remains_t *self, const char *name, s_search_t *search)
{
    fst_rc_t rc = search->done? FST_NOT_FOUND: s_use_file (self, name);
    if (rc == FST_NOT_FOUND)
        return;
    search->found = true;
    fst_record_t record;
    int64_t offset = search->wanted->slot * fst_record_stride (search->wanted->chunk_log2);
    if (rc == FST_OK)
        rc = fst_header_read (self->disk, self->file, offset, &record);
    if (rc == FST_OK && record.chunk_log2 == search->wanted->chunk_log2
    &&  fst_header_read_whole (self->disk, self->file, offset, &record, search->data) == FST_OK)
        s_offer (search, fst_record_bytes (record.plain_bytes));
}

static int
s_compare_asides (const void *left, const void *right)
{
    const s_aside_t *a = left, *b = right;
    int order = memcmp (a->blob.bytes, b->blob.bytes, FST_BLOB_BYTES);
    return order? order: a->extent < b->extent? -1: a->extent > b->extent;
}

static void
s_search_quarantine (fst_remains_t *self, s_search_t *search)
{
    s_aside_t key = { .blob = search->wanted->blob, .extent = search->wanted->extent };
    s_aside_t *at = self->asides_count? bsearch (&key, self->asides, self->asides_count, sizeof (key), s_compare_asides): NULL;
    while (at && at > self->asides && s_compare_asides (at - 1, &key) == 0)
        at--;
    for (; at && at < self->asides + self->asides_count && s_compare_asides (at, &key) == 0; at++)
        s_search_file (self, at->name, search);
}

//  "<wall ms>-<name of an extent>"; others are left alone.
static fst_rc_t
s_note_aside (void *arg, const char *file)
{
    fst_remains_t *self = arg;
    s_aside_t aside;
    bool open;
    const char *name = file + strspn (file, "0123456789");
    if (name == file || *name != '-' || strlen (file) >= FST_EXTENT_NAME_MAX
    ||  fst_extent_parse (name + 1, &aside.blob, &aside.extent, &open) != FST_OK)
        return FST_OK;
    snprintf (aside.name, sizeof (aside.name), QUARANTINE "/%s", file);
    if ((self->asides_count & (self->asides_count + 1)) == 0) {
        self->asides = realloc (self->asides, (2 * self->asides_count + 2) * sizeof (aside));
        assert (self->asides);
    }
    self->asides [self->asides_count++] = aside;
    return FST_OK;
}

//  ---- small.db

static int64_t
s_file_bytes (fst_disk_t *disk, const char *name)
{
    fst_disk_file_t *file = NULL;
    int64_t bytes = 0;
    if (disk->open (disk->self, name, false, &file) == FST_OK
    &&  disk->size (disk->self, file, &bytes) != FST_OK)
        bytes = 0;
    disk->close (disk->self, &file);
    return bytes;
}

//  A file name as a URI. Caller frees.
static char *
s_uri (const char *path, const char *parameters)
{
    char *uri = malloc (3 * strlen (path) + strlen (parameters) + sizeof ("file:./"));
    assert (uri);
    char *to = uri + sprintf (uri, "file:%s", *path == '/'? "": "./");
    for (; *path; path++)
        to += isalnum ((unsigned char) *path) || strchr ("/._-", *path)? sprintf (to, "%c", *path)
                                                                       : sprintf (to, "%%%02x", (unsigned char) *path);
    strcpy (to, parameters);
    return uri;
}

//  With a log beside it, SQLite must read that too: without locks and with its index in memory it needs no other file.
//  Without one it must not make one.
static void
s_open_small (fst_remains_t *self, const char *folder)
{
    char *path = zsys_sprintf ("%s/small.db", folder);
    char *uri = s_uri (path, s_file_bytes (self->disk, "small.db-wal") > 0? "": "?immutable=1");
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
    if (access (path, F_OK) != 0 || sqlite3_open_v2 (uri, &self->small, flags, "unix-none") != SQLITE_OK) {
        sqlite3_close (self->small);
        self->small = NULL;
    }
    else {
        sqlite3_db_config (self->small, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite3_db_config (self->small, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_exec (self->small, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON", NULL, NULL, NULL);
    }
    free (uri);
    free (path);
}

//  Offer the records that the query finds, whose one parameter is bound already. False: the database is damaged.
static bool
s_search_rows (sqlite3_stmt *select, s_search_t *search)
{
    int code;
    while ((code = sqlite3_step (select)) == SQLITE_ROW && !search->done) {
        const void *record = sqlite3_column_blob (select, 0);
        size_t bytes = (size_t) sqlite3_column_bytes (select, 0);
        if (!record || bytes > fst_record_bytes (FST_SMALL_BYTES_MAX))
            continue;
        memcpy (search->data, record, bytes);
        s_offer (search, bytes);
    }
    sqlite3_finalize (select);
    return code == SQLITE_DONE || code == SQLITE_ROW;
}

static bool
s_search_table (fst_remains_t *self, const char *sql, s_search_t *search)
{
    sqlite3_stmt *select = NULL;
    if (sqlite3_prepare_v2 (self->small, sql, -1, &select, NULL) != SQLITE_OK)
        return false;                   //  Damaged, or an older version without this table
    sqlite3_bind_blob (select, 1, search->wanted->blob.bytes, FST_BLOB_BYTES, SQLITE_STATIC);
    return s_search_rows (select, search);
}

static int
s_compare_rows (const void *left, const void *right)
{
    const s_row_t *a = left, *b = right;
    return memcmp (a->blob.bytes, b->blob.bytes, FST_BLOB_BYTES);
}

static void
s_note_row (fst_remains_t *self, sqlite3_stmt *select)
{
    const void *blob = sqlite3_column_blob (select, 1);
    if (!blob || sqlite3_column_bytes (select, 1) != FST_BLOB_BYTES)
        return;
    if (self->rows_count == self->rows_size) {
        self->rows_size = self->rows_size? 2 * self->rows_size: 1024;
        self->rows = realloc (self->rows, self->rows_size * sizeof (*self->rows));
        assert (self->rows);
    }
    s_row_t *row = &self->rows [self->rows_count++];
    memcpy (row->blob.bytes, blob, FST_BLOB_BYTES);
    row->id = sqlite3_column_int64 (select, 0);
}

//  Read which blobs there are, past damage: where a page cannot be read, the next ids are tried one by one.
static void
s_list_rows (fst_remains_t *self)
{
    if (self->listed || !self->small)
        return;
    self->listed = true;
    sqlite3_stmt *next = NULL, *one = NULL;
    if (sqlite3_prepare_v2 (self->small, "SELECT id, blob FROM small WHERE id > ?1 ORDER BY id", -1, &next, NULL) != SQLITE_OK
    ||  sqlite3_prepare_v2 (self->small, "SELECT id, blob FROM small WHERE id = ?1", -1, &one, NULL) != SQLITE_OK)
        goto done;
    int64_t id = 0, missed = 0;
    const int64_t missed_max = 100000;  //  Ids that are not there in a row: more than lie on some damaged pages
    int code = SQLITE_ROW;
    while (code != SQLITE_DONE && missed < missed_max) {
        sqlite3_reset (next);
        sqlite3_bind_int64 (next, 1, id);
        while ((code = sqlite3_step (next)) == SQLITE_ROW) {
            id = sqlite3_column_int64 (next, 0);
            missed = 0;
            s_note_row (self, next);
        }
        for (bool good = false; code != SQLITE_DONE && !good && missed < missed_max; missed++) {
            sqlite3_reset (one);
            sqlite3_bind_int64 (one, 1, ++id);
            good = sqlite3_step (one) == SQLITE_ROW;
            if (good)
                s_note_row (self, one);
        }
    }
    if (self->rows_count)
        qsort (self->rows, self->rows_count, sizeof (*self->rows), s_compare_rows);
done:
    sqlite3_finalize (next);
    sqlite3_finalize (one);
}

static void
s_search_listed (fst_remains_t *self, s_search_t *search)
{
    s_list_rows (self);
    s_row_t key = { .blob = search->wanted->blob };
    s_row_t *row = self->rows_count? bsearch (&key, self->rows, self->rows_count, sizeof (key), s_compare_rows): NULL;
    sqlite3_stmt *select = NULL;
    if (!row)
        return;
    search->found = true;
    if (sqlite3_prepare_v2 (self->small, "SELECT record FROM small WHERE id = ?1", -1, &select, NULL) != SQLITE_OK)
        return;
    sqlite3_bind_int64 (select, 1, row->id);
    s_search_rows (select, search);
}

static void
s_search_small (fst_remains_t *self, s_search_t *search)
{
    if (!self->small || search->wanted->extent != 0 || search->wanted->slot != 0)
        return;
    bool whole = s_search_table (self, "SELECT record FROM small WHERE blob = ?1", search);
    if (!whole && !search->done)
        s_search_listed (self, search);
    if (!search->done)
        s_search_table (self, "SELECT record FROM quarantine WHERE blob = ?1", search);
}

//  ---- Class

//  A node that runs changes its folder; what is read meanwhile may be half of one thing and half of another.
static bool
s_lock (fst_remains_t *self, const char *folder)
{
    char *name = zsys_sprintf ("%s/lock", folder);
    self->lock_fd = open (name, O_RDONLY | O_CLOEXEC);
    free (name);
    return self->lock_fd == -1 || flock (self->lock_fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

static bool
s_is_ours (const char *folder)
{
    static const char *const names [] = { "extents", "small.db", FST_SNAPSHOT_NAME, FST_SNAPSHOT_OLDER_NAME, QUARANTINE };
    bool found = false;
    for (size_t at = 0; at < sizeof (names) / sizeof (names [0]) && !found; at++) {
        char *name = zsys_sprintf ("%s/%s", folder, names [at]);
        found = access (name, F_OK) == 0;
        free (name);
    }
    return found;
}

fst_rc_t
fst_remains_open (const char *folder, fst_remains_t **self_p, char **problem_p)
{
    assert (folder);
    assert (self_p);
    assert (problem_p);
    fst_remains_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->lock_fd = -1;
    fst_rc_t rc = fst_disk_open_read_only (folder, &self->disk);
    if (rc == FST_OK && !s_is_ours (folder))
        rc = FST_NOT_FOUND;
    if (rc != FST_OK)
        *problem_p = zsys_sprintf ("%s is no folder of a storage node", folder);
    else
    if (!s_lock (self, folder)) {
        *problem_p = zsys_sprintf ("a process uses %s; stop that node, or make a copy of the folder", folder);
        rc = FST_BUSY;
    }
    if (rc == FST_OK) {
        s_open_small (self, folder);
        rc = self->disk->list (self->disk->self, QUARANTINE, s_note_aside, self);
        if (self->asides_count)
            qsort (self->asides, self->asides_count, sizeof (*self->asides), s_compare_asides);
        *self_p = self;
        return FST_OK;                  //  Without a quarantine it is still worth reading
    }
    fst_remains_destroy (&self);
    return rc;
}

void
fst_remains_destroy (fst_remains_t **self_p)
{
    assert (self_p);
    fst_remains_t *self = *self_p;
    if (self) {
        sqlite3_close (self->small);
        if (self->disk)
            self->disk->close (self->disk->self, &self->file);
        fst_disk_destroy (&self->disk);
        if (self->lock_fd != -1)
            close (self->lock_fd);
        free (self->asides);
        free (self->rows);
        free (self);
        *self_p = NULL;
    }
}

fst_disk_t *
fst_remains_disk (fst_remains_t *self)
{
    assert (self);
    return self->disk;
}

fst_rc_t
fst_remains_read (fst_remains_t *self, const fst_record_t *wanted, uint8_t *data, fst_remains_fn *accept, void *arg)
{
    assert (self);
    assert (wanted);
    assert (data);
    assert (accept);
    s_search_t search = { .wanted = wanted, .data = data, .accept = accept, .arg = arg };
    char name [FST_EXTENT_NAME_MAX];
    fst_extent_name (&wanted->blob, wanted->extent, false, name);
    s_search_file (self, name, &search);
    if (!search.done)
        s_search_small (self, &search);
    if (!search.done)
        s_search_quarantine (self, &search);
    if (!search.done) {
        fst_extent_name (&wanted->blob, wanted->extent, true, name);
        s_search_file (self, name, &search);
    }
    return search.done? FST_OK: search.found? FST_CORRUPT: FST_NOT_FOUND;
}

void
fst_remains_blobs (fst_remains_t *self, fst_remains_blob_fn *each, void *arg)
{
    assert (self);
    assert (each);
    for (unsigned octet = 0; octet < FST_EXTENT_FOLDERS; octet++) {
        fst_shelved_t *items = NULL;
        size_t count = 0;
        if (fst_shelf_read (self->disk, octet, &items, &count) != FST_OK)
            continue;                   //  What is in it cannot be counted
        for (size_t at = 0; at < count; at++)
            if (!items [at].open)
                each (arg, &items [at].blob);
        free (items);
    }
    s_list_rows (self);
    for (size_t at = 0; at < self->rows_count; at++)
        each (arg, &self->rows [at].blob);
}
